"""What people write on a request: public replies, internal notes, copies. Moves that go with a reply are here too."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from domain import audit, closing, drafts, lifecycle, notifications, policies, search, statements
from domain.refusals import Invalid, Missing, NotAllowed, NotNow
from models import Membership, Message, Participant, Person, Ticket, db

if TYPE_CHECKING:
    from domain.policies import Viewer

BODY_MAX_CHARACTERS = 20_000


def _body(body: str, has_files: bool) -> str:
    body = body.strip()
    if not body and not has_files:
        raise Invalid("body-empty", field="body")
    if len(body) > BODY_MAX_CHARACTERS:
        raise Invalid("body-too-long", field="body", limit=BODY_MAX_CHARACTERS)
    return body


def _same_message(idempotency_key: str, ticket: Ticket, by: Viewer, kind: str, body: str) -> Message | None:
    """The message already written with this key: the very same one, a second click; else a refusal.

    Other words under the same key come from a page that the browser went back to: taking them for a second click
    would lose them without a word (REQ-16).
    """
    message = Message.get_or_none(Message.idempotency_key == idempotency_key)
    if message is not None and (message.ticket_id, message.author_id, message.kind, message.body) != (
        ticket.id,
        by.id,
        kind,
        body,
    ):
        raise NotNow("key-reused", number=ticket.number)
    return message


def reply(
    ticket: Ticket,
    body: str,
    by: Viewer,
    now: datetime,
    *,
    idempotency_key: str,
    attachment_keys: Sequence[str] = (),
    move_to: str | None = None,
    seen: int | None = None,
    via: str = "page",
    works: bool = False,
    environment: str = "",
) -> Message:
    """Write on the thread that the customer reads (LIFE-3, LIFE-4, LIFE-5, LIFE-7).

    A customer's answer puts a waiting or resolved request back to work. An agent's answer takes an unassigned
    request, and may move it in the same step (`move_to`: waiting_customer to ask, resolved to solve).
    Arguments: body, Markdown as typed; by, who; now, aware UTC; idempotency_key, one for each form shown;
    attachment_keys, pending files of the same person; seen, the version an agent was looking at; works, the words
    go with "it works": after a solution they close instead of reopening, and of a test they say that it went well;
    environment, in which the customer is to test (move_to customer_testing).
    Returns the message; the first one again when the key was already used for it.
    Raises Invalid("body-empty"), Missing, NotAllowed, NotNow("ticket-closed") or NotNow("ticket-merged") once it takes
    no word any more,
    NotNow("key-reused") for a key that was used with other words.
    """
    from domain import deletion, files

    body = _body(body, bool(attachment_keys))
    with db.atomic():
        ticket = lifecycle.fresh(ticket.id)
        if not policies.can_see(by, ticket):
            raise Missing()
        again = _same_message(idempotency_key, ticket, by, "reply", body)
        if again is not None:
            return again
        if ticket.status in lifecycle.CLOSED_TO_ANSWERS:
            raise policies.over(by, ticket)
        if not policies.may_answer(by, ticket):
            raise NotAllowed("reply-not-yours")
        if by.is_staff:
            lifecycle.check_version(ticket, seen)
        side = "team" if by.is_staff else "customer"
        message = Message.create(
            ticket=ticket.id,
            kind="reply",
            author=by.id,
            side=side,
            body=body,
            via=via,
            created_at=now,
            idempotency_key=idempotency_key,
        )
        files.claim(attachment_keys, ticket, message, by)
        drafts.sent(idempotency_key, by)
        origin, environment_before = ticket.status, ticket.test_environment
        target = _target_after_reply(ticket, by, move_to)
        if works and origin != "customer_testing":
            target = "closed"
        # The silence clock starts anew, and so do the reminders (LIFE-14).
        changes: dict[str, object] = {
            "last_message_at": now,
            "last_message_side": side,
            **lifecycle.CLOCK_ANEW,
        }
        if side == "team":
            if ticket.first_response_at is None:
                changes["first_response_at"] = now
            if ticket.assignee_id is None and origin != "expired":
                changes["assignee"] = by.id
        if target != origin:
            if not lifecycle.may_move(origin, target, "staff" if by.is_staff else "customer"):
                raise NotNow("move-refused", origin=origin, target=target, number=ticket.number)
            deletion.on_move(ticket, target, by, now)
            changes |= lifecycle.status_changes(ticket, target, now, environment=environment)
            if target == "closed":
                changes["close_reason"] = "staff" if by.is_staff else "customer"
        lifecycle.claim(ticket, now, **changes)
        closing.reschedule(ticket, now)
        search.index_ticket(ticket.id)
        data = {"message_id": message.id, "side": side, "from": origin, "to": target}
        if target != origin:
            data |= lifecycle.told_with(ticket)
        if "assignee" in changes:
            # The answer took the request: the history must tell who had it when.
            data["took"] = True
        # One event and one mail say both: the words and the move that came with them.
        kind = "ticket:replied"
        if target != origin:
            if target == "resolved":
                kind = "ticket:resolved"
            elif target == "closed":
                kind, data = "ticket:closed", {**data, "reason": changes["close_reason"]}
                if works:
                    data["works"] = True
            elif origin == "resolved":
                kind = "ticket:reopened"
            elif works:
                kind, data = "ticket:tested", {**data, "works": True, "environment": environment_before}
        event = audit.record_event(ticket, kind, by, now, **data)
        notifications.tell(event, ticket, now, by)
    return message


def _sent_before(ticket: Ticket, idempotency_key: str) -> bool:
    return (
        Message.select()
        .where((Message.idempotency_key == idempotency_key) & (Message.ticket == ticket.id))
        .exists()
    )


def _to_answer(ticket: Ticket, by: Viewer, idempotency_key: str, code: str) -> tuple[Ticket, bool]:
    """The row as it is now, and whether these words were sent before: then nothing is asked of them again.

    Arguments: idempotency_key, empty for an act without words. Raises Missing, and NotAllowed(code) for somebody who
    may not answer.
    """
    ticket = lifecycle.fresh(ticket.id)
    if not policies.can_see(by, ticket):
        raise Missing()
    repeated = bool(idempotency_key) and _sent_before(ticket, idempotency_key)
    if not (repeated or policies.may_answer(by, ticket)):
        raise NotAllowed(code)
    return ticket, repeated


def check_resolved(ticket: Ticket, by: Viewer) -> None:
    """Refuse a verdict on what is not awaiting one.

    Raises NotNow("ticket-closed"), NotNow("ticket-merged") or NotNow("not-resolved").
    """
    if ticket.status in ("closed", "expired"):
        raise policies.over(by, ticket)
    if ticket.status != "resolved":
        raise NotNow("not-resolved", number=ticket.number)


def works(ticket: Ticket, by: Viewer, now: datetime, *, body: str = "", idempotency_key: str = "") -> Ticket:
    """The customer says that the solution works: the request closes, and a "thank you" does not reopen it (LIFE-17).

    Arguments: body, words for the team, may be empty; by, who; now, aware UTC; idempotency_key, needed with words.
    Returns the row. Raises Missing, NotAllowed, NotNow("ticket-closed"), NotNow("not-resolved"), Invalid.
    """
    with db.atomic():
        key = idempotency_key if body.strip() else ""
        ticket, repeated = _to_answer(ticket, by, key, "move-not-yours")
        if not repeated:
            check_resolved(ticket, by)
        if body.strip():
            reply(ticket, body, by, now, idempotency_key=idempotency_key, works=True)
            return lifecycle.fresh(ticket.id)
        return lifecycle.move(ticket, "closed", by, now, works=True)


def check_testing(ticket: Ticket, by: Viewer) -> None:
    """Refuse the result of a test that is not awaited.

    Raises NotNow("ticket-closed"), NotNow("ticket-merged") or NotNow("not-testing").
    """
    if ticket.status in ("closed", "expired"):
        raise policies.over(by, ticket)
    if ticket.status != "customer_testing":
        raise NotNow("not-testing", number=ticket.number)


def tested(ticket: Ticket, by: Viewer, now: datetime, *, body: str = "", idempotency_key: str = "") -> Ticket:
    """The customer has tested the change, and it works: the request is back with the team, which is told (LIFE-7).

    It is not solved by that: the change has still to be put where everybody works, and the team says so.
    Arguments: body, words for the team, may be empty; by, who; now, aware UTC; idempotency_key, needed with words.
    Returns the row. Raises Missing, NotAllowed, NotNow("ticket-closed"), NotNow("ticket-merged"),
    NotNow("not-testing"), Invalid.
    """
    with db.atomic():
        key = idempotency_key if body.strip() else ""
        ticket, repeated = _to_answer(ticket, by, key, "move-not-yours")
        if not repeated:
            check_testing(ticket, by)
        if body.strip():
            # Whoever of the desk says so with words has it: it does not wait for an agent.
            move_to = "in_progress" if by.is_staff else None
            reply(ticket, body, by, now, idempotency_key=idempotency_key, works=True, move_to=move_to)
            return lifecycle.fresh(ticket.id)
        return lifecycle.move(ticket, lifecycle.reopen_target(ticket), by, now, works=True)


def reopen(ticket: Ticket, body: str, by: Viewer, now: datetime, *, idempotency_key: str) -> Message:
    """The solution does not work: say what, and the request is back at work (LIFE-8, LIFE-17).

    Arguments: body, what does not work; the others as in reply(). Returns the message.
    Raises Missing, NotAllowed, NotNow("ticket-closed"), NotNow("not-resolved"), Invalid("body-empty").
    """
    body = _body(body, False)
    with db.atomic():
        ticket, repeated = _to_answer(ticket, by, idempotency_key, "reply-not-yours")
        if not repeated:
            check_resolved(ticket, by)
        # Whoever of the desk takes it up again has it: it does not wait for an agent.
        move_to = "in_progress" if by.is_staff else None
        return reply(ticket, body, by, now, idempotency_key=idempotency_key, move_to=move_to)


def _target_after_reply(ticket: Ticket, by: Viewer, move_to: str | None) -> str:
    """The status after an answer: LIFE-4 and LIFE-5 for a customer, the agent's choice for an agent."""
    if not by.is_staff:
        if ticket.status in lifecycle.AWAITING_CUSTOMER:
            return lifecycle.reopen_target(ticket)
        return ticket.status
    if move_to:
        if move_to not in lifecycle.STATUSES:
            raise Invalid("status-unknown", field="status")
        return move_to
    if ticket.status in ("registered", "qualified"):
        # An agent who answers has taken it.
        return "in_progress"
    return ticket.status


