"""Contested priorities: who contests, once; who decides; what everybody reads of it (LIFE-10, REQ-17)."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from playwright.sync_api import expect

import mailer
from domain import contests, conversation, lifecycle, lists, policies
from domain.refusals import Invalid, Missing, NotAllowed, NotNow
from models import OutboxMessage, Person, PriorityContest, Ticket, TicketEvent
from tests.conftest import NOW
from tests.support import lint
from tests.support.browser_pages import be
from tests.support.browsing import DESK, NARROW, assert_accessible, assert_looks
from tests.support.casework import (
    again,
    faults,
    forget_mails,
    history,
    last_event,
    mails,
    person,
    put_in,
    see,
    send,
    statements,
    together,
)

REASON = "Douze personnes ne sont pas payées."


@pytest.fixture
def lowered(world: SimpleNamespace) -> Ticket:
    """Alice's request: severity 2 asked, 3 retained by sam."""
    ticket = send(world)
    lifecycle.set_priority(ticket, "3", see(world.sam), NOW, reason="Un contournement existe.")
    forget_mails()
    return again(ticket)


@pytest.fixture
def contested(world: SimpleNamespace, lowered: Ticket) -> Ticket:
    """The same, contested by alice."""
    contests.contest(lowered, REASON, see(world.alice), NOW)
    forget_mails()
    return again(lowered)


def worded(app: Any, ticket: Ticket, template: str, to: str) -> Any:
    """A mail of a request as this person reads it."""
    row = OutboxMessage.get(
        (OutboxMessage.ticket == ticket.id)
        & (OutboxMessage.template == template)
        & OutboxMessage.recipient.startswith(f"{to}@")
    )
    with app.test_request_context("/"):
        return mailer.render(row, "https://guichet.example", NOW)


# ---- Lowering ------------------------------------------------------------------------------------------


def test_the_priority_asked_stays_beside_the_one_retained(lowered: Ticket) -> None:
    assert (lowered.priority_asked, lowered.priority) == ("2", "3")


@pytest.mark.parametrize("reason", ["", "   ", "\n"])
def test_nothing_is_lowered_without_a_reason(world: Any, reason: str) -> None:
    ticket = send(world)
    with pytest.raises(Invalid, match="reason-needed"):
        lifecycle.set_priority(ticket, "4", see(world.sam), NOW, reason=reason)
    assert again(ticket).priority == "2"


def test_the_screens_of_the_administration_do_not_lower_without_a_reason(client: Any, world: Any) -> None:
    ticket = send(world)
    client.sign_in(world.root)
    page = client.get(f"/admin/ticket/edit/?id={ticket.id}")
    refused = client.send(page, priority="4")
    assert refused.status_code == 422
    assert again(ticket).priority == "2"
    assert client.send(refused, priority="4", reason="Peu de gens.").status_code == 303
    assert again(ticket).priority == "4"
    assert "ticket:priority_lowered" in history(ticket)


def test_the_mail_of_a_lowered_priority_holds_the_definition_and_the_way_to_contest(
    app: Any, world: Any
) -> None:
    ticket = send(world)
    conversation.add_cc(ticket, "paie@acme.example", see(world.alice), NOW)
    lifecycle.set_priority(ticket, "3", see(world.sam), NOW, reason="Un contournement existe.")
    made = worded(app, ticket, "priority-lowered", "alice")
    link = f"https://guichet.example/tickets/{ticket.number}/contest"
    for text in (made.text, made.html):
        assert link in text and "Un contournement existe." in text and "contournement existe, mais" in text
    # An address without account cannot contest.
    assert "/contest" not in worded(app, ticket, "priority-lowered", "paie").text


def test_the_link_of_the_mail_is_gone_once_it_was_contested(app: Any, world: Any) -> None:
    ticket = send(world)
    lifecycle.set_priority(ticket, "3", see(world.sam), NOW, reason="Un contournement existe.")
    contests.contest(ticket, REASON, see(world.alice), NOW)
    assert "/contest" not in worded(app, ticket, "priority-lowered", "alice").text


