"""The life of a request: its fourteen statuses, the table of allowed moves, and one verb for each (LIFE-1 to LIFE-11).

A verb claims the row by a conditional UPDATE, writes its event, tells who is concerned and recomputes the
closing date, all in one transaction. Conversation verbs (reply, note) are in conversation.py.
"""

from __future__ import annotations

import unicodedata
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from peewee import ModelSelect

from domain import statements
from domain.refusals import Invalid, Missing, NotAllowed, NotNow
from models import Scale, ScaleLevel, Team, Ticket, db

if TYPE_CHECKING:
    from domain.policies import Viewer


class Status(NamedTuple):
    """One status: whose hands it is in, and the tone of its badge."""

    key: str
    # support, engineering (another department of the vendor), customer, nobody (it is over)
    hands: str
    tone: str


STATUSES: dict[str, Status] = {
    status.key: status
    for status in (
        Status("registered", "support", "new"),
        Status("qualified", "support", "new"),
        Status("in_progress", "support", "ours"),
        Status("waiting_customer", "customer", "yours"),
        Status("waiting_engineering", "department", "away"),
        Status("customer_testing", "customer", "yours"),
        Status("awaiting_rollback", "support", "stuck"),
        Status("blocked", "support", "stuck"),
        Status("escalated_l2", "department", "away"),
        Status("escalated_product", "department", "away"),
        Status("escalated_development", "department", "away"),
        Status("resolved", "customer", "done"),
        Status("expired", "nobody", "over"),
        Status("closed", "nobody", "over"),
    )
}

# The team works on it, or another department does.
TEAM_STATUSES = (
    "registered",
    "qualified",
    "in_progress",
    "waiting_engineering",
    "awaiting_rollback",
    "blocked",
    "escalated_l2",
    "escalated_product",
    "escalated_development",
)
# The customer is awaited: only from these does silence close a request (LIFE-14).
AWAITING_CUSTOMER = ("waiting_customer", "customer_testing", "resolved")
# Not over and not solved.
OPEN_STATUSES = (*TEAM_STATUSES, "waiting_customer", "customer_testing")
# No word is taken any more: only a follow-up (LIFE-5). An expired change still takes comments (LIFE-7).
CLOSED_TO_ANSWERS = ("closed",)

# Whatever waited for a request in one of these goes on: resolved counts as ended (LIFE-9).
ENDED = ("resolved", "expired", "closed")
# Where a request is escalated to, and how a reference begins that the portal makes (LIFE-11).
ESCALATIONS: dict[str, str] = {
    "escalated_l2": "N2",
    "escalated_product": "SPC",
    "escalated_development": "RPC",
}
# The name of the environment stays as long as the page speaks of the change that was to be tested there (LIFE-7).
UNDER_TEST = ("customer_testing", "awaiting_rollback", "expired")
REFERENCE_MAX_CHARACTERS = 60
ENVIRONMENT_MAX_CHARACTERS = 120

# What the filters of lists mean (design: addresses that are shared keep working).
FILTERS: dict[str, tuple[str, ...]] = {
    "open": TEAM_STATUSES,
    "waiting": ("waiting_customer", "customer_testing"),
    "resolved": ("resolved", "expired", "closed"),
    "all": (),
}

# Where an agent may send a request from any open status.
_DESK_MOVES = tuple(status for status in (*OPEN_STATUSES, "resolved", "closed") if status != "registered")

# from -> {to: who may}. "staff" the desk, "customer" those who may answer, "rule" a closing rule or the end of a block.
MOVES: dict[str, dict[str, frozenset[str]]] = {
    **{
        origin: {
            target: frozenset({"staff"})
            for target in _DESK_MOVES
            if target != origin and not (target == "awaiting_rollback" and origin != "customer_testing")
        }
        for origin in OPEN_STATUSES
    },
    "resolved": {
        "in_progress": frozenset({"staff", "customer"}),
        "qualified": frozenset({"staff", "customer"}),
        "closed": frozenset({"staff", "customer", "rule"}),
    },
    "expired": {"closed": frozenset({"staff"})},
    "closed": {},
}
for _origin in OPEN_STATUSES:
    # The customer may say at any time that it is no longer needed (LIFE-8).
    MOVES[_origin]["closed"] = MOVES[_origin]["closed"] | {"customer"}
