"""Reminders and closing: which rule applies, what comes next, what is shown, and what happens when late."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.closing_rules import (
    DAYS,
    DEFAULT_RULES,
    MOVE,
    REMINDER,
    UNITS,
    WORKING_DAYS,
    ClosingRule,
    catch_up,
    closing_date,
    explain,
    next_step,
    pick_rule,
    steps,
)
from domain.workdays import CLOSING_DAY, HOLIDAY, SkippedDay, WorkCalendar

PARIS = ZoneInfo("Europe/Paris")
FRANCE = WorkCalendar()
RESOLVED, WAITING, TESTING, ROLLBACK = (
    pick_rule(DEFAULT_RULES, status, None, None)
    for status in ("resolved", "waiting_customer", "customer_testing", "awaiting_rollback")
)
ASKED = datetime(2026, 3, 2, 10, 30, tzinfo=PARIS)  # day 0 of the stories below


def paris(*numbers):
    return datetime(*numbers, tzinfo=PARIS)


def day(n, hour=12):
    """An hour of the nth day after ASKED, in Paris."""
    return datetime(2026, 3, 2, hour, tzinfo=PARIS) + timedelta(days=n)


def end_of(n):
    return FRANCE.end_of_day(date(2026, 3, 2) + timedelta(days=n))


class Request:
    """What a ticket keeps of its clock, and a sweep that acts as the module says."""

    def __init__(self, rule, start, calendar=FRANCE):
        self.rule, self.start, self.calendar = rule, start, calendar
        self.sent, self.counted_from, self.extension, self.closed = 0, None, 0, None
        self.mails = []

    def clock(self):
        return {"extension_days": self.extension, "counted_from": self.counted_from}

    def next(self):
        return next_step(self.rule, self.start, self.sent, self.calendar, **self.clock())

    def shown(self, now=None):
        return closing_date(self.rule, self.start, self.sent, self.calendar, **self.clock(), now=now)

    def explained(self, now=None):
        return explain(self.rule, self.start, self.sent, self.calendar, **self.clock(), now=now)

    def foreseen(self, now=None):
        return steps(self.rule, self.start, self.calendar, self.sent, **self.clock(), now=now)

    def keep_open(self, days):
        self.extension += days

    def sweep(self, now):
        if self.closed or self.next().at > now:
            return
        step = self.next()
        if step.kind == REMINDER:
            taken = catch_up(self.rule, step, now, self.calendar)
            self.mails.append((now, step.number, taken.closes_at))
            self.sent, self.counted_from, self.extension = self.sent + 1, taken.at, 0
        else:
            self.closed = now


# The sentence that everybody reads


def test_resolved_on_friday_6_november_2026_closes_at_the_end_of_wednesday_18_november():
    resolved = paris(2026, 11, 6, 15, 42)
    why = explain(RESOLVED, resolved, 0, FRANCE)
    assert why.last_day == date(2026, 11, 18)
    assert why.last_day.strftime("%A %d %B") == "Wednesday 18 November"
    assert (why.count, why.unit) == (7, WORKING_DAYS)
    assert why.skipped == (SkippedDay(date(2026, 11, 11), HOLIDAY),)
    assert FRANCE.holiday_name(why.skipped[0].day, "fr") == "Armistice"
    assert why.from_day == date(2026, 11, 6)
    assert why.final_status == "closed"
    assert not why.after_reminder
    step = next_step(RESOLVED, resolved, 0, FRANCE)
    assert step.kind == MOVE
    assert step.at == why.closes_at == closing_date(RESOLVED, resolved, 0, FRANCE) == paris(2026, 11, 19)


def test_closing_days_of_the_team_are_told_beside_holidays_and_weekends_are_not():
    calendar = WorkCalendar(closing_days=frozenset({date(2026, 11, 12), date(2026, 11, 14)}))
    why = explain(RESOLVED, paris(2026, 11, 6, 15), 0, calendar)
    assert why.last_day == date(2026, 11, 19)
    assert why.skipped == (
        SkippedDay(date(2026, 11, 11), HOLIDAY),
        SkippedDay(date(2026, 11, 12), CLOSING_DAY),
    )


def test_calendar_days_skip_nothing_and_explain_no_holiday():
    why = explain(WAITING, paris(2026, 4, 28, 9), 0, FRANCE)
    assert (why.count, why.unit, why.last_day, why.skipped) == (20, DAYS, date(2026, 5, 18), ())


# The default rules


def test_waiting_for_the_customer_reminds_after_10_and_15_days_and_closes_after_20():
    assert [(step.kind, step.number, step.days, step.at) for step in steps(WAITING, ASKED, FRANCE)] == [
        (REMINDER, 1, 10, paris(2026, 3, 13)),
        (REMINDER, 2, 15, paris(2026, 3, 18)),
        (MOVE, 0, 20, paris(2026, 3, 23)),
    ]
    assert {step.closes_at for step in steps(WAITING, ASKED, FRANCE)} == {paris(2026, 3, 23)}
    assert [step.day.day for step in steps(WAITING, ASKED, FRANCE)] == [12, 17, 22]


def test_a_change_not_tested_goes_to_rollback_after_10_working_days_and_expires_after_2_more():
    step = next_step(TESTING, paris(2026, 4, 29, 9), 0, FRANCE)
    # 1, 8 and 14 May are holidays.
    assert (step.kind, step.day, step.final_status) == (MOVE, date(2026, 5, 18), "awaiting_rollback")
    moved_at = step.at + timedelta(minutes=1)
    then = next_step(ROLLBACK, moved_at, 0, FRANCE)
    assert (then.day, then.final_status) == (date(2026, 5, 21), "expired")


def test_the_defaults_have_one_rule_for_each_status_that_lapses():
    assert {
        rule.status: (rule.unit, rule.reminders, rule.after, rule.final_status) for rule in DEFAULT_RULES
    } == {
        "resolved": (WORKING_DAYS, (), 7, "closed"),
        "waiting_customer": (DAYS, (10, 15), 20, "closed"),
        "customer_testing": (WORKING_DAYS, (), 10, "awaiting_rollback"),
        "awaiting_rollback": (WORKING_DAYS, (), 2, "expired"),
    }


def test_without_a_rule_nothing_happens():
    assert next_step(None, ASKED, 0, FRANCE) is None
    assert closing_date(None, ASKED, 0, FRANCE) is None
    assert explain(None, ASKED, 0, FRANCE) is None
    assert steps(None, ASKED, FRANCE) == []


# Which rule


def test_the_most_precise_rule_wins_in_any_order():
    everybody = replace(WAITING, key="all")
    form = replace(WAITING, key="form", form_slug="api")
    acme = replace(WAITING, key="acme", organisation_id=1)
    acme_form = replace(WAITING, key="acme-form", organisation_id=1, form_slug="api")
    other_status = replace(RESOLVED, organisation_id=1, form_slug="api")
    rules = [everybody, form, acme, acme_form, other_status]
    for given_rules in (rules, rules[::-1]):
        assert pick_rule(given_rules, "waiting_customer", 1, "api") is acme_form
        assert pick_rule(given_rules, "waiting_customer", 1, "question") is acme
        assert pick_rule(given_rules, "waiting_customer", 2, "api") is form
        assert pick_rule(given_rules, "waiting_customer", 2, "question") is everybody
        assert pick_rule(given_rules, "waiting_customer", None, None) is everybody
        assert pick_rule(given_rules, "blocked", 1, "api") is None
    assert pick_rule([acme, acme_form, form], "waiting_customer", 2, "question") is None
    assert pick_rule([form, acme], "waiting_customer", 1, "api") is acme


def test_of_two_equally_precise_rules_the_first_given_wins():
    first, second = replace(WAITING, key=1), replace(WAITING, key=2)
    assert pick_rule([first, second], "waiting_customer", 1, "api") is first
    assert pick_rule([second, first], "waiting_customer", 1, "api") is second


@pytest.mark.parametrize(
    "wrong",
    [
        {"status": "in_progress"},
        {"status": "closed"},
        {"status": "waiting_engineering"},
        {"final_status": "resolved"},
        {"status": "awaiting_rollback", "final_status": "awaiting_rollback"},
        {"unit": "hours"},
        {"after": 0},
        {"after": 367},
        {"after": 15},
        {"reminders": (15, 10)},
        {"reminders": (10, 10)},
        {"reminders": (0, 10)},
        {"reminders": (-1,)},
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValueError, match=r"rule|close|unit|reminders"):
        replace(WAITING, **wrong)


# Sweeps on time


@pytest.mark.parametrize("hour", [0, 3, 8, 14, 23])
def test_a_portal_that_sweeps_once_a_day_keeps_the_dates_of_the_rule(hour):
    request = Request(WAITING, ASKED)
    for n in range(1, 40):
        request.sweep(day(n, hour))
    assert [(when, number) for when, number, _ in request.mails] == [(day(11, hour), 1), (day(16, hour), 2)]
    assert request.closed == day(21, hour)


def test_nothing_happens_a_second_too_early():
    request = Request(WAITING, ASKED)
    second = timedelta(seconds=1)
    for n, expected in [(10, 1), (15, 2)]:
        request.sweep(end_of(n) - second)
        assert len(request.mails) == expected - 1
        request.sweep(end_of(n))
        request.sweep(end_of(n))
        assert len(request.mails) == expected
    request.sweep(end_of(20) - second)
    assert request.closed is None
    request.sweep(end_of(20))
    assert request.closed == end_of(20)


def test_each_reminder_names_the_date_on_which_the_request_then_closes():
    request = Request(WAITING, ASKED)
    for n in range(1, 40):
        assert request.closed or request.shown(day(n)) == end_of(20)
        request.sweep(day(n))
    assert {promised for _, _, promised in request.mails} == {end_of(20)}


# Late sweeps


def test_down_for_40_days_reminders_go_first_and_the_closing_keeps_its_distance():
    request = Request(WAITING, ASKED)
    back = day(40, 9)
    assert FRANCE.last_day(request.shown(back)) == day(50).date()
    assert [step.day for step in request.foreseen(back)] == [day(n).date() for n in (40, 45, 50)]
    for n in range(40, 60):
        for hour in (9, 15):
            request.sweep(day(n, hour))
    assert [when for when, _, _ in request.mails] == [back, day(46, 9)]
    assert [number for _, number, _ in request.mails] == [1, 2]
    assert {promised for _, _, promised in request.mails} == {end_of(50)}
    assert request.closed == day(51, 9)


def test_down_for_an_hour_moves_nothing():
    request = Request(WAITING, ASKED)
    for n in (10, 15, 20):
        request.sweep(end_of(n) + timedelta(hours=1))
    assert {promised for _, _, promised in request.mails} == {end_of(20)}
    assert request.closed == end_of(20) + timedelta(hours=1)


def test_down_for_three_days_over_the_first_reminder_moves_the_rest_by_that_much():
    request = Request(WAITING, ASKED)
    request.sweep(day(13, 8))
    assert request.mails == [(day(13, 8), 1, end_of(23))]
    assert request.next().at == end_of(18)
    request.sweep(day(19, 8))
    assert request.mails[1:] == [(day(19, 8), 2, end_of(23))]
    assert request.next().at == request.shown() == end_of(23)


def test_a_reminder_is_on_time_until_the_last_moment_of_the_day_after_its_own():
    step = next_step(WAITING, ASKED, 0, FRANCE)
    assert catch_up(WAITING, step, end_of(11), FRANCE) == step
    second_too_late = end_of(11) + timedelta(seconds=1)
    taken = catch_up(WAITING, step, second_too_late, FRANCE)
    assert (taken.at, taken.closes_at) == (second_too_late, end_of(22))


def test_a_late_second_reminder_moves_the_closing_alone():
    request = Request(WAITING, ASKED)
    request.sweep(day(11))
    request.sweep(day(25))
    assert request.mails[1] == (day(25), 2, end_of(30))
    assert request.next().at == end_of(30)


def test_a_late_closing_closes_at_once_because_its_reminders_went_out():
    request = Request(WAITING, ASKED)
    request.sweep(day(11))
    request.sweep(day(16))
    assert request.shown(day(60)) == end_of(20)
    request.sweep(day(60))
    assert request.closed == day(60)


def test_a_late_closing_without_reminders_in_its_rule_closes_at_once():
    request = Request(RESOLVED, ASKED)
    request.sweep(day(60))
    assert request.closed == day(60)


def test_a_late_reminder_is_explained_by_the_reminder_and_not_by_the_start():
    request = Request(WAITING, ASKED)
    before = request.explained(day(40, 9))
    request.sweep(day(40, 9))
    after = request.explained(day(40, 10))
    for why, count in [(before, 10), (after, 10)]:
        assert why.after_reminder
        assert (why.from_day, why.count, why.last_day) == (day(40).date(), count, day(50).date())
    request.sweep(day(46))
    assert (request.explained().from_day, request.explained().count) == (day(45).date(), 5)


def test_late_reminders_in_working_days_keep_their_distance_in_working_days():
    rule = ClosingRule("r", "resolved", WORKING_DAYS, 7, "closed", reminders=(4,))
    request = Request(rule, paris(2026, 11, 2, 9))
    assert request.next().day == date(2026, 11, 6)
    request.sweep(paris(2026, 11, 9, 14))  # due since Friday night, down until Monday
    assert FRANCE.last_day(request.shown()) == date(2026, 11, 13)  # 10, 12 and 13: 11 November is a holiday
    assert request.explained().skipped == (SkippedDay(date(2026, 11, 11), HOLIDAY),)


# Keep it open


def test_keep_it_open_moves_the_reminders_left_and_the_closing():
    request = Request(WAITING, ASKED)
    request.keep_open(7)
    assert [step.day for step in request.foreseen()] == [day(n).date() for n in (17, 22, 27)]
    why = request.explained()
    assert (why.count, why.extension_days, why.last_day) == (27, 7, day(27).date())
    for n in range(1, 40):
        request.sweep(day(n))
    assert [when for when, _, _ in request.mails] == [day(18), day(23)]
    assert request.closed == day(28)


@pytest.mark.parametrize("asked_on", [12, 17])
def test_keep_it_open_after_a_reminder_moves_what_is_left(asked_on):
    request = Request(WAITING, ASKED)
    for n in range(1, 40):
        request.sweep(day(n))
        if n == asked_on:
            request.keep_open(7)
            assert request.shown(day(n)) == end_of(27)
            assert request.explained().last_day == day(27).date()
    assert len(request.mails) == 2
    assert request.closed == day(28)


def test_keep_it_open_moves_a_closing_that_a_late_reminder_had_moved():
    request = Request(WAITING, ASKED)
    request.sweep(day(40))
    request.sweep(day(46))
    request.keep_open(3)
    assert request.shown(day(47)) == end_of(53)
    why = request.explained(day(47))
    assert (why.from_day, why.count, why.extension_days) == (day(45).date(), 8, 3)


def test_keep_it_open_counts_in_the_unit_of_the_rule():
    # 18 November, and two working days more.
    assert closing_date(RESOLVED, paris(2026, 11, 6, 9), 0, FRANCE, 2) == paris(2026, 11, 21)


# A rule that changes while a request waits


def test_a_rule_that_loses_its_reminders_still_keeps_the_distance_from_the_one_sent():
    request = Request(WAITING, ASKED)
    request.sweep(day(11))
    request.rule = replace(WAITING, reminders=(), after=10)
    assert request.next().at == end_of(20)
    request.rule = replace(WAITING, reminders=(2,), after=3)
    assert request.next().at == end_of(11)


def test_a_rule_that_becomes_longer_is_followed():
    request = Request(WAITING, ASKED)
    request.sweep(day(11))
    request.rule = replace(WAITING, reminders=(10, 40), after=60)
    assert [step.day for step in request.foreseen()] == [day(40).date(), day(60).date()]


# What is refused


def test_reminders_sent_without_their_instant_are_refused():
    with pytest.raises(ValueError, match="counts from"):
        next_step(WAITING, ASKED, 1, FRANCE)


def test_negative_numbers_and_datetimes_without_a_zone_are_refused():
    naive = datetime(2026, 3, 2, 10)  # noqa: DTZ001
    step = next_step(WAITING, ASKED, 0, FRANCE)
    for ask in (
        lambda: next_step(WAITING, ASKED, -1, FRANCE),
        lambda: next_step(WAITING, ASKED, 0, FRANCE, -1),
        lambda: next_step(WAITING, naive, 0, FRANCE),
        lambda: next_step(WAITING, ASKED, 1, FRANCE, counted_from=naive),
        lambda: steps(WAITING, ASKED, FRANCE, now=naive),
        lambda: catch_up(WAITING, step, naive, FRANCE),
    ):
        with pytest.raises(ValueError, match=r"not negative|time zone"):
            ask()


def test_a_step_that_is_not_due_cannot_be_taken():
    step = next_step(WAITING, ASKED, 0, FRANCE)
    with pytest.raises(ValueError, match="not due"):
        catch_up(WAITING, step, step.at - timedelta(seconds=1), FRANCE)


# Properties


@st.composite
def rules(draw):
    distances = draw(st.lists(st.integers(1, 40), min_size=1, max_size=4, unique=True).map(sorted))
    return ClosingRule(
        1, "waiting_customer", draw(st.sampled_from(UNITS)), distances[-1], "closed", tuple(distances[:-1])
    )


CALENDARS = st.builds(
    WorkCalendar,
    country=st.sampled_from(["FR", ""]),
    time_zone=st.sampled_from(["Europe/Paris", "America/New_York", "Pacific/Auckland"]),
    closing_days=st.frozensets(st.dates(date(2026, 1, 1), date(2028, 1, 1)), max_size=30),
)
STARTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 6, 1), timezones=st.just(UTC))  # noqa: DTZ001
# Hours between sweeps: mostly short, sometimes a long time down.
PAUSES = st.lists(st.one_of(st.integers(1, 30), st.integers(24, 1200)), min_size=5, max_size=40)


def distance(rule, calendar, first, last):
    """Days of the rule's unit in ]first, last], counted one by one."""
    days = [first + timedelta(days=n) for n in range(1, (last - first).days + 1)]
    return sum(1 for one in days if rule.unit == DAYS or calendar.is_working_day(one))


