"""Working days and hours: what is worked, where a day ends, how much was worked in between."""

import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import workdays
from domain.workdays import (
    CLOSING_DAY,
    HOLIDAY,
    WEEKEND,
    SkippedDay,
    WorkCalendar,
    is_known_region,
    read_hours,
    regions,
)

PARIS = ZoneInfo("Europe/Paris")
FRANCE = WorkCalendar()
MOSELLE = WorkCalendar(subdivision="57")
HOLIDAYS_2026 = {
    date(2026, 1, 1): ("Jour de l'an", "New Year's Day"),
    date(2026, 4, 6): ("Lundi de Pâques", "Easter Monday"),
    date(2026, 5, 1): ("Fête du Travail", "Labor Day"),
    date(2026, 5, 8): ("Fête de la Victoire", "Victory Day"),
    date(2026, 5, 14): ("Ascension", "Ascension Day"),
    date(2026, 5, 25): ("Lundi de Pentecôte", "Pentecost Monday"),
    date(2026, 7, 14): ("Fête nationale", "National Day"),
    date(2026, 8, 15): ("Assomption", "Assumption Day"),
    date(2026, 11, 1): ("Toussaint", "All Saints' Day"),
    date(2026, 11, 11): ("Armistice", "Armistice Day"),
    date(2026, 12, 25): ("Noël", "Christmas Day"),
}


def paris(*numbers: int, fold: int = 0) -> datetime:
    return datetime(*numbers, tzinfo=PARIS, fold=fold)


def test_resolved_on_friday_6_november_2026_ends_with_wednesday_18_november():
    resolved = paris(2026, 11, 6, 16, 20)
    end = FRANCE.after_working_days(resolved, 7)
    assert FRANCE.last_day(end) == date(2026, 11, 18)
    assert end == datetime(2026, 11, 18, 23, tzinfo=UTC)
    assert end.tzinfo is UTC
    assert FRANCE.skipped_days(resolved, 7) == [
        SkippedDay(date(2026, 11, 7), WEEKEND),
        SkippedDay(date(2026, 11, 8), WEEKEND),
        SkippedDay(date(2026, 11, 11), HOLIDAY),
        SkippedDay(date(2026, 11, 14), WEEKEND),
        SkippedDay(date(2026, 11, 15), WEEKEND),
    ]
    assert FRANCE.holiday_name(date(2026, 11, 11), "fr") == "Armistice"


@pytest.mark.parametrize("clock", [(0, 0, 0), (0, 0, 1), (8, 59, 0), (12, 0, 0), (23, 59, 59)])
def test_the_hour_of_the_day_changes_nothing(clock):
    assert FRANCE.after_working_days(paris(2026, 11, 6, *clock), 7) == paris(2026, 11, 19)
    assert FRANCE.after_days(paris(2026, 11, 6, *clock), 10) == paris(2026, 11, 17)


def test_the_day_is_the_one_of_the_calendar_and_not_of_utc():
    late_in_paris = datetime(2026, 7, 1, 22, 30, tzinfo=UTC)  # 00:30 on 2 July
    assert FRANCE.local_day(late_in_paris) == date(2026, 7, 2)
    assert FRANCE.after_days(late_in_paris, 1) == paris(2026, 7, 4)


@pytest.mark.parametrize(
    ("start", "days", "first_working_day"),
    [
        (date(2026, 11, 7), 1, date(2026, 11, 9)),  # from a Saturday
        (date(2026, 11, 8), 1, date(2026, 11, 9)),  # from a Sunday
        (date(2026, 11, 11), 1, date(2026, 11, 12)),  # from a holiday
        (date(2026, 11, 10), 1, date(2026, 11, 12)),  # to the day after a holiday
        (date(2026, 4, 30), 1, date(2026, 5, 4)),  # holiday on Friday, then a weekend
        (date(2026, 12, 24), 5, date(2027, 1, 4)),  # Christmas and New Year's Day, both Fridays
        (date(2026, 12, 31), 1, date(2027, 1, 4)),
        (date(2024, 2, 28), 1, date(2024, 2, 29)),
        (date(2024, 2, 29), 1, date(2024, 3, 1)),
        (date(2026, 2, 27), 1, date(2026, 3, 2)),
        (date(2026, 11, 6), 0, date(2026, 11, 6)),
    ],
)
def test_working_days_step_over_weekends_holidays_and_ends_of_years(start, days, first_working_day):
    assert FRANCE.working_day_after(start, days) == first_working_day


