"""Screens of what the portal offers: teams, products, kinds, scales, categories, forms, statuses, consent, portals."""

from __future__ import annotations

from typing import Any

from flask import g
from peewee import fn
from wtforms.validators import Length, Optional, Regexp

from domain import catalogue, guidance, guided
from domain.refusals import Invalid
from models import (
    Article,
    Calendar,
    Category,
    ConsentText,
    ExtraField,
    Feature,
    Kind,
    Person,
    Portal,
    Product,
    ProductKind,
    RequestForm,
    Scale,
    ScaleLevel,
    StatusLabel,
    Team,
    TeamMember,
    Ticket,
)
from presenters import localized
from views import current
from views.admin import filters
from views.admin.base import Badge, Rows, choices_of
from views.admin.dates import reschedule
from views.admin.fields import Choice, Line, Lines, Options, RowSelect, icon_names
from views.admin.filters import lowered
from views.admin.words import LABELS
from words import gettext as _
from words import lazy_gettext as _l
from words import ngettext

OFFER = _l("Catalogue")
TEAMS = _l("Team and rules")


def show_active(row: Any) -> Badge:
    """In use or not, as a badge."""
    return (
        Badge("done", "check-circle", _("In use"))
        if row.is_active
        else Badge("over", "pause-circle", _("Not in use"))
    )


class Offered(Rows):
    """A row of the catalogue: it can rest, and lists show it by its place."""

    section = OFFER
    default_order: tuple[Any, ...] = ()
    switches = ("is_active",)

    def show_is_active(self, row: Any) -> Badge:
        """Active or not."""
        return show_active(row)

    def after_commit(self) -> None:
        """The pages of the catalogue remember the rows for a few seconds: here they are read anew."""
        catalogue.forget()


class TeamView(Offered):
    table = Team
    title = _l("Teams")
    new_title = _l("New team")
    lead = _l("Who takes a request. Customers see the icon, the name and the sentence.")
    section = TEAMS
    icon = "people"
    column_list = ("name", "slug", "sentence", "position", "is_active")
    column_sortable_list = ("slug", "position", "is_active")
    column_details_list = (
        "name_fr",
        "name_en",
        "slug",
        "sentence_fr",
        "sentence_en",
        "icon",
        "calendar",
        "position",
        "is_active",
    )
    list_joins = (Team.calendar,)
    column_searchable_list = ("name_fr", "name_en", "slug")
    column_filters = (filters.YesNo("active", Team.is_active, _l("In use")),)
    form_columns = (
        "name_fr",
        "name_en",
        "slug",
        "sentence_fr",
        "sentence_en",
        "icon",
        "calendar",
        "position",
        "is_active",
    )
    form_fields = {
        "calendar": RowSelect(
            _l("Calendar"), rows=choices_of(Calendar, Calendar.name), blank=_l("The one used by default")
        )
    }
    fixed = ("slug",)
    default_order = (Team.position,)
    deleted_with = (TeamMember,)

    def show_calendar(self, row: Any) -> str:
        """Its own calendar, or the one used by default."""
        return self.words(row.calendar) or _("By default")

    def before_save(self, form: Any, row: Any, before: Any) -> None:
        """Another calendar moves the dates of its requests; another name does not."""
        g.calendar_changed = before is not None and before["calendar"] != row.calendar_id

    def after_commit(self) -> None:
        """The dates of its requests follow its calendar."""
        super().after_commit()
        if g.pop("calendar_changed", False):
            reschedule()

    def goes_with(self, row: Any) -> list[str]:
        """Its members leave it; they stay agents."""
        return _members(TeamMember.select().where(TeamMember.team == row.id).count())


def _members(count: int) -> list[str]:
    return [ngettext("%(num)s member leaves it", "%(num)s members leave it", count)] if count else []


