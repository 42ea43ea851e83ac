"""One's own data as a file (ACC-13, STAFF-7): everything the portal keeps of a person and that they may see.

One ZIP: JSON with stable keys (docs/guides/own-data.md), pages to read, and the files they sent. It is written piece by
piece, so that ten thousand requests take no more memory than ten.
"""

from __future__ import annotations

import io
import json
import threading
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import IO, TYPE_CHECKING, Any, Protocol

from peewee import Field

from domain import audit, files, notifications, policies
from domain.refusals import Invalid, Missing, NotAllowed, NotNow
from models import (
    AddressChange,
    AnnouncementDismissal,
    Article,
    ArticleVote,
    AssistantQuestion,
    Attachment,
    AuditEntry,
    Authenticator,
    ColumnChoice,
    Consent,
    ConsentText,
    ContactReview,
    Deletion,
    DeletionConfirmation,
    Draft,
    ExternalIdentity,
    Idea,
    IdeaComment,
    IdeaFollow,
    IdeaVote,
    IdentityProvider,
    KnownBrowser,
    MailChoice,
    MailCopy,
    Membership,
    Message,
    MobileNumber,
    MobileRefusal,
    Organisation,
    OutboxMessage,
    Participant,
    Person,
    PriorityContest,
    Product,
    ProfileAnswer,
    ProfileQuestion,
    RecoveryCode,
    Redaction,
    Satisfaction,
    SecurityKey,
    Team,
    TeamMember,
    TextMessage,
    Ticket,
    TicketEvent,
    Topic,
    TopicFollow,
    UserSession,
    Viewing,
    db,
)

if TYPE_CHECKING:
    from domain.files import Store
    from domain.policies import Viewer

# The shape of the JSON: a change that takes a key away, or gives it another meaning, gets the next number.
FORMAT = "guichet.own-data/1"
# Files of one person in 24 hours: each takes the server some seconds.
PER_DAY = 5
REASON_MAX_CHARACTERS = 300
# Rows in one statement, and requests in one batch.
ROWS, REQUESTS = 500, 50
CHUNK_BYTES = 64 * 1024
# Two at a time in one process: the threads are there for everybody.
_TURNS = threading.BoundedSemaphore(2)


class Pages(Protocol):
    """How the pages to read are worded (views/own_data.py), in the language of the person."""

    def index(self, facts: dict[str, Any]) -> str: ...
    def request(self, record: dict[str, Any]) -> str: ...


# ---- Rows that are kept of a person ----------------------------------------------------------------------


