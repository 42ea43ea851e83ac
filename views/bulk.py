"""Several requests of a queue at once (LIFE-2): chosen beside their queue; a report says what became of each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, urlencode

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

import presenters
from domain import bulk, desk, lifecycle
from domain.refusals import Invalid
from forms.bulk import BulkForm
from forms.desk import offer, whole_number
from views import current
from views import desk as queues
from words import gettext as _

blueprint = Blueprint("bulk", __name__, url_prefix="/desk")
blueprint.before_request(queues.only_agents)

ACTS = ("assignment", "team", "status")


@blueprint.route("/bulk", methods=["GET", "POST"])
def many() -> ResponseReturnValue:
    """Do one act with all that are chosen: a report when something was refused, else back to the queue.

    Opened by hand, or after sign-in with what was typed: the queue with its boxes.
    """
    if request.method != "POST":
        held = current.held()
        return _held_page(held) if held else redirect(url_for("desk.index", choose="1"), 303)
    form = _form()
    numbers = bulk.chosen(request.form.getlist("number")[: 2 * bulk.MOST_AT_ONCE])
    act = _act(form)
    if not form.validate_on_submit() or not _is_whole(form, act):
        return page(form, 422, numbers=numbers)
    closes_many = act == "status" and form.status.data == "closed" and 1 < len(numbers) <= bulk.MOST_AT_ONCE
    if closes_many and request.form.get("confirmed") != "1":
        return _question(form, numbers)
    try:
        outcomes = _carry_out(act, form, numbers)
    except Invalid as fault:
        field = getattr(form, fault.field or "", None)
        if field is not None:
            field.errors = [*field.errors, presenters.refusal(fault)]
            return page(form, 422, numbers=numbers)
        return page(form, 422, numbers=numbers, refused=presenters.refusal(fault))
    refused = [outcome for outcome in outcomes if outcome.fault is not None]
    said = presenters.bulk_done(outcomes)
    if not refused:
        flash(said, "success")
        return redirect(url_for("desk.index", **_queue(), choose="1"), 303)
    status = 200 if len(refused) < len(outcomes) else 409
    return page(form, status, numbers=[outcome.number for outcome in refused], said=said, outcomes=refused)


def _carry_out(act: str, form: BulkForm, numbers: list[str]) -> list[bulk.Outcome]:
    viewer, now, seen = current.viewer(), current.now(), _seen()
    if act == "assignment":
        return bulk.assign(numbers, whole_number(form.assignee.data), viewer, now, seen=seen)
    if act == "team":
        return bulk.set_team(numbers, whole_number(form.team.data) or 0, viewer, now, seen=seen)
    return bulk.move(numbers, form.status.data, viewer, now, reason=form.reason.data or "", seen=seen)


def page(
    form: BulkForm | None = None,
    status: int = 200,
    *,
    numbers: Sequence[str] = (),
    every: bool = False,
    refused: str = "",
    said: str = "",
    outcomes: Iterable[bulk.Outcome] = (),
) -> ResponseReturnValue:
    """A queue with a box on each row, and what can be done with those that are chosen.

    Arguments: form, as it was sent; numbers, those that stay chosen; every, choose all of this page; refused, why
    nothing was done; said and outcomes, the report: how many were done, and those that were not.
    """
    args = MultiDict(_queue_pairs()) if request.method == "POST" else request.args
    name, asked = queues.asked_queue(args)
    left = queues.beside(name, asked, choosing=True)
    shown = [row.number for row in left["rows"]]
    wanted = set(numbers) | (set(shown) if every else set())
    seen = bulk.versions(current.viewer(), shown)
    for row in left["rows"]:
        row.chosen = row.number in wanted
        row.seen = f"{row.number}:{seen.get(row.number, '')}"
    here = left["here"]
    return (
        render_template(
            "desk/choose.html",
            form=form or _form(None),
            choosing=True,
            every_url=url_for("desk.index", **here, choose="none" if every else "all"),
            every=every,
            plain_url=url_for("desk.index", **here),
            queue_args=urlencode(here),
            refused=refused,
            said=said,
            report=[
                SimpleNamespace(
                    number=outcome.number,
                    summary=outcome.summary,
                    why=presenters.refusal(outcome.fault) if outcome.fault else "",
                    # Its box stands in the queue, unless the request is no longer in this part of it.
                    apart=bool(outcome.summary) and outcome.number not in shown,
                )
                for outcome in outcomes
            ],
            # Chosen, but no longer in this part of the queue: they stay chosen all the same.
            elsewhere=[number for number in numbers if number not in shown],
            most=bulk.MOST_AT_ONCE,
            **left,
        ),
        status,
    )


def _question(form: BulkForm, numbers: list[str]) -> ResponseReturnValue:
    """Closing is final: a page asks before many are closed."""
    return render_template(
        "desk/close_many.html",
        form=form,
        numbers=numbers,
        seen=request.form.getlist("seen")[: 2 * bulk.MOST_AT_ONCE],
        queue_args=request.form.get("beside", "")[:2000],
        back_url=url_for("desk.index", **_queue(), choose="1"),
    )


def _held_page(held: dict[str, list[str]]) -> ResponseReturnValue:
    """What was chosen and typed when the session had ended."""
    form = _form(None)
    for field in (form.assignee, form.team, form.status, form.reason):
        field.data = (held.get(field.name) or [field.data])[0]
    return page(form, numbers=bulk.chosen(held.get("number") or ()))


def _form(formdata: Any = ...) -> BulkForm:
    """The form with its choices; None makes an empty one."""
    form = BulkForm() if formdata is ... else BulkForm(formdata=formdata)
    viewer = current.viewer()
    others = [(str(key), name) for key, name in desk.agents() if key != viewer.id]
    words = presenters.statuses(for_team=True)
    targets = [
        key for key in words if any(lifecycle.may_move(origin, key, "staff") for origin in lifecycle.STATUSES)
    ]
    offer(
        form.assignee,
        [(str(viewer.id), _("Me: I take them")), ("", _("Nobody: back to the queue")), *others],
    )
    offer(
        form.team,
        [("", _("Choose"))] + [(str(row.id), presenters.localized(row, "name")) for row in desk.teams()],
    )
    offer(form.status, [("", _("Choose"))] + [(key, words[key].label) for key in targets])
    if formdata is None:
        form.assignee.data = str(viewer.id)
    return form


def _act(form: BulkForm) -> str:
    """What the button says; without one, the field that was filled in."""
    act = request.form.get("act", "")
    if act in ACTS or act:
        return act if act in ACTS else ""
    if form.status.data:
        return "status"
    if form.team.data:
        return "team"
    return "assignment" if "assignee" in request.form else ""


def _is_whole(form: BulkForm, act: str) -> bool:
    """False, with a message at the field, when the act lacks what it needs."""
    if act == "status" and not form.status.data:
        form.status.errors = [_("Choose one of the statuses of the list.")]
    elif act == "team" and not form.team.data:
        form.team.errors = [_("Choose one of the teams of the list.")]
    elif act == "assignment" and "assignee" not in request.form:
        # An absent name is not "nobody": a script that forgets it must not empty many chairs.
        form.assignee.errors = [_("Choose one of the agents of the list.")]
    elif act not in ACTS:
        form.status.errors = [_("Choose what to do with them.")]
    return not form.errors


def _seen() -> dict[str, int]:
    """The version of each request that was on the screen."""
    seen = {}
    for pair in request.form.getlist("seen")[: 2 * bulk.MOST_AT_ONCE]:
        number, _colon, version = pair.partition(":")
        if whole_number(version) is not None:
            seen[number] = whole_number(version) or 0
    return seen


def _queue_pairs() -> list[tuple[str, str]]:
    return parse_qsl(request.form.get("beside", "")[:2000])


def _queue() -> dict[str, str]:
    """The queue that the form was sent from, for its address."""
    return queues.where(*queues.asked_queue(MultiDict(_queue_pairs())))
