"""Incidents of the status page at the desk (VIEW-14): opened, updated, joined by requests, answered to all at once."""

from __future__ import annotations

import re
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

import presenters
from domain import lifecycle, status_page
from domain.refusals import Invalid, NotNow, Refusal
from forms.desk import offer, whole_number
from forms.incidents import AnswerForm, IncidentForm, JoinForm, UpdateForm
from models import IncidentAnswer
from views import current, desk
from views.status import zone
from words import gettext as _

blueprint = Blueprint("incidents", __name__, url_prefix="/desk/incidents")
blueprint.before_request(desk.only_agents)

# Where an answer to all may move each request.
THEN = ("in_progress", "waiting_customer", "waiting_engineering", "resolved")


@blueprint.get("", strict_slashes=False)
def index() -> ResponseReturnValue:
    """Incidents and planned work, those that are not over first, each with how many joined."""
    now = current.now()
    return render_template(
        "incidents/index.html",
        rows=[
            (presenters.incident_place(row, now), requests, organisations)
            for row, requests, organisations in status_page.at_the_desk(current.viewer())
        ],
        services=len(status_page.services()),
    )


@blueprint.route("/new", methods=["GET", "POST"])
def new() -> ResponseReturnValue:
    """Put an incident, or planned work, on the status page."""
    form = _offered(IncidentForm() if request.method == "POST" else IncidentForm(formdata=None))
    if request.method != "POST":
        _hold(form)
        return _new_page(form)
    if not form.validate_on_submit():
        return _new_page(form, 422)
    try:
        row = status_page.open_incident(
            current.viewer(),
            current.now(),
            title_fr=form.title_fr.data,
            title_en=form.title_en.data,
            impact=form.impact.data or "",
            service_ids=_services(form),
            body_fr=form.body_fr.data,
            body_en=form.body_en.data,
            idempotency_key=form.idempotency_key.data,
            state=form.state.data or "",
            started_at=_instant(form.started_at.data),
            planned_until=_instant(form.planned_until.data),
        )
    except Invalid as fault:
        return _new_page(_refused(form, fault), 422)
    flash(_("It stands on the status page now."), "success")
    return redirect(url_for("incidents.show", incident=row.id), 303)


def _new_page(form: IncidentForm, status: int = 200) -> ResponseReturnValue:
    return render_template("incidents/new.html", form=form, services=len(form.services.choices)), status


@blueprint.get("/<int:incident>")
def show(incident: int) -> ResponseReturnValue:
    """One incident: what was said, who joined, and what can be said next."""
    return _page(incident)


def _page(
    incident: int,
    status: int = 200,
    *,
    refused: str = "",
    update: UpdateForm | None = None,
    join: JoinForm | None = None,
) -> ResponseReturnValue:
    viewer, now = current.viewer(), current.now()
    row = status_page.find(incident)
    form = update or UpdateForm(formdata=None)
    _offered(form, row.is_maintenance)
    if update is None:
        form.state.data, form.impact.data = row.state_at(now), row.impact
        form.title_fr.data, form.title_en.data = row.title_fr, row.title_en
        form.services.data = [str(service.id) for service in row.services]
        _hold(form)
    form.version.data = str(row.version)
    joined = status_page.joined(viewer, incident)
    words = presenters.statuses_of(joined, for_team=True)
    return (
        render_template(
            "incidents/show.html",
            incident=presenters.incident_place(row, now),
            form=form,
            join=join or JoinForm(formdata=None),
            joined=joined,
            organisations=len({line.organisation_name for line in joined}),
            words=words,
            answers=[
                SimpleNamespace(id=key, at=at, who=who, text=(en if presenters.language() == "en" else fr) or fr or en)
                for key, at, who, fr, en in status_page.answers(viewer, incident)
            ],
            refused=refused,
        ),
        status,
    )  # fmt: skip


@blueprint.post("/<int:incident>/updates")
def updates(incident: int) -> ResponseReturnValue:
    """Say what is new; with a box, on the requests that joined too."""
    row = status_page.find(incident)
    form = _offered(UpdateForm(), row.is_maintenance)
    if not form.validate_on_submit():
        return _page(incident, 422, update=form)
    try:
        answer = status_page.post_update(
            incident,
            current.viewer(),
            current.now(),
            state=form.state.data or row.state,
            body_fr=form.body_fr.data,
            body_en=form.body_en.data,
            idempotency_key=form.idempotency_key.data,
            seen=form.seen,
            impact=form.impact.data or "",
            service_ids=_services(form),
            title_fr=form.title_fr.data,
            title_en=form.title_en.data,
            tell=form.tell.data,
        )
    except Invalid as fault:
        return _page(incident, 422, update=_refused(form, fault))
    except NotNow as fault:
        return _page(incident, fault.status, update=form, refused=presenters.refusal(fault))
    flash(_("It stands on the status page now."), "success")
    if answer is not None:
        return _send(incident, answer)
    return redirect(url_for("incidents.show", incident=incident), 303)


