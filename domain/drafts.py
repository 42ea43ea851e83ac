"""Drafts: what a person was writing and has not sent, kept while they write (REQ-16). Nobody else ever reads one.

There is one for each form and organisation, and one for each request and kind of message. What is kept is the form as
it stands, checked only for what cannot be stored: whether it may be sent is decided when it is sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from peewee import IntegrityError, ModelSelect

from domain import catalogue, lifecycle, policies, settings, statements
from domain.refusals import Invalid, Missing, NotAllowed, NotNow
from models import Attachment, Draft, DraftFile, Message, Ticket, db

if TYPE_CHECKING:
    from domain.policies import Viewer

# Together, and in how many fields: more than any form that can be sent.
MAX_CHARACTERS = 200_000
MAX_NAMES = 300
MAX_VALUES = 100
# Drafts of one person, and saves of one draft in a minute.
DRAFTS_MAX = 100
SAVES_PER_MINUTE = 60
# How long pages offer to bring back what was put away.
BROUGHT_BACK_WITHIN = timedelta(hours=24)

Data = Mapping[str, list[str]]

# Fields that are there whether or not anything was written.
_SAYS_NOTHING = frozenset(
    {"organisation", "on_behalf_of", "audience", "kind", "status", "idempotency_key", "follow_up"}
)


@dataclass(frozen=True)
class Place:
    """Where something is written: a form for an organisation, or one of the two boxes of a request."""

    kind: str
    form_slug: str = ""
    organisation_id: int | None = None
    follow_up: str = ""
    ticket: Ticket | None = None


@dataclass(frozen=True)
class Unfinished:
    """A draft in the list of those of one person; `ticket` for a reply or a note."""

    draft: Draft
    ticket: Ticket | None = None


def says_something(data: Data) -> bool:
    """True when something was written, chosen or attached beyond what the form starts with."""
    return any(
        any(value.strip() for value in values) for name, values in data.items() if name not in _SAYS_NOTHING
    )


def _content(data: Data) -> dict[str, Any]:
    return {name: values for name, values in data.items() if name != "idempotency_key"}


def _bounded(data: Data) -> None:
    size = sum(len(name) + sum(map(len, values)) for name, values in data.items())
    if (
        size > MAX_CHARACTERS
        or len(data) > MAX_NAMES
        or any(len(values) > MAX_VALUES for values in data.values())
    ):
        raise Invalid("draft-too-long", limit=MAX_CHARACTERS)


def _at(place: Place, by: Viewer) -> Any:
    """The condition that finds the draft of this person at this place."""
    return _of(by) & (
        (Draft.kind == place.kind)
        & (Draft.form_slug == place.form_slug)
        & (Draft.follow_up == place.follow_up)
        & (
            (Draft.ticket == place.ticket.id)
            if place.ticket is not None
            else (Draft.organisation == place.organisation_id)
        )
    )


def _of(by: Viewer) -> Any:
    return Draft.person == by.id


def _check_place(place: Place, by: Viewer) -> None:
    """Only what this person could send from there is kept. Raises Missing, NotAllowed, NotNow."""
    if place.ticket is None:
        form = catalogue.form(place.form_slug)
        if form is None or not form.is_active:
            raise Missing()
        if not policies.can_open_for(by, place.organisation_id or 0):
            raise NotAllowed("not-approved")
    elif place.kind == "note":
        if not policies.can_note(by, place.ticket):
            raise NotAllowed("note-not-yours")
    elif not policies.may_answer(by, place.ticket):
        raise NotAllowed("reply-not-yours")
    elif place.ticket.status in lifecycle.CLOSED_TO_ANSWERS:
        raise NotNow("ticket-closed", number=place.ticket.number)


def _was_sent(key: str) -> bool:
    """True when the form with this key has become a request or a message: a save that comes late makes no draft."""
    return bool(key) and (
        Ticket.select().where(Ticket.idempotency_key == key).exists()
        or Message.select().where(Message.idempotency_key == key).exists()
    )


def keep(
    place: Place, data: Data, by: Viewer, now: datetime, *, seen: int = 0, draft_id: int | None = None
) -> Draft | None:
    """Keep what somebody is writing (REQ-16).

    Arguments: place; data, the values of each field as typed; by, who; now, aware UTC; seen, the version of the draft
    that the page knows (0 for none); draft_id, the draft that the page knows: when the organisation was changed on the
    page, it moves along.
    Returns the draft, or None when nothing is written any more. The last save counts; when it replaces another text
    that its page had not seen, that text is kept in `earlier`, with `earlier_at` equal to now.
    Raises Missing, NotAllowed and NotNow for a place where this person cannot write, NotNow("draft-sent") for a form
    that was sent meanwhile, Invalid("draft-too-long"), NotNow("drafts-many"), and NotNow("draft-pace") with status 429.
    """
    _bounded(data)
    _check_place(place, by)
    key = (data.get("idempotency_key") or [""])[0][:64]
    try:
        with db.atomic():
            return _keep(place, dict(data), by, now, seen, draft_id, key)
    except IntegrityError:
        # Two windows made the first draft of this place at the same instant: the other one is there now.
        with db.atomic():
            return _keep(place, dict(data), by, now, seen, draft_id, key)


def _keep(
    place: Place,
    data: dict[str, list[str]],
    by: Viewer,
    now: datetime,
    seen: int,
    draft_id: int | None,
    key: str,
) -> Draft | None:
    if _was_sent(key):
        raise NotNow("draft-sent")
    row = Draft.get_or_none(_at(place, by))
    moved = _known(place, by, draft_id) if draft_id and place.ticket is None else None
    if moved is not None and (row is None or row.id != moved.id):
        if row is None:
            row, row.organisation = moved, place.organisation_id
        else:
            moved.delete_instance()
    if row is None:
        if not says_something(data):
            return None
        if Draft.select().where(_of(by)).count() >= DRAFTS_MAX:
            raise NotNow("drafts-many", limit=DRAFTS_MAX)
        row = Draft.create(
            person=by.id,
            kind=place.kind,
            form_slug=place.form_slug,
            organisation=place.organisation_id,
            ticket=place.ticket.id if place.ticket is not None else None,
            follow_up=place.follow_up,
            data=data,
            idempotency_key=key,
            updated_at=now,
            minute_at=now,
        )
        _hold_files(row, by)
        return row
    _check_pace(row, now)
    if not says_something(data):
        if not row.earlier and row.version == seen:
            row.delete_instance()
            return None
        data = {}
    if row.version != seen and says_something(row.data) and _content(row.data) != _content(data):
        row.earlier, row.earlier_at = row.data, now
    row.data, row.idempotency_key = data, key
    _changed(row, by, now)
    return row if says_something(data) else None


def _known(place: Place, by: Viewer, draft_id: int) -> Draft | None:
    """The draft of the same form that the page knew, wherever it stands. A foreign key finds nothing."""
    return Draft.get_or_none(
        _of(by)
        & (Draft.id == draft_id)
        & (Draft.kind == place.kind)
        & (Draft.form_slug == place.form_slug)
        & (Draft.follow_up == place.follow_up)
    )


def _check_pace(row: Draft, now: datetime) -> None:
    if row.minute_at <= now - timedelta(minutes=1):
        row.minute_at, row.minute_saves = now, 0
    if row.minute_saves >= SAVES_PER_MINUTE:
        refusal = NotNow("draft-pace")
        refusal.status = 429
        raise refusal
    row.minute_saves += 1


def _changed(row: Draft, by: Viewer, now: datetime) -> None:
    row.version += 1
    row.updated_at = now
    row.save()
    _hold_files(row, by)


def _hold_files(row: Draft, by: Viewer) -> None:
    """Its pending files stay as long as the draft does, those of what it replaced included."""
    keys = [*row.data.get("attachment_keys", ()), *(row.earlier or {}).get("attachment_keys", ())]
    wanted = (
        set()
        if not keys
        else {
            key
            for (key,) in Attachment.select(Attachment.id)
            .where(Attachment.key.in_(keys), Attachment.uploader == by.id, Attachment.ticket.is_null())
            .tuples()
        }
    )
    held = {
        key for (key,) in DraftFile.select(DraftFile.attachment).where(DraftFile.draft == row.id).tuples()
    }
    if held - wanted:
        DraftFile.delete().where(
            (DraftFile.draft == row.id) & DraftFile.attachment.in_(held - wanted)
        ).execute()
    for key in sorted(wanted - held):
        DraftFile.create(draft=row.id, attachment=key)


# ---- Starting afresh, and back ---------------------------------------------------------------------------


def own(draft_id: int, by: Viewer) -> Draft:
    """A draft of this person. Raises Missing for one that is somebody else's, as for one that never was."""
    row = Draft.get_or_none(_of(by) & (Draft.id == draft_id))
    if row is None:
        raise Missing()
    return row


