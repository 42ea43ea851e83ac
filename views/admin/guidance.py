"""Screens of telephone lines, whom to turn to, highlights of the home page, and questions to customer success."""

from __future__ import annotations

import re
from typing import Any

from babel import Locale
from flask_babel import get_locale
from wtforms import ValidationError
from wtforms.validators import InputRequired, Length, Optional, Regexp

import presenters
from domain import accounts, guidance, telephone
from domain.refusals import Invalid
from models import AssistantQuestion, Calendar, EscalationLine, HelpLine, Highlight, RequestForm
from views.admin import filters
from views.admin.base import Badge, ReadOnly, Rows, choices_of
from views.admin.catalogue import show_active
from views.admin.fields import REQUIRED, Choice, Line, Lines, RowSelect
from views.admin.ideas import COMMUNITY
from words import gettext as _
from words import lazy_gettext as _l

# Figures with what people put between them; a plus only in front.
PHONE = Regexp(r"\+?[0-9][0-9 ().\-/]{2,38}\Z", message=_l("A telephone number, such as +33 1 99 00 01 42."))
AUDIENCES: tuple[tuple[str, Any], ...] = (
    ("public", _l("Everybody, without an account too")),
    ("customers", _l("Customers, once signed in")),
)
SUBJECTS: tuple[tuple[str, Any], ...] = (
    ("contract", _l("Contract, offer or invoice conditions")),
    ("training", _l("Training")),
    ("project", _l("A project or advice")),
    ("event", _l("An event or a meeting")),
    ("other", _l("Something else")),
)


def country(text: str) -> str:
    """The two letters of a country as they are kept. Raises ValueError for one that is not known."""
    code = text.strip().upper()
    if not re.fullmatch(r"[A-Z]{2}", code) or code not in Locale("en").territories:
        raise ValueError(text)
    return code


def spoken(text: str) -> str:
    """The two letters of a language as they are kept. Raises ValueError for one that is not known."""
    code = text.strip().lower()
    if not re.fullmatch(r"[a-z]{2}", code) or code not in Locale("en").languages:
        raise ValueError(text)
    return code


class Resting(Rows):
    """A row that can rest, and that pages show by its place."""

    section = COMMUNITY
    switches = ("is_active",)
    fixed = ("slug",)

    def show_is_active(self, row: Any) -> Badge:
        """In use or not."""
        return show_active(row)

    def after_commit(self) -> None:
        """Pages remember these rows for a few seconds: here they are read anew."""
        telephone.forget()
        guidance.forget()


class HelpLineView(Resting):
    table = HelpLine
    title = _l("Telephone lines")
    new_title = _l("New telephone line")
    lead = _l(
        "Numbers by region, with the calendar that says when somebody answers. Readers see the one of their "
        "organisation’s country first, and the hours in their own time zone."
    )
    icon = "telephone"
    list_joins = (HelpLine.calendar,)
    column_list = ("region", "phone", "countries", "languages", "calendar", "position", "is_active")
    column_labels = {
        "region": _l("Region"),
        "region_fr": _l("Region in French"),
        "region_en": _l("Region in English"),
        "phone": _l("Telephone"),
        "countries": _l("Countries"),
        "languages": _l("Languages"),
    }
    column_details_list = (
        "region_fr", "region_en", "slug", "phone", "countries", "languages", "calendar", "sentence_fr", "sentence_en",
        "position", "is_active",
    )  # fmt: skip
    column_sortable_list = ("position", "is_active")
    column_searchable_list = ("region_fr", "region_en", "phone")
    column_filters = (filters.YesNo("active", HelpLine.is_active, _l("In use")),)
    form_columns = column_details_list
    form_fields = {
        "phone": Line(_l("Telephone"), validators=[InputRequired(REQUIRED), Length(max=40), PHONE]),
        "countries": Lines(
            _l("Countries"),
            normal=country,
            wrong=_l("“%(line)s” is not a country: two letters, such as CA."),
            description=_l("Two letters, one country on a line, such as FR. Empty: everybody else."),
        ),
        "languages": Lines(
            _l("Languages"),
            normal=spoken,
            wrong=_l("“%(line)s” is not a language: two letters, such as fr."),
            description=_l("Two letters, one language on a line, such as en: what is spoken there."),
        ),
        "calendar": RowSelect(_l("Calendar"), rows=choices_of(Calendar, Calendar.name)),
    }
    default_order = (HelpLine.position,)

    def row_label(self, row: Any) -> str:
        """Its region."""
        return presenters.localized(row, "region")

    def show_region(self, row: Any) -> str:
        """Its region."""
        return self.row_label(row)

    def show_languages(self, row: Any) -> str | None:
        """What is spoken there, in words."""
        locale = get_locale() or Locale("fr")
        return ", ".join(str(locale.languages.get(code, code)) for code in row.languages or ()) or None


