"""The columns of lists of requests, and who chose them (VIEW-3). Lists as files; all marked as read (VIEW-16)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_timezone
from markupsafe import Markup, escape

import presenters
from domain import catalogue, closing, columns, lists, unread
from domain.refusals import Refusal
from views import current, marks
from views.admin import export as sheet
from views.redirects import local_path
from words import gettext as _

blueprint = Blueprint("listing", __name__)

# The order of lists.py by which each column sorts, if any.
SORTED: dict[str, str | None] = {name: name if name in lists.SORTS else None for name in columns.COLUMNS}
# The classes of a cell, and the words before it on a phone, where columns stand under one another.
_CLASSES = {
    "status": "",
    "turn": "tiny full",
    "number": "tiny num nowrap",
    "requester": "tiny wide-only",
    "form": "tiny wide-only",
    "updated": "tiny nowrap",
    "created": "tiny nowrap",
    "closes": "tiny nowrap",
}
_WITHOUT_WORDS = ("status", "turn", "number", "requester", "form")


def label(name: str) -> str:
    """The head of a column."""
    return presenters.column_words()[name]


def offered(viewer: Any) -> tuple[str, ...]:
    """The columns that say something to this person: the organisation only to those who read several."""
    several = viewer.is_staff or len(viewer.memberships) > 1 or bool(viewer.clients)
    return tuple(name for name in columns.COLUMNS if name != "organisation" or several)


def shown(chosen: Sequence[str], viewer: Any, name: str) -> list[str]:
    """The columns of one of the lists: in one's own list the requester is always oneself."""
    hidden = {"requester"} if name == "mine" and not viewer.is_staff else set()
    if not hidden and "requester" in chosen and tuple(chosen) == columns.default():
        # Without a choice of theirs, whoever asked says more of requests of others than the form does.
        hidden = {"form"}
    return [column for column in chosen if column in offered(viewer) and column not in hidden]


def chooser(chosen: Sequence[str], viewer: Any) -> list[dict[str, Any]]:
    """The columns as boxes to tick: those that are shown first, in their order."""
    words = presenters.column_words()
    order = [*chosen, *(name for name in columns.COLUMNS if name not in chosen)]
    here = offered(viewer)
    return [{"name": name, "label": words[name], "shown": name in chosen} for name in order if name in here]


def lines(
    names: Sequence[str], rows: Sequence[lists.Row], words: Any, news: dict[int, int], viewer: Any
) -> Markup:
    """The rows of the table, each with its subject and the cells of these columns.

    Put together here and not by the template, where each cell costs a dozen calls; the same text is escaped once.
    """
    texts = _texts(names, rows, words, news, viewer)
    starts: list[tuple[str, Callable[[lists.Row], Any], dict[Any, str]]] = []
    for name in names:
        starts.append((_start(name, presenters.language()), texts[name], {}))
    yours = {
        (kind, status.key)
        for kind, known in words.items()
        for status in known.values()
        if status.tone == "yours" and not viewer.is_staff
    }
    marked = "unread" not in names
    made = []
    for row in rows:
        number = escape(row.number)
        cls = ' class="yours"' if (row.kind_slug, row.status) in yours else ""
        fresh, mark = "", ""
        if marked and row.id in news:
            fresh, mark = " fresh", f" {marks.news(news[row.id])}"
        made.append(
            f'<tr data-ticket="{number}"{cls}><td class="full">'
            f'<a class="subject{fresh}" href="/tickets/{number}">{escape(row.summary)}</a>{mark}</td>'
        )
        for start, text, escaped in starts:
            value = text(row)
            # A mark and words that read the same are not the same.
            place = (value.__class__, value)
            if place not in escaped:
                escaped[place] = f"{escape(value)}"
            made.append(f"{start}{escaped[place]}</td>")
        made.append("</tr>\n")
    return Markup("".join(made))  # noqa: S704  # nosec B704  # (every text in it went through escape)


@lru_cache(maxsize=64)
def _start(name: str, _lang: str) -> str:
    """How a cell of a column begins, in the reader's language."""
    head = Markup('<td class="{}"').format(_CLASSES.get(name, "tiny"))
    if name not in _WITHOUT_WORDS:
        head += Markup(' data-l="{}"').format(_("%(label)s:", label=label(name)))
    return f"{head}>"


