"""What is new since somebody's last look at a request (VIEW-16). Written when a page is read, and never in its way.

A request is read up to a message: the last one that stood on its page when this person looked. Requests that they never
opened are read up to one mark for all, set at their first sign-in and by "mark all as read".
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from peewee import JOIN, SQL, DatabaseError, InterfaceError, ModelSelect, Select, fn

import models
from domain import policies, settings, statements
from models import Message, Participant, ReadMark, Ticket, TicketRead, db, is_sqlite

if TYPE_CHECKING:
    from domain.policies import Viewer

log = logging.getLogger("guichet.unread")

# The menu counts among that many of the latest requests of each sort: those of one's own, those in copy.
MENU_READ = 50
# What a page writes about itself waits no longer than this for another writer: it is tried again at the next look.
PATIENCE_MS = 100

# On every page, so not asked anew by each: what colleagues write shows in the menu this much later at most.
COUNT_SECONDS = 10.0
MOST_COUNTS = 10_000
_counts: dict[int, tuple[float, int]] = {}

_ME, _THIS = statements.stand_in(0), statements.stand_in(100)
_FIRST_ROW = 200


def begin(person_id: int, before: datetime | None = None) -> None:
    """Let everything that is there count as read, for somebody who has no mark yet. Within the caller's transaction.

    Arguments: before, only what was written before this instant (aware UTC); None: all of it.
    """
    query = Message.select(fn.COALESCE(fn.MAX(Message.id), 0))
    latest = (query if before is None else query.where(Message.created_at < before)).scalar()
    (
        ReadMark.insert(person=person_id, message_id=latest)
        .on_conflict(action="nothing", conflict_target=[ReadMark.person])
        .execute()
    )


def mark_all(by: Viewer) -> None:
    """Let everything that is there count as read for this person."""
    forget(by.id)
    with db.atomic():
        latest = Message.select(fn.COALESCE(fn.MAX(Message.id), 0)).scalar()
        (
            ReadMark.insert(person=by.id, message_id=latest)
            .on_conflict(conflict_target=[ReadMark.person], update={ReadMark.message_id: latest})
            .execute()
        )
        # The mark says as much as all of them.
        TicketRead.delete().where((TicketRead.person == by.id) & (TicketRead.message_id <= latest)).execute()


def _seen_to() -> Any:
    """The message up to which _ME has read the request of a row; null, and so nothing new, before the first sign-in."""
    mark = ReadMark.select(ReadMark.message_id).where(ReadMark.person == _ME)
    return fn.COALESCE(TicketRead.message_id, mark)


def _is_new(inside: bool) -> Any:
    """A message that counts: after the last look, of somebody else, and for the reader's eyes."""
    new = (Message.id > _seen_to()) & (Message.author.is_null() | (Message.author != _ME))
    return new if inside else new & (Message.kind == "reply")


def _read_join(query: ModelSelect, ticket: Any) -> ModelSelect:
    return query.join(
        TicketRead, JOIN.LEFT_OUTER, on=((TicketRead.person == _ME) & (TicketRead.ticket == ticket))
    )


def of_rows(viewer: Viewer, ticket_ids: Sequence[int]) -> dict[int, int]:
    """How many messages are new in each of some requests; those without any are left out. One query at most.

    Arguments: ticket_ids, keys of requests that this person may see: rows of a list. Notes count for the desk only.
    """
    if not ticket_ids:
        return {}
    # As many places as a page has rows, so that all pages share a statement.
    size = max(settings.get("page_size"), len(ticket_ids))
    rows = statements.places(ticket_ids, size, _FIRST_ROW)
    inside = viewer.is_agent

    def build() -> ModelSelect:
        return (
            _read_join(Message.select(Message.ticket, fn.COUNT(Message.id)), Message.ticket)
            .where(Message.ticket.in_(list(rows)) & _is_new(inside))
            .group_by(Message.ticket)
        )

    found = statements.tuples(("unread", "rows", inside, size), build, {**rows, _ME: viewer.id})
    return {ticket_id: int(count) for ticket_id, count in found}


def forget(person_id: int | None = None) -> None:
    """Drop the counts that this process remembers: of one person, or of all."""
    if person_id is None:
        _counts.clear()
    else:
        _counts.pop(person_id, None)


def in_menu(viewer: Viewer) -> int:
    """count(), remembered for COUNT_SECONDS: it stands on every page. What this person does shows at once."""
    known = _counts.get(viewer.id)
    now = time.monotonic()
    if known is not None and now - known[0] < COUNT_SECONDS:
        return known[1]
    if len(_counts) >= MOST_COUNTS:
        _counts.clear()
    _counts[viewer.id] = (now, found := count(viewer))
    return found


