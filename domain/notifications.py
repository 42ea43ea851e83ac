"""Who hears about what. An event becomes rows of the outbox in its own transaction; a job sends them afterwards.

A row holds keys and numbers only: the words are made when it leaves, in the reader's language (mailer.py), and
whether the reader may still see the request is asked again at that moment.
"""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from peewee import SQL, ModelSelect, fn

from domain import catalogue, mail_choices, policies, statements
from models import (
    MailCopy,
    MailHold,
    OutboxMessage,
    Participant,
    Person,
    Team,
    TeamMember,
    Ticket,
    TicketEvent,
    db,
)

if TYPE_CHECKING:
    from domain.policies import Viewer

log = logging.getLogger("guichet.mail")

# Written out, not bound: SQLite takes a partial index only for a condition that it can read.
_WAITING = OutboxMessage.status == SQL("'waiting'")
_FAILED = OutboxMessage.status == SQL("'failed'")


class Rule(NamedTuple):
    """One mail about an event: its template, a key of WHO, and a key of WHEN.

    `author_too`: whoever did it gets the mail as well (a confirmation); otherwise nobody is told of their own act.
    """

    template: str
    who: str
    when: str = "always"
    author_too: bool = False


# Every kind of event stands here, also those that nobody is told about: silence is a decision too (LIFE-3).
RECIPIENTS: dict[str, tuple[Rule, ...]] = {
    "ticket:created": (
        Rule("request-received", "customers", author_too=True),
        # Those that an incident brings are on its page of the desk: the team needs no mail for each (VIEW-14).
        Rule("team-new", "team", "no_incident"),
    ),
    "ticket:routed": (Rule("team-new", "team", "unassigned"),),
    "ticket:replied": (
        Rule("reply", "customers"),
        Rule("team-reply", "answerable", "by_customer"),
    ),
    "ticket:noted": (),
    "ticket:assigned": (
        Rule("team-assigned", "assignee"),
        Rule("status-changed", "customers", "moved"),
    ),
    "ticket:moved": (
        Rule("status-changed", "customers", "moved"),
        # An untested change that is to be undone waits for somebody of the team (LIFE-7).
        Rule("status-changed", "owners", "not_by_staff"),
    ),
    "ticket:resolved": (Rule("status-changed", "customers", "moved"),),
    "ticket:reopened": (
        Rule("reopened", "customers"),
        Rule("reopened", "owners", "not_by_staff"),
    ),
    "ticket:closed": (
        Rule("closed", "customers"),
        Rule("closed", "assignee", "by_customer"),
    ),
    "ticket:expired": (Rule("status-changed", "customers", "moved"),),
    # A test that went well waits for the team: whoever is in charge hears of it (LIFE-7).
    "ticket:tested": (
        Rule("reply", "customers", "has_words"),
        Rule("status-changed", "customers", "moved"),
        Rule("team-tested", "owners"),
    ),
    # Nothing of the other request stands in these mails but for those who may read it (LIFE-9).
    "ticket:blocked": (Rule("blocked", "customers", "first_block"),),
    "ticket:blocker_named": (),
    "ticket:unblocked": (
        Rule("status-changed", "customers", "moved"),
        Rule("status-changed", "owners", "goes_on"),
    ),
    "ticket:reminded": (Rule("reminder", "customers"),),
    # The requester gets the new date, also when they asked for it themselves.
    "ticket:kept_open": (Rule("kept-open", "requester", author_too=True),),
    "ticket:cc_added": (Rule("cc-added", "added"),),
    "ticket:cc_removed": (),
    "ticket:collaborator_added": (),
    "ticket:priority_changed": (),
    "ticket:priority_lowered": (Rule("priority-lowered", "customers"),),
    # The agent in charge learns that the priority is no longer theirs to change; supervisors decide (LIFE-10).
    "ticket:priority_contested": (
        Rule("priority-contested", "supervisors"),
        Rule("priority-contested", "assignee"),
    ),
    "ticket:priority_decided": (
        Rule("priority-decided", "customers"),
        # A colleague who contested is perhaps not in copy.
        Rule("priority-decided", "contester"),
        Rule("priority-decided", "assignee"),
    ),
    "ticket:audience_changed": (),
    "ticket:shared": (),
    "ticket:follow_up_created": (),
    "ticket:attachment_added": (),
    "ticket:licence_changed": (),
    "ticket:reply_refused": (Rule("reply-refused", "author", author_too=True),),
    # The people of the merged request follow the other one from now on: its own have nothing to learn.
    "ticket:merged": (Rule("request-merged", "customers"),),
    "ticket:merged_here": (),
    "ticket:split": (),
    # Both keep a mail of it, whoever did it; many at once are one mail (domain/handover.py).
    "ticket:handed_over": (Rule("request-handed-over", "handed", "alone", author_too=True),),
    # What is new of the incident comes as answers on the thread, with their mails.
    "ticket:incident_joined": (),
    # The answer is read on the request and in the reports.
    "ticket:rated": (),
    # Whether the work may go on is for a person to decide (REQ-3).
    "ticket:consent_withdrawn": (Rule("consent-withdrawn", "owners", "still_open"),),
    # Whoever wrote it learns that it is gone, and why (STAFF-10).
    "ticket:redacted": (Rule("redacted", "writer"),),
    # Each of the two people keeps a mail of what they did: it holds the way to cancel (REQ-4).
    "deletion:announced": (Rule("deletion-confirm", "requester", author_too=True),),
    "deletion:confirmed": (
        Rule("deletion-second", "asked", "asks_person"),
        Rule("deletion-second", "supervisors", "asks_call"),
        Rule("deletion-waiting", "both", "waits", author_too=True),
        Rule("deletion-ready", "owners", "is_ready"),
    ),
    "deletion:seconded": (Rule("deletion-waiting", "both", author_too=True),),
    "deletion:lapsed": (
        Rule("deletion-second", "asked"),
        Rule("deletion-second", "supervisors", "asks_call"),
        Rule("deletion-second", "requester"),
    ),
    "deletion:ready": (Rule("deletion-ready", "owners"),),
    "deletion:cancelled": (
        Rule("deletion-cancelled", "asked_or_both", author_too=True),
        Rule("deletion-cancelled", "owners"),
    ),
    "deletion:carried_out": (Rule("deletion-done", "both", author_too=True),),
}

