"""When a silent request is reminded about and when it closes, computed from a rule and a calendar.

Values in, values out: no table, no words. `domain/closing.py` reads the rows, calls `next_step()` on each
move, message or rule change, and stores `Step.at` as the ticket's act_at; pages ask `closing_date()` and
`explain()`; both go through the same function, so that what is shown is what will happen.

A request's clock is four values, which the ticket keeps:

- `clock_start`: when silence began (LIFE-14).
- `reminders_sent`: how many reminders went out since then.
- `counted_from`: the instant that the last of them counts from, as `catch_up()` gave it.
- `extension_days`: what "keep it open" granted (LIFE-15) since the last reminder, or since `clock_start`
  when there was none; in the rule's unit. It goes back to 0 when a reminder goes out, because
  `counted_from` then holds everything that came before.

**Late sweeps.** A reminder acted on by the end of the day after its day is on time, so that an
installation that sweeps once a day keeps the rule's own dates. A later one (the portal was down) counts from
the moment it goes out: the next reminder and the closing keep their distance from it. With
reminders at 10 and 15 and closing at 20, a portal that comes back on day 40 sends the first reminder then,
the second at the end of day 45 and closes at the end of day 50: one mail for each sweep at most, and never a
closing without its reminders, the last of them (after - last reminder) days before. So a sweep does, for
each ticket with act_at <= now:

    step = next_step(...)                       # again, inside the transaction
    if step.kind == REMINDER:
        taken = catch_up(rule, step, now, calendar)
        # the mail names calendar.last_day(taken.closes_at)
        # reminders_sent += 1, counted_from = taken.at, extension_days = 0
    else:
        # move to step.final_status
    # act_at = next_step(...).at or null
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Final, Literal, NamedTuple

from domain.workdays import WEEKEND, SkippedDay, WorkCalendar

DAYS = "days"
WORKING_DAYS = "working_days"
UNITS = (DAYS, WORKING_DAYS)
REMINDER: Final = "reminder"
MOVE: Final = "move"

# Closing by itself happens only while the customer is awaited (LIFE-14), and for what LIFE-7 lets lapse.
STATUSES_WITH_CLOSING = ("waiting_customer", "customer_testing", "awaiting_rollback", "resolved")
FINAL_STATUSES = ("closed", "awaiting_rollback", "expired")
LONGEST_RULE_DAYS = 366


@dataclass(frozen=True, slots=True)
class ClosingRule:
    """What happens to a silent request in one status (LIFE-5, 6, 7, 12).

    key: what tells this rule from others: a row's id, or a word for the defaults.
    status: the status that it acts on, one of STATUSES_WITH_CLOSING.
    unit: DAYS or WORKING_DAYS, of every number of the rule.
    reminders: distances from the start of the clock, ascending, all before `after`.
    after: distance at which the request moves to `final_status`. A second step (not tested, awaiting
        rollback, expired) is another rule on that status.
    organisation_id, form_slug: whom it is for; None is everybody, every form.

    ValueError for anything else.
    """

    key: int | str | None
    status: str
    unit: str
    after: int
    final_status: str
    reminders: tuple[int, ...] = ()
    organisation_id: int | None = None
    form_slug: str | None = None

    def __post_init__(self) -> None:
        if self.status not in STATUSES_WITH_CLOSING:
            raise ValueError(f"a request does not close by itself while it is {self.status}")
        if self.final_status not in FINAL_STATUSES or self.final_status == self.status:
            raise ValueError(f"a rule on {self.status} does not lead to {self.final_status}")
        if self.unit not in UNITS:
            raise ValueError(f"unknown unit: {self.unit!r}")
        if not 1 <= self.after <= LONGEST_RULE_DAYS:
            raise ValueError(f"a rule acts after 1 to {LONGEST_RULE_DAYS} days")
        steps = (0, *self.reminders, self.after)
        if any(later <= earlier for earlier, later in pairwise(steps)):
            raise ValueError("reminders are ascending, at least one day apart, and come before the end")


DEFAULT_RULES: tuple[ClosingRule, ...] = (
    ClosingRule("resolved", "resolved", WORKING_DAYS, 7, "closed"),
    ClosingRule("waiting_customer", "waiting_customer", DAYS, 20, "closed", reminders=(10, 15)),
    ClosingRule("customer_testing", "customer_testing", WORKING_DAYS, 10, "awaiting_rollback"),
    ClosingRule("awaiting_rollback", "awaiting_rollback", WORKING_DAYS, 2, "expired"),
)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that will happen by itself.

    kind: REMINDER or MOVE. at: the UTC instant from which it is due (act_at). day: the local day that ends
    then, the one to show. number: 1 for the first reminder; 0 for the move. days: the rule's distance, in
    its unit (10, 15, then 20). final_status: where the request ends. closes_at: the UTC instant of the
    move, all reminders left being on time; the move's own `at`.
    """

    kind: Literal["reminder", "move"]
    at: datetime
    day: date
    number: int
    days: int
    final_status: str
    closes_at: datetime


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a request closes on its date, for words made elsewhere (LIFE-13).

    `last_day` is the `count`-th day (or working day, by `unit`) after `from_day`, always. `from_day` is the
    local day on which the clock started; or, when `after_reminder`, the one that the last reminder counts
    from, because it went out late, or will, or because the rule changed since. `extension_days` is
    the part of `count` that "keep it open" granted. `skipped` are the holidays and closing days, weekends
    left out, that pushed the date; empty when days are counted whatever they are.
    """

    unit: str
    count: int
    from_day: date
    last_day: date
    closes_at: datetime
    final_status: str
    after_reminder: bool
    extension_days: int
    skipped: tuple[SkippedDay, ...]


def pick_rule(
    rules: Iterable[ClosingRule], status: str, organisation_id: int | None, form_slug: str | None
) -> ClosingRule | None:
    """The rule that applies to a request, the most precise winning (LIFE-12), or None.

    Organisation and form come before organisation, before form, before everybody. Of two equally precise
    rules the first given wins. Rules that are switched off must not be given.
    """
    fitting = [
        rule
        for rule in rules
        if rule.status == status
        and rule.organisation_id in (None, organisation_id)
        and rule.form_slug in (None, form_slug)
    ]
    return max(
        fitting,
        key=lambda rule: (rule.organisation_id is not None, rule.form_slug is not None),
        default=None,
    )


def next_step(
    rule: ClosingRule | None,
    clock_start: datetime,
    reminders_sent: int,
    calendar: WorkCalendar,
    extension_days: int = 0,
    *,
    counted_from: datetime | None = None,
) -> Step | None:
    """The next thing that happens by itself to a silent request; its `at` is the ticket's act_at.

    The clock's values are described at the head of this module. It may lie in the past: a sweep that comes
    late acts on it as it comes, through `catch_up()`. None without a rule. ValueError for naive
    datetimes, negative numbers, or reminders sent without `counted_from`, without which a late reminder
    could be followed by a closing at once.
    """
    if rule is None:
        return None
    return _steps(rule, _Clock(clock_start, reminders_sent, extension_days, counted_from), calendar)[0]


def steps(
    rule: ClosingRule | None,
    clock_start: datetime,
    calendar: WorkCalendar,
    reminders_sent: int = 0,
    extension_days: int = 0,
    *,
    counted_from: datetime | None = None,
    now: datetime | None = None,
) -> list[Step]:
    """All that is still to happen by itself, in order: the calendar of one request (LIFE-12).

    With `now`, a reminder that is overdue is taken as going out now, and the others move on as they will.
    """
    if rule is None:
        return []
    clock = _Clock(clock_start, reminders_sent, extension_days, counted_from)
    return _foreseen(rule, clock, calendar, now)[0]


def catch_up(rule: ClosingRule, step: Step, now: datetime, calendar: WorkCalendar) -> Step:
    """The step as a sweep takes it at `now`.

    `at` becomes the instant to keep as `counted_from`: the due instant for a sweep that is on time, else `now`.
    `closes_at` becomes the closing that results, the date for the reminder's mail. A move stays as it
    is: it only comes once its reminders went out early enough. ValueError when the step is not due yet.
    """
    day = calendar.last_day(now)
    if now < step.at:
        raise ValueError("this step is not due yet")
    if not _is_late(step, now, calendar):
        return step
    last_day = _day_after(rule, calendar, day, rule.after - step.days)
    return replace(step, at=now.astimezone(UTC), day=day, closes_at=calendar.end_of_day(last_day))


def closing_date(
    rule: ClosingRule | None,
    clock_start: datetime,
    reminders_sent: int,
    calendar: WorkCalendar,
    extension_days: int = 0,
    *,
    counted_from: datetime | None = None,
    now: datetime | None = None,
) -> datetime | None:
    """The UTC instant at which the request closes (or moves) by itself, or None (LIFE-13).

    Show the day `calendar.last_day()` of it. Give `now` for a page: while an overdue reminder waits for
    the sweep, the date is the one that the sweep will set.
    """
    ahead = steps(
        rule, clock_start, calendar, reminders_sent, extension_days, counted_from=counted_from, now=now
    )
    return ahead[-1].at if ahead else None


def explain(
    rule: ClosingRule | None,
    clock_start: datetime,
    reminders_sent: int,
    calendar: WorkCalendar,
    extension_days: int = 0,
    *,
    counted_from: datetime | None = None,
    now: datetime | None = None,
) -> Explanation | None:
    """Why the request closes at `closing_date()` of the same arguments, as data (LIFE-13); None without rule."""
    told = explain_steps(
        rule, clock_start, reminders_sent, calendar, extension_days, counted_from=counted_from, now=now
    )
    return told[-1][1] if told else None


def explain_steps(
    rule: ClosingRule | None,
    clock_start: datetime,
    reminders_sent: int,
    calendar: WorkCalendar,
    extension_days: int = 0,
    *,
    counted_from: datetime | None = None,
    now: datetime | None = None,
) -> list[tuple[Step, Explanation | None]]:
    """All that is still to happen by itself, each with the reason of its day: the calendar of a request (LIFE-12).

    The reason is None for a reminder that is overdue and goes out at `now`. Empty without a rule.
    """
    if rule is None:
        return []
    before = _Clock(clock_start, reminders_sent, extension_days, counted_from)
    ahead, clock = _foreseen(rule, before, calendar, now)
    late = clock is not before
    return [
        (step, None if late and place == 0 else _reason(rule, clock, calendar, step))
        for place, step in enumerate(ahead)
    ]


def _reason(rule: ClosingRule, clock: _Clock, calendar: WorkCalendar, step: Step) -> Explanation:
    from_day, count = calendar.local_day(clock.start), step.days + clock.extension_days
    after_reminder = _day_after(rule, calendar, from_day, count) != step.day
    if after_reminder and clock.counted_from is not None:
        from_day = calendar.last_day(clock.counted_from)
        count = step.days - _last_reminder(rule, clock.reminders_sent) + clock.extension_days
    skipped = calendar.days_not_worked(from_day, step.day) if rule.unit == WORKING_DAYS else []
    return Explanation(
        unit=rule.unit,
        count=count,
        from_day=from_day,
        last_day=step.day,
        closes_at=step.closes_at,
        final_status=rule.final_status,
        after_reminder=after_reminder,
        extension_days=clock.extension_days,
        skipped=tuple(day for day in skipped if day.reason != WEEKEND),
    )


class _Clock(NamedTuple):
    """The four values of a request's clock, described at the head of this module."""

    start: datetime
    reminders_sent: int
    extension_days: int
    counted_from: datetime | None