@given(rules(), CALENDARS, STARTS, PAUSES, st.lists(st.integers(0, 3), min_size=40, max_size=40))
def test_whenever_sweeps_run_no_closing_comes_without_its_reminders_and_all_that_is_shown_comes_true(
    rule, calendar, start, pauses, extensions
):
    request = Request(rule, start, calendar)
    now, mails_before = start, 0
    for pause, extension in zip(pauses, extensions, strict=False):
        now += timedelta(hours=pause)
        shown = request.shown(now)
        due_for_closing = request.next().kind == MOVE and request.next().at <= now
        request.sweep(now)
        # At most one mail a sweep, and what the page showed just before is what the sweep made of it.
        assert len(request.mails) <= mails_before + 1
        mails_before = len(request.mails)
        assert bool(request.closed) == due_for_closing
        if request.closed:
            assert shown <= request.closed
            break
        assert request.shown(now) == shown
        assert all(promised == shown for when, _, promised in request.mails if when == now)
        # act_at is the first thing foreseen, and the explanation can be checked by counting.
        assert request.next().at == request.foreseen()[0].at
        why = request.explained(now)
        assert why.closes_at == shown
        assert distance(rule, calendar, why.from_day, why.last_day) == why.count
        if extension and request.next().at > now:
            before = request.shown()
            request.keep_open(extension)
            assert request.shown() > before
    assert [number for _, number, _ in request.mails] == list(range(1, len(request.mails) + 1))
    if request.closed:
        assert len(request.mails) == len(rule.reminders)
        assert (
            distance(rule, calendar, calendar.local_day(start), calendar.last_day(request.closed))
            >= rule.after
        )
        times = [when for when, _, _ in request.mails] + [request.closed]
        offsets = [*rule.reminders, rule.after]
        for (earlier, later), (before, after) in zip(pairwise(times), pairwise(offsets), strict=True):
            # A reminder acted on by the end of the following day counts for the day it was due.
            first = calendar.last_day(earlier) - timedelta(days=1)
            assert distance(rule, calendar, first, calendar.last_day(later)) >= after - before


@given(rules(), CALENDARS, STARTS, st.integers(0, 3000))
def test_a_reminder_that_is_late_leaves_the_whole_distance_in_real_time(rule, calendar, start, hours):
    step = next_step(rule, start, 0, calendar)
    now = step.at + timedelta(hours=hours)
    taken = catch_up(rule, step, now, calendar)
    if step.kind == MOVE or now <= calendar.end_of_day(step.day + timedelta(days=1)):
        assert taken == step
        return
    first, last = calendar.last_day(now), calendar.last_day(taken.closes_at)
    assert taken.at == now
    assert distance(rule, calendar, first, last) >= rule.after - step.days
    assert taken.closes_at >= step.closes_at
    assert next_step(rule, start, 1, calendar, counted_from=taken.at).closes_at == taken.closes_at
