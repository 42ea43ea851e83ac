"""A request that waits for another one to end (LIFE-9): naming what blocks it, and going on when that ends.

The other request may belong to another organisation. What is public here, the event and the words of pages and mails,
says only which component both are about; the number of the other one stands in an event that the team alone reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from peewee import ModelSelect

from domain import lifecycle, statements
from domain.refusals import Invalid, Missing, NotNow
from models import Ticket, TicketBlock, db, is_sqlite

if TYPE_CHECKING:
    from domain.policies import Viewer

COMPONENT_MAX_CHARACTERS = 120
# One request waits for so many others at most, and so many wait for one: a page shows them all.
MOST_AT_ONCE = 20
# How far the search for a cycle goes before it gives up and refuses.
WALK_MOST = 200


# ---- Reading -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Blocker:
    """What blocks a request, as one person may know it: `ticket` is None when they may not know which one it is."""

    block_id: int
    component: str
    ticket: Ticket | None


def blockers(viewer: Viewer, ticket: Ticket) -> list[Blocker]:
    """What blocks a request now, oldest first. No query unless it is blocked, else two.

    Arguments: viewer, who reads: the other request is named only when they may see it; ticket, one that they may see.
    """
    from domain import policies

    if ticket.status != "blocked":
        return []
    rows = list(
        TicketBlock.select()
        .where((TicketBlock.ticket == ticket.id) & TicketBlock.ended_at.is_null())
        .order_by(TicketBlock.id)
    )
    if not rows:
        return []
    seen = policies.visible_tickets(viewer).where(Ticket.id.in_([row.blocker_id for row in rows]))
    known = {
        other.id: other
        for other in seen.select(Ticket.id, Ticket.number, Ticket.summary, Ticket.status, Ticket.kind_slug)
    }
    return [Blocker(row.id, row.component, known.get(row.blocker_id)) for row in rows]


_THIS = statements.stand_in(0)


def waiting(viewer: Viewer, ticket: Ticket) -> list[Ticket]:
    """The requests that wait for this one to end, oldest first: for the desk. One query, none once it has ended."""
    if not viewer.is_agent or ticket.status in lifecycle.ENDED:
        return []
    return statements.rows("blocking.waiting", _waiting, {_THIS: ticket.id})


def _waiting() -> ModelSelect:
    return (
        Ticket.select(Ticket.id, Ticket.number, Ticket.summary, Ticket.status, Ticket.kind_slug)
        .join(TicketBlock, on=(TicketBlock.ticket == Ticket.id))
        .where((TicketBlock.blocker == _THIS) & TicketBlock.ended_at.is_null())
        .order_by(Ticket.id)
    )


def waiting_first(tickets: list[Ticket]) -> list[Ticket]:
    """The same requests in their order, but each after those of them that wait for it. One query, none for one.

    So several can end at once: what waits is not let go, and changed, by the end of what it waits for.
    """
    if len(tickets) < 2:
        return tickets
    keys = [ticket.id for ticket in tickets]
    pairs = (
        TicketBlock.select(TicketBlock.blocker, TicketBlock.ticket)
        .where(TicketBlock.blocker.in_(keys) & TicketBlock.ticket.in_(keys) & TicketBlock.ended_at.is_null())
        .order_by(TicketBlock.id)
        .tuples()
    )
    before: dict[int, list[int]] = {}
    for blocker, waits in pairs:
        before.setdefault(blocker, []).append(waits)
    turn: dict[int, None] = {}

    def place(key: int) -> None:
        for waits in before.pop(key, ()):
            place(waits)
        turn.setdefault(key)

    for key in keys:
        place(key)
    rows = dict(zip(keys, tickets, strict=True))
    return [rows[key] for key in turn]


# ---- Verbs -------------------------------------------------------------------------------------------


def block(
    ticket: Ticket,
    blocker_number: str,
    by: Viewer,
    now: datetime,
    *,
    component: str = "",
    seen: int | None = None,
) -> TicketBlock:
    """Say which request has to end before this one can go on (LIFE-9): it is blocked from then on.

    Arguments: blocker_number, as typed: SUP-2041, or 2041 where one request alone has these digits; by, an agent;
    now, aware UTC; component, what both are about, which the customer reads; seen, the version that was on the screen.
    Returns the row. Raises Missing, NotAllowed("move-not-yours"), NotNow("changed-meanwhile"), NotNow("move-refused")
    for a request that is solved or over; by the field `blocker` Invalid("blocker-unknown"), "blocker-itself",
    "blocker-over", "blocker-twice", "blocker-cycle" when the other one waits for this one, directly or through
    others, and "blocker-too-many"; Invalid("line-too-long") by the field `component`.
    """
    from domain import audit, closing, lists, notifications

    component = lifecycle.check_line(component, "component", COMPONENT_MAX_CHARACTERS)
    with db.atomic():
        lifecycle.check_at_desk(ticket, by)
        number = lists.numbered(by, blocker_number)
        other = Ticket.get_or_none(Ticket.number == number) if number else None
        if other is None:
            raise Invalid("blocker-unknown", field="blocker")
        if other.id == ticket.id:
            raise Invalid("blocker-itself", field="blocker")
        _one_at_a_time()
        if _waits_for(other.id, ticket.id):
            raise Invalid("blocker-cycle", field="blocker", number=other.number)
        # What blocks is locked before what it blocks, here as when it ends: two of these never wait for each other.
        other = lifecycle.fresh(other.id)
        ticket = lifecycle.fresh(ticket.id)
        lifecycle.check_version(ticket, seen)
        if other.status in lifecycle.ENDED:
            raise Invalid("blocker-over", field="blocker", number=other.number)
        living = _living(TicketBlock.ticket == ticket.id)
        if any(row.blocker_id == other.id for row in living):
            raise Invalid("blocker-twice", field="blocker", number=other.number)
        if max(len(living), len(_living(TicketBlock.blocker == other.id))) >= MOST_AT_ONCE:
            raise Invalid("blocker-too-many", field="blocker", most=MOST_AT_ONCE)
        origin = ticket.status
        changes: dict[str, Any] = {}
        if origin != "blocked":
            if not lifecycle.may_move(origin, "blocked", "staff"):
                raise NotNow("move-refused", origin=origin, target="blocked", number=ticket.number)
            changes = lifecycle.status_changes(ticket, "blocked", now)
        lifecycle.claim(ticket, now, **changes)
        closing.reschedule(ticket, now)
        row = TicketBlock.create(
            ticket=ticket.id, blocker=other.id, component=component, added_by=by.id, added_at=now
        )
        event = audit.record_event(
            ticket,
            "ticket:blocked",
            by,
            now,
            **{"from": origin, "to": "blocked", "component": component, "block": row.id},
            first=not living,
        )
        audit.record_event(ticket, "ticket:blocker_named", by, now, public=False, number=other.number)
        notifications.tell(event, ticket, now, by)
    return row


def unblock(ticket: Ticket, block_id: int, by: Viewer, now: datetime, *, seen: int | None = None) -> Ticket:
    """Take a block away that was named by mistake, or that no longer holds. After the last one the request moves on.

    Returns the row of the request. Raises Missing, NotAllowed("move-not-yours"), NotNow("changed-meanwhile"),
    NotNow("block-over") when it has ended already.
    """
    with db.atomic():
        ticket = lifecycle.fresh(ticket.id)
        lifecycle.check_at_desk(ticket, by)
        lifecycle.check_version(ticket, seen)
        row = TicketBlock.get_or_none((TicketBlock.id == block_id) & (TicketBlock.ticket == ticket.id))
        if row is None:
            raise Missing()
        if row.ended_at is not None:
            raise NotNow("block-over", number=ticket.number)
        _end(ticket, row, by, now)
    return ticket


def on_status(ticket: Ticket, origin: str, now: datetime) -> None:
    """What a change of status does to blocks; called by lifecycle.claim(), so by whatever changes a status.

    A request that leaves `blocked` has no blocks any more. One that ends lets go what waits for it: whoever ended it,
    it is the portal that moves the others on. A request that is reopened afterwards blocks nothing by itself.
    """
    if origin == "blocked":
        TicketBlock.update(ended_at=now).where(
            (TicketBlock.ticket == ticket.id) & TicketBlock.ended_at.is_null()
        ).execute()
    if ticket.status in lifecycle.ENDED and origin not in lifecycle.ENDED:
        for row in _living(TicketBlock.blocker == ticket.id):
            _end(lifecycle.fresh(row.ticket_id), row, None, now)


def carry_over(merged: Ticket, into: Ticket, by: Viewer, now: datetime) -> None:
    """What waits for a request that is merged waits for the one in which it goes on (LIFE-16), not for its closing.

    Within the caller's transaction, before the merged one closes. A block that makes no sense there ends with it: the
    other one waits itself for what would wait for it, or blocks it already.
    """
    from domain import audit

    if into.status in lifecycle.ENDED:
        # A solved one ends nothing any more: what waited for it would wait for ever.
        return
    for row in _living(TicketBlock.blocker == merged.id):
        twice = (TicketBlock.ticket == row.ticket_id) & (TicketBlock.blocker == into.id)
        if row.ticket_id == into.id or _living(twice) or _waits_for(into.id, row.ticket_id):
            continue
        waiting = lifecycle.fresh(row.ticket_id)
        TicketBlock.update(blocker=into.id).where(
            (TicketBlock.id == row.id) & TicketBlock.ended_at.is_null()
        ).execute()
        audit.record_event(waiting, "ticket:blocker_named", by, now, public=False, number=into.number)


# ---- Pieces of the verbs -----------------------------------------------------------------------------


def _living(where: Any) -> list[TicketBlock]:
    return list(
        TicketBlock.select()
        .where(where & TicketBlock.ended_at.is_null())
        .order_by(TicketBlock.ticket, TicketBlock.id)
    )


def _end(ticket: Ticket, row: TicketBlock, by: Viewer | None, now: datetime) -> None:
    """End one block of a request, which is locked; after the last one it goes on (LIFE-9)."""
    from domain import audit, closing, notifications

    done = (
        TicketBlock.update(ended_at=now)
        .where((TicketBlock.id == row.id) & TicketBlock.ended_at.is_null())
        .execute()
    )
    if not done:
        return
    origin, changes = ticket.status, {}
    if origin == "blocked" and not _living(TicketBlock.ticket == ticket.id):
        changes = lifecycle.status_changes(ticket, lifecycle.reopen_target(ticket), now)
    lifecycle.claim(ticket, now, **changes)
    closing.reschedule(ticket, now)
    event = audit.record_event(
        ticket,
        "ticket:unblocked",
        by,
        now,
        **{"from": origin, "to": ticket.status, "component": row.component, "block": row.id},
    )
    notifications.tell(event, ticket, now, by)


def _one_at_a_time() -> None:
    """Two blocks that are named at the same instant must not make a cycle together. Released at commit."""
    if not is_sqlite():
        db.execute_sql("SELECT pg_advisory_xact_lock(7241004)")


def _waits_for(start: int, sought: int) -> bool:
    """True when a request waits for another one, directly or through others. One query for each step of the way.

    Raises Invalid("blocker-too-many") when the way is too long to be followed.
    """
    ahead, known = {start}, {start}
    while ahead:
        found = {
            blocker_id
            for (blocker_id,) in TicketBlock.select(TicketBlock.blocker)
            .where(TicketBlock.ticket.in_(sorted(ahead)) & TicketBlock.ended_at.is_null())
            .tuples()
        }
        if sought in found:
            return True
        ahead = found - known
        known |= ahead
        if len(known) > WALK_MOST:
            raise Invalid("blocker-too-many", field="blocker", most=MOST_AT_ONCE)
    return False
