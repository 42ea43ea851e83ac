"""Security and privacy: deleting people for good, resetting their second factor. Both name each person."""

from __future__ import annotations

from forms.base import RequestFields
from forms.fields import Lines
from forms.mixins import Irreversible, Justification, People
from words import lazy_gettext as _l


class UserDeletion(People, Justification, Irreversible, RequestFields):
    """REQ-2 `user-deletion`. The recap and the second person of REQ-4 come after sending."""

    asks = ("people", "justification")

    justification = Lines(
        _l("Business justification"),
        _l("Say why these people must be deleted for good."),
        description=_l(
            "The reason for a deletion that cannot be undone: a retention rule, a request of the person."
        ),
    )


class MfaReset(People, Irreversible, RequestFields):
    """REQ-2 `mfa-reset`."""

    asks = ("people",)
