"""Once a year the administrators of an organisation say that their list of contacts is right (ACC-15).

The question is a row: it is asked by a job, again each month until it is answered, and answered once by one of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from peewee import JOIN

from domain import audit, contacts, notifications, policies, settings
from domain.contacts import Contact
from domain.policies import Viewer
from domain.refusals import Missing, NotAllowed, NotNow
from domain.turns import one_at_a_time
from models import ContactReview, Membership, Organisation, Person

# After so many days without an answer the question is asked again, and the organisation is late.
ASK_AGAIN_DAYS = 30
LATE_AFTER = timedelta(days=ASK_AGAIN_DAYS)
ORGANISATIONS_IN_ONE_RUN = 200


def is_on() -> bool:
    """Whether lists are to be confirmed at all: by setting."""
    return bool(settings.get("contact_review_days"))


# ---- Who has not come for long -------------------------------------------------------------------------


def idle(people: Iterable[Contact], now: datetime) -> set[int]:
    """The memberships of approved contacts who have not signed in for as many days as the setting says.

    Somebody who never came counts from the day they were approved. Empty when the setting is 0.
    """
    days = settings.get("contact_idle_days")
    if not days:
        return set()
    since = now - timedelta(days=days)
    return {
        person.membership_id
        for person in people
        if person.approved and (last := person.last_signed_in_at or person.since) is not None and last < since
    }


# ---- The question --------------------------------------------------------------------------------------


def mark(people: Iterable[Contact]) -> str:
    """A short mark of a list: whoever confirms it says which one they saw."""
    text = ",".join(sorted(f"{person.membership_id}:{person.role}" for person in people))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def standing(organisation_id: int) -> ContactReview | None:
    """The question that waits for an answer, else the last answer; None when there was neither. One query."""
    return (
        ContactReview.select(ContactReview, Person)
        .join(Person, JOIN.LEFT_OUTER, on=(ContactReview.confirmed_by == Person.id))
        .where(ContactReview.organisation == organisation_id)
        .order_by(ContactReview.id.desc())
        .first()
    )


def waiting_for(viewer: Viewer) -> list[ContactReview]:
    """The questions that wait for this person, who administers those organisations. No query for anybody else."""
    if not viewer.administers or not is_on():
        return []
    places = [rights.organisation_id for rights in viewer.administers]
    return list(
        ContactReview.select(ContactReview, Organisation)
        .join(Organisation)
        .where(ContactReview.organisation.in_(places) & ContactReview.confirmed_at.is_null())
        .order_by(ContactReview.id)
    )


def confirm(organisation_id: int, seen: str, by: Viewer, now: datetime) -> ContactReview:
    """Say that the list of an organisation is right (ACC-15): who and when are recorded.

    Arguments: seen, the mark() of the list that was looked at. Saying it twice is no fault.
    Raises Missing for an organisation that one has nothing to do with, NotAllowed for its other members,
    NotNow("review-not-asked"), NotNow("review-changed") when the list is another one by now.
    """
    if not any(rights.organisation_id == organisation_id for rights in by.administers):
        if by.is_admin or any(rights.organisation_id == organisation_id for rights in by.memberships):
            raise NotAllowed("contacts-not-yours")
        raise Missing()
    with one_at_a_time(f"contacts:{organisation_id}"):
        row = standing(organisation_id)
        if row is None:
            raise NotNow("review-not-asked")
        if row.confirmed_at is not None:
            return row
        people = contacts.of_organisation(organisation_id)
        if mark(people) != seen:
            raise NotNow("review-changed")
        approved = sum(person.approved for person in people)
        ContactReview.update(confirmed_at=now, confirmed_by=by.id, people=approved).where(
            ContactReview.id == row.id
        ).execute()
        audit.record(
            "contacts:reviewed", by=by, now=now, target=f"organisation:{organisation_id}", contacts=approved,
            asked=row.times,
        )  # fmt: skip
    return standing(organisation_id)


def sweep(now: datetime) -> int:
    """Ask the administrators whose list was confirmed too long ago, and again those who have not answered.

    An organisation that was never asked counts from the day it was added. Returns how many were asked.
    """
    if not is_on():
        return 0
    asked = 0
    for organisation in _due(now):
        with one_at_a_time(f"contacts:{organisation.id}"):
            if ContactReview.select().where(_waits(organisation.id)).exists():
                continue
            row = ContactReview.create(organisation=organisation.id, asked_at=now, mailed_at=now)
            _mail(row, now)
            audit.record(
                "contacts:review_asked", by=None, now=now, target=f"organisation:{organisation.id}", times=1
            )
            asked += 1
    again = (
        ContactReview.select()
        .join(Organisation)
        .where(
            ContactReview.confirmed_at.is_null()
            & (ContactReview.mailed_at <= now - LATE_AFTER)
            & (Organisation.is_active == True)  # noqa: E712
        )
        .order_by(ContactReview.id)
        .limit(ORGANISATIONS_IN_ONE_RUN)
    )
    for row in again:
        with one_at_a_time(f"contacts:{row.organisation_id}"):
            first = (
                ContactReview.update(mailed_at=now, times=row.times + 1)
                .where(
                    (ContactReview.id == row.id)
                    & ContactReview.confirmed_at.is_null()
                    & (ContactReview.times == row.times)
                )
                .execute()
            )
            if not first:
                continue
            row.times += 1
            _mail(row, now)
            audit.record(
                "contacts:review_asked", by=None, now=now, target=f"organisation:{row.organisation_id}",
                times=row.times,
            )  # fmt: skip
            asked += 1
    return asked


def _waits(organisation_id: int) -> Any:
    return (ContactReview.organisation == organisation_id) & ContactReview.confirmed_at.is_null()


def _due(now: datetime) -> list[Organisation]:
    since = now - timedelta(days=settings.get("contact_review_days"))
    answered = ContactReview.select(ContactReview.organisation).where(
        ContactReview.confirmed_at.is_null() | (ContactReview.confirmed_at > since)
    )
    with_contacts = Membership.select(Membership.organisation).where(
        Membership.removed_at.is_null() & Membership.role.in_(("contact", "administrator"))
    )
    return list(
        Organisation.select()
        .where(
            (Organisation.is_active == True)  # noqa: E712
            & (Organisation.created_at <= since)
            & Organisation.id.in_(with_contacts)
            & Organisation.id.not_in(answered)
        )
        .order_by(Organisation.id)
        .limit(ORGANISATIONS_IN_ONE_RUN)
    )


def _mail(row: ContactReview, now: datetime) -> None:
    notifications.enqueue_all(
        "contacts-review",
        policies.administrators(row.organisation_id),
        source=f"contacts-review:{row.id}:{row.times}",
        now=now,
        review=row.id,
        organisation=row.organisation_id,
    )


def late(now: datetime) -> Any:
    """The condition of a question that waits for longer than ASK_AGAIN_DAYS."""
    return ContactReview.confirmed_at.is_null() & (ContactReview.asked_at <= now - LATE_AFTER)
