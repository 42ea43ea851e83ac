"""After a stop of the portal: what is due happens once, in order, and never a closing before its reminders (LIFE-6)."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Any

import pytest

from domain import audit, closing
from models import OutboxMessage, Ticket, TicketEvent
from tests.support.casework import again, faults, put_in, send, together
from tests.test_closing import FRIDAY, PARIS, asked, end_of, quiet_demo, solved  # noqa: F401

STOPS = {"an hour": timedelta(hours=1), "three days": timedelta(days=3), "forty days": timedelta(days=40)}
# Reminders of the waiting rule are 10 and 15 days after, the closing 20: at least so many days apart.
DAYS_BETWEEN = {("reminder 1", "reminder 2"): 5, ("reminder 2", "closed"): 5}


def crowd(world: Any) -> list[Ticket]:
    """Requests at every place of their clocks: some to remind, some to close, some to undo, some fresh."""
    found = [asked(world, FRIDAY - timedelta(days=days)) for days in range(0, 10, 3)]
    found += [solved(world, FRIDAY - timedelta(days=days)) for days in (0, 2, 4)]
    found.append(put_in(send(world, now=FRIDAY), "customer_testing", assignee=world.sam, now=FRIDAY))
    return found


def minutely(start: datetime, days: int) -> None:
    """The job after a restart: several sweeps at once, then soon after each midnight."""
    for minutes in (0, 1, 2, 60):
        closing.sweep(start + timedelta(minutes=minutes))
    night = end_of(start.astimezone(PARIS).date().isoformat())
    for _ in range(days):
        closing.sweep(night + timedelta(minutes=1))
        night = end_of(night.astimezone(PARIS).date().isoformat())


def story(ticket: Ticket) -> list[tuple[str, datetime]]:
    """What happened to a request by itself, in order: "reminder 1" or the status it went to, and when."""
    rows = TicketEvent.select().where(
        (TicketEvent.ticket == ticket.id)
        & TicketEvent.actor.is_null()
        & TicketEvent.kind.in_(("ticket:reminded", "ticket:moved", "ticket:closed", "ticket:expired"))
    )
    return [
        (
            f"reminder {row.data['number']}" if row.kind == "ticket:reminded" else row.data["to"],
            row.created_at,
        )
        for row in rows.order_by(TicketEvent.id)
    ]


@pytest.mark.parametrize("stop", list(STOPS))
@pytest.mark.parametrize("stopped_on", ["2026-11-16 23:30", "2026-11-26 23:30"])
def test_everything_happens_once_in_order_with_its_reminders_first(
    world: Any, stop: str, stopped_on: str
) -> None:
    tickets = crowd(world)
    stopped = datetime.fromisoformat(stopped_on).replace(tzinfo=PARIS)
    night = end_of("2026-11-06")
    while night <= stopped:
        closing.sweep(night + timedelta(minutes=1))
        night = end_of(night.astimezone(PARIS).date().isoformat())
    back = stopped + STOPS[stop]
    minutely(back, 80)
    for ticket in tickets:
        told = story(ticket)
        names = [name for name, _at in told]
        assert len(names) == len(set(names)), f"{ticket.number} twice: {names}"
        if ticket.status == "waiting_customer":
            assert names == ["reminder 1", "reminder 2", "closed"]
            for (before, then), (after, at) in pairwise(told):
                days = (at.astimezone(PARIS).date() - then.astimezone(PARIS).date()).days
                assert days >= DAYS_BETWEEN[(before, after)], (ticket.number, told)
        elif ticket.status == "resolved":
            assert names == ["closed"]
        else:
            assert names == ["awaiting_rollback", "expired"]
        assert [at for _name, at in told] == sorted(at for _name, at in told)
        sent = OutboxMessage.select().where(
            (OutboxMessage.ticket == ticket.id) & (OutboxMessage.template.in_(("reminder", "closed")))
        )
        keys = [(row.source, row.recipient, row.template) for row in sent]
        assert len(keys) == len(set(keys))
    assert audit.verify() == []


def test_each_reminder_promises_the_day_that_is_then_kept(world: Any) -> None:
    tickets = [asked(world, FRIDAY - timedelta(days=days)) for days in (0, 4, 9)]
    back = end_of("2026-12-16") + timedelta(hours=8)
    minutely(back, 40)
    for ticket in tickets:
        promised = [
            row.data["last_day"]
            for row in TicketEvent.select()
            .where((TicketEvent.ticket == ticket.id) & (TicketEvent.kind == "ticket:reminded"))
            .order_by(TicketEvent.id)
        ]
        _what, closed_at = story(ticket)[-1]
        kept = (closed_at.astimezone(PARIS) - timedelta(hours=1)).date().isoformat()
        assert promised == [kept, kept]


def test_what_is_due_first_happens_first(world: Any) -> None:
    tickets = [solved(world, FRIDAY - timedelta(days=days)) for days in (0, 9, 4)]
    closing.sweep(end_of("2026-12-20"))
    closed = [
        row.ticket_id
        for row in TicketEvent.select().where(TicketEvent.kind == "ticket:closed").order_by(TicketEvent.id)
        if row.ticket_id in {ticket.id for ticket in tickets}
    ]
    assert closed == [ticket.id for ticket in sorted(tickets, key=lambda ticket: ticket.closes_at)]


def test_two_processes_that_come_back_together_act_once(world: Any, database: Any) -> None:
    tickets = crowd(world)
    back = end_of("2026-12-20")
    results = together([partial(closing.sweep, back) for _ in range(3)], database)
    assert faults(results) == []
    for ticket in tickets:
        assert len(story(ticket)) == 1, "one step for one sweep"


def test_an_answer_during_the_stop_is_an_answer(world: Any) -> None:
    from tests.support.casework import answer

    ticket = asked(world)
    back = end_of("2026-12-16")
    answer(ticket, world.alice, "Je réponds enfin.", now=back)
    closing.sweep(back + timedelta(minutes=1))
    assert again(ticket).status == "in_progress" and story(ticket) == []
