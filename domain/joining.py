"""Merging (LIFE-16): a request goes on in another one of the same organisation, with all who followed it.

The one that is merged closes, its thread stays where it is, and whoever read it reads it still. Its people join the
request that goes on; nobody else gains anything. Splitting is in splitting.py.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from domain import audit, blocking, deletion, lifecycle, notifications, policies, search
from domain.refusals import Invalid, NotNow
from models import Deletion, LicenceRequest, Membership, Participant, Person, Ticket, db

if TYPE_CHECKING:
    from domain.policies import Viewer

# The requests proposed on the page; any other is typed by its number.
PROPOSED = 50
OVER = ("closed", "expired")
# Said one by one, so that the index by status answers: most requests of an organisation are closed.
NOT_OVER = tuple(status for status in lifecycle.STATUSES if status not in OVER)


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Somebody of the merged request who is not on the one that goes on: what they become there.

    `role` is collaborator, cc or reader. `new`: could not read it before; the others only get its news from now on.
    """

    name: str
    email: str
    person_id: int | None
    role: str
    new: bool


@dataclass(frozen=True)
class Preview:
    """What a merge would do: the request that goes on, and who joins it. `mark` changes when these people do."""

    into: Ticket
    people: list[Newcomer]
    mark: str

    @property
    def new_readers(self) -> list[Newcomer]:
        """Those who could not read the request that goes on, and will."""
        return [person for person in self.people if person.new]

    @property
    def new_followers(self) -> list[Newcomer]:
        """Those who could read it already, and will get its news."""
        return [person for person in self.people if not person.new]


# ---- Before --------------------------------------------------------------------------------------------


def candidates(ticket: Ticket, by: Viewer) -> list[Ticket]:
    """Requests of the same organisation into which this one could go, newest first; at most PROPOSED. One query."""
    return list(
        policies.visible_tickets(by)
        .where(
            (Ticket.organisation == ticket.organisation_id)
            & (Ticket.id != ticket.id)
            & Ticket.status.in_(NOT_OVER)
        )
        .order_by(Ticket.id.desc())
        .limit(PROPOSED)
    )


def check_leaves(ticket: Ticket, by: Viewer) -> None:
    """Refuse to merge what cannot end here.

    Raises Missing, NotAllowed for anybody who is not at the desk, NotNow("ticket-merged"), NotNow("merge-closed"),
    NotNow("merge-deletion") while an irreversible procedure is under way, NotNow("merge-licence") while a licence is
    in preparation: its record belongs to this number.
    """
    lifecycle.check_at_desk(ticket, by)
    if ticket.merged_into_id is not None:
        raise policies.over(by, ticket)
    if ticket.status in OVER:
        raise NotNow("merge-closed", number=ticket.number)
    if _deletion_under_way(ticket):
        raise NotNow("merge-deletion", number=ticket.number)
    if LicenceRequest.get_or_none(
        (LicenceRequest.ticket == ticket.id) & LicenceRequest.status.in_(("received", "in_preparation"))
    ):
        raise NotNow("merge-licence", number=ticket.number)


def _deletion_under_way(ticket: Ticket) -> bool:
    row: Deletion | None = deletion.of_ticket(ticket)
    return row is not None and row.state not in deletion.OVER


def _check_goes_on(ticket: Ticket, into: Ticket, by: Viewer) -> None:
    """Refuse a request that cannot take another one in. Raises Invalid by the field `into`."""
    if into.id == ticket.id:
        raise Invalid("merge-itself", field="into")
    if into.organisation_id != ticket.organisation_id:
        raise Invalid("merge-elsewhere", field="into", number=into.number)
    if into.merged_into_id is not None:
        further = policies.goes_on_in(by, into)
        raise Invalid(
            "merge-into-merged", field="into", number=into.number, into=further.number if further else ""
        )
    if into.status in OVER:
        raise Invalid("merge-into-closed", field="into", number=into.number)
    if _deletion_under_way(into):
        raise Invalid("merge-into-deletion", field="into", number=into.number)


def _find(number: str, by: Viewer) -> Ticket:
    into = policies.find_ticket(by, number.strip())
    if into is None:
        raise Invalid("merge-unknown", field="into")
    return into


def preview(ticket: Ticket, into_number: str, by: Viewer) -> Preview:
    """What merging would do, without doing it. Raises what merge() raises."""
    check_leaves(ticket, by)
    into = _find(into_number, by)
    _check_goes_on(ticket, into, by)
    people = _newcomers(ticket, into)
    return Preview(into, people, _mark(into, people))


def _mark(into: Ticket, people: list[Newcomer]) -> str:
    said = f"{into.id}:" + ",".join(sorted(f"{person.role}:{person.email}" for person in people))
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def role_beside(person: Person, is_member: bool) -> str:
    """What somebody with an account becomes on a request: collaborator, or in copy from outside or before they came.

    Only an address in copy gets mails before it is proven (VIEW-5).
    """
    return "collaborator" if is_member and person.email_verified_at is not None else "cc"


