"""Lists of requests: which ones, in which order, a page at a time. Their address holds the whole view (VIEW-1, 2).

Rows are read as plain tuples and pages are cut by key, so that a list costs the same whatever the number of requests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from peewee import JOIN, SQL, ModelSelect, Tuple, fn

import models
from domain import audit, catalogue, contests, lifecycle, policies, search, settings, statements
from domain.policies import Viewer
from models import Organisation, Participant, Person, Portal, PriorityContest, TeamMember, Ticket, db

LISTS = ("mine", "cc", "organisation")
STATUS_FILTERS = ("all", "open", "waiting", "resolved")
# Above this a count is said to be "more than".
COUNT_CAP = 10_000
# And for those who see every request.
AGENT_COUNT_CAP = 1_000
# Counts of the home page stop here.
HOME_COUNT_CAP = 100
# A search reads at most this many of the newest requests that hold the words.
SEARCH_CAP = 1_000
# The first page of a search needs fewer; when more hold the words, their count is said to be "more than".
SEARCH_NEAR = 50

_Assignee = Person.alias("assignee")
# What has no date of closing comes after all that has one.
_NEVER = "9999-12-31 00:00:00.000000"
_SORTS: dict[str, Any] = {
    "created": Ticket.id,
    "number": Ticket.id,
    "updated": Ticket.updated_at,
    "status": Ticket.status,
    "priority": Ticket.priority_position,
    "summary": Ticket.summary,
    "form": Ticket.form_slug,
    # Those of one kind, category, product or team stand together, whatever their names in each language.
    "kind": Ticket.kind_slug,
    "category": Ticket.category_slug,
    "product": fn.COALESCE(Ticket.product, 0),
    "team": fn.COALESCE(Ticket.team, 0),
    "closes": fn.COALESCE(Ticket.closes_at, _NEVER),
    "requester": Person.full_name,
    "agent": fn.COALESCE(_Assignee.full_name, ""),
    "organisation": Organisation.name,
}
DEFAULT_SORT = "-created"
SORTS = tuple(_SORTS)
# Orders that an index has whatever is listed: the only ones for those who see every request.
_AGENT_SORTS = ("created", "number", "status")
# A file holds at most that many requests of a list.
EXPORT_CAP = 2_000


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
    category_slug: str
    product_id: int | None
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
    Ticket.category_slug,
    Ticket.product,
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


_FIRST_INSTANT, _PAST_INSTANTS = Row._fields.index("created_at"), Row._fields.index("closes_at") + 1


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
    # Slug of a customer: the desk narrows to one.
    organisation: str = ""
    # Key of one of the organisations that a customer reads, when there are several (ACC-14, ACC-18).
    place: int = 0
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
        return bool(
            self.q
            or self.form
            or self.category
            or self.kind
            or self.label
            or self.organisation
            or self.place
            or self.status != "all"
        )


@dataclass(frozen=True)
class Page:
    """One page of a list. `newer` and `older` are numbers for the neighbouring pages, or None at the ends."""

    rows: list[Row]
    newer: str | None
    older: str | None
    count: int
    # Above this, `count` says only that there are more.
    cap: int = COUNT_CAP

    @property
    def capped(self) -> bool:
        """True when there are more than `cap`."""
        return self.count > self.cap


def _of_list(viewer: Viewer, name: str) -> ModelSelect:
    """The visible requests of one of the three lists (VIEW-1).

    For staff: given to me, those in CC, all they may see.
    """
    query = policies.visible_tickets(viewer)
    if name == "cc":
        copies = Participant.select(Participant.ticket).where(
            (Participant.person == viewer.id) & (Participant.role.in_(("cc", "collaborator")))
        )
        return query.where(Ticket.id.in_(copies))
    if name == "organisation":
        if viewer.is_staff:
            return query
        return query.where(Ticket.organisation.in_(list(places_of(viewer))))
    return query.where((Ticket.assignee if viewer.is_staff else Ticket.requester) == viewer.id)


def _tokens(viewer: Viewer, name: str) -> list[str]:
    """Whom the index must name, so that a search reads only what this list can show; empty means everybody."""
    if viewer.is_agent:
        return []
    if viewer.staff_role == "account_manager":
        return [f"o{organisation_id}" for organisation_id in policies.managed_by(viewer)] or ["o0"]
    if name == "cc":
        return [f"c{viewer.id}"]
    if name == "organisation":
        return _owners(viewer) or ["o0"]
    return [f"r{viewer.id}"]


def places_of(viewer: Viewer) -> dict[int, str]:
    """The organisations whose requests stand in the third list, with their names: one's own, then their clients."""
    own = {rights.organisation_id: rights.organisation_name for rights in viewer.memberships}
    return own | {client.organisation_id: client.organisation_name for client in viewer.clients}


