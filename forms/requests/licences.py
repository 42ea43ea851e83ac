"""Licence requests: the numbers come from this page, or from the filled form that is attached (REQ-13)."""

from __future__ import annotations

from typing import Any

from wtforms import DataList, MultipleFileField
from wtforms.fields import SelectChoice
from wtforms.validators import ValidationError

from forms.base import RequestFields
from forms.fields import Day, Line, OneOf, WholeNumber, Words
from words import gettext
from words import lazy_gettext as _l

FORM_ENDINGS = (".pdf", ".doc", ".docx")


class Licence(RequestFields):
    """REQ-2 `licence`. Product and due date are always asked; edition and quantity unless a filled form is attached."""

    asks = ("product", "edition", "quantity", "due_on")

    attachments = MultipleFileField(
        _l("Filled form"), description=_l("Instead of the edition and the quantity: .pdf, .doc or .docx.")
    )
    product = OneOf(
        _l("Product"),
        _l("Choose the product."),
        choices=lambda form, field: [
            SelectChoice("", _l("Choose")),
            *(SelectChoice(product.slug, Words.of(product)) for product in form.occasion.products),
        ],
        width="w-md",
    )
    edition = Line(
        _l("Edition"),
        most=80,
        width="w-md",
        says_optional=False,
        description=_l("Not needed when the filled form is attached. Example: Standard"),
        datalist=DataList(choices=lambda form, field: form.editions()),
    )
    quantity = WholeNumber(
        _l("Quantity"), says_optional=False, description=_l("Not needed when the filled form is attached.")
    )
    due_on = Day(
        _l("Due date"),
        _l("Give the date on which you need the licences."),
        past=_l("Give today’s date or a later one."),
    )

    def editions(self) -> list[str]:
        """The editions of all products, as suggestions."""
        return list(
            dict.fromkeys(str(name) for product in self.occasion.products for name in product.editions)
        )

    @property
    def files_optional(self) -> bool:
        """Neither optional nor compulsory: it depends on what is filled in on the page."""
        return False

    @property
    def filled_here(self) -> bool:
        """True when edition and quantity stand on the page."""
        return bool(self.edition.data) and self.quantity.data is not None

    def validate_attachments(self, field: MultipleFileField) -> None:
        """Without edition and quantity on the page, the filled form must be among the files."""
        if self.filled_here or self.sent_before or field.process_errors or self.quantity.process_errors:
            return
        if not any(row.name.lower().endswith(FORM_ENDINGS) for row in self.kept):
            raise ValidationError(
                gettext(
                    "Fill in the edition and the quantity, or attach the filled form (.pdf, .doc or .docx)."
                )
            )

    def beyond(self) -> dict[str, Any]:
        """The product, and the record behind a licence request."""
        product = next(row for row in self.occasion.products if row.slug == self.product.data)
        return {
            "product_id": product.id,
            "licence": {
                "product": product.id,
                "edition": self.edition.data,
                "quantity": self.quantity.data,
                "due_on": self.due_on.data,
                "source": "page" if self.filled_here else "form",
            },
        }