class EscalationLineView(Resting):
    table = EscalationLine
    title = _l("Whom to turn to")
    new_title = _l("New situation")
    lead = _l("One line for each situation, by level: whom to contact, and how. The page prints well.")
    icon = "signpost-split"
    list_joins = (EscalationLine.form,)
    column_list = ("level", "situation", "whom", "form", "email", "phone", "position", "is_active")
    column_labels = {
        "level": _l("Level"),
        "level_fr": _l("Level in French"),
        "level_en": _l("Level in English"),
        "situation": _l("Situation"),
        "situation_fr": _l("Situation in French"),
        "situation_en": _l("Situation in English"),
        "whom": _l("Whom to contact"),
        "whom_fr": _l("Whom to contact, in French"),
        "whom_en": _l("Whom to contact, in English"),
        "phone": _l("Telephone"),
    }
    column_details_list = (
        "level_fr", "level_en", "slug", "situation_fr", "situation_en", "whom_fr", "whom_en", "form", "email", "phone",
        "position", "is_active",
    )  # fmt: skip
    column_sortable_list = ("position", "is_active")
    column_searchable_list = ("situation_fr", "situation_en", "whom_fr", "whom_en")
    column_filters = (filters.YesNo("active", EscalationLine.is_active, _l("In use")),)
    form_columns = column_details_list
    form_fields = {
        "form": RowSelect(_l("Form"), rows=choices_of(RequestForm), blank=_l("None")),
        "phone": Line(_l("Telephone"), validators=[Optional(), Length(max=40), PHONE]),
    }
    default_order = (EscalationLine.position,)

    def row_label(self, row: Any) -> str:
        """Its situation."""
        return presenters.localized(row, "situation")

    def show_level(self, row: Any) -> str:
        """Its level."""
        return presenters.localized(row, "level")

    def show_situation(self, row: Any) -> str:
        """When it applies."""
        return self.row_label(row)

    def show_whom(self, row: Any) -> str:
        """A name or a role."""
        return presenters.localized(row, "whom")

    def before_save(self, form: Any, row: Any, before: Any) -> None:
        """At least one way leads to somebody, and an address is one."""
        if row.email:
            row.email = accounts.address(row.email)
        if not (row.email or row.phone or row.form_id):
            raise Invalid(
                "way-needed",
                field="form",
                words=_("Give a form, an address or a number: a line leads to somebody."),
            )


def link(form: Any, field: Any) -> None:
    """A page of this portal, or a whole address with https."""
    if not guidance.LINK.match(field.data or ""):
        raise ValidationError(_("A page of this portal, such as /ideas, or a whole address with https://."))


class HighlightView(Resting):
    table = Highlight
    title = _l("Highlights")
    new_title = _l("New highlight")
    lead = _l("What the home page puts forward, each with a drawing and a link.")
    icon = "stars"
    column_list = ("title", "sentence", "link", "audience", "position", "is_active")
    column_labels = {
        "title": _l("Title"),
        "title_fr": _l("Title in French"),
        "title_en": _l("Title in English"),
        "link": _l("Leads to"),
    }
    column_details_list = (
        "title_fr", "title_en", "slug", "icon", "sentence_fr", "sentence_en", "link", "audience", "position",
        "is_active",
    )  # fmt: skip
    column_sortable_list = ("position", "is_active")
    column_searchable_list = ("title_fr", "title_en", "link")
    column_choices_words = {"audience": AUDIENCES}
    column_filters = (filters.YesNo("active", Highlight.is_active, _l("In use")),)
    form_columns = column_details_list
    form_fields = {
        "link": Line(
            _l("Leads to"),
            description=_l("A page of this portal, such as /ideas, or a whole address with https://."),
            validators=[InputRequired(REQUIRED), Length(max=300), link],
        ),
        "audience": Choice(_l("Read by"), choices=AUDIENCES, default="customers"),
    }
    default_order = (Highlight.position,)

    def row_label(self, row: Any) -> str:
        """Its title."""
        return presenters.localized(row, "title")

    def show_title(self, row: Any) -> str:
        """Its title."""
        return self.row_label(row)


class AssistantQuestionView(ReadOnly):
    table = AssistantQuestion
    title = _l("Questions to customer success")
    lead = _l("Questions that are not technical, as they were mailed. Answers go from mail to mail.")
    section = COMMUNITY
    icon = "chat-square-text"
    list_joins = (AssistantQuestion.person,)
    column_list = ("subject", "message", "person", "page", "created_at")
    column_labels = {
        "subject": _l("What it is about"),
        "message": _l("Question"),
        "page": _l("Asked on the page"),
    }
    column_sortable_list = ("created_at",)
    column_searchable_list = ("message",)
    column_choices_words = {"subject": SUBJECTS}
    column_filters = (filters.OneOf("subject", AssistantQuestion.subject, _l("What it is about"), SUBJECTS),)

    def order(self, column: str | None, descending: bool) -> list[Any]:
        """The newest first."""
        return super().order(column, descending) if column else [AssistantQuestion.id.desc()]

    def show_message(self, row: Any) -> str:
        """Its beginning."""
        return row.message if len(row.message) <= 200 else f"{row.message[:200]}…"

    def show_person(self, row: Any) -> str:
        """Who asked."""
        return str(row.person.full_name)

    def row_label(self, row: Any) -> str:
        """Who asked, and when."""
        return f"{row.person.full_name}, {presenters.when(row.created_at, 'day')}"
