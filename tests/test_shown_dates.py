"""The date that pages, lists and mails tell is the very date the job acts on (LIFE-13)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask_babel import force_locale

import mailer
import presenters
from domain import closing, lifecycle
from models import Calendar, OutboxMessage, Person, Team, Ticket
from tests.conftest import NOW
from tests.support.casework import again, see, send
from tests.test_closing import FRIDAY, asked, solved
from tests.test_team_calendars import calendar_of

BASE = "http://support.initech.example"


def waiting() -> list[Ticket]:
    """Every request that something will happen to by itself, in the order of their numbers."""
    return list(Ticket.select().where(Ticket.act_at.is_null(False)).order_by(Ticket.id))


def row_of(page: str, number: str) -> str:
    """The piece of a list that is about one request."""
    start = page.index(f'data-ticket="{number}"')
    after = page.find('data-ticket="', start + 1)
    return page[start : after if after > 0 else start + 1500]


def varied(world: Any) -> None:
    """Besides those of the demo: kept open, of a team abroad, to be tested, just resolved."""
    calendar_of("engineering")
    closing.reschedule_all(NOW)
    abroad = solved(world, NOW)
    lifecycle.set_team(abroad, Team.get(Team.slug == "engineering").id, see(world.sam), NOW)
    closing.keep_open(solved(world, NOW), see(world.alice), NOW)
    closing.keep_open(asked(world, NOW), see(world.alice), NOW)
    asked(world, NOW, by=world.charlie)
    tested = send(world, now=NOW)
    lifecycle.move(tested, "customer_testing", see(world.sam), NOW)


def test_every_request_of_the_demo_acts_at_the_date_it_tells(world: Any) -> None:
    varied(world)
    told = {ticket.id: closing.explain(ticket, NOW) for ticket in waiting()}
    statuses = {ticket.status for ticket in waiting()}
    assert len(told) > 8 and statuses >= {"waiting_customer", "resolved", "customer_testing"}
    ended = 0
    while left := [ticket for ticket in waiting() if ticket.id in told]:
        instant = min(ticket.act_at for ticket in left)
        before = {ticket.id: (ticket.status, ticket.reminders_sent) for ticket in left}
        closing.sweep(instant - timedelta(seconds=1))
        for ticket in left:
            row = again(ticket)
            assert (row.status, row.reminders_sent) == before[ticket.id], "one second before, nothing"
        closing.sweep(instant)
        for ticket in left:
            row, explanation = again(ticket), told[ticket.id]
            if ticket.act_at != instant:
                assert (row.status, row.reminders_sent) == before[ticket.id]
                continue
            if row.status == ticket.status:
                assert row.reminders_sent == ticket.reminders_sent + 1
                assert row.closes_at == explanation.closes_at, "a reminder on time moves nothing"
                continue
            assert (instant, row.status) == (explanation.closes_at, explanation.final_status)
            book = closing.book()
            assert book.calendar(book.pick(ticket), ticket).last_day(instant) == explanation.last_day
            assert ticket.closes_at == explanation.closes_at
            del told[ticket.id]
            ended += 1
    assert not told and ended > 8


@pytest.mark.parametrize("language", ["fr", "en"])
def test_page_desk_lists_and_mails_tell_the_same_day(
    client: Any, world: Any, app: Any, language: str
) -> None:
    varied(world)
    Person.update(language=language).execute()
    seen = 0
    for ticket in waiting():
        if ticket.status not in lifecycle.AWAITING_CUSTOMER:
            continue
        with app.test_request_context("/"), force_locale(language):
            day = closing.explain(ticket, NOW).last_day
            long, short = presenters.long_day(day), presenters.short_day(day)
            sentence = presenters.closing_sentence(ticket, NOW)
            assert sentence is not None and sentence["day"] == long
            assert presenters.closing_sentence(ticket) == sentence, "whatever the hour"
        assert closing.last_day(ticket) == day
        client.sign_in(Person.get_by_id(ticket.requester_id))
        page = client.get(f"/tickets/{ticket.number}").text
        assert long in page, ticket.number
        listed = client.get(f"/tickets?list=mine&status=all&q={ticket.number}").text
        assert long in listed, f"{ticket.number} in the list"
        client.sign_in(world.root)
        assert long in client.get(f"/desk/tickets/{ticket.number}").text
        queue = "resolved" if ticket.status == "resolved" else "waiting"
        assert short in row_of(client.get(f"/desk?queue=all&status={queue}").text, ticket.number)
        assert f"{day:%d/%m/%Y}" in client.get(f"/admin/ticket/details/?id={ticket.id}").text
        with app.app_context():
            for row in OutboxMessage.select().where(
                (OutboxMessage.ticket == ticket.id)
                & (OutboxMessage.person == ticket.requester_id)
                & OutboxMessage.template.in_(("reply", "status-changed", "kept-open", "reminder"))
            ):
                made = mailer.render(row, BASE, NOW)
                assert long in made.text.replace("\n", " "), (ticket.number, row.template)
        seen += 1
    assert seen > 8


@pytest.mark.parametrize(
    ("zone", "said"),
    [("Europe/Paris", False), ("Europe/Brussels", False), ("Asia/Tokyo", True), ("America/Montreal", True)],
)
def test_a_reader_elsewhere_is_told_whose_midnight_it_is(
    client: Any, world: Any, clock: Any, zone: str, said: bool
) -> None:
    clock.set(FRIDAY)
    ticket = solved(world)
    Person.update(time_zone=zone, language="en").where(Person.id == world.alice.id).execute()
    client.sign_in(world.alice)
    page = client.get(f"/tickets/{ticket.number}").text
    assert "Wednesday 18 November" in page and "Armistice" in page
    assert ("ends at midnight in the time zone Europe/Paris" in page) is said


def test_the_example_everybody_knows_reads_so_in_both_languages(world: Any, app: Any) -> None:
    ticket = solved(world)
    expected = {
        "fr": (
            "mercredi 18 novembre",
            "7 jours ouvrés après le vendredi 6 novembre",
            "mercredi 11 novembre (Armistice)",
        ),
        "en": (
            "Wednesday 18 November",
            "7 working days after Friday 6 November",
            "Wednesday 11 November (Armistice Day)",
        ),
    }
    for language, (day, why, skipped) in expected.items():
        with app.test_request_context("/"), force_locale(language):
            sentence = presenters.closing_sentence(ticket)
        assert sentence is not None and sentence["day"] == day
        plain = sentence["why"].replace("\u202f", " ").replace("\xa0", " ")
        assert why in plain and skipped in plain


def test_a_list_tells_the_day_of_the_team_abroad(client: Any, world: Any, clock: Any) -> None:
    """A midnight of Montreal is a morning of Paris: the day before is meant."""
    clock.set(FRIDAY)
    before = Calendar.select().count()
    calendar_of("engineering")
    ticket = solved(world)
    lifecycle.set_team(ticket, Team.get(Team.slug == "engineering").id, see(world.sam), FRIDAY)
    Person.update(language="fr").execute()
    client.sign_in(world.alice)
    assert "mardi 17 novembre" in client.get(f"/tickets?list=mine&q={ticket.number}").text
    assert "mardi 17 novembre" in client.get("/").text
    client.sign_in(world.sam)
    assert "17 nov." in row_of(client.get("/desk?queue=all&status=resolved").text, ticket.number)
    assert Calendar.select().count() == before + 1
