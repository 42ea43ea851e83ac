"""Screen of how long data are kept: what a run would delete now, and a button that runs it."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect
from flask_admin import expose
from flask_wtf import FlaskForm

import presenters
from domain import retention
from views import current
from views.admin.base import Screen
from words import gettext as _
from words import lazy_gettext as _l
from words import ngettext

# A page does not wait for a million rows: the job does the rest at night.
SECONDS = 10.0


class RetentionView(Screen):
    """Periods, and a trial run each time the page is opened."""

    title = _l("Retention of data")
    lead = _l("What a run would delete now. The job does it every day; the days are in the settings.")
    section = _l("Portal")
    icon = "hourglass-split"

    def __init__(self) -> None:
        super().__init__(name=self.title, endpoint="admin_retention", url="retention")

    @expose("/", methods=("GET", "POST"))
    def index(self) -> Any:
        """The trial run; a POST runs it for some seconds."""
        form = FlaskForm()
        if form.is_submitted() and form.validate():
            lines = retention.carry_out(current.now(), by=current.viewer(), seconds=SECONDS)
            done = sum(line.rows for line in lines)
            flash(ngettext("%(num)s row was dealt with.", "%(num)s rows were dealt with.", done), "success")
            return redirect(self.get_url(".index"), 303)
        lines = retention.preview(current.now())
        words = presenters.kept_periods({line.name: line.days for line in lines})
        rows = [(kept, line.cutoff, count_words(line.rows)) for kept, line in zip(words, lines, strict=True)]
        total = sum(line.rows for line in lines)
        return self.render("admin/retention.html", form=form, rows=rows, total=total)


def count_words(rows: int) -> str:
    """How many rows would go, in words; beyond the cap, that there are more."""
    if rows > retention.COUNT_CAP:
        return _("more than %(count)s", count=retention.COUNT_CAP)
    return ngettext("%(num)s row", "%(num)s rows", rows) if rows else _("nothing")
