"""What is entered to take a text or files out of a request (STAFF-10)."""

from __future__ import annotations

from typing import Any

from flask_wtf import FlaskForm
from wtforms import HiddenField

from domain import redaction
from forms.fields import AnyOf, Line, Lines, Tick
from words import lazy_gettext

_l = lazy_gettext


class RedactionForm(FlaskForm):
    """What goes, why, and that it is known to be for good."""

    parts = AnyOf(_l("What goes"))
    subject = Line(
        _l("Subject of the request"),
        most=redaction.SUBJECT_MAX_CHARACTERS,
        description=_l("Write it anew when it says what must not be there."),
    )
    reason = Lines(
        _l("Reason"),
        _l("Say why: the customer will read it."),
        most=redaction.REASON_MAX_CHARACTERS,
        rows=2,
        description=_l(
            "Read by the customer. Say nothing of what it was. Example: a password pasted by mistake."
        ),
    )
    for_good = Tick(
        _l("I know that nobody can bring it back"),
        _l("Tick the box to confirm that you know nobody can bring it back."),
        says_optional=False,
    )
    message = HiddenField(id="redaction-message")

    def chosen(self, summary: str) -> Any:
        """What is to go, as the domain takes it. Arguments: summary, as it is: the same again changes nothing."""
        parts = set(self.parts.data or ())
        subject = self.subject.data or ""
        return redaction.Parts(
            text="text" in parts,
            answers="answers" in parts,
            file_ids=frozenset(int(part[5:]) for part in parts if part.startswith("file-")),
            subject="" if subject == summary else subject,
        )
