"""Who can see a request, by name and with the reason, and changing it later (VIEW-13). The rule is in policies.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from peewee import JOIN

from domain import audit, lifecycle, notifications, policies, search, statements
from domain.refusals import Invalid, Missing, NotAllowed
from models import (
    Membership,
    Organisation,
    Participant,
    PartnerLink,
    PartnerOpening,
    Person,
    Ticket,
    db,
)

if TYPE_CHECKING:
    from domain.policies import Viewer

AUDIENCES = ("organisation", "people", "only_me")
# Colleagues that the page offers to choose among, and names that it lists; beyond, it says that there are more.
OFFERED = 200
LISTED = 200
# Why somebody sees a request, in the order in which it is said: the first reason that holds.
REASONS = (
    "requester", "administrator", "collaborator", "cc", "reader", "contact", "member", "partner",
    "account_manager", "mails",
)  # fmt: skip


class Reader(NamedTuple):
    """Somebody who can see a request, and why: one of REASONS. Without a name for whom the reader may not know."""

    person_id: int | None
    name: str
    reason: str
    in_copy: bool = False
    # The organisation of somebody who sees it as one of a partner (ACC-18).
    partner_id: int | None = None
    partner: str = ""


@dataclass(frozen=True)
class Audience:
    """Who can see a request besides the desk, as far as one person may be told."""

    readers: list[Reader] = field(default_factory=list)
    # Those of the organisation whose names this person is not told, or that are too many to list.
    others: int = 0
    # There are more than could be counted.
    more: bool = False

    @property
    def total(self) -> int:
        """How many people see it, the desk left out; those who get mails only are not among them."""
        return self.others + sum(reader.reason != "mails" for reader in self.readers)


def may_name(viewer: Viewer, ticket: Ticket) -> bool:
    """True for those who may know the people of the organisation by name: its members, and the vendor's staff."""
    return viewer.is_staff or policies.rights_in(viewer, ticket.organisation_id) is not None


def look(
    viewer: Viewer, ticket: Ticket, participants: Sequence[Participant], limit: int = LISTED
) -> Audience:
    """Who can see this request and why, as far as this person may be told. One query, two where partners act.

    Arguments: ticket, from reading.load(); participants, its rows of every role; limit, most members that are read.
    Somebody in copy from outside is told who asked, who is in copy, and how many others there are; somebody of a
    partner their own colleagues too.
    """
    found: dict[int, Reader] = {}
    mails = []
    members = _members(ticket, limit + 1)
    follow = {row.person_id: row.role for row in participants if row.person_id and _may_read(row.person)}
    for person_id, name, role, sees_all in members[:limit]:
        reason = _reason(ticket, person_id, role, bool(sees_all), follow)
        if reason:
            found[person_id] = Reader(
                person_id, name, reason, follow.get(person_id) in ("cc", "collaborator")
            )
    rows = _partner_people(ticket, limit + 1) if getattr(ticket, "has_partners", False) else []
    for person_id, name, partner_id, partner in rows[:limit]:
        if person_id not in found:
            reason = "requester" if person_id == ticket.requester_id else "partner"
            in_copy = follow.get(person_id) in ("cc", "collaborator")
            found[person_id] = Reader(person_id, name, reason, in_copy, partner_id, partner)
    for row in participants:
        if row.person_id in found:
            continue
        if row.person_id in follow:
            found[row.person_id] = Reader(row.person_id, row.person.full_name, row.role)
        elif row.role == "cc":
            mails.append(Reader(row.person_id, row.email, "mails"))
    manager = ticket.organisation.account_manager if ticket.shared_with_account_manager else None
    if manager is not None and manager.is_active and manager.staff_role:
        found[manager.id] = Reader(manager.id, manager.full_name, "account_manager")
    readers = sorted([*found.values(), *mails], key=lambda row: (REASONS.index(row.reason), row.name))
    more = len(members) > limit or len(rows) > limit
    if may_name(viewer, ticket):
        return Audience(readers, 0, more)
    known = [
        row
        for row in readers
        if row.reason in ("requester", "collaborator", "cc", "mails")
        or (row.partner_id and policies.rights_in(viewer, row.partner_id))
    ]
    return Audience(known, len(readers) - len(known), more)


def _may_read(person: Person) -> bool:
    # An account manager reads what is shared with them, and nothing by a copy.
    return bool(
        person.is_active and person.email_verified_at is not None and person.staff_role != "account_manager"
    )


