"""Who may see and do what. Every query on requests starts from visible_tickets(); views and buttons ask can_*().

Rights are read at each request, so that a removal acts at once (ACC-3).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import reduce
from operator import and_, or_
from typing import Any

from peewee import JOIN, ModelSelect

from domain import settings, statements
from domain.lifecycle import CLOSED_TO_ANSWERS
from domain.refusals import NotNow
from models import (
    Announcement,
    AnnouncementTarget,
    Article,
    Idea,
    Membership,
    Organisation,
    Participant,
    PartnerLink,
    PartnerOpening,
    Person,
    Ticket,
)

STAFF_ROLES = ("agent", "account_manager", "admin")


def initials(name: str) -> str:
    """Two letters for the round mark beside a name: of its first and its last word."""
    words = name.replace("-", " ").split()
    return "".join(word[0] for word in (words[:1] + words[-1:] if len(words) > 1 else words)).upper()


@dataclass(frozen=True, slots=True)
class Rights:
    """What a person may do in one organisation."""

    organisation_id: int
    organisation_name: str
    role: str
    can_open: bool
    can_see_all: bool
    can_answer: bool
    # The organisation through which one acts, when these are rights in a client of it (ACC-18).
    partner_id: int | None = None
    partner_name: str = ""


@dataclass(frozen=True, slots=True)
class Client:
    """An organisation for which one's own acts, by a link as it is now (ACC-18).

    `partner`: one's rights in the organisation that acts. `reads`: "opened", what the partner opened, or "all".
    """

    organisation_id: int
    organisation_name: str
    may_open: bool
    reads: str
    partner: Rights

    @property
    def rights(self) -> Rights:
        """What one may do for the client: as in the organisation that acts for it, and never more than a contact."""
        return replace(
            self.partner,
            organisation_id=self.organisation_id,
            organisation_name=self.organisation_name,
            role="partner",
            partner_id=self.partner.organisation_id,
            partner_name=self.partner.organisation_name,
        )


@dataclass(frozen=True, slots=True)
class Viewing:
    """An admin who sees the portal as somebody else does (STAFF-9): who, whom, until when (aware UTC).

    `over`: why it has just ended (time, rights, person); empty while it lasts.
    """

    by_id: int
    person_id: int
    until: datetime
    over: str = ""


@dataclass(frozen=True, slots=True)
class Viewer:
    """The person who reads or acts, with rights as they are now. This is what `by=` means everywhere."""

    id: int
    full_name: str
    email: str
    username: str
    language: str
    time_zone: str
    staff_role: str | None
    is_supervisor: bool
    is_active: bool
    email_verified: bool
    memberships: tuple[Rights, ...] = ()
    # The clients of one's own organisations: never those of a client, which is nobody's own (ACC-18).
    clients: tuple[Client, ...] = ()
    # Set when an admin sees the portal as this person does, and once more when that has just ended, on the admin.
    viewing: Viewing | None = None

    # Flask-Login asks for these three.
    is_authenticated = True
    is_anonymous = False

    def get_id(self) -> str:
        """The key of the person, as text."""
        return str(self.id)

    @property
    def is_staff(self) -> bool:
        """A member of the vendor's staff, whatever the role."""
        return self.staff_role is not None

    @property
    def is_agent(self) -> bool:
        """Works at the desk: agents and admins. An account manager does not."""
        return self.staff_role in ("agent", "admin")

    @property
    def is_admin(self) -> bool:
        """Runs the portal."""
        return self.staff_role == "admin"

    @property
    def is_viewed(self) -> bool:
        """An admin reads as this person: nothing may be written (STAFF-9)."""
        return self.viewing is not None and not self.viewing.over

    @property
    def first_name(self) -> str:
        """The name to greet with."""
        return self.full_name.split(" ", 1)[0]

    @property
    def initials(self) -> str:
        """Two letters for the round mark beside the name."""
        return initials(self.full_name)

    @property
    def organisation_name(self) -> str:
        """The organisation shown in the header; empty for staff and for those not attached yet."""
        return self.memberships[0].organisation_name if self.memberships else ""

    @property
    def may_open_requests(self) -> bool:
        """May open a request for at least one organisation (ACC-3)."""
        return bool(self.opens_for)

    @property
    def opens_for(self) -> tuple[Rights, ...]:
        """The organisations for which this person may open requests: one's own, then their clients (ACC-18)."""
        who = settings.get("who_may_open")
        if self.is_staff or not self.is_active:
            return ()
        own = tuple(rights for rights in self.memberships if who != "approved" or rights.can_open)
        if not self.clients:
            return own
        found = {rights.organisation_id: rights for rights in own}
        for client in self.clients:
            if client.may_open and (who != "approved" or client.partner.can_open):
                found.setdefault(client.organisation_id, client.rights)
        return tuple(found.values())

    @property
    def reads_charts(self) -> bool:
        """Reads the figures of at least one organisation (VIEW-11)."""
        return bool(reads_charts_of(self))

    @property
    def administers(self) -> tuple[Rights, ...]:
        """The organisations whose approved contacts this person manages."""
        return tuple(rights for rights in self.memberships if rights.role == "administrator")


