"""Single sign-on and a change of address in a real browser, under the strict policy, read by axe in two looks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from domain import accounts, sso
from gateways.openid import OpenIdConnect
from models import IdentityProvider, LinkingApplication, OutboxMessage, Person
from tests.support.browsing import DESK, PHONE
from tests.support.identity_provider import CLIENT, SECRET
from tests.support.identity_provider import IdentityProvider as Provider

LOOKS = [(DESK, "light"), (PHONE, "dark")]


@pytest.fixture
def idp(live_server: Any, clock: Any, world: Any) -> Iterator[Provider]:
    live_server.application.extensions["guichet_openid"] = OpenIdConnect(http_on_loopback=True)
    provider = Provider(clock)
    IdentityProvider.create(
        slug="acme", name_fr="Annuaire Acme", name_en="Acme directory", issuer=provider.issuer, client_id=CLIENT,
        sealed_secret=sso.seal(SECRET, "identity_provider"), organisation=world.organisations["acme"].id,
        is_active=True,
    )  # fmt: skip
    yield provider
    provider.stop()


@pytest.mark.parametrize(("size", "scheme"), LOOKS, ids=["desk", "phone"])
def test_alice_signs_in_by_her_directory_proves_herself_there_again_and_changes_her_address(
    browser_context: Any,
    live_server: Any,
    idp: Provider,
    world: Any,
    clock: Any,
    axe: Any,
    size: Any,
    scheme: str,
) -> None:
    page = browser_context(viewport=size, color_scheme=scheme).new_page()
    page.goto(f"{live_server.url}/login?next=/account")
    axe(page)
    page.get_by_role("link", name="Se connecter avec Annuaire Acme").click()
    page.wait_for_url("**/account")
    # A while later the change of address asks again: at the directory.
    clock.advance(minutes=20)
    page.get_by_role("link", name="La modifier").click()
    axe(page)
    page.locator("[name=email]").fill("alice@neuve.example")
    page.get_by_role("button", name="Envoyer le lien").click()
    page.wait_for_url("**/login/again?**")
    axe(page)
    page.get_by_role("link", name="Confirmer avec Annuaire Acme").click()
    page.wait_for_url("**/login/again/act?**")
    page.locator("#act button").click()
    page.wait_for_url("**/account/address")
    expect(page.get_by_text("Un changement attend d’être confirmé")).to_be_visible()
    axe(page)
    row = OutboxMessage.select().where(OutboxMessage.template == "address-confirm").get()
    page.goto(f"{live_server.url}/account/address/confirm/{accounts.link_token(row.context['seed'])}")
    axe(page)
    page.locator("#confirm button").click()
    page.wait_for_url("**/account")
    assert Person.get_by_id(world.alice.id).email == "alice@neuve.example"
    page.goto(f"{live_server.url}/account/security")
    expect(page.get_by_role("heading", name="Autres moyens de connexion")).to_be_visible()
    axe(page)


@pytest.mark.parametrize(("size", "scheme"), LOOKS, ids=["desk", "phone"])
def test_alice_comes_from_an_application_with_a_signed_link(
    browser_context: Any, live_server: Any, world: Any, clock: Any, axe: Any, size: Any, scheme: str
) -> None:
    key = "a key of the tests that is long enough to be one"
    LinkingApplication.create(
        slug="shop", name_fr="La Boutique", name_en="The Shop", is_active=True,
        sealed_secret=sso.seal(key, "linking_application"),
    )  # fmt: skip
    page = browser_context(viewport=size, color_scheme=scheme).new_page()
    fields = ("shop", "alice@acme.example", str(int(clock.now.timestamp())), "n" * 24, "/account")
    names = ("app", "email", "time", "nonce", "next", "signature")
    said = zip(names, (*fields, sso.signature(key, *fields)), strict=True)
    where = f"{live_server.url}/login/signed?" + "&".join(f"{name}={value}" for name, value in said)
    page.goto(where)
    axe(page)
    page.locator("#signed button").click()
    page.wait_for_url("**/account")
    page.context.clear_cookies()
    page.goto(where.replace("alice", "bob"))
    expect(page.get_by_text("Ce lien n’est pas entier")).to_be_visible()
    axe(page)
