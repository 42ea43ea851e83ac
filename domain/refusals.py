"""Why the product says no. A refusal carries a stable code; presenters.py turns it into words."""

from __future__ import annotations

from typing import Any


class Refusal(Exception):
    """Something cannot be done. `code` is a stable key, `data` what its sentence needs, `status` the HTTP answer."""

    status = 409

    def __init__(self, code: str, *, field: str | None = None, **data: Any) -> None:
        super().__init__(code)
        self.code = code
        self.field = field
        self.data = data


class Missing(Refusal):
    """It does not exist, or this person may not know that it does: the two look the same."""

    status = 404

    def __init__(self, code: str = "missing", **data: Any) -> None:
        super().__init__(code, **data)


class NotAllowed(Refusal):
    """This person may see it but not do this."""

    status = 403


class NotNow(Refusal):
    """It cannot happen in the present state."""

    status = 409


class Locked(NotNow):
    """Tried too often. data: policy, until (aware, or None), minutes, tries."""

    status = 429


class Invalid(Refusal):
    """What was entered cannot be taken; `field` names where."""

    status = 422
