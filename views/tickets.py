"""Requests as customers see them: the three lists, one request, answers, copies, closing, follow-up."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

import presenters
from domain import (
    audience,
    blocking,
    catalogue,
    closing,
    columns,
    contests,
    conversation,
    deletion,
    files,
    lifecycle,
    lists,
    mail_log,
    policies,
    reading,
    satisfaction,
    status_page,
    unread,
)
from domain import drafts as kept_drafts
from domain.refusals import Invalid, Missing, NotNow, Refusal
from forms.contests import ContestForm
from forms.conversation import CopyForm, ReplyForm
from models import Ticket
from views import acts, current, drafts, listing, receiving
from views.paths import path
from words import gettext as _
from words import ngettext

blueprint = Blueprint("tickets", __name__)


def asked(args: Any, default_list: str = "mine") -> lists.Asked:
    """What the address of a list asks for; an unknown value means the default, never a fault."""

    def text(name: str, most: int = 60) -> str:
        return str(args.get(name, ""))[:most].strip()

    sort = text("sort") or lists.DEFAULT_SORT
    if sort.lstrip("-") not in lists.SORTS or sort.startswith("--"):
        sort = lists.DEFAULT_SORT
    status = text("status")
    name = text("list")
    return lists.Asked(
        list=name if name in lists.LISTS else default_list,
        status=status if status in lists.STATUS_FILTERS else "all",
        label=text("label") if text("label") in lifecycle.STATUSES else "",
        form=text("form"),
        category=text("category"),
        kind=text("kind"),
        q=text("q", 200),
        sort=sort,
        after=text("after", 20),
        before=text("before", 20),
    )


def address(endpoint: str, asked: lists.Asked, **changes: str) -> str:
    """The address of a list with some of what it asks for changed; defaults are left out, so that it stays short."""
    wanted = {
        "list": asked.list,
        "status": asked.status,
        "label": asked.label,
        "form": asked.form,
        "category": asked.category,
        "kind": asked.kind,
        "organisation": str(asked.place or ""),
        "q": asked.q,
        "sort": asked.sort,
        **changes,
    }
    defaults = {"status": "all", "sort": lists.DEFAULT_SORT}
    kept = {name: value for name, value in wanted.items() if value and defaults.get(name) != value}
    query = urlencode(kept)
    return path(endpoint) + (f"?{query}" if query else "")


def columns_of(
    endpoint: str, asked: lists.Asked, wanted: list[tuple[str, str | None, str]]
) -> list[dict[str, Any]]:
    """The heads of a table: label, sorted by which column, class; each a link that sorts, and turns the sort round."""
    heads = []
    by_number = "created" not in {column for _label, column, _cls in wanted}
    for label, column, cls in wanted:
        head: dict[str, Any] = {"label": label, "cls": cls}
        if column:
            # A request's number grows with time: newest first is the number turned down.
            now = asked.column == column or (column == "number" and asked.column == "created" and by_number)
            first_down = column in ("created", "updated", "number")
            turned = column if (now and asked.descending) or (not now and not first_down) else f"-{column}"
            head["url"] = address(endpoint, asked, sort=turned)
            head["direction"] = ("descending" if asked.descending else "ascending") if now else None
        heads.append(head)
    return heads


def asked_list(viewer: Any) -> lists.Asked:
    """The list that the address asks for, in an order that this person may have."""
    wanted = asked(request.args, "organisation" if viewer.staff_role == "account_manager" else "mine")
    if wanted.column not in lists.sorts_of(viewer, wanted.list):
        wanted = replace(wanted, sort=lists.DEFAULT_SORT)
    place = request.args.get("organisation", "")
    if place in {str(key) for key in _places(viewer)}:
        wanted = replace(wanted, place=int(place))
    return wanted


def _places(viewer: Any) -> dict[int, str]:
    """The organisations among which a customer narrows a list, with their names: none for those who read only one."""
    found = {} if viewer.is_staff else lists.places_of(viewer)
    return found if len(found) > 1 else {}


@blueprint.get("/tickets")
def index() -> ResponseReturnValue:
    """One of the three lists (VIEW-1, VIEW-2)."""
    viewer = current.viewer()
    wanted = asked_list(viewer)
    page = lists.find(viewer, wanted)
    lang = presenters.language()
    forms = {form.slug: presenters.localized(form, "name", lang) for form in catalogue.all_forms()}
    kinds = {kind.slug: presenters.localized(kind, "name", lang) for kind in catalogue.kinds()}
    groups = {form.category.slug: form.category for form in catalogue.all_forms()}
    categories = {slug: presenters.localized(group, "name", lang) for slug, group in groups.items()}
    news = unread.of_rows(viewer, [row.id for row in page.rows])
    mine = columns.of(viewer)
    shown = listing.shown(mine, viewer, wanted.list)
    words = presenters.statuses_of(page.rows, viewer.is_staff)
    sorts = lists.sorts_of(viewer, wanted.list)
    heads = [
        (_("Subject"), "summary", ""),
        *((listing.label(name), listing.SORTED[name], "") for name in shown),
    ]
    return render_template(
        "tickets/index.html",
        asked=wanted,
        page=page,
        anything_new=bool(news) or unread.in_menu(viewer) > 0,
        lines=listing.lines(shown, page.rows, words, news, viewer),
        columns=columns_of(
            "tickets.index",
            wanted,
            [(label, name if name in sorts else None, cls) for label, name, cls in heads],
        ),
        chooser=listing.chooser(mine, viewer),
        tabs=_tabs(viewer, wanted),
        said=said_of(page),
        selects=(selects := _selects(wanted, viewer, forms, kinds, categories)),
        narrowed=_narrowed(
            wanted, forms, kinds, presenters.statuses(viewer.is_staff), selects[0]["options"], _places(viewer)
        ),
        newer=address("tickets.index", wanted, before=page.newer) if page.newer else None,
        older=address("tickets.index", wanted, after=page.older) if page.older else None,
        address=lambda **changes: address("tickets.index", wanted, **changes),
        unfinished=drafts.unfinished(drafts.SHOWN),
        export_url=address("listing.export", wanted),
        export_cap=lists.EXPORT_CAP,
    )


def _selects(
    wanted: lists.Asked, viewer: Any, forms: dict[str, str], kinds: dict[str, str], categories: dict[str, str]
) -> list[dict[str, Any]]:
    """The filters above a list."""
    said = _filter_words(presenters.language(), viewer.is_staff)
    places = _places(viewer) if wanted.list != "mine" or viewer.clients else {}
    of_place = {
        "name": "organisation",
        "label": said["organisation"],
        "options": [("", said["organisations"]), *((str(key), name) for key, name in places.items())],
        "value": str(wanted.place or ""),
    }
    return [
        {"name": "status", "label": said["status"], "options": said["statuses"], "value": wanted.status},
        *([of_place] if places else []),
        {
            "name": "kind",
            "label": said["kind"],
            "options": [("", said["kinds"]), *kinds.items()],
            "value": wanted.kind,
        },
        {
            "name": "category",
            "label": said["category"],
            "options": [("", said["categories"]), *categories.items()],
            "value": wanted.category,
        },
        {
            "name": "form",
            "label": said["form"],
            "options": [("", said["forms"]), *forms.items()],
            "value": wanted.form,
        },
    ]


@lru_cache(maxsize=8)
def _filter_words(_language: str, for_team: bool) -> dict[str, Any]:
    """The words of the filters, looked up once for each language. Not to be changed."""
    return {
        "status": _("Status"),
        "statuses": [
            ("all", _("All")),
            ("open", _("Open")),
            ("waiting", _("With the customer") if for_team else _("Awaiting your answer")),
            ("resolved", _("Solved or closed")),
        ],
        "kind": _("Kind"),
        "kinds": _("All kinds"),
        "category": _("Category"),
        "categories": _("All categories"),
        "form": _("Form"),
        "forms": _("All forms"),
        "organisation": _("Organisation"),
        "organisations": _("All organisations"),
    }


def _narrowed(
    wanted: lists.Asked,
    forms: Any,
    kinds: Any,
    words: Any,
    statuses: list[tuple[str, str]],
    places: dict[int, str],
) -> list[dict[str, str]]:
    """What the list leaves out, one mark each, with the address that takes it away."""
    marks = []
    if wanted.q:
        marks.append((_("“%(words)s”", words=wanted.q), "q"))
    if wanted.status != "all":
        marks.append((dict(statuses)[wanted.status], "status"))
    if wanted.label:
        marks.append((words[wanted.label].label, "label"))
    if wanted.form:
        marks.append((forms.get(wanted.form, wanted.form), "form"))
    if wanted.category:
        marks.append((_category_name(wanted.category), "category"))
    if wanted.kind:
        marks.append((kinds.get(wanted.kind, wanted.kind), "kind"))
    if wanted.place in places:
        marks.append((places[wanted.place], "organisation"))
    return [
        {"label": label, "remove_url": address("tickets.index", wanted, **{name: ""})}
        for label, name in marks
    ]


def _category_name(slug: str) -> str:
    for form in catalogue.all_forms():
        if form.category.slug == slug:
            return presenters.localized(form.category, "name")
    return slug


def said_of(page: lists.Page) -> str:
    """How many requests a list holds, in words."""
    if page.capped:
        return _("More than %(count)s requests", count=f"{page.cap:,}".replace(",", "\u202f"))
    return ngettext("%(num)s request", "%(num)s requests", page.count)


def _tabs(viewer: Any, wanted: lists.Asked) -> list[dict[str, Any]]:
    if viewer.is_staff:
        names = [("mine", _("Given to me")), ("cc", _("In copy")), ("organisation", _("All requests"))]
        if viewer.staff_role == "account_manager":
            names = [("organisation", _("Shared with me")), ("cc", _("In copy"))]
    else:
        names = [
            ("mine", _("My requests")),
            ("cc", _("In copy")),
            ("organisation", viewer.organisation_name or _("My organisation")),
        ]
    return [
        {
            "label": label,
            "url": address("tickets.index", lists.Asked(list=name, status=wanted.status), list=name),
            "current": wanted.list == name,
        }
        for name, label in names
    ]


def load(number: str) -> Ticket:
    """The request with this number, with the rows its page names. Raises Missing for one that is not theirs to know."""
    ticket = reading.load(current.viewer(), number)
    if ticket is None:
        raise Missing()
    return ticket


@blueprint.get("/tickets/<number>")
def show(number: str) -> ResponseReturnValue:
    """One request (VIEW-4)."""
    ticket = load(number)
    form = ReplyForm(formdata=None)
    held = current.held()
    kept = kept_drafts.of_ticket(ticket, current.viewer())
    restored = False
    if held:
        form.body.data = (held.get("body") or [""])[0]
    else:
        restored = drafts.fill_message(form, kept.get("reply"))
    return page(ticket, form, kept=kept, restored=restored)


def page(
    ticket: Ticket,
    reply: ReplyForm,
    status: int = 200,
    cc: CopyForm | None = None,
    *,
    kept: dict[str, Any] | None = None,
    restored: bool = False,
) -> ResponseReturnValue:
    """The page of a request around the forms that stand on it.

    Arguments: kept, the drafts of the reader on it, when read already; restored, one of them fills the answer in.
    """
    viewer = current.viewer()
    kept = kept_drafts.of_ticket(ticket, viewer) if kept is None else kept
    read = reading.read(viewer, ticket, whole=request.args.get("thread") == "all")
    words = presenters.statuses(viewer.is_staff, kind=ticket.kind_slug)
    levels = catalogue.levels(ticket.scale_slug) if ticket.scale_slug else []
    reply.version.data = str(ticket.version)
    return (
        render_template(
            "tickets/show.html",
            ticket=ticket,
            read=read,
            deletion=deletion_place(ticket, viewer),
            blocked=presenters.blocked_lines(blocking.blockers(viewer, ticket)),
            testing=testing_words(ticket, read),
            incidents=incidents_of(ticket, read),
            contest=contest_place(ticket, viewer, read.events),
            contest_form=ContestForm(formdata=None),
            status=words[ticket.status],
            thread=thread_of(read, viewer),
            history=history_of(read, viewer),
            files=[file_words(row, viewer) for row in read.files],
            closing=presenters.closing_sentence(ticket, current.now()),
            priority=presenters.priority_words(ticket, levels),
            scale=presenters.scale_label(ticket.scale_slug),
            kind=_kind_name(ticket.kind_slug),
            form_name=_form_name(ticket.form_slug),
            answers=[answer_words(answer) for answer in ticket.answers],
            reply=reply,
            drafts=drafts.of_ticket_shown(kept, ticket, restored),
            cc=cc or CopyForm(formdata=None),
            mails=presenters.mail_lines(mail_log.entries(viewer, ticket, mail_log.SHOWN_ON_REQUEST)),
            satisfied=satisfaction_place(ticket, viewer),
            can_reply=policies.can_reply(viewer, ticket),
            can_close=(can_close := policies.can_close(viewer, ticket)),
            # Whoever may answer may also keep it open: the right is the same, and asked once.
            can_keep_open=can_close and closing.extensions_left(ticket) > 0,
            keep_open_hint=presenters.keep_open_hint(ticket) if can_close else "",
            can_follow_up=policies.can_follow_up(viewer, ticket),
            can_change_cc=policies.can_change_cc(viewer, ticket),
            can_hand_over=policies.can_hand_over(viewer, ticket),
            can_join=_can_join(viewer, ticket, read),
            can_change_audience=policies.can_change_audience(viewer, ticket),
            readers=readers_of(viewer, ticket, read),
            new_from=unread.look(viewer, ticket, read.messages),
            close_reason=presenters.close_reason(ticket) if ticket.status == "closed" else "",
            max_bytes=files.max_bytes(),
        ),
        status,
    )


def satisfaction_place(ticket: Ticket, viewer: Any) -> Any:
    """How a closed request went, for its requester and the desk; None for any other (VIEW-17)."""
    return presenters.satisfaction_place(satisfaction.look(viewer, ticket, current.now()))


# Members whose rights are looked at for the panel of a request, and names in one of its lines: its page has them all.
READERS_SHOWN, NAMES_SHOWN = 25, 4


def readers_of(viewer: Any, ticket: Ticket, read: reading.Reading) -> SimpleNamespace:
    """Who can see a request, as its page says it (VIEW-13). One query."""
    found = audience.look(viewer, ticket, [*read.participants, *read.readers], READERS_SHOWN)
    name = ticket.organisation.name
    return SimpleNamespace(
        said=presenters.readers_said(found, name),
        lines=presenters.reader_lines(found, viewer, name, NAMES_SHOWN),
    )


def deletion_place(ticket: Ticket, viewer: Any) -> Any:
    """Where an irreversible request stands, in words for this reader; None for any other request (REQ-4)."""
    standing = deletion.look(viewer, ticket, current.now(), presenters.language())
    return presenters.deletion_place(standing, viewer, current.now()) if standing is not None else None


def testing_words(ticket: Ticket, read: reading.Reading) -> str:
    """Where a change is tried, or why and where it is undone; empty in any other status (LIFE-7)."""
    return presenters.test_words(
        ticket.status, ticket.test_environment, by_itself=presenters.undone_by_itself(read.events)
    )


def incidents_of(ticket: Ticket, read: reading.Reading) -> list[presenters.IncidentPlace]:
    """The incidents of the status page that a request joined, each with its latest news (VIEW-14)."""
    now = current.now()
    return [presenters.incident_place(row, now) for row in status_page.of_request(ticket, read.events)]


def contest_place(ticket: Ticket, viewer: Any, events: Any) -> presenters.Contest | None:
    """A lowered priority in words, contested or not; None when nothing was lowered (LIFE-10)."""
    standing = contests.look(viewer, ticket, events)
    if standing is None:
        return None
    return presenters.Contest(standing, catalogue.levels(ticket.scale_slug or "severity"), viewer)


def _can_join(viewer: Any, ticket: Ticket, read: reading.Reading) -> bool:
    rights = policies.rights_on(viewer, ticket)
    return (
        rights is not None
        and policies.completes_all(rights)
        and viewer.id != ticket.requester_id
        and ticket.status not in ("closed", "expired")
        and all(row.person_id != viewer.id for row in read.participants)
    )


def _kind_name(slug: str) -> str:
    for kind in catalogue.kinds():
        if kind.slug == slug:
            return presenters.localized(kind, "name")
    return ""


def _form_name(slug: str) -> str:
    for form in catalogue.all_forms():
        if form.slug == slug:
            return presenters.localized(form, "name")
    return slug


def answer_words(answer: dict[str, Any]) -> SimpleNamespace:
    """One answer of the form in the reader's language; choices were kept with their words in both."""
    value = presenters.localized(answer, "value") or str(answer.get("value", ""))
    if answer.get("kind") == "date" and value:
        value = presenters.iso_day(value)
    return SimpleNamespace(
        label=presenters.localized(answer, "label"),
        value=value,
        kind=answer.get("kind", "text"),
    )


