"""Screens of the status page and of announcements: services, and what is announced, to whom, between which days.

Incidents themselves are opened and updated at the desk (views/incidents.py).
"""

from __future__ import annotations

from typing import Any

from flask import request, url_for
from peewee import fn
from wtforms import SelectMultipleField
from wtforms.validators import Length, Optional
from wtforms.widgets import CheckboxInput, ListWidget

import presenters
from domain import announcements, catalogue, status_page
from models import Announcement, AnnouncementDismissal, AnnouncementTarget, Organisation, Product, Service
from presenters import localized
from views import current
from views.admin import filters
from views.admin.base import Badge, Rows, choices_of, plain
from views.admin.catalogue import show_active
from views.admin.fields import Choice, DayInput, Lines, Paragraphs, RowSelect
from views.announcements import today
from words import gettext as _
from words import lazy_gettext as _l
from words import ngettext

SECTION = _l("Status and announcements")

LEVELS: tuple[tuple[str, Any, str, str], ...] = (
    ("info", _l("Information: each reader can put it away"), "ours", "megaphone"),
    ("warning", _l("Warning: stays until its last day"), "yours", "exclamation-triangle-fill"),
)
AUDIENCES: tuple[tuple[str, Any], ...] = (
    ("public", _l("Everybody, without an account too")),
    ("customers", _l("Everybody who signs in")),
    ("organisations", _l("Some organisations")),
    ("staff", _l("The team only")),
)


