"""How a request went (VIEW-17): the page where its requester says so, and what supervisors and admins read of it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

import presenters
from domain import audit, catalogue, closing, satisfaction
from domain.refusals import Invalid, NotAllowed, NotNow
from forms.satisfaction import SatisfactionForm
from models import Ticket, db
from views import current, tickets
from views.admin import export
from words import gettext as _

blueprint = Blueprint("satisfaction", __name__)

MONTHS = (1, 3, 6, 12, 24)


def _page(ticket: Ticket, form: SatisfactionForm, status: int = 200, why: str = "") -> ResponseReturnValue:
    standing = satisfaction.look(current.viewer(), ticket, current.now())
    return (
        render_template(
            "satisfaction/show.html",
            ticket=ticket,
            form=form,
            standing=standing,
            scores=presenters.scores(),
            why=why,
            change_days=satisfaction.CHANGE_DAYS,
        ),
        status,
    )


@blueprint.route("/tickets/<number>/satisfaction", methods=["GET", "POST"])
def show(number: str) -> ResponseReturnValue:
    """The question, for the requester: the mail leads here, and opening the page keeps nothing."""
    ticket, viewer = tickets.load(number), current.viewer()
    if viewer.is_agent and request.method != "POST":
        return redirect(url_for("desk.show", number=ticket.number), 303)
    if viewer.id != ticket.requester_id:
        raise NotAllowed("rating-not-yours")
    standing = satisfaction.look(viewer, ticket, current.now())
    if request.method != "POST":
        return _asked(ticket, standing)
    form = SatisfactionForm()
    if standing is not None and standing.may_answer and not form.validate_on_submit():
        return _page(ticket, form, 422)
    try:
        score = int(form.score.data) if (form.score.data or "").isdigit() else None
        satisfaction.rate(ticket, score, form.comment.data or "", viewer, current.now())
    except Invalid as fault:
        field = form.comment if fault.field == "comment" else form.score
        field.errors = [presenters.refusal(fault)]
        return _page(ticket, form, 422)
    except NotNow as fault:
        return _page(tickets.load(number), form, fault.status, presenters.refusal(fault))
    flash(_("Thank you: the team reads it."), "success")
    return redirect(url_for("tickets.show", number=ticket.number), 303)


def _asked(ticket: Ticket, standing: satisfaction.Standing | None) -> ResponseReturnValue:
    """The form as it was answered, or with the answer that a link of the mail names."""
    form = SatisfactionForm(formdata=None)
    if standing is None:
        return _page(ticket, form, 409, presenters.refusal(NotNow("rating-not-asked", number=ticket.number)))
    if not standing.may_answer:
        return _page(ticket, form, 409, presenters.refusal(NotNow("rating-over", number=ticket.number)))
    row = standing.row
    named = request.args.get("score", "")
    form.score.data = (
        named if named in {str(score) for score in satisfaction.SCORES} else str(row.score or "")
    )
    form.comment.data = row.comment
    held = current.held()
    if held:
        form.score.data = (held.get("score") or [""])[0]
        form.comment.data = (held.get("comment") or [""])[0]
    return _page(ticket, form)


# ---- Reports -------------------------------------------------------------------------------------------


def _asked_for() -> tuple[int, int | None]:
    """The months and the team that the address asks for; what it does not know is the usual."""
    months = request.args.get("months", "")
    team = request.args.get("team", "")
    known = {str(key) for key in catalogue.teams_by_id()}
    return (
        int(months) if months in {str(count) for count in MONTHS} else 12,
        int(team) if team in known else None,
    )


def _today() -> Any:
    return closing.book().default_calendar.local_day(current.now())


def _line(line: satisfaction.Line, label: str) -> SimpleNamespace:
    """One line of the table: counts, shares, and the widths of its bar in hundredths."""
    at, parts = 0.0, []
    for score, count in zip(satisfaction.SCORES, line.counts, strict=True):
        width = round(100 * count / line.answered, 2) if line.answered else 0.0
        parts.append(SimpleNamespace(score=score, count=count, at=round(at, 2), width=width))
        at += width
    return SimpleNamespace(
        label=label,
        asked=line.asked,
        answered=line.answered,
        rate=presenters.share(line.answered, line.asked),
        good=presenters.share(line.good, line.answered),
        parts=parts,
    )


@blueprint.get("/desk/satisfaction")
def report() -> ResponseReturnValue:
    """What requesters said, by team and by month, with the newest comments."""
    months, team = _asked_for()
    found = satisfaction.report(current.viewer(), _today(), months=months, team=team)
    teams = sorted(catalogue.teams_by_id().values(), key=lambda row: (row.position, row.id))
    return render_template(
        "satisfaction/report.html",
        since=found.since,
        total=_line(found.total, _("All")),
        by_team=[
            _line(row, presenters.localized(row.team, "name") if row.team else _("No team"))
            for row in found.by_team
        ],
        by_month=[_line(row, presenters.month_year(row.month)) for row in found.by_month],
        comments=found.comments,
        scores=presenters.scores(),
        months=months,
        month_choices=[(count, presenters.months_counted(count)) for count in MONTHS],
        team=team,
        teams=[(row.id, presenters.localized(row, "name")) for row in teams],
    )


@blueprint.get("/desk/satisfaction.csv")
def csv() -> ResponseReturnValue:
    """The same answers as a file for a spreadsheet; the record keeps that it was taken."""
    months, team = _asked_for()
    viewer, now = current.viewer(), current.now()
    rows = satisfaction.answers(viewer, _today(), months=months, team=team)
    words = presenters.scores()
    titles = [
        _("Number"), _("Subject"), _("Team"), _("Requester"), _("Closed on"), _("Answered"), _("Score"), _("In words"),
        _("Comment"),
    ]  # fmt: skip
    cells = [
        (
            row.ticket.number,
            row.ticket.summary,
            presenters.localized(row.team, "name") if row.team_id else "",
            row.person.full_name,
            row.closed_on.isoformat(),
            row.answered_at.isoformat(timespec="minutes"),
            row.score,
            words[row.score].label,
            row.comment,
        )
        for row in rows
    ]
    with db.atomic():
        audit.record("admin:exported", by=viewer, now=now, target="satisfaction", rows=len(rows))
    response = make_response(export.csv_bytes(titles, cells, presenters.language()))
    response.headers["Content-Type"] = "text/csv; charset=utf-8"
    response.headers["Content-Disposition"] = (
        f'attachment; filename="satisfaction-{_today().isoformat()}.csv"'
    )
    return response
