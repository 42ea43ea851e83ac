"""Handing a request to a colleague (LIFE-18): because its requester leaves, or by choice. Teams are in lifecycle.py."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from domain import audit, deletion, joining, lifecycle, notifications, policies, search, settings
from domain.refusals import Invalid, Missing, NotAllowed, NotNow
from models import Membership, Organisation, Participant, Person, Ticket, TicketEvent, db

if TYPE_CHECKING:
    from domain.policies import Viewer

REASON_MAX_CHARACTERS = 300
# Colleagues in the list of the page.
OFFERED = 500
# Somebody has agreed to what cannot be undone: nobody can take over their word (REQ-4).
AGREED_TO = ("confirmed", "waiting", "ready")


@dataclass
class Handed:
    """What became of the open requests of somebody: handed over, or left with them."""

    done: list[Ticket] = field(default_factory=list)
    left: list[Ticket] = field(default_factory=list)


def colleagues(organisation_id: int, without: int | None = None) -> list[Person]:
    """Those to whom a request of this organisation can be handed, by name: members who may open requests. One query."""
    query = (
        Person.select(Person.id, Person.full_name, Person.email)
        .join(Membership, on=(Membership.person == Person.id))
        .join(Organisation, on=(Membership.organisation == Organisation.id))
        .where(
            (Membership.organisation == organisation_id)
            & Membership.removed_at.is_null()
            & (Person.is_active == True)  # noqa: E712
            & (Organisation.is_active == True)  # noqa: E712
            & Person.staff_role.is_null()
        )
        .order_by(Person.full_name, Person.id)
        .limit(OFFERED)
    )
    if settings.get("who_may_open") == "approved":
        query = query.where(Membership.can_open == True)  # noqa: E712
    if without is not None:
        query = query.where(Person.id != without)
    return list(query)


def check(ticket: Ticket, by: Viewer) -> None:
    """Refuse a handover that could not be done now, without doing it.

    Raises Missing, NotAllowed("handover-not-yours"), NotNow("handover-closed") for what is over, and
    NotNow("handover-deletion") while somebody's confirmation of an irreversible request counts.
    """
    if not policies.may_hand_over(by, ticket):
        raise NotAllowed("handover-not-yours") if policies.can_see(by, ticket) else Missing()
    if not policies.can_see(by, ticket):
        raise Missing()
    if ticket.merged_into_id is not None:
        raise policies.over(by, ticket)
    if ticket.status in ("closed", "expired"):
        raise NotNow("handover-closed", number=ticket.number)
    if _is_agreed_to(ticket):
        raise NotNow("handover-deletion", number=ticket.number)


def _is_agreed_to(ticket: Ticket) -> bool:
    row = deletion.of_ticket(ticket)
    return row is not None and row.state in AGREED_TO


def _colleague(organisation_id: int, person_id: int) -> Person:
    """The colleague with this key. Raises Invalid("handover-unknown") for anybody who could not have the request."""
    viewer = policies.load_viewer(person_id)
    if (
        viewer is None
        or viewer.is_staff
        or not viewer.is_active
        or not policies.can_open_for(viewer, organisation_id)
    ):
        raise Invalid("handover-unknown", field="person")
    return Person.get_by_id(person_id)


def handover(
    ticket: Ticket,
    person_id: int,
    by: Viewer,
    now: datetime,
    *,
    reason: str = "",
    keep_me: bool = True,
    seen: int | None = None,
) -> Ticket:
    """Give a request another requester of the same organisation (LIFE-18). Who opened it stays as it was.

    Arguments: person_id, a member who may open requests; by, the requester, an administrator of the organisation or an
    agent; now, aware UTC; reason, kept in the history; keep_me, the former requester goes on following it as a
    collaborator; seen, the version that was on the screen.
    Returns the row: as it is for a second press of the same button. Raises as check(), Invalid("handover-unknown"),
    Invalid("name-too-long"), NotNow("changed-meanwhile").
    """
    reason = " ".join(reason.split())
    if len(reason) > REASON_MAX_CHARACTERS:
        raise Invalid("name-too-long", field="reason", limit=REASON_MAX_CHARACTERS)
    with db.atomic():
        ticket = lifecycle.fresh(ticket.id)
        if person_id == ticket.requester_id and _was_pressed(ticket, by):
            return ticket
        check(ticket, by)
        lifecycle.check_version(ticket, seen)
        if person_id == ticket.requester_id:
            raise Invalid("handover-unknown", field="person")
        heir = _colleague(ticket.organisation_id, person_id)
        _hand(ticket, heir, by, now, reason=reason, keeps=keep_me)
    return ticket


def _was_pressed(ticket: Ticket, by: Viewer) -> bool:
    """True when the last handover of this request was made by this very person, to whoever has it now."""
    last = (
        TicketEvent.select()
        .where((TicketEvent.ticket == ticket.id) & (TicketEvent.kind == "ticket:handed_over"))
        .order_by(TicketEvent.id.desc())
        .first()
    )
    return last is not None and last.actor_id == by.id and last.data.get("person_id") == ticket.requester_id


def _hand(
    ticket: Ticket, heir: Person, by: Viewer, now: datetime, *, reason: str, keeps: bool, alone: bool = True
) -> None:
    """Change the requester of a locked request. `alone`: with a mail of its own; else the caller writes one for all."""
    former = Person.get_by_id(ticket.requester_id)
    lifecycle.claim(ticket, now, requester=heir.id)
    Participant.delete().where(
        (Participant.ticket == ticket.id)
        & ((Participant.person == heir.id) | (Participant.email == heir.email))
    ).execute()
    is_member = bool(joining.members_among(ticket.organisation_id, {former.id}))
    keeps = keeps and is_member
    if keeps:
        _keep(ticket, former, by, now)
    search.index_ticket(ticket.id)
    event = audit.record_event(
        ticket,
        "ticket:handed_over",
        by,
        now,
        before=former.id,
        person_id=heir.id,
        reason=reason,
        kept=keeps,
        alone=alone,
    )
    notifications.tell(event, ticket, now, by)
    if alone and is_member and not keeps:
        viewer = policies.load_viewer(former.id)
        if viewer is not None and not policies.can_see(viewer, ticket):
            # They lose the request with this very act, and are told so by a mail that no longer shows it.
            notifications.enqueue(
                "request-handed-over",
                source=f"event:{event.id}",
                now=now,
                person=former,
                event_id=event.id,
                number=ticket.number,
            )


def _keep(ticket: Ticket, former: Person, by: Viewer, now: datetime) -> None:
    follows = Participant.select().where(
        (Participant.ticket == ticket.id)
        & (Participant.email == former.email)
        & Participant.role.in_(("cc", "collaborator"))
    )
    if not follows.exists():
        Participant.create(
            ticket=ticket.id,
            person=former.id,
            email=former.email,
            role=joining.role_beside(former, True),
            added_by=by.id,
            added_at=now,
        )


# ---- Somebody leaves -----------------------------------------------------------------------------------


def open_requests_of(person_id: int, organisation_id: int, by: Viewer) -> list[Ticket]:
    """The requests of somebody in an organisation that are not over, oldest first, as far as `by` may know of them."""
    return list(
        policies.visible_tickets(by)
        .where(
            (Ticket.requester == person_id)
            & (Ticket.organisation == organisation_id)
            & Ticket.status.in_(joining.NOT_OVER)
        )
        .order_by(Ticket.id)
    )


def handover_all(
    person_id: int, organisation_id: int, to_person_id: int, by: Viewer, now: datetime, *, reason: str = ""
) -> Handed:
    """Hand every open request of somebody to one colleague, within one transaction and with one mail (LIFE-18).

    What somebody's confirmation of an irreversible request stands behind is left: it cancels itself (REQ-4).
    Raises Invalid("handover-unknown"), NotAllowed("handover-not-yours") for anybody who is neither at the desk nor an
    administrator of the organisation.
    """
    rights = policies.rights_in(by, organisation_id)
    if not by.is_agent and (rights is None or rights.role != "administrator"):
        raise NotAllowed("handover-not-yours")
    handed = Handed()
    with db.atomic():
        heir = _colleague(organisation_id, to_person_id)
        if heir.id == person_id:
            raise Invalid("handover-unknown", field="person")
        for row in open_requests_of(person_id, organisation_id, by):
            ticket = lifecycle.fresh(row.id)
            if _is_agreed_to(ticket):
                handed.left.append(ticket)
            elif ticket.requester_id == person_id and policies.can_hand_over(by, ticket):
                _hand(ticket, heir, by, now, reason=reason, keeps=False, alone=False)
                handed.done.append(ticket)
        if handed.done:
            notifications.enqueue(
                "request-handed-over",
                source=f"handover:{person_id}:{handed.done[0].id}:{handed.done[0].version}",
                now=now,
                person=heir,
                tickets=[ticket.id for ticket in handed.done],
                by=by.id,
                before=person_id,
            )
    return handed
