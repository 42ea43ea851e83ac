"""A mobile number in a real browser: offered after the mailed code, confirmed, used at the next new browser (ACC-10)."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from playwright.sync_api import expect

import jobs
from domain import second_step, settings, texts
from models import MobileNumber, OutboxMessage, Person
from tests.support.browser_pages import sign_in_by_page
from tests.support.browsing import DESK, PHONE
from tests.support.server import LiveServer, free_port
from tests.support.text_gateway import TextGateway

TYPED = "+33 6 12 34 56 78"


@pytest.fixture
def gateway() -> Iterator[TextGateway]:
    server = TextGateway()
    server.start()
    yield server
    server.stop()
    texts.use_gateway(None)


@pytest.fixture
def live_server(make_app: Any, gateway: TextGateway, world: SimpleNamespace, clock: Any) -> Iterator[Any]:
    """The portal with a gateway, where new browsers type a code."""
    port = free_port()
    made = make_app(PORT=str(port), BASE_URL=f"http://127.0.0.1:{port}", GUICHET_SMS_URL=gateway.url)
    settings.put("new_browser_code", True, by=None, now=clock.now)
    server = LiveServer(made, port)
    server.start()
    yield server
    server.stop()
    assert not server.errors, "the portal logged errors: " + "\n".join(server.errors)


def deliver(live_server: Any) -> None:
    with live_server.application.app_context():
        jobs.run("texts", live_server.application)


@pytest.mark.parametrize(
    "options",
    [
        {"locale": "fr-FR", "viewport": PHONE, "color_scheme": "dark"},
        {"locale": "en-GB", "viewport": DESK, "color_scheme": "light"},
    ],
    ids=["telephone", "desk"],
)
def test_alice_records_her_number_and_gets_the_next_code_there(
    browser_context: Any,
    live_server: Any,
    gateway: TextGateway,
    world: SimpleNamespace,
    axe: Any,
    options: dict[str, Any],
) -> None:
    Person.update(language=options["locale"][:2]).execute()
    context = browser_context(**options)
    page = context.new_page()
    page.goto("/login?next=/tickets")
    sign_in_by_page(page, "alice@acme.example", world.password)
    page.wait_for_url("**/login/verify?next=/tickets")
    row = OutboxMessage.select().where(OutboxMessage.template == "sign-in-code").get()
    page.locator("[name=code]").fill(second_step.code_of(row.context["seed"]))
    page.locator("main form .btn-primary").click()
    # The offer: a wrong number first, its reason beside it.
    page.wait_for_url("**/account/mobile/offer?next=/tickets")
    axe(page)
    page.locator("[name=number]").fill("0612345678")
    page.locator("#number-form .btn-primary").click()
    expect(page.locator("[name=number]")).to_have_attribute("aria-invalid", "true")
    axe(page)
    page.locator("[name=number]").fill(TYPED)
    page.locator("#number-form .btn-primary").click()
    page.wait_for_url("**/account/mobile/confirm?next=/tickets")
    axe(page)
    deliver(live_server)
    page.locator("[name=code]").fill(gateway.messages[-1].code)
    page.locator("#code-form .btn-primary").click()
    page.wait_for_url("**/tickets")
    expect(page.locator(".messages")).to_be_visible()
    assert MobileNumber.get().confirmed_at is not None
    # Another new browser: the code comes to the telephone.
    context.clear_cookies()
    page.goto("/login?next=/account/mobile")
    sign_in_by_page(page, "alice@acme.example", world.password)
    page.wait_for_url("**/login/verify?next=/account/mobile")
    expect(page.locator("main")).to_contain_text("78")
    expect(page.locator("main")).not_to_contain_text("345678")
    axe(page)
    deliver(live_server)
    page.locator("[name=code]").fill(gateway.messages[-1].code)
    page.locator("main form:has([name=code]) .btn-primary").click()
    page.wait_for_url("**/account/mobile")
    expect(page.locator("main")).to_contain_text(TYPED)
    axe(page)
