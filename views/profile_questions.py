"""Questions to customers about themselves: asked once after sign-in, skipped in one press, changed later (ACC-17)."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm

import presenters
from domain import profile_questions
from domain.refusals import Invalid
from forms.profile_questions import made_for
from views import current
from words import gettext as _

blueprint = Blueprint("profile_questions", __name__)


@blueprint.route("/account/questions", methods=["GET", "POST"])
def show() -> ResponseReturnValue:
    """Answer, change one's answers, or skip the questions that wait."""
    viewer, now = current.viewer(), current.now()
    asked = profile_questions.asked_of(viewer)
    if not asked:
        return redirect(url_for("account.show"), 303)
    waiting = any(given is None for _question, given in asked)
    onward = url_for("home.index" if waiting else "account.show")
    form: FlaskForm = made_for(asked)()
    if not form.is_submitted():
        return _page(form, waiting)
    if "skip" in request.form:
        profile_questions.skip(viewer, now)
        return redirect(onward, 303)
    if not form.validate():
        return _page(form, waiting), 422
    try:
        profile_questions.save(viewer, form.values(), now)
    except Invalid as fault:
        form[f"answer_{fault.data['question']}"].errors = [presenters.refusal(fault)]
        return _page(form, waiting), 422
    flash(_("Your answers are kept. You can change them in your profile."), "success")
    return redirect(onward, 303)


def _page(form: FlaskForm, waiting: bool) -> str:
    fields = [field for field in form if field.name.startswith("answer_")]
    return render_template("account/questions.html", form=form, fields=fields, waiting=waiting)