def _owners(viewer: Viewer) -> list[str]:
    """The tokens of the same: a client whose requests are not all read counts by what the partner opened."""
    own = [f"o{rights.organisation_id}" for rights in viewer.memberships]
    clients = [
        f"o{client.organisation_id}" if client.reads == "all" else f"p{client.partner.organisation_id}"
        for client in viewer.clients
    ]
    return list(dict.fromkeys([*own, *clients]))


def _narrow(query: ModelSelect, viewer: Viewer, asked: Asked) -> ModelSelect:
    statuses = lifecycle.FILTERS.get(asked.status, ())
    if statuses:
        query = query.where(Ticket.status.in_(statuses))
    if asked.label:
        query = query.where(_under_label(asked.label))
    if asked.form:
        query = query.where(Ticket.form_slug == asked.form)
    if asked.category:
        query = query.where(Ticket.category_slug == asked.category)
    if asked.kind:
        query = query.where(Ticket.kind_slug == asked.kind)
    if asked.organisation:
        named = Organisation.select(Organisation.id).where(Organisation.slug == asked.organisation)
        query = query.where(Ticket.organisation == named)
    if asked.place:
        query = query.where(Ticket.organisation == asked.place)
    if asked.q:
        tokens = _tokens(viewer, asked.list)
        ids = search.matching_ids(asked.q, belongs=tokens, with_notes=viewer.is_agent, limit=SEARCH_CAP)
        query = query.where(Ticket.id.in_(ids) if ids else Ticket.id < 0)
    return query


def _near(viewer: Viewer, query: ModelSelect, asked: Asked, size: int) -> tuple[ModelSelect, int, int] | None:
    """The newest requests that hold the words: enough for the first page of a search, newest first.

    Arguments: query, the requests to look among; asked, with words. Returns the query, how many it finds, and the
    number above which there may be more. None for another page or order, and when another filter leaves less than a
    page of the newest: then more must be read.
    """
    if asked.after or asked.before or asked.sort != DEFAULT_SORT:
        return None
    # The desk counts its queues further.
    near = QUEUE_COUNT_CAP if viewer.is_agent else SEARCH_NEAR
    ids = search.matching_ids(
        asked.q, belongs=_tokens(viewer, asked.list), with_notes=viewer.is_agent, limit=near + 1
    )
    query = _narrow(query, viewer, replace(asked, q=""))
    query = query.where(Ticket.id.in_(ids) if ids else Ticket.id < 0)
    total = _count(query.select(Ticket.id))
    if len(ids) <= near:
        return query, total, COUNT_CAP
    return (query, total, total - 1) if total > size else None


def _under_label(status: str) -> Any:
    """Requests that their customers read under the label that this status has for requests of their kind."""
    general, apart = same_label(status), {}
    for kind in catalogue.labelled_kinds():
        own = same_label(status, kind)
        if own != general:
            apart[kind] = own
    if not apart:
        return Ticket.status.in_(general)
    found = Ticket.kind_slug.not_in(list(apart)) & Ticket.status.in_(general)
    for kind, statuses in apart.items():
        found |= (Ticket.kind_slug == kind) & Ticket.status.in_(statuses)
    return found


