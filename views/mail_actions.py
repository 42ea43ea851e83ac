"""Where the buttons of mails lead: after sign-in, a page with one button. Programs that follow links change nothing."""

from __future__ import annotations

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

import presenters
from domain import mail_actions
from domain.refusals import Invalid, Missing, NotAllowed, NotNow
from views import acts, current

blueprint = Blueprint("mail_actions", __name__)


@blueprint.route("/mail-actions/<token>", methods=["GET", "POST"])
def show(token: str) -> ResponseReturnValue:
    """The act of a link: shown by a GET, done once by the button (LIFE-8, LIFE-15, LIFE-17).

    A link that never was, and one about a request that is not shared with the reader, get the same page; one that
    no longer acts leads to its request.
    """
    viewer = current.viewer()
    try:
        link = mail_actions.find(token, viewer)
    except Missing:
        return render_template("tickets/dead_link.html", ticket=None, why=""), 404
    # Said before the button is pressed: afterwards the same word would mean something else.
    act = mail_actions.meant(link.act, link.ticket)
    form = acts.form_of(act)
    try:
        mail_actions.check_link(link, viewer, current.now())
        if request.method != "POST":
            return acts.page(link.ticket, act, form)
        if not form.validate_on_submit():
            return acts.page(link.ticket, act, form, 422)
        mail_actions.use(
            token,
            viewer,
            current.now(),
            body=form.body.data if "body" in form else "",
            idempotency_key=form.idempotency_key.data,
        )
    except Invalid as fault:
        acts.refused(form, fault)
        return acts.page(link.ticket, act, form, 422)
    except (NotNow, NotAllowed) as fault:
        typed = form.body.data if request.method == "POST" and "body" in form else ""
        return (
            render_template(
                "tickets/dead_link.html", ticket=link.ticket, why=presenters.refusal(fault), typed=typed
            ),
            410 if fault.code.startswith("link-") else fault.status,
        )
    return acts.done(link.ticket, act)
