"""Splitting (LIFE-16): an agent makes a request of its own from one public message of a thread."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, cast

from peewee import IntegrityError

from domain import audit, catalogue, deletion, files, joining, lifecycle, notifications, requests
from domain.refusals import Invalid, Missing, NotNow
from models import (
    Attachment,
    Membership,
    Message,
    Participant,
    PartnerOpening,
    Person,
    Redaction,
    RequestForm,
    Ticket,
    db,
)

if TYPE_CHECKING:
    from domain.files import Store, StoredFile
    from domain.policies import Viewer

SUMMARY_MAX_CHARACTERS = 200
# Forms whose requests need more than a description: people who are named, a record of the licence.
NOT_BY_SPLITTING = frozenset({*deletion.IRREVERSIBLE, "licence"})


def forms() -> list[RequestForm]:
    """The forms that a split request can have: those in use that need nothing but a description."""
    return [
        form
        for form in catalogue.all_forms()
        if form.is_active and form.category.is_active and form.slug not in NOT_BY_SPLITTING
    ]


def usual_form(ticket: Ticket) -> str:
    """The form that a request split from this one has when nobody chooses: the same, else the first that can be."""
    if ticket.form_slug not in NOT_BY_SPLITTING:
        return str(ticket.form_slug)
    offered = [form.slug for form in forms()]
    return "question" if "question" in offered or not offered else offered[0]


def message_of(ticket: Ticket, message_id: int, by: Viewer) -> Message:
    """The public message of this request with this key. Raises Missing for a note, or a message of another request."""
    lifecycle.check_at_desk(ticket, by)
    message = Message.get_or_none(
        (Message.id == message_id) & (Message.ticket == ticket.id) & (Message.kind == "reply")
    )
    if message is None:
        raise Missing()
    if Redaction.select().where(Redaction.message == message.id).exists():
        raise NotNow("message-redacted")
    return message


def files_of(message: Message) -> list[Attachment]:
    """The files that came with a public message, oldest first, without those that were taken out."""
    rows = (
        Attachment.select()
        .where((Attachment.message == message.id) & ~Attachment.is_internal)
        .order_by(Attachment.id)
    )
    return [row for row in rows if not files.is_redacted(row)]


def in_copy(ticket: Ticket) -> list[str]:
    """Those in copy of a request and its collaborators, by name, or by address without an account. One query."""
    rows = (
        Participant.select(Participant.email, Person.full_name)
        .left_outer_join(Person, on=(Participant.person == Person.id))
        .where((Participant.ticket == ticket.id) & Participant.role.in_(("cc", "collaborator")))
        .order_by(Participant.id)
        .tuples()
    )
    return [name or email for email, name in rows]


def requester_for(ticket: Ticket, message: Message) -> Person:
    """Whose request it becomes: the author, when they are a customer of the organisation; else the first requester."""
    if message.author_id is not None and message.side == "customer":
        author = (
            Person.select()
            .join(Membership, on=(Membership.person == Person.id))
            .where(
                (Person.id == message.author_id)
                & (Person.is_active == True)  # noqa: E712
                & Person.staff_role.is_null()
                & (Membership.organisation == ticket.organisation_id)
                & Membership.removed_at.is_null()
            )
            .first()
        )
        if author is not None:
            return author
    return Person.get_by_id(ticket.requester_id)


def split(
    ticket: Ticket,
    message_id: int,
    summary: str,
    by: Viewer,
    now: datetime,
    *,
    store: Store | None,
    idempotency_key: str,
    form_slug: str | None = None,
    with_cc: bool = False,
) -> Ticket:
    """Make a request of its own from one public message (LIFE-16). The first one stays as it is.

    It keeps the kind, product, audience, sharing, scale and priority of the first, gets a number of its own and the
    team of the rules, and its requester the usual confirmation. Files are copied: each request owns its own.
    Arguments: message_id, of a public message; summary, its subject; by, an agent; now, aware UTC; store, where the
    bytes of files are (None leaves files out); idempotency_key, one for each form shown; form_slug, another form of
    forms(); with_cc, those in copy and the collaborators come along.
    Returns the new row; the first one again when the same key comes with the same content. Raises Missing, NotAllowed,
    Invalid("summary-empty"), Invalid("name-too-long"), Invalid("split-form"), NotNow("key-reused"), and
    NotNow("files-away") or NotNow("disk-full") (status 503) when a file cannot be copied: nothing stays then.
    """
    summary = " ".join(summary.split())
    if not summary:
        raise Invalid("summary-empty", field="summary")
    if len(summary) > SUMMARY_MAX_CHARACTERS:
        raise Invalid("name-too-long", field="summary", limit=SUMMARY_MAX_CHARACTERS)
    message = message_of(ticket, message_id, by)
    form = _form(ticket, form_slug)
    content = [ticket.id, message.id, summary, form.slug, with_cc]
    digest = hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()
    first = requests.same_content(idempotency_key, digest, by)
    if first is not None:
        return first
    attached = files_of(message) if store is not None else []
    # Bytes are copied before anything is written, so that no other request waits for a disk.
    copies: list[StoredFile] = []
    try:
        for row in attached:
            copies.append(files.copy(row, cast("Store", store)))
        with db.atomic():
            made = _split(ticket, message, summary, form, digest, by, now, idempotency_key, with_cc)
            _own_files(made, attached, copies, now)
        return made
    except IntegrityError:
        _forget(copies, store)
        # The same form was sent twice at the same instant: give the one that was written first.
        first = requests.same_content(idempotency_key, digest, by)
        if first is None:
            raise
        return first
    except BaseException:
        _forget(copies, store)
        raise


def _form(ticket: Ticket, form_slug: str | None) -> RequestForm:
    wanted = form_slug or usual_form(ticket)
    # Its own form counts even when it is no longer offered.
    offered = [row for row in catalogue.all_forms() if row.slug == ticket.form_slug]
    offered = [row for row in offered if row.slug not in NOT_BY_SPLITTING] + forms()
    for form in offered:
        if form.slug == wanted:
            return form
    raise Invalid("split-form", field="form")


def _forget(copies: Sequence[StoredFile], store: Store | None) -> None:
    for stored in copies if store is not None else ():
        with suppress(OSError):
            cast("Store", store).delete(stored.stored_name)


def _split(
    ticket: Ticket,
    message: Message,
    summary: str,
    form: RequestForm,
    digest: str,
    by: Viewer,
    now: datetime,
    idempotency_key: str,
    with_cc: bool,
) -> Ticket:
    # Locked, so that the chain of its history has one end whoever else writes in it.
    ticket = lifecycle.fresh(ticket.id)
    requester = requester_for(ticket, message)
    team = catalogue.route(
        category=form.category.slug,
        form=form.slug,
        product_id=ticket.product_id,
        kind=ticket.kind_slug,
        organisation_id=ticket.organisation_id,
    )
    made, described = requests.write(
        message.body,
        now,
        author_id=message.author_id,
        side=message.side,
        organisation=ticket.organisation_id,
        requester=requester.id,
        opened_by=by.id,
        form_slug=form.slug,
        category_slug=form.category.slug,
        kind_slug=ticket.kind_slug,
        product=ticket.product_id,
        summary=summary,
        team=team.id,
        scale_slug=ticket.scale_slug,
        priority_asked=ticket.priority_asked,
        priority=ticket.priority,
        priority_position=ticket.priority_position,
        audience=ticket.audience,
        shared_with_account_manager=ticket.shared_with_account_manager,
        split_of=ticket.id,
        idempotency_key=idempotency_key,
    )
    # What came through a partner stays one of those that it opened (ACC-18).
    for opening in PartnerOpening.select().where(PartnerOpening.ticket == ticket.id):
        PartnerOpening.create(ticket=made.id, partner=opening.partner_id)
    _bring_people(ticket, made, requester, by, now, with_cc)
    requests.announce(made, described, by, now, digest=digest, split_of=ticket.number)
    event = audit.record_event(ticket, "ticket:split", by, now, number=made.number, of_message=message.id)
    notifications.tell(event, ticket, now, by)
    return made


def _bring_people(
    ticket: Ticket, made: Ticket, requester: Person, by: Viewer, now: datetime, with_cc: bool
) -> None:
    """Those in copy when they are wanted, and the readers that an audience of named people consists of."""
    roles = [
        *(("cc", "collaborator") if with_cc else ()),
        *(("reader",) if ticket.audience == "people" else ()),
    ]
    rows = list(
        Participant.select()
        .where((Participant.ticket == ticket.id) & Participant.role.in_(roles))
        .order_by(Participant.id)
    )
    brought = [(row.person_id, row.email, row.role) for row in rows if row.person_id != requester.id]
    if ticket.audience == "people" and requester.id != ticket.requester_id:
        # The first requester named the readers, and stays one of those who may read what was theirs.
        first = Person.get_by_id(ticket.requester_id)
        if joining.members_among(ticket.organisation_id, {first.id}):
            brought.append((first.id, first.email, "reader"))
    for person_id, email, role in dict.fromkeys(brought):
        if email != requester.email:
            Participant.create(
                ticket=made.id, person=person_id, email=email, role=role, added_by=by.id, added_at=now
            )


def _own_files(
    made: Ticket, attached: Sequence[Attachment], copies: Sequence[StoredFile], now: datetime
) -> None:
    described = (
        Message.select(Message.id, Message.body).where(Message.ticket == made.id).order_by(Message.id).first()
    )
    keys: dict[str, str] = {}
    for row, stored in zip(attached, copies, strict=True):
        keys[row.key] = secrets.token_urlsafe(32)
        Attachment.create(
            ticket=made.id,
            message=described.id,
            uploader=row.uploader_id,
            key=keys[row.key],
            name=row.name,
            stored_name=stored.stored_name,
            size=stored.size,
            content_type=row.content_type,
            sha256=stored.sha256,
            created_at=now,
        )
    body = files.with_other_keys(described.body, keys)
    if body != described.body:
        Message.update(body=body).where(Message.id == described.id).execute()
