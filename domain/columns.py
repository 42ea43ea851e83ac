"""Which columns lists of requests show, in which order: each person chooses, else the portal does (VIEW-3)."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from domain import settings, statements
from domain.refusals import Invalid, NotAllowed
from models import ColumnChoice, db

if TYPE_CHECKING:
    from domain.policies import Viewer

# Key -> what the row of a list must have. The subject is always there and comes first: it is the link to the request.
COLUMNS = (
    "status", "turn", "number", "unread", "requester", "organisation", "form", "kind", "category", "product",
    "priority", "team", "agent", "created", "updated", "closes",
)  # fmt: skip
# Whoever turns pages has them read once; a change made by another process is seen after this many seconds.
CACHE_SECONDS = 2.0
MOST_CHOICES = 10_000
_chosen: dict[int, tuple[float, tuple[str, ...] | None]] = {}
DEFAULT = ("status", "turn", "number", "requester", "form", "updated")


def known(names: Iterable[str]) -> tuple[str, ...]:
    """The columns among some names, each once, in their order."""
    return tuple(name for name in dict.fromkeys(names) if name in COLUMNS)


def default() -> tuple[str, ...]:
    """The columns of those who chose none: set by admins."""
    return known(settings.get("list_columns")) or DEFAULT


def forget(person_id: int | None = None) -> None:
    """Drop what this process remembers of choices: of one person, or of all."""
    if person_id is None:
        _chosen.clear()
    else:
        _chosen.pop(person_id, None)


def chosen(viewer: Viewer) -> tuple[str, ...] | None:
    """The columns that this person chose, or None. One query, remembered for CACHE_SECONDS."""
    known_since = _chosen.get(viewer.id)
    now = time.monotonic()
    if known_since is not None and now - known_since[0] < CACHE_SECONDS:
        return known_since[1]
    if len(_chosen) >= MOST_CHOICES:
        _chosen.clear()
    _chosen[viewer.id] = (now, mine := _read(viewer))
    return mine


def _read(viewer: Viewer) -> tuple[str, ...] | None:
    me = statements.stand_in(0)
    found = statements.rows(
        "columns",
        lambda: ColumnChoice.select(ColumnChoice.columns).where(ColumnChoice.person == me),
        {me: viewer.id},
    )
    return known(found[0].columns) if found else None


def of(viewer: Viewer) -> tuple[str, ...]:
    """The columns that this person sees, in order. At most one query."""
    mine = chosen(viewer)
    return default() if mine is None else mine


def choose(names: Sequence[str], by: Viewer) -> tuple[str, ...]:
    """Keep the columns that somebody wants to see, in their order; none is a choice, too: subjects alone.

    Raises Invalid("columns-unknown") for a name that is no column.
    """
    if set(names) - set(COLUMNS):
        raise Invalid("columns-unknown", field="columns")
    columns = list(known(names))
    forget(by.id)
    (
        ColumnChoice.insert(person=by.id, columns=columns)
        .on_conflict(conflict_target=[ColumnChoice.person], update={ColumnChoice.columns: columns})
        .execute()
    )
    return tuple(columns)


def return_to_default(by: Viewer) -> None:
    """Forget what somebody chose: the default shows again, and follows what admins make of it."""
    forget(by.id)
    ColumnChoice.delete().where(ColumnChoice.person == by.id).execute()


def make_default(names: Sequence[str], by: Viewer, now: datetime) -> None:
    """Make these the columns of everybody who chose none. Recorded.

    Raises NotAllowed("settings-not-yours") for anybody but an admin, Invalid("columns-unknown"),
    Invalid("columns-none") without any.
    """
    if not by.is_admin:
        raise NotAllowed("settings-not-yours")
    if set(names) - set(COLUMNS):
        raise Invalid("columns-unknown", field="columns")
    if not names:
        raise Invalid("columns-none", field="columns")
    with db.atomic():
        settings.put("list_columns", list(known(names)), by, now)
