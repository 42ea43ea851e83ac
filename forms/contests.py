"""What is entered about a contested priority (LIFE-10): why one does not agree, and what a supervisor decides."""

from __future__ import annotations

from flask_wtf import FlaskForm

from domain import contests
from forms.fields import Lines, OneOfFew
from words import lazy_gettext

_l = lazy_gettext


class ContestForm(FlaskForm):
    """Why the lower priority does not fit."""

    reason = Lines(
        _l("Why it does not fit"),
        _l("Say what the lower priority does not take into account."),
        most=contests.REASON_MAX_CHARACTERS,
        rows=4,
        id="contest-reason",
        description=_l(
            "Who is blocked, since when, and how long it can wait. A supervisor reads it and decides; "
            "you can contest once for each request."
        ),
    )


class DecisionForm(FlaskForm):
    """What a supervisor decides, and what the customer reads."""

    outcome = OneOfFew(_l("Your decision"), _l("Choose one of the two."), id="contest-outcome")
    answer = Lines(
        _l("Answer to the customer"),
        most=contests.ANSWER_MAX_CHARACTERS,
        rows=4,
        id="contest-answer",
        says_optional=False,
        description=_l("The customer reads it. Needed to keep the lower priority."),
    )