def pictures(rows: list[Any]) -> tuple[presenters.Picture, ...]:
    """The files that may stand in a text that refers to them."""
    return tuple(
        presenters.Picture(row.key, f"{url_for('files.show', key=row.key, name=row.name)}?inline=1", row.name)
        for row in rows
        if files.is_inline(row) and not files.is_redacted(row)
    )


def file_words(row: Any, viewer: Any, placed: bool = False) -> SimpleNamespace:
    """A file as lists and threads show it. placed: it stands in the text already, and is only named below."""
    if files.is_redacted(row):
        return SimpleNamespace(
            url=None,
            name=presenters.removed_words(),
            detail="",
            icon=files.icon(row),
            thumb=None,
            alt="",
            internal=row.is_internal,
        )
    address = url_for("files.show", key=row.key, name=row.name)
    return SimpleNamespace(
        url=address,
        name=row.name,
        detail=presenters.file_size(row.size),
        icon=files.icon(row),
        thumb=f"{address}?inline=1" if files.is_inline(row) and not placed else None,
        alt=_("Picture: %(name)s", name=row.name),
        internal=row.is_internal,
    )


def thread_of(read: reading.Reading, viewer: Any) -> list[SimpleNamespace]:
    """Messages and the events that stand between them, in order of time."""
    for_team, kind = viewer.is_staff, read.ticket.kind_slug
    items = []
    for message in read.messages:
        mine = message.author_id == viewer.id
        author = message.author.full_name if message.author else _("Somebody who left")
        items.append(
            SimpleNamespace(
                type="message",
                at=message.created_at,
                order=0,
                id=f"m{message.id}",
                key=message.id,
                author=_("You") if mine else author,
                initials=policies.initials(author),
                mine=mine,
                side="team" if message.side == "team" else "other",
                note=message.kind == "note",
                about=_about(message, read, for_team),
                via=("envelope", _("by mail")) if message.via == "mail" else None,
                # Emphasis, in the Markdown that the text itself would be.
                body=f"*{presenters.removed_words()}*" if message.redaction_id else message.body,
                redacted=bool(message.redaction_id),
                pictures=_pictures_for(message, read),
                files=[
                    file_words(row, viewer, placed=row.key in message.body)
                    for row in read.files_of.get(message.id, ())
                ],
            )
        )
    for event in read.events:
        if event.kind in presenters.EVENTS_IN_THREAD or _moved(event):
            items.append(
                SimpleNamespace(
                    type="event",
                    at=event.created_at,
                    # The line that opens the thread stands before the first message, the others after theirs.
                    order=-1 if event.kind == "ticket:created" else 1,
                    icon=presenters.EVENT_ICONS.get(event.kind, "arrow-right"),
                    text=presenters.event_sentence(event, viewer, read.names, for_team, read.kin, kind),
                )
            )
    items.sort(key=lambda item: (item.at, item.order))
    return items


