"""More time before a request closes by itself, a limited number of times (LIFE-15); "it works" and its thanks (LIFE-17)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from domain import closing, conversation, lifecycle, settings
from domain.refusals import Invalid, Missing, NotAllowed, NotNow
from models import ClosingRule, Message, Ticket
from tests.support.casework import (
    again,
    answer,
    faults,
    forget_mails,
    history,
    key,
    last_event,
    mails,
    person,
    put_in,
    see,
    send,
    together,
)
from tests.test_closing import FRIDAY, asked, end_of, quiet_demo, solved  # noqa: F401


def keep(ticket: Ticket, who: Any, now: datetime = FRIDAY, **more: Any) -> Ticket:
    return closing.keep_open(ticket, see(who), now, **more)


# ---- The date moves ------------------------------------------------------------------------------------


def test_five_working_days_are_added_to_a_solution_and_five_days_to_a_question(world: Any) -> None:
    solution, question = solved(world), asked(world)
    assert solution.closes_at == end_of("2026-11-18")
    assert keep(solution, world.alice).closes_at == end_of("2026-11-25")
    assert question.closes_at == end_of("2026-11-26")
    kept = keep(question, world.alice)
    assert kept.closes_at == end_of("2026-12-01")
    assert kept.act_at == end_of("2026-11-21"), "the first reminder moves along"


def test_what_is_shown_and_announced_is_what_the_sweep_does(world: Any) -> None:
    ticket = solved(world)
    announced = closing.kept_open_until(ticket, FRIDAY)
    ticket = keep(ticket, world.alice)
    assert closing.last_day(ticket) == announced
    assert closing.explain(ticket).last_day == announced
    assert closing.explain(ticket).extension_days == 5
    assert closing.explain(ticket).count == 12
    closing.sweep(end_of("2026-11-25") - timedelta(minutes=1))
    assert again(ticket).status == "resolved"
    closing.sweep(end_of("2026-11-25") + timedelta(minutes=1))
    assert again(ticket).status == "closed"


def test_twice_and_no_more(world: Any) -> None:
    ticket = solved(world)
    assert closing.extensions_left(ticket) == 2
    keep(ticket, world.alice)
    ticket = keep(ticket, world.bob)
    assert (closing.extensions_left(ticket), ticket.extended_times) == (0, 2)
    before = again(ticket).closes_at
    with pytest.raises(NotNow, match="kept-open-enough"):
        keep(ticket, world.alice)
    assert again(ticket).closes_at == before
    assert history(ticket).count("ticket:kept_open") == 2


def test_the_number_of_days_and_of_times_are_settings(world: Any) -> None:
    settings.put("keep_open_days", 1, None, FRIDAY)
    settings.put("keep_open_times", 1, None, FRIDAY)
    ticket = keep(asked(world), world.alice)
    assert ticket.closes_at == end_of("2026-11-27")
    with pytest.raises(NotNow, match="kept-open-enough"):
        keep(ticket, world.alice)
    settings.put("keep_open_times", 0, None, FRIDAY)
    with pytest.raises(NotNow, match="kept-open-enough"):
        keep(asked(world), world.alice)


def test_neither_the_status_nor_the_silence_clock_changes(world: Any) -> None:
    ticket = solved(world)
    before = (ticket.status, ticket.status_since, ticket.last_message_at, ticket.last_message_side)
    keep(ticket, world.alice, FRIDAY + timedelta(days=2))
    row = again(ticket)
    assert (row.status, row.status_since, row.last_message_at, row.last_message_side) == before


def test_a_new_word_of_the_team_gives_the_whole_time_and_all_the_tries_again(world: Any) -> None:
    ticket = asked(world)
    keep(ticket, world.alice)
    keep(ticket, world.alice)
    later = FRIDAY + timedelta(days=3)
    answer(ticket, world.sam, "Avez-vous pu regarder ?", now=later)
    row = again(ticket)
    assert (row.extension_days, row.extended_times) == (0, 0)
    assert row.closes_at == end_of("2026-11-29")


def test_a_reminder_that_went_out_keeps_the_count_and_the_days_that_are_left(world: Any) -> None:
    ticket = asked(world)
    keep(ticket, world.alice)
    closing.sweep(end_of("2026-11-21") + timedelta(minutes=5))
    row = again(ticket)
    assert (row.reminders_sent, row.extended_times) == (1, 1)
    assert row.closes_at == end_of("2026-12-01"), "the reminder gives back none of the days"
    keep(row, world.alice, end_of("2026-11-22"))
    assert again(ticket).closes_at == end_of("2026-12-06")
    with pytest.raises(NotNow, match="kept-open-enough"):
        keep(ticket, world.alice, end_of("2026-11-22"))


def test_after_a_stop_of_the_portal_more_time_counts_from_today(world: Any) -> None:
    ticket = solved(world)
    much_later = FRIDAY + timedelta(days=40)
    kept = keep(ticket, world.alice, much_later)
    assert kept.closes_at == end_of("2026-12-23"), "five working days after Wednesday 16 December"
    closing.sweep(much_later + timedelta(hours=1))
    assert again(ticket).status == "resolved"


def test_a_test_period_can_be_made_longer(world: Any) -> None:
    ticket = put_in(send(world, now=FRIDAY), "customer_testing", assignee=world.sam, now=FRIDAY)
    before = ticket.closes_at
    after = keep(ticket, world.alice).closes_at
    assert after - before == timedelta(days=7), "five working days"


@pytest.mark.parametrize(
    "status", ["registered", "qualified", "in_progress", "blocked", "escalated_l2", "awaiting_rollback"]
)
def test_what_awaits_the_team_has_no_date_to_move(world: Any, status: str) -> None:
    ticket = put_in(send(world, now=FRIDAY), status, now=FRIDAY)
    with pytest.raises(NotNow, match="nothing-closes"):
        keep(ticket, world.alice)
    assert closing.extensions_left(again(ticket)) == 0


def test_without_a_rule_there_is_nothing_to_keep_open(world: Any) -> None:
    ClosingRule.update(is_active=False).where(ClosingRule.status == "resolved").execute()
    closing.forget()
    with pytest.raises(NotNow, match="nothing-closes"):
        keep(solved(world), world.alice)


@pytest.mark.parametrize("status", ["closed", "expired"])
def test_what_is_over_stays_over(world: Any, status: str) -> None:
    ticket = put_in(solved(world), status, now=FRIDAY)
    with pytest.raises(NotNow, match="ticket-closed"):
        keep(ticket, world.alice)


# ---- Who, and who is told ------------------------------------------------------------------------------


def test_only_those_who_may_answer_keep_it_open(world: Any) -> None:
    ticket = solved(world)
    for stranger in (world.charlie, world.dana, person("nobody")):
        with pytest.raises(Missing):
            keep(ticket, stranger)
    ticket.shared_with_account_manager = True
    ticket.save()
    with pytest.raises(NotAllowed, match="keep-open-not-yours"):
        keep(ticket, world.marc)
    assert again(ticket).extended_times == 0


def test_the_requester_gets_the_new_date_whoever_asked_for_it(world: Any) -> None:
    ticket = solved(world)
    keep(ticket, world.alice)
    assert mails(ticket) == {("kept-open", "alice")}
    forget_mails()
    keep(ticket, world.bob)
    assert mails(ticket) == {("kept-open", "alice")}
    event = last_event(ticket)
    assert (event.kind, event.actor_id, event.is_public) == ("ticket:kept_open", world.bob.id, True)
    assert event.data == {"before": "2026-11-25", "last_day": "2026-12-02", "times": 2}


def test_a_second_press_moves_nothing(world: Any) -> None:
    ticket = solved(world)
    keep(ticket, world.alice, times_seen=0)
    with pytest.raises(NotNow, match="kept-open-already"):
        keep(ticket, world.alice, times_seen=0)
    assert again(ticket).extended_times == 1


def test_presses_at_the_same_instant_count_each_or_not_at_all(world: Any, database: Any) -> None:
    ticket = solved(world)
    by = see(world.alice)
    results = together([lambda: closing.keep_open(ticket, by, FRIDAY) for _ in range(4)], database)
    refused = faults(results)
    assert len(refused) == 2
    assert {fault.code for fault in refused} == {"kept-open-enough"}
    row = again(ticket)
    assert (row.extended_times, row.extension_days) == (2, 10)


def test_more_time_at_the_very_instant_of_closing_is_given_or_refused(world: Any, database: Any) -> None:
    for _ in range(5):
        ticket = solved(world)
        due = ticket.act_at
        by = see(world.alice)
        closing.forget()
        results = together([lambda: closing.keep_open(ticket, by, due), lambda: closing.sweep(due)], database)  # noqa: B023
        row = again(ticket)
        if faults(results):
            assert [fault.code for fault in faults(results)] == ["ticket-closed"]
            assert (row.status, row.extended_times) == ("closed", 0)
        else:
            assert (row.status, row.extended_times) == ("resolved", 1)
            assert row.closes_at > due


# ---- It works, it does not -----------------------------------------------------------------------------


def test_it_works_closes_and_says_so(world: Any) -> None:
    ticket = solved(world)
    conversation.works(ticket, see(world.alice), FRIDAY)
    row = again(ticket)
    assert (row.status, row.close_reason) == ("closed", "customer")
    event = last_event(ticket)
    assert event.kind == "ticket:closed"
    assert event.data["works"] is True
    assert mails(ticket) == {("closed", "sam")}


def test_words_of_thanks_are_kept_and_reopen_nothing(world: Any) -> None:
    ticket = solved(world)
    once = key()
    for _ in range(2):
        conversation.works(ticket, see(world.alice), FRIDAY, body="Merci beaucoup.", idempotency_key=once)
    row = again(ticket)
    assert (row.status, row.close_reason, row.last_message_side) == ("closed", "customer", "customer")
    thanks = Message.select().where(Message.ticket == ticket, Message.body == "Merci beaucoup.")
    assert thanks.count() == 1, "a second press is the first one again"
    assert history(ticket)[-2:] == ["ticket:resolved", "ticket:closed"]
    event = last_event(ticket)
    assert (event.data["works"], event.data["reason"]) == (True, "customer")
    assert mails(ticket) == {("team-reply", "sam")}


def test_it_does_not_work_needs_words_and_puts_it_back_to_work(world: Any) -> None:
    ticket = solved(world)
    with pytest.raises(Invalid, match="body-empty"):
        conversation.reopen(ticket, "  ", see(world.alice), FRIDAY, idempotency_key=key())
    assert again(ticket).status == "resolved"
    once = key()
    first = conversation.reopen(
        ticket, "L’export échoue encore.", see(world.alice), FRIDAY, idempotency_key=once
    )
    second = conversation.reopen(
        ticket, "L’export échoue encore.", see(world.alice), FRIDAY, idempotency_key=once
    )
    assert first == second
    assert again(ticket).status == "in_progress"
    assert history(ticket)[-1] == "ticket:reopened"


def test_without_an_agent_it_goes_back_to_the_queue(world: Any) -> None:
    ticket = solved(world)
    Ticket.update(assignee=None).where(Ticket.id == ticket.id).execute()
    conversation.reopen(ticket, "Toujours pas.", see(world.bob), FRIDAY, idempotency_key=key())
    assert again(ticket).status == "qualified"


@pytest.mark.parametrize("status", ["in_progress", "waiting_customer", "customer_testing"])
def test_a_verdict_is_taken_on_a_solution_only(world: Any, status: str) -> None:
    ticket = put_in(send(world, now=FRIDAY), status, assignee=world.sam, now=FRIDAY)
    by = see(world.alice)
    with pytest.raises(NotNow, match="not-resolved"):
        conversation.works(ticket, by, FRIDAY)
    with pytest.raises(NotNow, match="not-resolved"):
        conversation.works(ticket, by, FRIDAY, body="Merci.", idempotency_key=key())
    with pytest.raises(NotNow, match="not-resolved"):
        conversation.reopen(ticket, "Non.", by, FRIDAY, idempotency_key=key())
    assert again(ticket).status == status


def test_strangers_and_mere_readers_give_no_verdict(world: Any) -> None:
    ticket = solved(world)
    Ticket.update(shared_with_account_manager=True).where(Ticket.id == ticket.id).execute()
    for who, fault in ((world.charlie, Missing), (world.dana, Missing), (world.marc, NotAllowed)):
        with pytest.raises(fault):
            conversation.works(ticket, see(who), FRIDAY)
        with pytest.raises(fault):
            conversation.works(ticket, see(who), FRIDAY, body="Merci.", idempotency_key=key())
        with pytest.raises(fault):
            conversation.reopen(ticket, "Non.", see(who), FRIDAY, idempotency_key=key())
    assert again(ticket).status == "resolved"


def test_a_verdict_against_closing_at_the_same_instant_is_never_lost_nor_both(
    world: Any, database: Any
) -> None:
    for _ in range(5):
        ticket = solved(world)
        due = ticket.act_at
        by = see(world.alice)
        once = key()
        acts = [
            lambda: conversation.reopen(ticket, "Non.", by, due, idempotency_key=once),  # noqa: B023
            lambda: closing.sweep(due),  # noqa: B023
        ]
        refused = faults(together(acts, database))
        row = again(ticket)
        said = Message.select().where(Message.idempotency_key == once).count()
        if refused:
            assert [fault.code for fault in refused] == ["ticket-closed"]
            assert (row.status, said) == ("closed", 0)
        else:
            assert (row.status, said) == ("in_progress", 1)
    assert lifecycle.reopen_target(row) == "in_progress"
