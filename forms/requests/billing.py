"""Billing: a question about an invoice, a change of legal name or VAT number.

A VAT number is checked for its country without asking anybody: form and check digits (python-stdnum).
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Any

from babel import Locale
from stdnum import get_cc_module
from stdnum.ch import uid
from stdnum.exceptions import ValidationError as WrongNumber
from stdnum.no import orgnr
from stdnum.util import clean
from wtforms import MultipleFileField
from wtforms.fields import SelectChoice
from wtforms.validators import StopValidation

from domain.occasions import Place
from forms.base import RequestFields
from forms.fields import Line, OneOf, Words
from words import gettext
from words import lazy_gettext as _l

# Northern Ireland has VAT numbers of its own in the European Union, and no code of its own among countries.
NORTHERN_IRELAND = Words("Irlande du Nord", "Northern Ireland")
# What stands in front of a number where it is not the code of the country.
PREFIXES = {"GR": "EL"}
VAT_MAX = 24


@lru_cache(maxsize=2)
def countries(language: str) -> tuple[SelectChoice, ...]:
    """Every country by its two letters, in the alphabetical order of the language."""
    names = {lang: Locale(lang).territories for lang in ("fr", "en")}
    no_country = {"EU", "EZ", "UN", "QO", "XA", "XB", "ZZ"}
    codes = [code for code in names["fr"] if len(code) == 2 and code.isalpha() and code not in no_country]
    found = {code: Words(names["fr"][code], names["en"][code]) for code in codes}
    found["XI"] = NORTHERN_IRELAND

    def key(code: str) -> str:
        text = unicodedata.normalize("NFKD", getattr(found[code], language).casefold())
        return "".join(character for character in text if not unicodedata.combining(character))

    return tuple(SelectChoice(code, found[code]) for code in sorted(found, key=key))


def checked_vat(country: str, number: str) -> str:
    """The VAT number in its short form, with the prefix of its country.

    Arguments: country, two letters (XI for Northern Ireland); number, as typed, with or without prefix.
    Raises ValueError when form or check digits are wrong for this country. A country whose numbers the library
    does not know takes any number of 4 characters or more: the proof attached says the rest.
    """
    prefix = PREFIXES.get(country, country)
    text = clean(number, " -./:,\u00a0\u202f").upper().strip()
    if not text.isascii() or not text.isalnum() or len(text) > VAT_MAX:
        raise ValueError("not a number of this country")
    bare = text[2:] if text[:2] in (prefix, country) else text
    try:
        if country == "CH":
            # The tax office writes CHE-123.456.788 with or without the word for VAT.
            swiss = text if text.startswith("CHE") else f"CHE{text}"
            for word in ("MWST", "TVA", "IVA", "TPV"):
                swiss = swiss.removesuffix(word)
            return str(uid.validate(swiss))
        if country == "NO":
            return f"NO{orgnr.validate(bare.removesuffix('MVA'))}MVA"
        module = get_cc_module("gb" if country == "XI" else country.lower(), "vat")
        if module is None:
            if len(bare) < 4 or not any(character.isdigit() for character in bare):
                raise ValueError("not a number of this country")
            return f"{prefix}{bare}"
        good = str(module.validate(bare))
    except WrongNumber:
        raise ValueError("not a number of this country") from None
    return f"{prefix}{good.removeprefix(prefix)}"


class BillingQuestion(RequestFields):
    """REQ-2 `billing-question`."""

    asks = ("invoice_number",)

    invoice_number = Line(
        _l("Invoice number"),
        most=60,
        width="w-md",
        description=_l("At the top of the invoice. Example: F-2026-1042"),
    )


class VatChange(RequestFields):
    """REQ-2 `vat-change`: a new name, a new number or both, with the proof attached."""

    asks = ("legal_name", "country", "vat_number")
    files_needed = _l("Attach a valid proof of tax registration.")

    attachments = MultipleFileField(
        _l("Proof of tax registration"),
        description=_l("A valid certificate that bears the new name or the new number."),
    )
    legal_name = Line(
        _l("New legal name"),
        most=160,
        says_optional=False,
        description=_l("Leave it empty if only the number changes."),
    )
    country = OneOf(
        _l("Country of registration"),
        _l("Choose the country."),
        choices=lambda form, field: [SelectChoice("", _l("Choose")), *countries(form.language)],
        width="w-md",
    )
    vat_number = Line(
        _l("New VAT number"),
        most=40,
        width="w-md",
        says_optional=False,
        description=_l("Leave it empty if only the name changes. Example for France: FR40303265045"),
    )

    def profile(self, place: Place) -> dict[str, Any]:
        """The country of the organisation."""
        return {"country": place.organisation.country}

    def validate(self, extra_validators: Any = None) -> bool:
        """A change changes something: the name, the number or both."""
        good = super().validate(extra_validators)
        if not self.legal_name.errors and not self.legal_name.data and not self.vat_number.data:
            self.legal_name.errors = [gettext("Give the new legal name, the new VAT number, or both.")]
            good = False
        return good

    def validate_vat_number(self, field: Line) -> None:
        """The number must be one of the country chosen."""
        if not field.data or not self.country.words():
            return
        try:
            field.data = checked_vat(self.country.data, field.data)
        except ValueError:
            raise StopValidation(
                gettext(
                    "This is not a VAT number of the country chosen (%(country)s): compare it with your proof of "
                    "registration.",
                    country=str(self.country.words()),
                )
            ) from None