for _origin in ("waiting_customer", "customer_testing"):
    # An answer puts it back to work: in progress when assigned, else qualified (LIFE-4).
    for _target in ("in_progress", "qualified"):
        MOVES[_origin][_target] = MOVES[_origin][_target] | {"customer"}
MOVES["waiting_customer"]["closed"] = MOVES["waiting_customer"]["closed"] | {"rule"}
MOVES["customer_testing"]["awaiting_rollback"] = frozenset({"staff", "rule"})
MOVES["awaiting_rollback"]["expired"] = frozenset({"staff", "rule"})
for _target in ("in_progress", "qualified"):
    # When what blocks it ends, it moves on by itself (LIFE-9).
    MOVES["blocked"][_target] = MOVES["blocked"][_target] | {"rule"}


def may_move(origin: str, target: str, actor: str) -> bool:
    """True when the table allows this move to this kind of actor (staff, customer, rule)."""
    return actor in MOVES.get(origin, {}).get(target, frozenset())


def targets(status: str, actor: str) -> list[str]:
    """The statuses this actor may send a request to from here, in the order of STATUSES."""
    return [target for target in STATUSES if may_move(status, target, actor)]


def actor_of(by: Viewer | None) -> str:
    """Which kind of actor somebody is in the table of moves; None is the portal itself."""
    if by is None:
        return "rule"
    return "staff" if by.is_staff else "customer"


def fresh(ticket_id: int) -> Ticket:
    """The row as it is in this transaction, locked on PostgreSQL until it ends. Raises Missing."""
    from models import is_sqlite

    def one() -> ModelSelect:
        query = Ticket.select().where(Ticket.id == statements.stand_in(0))
        return query if is_sqlite() else query.for_update()

    found = statements.rows("lifecycle.fresh", one, {statements.stand_in(0): ticket_id})
    if not found:
        raise Missing()
    return cast(Ticket, found[0])


def claim(ticket: Ticket, now: datetime, **changes: Any) -> None:
    """Write changes to a request if nobody was first: the row must still have the version that was read.

    Arguments: ticket, as read in this transaction; now, aware UTC; changes, columns.
    Raises NotNow("changed-meanwhile") when somebody changed it in between; the caller's row is updated otherwise.
    Every change of status comes through here: what waited for a request that ends moves on in the same transaction.
    """
    from domain import blocking, satisfaction

    origin = ticket.status
    values = {**changes, "updated_at": now, "version": Ticket.version + 1}
    done = (
        Ticket.update(values).where((Ticket.id == ticket.id) & (Ticket.version == ticket.version)).execute()
    )
    if not done:
        raise NotNow("changed-meanwhile", number=ticket.number)
    for name, value in changes.items():
        setattr(ticket, name, value)
    ticket.updated_at = now
    ticket.version += 1
    if ticket.status != origin:
        blocking.on_status(ticket, origin, now)
    if "close_reason" in changes:
        satisfaction.on_closed(ticket, origin, now)


def check_at_desk(ticket: Ticket, by: Viewer) -> None:
    """Refuse a verb of the desk to anybody else. Raises Missing for a request they may not know of, NotAllowed."""
    from domain import policies

    if not policies.can_work(by, ticket):
        raise NotAllowed("move-not-yours") if policies.can_see(by, ticket) else Missing()


def check_version(ticket: Ticket, seen: int | None) -> None:
    """Refuse a change based on an older view of the request. Raises NotNow("changed-meanwhile")."""
    if seen is not None and seen != ticket.version:
        raise NotNow("changed-meanwhile", number=ticket.number)


# The silence clock starts anew: no reminder went out since then, nothing was granted.
CLOCK_ANEW: dict[str, Any] = {
    "reminders_sent": 0,
    "counted_from": None,
    "extension_days": 0,
    "extended_times": 0,
}


def one_line(text: str) -> str:
    """Text that somebody typed for a line: no control or direction-changing character, blanks folded."""
    kept = (
        " " if unicodedata.category(character) in ("Cc", "Zl", "Zp", "Cs") else character
        for character in text
        if unicodedata.category(character) != "Cf"
    )
    return " ".join("".join(kept).split())


def made_reference(ticket: Ticket, target: str) -> str:
    """The reference of an escalation to which nobody gave one: RPC-2041 for SUP-2041 (LIFE-11)."""
    return f"{ESCALATIONS[target]}-{ticket.number.rpartition('-')[2]}"


