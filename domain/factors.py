"""Second factors: the authenticator app, security keys and passkeys, recovery codes, and who must have one (ACC-9).

How a sign-in goes on in two steps is in second_step.py; what a password is worth in accounts.py. A code mailed to
somebody is no factor and does not stand here.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import json
import math
import re
import secrets
import struct
import threading
import time
import unicodedata
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pyotp
import webauthn
from argon2.low_level import Type, hash_secret_raw
from cbor2 import CBORError
from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from peewee import IntegrityError
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from domain import audit, notifications, settings
from domain.policies import load_viewer
from domain.refusals import Invalid, Locked, Missing, NotNow
from domain.turns import one_at_a_time
from models import (
    Authenticator,
    FactorRequirement,
    Organisation,
    Person,
    RecoveryCode,
    SecurityKey,
    SignInFailure,
    SpentChallenge,
    db,
)

if TYPE_CHECKING:
    from domain.policies import Viewer

STEP_SECONDS = 30
# A telephone that is half a minute early or late is a usual one (S24).
STEPS_AROUND = 1
WAITING_MINUTES = 30

# Somebody who knows the password has this many codes to guess with, wherever they sit.
CODE_TRIES = 5
CODE_MINUTES = 15

CODES_MADE = 10
FEW_CODES = 3
# No letter that looks like a digit or like another letter: 59 bits in twelve of them.
_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
_CODE_LETTERS = 12

KEYS_MOST = 10
KEY_NAME_MAX = 60
CHALLENGE_MINUTES = 10
_CREDENTIAL_MAX = 20_000

# Who must have a factor is asked on every page; another process sees a change after this many seconds.
CACHE_SECONDS = 2.0

_NOT_SEEN = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029\ufffe\uffff]")

# What the reading of an answer that nobody's key made can end in.
_MALFORMED = (
    WebAuthnException,
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    struct.error,
    CBORError,
    UnsupportedAlgorithm,
    RecursionError,
)

_secret: bytes | None = None


class Site(NamedTuple):
    """What a security key is bound to: the host of the portal, its origin, and the name it shows."""

    host: str
    origin: str
    name: str


def site_of(base_url: str) -> Site | None:
    """The site of a portal at this address, or None when keys cannot work there: a bare IP address, or plain http."""
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        return None
    if parts.scheme != "https" and host != "localhost" and not host.endswith(".localhost"):
        return None
    return Site(host, f"{parts.scheme}://{parts.netloc}", f"Guichet {settings.get('portal_name')}".strip())


# ---- Keys made from the portal's secret ----------------------------------------------------------------


def use_secret(secret: str) -> None:
    """Give the portal's secret, from which every key here is made. Called once when the portal starts."""
    global _secret
    _secret = secret.encode()


def key_for(purpose: str) -> bytes:
    """32 bytes for one purpose alone. Raises RuntimeError before use_secret()."""
    if _secret is None:
        raise RuntimeError("factors.use_secret() was not called")
    return hmac.new(_secret, f"guichet factors\0{purpose}".encode(), hashlib.sha256).digest()


def _encrypt(text: str, person_id: int) -> str:
    nonce = secrets.token_bytes(12)
    sealed = AESGCM(key_for("authenticator")).encrypt(nonce, text.encode("ascii"), b"person:%d" % person_id)
    return base64.b64encode(nonce + sealed).decode("ascii")


def _decrypt(kept: str, person_id: int) -> str | None:
    """The text again, or None: the portal's secret changed, or the row belongs to somebody else."""
    raw = base64.b64decode(kept)
    try:
        opened = AESGCM(key_for("authenticator")).decrypt(raw[:12], raw[12:], b"person:%d" % person_id)
    except InvalidTag:
        return None
    return opened.decode("ascii")


# ---- Who has one, who must -----------------------------------------------------------------------------


class Held(NamedTuple):
    """What a person has: the app or None, keys by age, how many recovery codes are left, and of how many."""

    app: Authenticator | None
    keys: list[SecurityKey]
    codes_left: int
    codes_made: int

    @property
    def any(self) -> bool:
        """True with an app or a key: recovery codes alone are no factor."""
        return self.app is not None or bool(self.keys)


