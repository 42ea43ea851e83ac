"""The screens of closing rules and calendars: a look before saving, the year, closing days of a range (LIFE-12)."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any

import pytest

from domain import closing
from models import AuditEntry, Calendar, CalendarClosingDay, ClosingRule, Organisation, Person, Team, Ticket
from tests.support.casework import again
from tests.support.scene import fingerprint
from tests.test_closing import FRIDAY, asked, end_of, solved

NEW = "/admin/closingrule/new/"


@pytest.fixture
def boss(client: Any, world: Any, clock: Any) -> Any:
    """Root's browser in English, on the Friday that everybody knows; requests of the demo are with the team."""
    clock.set(FRIDAY)
    Ticket.update(status="in_progress", act_at=None, closes_at=None).execute()
    Person.update(language="en").execute()
    client.sign_in(world.root)
    return client


def edit(status: str) -> str:
    return f"/admin/closingrule/edit/?id={ClosingRule.get(ClosingRule.status == status).id}"


def plain(page: str) -> str:
    """The words of a page without its marks."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)).replace("\u202f", " ")


def test_a_rule_is_looked_at_before_it_is_saved(boss: Any, world: Any) -> None:
    ticket = asked(world, FRIDAY - timedelta(days=6))
    before = fingerprint()
    page = boss.submit(edit("waiting_customer"), button="preview=1", after="5", reminders="")
    assert page.status_code == 200
    said = plain(page.text)
    assert "Tonight, Friday 6 November: 0 reminders, 1 closing" in said
    assert "1 request is touched that is not under the present rules." in said
    assert f'href="/desk/tickets/{ticket.number}"' in page.text and "6 days" in said and "Acme" in said
    assert ticket.summary in said and "only with this rule" in said
    assert 'name="after"' in page.text and 'value="5"' in page.text, "what was typed stays"
    assert fingerprint() == before


def test_a_new_rule_is_looked_at_too(boss: Any, world: Any) -> None:
    ours, theirs = asked(world), asked(world, by=world.charlie)
    before, rules = fingerprint(), ClosingRule.select().count()
    page = boss.submit(
        NEW, button="preview=1", status="waiting_customer", organisation="Acme", unit="days", reminders="1, 2",
        after="3", final_status="closed", on="2026-11-30",
    )  # fmt: skip
    said = plain(page.text)
    assert page.status_code == 200
    assert "Until the end of Monday 30 November 2026: 2 reminders, 1 closing" in said
    assert ours.number in said and theirs.number not in said
    assert "1 request is touched on another day or in another way." in said
    assert "Reminder 1 , 7 Nov" in said and "Closed , 9 Nov" in said
    assert fingerprint() == before and ClosingRule.select().count() == rules


def test_the_calendar_of_one_request_stands_beside_the_present_one(boss: Any, world: Any) -> None:
    ticket = solved(world)
    page = boss.submit(edit("resolved"), button="preview=1", after="3", request=f" {ticket.number.lower()} ")
    said = plain(page.text)
    assert "With the rule as you typed it" in said and "Thursday 12 November 2026" in said
    assert "With the present rules" in said and "Wednesday 18 November 2026" in said
    assert (
        "3 working days after Friday 6 November. This day does not count: Wednesday 11 November (Armistice Day)."
        in said
    )
    assert '<time datetime="2026-11-11">11</time><small>holiday' in page.text
    same = plain(boss.submit(edit("resolved"), button="preview=1", request=ticket.number).text)
    assert "The present rules do the very same." in same


@pytest.mark.parametrize(
    ("field", "typed", "words"),
    [
        ("on", "2026-11-05", "Choose a day from today to a year from now."),
        ("on", "2028-01-01", "Choose a day from today to a year from now."),
        ("on", "demain", "Give a date as year, month and day."),
        ("on", "9" * 400, "Give a date as year, month and day."),
        ("request", "SUP-9999999", "No request has this number."),
        ("request", "x' OR 1=1", "No request has this number."),
        ("request", "9" * 400, "At most 20 characters."),
        ("reminders", "9, 3", "Reminders come one after the other"),
        ("reminder_text_fr", "Bonjour {prénom}", "“{prénom}” is not filled in."),
        ("closing_text_en", "{number.__class__}", "“{number.__class__}” is not filled in."),
        ("closing_text_en", "x" * 2001, "At most 2000 characters."),
    ],
)
def test_what_cannot_be_looked_at_is_said_at_its_field(boss: Any, field: str, typed: str, words: str) -> None:
    page = boss.submit(edit("waiting_customer"), button="preview=1", **{field: typed})
    assert page.status_code == 422
    assert words in plain(page.text) and "error-summary" in page.text
    assert f'id="{field}-error"' in page.text


def test_fields_that_only_look_do_not_stop_a_rule_from_being_saved_as_it_is(boss: Any, world: Any) -> None:
    ticket = asked(world)
    answer = boss.submit(edit("waiting_customer"), after="25", request=ticket.number, on="2026-11-30")
    assert answer.status_code == 303
    rule = ClosingRule.get(ClosingRule.status == "waiting_customer")
    assert rule.after == 25 and again(ticket).closes_at == end_of("2026-12-01")


def test_two_rules_for_the_very_same_requests_are_refused(boss: Any) -> None:
    page = boss.submit(
        NEW, status="resolved", unit="days", reminders="", after="3", final_status="closed", is_active="y"
    )
    assert page.status_code == 422 and "Another rule in use is for the very same requests" in page.text
    off = boss.submit(
        NEW, status="resolved", unit="days", reminders="", after="3", final_status="closed", is_active=None
    )
    assert off.status_code == 303


def test_a_rule_that_is_switched_off_shows_what_no_longer_happens(boss: Any, world: Any) -> None:
    ticket = asked(world, FRIDAY - timedelta(days=10))
    page = boss.submit(edit("waiting_customer"), button="preview=1", is_active=None)
    said = plain(page.text)
    assert "0 reminders, 0 closings" in said and "1 request is no longer touched." in said
    assert "Only with the present rules" in said and ticket.number in said


def test_the_mails_of_a_rule_are_shown_as_they_would_be_said(boss: Any) -> None:
    page = boss.submit(
        edit("waiting_customer"), button="preview=1", reminder_text_en="Dear {organisation}, {number} & <b>.",
        reminder_text_fr="Cher client.",
    )  # fmt: skip
    said = plain(page.text)
    assert "Dear your organisation, SUP-2041 &amp; &lt;b&gt;." in said
    assert "Cher client." in said and "à la fin du jeudi 26 novembre 2026" in said
    assert "by itself at the end of Thursday 26 November 2026" in said
    assert 'lang="fr"' in page.text


def test_words_are_saved_shown_and_recorded(boss: Any) -> None:
    assert boss.submit(edit("resolved"), closing_text_fr="À bientôt.\r\n\r\n{number}").status_code == 303
    rule = ClosingRule.get(ClosingRule.status == "resolved")
    assert rule.closing_text_fr == "À bientôt.\n\n{number}" and rule.closing_text_en == ""
    assert "À bientôt." in boss.get(f"/admin/closingrule/details/?id={rule.id}").text
    line = AuditEntry.select().order_by(AuditEntry.id.desc()).first()
    assert line.kind == "admin:changed" and list(line.data["changed"]) == ["closing_text_fr"]


def test_a_list_says_when_dates_are_still_being_recomputed(
    boss: Any, world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked(world)
    monkeypatch.setattr(closing, "PAGE_SECONDS", -1.0)
    saved = boss.submit(edit("waiting_customer"), after="30")
    assert saved.status_code == 303
    page = boss.get(saved.headers["Location"]).text
    assert page.count("are being recomputed") == 2, "after saving, and over the list"
    closing.go_on_rescheduling(FRIDAY, 20)
    assert "are being recomputed" not in boss.get("/admin/closingrule/").text


# ---- Calendars -----------------------------------------------------------------------------------------


def year(more: str = "") -> str:
    return f"/admin/calendar/year/?id={Calendar.get(Calendar.is_default == True).id}{more}"  # noqa: E712


def test_a_year_shows_holidays_closing_days_and_counts(boss: Any) -> None:
    calendar = Calendar.get(Calendar.is_default == True)  # noqa: E712
    CalendarClosingDay.create(calendar=calendar, day=date(2026, 12, 24), label_en="Early Christmas")
    page = boss.get(year("&year=2026"))
    said = plain(page.text)
    assert "France in 2026" in said and "251 working days" in said
    assert "November 20 working days" in said and "December 21 working days" in said
    assert "Wednesday 11 November: Armistice Day" in said and "Thursday 24 December: Early Christmas" in said
    assert "Sunday 29 March: clocks go forward 60 minutes" in said
    assert "Sunday 25 October: clocks go back 60 minutes" in said
    assert "Monday 08:00–18:00" in said and "Saturday not worked" in said
    assert page.text.count("<caption>") == 12
    assert 'aria-current="date">6' in page.text
    assert "year=2025" in page.text and "year=2027" in page.text


@pytest.mark.parametrize(
    ("typed", "shown"), [("", 2026), ("1", 2026), ("abcd", 2026), ("1066", 2000), ("9999", 2100)]
)
def test_a_year_that_is_none_is_the_present_one(boss: Any, typed: str, shown: int) -> None:
    page = boss.get(year(f"&year={typed}"))
    assert page.status_code == 200 and f"France in {shown}" in plain(page.text)


def test_the_calendar_of_a_country_without_holidays_has_a_year_too(boss: Any) -> None:
    Calendar.update(country="", time_zone="UTC").execute()
    said = plain(boss.get(year("&year=2026")).text)
    assert "This calendar follows no country." in said and "261 working days" in said
    assert "clocks go" not in said


def test_working_days_after_a_day_are_counted(boss: Any) -> None:
    page = boss.get(year("&from=2026-11-06&days=7"))
    said = plain(page.text)
    assert "7 working days after Friday 6 November 2026: Wednesday 18 November 2026." in said
    assert "This day does not count: Wednesday 11 November (Armistice Day)." in said


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ("&from=2026-02-30&days=7", "from"), ("&from=demain&days=7", "from"), ("&from=1066-01-01&days=7", "from"),
        ("&from=2026-11-06&days=0", "days"), ("&from=2026-11-06&days=367", "days"), ("&from=2026-11-06&days=x", "days"),
        ("&from=2026-11-06&days=99999999999999", "days"), ("&from=2026-11-06", "days"), ("&days=3", "from"),
        ("&from=%F0%9F%98%80&days=%F0%9F%98%80", "from"),
    ],
)  # fmt: skip
def test_what_cannot_be_counted_is_said_at_its_field(boss: Any, more: str, field: str) -> None:
    page = boss.get(year(more))
    assert page.status_code == 422
    assert f'id="{field}-error"' in page.text and 'role="status"><strong>' not in page.text


def test_a_calendar_that_is_not_there_has_no_year(boss: Any) -> None:
    for key in ("0", "999999", "x", ""):
        assert boss.get(f"/admin/calendar/year/?id={key}").status_code == 404


def closing_days() -> list[str]:
    return [
        day.isoformat()
        for (day,) in CalendarClosingDay.select(CalendarClosingDay.day)
        .order_by(CalendarClosingDay.day)
        .tuples()
    ]


def test_a_range_makes_each_of_its_days_a_closing_day(boss: Any, world: Any) -> None:
    ticket = solved(world, FRIDAY)
    page = "/admin/calendarclosingday/new/"
    assert boss.submit(page, day="2026-11-10").status_code == 303
    answer = boss.submit(page, day="2026-11-09", until="2026-11-13", label_en="Move")
    assert answer.status_code == 303
    said = plain(boss.get(answer.headers["Location"]).text)
    assert "4 closing days are added, from Monday 9 November to Friday 13 November 2026." in said
    assert "1 was a closing day already." in said
    assert closing_days() == [f"2026-11-{day:02}" for day in range(9, 14)]
    assert AuditEntry.select().where(AuditEntry.target.startswith("calendarclosingday:")).count() == 5
    assert again(ticket).closes_at == end_of("2026-11-24")


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        ("2026-12-24", "2026-12-23", "The last day comes after the first one."),
        ("2026-12-24", "2027-12-24", "At most 62 days at once."),
        ("2026-12-24", "Noël", "Give a date as year, month and day."),
        ("2026-11-10", "2026-11-10", "All these days are closing days already."),
    ],
)  # fmt: skip
def test_a_range_that_makes_no_sense_is_refused_whole(boss: Any, first: str, last: str, words: str) -> None:
    page = "/admin/calendarclosingday/new/"
    boss.submit(page, day="2026-11-10")
    answer = boss.submit(page, day=first, until=last)
    assert answer.status_code == 422 and words in plain(answer.text)
    assert closing_days() == ["2026-11-10"]


def test_a_saved_closing_day_is_one_day(boss: Any) -> None:
    boss.submit("/admin/calendarclosingday/new/", day="2026-11-10")
    row = CalendarClosingDay.get()
    assert 'name="until"' not in boss.get(f"/admin/calendarclosingday/edit/?id={row.id}").text


def test_a_team_gets_a_calendar_and_its_requests_other_dates(boss: Any, world: Any) -> None:
    ticket = solved(world)
    abroad = Calendar.create(name="Canada", country="CA", time_zone="Europe/Paris", hours={})
    path = f"/admin/team/edit/?id={ticket.team_id}"
    assert boss.submit(path, calendar=str(abroad.id)).status_code == 303
    assert again(ticket).closes_at == end_of("2026-11-17"), "11 November is worked there"
    assert "Canada" in boss.get(f"/admin/team/details/?id={ticket.team_id}").text
    token = re.search(r'name="csrf_token" value="([^"]+)"', boss.get(path).text)
    assert token is not None
    refused = boss.post("/admin/calendar/delete/", data={"id": abroad.id, "csrf_token": token[1]})
    assert refused.status_code == 409, "a team counts in it"
    assert boss.submit(path, calendar="").status_code == 303
    assert (
        again(ticket).closes_at == end_of("2026-11-18") and Team.get_by_id(ticket.team_id).calendar_id is None
    )


def test_another_name_of_a_team_recomputes_nothing(
    boss: Any, world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[Any] = []
    monkeypatch.setattr(closing, "reschedule_soon", lambda now: called.append(now) or True)
    support = Team.get(Team.slug == "support")
    assert boss.submit(f"/admin/team/edit/?id={support.id}", name_en="Help").status_code == 303
    assert called == []
    assert (
        boss.submit(f"/admin/team/edit/?id={support.id}", calendar=str(Calendar.get().id)).status_code == 303
    )
    assert called == [FRIDAY.astimezone(called[0].tzinfo)]


def test_a_preview_of_an_organisation_with_a_hostile_name_is_text(boss: Any, world: Any) -> None:
    Organisation.update(name="<img src=x onerror=alert(1)>").where(Organisation.slug == "acme").execute()
    asked(world, FRIDAY - timedelta(days=10))
    page = boss.submit(edit("waiting_customer"), button="preview=1", after="5", reminders="").text
    assert "<img src=x" not in page and "&lt;img src=x" in page
