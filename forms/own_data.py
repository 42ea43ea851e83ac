"""What an admin enters to make the file of somebody's data (STAFF-7)."""

from __future__ import annotations

from flask_wtf import FlaskForm

from domain import own_data
from forms.fields import Lines
from words import lazy_gettext

_l = lazy_gettext


class OwnDataForm(FlaskForm):
    """How the person asked: kept in the record."""

    reason = Lines(
        _l("How the person asked"),
        _l("Say how the person asked, and how you made sure that it is them."),
        most=own_data.REASON_MAX_CHARACTERS,
        rows=2,
        description=_l("Kept in the record. Example: SUP-2041, called back at the number of the contract."),
    )