def _texts(
    names: Sequence[str],
    rows: Sequence[lists.Row],
    words: Any,
    news: dict[int, int],
    viewer: Any,
    plain: bool = False,
) -> dict[str, Callable[[lists.Row], Any]]:
    """The text of each column for a row. `plain`: for a file, without marks and with whole dates."""
    zone, lang = get_timezone(), presenters.language()
    book = closing.book()
    forms = {form.slug: form for form in catalogue.all_forms()}
    kinds = (
        {kind.slug: presenters.localized(kind, "name", lang) for kind in catalogue.kinds()}
        if "kind" in names
        else {}
    )
    products = catalogue.products_by_id() if "product" in names else {}
    badges = {kind: marks.badges(viewer.is_staff, kind) for kind in words} if not plain else {}
    teams = catalogue.teams_by_id()
    team_marks = marks.teams() if not plain else {}
    levels: dict[tuple[str, str], str] = {}
    if "priority" in names:
        for scale in {row.scale_slug for row in rows if row.scale_slug}:
            for level in catalogue.levels(scale):
                levels[scale, level.value] = presenters.level_name(level)

    def day(moment: Any) -> str:
        if moment is None:
            return ""
        if plain:
            return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M")
        return presenters.list_day(moment, zone, lang)

    def closes(row: lists.Row) -> str:
        last = book.last_day(row)
        if last is None:
            return ""
        return last.isoformat() if plain else presenters.long_day(last)

    forms_named: dict[str, str] = {}

    def named(row: lists.Row) -> str:
        if row.form_slug not in forms_named:
            form = forms.get(row.form_slug)
            forms_named[row.form_slug] = presenters.localized(form, "name", lang) if form else row.form_slug
        return forms_named[row.form_slug]

    def category(row: lists.Row) -> str:
        for form in forms.values():
            if form.category.slug == row.category_slug:
                return presenters.localized(form.category, "name")
        return row.category_slug

    return {
        "status": (lambda row: words[row.kind_slug][row.status].label)
        if plain
        else (lambda row: badges[row.kind_slug][row.status]),
        "turn": lambda row: presenters.turn_words(
            row.status, book.last_day(row), words[row.kind_slug][row.status].turn
        ),
        "number": (lambda row: row.number)
        if plain
        else (lambda row: team_marks.get(row.team_id, "") + row.number),
        "unread": (lambda row: str(news.get(row.id, "")))
        if plain
        else (lambda row: marks.news(news[row.id]) if row.id in news else ""),
        "requester": lambda row: row.requester_name,
        "organisation": lambda row: row.organisation_name,
        "form": named,
        "kind": lambda row: kinds.get(row.kind_slug, row.kind_slug),
        "category": category,
        "product": lambda row: (
            presenters.localized(products[row.product_id], "name") if row.product_id in products else ""
        ),
        "priority": lambda row: levels.get((row.scale_slug or "", row.priority or ""), ""),
        "team": lambda row: presenters.localized(teams[row.team_id], "name") if row.team_id in teams else "",
        "agent": lambda row: row.assignee_name or "",
        "created": lambda row: day(row.created_at),
        "updated": lambda row: day(row.updated_at),
        "closes": closes,
    }


@blueprint.route("/tickets/columns", methods=["GET", "POST"])
def choose() -> ResponseReturnValue:
    """Which columns this person sees, and in which order. Moving one shows the page again, and keeps nothing yet."""
    viewer = current.viewer()
    back = local_path(request.values.get("next"), url_for("tickets.index"))
    here = offered(viewer)
    if request.method != "POST":
        chosen = columns.of(viewer)
        return _page(chosen, [row["name"] for row in chooser(chosen, viewer)], back)
    sent = [name for name in request.form.getlist("columns")[:100] if name in here]
    order = [name for name in dict.fromkeys(request.form.getlist("order")[:100]) if name in here]
    if not order:
        # The short list beside the filters says which, not in which order: as it was, and what is new at its end.
        order = [row["name"] for row in chooser(columns.of(viewer), viewer)]
    order += [name for name in here if name not in order]
    names = [name for name in order if name in sent]
    for way, step in (("up", -1), ("down", 1)):
        moved = request.form.get(way, "")
        if moved in order:
            at = order.index(moved)
            to = min(max(at + step, 0), len(order) - 1)
            order.insert(to, order.pop(at))
            return _page(names, order, back, moved=(moved, way))
    if request.form.get("reset"):
        columns.return_to_default(viewer)
        flash(_("The columns are those of everybody again."), "success")
        return redirect(back, 303)
    try:
        if request.form.get("everybody"):
            columns.make_default(names, viewer, current.now())
            columns.return_to_default(viewer)
            flash(_("These are the columns of everybody who chose none."), "success")
        else:
            columns.choose(names, viewer)
            flash(_("Your columns are saved."), "success")
    except Refusal as fault:
        if fault.status != 422:
            raise
        return _page(names, order, back, status=422, refused=presenters.refusal(fault))
    return redirect(back, 303)


def _page(
    chosen: Sequence[str],
    order: Sequence[str],
    back: str,
    *,
    status: int = 200,
    refused: str = "",
    moved: tuple[str, str] | None = None,
) -> ResponseReturnValue:
    words = presenters.column_words()
    said = ""
    if moved is not None:
        said = _(
            "%(column)s is now at place %(place)s of %(total)s.",
            column=words[moved[0]],
            place=order.index(moved[0]) + 1,
            total=len(order),
        )
    page = render_template(
        "tickets/columns.html",
        rows=[{"name": name, "label": words[name], "shown": name in chosen} for name in order],
        back=back,
        refused=refused,
        moved=moved,
        said=said,
        default=[words[name] for name in columns.default() if name in order],
    )
    return page, status


@blueprint.get("/tickets/export")
def export() -> ResponseReturnValue:
    """The list of the address as a file for a spreadsheet, with the columns that this person sees (VIEW-2)."""
    from views import tickets

    viewer = current.viewer()
    wanted = tickets.asked_list(viewer)
    rows = lists.export(viewer, wanted, current.now())
    words = presenters.statuses_of(rows, viewer.is_staff)
    names = shown(columns.of(viewer), viewer, wanted.list)
    if "number" not in names:
        # Without it no row of a file could be found again.
        names = ["number", *names]
    names = [name for name in names if name != "unread"]
    texts = _texts(names, rows, words, {}, viewer, plain=True)
    heads = [_("Subject"), *(label(name) for name in names)]
    body = sheet.csv_bytes(
        heads, ([row.summary, *(texts[name](row) for name in names)] for row in rows), presenters.language()
    )
    name = f"{_('requests')}-{current.now():%Y-%m-%d}.csv"
    return Response(
        body,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


@blueprint.post("/tickets/all/read")
def read() -> ResponseReturnValue:
    """Everything counts as read for this person."""
    unread.mark_all(current.viewer())
    flash(_("Everything is marked as read."), "success")
    return redirect(local_path(request.form.get("next"), url_for("tickets.index")), 303)
