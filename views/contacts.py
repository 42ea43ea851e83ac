"""The list of approved contacts, for the administrators of an organisation (ACC-3)."""

from __future__ import annotations

import re

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

import presenters
from domain import contact_reviews, contacts, handover, settings
from domain.policies import Rights
from domain.refusals import Invalid, NotAllowed, NotNow
from forms.accounts import ContactForm, RemovalForm
from forms.desk import offer, whole_number
from views import current
from words import gettext as _

blueprint = Blueprint("contacts", __name__, url_prefix="/organisation/contacts")

_KEY = re.compile(r"[0-9]{1,18}")


def _organisation() -> Rights:
    """The organisation whose list is asked for; the first one that this person administers by default."""
    administered = current.viewer().administers
    wanted = request.values.get("organisation", "")
    for rights in administered:
        if not _KEY.fullmatch(wanted) or rights.organisation_id == int(wanted):
            return rights
    raise NotAllowed("contacts-not-yours")


@blueprint.route("", methods=["GET", "POST"])
def index() -> ResponseReturnValue:
    """Who may open requests; adds somebody by address."""
    viewer = current.viewer()
    rights = _organisation()
    form = ContactForm()
    status = 200
    if form.is_submitted():
        status = 422
        if form.validate():
            try:
                row = contacts.invite_contact(
                    rights.organisation_id,
                    full_name=form.full_name.data,
                    email=form.email.data,
                    by=viewer,
                    now=current.now(),
                    reason=form.reason.data,
                )
                flash(_("%(name)s is an approved contact.", name=row.person.full_name), "success")
                return redirect(url_for("contacts.index", organisation=rights.organisation_id), 303)
            except Invalid as fault:
                field = form._fields.get(fault.field or "email") or form.email
                field.errors = [presenters.refusal(fault)]
    people = contacts.of_organisation(rights.organisation_id)
    review = contact_reviews.standing(rights.organisation_id)
    page = render_template(
        "contacts/index.html",
        form=form,
        rights=rights,
        organisations=viewer.administers,
        people=people,
        idle=contact_reviews.idle(people, current.now()),
        idle_days=settings.get("contact_idle_days"),
        review=review,
        asked=review is not None and review.confirmed_at is None and contact_reviews.is_on(),
        mark=contact_reviews.mark(people),
    )
    return page, status


@blueprint.post("/confirmation")
def confirm() -> ResponseReturnValue:
    """Say that the list is right (ACC-15)."""
    rights = _organisation()
    try:
        contact_reviews.confirm(
            rights.organisation_id, request.form.get("seen", ""), current.viewer(), current.now()
        )
        flash(_("Thank you: the list of contacts is confirmed."), "success")
    except NotNow as fault:
        flash(presenters.refusal(fault), "error")
    return redirect(url_for("contacts.index", organisation=rights.organisation_id), 303)


@blueprint.post("/<int:membership_id>/approval")
def approve(membership_id: int) -> ResponseReturnValue:
    """Make a member of the organisation an approved contact."""
    row = contacts.find(membership_id, current.viewer())
    contacts.approve(membership_id, by=current.viewer(), now=current.now())
    flash(_("%(name)s is an approved contact.", name=row.person.full_name), "success")
    return redirect(url_for("contacts.index", organisation=row.organisation_id), 303)


@blueprint.route("/<int:membership_id>/removal", methods=["GET", "POST"])
def remove(membership_id: int) -> ResponseReturnValue:
    """Take somebody off the list, with a reason; says first what that means."""
    viewer = current.viewer()
    row = contacts.find(membership_id, viewer)
    form = RemovalForm()
    heirs = {
        str(person.id): person.full_name
        for person in handover.colleagues(row.organisation_id, without=row.person_id)
    }
    offer(form.hand_to, [("", _("Nobody for now")), *heirs.items()])
    if form.is_submitted() and form.validate():
        try:
            handed = contacts.remove_approval(
                membership_id,
                by=viewer,
                now=current.now(),
                reason=form.reason.data,
                hand_to=whole_number(form.hand_to.data),
            )
            flash(_("%(name)s is no longer on the list.", name=row.person.full_name), "success")
            words = presenters.handed_words(handed, row.person.full_name, heirs.get(form.hand_to.data, ""))
            if words:
                flash(words, "info")
            return redirect(url_for("contacts.index", organisation=row.organisation_id), 303)
        except Invalid as fault:
            field = form.hand_to if fault.field == "hand_to" else form.reason
            field.errors = [presenters.refusal(fault)]
    left = len(handover.open_requests_of(row.person_id, row.organisation_id, viewer))
    page = render_template("contacts/remove.html", form=form, row=row, left=left, heirs=heirs)
    return page, 422 if form.is_submitted() else 200
