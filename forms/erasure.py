"""What an admin enters to erase a person (STAFF-7)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask_wtf import FlaskForm

from domain import erasure
from forms.fields import Line, Lines, OneOf, OneOfFew, Tick, offered
from words import lazy_gettext

_l = lazy_gettext


class ErasureForm(FlaskForm):
    """Which way, who takes over, why, and that it is meant."""

    way = OneOfFew(
        _l("What is done"),
        _l("Choose what is done."),
        choices=[
            ("anonymise", _l("Anonymise: texts and files stay, without what says who it was")),
            ("erase", _l("Erase: what this person wrote and sent is emptied too")),
        ],
    )
    heir = OneOf(_l("Who takes over the requests under way"), _l("Choose who takes over these requests."))
    reason = Lines(
        _l("Reason"),
        _l("Say who asked, how, and how you made sure that it is them. Do not name the person."),
        most=erasure.REASON_MAX_CHARACTERS,
        rows=2,
        description=_l(
            "Kept in the record for good: do not name the person. Example: SUP-2041, called back."
        ),
    )
    typed = Line(
        _l("Address of the account, typed out"),
        _l("Type the address of the account, to be sure that it is the right one."),
        most=254,
        description=_l("It stands at the top of this page."),
    )
    for_good = Tick(
        _l("I know that nobody can bring it back"),
        _l("Tick the box to confirm that you know nobody can bring it back."),
        says_optional=False,
    )

    def offer_heirs(self, heirs: Sequence[Any]) -> None:
        """The colleagues who could have the requests under way; without any the question is not asked."""
        if not heirs:
            del self.heir
            return
        self.heir.choices = offered(
            [
                ("", _l("Choose a colleague")),
                *((str(row.id), f"{row.full_name} ({row.email})") for row in heirs),
            ]
        )

    def chosen_heir(self) -> int | None:
        """The key of the colleague, or None when nothing is under way."""
        return int(self.heir.data) if "heir" in self and self.heir.data else None
