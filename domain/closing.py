"""Reminders and closing by themselves: keeps `act_at` on each request, and sweeps what is due (LIFE-5, 6, 7, 12 to 15).

The arithmetic is in closing_rules.py and workdays.py; here are the rows, the transaction and the mails.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from domain import closing_rules as rules
from domain import settings
from domain.refusals import Missing, NotAllowed, NotNow
from domain.workdays import WorkCalendar, read_hours
from models import (
    Calendar,
    CalendarClosingDay,
    ClosingRule,
    PortalSetting,
    RequestForm,
    Team,
    Ticket,
    db,
    is_sqlite,
)

if TYPE_CHECKING:
    from domain.policies import Viewer

log = logging.getLogger("guichet.closing")

# Rules and calendars are read on each move; a change made by another process is seen after this many seconds.
CACHE_SECONDS = 2.0
BATCH = 500


class Concerned(Protocol):
    """What the choice of a rule and of a calendar looks at: a request, or its row in a list."""

    @property
    def status(self) -> Any: ...
    @property
    def organisation_id(self) -> Any: ...
    @property
    def form_slug(self) -> Any: ...
    @property
    def team_id(self) -> Any: ...


@dataclass(frozen=True, slots=True)
class RuleBook:
    """The closing rules and calendars as they are now, or as they would be."""

    in_force: tuple[rules.ClosingRule, ...]
    calendar_of_rule: dict[int | str | None, WorkCalendar]
    default_calendar: WorkCalendar
    calendar_of_team: dict[int, WorkCalendar] = field(default_factory=dict)

    def pick(self, ticket: Concerned) -> rules.ClosingRule | None:
        """The rule that applies to a request in its present status, or None."""
        return rules.pick_rule(self.in_force, ticket.status, ticket.organisation_id, ticket.form_slug)

    def calendar(self, rule: rules.ClosingRule | None, ticket: Concerned) -> WorkCalendar:
        """The calendar in which days of a request count: the rule's own, else its team's, else the default."""
        own = self.calendar_of_rule.get(rule.key) if rule else None
        return own or self.calendar_of_team.get(ticket.team_id) or self.default_calendar

    def last_day(self, ticket: Any) -> date | None:
        """The last day on which the customer can still act; None when nothing closes it (LIFE-13).

        Arguments: ticket, a request or its row in a list, with `closes_at`.
        """
        if ticket.closes_at is None:
            return None
        return self.calendar(self.pick(ticket), ticket).last_day(ticket.closes_at)

    def with_rule(
        self, key: int | None, rule: rules.ClosingRule | None, calendar: WorkCalendar | None
    ) -> RuleBook:
        """The book as it would be with one rule changed: the preview before it is saved (LIFE-12).

        Arguments: key, the row that is replaced (None: it is new); rule, as typed, None when switched off; calendar,
        its own one or None.
        """
        kept = [one for one in self.in_force if one.key != key]
        calendars = {of: known for of, known in self.calendar_of_rule.items() if of != key}
        if rule is not None:
            # In the order of their keys, as they are read: of two equally precise rules the older one wins.
            kept = sorted([*kept, rule], key=lambda one: (one.key is None, one.key))
            if calendar is not None:
                calendars[rule.key] = calendar
        return replace(self, in_force=tuple(kept), calendar_of_rule=calendars)


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
    teams = Team.select(Team.id, Team.calendar).where(Team.calendar.is_null(False)).tuples()
    calendar_of_team = {team: calendars[calendar] for team, calendar in teams if calendar in calendars}
    return RuleBook(tuple(book_rules), calendar_of_rule, default, calendar_of_team)


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


def clock_start(ticket: Any) -> datetime:
    """When silence began: the last public message, or the move into the status when that is later (LIFE-14)."""
    return max(ticket.last_message_at, ticket.status_since)


def _next_step(ticket: Any, at_book: RuleBook) -> rules.Step | None:
    rule = at_book.pick(ticket)
    return rules.next_step(
        rule,
        clock_start(ticket),
        ticket.reminders_sent,
        at_book.calendar(rule, ticket),
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


class Waiting(NamedTuple):
    """The columns that the dates of a request depend on, and those dates."""

    id: int
    version: int
    status: str
    organisation_id: int
    form_slug: str
    team_id: int | None
    last_message_at: datetime
    status_since: datetime
    reminders_sent: int
    counted_from: datetime | None
    extension_days: int
    act_at: datetime | None
    closes_at: datetime | None


WAITING_COLUMNS = (
    Ticket.id, Ticket.version, Ticket.status, Ticket.organisation, Ticket.form_slug, Ticket.team,
    Ticket.last_message_at, Ticket.status_since, Ticket.reminders_sent, Ticket.counted_from, Ticket.extension_days,
    Ticket.act_at, Ticket.closes_at,
)  # fmt: skip

# Each batch is a transaction: somebody who writes meanwhile waits for one of them, some hundredths of a second.
RECOMPUTED_AT_ONCE = 500
# The row that says how far the recomputing has come, so that a job goes on with it, also after a restart.
_PROGRESS = "closing-dates"
# How long a page recomputes by itself before it leaves the rest to the job.
PAGE_SECONDS = 1.0


def reschedule_all(now: datetime, status: str | None = None) -> int:
    """Recompute every request that waits, after a rule or a calendar changed, in one go.

    Arguments: now; status, only requests in this status (all that a rule can act on when None).
    Returns how many dates changed.
    """
    forget()
    dates, changed = _Dates(book()), 0
    for one in [status] if status else rules.STATUSES_WITH_CLOSING:
        last_id: int | None = 0
        while last_id is not None:
            with db.atomic():
                done, last_id = dates.recompute(one, last_id)
            changed += done
    return changed


def reschedule_soon(now: datetime) -> bool:
    """Recompute every request that waits, as far as a page may take time for; a job does the rest (LIFE-12).

    Dates may lag meanwhile, acts do not: the sweep and every verb ask the rules again. Returns True when all is done.
    """
    forget()
    progress = {"mark": secrets.token_hex(8), "status": rules.STATUSES_WITH_CLOSING[0], "after": 0}
    (
        PortalSetting.insert(key=_PROGRESS, value=progress)
        .on_conflict(conflict_target=[PortalSetting.key], update={PortalSetting.value: progress})
        .execute()
    )
    go_on_rescheduling(now, PAGE_SECONDS)
    return not is_rescheduling()


def is_rescheduling() -> bool:
    """Whether the dates of requests are still being recomputed after a change of rules. One query."""
    return PortalSetting.select().where(PortalSetting.key == _PROGRESS).exists()


def go_on_rescheduling(now: datetime, seconds: float) -> int:
    """Go on where the recomputing stopped, for about `seconds`; called by a job. Returns how many dates changed."""
    until, changed, dates, mark = time.monotonic() + seconds, 0, None, None
    statuses = rules.STATUSES_WITH_CLOSING
    while True:
        with db.atomic():
            query = PortalSetting.select().where(PortalSetting.key == _PROGRESS)
            row = (query if is_sqlite() else query.for_update()).first()
            if row is None:
                return changed
            if dates is None or row.value["mark"] != mark:
                # The rules changed once more: from the beginning, with the rules as they are now.
                mark = row.value["mark"]
                forget()
                dates = _Dates(book())
            place = statuses.index(row.value["status"])
            done, last_id = dates.recompute(statuses[place], row.value["after"])
            changed += done
            if last_id is None:
                place, last_id = place + 1, 0
            if place == len(statuses):
                row.delete_instance()
                return changed
            row.value = {"mark": mark, "status": statuses[place], "after": last_id}
            row.save()
        if time.monotonic() > until:
            return changed


class _Dates:
    """The dates of many requests under one book: those whose clocks are alike are counted once."""

    def __init__(self, at_book: RuleBook) -> None:
        self.book = at_book
        self.known: dict[Any, tuple[datetime | None, datetime | None]] = {}

    def of(self, row: Waiting) -> tuple[datetime | None, datetime | None]:
        """When something happens next to this request, and when it closes."""
        rule = self.book.pick(row)
        if rule is None:
            return None, None
        calendar = self.book.calendar(rule, row)
        # Dates are counted from days: all that follows depends on nothing but these.
        key = (
            rule.key,
            id(calendar),
            calendar.local_day(clock_start(row)),
            row.reminders_sent,
            calendar.last_day(row.counted_from) if row.counted_from else None,
            row.extension_days,
        )
        if key not in self.known:
            step = _next_step(row, self.book)
            self.known[key] = (step.at, step.closes_at) if step else (None, None)
        return self.known[key]

    def recompute(self, status: str, after: int) -> tuple[int, int | None]:
        """Recompute the next requests of a status in the caller's transaction.

        Arguments: after, the key of the last one that is done. Returns how many dates changed, and the key of the last
        request looked at: None when there are no more.
        """
        rows = [
            Waiting(*row)
            for row in Ticket.select(*WAITING_COLUMNS)
            .where((Ticket.status == status) & (Ticket.id > after))
            .order_by(Ticket.id)
            .limit(RECOMPUTED_AT_ONCE)
            .tuples()
        ]
        instant = Ticket.act_at.db_value
        changes = [
            (instant(act_at), instant(closes_at), row.id, row.version)
            for row in rows
            for act_at, closes_at in [self.of(row)]
            if (act_at, closes_at) != (row.act_at, row.closes_at)
        ]
        done = 0
        if changes:
            # Only where nothing moved meanwhile: a verb that was first has rescheduled already.
            cursor = db.cursor()
            cursor.executemany(_SET_DATES.replace("?", db.param), changes)
            done = cursor.rowcount
        return done, rows[-1].id if len(rows) == RECOMPUTED_AT_ONCE else None


_SET_DATES = 'UPDATE "ticket" SET "act_at" = ?, "closes_at" = ? WHERE "id" = ? AND "version" = ?'


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
        at_book.calendar(rule, ticket),
        ticket.extension_days,
        counted_from=ticket.counted_from,
        now=now,
    )


def last_day(ticket: Ticket) -> date | None:
    """The last day on which the customer can still act: the one to show (LIFE-13)."""
    return book().last_day(ticket)


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
    if rule is None:
        raise NotNow("nothing-closes", number=ticket.number)
    calendar = at_book.calendar(rule, ticket)
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
    return at_book.calendar(at_book.pick(ticket), ticket).last_day(_extended(ticket, now)[1].closes_at)


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
        because = {"rule": rule.key, "last_day": step.day.isoformat()}
        lifecycle.move(ticket, step.final_status, None, now, because=because)
        return 1
    calendar = at_book.calendar(rule, ticket)
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
        rule=rule.key,
    )
    notifications.tell(event, ticket, now, None)
    return 1
