"""Who hears about what."""

import pytest

from domain import audit, closing, conversation, lifecycle, mail_log, notifications
from models import OutboxMessage, Participant, Person, StatusLabel, TeamMember
from tests.support.correspondence import NOW, clear_outbox, counter, told  # noqa: F401


def test_every_kind_of_event_has_a_row_in_the_table():
    assert set(notifications.RECIPIENTS) >= set(audit.EVENT_KINDS)


def test_every_rule_names_somebody_a_moment_and_a_mail_that_exist():
    import mailer

    for kind, rules in notifications.RECIPIENTS.items():
        for rule in rules:
            assert rule.who in notifications.WHO, kind
            assert rule.when in notifications.WHEN, kind
            assert rule.template in mailer.MAILS, kind


def test_a_new_request_is_confirmed_to_its_requester_and_announced_to_the_team(counter):
    counter.request()
    assert told() == {("request-received", "alice"), ("team-new", "sam"), ("team-new", "ines")}


def test_those_in_copy_of_a_new_request_get_the_confirmation_too(counter):
    ticket = counter.request(cc=["bob@acme.example", "paie@acme.example"])
    assert told("request-received", ticket) == {
        ("request-received", "alice"), ("request-received", "bob"), ("request-received", "paie"),
    }  # fmt: skip


def test_a_request_opened_for_a_colleague_is_confirmed_to_the_colleague(counter):
    counter.request(by="bob", requester_id=counter.alice.id)
    assert told("request-received") == {("request-received", "alice")}


def test_a_team_without_anybody_leaves_a_new_request_to_the_supervisors(counter):
    TeamMember.delete().execute()
    counter.request()
    assert told("team-new") == {("team-new", "vera")}


def test_a_disabled_member_of_the_team_is_not_written_to(counter):
    Person.update(is_active=False).where(Person.id == counter.ines.id).execute()
    counter.request()
    assert told("team-new") == {("team-new", "sam")}


def test_an_answer_of_the_team_goes_to_the_customers_and_never_back_to_its_author(counter):
    ticket = counter.request(cc=["bob@acme.example"])
    clear_outbox()
    counter.reply(ticket, "sam")
    assert told() == {("reply", "alice"), ("reply", "bob")}


def test_an_answer_that_asks_a_question_is_one_mail_and_not_two(counter):
    ticket = counter.request()
    clear_outbox()
    counter.reply(ticket, "sam", move_to="waiting_customer")
    assert told() == {("reply", "alice")}


def test_a_solution_is_one_mail_that_carries_the_answer(counter):
    ticket = counter.request()
    clear_outbox()
    counter.reply(ticket, "sam", move_to="resolved")
    assert told() == {("reply", "alice")}


def test_an_answer_of_the_customer_goes_to_the_agent_in_charge(counter):
    ticket = counter.request()
    counter.reply(ticket, "sam")
    clear_outbox()
    counter.reply(ticket, "alice")
    assert told() == {("team-reply", "sam")}


def test_an_answer_of_the_customer_to_an_unassigned_request_goes_to_the_whole_team(counter):
    ticket = counter.request()
    clear_outbox()
    counter.reply(ticket, "alice")
    assert told() == {("team-reply", "sam"), ("team-reply", "ines")}


def test_an_answer_that_reopens_reaches_the_agent_in_charge(counter):
    ticket = counter.request()
    counter.reply(ticket, "sam", move_to="resolved")
    clear_outbox()
    counter.reply(ticket, "alice", "Le fichier est encore refusé.")
    assert told() == {("team-reply", "sam")}


def test_the_requester_hears_of_what_a_colleague_adds(counter):
    ticket = counter.request()
    clear_outbox()
    counter.reply(ticket, "bob", "Une précision.")
    assert ("reply", "alice") in told()
    assert "bob" not in {who for _template, who in told()}


def test_nobody_hears_of_an_internal_note(counter):
    ticket = counter.request(cc=["bob@acme.example"])
    clear_outbox()
    conversation.note(ticket, "Entre nous.", counter.viewer("sam"), NOW, idempotency_key=counter.key())
    assert told() == set()


def test_an_agent_hears_of_a_request_given_by_a_colleague_but_not_of_one_taken(counter):
    ticket = counter.request()
    clear_outbox()
    lifecycle.assign(ticket, counter.ines.id, counter.viewer("sam"), NOW)
    assert ("team-assigned", "ines") in told()
    other = counter.request()
    clear_outbox()
    lifecycle.take(other, counter.viewer("sam"), NOW)
    assert not told("team-assigned")


def test_customers_hear_of_each_change_of_status(counter):
    ticket = counter.request(cc=["bob@acme.example"])
    clear_outbox()
    lifecycle.take(ticket, counter.viewer("sam"), NOW)
    assert told() == {("status-changed", "alice"), ("status-changed", "bob")}
    clear_outbox()
    lifecycle.move(ticket, "waiting_engineering", counter.viewer("sam"), NOW)
    assert told() == {("status-changed", "alice"), ("status-changed", "bob")}


def test_a_move_between_two_statuses_with_the_same_words_is_not_told(counter):
    words = {"customer_fr": "En cours", "customer_en": "In progress"}
    StatusLabel.update(words).where(StatusLabel.status.in_(("in_progress", "escalated_l2"))).execute()
    ticket = counter.request()
    lifecycle.take(ticket, counter.viewer("sam"), NOW)
    clear_outbox()
    lifecycle.move(ticket, "escalated_l2", counter.viewer("sam"), NOW)
    assert told() == set()


def test_an_untested_change_to_undo_is_told_to_the_agent_in_charge(counter):
    ticket = counter.request()
    counter.reply(ticket, "sam", move_to="customer_testing")
    clear_outbox()
    late = NOW.replace(month=12)
    assert closing.sweep(late) == 1
    assert told() == {("status-changed", "alice"), ("status-changed", "sam")}


