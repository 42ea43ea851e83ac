"""The year of a calendar as a page: twelve months, what is not worked and why, counting working days (LIFE-12)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from flask_babel import get_locale

from domain import closing, workdays
from domain.closing_rules import WORKING_DAYS
from domain.workdays import WorkCalendar
from models import Calendar, CalendarClosingDay
from presenters import (
    clock_change_words,
    days_counted,
    language,
    localized,
    long_day,
    month_name,
    skipped_words,
    weekday_names,
)
from words import gettext as _

# Public holidays are known, and calendars planned, within these years.
FIRST_YEAR, LAST_YEAR = 2000, 2100
MOST_DAYS = 366

# Each kind of day has a mark besides its colour: the same in the months and in the legend.
MARKS = {"holiday": "★", "closing_day": "■", "clock": "◷"}


class Question(NamedTuple):
    """ "N working days after a day": what was asked, the answer in words, what is wrong by field."""

    day: str
    days: str
    answer: str
    skipped: str
    errors: dict[str, str]


def page(row: Calendar, asked: Mapping[str, str], now: datetime) -> dict[str, Any]:
    """All that the page of a year shows.

    Arguments: row; asked, of the address: `year`, and `from` and `days` of the question; now, aware UTC. One query.
    """
    labels = {
        one.day: localized(one, "label")
        for one in CalendarClosingDay.select()
        .where(CalendarClosingDay.calendar == row.id)
        .order_by(CalendarClosingDay.day)
    }
    calendar = closing.work_calendar(row, labels)
    today = calendar.local_day(now)
    year = year_asked(asked.get("year", ""), today.year)
    names = calendar.holidays_of_year(year, language())
    changes = dict(calendar.clock_changes(year))
    months = [month(calendar, year, number, today, names, labels, changes) for number in range(1, 13)]
    return {
        "calendar": calendar,
        "year": year,
        "previous": year - 1 if year > FIRST_YEAR else None,
        "next": year + 1 if year < LAST_YEAR else None,
        "months": months,
        "worked": sum(one["worked"] for one in months),
        "weekdays": list(zip(weekday_names("short"), weekday_names("wide"), strict=True)),
        "marks": MARKS,
        "holidays": [
            {"day": long_day(day), "name": name, "weekend": calendar.why_not_worked(day) == workdays.WEEKEND}
            for day, name in names.items()
        ],
        "closing_days": [
            {
                "day": long_day(day),
                "name": name,
                "worked": calendar.why_not_worked(day) == workdays.CLOSING_DAY,
            }
            for day, name in labels.items()
            if day.year == year
        ],
        "clock_changes": [clock_change_words(day, change) for day, change in changes.items()],
        "hours": hours(row),
        "after": question(calendar, asked, today),
    }


def year_asked(text: str, present: int) -> int:
    """The year of the address, the present one for anything that is none."""
    found = int(text) if text.isascii() and text.isdigit() and len(text) == 4 else present
    return min(max(found, FIRST_YEAR), LAST_YEAR)


def month(
    calendar: WorkCalendar,
    year: int,
    number: int,
    today: date,
    names: Mapping[date, str],
    labels: Mapping[date, str],
    changes: Mapping[date, timedelta],
) -> dict[str, Any]:
    """One month as weeks from Monday to Sunday, with its number of working days."""
    day = date(year, number, 1)
    cells: list[dict[str, Any] | None] = [None] * day.weekday()
    worked = 0
    while day.month == number:
        why = calendar.why_not_worked(day)
        worked += why is None
        # A holiday on a Sunday keeps its mark: people look for it.
        kind = "holiday" if day in names else why or ""
        said = [names[day]] if day in names else []
        if why == workdays.CLOSING_DAY:
            said.append(labels.get(day) or _("we are closed"))
        if day in changes:
            said.append(clock_change_words(day, changes[day])["name"])
        cells.append(
            {
                "number": day.day,
                "kind": kind,
                "mark": MARKS.get(kind, "") + (MARKS["clock"] if day in changes else ""),
                "said": ", ".join(said) or (_("not worked") if why else ""),
                "today": day == today,
            }
        )
        day += timedelta(days=1)
    cells += [None] * (-len(cells) % 7)
    return {
        "name": month_name(number),
        "worked": worked,
        "weeks": [cells[start : start + 7] for start in range(0, len(cells), 7)],
    }


def hours(row: Calendar) -> list[tuple[str, str]]:
    """The worked periods of each weekday, Monday first: (name, words)."""
    weekdays, periods = workdays.read_hours(row.hours or {})
    names = get_locale().days["stand-alone"]["wide"]
    return [
        (
            names[day],
            ", ".join(f"{start:%H:%M}–{end:%H:%M}" for start, end in periods[day])
            if day in weekdays
            else _("not worked"),
        )
        for day in range(7)
    ]


def question(calendar: WorkCalendar, asked: Mapping[str, str], today: date) -> Question:
    """How many working days after which day, and the day that this is."""
    day, days = asked.get("from", "").strip()[:40], asked.get("days", "").strip()[:40]
    if not day and not days:
        return Question(today.isoformat(), "7", "", "", {})
    errors: dict[str, str] = {}
    first, count = None, None
    try:
        first = date.fromisoformat(day) if len(day) == 10 else None
    except ValueError:
        pass
    if first is None:
        errors["from"] = _("Give a date as year, month and day. Example: 2026-12-01")
    elif not FIRST_YEAR <= first.year <= LAST_YEAR:
        errors["from"] = _("Give a day from %(first)s to %(last)s.", first=FIRST_YEAR, last=LAST_YEAR)
    if days.isascii() and days.isdigit() and len(days) <= 3 and 1 <= int(days) <= MOST_DAYS:
        count = int(days)
    else:
        errors["days"] = _("A whole number from 1 to 366.")
    if errors or first is None or count is None:
        return Question(day, days, "", "", errors)
    last = calendar.working_day_after(first, count)
    skipped = [one for one in calendar.days_not_worked(first, last) if one.reason != workdays.WEEKEND]
    return Question(
        day,
        days,
        _(
            "%(count)s after %(first)s: %(last)s.",
            count=days_counted(count, WORKING_DAYS),
            first=long_day(first, year=True),
            last=long_day(last, year=True),
        ),
        skipped_words(skipped, calendar),
        errors,
    )