def environment_asked(ticket: Ticket) -> str:
    """The environment that the customer named in the form of the request; empty when it asks none."""
    for answer in ticket.answers or ():
        if isinstance(answer, dict) and answer.get("key") == "environment":
            return one_line(str(answer.get("value") or ""))[:ENVIRONMENT_MAX_CHARACTERS]
    return ""


def check_line(text: str, field: str, most: int) -> str:
    """A line as it is kept. Raises Invalid("line-too-long") by its field."""
    text = one_line(text)
    if len(text) > most:
        raise Invalid("line-too-long", field=field, limit=most)
    return text


def status_changes(
    ticket: Ticket, target: str, now: datetime, *, reference: str = "", environment: str = ""
) -> dict[str, Any]:
    """The columns that a move to another status writes.

    Arguments: reference, of an escalation (made when empty); environment, in which the customer tests (the one that
    the form names when empty; empty in the row means the one of the settings).
    Raises Invalid("line-too-long") for a reference or an environment that does not fit.
    """
    changes: dict[str, Any] = {"status": target, "status_since": now, **CLOCK_ANEW}
    changes["escalation_reference"] = ""
    if target in ESCALATIONS:
        typed = check_line(reference, "reference", REFERENCE_MAX_CHARACTERS)
        changes["escalation_reference"] = typed or made_reference(ticket, target)
    if target == "customer_testing":
        typed = check_line(environment, "environment", ENVIRONMENT_MAX_CHARACTERS)
        changes["test_environment"] = typed or environment_asked(ticket)
    elif target not in UNDER_TEST:
        changes["test_environment"] = ""
    if target == "resolved":
        changes["resolved_at"] = now
    elif target in OPEN_STATUSES:
        changes["resolved_at"] = None
    if target == "closed":
        changes["closed_at"] = now
    return changes


def told_with(ticket: Ticket) -> dict[str, str]:
    """What an event keeps of the status that a request has just reached: the reference, the environment."""
    if ticket.status in ESCALATIONS:
        return {"reference": ticket.escalation_reference}
    if ticket.status in UNDER_TEST:
        return {"environment": ticket.test_environment}
    return {}


def move(
    ticket: Ticket,
    target: str,
    by: Viewer | None,
    now: datetime,
    *,
    seen: int | None = None,
    reason: str = "",
    reference: str = "",
    environment: str = "",
    message_id: int | None = None,
    quietly: bool = False,
    works: bool = False,
    because: dict[str, Any] | None = None,
) -> Ticket:
    """Move a request to another status along the table (LIFE-1, LIFE-2).

    Arguments: target, a key of STATUSES; by, who (None: a closing rule); now, aware UTC; seen, the version the
    person was looking at; reason, kept in the history; reference, of an escalation, and environment of a test: see
    status_changes(); message_id, the answer that goes with it; quietly, no event and no mail of its own (the caller
    writes them); works, it moves because the customer said that it works; because, what else the history keeps of it
    (the closing rule that acted, and on which day).
    Returns the row. Raises Missing for a request that this person may not know of, NotAllowed for somebody who may
    not move it, NotNow("move-refused") for a move that is not in the table, NotNow("changed-meanwhile") when
    somebody was first, NotNow("deletion-not-done") for an irreversible request that is not carried out (REQ-4).
    """
    from domain import audit, closing, deletion, notifications, policies, search

    if target not in STATUSES:
        raise Invalid("status-unknown", field="status")
    with db.atomic():
        ticket = fresh(ticket.id)
        actor = actor_of(by)
        if by is not None and by.is_staff:
            check_at_desk(ticket, by)
        elif by is not None:
            if not policies.can_see(by, ticket):
                raise Missing()
            if not policies.may_answer(by, ticket):
                raise NotAllowed("move-not-yours")
        check_version(ticket, seen)
        if target == ticket.status:
            return ticket
        if not may_move(ticket.status, target, actor):
            raise NotNow("move-refused", origin=ticket.status, target=target, number=ticket.number)
        deletion.on_move(ticket, target, by, now)
        origin, environment_before = ticket.status, ticket.test_environment
        changes = status_changes(ticket, target, now, reference=reference, environment=environment)
        if target == "closed":
            changes["close_reason"] = {"staff": "staff", "customer": "customer", "rule": "silence"}[actor]
        claim(ticket, now, **changes)
        closing.reschedule(ticket, now)
        if origin in ESCALATIONS or target in ESCALATIONS:
            # The reference is among the words by which the request is found.
            search.index_ticket(ticket.id)
        if not quietly:
            kind = {
                "resolved": "ticket:resolved",
                "closed": "ticket:closed",
                "expired": "ticket:expired",
            }.get(target, "ticket:reopened" if origin in ("resolved", "expired") else "ticket:moved")
            data: dict[str, Any] = {
                "from": origin,
                "to": target,
                "message_id": message_id,
                **told_with(ticket),
            }
            if reason:
                data["note"] = reason
            if target == "closed":
                data["reason"] = ticket.close_reason
            if works:
                data["works"] = True
            if works and origin == "customer_testing":
                kind = "ticket:tested"
                data["environment"] = environment_before
            data |= because or {}
            event = audit.record_event(ticket, kind, by, now, **data)
            notifications.tell(event, ticket, now, by)
    return ticket