def count(viewer: Viewer) -> int:
    """How many requests of this person hold something new. One query.

    Those of one's own and those followed; for an agent the open ones given to them. Among the latest MENU_READ of each.
    """
    if viewer.is_staff and not viewer.is_agent:
        return 0
    anybody, given = policies.with_stand_ins(viewer)
    found = statements.tuples(
        ("unread", "menu", anybody, policies.reading_rule()),
        lambda: _menu(anybody),
        {**given, _ME: viewer.id},
    )
    return int(found[0][0])


def _menu(viewer: Viewer) -> ModelSelect:
    inside = viewer.is_agent
    if inside:
        # Open ones given to somebody are few; their index holds no others.
        candidates = (
            Ticket.select(Ticket.id)
            .where((Ticket.assignee == _ME) & SQL(models.IS_OPEN))
            .order_by(Ticket.updated_at.desc())
            .limit(2 * MENU_READ)
        )
        wanted = Ticket.id.in_(_capped(candidates, "id"))
    else:
        own = (
            Ticket.select(Ticket.id)
            .where(Ticket.requester == _ME)
            .order_by(Ticket.last_message_at.desc(), Ticket.id.desc())
            .limit(MENU_READ)
        )
        followed = (
            Participant.select(Participant.ticket)
            .where((Participant.person == _ME) & Participant.role.in_(("cc", "collaborator")))
            .order_by(Participant.ticket.desc())
            .limit(MENU_READ)
        )
        wanted = Ticket.id.in_(_capped(own, "id").union(_capped(followed, "ticket_id")))
    new = Message.select(SQL("1")).where((Message.ticket == Ticket.id) & _is_new(inside))
    return _read_join(policies.visible_tickets(viewer).select(fn.COUNT(Ticket.id)), Ticket.id).where(
        wanted & fn.EXISTS(new)
    )


def _capped(query: ModelSelect, column: str) -> Select:
    """One column of a query with a limit, in a form that both databases take inside a union."""
    inner = query.alias("latest")
    return Select([inner], [inner.c[column]])


def seen_to(viewer: Viewer, ticket: Ticket) -> int | None:
    """The message up to which this person has read this request; None before their first sign-in. One query."""
    found = statements.tuples(
        ("unread", "one"),
        lambda: (
            ReadMark.select(fn.COALESCE(TicketRead.message_id, ReadMark.message_id))
            .join(TicketRead, JOIN.LEFT_OUTER, on=((TicketRead.person == _ME) & (TicketRead.ticket == _THIS)))
            .where(ReadMark.person == _ME)
        ),
        {_ME: viewer.id, _THIS: ticket.id},
    )
    return int(found[0][0]) if found else None


def look(viewer: Viewer, ticket: Ticket, messages: Sequence[Message]) -> int | None:
    """This person looks at a request: say what is new to them, and remember that they have seen it.

    Arguments: ticket, best from reading.load(), which says how far they have read it; messages, all that their page
    shows, in order. No query then but the one that writes, and that only when there is news.
    Returns the key of the first message that is new and of somebody else, or None. Never fails and never waits for long
    because the database is busy: what could not be written is new once more at the next look.
    """
    known = ticket.__dict__.get("seen_to", ...)
    before = seen_to(viewer, ticket) if known is ... else known
    if before is None or not messages:
        return None
    last = max(message.id for message in messages)
    # An admin who sees the page as this person does has read nothing in their place.
    if last > before and not viewer.is_viewed:
        _remember(viewer.id, ticket.id, last)
    return next((row.id for row in messages if row.id > before and row.author_id != viewer.id), None)


def _remember(person_id: int, ticket_id: int, message_id: int) -> None:
    forget(person_id)
    write = TicketRead.insert(person=person_id, ticket=ticket_id, message_id=message_id).on_conflict(
        conflict_target=[TicketRead.person, TicketRead.ticket],
        update={TicketRead.message_id: message_id},
        # Two windows at once: the one that shows less does not take back what the other has shown.
        where=TicketRead.message_id < message_id,
    )
    try:
        if is_sqlite():
            if db.in_transaction():
                write.execute()
                return
            usual = db.execute_sql("PRAGMA busy_timeout").fetchone()[0]
            db.execute_sql(f"PRAGMA busy_timeout = {PATIENCE_MS}")
            try:
                write.execute()
            finally:
                db.execute_sql(f"PRAGMA busy_timeout = {usual}")
        else:
            with db.atomic():
                db.execute_sql(f"SET LOCAL lock_timeout = '{PATIENCE_MS}ms'")
                write.execute()
    except (DatabaseError, InterfaceError) as busy:
        log.info("what somebody has read could not be kept: %s", type(busy).__name__)
