"""Calendars: which days are worked, where a day ends, how long the team has worked between two instants.

Nothing here knows about tickets, rules, tables or words. Instants are aware datetimes and come back in
UTC; days are local dates of the calendar's zone. *N days* after an instant means the end of the Nth
following day of that zone, whatever the hour, and *N working days* likewise. The end of a day is kept as
the first instant of the next one, because an instant has to be comparable and 23:59:59 leaves a gap;
`last_day()` gives back the day that people are shown.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from types import ModuleType
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

MONDAY_TO_FRIDAY = frozenset(range(5))
OFFICE_HOURS = ((time(9), time(18)),)
MIDNIGHT = time(0)
ONE_DAY = timedelta(days=1)
# A calendar without a single working day in that many days is a mistake in its rows, not a long holiday;
# without a limit the search for the next working day would not end.
LONGEST_PAUSE_DAYS = 1000

WEEKEND = "weekend"
HOLIDAY = "holiday"
CLOSING_DAY = "closing_day"


class SkippedDay(NamedTuple):
    """A day that does not count as a working day, and why: WEEKEND, HOLIDAY or CLOSING_DAY."""

    day: date
    reason: str


@dataclass(frozen=True, slots=True)
class WorkCalendar:
    """When a team works (LIFE-12, STAFF-4).

    country: two letters, whose public holidays are not worked; "" when there are none to respect.
    subdivision: region with holidays of its own ("57" and "6AE" for Alsace-Moselle), or None.
    time_zone: name of the IANA zone in which days begin and end.
    closing_days: local days on which the team is closed, besides holidays.
    weekdays: working weekdays, Monday is 0.
    hours: for each of the seven weekdays, Monday first, the (start, end) local times worked, in order and
        without overlap; an end at 00:00 is the end of that day. Hours of a day not worked do not count.

    Raises ValueError for an unknown zone, no working weekday, or hours out of order. An unknown country or
    region raises ValueError when it is first asked about; `is_known_region()` tells beforehand.
    """

    country: str = "FR"
    subdivision: str | None = None
    time_zone: str = "Europe/Paris"
    closing_days: frozenset[date] = frozenset()
    weekdays: frozenset[int] = MONDAY_TO_FRIDAY
    hours: tuple[tuple[tuple[time, time], ...], ...] = (OFFICE_HOURS,) * 7

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.time_zone)
        except (KeyError, ValueError, OSError) as error:  # unknown name, malformed name, name of a folder
            raise ValueError(f"unknown time zone: {self.time_zone!r}") from error
        if not self.weekdays or not self.weekdays <= frozenset(range(7)):
            raise ValueError("working weekdays are one or more of 0 (Monday) to 6 (Sunday)")
        if len(self.hours) != 7:
            raise ValueError("hours are given for each of the seven weekdays")
        for periods in self.hours:
            bounds = [bound for period in periods for bound in period]
            if bounds and bounds[-1] == MIDNIGHT:
                bounds[-1] = time.max
            if any(bound.tzinfo for bound in bounds):
                raise ValueError("hours are local times, without a zone of their own")
            # Two periods may touch (12:00-14:00, 14:00-18:00), but none may be empty.
            if bounds != sorted(bounds) or any(start == end for start, end in periods if end != MIDNIGHT):
                raise ValueError("hours of a day follow one another, each with its start before its end")

    # Days

    def local_day(self, instant: datetime) -> date:
        """The day that this instant belongs to in the calendar's zone. ValueError for a naive datetime."""
        return _aware(instant).astimezone(ZoneInfo(self.time_zone)).date()

    def last_day(self, instant: datetime) -> date:
        """The day that ends at, or is under way just before, this instant: `last_day(end_of_day(d)) == d`.

        It is the day to show for a closing or a reminder (LIFE-13). ValueError for a naive datetime.
        """
        return self.local_day(_aware(instant) - datetime.resolution)

    def end_of_day(self, day: date) -> datetime:
        """The end of a local day, as the first instant of the next one, in UTC."""
        return _first_instant(self.time_zone, day + ONE_DAY)

    def why_not_worked(self, day: date) -> str | None:
        """WEEKEND, HOLIDAY or CLOSING_DAY, in this order of precedence; None for a working day.

        A holiday on a Sunday is a WEEKEND: it would not have been worked anyway.
        """
        if day.weekday() not in self.weekdays:
            return WEEKEND
        if day in _public_holidays(self.country, self.subdivision, day.year, "en"):
            return HOLIDAY
        if day in self.closing_days:
            return CLOSING_DAY
        return None

    def is_working_day(self, day: date) -> bool:
        """Whether the team works on that local day (LIFE-12)."""
        return self.why_not_worked(day) is None

    def holiday_name(self, day: date, language: str) -> str | None:
        """The name of the public holiday on that day, weekends included, or None.

        language: "fr" or "en". A country whose holidays have no name in French gives them in English,
        else in its own language.
        """
        return self.holidays_of_year(day.year, language).get(day)

    def holidays_of_year(self, year: int, language: str) -> dict[date, str]:
        """All public holidays of a year, in order of date, with their names in "fr" or "en"."""
        return dict(_public_holidays(self.country, self.subdivision, year, language))

    def day_after(self, day: date, n: int) -> date:
        """The Nth day following a day. n is 0 or more, else ValueError."""
        return day + timedelta(days=_count(n))

    def working_day_after(self, day: date, n: int) -> date:
        """The Nth working day following a day, which itself never counts; the day itself when n is 0.

        ValueError for a negative n, and for a calendar that never works again.
        """
        left, idle = _count(n), 0
        while left:
            day += ONE_DAY
            if self.is_working_day(day):
                left, idle = left - 1, 0
            else:
                idle += 1
                if idle > LONGEST_PAUSE_DAYS:
                    raise ValueError(f"no working day in {LONGEST_PAUSE_DAYS} days before {day}")
        return day

    # Distances in days

    def after_days(self, start: datetime, n: int) -> datetime:
        """The end of the Nth day following the local day of `start`, in UTC (LIFE-6).

        ValueError for a naive start or a negative n.
        """
        return self.end_of_day(self.day_after(self.local_day(start), n))

    def after_working_days(self, start: datetime, n: int) -> datetime:
        """The end of the Nth working day following the local day of `start`, in UTC (LIFE-5, LIFE-13).

        ValueError for a naive start or a negative n.
        """
        return self.end_of_day(self.working_day_after(self.local_day(start), n))

    def skipped_days(self, start: datetime, n: int) -> list[SkippedDay]:
        """The days passed over by `after_working_days(start, n)`, each with its reason (LIFE-13)."""
        first = self.local_day(start)
        return self.days_not_worked(first, self.working_day_after(first, n))

    def days_not_worked(self, after: date, until: date) -> list[SkippedDay]:
        """The days not worked that follow `after`, up to and including `until`, each with its reason."""
        days = (after + timedelta(days=n) for n in range(1, (until - after).days + 1))
        return [SkippedDay(day, reason) for day in days if (reason := self.why_not_worked(day))]

    def clock_changes(self, year: int) -> list[tuple[date, timedelta]]:
        """The local days of a year on which the clocks change, each with by how much: forward is positive."""
        zone, found = ZoneInfo(self.time_zone), []
        before = datetime(year, 1, 1, tzinfo=zone).utcoffset()
        day = date(year, 1, 1)
        while day.year == year:
            after = datetime.combine(day + ONE_DAY, MIDNIGHT, zone).utcoffset()
            if before is not None and after is not None and after != before:
                found.append((day, after - before))
            before, day = after, day + ONE_DAY
        return found

    # Working hours

    def working_time_between(self, start: datetime, end: datetime) -> timedelta:
        """The time that the team worked between two instants (STAFF-4), negative when `end` comes first.

        It is time that really passed: working hours that daylight saving removes or doubles count as
        they were lived. ValueError for naive datetimes.
        """
        start, end = _aware(start).astimezone(UTC), _aware(end).astimezone(UTC)
        if end < start:
            return -self.working_time_between(end, start)
        total = timedelta()
        day, last = self.local_day(start), self.local_day(end)
        while day <= last:
            for opens, closes in self._periods(day):
                total += max(min(closes, end) - max(opens, start), timedelta())
            day += ONE_DAY
        return total

    def worked_periods(self, first: date, last: date) -> Iterator[tuple[datetime, datetime]]:
        """The periods worked from one local day to another, both included, as UTC instants, in order."""
        day = first
        while day <= last:
            yield from self._periods(day)
            day += ONE_DAY

    def add_working_time(self, start: datetime, duration: timedelta) -> datetime:
        """The first instant, in UTC, at which `duration` has been worked since `start` (STAFF-4).

        Two hours from 17:00 on a Friday end at 10:00 on Monday; one hour ends at 18:00 the same day. No
        duration is `start` itself, even outside working hours. ValueError for a naive start, a negative
        duration, or a calendar without hours.
        """
        start = _aware(start).astimezone(UTC)
        if duration < timedelta():
            raise ValueError("a working time to add is not negative")
        if not duration:
            return start
        left, day, idle = duration, self.local_day(start), 0
        while idle <= LONGEST_PAUSE_DAYS:
            idle += 1
            for opens, closes in self._periods(day):
                worked = closes - max(opens, start)
                if worked >= left:
                    return max(opens, start) + left
                if worked > timedelta():
                    left, idle = left - worked, 0
            day += ONE_DAY
        raise ValueError(f"no working hours in {LONGEST_PAUSE_DAYS} days before {day}")

    def open_until(self, instant: datetime) -> datetime | None:
        """Until when the period that this instant is in lasts, in UTC; None outside working hours (VIEW-8).

        Periods that touch are one, also over midnight: 22:00-24:00 and then 00:00-06:00 last until 06:00. A calendar
        that never closes is open until LONGEST_PAUSE_DAYS later. ValueError for a naive instant.
        """
        instant = _aware(instant).astimezone(UTC)
        until: datetime | None = None
        day = self.local_day(instant)
        for ahead in range(LONGEST_PAUSE_DAYS):
            for opens, closes in self._periods(day + timedelta(days=ahead)):
                if until is None:
                    until = closes if opens <= instant < closes else None
                elif opens == until:
                    until = closes
                else:
                    return until
            if until != self.end_of_day(day + timedelta(days=ahead)):
                break
        return until

    def next_opening(self, instant: datetime) -> datetime | None:
        """The start of the first period after this instant, in UTC; None when nothing opens any more.

        ValueError for a naive instant.
        """
        instant = _aware(instant).astimezone(UTC)
        first = self.local_day(instant)
        for ahead in range(LONGEST_PAUSE_DAYS):
            for opens, _closes in self._periods(first + timedelta(days=ahead)):
                if opens > instant:
                    return opens
        return None

    def periods_between(self, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
        """The worked periods between two instants, cut to them, in UTC and in order. ValueError for naive ones."""
        start, end = _aware(start).astimezone(UTC), _aware(end).astimezone(UTC)
        day, last, found = self.local_day(start), self.local_day(end), []
        while day <= last:
            for opens, closes in self._periods(day):
                if max(opens, start) < min(closes, end):
                    found.append((max(opens, start), min(closes, end)))
            day += ONE_DAY
        return found

    def _periods(self, day: date) -> Iterator[tuple[datetime, datetime]]:
        """The worked periods of a local day as UTC instants; none on a day not worked."""
        if not self.is_working_day(day):
            return
        for start, end in self.hours[day.weekday()]:
            opens = instant_at(self.time_zone, day, start, last=False)
            closes = (
                self.end_of_day(day) if end == MIDNIGHT else instant_at(self.time_zone, day, end, last=True)
            )
            yield opens, closes


def read_hours(
    stored: Mapping[str, Sequence[Sequence[str]]],
) -> tuple[frozenset[int], tuple[tuple[tuple[time, time], ...], ...]]:
    """Working weekdays and hours, as a calendar's row keeps them, for `WorkCalendar(weekdays=, hours=)`.

    stored: {"0": [["09:00", "12:30"], ["14:00", "18:00"]], ...}, Monday is "0"; a day without hours is not
    worked, and nothing stored means Monday to Friday from 9:00 to 18:00. ValueError for what is no time.
    """
    if not any(stored.values()):
        return MONDAY_TO_FRIDAY, (OFFICE_HOURS,) * 7
    hours = tuple(
        tuple((time.fromisoformat(start), time.fromisoformat(end)) for start, end in stored.get(str(day), ()))
        for day in range(7)
    )
    return frozenset(day for day in range(7) if hours[day]), hours


def is_known_region(country: str, subdivision: str | None = None) -> bool:
    """Whether the public holidays of this country, and of this region of it, are known.

    country: two letters; "" (no public holidays) is known and has no regions. Meant for the screen where
    calendars are edited: it loads the library of holidays.
    """
    if not country:
        return not subdivision
    try:
        known = regions(country)
    except ValueError:
        return False
    return not subdivision or subdivision in known


def regions(country: str) -> tuple[str, ...]:
    """The codes of a country's regions that may be given as `subdivision`. ValueError for an unknown one."""
    return tuple(_entity(country).subdivisions)


# Instants


def _aware(instant: datetime) -> datetime:
    if instant.utcoffset() is None:
        raise ValueError("a datetime without a time zone could be any instant")
    return instant


def _count(n: int) -> int:
    if n < 0:
        raise ValueError("a number of days is not negative")
    return n


@lru_cache(maxsize=4096)  # a sweep asks for the same few midnights thousands of times
def _first_instant(time_zone: str, day: date) -> datetime:
    return instant_at(time_zone, day, MIDNIGHT, last=False)


def instant_at(time_zone: str, day: date, wall: time, *, last: bool) -> datetime:
    """The UTC instant at which clocks of the zone show a time; the first or the `last` when they do twice.

    A time that clocks jump over is the instant of the jump: 02:30 on 29 March 2026 in Paris is 01:00 UTC,
    so that a period that starts or ends there keeps its real length.
    """
    local = datetime.combine(day, wall, ZoneInfo(time_zone))
    first, second = (local.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    if first <= second:
        return second if last else first
    return _jump(ZoneInfo(time_zone), second, first)


def _jump(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The instant, to the second, at which the zone's offset changes between two instants."""
    old = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = (before + (after - before) / 2).replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == old:
            before = middle
        else:
            after = middle
    return after


# Public holidays


@lru_cache(maxsize=128)
def _public_holidays(country: str, subdivision: str | None, year: int, language: str) -> dict[date, str]:
    """Public holidays of one year, in order. The result is shared: read it, never change it."""
    if not country:
        return {}
    entity = _entity(country)
    try:
        found = entity(subdiv=subdivision, years=[year], expand=False, language=_language(entity, language))
    except NotImplementedError as error:
        raise ValueError(f"unknown region of {country}: {subdivision!r}") from error
    # Two holidays on one day (Ascension on a 1 May) come as one name with a semicolon.
    return {day: name.replace("; ", ", ") for day, name in sorted(found.items()) if day.year == year}


def _language(entity: Any, language: str) -> str | None:
    """The variant of a language that the library has for a country.

    It is always named: left to itself the library would follow the LANG of the machine.
    """
    own = entity.default_language
    for wanted in (language, "en"):
        for variant in (own, *sorted(entity.supported_languages)):
            if variant and variant.split("_")[0] == wanted:
                return variant
    return own


@lru_cache(maxsize=32)
def _entity(country: str) -> Any:
    """The class that holds a country's public holidays. ValueError for an unknown country.

    The library is imported here, at the first question about a working day, so that starting the server
    does not wait for it. Its package of countries imports all of them, some 280 modules (7 MB more, and
    twice the time); a bare package in its place while the one country is imported avoids that.
    """
    import importlib
    import importlib.util

    from holidays.registry import COUNTRIES, IMPORT_LOCK

    found = next(((m, names[0]) for m, names in COUNTRIES.items() if country in names[1:]), None)
    if found is None or len(country) != 2:
        raise ValueError(f"unknown country: {country!r}")
    module, name = found
    package = "holidays.countries"
    with IMPORT_LOCK:
        bare = package not in sys.modules
        if bare:
            spec = importlib.util.find_spec(package)
            stand_in = ModuleType(package)
            stand_in.__path__ = list(spec.submodule_search_locations or ()) if spec else []
            sys.modules[package] = stand_in
        try:
            return getattr(importlib.import_module(f"{package}.{module}"), name)
        finally:
            if bare:
                del sys.modules[package]
