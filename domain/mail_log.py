"""Who was told what about a request, and when (VIEW-4, VIEW-15): its mails as its page shows them.

Customers read which mails went to the people of the request; the desk reads all of them. The text of a mail is for
whoever got it, and for the desk.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from peewee import ModelSelect

from domain import statements
from domain.refusals import Missing
from models import MailCopy, MailHold, OutboxMessage, Person, Ticket

if TYPE_CHECKING:
    from domain.policies import Viewer

# On the page of the request; the page of its mails has the others.
SHOWN_ON_REQUEST = 5
SHOWN_ON_PAGE = 200


class Entry(NamedTuple):
    """One mail of a request, for one reader.

    name: of the person, or the address when there is no account; mine: the reader is who got it; state: sent,
    waiting, hourly, daily, quiet, failed or skipped; at: when it left or is to leave, aware UTC; reason: of a skip, a
    stable key; error: what the server said, for the desk only; may_read: the reader may read its text.
    """

    id: int
    template: str
    name: str
    mine: bool
    created_at: datetime
    state: str
    at: datetime | None
    reason: str
    error: str
    may_read: bool


_THIS, _ME = statements.stand_in(0), statements.stand_in(1)


def _query(inside: bool, limit: int) -> ModelSelect:
    query = (
        OutboxMessage.select(
            OutboxMessage.id,
            OutboxMessage.template,
            OutboxMessage.recipient,
            OutboxMessage.person,
            Person.full_name,
            OutboxMessage.created_at,
            OutboxMessage.status,
            MailHold.pace,
            OutboxMessage.sent_at,
            OutboxMessage.next_try_at,
            OutboxMessage.skip_reason,
            OutboxMessage.last_error,
        )
        .left_outer_join(Person, on=(OutboxMessage.person == Person.id))
        .switch(OutboxMessage)
        .left_outer_join(MailHold, on=(MailHold.message == OutboxMessage.id))
        .where(OutboxMessage.ticket == _THIS)
        .order_by(OutboxMessage.id.desc())
        .limit(limit)
    )
    if not inside:
        # What goes to the team is the team's; what somebody else chose not to get is theirs.
        query = query.where(
            Person.staff_role.is_null()
            & ((OutboxMessage.status != "skipped") | (OutboxMessage.person == _ME))
        )
    return query


def entries(viewer: Viewer, ticket: Ticket, limit: int = SHOWN_ON_PAGE) -> list[Entry]:
    """The mails of a request, newest first. One query.

    Arguments: ticket, one that the viewer may see; limit, most mails.
    """
    inside = viewer.is_agent
    rows = statements.tuples(
        ("mail_log", inside, limit), lambda: _query(inside, limit), {_THIS: ticket.id, _ME: viewer.id}
    )
    instant = OutboxMessage.created_at.python_value
    found = []
    for row in rows:
        key, template, address, person_id, name, created, status, pace, sent, tried, reason, error = row
        mine = person_id == viewer.id
        state = status
        if status == "waiting" and pace:
            state = pace
        elif status == "failed" and not inside:
            # Whether a server refuses a colleague's address is for the team to mend.
            state = "waiting"
        found.append(
            Entry(
                id=key,
                template=template,
                name=name or address,
                mine=mine,
                created_at=instant(created),
                state=state,
                at=instant(sent if status == "sent" else tried),
                reason=reason,
                error=error if inside else "",
                may_read=status == "sent" and (inside or mine),
            )
        )
    return found


class Letter(NamedTuple):
    """One mail as it went out: to whom, when, and its text; subject and text are empty when they were not kept."""

    template: str
    name: str
    sent_at: datetime
    subject: str
    text: str


def read(viewer: Viewer, ticket: Ticket, key: int) -> Letter:
    """The whole of one mail (VIEW-4): one's own for customers, any for the desk. Links that act are left out of it.

    Arguments: ticket, one that the viewer may see; key, of the row of the outbox.
    Raises Missing for a mail of another request, for one that has not left, and for somebody else's.
    """
    row = (
        OutboxMessage.select(OutboxMessage, Person)
        .left_outer_join(Person, on=(OutboxMessage.person == Person.id), attr="reader")
        .where(
            (OutboxMessage.id == key) & (OutboxMessage.ticket == ticket.id) & (OutboxMessage.status == "sent")
        )
        .first()
    )
    if row is None or not (viewer.is_agent or row.person_id == viewer.id):
        raise Missing()
    copy = MailCopy.get_or_none(MailCopy.message == row.id)
    reader = getattr(row, "reader", None)
    return Letter(
        row.template,
        reader.full_name if reader is not None and row.person_id else row.recipient,
        row.sent_at,
        copy.subject if copy is not None else "",
        copy.text if copy is not None else "",
    )
