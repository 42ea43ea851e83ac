"""Working days against an oracle written from the definition alone: its own Easter, its own daylight
saving, one day at a time. The whole run takes every hour of 2024-2040; the short one a tenth of them."""

from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from domain import workdays
from domain.workdays import WorkCalendar

FIRST, LAST = date(2024, 1, 1), date(2040, 12, 31)
COUNTS = (1, 5, 7, 10)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
CLOSED = frozenset(
    date(year, month, day)
    for year in range(2023, 2042)
    for month, day in [(1, 2), (2, 29), (8, 17), (12, 24), (12, 31)]
    if (month, day) != (2, 29) or year % 4 == 0
)


def easter(year):
    """The Sunday after the full moon of spring (Gauss, with Lilius' corrections)."""
    a, b, c = year % 19, year % 4, year % 7
    k = year // 100
    m = (15 - (13 + 8 * k) // 25 + k - k // 4) % 30
    n = (4 + k - k // 4) % 7
    d = (19 * a + m) % 30
    e = (2 * b + 4 * c + 6 * d + n) % 7
    days = 22 + d + e
    if days == 57 or (days == 56 and d == 28 and a > 10):
        days -= 7
    return date(year, 3, 1) + timedelta(days=days - 1)


def france(year):
    fixed = [(1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25)]
    return {date(year, *day) for day in fixed} | {easter(year) + timedelta(days=n) for n in (1, 39, 50)}


def moselle(year):
    return france(year) | {easter(year) - timedelta(days=2), date(year, 12, 26)}


@cache
def nth_weekday(year, month, weekday, n):
    """The nth such weekday of a month; the last one when n is -1."""
    days = [date(year, month, 1) + timedelta(days=i) for i in range(31)]
    found = [day for day in days if day.month == month and day.weekday() == weekday]
    return found[n - 1] if n > 0 else found[n]


def united_states(year):
    movable = [(1, 0, 3), (2, 0, 3), (5, 0, -1), (9, 0, 1), (10, 0, 2), (11, 3, 4)]
    found = {nth_weekday(year, *which) for which in movable}
    for fixed in (
        date(year, 1, 1), date(year + 1, 1, 1), date(year, 6, 19),
        date(year, 7, 4), date(year, 11, 11), date(year, 12, 25),
    ):  # fmt: skip
        # A holiday on a Saturday is kept on the Friday, on a Sunday on the Monday.
        found |= {fixed, fixed + timedelta(days={5: -1, 6: 1}.get(fixed.weekday(), 0))}
    return found


@cache
def paris_summer(year):
    """From 01:00 UTC on the last Sunday of March to 01:00 UTC on the last one of October."""
    march, october = (nth_weekday(year, month, 6, -1).day for month in (3, 10))
    return datetime(year, 3, march, 1, tzinfo=UTC), datetime(year, 10, october, 1, tzinfo=UTC)


@cache
def new_york_summer(year):
    """From 07:00 UTC on the second Sunday of March to 06:00 UTC on the first one of November."""
    march, november = nth_weekday(year, 3, 6, 2).day, nth_weekday(year, 11, 6, 1).day
    return datetime(year, 3, march, 7, tzinfo=UTC), datetime(year, 11, november, 6, tzinfo=UTC)


def paris_offset(instant):
    start, end = paris_summer(instant.year)
    return 2 * HOUR if start <= instant < end else HOUR


def new_york_offset(instant):
    start, end = new_york_summer(instant.year)
    return -4 * HOUR if start <= instant < end else -5 * HOUR


CALENDARS = {
    "France": (WorkCalendar(), france, paris_offset, frozenset()),
    "Moselle, with closing days of the team": (
        WorkCalendar(subdivision="57", closing_days=CLOSED), moselle, paris_offset, CLOSED,
    ),
    "New York": (
        WorkCalendar(country="US", time_zone="America/New_York"), united_states, new_york_offset, frozenset(),
    ),
}  # fmt: skip


class Oracle:
    """The definition, applied hour by hour from tables that were filled by walking."""

    def __init__(self, holidays, offset, closed):
        self.worked = {}
        self.ends = {}
        self.days = []
        years = range(FIRST.year - 1, LAST.year + 2)
        off = set().union(*(holidays(year) for year in years)) | closed
        instant = datetime(FIRST.year, 1, 1, tzinfo=UTC) - 2 * DAY
        before = None
        # Each hour of the years belongs to one local day; the end of a day is where the next one begins.
        while instant.date() <= LAST + 40 * DAY:
            day = (instant + offset(instant)).date()
            self.days.append((instant, day))
            if before is not None and day != before:
                self.ends[before] = instant
            self.worked[day] = day.weekday() < 5 and day not in off
            before = day
            instant += HOUR

    def after_days(self, day, n):
        for _ in range(n):
            day += DAY
        return self.ends[day]

    def after_working_days(self, day, n):
        seen = 0
        while seen < n:
            day += DAY
            if self.worked[day]:
                seen += 1
        return self.ends[day]


def differences(calendar, oracle, hours):
    wrong, cases = [], 0
    for instant, day in hours:
        for n in COUNTS:
            cases += 1
            if calendar.after_working_days(instant, n) != oracle.after_working_days(day, n):
                wrong.append((instant, n, "working days"))
            if calendar.after_days(instant, n) != oracle.after_days(day, n):
                wrong.append((instant, n, "days"))
    return wrong, cases


@cache
def oracle_of(name):
    return Oracle(*CALENDARS[name][1:])


@pytest.fixture(scope="module", params=CALENDARS, ids=str)
def calendar_and_oracle(request):
    calendar, oracle = CALENDARS[request.param][0], oracle_of(request.param)
    hours = [(instant, day) for instant, day in oracle.days if FIRST <= instant.date() <= LAST]
    assert len(hours) == 6210 * 24
    return calendar, oracle, hours


@pytest.mark.long
def test_every_hour_of_2024_to_2040_ends_where_the_definition_says(calendar_and_oracle):
    calendar, oracle, hours = calendar_and_oracle
    wrong, cases = differences(calendar, oracle, hours)
    assert cases == 596_160
    assert wrong == []


def test_a_tenth_of_the_hours_of_2024_to_2040_end_where_the_definition_says(calendar_and_oracle):
    calendar, oracle, hours = calendar_and_oracle
    # Every day has its turn, and over ten days every hour of the day.
    tenth = [hour for i, hour in enumerate(hours) if (i // 24 + i % 24) % 10 == 0]
    assert {instant.hour for instant, _ in tenth} == set(range(24))
    wrong, cases = differences(calendar, oracle, tenth)
    assert cases >= 59_000
    assert wrong == []


def test_each_quarter_of_an_hour_around_34_changes_of_the_clock_ends_where_the_definition_says(
    calendar_and_oracle,
):
    calendar, oracle, hours = calendar_and_oracle
    zone = ZoneInfo(calendar.time_zone)
    offsets = [(instant, instant.astimezone(zone).utcoffset()) for instant, _ in hours]
    changes = [later for (_, old), (later, new) in pairwise(offsets) if old != new]
    assert len(changes) == 34
    belongs = dict(oracle.days)
    around = [
        (hour + timedelta(minutes=minutes), belongs[hour])
        for change in changes
        for hour in (change + timedelta(hours=n) for n in range(-30, 31))
        for minutes in (0, 15, 30, 45)
    ]
    wrong, _ = differences(calendar, oracle, around)
    assert wrong == []


@pytest.mark.parametrize("position", range(11))
def test_the_oracle_notices_any_single_holiday_that_goes_missing(monkeypatch, position):
    calendar, oracle = CALENDARS["France"][0], oracle_of("France")
    real = workdays._public_holidays

    def one_missing(country, subdivision, year, language):
        found = real(country, subdivision, year, language)
        dropped = list(found)[position] if len(found) == 11 else None
        return {day: name for day, name in found.items() if day != dropped}

    monkeypatch.setattr(workdays, "_public_holidays", one_missing)
    once_a_day = [hour for hour in oracle.days if FIRST <= hour[1] < date(2030, 1, 1)][::24]
    assert differences(calendar, oracle, once_a_day)[0]