def note(
    ticket: Ticket,
    body: str,
    by: Viewer,
    now: datetime,
    *,
    idempotency_key: str,
    attachment_keys: Sequence[str] = (),
) -> Message:
    """Write an internal note: no customer ever sees it, and the silence clock does not move (LIFE-14).

    Returns the message. Raises NotAllowed for anybody who is not at the desk.
    """
    from domain import files

    body = _body(body, bool(attachment_keys))
    with db.atomic():
        ticket = lifecycle.fresh(ticket.id)
        if not policies.can_see(by, ticket):
            raise Missing()
        if not policies.can_note(by, ticket):
            raise NotAllowed("note-not-yours")
        again = _same_message(idempotency_key, ticket, by, "note", body)
        if again is not None:
            return again
        message = Message.create(
            ticket=ticket.id,
            kind="note",
            author=by.id,
            side="team",
            body=body,
            created_at=now,
            idempotency_key=idempotency_key,
        )
        files.claim(attachment_keys, ticket, message, by, internal=True)
        drafts.sent(idempotency_key, by)
        search.index_ticket(ticket.id)
        event = audit.record_event(ticket, "ticket:noted", by, now, public=False, message_id=message.id)
        notifications.tell(event, ticket, now, by)
    return message


def normal_address(address: str) -> str:
    """An e-mail address as it is compared: checked for form, lower case. Raises Invalid("address-bad")."""
    from email_validator import EmailNotValidError, validate_email

    try:
        return validate_email(address.strip(), check_deliverability=False).normalized.lower()
    except EmailNotValidError:
        raise Invalid("address-bad", field="cc", address=address[:120]) from None


