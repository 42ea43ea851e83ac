"""A question that is not technical, for customer success (VIEW-8)."""

from __future__ import annotations

from wtforms import HiddenField

from domain import guidance
from forms.fields import Lines, OneOf
from forms.ideas import Keyed
from words import lazy_gettext

_l = lazy_gettext


class AssistantForm(Keyed):
    """What it is about, and the question."""

    subject = OneOf(_l("What it is about"), _l("Choose what it is about."))
    message = Lines(
        _l("Your question"),
        _l("Write your question before sending it."),
        most=guidance.MESSAGE_CHARACTERS,
        rows=6,
        description=_l("Something does not work? Open a request instead: it reaches the right team at once."),
    )
    # The page on which help was asked.
    page = HiddenField(id="page-before")
