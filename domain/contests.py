"""Contested priorities (LIFE-10): a customer does not agree with a lowered priority, once, and a supervisor decides.

Lowering itself is a verb of lifecycle.py. What a page shows of it comes from the history that the page has read anyway.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from domain import catalogue, policies
from domain.refusals import Invalid, Missing, NotAllowed, NotNow
from models import Person, PriorityContest, Scale, ScaleLevel, Ticket, TicketEvent, db

if TYPE_CHECKING:
    from domain.policies import Viewer

LOWERED, CONTESTED, DECIDED = (
    "ticket:priority_lowered",
    "ticket:priority_contested",
    "ticket:priority_decided",
)
OUTCOMES = ("restored", "kept")
REASON_MAX_CHARACTERS = 2_000
ANSWER_MAX_CHARACTERS = 2_000
# The page of a request reads that many lines of its history (reading.py): a longer one is asked for what it left out.
_EVENTS_READ = 200


# ---- Reading -----------------------------------------------------------------------------------------


@dataclass
class Standing:
    """A priority that was lowered, for one reader: why, whether it was contested, what was decided."""

    ticket: Ticket
    # The lines of the history, each with its actor.
    lowered: Any
    contested: Any = None
    decided: Any = None
    # The level retained is still below the one that was taken away.
    is_lower: bool = True
    may_contest: bool = False
    may_decide: bool = False

    @property
    def waits(self) -> bool:
        """A supervisor has to decide."""
        return self.contested is not None and self.decided is None and not _is_over(self.ticket)


def look(viewer: Viewer, ticket: Ticket, events: Sequence[TicketEvent]) -> Standing | None:
    """Where a lowered priority stands for this person; None when nothing was lowered, or all was given back.

    Arguments: ticket, one that the viewer may see; events, its history as reading.read() gives it. No query for a
    request whose priority was never lowered.
    """
    if len(events) >= _EVENTS_READ:
        events = _history(ticket)
    last: dict[str, Any] = {event.kind: event for event in events}
    if LOWERED not in last:
        return None
    contested, decided = last.get(CONTESTED), last.get(DECIDED)
    lowered = _still_lower(ticket, [event for event in events if event.kind == LOWERED])
    if lowered is None and contested is None:
        return None
    standing = Standing(ticket, lowered or last[LOWERED], contested, decided, is_lower=lowered is not None)
    standing.may_contest = (
        contested is None
        and standing.is_lower
        and not _is_over(ticket)
        and policies.may_contest(viewer, ticket)
    )
    if contested is not None and standing.waits:
        standing.may_decide = may_decide(viewer, contested.data.get("lowered_by"))
    return standing


def _history(ticket: Ticket) -> list[TicketEvent]:
    return list(
        TicketEvent.select(TicketEvent, Person.id, Person.full_name)
        .left_outer_join(Person, on=(TicketEvent.actor == Person.id))
        .where((TicketEvent.ticket == ticket.id) & TicketEvent.kind.in_((LOWERED, CONTESTED, DECIDED)))
        .order_by(TicketEvent.id)
    )


def contestable(ticket: Ticket) -> bool:
    """True when somebody with the right to could contest its priority now: lowered, not contested, not over."""
    return not _is_over(ticket) and of_ticket(ticket) is None and _lowering(ticket) is not None


def of_ticket(ticket: Ticket) -> PriorityContest | None:
    """What was contested on a request, or None."""
    return PriorityContest.get_or_none(PriorityContest.ticket == ticket.id)


def deciders() -> list[int]:
    """Who may decide: the supervisors; in a portal without any, the admins, who can name one. One query, or two."""
    staff = Person.select(Person.id).where(Person.is_active == True).order_by(Person.id)  # noqa: E712
    supervisors = staff.where((Person.is_supervisor == True) & Person.staff_role.in_(("agent", "admin")))  # noqa: E712
    return [key for (key,) in supervisors.tuples()] or [
        key for (key,) in staff.where(Person.staff_role == "admin").tuples()
    ]


def decides(viewer: Viewer) -> bool:
    """True for those who decide contested priorities. Asks the database for admins who are no supervisors only."""
    if not viewer.is_active or not viewer.is_agent:
        return False
    return viewer.is_supervisor or (viewer.is_admin and viewer.id in deciders())


def may_decide(viewer: Viewer, lowered_by: int | None) -> bool:
    """True for a supervisor who did not lower the priority, or who is the only one."""
    if not decides(viewer):
        return False
    return viewer.id != lowered_by or deciders() == [viewer.id]


def may_decide_on(viewer: Viewer, ticket: Ticket) -> bool:
    """True when this person could decide now what is contested on a request."""
    row = of_ticket(ticket)
    return (
        row is not None
        and row.decided_at is None
        and not _is_over(ticket)
        and may_decide(viewer, _lowered_by(ticket))
    )


# ---- Verbs -------------------------------------------------------------------------------------------


def contest(ticket: Ticket, reason: str, by: Viewer, now: datetime) -> PriorityContest:
    """Say that one does not agree with the lowered priority of a request: once for each request (LIFE-10).

    Arguments: reason, which supervisors read; by, who may speak for the request; now, aware UTC.
    Raises Missing for a request they may not know of, NotAllowed("contest-not-yours"), NotNow("ticket-closed"),
    NotNow("contested-already"), NotNow("nothing-lowered") when no lower priority is retained,
    Invalid("contest-reason-needed") or Invalid("body-too-long").
    """
    from domain import audit, lifecycle, notifications

    with db.atomic():
        ticket = lifecycle.fresh(ticket.id)
        if not policies.can_see(by, ticket):
            raise Missing()
        if not policies.may_contest(by, ticket):
            raise NotAllowed("contest-not-yours")
        if _is_over(ticket):
            raise NotNow("ticket-closed", number=ticket.number)
        if of_ticket(ticket) is not None:
            raise NotNow("contested-already", number=ticket.number)
        lowering = _lowering(ticket)
        if lowering is None:
            raise NotNow("nothing-lowered", number=ticket.number)
        reason = _text(reason, "reason", REASON_MAX_CHARACTERS)
        if not reason:
            raise Invalid("contest-reason-needed", field="reason")
        before, after = lowering.data["before"], ticket.priority
        lifecycle.claim(ticket, now)
        row = PriorityContest.create(
            ticket=ticket.id, contested_by=by.id, contested_at=now, reason=reason, before=before, after=after
        )
        event = audit.record_event(
            ticket,
            CONTESTED,
            by,
            now,
            before=before,
            after=after,
            reason=reason,
            lowered_by=lowering.actor_id,
        )
        notifications.tell(event, ticket, now, by)
    return row


def decide(ticket: Ticket, outcome: str, answer: str, by: Viewer, now: datetime) -> Ticket:
    """A supervisor gives the former priority back, or keeps the lower one; the customer reads why (LIFE-10).

    Arguments: outcome, one of OUTCOMES; answer, needed when the lower level is kept; now, aware UTC.
    Returns the request as it is then. Raises Missing or NotAllowed("move-not-yours") for anybody outside the desk,
    NotNow("nothing-contested"), NotAllowed("decide-not-yours"), NotNow("contest-decided") for whoever came second,
    NotNow("ticket-closed"), Invalid("outcome-unknown"), Invalid("answer-needed"), Invalid("body-too-long").
    """
    from domain import audit, lifecycle, notifications

    with db.atomic():
        ticket = lifecycle.fresh(ticket.id)
        lifecycle.check_at_desk(ticket, by)
        row = of_ticket(ticket)
        if row is None:
            raise NotNow("nothing-contested", number=ticket.number)
        if not may_decide(by, _lowered_by(ticket)):
            raise NotAllowed("decide-not-yours")
        if row.decided_at is not None:
            raise NotNow("contest-decided", number=ticket.number)
        if _is_over(ticket):
            raise NotNow("ticket-closed", number=ticket.number)
        if outcome not in OUTCOMES:
            raise Invalid("outcome-unknown", field="outcome")
        answer = _text(answer, "answer", ANSWER_MAX_CHARACTERS)
        if outcome == "kept" and not answer:
            raise Invalid("answer-needed", field="answer")
        before, changes = ticket.priority, {}
        if outcome == "restored":
            level = _level(ticket, row.before)
            if level is None:
                raise Invalid("priority-unknown", field="outcome")
            # A supervisor may have retained an even more pressing one meanwhile: it is not taken away.
            if level.position < ticket.priority_position:
                changes = {"priority": level.value, "priority_position": level.position}
        decided = (
            PriorityContest.update(outcome=outcome, answer=answer, decided_by=by.id, decided_at=now)
            .where((PriorityContest.id == row.id) & PriorityContest.decided_at.is_null())
            .execute()
        )
        if not decided:
            raise NotNow("contest-decided", number=ticket.number)
        lifecycle.claim(ticket, now, **changes)
        event = audit.record_event(
            ticket,
            DECIDED,
            by,
            now,
            outcome=outcome,
            answer=answer,
            before=before,
            after=ticket.priority,
            contested_by=row.contested_by_id,
        )
        notifications.tell(event, ticket, now, by)
    return ticket


def on_priority(ticket: Ticket, value: str, by: Viewer, now: datetime, reason: str) -> Ticket | None:
    """What a change of the priority means to an undecided contest; called inside its transaction.

    Returns the request when giving back the former level has decided it, else None: the change goes on.
    Raises NotNow("priority-contested") for anybody but a supervisor who may decide.
    """
    row = of_ticket(ticket)
    if row is None or row.decided_at is not None:
        return None
    if not may_decide(by, _lowered_by(ticket)):
        raise NotNow("priority-contested", number=ticket.number)
    level = _level(ticket, value)
    if value != row.before or level is None or level.position > ticket.priority_position:
        # A more pressing level than the former one was retained meanwhile: coming down to it lowers, as anything else.
        return None
    return decide(ticket, "restored", reason, by, now)


# ---- Parts of the above ------------------------------------------------------------------------------


def _is_over(ticket: Ticket) -> bool:
    return ticket.status in ("closed", "expired")


def _level(ticket: Ticket, value: str) -> ScaleLevel | None:
    return (
        ScaleLevel.select()
        .join(Scale)
        .where((Scale.slug == (ticket.scale_slug or "severity")) & (ScaleLevel.value == value))
        .first()
    )


def _still_lower(ticket: Ticket, lowerings: Sequence[TicketEvent]) -> TicketEvent | None:
    """The last of these lowerings whose former level is still above the one retained: what could be given back."""
    levels = catalogue.levels(ticket.scale_slug or "severity")
    positions = {level.value: level.position for level in levels}
    if ticket.priority is None:
        return None
    for lowering in reversed(lowerings):
        before = positions.get(str(lowering.data.get("before")))
        if before is not None and before < ticket.priority_position:
            return lowering
    return None


def _lowering(ticket: Ticket) -> TicketEvent | None:
    """The lowering of a request that could be contested, or None."""
    query = TicketEvent.select().where((TicketEvent.ticket == ticket.id) & (TicketEvent.kind == LOWERED))
    return _still_lower(ticket, list(query.order_by(TicketEvent.id)))


def _lowered_by(ticket: Ticket) -> int | None:
    """Who lowered the priority that is contested."""
    event = (
        TicketEvent.select()
        .where((TicketEvent.ticket == ticket.id) & (TicketEvent.kind == CONTESTED))
        .first()
    )
    return event.data.get("lowered_by") if event is not None else None


def _text(text: str, field: str, most: int) -> str:
    text = text.strip()
    if len(text) > most:
        raise Invalid("body-too-long", field=field, limit=most)
    return text
