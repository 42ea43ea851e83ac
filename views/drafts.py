"""Drafts over HTTP: kept by the script of the page or by a button, put away, brought back, listed (REQ-16)."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import Blueprint, abort, flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

import presenters
from domain import advice, catalogue, drafts, files, reading
from domain.catalogue import GUIDED
from domain.drafts import BROUGHT_BACK_WITHIN, Place
from domain.refusals import Missing
from domain.settings import GUIDED_STEPS
from forms.fields import FORBIDDEN
from forms.requests import REQUEST_FORMS
from models import Draft, Ticket
from views import current, held
from words import gettext as _

blueprint = Blueprint("drafts", __name__)

# Marks of the page, secrets, and what must be given anew each time.
NEVER_KEPT = held.NEVER_KEPT | {"consent", "consent_version", "irreversible"}
OF_A_MESSAGE = frozenset({"body", "status", "idempotency_key", "attachment_keys"})
SHOWN = 5


# ---- What is kept ----------------------------------------------------------------------------------------


def _value(text: str) -> str:
    return FORBIDDEN.sub("", text.replace("\r\n", "\n"))


def of_form(slug: str, sent: MultiDict[str, str]) -> dict[str, list[str]]:
    """What was typed in a request form: its own fields alone, without consent, secrets and marks of the page."""
    fields = REQUEST_FORMS[slug]

    def known(name: str) -> bool:
        # A field of a form class that is not filled in yet says which class it becomes.
        return name == "attachment_keys" or hasattr(getattr(fields, name, None), "field_class")

    return {
        name: [_value(value) for value in values]
        for name, values in sent.lists()
        if known(name.partition("-")[0]) and name not in NEVER_KEPT
    }


def of_message(sent: MultiDict[str, str]) -> dict[str, list[str]]:
    """What was typed in a reply or a note. Only the team's reply has a status."""
    asked = OF_A_MESSAGE if current.viewer().is_agent else OF_A_MESSAGE - {"status"}
    return {name: [_value(value) for value in values] for name, values in sent.lists() if name in asked}


def _number(text: str | None) -> int:
    text = text or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def typed(sent: MultiDict[str, str]) -> dict[str, list[str]]:
    """All that was sent, as a draft keeps it. The caller says which of it are answers."""
    return {name: [_value(value) for value in values] for name, values in sent.lists()}


def form_place(slug: str, data: dict[str, list[str]]) -> Place:
    """Where a form is kept: for the organisation chosen on the page, the first one when the page asks nothing."""
    chosen = _number((data.get("organisation") or [""])[0])
    opens = current.viewer().opens_for
    return Place(
        "form",
        form_slug=slug,
        organisation_id=chosen or (opens[0].organisation_id if opens else None),
        follow_up=(data.get("follow_up") or [""])[0][:20],
    )


def keep(place: Place, data: dict[str, list[str]]) -> Draft | None:
    """Keep what was typed, as the page knows the draft. Raises what drafts.keep() raises."""
    return drafts.keep(
        place,
        data,
        current.viewer(),
        current.now(),
        seen=_number(request.form.get("draft_version")),
        draft_id=_number(request.form.get("draft")) or None,
    )


def keep_form(slug: str, sent: MultiDict[str, str], kept: list[Any]) -> Draft | None:
    """Keep a request form at the press of its button. kept: the rows of the files received."""
    data = of_form(slug, sent)
    data["attachment_keys"] = [row.key for row in kept]
    return keep(form_place(slug, data), data)


def keep_message(kind: str, ticket: Ticket, sent: MultiDict[str, str], kept: list[Any]) -> Draft | None:
    """Keep a reply or a note at the press of its button."""
    data = of_message(sent)
    data["attachment_keys"] = [row.key for row in kept]
    return keep(Place(kind, ticket=ticket), data)


def asked_for() -> bool:
    """True when the button that was pressed keeps a draft: nothing is sent."""
    return "keep_draft" in request.form


def say_kept() -> None:
    """Tell that a draft was kept, at the press of its button."""
    flash(presenters.draft_kept(current.now(), current.now()), "success")


