"""A contested priority (LIFE-10): the page where a customer says why, and what a supervisor decides at the desk."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

import presenters
from domain import contests, policies, reading
from domain.refusals import Invalid, NotNow
from forms.contests import ContestForm, DecisionForm
from forms.desk import offer
from models import Ticket
from views import current, desk, tickets
from words import gettext as _

blueprint = Blueprint("contests", __name__)


def _page(ticket: Ticket, form: ContestForm, status: int = 200) -> ResponseReturnValue:
    """Why it was lowered, and the form."""
    viewer = current.viewer()
    read = reading.read(viewer, ticket)
    place = tickets.contest_place(ticket, viewer, read.events)
    return render_template("contests/new.html", ticket=ticket, contest=place, form=form), status


def _empty(ticket: Ticket) -> ResponseReturnValue:
    """The form with what was typed before the session ended; agents are led to the desk."""
    if current.viewer().is_agent:
        return redirect(url_for("desk.show", number=ticket.number), 303)
    form = ContestForm(formdata=None)
    held = current.held()
    if held:
        form.reason.data = (held.get("reason") or [""])[0]
    return _page(ticket, form)


@blueprint.route("/tickets/<number>/contest", methods=["GET", "POST"])
def contest(number: str) -> ResponseReturnValue:
    """The customer does not agree. The mail leads here too: opening the page does nothing."""
    ticket, viewer = tickets.load(number), current.viewer()
    if request.method != "POST":
        return _empty(ticket)
    form = ContestForm()
    if (
        not form.validate_on_submit()
        and policies.may_contest(viewer, ticket)
        and contests.contestable(ticket)
    ):
        return _page(ticket, form, 422)
    try:
        contests.contest(ticket, form.reason.data or "", viewer, current.now())
    except Invalid as fault:
        form.reason.errors = [presenters.refusal(fault)]
        return _page(ticket, form, 422)
    except NotNow as fault:
        row = contests.of_ticket(ticket)
        if fault.code == "contested-already" and row is not None and row.contested_by_id == viewer.id:
            # A second press: the first one did it.
            flash(presenters.refusal(fault), "info")
            return redirect(url_for("tickets.show", number=ticket.number), 303)
        flash(presenters.refusal(fault), "error")
        return _page(tickets.load(number), form, fault.status)
    flash(_("It is noted: a supervisor looks at the priority again, and you are told."), "success")
    return redirect(url_for("tickets.show", number=ticket.number), 303)


@blueprint.post("/desk/tickets/<number>/contest")
def decide(number: str) -> ResponseReturnValue:
    """A supervisor gives the former priority back, or keeps the lower one."""
    desk.only_agents()
    ticket = tickets.load(number)
    form = DecisionForm()
    offer(form.outcome, [(outcome, outcome) for outcome in contests.OUTCOMES])
    valid = form.validate_on_submit()
    try:
        if not valid and contests.may_decide_on(current.viewer(), ticket):
            return desk.page(ticket, 422, decision=form)
        changed = contests.decide(
            ticket, form.outcome.data or "", form.answer.data or "", current.viewer(), current.now()
        )
    except Invalid as fault:
        field = form.answer if fault.field == "answer" else form.outcome
        field.errors = [*field.errors, presenters.refusal(fault)]
        return desk.page(ticket, 422, decision=form)
    except NotNow as fault:
        return desk.page(tickets.load(number), fault.status, refused=presenters.refusal(fault), decision=form)
    if form.outcome.data == "restored":
        flash(_("The former priority is back, and the customer is told."), "success")
    else:
        flash(_("The lower priority is kept, and the customer is told why."), "success")
    return desk.back(changed)
