"""Reminders and closing by themselves: keeps `act_at` on each request, and sweeps what is due (LIFE-5, 6, 7, 12 to 15).

The arithmetic is in closing_rules.py and workdays.py; here are the rows, the transaction and the mails.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from domain import closing_rules as rules
from domain import settings
from domain.refusals import Missing, NotAllowed, NotNow
from domain.workdays import WorkCalendar, read_hours
from models import Calendar, CalendarClosingDay, ClosingRule, RequestForm, Ticket, db

if TYPE_CHECKING:
    from domain.policies import Viewer

log = logging.getLogger("guichet.closing")

# Rules and calendars are read on each move; a change made by another process is seen after this many seconds.
CACHE_SECONDS = 2.0
BATCH = 500


@dataclass(frozen=True, slots=True)
class RuleBook:
    """The closing rules and calendars as they are now."""

    in_force: tuple[rules.ClosingRule, ...]
    calendar_of_rule: dict[int | str | None, WorkCalendar]
    default_calendar: WorkCalendar

    def pick(self, ticket: Ticket) -> rules.ClosingRule | None:
        """The rule that applies to a request in its present status, or None."""
        return rules.pick_rule(self.in_force, ticket.status, ticket.organisation_id, ticket.form_slug)

    def calendar(self, rule: rules.ClosingRule | None) -> WorkCalendar:
        """The calendar of a rule; the team's default one when the rule names none."""
        return self.calendar_of_rule.get(rule.key if rule else None, self.default_calendar)


_book: RuleBook | None = None
_read_at = 0.0
_lock = threading.Lock()


def forget() -> None:
    """Drop what this process remembers of rules and calendars."""
    global _book
    _book = None


def book() -> RuleBook:
    """The rules and calendars as they are now, read at most every CACHE_SECONDS."""
    global _book, _read_at
    with _lock:
        if _book is None or time.monotonic() - _read_at > CACHE_SECONDS:
            _book = _read_book()
            _read_at = time.monotonic()
        return _book


def work_calendar(row: Calendar, closing_days: Iterable[date]) -> WorkCalendar:
    """The value that counts working days, from its rows."""
    weekdays, hours = read_hours(row.hours or {})
    return WorkCalendar(
        country=row.country,
        subdivision=row.subdivision or None,
        time_zone=row.time_zone,
        closing_days=frozenset(closing_days),
        weekdays=weekdays,
        hours=hours,
    )


def _read_book() -> RuleBook:
    days: dict[int, list[date]] = {}
    for calendar_id, day in CalendarClosingDay.select(
        CalendarClosingDay.calendar, CalendarClosingDay.day
    ).tuples():
        days.setdefault(calendar_id, []).append(day)
    calendars: dict[int, WorkCalendar] = {}
    default = WorkCalendar()
    for row in Calendar.select().order_by(Calendar.is_default, Calendar.id.desc()):
        calendars[row.id] = default = work_calendar(row, days.get(row.id, ()))
    forms = dict(RequestForm.select(RequestForm.id, RequestForm.slug).tuples())
    book_rules, calendar_of_rule = [], {}
    for row in ClosingRule.select().where(ClosingRule.is_active == True).order_by(ClosingRule.id):  # noqa: E712
        try:
            rule = rule_value(row, forms)
        except ValueError as fault:
            # A row changed behind the screens: the others still work, and the log says which one does not.
            log.error("closing rule %s is left out: %s", row.id, fault)
            continue
        book_rules.append(rule)
        if row.calendar_id in calendars:
            calendar_of_rule[rule.key] = calendars[row.calendar_id]
    return RuleBook(tuple(book_rules), calendar_of_rule, default)


