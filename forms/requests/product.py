"""Product support: having a fix deployed, being helped with a standard function."""

from __future__ import annotations

from typing import Any

from wtforms import DataList
from wtforms.fields import SelectChoice

from forms.base import RequestFields
from forms.fields import Day, Line, OneOfFew, Words
from forms.mixins import OfTheProfile
from presenters import definition_words
from words import lazy_gettext as _l


class Patch(RequestFields):
    """REQ-2 `patch`: a fix deployed after a patch (PSP) or after a migration (PSP²)."""

    asks = ("patch_kind", "environment", "wished_on", "window")

    patch_kind = OneOfFew(
        _l("Deployment"),
        _l("Choose after what the fix is deployed."),
        choices=[("psp", _l("After a patch (PSP)")), ("psp2", _l("After a migration (PSP²)"))],
    )
    environment = Line(
        _l("Environment"),
        _l("Name the environment to update."),
        most=120,
        width="w-md",
        description=_l("Example: test, pre-production, production"),
    )
    wished_on = Day(
        _l("Wished date"), _l("Give the date you wish."), past=_l("Give today’s date or a later one.")
    )
    window = Line(
        _l("Time window"),
        _l("Give the hours between which we may work."),
        most=120,
        width="w-md",
        description=_l("Example: between 18:00 and 20:00, Paris time"),
    )


class StandardHelp(OfTheProfile, RequestFields):
    """REQ-2 `standard-help` (SPT); version and company come from the organisation's profile (REQ-9)."""

    asks = ("kind", "version", "company")

    kind = OneOfFew(
        _l("Kind of request"),
        _l("Choose the kind of request."),
        default="question",
        choices=lambda form, field: [SelectChoice(kind.slug, Words.of(kind)) for kind in form.occasion.kinds],
    )
    version = Line(
        _l("Version"),
        _l("Give the version of your product."),
        most=40,
        width="w-sm",
        description=_l("Shown under Help, About. Example: 12.4"),
    )
    company = Line(
        _l("Company"),
        _l("Name the company concerned."),
        most=120,
        width="w-md",
        description=_l("The company of your group in which it happens."),
        datalist=DataList(choices=lambda form, field: form.companies()),
    )

    def definitions(self, name: str) -> dict[str, dict[str, Any]] | None:
        """Under each kind: its definition and an example."""
        if name != "kind":
            return None
        return {kind.slug: {"hint": definition_words(kind)} for kind in self.occasion.kinds}
