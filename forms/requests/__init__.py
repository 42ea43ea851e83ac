"""The thirteen request forms: slug of REQ-2 -> class. The words around each form are rows (RequestForm).

The form of the guided path is a fourteenth row and has its class in guided.py: it is asked in steps, never as a page.
"""

from __future__ import annotations

from domain.catalogue import GUIDED
from forms.base import RequestFields
from forms.requests.billing import BillingQuestion, VatChange
from forms.requests.general import Improvement, Interface, Question
from forms.requests.licences import Licence
from forms.requests.privacy import MfaReset, UserDeletion
from forms.requests.product import Patch, StandardHelp
from forms.requests.technical import Api, Incident, SqlReport

REQUEST_FORMS: dict[str, type[RequestFields]] = {
    "question": Question,
    "interface": Interface,
    "improvement": Improvement,
    "api": Api,
    "incident": Incident,
    "sql-report": SqlReport,
    "billing-question": BillingQuestion,
    "vat-change": VatChange,
    "user-deletion": UserDeletion,
    "mfa-reset": MfaReset,
    "patch": Patch,
    "standard-help": StandardHelp,
    "licence": Licence,
}


def rows_without_fields() -> list[str]:
    """The slugs of active forms for which there is no class.

    Such a form is left out of the catalogue and its address says 404: a row typed on an admin screen must not
    keep the portal from starting.
    """
    from models import RequestForm

    slugs = RequestForm.select(RequestForm.slug).where(RequestForm.is_active).order_by(RequestForm.slug)
    return [row.slug for row in slugs if row.slug not in (*REQUEST_FORMS, GUIDED)]
