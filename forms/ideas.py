"""What is entered about ideas: to tell one, to comment, to vote, and what staff do with them (VIEW-10)."""

from __future__ import annotations

import re
import secrets
from typing import Any

from flask_wtf import FlaskForm
from wtforms import HiddenField

from domain import ideas
from forms.desk import whole_number
from forms.fields import Line, Lines, OneOf, Tick
from words import lazy_gettext

_l = lazy_gettext
_KEY = re.compile(r"[A-Za-z0-9_-]{16,64}")


class Keyed(FlaskForm):
    """A form whose key makes a double click one row."""

    idempotency_key = HiddenField()

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not _KEY.fullmatch(self.idempotency_key.data or ""):
            self.idempotency_key.data = secrets.token_urlsafe(24)


class IdeaForm(Keyed):
    """An idea: title, the problem it solves, details. A discussion has no problem to solve."""

    title = Line(
        _l("Title"),
        _l("Give your idea a title."),
        most=ideas.TITLE_CHARACTERS,
        description=_l("What you would like, in a few words. Example: Export the planning to a calendar"),
    )
    problem = Lines(
        _l("Which problem it solves"),
        _l("Say which problem it solves."),
        most=ideas.TEXT_CHARACTERS,
        rows=4,
        description=_l("Who is held up by what today, and how often."),
    )
    details = Lines(
        _l("Details"),
        most=ideas.TEXT_CHARACTERS,
        rows=6,
        description=_l(
            "Customers of all organisations read it: no names, no figures of your own, no personal data."
        ),
    )
    product = OneOf(_l("Product"))


class DiscussionForm(IdeaForm):
    """A question to specialists and peers."""

    problem = None
    title = Line(
        _l("Subject"),
        _l("Give your discussion a subject."),
        most=ideas.TITLE_CHARACTERS,
        description=_l("Example: How do you prepare the change of year?"),
    )
    details = Lines(
        _l("What you want to discuss"),
        _l("Write what you want to discuss."),
        most=ideas.TEXT_CHARACTERS,
        rows=8,
        description=_l(
            "Customers of all organisations read it: no names, no figures of your own, no personal data."
        ),
    )


class CommentForm(Keyed):
    """A word on an idea, in Markdown."""

    body = Lines(
        _l("Your comment"), _l("Write your comment before sending it."), most=ideas.TEXT_CHARACTERS, rows=4
    )


class VoteForm(FlaskForm):
    """A vote, given or taken back; with a mail about what becomes of it, if wished."""

    vote = HiddenField()
    follow = Tick(_l("Tell me by mail what becomes of it"), says_optional=False)


class MoveForm(FlaskForm):
    """Another state, and the sentence that everybody reads."""

    state = OneOf(_l("New state"), _l("Choose one of the states of the list."))
    sentence_fr = Lines(_l("Public sentence in French"), most=ideas.SENTENCE_CHARACTERS, rows=2)
    sentence_en = Lines(
        _l("Public sentence in English"),
        most=ideas.SENTENCE_CHARACTERS,
        rows=2,
        description=_l("One language at least. Everybody reads it, and its followers get it by mail."),
    )
    version = HiddenField(id="seen-version")

    @property
    def seen(self) -> int | None:
        """The version of the idea that was on the screen, when the form says so."""
        return whole_number(self.version.data)


class HideForm(FlaskForm):
    """Why something is hidden."""

    reason = Line(
        _l("Reason"),
        most=ideas.REASON_CHARACTERS,
        says_optional=False,
        description=_l("The record keeps it. The author of a hidden idea reads it."),
    )


class MergeForm(FlaskForm):
    """The idea in which a duplicate goes on."""

    into = Line(
        _l("Number of the idea that goes on"),
        _l("Give the number of another idea that is open to everybody."),
        most=10,
        width="w-sm",
        description=_l("The number at the end of its address."),
    )
