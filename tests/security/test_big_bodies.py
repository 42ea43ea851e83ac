"""S43, S26: what a stranger may send is small; what people with files may send has an end; nothing is read beyond it."""

from __future__ import annotations

import gc
import io
from collections.abc import Iterator
from typing import Any

import pytest

from domain import settings
from tests.support.scene import token_of

MEGABYTE = 1024 * 1024

# The file that a body was read into before it was cut off is closed by the collector, which the interpreter remarks.
pytestmark = pytest.mark.filterwarnings(
    "ignore:unclosed file:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


@pytest.fixture(autouse=True)
def swept() -> Iterator[None]:
    """Collect what a test left, before another test is blamed for it."""
    yield
    gc.collect()


@pytest.mark.parametrize(
    "path", ["/login", "/register", "/password/forgotten", "/logout", "/account/language"]
)
def test_a_stranger_cannot_send_files_to_pages_that_take_none(client: Any, world: Any, path: str) -> None:
    token = token_of(client)
    answer = client.post(
        path,
        data={
            "csrf_token": token,
            "email": "a@acme.example",
            "x": (io.BytesIO(bytes(3 * MEGABYTE)), "x.bin"),
        },
        content_type="multipart/form-data",
    )
    assert answer.status_code == 413


def test_somebody_without_any_session_sends_little(client: Any, world: Any) -> None:
    answer = client.post(
        "/requests/new/question",
        data={"summary": "x", "attachments": (io.BytesIO(bytes(9 * MEGABYTE)), "x.txt")},
        content_type="multipart/form-data",
    )
    assert answer.status_code == 413


def test_who_had_a_session_keeps_the_text_even_beside_large_files(
    client: Any, world: Any, clock: Any
) -> None:
    client.sign_in(world.alice)
    clock.advance(days=3)
    answer = client.post(
        "/requests/new/question",
        data={"summary": "Gardez ce texte", "attachments": (io.BytesIO(bytes(12 * MEGABYTE)), "x.txt")},
        content_type="multipart/form-data",
    )
    assert answer.status_code == 303
    assert "/login" in answer.headers["Location"]


def test_who_is_signed_in_sends_what_the_settings_say(client: Any, world: Any) -> None:
    client.sign_in(world.alice)
    token = token_of(client)
    limit = settings.get("file_max_mb") * MEGABYTE
    answer = client.post(
        "/uploads",
        data={"csrf_token": token, "file": (io.BytesIO(b"a" * limit), "x.txt")},
        content_type="multipart/form-data",
        headers={"Accept": "application/json"},
    )
    assert answer.status_code == 201


def test_ten_thousand_parts_are_refused(client: Any, world: Any) -> None:
    client.sign_in(world.alice)
    body = b"".join(
        b'--x\r\nContent-Disposition: form-data; name="a%d"\r\n\r\n1\r\n' % number for number in range(10_000)
    )
    answer = client.post(
        "/requests/new/question", data=body + b"--x--\r\n", content_type="multipart/form-data; boundary=x"
    )
    assert answer.status_code == 413
