"""Many requests at once (LIFE-2): each goes through the same verb as alone, in its own transaction.

So what one refuses stops no other, and the report says of each what became of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from domain import blocking, lifecycle, policies
from domain.refusals import Invalid, Missing, NotAllowed, Refusal
from models import Ticket

if TYPE_CHECKING:
    from domain.policies import Viewer

MOST_AT_ONCE = 100
_Verb = Callable[[Ticket, int | None], Ticket]


class Outcome(NamedTuple):
    """What became of one request: moved, already so, or refused with the reason."""

    number: str
    summary: str
    changed: bool
    fault: Refusal | None = None


def versions(viewer: Viewer, numbers: Iterable[str]) -> dict[str, int]:
    """The present version of each request that this person may see, by number. One query."""
    query = policies.visible_tickets(viewer).select(Ticket.number, Ticket.version)
    return dict(query.where(Ticket.number.in_(list(numbers))).tuples())


def move(
    numbers: Iterable[str],
    status: str,
    by: Viewer,
    now: datetime,
    *,
    reason: str = "",
    seen: Mapping[str, int] | None = None,
) -> list[Outcome]:
    """Move requests to a status along the table of moves (LIFE-2).

    When they end, one that waits for another of them comes before it: it is as it was on the screen then, and does not
    go on for a moment only to end.
    Arguments: numbers, public ones, at most MOST_AT_ONCE; seen, the version of each that was on the screen, where it is
    known. Raises NotAllowed outside the desk, Invalid("bulk-none"), Invalid("bulk-too-many") or
    Invalid("status-unknown").
    """
    if status not in lifecycle.STATUSES:
        raise Invalid("status-unknown", field="status")
    return _each(
        numbers,
        lambda ticket, version: lifecycle.move(ticket, status, by, now, seen=version, reason=reason),
        by,
        seen,
        blocking.waiting_first if status in lifecycle.ENDED else None,
    )


def assign(
    numbers: Iterable[str],
    assignee_id: int | None,
    by: Viewer,
    now: datetime,
    *,
    seen: Mapping[str, int] | None = None,
) -> list[Outcome]:
    """Give requests to an agent, take them oneself, or give them back to the queue (assignee_id None).

    Arguments and refusals as in move(), and Invalid("assignee-unknown").
    """
    if assignee_id is not None:
        assignee = policies.load_viewer(assignee_id)
        if assignee is None or not assignee.is_active or not assignee.is_agent:
            raise Invalid("assignee-unknown", field="assignee")

    def act(ticket: Ticket, version: int | None) -> Ticket:
        if assignee_id == by.id:
            return lifecycle.take(ticket, by, now, seen=version)
        return lifecycle.assign(ticket, assignee_id, by, now, seen=version)

    return _each(numbers, act, by, seen)


def set_team(
    numbers: Iterable[str],
    team_id: int,
    by: Viewer,
    now: datetime,
    *,
    seen: Mapping[str, int] | None = None,
) -> list[Outcome]:
    """Hand requests to another team's queue. Arguments and refusals as in move()."""
    return _each(
        numbers,
        lambda ticket, version: lifecycle.set_team(ticket, team_id, by, now, seen=version),
        by,
        seen,
    )


def chosen(numbers: Iterable[str]) -> list[str]:
    """The numbers as they are written, each once, in their order; what can be no number is left out."""
    clean = (number.strip().upper() for number in numbers)
    return list(dict.fromkeys(number for number in clean if policies.could_be_number(number)))


def _each(
    numbers: Iterable[str],
    verb: _Verb,
    by: Viewer,
    seen: Mapping[str, int] | None,
    in_turn: Callable[[list[Ticket]], list[Ticket]] | None = None,
) -> list[Outcome]:
    """Do the verb with each, in the order that `in_turn` gives; the outcomes stand in the order of the numbers."""
    wanted = chosen(numbers)
    if not by.is_active or not by.is_agent:
        raise NotAllowed("move-not-yours")
    if not wanted:
        raise Invalid("bulk-none", field="number")
    if len(wanted) > MOST_AT_ONCE:
        raise Invalid("bulk-too-many", field="number", limit=MOST_AT_ONCE)
    rows = {row.number: row for row in policies.visible_tickets(by).where(Ticket.number.in_(wanted))}
    found = [rows[number] for number in wanted if number in rows]
    outcomes = {}
    for row in in_turn(found) if in_turn else found:
        try:
            after = verb(row, (seen or {}).get(row.number))
            outcomes[row.number] = Outcome(row.number, row.summary, after.version != row.version)
        except Refusal as fault:
            outcomes[row.number] = Outcome(row.number, row.summary, False, fault)
    return [outcomes.get(number) or Outcome(number, "", False, Missing()) for number in wanted]