def held(person_id: int) -> Held:
    """Everything that a person has. Three queries."""
    app = Authenticator.get_or_none(
        (Authenticator.person == person_id) & Authenticator.confirmed_at.is_null(False)
    )
    keys = list(SecurityKey.select().where(SecurityKey.person == person_id).order_by(SecurityKey.id))
    codes = [
        row.used_at
        for row in RecoveryCode.select(RecoveryCode.used_at).where(RecoveryCode.person == person_id)
    ]
    return Held(app, keys, sum(used is None for used in codes), len(codes))


def has_factor(person_id: int) -> bool:
    """Whether a person has an app or a key that works. One query."""
    apps = Authenticator.select(Authenticator.id).where(
        (Authenticator.person == person_id) & Authenticator.confirmed_at.is_null(False)
    )
    keys = SecurityKey.select(SecurityKey.id).where(SecurityKey.person == person_id)
    return bool(list((apps | keys).tuples()))


_organisations: dict[int, date] = {}
_read_at = 0.0
_lock = threading.Lock()


def forget() -> None:
    """Drop what this process remembers of the organisations that require a factor."""
    global _read_at
    _read_at = 0.0


def _requiring() -> dict[int, date]:
    global _organisations, _read_at
    if time.monotonic() - _read_at > CACHE_SECONDS or not _read_at:
        rows = FactorRequirement.select(FactorRequirement.organisation, FactorRequirement.from_day).tuples()
        with _lock:
            _organisations = dict(rows)
            _read_at = time.monotonic()
    return _organisations


def required_of(viewer: Viewer, now: datetime) -> str | None:
    """Why this person must have a factor: staff, everybody, administrators, organisation; None when they need not.

    No query but one small one every other second, for all persons together.
    """
    who = settings.get("factor_required")
    if who == "everybody":
        return "everybody"
    if who == "staff" and viewer.is_staff:
        return "staff"
    if not viewer.memberships:
        return None
    if settings.get("factor_required_administrators") and viewer.administers:
        return "administrators"
    days = _requiring()
    if days:
        today = now.astimezone(ZoneInfo(viewer.time_zone)).date()
        if any(
            rights.organisation_id in days and days[rights.organisation_id] <= today
            for rights in viewer.memberships
        ):
            return "organisation"
    return None


def must_enrol(viewer: Viewer, now: datetime) -> str | None:
    """Why this person opens nothing until they have a factor (see required_of()), or None."""
    why = required_of(viewer, now)
    return why if why is not None and not has_factor(viewer.id) else None


def require_of_organisation(
    organisation: Organisation, from_day: date | None, by: Viewer, now: datetime
) -> bool:
    """Ask a second factor of everybody in an organisation from a day on; None: no longer. True when it changed."""
    row = FactorRequirement.get_or_none(FactorRequirement.organisation == organisation.id)
    before = row.from_day if row is not None else None
    if before == from_day:
        return False
    with db.atomic():
        FactorRequirement.delete().where(FactorRequirement.organisation == organisation.id).execute()
        if from_day is not None:
            FactorRequirement.create(organisation=organisation.id, from_day=from_day)
        audit.record(
            "factor:required",
            by=by,
            now=now,
            target=f"organisation:{organisation.id}",
            before=before.isoformat() if before else None,
            after=from_day.isoformat() if from_day else None,
        )
    forget()
    return True


def required_from(organisation_id: int) -> date | None:
    """The day from which an organisation asks a factor of its people, or None."""
    row = FactorRequirement.get_or_none(FactorRequirement.organisation == organisation_id)
    return row.from_day if row is not None else None


# ---- How often one may try -----------------------------------------------------------------------------


def _tries_key(person_id: int) -> str:
    return hashlib.sha256(f"factor:{person_id}".encode()).hexdigest()


def reserve_try(person_id: int, origin: str, now: datetime) -> int:
    """Count a try before the code is looked at, so that fifty at once are never more than the limit.

    Counted for the account, whatever the origin: who tries codes knows the password already. Returns the number of
    tries left after this one. Raises Locked("codes-locked"), without counting.
    """
    key = _tries_key(person_id)
    since = now - timedelta(minutes=CODE_MINUTES)
    with one_at_a_time(key):
        SignInFailure.delete().where(
            (SignInFailure.account_key == key) & (SignInFailure.at <= since)
        ).execute()
        times = [
            row.at
            for row in SignInFailure.select(SignInFailure.at)
            .where(SignInFailure.account_key == key)
            .order_by(SignInFailure.at)
        ]
        if len(times) >= CODE_TRIES:
            until = times[len(times) - CODE_TRIES] + timedelta(minutes=CODE_MINUTES)
            raise locked(until, now)
        SignInFailure.create(account_key=key, origin=origin, at=now)
    return CODE_TRIES - len(times) - 1


