"""Reminders and closing by themselves, with real rows and real sweeps (LIFE-5, 6, 7, 12, 13, 14)."""

from __future__ import annotations

import logging
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from domain import audit, closing, closing_preview, conversation, lifecycle, notifications
from domain import settings as choices
from domain.refusals import NotNow
from models import (
    Calendar,
    CalendarClosingDay,
    ClosingRule,
    Message,
    OutboxMessage,
    RequestForm,
    Ticket,
    TicketEvent,
)
from tests.support.casework import (
    again,
    answer,
    faults,
    forget_mails,
    history,
    key,
    last_event,
    mails,
    put_in,
    see,
    send,
    together,
)

PARIS = ZoneInfo("Europe/Paris")
# A Friday afternoon: the sentence that everybody knows begins here.
FRIDAY = datetime(2026, 11, 6, 15, 42, tzinfo=PARIS)


def end_of(text: str) -> datetime:
    """The instant at which a day of Paris is over."""
    day = date.fromisoformat(text) + timedelta(days=1)
    return datetime(day.year, day.month, day.day, tzinfo=PARIS)


def asked(world: Any, now: datetime = FRIDAY, **more: Any) -> Ticket:
    """A request that sam answered with a question."""
    ticket = send(world, now=now - timedelta(hours=1), **more)
    answer(ticket, world.sam, "Quelle version ?", now=now, move_to="waiting_customer")
    forget_mails()
    return again(ticket)


def solved(world: Any, now: datetime = FRIDAY, **more: Any) -> Ticket:
    """A request that sam answered with a solution."""
    ticket = send(world, now=now - timedelta(hours=1), **more)
    answer(ticket, world.sam, "Voici la solution.", now=now, move_to="resolved")
    forget_mails()
    return again(ticket)


def nightly(until: datetime, start: datetime = FRIDAY) -> None:
    """The sweep as it runs when nothing is wrong: soon after each midnight of Paris, until `until`."""
    night = end_of(start.astimezone(PARIS).date().isoformat())
    while night <= until:
        closing.sweep(night + timedelta(minutes=5))
        local = night.astimezone(PARIS).date() + timedelta(days=1)
        night = datetime(local.year, local.month, local.day, tzinfo=PARIS)


@pytest.fixture(autouse=True)
def quiet_demo(request: pytest.FixtureRequest) -> None:
    """The requests of the demo have their own dates: only those of the test are due."""
    if "world" in request.fixturenames:
        request.getfixturevalue("world")
        Ticket.update(act_at=None, closes_at=None).execute()


# The stories of the guides


def test_resolved_on_friday_6_november_closes_at_the_end_of_wednesday_18_november(world: Any) -> None:
    ticket = solved(world)
    assert ticket.closes_at == ticket.act_at == end_of("2026-11-18")
    assert closing.last_day(ticket) == date(2026, 11, 18)
    why = closing.explain(ticket)
    assert (why.count, why.unit, why.last_day) == (7, "working_days", date(2026, 11, 18))
    assert [day.day for day in why.skipped] == [date(2026, 11, 11)]
    closing.sweep(end_of("2026-11-18") - timedelta(seconds=1))
    assert again(ticket).status == "resolved"
    closing.sweep(end_of("2026-11-18"))
    row = again(ticket)
    assert (row.status, row.close_reason, row.closed_at) == ("closed", "silence", end_of("2026-11-18"))
    assert (row.act_at, row.closes_at) == (None, None)
    assert last_event(ticket).actor_id is None
    assert ("closed", "alice") in mails(ticket)


