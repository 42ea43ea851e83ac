"""Screens of the knowledge base: topics, articles with their versions and votes, and what was looked for in vain."""

from __future__ import annotations

from typing import Any

from flask import abort, flash, redirect, request, url_for
from flask_admin import expose
from flask_babel import get_timezone
from peewee import fn
from wtforms.validators import Length, Optional

import presenters
from domain import knowledge, search
from domain.refusals import Refusal
from models import Article, ArticleVersion, ArticleVote, Person, SearchMiss, Topic, TopicFollow
from presenters import localized, when
from views import current
from views.admin import filters
from views.admin.base import Badge, Link, ReadOnly, Rows, choices_of, plain
from views.admin.catalogue import show_active
from views.admin.fields import Choice, Paragraphs, RowSelect, key_of
from words import gettext as _
from words import lazy_gettext as _l
from words import ngettext

ARTICLES = _l("Articles")

KINDS: tuple[tuple[str, Any], ...] = (
    ("article", _l("Article")),
    ("faq", _l("Frequent question")),
    ("news", _l("News")),
    ("release", _l("Release note")),
    ("change", _l("Coming change")),
    ("download", _l("Download")),
)
AUDIENCES: tuple[tuple[str, Any], ...] = (
    ("public", _l("Everybody, without an account too")),
    ("customers", _l("Customers, once signed in")),
    ("staff", _l("The team only")),
)
STATES: tuple[tuple[str, Any, str, str], ...] = (
    ("draft", _l("Draft"), "note", "pencil-fill"),
    ("published", _l("Published"), "done", "check-circle"),
)


def everybody_of_the_team() -> list[tuple[int, str]]:
    """The living members of staff, by name: those who can look after an article."""
    query = Person.select(Person.id, Person.full_name).where(
        Person.staff_role.is_null(False) & (Person.is_active == True)  # noqa: E712
    )
    return [(row.id, row.full_name) for row in query.order_by(Person.full_name, Person.id)]


class TopicView(Rows):
    table = Topic
    title = _l("Topics")
    new_title = _l("New topic")
    lead = _l("The headings of the knowledge base. A topic that is not in use shows nothing.")
    section = ARTICLES
    icon = "grid"
    column_list = ("name", "slug", "sentence", "articles", "is_featured", "position", "is_active")
    column_labels = {"articles": _l("Articles"), "is_featured": _l("On the home page")}
    column_sortable_list = ("slug", "position", "is_featured", "is_active")
    column_details_list = (
        "name_fr", "name_en", "slug", "sentence_fr", "sentence_en", "icon", "position", "is_featured", "is_active",
    )  # fmt: skip
    column_searchable_list = ("name_fr", "name_en", "slug")
    column_filters = (filters.YesNo("active", Topic.is_active, _l("In use")),)
    form_columns = column_details_list
    fixed = ("slug",)
    default_order = (Topic.position,)
    deleted_with = (TopicFollow,)

    def rows_query(self) -> Any:
        """Topics with the number of their articles."""
        counted = Article.select(fn.COUNT(Article.id)).where(Article.topic == Topic.id)
        return super().rows_query().select_extend(counted.alias("articles_count"))

    def show_articles(self, row: Any) -> Link:
        """How many, leading to them."""
        return Link(url_for("admin_article.index_view", flt_topic=row.id), str(row.articles_count))

    def show_is_active(self, row: Any) -> Badge:
        """In use or not."""
        return show_active(row)

    def after_commit(self) -> None:
        """The home page shows the topics as they are now."""
        knowledge.forget()


class Overdue(filters.YesNo):
    """Whether the day of review is past."""

    def apply(self, query: Any, value: Any) -> Any:
        past = Article.review_by.is_null(False) & (Article.review_by < today())
        return query.where(past if value else ~past | Article.review_by.is_null())


def today() -> Any:
    """The date in the reader's zone."""
    return current.now().astimezone(get_timezone()).date()