def same_label(status: str, kind: str = "") -> list[str]:
    """The statuses that customers read under the same label as this one, on requests of a kind."""
    labels = catalogue.labels(kind)
    if status not in labels:
        return [status]
    wanted = (labels[status].customer_fr, labels[status].customer_en)
    return [key for key, label in labels.items() if (label.customer_fr, label.customer_en) == wanted]


def sorts_of(viewer: Viewer, name: str = "organisation") -> tuple[str, ...]:
    """The columns by which this person may sort a list (VIEW-2).

    Any of them for what one person sees or has; for those who see all requests, only the orders that an index has:
    sorting a million rows to show the first 25 would take seconds.
    """
    return _AGENT_SORTS if viewer.is_agent and name == "organisation" else SORTS


def find(viewer: Viewer, asked: Asked) -> Page:
    """One page of a list, in a constant number of queries.

    Arguments: viewer, who reads; asked, what the address says.
    """
    size = settings.get("page_size")
    # Counting what a filter leaves of all requests reads many more than it counts.
    cap = min(COUNT_CAP, AGENT_COUNT_CAP) if viewer.is_agent else COUNT_CAP
    near = _near(viewer, _of_list(viewer, asked.list), asked, size) if asked.q else None
    if near is not None:
        query, total, more_than = near
        return Page(*_cut(viewer, query, asked, size), total, more_than)
    by_status = lifecycle.FILTERS.get(asked.status, ())
    if (
        viewer.is_agent
        and by_status
        and asked.column in ("created", "number")
        and not (asked.q or asked.label)
    ):
        total = _count(_narrow(_of_list(viewer, asked.list), viewer, asked).select(Ticket.id).limit(cap + 1))
        whole = _narrow(_of_list(viewer, asked.list), viewer, replace(asked, status="all"))
        return Page(*_cut_by_status(viewer, [whole], by_status, asked, size), total, cap)
    if asked.q or asked.label or asked.organisation or asked.place or asked.after or asked.before:
        query = _narrow(_of_list(viewer, asked.list), viewer, asked)
        total = _count(query.select(Ticket.id).limit(cap + 1))
        rows, newer, older = _cut(viewer, query, asked, size)
        return Page(rows, newer, older, total, cap)
    # The first page of a list: the most asked for, in statements that all who have the same rights share.
    key = (asked, size)
    total = _prepared_count(
        viewer,
        ("count", *key),
        lambda anybody: (
            _narrow(_of_list(anybody, asked.list), anybody, asked).select(Ticket.id).limit(cap + 1)
        ),
    )
    found = _prepared_rows(
        viewer,
        ("page", *key),
        lambda anybody: _sorted(
            _rows(_narrow(_of_list(anybody, asked.list), anybody, asked)), asked, _descends(asked)
        ).limit(size + 1),
    )
    more = len(found) > size
    return Page(found[:size], None, found[size - 1].number if more else None, total, cap)


def export(viewer: Viewer, asked: Asked, now: datetime) -> list[Row]:
    """All the requests of a list, in its order, up to EXPORT_CAP: what somebody takes along as a file. Recorded.

    Arguments: viewer, who reads; asked, what the address says, whatever page it is on; now, aware UTC.
    """
    query = _narrow(_of_list(viewer, asked.list), viewer, asked)
    rows = _fetch(*_sorted(_rows(query), asked, _descends(asked)).limit(EXPORT_CAP).sql())
    with db.atomic():
        audit.record("list:exported", by=viewer, now=now, target=f"list:{asked.list}", rows=len(rows))
    return rows


def _prepared(
    viewer: Viewer,
    key: tuple[Any, ...],
    build: Callable[[Viewer], ModelSelect],
    more: Mapping[Any, Any] | None = None,
) -> tuple[str, list[Any]]:
    """SQL and values of a query on what a viewer may see; `key` is all that it depends on besides the viewer.

    Arguments: more, stand-in to real value, for stand-ins of `build` that are not the viewer's.
    """
    anybody, given = policies.with_stand_ins(viewer)
    rule = policies.reading_rule()
    return statements.words(
        ("list", *key, anybody, rule), lambda: build(anybody), {**given, **more} if more else given
    )


