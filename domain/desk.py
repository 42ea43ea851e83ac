"""What the desk shows around a request: who could take it, where it could go, who else is at the customer's."""

from __future__ import annotations

from dataclasses import dataclass

from domain import lists, profile_questions
from domain.policies import Viewer
from models import Membership, Organisation, Person, ProfileAnswer, ProfileQuestion, Team, Ticket

# The requester and colleagues that stand beside a request; more would push the facts out of sight.
PEOPLE_SHOWN = 6


@dataclass(frozen=True)
class Facts:
    """What the page of a request at the desk shows besides the request itself."""

    agents: list[tuple[int, str]]
    teams: list[Team]
    # (person, role in the organisation), the requester first; an empty role for somebody who has left it.
    people: list[tuple[Person, str]]
    organisation_slug: str
    open_requests: int
    # What the requester answered about themselves (ACC-17): (question, answer).
    about: list[tuple[ProfileQuestion, ProfileAnswer]]


def agents() -> list[tuple[int, str]]:
    """Those who can be given a request, by name: (key, name). One query."""
    return list(
        Person.select(Person.id, Person.full_name)
        .where((Person.is_active == True) & Person.staff_role.in_(("agent", "admin")))  # noqa: E712
        .order_by(Person.full_name, Person.id)
        .tuples()
    )


def teams() -> list[Team]:
    """The teams that take requests, in order. One query."""
    return list(Team.select().where(Team.is_active == True).order_by(Team.position, Team.id))  # noqa: E712


def organisation_name(slug: str) -> str | None:
    """The name of the organisation with this slug, or None. One query."""
    row = Organisation.get_or_none(Organisation.slug == slug)
    return str(row.name) if row is not None else None


def facts(viewer: Viewer, ticket: Ticket) -> Facts:
    """What stands beside a request at the desk. Five queries, whatever the request."""
    members = list(
        Membership.select(Membership, Person)
        .join(Person, on=(Membership.person == Person.id))
        .where(
            (Membership.organisation == ticket.organisation_id)
            & Membership.removed_at.is_null()
            & (Person.is_active == True)  # noqa: E712
        )
        # The requester first; the roles in alphabetical order happen to be in order of weight.
        .order_by(
            (Membership.person == ticket.requester_id).desc(), Membership.role, Person.full_name, Person.id
        )
        .limit(PEOPLE_SHOWN)
    )
    people = [(row.person, row.role) for row in members]
    if not members or members[0].person_id != ticket.requester_id:
        # Whoever left the organisation stays the requester.
        people.insert(0, (Person.get_by_id(ticket.requester_id), ""))
    return Facts(
        agents=agents(),
        teams=teams(),
        people=people,
        organisation_slug=str(ticket.organisation.slug),
        open_requests=lists.open_of_organisation(viewer, ticket.organisation_id),
        about=profile_questions.said_by(ticket.requester_id),
    )
