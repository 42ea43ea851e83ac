"""Screen of licence requests: the record moves by its verbs, and the history of its request says so (REQ-13)."""

from __future__ import annotations

from typing import Any

from flask_wtf import FlaskForm
from wtforms import DateField, HiddenField, IntegerField
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from domain import licences
from domain.refusals import NotNow
from models import LicenceRequest, Product
from views import current
from views.admin import filters
from views.admin.base import Act, Badge, Link, Rows, choices_of, plain, stamp
from views.admin.fields import REQUIRED, Choice, Line, Paragraphs, RowSelect
from views.admin.rules import ORGANISATION
from views.admin.tickets import REQUESTS, TicketNumber, desk_url
from words import lazy_gettext as _l

STATUSES: tuple[tuple[str, Any, str, str], ...] = (
    ("received", _l("Received"), "new", "inbox"),
    ("in_preparation", _l("In preparation"), "ours", "gear"),
    ("delivered", _l("Delivered"), "done", "check-circle"),
    ("refused", _l("Refused"), "over", "x-circle"),
)
STATUS_WORDS = [(key, words) for key, words, _tone, _icon in STATUSES]


class DeliveryForm(FlaskForm):
    """When it was handed over."""

    delivered_on = DateField(_l("Delivered on"), validators=[Optional()], description=_l("Empty: today."))


class RefusalForm(FlaskForm):
    """Why not."""

    reason = Paragraphs(
        _l("Reason"),
        description=_l("The customer reads it."),
        validators=[InputRequired(REQUIRED), Length(max=2000)],
    )


class LicenceForm(FlaskForm):
    """The record, and where it stands."""

    product = RowSelect(_l("Product"), rows=choices_of(Product))
    edition = Line(_l("Edition"), validators=[Length(max=80)])
    quantity = IntegerField(
        _l("Quantity"),
        validators=[
            Optional(),
            NumberRange(1, licences.QUANTITY_MAX, message=_l("A whole number from 1 to 1,000,000.")),
        ],
    )
    due_on = DateField(_l("Wanted for"), validators=[InputRequired(REQUIRED)])
    status = Choice(_l("Status"), choices=STATUS_WORDS)
    delivered_on = DateField(
        _l("Delivered on"),
        validators=[Optional()],
        description=_l("With the status Delivered. Empty: today."),
    )
    reason = Paragraphs(
        _l("Reason"),
        description=_l("With the status Refused: the customer reads it."),
        validators=[Length(max=2000)],
        rows=3,
    )
    seen = HiddenField()


class LicenceRequestView(Rows):
    table = LicenceRequest
    title = _l("Licence requests")
    lead = _l("Each belongs to a request; what is changed here is in its history.")
    section = REQUESTS
    icon = "key"
    can_create = False
    can_delete = False
    list_joins = (LicenceRequest.ticket, LicenceRequest.organisation, LicenceRequest.product)
    column_list = (
        "ticket",
        "organisation",
        "product",
        "edition",
        "quantity",
        "due_on",
        "status",
        "delivered_on",
    )
    column_details_list = (*column_list, "source", "note")
    column_sortable_list = (("ticket", LicenceRequest.id), "due_on")
    column_searchable_list = (LicenceRequest.edition, LicenceRequest.note)
    search_help = _l("Edition or note")
    column_choices_words = {
        "status": STATUS_WORDS,
        "source": [("page", _l("The page")), ("form", _l("A filled form"))],
    }
    column_filters = (
        filters.OneOf("status", LicenceRequest.status, _l("Status"), STATUS_WORDS),
        filters.Row("product", LicenceRequest.product, _l("Product"), choices_of(Product)),
        filters.Named("organisation", LicenceRequest.organisation, _l("Organisation"), ORGANISATION),
        TicketNumber("number", LicenceRequest.ticket, _l("Number of the request")),
    )
    finders = (ORGANISATION,)
    form = LicenceForm
    acts = {
        "prepare": Act(
            _l("Mark as in preparation"),
            _l("Mark these licences as in preparation?"),
            _l("Mark as in preparation"),
            FlaskForm,
        ),
        "deliver": Act(
            _l("Mark as delivered"),
            _l("Mark these licences as delivered?"),
            _l("Mark as delivered"),
            DeliveryForm,
        ),
        "refuse": Act(_l("Refuse"), _l("Refuse these licences?"), _l("Refuse"), RefusalForm, dangerous=True),
    }

    def order(self, column: str | None, descending: bool) -> list[Any]:
        """The newest first."""
        return super().order(column, descending) if column else [LicenceRequest.id.desc()]

    def show_ticket(self, row: Any) -> Any:
        """The number leads to the request at the desk."""
        url = desk_url(row.ticket.number)
        return Link(url, row.ticket.number) if url else row.ticket.number

    def show_status(self, row: Any) -> Badge:
        """Where the licence stands."""
        return next(Badge(tone, icon, words) for key, words, tone, icon in STATUSES if key == row.status)

    def row_label(self, row: Any) -> str:
        """The request and the product."""
        return f"{row.ticket.number} · {self.words(row.product)}"

    def edit_form(self, obj: Any = None) -> FlaskForm:
        """The form with the statuses that this record can take now."""
        form = LicenceForm(obj=obj)
        allowed = (obj.status, *licences.MOVES[obj.status])
        form.status.choices = [(key, words) for key, words in STATUS_WORDS if key in allowed]
        return form

    def update_model(self, form: Any, model: Any) -> bool:
        """Corrections first, then the move: each is a verb with its line in the history."""
        return bool(self._write(form, lambda: self._change(form, model)))

    def _change(self, form: Any, model: Any) -> Any:
        row = self.locked(model.id)
        if form.seen.data != stamp(row):
            raise NotNow("row-changed")
        by, now, before = current.viewer(), current.now(), plain(row)
        wanted = {
            "product": form.product.data,
            "edition": form.edition.data or "",
            "quantity": form.quantity.data,
            "due_on": form.due_on.data,
        }
        differences = {
            name: value
            for name, value in wanted.items()
            if value != getattr(row, "product_id" if name == "product" else name)
        }
        if differences:
            row = licences.amend(row, by, now, **differences)
        if form.status.data != row.status:
            move = getattr(self, f"to_{form.status.data}")
            row = move(row, form)
        after = plain(row)
        changed = {name: [before[name], after[name]] for name in after if before[name] != after[name]}
        if changed:
            self.record("admin:changed", self.target(row), changed=changed)
        return row

    def to_in_preparation(self, row: Any, form: Any) -> Any:
        """The licences are being made."""
        return licences.prepare(row, current.viewer(), current.now())

    def to_delivered(self, row: Any, form: Any) -> Any:
        """The licences were handed over."""
        return licences.deliver(row, current.viewer(), current.now(), form.delivered_on.data)

    def to_refused(self, row: Any, form: Any) -> Any:
        """There will be none, and why."""
        return licences.refuse(row, current.viewer(), current.now(), form.reason.data or "")

    def do_prepare(self, row: Any, form: Any) -> bool:
        """One of the chosen ones."""
        if row.status == "in_preparation":
            return False
        self.to_in_preparation(row, form)
        return True

    def do_deliver(self, row: Any, form: Any) -> bool:
        """One of the chosen ones."""
        if row.status == "delivered":
            return False
        self.to_delivered(row, form)
        return True

    def do_refuse(self, row: Any, form: Any) -> bool:
        """One of the chosen ones."""
        if row.status == "refused":
            return False
        self.to_refused(row, form)
        return True