def _pictures_for(message: Any, read: reading.Reading) -> tuple[presenters.Picture, ...]:
    """The pictures that a message may show: files of its request, those of notes only in a note."""
    if "(file:" not in message.body:
        return ()
    return pictures([row for row in read.files if message.kind == "note" or not row.is_internal])


def _moved(event: Any) -> bool:
    return event.kind == "ticket:replied" and event.data.get("from") != event.data.get("to")


def _about(message: Any, read: reading.Reading, for_team: bool) -> str:
    if message.side == "team":
        return _("Support") if not for_team else ""
    return read.ticket.organisation.name if for_team else ""


def history_of(read: reading.Reading, viewer: Any) -> list[SimpleNamespace]:
    """The whole history, each line a sentence."""
    return [
        SimpleNamespace(
            at=event.created_at,
            icon=presenters.EVENT_ICONS.get(event.kind, "arrow-right"),
            text=presenters.event_sentence(
                event, viewer, read.names, viewer.is_staff, read.kin, read.ticket.kind_slug
            ),
            internal=not event.is_public,
        )
        for event in read.events
    ]


@blueprint.post("/tickets/<number>/replies")
def replies(number: str) -> ResponseReturnValue:
    """Write on the thread."""
    viewer = current.viewer()
    ticket = load(number)
    form = ReplyForm()
    receiving.receive(form)
    if drafts.asked_for():
        drafts.keep_message("reply", ticket, request.form, form.kept)
        if form.errors:
            return page(ticket, form, 422)
        drafts.say_kept()
        return redirect(url_for("tickets.show", number=ticket.number, _anchor="answer"), 303)
    if receiving.removes(form) or not form.validate_on_submit():
        return page(ticket, form, 200 if receiving.removes(form) else 422)
    before = ticket.status
    try:
        conversation.reply(
            ticket,
            form.body.data,
            viewer,
            current.now(),
            idempotency_key=form.idempotency_key.data,
            attachment_keys=[row.key for row in form.kept],
        )
    except Invalid as fault:
        receiving.say(form, fault)
        return page(ticket, form, 422)
    except NotNow as fault:
        # What was typed is not lost: it stays in the page, with the reason.
        flash(presenters.refusal(fault), "error")
        return page(load(number), form, 409)
    if before in ("waiting_customer", "customer_testing"):
        flash(_("Your answer was sent. The request is in our hands again."), "success")
    elif before == "resolved":
        flash(_("Your answer was sent and the request is open again."), "success")
    else:
        flash(_("Your answer was sent."), "success")
    return redirect(url_for("tickets.show", number=ticket.number), 303)


