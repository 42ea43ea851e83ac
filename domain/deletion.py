"""Irreversible requests (REQ-4): announced, confirmed by one person and a second, waited for, carried out or cancelled.

Every verb locks the request, changes the procedure by a conditional update, writes its event and its mails in one
transaction. So of two acts at the same instant one happens, and the other is refused and leaves nothing behind.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from peewee import SQL

from domain import policies, settings
from domain.deletion_words import Wording, people_hash, same_phrase, wording
from domain.refusals import Invalid, Missing, NotAllowed, NotNow
from models import (
    DELETION_UNDER_WAY,
    Deletion,
    DeletionConfirmation,
    Membership,
    NamedPerson,
    Organisation,
    Person,
    Ticket,
    db,
)

if TYPE_CHECKING:
    from domain.policies import Viewer

log = logging.getLogger("guichet.deletion")

NOTE_MIN_CHARACTERS = 10
NOTE_MAX_CHARACTERS = 2_000
REASON_MAX_CHARACTERS = 300
TYPED_MAX_CHARACTERS = 200


class Procedure(NamedTuple):
    """What a form asks for: a second person, and time to change one's mind."""

    has_second: bool
    waits: bool


# Form of REQ-2 -> its procedure.
IRREVERSIBLE: dict[str, Procedure] = {
    "user-deletion": Procedure(has_second=True, waits=True),
    "mfa-reset": Procedure(has_second=False, waits=False),
}

# state -> the states it may go to. The second confirmation and the beginning of the wait are one step.
STEPS: dict[str, tuple[str, ...]] = {
    "announced": ("confirmed", "waiting", "ready", "cancelled"),
    "confirmed": ("waiting", "cancelled"),
    "waiting": ("ready", "carried_out", "confirmed", "cancelled"),
    "ready": ("carried_out", "confirmed", "cancelled"),
    "carried_out": (),
    "cancelled": (),
}
OVER = ("carried_out", "cancelled")


# ---- Reading -----------------------------------------------------------------------------------------


@dataclass
class Standing:
    """A procedure with all that its page shows to one person, and what that person may do now."""

    row: Deletion
    ticket: Ticket
    people: list[NamedPerson]
    procedure: Procedure
    wording: Wording
    requester: Person
    # The living confirmations.
    first: DeletionConfirmation | None = None
    second: DeletionConfirmation | None = None
    # The people who could confirm as the second person, and who they are in the organisation.
    asked: list[Viewer] = field(default_factory=list)
    # Which rule chooses them: administrator, approved, or none when nobody is asked.
    rule: str = "none"
    last_day: date | None = None
    may_confirm: bool = False
    may_second: bool = False
    may_call: bool = False
    may_cancel: bool = False
    may_carry_out: bool = False

    @property
    def is_over(self) -> bool:
        """Carried out or cancelled."""
        return self.row.state in OVER


def is_irreversible(ticket: Ticket) -> bool:
    """True for a request whose form has this procedure."""
    return ticket.form_slug in IRREVERSIBLE


def of_ticket(ticket: Ticket) -> Deletion | None:
    """The procedure of a request, or None."""
    if not is_irreversible(ticket):
        return None
    return Deletion.get_or_none(Deletion.ticket == ticket.id)


def look(viewer: Viewer, ticket: Ticket, now: datetime, language: str) -> Standing | None:
    """Where the procedure of a request stands, for this person; None for a request without one.

    Arguments: ticket, one that the viewer may see; now, aware UTC; language, in which the text to agree to is shown.
    """
    row = of_ticket(ticket)
    return _look(row, viewer, ticket, now, language) if row is not None else None


def _look(row: Deletion, viewer: Viewer, ticket: Ticket, now: datetime, language: str) -> Standing:
    from domain import closing

    people = named(ticket)
    procedure = IRREVERSIBLE[ticket.form_slug]
    standing = Standing(
        row=row,
        ticket=ticket,
        people=people,
        procedure=procedure,
        wording=_wording(ticket, people, language),
        requester=Person.get_by_id(ticket.requester_id),
        rule=row.second_rule or _rule_now(procedure),
    )
    for confirmation in _living(row):
        if confirmation.role == "requester":
            standing.first = confirmation
        else:
            standing.second = confirmation
    if row.state in ("announced", "confirmed") and standing.rule != "none":
        standing.asked = eligible(ticket, standing.rule)
    if row.answer_by is not None:
        standing.last_day = closing.book().default_calendar.last_day(row.answer_by)
    is_asked = row.state == "confirmed" and any(person.id == viewer.id for person in standing.asked)
    in_time = row.answer_by is None or now < row.answer_by
    standing.may_confirm = row.state == "announced" and _is_first(viewer, ticket)
    standing.may_second = is_asked and in_time
    standing.may_call = row.state == "confirmed" and not standing.asked and _is_supervisor(viewer)
    standing.may_cancel = row.state not in OVER and _cancels_as(viewer, ticket, standing) is not None
    standing.may_carry_out = policies.can_work(viewer, ticket) and _is_due(row, now)
    return standing