class ArticleView(Rows):
    table = Article
    title = _l("Articles")
    new_title = _l("New article")
    lead = _l(
        "What the portal explains, in one language or two. Each save keeps a version that can be restored."
    )
    section = ARTICLES
    icon = "book"
    column_list = ("title", "kind", "topic", "audience", "state", "helpful", "version", "review_by", "owner")
    column_labels = {
        "title": _l("Title"),
        "title_fr": _l("Title in French"),
        "title_en": _l("Title in English"),
        "summary_fr": _l("Summary in French"),
        "summary_en": _l("Summary in English"),
        "body_fr": _l("Text in French"),
        "body_en": _l("Text in English"),
        "topic": _l("Topic"),
        "owner": _l("Looked after by"),
        "review_by": _l("To read again by"),
        "helpful": _l("Helpful"),
    }
    list_joins = (Article.topic, Article.owner)
    column_sortable_list = ("kind", "state", "version", "review_by", ("topic", Article.topic))
    column_details_list = (
        "title_fr", "title_en", "slug", "kind", "topic", "audience", "state", "published_at", "updated_at", "version",
        "helpful", "owner", "review_by", "position",
    )  # fmt: skip
    column_searchable_list = ("title_fr", "title_en", "slug")
    column_choices_words = {"kind": KINDS, "audience": AUDIENCES}
    column_filters = (
        filters.Row("topic", Article.topic, _l("Topic"), choices_of(Topic)),
        filters.OneOf("kind", Article.kind, _l("Kind"), KINDS),
        filters.OneOf("audience", Article.audience, _l("Read by"), AUDIENCES),
        filters.OneOf("state", Article.state, _l("State"), [(key, words) for key, words, *_rest in STATES]),
        Overdue("overdue", Article.review_by, _l("Day of review past")),
    )
    form_columns = (
        "slug", "kind", "topic", "audience", "state", "title_fr", "summary_fr", "body_fr", "title_en", "summary_en",
        "body_en", "owner", "review_by", "position",
    )  # fmt: skip
    form_fields = {
        "kind": Choice(_l("Kind"), choices=KINDS, default="article"),
        "topic": RowSelect(_l("Topic"), rows=choices_of(Topic)),
        "audience": Choice(_l("Read by"), choices=AUDIENCES, default="customers"),
        "state": Choice(
            _l("State"), choices=[(key, words) for key, words, *_rest in STATES], default="draft"
        ),
        "owner": RowSelect(_l("Looked after by"), rows=everybody_of_the_team, blank=_l("Nobody")),
        **{
            f"body_{code}": Paragraphs(
                label,
                rows=16,
                description=_l(
                    "Markdown: ## for a heading, - for a list, **bold**, [words](/help) for a link."
                ),
                validators=[Optional(), Length(max=knowledge.BODY_CHARACTERS)],
            )
            for code, label in (("fr", _l("Text in French")), ("en", _l("Text in English")))
        },
    }
    fixed = ("slug",)
    default_order = (Article.topic, Article.position)
    deleted_with = (ArticleVersion, ArticleVote)
    search_help = _l("Title or identifier")

    def rows_query(self) -> Any:
        """Articles with what readers said."""
        said = ArticleVote.select(fn.COUNT(ArticleVote.id)).where(ArticleVote.article == Article.id)
        return (
            super()
            .rows_query()
            .select_extend(
                said.where(ArticleVote.helpful).alias("said_yes"),
                said.where(~ArticleVote.helpful).alias("said_no"),
            )
        )

    def row_label(self, row: Any) -> str:
        """Its title."""
        return localized(row, "title") or str(row.slug)

    def show_title(self, row: Any) -> str:
        """Its title in the reader's language."""
        return self.row_label(row)

    def show_state(self, row: Any) -> Badge:
        """Draft or published."""
        return next(Badge(tone, icon, words) for key, words, tone, icon in STATES if key == row.state)

    def show_helpful(self, row: Any) -> str | None:
        """What readers said."""
        if not (row.said_yes or row.said_no):
            return None
        return _("%(yes)s yes, %(no)s no", yes=row.said_yes, no=row.said_no)

    def show_review_by(self, row: Any) -> Any:
        """The day of review; a badge once it is past."""
        if row.review_by is None or row.review_by >= today():
            return self.words(row.review_by)
        return Badge("yours", "hourglass-split", self.words(row.review_by))

    def show_owner(self, row: Any) -> str | None:
        """Who looks after it."""
        return row.owner.full_name if row.owner else None

    def row_links(self, row: Any) -> list[dict[str, Any]]:
        """The page that readers get."""
        return [{"url": url_for("articles.show", slug=row.slug), "icon": "book", "label": _("See the page")}]

    def before_save(self, form: Any, row: Any, before: Any) -> None:
        """What is always true of an article."""
        if before is None or plain(row) != before:
            knowledge.check(row, current.now())

    def after_save(self, form: Any, row: Any) -> None:
        """A version, and its words for the search."""
        knowledge.keep_version(row, current.viewer(), current.now())

    def after_delete(self, row: Any) -> None:
        """Nothing is found any more."""
        search.forget_article(row.id)

    def goes_with(self, row: Any) -> list[str]:
        """Its versions."""
        count = ArticleVersion.select().where(ArticleVersion.article == row.id).count()
        return [ngettext("%(num)s version goes with it", "%(num)s versions go with it", count)]

    def wants_preview(self, form: Any) -> bool:
        """The button that shows the page without saving it."""
        return "preview" in request.form

    def form_extra(self, form: Any, row: Any) -> dict[str, Any]:
        """The page as it would be read, when that was asked."""
        extra: dict[str, Any] = {"can_preview": row is not None, "preview_words": _("See how it reads")}
        if row is not None and self.wants_preview(form):
            extra["previews"] = [
                (
                    code,
                    form[f"title_{code}"].data or "",
                    presenters.article_body(form[f"body_{code}"].data)[0],
                )
                for code in ("fr", "en")
                if form[f"body_{code}"].data
            ]
        return extra

    def render(self, template: str, **kwargs: Any) -> str:
        """The details of an article have their versions and votes below."""
        return super().render(
            "admin/article.html" if template == "admin/details.html" else template, **kwargs
        )

    def details_extra(self, row: Any) -> dict[str, Any]:
        """Every version with who saved it, and what readers wrote."""
        return {"versions": knowledge.versions(row), "votes": knowledge.votes(row)}

    @expose("/version/")
    def version_view(self) -> Any:
        """An earlier version, as it was read."""
        row = self.row_or_404()
        old = self._version(row, request.args.get("number"))
        return self.render(
            "admin/article_version.html",
            row=row,
            old=old,
            name=self.row_label(row),
            texts=[
                (code, getattr(old, f"title_{code}"), getattr(old, f"summary_{code}"),
                 presenters.article_body(getattr(old, f"body_{code}"))[0])
                for code in ("fr", "en")
                if getattr(old, f"title_{code}")
            ],
        )  # fmt: skip

    @expose("/restore/", methods=("POST",))
    def restore_view(self) -> Any:
        """Give the article the words of an earlier version back."""
        row = self.row_or_404()
        old = self._version(row, request.form.get("number"))
        try:
            made = knowledge.restore(row, old.number, current.viewer(), current.now())
            self.record("admin:changed", self.target(row), restored=old.number, version=made)
            flash(_("Version %(old)s is back, as version %(new)s.", old=old.number, new=made), "success")
        except Refusal as fault:
            flash(presenters.refusal(fault), "error")
        return redirect(self.get_url(".details_view", id=row.id), 303)

    def _version(self, row: Any, number: Any) -> ArticleVersion:
        key = key_of(number)
        if not key:
            abort(404)
        return knowledge.version(row, key)