def _reason(ticket: Ticket, person_id: int, role: str, sees_all: bool, follow: dict[int, str]) -> str:
    """Why a member of the organisation sees a request, or an empty text: in other words what policies.py decides."""
    if person_id == ticket.requester_id:
        return "requester"
    if role == "administrator":
        return "administrator"
    if person_id in follow:
        return follow[person_id]
    if ticket.audience != "organisation":
        return ""
    contacts_do, members_do = policies.reading_rule()
    return "contact" if sees_all and contacts_do else "member" if members_do else ""


def _members(ticket: Ticket, limit: int) -> list[tuple[int, str, str, bool]]:
    """The members of an organisation who could see one of its requests by their rights; its requester among them."""
    organisation, requester = statements.stand_in(101), statements.stand_in(102)
    contacts_do, members_do = policies.reading_rule()
    opened = ticket.audience == "organisation"
    every = opened and members_do
    contacts = opened and contacts_do

    def build() -> object:
        query = (
            Membership.select(Person.id, Person.full_name, Membership.role, Membership.can_see_all)
            .join(Person, on=(Membership.person == Person.id))
            .join(Organisation, on=(Membership.organisation == Organisation.id))
            .where(
                (Membership.organisation == organisation)
                & Membership.removed_at.is_null()
                & (Person.is_active == True)  # noqa: E712
                & Person.staff_role.is_null()
                & (Organisation.is_active == True)  # noqa: E712
            )
            .order_by(Person.full_name, Person.id)
            .limit(limit)
        )
        if every:
            return query
        sees = (Membership.role == "administrator") | (Person.id == requester)
        if contacts:
            sees |= Membership.can_see_all == True  # noqa: E712
        return query.where(sees)

    return statements.tuples(
        ("audience", every, contacts, limit),
        build,  # type: ignore[arg-type]
        {organisation: ticket.organisation_id, requester: ticket.requester_id},
    )


def _partner_people(ticket: Ticket, limit: int) -> list[tuple[int, str, int, str]]:
    """Those who see a request as people of a partner: key, name, and the partner with its name. One query."""
    query = (
        Membership.select(
            Person.id,
            Person.full_name,
            Organisation.id,
            Organisation.name,
            Membership.role,
            Membership.can_see_all,
            PartnerLink.reads,
            PartnerOpening.id,
        )
        .join(Person, on=(Membership.person == Person.id))
        .join(Organisation, on=(Membership.organisation == Organisation.id))
        .join(PartnerLink, on=(PartnerLink.partner == Organisation.id))
        .join(
            PartnerOpening,
            JOIN.LEFT_OUTER,
            on=((PartnerOpening.partner == PartnerLink.partner) & (PartnerOpening.ticket == ticket.id)),
        )
        .where(
            (PartnerLink.client == ticket.organisation_id)
            & policies.standing_links()
            & Membership.removed_at.is_null()
            & (Person.is_active == True)  # noqa: E712
            & Person.staff_role.is_null()
            & (Organisation.is_active == True)  # noqa: E712
        )
        .order_by(Person.full_name, Person.id)
        .limit(limit)
    )
    contacts_do, members_do = policies.reading_rule()
    found = []
    for key, name, partner_id, partner, role, sees_all, reads, opening in query.tuples():
        all_of_partner = role == "administrator" or members_do or (sees_all and contacts_do)
        opened = (
            ticket.audience == "organisation" and all_of_partner and (reads == "all" or opening is not None)
        )
        if opened or (opening is not None and key == ticket.requester_id):
            found.append((key, name, partner_id, partner))
    return found


def colleagues(organisation_id: int, without: int | None = None) -> list[tuple[int, str]]:
    """Whom a request of this organisation can be shown to by name: its members, (key, name), by name. One query."""
    query = (
        Person.select(Person.id, Person.full_name)
        .join(Membership, on=(Membership.person == Person.id))
        .where(
            (Membership.organisation == organisation_id)
            & Membership.removed_at.is_null()
            & (Person.is_active == True)  # noqa: E712
            & Person.staff_role.is_null()
        )
        .order_by(Person.full_name, Person.id)
        .limit(OFFERED)
    )
    return [(key, name) for key, name in query.tuples() if key != without]


