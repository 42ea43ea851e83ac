"""Organisations that act for client organisations (ACC-18): a reseller opens requests for its customers.

Staff set the link and end it; both organisations see it. What it opens is decided by policies.py, at each request. A
link is not passed on: a partner of a partner gets nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from peewee import JOIN, ModelSelect, fn

from domain import audit, conversation, notifications, policies
from domain.policies import Viewer
from domain.refusals import Invalid, Missing, NotAllowed, NotNow
from domain.turns import one_at_a_time
from models import Membership, Organisation, Participant, PartnerLink, Person, Ticket

READS = ("opened", "all")
TEXT_MAX = 300
# Links that a page lists for one organisation.
LISTED = 200

_Partner, _Client = Organisation.alias("partner"), Organisation.alias("client")


def _text(text: str, field: str) -> str:
    text = " ".join((text or "").split())
    if len(text) > TEXT_MAX:
        raise Invalid("name-too-long", field=field, limit=TEXT_MAX)
    return text


def _staff(by: Viewer | None) -> None:
    """Links are set by internal admins; None is the portal itself."""
    if by is not None and not (by.is_active and by.is_admin):
        raise NotAllowed("partners-not-yours")


# ---- Reading -------------------------------------------------------------------------------------------


def state(link: PartnerLink, now: datetime) -> str:
    """What can be said of a link in one word: coming, standing or over. Arguments: now, aware UTC."""
    if link.ended_at is not None or (link.until is not None and link.until <= now):
        return "over"
    return "standing" if link.begun_at is not None else "coming"


def links() -> ModelSelect:
    """Every link with its two organisations and the people who set and ended it."""
    setter, ender = Person.alias("setter"), Person.alias("ender")
    return (
        PartnerLink.select(PartnerLink, _Partner, _Client, setter, ender)
        .join(_Partner, on=(PartnerLink.partner == _Partner.id), attr="partner")
        .switch(PartnerLink)
        .join(_Client, on=(PartnerLink.client == _Client.id), attr="client")
        .switch(PartnerLink)
        .join(setter, JOIN.LEFT_OUTER, on=(PartnerLink.set_by == setter.id), attr="set_by")
        .switch(PartnerLink)
        .join(ender, JOIN.LEFT_OUTER, on=(PartnerLink.ended_by == ender.id), attr="ended_by")
    )


def _not_over(now: datetime) -> Any:
    return PartnerLink.ended_at.is_null() & (PartnerLink.until.is_null() | (PartnerLink.until > now))


def of_organisations(organisation_ids: Iterable[int], now: datetime) -> list[PartnerLink]:
    """The links of some organisations, as partner or as client, that stand or will: what both see. One query."""
    keys = list(organisation_ids)
    if not keys:
        return []
    ours = PartnerLink.partner.in_(keys) | PartnerLink.client.in_(keys)
    rows = links().where(ours & _not_over(now)).order_by(_Partner.name, _Client.name, PartnerLink.id)
    return list(rows.limit(LISTED))


def of_people(viewer: Viewer, now: datetime) -> list[PartnerLink]:
    """The links of the organisations that a customer belongs to: each of their members may know them. One query."""
    if viewer.is_staff or not viewer.is_active:
        return []
    return of_organisations([rights.organisation_id for rights in viewer.memberships], now)


# ---- Changing ------------------------------------------------------------------------------------------


def link(
    partner_id: int,
    client_id: int,
    by: Viewer | None,
    now: datetime,
    *,
    may_open: bool = True,
    reads: str = "opened",
    note: str = "",
    starts_at: datetime | None = None,
    until: datetime | None = None,
) -> PartnerLink:
    """Let an organisation act for a client (ACC-18). Recorded; the administrators of both are told by mail.

    Arguments: by, an internal admin, None for the portal itself; may_open, requests for the client; reads, "opened" or
    "all", of READS; note, read by both; starts_at and until, aware UTC, None for at once and for no end.
    Raises NotAllowed("partners-not-yours"), Missing for an organisation that is not there or not in use,
    Invalid("partner-is-client"), Invalid("partner-reads"), Invalid("partner-days"), NotNow("partner-linked").
    """
    _staff(by)
    note = _text(note, "note")
    starts_at = starts_at or now
    if partner_id == client_id:
        raise Invalid("partner-is-client", field="client")
    if reads not in READS:
        raise Invalid("partner-reads", field="reads")
    if until is not None and (until <= starts_at or until <= now):
        raise Invalid("partner-days", field="last_day")
    with one_at_a_time(f"partners:{client_id}"):
        living = Organisation.select().where(
            Organisation.id.in_((partner_id, client_id)) & (Organisation.is_active == True)  # noqa: E712
        )
        if living.count() != 2:
            raise Missing()
        standing = PartnerLink.get_or_none(
            (PartnerLink.partner == partner_id)
            & (PartnerLink.client == client_id)
            & PartnerLink.ended_at.is_null()
        )
        if standing is not None:
            if standing.until is None or standing.until > now:
                raise NotNow("partner-linked", field="client")
            # Over by its date, and no job has said so yet.
            _end(standing, None, now, "")
        row = PartnerLink.create(
            partner=partner_id,
            client=client_id,
            may_open=may_open,
            reads=reads,
            note=note,
            starts_at=starts_at,
            begun_at=now if starts_at <= now else None,
            until=until,
            set_at=now,
            set_by=by.id if by else None,
        )
        audit.record("partner:linked", by=by, now=now, target=f"partnerlink:{row.id}", **_said(row))
        _tell(row, "set", now)
    return row


def change(
    link_id: int,
    by: Viewer | None,
    now: datetime,
    *,
    may_open: bool,
    reads: str,
    note: str,
    until: datetime | None,
) -> PartnerLink:
    """Change what a link allows or until when; it counts at the next request of everybody. Recorded, told by mail.

    Nothing happens when nothing changes. Raises as link(), Missing, NotNow("partner-over").
    """
    _staff(by)
    note = _text(note, "note")
    if reads not in READS:
        raise Invalid("partner-reads", field="reads")
    row = _row(link_id)
    with one_at_a_time(f"partners:{row.client_id}"):
        row = _row(link_id)
        if state(row, now) == "over":
            raise NotNow("partner-over")
        if until is not None and until != row.until and (until <= row.starts_at or until <= now):
            raise Invalid("partner-days", field="last_day")
        before = _said(row)
        row.may_open, row.reads, row.note, row.until = may_open, reads, note, until
        after = _said(row)
        if before == after:
            return row
        PartnerLink.update(may_open=may_open, reads=reads, note=note, until=until).where(
            PartnerLink.id == row.id
        ).execute()
        audit.record(
            "partner:changed", by=by, now=now, target=f"partnerlink:{row.id}", before=before, **after
        )
        _tell(row, "changed", now)
    return row


def end(link_id: int, by: Viewer | None, now: datetime, *, reason: str) -> PartnerLink:
    """End a link: the partner's people lose access at their next request, and all requests stay with the client.

    Arguments: reason, kept in the record. Ending it twice is no fault.
    Raises Missing, NotAllowed("partners-not-yours"), Invalid("reason-empty").
    """
    _staff(by)
    reason = _text(reason, "reason")
    if not reason:
        raise Invalid("reason-empty", field="reason")
    row = _row(link_id)
    with one_at_a_time(f"partners:{row.client_id}"):
        row = _row(link_id)
        if row.ended_at is None:
            _end(row, by, now, reason)
    return _row(link_id)


def sweep(now: datetime) -> int:
    """Begin the links whose first day has come, and say of those whose last day is over that they ended: record, mails,
    copies. Returns how many began or ended.
    """
    comes = PartnerLink.begun_at.is_null() & PartnerLink.ended_at.is_null() & (PartnerLink.starts_at <= now)
    begun = PartnerLink.update(begun_at=now).where(comes).execute()
    over = PartnerLink.select().where(PartnerLink.ended_at.is_null() & (PartnerLink.until <= now))
    done = int(begun)
    for row in list(over.order_by(PartnerLink.id)):
        with one_at_a_time(f"partners:{row.client_id}"):
            row = _row(row.id)
            if row.ended_at is None and row.until is not None and row.until <= now:
                _end(row, None, now, "")
                done += 1
    return done


def leave_clients(person_id: int, partner_id: int, by: Viewer | None, now: datetime) -> int:
    """Take somebody who leaves a partner out of the requests of its clients where they are in CC (ACC-3, ACC-18).

    Within the caller's transaction. Returns how many requests.
    """
    clients = PartnerLink.select(PartnerLink.client).where(PartnerLink.partner == partner_id)
    return _leave(Participant.person == person_id, clients, by, now)


def _row(link_id: int) -> PartnerLink:
    row = PartnerLink.get_or_none(PartnerLink.id == link_id)
    if row is None:
        raise Missing()
    return row


def _said(row: PartnerLink) -> dict[str, Any]:
    """What the record keeps of a link."""
    return {
        "partner": row.partner_id,
        "client": row.client_id,
        "may_open": bool(row.may_open),
        "reads": row.reads,
        "note": row.note,
        "starts_at": row.starts_at.isoformat(),
        "until": row.until.isoformat() if row.until else None,
    }


def _end(row: PartnerLink, by: Viewer | None, now: datetime, reason: str) -> None:
    PartnerLink.update(ended_at=now, ended_by=by.id if by else None, end_reason=reason).where(
        (PartnerLink.id == row.id) & PartnerLink.ended_at.is_null()
    ).execute()
    people = Membership.select(Membership.person).where(
        (Membership.organisation == row.partner_id) & Membership.removed_at.is_null()
    )
    _leave(Participant.person.in_(people), [row.client_id], by, now)
    audit.record(
        "partner:ended", by=by, now=now, target=f"partnerlink:{row.id}", partner=row.partner_id, client=row.client_id,
        reason=reason,
    )  # fmt: skip
    _tell(row, "ended", now)


def _leave(people: Any, clients: Any, by: Viewer | None, now: datetime) -> int:
    """Take people out of the requests of some organisations that they do not belong to themselves."""
    own = Membership.select(Membership.id).where(
        (Membership.person == Participant.person)
        & (Membership.organisation == Ticket.organisation)
        & Membership.removed_at.is_null()
    )
    found = (
        Participant.select(Participant.person, Ticket.organisation)
        .join(Ticket, on=(Participant.ticket == Ticket.id))
        .where(people & Ticket.organisation.in_(clients) & ~fn.EXISTS(own))
        .distinct()
        .tuples()
    )
    return sum(conversation.leave_organisation(person, place, by, now) for person, place in list(found))


def _tell(row: PartnerLink, what: str, now: datetime) -> None:
    for side, organisation_id in (("partner", row.partner_id), ("client", row.client_id)):
        notifications.enqueue_all(
            "partner-link",
            policies.administrators(organisation_id),
            source=f"partner:{row.id}:{what}:{now.timestamp()}:{side}",
            now=now,
            link=row.id,
            what=what,
            side=side,
        )
