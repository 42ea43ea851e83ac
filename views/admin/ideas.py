"""Screens of ideas and of what is said about them. Their state, hiding and merging are verbs of their own page."""

from __future__ import annotations

from typing import Any

from flask import url_for

import presenters
from domain import ideas, search
from domain.refusals import Invalid
from models import Idea, IdeaComment, IdeaFollow, IdeaMove, IdeaVote, Product
from views.admin import filters
from views.admin.base import Badge, Link, ReadOnly, Rows, choices_of
from views.admin.fields import RowSelect
from words import gettext as _
from words import lazy_gettext as _l
from words import ngettext

COMMUNITY = _l("Ideas and help")
KINDS: tuple[tuple[str, Any], ...] = (("idea", _l("Idea")), ("discussion", _l("Discussion")))
STATES: tuple[tuple[str, Any], ...] = (
    ("submitted", _l("Submitted")),
    ("under_review", _l("Under review")),
    ("planned", _l("Planned")),
    ("under_way", _l("Under way")),
    ("done", _l("Shipped")),
    ("not_kept", _l("Not kept")),
)


class Hidden(filters.YesNo):
    """Whether staff hid it."""

    def apply(self, query: Any, value: Any) -> Any:
        return query.where(self.column.is_null(not value))


class IdeaView(Rows):
    table = Idea
    title = _l("Ideas")
    lead = _l(
        "What customers told, with its votes. A new state, hiding and merging are on the page of each idea, so that "
        "its followers are told."
    )
    section = COMMUNITY
    icon = "lightbulb"
    can_create = False
    list_joins = (Idea.author, Idea.product)
    column_list = ("title", "kind", "state", "votes", "comments", "product", "author", "created_at")
    column_labels = {
        "title": _l("Title"),
        "problem": _l("Which problem it solves"),
        "details": _l("Details"),
        "votes": _l("Votes"),
        "comments": _l("Comments"),
        "author": _l("Author"),
        "hide_reason": _l("Why it is hidden"),
        "merged_into": _l("Goes on in"),
    }
    column_sortable_list = ("votes", "comments", "created_at")
    column_details_list = (
        "title", "problem", "details", "kind", "state", "votes", "comments", "product", "author", "created_at",
        "hide_reason", "merged_into",
    )  # fmt: skip
    column_searchable_list = ("title",)
    column_choices_words = {"kind": KINDS, "state": STATES}
    column_filters = (
        filters.OneOf("kind", Idea.kind, _l("Kind"), KINDS),
        filters.OneOf("state", Idea.state, _l("State"), STATES),
        filters.Row("product", Idea.product, _l("Product"), choices_of(Product)),
        Hidden("hidden", Idea.hidden_at, _l("Hidden")),
    )
    form_columns = ("title", "problem", "details", "product")
    form_fields = {
        "product": RowSelect(_l("Product"), rows=choices_of(Product), blank=_l("None in particular"))
    }
    deleted_with = (IdeaVote, IdeaFollow, IdeaComment, IdeaMove)

    def order(self, column: str | None, descending: bool) -> list[Any]:
        """The newest first."""
        return super().order(column, descending) if column else [Idea.id.desc()]

    def row_label(self, row: Any) -> str:
        """Its title."""
        return str(row.title)

    def show_state(self, row: Any) -> Badge | None:
        """Where it stands; a discussion has no state."""
        if row.hidden_at is not None:
            return Badge("note", "eye-slash", _("Hidden"))
        if row.merged_into_id is not None:
            return Badge("over", "sign-merge-right", _("Merged"))
        if row.kind != "idea":
            return None
        state = presenters.idea_states()[row.state]
        return Badge(state.tone, state.icon, state.label)

    def show_author(self, row: Any) -> str:
        """Who told it."""
        return str(row.author.full_name)

    def show_merged_into(self, row: Any) -> Link | None:
        """The idea in which it goes on."""
        key = row.merged_into_id
        return Link(url_for("ideas.show", idea_id=key), str(key)) if key else None

    def row_links(self, row: Any) -> list[dict[str, Any]]:
        """The page that readers get, and that on which it is looked after."""
        return [
            {"url": url_for("ideas.show", idea_id=row.id), "icon": "lightbulb", "label": _("See the page")},
            {
                "url": url_for("ideas.moderation", idea_id=row.id),
                "icon": "sliders",
                "label": _("Look after it"),
            },
        ]

    def before_save(self, form: Any, row: Any, before: Any) -> None:
        """What is always true of an idea."""
        if row.kind == "idea" and not row.problem:
            raise Invalid("idea-problem-needed", field="problem")
        for name in ("problem", "details"):
            if len(getattr(row, name)) > ideas.TEXT_CHARACTERS:
                raise Invalid("line-too-long", field=name, limit=ideas.TEXT_CHARACTERS)

    def after_save(self, form: Any, row: Any) -> None:
        """Its words, for the search."""
        search.index_idea(row.id)

    def after_delete(self, row: Any) -> None:
        """Nothing is found any more."""
        search.forget_idea(row.id)

    def goes_with(self, row: Any) -> list[str]:
        """Its discussion and its votes."""
        said = IdeaComment.select().where(IdeaComment.idea == row.id).count()
        return [
            ngettext("%(num)s comment goes with it", "%(num)s comments go with it", said),
            ngettext("%(num)s vote goes with it", "%(num)s votes go with it", row.votes),
        ]


class IdeaCommentView(ReadOnly):
    table = IdeaComment
    title = _l("Comments on ideas")
    lead = _l("What was said on ideas and in discussions. A comment is hidden on the page of its idea.")
    section = COMMUNITY
    icon = "chat-left-text"
    list_joins = (IdeaComment.idea, IdeaComment.author)
    column_list = ("body", "idea", "author", "by_team", "hide_reason", "created_at")
    column_labels = {
        "body": _l("What they wrote"),
        "idea": _l("Idea"),
        "author": _l("Author"),
        "by_team": _l("Our team"),
        "hide_reason": _l("Why it is hidden"),
    }
    column_sortable_list = ("created_at",)
    column_searchable_list = ("body",)
    column_filters = (Hidden("hidden", IdeaComment.hidden_at, _l("Hidden")),)

    def order(self, column: str | None, descending: bool) -> list[Any]:
        """The newest first."""
        return super().order(column, descending) if column else [IdeaComment.id.desc()]

    def show_body(self, row: Any) -> str:
        """Its beginning."""
        return row.body if len(row.body) <= 200 else f"{row.body[:200]}…"

    def show_idea(self, row: Any) -> Link:
        """What it is about."""
        return Link(url_for("ideas.show", idea_id=row.idea_id), row.idea.title)

    def show_author(self, row: Any) -> str:
        """Who wrote it."""
        return str(row.author.full_name)

    def row_label(self, row: Any) -> str:
        """Its author and the idea."""
        return f"{row.author.full_name}, {row.idea.title}"