# Events that may carry words. When they do, one mail says both the words and the move that came with them.
WITH_WORDS = ("ticket:moved", "ticket:resolved", "ticket:reopened", "ticket:closed", "ticket:expired")

# The team that undoes what was not tested, by the slug of its row.
CONFIGURATION_TEAM = "configuration"

# A waiting mail that could not leave is tried again after so many minutes; the last figure repeats.
BACK_OFF_MINUTES = (1, 2, 5, 10, 20, 30)
GIVE_UP_DAYS = 3
# Tries are counted, not days: while the portal itself is stopped, nothing is held against a mail.
GIVE_UP_TRIES = (
    len(BACK_OFF_MINUTES) + (GIVE_UP_DAYS * 24 * 60 - sum(BACK_OFF_MINUTES)) // BACK_OFF_MINUTES[-1] + 1
)
# A delivery that does not come back is taken to be dead after this; it is longer than any time-out of a gateway.
CLAIM_MINUTES = 2
# A link to choose a password is a secret: it stays in the outbox only as long as it may have to be sent.
SECRET_KEYS = ("seed", "path", "token", "code")
SECRET_DAYS = 7


class TemporaryFailure(Exception):
    """The mail could not leave now. `whole_server`: no other would either, so the batch stops there."""

    def __init__(self, reason: str, *, whole_server: bool = False) -> None:
        super().__init__(reason)
        self.whole_server = whole_server


class PermanentFailure(Exception):
    """The mail will never leave as it is: staff see it and decide."""


class Skipped(Exception):
    """The mail has no reason to leave any more; the reason is a stable key and is kept."""


class Sent(NamedTuple):
    """What a delivery tells of a mail that left: the texts to keep, and what a gathered mail left out.

    copies: key of a row to (subject, text); left_out: key of a row to the reason, a stable key.
    """

    copies: Mapping[int, tuple[str, str]]
    left_out: Mapping[int, str] = {}


