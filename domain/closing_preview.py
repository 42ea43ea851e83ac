"""What a closing rule would do, before it is saved: whom it touches until a day, the calendar of one request (LIFE-12).

Nothing is written here, and no row is locked. The arithmetic is that of closing_rules.py, the same as the sweep's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any, Literal, NamedTuple

from peewee import Case, ModelSelect

from domain import closing, policies
from domain import closing_rules as rules
from domain.closing import RuleBook, Waiting
from domain.policies import Viewer
from domain.workdays import SkippedDay, WorkCalendar
from models import Calendar, CalendarClosingDay, Organisation, Ticket
from models import ClosingRule as RuleRow

# As many requests are looked at, those whose silence is longest first: beyond, numbers say "at least".
MOST_LOOKED_AT = 10_000
MOST_SHOWN = 50
# A rule leads to one that leads to another one; a ring among them would have no end.
MOST_MOVES = 4

NEWLY, NO_LONGER, OTHER_DATE, SAME = "newly", "no_longer", "other_date", "same"


@dataclass(frozen=True, slots=True)
class Typed:
    """A rule as it stands in the form.

    key: of the row it would replace, None for a new one. rule: None when it is switched off. calendar: its own.
    """

    key: int | None
    rule: rules.ClosingRule | None
    calendar: WorkCalendar | None

    def book(self, present: RuleBook) -> RuleBook:
        """All the rules as they would be."""
        return present.with_rule(self.key, self.rule, self.calendar)


def typed(row: RuleRow) -> Typed:
    """The rule of a row that is not saved. Raises ValueError as closing.rule_value()."""
    rule = closing.rule_value(row)
    calendar = None
    if row.calendar_id:
        days = CalendarClosingDay.select(CalendarClosingDay.day).where(
            CalendarClosingDay.calendar == row.calendar_id
        )
        calendar = closing.work_calendar(
            Calendar.get_by_id(row.calendar_id), [day for (day,) in days.tuples()]
        )
    return Typed(row.id, rule if row.is_active else None, calendar)


class Happening(NamedTuple):
    """One thing that would happen: `kind` REMINDER or MOVE, its `number` among reminders, the end of which day."""

    at: datetime
    day: date
    kind: Literal["reminder", "move"]
    number: int
    final_status: str


@dataclass(frozen=True, slots=True)
class Touched:
    """A request that the rule touches until the day, or no longer does.

    change: NEWLY when nothing would happen to it under the present rules, NO_LONGER for the contrary, OTHER_DATE when
    something else happens or on another day, SAME. `present` is what the present rules do.
    """

    id: int
    silent_days: int
    happenings: tuple[Happening, ...]
    present: tuple[Happening, ...]
    change: str
    number: str = ""
    summary: str = ""
    organisation: str = ""


@dataclass(slots=True)
class Preview:
    """What happens from now to the end of a day, and what the rule as typed changes of it.

    requests: to how many something happens. reminders, moves (by final status): how many. changes: how many requests
    for each kind of change. shown: the first ones, what is due first coming first. no_longer: those that the rule would
    no longer touch. at_least: there are more than MOST_LOOKED_AT, and the numbers are no more than a beginning.
    """

    until: date
    requests: int = 0
    reminders: int = 0
    moves: dict[str, int] = field(default_factory=dict)
    changes: dict[str, int] = field(default_factory=lambda: dict.fromkeys((NEWLY, NO_LONGER, OTHER_DATE), 0))
    shown: list[Touched] = field(default_factory=list)
    no_longer: list[Touched] = field(default_factory=list)
    at_least: bool = False


def preview(what: Typed, until: date, viewer: Viewer, now: datetime) -> Preview:
    """Which requests the rule would remind, move or close from now to the end of a day (LIFE-12).

    Only requests that the rule is for, or was for, are looked at. The day ends in the calendar of each request.
    Arguments: until, that day; viewer, who asks: they read the requests that are named; now, aware UTC.
    Two or three queries, whatever the number of requests.
    """
    present = closing.book()
    proposed = what.book(present)
    found = Preview(until)
    then, today = _Foreseer(proposed, until, now), _Foreseer(present, until, now)
    touched: list[Touched] = []
    looked_at = 0
    query = _candidates(what, present, proposed, until)
    for columns in [] if query is None else query.tuples().iterator():
        row = Waiting(*columns)
        looked_at += 1
        if looked_at > MOST_LOOKED_AT:
            found.at_least = True
            break
        will, does = then.of(row), today.of(row)
        if not will and not does:
            continue
        change = SAME if will == does else NEWLY if not does else NO_LONGER if not will else OTHER_DATE
        if change != SAME:
            found.changes[change] += 1
        for one in will:
            if one.kind == rules.REMINDER:
                found.reminders += 1
            else:
                found.moves[one.final_status] = found.moves.get(one.final_status, 0) + 1
        found.requests += bool(will)
        touched.append(Touched(row.id, then.silent_days(row), will, does, change))
    shown = sorted((one for one in touched if one.happenings), key=lambda one: (one.happenings[0].at, one.id))
    gone = sorted((one for one in touched if not one.happenings), key=lambda one: (one.present[0].at, one.id))
    found.shown, found.no_longer = _named([shown[:MOST_SHOWN], gone[:MOST_SHOWN]], viewer)
    return found


def _candidates(what: Typed, present: RuleBook, proposed: RuleBook, until: date) -> ModelSelect | None:
    """The requests that could be due until a day, those whose silence is longest first; None when there are none.

    A request whose clock started less than the smallest distance ago cannot be due: the database leaves it out, with
    the index on the status.
    """
    before = next((rule for rule in present.in_force if rule.key == what.key), None) if what.key else None
    scopes = [rule for rule in (before, what.rule) if rule is not None]
    conditions = []
    for scope in {(one.status, one.organisation_id, one.form_slug): one for one in scopes}.values():
        condition = Ticket.status == scope.status
        if scope.organisation_id is not None:
            condition &= Ticket.organisation == scope.organisation_id
        if scope.form_slug is not None:
            condition &= Ticket.form_slug == scope.form_slug
        of_status = [rule for rule in (*present.in_force, *proposed.in_force) if rule.status == scope.status]
        conditions.append(condition & _could_be_due(of_status, until))
    if not conditions:
        return None
    clock = Case(
        None, [(Ticket.last_message_at > Ticket.status_since, Ticket.last_message_at)], Ticket.status_since
    )
    return (
        Ticket.select(*closing.WAITING_COLUMNS)
        .where(reduce(or_, conditions))
        .order_by(clock, Ticket.id)
        .limit(MOST_LOOKED_AT + 1)
    )


def _could_be_due(of_status: list[rules.ClosingRule], until: date) -> Any:
    """A condition on the clock that everything due until that day fulfils, by the reminders that went out."""
    most = max(len(rule.reminders) for rule in of_status)
    bounds = []
    for sent in range(most + 1):
        nearest = min(
            rule.reminders[sent] if sent < len(rule.reminders) else rule.after for rule in of_status
        )
        # The day after, at noon: somewhere on earth the day of the start has just ended.
        latest = datetime.combine(until - timedelta(days=nearest - 1), datetime.min.time(), UTC)
        latest += timedelta(hours=12)
        clock = (Ticket.last_message_at <= latest) & (Ticket.status_since <= latest)
        count = Ticket.reminders_sent == sent if sent < most else Ticket.reminders_sent >= sent
        bounds.append(count & clock)
    return reduce(or_, bounds)


class _Foreseer:
    """What happens to requests until a day under one book; clocks that are alike are counted once."""

    def __init__(self, at_book: RuleBook, until: date, now: datetime) -> None:
        self.book, self.until, self.now = at_book, until, now
        self.known: dict[Any, tuple[Happening, ...]] = {}

    def silent_days(self, row: Waiting) -> int:
        """For how many days nobody has written to a request."""
        calendar = self.book.calendar(self.book.pick(row), row)
        return (calendar.local_day(self.now) - calendar.local_day(closing.clock_start(row))).days

    def of(self, row: Waiting) -> tuple[Happening, ...]:
        """What happens to a request from now to the end of the day, in order."""
        rule = self.book.pick(row)
        if rule is None:
            return ()
        calendar = self.book.calendar(rule, row)
        key = (
            rule.key,
            id(calendar),
            calendar.local_day(closing.clock_start(row)),
            row.reminders_sent,
            calendar.last_day(row.counted_from) if row.counted_from else None,
            row.extension_days,
            # What comes after a move may have a rule for this organisation, form or team alone.
            (row.organisation_id, row.form_slug, row.team_id)
            if rule.final_status in rules.STATUSES_WITH_CLOSING
            else None,
        )
        if key not in self.known:
            self.known[key] = tuple(
                Happening(step.at, step.day, step.kind, step.number, step.final_status)
                for _status, _calendar, step, _reason in _story(row, self.book, self.now)
                if step.day <= self.until
            )
        return self.known[key]


@dataclass(frozen=True, slots=True)
class Chapter:
    """One thing of the calendar of a request: in which status it is then, what happens, and why on that day.

    reason: None for a reminder that is overdue and goes out at the next sweep.
    """

    status: str
    calendar: WorkCalendar
    step: rules.Step
    reason: rules.Explanation | None


@dataclass(frozen=True, slots=True)
class Story:
    """The whole calendar of one request under some rules; no chapters when nothing happens to it by itself."""

    start: date
    chapters: tuple[Chapter, ...]
    unit: str

    @property
    def days(self) -> list[Day]:
        """Each day from the start to the end, for a picture of weeks."""
        if not self.chapters:
            return []
        return _days(self)


class Day(NamedTuple):
    """A day of a picture: is it counted, why not, what happens at its end."""

    day: date
    counted: bool
    skipped: SkippedDay | None
    happens: tuple[rules.Step, ...]


def story(ticket: Any, at_book: RuleBook, now: datetime | None) -> Story:
    """Every reminder and the end of one request, with the reasons.

    Arguments: ticket, a request or a Waiting; now, aware UTC: what is overdue goes out then. None: all goes on time.
    """
    rule = at_book.pick(ticket)
    calendar = at_book.calendar(rule, ticket)
    chapters = tuple(Chapter(*parts) for parts in _story(ticket, at_book, now))
    return Story(calendar.local_day(closing.clock_start(ticket)), chapters, rule.unit if rule else rules.DAYS)


def example(what: Typed, now: datetime) -> Story:
    """The calendar of a request whose last message is of now, if the rule were for it."""
    if what.rule is None:
        return Story(now.date(), (), rules.DAYS)
    book = closing.book()
    alone = RuleBook((what.rule,), {}, what.calendar or book.default_calendar)
    rule = what.rule
    row = Waiting(
        0, 0, rule.status, rule.organisation_id or 0, rule.form_slug or "", None, now, now, 0, None, 0, None, None
    )  # fmt: skip
    return story(row, alone, None)


def _story(
    ticket: Any, at_book: RuleBook, now: datetime | None
) -> Iterable[tuple[str, WorkCalendar, rules.Step, rules.Explanation | None]]:
    status, start = ticket.status, closing.clock_start(ticket)
    sent, counted_from, extension = ticket.reminders_sent, ticket.counted_from, ticket.extension_days
    row: Any = Waiting(
        ticket.id, 0, status, ticket.organisation_id, ticket.form_slug, ticket.team_id, start, start, sent,
        counted_from, extension, None, None,
    )  # fmt: skip
    for _ in range(MOST_MOVES):
        rule = at_book.pick(row)
        calendar = at_book.calendar(rule, row)
        told = rules.explain_steps(
            rule,
            row.status_since,
            row.reminders_sent,
            calendar,
            row.extension_days,
            counted_from=row.counted_from,
            now=now,
        )
        for step, reason in told:
            yield row.status, calendar, step, reason
        if not told or told[-1][0].final_status not in rules.STATUSES_WITH_CLOSING:
            return
        # The next status begins when the sweep moves it there: at the due instant, or now when that is over.
        moved = told[-1][0].at if now is None else max(told[-1][0].at, now)
        row = row._replace(
            status=told[-1][0].final_status,
            last_message_at=moved,
            status_since=moved,
            reminders_sent=0,
            counted_from=None,
            extension_days=0,
        )


def _days(whole: Story) -> list[Day]:
    steps: dict[date, list[rules.Step]] = {}
    for chapter in whole.chapters:
        steps.setdefault(chapter.step.day, []).append(chapter.step)
    last = max(steps)
    found, day = [], whole.start
    calendar = whole.chapters[0].calendar
    while day <= last:
        why = calendar.why_not_worked(day)
        skipped = SkippedDay(day, why) if why else None
        counted = day > whole.start and (whole.unit == rules.DAYS or skipped is None)
        found.append(Day(day, counted, skipped, tuple(steps.get(day, ()))))
        day += timedelta(days=1)
    return found


def _named(lists: list[list[Touched]], viewer: Viewer) -> list[list[Touched]]:
    """The rows that are shown, with their number, summary and organisation; only what the viewer may read."""
    keys = [one.id for rows in lists for one in rows]
    if not keys:
        return lists
    named = {
        key: (number, summary, organisation)
        for key, number, summary, organisation in policies.visible_tickets(viewer)
        .select(Ticket.id, Ticket.number, Ticket.summary, Organisation.name)
        .join(Organisation, on=(Ticket.organisation == Organisation.id))
        .where(Ticket.id.in_(keys))
        .tuples()
    }
    return [
        [
            replace(one, number=named[one.id][0], summary=named[one.id][1], organisation=named[one.id][2])
            for one in rows
            if one.id in named
        ]
        for rows in lists
    ]
