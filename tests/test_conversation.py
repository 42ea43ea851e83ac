"""What people write on a request: answers and the moves they make, notes, copies, collaborators, and double clicks."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from domain import accounts, contacts, conversation, files, lifecycle, policies, reading
from domain.refusals import Invalid, Missing, NotAllowed, NotNow
from models import Attachment, Membership, Message, OutboxMessage, Participant, Person, Ticket, TicketEvent
from tests.conftest import NOW
from tests.support.casework import (
    again,
    answer,
    faults,
    forget_mails,
    history,
    key,
    last_event,
    mails,
    person,
    prove,
    put_in,
    see,
    send,
    together,
    upload,
)

LATER = NOW + timedelta(hours=2)


def note(
    ticket: Ticket, by: Any, body: str = "Régression connue, voir l'ingénierie.", **more: Any
) -> Message:
    more.setdefault("idempotency_key", key())
    return conversation.note(ticket, body, see(by), more.pop("now", LATER), **more)


def thread(ticket: Ticket, viewer: Any) -> list[str]:
    return [message.body for message in reading.read(see(viewer), again(ticket)).messages]


# A customer's answer


@pytest.mark.parametrize("status", ["waiting_customer", "resolved", "customer_testing"])
def test_an_answer_puts_what_awaited_the_customer_back_to_work(world: Any, status: str) -> None:
    for assignee, target in ((world.sam, "in_progress"), (None, "qualified")):
        ticket = put_in(send(world), status, assignee=assignee)
        assert ticket.act_at is not None
        forget_mails()
        answer(ticket, world.alice, now=LATER)
        row = again(ticket)
        assert row.status == target
        assert (row.act_at, row.closes_at) == (None, None)
        assert (row.last_message_at, row.last_message_side) == (LATER, "customer")
        event = last_event(ticket)
        assert (event.data["from"], event.data["to"]) == (status, target)
        assert event.kind == ("ticket:reopened" if status == "resolved" else "ticket:replied")
        told = {who for _template, who in mails(ticket)}
        assert "alice" not in told
        assert "sam" in told, "the agent, or without one the team, hears of it"
        assert len(history(ticket)) == 2


@pytest.mark.parametrize(
    "status",
    ["registered", "qualified", "in_progress", "waiting_engineering", "awaiting_rollback", "blocked",
     "escalated_l2", "escalated_product", "escalated_development", "expired"],
)  # fmt: skip
def test_an_answer_while_the_team_is_at_it_keeps_the_status(world: Any, status: str) -> None:
    ticket = put_in(send(world), status, assignee=world.sam)
    forget_mails()
    answer(ticket, world.alice, now=LATER)
    assert again(ticket).status == status
    # What is written on a change that was undone reaches those who configure as well (LIFE-7).
    also = {("team-reply", "vera")} if status == "expired" else set()
    assert mails(ticket) == {("team-reply", "sam"), *also}


def test_an_answer_to_a_closed_request_is_refused_and_leaves_nothing(world: Any) -> None:
    ticket = put_in(send(world), "closed")
    kept = upload(world.alice)
    for who in (world.alice, world.bob, world.sam):
        with pytest.raises(NotNow) as refused:
            answer(ticket, who, attachment_keys=[kept] if who is world.alice else ())
        assert refused.value.code == "ticket-closed"
    assert Message.select().where(Message.ticket == ticket.id).count() == 1
    assert Attachment.get(Attachment.key == kept).ticket_id is None, "the file is not lost"


def test_an_answer_without_a_word_is_refused_unless_a_file_comes_with_it(world: Any) -> None:
    ticket = send(world)
    with pytest.raises(Invalid) as refused:
        answer(ticket, world.alice, "  \n ")
    assert (refused.value.code, refused.value.field) == ("body-empty", "body")
    message = answer(ticket, world.alice, "", attachment_keys=[upload(world.alice)])
    assert [row.name for row in message.attachments] == ["releve.txt"]


def test_a_message_has_an_end(world: Any) -> None:
    ticket = send(world)
    answer(ticket, world.alice, "a" * conversation.BODY_MAX_CHARACTERS)
    with pytest.raises(Invalid) as refused:
        answer(ticket, world.alice, "a" * (conversation.BODY_MAX_CHARACTERS + 1))
    assert refused.value.code == "body-too-long"


# An agent's answer


@pytest.mark.parametrize("status", ["registered", "qualified"])
def test_an_agent_who_answers_has_taken_the_request(world: Any, status: str) -> None:
    ticket = put_in(send(world), status)
    forget_mails()
    answer(ticket, world.sam, now=LATER)
    row = again(ticket)
    assert (row.status, row.assignee_id) == ("in_progress", world.sam.id)
    assert (row.first_response_at, row.last_message_side) == (LATER, "team")
    assert mails(ticket) == {("reply", "alice")}


def test_the_answer_of_a_colleague_takes_nothing_away(world: Any) -> None:
    ticket = lifecycle.take(send(world), see(world.sam), NOW)
    answer(ticket, world.ines, now=LATER)
    row = again(ticket)
    assert row.assignee_id == world.sam.id
    answer(ticket, world.sam, now=LATER + timedelta(hours=1))
    assert again(ticket).first_response_at == LATER, "the first response stays the first"


@pytest.mark.parametrize(
    ("target", "kind"),
    [("waiting_customer", "ticket:replied"), ("resolved", "ticket:resolved"), ("closed", "ticket:closed")],
)
def test_asking_solving_and_closing_with_an_answer_is_one_event_and_one_mail(
    world: Any, target: str, kind: str
) -> None:
    ticket = send(world, cc=["claire@acme.example"])
    forget_mails()
    message = answer(ticket, world.sam, "Voici la solution.", now=LATER, move_to=target)
    row = again(ticket)
    assert (row.status, row.assignee_id, row.version) == (target, world.sam.id, ticket.version + 1)
    assert history(ticket) == ["ticket:created", kind]
    assert last_event(ticket).data["message_id"] == message.id
    assert mails(ticket) == {("reply", "alice"), ("reply", "claire")}
    if target != "closed":
        assert row.act_at is not None


def test_an_answer_with_a_move_that_is_not_in_the_table_is_refused_whole(world: Any) -> None:
    ticket = put_in(send(world), "resolved", assignee=world.sam)
    for target, code in (
        ("waiting_customer", "move-refused"),
        ("registered", "move-refused"),
        ("x", "status-unknown"),
    ):
        with pytest.raises((NotNow, Invalid)) as refused:
            answer(ticket, world.sam, move_to=target)
        assert refused.value.code == code
    assert Message.select().where(Message.ticket == ticket.id).count() == 1
    assert history(ticket) == ["ticket:created"]


def test_a_customer_cannot_choose_where_an_answer_sends_the_request(world: Any) -> None:
    ticket = send(world)
    answer(ticket, world.alice, move_to="resolved")
    assert again(ticket).status == "registered"


def test_a_second_answer_while_waiting_starts_the_silence_clock_anew(world: Any) -> None:
    ticket = send(world)
    answer(ticket, world.sam, now=NOW, move_to="waiting_customer")
    first = again(ticket)
    Ticket.update(reminders_sent=1, counted_from=LATER, extension_days=3).where(
        Ticket.id == ticket.id
    ).execute()
    answer(ticket, world.sam, "Avez-vous pu regarder ?", now=NOW + timedelta(days=3))
    row = again(ticket)
    assert row.status == "waiting_customer"
    assert (row.reminders_sent, row.counted_from, row.extension_days) == (0, None, 0)
    assert row.closes_at == first.closes_at + timedelta(days=3)


def test_a_comment_on_a_change_to_be_undone_starts_its_clock_anew_too(world: Any) -> None:
    ticket = put_in(send(world), "awaiting_rollback", assignee=world.sam)
    Ticket.update(reminders_sent=1, counted_from=NOW).where(Ticket.id == ticket.id).execute()
    answer(ticket, world.alice, now=LATER)
    row = again(ticket)
    assert (row.status, row.reminders_sent, row.counted_from) == ("awaiting_rollback", 0, None)


# Who may answer


def test_who_may_answer_on_the_thread(world: Any) -> None:
    ticket = send(world, share_with_account_manager=True)
    for who in ("alice", "bob", "sam", "ines", "vera", "root"):
        answer(ticket, getattr(world, who))
    answer(ticket, Person.get(Person.email == "claire@acme.example"))
    for who, refusal in (("dana", Missing), ("charlie", Missing), ("erin", Missing), ("marc", NotAllowed)):
        with pytest.raises(refusal):
            answer(ticket, getattr(world, who))


def test_a_colleague_who_may_read_but_not_answer_is_refused(world: Any) -> None:
    ticket = send(world)
    Membership.update(can_answer=False).where(Membership.person == world.bob.id).execute()
    with pytest.raises(NotAllowed) as refused:
        answer(ticket, world.bob)
    assert refused.value.code == "reply-not-yours"


def test_a_contact_removed_between_two_clicks_is_refused(world: Any) -> None:
    ticket = send(world)
    viewer = see(world.alice)
    contacts.remove_approval(
        Membership.get(Membership.person == world.alice.id).id, see(world.bob), NOW, reason="Partie"
    )
    with pytest.raises(Missing):
        answer(ticket, world.alice)
    assert viewer.memberships, "what was read before is not what counts"


# Notes


def test_a_note_is_never_shown_to_a_customer_and_never_told(world: Any) -> None:
    ticket = send(world, cc=["claire@acme.example"], share_with_account_manager=True)
    forget_mails()
    made = note(
        ticket, world.sam, "Ne pas promettre de date.", attachment_keys=[upload(world.sam, "trace.log")]
    )
    assert mails(ticket) == set()
    for who in (world.alice, world.bob, world.marc):
        read = reading.read(see(who), again(ticket))
        assert "Ne pas promettre de date." not in [message.body for message in read.messages]
        assert "ticket:noted" not in [event.kind for event in read.events]
        assert read.files == []
        with pytest.raises(Missing):
            files.readable(made.attachments[0].key, see(who))
    inside = reading.read(see(world.ines), again(ticket))
    assert [row.name for row in inside.files] == ["trace.log"]
    assert "Ne pas promettre de date." in [message.body for message in inside.messages]


@pytest.mark.parametrize("status", ["waiting_customer", "resolved", "customer_testing"])
def test_a_note_touches_neither_status_nor_clock_nor_the_last_change(world: Any, status: str) -> None:
    ticket = put_in(send(world), status)
    note(ticket, world.sam, now=NOW + timedelta(days=4))
    row = again(ticket)
    for name in (
        "status", "status_since", "last_message_at", "last_message_side", "act_at", "closes_at", "updated_at",
        "assignee_id", "first_response_at", "reminders_sent",
    ):  # fmt: skip
        assert getattr(row, name) == getattr(ticket, name), name


def test_a_closed_request_still_takes_notes(world: Any) -> None:
    ticket = put_in(send(world), "closed")
    note(ticket, world.sam)
    assert last_event(ticket).kind == "ticket:noted" and not last_event(ticket).is_public


def test_nobody_but_the_desk_writes_notes(world: Any) -> None:
    ticket = send(world, share_with_account_manager=True)
    for who, refusal in (
        ("alice", NotAllowed), ("bob", NotAllowed), ("marc", NotAllowed), ("dana", Missing), ("charlie", Missing),
    ):  # fmt: skip
        with pytest.raises(refusal):
            note(ticket, getattr(world, who))


# Double clicks


def test_a_double_click_makes_one_message(world: Any) -> None:
    ticket, twice = put_in(send(world), "waiting_customer"), key()
    first = answer(ticket, world.alice, "Voici.", idempotency_key=twice)
    second = answer(ticket, world.alice, " Voici. ", idempotency_key=twice, now=LATER)
    assert first.id == second.id
    assert history(ticket) == ["ticket:created", "ticket:replied"]


def test_a_double_click_on_the_answer_that_closed_is_no_refusal(world: Any) -> None:
    ticket, twice = send(world), key()
    first = answer(ticket, world.sam, "Fini.", move_to="closed", idempotency_key=twice)
    assert answer(ticket, world.sam, "Fini.", move_to="closed", idempotency_key=twice).id == first.id


def test_a_key_is_good_for_one_message_only(world: Any) -> None:
    ticket, other, used = send(world), send(world), key()
    answer(ticket, world.sam, "Bonjour.", idempotency_key=used)
    for again_with in (
        lambda: answer(other, world.sam, "Bonjour.", idempotency_key=used),
        lambda: answer(ticket, world.ines, "Bonjour.", idempotency_key=used),
        lambda: answer(ticket, world.sam, "Un autre texte, qui serait perdu.", idempotency_key=used),
        lambda: note(ticket, world.sam, "Bonjour.", idempotency_key=used),
    ):
        with pytest.raises(NotNow) as refused:
            again_with()
        assert refused.value.code == "key-reused"


def test_eight_clicks_at_the_same_instant_make_one_message(world: Any, database: Any) -> None:
    ticket, same = put_in(send(world), "resolved", assignee=world.sam), key()
    viewer = see(world.alice)
    results = together(
        [
            lambda: conversation.reply(ticket, "Toujours en panne.", viewer, LATER, idempotency_key=same)
            for _ in range(8)
        ],
        database,
    )
    assert faults(results) == []
    assert len({message.id for message in results}) == 1
    assert Message.select().where(Message.idempotency_key == same).count() == 1
    assert history(ticket) == ["ticket:created", "ticket:reopened"]


def test_eight_people_who_write_at_the_same_instant_are_all_heard(world: Any, database: Any) -> None:
    from domain import audit

    ticket = send(world)
    people = [see(who) for who in (world.alice, world.bob, world.sam, world.ines)] * 2
    results = together(
        [
            lambda by=by, n=n: conversation.reply(ticket, f"Message {n}", by, LATER, idempotency_key=key())
            for n, by in enumerate(people)
        ],
        database,
    )
    assert faults(results) == []
    assert sorted(thread(ticket, world.sam))[1:] == [f"Message {n}" for n in range(8)]
    assert again(ticket).version == ticket.version + 8
    assert audit.verify() == [], "the history is one chain"


# Copies


def test_customers_copy_members_and_their_domains_and_agents_anybody(world: Any) -> None:
    ticket = send(world)
    outside = "someone@partner.example"
    for address in ("dana@acme.example", "Nouveau.Collegue@ACME.example", "bob@acme.example"):
        assert conversation.add_cc(ticket, address, see(world.alice), NOW) is not None
    for address in (outside, "charlie@globex.example", "x@acme.example.evil.example"):
        with pytest.raises(Invalid) as refused:
            conversation.add_cc(ticket, address, see(world.alice), NOW)
        assert (refused.value.code, refused.value.field) == ("cc-outside", "cc")
    for address in ("not an address", "a@b", "two@acme.example,three@acme.example", ""):
        with pytest.raises(Invalid) as refused:
            conversation.add_cc(ticket, address, see(world.alice), NOW)
        assert refused.value.code == "address-bad"
    assert conversation.add_cc(ticket, outside, see(world.sam), NOW) is not None


def test_the_one_who_is_put_in_copy_is_told_and_gets_every_answer(world: Any) -> None:
    ticket = send(world)
    forget_mails()
    conversation.add_cc(ticket, "claire@acme.example", see(world.alice), NOW)
    assert mails(ticket) == {("cc-added", "claire")}
    forget_mails()
    answer(ticket, world.sam)
    assert mails(ticket) == {("reply", "alice"), ("reply", "claire")}


def test_an_address_is_in_copy_once(world: Any) -> None:
    ticket = send(world)
    assert conversation.add_cc(ticket, "claire@acme.example", see(world.alice), NOW) is not None
    assert conversation.add_cc(ticket, "CLAIRE@acme.example", see(world.bob), NOW) is None
    assert conversation.add_cc(ticket, world.alice.email, see(world.sam), NOW) is None, (
        "the requester needs none"
    )
    assert history(ticket).count("ticket:cc_added") == 1


def test_those_in_copy_read_and_answer_like_the_requester_once_their_address_is_proven(world: Any) -> None:
    ticket = put_in(send(world), "waiting_customer", assignee=world.sam)
    conversation.add_cc(ticket, "dana@acme.example", see(world.alice), NOW)
    answer(ticket, world.dana, now=LATER)
    assert again(ticket).status == "in_progress"
    unproven = person("ghost", "partner.example", email_verified_at=None)
    conversation.add_cc(ticket, unproven.email, see(world.sam), NOW)
    with pytest.raises(Missing):
        answer(ticket, unproven)
    prove(unproven)
    answer(ticket, unproven)


def test_those_in_copy_do_not_put_others_in_copy_but_may_leave(world: Any) -> None:
    ticket = send(world)
    row = conversation.add_cc(ticket, "dana@acme.example", see(world.alice), NOW)
    other = conversation.add_cc(ticket, "claire@acme.example", see(world.alice), NOW)
    with pytest.raises(NotAllowed):
        conversation.add_cc(ticket, "hugo@acme.example", see(world.dana), NOW)
    with pytest.raises(NotAllowed):
        conversation.remove_cc(ticket, other.id, see(world.dana), NOW)
    conversation.remove_cc(ticket, row.id, see(world.dana), NOW)
    assert not policies.can_see(see(world.dana), again(ticket)), "it counts at the next request"
    assert last_event(ticket).kind == "ticket:cc_removed"


def test_a_copy_on_another_request_is_not_taken_out_through_this_one(world: Any) -> None:
    mine, other = send(world), send(world, by=world.charlie)
    row = conversation.add_cc(other, "erin@globex.example", see(world.charlie), NOW)
    for ticket in (mine, other):
        with pytest.raises(Missing):
            conversation.remove_cc(ticket, row.id, see(world.alice), NOW)
    assert Participant.get_or_none(Participant.id == row.id) is not None


def test_a_copy_waits_for_the_account_that_will_have_its_address(world: Any) -> None:
    ticket = send(world)
    conversation.add_cc(ticket, "future@acme.example", see(world.alice), NOW)
    made = accounts.add_person(
        "Future@acme.example", "Future Collègue", by=see(world.root), now=NOW, password="un long mot de passe"
    )
    assert not policies.can_see(see(made), ticket), "the address is not proven yet"
    prove(made)
    assert policies.can_see(see(made), ticket)
    from domain import lists

    for asked in (lists.Asked(list="cc"), lists.Asked(list="cc", q="refusé banque")):
        assert [row.number for row in lists.find(see(made), asked).rows] == [ticket.number], asked


@pytest.fixture
def link_secret() -> None:
    """What links in mails are made with, as the portal gives it at start."""
    accounts.use_secret("only for tests, long enough to be taken: 0123456789")


def test_a_name_typed_for_an_address_in_copy_shows_nowhere_before_the_address_is_proven(
    world: Any, link_secret: None
) -> None:
    ticket, later = send(world), send(world)
    address = "compta@acme.example"
    conversation.add_cc(ticket, address, see(world.alice), NOW)
    accounts.register("Alice est une escroc", address, origin="203.0.113.9", now=NOW)
    registered = Person.get(Person.email == address)
    conversation.add_cc(later, address, see(world.alice), NOW)
    for row in (ticket, later):
        (copy,) = reading.read(see(world.alice), again(row)).participants
        assert (copy.person_id, copy.email) == (None, address)
        assert last_event(row).data["person_id"] is None
        told = OutboxMessage.select().where(
            (OutboxMessage.ticket == row.id) & (OutboxMessage.recipient == address)
        )
        assert [mail.person_id for mail in told] == [None], "the mail greets nobody either"
    seed, _link = accounts._make_link(registered, "registration", NOW)
    accounts.use_token(
        accounts.link_token(seed), "rhododendrons mauves du mardi", origin="203.0.113.9", now=NOW
    )
    for row in (ticket, later):
        (copy,) = reading.read(see(world.alice), again(row)).participants
        assert copy.person_id == registered.id
        assert policies.can_see(see(registered), row)


def test_whoever_is_attached_by_hand_is_named_in_the_copies_that_waited(
    world: Any, link_secret: None
) -> None:
    ticket = send(world)
    conversation.add_cc(ticket, "compta@acme.example", see(world.alice), NOW)
    accounts.register("Paul Compta", "compta@acme.example", origin="203.0.113.9", now=NOW)
    registered = Person.get(Person.email == "compta@acme.example")
    contacts.add_membership(registered.id, ticket.organisation_id, role="member", by=see(world.root), now=NOW)
    (copy,) = reading.read(see(world.alice), again(ticket)).participants
    assert copy.person_id == registered.id
    assert not policies.can_see(see(registered), ticket), "named, but the address is still not proven"


def test_the_copies_of_a_contact_who_is_removed_end_with_the_rights(world: Any) -> None:
    claire = Person.get(Person.email == "claire@acme.example")
    ticket = send(world, cc=[claire.email])
    joined = send(world)
    conversation.collaborate(joined, see(claire), NOW)
    named = send(world, audience="people", audience_people=[claire.id])
    elsewhere = send(world, by=world.charlie)
    conversation.add_cc(elsewhere, claire.email, see(world.sam), NOW)
    contacts.remove_approval(
        Membership.get(Membership.person == claire.id).id, see(world.bob), LATER, reason="A quitté Acme"
    )
    for row in (ticket, joined, named):
        assert not policies.can_see(see(claire), row)
        assert last_event(row).kind == "ticket:cc_removed"
    assert policies.can_see(see(claire), elsewhere), "another customer's copy is not Acme's to take"
    forget_mails()
    answer(ticket, world.sam)
    assert mails(ticket) == {("reply", "alice")}


# Collaborators


def test_a_colleague_joins_a_request_and_gets_its_news(world: Any) -> None:
    ticket = send(world)
    assert conversation.collaborate(ticket, see(world.bob), NOW) is not None
    assert conversation.collaborate(ticket, see(world.bob), NOW) is None
    assert history(ticket).count("ticket:collaborator_added") == 1
    forget_mails()
    answer(ticket, world.sam)
    assert mails(ticket) == {("reply", "alice"), ("reply", "bob")}


def test_who_cannot_join(world: Any) -> None:
    ticket = send(world, share_with_account_manager=True)
    for who, refusal in (
        ("alice", NotAllowed), ("dana", Missing), ("charlie", Missing), ("sam", NotAllowed), ("marc", NotAllowed),
    ):  # fmt: skip
        with pytest.raises(refusal):
            conversation.collaborate(ticket, see(getattr(world, who)), NOW)
    put_in(ticket, "closed")
    with pytest.raises(NotNow):
        conversation.collaborate(ticket, see(world.bob), NOW)


# Files


def test_files_come_with_the_answer_they_were_sent_with(world: Any) -> None:
    ticket = send(world)
    keys = [upload(world.alice, "a.txt"), upload(world.alice, "b.txt")]
    message = answer(ticket, world.alice, attachment_keys=keys)
    rows = list(Attachment.select().where(Attachment.key.in_(keys)).order_by(Attachment.id))
    assert [(row.ticket_id, row.message_id, row.is_internal) for row in rows] == [
        (ticket.id, message.id, False)
    ] * 2


def test_a_file_that_is_somebody_elses_or_used_refuses_the_whole_answer(world: Any) -> None:
    ticket = send(world)
    stranger, own = upload(world.charlie), upload(world.alice)
    used = upload(world.alice)
    answer(ticket, world.alice, attachment_keys=[used])
    before = Message.select().count()
    for keys in ([own, stranger], [own, used], [own, "no-such-key"]):
        with pytest.raises(Missing) as refused:
            answer(ticket, world.alice, attachment_keys=keys)
        assert refused.value.code == "file-missing"
    assert Message.select().count() == before
    assert Attachment.get(Attachment.key == own).ticket_id is None
    assert Attachment.get(Attachment.key == stranger).ticket_id is None


def test_two_answers_at_the_same_instant_do_not_share_a_file(world: Any, database: Any) -> None:
    viewer = see(world.alice)

    def write(ticket: Ticket, body: str, shared: str) -> Message:
        return conversation.reply(ticket, body, viewer, NOW, idempotency_key=key(), attachment_keys=[shared])

    for _ in range(3):
        ticket, shared = send(world), upload(world.alice)
        results = together([partial(write, ticket, f"Voir {n}", shared) for n in range(2)], database)
        assert [type(fault) for fault in faults(results)] == [Missing]
        assert Message.select().where(Message.ticket == ticket.id).count() == 2


@pytest.mark.parametrize(
    "step",
    ["files.claim", "closing.reschedule", "search.index_ticket", "audit.record_event", "notifications.tell"],
)
def test_an_answer_that_fails_half_way_leaves_nothing(world: Any, monkeypatch: Any, step: str) -> None:
    from domain import audit, closing, notifications, search

    modules = SimpleNamespace(
        files=files, closing=closing, search=search, audit=audit, notifications=notifications
    )
    ticket = put_in(send(world), "waiting_customer")
    kept = upload(world.alice)
    messages, events = Message.select().count(), TicketEvent.select().count()
    module, name = step.split(".")

    def broken(*args: Any, **more: Any) -> None:
        raise RuntimeError(step)

    with monkeypatch.context() as patch:
        patch.setattr(getattr(modules, module), name, broken)
        with pytest.raises(RuntimeError):
            answer(ticket, world.alice, attachment_keys=[kept])
    row = again(ticket)
    assert (row.status, row.version, row.act_at) == ("waiting_customer", ticket.version, ticket.act_at)
    assert (Message.select().count(), TicketEvent.select().count()) == (messages, events)
    answer(ticket, world.alice, attachment_keys=[kept])
    assert again(ticket).status == "qualified", "the same answer goes through once the fault is gone"


def test_the_history_says_that_an_answer_took_the_request(world: Any) -> None:
    ticket = send(world)
    answer(ticket, world.sam)
    assert last_event(ticket).data["took"] is True
    answer(ticket, world.vera)
    assert "took" not in last_event(ticket).data


def test_an_agent_who_takes_a_solved_request_up_again_has_it_in_progress(world: Any) -> None:
    ticket = send(world)
    lifecycle.move(ticket, "resolved", see(world.sam), NOW)
    assert again(ticket).assignee_id is None
    conversation.reopen(ticket, "La solution ne tient pas.", see(world.vera), NOW, idempotency_key=key())
    row = again(ticket)
    assert (row.status, row.assignee_id) == ("in_progress", world.vera.id)