class Recipient(NamedTuple):
    """An address, the account behind it (None: none), and the language when there is no account."""

    email: str
    person_id: int | None
    language: str


# ---- Who ---------------------------------------------------------------------------------------------


def _of_person(person: Person) -> Recipient:
    return Recipient(person.email, person.id, person.language)


def _customers(event: TicketEvent, ticket: Ticket) -> list[Recipient]:
    """The requester, those in CC and the collaborators (VIEW-5, VIEW-6). Named readers read; they get no mail."""
    this = statements.stand_in(0)
    [requester] = statements.rows(
        "notifications.requester",
        lambda: Person.select().where(Person.id == this),
        {this: ticket.requester_id},
    )
    found = [_of_person(requester)]
    rows = statements.tuples(
        "notifications.customers",
        lambda: (
            Participant.select(Participant.email, Participant.person, Person.email, Person.language)
            .left_outer_join(Person, on=(Participant.person == Person.id))
            .where((Participant.ticket == this) & Participant.role.in_(("cc", "collaborator")))
            .order_by(Participant.id)
        ),
        {this: ticket.id},
    )
    for address, person_id, account_address, language in rows:
        found.append(Recipient(account_address or address, person_id, language or requester.language))
    return found


def _team(event: TicketEvent, ticket: Ticket) -> list[Recipient]:
    """The members of the request's team; a team without anybody leaves it to the supervisors, then to the admins."""
    this = statements.stand_in(0)
    for who, only in _OF_TEAM.items():
        found = statements.tuples(("notifications.team", who), partial(_staff, only), {this: ticket.team_id})
        if found:
            return [Recipient(*row) for row in found]
    return []


def _members() -> Any:
    team = TeamMember.team == statements.stand_in(0)
    return Person.id.in_(TeamMember.select(TeamMember.person).where(team))


_OF_TEAM: dict[str, Callable[[], Any]] = {
    "members": _members,
    "supervisors": lambda: Person.is_supervisor == True,  # noqa: E712
    "admins": lambda: Person.staff_role == "admin",
}


def _staff(only: Callable[[], Any]) -> ModelSelect:
    return (
        Person.select(Person.email, Person.id, Person.language)
        .where((Person.is_active == True) & Person.staff_role.in_(("agent", "admin")) & only())  # noqa: E712
        .order_by(Person.id)
    )


def _assignee(event: TicketEvent, ticket: Ticket) -> list[Recipient]:
    person = Person.get_or_none(Person.id == ticket.assignee_id) if ticket.assignee_id else None
    return [_of_person(person)] if person is not None and person.is_active else []


def _owners(event: TicketEvent, ticket: Ticket) -> list[Recipient]:
    """The agent in charge, else the whole team: an answer never falls between two chairs."""
    return _assignee(event, ticket) or _team(event, ticket)


def _answerable(event: TicketEvent, ticket: Ticket) -> list[Recipient]:
    """Who hears what a customer writes: the owners; of an expired change the configuration team too (LIFE-7)."""
    if ticket.status != "expired":
        return _owners(event, ticket)
    configuration = list(
        Person.select()
        .join(TeamMember, on=(TeamMember.person == Person.id))
        .join(Team, on=(TeamMember.team == Team.id))
        .where(
            (Team.slug == CONFIGURATION_TEAM)
            & (Team.is_active == True)  # noqa: E712
            & (Person.is_active == True)  # noqa: E712
            & Person.staff_role.in_(("agent", "admin"))
        )
        .order_by(Person.id)
    )
    found = _assignee(event, ticket) + [_of_person(person) for person in configuration]
    return found if configuration else _owners(event, ticket)


def _added(event: TicketEvent, ticket: Ticket) -> list[Recipient]:
    address = event.data.get("email")
    person_id = event.data.get("person_id")
    person = Person.get_or_none(Person.id == person_id) if person_id else None
    if person is not None:
        return [_of_person(person)]
    return [Recipient(address, None, Person.get_by_id(ticket.requester_id).language)] if address else []


def _author(event: TicketEvent, ticket: Ticket) -> list[Recipient]:
    person = Person.get_or_none(Person.id == event.actor_id) if event.actor_id else None
    return [_of_person(person)] if person is not None else []


