"""Security keys in a real browser: a virtual one is added, opens the account after the password, and proves it again."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import segno
from playwright.sync_api import expect

from domain import settings
from models import AuditEntry, SecurityKey
from tests.support.browser_pages import be, sign_in_by_page
from tests.support.browsing import DESK, PHONE
from tests.support.server import LiveServer, free_port

# Which squares of a picture of n by n squares are dark, looked at in the middle of each.
DARK_SQUARES = """
  async ([source, n]) => {
    const picture = new Image();
    picture.src = source;
    await picture.decode();
    const paper = new OffscreenCanvas(picture.width, picture.height).getContext("2d", { willReadFrequently: true });
    paper.drawImage(picture, 0, 0);
    const at = (k) => Math.floor((k + 0.5) * picture.width / n);
    return Array.from({ length: n }, (_, y) =>
      Array.from({ length: n }, (_, x) => paper.getImageData(at(x), at(y), 1, 1).data[0] < 128));
  }
"""


@pytest.fixture
def live_server(make_app: Any, world: SimpleNamespace) -> Iterator[Any]:
    """The portal at an address with a name: browsers offer keys to no bare number."""
    port = free_port()
    server = LiveServer(make_app(PORT=str(port), BASE_URL=f"http://localhost:{port}"), port)
    server.url = f"http://localhost:{port}"
    server.start()
    yield server
    server.stop()
    assert not server.errors, "the portal logged errors: " + "\n".join(server.errors)


def with_key(context: Any, page: Any, transport: str) -> Any:
    """Plug a virtual key into a page: `usb` is a key, `internal` a passkey of the device."""
    devtools = context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    made = devtools.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": transport,
                "hasResidentKey": True,
                "hasUserVerification": transport == "internal",
                "isUserVerified": transport == "internal",
                "automaticPresenceSimulation": True,
            }
        },
    )
    return devtools, made["authenticatorId"]


@pytest.mark.parametrize("transport", ["usb", "internal"])
def test_a_key_is_added_signs_in_and_proves_it_again(
    browser_context: Any, live_server: Any, world: SimpleNamespace, clock: Any, axe: Any, transport: str
) -> None:
    context = be(
        browser_context(viewport=PHONE if transport == "internal" else DESK), live_server, world.alice
    )
    page = context.new_page()
    devtools, authenticator = with_key(context, page, transport)
    page.goto("/account/security/keys")
    axe(page)
    page.locator("[name=name]").fill("Porte-clés")
    page.locator("[data-key-button]").click()
    page.wait_for_url("**/account/security/codes")
    expect(page.locator(".messages")).to_contain_text("Porte-clés")
    assert SecurityKey.get().person == world.alice
    # Signed out and in again: the key is the second step.
    context.clear_cookies()
    page.goto("/login?next=/tickets")
    sign_in_by_page(page, "alice@acme.example", world.password)
    page.wait_for_url("**/login/verify?next=/tickets")
    axe(page)
    page.locator("[data-key-button]").click()
    page.wait_for_url(f"{live_server.url}/tickets")
    # A while later a dangerous act asks again, and takes the key.
    clock.advance(minutes=20)
    page.goto("/account/security/keys")
    page.wait_for_url("**/login/again?**")
    axe(page)
    page.locator("[data-key-button]").click()
    page.wait_for_url(f"{live_server.url}/account/security/keys")
    # The same key is not taken twice, and the page says so.
    page.locator("[name=name]").fill("La même")
    page.locator("[data-key-button]").click()
    expect(page.locator("[data-key-failed]")).to_be_visible()
    axe(page)
    # Without the key, the page says that it did not answer, and another way is there.
    devtools.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": authenticator})
    kinds = [row.kind for row in AuditEntry.select().order_by(AuditEntry.id)]
    assert kinds.count("factor:added") == 1 and "session:fresh" in kinds
    started = (
        AuditEntry.select().where(AuditEntry.kind == "session:started").order_by(AuditEntry.id.desc()).first()
    )
    assert started.data == {"second": "key"}


def test_a_passkey_signs_in_by_itself_where_sign_in_goes_by_steps(
    browser_context: Any, live_server: Any, world: SimpleNamespace, clock: Any, axe: Any
) -> None:
    settings.put("sign_in_by_steps", True, by=None, now=clock.now)
    context = be(browser_context(viewport=PHONE, color_scheme="dark"), live_server, world.alice)
    page = context.new_page()
    with_key(context, page, "internal")
    page.goto("/account/security/keys")
    page.locator("[name=name]").fill("Téléphone")
    page.locator("[data-key-button]").click()
    page.wait_for_url("**/account/security/codes")
    context.clear_cookies()
    page.goto("/login?next=/tickets")
    page.locator("main [name=email]").fill("alice@acme.example")
    page.keyboard.press("Enter")
    page.wait_for_url("**/login/password?**")
    axe(page)
    page.get_by_role("button", name="Utiliser une clé d’accès").click()
    # No password and no second step: the passkey knew her, and had itself.
    page.wait_for_url(f"{live_server.url}/tickets")
    started = (
        AuditEntry.select().where(AuditEntry.kind == "session:started").order_by(AuditEntry.id.desc()).get()
    )
    assert started.data == {"how": "key"}


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["1280", "390"])
def test_the_drawing_for_the_app_is_whole(
    browser_context: Any, live_server: Any, world: SimpleNamespace, size: dict[str, int]
) -> None:
    page = be(browser_context(viewport=size), live_server, world.alice).new_page()
    page.goto("/account/security/app")
    page.locator("main form:has([name=begin]) button").click()
    address = page.locator('a[href^="otpauth:"]').get_attribute("href")
    # With four light squares around, which cameras need.
    squares = [list(row) for row in segno.make(address, micro=False, error="m").matrix_iter(border=4)]
    drawn = base64.b64encode(page.locator(".qr svg").screenshot()).decode()
    page.goto("about:blank")
    seen = page.evaluate(DARK_SQUARES, [f"data:image/png;base64,{drawn}", len(squares)])
    assert seen == [[bool(square) for square in row] for row in squares]
