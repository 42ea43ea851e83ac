"""Screens of routing, and of the settings of the portal; those of closing are in closing.py and calendars.py."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from flask_wtf import FlaskForm
from wtforms import BooleanField, IntegerField
from wtforms.validators import InputRequired, Length, NumberRange

from domain import catalogue, settings
from domain.refusals import Refusal
from models import (
    Category,
    Kind,
    Organisation,
    Product,
    RequestForm,
    RoutingRule,
    Team,
    db,
)
from presenters import localized, refusal
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
)

ORGANISATION = Finder("organisation", Organisation.name)
NO_SUCH_ORGANISATION = _l("No organisation has this name. Choose one of those proposed while you type.")
ANY = _l("Any")


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


# ---- Settings ------------------------------------------------------------------------------------------

# What each setting is called, and what its values are called. Every declared setting has its words here.
SETTING_GROUPS: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (_l("The portal"), ("portal_name", "accent", "help_phone", "help_hours_fr", "help_hours_en", "privacy_contact")),
    (_l("Who may do what"), ("registration", "who_may_open", "contacts_see_all", "requests_per_minute")),
    (
        _l("Sign-in"),
        (
            "factor_required", "factor_required_administrators", "new_browser_code",
            "password_min", "lock_policy", "lock_after", "lock_minutes", "session_idle_minutes_customer",
            "session_hours_customer", "session_idle_minutes_staff", "session_hours_staff", "reset_minutes",
            "invitation_days",
        ),
    ),
    (_l("Closing"), ("keep_open_days", "keep_open_times")),
    (_l("Tests by the customer"), ("test_environment_fr", "test_environment_en")),
    (_l("Mails and lists"), ("mail_carries_text", "mail_from", "page_size")),
    (_l("Files"), ("files_max", "file_max_mb", "file_kinds", "photo_details")),
    (_l("Deletions"), ("deletion_second", "deletion_answer_days", "deletion_wait_hours")),
)  # fmt: skip

SETTING_WORDS: dict[str, Any] = {
    "accent": _l("The colour of links and buttons"),
    "portal_name": _l("The name shown after the word Guichet"),
    "registration": _l("Who can make an account"),
    "who_may_open": _l("Who may open requests"),
    "contacts_see_all": _l("Approved contacts read all the requests of their organisation"),
    "factor_required": _l("Who must have a second factor to sign in"),
    "factor_required_administrators": _l("Administrators of organisations must have a second factor"),
    "new_browser_code": _l(
        "A code is mailed at the first sign-in from a new browser, to who has no second factor"
    ),
    "lock_policy": _l("What happens after failed sign-ins"),
    "lock_after": _l("Failed sign-ins before the lock"),
    "lock_minutes": _l("Minutes of the temporary lock"),
    "password_min": _l("Shortest password, in characters"),
    "session_idle_minutes_customer": _l("Minutes without activity before a customer is signed out"),
    "session_hours_customer": _l("Longest session of a customer, in hours"),
    "session_idle_minutes_staff": _l("Minutes without activity before staff are signed out"),
    "session_hours_staff": _l("Longest session of staff, in hours"),
    "reset_minutes": _l("Minutes during which a password link works"),
    "invitation_days": _l("Days during which an invitation works"),
    "mail_carries_text": _l("Mails carry the text of the answer, rather than only say that there is one"),
    "mail_from": _l("Sender of the mails; empty means support@ followed by the host of the portal"),
    "keep_open_days": _l("Days that “keep it open” adds, in the unit of the closing rule"),
    "keep_open_times": _l("Times that a request may be kept open; 0 switches it off"),
    "test_environment_fr": _l("Where customers test a change, when nothing else is said, in French"),
    "test_environment_en": _l("Where customers test a change, when nothing else is said, in English"),
    "page_size": _l("Rows on a page of a list"),
    "files_max": _l("Files in one message"),
    "file_max_mb": _l("Largest file, in megabytes"),
    "file_kinds": _l("Kinds of file that are taken"),
    "photo_details": _l("Photos keep what they tell besides the picture: place, hour, device, person"),
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
    "factor_required": {
        "nobody": _l("Nobody: it is offered to all"),
        "staff": _l("The whole team"),
        "everybody": _l("Everybody, customers too"),
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
