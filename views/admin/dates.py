"""What admin screens do after a rule, a calendar or a team changed: the dates of the requests that wait follow."""

from __future__ import annotations

from flask import flash

from domain import closing
from views import current
from words import gettext as _


def recomputing_words() -> str:
    """What is said while a job goes on with the dates."""
    return _(
        "The dates of the requests that wait are being recomputed. What happens meanwhile follows the rules as they "
        "are now; only the dates shown may lag."
    )


def reschedule() -> None:
    """Recompute the dates, as far as a page may take time for."""
    if not closing.reschedule_soon(current.now()):
        flash(recomputing_words(), "info")
