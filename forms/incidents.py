"""What is entered about incidents of the status page (VIEW-14): at the desk, and by customers who are affected."""

from __future__ import annotations

import re
import secrets
from typing import Any

from flask_wtf import FlaskForm
from wtforms import HiddenField

from domain import conversation, status_page
from forms.fields import Line, Lines, Moment, OneOf, OneOfFew, Several, Tick
from words import lazy_gettext

_l = lazy_gettext
_KEY = re.compile(r"[A-Za-z0-9_-]{16,64}")


class _Written(FlaskForm):
    """Words in two languages; the key makes a double click one act."""

    idempotency_key = HiddenField()

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not _KEY.fullmatch(self.idempotency_key.data or ""):
            self.idempotency_key.data = secrets.token_urlsafe(24)


class _Told(_Written):
    """What an incident says and concerns."""

    title_fr = Line(_l("Title in French"), most=status_page.TITLE_CHARACTERS, says_optional=False)
    title_en = Line(_l("Title in English"), most=status_page.TITLE_CHARACTERS, says_optional=False)
    impact = OneOfFew(_l("What it does"), _l("Say what it does to the services."))
    services = Several(_l("Services concerned"), _l("Choose at least one service."))
    state = OneOf(_l("State"))
    body_fr = Lines(
        _l("What is known, in French"), most=status_page.BODY_CHARACTERS, rows=4, says_optional=False
    )
    body_en = Lines(
        _l("What is known, in English"), most=status_page.BODY_CHARACTERS, rows=4, says_optional=False
    )


class IncidentForm(_Told):
    """A new incident, or planned work."""

    started_at = Moment(
        _l("Since when, or from when"),
        description=_l("Your time. Empty: now. Needed for planned work, which begins then."),
    )
    planned_until = Moment(_l("Planned until"), description=_l("For planned work only."))


class UpdateForm(_Told):
    """What is new of an incident."""

    tell = Tick(_l("Write it on the requests that joined, too"))
    version = HiddenField()

    @property
    def seen(self) -> int | None:
        """The version of the incident that was on the screen, when the form says so."""
        text = (self.version.data or "")[:9]
        return int(text) if text.isascii() and text.isdigit() else None


class AnswerForm(_Written):
    """One answer to everybody who joined."""

    body_fr = Lines(
        _l("Your answer, in French"), most=conversation.BODY_MAX_CHARACTERS, rows=6, says_optional=False
    )
    body_en = Lines(
        _l("Your answer, in English"), most=conversation.BODY_MAX_CHARACTERS, rows=6, says_optional=False
    )
    status = OneOf(_l("And then"))


class JoinForm(FlaskForm):
    """Requests that an agent joins to an incident."""

    numbers = Lines(
        _l("Numbers of requests"),
        _l("Give the number of at least one request, such as SUP-2041."),
        most=2_500,
        rows=2,
        description=_l("Separated by commas, spaces or lines."),
    )


class AffectedForm(FlaskForm):
    """Which request of a customer joins an incident: a new one, or one that is open."""

    organisation = OneOf(_l("For which organisation"))
    number = OneOf(_l("With which request"))