def named(ticket: Ticket) -> list[NamedPerson]:
    """The people whom a request is about, in the order of the form."""
    return list(NamedPerson.select().where(NamedPerson.ticket == ticket.id).order_by(NamedPerson.id))


def eligible(ticket: Ticket, rule: str) -> list[Viewer]:
    """Those who can be the second person: administrators of the organisation first, then approved contacts.

    Arguments: rule, "administrator" or "approved" (administrators and approved contacts); nobody for any other.
    The requester is never among them, nor is anybody who may not read the request or never proved their address.
    """
    if rule not in ("administrator", "approved"):
        return []
    right = Membership.role == "administrator"
    if rule == "approved":
        right |= Membership.can_open == True  # noqa: E712
    candidates = (
        Membership.select(Membership.person)
        .join(Person, on=(Membership.person == Person.id))
        .where(
            (Membership.organisation == ticket.organisation_id)
            & Membership.removed_at.is_null()
            & right
            & (Person.is_active == True)  # noqa: E712
            & Person.email_verified_at.is_null(False)
            & Person.staff_role.is_null()
            & (Person.id != ticket.requester_id)
        )
        .order_by((Membership.role == "administrator").desc(), Person.full_name, Person.id)
        .tuples()
    )
    found = (policies.load_viewer(person_id) for (person_id,) in candidates)
    return [viewer for viewer in found if viewer is not None and _has_right(viewer, ticket, rule)]


def _has_right(viewer: Viewer, ticket: Ticket, rule: str) -> bool:
    """Whether this person may be the second one under a rule, as their rights are now."""
    rights = policies.rights_in(viewer, ticket.organisation_id)
    if rights is None or not viewer.is_active or viewer.is_staff or viewer.id == ticket.requester_id:
        return False
    if not viewer.email_verified:
        return False
    if rights.role != "administrator" and not (rule == "approved" and rights.can_open):
        return False
    return policies.can_see(viewer, ticket)


def _is_first(viewer: Viewer, ticket: Ticket) -> bool:
    """The requester, as long as they may open requests there: nobody confirms in their name."""
    return (
        viewer.id == ticket.requester_id
        and viewer.is_active
        and policies.can_open_for(viewer, ticket.organisation_id)
    )


def _is_supervisor(viewer: Viewer) -> bool:
    return viewer.is_active and viewer.is_agent and viewer.is_supervisor


def _cancels_as(viewer: Viewer, ticket: Ticket, standing: Standing) -> str | None:
    """In which quality somebody may cancel: staff, requester, second; None when they may not."""
    if not viewer.is_active:
        return None
    if viewer.is_staff:
        return "staff" if viewer.is_agent else None
    if policies.rights_on(viewer, ticket) is None:
        return None
    if viewer.id in (ticket.requester_id, ticket.opened_by_id):
        return "requester"
    second = standing.second
    if second is not None and second.person_id == viewer.id:
        return "second"
    if standing.row.state == "confirmed" and any(person.id == viewer.id for person in standing.asked):
        return "second"
    return None


def _is_due(row: Deletion, now: datetime) -> bool:
    """The waiting period is over, whether the job has said so yet or not."""
    return row.state in ("waiting", "ready") and row.due_at is not None and row.due_at <= now


def _living(row: Deletion) -> list[DeletionConfirmation]:
    return list(
        DeletionConfirmation.select(DeletionConfirmation, Person)
        .join(Person, on=(DeletionConfirmation.person == Person.id))
        .where((DeletionConfirmation.deletion == row.id) & DeletionConfirmation.void_at.is_null())
        .order_by(DeletionConfirmation.id)
    )


