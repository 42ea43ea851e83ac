"""The desk in a real browser: its keys, its composer without scripts, and what accessibility rules say of it."""

from __future__ import annotations

from typing import Any

import pytest

from domain import conversation, lifecycle, policies
from models import Message, Ticket
from tests.support.browsing import DESK, NARROW, PHONE, assert_looks
from tests.support.eye import each_look


def signed_in(context: Any, live_server: Any, person: Any, clock: Any) -> Any:
    """A page of this person; the session row is real, only the password is left out."""
    client = live_server.application.test_client()
    client.sign_in(person)
    cookie = client.get_cookie("guichet")
    context.add_cookies([{"name": "guichet", "value": cookie.value, "url": live_server.url}])
    return context.new_page()


@pytest.fixture
def ticket(world: Any, clock: Any) -> Ticket:
    """A request of the demo world that Sam has, with a note on it."""
    sam = policies.load_viewer(world.sam.id)
    row = Ticket.select().where((Ticket.status == "in_progress") & (Ticket.assignee == world.sam.id)).first()
    conversation.note(row, "Entre nous.", sam, clock.now, idempotency_key="note-of-the-browser")
    return Ticket.get_by_id(row.id)


@pytest.mark.parametrize(("viewport", "scheme"), each_look(DESK, PHONE, NARROW))
def test_no_page_of_the_desk_breaks_a_rule_of_accessibility(
    browser_context: Any,
    live_server: Any,
    world: Any,
    clock: Any,
    ticket: Ticket,
    axe: Any,
    viewport: Any,
    scheme: str,
) -> None:
    person = world.sam if scheme == "light" else world.vera
    page = signed_in(browser_context(viewport=viewport, color_scheme=scheme), live_server, person, clock)
    closed = Ticket.select().where(Ticket.status == "closed").first()
    deletion = Ticket.select().where(Ticket.form_slug == "user-deletion").first()
    for address in (
        "/desk",
        "/desk?q=introuvablissime",
        "/desk?queue=all&status=resolved&form=incident",
        f"/desk/tickets/{ticket.number}?queue=mine",
        f"/desk/tickets/{closed.number}",
        f"/desk/tickets/{deletion.number}",
    ):
        page.goto(address)
        axe(page)
        assert_looks(page)
    page.goto(f"/desk/tickets/{ticket.number}")
    for summary in page.locator(".desk-side details.fold > summary").all():
        summary.click()
    page.locator("label[for=mode-note]").click()
    axe(page)
    assert_looks(page)
    page.locator(".form-note button.btn-note").click()
    page.locator(".error-summary").wait_for()
    axe(page)


def test_the_keys_of_the_desk_move_answer_and_note(
    browser_context: Any, live_server: Any, world: Any, clock: Any, ticket: Ticket
) -> None:
    page = signed_in(browser_context(), live_server, world.sam, clock)
    page.goto("/desk?queue=mine")
    rows = page.locator("[data-queue] li a")
    assert rows.count() >= 2
    focused = "document.activeElement.getAttribute('href')"
    page.keyboard.press("j")
    page.keyboard.press("j")
    assert page.evaluate(focused) == rows.nth(1).get_attribute("href")
    page.keyboard.press("k")
    assert page.evaluate(focused) == rows.nth(0).get_attribute("href")
    page.keyboard.press("Enter")
    page.wait_for_url("**/desk/tickets/**")
    page.keyboard.press("n")
    assert page.evaluate("document.activeElement.id") == "note-body"
    page.keyboard.type("jknr?")
    assert page.locator("#note-body").input_value() == "jknr?"
    page.locator("h1").click()
    page.keyboard.press("r")
    assert page.evaluate("document.activeElement.id") == "body"
    page.locator("h1").click()
    page.keyboard.press("?")
    assert page.locator("dialog[data-keys]").is_visible()


def test_single_keys_are_switched_off_in_the_profile(
    browser_context: Any, live_server: Any, world: Any, clock: Any
) -> None:
    page = signed_in(browser_context(), live_server, world.sam, clock)
    for off in (True, False):
        page.goto("/account")
        page.locator("#keys-on").press("Space")
        page.goto("/desk?queue=all")
        page.keyboard.press("?")
        assert page.locator("dialog[data-keys]").is_visible() is not off
        page.keyboard.press("Escape")
        page.keyboard.press("/")
        assert page.evaluate("document.activeElement.type === 'search'") is not off


def test_an_agent_without_scripts_answers_notes_and_takes(
    browser_context: Any, live_server: Any, world: Any, clock: Any
) -> None:
    row = Ticket.select().where(Ticket.assignee.is_null() & (Ticket.status == "registered")).first()
    page = signed_in(browser_context(java_script_enabled=False), live_server, world.sam, clock)
    page.goto(f"/desk/tickets/{row.number}")
    assert page.locator("#body").is_visible()
    assert not page.locator("#note-body").is_visible()
    page.locator("label[for=mode-note]").click()
    assert page.locator("#note-body").is_visible()
    assert not page.locator("#body").is_visible()
    page.fill("#note-body", "Sans script.")
    page.locator(".form-note button.btn-note").click()
    page.locator("article[data-message=note]").wait_for()
    page.locator(".toolbar form button").click()
    page.locator(".messages .callout").wait_for()
    page.fill("#body", "Une question.")
    page.select_option("#then", "waiting_customer")
    page.locator(".form-reply button.btn-primary").click()
    page.locator(".ticket-head[data-status=waiting_customer]").wait_for()
    kinds = [
        message.kind for message in Message.select().where(Message.ticket == row.id).order_by(Message.id)
    ]
    assert kinds == ["reply", "note", "reply"]
    assert Ticket.get_by_id(row.id).assignee_id == world.sam.id


def test_two_agents_at_once_lose_nothing(
    browser_context: Any, live_server: Any, world: Any, clock: Any, ticket: Ticket
) -> None:
    page = signed_in(browser_context(), live_server, world.sam, clock)
    page.goto(f"/desk/tickets/{ticket.number}")
    page.fill("#body", "Ma réponse patiente.")
    lifecycle.move(ticket, "escalated_l2", policies.load_viewer(world.ines.id), clock.now)
    page.locator(".form-reply button.btn-primary").click()
    page.locator("[role=alert]", has_text="Inès Haddad").wait_for()
    assert page.locator("#body").input_value() == "Ma réponse patiente."
    page.locator(".form-reply button.btn-primary").click()
    page.locator(".messages .callout").wait_for()
    bodies = [message.body for message in Message.select().where(Message.ticket == ticket.id)]
    assert bodies.count("Ma réponse patiente.") == 1


def test_a_phone_shows_the_queue_or_the_request(
    browser_context: Any, live_server: Any, world: Any, clock: Any, ticket: Ticket
) -> None:
    page = signed_in(browser_context(viewport=PHONE), live_server, world.sam, clock)
    page.goto("/desk?queue=mine")
    assert page.locator(".desk-queue").is_visible()
    assert not page.locator(".desk-main").is_visible()
    page.locator("[data-queue] li a").first.click()
    page.wait_for_url("**/desk/tickets/**")
    assert not page.locator(".desk-queue").is_visible()
    page.locator(".idline a.only-narrow").click()
    page.wait_for_url("**/desk?queue=mine")
