"""Screens of the calendars: working days and hours, closing days, and the year of one as it is counted (LIFE-12)."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from flask import request
from flask_admin import expose
from wtforms.validators import Length, Optional

from domain import closing, workdays
from domain.refusals import Invalid
from models import Calendar, CalendarClosingDay
from presenters import localized, long_day
from views import current
from views.admin import calendar_year, filters
from views.admin.base import Rows, choices_of, plain
from views.admin.catalogue import TEAMS
from views.admin.dates import recomputing_words, reschedule
from views.admin.fields import Choice, DayInput, Line, RowSelect, WeekHours, time_zones
from words import gettext as _
from words import lazy_gettext as _l
from words import ngettext

# Longer than any holiday of a team: a range beyond is a slip of the finger.
LONGEST_RANGE_DAYS = 62


class CalendarView(Rows):
    table = Calendar
    title = _l("Calendars")
    new_title = _l("New calendar")
    lead = _l(
        "Working days and hours, with the public holidays of a country. Delays in working days follow them."
    )
    section = TEAMS
    icon = "calendar-event"
    column_list = ("name", "country", "subdivision", "time_zone", "is_default")
    column_details_list = ("name", "country", "subdivision", "time_zone", "hours", "is_default")
    column_sortable_list = ("name", "country")
    column_searchable_list = ("name",)
    form_columns = ("name", "country", "subdivision", "time_zone", "hours", "is_default")
    form_fields = {
        "country": Line(
            _l("Country"),
            description=_l(
                "Two letters, such as FR: its public holidays are not worked. Empty: no public holidays."
            ),
            validators=[Length(max=2)],
        ),
        "subdivision": Line(
            _l("Region"),
            description=_l(
                "The code of a region with holidays of its own, such as 57 for Moselle. Usually empty."
            ),
            validators=[Length(max=10)],
        ),
        "time_zone": Choice(_l("Time zone"), choices=time_zones, default="Europe/Paris"),
        "hours": WeekHours(
            _l("Working hours"),
            description=_l("Such as 09:00-12:30, 14:00-18:00. A day without hours is not worked."),
        ),
    }
    default_order = (Calendar.name,)
    deleted_with = (CalendarClosingDay,)

    @expose("/year/")
    def year(self) -> Any:
        """A year of a calendar, month by month, and what N working days after a day is."""
        row = self.row_or_404()
        page = calendar_year.page(row, request.args, current.now())
        return self.render(
            "admin/calendar_year.html", row=row, list_url=self.get_url(".index_view"), **page
        ), 422 if page["after"].errors else 200

    def notice(self) -> Any:
        """Dates that are being recomputed."""
        return recomputing_words() if closing.is_rescheduling() else ""

    def row_links(self, row: Any) -> list[dict[str, Any]]:
        """The year of a calendar."""
        return [{"url": self.get_url(".year", id=row.id), "icon": "calendar", "label": _("See the year")}]

    def show_hours(self, row: Any) -> str:
        """The worked periods, day by day."""
        from flask_babel import get_locale

        names = get_locale().days["stand-alone"]["abbreviated"]
        return " · ".join(
            f"{names[day]} {', '.join('–'.join(period) for period in row.hours[str(day)])}"
            for day in range(7)
            if row.hours.get(str(day))
        )

    def before_save(self, form: Any, row: Any, before: Any) -> None:
        """A calendar that could not count is refused at its field; only one is used by default."""
        row.country = (row.country or "").upper()
        row.subdivision = (row.subdivision or "").upper() or None
        if not workdays.is_known_region(row.country):
            raise Invalid(
                "country", field="country", words=_("The public holidays of this country are not known here.")
            )
        if not workdays.is_known_region(row.country, row.subdivision):
            raise Invalid(
                "region", field="subdivision", words=_("This region is not known for this country.")
            )
        if not row.hours:
            raise Invalid("hours", field="hours", words=_("At least one day is worked."))
        try:
            closing.work_calendar(row, ())
        except ValueError:
            raise Invalid(
                "hours",
                field="hours",
                words=_("The periods of a day follow one another, each with its start before its end."),
            ) from None
        if before and before["is_default"] and not row.is_default:
            raise Invalid(
                "default",
                field="is_default",
                words=_("One calendar is used by default: choose it on another one."),
            )
        if row.is_default:
            others = Calendar.is_default == True  # noqa: E712
            if row.id:
                others &= Calendar.id != row.id
            for other in Calendar.select().where(others):
                Calendar.update(is_default=False).where(Calendar.id == other.id).execute()
                self.record("admin:changed", self.target(other), changed={"is_default": [True, False]})

    def blockers(self, row: Any) -> list[Any]:
        """The one used by default stays too."""
        return [*super().blockers(row), *([_l("rules that name no calendar")] if row.is_default else [])]

    def goes_with(self, row: Any) -> list[str]:
        """Its closing days."""
        count = CalendarClosingDay.select().where(CalendarClosingDay.calendar == row.id).count()
        return (
            [ngettext("%(num)s closing day goes with it", "%(num)s closing days go with it", count)]
            if count
            else []
        )

    def after_commit(self) -> None:
        """The dates of the requests that wait follow the calendars."""
        reschedule()


class CalendarClosingDayView(Rows):
    table = CalendarClosingDay
    title = _l("Closing days")
    new_title = _l("New closing day")
    lead = _l("Days on which a team is closed besides public holidays.")
    section = TEAMS
    icon = "calendar-x"
    list_joins = (CalendarClosingDay.calendar,)
    column_list = ("day", "label", "calendar")
    column_details_list = ("day", "label_fr", "label_en", "calendar")
    column_sortable_list = ("day", ("calendar", CalendarClosingDay.calendar))
    column_searchable_list = ("label_fr", "label_en")
    column_filters = (
        filters.Row(
            "calendar", CalendarClosingDay.calendar, _l("Calendar"), choices_of(Calendar, Calendar.name)
        ),
    )
    form_columns = ("calendar", "day", "label_fr", "label_en")
    form_fields = {"calendar": RowSelect(_l("Calendar"), rows=choices_of(Calendar, Calendar.name))}
    new_fields = {
        "until": DayInput(
            _l("Until"),
            description=_l(
                "The last day of several, such as the week of Christmas: each becomes a closing day. Empty: one day."
            ),
            validators=[Optional()],
        )
    }
    default_order = (CalendarClosingDay.day,)

    def row_label(self, row: Any) -> str:
        """The day, and why."""
        return " · ".join(part for part in (str(self.words(row.day)), localized(row, "label")) if part)

    def _create(self, form: Any, row: Any) -> Any:
        """One day, or each day of a range that is not a closing day yet."""
        last = form.until.data
        if last is None:
            form.made = 1
            return super()._create(form, row)
        self._fill(form, row)
        first: date = row.day
        if last < first:
            raise Invalid(
                "range-backwards", field="until", words=_("The last day comes after the first one.")
            )
        if (last - first).days >= LONGEST_RANGE_DAYS:
            raise Invalid(
                "range-too-long",
                field="until",
                words=_("At most %(most)s days at once.", most=LONGEST_RANGE_DAYS),
            )
        days = [first + timedelta(days=place) for place in range((last - first).days + 1)]
        known = {
            day
            for (day,) in CalendarClosingDay.select(CalendarClosingDay.day)
            .where(
                (CalendarClosingDay.calendar == row.calendar_id) & CalendarClosingDay.day.between(first, last)
            )
            .tuples()
        }
        made = [
            CalendarClosingDay(
                calendar=row.calendar_id, day=day, label_fr=row.label_fr, label_en=row.label_en
            )
            for day in days
            if day not in known
        ]
        if not made:
            raise Invalid("range-known", field="until", words=_("All these days are closing days already."))
        for one in made:
            one.save(force_insert=True)
            self.record("admin:created", self.target(one), values=plain(one))
        form.made = len(made)
        form.kept = len(known)
        return made[0]

    def created_words(self, row: Any, form: Any = None) -> str:
        """How many days were added, and which were there already."""
        if form is None or form.until.data is None:
            return super().created_words(row)
        words = ngettext(
            "%(num)s closing day is added, from %(first)s to %(last)s.",
            "%(num)s closing days are added, from %(first)s to %(last)s.",
            form.made,
            first=long_day(form.day.data),
            last=long_day(form.until.data, year=True),
        )
        if form.kept:
            words += " " + ngettext(
                "%(num)s was a closing day already.", "%(num)s were closing days already.", form.kept
            )
        return words

    def after_commit(self) -> None:
        """The dates of the requests that wait follow the calendars."""
        reschedule()