def check_cc(address: str, organisation_id: int, by: Viewer, *, partner_id: int | None = None) -> str:
    """Whether `by` may put this address in CC of a request of this organisation (VIEW-5).

    Customers choose among the organisation's members and its mail domains; agents choose anybody.
    Arguments: partner_id, the partner that opened the request, whose members may be chosen too (ACC-18).
    Returns the normal form of the address. Raises Invalid("address-bad") or Invalid("cc-outside").
    """
    from models import Membership, Organisation

    email = normal_address(address)
    if by.is_agent:
        return email
    organisation = Organisation.get_by_id(organisation_id)
    if email.rpartition("@")[2] in {str(domain).lower() for domain in organisation.domains}:
        return email
    member = (
        Membership.select()
        .join(Person, on=(Membership.person == Person.id))
        .where(
            Membership.organisation.in_([organisation_id, partner_id or organisation_id])
            & Membership.removed_at.is_null()
            & (Person.email == email)
            & (Person.is_active == True)  # noqa: E712
        )
        .exists()
    )
    if not member:
        raise Invalid("cc-outside", field="cc", address=email)
    return email


def put_in_cc(
    ticket: Ticket, email: str, by: Viewer, now: datetime, *, role: str = "cc"
) -> Participant | None:
    """Add an address to a request within the caller's transaction; None when it was there already."""
    person = Person.get_or_none(Person.email == email)
    if person is not None and person.id == ticket.requester_id:
        return None
    exists = Participant.get_or_none(
        (Participant.ticket == ticket.id) & (Participant.email == email) & (Participant.role == role)
    )
    if exists is not None:
        return None
    return Participant.create(
        ticket=ticket.id,
        person=person.id if person is not None and _is_known(person) else None,
        email=email,
        role=role,
        added_by=by.id,
        added_at=now,
    )


