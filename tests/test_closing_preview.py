"""What a closing rule would do before it is saved is what the sweeps then do, and looking writes nothing (LIFE-12)."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from domain import closing, closing_preview
from domain.closing_preview import NEWLY, NO_LONGER, OTHER_DATE, SAME
from models import Calendar, ClosingRule, RequestForm, Ticket, TicketEvent
from tests.support.casework import again, put_in, see, send, statements
from tests.support.scene import fingerprint
from tests.test_closing import FRIDAY, asked, end_of, nightly, quiet_demo, solved  # noqa: F401


@pytest.fixture(autouse=True)
def nobody_else_waits(quiet_demo: None, world: Any) -> None:
    """The requests of the demo are with the team: a preview counts those of the test."""
    Ticket.update(status="in_progress").execute()


def rule_of(status: str, **typed: Any) -> ClosingRule:
    """The saved rule of a status for everybody, as it would stand in the form with other values; not saved."""
    row = ClosingRule.get((ClosingRule.status == status) & ClosingRule.organisation.is_null())
    for name, value in typed.items():
        setattr(row, name, value)
    return row


def look(world: Any, row: ClosingRule, until: str, now: datetime = FRIDAY) -> closing_preview.Preview:
    return closing_preview.preview(
        closing_preview.typed(row), date.fromisoformat(until), see(world.root), now
    )


def said(found: closing_preview.Preview) -> dict[str, list[tuple[str, str]]]:
    """What happens, by number: (day, "reminder 1" or final status)."""
    return {
        one.number: [
            (it.day.isoformat(), f"reminder {it.number}" if it.kind == "reminder" else it.final_status)
            for it in one.happenings
        ]
        for one in found.shown
    }


def test_tonight_and_until_a_day_what_is_due_first_comes_first(world: Any) -> None:
    older = asked(world, FRIDAY - timedelta(days=10))
    newer = asked(world, FRIDAY)
    rule = rule_of("waiting_customer")
    tonight = look(world, rule, "2026-11-06")
    assert said(tonight) == {older.number: [("2026-11-06", "reminder 1")]}
    assert (tonight.requests, tonight.reminders, tonight.moves) == (1, 1, {})
    later = look(world, rule, "2026-11-26")
    assert list(said(later)) == [older.number, newer.number]
    assert said(later)[newer.number] == [
        ("2026-11-16", "reminder 1"),
        ("2026-11-21", "reminder 2"),
        ("2026-11-26", "closed"),
    ]
    assert (later.reminders, later.moves, later.at_least) == (4, {"closed": 2}, False)
    assert not any(later.changes.values()), "the rule is as it is saved"
    assert look(world, rule, "2026-11-25").moves == {"closed": 1}, "the day before, one less"


def test_what_was_foreseen_is_what_nightly_sweeps_then_do(world: Any) -> None:
    tickets = [
        asked(world, FRIDAY - timedelta(days=9)),
        asked(world),
        asked(world, by=world.charlie),
        put_in(send(world, now=FRIDAY), "customer_testing", assignee=world.sam, now=FRIDAY),
        solved(world),
    ]
    until = "2026-11-30"
    foreseen: dict[str, list[tuple[str, str]]] = {}
    for status in ("waiting_customer", "customer_testing", "resolved"):
        foreseen |= said(look(world, rule_of(status), until))
    nightly(end_of(until))
    happened: dict[str, list[tuple[str, str]]] = {ticket.number: [] for ticket in tickets}
    for event in TicketEvent.select().where(
        TicketEvent.actor.is_null() & TicketEvent.kind.in_(("ticket:reminded", "ticket:moved", "ticket:closed", "ticket:expired"))
    ).order_by(TicketEvent.id):  # fmt: skip
        if event.ticket.number in happened:
            day = (event.created_at.astimezone(FRIDAY.tzinfo) - timedelta(hours=1)).date().isoformat()
            what = f"reminder {event.data['number']}" if event.kind == "ticket:reminded" else event.data["to"]
            happened[event.ticket.number].append((day, what))
    assert happened == foreseen
    assert foreseen[tickets[3].number] == [("2026-11-23", "awaiting_rollback"), ("2026-11-26", "expired")]


def test_a_preview_says_what_the_rule_changes(world: Any) -> None:
    first, second, late = (
        asked(world),
        asked(world, FRIDAY - timedelta(days=10)),
        asked(world, by=world.charlie),
    )
    Ticket.update(extension_days=5).where(Ticket.id == late.id).execute()
    found = look(world, rule_of("waiting_customer", after=5, reminders=[2]), "2026-11-06")
    changes = {one.number: one.change for one in [*found.shown, *found.no_longer]}
    assert changes == {second.number: OTHER_DATE}, "what is overdue is reminded about first"
    assert found.shown[0].present[0].day == date(2026, 11, 6)
    found = look(world, rule_of("waiting_customer", after=5, reminders=[2]), "2026-11-11")
    assert {one.number: one.change for one in found.shown} == {first.number: NEWLY, second.number: OTHER_DATE}
    assert found.changes == {NEWLY: 1, OTHER_DATE: 1, NO_LONGER: 0}
    found = look(world, rule_of("waiting_customer", after=60, reminders=[]), "2026-11-26")
    assert (found.requests, found.changes[NO_LONGER]) == (0, 3)
    assert {one.number for one in found.no_longer} == {first.number, second.number, late.number}


def test_a_rule_that_is_switched_off_leaves_the_less_precise_one(world: Any) -> None:
    acme = world.organisations["acme"]
    row = ClosingRule.create(
        status="waiting_customer", organisation=acme, after=40, final_status="closed", reminders=[]
    )
    closing.forget()
    ours, theirs = asked(world), asked(world, by=world.charlie)
    row.is_active = False
    found = look(world, row, "2026-11-26")
    assert said(found)[ours.number][-1] == ("2026-11-26", "closed")
    assert theirs.number not in said(found), "the rule was never for them"
    assert found.changes[NEWLY] == 1
    general = rule_of("waiting_customer")
    general.is_active = False
    found = look(world, general, "2026-11-26")
    assert [one.number for one in found.no_longer] == [theirs.number]


def test_a_rule_for_one_form_of_one_organisation_touches_nobody_else(world: Any) -> None:
    mine = asked(world)
    asked(world, form_slug="question", priority=None)
    asked(world, by=world.charlie)
    typed = ClosingRule(
        status="waiting_customer",
        organisation=world.organisations["acme"].id,
        form=RequestForm.get(RequestForm.slug == "incident").id,
        unit="days",
        reminders=[],
        after=1,
        final_status="closed",
        is_active=True,
    )
    found = look(world, typed, "2026-11-07")
    assert said(found) == {mine.number: [("2026-11-07", "closed")]}
    assert found.changes[NEWLY] == 1


def test_a_rule_less_precise_than_another_changes_nothing_for_its_requests(world: Any) -> None:
    acme = world.organisations["acme"]
    ClosingRule.create(
        status="waiting_customer", organisation=acme, after=40, final_status="closed", reminders=[]
    )
    closing.forget()
    ours, theirs = asked(world), asked(world, by=world.charlie)
    found = look(world, rule_of("waiting_customer", after=2, reminders=[]), "2026-11-30")
    assert {one.number: one.change for one in found.shown} == {theirs.number: OTHER_DATE}
    assert ours.number not in said(found)


def test_the_numbers_stop_at_a_limit_that_is_said(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    tickets = [asked(world, FRIDAY - timedelta(days=n)) for n in range(6)]
    monkeypatch.setattr(closing_preview, "MOST_LOOKED_AT", 4)
    found = look(world, rule_of("waiting_customer", after=1, reminders=[]), "2026-11-08")
    assert found.at_least and found.requests == 4
    assert [one.number for one in found.shown] == [ticket.number for ticket in tickets[:1:-1]], (
        "longest first"
    )
    monkeypatch.setattr(closing_preview, "MOST_LOOKED_AT", 6)
    found = look(world, rule_of("waiting_customer", after=1, reminders=[]), "2026-11-08")
    assert not found.at_least and found.requests == 6


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago", "Europe/Paris"])
def test_nothing_due_is_left_out_by_the_bound_on_the_clock(world: Any, zone: str) -> None:
    calendar = Calendar.get(Calendar.is_default == True)  # noqa: E712
    Calendar.update(time_zone=zone).where(Calendar.id == calendar.id).execute()
    closing.forget()
    for hours in range(0, 96, 5):
        asked(world, FRIDAY - timedelta(hours=hours))
    for reminders, after in (([], 1), ([1], 3), ([1, 2], 3)):
        row = rule_of("waiting_customer", reminders=reminders, after=after)
        book = closing_preview.typed(row).book(closing.book())
        until = date(2026, 11, 6)
        expected = {
            ticket.number
            for ticket in Ticket.select().where(Ticket.status == "waiting_customer")
            if closing_preview.story(ticket, book, FRIDAY).chapters[0].step.day <= until
        }
        found = look(world, row, until.isoformat())
        assert {one.number for one in found.shown} == expected and expected, (zone, reminders)


def test_looking_writes_nothing_and_costs_a_few_queries(world: Any, database: Any) -> None:
    for n in range(12):
        asked(world, FRIDAY - timedelta(days=n))
    row, root = rule_of("waiting_customer", after=3, reminders=[]), see(world.root)
    closing.book()
    before = fingerprint()
    with statements(database) as sent:
        closing_preview.preview(closing_preview.typed(row), date(2026, 11, 30), root, FRIDAY)
    assert len(sent) <= 3
    assert not [sql for sql in sent if not sql.startswith("SELECT")]
    assert fingerprint() == before


def test_the_calendar_of_one_request_gives_each_day_with_its_reason(world: Any) -> None:
    ticket = asked(world)
    row = rule_of("waiting_customer", unit="working_days", reminders=[2, 4], after=7)
    book = closing_preview.typed(row).book(closing.book())
    story = closing_preview.story(ticket, book, FRIDAY)
    assert story.start == FRIDAY.date()
    assert [(one.step.kind, one.step.day.isoformat()) for one in story.chapters] == [
        ("reminder", "2026-11-10"),
        ("reminder", "2026-11-13"),
        ("move", "2026-11-18"),
    ]
    reasons = [one.reason for one in story.chapters]
    assert [(why.count, why.from_day, why.after_reminder) for why in reasons] == [
        (2, date(2026, 11, 6), False),
        (4, date(2026, 11, 6), False),
        (7, date(2026, 11, 6), False),
    ]
    assert [len(why.skipped) for why in reasons] == [0, 1, 1]
    assert [day.counted for day in story.days][:7] == [False, False, False, True, True, False, True]
    present = closing_preview.story(ticket, closing.book(), FRIDAY)
    assert [one.step.day.isoformat() for one in present.chapters] == [
        "2026-11-16",
        "2026-11-21",
        "2026-11-26",
    ]


def test_an_overdue_reminder_has_no_reason_but_that_it_is_late(world: Any) -> None:
    ticket = asked(world)
    back = datetime(2026, 12, 16, 8, tzinfo=FRIDAY.tzinfo)
    story = closing_preview.story(ticket, closing.book(), back)
    assert [one.step.day.isoformat() for one in story.chapters] == ["2026-12-16", "2026-12-21", "2026-12-26"]
    assert story.chapters[0].reason is None
    assert story.chapters[2].reason.after_reminder and story.chapters[2].reason.count == 10
    closing.sweep(back)
    assert closing.last_day(again(ticket)) == date(2026, 12, 26)


def test_what_the_team_has_does_not_close(world: Any) -> None:
    ticket = send(world, now=FRIDAY)
    story = closing_preview.story(ticket, closing.book(), FRIDAY)
    assert story.chapters == () and story.days == []


def test_a_request_that_is_the_same_under_both_is_said_to_be(world: Any) -> None:
    asked(world, FRIDAY - timedelta(days=10))
    found = look(world, rule_of("waiting_customer"), "2026-11-06")
    assert [one.change for one in found.shown] == [SAME]
