"""One view for every request form (REQ-2): show it, keep what was typed and attached, hand the answers over."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

import presenters
from domain import catalogue, deletion, files, licences, occasions, settings
from domain import drafts as kept_drafts
from domain import requests as filing
from domain.refusals import Invalid, Missing, NotNow
from forms.base import RequestFields
from forms.requests import REQUEST_FORMS
from views import current, drafts, receiving, status
from words import gettext as _

blueprint = Blueprint("requests", __name__)


@blueprint.route("/requests/new/<slug>", methods=["GET", "POST"])
def new(slug: str) -> ResponseReturnValue:
    """The form of one kind of request; a POST without a named button sends it."""
    if slug == catalogue.GUIDED:
        return redirect(url_for("guided.start", follow_up=request.args.get("follow_up")), 303)
    if slug not in REQUEST_FORMS:
        abort(404)
    row = catalogue.form(slug)
    viewer = current.viewer()
    if not viewer.may_open_requests:
        return whom_to_ask_page(row, viewer)
    occasion = occasions.Occasion(row, viewer, current.now())
    if request.method in ("GET", "HEAD"):
        return _page(_fresh(occasion))
    form = REQUEST_FORMS[slug](
        occasion, formdata=request.form, data=follow_up_of(occasion, request.form.get("follow_up"))
    )
    first = _sent_before(form)
    form.sent_before = first is not None
    refused = receiving.receive(form)
    if _rearranged(form):
        return _page(form)
    if drafts.asked_for():
        return _keep_draft(form, refused)
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
        by_its_field(form, fault)
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
        form = fields(occasion, formdata=typed, data=follow_up_of(occasion, typed.get("follow_up")))
        form.kept = files.pending(typed.getlist("attachment_keys")[:100], occasion.viewer)
        return form
    filled = follow_up_of(occasion, request.args.get("follow_up"))
    draft = drafts.form_to_show(occasion.form.slug, filled.get("follow_up", ""))
    if draft is not None and kept_drafts.says_something(draft.data):
        typed = MultiDict((name, value) for name, values in draft.data.items() for value in values)
        typed["organisation"] = str(draft.organisation_id)
        form = fields(occasion, formdata=typed, data=filled)
        form.kept = files.pending(typed.getlist("attachment_keys")[:100], occasion.viewer)
        form.restored = True
    else:
        form = fields(occasion, data=filled)
    form.draft = draft
    return form


def _keep_draft(form: RequestFields, refused: int) -> ResponseReturnValue:
    """The button that keeps a draft: the page comes back filled in, and from any other browser too."""
    slug = form.occasion.form.slug
    draft = drafts.keep_form(slug, request.form, form.kept)
    if refused:
        return _page(form, refused)
    if draft is None:
        return redirect(url_for("requests.new", slug=slug, follow_up=form.follow_up.data or None), 303)
    drafts.say_kept()
    return redirect(
        url_for("requests.new", slug=slug, follow_up=draft.follow_up or None, draft=draft.id), 303
    )


def follow_up_of(occasion: occasions.Occasion, number: str | None) -> dict[str, Any]:
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


def by_its_field(form: RequestFields, fault: Invalid) -> None:
    """Put what the domain refused by the field it is about."""
    field = form[fault.field] if fault.field and fault.field in form else None
    if field is None:
        form.form_errors.append(presenters.refusal(fault))
    else:
        field.errors = [*field.errors, presenters.refusal(fault)]


def _page(form: RequestFields, code: int = 200) -> ResponseReturnValue:
    row = form.occasion.form
    draft = form.draft or _draft_of(form)
    page = render_template(
        "requests/new.html",
        form=form,
        hints=form.hints() if form.restored or code != 200 else {},
        draft=drafts.shown(draft, url_for("drafts.form", slug=row.slug), form.restored),
        row=row,
        occasion=form.occasion,
        incidents=status.on_form(row.slug),
        points=form.points() + len(form.form_errors),
        include=to_include(row),
        **about_files(form),
    )
    return page, code


def to_include(row: Any) -> list[str]:
    """What the row of a form asks to be told, one thing on a line."""
    return [line.strip() for line in presenters.localized(row, "include").splitlines() if line.strip()]


def about_files(form: RequestFields) -> dict[str, Any]:
    """What the page says of files: those received before, and what is taken."""
    return {
        "kept": [
            SimpleNamespace(
                id=item.key, name=item.name, detail=presenters.file_size(item.size), icon=files.icon(item)
            )
            for item in form.kept
        ],
        "files_max": settings.get("files_max"),
        "file_max_mb": settings.get("file_max_mb"),
        "max_bytes": files.max_bytes(),
        "file_kinds": files.accepted_kinds(),
    }


def _draft_of(form: RequestFields) -> Any:
    """The draft that a page sent back still stands for, or None: only a page with something in it can have one."""
    if form.place is None or not request.form:
        return None
    return kept_drafts.of_form(
        form.occasion.form.slug, form.occasion.viewer, form.follow_up.data or "", form.place.id
    )


def _already_sent(first: Any) -> ResponseReturnValue:
    """The key of this form belongs to a request that says something else: say so and lead to it."""
    return render_template("requests/already_sent.html", ticket=first), 409


def whom_to_ask_page(row: Any, viewer: Any) -> ResponseReturnValue:
    """The page of somebody who may not open requests: it names who may (ACC-3)."""
    return render_template(
        "requests/whom_to_ask.html",
        row=row,
        people=occasions.whom_to_ask(viewer),
        attached=bool(viewer.memberships),
    ), 403
