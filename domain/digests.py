"""Mails gathered into one (VIEW-15): by the hour or once a day, for people who chose so. Each mail is gathered once.

A gathered mail is a row of the outbox of its own; those it gathers wait for it, and leave, fail or are skipped with it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from domain import mail_choices, notifications
from models import MailHold, OutboxMessage, Person, Ticket, db

log = logging.getLogger("guichet.mail")

# So many people are looked at in one run; the others come with the next, a minute later.
PEOPLE_IN_ONE_RUN = 500


def gather(now: datetime) -> int:
    """Make one mail of what is due for each person, now, aware UTC. Returns how many gathered mails were made.

    Run twice at once, or twice in the same hour, it makes no second one: the hour is part of the row's name. What is
    late for its hour goes with the next.
    """
    made = 0
    for person_id in _people_with_due(now):
        made += _gather_for(person_id, now)
    return made


def _due(now: datetime) -> Any:
    return (
        (OutboxMessage.status == "waiting")
        & (OutboxMessage.next_try_at.is_null() | (OutboxMessage.next_try_at <= now))
        & MailHold.digest.is_null()
        & (MailHold.pace != "quiet")
    )


def _people_with_due(now: datetime) -> list[int]:
    rows = (
        OutboxMessage.select(OutboxMessage.person)
        .join(MailHold, on=(MailHold.message == OutboxMessage.id))
        .where(_due(now) & OutboxMessage.person.is_null(False))
        .distinct()
        .order_by(OutboxMessage.person)
        .limit(PEOPLE_IN_ONE_RUN)
    )
    return [key for (key,) in rows.tuples()]


def hour_of(person: Person, now: datetime) -> datetime:
    """The full hour that a moment belongs to, on the clocks of this person; aware UTC."""
    return mail_choices.next_hour(person.time_zone, now) - timedelta(hours=1)


def _gather_for(person_id: int, now: datetime) -> int:
    with db.atomic():
        person = Person.get_by_id(person_id)
        source = f"digest:{person_id}:{hour_of(person, now):%Y-%m-%dT%H:%M}"
        if not notifications.enqueue("digest", source=source, now=now, person=person):
            return 0
        digest = OutboxMessage.get((OutboxMessage.source == source) & (OutboxMessage.template == "digest"))
        waiting = (
            OutboxMessage.select(OutboxMessage.id)
            .join(MailHold, on=(MailHold.message == OutboxMessage.id))
            .where(_due(now) & (OutboxMessage.person == person_id))
        )
        taken = (
            MailHold.update(digest=digest.id)
            .where(MailHold.digest.is_null() & MailHold.message.in_([key for (key,) in waiting.tuples()]))
            .execute()
        )
        if not taken:
            # The choices changed in between: nothing is left to say.
            digest.delete_instance()
            return 0
    return 1


def members(digest: OutboxMessage) -> list[OutboxMessage]:
    """The mails that a gathered one still has to say, oldest first, each with its request. One query."""
    return list(
        OutboxMessage.select(OutboxMessage, Ticket)
        .join(MailHold, on=(MailHold.message == OutboxMessage.id))
        .switch(OutboxMessage)
        .join(Ticket, on=(OutboxMessage.ticket == Ticket.id), attr="ticket")
        .where((MailHold.digest == digest.id) & (OutboxMessage.status == "waiting"))
        .order_by(OutboxMessage.id)
    )


def drop_unseen(digest: OutboxMessage) -> None:
    """Ask again what the reader may see, at the moment of sending: the rest drops out of the mail.

    Raises notifications.Skipped("nothing-left") when that was all.
    """
    left, gone = 0, {}
    for row in members(digest):
        try:
            notifications.check_recipient(row)
        except notifications.Skipped as skipped:
            gone[row.id] = str(skipped)
        else:
            left += 1
    leave_out(gone)
    if not left:
        raise notifications.Skipped("nothing-left")


def leave_out(reasons: Mapping[int, str]) -> None:
    """Mark mails that drop out of a gathered one, with the reason of each."""
    for key, reason in reasons.items():
        OutboxMessage.update(status="skipped", skip_reason=reason[:60], next_try_at=None).where(
            (OutboxMessage.id == key) & (OutboxMessage.status == "waiting")
        ).execute()


def follow(digest: OutboxMessage, **changes: Any) -> None:
    """Mark what a gathered mail said as it was marked itself: sent, failed or skipped. Any other mail has nothing."""
    if digest.template != "digest":
        return
    rows = MailHold.select(MailHold.message).where(MailHold.digest == digest.id)
    OutboxMessage.update(next_try_at=None, **changes).where(
        OutboxMessage.id.in_(rows) & (OutboxMessage.status == "waiting")
    ).execute()


def with_gathered(keys: Iterable[int]) -> list[int]:
    """The same keys of mails, and those of the gathered mails that hold some of them."""
    wanted = list(keys)
    holds = MailHold.select(MailHold.digest).where(
        MailHold.message.in_(wanted) & MailHold.digest.is_null(False)
    )
    return sorted({*wanted, *(key for (key,) in holds.tuples())})


def wait_again() -> None:
    """After gathered mails were put back to be sent: what they say waits with them again."""
    again = OutboxMessage.alias("again")
    rows = (
        MailHold.select(MailHold.message)
        .join(again, on=(MailHold.digest == again.id))
        .where(again.status == "waiting")
    )
    OutboxMessage.update(status="waiting", last_error="").where(
        OutboxMessage.id.in_(rows) & (OutboxMessage.status == "failed")
    ).execute()
