"""The desk: queues of requests, and one request with all that the team does to it (STAFF-2)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, urlencode

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

import presenters
from domain import (
    blocking,
    catalogue,
    closing,
    contests,
    conversation,
    desk,
    files,
    lifecycle,
    lists,
    mail_log,
    partners,
    policies,
    reading,
    status_page,
    unread,
)
from domain import drafts as kept_drafts
from domain.refusals import Invalid, NotAllowed, NotNow
from forms.contests import DecisionForm
from forms.conversation import CopyForm
from forms.desk import (
    AssignmentForm,
    BlockForm,
    DeskNoteForm,
    DeskReplyForm,
    EscalationForm,
    PriorityForm,
    StatusForm,
    TeamForm,
    offer,
    whole_number,
)
from models import Ticket
from views import announcements, current, drafts, receiving, tickets
from words import gettext as _

blueprint = Blueprint("desk", __name__, url_prefix="/desk")

QUEUE_ICONS = {
    "unassigned": "inboxes",
    "mine": "person",
    "team": "people",
    "contested": "flag",
    "waiting": "reply",
    "resolved": "check-circle",
    "all": "list-ul",
}


@blueprint.before_request
def only_agents() -> None:
    """Nobody else comes in, whatever the address."""
    if not current.viewer().is_agent:
        raise NotAllowed("desk-only")


# ---- Queues ------------------------------------------------------------------------------------------


def asked_queue(args: Any, default: str = "unassigned") -> tuple[str, lists.Asked]:
    """Which queue the address asks for, and how; words without a queue are looked for everywhere."""
    asked = tickets.asked(args)
    name = str(args.get("queue", ""))
    if name not in lists.QUEUES or (name == lists.CONTESTED and not contests.decides(current.viewer())):
        name = "all" if asked.narrowed or args.get("organisation") else default
    sort = str(args.get("sort", ""))
    sorts = lists.queue_sorts(name)
    return name, lists.Asked(
        list="organisation",
        status=asked.status,
        form=asked.form,
        q=asked.q,
        organisation=str(args.get("organisation", ""))[:120],
        sort=sort if sort in sorts else sorts[0],
        after=asked.after,
        before=asked.before,
    )


def where(name: str, asked: lists.Asked, **changes: str) -> dict[str, str]:
    """What an address says of the queue beside it; what is as usual is left out."""
    wanted = {
        "queue": name,
        "status": asked.status if asked.status != "all" else "",
        "form": asked.form,
        "organisation": asked.organisation,
        "q": asked.q,
        "sort": asked.sort,
        "after": asked.after,
        "before": asked.before,
        **changes,
    }
    if wanted["sort"] == lists.queue_sorts(wanted["queue"])[0]:
        wanted["sort"] = ""
    return {key: value for key, value in wanted.items() if value}


def _address(parameters: dict[str, str]) -> str:
    return url_for("desk.index") + (f"?{urlencode(parameters)}" if parameters else "")


def beside(name: str, asked: lists.Asked, open_number: str = "", *, choosing: bool = False) -> dict[str, Any]:
    """What the two left columns show: the rail of queues and one of them. Five queries, whatever the queue.

    Arguments: open_number, the request beside it; choosing, whether its neighbouring pages have boxes too (bulk.py).
    """
    viewer, now = current.viewer(), current.now()
    teams = lists.teams_of(viewer)
    page = lists.queue(viewer, name, asked, teams)
    counts = lists.queue_counts(viewer, teams)
    news = unread.of_rows(viewer, [row.id for row in page.rows])
    names, cap = presenters.queue_names(), lists.QUEUE_COUNT_CAP
    words = presenters.statuses_of(page.rows, for_team=True)
    here = where(name, asked)
    boxes = {"choose": "1"} if choosing else {}
    # Made once: an address of its own for each row would cost more than the row.
    query = f"?{urlencode(here)}"
    plain = {"status": "", "form": "", "organisation": "", "q": "", "sort": "", "after": "", "before": ""}

    def link(queue: str) -> SimpleNamespace:
        count = counts.get(queue)
        return SimpleNamespace(
            label=names[queue],
            url=_address({"queue": queue}),
            icon=QUEUE_ICONS[queue],
            count=None if count is None else presenters.capped_count(count, cap),
            hot=queue in ("unassigned", lists.CONTESTED) and bool(count),
            current=queue == name,
        )

    title = names[name]
    if name in counts or asked.narrowed:
        title = _("%(queue)s · %(count)s", queue=title, count=presenters.capped_count(page.count, cap))
    forms = [(form.slug, presenters.localized(form, "name")) for form in catalogue.all_forms()]
    return {
        "queue": name,
        "asked": asked,
        "here": here,
        "queue_title": title,
        "queue_name": names[name],
        "queue_url": _address(here),
        "rail_groups": [
            {
                "title": None,
                "items": [
                    link(queue)
                    for queue in ("unassigned", "mine", "team", lists.CONTESTED)
                    if queue in counts
                ],
            },
            {
                "title": _("Elsewhere"),
                "items": [
                    *(link(queue) for queue in ("waiting", "resolved", "all")),
                    _incidents_link(now),
                    *_reports(viewer),
                ],
            },
        ],
        "rows": [
            _row(row, words, query, now, row.number == open_number, news.get(row.id, 0)) for row in page.rows
        ],
        "newer": _address(where(name, asked, before=page.newer, after="") | boxes) if page.newer else None,
        "older": _address(where(name, asked, after=page.older, before="") | boxes) if page.older else None,
        "choose_url": _address(here | {"choose": "1"}),
        "forms": forms,
        "sorts": [(sort, presenters.queue_sort_names()[sort]) for sort in lists.queue_sorts(name)],
        "sort_mark": presenters.queue_sort_marks()[asked.sort],
        "status_filters": [
            ("all", _("All")),
            ("open", _("With us")),
            ("waiting", _("With the customer")),
            ("resolved", _("Solved or closed")),
        ],
        "narrowed": _narrowed(name, asked, dict(forms)),
        "unnarrowed_url": _address(where(name, asked, **plain)),
    }


def _incidents_link(now: Any) -> SimpleNamespace:
    """The line of the rail that leads to the incidents of the status page, with how many run."""
    count = len(status_page.running(now))
    return SimpleNamespace(
        label=_("Service incidents"),
        url=url_for("incidents.index"),
        icon="activity",
        count=count or None,
        hot=bool(count),
        current=False,
    )


def _reports(viewer: Any) -> list[SimpleNamespace]:
    """What supervisors and admins read of the whole desk."""
    if not policies.can_read_reports(viewer):
        return []
    return [
        SimpleNamespace(
            label=_("How requests went"),
            url=url_for("satisfaction.report"),
            icon="star",
            count=None,
            hot=False,
            current=False,
        )
    ]


def _row(row: lists.Row, words: Any, query: str, now: Any, is_open: bool, news: int = 0) -> SimpleNamespace:
    """One request in the queue column: with its status, the day it closes by itself or the age of its last change."""
    last_day = closing.book().last_day(row)
    if last_day is not None:
        day = presenters.short_day(last_day)
        closes = row.status in ("waiting_customer", "resolved")
        state, text = "paused", _("closes %(day)s", day=day) if closes else _("until %(day)s", day=day)
    else:
        state, text = "ok", presenters.ago(row.updated_at, now)
    return SimpleNamespace(
        number=row.number,
        organisation=row.organisation_name,
        severity=row.priority_position if row.priority else None,
        subject=row.summary,
        url=f"/desk/tickets/{row.number}{query}",
        status=words[row.kind_slug][row.status],
        due_state=state,
        due_text=text,
        open=is_open,
        news=presenters.news_words(news) if news else "",
    )


def _narrowed(name: str, asked: lists.Asked, forms: dict[str, str]) -> list[SimpleNamespace]:
    """What the queue is limited to, each with the address that takes the limit away."""
    statuses = {"open": _("With us"), "waiting": _("With the customer"), "resolved": _("Solved or closed")}
    said = {
        "q": _("“%(words)s”", words=asked.q) if asked.q else "",
        "organisation": catalogue_name(asked.organisation),
        "form": forms.get(asked.form, asked.form),
        "status": statuses.get(asked.status, ""),
    }
    edges = {"after": "", "before": ""}
    return [
        SimpleNamespace(label=label, remove_url=_address(where(name, asked, **{key: ""}, **edges)))
        for key, label in said.items()
        if label
    ]


def catalogue_name(slug: str) -> str:
    """The name of the organisation with this slug, the slug itself when there is none."""
    return (desk.organisation_name(slug) or slug) if slug else ""


def _queue_args() -> Any:
    """The queue beside a request: of the address, or of the page from which a form was sent."""
    if request.method != "POST":
        return request.args
    return MultiDict(parse_qsl(request.form.get("beside", "")[:2000]))


@blueprint.get("", strict_slashes=False)
def index() -> ResponseReturnValue:
    """A queue. A number typed in the search box leads to its request."""
    from views import bulk

    if request.args.get("choose") in ("1", "all", "none"):
        return bulk.page(every=request.args["choose"] == "all")
    name, asked = asked_queue(request.args)
    if asked.q:
        number = lists.numbered(current.viewer(), asked.q)
        if number:
            return redirect(url_for("desk.show", number=number), 303)
    return render_template(
        "desk/index.html",
        unfinished=drafts.unfinished(drafts.SHOWN),
        announced=announcements.on_top(),
        **beside(name, asked),
    )


# ---- One request -------------------------------------------------------------------------------------


@blueprint.get("/tickets/<number>")
def show(number: str) -> ResponseReturnValue:
    """One request, with what was typed on it before the session ended."""
    ticket = tickets.load(number)
    reply, note = DeskReplyForm(formdata=None), DeskNoteForm(formdata=None)
    decision = DecisionForm(formdata=None)
    start = "reply"
    held = current.held()
    if held:
        body = (held.get("body") or [""])[0]
        # A note that was held comes back as a note: it must never wait in the box that customers read.
        if held.get("mode") == ["note"]:
            note.body.data, start = body, "note"
        else:
            reply.body.data = body
            reply.status.data = (held.get("status") or [""])[0]
        decision.outcome.data, decision.answer.data = (
            (held.get(name) or [""])[0] for name in ("outcome", "answer")
        )
    kept = kept_drafts.of_ticket(ticket, current.viewer())
    restored = False
    if not held:
        # Each kind comes back in its own box: a note never waits in the one that customers read.
        answered = drafts.fill_message(reply, kept.get("reply"))
        noted = drafts.fill_message(note, kept.get("note"))
        restored = answered or noted
        start = "note" if noted and not answered else start
    return page(ticket, reply=reply, note=note, start=start, decision=decision, kept=kept, restored=restored)


def page(
    ticket: Ticket,
    status: int = 200,
    *,
    start: str = "reply",
    refused: str = "",
    since: int | None = None,
    kept: dict[str, Any] | None = None,
    restored: bool = False,
    **given: Any,
) -> ResponseReturnValue:
    """The page of a request around the forms that stand on it.

    Arguments: start, which half of the composer is open; refused, why the last act was not done; since, the last
    event that was on the screen when it was tried: the page says what came after; kept, the drafts of the reader when
    read already, and restored, whether they fill the boxes in; given, forms that were sent, by name (reply, note,
    assignment, team, move, priority, block, escalation, cc).
    """
    viewer, now = current.viewer(), current.now()
    kept = kept_drafts.of_ticket(ticket, viewer) if kept is None else kept
    default = "mine" if ticket.assignee_id == viewer.id else ("all" if ticket.assignee_id else "unassigned")
    name, asked = asked_queue(_queue_args(), default)
    read = reading.read(viewer, ticket, whole=request.args.get("thread") == "all")
    # Before the queue beside it is read: there, this request is read from now on.
    new_from = unread.look(viewer, ticket, read.messages)
    facts = desk.facts(viewer, ticket)
    words = presenters.statuses(for_team=True, kind=ticket.kind_slug)
    levels = catalogue.levels(ticket.scale_slug or "severity")
    left = beside(name, asked, ticket.number)
    contest = tickets.contest_place(ticket, viewer, read.events)
    decision = given.pop("decision", None) or DecisionForm(formdata=None)
    if contest is not None:
        offer(decision.outcome, presenters.contest_outcomes(contest))
    last_event = max((event.id for event in read.events), default=0)
    on_page = _forms(ticket, words, levels, facts, given, last_event)
    readers = presenters.several([_first_name(row) for row in _readers(ticket, read)])
    form = next((row for row in catalogue.all_forms() if row.slug == ticket.form_slug), None)
    return (
        render_template(
            "desk/show.html",
            ticket=ticket,
            read=read,
            new_from=new_from,
            deletion=tickets.deletion_place(ticket, viewer),
            mails=presenters.mail_lines(mail_log.entries(viewer, ticket, mail_log.SHOWN_ON_REQUEST)),
            satisfied=tickets.satisfaction_place(ticket, viewer),
            blockers=blocking.blockers(viewer, ticket),
            words_of=lambda row: presenters.statuses(for_team=True, kind=row.kind_slug)[row.status],
            waiting=blocking.waiting(viewer, ticket),
            testing=tickets.testing_words(ticket, read),
            incidents=tickets.incidents_of(ticket, read),
            to_join=_to_join(ticket, read, now),
            environment=presenters.environment_words(ticket.test_environment),
            contest=contest,
            decision=decision,
            words=words,
            status=words[ticket.status],
            thread=_with_actions(ticket, tickets.thread_of(read, viewer)),
            history=_history(read, viewer),
            files=[tickets.file_words(row, viewer) for row in read.files],
            file_words=lambda row: tickets.file_words(row, viewer),
            closing=presenters.closing_sentence(ticket, now),
            priority=presenters.priority_words(ticket, levels),
            levels=[
                SimpleNamespace(
                    name=f"{row.value} · {presenters.localized(row, 'name')}"
                    if row.value.isdigit()
                    else presenters.localized(row, "name"),
                    definition=presenters.localized(row, "definition"),
                )
                for row in levels
            ],
            scale=presenters.scale_label(ticket.scale_slug),
            kind=tickets._kind_name(ticket.kind_slug),
            form_name=presenters.localized(form, "name") if form else ticket.form_slug,
            answers=[tickets.answer_words(answer) for answer in ticket.answers],
            close_reason=presenters.close_reason_at_desk(ticket) if ticket.status == "closed" else "",
            people=_people(ticket, facts, now),
            about=[
                (presenters.localized(question, "name"), presenters.localized(answer, "text"))
                for question, answer in facts.about
            ],
            partners=_partners(ticket, now),
            open_count=presenters.capped_count(facts.open_requests, lists.QUEUE_COUNT_CAP),
            open_more=facts.open_requests > 1,
            organisation_url=_address(
                {"queue": "all", "organisation": facts.organisation_slug, "status": "open"}
            ),
            readers=readers,
            to=_first_name(ticket.requester),
            can_reply=policies.can_reply(viewer, ticket),
            can_change=ticket.status not in ("closed", "expired"),
            can_change_cc=policies.can_change_cc(viewer, ticket),
            is_mine=ticket.assignee_id == viewer.id,
            start=start,
            drafts=drafts.of_ticket_shown(kept, ticket, restored),
            beside=urlencode(left["here"]) if "queue" in _queue_args() else "",
            refused=refused,
            changed=[
                presenters.event_sentence(event, viewer, read.names, True, read.kin, ticket.kind_slug)
                for event in read.events
                if since is not None and event.id > since
            ],
            max_bytes=files.max_bytes(),
            **left,
            **on_page,
        ),
        status,
    )


def _with_actions(ticket: Ticket, thread: list[SimpleNamespace]) -> list[SimpleNamespace]:
    """The thread with what the desk can do to each message: split it off, take out what should not be there."""
    for item in thread:
        if item.type != "message":
            continue
        item.actions = []
        if not (item.note or item.redacted):
            item.actions.append(
                (url_for("joining.split", number=ticket.number, message=item.key), _("Split off"))
            )
        if not item.redacted or any(file.url for file in item.files):
            item.actions.append(
                (url_for("redaction.show", number=ticket.number, message=item.key), _("Take out"))
            )
    return thread


def _forms(
    ticket: Ticket, words: Any, levels: list[Any], facts: desk.Facts, given: dict[str, Any], last_event: int
) -> dict[str, Any]:
    """The forms of the page: those that were sent as they are, the others as the request is now."""
    made: dict[str, Any] = {
        "reply": DeskReplyForm,
        "note": DeskNoteForm,
        "assignment": AssignmentForm,
        "team": TeamForm,
        "move": StatusForm,
        "priority_form": PriorityForm,
        "block": BlockForm,
        "escalation": EscalationForm,
        "cc": CopyForm,
    }
    given = {("priority_form" if name == "priority" else name): form for name, form in given.items()}
    found = {name: given.get(name) or kind(formdata=None) for name, kind in made.items()}
    for form in found.values():
        # What is sent from now on was decided with the present state in sight.
        if "version" in form:
            form.version.data = str(ticket.version)
        if "event" in form:
            form.event.data = str(last_event)
    found["note"].mode.data = "note"
    targets = lifecycle.targets(ticket.status, "staff")
    stays = "in_progress" if ticket.status in ("registered", "qualified") else ticket.status
    labels = [("", _("status: %(status)s", status=words[stays].label))]
    labels += [
        (target, presenters.then_words(target, words[target].label)) for target in targets if target != stays
    ]
    _keep_or_drop(found["reply"].status, labels)
    _keep_or_drop(found["move"].status, [("", _("Choose"))] + [(key, words[key].label) for key in targets])
    _keep_or_drop(
        found["escalation"].status,
        [("", _("Choose")), *((key, words[key].label) for key in lifecycle.ESCALATIONS)],
        "" if "escalation" in given or ticket.status not in lifecycle.ESCALATIONS else ticket.status,
    )
    _keep_or_drop(
        found["assignment"].assignee,
        [("", _("Nobody: back to the queue"))] + [(str(key), name) for key, name in facts.agents],
        "" if "assignment" in given else str(ticket.assignee_id or ""),
    )
    _keep_or_drop(
        found["team"].team,
        [(str(row.id), presenters.localized(row, "name")) for row in facts.teams],
        "" if "team" in given else str(ticket.team_id or ""),
    )
    _keep_or_drop(
        found["priority_form"].priority,
        [
            (
                row.value,
                f"{row.value} · {presenters.localized(row, 'name')}"
                if row.value.isdigit()
                else presenters.localized(row, "name"),
            )
            for row in levels
        ],
        "" if "priority" in given or "priority_form" in given else (ticket.priority or ""),
    )
    return found


def _keep_or_drop(field: Any, pairs: list[tuple[str, Any]], value: str = "") -> None:
    """Offer choices; what was chosen stays chosen while it is among them."""
    offer(field, pairs)
    chosen = value or field.data or ""
    field.data = chosen if chosen in {key for key, _words in pairs} else ""


def _to_join(ticket: Ticket, read: reading.Reading, now: Any) -> list[presenters.IncidentPlace]:
    """Incidents that run and that this request could join: no query but the one that is remembered."""
    if ticket.status in ("closed", "expired"):
        return []
    there = {event.data.get("incident_id") for event in read.events if event.kind == status_page.JOINED}
    return [presenters.incident_place(row, now) for row in status_page.running(now) if row.id not in there]


def _readers(ticket: Ticket, read: reading.Reading) -> list[Any]:
    """The customers who get the answer: the requester, those in copy, the collaborators (LIFE-3)."""
    return [ticket.requester, *read.participants]


def _first_name(row: Any) -> str:
    person = getattr(row, "person", row) if hasattr(row, "email") and hasattr(row, "added_at") else row
    return person.full_name.split(" ", 1)[0] if person is not None else row.email


def _people(ticket: Ticket, facts: desk.Facts, now: Any) -> list[SimpleNamespace]:
    """The requester and colleagues, with what they may do and the hour where they are."""
    people = []
    for person, role in facts.people:
        details = [_("requester")] if person.id == ticket.requester_id else []
        details += [presenters.role_words(role), presenters.time_of(person, now)]
        people.append(
            SimpleNamespace(
                initials=policies.initials(person.full_name),
                name=person.full_name,
                detail=", ".join(filter(None, details)),
                side="other",
            )
        )
    return people


def _history(read: reading.Reading, viewer: Any) -> list[SimpleNamespace]:
    """The whole history, with the reasons that agents gave for a move."""
    lines = tickets.history_of(read, viewer)
    for line, event in zip(lines, read.events, strict=True):
        reason = event.data.get("note") or (
            event.data.get("reason") if event.kind == "ticket:priority_changed" else ""
        )
        if reason:
            line.text = _("%(said)s (%(reason)s)", said=line.text, reason=reason)
    return lines


# ---- Acts --------------------------------------------------------------------------------------------


def back(ticket: Ticket) -> ResponseReturnValue:
    """The request again, with the same queue beside it."""
    default = "mine" if ticket.assignee_id == current.viewer().id else "all"
    args = _queue_args()
    kept = where(*asked_queue(args, default)) if "queue" in args else {}
    return redirect(url_for("desk.show", number=ticket.number, **kept), 303)


def _conflict(number: str, fault: NotNow, form: Any, name: str, start: str = "reply") -> ResponseReturnValue:
    """The act was not done: the page as the request is now, what was typed, and what came in between."""
    changed = fault.code in ("changed-meanwhile", "taken-meanwhile")
    since = whole_number(form.event.data) if changed and "event" in form else None
    return page(
        tickets.load(number),
        fault.status,
        start=start,
        refused=presenters.refusal(fault),
        since=since,
        **{name: form},
    )


def _act(
    number: str, form: Any, name: str, act: Callable[[Ticket], Any], done: Callable[[Ticket], str]
) -> ResponseReturnValue:
    """Receive one of the small forms: check it, do the act, say it; or show the page again with the reason."""
    ticket = tickets.load(number)
    if not form.validate_on_submit():
        return page(ticket, 422, **{name: form})
    try:
        changed = act(ticket)
    except Invalid as fault:
        field = getattr(form, fault.field or "", None)
        said = presenters.refusal(fault)
        if field is None:
            return page(ticket, 422, refused=said, **{name: form})
        field.errors = [*field.errors, said]
        return page(ticket, 422, **{name: form})
    except NotNow as fault:
        return _conflict(number, fault, form, name)
    flash(done(changed), "success")
    return back(changed)


def _any_status(field: Any) -> None:
    # Whether the move is allowed is for the domain to say, with the reason; here only that it is a status.
    offer(field, [("", "")] + [(key, key) for key in lifecycle.STATUSES])


def _keep_draft(kind: str, ticket: Ticket, form: Any) -> ResponseReturnValue:
    """The button that keeps an answer or a note without sending it."""
    drafts.keep_message(kind, ticket, request.form, form.kept)
    if form.errors:
        return page(ticket, 422, start=kind, **{kind: form})
    drafts.say_kept()
    return back(ticket)


@blueprint.post("/tickets/<number>/replies")
def replies(number: str) -> ResponseReturnValue:
    """Answer the customer, and move the request in the same step (LIFE-3)."""
    ticket = tickets.load(number)
    form = DeskReplyForm()
    _any_status(form.status)
    receiving.receive(form)
    if drafts.asked_for():
        return _keep_draft("reply", ticket, form)
    if receiving.removes(form) or not form.validate_on_submit():
        return page(ticket, 200 if receiving.removes(form) else 422, reply=form)
    took = ticket.assignee_id is None
    try:
        conversation.reply(
            ticket,
            form.body.data,
            current.viewer(),
            current.now(),
            idempotency_key=form.idempotency_key.data,
            attachment_keys=[row.key for row in form.kept],
            move_to=form.status.data or None,
            environment=form.environment.data or "",
            seen=form.seen,
        )
    except Invalid as fault:
        receiving.say(form, fault)
        return page(ticket, 422, reply=form)
    except NotNow as fault:
        return _conflict(number, fault, form, "reply")
    ticket = tickets.load(number)
    label = presenters.statuses(for_team=True, kind=ticket.kind_slug)[ticket.status].label
    if took and ticket.assignee_id == current.viewer().id:
        flash(_("The answer was sent and the request is yours. Status: %(status)s.", status=label), "success")
    else:
        flash(_("The answer was sent. Status: %(status)s.", status=label), "success")
    return back(ticket)


@blueprint.post("/tickets/<number>/notes")
def notes(number: str) -> ResponseReturnValue:
    """Write what no customer will ever see."""
    ticket = tickets.load(number)
    form = DeskNoteForm()
    receiving.receive(form)
    if drafts.asked_for():
        return _keep_draft("note", ticket, form)
    if receiving.removes(form) or not form.validate_on_submit():
        return page(ticket, 200 if receiving.removes(form) else 422, note=form, start="note")
    try:
        conversation.note(
            ticket,
            form.body.data,
            current.viewer(),
            current.now(),
            idempotency_key=form.idempotency_key.data,
            attachment_keys=[row.key for row in form.kept],
        )
    except Invalid as fault:
        receiving.say(form, fault)
        return page(ticket, 422, note=form, start="note")
    except NotNow as fault:
        return _conflict(number, fault, form, "note", start="note")
    flash(_("The note is added. Nothing was sent."), "success")
    return back(ticket)


@blueprint.post("/tickets/<number>/assignment")
def assignment(number: str) -> ResponseReturnValue:
    """Take a request, give it to a colleague, or give it back to the queue."""
    viewer, now = current.viewer(), current.now()
    form = AssignmentForm()
    offer(form.assignee, [("", ""), *((str(key), name) for key, name in desk.agents())])
    if form.is_submitted() and "assignee" not in request.form:
        # An absent name is not "nobody": a script that forgets it must not empty the request's chair.
        form.assignee.data = "?"

    def act(ticket: Ticket) -> Ticket:
        if form.assignee.data == str(viewer.id):
            return lifecycle.take(ticket, viewer, now, seen=form.seen)
        return lifecycle.assign(ticket, whole_number(form.assignee.data), viewer, now, seen=form.seen)

    def done(ticket: Ticket) -> str:
        if ticket.assignee_id is None:
            return _("The request is back in the queue.")
        if ticket.assignee_id == viewer.id:
            return _("The request is yours.")
        return _("The request is with %(name)s now.", name=dict(desk.agents())[ticket.assignee_id])

    return _act(number, form, "assignment", act, done)


@blueprint.post("/tickets/<number>/team")
def team(number: str) -> ResponseReturnValue:
    """Hand a request to another team."""
    form = TeamForm()
    names = {row.id: presenters.localized(row, "name") for row in desk.teams()}
    offer(form.team, [(str(key), name) for key, name in names.items()])
    return _act(
        number,
        form,
        "team",
        lambda ticket: lifecycle.set_team(
            ticket, whole_number(form.team.data) or 0, current.viewer(), current.now(), seen=form.seen
        ),
        lambda ticket: _("The request is in the queue of %(team)s now.", team=names[ticket.team_id]),
    )


@blueprint.post("/tickets/<number>/status")
def status(number: str) -> ResponseReturnValue:
    """Move a request without writing to the customer."""
    form = StatusForm()
    _any_status(form.status)
    return _act(
        number,
        form,
        "move",
        lambda ticket: lifecycle.move(
            ticket,
            form.status.data,
            current.viewer(),
            current.now(),
            seen=form.seen,
            reason=form.reason.data,
            environment=form.environment.data or "",
        ),
        lambda ticket: _(
            "Status: %(status)s.",
            status=presenters.statuses(for_team=True, kind=ticket.kind_slug)[ticket.status].label,
        ),
    )


@blueprint.post("/tickets/<number>/priority")
def priority(number: str) -> ResponseReturnValue:
    """Retain another priority than the one asked (REQ-17, LIFE-10)."""
    ticket = tickets.load(number)
    form = PriorityForm()
    offer(
        form.priority, [(row.value, row.value) for row in catalogue.levels(ticket.scale_slug or "severity")]
    )
    lowered = False

    def act(ticket: Ticket) -> Ticket:
        nonlocal lowered
        before = ticket.priority_position if ticket.priority else None
        changed = lifecycle.set_priority(
            ticket,
            form.priority.data,
            current.viewer(),
            current.now(),
            reason=form.reason.data,
            seen=form.seen,
        )
        lowered = before is not None and changed.priority_position > before
        return changed

    def done(ticket: Ticket) -> str:
        if lowered:
            return _("The priority is lowered, and the customer was told why.")
        return _("The priority is changed.")

    return _act(number, form, "priority", act, done)


@blueprint.post("/tickets/<number>/cc")
def add_cc(number: str) -> ResponseReturnValue:
    """Put an address in copy: agents may choose anybody (VIEW-5)."""
    ticket = tickets.load(number)
    form = CopyForm()
    if not form.validate_on_submit():
        return page(ticket, 422, cc=form)
    try:
        added = conversation.add_cc(ticket, form.email.data, current.viewer(), current.now())
    except Invalid as fault:
        form.email.errors = [presenters.refusal(fault)]
        return page(ticket, 422, cc=form)
    if added is None:
        flash(_("This person already gets the answers."), "info")
    else:
        flash(_("%(email)s is in copy from now on, and was told.", email=added.email), "success")
    return back(ticket)


@blueprint.post("/tickets/<number>/cc/<int:participant>/removal")
def remove_cc(number: str, participant: int) -> ResponseReturnValue:
    """Take somebody out of copy."""
    ticket = tickets.load(number)
    conversation.remove_cc(ticket, participant, current.viewer(), current.now())
    flash(_("This address gets no more answers."), "success")
    return back(ticket)


def _partners(ticket: Ticket, now: datetime) -> list[str]:
    """The organisations that act for the customer, a line each (ACC-18). No query where none does."""
    if not ticket.has_partners:
        return []
    return [
        presenters.partner_line(link)
        for link in partners.of_organisations([ticket.organisation_id], now)
        if link.client_id == ticket.organisation_id and partners.state(link, now) == "standing"
    ]
