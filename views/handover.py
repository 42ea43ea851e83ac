"""Handing a request to a colleague (LIFE-18)."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

import presenters
from domain import handover, joining, policies
from domain.refusals import Invalid, NotNow
from forms.desk import offer, whole_number
from forms.joining import HandoverForm
from models import Ticket
from views import current, tickets
from words import gettext as _

blueprint = Blueprint("handover", __name__)


@blueprint.route("/tickets/<number>/handover", methods=["GET", "POST"])
def show(number: str) -> ResponseReturnValue:
    """Whose the request is from now on: chosen, and handed over."""
    viewer, ticket = current.viewer(), tickets.load(number)
    form = HandoverForm() if request.method == "POST" else HandoverForm(formdata=None)
    people = {str(row.id): row.full_name for row in handover.colleagues(ticket.organisation_id)}
    if request.method != "POST":
        handover.check(ticket, viewer)
        held = current.held()
        if held:
            form.person.data = (held.get("person") or [""])[0]
            form.reason.data = (held.get("reason") or [""])[0]
        return _page(ticket, form, people)
    offer(form.person, list(people.items()))
    if not form.validate_on_submit():
        handover.check(ticket, viewer)
        return _page(ticket, form, people, 422)
    try:
        handed = handover.handover(
            ticket,
            whole_number(form.person.data) or 0,
            viewer,
            current.now(),
            reason=form.reason.data,
            keep_me=bool(form.keep_me.data),
            seen=form.seen,
        )
    except Invalid as fault:
        field = form[fault.field] if fault.field and fault.field in form else form.person
        field.errors = [*field.errors, presenters.refusal(fault)]
        return _page(ticket, form, people, 422)
    except NotNow as fault:
        if fault.code != "changed-meanwhile":
            raise
        return _page(tickets.load(number), form, people, fault.status, presenters.refusal(fault))
    flash(_("The request is with %(name)s now.", name=people[form.person.data]), "success")
    if viewer.is_agent:
        return redirect(url_for("desk.show", number=number), 303)
    if not policies.can_see(viewer, handed):
        return redirect(url_for("tickets.index"), 303)
    return redirect(url_for("tickets.show", number=number), 303)


def _page(
    ticket: Ticket, form: HandoverForm, people: dict[str, str], status: int = 200, refused: str = ""
) -> ResponseReturnValue:
    viewer = current.viewer()
    others = [(key, name) for key, name in people.items() if key != str(ticket.requester_id)]
    offer(form.person, [("", _("Choose")), *others])
    form.version.data = str(ticket.version)
    is_mine = ticket.requester_id == viewer.id
    form.keep_me.label.text = (
        _("I go on following this request")
        if is_mine
        else _("%(name)s goes on following this request", name=ticket.requester.full_name)
    )
    page = render_template(
        "tickets/handover.html",
        ticket=ticket,
        form=form,
        is_mine=is_mine,
        anybody=bool(others),
        # Whoever left the organisation cannot go on following.
        stays=bool(joining.members_among(ticket.organisation_id, {ticket.requester_id})),
        refused=refused,
        back=url_for("desk.show" if viewer.is_agent else "tickets.show", number=ticket.number),
    )
    return page, status
