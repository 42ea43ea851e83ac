"""Announcements (VIEW-8): put away from one's home page. They stand on the page of news as well (articles.py)."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace

from flask import Blueprint, flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_timezone
from flask_login import current_user

import presenters
from domain import announcements
from domain.policies import Viewer
from views import current
from words import gettext as _

blueprint = Blueprint("announcements", __name__)


def today() -> date:
    """The date where the reader is."""
    return current.now().astimezone(get_timezone()).date()


def _reader() -> Viewer | None:
    return current.viewer() if current_user.is_authenticated else None


def in_words(rows: list[announcements.Shown]) -> list[SimpleNamespace]:
    """Announcements as templates show them."""
    made = []
    for row in rows:
        title, lang = presenters.said_in(row, "title")
        body, body_lang = presenters.said_in(row, "body")
        made.append(
            SimpleNamespace(
                id=row.id,
                title=title,
                lang=lang,
                html=presenters.announcement_body(body),
                body_lang=body_lang,
                warning=row.level == "warning",
                staff_only=row.audience == "staff",
                days=presenters.announcement_days(row),
            )
        )
    return made


def on_top() -> list[SimpleNamespace]:
    """What stands over the home page and the desk for whoever reads."""
    return in_words(announcements.on_top(_reader(), today()))


def lists() -> tuple[list[SimpleNamespace], list[SimpleNamespace]]:
    """What is announced to whoever reads, and what was, for the page of announcements."""
    return (
        in_words(announcements.current(_reader(), today())),
        in_words(announcements.past(_reader(), today())),
    )


@blueprint.post("/announcements/<int:announcement>/dismissal")
def dismissal(announcement: int) -> ResponseReturnValue:
    """Put an announcement away: it no longer stands over one's home page."""
    announcements.dismiss(announcement, current.viewer(), current.now())
    flash(_("It is put away. The page of announcements still has it."), "success")
    return redirect(url_for("desk.index" if current.viewer().is_agent else "home.index"), 303)