_Client = Organisation.alias("client")
_PERSON_COLUMNS = (
    Person.id,
    Person.full_name,
    Person.email,
    Person.username,
    Person.language,
    Person.time_zone,
    Person.staff_role,
    Person.is_supervisor,
    Person.is_active,
    Person.email_verified_at,
    Membership.organisation,
    Organisation.name,
    Membership.role,
    Membership.can_open,
    Membership.can_see_all,
    Membership.can_answer,
    PartnerLink.client,
    _Client.name,
    PartnerLink.may_open,
    PartnerLink.reads,
    PartnerLink.until,
)


def standing_links() -> Any:
    """The condition of a link between organisations that has begun and was not ended (ACC-18)."""
    return PartnerLink.begun_at.is_null(False) & PartnerLink.ended_at.is_null()


def viewer_query() -> ModelSelect:
    """Persons joined with their living memberships, and those with the clients of their organisations.

    One row for each membership and each client of it, at least one for each person.
    """
    return (
        Person.select(*_PERSON_COLUMNS)
        .join(
            Membership,
            JOIN.LEFT_OUTER,
            on=((Membership.person == Person.id) & Membership.removed_at.is_null()),
        )
        .join(
            Organisation,
            JOIN.LEFT_OUTER,
            on=((Organisation.id == Membership.organisation) & (Organisation.is_active == True)),  # noqa: E712
        )
        .join(
            PartnerLink,
            JOIN.LEFT_OUTER,
            on=((PartnerLink.partner == Organisation.id) & standing_links()),
        )
        .join(
            _Client,
            JOIN.LEFT_OUTER,
            on=((_Client.id == PartnerLink.client) & (_Client.is_active == True)),  # noqa: E712
        )
        .order_by(Membership.id, PartnerLink.id)
    )


def viewer_from_rows(rows: list[tuple[Any, ...]], now: datetime | None = None) -> Viewer | None:
    """Make a viewer of the rows of viewer_query() for one person, as tuples; None when there are none.

    Arguments: now, aware UTC, at which links between organisations must not be over; without it those count that no
    verb and no job has ended yet.
    """
    if not rows:
        return None
    first = rows[0]
    own: dict[int, Rights] = {}
    clients = []
    moment = PartnerLink.until.python_value
    for row in rows:
        if row[10] is None or row[11] is None:
            continue
        rights = own.setdefault(
            row[10], Rights(row[10], row[11], row[12], bool(row[13]), bool(row[14]), bool(row[15]))
        )
        if row[17] is None:
            continue
        if now is None or row[20] is None or now < moment(row[20]):
            clients.append(Client(row[16], row[17], bool(row[18]), row[19], rights))
    return Viewer(
        id=first[0],
        full_name=first[1],
        email=first[2],
        username=first[3],
        language=first[4],
        time_zone=first[5],
        staff_role=first[6],
        is_supervisor=bool(first[7]),
        is_active=bool(first[8]),
        email_verified=first[9] is not None,
        memberships=tuple(own.values()),
        clients=tuple(clients),
    )