@blueprint.route("/tickets/<number>/closure", methods=["GET", "POST"])
def closure(number: str) -> ResponseReturnValue:
    """The customer says that it is over: that it works, when there is a solution (LIFE-8, LIFE-17)."""
    ticket = load(number)
    return acts.on_request(ticket, "works" if ticket.status == "resolved" else "close")


@blueprint.route("/tickets/<number>/reopening", methods=["GET", "POST"])
def reopening(number: str) -> ResponseReturnValue:
    """The solution does not work, and why (LIFE-8, LIFE-17)."""
    return acts.on_request(load(number), "reopen")


@blueprint.route("/tickets/<number>/test", methods=["GET", "POST"])
def test(number: str) -> ResponseReturnValue:
    """The customer has tested the change, and it works (LIFE-7)."""
    return acts.on_request(load(number), "tested")


@blueprint.route("/tickets/<number>/keep-open", methods=["GET", "POST"])
def keep_open(number: str) -> ResponseReturnValue:
    """More time before it closes by itself (LIFE-15)."""
    return acts.on_request(load(number), "more_time")


@blueprint.get("/tickets/<number>/follow-up")
def follow_up(number: str) -> ResponseReturnValue:
    """Lead to the form of a follow-up, filled in (LIFE-5)."""
    from domain import requests

    prefill = requests.follow_up_prefill(current.viewer(), number)
    return redirect(url_for("requests.new", slug=prefill["form_slug"], follow_up=prefill["number"]), 303)


