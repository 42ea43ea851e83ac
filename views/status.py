"""The status page (VIEW-14): services, incidents, their history and feed, all public; and "we are affected too"."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import force_locale, get_timezone
from flask_login import current_user

import presenters
from domain import status_page
from domain.policies import Viewer
from domain.refusals import Invalid, NotAllowed, NotNow
from forms.desk import offer, whole_number
from forms.incidents import AffectedForm
from views import current
from words import gettext as _

blueprint = Blueprint("status", __name__)

_MONTH = re.compile(r"(20[0-9]{2})-(0[1-9]|1[0-2])")
FEED_SECONDS = 60


def zone() -> ZoneInfo:
    """The reader's zone, whose midnight divides days and months."""
    return ZoneInfo(str(get_timezone()))


def _reader() -> Viewer | None:
    return current.viewer() if current_user.is_authenticated else None


def places(rows: Iterable[status_page.Standing]) -> list[presenters.IncidentPlace]:
    """Incidents in words for whoever reads, each with their own request that joined it. One query, none for none."""
    rows, now = list(rows), current.now()
    own = status_page.own_requests(_reader(), rows)
    return [presenters.incident_place(row, now, own.get(row.id, "")) for row in rows]


def running() -> list[presenters.IncidentPlace]:
    """What runs now, in words for whoever reads: for the home page and the catalogue."""
    return places(status_page.running(current.now()))


def on_form(form_slug: str) -> list[presenters.IncidentPlace]:
    """What runs and concerns a request form, in words for whoever reads."""
    return places(status_page.for_form(form_slug, current.now()))


@blueprint.get("/status")
def show() -> ResponseReturnValue:
    """Services with their last days, what runs, what is planned, what was lately."""
    now = current.now()
    rows = status_page.running(now)
    board = [presenters.service_bars(one) for one in status_page.board(now, zone())]
    groups: dict[str, list[presenters.ServiceBars]] = {}
    for one in board:
        groups.setdefault(one.group, []).append(one)
    return render_template(
        "status/index.html",
        lead=presenters.status_lead(rows, len(board)),
        incidents=places(status_page.whole(rows)),
        planned=places(status_page.planned(now)),
        lately=places(status_page.over_lately()),
        groups=list(groups.items()),
        days=status_page.BAR_DAYS,
    )


@blueprint.get("/status/history")
def history() -> ResponseReturnValue:
    """What began in a month, the present one first."""
    now = current.now()
    found = _MONTH.fullmatch(request.args.get("month", ""))
    first = date(int(found[1]), int(found[2]), 1) if found else now.astimezone(zone()).date()
    page = status_page.month(first, zone(), now)
    return render_template(
        "status/history.html",
        heading=presenters.month_words(page.first),
        incidents=places(page.incidents),
        older=page.older and (presenters.month_words(page.older), f"{page.older:%Y-%m}"),
        newer=page.newer and (presenters.month_words(page.newer), f"{page.newer:%Y-%m}"),
    )


@blueprint.get("/status/<int:incident>")
def incident(incident: int) -> ResponseReturnValue:
    """One incident with all that was said of it."""
    [place] = places([status_page.find(incident)])
    return render_template("status/incident.html", incident=place)


@blueprint.get("/status.atom")
def feed() -> ResponseReturnValue:
    """The incidents that changed last, for programs that follow them: in French, in English with ?language=en."""
    asked = request.args.get("language")
    lang = asked if asked in ("fr", "en") else presenters.language()
    rows, base = status_page.latest(), current.settings().base_url.rstrip("/")
    with force_locale(lang):
        now = current.now()
        text = render_template(
            "status/feed.xml",
            lang=lang,
            base=base,
            feed_content=presenters.feed_content,
            incidents=[presenters.incident_place(row, now) for row in rows],
            updated=max((row.updated_at for row in rows), default=now),
        )
    response = Response(text, content_type="application/atom+xml; charset=utf-8")
    if asked == lang:
        # The same for everybody, and asked for again and again. Without a language it depends on who asks.
        response.headers["Cache-Control"] = f"public, max-age={FEED_SECONDS}"
    return response


# ---- We are affected too -----------------------------------------------------------------------------------


@blueprint.route("/status/<int:incident>/affected", methods=["GET", "POST"])
def affected(incident: int) -> ResponseReturnValue:
    """A customer says that they are affected: their request is made, or an open one joins. A GET changes nothing."""
    viewer, row = current.viewer(), status_page.find(incident)
    form = _form(viewer, None if request.method != "POST" else ...)
    if request.method != "POST":
        if not viewer.may_open_requests:
            raise NotAllowed("not-approved")
        return _page(row, form)
    organisation = whole_number(form.organisation.data) or (
        viewer.opens_for[0].organisation_id if viewer.opens_for else 0
    )
    try:
        done = status_page.declare_affected(
            incident,
            organisation,
            viewer,
            current.now(),
            summary=presenters.affected_summary(row),
            description=presenters.affected_description(row),
            number=(form.number.data or "")[:20],
        )
    except Invalid as fault:
        form.number.errors = [presenters.refusal(fault)]
        return _page(row, form, 422)
    except NotNow as fault:
        if fault.code == "affected-already":
            # A colleague was first: nothing is wrong, and nothing is to be done.
            flash(presenters.refusal(fault), "info")
            return redirect(url_for("status.incident", incident=incident), 303)
        raise
    number = done.ticket.number
    comes = _("What we write to everybody concerned comes there.")
    said = {
        "made": _("It is noted, as request %(number)s.", number=number) + " " + comes,
        "joined": _("%(number)s has joined the incident.", number=number) + " " + comes,
        "already": _("You have said so already: this is your request."),
    }
    flash(said[done.how], "info" if done.how == "already" else "success")
    return redirect(url_for("tickets.show", number=number), 303)


def _form(viewer: Viewer, formdata: Any) -> AffectedForm:
    """The form with its choices; None makes an empty one, with what was held while the session had ended."""
    form = AffectedForm() if formdata is ... else AffectedForm(formdata=None)
    offer(
        form.organisation,
        [(str(rights.organisation_id), rights.organisation_name) for rights in viewer.opens_for],
    )
    several = len(viewer.opens_for) > 1
    own = [("", _("With a new request, made for that"))]
    for rights in viewer.opens_for:
        for number, summary in status_page.open_requests(viewer, rights.organisation_id):
            words = _("%(number)s: %(summary)s", number=number, summary=summary)
            own.append((number, f"{words} ({rights.organisation_name})" if several else words))
    offer(form.number, own)
    held = current.held() if formdata is None else None
    for field in (form.organisation, form.number) if held else ():
        field.data = (held.get(field.name) or [""])[0] if held else ""
    return form


def _page(row: status_page.Standing, form: AffectedForm, status: int = 200) -> ResponseReturnValue:
    [place] = places([row])
    return render_template("status/affected.html", incident=place, form=form), status