def load_viewer(person_id: int, now: datetime | None = None) -> Viewer | None:
    """The person with this key and their rights as they are now, or None. One query.

    Arguments: as viewer_from_rows().
    """
    this = statements.stand_in(0)
    return viewer_from_rows(
        statements.tuples(
            "policies.viewer", lambda: viewer_query().where(Person.id == this), {this: person_id}
        ),
        now,
    )


def visible_tickets(viewer: Viewer | None) -> ModelSelect:
    """The requests this person may know of (ACC-3, VIEW-1, VIEW-5, VIEW-13): the only start of such a query.

    Agents see all. An account manager sees what was shared, in the organisations managed. A customer sees
    own requests, those with an audience that includes them, those where they are in CC, collaborator or
    named reader, and those of the clients of their organisation as far as the link allows (ACC-18).
    "Only me" hides from colleagues, never from the organisation's administrators.
    """
    query = Ticket.select()
    if viewer is None or not viewer.is_active:
        return query.where(Ticket.id < 0)
    opened = []
    for way in WAYS:
        conditions = way.conditions(viewer)
        if conditions is None:
            continue
        if not conditions:
            return query
        opened.append(reduce(and_, conditions))
    return query.where(reduce(or_, opened) if opened else Ticket.id < 0)


@dataclass(frozen=True, slots=True)
class Way:
    """One way in which somebody with an active account comes to know of a request; open when all its facts hold.

    `facts`: a key and a function of the person. It returns True or False where the person alone decides, else a
    condition on the request.
    """

    key: str
    facts: tuple[tuple[str, Callable[[Viewer], Any]], ...]

    def conditions(self, viewer: Viewer) -> list[Any] | None:
        """What must hold of a request for this person to know of it this way: None for never, empty for always."""
        found = []
        for _key, fact in self.facts:
            holds = fact(viewer)
            if holds is False:
                return None
            if holds is not True:
                found.append(holds)
        return found


def _in(organisation_ids: list[int]) -> Any:
    """The condition that a request belongs to one of these organisations; False when there are none."""
    return Ticket.organisation.in_(organisation_ids) if organisation_ids else False


def _is_customer(viewer: Viewer) -> bool:
    return viewer.staff_role is None


def _in_managed(viewer: Viewer) -> Any:
    return Ticket.organisation.in_(
        Organisation.select(Organisation.id).where(Organisation.account_manager == viewer.id)
    )


def _takes_part(viewer: Viewer) -> Any:
    return Ticket.id.in_(Participant.select(Participant.ticket).where(Participant.person == viewer.id))


def _in_own(viewer: Viewer) -> Any:
    return _in([rights.organisation_id for rights in viewer.memberships])


def _in_administered(viewer: Viewer) -> Any:
    return _in([rights.organisation_id for rights in viewer.memberships if rights.role == "administrator"])


def _in_read(viewer: Viewer) -> Any:
    return _in(
        [
            rights.organisation_id
            for rights in viewer.memberships
            if rights.role != "administrator" and reads_all(rights)
        ]
    )


def _opened_by(partner_ids: list[int]) -> Any:
    """The condition that a request was opened by the people of one of these partners."""
    return Ticket.id.in_(
        PartnerOpening.select(PartnerOpening.ticket).where(PartnerOpening.partner.in_(partner_ids))
    )


def _opened_for(clients: list[Client]) -> Any:
    """The condition that a request belongs to one of these clients and came through its partner."""
    of_partner: dict[int, list[int]] = {}
    for client in clients:
        of_partner.setdefault(client.partner.organisation_id, []).append(client.organisation_id)
    found = [
        Ticket.organisation.in_(keys) & _opened_by([partner_id]) for partner_id, keys in of_partner.items()
    ]
    return reduce(or_, found) if found else False


