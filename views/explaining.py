"""Why somebody can or cannot see a request, for admins (STAFF-9)."""

from __future__ import annotations

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

import presenters
from domain import accounts, explaining, policies
from domain.refusals import NotAllowed
from forms.viewing import WhyForm
from models import Organisation, Person, Ticket
from views import current
from words import gettext as _

blueprint = Blueprint("explaining", __name__)


@blueprint.get("/desk/access")
def show() -> ResponseReturnValue:
    """The two who are asked about, and each rule with its answer."""
    viewer = current.viewer()
    if not viewer.is_admin:
        raise NotAllowed("admins-only")
    form = WhyForm(request.args)
    asked = bool((form.person.data or "").strip() and (form.number.data or "").strip())
    if not asked:
        # Half of it comes with a link from a request or from a person; the other half is typed.
        return render_template("viewing/why.html", form=form, told=None)
    person = ticket = None
    if form.validate():
        found = accounts.find_person(form.person.data)
        person = policies.load_viewer(found.id) if found is not None else None
        ticket = policies.find_ticket(viewer, _number(form.number.data))
        if person is None:
            form.person.errors = [*form.person.errors, _("Nobody has this address or user name.")]
        if ticket is None:
            form.number.errors = [*form.number.errors, _("There is no request with this number.")]
    if person is None or ticket is None:
        return render_template("viewing/why.html", form=form, told=None), 422
    whole = (
        Ticket.select(Ticket, Organisation, Person)
        .join_from(Ticket, Organisation)
        .join_from(Ticket, Person, on=(Ticket.requester == Person.id))
        .where(Ticket.id == ticket.id)
        .get()
    )
    told = explaining.explain(person, whole)
    return render_template(
        "viewing/why.html",
        form=form,
        told=presenters.sight_words(told, person, whole),
        person=person,
        ticket=whole,
    )


def _number(text: str) -> str:
    """What was typed, as numbers are kept."""
    return text.strip().upper()