def test_waiting_is_reminded_after_10_and_15_days_and_closed_after_20(world: Any) -> None:
    ticket = asked(world, FRIDAY)
    assert ticket.act_at == end_of("2026-11-16") and ticket.closes_at == end_of("2026-11-26")
    expected = [
        ("2026-11-16", "waiting_customer", "ticket:reminded", ("reminder", "alice")),
        ("2026-11-21", "waiting_customer", "ticket:reminded", ("reminder", "alice")),
        ("2026-11-26", "closed", "ticket:closed", ("closed", "alice")),
    ]
    for day, status, kind, mail in expected:
        before = history(ticket)
        assert closing.sweep(end_of(day) - timedelta(minutes=1)) == 0
        assert history(ticket) == before
        assert closing.sweep(end_of(day) + timedelta(minutes=5)) == 1
        assert again(ticket).status == status
        assert last_event(ticket).kind == kind and mail in mails(ticket)
        forget_mails()
    reminders = [row.data for row in TicketEvent.select().where(TicketEvent.kind == "ticket:reminded",
                                                               TicketEvent.ticket == ticket.id)]  # fmt: skip
    assert [(data["number"], data["of"], data["last_day"]) for data in reminders] == [
        (1, 2, "2026-11-26"),
        (2, 2, "2026-11-26"),
    ]


def test_what_is_not_tested_is_undone_and_then_expires(world: Any) -> None:
    ticket = put_in(send(world, now=FRIDAY), "customer_testing", assignee=world.sam, now=FRIDAY)
    # 10 working days, 11 November not worked; then 2 more.
    assert ticket.closes_at == end_of("2026-11-23")
    nightly(end_of("2026-11-23"))
    row = again(ticket)
    assert (row.status, row.closes_at) == ("awaiting_rollback", end_of("2026-11-26"))
    nightly(end_of("2026-11-26"), end_of("2026-11-23"))
    row = again(ticket)
    assert (row.status, row.act_at) == ("expired", None)
    assert history(ticket)[-2:] == ["ticket:moved", "ticket:expired"]
    answer(ticket, world.alice, "Nous n'avons pas pu tester.", now=end_of("2026-11-27"))
    assert again(ticket).status == "expired"


def test_nothing_closes_while_the_team_is_awaited(world: Any) -> None:
    tickets = {
        status: put_in(send(world, now=FRIDAY), status, now=FRIDAY)
        for status in lifecycle.STATUSES
        if status not in ("waiting_customer", "customer_testing", "resolved", "awaiting_rollback")
    }
    assert closing.sweep(FRIDAY + timedelta(days=4000)) == 0
    for status, ticket in tickets.items():
        assert (again(ticket).status, again(ticket).act_at, closing.explain(again(ticket))) == (
            status,
            None,
            None,
        )


# The silence clock (LIFE-14)


def test_an_answer_of_the_customer_stops_the_clock_and_a_new_question_starts_it_anew(world: Any) -> None:
    ticket = asked(world)
    nightly(end_of("2026-11-16"))
    assert again(ticket).reminders_sent == 1
    answer(ticket, world.alice, now=end_of("2026-11-17"))
    row = again(ticket)
    assert (row.status, row.act_at, row.reminders_sent) == ("in_progress", None, 0)
    answer(ticket, world.sam, "Et laquelle encore ?", now=end_of("2026-11-18"), move_to="waiting_customer")
    assert again(ticket).closes_at == end_of("2026-12-09"), "20 days from the 19th, which has just begun"


def test_a_reply_reopens_during_the_window_and_is_refused_after_it(world: Any) -> None:
    ticket = solved(world)
    late = solved(world)
    answer(ticket, world.alice, "Cela recommence.", now=end_of("2026-11-18") - timedelta(minutes=1))
    closing.sweep(end_of("2026-11-18"))
    assert (again(ticket).status, again(late).status) == ("in_progress", "closed")
    with pytest.raises(NotNow) as refused:
        answer(late, world.alice, "Cela recommence.", now=end_of("2026-11-19"))
    assert refused.value.code == "ticket-closed"


def test_a_second_word_of_the_team_gives_the_customer_the_whole_time_again(world: Any) -> None:
    ticket = asked(world)
    nightly(end_of("2026-11-16"))
    answer(
        ticket, world.sam, "Je me permets de revenir vers vous.", now=datetime(2026, 11, 18, 9, tzinfo=PARIS)
    )
    row = again(ticket)
    assert (row.reminders_sent, row.act_at, row.closes_at) == (0, end_of("2026-11-28"), end_of("2026-12-08"))