def _came_through(viewer: Viewer) -> Any:
    return _opened_for(list(viewer.clients))


def _read_for_clients(viewer: Viewer) -> Any:
    reading = [client for client in viewer.clients if reads_all(client.partner)]
    whole = _in([client.organisation_id for client in reading if client.reads == "all"])
    opened = _opened_for([client for client in reading if client.reads != "all"])
    found = [condition for condition in (whole, opened) if condition is not False]
    return reduce(or_, found) if found else False


# Every way to know of a request; one that is open is enough. visible_tickets() and the page that explains
# (explaining.py) are both made of this table.
WAYS: tuple[Way, ...] = (
    Way("desk", (("desk", lambda viewer: viewer.is_agent),)),
    Way(
        "account_manager",
        (
            ("account_manager", lambda viewer: viewer.staff_role == "account_manager"),
            ("manages", _in_managed),
            ("shared", lambda viewer: Ticket.shared_with_account_manager),
        ),
    ),
    # In CC is by address: it counts once the address is proven to be this person's (VIEW-5).
    Way(
        "participant",
        (
            ("customer", _is_customer),
            ("proven", lambda viewer: viewer.email_verified),
            ("participant", _takes_part),
        ),
    ),
    # A requester who left the organisation leaves the requests with it (ACC-3).
    Way(
        "requester",
        (
            ("customer", _is_customer),
            ("requester", lambda viewer: Ticket.requester == viewer.id),
            ("member", _in_own),
        ),
    ),
    Way("administrator", (("customer", _is_customer), ("administrator", _in_administered))),
    Way(
        "colleague",
        (
            ("customer", _is_customer),
            ("reads_all", _in_read),
            ("open", lambda viewer: Ticket.audience == "organisation"),
        ),
    ),
    # Whoever opened it for a client keeps it as long as the link stands; colleagues of theirs read what the link
    # allows, and never what is not open to the whole organisation, its administrators included (ACC-18).
    Way(
        "partner_requester",
        (
            ("customer", _is_customer),
            ("requester", lambda viewer: Ticket.requester == viewer.id),
            ("acts_for", _came_through),
        ),
    ),
    Way(
        "partner",
        (
            ("customer", _is_customer),
            ("reads_clients", _read_for_clients),
            ("open", lambda viewer: Ticket.audience == "organisation"),
        ),
    ),
)


_THIS = statements.stand_in(100)


def administrators(organisation_id: int) -> list[Person]:
    """The living administrators of an organisation, in order: whom mails about it go to. One query."""
    return list(
        Person.select()
        .join(Membership, on=(Membership.person == Person.id))
        .where(
            (Membership.organisation == organisation_id)
            & (Membership.role == "administrator")
            & Membership.removed_at.is_null()
            & (Person.is_active == True)  # noqa: E712
        )
        .order_by(Person.id)
    )


def managed_by(viewer: Viewer) -> list[int]:
    """The organisations whose account manager this person is. One query."""
    managed = Organisation.select(Organisation.id).where(Organisation.account_manager == viewer.id)
    return [organisation_id for (organisation_id,) in managed.tuples()]


# Stand-ins of clients begin here: pages have their own from 100 on.
_CLIENTS = 10_000


