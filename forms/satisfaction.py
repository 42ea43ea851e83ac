"""What is entered about how a request went (VIEW-17): one of five answers, and a comment if wished."""

from __future__ import annotations

from typing import Any

from flask_wtf import FlaskForm
from wtforms.fields import SelectChoice

import presenters
from domain import satisfaction
from forms.fields import Lines, OneOfFew
from words import lazy_gettext

_l = lazy_gettext


def _answers(form: Any, field: Any) -> list[SelectChoice]:
    return [SelectChoice(str(score), words.label) for score, words in reversed(presenters.scores().items())]


class SatisfactionForm(FlaskForm):
    """How it went."""

    score = OneOfFew(_l("How did it go?"), _l("Choose one of the five answers."), choices=_answers)
    comment = Lines(
        _l("Anything to add?"),
        most=satisfaction.COMMENT_MAX_CHARACTERS,
        rows=4,
        description=_l("What helped, or what was missing. The team reads it; your colleagues do not."),
    )
