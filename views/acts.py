"""Pages with one button: it works, it does not work, more time, close (LIFE-8, LIFE-15, LIFE-17).

A GET shows what would happen and changes nothing; the button does it.
"""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

import presenters
from domain import mail_actions
from domain.refusals import Invalid, NotNow
from forms.conversation import PressForm, ReopenForm, TestedForm, WorksForm
from models import Ticket
from views import current

FORMS = {"works": WorksForm, "tested": TestedForm, "reopen": ReopenForm}


def form_of(act: str) -> Any:
    """The form of an act: what was sent, what was held while the session had ended, or an empty one."""
    kind = FORMS.get(act, PressForm)
    if request.method == "POST":
        return kind()
    form = kind(formdata=None)
    held = current.held()
    if held and "body" in form:
        form.body.data = (held.get("body") or [""])[0]
    return form


def page(ticket: Ticket, act: str, form: Any, status: int = 200) -> ResponseReturnValue:
    """What happens, and the button."""
    form.times.data = str(ticket.extended_times)
    form.act.data = act
    words = presenters.act_words(act, ticket, current.now())
    return render_template("tickets/act.html", ticket=ticket, words=words, form=form), status


def refused(form: Any, fault: Invalid) -> None:
    """Put a refusal of the domain by the field that it is about."""
    form[fault.field if fault.field and fault.field in form else "body"].errors = [presenters.refusal(fault)]


def done(ticket: Ticket, act: str) -> ResponseReturnValue:
    """Back to the request, which says what was done."""
    flash(presenters.act_done(act, Ticket.get_by_id(ticket.id)), "success")
    return redirect(url_for("tickets.show", number=ticket.number), 303)


def on_request(ticket: Ticket, act: str) -> ResponseReturnValue:
    """The page of an act under the address of the request."""
    viewer = current.viewer()
    if request.method != "POST":
        mail_actions.check(act, ticket, viewer)
        return page(ticket, act, form_of(act))
    form = form_of(act)
    if form.act.data and form.act.data != act:
        raise NotNow("changed-meanwhile", number=ticket.number)
    if not form.validate_on_submit():
        mail_actions.check(act, ticket, viewer)
        return page(ticket, act, form, 422)
    try:
        mail_actions.carry_out(
            act,
            ticket,
            viewer,
            current.now(),
            body=form.body.data if "body" in form else "",
            idempotency_key=form.idempotency_key.data,
            times_seen=form.times_seen,
        )
    except Invalid as fault:
        refused(form, fault)
        return page(ticket, act, form, 422)
    except NotNow as fault:
        if fault.code == "kept-open-already":
            # A second press: the first one did it.
            flash(presenters.refusal(fault), "info")
            return redirect(url_for("tickets.show", number=ticket.number), 303)
        raise
    return done(ticket, act)