def _people(keys: Iterable[int]) -> list[Recipient]:
    wanted = list(dict.fromkeys(keys))
    rows = {person.id: person for person in Person.select().where(Person.id.in_(wanted))} if wanted else {}
    return [_of_person(rows[key]) for key in wanted if key in rows]


def _requester(event: TicketEvent, ticket: Ticket) -> list[Recipient]:
    return _people([ticket.requester_id])


def _handed(event: TicketEvent, ticket: Ticket) -> list[Recipient]:
    """The new requester, and the former one as long as they may read the request."""
    former = policies.load_viewer(event.data.get("before") or 0)
    told = [event.data["person_id"]] if event.data.get("person_id") else []
    if former is not None and policies.can_see(former, ticket):
        told.append(former.id)
    return _people(told)


def _asked(event: TicketEvent, ticket: Ticket) -> list[Recipient]:
    """Those who can be the second person of a deletion, as the event names them."""
    return _people(event.data.get("asked") or ())


def _both(event: TicketEvent, ticket: Ticket) -> list[Recipient]:
    from domain import deletion

    return _people(deletion.both_people(ticket))


def _asked_or_both(event: TicketEvent, ticket: Ticket) -> list[Recipient]:
    """The requester, whoever confirmed besides, and those who were still asked to."""
    return list(dict.fromkeys(_both(event, ticket) + _asked(event, ticket)))


def _contester(event: TicketEvent, ticket: Ticket) -> list[Recipient]:
    return _people(filter(None, [event.data.get("contested_by")]))


def _writer(event: TicketEvent, ticket: Ticket) -> list[Recipient]:
    """Who had written or attached what the team took out."""
    return _people(filter(None, [event.data.get("person_id")]))


def _supervisors(event: TicketEvent, ticket: Ticket) -> list[Recipient]:
    """The supervisors; a portal without any leaves it to its admins, who can name one."""
    staff = Person.select().where(Person.is_active == True).order_by(Person.id)  # noqa: E712
    supervisors = staff.where((Person.is_supervisor == True) & Person.staff_role.in_(("agent", "admin")))  # noqa: E712
    found = list(supervisors) or list(staff.where(Person.staff_role == "admin"))
    return [_of_person(person) for person in found]


WHO: dict[str, Callable[[TicketEvent, Ticket], list[Recipient]]] = {
    "customers": _customers,
    "requester": _requester,
    "team": _team,
    "assignee": _assignee,
    "owners": _owners,
    "answerable": _answerable,
    "added": _added,
    "handed": _handed,
    "author": _author,
    "asked": _asked,
    "both": _both,
    "asked_or_both": _asked_or_both,
    "supervisors": _supervisors,
    "contester": _contester,
    "writer": _writer,
}
# These belong to the vendor: they hear of internal events too. A note was written by one of them.
OF_THE_DESK = frozenset({"team", "assignee", "owners", "answerable", "supervisors", "writer"})


# ---- When --------------------------------------------------------------------------------------------


def _side(event: TicketEvent, by: Viewer | None) -> str:
    if event.data.get("side"):
        return str(event.data["side"])
    if by is None:
        return "rule"
    return "team" if by.is_staff else "customer"


def _moved(event: TicketEvent, ticket: Ticket, by: Viewer | None) -> bool:
    """The customer reads another word than before: two statuses may carry the same one (LIFE-1)."""
    origin, target = event.data.get("from"), event.data.get("to")
    if origin == target or target is None:
        return False
    rows = catalogue.labels_now((origin, target), ticket.kind_slug)
    words = {status: (row.customer_fr, row.customer_en) for status, row in rows.items()}
    return origin not in words or words[origin] != words.get(target)