# ---- Contesting ----------------------------------------------------------------------------------------


def test_the_requester_contests_and_supervisors_and_the_agent_are_told(world: Any, lowered: Ticket) -> None:
    lifecycle.take(lowered, see(world.ines), NOW)
    forget_mails()
    row = contests.contest(lowered, f"  {REASON} ", see(world.alice), NOW)
    assert (row.before, row.after, row.reason, row.outcome) == ("2", "3", REASON, "")
    assert mails(lowered) == {("priority-contested", "vera"), ("priority-contested", "ines")}
    event = last_event(lowered)
    assert (event.kind, event.is_public, event.data["lowered_by"]) == (
        "ticket:priority_contested", True, world.sam.id,
    )  # fmt: skip
    assert again(lowered).version > lowered.version


def test_without_a_supervisor_the_admins_are_told_and_decide(world: Any, lowered: Ticket) -> None:
    Person.update(is_supervisor=False).execute()
    contests.contest(lowered, REASON, see(world.alice), NOW)
    assert mails(lowered) == {("priority-contested", "root")}
    assert contests.decides(see(world.root)) and not contests.decides(see(world.sam))
    assert contests.decide(lowered, "restored", "", see(world.root), NOW).priority == "2"


def test_a_colleague_with_the_right_to_answer_contests_too(world: Any, lowered: Ticket) -> None:
    assert contests.contest(lowered, REASON, see(world.bob), NOW).contested_by_id == world.bob.id


@pytest.mark.parametrize(
    ("who", "fault"),
    [
        ("charlie", Missing),
        ("dana", Missing),
        ("sam", NotAllowed),
        ("vera", NotAllowed),
        ("root", NotAllowed),
    ],
)
def test_nobody_else_contests(world: Any, lowered: Ticket, who: str, fault: type[Exception]) -> None:
    with pytest.raises(fault):
        contests.contest(lowered, REASON, see(getattr(world, who)), NOW)
    assert not PriorityContest.select().where(PriorityContest.ticket == lowered.id).exists()


def test_somebody_who_is_only_in_copy_reads_and_does_not_contest(world: Any, lowered: Ticket) -> None:
    conversation.add_cc(lowered, world.dana.email, see(world.alice), NOW)
    assert policies.can_reply(see(world.dana), lowered)
    with pytest.raises(NotAllowed, match="contest-not-yours"):
        contests.contest(lowered, REASON, see(world.dana), NOW)


def test_it_is_contested_once_for_each_request(world: Any, contested: Ticket) -> None:
    for who in (world.alice, world.bob):
        with pytest.raises(NotNow, match="contested-already"):
            contests.contest(contested, "Encore.", see(who), NOW)
    contests.decide(contested, "restored", "", see(world.vera), NOW)
    lifecycle.set_priority(contested, "4", see(world.sam), NOW, reason="Réglé pour presque tous.")
    with pytest.raises(NotNow, match="contested-already"):
        contests.contest(contested, "Encore.", see(world.alice), NOW)


@pytest.mark.parametrize("reason", ["", "  \n "])
def test_contesting_needs_a_reason(world: Any, lowered: Ticket, reason: str) -> None:
    with pytest.raises(Invalid, match="contest-reason-needed"):
        contests.contest(lowered, reason, see(world.alice), NOW)
    with pytest.raises(Invalid, match="body-too-long"):
        contests.contest(lowered, "x" * 2001, see(world.alice), NOW)


def test_only_a_lowered_priority_is_contested(world: Any) -> None:
    ticket = send(world)
    with pytest.raises(NotNow, match="nothing-lowered"):
        contests.contest(ticket, REASON, see(world.alice), NOW)
    lifecycle.set_priority(ticket, "3", see(world.sam), NOW, reason="Un contournement existe.")
    lifecycle.set_priority(ticket, "2", see(world.sam), NOW)
    with pytest.raises(NotNow, match="nothing-lowered"):
        contests.contest(ticket, REASON, see(world.alice), NOW)


