"""A request counts its days in the calendar of its rule, else of its team, else in the one used by default (LIFE-12)."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from domain import closing, closing_preview, conversation, lifecycle
from models import Calendar, CalendarClosingDay, ClosingRule, PortalSetting, Team, Ticket
from tests.support.casework import again, answer, key, see, team
from tests.test_closing import FRIDAY, asked, end_of, quiet_demo, solved  # noqa: F401

MONTREAL = ZoneInfo("America/Montreal")


def calendar_of(slug: str, **more: Any) -> Calendar:
    """A calendar of its own for a team: Canada, unless said otherwise."""
    row = Calendar.create(
        **{
            "name": f"Calendrier {slug}",
            "country": "CA",
            "time_zone": "America/Montreal",
            "hours": {},
            **more,
        }
    )
    Team.update(calendar=row).where(Team.slug == slug).execute()
    closing.forget()
    return row


def midnight_after(text: str, zone: ZoneInfo = MONTREAL) -> datetime:
    day = date.fromisoformat(text) + timedelta(days=1)
    return datetime(day.year, day.month, day.day, tzinfo=zone)


def in_team(ticket: Ticket, slug: str, world: Any, now: datetime = FRIDAY) -> Ticket:
    lifecycle.set_team(ticket, team(slug).id, see(world.sam), now)
    return again(ticket)


def test_a_team_abroad_has_its_own_days_and_its_own_midnight(world: Any) -> None:
    ticket = solved(world)
    assert ticket.closes_at == end_of("2026-11-18"), "11 November is a holiday in France"
    calendar_of("engineering")
    moved = in_team(ticket, "engineering", world)
    # The same instant is Friday in Montreal too; 11 November is worked there.
    assert moved.closes_at == midnight_after("2026-11-17")
    assert closing.last_day(moved) == date(2026, 11, 17)
    assert closing.explain(moved, FRIDAY).last_day == date(2026, 11, 17)
    assert closing.sweep(end_of("2026-11-17") + timedelta(hours=5)) == 0, "not at the midnight of Paris"
    assert closing.sweep(midnight_after("2026-11-17") - timedelta(seconds=1)) == 0
    assert closing.sweep(midnight_after("2026-11-17")) == 1
    assert again(ticket).status == "closed"


def test_handing_it_back_brings_the_old_date_back(world: Any) -> None:
    calendar_of("engineering")
    ticket = solved(world)
    home = Team.get_by_id(ticket.team_id).slug
    assert in_team(ticket, "engineering", world).closes_at == midnight_after("2026-11-17")
    assert in_team(ticket, home, world).closes_at == end_of("2026-11-18")


def test_the_calendar_of_the_rule_comes_before_that_of_the_team(world: Any) -> None:
    calendar_of("engineering")
    default = Calendar.get(Calendar.is_default == True)  # noqa: E712
    ClosingRule.update(calendar=default).where(ClosingRule.status == "resolved").execute()
    closing.forget()
    assert in_team(solved(world), "engineering", world).closes_at == end_of("2026-11-18")
    assert in_team(asked(world), "engineering", world).closes_at == midnight_after("2026-11-26")


def test_more_time_counts_in_the_calendar_of_the_team(world: Any) -> None:
    calendar_of("engineering")
    ticket = in_team(solved(world), "engineering", world)
    announced = closing.kept_open_until(ticket, FRIDAY)
    kept = closing.keep_open(ticket, see(world.alice), FRIDAY)
    assert kept.closes_at == midnight_after("2026-11-24") and announced == date(2026, 11, 24)


def test_reminders_and_their_day_follow_the_team(world: Any) -> None:
    calendar_of("engineering", name="Tokyo", country="JP", time_zone="Asia/Tokyo")
    tokyo = ZoneInfo("Asia/Tokyo")
    ticket = in_team(asked(world), "engineering", world)
    # 15:42 in Paris is 23:42 in Tokyo: still Friday there.
    assert ticket.act_at == midnight_after("2026-11-16", tokyo)
    assert closing.sweep(ticket.act_at - timedelta(seconds=1)) == 0
    assert closing.sweep(ticket.act_at) == 1
    event = ticket.events.order_by(-ticket.events.model.id).first()
    assert event.data["last_day"] == "2026-11-26"
    late = asked(world, FRIDAY + timedelta(hours=1))
    assert in_team(late, "engineering", world).closes_at == midnight_after("2026-11-27", tokyo), (
        "Saturday there"
    )


def test_a_preview_knows_the_team(world: Any) -> None:
    calendar_of("engineering")
    Ticket.update(status="in_progress").execute()
    ticket = in_team(solved(world), "engineering", world)
    what = closing_preview.typed(ClosingRule.get(ClosingRule.status == "resolved"))
    found = closing_preview.preview(what, date(2026, 11, 17), see(world.root), FRIDAY)
    assert [(one.number, one.happenings[0].day) for one in found.shown] == [
        (ticket.number, date(2026, 11, 17))
    ]


@pytest.mark.parametrize(
    ("now", "zone", "closes"),
    [
        # The night that has 23 hours, and the one that has 25.
        ("2027-03-25 23:59", "Europe/Paris", "2027-04-14"),
        ("2026-10-20 00:01", "Europe/Paris", "2026-11-09"),
        ("2026-10-31 23:30", "America/Montreal", "2026-11-20"),
        # Midnight itself does not exist there on that day: the day ends with its last instant.
        ("2026-08-16 12:00", "America/Santiago", "2026-09-05"),
    ],
)
def test_days_of_23_and_25_hours_end_at_midnight_too(world: Any, now: str, zone: str, closes: str) -> None:
    there = ZoneInfo(zone)
    Calendar.update(time_zone=zone, country="").where(Calendar.is_default == True).execute()  # noqa: E712
    closing.forget()
    ticket = asked(world, datetime.fromisoformat(now).replace(tzinfo=there))
    assert closing.last_day(ticket) == date.fromisoformat(closes)
    local = ticket.closes_at.astimezone(there)
    assert local.date() == date.fromisoformat(closes) + timedelta(days=1)
    assert (ticket.closes_at - timedelta(seconds=1)).astimezone(there).date() == date.fromisoformat(closes)
    for reminder in (1, 2):
        assert closing.sweep(again(ticket).act_at - timedelta(seconds=1)) == 0
        assert closing.sweep(again(ticket).act_at) == 1 and again(ticket).reminders_sent == reminder
    assert again(ticket).closes_at == ticket.closes_at
    assert closing.sweep(ticket.closes_at - timedelta(seconds=1)) == 0
    assert closing.sweep(ticket.closes_at) == 1 and again(ticket).status == "closed"


# ---- Dates after a change of rules ---------------------------------------------------------------------


def test_recomputing_goes_on_where_it_stopped(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    tickets = [solved(world) for _ in range(7)] + [asked(world) for _ in range(3)]
    monkeypatch.setattr(closing, "RECOMPUTED_AT_ONCE", 2)
    monkeypatch.setattr(closing, "PAGE_SECONDS", -1.0)
    ClosingRule.update(after=3).where(ClosingRule.status == "resolved").execute()
    assert closing.reschedule_soon(FRIDAY) is False and closing.is_rescheduling()
    runs = 0
    while closing.is_rescheduling():
        closing.go_on_rescheduling(FRIDAY, -1.0)
        runs += 1
    assert runs > 4
    assert {again(ticket).closes_at for ticket in tickets[:7]} == {end_of("2026-11-12")}
    assert {again(ticket).closes_at for ticket in tickets[7:]} == {end_of("2026-11-26")}
    assert closing.go_on_rescheduling(FRIDAY, 5) == 0
    assert not PortalSetting.select().where(PortalSetting.key == "closing-dates").exists()


def test_a_second_change_begins_again_with_the_newest_rules(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tickets = [solved(world) for _ in range(5)]
    monkeypatch.setattr(closing, "RECOMPUTED_AT_ONCE", 2)
    monkeypatch.setattr(closing, "PAGE_SECONDS", -1.0)
    for after in (3, 5):
        ClosingRule.update(after=after).where(ClosingRule.status == "resolved").execute()
        closing.reschedule_soon(FRIDAY)
    closing.go_on_rescheduling(FRIDAY, 20)
    assert {again(ticket).closes_at for ticket in tickets} == {end_of("2026-11-16")}


def test_while_dates_lag_nothing_is_done_too_early_and_verbs_know_the_new_rule(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(closing, "PAGE_SECONDS", -1.0)
    monkeypatch.setattr(closing, "RECOMPUTED_AT_ONCE", 1)
    first, second = solved(world), solved(world)
    ClosingRule.update(after=14).where(ClosingRule.status == "resolved").execute()
    closing.reschedule_soon(FRIDAY)
    assert again(second).closes_at == end_of("2026-11-18"), "it lags"
    closing.sweep(end_of("2026-11-18"))
    assert again(second).status == "resolved" and again(second).closes_at == end_of("2026-11-27")
    answer(first, world.alice, now=FRIDAY)
    answer(first, world.sam, now=FRIDAY, move_to="resolved")
    assert again(first).closes_at == end_of("2026-11-27")


def test_recomputing_leaves_what_moved_meanwhile_alone(world: Any) -> None:
    ticket = solved(world)
    conversation.note(ticket, "En parallèle.", see(world.sam), FRIDAY, idempotency_key=key())
    dates = closing._Dates(closing.book())
    Ticket.update(act_at=None, closes_at=None).where(Ticket.id == ticket.id).execute()
    read = dates.of

    # Somebody is first between the reading and the writing of the batch.
    def of(row: Any) -> Any:
        if row.id == ticket.id:
            Ticket.update(version=Ticket.version + 1).where(Ticket.id == row.id).execute()
        return read(row)

    dates.of = of  # type: ignore[method-assign]
    dates.recompute("resolved", ticket.id - 1)
    assert again(ticket).closes_at is None


def test_a_closing_day_of_the_team_moves_its_requests_only(world: Any) -> None:
    row = calendar_of("engineering")
    theirs, ours = in_team(solved(world), "engineering", world), solved(world)
    CalendarClosingDay.create(calendar=row, day=date(2026, 11, 12))
    closing.reschedule_all(FRIDAY)
    assert again(theirs).closes_at == midnight_after("2026-11-18")
    assert again(ours).closes_at == ours.closes_at
