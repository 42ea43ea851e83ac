"""What an agent enters on a request besides words: who has it, where it goes, how pressing it is.

Each form carries the version of the request that was on the screen, so that nobody undoes what they did not see.
"""

from __future__ import annotations

from typing import Any

from flask_wtf import FlaskForm
from wtforms import HiddenField

from forms.conversation import NoteForm, ReplyForm
from forms.fields import Line, Lines, OneOf
from words import lazy_gettext

_l = lazy_gettext


def whole_number(text: str | None) -> int | None:
    """The whole number that a hidden field or a list sends, or None for anything else."""
    text = (text or "")[:12]
    return int(text) if text.isascii() and text.isdigit() else None


class _Seen(FlaskForm):
    """A change of a request: `version` and `event` say what its author was looking at."""

    version = HiddenField()
    event = HiddenField()

    @property
    def seen(self) -> int | None:
        """The version of the request that was on the screen, when the form says so."""
        return whole_number(self.version.data)


class DeskReplyForm(ReplyForm):
    """An answer, with the status to move to in the same step; empty leaves it to the rule (LIFE-3)."""

    status = OneOf(_l("And then"), id="then")
    environment = Line(_l("Where to test it"), most=120, id="then-environment")
    event = HiddenField()


class DeskNoteForm(NoteForm):
    """An internal note. `mode` tells it from an answer should it have to be given back after sign-in."""

    mode = HiddenField(id="note-mode", default="note")
    event = HiddenField(id="note-event")


class AssignmentForm(_Seen):
    """Who has the request; empty gives it back to the queue."""

    assignee = OneOf(_l("Agent"))
    version = HiddenField(id="assignment-version")
    event = HiddenField(id="assignment-event")


class TeamForm(_Seen):
    """Whose queue the request is in."""

    team = OneOf(_l("Team"))
    version = HiddenField(id="team-version")
    event = HiddenField(id="team-event")


class StatusForm(_Seen):
    """A move without an answer; the reason stays in the history."""

    status = OneOf(_l("New status"), _l("Choose one of the statuses of the list."), id="move")
    environment = Line(_l("Where to test it"), most=120, id="move-environment")
    reason = Lines(_l("Reason"), most=500, rows=2, id="move-reason")
    version = HiddenField(id="move-version")
    event = HiddenField(id="move-event")


class BlockForm(_Seen):
    """Which request has to end first, and what both are about (LIFE-9)."""

    blocker = Line(
        _l("Number of the request"), _l("Give the number of another request, such as SUP-2041."), most=20
    )
    component = Line(_l("Component"), most=120)
    version = HiddenField(id="block-version")
    event = HiddenField(id="block-event")


class EscalationForm(_Seen):
    """Who goes on with it, under which reference (LIFE-11); an empty reference is made of the number."""

    status = OneOf(_l("To whom"), _l("Choose where to escalate it."), id="escalation")
    reference = Line(_l("Reference"), most=60)
    reason = Lines(_l("Reason"), most=500, rows=2, id="escalation-reason")
    version = HiddenField(id="escalation-version")
    event = HiddenField(id="escalation-event")


class PriorityForm(_Seen):
    """The priority that the team retains (REQ-17); lowering it needs a reason, which the customer reads (LIFE-10)."""

    priority = OneOf(_l("Priority retained"), _l("Choose one of the levels of the list."), id="level")
    reason = Lines(_l("Reason"), most=500, rows=2, id="level-reason")
    version = HiddenField(id="level-version")
    event = HiddenField(id="level-event")


def offer(field: Any, pairs: list[tuple[str, Any]]) -> None:
    """Put choices into a list."""
    from forms.fields import offered

    field.choices = offered(pairs)