def test_a_silent_request_is_reminded_then_closed_with_one_mail_each(counter):
    ticket = counter.request()
    counter.reply(ticket, "sam", move_to="waiting_customer")
    clear_outbox()
    closing.sweep(NOW.replace(day=21))
    assert told() == {("reminder", "alice")}
    clear_outbox()
    closing.sweep(NOW.replace(day=26))
    assert told() == {("reminder", "alice")}
    clear_outbox()
    closing.sweep(NOW.replace(month=12, day=1))
    assert told() == {("closed", "alice")}


def test_a_customer_who_closes_is_not_told_but_the_others_are(counter):
    ticket = counter.request(cc=["bob@acme.example"])
    lifecycle.take(ticket, counter.viewer("sam"), NOW)
    clear_outbox()
    lifecycle.close(ticket, counter.viewer("alice"), NOW)
    assert told() == {("closed", "bob"), ("closed", "sam")}


def test_only_the_person_put_in_copy_is_told_of_it(counter):
    ticket = counter.request()
    clear_outbox()
    conversation.add_cc(ticket, "bob@acme.example", counter.viewer("alice"), NOW)
    conversation.add_cc(ticket, "paie@acme.example", counter.viewer("alice"), NOW)
    assert told() == {("cc-added", "bob"), ("cc-added", "paie")}


def test_a_lower_priority_is_told_to_the_customers(counter):
    ticket = counter.request()
    clear_outbox()
    lifecycle.set_priority(ticket, "4", counter.viewer("sam"), NOW, reason="Un contournement existe.")
    assert told() == {("priority-lowered", "alice")}
    clear_outbox()
    lifecycle.set_priority(ticket, "1", counter.viewer("sam"), NOW)
    assert told() == set()


def test_an_answer_that_came_too_late_is_told_to_its_author(counter):
    ticket = counter.request()
    clear_outbox()
    alice = counter.viewer("alice")
    event = audit.record_event(ticket, "ticket:reply_refused", alice, NOW)
    notifications.tell(event, ticket, NOW, alice)
    assert told() == {("reply-refused", "alice")}


def test_a_request_handed_to_another_team_is_announced_there(counter):
    from models import Team

    other = Team.get(Team.slug == "billing")
    TeamMember.delete().where((TeamMember.team == other.id) & (TeamMember.person == counter.sam.id)).execute()
    ticket = counter.request()
    clear_outbox()
    lifecycle.set_team(ticket, other.id, counter.viewer("sam"), NOW)
    assert told() == {("team-new", "ines")}


def test_customers_hear_nothing_of_an_internal_event(counter):
    ticket = counter.request(cc=["bob@acme.example"])
    clear_outbox()
    event = audit.record_event(
        ticket,
        "ticket:moved",
        counter.viewer("sam"),
        NOW,
        public=False,
        **{"from": "registered", "to": "blocked"},
    )
    notifications.tell(event, ticket, NOW, counter.viewer("sam"))
    assert told() == set()


def test_a_named_reader_reads_the_page_and_gets_no_mail(counter):
    ticket = counter.request(audience="people", audience_people=[counter.dana.id])
    assert Participant.get(Participant.ticket == ticket.id).role == "reader"
    assert "dana" not in {who for _template, who in told()}


def test_telling_twice_writes_nothing_more(counter):
    from models import TicketEvent

    ticket = counter.request(cc=["paie@acme.example"])
    before = {(row.id, row.message_id) for row in OutboxMessage.select()}
    event = TicketEvent.get(TicketEvent.ticket == ticket.id)
    assert notifications.tell(event, ticket, NOW, counter.viewer("alice")) == 0
    assert {(row.id, row.message_id) for row in OutboxMessage.select()} == before


def test_an_unknown_kind_of_event_is_refused(counter):
    ticket = counter.request()
    from models import TicketEvent

    event = TicketEvent.get(TicketEvent.ticket == ticket.id)
    event.kind = "ticket:sneezed"
    with pytest.raises(KeyError):
        notifications.tell(event, ticket, NOW, None)


def test_mails_are_written_with_the_event_or_not_at_all(counter):
    from models import Ticket, db

    class Stop(Exception):
        pass

    with pytest.raises(Stop), db.atomic():
        counter.request()
        assert OutboxMessage.select().count() == 3
        raise Stop
    assert OutboxMessage.select().count() == 0
    assert Ticket.select().count() == 0


def test_a_row_holds_keys_and_no_words(counter):
    counter.request("Un sujet reconnaissable")
    for row in OutboxMessage.select():
        assert set(row.context) <= {"event_id", "message_id"}
        assert all(isinstance(value, int) for value in row.context.values())


def test_a_mail_outside_requests_goes_to_a_person_or_an_address(database):
    assert notifications.enqueue(
        "account-exists", source="account:1:exists", now=NOW, email="New@Acme.example"
    )
    assert not notifications.enqueue(
        "account-exists", source="account:1:exists", now=NOW, email="new@acme.example"
    )
    row = OutboxMessage.get()
    assert (row.recipient, row.person_id, row.language, row.next_try_at) == (
        "new@acme.example",
        None,
        "fr",
        None,
    )
    with pytest.raises(ValueError):
        notifications.enqueue("account-exists", source="account:2:exists", now=NOW)


def test_the_log_of_a_request_says_who_was_told_what(counter):
    ticket = counter.request(cc=["paie@acme.example"])
    log = mail_log.entries(counter.viewer("sam"), ticket)[::-1]
    assert [(entry.template, entry.name, entry.state) for entry in log][:2] == [
        ("request-received", "Alice Martin", "waiting"),
        ("request-received", "paie@acme.example", "waiting"),
    ]