WHEN: dict[str, Callable[[TicketEvent, Ticket, Any], bool]] = {
    "always": lambda event, ticket, by: True,
    "by_customer": lambda event, ticket, by: _side(event, by) == "customer",
    "not_by_staff": lambda event, ticket, by: _side(event, by) != "team",
    "unassigned": lambda event, ticket, by: ticket.assignee_id is None,
    "moved": _moved,
    "has_words": lambda event, ticket, by: bool(event.data.get("message_id")),
    "first_block": lambda event, ticket, by: bool(event.data.get("first")),
    "goes_on": lambda event, ticket, by: event.data.get("from") != event.data.get("to"),
    "alone": lambda event, ticket, by: bool(event.data.get("alone")),
    "no_incident": lambda event, ticket, by: not event.data.get("incident_id"),
    "asks_person": lambda event, ticket, by: event.data.get("asks") == "person",
    "asks_call": lambda event, ticket, by: event.data.get("asks") == "call",
    "waits": lambda event, ticket, by: event.data.get("state") == "waiting",
    "still_open": lambda event, ticket, by: ticket.status not in ("closed", "expired"),
    "is_ready": lambda event, ticket, by: event.data.get("state") == "ready",
}


# ---- Into the outbox ---------------------------------------------------------------------------------


def rules_for(event: TicketEvent) -> tuple[Rule, ...]:
    """The rules of RECIPIENTS that apply to an event. Raises KeyError for a kind that is not in the table."""
    if event.kind in WITH_WORDS and event.data.get("message_id"):
        return RECIPIENTS["ticket:replied"]
    return RECIPIENTS[event.kind]


def tell(event: TicketEvent, ticket: Ticket, now: datetime, by: Viewer | None) -> int:
    """Write the mails of an event into the outbox, inside the caller's transaction (LIFE-3, REQ-11).

    Arguments: event, just recorded; ticket, its request as it is after the event; now, aware UTC; by, who did it
    (None: the portal itself). Telling twice writes nothing more.
    Returns how many rows were written. Raises KeyError for an event kind without a row in RECIPIENTS.
    """
    author_id = by.id if by is not None else event.actor_id
    told: set[str] = set()
    rows, groups = [], []
    for rule in rules_for(event):
        if not event.is_public and rule.who not in OF_THE_DESK:
            continue
        if not WHEN[rule.when](event, ticket, by):
            continue
        for recipient in WHO[rule.who](event, ticket):
            address = recipient.email.lower()
            is_author = (recipient.person_id is not None and recipient.person_id == author_id) or (
                by is not None and address == by.email.lower()
            )
            if address in told or (is_author and not rule.author_too):
                continue
            told.add(address)
            context = {"event_id": event.id}
            if event.data.get("message_id"):
                context["message_id"] = event.data["message_id"]
            rows.append(_row(rule.template, f"event:{event.id}", recipient, ticket.id, context, now))
            groups.append(mail_choices.group_of(rule.template, event.data.get("to")))
    return _insert_in_place(rows, groups, now)


def enqueue(
    template: str,
    *,
    source: str,
    now: datetime,
    person: Person | Viewer | None = None,
    email: str | None = None,
    language: str | None = None,
    ticket: Ticket | None = None,
    **context: Any,
) -> bool:
    """Write one mail into the outbox, inside the caller's transaction.

    Arguments: template, a key of mailer.MAILS; source, what made it ("account:17:reset:3"), unique with recipient
    and template; now, aware UTC; person, the account it goes to, or email and language of somebody without one;
    ticket, the request it is about; context, JSON values for the words: keys and numbers, never sentences.
    Returns False when that mail was there already. Raises ValueError without a recipient.
    """
    address = (email or (person.email if person is not None else "") or "").strip().lower()
    if not address:
        raise ValueError("a mail needs a person or an address")
    recipient = Recipient(
        address,
        person.id if person is not None else None,
        language or (person.language if person is not None else "fr"),
    )
    row = _row(template, source, recipient, ticket.id if ticket else None, context, now)
    return bool(_insert_in_place([row], [mail_choices.group_of(template)], now))


def enqueue_all(
    template: str, people: Iterable[Person], *, source: str, now: datetime, **context: Any
) -> int:
    """Write one mail for each of some people, inside the caller's transaction. Arguments as enqueue().

    Returns how many were written: those that were there already are left alone.
    """
    rows = [_row(template, source, _of_person(person), None, context, now) for person in people]
    return sum(_insert(rows[start : start + 500]) for start in range(0, len(rows), 500))


