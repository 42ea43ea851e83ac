"""S29: a form on somebody else's page can neither act, nor put words in a box, nor sign anybody out.

Browsers leave our cookies out when another site posts here. An answer that set a cookie of its own would then take
the place of the session that the person has.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from models import HeldForm
from tests.support.scene import Scene, fingerprint, token_of

FOREIGN = [
    {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
    {"Sec-Fetch-Site": "same-site", "Origin": "https://other.localhost"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://["},
    {"Origin": "https://localhost.evil.example"},
]
OWN: list[dict[str, str]] = [
    {},
    {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "http://localhost"},
    # Typed with another name than the public one: what counts is the name that the browser asked for.
    {"Host": "guichet.lan:8000", "Origin": "http://guichet.lan:8000"},
]


@pytest.fixture
def scene(app: Any, world: Any) -> Scene:
    return Scene(app, world)


@pytest.mark.parametrize("headers", FOREIGN)
@pytest.mark.parametrize(
    "path", ["/tickets/{n}/replies", "/logout", "/login", "/account/language", "/uploads"]
)
def test_a_form_of_another_site_is_refused_and_sets_no_cookie(
    client: Any, scene: Scene, headers: dict[str, str], path: str
) -> None:
    ticket = scene.request("alice")
    before = fingerprint()
    answer = client.post(
        path.format(n=ticket.number), data={"body": "Paid to say this", "language": "en"}, headers=headers
    )
    assert answer.status_code == 400
    assert "Set-Cookie" not in answer.headers
    assert not HeldForm.select().exists()
    assert fingerprint() == before


def test_even_with_cookies_and_token_a_form_of_another_site_is_refused(client: Any, scene: Scene) -> None:
    ticket = scene.request("alice")
    token = token_of(client.sign_in(scene.world.alice))
    before = fingerprint()
    answer = client.post(
        f"/tickets/{ticket.number}/replies", data={"body": "x", "csrf_token": token}, headers=FOREIGN[0]
    )
    assert answer.status_code == 400
    assert fingerprint() == before


@pytest.mark.parametrize("headers", OWN)
def test_our_own_forms_pass(client: Any, scene: Scene, headers: dict[str, str]) -> None:
    ticket = scene.request("alice")
    host = headers.get("Host", "localhost")
    client.sign_in(scene.world.alice)
    if host != "localhost":
        # A browser that came by another name has its cookies under that name.
        cookie = next(iter(client._cookies.values()))
        client.set_cookie(cookie.key, cookie.value, domain=host.partition(":")[0])
    page = client.get("/help", base_url=f"http://{host}")
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert token is not None
    answer = client.post(
        f"/tickets/{ticket.number}/replies",
        data={"body": "Voici.", "csrf_token": token[1]},
        headers={name: value for name, value in headers.items() if name != "Host"},
        base_url=f"http://{host}",
    )
    assert answer.status_code == 303, answer.text[:300]


def test_the_public_name_is_our_own_behind_a_proxy_that_does_not_pass_it_on(
    app: Any, make_app: Any, world: Any
) -> None:
    application = make_app(BASE_URL="http://support.initech.example")
    browser = application.test_client().sign_in(world.alice)
    token = token_of(browser)
    answer = browser.post(
        "/account/language",
        data={"language": "en", "csrf_token": token},
        headers={"Origin": "http://support.initech.example"},
    )
    assert answer.status_code == 303


def test_a_link_of_another_site_opens_the_page(client: Any, scene: Scene) -> None:
    ticket = scene.request("alice")
    client.sign_in(scene.world.alice)
    answer = client.get(f"/tickets/{ticket.number}", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 200
