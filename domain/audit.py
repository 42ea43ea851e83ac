"""The two append-only records: the history of a request, and the audit trail of the portal.

Each row carries the hash of the one before, so that a change made behind the product's back shows (STAFF-6).
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from domain import statements
from models import AuditEntry, Erasure, ErasureMark, Ticket, TicketEvent, db, is_sqlite

if TYPE_CHECKING:
    from domain.policies import Viewer

# What can happen to a request. Words are made by presenters.py, recipients by notifications.py.
EVENT_KINDS: dict[str, str] = {
    "ticket:created": "the request was sent",
    "ticket:routed": "a team was chosen by the rules or by staff",
    "ticket:replied": "somebody wrote on the public thread",
    "ticket:noted": "staff wrote an internal note",
    "ticket:assigned": "an agent took it or was given it",
    "ticket:moved": "the status changed",
    "ticket:resolved": "a solution was provided",
    "ticket:reopened": "the customer wrote again, or staff took it up again",
    "ticket:closed": "it was closed: by the customer, by staff, or by silence",
    "ticket:reminded": "the customer was reminded that an answer is awaited",
    "ticket:kept_open": "the customer asked for more time: the date on which it closes by itself moved",
    "ticket:expired": "the change was undone after the test period",
    "ticket:tested": "the customer tested the change and said that it works",
    "ticket:blocked": "another request comes first: it waits for that one to end",
    "ticket:blocker_named": "the number of the request it waits for, for the team only",
    "ticket:unblocked": "what it waited for has ended, or staff took the block away",
    "ticket:cc_added": "somebody was put in copy",
    "ticket:cc_removed": "somebody was taken out of copy",
    "ticket:collaborator_added": "a colleague joined the request",
    "ticket:priority_changed": "the priority retained by the team changed",
    "ticket:priority_lowered": "the team retained a lower priority than asked, with the reason",
    "ticket:priority_contested": "the customer does not agree with the lower priority",
    "ticket:priority_decided": "a supervisor gave the former priority back, or kept the lower one",
    "ticket:audience_changed": "who may read it changed",
    "ticket:shared": "it was shared with the account manager, or no longer is",
    "ticket:follow_up_created": "a follow-up of this request was opened",
    "ticket:licence_changed": "the licence request moved on",
    "ticket:reply_refused": "an answer came after the request was closed",
    "ticket:merged": "it goes on in another request, and is closed",
    "ticket:merged_here": "another request goes on in this one, with those who followed it",
    "ticket:split": "a request of its own was made from one of its messages",
    "ticket:handed_over": "it was handed to a colleague, who is its requester from then on",
    "ticket:incident_joined": "it is about an incident of the status page, and gets the team's answer to all of them",
    "ticket:rated": "the requester said how the request went, or said it anew",
    "ticket:consent_withdrawn": "who sent it took back the consent that came with the form",
    "ticket:redacted": "the team took out what somebody had written or attached; what it was is said nowhere",
    "deletion:announced": "an irreversible request waits for the confirmation of its requester",
    "deletion:confirmed": "the requester confirmed it",
    "deletion:seconded": "a second person confirmed it, or a supervisor after a call",
    "deletion:lapsed": "the second person lost their rights: the confirmation is asked again",
    "deletion:ready": "the waiting period is over",
    "deletion:cancelled": "it was cancelled: nothing is deleted",
    "deletion:carried_out": "staff carried it out, and the request is resolved",
}

AUDIT_KINDS: dict[str, str] = {
    "setting:changed": "a setting of the portal changed",
    "session:started": "somebody signed in",
    "session:failed": "a sign-in failed",
    "session:locked": "sign-in was locked after too many failures",
    "session:half": "the password was right, and a second step was asked",
    "session:fresh": "somebody proved again that it is them, before a dangerous act",
    "session:ended": "somebody signed out",
    "session:ended_everywhere": "all the sessions of an account were ended",
    "account:created": "an account was made",
    "account:changed": "a profile changed",
    "account:mail_choices": "somebody chose which mails they get, and when",
    "account:invited": "an invitation was sent",
    "account:username_asked": "somebody asked for a lost user name: it was mailed to the address of the account",
    "account:disabled": "an account was disabled",
    "account:enabled": "an account was enabled again",
    "account:unlocked": "staff unlocked an account",
    "account:role_changed": "the role of a member of staff changed",
    "account:password_asked": "a password link was asked",
    "account:password_changed": "a password was chosen",
    "account:address_asked": "somebody asked for another address of theirs",
    "account:address_cancelled": "a change of address was cancelled before it was confirmed",
    "account:address_changed": "somebody confirmed their new address",
    "factor:added": "a second factor was added",
    "factor:removed": "a second factor was removed",
    "factor:codes_made": "recovery codes were made; those of before are dead",
    "factor:code_used": "a recovery code was used",
    "factor:failed": "a code or a security key was refused",
    "factor:locked": "codes were suspended after too many wrong ones",
    "factor:copied": "a security key was refused: its count says that there is a copy of it",
    "factor:reset": "an admin took somebody's second factors away",
    "factor:required": "an organisation requires a second factor from a day on, or no longer",
    "identity:linked": "an account was linked to what an identity provider says",
    "identity:unlinked": "an account is no longer opened by an identity provider",
    "identity:dropped": "a provider got another issuer or client: those it had linked are unlinked",
    "secret:replaced": "the secret of a provider or the key of an application was replaced",
    "viewing:started": "an admin began to see the portal as somebody else does, with the reason",
    "viewing:ended": "an admin sees the portal as themselves again: by the button, by time, or otherwise",
    "browser:trusted": "a browser gets no mailed codes any more",
    "browser:forgotten": "a browser is no longer trusted",
    "mobile:asked": "somebody gave a mobile number: a code was sent there",
    "mobile:added": "somebody confirmed a mobile number for codes by text message",
    "mobile:changed": "somebody confirmed another mobile number",
    "mobile:removed": "somebody removed their mobile number",
    "mobile:declined": "somebody does not want to be asked for a mobile number again",
    "contact:attached": "a person was attached to an organisation",
    "contact:approved": "a person joined the approved contacts",
    "contact:removed": "a person left the approved contacts",
    "contact:changed": "the role of a contact changed",
    "partner:linked": "an organisation may act for a client organisation",
    "partner:changed": "what an organisation may do for its client, or until when, changed",
    "partner:ended": "an organisation acts for a client no longer, with the reason unless its last day was over",
    "contacts:review_asked": "the administrators of an organisation were asked to confirm their list of contacts",
    "contacts:reviewed": "an administrator confirmed the list of contacts of their organisation",
    "contacts:import_started": "contacts of a file are to be created or changed",
    "contacts:import_ended": "the lines of a file of contacts were carried out, or stopped",
    "admin:created": "a row was made on an admin screen",
    "admin:changed": "a row was changed on an admin screen",
    "admin:deleted": "a row was deleted on an admin screen",
    "list:exported": "somebody took a list of requests along as a file",
    "admin:exported": "rows were exported from an admin screen",
    "idea:moved": "an idea got another state",
    "idea:hidden": "staff hid an idea, with the reason",
    "idea:shown": "staff showed a hidden idea again",
    "idea:merged": "an idea was merged into another one",
    "idea:comment_hidden": "staff hid a comment on an idea, with the reason",
    "idea:comment_shown": "staff showed a hidden comment again",
    "content:redacted": "the team took out a text or files of a request, with the reason",
    "consent:withdrawn": "somebody took a consent back",
    "retention:carried_out": "what is kept no longer was deleted, in numbers by kind",
    "person:erased": "an account was made nobody's, with the reason; or was again, after a restore",
    "data:exported": "a file of everything that is kept of a person was made, by them or by an admin who was asked",
    "preset:applied": "a preset was applied",
    "mail:retried": "failed mails were put back in the queue",
    "service_incident:opened": "an incident or a maintenance was put on the status page",
    "service_incident:updated": "something new was said of an incident of the status page",
    "service_incident:joined": "an agent joined requests to an incident of the status page",
    "service_incident:answered": "one answer was written to everybody who joined an incident",
}


def _digest(previous: str, parts: list[Any]) -> str:
    text = json.dumps(
        [previous, *parts], ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str
    )
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _stamp(now: datetime) -> str:
    return now.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def record_event(
    ticket: Ticket, kind: str, by: Viewer | None, now: datetime, *, public: bool = True, **data: Any
) -> TicketEvent:
    """Append one line to the history of a request, inside the caller's transaction (LIFE-2).

    Arguments: ticket; kind, a key of EVENT_KINDS; by, who acts (None: the portal itself); now, aware UTC;
    public, whether the customer may read it; data, what the sentence will need (JSON values).
    Returns the row. Raises KeyError for an unknown kind.
    """
    if kind not in EVENT_KINDS:
        raise KeyError(kind)
    this = statements.stand_in(0)
    previous = statements.tuples(
        "audit.last_hash",
        lambda: (
            TicketEvent.select(TicketEvent.hash)
            .where(TicketEvent.ticket == this)
            .order_by(TicketEvent.id.desc())
            .limit(1)
        ),
        {this: ticket.id},
    )
    previous_hash = previous[0][0] if previous else ""
    actor_id = by.id if by else None
    return TicketEvent.create(
        ticket=ticket.id,
        kind=kind,
        actor=actor_id,
        data=data,
        is_public=public,
        created_at=now,
        previous_hash=previous_hash,
        hash=_digest(previous_hash, [ticket.id, kind, actor_id, data, public, _stamp(now)]),
    )


def record(
    kind: str, *, by: Viewer | None, now: datetime, target: str = "", origin: str = "", **data: Any
) -> AuditEntry:
    """Append one line to the audit trail, inside the caller's transaction (STAFF-6).

    Arguments: kind, a key of AUDIT_KINDS; by, who acts; target, what it is about ("person:12");
    origin, address of the browser; data, JSON values, never a secret. Raises KeyError for an unknown kind.
    """
    if kind not in AUDIT_KINDS:
        raise KeyError(kind)
    if not is_sqlite():
        # The chain has one end: two transactions must not both build on it. Released at commit.
        db.execute_sql("SELECT pg_advisory_xact_lock(7241001)")
    last = statements.tuples(
        "audit.last_entry",
        lambda: AuditEntry.select(AuditEntry.hash).order_by(AuditEntry.id.desc()).limit(1),
        {},
    )
    previous_hash = last[0][0] if last else ""
    actor_id = by.id if by else None
    return AuditEntry.create(
        kind=kind,
        actor=actor_id,
        target=target,
        data=data,
        origin=origin,
        created_at=now,
        previous_hash=previous_hash,
        hash=_digest(previous_hash, [kind, actor_id, target, data, origin, _stamp(now)]),
    )


def _parts(row: AuditEntry | TicketEvent) -> list[Any]:
    """What the hash of a line is made of, besides the hash of the one before."""
    if isinstance(row, AuditEntry):
        return [row.kind, row.actor_id, row.target, row.data, row.origin, _stamp(row.created_at)]
    return [row.ticket_id, row.kind, row.actor_id, row.data, row.is_public, _stamp(row.created_at)]


def hash_of_rest(row: AuditEntry | TicketEvent) -> str:
    """The hash of what stays of a line that lost words to an erasure; it is bound to the hash that the line keeps."""
    return _digest(f"{row.previous_hash}:{row.hash}", _parts(row))


def seal(marks: list[tuple[str, int, str]]) -> str:
    """One hash over the marks of an erasure: the entry of the erasure holds it, inside the chain."""
    return _digest("", [list(mark) for mark in sorted(marks)])


def _marks(faults: list[str]) -> dict[tuple[str, int], str]:
    """The hash of what stays of each line that lost words; marks that are not those of their erasure are a fault."""
    found: dict[tuple[str, int], str] = {}
    of: dict[int, list[tuple[str, int, str]]] = {}
    for mark in ErasureMark.select().order_by(ErasureMark.id):
        found[mark.record, mark.row] = mark.stays
        of.setdefault(mark.erasure_id, []).append((mark.record, mark.row, mark.stays))
    sealed = Erasure.select(Erasure.id, AuditEntry.kind, AuditEntry.data).join(AuditEntry).tuples()
    for key, kind, data in sealed:
        if kind != "person:erased" or data.get("seal") != seal(of.get(key, [])):
            faults.append(f"marks of erasure {key}")
    return found


def verify() -> list[str]:
    """Walk both records and return a line for each break: an empty list means that nothing was altered.

    A line that lost words to an erasure keeps its hash, so that the chain goes on; what stays of it has another one.
    """
    faults: list[str] = []
    marks = _marks(faults)
    previous_hash = ""

    def holds(row: AuditEntry | TicketEvent, before: str, record: str) -> bool:
        if row.previous_hash != before:
            return False
        return row.hash == _digest(before, _parts(row)) or marks.get((record, row.id)) == hash_of_rest(row)

    for row in AuditEntry.select().order_by(AuditEntry.id).iterator():
        if not holds(row, previous_hash, "audit_entry"):
            faults.append(f"audit entry {row.id}")
        previous_hash = row.hash
    ends: dict[int, str] = {}
    for row in TicketEvent.select().order_by(TicketEvent.ticket, TicketEvent.id).iterator():
        if not holds(row, ends.get(row.ticket_id, ""), "ticket_event"):
            faults.append(f"event {row.id} of request {row.ticket_id}")
        ends = {row.ticket_id: row.hash}
    return faults
