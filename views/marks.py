"""Badges and marks that come back on every row of a list: made once, not once for each row."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from markupsafe import Markup

import presenters
from domain import catalogue
from views.assets import drawing

_made: dict[tuple[str, str, bool], tuple[Any, dict[Any, Markup]]] = {}


def badges(for_team: bool, kind: str = "") -> dict[str, Markup]:
    """The badge of every status in the reader's language, for requests of a kind: word, icon, colour."""
    words = presenters.statuses(for_team, kind=kind)
    key = (f"badges {kind}", presenters.language(), for_team)
    found = _made.get(key)
    if found is None or found[0] is not words:
        found = (
            words,
            {
                status.key: Markup('<span class="status" data-status="{}">{}{}</span>').format(
                    status.key, drawing(status.icon), status.label
                )
                for status in words.values()
            },
        )
        _made[key] = found
    return found[1]


def news(count: int) -> Markup:
    """The mark of a request with something new: a dot, and how many messages."""
    return _news(count, presenters.language())


@lru_cache(maxsize=1024)
def _news(count: int, _lang: str) -> Markup:
    words = presenters.news_words(count)
    return Markup('<span class="news"><span class="dot" aria-hidden="true"></span>{}</span>').format(words)


def teams() -> dict[int, Markup]:
    """The mark of every team, with its name for those who do not see it (VIEW-4)."""
    rows = catalogue.teams_by_id()
    key = ("teams", presenters.language(), False)
    found = _made.get(key)
    if found is None or found[0] is not rows:
        found = (
            rows,
            {
                row.id: Markup(
                    '<span class="team-mark" title="{0}">{1}<span class="visually-hidden">{0}, </span></span> '
                ).format(presenters.localized(row, "name"), drawing(row.icon))
                for row in rows.values()
            },
        )
        _made[key] = found
    return found[1]