def test_the_eleven_holidays_of_france_in_2026_by_name_in_both_languages():
    assert FRANCE.holidays_of_year(2026, "fr") == {day: names[0] for day, names in HOLIDAYS_2026.items()}
    assert FRANCE.holidays_of_year(2026, "en") == {day: names[1] for day, names in HOLIDAYS_2026.items()}


@pytest.mark.parametrize("holiday", HOLIDAYS_2026)
def test_no_holiday_of_2026_is_worked(holiday):
    assert not FRANCE.is_working_day(holiday)
    week_without_holidays = WorkCalendar(country="")
    before = datetime.combine(holiday - timedelta(days=1), time(12), PARIS)
    later = FRANCE.after_working_days(before, 5) - week_without_holidays.after_working_days(before, 5)
    if holiday.weekday() < 5:
        assert FRANCE.why_not_worked(holiday) == HOLIDAY
        assert later >= timedelta(days=1)
    else:
        assert FRANCE.why_not_worked(holiday) == WEEKEND
        assert holiday not in [day for day, why in FRANCE.skipped_days(before, 5) if why == HOLIDAY]


def test_ordinary_days_have_no_holiday_name():
    assert FRANCE.holiday_name(date(2026, 11, 12), "fr") is None
    assert FRANCE.is_working_day(date(2026, 11, 12))


@pytest.mark.parametrize("region", ["57", "6AE"])
def test_alsace_moselle_keeps_good_friday_and_saint_stephen(region):
    calendar = WorkCalendar(subdivision=region)
    assert calendar.holiday_name(date(2026, 4, 3), "fr") == "Vendredi saint"
    assert calendar.holiday_name(date(2028, 12, 26), "fr") == "Saint-Étienne"
    assert len(calendar.holidays_of_year(2026, "fr")) == 13
    for day in (date(2026, 4, 3), date(2028, 12, 26)):
        assert not calendar.is_working_day(day)
        assert FRANCE.is_working_day(day)


def test_two_holidays_on_one_day_make_one_name():
    assert FRANCE.holiday_name(date(2008, 5, 1), "fr") in {
        "Ascension, Fête du Travail",
        "Fête du Travail, Ascension",
    }


def test_closing_days_of_the_team_are_skipped_with_their_own_reason():
    bridge = date(2026, 5, 15)
    calendar = WorkCalendar(closing_days=frozenset({bridge, date(2026, 5, 14), date(2026, 5, 16)}))
    assert calendar.after_working_days(paris(2026, 5, 13, 9), 1) == paris(2026, 5, 19)
    assert calendar.skipped_days(paris(2026, 5, 13, 9), 1) == [
        SkippedDay(date(2026, 5, 14), HOLIDAY),
        SkippedDay(bridge, CLOSING_DAY),
        SkippedDay(date(2026, 5, 16), WEEKEND),
        SkippedDay(date(2026, 5, 17), WEEKEND),
    ]


def test_a_week_may_have_other_working_days():
    sunday_to_thursday = WorkCalendar(country="", weekdays=frozenset({6, 0, 1, 2, 3}))
    assert sunday_to_thursday.working_day_after(date(2026, 11, 5), 1) == date(2026, 11, 8)


def test_names_are_given_in_the_readers_language_when_the_country_has_them_whatever_the_machines(monkeypatch):
    workdays._public_holidays.cache_clear()
    monkeypatch.setenv("LANGUAGE", "de")
    monkeypatch.setenv("LANG", "de_DE.UTF-8")
    assert WorkCalendar(country="BE").holiday_name(date(2026, 7, 21), "fr") == "Fête nationale"
    assert WorkCalendar(country="DE").holiday_name(date(2026, 10, 3), "fr") == "German Unity Day"
    assert FRANCE.holiday_name(date(2026, 7, 14), "en") == "National Day"
    workdays._public_holidays.cache_clear()


def test_a_holiday_kept_in_the_year_before_its_own_is_not_worked():
    # 1 January 2028 is a Saturday: kept on Friday 31 December 2027.
    assert not WorkCalendar(country="US").is_working_day(date(2027, 12, 31))


def test_holidays_of_a_year_cannot_be_changed_by_who_reads_them():
    FRANCE.holidays_of_year(2026, "en").clear()
    assert not FRANCE.is_working_day(date(2026, 11, 11))


# Daylight saving and zones


def test_the_day_of_29_march_2026_has_23_hours_and_25_october_25():
    for day, hours in [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 3, 30), 24)]:
        assert FRANCE.end_of_day(day) - FRANCE.end_of_day(day - timedelta(days=1)) == timedelta(hours=hours)