@blueprint.post("/<int:incident>/requests")
def requests(incident: int) -> ResponseReturnValue:
    """Join requests that are there already; from the page of one of them, back to it."""
    form = JoinForm()
    if not form.validate_on_submit():
        return _page(incident, 422, join=form)
    numbers = [part for part in re.split(r"[\s,;]+", form.numbers.data) if part]
    try:
        outcomes = status_page.join_requests(incident, numbers, current.viewer(), current.now())
    except Invalid as fault:
        form.numbers.errors = [presenters.refusal(fault)]
        return _page(incident, 422, join=form)
    except NotNow as fault:
        return _page(incident, fault.status, join=form, refused=presenters.refusal(fault))
    refused = [outcome.number for outcome in outcomes if outcome.fault is not None]
    said = presenters.joined_done(outcomes)
    if refused:
        # What was not taken stays in the field, with the reason of each.
        form.numbers.data = "\n".join(refused)
        form.numbers.errors = [words for category, words in said if category == "error"]
        for category, words in said:
            if category != "error":
                flash(words, category)
        return _page(incident, 422, join=form)
    for category, words in said:
        flash(words, category)
    if request.form.get("back") == "request" and len(outcomes) == 1:
        return redirect(url_for("desk.show", number=outcomes[0].number), 303)
    return redirect(url_for("incidents.show", incident=incident) + "#joined", 303)


# ---- One answer to all -----------------------------------------------------------------------------------


@blueprint.route("/<int:incident>/answer", methods=["GET", "POST"])
def answer(incident: int) -> ResponseReturnValue:
    """Answer everybody who joined; the page names them before anything is sent."""
    form = AnswerForm() if request.method == "POST" else AnswerForm(formdata=None)
    words = presenters.statuses(for_team=True)
    offer(form.status, [("", _("Leave each where it is"))] + [(key, words[key].label) for key in THEN])
    if request.method != "POST":
        _hold(form)
        return _answer_page(incident, form)
    if not form.validate_on_submit():
        return _answer_page(incident, form, 422)
    try:
        made = status_page.answer_all(
            incident,
            current.viewer(),
            current.now(),
            body_fr=form.body_fr.data,
            body_en=form.body_en.data,
            idempotency_key=form.idempotency_key.data,
            move_to=form.status.data or "",
        )
    except Invalid as fault:
        return _answer_page(incident, _refused(form, fault), 422)
    return _send(incident, made)


def _answer_page(incident: int, form: AnswerForm, status: int = 200) -> ResponseReturnValue:
    row = status_page.find(incident)
    joined = status_page.joined(current.viewer(), incident)
    return (
        render_template(
            "incidents/answer.html",
            incident=presenters.incident_place(row, current.now()),
            form=form,
            joined=joined,
            over=sum(line.status == "closed" for line in joined),
            organisations=len({line.organisation_name for line in joined}),
            words=presenters.statuses_of(joined, for_team=True),
            then=lifecycle.STATUSES,
        ),
        status,
    )


def _send(incident: int, made: IncidentAnswer) -> ResponseReturnValue:
    """Write the first lines at once and show the report; the job writes what is left."""
    status_page.write_waiting(current.now(), answer_id=made.id)
    return redirect(url_for("incidents.report", incident=incident, answer=made.id), 303)


@blueprint.route("/<int:incident>/answers/<int:answer>", methods=["GET", "POST"])
def report(incident: int, answer: int) -> ResponseReturnValue:
    """How far an answer has come; a POST writes the next ones now rather than with the job."""
    found = status_page.report(current.viewer(), incident, answer)
    if request.method == "POST":
        status_page.write_waiting(current.now(), answer_id=answer)
        return redirect(url_for("incidents.report", incident=incident, answer=answer), 303)
    words = presenters.statuses(for_team=True)
    return render_template(
        "incidents/report.html",
        incident=presenters.incident_place(status_page.find(incident), current.now()),
        report=found,
        moved=words[found.answer.move_to].label if found.answer.move_to else "",
        notable=[
            SimpleNamespace(
                number=number,
                summary=summary,
                organisation=organisation,
                refused=state == "refused",
                why=presenters.refusal(Refusal(code, number=number)),
            )
            for number, summary, organisation, state, code in found.notable
        ],
        batch=status_page.BATCH,
    )


# ---- Parts of the above ------------------------------------------------------------------------------------


def _offered(form: Any, maintenance: bool | None = None) -> Any:
    """The form with its choices. Arguments: maintenance, of an incident that is there; None for a new one."""
    impacts, states = presenters.impact_words(), presenters.incident_states()
    kinds = [
        impact
        for impact in status_page.IMPACTS
        if maintenance is None or (impact == status_page.MAINTENANCE) == maintenance
    ]
    offer(form.impact, [(impact, impacts[impact]) for impact in kinds])
    offer(
        form.services,
        [(str(row.id), presenters.localized(row, "name")) for row in status_page.services()],
    )
    if maintenance is None:
        keys = ["", "investigating", "identified", "watching"]
        states = {**states, "": _("The usual first one")}
    else:
        keys = list(status_page.MAINTENANCE_STATES if maintenance else status_page.INCIDENT_STATES)
    offer(form.state, [(key, states[key]) for key in keys])
    return form


def _services(form: Any) -> list[int]:
    return [key for key in map(whole_number, form.services.data or ()) if key is not None]


def _instant(local: datetime | None) -> datetime | None:
    """An hour as the agent's clock shows it, as an instant."""
    return local.replace(tzinfo=zone()) if local is not None else None


def _refused(form: Any, fault: Invalid) -> Any:
    """Put what the domain refused by the field it is about."""
    field = form[fault.field] if fault.field and fault.field in form else None
    if field is None:
        form.form_errors.append(presenters.refusal(fault))
    else:
        field.errors = [*field.errors, presenters.refusal(fault)]
    return form


def _hold(form: Any) -> None:
    """Give back what was typed when the session had ended."""
    held = current.held()
    if held:
        form.process(MultiDict((name, value) for name, values in held.items() for value in values))
