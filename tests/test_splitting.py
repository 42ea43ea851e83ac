"""Splitting: one public message becomes a request of its own, numbered, routed, confirmed, with files of its own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import presenters
from domain import audit, conversation, files, policies, reading, splitting
from domain.refusals import Invalid, Missing, NotAllowed, NotNow, Refusal
from gateways.files import DiskStore
from models import (
    Attachment,
    Membership,
    Message,
    Portal,
    RequestForm,
    RoutingRule,
    Team,
    Ticket,
    TicketEvent,
)
from tests.conftest import NOW
from tests.support.casework import (
    NAMED,
    again,
    answer,
    faults,
    forget_mails,
    history,
    key,
    last_event,
    mails,
    on,
    person,
    put_in,
    rows_of_everything,
    see,
    send,
    together,
)
from tests.support.right_entries import PDF, PNG
from tests.support.scene import Scene

LATER = NOW + timedelta(hours=2)


@pytest.fixture
def store(tmp_path: Path) -> DiskStore:
    return DiskStore(tmp_path / "files")


@pytest.fixture
def split(world: SimpleNamespace, store: DiskStore) -> Any:
    """Split a message off as sam does."""

    def act(ticket: Ticket, message: Message, summary: str = "Un autre sujet", **more: Any) -> Ticket:
        more.setdefault("idempotency_key", key())
        by = see(more.pop("by", world.sam))
        return splitting.split(again(ticket), message.id, summary, by, LATER, store=store, **more)

    return act


def first_message(ticket: Ticket) -> Message:
    return Message.select().where(Message.ticket == ticket.id).order_by(Message.id).first()


def stored(store: DiskStore) -> set[str]:
    return {path.name for path in store.root.rglob("*") if path.is_file()}


def attach(store: DiskStore, by: Any, name: str = "releve.pdf", content: bytes = PDF) -> str:
    return files.keep(BytesIO(content), name, see(by), NOW, store).key


def test_the_new_request_is_like_the_first_with_the_words_of_the_message(world: Any, split: Any) -> None:
    ticket = send(world, priority="2", audience="only_me", share_with_account_manager=True)
    message = answer(ticket, world.alice, "Autre chose : **les congés** aussi.")
    made = split(ticket, message, "  Les congés   sont faux ")
    row = again(made)
    assert row.summary == "Les congés sont faux"
    same = (
        "organisation_id", "form_slug", "category_slug", "kind_slug", "product_id", "audience", "scale_slug", "priority",
        "priority_asked", "priority_position", "shared_with_account_manager",
    )  # fmt: skip
    for name in same:
        assert getattr(row, name) == getattr(again(ticket), name), name
    assert (row.status, row.split_of_id, row.opened_by_id) == ("registered", ticket.id, world.sam.id)
    assert row.requester_id == world.alice.id
    assert row.assignee_id is None and row.first_response_at is None
    words = first_message(made)
    assert (words.body, words.author_id, words.side, words.kind) == (
        message.body,
        world.alice.id,
        "customer",
        "reply",
    )
    assert made.messages.count() == 1


def test_numbers_go_on_without_a_gap(world: Any, split: Any) -> None:
    ticket = send(world)
    made = split(ticket, first_message(ticket))
    after = send(world)
    numbers = [int(row.number.partition("-")[2]) for row in (ticket, made, after)]
    assert numbers == [numbers[0], numbers[0] + 1, numbers[0] + 2]
    with pytest.raises(Invalid):
        split(ticket, first_message(ticket), "")
    assert Portal.get(Portal.prefix == "SUP").last_number == numbers[2]


def test_the_first_request_stays_as_it_is_but_for_its_history(world: Any, split: Any) -> None:
    ticket = put_in(send(world), "waiting_customer", assignee=world.sam)
    message = answer(ticket, world.ines)
    before = Ticket.select().where(Ticket.id == ticket.id).tuples().get()
    split(ticket, message)
    assert Ticket.select().where(Ticket.id == ticket.id).tuples().get() == before
    assert history(ticket)[-1] == "ticket:split"
    assert ticket.messages.count() == 2


def test_the_requester_gets_the_usual_confirmation_and_the_team_its_mail(world: Any, split: Any) -> None:
    ticket = send(world, cc=["dana@acme.example"])
    forget_mails()
    made = split(ticket, first_message(ticket))
    told = mails(made)
    assert ("request-received", "alice") in told
    assert {name for template, name in told if template == "request-received"} == {"alice"}
    assert any(template == "team-new" for template, _name in told)
    assert mails(ticket) == set()


def test_the_author_of_the_message_is_the_requester(world: Any, split: Any) -> None:
    ticket = send(world)
    colleague = answer(ticket, world.bob, "Et chez moi, c’est l’export.")
    assert again(split(ticket, colleague)).requester_id == world.bob.id


def test_words_of_the_team_or_of_somebody_who_left_go_to_the_first_requester(world: Any, split: Any) -> None:
    ticket = send(world)
    ours = answer(ticket, world.sam, "Nous voyons aussi ceci.")
    made = split(ticket, ours)
    assert again(made).requester_id == world.alice.id
    assert (first_message(made).side, again(made).last_message_side) == ("team", "team")
    theirs = answer(ticket, world.bob, "Et cela.")
    Membership.update(removed_at=NOW).where(Membership.person == world.bob.id).execute()
    assert again(split(ticket, theirs)).requester_id == world.alice.id


def test_somebody_in_copy_from_outside_is_no_requester(world: Any, split: Any) -> None:
    outside = person("tiers", "consultant.example")
    ticket = send(world)
    conversation.add_cc(ticket, outside.email, see(world.sam), NOW)
    message = answer(ticket, outside, "Vu de chez nous.")
    assert again(split(ticket, message)).requester_id == world.alice.id


def test_those_in_copy_come_along_only_when_they_are_wanted(world: Any, split: Any) -> None:
    ticket = send(world, cc=["dana@acme.example", "paie@acme.example"])
    conversation.collaborate(ticket, see(world.bob), NOW)
    message = first_message(ticket)
    assert on(split(ticket, message)) == {}
    forget_mails()
    made = split(ticket, message, "Encore", with_cc=True)
    assert on(made) == {"dana": "cc", "paie": "cc", "bob": "collaborator"}
    told = {name for template, name in mails(made) if template == "request-received"}
    assert told == {"alice", "dana", "paie", "bob"}
    theirs = answer(ticket, world.bob, "Moi aussi.")
    assert on(split(ticket, theirs, "Le mien", with_cc=True)) == {"dana": "cc", "paie": "cc"}


def test_named_readers_of_the_first_are_those_of_the_new_one(world: Any, split: Any) -> None:
    reader = person("rita")
    Membership.create(person=reader, organisation=world.organisations["acme"].id, role="member")
    ticket = send(world, audience="people", audience_people=[reader.id])
    made = split(ticket, answer(ticket, world.bob, "Autre chose."))
    assert on(made) == {"rita": "reader", "alice": "reader"}
    assert policies.can_see(see(world.alice), made)
    assert not policies.can_see(see(world.dana), made)


def test_the_team_is_that_of_the_rules_for_the_form_chosen(world: Any, split: Any) -> None:
    ticket = send(world)
    team = Team.get(Team.slug == "engineering")
    form = RequestForm.get(RequestForm.slug == "billing-question")
    RoutingRule.create(position=0, form=form, team=team)
    made = split(ticket, first_message(ticket), form_slug="billing-question")
    assert (made.form_slug, made.category_slug) == ("billing-question", "billing")
    assert made.team_id == team.id != ticket.team_id


# Files


def test_each_request_owns_its_files(world: Any, split: Any, store: DiskStore) -> None:
    keys = (attach(store, world.alice), attach(store, world.alice, "ecran.png", PNG))
    ticket = send(world)
    message = answer(ticket, world.alice, "Voici.", attachment_keys=keys)
    other = answer(
        ticket, world.alice, "Et ceci.", attachment_keys=(attach(store, world.alice, "autre.pdf"),)
    )
    assert other
    made = split(ticket, message)
    ours = list(Attachment.select().where(Attachment.ticket == ticket.id).order_by(Attachment.id))[:2]
    theirs = list(Attachment.select().where(Attachment.ticket == made.id).order_by(Attachment.id))
    assert [row.name for row in theirs] == ["releve.pdf", "ecran.png"]
    for mine, copy, content in zip(ours, theirs, (PDF, PNG), strict=True):
        assert (copy.sha256, copy.size, copy.content_type) == (mine.sha256, mine.size, mine.content_type)
        assert copy.stored_name != mine.stored_name and copy.key != mine.key
        assert (copy.uploader_id, copy.message_id) == (world.alice.id, first_message(made).id)
        store.delete(mine.stored_name)
        with store.open(copy.stored_name) as file:
            assert file.read() == content
    assert files.readable(theirs[0].key, see(world.alice)).id == theirs[0].id


def test_a_picture_in_the_text_is_the_copy_and_stays_in_its_place(
    world: Any, split: Any, store: DiskStore
) -> None:
    mine = attach(store, world.alice, "ecran.png", PNG)
    elsewhere = "x" * 43
    ticket = send(world)
    words = f"Voici ![l’écran](file:{mine}) et ![rien](file:{elsewhere})"
    made = split(ticket, answer(ticket, world.alice, words, attachment_keys=(mine,)))
    copy = Attachment.get(Attachment.ticket == made.id)
    assert first_message(made).body == words.replace(mine, copy.key)
    assert Message.get(Message.ticket == ticket.id, Message.body == words)


def test_a_file_that_cannot_be_read_leaves_nothing_behind(world: Any, split: Any, store: DiskStore) -> None:
    keys = (attach(store, world.alice), attach(store, world.alice, "ecran.png", PNG))
    ticket = send(world)
    message = answer(ticket, world.alice, "Voici.", attachment_keys=keys)
    lost = Attachment.get(Attachment.key == keys[1])
    store.delete(lost.stored_name)
    before, on_disk = rows_of_everything(), stored(store)
    with pytest.raises(NotNow) as fault:
        split(ticket, message)
    assert (fault.value.code, fault.value.status) == ("files-away", 503)
    assert (rows_of_everything(), stored(store)) == (before, on_disk)


def test_a_damaged_file_is_not_passed_on(world: Any, split: Any, store: DiskStore) -> None:
    keys = (attach(store, world.alice),)
    ticket = send(world)
    message = answer(ticket, world.alice, "Voici.", attachment_keys=keys)
    Attachment.update(sha256="0" * 64).where(Attachment.key == keys[0]).execute()
    on_disk = stored(store)
    with pytest.raises(NotNow, match="files-away"):
        split(ticket, message)
    assert stored(store) == on_disk


# Twice


def test_the_same_form_sent_twice_makes_one_request_and_one_set_of_files(
    world: Any, split: Any, store: DiskStore
) -> None:
    ticket = send(world)
    message = answer(ticket, world.alice, "Voici.", attachment_keys=(attach(store, world.alice),))
    once = key()
    made = split(ticket, message, idempotency_key=once)
    before, on_disk = rows_of_everything(), stored(store)
    assert split(ticket, message, idempotency_key=once).id == made.id
    assert (rows_of_everything(), stored(store)) == (before, on_disk)
    with pytest.raises(NotNow, match="key-reused"):
        split(ticket, message, "Tout autre chose", idempotency_key=once)
    with pytest.raises(NotNow, match="key-reused"):
        split(ticket, message, idempotency_key=once, by=world.ines)


def test_the_same_form_sent_twice_at_one_instant_makes_one_request(
    world: Any, database: Any, store: DiskStore
) -> None:
    ticket = send(world)
    message = answer(ticket, world.alice, "Voici.", attachment_keys=(attach(store, world.alice),))
    once, sam = key(), see(world.sam)
    act = lambda: splitting.split(ticket, message.id, "X", sam, LATER, store=store, idempotency_key=once)  # noqa: E731
    results = together([act, act, act], database)
    assert faults(results) == []
    assert len({row.id for row in results}) == 1
    assert Attachment.select().where(Attachment.ticket == results[0].id).count() == 1
    assert len(stored(store)) == 2
    assert audit.verify() == []


# Refused


def refused(call: Any) -> tuple[type, str, str | None]:
    before = rows_of_everything()
    with pytest.raises(Refusal) as fault:
        call()
    assert rows_of_everything() == before
    return type(fault.value), fault.value.code, fault.value.field


def test_a_note_or_a_message_of_another_request_is_not_there(world: Any, split: Any) -> None:
    ticket, other = send(world), send(world)
    note = conversation.note(ticket, "Entre nous.", see(world.sam), NOW, idempotency_key=key())
    assert refused(lambda: split(ticket, note)) == (Missing, "missing", None)
    assert refused(lambda: split(ticket, first_message(other))) == (Missing, "missing", None)


def test_only_the_desk_splits(world: Any, split: Any) -> None:
    ticket = send(world)
    message = first_message(ticket)
    for who, fault in ((world.alice, NotAllowed), (world.bob, NotAllowed), (world.charlie, Missing)):
        assert refused(lambda: split(ticket, message, by=who))[0] is fault  # noqa: B023


def test_the_subject_is_needed_and_has_an_end(world: Any, split: Any) -> None:
    ticket = send(world)
    message = first_message(ticket)
    assert refused(lambda: split(ticket, message, " \n ")) == (Invalid, "summary-empty", "summary")
    assert refused(lambda: split(ticket, message, "x" * 201)) == (Invalid, "name-too-long", "summary")


@pytest.mark.parametrize("slug", ["user-deletion", "mfa-reset", "licence", "nothing"])
def test_a_form_that_needs_more_than_words_cannot_be_had_by_splitting(
    world: Any, split: Any, slug: str
) -> None:
    ticket = send(world)
    assert refused(lambda: split(ticket, first_message(ticket), form_slug=slug)) == (
        Invalid,
        "split-form",
        "form",
    )


def test_what_is_split_from_an_irreversible_request_is_a_plain_one(world: Any, split: Any) -> None:
    ticket = send(world, form_slug="user-deletion", priority=None, named_people=NAMED)
    made = split(ticket, answer(ticket, world.alice, "Autre chose."))
    assert made.form_slug == "question"


def test_a_form_that_is_switched_off_stays_that_of_what_is_split_from_it(world: Any, split: Any) -> None:
    ticket = send(world)
    RequestForm.update(is_active=False).where(RequestForm.slug == ticket.form_slug).execute()
    from domain import catalogue

    catalogue.forget()
    assert split(ticket, first_message(ticket)).form_slug == ticket.form_slug
    assert ticket.form_slug not in {form.slug for form in splitting.forms()}


def test_a_late_word_on_a_closed_request_can_become_one_of_its_own(world: Any, split: Any) -> None:
    ticket = put_in(send(world), "closed")
    assert again(split(ticket, first_message(ticket))).status == "registered"


# What is said to whom


def test_each_history_names_the_other_only_to_those_who_may_know_of_it(
    world: Any, split: Any, app: Any
) -> None:
    ticket = send(world, audience="only_me")
    conversation.add_cc(ticket, "dana@acme.example", see(world.alice), NOW)
    made = split(ticket, first_message(ticket))
    assert (last_event(ticket).data["number"], history(made)[0]) == (made.number, "ticket:created")

    def said(row: Ticket, viewer: Any) -> str:
        read = reading.read(see(viewer), reading.load(see(viewer), row.number))
        with app.test_request_context("/"):
            return "\n".join(
                presenters.event_sentence(event, see(viewer), read.names, False, read.kin)
                for event in read.events
            )

    assert made.number in said(ticket, world.alice) and ticket.number in said(made, world.alice)
    assert made.number in said(ticket, world.bob)
    assert made.number not in said(ticket, world.dana)
    assert "il devient une autre demande" in said(ticket, world.dana)
    read = reading.read(see(world.alice), reading.load(see(world.alice), made.number))
    assert read.split_of.number == ticket.number
    read = reading.read(see(world.alice), reading.load(see(world.alice), ticket.number))
    assert [row.number for row in read.splits] == [made.number]


def test_the_event_of_the_message_names_it(world: Any, split: Any) -> None:
    ticket = send(world)
    message = first_message(ticket)
    split(ticket, message)
    event = TicketEvent.get((TicketEvent.ticket == ticket.id) & (TicketEvent.kind == "ticket:split"))
    assert event.data["of_message"] == message.id
    assert event.is_public


# Pages


@pytest.fixture
def scene(client: Any, world: SimpleNamespace) -> Iterator[Scene]:
    yield Scene(client.application, world)


def test_the_page_of_the_desk_leads_to_each_public_message(client: Any, world: Any, scene: Scene) -> None:
    ticket = scene.request("alice")
    note = scene.note(ticket)
    message = first_message(ticket)
    client.sign_in(world.sam)
    page = client.get(f"/desk/tickets/{ticket.number}").text
    assert f"/desk/tickets/{ticket.number}/split?message={message.id}" in page
    assert f"split?message={note.id}" not in page
    client.sign_in(world.alice)
    assert "/split?" not in client.get(f"/tickets/{ticket.number}").text


def test_a_message_is_split_off_from_its_page(client: Any, world: Any, scene: Scene) -> None:
    sent = scene.upload("alice", "preuve.pdf", PDF)
    ticket = scene.request(
        "alice", summary="Deux sujets", attachment_keys=[sent.key], cc=["paie@acme.example"]
    )
    message = first_message(ticket)
    client.sign_in(world.sam)
    where = f"/desk/tickets/{ticket.number}/split?message={message.id}"
    page = client.get(where)
    assert "Deux sujets" in page.text and "preuve.pdf" in page.text and "paie@acme.example" in page.text
    bad = client.send(page, form="split", summary="")
    assert bad.status_code == 422
    assert 'id="summary-error"' in bad.text
    done = client.send(bad, form="split", summary="Le second sujet", with_cc="y")
    assert done.status_code == 303
    made = Ticket.get(Ticket.split_of == ticket.id)
    assert done.headers["Location"].endswith(f"/desk/tickets/{made.number}")
    assert (made.summary, made.requester_id) == ("Le second sujet", world.alice.id)
    assert on(made) == {"paie": "cc"}
    assert [row.name for row in made.attachments] == ["preuve.pdf"]
    assert ticket.number in client.get(f"/desk/tickets/{made.number}").text
    client.sign_in(world.alice)
    assert "Détachée de" in client.get(f"/tickets/{made.number}").text


@pytest.mark.parametrize("message", ["", "0", "x", "999999999", "-1", "1e3"])
def test_a_message_that_is_none_is_not_there(client: Any, world: Any, scene: Scene, message: str) -> None:
    ticket = scene.request("alice")
    client.sign_in(world.sam)
    assert client.get(f"/desk/tickets/{ticket.number}/split?message={message}").status_code == 404