def staff() -> list[tuple[int, str]]:
    """The living agents and admins, by name."""
    query = Person.select(Person.id, Person.full_name).where(
        Person.staff_role.in_(("agent", "admin")) & (Person.is_active == True)  # noqa: E712
    )
    return [(row.id, row.full_name) for row in query.order_by(Person.full_name)]


class TeamMemberView(Rows):
    table = TeamMember
    title = _l("Team members")
    new_title = _l("New team member")
    lead = _l("Which agents work in which team.")
    section = TEAMS
    icon = "person-badge"
    column_list = ("person", "team")
    list_joins = (TeamMember.person, TeamMember.team)
    column_searchable_list = (Person.full_name, Person.email)
    search_help = _l("Name or address")
    column_sortable_list = (("person", lambda: lowered(Person.full_name)), ("team", TeamMember.team))
    column_filters = (filters.Row("team", TeamMember.team, _l("Team"), choices_of(Team)),)
    form_columns = ("team", "person")
    form_fields = {
        "team": RowSelect(_l("Team"), rows=choices_of(Team)),
        "person": RowSelect(_l("Agent"), rows=staff),
    }
    can_edit = False

    def ids_query(self) -> Any:
        """Members with their persons, for the search."""
        return TeamMember.select(TeamMember.id).join(Person)

    def row_label(self, row: Any) -> str:
        """Who, in which team."""
        return f"{row.person.full_name} · {super().words(row.team)}"


class ProductView(Offered):
    table = Product
    title = _l("Products")
    new_title = _l("New product")
    lead = _l("What requests can be about.")
    icon = "box-seam"
    column_list = ("name", "slug", "current_version", "editions", "position", "is_active")
    column_sortable_list = ("slug", "position", "is_active")
    column_details_list = (
        "name_fr",
        "name_en",
        "slug",
        "current_version",
        "editions",
        "position",
        "is_active",
    )
    column_searchable_list = ("name_fr", "name_en", "slug")
    column_filters = (filters.YesNo("active", Product.is_active, _l("In use")),)
    form_columns = ("name_fr", "name_en", "slug", "current_version", "editions", "position", "is_active")
    form_fields = {
        "editions": Lines(
            _l("Editions"), description=_l("One on a line: the editions that a licence can be of.")
        )
    }
    fixed = ("slug",)
    default_order = (Product.position,)
    deleted_with = (ProductKind,)

    def goes_with(self, row: Any) -> list[str]:
        """The list of kinds that it offers."""
        return _kinds_offered(ProductKind.select().where(ProductKind.product == row.id).count())


def _kinds_offered(count: int) -> list[str]:
    return (
        [ngettext("%(num)s kind by product goes with it", "%(num)s kinds by product go with it", count)]
        if count
        else []
    )


class KindView(Offered):
    table = Kind
    title = _l("Kinds of request")
    new_title = _l("New kind of request")
    lead = _l("Each with the definition and the example shown where it is chosen.")
    icon = "tags"
    column_list = ("name", "slug", "definition", "position", "is_active")
    column_sortable_list = ("slug", "position", "is_active")
    column_details_list = (
        "name_fr", "name_en", "slug", "definition_fr", "definition_en", "example_fr", "example_en", "position",
        "is_active",
    )  # fmt: skip
    column_searchable_list = ("name_fr", "name_en", "slug")
    column_filters = (filters.YesNo("active", Kind.is_active, _l("In use")),)
    form_columns = column_details_list
    fixed = ("slug",)
    default_order = (Kind.position,)

    deleted_with = (StatusLabel, ProductKind)

    def goes_with(self, row: Any) -> list[str]:
        """The words of statuses that are for this kind only, and where it is offered."""
        count = StatusLabel.select().where(StatusLabel.kind == row.id).count()
        labels = (
            [ngettext("%(num)s status label goes with it", "%(num)s status labels go with it", count)]
            if count
            else []
        )
        return labels + _kinds_offered(ProductKind.select().where(ProductKind.kind == row.id).count())

    def also_blocked_by(self, row: Any) -> list[Any]:
        """Requests keep the word of their kind."""
        return (
            [_l("requests")] if Ticket.select(Ticket.id).where(Ticket.kind_slug == row.slug).exists() else []
        )


