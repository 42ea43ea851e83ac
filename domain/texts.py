"""Text messages on their way out (ACC-10): written in the transaction that asks for them, handed over after it, once.

How a gateway is spoken to is in gateways/sms.py, what a message says in mailer.py. When one cannot leave soon, whoever
wrote it is told and goes another way: nobody waits for a telephone that stays silent.
"""

from __future__ import annotations

import logging
import time
import unicodedata
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from peewee import fn

from domain.turns import one_at_a_time
from models import Person, TextMessage, db

log = logging.getLogger("guichet.texts")

# Each costs the operator money: within an hour, to one person, to one number, and asked from one origin.
MOST_TO_PERSON, MOST_TO_NUMBER, MOST_FROM_ORIGIN = 5, 5, 20
# Somebody waits with the page open: two tries, and what has not left by then goes another way.
TRIES = 2
AGAIN_SECONDS = 10
LATE_SECONDS = 60
# Longer than the longest wait for a gateway: a claim that is older belongs to a process that died.
CLAIM_SECONDS = 120
TEXT_MAX_CHARACTERS = 160

# The letters of GSM 03.38 that take one place each; any other turns the message into one of 70 characters.
GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_INSTEAD = {
    "’": "'",
    "‘": "'",
    "“": '"',
    "”": '"',
    "«": '"',
    "»": '"',
    "–": "-",
    "—": "-",
    "…": "...",
    "œ": "oe",
}


class Away(Exception):
    """It could not be handed over now. `everybody`: no other would leave either. The reason names no secret."""

    def __init__(self, reason: str, *, everybody: bool = False) -> None:
        super().__init__(reason)
        self.everybody = everybody


class Refused(Exception):
    """It cannot be handed over, or nobody knows whether it was: it is not tried again."""

    def __init__(self, reason: str, *, everybody: bool = False) -> None:
        super().__init__(reason)
        self.everybody = everybody


class Gateway(NamedTuple):
    """What the operator chose: messages of the whole portal in an hour, countries (empty: all), its host for admins."""

    most: int
    countries: frozenset[str] = frozenset()
    host: str = ""


_gateway: Gateway | None = None


def use_gateway(gateway: Gateway | None) -> None:
    """Say whether there is a gateway. Called once when the portal starts; None: text messages are not offered."""
    global _gateway
    _gateway = gateway


def gateway() -> Gateway | None:
    """The gateway of this portal, or None."""
    return _gateway


# ---- In ------------------------------------------------------------------------------------------------


def enqueue(
    kind: str,
    *,
    source: str,
    person: Person,
    number: str,
    seed: str,
    expires_at: datetime,
    origin: str,
    now: datetime,
) -> bool:
    """Write one text message, inside the caller's transaction.

    Arguments: kind, sign-in or number; source, what made it, unique; number, E.164; seed, what its code is made from;
    expires_at, aware UTC, when the code works no longer; origin, from where it was asked.
    Returns False, and writes nothing, without a gateway or beyond what one person, number, origin or the whole portal
    may have within an hour.
    """
    if _gateway is None:
        return False
    with one_at_a_time("texts"):
        if not _may_send(_gateway, person.id, number, origin, now):
            return False
        TextMessage.create(
            source=source,
            kind=kind,
            person=person.id,
            number=number,
            language=person.language,
            seed=seed,
            expires_at=expires_at,
            origin=origin,
            created_at=now,
        )
    return True


def _may_send(gateway: Gateway, person_id: int, number: str, origin: str, now: datetime) -> bool:
    def times(which: object) -> object:
        return fn.COALESCE(fn.SUM(which.cast("INTEGER")), 0)  # type: ignore[attr-defined]

    counts = (
        TextMessage.select(
            fn.COUNT(TextMessage.id),
            times(TextMessage.person == person_id),
            times(TextMessage.number == number),
            times(TextMessage.origin == origin),
        )
        .where(TextMessage.created_at > now - timedelta(hours=1))
        .tuples()
        .get()
    )
    limits = (gateway.most, MOST_TO_PERSON, MOST_TO_NUMBER, MOST_FROM_ORIGIN)
    return all(count < limit for count, limit in zip(counts, limits, strict=True))


def plain(text: str) -> str:
    """The same in the letters that every telephone reads and that keep a message short (GSM 03.38), cut to 160.

    A letter that is not among them loses its accent; what then still is not becomes a question mark.
    """
    letters = []
    for letter in unicodedata.normalize("NFC", text):
        if letter in GSM:
            letters.append(letter)
        elif letter.isspace():
            letters.append(" ")
        elif letter in _INSTEAD:
            letters.append(_INSTEAD[letter])
        else:
            base = unicodedata.normalize("NFKD", letter)[0]
            letters.append(base if base in GSM else "?")
    return "".join(letters)[:TEXT_MAX_CHARACTERS]