def confirmations(row: Deletion) -> list[DeletionConfirmation]:
    """Every confirmation ever given, those that no longer count included, oldest first."""
    return list(
        DeletionConfirmation.select(DeletionConfirmation, Person)
        .join(Person, on=(DeletionConfirmation.person == Person.id))
        .where(DeletionConfirmation.deletion == row.id)
        .order_by(DeletionConfirmation.id)
    )


def _wording(ticket: Ticket, people: list[NamedPerson], language: str) -> Wording:
    organisation = Organisation.get_by_id(ticket.organisation_id)
    return wording(
        ticket.form_slug, language, number=ticket.number, organisation=organisation.name, people=people
    )


# ---- Verbs -------------------------------------------------------------------------------------------


def announce(ticket: Ticket, by: Viewer, now: datetime) -> Deletion | None:
    """Begin the procedure of a request that was just sent, inside the caller's transaction.

    Returns the row; None for a form without a procedure. Raises Invalid("people-needed") when nobody is named.
    """
    if not is_irreversible(ticket):
        return None
    people = named(ticket)
    if not people:
        raise Invalid("people-needed", field="people")
    row = Deletion.create(ticket=ticket.id, people_hash=people_hash(people), announced_at=now)
    _say(ticket, "deletion:announced", by, now, people=len(people))
    return row


def confirm(
    ticket: Ticket,
    typed: str,
    by: Viewer,
    now: datetime,
    *,
    language: str,
    understood: bool,
    seen: str | None = None,
) -> Deletion:
    """The requester confirms by typing the phrase that the page shows (REQ-4).

    Arguments: typed, as typed; language, of the page; understood, the box "irreversible" is ticked; seen, the
    fingerprint of the text that was on the page.
    Returns the row: as it is when this person confirmed before (a second click).
    Raises Missing, NotAllowed("deletion-not-yours"), NotNow("deletion-moved-on") in any other state,
    NotNow("deletion-text-changed"), NotNow("deletion-list-changed"), Invalid("deletion-tick"),
    Invalid("deletion-phrase").
    """
    with db.atomic():
        ticket, row = _locked(ticket, by)
        standing = _look(row, by, ticket, now, language)
        if standing.first is not None and standing.first.person_id == by.id and row.state != "cancelled":
            return row
        if not _is_first(by, ticket):
            raise NotAllowed("deletion-not-yours")
        _expect(row, ticket, "announced")
        _check_list(row, standing.people)
        if seen is not None and seen != standing.wording.text_hash:
            raise NotNow("deletion-text-changed", number=ticket.number)
        if not understood:
            raise Invalid("deletion-tick", field="irreversible")
        if not same_phrase(typed, standing.wording.phrase):
            raise Invalid("deletion-phrase", field="typed", phrase=standing.wording.phrase)
        _agree(row, "requester", by, now, standing.wording, typed=typed[:TYPED_MAX_CHARACTERS])
        changes: dict[str, Any] = {"confirmed_at": now, "second_rule": standing.rule}
        asks = ""
        if standing.rule != "none":
            asks = "person" if standing.asked else "call"
            changes |= {"state": "confirmed", "answer_by": _answer_by(now) if standing.asked else None}
        else:
            changes |= _after_last_confirmation(standing.procedure, now)
        _change(row, ticket, now, **changes)
        _say(
            ticket,
            "deletion:confirmed",
            by,
            now,
            state=row.state,
            asks=asks,
            asked=[person.id for person in standing.asked],
            **_proof(standing.wording),
            **_dates(row),
        )
    return row


def second(ticket: Ticket, by: Viewer, now: datetime, *, language: str, seen: str | None = None) -> Deletion:
    """The second person confirms from their own account; the waiting period begins (REQ-4).

    Returns the row: as it is when this person confirmed before. Raises Missing,
    NotAllowed("deletion-same-person") for the requester, NotAllowed("deletion-not-second") for anybody else who is
    not asked, NotNow("deletion-moved-on"), NotNow("deletion-answer-late"), NotNow("deletion-text-changed").
    """
    with db.atomic():
        ticket, row = _locked(ticket, by)
        standing = _look(row, by, ticket, now, language)
        if (
            standing.second is not None
            and standing.second.person_id == by.id
            and standing.second.role == "second"
            and row.state != "cancelled"
        ):
            return row
        if by.id == ticket.requester_id:
            raise NotAllowed("deletion-same-person")
        if not _has_right(by, ticket, standing.rule):
            raise NotAllowed("deletion-not-second")
        _expect(row, ticket, "confirmed")
        if row.answer_by is not None and now >= row.answer_by:
            raise NotNow("deletion-answer-late", number=ticket.number)
        _check_list(row, standing.people)
        if seen is not None and seen != standing.wording.text_hash:
            raise NotNow("deletion-text-changed", number=ticket.number)
        _second_confirmation(row, ticket, standing, "second", by, now)
    return row


