"""Pages that speak of the portal itself: help, accessibility, personal data; and the sign of life for machines."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from werkzeug.datastructures import MultiDict

import presenters
from domain import catalogue, conformity, guidance, retention, settings, telephone, texts
from domain.refusals import Invalid, NotNow
from forms.assistant import AssistantForm
from forms.desk import offer
from models import ConsentText, db
from views import current
from words import gettext as _

help_pages = Blueprint("help", __name__)
blueprint = Blueprint("pages", __name__)
blueprints = (blueprint, help_pages)


@help_pages.get("/help")
def show() -> ResponseReturnValue:
    """Whom to call, when, and how the portal works."""
    viewer, now = current.viewer() if current_user.is_authenticated else None, current.now()
    first = telephone.line_for(viewer)
    # That of the reader's region comes first.
    lines = sorted(telephone.lines(), key=lambda line: line is not first)
    return render_template(
        "pages/help.html",
        lines=[
            (presenters.telephone_words(line, now, viewer is not None), presenters.line_days(line, now))
            for line in lines
        ],
        fallback=presenters.telephone_words(None, now, False) if not lines else None,
        assistant=guidance.offers_assistant(),
        categories=catalogue.categories_with_forms(),
        lock_minutes=settings.get("lock_minutes"),
        reset_minutes=settings.get("reset_minutes"),
    )


@help_pages.get("/escalation")
def escalation() -> ResponseReturnValue:
    """Whom to turn to in which situation, by level (REQ-15)."""
    return render_template("pages/escalation.html", lines=guidance.escalation_lines())


@help_pages.get("/help/assistant")
def assistant() -> ResponseReturnValue:
    """A question that is not technical, for customer success; strangers are told to sign in or to call."""
    if not current_user.is_authenticated:
        return _assistant_page(None)
    held = current.held()
    form = AssistantForm(formdata=MultiDict(held) if held else None)
    if not held:
        form.page.data = _page_before()
    return _assistant_page(form)


@help_pages.post("/help/assistant/questions")
def ask() -> ResponseReturnValue:
    """Send it."""
    form = AssistantForm()
    offer(form.subject, list(presenters.assistant_subjects().items()))
    if not form.validate_on_submit():
        return _assistant_page(form, 422)
    try:
        guidance.ask(
            current.viewer(),
            current.now(),
            subject=form.subject.data or "",
            message=form.message.data or "",
            page=form.page.data or "",
            idempotency_key=form.idempotency_key.data,
        )
    except Invalid as fault:
        field = form[fault.field] if fault.field and fault.field in form else form.message
        field.errors = [*field.errors, presenters.refusal(fault)]
        return _assistant_page(form, 422)
    except NotNow as fault:
        form.form_errors.append(presenters.refusal(fault))
        return _assistant_page(form, fault.status)
    flash(
        _(
            "Your question is sent. Customer success answers you at %(address)s.",
            address=current.viewer().email,
        ),
        "success",
    )
    return redirect(url_for("help.assistant"), 303)


def _page_before() -> str:
    """The page on which help was asked, of this portal only."""
    before = request.args.get("page", "")[: guidance.PAGE_CHARACTERS]
    return before if before.startswith("/") and guidance.LINK.match(before) else ""


def _assistant_page(form: Any, status: int = 200) -> ResponseReturnValue:
    if form is not None:
        offer(form.subject, list(presenters.assistant_subjects().items()))
    page = render_template(
        "pages/assistant.html",
        form=form if guidance.offers_assistant() else None,
        offered=guidance.offers_assistant(),
    )
    return page, status


@blueprint.get("/accessibility")
def accessibility() -> ResponseReturnValue:
    """How far everybody can use the portal, and whom to tell when somebody cannot."""
    return render_template(
        "pages/accessibility.html",
        contact=settings.get("privacy_contact"),
        conformity=conformity.conformity(),
        version=conformity.VERSION,
        day=presenters.long_day(conformity.EVALUATED_ON, year=True),
    )


@blueprint.get("/privacy")
def privacy() -> ResponseReturnValue:
    """What is kept, why, how long; its figures come from the settings."""
    return render_template(
        "pages/privacy.html",
        contact=settings.get("privacy_contact"),
        text=ConsentText.select().order_by(ConsentText.version.desc()).first(),
        hours_customer=settings.get("session_hours_customer"),
        hours_staff=settings.get("session_hours_staff"),
        kept=presenters.kept_periods(retention.periods()),
        texts=texts.gateway() is not None,
    )


@blueprint.get("/healthz")
def healthz() -> ResponseReturnValue:
    """Says ok when the database answers, and no more (S48)."""
    db.execute_sql("SELECT 1")
    return Response("ok\n", content_type="text/plain; charset=utf-8")
