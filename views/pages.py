"""Pages that speak of the portal itself: help, accessibility, personal data; and the sign of life for machines."""

from __future__ import annotations

from flask import Blueprint, Response, render_template
from flask.typing import ResponseReturnValue

import presenters
from domain import catalogue, conformity, settings
from models import ConsentText, db

help_pages = Blueprint("help", __name__)
blueprint = Blueprint("pages", __name__)
blueprints = (blueprint, help_pages)


@help_pages.get("/help")
def show() -> ResponseReturnValue:
    """Whom to call, when, and how the portal works."""
    return render_template(
        "pages/help.html",
        categories=catalogue.categories_with_forms(),
        lock_minutes=settings.get("lock_minutes"),
        reset_minutes=settings.get("reset_minutes"),
    )


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
    )


@blueprint.get("/healthz")
def healthz() -> ResponseReturnValue:
    """Says ok when the database answers, and no more (S48)."""
    db.execute_sql("SELECT 1")
    return Response("ok\n", content_type="text/plain; charset=utf-8")