def with_stand_ins(viewer: Viewer) -> tuple[Viewer, dict[Any, Any]]:
    """The same rights without the person: what a statement is built for when many share it (statements.py).

    Returns a viewer whose keys are stand-ins, equal for all who have equal rights, and the real key of each stand-in.
    """
    given: dict[Any, Any] = {statements.stand_in(0): viewer.id}
    memberships = []
    for place, rights in enumerate(viewer.memberships, 1):
        key = statements.stand_in(place)
        given[key] = rights.organisation_id
        memberships.append(replace(rights, organisation_id=key, organisation_name=""))
    own = dict(zip((rights.organisation_id for rights in viewer.memberships), memberships, strict=True))
    clients = []
    for place, client in enumerate(viewer.clients, 1 + len(memberships)):
        key = statements.stand_in(_CLIENTS + place)
        given[key] = client.organisation_id
        clients.append(
            replace(
                client, organisation_id=key, organisation_name="", partner=own[client.partner.organisation_id]
            )
        )
    anybody = replace(
        viewer,
        id=statements.stand_in(0),
        full_name="",
        email="",
        username="",
        language="",
        time_zone="",
        memberships=tuple(memberships),
        clients=tuple(clients),
    )
    return anybody, given


def reading_rule() -> tuple[bool, bool]:
    """What decides, besides rights, who reads the requests of an organisation: in the name of shared statements."""
    return bool(settings.get("contacts_see_all")), bool(settings.get("members_see_all"))


def reads_all(rights: Rights) -> bool:
    """True for a member who reads the requests that colleagues left open to the organisation (VIEW-1).

    By setting: every member, designated contacts, or administrators alone, who always do.
    """
    if rights.role == "administrator":
        return True
    contacts_do, members_do = reading_rule()
    return members_do or (rights.can_see_all and contacts_do)


def completes_all(rights: Rights) -> bool:
    """True for a member who answers the requests of colleagues that they may read (VIEW-1, VIEW-5)."""
    return rights.can_answer or bool(settings.get("members_answer"))


def could_be_number(text: str) -> bool:
    """False for what no request is ever numbered: the database is not asked, whatever somebody put in an address."""
    return 0 < len(text) <= 20 and text.isascii() and text.isprintable()


def find_ticket(viewer: Viewer | None, number: str) -> Ticket | None:
    """The request with this public number if this person may know of it, else None."""
    if not could_be_number(number):
        return None
    return visible_tickets(viewer).where(Ticket.number == number.upper()).first()


def can_see(viewer: Viewer | None, ticket: Ticket) -> bool:
    """True when the person may know of this request: asks the same query as the lists."""
    if viewer is None or not viewer.is_active:
        return False
    anybody, given = with_stand_ins(viewer)
    return bool(
        statements.tuples(
            ("policies.can_see", anybody, reading_rule()),
            lambda: visible_tickets(anybody).select(Ticket.id).where(Ticket.id == _THIS),
            {**given, _THIS: ticket.id},
        )
    )


def rights_in(viewer: Viewer, organisation_id: int) -> Rights | None:
    """The rights of a person in an organisation, or None."""
    for rights in viewer.memberships:
        if rights.organisation_id == organisation_id:
            return rights
    return None


def acts_for(viewer: Viewer, ticket: Ticket) -> Rights | None:
    """The rights by which a partner's people act on a request that came through their organisation (ACC-18).

    None once the link is over, for requests that the client opened itself, and for everybody else. One query for those
    whose organisation acts for this client, none for all others.
    """
    here = [client for client in viewer.clients if client.organisation_id == ticket.organisation_id]
    if not here:
        return None
    opening = PartnerOpening.select(PartnerOpening.partner).where(PartnerOpening.ticket == ticket.id)
    partner_id = opening.tuples().first()
    return next((client.rights for client in here if (client.partner.organisation_id,) == partner_id), None)


def partner_of(ticket: Ticket, now: datetime) -> int | None:
    """The partner through which a request came, as long as its link stands (ACC-18); None without one. One query.

    Arguments: now, aware UTC.
    """
    row = (
        PartnerOpening.select(PartnerOpening.partner)
        .join(PartnerLink, on=(PartnerLink.partner == PartnerOpening.partner))
        .where(
            (PartnerOpening.ticket == ticket.id)
            & (PartnerLink.client == ticket.organisation_id)
            & standing_links()
            & (PartnerLink.until.is_null() | (PartnerLink.until > now))
        )
        .tuples()
        .first()
    )
    return row[0] if row is not None else None