def _prepared_count(viewer: Viewer, key: tuple[Any, ...], build: Callable[[Viewer], ModelSelect]) -> int:
    sql, values = _prepared(viewer, key, build)
    return int(db.execute_sql(f"SELECT count(*) FROM ({sql}) AS capped", values).fetchone()[0])  # noqa: S608  # nosec B608


def _prepared_rows(viewer: Viewer, key: tuple[Any, ...], build: Callable[[Viewer], ModelSelect]) -> list[Row]:
    return _fetch(*_prepared(viewer, key, build))


def _fetch(sql: str, values: list[Any]) -> list[Row]:
    """The rows of a statement on _COLUMNS."""
    moment = Ticket.updated_at.python_value
    return [
        Row(*row[:_FIRST_INSTANT], *map(moment, row[_FIRST_INSTANT:_PAST_INSTANTS]), *row[_PAST_INSTANTS:])
        for row in db.execute_sql(sql, values).fetchall()
    ]


def _count(limited: ModelSelect) -> int:
    sql, values = limited.sql()
    return int(db.execute_sql(f"SELECT count(*) FROM ({sql}) AS capped", values).fetchone()[0])  # noqa: S608  # nosec B608


def _cut(
    viewer: Viewer, query: ModelSelect, asked: Asked, size: int
) -> tuple[list[Row], str | None, str | None]:
    column = _SORTS.get(asked.column, Ticket.id)
    descending = _descends(asked)
    backwards = bool(asked.before)
    edge = asked.before or asked.after
    down = descending != backwards
    if edge:
        # Its place counts even when it left the list since: it was answered while somebody read this page.
        here = _rows(policies.visible_tickets(viewer).where(Ticket.number == edge))
        start = here.select(Ticket.id, column).tuples().first() if policies.could_be_number(edge) else None
        if start is not None:
            if column is Ticket.id:
                query = query.where(Ticket.id < start[0] if down else Ticket.id > start[0])
            else:
                place, there = Tuple(column, Ticket.id), Tuple(_as_stored(start[1]), start[0])
                query = query.where(place < there if down else place > there)
        else:
            edge, backwards = "", False
            down = descending
    found = _fetch(*_sorted(_rows(query), asked, down).limit(size + 1).sql())
    more = len(found) > size
    found = found[:size]
    if backwards:
        found.reverse()
    if not found:
        return [], None, None
    newer = found[0].number if (backwards and more) or (edge and not backwards) else None
    older = found[-1].number if (more and not backwards) or backwards else None
    return found, newer, older


def _descends(asked: Asked) -> bool:
    """True when the list goes down; an unknown order is the usual one, newest first."""
    return asked.descending if asked.column in _SORTS else True


def _sorted(query: ModelSelect, asked: Asked, down: bool) -> ModelSelect:
    column = _SORTS.get(asked.column, Ticket.id)
    order = [Ticket.id] if column is Ticket.id else [column, Ticket.id]
    return query.order_by(*[(part.desc() if down else part.asc()) for part in order])


def _rows(query: ModelSelect) -> ModelSelect:
    """The same requests with what a list shows of each."""
    return (
        query.select(*_COLUMNS)
        .join(Organisation, on=(Ticket.organisation == Organisation.id))
        .join(Person, on=(Ticket.requester == Person.id))
        .join(_Assignee, JOIN.LEFT_OUTER, on=(Ticket.assignee == _Assignee.id))
    )