def _is_known(person: Person) -> bool:
    """False for a registration whose address is not proven yet: its name is what anybody may have typed."""
    return (
        person.email_verified_at is not None
        or person.staff_role is not None
        or Membership.select().where(Membership.person == person.id).exists()
    )


def add_cc(ticket: Ticket, address: str, by: Viewer, now: datetime) -> Participant | None:
    """Put somebody in CC: they are told, get every answer, and read the thread if the account is theirs (VIEW-5).

    Returns the row, or None when the address was there already. Raises Invalid, NotAllowed, Missing.
    """
    with db.atomic():
        ticket = lifecycle.fresh(ticket.id)
        if not policies.can_see(by, ticket):
            raise Missing()
        if not policies.can_change_cc(by, ticket):
            raise NotAllowed("cc-not-yours")
        email = check_cc(address, ticket.organisation_id, by, partner_id=policies.partner_of(ticket, now))
        participant = put_in_cc(ticket, email, by, now)
        if participant is None:
            return None
        search.index_ticket(ticket.id)
        event = audit.record_event(
            ticket, "ticket:cc_added", by, now, person_id=participant.person_id, email=email
        )
        notifications.tell(event, ticket, now, by)
    return participant


def remove_cc(ticket: Ticket, participant_id: int, by: Viewer, now: datetime) -> None:
    """Take somebody out of CC; it counts at their next request. Anybody may take themselves out."""
    with db.atomic():
        ticket = lifecycle.fresh(ticket.id)
        if not policies.can_see(by, ticket):
            raise Missing()
        participant = Participant.get_or_none(
            (Participant.id == participant_id)
            & (Participant.ticket == ticket.id)
            & (Participant.role.in_(("cc", "collaborator")))
        )
        if participant is None:
            raise Missing()
        if participant.person_id != by.id and not policies.can_change_cc(by, ticket):
            raise NotAllowed("cc-not-yours")
        participant.delete_instance()
        search.index_ticket(ticket.id)
        audit.record_event(
            ticket, "ticket:cc_removed", by, now, person_id=participant.person_id, email=participant.email
        )