def test_notes_priorities_teams_copies_and_reminders_never_touch_the_clock(world: Any) -> None:
    ticket = asked(world)
    later, sam = FRIDAY + timedelta(days=5), see(world.sam)
    conversation.note(ticket, "Relancé par téléphone.", sam, later, idempotency_key=key())
    lifecycle.set_priority(ticket, "1", sam, later)
    lifecycle.assign(ticket, world.ines.id, sam, later)
    conversation.add_cc(ticket, "claire@acme.example", see(world.alice), later)
    conversation.collaborate(ticket, see(world.bob), later)
    row = again(ticket)
    assert (row.last_message_at, row.status_since) == (ticket.last_message_at, ticket.status_since)
    assert (row.act_at, row.closes_at) == (ticket.act_at, ticket.closes_at)
    nightly(end_of("2026-11-16"))
    row = again(ticket)
    assert (row.status, row.last_message_at, row.closes_at) == (
        "waiting_customer", ticket.last_message_at, ticket.closes_at,
    )  # fmt: skip
    assert row.updated_at == later, "a reminder is not a change that somebody made"


def test_the_move_counts_when_it_is_later_than_the_last_word(world: Any) -> None:
    ticket = send(world, now=FRIDAY)
    answer(ticket, world.sam, now=FRIDAY)
    lifecycle.move(ticket, "waiting_customer", see(world.sam), FRIDAY + timedelta(days=3))
    assert again(ticket).closes_at == end_of("2026-11-29")


# What the page says is what will happen (LIFE-13)


def test_what_is_shown_on_any_day_is_the_day_on_which_it_closes(world: Any) -> None:
    told = {}
    tickets = [asked(world), solved(world), put_in(send(world, now=FRIDAY), "customer_testing", now=FRIDAY)]
    for ticket in tickets:
        told[ticket.id] = (closing.explain(ticket).closes_at, closing.last_day(ticket))
    night = FRIDAY
    for _ in range(25):
        night += timedelta(days=1)
        for ticket in tickets:
            row = again(ticket)
            if row.act_at is None or row.status != ticket.status:
                continue
            assert (closing.explain(row, night).closes_at, closing.last_day(row)) == told[row.id]
            assert row.act_at <= row.closes_at
        closing.sweep(night)
    ends = {
        row.ticket_id: row.created_at
        for row in TicketEvent.select().where(TicketEvent.kind.in_(("ticket:closed", "ticket:moved")))
        if row.ticket_id in told and row.data.get("to") in ("closed", "awaiting_rollback")
    }
    for ticket in tickets:
        closes_at, _day = told[ticket.id]
        assert closes_at <= ends[ticket.id] < closes_at + timedelta(days=1)


def test_the_page_says_it_in_words(world: Any, app: Any) -> None:
    from flask_babel import force_locale

    import presenters

    ticket = solved(world)
    with app.test_request_context("/"), force_locale("fr"):
        said = presenters.closing_sentence(ticket)
    assert said is not None
    assert said["day"] == "mercredi 18 novembre" and said["final"] == "closed"
    assert "11 novembre" in said["why"] and "Armistice" in said["why"]


# Sweeps


def test_a_sweep_twice_is_a_sweep_once(world: Any) -> None:
    waiting, resolved = asked(world), solved(world)
    when = end_of("2026-11-19")
    assert closing.sweep(when) == 2
    seen = (history(waiting), history(resolved), OutboxMessage.select().count())
    assert closing.sweep(when) == 0
    assert closing.sweep(when + timedelta(hours=1)) == 0
    assert (history(waiting), history(resolved), OutboxMessage.select().count()) == seen


def test_a_sweep_does_no_more_than_it_was_asked(world: Any) -> None:
    for _ in range(5):
        solved(world)
    when = end_of("2026-11-18")
    assert closing.sweep(when, limit=2) == 2
    assert closing.sweep(when, limit=10) == 3


