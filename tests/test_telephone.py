"""Telephone lines: which one is for whom, and whether somebody answers, in zones and over changes of clocks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from flask_babel import force_locale

import presenters
from domain import telephone
from domain.workdays import WorkCalendar
from models import Calendar, CalendarClosingDay, HelpLine, Organisation
from presenters import line_days, line_state
from tests.conftest import NOW
from tests.support.casework import see


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def line(zone: str, *periods: tuple[str, str], days: range = range(5), country: str = "") -> Any:
    """A line that is answered at these hours of these weekdays."""
    from domain.workdays import read_hours

    weekdays, hours = read_hours({str(day): periods for day in days})
    calendar = WorkCalendar(country=country, time_zone=zone, weekdays=weekdays, hours=hours)
    return telephone.Line("x", "Ici", "Here", (), "+33 1 99 00 01 42", ("fr",), "", "", calendar)


PARIS = line("Europe/Paris", ("09:00", "12:30"), ("14:00", "18:00"), country="FR")
MONTREAL = line("America/Montreal", ("09:00", "17:00"))
TOKYO = line("Asia/Tokyo", ("09:00", "17:00"))
NIGHT = line("Europe/Paris", ("00:00", "06:00"), ("22:00", "00:00"), days=range(7))
ALWAYS = line("Europe/Paris", ("00:00", "00:00"), days=range(7))

# Line, zone of the reader, instant in UTC, what the page says in English.
STATES = [
    (PARIS, "Europe/Paris", "2026-11-10 08:00", "Open until 12:30"),
    (PARIS, "Europe/Paris", "2026-11-10 11:30", "Opens today at 14:00"),
    (PARIS, "Europe/Paris", "2026-11-10 16:59", "Open until 18:00"),
    # The 11th is a holiday in France: not tomorrow.
    (PARIS, "Europe/Paris", "2026-11-10 17:00", "Opens on Thursday 12 November at 09:00"),
    (PARIS, "Europe/Paris", "2026-11-12 17:00", "Opens tomorrow at 09:00"),
    (PARIS, "Europe/Paris", "2026-11-13 17:00", "Opens on Monday 16 November at 09:00"),
    # The same instant, told to somebody elsewhere.
    (PARIS, "America/Montreal", "2026-11-12 16:00", "Open until 12:00"),
    (PARIS, "Asia/Tokyo", "2026-11-12 14:00", "Open until 02:00 tomorrow"),
    (MONTREAL, "Europe/Paris", "2026-11-10 13:00", "Opens today at 15:00"),
    (MONTREAL, "Europe/Paris", "2026-11-10 15:00", "Open until 23:00"),
    (TOKYO, "Europe/Paris", "2026-11-10 23:00", "Opens today at 01:00"),
    (TOKYO, "Europe/Paris", "2026-11-11 00:30", "Open until 09:00"),
    (TOKYO, "America/Montreal", "2026-11-10 20:00", "Opens today at 19:00"),
    # Clocks change in Paris on 29 March and 25 October 2026, in Montreal on 8 March and 1 November.
    (PARIS, "Europe/Paris", "2026-03-27 18:00", "Opens on Monday 30 March at 09:00"),
    (PARIS, "UTC", "2026-03-27 18:00", "Opens on Monday 30 March at 07:00"),
    (PARIS, "UTC", "2026-10-23 17:00", "Opens on Monday 26 October at 08:00"),
    (MONTREAL, "Europe/Paris", "2026-03-09 12:30", "Opens today at 14:00"),
    (MONTREAL, "Europe/Paris", "2026-11-02 13:30", "Opens today at 15:00"),
    # Over midnight: one period, also in the night that loses or repeats an hour.
    (NIGHT, "Europe/Paris", "2026-11-10 21:30", "Open until 06:00 tomorrow"),
    (NIGHT, "Europe/Paris", "2026-11-10 23:30", "Open until 06:00"),
    (NIGHT, "Europe/Paris", "2026-03-28 21:30", "Open until 06:00 tomorrow"),
    (NIGHT, "UTC", "2026-03-28 21:30", "Open until 04:00 tomorrow"),
    (NIGHT, "UTC", "2026-10-24 21:30", "Open until 05:00 tomorrow"),
    (NIGHT, "Europe/Paris", "2026-11-10 12:00", "Opens today at 22:00"),
    (ALWAYS, "Europe/Paris", "2026-11-10 12:00", "Open day and night"),
]


@pytest.fixture
def in_zone(monkeypatch: Any) -> Any:
    from zoneinfo import ZoneInfo

    def choose(name: str) -> None:
        monkeypatch.setattr(presenters, "_zone", lambda: ZoneInfo(name))

    return choose


@pytest.mark.parametrize(("which", "zone", "instant", "said"), STATES)
def test_a_line_says_whether_it_is_open_in_the_readers_zone(
    app: Any, in_zone: Any, which: Any, zone: str, instant: str, said: str
) -> None:
    in_zone(zone)
    with app.test_request_context(), force_locale("en"):
        assert line_state(telephone.standing(which, at(instant)), at(instant)) == said


def test_the_same_is_said_in_french(app: Any, in_zone: Any) -> None:
    in_zone("Europe/Paris")
    with app.test_request_context(), force_locale("fr"):
        for instant, said in (
            ("2026-11-10 08:00", "Ouvert jusqu’à 12 h 30"),
            ("2026-11-12 17:00", "Ouvre demain à 9 h"),
            ("2026-11-13 17:00", "Ouvre lundi 16 novembre à 9 h"),
        ):
            words = line_state(telephone.standing(PARIS, at(instant)), at(instant))
            assert words.replace("\xa0", " ").replace("\u202f", " ") == said


def test_the_coming_days_stand_in_the_readers_zone(app: Any, in_zone: Any) -> None:
    with app.test_request_context(), force_locale("en"):
        in_zone("America/Montreal")
        days = {one.label: one.hours for one in line_days(TOKYO, at("2026-11-09 15:00"))}
        assert days["Monday 9 November"] == "00:00–03:00, 19:00–24:00"
        assert days["Tuesday 10 November"] == "00:00–03:00, 19:00–24:00"
        assert days["Friday 13 November"] == "00:00–03:00" and days["Saturday 14 November"] == "closed"
        in_zone("Europe/Paris")
        week = line_days(PARIS, at("2026-11-10 12:00"))
        assert len(week) == 7 and week[0].is_today and week[0].hours == "09:00–12:30, 14:00–18:00"
        assert week[1].hours == "closed", "11 November"
        # The day on which an hour comes twice is still one day.
        assert [one.label for one in line_days(PARIS, at("2026-10-24 12:00"))][:3] == [
            "Saturday 24 October", "Sunday 25 October", "Monday 26 October",
        ]  # fmt: skip


def test_a_calendar_that_never_opens_again_is_closed() -> None:
    never = line("Europe/Paris", ("09:00", "10:00"), days=range(1))
    closed = WorkCalendar(
        country="", weekdays=never.calendar.weekdays, hours=((),) * 7, time_zone="Europe/Paris"
    )
    assert closed.open_until(NOW) is None and closed.next_opening(NOW) is None
    for naive in (closed.open_until, closed.next_opening):
        with pytest.raises(ValueError, match="time zone"):
            naive(datetime(2026, 11, 10))  # noqa: DTZ001


def test_the_line_of_the_organisations_country_comes_first(world: Any) -> None:
    assert [one.slug for one in telephone.lines()] == ["france", "north-america", "japan"]
    assert telephone.line_for(None).slug == "france"
    for country, slug in (
        ("FR", "france"),
        ("CA", "north-america"),
        ("US", "north-america"),
        ("JP", "japan"),
        ("DE", "france"),
    ):
        Organisation.update(country=country).where(Organisation.slug == "acme").execute()
        assert telephone.line_for(see(world.alice)).slug == slug
        assert telephone.line_of_person(world.alice.id).slug == slug
    assert telephone.line_for(see(world.sam)).slug == "france" == telephone.line_of_person(None).slug


def test_a_closing_day_counts_and_a_line_out_of_use_is_not_there(world: Any) -> None:
    france = HelpLine.get(HelpLine.slug == "france")
    day = NOW.date()
    CalendarClosingDay.create(calendar=france.calendar, day=day, label_fr="Inventaire")
    HelpLine.update(is_active=False).where(HelpLine.slug == "japan").execute()
    telephone.forget()
    found = {one.slug: one for one in telephone.lines()}
    assert set(found) == {"france", "north-america"} and not telephone.standing(found["france"], NOW).is_open


def test_without_a_line_the_number_of_the_settings_is_shown(client: Any, world: Any) -> None:
    HelpLine.delete().execute()
    telephone.forget()
    assert telephone.line_for(see(world.alice)) is None and telephone.line_of_person(world.alice.id) is None
    for path in ("/help", "/login", "/", "/accessibility"):
        page = client.get(path).text
        assert "+33199000142" in page, path
    assert "Du lundi au vendredi" in client.get("/help").text


# ---- Pages ---------------------------------------------------------------------------------------------


def test_the_page_of_help_says_in_whose_time(client: Any, world: Any, clock: Any) -> None:
    clock.paris("2026-11-12 17:30")
    stranger = client.get("/help").text.replace("\xa0", " ")
    assert "Ouvert jusqu’à 18 h" in stranger and "heure de Paris" in stranger
    assert "Amérique du Nord" in stranger and "Japon" in stranger
    type(world.charlie).update(time_zone="America/Montreal").where(
        type(world.charlie).id == world.charlie.id
    ).execute()
    Organisation.update(country="CA").where(Organisation.slug == "globex").execute()
    client.sign_in(world.charlie)
    page = client.get("/help").text.replace("\xa0", " ")
    assert "dans votre fuseau horaire" in page and "heure de Paris" not in page
    assert "Ouvert jusqu’à 12 h" in page and "Ouvert jusqu’à 17 h" in page
    assert page.index("Amérique du Nord") < page.index("France et partout ailleurs")
    home = client.get("/").text
    assert "+1 514 555 0142" in home and "+33 1 99 00 01 42" not in home
    assert "+1 514 555 0142" in client.get("/requests/new/question").text


def test_an_admin_keeps_the_lines(client: Any, world: Any) -> None:
    client.sign_in(world.root)
    paris = Calendar.get(Calendar.name == "France").id
    typed: dict[str, Any] = {
        "region_fr": "Belgique", "region_en": "Belgium", "slug": "belgium", "phone": "+32 2 555 01 42",
        "countries": "be\nLU", "languages": "fr", "calendar": str(paris), "position": "5", "is_active": "y",
    }  # fmt: skip
    for wrong, words in (({"phone": "appelez-moi"}, "numéro de téléphone"), ({"countries": "ZZZ"}, "pas un pays"),
                         ({"languages": "klingon"}, "pas une langue")):  # fmt: skip
        refused = client.submit("/admin/helpline/new/", **{**typed, **wrong})
        assert refused.status_code == 422 and words in refused.text
    assert client.submit("/admin/helpline/new/", **typed).status_code == 303
    row = HelpLine.get(HelpLine.slug == "belgium")
    assert (row.countries, row.languages) == (["BE", "LU"], ["fr"])
    assert "Belgique" in client.get("/help").text
    assert client.submit(f"/admin/helpline/delete/?id={row.id}").status_code == 303
    stays = client.post(f"/admin/calendar/delete/?id={HelpLine.get(HelpLine.slug == 'japan').calendar_id}")
    assert stays.status_code in (400, 409), "a calendar that a line needs stays"
    assert HelpLine.select().count() == 3
