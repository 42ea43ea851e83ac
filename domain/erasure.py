"""Erasure of a person on request (STAFF-7): the account becomes nobody's, the record of the organisation stays.

Two ways. *Anonymise* replaces whatever identifies the person, everywhere; *erase* also empties what they wrote and the
files they sent, as redaction does. Both are in the ledger beside the database, so that a restored backup brings nobody
back: reapply() does again what is in it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from peewee import fn

from domain import (
    accounts,
    audit,
    deletion,
    files,
    handover,
    joining,
    ledger,
    notifications,
    redaction,
    search,
    traces,
)
from domain.refusals import Invalid, Missing, NotAllowed, NotNow
from models import (
    AccountToken,
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
    Deletion,
    Draft,
    Erasure,
    ErasureMark,
    ExternalIdentity,
    HeldForm,
    Idea,
    IdeaComment,
    IdeaFollow,
    IdeaVote,
    KnownBrowser,
    MailAction,
    MailChoice,
    Membership,
    Message,
    MobileNumber,
    MobileRefusal,
    NamedPerson,
    Organisation,
    OutboxMessage,
    Participant,
    PendingSignIn,
    Person,
    PriorityContest,
    ProfileAnswer,
    ReadMark,
    RecoveryCode,
    Satisfaction,
    SecurityKey,
    TeamMember,
    TextMessage,
    Ticket,
    TicketEvent,
    TicketRead,
    TopicFollow,
    UserSession,
    Viewing,
    db,
    is_sqlite,
)

if TYPE_CHECKING:
    from domain.files import Store
    from domain.ledger import Ledger
    from domain.policies import Viewer
    from domain.traces import Identity

log = logging.getLogger("guichet.erasure")

WAYS = ("anonymise", "erase")
REASON_MAX_CHARACTERS = 300
# Requests that the page names; of more it says the number.
NAMED = 20
# Nothing is ever delivered there (RFC 2606).
NOWHERE = "erased.invalid"

# What is the person's alone and goes whole, whichever the way. A test walks the tables: each that names a person is
# here, or has a reason why not.
OWN_ROWS: dict[str, tuple[tuple[Any, Any], ...]] = {
    "sessions": ((UserSession, UserSession.person), (PendingSignIn, PendingSignIn.person)),
    "browsers": ((KnownBrowser, KnownBrowser.person),),
    "factors": (
        (Authenticator, Authenticator.person),
        (SecurityKey, SecurityKey.person),
        (RecoveryCode, RecoveryCode.person),
    ),
    "links": (
        (AccountToken, AccountToken.person),
        (MailAction, MailAction.person),
        (AddressChange, AddressChange.person),
    ),
    "mobiles": (
        (MobileNumber, MobileNumber.person),
        (MobileRefusal, MobileRefusal.person),
        (TextMessage, TextMessage.person),
    ),
    "identities": ((ExternalIdentity, ExternalIdentity.person),),
    "drafts": ((Draft, Draft.person), (HeldForm, HeldForm.person)),
    "mails": ((OutboxMessage, OutboxMessage.person),),
    "copies": ((Participant, Participant.person),),
    "choices": (
        (MailChoice, MailChoice.person),
        (ColumnChoice, ColumnChoice.person),
        (ReadMark, ReadMark.person),
        (TicketRead, TicketRead.person),
        (AnnouncementDismissal, AnnouncementDismissal.person),
        (TopicFollow, TopicFollow.person),
        (IdeaFollow, IdeaFollow.person),
    ),
    "profile": ((ProfileAnswer, ProfileAnswer.person),),
    "questions": ((AssistantQuestion, AssistantQuestion.person),),
    "viewings": ((Viewing, Viewing.person),),
    "teams": ((TeamMember, TeamMember.person),),
}


@dataclass(frozen=True)
class Line:
    """One kind of what is kept of the person: how many rows, and what becomes of them by each way.

    fates: goes, stays, renamed (stays, without what identifies the person), emptied (the row stays, the words go).
    """

    name: str
    rows: int
    anonymise: str
    erase: str


@dataclass
class Preview:
    """What an erasure would do, before it is done."""

    person: Person
    lines: list[Line] = field(default_factory=list)
    # Rows elsewhere in which the person is named: texts of others, the record, kept mails.
    named_in: int = 0
    # Somebody else has the same name, so that it is left where it stands.
    has_namesake: bool = False
    # Requests under way of which the person is the requester, and who could have them; by organisation.
    under_way: list[Ticket] = field(default_factory=list)
    heirs: list[Person] = field(default_factory=list)
    # Why it cannot be done now, whatever is chosen; None when it can.
    refusal: NotNow | NotAllowed | None = None


def is_erased(person_id: int) -> bool:
    """The account was erased: nothing opens it again."""
    return Erasure.select(Erasure.id).where(Erasure.person == person_id).exists()


def look(person_id: int, by: Viewer) -> Preview:
    """What there is of a person, what would go and what would stay (STAFF-7). A fixed number of queries.

    Raises NotAllowed("erase-not-yours") for anybody who is no admin, Missing.
    """
    person = _person(person_id, by)
    preview = Preview(person, has_namesake=traces.has_namesake(person))
    preview.lines = [line for line in _lines(person) if line.rows]
    preview.named_in = traces.look(traces.identity_of(person)).count()
    preview.under_way = _under_way(person.id)
    organisations = {ticket.organisation_id for ticket in preview.under_way}
    if len(organisations) == 1:
        preview.heirs = handover.colleagues(organisations.pop(), without=person.id)
    try:
        _check(person, by, bool(preview.heirs))
    except (NotNow, NotAllowed) as fault:
        preview.refusal = fault
    return preview


def _person(person_id: int, by: Viewer) -> Person:
    if not (by.is_active and by.is_admin):
        raise NotAllowed("erase-not-yours")
    person = Person.get_or_none(Person.id == person_id)
    if person is None:
        raise Missing()
    return person


def _lines(person: Person) -> Iterator[Line]:
    key = person.id
    for name, tables in OWN_ROWS.items():
        rows = sum(table.select().where(owner == key).count() for table, owner in tables)
        yield Line(name, rows, "goes", "goes")
    written = Message.select().where((Message.author == key) & (Message.body != ""))
    sent = Attachment.select().where((Attachment.uploader == key) & Attachment.ticket.is_null(False))
    asked = Ticket.select().where((Ticket.requester == key) | (Ticket.opened_by == key))
    yield Line("memberships", Membership.select().where(Membership.person == key).count(), "ended", "ended")
    yield Line("requests", asked.count(), "renamed", "emptied")
    yield Line("messages", written.count(), "renamed", "emptied")
    yield Line("files", sent.count(), "stays", "emptied")
    spoken = (
        Idea.select().where(Idea.author == key).count()
        + IdeaComment.select().where(IdeaComment.author == key).count()
        + ArticleVote.select().where((ArticleVote.person == key) & (ArticleVote.sentence != "")).count()
        + Satisfaction.select().where((Satisfaction.person == key) & (Satisfaction.comment != "")).count()
        + PriorityContest.select().where(PriorityContest.contested_by == key).count()
    )
    yield Line("opinions", spoken, "renamed", "emptied")
    voted = (
        ArticleVote.select().where(ArticleVote.person == key).count()
        + IdeaVote.select().where(IdeaVote.person == key).count()
        + Satisfaction.select().where(Satisfaction.person == key).count()
    )
    yield Line("votes", voted, "stays", "stays")
    yield Line("consents", Consent.select().where(Consent.person == key).count(), "stays", "stays")
    history = TicketEvent.select().where(TicketEvent.actor == key).count()
    yield Line("history", history, "renamed", "renamed")
    yield Line("record", _entries_of(key).count(), "renamed", "renamed")


def _entries_of(key: int) -> Any:
    return AuditEntry.select().where((AuditEntry.actor == key) | (AuditEntry.target == f"person:{key}"))


# ---- What stands in the way ----------------------------------------------------------------------------


def _under_way(person_id: int) -> list[Ticket]:
    running = (Ticket.requester == person_id) & Ticket.status.in_(joining.NOT_OVER)
    return list(Ticket.select().where(running).order_by(Ticket.id))


def _numbers(tickets: Sequence[Ticket]) -> str:
    shown = ", ".join(ticket.number for ticket in tickets[:NAMED])
    return f"{shown}, …" if len(tickets) > NAMED else shown


def _check(person: Person, by: Viewer, has_heir: bool) -> None:
    """Refuse what would leave work with nobody, or the portal without admin.

    Raises NotAllowed("erase-yourself"), NotNow("erase-done"), NotNow("last-admin"), NotNow("erase-assigned"),
    NotNow("erase-named"), NotNow("erase-agreed"), and NotNow("erase-under-way") unless somebody takes those over.
    """
    if person.id == by.id:
        raise NotAllowed("erase-yourself")
    if is_erased(person.id):
        raise NotNow("erase-done")
    if person.staff_role == "admin" and person.is_active:
        others = Person.select(Person.id).where(
            (Person.staff_role == "admin") & (Person.is_active == True) & (Person.id != person.id)  # noqa: E712
        )
        if not others.exists():
            raise NotNow("last-admin")
    assigned = list(
        Ticket.select(Ticket.number)
        .where((Ticket.assignee == person.id) & Ticket.status.in_(joining.NOT_OVER))
        .order_by(Ticket.id)
        .limit(NAMED + 1)
    )
    if assigned:
        raise NotNow("erase-assigned", numbers=_numbers(assigned))
    # SQLite makes no small É of a capital one: the name as it is written, too.
    name = str(person.full_name)
    same_name = (NamedPerson.full_name == name) | (fn.LOWER(NamedPerson.full_name) == name.lower())
    running = (
        Ticket.select(Ticket.number)
        .join(Deletion)
        .switch(Ticket)
        .join(NamedPerson)
        .where(Deletion.state.not_in(("carried_out", "cancelled")) & same_name)
        .order_by(Ticket.id)
        .limit(NAMED + 1)
    )
    named = list(running)
    if named:
        raise NotNow("erase-named", numbers=_numbers(named))
    under_way = _under_way(person.id)
    agreed = [ticket for ticket in under_way if _is_agreed_to(ticket)]
    if agreed:
        raise NotNow("erase-agreed", numbers=_numbers(agreed))
    if under_way and not has_heir:
        raise NotNow("erase-under-way", numbers=_numbers(under_way))


def _is_agreed_to(ticket: Ticket) -> bool:
    row = deletion.of_ticket(ticket)
    return row is not None and row.state in handover.AGREED_TO


# ---- The act -------------------------------------------------------------------------------------------


def erase(
    person_id: int,
    way: str,
    reason: str,
    typed: str,
    by: Viewer,
    now: datetime,
    *,
    store: Store | None,
    to: Ledger | None,
    heir: int | None = None,
    origin: str = "",
) -> Erasure:
    """Make an account nobody's, for good (STAFF-7).

    The portal writes to nobody about it: it has no address any more. Their colleague is told what they got.
    Arguments: way, one of WAYS; reason, kept in the record; typed, the address of the account, against a slip; by, an
    admin; now, aware UTC; store, where bytes of files are; to, the ledger; heir, a colleague who gets the requests
    under way; origin, address of the browser.
    Returns the row. Raises NotAllowed("erase-not-yours"), Missing, Invalid("erase-way"), Invalid("erase-reason"),
    Invalid("erase-confirmation"), Invalid("handover-unknown") by the field `heir`, as _check() does, and
    NotNow("ledger-closed") when the ledger cannot be written: then nothing was changed.
    """
    person = _person(person_id, by)
    if way not in WAYS:
        raise Invalid("erase-way", field="way")
    reason = " ".join(reason.split())[:REASON_MAX_CHARACTERS]
    if not reason:
        raise Invalid("erase-reason", field="reason")
    if " ".join(typed.split()).casefold() != str(person.email).casefold():
        raise Invalid("erase-confirmation", field="typed")
    seen = traces.look(traces.identity_of(person))
    uid = ledger.new_uid()
    with ledger.step(to) as step, db.atomic():
        person = _locked(person_id)
        _check(person, by, heir is not None)
        if heir is not None:
            _hand_over(person, heir, by, now)
        row, gone = _carry_out(person, way, uid, reason, by, now, seen, origin)
        print_ = ledger.fingerprint(uid, "person", person.id, person.created_at)
        step.write("erasure", uid, now, way=way, person=person.id, by=by.id, print=print_)
    redaction.delete_bytes(gone, store)
    redaction.leave_no_trace()
    return row


def _locked(person_id: int) -> Person:
    query = Person.select().where(Person.id == person_id)
    if not is_sqlite():
        query = query.for_update()
    return query.get()


def _hand_over(person: Person, heir: int, by: Viewer, now: datetime) -> None:
    for organisation in sorted({ticket.organisation_id for ticket in _under_way(person.id)}):
        try:
            handover.handover_all(person.id, organisation, heir, by, now)
        except Invalid as fault:
            raise Invalid(fault.code, field="heir", **fault.data) from None
    left = _under_way(person.id)
    if left:
        raise NotNow("erase-under-way", numbers=_numbers(left))


def _carry_out(
    person: Person,
    way: str,
    uid: str,
    reason: str,
    by: Viewer | None,
    now: datetime,
    seen: traces.Found,
    origin: str = "",
) -> tuple[Erasure, list[str]]:
    """All of it, inside a transaction. Returns the row, and the names of bytes that nothing speaks of any more."""
    identity, addresses = traces.identity_of(person), traces.addresses_of(person)
    names = addresses | traces.user_names_of(person)
    counts = {"texts": 0, "files": 0}
    gone: list[str] = []
    touched: set[int] = set()
    if way == "erase":
        gone, touched = _empty(person, by, now, counts)
    touched |= {
        key
        for (key,) in Participant.select(Participant.ticket).where(Participant.person == person.id).tuples()
    }
    gone += _delete_own(person, addresses)
    accounts.forget_failures(names)
    touched |= traces.replace(seen, identity)
    _end_roles(person, by, now)
    Person.update(
        email=f"former-{person.id}@{NOWHERE}",
        username=f"former-{person.id}@{NOWHERE}",
        full_name=identity.mark,
        password_hash=None,
        time_zone="Europe/Paris",
        is_supervisor=False,
        is_active=False,
        locked_at=None,
        email_verified_at=None,
        first_signed_in_at=None,
        last_signed_in_at=None,
        claimed_organisation="",
    ).where(Person.id == person.id).execute()
    for key in sorted(touched):
        search.index_ticket(key)
    marks = _clean_records(person, identity, seen)
    entry = audit.record(
        "person:erased",
        by=by,
        now=now,
        target=f"person:{person.id}",
        origin=origin,
        way=way,
        reason=identity.without(reason),
        again=by is None,
        marks=len(marks),
        seal=audit.seal(marks),
        **counts,
    )
    row = Erasure.create(
        person=person.id,
        uid=uid,
        way=way,
        reason=identity.without(reason, REASON_MAX_CHARACTERS),
        erased_by=by.id if by else None,
        erased_at=now,
        entry=entry.id,
    )
    for record, key, stays in marks:
        ErasureMark.create(erasure=row.id, record=record, row=key, stays=stays)
    return row, gone


def _empty(
    person: Person, by: Viewer | None, now: datetime, counts: dict[str, int]
) -> tuple[list[str], set[int]]:
    """Empty what the person wrote and sent, as redaction does. Returns names of bytes, and keys of requests."""
    key, removed = person.id, redaction.REMOVED[person.language]
    texts: dict[int, list[Message]] = {}
    for message in (
        Message.select().where((Message.author == key) & (Message.body != "")).order_by(Message.id)
    ):
        texts.setdefault(message.ticket_id, []).append(message)
    sent: dict[int, list[Attachment]] = {}
    mine = (Attachment.uploader == key) & Attachment.ticket.is_null(False)
    for row in Attachment.select().where(mine).order_by(Attachment.id):
        if not files.is_redacted(row):
            sent.setdefault(row.ticket_id, []).append(row)
    asked = {
        ticket.id: ticket
        for ticket in Ticket.select().where((Ticket.requester == key) | (Ticket.opened_by == key))
    }
    gone: list[str] = []
    touched = sorted({*texts, *sent, *asked})
    for ticket_id in touched:
        ticket = Ticket.get_by_id(ticket_id)
        written, attached = texts.get(ticket_id, []), sent.get(ticket_id, [])
        lines = [line for message in written for line in redaction.lines_of(message.body)]
        if ticket_id in asked:
            lines += redaction.lines_of(str(ticket.summary))
            redaction.empty_answers(ticket)
            Ticket.update(summary=redaction.ERASED_SUBJECT[person.language]).where(
                Ticket.id == ticket_id
            ).execute()
        gone += redaction.take_out(ticket, written, attached, redaction.WHY_ERASED[person.language], by, now)
        notifications.forget_copies(ticket, None if ticket_id in asked else _first(written, attached))
        redaction.clean_drafts(lines, [ticket_id], ())
        counts["texts"] += len(written)
        counts["files"] += len(attached)
        if written or attached or ticket_id in asked:
            notes = all(row.kind == "note" for row in written) and all(row.is_internal for row in attached)
            audit.record_event(
                ticket,
                "ticket:redacted",
                by,
                now,
                public=ticket_id in asked or not notes,
                person_id=key,
                texts=len(written),
                files=len(attached),
                answers=ticket_id in asked and bool(ticket.answers),
                subject=ticket_id in asked,
                reason=redaction.WHY_ERASED[person.language],
            )
    PriorityContest.update(reason=removed).where(PriorityContest.contested_by == key).execute()
    Satisfaction.update(comment="").where(Satisfaction.person == key).execute()
    ArticleVote.update(sentence="").where(ArticleVote.person == key).execute()
    Idea.update(title=removed, problem="", details="").where(Idea.author == key).execute()
    IdeaComment.update(body=removed).where(IdeaComment.author == key).execute()
    return gone, set(touched)


def _first(written: Sequence[Message], attached: Sequence[Attachment]) -> datetime:
    return min(row.created_at for row in (*written, *attached))


def _delete_own(person: Person, addresses: set[str]) -> list[str]:
    """Delete the rows that are the person's alone. Returns the names of bytes of files that were never sent."""
    waiting = (Attachment.uploader == person.id) & Attachment.ticket.is_null()
    gone = [row.stored_name for row in Attachment.select().where(waiting)]
    for tables in OWN_ROWS.values():
        for table, owner in tables:
            table.delete().where(owner == person.id).execute()
    Attachment.delete().where(waiting).execute()
    # In copy, or written to, before the account had that address.
    wanted = sorted(addresses)
    Participant.delete().where(Participant.email.in_(wanted)).execute()
    OutboxMessage.delete().where(fn.LOWER(OutboxMessage.recipient).in_(wanted)).execute()
    Satisfaction.update(ask_at=None).where(
        (Satisfaction.person == person.id) & Satisfaction.ask_at.is_null(False)
    ).execute()
    return gone