ANY = _l("Any")


class ProductKindView(Rows):
    table = ProductKind
    title = _l("Kinds by product")
    new_title = _l("New kind for a product")
    lead = _l(
        "Which kinds of request the guided path offers for a product. A product without any offers all of them."
    )
    section = OFFER
    icon = "diagram-3"
    column_list = ("product", "kind")
    list_joins = (ProductKind.product, ProductKind.kind)
    column_sortable_list = (("product", ProductKind.product), ("kind", ProductKind.kind))
    column_filters = (filters.Row("product", ProductKind.product, _l("Product"), choices_of(Product)),)
    form_columns = column_list
    form_fields = {
        "product": RowSelect(_l("Product"), rows=choices_of(Product)),
        "kind": RowSelect(_l("Kind"), rows=choices_of(Kind)),
    }
    default_order = (ProductKind.product,)
    empty_help = _l("Every product offers all kinds.")
    can_edit = False

    def row_label(self, row: Any) -> str:
        """Which kind, for which product."""
        return f"{self.words(row.product)} · {self.words(row.kind)}"

    def after_commit(self) -> None:
        """The guided path remembers them for a few seconds."""
        catalogue.forget()


class FeatureView(Offered):
    table = Feature
    title = _l("Features")
    new_title = _l("New feature")
    lead = _l("What the guided path proposes after a product and a kind, and rules of routing may name.")
    icon = "layers"
    column_list = ("name", "slug", "product", "kind", "position", "is_active")
    list_joins = (Feature.product, Feature.kind)
    column_labels = {"hint_fr": _l("What it covers, in French"), "hint_en": _l("What it covers, in English")}
    column_sortable_list = ("slug", "position", "is_active", ("product", Feature.product))
    column_details_list = (
        "name_fr", "name_en", "slug", "product", "kind", "hint_fr", "hint_en", "position", "is_active",
    )  # fmt: skip
    column_searchable_list = ("name_fr", "name_en", "slug")
    column_filters = (
        filters.Row("product", Feature.product, _l("Product"), choices_of(Product)),
        filters.YesNo("active", Feature.is_active, _l("In use")),
    )
    form_columns = column_details_list
    form_fields = {
        "product": RowSelect(_l("Product"), rows=choices_of(Product), blank=ANY),
        "kind": RowSelect(_l("Kind"), rows=choices_of(Kind), blank=ANY),
    }
    fixed = ("slug",)
    default_order = (Feature.position,)

    def value(self, row: Any, name: str) -> Any:
        """An empty condition holds for anything."""
        shown = super().value(row, name)
        return ANY if shown is None and name in ("product", "kind") else shown


ANSWERS: tuple[tuple[str, Any], ...] = (
    ("line", _l("One line")),
    ("text", _l("Several lines")),
    ("choice", _l("One of several answers")),
)


def _articles() -> list[tuple[int, str]]:
    """The published articles, by title."""
    query = Article.select(Article.id, Article.title_fr, Article.title_en).where(Article.state == "published")
    return sorted(((row.id, localized(row, "title")) for row in query), key=lambda pair: pair[1].lower())


