"""The second step of a sign-in, between the right password and the session (ACC-9, ACC-10).

What waits here opens nothing: it is not a session. A factor is asked of who has one; else, where the setting says so,
a code is mailed when the browser is not known, or sent by text message to a number that the person has confirmed: that
verifies the address or the number, and is no factor.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from domain import audit, factors, mobiles, notifications, settings, texts
from domain.policies import load_viewer
from domain.refusals import Missing, NotNow
from domain.turns import one_at_a_time
from models import KnownBrowser, MobileNumber, PendingSignIn, Person, TextMessage

if TYPE_CHECKING:
    from domain.policies import Viewer

PENDING_MINUTES = 10
MAILED_MINUTES = 10
# The first one and two more: whoever waits longer signs in anew.
CODES_SENT = 3
TRUST_DAYS = 90
BROWSERS_MOST = 20

_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("ascii", "replace")).hexdigest()


def needed(person: Person, browser: str | None, now: datetime, *, mail: bool = True) -> str | None:
    """What must follow the right password: "factor", "mail" (a mailed code), or None.

    Arguments: browser, the mark of a known browser, if it sent one; mail, False after a mailed link, which has proven
    the mailbox already.
    """
    if factors.has_factor(person.id):
        return "factor"
    if mail and settings.get("new_browser_code") and not _known(person, browser, now):
        return "mail"
    return None


# ---- A sign-in that is half done -----------------------------------------------------------------------


def begin(person: Person, needs: str, *, origin: str, user_agent: str, now: datetime) -> str:
    """Wait for the second step, inside the caller's transaction. Returns the token for this browser alone."""
    token = secrets.token_urlsafe(32)
    row = PendingSignIn.create(
        token_hash=_hash(token),
        person=person.id,
        needs=needs,
        password_hash=person.password_hash or "",
        origin=origin,
        user_agent=user_agent,
        created_at=now,
        expires_at=now + timedelta(minutes=PENDING_MINUTES),
    )
    if needs == "mail":
        _send_code(row, person, now, origin=origin)
    return token


def find(token: str | None, now: datetime) -> PendingSignIn | None:
    """The sign-in that waits under this token, with its person; None when it is over, used, or void.

    Void: the account was disabled or locked, or another password was chosen, since.
    """
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        return None
    row: PendingSignIn | None = (
        PendingSignIn.select(PendingSignIn, Person)
        .join(Person)
        .where(
            (PendingSignIn.token_hash == _hash(token))
            & PendingSignIn.used_at.is_null()
            & (PendingSignIn.expires_at > now)
            & (Person.is_active == True)  # noqa: E712
            & Person.locked_at.is_null()
        )
        .first()
    )
    if row is None or (row.person.password_hash or "") != row.password_hash:
        return None
    return row


def bound_to(pending: PendingSignIn) -> str:
    """What a security key is asked for: this sign-in and no other."""
    return f"pending:{pending.id}"


def claim(pending: PendingSignIn, now: datetime) -> None:
    """Use it up, inside the caller's transaction: of several who come with it, one goes on. Raises Missing."""
    claimed = (
        PendingSignIn.update(used_at=now)
        .where(
            (PendingSignIn.id == pending.id)
            & PendingSignIn.used_at.is_null()
            & (PendingSignIn.expires_at > now)
        )
        .execute()
    )
    if not claimed:
        raise Missing("second-step-over")


# ---- The mailed code -----------------------------------------------------------------------------------


def code_of(seed: str) -> str:
    """The six digits of a mail, made from the seed that the outbox keeps and the portal's secret."""
    made = hmac.new(factors.key_for("mailed code"), seed.encode("ascii", "replace"), hashlib.sha256).digest()
    return f"{int.from_bytes(made[:8], 'big') % 1_000_000:06d}"


def _bound_hash(pending: PendingSignIn, code: str) -> str:
    said = f"{pending.id}:{code}".encode("ascii", "replace")
    return hmac.new(factors.key_for("code of a sign-in"), said, hashlib.sha256).hexdigest()


