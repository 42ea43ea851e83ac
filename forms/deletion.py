"""What is entered about an irreversible request (REQ-4): the phrase, the call, a reason, that it is done."""

from __future__ import annotations

from typing import Any

from flask_wtf import FlaskForm
from wtforms import HiddenField
from wtforms.validators import ValidationError

from domain import deletion
from domain.deletion_words import same_phrase
from forms.fields import Line, Lines, Tick
from words import gettext as _
from words import lazy_gettext

_l = lazy_gettext


class ConfirmationForm(FlaskForm):
    """The requester types the phrase of the page. Both entries are checked at once, so that both are said at once."""

    typed = Line(
        "",
        _l("Type the phrase to confirm."),
        most=deletion.TYPED_MAX_CHARACTERS,
        width="w-md",
        description=_l("In these words, with the number. Capitals and accents do not count."),
    )
    irreversible = Tick(
        _l("I understand that this cannot be undone"),
        _l("Tick the box to confirm that you know this cannot be undone."),
        says_optional=False,
    )
    wording = HiddenField()

    def __init__(self, standing: deletion.Standing, **kwargs: Any) -> None:
        self.standing = standing
        super().__init__(**kwargs)
        self.typed.label.text = _("To confirm, type: %(phrase)s", phrase=standing.wording.phrase)
        if not self.is_submitted():
            self.wording.data = standing.wording.text_hash

    def validate_typed(self, field: Line) -> None:
        """The phrase, folded as the domain folds it."""
        if not same_phrase(field.data or "", self.standing.wording.phrase):
            raise ValidationError(
                _("Type “%(phrase)s” as it stands above.", phrase=self.standing.wording.phrase)
            )


class SecondForm(FlaskForm):
    """The second person agrees to the text on the page."""

    wording = HiddenField(id="second-wording")


class CallForm(FlaskForm):
    """What a supervisor notes of the call."""

    note = Lines(
        _l("What was said in the call"),
        _l("Write whom you called, on which number, and what they said."),
        most=deletion.NOTE_MAX_CHARACTERS,
        least=deletion.NOTE_MIN_CHARACTERS,
        short=_l("Write whom you called, on which number, and what they said."),
        description=_l("Whom you called, on which number, what they said. The customer reads it."),
    )


class CancellationForm(FlaskForm):
    """Why it is cancelled: needed from the team, optional for the two people."""

    reason = Lines(
        _l("Reason"),
        most=deletion.REASON_MAX_CHARACTERS,
        rows=2,
        description=_l("Kept in the history, where both of us read it."),
    )


class CompletionForm(FlaskForm):
    """The agent says that it is done, for everybody named."""

    done = Tick(
        _l("It is done in the product for each person named above"),
        _l("Tick the box once it is done for each person."),
        says_optional=False,
    )
