"""How long things are kept (STAFF-7): one table of kinds of data, each with the setting that says its days.

The job, its trial run, the screen and the page for everybody read this table. Each batch is a transaction of its own,
so that a million old rows do not keep others from writing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from peewee import SQL, IntegrityError, fn

from domain import audit, search, settings
from models import (
    AccountToken,
    AssistantQuestion,
    AuditEntry,
    Draft,
    Erasure,
    HeldForm,
    MailAction,
    MailCopy,
    Membership,
    OutboxMessage,
    PendingSignIn,
    Person,
    SearchMiss,
    SignInFailure,
    TextMessage,
    Ticket,
    UserSession,
    db,
)

if TYPE_CHECKING:
    from domain.policies import Viewer

log = logging.getLogger("guichet.retention")

# Rows of one transaction.
BATCH = 500
# A count beyond this is said as "more than": counting on would take as long as deleting.
COUNT_CAP = 100_000
# Steps in which SQLite merges its index of words, at the end of a run.
MERGE_STEPS = 200


class Kind(NamedTuple):
    """One kind of data: its name, the setting with its days (0: kept), and what finds the rows that are too old.

    queries: of keys, given the instant before which rows are too old; each with the table whose rows go.
    act: what happens to the rows of one batch instead of a plain deletion; it returns to how many.
    """

    name: str
    setting: str
    queries: Callable[[datetime], list[tuple[Any, Any]]]
    act: Callable[[list[int], datetime], int] | None = None


def _mail_copies(cutoff: datetime) -> list[tuple[Any, Any]]:
    old = OutboxMessage.created_at < cutoff
    return [(MailCopy, MailCopy.select(MailCopy.id).join(OutboxMessage).where(old))]


def _mails(cutoff: datetime) -> list[tuple[Any, Any]]:
    over = OutboxMessage.status.in_(("sent", "failed", "skipped")) & (OutboxMessage.created_at < cutoff)
    return [(OutboxMessage, OutboxMessage.select(OutboxMessage.id).where(over))]


def _sign_ins(cutoff: datetime) -> list[tuple[Any, Any]]:
    """Sessions that ended, links that died, tries, half sign-ins, text messages: all that tells of signing in."""
    return [
        (
            UserSession,
            UserSession.select(UserSession.id).where(
                (UserSession.expires_at < cutoff) | (UserSession.ended_at < cutoff)
            ),
        ),
        (
            AccountToken,
            AccountToken.select(AccountToken.id).where(
                (AccountToken.expires_at < cutoff) | (AccountToken.used_at < cutoff)
            ),
        ),
        (SignInFailure, SignInFailure.select(SignInFailure.id).where(SignInFailure.at < cutoff)),
        (TextMessage, TextMessage.select(TextMessage.id).where(TextMessage.created_at < cutoff)),
        (PendingSignIn, PendingSignIn.select(PendingSignIn.id).where(PendingSignIn.expires_at < cutoff)),
        (MailAction, MailAction.select(MailAction.id).where(MailAction.expires_at < cutoff)),
    ]


def _drafts(cutoff: datetime) -> list[tuple[Any, Any]]:
    return [(Draft, Draft.select(Draft.id).where(Draft.updated_at < cutoff))]


def _drafts_of_closed(cutoff: datetime) -> list[tuple[Any, Any]]:
    """Answers and notes that were never sent on what is over."""
    over = Ticket.status.in_(("closed", "expired")) & (Ticket.status_since < cutoff)
    return [(Draft, Draft.select(Draft.id).join(Ticket, on=(Draft.ticket == Ticket.id)).where(over))]


def _held_forms(cutoff: datetime) -> list[tuple[Any, Any]]:
    return [(HeldForm, HeldForm.select(HeldForm.id).where(HeldForm.created_at < cutoff))]


def _search_misses(cutoff: datetime) -> list[tuple[Any, Any]]:
    return [(SearchMiss, SearchMiss.select(SearchMiss.id).where(SearchMiss.last_at < cutoff))]


def _questions(cutoff: datetime) -> list[tuple[Any, Any]]:
    asked = AssistantQuestion.select(AssistantQuestion.id).where(AssistantQuestion.created_at < cutoff)
    return [(AssistantQuestion, asked)]


def _unused(cutoff: datetime) -> list[tuple[Any, Any]]:
    """Living accounts of customers who have not signed in since, and who have no request under way."""
    under_way = Ticket.select(SQL("1")).where(
        (Ticket.requester == Person.id) & Ticket.status.not_in(("closed", "expired"))
    )
    last = fn.COALESCE(Person.last_signed_in_at, Person.created_at)
    living = (Person.is_active == True) & Person.staff_role.is_null()  # noqa: E712
    return [
        (
            Person,
            Person.select(Person.id).where(
                living
                & (last < Person.created_at.db_value(cutoff))
                & (Person.created_at < cutoff)
                & ~fn.EXISTS(under_way)
            ),
        )
    ]


def _close(keys: list[int], now: datetime) -> int:
    """Close accounts: the requests stay, and an admin can open them again."""
    from domain import accounts

    for key in keys:
        accounts.disable(key, None, now)
    return len(keys)


def _never_confirmed(cutoff: datetime) -> list[tuple[Any, Any]]:
    """Registrations whose address nobody confirmed, and on which nothing hangs."""
    attached = Membership.select(SQL("1")).where(Membership.person == Person.id)
    # The record is chained by what it says, its author included: whoever did something stays in it.
    acted = AuditEntry.select(SQL("1")).where(AuditEntry.actor == Person.id)
    asked = Ticket.select(SQL("1")).where(Ticket.requester == Person.id)
    # Nobody any more, and nothing to delete: the row is what the erasure hangs on.
    erased = Erasure.select(SQL("1")).where(Erasure.person == Person.id)
    return [
        (
            Person,
            Person.select(Person.id).where(
                Person.email_verified_at.is_null()
                & Person.first_signed_in_at.is_null()
                & Person.staff_role.is_null()
                & (Person.created_at < cutoff)
                & ~fn.EXISTS(attached)
                & ~fn.EXISTS(acted)
                & ~fn.EXISTS(asked)
                & ~fn.EXISTS(erased)
            ),
        )
    ]


def _forget(keys: list[int], now: datetime) -> int:
    """Delete accounts one by one: one on which something hangs after all stays, and holds up no other."""
    gone = 0
    for key in keys:
        try:
            with db.atomic():
                gone += Person.delete().where(Person.id == key).execute()
        except IntegrityError:
            log.warning("account %s was never confirmed, but something hangs on it: it stays", key)
    return gone


# In the order of the page. What has a fixed life elsewhere (links, codes, trusted browsers) is not here.
KINDS: tuple[Kind, ...] = (
    Kind("sign_ins", "keep_sign_ins_days", _sign_ins),
    Kind("held_forms", "keep_held_forms_days", _held_forms),
    Kind("drafts", "draft_days", _drafts),
    Kind("drafts_of_closed", "keep_drafts_of_closed_days", _drafts_of_closed),
    Kind("mail_copies", "keep_mail_copies_days", _mail_copies),
    Kind("mails", "keep_mails_days", _mails),
    Kind("questions", "keep_questions_days", _questions),
    Kind("search_misses", "keep_search_misses_days", _search_misses),
    Kind("never_confirmed", "keep_never_confirmed_days", _never_confirmed, _forget),
    Kind("unused_accounts", "keep_unused_accounts_days", _unused, _close),
)


class Line(NamedTuple):
    """What holds for one kind, or what a run did with it: days (0: kept), since when, how many rows."""

    name: str
    days: int
    cutoff: datetime | None
    rows: int


def periods() -> dict[str, int]:
    """The days that each kind is kept, by its name; 0 means that it is kept. From the settings and nowhere else."""
    return {kind.name: int(settings.get(kind.setting)) for kind in KINDS}


def _counted(query: Any) -> int:
    return int(query.limit(COUNT_CAP + 1).count())


def preview(now: datetime) -> list[Line]:
    """What a run would do now, with nothing changed: a line for each kind (STAFF-7).

    Counts stop at COUNT_CAP + 1. What two kinds find (an old draft, on a request that is over) is counted twice.
    """
    lines = []
    for kind in KINDS:
        days, cutoff = int(settings.get(kind.setting)), settings.cutoff(kind.setting, now)
        count = 0
        if cutoff is not None:
            count = sum(_counted(query) for _table, query in kind.queries(cutoff))
        lines.append(Line(kind.name, days, cutoff, count))
    return lines


def carry_out(now: datetime, *, by: Viewer | None = None, seconds: float = 600.0) -> list[Line]:
    """Delete what is kept no longer, and close accounts that nobody uses, batch by batch (STAFF-7).

    Arguments: now, aware UTC; by, the admin who started it (None: the job); seconds, after which the rest is left to
    the next run. Returns what was done; the record keeps it, in numbers.
    """
    started, lines = time.monotonic(), []
    for kind in KINDS:
        days, cutoff = int(settings.get(kind.setting)), settings.cutoff(kind.setting, now)
        count = 0
        for table, query in kind.queries(cutoff) if cutoff is not None else ():
            while time.monotonic() - started < seconds:
                done = _batch(kind, table, query, now)
                count += done
                if done < BATCH:
                    break
        lines.append(Line(kind.name, days, cutoff, count))
    told: dict[str, Any] = {line.name: line.rows for line in lines if line.rows}
    if told:
        with db.atomic():
            audit.record("retention:carried_out", by=by, now=now, **told)
    search.merge_parts(MERGE_STEPS)
    return lines


def _batch(kind: Kind, table: Any, query: Any, now: datetime) -> int:
    """Some rows, in one transaction: others write before the next ones."""
    with db.atomic():
        keys = [key for (key,) in query.order_by(table.id).limit(BATCH).tuples()]
        if not keys:
            return 0
        if kind.act is not None:
            return kind.act(keys, now)
        return int(table.delete().where(table.id.in_(keys)).execute())