def at_work(ticket: Ticket, by: Viewer, seen: int | None) -> Ticket:
    """The request as it is in this transaction, for somebody at the desk who looked at the version `seen`.

    Raises Missing or NotAllowed as check_at_desk() does, NotNow("changed-meanwhile"), NotNow("ticket-closed").
    """
    ticket = fresh(ticket.id)
    check_at_desk(ticket, by)
    check_version(ticket, seen)
    if ticket.status in ("closed", "expired"):
        raise NotNow("ticket-closed", number=ticket.number)
    return ticket


def escalate(
    ticket: Ticket,
    status: str,
    by: Viewer,
    now: datetime,
    *,
    reference: str = "",
    reason: str = "",
    seen: int | None = None,
) -> Ticket:
    """Hand a request on to level 2, product management (SPC) or development (RPC), under a reference (LIFE-11).

    Arguments: status, a key of ESCALATIONS; reference, theirs, up to 60 characters: made of the number when it is
    empty; reason, kept in the history; seen, the version the agent was looking at. Where the request is there
    already, another reference takes the place of the first.
    Returns the row. Raises Invalid("escalation-unknown"), Invalid("line-too-long"), and what move() raises.
    """
    from domain import audit, search

    if status not in ESCALATIONS:
        raise Invalid("escalation-unknown", field="status")
    with db.atomic():
        ticket = fresh(ticket.id)
        check_at_desk(ticket, by)
        check_version(ticket, seen)
        if ticket.status != status:
            return move(ticket, status, by, now, reason=reason, reference=reference)
        typed = check_line(reference, "reference", REFERENCE_MAX_CHARACTERS)
        if typed and typed != ticket.escalation_reference:
            claim(ticket, now, escalation_reference=typed)
            search.index_ticket(ticket.id)
            data: dict[str, Any] = {"from": status, "to": status, "reference": typed}
            if reason:
                data["note"] = reason
            audit.record_event(ticket, "ticket:moved", by, now, **data)
    return ticket


def assign(
    ticket: Ticket, assignee_id: int | None, by: Viewer, now: datetime, *, seen: int | None = None
) -> Ticket:
    """Give a request to an agent, or back to the queue (assignee_id None).

    A request that was registered or qualified becomes in progress when somebody has it.
    Raises NotAllowed when `by` is not at the desk, Invalid("assignee-unknown") when the other is not.
    """
    from domain import audit, closing, notifications, policies

    with db.atomic():
        ticket = at_work(ticket, by, seen)
        if assignee_id is not None:
            assignee = policies.load_viewer(assignee_id)
            if assignee is None or not assignee.is_active or not assignee.is_agent:
                raise Invalid("assignee-unknown", field="assignee")
        if assignee_id == ticket.assignee_id:
            return ticket
        before, origin = ticket.assignee_id, ticket.status
        changes: dict[str, Any] = {"assignee": assignee_id}
        if assignee_id is not None and origin in ("registered", "qualified"):
            changes |= status_changes(ticket, "in_progress", now)
        elif assignee_id is None and origin == "in_progress":
            changes |= status_changes(ticket, "qualified", now)
        claim(ticket, now, **changes)
        closing.reschedule(ticket, now)
        event = audit.record_event(
            ticket,
            "ticket:assigned",
            by,
            now,
            **{"assignee": assignee_id, "before": before, "from": origin, "to": ticket.status},
        )
        notifications.tell(event, ticket, now, by)
    return ticket