def rule_value(row: ClosingRule, forms: dict[int, str] | None = None) -> rules.ClosingRule:
    """The rule of a row.

    Raises ValueError when the row does not make sense (see closing_rules.ClosingRule), or when it leads where no
    request may go by itself: the sweep would be refused each time.
    """
    from domain import lifecycle

    if not lifecycle.may_move(row.status, row.final_status, "rule"):
        raise ValueError(f"a rule on {row.status} does not lead to {row.final_status}")
    form_slug = None
    if row.form_id:
        form_slug = forms.get(row.form_id) if forms is not None else row.form.slug
    return rules.ClosingRule(
        key=row.id,
        status=row.status,
        unit=row.unit,
        after=row.after,
        final_status=row.final_status,
        reminders=tuple(int(day) for day in row.reminders or ()),
        organisation_id=row.organisation_id,
        form_slug=form_slug,
    )


def clock_start(ticket: Ticket) -> datetime:
    """When silence began: the last public message, or the move into the status when that is later (LIFE-14)."""
    return max(ticket.last_message_at, ticket.status_since)


def _next_step(ticket: Ticket, at_book: RuleBook) -> rules.Step | None:
    rule = at_book.pick(ticket)
    return rules.next_step(
        rule,
        clock_start(ticket),
        ticket.reminders_sent,
        at_book.calendar(rule),
        ticket.extension_days,
        counted_from=ticket.counted_from,
    )


def reschedule(ticket: Ticket, now: datetime) -> None:
    """Recompute when something happens by itself to this request, and store it; called by every verb."""
    step = _next_step(ticket, book())
    act_at, closes_at = (step.at, step.closes_at) if step else (None, None)
    if (act_at, closes_at) != (ticket.act_at, ticket.closes_at):
        Ticket.update(act_at=act_at, closes_at=closes_at).where(Ticket.id == ticket.id).execute()
        ticket.act_at, ticket.closes_at = act_at, closes_at


def reschedule_all(now: datetime, status: str | None = None) -> int:
    """Recompute every request that waits, after a rule or a calendar changed.

    Arguments: now; status, only requests in this status (all that a rule can act on when None).
    Returns how many dates changed.
    """
    forget()
    at_book = book()
    statuses = [status] if status else list(rules.STATUSES_WITH_CLOSING)
    changed, last_id = 0, 0
    while True:
        batch = list(
            Ticket.select()
            .where(Ticket.status.in_(statuses) & (Ticket.id > last_id))
            .order_by(Ticket.id)
            .limit(BATCH)
        )
        if not batch:
            return changed
        with db.atomic():
            for ticket in batch:
                step = _next_step(ticket, at_book)
                act_at, closes_at = (step.at, step.closes_at) if step else (None, None)
                if (act_at, closes_at) != (ticket.act_at, ticket.closes_at):
                    # Only where nothing moved meanwhile: a verb that was first has rescheduled already.
                    changed += (
                        Ticket.update(act_at=act_at, closes_at=closes_at)
                        .where((Ticket.id == ticket.id) & (Ticket.version == ticket.version))
                        .execute()
                    )
        last_id = batch[-1].id


def explain(ticket: Ticket, now: datetime | None = None) -> rules.Explanation | None:
    """Why this request closes on its date, as data (LIFE-13); None when nothing will happen by itself."""
    if ticket.act_at is None:
        return None
    at_book = book()
    rule = at_book.pick(ticket)
    return rules.explain(
        rule,
        clock_start(ticket),
        ticket.reminders_sent,
        at_book.calendar(rule),
        ticket.extension_days,
        counted_from=ticket.counted_from,
        now=now,
    )


def last_day(ticket: Ticket) -> date | None:
    """The last day on which the customer can still act: the one to show (LIFE-13)."""
    if ticket.closes_at is None:
        return None
    at_book = book()
    return at_book.calendar(at_book.pick(ticket)).last_day(ticket.closes_at)


# ---- Keep it open --------------------------------------------------------------------------------------


