"""The figures of an organisation, as charts with the numbers beside them, and as a file (VIEW-11)."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

from flask import Blueprint, Response, render_template, request, url_for
from flask.typing import ResponseReturnValue

import presenters
from domain import catalogue, dashboard, policies
from domain.policies import Rights
from views import current
from views.admin import export as sheet
from words import gettext as _
from words import ngettext

blueprint = Blueprint("dashboard", __name__, url_prefix="/organisation/dashboard")

_KEY = re.compile(r"[0-9]{1,12}")
# The chart of months, in units of its own: a column for each month, two bars in a column.
_COLUMN, _BAR, _HEIGHT = 56, 20, 140
# Lines of a table of kinds, forms or products; the rest is added up.
_LINES = 8


def _asked() -> tuple[Rights, int]:
    """The organisation and the months that the address asks for; the first one and twelve by default."""
    wanted, months = request.args.get("organisation", ""), request.args.get("months", "")
    key = int(wanted) if _KEY.fullmatch(wanted) else None
    rights = dashboard.organisation(current.viewer(), key)
    period = (
        int(months) if months in {str(n) for n in dashboard.PERIODS_MONTHS} else dashboard.PERIODS_MONTHS[-1]
    )
    return rights, period


@blueprint.get("")
def show() -> ResponseReturnValue:
    """The page: what is open now, what came and went, how fast, and what waits the longest."""
    viewer = current.viewer()
    rights, months = _asked()
    found = dashboard.figures(viewer, rights.organisation_id, months, current.now())
    tables = _tables(found)
    return render_template(
        "dashboard/show.html",
        figures=found,
        rights=rights,
        organisations=policies.reads_charts_of(viewer),
        periods=[
            {
                "label": ngettext("%(num)s month", "%(num)s months", period),
                "url": url_for("dashboard.show", months=period, organisation=rights.organisation_id),
                "current": period == months,
            }
            for period in dashboard.PERIODS_MONTHS
        ],
        chart=_chart(found),
        shares=[_shares(title, rows) for title, rows in tables],
        speed=_speed(found),
        export_url=url_for("dashboard.export", months=months, organisation=rights.organisation_id),
    )


def _chart(found: dashboard.Dashboard) -> SimpleNamespace:
    """The bars of the months, ready to be drawn: whole numbers, so that no page is drawn twice in two ways."""
    most = max([1, *(n for month in found.months for n in (month.opened, month.closed))])

    def bar(at: int, place: int, count: int) -> dict[str, int]:
        height = max(round(count / most * _HEIGHT), 2 if count else 0)
        return {"x": at * _COLUMN + 6 + place * (_BAR + 2), "y": _HEIGHT - height + 16, "height": height}

    return SimpleNamespace(
        width=len(found.months) * _COLUMN,
        height=_HEIGHT + 40,
        base=_HEIGHT + 16,
        bar=_BAR,
        column=_COLUMN,
        most=most,
        months=[
            SimpleNamespace(
                label=presenters.month_and_year(month.first),
                short=presenters.short_month(month.first),
                opened=month.opened,
                closed=month.closed,
                bars=(bar(at, 0, month.opened), bar(at, 1, month.closed)),
                middle=at * _COLUMN + _COLUMN // 2,
            )
            for at, month in enumerate(found.months)
        ],
    )


def _tables(found: dashboard.Dashboard) -> list[tuple[str, list[tuple[str, int]]]]:
    """What was opened, by kind, by form and by product, in words."""
    kinds = {kind.slug: presenters.localized(kind, "name") for kind in catalogue.kinds()}
    forms = {form.slug: presenters.localized(form, "name") for form in catalogue.all_forms()}
    products = {key: presenters.localized(row, "name") for key, row in catalogue.products_by_id().items()}
    return [
        (_("By kind"), [(kinds.get(key, key), count) for key, count in found.kinds]),
        (_("By form"), [(forms.get(key, key), count) for key, count in found.forms]),
        (
            _("By product"),
            [
                (products.get(key, "") if key else _("No product in particular"), count)
                for key, count in found.products
            ],
        ),
    ]


def _shares(title: str, rows: list[tuple[str, int]]) -> SimpleNamespace:
    """One of the tables with bars: the most frequent ones, the rest in one line."""
    rest = sum(count for _label, count in rows[_LINES:])
    lines = rows[:_LINES] + ([(_("The others"), rest)] if rest else [])
    most = max([1, *(count for _label, count in lines)])
    return SimpleNamespace(
        title=title,
        rows=[
            SimpleNamespace(label=name, count=count, percent=round(count * 100 / most))
            for name, count in lines
        ],
    )


def _speed(found: dashboard.Dashboard) -> list[SimpleNamespace]:
    levels: dict[tuple[str, str], str] = {}
    for scale in {row.scale for row in found.speed if row.scale}:
        for level in catalogue.levels(scale):
            levels[scale, level.value] = presenters.level_name(level)

    def said(minutes: int | None) -> str:
        return _("none yet") if minutes is None else presenters.worked(minutes)

    return [
        SimpleNamespace(
            label=(
                _(
                    "%(scale)s %(level)s",
                    scale=presenters.scale_label(row.scale),
                    level=levels.get((row.scale, row.level), row.level),
                )
                if row.level
                else _("Without a priority")
            ),
            opened=row.opened,
            first=said(row.first_answer),
            solution=said(row.solution),
            minutes=(row.first_answer, row.solution),
        )
        for row in found.speed
    ]


@blueprint.get("/export")
def export() -> ResponseReturnValue:
    """The figures of the page as a file for a spreadsheet."""
    viewer = current.viewer()
    rights, months = _asked()
    found = dashboard.figures(viewer, rights.organisation_id, months, current.now())
    now, opened, closed = _("Open now"), _("Requests opened"), _("Requests closed")
    rows: list[tuple[Any, ...]] = [
        (now, _("In our hands"), "", found.ours),
        (now, _("Your answer is awaited"), "", found.yours),
        (now, _("Solved, to confirm"), "", found.to_confirm),
    ]
    for month in found.months:
        rows += [
            (_("By month"), f"{month.first:%Y-%m}", opened, month.opened),
            (_("By month"), f"{month.first:%Y-%m}", closed, month.closed),
        ]
    rows += [(title, name, opened, count) for title, lines in _tables(found) for name, count in lines]
    for row in _speed(found):
        rows += [
            (_("Speed"), row.label, opened, row.opened),
            (_("Speed"), row.label, _("First answer, median, minutes worked"), row.minutes[0]),
            (_("Speed"), row.label, _("Solution, median, minutes worked"), row.minutes[1]),
        ]
    body = sheet.csv_bytes([_("Table"), _("Line"), _("Measure"), _("Value")], rows, presenters.language())
    name = f"{_('figures')}-{current.now():%Y-%m-%d}.csv"
    return Response(
        body,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )
