"""Screens of the rules: routing, closing, calendars, and the settings of the portal."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import flash, redirect, request
from flask_admin import expose
from flask_babel import get_timezone, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, IntegerField
from wtforms.validators import InputRequired, Length, NumberRange

from domain import catalogue, closing, closing_rules, settings, workdays
from domain.refusals import Invalid, Refusal
from models import (
    Calendar,
    CalendarClosingDay,
    Category,
    ClosingRule,
    Kind,
    Organisation,
    Product,
    RequestForm,
    RoutingRule,
    Team,
    db,
)
from presenters import days_counted, localized, long_day, refusal
from views import current
from views.admin import filters
from views.admin.base import Badge, Rows, Screen, choices_of, give_back
from views.admin.catalogue import TEAMS, show_active
from views.admin.fields import (
    MOST_INTEGER,
    REQUIRED,
    Choice,
    Finder,
    Line,
    Lines,
    Lookup,
    RowSelect,
    WeekHours,
    WholeNumbers,
    time_zones,
)

ORGANISATION = Finder("organisation", Organisation.name)
NO_SUCH_ORGANISATION = _l("No organisation has this name. Choose one of those proposed while you type.")
ANY = _l("Any")
# The preview counts up to this many requests: it answers "a few or a great many", not how many exactly.
MOST_FORESEEN = 500


def status_words(statuses: Any) -> list[tuple[str, str]]:
    """Statuses with the words of the team."""
    labels = catalogue.labels()
    return [(key, localized(labels[key], "team") if key in labels else key) for key in statuses]


class RoutingRuleView(Rows):
    table = RoutingRule
    title = _l("Routing")
    new_title = _l("New routing rule")
    lead = _l("Which team gets a new request: the first rule that fits, from the smallest place on.")
    section = TEAMS
    icon = "signpost-split"
    list_joins = (
        RoutingRule.category, RoutingRule.form, RoutingRule.product, RoutingRule.kind, RoutingRule.organisation,
        RoutingRule.team,
    )  # fmt: skip
    column_list = ("position", "category", "form", "product", "kind", "organisation", "team", "is_active")
    column_details_list = column_list
    column_sortable_list = ("position",)
    column_filters = (
        filters.Row("team", RoutingRule.team, _l("Team"), choices_of(Team)),
        filters.Row("form", RoutingRule.form, _l("Form"), choices_of(RequestForm)),
        filters.Named("organisation", RoutingRule.organisation, _l("Organisation"), ORGANISATION),
        filters.YesNo("active", RoutingRule.is_active, _l("In use")),
    )
    finders = (ORGANISATION,)
    form_columns = ("position", "category", "form", "product", "kind", "organisation", "team", "is_active")
    form_fields = {
        "category": RowSelect(_l("Category"), rows=choices_of(Category), blank=ANY),
        "form": RowSelect(_l("Form"), rows=choices_of(RequestForm), blank=ANY),
        "product": RowSelect(_l("Product"), rows=choices_of(Product), blank=ANY),
        "kind": RowSelect(_l("Kind"), rows=choices_of(Kind), blank=ANY),
        "organisation": Lookup(
            _l("Organisation"), find=ORGANISATION, missing=NO_SUCH_ORGANISATION, description=_l("Empty: any.")
        ),
        "team": RowSelect(_l("Team"), rows=choices_of(Team)),
    }
    default_order = (RoutingRule.position,)

    def show_is_active(self, row: Any) -> Badge:
        """Active or not."""
        return show_active(row)

    def row_label(self, row: Any) -> str:
        """Rules have no name: their place and their team."""
        return _("Rule %(position)s, to %(team)s", position=row.position, team=self.words(row.team))

    def value(self, row: Any, name: str) -> Any:
        """An empty condition fits anything."""
        shown = super().value(row, name)
        return (
            ANY
            if shown is None and name in ("category", "form", "product", "kind", "organisation")
            else shown
        )


class ClosingRuleView(Rows):
    table = ClosingRule
    title = _l("Closing")
    new_title = _l("New closing rule")
    lead = _l(
        "When a silent request is reminded about, and when it closes by itself. The most precise rule wins: "
        "organisation and form, then organisation, then form, then everybody."
    )
    section = TEAMS
    icon = "calendar-check"
    list_joins = (ClosingRule.organisation, ClosingRule.form, ClosingRule.calendar)
    column_list = (
        "status",
        "organisation",
        "form",
        "reminders",
        "after",
        "final_status",
        "calendar",
        "is_active",
    )
    column_details_list = (
        "status",
        "organisation",
        "form",
        "unit",
        "reminders",
        "after",
        "final_status",
        "calendar",
        "is_active",
    )
    column_sortable_list = ("status", "after")
    column_filters = (
        filters.OneOf(
            "status",
            ClosingRule.status,
            _l("Status"),
            lambda: status_words(closing_rules.STATUSES_WITH_CLOSING),
        ),
        filters.Named("organisation", ClosingRule.organisation, _l("Organisation"), ORGANISATION),
        filters.YesNo("active", ClosingRule.is_active, _l("In use")),
    )
    finders = (ORGANISATION,)
    column_choices_words = {
        "unit": [("days", _l("Days")), ("working_days", _l("Working days"))],
        "status": lambda: status_words(closing_rules.STATUSES_WITH_CLOSING),
        "final_status": lambda: status_words(closing_rules.FINAL_STATUSES),
    }
    form_columns = (
        "status",
        "organisation",
        "form",
        "unit",
        "reminders",
        "after",
        "final_status",
        "calendar",
        "is_active",
    )
    form_fields = {
        "status": Choice(
            _l("While a request is"), choices=lambda: status_words(closing_rules.STATUSES_WITH_CLOSING)
        ),
        "organisation": Lookup(
            _l("Organisation"), find=ORGANISATION, missing=NO_SUCH_ORGANISATION, description=_l("Empty: all.")
        ),
        "form": RowSelect(_l("Form"), rows=choices_of(RequestForm), blank=_l("All forms")),
        "unit": Choice(
            _l("Counted in"), choices=[("days", _l("Days")), ("working_days", _l("Working days"))]
        ),
        "reminders": WholeNumbers(
            _l("Reminders after"),
            description=_l("Numbers separated by commas, such as 10, 15. Empty: no reminder."),
        ),
        "after": IntegerField(
            _l("Acts after"),
            validators=[
                InputRequired(REQUIRED),
                NumberRange(1, closing_rules.LONGEST_RULE_DAYS, message=_l("A whole number from 1 to 366.")),
            ],
        ),
        "final_status": Choice(
            _l("The request is then"), choices=lambda: status_words(closing_rules.FINAL_STATUSES)
        ),
        "calendar": RowSelect(
            _l("Calendar"), rows=choices_of(Calendar, Calendar.name), blank=_l("The one used by default")
        ),
    }
    default_order = (ClosingRule.status, ClosingRule.organisation, ClosingRule.form)

    def value(self, row: Any, name: str) -> Any:
        """An empty condition is for all."""
        shown = super().value(row, name)
        if shown is None and name == "organisation":
            return _("All organisations")
        return _("All forms") if shown is None and name == "form" else shown

    def show_is_active(self, row: Any) -> Badge:
        """Active or not."""
        return show_active(row)

    def show_after(self, row: Any) -> str:
        """How long, with its unit."""
        return days_counted(row.after, row.unit)

    def show_reminders(self, row: Any) -> str | None:
        """The reminders, with their unit."""
        if not row.reminders:
            return None
        return (
            f"{', '.join(str(day) for day in row.reminders[:-1])}{', ' if row.reminders[1:] else ''}"
            + days_counted(row.reminders[-1], row.unit)
        )

    def show_calendar(self, row: Any) -> str:
        """The calendar, or the one by default."""
        return self.words(row.calendar) or _("By default")

    def row_label(self, row: Any) -> str:
        """Rules have no name: the status and the delay."""
        return (
            f"{self.choice_words('status').get(row.status, row.status)} · {days_counted(row.after, row.unit)}"
        )

    def before_save(self, form: Any, row: Any, before: Any) -> None:
        """A rule that would not work is refused with the reason."""
        check_rule(row)

    def wants_preview(self, form: Any) -> bool:
        """The second button shows what the rule would do."""
        return "preview" in request.form

    def form_extra(self, form: Any, row: Any) -> dict[str, Any]:
        """Tonight's reminders and closings under the rule as typed, asked by a button of its own (LIFE-12)."""
        extra: dict[str, Any] = {"can_preview": row is not None}
        if form.is_submitted() and self.wants_preview(form) and not form.errors and row is not None:
            typed = ClosingRule(id=row.id)
            self._fill(form, typed)
            try:
                check_rule(typed)
                extra["foreseen"] = foreseen(typed)
            except Refusal as fault:
                self.refuse(form, fault)
        return extra

    def after_commit(self) -> None:
        """The dates of the requests that wait follow the rules."""
        closing.reschedule_all(current.now())