def test_what_was_given_back_in_part_is_still_lower(world: Any, lowered: Ticket) -> None:
    lifecycle.set_priority(lowered, "4", see(world.sam), NOW, reason="Encore moins.")
    lifecycle.set_priority(lowered, "3", see(world.sam), NOW)
    row = contests.contest(lowered, REASON, see(world.alice), NOW)
    # What the last lowering took away is back; what the one before took is not.
    assert (row.before, row.after) == ("2", "3")


@pytest.mark.parametrize("status", ["in_progress", "waiting_customer", "resolved"])
def test_it_is_contested_until_the_request_is_closed(world: Any, lowered: Ticket, status: str) -> None:
    put_in(lowered, status)
    assert contests.contest(lowered, REASON, see(world.alice), NOW)


@pytest.mark.parametrize("status", ["closed", "expired"])
def test_a_closed_request_is_not_contested_any_more(world: Any, lowered: Ticket, status: str) -> None:
    put_in(lowered, status)
    with pytest.raises(NotNow, match="ticket-closed"):
        contests.contest(lowered, REASON, see(world.alice), NOW)


def test_contesting_does_not_touch_the_silence_clock(world: Any, lowered: Ticket) -> None:
    row = put_in(lowered, "waiting_customer")
    contests.contest(row, REASON, see(world.alice), NOW + timedelta(days=2))
    after = again(row)
    assert (after.last_message_at, after.act_at, after.closes_at) == (
        row.last_message_at, row.act_at, row.closes_at,
    )  # fmt: skip


def test_two_who_contest_at_once_make_one(world: Any, lowered: Ticket, database: Any) -> None:
    people = [see(world.alice), see(world.bob)] * 2
    results = together([lambda by=by: contests.contest(lowered, REASON, by, NOW) for by in people], database)
    refused = faults(results)
    assert len(refused) == 3 and {fault.code for fault in refused} == {"contested-already"}
    assert history(lowered).count("ticket:priority_contested") == 1


# ---- Until it is decided -------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["sam", "ines", "root"])
def test_meanwhile_only_a_supervisor_changes_the_priority(world: Any, contested: Ticket, who: str) -> None:
    for level in ("1", "2", "4"):
        with pytest.raises(NotNow, match="priority-contested"):
            lifecycle.set_priority(contested, level, see(getattr(world, who)), NOW, reason="Encore.")
    assert again(contested).priority == "3"


def test_a_supervisor_who_gives_the_level_back_by_the_other_way_has_decided(
    world: Any, contested: Ticket
) -> None:
    lifecycle.set_priority(contested, "2", see(world.vera), NOW, reason="Vous avez raison.")
    row = contests.of_ticket(contested)
    assert row is not None and (row.outcome, row.answer) == ("restored", "Vous avez raison.")
    assert mails(contested) == {("priority-decided", "alice")}


def test_a_supervisor_may_retain_a_third_level_and_decide_afterwards(world: Any, contested: Ticket) -> None:
    lifecycle.set_priority(contested, "1", see(world.vera), NOW)
    row = contests.of_ticket(contested)
    assert row is not None and row.decided_at is None
    # What is more pressing than the former level is not taken away by giving that one back.
    assert contests.decide(contested, "restored", "", see(world.vera), NOW).priority == "1"


def test_a_supervisor_who_comes_down_to_the_former_level_gets_it_and_decides_afterwards(
    world: Any, contested: Ticket
) -> None:
    lifecycle.set_priority(contested, "1", see(world.vera), NOW)
    assert (
        lifecycle.set_priority(contested, "2", see(world.vera), NOW, reason="Un seul poste.").priority == "2"
    )
    row = contests.of_ticket(contested)
    assert row is not None and row.decided_at is None
    assert contests.decide(contested, "restored", "", see(world.vera), NOW).priority == "2"


