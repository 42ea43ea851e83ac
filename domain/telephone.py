"""Telephone lines by region: which one is for whom, whether somebody answers now, and until when (VIEW-8).

The hours are those of a calendar, so that holidays, closing days and changes of clocks count as they do for the team.
Words and the reader's zone are in presenters.py.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from domain import closing, statements
from domain.workdays import WorkCalendar
from models import Calendar, CalendarClosingDay, HelpLine, Membership, Organisation

if TYPE_CHECKING:
    from domain.policies import Viewer

# The number stands on home and beside forms; a change made by another process is seen after this many seconds.
CACHE_SECONDS = 3.0
# What the page of help shows of the hours: today and the days after it.
DAYS_SHOWN = 7
_lines: list[Line] = []
_read_at: float | None = None
_lock = threading.Lock()


@dataclass(frozen=True)
class Line:
    """A number with the calendar that says when somebody answers it."""

    slug: str
    region_fr: str
    region_en: str
    countries: tuple[str, ...]
    phone: str
    languages: tuple[str, ...]
    sentence_fr: str
    sentence_en: str
    calendar: WorkCalendar


@dataclass(frozen=True)
class Standing:
    """Whether a line is answered at one instant: until when, else from when on; neither for one that never opens."""

    open_until: datetime | None
    opens_at: datetime | None

    @property
    def is_open(self) -> bool:
        """Somebody answers now."""
        return self.open_until is not None


def forget() -> None:
    """Drop what this process remembers: the next read asks the database."""
    global _read_at
    _read_at = None


def lines() -> list[Line]:
    """The lines in use, in order. Two queries, none while they are remembered."""
    global _lines, _read_at
    with _lock:
        if _read_at is None or time.monotonic() - _read_at > CACHE_SECONDS:
            rows = list(
                HelpLine.select(HelpLine, Calendar)
                .join(Calendar)
                .where(HelpLine.is_active)
                .order_by(HelpLine.position, HelpLine.id)
            )
            days: dict[int, list[object]] = {}
            if rows:
                closed = CalendarClosingDay.select(CalendarClosingDay.calendar, CalendarClosingDay.day)
                for calendar_id, day in closed.tuples():
                    days.setdefault(calendar_id, []).append(day)
            _lines = [
                Line(
                    row.slug,
                    row.region_fr,
                    row.region_en,
                    tuple(row.countries or ()),
                    row.phone,
                    tuple(row.languages or ()),
                    row.sentence_fr,
                    row.sentence_en,
                    closing.work_calendar(row.calendar, days.get(row.calendar_id, ())),  # type: ignore[arg-type]
                )
                for row in rows
            ]
            _read_at = time.monotonic()
        return _lines


def of_country(country: str, among: Sequence[Line]) -> Line | None:
    """The line of a country: the first that names it, else the first for everybody else, else the first of all."""
    for line in among:
        if country and country in line.countries:
            return line
    for line in among:
        if not line.countries:
            return line
    return among[0] if among else None


def line_for(viewer: Viewer | None) -> Line | None:
    """The line of the reader's region: that of their organisation's country. One small query when there are several."""
    found = lines()
    if len(found) < 2 or viewer is None or not viewer.memberships:
        return of_country("", found)
    return of_country(_country_of(viewer.memberships[0].organisation_id), found)


def line_of_person(person_id: int | None) -> Line | None:
    """The line for somebody who gets a mail. One small query when there are several lines."""
    found = lines()
    if len(found) < 2 or person_id is None:
        return of_country("", found)
    row = (
        Membership.select(Organisation.country)
        .join(Organisation)
        .where((Membership.person == person_id) & Membership.removed_at.is_null())
        .order_by(Membership.id)
        .tuples()
        .first()
    )
    return of_country(row[0] if row else "", found)


def _country_of(organisation_id: int) -> str:
    this = statements.stand_in(0)
    rows = statements.tuples(
        "telephone.country",
        lambda: Organisation.select(Organisation.country).where(Organisation.id == this),
        {this: organisation_id},
    )
    return str(rows[0][0]) if rows else ""


def standing(line: Line, now: datetime) -> Standing:
    """Whether somebody answers at this instant (aware), until when, or from when on."""
    until = line.calendar.open_until(now)
    return Standing(until, None if until is not None else line.calendar.next_opening(now))


def coming(line: Line, start: datetime, days: int = DAYS_SHOWN) -> list[tuple[datetime, datetime]]:
    """When the line is answered in the days after an instant (aware): periods in UTC, in order."""
    # A day of the reader's zone may last 25 hours.
    return line.calendar.periods_between(start, start + timedelta(days=days, hours=2))
