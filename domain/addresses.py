"""A person changes their own address: asked with a fresh sign-in, confirmed from the new one, told to the old (ACC-19).

Whether the new address has an account already is told to its mailbox alone, never to who asks.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from domain import accounts, audit, notifications, passwords, search, second_step
from domain.conversation import adopt_copies
from domain.refusals import Invalid, Missing, NotNow
from domain.turns import one_at_a_time
from models import AddressChange, OutboxMessage, Participant, Person

if TYPE_CHECKING:
    from domain.policies import Viewer

# A mail may well wait a night, and a change of address is worth one.
LINK_HOURS = 24

_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("ascii", "replace")).hexdigest()


def pending(viewer: Viewer, now: datetime) -> AddressChange | None:
    """The change of address that a person asked for and that still waits, or None."""
    row: AddressChange | None = AddressChange.get_or_none(
        (AddressChange.person == viewer.id) & (AddressChange.expires_at > now)
    )
    return row


def is_waiting(change_id: Any, now: datetime) -> bool:
    """Whether the change of this row may still be confirmed: its mail has a reason to leave."""
    return bool(
        isinstance(change_id, int)
        and AddressChange.select()
        .where((AddressChange.id == change_id) & (AddressChange.expires_at > now))
        .exists()
    )


def _is_taken(email: str, person_id: int) -> bool:
    return bool(
        Person.select()
        .where(((Person.email == email) | (Person.username == email)) & (Person.id != person_id))
        .exists()
    )


def ask(viewer: Viewer, email: str, *, origin: str, now: datetime) -> None:
    """Ask for another address (ACC-19): a link goes to it, and the present one is told at once.

    The answer is the same whether or not the address has an account: that mailbox is told in the other words. One
    change waits at a time; a newer one replaces it. Raises Invalid("address-bad"), Invalid("address-same"),
    NotNow("mailed-enough") after 3 mails an hour to an address, or 10 by one person.
    """
    email = accounts.address(email)
    passwords.same_work()
    with one_at_a_time(f"address:{viewer.id}", "mail:" + email):
        person = Person.get_by_id(viewer.id)
        if email == person.email:
            raise Invalid("address-same", field="email")
        if not accounts.may_mail(email, f"by {person.id}", now):
            raise NotNow("mailed-enough", field="email")
        AddressChange.delete().where(AddressChange.person == person.id).execute()
        seed = secrets.token_urlsafe(32)
        row = AddressChange.create(
            person=person.id,
            email=email,
            token_hash=_hash(accounts.link_token(seed)),
            created_at=now,
            expires_at=now + timedelta(hours=LINK_HOURS),
        )
        source = f"account:{person.id}:address:{row.id}:{now:%Y%m%d%H%M%S%f}"
        if _is_taken(email, person.id):
            owner = Person.get_or_none(Person.email == email)
            if owner is None or owner.is_active:
                notifications.enqueue(
                    "address-taken",
                    source=source,
                    now=now,
                    person=owner,
                    email=email,
                    language=owner.language if owner else person.language,
                )
        else:
            # Without the person: a name that is a message reaches no stranger this way (S17).
            notifications.enqueue(
                "address-confirm",
                source=source,
                now=now,
                email=email,
                language=person.language,
                seed=seed,
                change_id=row.id,
                expires_at=row.expires_at.isoformat(),
            )
        notifications.enqueue("address-asked", source=source, now=now, person=person, address=email)
        audit.record(
            "account:address_asked",
            by=viewer,
            now=now,
            target=f"person:{person.id}",
            origin=origin,
            before=person.email,
            after=email,
        )


def cancel(viewer: Viewer, *, origin: str, now: datetime) -> bool:
    """Drop the change that waits: its link is dead. Returns False when there was none."""
    with one_at_a_time(f"address:{viewer.id}"):
        row = AddressChange.get_or_none(AddressChange.person == viewer.id)
        if row is None:
            return False
        row.delete_instance()
        audit.record(
            "account:address_cancelled",
            by=viewer,
            now=now,
            target=f"person:{viewer.id}",
            origin=origin,
            after=row.email,
        )
    return True


def find(token: str, viewer: Viewer, now: datetime) -> AddressChange:
    """The change that this link confirms, for the person who asked alone. Raises Missing("link-dead")."""
    row: AddressChange | None = None
    if isinstance(token, str) and _TOKEN.fullmatch(token):
        row = AddressChange.get_or_none(
            (AddressChange.token_hash == _hash(token))
            & (AddressChange.person == viewer.id)
            & (AddressChange.expires_at > now)
        )
    if row is None:
        raise Missing("link-dead")
    return row


def confirm(token: str, viewer: Viewer, session_id: int, *, origin: str, now: datetime) -> str:
    """Take the new address, once: it is proven. Returns it.

    The user name follows only when it was the address. Every other session ends, mailed links and half sign-ins die,
    requests in copy under the new address are joined to the account, and the old address is told. Raises
    Missing("link-dead"), NotNow("address-gone") when somebody else got the address meanwhile.
    """
    change = find(token, viewer, now)
    with one_at_a_time(f"address:{viewer.id}", "mail:" + change.email):
        claimed = (
            AddressChange.delete()
            .where((AddressChange.id == change.id) & (AddressChange.expires_at > now))
            .execute()
        )
        if not claimed:
            raise Missing("link-dead")
        person = Person.get_by_id(viewer.id)
        before, after = person.email, change.email
        if _is_taken(after, person.id):
            raise NotNow("address-gone")
        follows = person.username == before
        changed = (
            Person.update(email=after, email_verified_at=now, **({"username": after} if follows else {}))
            .where((Person.id == person.id) & (Person.email == before) & accounts.ACTIVE)
            .execute()
        )
        if not changed:
            raise Missing("link-dead")
        _move_copies(person.id, before, after)
        _move_mails(person.id, before, after)
        # What was mailed to the old address opens nothing any more.
        accounts.kill_links(person.id, now)
        second_step.void(person.id, now)
        accounts.end_all(person.id, viewer, now, except_id=session_id, origin=origin)
        audit.record(
            "account:address_changed",
            by=viewer,
            now=now,
            target=f"person:{person.id}",
            origin=origin,
            before=before,
            after=after,
            username=follows,
        )
        notifications.enqueue(
            "address-changed",
            source=f"account:{person.id}:address-done:{change.id}:{now:%Y%m%d%H%M%S%f}",
            now=now,
            person=person,
            email=before,
            address=after,
        )
    return str(after)


def _move_copies(person_id: int, before: str, after: str) -> None:
    """Copies of the person go on under the new address, and those that waited for it are joined to the account."""
    adopt_copies(person_id, after)
    rows = list(Participant.select().where((Participant.person == person_id) & (Participant.email == before)))
    for row in rows:
        there = (
            (Participant.ticket == row.ticket_id)
            & (Participant.email == after)
            & (Participant.role == row.role)
        )
        if Participant.select().where(there).exists():
            row.delete_instance()
        else:
            Participant.update(email=after).where(Participant.id == row.id).execute()
    for ticket_id in {row.ticket_id for row in rows}:
        search.index_ticket(ticket_id)


def _move_mails(person_id: int, before: str, after: str) -> None:
    """Mails about requests that have not left yet go to the new address."""
    waiting = OutboxMessage.select().where(
        (OutboxMessage.person == person_id)
        & (OutboxMessage.recipient == before)
        & (OutboxMessage.status == "waiting")
        & (OutboxMessage.ticket.is_null(False) | (OutboxMessage.template == "digest"))
    )
    for row in list(waiting):
        twin = (
            (OutboxMessage.source == row.source)
            & (OutboxMessage.template == row.template)
            & (OutboxMessage.recipient == after)
        )
        if not OutboxMessage.select().where(twin).exists():
            OutboxMessage.update(recipient=after).where(OutboxMessage.id == row.id).execute()
