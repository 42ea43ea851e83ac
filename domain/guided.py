"""The guided path: which steps there are, and what each offers after the choices made before (REQ-6).

What is typed on the way is a draft like any other (drafts.py), what is sent a request like any other (requests.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from domain import catalogue, policies, settings
from domain.policies import Viewer
from domain.refusals import Invalid
from models import Article, ExtraField, Feature, Kind, Product, RequestForm

# What somebody chooses to whom no product of the list fits, or who does not know the feature.
GENERAL = "general"
UNSURE = "unsure"

# How an extra field is answered.
ANSWERS = ("line", "text", "choice")
OPTIONS_MAX = 30
_KEY = re.compile(r"[a-z][a-z0-9_]{1,39}")
# Fields that every request has, and marks of the page: no question may be called like one of them.
RESERVED = frozenset(
    """
    organisation on_behalf_of reason summary description attachments cc audience audience_people
    share_with_account_manager consent consent_version idempotency_key follow_up product kind feature severity
    csrf_token draft draft_version step back again keep_draft draft_afresh draft_back remove_file attachment_keys from
    password current_password new_password confirmation code meta data errors form_errors after answers asks before
    beyond columns companies definitions files_like files_needed files_optional files_that_count for_clients guide
    hidden_tag hints is_submitted kept language layout nameable named_readers occasion organisations place points
    populate_obj post_process process profile refuse_file requesters restored sent_before submission validate
    validate_on_submit written
    """.split()
)


@dataclass(frozen=True)
class Path:
    """What the guided path is for somebody who has made these choices."""

    steps: tuple[str, ...]
    products: Sequence[Product]
    kinds: Sequence[Kind]
    features: Sequence[Feature]
    extras: Sequence[ExtraField]
    product: Product | None = None
    kind: Kind | None = None
    feature: Feature | None = None
    # The choices as they stand, those that are no longer offered left out.
    chosen: Mapping[str, str] = field(default_factory=dict)

    @property
    def offers_general(self) -> bool:
        """True when the list needs an answer for "none of these": there is no row that says so."""
        return all(product.slug != GENERAL for product in self.products)

    def missing(self) -> str | None:
        """The first step whose choice has not been made; None when all are."""
        return next(
            (
                step
                for step in self.steps
                if step in ("product", "kind", "feature") and not self.chosen.get(step)
            ),
            None,
        )

    def before(self, step: str) -> str | None:
        """The step before this one, or None for the first."""
        place = self.steps.index(step)
        return self.steps[place - 1] if place else None

    def following(self, step: str) -> str | None:
        """The step after this one, or None for the last."""
        place = self.steps.index(step)
        return self.steps[place + 1] if place + 1 < len(self.steps) else None


def path(form: RequestForm, chosen: Mapping[str, str]) -> Path:
    """The steps, and what each offers.

    Arguments: form, the row of the guided path; chosen, the values of `product`, `kind` and `feature` as sent, which
    may be anything. One query beside what is remembered.
    """
    wanted = settings.get("guided_steps")
    products = catalogue.products() if "product" in wanted else []
    product = _named(products, chosen.get("product"))
    kinds = _kinds(product) if "kind" in wanted else []
    kind = _named(kinds, chosen.get("kind")) if kinds else form.default_kind
    features = [
        row
        for row in (catalogue.features() if "feature" in wanted else ())
        if _holds(row.product_id, product) and _holds(row.kind_id, kind)
    ]
    feature = _named(features, chosen.get("feature"))
    made = {
        "product": product.slug if product else (GENERAL if chosen.get("product") == GENERAL else ""),
        "kind": kind.slug if kind and kinds else "",
        "feature": feature.slug if feature else (UNSURE if chosen.get("feature") == UNSURE else ""),
    }
    # While a choice before it is open, nobody can say yet that there will be no feature to choose.
    undecided = (products and not made["product"]) or (kinds and not made["kind"])
    offered = {
        "product": products,
        "kind": kinds,
        "feature": catalogue.features() if undecided and "feature" in wanted else features,
        "priority": form.scale,
    }
    return Path(
        steps=tuple(step for step in settings.GUIDED_STEPS if step in wanted and offered.get(step, True)),
        products=products,
        kinds=kinds,
        features=features,
        extras=[
            row
            for row in catalogue.extra_fields()
            if _holds(row.product_id, product)
            and _holds(row.kind_id, kind)
            and _holds(row.feature_id, feature)
        ],
        product=product,
        kind=kind,
        feature=feature,
        chosen=made,
    )


def _kinds(product: Product | None) -> list[Kind]:
    """The kinds offered for a product: those that it names, else all of them."""
    named = catalogue.kinds_by_product().get(product.id, set()) if product is not None else set()
    offered = [kind for kind in catalogue.kinds() if kind.id in named]
    return offered or catalogue.kinds()


def _named(rows: Sequence[Any], slug: str | None) -> Any:
    return next((row for row in rows if row.slug == slug), None) if slug else None


def _holds(condition: int | None, choice: Any) -> bool:
    """True when a row asks nothing of a choice, or asks for the very one that was made."""
    return condition is None or (choice is not None and condition == choice.id)


def readable_articles(extras: Sequence[ExtraField], viewer: Viewer) -> dict[str, Any]:
    """The articles that say where the value of a field is found, by its key; only what this person may read.

    One query when there are any, none otherwise.
    """
    wanted = {row.article_id for row in extras if row.article_id}
    if not wanted:
        return {}
    found = policies.visible_articles(viewer).select(Article.id).where(Article.id.in_(wanted)).tuples()
    readable = {key for (key,) in found}
    return {row.key: row.article for row in extras if row.article_id in readable}


def check_extra_field(key: str, answer: str, options: Sequence[Mapping[str, str]]) -> None:
    """Refuse an extra field that no form could show.

    Arguments: key, the name of its field; answer, one of ANSWERS; options, those of a choice.
    Raises Invalid: "extra-key", "extra-options", "extra-options-many".
    """
    if not _KEY.fullmatch(key) or key in RESERVED or key.startswith(("validate_", "process", "populate")):
        raise Invalid("extra-key", field="key", key=key)
    if answer == "choice" and len(options) < 2:
        raise Invalid("extra-options", field="options")
    if len(options) > OPTIONS_MAX:
        raise Invalid("extra-options-many", field="options", most=OPTIONS_MAX)
