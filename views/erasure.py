"""Erasure of a person, by an admin who was asked: first what goes and what stays, then the act (STAFF-7)."""

from __future__ import annotations

from flask import Blueprint, abort, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

import presenters
from domain import erasure
from domain.refusals import Invalid, NotAllowed, NotNow
from forms.erasure import ErasureForm
from views import current
from words import gettext as _

blueprint = Blueprint("erasure", __name__)


@blueprint.route("/admin/people/<int:key>/erasure", methods=["GET", "POST"])
def of_person(key: int) -> ResponseReturnValue:
    """What there is of the person, in numbers, with what becomes of it; a POST does it, after a fresh sign-in."""
    viewer = current.viewer()
    if not viewer.is_admin:
        abort(403)
    if key >= 2**31:
        abort(404)
    preview = erasure.look(key, viewer)
    form = ErasureForm() if request.method == "POST" else ErasureForm(formdata=None)
    held = current.held() if request.method != "POST" else None
    if held:
        form.process(MultiDict(held))
    form.offer_heirs(preview.heirs)
    status = 200
    if request.method == "POST":
        status = 409 if preview.refusal is not None else 422
        if preview.refusal is None and form.validate():
            answer = _erase(key, form)
            if answer is not None:
                return answer
    page = render_template(
        "own_data/erasure.html",
        person=preview.person,
        preview=preview,
        lines=presenters.erasure_lines(preview.lines),
        refusal=presenters.refusal(preview.refusal) if preview.refusal is not None else "",
        form=form,
    )
    return make_response(page, status)


def _erase(key: int, form: ErasureForm) -> ResponseReturnValue | None:
    """The way to the emptied person, or None with what was wrong beside its cause."""
    try:
        erasure.erase(
            key,
            form.way.data,
            form.reason.data,
            form.typed.data,
            current.viewer(),
            current.now(),
            store=current.store(),
            to=current.ledger(),
            heir=form.chosen_heir(),
            origin=current.origin(),
        )
    except Invalid as fault:
        field = form[fault.field] if fault.field and fault.field in form else form.reason
        field.errors = [*field.errors, presenters.refusal(fault)]
        return None
    except (NotNow, NotAllowed) as fault:
        flash(presenters.refusal(fault), "danger")
        return redirect(url_for(".of_person", key=key), 303)
    flash(_("It is done. Nobody is told by the portal: tell the person yourself."), "success")
    return redirect(url_for("admin_person.details_view", id=key), 303)