def test_three_days_over_the_change_of_march_end_at_local_midnight():
    assert FRANCE.after_days(paris(2026, 3, 27, 9), 3) == datetime(2026, 3, 30, 22, tzinfo=UTC)
    assert FRANCE.after_days(paris(2026, 10, 23, 9), 3) == datetime(2026, 10, 26, 23, tzinfo=UTC)


def test_both_half_past_two_of_25_october_belong_to_that_day():
    first, second = (paris(2026, 10, 25, 2, 30, fold=fold) for fold in (0, 1))
    assert second.astimezone(UTC) - first.astimezone(UTC) == timedelta(hours=1)
    assert FRANCE.after_days(first, 1) == FRANCE.after_days(second, 1) == paris(2026, 10, 27)


@pytest.mark.parametrize(
    ("zone", "day", "end"),
    [
        ("Pacific/Auckland", date(2026, 11, 18), datetime(2026, 11, 18, 11, tzinfo=UTC)),
        ("America/New_York", date(2026, 11, 18), datetime(2026, 11, 19, 5, tzinfo=UTC)),
        ("Asia/Kathmandu", date(2026, 11, 18), datetime(2026, 11, 18, 18, 15, tzinfo=UTC)),
        # Clocks go from 24:00 to 01:00: the next day begins at the jump.
        ("America/Sao_Paulo", date(2018, 11, 3), datetime(2018, 11, 4, 3, tzinfo=UTC)),
        # Clocks go from 24:00 back to 23:00: the day ends only the second time.
        ("America/Sao_Paulo", date(2018, 2, 17), datetime(2018, 2, 18, 3, tzinfo=UTC)),
        # Clocks go from 01:00 back to 00:00: the day ended the first time.
        ("America/Havana", date(2026, 10, 31), datetime(2026, 11, 1, 4, tzinfo=UTC)),
        # Clocks went from 23:30 to 00:30.
        ("America/Toronto", date(1919, 3, 30), datetime(1919, 3, 31, 4, 30, tzinfo=UTC)),
    ],
)
def test_days_end_at_midnight_of_their_own_zone(zone, day, end):
    calendar = WorkCalendar(country="", time_zone=zone)
    assert calendar.end_of_day(day) == end
    assert calendar.last_day(end) == day
    assert calendar.local_day(end) == day + timedelta(days=1)


# Working hours


@pytest.mark.parametrize(
    ("start", "hours", "end"),
    [
        (paris(2026, 11, 6, 10), 2, paris(2026, 11, 6, 12)),
        (paris(2026, 11, 6, 17), 2, paris(2026, 11, 9, 10)),  # over a weekend
        (
            paris(2026, 11, 6, 17),
            1,
            paris(2026, 11, 6, 18),
        ),  # done at the end of the day, not the next morning
        (paris(2026, 11, 6, 6), 1, paris(2026, 11, 6, 10)),  # before opening
        (paris(2026, 11, 7, 11), 1, paris(2026, 11, 9, 10)),  # on a Saturday
        (paris(2026, 11, 10, 17, 30), 1, paris(2026, 11, 12, 9, 30)),  # over 11 November
        (paris(2026, 11, 2, 9), 45, paris(2026, 11, 6, 18)),  # a whole week
    ],
)
def test_working_time_runs_only_in_working_hours(start, hours, end):
    assert FRANCE.add_working_time(start, timedelta(hours=hours)) == end
    assert FRANCE.working_time_between(start, end) == timedelta(hours=hours)
    assert FRANCE.working_time_between(end, start) == -timedelta(hours=hours)


def test_no_working_time_to_add_is_the_instant_itself():
    assert FRANCE.add_working_time(paris(2026, 11, 7, 11), timedelta()) == paris(2026, 11, 7, 11)


def test_working_time_of_many_years_is_counted_to_its_end():
    ten_years = FRANCE.working_time_between(paris(2026, 1, 1), paris(2036, 1, 1))
    assert FRANCE.add_working_time(paris(2026, 1, 1), ten_years) == paris(2035, 12, 31, 18)
    assert timedelta(hours=9 * 2500) < ten_years < timedelta(hours=9 * 2560)


def test_a_lunch_break_is_not_worked():
    split = WorkCalendar(hours=(((time(9), time(12, 30)), (time(14), time(18))),) * 7)
    assert split.add_working_time(paris(2026, 11, 6, 12), timedelta(hours=1)) == paris(2026, 11, 6, 14, 30)
    assert split.working_time_between(paris(2026, 11, 6, 0), paris(2026, 11, 7, 0)) == timedelta(hours=7.5)