def _send_code(
    pending: PendingSignIn, person: Person, now: datetime, *, origin: str, by_text: bool = True
) -> None:
    """A new code for this sign-in, in the caller's transaction; the one before no longer works.

    It goes by text message to a number that the person confirmed, where that may be; else by mail.
    """
    seed = secrets.token_urlsafe(32)
    until = now + timedelta(minutes=MAILED_MINUTES)
    sent = pending.codes_sent + 1
    PendingSignIn.update(
        code_hash=_bound_hash(pending, code_of(seed)), code_expires_at=until, codes_sent=sent
    ).where(PendingSignIn.id == pending.id).execute()
    mobile = mobiles.confirmed(person.id) if by_text and texts.gateway() is not None else None
    if mobile is not None and texts.enqueue(
        "sign-in",
        source=_text_source(pending, sent),
        person=person,
        number=mobile.number,
        seed=seed,
        expires_at=until,
        origin=origin,
        now=now,
    ):
        return
    _mail_code(pending, person, seed, sent, until, now)


def _mail_code(
    pending: PendingSignIn, person: Person, seed: str, sent: int, until: datetime, now: datetime
) -> None:
    notifications.enqueue(
        "sign-in-code",
        source=f"account:{person.id}:sign-in:{pending.id}:{sent}",
        now=now,
        person=person,
        seed=seed,
        expires_at=until.isoformat(),
        user_agent=pending.user_agent,
    )


def _text_source(pending: PendingSignIn, sent: int) -> str:
    # Not its key: the key of a deleted row may be given again, this never is.
    return f"sign-in:{pending.token_hash[:40]}:{sent}"


def texted_to(pending: PendingSignIn) -> str | None:
    """The number to which the newest code of this sign-in goes; None when it goes by mail. One query."""
    row = TextMessage.get_or_none(TextMessage.source == _text_source(pending, pending.codes_sent))
    return str(row.number) if row is not None and row.status not in ("failed", "skipped") else None


def _of_text(row: TextMessage, now: datetime) -> PendingSignIn | None:
    """The sign-in that still waits for the code of this text message, or None."""
    _kind, begins, sent = row.source.split(":")
    found: PendingSignIn | None = (
        PendingSignIn.select(PendingSignIn, Person)
        .join(Person)
        .where(
            (PendingSignIn.person == row.person_id)
            & PendingSignIn.token_hash.startswith(begins)
            & (PendingSignIn.codes_sent == int(sent))
            & PendingSignIn.used_at.is_null()
            & (PendingSignIn.expires_at > now)
        )
        .first()
    )
    return found


def text_wanted(row: TextMessage, now: datetime) -> bool:
    """Whether somebody still waits for this text message: the sign-in or the number is as it was."""
    if row.kind == "sign-in":
        return _of_text(row, now) is not None
    return bool(
        MobileNumber.select()
        .where(
            (MobileNumber.person == row.person_id)
            & (MobileNumber.number == row.number)
            & MobileNumber.confirmed_at.is_null()
            & (MobileNumber.code_expires_at == row.expires_at)
        )
        .exists()
    )


def text_failed(row: TextMessage, now: datetime) -> None:
    """A text message will not arrive: the same code goes by mail, inside the caller's transaction.

    Nobody is mailed the code of a number: that would prove nothing about the number.
    """
    pending = _of_text(row, now) if row.kind == "sign-in" else None
    if pending is not None:
        _mail_code(pending, pending.person, row.seed, pending.codes_sent, row.expires_at, now)


def send_again(pending: PendingSignIn, now: datetime, *, origin: str, by_mail: bool = False) -> None:
    """Send another code, the same way as the last one, or by mail instead of by text message.

    Raises NotNow("mailed-enough") after three for one sign-in, NotNow("code-just-sent") with `seconds` to wait while
    the last one is on its way, Missing where none is asked.
    """
    with one_at_a_time(f"pending:{pending.id}"):
        row = PendingSignIn.get_or_none(
            (PendingSignIn.id == pending.id)
            & (PendingSignIn.needs == "mail")
            & PendingSignIn.used_at.is_null()
        )
        if row is None:
            raise Missing("second-step-over")
        if row.codes_sent >= CODES_SENT:
            raise NotNow("mailed-enough")
        by_text = texted_to(row) is not None
        # Another way has no wait: who chooses it has no use for the one before.
        if row.code_expires_at is not None and not (by_text and by_mail):
            mobiles.check_wait(row.code_expires_at - timedelta(minutes=MAILED_MINUTES), now)
        # The sign-in lives as long as its newest code.
        PendingSignIn.update(expires_at=now + timedelta(minutes=PENDING_MINUTES)).where(
            PendingSignIn.id == row.id
        ).execute()
        _send_code(row, row.person, now, origin=origin, by_text=by_text and not by_mail)


