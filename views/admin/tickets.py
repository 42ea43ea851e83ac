"""Screens of requests and of their history.

A request is changed here by the same verbs as at the desk: same moves, same rights, same history, same mails. It
is never created nor deleted here.
"""

from __future__ import annotations

from typing import Any

from flask import current_app, g, url_for
from flask_wtf import FlaskForm
from wtforms import HiddenField
from wtforms.validators import Length

from domain import catalogue, closing, lifecycle, search
from domain.refusals import NotNow
from models import (
    Person,
    RequestForm,
    Scale,
    ScaleLevel,
    Team,
    Ticket,
    TicketEvent,
)
from presenters import localized
from views import current
from views.admin import filters
from views.admin.base import Act, Badge, Link, ReadOnly, Rows, choices_of
from views.admin.catalogue import staff
from views.admin.fields import Choice, Finder, Paragraphs, RowSelect, clean_line
from views.admin.rules import ORGANISATION, status_words
from words import gettext as _
from words import lazy_gettext as _l

REQUESTS = _l("Requests")
PERSON = Finder("person", Person.email, Person.full_name)
# A search answers with the newest that fit: more than a person reads, and a bounded cost.
MOST_FOUND = 1000


def normal_number(text: str) -> str:
    """A public number as it is kept: capitals, no space."""
    return text.replace(" ", "").upper()


def desk_url(number: str) -> str | None:
    """The address of a request at the desk, when the desk is there."""
    if "desk.show" in current_app.view_functions:
        return url_for("desk.show", number=number)
    return None


def status_badge(status: str, kind: str = "") -> Badge:
    """A status with the words of the team, for requests of a kind."""
    labels = catalogue.labels(kind)
    label = labels.get(status)
    return Badge(
        lifecycle.STATUSES[status].tone,
        label.icon if label else "circle",
        localized(label, "team") if label else status,
    )


class ReasonForm(FlaskForm):
    """Why."""

    reason = Paragraphs(_l("Reason"), description=_l("Kept in the history."), validators=[Length(max=2000)])


class TeamForm(FlaskForm):
    """To which team."""

    team = RowSelect(_l("Team"), rows=choices_of(Team))


class MoveForm(ReasonForm):
    """To which status, and why."""

    status = Choice(
        _l("Status"), choices=lambda: status_words(key for key in lifecycle.STATUSES if key != "registered")
    )


class TicketForm(FlaskForm):
    """What is decided about a request: each difference is one verb."""

    status = Choice(_l("Status"))
    team = RowSelect(_l("Team"), rows=choices_of(Team))
    assignee = RowSelect(_l("Agent"), rows=staff, blank=_l("Nobody yet"))
    priority = Choice(_l("Priority retained"))
    reason = Paragraphs(
        _l("Reason"),
        description=_l(
            "Needed to lower a priority: the customer reads it. With a move, it is kept in the history."
        ),
        validators=[Length(max=2000)],
        rows=3,
    )
    seen = HiddenField()


