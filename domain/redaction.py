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

from domain import audit, files, ledger, lifecycle, notifications, policies, search
from domain.refusals import Invalid, Missing, NotAllowed
from models import Attachment, Draft, HeldForm, Message, Redaction, Ticket, db, is_sqlite

if TYPE_CHECKING:
    from domain.files import Store
    from domain.ledger import Ledger, Step
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
    to: Ledger | None = None,
    origin: str = "",
) -> int:
    """Take the text of a message, files of it, or what the form asked out of a request, for good (STAFF-10).

    The same words and files in requests split from it go as well. Each author is told by mail, without the content.
    Arguments: message_id, a reply or a note of this request; parts, what goes; reason, which the customer reads;
    by, an agent; now, aware UTC; store, where bytes of files are; to, the ledger, so that no restored backup brings it
    back; origin, address of the browser.
    Returns how many texts and files went; 0 when they had gone before.
    Raises NotNow("ledger-closed"), Missing, NotAllowed("move-not-yours"), Invalid("redact-nothing"),
    Invalid("reason-needed"), Invalid("name-too-long").
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
    with ledger.step(to) as step, db.atomic():
        # In the order of their keys: two agents who redact kin at once wait for one another, never in a ring.
        for key in _kin(ticket.id):
            lifecycle.fresh(key)
        ticket = lifecycle.fresh(ticket.id)
        shown = look(ticket, message_id, by)
        wanted = [row for row in shown.files if row.id in parts.file_ids]
        texts = _same_texts(shown.message) if parts.text and shown.has_text else []
        attached = _same_files(wanted, ticket)
        removed = lines_of(shown.message.body) if texts else []
        answers = parts.answers and shown.has_answers
        renamed = shown.is_first and bool(subject) and subject != ticket.summary
        if not (texts or attached or answers or renamed):
            return 0
        if answers:
            removed += [line for answer in ticket.answers for line in lines_of(str(answer.get("value", "")))]
            empty_answers(ticket)
        if renamed:
            removed += lines_of(str(ticket.summary))
            Ticket.update(summary=subject).where(Ticket.id == ticket.id).execute()
        touched = sorted({row.ticket_id for row in (*texts, *attached)} | {ticket.id})
        for ticket_id in touched:
            row = lifecycle.fresh(ticket_id)
            of_this = [text for text in texts if text.ticket_id == ticket_id]
            files_here = [file for file in attached if file.ticket_id == ticket_id]
            own = ticket_id == ticket.id
            gone += take_out(row, of_this, files_here, reason, by, now)
            notifications.forget_copies(row, min(_written(row, of_this, files_here, own and renamed)))
            search.index_ticket(ticket_id)
            _say(row, of_this, files_here, own and answers, own and renamed, shown.message, reason, by, now)
        authors = {row.author_id for row in texts} | {shown.message.author_id}
        clean_drafts(removed, touched, authors)
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
        _write_down(step, ticket, texts, attached, answers, subject if renamed else "", by.id, now)
    delete_bytes(gone, store)
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


def take_out(
    ticket: Ticket,
    texts: Sequence[Message],
    attached: Sequence[Attachment],
    reason: str,
    by: Viewer | None,
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
    common = {"ticket": ticket.id, "reason": reason, "redacted_by": by.id if by else None, "redacted_at": now}
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


def empty_answers(ticket: Ticket) -> None:
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


# ---- The ledger ----------------------------------------------------------------------------------------

# Said of what was taken out a second time: why it was, the first time, is not in the ledger.
AGAIN = {
    "fr": "Retiré de nouveau après la restauration d’une sauvegarde.",
    "en": "Taken out again after a backup was restored.",
}


def _write_down(
    step: Step,
    ticket: Ticket,
    texts: Sequence[Message],
    attached: Sequence[Attachment],
    answers: bool,
    subject: str,
    by: int | None,
    now: datetime,
) -> None:
    """One line for the request in which something was taken out; copies in other requests are in it by their keys."""
    uid = ledger.new_uid()
    step.write(
        "redaction",
        uid,
        now,
        ticket=ticket.id,
        print=ledger.fingerprint(uid, "ticket", ticket.id, ticket.created_at),
        by=by,
        texts={str(row.id): ledger.fingerprint(uid, "message", row.id, row.created_at) for row in texts},
        files={str(row.id): ledger.fingerprint(uid, "file", row.id, row.created_at) for row in attached},
        answers=answers,
        subject=ledger.word_print(uid, subject) if subject else "",
    )


def _keys(lines: Iterable[dict[str, Any]], name: str) -> list[int]:
    return [int(key) for line in lines for key in line.get(name) or {} if str(key).isdigit()]


def _chosen(line: dict[str, Any], name: str, table: str, rows: dict[int, Any]) -> list[Any]:
    """The rows of a line that are still what they were that day."""
    return [
        rows[int(key)]
        for key, known in (line.get(name) or {}).items()
        if str(key).isdigit()
        and int(key) in rows
        and known == ledger.fingerprint(line["uid"], table, int(key), rows[int(key)].created_at)
    ]


def to_do(lines: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The lines of redactions that this database does not follow. Three queries."""
    wanted = [line for line in lines if line["kind"] == "redaction" and isinstance(line.get("ticket"), int)]
    if not wanted:
        return []
    texts = {
        row.id: row
        for row in Message.select().where(Message.id.in_(_keys(wanted, "texts")) & (Message.body != ""))
    }
    attached = {
        row.id: row
        for row in Attachment.select().where(Attachment.id.in_(_keys(wanted, "files")))
        if not files.is_redacted(row)
    }
    tickets = {row.id: row for row in Ticket.select().where(Ticket.id.in_([row["ticket"] for row in wanted]))}
    # A later subject replaced an earlier one: only the last line about it holds.
    renamed = {line["ticket"]: line["uid"] for line in wanted if line.get("subject")}
    found = []
    for line in wanted:
        ticket = tickets.get(line["ticket"])
        if ticket is not None and line.get("print") != ledger.fingerprint(
            line["uid"], "ticket", ticket.id, ticket.created_at
        ):
            ticket = None
        if (
            _chosen(line, "texts", "message", texts)
            or _chosen(line, "files", "file", attached)
            or (ticket is not None and line.get("answers") and _has_answers(ticket))
            or (
                ticket is not None
                and renamed.get(ticket.id) == line["uid"]
                and _is_another(str(ticket.summary), line)
            )
        ):
            found.append(line)
    return found