def second_by_supervisor(ticket: Ticket, note: str, by: Viewer, now: datetime, *, language: str) -> Deletion:
    """A supervisor confirms after a call, where the organisation has nobody who could be the second person.

    Arguments: note, who was called, on which number, and what they said: kept, and read by the customer too.
    Raises Missing, NotAllowed("deletion-not-supervisor"), NotNow("deletion-moved-on"),
    NotNow("deletion-second-there") when somebody of the organisation can confirm, Invalid("call-note-needed").
    """
    note = note.strip()
    with db.atomic():
        ticket, row = _locked(ticket, by)
        standing = _look(row, by, ticket, now, language)
        if not _is_supervisor(by):
            raise NotAllowed("deletion-not-supervisor")
        if standing.second is not None and standing.second.person_id == by.id and row.state != "cancelled":
            return row
        _expect(row, ticket, "confirmed")
        if standing.asked:
            raise NotNow("deletion-second-there", names=[person.full_name for person in standing.asked])
        if not NOTE_MIN_CHARACTERS <= len(note) <= NOTE_MAX_CHARACTERS:
            raise Invalid(
                "call-note-needed", field="note", least=NOTE_MIN_CHARACTERS, most=NOTE_MAX_CHARACTERS
            )
        _check_list(row, standing.people)
        _second_confirmation(row, ticket, standing, "supervisor", by, now, call_note=note)
    return row


def _second_confirmation(
    row: Deletion, ticket: Ticket, standing: Standing, role: str, by: Viewer, now: datetime, **said: str
) -> None:
    """Keep the last confirmation and begin what comes after it, within the caller's transaction."""
    _agree(row, role, by, now, standing.wording, **said)
    _change(
        row, ticket, now, seconded_at=now, answer_by=None,
        **_after_last_confirmation(standing.procedure, now),
    )  # fmt: skip
    _say(
        ticket,
        "deletion:seconded",
        by,
        now,
        state=row.state,
        role=role,
        **said,
        **_proof(standing.wording),
        **_dates(row),
    )


def cancel(ticket: Ticket, by: Viewer, now: datetime, *, reason: str = "") -> Deletion:
    """One of the two people, or staff, cancels: possible until it is carried out (REQ-4). Nothing is deleted then.

    Arguments: reason, which staff must give: the customer reads it.
    Returns the row: as it is when it was cancelled before. Raises Missing, NotAllowed("deletion-cancel-not-yours"),
    NotNow("deletion-done") once it was carried out, Invalid("reason-needed").
    """
    reason = " ".join(reason.split())[:REASON_MAX_CHARACTERS]
    with db.atomic():
        ticket, row = _locked(ticket, by)
        standing = _look(row, by, ticket, now, "fr")
        quality = _cancels_as(by, ticket, standing)
        if row.state == "cancelled" and policies.can_see(by, ticket):
            return row
        if row.state == "carried_out":
            raise NotNow("deletion-done", number=ticket.number)
        if quality is None:
            raise NotAllowed("deletion-cancel-not-yours")
        if quality == "staff" and not reason:
            raise Invalid("reason-needed", field="reason")
        _cancel(row, ticket, by, now, quality, reason)
    return row


