"""An admin sees the portal as a given contact does (STAFF-9): read-only, for a while, and recorded.

It lives in the session of the admin, on the server. While it lasts that session reads with the rights of the contact,
and what reading would write for the contact is not written. It ends by a press, by time, with the session, and at the
next request once the admin is none any more or the contact has no account to see through.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from peewee import JOIN, IntegrityError, PeeweeException

from domain import audit
from domain.policies import Viewer, load_viewer
from domain.policies import Viewing as Seen
from domain.refusals import Invalid, Missing, NotAllowed, NotNow
from models import AuditEntry, Person, UserSession, Viewing, db, is_sqlite

MINUTES = 30
REASON_MAX = 300
STARTED, ENDED = "viewing:started", "viewing:ended"
# How one ends: by the button, by time, with the session, by rights of the admin, by the account of the contact.
ENDINGS = ("button", "time", "session", "rights", "person")
SHOWN = 10


def whom(person_id: int, by: Viewer) -> Viewer:
    """The contact through whose eyes this admin may look.

    Raises NotAllowed for anybody but an admin, Missing, NotNow("viewing-staff"), NotNow("viewing-disabled").
    """
    if not (by.is_active and by.is_admin) or by.is_viewed:
        raise NotAllowed("viewing-not-yours")
    person = load_viewer(person_id)
    if person is None:
        raise Missing()
    if person.is_staff:
        raise NotNow("viewing-staff")
    if not person.is_active:
        raise NotNow("viewing-disabled")
    return person


def start(
    session_id: int, person_id: int, reason: str, by: Viewer, now: datetime, *, origin: str = ""
) -> datetime:
    """From the next request on, this session sees the portal as the contact does.

    Arguments: session_id, a session of `by`; reason, what the record keeps; origin, address of the browser.
    Returns the instant (aware UTC) at which it ends by itself. Raises what whom() does, and Invalid("reason-empty"),
    Invalid("name-too-long"), NotNow("viewing-runs").
    """
    person = whom(person_id, by)
    reason = " ".join(reason.split())
    if not reason:
        raise Invalid("reason-empty", field="reason")
    if len(reason) > REASON_MAX:
        raise Invalid("name-too-long", field="reason", limit=REASON_MAX)
    until = now + timedelta(minutes=MINUTES)
    with db.atomic():
        mine = (UserSession.id == session_id) & (UserSession.person == by.id) & UserSession.ended_at.is_null()
        if not UserSession.select().where(mine).exists():
            raise Missing("session-missing")
        try:
            with db.atomic():
                Viewing.create(
                    session=session_id, person=person.id, reason=reason, started_at=now, until=until
                )
        except IntegrityError:
            raise NotNow("viewing-runs") from None
        audit.record(
            STARTED,
            by=by,
            now=now,
            target=f"person:{person.id}",
            origin=origin,
            reason=reason,
            session=session_id,
            minutes=MINUTES,
        )
    return until


def through(session_id: int, owner: Viewer, person_id: int, until: datetime, now: datetime) -> Viewer:
    """Who reads in a session in which somebody is seen: the contact, with rights as they are now.

    Arguments: owner, to whom the session belongs; person_id, who is seen; until, when it ends by itself.
    Returns the owner, with why it is over, when it may go on no longer: it is ended and recorded then.
    """
    person = load_viewer(person_id, now)
    if not owner.is_admin:
        over = "rights"
    elif now >= until:
        over = "time"
    elif person is None or not person.is_active or person.is_staff:
        over = "person"
    else:
        return replace(person, viewing=Seen(owner.id, person_id, until))
    end(session_id, now, over)
    return replace(owner, viewing=Seen(owner.id, person_id, until, over))


def end(session_id: int, now: datetime, how: str) -> bool:
    """End it in this session. `how`: one of ENDINGS. Returns False when it had ended already."""
    return end_of(UserSession.id == session_id, now, how) > 0


def end_of(sessions: Any, now: datetime, how: str = "session") -> int:
    """End it in all sessions that meet a condition, within the caller's transaction if any. Returns how many ended."""
    if how not in ENDINGS:
        raise ValueError(how)
    done = 0
    with db.atomic():
        running = (
            Viewing.select(Viewing.id, Viewing.person, Viewing.session, UserSession.person)
            .join(UserSession)
            .where(sessions & Viewing.ended_at.is_null())
            .order_by(Viewing.id)
        )
        for viewing_id, person_id, session_id, owner_id in list(running.tuples()):
            # Two requests may find it over at once: one of them records it.
            ended = (
                Viewing.update(ended_at=now)
                .where((Viewing.id == viewing_id) & Viewing.ended_at.is_null())
                .execute()
            )
            if ended:
                done += 1
                audit.record(
                    ENDED,
                    by=load_viewer(owner_id),
                    now=now,
                    target=f"person:{person_id}",
                    session=session_id,
                    how=how,
                )
    return done


def sweep(now: datetime) -> int:
    """Record the end of those whose time is over and to which nobody came back. Returns how many ended."""
    return end_of(Viewing.until <= now, now, "time")


def record_of(person_id: int) -> list[AuditEntry]:
    """The last times somebody saw the portal as this person, newest first, with who did. One query."""
    return list(
        AuditEntry.select(AuditEntry, Person)
        .join(Person, JOIN.LEFT_OUTER, on=(AuditEntry.actor == Person.id))
        .where((AuditEntry.target == f"person:{person_id}") & AuditEntry.kind.in_((STARTED, ENDED)))
        .order_by(AuditEntry.id.desc())
        .limit(SHOWN)
    )


def only_read() -> None:
    """From now on the database refuses every change by this connection: what reading would write stays unwritten."""
    db.execute_sql("PRAGMA query_only = ON" if is_sqlite() else "SET default_transaction_read_only = on")


def write_again() -> None:
    """Undo only_read(). A connection that does not take it is thrown away rather than kept for others."""
    try:
        db.execute_sql(
            "PRAGMA query_only = OFF" if is_sqlite() else "SET default_transaction_read_only = off"
        )
    except PeeweeException:
        db.manual_close()