def _row(
    template: str,
    source: str,
    recipient: Recipient,
    ticket_id: int | None,
    context: dict[str, Any],
    now: datetime,
) -> dict[str, Any]:
    return {
        "source": source,
        "recipient": recipient.email.lower(),
        "person": recipient.person_id,
        "ticket": ticket_id,
        "template": template,
        "language": recipient.language,
        "context": context,
        # Without the host: mailer.py adds it. Decided here, so that a mail sent twice is seen to be the same.
        "message_id": f"guichet.{secrets.token_hex(12)}",
        "created_at": now,
        # Nothing means at once, by any clock: a job run by hand at another date does not delay its mails.
        "next_try_at": None,
        "status": "waiting",
        "skip_reason": "",
    }


def _insert_in_place(rows: list[dict[str, Any]], groups: list[str], now: datetime) -> int:
    """Write rows with the hour at which each leaves, by what its reader chose (VIEW-15).

    What a reader does not want is written too, as not sent: the request shows who was told what. Without a request or
    an account behind it, a mail goes at once.
    """
    choosers = [
        row["person"]
        for row, group in zip(rows, groups, strict=True)
        if group and row["person"] is not None and row["ticket"] is not None
    ]
    if not choosers:
        return _insert(rows)
    choices = mail_choices.of_people(choosers)
    holds = {}
    for row, group in zip(rows, groups, strict=True):
        if row["ticket"] is None or row["person"] not in choices:
            continue
        placed = mail_choices.place(group, choices[row["person"]], now)
        row["next_try_at"] = placed.at
        if placed.pace == "off":
            row |= {"status": "skipped", "skip_reason": mail_choices.NOT_WANTED}
        elif placed.pace != "now":
            holds[row["message_id"]] = placed.pace
    written = _insert(rows)
    if holds:
        keys = OutboxMessage.select(OutboxMessage.id, OutboxMessage.message_id).where(
            OutboxMessage.message_id.in_(list(holds))
        )
        found = [{"message": key, "pace": holds[name]} for key, name in keys.tuples()]
        if found:
            MailHold.insert_many(found).execute()
    return written


def _insert(rows: list[dict[str, Any]]) -> int:
    """Write rows, leaving out those that are there already; the one statement is the same on both databases."""
    if not rows:
        return 0
    return statements.insert(
        OutboxMessage, rows, (OutboxMessage.source, OutboxMessage.recipient, OutboxMessage.template)
    )


# ---- Out of the outbox -------------------------------------------------------------------------------


def deliver_due(send: Callable[[OutboxMessage], Sent | None], now: datetime, limit: int = 200) -> int:
    """Send what is due, once each, oldest first (OPS-7).

    Arguments: send, which words and sends one row, tells what of it is kept, and raises TemporaryFailure,
    PermanentFailure or Skipped; it is called outside any transaction; now, aware UTC; limit, most mails of this call.
    Returns how many left. Each row is claimed first, so that two processes never send the same one; a crash
    between the server's yes and the mark sends it again with the same Message-ID.
    """
    from domain import digests

    started = time.monotonic()
    this = statements.stand_in(0)
    sent = tried = 0
    while tried < limit:
        at = now + timedelta(seconds=time.monotonic() - started)
        batch = _due(at, limit - tried)
        if not batch:
            break
        for row_id in batch:
            # A claim lasts from now, not from the start of a batch that may have been slow.
            at = now + timedelta(seconds=time.monotonic() - started)
            if not _claim(row_id, at):
                continue
            tried += 1
            [row] = statements.rows(
                "notifications.row",
                lambda: OutboxMessage.select().where(OutboxMessage.id == this),
                {this: row_id},
            )
            try:
                check_recipient(row)
                if row.template == "digest":
                    digests.drop_unseen(row)
                told = send(row)
            except Skipped as skipped:
                reason = str(skipped)[:60]
                _mark(row, status="skipped", skip_reason=reason)
                digests.follow(row, status="skipped", skip_reason=reason)
            except PermanentFailure as failure:
                log.warning("mail %s (%s) failed for good", row.id, row.template)
                _mark(row, status="failed", attempts=row.attempts + 1, last_error=_safe(failure))
                digests.follow(row, status="failed", last_error=_safe(failure))
            except TemporaryFailure as failure:
                _postpone(row, _safe(failure), at)
                if failure.whole_server:
                    return sent
            except Exception as mistake:
                # One mail that cannot be worded must not hold up the others.
                log.exception("mail %s (%s) could not be made", row.id, row.template)
                _postpone(row, type(mistake).__name__, at)
            else:
                at = now + timedelta(seconds=time.monotonic() - started)
                with db.atomic():
                    _mark(row, status="sent", sent_at=at, attempts=row.attempts + 1, last_error="")
                    if told is not None:
                        _keep_copies(told.copies)
                        digests.leave_out(told.left_out)
                    digests.follow(row, status="sent", sent_at=at)
                sent += 1
    return sent