def prove_mailed(pending: PendingSignIn, code: str, *, origin: str, now: datetime) -> None:
    """Take the mailed code of this very sign-in. Raises Invalid("code-wrong") with `left`, Locked("codes-locked").

    It is used up with the sign-in, by claim(): there is no second time.
    """
    left = factors.reserve_try(pending.person_id, origin, now)
    row = PendingSignIn.get_by_id(pending.id)
    good = (
        row.code_expires_at is not None
        and row.code_expires_at > now
        and hmac.compare_digest(_bound_hash(row, factors.plain_code(code)), row.code_hash)
    )
    if not good:
        factors.refuse_try(pending.person_id, left, "code-wrong", "code", origin=origin, now=now)
    factors.forget_tries(pending.person_id)


# ---- Browsers that are known ---------------------------------------------------------------------------


def _known(person: Person, token: str | None, now: datetime) -> bool:
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        return False
    return bool(
        KnownBrowser.update(last_used_at=now)
        .where(
            (KnownBrowser.token_hash == _hash(token))
            & (KnownBrowser.person == person.id)
            & (KnownBrowser.expires_at > now)
        )
        .execute()
    )


def trust(person_id: int, *, origin: str, user_agent: str, now: datetime) -> str:
    """Ask no mailed code on this browser for 90 days, inside the caller's transaction. Returns its mark."""
    token = secrets.token_urlsafe(32)
    older = (
        KnownBrowser.select(KnownBrowser.id)
        .where(KnownBrowser.person == person_id)
        .order_by(KnownBrowser.last_used_at.desc(), KnownBrowser.id.desc())
    )
    spare = [row.id for row in older][BROWSERS_MOST - 1 :]
    if spare:
        KnownBrowser.delete().where(KnownBrowser.id.in_(spare)).execute()
    row = KnownBrowser.create(
        person=person_id,
        token_hash=_hash(token),
        user_agent=user_agent,
        created_at=now,
        last_used_at=now,
        expires_at=now + timedelta(days=TRUST_DAYS),
    )
    audit.record(
        "browser:trusted",
        by=load_viewer(person_id),
        now=now,
        target=f"person:{person_id}",
        origin=origin,
        browser=row.id,
    )
    return token


def browsers(viewer: Viewer, now: datetime) -> list[KnownBrowser]:
    """The browsers that a person trusts, last used first."""
    return list(
        KnownBrowser.select()
        .where((KnownBrowser.person == viewer.id) & (KnownBrowser.expires_at > now))
        .order_by(KnownBrowser.last_used_at.desc(), KnownBrowser.id.desc())
    )


def distrust(browser_id: int, by: Viewer, now: datetime, *, origin: str = "") -> None:
    """Trust one of one's own browsers no longer. Raises Missing for any other."""
    with one_at_a_time(f"browsers:{by.id}"):
        gone = (
            KnownBrowser.delete()
            .where((KnownBrowser.id == browser_id) & (KnownBrowser.person == by.id))
            .execute()
        )
        if not gone:
            raise Missing("session-missing")
        audit.record(
            "browser:forgotten",
            by=by,
            now=now,
            target=f"person:{by.id}",
            origin=origin,
            browser=browser_id,
        )


def distrust_all(person_id: int, *, except_token: str | None = None) -> int:
    """Trust none of a person's browsers any longer, inside the caller's transaction. Returns how many were.

    Arguments: except_token, the mark of the browser that asks, to be trusted as before.
    """
    which = KnownBrowser.person == person_id
    if isinstance(except_token, str) and _TOKEN.fullmatch(except_token):
        which &= KnownBrowser.token_hash != _hash(except_token)
    return int(KnownBrowser.delete().where(which).execute())


def void(person_id: int, now: datetime) -> None:
    """Make every sign-in of a person that is half done useless, inside the caller's transaction."""
    PendingSignIn.update(used_at=now).where(
        (PendingSignIn.person == person_id) & PendingSignIn.used_at.is_null()
    ).execute()


def sweep(now: datetime) -> int:
    """Delete half sign-ins and text messages older than the setting says, and browsers and numbers whose time is over.

    Returns how many.
    """
    long_ago, gone = settings.cutoff("keep_sign_ins_days", now), 0
    if long_ago is not None:
        gone = TextMessage.delete().where(TextMessage.created_at < long_ago).execute()
        gone += PendingSignIn.delete().where(PendingSignIn.expires_at < long_ago).execute()
    gone += mobiles.sweep(now)
    gone += KnownBrowser.delete().where(KnownBrowser.expires_at < now).execute()
    return int(gone)