def _end_roles(person: Person, by: Viewer | None, now: datetime) -> None:
    Membership.update(can_open=False, can_see_all=False, can_answer=False, reason="").where(
        Membership.person == person.id
    ).execute()
    Membership.update(removed_at=now, removed_by=by.id if by else None).where(
        (Membership.person == person.id) & Membership.removed_at.is_null()
    ).execute()
    Organisation.update(account_manager=None).where(Organisation.account_manager == person.id).execute()
    Article.update(owner=None).where(Article.owner == person.id).execute()


def _clean_records(person: Person, identity: Identity, seen: traces.Found) -> list[tuple[str, int, str]]:
    """Take what identifies the person out of both chained records.

    The hash of each line stays, and so does the chain; what is left of a line gets a hash of its own, sealed by the
    entry of the erasure. Returns (record, key, hash of what stays) of each line that changed.
    """
    marks: list[tuple[str, int, str]] = []
    own = {key for (key,) in _entries_of(person.id).select(AuditEntry.id).tuples()}
    for table, columns in traces.RECORDS.items():
        later = traces.find(table, columns, identity, above=seen.upto.get(table, 0))
        keys = {*seen.rows.get(table, ()), *later} | (own if table is AuditEntry else set())
        for key in sorted(keys):
            row = table.get_or_none(table.id == key)
            if row is None:
                continue
            changed: dict[str, Any] = {}
            data = identity.without(row.data)
            if data != row.data:
                changed["data"] = data
            if table is AuditEntry:
                target = identity.without(row.target)
                if target != row.target:
                    changed["target"] = target
                # Where the person was. A line without author about them is a try to sign in.
                mine = row.actor_id == person.id or (
                    row.actor_id is None and row.target == f"person:{person.id}"
                )
                if mine and row.origin:
                    changed["origin"] = ""
            if changed:
                table.update(changed).where(table.id == key).execute()
                marks.append((table._meta.table_name, key, audit.hash_of_rest(table.get_by_id(key))))
    return marks