@blueprint.post("/tickets/<number>/cc")
def add_cc(number: str) -> ResponseReturnValue:
    """Put an address in copy (VIEW-5)."""
    ticket = load(number)
    form = CopyForm()
    if not form.validate_on_submit():
        return page(ticket, ReplyForm(formdata=None), 422, form)
    try:
        added = conversation.add_cc(ticket, form.email.data, current.viewer(), current.now())
    except Invalid as fault:
        form.email.errors = [presenters.refusal(fault)]
        return page(ticket, ReplyForm(formdata=None), 422, form)
    if added is None:
        flash(_("This person already gets the answers."), "info")
    else:
        flash(_("%(email)s is in copy from now on, and was told.", email=added.email), "success")
    return redirect(url_for("tickets.show", number=ticket.number), 303)


@blueprint.post("/tickets/<number>/cc/<int:participant>/removal")
def remove_cc(number: str, participant: int) -> ResponseReturnValue:
    """Take somebody out of copy."""
    ticket = load(number)
    conversation.remove_cc(ticket, participant, current.viewer(), current.now())
    flash(_("This address gets no more answers."), "success")
    if not policies.can_see(current.viewer(), ticket):
        # Whoever was there only by a copy has just left.
        return redirect(url_for("tickets.index", list="cc"), 303)
    return redirect(url_for("tickets.show", number=ticket.number), 303)


@blueprint.post("/tickets/<number>/collaborators")
def collaborators(number: str) -> ResponseReturnValue:
    """Join a request of one's organisation (VIEW-6)."""
    ticket = load(number)
    try:
        conversation.collaborate(ticket, current.viewer(), current.now())
    except Refusal as fault:
        if fault.status == 409:
            flash(presenters.refusal(fault), "error")
            return redirect(url_for("tickets.show", number=ticket.number), 303)
        raise
    flash(_("You get the news of this request from now on."), "success")
    return redirect(url_for("tickets.show", number=ticket.number), 303)
