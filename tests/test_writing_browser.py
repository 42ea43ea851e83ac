"""Writing in a real browser: the toolbar, pictures in their place, files with progress, drafts, without scripts too."""

from __future__ import annotations

import base64
import re
from typing import Any

import pytest
from playwright.sync_api import expect

from domain import policies
from models import Attachment, Draft, Ticket
from tests.support.browsing import DESK, NARROW, PHONE, assert_looks
from tests.support.eye import each_look
from tests.support.right_entries import PNG

pytestmark = pytest.mark.browser

FORM = "/requests/new/question"
# A file that somebody pastes or drops, made inside the page.
TRANSFER = """(name) => {
  const bytes = Uint8Array.from(atob('PICTURE'), (c) => c.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name, {type: 'image/png'}));
  return transfer;
}""".replace("PICTURE", base64.b64encode(PNG).decode())


def browser_of(context: Any, live_server: Any, person: Any) -> Any:
    client = live_server.application.test_client()
    client.sign_in(person)
    cookie = client.get_cookie("guichet")
    context.add_cookies([{"name": "guichet", "value": cookie.value, "url": live_server.url}])
    return context.new_page()


@pytest.fixture
def page(browser_context: Any, live_server: Any, world: Any, clock: Any) -> Any:
    return browser_of(browser_context(viewport=DESK), live_server, world.alice)


def put_in(page: Any, kind: str, name: str = "image.png") -> None:
    transfer = page.evaluate_handle(TRANSFER, name)
    page.evaluate(
        """([kind, transfer]) => document.getElementById('description').dispatchEvent(kind === 'paste'
          ? new ClipboardEvent('paste', {clipboardData: transfer, bubbles: true, cancelable: true})
          : new DragEvent('drop', {dataTransfer: transfer, bubbles: true, cancelable: true}))""",
        [kind, transfer],
    )


def test_the_toolbar_writes_and_can_be_undone(page: Any) -> None:
    page.goto(FORM)
    area = page.locator("#description")
    area.fill("un mot")
    area.press("Control+a")
    area.press("Control+b")
    assert area.input_value() == "**un mot**"
    area.press("Control+z")
    assert area.input_value() == "un mot"
    for key, text in (("i", "*un mot*"), ("k", "[un mot](https://)")):
        area.press("Control+a")
        area.press(f"Control+{key}")
        assert area.input_value() == text
        area.fill("un mot")
    for act, text in (
        ("bullets", "- un mot"),
        ("numbers", "1. un mot"),
        ("quote", "> un mot"),
        ("code", "`un mot`"),
    ):
        area.fill("un mot")
        area.press("Control+a")
        page.click(f"#request [data-act={act}]")
        assert area.input_value() == text
    page.focus("#request [data-act=code]")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('[data-editor]') === null"), (
        "one stop for the whole bar"
    )
    page.focus("#request [data-act=code]")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.dataset.act") == "picture"
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.dataset.act") == "bold"


@pytest.mark.parametrize("kind", ["paste", "drop"])
def test_a_picture_put_into_the_text_stands_there_once_sent(page: Any, kind: str) -> None:
    page.goto(FORM)
    page.fill("#summary", "Écran des congés coupé")
    page.fill("#description", "Voici :")
    put_in(page, kind, "image.png" if kind == "paste" else "écran.png")
    expect(page.locator("#description")).to_have_value(re.compile(r"\(file:"))
    row = Attachment.select().order_by(Attachment.id.desc()).first()
    text = page.input_value("#description")
    assert text.startswith("Voici :\n![") and f"](file:{row.key})" in text
    assert page.evaluate("getSelection().toString()") == row.name or kind == "drop"
    page.check("#consent")
    page.click("#request .form-actions button")
    page.wait_for_url("**/tickets/**")
    page.wait_for_selector(f".prose img[src*='{row.key}']")
    assert page.evaluate("document.querySelector('.prose img').naturalWidth") == 1


