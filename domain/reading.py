"""What the page of one request reads: thread, history, files, people; a constant number of queries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from peewee import JOIN, ModelSelect, fn

from domain import files, policies, statements
from domain.policies import Viewer
from models import (
    Attachment,
    LicenceRequest,
    Message,
    NamedPerson,
    Organisation,
    Participant,
    PartnerLink,
    PartnerOpening,
    Person,
    Product,
    ReadMark,
    Redaction,
    Team,
    Ticket,
    TicketEvent,
    TicketRead,
)

# A longer thread shows its first message and its last ones, with a link to all.
THREAD_SHOWN = 60

_Requester = Person.alias("requester")
_Assignee = Person.alias("assignee")
_OpenedBy = Person.alias("opened_by")
_Manager = Person.alias("manager")
_Partner = Organisation.alias("partner")


@dataclass
class Reading:
    """A request with all that its page shows to this viewer: nothing here is hidden from them."""

    ticket: Ticket
    messages: list[Message]
    events: list[TicketEvent]
    files_of: dict[int, list[Attachment]]
    files: list[Attachment]
    participants: list[Participant]
    named_people: list[NamedPerson]
    licence: LicenceRequest | None
    left_out: int = 0
    parent: Ticket | None = None
    follow_ups: list[Ticket] = field(default_factory=list)
    # By merging and splitting (LIFE-16): where it goes on, what goes on in it, what it was split from and into.
    merged_into: Ticket | None = None
    merged: list[Ticket] = field(default_factory=list)
    split_of: Ticket | None = None
    splits: list[Ticket] = field(default_factory=list)
    # The numbers among these that the viewer may know of: sentences of the history name no other.
    kin: frozenset[str] = frozenset()
    # Those whom the audience names: they read, and get no news (VIEW-13).
    readers: list[Participant] = field(default_factory=list)
    names: dict[int, Person] = field(default_factory=dict)


def _named(people: Any) -> tuple[Any, ...]:
    """What a page says of a person: never the whole row."""
    return people.id, people.full_name, people.email


def load(viewer: Viewer, number: str) -> Ticket | None:
    """The request with this number, with the rows its page names, if this person may know of it. One query."""
    if not policies.could_be_number(number):
        return None
    anybody, given = policies.with_stand_ins(viewer)
    given["number"] = number.upper()
    found = statements.rows(("reading.load", anybody, _rule()), lambda: _load(anybody), given)
    return found[0] if found else None


def _rule() -> Any:
    """The setting on which visibility depends besides the viewer."""
    return policies.reading_rule()


def _load(viewer: Viewer) -> ModelSelect:
    return (
        policies.visible_tickets(viewer)
        .select(
            Ticket,
            Organisation.id,
            Organisation.name,
            Organisation.slug,
            *_named(_Manager),
            _Manager.is_active,
            _Manager.staff_role,
            *_named(_Requester),
            *_named(_OpenedBy),
            *_named(_Assignee),
            Team,
            Product,
            # How far this person has read it: unread.py compares it with the thread (VIEW-16).
            fn.COALESCE(TicketRead.message_id, ReadMark.message_id).alias("seen_to"),
            # The partner that opened it, and whether its organisation is a client of any (ACC-18).
            fn.COALESCE(_Partner.name, "").alias("partner_name"),
            fn.EXISTS(
                PartnerLink.select(PartnerLink.id).where(
                    (PartnerLink.client == Ticket.organisation) & policies.standing_links()
                )
            ).alias("has_partners"),
        )
        .join(Organisation, on=(Ticket.organisation == Organisation.id))
        .join(
            _Manager,
            JOIN.LEFT_OUTER,
            on=(Organisation.account_manager == _Manager.id),
            attr="account_manager",
        )
        .switch(Ticket)
        .join(_Requester, on=(Ticket.requester == _Requester.id), attr="requester")
        .switch(Ticket)
        .join(_OpenedBy, on=(Ticket.opened_by == _OpenedBy.id), attr="opened_by")
        .switch(Ticket)
        .join(_Assignee, JOIN.LEFT_OUTER, on=(Ticket.assignee == _Assignee.id), attr="assignee")
        .switch(Ticket)
        .join(Team, JOIN.LEFT_OUTER, on=(Ticket.team == Team.id))
        .switch(Ticket)
        .join(Product, JOIN.LEFT_OUTER, on=(Ticket.product == Product.id))
        .switch(Ticket)
        .join(PartnerOpening, JOIN.LEFT_OUTER, on=(PartnerOpening.ticket == Ticket.id), attr="opening")
        .join(_Partner, JOIN.LEFT_OUTER, on=(PartnerOpening.partner == _Partner.id), attr="partner")
        .switch(Ticket)
        .join(ReadMark, JOIN.LEFT_OUTER, on=(ReadMark.person == viewer.id), attr="mark")
        .switch(Ticket)
        .join(
            TicketRead,
            JOIN.LEFT_OUTER,
            on=((TicketRead.person == viewer.id) & (TicketRead.ticket == Ticket.id)),
            attr="read",
        )
        .where(Ticket.number == "number")
        .limit(1)
    )


def read(viewer: Viewer, ticket: Ticket, *, whole: bool = False) -> Reading:
    """All that the page of a request shows to this person.

    Arguments: ticket, from load(); whole, the whole thread even when it is long.
    Notes, their files and internal events are left out for anybody who is not at the desk.
    """
    inside = policies.can_note(viewer, ticket)
    messages, left_out = _messages(ticket, inside, whole)
    attachments = files.of_ticket(ticket, viewer)
    files_of: dict[int, list[Attachment]] = {}
    for attachment in attachments:
        files_of.setdefault(attachment.message_id, []).append(attachment)
    anybody, given = policies.with_stand_ins(viewer)
    given[_PARENT] = ticket.follow_up_of_id or 0
    given[_INTO], given[_WHOLE] = ticket.merged_into_id or 0, ticket.split_of_id or 0
    visible_kin = _rows_of(ticket, ("kin", anybody, _rule()), lambda: _kin(anybody), given)
    licences = _rows_of(
        ticket, "licence", lambda: LicenceRequest.select().where(LicenceRequest.ticket == _THIS).limit(1)
    )
    attached = participants(ticket)
    reading = Reading(
        ticket=ticket,
        messages=messages,
        events=_rows_of(ticket, ("events", inside), lambda: _events(inside))[::-1],
        files_of=files_of,
        files=attachments,
        participants=[row for row in attached if row.role != "reader"],
        readers=[row for row in attached if row.role == "reader"],
        named_people=_rows_of(
            ticket,
            "named people",
            lambda: NamedPerson.select().where(NamedPerson.ticket == _THIS).order_by(NamedPerson.id),
        ),
        licence=licences[0] if licences else None,
        left_out=left_out,
        parent=next((row for row in visible_kin if row.id == ticket.follow_up_of_id), None),
        follow_ups=[row for row in visible_kin if row.follow_up_of_id == ticket.id],
        merged_into=next((row for row in visible_kin if row.id == ticket.merged_into_id), None),
        merged=[row for row in visible_kin if row.merged_into_id == ticket.id],
        split_of=next((row for row in visible_kin if row.id == ticket.split_of_id), None),
        splits=[row for row in visible_kin if row.split_of_id == ticket.id],
        kin=frozenset(row.number for row in visible_kin),
    )
    reading.names = _names(reading.events)
    return reading


# What stands for the key of the request, and for those of the requests it follows, goes on in and was split from, while
# a statement is built.
_THIS, _PARENT = statements.stand_in(100), statements.stand_in(101)
_INTO, _WHOLE = statements.stand_in(102), statements.stand_in(103)


def _rows_of(
    ticket: Ticket, key: Any, build: Callable[[], ModelSelect], given: dict[Any, Any] | None = None
) -> list[Any]:
    """Rows that belong to a request, by a statement that all requests share."""
    return statements.rows(("reading", key), build, {**(given or {}), _THIS: ticket.id})


def _kin(viewer: Viewer) -> ModelSelect:
    """What this request follows, and what follows it; by merging and splitting too (LIFE-16).

    Their keys are found first: never by way of all that one sees.
    """
    kin = Ticket.alias("kin")
    keys = kin.select(kin.id).where(
        (kin.follow_up_of == _THIS)
        | (kin.merged_into == _THIS)
        | (kin.split_of == _THIS)
        | kin.id.in_((_PARENT, _INTO, _WHOLE))
    )
    return (
        policies.visible_tickets(viewer)
        .select(
            Ticket.id,
            Ticket.number,
            Ticket.summary,
            Ticket.follow_up_of,
            Ticket.merged_into,
            Ticket.split_of,
        )
        .where(Ticket.id.in_(keys))
        .order_by(Ticket.id)
        .limit(50)
    )


def _events(inside: bool) -> ModelSelect:
    query = (
        TicketEvent.select(TicketEvent, *_named(Person))
        .join(Person, JOIN.LEFT_OUTER, on=(TicketEvent.actor == Person.id))
        .where(TicketEvent.ticket == _THIS)
    )
    if not inside:
        query = query.where(TicketEvent.is_public == True)  # noqa: E712
    return query.order_by(TicketEvent.id.desc()).limit(200)


def participants(ticket: Ticket) -> list[Participant]:
    """All who are attached to a request, of every role, with the person of each. One query."""
    return _rows_of(ticket, "participants", _participants)


def _participants() -> ModelSelect:
    return (
        Participant.select(
            Participant, *_named(Person), Person.is_active, Person.email_verified_at, Person.staff_role
        )
        .join(Person, JOIN.LEFT_OUTER, on=(Participant.person == Person.id))
        .where(Participant.ticket == _THIS)
        .order_by(Participant.id)
    )


def _thread(inside: bool) -> ModelSelect:
    query = (
        Message.select(Message, *_named(Person), fn.COALESCE(Redaction.id, 0).alias("redaction_id"))
        .join(Person, JOIN.LEFT_OUTER, on=(Message.author == Person.id))
        .switch(Message)
        .join(Redaction, JOIN.LEFT_OUTER, on=(Redaction.message == Message.id), attr="redaction")
        .where(Message.ticket == _THIS)
    )
    return query if inside else query.where(Message.kind == "reply")


def _messages(ticket: Ticket, inside: bool, whole: bool) -> tuple[list[Message], int]:
    if whole:
        return _rows_of(ticket, ("thread", inside), lambda: _thread(inside).order_by(Message.id)), 0
    latest = _rows_of(
        ticket,
        ("latest", inside),
        lambda: _thread(inside).order_by(Message.id.desc()).limit(THREAD_SHOWN + 1),
    )[::-1]
    if len(latest) <= THREAD_SHOWN:
        return latest, 0
    first = _rows_of(ticket, ("first", inside), lambda: _thread(inside).order_by(Message.id).limit(1))
    total = Message.select().where(Message.ticket == ticket.id)
    if not inside:
        total = total.where(Message.kind == "reply")
    return [*first, *latest[2:]], total.count() - THREAD_SHOWN


def _names(events: list[TicketEvent]) -> dict[int, Person]:
    """The people whom the history names besides its actors, in one query."""
    wanted: set[Any] = set()
    for event in events:
        for key in ("assignee", "before", "person_id"):
            value = event.data.get(key)
            if isinstance(value, int):
                wanted.add(value)
    return {person.id: person for person in Person.select().where(Person.id.in_(wanted))} if wanted else {}