def test_a_portal_that_was_down_for_40_days_reminds_before_it_closes(world: Any) -> None:
    waiting, resolved = asked(world), solved(world)
    back = datetime(2026, 12, 16, 8, 0, tzinfo=PARIS)
    assert closing.explain(waiting, back).last_day == date(2026, 12, 26)
    assert closing.sweep(back) == 2
    assert again(resolved).status == "closed"
    row = again(waiting)
    assert (row.status, row.reminders_sent, row.closes_at) == ("waiting_customer", 1, end_of("2026-12-26"))
    assert last_event(waiting).data["last_day"] == "2026-12-26", (
        "the mail names the day on which it will close"
    )
    assert closing.sweep(back) == 0, "one mail for one sweep"
    nightly(end_of("2026-12-21"), back)
    assert again(waiting).reminders_sent == 2
    nightly(end_of("2026-12-26"), end_of("2026-12-21"))
    assert again(waiting).status == "closed"


def test_one_request_that_fails_does_not_stop_the_others(
    world: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tickets = [solved(world) for _ in range(5)]
    broken = tickets[2].id
    plain = notifications.tell

    def tell(event: Any, ticket: Ticket, *rest: Any) -> int:
        if ticket.id == broken:
            raise RuntimeError("no mail for this one")
        return plain(event, ticket, *rest)

    monkeypatch.setattr(notifications, "tell", tell)
    with caplog.at_level(logging.ERROR, logger="guichet.closing"):
        assert closing.sweep(end_of("2026-11-18")) == 4
    assert [again(ticket).status for ticket in tickets] == [
        "closed",
        "closed",
        "resolved",
        "closed",
        "closed",
    ]
    assert "ticket:closed" not in history(tickets[2]), "what failed left nothing behind"
    assert str(broken) in caplog.text
    monkeypatch.undo()
    assert closing.sweep(end_of("2026-11-18")) == 1


def due(world: Any, amount: int) -> list[Ticket]:
    """Requests that are due, half to remind and half to close, made of two real ones."""
    made = []
    for first in (asked(world), solved(world)):
        columns = {name: value for name, value in first.__data__.items() if name != "id"}
        for n in range(amount // 2):
            made.append(
                Ticket.create(**{**columns, "number": f"D{first.id}-{n}", "idempotency_key": key()})
            )  # fmt: skip
        Ticket.update(act_at=None).where(Ticket.id == first.id).execute()
    return made


@pytest.mark.parametrize("amount", [40, pytest.param(200, marks=pytest.mark.long)])
def test_sweeps_at_the_same_instant_act_once_on_each_request(world: Any, database: Any, amount: int) -> None:
    tickets = due(world, amount)
    when = end_of("2026-11-18")
    results = together([partial(closing.sweep, when) for _ in range(4)], database)
    assert faults(results) == []
    assert sum(results) == amount
    ids = [ticket.id for ticket in tickets]
    for kind, template in (("ticket:reminded", "reminder"), ("ticket:closed", "closed")):
        events = TicketEvent.select().where((TicketEvent.kind == kind) & TicketEvent.ticket.in_(ids))
        assert sorted(event.ticket_id for event in events) == sorted({event.ticket_id for event in events})
        assert events.count() == amount // 2
        sent = OutboxMessage.select().where(
            (OutboxMessage.template == template) & OutboxMessage.ticket.in_(ids)
        )
        assert sent.count() == amount // 2, "one mail each, to alice"
    assert audit.verify() == []


@pytest.mark.parametrize("trials", [10, pytest.param(100, marks=pytest.mark.long)])
def test_an_answer_at_the_very_instant_of_closing_either_reopens_or_is_refused(
    world: Any, database: Any, trials: int
) -> None:
    choices.put("requests_per_minute", 1000, None, FRIDAY)
    viewer, when = see(world.alice), end_of("2026-11-18")
    outcomes = set()
    for _ in range(trials):
        ticket = solved(world)
        word = f"Cela recommence, essai {key()}"

        def reply(ticket: Ticket = ticket, word: str = word) -> Message:
            return conversation.reply(ticket, word, viewer, when, idempotency_key=key())

        written, swept = together([reply, partial(closing.sweep, when)], database)
        row = again(ticket)
        kept = Message.select().where((Message.ticket == ticket.id) & (Message.body == word)).count()
        assert not isinstance(swept, Exception), swept
        if isinstance(written, Exception):
            assert isinstance(written, NotNow) and written.code == "ticket-closed"
            assert (row.status, kept, swept) == ("closed", 0, 1)
            assert history(ticket)[-1] == "ticket:closed"
        else:
            assert (row.status, kept, swept) == ("in_progress", 1, 0)
            assert history(ticket)[-1] == "ticket:reopened" and "ticket:closed" not in history(ticket)
        outcomes.add(row.status)
    assert outcomes <= {"closed", "in_progress"}
    assert audit.verify() == []


# Rules that admins edit (LIFE-12)


def test_the_most_precise_rule_wins_for_real_rows(world: Any) -> None:
    form = RequestForm.get(RequestForm.slug == "incident")
    acme = world.organisations["acme"]
    for after, organisation, of_form in ((30, None, form), (40, acme, None), (50, acme, form)):
        ClosingRule.create(
            status="waiting_customer",
            organisation=organisation,
            form=of_form,
            after=after,
            final_status="closed",
        )
    closing.forget()
    cases = (
        (asked(world), 50),
        (asked(world, form_slug="question", priority=None), 40),
        (asked(world, by=world.charlie), 30),
        (asked(world, by=world.charlie, form_slug="question", priority=None), 20),
    )
    for ticket, days in cases:
        assert closing.last_day(ticket) == FRIDAY.date() + timedelta(days=days)


def test_a_rule_that_changes_moves_the_dates_of_those_who_wait(world: Any) -> None:
    ticket = solved(world)
    ClosingRule.update(after=3).where(ClosingRule.status == "resolved").execute()
    assert closing.reschedule_all(FRIDAY, "resolved") >= 1
    assert again(ticket).closes_at == end_of("2026-11-12")
    ClosingRule.update(is_active=False).where(ClosingRule.status == "resolved").execute()
    closing.reschedule_all(FRIDAY)
    assert again(ticket).act_at is None
    closing.sweep(FRIDAY + timedelta(days=400))
    assert again(ticket).status == "resolved"


def test_a_day_on_which_the_team_is_closed_pushes_the_date(world: Any) -> None:
    calendar = Calendar.get(Calendar.is_default == True)  # noqa: E712
    CalendarClosingDay.create(calendar=calendar, day=date(2026, 11, 13))
    closing.forget()
    ticket = solved(world)
    assert ticket.closes_at == end_of("2026-11-19")


def test_a_sweep_asks_the_rules_again_before_it_acts(world: Any) -> None:
    ticket = solved(world)
    ClosingRule.update(after=14).where(ClosingRule.status == "resolved").execute()
    closing.forget()
    assert closing.sweep(end_of("2026-11-18")) == 0
    row = again(ticket)
    assert (row.status, row.act_at) == ("resolved", end_of("2026-11-27"))
    assert history(ticket) == ["ticket:created", "ticket:resolved"]


def test_a_rule_that_makes_no_sense_is_left_out_and_said(
    world: Any, caplog: pytest.LogCaptureFixture
) -> None:
    good = ClosingRule.get(ClosingRule.status == "waiting_customer")
    for broken in (
        {"status": "waiting_customer", "final_status": "expired"},
        {"status": "resolved", "final_status": "awaiting_rollback"},
        {"status": "in_progress", "final_status": "closed"},
    ):
        row = ClosingRule.create(organisation=world.organisations["acme"], after=5, **broken)
        with pytest.raises(ValueError, match="does not lead"):
            closing.rule_value(row)
    closing.forget()
    with caplog.at_level(logging.ERROR, logger="guichet.closing"):
        ticket = asked(world)
    assert closing.last_day(ticket) == FRIDAY.date() + timedelta(days=good.after)
    assert caplog.text.count("is left out") == 3


def test_the_preview_tells_what_the_sweep_then_does(world: Any) -> None:
    waiting, resolved = asked(world), solved(world)
    for status, ticket, kind, number in (
        ("waiting_customer", waiting, "reminder", 1),
        ("resolved", resolved, "move", 0),
    ):
        what = closing_preview.typed(ClosingRule.get(ClosingRule.status == status))
        found = closing_preview.preview(what, date(2026, 11, 18), see(world.root), FRIDAY)
        happens = {one.id: [(it.kind, it.number) for it in one.happenings] for one in found.shown}
        assert happens[ticket.id] == [(kind, number)]
