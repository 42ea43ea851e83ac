"""What is entered to see the portal as somebody else does, and to ask why somebody sees a request (STAFF-9)."""

from __future__ import annotations

from flask_wtf import FlaskForm

from domain import viewing
from forms.fields import Line
from words import lazy_gettext

_l = lazy_gettext


class ViewingForm(FlaskForm):
    """Why an admin looks through the eyes of a contact."""

    reason = Line(
        _l("Reason"),
        _l("Give the reason: it is kept in the record."),
        most=viewing.REASON_MAX,
        description=_l("Example: SUP-2041, cannot find the request of a colleague."),
        render_kw={"autocomplete": "off"},
    )


class WhyForm(FlaskForm):
    """Whose sight of which request is explained. It changes nothing, so it stands in the address."""

    class Meta:
        csrf = False

    person = Line(
        _l("Address or user name"),
        _l("Give the address or the user name of a person."),
        most=254,
        render_kw={"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"},
    )
    number = Line(
        _l("Number of the request"),
        _l("Give the number of a request."),
        most=20,
        render_kw={"autocomplete": "off", "spellcheck": "false"},
    )