def _may_be_tried(at: Any) -> Any:
    return (
        _WAITING
        & (OutboxMessage.next_try_at.is_null() | (OutboxMessage.next_try_at <= at))
        & (OutboxMessage.claimed_until.is_null() | (OutboxMessage.claimed_until < at))
    )


def _grouped(row: Any) -> Any:
    """True of a row that leaves in a gathered mail only."""
    hold = MailHold.alias("hold")
    return fn.EXISTS(hold.select(hold.id).where((hold.message == row.id) & (hold.pace != "quiet")))


def _held(row: Any) -> Any:
    """True of a row that its reader's choices made wait, quiet hours included."""
    hold = MailHold.alias("held")
    return fn.EXISTS(hold.select(hold.id).where(hold.message == row.id))


def _due(at: datetime, limit: int) -> list[int]:
    """The keys of the mails to send at an instant, oldest first."""
    instant, most = "@at", statements.stand_in(0)
    found = statements.tuples(
        "notifications.due",
        lambda: _due_query(instant, most),
        {instant: OutboxMessage.created_at.db_value(at), most: limit},
    )
    return [row_id for (row_id,) in found]


def _due_query(at: Any, limit: int) -> ModelSelect:
    # A later mail about the same request never overtakes an earlier one to the same person. One that waits for its
    # hour by choice holds up nobody: what always goes at once goes at once.
    earlier, hold = OutboxMessage.alias("earlier"), MailHold.alias("quiet")
    by_choice = fn.EXISTS(
        hold.select(hold.id).where(
            (hold.message == earlier.id) & ((hold.pace != "quiet") | (earlier.next_try_at > at))
        )
    )
    held_up = fn.EXISTS(
        earlier.select(earlier.id).where(
            (earlier.ticket == OutboxMessage.ticket)
            & (earlier.recipient == OutboxMessage.recipient)
            & (earlier.status == SQL("'waiting'"))
            & (earlier.id < OutboxMessage.id)
            & ~by_choice
        )
    )
    query = (
        OutboxMessage.select(OutboxMessage.id)
        .where(_may_be_tried(at) & ~_grouped(OutboxMessage) & (OutboxMessage.ticket.is_null() | ~held_up))
        # A sum, so that no database walks the whole table along its key to find the few that wait.
        .order_by(OutboxMessage.id + 0)
        .limit(limit)
    )
    return query


def _claim(row_id: int, at: datetime) -> bool:
    claimed_until = at + timedelta(minutes=CLAIM_MINUTES)
    query = OutboxMessage.update(claimed_until=claimed_until).where(
        (OutboxMessage.id == row_id) & _may_be_tried(at)
    )
    return bool(query.execute())


def _mark(row: OutboxMessage, **changes: Any) -> None:
    changes.setdefault("next_try_at", None)
    OutboxMessage.update(claimed_until=None, **changes).where(
        (OutboxMessage.id == row.id) & (OutboxMessage.status == "waiting")
    ).execute()


def _postpone(row: OutboxMessage, reason: str, at: datetime) -> None:
    from domain import digests

    tries = row.attempts + 1
    if tries >= GIVE_UP_TRIES:
        log.warning("mail %s (%s) failed: given up after %s days", row.id, row.template, GIVE_UP_DAYS)
        _mark(row, status="failed", attempts=tries, last_error=reason)
        digests.follow(row, status="failed", last_error=reason)
        return
    # Quiet hours are over for it: from now on it waits for the server, and later mails wait for it.
    MailHold.delete().where((MailHold.message == row.id) & (MailHold.pace == "quiet")).execute()
    minutes = BACK_OFF_MINUTES[min(tries, len(BACK_OFF_MINUTES)) - 1]
    _mark(row, attempts=tries, next_try_at=at + timedelta(minutes=minutes), last_error=reason)


