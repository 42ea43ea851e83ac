"""Screen of the lists of contacts that administrators confirm once a year: who is late (ACC-15)."""

from __future__ import annotations

from typing import Any

from flask import url_for
from peewee import fn

from domain import contact_reviews
from models import ContactReview, Organisation
from views import current
from views.admin import filters
from views.admin.base import Badge, ReadOnly
from views.admin.filters import lowered
from views.admin.people import CUSTOMERS
from views.admin.rules import ORGANISATION
from words import gettext as _
from words import lazy_gettext as _l


class ReviewState(filters.OneOf):
    """Late, asked, or confirmed."""

    def apply(self, query: Any, value: Any) -> Any:
        """Only those in that state."""
        late = contact_reviews.late(current.now())
        return query.where(
            {
                "late": late,
                "asked": ContactReview.confirmed_at.is_null() & ~late,
                "confirmed": ContactReview.confirmed_at.is_null(False),
            }.get(value, ContactReview.id < 0)
        )


STATES = [("late", _l("Late")), ("asked", _l("Awaits an answer")), ("confirmed", _l("Confirmed"))]


class ContactReviewView(ReadOnly):
    table = ContactReview
    title = _l("Confirmed lists")
    lead = _l("Once a year each organisation confirms its contacts. Late: not confirmed after a month.")
    section = CUSTOMERS
    icon = "clipboard-check"
    list_joins = (ContactReview.organisation, ContactReview.confirmed_by)
    column_list = (
        "organisation",
        "state",
        "asked_at",
        "times",
        "mailed_at",
        "confirmed_at",
        "confirmed_by",
        "people",
    )
    column_labels = {
        "state": _l("State"),
        "asked_at": _l("Asked on"),
        "times": _l("Mails"),
        "mailed_at": _l("Last mail"),
        "confirmed_at": _l("Confirmed on"),
        "confirmed_by": _l("Confirmed by"),
        "people": _l("Contacts"),
    }
    column_sortable_list = (
        ("organisation", lambda: lowered(Organisation.name)),
        ("asked_at", ContactReview.asked_at),
        ("confirmed_at", ContactReview.confirmed_at),
    )
    column_searchable_list = (Organisation.name,)
    search_help = _l("Organisation")
    finders = (ORGANISATION,)
    column_filters = (
        ReviewState("state", ContactReview.id, _l("State"), STATES),
        filters.Named("organisation", ContactReview.organisation, _l("Organisation"), ORGANISATION),
    )
    empty_title = _l("Nobody was asked yet")

    def ids_query(self) -> Any:
        """With the organisation, for search and order."""
        return ContactReview.select(ContactReview.id).join(Organisation)

    def order(self, column: str | None, descending: bool) -> list[Any]:
        """Those who have not confirmed first, the oldest question at the top."""
        if column:
            return super().order(column, descending)
        waits = fn.COALESCE(ContactReview.confirmed_at, ContactReview.asked_at)
        return [ContactReview.confirmed_at.is_null(False).asc(), waits.asc(), ContactReview.id.asc()]

    def show_organisation(self, row: Any) -> str:
        """Whose list."""
        return str(row.organisation.name)

    def show_confirmed_by(self, row: Any) -> str | None:
        """Who confirmed it."""
        return row.confirmed_by.full_name if row.confirmed_by else None

    def show_people(self, row: Any) -> int | None:
        """How many were on the list that was confirmed."""
        return row.people if row.confirmed_at else None

    def show_state(self, row: Any) -> Badge:
        """Late, asked, or confirmed."""
        if row.confirmed_at is not None:
            return Badge("done", "check-circle", _("Confirmed"))
        if row.asked_at <= current.now() - contact_reviews.LATE_AFTER:
            return Badge("stuck", "exclamation-triangle-fill", _("Late"))
        return Badge("yours", "envelope", _("Awaits an answer"))

    def row_label(self, row: Any) -> str:
        """Whose list."""
        return str(row.organisation.name)

    def row_links(self, row: Any) -> list[dict[str, Any]]:
        """The contacts of the organisation: without an administrator nobody can answer."""
        url = url_for("admin_membership.index_view", flt_organisation=row.organisation.name)
        return [{"url": url, "icon": "person-check", "label": _("Approved contacts")}]
