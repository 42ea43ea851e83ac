"""A person's mobile number, for codes by text message (ACC-10). It verifies, like a mailbox; it is never a factor.

A number counts once the code that was sent to it has been typed. It is whole for its owner alone.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType

from domain import audit, factors, texts
from domain.refusals import Invalid, Missing, NotNow
from domain.turns import one_at_a_time
from models import MobileNumber, MobileRefusal, Person, TextMessage

if TYPE_CHECKING:
    from domain.policies import Viewer

CODE_MINUTES = 10
# Of one number, before it has to be given anew.
CODES_SENT = 3
TRIES = 5
RESEND_SECONDS = 30
TYPED_MAX_CHARACTERS = 40

_MOBILE = frozenset({PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE})


def parse(text: str) -> str:
    """A mobile number as it is kept: E.164, such as +33612345678.

    Arguments: text, in the international form, with + or 00 before the code of the country, blanks and signs as people
    write them. Raises Invalid: "mobile-empty", "mobile-international" without the code of a country, "mobile-bad" for
    what is no number, "mobile-kind" for a number that takes no text messages, "mobile-country" where the operator sends
    none.
    """
    typed = (text or "").strip()
    if not typed:
        raise Invalid("mobile-empty", field="number")
    if len(typed) > TYPED_MAX_CHARACTERS or any(not letter.isprintable() for letter in typed):
        raise Invalid("mobile-bad", field="number")
    if typed.startswith("00"):
        typed = "+" + typed[2:]
    if not typed.startswith(("+", "\uff0b")):
        raise Invalid("mobile-international", field="number")
    # What French numbers are often written with: the zero that is dialled at home only.
    try:
        number = phonenumbers.parse(typed.replace("(0)", ""))
    except NumberParseException:
        raise Invalid("mobile-bad", field="number") from None
    if number.extension or not phonenumbers.is_valid_number(number):
        raise Invalid("mobile-bad", field="number")
    if phonenumbers.number_type(number) not in _MOBILE:
        raise Invalid("mobile-kind", field="number")
    gateway = texts.gateway()
    if gateway and gateway.countries and phonenumbers.region_code_for_number(number) not in gateway.countries:
        raise Invalid("mobile-country", field="number")
    return str(phonenumbers.format_number(number, PhoneNumberFormat.E164))


def written(number: str) -> str:
    """A kept number as its owner reads it: +33 6 12 34 56 78."""
    return str(phonenumbers.format_number(phonenumbers.parse(number), PhoneNumberFormat.INTERNATIONAL))


def ending(number: str) -> str:
    """What everybody else may see of a number: its last two digits."""
    return number[-2:]


# ---- What is there -------------------------------------------------------------------------------------


def confirmed(person_id: int) -> MobileNumber | None:
    """The number that a person confirmed, or None. One query."""
    row: MobileNumber | None = MobileNumber.get_or_none(
        (MobileNumber.person == person_id) & MobileNumber.confirmed_at.is_null(False)
    )
    return row


def waiting(person_id: int, now: datetime) -> MobileNumber | None:
    """The number that waits for its code, or None. It waits as long as its newest code works."""
    row: MobileNumber | None = MobileNumber.get_or_none(
        (MobileNumber.person == person_id)
        & MobileNumber.confirmed_at.is_null()
        & (MobileNumber.code_expires_at > now)
    )
    return row


def is_refused(person_id: int) -> bool:
    """Whether this person does not want to be asked again."""
    return bool(MobileRefusal.select().where(MobileRefusal.person == person_id).exists())


def is_offered(person_id: int) -> bool:
    """Whether this person is asked for a number: there is a gateway, and neither a number nor a "never again"."""
    return texts.gateway() is not None and confirmed(person_id) is None and not is_refused(person_id)


def could_not_leave(row: MobileNumber) -> bool:
    """Whether the newest code to a number that waits was given up."""
    newest = (
        TextMessage.select(TextMessage.status)
        .where(
            (TextMessage.person == row.person_id)
            & (TextMessage.kind == "number")
            & (TextMessage.number == row.number)
        )
        .order_by(TextMessage.id.desc())
        .first()
    )
    return newest is not None and newest.status == "failed"


# ---- Giving one ----------------------------------------------------------------------------------------


def code_of(seed: str) -> str:
    """The six digits of a text message, made from the seed that its row keeps and the portal's secret."""
    made = hmac.new(factors.key_for("texted code"), seed.encode("ascii", "replace"), hashlib.sha256).digest()
    return f"{int.from_bytes(made[:8], 'big') % 1_000_000:06d}"


def _bound_hash(row: MobileNumber, code: str) -> str:
    said = f"{row.person_id}:{row.number}:{code}".encode("utf-8", "replace")
    return hmac.new(factors.key_for("code of a number"), said, hashlib.sha256).hexdigest()


def ask(viewer: Viewer, text: str, *, origin: str, now: datetime) -> None:
    """Give a number: a code is sent to it, and it counts once that was typed. One that waited is replaced.

    Raises Invalid as parse(), Invalid("mobile-same"), NotNow("texts-off") without a gateway, NotNow("texts-enough")
    beyond what may be sent within an hour.
    """
    if texts.gateway() is None:
        raise NotNow("texts-off", field="number")
    number = parse(text)
    with one_at_a_time(f"mobile:{viewer.id}"):
        present = confirmed(viewer.id)
        if present is not None and present.number == number:
            raise Invalid("mobile-same", field="number")
        _drop_waiting(viewer.id)
        row = MobileNumber.create(person=viewer.id, number=number, created_at=now)
        # Recorded before the message is counted, as a sign-in is: two locks taken in one order cannot block each other.
        audit.record(
            "mobile:asked",
            by=viewer,
            now=now,
            target=f"person:{viewer.id}",
            origin=origin,
            ending=ending(number),
        )
        _send_code(row, origin, now)


