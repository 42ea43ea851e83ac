"""S44: logs hold neither secrets nor what people wrote, and nobody writes lines of their own into them."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pyotp
import pytest

import jobs
from models import AuditEntry, OutboxMessage, Person
from tests.support.client import PASSWORD
from tests.support.right_entries import right_entry
from tests.support.scene import Scene, token_of
from tests.support.server import free_port

TYPED = "zèbre-qui-ne-se-journalise-pas"
# Ends of lines for one reader of logs or another, and what a terminal obeys.
BREAKS = ["\n", "\r\n", "\r", "\x1b[2J", "\u2028", "\x85", "\x00"]


@pytest.fixture
def lines() -> Any:
    """Everything logged, as the handlers of a served portal write it."""
    written: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            written.append(logging.Formatter("%(levelname)s %(name)s %(message)s").format(record))

    keep, top = Keep(logging.INFO), logging.getLogger()
    before = top.level
    top.addHandler(keep)
    top.setLevel(logging.INFO)
    yield written
    top.removeHandler(keep)
    top.setLevel(before)


@pytest.fixture
def scene(client: Any, world: SimpleNamespace) -> Scene:
    return Scene(client.application, world)


def test_a_day_at_the_portal_leaves_no_secret_and_no_words_in_the_log(
    client: Any, scene: Scene, lines: list[str], world: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = scene.link(world.alice)
    assert client.sign_in_by_page("alice@acme.example").status_code == 303
    cookie = client.get_cookie("guichet").value
    token = token_of(client)
    ticket = scene.request("alice", summary=TYPED, description=TYPED)
    client.submit(f"/tickets/{ticket.number}", form="/replies", body=TYPED)
    client.submit(
        "/requests/new/incident", form="request", **{**right_entry("incident"), "summary": TYPED * 20}
    )
    client.get(f"/tickets?q={TYPED}")
    client.get(f"/files/{TYPED}/x")
    wrong = f"{PASSWORD} {TYPED}"
    client.sign_in_by_page("alice@acme.example", wrong)
    client.sign_out()
    client.get(f"/password/{link}")
    # And days when something breaks: what a fault says of the place where it happened must not quote anybody.
    client.sign_in(world.alice)
    client.application.testing = False
    from domain import conversation

    def broken(*_args: Any, **_more: Any) -> None:
        raise RuntimeError("the disk is on fire")

    monkeypatch.setattr(conversation, "reply", broken)
    page = client.get(f"/tickets/{ticket.number}")
    client.application.config["PROPAGATE_EXCEPTIONS"] = False
    assert client.send(page, form="/replies", body=TYPED).status_code == 500
    jobs.run("outbox", client.application, scene.now)
    log = "\n".join(lines)
    assert "the disk is on fire" in log, "nothing was listened to"
    seeds = [row.context["seed"] for row in OutboxMessage.select() if "seed" in row.context]
    for secret in (PASSWORD, wrong, TYPED, cookie, token, link, client.get_cookie("guichet").value, *seeds):
        assert secret not in log, f"{secret[:20]}... is in the log"
    assert not any(row.password_hash and row.password_hash in log for row in Person.select())


def test_second_factors_leave_no_code_and_no_secret_in_the_log(
    client: Any, lines: list[str], world: SimpleNamespace, clock: Any
) -> None:
    client.sign_in(world.alice)
    client.submit("/account/security/app")
    page = client.get("/account/security/app")
    found = re.search(r'class="key-text">([A-Z2-7 ]+)<', page.text)
    assert found is not None
    app = pyotp.TOTP(found[1].replace(" ", ""))
    first = app.at(clock.now)
    client.send(page, form="confirm", code=first)
    codes = re.findall(r"<li><code>([a-z0-9-]{14})</code>", client.submit("/account/security/codes").text)
    clock.advance(minutes=1)
    client.sign_in_by_page("alice@acme.example")
    half = client.get_cookie("guichet").value
    client.submit("/login/verify", code="987654")
    second = app.at(clock.now)
    assert client.submit("/login/verify", code=second).status_code == 303
    client.sign_in_by_page("alice@acme.example")
    assert client.submit("/login/verify?means=recovery", code=codes[0]).status_code == 303
    jobs.run("outbox", client.application, clock.now)
    logging.getLogger("guichet").info("the end of the day")
    log = "\n".join(lines)
    assert len(codes) == 10
    assert lines, "nothing was listened to"
    for secret in (app.secret, first, second, "987654", half, *codes, codes[0].replace("-", "")):
        assert secret not in log, f"{secret[:6]}... is in the log"


@pytest.mark.parametrize("brk", BREAKS)
def test_nobody_writes_a_line_of_their_own(
    client: Any, scene: Scene, lines: list[str], world: SimpleNamespace, brk: str
) -> None:
    forged = f"x{brk}ERROR guichet forged"
    ticket = scene.request("alice")
    headers = {
        "User-Agent": forged.encode("utf-8")
        .decode("latin-1")
        .replace("\n", "")
        .replace("\r", "")
        .replace("\0", ""),
        "X-Forwarded-For": "203.0.113.7, 203.0.113.8",
    }
    client.lint = False
    token = token_of(client)
    for path, data in (
        ("/login", {"email": forged, "password": forged}),
        ("/register", {"full_name": forged, "email": f"{forged}@acme.example", "organisation": forged}),
        ("/password/forgotten", {"email": forged}),
        (f"/tickets/{ticket.number}/replies", {"body": forged}),
        (f"/uploads/{quote(forged)}/removal", {}),
    ):
        assert client.post(path, data={**data, "csrf_token": token}, headers=headers).status_code < 500, path
    client.sign_in(world.alice)
    for path in (
        f"/tickets/{quote(forged)}",
        f"/files/{quote(forged)}/{quote(forged)}",
        f"/tickets?q={quote(forged)}",
    ):
        assert client.get(path, headers=headers).status_code < 500, path
    scene.upload("alice", f"{forged}.png")
    for line in lines:
        assert "forged" not in line, line
        assert len(line.splitlines()) == 1 or "Traceback" in line, line
    for row in AuditEntry.select():
        assert len((row.origin + row.target).splitlines()) <= 1, (row.kind, row.origin)


def test_a_served_portal_writes_one_line_for_one_event(tmp_path: Path) -> None:
    """The real process with its real output, asked by somebody who wants to write into it."""
    port = free_port()
    environment = {
        "PATH": "/usr/bin:/bin",
        "GUICHET_DATA": str(tmp_path),
        "PORT": str(port),
        "JOBS": "off",
        "HOME": str(tmp_path),
    }
    with (tmp_path / "out").open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "flask", "--app", "app", "serve"],
            env=environment, stdout=out, stderr=out, cwd=Path(__file__).resolve().parents[2],
        )  # fmt: skip
        try:
            url = f"http://127.0.0.1:{port}"
            for _try in range(200):
                try:
                    urllib.request.urlopen(f"{url}/healthz", timeout=2).close()
                    break
                except OSError:
                    time.sleep(0.1)
            for path in ("/tickets/x%0AERROR%20forged", "/static/x%0d%0aERROR%20forged", "/login?next=%0AERROR%20forged",
                         "/%1b%5b2JERROR%20forged", "/files/%e2%80%a8ERROR%20forged/x"):  # fmt: skip
                request = urllib.request.Request(
                    url + path, headers={"User-Agent": "ERROR forged", "X-Forwarded-For": "ERROR forged"}
                )
                try:
                    urllib.request.urlopen(request, timeout=10).close()
                except urllib.error.HTTPError as answer:
                    assert answer.code < 500, path
                    answer.close()
        finally:
            process.terminate()
            process.wait(timeout=20)
    said = (tmp_path / "out").read_text(encoding="utf-8", errors="replace")
    assert str(port) in said
    assert "forged" not in said and "\x1b[2J" not in said


def test_who_is_refused_what_stands_in_the_log(
    client: Any, scene: Scene, lines: list[str], world: SimpleNamespace
) -> None:
    ticket = scene.request("alice", summary=TYPED)
    client.sign_in(world.charlie)
    lines.clear()
    assert client.get(f"/tickets/{ticket.number}").status_code == 404
    assert client.get("/admin/person/").status_code in (403, 404)
    assert client.get(f"/{TYPED}").status_code == 404
    assert client.get("/tickets").status_code == 200
    said = [line for line in lines if "refused" in line]
    assert [line.partition("refused: ")[2] for line in said] == [
        f"GET tickets.show to person {world.charlie.id}, 404",
        f"GET admin_person.index_view to person {world.charlie.id}, {client.get('/admin/person/').status_code}",
    ]
    assert TYPED not in "".join(lines)