def counts(viewer: Viewer) -> dict[str, int]:
    """What the home page counts for a customer: what awaits them, what the team has, what is solved, all open ones.

    Each is capped, so that it costs the same whatever the number of requests.
    """
    counted = {
        "waiting": ("mine", lifecycle.FILTERS["waiting"]),
        "team": ("mine", lifecycle.TEAM_STATUSES),
        "resolved": ("mine", ("resolved",)),
        "organisation": ("organisation", lifecycle.OPEN_STATUSES),
    }

    def part(name: str, statuses: tuple[str, ...]) -> Callable[[Viewer], ModelSelect]:
        return lambda anybody: (
            _of_list(anybody, name).where(Ticket.status.in_(statuses)).select(Ticket.id).limit(HOME_COUNT_CAP)
        )

    return {
        key: _prepared_count(viewer, ("home", key), part(name, statuses))
        for key, (name, statuses) in counted.items()
    }


def current(viewer: Viewer, statuses: tuple[str, ...], limit: int) -> list[Row]:
    """The viewer's own requests in these statuses, the latest changed first, for the home page."""
    return _prepared_rows(
        viewer,
        ("current", statuses, limit),
        lambda anybody: (
            _rows(_of_list(anybody, "mine").where(Ticket.status.in_(statuses)))
            .order_by(Ticket.id.desc())
            .limit(limit)
        ),
    )


# ---- The desk ----------------------------------------------------------------------------------------

# What supervisors decide (LIFE-10): the queue is theirs alone.
CONTESTED = "contested"
QUEUES = ("unassigned", "mine", "team", CONTESTED, "waiting", "resolved", "all")
# A queue is counted up to here: beyond, it is "99+", and costs no more to count.
QUEUE_COUNT_CAP = 100
PRESSING = "priority"
# In queues that wait for work, the most pressing first and, among those, the one that has waited longest.
_WORKED_SORTS = (PRESSING, "-created", "created", "-updated")
_PLAIN_SORTS = ("-created", "created")
_Key = tuple[Any, ...]


def queue_sorts(name: str) -> tuple[str, ...]:
    """The orders in which a queue can be read, its own first. Those of big queues are orders that an index has."""
    if name == CONTESTED:
        return tuple(reversed(_PLAIN_SORTS))
    return _PLAIN_SORTS if name in ("resolved", "all") else _WORKED_SORTS


def _queue(viewer: Viewer, name: str, teams: list[int]) -> list[ModelSelect]:
    """The requests of one queue of the desk (STAFF-2), in parts that an index reads in order: one for each team.

    Those that wait for work come in their order even to be counted: without it a database that knows little of the
    table counts along an index that holds what is closed too.
    """
    every = policies.visible_tickets(viewer)
    is_open = SQL(models.IS_OPEN)
    # Said as ranges, not as "= 0" and "= 1": of an expression that equals a number PostgreSQL expects few rows, and
    # sorts them all rather than read the index in its order.
    ours, theirs = SQL(f"{models.AWAITS_CUSTOMER} < 1"), SQL(f"{models.AWAITS_CUSTOMER} > 0")
    order = _work_order(name)
    if name == "unassigned":
        return [every.where(Ticket.assignee.is_null() & is_open & ours).order_by(*order)]
    if name == "mine":
        return [every.where((Ticket.assignee == viewer.id) & is_open).order_by(*order)]
    if name == "team":
        return [every.where((Ticket.team == team) & is_open & ours).order_by(*order) for team in teams]
    if name == CONTESTED:
        undecided = PriorityContest.select(PriorityContest.ticket).where(PriorityContest.decided_at.is_null())
        return [every.where(Ticket.id.in_(undecided) & Ticket.status.not_in(("closed", "expired")))]
    if name == "waiting":
        return [every.where((Ticket.assignee == viewer.id) & is_open & theirs).order_by(*order)]
    if name == "resolved":
        return [every.where((Ticket.assignee == viewer.id) & (Ticket.status == "resolved"))]
    return [every]


def _work_order(name: str) -> list[Any]:
    """The order of the desk in one queue, in the words of its index: what is the same in the whole queue is named too,
    so that both databases read the index in its order.
    """
    return [Ticket.team if name == "team" else Ticket.assignee, *_order_of(Asked(sort=PRESSING))]


def teams_of(viewer: Viewer) -> list[int]:
    """The keys of the teams that an agent is in. One query."""
    return [
        row[0] for row in TeamMember.select(TeamMember.team).where(TeamMember.person == viewer.id).tuples()
    ]


