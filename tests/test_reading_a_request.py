"""The page of a request as it is read: past a long conversation, on paper, with small pictures."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from models import Message
from tests.support.browser_pages import be
from tests.support.browsing import DESK, PHONE
from tests.support.right_entries import JPEG
from tests.support.scene import Scene


@pytest.fixture
def scene(app: Any, world: SimpleNamespace) -> Scene:
    return Scene(app, world)


def talk(scene: Scene, messages: int) -> Any:
    """A request with so many messages, the last one of Sam."""
    ticket = scene.request("alice")
    for number in range(1, messages):
        scene.reply(
            ticket, "sam" if number % 2 else "alice", f"Message {number}. " + "Une longue phrase. " * 60
        )
    return ticket


@pytest.mark.parametrize(("name", "prefix"), [("alice", ""), ("sam", "/desk")])
def test_the_last_message_is_one_link_away(
    client: Any, scene: Scene, world: SimpleNamespace, name: str, prefix: str
) -> None:
    ticket = talk(scene, 6)
    last = Message.select().where(Message.ticket == ticket.id).order_by(Message.id.desc()).first()
    client.sign_in(getattr(world, name))
    page = client.get(f"{prefix}/tickets/{ticket.number}")
    assert f'href="#m{last.id}"' in page.text
    assert f'id="m{last.id}"' in page.text
    author = "Vous" if name == "sam" else world.sam.full_name
    assert f"Dernier message : {author}, " in page.text.replace("\u202f", " ").replace("\xa0", " ")


def test_a_short_conversation_needs_no_link(client: Any, scene: Scene, world: SimpleNamespace) -> None:
    ticket = talk(scene, 3)
    client.sign_in(world.alice)
    assert "Dernier message" not in client.get(f"/tickets/{ticket.number}").text


def test_an_agent_is_led_to_a_note_that_a_customer_is_not(
    client: Any, scene: Scene, world: SimpleNamespace
) -> None:
    ticket = talk(scene, 4)
    scene.note(ticket)
    last = Message.select().where(Message.ticket == ticket.id).order_by(Message.id.desc()).first()
    assert last.kind == "note"
    client.sign_in(world.sam)
    assert f'href="#m{last.id}"' in client.get(f"/desk/tickets/{ticket.number}").text
    client.sign_in(world.alice)
    page = client.get(f"/tickets/{ticket.number}").text
    assert f"#m{last.id}" not in page and "Dernier message" in page


@pytest.mark.parametrize("viewport", [DESK, PHONE])
@pytest.mark.parametrize(("name", "prefix"), [("alice", ""), ("sam", "/desk")])
def test_the_link_shows_the_message_and_the_keyboard_goes_on_from_there(
    browser_context: Any,
    live_server: Any,
    world: SimpleNamespace,
    viewport: Any,
    name: str,
    prefix: str,
) -> None:
    ticket = talk(Scene(live_server.application, world), 8)
    context = browser_context(viewport=viewport, java_script_enabled=False)
    page = be(context, live_server, getattr(world, name)).new_page()
    page.goto(f"{prefix}/tickets/{ticket.number}")
    link = page.locator("a[href^='#m']").filter(has_text="Dernier message")
    link.focus()
    page.keyboard.press("Enter")
    who = page.locator("[data-message]").last.locator(".who")
    box = who.bounding_box()
    assert box is not None and 0 <= box["y"] < viewport["height"] - 200, box


def test_paper_holds_what_the_form_asked_and_no_buttons(
    browser_context: Any, live_server: Any, world: SimpleNamespace
) -> None:
    label = {"label_fr": "Adresse de la page", "label_en": "Address of the page"}
    answer = {"key": "page_url", "kind": "url", "value": "https://temps.initech.example/atelier", **label}
    ticket = Scene(live_server.application, world).request("alice", answers=[answer])
    page = be(browser_context(), live_server, world.alice).new_page()
    page.goto(f"/tickets/{ticket.number}")
    asked = page.locator("aside dd", has_text="temps.initech.example")
    assert not asked.is_visible(), "folded on the screen"
    page.emulate_media(media="print")
    assert asked.is_visible()
    assert page.locator("main .btn:visible, main summary:visible").all_inner_texts() == []
    assert page.locator(".composer").is_hidden()


def test_a_small_picture_is_not_blown_up(
    browser_context: Any, live_server: Any, world: SimpleNamespace
) -> None:
    scene = Scene(live_server.application, world)
    ticket = scene.request("alice", attachment_keys=[scene.upload("alice", "icone.jpg", JPEG).key])
    page = be(browser_context(), live_server, world.alice).new_page()
    page.goto(f"/tickets/{ticket.number}")
    picture = page.locator(".shot img")
    picture.scroll_into_view_if_needed()
    page.wait_for_function("() => document.querySelector('.shot img').naturalWidth > 0")
    assert picture.bounding_box()["width"] <= 26