def test_everything_else_of_the_request_goes_on(world: Any, contested: Ticket) -> None:
    sam = see(world.sam)
    lifecycle.take(contested, sam, NOW)
    assert lifecycle.move(contested, "waiting_engineering", sam, NOW).status == "waiting_engineering"


# ---- Deciding ------------------------------------------------------------------------------------------


def test_a_supervisor_gives_the_former_level_back(world: Any, contested: Ticket, app: Any) -> None:
    ticket = contests.decide(contested, "restored", "Vous avez raison.", see(world.vera), NOW)
    assert (ticket.priority, ticket.priority_position) == ("2", 2)
    assert mails(contested) == {("priority-decided", "alice")}
    event = last_event(contested)
    assert (event.kind, event.is_public, event.data["outcome"]) == (
        "ticket:priority_decided",
        True,
        "restored",
    )
    made = worded(app, contested, "priority-decided", "alice")
    assert "Vous avez raison." in made.text and "Gravité 2" in made.text
    # The definition that applies.
    assert "sans contournement raisonnable" in made.text.replace("\u00a0", " ")


def test_a_supervisor_keeps_the_lower_level_and_says_why(world: Any, contested: Ticket, app: Any) -> None:
    for answer in ("", "  "):
        with pytest.raises(Invalid, match="answer-needed"):
            contests.decide(contested, "kept", answer, see(world.vera), NOW)
    ticket = contests.decide(contested, "kept", "L’export manuel suffit.", see(world.vera), NOW)
    assert ticket.priority == "3"
    assert "L’export manuel suffit." in worded(app, contested, "priority-decided", "alice").html


def test_the_colleague_who_contested_is_told_too(world: Any, lowered: Ticket, app: Any) -> None:
    contests.contest(lowered, REASON, see(world.bob), NOW)
    forget_mails()
    contests.decide(lowered, "restored", "", see(world.vera), NOW)
    assert mails(lowered) == {("priority-decided", "alice"), ("priority-decided", "bob")}
    assert "parce que vous avez contesté" in worded(app, lowered, "priority-decided", "bob").text


@pytest.mark.parametrize("who", ["sam", "ines", "root"])
def test_only_a_supervisor_decides(world: Any, contested: Ticket, who: str) -> None:
    with pytest.raises(NotAllowed, match="decide-not-yours"):
        contests.decide(contested, "restored", "", see(getattr(world, who)), NOW)


def test_a_customer_does_not_decide(world: Any, contested: Ticket) -> None:
    for who in (world.alice, world.charlie, world.marc):
        with pytest.raises((NotAllowed, Missing)):
            contests.decide(contested, "restored", "", see(who), NOW)


def test_who_lowered_it_does_not_decide_unless_there_is_nobody_else(world: Any) -> None:
    ticket = send(world)
    vera = see(world.vera)
    lifecycle.set_priority(ticket, "3", vera, NOW, reason="Un contournement existe.")
    contests.contest(ticket, REASON, see(world.alice), NOW)
    second = person("sven", "guichet.example", staff_role="agent", is_supervisor=True)
    with pytest.raises(NotAllowed, match="decide-not-yours"):
        contests.decide(ticket, "kept", "Non.", vera, NOW)
    with pytest.raises(NotNow, match="priority-contested"):
        lifecycle.set_priority(ticket, "4", vera, NOW, reason="Encore.")
    Person.update(is_active=False).where(Person.id == second.id).execute()
    assert contests.decide(ticket, "kept", "Le contournement suffit.", vera, NOW).priority == "3"


def test_an_unknown_outcome_and_a_contest_that_is_not_there_are_refused(
    world: Any, contested: Ticket
) -> None:
    vera = see(world.vera)
    with pytest.raises(Invalid, match="outcome-unknown"):
        contests.decide(contested, "perhaps", "x", vera, NOW)
    with pytest.raises(NotNow, match="nothing-contested"):
        contests.decide(send(world), "restored", "", vera, NOW)


