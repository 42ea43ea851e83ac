"""Redaction: the team takes out what should not have been sent (STAFF-10). The content goes, the fact stays.

A password pasted by mistake stands in many places: the message, its copies in requests split from it, the kept texts of
mails, the search, drafts. All of them are emptied in one transaction; the bytes of files go after it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from peewee import SQL

from domain import audit, files, lifecycle, notifications, policies, search
from domain.refusals import Invalid, Missing, NotAllowed
from models import Attachment, Draft, HeldForm, Message, Redaction, Ticket, db, is_sqlite

if TYPE_CHECKING:
    from domain.files import Store
    from domain.policies import Viewer

log = logging.getLogger("guichet.redaction")

REASON_MAX_CHARACTERS = 300
# Shorter lines of a text say nothing by themselves: "Bonjour," in a draft is no copy of a message.
LINE_MIN_CHARACTERS = 6
# Requests of one family that are looked at for copies.
KIN_MAX = 50
# What stands in a draft where words were taken out of it.
GAP = "[…]"
# What an answer of the form becomes, in each language: answers are kept with their words.
REMOVED = {"fr": "Retiré par l’équipe", "en": "Removed by the team"}
SUBJECT_MAX_CHARACTERS = 200


@dataclass(frozen=True)
class Redactable:
    """What can be taken out of one message, for the page that asks which."""

    ticket: Ticket
    message: Message
    # The text is still there.
    has_text: bool
    # Its files that are still there.
    files: list[Attachment]
    # It is the first message, and the form asked more: these answers are still there.
    has_answers: bool
    # It is the first message: the subject came with it.
    is_first: bool
    # Other requests that hold the very same text or files, by number.
    copies: list[str] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        """Nothing of it is left to take out."""
        return not (self.has_text or self.files or self.has_answers)


@dataclass(frozen=True)
class Parts:
    """What is to go: the text, files by key, the answers of the form; and another subject, empty to keep it."""

    text: bool = False
    file_ids: frozenset[int] = frozenset()
    answers: bool = False
    subject: str = ""


def look(ticket: Ticket, message_id: int, by: Viewer) -> Redactable:
    """What of one message can be taken out (STAFF-10).

    Raises Missing for a message of another request, NotAllowed("move-not-yours") for anybody who is not at the desk.
    """
    if not policies.can_note(by, ticket):
        raise NotAllowed("move-not-yours") if policies.can_see(by, ticket) else Missing()
    if not policies.can_see(by, ticket):
        raise Missing()
    message = Message.get_or_none((Message.id == message_id) & (Message.ticket == ticket.id))
    if message is None:
        raise Missing()
    first = Message.select(Message.id).where(Message.ticket == ticket.id).order_by(Message.id).first()
    is_first = first is not None and first.id == message.id
    attached = _files_of(message)
    return Redactable(
        ticket=ticket,
        message=message,
        has_text=bool(message.body),
        files=attached,
        has_answers=is_first and any(not answer.get("redacted") for answer in ticket.answers or ()),
        is_first=is_first,
        copies=sorted(
            {row.ticket.number for row in _same_texts(message) if row.ticket_id != ticket.id}
            | {row.ticket.number for row in _same_files(attached, ticket) if row.ticket_id != ticket.id}
        ),
    )


def redact(
    ticket: Ticket,
    message_id: int,
    parts: Parts,
    reason: str,
    by: Viewer,
    now: datetime,
    *,
    store: Store | None,
    origin: str = "",
) -> int:
    """Take the text of a message, files of it, or what the form asked out of a request, for good (STAFF-10).

    The same words and files in requests split from it go as well. Each author is told by mail, without the content.
    Arguments: message_id, a reply or a note of this request; parts, what goes; reason, which the customer reads;
    by, an agent; now, aware UTC; store, where bytes of files are; origin, address of the browser.
    Returns how many texts and files went; 0 when they had gone before. Raises Missing, NotAllowed("move-not-yours"),
    Invalid("redact-nothing"), Invalid("reason-needed"), Invalid("name-too-long").
    """
    reason = " ".join(reason.split())[:REASON_MAX_CHARACTERS]
    subject = lifecycle.one_line(parts.subject)
    if not (parts.text or parts.file_ids or parts.answers or subject):
        raise Invalid("redact-nothing", field="parts")
    if not reason:
        raise Invalid("reason-needed", field="reason")
    if len(subject) > SUBJECT_MAX_CHARACTERS:
        raise Invalid("name-too-long", field="subject", limit=SUBJECT_MAX_CHARACTERS)
    gone: list[str] = []
    with db.atomic():
        # In the order of their keys: two agents who redact kin at once wait for one another, never in a ring.
        for key in _kin(ticket.id):
            lifecycle.fresh(key)
        ticket = lifecycle.fresh(ticket.id)
        shown = look(ticket, message_id, by)
        wanted = [row for row in shown.files if row.id in parts.file_ids]
        texts = _same_texts(shown.message) if parts.text and shown.has_text else []
        attached = _same_files(wanted, ticket)
        removed = _lines(shown.message.body) if texts else []
        answers = parts.answers and shown.has_answers
        renamed = shown.is_first and bool(subject) and subject != ticket.summary
        if not (texts or attached or answers or renamed):
            return 0
        if answers:
            removed += [line for answer in ticket.answers for line in _lines(str(answer.get("value", "")))]
            _empty_answers(ticket)
        if renamed:
            removed += _lines(str(ticket.summary))
            Ticket.update(summary=subject).where(Ticket.id == ticket.id).execute()
        touched = sorted({row.ticket_id for row in (*texts, *attached)} | {ticket.id})
        for ticket_id in touched:
            row = lifecycle.fresh(ticket_id)
            of_this = [text for text in texts if text.ticket_id == ticket_id]
            files_here = [file for file in attached if file.ticket_id == ticket_id]
            own = ticket_id == ticket.id
            gone += _take_out(row, of_this, files_here, reason, by, now)
            notifications.forget_copies(row, min(_written(row, of_this, files_here, own and renamed)))
            search.index_ticket(ticket_id)
            _say(row, of_this, files_here, own and answers, own and renamed, shown.message, reason, by, now)
        authors = {row.author_id for row in texts} | {shown.message.author_id}
        _clean_drafts(removed, touched, authors)
        audit.record(
            "content:redacted",
            by=by,
            now=now,
            target=f"ticket:{ticket.number}",
            origin=origin,
            message=message_id,
            texts=len(texts),
            files=len(attached),
            answers=answers,
            subject=renamed,
        )
    _delete_bytes(gone, store)
    leave_no_trace()
    return len(texts) + len(attached) + int(answers) + int(renamed)


def _written(
    ticket: Ticket, texts: Sequence[Message], attached: Sequence[Attachment], whole: bool
) -> list[datetime]:
    """When what goes was written: mails from before cannot hold it. Answers and subject came with the request."""
    if whole or not (texts or attached):
        return [ticket.created_at]
    return [row.created_at for row in (*texts, *attached)]


def _files_of(message: Message) -> list[Attachment]:
    rows = Attachment.select().where(Attachment.message == message.id).order_by(Attachment.id)
    return [row for row in rows if not files.is_redacted(row)]


def _kin(ticket_id: int) -> list[int]:
    """The request, those it was split from and into, follows and is followed by: where copies of a text can be."""
    found, edge = {ticket_id}, {ticket_id}
    while edge and len(found) < KIN_MAX:
        keys = list(edge)
        up = Ticket.select(Ticket.split_of, Ticket.follow_up_of).where(Ticket.id.in_(keys)).tuples()
        down = (
            Ticket.select(Ticket.id)
            .where(Ticket.split_of.in_(keys) | Ticket.follow_up_of.in_(keys))
            .order_by(Ticket.id)
            .limit(KIN_MAX)
            .tuples()
        )
        edge = {key for row in (*up, *down) for key in row if key is not None} - found
        found |= edge
    return sorted(found)


def _same_texts(message: Message) -> list[Message]:
    """The message, and those of its author in kin requests that say the very same, whatever their pictures are called.

    In its own request only itself: "Thank you." is said twice.
    """
    if not message.body:
        return []
    plain = files.without_references(message.body)
    elsewhere = (
        Message.ticket.in_(_kin(message.ticket_id))
        & (Message.ticket != message.ticket_id)
        & (Message.kind == message.kind)
        & (Message.author == message.author_id)
    )
    rows = Message.select(Message, Ticket).join(Ticket).where((Message.id == message.id) | elsewhere)
    return [
        row
        for row in rows.order_by(Message.id)
        if row.id == message.id or files.without_references(row.body).strip() == plain.strip()
    ]


def _same_files(attached: Sequence[Attachment], ticket: Ticket) -> list[Attachment]:
    """These files and those of the request and its kin with the very same bytes."""
    hashes = [row.sha256 for row in attached]
    if not hashes:
        return []
    rows = (
        Attachment.select(Attachment, Ticket)
        .join(Ticket, on=(Attachment.ticket == Ticket.id))
        .where(Attachment.ticket.in_(_kin(ticket.id)) & Attachment.sha256.in_(hashes))
        .order_by(Attachment.id)
    )
    return [row for row in rows if not files.is_redacted(row)]


def _take_out(
    ticket: Ticket,
    texts: Sequence[Message],
    attached: Sequence[Attachment],
    reason: str,
    by: Viewer,
    now: datetime,
) -> list[str]:
    """Empty texts and files of one request. Returns the names of the bytes that nothing speaks of any more."""
    for message in texts:
        Message.update(body="").where(Message.id == message.id).execute()
    for row in attached:
        # The name may say what was inside, and a hash lets somebody try what it was.
        Attachment.update(
            name="-", stored_name=f"{files.REDACTED}{row.id}", size=0, sha256="", content_type="text/plain"
        ).where(Attachment.id == row.id).execute()
    rows = [{"message": row.id, "attachment": None} for row in texts]
    rows += [{"message": None, "attachment": row.id} for row in attached]
    common = {"ticket": ticket.id, "reason": reason, "redacted_by": by.id, "redacted_at": now}
    if rows:
        Redaction.insert_many([{**row, **common} for row in rows]).execute()
    return [row.stored_name for row in attached]


def _say(
    ticket: Ticket,
    texts: Sequence[Message],
    attached: Sequence[Attachment],
    answers: bool,
    subject: bool,
    shown: Message,
    reason: str,
    by: Viewer,
    now: datetime,
) -> None:
    """The line of the history, and the mail to each author: one line for each of them."""
    authors = [row.author_id for row in texts] + [row.uploader_id for row in attached]
    if answers or subject:
        authors.append(shown.author_id)
    kinds = {row.kind for row in texts} | {"note" if row.is_internal else "reply" for row in attached}
    for author in dict.fromkeys(authors):
        event = audit.record_event(
            ticket,
            "ticket:redacted",
            by,
            now,
            public=kinds != {"note"},
            person_id=author,
            texts=sum(row.author_id == author for row in texts),
            files=sum(row.uploader_id == author for row in attached),
            answers=answers and author == shown.author_id,
            subject=subject and author == shown.author_id,
            reason=reason,
        )
        notifications.tell(event, ticket, now, by)


def _empty_answers(ticket: Ticket) -> None:
    """What the form asked stays, what was answered goes."""
    answers = [
        {
            **{key: value for key, value in answer.items() if not key.startswith("value")},
            "kind": "text",
            "value": REMOVED["fr"],
            "value_fr": REMOVED["fr"],
            "value_en": REMOVED["en"],
            "redacted": True,
        }
        for answer in ticket.answers or ()
    ]
    Ticket.update(answers=answers).where(Ticket.id == ticket.id).execute()


# ---- Drafts ------------------------------------------------------------------------------------------


def _lines(text: str) -> list[str]:
    """The lines of a text that are long enough to be known again."""
    found = (line.strip() for line in text.splitlines())
    return [line for line in found if len(line) >= LINE_MIN_CHARACTERS]


def _without(value: Any, lines: Iterable[str]) -> Any:
    """A value of a form without these lines; whatever is no text stays as it is."""
    if isinstance(value, str):
        for line in lines:
            value = value.replace(line, GAP)
        return value
    if isinstance(value, list):
        return [_without(one, lines) for one in value]
    if isinstance(value, dict):
        return {key: _without(one, lines) for key, one in value.items()}
    return value


def _clean_drafts(lines: Sequence[str], ticket_ids: Sequence[int], authors: Iterable[int | None]) -> None:
    """Take lines out of what anybody is writing on these requests, and of all that their authors have not sent."""
    lines = sorted(dict.fromkeys(lines), key=len, reverse=True)
    people = [author for author in authors if author is not None]
    if not lines:
        return
    for draft in Draft.select().where(Draft.ticket.in_(list(ticket_ids)) | Draft.person.in_(people)):
        data, earlier = _without(draft.data, lines), _without(draft.earlier, lines)
        if (data, earlier) != (draft.data, draft.earlier):
            # Another version: an open page that saves the old words is told that the draft changed.
            Draft.update(data=data, earlier=earlier, version=Draft.version + 1).where(
                Draft.id == draft.id
            ).execute()
    numbers = [
        number for (number,) in Ticket.select(Ticket.number).where(Ticket.id.in_(list(ticket_ids))).tuples()
    ]
    of_these = HeldForm.person.in_(people)
    for number in numbers:
        of_these |= HeldForm.path.contains(f"/{number}/")
    for held in HeldForm.select().where(of_these):
        data = _without(held.data, lines)
        if data != held.data:
            HeldForm.update(data=data).where(HeldForm.id == held.id).execute()


# ---- What is left on the disk --------------------------------------------------------------------------


def _delete_bytes(stored_names: Sequence[str], store: Store | None) -> None:
    if store is None:
        return
    for name in stored_names:
        # Should this fail, sweep_unclaimed() finds the bytes that no row speaks of.
        try:
            store.delete(name)
        except OSError as error:
            log.error("the bytes of a redacted file are still there: %s", error.strerror)


def leave_no_trace() -> None:
    """Let SQLite put what was overwritten where the backup finds it, outside any transaction.

    The index of words keeps what was taken out until its parts are merged: that is done here for as long as it takes
    little, and by the job `retention` for the rest. PostgreSQL needs none of it: a dump holds living rows alone.
    """
    if not is_sqlite() or db.in_transaction():
        return
    search.merge_parts(steps=20)
    # A reader may hold it up: then the next write does it.
    with suppress(Exception):
        db.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def of_ticket(ticket: Ticket) -> list[Redaction]:
    """What was taken out of a request, oldest first."""
    return list(Redaction.select().where(Redaction.ticket == ticket.id).order_by(SQL("id")))