def leave_copy(copy: Participant, now: datetime) -> None:
    """An address without account takes itself out of copy, by the link of a mail (VIEW-15): nobody is signed in.

    Doing it again changes nothing.
    """
    with db.atomic():
        ticket = lifecycle.fresh(copy.ticket_id)
        gone = Participant.delete().where((Participant.id == copy.id) & (Participant.role == "cc")).execute()
        if gone:
            search.index_ticket(ticket.id)
            audit.record_event(
                ticket, "ticket:cc_removed", None, now, person_id=copy.person_id, email=copy.email, left=True
            )


def collaborate(ticket: Ticket, by: Viewer, now: datetime) -> Participant | None:
    """A colleague joins a request of the organisation, and gets its news from then on (VIEW-6)."""
    with db.atomic():
        ticket = lifecycle.fresh(ticket.id)
        if not policies.can_see(by, ticket):
            raise Missing()
        rights = policies.rights_on(by, ticket)
        if rights is None or not policies.completes_all(rights) or by.id == ticket.requester_id:
            raise NotAllowed("collaborate-not-yours")
        if ticket.status in ("closed", "expired"):
            raise NotNow("ticket-closed", number=ticket.number)
        participant = put_in_cc(ticket, by.email, by, now, role="collaborator")
        if participant is not None:
            search.index_ticket(ticket.id)
            event = audit.record_event(ticket, "ticket:collaborator_added", by, now, person_id=by.id)
            notifications.tell(event, ticket, now, by)
    return participant


def adopt_copies(person_id: int, email: str) -> int:
    """Link the copies that wait for this address to its account: made by staff, attached, or just proven (VIEW-5).

    Not before: the name of a mere registration would show in requests of others, under an address that may be
    somebody else's. What they open is decided by policies.py. Within the caller's transaction. Returns how many.
    """
    waiting = Participant.person.is_null() & (Participant.email == email)
    this = "this address"
    found = statements.tuples(
        "conversation.waiting_copies",
        lambda: Participant.select(Participant.ticket).where(
            Participant.person.is_null() & (Participant.email == this)
        ),
        {this: email},
    )
    tickets = [row[0] for row in found]
    if tickets:
        Participant.update(person=person_id).where(waiting).execute()
        for ticket_id in set(tickets):
            search.index_ticket(ticket_id)
    return len(tickets)


def leave_organisation(person_id: int, organisation_id: int, by: Viewer | None, now: datetime) -> int:
    """Take somebody out of every request of an organisation where they are in CC, collaborator or reader.

    Called when they are removed from it: access ends at once (ACC-3). Each request's history says so. Within
    the caller's transaction. Returns how many requests.
    """
    rows = list(
        Participant.select(Participant)
        .join(Ticket, on=(Participant.ticket == Ticket.id))
        .where((Participant.person == person_id) & (Ticket.organisation == organisation_id))
        .order_by(Participant.ticket, Participant.id)
    )
    for ticket_id in dict.fromkeys(row.ticket_id for row in rows):
        ticket = lifecycle.fresh(ticket_id)
        email = next(row.email for row in rows if row.ticket_id == ticket_id)
        Participant.delete().where(
            (Participant.ticket == ticket_id) & (Participant.person == person_id)
        ).execute()
        search.index_ticket(ticket_id)
        audit.record_event(ticket, "ticket:cc_removed", by, now, person_id=person_id, email=email)
    return len({row.ticket_id for row in rows})
