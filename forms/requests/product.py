"""Product support: having a fix deployed, being helped with a standard function."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import DataList
from wtforms.fields import SelectChoice

from domain.occasions import Place
from forms.base import RequestFields
from forms.fields import Day, Line, OneOfFew, Words
from presenters import definition_words


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


class StandardHelp(RequestFields):
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

    def profile(self, place: Place) -> dict[str, Any]:
        """Version and company as the organisation's profile has them; both can be changed."""
        companies = place.organisation.companies
        return {
            "version": place.organisation.product_version,
            "company": companies[0] if companies else place.name,
        }

    def companies(self) -> list[str]:
        """The companies that the profiles name, as suggestions."""
        named = [
            str(name)
            for place in self.occasion.places
            for name in place.organisation.companies or [place.name]
        ]
        return list(dict.fromkeys(named))

    def definitions(self, name: str) -> dict[str, dict[str, Any]] | None:
        """Under each kind: its definition and an example."""
        if name != "kind":
            return None
        return {kind.slug: {"hint": definition_words(kind)} for kind in self.occasion.kinds}