# ---- Out -----------------------------------------------------------------------------------------------


def deliver_due(
    send: Callable[[TextMessage], None],
    now: datetime,
    *,
    wanted: Callable[[TextMessage, datetime], bool],
    failed: Callable[[TextMessage, datetime], None],
    limit: int = 200,
) -> int:
    """Hand over what waits, once each, oldest first.

    Arguments: send, which words one and hands it over, called outside any transaction; it raises Away or Refused;
    wanted, whether somebody still waits for this one; failed, what is done instead, in the transaction that gives it
    up. Each is claimed first: two processes never send the same one, and one whose process died meanwhile is given up
    rather than sent twice. Returns how many left.
    """
    started = time.monotonic()

    def moment() -> datetime:
        return now + timedelta(seconds=time.monotonic() - started)

    for row in _lost(moment(), limit):
        _give_up(row, "interrupted", moment(), failed)
    sent = 0
    away = ""
    for row_id in _due(moment(), limit):
        row = _claim(row_id, moment())
        if row is None:
            continue
        at = moment()
        if row.expires_at <= at or not row.person.is_active or not wanted(row, at):
            _close(row, "skipped")
            continue
        try:
            if row.created_at <= at - timedelta(seconds=LATE_SECONDS):
                raise Refused("late")
            if away:
                raise Away(away)
            send(row)
        except Away as failure:
            away = away or (str(failure) if failure.everybody else "")
            if row.attempts < TRIES:
                TextMessage.update(
                    status="waiting",
                    claimed_until=None,
                    next_try_at=moment() + timedelta(seconds=AGAIN_SECONDS),
                    last_error=str(failure)[:200],
                ).where((TextMessage.id == row.id) & (TextMessage.status == "sending")).execute()
            else:
                _give_up(row, str(failure), moment(), failed)
        except Refused as failure:
            away = away or (str(failure) if failure.everybody else "")
            _give_up(row, str(failure), moment(), failed)
        except Exception as mistake:
            # One that cannot be worded must not hold up the others.
            log.exception("text message %s could not be made", row.id)
            _give_up(row, type(mistake).__name__, moment(), failed)
        else:
            _close(row, "sent", sent_at=moment())
            sent += 1
    return sent


def _lost(at: datetime, limit: int) -> list[TextMessage]:
    return list(
        TextMessage.select()
        .where((TextMessage.status == "sending") & (TextMessage.claimed_until < at))
        .order_by(TextMessage.id)
        .limit(limit)
    )


def _due(at: datetime, limit: int) -> list[int]:
    query = (
        TextMessage.select(TextMessage.id)
        .where(
            (TextMessage.status == "waiting")
            & (TextMessage.next_try_at.is_null() | (TextMessage.next_try_at <= at))
        )
        .order_by(TextMessage.id)
        .limit(limit)
    )
    return [row_id for (row_id,) in query.tuples()]


def _claim(row_id: int, at: datetime) -> TextMessage | None:
    """The message, now of this delivery alone; None when another one has it or it is over."""
    claimed = (
        TextMessage.update(
            status="sending",
            attempts=TextMessage.attempts + 1,
            claimed_until=at + timedelta(seconds=CLAIM_SECONDS),
        )
        .where((TextMessage.id == row_id) & (TextMessage.status == "waiting"))
        .execute()
    )
    if not claimed:
        return None
    row: TextMessage = (
        TextMessage.select(TextMessage, Person).join(Person).where(TextMessage.id == row_id).get()
    )
    return row


def _close(row: TextMessage, status: str, **changes: object) -> bool:
    """Nothing more is done with it; what its code was made from goes."""
    return bool(
        TextMessage.update(status=status, seed="", claimed_until=None, next_try_at=None, **changes)
        .where((TextMessage.id == row.id) & (TextMessage.status == "sending"))
        .execute()
    )


def _give_up(
    row: TextMessage,
    reason: str,
    at: datetime,
    failed: Callable[[TextMessage, datetime], None],
) -> None:
    log.warning("text message %s (%s) was given up: %s", row.id, row.kind, reason)
    with db.atomic():
        if _close(row, "failed", last_error=reason[:200]):
            failed(row, at)


def failed_since(since: datetime) -> int:
    """How many were given up since then: admins see it."""
    return int(
        TextMessage.select()
        .where((TextMessage.created_at >= since) & (TextMessage.status == "failed"))
        .count()
    )
