"""Lists of requests: which ones, in which order, a page at a time. The address of a list holds the whole view (VIEW-1, VIEW-2).

Rows are read as plain tuples and pages are cut by key, so that a list costs the same whatever the number of requests.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from peewee import JOIN, ModelSelect, Tuple

from domain import catalogue, lifecycle, policies, search, settings
from domain.policies import Viewer
from models import Organisation, Participant, Person, Ticket, db

LISTS = ("mine", "cc", "organisation")
STATUS_FILTERS = ("all", "open", "waiting", "resolved")
# Above this a count is said to be "more than".
COUNT_CAP = 10_000
# A search reads at most this many of the newest requests that hold the words.
SEARCH_CAP = 1_000

_Assignee = Person.alias("assignee")
_SORTS: dict[str, Any] = {
    "created": Ticket.id,
    "number": Ticket.id,
    "updated": Ticket.updated_at,
    "status": Ticket.status,
    "priority": Ticket.priority_position,
    "summary": Ticket.summary,
    "form": Ticket.form_slug,
}
DEFAULT_SORT = "-created"
SORTS = tuple(_SORTS)


class Row(NamedTuple):
    """One request in a list."""

    id: int
    number: str
    summary: str
    status: str
    form_slug: str
    kind_slug: str
    priority: str | None
    priority_position: int
    scale_slug: str | None
    team_id: int | None
    organisation_id: int
    organisation_name: str
    requester_id: int
    requester_name: str
    assignee_id: int | None
    assignee_name: str | None
    created_at: datetime
    updated_at: datetime
    closes_at: datetime | None
    last_message_side: str


_COLUMNS = (
    Ticket.id,
    Ticket.number,
    Ticket.summary,
    Ticket.status,
    Ticket.form_slug,
    Ticket.kind_slug,
    Ticket.priority,
    Ticket.priority_position,
    Ticket.scale_slug,
    Ticket.team,
    Ticket.organisation,
    Organisation.name,
    Ticket.requester,
    Person.full_name,
    Ticket.assignee,
    _Assignee.full_name,
    Ticket.created_at,
    Ticket.updated_at,
    Ticket.closes_at,
    Ticket.last_message_side,
)


@dataclass(frozen=True)
class Asked:
    """What the address of a list asks for; anything unknown in it means the default."""

    list: str = "mine"
    status: str = "all"
    label: str = ""
    form: str = ""
    category: str = ""
    kind: str = ""
    q: str = ""
    sort: str = DEFAULT_SORT
    # Keyset paging: rows after, or before, the request with this number.
    after: str = ""
    before: str = ""

    @property
    def descending(self) -> bool:
        """True for a sort such as -created."""
        return self.sort.startswith("-")

    @property
    def column(self) -> str:
        """The sorted column."""
        return self.sort.lstrip("-")

    @property
    def narrowed(self) -> bool:
        """True when something is left out of the list."""
        return bool(self.q or self.form or self.category or self.kind or self.label or self.status != "all")


@dataclass(frozen=True)
class Page:
    """One page of a list. `newer` and `older` are numbers for the neighbouring pages, or None at the ends."""

    rows: list[Row]
    newer: str | None
    older: str | None
    count: int

    @property
    def capped(self) -> bool:
        """True when there are more than `count` says."""
        return self.count > COUNT_CAP


def _of_list(viewer: Viewer, name: str) -> ModelSelect:
    """The visible requests of one of the three lists (VIEW-1). For staff: given to me, those in CC, all they may see."""
    query = policies.visible_tickets(viewer)
    if name == "cc":
        copies = Participant.select(Participant.ticket).where(
            (Participant.person == viewer.id) & (Participant.role.in_(("cc", "collaborator")))
        )
        return query.where(Ticket.id.in_(copies))
    if name == "organisation":
        if viewer.is_staff:
            return query
        return query.where(Ticket.organisation.in_([rights.organisation_id for rights in viewer.memberships]))
    return query.where((Ticket.assignee if viewer.is_staff else Ticket.requester) == viewer.id)


def _tokens(viewer: Viewer, name: str) -> list[str]:
    """Whom the index must name, so that a search reads only what this list can show; empty means everybody."""
    if viewer.is_agent:
        return []
    if name == "cc":
        return [f"c{viewer.id}"]
    if name == "organisation":
        return [f"o{rights.organisation_id}" for rights in viewer.memberships] or ["o0"]
    return [f"r{viewer.id}"]


def _narrow(query: ModelSelect, viewer: Viewer, asked: Asked) -> ModelSelect:
    statuses = lifecycle.FILTERS.get(asked.status, ())
    if statuses:
        query = query.where(Ticket.status.in_(statuses))
    if asked.label:
        query = query.where(Ticket.status.in_(same_label(asked.label)))
    if asked.form:
        query = query.where(Ticket.form_slug == asked.form)
    if asked.category:
        query = query.where(Ticket.category_slug == asked.category)
    if asked.kind:
        query = query.where(Ticket.kind_slug == asked.kind)
    if asked.q:
        tokens = [] if viewer.staff_role == "account_manager" else _tokens(viewer, asked.list)
        ids = search.matching_ids(asked.q, belongs=tokens, with_notes=viewer.is_agent, limit=SEARCH_CAP)
        query = query.where(Ticket.id.in_(ids) if ids else Ticket.id < 0)
    return query


def same_label(status: str) -> list[str]:
    """The statuses that customers read under the same label as this one."""
    labels = catalogue.labels()
    if status not in labels:
        return [status]
    wanted = (labels[status].customer_fr, labels[status].customer_en)
    return [key for key, label in labels.items() if (label.customer_fr, label.customer_en) == wanted]


def find(viewer: Viewer, asked: Asked) -> Page:
    """One page of a list, in a constant number of queries.

    Arguments: viewer, who reads; asked, what the address says.
    """
    size = settings.get("page_size")
    query = _narrow(_of_list(viewer, asked.list), viewer, asked)
    total = _count(query.select(Ticket.id).limit(COUNT_CAP + 1))
    rows, newer, older = _cut(query, asked, size)
    return Page(rows, newer, older, total)


def _count(limited: ModelSelect) -> int:
    sql, values = limited.sql()
    return int(db.execute_sql(f"SELECT count(*) FROM ({sql}) AS capped", values).fetchone()[0])  # noqa: S608


def _cut(query: ModelSelect, asked: Asked, size: int) -> tuple[list[Row], str | None, str | None]:
    column = _SORTS.get(asked.column, Ticket.id)
    descending = asked.descending if asked.column in _SORTS else True
    backwards = bool(asked.before)
    edge = asked.before or asked.after
    down = descending != backwards
    if edge:
        start = query.select(Ticket.id, column).where(Ticket.number == edge).tuples().first()
        if start is not None:
            if column is Ticket.id:
                query = query.where(Ticket.id < start[0] if down else Ticket.id > start[0])
            else:
                here, there = Tuple(column, Ticket.id), Tuple(start[1], start[0])
                if column is Ticket.updated_at:
                    there = Tuple(Ticket.updated_at.db_value(start[1]), start[0])
                query = query.where(here < there if down else here > there)
        else:
            edge, backwards = "", False
            down = descending
    order = [Ticket.id] if column is Ticket.id else [column, Ticket.id]
    query = (
        query.select(*_COLUMNS)
        .join(Organisation, on=(Ticket.organisation == Organisation.id))
        .join(Person, on=(Ticket.requester == Person.id))
        .join(_Assignee, JOIN.LEFT_OUTER, on=(Ticket.assignee == _Assignee.id))
        .order_by(*[(part.desc() if down else part.asc()) for part in order])
        .limit(size + 1)
    )
    found = [Row(*row) for row in query.tuples()]
    more = len(found) > size
    found = found[:size]
    if backwards:
        found.reverse()
    if not found:
        return [], None, None
    newer = found[0].number if (backwards and more) or (edge and not backwards) else None
    older = found[-1].number if (more and not backwards) or backwards else None
    return found, newer, older


def counts(viewer: Viewer) -> dict[str, int]:
    """What the home page counts for a customer: what awaits them, what is with the team, what is solved, all that is open.

    Each is capped, so that it costs the same whatever the number of requests.
    """
    cap = 100
    mine = _of_list(viewer, "mine")
    parts = {
        "waiting": mine.where(Ticket.status.in_(lifecycle.FILTERS["waiting"])),
        "team": mine.where(Ticket.status.in_(lifecycle.TEAM_STATUSES)),
        "resolved": mine.where(Ticket.status == "resolved"),
        "organisation": _of_list(viewer, "organisation").where(Ticket.status.in_(lifecycle.OPEN_STATUSES)),
    }
    return {name: _count(part.select(Ticket.id).limit(cap)) for name, part in parts.items()}


def current(viewer: Viewer, statuses: tuple[str, ...], limit: int) -> list[Row]:
    """The viewer's own requests in these statuses, the latest changed first, for the home page."""
    query = (
        _of_list(viewer, "mine")
        .where(Ticket.status.in_(statuses))
        .select(*_COLUMNS)
        .join(Organisation, on=(Ticket.organisation == Organisation.id))
        .join(Person, on=(Ticket.requester == Person.id))
        .join(_Assignee, JOIN.LEFT_OUTER, on=(Ticket.assignee == _Assignee.id))
        .order_by(Ticket.id.desc())
        .limit(limit)
    )
    return [Row(*row) for row in query.tuples()]


