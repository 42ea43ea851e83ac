"""From the answers of a form to a request: number, message, routing, consent, history and mails, or nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from peewee import IntegrityError

from domain import (
    audit,
    catalogue,
    closing,
    conversation,
    deletion,
    drafts,
    lifecycle,
    notifications,
    pace,
    policies,
    search,
    statements,
)
from domain.refusals import Invalid, Missing, NotAllowed, NotNow
from models import (
    Consent,
    ConsentText,
    LicenceRequest,
    Message,
    NamedPerson,
    Participant,
    PartnerOpening,
    Portal,
    Product,
    Scale,
    ScaleLevel,
    Ticket,
    TicketEvent,
    db,
)

if TYPE_CHECKING:
    from domain.policies import Viewer


@dataclass(frozen=True, kw_only=True)
class Submission:
    """What a form hands over. Dates are dates, people are keys, files are keys of pending uploads."""

    form_slug: str
    organisation_id: int
    requester_id: int
    summary: str
    description: str
    idempotency_key: str
    language: str = "fr"
    kind_slug: str | None = None
    product_id: int | None = None
    # Read by the rules that say which team gets it; what it is called is among the answers.
    feature_id: int | None = None
    priority: str | None = None
    audience: str = "organisation"
    audience_people: Sequence[int] = ()
    share_with_account_manager: bool = False
    cc: Sequence[str] = ()
    answers: Sequence[Mapping[str, Any]] = ()
    named_people: Sequence[Mapping[str, str]] = ()
    licence: Mapping[str, Any] | None = None
    attachment_keys: Sequence[str] = ()
    consented: bool = False
    follow_up_of: str | None = None

    def digest(self) -> str:
        """A hash of the content: the same key with another content is a mistake, not a second click."""
        content = asdict(self)
        # Files are stored anew by each POST of the same form.
        content.pop("attachment_keys")
        text = json.dumps(content, ensure_ascii=False, sort_keys=True, default=_plain)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else str(value)


def next_number(portal: Portal) -> str:
    """The next public number of a portal, without gaps: the counter moves in the transaction of the request."""
    Portal.update(last_number=Portal.last_number + 1).where(Portal.id == portal.id).execute()
    last = Portal.select(Portal.last_number).where(Portal.id == portal.id).scalar()
    return f"{portal.prefix}-{last}"


def write(
    body: str, now: datetime, *, author_id: int | None, side: str = "customer", **columns: Any
) -> tuple[Ticket, Message]:
    """Number a request and write it with its first message, inside the caller's transaction.

    The only place where a number is given: requests that customers send and those that agents split off (LIFE-16).
    Arguments: body, the description, Markdown as typed; author_id and side, whose words they are; columns, of Ticket.
    Returns the row and its first message. Raises IntegrityError for an idempotency_key that was used.
    """
    portal = Portal.select().order_by(Portal.id).first()
    ticket = Ticket.create(
        number=next_number(portal),
        portal=portal.id,
        created_at=now,
        updated_at=now,
        status_since=now,
        last_message_at=now,
        last_message_side=side,
        **columns,
    )
    message = Message.create(
        ticket=ticket.id,
        author=author_id,
        side=side,
        body=body,
        created_at=now,
        # The description is written with the request: its key derives from the request's.
        idempotency_key=hashlib.sha256(f"first:{ticket.idempotency_key}".encode()).hexdigest(),
    )
    return ticket, message


def announce(ticket: Ticket, message: Message, by: Viewer, now: datetime, **data: Any) -> None:
    """The first event of a request with its mails and its place in the search, inside the caller's transaction.

    Arguments: data, what the event says besides: `digest`, of the content that the key stands for.
    """
    event = audit.record_event(
        ticket, "ticket:created", by, now, team=ticket.team_id, message_id=message.id, **data
    )
    closing.reschedule(ticket, now)
    search.index_ticket(ticket.id)
    notifications.tell(event, ticket, now, by)


def sent_before(idempotency_key: str, by: Viewer) -> Ticket | None:
    """The request already made with this key by this person, or None (a double click, a repeated POST)."""
    this = "@key"
    found = statements.rows(
        "requests.sent_before",
        lambda: Ticket.select().where(Ticket.idempotency_key == this),
        {this: idempotency_key},
    )
    if found and found[0].opened_by_id != by.id:
        raise NotNow("key-reused")
    return found[0] if found else None


def submit(submission: Submission, by: Viewer, now: datetime) -> Ticket:
    """Make a request of what a form hands over (REQ-2, REQ-3, REQ-11, REQ-12).

    Arguments: submission; by, who sends it; now, aware UTC. Everything is written in one transaction.
    Returns the ticket; the first one again when the same key comes with the same content.
    Raises NotAllowed("not-approved") for somebody who may not open requests there, Missing for a form, product
    or file that does not exist for this person, Invalid for a consent that is asked and was not given,
    NotNow("key-reused") for a key used with another content.
    """
    try:
        return _submit(submission, by, now)
    except IntegrityError:
        # The same form was sent twice at the same instant and the other one was written first: give that one.
        first = _sent_already(submission, by)
        if first is None:
            raise
        return first


def _sent_already(submission: Submission, by: Viewer) -> Ticket | None:
    """The request that this very form made before, or None. Raises NotNow("key-reused") when it held something else."""
    return same_content(submission.idempotency_key, submission.digest(), by)


def same_content(idempotency_key: str, digest: str, by: Viewer) -> Ticket | None:
    """The request made before with this key and this content, or None. Raises NotNow("key-reused") for another one."""
    first = sent_before(idempotency_key, by)
    if first is None:
        return None
    created = (
        TicketEvent.select(TicketEvent.data)
        .where((TicketEvent.ticket == first.id) & (TicketEvent.kind == "ticket:created"))
        .first()
    )
    if created is not None and created.data.get("digest") == digest:
        return first
    raise NotNow("key-reused", number=first.number)


def _submit(submission: Submission, by: Viewer, now: datetime) -> Ticket:
    from domain import files

    with db.atomic():
        first = _sent_already(submission, by)
        if first is not None:
            return first
        form = catalogue.form(submission.form_slug)
        if form is None or not form.is_active:
            raise Missing()
        if not policies.can_open_for(by, submission.organisation_id):
            raise NotAllowed("not-approved")
        if not policies.can_open_in_name_of(by, submission.organisation_id, submission.requester_id):
            raise NotAllowed("not-in-name-of")
        pace.check(Ticket.opened_by, by, now, setting="requests_per_minute", refusal="too-many-requests")
        if form.asks_consent and not submission.consented:
            raise Invalid("consent-needed", field="consent")
        _check_products(submission)
        parent = _parent(submission, by)
        kind_slug = submission.kind_slug or (form.default_kind.slug if form.default_kind else "question")
        priority, position, scale_slug = _priority(form, submission.priority)
        team = catalogue.route(
            category=form.category.slug,
            form=form.slug,
            product_id=submission.product_id,
            kind=kind_slug,
            organisation_id=submission.organisation_id,
            feature_id=submission.feature_id,
        )
        ticket, message = write(
            submission.description,
            now,
            author_id=by.id,
            organisation=submission.organisation_id,
            requester=submission.requester_id,
            opened_by=by.id,
            form_slug=form.slug,
            category_slug=form.category.slug,
            kind_slug=kind_slug,
            product=submission.product_id,
            summary=submission.summary,
            team=team.id,
            scale_slug=scale_slug,
            priority_asked=priority,
            priority=priority,
            priority_position=position,
            audience=submission.audience,
            shared_with_account_manager=submission.share_with_account_manager,
            answers=[dict(answer) for answer in submission.answers],
            follow_up_of=parent.id if parent else None,
            idempotency_key=submission.idempotency_key,
        )
        partner_id = policies.opens_through(by, submission.organisation_id)
        if partner_id is not None:
            PartnerOpening.create(ticket=ticket.id, partner=partner_id)
        files.claim(submission.attachment_keys, ticket, message, by)
        for person in submission.named_people:
            NamedPerson.create(ticket=ticket.id, **person)
        if submission.licence is not None:
            LicenceRequest.create(ticket=ticket.id, organisation=ticket.organisation_id, **submission.licence)
        for address in submission.cc:
            email = conversation.check_cc(address, ticket.organisation_id, by, partner_id=partner_id)
            conversation.put_in_cc(ticket, email, by, now)
        # Nobody named is nobody who reads it but its requester and the administrators: the form asks for somebody.
        for person_id in dict.fromkeys(submission.audience_people) if submission.audience == "people" else ():
            _add_reader(ticket, person_id, by, now)
        if form.asks_consent:
            text = ConsentText.select().order_by(ConsentText.version.desc()).first()
            Consent.create(
                person=by.id,
                text=text.id,
                ticket=ticket.id,
                form_slug=form.slug,
                language=submission.language,
                given_at=now,
            )
        if parent is not None:
            _link_follow_up(parent, ticket, by, now)
        drafts.sent(submission.idempotency_key, by)
        announce(ticket, message, by, now, digest=submission.digest())
        deletion.announce(ticket, by, now)
    return ticket


def _check_products(submission: Submission) -> None:
    """The products that are named exist. Raises Missing."""
    named = {submission.product_id, (submission.licence or {}).get("product")} - {None}
    if named and Product.select().where(Product.id.in_(named)).count() != len(named):
        raise Missing()


def _parent(submission: Submission, by: Viewer) -> Ticket | None:
    """The closed request that this one follows. Raises Missing, NotNow("follow-up-too-early"), NotAllowed."""
    if not submission.follow_up_of:
        return None
    parent = _followed(by, submission.follow_up_of)
    if parent.organisation_id != submission.organisation_id:
        # Linked across two customers, each would learn of the other.
        raise Missing()
    return parent


def _followed(by: Viewer, number: str) -> Ticket:
    """A closed request that this person may follow up. A foreign number and an absent one look the same."""
    parent = policies.find_ticket(by, number)
    if parent is None:
        raise Missing()
    if parent.status not in ("closed", "expired"):
        raise NotNow("follow-up-too-early", number=parent.number)
    if parent.merged_into_id is not None:
        raise policies.over(by, parent)
    if not policies.can_follow_up(by, parent):
        raise NotAllowed("not-approved")
    return parent


def _priority(form: Any, value: str | None) -> tuple[str | None, int, str | None]:
    if form.scale is None:
        return None, 9, None
    if value is None:
        return None, 9, form.scale.slug
    level = (
        ScaleLevel.select()
        .join(Scale)
        .where((Scale.id == form.scale.id) & (ScaleLevel.value == value))
        .first()
    )
    if level is None:
        raise Invalid("priority-unknown", field="severity")
    return value, level.position, form.scale.slug


def _add_reader(ticket: Ticket, person_id: int, by: Viewer, now: datetime) -> None:
    if person_id == ticket.requester_id:
        return
    reader = policies.load_viewer(person_id)
    if reader is None or not reader.is_active or policies.rights_in(reader, ticket.organisation_id) is None:
        raise Invalid("reader-unknown", field="audience")
    Participant.create(
        ticket=ticket.id, person=person_id, email=reader.email, role="reader", added_by=by.id, added_at=now
    )


def _link_follow_up(parent: Ticket, ticket: Ticket, by: Viewer, now: datetime) -> None:
    # Locked, so that the chain of its history has one end whoever else writes in it.
    parent = lifecycle.fresh(parent.id)
    event = audit.record_event(parent, "ticket:follow_up_created", by, now, number=ticket.number)
    notifications.tell(event, parent, now, by)


def follow_up_prefill(viewer: Viewer, number: str) -> dict[str, Any]:
    """What a follow-up form starts with: number, subject and description of the first request (LIFE-5).

    Raises Missing for a request this person may not know of, NotNow("follow-up-too-early") while the first one
    still takes answers, NotAllowed for somebody who may read it but not open requests there.
    """
    from domain import files

    parent = _followed(viewer, number)
    first = (
        Message.select()
        .where((Message.ticket == parent.id) & (Message.kind == "reply"))
        .order_by(Message.id)
        .first()
    )
    return {
        "number": parent.number,
        "form_slug": parent.form_slug,
        "summary": parent.summary,
        # The pictures of the first request stay with it: a reference to them would show nothing here.
        "description": files.without_references(first.body) if first else "",
        "organisation_id": parent.organisation_id,
        "product_id": parent.product_id,
    }