def extensions_left(ticket: Ticket) -> int:
    """How many times the date of this request may still be moved; 0 when nothing closes it by itself (LIFE-15)."""
    from domain import lifecycle

    if ticket.status not in lifecycle.AWAITING_CUSTOMER or ticket.closes_at is None:
        return 0
    return max(int(settings.get("keep_open_times")) - ticket.extended_times, 0)


def check_keep_open(ticket: Ticket) -> None:
    """Refuse to keep open what does not close by itself, or was kept open often enough.

    Raises NotNow("ticket-closed"), NotNow("nothing-closes") or NotNow("kept-open-enough").
    """
    from domain import lifecycle

    if ticket.status in ("closed", "expired"):
        raise NotNow("ticket-closed", number=ticket.number)
    if ticket.status not in lifecycle.AWAITING_CUSTOMER or ticket.closes_at is None:
        raise NotNow("nothing-closes", number=ticket.number)
    if not extensions_left(ticket):
        raise NotNow("kept-open-enough", number=ticket.number, times=ticket.extended_times)


def _extended(ticket: Ticket, now: datetime) -> tuple[int, rules.Step]:
    """The days of extension after one more "keep it open", and what then happens next."""
    at_book = book()
    rule = at_book.pick(ticket)
    calendar = at_book.calendar(rule)
    if rule is None:
        raise NotNow("nothing-closes", number=ticket.number)
    granted = int(settings.get("keep_open_days"))
    add = calendar.working_day_after if rule.unit == rules.WORKING_DAYS else calendar.day_after
    least = calendar.end_of_day(add(calendar.local_day(now), granted))
    days = ticket.extension_days + granted
    while True:
        step = rules.next_step(
            rule, clock_start(ticket), ticket.reminders_sent, calendar, days, counted_from=ticket.counted_from
        )
        # Never None with a rule. After a stop of the portal the old date may be long gone: whoever asks for more
        # time then gets it from today.
        if step is not None and step.closes_at >= least:
            return days, step
        days += 1


def kept_open_until(ticket: Ticket, now: datetime) -> date:
    """The last day on which the customer could act if the request were kept open now. Raises NotNow."""
    check_keep_open(ticket)
    at_book = book()
    return at_book.calendar(at_book.pick(ticket)).last_day(_extended(ticket, now)[1].closes_at)


def keep_open(ticket: Ticket, by: Viewer, now: datetime, *, times_seen: int | None = None) -> Ticket:
    """Move the date on which a request closes by itself, by some days of its rule, a limited number of times (LIFE-15).

    Neither the status nor the silence clock changes: reminders that are to come move along.
    Arguments: by, somebody who may answer; now, aware UTC; times_seen, how often it had been moved on the page where
    the button was, so that a second press moves nothing.
    Returns the row. Raises Missing, NotAllowed("keep-open-not-yours"), NotNow("ticket-closed"),
    NotNow("ticket-merged"), NotNow("nothing-closes"), NotNow("kept-open-enough"), NotNow("kept-open-already") for a
    second press.
    """
    from domain import audit, lifecycle, notifications, policies

    with db.atomic():
        ticket = lifecycle.fresh(ticket.id)
        if not policies.can_see(by, ticket):
            raise Missing()
        if not policies.may_answer(by, ticket):
            raise NotAllowed("keep-open-not-yours")
        if ticket.merged_into_id is not None:
            raise policies.over(by, ticket)
        if times_seen is not None and times_seen < ticket.extended_times:
            raise NotNow("kept-open-already", number=ticket.number)
        check_keep_open(ticket)
        before = last_day(ticket)
        days, _step = _extended(ticket, now)
        lifecycle.claim(ticket, now, extension_days=days, extended_times=ticket.extended_times + 1)
        reschedule(ticket, now)
        after = last_day(ticket)
        event = audit.record_event(
            ticket,
            "ticket:kept_open",
            by,
            now,
            before=before.isoformat() if before else "",
            last_day=after.isoformat() if after else "",
            times=ticket.extended_times,
        )
        notifications.tell(event, ticket, now, by)
    return ticket


