"""The catalogue: which form is for what (REQ-1). Everybody who is signed in reads it."""

from __future__ import annotations

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from domain import catalogue, occasions
from forms.requests import REQUEST_FORMS
from views import current, status

blueprint = Blueprint("catalogue", __name__)


@blueprint.get("/catalogue")
def index() -> ResponseReturnValue:
    """Categories with their forms; those who may not open requests are told whom to ask."""
    viewer = current.viewer()
    offered = [
        (group.category, [form for form in group.forms if form.slug in REQUEST_FORMS])
        for group in catalogue.categories_with_forms()
    ]
    return render_template(
        "catalogue/index.html",
        categories=[(category, forms) for category, forms in offered if forms],
        guided=catalogue.offers_guided_path(),
        incidents=status.running(),
        may_open=viewer.may_open_requests,
        whom_to_ask=[] if viewer.may_open_requests else occasions.whom_to_ask(viewer),
    )
