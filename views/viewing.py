"""Seeing the portal as a contact does (STAFF-9): beginning, ending, and the gate before each request meanwhile."""

from __future__ import annotations

from flask import Blueprint, flash, g, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

import presenters
from domain import policies, viewing
from domain.refusals import Invalid, Missing, NotAllowed
from forms.viewing import ViewingForm
from views import current
from words import gettext as _

blueprint = Blueprint("viewing", __name__)

# The blueprints whose pages an admin may read as somebody else. What is not here is closed meanwhile: the account of
# the contact, the links that open it, and everything of the team.
READ = frozenset(
    {
        "announcements",
        "articles",
        "assets",
        "audience",
        "catalogue",
        "contacts",
        "contests",
        "dashboard",
        "deletion",
        "drafts",
        "files",
        "finding",
        "guided",
        "handover",
        "help",
        "home",
        "ideas",
        "licences",
        "listing",
        "pages",
        "partners",
        "requests",
        "satisfaction",
        "search",
        "status",
        "ticket_mails",
        "tickets",
        "uploads",
    }
)
# Of these, what takes data along, which is recorded in the name of whoever does it.
CLOSED = frozenset({"listing.export", "dashboard.export", "satisfaction.csv", "satisfaction.report"})
LOOKING = ("GET", "HEAD", "OPTIONS")


def gate() -> ResponseReturnValue | None:
    """The answer to a request that is refused while somebody is seen, or None when it may go on.

    It stands before anything else that writes: a form that comes without its token is kept for nobody.
    """
    if "token" not in session or not current_user.is_authenticated:
        return None
    seen = current.viewer().viewing
    if seen is None or request.endpoint == "assets.file":
        return None
    if seen.over:
        # Ended just now: whatever was asked was asked of the contact's portal, not of one's own.
        return None if request.endpoint == "session.logout" else _over(seen)
    if request.method == "POST" and request.endpoint in ("viewing.end", "session.logout"):
        return None
    if request.method not in LOOKING:
        raise NotAllowed("viewing-read-only")
    if request.endpoint is not None and (request.blueprint not in READ or request.endpoint in CLOSED):
        raise NotAllowed("viewing-closed")
    viewing.only_read()
    g.only_reads = True
    return None


def leave() -> None:
    """After the request: the connection takes changes again."""
    if g.pop("only_reads", False):
        viewing.write_again()


def _forms_anew() -> None:
    """Forms that were opened before are of another portal than the one after: their tokens are dead."""
    session.pop("csrf_token", None)


def _over(seen: policies.Viewing) -> ResponseReturnValue:
    words = {
        "time": _("Your time to see the portal as somebody else is over. You are yourself again."),
        "rights": _("You may no longer see the portal as somebody else. You are yourself again."),
        "person": _("This account can no longer be seen through. You are yourself again."),
    }
    _forms_anew()
    if request.headers.get("Accept", "").startswith("application/json"):
        return {"error": words[seen.over]}, 403
    flash(words[seen.over], "info")
    return redirect(_back(seen.person_id, current.viewer()), 303)


def _back(person_id: int, viewer: policies.Viewer) -> str:
    """Where an admin is led afterwards: to the record of the person; somebody who is no admin, home."""
    return url_for("admin_person.details_view", id=person_id) if viewer.is_admin else url_for("home.index")


def stop(how: str = "button") -> policies.Viewer:
    """End it in this session. Returns the admin to whom the session belongs."""
    seen = current.viewer().viewing
    owner = policies.load_viewer(seen.by_id) if seen is not None else None
    if owner is None:
        raise Missing()
    viewing.end(g.session_id, current.now(), how)
    return owner


@blueprint.route("/viewing/<int:person_id>", methods=["GET", "POST"])
def start(person_id: int) -> ResponseReturnValue:
    """Say why, and see the portal as this person does."""
    viewer = current.viewer()
    person = viewing.whom(person_id, viewer)
    form = ViewingForm()
    status = 200
    if form.is_submitted():
        status = 422
        if form.validate():
            try:
                viewing.start(
                    g.session_id,
                    person_id,
                    form.reason.data or "",
                    viewer,
                    current.now(),
                    origin=current.origin(),
                )
            except Invalid as fault:
                form.reason.errors = [*form.reason.errors, presenters.refusal(fault)]
            else:
                _forms_anew()
                return redirect(url_for("home.index"), 303)
    page = render_template(
        "viewing/start.html",
        form=form,
        person=person,
        minutes=viewing.MINUTES,
        back=_back(person_id, viewer),
    )
    return page, status


@blueprint.post("/viewing/end")
def end() -> ResponseReturnValue:
    """See the portal as oneself again. Pressed twice, it is no fault."""
    viewer = current.viewer()
    if viewer.viewing is None:
        return redirect(url_for("home.index"), 303)
    owner = stop()
    _forms_anew()
    return redirect(_back(viewer.id, owner), 303)