def carry_out(ticket: Ticket, by: Viewer, now: datetime) -> Deletion:
    """Staff say that it is done: only after the waiting period, and the request is resolved with it (REQ-4).

    Returns the row: as it is when it was carried out before. Raises Missing, NotAllowed("move-not-yours"),
    NotNow("deletion-too-early"), NotNow("deletion-moved-on"), NotNow("deletion-list-changed"), and
    NotNow("deletion-lapsed") when one of the confirmations no longer counts: that is written down, and the second
    person is asked again or the procedure is cancelled.
    """
    from domain import lifecycle

    with db.atomic():
        ticket, row = _locked(ticket, by)
        lifecycle.check_at_desk(ticket, by)
        if row.state == "carried_out":
            return row
        if row.state == "cancelled":
            raise NotNow("deletion-cancelled", number=ticket.number)
        if row.state == "waiting" and not _is_due(row, now):
            raise NotNow("deletion-too-early", number=ticket.number, due_at=row.due_at)
        _expect(row, ticket, "waiting", "ready")
        _check_list(row, named(ticket))
        lapsed = _lapse(row, ticket, now)
        if not lapsed:
            origin = ticket.status
            _change(row, ticket, now, state="carried_out", carried_out_at=now, carried_out_by=by.id)
            ticket = lifecycle.move(ticket, "resolved", by, now, quietly=True)
            hashes = [confirmation.text_hash for confirmation in _living(row)]
            _say(
                ticket,
                "deletion:carried_out",
                by,
                now,
                hashes=hashes,
                people_hash=row.people_hash,
                **{"from": origin, "to": ticket.status},
            )
    if lapsed:
        # Refused after the commit: what was found is kept, whoever tried.
        raise NotNow("deletion-lapsed", number=ticket.number)
    return row


def on_move(ticket: Ticket, target: str, by: Viewer | None, now: datetime) -> None:
    """What a move of the request does to its procedure; called by every verb that moves, inside its transaction.

    Closing cancels it. Raises NotNow("deletion-not-done") for a request that would be called solved while the
    procedure is neither carried out nor cancelled.
    """
    if target not in ("resolved", "closed", "expired") or not is_irreversible(ticket):
        return
    row = of_ticket(ticket)
    if row is None or row.state in OVER:
        return
    if target == "resolved":
        raise NotNow("deletion-not-done", number=ticket.number)
    _cancel(row, ticket, by, now, "closed")


# ---- The job -----------------------------------------------------------------------------------------


def sweep(now: datetime) -> int:
    """Bring forward what time brings forward: waits that are over, answers that did not come, rights that ended.

    Each procedure in its own transaction; one that fails does not stop the others. Returns how many changed.
    """
    under_way = [
        ticket_id
        for (ticket_id,) in Deletion.select(Deletion.ticket)
        .where(SQL(DELETION_UNDER_WAY))
        .order_by(Deletion.id)
        .tuples()
    ]
    done = 0
    for ticket_id in under_way:
        try:
            with db.atomic():
                done += _step(ticket_id, now)
        except Exception:
            log.exception("the procedure of request %s could not be brought forward", ticket_id)
    return done


def _step(ticket_id: int, now: datetime) -> int:
    from domain import lifecycle

    ticket = lifecycle.fresh(ticket_id)
    row = Deletion.get(Deletion.ticket == ticket_id)
    if row.state not in ("confirmed", "waiting", "ready"):
        return 0
    if _lapse(row, ticket, now):
        return 1
    if row.state == "confirmed" and row.answer_by is not None and row.answer_by <= now:
        _cancel(row, ticket, None, now, "no-answer")
        return 1
    if row.state == "waiting" and _is_due(row, now):
        _change(row, ticket, now, state="ready", ready_at=now)
        _say(ticket, "deletion:ready", None, now, state="ready")
        return 1
    return 0


def _lapse(row: Deletion, ticket: Ticket, now: datetime) -> bool:
    """See whether those who confirmed still have the right to; True when one has lost it and that was written down.

    Without its requester the procedure is cancelled: nobody else can stand for that confirmation. Without its second
    person it is asked again, and the waiting period will start anew. A supervisor's call stays what it was.
    """
    by_role = {confirmation.role: confirmation for confirmation in _living(row)}
    first = by_role.get("requester")
    if first is not None:
        viewer = policies.load_viewer(first.person_id)
        if viewer is None or not _is_first(viewer, ticket):
            _cancel(row, ticket, None, now, "requester-left")
            return True
    held = by_role.get("second")
    if held is None:
        return False
    viewer = policies.load_viewer(held.person_id)
    if viewer is not None and _has_right(viewer, ticket, row.second_rule):
        return False
    DeletionConfirmation.update(void_at=now).where(DeletionConfirmation.id == held.id).execute()
    asked = eligible(ticket, row.second_rule)
    _change(
        row,
        ticket,
        now,
        state="confirmed",
        seconded_at=None,
        due_at=None,
        ready_at=None,
        answer_by=_answer_by(now) if asked else None,
    )
    _say(
        ticket,
        "deletion:lapsed",
        None,
        now,
        state="confirmed",
        person_id=held.person_id,
        asks="person" if asked else "call",
        asked=[person.id for person in asked],
        **_dates(row),
    )
    return True