def test_a_team_that_never_sleeps_works_23_and_25_hours_when_clocks_change():
    always = WorkCalendar(country="", weekdays=frozenset(range(7)), hours=(((time(0), time(0)),),) * 7)
    assert always.working_time_between(paris(2026, 3, 29), paris(2026, 3, 30)) == timedelta(hours=23)
    assert always.working_time_between(paris(2026, 10, 25), paris(2026, 10, 26)) == timedelta(hours=25)
    assert always.add_working_time(paris(2026, 3, 29, 1), timedelta(hours=1)) == paris(2026, 3, 29, 3)
    start = paris(2026, 10, 25, 2, 30)
    assert always.add_working_time(start, timedelta(hours=1)) == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "end", "march", "october"),
    [
        (time(1), time(4), 2, 4),
        (time(2), time(3), 0, 2),
        (time(2, 30), time(4), 1, 2.5),
        (time(1), time(2, 30), 1, 2.5),
        (time(2, 15), time(2, 45), 0, 1.5),
    ],
)
def test_hours_that_clocks_remove_or_double_count_as_lived(start, end, march, october):
    night = WorkCalendar(country="", weekdays=frozenset(range(7)), hours=(((start, end),),) * 7)
    for day, hours in [(date(2026, 3, 29), march), (date(2026, 10, 25), october)]:
        midnight = datetime.combine(day, time(0), PARIS)
        worked = night.working_time_between(midnight, datetime.combine(day, time(12), PARIS))
        assert worked == timedelta(hours=hours)


def test_hours_are_read_from_the_row_of_a_calendar():
    weekdays, hours = read_hours(
        {"0": [["09:00", "12:00"], ["14:00", "17:30"]], "5": [["09:00", "12:00"]], "6": []}
    )
    assert weekdays == {0, 5}
    calendar = WorkCalendar(country="", weekdays=weekdays, hours=hours)
    assert calendar.working_time_between(paris(2026, 11, 2), paris(2026, 11, 9)) == timedelta(hours=9.5)
    assert read_hours({}) == read_hours({"3": []}) == (FRANCE.weekdays, FRANCE.hours)
    with pytest.raises(ValueError, match="isoformat"):
        read_hours({"0": [["nine", "12:00"]]})


# What is refused


@pytest.mark.parametrize(
    "ask",
    [
        lambda naive: FRANCE.local_day(naive),
        lambda naive: FRANCE.last_day(naive),
        lambda naive: FRANCE.after_days(naive, 1),
        lambda naive: FRANCE.after_working_days(naive, 1),
        lambda naive: FRANCE.skipped_days(naive, 1),
        lambda naive: FRANCE.add_working_time(naive, timedelta(hours=1)),
        lambda naive: FRANCE.working_time_between(naive, paris(2026, 1, 1)),
        lambda naive: FRANCE.working_time_between(paris(2026, 1, 1), naive),
    ],
)
def test_a_datetime_without_a_zone_is_refused(ask):
    with pytest.raises(ValueError, match="time zone"):
        ask(datetime(2026, 11, 6, 9))  # noqa: DTZ001


def test_distances_are_never_negative():
    for refused in (FRANCE.after_days, FRANCE.after_working_days):
        with pytest.raises(ValueError, match="not negative"):
            refused(paris(2026, 11, 6), -1)
    with pytest.raises(ValueError, match="not negative"):
        FRANCE.add_working_time(paris(2026, 11, 6), timedelta(seconds=-1))


@pytest.mark.parametrize(
    "wrong",
    [
        {"time_zone": "Europe/Nowhere"},
        {"time_zone": "../etc/passwd"},
        {"time_zone": "Europe"},
        {"time_zone": ""},
        {"weekdays": frozenset()},
        {"weekdays": frozenset({0, 7})},
        {"hours": (((time(9), time(18)),),) * 5},
        {"hours": (((time(18), time(9)),),) * 7},
        {"hours": (((time(9), time(9)),),) * 7},
        {"hours": (((time(9), time(12)), (time(11), time(18))),) * 7},
        {"hours": (((time(9), time(0)), (time(11), time(18))),) * 7},
        {"hours": (((time(9, tzinfo=UTC), time(18, tzinfo=UTC)),),) * 7},
    ],
)
def test_a_calendar_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValueError, match=r"zone|weekday|hours"):
        WorkCalendar(**wrong)


def test_a_calendar_that_never_works_again_is_an_error_and_not_an_endless_search():
    closed = frozenset(date(2026, 1, 1) + timedelta(days=n) for n in range(2000))
    with pytest.raises(ValueError, match="no working day"):
        WorkCalendar(closing_days=closed).after_working_days(paris(2026, 1, 1), 1)
    with pytest.raises(ValueError, match="no working hours"):
        WorkCalendar(hours=((),) * 7).add_working_time(paris(2026, 1, 1), timedelta(hours=1))


