"""Who can see a request, chosen again after it was sent (VIEW-13)."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import HiddenField

from forms.desk import whole_number
from forms.fields import AnyOf, OneOfFew, Tick
from words import lazy_gettext

_l = lazy_gettext


class AudienceForm(FlaskForm):
    """The audience, the colleagues it names, the account manager; `version` is the request that was on the screen."""

    audience = OneOfFew(
        _l("Who can read it"),
        _l("Choose one of the answers offered."),
        choices=[
            ("organisation", _l("The contacts of my organisation")),
            ("people", _l("The people I name")),
            ("only_me", _l("Only me")),
        ],
    )
    audience_people = AnyOf(_l("Colleagues who can read it"))
    shared = Tick(_l("Show it to our account manager too"))
    version = HiddenField()

    @property
    def people(self) -> tuple[int, ...]:
        """The keys of the colleagues chosen."""
        return tuple(int(key) for key in self.audience_people.data or ())

    @property
    def seen(self) -> int | None:
        """The version of the request that was on the screen, when the form says so."""
        return whole_number(self.version.data)