def queue(viewer: Viewer, name: str, asked: Asked, teams: list[int]) -> Page:
    """One page of a queue of the desk; its count goes up to QUEUE_COUNT_CAP, which means that many or more.

    Arguments: name, one of QUEUES; asked, its `sort` one of queue_sorts(name); teams, from teams_of().
    The number of queries does not depend on the number of requests.
    """
    size = settings.get("page_size")
    parts = _queue(viewer, name, teams)
    if asked.q:
        # The words are looked up once, not for each team.
        if name != "team":
            [whole] = parts
        else:
            whole = policies.visible_tickets(viewer).where(
                Ticket.team.in_(teams or [0]) & Ticket.status.in_(lifecycle.TEAM_STATUSES)
            )
        near = _near(viewer, whole, asked, size)
        if near is not None:
            query, total, more_than = near
            shown = QUEUE_COUNT_CAP if total > more_than else min(total, QUEUE_COUNT_CAP)
            return Page(*_cut(viewer, query, asked, size), shown)
        whole = _narrow(whole, viewer, asked)
        return Page(*_cut_parts(viewer, [whole], _order_of(asked), asked, size), _count_all([whole]))
    counted = [_narrow(part, viewer, asked) for part in parts]
    total = _count_all(counted)
    if asked.column in (PRESSING, "updated"):
        owner = Ticket.team if name == "team" else Ticket.assignee
        rows, newer, older = _cut_parts(viewer, counted, _order_of(asked), asked, size, owner)
    elif name == CONTESTED:
        # Few, found by their own index.
        rows, newer, older = _cut(viewer, counted[0], asked, size)
    else:
        narrowed = [
            _narrow(part, viewer, replace(asked, status="all")) for part in _owned(viewer, name, teams)
        ]
        rows, newer, older = _cut_by_status(viewer, narrowed, _statuses(name, asked), asked, size)
    return Page(rows, newer, older, total)


def _order_of(asked: Asked) -> list[Any]:
    """The columns by which a queue is sorted, the key last."""
    if asked.column == PRESSING:
        return [SQL(models.AWAITS_CUSTOMER), Ticket.priority_position, Ticket.id]
    return [Ticket.updated_at, Ticket.id] if asked.column == "updated" else [Ticket.id]


def _owned(viewer: Viewer, name: str, teams: list[int]) -> list[ModelSelect]:
    """The requests of those who own a queue, whatever their status, in parts: one for each team."""
    every = policies.visible_tickets(viewer)
    if name == "team":
        return [every.where(Ticket.team == team) for team in teams]
    if name == "unassigned":
        return [every.where(Ticket.assignee.is_null())]
    return [every] if name == "all" else [every.where(Ticket.assignee == viewer.id)]


def _statuses(name: str, asked: Asked) -> tuple[str, ...]:
    """The statuses of a queue that the address does not leave out; empty means all there are."""
    wanted = lifecycle.FILTERS.get(asked.status, ())
    if name == "all":
        return wanted
    here = {
        "mine": lifecycle.OPEN_STATUSES,
        "waiting": lifecycle.FILTERS["waiting"],
        "resolved": ("resolved",),
    }.get(name, lifecycle.TEAM_STATUSES)
    return tuple(status for status in here if not wanted or status in wanted) or ("",)


def _cut_by_status(
    viewer: Viewer, parts: list[ModelSelect], statuses: tuple[str, ...], asked: Asked, size: int
) -> tuple[list[Row], str | None, str | None]:
    """A page by number of the requests in some statuses: an index has this order for each status, not for several."""
    if statuses:
        parts = [part.where(Ticket.status == status) for part in parts for status in statuses]
    if len(parts) == 1:
        return _cut(viewer, parts[0], asked, size)
    return _cut_parts(viewer, parts, [Ticket.id], asked, size)