class FormSlugs(SelectMultipleField):
    """The request forms that speak of a service while it is disturbed, each with its box."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        def choices() -> list[tuple[str, str]]:
            return [(row.slug, localized(row, "name")) for row in catalogue.all_forms()]

        super().__init__(*args, choices=choices, **kwargs)


class ServiceView(Rows):
    table = Service
    title = _l("Services")
    new_title = _l("New service")
    lead = _l("What the status page lists. A service that is not in use is not listed; its incidents stay.")
    section = SECTION
    icon = "activity"
    column_list = ("name", "group", "product", "forms", "position", "is_active")
    column_labels = {
        "group": _l("Heading"),
        "group_fr": _l("Heading in French"),
        "group_en": _l("Heading in English"),
        "forms": _l("Forms that speak of it"),
        "form_slugs": _l("Forms that speak of it"),
    }
    list_joins = (Service.product,)
    column_sortable_list = ("position", "is_active")
    column_details_list = (
        "name_fr", "name_en", "slug", "group_fr", "group_en", "sentence_fr", "sentence_en", "product", "forms",
        "position", "is_active",
    )  # fmt: skip
    column_searchable_list = ("name_fr", "name_en", "slug")
    column_filters = (filters.YesNo("active", Service.is_active, _l("In use")),)
    form_columns = (
        "name_fr", "name_en", "slug", "group_fr", "group_en", "sentence_fr", "sentence_en", "product", "form_slugs",
        "position", "is_active",
    )  # fmt: skip
    form_fields = {
        "product": RowSelect(_l("Product"), rows=choices_of(Product), blank=_l("None in particular")),
        "form_slugs": FormSlugs(
            _l("Forms that speak of it"),
            description=_l(
                "While the service is disturbed, these forms offer “we are affected too” instead of a request."
            ),
        ),
    }
    fixed = ("slug",)
    switches = ("is_active",)
    default_order = (Service.position,)
    empty_help = _l(
        "Add what customers would name when it fails: a part of the product, the mails, the portal."
    )

    def show_is_active(self, row: Any) -> Badge:
        """In use or not."""
        return show_active(row)

    def show_group(self, row: Any) -> str | None:
        """The heading it stands under."""
        return localized(row, "group") or None

    def show_forms(self, row: Any) -> str | None:
        """The names of the forms that speak of it."""
        names = {form.slug: localized(form, "name") for form in catalogue.all_forms()}
        return ", ".join(names.get(slug, slug) for slug in row.form_slugs) or None

    def after_commit(self) -> None:
        """What runs stands on hot pages under the names of its services."""
        status_page.forget()


class AnnouncementView(Rows):
    table = Announcement
    title = _l("Announcements")
    new_title = _l("New announcement")
    lead = _l(
        "A few sentences over the home page, between two days. Afterwards they stay on the page of announcements."
    )
    section = SECTION
    icon = "megaphone"
    column_list = ("title", "level", "audience", "first_day", "last_day", "now")
    column_labels = {
        "title": _l("Title"),
        "title_fr": _l("Title in French"),
        "title_en": _l("Title in English"),
        "body_fr": _l("Text in French"),
        "body_en": _l("Text in English"),
        "level": _l("Level"),
        "first_day": _l("From this day on"),
        "last_day": _l("Until, that day included"),
        "now": _l("State"),
        "organisations": _l("Organisations"),
    }
    column_sortable_list = ("level", "audience", "first_day", "last_day")
    column_details_list = (
        "title_fr", "title_en", "body_fr", "body_en", "level", "audience", "organisations", "first_day", "last_day",
        "now", "updated_at",
    )  # fmt: skip
    column_searchable_list = ("title_fr", "title_en")
    column_choices_words = {
        "level": [(key, words) for key, words, *_rest in LEVELS],
        "audience": AUDIENCES,
    }
    column_filters = (
        filters.OneOf(
            "level", Announcement.level, _l("Level"), [(key, words) for key, words, *_rest in LEVELS]
        ),
        filters.OneOf("audience", Announcement.audience, _l("Read by"), AUDIENCES),
    )
    form_columns = (
        "level", "audience", "first_day", "last_day", "title_fr", "body_fr", "title_en", "body_en",
    )  # fmt: skip
    form_fields = {
        "level": Choice(_l("Level"), choices=[(key, words) for key, words, *_rest in LEVELS], default="info"),
        "audience": Choice(_l("Read by"), choices=AUDIENCES, default="customers"),
        "last_day": DayInput(
            _l("Until, that day included"),
            description=_l("Empty: until somebody ends it."),
            validators=[Optional()],
        ),
        **{
            f"body_{code}": Paragraphs(
                label,
                rows=5,
                description=_l("Markdown: **bold**, - for a list, [words](/help) for a link."),
                validators=[Optional(), Length(max=announcements.BODY_CHARACTERS)],
            )
            for code, label in (("fr", _l("Text in French")), ("en", _l("Text in English")))
        },
    }
    side_fields = {
        "organisations": Lines(
            _l("Organisations"),
            normal=lambda line: organisation_named(line),
            wrong=_l("No organisation is called “%(line)s”."),
            description=_l("For “Some organisations”: their names, one on a line."),
            validators=[Optional()],
        )
    }
    default_order = (Announcement.first_day.desc(),)
    deleted_with = (AnnouncementTarget, AnnouncementDismissal)
    empty_help = _l("Write one when something concerns many: an office that closes, a change that comes.")

    def row_label(self, row: Any) -> str:
        """Its title."""
        return localized(row, "title")

    def show_title(self, row: Any) -> str:
        """Its title in the reader's language."""
        return self.row_label(row)

    def show_now(self, row: Any) -> Badge:
        """To come, shown today, or over."""
        day = today()
        if row.first_day > day:
            return Badge("note", "calendar-event", _("To come"))
        if row.last_day is not None and row.last_day < day:
            return Badge("over", "archive", _("Over"))
        return Badge("done", "eye", _("Shown"))

    def show_organisations(self, row: Any) -> str | None:
        """Whom it is meant for, when not for everybody."""
        return ", ".join(one.name for one in announcements.targets(row)) or None

    def edit_form(self, obj: Any = None) -> Any:
        """The form with the organisations that are meant."""
        form = super().edit_form(obj)
        if obj is not None and not form.is_submitted():
            form.organisations.data = [one.name for one in announcements.targets(obj)]
        return form

    def before_save(self, form: Any, row: Any, before: Any) -> None:
        """What is always true of an announcement."""
        if before is None or self._differs(form, row, before):
            announcements.check(row, self._organisations(form), current.now())

    def after_save(self, form: Any, row: Any) -> None:
        """Whom it is meant for."""
        announcements.aim(row, self._organisations(form))

    def after_commit(self) -> None:
        """It stands on the home page."""
        announcements.forget()

    def _differs(self, form: Any, row: Any, before: dict[str, Any]) -> bool:
        return plain(row) != before or [one.name for one in announcements.targets(row)] != list(
            form.organisations.data or ()
        )

    def _organisations(self, form: Any) -> list[int]:
        names = list(form.organisations.data or ())
        if not names:
            return []
        return [
            key
            for (key,) in Organisation.select(Organisation.id).where(Organisation.name.in_(names)).tuples()
        ]

    def goes_with(self, row: Any) -> list[str]:
        """Those who put it away."""
        count = AnnouncementDismissal.select().where(AnnouncementDismissal.announcement == row.id).count()
        return (
            [ngettext("%(num)s reader has put it away", "%(num)s readers have put it away", count)]
            if count
            else []
        )

    def wants_preview(self, form: Any) -> bool:
        """The button that shows it without saving it."""
        return "preview" in request.form

    def form_extra(self, form: Any, row: Any) -> dict[str, Any]:
        """The announcement as it would be read, when that was asked."""
        extra: dict[str, Any] = {"can_preview": True, "preview_words": _("See how it reads")}
        if self.wants_preview(form):
            extra["previews"] = [
                (
                    code,
                    form[f"title_{code}"].data or "",
                    presenters.announcement_body(form[f"body_{code}"].data or ""),
                )
                for code in ("fr", "en")
                if form[f"title_{code}"].data
            ]
        return extra

    def row_links(self, row: Any) -> list[dict[str, Any]]:
        """The page that readers get."""
        return [{"url": url_for("articles.announcements"), "icon": "megaphone", "label": _("See the page")}]


def organisation_named(line: str) -> str:
    """The name of an organisation as it is written, whatever the capitals typed. Raises ValueError."""
    row = Organisation.get_or_none(fn.LOWER(Organisation.name) == line.lower()) or Organisation.get_or_none(
        Organisation.name == line
    )
    if row is None:
        raise ValueError(line)
    return str(row.name)
