"""Merging a request into another one, and splitting one off: pages of the desk (LIFE-16)."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

import presenters
from domain import joining, splitting
from domain.refusals import Invalid, Missing, NotNow
from forms.desk import offer, whole_number
from forms.joining import MergeForm, SplitForm
from models import Ticket
from views import current, desk, tickets
from words import gettext as _

blueprint = Blueprint("joining", __name__, url_prefix="/desk/tickets/<number>")
blueprint.before_request(desk.only_agents)

LINKED = 10
# What is on the screen was overtaken: shown again with the reason, and nothing was done.
OVERTAKEN = ("changed-meanwhile", "merge-readers-changed")


@blueprint.route("/merge", methods=["GET", "POST"])
def merge(number: str) -> ResponseReturnValue:
    """Choose where a request goes on, see who will read it there, confirm.

    A POST merges only with `confirmed`; with `into` alone it shows what would happen and answers 422.
    """
    viewer, ticket = current.viewer(), tickets.load(number)
    joining.check_leaves(ticket, viewer)
    if request.method != "POST":
        form = MergeForm(formdata=request.args)
        held = current.held()
        if held:
            form.into.data = (held.get("into") or [""])[0]
        return _compared(ticket, form, 200) if form.into.data else _merging(ticket, form)
    form = MergeForm()
    if not form.validate_on_submit():
        return _merging(ticket, form, status=422)
    if not form.confirmed.data:
        return _compared(ticket, form, 422, presenters.REFUSALS["merge-confirm"]({}))
    try:
        merged = joining.merge(
            ticket,
            form.into.data,
            viewer,
            current.now(),
            seen=form.seen,
            shown=form.readers.data or None,
        )
    except Invalid as fault:
        form.into.errors = [presenters.refusal(fault)]
        return _merging(ticket, form, status=422)
    except NotNow as fault:
        if fault.code not in OVERTAKEN:
            raise
        return _compared(tickets.load(number), form, fault.status, presenters.refusal(fault))
    into = merged.merged_into.number
    flash(_("%(number)s goes on here; its people were told.", number=merged.number), "success")
    return redirect(url_for("desk.show", number=into), 303)


def _compared(ticket: Ticket, form: MergeForm, status: int, refused: str = "") -> ResponseReturnValue:
    """Both requests side by side, and who will newly read the one that goes on."""
    try:
        preview = joining.preview(ticket, form.into.data or "", current.viewer())
    except Invalid as fault:
        form.into.errors = [presenters.refusal(fault)]
        return _merging(ticket, form, status=422)
    return _merging(ticket, form, preview, status, refused)


def _merging(
    ticket: Ticket,
    form: MergeForm,
    preview: joining.Preview | None = None,
    status: int = 200,
    refused: str = "",
) -> ResponseReturnValue:
    proposed = joining.candidates(ticket, current.viewer())
    both = []
    if preview is not None:
        into = tickets.load(preview.into.number)
        both = [_side(ticket, _("Is closed")), _side(into, _("Goes on"))]
    page = render_template(
        "desk/merge.html",
        ticket=ticket,
        form=form,
        preview=preview,
        both=both,
        refused=refused,
        proposed=proposed,
        # The newest ones by a link; the others by their number, which the browser completes.
        rows=[
            SimpleNamespace(
                title=row.summary,
                text=row.number,
                url=url_for("joining.merge", number=ticket.number, into=row.number),
            )
            for row in proposed[:LINKED]
        ],
        becomes=presenters.becomes,
    )
    return page, status


def _side(ticket: Ticket, fate: str) -> SimpleNamespace:
    """One of the two requests, as the page shows them side by side."""
    return SimpleNamespace(
        number=ticket.number,
        summary=ticket.summary,
        fate=fate,
        status=presenters.statuses(for_team=True, kind=ticket.kind_slug)[ticket.status],
        facts=[
            (_("Requester"), ticket.requester.full_name),
            (_("Form"), tickets._form_name(ticket.form_slug)),
            (_("Agent"), ticket.assignee.full_name if ticket.assignee_id else _("nobody yet")),
            (_("Opened"), presenters.when(ticket.created_at)),
            (_("Last change"), presenters.when(ticket.updated_at)),
            (_("Who can read it"), presenters.audience_words(ticket.audience)),
        ],
        url=url_for("desk.show", number=ticket.number),
    )


@blueprint.route("/split", methods=["GET", "POST"])
def split(number: str) -> ResponseReturnValue:
    """Make a request of its own from the message that the address, or the form, names."""
    viewer, ticket = current.viewer(), tickets.load(number)
    key = whole_number(request.form.get("message") or request.args.get("message"))
    if key is None:
        raise Missing()
    message = splitting.message_of(ticket, key, viewer)
    form = SplitForm() if request.method == "POST" else SplitForm(formdata=None)
    usual = splitting.usual_form(ticket)
    offered = {row.slug: presenters.localized(row, "name") for row in splitting.forms()}
    offered.setdefault(usual, tickets._form_name(usual))
    offer(form.form, list(offered.items()))
    if request.method != "POST":
        held: Any = current.held() or {}
        form.summary.data = (held.get("summary") or [ticket.summary])[0]
        form.form.data = (held.get("form") or [usual])[0]
        return _splitting(ticket, message, form)
    form.form.data = form.form.data or usual
    if not form.validate_on_submit():
        return _splitting(ticket, message, form, 422)
    try:
        made = splitting.split(
            ticket,
            message.id,
            form.summary.data,
            viewer,
            current.now(),
            store=current.store(),
            idempotency_key=form.idempotency_key.data,
            form_slug=form.form.data,
            with_cc=bool(form.with_cc.data),
        )
    except Invalid as fault:
        field = form[fault.field] if fault.field and fault.field in form else form.summary
        field.errors = [*field.errors, presenters.refusal(fault)]
        return _splitting(ticket, message, form, 422)
    except NotNow as fault:
        return _splitting(ticket, message, form, fault.status, presenters.refusal(fault))
    flash(
        _(
            "%(number)s is made from the message. Its requester was told.",
            number=made.number,
        ),
        "success",
    )
    return redirect(url_for("desk.show", number=made.number), 303)


def _splitting(
    ticket: Ticket, message: Any, form: SplitForm, status: int = 200, refused: str = ""
) -> ResponseReturnValue:
    form.message.data = str(message.id)
    page = render_template(
        "desk/split.html",
        ticket=ticket,
        message=message,
        author=message.author.full_name if message.author_id else _("Somebody who left"),
        requester=splitting.requester_for(ticket, message),
        files=[tickets.file_words(row, current.viewer()) for row in splitting.files_of(message)],
        copied=presenters.several(splitting.in_copy(ticket)),
        form=form,
        refused=refused,
    )
    return page, status