def locked(until: datetime, now: datetime) -> Locked:
    """The refusal of somebody who tried too many codes."""
    minutes = max(1, math.ceil((until - now).total_seconds() / 60))
    return Locked(
        "codes-locked", field="code", policy="codes", until=until, minutes=minutes, tries=CODE_TRIES
    )


def forget_tries(person_id: int) -> None:
    """A right code: the count starts again."""
    SignInFailure.delete().where(SignInFailure.account_key == _tries_key(person_id)).execute()


def refuse_try(person_id: int, left: int, code: str, field: str, *, origin: str, now: datetime) -> NoReturn:
    """Record a wrong code, tell the person when it was the last one, and say no."""
    target = f"person:{person_id}"
    with db.atomic():
        audit.record("factor:failed", by=None, now=now, target=target, origin=origin)
        if left <= 0:
            audit.record("factor:locked", by=None, now=now, target=target, origin=origin)
            tell(Person.get_by_id(person_id), "codes-locked", now)
    if left <= 0:
        raise locked(now + timedelta(minutes=CODE_MINUTES), now)
    raise Invalid(code, field=field, left=left)


def tell(person: Person, what: str, now: datetime, **context: Any) -> None:
    """Mail the person what changed about their factors, inside the caller's transaction (ASVS 6.3.7)."""
    notifications.enqueue(
        "security-notice",
        source=f"account:{person.id}:{what}:{now:%Y%m%d%H%M%S%f}",
        now=now,
        person=person,
        what=what,
        **context,
    )


# ---- The authenticator app -----------------------------------------------------------------------------


def begin_app(viewer: Viewer, now: datetime) -> None:
    """Make a new secret that waits for its first code; one that waited before is dropped. The working app stays."""
    with one_at_a_time(f"factors:{viewer.id}"):
        Authenticator.delete().where(
            (Authenticator.person == viewer.id) & Authenticator.confirmed_at.is_null()
        ).execute()
        Authenticator.create(
            person=viewer.id, secret=_encrypt(pyotp.random_base32(), viewer.id), created_at=now
        )


def waiting_app(viewer: Viewer, now: datetime) -> str | None:
    """The secret (base 32) that waits for its first code, or None: none was begun, or half an hour went by."""
    row = _waiting(viewer.id, now)
    return _decrypt(row.secret, viewer.id) if row is not None else None


def _waiting(person_id: int, now: datetime) -> Authenticator | None:
    row: Authenticator | None = Authenticator.get_or_none(
        (Authenticator.person == person_id)
        & Authenticator.confirmed_at.is_null()
        & (Authenticator.created_at > now - timedelta(minutes=WAITING_MINUTES))
    )
    return row


def app_address(secret: str, viewer: Viewer) -> str:
    """What the QR code says: the otpauth address that every authenticator app reads."""
    issuer = f"Guichet {settings.get('portal_name')}".replace(":", " ").strip()
    return pyotp.TOTP(secret, interval=STEP_SECONDS).provisioning_uri(name=viewer.email, issuer_name=issuer)


def plain_code(text: str) -> str:
    """A code as it is compared: without blanks and dashes, in small letters; empty when it is too long for one."""
    text = unicodedata.normalize("NFKC", text[:100]) if isinstance(text, str) else ""
    text = re.sub(r"[\s\-\u2010-\u2015.]", "", text).casefold()
    return text if text.isascii() and len(text) <= 40 else ""


def _step_of(secret: str, code: str, now: datetime) -> int | None:
    """The step that this code is of, among the present one and its neighbours. The same work for any code."""
    totp = pyotp.TOTP(secret, interval=STEP_SECONDS)
    present = int(now.timestamp()) // STEP_SECONDS
    found = None
    for step in range(present - STEPS_AROUND, present + STEPS_AROUND + 1):
        if hmac.compare_digest(totp.generate_otp(step).encode(), code.encode()):
            found = step
    return found