# ---- Again, after a restore ----------------------------------------------------------------------------


@dataclass
class Report:
    """What reapply() found in the ledger and did."""

    erased: list[int] = field(default_factory=list)
    redacted: list[str] = field(default_factory=list)
    # Lines that were applied already, and lines that speak of what this database does not hold.
    standing: int = 0
    absent: int = 0
    # Lines that could not be carried out; the log says why.
    failed: int = 0
    # Requests under way whose requester is erased now: somebody has to look after them.
    left: list[str] = field(default_factory=list)


def pending(to: Ledger) -> list[dict[str, Any]]:
    """Lines of the ledger that this database does not follow: it was restored from an older backup. Six queries."""
    lines = ledger.standing(to)
    return _erasures_to_do(lines) + redaction.to_do(lines)


def _erasures_to_do(lines: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    wanted = [line for line in lines if line["kind"] == "erasure" and isinstance(line.get("person"), int)]
    if not wanted:
        return []
    keys = [line["person"] for line in wanted]
    people = {row.id: row for row in Person.select(Person.id, Person.created_at).where(Person.id.in_(keys))}
    done = {key for (key,) in Erasure.select(Erasure.person).where(Erasure.person.in_(keys)).tuples()}
    return [
        line
        for line in wanted
        if (person := people.get(line["person"])) is not None
        and person.id not in done
        and line.get("print") == ledger.fingerprint(line["uid"], "person", person.id, person.created_at)
    ]


def reapply(now: datetime, *, store: Store | None, to: Ledger) -> Report:
    """Do again what the ledger holds and this database does not: after a restore (STAFF-7, STAFF-10).

    Safe to call at each start: what stands is left alone. Each line is a transaction of its own. What this database
    holds and the ledger does not (the file was lost) is written into it first. Nobody is written to.
    Arguments: now, aware UTC. Returns what was done.
    """
    _complete(to, now)
    lines = ledger.standing(to)
    report = Report()
    people = _erasures_to_do(lines)
    texts = redaction.to_do(lines)
    for line in [*people, *texts]:
        # One line that cannot be done holds up no other, nor the start of the portal: pending() goes on naming it.
        try:
            if line["kind"] == "erasure":
                _again(line, now, store, report)
            else:
                number = redaction.redo(line, now, store)
                report.redacted += [number] if number else []
        except Exception:
            log.exception("the line %s of the ledger of erasures could not be carried out", line["uid"])
            report.failed += 1
    report.absent = len(_absent(lines))
    report.standing = len(lines) - len(people) - len(texts) - report.absent
    if report.erased or report.redacted:
        redaction.leave_no_trace()
        log.warning(
            "an older database was found: %s people erased again, texts of %s requests taken out again",
            len(report.erased),
            len(report.redacted),
        )
    return report


def _again(line: dict[str, Any], now: datetime, store: Store | None, report: Report) -> None:
    """Erase somebody again. What would be refused by hand is done: it was decided when it could be."""
    person = Person.get_by_id(line["person"])
    seen = traces.look(traces.identity_of(person))
    way = str(line.get("way"))
    with db.atomic():
        person = _locked(person.id)
        if is_erased(person.id):
            return
        left = [ticket.number for ticket in _under_way(person.id)]
        _row, gone = _carry_out(person, way if way in WAYS else WAYS[0], line["uid"], "", None, now, seen)
    redaction.delete_bytes(gone, store)
    report.erased.append(person.id)
    report.left += left


def _absent(lines: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Lines about people and requests that this database has never held, or no longer holds."""
    keys = [line["person"] for line in lines if isinstance(line.get("person"), int)]
    people = {row.id: row.created_at for row in Person.select().where(Person.id.in_(keys))}
    keys = [line["ticket"] for line in lines if isinstance(line.get("ticket"), int)]
    tickets = {row.id: row.created_at for row in Ticket.select().where(Ticket.id.in_(keys))}
    found = []
    for line in lines:
        table, rows = ("person", people) if line["kind"] == "erasure" else ("ticket", tickets)
        key = line.get(table)
        made = rows.get(key) if isinstance(key, int) else None
        if (
            made is None
            or not isinstance(key, int)
            or line.get("print") != ledger.fingerprint(line["uid"], table, key, made)
        ):
            found.append(line)
    return found


def _complete(to: Ledger, now: datetime) -> None:
    """Write into the ledger what the database knows and it does not: a lost file, or a portal from before it."""
    lines = ledger.standing(to)
    uids = {line["uid"] for line in lines}
    with ledger.step(to) as step:
        for row in Erasure.select(Erasure, Person).join(Person, on=(Erasure.person == Person.id)):
            if row.uid not in uids:
                print_ = ledger.fingerprint(row.uid, "person", row.person_id, row.person.created_at)
                step.write(
                    "erasure", row.uid, row.erased_at, way=row.way, person=row.person_id, by=row.erased_by_id,
                    print=print_,
                )  # fmt: skip
        redaction.complete(lines, step, now)
