"""What the portal offers: categories and forms, products, kinds, features, extra fields, scales, words of statuses,
and who gets a request.

All of it is rows that admins edit; presets write the first ones (domain/presets.py).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, cast

from peewee import JOIN, ModelSelect

from domain import statements
from domain.refusals import Missing
from models import (
    Article,
    Category,
    ExtraField,
    Feature,
    Kind,
    Product,
    ProductKind,
    RequestForm,
    RoutingRule,
    Scale,
    ScaleLevel,
    StatusLabel,
    Team,
)

# The form of the guided path: its words are a row like those of the others, but no category lists it.
GUIDED = "guided"

# Labels of statuses stand on every page; a change made by another process is seen after this many seconds.
CACHE_SECONDS = 3.0
# The words of every kind under "", those of kinds with words of their own under their slugs.
_labels: dict[str, dict[str, StatusLabel]] = {"": {}}
_labels_read_at: float | None = None
_lock = threading.Lock()


class CategoryForms(NamedTuple):
    """A category of the catalogue with its forms, both in the order of their positions (REQ-1)."""

    category: Category
    forms: list[RequestForm]


def forget() -> None:
    """Drop what this process remembers: the next read asks the database."""
    global _labels_read_at
    _labels_read_at = None
    _memory.clear()


def categories_with_forms() -> list[CategoryForms]:
    """The active categories with their active forms, in order; categories without forms are left out. One query."""
    groups: dict[int, CategoryForms] = {}
    query = (
        RequestForm.select(RequestForm, Category)
        .join(Category)
        .where(RequestForm.is_active, Category.is_active, RequestForm.slug != GUIDED)
        .order_by(Category.position, Category.id, RequestForm.position, RequestForm.id)
    )
    for form in query:
        groups.setdefault(form.category_id, CategoryForms(form.category, [])).forms.append(form)
    return list(groups.values())


def form(slug: str) -> RequestForm:
    """The active form with this slug, with its category, default kind and scale. One query.

    Raises Missing when there is none, or when it or its category is switched off.
    """
    this = "@slug"
    found = statements.rows(
        "catalogue.form",
        lambda: (
            RequestForm.select(RequestForm, Category, Kind, Scale)
            .join(Category)
            .switch(RequestForm)
            .join(Kind, JOIN.LEFT_OUTER)
            .switch(RequestForm)
            .join(Scale, JOIN.LEFT_OUTER)
            .where(RequestForm.slug == this, RequestForm.is_active, Category.is_active)
            .limit(1)
        ),
        {this: slug},
    )
    if not found:
        raise Missing("form-unknown", form=slug)
    return cast(RequestForm, found[0])


def levels(scale: Scale | str) -> list[ScaleLevel]:
    """The levels of a scale, the most pressing first (REQ-7). Arguments: scale, a row or its slug. One query."""
    query = ScaleLevel.select(ScaleLevel, Scale).join(Scale).order_by(ScaleLevel.position, ScaleLevel.id)
    every = _remembered("levels", lambda: list(query))
    slug = scale if isinstance(scale, str) else scale.slug
    return [level for level in every if level.scale.slug == slug]


def kinds() -> list[Kind]:
    """The active kinds of request, with definitions and examples, in order (REQ-8)."""
    return _remembered(
        "kinds", lambda: list(Kind.select().where(Kind.is_active).order_by(Kind.position, Kind.id))
    )


def products() -> list[Product]:
    """The active products, in order."""
    return list(Product.select().where(Product.is_active).order_by(Product.position, Product.id))


def kinds_by_product() -> dict[int, set[int]]:
    """For each product that names them, the kinds offered for it (REQ-6). Remembered for a few seconds."""

    def read() -> dict[int, set[int]]:
        found: dict[int, set[int]] = {}
        for product, kind in ProductKind.select(ProductKind.product, ProductKind.kind).tuples():
            found.setdefault(product, set()).add(kind)
        return found

    return _remembered("kinds of products", read)


def features() -> list[Feature]:
    """The active features, in order (REQ-6). Remembered for a few seconds: do not change the rows."""
    return _remembered(
        "features",
        lambda: list(Feature.select().where(Feature.is_active).order_by(Feature.position, Feature.id)),
    )


def extra_fields() -> list[ExtraField]:
    """The active extra fields with their articles, in order (REQ-6). Remembered for a few seconds."""
    return _remembered(
        "extra fields",
        lambda: list(
            ExtraField.select(ExtraField, Article)
            .join(Article, JOIN.LEFT_OUTER)
            .where(ExtraField.is_active)
            .order_by(ExtraField.position, ExtraField.id)
        ),
    )


def offers_guided_path() -> bool:
    """True while the guided path is offered. Remembered for a few seconds."""
    return any(form.slug == GUIDED and form.is_active and form.category.is_active for form in all_forms())


def route(
    *,
    category: str,
    form: str,
    kind: str | None = None,
    product_id: int | None = None,
    organisation_id: int | None = None,
    feature_id: int | None = None,
) -> Team:
    """The team that gets a request: the first active rule, by position, whose conditions all hold (REQ-12).

    Arguments: slugs of the category, form and kind, ids of the product, feature and organisation; None matches only
    rules that say nothing about it. Rules whose team is switched off are passed over. Without any rule that matches,
    the first active team by position gets it. One query, two without a match.
    Raises Missing("no-team") for a portal without active teams.
    """
    # What is not said is part of the name of the statement, what is said stands in it.
    asked = {
        "category": ("@category", category),
        "form": ("@form", form),
        "kind": ("@kind", kind),
        "product": (statements.stand_in(0), product_id),
        "feature": (statements.stand_in(1), feature_id),
        "organisation": (statements.stand_in(2), organisation_id),
    }
    place = {name: this for name, (this, value) in asked.items() if value is not None}
    found = statements.rows(
        ("catalogue.route", *place),
        lambda: _routes(place).limit(1),
        dict(asked.values()),
    )
    if found:
        return cast(Team, found[0].team)
    team = Team.select().where(Team.is_active).order_by(Team.position, Team.id).first()
    if team is None:
        raise Missing("no-team")
    return team


def _routes(place: Mapping[str, Any]) -> ModelSelect:
    """The rules that hold, the first one first; of what has no place nothing is said."""
    return (
        RoutingRule.select(RoutingRule, Team)
        .join(Team)
        .switch(RoutingRule)
        .join(Category, JOIN.LEFT_OUTER)
        .switch(RoutingRule)
        .join(RequestForm, JOIN.LEFT_OUTER, on=(RoutingRule.form == RequestForm.id))
        .switch(RoutingRule)
        .join(Kind, JOIN.LEFT_OUTER, on=(RoutingRule.kind == Kind.id))
        .where(
            RoutingRule.is_active,
            Team.is_active,
            RoutingRule.category.is_null() | (Category.slug == place.get("category")),
            RoutingRule.form.is_null() | (RequestForm.slug == place.get("form")),
            RoutingRule.kind.is_null() | (Kind.slug == place.get("kind")),
            RoutingRule.product.is_null() | (RoutingRule.product == place.get("product")),
            RoutingRule.feature.is_null() | (RoutingRule.feature == place.get("feature")),
            RoutingRule.organisation.is_null() | (RoutingRule.organisation == place.get("organisation")),
        )
        .order_by(RoutingRule.position, RoutingRule.id)
    )


def labels(kind: str = "") -> dict[str, StatusLabel]:
    """The words of each status for requests of a kind, by status, in order (LIFE-1): do not change the rows.

    Arguments: kind, the slug; a kind without words of its own has those of all, in the very same dictionary.
    Remembered for a few seconds.
    """
    every = _every_label()
    return every.get(kind) or every[""]


def labelled_kinds() -> list[str]:
    """The kinds whose requests have words of their own for some status."""
    return [kind for kind in _every_label() if kind]


def labels_now(statuses: Iterable[str], kind: str) -> dict[str, StatusLabel]:
    """The words of some statuses for requests of a kind as the database has them at this moment. One query."""
    rows = _label_rows().where(
        StatusLabel.status.in_(list(statuses)) & (StatusLabel.kind.is_null() | (Kind.slug == kind))
    )
    made = _by_kind(rows)
    return made.get(kind) or made[""]


def _every_label() -> dict[str, dict[str, StatusLabel]]:
    global _labels, _labels_read_at
    read_at = _labels_read_at
    if read_at is None or time.monotonic() - read_at > CACHE_SECONDS:
        made = _by_kind(_label_rows())
        with _lock:
            _labels, _labels_read_at = made, time.monotonic()
    return _labels


def _label_rows() -> ModelSelect:
    return (
        StatusLabel.select(StatusLabel, Kind.id, Kind.slug)
        .join(Kind, JOIN.LEFT_OUTER)
        # The rows of all kinds first: those of one kind are laid over them.
        .order_by(StatusLabel.kind.is_null(False), StatusLabel.position, StatusLabel.id)
    )


def _by_kind(rows: Iterable[StatusLabel]) -> dict[str, dict[str, StatusLabel]]:
    made: dict[str, dict[str, StatusLabel]] = {"": {}}
    for row in rows:
        if row.kind_id is None:
            made[""][row.status] = row
        else:
            made.setdefault(row.kind.slug, dict(made[""]))[row.status] = _over(made[""].get(row.status), row)
    return made


def _over(general: StatusLabel | None, row: StatusLabel) -> StatusLabel:
    """The words of one kind; what its row leaves empty is said by the row of all kinds, in both languages."""
    made = StatusLabel(status=row.status, kind=row.kind, position=row.position)
    for name in ("customer", "team", "turn"):
        own = getattr(row, f"{name}_fr") or getattr(row, f"{name}_en")
        for language in ("fr", "en"):
            column = f"{name}_{language}"
            setattr(made, column, getattr(row if own or general is None else general, column))
    made.icon = row.icon or (general.icon if general is not None else "circle")
    return made


def all_forms() -> list[RequestForm]:
    """Every form, switched off or not: requests made with it keep its name. Remembered for a few seconds."""
    return _remembered(
        "forms",
        lambda: list(
            RequestForm.select(RequestForm, Category)
            .join(Category)
            .order_by(RequestForm.position, RequestForm.id)
        ),
    )


def teams_by_id() -> dict[int, Team]:
    """Every team by its key. Remembered for a few seconds."""
    return _remembered("teams", lambda: {team.id: team for team in Team.select()})


def products_by_id() -> dict[int, Product]:
    """Every product by its key, switched off or not. Remembered for a few seconds."""
    return _remembered("products", lambda: {product.id: product for product in Product.select()})


_memory: dict[str, tuple[float, Any]] = {}


def _remembered(name: str, read: Callable[[], Any]) -> Any:
    found = _memory.get(name)
    if found is None or time.monotonic() - found[0] > CACHE_SECONDS:
        found = (time.monotonic(), read())
        _memory[name] = found
    return found[1]