def _records(query: Any, key: Field, columns: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Rows as records, by their key, some hundred at a time.

    Arguments: query, of which columns are selected; key, the primary key it goes by; columns, by their name there.
    """
    last = 0
    names = list(columns)
    while True:
        batch = query.select(key, *columns.values()).where(key > last).order_by(key).limit(ROWS)
        rows = list(batch.tuples())
        for row in rows:
            yield dict(zip(names, row[1:], strict=True))
        if len(rows) < ROWS:
            return
        last = rows[-1][0]


def _of(table: Any, owner: Field, person_id: int, *names: str) -> Iterator[dict[str, Any]]:
    """The rows of a table that are this person's, with these columns under their own names."""
    query = table.select().where(owner == person_id)
    return _records(query, table.id, {name: getattr(table, name) for name in names})


def small_parts(person: Person) -> dict[str, Iterable[dict[str, Any]]]:
    """What is kept of a person besides requests, drafts and mails: name of a list in the file to its records."""
    key = person.id
    return {
        "memberships": _records(
            Membership.select().join(Organisation).where(Membership.person == key),
            Membership.id,
            {
                "organisation": Organisation.name,
                "role": Membership.role,
                "can_open": Membership.can_open,
                "can_see_all": Membership.can_see_all,
                "can_answer": Membership.can_answer,
                "approved_at": Membership.approved_at,
                "removed_at": Membership.removed_at,
                "reason": Membership.reason,
            },
        ),
        "teams": _records(
            TeamMember.select().join(Team).where(TeamMember.person == key), TeamMember.id, {"team": Team.slug}
        ),
        "sessions": _of(
            UserSession, UserSession.person, key,
            "created_at", "last_seen_at", "expires_at", "ended_at", "origin", "user_agent",
        ),
        "authenticator_apps": _of(
            Authenticator, Authenticator.person, key, "created_at", "confirmed_at", "last_used_at"
        ),
        "security_keys": _of(SecurityKey, SecurityKey.person, key, "name", "created_at", "last_used_at"),
        "recovery_codes": _of(RecoveryCode, RecoveryCode.person, key, "created_at", "used_at"),
        "known_browsers": _of(
            KnownBrowser, KnownBrowser.person, key, "created_at", "last_used_at", "expires_at", "user_agent"
        ),
        "mobile_numbers": _of(MobileNumber, MobileNumber.person, key, "number", "created_at", "confirmed_at"),
        "mobile_refusals": _of(MobileRefusal, MobileRefusal.person, key, "refused_at"),
        "text_messages": _of(
            TextMessage, TextMessage.person, key,
            "kind", "number", "language", "origin", "status", "created_at", "sent_at",
        ),
        "linked_identities": _records(
            ExternalIdentity.select().join(IdentityProvider).where(ExternalIdentity.person == key),
            ExternalIdentity.id,
            {
                "provider": IdentityProvider.slug,
                "subject": ExternalIdentity.subject,
                "created_at": ExternalIdentity.created_at,
                "last_used_at": ExternalIdentity.last_used_at,
            },
        ),
        "address_changes": _of(AddressChange, AddressChange.person, key, "email", "created_at", "expires_at"),
        "profile_answers": _records(
            ProfileAnswer.select().join(ProfileQuestion).where(ProfileAnswer.person == key),
            ProfileAnswer.id,
            {
                "question": ProfileQuestion.slug,
                "question_fr": ProfileQuestion.name_fr,
                "question_en": ProfileQuestion.name_en,
                "answer_fr": ProfileAnswer.text_fr,
                "answer_en": ProfileAnswer.text_en,
                "answered_at": ProfileAnswer.answered_at,
            },
        ),
        "confirmed_lists": _records(
            ContactReview.select().join(Organisation).where(ContactReview.confirmed_by == key),
            ContactReview.id,
            {
                "organisation": Organisation.name,
                "people": ContactReview.people,
                "confirmed_at": ContactReview.confirmed_at,
            },
        ),
        "seen_as_you": _of(Viewing, Viewing.person, key, "started_at", "ended_at"),
        "mail_choices": _of(
            MailChoice, MailChoice.person, key,
            "paces", "daily_hour", "quiet_start_minute", "quiet_end_minute", "quiet_weekends", "asks_satisfaction",
        ),
        "columns": _of(ColumnChoice, ColumnChoice.person, key, "columns"),
        "satisfaction": _records(
            Satisfaction.select().join(Ticket).where(Satisfaction.person == key),
            Satisfaction.id,
            {
                "request": Ticket.number,
                "score": Satisfaction.score,
                "comment": Satisfaction.comment,
                "answered_at": Satisfaction.answered_at,
            },
        ),
        "article_votes": _records(
            ArticleVote.select().join(Article).where(ArticleVote.person == key),
            ArticleVote.id,
            {
                "article": Article.slug,
                "helpful": ArticleVote.helpful,
                "sentence": ArticleVote.sentence,
                "created_at": ArticleVote.created_at,
            },
        ),
        "topics_followed": _records(
            TopicFollow.select().join(Topic).where(TopicFollow.person == key), TopicFollow.id, {"topic": Topic.slug}
        ),
        "announcements_put_away": _of(
            AnnouncementDismissal, AnnouncementDismissal.person, key, "announcement", "dismissed_at"
        ),
        "ideas": _of(Idea, Idea.author, key, "id", "kind", "state", "title", "problem", "details", "created_at"),
        "idea_comments": _of(IdeaComment, IdeaComment.author, key, "idea", "body", "created_at"),
        "idea_votes": _of(IdeaVote, IdeaVote.person, key, "idea", "created_at"),
        "ideas_followed": _of(IdeaFollow, IdeaFollow.person, key, "idea"),
        "assistant_questions": _of(
            AssistantQuestion, AssistantQuestion.person, key, "subject", "message", "page", "created_at"
        ),
        "contested_priorities": _records(
            PriorityContest.select().join(Ticket).where(PriorityContest.contested_by == key),
            PriorityContest.id,
            {
                "request": Ticket.number,
                "reason": PriorityContest.reason,
                "contested_at": PriorityContest.contested_at,
                "outcome": PriorityContest.outcome,
                "answer": PriorityContest.answer,
            },
        ),
        "deletion_confirmations": _records(
            DeletionConfirmation.select()
            .join(Deletion)
            .join(Ticket)
            .where(DeletionConfirmation.person == key),
            DeletionConfirmation.id,
            {
                "request": Ticket.number,
                "role": DeletionConfirmation.role,
                "given_at": DeletionConfirmation.given_at,
                "text": DeletionConfirmation.text,
                "typed": DeletionConfirmation.typed,
            },
        ),
    }  # fmt: skip


def consents(person_id: int) -> Iterator[dict[str, Any]]:
    """What the person agreed to: which version, in which words, when, for which request, and what was withdrawn."""
    rows = _records(
        Consent.select()
        .join(ConsentText)
        .switch(Consent)
        .left_outer_join(Ticket, on=(Consent.ticket == Ticket.id))
        .where(Consent.person == person_id),
        Consent.id,
        {
            "version": ConsentText.version,
            "language": Consent.language,
            "text_fr": ConsentText.text_fr,
            "text_en": ConsentText.text_en,
            "form": Consent.form_slug,
            "request": Ticket.number,
            "given_at": Consent.given_at,
            "withdrawn_at": Consent.withdrawn_at,
        },
    )
    for row in rows:
        row["text"] = row.pop("text_fr") if row["language"] == "fr" else row.pop("text_en")
        row.pop("text_en", None)
        row.pop("text_fr", None)
        yield row


def drafts(person_id: int) -> Iterator[dict[str, Any]]:
    """What the person was writing and has not sent."""
    return _records(
        Draft.select()
        .left_outer_join(Ticket, on=(Draft.ticket == Ticket.id))
        .where(Draft.person == person_id),
        Draft.id,
        {
            "kind": Draft.kind,
            "form": Draft.form_slug,
            "request": Ticket.number,
            "fields": Draft.data,
            "earlier_fields": Draft.earlier,
            "updated_at": Draft.updated_at,
        },
    )


def mails(person: Person) -> Iterator[dict[str, Any]]:
    """The mails that were written to the person, with the text that was kept of those about requests."""
    return _records(
        OutboxMessage.select()
        .left_outer_join(Ticket, on=(OutboxMessage.ticket == Ticket.id))
        .switch(OutboxMessage)
        .left_outer_join(MailCopy, on=(MailCopy.message == OutboxMessage.id))
        .where(OutboxMessage.person == person.id),
        OutboxMessage.id,
        {
            "mail": OutboxMessage.template,
            "recipient": OutboxMessage.recipient,
            "request": Ticket.number,
            "created_at": OutboxMessage.created_at,
            "status": OutboxMessage.status,
            "sent_at": OutboxMessage.sent_at,
            "subject": MailCopy.subject,
            "text": MailCopy.text,
        },
    )


def record_of_acts(person: Person) -> Iterator[dict[str, Any]]:
    """What the audit trail says of the account: sign-ins, changes, exports.

    What others typed about it stays out, and so does where they were.
    """
    rows = _records(
        AuditEntry.select().where(
            (AuditEntry.target == f"person:{person.id}") | (AuditEntry.actor == person.id)
        ),
        AuditEntry.id,
        {
            "what": AuditEntry.kind,
            "at": AuditEntry.created_at,
            "origin": AuditEntry.origin,
            "actor": AuditEntry.actor,
        },
    )
    for row in rows:
        by = row.pop("actor")
        # A sign-in has no actor yet: its address is that of the person.
        yield {**row, "mine": by == person.id, "origin": row["origin"] if by in (None, person.id) else ""}


# ---- Requests ------------------------------------------------------------------------------------------


def request_ids(person: Person, viewer: Viewer) -> list[int]:
    """The requests that the person sent, opened, wrote on or is attached to, as far as they may see them now."""
    found: set[int] = set()
    for query in (
        Ticket.select(Ticket.id).where((Ticket.requester == person.id) | (Ticket.opened_by == person.id)),
        Participant.select(Participant.ticket).where(Participant.person == person.id),
        Message.select(Message.ticket)
        .where((Message.author == person.id) & (Message.kind == "reply"))
        .distinct(),
        Attachment.select(Attachment.ticket)
        .where(
            (Attachment.uploader == person.id) & Attachment.ticket.is_null(False) & ~Attachment.is_internal
        )
        .distinct(),
    ):
        found.update(key for (key,) in query.tuples())
    ordered = sorted(found)
    seen: list[int] = []
    for start in range(0, len(ordered), ROWS):
        batch = ordered[start : start + ROWS]
        rows = (
            policies.visible_tickets(viewer).select(Ticket.id).where(Ticket.id.in_(batch)).order_by(Ticket.id)
        )
        seen += [key for (key,) in rows.tuples()]
    return seen


def requests(person: Person, ids: list[int]) -> Iterator[dict[str, Any]]:
    """Each of these requests with what the portal shows of it to a customer: never a note, nor what hangs on one."""
    for start in range(0, len(ids), REQUESTS):
        yield from _batch(person, ids[start : start + REQUESTS])


def _by_ticket(query: Any) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    for row in query:
        found.setdefault(row.ticket_id, []).append(row)
    return found


def _batch(person: Person, ids: list[int]) -> Iterator[dict[str, Any]]:
    """Some requests whole, in six queries."""
    requester = Person.alias("requester")
    tickets = (
        Ticket.select(Ticket, Organisation.name, Product.id, Product.slug, requester.full_name)
        .join(Organisation)
        .switch(Ticket)
        .left_outer_join(Product)
        .switch(Ticket)
        .join(requester, on=(Ticket.requester == requester.id), attr="asked_by")
        .where(Ticket.id.in_(ids))
        .order_by(Ticket.id)
    )
    messages = _by_ticket(
        Message.select(Message, Person.id, Person.full_name)
        .left_outer_join(Person, on=(Message.author == Person.id))
        .where(Message.ticket.in_(ids) & (Message.kind == "reply"))
        .order_by(Message.id)
    )
    attached = _by_ticket(
        Attachment.select()
        .where(Attachment.ticket.in_(ids) & ~Attachment.is_internal)
        .order_by(Attachment.id)
    )
    events = _by_ticket(
        TicketEvent.select(TicketEvent, Person.id, Person.full_name)
        .left_outer_join(Person, on=(TicketEvent.actor == Person.id))
        .where(TicketEvent.ticket.in_(ids) & (TicketEvent.is_public == True))  # noqa: E712
        .order_by(TicketEvent.id)
    )
    people = _by_ticket(
        Participant.select(Participant, Person.id, Person.full_name)
        .left_outer_join(Person, on=(Participant.person == Person.id))
        .where(Participant.ticket.in_(ids))
        .order_by(Participant.id)
    )
    redacted = {
        key
        for (key,) in Redaction.select(Redaction.message)
        .where(Redaction.ticket.in_(ids) & Redaction.message.is_null(False))
        .tuples()
    }
    for ticket in tickets:
        yield {
            "number": ticket.number,
            "organisation": ticket.organisation.name,
            "requester": ticket.asked_by.full_name,
            "mine": ticket.requester_id == person.id,
            "form": ticket.form_slug,
            "kind": ticket.kind_slug,
            "product": ticket.product.slug if ticket.product_id else None,
            "summary": ticket.summary,
            "status": ticket.status,
            "priority": ticket.priority,
            "created_at": ticket.created_at,
            "updated_at": ticket.updated_at,
            "closed_at": ticket.closed_at,
            "answers": ticket.answers,
            "messages": [
                {
                    "author": row.author.full_name if row.author_id else None,
                    "mine": row.author_id == person.id,
                    "side": row.side,
                    "written_at": row.created_at,
                    "text": files.without_references(row.body),
                    "redacted": row.id in redacted,
                }
                for row in messages.get(ticket.id, ())
            ],
            "files": [
                {
                    "name": None if files.is_redacted(row) else row.name,
                    "size": row.size,
                    "sha256": row.sha256,
                    "sent_at": row.created_at,
                    "mine": row.uploader_id == person.id,
                    "path": _path(ticket.number, row)
                    if row.uploader_id == person.id and not files.is_redacted(row)
                    else None,
                }
                for row in attached.get(ticket.id, ())
            ],
            "history": [
                {
                    "what": row.kind,
                    "at": row.created_at,
                    "who": row.actor.full_name if row.actor_id else None,
                    "mine": row.actor_id == person.id,
                }
                for row in events.get(ticket.id, ())
            ],
            "people": [
                {
                    "name": row.person.full_name if row.person_id else row.email,
                    "role": row.role,
                    "added_at": row.added_at,
                }
                for row in people.get(ticket.id, ())
            ],
        }


def _path(number: str, row: Attachment) -> str:
    """Where a file stands in the ZIP: its key before its name, so that two of one name stay two."""
    return f"files/{number}/{row.id}-{row.name}"


# ---- The file ------------------------------------------------------------------------------------------


def _plain(value: Any) -> Any:
    """What JSON has no word for: instants and days in ISO 8601."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(type(value).__name__)


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1, default=_plain).encode("utf-8", "surrogatepass")


class _Writer:
    """The ZIP being written."""

    def __init__(self, target: IO[bytes], now: datetime) -> None:
        self.zip = zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED)
        self.stamp = now.astimezone(UTC).timetuple()[:6]
        self.counts: dict[str, int] = {}

    @contextmanager
    def entry(self, name: str, *, packed: bool = True) -> Iterator[IO[bytes]]:
        about = zipfile.ZipInfo(name, self.stamp)  # type: ignore[arg-type]
        about.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
        about.external_attr = 0o600 << 16
        with self.zip.open(about, "w", force_zip64=True) as stream:
            yield stream

    def text(self, name: str, text: str) -> None:
        with self.entry(name) as stream:
            stream.write(text.encode("utf-8", "replace"))

    def records(self, name: str, records: Iterable[dict[str, Any]]) -> None:
        """A list in a file of its own, one record after another."""
        count = 0
        with self.entry(f"data/{name}.json") as stream:
            stream.write(b"[")
            for record in records:
                stream.write(b",\n" if count else b"\n")
                stream.write(_json(record))
                count += 1
            stream.write(b"\n]\n")
        self.counts[name] = count


def write(target: IO[bytes], person: Person, now: datetime, store: Store, pages: Pages) -> dict[str, int]:
    """Write the file of one person.

    Arguments: target, a file that can be written; person; now, aware UTC; store, where bytes of files are; pages, words
    the pages to read. Returns how many records of each list there are.
    """
    viewer = policies.load_viewer(person.id)
    if viewer is None:
        raise Missing()
    # A closed account sees nothing; what was its owner's is still theirs.
    viewer = replace(viewer, is_active=True)
    writer = _Writer(target, now)
    with writer.zip:
        profile = {
            name: getattr(person, name)
            for name in (
                "email", "username", "full_name", "language", "time_zone", "staff_role", "is_active", "created_at",
                "email_verified_at", "first_signed_in_at", "last_signed_in_at", "claimed_organisation",
            )
        }  # fmt: skip
        with writer.entry("data/profile.json") as stream:
            stream.write(_json(profile))
        for name, records in small_parts(person).items():
            writer.records(name, records)
        writer.records("consents", consents(person.id))
        writer.records("drafts", drafts(person.id))
        writer.records("mails", mails(person))
        writer.records("acts", record_of_acts(person))
        ids = request_ids(person, viewer)
        listed = _write_requests(writer, person, ids, pages)
        writer.counts["files"] = _write_files(writer, person, frozenset(ids), store)
        facts = {"profile": profile, "counts": dict(writer.counts), "requests": listed, "made_at": now}
        writer.text("index.html", pages.index(facts))
        manifest = {"format": FORMAT, "made_at": now, "lists": writer.counts}
        with writer.entry("manifest.json") as stream:
            stream.write(_json(manifest))
    return writer.counts


def _write_requests(writer: _Writer, person: Person, ids: list[int], pages: Pages) -> list[dict[str, Any]]:
    """Requests as JSON, and a page for each. Returns number, summary and date of each, for the index.

    Two passes: a ZIP takes one entry after another.
    """
    listed: list[dict[str, Any]] = []

    def noted() -> Iterator[dict[str, Any]]:
        for record in requests(person, ids):
            listed.append(
                {name: record[name] for name in ("number", "summary", "status", "kind", "created_at")}
            )
            yield record

    writer.records("requests", noted())
    for record in requests(person, ids):
        writer.text(f"requests/{record['number']}.html", pages.request(record))
    return listed


def _write_files(writer: _Writer, person: Person, seen: frozenset[int], store: Store) -> int:
    """The files that the person sent, on requests they may see; those they have not sent yet under files/unsent/."""
    count, last = 0, 0
    while True:
        rows = list(
            Attachment.select(Attachment, Ticket.id, Ticket.number)
            .left_outer_join(Ticket, on=(Attachment.ticket == Ticket.id))
            .where((Attachment.uploader == person.id) & ~Attachment.is_internal & (Attachment.id > last))
            .order_by(Attachment.id)
            .limit(ROWS)
        )
        for row in rows:
            last = row.id
            if files.is_redacted(row) or (row.ticket_id is not None and row.ticket_id not in seen):
                continue
            path = _path(row.ticket.number, row) if row.ticket_id else f"files/unsent/{row.id}-{row.name}"
            try:
                source = store.open(row.stored_name)
            except OSError:
                # Bytes that are gone are said by the JSON, which names the file all the same.
                continue
            with source, writer.entry(path, packed=False) as stream:
                while chunk := source.read(CHUNK_BYTES):
                    stream.write(chunk)
            count += 1
        if len(rows) < ROWS:
            return count


# ---- The verb ------------------------------------------------------------------------------------------


def begin(person_id: int, by: Viewer, now: datetime, *, reason: str = "", origin: str = "") -> Person:
    """Allow and record the making of somebody's file (ACC-13, STAFF-7): one's own, or of a person who asked an admin.

    Arguments: person_id, whose data; by, who makes the file; now, aware UTC; reason, needed from an admin: how the
    person asked; origin, address of the browser. The person is told by mail when somebody else made it.
    Returns the person. Raises NotAllowed("own-data-not-yours"), Missing, Invalid("own-data-reason"), and
    NotNow("own-data-pace") with status 429 beyond five files in a day.
    """
    reason = " ".join(reason.split())[:REASON_MAX_CHARACTERS]
    own = by.id == person_id
    if not own and not (by.is_active and by.is_admin):
        raise NotAllowed("own-data-not-yours")
    with db.atomic():
        person = Person.get_or_none(Person.id == person_id)
        if person is None:
            raise Missing()
        if not own and not reason:
            raise Invalid("own-data-reason", field="reason")
        lately = AuditEntry.select().where(
            (AuditEntry.target == f"person:{person_id}")
            & (AuditEntry.kind == "data:exported")
            & (AuditEntry.created_at > now - timedelta(days=1))
        )
        if lately.count() >= PER_DAY:
            refusal = NotNow("own-data-pace", limit=PER_DAY)
            refusal.status = 429
            raise refusal
        audit.record(
            "data:exported",
            by=by,
            now=now,
            target=f"person:{person_id}",
            origin=origin,
            own=own,
            reason=reason,
        )
        if not own and person.is_active:
            notifications.enqueue(
                "security-notice",
                source=f"account:{person.id}:data-exported:{now:%Y%m%d%H%M%S%f}",
                now=now,
                person=person,
                what="data-exported",
            )
    return person


@contextmanager
def turn() -> Iterator[None]:
    """Room for one more file in this process. Raises NotNow("own-data-busy") with status 503 when there is none."""
    if not _TURNS.acquire(blocking=False):
        refusal = NotNow("own-data-busy")
        refusal.status = 503
        raise refusal
    try:
        yield
    finally:
        _TURNS.release()


def in_memory(person: Person, now: datetime, store: Store, pages: Pages) -> bytes:
    """The file as bytes: for tests and small portals' scripts."""
    target = io.BytesIO()
    write(target, person, now, store, pages)
    return target.getvalue()