class ExtraFieldView(Offered):
    table = ExtraField
    title = _l("Extra fields")
    new_title = _l("New extra field")
    lead = _l("Questions that the guided path asks when a product, a kind or a feature calls for them.")
    icon = "card-checklist"
    column_list = (
        "name",
        "key",
        "answer",
        "product",
        "kind",
        "feature",
        "is_required",
        "is_active",
    )
    list_joins = (ExtraField.product, ExtraField.kind, ExtraField.feature, ExtraField.article)
    column_labels = {
        "key": _l("Key"),
        "answer": _l("Answered by"),
        "options": _l("Answers offered"),
        "is_required": _l("Needed"),
        "article": _l("Article that says where its value is found"),
        "help_fr": _l("Help in French"),
        "help_en": _l("Help in English"),
    }
    column_sortable_list = ("key", "position", "is_active", ("product", ExtraField.product))
    column_details_list = (
        "name_fr", "name_en", "key", "help_fr", "help_en", "answer", "options", "is_required", "product", "kind",
        "feature", "article", "position", "is_active",
    )  # fmt: skip
    column_searchable_list = ("name_fr", "name_en", "key")
    column_filters = (
        filters.Row("product", ExtraField.product, _l("Product"), choices_of(Product)),
        filters.Row("kind", ExtraField.kind, _l("Kind"), choices_of(Kind)),
        filters.YesNo("active", ExtraField.is_active, _l("In use")),
    )
    column_choices_words = {"answer": ANSWERS}
    form_columns = column_details_list
    form_fields = {
        "answer": Choice(_l("Answered by"), choices=ANSWERS, default="line"),
        "options": Options(
            _l("Answers offered"),
            description=_l("For one of several answers: one on a line, in French, then | and in English."),
        ),
        "product": RowSelect(_l("Product"), rows=choices_of(Product), blank=ANY),
        "kind": RowSelect(_l("Kind"), rows=choices_of(Kind), blank=ANY),
        "feature": RowSelect(_l("Feature"), rows=choices_of(Feature), blank=ANY),
        "article": RowSelect(
            _l("Article that says where its value is found"), rows=_articles, blank=_l("None of them")
        ),
    }
    fixed = ("key",)
    default_order = (ExtraField.position,)

    def before_save(self, form: Any, row: Any, before: Any) -> None:
        """A question that no form could ask is refused by its field."""
        guided.check_extra_field(row.key, row.answer, row.options)

    def show_options(self, row: Any) -> str:
        """The answers, in the reader's language."""
        return ", ".join(
            localized({"name_fr": one["fr"], "name_en": one["en"]}, "name") for one in row.options
        )

    def value(self, row: Any, name: str) -> Any:
        """An empty condition holds for anything."""
        shown = super().value(row, name)
        return ANY if shown is None and name in ("product", "kind", "feature") else shown


class ScaleView(Rows):
    table = Scale
    title = _l("Priority scales")
    new_title = _l("New scale")
    lead = _l("Severity or criticality: a form asks for a level of one scale.")
    section = OFFER
    icon = "sliders"
    column_list = ("name", "slug", "levels")
    column_labels = {"levels": _l("Levels")}
    column_sortable_list = ("slug",)
    column_details_list = ("name_fr", "name_en", "slug", "levels")
    form_columns = ("name_fr", "name_en", "slug")
    fixed = ("slug",)
    deleted_with = (ScaleLevel,)

    def rows_query(self) -> Any:
        """Scales with the number of their levels."""
        return (
            super()
            .rows_query()
            .select_extend(
                ScaleLevel.select(fn.COUNT(ScaleLevel.id))
                .where(ScaleLevel.scale == Scale.id)
                .alias("levels_count")
            )
        )

    def show_levels(self, row: Any) -> str:
        """How many levels."""
        return str(row.levels_count)

    def also_blocked_by(self, row: Any) -> list[Any]:
        """Requests keep the word of their scale."""
        return (
            [_l("requests")] if Ticket.select(Ticket.id).where(Ticket.scale_slug == row.slug).exists() else []
        )

    def goes_with(self, row: Any) -> list[str]:
        """Its levels."""
        count = ScaleLevel.select().where(ScaleLevel.scale == row.id).count()
        return [ngettext("%(num)s level goes with it", "%(num)s levels go with it", count)] if count else []

    def after_commit(self) -> None:
        """Pages remember the scales for a few seconds."""
        catalogue.forget()


