"""The form behind the guided path: its choices come from rows, and so do the questions that they call for (REQ-6)."""

from __future__ import annotations

from typing import Any

from wtforms import DataList
from wtforms.fields import SelectChoice

from domain import guided
from domain.occasions import Occasion
from forms.base import RequestFields
from forms.fields import Line, Lines, OneOf, OneOfFew, Words
from forms.mixins import OfTheProfile
from models import ExtraField
from presenters import definition_words, level_words, localized
from words import lazy_gettext as _l

# From here on a list that opens is shorter to read than buttons.
FEW = 6
NEEDED = _l("Answer this question: your choices call for it.")


class Guided(OfTheProfile, RequestFields):
    """What every guided request asks; made_for() adds the questions that the choices call for."""

    asks: tuple[str, ...] = ("product", "kind", "feature", "severity")
    columns = ("product", "kind", "severity")
    guide: guided.Path

    product = OneOfFew(
        _l("Product"),
        _l("Choose a product, or the answer for when none fits."),
        choices=lambda form, field: [
            *(SelectChoice(row.slug, Words.of(row)) for row in form.guide.products),
            *([SelectChoice(guided.GENERAL, _l("None of these"))] if form.guide.offers_general else ()),
        ],
    )
    kind = OneOfFew(
        _l("Kind of request"),
        _l("Choose the kind of request."),
        choices=lambda form, field: [SelectChoice(row.slug, Words.of(row)) for row in form.guide.kinds],
    )
    feature = OneOfFew(
        _l("Feature"),
        _l("Choose a feature, or say that you do not know."),
        choices=lambda form, field: [
            *(SelectChoice(row.slug, Words.of(row)) for row in form.guide.features),
            SelectChoice(guided.UNSURE, _l("I do not know")),
        ],
    )
    severity = OneOfFew(
        _l("Priority"),
        _l("Choose the priority from the effect on your work."),
        description=_l("Choose from the effect on your work. Targets are counted in our working hours."),
        choices=lambda form, field: [
            SelectChoice(
                level.value, Words(f"{level.value} · {level.name_fr}", f"{level.value} · {level.name_en}")
            )
            for level in form.occasion.levels
        ],
    )

    def __init__(self, occasion: Occasion, formdata: Any = None, data: dict[str, Any] | None = None) -> None:
        super().__init__(occasion, formdata=formdata, data=data)
        for name in ("product", "kind", "feature"):
            if name not in self.guide.steps:
                del self[name]
        if not occasion.levels:
            del self.severity
        # Errors are listed in the order of the steps.
        order = ("organisation", *Guided.asks, "reason", "summary", "description", "attachments", *self.asks)
        first = [name for name in dict.fromkeys(order) if name in self._fields]
        self._fields = {
            name: self._fields[name]
            for name in (*first, *(name for name in self._fields if name not in first))
        }

    def definitions(self, name: str) -> dict[str, dict[str, Any]] | None:
        """Under each answer: what it means, and what we promise."""
        if name == "severity":
            return {
                level.value: level_words(level, self.occasion.day_minutes) for level in self.occasion.levels
            }
        if name == "kind":
            return {kind.slug: {"hint": definition_words(kind)} for kind in self.guide.kinds}
        if name == "feature":
            return {
                **{row.slug: {"hint": localized(row, "hint")} for row in self.guide.features},
                guided.UNSURE: {"hint": _l("Describe it, and we find out for you.")},
            }
        if name == "product":
            return {guided.GENERAL: {"hint": _l("A question in general, or several products at once.")}}
        return None

    def answers(self) -> list[dict[str, Any]]:
        """The answers as they are kept with the request; "I do not know" is none."""
        return [
            answer
            for answer in super().answers()
            if (answer["key"], answer.get("value")) != ("feature", guided.UNSURE)
        ]

    def beyond(self) -> dict[str, Any]:
        """The product and the feature, for the rules that say which team gets it."""
        return {
            "product_id": self.guide.product.id if self.guide.product else None,
            "feature_id": self.guide.feature.id if self.guide.feature else None,
        }


def made_for(path: guided.Path) -> type[Guided]:
    """The form with the questions that these choices call for."""
    extras = {row.key: _field(row) for row in path.extras}
    return type("GuidedFields", (Guided,), {"guide": path, "asks": (*Guided.asks, *extras), **extras})


def _field(row: ExtraField) -> Any:
    """One question, as its row says it."""
    more = {"description": Words.of(row, "help") if row.help_fr or row.help_en else ""}
    needed = NEEDED if row.is_required else None
    label = Words.of(row)
    if row.answer == "text":
        return Lines(label, needed, most=5_000, rows=4, **more)
    if row.answer == "choice":
        options = [(str(option["value"]), Words(option["fr"], option["en"])) for option in row.options]
        if len(options) <= FEW:
            return OneOfFew(label, needed, choices=options, **more)
        return OneOf(label, needed, choices=[("", _l("Choose")), *options], width="w-md", **more)
    if row.key == "company":
        more["datalist"] = DataList(choices=lambda form, field: form.companies())
    return Line(label, needed, most=200, width="w-md", **more)