def _cut_parts(
    viewer: Viewer,
    parts: list[ModelSelect],
    columns: list[Any],
    asked: Asked,
    size: int,
    owner: Any = None,
) -> tuple[list[Row], str | None, str | None]:
    """A page of several queries together: each gives its first keys along an index, and the first of all are the page.

    Arguments: columns, the order, the key last; owner, the column that all rows of one part share: named in the order,
    so that both databases read an index that begins with it. Three queries, whatever the number of parts.
    """
    edge, backwards = asked.before or asked.after, bool(asked.before)
    down = asked.descending != backwards
    start: _Key | None = None
    if edge:
        here = policies.visible_tickets(viewer).where(Ticket.number == edge)
        start = here.select(*columns).tuples().first() if policies.could_be_number(edge) else None
        if start is None:
            edge, backwards, down = "", False, asked.descending
    pieces, values = [], []
    for number, part in enumerate(parts):
        if start is not None:
            place, there = Tuple(*columns), Tuple(*map(_as_stored, start))
            part = part.where(place < there if down else place > there)
        order = [
            column.desc() if down else column.asc()
            for column in ([owner] if owner is not None else []) + columns
        ]
        sql, given = part.select(*columns).order_by(*order).limit(size + 1).sql()
        pieces.append(f"SELECT * FROM ({sql}) AS part{number}")  # noqa: S608  # nosec B608
        values.extend(given)
    keys: list[_Key] = list(db.execute_sql(" UNION ALL ".join(pieces), values).fetchall()) if pieces else []
    keys.sort(reverse=down)
    more = len(keys) > size
    keys = keys[:size]
    if backwards:
        keys.reverse()
    if not keys:
        return [], None, None
    at = {key[-1]: n for n, key in enumerate(keys)}
    found = _fetch(*_rows(policies.visible_tickets(viewer).where(Ticket.id.in_(list(at)))).sql())
    found.sort(key=lambda row: at[row.id])
    newer = found[0].number if (backwards and more) or (edge and not backwards) else None
    older = found[-1].number if (more and not backwards) or backwards else None
    return found, newer, older


def _as_stored(value: Any) -> Any:
    """A value of a key as the database compares it."""
    return Ticket.updated_at.db_value(value) if isinstance(value, datetime) else value


def _count_all(parts: list[ModelSelect]) -> int:
    """How many requests some queries find together, QUEUE_COUNT_CAP meaning that many or more. One query."""
    return _counts({"all": parts})["all"] if parts else 0


def _counts(groups: dict[str, list[ModelSelect]]) -> dict[str, int]:
    """Count several groups of queries in one statement, each query up to QUEUE_COUNT_CAP."""
    pieces, values = [], []
    for parts in groups.values():
        for part in parts:
            sql, given = part.select(Ticket.id).limit(QUEUE_COUNT_CAP).sql()
            pieces.append(f"(SELECT count(*) FROM ({sql}) AS capped)")  # noqa: S608  # nosec B608
            values.extend(given)
    found = iter(db.execute_sql("SELECT " + ", ".join(pieces), values).fetchone() if pieces else ())
    return {
        name: min(sum(int(next(found)) for _part in parts), QUEUE_COUNT_CAP) for name, parts in groups.items()
    }


def queue_counts(viewer: Viewer, teams: list[int]) -> dict[str, int]:
    """How many requests stand in each queue, QUEUE_COUNT_CAP meaning that many or more. One query.

    The contested ones are counted for those who decide them only.
    """
    counted = [name for name in QUEUES if name not in ("all", CONTESTED)]
    if contests.decides(viewer):
        counted.append(CONTESTED)
    return _counts({name: _queue(viewer, name, teams) for name in counted})


def open_of_organisation(viewer: Viewer, organisation_id: int) -> int:
    """How many requests of an organisation are with the team, up to QUEUE_COUNT_CAP. One query."""
    query = policies.visible_tickets(viewer).where(
        (Ticket.organisation == organisation_id) & Ticket.status.in_(lifecycle.TEAM_STATUSES)
    )
    return _count_all([query])