# ---- What a page shows -----------------------------------------------------------------------------------


def shown(row: Draft | None, url: str, restored: bool = False) -> SimpleNamespace:
    """What the line under a form says of its draft. url: where the page keeps it; restored: it fills the form in."""
    now = current.now()
    written = row is not None and drafts.says_something(row.data)
    earlier = (
        row is not None
        and bool(row.earlier)
        and row.earlier_at
        and row.earlier_at > now - BROUGHT_BACK_WITHIN
    )
    said = ""
    if row is not None and written:
        time = presenters.draft_time(row.updated_at, now)
        said = (
            _("Your draft is back, as kept: %(time)s", time=time)
            if restored
            else presenters.draft_kept(row.updated_at, now)
        )
    elif row is not None and earlier:
        said = _("The form is empty again. What you had written can be brought back.")
    return SimpleNamespace(
        url=url,
        id=row.id if row else "",
        version=row.version if row else 0,
        said=said,
        afresh=url_for("drafts.start_afresh", draft=row.id) if row is not None else "",
        written=written,
        back=url_for("drafts.bring_back", draft=row.id) if row is not None and earlier else "",
    )


def form_to_show(slug: str, follow_up: str) -> Draft | None:
    """The draft that fills a request form in: the one that the address names, else the last one."""
    viewer = current.viewer()
    wanted = _number(request.args.get("draft"))
    if wanted:
        try:
            row = drafts.own(wanted, viewer)
        except Missing:
            row = None
        if row is not None and (row.kind, row.form_slug, row.follow_up) == ("form", slug, follow_up):
            return drafts.of_form(slug, viewer, follow_up, row.organisation_id)
    return drafts.of_form(slug, viewer, follow_up)


def fill_message(form: Any, row: Draft | None) -> bool:
    """Fill a reply or a note in from its draft. Returns True when there was something to fill in."""
    if row is None or not drafts.says_something(row.data):
        return False
    form.body.data = (row.data.get("body") or [""])[0]
    form.kept = files.pending(row.data.get("attachment_keys") or [], current.viewer())
    if row.idempotency_key:
        form.idempotency_key.data = row.idempotency_key
    if "status" in form:
        form.status.data = (row.data.get("status") or [""])[0]
    return True


def of_ticket_shown(rows: dict[str, Draft], ticket: Ticket, restored: bool) -> dict[str, SimpleNamespace]:
    """What the lines under the boxes of a request say, by kind."""
    return {
        kind: shown(rows.get(kind), url_for("drafts.message", number=ticket.number, kind=kind), restored)
        for kind in ("reply", "note")
    }


def unfinished(limit: int = drafts.DRAFTS_MAX) -> list[SimpleNamespace]:
    """What the reader has begun and not sent, in words, newest first."""
    viewer, now = current.viewer(), current.now()
    begun = drafts.mine(viewer, now, limit)
    if not begun:
        return []
    names = {form.slug: presenters.localized(form, "name") for form in catalogue.all_forms()}
    places = {rights.organisation_id: rights.organisation_name for rights in viewer.opens_for}
    several = len(places) > 1
    rows = []
    for found in begun:
        draft = found.draft
        written = drafts.says_something(draft.data)
        data = draft.data if written else draft.earlier
        begins = next(
            (
                values[0]
                for name in ("summary", "body", "description")
                if (values := data.get(name)) and values[0]
            ),
            "",
        )
        rows.append(
            SimpleNamespace(
                id=draft.id,
                written=written,
                place=presenters.draft_place(
                    found,
                    names.get(draft.form_slug, draft.form_slug),
                    places.get(draft.organisation_id, "") if several else "",
                ),
                begins=files.without_references(begins)[:120],
                url=_page_of(draft, found.ticket),
                said=presenters.draft_kept(draft.updated_at, now),
            )
        )
    return rows


