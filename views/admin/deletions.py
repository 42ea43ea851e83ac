"""The screen of irreversible requests: looked at, never changed. Their steps are taken on their own page."""

from __future__ import annotations

from typing import Any

from flask import url_for

from domain import deletion
from models import Deletion, Ticket
from presenters import deletion_cancel_words, when
from views.admin import filters
from views.admin.base import Badge, Link, ReadOnly
from views.admin.tickets import REQUESTS, TicketNumber, desk_url, normal_number, ticket_key
from words import gettext as _
from words import lazy_gettext as _l

STATES: tuple[tuple[str, Any, str, str], ...] = (
    ("announced", _l("To be confirmed"), "new", "pencil-fill"),
    ("confirmed", _l("A second person is awaited"), "away", "people"),
    ("waiting", _l("Waiting period"), "yours", "hourglass-split"),
    ("ready", _l("To be carried out"), "ours", "trash3"),
    ("carried_out", _l("Carried out"), "done", "check-circle"),
    ("cancelled", _l("Cancelled"), "over", "x-circle"),
)
ROLES: dict[str, Any] = {
    "requester": _l("Requester"),
    "second": _l("Second person"),
    "supervisor": _l("Supervisor, after a call"),
}


class DeletionView(ReadOnly):
    table = Deletion
    title = _l("Irreversible requests")
    lead = _l("Deletions and resets: who confirmed which words, when, and where each one stands.")
    section = REQUESTS
    icon = "trash3"
    list_joins = (Deletion.ticket, Deletion.carried_out_by, Deletion.cancelled_by)
    column_list = (
        "ticket",
        "state",
        "announced_at",
        "confirmed_at",
        "seconded_at",
        "due_at",
        "carried_out_at",
    )
    column_labels = {
        "state": _l("Where it stands"),
        "announced_at": _l("Sent on"),
        "confirmed_at": _l("Confirmed on"),
        "seconded_at": _l("Second confirmation on"),
        "second_rule": _l("Second person"),
        "answer_by": _l("Second confirmation before"),
        "due_at": _l("Not before"),
        "ready_at": _l("Waiting period ended"),
        "carried_out_at": _l("Carried out on"),
        "carried_out_by": _l("Carried out by"),
        "cancelled_at": _l("Cancelled on"),
        "cancelled_by": _l("Cancelled by"),
        "cancel_reason": _l("Why it was cancelled"),
        "people_hash": _l("Fingerprint of the list of people"),
    }
    column_details_list = (
        "ticket", "state", "announced_at", "confirmed_at", "second_rule", "answer_by", "seconded_at", "due_at",
        "ready_at", "carried_out_at", "carried_out_by", "cancelled_at", "cancelled_by", "cancel_reason", "people_hash",
    )  # fmt: skip
    column_sortable_list = (("ticket", Deletion.id), "due_at")
    column_choices_words = {
        "second_rule": [
            ("approved", _l("An administrator or another approved contact")),
            ("administrator", _l("An administrator of the organisation")),
            ("none", _l("Nobody: the requester alone")),
        ],
    }
    column_filters = (
        filters.OneOf(
            "state",
            Deletion.state,
            _l("Where it stands"),
            [(key, words) for key, words, _tone, _icon in STATES],
        ),
        TicketNumber("number", Deletion.ticket, _l("Number of the request")),
    )
    search_help = _l("Number of the request")

    def order(self, column: str | None, descending: bool) -> list[Any]:
        """The newest first."""
        return super().order(column, descending) if column else [Deletion.id.desc()]

    def search(self, query: Any, words: str) -> Any:
        """The procedure of one request."""
        return query.where(Deletion.ticket == ticket_key(normal_number(words)))

    def show_ticket(self, row: Any) -> Any:
        """The number leads to the request at the desk."""
        url = desk_url(row.ticket.number)
        return Link(url, row.ticket.number) if url else row.ticket.number

    def show_state(self, row: Any) -> Badge:
        """Where it stands."""
        return next(Badge(tone, icon, words) for key, words, tone, icon in STATES if key == row.state)

    def show_carried_out_by(self, row: Any) -> str | None:
        """Who carried it out."""
        return row.carried_out_by.full_name if row.carried_out_by else None

    def show_cancelled_by(self, row: Any) -> str | None:
        """Who cancelled it."""
        return row.cancelled_by.full_name if row.cancelled_by else None

    def show_cancel_reason(self, row: Any) -> str | None:
        """Why it was cancelled."""
        if not row.cancel_reason:
            return None
        who = row.cancelled_by.full_name if row.cancelled_by else _("The portal")
        return deletion_cancel_words(row.cancel_reason, row.cancel_note, who)

    def row_label(self, row: Any) -> str:
        """The request."""
        return str(row.ticket.number)

    def row_links(self, row: Any) -> list[dict[str, Any]]:
        """The page of the procedure."""
        url = url_for("deletion.show", number=row.ticket.number)
        return [{"url": url, "icon": "people", "label": _("See the people named and the steps")}]

    def details_extra(self, row: Any) -> dict[str, Any]:
        """Every confirmation with its words, those that no longer count included."""
        answers = []
        for person in deletion.named(Ticket.get_by_id(row.ticket_id)):
            answers.append((_("Person"), f"{person.full_name}, {person.employee_number}"))
        for held in deletion.confirmations(row):
            label = _("%(role)s, %(when)s", role=str(ROLES[held.role]), when=when(held.given_at, "short"))
            if held.void_at is not None:
                label = _("%(label)s (no longer counts)", label=label)
            note = f"\n{held.call_note}" if held.call_note else ""
            answers.append((label, f"{held.person.full_name}\n{held.text}\nSHA-256 {held.text_hash}{note}"))
        return {"answers": answers}