def test_of_two_supervisors_one_decides(world: Any, contested: Ticket, database: Any) -> None:
    second = person("sven", "guichet.example", staff_role="agent", is_supervisor=True)
    results = together(
        [
            lambda: contests.decide(contested, "restored", "", see(world.vera), NOW),
            lambda: contests.decide(contested, "kept", "Non.", see(second), NOW),
        ],
        database,
    )
    assert [fault.code for fault in faults(results)] == ["contest-decided"]
    assert history(contested).count("ticket:priority_decided") == 1
    row = contests.of_ticket(contested)
    assert row is not None and again(contested).priority == ("2" if row.outcome == "restored" else "3")


def test_a_request_that_closed_meanwhile_is_not_decided_any_more(world: Any, contested: Ticket) -> None:
    lifecycle.close(contested, see(world.alice), NOW)
    with pytest.raises(NotNow, match="ticket-closed"):
        contests.decide(contested, "restored", "", see(world.vera), NOW)
    queue = lists.queue(see(world.vera), "contested", lists.Asked(sort="created"), [])
    assert contested.number not in {row.number for row in queue.rows}


# ---- Pages ---------------------------------------------------------------------------------------------


def test_a_customer_reads_why_and_contests_on_the_page(client: Any, world: Any, lowered: Ticket) -> None:
    client.sign_in(world.alice)
    page = client.get(f"/tickets/{lowered.number}")
    assert "Un contournement existe." in page.text and "au lieu de 2" in page.text
    refused = client.send(page, form="/contest", reason="")
    assert refused.status_code == 422 and "error-summary" in refused.text
    sent = client.send(refused, form="/contest", reason=REASON)
    assert sent.status_code == 303 and sent.headers["Location"].endswith(f"/tickets/{lowered.number}")
    after = client.get(sent.headers["Location"])
    assert REASON in after.text and "Un superviseur l’examine" in after.text
    assert f'action="/tickets/{lowered.number}/contest"' not in after.text


def test_opening_the_page_of_the_mail_does_nothing(client: Any, world: Any, lowered: Ticket) -> None:
    client.sign_in(world.alice)
    before = history(lowered)
    assert client.get(f"/tickets/{lowered.number}/contest").status_code == 200
    assert history(lowered) == before


def test_what_was_typed_is_kept_when_a_colleague_was_first(client: Any, world: Any, lowered: Ticket) -> None:
    client.sign_in(world.alice)
    page = client.get(f"/tickets/{lowered.number}/contest")
    contests.contest(lowered, "Moi d’abord.", see(world.bob), NOW)
    late = client.send(page, form="/contest", reason=REASON)
    assert late.status_code == 409 and REASON in late.text and "Moi d’abord." in late.text


def test_a_second_press_contests_once_and_says_no_fault(client: Any, world: Any, lowered: Ticket) -> None:
    client.sign_in(world.alice)
    page = client.get(f"/tickets/{lowered.number}/contest")
    assert [client.send(page, form="/contest", reason=REASON).status_code for _ in range(2)] == [303, 303]
    assert history(lowered).count("ticket:priority_contested") == 1


def test_the_queue_of_contested_priorities_is_for_supervisors(
    client: Any, world: Any, contested: Ticket
) -> None:
    client.sign_in(world.vera)
    assert contested.number in client.get("/desk?queue=contested").text
    assert "queue=contested" in client.get("/desk").text
    for who in (world.sam, world.root):
        client.sign_in(who)
        assert "queue=contested" not in client.get("/desk").text
        # The address leads to a queue of their own.
        assert "Contestées" not in client.get("/desk?queue=contested").text