def start_afresh(draft_id: int, by: Viewer, now: datetime, data: Data | None = None) -> Draft:
    """Put a draft away: the form is empty again, and what was written can be brought back until it expires.

    Arguments: data, the form as it stood when the button was pressed, which may be newer than the last save.
    Raises Missing for the draft of another.
    """
    if data is not None:
        _bounded(data)
    with db.atomic():
        row = own(draft_id, by)
        written = dict(data) if data is not None and says_something(data) else row.data
        if says_something(written):
            row.earlier, row.earlier_at = written, now
        row.data, row.idempotency_key = {}, ""
        _changed(row, by, now)
    return row


def bring_back(draft_id: int, by: Viewer, now: datetime) -> Draft:
    """Exchange the draft with what it replaced. Raises Missing, NotNow("draft-nothing-earlier")."""
    with db.atomic():
        row = own(draft_id, by)
        if not row.earlier:
            raise NotNow("draft-nothing-earlier")
        before = row.data if says_something(row.data) else None
        row.data, row.earlier = row.earlier, before
        row.earlier_at = now if before else None
        # What it was typed in may have been sent since, with other words.
        key = (row.data.get("idempotency_key") or [""])[0]
        if _was_sent(key):
            row.data = _content(row.data)
            key = ""
        row.idempotency_key = key[:64]
        _changed(row, by, now)
    return row