class ArticleVoteView(ReadOnly):
    table = ArticleVote
    title = _l("Votes on articles")
    lead = _l("Whether articles helped, and what readers wrote. Each reader counts once for each version.")
    section = ARTICLES
    icon = "hand-thumbs-up"
    list_joins = (ArticleVote.article, ArticleVote.person)
    column_list = ("article", "helpful", "sentence", "version", "person", "created_at")
    column_labels = {"article": _l("Article"), "helpful": _l("Helpful"), "sentence": _l("What they wrote")}
    column_sortable_list = ("created_at",)
    column_searchable_list = ("sentence",)
    column_filters = (filters.YesNo("helpful", ArticleVote.helpful, _l("Helpful")),)

    def order(self, column: str | None, descending: bool) -> list[Any]:
        """The newest first."""
        return super().order(column, descending) if column else [ArticleVote.id.desc()]

    def show_article(self, row: Any) -> Link:
        """The article."""
        return Link(url_for("admin_article.details_view", id=row.article_id), localized(row.article, "title"))

    def show_helpful(self, row: Any) -> Badge:
        """Yes or no."""
        if row.helpful:
            return Badge("done", "hand-thumbs-up", _("Yes"))
        return Badge("yours", "hand-thumbs-down", _("No"))

    def show_person(self, row: Any) -> str:
        """Who said it."""
        return str(row.person.full_name)

    def row_label(self, row: Any) -> str:
        """The article and the day."""
        return f"{localized(row.article, 'title')}, {when(row.created_at, 'day')}"


class SearchMissView(ReadOnly):
    table = SearchMiss
    title = _l("Searches without result")
    lead = _l(
        "Words that found nothing, the most frequent first: an article may be missing. Nobody is named."
    )
    section = ARTICLES
    icon = "search"
    can_delete = True
    column_list = ("words", "times", "last_at")
    column_labels = {"words": _l("Words"), "times": _l("How often"), "last_at": _l("Last time")}
    column_sortable_list = ("words", "times", "last_at")
    column_searchable_list = ("words",)

    def order(self, column: str | None, descending: bool) -> list[Any]:
        """The most frequent first."""
        if column:
            return super().order(column, descending)
        return [SearchMiss.times.desc(), SearchMiss.id.desc()]

    def value(self, row: Any, name: str) -> Any:
        """The words stand as they were folded."""
        return row.words if name == "words" else super().value(row, name)

    def row_label(self, row: Any) -> str:
        """The words."""
        return str(row.words)