def test_a_supervisor_decides_on_the_page(client: Any, world: Any, contested: Ticket) -> None:
    client.sign_in(world.vera)
    page = client.get(f"/desk/tickets/{contested.number}")
    assert REASON in page.text
    refused = client.send(page, form="/contest", outcome="kept", answer="")
    assert refused.status_code == 422 and "contest-answer-error" in refused.text
    missing = client.send(page, form="/contest", answer="Parce que.")
    assert missing.status_code == 422 and "Parce que." in missing.text
    done = client.send(missing, form="/contest", outcome="kept", answer="L’export manuel suffit.")
    assert done.status_code == 303
    late = client.send(page, form="/contest", outcome="restored", answer="Trop tard pour cela.")
    assert late.status_code == 409 and "Trop tard pour cela." in late.text
    client.sign_in(world.alice)
    assert "L’export manuel suffit." in client.get(f"/tickets/{contested.number}").text


def test_a_decision_that_was_typed_comes_back_after_sign_in(
    client: Any, world: Any, contested: Ticket, clock: Any
) -> None:
    client.sign_in(world.vera)
    page = client.get(f"/desk/tickets/{contested.number}")
    clock.advance(hours=13)
    led = client.send(page, form="/contest", outcome="kept", answer="L’export manuel suffit.")
    door = client.get(led.headers["Location"])
    back = client.send(door, email=world.vera.email, password=world.password)
    again_there = client.get(back.headers["Location"])
    assert "L’export manuel suffit." in again_there.text
    assert client.send(again_there, form="/contest").status_code == 303
    row = contests.of_ticket(contested)
    assert row is not None and row.outcome == "kept"


def test_an_agent_sees_that_it_is_contested_and_keeps_the_reason_that_was_refused(
    client: Any, world: Any, contested: Ticket
) -> None:
    client.sign_in(world.sam)
    page = client.get(f"/desk/tickets/{contested.number}")
    assert REASON in page.text and "/contest" not in page.text.replace("queue=contest", "")
    refused = client.send(page, form="/priority", priority="4", reason="Un seul poste.")
    assert refused.status_code == 409 and "Un seul poste." in refused.text


def test_a_contest_of_another_organisation_looks_like_one_that_never_was(
    client: Any, world: Any, lowered: Ticket
) -> None:
    client.sign_in(world.charlie)
    told = {}
    for number in (lowered.number, "SUP-99999"):
        page = client.get(f"/tickets/{number}/contest")
        told[number] = (page.status_code, lint.text_of(lint.parse(page.text)))
    first, second = told.values()
    assert first[0] == 404 and first == second


def test_a_request_that_was_never_lowered_costs_no_query_for_it(world: Any, database: Any) -> None:
    ticket = send(world)
    events = list(TicketEvent.select().where(TicketEvent.ticket == ticket.id))
    alice = see(world.alice)
    with statements(database) as sent:
        assert contests.look(alice, ticket, events) is None
    assert sent == []


def test_a_long_history_does_not_hide_that_it_was_lowered(world: Any, lowered: Ticket) -> None:
    late = [TicketEvent(kind="ticket:noted", data={}) for _ in range(200)]
    standing = contests.look(see(world.alice), lowered, late)
    assert standing is not None and standing.may_contest


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.long)])
def test_the_pages_are_accessible_and_fit(
    browser_context: Any, live_server: Any, world: Any, contested: Ticket, scheme: str
) -> None:
    other = send(world)
    lifecycle.set_priority(other, "3", see(world.sam), NOW, reason="Un contournement existe.")
    for size in (DESK, NARROW):
        for who, path in (
            (world.alice, f"/tickets/{contested.number}"),
            (world.alice, f"/tickets/{other.number}/contest"),
            (world.vera, f"/desk/tickets/{contested.number}"),
            (world.vera, "/desk?queue=contested"),
        ):
            page = be(browser_context(viewport=size, color_scheme=scheme), live_server, who).new_page()
            page.goto(path)
            expect(page.locator("h1")).to_be_visible()
            assert_accessible(page)
            assert_looks(page)