def members_among(organisation_id: int, people: set[int]) -> set[int]:
    """Those of these people who belong to the organisation now. One query, none for nobody."""
    if not people:
        return set()
    rows = Membership.select(Membership.person).where(
        (Membership.organisation == organisation_id)
        & Membership.removed_at.is_null()
        & Membership.person.in_(people)
    )
    return {person_id for (person_id,) in rows.tuples()}


def _newcomers(ticket: Ticket, into: Ticket) -> list[Newcomer]:
    """Those who follow the merged request and not the other one, its requester first.

    A requester who left the organisation lost the request with it (ACC-3), and gains nothing here.
    """
    requester = Person.get_by_id(ticket.requester_id)
    rows = list(
        Participant.select(Participant, Person)
        .left_outer_join(Person, on=(Participant.person == Person.id), attr="person")
        .where(Participant.ticket.in_((ticket.id, into.id)))
        # Readers last: whoever is also in copy is in copy.
        .order_by((Participant.role == "reader"), Participant.id)
    )
    there = [row for row in rows if row.ticket_id == into.id]
    followers = {row.email for row in there if row.role != "reader"}
    followers |= {row.person.email for row in there if row.role != "reader" and row.person_id}
    followers.add(Person.get_by_id(into.requester_id).email)
    readers = {row.person_id for row in there if row.role == "reader"}
    leaving = [row for row in rows if row.ticket_id == ticket.id]
    members = members_among(
        ticket.organisation_id, {requester.id} | {row.person_id for row in leaving if row.person_id}
    )
    found: dict[str, Newcomer] = {}

    def add(person: Person | None, email: str, role: str) -> None:
        if (
            email in followers
            or email in found
            or (role == "reader" and person is not None and person.id in readers)
        ):
            return
        found[email] = Newcomer(
            name=person.full_name if person else email,
            email=email,
            person_id=person.id if person else None,
            role=role,
            new=not _reads(person, into),
        )

    if requester.id in members:
        add(requester, requester.email, role_beside(requester, True))
    elif _reads(requester, ticket):
        # One of the partner that opened it (ACC-18).
        add(requester, requester.email, role_beside(requester, False))
    for row in leaving:
        person = row.person if row.person_id else None
        if row.role == "reader":
            if person is not None:
                add(person, person.email, "reader")
        elif person is not None:
            add(person, person.email, role_beside(person, person.id in members))
        else:
            add(None, row.email, "cc")
    return list(found.values())


def _reads(person: Person | None, into: Ticket) -> bool:
    viewer = policies.load_viewer(person.id) if person is not None else None
    return viewer is not None and policies.can_see(viewer, into)


# ---- The verb ------------------------------------------------------------------------------------------


def merge(
    ticket: Ticket,
    into_number: str,
    by: Viewer,
    now: datetime,
    *,
    seen: int | None = None,
    shown: str | None = None,
) -> Ticket:
    """Say that a request goes on in another one of the same organisation (LIFE-16). Final, like closing.

    The other one keeps its status, its silence clock and its dates (LIFE-14); it only gains people.
    Arguments: into_number, the public number of the one that goes on; by, an agent; now, aware UTC; seen, the version
    of `ticket` that was on the screen; shown, the `mark` of the preview that was: other people are another decision.
    Returns the merged row. Raises Missing, NotAllowed, NotNow as check_leaves(), NotNow("changed-meanwhile"),
    NotNow("merge-readers-changed"), and Invalid by the field `into`: "merge-unknown", "merge-itself",
    "merge-elsewhere" (another organisation), "merge-into-merged", "merge-into-closed", "merge-into-deletion".
    """
    with db.atomic():
        # Both rows are locked in the same order by everybody: two merges that cross wait for one another in turn.
        other = policies.find_ticket(by, into_number.strip())
        rows = {key: lifecycle.fresh(key) for key in sorted({ticket.id, other.id if other else ticket.id})}
        ticket = rows[ticket.id]
        check_leaves(ticket, by)
        if other is None:
            raise Invalid("merge-unknown", field="into")
        into = rows[other.id]
        _check_goes_on(ticket, into, by)
        lifecycle.check_version(ticket, seen)
        people = _newcomers(ticket, into)
        if shown is not None and shown != _mark(into, people):
            raise NotNow("merge-readers-changed", number=ticket.number)
        origin = ticket.status
        blocking.carry_over(ticket, into, by, now)
        ticket = lifecycle.move(ticket, "closed", by, now, quietly=True)
        lifecycle.claim(ticket, now, close_reason="merged", merged_into=into.id)
        for person in people:
            Participant.create(
                ticket=into.id,
                person=person.person_id,
                email=person.email,
                role=person.role,
                added_by=by.id,
                added_at=now,
            )
        search.index_ticket(into.id)
        event = audit.record_event(
            ticket,
            "ticket:merged",
            by,
            now,
            number=into.number,
            into=into.id,
            **{"from": origin, "to": "closed"},
        )
        notifications.tell(event, ticket, now, by)
        joined = audit.record_event(
            into,
            "ticket:merged_here",
            by,
            now,
            number=ticket.number,
            # Named readers read without being listed (VIEW-13): their names stay out of what everybody reads.
            added=[person.email for person in people if person.role != "reader"],
        )
        notifications.tell(joined, into, now, by)
    return ticket