def rights_on(viewer: Viewer, ticket: Ticket) -> Rights | None:
    """The rights of a person on one request: in its organisation, or as one of the partner that opened it."""
    return rights_in(viewer, ticket.organisation_id) or acts_for(viewer, ticket)


def participates(viewer: Viewer, ticket: Ticket) -> bool:
    """True when the person is in CC or a collaborator of this request, with a proven address."""
    return (
        viewer.email_verified
        and Participant.select()
        .where(
            (Participant.ticket == ticket.id)
            & (Participant.person == viewer.id)
            & (Participant.role.in_(("cc", "collaborator")))
        )
        .exists()
    )


def may_answer(viewer: Viewer | None, ticket: Ticket) -> bool:
    """True when the person has the right to write on this request's thread, whatever its status (VIEW-5, VIEW-6)."""
    if viewer is None or not viewer.is_active:
        return False
    if viewer.is_staff:
        return viewer.is_agent
    rights = rights_on(viewer, ticket)
    if rights and (ticket.requester_id == viewer.id or (completes_all(rights) and can_see(viewer, ticket))):
        return True
    return participates(viewer, ticket)


def can_reply(viewer: Viewer | None, ticket: Ticket) -> bool:
    """True when an answer would be taken now: the right to write, and a thread that still takes words (LIFE-5)."""
    return ticket.status not in CLOSED_TO_ANSWERS and may_answer(viewer, ticket)


def can_note(viewer: Viewer | None, ticket: Ticket) -> bool:
    """True for those who may write and read internal notes: the desk."""
    return viewer is not None and viewer.is_active and viewer.is_agent


def can_work(viewer: Viewer | None, ticket: Ticket) -> bool:
    """True for those who may take, assign, move and qualify a request: the desk."""
    return can_note(viewer, ticket)


def can_close(viewer: Viewer | None, ticket: Ticket) -> bool:
    """True when the person may close this request now (LIFE-8): the desk, or a customer who may answer."""
    if ticket.status in ("closed", "expired"):
        return False
    return may_answer(viewer, ticket)


def can_follow_up(viewer: Viewer | None, ticket: Ticket) -> bool:
    """True when the person may open a follow-up of this closed request (LIFE-5). A merged one goes on elsewhere."""
    if viewer is None or viewer.is_staff or ticket.status not in ("closed", "expired"):
        return False
    if ticket.merged_into_id is not None:
        return False
    return any(rights.organisation_id == ticket.organisation_id for rights in viewer.opens_for)


def goes_on_in(viewer: Viewer | None, ticket: Ticket) -> Ticket | None:
    """The request in which a merged one goes on, if this person may know of it (LIFE-16). No query for any other."""
    if ticket.merged_into_id is None:
        return None
    return visible_tickets(viewer).where(Ticket.id == ticket.merged_into_id).first()


def over(viewer: Viewer | None, ticket: Ticket) -> NotNow:
    """Why a closed request takes no word: it is closed, or it goes on in another one, named to those who may see it."""
    if ticket.merged_into_id is None:
        return NotNow("ticket-closed", number=ticket.number)
    into = goes_on_in(viewer, ticket)
    return NotNow("ticket-merged", number=ticket.number, into=into.number if into else "")


def may_hand_over(viewer: Viewer | None, ticket: Ticket) -> bool:
    """True for those who may give a request another requester, whatever its status (LIFE-18).

    Its requester while they are of the organisation, an administrator of the organisation, and the desk.
    """
    if viewer is None or not viewer.is_active:
        return False
    if viewer.is_staff:
        return viewer.is_agent
    rights = rights_in(viewer, ticket.organisation_id)
    return rights is not None and (ticket.requester_id == viewer.id or rights.role == "administrator")


