"""What a reader says of an article."""

from __future__ import annotations

from flask_wtf import FlaskForm

from domain.knowledge import SENTENCE_CHARACTERS
from forms.fields import Line, OneOfFew
from words import lazy_gettext

_l = lazy_gettext


class VoteForm(FlaskForm):
    """Whether an article helped, with a sentence if wished."""

    helpful = OneOfFew(
        _l("Was this article helpful?"),
        _l("Say yes or no."),
        choices=[("yes", _l("Yes")), ("no", _l("No"))],
    )
    sentence = Line(_l("What was missing, or what helped?"), most=SENTENCE_CHARACTERS)
