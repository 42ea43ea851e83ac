"""At the desk: what blocks a request (LIFE-9), and to whom it is escalated (LIFE-11)."""

from __future__ import annotations

from flask import Blueprint, flash
from flask.typing import ResponseReturnValue

import presenters
from domain import blocking, lifecycle
from domain.refusals import NotNow
from forms.desk import BlockForm, EscalationForm, offer
from models import Ticket
from views import current, desk, tickets
from words import gettext as _

blueprint = Blueprint("blocking", __name__, url_prefix="/desk/tickets/<number>")
blueprint.before_request(desk.only_agents)


@blueprint.post("/blocks")
def blocks(number: str) -> ResponseReturnValue:
    """Name a request that has to end first."""
    form = BlockForm()

    def act(ticket: Ticket) -> Ticket:
        blocking.block(
            ticket,
            form.blocker.data or "",
            current.viewer(),
            current.now(),
            component=form.component.data or "",
            seen=form.seen,
        )
        return tickets.load(number)

    return desk._act(
        number,
        form,
        "block",
        act,
        lambda ticket: _("The request is blocked; it goes on by itself when the other one ends."),
    )


@blueprint.post("/blocks/<int:block>/removal")
def remove_block(number: str, block: int) -> ResponseReturnValue:
    """Take a block away."""
    ticket = tickets.load(number)
    try:
        ticket = blocking.unblock(ticket, block, current.viewer(), current.now())
    except NotNow as fault:
        return desk.page(tickets.load(number), fault.status, refused=presenters.refusal(fault))
    label = presenters.statuses(for_team=True, kind=ticket.kind_slug)[ticket.status].label
    flash(_("The block is taken away. Status: %(status)s.", status=label), "success")
    return desk.back(ticket)


@blueprint.post("/escalation")
def escalation(number: str) -> ResponseReturnValue:
    """Hand a request on to level 2, product management or development, under a reference."""
    form = EscalationForm()
    offer(form.status, [("", ""), *((key, key) for key in lifecycle.ESCALATIONS)])
    return desk._act(
        number,
        form,
        "escalation",
        lambda ticket: lifecycle.escalate(
            ticket,
            form.status.data or "",
            current.viewer(),
            current.now(),
            reference=form.reference.data or "",
            reason=form.reason.data or "",
            seen=form.seen,
        ),
        lambda ticket: _(
            "The request is escalated under the reference %(reference)s.",
            reference=ticket.escalation_reference,
        ),
    )