def can_hand_over(viewer: Viewer | None, ticket: Ticket) -> bool:
    """True when the person may hand this request to a colleague now: it is not over (LIFE-18)."""
    return ticket.status not in ("closed", "expired") and may_hand_over(viewer, ticket)


def can_change_audience(viewer: Viewer | None, ticket: Ticket) -> bool:
    """True for those who decide who can see a request (VIEW-13): its requester while they are of the organisation,
    its administrators, and the desk. Whatever its status: what is over can still be read.
    """
    return may_hand_over(viewer, ticket)


def can_change_cc(viewer: Viewer | None, ticket: Ticket) -> bool:
    """True for the requester, a colleague who may answer, and the desk (VIEW-5). Those only in CC may not."""
    if viewer is None or not viewer.is_active or ticket.status in ("closed", "expired"):
        return False
    if viewer.is_staff:
        return viewer.is_agent
    return _speaks_for(viewer, ticket)


def may_contest(viewer: Viewer | None, ticket: Ticket) -> bool:
    """True for the requester and a colleague who may answer (LIFE-10): it is done once, so those in CC may not."""
    return viewer is not None and viewer.is_active and not viewer.is_staff and _speaks_for(viewer, ticket)


def _speaks_for(viewer: Viewer, ticket: Ticket) -> bool:
    rights = rights_on(viewer, ticket)
    return rights is not None and (
        ticket.requester_id == viewer.id or (completes_all(rights) and can_see(viewer, ticket))
    )


def can_open_for(viewer: Viewer | None, organisation_id: int) -> bool:
    """True when the person may open a request for this organisation (ACC-3)."""
    return viewer is not None and any(
        rights.organisation_id == organisation_id for rights in viewer.opens_for
    )


def opens_through(viewer: Viewer, organisation_id: int) -> int | None:
    """The partner through which this person would open a request for an organisation; None for one of their own."""
    return next((r.partner_id for r in viewer.opens_for if r.organisation_id == organisation_id), None)


def can_open_in_name_of(viewer: Viewer, organisation_id: int, requester_id: int) -> bool:
    """True for oneself, and for an organisation's administrator who chooses a living member of it (REQ-2)."""
    if not can_open_for(viewer, organisation_id):
        return False
    if viewer.id == requester_id:
        return True
    rights = rights_in(viewer, organisation_id)
    # Nobody opens in the name of the people of a client (ACC-18).
    if rights is None or rights.role != "administrator":
        return False
    return (
        Membership.select()
        .join(Person)
        .where(
            (Membership.person == requester_id)
            & (Membership.organisation == organisation_id)
            & Membership.removed_at.is_null()
            & (Person.is_active == True)  # noqa: E712
        )
        .exists()
    )


def reads_charts_of(viewer: Viewer | None) -> tuple[Rights, ...]:
    """The organisations whose figures this person reads (VIEW-11): where they read all requests, or administer."""
    if viewer is None or not viewer.is_active or viewer.is_staff:
        return ()
    return tuple(rights for rights in viewer.memberships if reads_all(rights))


# ---- Articles ----------------------------------------------------------------------------------------


def visible_articles(viewer: Viewer | None) -> ModelSelect:
    """The articles this person may know of (VIEW-9): the only start of such a query.

    Without an account the public ones, signed in those for customers too, staff all that are published. The desk
    reads drafts as well, so that a colleague can look at one before customers do.
    """
    query = Article.select()
    if viewer is None or not viewer.is_active:
        return query.where((Article.state == "published") & (Article.audience == "public"))
    if viewer.is_agent:
        return query
    if viewer.is_staff:
        return query.where(Article.state == "published")
    return query.where((Article.state == "published") & Article.audience.in_(("public", "customers")))


def can_rate(viewer: Viewer | None, article: Article) -> bool:
    """True when the person may say whether this article helped: with an account, once it is published."""
    return viewer is not None and viewer.is_active and article.state == "published"


def can_edit_articles(viewer: Viewer | None) -> bool:
    """True for those who write articles, on the admin screens."""
    return viewer is not None and viewer.is_active and viewer.is_admin