def check_rule(row: ClosingRule) -> None:
    """Refuse a rule that could not work, with words at the field. Raises Invalid."""
    reminders = list(row.reminders or ())
    if reminders != sorted(set(reminders)) or (
        reminders and (reminders[0] < 1 or reminders[-1] >= row.after)
    ):
        raise Invalid(
            "reminders-wrong",
            field="reminders",
            words=_("Reminders come one after the other, from day 1 on, and all before the request closes."),
        )
    try:
        closing.rule_value(row)
    except ValueError:
        raise Invalid(
            "final-wrong",
            field="final_status",
            words=_("A request cannot end like this from that status. Choose another end."),
        ) from None


def foreseen(row: ClosingRule) -> dict[str, Any]:
    """What the sweep of this evening would do with this rule in place of the saved one: numbers and examples."""
    now = current.now()
    zone = get_timezone() or ZoneInfo("Europe/Paris")
    tonight = datetime.combine(now.astimezone(zone).date() + timedelta(days=1), time(0), zone)
    book = closing.book()
    kept = tuple(rule for rule in book.in_force if rule.key != row.id)
    calendars = dict(book.calendar_of_rule)
    if row.is_active:
        kept = (*kept, closing.rule_value(row))
        calendars.pop(row.id, None)
        if row.calendar_id:
            days = CalendarClosingDay.select(CalendarClosingDay.day).where(
                CalendarClosingDay.calendar == row.calendar_id
            )
            calendars[row.id] = closing.work_calendar(row.calendar, [day for (day,) in days.tuples()])
    found = closing.foresee(closing.RuleBook(kept, calendars, book.default_calendar), tonight, MOST_FORESEEN)
    reminders = [ticket for ticket, step in found if step.kind == closing_rules.REMINDER]
    moves = [ticket for ticket, step in found if step.kind == closing_rules.MOVE]
    return {
        "day": long_day(now.astimezone(zone).date()),
        "reminders": ngettext("%(num)s reminder", "%(num)s reminders", len(reminders)),
        "closings": ngettext("%(num)s closing", "%(num)s closings", len(moves)),
        "capped": len(found) >= MOST_FORESEEN,
        "examples": [
            {
                "number": ticket.number,
                "summary": ticket.summary,
                "what": _("reminder") if step.kind == closing_rules.REMINDER else _("closing"),
            }
            for ticket, step in found[:10]
        ],
    }


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
        closing.reschedule_all(current.now())


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
    default_order = (CalendarClosingDay.day,)

    def row_label(self, row: Any) -> str:
        """The day, and why."""
        return " · ".join(part for part in (str(self.words(row.day)), localized(row, "label")) if part)

    def after_commit(self) -> None:
        """The dates of the requests that wait follow the calendars."""
        closing.reschedule_all(current.now())