def _has_answers(ticket: Ticket) -> bool:
    return any(not answer.get("redacted") for answer in ticket.answers or ())


def _is_another(summary: str, line: dict[str, Any]) -> bool:
    """The subject is neither the one written that day, nor one that the portal put there itself."""
    ours = set(RENAMED.values()) | set(ERASED_SUBJECT.values())
    return summary not in ours and ledger.word_print(line["uid"], summary) != line["subject"]


# The subject of a request from which it was taken out a second time, and of one whose requester was erased.
RENAMED = {"fr": "Objet retiré par l’équipe", "en": "Subject removed by the team"}
ERASED_SUBJECT = {"fr": "Demande d’un ancien contact", "en": "Request of a former contact"}


def redo(line: dict[str, Any], now: datetime, store: Store | None) -> str:
    """Take out again what a line of the ledger says, after a restore. Nobody is written to.

    Arguments: line, of to_do(); now, aware UTC. Returns the number of the request, empty when nothing was left to do.
    """
    with db.atomic():
        texts = {row.id: row for row in Message.select().where(Message.id.in_(_keys([line], "texts")))}
        attached = {
            row.id: row for row in Attachment.select().where(Attachment.id.in_(_keys([line], "files")))
        }
        for key in sorted(
            {row.ticket_id for row in (*texts.values(), *attached.values())} | {line["ticket"]}
        ):
            if Ticket.select().where(Ticket.id == key).exists():
                lifecycle.fresh(key)
        if not to_do([line]):
            return ""
        written = [row for row in _chosen(line, "texts", "message", texts) if row.body]
        sent = [row for row in _chosen(line, "files", "file", attached) if not files.is_redacted(row)]
        own = Ticket.get_or_none(Ticket.id == line["ticket"])
        if own is not None and line.get("print") != ledger.fingerprint(
            line["uid"], "ticket", own.id, own.created_at
        ):
            own = None
        gone: list[str] = []
        removed = [one for row in written for one in lines_of(row.body)]
        answers = own is not None and bool(line.get("answers")) and _has_answers(own)
        renamed = own is not None and bool(line.get("subject")) and _is_another(str(own.summary), line)
        touched = {row.ticket_id for row in (*written, *sent)} | ({own.id} if own is not None else set())
        number = ""
        for key in sorted(touched):
            ticket = Ticket.get_by_id(key)
            language = ticket.requester.language
            mine = own is not None and key == own.id
            number = ticket.number if mine or not number else number
            here = [row for row in written if row.ticket_id == key]
            files_here = [row for row in sent if row.ticket_id == key]
            if mine and answers:
                removed += [one for row in ticket.answers for one in lines_of(str(row.get("value", "")))]
                empty_answers(ticket)
            if mine and renamed:
                Ticket.update(summary=RENAMED[language]).where(Ticket.id == key).execute()
            if not (here or files_here or (mine and (answers or renamed))):
                continue
            gone += take_out(ticket, here, files_here, AGAIN[language], None, now)
            notifications.forget_copies(
                ticket, min(_written(ticket, here, files_here, mine and (answers or renamed)))
            )
            search.index_ticket(key)
            author = [row.author_id for row in here] + [row.uploader_id for row in files_here]
            audit.record_event(
                ticket,
                "ticket:redacted",
                None,
                now,
                public=any(row.kind == "reply" for row in here)
                or any(not row.is_internal for row in files_here)
                or (mine and (answers or renamed)),
                person_id=author[0] if author else ticket.requester_id,
                texts=len(here),
                files=len(files_here),
                answers=mine and answers,
                subject=mine and renamed,
                reason=AGAIN[language],
            )
        clean_drafts(removed, sorted(touched), {row.author_id for row in written})
        audit.record(
            "content:redacted",
            by=None,
            now=now,
            target=f"ticket:{number}",
            texts=len(written),
            files=len(sent),
            answers=answers,
            subject=renamed,
            again=True,
        )
    delete_bytes(gone, store)
    return number