class TicketView(Rows):
    table = Ticket
    title = _l("Requests")
    lead = _l(
        "Requests are opened by customers and never deleted. What is changed here follows the same moves, is kept in "
        "the same history and tells the same people as at the desk."
    )
    section = REQUESTS
    icon = "chat-square-text"
    column_labels = {"priority": _l("Priority")}
    can_create = False
    can_delete = False
    list_joins = (Ticket.organisation, Ticket.requester, Ticket.team, Ticket.assignee)
    column_list = (
        "number",
        "summary",
        "organisation",
        "requester",
        "status",
        "team",
        "assignee",
        "priority",
        "created_at",
    )
    column_details_list = (
        "number", "summary", "status", "status_since", "organisation", "requester", "opened_by", "form_slug",
        "kind_slug", "product", "team", "assignee", "priority_asked", "priority", "audience",
        "shared_with_account_manager",
        "created_at", "updated_at", "last_message_at", "first_response_at", "resolved_at", "closes_at", "closed_at",
        "close_reason",
    )  # fmt: skip
    column_export_list = (
        "number", "summary", "organisation", "requester", "status", "form_slug", "kind_slug", "team", "assignee",
        "priority_asked", "priority", "created_at", "updated_at", "resolved_at", "closed_at",
    )  # fmt: skip
    # Sorting by a column without index would read every request: these two are the key.
    column_sortable_list = (("number", Ticket.id), ("created_at", Ticket.id))
    search_help = _l("Number or words")
    column_filters = (
        filters.OneOf("status", Ticket.status, _l("Status"), lambda: status_words(lifecycle.STATUSES)),
        filters.Row("team", Ticket.team, _l("Team"), choices_of(Team)),
        filters.Row("assignee", Ticket.assignee, _l("Agent"), staff),
        filters.Named("organisation", Ticket.organisation, _l("Organisation"), ORGANISATION),
        filters.Named("requester", Ticket.requester, _l("Requester (address)"), PERSON),
    )
    finders = (ORGANISATION, PERSON)
    form = TicketForm
    column_choices_words = {
        "audience": [
            ("organisation", _l("The organisation")),
            ("only_me", _l("The requester and the administrators")),
            ("people", _l("Named people")),
        ],
        "close_reason": [
            ("staff", _l("The team")),
            ("customer", _l("The customer")),
            ("silence", _l("Silence")),
            ("merged", _l("Merge")),
        ],
        "kind_slug": lambda: {row.slug: localized(row, "name") for row in catalogue.kinds()},
        "form_slug": lambda: {row.slug: localized(row, "name") for row in RequestForm.select()},
    }
    acts = {
        "take": Act(
            _l("Give them to me"), _l("Take these requests yourself?"), _l("Give them to me"), FlaskForm
        ),
        "team": Act(
            _l("Hand to a team"), _l("Hand these requests to another team?"), _l("Hand over"), TeamForm
        ),
        "resolve": Act(
            _l("Mark as solved"), _l("Mark these requests as solved?"), _l("Mark as solved"), ReasonForm
        ),
        "close": Act(
            _l("Close"),
            _l("Close these requests? It is final: only a follow-up comes after."),
            _l("Close for good"),
            ReasonForm,
            dangerous=True,
        ),
        "move": Act(
            _l("Change the status"),
            _l("Change the status of these requests?"),
            _l("Change the status"),
            MoveForm,
        ),
    }

    def show_closes_at(self, row: Any) -> str | None:
        """The last day on which the customer can act, as everywhere (LIFE-13)."""
        day = closing.book().last_day(row)
        return self.words(day) if day is not None else None

    def order(self, column: str | None, descending: bool) -> list[Any]:
        """By key, the newest first unless asked otherwise."""
        if column is None:
            descending = True
        return [Ticket.id.desc() if descending else Ticket.id.asc()]

    def search(self, query: Any, words: str) -> Any:
        """A number, whole; else the words of the request, its messages and notes, by the index."""
        by_number = Ticket.get_or_none(Ticket.number == normal_number(words)[:20])
        if by_number is not None:
            return query.where(Ticket.id == by_number.id)
        return query.where(Ticket.id.in_(search.matching_ids(words, with_notes=True, limit=MOST_FOUND)))

    # ---- Values

    def show_number(self, row: Any) -> Link:
        """The number leads to the details."""
        return Link(self.get_url(".details_view", id=row.id), row.number)

    def show_status(self, row: Any) -> Badge:
        """The status, in the team's words."""
        return status_badge(row.status, row.kind_slug)

    def show_requester(self, row: Any) -> str:
        """Who asked."""
        return str(row.requester.full_name)

    def show_assignee(self, row: Any) -> str | None:
        """Who has it."""
        return row.assignee.full_name if row.assignee else None

    def show_priority(self, row: Any) -> str | None:
        """The level retained, in words."""
        return level_words(row.scale_slug, row.priority)

    def show_priority_asked(self, row: Any) -> str | None:
        """The level asked, in words."""
        return level_words(row.scale_slug, row.priority_asked)

    def row_links(self, row: Any) -> list[dict[str, Any]]:
        """The request at the desk."""
        url = desk_url(row.number)
        return [{"url": url, "icon": "inboxes", "label": _("Open at the desk")}] if url else []

    def details_extra(self, row: Any) -> dict[str, Any]:
        """The answers of the form, as they were given."""
        history = f"{url_for('admin_ticketevent.index_view')}?flt_number={row.number}"
        return {
            "answers": [
                (localized(answer, "label") or answer.get("key", ""), answer.get("value"))
                for answer in row.answers or ()
            ],
            "more_links": [{"url": history, "icon": "clock-history", "label": _("History")}],
        }

    # ---- Changing

    def edit_form(self, obj: Any = None) -> FlaskForm:
        """The form with the moves, teams and levels that this request can take now."""
        form = TicketForm(obj=obj)
        allowed = lifecycle.targets(obj.status, "staff")
        form.status.choices = status_words([obj.status, *(key for key in allowed if key != obj.status)])
        levels = [
            (
                row.value,
                f"{row.value} · {localized(row, 'name')}" if row.value.isdigit() else localized(row, "name"),
            )
            for row in ScaleLevel.select()
            .join(Scale)
            .where(Scale.slug == (obj.scale_slug or "severity"))
            .order_by(ScaleLevel.position)
        ]
        form.priority.choices = [*([] if obj.priority else [("", _("None of them"))]), *levels]
        return form

    def seen(self, row: Any) -> str:
        """The version that was read."""
        return str(row.version)

    def form_extra(self, form: FlaskForm, row: Any) -> dict[str, Any]:
        """What the request is about, over the form."""
        return {"intro": row.summary, "links": self.row_links(row)}

    def update_model(self, form: Any, model: Any) -> bool:
        """Each difference is a verb of the life of a request, in one transaction: all of them or none."""
        return bool(self._write(form, lambda: self._change(form, model)))

    def _change(self, form: Any, model: Any) -> Any:
        by, now = current.viewer(), current.now()
        ticket = lifecycle.fresh(model.id)
        seen = form.seen.data or ""
        if not (seen.isascii() and seen.isdigit() and int(seen[:9]) == ticket.version):
            raise NotNow("changed-meanwhile", number=ticket.number)
        before = (ticket.status, ticket.team_id, ticket.assignee_id, ticket.priority)
        reason = form.reason.data or ""
        # The priority first: a closed request takes no other change. The status last, for the same reason.
        if form.priority.data and form.priority.data != before[3]:
            ticket = lifecycle.set_priority(ticket, form.priority.data, by, now, reason=reason)
        if form.team.data and form.team.data != before[1]:
            ticket = lifecycle.set_team(ticket, form.team.data, by, now)
        if form.assignee.data != before[2]:
            ticket = lifecycle.assign(ticket, form.assignee.data, by, now)
        if form.status.data != before[0] and form.status.data != ticket.status:
            ticket = lifecycle.move(ticket, form.status.data, by, now, reason=reason)
        return ticket

    def do_take(self, row: Any, form: Any) -> bool:
        """Give a request to oneself."""
        if row.assignee_id == current.viewer().id:
            return False
        lifecycle.assign(row, current.viewer().id, current.viewer(), current.now())
        return True

    def do_team(self, row: Any, form: Any) -> bool:
        """Hand a request to a team."""
        if row.team_id == form.team.data:
            return False
        lifecycle.set_team(row, form.team.data, current.viewer(), current.now())
        return True

    def do_resolve(self, row: Any, form: Any) -> bool:
        """Mark a request as solved."""
        return self._send(row, "resolved", form)

    def do_close(self, row: Any, form: Any) -> bool:
        """Close a request for good."""
        return self._send(row, "closed", form)

    def do_move(self, row: Any, form: Any) -> bool:
        """Move a request to the chosen status."""
        return self._send(row, form.status.data, form)

    def _send(self, row: Any, status: str, form: Any) -> bool:
        if row.status == status:
            return False
        lifecycle.move(row, status, current.viewer(), current.now(), reason=form.reason.data or "")
        return True