# ---- Pieces of the verbs -----------------------------------------------------------------------------


def _locked(ticket: Ticket, by: Viewer) -> tuple[Ticket, Deletion]:
    """The request, locked, and its procedure. Raises Missing for one that this person may not know of."""
    from domain import lifecycle

    ticket = lifecycle.fresh(ticket.id)
    row = of_ticket(ticket)
    if row is None or not policies.can_see(by, ticket):
        raise Missing()
    return ticket, row


def _expect(row: Deletion, ticket: Ticket, *states: str) -> None:
    if row.state not in states:
        raise NotNow("deletion-moved-on", number=ticket.number, state=row.state)


def _check_list(row: Deletion, people: list[NamedPerson]) -> None:
    """Refuse a list of people that is not the one that was sent. Raises NotNow("deletion-list-changed")."""
    if people_hash(people) != row.people_hash:
        raise NotNow("deletion-list-changed")


def _rule_now(procedure: Procedure) -> str:
    return str(settings.get("deletion_second")) if procedure.has_second else "none"


def _answer_by(now: datetime) -> datetime:
    from domain import closing

    return closing.book().default_calendar.after_working_days(now, settings.get("deletion_answer_days"))


def _after_last_confirmation(procedure: Procedure, now: datetime) -> dict[str, Any]:
    if procedure.waits:
        return {"state": "waiting", "due_at": now + timedelta(hours=settings.get("deletion_wait_hours"))}
    return {"state": "ready", "due_at": now, "ready_at": now}


def _agree(row: Deletion, role: str, by: Viewer, now: datetime, words: Wording, **more: Any) -> None:
    DeletionConfirmation.create(
        deletion=row.id,
        role=role,
        person=by.id,
        given_at=now,
        wording_version=words.version,
        language=words.language,
        text=words.text,
        text_hash=words.text_hash,
        **more,
    )


def _proof(words: Wording) -> dict[str, Any]:
    return {"wording": words.version, "language": words.language, "hash": words.text_hash}


def _dates(row: Deletion) -> dict[str, str]:
    dates = {"due_at": row.due_at, "answer_by": row.answer_by}
    return {name: moment.isoformat() for name, moment in dates.items() if moment is not None}


def _change(row: Deletion, ticket: Ticket, now: datetime, **changes: Any) -> None:
    """Take a step if nobody was first: the row must still be as it was read. Raises NotNow("deletion-moved-on")."""
    target = changes.get("state", row.state)
    if target != row.state and target not in STEPS[row.state]:
        raise NotNow("deletion-moved-on", number=ticket.number, state=row.state)
    done = (
        Deletion.update(**changes, version=Deletion.version + 1)
        .where((Deletion.id == row.id) & (Deletion.state == row.state) & (Deletion.version == row.version))
        .execute()
    )
    if not done:
        raise NotNow("deletion-moved-on", number=ticket.number, state=row.state)
    for name, value in changes.items():
        setattr(row, name, value)
    row.version += 1


def _cancel(
    row: Deletion, ticket: Ticket, by: Viewer | None, now: datetime, reason: str, note: str = ""
) -> None:
    state = row.state
    asked = asked_people(ticket)
    _change(
        row,
        ticket,
        now,
        state="cancelled",
        cancelled_at=now,
        cancelled_by=by.id if by else None,
        cancel_reason=reason,
        cancel_note=note,
    )
    _say(ticket, "deletion:cancelled", by, now, reason=reason, note=note, was=state, asked=asked)


def _say(ticket: Ticket, kind: str, by: Viewer | None, now: datetime, **data: Any) -> None:
    """The event of a step, in the history that the customer reads, and its mails."""
    from domain import audit, notifications

    event = audit.record_event(ticket, kind, by, now, **data)
    notifications.tell(event, ticket, now, by)


def asked_people(ticket: Ticket) -> list[int]:
    """The keys of those who could confirm as the second person now: whom the mails ask."""
    row = of_ticket(ticket)
    if row is None or row.state != "confirmed":
        return []
    return [viewer.id for viewer in eligible(ticket, row.second_rule)]


def both_people(ticket: Ticket) -> list[int]:
    """The keys of the requester and of the second person, the supervisor left out."""
    row = of_ticket(ticket)
    found = [ticket.requester_id]
    if row is not None:
        found += [held.person_id for held in _living(row) if held.role == "second"]
    return found
