"""The guided path over HTTP: one page for each step, kept as a draft at each press of a button (REQ-6, REQ-16).

Each step is a GET and a POST that leads on (303), so that it works without script. What was typed so far is the draft
of the person: it goes on in another browser. The last step sends it by the same verb as any other form.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

import presenters
from domain import catalogue, files, guided, occasions, settings
from domain import drafts as kept_drafts
from domain import requests as filing
from domain.catalogue import GUIDED
from domain.refusals import Invalid, NotAllowed, NotNow, Refusal
from forms.requests.guided import Guided, made_for
from models import Draft
from views import current, drafts, receiving, requests, tickets
from words import gettext as _

blueprint = Blueprint("guided", __name__, url_prefix="/requests/guided")

CHOICES = ("product", "kind", "feature")


class Walk:
    """Where somebody stands: the draft, what it holds with this page laid over it, and the path that follows."""

    def __init__(self, step: str = "") -> None:
        self.viewer = current.viewer()
        self.row = catalogue.form(GUIDED)
        self.occasion = occasions.Occasion(self.row, self.viewer, current.now())
        # What was typed when the session ended comes back on the page it was typed in (REQ-16).
        sent = drafts.typed(request.form) if request.method == "POST" else _held()
        self.follow_up = (request.values.get("follow_up") or (sent.get("follow_up") or [""])[0])[:20]
        self.first = requests.follow_up_of(self.occasion, self.follow_up)
        self.draft: Draft | None = kept_drafts.of_form(GUIDED, self.viewer, self.follow_up)
        self.data = self._data()
        if step in settings.GUIDED_STEPS and sent:
            self._lay_over(step, sent)
        self.path = guided.path(self.row, {name: self.value(name) for name in CHOICES})

    def value(self, name: str) -> str:
        """What is typed in a field, or empty."""
        return (self.data.get(name) or [""])[0]

    def _data(self) -> dict[str, list[str]]:
        if self.draft is None:
            return {}
        data = dict(self.draft.data)
        data["organisation"] = [str(self.draft.organisation_id)]
        return data

    def _lay_over(self, step: str, sent: dict[str, list[str]]) -> None:
        """What this page sends takes the place of what the draft had in the fields of this step."""
        before = guided.path(self.row, {name: self.value(name) for name in CHOICES})
        shown = names_of(step, before)
        kept = {name: values for name, values in self.data.items() if name not in shown}
        self.data = {**kept, **{name: sent[name] for name in shown if name in sent}}
        key = sent.get("idempotency_key") or [""]
        if key[0] and not self.value("idempotency_key"):
            self.data["idempotency_key"] = key
        self.data["step"] = [step]

    def form(self, step: str) -> Guided:
        """The whole form filled in; the page shows the fields of one step."""
        typed = MultiDict((name, value) for name, values in self.data.items() for value in values)
        if request.method == "POST":
            for name in (*of_the_end(step, self.path), "consent_version"):
                if name in request.form:
                    typed[name] = request.form[name]
        form = made_for(self.path)(self.occasion, formdata=typed or None, data=self.first)
        form.kept = files.pending((self.data.get("attachment_keys") or [])[:100], self.viewer)
        form.draft = self.draft
        self.data["idempotency_key"] = [form.idempotency_key.data]
        return form

    def keep(self) -> None:
        """Keep all of it as a draft. Raises what drafts.keep() raises."""
        if self.follow_up:
            self.data["follow_up"] = [self.follow_up]
        self.draft = drafts.keep(drafts.form_place(GUIDED, self.data), self.data)

    def url(self, step: str, **more: Any) -> str:
        """The address of a step."""
        return url_for("guided.step", step=step, follow_up=self.follow_up or None, **more)

    def start(self) -> str:
        """The address that goes on where the draft stands, or begins."""
        return url_for("guided.start", follow_up=self.follow_up or None)


def _held() -> dict[str, list[str]]:
    return {
        name: [str(value) for value in (values if isinstance(values, list) else [values])]
        for name, values in (current.held() or {}).items()
    }


def names_of(step: str, path: guided.Path) -> tuple[str, ...]:
    """The fields of a step that a draft keeps."""
    asked = {
        "product": ("product",),
        "kind": ("kind",),
        "feature": ("feature",),
        "priority": ("severity",),
        "details": (
            *(() if "priority" in path.steps else ("severity",)),
            "reason",
            "summary",
            "description",
            "attachment_keys",
            *(row.key for row in path.extras),
        ),
        "files": ("attachment_keys", "on_behalf_of", "cc", "audience", "share_with_account_manager"),
        "recap": (),
    }[step]
    return ("organisation", *asked) if step == path.steps[0] else asked


def of_the_end(step: str, path: guided.Path) -> tuple[str, ...]:
    """What is asked where the request is sent, and never kept."""
    return ("consent",) if step == path.steps[-1] else ()


# ---- Pages ---------------------------------------------------------------------------------------------


@blueprint.get("")
def start() -> ResponseReturnValue:
    """Go on where one left off, else begin."""
    if not current.viewer().may_open_requests:
        return requests.whom_to_ask_page(catalogue.form(GUIDED), current.viewer())
    walk = Walk()
    if walk.draft is not None and kept_drafts.says_something(walk.draft.data):
        flash(_("You are back where you stopped. Go on, or start again."), "info")
    return redirect(walk.url(_reachable(walk, walk.value("step") or walk.path.steps[0])), 303)


@blueprint.route("/<step>", methods=["GET", "POST"])
def step(step: str) -> ResponseReturnValue:
    """One step: its fields, and the buttons that lead on and back."""
    if step not in settings.GUIDED_STEPS:
        abort(404)
    if not current.viewer().may_open_requests:
        return requests.whom_to_ask_page(catalogue.form(GUIDED), current.viewer())
    if request.method == "POST":
        first = filing.sent_before(request.form.get("idempotency_key", ""), current.viewer())
        if first is not None:
            # The second press of the last button, or a page that is older than the request made of it.
            return redirect(url_for("tickets.show", number=first.number), 303)
        return _received(Walk(step), step)
    walk = Walk(step)
    reachable = _reachable(walk, step)
    if reachable != step:
        return redirect(walk.url(reachable), 303)
    return _page(walk, walk.form(step), step)


def _reachable(walk: Walk, step: str) -> str:
    """The step itself, or the first one before it that still lacks its answer."""
    steps = walk.path.steps
    step = step if step in steps else steps[0]
    for earlier in steps[: steps.index(step)]:
        if earlier in CHOICES and not walk.path.chosen[earlier]:
            return earlier
        if earlier == "priority" and not walk.value("severity"):
            return earlier
        if earlier == "details" and not (walk.value("summary").strip() and walk.value("description").strip()):
            return earlier
    return step


def _received(walk: Walk, step: str) -> ResponseReturnValue:
    """The buttons of a step: keep what was typed, then go where the button leads."""
    if "again" in request.form:
        if walk.draft is not None:
            kept_drafts.start_afresh(walk.draft.id, walk.viewer, current.now(), walk.data)
        return redirect(walk.start(), 303)
    if "draft_back" in request.form and walk.draft is not None:
        kept_drafts.bring_back(walk.draft.id, walk.viewer, current.now())
        return redirect(walk.start(), 303)
    if step not in walk.path.steps:
        return redirect(walk.url(_reachable(walk, walk.path.steps[-1])), 303)
    form = walk.form(step)
    refused = 0
    if "attachment_keys" in names_of(step, walk.path):
        refused = receiving.receive(form)
        walk.data["attachment_keys"] = [row.key for row in form.kept]
    stays = receiving.removes(form) or drafts.asked_for()
    target, back = step, "back" in request.form and walk.path.before(step)
    if back:
        target = back
    elif not stays and not refused and _wrong(form, walk, (step,)) is None:
        target = _next(walk, step)
    walk.data["step"] = [target or step]
    try:
        walk.keep()
    except NotNow as fault:
        if fault.code == "draft-sent":
            return redirect(url_for("tickets.show", number=_sent(form).number), 303)
        form.form_errors.append(presenters.refusal(fault))
        return _page(walk, form, step, fault.status)
    except Refusal as fault:
        form.form_errors.append(presenters.refusal(fault))
        return _page(walk, form, step, fault.status)
    if target is None:
        return _send(walk, form)
    if refused and not back:
        _only(form, step, walk)
        return _page(walk, form, step, refused)
    if stays or target != step:
        if drafts.asked_for():
            drafts.say_kept()
        more = (
            {"from": walk.path.steps[-1]}
            if _coming_from_the_end(walk) and target != walk.path.steps[-1]
            else {}
        )
        return redirect(walk.url(target, **more), 303)
    return _page(walk, form, step, 422)


def _next(walk: Walk, step: str) -> str | None:
    """Where a step leads on; None where the request is sent.

    Who comes from the recap goes back to it, by way of what the change asks anew.
    """
    if _coming_from_the_end(walk) and step != walk.path.steps[-1]:
        return _reachable(walk, walk.path.steps[-1])
    return walk.path.following(step)


def _coming_from_the_end(walk: Walk) -> bool:
    """True for somebody who changes a step from the recap."""
    return request.values.get("from") == walk.path.steps[-1]


def _leads_to_the_end(walk: Walk, step: str) -> bool:
    """True for a step that is shown because of the recap: somebody changes it, or it was not right when sent."""
    sent_there = request.method == "POST" and (request.view_args or {}).get("step") == walk.path.steps[-1]
    return step != walk.path.steps[-1] and (_coming_from_the_end(walk) or sent_there)


def _shown(step: str, path: guided.Path) -> set[str]:
    """The names of the fields on the page of a step."""
    names = {"attachments" if name == "attachment_keys" else name for name in names_of(step, path)}
    return names | set(of_the_end(step, path))


def _only(form: Guided, step: str, walk: Walk) -> None:
    """Leave the messages of one step alone: the others have pages of their own."""
    for field in form:
        if field.short_name not in _shown(step, walk.path):
            field.errors = ()


def _wrong(form: Guided, walk: Walk, steps: tuple[str, ...]) -> str | None:
    """Check the form: the first of these steps that is not right, with its messages alone; None when all are."""
    form.validate()
    wrong = {field.short_name for field in form if field.errors}
    found = next((step for step in steps if wrong & _shown(step, walk.path)), None)
    if found is not None:
        _only(form, found, walk)
    return found


def _sent(form: Guided) -> Any:
    return filing.sent_before(form.idempotency_key.data, current.viewer())


def _send(walk: Walk, form: Guided) -> ResponseReturnValue:
    """Make the request, or lead to the step that is not right yet."""
    wrong = _wrong(form, walk, walk.path.steps)
    if wrong is not None:
        return _page(walk, form, wrong, 422)
    try:
        ticket = filing.submit(form.submission(), walk.viewer, current.now())
    except NotNow as fault:
        if fault.code == "key-reused":
            return redirect(url_for("tickets.show", number=_sent(form).number), 303)
        form.form_errors.append(presenters.refusal(fault))
        return _page(walk, form, walk.path.steps[-1], fault.status)
    except Invalid as fault:
        requests.by_its_field(form, fault)
        place = next(
            (one for one in walk.path.steps if fault.field in names_of(one, walk.path)), walk.path.steps[-1]
        )
        return _page(walk, form, place, 422)
    flash(
        _("Your request %(number)s is sent. We confirm it to you by mail.", number=ticket.number), "success"
    )
    return redirect(url_for("tickets.show", number=ticket.number), 303)


# ---- What a page shows -----------------------------------------------------------------------------------


def _page(walk: Walk, form: Guided, step: str, status: int = 200) -> ResponseReturnValue:
    path = walk.path
    shown = drafts.shown(walk.draft, url_for("guided.draft", step=step, follow_up=walk.follow_up or None))
    before, following = path.before(step), path.following(step)
    place = path.steps.index(step)
    page = render_template(
        "guided/step.html",
        form=form,
        step=step,
        steps=[
            SimpleNamespace(
                label=presenters.guided_step(name),
                state="done" if at < place else ("now" if at == place else "next"),
                url=walk.url(name) if at < place else "",
                value=_chosen(path, name) if at < place else "",
            )
            for at, name in enumerate(path.steps)
        ],
        place=place + 1,
        title=presenters.guided_title(step),
        choices=[
            words
            for words in (_chosen(path, name) for name in path.steps[:place] if name in CHOICES)
            if words
        ],
        fields=_fields(form, step, path),
        sends=following is None,
        back=presenters.guided_step(before) if before else "",
        onward=presenters.guided_step(following) if following else "",
        action=walk.url(step),
        coming_from=path.steps[-1] if _leads_to_the_end(walk, step) else "",
        hints=form.hints() if step == "details" and walk.draft is not None else {},
        draft=shown,
        row=walk.row,
        occasion=walk.occasion,
        follow_up=walk.follow_up,
        where=guided.readable_articles(path.extras, walk.viewer) if step == "details" else {},
        first_extra=path.extras[0].key if path.extras else "",
        recap=_recap(form, walk) if step == "recap" else [],
        pictures=tickets.pictures(form.kept) if step == "recap" else (),
        include=requests.to_include(walk.row),
        points=form.points() + len(form.form_errors),
        **requests.about_files(form),
    )
    return page, status


def _fields(form: Guided, step: str, path: guided.Path) -> list[Any]:
    """The fields that the page of a step shows, in order."""
    names = ("attachments" if name == "attachment_keys" else name for name in names_of(step, path))
    return [form[name] for name in (*names, *of_the_end(step, path)) if name in form]


def _chosen(path: guided.Path, step: str) -> str:
    """The words of a choice that was made."""
    row = {"product": path.product, "kind": path.kind, "feature": path.feature}.get(step)
    if row is not None:
        return presenters.localized(row, "name")
    return ""


def _recap(form: Guided, walk: Walk) -> list[SimpleNamespace]:
    """All that will be sent, by step, with the address where it is changed."""
    groups = []
    for step in walk.path.steps[:-1]:
        rows = [
            SimpleNamespace(label=field.label.text, text=text, long=field.short_name == "description")
            for field in _fields(form, step, walk.path)
            if not (field.short_name == "attachments" and step == "details" and "files" in walk.path.steps)
            and (text := _said(form, field, walk))
        ]
        groups.append(
            SimpleNamespace(
                name=presenters.guided_step(step),
                url=walk.url(step, **{"from": walk.path.steps[-1]}),
                rows=rows,
            )
        )
    return groups


def _said(form: Guided, field: Any, walk: Walk) -> str:
    """An answer in words; empty for what was left out."""
    name = field.short_name
    if name == "attachments":
        return ", ".join(row.name for row in form.kept)
    if name == "organisation" and len(walk.occasion.places) == 1:
        return ""
    if name == "share_with_account_manager":
        return _("Yes") if field.data else ""
    return str(field.words() if hasattr(field, "words") else field.data or "")


# ---- Kept while one types ----------------------------------------------------------------------------------


@blueprint.post("/<step>/draft")
def draft(step: str) -> ResponseReturnValue:
    """Keep a step while it is being filled in; the answer carries the advice on it (REQ-10)."""
    if step not in settings.GUIDED_STEPS:
        abort(404)
    if not current.viewer().may_open_requests:
        raise NotAllowed("not-approved")
    walk = Walk(step)
    form = walk.form(step)
    walk.keep()
    return drafts.kept(walk.draft, advice=form.hints() if step == "details" else {})