def complete(lines: Sequence[dict[str, Any]], step: Step, now: datetime) -> None:
    """Write into the ledger what was taken out and is not in it: before there was one, or after it was lost."""
    texts, attached = set(_keys(lines, "texts")), set(_keys(lines, "files"))
    # What went with its author is in their own line.
    erased = set(WHY_ERASED.values())
    missing: dict[int, tuple[list[Message], list[Attachment]]] = {}
    for row in Redaction.select().where(Redaction.reason.not_in(sorted(erased))).order_by(Redaction.id):
        if row.message_id is not None and row.message_id not in texts:
            missing.setdefault(row.ticket_id, ([], []))[0].append(row.message)
        if row.attachment_id is not None and row.attachment_id not in attached:
            missing.setdefault(row.ticket_id, ([], []))[1].append(row.attachment)
    for ticket_id, (written, sent) in missing.items():
        _write_down(step, Ticket.get_by_id(ticket_id), written, sent, False, "", None, now)


# What readers of a request find as the reason when its author was erased.
WHY_ERASED = {"fr": "Données personnelles effacées.", "en": "Personal data erased."}


# ---- Drafts ------------------------------------------------------------------------------------------


def lines_of(text: str) -> list[str]:
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


def clean_drafts(lines: Sequence[str], ticket_ids: Sequence[int], authors: Iterable[int | None]) -> None:
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


def delete_bytes(stored_names: Sequence[str], store: Store | None) -> None:
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
