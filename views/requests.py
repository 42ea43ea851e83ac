"""One view for every request form (REQ-2): show it, keep what was typed and attached, hand the answers over."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

import presenters
from domain import catalogue, deletion, files, licences, occasions, settings
from domain import requests as filing
from domain.refusals import Invalid, Missing, NotNow
from forms.base import RequestFields
from forms.requests import REQUEST_FORMS
from views import current, receiving, status

blueprint = Blueprint("requests", __name__)


@blueprint.route("/requests/new/<slug>", methods=["GET", "POST"])
def new(slug: str) -> ResponseReturnValue:
    """The form of one kind of request; a POST without a named button sends it."""
    if slug not in REQUEST_FORMS:
        abort(404)
    row = catalogue.form(slug)
    viewer = current.viewer()
    if not viewer.may_open_requests:
        return _whom_to_ask(row, viewer)
    occasion = occasions.Occasion(row, viewer, current.now())
    if request.method in ("GET", "HEAD"):
        return _page(_fresh(occasion))
    form = REQUEST_FORMS[slug](
        occasion, formdata=request.form, data=_follow_up_of(occasion, request.form.get("follow_up"))
    )
    first = _sent_before(form)
    form.sent_before = first is not None
    refused = receiving.receive(form)
    if _rearranged(form):
        return _page(form)
    good = form.validate()
    if not good and first is None and (first := _sent_before(form)) is not None:
        # The first click of two was answered meanwhile, and its request took the files: they are not missing.
        form.sent_before = True
        good = form.validate()
    if not good or refused:
        return _already_sent(first) if first else _page(form, refused or 422)
    submission = form.submission()
    try:
        ticket = filing.submit(submission, viewer, current.now())
    except NotNow as fault:
        if fault.code == "key-reused":
            return _already_sent(first)
        form.form_errors.append(presenters.refusal(fault))
        return _page(form, fault.status)
    except Invalid as fault:
        _by_its_field(form, fault)
        return _page(form, 422)
    if submission.licence is not None:
        licences.fill_in(ticket, current.store(), current.now())
    if deletion.is_irreversible(ticket):
        flash(
            _("Your request %(number)s is sent. It now waits to be confirmed.", number=ticket.number),
            "success",
        )
    else:
        flash(
            _("Your request %(number)s is sent. We confirm it to you by mail.", number=ticket.number),
            "success",
        )
    # What cannot be undone is confirmed on the page that follows (REQ-4).
    page = "deletion.show" if deletion.is_irreversible(ticket) else "tickets.show"
    return redirect(url_for(page, number=ticket.number), 303)


# ---- Before it is sent -----------------------------------------------------------------------------------


def _fresh(occasion: occasions.Occasion) -> RequestFields:
    """The form at first: empty, given back after a sign-in (REQ-16), or filled in for a follow-up (LIFE-5)."""
    fields = REQUEST_FORMS[occasion.form.slug]
    held = current.held()
    if held:
        typed: MultiDict[str, str] = MultiDict(
            (name, value)
            for name, values in held.items()
            for value in (values if isinstance(values, list) else [values])
        )
        form = fields(occasion, formdata=typed, data=_follow_up_of(occasion, typed.get("follow_up")))
        form.kept = files.pending(typed.getlist("attachment_keys")[:100], occasion.viewer)
        return form
    return fields(occasion, data=_follow_up_of(occasion, request.args.get("follow_up")))


def _follow_up_of(occasion: occasions.Occasion, number: str | None) -> dict[str, Any]:
    """What the first request fills in. A number that is foreign or unknown is a page that does not exist (S06)."""
    if not number:
        return {}
    first = filing.follow_up_prefill(occasion.viewer, number)
    # A request shared by another organisation is taken up again only by those who may open requests there.
    if occasion.place(first["organisation_id"]) is None:
        raise Missing()
    return {
        "follow_up": first["number"],
        "summary": first["summary"],
        "description": first["description"],
        "organisation": first["organisation_id"],
    }


def _rearranged(form: RequestFields) -> bool:
    """True for a button that only adds or removes something: the form comes back as it is, and nothing is checked."""
    if "people" in form:
        if "add_person" in request.form:
            form.people.add()
            return True
        for name in request.form:
            number = name.removeprefix("remove_person-")
            if number != name and number.isascii() and number.isdigit() and len(number) < 4:
                form.people.take_out(int(number))
                return True
    return "remove_file" in request.form


def _sent_before(form: RequestFields) -> Any:
    """The request that this form has already become, or None."""
    return filing.sent_before(form.idempotency_key.data, form.occasion.viewer)


# ---- Answers ---------------------------------------------------------------------------------------------


def _by_its_field(form: RequestFields, fault: Invalid) -> None:
    """Put what the domain refused by the field it is about."""
    field = form[fault.field] if fault.field and fault.field in form else None
    if field is None:
        form.form_errors.append(presenters.refusal(fault))
    else:
        field.errors = [*field.errors, presenters.refusal(fault)]


def _page(form: RequestFields, code: int = 200) -> ResponseReturnValue:
    row = form.occasion.form
    kept = [
        SimpleNamespace(
            id=item.key, name=item.name, detail=presenters.file_size(item.size), icon=files.icon(item)
        )
        for item in form.kept
    ]
    page = render_template(
        "requests/new.html",
        form=form,
        row=row,
        occasion=form.occasion,
        incidents=status.on_form(row.slug),
        kept=kept,
        points=form.points() + len(form.form_errors),
        include=[line.strip() for line in presenters.localized(row, "include").splitlines() if line.strip()],
        files_max=settings.get("files_max"),
        file_max_mb=settings.get("file_max_mb"),
        max_bytes=files.max_bytes(),
        file_kinds=files.accepted_kinds(),
    )
    return page, code


def _already_sent(first: Any) -> ResponseReturnValue:
    """The key of this form belongs to a request that says something else: say so and lead to it."""
    return render_template("requests/already_sent.html", ticket=first), 409


def _whom_to_ask(row: Any, viewer: Any) -> ResponseReturnValue:
    """The page of somebody who may not open requests: it names who may (ACC-3)."""
    return render_template(
        "requests/whom_to_ask.html",
        row=row,
        people=occasions.whom_to_ask(viewer),
        attached=bool(viewer.memberships),
    ), 403
