"""Search from any page (VIEW-7), within rights; and what may answer a subject that is being typed (REQ-10)."""

from __future__ import annotations

import re
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

import presenters
from domain import knowledge, lists, search, status_page
from views import current
from words import gettext as _
from words import ngettext

blueprint = Blueprint("search", __name__)

TABS = ("all", "tickets", "articles")
# On the tab of both, each shows its first ones.
SHOWN_OF_EACH = 5
SHOWN = 50
CHARACTERS = 400
# A subject that says less than this says nothing.
SUBJECT_CHARACTERS = 8


def _typed(name: str, most: int = CHARACTERS) -> str:
    """What stands in the address, as one line that any database takes."""
    return re.sub(r"[\x00-\x1f\x7f\ud800-\udfff]+", " ", request.args.get(name, ""))[:most].strip()


@blueprint.get("/search")
def index() -> ResponseReturnValue:
    """What holds the words: on three tabs with their counts. The number of a request leads to the request."""
    q, tab = _typed("q"), request.args.get("tab", "all")
    tab = tab if tab in TABS else "all"
    viewer = current.viewer() if current_user.is_authenticated else None
    if viewer is not None and tab != "articles":
        number = lists.numbered(viewer, q) if q else None
        if number is not None:
            return redirect(url_for("desk.show" if viewer.is_agent else "tickets.show", number=number), 303)
    tickets, capped = lists.anywhere(viewer, q, SHOWN) if viewer is not None else ([], False)
    articles = knowledge.matching(viewer, q)
    if viewer is not None and not viewer.is_viewed and q and not tickets and not articles:
        knowledge.record_miss(q, current.now())
    counts = {"all": len(tickets) + len(articles), "tickets": len(tickets), "articles": len(articles)}
    labels = {"all": _("Everything"), "tickets": _("Requests"), "articles": _("Articles")}
    tabs = [
        {
            "label": labels[name],
            "url": url_for("search.index", q=q, tab=None if name == "all" else name),
            "current": name == tab,
            "count": f"{counts[name]}+" if capped and name != "articles" else counts[name],
        }
        for name in TABS
        if viewer is not None or name == "articles"
    ]
    if viewer is None:
        tab = "articles"
        tabs[0]["current"] = True
    most = SHOWN_OF_EACH if tab == "all" else SHOWN
    return render_template(
        "search/index.html",
        q=q,
        tab=tab,
        tabs=tabs,
        found=counts["all"],
        sought=search.telling(q),
        tickets=tickets[:most] if tab != "articles" else [],
        articles=articles[:most] if tab != "tickets" else [],
        more_tickets=len(tickets) > most,
        more_articles=len(articles) > most,
        capped=capped,
        words=presenters.statuses(for_team=viewer is not None and viewer.is_agent),
    )


@blueprint.get("/search/suggestions")
def suggestions() -> ResponseReturnValue:
    """Articles and open requests of one's organisations that look like a subject (REQ-10): for a script, as JSON."""
    viewer = current.viewer()
    subject = _typed("q", 200)
    articles: list[knowledge.Head] = []
    tickets: list[lists.Row] = []
    if len(subject) >= SUBJECT_CHARACTERS and viewer.may_open_requests:
        articles = knowledge.suggested(viewer, subject)
        tickets = lists.look_alikes(viewer, subject)
    words = presenters.statuses()
    kinds = presenters.article_kinds()
    now = current.now()
    incidents = [
        presenters.incident_place(row, now)
        for row in (status_page.like(subject, now)[:2] if len(subject) >= SUBJECT_CHARACTERS else ())
    ]
    # What runs comes first: it is known, and one press is enough.
    found: list[dict[str, Any]] = [
        {
            "url": url_for("status.incident", incident=one.id),
            "title": one.title,
            "note": _("%(number)s, under way: %(state)s", number=one.number, state=one.mark.label),
        }
        for one in incidents
    ]
    found += [
        {
            "url": url_for("articles.show", slug=head.slug),
            "title": presenters.localized(head, "title"),
            "note": kinds[head.kind],
        }
        for head in articles
    ]
    found += [
        {
            "url": url_for("tickets.show", number=row.number),
            "title": row.summary,
            "note": _(
                "%(number)s, open at your organisation: %(status)s",
                number=row.number,
                status=words[row.status].label,
            ),
        }
        for row in tickets
    ]
    said = (
        ngettext("%(num)s page may help already.", "%(num)s pages may help already.", len(found))
        if found
        else ""
    )
    return {"said": said, "found": found}
