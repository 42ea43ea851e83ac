"""Lists of requests on the page: their columns, filters, files; and the figures of an organisation (VIEW-2, 3, 11)."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta
from typing import Any

import pytest

from domain import columns, dashboard, settings
from domain.refusals import NotAllowed
from models import ColumnChoice, Organisation, Person, Ticket
from tests.conftest import NOW
from tests.support.casework import answer, person, put_in, see, send


def heads(page: str) -> list[str]:
    """The heads of the table, as words."""
    head = page.partition("<thead>")[2].partition("</thead>")[0]
    return [re.sub(r"<[^>]+>", "", cell).strip() for cell in re.findall(r"<th[^>]*>(.*?)</th>", head, re.S)]


def test_the_list_shows_the_columns_that_its_reader_chose(client: Any, world: Any) -> None:
    client.sign_in(world.alice)
    send(world)
    assert len(heads(client.get("/tickets").text)) == 6
    assert heads(client.get("/tickets").text)[:2] == ["Sujet", "État"]
    every = [name for name in columns.COLUMNS if name != "organisation"]
    sent = client.submit("/tickets/columns", form="columns", columns=every)
    assert sent.status_code == 303
    # In one's own list the requester is oneself.
    assert len(heads(client.get("/tickets").text)) == len(every)
    assert len(heads(client.get("/tickets?list=organisation").text)) == len(every) + 1
    assert client.submit("/tickets/columns", form="columns", button="reset=1").status_code == 303
    assert not ColumnChoice.select().exists()


def test_a_column_moves_without_a_script_and_is_kept_only_when_saved(client: Any, world: Any) -> None:
    client.sign_in(world.alice)
    moved = client.submit("/tickets/columns", form="columns", button="up=number")
    assert moved.status_code == 200 and "à la place 2 sur" in moved.text
    assert not ColumnChoice.select().exists()
    assert client.send(moved, form="columns").status_code == 303
    columns.forget()
    assert columns.of(see(world.alice))[:3] == ("status", "number", "turn")


def test_the_short_list_beside_the_filters_keeps_the_order(client: Any, world: Any) -> None:
    columns.choose(["number", "agent", "status"], see(world.alice))
    client.sign_in(world.alice)
    send(world)
    page = client.get("/tickets?status=open")
    answered = client.send(page, form="/tickets/columns", columns=["status", "number", "team"])
    assert answered.status_code == 303 and answered.location.endswith("/tickets?status=open")
    assert columns.of(see(world.alice)) == ("number", "status", "team")


def test_an_admin_gives_everybody_columns(client: Any, world: Any) -> None:
    client.sign_in(world.root)
    answered = client.submit(
        "/tickets/columns", form="columns", button="everybody=1", columns=["number", "closes"]
    )
    assert answered.status_code == 303 and settings.get("list_columns") == ["number", "closes"]
    refused = client.submit("/tickets/columns", form="columns", button="everybody=1", columns=[])
    assert refused.status_code == 422 and "au moins une colonne" in refused.text
    assert "everybody" not in client.sign_in(world.alice).get("/tickets/columns").text


@pytest.mark.parametrize(
    "query",
    ["columns=nothing", "columns=agent&up=nothing", "next=//evil.example", "next=/x\r\ny", "order=%00"],
)
def test_bad_columns_do_no_harm(client: Any, world: Any, query: str) -> None:
    client.sign_in(world.alice)
    client.lint = False
    answered = client.post("/tickets/columns", data=query, content_type="application/x-www-form-urlencoded")
    assert answered.status_code in (303, 422, 400)
    assert "evil" not in (answered.location or "")


def test_kind_and_category_filter_the_list(client: Any, world: Any) -> None:
    client.sign_in(world.alice)
    incident = send(world, summary="Un incident à part")
    question = send(world, form_slug="question", priority=None, summary="Une question à part")
    page = client.get(f"/tickets?kind={incident.kind_slug}&category={incident.category_slug}").text
    assert incident.summary in page and question.summary not in page
    assert 'name="kind"' in page and 'name="category"' in page


def test_the_file_has_the_columns_of_the_list_and_no_formula(client: Any, world: Any) -> None:
    client.sign_in(world.alice)
    send(world, summary='=HYPERLINK("http://evil.example")')
    Person.update(language="en").where(Person.id == world.alice.id).execute()
    answered = client.get("/tickets/export?q=hyperlink")
    assert answered.mimetype == "text/csv" and "attachment" in answered.headers["Content-Disposition"]
    table = list(csv.reader(io.StringIO(answered.data.decode("utf-8-sig"))))
    assert table[0] == ["Subject", "Status", "Whose turn", "Number", "Form", "Last change"]
    assert len(table) == 2 and table[1][0].startswith("'=")


# ---- Figures -------------------------------------------------------------------------------------------


@pytest.fixture
def hooli(world: Any) -> Any:
    """An organisation of its own, whose figures hold nothing but what a test makes."""
    organisation = Organisation.create(name="Hooli", slug="hooli", created_at=NOW)
    from models import Membership

    world.hooli = organisation
    for name, role, sees in (("hanna", "contact", True), ("karl", "member", False)):
        who = person(name, "hooli.example")
        Membership.create(
            person=who, organisation=organisation, role=role, can_open=sees, can_see_all=sees, can_answer=sees
        )
        setattr(world, name, who)
    return world


def test_figures_count_what_was_opened_closed_and_is_open(hooli: Any) -> None:
    ours = send(hooli, by=hooli.hanna, now=NOW - timedelta(days=70), kind_slug="incident")
    yours = put_in(send(hooli, by=hooli.hanna), "waiting_customer")
    put_in(send(hooli, by=hooli.hanna, now=NOW - timedelta(days=800)), "closed")
    put_in(send(hooli, by=hooli.hanna), "resolved")
    found = dashboard.figures(see(hooli.hanna), hooli.hooli.id, 12, NOW)
    assert (found.ours, found.yours, found.to_confirm) == (1, 1, 1)
    assert len(found.months) == 12 and found.months[-1].first.isoformat() == "2026-11-01"
    assert (found.months[-1].opened, found.months[-1].closed) == (2, 1)
    assert sum(month.opened for month in found.months) == found.opened == 3
    assert [row.number for row in found.oldest_ours] == [ours.number]
    assert [row.number for row in found.oldest_yours] == [yours.number]
    assert dict(found.forms) == {"incident": 3}
    assert found == dashboard.figures(see(hooli.hanna), hooli.hooli.id, 12, NOW)
    short = dashboard.figures(see(hooli.hanna), hooli.hooli.id, 3, NOW)
    assert len(short.months) == 3 and short.opened == 3


def test_speed_is_the_median_of_the_time_that_the_team_worked(hooli: Any) -> None:
    # Tuesday 10 November 2026, 14:22 in Paris; the 11th is a holiday, the team works from 9 to 18.
    for hours in (1, 2, 30):
        ticket = send(hooli, by=hooli.hanna, priority="2")
        answer(ticket, hooli.sam, now=NOW + timedelta(hours=hours), move_to="resolved")
    [row] = dashboard.figures(see(hooli.hanna), hooli.hooli.id, 3, NOW + timedelta(days=3)).speed
    assert (row.level, row.opened, row.first_answer, row.solution) == ("2", 3, 120, 120)


def test_working_minutes_are_those_of_the_calendar() -> None:
    from domain.workdays import WorkCalendar

    calendar = WorkCalendar()
    worked = dashboard._Worked(calendar, NOW - timedelta(days=40), NOW)
    for start, end in ((40, 3), (9, 8.2), (7, 6.9), (3.4, 0), (1, 1)):
        first, last = NOW - timedelta(days=start), NOW - timedelta(days=end)
        minutes = calendar.working_time_between(first, last).total_seconds() // 60
        assert worked.minutes(first, last) == int(minutes), (start, end)


def test_only_what_the_reader_may_see_is_counted(hooli: Any) -> None:
    send(hooli, by=hooli.hanna)
    other = person("other", "hooli.example")
    from models import Membership

    Membership.create(person=other, organisation=hooli.hooli, role="contact", can_open=True, can_see_all=True)
    send(hooli, by=other, audience="only_me")
    assert dashboard.figures(see(hooli.hanna), hooli.hooli.id, 12, NOW).opened == 1
    assert dashboard.figures(see(other), hooli.hooli.id, 12, NOW).opened == 2


def test_those_who_do_not_read_everything_have_no_figures(hooli: Any) -> None:
    for who in (hooli.karl, hooli.sam, hooli.marc, hooli.charlie):
        with pytest.raises(NotAllowed, match="dashboard-not-yours"):
            dashboard.figures(see(who), hooli.hooli.id, 12, NOW)
    settings.put("contacts_see_all", False, None, NOW)
    with pytest.raises(NotAllowed):
        dashboard.organisation(see(hooli.hanna))


def test_figures_cost_three_queries_and_none_within_a_minute(hooli: Any, database: Any) -> None:
    from tests.support.casework import statements

    for amount in (1, 20):
        for n in range(amount):
            send(hooli, by=hooli.hanna, now=NOW - timedelta(days=n))
        dashboard.forget()
        for expected in (3, 0):
            with statements(database) as sent:
                dashboard.figures(see(hooli.hanna), hooli.hooli.id, 12, NOW)
            assert len([sql for sql in sent if '"ticket"' in sql]) == expected


def test_the_page_of_figures_says_in_a_table_what_its_bars_show(client: Any, hooli: Any, clock: Any) -> None:
    for _ in range(3):
        send(hooli, by=hooli.hanna)
    client.sign_in(hooli.hanna)
    page = client.get("/organisation/dashboard?months=3").text
    assert "Chiffres : Hooli" in page.replace("\u202f", " ").replace("\u00a0", " ")
    assert "novembre 2026" in page and 'class="chart"' in page and "Incident" in page
    assert client.get("/organisation/dashboard?months=nothing&organisation=").status_code == 200
    assert client.get(f"/organisation/dashboard?organisation={'9' * 30}").status_code in (200, 403)
    table = client.get("/organisation/dashboard/export").data.decode("utf-8-sig")
    assert "2026-11" in table and table.count(";") > 20


def test_figures_of_nothing_say_what_to_do(client: Any, hooli: Any) -> None:
    client.sign_in(hooli.hanna)
    page = client.get("/organisation/dashboard").text
    assert "Rien n’a été ouvert ni fermé" in page
    assert Ticket.select().where(Ticket.organisation == hooli.hooli).count() == 0