def _foreseen(
    rule: ClosingRule, clock: _Clock, calendar: WorkCalendar, now: datetime | None
) -> tuple[list[Step], _Clock]:
    """What is left of the rule, and the clock as it will be once an overdue reminder went out at `now`."""
    ahead = _steps(rule, clock, calendar)
    if now is None or not _is_late(ahead[0], now, calendar):
        return ahead, clock
    taken = catch_up(rule, ahead[0], now, calendar)
    clock = _Clock(clock.start, clock.reminders_sent + 1, 0, taken.at)
    return [taken, *_steps(rule, clock, calendar)], clock


def _steps(rule: ClosingRule, clock: _Clock, calendar: WorkCalendar) -> list[Step]:
    """What is left of the rule, whatever the hour is now. Never empty: the move comes last."""
    sent, extension = clock.reminders_sent, clock.extension_days
    if sent < 0 or extension < 0:
        raise ValueError("reminders sent and days of extension are not negative")
    start_day = calendar.local_day(clock.start)
    reminded_day = None
    if sent:
        if clock.counted_from is None:
            raise ValueError("a reminder was sent: the instant that it counts from is needed")
        reminded_day = calendar.last_day(clock.counted_from)
    reminded_after = _last_reminder(rule, sent)

    def day_of(days: int) -> date:
        # The rule's own day, and never nearer to the last reminder than the rule promised.
        planned = _day_after(rule, calendar, start_day, days + extension)
        if reminded_day is None:
            return planned
        return max(planned, _day_after(rule, calendar, reminded_day, days - reminded_after + extension))

    closing_day = day_of(rule.after)
    closes_at = calendar.end_of_day(closing_day)
    ahead = []
    for number, days in enumerate(rule.reminders[sent:], start=sent + 1):
        day = day_of(days)
        at = calendar.end_of_day(day)
        ahead.append(Step(REMINDER, at, day, number, days, rule.final_status, closes_at))
    ahead.append(Step(MOVE, closes_at, closing_day, 0, rule.after, rule.final_status, closes_at))
    return ahead


def _last_reminder(rule: ClosingRule, reminders_sent: int) -> int:
    """The rule's distance of the last reminder sent, 0 for none.

    The rule may have fewer reminders now than were sent under an earlier version of it.
    """
    return (0, *rule.reminders)[min(reminders_sent, len(rule.reminders))]


def _day_after(rule: ClosingRule, calendar: WorkCalendar, day: date, n: int) -> date:
    return calendar.working_day_after(day, n) if rule.unit == WORKING_DAYS else calendar.day_after(day, n)


def _is_late(step: Step, now: datetime, calendar: WorkCalendar) -> bool:
    """Whether a reminder is taken after the day that follows its own (see the head of this module)."""
    return step.kind == REMINDER and calendar.last_day(now) > calendar.day_after(step.day, 1)
