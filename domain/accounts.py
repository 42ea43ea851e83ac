"""Accounts: signing in and out, sessions, locks, links to choose a password, registration, profile.

How a password is hashed and judged is in passwords.py; who belongs to which organisation is in contacts.py.
Nothing here tells a stranger whether an account exists: not by words, not by status, not by time.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import math
import re
import secrets
import unicodedata
import zoneinfo
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple, NoReturn

from peewee import JOIN, OperationalError, fn

from domain import (
    audit,
    factors,
    mail_choices,
    notifications,
    passwords,
    second_step,
    settings,
    unread,
    viewing,
)
from domain.conversation import adopt_copies, normal_address
from domain.policies import STAFF_ROLES, Viewer, load_viewer, viewer_from_rows, viewer_query
from domain.refusals import Invalid, Locked, Missing, NotAllowed, NotNow
from domain.turns import one_at_a_time
from models import (
    AccountToken,
    AddressChange,
    Erasure,
    Membership,
    Organisation,
    Person,
    SignInFailure,
    UserSession,
    UtcField,
    Viewing,
    db,
    is_sqlite,
)

LANGUAGES = ("fr", "en")
NAME_MAX = 120
USERNAME_MAX = 254
ADDRESS_MAX = 254

# Beside the count for one name, an address of origin is stopped here whatever the names it tries (ACC-16).
ORIGIN_FAILURES = 100
ORIGIN_MINUTES = 15

# Links that anybody can have mailed to somebody else (ACC-7): enough for the owner, useless as a nuisance.
MAILS_AN_HOUR_TO_ONE_ADDRESS = 3
MAILS_AN_HOUR_FROM_ONE_ORIGIN = 10

# A registration is a cheap thing to begin again, but a mail may well wait a night.
REGISTRATION_HOURS = 24

# The page is not slower for saying "seen a minute ago" rather than "seen a second ago".
SEEN_EVERY_SECONDS = 60

# A dangerous act asks for the password or a factor again when the last one is older.
FRESH_MINUTES = 15

PURPOSES = ("password", "invitation", "registration")

_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029\ufffe\uffff]")


ACTIVE = Person.is_active == True  # noqa: E712


class SecondStep(Exception):
    """The password is right and a second step follows: no session yet. `token` is for this browser alone."""

    def __init__(self, token: str, person: Person) -> None:
        super().__init__("a second step follows")
        self.token = token
        self.person = person


class Entered(NamedTuple):
    """A sign-in that is whole: the token of the session, the person, how they proved it, the mark of the browser."""

    token: str
    person: Person
    how: str
    browser: str | None


# ---- Names, origins, tokens --------------------------------------------------------------------------


def normal_name(name: str) -> str:
    """A user name or an address as it is compared: NFKC, without blanks or marks that cannot be seen, case folded."""
    text = unicodedata.normalize("NFKC", name[: USERNAME_MAX * 4])
    return "".join(
        c for c in text if not c.isspace() and unicodedata.category(c) not in ("Cc", "Cf", "Cs")
    ).casefold()


def find_person(name: str) -> Person | None:
    """The person with this user name or address, or None. An address wins over somebody else's user name."""
    key = normal_name(name)
    if not key or len(key) > USERNAME_MAX or _CONTROLS.search(name):
        return None
    forms = {key, unicodedata.normalize("NFKC", name).strip().lower()}
    rows = list(
        Person.select().where(Person.email.in_(forms) | Person.username.in_(forms)).order_by(Person.id)
    )
    return next((row for row in rows if row.email in forms), rows[0] if rows else None)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _account_key(name: str) -> str:
    return _digest("name:" + normal_name(name))


def _origin(origin: str) -> str:
    return _CONTROLS.sub("", origin or "")[:50] or "unknown"


def _one_line(text: str, field: str, most: int) -> str:
    """A name as it is kept: NFC, single spaces. Raises Invalid when it is empty, too long or cannot be stored."""
    text = " ".join(unicodedata.normalize("NFC", text or "").split())
    if not text:
        raise Invalid("name-empty", field=field)
    if len(text) > most:
        raise Invalid("name-too-long", field=field, limit=most)
    if _CONTROLS.search(text):
        raise Invalid("name-characters", field=field)
    return text


def person_name(text: str) -> str:
    """The name of a person as it is kept. Raises Invalid("name-empty"), ("name-too-long"), ("name-characters")."""
    return _one_line(text, "full_name", NAME_MAX)


def address(text: str) -> str:
    """An e-mail address as it is kept. Raises Invalid("address-bad")."""
    if not isinstance(text, str) or len(text) > ADDRESS_MAX or _CONTROLS.search(text):
        raise Invalid("address-bad", field="email", address="")
    try:
        return normal_address(text)
    except Invalid as fault:
        raise Invalid("address-bad", field="email", **fault.data) from None


def _token_hash(token: str) -> str:
    return hashlib.sha256(token.encode("ascii", "replace")).hexdigest()


_link_key: bytes | None = None


def use_secret(secret: str) -> None:
    """Give the portal's secret, from which mailed links and keys of factors are made. Called once at the start."""
    global _link_key
    factors.use_secret(secret)
    _link_key = hashlib.sha256(b"guichet account links\0" + secret.encode()).digest()


