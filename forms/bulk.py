"""What an agent does with several requests at once (LIFE-2)."""

from __future__ import annotations

from flask_wtf import FlaskForm

from forms.fields import Lines, OneOf
from words import lazy_gettext

_l = lazy_gettext


class BulkForm(FlaskForm):
    """One act for all that are chosen; which act is said by the button (`act`), which requests by `number`."""

    assignee = OneOf(_l("Agent"))
    team = OneOf(_l("Team"))
    status = OneOf(_l("New status"))
    reason = Lines(
        _l("Reason"), most=500, rows=2, description=_l("Stays in the history of each, for the team.")
    )