def numbered(viewer: Viewer, typed: str) -> str | None:
    """The number of the request that somebody typed in a search box: SUP-2041, sup-2041 or 2041; None for words.

    Digits alone are looked up under the prefix of each counter, and count only when one request has them.
    """
    text = typed.strip().upper()
    if not policies.could_be_number(text):
        return None
    wanted = [text]
    if text.isascii() and text.isdigit():
        wanted = [f"{prefix}-{text}" for (prefix,) in Portal.select(Portal.prefix).tuples()]
    elif "-" not in text:
        return None
    found = policies.visible_tickets(viewer).select(Ticket.number).where(Ticket.number.in_(wanted)).limit(2)
    numbers = [number for (number,) in found.tuples()]
    return numbers[0] if len(numbers) == 1 else None


# ---- Everywhere --------------------------------------------------------------------------------------

# Look-alikes are looked for among at most that many of the newest requests that share a word.
LOOK_ALIKES_READ = 100
# The stand-ins of those that are shown: policies.py has those up to 99, and from 10,000 on.
_FIRST_KEY = 300


def _everywhere(viewer: Viewer) -> list[str]:
    """Whom the index must name, so that a search reads only what this person may see; empty means everybody."""
    if viewer.is_staff:
        return _tokens(viewer, "organisation")
    return [
        f"r{viewer.id}",
        f"c{viewer.id}",
        *_owners(viewer),
    ]


def anywhere(viewer: Viewer, q: str, limit: int) -> tuple[list[Row], bool]:
    """The newest requests that hold every word of a search, whatever list they stand in (VIEW-7), and whether there
    may be more. A constant number of queries.
    """
    # Some of those of one's organisation are not for everybody there: more are read than shown.
    ids = search.matching_ids(q, belongs=_everywhere(viewer), with_notes=viewer.is_agent, limit=2 * limit + 1)
    if not ids:
        return [], False
    query = policies.visible_tickets(viewer).where(Ticket.id.in_(ids)).order_by(Ticket.id.desc())
    found = _fetch(*_rows(query).limit(limit + 1).sql())
    return found[:limit], len(found) > limit or len(ids) > 2 * limit


def look_alikes(viewer: Viewer, subject: str, limit: int = 3) -> list[Row]:
    """Open requests of one's organisations whose subject is about the same thing (REQ-10), the likest first.

    Half of the telling words must be shared, and two at least unless the subject has only one. The newest
    LOOK_ALIKES_READ open ones are looked at. Two queries.
    """
    wanted = set(search.telling(subject))
    if not wanted or not places_of(viewer):
        return []
    least = max(min(2, len(wanted)), (len(wanted) + 1) // 2)
    # Only subjects are read of the many, whole rows of the few that are shown. The index of words is not asked: of an
    # organisation with thousands of requests, nearly all that it finds are closed.
    sql, values = _prepared(
        viewer,
        ("subjects",),
        lambda anybody: (
            _of_list(anybody, "organisation")
            .where(Ticket.status.in_(lifecycle.OPEN_STATUSES))
            .select(Ticket.id, Ticket.summary)
            .order_by(Ticket.id.desc())
            .limit(LOOK_ALIKES_READ)
        ),
    )
    shared = [
        (len(wanted & _words_of(summary)), key) for key, summary in db.execute_sql(sql, values).fetchall()
    ]
    best = sorted((pair for pair in shared if pair[0] >= least), reverse=True)[:limit]
    if not best:
        return []
    place = {key: at for at, (_shared, key) in enumerate(best)}
    shown = statements.places(list(place), limit, _FIRST_KEY)
    found = _fetch(
        *_prepared(
            viewer,
            ("alike", limit),
            lambda anybody: _rows(policies.visible_tickets(anybody).where(Ticket.id.in_(list(shown)))),
            shown,
        )
    )
    return sorted(found, key=lambda row: place[row.id])


@lru_cache(maxsize=4096)
def _words_of(summary: str) -> frozenset[str]:
    """The words of a subject: the same few are compared with each word that somebody types."""
    return frozenset(search.words(summary))