def confirm_app(viewer: Viewer, code: str, *, origin: str, now: datetime) -> None:
    """The first code of a new app: from now on it is asked at each sign-in, and a former app no longer works.

    Raises NotNow("app-not-begun"), Invalid("code-wrong") with `left`, Locked("codes-locked").
    """
    row = _waiting(viewer.id, now)
    secret = _decrypt(row.secret, viewer.id) if row is not None else None
    if row is None or secret is None:
        raise NotNow("app-not-begun", field="code")
    left = reserve_try(viewer.id, origin, now)
    step = _step_of(secret, plain_code(code), now)
    if step is None:
        refuse_try(viewer.id, left, "code-wrong", "code", origin=origin, now=now)
    with one_at_a_time(f"factors:{viewer.id}"):
        replaced = (
            Authenticator.delete()
            .where((Authenticator.person == viewer.id) & Authenticator.confirmed_at.is_null(False))
            .execute()
        )
        claimed = (
            Authenticator.update(confirmed_at=now, last_step=step, last_used_at=now)
            .where((Authenticator.id == row.id) & Authenticator.confirmed_at.is_null())
            .execute()
        )
        if not claimed:
            raise NotNow("app-not-begun", field="code")
        forget_tries(viewer.id)
        _added(viewer, "app", now, origin, replaced=bool(replaced))


def _added(viewer: Viewer, kind: str, now: datetime, origin: str, **data: Any) -> None:
    audit.record(
        "factor:added", by=viewer, now=now, target=f"person:{viewer.id}", origin=origin, factor=kind, **data
    )
    tell(Person.get_by_id(viewer.id), f"{kind}-added", now)


def remove_app(viewer: Viewer, *, origin: str, now: datetime) -> None:
    """Take the app away. Raises Missing without one, NotNow("factor-needed") when one is required and no other left."""
    with one_at_a_time(f"factors:{viewer.id}"):
        gone = (
            Authenticator.delete()
            .where((Authenticator.person == viewer.id) & Authenticator.confirmed_at.is_null(False))
            .execute()
        )
        if not gone:
            raise Missing()
        _removed(viewer, "app", now, origin)


def _removed(viewer: Viewer, kind: str, now: datetime, origin: str, **data: Any) -> None:
    """What follows from a removal, in its transaction: which is undone when the person must have a factor."""
    if not has_factor(viewer.id):
        if required_of(viewer, now) is not None:
            raise NotNow("factor-needed")
        # Codes that recover nothing would be one more thing to lose.
        RecoveryCode.delete().where(RecoveryCode.person == viewer.id).execute()
    audit.record(
        "factor:removed", by=viewer, now=now, target=f"person:{viewer.id}", origin=origin, factor=kind, **data
    )
    tell(Person.get_by_id(viewer.id), f"{kind}-removed", now)


# ---- Recovery codes ------------------------------------------------------------------------------------


def _code_hash(code: str, salt: str) -> str:
    raw = hash_secret_raw(
        code.encode("ascii", "replace"),
        salt.encode("ascii"),
        time_cost=2,
        memory_cost=19 * 1024,
        parallelism=1,
        hash_len=32,
        type=Type.ID,
    )
    return hmac.new(key_for("recovery"), raw, hashlib.sha256).hexdigest()


def make_codes(viewer: Viewer, *, origin: str, now: datetime) -> list[str]:
    """Ten new recovery codes; those made before are dead at once. Only their hashes are kept.

    Returns them as they are shown, this once. Raises NotNow("codes-need-factor") for who has neither app nor key.
    """
    salt = secrets.token_hex(16)
    codes = ["".join(secrets.choice(_ALPHABET) for _ in range(_CODE_LETTERS)) for _ in range(CODES_MADE)]
    hashes = [_code_hash(code, salt) for code in codes]
    with one_at_a_time(f"factors:{viewer.id}"):
        if not has_factor(viewer.id):
            raise NotNow("codes-need-factor")
        RecoveryCode.delete().where(RecoveryCode.person == viewer.id).execute()
        for made in hashes:
            RecoveryCode.create(person=viewer.id, salt=salt, code_hash=made, created_at=now)
        audit.record("factor:codes_made", by=viewer, now=now, target=f"person:{viewer.id}", origin=origin)
        tell(Person.get_by_id(viewer.id), "codes-made", now)
    return ["-".join(code[at : at + 4] for at in range(0, _CODE_LETTERS, 4)) for code in codes]


