"""What people agreed to (REQ-3): the register of their consents, and taking one back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from domain import audit, lifecycle, notifications
from domain.refusals import Missing
from models import Consent, ConsentText, Ticket, db

if TYPE_CHECKING:
    from domain.policies import Viewer

SHOWN = 50


@dataclass(frozen=True)
class Given:
    """One consent: to which version, in which words, when, for which request (None: that is gone), until when."""

    id: int
    version: int
    published_at: datetime
    language: str
    text: str
    form_slug: str
    given_at: datetime
    withdrawn_at: datetime | None
    ticket: Ticket | None


def register(
    person_id: int, *, before: int | None = None, only: int | None = None
) -> tuple[list[Given], int | None]:
    """What a person agreed to, newest first (STAFF-7). One query.

    Arguments: before, the key under which the next page starts; only, the key of one consent.
    Returns the consents, and the key for the page after, or None.
    """
    query = (
        Consent.select(Consent, ConsentText, Ticket.id, Ticket.number, Ticket.summary, Ticket.status)
        .join(ConsentText)
        .switch(Consent)
        .left_outer_join(Ticket, on=(Consent.ticket == Ticket.id))
        .where(Consent.person == person_id)
        .order_by(Consent.id.desc())
        .limit(SHOWN + 1)
    )
    if before is not None:
        query = query.where(Consent.id < before)
    if only is not None:
        query = query.where(Consent.id == only)
    rows = list(query)
    found = [
        Given(
            id=row.id,
            version=row.text.version,
            published_at=row.text.published_at,
            language=row.language,
            # The words as they were read: a published text is never changed.
            text=row.text.text_fr if row.language == "fr" else row.text.text_en,
            form_slug=row.form_slug,
            given_at=row.given_at,
            withdrawn_at=row.withdrawn_at,
            ticket=row.ticket if row.ticket_id else None,
        )
        for row in rows[:SHOWN]
    ]
    return found, found[-1].id if len(rows) > SHOWN else None


def given(consent_id: int, by: Viewer) -> Given:
    """One consent of this person. Raises Missing for anybody else's."""
    found, _more = register(by.id, only=consent_id)
    if not found:
        raise Missing()
    return found[0]


def withdraw(consent_id: int, by: Viewer, now: datetime, *, origin: str = "") -> bool:
    """Take a consent back, as easily as it was given (REQ-3, STAFF-7).

    The row stays, dated: it proves what was lawful until then. The request stays with its organisation; its history
    says so, and whoever is in charge is told as long as it is not over.
    Arguments: by, who gave it; now, aware UTC; origin, address of the browser.
    Returns False when it was taken back before. Raises Missing for anybody else's.
    """
    with db.atomic():
        row = given(consent_id, by)
        ticket = lifecycle.fresh(row.ticket.id) if row.ticket is not None else None
        done = (
            Consent.update(withdrawn_at=now)
            .where((Consent.id == consent_id) & (Consent.person == by.id) & Consent.withdrawn_at.is_null())
            .execute()
        )
        if not done:
            return False
        audit.record(
            "consent:withdrawn",
            by=by,
            now=now,
            target=f"person:{by.id}",
            origin=origin,
            consent=consent_id,
            version=row.version,
            request=ticket.number if ticket is not None else "",
        )
        if ticket is not None:
            event = audit.record_event(ticket, "ticket:consent_withdrawn", by, now, version=row.version)
            notifications.tell(event, ticket, now, by)
    return True