# ---- Settings ------------------------------------------------------------------------------------------

# What each setting is called, and what its values are called. Every declared setting has its words here.
SETTING_GROUPS: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (_l("The portal"), ("portal_name", "accent", "help_phone", "help_hours_fr", "help_hours_en", "privacy_contact")),
    (_l("Who may do what"), ("registration", "who_may_open", "contacts_see_all", "requests_per_minute")),
    (
        _l("Sign-in"),
        (
            "password_min", "lock_policy", "lock_after", "lock_minutes", "session_idle_minutes_customer",
            "session_hours_customer", "session_idle_minutes_staff", "session_hours_staff", "reset_minutes",
            "invitation_days",
        ),
    ),
    (_l("Closing"), ("keep_open_days", "keep_open_times")),
    (_l("Mails and lists"), ("mail_carries_text", "mail_from", "page_size")),
    (_l("Files"), ("files_max", "file_max_mb", "file_kinds")),
    (_l("Deletions"), ("deletion_second", "deletion_answer_days", "deletion_wait_hours")),
)  # fmt: skip

SETTING_WORDS: dict[str, Any] = {
    "accent": _l("The colour of links and buttons"),
    "portal_name": _l("The name shown after the word Guichet"),
    "registration": _l("Who can make an account"),
    "who_may_open": _l("Who may open requests"),
    "contacts_see_all": _l("Approved contacts read all the requests of their organisation"),
    "lock_policy": _l("What happens after failed sign-ins"),
    "lock_after": _l("Failed sign-ins before the lock"),
    "lock_minutes": _l("Minutes of the temporary lock"),
    "password_min": _l("Shortest password, in characters"),
    "session_idle_minutes_customer": _l("Minutes without activity before a customer is signed out"),
    "draft_days": _l("Days that an unfinished text is kept"),
    "session_hours_customer": _l("Longest session of a customer, in hours"),
    "session_idle_minutes_staff": _l("Minutes without activity before staff are signed out"),
    "session_hours_staff": _l("Longest session of staff, in hours"),
    "reset_minutes": _l("Minutes during which a password link works"),
    "invitation_days": _l("Days during which an invitation works"),
    "mail_carries_text": _l("Mails carry the text of the answer, rather than only say that there is one"),
    "mail_from": _l("Sender of the mails; empty means support@ followed by the host of the portal"),
    "keep_open_days": _l("Days that “keep it open” adds, in the unit of the closing rule"),
    "keep_open_times": _l("Times that a request may be kept open; 0 switches it off"),
    "page_size": _l("Rows on a page of a list"),
    "files_max": _l("Files in one message"),
    "file_max_mb": _l("Largest file, in megabytes"),
    "file_kinds": _l("Kinds of file that are taken"),
    "requests_per_minute": _l("Requests that one person may open in a minute"),
    "deletion_second": _l("Who confirms a deletion as the second person"),
    "deletion_wait_hours": _l("Hours between the second confirmation and a deletion"),
    "deletion_answer_days": _l("Working days the second person has to confirm a deletion"),
    "help_phone": _l("Telephone number shown for urgent cases"),
    "help_hours_fr": _l("Telephone hours, in French"),
    "help_hours_en": _l("Telephone hours, in English"),
    "privacy_contact": _l("Address for questions about personal data"),
}

