"""The life of a request: which moves there are, who may make them, and what the verbs of the desk leave behind."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from itertools import product
from typing import Any

import pytest

from domain import lifecycle
from domain.lifecycle import MOVES, STATUSES
from domain.refusals import Invalid, Missing, NotAllowed, NotNow, Refusal
from models import Person, Scale, ScaleLevel, Ticket, TicketEvent, db
from tests.conftest import NOW
from tests.support.casework import (
    again,
    answer,
    faults,
    forget_mails,
    history,
    last_event,
    mails,
    members,
    put_in,
    see,
    send,
    team,
    together,
)

LATER = NOW + timedelta(hours=1)


# The table itself


def test_every_status_has_a_row_in_the_table_of_moves_and_only_they_do() -> None:
    assert set(MOVES) == set(STATUSES)
    assert {target for row in MOVES.values() for target in row} <= set(STATUSES)
    assert len(STATUSES) == 14


def test_every_status_can_be_reached_from_the_first_one() -> None:
    reached, ahead = {"registered"}, ["registered"]
    while ahead:
        for target in MOVES[ahead.pop()]:
            if target not in reached:
                reached.add(target)
                ahead.append(target)
    assert reached == set(STATUSES)


def test_nothing_leads_out_of_closed_and_nothing_leads_back_to_registered() -> None:
    assert MOVES["closed"] == {}
    assert not any("registered" in row for row in MOVES.values())


def test_a_customer_only_closes_or_puts_back_to_work() -> None:
    theirs = {(origin, target) for origin in MOVES for target in lifecycle.targets(origin, "customer")}
    assert {target for _origin, target in theirs} == {"closed", "in_progress", "qualified"}
    back = {origin for origin, target in theirs if target != "closed"}
    assert back == {"waiting_customer", "customer_testing", "resolved"}
    assert ("expired", "closed") not in theirs


def test_by_itself_only_silence_closes_and_the_end_of_a_block_puts_back_to_work() -> None:
    by_rule = {(origin, target) for origin in MOVES for target in lifecycle.targets(origin, "rule")}
    assert by_rule == {
        ("waiting_customer", "closed"),
        ("resolved", "closed"),
        ("customer_testing", "awaiting_rollback"),
        ("awaiting_rollback", "expired"),
        ("blocked", "in_progress"),
        ("blocked", "qualified"),
    }


def test_an_agent_reaches_every_open_status_and_resolved_from_every_open_status() -> None:
    for origin in lifecycle.OPEN_STATUSES:
        reached = set(lifecycle.targets(origin, "staff"))
        expected = (set(lifecycle.OPEN_STATUSES) | {"resolved", "closed"}) - {origin, "registered"}
        assert expected - {"awaiting_rollback"} <= reached, origin


# The verb, over the whole table


@pytest.mark.parametrize("actor", ["staff", "customer", "rule"])
def test_each_of_the_196_moves_is_made_or_refused_as_the_table_says(world: Any, actor: str) -> None:
    ticket = send(world)
    by = {"staff": see(world.sam), "customer": see(world.alice), "rule": None}[actor]
    for origin, target in product(STATUSES, STATUSES):
        # Undone at the end: nothing waits for the disk.
        with db.atomic() as transaction:
            put_in(ticket, origin)
            events = len(history(ticket))
            before = again(ticket).version
            if target == origin or lifecycle.may_move(origin, target, actor):
                lifecycle.move(ticket, target, by, LATER)
                row = again(ticket)
                assert row.status == target
                if target != origin:
                    event = last_event(ticket)
                    assert (event.data["from"], event.data["to"]) == (origin, target)
                    assert event.actor_id == (by.id if by else None)
                    assert (row.status_since, row.updated_at, row.version) == (LATER, LATER, before + 1)
                    assert row.reminders_sent == 0 and row.counted_from is None
            else:
                with pytest.raises(NotNow) as refused:
                    lifecycle.move(ticket, target, by, LATER)
                assert refused.value.code == "move-refused"
                assert refused.value.data == {"origin": origin, "target": target, "number": ticket.number}
                assert again(ticket).status == origin
                assert len(history(ticket)) == events
            transaction.rollback()


def test_the_closing_date_follows_the_status(world: Any) -> None:
    ticket = send(world)
    assert ticket.act_at is None
    ticket = lifecycle.move(ticket, "resolved", see(world.sam), NOW)
    assert ticket.closes_at is not None and again(ticket).closes_at == ticket.closes_at
    ticket = lifecycle.move(ticket, "in_progress", see(world.sam), LATER)
    assert again(ticket).act_at is None and again(ticket).closes_at is None


def test_times_of_resolving_and_closing_are_kept(world: Any) -> None:
    ticket = lifecycle.move(send(world), "resolved", see(world.sam), NOW)
    assert again(ticket).resolved_at == NOW
    ticket = lifecycle.move(ticket, "in_progress", see(world.sam), LATER)
    assert again(ticket).resolved_at is None
    lifecycle.move(ticket, "resolved", see(world.sam), LATER)
    lifecycle.close(ticket, see(world.alice), LATER + timedelta(hours=1))
    row = again(ticket)
    assert (row.resolved_at, row.closed_at) == (LATER, LATER + timedelta(hours=1))


@pytest.mark.parametrize(
    ("who", "reason"),
    [("sam", "staff"), ("alice", "customer"), (None, "silence")],
    ids=["staff", "customer", "rule"],
)
def test_a_closed_request_says_who_closed_it(world: Any, who: str | None, reason: str) -> None:
    ticket = put_in(send(world), "resolved")
    lifecycle.move(ticket, "closed", see(getattr(world, who)) if who else None, LATER)
    assert again(ticket).close_reason == reason
    assert last_event(ticket).kind == "ticket:closed"
    assert last_event(ticket).data["reason"] == reason


def test_closing_twice_closes_once(world: Any) -> None:
    ticket = send(world)
    lifecycle.close(ticket, see(world.alice), NOW)
    lifecycle.close(ticket, see(world.alice), LATER)
    assert history(ticket).count("ticket:closed") == 1
    assert again(ticket).closed_at == NOW


def test_a_status_that_does_not_exist_is_refused_with_its_field(world: Any) -> None:
    with pytest.raises(Invalid) as refused:
        lifecycle.move(send(world), "done", see(world.sam), NOW)
    assert (refused.value.code, refused.value.field) == ("status-unknown", "status")


# Who may


def test_only_the_desk_and_those_who_may_answer_move_a_request(world: Any) -> None:
    ticket = put_in(send(world, share_with_account_manager=True), "waiting_customer")
    for who, refusal in (
        ("dana", Missing), ("charlie", Missing), ("erin", Missing), ("marc", NotAllowed),
    ):  # fmt: skip
        with pytest.raises(refusal):
            lifecycle.close(ticket, see(getattr(world, who)), NOW)
    assert again(ticket).status == "waiting_customer"
    for who in ("alice", "bob", "sam", "ines", "vera", "root"):
        put_in(ticket, "waiting_customer")
        lifecycle.close(ticket, see(getattr(world, who)), NOW)
        assert again(ticket).status == "closed"


def test_somebody_disabled_meanwhile_moves_nothing(world: Any) -> None:
    ticket = put_in(send(world), "resolved")
    Person.update(is_active=False).where(Person.id.in_([world.alice.id, world.sam.id])).execute()
    for who in (world.alice, world.sam):
        with pytest.raises(Refusal):
            lifecycle.close(ticket, see(who), NOW)
    assert again(ticket).status == "resolved"


def test_the_verbs_of_the_desk_are_refused_to_everybody_else(world: Any) -> None:
    ticket = send(world, share_with_account_manager=True)
    support = team("support")
    for who in ("alice", "bob", "dana", "charlie", "marc"):
        by = see(getattr(world, who))
        for verb in (
            lambda by=by: lifecycle.take(ticket, by, NOW),
            lambda by=by: lifecycle.assign(ticket, world.sam.id, by, NOW),
            lambda by=by: lifecycle.set_team(ticket, support.id, by, NOW),
            lambda by=by: lifecycle.set_priority(ticket, "1", by, NOW),
        ):
            with pytest.raises((NotAllowed, Missing)):
                verb()
    row = again(ticket)
    assert (row.assignee_id, row.priority, row.version) == (None, "2", ticket.version)


# Take and assign


def test_taking_a_request_puts_it_in_progress_and_tells_the_customer(world: Any) -> None:
    ticket = send(world)
    forget_mails()
    lifecycle.take(ticket, see(world.sam), LATER)
    row = again(ticket)
    assert (row.assignee_id, row.status) == (world.sam.id, "in_progress")
    assert last_event(ticket).kind == "ticket:assigned"
    assert mails(ticket) == {("status-changed", "alice")}


def test_a_request_taken_meanwhile_is_not_taken_over_without_having_been_seen(world: Any) -> None:
    ticket = send(world)
    seen = ticket.version
    lifecycle.take(ticket, see(world.sam), NOW)
    for version in (None, seen):
        with pytest.raises(NotNow) as refused:
            lifecycle.take(ticket, see(world.ines), NOW, seen=version)
        assert refused.value.code == "taken-meanwhile"
    lifecycle.take(ticket, see(world.ines), NOW, seen=again(ticket).version)
    assert again(ticket).assignee_id == world.ines.id


def test_two_agents_who_take_at_the_same_instant_do_not_both_have_it(world: Any, database: Any) -> None:
    for _ in range(5):
        ticket = send(world)
        agents = [see(world.sam), see(world.ines)]
        results = together([partial(lifecycle.take, ticket, by, NOW) for by in agents], database)
        lost = faults(results)
        assert [getattr(fault, "code", fault) for fault in lost] == ["taken-meanwhile"]
        winner = agents[0 if results[1] is lost[0] else 1]
        assert again(ticket).assignee_id == winner.id
        assert history(ticket).count("ticket:assigned") == 1


def test_giving_a_request_tells_the_agent_and_giving_it_back_puts_it_in_the_queue(world: Any) -> None:
    ticket = send(world)
    forget_mails()
    lifecycle.assign(ticket, world.ines.id, see(world.sam), NOW)
    assert ("team-assigned", "ines") in mails(ticket)
    lifecycle.assign(ticket, None, see(world.sam), LATER)
    row = again(ticket)
    assert (row.assignee_id, row.status) == (None, "qualified")


def test_giving_a_waiting_request_to_somebody_keeps_its_status_and_its_clock(world: Any) -> None:
    ticket = put_in(send(world), "waiting_customer", assignee=world.sam)
    lifecycle.assign(ticket, world.ines.id, see(world.vera), LATER)
    row = again(ticket)
    assert (row.status, row.status_since, row.act_at) == ("waiting_customer", NOW, ticket.act_at)


@pytest.mark.parametrize("who", ["alice", "marc"])
def test_a_request_is_not_given_to_somebody_who_is_not_at_the_desk(world: Any, who: str) -> None:
    with pytest.raises(Invalid) as refused:
        lifecycle.assign(send(world), getattr(world, who).id, see(world.sam), NOW)
    assert (refused.value.code, refused.value.field) == ("assignee-unknown", "assignee")


def test_a_request_is_not_given_to_an_agent_who_left_nor_to_nobody_that_exists(world: Any) -> None:
    Person.update(is_active=False).where(Person.id == world.ines.id).execute()
    for person_id in (world.ines.id, 987_654):
        with pytest.raises(Invalid):
            lifecycle.assign(send(world), person_id, see(world.sam), NOW)


@pytest.mark.parametrize("status", ["closed", "expired"])
def test_what_is_over_is_neither_given_nor_routed_nor_weighed(world: Any, status: str) -> None:
    ticket = put_in(send(world), status)
    by = see(world.sam)
    for verb in (
        lambda: lifecycle.assign(ticket, world.sam.id, by, NOW),
        lambda: lifecycle.set_team(ticket, team("billing").id, by, NOW),
        lambda: lifecycle.set_priority(ticket, "1", by, NOW),
    ):
        with pytest.raises(NotNow) as refused:
            verb()
        assert refused.value.code == "ticket-closed"


# Teams


def test_another_team_gets_the_request_and_the_agent_who_is_not_in_it_lets_go(world: Any) -> None:
    ticket = lifecycle.take(send(world), see(world.sam), NOW)
    forget_mails()
    billing = team("billing")
    assert world.sam.id not in members(billing)
    lifecycle.set_team(ticket, billing.id, see(world.sam), LATER)
    row = again(ticket)
    assert (row.team_id, row.assignee_id, row.status) == (billing.id, None, "qualified")
    assert last_event(ticket).kind == "ticket:routed"
    assert ("team-new", "vera") in mails(ticket)


def test_an_agent_of_both_teams_keeps_the_request(world: Any) -> None:
    ticket = lifecycle.take(send(world), see(world.vera), NOW)
    lifecycle.set_team(ticket, team("billing").id, see(world.vera), LATER)
    assert (again(ticket).assignee_id, again(ticket).status) == (world.vera.id, "in_progress")


def test_a_team_that_is_switched_off_or_unknown_gets_nothing(world: Any) -> None:
    ticket, billing = send(world), team("billing")
    billing.is_active = False
    billing.save()
    for team_id in (billing.id, 987_654):
        with pytest.raises(Invalid) as refused:
            lifecycle.set_team(ticket, team_id, see(world.sam), NOW)
        assert refused.value.field == "team"


# Priority


def test_lowering_a_priority_needs_a_reason_and_tells_the_customer(world: Any) -> None:
    ticket = send(world, priority="1")
    forget_mails()
    for reason in ("", "  \n "):
        with pytest.raises(Invalid) as refused:
            lifecycle.set_priority(ticket, "3", see(world.sam), NOW, reason=reason)
        assert (refused.value.code, refused.value.field) == ("reason-needed", "reason")
    lifecycle.set_priority(ticket, "3", see(world.sam), LATER, reason=" Un contournement existe. ")
    row = again(ticket)
    assert (row.priority_asked, row.priority) == ("1", "3")
    assert (
        row.priority_position
        == ScaleLevel.get((ScaleLevel.value == "3") & (ScaleLevel.scale == scale())).position
    )
    event = last_event(ticket)
    assert (event.kind, event.data["before"], event.data["after"]) == ("ticket:priority_lowered", "1", "3")
    assert event.data["reason"] == "Un contournement existe."
    assert mails(ticket) == {("priority-lowered", "alice")}


def test_raising_a_priority_needs_no_reason_and_keeps_what_was_asked(world: Any) -> None:
    ticket = send(world, priority="4")
    forget_mails()
    lifecycle.set_priority(ticket, "1", see(world.sam), NOW)
    row = again(ticket)
    assert (row.priority_asked, row.priority) == ("4", "1")
    assert last_event(ticket).kind == "ticket:priority_changed"
    assert mails(ticket) == set()


def test_the_same_priority_again_changes_nothing(world: Any) -> None:
    ticket = send(world, priority="2")
    lifecycle.set_priority(ticket, "2", see(world.sam), LATER)
    assert again(ticket).version == ticket.version and "ticket:priority_changed" not in history(ticket)


def test_a_level_of_another_scale_is_refused(world: Any) -> None:
    ticket = send(world)
    for value in ("critical", "9", ""):
        with pytest.raises(Invalid) as refused:
            lifecycle.set_priority(ticket, value, see(world.sam), NOW, reason="x")
        assert refused.value.code == "priority-unknown"


def scale() -> Scale:
    return Scale.get(Scale.slug == "severity")


# Two at once


def test_a_change_based_on_an_older_view_is_refused_by_every_verb(world: Any) -> None:
    ticket = send(world)
    seen = ticket.version
    answer(ticket, world.alice, "J'ajoute une précision.")
    by = see(world.sam)
    for verb in (
        lambda: lifecycle.move(ticket, "resolved", by, NOW, seen=seen),
        lambda: lifecycle.assign(ticket, world.sam.id, by, NOW, seen=seen),
        lambda: lifecycle.set_team(ticket, team("billing").id, by, NOW, seen=seen),
        lambda: lifecycle.set_priority(ticket, "1", by, NOW, seen=seen),
        lambda: answer(ticket, world.sam, seen=seen),
    ):
        with pytest.raises(NotNow) as refused:
            verb()
        assert refused.value.code == "changed-meanwhile"


def test_a_claim_on_a_row_that_moved_on_writes_nothing(world: Any) -> None:
    ticket = send(world)
    stale = again(ticket)
    lifecycle.set_priority(ticket, "1", see(world.sam), NOW)
    with pytest.raises(NotNow) as refused:
        lifecycle.claim(stale, NOW, summary="Autre")
    assert refused.value.code == "changed-meanwhile"
    assert again(ticket).summary == ticket.summary


def test_eight_agents_who_move_at_the_same_instant_from_the_same_view_make_one_move(
    world: Any, database: Any
) -> None:
    ticket = send(world)
    seen, by = ticket.version, see(world.sam)
    results = together(
        [lambda: lifecycle.move(ticket, "qualified", by, NOW, seen=seen) for _ in range(8)], database
    )
    assert {getattr(fault, "code", fault) for fault in faults(results)} == {"changed-meanwhile"}
    assert len(faults(results)) == 7
    assert history(ticket).count("ticket:moved") == 1


def test_a_move_that_fails_half_way_leaves_nothing(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from domain import notifications

    ticket = send(world)

    def broken(*args: Any, **more: Any) -> None:
        raise RuntimeError("the outbox is away")

    monkeypatch.setattr(notifications, "tell", broken)
    with pytest.raises(RuntimeError):
        lifecycle.move(ticket, "resolved", see(world.sam), LATER)
    row = again(ticket)
    assert (row.status, row.version, row.act_at) == ("registered", ticket.version, None)
    assert history(ticket) == ["ticket:created"]


def test_a_request_that_does_not_exist_is_missing(world: Any) -> None:
    ticket = send(world)
    ticket.id = 987_654
    with pytest.raises(Missing):
        lifecycle.move(ticket, "resolved", see(world.sam), NOW)
    assert not TicketEvent.select().where(TicketEvent.ticket == 987_654).exists()
    assert Ticket.select().where(Ticket.number == ticket.number).exists()


def test_the_history_says_who_lets_go_of_a_request_that_goes_to_another_team(world: Any) -> None:
    ticket = send(world)
    lifecycle.take(ticket, see(world.sam), NOW)
    lifecycle.set_team(ticket, team("engineering").id, see(world.vera), NOW)
    assert again(ticket).assignee_id is None
    assert last_event(ticket).data["assignee"] is None


def test_the_history_says_nothing_of_it_when_the_agent_belongs_to_both_teams(world: Any) -> None:
    ticket = send(world)
    lifecycle.take(ticket, see(world.vera), NOW)
    lifecycle.set_team(ticket, team("configuration").id, see(world.sam), NOW)
    assert again(ticket).assignee_id == world.vera.id
    assert "assignee" not in last_event(ticket).data
