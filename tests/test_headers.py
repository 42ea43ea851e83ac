"""What each answer carries besides its page: security policy, cookies, caches; and what the browser makes of it."""

from __future__ import annotations

import re
import urllib.request
from types import SimpleNamespace
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.support import lint
from tests.support.browser_pages import be, sign_in_by_page
from tests.support.right_entries import PDF
from tests.support.scene import CANARY, Scene, token_of

PUBLIC = ["/", "/login", "/register", "/register/sent", "/password/forgotten", "/password/nothing", "/help", "/privacy",
          "/accessibility", "/nothing-here", "/tickets/%00"]  # fmt: skip
SIGNED_IN = {
    "alice": ["/", "/catalogue", "/requests/new/incident", "/requests/new/none", "/tickets", "/tickets/{n}", "/desk",
              "/account", "/account/security", "/account/sessions", "/uploads", "/licences/blank-form.pdf"],
    "bob": ["/organisation/contacts"],
    "sam": ["/desk", "/desk/tickets/{n}", "/admin/"],
    "root": ["/admin/", "/admin/ticket/", "/admin/ticket/export/csv/", "/admin/team/new/", "/admin/ticket/details/?id=0"],
}  # fmt: skip
POLICY = (
    "default-src 'self'; script-src 'nonce-{0}' 'strict-dynamic'; style-src 'self' 'nonce-{0}'; img-src 'self' data:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
COOKIES = {"guichet", "guichet_language", "guichet_held", "guichet_name"}


@pytest.fixture
def answers(client: Any, world: SimpleNamespace) -> list[tuple[str, Any]]:
    """Every kind of page with the one who asked for it."""
    client.lint = False
    scene = Scene(client.application, world)
    sent = scene.upload("alice", "preuve.pdf", PDF)
    ticket = scene.request("alice", attachment_keys=[sent.key])
    found = [(f"stranger {path}", client.get(path)) for path in PUBLIC]
    for who, paths in SIGNED_IN.items():
        client.sign_in(getattr(world, who))
        found += [(f"{who} {path}", client.get(path.format(n=ticket.number))) for path in paths]
        found.append((f"{who} POST without a token", client.post("/logout")))
    return found


def test_every_page_has_the_strict_policy_with_a_nonce_of_its_own(answers: Any) -> None:
    nonces = []
    for where, answer in answers:
        policy = answer.headers["Content-Security-Policy"]
        found = re.search(r"'nonce-([A-Za-z0-9_-]{20,})'", policy)
        assert found, f"{where}: {policy}"
        assert policy == POLICY.format(found[1]), where
        nonces.append(found[1])
        if answer.mimetype == "text/html" and answer.status_code != 303:
            for script in lint.parse(answer.text).iter("script"):
                if script.get("type") not in {"application/json", "speculationrules"}:
                    assert script.get("nonce") == found[1], f"{where}: a script without the nonce of its page"
    assert len(nonces) == len(set(nonces))


def test_every_page_forbids_guessing_framing_and_keeping(answers: Any) -> None:
    for where, answer in answers:
        headers = answer.headers
        assert headers["X-Content-Type-Options"] == "nosniff", where
        assert headers["X-Frame-Options"] == "DENY", where
        assert headers["Referrer-Policy"] == "same-origin", where
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin", where
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin", where
        # The blank form is the same for everybody.
        assert ("no-cache" if "blank-form" in where else "no-store") in headers["Cache-Control"], where
        assert "Cookie" in headers.get("Vary", ""), where
        assert "Strict-Transport-Security" not in headers, f"{where}: on http"


def test_no_answer_names_the_software_that_made_it(answers: Any, live_server: Any) -> None:
    leaks = re.compile(
        r"werkzeug|flask|peewee|python|sqlite|postgres|waitress/\d|/work/|traceback", re.IGNORECASE
    )
    for where, answer in answers:
        said = {name: value for name, value in answer.headers.items() if leaks.search(f"{name}: {value}")}
        assert not said, f"{where}: {said}"
        assert "X-Powered-By" not in answer.headers
    with urllib.request.urlopen(f"{live_server.url}/healthz") as answer:
        assert not re.search(r"\d", answer.headers.get("Server", "")), answer.headers["Server"]
        assert answer.read() == b"ok\n"


def test_strangers_read_no_version(answers: Any) -> None:
    from config import VERSION

    for where, answer in answers:
        if where.startswith("stranger"):
            words = re.sub(r"<[^>]*>", " ", answer.text)
            assert f"Guichet {VERSION}" not in words, where


def test_no_page_asks_anything_of_another_site(answers: Any) -> None:
    for where, answer in answers:
        if answer.mimetype != "text/html":
            continue
        for element in lint.parse(answer.text).iter():
            if element.get("rel") in {"canonical", "alternate"}:
                # For search engines: no browser fetches them, and they are addresses of this portal.
                assert str(element.get("href")).startswith("http://127.0.0.1:8000/"), where
                continue
            for name in ("src", "srcset", "data", "poster", "action", "href"):
                address = element.get(name) or ""
                asked = element.tag != "a" and re.match(r"(?i)\s*(https?:)?//", address)
                assert not asked, f"{where}: <{element.tag} {name}={address!r}>"


def test_files_of_the_pages_may_be_kept_by_the_browser(client: Any, world: Any) -> None:
    page = client.get("/login").text
    address = re.search(r'href="(/static/css/guichet\.css[^"]*)"', page)
    assert address
    answer = client.get(address[1])
    assert (
        "immutable" in answer.headers["Cache-Control"] and "no-store" not in answer.headers["Cache-Control"]
    )
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Set-Cookie" not in answer.headers
    answer.close()


# ---- Cookies ----------------------------------------------------------------------------------------------


def cookies_of(client: Any, world: SimpleNamespace, base: str) -> dict[str, list[str]]:
    """All cookies that the portal ever sets, with their attributes."""
    client.lint = False
    client.allow_subdomain_redirects = True
    set_ = []

    def ask(method: str, path: str, **fields: str) -> Any:
        answer = client.open(path, method=method, data=fields, base_url=base)
        set_.extend(answer.headers.getlist("Set-Cookie"))
        return answer

    def token(path: str = "/login") -> str:
        found = re.search(r'name="csrf_token" value="([^"]+)"', ask("GET", path).text)
        assert found
        return found[1]

    ask(
        "POST",
        "/login",
        csrf_token=token(),
        email="alice@acme.example",
        password=world.password,
        remember="y",
    )
    ask("POST", "/account/language", csrf_token=token("/help"), language="fr")
    ask("POST", "/requests/new/question", csrf_token="old", summary="Une question")
    ask("POST", "/logout", csrf_token=token("/help"))
    return {line.partition("=")[0]: line.split("; ")[1:] for line in set_}


def test_cookies_on_http(client: Any, world: SimpleNamespace) -> None:
    found = cookies_of(client, world, "http://127.0.0.1:8000")
    assert set(found) == COOKIES
    for name, attributes in found.items():
        assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(attributes), name
        assert "Secure" not in attributes, name
        assert not any(one.startswith("Domain") for one in attributes), name


def test_cookies_on_https(make_app: Any, world: SimpleNamespace) -> None:
    app = make_app(BASE_URL="https://support.initech.example", SMTP_URL="smtp://127.0.0.1:1")
    client = app.test_client()
    found = cookies_of(client, world, "https://support.initech.example")
    assert set(found) == COOKIES - {"guichet"} | {"__Host-guichet"}
    for name, attributes in found.items():
        assert {"HttpOnly", "SameSite=Lax", "Path=/", "Secure"} <= set(attributes), name
        assert not any(one.startswith("Domain") for one in attributes), name
    answer = client.get("/login", base_url="https://support.initech.example")
    assert re.match(r"max-age=(\d+)", answer.headers["Strict-Transport-Security"])
    assert int(re.match(r"max-age=(\d+)", answer.headers["Strict-Transport-Security"])[1]) >= 31536000


def test_a_copy_of_the_cookie_opens_nothing_after_sign_out(client: Any, world: SimpleNamespace) -> None:
    client.sign_in_by_page("alice@acme.example")
    copy = dict(client._cookies)
    assert client.get("/tickets").status_code == 200
    assert client.post("/logout", data={"csrf_token": token_of(client)}).status_code == 303
    client._cookies.clear()
    client._cookies.update(copy)
    assert client.get("/tickets").status_code == 303


def test_signing_in_changes_the_session(client: Any, world: SimpleNamespace) -> None:
    client.get("/login")
    before = client.get_cookie("guichet").value
    client.sign_in_by_page("alice@acme.example")
    assert client.get_cookie("guichet").value != before
    with client.session_transaction() as session:
        assert set(session) <= {"token", "csrf_token", "_flashes"}


@pytest.mark.parametrize(
    "headers",
    [{"Host": "evil.example"}, {"X-Forwarded-Host": "evil.example"}, {"Forwarded": "host=evil.example"},
     {"X-Forwarded-Proto": "https", "X-Forwarded-Prefix": "//evil.example"}, {"Host": "evil.example:1@x"}],
)  # fmt: skip
def test_the_name_that_a_browser_gives_the_portal_is_not_believed(
    client: Any, world: Any, headers: dict[str, str]
) -> None:
    client.lint = False
    for path in ("/", "/login", "/tickets"):
        answer = client.get(path, headers=headers)
        assert "evil.example" not in answer.text
        assert not answer.headers.get("Location", "/").partition("?")[0].startswith(("http", "//"))


# ---- In a browser ------------------------------------------------------------------------------------------------


def test_back_after_sign_out_shows_nothing(
    browser_context: Any, live_server: Any, world: SimpleNamespace
) -> None:
    ticket = Scene(live_server.application, world).request("alice")
    page = browser_context().new_page()
    page.goto("/login")
    sign_in_by_page(page, "alice@acme.example")
    page.wait_for_url("**/")
    page.goto(f"/tickets/{ticket.number}")
    expect(page.locator("h1")).to_contain_text(CANARY)
    page.locator("details.menu:has(.avatar) > summary").click()
    page.locator('form[action="/logout"] button').click()
    page.wait_for_url("**/login")
    for _step in range(3):
        page.go_back()
        expect(page.locator('header a[href="/login"], input[name=password]')).to_be_visible()
        assert CANARY not in page.content()


def test_an_injected_script_does_not_run(
    browser_context: Any, live_server: Any, world: SimpleNamespace
) -> None:
    scene = Scene(live_server.application, world)
    body = (
        "<img src=x onerror=alert(1)> <script>alert(2)</script> [x](javascript:alert(3)) "
        "![y](https://evil.example/y.png) <svg/onload=alert(4)> <iframe src=//evil.example></iframe>"
    )
    name = '"><script>document.title="taken"</script>'
    ticket = scene.request("alice", summary=name, description=body)
    scene.reply(ticket, "alice", body)
    dialogs: list[Any] = []
    asked: list[str] = []
    for who, path in (
        ("alice", "/tickets/{n}"),
        ("alice", "/tickets"),
        ("sam", "/desk/tickets/{n}"),
        ("root", "/admin/ticket/"),
    ):
        page = be(browser_context(), live_server, getattr(world, who)).new_page()
        page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.format(n=ticket.number))
        assert page.title() != "taken"
        assert (
            page.locator("main iframe, main script, main [onerror], main a[href^='javascript']").count() == 0
        )
    assert dialogs == []
    assert all(address.startswith((live_server.url, "data:")) for address in asked)