def _use_recovery_code(person_id: int, code: str, origin: str, now: datetime) -> bool:
    salt = RecoveryCode.select(RecoveryCode.salt).where(RecoveryCode.person == person_id).limit(1).scalar()
    made = _code_hash(code, salt or "0" * 32)
    with db.atomic():
        claimed = (
            RecoveryCode.update(used_at=now)
            .where(
                (RecoveryCode.person == person_id)
                & (RecoveryCode.code_hash == made)
                & RecoveryCode.used_at.is_null()
            )
            .execute()
        )
        if not claimed:
            return False
        left = (
            RecoveryCode.select()
            .where((RecoveryCode.person == person_id) & RecoveryCode.used_at.is_null())
            .count()
        )
        audit.record(
            "factor:code_used",
            by=load_viewer(person_id),
            now=now,
            target=f"person:{person_id}",
            origin=origin,
            left=left,
        )
        tell(Person.get_by_id(person_id), "code-used", now, left=left)
    return True


# ---- Proving it ----------------------------------------------------------------------------------------


def prove_code(person_id: int, code: str, *, origin: str, now: datetime, recovery: bool = True) -> str:
    """Take a code of the app, or (where `recovery`) a recovery code, once wherever it is typed (S24, S25).

    Returns what it was: "app" or "recovery". Raises Invalid("code-wrong") with `left`, or Locked("codes-locked").
    """
    left = reserve_try(person_id, origin, now)
    typed = plain_code(code)
    kind = "app" if len(typed) == 6 and typed.isdigit() else "recovery"
    if kind == "app":
        good = _use_app_code(person_id, typed, now)
    else:
        good = recovery and bool(typed) and _use_recovery_code(person_id, typed, origin, now)
    if not good:
        refuse_try(person_id, left, "code-wrong", "code", origin=origin, now=now)
    forget_tries(person_id)
    return kind


def _use_app_code(person_id: int, code: str, now: datetime) -> bool:
    app = Authenticator.get_or_none(
        (Authenticator.person == person_id) & Authenticator.confirmed_at.is_null(False)
    )
    secret = _decrypt(app.secret, person_id) if app is not None else None
    step = _step_of(secret, code, now) if secret is not None else None
    if app is None or step is None:
        return False
    return bool(
        Authenticator.update(last_step=step, last_used_at=now)
        .where((Authenticator.id == app.id) & (Authenticator.last_step < step))
        .execute()
    )


# ---- Security keys and passkeys ------------------------------------------------------------------------


def _challenge(purpose: str, bound_to: str, now: datetime) -> bytes:
    """A question for a key that needs no row: who asks, what for and until when are signed into it."""
    until = int((now + timedelta(minutes=CHALLENGE_MINUTES)).timestamp())
    body = secrets.token_bytes(16) + until.to_bytes(8, "big")
    return body + _seal(purpose, bound_to, body)


def _seal(purpose: str, bound_to: str, body: bytes) -> bytes:
    return hmac.new(key_for("challenge"), f"{purpose}\0{bound_to}\0".encode() + body, hashlib.sha256).digest()


def _spend(challenge: bytes, purpose: str, bound_to: str, now: datetime) -> bool:
    """Whether this is a question of ours, for this, not too old, and answered for the first time."""
    body = challenge[:24]
    if len(challenge) != 56 or not hmac.compare_digest(_seal(purpose, bound_to, body), challenge[24:]):
        return False
    until = datetime.fromtimestamp(int.from_bytes(body[16:], "big"), now.tzinfo)
    if until <= now:
        return False
    try:
        with db.atomic():
            SpentChallenge.create(challenge_hash=hashlib.sha256(challenge).hexdigest(), expires_at=until)
    except IntegrityError:
        return False
    return True


def _user_handle(person_id: int) -> bytes:
    """What a key keeps to tell accounts apart: nothing that says who it is."""
    return hmac.new(key_for("user handle"), str(person_id).encode(), hashlib.sha256).digest()


def _descriptors(keys: list[SecurityKey]) -> list[PublicKeyCredentialDescriptor]:
    known = {transport.value: transport for transport in AuthenticatorTransport}
    return [
        PublicKeyCredentialDescriptor(
            id=base64url_to_bytes(key.credential_id),
            transports=[known[name] for name in key.transports if name in known] or None,
        )
        for key in keys
    ]