SETTING_CHOICES: dict[str, dict[str, Any]] = {
    "accent": {
        "service-desk": _l("Petrol"),
        "community": _l("Blue"),
        "catalogue": _l("Rose"),
        "connect": _l("Green"),
        "cases": _l("Indigo"),
    },
    "registration": {
        "open": _l("Anybody, staff attach them"),
        "invitation": _l("Only those who were invited"),
    },
    "who_may_open": {
        "anybody": _l("Anybody who is signed in"),
        "members": _l("Everybody attached to an organisation"),
        "approved": _l("Only the approved contacts of an organisation"),
    },
    "lock_policy": {
        "temporary": _l("The account is locked for some minutes"),
        "staff": _l("The account is locked until staff unlock it"),
    },
    "deletion_second": {
        "approved": _l("An administrator or another approved contact"),
        "administrator": _l("An administrator of the organisation"),
        "none": _l("Nobody: the requester alone"),
    },
}


def kind_of_file(line: str) -> str:
    """The ending of a file name as it is kept: small letters, no dot. Raises ValueError."""
    ending = line.lower().lstrip(".")
    if not (ending.isascii() and ending.isalnum() and len(ending) <= 8):
        raise ValueError(line)
    return ending


def settings_form() -> type[FlaskForm]:
    """A form with one typed field for each setting, in the order of the groups."""
    attributes: dict[str, Any] = {}
    for _title, keys in SETTING_GROUPS:
        for key in keys:
            choice, label = settings.DEFAULTS[key], SETTING_WORDS[key]
            if isinstance(choice.allowed, tuple):
                attributes[key] = Choice(label, choices=list(SETTING_CHOICES[key].items()))
            elif choice.allowed is bool:
                attributes[key] = BooleanField(label)
            elif choice.allowed is int:
                least, most = choice.least or 0, choice.most or MOST_INTEGER
                attributes[key] = IntegerField(
                    label,
                    description=_l("From %(least)s to %(most)s.", least=least, most=most),
                    validators=[
                        InputRequired(REQUIRED),
                        NumberRange(
                            least,
                            most,
                            message=_l("A whole number from %(least)s to %(most)s.", least=least, most=most),
                        ),
                    ],
                )
            elif choice.allowed is list:
                attributes[key] = Lines(
                    label,
                    description=_l("One on a line, such as pdf."),
                    normal=kind_of_file,
                    wrong=_l("“%(line)s” is not the end of a file name."),
                )
            else:
                attributes[key] = Line(
                    label, validators=[Length(max=300, message=_l("At most %(most)s characters.", most=300))]
                )
    return type("SettingsForm", (FlaskForm,), attributes)