# ---- Service status and announcements ------------------------------------------------------------------


def can_run_incidents(viewer: Viewer | None) -> bool:
    """True for those who open an incident of the status page, say what is new and answer all who joined: the desk.

    Any agent: at night the one who is there must not have to wait for a supervisor (VIEW-14).
    """
    return viewer is not None and viewer.is_active and viewer.is_agent


def visible_announcements(viewer: Viewer | None) -> ModelSelect:
    """The announcements meant for this person, past and coming ones too (VIEW-8): the only start of such a query.

    Strangers read the public ones, customers those for everybody who signs in and for their organisations; staff those
    of the team and those for everybody, agents also what only some organisations read: they are asked about it.
    """
    query = Announcement.select()
    if viewer is None or not viewer.is_active:
        return query.where(Announcement.audience == "public")
    if viewer.is_agent:
        return query
    sees = Announcement.audience.in_(("public", "customers"))
    if viewer.is_staff:
        return query.where(sees | (Announcement.audience == "staff"))
    mine = [rights.organisation_id for rights in viewer.memberships]
    if mine:
        targets = AnnouncementTarget.select(AnnouncementTarget.announcement)
        sees |= (Announcement.audience == "organisations") & Announcement.id.in_(
            targets.where(AnnouncementTarget.organisation.in_(mine))
        )
    return query.where(sees)


# ---- Ideas -------------------------------------------------------------------------------------------


def can_read_ideas(viewer: Viewer | None) -> bool:
    """True for staff and for members of an organisation, approved or not (ACC-3): others wait to be attached."""
    return viewer is not None and viewer.is_active and (viewer.is_staff or bool(viewer.memberships))


def visible_ideas(viewer: Viewer | None) -> ModelSelect:
    """The ideas this person may know of (VIEW-10): the only start of such a query.

    Ideas are told to the customers of all organisations. What staff hid is there for the desk, and for its author,
    who reads why.
    """
    query = Idea.select()
    if viewer is None or not can_read_ideas(viewer):
        return query.where(Idea.id < 0)
    if viewer.is_agent:
        return query
    return query.where(Idea.hidden_at.is_null() | (Idea.author == viewer.id))


def can_moderate_ideas(viewer: Viewer | None) -> bool:
    """True for those who move, hide and merge ideas: the desk."""
    return viewer is not None and viewer.is_active and viewer.is_agent


def can_take_part(viewer: Viewer | None, idea: Idea) -> bool:
    """True when the person may write on this idea and follow it now."""
    return can_read_ideas(viewer) and idea.hidden_at is None and idea.merged_into_id is None


def can_vote(viewer: Viewer | None, idea: Idea) -> bool:
    """True when the person may say that they want this idea too: an open idea of somebody else."""
    return (
        viewer is not None
        and can_take_part(viewer, idea)
        and idea.kind == "idea"
        and idea.state not in ("done", "not_kept")
        and idea.author_id != viewer.id
    )


def can_edit_idea(viewer: Viewer | None, idea: Idea, now: datetime) -> bool:
    """True for its author, for some minutes, as long as nobody has voted or written: they answered other words."""
    return (
        viewer is not None
        and can_take_part(viewer, idea)
        and idea.author_id == viewer.id
        and not idea.votes
        and not idea.comments
        and idea.state == "submitted"
        and now < idea.created_at + timedelta(minutes=settings.get("idea_edit_minutes"))
    )


def can_read_rating(viewer: Viewer, ticket: Ticket) -> bool:
    """Of those who see a request, its requester and the desk read how it went (VIEW-17); colleagues do not."""
    return viewer.is_agent or viewer.id == ticket.requester_id


def can_read_reports(viewer: Viewer) -> bool:
    """Supervisors and admins read what is counted of the whole portal."""
    return viewer.is_active and viewer.is_agent and (viewer.is_supervisor or viewer.is_admin)