def _drop_waiting(person_id: int) -> int:
    return int(
        MobileNumber.delete()
        .where((MobileNumber.person == person_id) & MobileNumber.confirmed_at.is_null())
        .execute()
    )


def _send_code(row: MobileNumber, origin: str, now: datetime) -> None:
    """A new code to this number, in the caller's transaction; the one before no longer works."""
    seed = secrets.token_urlsafe(32)
    until = now + timedelta(minutes=CODE_MINUTES)
    MobileNumber.update(
        code_hash=_bound_hash(row, code_of(seed)),
        code_expires_at=until,
        codes_sent=MobileNumber.codes_sent + 1,
        tries=0,
    ).where(MobileNumber.id == row.id).execute()
    left = texts.enqueue(
        "number",
        source=f"number:{secrets.token_hex(16)}",
        person=Person.get_by_id(row.person_id),
        number=row.number,
        seed=seed,
        expires_at=until,
        origin=origin,
        now=now,
    )
    if not left:
        raise NotNow("texts-enough", field="number")


def send_again(viewer: Viewer, *, origin: str, now: datetime) -> None:
    """Send another code to the number that waits.

    Raises NotNow("mobile-not-begun") when none waits, NotNow("code-just-sent") with `seconds` to wait,
    NotNow("texts-enough") after three of one number.
    """
    with one_at_a_time(f"mobile:{viewer.id}"):
        row = waiting(viewer.id, now)
        if row is None:
            raise NotNow("mobile-not-begun")
        if row.codes_sent >= CODES_SENT:
            raise NotNow("texts-enough")
        check_wait(row.code_expires_at - timedelta(minutes=CODE_MINUTES), now)
        _send_code(row, origin, now)


def check_wait(sent_at: datetime, now: datetime) -> None:
    """Raise NotNow("code-just-sent") with `seconds` while the last code is less than half a minute old."""
    left = RESEND_SECONDS - (now - sent_at).total_seconds()
    if left > 0:
        raise NotNow("code-just-sent", seconds=max(1, round(left)))


def confirm(viewer: Viewer, code: str, *, origin: str, now: datetime) -> None:
    """Take the code that was sent to the number that waits: from now on it is the person's. They are told by mail.

    Raises NotNow("mobile-not-begun"), Invalid("code-wrong") with `left`, NotNow("mobile-code-dead") after five tries.
    """
    row = waiting(viewer.id, now)
    if row is None:
        raise NotNow("mobile-not-begun")
    # Counted before it is looked at, and on its own: fifty at once are never more than the limit.
    counted = (
        MobileNumber.update(tries=MobileNumber.tries + 1)
        .where(
            (MobileNumber.id == row.id) & MobileNumber.confirmed_at.is_null() & (MobileNumber.tries < TRIES)
        )
        .execute()
    )
    if not counted:
        raise NotNow("mobile-code-dead", field="code")
    typed = _bound_hash(row, factors.plain_code(code))
    with one_at_a_time(f"mobile:{viewer.id}"):
        now_waiting = waiting(viewer.id, now)
        if now_waiting is None:
            raise NotNow("mobile-not-begun")
        if not hmac.compare_digest(typed, now_waiting.code_hash):
            raise Invalid("code-wrong", field="code", left=max(0, TRIES - now_waiting.tries))
        before = confirmed(viewer.id)
        if before is not None:
            before.delete_instance()
        MobileNumber.update(confirmed_at=now, code_hash="", code_expires_at=None, tries=0).where(
            MobileNumber.id == now_waiting.id
        ).execute()
        MobileRefusal.delete().where(MobileRefusal.person == viewer.id).execute()
        what = "added" if before is None else "changed"
        audit.record(
            f"mobile:{what}",
            by=viewer,
            now=now,
            target=f"person:{viewer.id}",
            origin=origin,
            ending=ending(now_waiting.number),
        )
        factors.tell(Person.get_by_id(viewer.id), f"mobile-{what}", now)


def cancel(viewer: Viewer) -> bool:
    """Drop the number that waits for its code. Returns False when there was none."""
    return bool(_drop_waiting(viewer.id))


def remove(viewer: Viewer, *, origin: str, now: datetime) -> None:
    """Forget the number: codes are mailed again. The person is told. Raises Missing without one."""
    with one_at_a_time(f"mobile:{viewer.id}"):
        _drop_waiting(viewer.id)
        row = confirmed(viewer.id)
        if row is None:
            raise Missing()
        row.delete_instance()
        audit.record(
            "mobile:removed",
            by=viewer,
            now=now,
            target=f"person:{viewer.id}",
            origin=origin,
            ending=ending(row.number),
        )
        factors.tell(Person.get_by_id(viewer.id), "mobile-removed", now)


def refuse(viewer: Viewer, *, origin: str, now: datetime) -> None:
    """Ask this person no more. Saying it twice changes nothing."""
    with one_at_a_time(f"mobile:{viewer.id}"):
        if is_refused(viewer.id):
            return
        MobileRefusal.create(person=viewer.id, refused_at=now)
        audit.record("mobile:declined", by=viewer, now=now, target=f"person:{viewer.id}", origin=origin)


def sweep(now: datetime) -> int:
    """Delete numbers that never got their code. Returns how many."""
    return int(
        MobileNumber.delete()
        .where(MobileNumber.confirmed_at.is_null() & (MobileNumber.code_expires_at < now))
        .execute()
    )
