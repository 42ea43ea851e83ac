"""What is entered to merge a request into another one, to split one off, and to hand one over (LIFE-16, LIFE-18)."""

from __future__ import annotations

import re
import secrets
from typing import Any

from flask import request
from flask_wtf import FlaskForm
from wtforms import HiddenField

from domain import handover, splitting
from forms.desk import whole_number
from forms.fields import Line, Lines, OneOf, Tick
from words import lazy_gettext

_l = lazy_gettext
_KEY = re.compile(r"[A-Za-z0-9_-]{16,64}")


class MergeForm(FlaskForm):
    """The number of the request that goes on. It is merged only with `confirmed`, after who will read it was shown."""

    into = Line(
        _l("Number of the request that goes on"),
        _l("Give the number of the request that goes on."),
        most=20,
        width="w-sm",
        description=_l("An open request of the same organisation. Example: SUP-2041"),
    )
    confirmed = Tick(says_optional=False)
    # What was on the screen: the version of the request, and who was shown to join the other one.
    version = HiddenField()
    readers = HiddenField()

    @property
    def seen(self) -> int | None:
        """The version of the request that was on the screen, when the form says so."""
        return whole_number(self.version.data)


class SplitForm(FlaskForm):
    """A request of its own from one message; the key makes a double click one request."""

    summary = Line(
        _l("Subject of the new request"),
        _l("Give the new request a subject."),
        most=splitting.SUMMARY_MAX_CHARACTERS,
    )
    form = OneOf(_l("Form"), _l("Choose one of the forms of the list."))
    with_cc = Tick(_l("Those in copy of the first request come along"), says_optional=False)
    message = HiddenField(id="split-message")
    idempotency_key = HiddenField()

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not _KEY.fullmatch(self.idempotency_key.data or ""):
            self.idempotency_key.data = secrets.token_urlsafe(24)


class HandoverForm(FlaskForm):
    """Whose the request is from now on. Without a word about `keep_me` its requester goes on following it."""

    person = OneOf(_l("Colleague"), _l("Choose a colleague of the list."))
    keep_me = Tick(says_optional=False)
    reason = Lines(
        _l("Reason"),
        most=handover.REASON_MAX_CHARACTERS,
        rows=2,
        description=_l("Kept in the history. Example: I leave the company on 30 November."),
    )
    version = HiddenField()

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not self.is_submitted() or "keep_me" not in request.form:
            self.keep_me.data = True

    @property
    def seen(self) -> int | None:
        """The version of the request that was on the screen, when the form says so."""
        return whole_number(self.version.data)