def link_token(seed: str) -> str:
    """The token of a mailed link, made from the seed that the outbox keeps.

    Neither the seed nor the hash in the database opens anything without the portal's secret: whoever reads the
    database or a backup of it cannot use the links that wait there. Raises RuntimeError before use_secret().
    """
    if _link_key is None:
        raise RuntimeError("accounts.use_secret() was not called")
    made = hmac.new(_link_key, seed.encode("ascii"), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(made).decode("ascii").rstrip("=")


# ---- Sign-in -----------------------------------------------------------------------------------------


def sign_in(
    name: str,
    password: str,
    *,
    origin: str,
    now: datetime,
    user_agent: str = "",
    browser: str | None = None,
) -> tuple[str, Person]:
    """Start a session for who knows the password and needs nothing more (ACC-8, ACC-16).

    Arguments: name, a user name or an address; origin, the address of the browser; now, aware UTC; browser, the mark of
    a browser that is known (ACC-10). Returns the token to keep in the browser's cookie, and the person.
    Raises SecondStep when a factor or a mailed code is asked before there is a session; Invalid("sign-in-failed")
    with `left`, the tries that remain, or Locked("sign-in-locked"); both are the same for names that nobody has.
    """
    origin = _origin(origin)
    key = _account_key(name)
    tries, limit = _reserve(key, origin, now)
    person = find_person(name)
    may = person is not None and person.is_active and person.locked_at is None
    # The same work whoever it is: the hash of nobody is verified for unknown, disabled and locked accounts.
    good = passwords.verify(person.password_hash if person is not None and may else None, password)
    if person is None or not good:
        _refuse(person, key, origin, now, tries, limit)
    if person.password_hash and passwords.needs_new_hash(person.password_hash):
        newer = passwords.hash_password(password)
        renewed = (
            Person.update(password_hash=newer)
            .where((Person.id == person.id) & (Person.password_hash == person.password_hash))
            .execute()
        )
        if renewed:
            person.password_hash = newer
    needs = second_step.needed(person, browser, now)
    token = _welcome(person, key, origin, now, user_agent, needs)
    if token is None:
        _refuse(person, key, origin, now, tries, limit)
    if needs is not None:
        raise SecondStep(token, person)
    return token, person


def finish_sign_in(
    half: str | None,
    *,
    code: str | None = None,
    credential: str | None = None,
    site: factors.Site | None = None,
    trust: bool = False,
    origin: str,
    now: datetime,
    user_agent: str = "",
) -> Entered:
    """The second step of a sign-in: the session starts now (ACC-9, ACC-10).

    Arguments: half, the token of SecondStep; code, of the app, for recovery, or mailed; or credential, the answer of a
    security key, with the site it was asked for; trust, whether no code is mailed for this browser any more.
    Raises Missing("second-step-over") when it took too long or the account changed meanwhile; Invalid("code-wrong"),
    Invalid("key-refused"), Locked("codes-locked").
    """
    origin = _origin(origin)
    pending = second_step.find(half, now)
    if pending is None:
        raise Missing("second-step-over")
    person = pending.person
    if pending.needs == "mail":
        how = "text" if second_step.texted_to(pending) else "mail"
        second_step.prove_mailed(pending, code or "", origin=origin, now=now)
    elif credential:
        how = "key"
        factors.prove_key(person.id, credential, site, second_step.bound_to(pending), origin=origin, now=now)
    else:
        how = factors.prove_code(person.id, code or "", origin=origin, now=now)
    with db.atomic():
        second_step.claim(pending, now)
        if not _note_sign_in(person, now):
            raise Missing("second-step-over")
        token = _start_session(person, origin, now, user_agent)
        audit.record(
            "session:started",
            by=_as_viewer(person),
            now=now,
            target=f"person:{person.id}",
            origin=origin,
            second=how,
        )
        browser = None
        if pending.needs == "mail" and trust:
            browser = second_step.trust(person.id, origin=origin, user_agent=_agent(user_agent), now=now)
    return Entered(token, person, how, browser)


def sign_in_proven(
    person: Person,
    *,
    how: str,
    skip_second: bool,
    origin: str,
    now: datetime,
    user_agent: str = "",
    browser: str | None = None,
) -> tuple[str, Person]:
    """Start a session for somebody whom another system has proven, as after the right password (ACC-11).

    Arguments: how, for the audit trail ("sso:acme"); skip_second, whether that proof counts as the second step too;
    the rest as sign_in(). Raises SecondStep, Locked while sign-in from this origin is suspended for the account, and
    NotAllowed("sso-closed") for an account that is disabled or locked by staff.
    """
    origin = _origin(origin)
    for name in {person.email, person.username}:
        _check_lock(_account_key(name), origin, now)
    if not person.is_active or person.locked_at is not None:
        raise NotAllowed("sso-closed", person=person.id)
    needs = None if skip_second else second_step.needed(person, browser, now)
    token = _welcome(person, _account_key(person.email), origin, now, user_agent, needs, how=how)
    if token is None:
        raise NotAllowed("sso-closed", person=person.id)
    if needs is not None:
        raise SecondStep(token, person)
    return token, person


def sign_in_by_key(
    credential: str,
    *,
    site: factors.Site | None,
    bound_to: str,
    origin: str,
    now: datetime,
    user_agent: str = "",
) -> tuple[str, Person]:
    """Start a session for the owner of a passkey that answered factors.key_to_enter(): nothing else is asked (ACC-17).

    Arguments: credential, what the browser answered, as JSON; bound_to as there; the rest as sign_in(). Raises
    Invalid("key-refused"), the same for a key that nobody has and for an account that is closed; Locked.
    """
    origin = _origin(origin)
    _check_origin(origin, now)
    key = factors.entered_by(credential, site, bound_to, origin=origin, now=now)
    if key is not None:
        try:
            return sign_in_proven(
                key.person, how="key", skip_second=True, origin=origin, now=now, user_agent=user_agent
            )
        except NotAllowed:
            pass
    # A key cannot be guessed, but tries are counted for the origin all the same (ACC-16); they lock no account.
    with db.atomic():
        SignInFailure.create(account_key=_digest("key:" + origin), origin=origin, at=now)
        target = f"person:{key.person_id}" if key is not None else ""
        audit.record("session:failed", by=None, now=now, target=target, origin=origin, how="key")
    raise Invalid("key-refused", field="credential")


def _check_origin(origin: str, now: datetime) -> None:
    """Raise Locked while too many tries came from this origin, whatever the names."""
    recent = [
        row.at
        for row in SignInFailure.select(SignInFailure.at)
        .where(
            (SignInFailure.origin == origin) & (SignInFailure.at > now - timedelta(minutes=ORIGIN_MINUTES))
        )
        .order_by(SignInFailure.at.desc())
        .limit(ORIGIN_FAILURES)
    ]
    if len(recent) >= ORIGIN_FAILURES:
        raise _locked("origin", recent[-1] + timedelta(minutes=ORIGIN_MINUTES), now, ORIGIN_FAILURES)


def _check_lock(key: str, origin: str, now: datetime) -> None:
    """Raise Locked while sign-in by this name is suspended from this origin; nothing is counted."""
    limit = settings.get("lock_after")
    if settings.get("lock_policy") == "staff":
        # That lock is on the account itself.
        return
    window = timedelta(minutes=settings.get("lock_minutes"))
    mine = (SignInFailure.account_key == key) & (SignInFailure.origin == origin)
    times = [row.at for row in SignInFailure.select(SignInFailure.at).where(mine).order_by(SignInFailure.at)]
    if len(times) >= limit and now < times[limit - 1] + window:
        raise _locked("temporary", times[limit - 1] + window, now, limit)


def _reserve(key: str, origin: str, now: datetime) -> tuple[int, int]:
    """Write the failure down before the password is looked at; success takes it out again.

    Fifty tries at the same moment can therefore never be more than the limit. Returns the number of this try and
    the limit. Raises Locked, without writing anything: a try made while locked prolongs nothing (ACC-16).
    """
    limit = settings.get("lock_after")
    forever = settings.get("lock_policy") == "staff"
    minutes = settings.get("lock_minutes")
    window = timedelta(minutes=minutes)
    mine = SignInFailure.account_key == key
    if not forever:
        mine &= SignInFailure.origin == origin
    with one_at_a_time(origin, key):
        _check_origin(origin, now)
        times = [
            row.at for row in SignInFailure.select(SignInFailure.at).where(mine).order_by(SignInFailure.at)
        ]
        if forever:
            if len(times) >= limit:
                raise _locked("staff", None, now, limit)
        elif len(times) >= limit:
            until = times[limit - 1] + window
            if now < until:
                raise _locked("temporary", until, now, limit)
            # The lock was served: the count starts again. Rows that the origin still counts keep their number.
            SignInFailure.update(account_key=_digest("served:" + key)).where(mine).execute()
            times = []
        else:
            old = [at for at in times if at <= now - window]
            if old:
                SignInFailure.delete().where(mine & (SignInFailure.at <= now - window)).execute()
                times = times[len(old) :]
        SignInFailure.create(account_key=key, origin=origin, at=now)
    return len(times) + 1, limit


def _locked(policy: str, until: datetime | None, now: datetime, tries: int) -> Locked:
    minutes = None if until is None else max(1, math.ceil((until - now).total_seconds() / 60))
    return Locked("sign-in-locked", policy=policy, until=until, minutes=minutes, tries=tries)


def _forget_failures(key: str, origin: str | None) -> None:
    """Take the failures of a name out of the count; of one origin, or of all (None)."""
    which = SignInFailure.account_key == key
    if origin is not None and settings.get("lock_policy") != "staff":
        which &= SignInFailure.origin == origin
    SignInFailure.delete().where(which).execute()


def _note_sign_in(person: Person, now: datetime) -> bool:
    """Write down when they signed in, unless the account changed while the sign-in was being verified."""
    return bool(
        Person.update(
            last_signed_in_at=now,
            first_signed_in_at=fn.COALESCE(Person.first_signed_in_at, UtcField().db_value(now)),
        )
        .where(_unchanged(person))
        .execute()
    )


def _unchanged(person: Person) -> Any:
    same = (
        Person.password_hash == person.password_hash
        if person.password_hash
        else Person.password_hash.is_null()
    )
    return (Person.id == person.id) & ACTIVE & Person.locked_at.is_null() & same


def _welcome(
    person: Person, key: str, origin: str, now: datetime, user_agent: str, needs: str | None, **said: str
) -> str | None:
    """Start the session or the wait for its second step, unless the account changed while its password was verified."""
    with db.atomic():
        if needs is not None:
            if not Person.select(Person.id).where(_unchanged(person)).exists():
                return None
            _forget_failures(key, origin)
            audit.record(
                "session:half",
                by=_as_viewer(person),
                now=now,
                target=f"person:{person.id}",
                origin=origin,
                needs=needs,
                **said,
            )
            return second_step.begin(person, needs, origin=origin, user_agent=_agent(user_agent), now=now)
        if not _note_sign_in(person, now):
            return None
        _forget_failures(key, origin)
        token = _start_session(person, origin, now, user_agent)
        audit.record(
            "session:started",
            by=_as_viewer(person),
            now=now,
            target=f"person:{person.id}",
            origin=origin,
            **said,
        )
    return token


def _refuse(person: Person | None, key: str, origin: str, now: datetime, tries: int, limit: int) -> NoReturn:
    """Record the failure, lock what is to be locked, and say no."""
    staff_policy = settings.get("lock_policy") == "staff"
    last = tries >= limit
    target = f"person:{person.id}" if person is not None else f"name:{key[:16]}"
    with db.atomic():
        audit.record("session:failed", by=None, now=now, target=target, origin=origin)
        if last:
            audit.record("session:locked", by=None, now=now, target=target, origin=origin)
        if last and staff_policy and person is not None and person.is_active:
            changed = (
                Person.update(locked_at=now)
                .where((Person.id == person.id) & Person.locked_at.is_null())
                .execute()
            )
            if changed:
                _tell_admins("account-locked", f"account:{person.id}:locked:{now:%Y%m%d%H%M%S}", now, person)
    if last:
        until = None if staff_policy else now + timedelta(minutes=settings.get("lock_minutes"))
        raise _locked("staff" if staff_policy else "temporary", until, now, limit)
    raise Invalid("sign-in-failed", field="password", left=limit - tries)


def _tell_admins(template: str, source: str, now: datetime, person: Person) -> None:
    admins = Person.select().where((Person.staff_role == "admin") & ACTIVE)
    for admin in admins.order_by(Person.id):
        notifications.enqueue(
            template, source=source, now=now, person=admin, person_id=person.id, policy="staff"
        )


def _as_viewer(person: Person) -> Viewer:
    viewer = load_viewer(person.id)
    if viewer is None:
        raise Missing()
    return viewer


# ---- Sessions ----------------------------------------------------------------------------------------


def _start_session(person: Person, origin: str, now: datetime, user_agent: str) -> str:
    token = secrets.token_urlsafe(32)
    unread.begin(person.id)
    hours = settings.get("session_hours_staff" if person.staff_role else "session_hours_customer")
    UserSession.create(
        token_hash=_token_hash(token),
        person=person.id,
        created_at=now,
        last_seen_at=now,
        expires_at=now + timedelta(hours=hours),
        fresh_at=now,
        origin=origin,
        user_agent=_agent(user_agent),
    )
    return token


def _agent(user_agent: str) -> str:
    """The name of a browser as it is kept: one line, 200 characters at most."""
    return _CONTROLS.sub(" ", user_agent or "")[:200]


class _Statements(NamedTuple):
    session: str
    viewer: str
    viewer_values: list[Any]


_statements: dict[bool, _Statements] = {}


def _prepared() -> _Statements:
    """The two statements that every page needs, put into words once: building them costs more than running them."""
    sqlite = is_sqlite()
    if sqlite not in _statements:
        session, _ = (
            UserSession.select(
                UserSession.id,
                UserSession.person,
                UserSession.last_seen_at,
                UserSession.expires_at,
                Viewing.person,
                Viewing.until,
            )
            .join(
                Viewing,
                JOIN.LEFT_OUTER,
                on=((Viewing.session == UserSession.id) & Viewing.ended_at.is_null()),
            )
            .where((UserSession.token_hash == "") & UserSession.ended_at.is_null())
            .sql()
        )
        viewer, values = viewer_query().where(Person.id == 0).sql()
        _statements[sqlite] = _Statements(session, viewer, values[:-1])
    return _statements[sqlite]


def load_session(token: str | None, now: datetime) -> tuple[int, Viewer] | None:
    """The session of this token and who it belongs to, with rights as they are now; None when it is over.

    Two indexed queries: this runs on every page. Over means: signed out, ended elsewhere, idle or too old by the
    settings, or the account disabled. Writes last_seen_at at most once a minute, and not when the database is busy.
    In a session in which an admin sees the portal as somebody else does, the viewer is that person (viewing.py).
    """
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        return None
    prepared = _prepared()
    row = db.execute_sql(prepared.session, (_token_hash(token),)).fetchone()
    if row is None:
        return None
    moment = UserSession.last_seen_at.python_value
    session_id, person_id, last_seen, expires = row[0], row[1], moment(row[2]), moment(row[3])
    if now >= expires:
        return None
    rows = db.execute_sql(prepared.viewer, (*prepared.viewer_values, person_id)).fetchall()
    viewer = viewer_from_rows(rows, now)
    if viewer is None or not viewer.is_active:
        return None
    idle = settings.get("session_idle_minutes_staff" if viewer.is_staff else "session_idle_minutes_customer")
    if now >= last_seen + timedelta(minutes=idle):
        return None
    if now >= last_seen + timedelta(seconds=SEEN_EVERY_SECONDS):
        _touch(session_id, now)
    if row[4] is not None:
        viewer = viewing.through(session_id, viewer, row[4], moment(row[5]), now)
    return session_id, viewer


def _touch(session_id: int, now: datetime) -> None:
    """Note that the session is in use; skipped when the database is busy, since the next page will do it."""
    update = UserSession.update(last_seen_at=now).where(
        (UserSession.id == session_id) & (UserSession.last_seen_at < now)
    )
    try:
        if not is_sqlite():
            update.execute()
            return
        waits = db.execute_sql("PRAGMA busy_timeout").fetchone()[0]
        db.execute_sql("PRAGMA busy_timeout = 0")
        try:
            update.execute()
        finally:
            db.execute_sql(f"PRAGMA busy_timeout = {int(waits)}")
    except OperationalError:
        return


def _alive(now: datetime) -> Any:
    return UserSession.ended_at.is_null() & (UserSession.expires_at > now)


def sessions(viewer: Viewer, now: datetime) -> list[UserSession]:
    """The living sessions of a person, last used first (ACC-13)."""
    key = "session_idle_minutes_staff" if viewer.is_staff else "session_idle_minutes_customer"
    since = now - timedelta(minutes=settings.get(key))
    return list(
        UserSession.select()
        .where((UserSession.person == viewer.id) & _alive(now) & (UserSession.last_seen_at > since))
        .order_by(UserSession.last_seen_at.desc(), UserSession.id.desc())
    )


def end_session(session_id: int, by: Viewer, now: datetime, *, origin: str = "") -> None:
    """End one session of one's own: the very next request with it is refused.

    Raises Missing for the session of somebody else. Ending it twice is no fault.
    """
    with db.atomic():
        session = UserSession.get_or_none((UserSession.id == session_id) & (UserSession.person == by.id))
        if session is None:
            raise Missing("session-missing")
        viewing.end_of(UserSession.id == session_id, now)
        ended = (
            UserSession.update(ended_at=now)
            .where((UserSession.id == session_id) & UserSession.ended_at.is_null())
            .execute()
        )
        if ended:
            audit.record(
                "session:ended",
                by=by,
                now=now,
                target=f"person:{by.id}",
                origin=_origin(origin),
                session=session_id,
            )


def end_all(
    person_id: int, by: Viewer | None, now: datetime, *, except_id: int | None = None, origin: str = ""
) -> int:
    """End every session of a person but one. Returns how many ended. `by` None: the portal itself."""
    with db.atomic():
        which = (UserSession.person == person_id) & UserSession.ended_at.is_null()
        if except_id is not None:
            which &= UserSession.id != except_id
        viewing.end_of(which, now)
        ended = UserSession.update(ended_at=now).where(which).execute()
        if ended:
            audit.record(
                "session:ended_everywhere",
                by=by,
                now=now,
                target=f"person:{person_id}",
                origin=_origin(origin) if origin else "",
                sessions=ended,
            )
    return int(ended)


def sign_out_everywhere(
    viewer: Viewer,
    now: datetime,
    *,
    origin: str,
    except_id: int | None = None,
    browser: str | None = None,
) -> None:
    """End one's sessions and trust no browser any longer (ACC-13): a new sign-in types a code again.

    Arguments: except_id, the session that asks, when it is to go on; browser, its mark, then trusted as before.
    """
    with db.atomic():
        end_all(viewer.id, viewer, now, except_id=except_id, origin=origin)
        second_step.void(viewer.id, now)
        forgotten = second_step.distrust_all(
            viewer.id, except_token=browser if except_id is not None else None
        )
        if forgotten:
            audit.record(
                "browser:forgotten",
                by=viewer,
                now=now,
                target=f"person:{viewer.id}",
                origin=_origin(origin),
                browsers=forgotten,
            )


# ---- Passwords ---------------------------------------------------------------------------------------


def personal_words(person: Person) -> list[str]:
    """What a password of this person must not hold: name, address, organisations, name of the portal (ACC-6)."""
    organisations = (
        Organisation.select(Organisation.name)
        .join(Membership, on=(Membership.organisation == Organisation.id))
        .where((Membership.person == person.id) & Membership.removed_at.is_null())
    )
    names = [row.name for row in organisations]
    return passwords.words_of(
        person.full_name, person.email, person.username, person.claimed_organisation, *names,
        settings.get("portal_name"), "Guichet",
    )  # fmt: skip


def password_faults(password: str, person: Person) -> list[str]:
    """The rules that this password breaks (ACC-6), in the order of the page; empty when it may be used.

    Codes: short, long, characters, well-known, personal.
    """
    if passwords.normalise(password) is None and password:
        return ["long"] if len(password) > passwords.MOST_CHARACTERS else ["characters"]
    faults = []
    if len(passwords.normalise(password) or "") < settings.get("password_min"):
        faults.append("short")
    if password and passwords.is_well_known(password):
        faults.append("well-known")
    if passwords.personal_word(password, personal_words(person)):
        faults.append("personal")
    return faults


def check_password(password: str, person: Person) -> None:
    """Raise Invalid("password-refused") with `faults`, `word` (to take out) and `least`, unless it may be used."""
    faults = password_faults(password, person)
    if faults:
        word = passwords.personal_word(password, personal_words(person)) if "personal" in faults else None
        raise Invalid(
            "password-refused", field="password", faults=faults, word=word, least=settings.get("password_min"),
            most=passwords.MOST_CHARACTERS,
        )  # fmt: skip


def change_password(
    viewer: Viewer,
    session_id: int,
    current: str,
    new: str,
    now: datetime,
    *,
    origin: str,
    user_agent: str = "",
) -> str:
    """Choose another password while signed in; every session ends, and a new one begins here.

    Returns the new token. Raises Invalid("current-password-wrong"), Invalid("password-refused"), or Locked when the
    present password was guessed at too often: the count is the one of sign-in.
    """
    origin = _origin(origin)
    person = Person.get_by_id(viewer.id)
    check_password(new, person)
    _prove_password(person, current, "current_password", origin, now)
    made = passwords.hash_password(new)
    with db.atomic():
        alive = UserSession.update(ended_at=now).where((UserSession.id == session_id) & _alive(now)).execute()
        kept = Person.update(password_hash=made).where(
            (Person.id == person.id) & (Person.password_hash == person.password_hash) & ACTIVE
        )
        if not alive or not kept.execute():
            raise NotNow("changed-meanwhile")
        kill_links(person.id, now)
        second_step.void(person.id, now)
        end_all(person.id, viewer, now, origin=origin)
        audit.record(
            "account:password_changed", by=viewer, now=now, target=f"person:{person.id}", origin=origin
        )
        notifications.enqueue(
            "password-changed", source=f"account:{person.id}:changed:{_stamp(now)}", now=now, person=person
        )
        return _start_session(person, origin, now, user_agent)


def _stamp(now: datetime) -> str:
    return f"{now:%Y%m%d%H%M%S%f}"


# ---- Links to choose a password ----------------------------------------------------------------------


def _make_link(person: Person, purpose: str, now: datetime) -> tuple[str, AccountToken]:
    """A single-use link, inside the caller's transaction. Returns the seed for the outbox and the row."""
    lives = {
        "password": timedelta(minutes=settings.get("reset_minutes")),
        "invitation": timedelta(days=settings.get("invitation_days")),
        "registration": timedelta(hours=REGISTRATION_HOURS),
    }
    seed = secrets.token_urlsafe(32)
    row = AccountToken.create(
        person=person.id,
        purpose=purpose,
        token_hash=_token_hash(link_token(seed)),
        created_at=now,
        expires_at=now + lives[purpose],
    )
    return seed, row


def kill_links(person_id: int, now: datetime) -> None:
    """Make every mailed link of a person useless, also that to another address, inside the caller's transaction."""
    AddressChange.delete().where(AddressChange.person == person_id).execute()
    AccountToken.update(used_at=now).where(
        (AccountToken.person == person_id) & AccountToken.used_at.is_null()
    ).execute()


def _mail_link(person: Person, purpose: str, now: datetime) -> None:
    """Put the mail with a fresh link in the outbox, inside the caller's transaction."""
    seed, row = _make_link(person, purpose, now)
    notifications.enqueue(
        "account-password" if purpose == "password" else "account-invitation",
        source=f"account:{person.id}:link:{row.id}",
        now=now,
        person=person,
        seed=seed,
        purpose=purpose,
        expires_at=row.expires_at.isoformat(),
    )


def may_mail(to: str, origin: str, now: datetime) -> bool:
    """Count one mail to an address and from an origin, inside the caller's transaction; False beyond the limits."""
    hour_ago = now - timedelta(hours=1)
    origin = "mail:" + origin
    key = _digest("mail:" + to)
    from_origin = (
        SignInFailure.select().where((SignInFailure.origin == origin) & (SignInFailure.at > hour_ago)).count()
    )
    to_address = (
        SignInFailure.select()
        .where((SignInFailure.account_key == key) & (SignInFailure.at > hour_ago))
        .count()
    )
    if from_origin >= MAILS_AN_HOUR_FROM_ONE_ORIGIN or to_address >= MAILS_AN_HOUR_TO_ONE_ADDRESS:
        return False
    SignInFailure.create(account_key=key, origin=origin, at=now)
    return True


def ask_reset(name: str, *, origin: str, now: datetime) -> None:
    """Mail a link to choose a password (ACC-7). Says nothing, whatever the name.

    An account that never signed in gets its invitation again. At most 3 mails an hour to an address and 10 from an
    origin. A disabled account, and one locked until staff unlock it, get nothing.
    """
    origin = _origin(origin)
    # The one thing that differs is a few rows more; the work of a hash hides it.
    passwords.same_work()
    person = find_person(name)
    to = person.email if person is not None else normal_name(name)
    with one_at_a_time("mail:" + origin, "mail:" + to):
        if not may_mail(to, origin, now):
            return
        if person is None or not person.is_active or person.locked_at is not None:
            return
        _mail_link(person, "password" if person.first_signed_in_at else "invitation", now)
        audit.record("account:password_asked", by=None, now=now, target=f"person:{person.id}", origin=origin)


def ask_username(email: str, *, origin: str, now: datetime) -> None:
    """Mail a lost user name to its address (ACC-4). Says nothing, whatever the address.

    An account that never signed in gets its invitation again, which says it too. The limits and the silences are those
    of ask_reset(), counted together with them.
    """
    origin = _origin(origin)
    passwords.same_work()
    to = normal_name(email)
    person = Person.get_or_none(Person.email == to) if to and not _CONTROLS.search(email) else None
    with one_at_a_time("mail:" + origin, "mail:" + to):
        if not may_mail(to, origin, now):
            return
        if person is None or not person.is_active or person.locked_at is not None:
            return
        if person.first_signed_in_at is None:
            _mail_link(person, "invitation", now)
        else:
            notifications.enqueue(
                "account-username",
                source=f"account:{person.id}:username:{_stamp(now)}",
                now=now,
                person=person,
            )
        audit.record("account:username_asked", by=None, now=now, target=f"person:{person.id}", origin=origin)


@dataclass(frozen=True)
class Link:
    """A living link: whose, what for, until when."""

    token_id: int
    person: Person
    purpose: str
    expires_at: datetime


def find_link(token: str, now: datetime) -> Link:
    """The link with this token, without using it. Raises Missing("link-dead") for any that does not work (any more)."""
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise Missing("link-dead")
    row = (
        AccountToken.select(AccountToken, Person)
        .join(Person)
        .where(
            (AccountToken.token_hash == _token_hash(token))
            & AccountToken.used_at.is_null()
            & (AccountToken.expires_at > now)
            & AccountToken.purpose.in_(PURPOSES)
            & ACTIVE
            & Person.locked_at.is_null()
        )
        .first()
    )
    if row is None:
        raise Missing("link-dead")
    return Link(row.id, row.person, row.purpose, row.expires_at)


def use_token(
    token: str, password: str, *, origin: str, now: datetime, user_agent: str = ""
) -> tuple[str, Person]:
    """Choose a password with a mailed link, once: every other session ends and a new one begins (ACC-1, ACC-7).

    Returns the token of the new session and the person. Raises SecondStep, with the new password kept, for who has a
    factor: a mailbox is none. Raises Missing("link-dead"), Invalid("password-refused"): the link can then still be
    used. It proves the address, so the account counts as verified.
    """
    origin = _origin(origin)
    link = find_link(token, now)
    person = link.person
    check_password(password, person)
    made = passwords.hash_password(password)
    with db.atomic():
        claimed = (
            AccountToken.update(used_at=now)
            .where(
                (AccountToken.id == link.token_id)
                & AccountToken.used_at.is_null()
                & (AccountToken.expires_at > now)
            )
            .execute()
        )
        if not claimed:
            raise Missing("link-dead")
        stamp = UtcField().db_value(now)
        needs = second_step.needed(person, None, now, mail=False)
        entered = {} if needs else {
            "first_signed_in_at": fn.COALESCE(Person.first_signed_in_at, stamp), "last_signed_in_at": now
        }  # fmt: skip
        changed = (
            Person.update(
                password_hash=made,
                email_verified_at=fn.COALESCE(Person.email_verified_at, stamp),
                **entered,
            )
            .where((Person.id == person.id) & ACTIVE & Person.locked_at.is_null())
            .execute()
        )
        if not changed:
            raise Missing("link-dead")
        if person.email_verified_at is None:
            adopt_copies(person.id, person.email)
        kill_links(person.id, now)
        for name in {person.email, person.username}:
            _forget_failures(_account_key(name), None)
        viewer = _as_viewer(person)
        end_all(person.id, viewer, now, origin=origin)
        audit.record(
            "account:password_changed", by=viewer, now=now, target=f"person:{person.id}", origin=origin
        )
        if link.purpose == "password":
            notifications.enqueue(
                "password-changed",
                source=f"account:{person.id}:link-used:{link.token_id}",
                now=now,
                person=person,
            )
        elif person.first_signed_in_at is None and person.claimed_organisation and not viewer.memberships:
            # Told only now: the address is proven, so nobody fills the team's box with made-up people (ACC-2).
            _tell_admins("registration-waiting", f"account:{person.id}:waiting", now, person)
        # Whoever held a trusted browser or half a sign-in begins anew with the new password.
        second_step.distrust_all(person.id)
        second_step.void(person.id, now)
        if needs:
            person.password_hash = made
            half = second_step.begin(person, needs, origin=origin, user_agent=_agent(user_agent), now=now)
        else:
            session = _start_session(person, origin, now, user_agent)
            audit.record("session:started", by=viewer, now=now, target=f"person:{person.id}", origin=origin)
    if needs:
        raise SecondStep(half, person)
    return session, Person.get_by_id(person.id)


# ---- Registration and invitation ---------------------------------------------------------------------


def register(
    full_name: str, email: str, *, organisation: str = "", language: str = "fr", time_zone: str = "Europe/Paris",
    origin: str, now: datetime,
) -> None:  # fmt: skip
    """Begin an account (ACC-1, ACC-2): a mail brings a single-use link to choose a password. Says nothing else.

    An address that has an account gets a mail that says so; one whose account never signed in, its invitation again.
    The organisation named is kept for staff and attaches to nothing.
    Raises NotAllowed("registration-closed") when accounts are by invitation only, Invalid for a bad name or address.
    """
    if settings.get("registration") != "open":
        raise NotAllowed("registration-closed")
    full_name = _one_line(full_name, "full_name", NAME_MAX)
    email = address(email)
    claimed = (
        _one_line(organisation, "organisation", NAME_MAX) if organisation and organisation.strip() else ""
    )
    origin = _origin(origin)
    passwords.same_work()
    with one_at_a_time("mail:" + origin, "mail:" + email):
        if not may_mail(email, origin, now):
            return
        person = Person.get_or_none((Person.email == email) | (Person.username == email))
        if person is None:
            person = _create(email, email, full_name, language, time_zone, now, claimed_organisation=claimed)
            audit.record("account:created", by=None, now=now, target=f"person:{person.id}", origin=origin)
        elif not person.is_active or person.locked_at is not None or person.email != email:
            return
        elif _is_unproven_registration(person):
            # Whoever typed this first proved nothing: what is shown is what was typed last.
            Person.update(
                full_name=full_name,
                claimed_organisation=claimed,
                language=_language(language),
                time_zone=_zone(time_zone),
            ).where(Person.id == person.id).execute()
            person = Person.get_by_id(person.id)
        if person.first_signed_in_at is not None:
            notifications.enqueue(
                "account-exists", source=f"account:{person.id}:exists:{_stamp(now)}", now=now, person=person
            )
            return
        _mail_link(person, "registration" if _is_unproven_registration(person) else "invitation", now)


def _is_unproven_registration(person: Person) -> bool:
    return (
        person.first_signed_in_at is None
        and person.email_verified_at is None
        and person.password_hash is None
        and person.staff_role is None
        and not Membership.select().where(Membership.person == person.id).exists()
    )


def _language(language: str) -> str:
    return language if language in LANGUAGES else "fr"


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    """The zones that are known: looked up on the disk once."""
    return frozenset(zoneinfo.available_timezones())


def _zone(name: str) -> str:
    return name if name in _zones() else "Europe/Paris"


def _create(
    email: str, username: str, full_name: str, language: str, time_zone: str, now: datetime, **more: Any
) -> Person:
    return Person.create(
        email=email,
        username=username,
        full_name=full_name,
        language=_language(language),
        time_zone=_zone(time_zone),
        created_at=now,
        **more,
    )


def add_person(
    email: str,
    full_name: str,
    *,
    by: Viewer | None,
    now: datetime,
    username: str | None = None,
    password: str | None = None,
    language: str = "fr",
    time_zone: str = "Europe/Paris",
    staff_role: str | None = None,
    is_supervisor: bool = False,
    any_password: bool = False,
    has_signed_in: bool = False,
    invite: bool = False,
) -> Person:
    """Make an account by hand or by command (ACC-4, ACC-5).

    Arguments: username, the address when absent; password, judged by the rules unless any_password; has_signed_in,
    for an account that need not be invited (its address counts as verified); invite, mail a link to choose a password.
    Raises Invalid("address-bad"), ("address-taken"), ("username-bad"), ("username-taken"), ("password-refused").
    """
    email = address(email)
    full_name = _one_line(full_name, "full_name", NAME_MAX)
    username = normal_name(username) if username else email
    if not username or len(username) > USERNAME_MAX:
        raise Invalid("username-bad", field="username")
    if staff_role is not None and staff_role not in STAFF_ROLES:
        raise Invalid("staff-role-unknown", field="staff_role")
    with db.atomic():
        names = {email, username}
        taken = Person.select(Person.email, Person.username).where(
            Person.email.in_(names) | Person.username.in_(names)
        )
        held = {name for row in taken.tuples() for name in row}
        if email in held:
            raise Invalid("address-taken", field="email", address=email)
        if username in held:
            raise Invalid("username-taken", field="username", username=username)
        person = _create(
            email, username, full_name, language, time_zone, now,
            staff_role=staff_role,
            is_supervisor=is_supervisor,
            first_signed_in_at=now if has_signed_in else None,
            email_verified_at=now if has_signed_in else None,
        )  # fmt: skip
        adopt_copies(person.id, email)
        if password is not None:
            if not any_password:
                check_password(password, person)
            elif passwords.normalise(password) is None:
                raise Invalid(
                    "password-refused",
                    field="password",
                    faults=["characters"],
                    word=None,
                    least=1,
                    most=passwords.MOST_CHARACTERS,
                )
            person.password_hash = passwords.hash_password(password)
            person.save(only=[Person.password_hash])
        audit.record("account:created", by=by, now=now, target=f"person:{person.id}")
        if invite:
            _mail_link(person, "invitation", now)
            audit.record("account:invited", by=by, now=now, target=f"person:{person.id}")
    return person


def invite(person_id: int, by: Viewer | None, now: datetime) -> None:
    """Send somebody who never signed in their invitation, again if need be (ACC-4).

    Raises NotNow("already-signed-in"), NotNow("account-disabled"), NotNow("mailed-enough") after 3 within an hour.
    """
    with db.atomic():
        person = Person.get_or_none(Person.id == person_id)
        if person is None:
            raise Missing()
        if not person.is_active:
            raise NotNow("account-disabled")
        if person.first_signed_in_at is not None:
            raise NotNow("already-signed-in")
        if not may_mail(person.email, f"by {by.id if by else 0} {secrets.token_hex(8)}", now):
            raise NotNow("mailed-enough")
        _mail_link(person, "invitation", now)
        audit.record("account:invited", by=by, now=now, target=f"person:{person.id}")


def correct(
    person_id: int,
    *,
    full_name: str | None,
    language: str | None,
    by: Viewer | None,
    now: datetime,
    reason: str = "",
) -> bool:
    """Correct the name or the language of a customer's account, as staff do (ACC-4). None: left as it is.

    Returns False when nothing had to change. Raises Missing, Invalid("contact-is-staff"), Invalid as person_name(),
    Invalid("language-unknown").
    """
    after = {}
    if full_name is not None:
        after["full_name"] = person_name(full_name)
    if language is not None:
        if language not in LANGUAGES:
            raise Invalid("language-unknown", field="language")
        after["language"] = language
    with db.atomic():
        person = Person.get_or_none(Person.id == person_id)
        if person is None:
            raise Missing()
        if person.staff_role is not None:
            raise Invalid("contact-is-staff", field="email")
        changed = {
            name: [getattr(person, name), value]
            for name, value in after.items()
            if getattr(person, name) != value
        }
        if not changed:
            return False
        Person.update({name: value for name, (_before, value) in changed.items()}).where(
            Person.id == person_id
        ).execute()
        audit.record(
            "account:changed", by=by, now=now, target=f"person:{person_id}", changed=changed, reason=reason
        )
    return True


# ---- Staff's acts on accounts ------------------------------------------------------------------------


def disable(person_id: int, by: Viewer | None, now: datetime) -> None:
    """Close an account: its sessions and its links are dead at once, its past stays (S07).

    Raises Missing, NotNow("last-admin") for the only admin left.
    """
    with db.atomic():
        person = Person.get_or_none(Person.id == person_id)
        if person is None:
            raise Missing()
        others = Person.select().where((Person.staff_role == "admin") & ACTIVE & (Person.id != person_id))
        if person.staff_role == "admin" and not others.exists():
            raise NotNow("last-admin")
        changed = Person.update(is_active=False).where((Person.id == person_id) & ACTIVE).execute()
        end_all(person_id, by, now)
        kill_links(person_id, now)
        second_step.void(person_id, now)
        second_step.distrust_all(person_id)
        if changed:
            audit.record("account:disabled", by=by, now=now, target=f"person:{person_id}")


def enable(person_id: int, by: Viewer | None, now: datetime) -> None:
    """Open a disabled account again. Sessions and links that died stay dead.

    Raises Missing, NotNow("account-erased"): it is nobody's.
    """
    with db.atomic():
        if not Person.select().where(Person.id == person_id).exists():
            raise Missing()
        if Erasure.select(Erasure.id).where(Erasure.person == person_id).exists():
            raise NotNow("account-erased")
        changed = Person.update(is_active=True).where((Person.id == person_id) & ~ACTIVE).execute()
        if changed:
            audit.record("account:enabled", by=by, now=now, target=f"person:{person_id}")


def forget_failures(names: Iterable[str]) -> None:
    """Forget the failed sign-ins under these names and addresses, inside the caller's transaction."""
    keys = sorted({_account_key(name) for name in names})
    SignInFailure.delete().where(SignInFailure.account_key.in_(keys)).execute()


def unlock(person_id: int, by: Viewer | None, now: datetime) -> None:
    """Unlock an account that failed sign-ins locked, and mail the user name and a link to choose a password (ACC-8)."""
    with db.atomic():
        person = Person.get_or_none(Person.id == person_id)
        if person is None:
            raise Missing()
        was_locked = (
            Person.update(locked_at=None)
            .where((Person.id == person_id) & Person.locked_at.is_null(False))
            .execute()
        )
        for name in {person.email, person.username}:
            SignInFailure.delete().where(SignInFailure.account_key == _account_key(name)).execute()
        audit.record("account:unlocked", by=by, now=now, target=f"person:{person_id}")
        if was_locked and person.is_active:
            _mail_link(person, "password" if person.first_signed_in_at else "invitation", now)


def reset_factors(person_id: int, reason: str, by: Viewer, now: datetime) -> bool:
    """Take every factor away from somebody who lost them, after who asks was verified (ACC-9).

    Their sessions end, trusted browsers are forgotten, and they are told by mail; they sign in with the password and
    set up a factor anew where one is required. Returns False when there was none. Raises NotAllowed for who is no
    admin and for one's own account, Invalid("reason-empty"), Missing.
    """
    if not by.is_admin or by.id == person_id:
        raise NotAllowed("factors-not-yours")
    if not reason or not reason.strip():
        raise Invalid("reason-empty", field="reason")
    reason = _one_line(reason, "reason", 300)
    with one_at_a_time(f"factors:{person_id}"):
        person = Person.get_or_none(Person.id == person_id)
        if person is None:
            raise Missing()
        taken: dict[str, Any] = factors.take_all(person_id)
        if not any(taken.values()):
            return False
        factors.forget_tries(person_id)
        second_step.void(person_id, now)
        second_step.distrust_all(person_id)
        end_all(person_id, by, now)
        audit.record("factor:reset", by=by, now=now, target=f"person:{person_id}", reason=reason, **taken)
        factors.tell(person, "factors-reset", now)
    return True


# ---- Fresh sign-in -----------------------------------------------------------------------------------


def is_fresh(session_id: int, now: datetime) -> bool:
    """Whether the password or a factor was typed in this session less than 15 minutes ago. One query."""
    since = now - timedelta(minutes=FRESH_MINUTES)
    return bool(
        UserSession.select(UserSession.id)
        .where((UserSession.id == session_id) & (UserSession.fresh_at > since))
        .exists()
    )


def prove_again(
    viewer: Viewer,
    session_id: int,
    *,
    password: str | None = None,
    code: str | None = None,
    credential: str | None = None,
    site: factors.Site | None = None,
    origin: str,
    now: datetime,
) -> str:
    """Prove in a living session that it is still the same person: by the password, a code of the app, or a key.

    Returns how. Recovery codes are not taken: they are for the day when the rest is lost. Raises
    Invalid("current-password-wrong"), ("code-wrong"), ("key-refused"), or Locked; the counts are those of sign-in.
    """
    origin = _origin(origin)
    if credential:
        how = "key"
        factors.prove_key(viewer.id, credential, site, f"session:{session_id}", origin=origin, now=now)
    elif code:
        how = factors.prove_code(viewer.id, code, origin=origin, now=now, recovery=False)
    else:
        how = "password"
        person = Person.get_by_id(viewer.id)
        _prove_password(person, password or "", "password", origin, now)
    with db.atomic():
        UserSession.update(fresh_at=now).where((UserSession.id == session_id) & _alive(now)).execute()
        audit.record(
            "session:fresh", by=viewer, now=now, target=f"person:{viewer.id}", origin=origin, how=how
        )
    return how


def _prove_password(person: Person, password: str, field: str, origin: str, now: datetime) -> None:
    """The present password, counted as at sign-in. Raises Invalid("current-password-wrong") by the field, or Locked."""
    key = _account_key(person.email)
    tries, limit = _reserve(key, origin, now)
    if not passwords.verify(person.password_hash, password):
        try:
            _refuse(person, key, origin, now, tries, limit)
        except Invalid as fault:
            raise Invalid("current-password-wrong", field=field, **fault.data) from None
    _forget_failures(key, origin)


# ---- Profile -----------------------------------------------------------------------------------------


def change_profile(viewer: Viewer, *, full_name: str, language: str, time_zone: str, now: datetime) -> None:
    """Change one's own name, language and time zone (ACC-13).

    Raises Invalid("name-empty"), ("name-too-long"), ("language-unknown"), ("time-zone-unknown").
    """
    full_name = _one_line(full_name, "full_name", NAME_MAX)
    if language not in LANGUAGES:
        raise Invalid("language-unknown", field="language")
    if time_zone not in _zones():
        raise Invalid("time-zone-unknown", field="time_zone")
    before = {"full_name": viewer.full_name, "language": viewer.language, "time_zone": viewer.time_zone}
    after = {"full_name": full_name, "language": language, "time_zone": time_zone}
    changed = sorted(key for key in after if before[key] != after[key])
    if not changed:
        return
    with db.atomic():
        Person.update(**after).where(Person.id == viewer.id).execute()
        audit.record("account:changed", by=viewer, now=now, target=f"person:{viewer.id}", fields=changed)
        if "time_zone" in changed:
            mail_choices.follow(viewer.id, now)


def change_language(viewer: Viewer, language: str) -> None:
    """Change one's own language, as the header's button does. Raises Invalid("language-unknown")."""
    if language not in LANGUAGES:
        raise Invalid("language-unknown", field="language")
    Person.update(language=language).where(Person.id == viewer.id).execute()


def sweep(now: datetime) -> int:
    """Delete sessions, links, half sign-ins and tries that ended longer ago than the setting says. Returns how many."""
    viewing.sweep(now)
    long_ago, gone = settings.cutoff("keep_sign_ins_days", now), 0
    if long_ago is not None:
        gone = (
            UserSession.delete()
            .where((UserSession.expires_at < long_ago) | (UserSession.ended_at < long_ago))
            .execute()
        )
        gone += (
            AccountToken.delete()
            .where((AccountToken.expires_at < long_ago) | (AccountToken.used_at < long_ago))
            .execute()
        )
        gone += SignInFailure.delete().where(SignInFailure.at < long_ago).execute()
    gone += AddressChange.delete().where(AddressChange.expires_at < now).execute()
    return int(gone) + second_step.sweep(now) + factors.sweep(now)
