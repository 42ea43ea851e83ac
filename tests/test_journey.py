"""From a customer's question to a closed request and its follow-up: the whole way, in a real browser, with real mails."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from playwright.sync_api import expect

import jobs
from forms.requests import REQUEST_FORMS
from models import Attachment, Consent, Message, Participant, Person, Ticket
from tests.support.browser_pages import (
    DOCUMENT,
    PICTURE,
    be,
    choose,
    fill_in,
    number_of,
    send,
    sign_in_by_page,
)
from tests.support.browsing import DESK, PHONE, assert_looks
from tests.support.scene import NOTE_CANARY
from tests.support.server import LiveServer, free_port

SUMMARY = {
    "fr": "Les heures de l’atelier ne se valident plus",
    "en": "Workshop hours can no longer be validated",
}
WORDS = {
    "fr": {
        "sign_in": "Se connecter",
        "new": "Nouvelle demande",
        "ask_whom": "Bob Lefèvre",
        "yours": "Votre réponse est attendue",
        "back": "La demande est de nouveau entre nos mains",
        "closes": "vendredi 20 novembre",
        "follow_up": "Créer un suivi",
        "follows": "Suivi de",
        "severity": "2",
        "received": "reçue",
        "nothing": "Il n’y a rien ici",
        "sign_out": "Se déconnecter",
    },
    "en": {
        "sign_in": "Sign in",
        "new": "New request",
        "ask_whom": "Bob Lefèvre",
        "yours": "Your answer is awaited",
        "back": "The request is in our hands again",
        "closes": "Friday 20 November",
        "follow_up": "Create a follow-up",
        "follows": "Follow-up of",
        "severity": "2",
        "received": "received",
        "nothing": "There is nothing here",
        "sign_out": "Sign out",
    },
}
LOCALES = {"fr": "fr-FR", "en": "en-GB"}


@pytest.fixture
def live_server(make_app: Any, world: SimpleNamespace, smtp_server: Any) -> Any:
    """The portal behind a real server, with a real mail server behind it."""
    port = free_port()
    server = LiveServer(
        make_app(PORT=str(port), BASE_URL=f"http://127.0.0.1:{port}", SMTP_URL=smtp_server.url), port
    )
    server.start()
    yield server
    server.stop()
    assert not server.errors, "the portal logged errors: " + "\n".join(server.errors)


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_whole_way_of_a_request(
    language: str,
    browser_context: Any,
    live_server: Any,
    smtp_server: Any,
    world: SimpleNamespace,
    clock: Any,
) -> None:
    Person.update(language=language).execute()
    words, summary = WORDS[language], SUMMARY[language]
    app = live_server.application

    def open_for(person: str | None = None, **options: Any) -> Any:
        context = browser_context(locale=LOCALES[language], **options)
        return (be(context, live_server, getattr(world, person)) if person else context).new_page()

    def mails_to(person: str) -> list[Any]:
        assert jobs.run("outbox", app, clock.now).outcome == "ok"
        return smtp_server.postbox.to(getattr(world, person).email)

    # Alice signs in on the page, finds the form in the catalogue, and sends it with two files; she clicks twice.
    alice = open_for(viewport=PHONE)
    alice.goto("/")
    alice.locator("main").get_by_role("link", name=words["sign_in"]).click()
    sign_in_by_page(alice, "alice@acme.example")
    expect(alice).to_have_url(f"{live_server.url}/")
    alice.locator("header").get_by_role("link", name=words["new"]).click()
    alice.locator('a[href="/requests/new/incident"]').click()
    expect(alice.locator("main h1")).to_be_visible()
    fill_in(alice, "incident", summary=summary)
    alice.locator("[name=attachments]").set_input_files([PICTURE, DOCUMENT])
    expect(alice.locator("[data-files-of] li")).to_have_count(2)
    alice.locator("#request .form-actions button.btn-primary").dblclick(no_wait_after=True)
    alice.wait_for_url("**/tickets/*")
    number = number_of(alice)
    expect(alice.locator(".messages[role=status]")).to_contain_text(number)
    expect(alice.locator(f'[data-ticket="{number}"]')).to_have_attribute("data-status", "registered")
    expect(alice.locator("main")).to_contain_text("capture.png")
    assert_looks(alice)
    ticket = Ticket.get(Ticket.number == number)
    assert Ticket.select().where(Ticket.summary == summary).count() == 1
    assert {row.name for row in Attachment.select().where(Attachment.ticket == ticket)} == {
        "capture.png",
        "preuve.pdf",
    }
    assert Consent.get(Consent.ticket == ticket).person_id == world.alice.id

    # The confirmation says number and severity, in her language, and leads to the page.
    (received,) = mails_to("alice")
    text = received.get_body(("plain",)).get_content()
    assert received["X-Guichet-Mail"] == "request-received"
    assert received["X-Guichet-Ticket"] == number
    assert number in str(received["Subject"])
    assert f"{live_server.url}/tickets/{number}" in text
    assert words["severity"] in text
    assert received.get_body(("html",)).get_content().count(f'lang="{language}"') >= 1

    # It shows in her list, in the organisation's list for bob; charlie and dana learn nothing.
    alice.goto("/tickets")
    expect(alice.locator(f'tr[data-ticket="{number}"]')).to_contain_text(summary)
    bob = open_for("bob")
    bob.goto("/tickets?list=organisation")
    expect(bob.locator(f'tr[data-ticket="{number}"]')).to_contain_text(summary)
    charlie = open_for("charlie")
    foreign = charlie.goto(f"/tickets/{number}")
    assert foreign.status == 404
    expect(charlie.locator("h1")).to_have_text(words["nothing"])
    dana = open_for("dana")
    assert dana.goto("/requests/new/incident").status == 403
    expect(dana.locator("main")).to_contain_text(words["ask_whom"])

    # Sam takes it, writes a note, and asks.
    clock.advance(minutes=20)
    sam = open_for("sam")
    sam.goto("/desk")
    sam.locator(f'a[href*="/desk/tickets/{number}"]').first.click()
    sam.locator('form[action$="/assignment"] button').first.click()
    expect(sam.locator(".messages[role=status]")).not_to_be_empty()
    sam.locator("label[for=mode-note]").click()
    sam.locator("[data-note]").fill(f"Le journal de l’atelier est plein. {NOTE_CANARY}")
    sam.locator('form[action$="/notes"] button.btn-note').click()
    expect(sam.locator('[data-message="note"]')).to_contain_text(NOTE_CANARY)
    clock.advance(minutes=5)
    sam.locator("label[for=mode-reply]").click()
    sam.locator("[data-reply]").fill("Quel navigateur utilisez-vous ?")
    sam.locator('form[action$="/replies"] select[name=status]').select_option("waiting_customer")
    sam.locator('form[action$="/replies"] button.btn-primary').click()
    expect(sam.locator(f'[data-ticket="{number}"][data-status]')).to_have_attribute(
        "data-status", "waiting_customer"
    )

    # Alice reads the question in a mail and answers on the page: a banner says so, and it is in progress again.
    asked = mails_to("alice")[-1]
    assert asked["X-Guichet-Ticket"] == number
    assert "Quel navigateur" in asked.get_body(("plain",)).get_content()
    alice.goto(f"/tickets/{number}")
    expect(alice.locator("main")).to_contain_text(words["yours"])
    expect(alice.locator("main")).not_to_contain_text(NOTE_CANARY)
    alice.locator("#answer textarea").fill("Firefox, sur le poste de l’atelier.")
    alice.locator("#answer [name=attachments]").set_input_files([PICTURE])
    alice.locator("#answer button.btn-primary").click()
    expect(alice.locator(".messages[role=status]")).to_contain_text(words["back"])
    expect(alice.locator(f'[data-ticket="{number}"]')).to_have_attribute("data-status", "in_progress")

    # Sam solves it. The page says when it closes by itself: the eleventh is a holiday.
    clock.advance(minutes=30)
    sam.reload()
    sam.locator("[data-reply]").fill("Le journal est vidé, les heures se valident de nouveau.")
    sam.locator('form[action$="/replies"] select[name=status]').select_option("resolved")
    sam.locator('form[action$="/replies"] button.btn-primary').click()
    expect(sam.locator(f'[data-ticket="{number}"][data-status]')).to_have_attribute("data-status", "resolved")
    assert mails_to("alice")[-1]["X-Guichet-Ticket"] == number
    alice.goto(f"/tickets/{number}")
    expect(alice.locator("main")).to_contain_text(words["closes"])

    # Seven working days later it closes by itself, not a day before.
    command = app.test_cli_runner()
    early = command.invoke(args=["jobs", "run", "closing", "--now", "2026-11-20T23:00"])
    assert early.exit_code == 0, early.output
    assert Ticket.get_by_id(ticket.id).status == "resolved"
    late = command.invoke(args=["jobs", "run", "closing", "--now", "2026-11-21T00:10+01:00"])
    assert late.exit_code == 0, late.output
    assert Ticket.get_by_id(ticket.id).status == "closed"
    clock.paris("2026-11-23 09:00")
    closed = mails_to("alice")[-1]
    assert (closed["X-Guichet-Mail"], closed["X-Guichet-Ticket"]) == ("closed", number)

    # Two weeks later her session has ended: the link of the mail asks to sign in, then opens the request.
    alice.goto(f"/tickets/{number}")
    expect(alice).to_have_url(f"{live_server.url}/login?next=/tickets/{number}")
    sign_in_by_page(alice, "alice@acme.example")
    expect(alice.locator(f'[data-ticket="{number}"]')).to_have_attribute("data-status", "closed")
    expect(alice.locator("#answer")).to_have_count(0)
    alice.get_by_role("link", name=words["follow_up"]).first.click()
    expect(alice.locator("[name=summary]")).to_have_value(summary)
    expect(alice.locator("main")).to_contain_text(f"{words['follows']} {number}")
    alice.locator("[name=reason]").fill("Cela recommence depuis ce matin.")
    choose(alice, "severity", "3")
    alice.locator("[name=page_url]").fill("https://temps.initech.example/atelier")
    alice.locator("[name=consent]").check()
    send(alice)
    alice.wait_for_url(lambda url: "/tickets/" in url and number not in url)
    follow_up = Ticket.get(Ticket.number == number_of(alice))
    assert follow_up.follow_up_of_id == ticket.id
    expect(alice.locator("main")).to_contain_text(number)

    # Every mail left once, to nobody else than those concerned.
    mails_to("alice")
    about = [mail for mail in smtp_server.mails if mail["X-Guichet-Ticket"] in {number, follow_up.number}]
    told = {str(mail["To"]) for mail in about}
    assert not any(world.charlie.email in to or world.dana.email in to for to in told), told
    identities = [mail["Message-ID"] for mail in smtp_server.mails]
    assert len(identities) == len(set(identities))
    assert all(NOTE_CANARY not in mail.as_string() for mail in smtp_server.mails if "acme" in str(mail["To"]))

    # Root sees all of it in the administration, and the history holds each move.
    root = open_for("root")
    root.goto(f"/admin/ticket/?search={number}")
    expect(root.locator("main")).to_contain_text(summary)
    root.goto(f"/admin/ticket/details/?id={ticket.id}")
    expect(root.locator("main")).to_contain_text(number)
    kinds = [event.kind for event in ticket.events.order_by(type(ticket.events[0]).id)]
    moves = ["created", "assigned", "noted", "replied", "replied", "resolved", "closed"]
    assert [kind.partition(":")[2] for kind in kinds if kind.partition(":")[2] in moves] == moves, kinds
    assert {message.kind for message in Message.select().where(Message.ticket == ticket)} == {"reply", "note"}

    # She signs out, and nothing is left of her.
    alice.locator("details.menu:has(.avatar) > summary").click()
    alice.get_by_role("button", name=words["sign_out"]).click()
    expect(alice).to_have_url(f"{live_server.url}/login")


# ---- Each form by hand -----------------------------------------------------------------------------------

BY_HAND = [
    (slug, ("fr", "en")[index % 2], (PHONE, DESK)[index // 2 % 2])
    for index, slug in enumerate(sorted(REQUEST_FORMS))
]


@pytest.mark.parametrize(("slug", "language", "size"), BY_HAND, ids=[f"{row[0]}-{row[1]}" for row in BY_HAND])
def test_a_person_sends_each_form(
    slug: str,
    language: str,
    size: dict[str, int],
    browser_context: Any,
    live_server: Any,
    world: SimpleNamespace,
) -> None:
    Person.update(language=language).execute()
    page = be(browser_context(locale=LOCALES[language], viewport=size), live_server, world.alice).new_page()
    page.goto("/catalogue")
    page.locator(f'a[href="/requests/new/{slug}"]').click()

    # Sent empty, it names what is missing, in a summary that has the focus; nothing is made.
    before = Ticket.select().count()
    page.locator("#request").evaluate("form => form.noValidate || (form.noValidate = true)")
    send(page)
    expect(page.locator(".error-summary")).to_be_focused()
    first = page.locator(".error-summary a").first
    target = str(first.get_attribute("href"))
    first.click()
    assert page.evaluate("id => document.activeElement.id === id.slice(1)", target)
    assert_looks(page)
    assert Ticket.select().count() == before

    # Filled in, with what is not asked by default too.
    fill_in(page, slug)
    page.locator("[name=cc]").fill("bob@acme.example")
    send(page)
    page.wait_for_url("**/tickets/**")
    assert_looks(page)
    ticket = Ticket.get(Ticket.number == number_of(page))
    assert (ticket.form_slug, ticket.requester_id, ticket.status) == (slug, world.alice.id, "registered")
    assert ticket.team_id is not None
    assert Participant.get(Participant.ticket == ticket).person_id == world.bob.id
