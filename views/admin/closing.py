"""The screen of the closing rules, which shows what a rule would do before it is saved (LIFE-12)."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from flask import current_app, request, url_for
from wtforms import IntegerField, ValidationError
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from domain import closing, closing_preview, closing_rules, reading, rule_texts
from domain.refusals import Invalid, Refusal
from mailer import rule_example
from models import Calendar, ClosingRule, Organisation, RequestForm
from presenters import (
    days_counted,
    foreseen_words,
    happening_words,
    long_day,
    short_day,
    statuses,
    story_rows,
    story_weeks,
    weekday_names,
)
from views import current
from views.admin import filters
from views.admin.base import Badge, Rows, choices_of
from views.admin.catalogue import TEAMS, show_active
from views.admin.dates import recomputing_words, reschedule
from views.admin.fields import (
    REQUIRED,
    Choice,
    DayInput,
    Line,
    Lookup,
    Paragraphs,
    RowSelect,
    WholeNumbers,
)
from views.admin.rules import NO_SUCH_ORGANISATION, ORGANISATION, status_words
from words import gettext as _
from words import lazy_gettext as _l
from words import ngettext

# A rule acts within a year: nothing is further ahead.
FARTHEST_DAYS = closing_rules.LONGEST_RULE_DAYS
UNITS = [("days", _l("Days")), ("working_days", _l("Working days"))]
TEXT_HELP = _l(
    "Plain text, one paragraph or several; empty: the usual words. {number}, {summary}, {day} and {organisation} are "
    "filled in."
)


class OnlyPlaces:
    """Refuses braces that are none of the places of rule_texts."""

    def __call__(self, form: Any, field: Any) -> None:
        wrong = rule_texts.first_wrong(field.data or "")
        if wrong:
            raise ValidationError(
                _(
                    "“%(wrong)s” is not filled in. Only these are: %(places)s.",
                    wrong=wrong,
                    places=", ".join(f"{{{place}}}" for place in rule_texts.PLACES),
                )
            )


def text_field(label: Any) -> Paragraphs:
    """The field of one text of a rule."""
    most = rule_texts.MOST_CHARACTERS
    return Paragraphs(
        label,
        description=TEXT_HELP,
        validators=[
            Optional(),
            Length(max=most, message=_l("At most %(most)s characters.", most=most)),
            OnlyPlaces(),
        ],
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
    form_template = "admin/closing_rule.html"
    list_joins = (ClosingRule.organisation, ClosingRule.form, ClosingRule.calendar)
    column_list = (
        "status", "organisation", "form", "reminders", "after", "final_status", "calendar", "is_active",
    )  # fmt: skip
    column_details_list = (
        "status", "organisation", "form", "unit", "reminders", "after", "final_status", "calendar",
        "reminder_text_fr", "reminder_text_en", "closing_text_fr", "closing_text_en", "is_active",
    )  # fmt: skip
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
        "unit": UNITS,
        "status": lambda: status_words(closing_rules.STATUSES_WITH_CLOSING),
        "final_status": lambda: status_words(closing_rules.FINAL_STATUSES),
    }
    form_columns = (
        "status", "organisation", "form", "unit", "reminders", "after", "final_status", "calendar",
        "reminder_text_fr", "reminder_text_en", "closing_text_fr", "closing_text_en", "is_active",
    )  # fmt: skip
    form_fields = {
        "status": Choice(
            _l("While a request is"), choices=lambda: status_words(closing_rules.STATUSES_WITH_CLOSING)
        ),
        "organisation": Lookup(
            _l("Organisation"), find=ORGANISATION, missing=NO_SUCH_ORGANISATION, description=_l("Empty: all.")
        ),
        "form": RowSelect(_l("Form"), rows=choices_of(RequestForm), blank=_l("All forms")),
        "unit": Choice(_l("Counted in"), choices=UNITS),
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
            _l("Calendar"),
            rows=choices_of(Calendar, Calendar.name),
            blank=_l("That of the team of the request"),
        ),
        "reminder_text_fr": text_field(_l("Words of the reminder, in French")),
        "reminder_text_en": text_field(_l("Words of the reminder, in English")),
        "closing_text_fr": text_field(_l("Words at the end, in French")),
        "closing_text_en": text_field(_l("Words at the end, in English")),
    }
    # What to look at before saving; nothing of it is kept.
    side_fields = {
        "on": DayInput(
            _l("What would happen until the end of"),
            description=_l("A day within a year. Empty: tonight."),
            validators=[Optional()],
        ),
        "request": Line(
            _l("The calendar of one request"),
            description=_l("Its number, such as SUP-2041. Empty: an example."),
            validators=[Length(max=20, message=_l("At most %(most)s characters.", most=20))],
        ),
    }
    default_order = (ClosingRule.status, ClosingRule.organisation, ClosingRule.form)

    def value(self, row: Any, name: str) -> Any:
        """An empty condition is for all."""
        shown = super().value(row, name)
        if shown is None and name == "organisation":
            return _("All organisations")
        if shown is None and name.startswith(rule_texts.TEXTS):
            return _("The usual words")
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
        """The calendar, or that of the team."""
        return self.words(row.calendar) or _("The team’s")

    def row_label(self, row: Any) -> str:
        """Rules have no name: the status and the delay."""
        return (
            f"{self.choice_words('status').get(row.status, row.status)} · {days_counted(row.after, row.unit)}"
        )

    def before_save(self, form: Any, row: Any, before: Any) -> None:
        """A rule that would not work is refused with the reason."""
        check_rule(row)

    def notice(self) -> Any:
        """Dates that are being recomputed."""
        return recomputing_words() if closing.is_rescheduling() else ""

    def wants_preview(self, form: Any) -> bool:
        """The second button shows what the rule would do."""
        return "preview" in request.form

    def prepare_preview(self, form: Any, row: Any) -> bool:
        """Everything that the rule as typed would do; it is kept on the form for the page (LIFE-12)."""
        typed = ClosingRule(id=row.id if row is not None else None)
        self._fill(form, typed)
        now = current.now()
        try:
            check_rule(typed)
            what = closing_preview.typed(typed)
            until = last_day_asked(form, what)
            ticket = asked_request(form)
        except Refusal as fault:
            self.refuse(form, fault)
            return False
        found = closing_preview.preview(what, until, current.viewer(), now)
        form.shown = {"foreseen": foreseen(found, until == today(what)), **rule_page(typed, what)}
        if ticket is not None:
            form.shown["story"] = story_of(ticket, what)
        return True

    def form_extra(self, form: Any, row: Any) -> dict[str, Any]:
        """What stands beside the form: the preview that was asked for, or an example of the saved rule."""
        shown = getattr(form, "shown", None)
        if shown is None and row is not None and not form.is_submitted():
            try:
                shown = rule_page(row, closing_preview.typed(row))
            except ValueError:
                # A row that was changed behind the screens: its form can mend it.
                shown = {}
        return shown or {}

    def after_commit(self) -> None:
        """The dates of the requests that wait follow the rules."""
        reschedule()


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
    if row.is_active and alike(row):
        raise Invalid(
            "rule-twice",
            field="status",
            words=_("Another rule in use is for the very same requests: change that one, or switch it off."),
        )


def alike(row: ClosingRule) -> bool:
    """Whether another rule in use is for the same status, organisation and form: only the older one would act."""
    query = ClosingRule.select().where(
        (ClosingRule.status == row.status) & (ClosingRule.is_active == True)  # noqa: E712
    )
    for column, value in (
        (ClosingRule.organisation, row.organisation_id),
        (ClosingRule.form, row.form_id),
    ):
        query = query.where(column.is_null() if value is None else column == value)
    return query.where(ClosingRule.id != row.id).exists() if row.id else query.exists()


# ---- What the page shows -------------------------------------------------------------------------------


def today(what: closing_preview.Typed) -> date:
    """The present day in the calendar of a rule, or in the one used by default."""
    return (what.calendar or closing.book().default_calendar).local_day(current.now())


def last_day_asked(form: Any, what: closing_preview.Typed) -> date:
    """The day of the field `on`, tonight when it is empty. Raises Invalid for one that is over or too far."""
    first = today(what)
    day: date = form.on.data or first
    if not first <= day <= first + timedelta(days=FARTHEST_DAYS):
        raise Invalid("day-out-of-range", field="on", words=_("Choose a day from today to a year from now."))
    return day


def asked_request(form: Any) -> Any:
    """The request of the field `request`, None when it is empty. Raises Invalid when there is none of that number."""
    number = (form.request.data or "").replace(" ", "").upper()
    if not number:
        return None
    ticket = reading.load(current.viewer(), number)
    if ticket is None:
        raise Invalid("request-unknown", field="request", words=_("No request has this number."))
    return ticket


def rule_page(row: ClosingRule, what: closing_preview.Typed) -> dict[str, Any]:
    """What can be said of a rule without any request: an example on the calendar, and the words of its mails."""
    now = current.now()
    example = closing_preview.example(what, now)
    last = example.chapters[-1].step.day if example.chapters else now.date()
    organisation = (
        Organisation.get_by_id(row.organisation_id).name if row.organisation_id else _("your organisation")
    )
    return {
        "example": {
            "start": long_day(example.start, year=True),
            "rows": story_rows(example),
            "weeks": story_weeks(example),
        },
        "weekdays": list(zip(weekday_names("short"), weekday_names("wide"), strict=True)),
        "mails": [
            {"language": language, "mails": rule_example(row, language, last, organisation)}
            for language in ("fr", "en")
        ],
    }


def foreseen(found: closing_preview.Preview, is_tonight: bool) -> dict[str, Any]:
    """The preview as words, for the template."""
    day, what = long_day(found.until, year=not is_tonight), foreseen_words(found)
    return {
        "title": _("Tonight, %(day)s: %(what)s", day=day, what=what)
        if is_tonight
        else _("Until the end of %(day)s: %(what)s", day=day, what=what),
        "changes": [
            words
            for change, words in (
                (
                    closing_preview.NEWLY,
                    ngettext(
                        "%(num)s request is touched that is not under the present rules.",
                        "%(num)s requests are touched that are not under the present rules.",
                        found.changes[closing_preview.NEWLY],
                    ),
                ),
                (
                    closing_preview.NO_LONGER,
                    ngettext(
                        "%(num)s request is no longer touched.",
                        "%(num)s requests are no longer touched.",
                        found.changes[closing_preview.NO_LONGER],
                    ),
                ),
                (
                    closing_preview.OTHER_DATE,
                    ngettext(
                        "%(num)s request is touched on another day or in another way.",
                        "%(num)s requests are touched on another day or in another way.",
                        found.changes[closing_preview.OTHER_DATE],
                    ),
                ),
            )
            if found.changes[change]
        ],
        "rows": [touched_words(one, one.happenings) for one in found.shown],
        "no_longer": [touched_words(one, one.present) for one in found.no_longer],
        "more": found.requests - len(found.shown),
        "at_least": found.at_least,
        "most": closing_preview.MOST_LOOKED_AT,
    }


def touched_words(
    one: closing_preview.Touched, happenings: tuple[closing_preview.Happening, ...]
) -> dict[str, Any]:
    """A request of the preview: what happens to it and when, and what the present rules do instead."""
    return {
        "number": one.number,
        "url": url_for("desk.show", number=one.number) if "desk.show" in current_app.view_functions else None,
        "summary": one.summary,
        "organisation": one.organisation,
        "silence": days_counted(one.silent_days, closing_rules.DAYS),
        "happenings": [happening(one) for one in happenings],
        "change": one.change,
        "present": [happening(one) for one in one.present]
        if one.change == closing_preview.OTHER_DATE
        else [],
    }


def happening(one: closing_preview.Happening) -> dict[str, str]:
    """One thing that happens, in words, with its day and tone."""
    return {
        "what": happening_words(one.kind, one.number, one.final_status),
        "day": short_day(one.day),
        "icon": "bell" if one.kind == closing_rules.REMINDER else "archive",
        "tone": "yours" if one.kind == closing_rules.REMINDER else "stuck",
    }


def story_of(ticket: Any, what: closing_preview.Typed) -> dict[str, Any]:
    """The calendar of one request under the rule as typed, and under the present rules."""
    now, book = current.now(), closing.book()
    typed = closing_preview.story(ticket, what.book(book), now)
    present = closing_preview.story(ticket, book, now)
    typed_rows, present_rows = story_rows(typed), story_rows(present)
    return {
        "number": ticket.number,
        "summary": ticket.summary,
        "status": statuses(for_team=True)[ticket.status].label,
        "start": long_day(typed.start, year=True),
        "typed": typed_rows,
        "present": present_rows,
        "same": typed_rows == present_rows,
        "weeks": story_weeks(typed),
    }