# ---- The desk ----------------------------------------------------------------------------------------

QUEUES = ("unassigned", "mine", "team", "waiting", "resolved", "all")


def _queue(viewer: Viewer, name: str) -> ModelSelect:
    """The requests of one queue of the desk (STAFF-2)."""
    from models import TeamMember

    query = policies.visible_tickets(viewer)
    if name == "unassigned":
        return query.where(Ticket.assignee.is_null() & Ticket.status.in_(("registered", "qualified")))
    if name == "mine":
        return query.where((Ticket.assignee == viewer.id) & Ticket.status.in_(lifecycle.OPEN_STATUSES))
    if name == "team":
        teams = [row[0] for row in TeamMember.select(TeamMember.team).where(TeamMember.person == viewer.id).tuples()]
        return query.where(Ticket.team.in_(teams or [0]) & Ticket.status.in_(lifecycle.TEAM_STATUSES))
    if name == "waiting":
        return query.where((Ticket.assignee == viewer.id) & Ticket.status.in_(lifecycle.FILTERS["waiting"]))
    if name == "resolved":
        return query.where((Ticket.assignee == viewer.id) & (Ticket.status == "resolved"))
    return query


def queue(viewer: Viewer, name: str, asked: Asked) -> Page:
    """One page of a queue of the desk, the newest first unless the address says otherwise."""
    query = _narrow(_queue(viewer, name), viewer, asked)
    total = _count(query.select(Ticket.id).limit(COUNT_CAP + 1))
    rows, newer, older = _cut(query, asked, settings.get("page_size"))
    return Page(rows, newer, older, total)


def queue_counts(viewer: Viewer) -> dict[str, int]:
    """How many requests stand in each queue, 100 meaning "99 and more"."""
    return {
        name: _count(_queue(viewer, name).select(Ticket.id).limit(100)) for name in QUEUES if name != "all"
    }
