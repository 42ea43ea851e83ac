"""The figures of an organisation's requests, for those who read them all (VIEW-11): counts, months, speed, the oldest.

Only what the reader may see is counted. A period is read along an index, and figures are remembered for a minute.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

from domain import closing, lifecycle, policies
from domain.refusals import NotAllowed
from domain.workdays import WorkCalendar
from models import Ticket

if TYPE_CHECKING:
    from domain.policies import Rights, Viewer

PERIODS_MONTHS = (3, 6, 12)
# Requests of one organisation that a page reads at most: the newest; it says when there were more.
READ_MAX = 20_000
OLDEST_SHOWN = 5
REMEMBERED_SECONDS = 60.0
MOST_REMEMBERED = 200


class Month(NamedTuple):
    """A month of the period: its first day, and how many requests were opened and closed in it."""

    first: date
    opened: int
    closed: int


class Speed(NamedTuple):
    """How fast requests of one level of priority were answered and solved: medians in minutes of working time."""

    scale: str
    level: str
    opened: int
    first_answer: int | None
    solution: int | None


class Old(NamedTuple):
    """A request that has been open for long: since when it waits for whoever has the next move."""

    number: str
    summary: str
    since: datetime


@dataclass(frozen=True)
class Dashboard:
    """The figures of one organisation. Counts by kind, form and product are of what was opened in the period."""

    first: date
    last: date
    ours: int
    yours: int
    to_confirm: int
    months: list[Month]
    kinds: list[tuple[str, int]]
    forms: list[tuple[str, int]]
    products: list[tuple[int | None, int]]
    speed: list[Speed]
    oldest_ours: list[Old]
    oldest_yours: list[Old]
    more: bool = False
    opened: int = field(default=0)
    closed: int = field(default=0)


_known: dict[tuple[Any, ...], tuple[float, Dashboard]] = {}
_lock = threading.Lock()


def forget() -> None:
    """Drop the figures that this process remembers."""
    with _lock:
        _known.clear()


def organisation(viewer: Viewer, organisation_id: int | None = None) -> Rights:
    """The organisation whose figures are asked for, the first one by default.

    Raises NotAllowed("dashboard-not-yours") for somebody who does not read all the requests of any, or of that one.
    """
    for rights in policies.reads_charts_of(viewer):
        if organisation_id is None or rights.organisation_id == organisation_id:
            return rights
    raise NotAllowed("dashboard-not-yours")


def figures(viewer: Viewer, organisation_id: int, months: int, now: datetime) -> Dashboard:
    """The figures of an organisation as this person may see them (VIEW-11). Three queries, none within a minute.

    Arguments: organisation_id, one of reads_charts_of(); months, one of PERIODS_MONTHS, the present one the last of
    them; now, aware UTC. Days and months are those of the reader's zone.
    Raises NotAllowed as organisation().
    """
    organisation(viewer, organisation_id)
    zone = _zone(viewer.time_zone)
    firsts = _first_days(now.astimezone(zone).date(), months)
    key = (viewer, organisation_id, tuple(firsts), policies.reading_rule())
    moment = time.monotonic()
    with _lock:
        known = _known.get(key)
    if known is not None and moment - known[0] < REMEMBERED_SECONDS:
        return known[1]
    found = _read(viewer, organisation_id, firsts, zone, now)
    with _lock:
        if len(_known) >= MOST_REMEMBERED:
            _known.clear()
        _known[key] = (moment, found)
    return found


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return ZoneInfo("Europe/Paris")


def _first_days(today: date, months: int) -> list[date]:
    """The first day of each month of a period, the oldest first, the present month last."""
    first, found = today.replace(day=1), []
    for _month in range(months):
        found.append(first)
        first = (first - timedelta(days=1)).replace(day=1)
    return found[::-1]


_OPENED = (
    Ticket.id, Ticket.created_at, Ticket.closed_at, Ticket.first_response_at, Ticket.resolved_at, Ticket.kind_slug,
    Ticket.form_slug, Ticket.product, Ticket.scale_slug, Ticket.priority, Ticket.priority_position, Ticket.team,
)  # fmt: skip


def _read(
    viewer: Viewer, organisation_id: int, firsts: Sequence[date], zone: ZoneInfo, now: datetime
) -> Dashboard:
    seen = policies.visible_tickets(viewer).where(Ticket.organisation == organisation_id)
    start = datetime(firsts[0].year, firsts[0].month, 1, tzinfo=zone).astimezone(UTC)
    newest = Ticket.created_at.desc()
    opened = list(
        seen.where(Ticket.created_at >= start).select(*_OPENED).order_by(newest).limit(READ_MAX).tuples()
    )
    closed = list(
        seen.where(Ticket.closed_at >= start)
        .select(Ticket.closed_at)
        .order_by(Ticket.closed_at.desc())
        .limit(READ_MAX)
        .tuples()
    )
    now_open = list(
        seen.where(Ticket.status.in_((*lifecycle.OPEN_STATUSES, "resolved")))
        .select(Ticket.number, Ticket.summary, Ticket.status, Ticket.created_at, Ticket.status_since)
        .order_by(Ticket.id)
        .limit(READ_MAX)
        .tuples()
    )
    ours = [row for row in now_open if row[2] in lifecycle.TEAM_STATUSES]
    yours = [row for row in now_open if row[2] in lifecycle.FILTERS["waiting"]]
    return Dashboard(
        first=firsts[0],
        last=now.astimezone(zone).date(),
        ours=len(ours),
        yours=len(yours),
        to_confirm=len(now_open) - len(ours) - len(yours),
        months=_months(firsts, (row[1] for row in opened), (row[0] for row in closed), zone),
        kinds=_most(row[5] for row in opened),
        forms=_most(row[6] for row in opened),
        products=_most(row[7] for row in opened),
        speed=_speed(opened, now),
        oldest_ours=_oldest((row[0], row[1], row[3]) for row in ours),
        oldest_yours=_oldest((row[0], row[1], row[4]) for row in yours),
        more=READ_MAX in (len(opened), len(closed), len(now_open)),
        opened=len(opened),
        closed=len(closed),
    )


def _months(
    firsts: Sequence[date], opened: Iterable[datetime], closed: Iterable[datetime], zone: ZoneInfo
) -> list[Month]:
    counted = []
    for instants in (opened, closed):
        counts: Counter[tuple[int, int]] = Counter()
        for instant in instants:
            here = instant.astimezone(zone)
            counts[here.year, here.month] += 1
        counted.append(counts)
    return [
        Month(first, counted[0][first.year, first.month], counted[1][first.year, first.month])
        for first in firsts
    ]


def _most(values: Iterable[Any]) -> list[tuple[Any, int]]:
    """How often each value comes, the most frequent first, equal ones in a fixed order."""
    return sorted(Counter(values).items(), key=lambda pair: (-pair[1], str(pair[0])))


def _oldest(rows: Iterable[tuple[str, str, datetime]]) -> list[Old]:
    return sorted((Old(*row) for row in rows), key=lambda row: (row.since, row.number))[:OLDEST_SHOWN]


class _Worked:
    """The time that a team had worked at an instant, since the first one asked about: counted once."""

    def __init__(self, calendar: WorkCalendar, first: datetime, last: datetime) -> None:
        self.opens: list[datetime] = []
        self.before: list[timedelta] = []
        self.closes: list[datetime] = []
        total = timedelta()
        for opens, closes in calendar.worked_periods(calendar.local_day(first), calendar.local_day(last)):
            self.opens.append(opens)
            self.closes.append(closes)
            self.before.append(total)
            total += closes - opens

    def at(self, instant: datetime) -> timedelta:
        """The time worked until then."""
        place = bisect_right(self.opens, instant) - 1
        if place < 0:
            return timedelta()
        return self.before[place] + (min(instant, self.closes[place]) - self.opens[place])

    def minutes(self, start: datetime, end: datetime) -> int:
        """Whole minutes worked between two instants."""
        return int((self.at(end) - self.at(start)).total_seconds() // 60)


def _speed(opened: Sequence[tuple[Any, ...]], now: datetime) -> list[Speed]:
    """Medians by level of priority, the most pressing first; requests without a priority last."""
    if not opened:
        return []
    book = closing.book()
    start = min(row[1] for row in opened)
    clocks: dict[int | None, _Worked] = {}
    groups: dict[tuple[int, str, str], tuple[list[int], list[int], list[int]]] = {}
    for row in opened:
        created, answered, resolved, scale, level, position, team = (
            row[1], row[3], row[4], row[8], row[9], row[10], row[11],
        )  # fmt: skip
        if team not in clocks:
            calendar = book.calendar_of_team.get(team) or book.default_calendar
            clocks[team] = _Worked(calendar, start, now)
        key = (position, scale or "", level or "") if level else (99, "", "")
        counted, first, solved = groups.setdefault(key, ([], [], []))
        counted.append(1)
        if answered is not None:
            first.append(clocks[team].minutes(created, answered))
        if resolved is not None:
            solved.append(clocks[team].minutes(created, resolved))
    return [
        Speed(
            scale,
            level,
            len(counted),
            round(median(first)) if first else None,
            round(median(solved)) if solved else None,
        )
        for (_position, scale, level), (counted, first, solved) in sorted(groups.items())
    ]