class ScaleLevelView(Rows):
    table = ScaleLevel
    title = _l("Levels")
    new_title = _l("New level")
    lead = _l("Each level of a scale, with its definition, its example and its targets.")
    section = OFFER
    icon = "exclamation-triangle"
    column_list = (
        "scale",
        "value",
        "name",
        "definition",
        "response_minutes",
        "resolution_minutes",
        "position",
    )
    list_joins = (ScaleLevel.scale,)
    column_sortable_list = ("value", "position", ("scale", ScaleLevel.scale))
    column_details_list = (
        "scale", "value", "name_fr", "name_en", "definition_fr", "definition_en", "example_fr", "example_en",
        "response_minutes", "resolution_minutes", "position",
    )  # fmt: skip
    column_searchable_list = ("name_fr", "name_en", "value")
    column_filters = (filters.Row("scale", ScaleLevel.scale, _l("Scale"), choices_of(Scale, Scale.slug)),)
    form_columns = column_details_list
    form_fields = {"scale": RowSelect(_l("Scale"), rows=choices_of(Scale, Scale.slug))}
    fixed = ("scale", "value")
    default_order = (ScaleLevel.scale, ScaleLevel.position)

    def show_response_minutes(self, row: Any) -> str | None:
        """A target in words."""
        return minutes(row.response_minutes)

    def show_resolution_minutes(self, row: Any) -> str | None:
        """A target in words."""
        return minutes(row.resolution_minutes)

    def row_label(self, row: Any) -> str:
        """The scale and the level."""
        return f"{super().words(row.scale)} · {super().words(row)}"

    def also_blocked_by(self, row: Any) -> list[Any]:
        """Requests keep the word of their level."""
        used = Ticket.select(Ticket.id).where(
            (Ticket.scale_slug == row.scale.slug)
            & ((Ticket.priority == row.value) | (Ticket.priority_asked == row.value))
        )
        return [_l("requests")] if used.exists() else []

    def after_commit(self) -> None:
        """Pages remember the scales for a few seconds."""
        catalogue.forget()


