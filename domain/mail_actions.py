"""Buttons of mails: a link leads one person to one act on one request, once, until a date (LIFE-8, 15, 17).

A link acts for nobody by itself: whoever opens it signs in first, sees a page with one button, and only that button
changes something. Rights are those of the person who is signed in, asked when the button is pressed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from domain import accounts, closing, conversation, lifecycle, policies, settings
from domain.refusals import Missing, NotAllowed, NotNow
from models import MailAction, Ticket, db

if TYPE_CHECKING:
    from domain.policies import Viewer

# "It works", "it does not work", "I need more time", "close this request". A link of a mail holds one of these.
ACTS = ("works", "reopen", "more_time", "close")
MOST_DAYS = 30
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


# ---- What can be done, from the page of a request or from a mail -----------------------------------------


def meant(act: str, ticket: Ticket) -> str:
    """What an act does in the present status: "it works" of a change under test is "tested", and closes nothing."""
    return "tested" if act == "works" and ticket.status == "customer_testing" else act


def offered(ticket: Ticket) -> tuple[str, ...]:
    """The acts to offer to somebody who may answer a request that awaits the customer, the main one first."""
    more_time = ("more_time",) if closing.extensions_left(ticket) else ()
    if ticket.status == "resolved":
        return ("works", "reopen", *more_time)
    if ticket.status == "customer_testing":
        return ("works", *more_time, "close")
    if ticket.status in lifecycle.AWAITING_CUSTOMER:
        return (*more_time, "close")
    return ()


def check(act: str, ticket: Ticket, by: Viewer) -> None:
    """Refuse an act that could not be done now, without doing it.

    Raises KeyError for an unknown act, NotAllowed, or NotNow with the same codes as the verb itself.
    """
    if act not in (*ACTS, "tested"):
        raise KeyError(act)
    if not policies.may_answer(by, ticket):
        raise NotAllowed("keep-open-not-yours" if act == "more_time" else "move-not-yours")
    if ticket.merged_into_id is not None:
        raise policies.over(by, ticket)
    if act in ("works", "reopen"):
        conversation.check_resolved(ticket, by)
    elif act == "tested":
        conversation.check_testing(ticket, by)
    elif act == "more_time":
        closing.check_keep_open(ticket)
    elif ticket.status in ("closed", "expired"):
        raise policies.over(by, ticket)


def carry_out(
    act: str,
    ticket: Ticket,
    by: Viewer,
    now: datetime,
    *,
    body: str = "",
    idempotency_key: str = "",
    times_seen: int | None = None,
) -> None:
    """Do what a button says, by the verb of the domain; raises what that verb raises. KeyError for an unknown act."""
    if act == "works":
        conversation.works(ticket, by, now, body=body, idempotency_key=idempotency_key)
    elif act == "tested":
        conversation.tested(ticket, by, now, body=body, idempotency_key=idempotency_key)
    elif act == "reopen":
        conversation.reopen(ticket, body, by, now, idempotency_key=idempotency_key)
    elif act == "more_time":
        closing.keep_open(ticket, by, now, times_seen=times_seen)
    elif act == "close":
        if ticket.status == "closed":
            raise policies.over(by, ticket)
        lifecycle.close(ticket, by, now)
    else:
        raise KeyError(act)


# ---- Links ---------------------------------------------------------------------------------------------


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("ascii")).hexdigest()


def offer(ticket: Ticket, person_id: int, acts: Iterable[str], source: str, now: datetime) -> dict[str, str]:
    """Make the links of one mail, and keep their hashes.

    Arguments: source, what tells this mail from all others (its Message-ID); now, aware UTC. The same mail worded
    twice has the same links: they are made of the portal's secret, and the database cannot give them back.
    Returns the token of each act; none when they would be dead on arrival. They end when the request closes by
    itself, and after MOST_DAYS days at the latest.
    """
    expires_at = now + timedelta(days=MOST_DAYS)
    if ticket.closes_at is not None:
        expires_at = min(expires_at, ticket.closes_at)
    tokens = {act: accounts.link_token(f"mail-action:{act}:{source}") for act in acts}
    if expires_at <= now or not tokens:
        return {}
    rows = [
        {
            "token_hash": _hash(token),
            "ticket": ticket.id,
            "person": person_id,
            "act": act,
            "created_at": now,
            "expires_at": expires_at,
        }
        for act, token in tokens.items()
    ]
    MailAction.insert_many(rows).on_conflict(
        action="nothing", conflict_target=[MailAction.token_hash]
    ).execute()
    return tokens


def find(token: str, by: Viewer) -> MailAction:
    """The link that somebody opened, whatever its state.

    Raises Missing for a link that never was and for one about a request that this person may not know of: the two
    look the same.
    """
    if not _TOKEN.fullmatch(token):
        raise Missing()
    row = MailAction.get_or_none(MailAction.token_hash == _hash(token))
    if row is None or not policies.can_see(by, row.ticket):
        raise Missing()
    return row


def check_link(row: MailAction, by: Viewer, now: datetime) -> None:
    """Refuse a link that no longer acts, or an act that the request no longer takes. Changes nothing.

    Raises NotNow("link-used"), NotNow("link-expired"), NotNow("link-of-somebody-else"), what check() raises, and
    NotNow("link-overtaken") when the status changed since the mail: it spoke of another solution.
    """
    number = row.ticket.number
    if row.person_id != by.id:
        raise NotNow("link-of-somebody-else", number=number)
    if row.used_at is not None:
        raise NotNow("link-used", number=number)
    check(meant(row.act, row.ticket), row.ticket, by)
    if row.ticket.status_since > row.created_at:
        raise NotNow("link-overtaken", number=number)
    if row.expires_at <= now:
        raise NotNow("link-expired", number=number)


def use(token: str, by: Viewer, now: datetime, *, body: str = "", idempotency_key: str = "") -> MailAction:
    """Press the button of a link: it acts once; when the act is refused, the link stays as it was.

    Returns the row. Raises Missing, what check_link() and the verb raise.
    """
    with db.atomic():
        row = find(token, by)
        check_link(row, by, now)
        done = (
            MailAction.update(used_at=now)
            .where((MailAction.id == row.id) & MailAction.used_at.is_null())
            .execute()
        )
        if not done:
            raise NotNow("link-used", number=row.ticket.number)
        carry_out(meant(row.act, row.ticket), row.ticket, by, now, body=body, idempotency_key=idempotency_key)
    return row


def sweep(now: datetime) -> int:
    """Delete links that died longer ago than the setting says. Returns how many rows went."""
    long_ago = settings.cutoff("keep_sign_ins_days", now)
    return (
        0 if long_ago is None else int(MailAction.delete().where(MailAction.expires_at < long_ago).execute())
    )