def take(ticket: Ticket, by: Viewer, now: datetime, *, seen: int | None = None) -> Ticket:
    """Take a request oneself: in progress from then on. Raises NotNow("taken-meanwhile") when a colleague was first."""
    with db.atomic():
        row = fresh(ticket.id)
        check_at_desk(row, by)
        if row.assignee_id not in (None, by.id) and (seen is None or row.version != seen):
            raise NotNow("taken-meanwhile", number=row.number)
        return assign(row, by.id, by, now)


def set_team(ticket: Ticket, team_id: int, by: Viewer, now: datetime, *, seen: int | None = None) -> Ticket:
    """Hand a request to another team's queue; the agent of the former team lets it go.

    Raises Invalid("team-unknown").
    """
    from domain import audit, closing, notifications
    from models import TeamMember

    with db.atomic():
        ticket = at_work(ticket, by, seen)
        if not Team.select().where((Team.id == team_id) & (Team.is_active == True)).exists():  # noqa: E712
            raise Invalid("team-unknown", field="team")
        if team_id == ticket.team_id:
            return ticket
        before = ticket.team_id
        changes: dict[str, Any] = {"team": team_id}
        if ticket.assignee_id is not None and not (
            TeamMember.select()
            .where((TeamMember.team == team_id) & (TeamMember.person == ticket.assignee_id))
            .exists()
        ):
            changes["assignee"] = None
            if ticket.status == "in_progress":
                changes |= status_changes(ticket, "qualified", now)
        claim(ticket, now, **changes)
        closing.reschedule(ticket, now)
        # An agent of the former team no longer has it: without a word here the history would still name them.
        left: dict[str, Any] = {"assignee": None} if "assignee" in changes else {}
        event = audit.record_event(
            ticket, "ticket:routed", by, now, team=team_id, before=before, to=ticket.status, **left
        )
        notifications.tell(event, ticket, now, by)
    return ticket


def set_priority(
    ticket: Ticket, value: str, by: Viewer, now: datetime, *, reason: str = "", seen: int | None = None
) -> Ticket:
    """Set the priority retained by the team, on the request's own scale (REQ-17, LIFE-10).

    Lowering needs a reason, and the customer is told with the definition that applies. While a lowered one is
    contested, supervisors alone change it (contests.py).
    Raises Invalid("priority-unknown"), Invalid("reason-needed") when lowering without a reason,
    NotNow("priority-contested").
    """
    from domain import audit, contests, notifications

    with db.atomic():
        ticket = at_work(ticket, by, seen)
        level = (
            ScaleLevel.select()
            .join(Scale)
            .where((Scale.slug == (ticket.scale_slug or "severity")) & (ScaleLevel.value == value))
            .first()
        )
        if level is None:
            raise Invalid("priority-unknown", field="priority")
        if value == ticket.priority:
            return ticket
        lowered = ticket.priority is not None and level.position > ticket.priority_position
        reason = reason.strip()
        if lowered and not reason:
            raise Invalid("reason-needed", field="reason")
        decided = contests.on_priority(ticket, value, by, now, reason)
        if decided is not None:
            return decided
        before = ticket.priority
        claim(
            ticket,
            now,
            priority=value,
            priority_position=level.position,
            scale_slug=ticket.scale_slug or "severity",
        )
        event = audit.record_event(
            ticket,
            "ticket:priority_lowered" if lowered else "ticket:priority_changed",
            by,
            now,
            before=before,
            after=value,
            reason=reason,
        )
        notifications.tell(event, ticket, now, by)
    return ticket


def close(ticket: Ticket, by: Viewer, now: datetime, *, seen: int | None = None, reason: str = "") -> Ticket:
    """Close a request: the desk, or a customer who may answer it (LIFE-8). Final: only a follow-up comes after."""
    return move(ticket, "closed", by, now, seen=seen, reason=reason)


def reopen_target(ticket: Ticket) -> str:
    """Where an answer of the customer sends a waiting or resolved request (LIFE-4)."""
    return "in_progress" if ticket.assignee_id else "qualified"
