"""Requests made by the product's own verbs in the demo world, and what tests of the domain ask of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest

from domain import conversation, lifecycle, policies, requests
from models import (
    Attachment,
    Membership,
    Message,
    OutboxMessage,
    Participant,
    Person,
    Team,
    TeamMember,
    Ticket,
    TicketEvent,
    db,
)
from tests.conftest import NOW, remember_longer

_keys = count(1)
# What stops threads that hang; those that have to wait for a busy machine are only late.
HANGS_SECONDS = 300
# Whom a deletion names.
NAMED = [{"full_name": "Jean Moreau", "employee_number": "1784031", "url": "", "details": ""}]


def see(person: Any) -> policies.Viewer:
    """The person as the domain knows them now: what `by=` takes."""
    viewer = policies.load_viewer(person.id)
    assert viewer is not None
    return viewer


def key() -> str:
    """An idempotency key that no other test uses."""
    return f"casework-{next(_keys)}"


def submission(world: SimpleNamespace, **more: Any) -> requests.Submission:
    """What alice's incident form hands over; `more` changes it."""
    return requests.Submission(
        **{
            "form_slug": "incident",
            "organisation_id": world.organisations["acme"].id,
            "requester_id": world.alice.id,
            "summary": "Export de paie refusé par la banque",
            "description": "La banque renvoie le code **AC04** depuis ce matin.",
            "priority": "2",
            "consented": True,
            "idempotency_key": key(),
            **more,
        }
    )


def send(world: SimpleNamespace, by: Any = None, now: datetime = NOW, **more: Any) -> Ticket:
    """A request that alice sends, or `by` in their own name."""
    by = by or world.alice
    viewer = see(by)
    if "organisation_id" not in more and viewer.memberships:
        more["organisation_id"] = viewer.memberships[0].organisation_id
    more.setdefault("requester_id", by.id)
    return requests.submit(submission(world, **more), viewer, now)


def answer(
    ticket: Ticket, by: Any, body: str = "Bonjour, voici la suite.", now: datetime = NOW, **more: Any
) -> Message:
    """Somebody writes on the public thread."""
    more.setdefault("idempotency_key", key())
    return conversation.reply(ticket, body, see(by), now, **more)


def put_in(ticket: Ticket, status: str, *, assignee: Any = None, now: datetime = NOW) -> Ticket:
    """Put a request in a status behind the verbs' back, with its closing date as they would have left it."""
    from domain import closing

    Ticket.update(
        assignee=assignee.id if assignee else None, **lifecycle.status_changes(ticket, status, now)
    ).where(Ticket.id == ticket.id).execute()
    row = again(ticket)
    closing.reschedule(row, now)
    return row


def again(ticket: Ticket) -> Ticket:
    """The row as it is now."""
    return Ticket.get_by_id(ticket.id)


def history(ticket: Ticket) -> list[str]:
    """The kinds of its events, oldest first."""
    rows = (
        TicketEvent.select(TicketEvent.kind).where(TicketEvent.ticket == ticket.id).order_by(TicketEvent.id)
    )
    return [kind for (kind,) in rows.tuples()]


def last_event(ticket: Ticket) -> TicketEvent:
    """The end of its history."""
    return TicketEvent.select().where(TicketEvent.ticket == ticket.id).order_by(TicketEvent.id.desc()).first()


def mails(ticket: Ticket) -> set[tuple[str, str]]:
    """(template, part of the address before the @) of its mails that wait."""
    rows = OutboxMessage.select().where(
        (OutboxMessage.ticket == ticket.id) & (OutboxMessage.status == "waiting")
    )
    return {(row.template, row.recipient.partition("@")[0]) for row in rows}


def forget_mails() -> None:
    """What comes next is what the test looks at."""
    OutboxMessage.delete().execute()


def upload(by: Any, name: str = "releve.txt", now: datetime = NOW) -> str:
    """The key of a pending file of this person; its bytes are no matter here."""
    made = key()
    Attachment.create(
        uploader=by.id, key=made, name=name, stored_name=f"stored-{made}", size=12, content_type="text/plain",
        sha256="0" * 64, created_at=now,
    )  # fmt: skip
    return made


def person(name: str, host: str = "acme.example", **more: Any) -> Person:
    """An account with a proven address that belongs nowhere yet."""
    address = f"{name}@{host}"
    return Person.create(
        **{
            "email": address,
            "username": address,
            "full_name": name.title(),
            "created_at": NOW,
            "email_verified_at": NOW,
            "first_signed_in_at": NOW,
            **more,
        }
    )


def carol(world: SimpleNamespace, **more: Any) -> Person:
    """A contact of Acme who sees only what she is on; `more` changes how she belongs to it."""
    made = person("carol")
    Membership.create(
        **{
            "person": made,
            "organisation": world.organisations["acme"].id,
            "role": "contact",
            "can_open": True,
            "can_see_all": False,
            "can_answer": True,
            "approved_at": NOW,
            **more,
        }
    )
    return made


def on(ticket: Ticket) -> dict[str, str]:
    """Who is on a request besides its requester: name of the address, role."""
    rows = Participant.select().where(Participant.ticket == ticket.id).order_by(Participant.id)
    return {row.email.partition("@")[0]: row.role for row in rows}


def prove(who: Person, now: datetime = NOW) -> None:
    """Their address is theirs: what choosing a password by a mailed link leaves behind."""
    Person.update(email_verified_at=now, password_hash="x").where(Person.id == who.id).execute()
    conversation.adopt_copies(who.id, who.email)


def team(slug: str) -> Team:
    """A team of the default portal."""
    return Team.get(Team.slug == slug)


def members(of: Team) -> list[int]:
    """The keys of the people of a team."""
    return [row.person_id for row in TeamMember.select().where(TeamMember.team == of)]


def together(acts: Iterable[Callable[[], Any]], database: Any) -> list[Any]:
    """Do several things at the same instant, each in a thread with its own connection.

    Returns what each gave, or the exception that it raised, in their order.
    """
    acts = list(acts)
    start = threading.Barrier(len(acts))
    results: list[Any] = [None] * len(acts)

    def run(place: int, act: Callable[[], Any]) -> None:
        try:
            with database.connection_context():
                start.wait(HANGS_SECONDS)
                results[place] = act()
        except Exception as error:
            results[place] = error

    threads = [threading.Thread(target=run, args=(place, act)) for place, act in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * HANGS_SECONDS)
        assert not thread.is_alive(), "a thread hangs"
    return results


def faults(results: Iterable[Any]) -> list[Exception]:
    """The exceptions among results of together()."""
    return [result for result in results if isinstance(result, Exception)]


@contextmanager
def statements(database: Any) -> Iterator[list[str]]:
    """The SQL that is sent inside this block. What is remembered for seconds does not run out in it."""
    sent: list[str] = []
    plain = database.execute_sql

    def noted(sql: str, *rest: Any, **more: Any) -> Any:
        if not sql.startswith(("SAVEPOINT", "RELEASE")):
            sent.append(sql)
        return plain(sql, *rest, **more)

    database.execute_sql = noted
    try:
        with pytest.MonkeyPatch.context() as patch:
            remember_longer(patch)
            yield sent
    finally:
        del database.execute_sql


def rows_of_everything() -> dict[str, int]:
    """How many rows each table has, and where the counter of numbers stands: equal means that nothing stayed."""
    from models import TABLES, Portal

    sizes = {table.__name__: table.select().count() for table in TABLES}
    sizes["last_number"] = sum(row.last_number for row in Portal.select())
    sizes["search"] = db.execute_sql("SELECT count(*) FROM ticket_search").fetchone()[0]
    return sizes
