"""An irreversible request (REQ-4): recap, typed confirmation, second person, waiting period, receipt."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

import presenters
from domain import catalogue, deletion
from domain.refusals import Invalid, Missing, NotNow
from forms.deletion import CallForm, CancellationForm, CompletionForm, ConfirmationForm, SecondForm
from views import current, tickets
from words import gettext as _

blueprint = Blueprint("deletion", __name__, url_prefix="/tickets/<number>/deletion")


def _standing(number: str) -> deletion.Standing:
    """The procedure of this request as it is for this person. Raises Missing when there is none to see."""
    ticket = tickets.load(number)
    standing = deletion.look(current.viewer(), ticket, current.now(), presenters.language())
    if standing is None:
        raise Missing()
    return standing


def _page(standing: deletion.Standing, status: int = 200, **given: Any) -> ResponseReturnValue:
    """The page around the forms that this person may fill in now; those that were refused as they were sent."""
    viewer, now = current.viewer(), current.now()
    made: dict[str, Any] = {
        "confirmation": lambda: ConfirmationForm(standing, formdata=None),
        "second": lambda: SecondForm(formdata=None, wording=standing.wording.text_hash),
        "call": lambda: CallForm(formdata=None),
        "completion": lambda: CompletionForm(formdata=None),
    }
    forms = {name: given.get(name) or make() for name, make in made.items()}
    if "confirmation" in given:
        # What is sent from now on was read in its present words.
        forms["confirmation"].wording.data = standing.wording.text_hash
    held = current.held() if not given else None
    if held:
        forms["confirmation"].typed.data = (held.get("typed") or [""])[0]
        forms["call"].note.data = (held.get("note") or [""])[0]
    form = next((row for row in catalogue.all_forms() if row.slug == standing.ticket.form_slug), None)
    page = render_template(
        "deletion/show.html",
        standing=standing,
        ticket=standing.ticket,
        title=presenters.deletion_title(standing),
        place=presenters.deletion_place(standing, viewer, now),
        steps=presenters.deletion_steps(standing, viewer),
        lost=presenters.deletion_losses(standing),
        remaining=presenters.deletion_remaining(standing, now),
        asked=presenters.several([person.first_name for person in standing.asked]),
        names=presenters.several([person.full_name for person in standing.people], most=6),
        reason=_reason(standing),
        category=form.category if form else None,
        receipt=presenters.deletion_receipt(standing) if standing.row.state == "carried_out" else None,
        request_url=url_for(
            "desk.show" if viewer.is_agent else "tickets.show", number=standing.ticket.number
        ),
        **forms,
    )
    return page, status


def _reason(standing: deletion.Standing) -> str:
    """The business justification, as it was written in the form."""
    for answer in standing.ticket.answers:
        if answer.get("key") == "justification":
            return str(answer.get("value") or "")
    return ""


def _back(number: str) -> ResponseReturnValue:
    return redirect(url_for("deletion.show", number=number), 303)


def _refused(number: str, fault: NotNow) -> ResponseReturnValue:
    """The act was not done: the page as the procedure is now, with the reason."""
    flash(presenters.refusal(fault), "error")
    return _page(_standing(number), fault.status)


@blueprint.get("")
def show(number: str) -> ResponseReturnValue:
    """Who is concerned, what is lost, where it stands, and what this person can do now."""
    return _page(_standing(number))


@blueprint.post("/confirmation")
def confirm(number: str) -> ResponseReturnValue:
    """The requester typed the phrase."""
    standing = _standing(number)
    form = ConfirmationForm(standing)
    if standing.may_confirm and not form.validate_on_submit():
        return _page(standing, 422, confirmation=form)
    try:
        row = deletion.confirm(
            standing.ticket,
            form.typed.data or "",
            current.viewer(),
            current.now(),
            language=presenters.language(),
            understood=bool(form.irreversible.data),
            seen=form.wording.data or "",
        )
    except Invalid as fault:
        field = form.irreversible if fault.field == "irreversible" else form.typed
        field.errors = [*field.errors, presenters.refusal(fault)]
        return _page(standing, 422, confirmation=form)
    except NotNow as fault:
        return _refused(number, fault)
    flash(presenters.deletion_confirmed_words(_standing(number), row), "success")
    return _back(number)


@blueprint.post("/second")
def second(number: str) -> ResponseReturnValue:
    """The second person confirms."""
    form = SecondForm()
    form.validate_on_submit()
    try:
        row = deletion.second(
            _standing(number).ticket,
            current.viewer(),
            current.now(),
            language=presenters.language(),
            seen=form.wording.data or "",
        )
    except NotNow as fault:
        return _refused(number, fault)
    flash(
        _(
            "You have confirmed. Until %(when)s each of you two can cancel.",
            when=presenters.when(row.due_at, "long"),
        ),
        "success",
    )
    return _back(number)


@blueprint.post("/call")
def call(number: str) -> ResponseReturnValue:
    """A supervisor confirms after a call."""
    standing = _standing(number)
    form = CallForm()
    if standing.may_call and not form.validate_on_submit():
        return _page(standing, 422, call=form)
    try:
        deletion.second_by_supervisor(
            standing.ticket,
            form.note.data or "",
            current.viewer(),
            current.now(),
            language=presenters.language(),
        )
    except Invalid as fault:
        form.note.errors = [*form.note.errors, presenters.refusal(fault)]
        return _page(standing, 422, call=form)
    except NotNow as fault:
        return _refused(number, fault)
    flash(_("The call is noted and the waiting period has begun."), "success")
    return _back(number)


@blueprint.route("/cancellation", methods=["GET", "POST"])
def cancel(number: str) -> ResponseReturnValue:
    """One page with one button: the link of the mail leads here, and opening it changes nothing."""
    standing = _standing(number)
    viewer = current.viewer()
    form = CancellationForm()
    if not form.is_submitted():
        if standing.is_over or not standing.may_cancel:
            # Nothing to cancel, or not theirs to: the page of the procedure says where it stands.
            return _back(number)
        held = current.held()
        if held:
            form.reason.data = (held.get("reason") or [""])[0]
        return _cancellation(standing, form)
    if not form.validate():
        return _cancellation(standing, form, 422)
    try:
        deletion.cancel(standing.ticket, viewer, current.now(), reason=form.reason.data or "")
    except Invalid as fault:
        form.reason.errors = [*form.reason.errors, presenters.refusal(fault)]
        return _cancellation(standing, form, 422)
    except NotNow as fault:
        return _refused(number, fault)
    flash(_("It is cancelled: nothing is erased."), "success")
    return _back(number)


def _cancellation(
    standing: deletion.Standing, form: CancellationForm, status: int = 200
) -> ResponseReturnValue:
    return (
        render_template(
            "deletion/cancel.html",
            standing=standing,
            ticket=standing.ticket,
            form=form,
            title=presenters.deletion_title(standing),
            names=[person.full_name for person in standing.people],
            refuses=standing.may_second,
            needs_reason=current.viewer().is_staff,
        ),
        status,
    )


@blueprint.post("/completion")
def complete(number: str) -> ResponseReturnValue:
    """Staff say that it is done."""
    standing = _standing(number)
    form = CompletionForm()
    if standing.may_carry_out and not form.validate_on_submit():
        return _page(standing, 422, completion=form)
    try:
        deletion.carry_out(standing.ticket, current.viewer(), current.now())
    except NotNow as fault:
        return _refused(number, fault)
    flash(_("It is done, the request is solved, and the receipt is on its way."), "success")
    return _back(number)