def key_to_add(viewer: Viewer, site: Site, bound_to: str, now: datetime) -> str:
    """What the browser needs to make a new key, as JSON. Writes nothing.

    Arguments: bound_to, the session that asks ("session:12"): no other may answer.
    """
    keys = list(SecurityKey.select().where(SecurityKey.person == viewer.id))
    return webauthn.options_to_json(
        webauthn.generate_registration_options(
            rp_id=site.host,
            rp_name=site.name,
            user_id=_user_handle(viewer.id),
            user_name=viewer.username,
            user_display_name=viewer.full_name,
            challenge=_challenge("add", bound_to, now),
            timeout=CHALLENGE_MINUTES * 60_000,
            authenticator_selection=AuthenticatorSelectionCriteria(
                # A second factor is asked by its name: it need not take one of the few places of a key. Where keys
                # sign in by themselves, they have to be found without it.
                resident_key=ResidentKeyRequirement.PREFERRED
                if settings.get("sign_in_by_steps")
                else ResidentKeyRequirement.DISCOURAGED,
                user_verification=UserVerificationRequirement.PREFERRED,
            ),
            exclude_credentials=_descriptors(keys),
        )
    )


def key_to_use(keys: list[SecurityKey], site: Site | None, bound_to: str, now: datetime) -> str | None:
    """What the browser needs to ask for one of these keys, as JSON; None without keys or where they cannot work."""
    if site is None or not keys:
        return None
    return webauthn.options_to_json(
        webauthn.generate_authentication_options(
            rp_id=site.host,
            challenge=_challenge("use", bound_to, now),
            timeout=CHALLENGE_MINUTES * 60_000,
            allow_credentials=_descriptors(keys),
            user_verification=UserVerificationRequirement.PREFERRED,
        )
    )


def key_to_enter(site: Site | None, bound_to: str, now: datetime) -> str | None:
    """What the browser needs to ask for a passkey of anybody, as JSON; None where keys cannot work (ACC-17).

    It names no key and no account, so that it says the same to everybody. The key has to know its owner, by a finger, a
    face or a code: it stands for the password and for the second factor. Writes nothing.
    """
    if site is None:
        return None
    return webauthn.options_to_json(
        webauthn.generate_authentication_options(
            rp_id=site.host,
            challenge=_challenge("enter", bound_to, now),
            timeout=CHALLENGE_MINUTES * 60_000,
            user_verification=UserVerificationRequirement.REQUIRED,
        )
    )


def entered_by(
    credential: str, site: Site | None, bound_to: str, *, origin: str, now: datetime
) -> SecurityKey | None:
    """The key that answered key_to_enter() and knew its owner, once; None for any other answer."""
    read = _read_credential(credential)
    if read is None:
        return None
    key = SecurityKey.get_or_none(SecurityKey.credential_id == str(read[0].get("id"))[:1400])
    if key is None:
        return None
    return _answers(key.person_id, credential, site, bound_to, origin, now, purpose="enter")