def sent(idempotency_key: str, by: Viewer) -> None:
    """Forget the draft of a form that is being sent, in the transaction of the sender."""
    Draft.delete().where(_of(by) & (Draft.idempotency_key == idempotency_key)).execute()


def sweep(now: datetime) -> int:
    """Delete the drafts that nobody touched for as many days as the setting says. Returns how many."""
    oldest = now - timedelta(days=int(settings.get("draft_days")))
    return int(Draft.delete().where(Draft.updated_at < oldest).execute())


# ---- Finding them ----------------------------------------------------------------------------------------


def of_form(
    form_slug: str, by: Viewer, follow_up: str = "", organisation_id: int | None = None
) -> Draft | None:
    """The draft of this form that was touched last, among the organisations for which the person may open requests.

    Arguments: follow_up, the number of the request taken up again, or empty; organisation_id, only that one's.
    """
    places = [rights.organisation_id for rights in by.opens_for]
    if organisation_id is not None:
        places = [key for key in places if key == organisation_id]
    if not places:
        return None
    return (
        Draft.select()
        .where(
            _of(by)
            & (Draft.kind == "form")
            & (Draft.form_slug == form_slug)
            & (Draft.follow_up == follow_up)
            & Draft.organisation.in_(places)
        )
        .order_by(Draft.updated_at.desc(), Draft.id.desc())
        .first()
    )


def of_ticket(ticket: Ticket, by: Viewer) -> dict[str, Draft]:
    """The drafts of this person on a request, by kind (reply, note). One query."""
    return {row.kind: row for row in Draft.select().where(_of(by) & (Draft.ticket == ticket.id))}


def mine(by: Viewer, now: datetime, limit: int = DRAFTS_MAX) -> list[Unfinished]:
    """What this person has begun and not sent, and what was put away a moment ago, newest first. Two queries at most.

    What can no longer be read (a request that is not theirs to know any more, an organisation left) is left out.
    """
    me = statements.stand_in(0)
    rows = statements.rows(
        "drafts.mine",
        lambda: Draft.select().where(Draft.person == me).order_by(Draft.updated_at.desc(), Draft.id.desc()),
        {me: by.id},
    )
    rows = [
        row
        for row in rows
        if says_something(row.data) or (row.earlier and row.updated_at > now - BROUGHT_BACK_WITHIN)
    ]
    tickets = _tickets({row.ticket_id for row in rows if row.ticket_id}, by)
    places = {rights.organisation_id for rights in by.opens_for}
    found = [
        Unfinished(row, tickets.get(row.ticket_id))
        for row in rows
        if row.ticket_id in tickets or row.organisation_id in places
    ]
    return found[:limit]


def _tickets(keys: Iterable[int], by: Viewer) -> dict[int, Ticket]:
    wanted = list(keys)
    if not wanted:
        return {}
    query: ModelSelect = policies.visible_tickets(by).select(
        Ticket.id, Ticket.number, Ticket.summary, Ticket.status
    )
    return {row.id: row for row in query.where(Ticket.id.in_(wanted))}


def ticket_of(row: Draft, by: Viewer) -> Ticket | None:
    """The request that a draft is on, when this person may still know of it; None for a form."""
    return _tickets([row.ticket_id], by).get(row.ticket_id) if row.ticket_id else None