def test_files_are_listed_removed_and_sent_again_after_a_fault(page: Any, browser_context: Any) -> None:
    browser_context.watch.allow("uploads")
    page.goto(FORM)
    page.route("**/uploads", lambda route: route.abort())
    page.set_input_files(
        "#attachments", {"name": "trace.txt", "mimeType": "text/plain", "buffer": b"une ligne"}
    )
    again = page.locator("[data-files-of=attachments] li .btn-secondary")
    again.wait_for()
    page.unroute("**/uploads")
    again.click()
    page.wait_for_selector("[data-files-of=attachments] input[name=attachment_keys]", state="attached")
    assert Attachment.select().where(Attachment.name == "trace.txt").count() == 1
    page.click("[data-files-of=attachments] li .btn-quiet")
    page.wait_for_selector("[data-files-of=attachments] li", state="detached")
    assert Attachment.select().where(Attachment.name == "trace.txt").count() == 0


def test_a_draft_is_restored_in_another_browser_and_put_away(
    page: Any, browser_context: Any, live_server: Any, world: Any
) -> None:
    page.goto(FORM)
    page.fill("#summary", "Problème")
    expect(page.locator("[data-draft-said]")).not_to_be_empty()
    page.wait_for_selector("[data-advice=summary]:not([hidden])")
    assert Draft.get().data["summary"] == ["Problème"]
    other = browser_of(browser_context(viewport=PHONE), live_server, world.alice)
    other.goto(FORM)
    assert other.input_value("#summary") == "Problème"
    other.click("[data-draft-afresh]")
    other.wait_for_selector("[data-draft-back]:not([hidden])")
    assert other.input_value("#summary") == ""
    other.click("[data-draft-back]")
    expect(other.locator("#summary")).to_have_value("Problème")


def test_leaving_the_page_keeps_what_was_just_typed(page: Any) -> None:
    page.goto(FORM)
    page.fill("#description", "À peine écrit")
    page.goto("/help")
    page.goto(FORM)
    assert page.input_value("#description") == "À peine écrit"


def test_without_scripts_a_button_keeps_the_draft(browser_context: Any, live_server: Any, world: Any) -> None:
    page = browser_of(browser_context(viewport=DESK, java_script_enabled=False), live_server, world.alice)
    page.goto(FORM)
    page.fill("#summary", "À finir")
    page.click("[data-draft-keep]")
    assert page.input_value("#summary") == "À finir"
    page.click("[data-draft-afresh]")
    assert page.input_value("#summary") == ""
    page.click("[data-draft-back]")
    assert page.input_value("#summary") == "À finir"


@pytest.mark.parametrize(("viewport", "scheme"), each_look(DESK, PHONE, NARROW))
def test_writing_breaks_no_rule_of_accessibility(
    browser_context: Any, live_server: Any, world: Any, clock: Any, axe: Any, viewport: Any, scheme: str
) -> None:
    context = browser_context(viewport=viewport, color_scheme=scheme)
    page = browser_of(context, live_server, world.alice)
    page.goto(FORM)
    page.fill("#summary", "Problème")
    page.set_input_files(
        "#attachments", {"name": "trace.txt", "mimeType": "text/plain", "buffer": b"une ligne"}
    )
    page.wait_for_selector("[data-advice=summary]:not([hidden])")
    axe(page)
    assert_looks(page)
    page.goto("/drafts")
    axe(page)
    assert_looks(page)
    ticket = (
        Ticket.select().where((Ticket.status == "in_progress") & (Ticket.assignee == world.sam.id)).first()
    )
    assert policies.can_see(policies.load_viewer(world.sam.id), ticket)
    desk = browser_of(browser_context(viewport=viewport, color_scheme=scheme), live_server, world.sam)
    desk.goto(f"/desk/tickets/{ticket.number}")
    desk.fill("textarea[data-reply]", "Bonjour")
    expect(desk.locator(".form-reply [data-draft-said]")).not_to_be_empty()
    axe(desk)
    assert_looks(desk)
