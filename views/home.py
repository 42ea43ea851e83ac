"""The page behind the logo: what awaits the customer, what is in our hands, where to begin."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

import presenters
from domain import catalogue, closing, contact_reviews, guidance, knowledge, lifecycle, lists
from views import announcements, current, drafts, status

blueprint = Blueprint("home", __name__)

SHOWN = 8
NEWS = 3


@blueprint.get("/")
def index() -> ResponseReturnValue:
    """Home of customers; staff go to the desk; strangers are told what this is and where to sign in."""
    if not current_user.is_authenticated:
        return render_template(
            "home/welcome.html",
            categories=catalogue.categories_with_forms(),
            news=knowledge.newest(None, knowledge.DATED, NEWS),
            announced=announcements.on_top(),
            incidents=status.running(),
            highlights=guidance.highlights(None),
            featured=knowledge.featured(None),
        )
    viewer = current.viewer()
    if viewer.is_agent:
        return redirect(url_for("desk.index"), 303)
    book = closing.book()
    yours = lists.current(viewer, ("waiting_customer", "customer_testing", "resolved"), SHOWN)
    ours = lists.current(viewer, lifecycle.TEAM_STATUSES, SHOWN)
    words = presenters.statuses_of([*yours, *ours])
    return render_template(
        "home/index.html",
        counts=lists.counts(viewer),
        reviews=contact_reviews.waiting_for(viewer),
        yours=yours,
        ours=ours,
        words=words,
        unfinished=drafts.unfinished(drafts.SHOWN),
        news=knowledge.newest(viewer, knowledge.DATED, NEWS),
        announced=announcements.on_top(),
        incidents=status.running(),
        highlights=guidance.highlights(viewer),
        featured=knowledge.featured(viewer),
        feed=knowledge.feed(viewer, current.now(), NEWS),
        turns={
            row.id: presenters.turn_words(
                row.status,
                book.last_day(row),
                words[row.kind_slug][row.status].turn,
            )
            for row in yours
        },
    )
