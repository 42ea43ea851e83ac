"""Screen of the questions to customers about themselves (ACC-17)."""

from __future__ import annotations

from typing import Any

from domain import profile_questions
from models import ProfileAnswer, ProfileQuestion
from presenters import localized
from views.admin import filters
from views.admin.base import Badge, Rows
from views.admin.catalogue import show_active
from views.admin.fields import Choice, Options
from views.admin.people import CUSTOMERS
from words import lazy_gettext as _l
from words import ngettext

ANSWERS: tuple[tuple[str, Any], ...] = (
    ("line", _l("One line")),
    ("choice", _l("One of several answers")),
)


class ProfileQuestionView(Rows):
    table = ProfileQuestion
    title = _l("Profile questions")
    new_title = _l("New profile question")
    lead = _l(
        "Asked of each customer once, after signing in; every one can be skipped. "
        "Agents read the answers beside requests."
    )
    section = CUSTOMERS
    icon = "card-checklist"
    switches = ("is_active",)
    fixed = ("slug",)
    column_list = ("name", "slug", "answer", "position", "is_active")
    column_labels = {
        "name": _l("Question"),
        "name_fr": _l("Question in French"),
        "name_en": _l("Question in English"),
        "answer": _l("Answered by"),
        "options": _l("Answers offered"),
        "help_fr": _l("Help in French"),
        "help_en": _l("Help in English"),
    }
    column_sortable_list = ("slug", "position", "is_active")
    column_details_list = (
        "name_fr", "name_en", "slug", "help_fr", "help_en", "answer", "options", "position", "is_active",
    )  # fmt: skip
    column_searchable_list = ("name_fr", "name_en", "slug")
    column_filters = (filters.YesNo("active", ProfileQuestion.is_active, _l("In use")),)
    column_choices_words = {"answer": ANSWERS}
    form_columns = column_details_list
    form_fields = {
        "answer": Choice(_l("Answered by"), choices=ANSWERS, default="line"),
        "options": Options(
            _l("Answers offered"),
            description=_l("For one of several answers: one on a line, in French, then | and in English."),
        ),
    }
    default_order = (ProfileQuestion.position,)
    deleted_with = (ProfileAnswer,)
    empty_help = _l("Nobody is asked anything.")

    def before_save(self, form: Any, row: Any, before: Any) -> None:
        """A question that no page could ask is refused by its field."""
        profile_questions.check_question(row.answer, row.options)

    def after_commit(self) -> None:
        """Pages remember the questions for a few seconds: here they are read anew."""
        profile_questions.forget()

    def goes_with(self, row: Any) -> list[str]:
        """What people answered to it."""
        count = (
            ProfileAnswer.select()
            .where((ProfileAnswer.question == row.id) & (ProfileAnswer.value != ""))
            .count()
        )
        return [ngettext("%(num)s answer goes with it", "%(num)s answers go with it", count)] if count else []

    def row_label(self, row: Any) -> str:
        """The question."""
        return localized(row, "name")

    def show_is_active(self, row: Any) -> Badge:
        """In use or not."""
        return show_active(row)

    def show_options(self, row: Any) -> str:
        """The answers, in the reader's language."""
        return ", ".join(
            localized({"name_fr": one["fr"], "name_en": one["en"]}, "name") for one in row.options
        )
