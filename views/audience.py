"""Who can see a request, by name and with the reason; changed by those who decide it (VIEW-13)."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

import presenters
from domain import audience, policies, reading
from domain.refusals import Invalid, NotAllowed, NotNow
from forms.audience import AudienceForm
from forms.fields import offered
from models import Ticket
from views import current, tickets
from words import gettext as _

blueprint = Blueprint("audience", __name__)


@blueprint.route("/tickets/<number>/audience", methods=["GET", "POST"])
def show(number: str) -> ResponseReturnValue:
    """The whole list of those who can see it, and for those who decide, the choice."""
    viewer, ticket = current.viewer(), tickets.load(number)
    if not policies.can_change_audience(viewer, ticket):
        if request.method == "POST":
            raise NotAllowed("audience-not-yours")
        return _page(ticket, None)
    people = audience.colleagues(ticket.organisation_id, without=ticket.requester_id)
    form = AudienceForm() if request.method == "POST" else AudienceForm(formdata=None)
    form.audience_people.choices = offered([(str(key), name) for key, name in people])
    if request.method != "POST":
        form.audience.data = ticket.audience
        form.audience_people.data = [str(key) for key in audience.named_readers(ticket)]
        form.shared.data = ticket.shared_with_account_manager
        held = current.held()
        if held:
            form.audience.data = (held.get("audience") or [""])[0]
            form.audience_people.data = list(held.get("audience_people") or ())
        return _page(ticket, form)
    if not form.validate_on_submit():
        return _page(ticket, form, 422)
    try:
        audience.change(
            ticket,
            form.audience.data,
            viewer,
            current.now(),
            people=form.people,
            shared=bool(form.shared.data),
            seen=form.seen,
        )
    except Invalid as fault:
        field = form[fault.field] if fault.field and fault.field in form else form.audience
        field.errors = [*field.errors, presenters.refusal(fault)]
        return _page(ticket, form, 422)
    except NotNow as fault:
        if fault.code != "changed-meanwhile":
            raise
        return _page(tickets.load(number), form, fault.status, presenters.refusal(fault))
    flash(_("Who can see this request is changed. It acts at once."), "success")
    return redirect(url_for("tickets.show", number=number), 303)


def _page(
    ticket: Ticket, form: AudienceForm | None, status: int = 200, refused: str = ""
) -> ResponseReturnValue:
    viewer = current.viewer()
    readers = audience.look(viewer, ticket, reading.participants(ticket))
    if form is not None:
        form.version.data = str(ticket.version)
    is_mine = ticket.requester_id == viewer.id
    page = render_template(
        "tickets/audience.html",
        ticket=ticket,
        form=form,
        readers=readers,
        lines=presenters.reader_lines(readers, viewer, ticket.organisation.name),
        said=presenters.readers_said(readers, ticket.organisation.name),
        is_mine=is_mine,
        manager=ticket.organisation.account_manager,
        refused=refused,
        back=url_for("desk.show" if viewer.is_agent else "tickets.show", number=ticket.number),
    )
    return page, status
