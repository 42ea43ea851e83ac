"""Screens of routing, and of the settings of the portal; those of closing are in closing.py and calendars.py."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect
from flask_admin import expose
from flask_wtf import FlaskForm
from wtforms import BooleanField, IntegerField
from wtforms.validators import InputRequired, Length, NumberRange

from domain import catalogue, columns, settings, texts
from domain.refusals import Refusal
from models import (
    Category,
    Feature,
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
from views.admin.catalogue import ANY, TEAMS, show_active
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
from words import gettext as _
from words import lazy_gettext as _l
from words import ngettext

ORGANISATION = Finder("organisation", Organisation.name)
NO_SUCH_ORGANISATION = _l("No organisation has this name. Choose one of those proposed while you type.")


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
        RoutingRule.category, RoutingRule.form, RoutingRule.product, RoutingRule.kind, RoutingRule.feature,
        RoutingRule.organisation, RoutingRule.team,
    )  # fmt: skip
    column_list = (
        "position", "category", "form", "product", "kind", "feature", "organisation", "team", "is_active",
    )  # fmt: skip
    column_details_list = column_list
    column_sortable_list = ("position",)
    column_filters = (
        filters.Row("team", RoutingRule.team, _l("Team"), choices_of(Team)),
        filters.Row("form", RoutingRule.form, _l("Form"), choices_of(RequestForm)),
        filters.Named("organisation", RoutingRule.organisation, _l("Organisation"), ORGANISATION),
        filters.YesNo("active", RoutingRule.is_active, _l("In use")),
    )
    finders = (ORGANISATION,)
    form_columns = column_list
    form_fields = {
        "category": RowSelect(_l("Category"), rows=choices_of(Category), blank=ANY),
        "form": RowSelect(_l("Form"), rows=choices_of(RequestForm), blank=ANY),
        "product": RowSelect(_l("Product"), rows=choices_of(Product), blank=ANY),
        "kind": RowSelect(_l("Kind"), rows=choices_of(Kind), blank=ANY),
        "feature": RowSelect(_l("Feature"), rows=choices_of(Feature), blank=ANY),
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
            if shown is None and name in ("category", "form", "product", "kind", "feature", "organisation")
            else shown
        )


# ---- Settings ------------------------------------------------------------------------------------------

# What each setting is called, and what its values are called. Every declared setting has its words here.
SETTING_GROUPS: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (_l("The portal"), ("portal_name", "accent", "privacy_contact")),
    (
        _l("Help and ideas"),
        (
            "assistant_address", "help_phone", "help_hours_fr", "help_hours_en", "posts_per_minute",
            "idea_edit_minutes",
        ),
    ),
    (_l("Who may do what"), ("registration", "who_may_open", "contacts_see_all", "members_see_all", "members_answer",
      "requests_per_minute")),
    (_l("Lists of contacts"), ("contact_review_days", "contact_idle_days")),
    (
        _l("Sign-in"),
        (
            "sign_in_by_steps", "factor_required", "factor_required_administrators", "new_browser_code",
            "password_min", "lock_policy", "lock_after", "lock_minutes", "session_idle_minutes_customer",
            "session_hours_customer", "session_idle_minutes_staff", "session_hours_staff", "reset_minutes",
            "invitation_days",
        ),
    ),
    (_l("Closing"), ("keep_open_days", "keep_open_times")),
    (_l("Tests by the customer"), ("test_environment_fr", "test_environment_en")),
    (_l("Mails and lists"), ("mail_carries_text", "mail_pace", "mail_daily_hour", "mail_from", "page_size",
      "list_columns")),
    (_l("Satisfaction"), ("satisfaction", "satisfaction_days")),
    (_l("Guided path"), ("guided_steps",)),
    (_l("Files"), ("files_max", "file_max_mb", "file_kinds", "photo_details")),
    (_l("How long data are kept"), (
        "keep_sign_ins_days", "keep_held_forms_days", "draft_days", "keep_drafts_of_closed_days",
        "keep_mail_copies_days", "keep_mails_days", "keep_questions_days", "keep_search_misses_days",
        "keep_never_confirmed_days", "keep_unused_accounts_days",
    )),
    (_l("Deletions"), ("deletion_second", "deletion_answer_days", "deletion_wait_hours")),
)  # fmt: skip

SETTING_WORDS: dict[str, Any] = {
    "accent": _l("The colour of links and buttons"),
    "portal_name": _l("The name shown after the word Guichet"),
    "registration": _l("Who can make an account"),
    "sign_in_by_steps": _l(
        "Sign-in asks for the name first, then for what goes with it: password, or single sign-on"
    ),
    "who_may_open": _l("Who may open requests"),
    "contacts_see_all": _l("Approved contacts read all the requests of their organisation"),
    "members_see_all": _l("Every member reads all the requests of the organisation"),
    "members_answer": _l("Every member completes the requests of colleagues that they read"),
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
    "draft_days": _l("Days that an unfinished text is kept"),
    "session_hours_customer": _l("Longest session of a customer, in hours"),
    "session_idle_minutes_staff": _l("Minutes without activity before staff are signed out"),
    "session_hours_staff": _l("Longest session of staff, in hours"),
    "reset_minutes": _l("Minutes during which a password link works"),
    "invitation_days": _l("Days during which an invitation works"),
    "contact_review_days": _l(
        "Days after which administrators confirm their list of contacts again; 0 asks nobody"
    ),
    "contact_idle_days": _l(
        "Days without a sign-in after which a contact is pointed out; 0 points out nobody"
    ),
    "mail_carries_text": _l("Mails carry the text of the answer, rather than only say that there is one"),
    "mail_from": _l("Sender of the mails; empty means support@ followed by the host of the portal"),
    "mail_pace": _l("How mails leave for people who chose nothing themselves"),
    "mail_daily_hour": _l("Hour of the daily mail for people who chose none"),
    "satisfaction": _l("Requesters are asked how it went once a request is closed"),
    "satisfaction_days": _l("Days between the closing and the mail that asks how it went"),
    "keep_open_days": _l("Days that “keep it open” adds, in the unit of the closing rule"),
    "keep_open_times": _l("Times that a request may be kept open; 0 switches it off"),
    "test_environment_fr": _l("Where customers test a change, when nothing else is said, in French"),
    "test_environment_en": _l("Where customers test a change, when nothing else is said, in English"),
    "list_columns": _l("Columns of lists of requests, for those who chose none"),
    "page_size": _l("Rows on a page of a list"),
    "files_max": _l("Files in one message"),
    "file_max_mb": _l("Largest file, in megabytes"),
    "file_kinds": _l("Kinds of file that are taken"),
    "guided_steps": _l("Steps of the guided path"),
    "keep_sign_ins_days": _l(
        "Days that ended sessions, dead links and failed sign-ins are kept; 0 keeps them"
    ),
    "keep_held_forms_days": _l(
        "Days that a text typed while the session ended is kept for its author; 0 keeps it"
    ),
    "keep_drafts_of_closed_days": _l(
        "Days that answers never sent are kept once their request is closed; 0 keeps them"
    ),
    "keep_mail_copies_days": _l("Days that the text of mails about requests is kept; 0 keeps it"),
    "keep_mails_days": _l("Days that it is kept who was mailed what; 0 keeps it"),
    "keep_questions_days": _l("Days that questions to customer success are kept; 0 keeps them"),
    "keep_search_misses_days": _l("Days that words that found nothing are kept; 0 keeps them"),
    "keep_never_confirmed_days": _l(
        "Days that a registration is kept whose address nobody confirmed; 0 keeps it"
    ),
    "keep_unused_accounts_days": _l(
        "Days without a sign-in after which a customer's account is closed; 0 closes none"
    ),
    "photo_details": _l("Photos keep what they tell besides the picture: place, hour, device, person"),
    "requests_per_minute": _l("Requests that one person may open in a minute"),
    "deletion_second": _l("Who confirms a deletion as the second person"),
    "deletion_wait_hours": _l("Hours between the second confirmation and a deletion"),
    "deletion_answer_days": _l("Working days the second person has to confirm a deletion"),
    "help_phone": _l("Telephone number shown as long as no telephone line is in use"),
    "help_hours_fr": _l("Hours of the number shown as long as no telephone line is in use, in French"),
    "help_hours_en": _l("Hours of the number shown as long as no telephone line is in use, in English"),
    "assistant_address": _l(
        "Address of customer success, for questions that are not technical; empty switches them off"
    ),
    "posts_per_minute": _l(
        "Ideas, comments and questions to customer success that one person may send in a minute"
    ),
    "idea_edit_minutes": _l("Minutes during which an author may change an idea that nobody has answered yet"),
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
    "mail_pace": {
        "now": _l("At once"),
        "hourly": _l("Gathered, every hour"),
        "daily": _l("Gathered, once a day"),
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


def name_of_column(line: str) -> str:
    """The name of a column as it is kept. Raises ValueError for what is none."""
    if line.lower() not in columns.COLUMNS:
        raise ValueError(line)
    return line.lower()


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
            elif choice.allowed is list and choice.words:
                attributes[key] = Lines(
                    label,
                    description=_l(
                        "One on a line, among %(words)s. Their order is always that one.",
                        words=", ".join(choice.words),
                    ),
                )
            elif key == "list_columns":
                attributes[key] = Lines(
                    label,
                    description=_l(
                        "One on a line, in their order: %(names)s.", names=", ".join(columns.COLUMNS)
                    ),
                    normal=name_of_column,
                    wrong=_l("“%(line)s” is not a column."),
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


def gateway_words() -> str:
    """Whether codes can go by text message here, which the operator decides (ACC-10)."""
    gateway = texts.gateway()
    if gateway is None:
        return _("No gateway for text messages is set by the operator: these codes go by mail alone.")
    return _(
        "Who confirmed a mobile number gets it by text message, through %(host)s: at most %(most)s in an hour.",
        host=gateway.host,
        most=gateway.most,
    )


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
        form.new_browser_code.description = gateway_words()
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
