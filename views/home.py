"""The page behind the logo: what awaits the customer, what is in our hands, where to begin."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

import presenters
from domain import catalogue, closing, lifecycle, lists
from views import current, drafts

blueprint = Blueprint("home", __name__)

SHOWN = 8


@blueprint.get("/")
def index() -> ResponseReturnValue:
    """Home of customers; staff go to the desk; strangers are told what this is and where to sign in."""
    if not current_user.is_authenticated:
        return render_template("home/welcome.html", categories=catalogue.categories_with_forms())
    viewer = current.viewer()
    if viewer.is_agent:
        return redirect(url_for("desk.index"), 303)
    words = presenters.statuses()
    calendar = closing.book().default_calendar
    yours = lists.current(viewer, ("waiting_customer", "customer_testing", "resolved"), SHOWN)
    return render_template(
        "home/index.html",
        counts=lists.counts(viewer),
        yours=yours,
        ours=lists.current(viewer, lifecycle.TEAM_STATUSES, SHOWN),
        words=words,
        unfinished=drafts.unfinished(drafts.SHOWN),
        turns={
            row.id: presenters.turn_words(
                row.status,
                calendar.last_day(row.closes_at) if row.closes_at else None,
                words[row.status].turn,
            )
            for row in yours
        },
    )