def test_countries_and_regions_are_checked_where_calendars_are_edited():
    assert is_known_region("FR")
    assert is_known_region("FR", "57")
    assert is_known_region("")
    assert not is_known_region("", "57")
    assert not is_known_region("FR", "99")
    assert not is_known_region("XX")
    assert not is_known_region("FRA")
    assert "974" in regions("FR")
    with pytest.raises(ValueError, match="unknown country"):
        WorkCalendar(country="XX").is_working_day(date(2026, 11, 6))
    with pytest.raises(ValueError, match="unknown region"):
        WorkCalendar(subdivision="99").is_working_day(date(2026, 11, 6))


def test_starting_does_not_load_the_holidays_and_asking_loads_one_country():
    script = """
import sys
from datetime import date
from domain.workdays import WorkCalendar
calendar = WorkCalendar()
loaded = lambda: [name for name in sys.modules if name.split(".")[0] == "holidays"]
assert not loaded(), loaded()
assert calendar.holiday_name(date(2026, 11, 11), "fr") == "Armistice"
assert [name for name in loaded() if name.startswith("holidays.countries")] == ["holidays.countries.france"]
WorkCalendar(country="DE").is_working_day(date(2026, 10, 5))
from holidays import country_holidays
import holidays.countries
assert date(2026, 11, 11) in country_holidays("FR", years=2026)
assert holidays.countries.Germany.country == "DE"
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, env={"PYTHONPATH": "."}
    )
    assert done.returncode == 0, done.stderr


# Properties

INSTANTS = st.datetimes(
    min_value=datetime(2020, 1, 1),  # noqa: DTZ001
    max_value=datetime(2045, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
CALENDARS = st.builds(
    WorkCalendar,
    country=st.sampled_from(["FR", "", "DE", "US"]),
    time_zone=st.sampled_from(
        ["Europe/Paris", "America/New_York", "Pacific/Auckland", "America/Havana", "UTC"]
    ),
    closing_days=st.frozensets(st.dates(date(2020, 1, 1), date(2045, 1, 1)), max_size=30),
    weekdays=st.frozensets(st.integers(0, 6), min_size=1),
    hours=st.sampled_from(
        [
            (((time(9), time(18)),),) * 7,
            (((time(0), time(0)),),) * 7,
            (((time(1, 30), time(2, 30)), (time(14), time(0))),) * 7,
        ]
    ),
)


@given(CALENDARS, INSTANTS, st.integers(1, 30))
def test_the_nth_working_day_is_worked_and_n_days_were_worked_until_then(calendar, start, n):
    end = calendar.after_working_days(start, n)
    first, last = calendar.local_day(start), calendar.last_day(end)
    between = [first + timedelta(days=i) for i in range(1, (last - first).days + 1)]
    assert between[-1] == last
    assert calendar.is_working_day(last)
    assert sum(map(calendar.is_working_day, between)) == n
    assert {day for day, _ in calendar.skipped_days(start, n)} == {
        day for day in between if not calendar.is_working_day(day)
    }
    assert end > start
    assert end.astimezone(ZoneInfo(calendar.time_zone)).date() == last + timedelta(days=1)


@given(CALENDARS, INSTANTS, st.integers(0, 20), st.integers(1, 20))
def test_later_starts_and_longer_distances_never_end_earlier(calendar, start, n, more):
    assert calendar.after_working_days(start, n) < calendar.after_working_days(start, n + more)
    assert calendar.after_days(start, n) <= calendar.after_working_days(start, n) or n == 0
    later = start + timedelta(hours=more)
    assert calendar.after_working_days(start, n) <= calendar.after_working_days(later, n)


@given(CALENDARS, INSTANTS, st.timedeltas(timedelta(seconds=1), timedelta(hours=60)))
def test_adding_working_time_and_measuring_it_agree(calendar, start, duration):
    end = calendar.add_working_time(start, duration)
    assert calendar.working_time_between(start, end) == duration
    # It is the first such instant: a moment before, less had been worked.
    assert calendar.working_time_between(start, end - timedelta(microseconds=1)) < duration


@given(CALENDARS, st.tuples(INSTANTS, st.integers(0, 500), st.integers(0, 500)))
def test_working_time_adds_up(calendar, spans):
    start, first, second = spans
    middle = start + timedelta(hours=first)
    end = middle + timedelta(hours=second)
    parts = calendar.working_time_between(start, middle) + calendar.working_time_between(middle, end)
    assert calendar.working_time_between(start, end) == parts
    assert timedelta() <= parts <= end - start