def _keep_copies(copies: Mapping[int, tuple[str, str]]) -> None:
    """Keep mails as they went out, for their readers and the team (VIEW-4); a second delivery changes nothing."""
    rows = [
        {"message": key, "subject": subject[:200], "text": text} for key, (subject, text) in copies.items()
    ]
    if rows:
        MailCopy.insert_many(rows).on_conflict(action="nothing", conflict_target=[MailCopy.message]).execute()


def forget_copies(ticket: Ticket, since: datetime | None = None) -> int:
    """Delete the kept texts of a request's mails: what was taken out of the request must not stay in them.

    Arguments: since, when what was taken out was written: earlier mails cannot hold it, and stay.
    Returns how many. That the mails were sent, and to whom, stays.
    """
    keys = OutboxMessage.select(OutboxMessage.id).where(OutboxMessage.ticket == ticket.id)
    if since is not None:
        keys = keys.where(OutboxMessage.created_at >= since)
    return int(MailCopy.delete().where(MailCopy.message.in_(keys)).execute())


def _safe(failure: Exception) -> str:
    """What a server said, without addresses of pages: it may quote the mail, and a mail may hold a secret link."""
    text = re.sub(r"\S*(?:://|/password/)\S*", "[...]", str(failure))
    return re.sub(r"[\x00-\x1f\x7f]+", " ", text).strip()[:300]


def check_recipient(row: OutboxMessage) -> None:
    """Ask again, at the moment of sending, whether this person may be told. Raises Skipped with the reason."""
    if row.person_id is None:
        if row.ticket_id is not None and not _is_in_copy(row):
            raise Skipped("no-longer-in-copy")
        return
    viewer = policies.load_viewer(row.person_id)
    if viewer is None or not viewer.is_active:
        raise Skipped("person-disabled")
    if row.ticket_id is None:
        return
    # An address in copy gets the mails even before its account is proven, only not the page (VIEW-5).
    if not policies.can_see(viewer, Ticket(id=row.ticket_id)) and not _is_in_copy(row):
        raise Skipped("may-not-see")


def _is_in_copy(row: OutboxMessage) -> bool:
    return (
        Participant.select()
        .where(
            (Participant.ticket == row.ticket_id)
            & (Participant.email == row.recipient)
            & (Participant.role == "cc")
        )
        .exists()
    )


# ---- Looking at the outbox ---------------------------------------------------------------------------


def retry(which: Iterable[int] | str, now: datetime) -> int:
    """Put mails back to be sent at once: failed ones, and those that wait for a later try (OPS-5).

    Arguments: which, keys of rows or "all"; now, aware UTC. Returns how many. What was sent or skipped is left alone,
    and so is what waits for its hour by its reader's choice.
    """
    from domain import digests

    query = OutboxMessage.update(status="waiting", attempts=0, next_try_at=None).where(
        OutboxMessage.status.in_(("waiting", "failed"))
        & (OutboxMessage.claimed_until.is_null() | (OutboxMessage.claimed_until < now))
        & ~_grouped(OutboxMessage)
        & ~((OutboxMessage.status == "waiting") & (OutboxMessage.attempts == 0) & _held(OutboxMessage))
    )
    if which != "all":
        query = query.where(OutboxMessage.id.in_(digests.with_gathered(int(row_id) for row_id in which)))
    with db.atomic():
        count = int(query.execute())
        digests.wait_again()
    return count


def waiting_count() -> int:
    """How many mails have not left yet."""
    return int(OutboxMessage.select().where(_WAITING).count())


def failed_count() -> int:
    """How many mails were given up: staff must look at them."""
    return int(OutboxMessage.select().where(_FAILED).count())


def outbox(status: str | None = None, limit: int = 50) -> list[OutboxMessage]:
    """The newest mails, of one status when it is given; most recent first."""
    query = OutboxMessage.select().order_by(OutboxMessage.id.desc()).limit(limit)
    return list(query.where(OutboxMessage.status == status) if status else query)