def level_words(scale_slug: str | None, value: str | None) -> str | None:
    """A level in words; the scales are asked once for a page."""
    if value is None:
        return None
    if "admin_levels" not in g:
        g.admin_levels = {
            (row.scale.slug, row.value): row for row in ScaleLevel.select(ScaleLevel, Scale).join(Scale)
        }
    row = g.admin_levels.get((scale_slug, value))
    return (
        f"{value} · {localized(row, 'name')}"
        if row is not None and value.isdigit()
        else (localized(row, "name") if row is not None else value)
    )


class TicketEventView(ReadOnly):
    table = TicketEvent
    title = _l("History of requests")
    lead = _l(
        "What happened to requests: lines are added, never changed. Each carries the fingerprint of the one before."
    )
    section = REQUESTS
    icon = "clock-history"
    list_joins = (TicketEvent.ticket, TicketEvent.actor)
    column_list = ("created_at", "ticket", "kind", "actor", "is_public", "data")
    column_labels = {"kind": _l("Event"), "created_at": _l("When")}
    column_details_list = (
        "created_at",
        "ticket",
        "kind",
        "actor",
        "is_public",
        "data",
        "previous_hash",
        "hash",
    )
    column_sortable_list = (("created_at", TicketEvent.id),)
    search_help = _l("Number of the request")
    finders = ()

    def __init__(self) -> None:
        self.column_labels = {
            **self.column_labels,
            "previous_hash": _l("Fingerprint of the line before"),
            "hash": _l("Fingerprint"),
        }
        self.column_filters = (TicketNumber("number", TicketEvent.ticket, _l("Number of the request")),)
        super().__init__()

    def order(self, column: str | None, descending: bool) -> list[Any]:
        """The newest first."""
        return [TicketEvent.id.desc() if column is None or descending else TicketEvent.id.asc()]

    def search(self, query: Any, words: str) -> Any:
        """The events of one request."""
        return query.where(TicketEvent.ticket == ticket_key(words))

    def show_actor(self, row: Any) -> str:
        """Who did it; nobody is the portal itself."""
        return row.actor.full_name if row.actor else _("The portal")

    def row_label(self, row: Any) -> str:
        """The request and the event."""
        return f"{row.ticket.number} · {row.kind}"


def ticket_key(number: str) -> int:
    """The key of the request with this number, or one that no request has."""
    return (
        Ticket.select(Ticket.id).where(Ticket.number == normal_number(clean_line(number))[:20]).scalar() or -1
    )


class TicketNumber(filters.Filter):
    """Belonging to the request with this number."""

    def apply(self, query: Any, value: Any) -> Any:
        """Only the rows of that request."""
        return query.where(self.column == ticket_key(value))