class SettingsView(Screen):
    """All the choices of the support team on one page."""

    title = _l("Settings")
    lead = _l("They act at once, without a restart. Each change is recorded.")
    section = _l("Portal")
    icon = "gear"

    def __init__(self) -> None:
        super().__init__(name=self.title, endpoint="admin_settings", url="settings")
        self.form_class = settings_form()

    @expose("/", methods=("GET", "POST"))
    def index(self) -> Any:
        """The form, and what it saves."""
        form = self.form_class(data=dict(settings.all_values()))
        status = 200
        if form.is_submitted():
            if form.validate() and self.save(form):
                return redirect(self.get_url(".index"), 303)
            status = 422
        else:
            give_back(form)
        return self.render("admin/settings.html", form=form, groups=SETTING_GROUPS), status

    def save(self, form: Any) -> bool:
        """Put every setting that changed, or none."""
        present = dict(settings.all_values())
        changed = 0
        try:
            with db.atomic():
                for _title, keys in SETTING_GROUPS:
                    for key in keys:
                        value = form[key].data
                        value = "" if value is None and settings.DEFAULTS[key].allowed is str else value
                        if value != present[key]:
                            settings.put(key, value, current.viewer(), current.now())
                            changed += 1
        except Refusal as fault:
            settings.forget()
            if fault.field and fault.field in form:
                form[fault.field].errors = [*form[fault.field].errors, refusal(fault)]
            else:
                form.form_errors.append(refusal(fault))
            return False
        if changed:
            flash(
                ngettext("%(num)s setting is changed.", "%(num)s settings are changed.", changed), "success"
            )
        else:
            flash(_("Nothing had to change."), "info")
        return True