def named_readers(ticket: Ticket) -> list[int]:
    """The keys of those whom the audience names. One query."""
    rows = Participant.select(Participant.person).where(
        (Participant.ticket == ticket.id) & (Participant.role == "reader") & Participant.person.is_null(False)
    )
    return [key for (key,) in rows.tuples()]


def check_people(
    audience: str, people: Sequence[int], organisation_id: int, requester_id: int
) -> dict[int, str]:
    """Key to address of those whom an audience names, the requester left out; nobody unless it is "people".

    Raises Invalid("audience-people-needed") for "people" without anybody, Invalid("reader-unknown") for somebody who
    is no living member of the organisation. One query.
    """
    if audience != "people":
        return {}
    wanted = {key for key in people if key != requester_id}
    if not wanted:
        raise Invalid("audience-people-needed", field="audience_people")
    rows = (
        Person.select(Person.id, Person.email)
        .join(Membership, on=(Membership.person == Person.id))
        .where(
            Person.id.in_(list(wanted))
            & (Membership.organisation == organisation_id)
            & Membership.removed_at.is_null()
            & (Person.is_active == True)  # noqa: E712
        )
    )
    found = dict(rows.tuples())
    if wanted - found.keys():
        raise Invalid("reader-unknown", field="audience_people")
    return found


def change(
    ticket: Ticket,
    audience: str,
    by: Viewer,
    now: datetime,
    *,
    people: Sequence[int] = (),
    shared: bool | None = None,
    seen: int | None = None,
) -> Ticket:
    """Change who can see a request: the next page that anybody opens obeys (VIEW-13). The history says so to all.

    Arguments: audience, one of AUDIENCES; by, its requester, an administrator of the organisation or an agent; now,
    aware UTC; people, keys of the colleagues that "people" names; shared, with the account manager (None: as it is);
    seen, the version that was on the screen.
    Returns the row; nothing is written when nothing changes. Nobody is told by mail.
    Raises Missing, NotAllowed("audience-not-yours"), NotNow("changed-meanwhile"), Invalid("audience-unknown"),
    Invalid("audience-people-needed"), Invalid("reader-unknown"), Invalid("share-nobody") without an account manager.
    """
    with db.atomic():
        ticket = lifecycle.fresh(ticket.id)
        if not policies.can_see(by, ticket):
            raise Missing()
        if not policies.can_change_audience(by, ticket):
            raise NotAllowed("audience-not-yours")
        lifecycle.check_version(ticket, seen)
        if audience not in AUDIENCES:
            raise Invalid("audience-unknown", field="audience")
        wanted = check_people(audience, people, ticket.organisation_id, ticket.requester_id)
        shared = ticket.shared_with_account_manager if shared is None else shared
        if (
            shared
            and not ticket.shared_with_account_manager
            and ticket.organisation.account_manager_id is None
        ):
            raise Invalid("share-nobody", field="shared")
        before, named = ticket.audience, set(named_readers(ticket))
        readers_change = named != set(wanted)
        sharing_changes = shared != ticket.shared_with_account_manager
        if audience == before and not readers_change and not sharing_changes:
            return ticket
        lifecycle.claim(ticket, now, audience=audience, shared_with_account_manager=shared)
        if readers_change:
            _name(ticket, wanted, named, by, now)
        search.index_ticket(ticket.id)
        if audience != before or readers_change:
            # Numbers, not names: the history is read by those in copy from outside, too.
            event = audit.record_event(
                ticket,
                "ticket:audience_changed",
                by,
                now,
                origin=before,
                target=audience,
                people=len(wanted),
            )
            notifications.tell(event, ticket, now, by)
        if sharing_changes:
            event = audit.record_event(ticket, "ticket:shared", by, now, shared=shared)
            notifications.tell(event, ticket, now, by)
    return ticket


def _name(ticket: Ticket, wanted: dict[int, str], named: set[int], by: Viewer, now: datetime) -> None:
    """Put the named readers of a locked request in order: those who came, those who went."""
    gone = named - wanted.keys()
    if gone or not wanted:
        Participant.delete().where(
            (Participant.ticket == ticket.id)
            & (Participant.role == "reader")
            & (Participant.person.in_(list(gone)) if wanted else True)
        ).execute()
    for key in sorted(wanted.keys() - named):
        Participant.create(
            ticket=ticket.id, person=key, email=wanted[key], role="reader", added_by=by.id, added_at=now
        )