def _read_credential(text: str) -> tuple[dict[str, Any], bytes] | None:
    """The answer of a browser and the question it answers, or None for anything that is no such answer."""
    if not isinstance(text, str) or not 0 < len(text) <= _CREDENTIAL_MAX:
        return None
    try:
        answer = json.loads(text)
        said = json.loads(base64url_to_bytes(answer["response"]["clientDataJSON"]))
        return answer, base64url_to_bytes(said["challenge"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _key_name(name: str) -> str:
    text = " ".join(unicodedata.normalize("NFC", name or "").split())
    if not text:
        raise Invalid("name-empty", field="name")
    if len(text) > KEY_NAME_MAX:
        raise Invalid("name-too-long", field="name", limit=KEY_NAME_MAX)
    if _NOT_SEEN.search(text):
        raise Invalid("name-characters", field="name")
    return text


def add_key(
    viewer: Viewer,
    name: str,
    credential: str,
    site: Site | None,
    bound_to: str,
    *,
    origin: str,
    now: datetime,
) -> SecurityKey:
    """Keep a security key or a passkey under a name.

    Arguments: credential, what the browser answered to key_to_add(), as JSON; bound_to as there.
    Raises Invalid("key-refused"), Invalid for the name, NotNow("keys-enough"), NotNow("keys-no-host").
    """
    name = _key_name(name)
    if site is None:
        raise NotNow("keys-no-host")
    read = _read_credential(credential)
    if read is None or not _spend(read[1], "add", bound_to, now):
        raise Invalid("key-refused", field="credential")
    try:
        made = webauthn.verify_registration_response(
            credential=read[0],
            expected_challenge=read[1],
            expected_rp_id=site.host,
            expected_origin=site.origin,
        )
    except _MALFORMED:
        raise Invalid("key-refused", field="credential") from None
    said = read[0]["response"].get("transports")
    known = {transport.value for transport in AuthenticatorTransport}
    transports = [one for one in said if one in known] if isinstance(said, list) else []
    with one_at_a_time(f"factors:{viewer.id}"):
        if SecurityKey.select().where(SecurityKey.person == viewer.id).count() >= KEYS_MOST:
            raise NotNow("keys-enough", limit=KEYS_MOST)
        credential_id = bytes_to_base64url(made.credential_id)
        if SecurityKey.select().where(SecurityKey.credential_id == credential_id).exists():
            raise Invalid("key-refused", field="credential")
        key = SecurityKey.create(
            person=viewer.id,
            name=name,
            credential_id=credential_id,
            public_key=bytes_to_base64url(made.credential_public_key),
            sign_count=made.sign_count,
            transports=transports,
            created_at=now,
        )
        _added(viewer, "key", now, origin, name=name)
    return key


def remove_key(viewer: Viewer, key_id: int, *, origin: str, now: datetime) -> None:
    """Take one of one's own keys away. Raises Missing for any other, NotNow("factor-needed") as remove_app()."""
    with one_at_a_time(f"factors:{viewer.id}"):
        key = SecurityKey.get_or_none((SecurityKey.id == key_id) & (SecurityKey.person == viewer.id))
        if key is None:
            raise Missing()
        key.delete_instance()
        _removed(viewer, "key", now, origin, name=key.name)


def prove_key(
    person_id: int, credential: str, site: Site | None, bound_to: str, *, origin: str, now: datetime
) -> None:
    """Take the answer of one of the person's keys to key_to_use(), once.

    Raises Invalid("key-refused") with `left`: an answer of another site, of an old or foreign question, of a key that
    is not theirs, or of a copy of a key (its count did not grow: recorded, and told to the person). Or Locked.
    """
    left = reserve_try(person_id, origin, now)
    key = _answers(person_id, credential, site, bound_to, origin, now)
    if key is None:
        refuse_try(person_id, left, "key-refused", "credential", origin=origin, now=now)
    forget_tries(person_id)


def _answers(
    person_id: int,
    credential: str,
    site: Site | None,
    bound_to: str,
    origin: str,
    now: datetime,
    purpose: str = "use",
) -> SecurityKey | None:
    read = _read_credential(credential)
    if site is None or read is None:
        return None
    answer, challenge = read
    key: SecurityKey | None = SecurityKey.get_or_none(
        (SecurityKey.credential_id == str(answer.get("id"))[:1400]) & (SecurityKey.person == person_id)
    )
    if key is None or not _spend(challenge, purpose, bound_to, now):
        return None
    try:
        done = webauthn.verify_authentication_response(
            # Behind a password, to have the key is enough; alone, it has to know its owner.
            require_user_verification=purpose == "enter",
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=site.host,
            expected_origin=site.origin,
            credential_public_key=base64url_to_bytes(key.public_key),
            # The count is compared below, where a copy is recorded rather than only refused.
            credential_current_sign_count=0,
        )
    except _MALFORMED:
        return None
    which = SecurityKey.id == key.id
    if done.new_sign_count or key.sign_count:
        which &= SecurityKey.sign_count < done.new_sign_count
    if SecurityKey.update(sign_count=done.new_sign_count, last_used_at=now).where(which).execute():
        return key
    with db.atomic():
        audit.record(
            "factor:copied", by=None, now=now, target=f"person:{person_id}", origin=origin, name=key.name
        )
        tell(Person.get_by_id(person_id), "key-copied", now)
    return None


# ---- Losing them all -----------------------------------------------------------------------------------


def take_all(person_id: int) -> dict[str, int]:
    """Delete every factor and recovery code of a person, inside the caller's transaction. Returns how many of each."""
    return {
        "apps": Authenticator.delete().where(Authenticator.person == person_id).execute(),
        "keys": SecurityKey.delete().where(SecurityKey.person == person_id).execute(),
        "codes": RecoveryCode.delete().where(RecoveryCode.person == person_id).execute(),
    }


def sweep(now: datetime) -> int:
    """Delete spent questions that are too old to be answered again, and apps that never got their first code."""
    gone = SpentChallenge.delete().where(SpentChallenge.expires_at < now).execute()
    gone += (
        Authenticator.delete()
        .where(
            Authenticator.confirmed_at.is_null()
            & (Authenticator.created_at < now - timedelta(minutes=WAITING_MINUTES))
        )
        .execute()
    )
    return int(gone)
