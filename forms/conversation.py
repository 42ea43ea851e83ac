"""What people write on a request: the answer of a customer or an agent, the internal note, an address in copy."""

from __future__ import annotations

import re
import secrets
from typing import Any

from flask_wtf import FlaskForm
from wtforms import HiddenField, MultipleFileField

from forms.fields import TEXT_MAX, Line, Lines
from words import lazy_gettext

_l = lazy_gettext
_KEY = re.compile(r"[A-Za-z0-9_-]{16,64}")


class _Writing(FlaskForm):
    """A text with files; the key makes a double click one message."""

    attachments = MultipleFileField(_l("Files"))
    idempotency_key = HiddenField()
    # The version of the request that the writer was looking at.
    version = HiddenField()

    def __init__(self, **kwargs: Any) -> None:
        self.kept: list[Any] = []
        # Without formdata= the form reads what was sent; formdata=None gives an empty one.
        super().__init__(**kwargs)
        if not _KEY.fullmatch(self.idempotency_key.data or ""):
            self.idempotency_key.data = secrets.token_urlsafe(24)

    @property
    def seen(self) -> int | None:
        """The version of the request that was on the screen, when the form says so."""
        text = (self.version.data or "")[:12]
        return int(text) if text.isascii() and text.isdigit() else None

    def refuse_file(self, message: str) -> None:
        """Put a message by the files: one of them was not taken, the rest is kept."""
        self.attachments.process_errors.append(message)
        self.attachments.errors = list(self.attachments.process_errors)


class ReplyForm(_Writing):
    """An answer on the thread that the customer reads. Empty is allowed when files come with it: the domain knows."""

    body = Lines(_l("Your answer"), most=TEXT_MAX, rows=3)


class _Word(FlaskForm):
    """A page with one button; the key makes a double click one message."""

    idempotency_key = HiddenField()
    # How often the date had been moved when the page was shown: a second press moves nothing.
    times = HiddenField()
    # What the page said would happen: nothing else happens, whatever became of the request meanwhile.
    act = HiddenField(id="act-shown")

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not _KEY.fullmatch(self.idempotency_key.data or ""):
            self.idempotency_key.data = secrets.token_urlsafe(24)

    @property
    def times_seen(self) -> int | None:
        """How often the date had been moved on the page that was shown, when it says so."""
        text = (self.times.data or "")[:4]
        return int(text) if text.isascii() and text.isdigit() else None


class PressForm(_Word):
    """Nothing but the button."""


class WorksForm(_Word):
    """The solution works; words of thanks are welcome and reopen nothing (LIFE-17)."""

    body = Lines(
        _l("A word for the team"),
        most=TEXT_MAX,
        rows=3,
        description=_l("It is added to the request, which closes all the same."),
    )


class TestedForm(_Word):
    """The change was tested and works; words for the team are welcome (LIFE-7)."""

    body = Lines(
        _l("A word for the team"),
        most=TEXT_MAX,
        rows=3,
        description=_l("What you tried, and anything that the team should know."),
    )


class ReopenForm(_Word):
    """The solution does not work: what does not."""

    body = Lines(_l("What does not work"), _l("Say what does not work."), most=TEXT_MAX, rows=5)


class NoteForm(_Writing):
    """An internal note. Its own ids, so that both forms stand on one page."""

    body = Lines(_l("Internal note"), most=TEXT_MAX, rows=3, id="note-body")
    attachments = MultipleFileField(_l("Files"), id="note-attachments")
    idempotency_key = HiddenField(id="note-idempotency_key")
    version = HiddenField(id="note-version")


class CopyForm(FlaskForm):
    """One address to put in copy."""

    email = Line(_l("E-mail address"), _l("Give an e-mail address."), most=254, id="cc-email")
