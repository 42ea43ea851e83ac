"""Taking a text or files out of a request, for good: one page of the desk (STAFF-10)."""

from __future__ import annotations

from types import SimpleNamespace

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

import presenters
from domain import redaction
from domain.refusals import Invalid, Missing
from forms.desk import offer, whole_number
from forms.redaction import RedactionForm
from models import Ticket
from views import current, desk, tickets
from words import gettext as _
from words import ngettext

blueprint = Blueprint("redaction", __name__, url_prefix="/desk/tickets/<number>")
blueprint.before_request(desk.only_agents)


@blueprint.route("/redaction", methods=["GET", "POST"])
def show(number: str) -> ResponseReturnValue:
    """Choose what of the message that the address, or the form, names is to go; say why; confirm."""
    viewer, ticket = current.viewer(), tickets.load(number)
    key = whole_number(request.form.get("message") or request.args.get("message"))
    if key is None:
        raise Missing()
    shown = redaction.look(ticket, key, viewer)
    form = RedactionForm() if request.method == "POST" else RedactionForm(formdata=None)
    offer(form.parts, _parts(shown))
    if request.method != "POST":
        # Nearly always it is the text.
        form.parts.data = ["text"] if shown.has_text else []
        form.subject.data = ticket.summary
        return _page(ticket, shown, form)
    if not form.validate_on_submit():
        return _page(ticket, shown, form, 422)
    try:
        gone = redaction.redact(
            ticket,
            shown.message.id,
            form.chosen(ticket.summary if shown.is_first else form.subject.data or ""),
            form.reason.data,
            viewer,
            current.now(),
            store=current.store(),
            to=current.ledger(),
            origin=current.origin(),
        )
    except Invalid as fault:
        field = form[fault.field] if fault.field and fault.field in form else form.parts
        field.errors = [*field.errors, presenters.refusal(fault)]
        return _page(ticket, shown, form, 422)
    flash(
        ngettext("It is gone. Its author is told.", "%(num)s are gone. Their authors are told.", gone)
        if gone
        else _("It was gone already."),
        "success",
    )
    return redirect(url_for("desk.show", number=ticket.number, _anchor=f"m{shown.message.id}"), 303)


def _parts(shown: redaction.Redactable) -> list[tuple[str, str]]:
    """What the page offers to take out: the text, each file, the answers of the form."""
    parts = [("text", _("The text of the message"))] if shown.has_text else []
    parts += [(f"file-{row.id}", _("The file %(name)s", name=row.name)) for row in shown.files]
    if shown.has_answers:
        parts.append(("answers", _("The answers of the form")))
    return parts


def _page(
    ticket: Ticket, shown: redaction.Redactable, form: RedactionForm, status: int = 200
) -> ResponseReturnValue:
    form.message.data = str(shown.message.id)
    author = shown.message.author
    page = render_template(
        "desk/redaction.html",
        ticket=ticket,
        shown=shown,
        author=author.full_name if author else _("Somebody who left"),
        files=[tickets.file_words(row, current.viewer()) for row in shown.files],
        answers=[SimpleNamespace(**vars(tickets.answer_words(answer))) for answer in ticket.answers]
        if shown.has_answers
        else [],
        form=form,
    )
    return page, status