def minutes(count: int | None) -> str | None:
    """A number of minutes as people say it."""
    if count is None:
        return None
    if count % 60 or count == 0:
        return ngettext("%(num)s minute", "%(num)s minutes", count)
    return ngettext("%(num)s hour", "%(num)s hours", count // 60)


class CategoryView(Offered):
    table = Category
    title = _l("Categories")
    new_title = _l("New category")
    lead = _l("The families of forms in the catalogue.")
    icon = "grid"
    column_list = ("name", "slug", "when", "position", "is_active")
    column_sortable_list = ("slug", "position", "is_active")
    column_details_list = (
        "name_fr", "name_en", "slug", "when_fr", "when_en", "example_fr", "example_en", "icon", "position", "is_active",
    )  # fmt: skip
    column_searchable_list = ("name_fr", "name_en", "slug")
    column_filters = (filters.YesNo("active", Category.is_active, _l("In use")),)
    form_columns = column_details_list
    fixed = ("slug",)
    default_order = (Category.position,)

    def also_blocked_by(self, row: Any) -> list[Any]:
        """Requests keep the word of their category."""
        return (
            [_l("requests")]
            if Ticket.select(Ticket.id).where(Ticket.category_slug == row.slug).exists()
            else []
        )


class RequestFormView(Offered):
    table = RequestForm
    title = _l("Request forms")
    lead = _l(
        "The words around each form and its place in the catalogue. The fields of a form are part of the program."
    )
    icon = "ui-checks"
    can_create = False
    can_delete = False
    column_list = ("name", "slug", "category", "scale", "asks_consent", "position", "is_active")
    list_joins = (RequestForm.category, RequestForm.scale, RequestForm.default_kind)
    column_sortable_list = ("slug", "position", "is_active", ("category", RequestForm.category))
    column_details_list = (
        "name_fr", "name_en", "slug", "category", "purpose_fr", "purpose_en", "when_fr", "when_en", "include_fr",
        "include_en", "example_fr", "example_en", "warning_fr", "warning_en", "default_kind", "scale", "asks_consent",
        "icon", "position", "is_active",
    )  # fmt: skip
    column_searchable_list = ("name_fr", "name_en", "slug")
    column_filters = (
        filters.Row("category", RequestForm.category, _l("Category"), choices_of(Category)),
        filters.YesNo("active", RequestForm.is_active, _l("In use")),
    )
    form_columns = column_details_list
    form_fields = {
        "category": RowSelect(_l("Category"), rows=choices_of(Category)),
        "default_kind": RowSelect(_l("Kind proposed"), rows=choices_of(Kind), blank=_l("None of them")),
        "scale": RowSelect(_l("Scale"), rows=choices_of(Scale, Scale.slug), blank=_l("None of them")),
    }
    fixed = ("slug",)
    default_order = (RequestForm.position,)


def _status_words(name: str, language: str) -> Line:
    """Words of a status. Those for one kind may stay empty, so what is needed is asked when they are saved."""
    column = f"{name}_{language}"
    most = StatusLabel._meta.fields[column].max_length
    too_long = _l("At most %(most)s characters.", most=most)
    return Line(LABELS[column], validators=[Optional(), Length(max=most, message=too_long)])


class StatusLabelView(Rows):
    table = StatusLabel
    title = _l("Status labels")
    new_title = _l("Words for one kind of request")
    lead = _l(
        "What customers and the team read for each status. The statuses and their moves are part of the program; a "
        "kind of request may have words of its own, and what they leave empty is said as for all kinds."
    )
    section = OFFER
    icon = "chat-left-text"
    list_joins = (StatusLabel.kind,)
    column_list = ("status", "kind", "customer", "team_words", "turn", "position")
    column_details_list = (
        "status", "kind", "customer_fr", "customer_en", "team_fr", "team_en", "turn_fr", "turn_en", "icon", "position",
    )  # fmt: skip
    column_sortable_list = ("status", "position")
    column_filters = (filters.Row("kind", StatusLabel.kind, _l("Kind"), choices_of(Kind)),)
    form_columns = column_details_list
    form_fields = {
        "status": Choice(
            _l("Status"),
            choices=lambda: [(key, localized(row, "team")) for key, row in catalogue.labels().items()],
        ),
        "kind": RowSelect(_l("Kind"), rows=choices_of(Kind)),
        **{
            f"{name}_{language}": _status_words(name, language)
            for name in ("customer", "team", "turn")
            for language in ("fr", "en")
        },
        "icon": Choice(
            LABELS["icon"],
            choices=lambda: [(name, name) for name in icon_names()],
            blank=_l("As for all kinds"),
        ),
    }
    fixed = ("status", "kind")
    default_order = (StatusLabel.position,)

    def show_kind(self, row: Any) -> str:
        """For which kind of request."""
        return localized(row.kind, "name") if row.kind_id else _("All kinds")

    def show_customer(self, row: Any) -> str:
        """What customers read."""
        return localized(row, "customer") or _("As for all kinds")

    def show_team_words(self, row: Any) -> str:
        """What the team reads."""
        return localized(row, "team") or _("As for all kinds")

    def show_turn(self, row: Any) -> str:
        """Whose turn it is."""
        return localized(row, "turn")

    def row_label(self, row: Any) -> str:
        """The status, and the kind when the words are for one."""
        general = catalogue.labels().get(row.status)
        name = localized(general, "team") if general is not None else str(row.status)
        return f"{name} · {localized(row.kind, 'name')}" if row.kind_id else name

    def before_save(self, form: Any, row: Any, before: Any) -> None:
        """Words for all kinds are whole; those for one kind say something, in both languages."""
        row.icon = row.icon or ""
        for name in ("customer", "team", "turn"):
            texts = {language: getattr(row, f"{name}_{language}") or "" for language in ("fr", "en")}
            for language, text in texts.items():
                setattr(row, f"{name}_{language}", text)
                needed = any(texts.values()) or (row.kind_id is None and name != "turn")
                if needed and not text:
                    raise Invalid("label-needed", field=f"{name}_{language}")
        if row.kind_id is None:
            if not row.icon:
                raise Invalid("label-needed", field="icon")
            return
        if not (row.customer_fr or row.team_fr or row.turn_fr or row.icon):
            raise Invalid("label-says-nothing", field="customer_fr")
        same = StatusLabel.select().where(
            (StatusLabel.status == row.status) & (StatusLabel.kind == row.kind_id)
        )
        if row.id is None and same.exists():
            raise Invalid("label-exists", field="kind")

    def also_blocked_by(self, row: Any) -> list[Any]:
        """The words for all kinds stay: every status needs them."""
        return [] if row.kind_id else [_l("the statuses of the program")]

    def after_commit(self) -> None:
        """Pages remember the labels for a few seconds."""
        catalogue.forget()


class ConsentTextView(Rows):
    table = ConsentText
    title = _l("Consent texts")
    new_title = _l("New version of the consent text")
    lead = _l(
        "A published version is never changed: a new one replaces it from then on, and each consent names its version."
    )
    section = OFFER
    icon = "file-earmark-text"
    can_edit = False
    can_delete = False
    column_list = ("version", "text", "published_at")
    column_details_list = ("version", "published_at", "text_fr", "text_en")
    column_sortable_list = ("version",)
    form_columns = ("text_fr", "text_en")
    default_order = ()

    def order(self, column: str | None, descending: bool) -> list[Any]:
        """The newest first."""
        return super().order(column, descending) if column else [ConsentText.version.desc()]

    def before_save(self, form: Any, row: Any, before: Any) -> None:
        """The next number, published now."""
        row.version = (ConsentText.select(fn.MAX(ConsentText.version)).scalar() or 0) + 1
        row.published_at = current.now()

    def row_label(self, row: Any) -> str:
        """The version by its number."""
        return _("Version %(number)s", number=row.version)


class PortalView(Rows):
    table = Portal
    title = _l("Portals")
    new_title = _l("New portal")
    lead = _l(
        "A counter with its own prefix. Numbers have no gaps: prefix and last number stay as they are. "
        "As soon as one has an address elsewhere, the header leads from one to the other."
    )
    section = _l("Portal")
    icon = "layers"
    can_delete = False
    column_list = ("name", "slug", "prefix", "url", "last_number")
    column_labels = {"url": _l("Address")}
    column_details_list = (
        "name_fr", "name_en", "slug", "prefix", "sentence_fr", "sentence_en", "url", "last_number",
    )  # fmt: skip
    column_sortable_list = ("slug",)
    form_columns = ("slug", "prefix", "name_fr", "name_en", "sentence_fr", "sentence_en", "url")
    fixed = ("slug", "prefix")
    form_fields = {
        "prefix": Line(
            _l("Prefix of numbers"),
            description=_l("Two to eight capital letters, such as CON. Stays as it is once saved."),
            validators=[Regexp(r"[A-Z]{2,8}\Z", message=_l("Two to eight capital letters, such as CON."))],
        ),
        "url": Line(
            _l("Address"),
            description=_l("Whole, with https://, for a portal that stands elsewhere. Empty: this one."),
            validators=[
                Optional(),
                Length(max=300),
                Regexp(
                    r"https://[^\s/\\]+(/[^\s\\]*)?\Z",
                    message=_l("A whole address that begins with https://."),
                ),
            ],
        ),
    }

    def after_commit(self) -> None:
        """The menu of the header shows the rows as they are now."""
        guidance.forget()
