"""What a request form must know before it is shown or checked: who asks, for whom, on which day, what is offered.

Read once for each request of a page; nothing is changed here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from peewee import JOIN, Case

from domain import catalogue, contacts
from domain.audience import OFFERED
from domain.policies import Viewer, reading_rule
from models import (
    Calendar,
    ConsentText,
    Kind,
    Membership,
    Organisation,
    Person,
    Product,
    RequestForm,
    ScaleLevel,
)

# People of one organisation that a form reads at most.
MOST_MEMBERS = 1_000


@dataclass
class Place:
    """An organisation for which the viewer may open requests, with the people that the form names."""

    id: int
    name: str
    organisation: Organisation
    # Name of the account manager, or empty: then sharing is not offered.
    account_manager: str = ""
    # (key, name, address) of those in whose name the viewer may ask, the viewer left out.
    colleagues: list[tuple[int, str, str]] = field(default_factory=list)
    # Names of those who read a request whose audience is the organisation, and of its administrators.
    readers: list[str] = field(default_factory=list)
    administrators: list[str] = field(default_factory=list)
    # (key, name) of those to whom a request can be shown by name, the viewer left out.
    members: list[tuple[int, str]] = field(default_factory=list)
    # The organisation through which the viewer acts, for a client of it; the form names nobody of the client (ACC-18).
    partner_id: int | None = None
    partner_name: str = ""


class Occasion:
    """Who asks, when, with which form. Rows that only some forms need are read when asked for."""

    def __init__(self, form: RequestForm, viewer: Viewer, now: datetime) -> None:
        self.form = form
        self.viewer = viewer
        self.now = now
        self.today = day_of(viewer, now)

    @cached_property
    def places(self) -> list[Place]:
        """The organisations for which the viewer may open a request, in the order of the header. Two queries."""
        return places(self.viewer)

    def place(self, organisation_id: int | None) -> Place | None:
        """One of the places by the key of its organisation, or None."""
        return next((place for place in self.places if place.id == organisation_id), None)

    @cached_property
    def consent(self) -> ConsentText | None:
        """The version of the consent text in force, or None when this form asks none (REQ-3)."""
        if not self.form.asks_consent:
            return None
        return ConsentText.select().order_by(ConsentText.version.desc()).first()

    @cached_property
    def levels(self) -> list[ScaleLevel]:
        """The levels of the form's priority scale, the most pressing first."""
        return catalogue.levels(self.form.scale) if self.form.scale else []

    @cached_property
    def kinds(self) -> list[Kind]:
        """The kinds of request, with definitions and examples."""
        return catalogue.kinds()

    @cached_property
    def products(self) -> list[Product]:
        """The products, in order."""
        return catalogue.products()

    @cached_property
    def day_minutes(self) -> int:
        """Minutes of a usual working day of the team: targets of several days are told in days."""
        calendar = Calendar.select().where(Calendar.is_default).first()
        spans = (calendar.hours or {}).get("0") if calendar else None
        return sum(_minutes(end) - _minutes(start) for start, end in spans) if spans else 8 * 60


def _minutes(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)


def day_of(viewer: Viewer, now: datetime) -> date:
    """The date that the viewer's calendar shows. Arguments: now, aware."""
    try:
        zone = ZoneInfo(viewer.time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        zone = ZoneInfo("Europe/Paris")
    return now.astimezone(zone).date()


def places(viewer: Viewer) -> list[Place]:
    """The organisations for which the viewer may open requests (ACC-3), with their people. Two queries."""
    rights_of = {rights.organisation_id: rights for rights in viewer.opens_for}
    if not rights_of:
        return []
    manager = Person.alias()
    found = {
        row.id: Place(
            row.id,
            row.name,
            row,
            row.account_manager.full_name if row.account_manager else "",
            partner_id=rights_of[row.id].partner_id,
            partner_name=rights_of[row.id].partner_name,
        )
        for row in Organisation.select(Organisation, manager)
        .join(manager, JOIN.LEFT_OUTER, on=(Organisation.account_manager == manager.id))
        .where(Organisation.id.in_(list(rights_of)))
    }
    chooses_in = [key for key, rights in rights_of.items() if rights.role == "administrator"]
    members = (
        Membership.select(Membership, Person)
        .join(Person, on=(Membership.person == Person.id))
        .where(
            Membership.organisation.in_([key for key, place in found.items() if place.partner_id is None]),
            Membership.removed_at.is_null(),
            Person.is_active,
        )
        # Those whose names the form cannot do without come first, should an organisation have very many people.
        .order_by(
            Case(None, [(Membership.role == "administrator", 0), (Membership.can_see_all, 1)], 2),
            Person.full_name,
            Person.id,
        )
        .limit(MOST_MEMBERS * len(found))
    )
    contacts_do, members_do = reading_rule()
    for member in sorted(members, key=lambda row: (row.person.full_name, row.person_id)):
        place = found[member.organisation_id]
        person = member.person
        if member.role == "administrator":
            place.administrators.append(person.full_name)
        if person.id == viewer.id:
            continue
        if member.role == "administrator" or members_do or (member.can_see_all and contacts_do):
            place.readers.append(person.full_name)
        if len(place.members) < OFFERED and person.staff_role is None:
            place.members.append((person.id, person.full_name))
        if place.id in chooses_in:
            place.colleagues.append((person.id, person.full_name, person.email))
    return [found[key] for key in rights_of if key in found]


def whom_to_ask(viewer: Viewer) -> list[tuple[str, str, str]]:
    """Whom somebody who may not open requests can turn to (ACC-3): (name, address, organisation)."""
    return [
        (contact.full_name, contact.email, rights.organisation_name)
        for rights in viewer.memberships
        for contact in contacts.approvers_of(rights.organisation_id)
        if contact.person_id != viewer.id
    ]