def _page_of(draft: Draft, ticket: Ticket | None) -> str:
    if draft.kind == "form" and draft.form_slug == GUIDED:
        step = (draft.data.get("step") or [""])[0]
        follow_up = draft.follow_up or None
        if step not in GUIDED_STEPS:
            return url_for("guided.start", follow_up=follow_up)
        return url_for("guided.step", step=step, follow_up=follow_up)
    if draft.kind == "form":
        return url_for(
            "requests.new", slug=draft.form_slug, follow_up=draft.follow_up or None, draft=draft.id
        )
    if ticket is None:
        return url_for("drafts.index")
    endpoint = "desk.show" if current.viewer().is_agent else "tickets.show"
    return url_for(endpoint, number=ticket.number, _anchor="answer")


# ---- Addresses -------------------------------------------------------------------------------------------


@blueprint.get("/drafts")
def index() -> ResponseReturnValue:
    """All that one has begun and not sent."""
    return render_template("drafts/index.html", rows=unfinished())


@blueprint.post("/requests/new/<slug>/draft")
def form(slug: str) -> ResponseReturnValue:
    """Keep a request form while it is being filled in; the answer carries the advice on it (REQ-9, REQ-10)."""
    if slug not in REQUEST_FORMS:
        abort(404)
    data = of_form(slug, request.form)
    row = keep(form_place(slug, data), data)

    def first(name: str) -> str:
        return (data.get(name) or [""])[0]

    written = advice.Written(
        form_slug=slug,
        summary=first("summary"),
        description=first("description"),
        version=first("version") if hasattr(REQUEST_FORMS[slug], "version") else None,
        with_files=bool(data.get("attachment_keys")),
    )
    example = presenters.localized(catalogue.form(slug), "example")
    return kept(
        row,
        advice={
            found.field: presenters.advice(found.code, written, example) for found in advice.advise(written)
        },
    )


@blueprint.post("/tickets/<number>/drafts/<any(reply, note):kind>")
def message(number: str, kind: str) -> ResponseReturnValue:
    """Keep a reply or a note while it is being written."""
    ticket = reading.load(current.viewer(), number)
    if ticket is None:
        raise Missing()
    return kept(keep(Place(kind, ticket=ticket), of_message(request.form)))


def kept(row: Draft | None, **more: Any) -> ResponseReturnValue:
    """What the script of the page is told about its draft. more: what it is told besides."""
    if row is None:
        return jsonify(draft="", version=0, said="", afresh="", back="", **more)
    replaced = row.earlier_at == row.updated_at
    said = presenters.draft_kept(row.updated_at, current.now())
    if replaced:
        said = _("%(kept)s. Another window had other words here: they can be brought back.", kept=said)
    return jsonify(
        draft=row.id,
        version=row.version,
        said=said,
        afresh=url_for("drafts.start_afresh", draft=row.id),
        back=url_for("drafts.bring_back", draft=row.id) if replaced else None,
        **more,
    )


@blueprint.post("/drafts/<int:draft>/afresh")
def start_afresh(draft: int) -> ResponseReturnValue:
    """Put a draft away; what stood in the form a moment ago goes with it, and can be brought back."""
    viewer = current.viewer()
    row = drafts.own(draft, viewer)
    data = None
    if "idempotency_key" in request.form:
        data = _on_the_page(row)
    row = drafts.start_afresh(draft, viewer, current.now(), data)
    if request.form.get("from") == "list":
        return redirect(url_for("drafts.index"), 303)
    return _to_its_page(row)


def _on_the_page(row: Draft) -> dict[str, list[str]] | None:
    """The draft as the page that was sent has it, None when it is that of a form which is no more."""
    if row.kind != "form":
        return of_message(request.form)
    if row.form_slug == GUIDED:
        # A page of the guided path has one step of it only.
        return {
            **row.data,
            **{name: values for name, values in typed(request.form).items() if name in row.data},
        }
    return of_form(row.form_slug, request.form) if row.form_slug in REQUEST_FORMS else None


@blueprint.post("/drafts/<int:draft>/return")
def bring_back(draft: int) -> ResponseReturnValue:
    """Bring back what was put away, or what another window replaced."""
    return _to_its_page(drafts.bring_back(draft, current.viewer(), current.now()))


def _to_its_page(row: Draft) -> ResponseReturnValue:
    ticket = drafts.ticket_of(row, current.viewer())
    return redirect(_page_of(row, ticket), 303)