# ---- The sweep -----------------------------------------------------------------------------------------


def foresee(at_rules: RuleBook, until: datetime, limit: int = 200) -> list[tuple[Ticket, rules.Step]]:
    """What a sweep at `until` would do under these rules: the preview before a rule is saved (LIFE-12)."""
    found: list[tuple[Ticket, rules.Step]] = []
    query = Ticket.select().where(Ticket.status.in_(rules.STATUSES_WITH_CLOSING)).order_by(Ticket.id)
    for ticket in query.iterator():
        step = _next_step(ticket, at_rules)
        if step is not None and step.at <= until:
            found.append((ticket, step))
            if len(found) >= limit:
                break
    return found


def sweep(now: datetime, limit: int | None = None) -> int:
    """Send the reminders and make the closings that are due at `now`: each once, whoever else sweeps (LIFE-5 to 7).

    Reads what is due and nothing else. One request that fails does not stop the others.
    Returns how many reminders and moves were made.
    """
    done = 0
    failed: set[int] = set()
    while limit is None or done < limit:
        due = [
            row[0]
            for row in Ticket.select(Ticket.id)
            .where(Ticket.act_at.is_null(False) & (Ticket.act_at <= now))
            .order_by(Ticket.act_at, Ticket.id)
            .limit(BATCH + len(failed))
            .tuples()
            if row[0] not in failed
        ]
        if limit is not None:
            due = due[: limit - done]
        if not due:
            return done
        done += _sweep_batch(due, now, failed)
    return done


# A transaction for each request would pay one flush to disk each; a big one would keep customers waiting.
TRANSACTION_SIZE = 20


def _sweep_batch(due: list[int], now: datetime, failed: set[int]) -> int:
    done = 0
    for start in range(0, len(due), TRANSACTION_SIZE):
        chunk = due[start : start + TRANSACTION_SIZE]
        try:
            with db.atomic():
                done += sum(_act(ticket_id, now) for ticket_id in chunk)
        except Exception:
            # One of them fails: each on its own, so that the others go through.
            for ticket_id in chunk:
                try:
                    with db.atomic():
                        done += _act(ticket_id, now)
                except Exception:
                    log.exception("the sweep could not act on request %s", ticket_id)
                    failed.add(ticket_id)
    return done


def _act(ticket_id: int, now: datetime) -> int:
    """Do what is due to one request, inside the caller's transaction; 0 when somebody was first."""
    from domain import audit, lifecycle, notifications

    ticket = lifecycle.fresh(ticket_id)
    if ticket.act_at is None or ticket.act_at > now:
        return 0
    at_book = book()
    rule = at_book.pick(ticket)
    step = _next_step(ticket, at_book)
    if rule is None or step is None or step.at > now:
        # The rule changed since: the row gets its new date, nothing is done before it.
        reschedule(ticket, now)
        return 0
    if step.kind == rules.MOVE:
        lifecycle.move(ticket, step.final_status, None, now)
        return 1
    calendar = at_book.calendar(rule)
    taken = rules.catch_up(rule, step, now, calendar)
    # A reminder never changes the status it reminds about, nor counts as a message (LIFE-14).
    done = (
        Ticket.update(
            reminders_sent=ticket.reminders_sent + 1,
            counted_from=taken.at,
            extension_days=0,
            version=Ticket.version + 1,
        )
        .where((Ticket.id == ticket.id) & (Ticket.version == ticket.version))
        .execute()
    )
    if not done:
        return 0
    ticket.reminders_sent += 1
    ticket.counted_from, ticket.extension_days = taken.at, 0
    ticket.version += 1
    reschedule(ticket, now)
    event = audit.record_event(
        ticket,
        "ticket:reminded",
        None,
        now,
        number=step.number,
        of=len(rule.reminders),
        last_day=calendar.last_day(taken.closes_at).isoformat(),
    )
    notifications.tell(event, ticket, now, None)
    return 1
