"""Announcements (VIEW-8): a few sentences between two days, for those they are meant for. Their words are rows.

Every query starts from policies.visible_announcements(). News and release notes are articles (knowledge.py).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from domain import policies
from domain.policies import Viewer
from domain.refusals import Invalid, Missing, NotNow
from models import Announcement, AnnouncementDismissal, AnnouncementTarget, Organisation, db

LEVELS = ("info", "warning")
AUDIENCES = ("public", "customers", "organisations", "staff")
BODY_CHARACTERS = 5_000
MOST_SHOWN = 20
PAST_SHOWN = 20

# They stand on the home page; a change made by another process is seen after this many seconds.
CACHE_SECONDS = 3.0
MOST_REMEMBERED = 1_000
_memory: dict[object, tuple[float, list[Shown]]] = {}


class Shown(NamedTuple):
    """An announcement as pages show it."""

    id: int
    title_fr: str
    title_en: str
    body_fr: str
    body_en: str
    level: str
    audience: str
    first_day: date
    last_day: date | None


_COLUMNS = (
    Announcement.id,
    Announcement.title_fr,
    Announcement.title_en,
    Announcement.body_fr,
    Announcement.body_en,
    Announcement.level,
    Announcement.audience,
    Announcement.first_day,
    Announcement.last_day,
)


def forget() -> None:
    """Drop what this process remembers: the next read asks the database."""
    _memory.clear()


def current(viewer: Viewer | None, today: date) -> list[Shown]:
    """What is announced to this person today, warnings first, then the newest. Arguments: today, where the reader is.

    One query for everybody with the same rights, remembered for a few seconds.
    """
    key = (
        viewer
        and (
            viewer.is_active,
            viewer.staff_role,
            tuple(rights.organisation_id for rights in viewer.memberships),
        ),
        today,
    )
    found = _memory.get(key)
    if found is None or time.monotonic() - found[0] > CACHE_SECONDS:
        if len(_memory) >= MOST_REMEMBERED:
            _memory.clear()
        query = policies.visible_announcements(viewer).where(
            (Announcement.first_day <= today)
            & (Announcement.last_day.is_null() | (Announcement.last_day >= today))
        )
        rows = (
            query.select(*_COLUMNS)
            .order_by(Announcement.level.desc(), Announcement.first_day.desc(), Announcement.id.desc())
            .limit(MOST_SHOWN)
        )
        found = _memory[key] = (time.monotonic(), [Shown(*row) for row in rows.tuples()])
    return found[1]


def on_top(viewer: Viewer | None, today: date) -> list[Shown]:
    """What stands over the home page: without what this person has put away. A second query only when there is such."""
    rows = current(viewer, today)
    if viewer is not None and viewer.is_agent:
        # What only some customers are told stands on the page of announcements: the desk is for everybody's.
        rows = [row for row in rows if row.audience != "organisations"]
    can_go = [row.id for row in rows if row.level == "info"]
    if viewer is None or not can_go:
        return rows
    gone = {
        key
        for (key,) in AnnouncementDismissal.select(AnnouncementDismissal.announcement)
        .where((AnnouncementDismissal.person == viewer.id) & AnnouncementDismissal.announcement.in_(can_go))
        .tuples()
    }
    return [row for row in rows if row.id not in gone]


def past(viewer: Viewer | None, today: date, limit: int = PAST_SHOWN) -> list[Shown]:
    """What was announced to this person and is over, the last one first. One query."""
    query = policies.visible_announcements(viewer).where(
        Announcement.last_day.is_null(False) & (Announcement.last_day < today)
    )
    rows = query.select(*_COLUMNS).order_by(Announcement.last_day.desc(), Announcement.id.desc()).limit(limit)
    return [Shown(*row) for row in rows.tuples()]


def dismiss(announcement_id: int, by: Viewer, now: datetime) -> None:
    """Put an announcement away: it no longer stands over one's home page. Again: nothing more happens.

    Raises Missing for one that is not for this person, NotNow("announcement-stays") for a warning.
    """
    row = policies.visible_announcements(by).where(Announcement.id == announcement_id).first()
    if row is None or row.first_day > now.date() + timedelta(days=1):
        raise Missing()
    if row.level != "info":
        raise NotNow("announcement-stays")
    (
        AnnouncementDismissal.insert(announcement=row.id, person=by.id, dismissed_at=now)
        .on_conflict_ignore()
        .execute()
    )


def check(row: Announcement, organisations: Sequence[int], now: datetime) -> None:
    """What is always true of an announcement before it is saved. Raises Invalid with the field."""
    if not row.title_fr and not row.title_en:
        raise Invalid("announcement-title-needed", field="title_fr")
    for code in ("fr", "en"):
        title, body = getattr(row, f"title_{code}"), getattr(row, f"body_{code}")
        if body and not title:
            raise Invalid("announcement-title-needed", field=f"title_{code}")
        if len(body) > BODY_CHARACTERS:
            raise Invalid("text-too-long", field=f"body_{code}", limit=BODY_CHARACTERS)
    if row.last_day is not None and row.last_day < row.first_day:
        raise Invalid("announcement-ends-later", field="last_day")
    if (row.audience == "organisations") != bool(organisations):
        raise Invalid(
            "announcement-organisations" if not organisations else "announcement-no-organisations",
            field="organisations",
        )
    row.updated_at = now
    if row.created_at is None:
        row.created_at = now


def write(row: Announcement, organisations: Sequence[int], now: datetime) -> Announcement:
    """Write an announcement, new or changed, with those it is meant for. Raises Invalid."""
    check(row, organisations, now)
    with db.atomic():
        row.save()
        aim(row, organisations)
    forget()
    return row


def targets(row: Announcement) -> list[Organisation]:
    """The organisations that an announcement is meant for, by name. One query."""
    query = Organisation.select().join(AnnouncementTarget).where(AnnouncementTarget.announcement == row.id)
    return list(query.order_by(Organisation.name))


def aim(row: Announcement, organisations: Iterable[int]) -> None:
    """Say which organisations an announcement is meant for, in place of what was said before."""
    with db.atomic():
        AnnouncementTarget.delete().where(AnnouncementTarget.announcement == row.id).execute()
        for organisation_id in dict.fromkeys(organisations):
            AnnouncementTarget.create(announcement=row.id, organisation=organisation_id)
