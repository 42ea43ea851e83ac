"""Parts that several request forms share: a justification, the people concerned, what the profile says, the box of what
cannot be undone.
"""

from __future__ import annotations

from typing import Any

from wtforms import Form, FormField

from domain.occasions import Place
from forms.fields import Entries, Line, Lines, Tick, WebAddress
from words import lazy_gettext as _l

PEOPLE_MAX = 50


class Justification:
    """Why the organisation needs it."""

    justification = Lines(
        _l("Business justification"),
        _l("Say why your organisation needs it."),
        most=5_000,
        rows=4,
        description=_l("The reason, and what it changes for your organisation."),
    )


class PersonFields(Form):
    """One person whom the request is about. "Other details" alone may stay empty: REQ-2 asks for the rest."""

    full_name = Line(_l("Full name"), _l("Write the full name of the person."), most=120)
    employee_number = Line(
        _l("Employee number"),
        _l("Give the employee number."),
        most=40,
        width="w-sm",
        description=_l("Example: 1784031"),
    )
    url = WebAddress(
        _l("Address of their record"),
        _l("Copy the address of the person’s record."),
        description=_l("Open the record in the product and copy what the address bar shows."),
    )
    details = Lines(
        _l("Other details"),
        most=2_000,
        rows=2,
        description=_l("Position, site, date of leaving: what avoids a mistake."),
    )


class People:
    """One person or more, each with name, number, record and details."""

    people = Entries(
        FormField(PersonFields),
        _l("People concerned"),
        most=PEOPLE_MAX,
        too_many=_l("Name 50 people at most, and send the others in another request."),
        description=_l("One box for each person, 50 at most."),
    )

    def beyond(self) -> dict[str, Any]:
        """The people named, for the domain."""
        return {"named_people": self.people.filled()}  # type: ignore[attr-defined]


class Irreversible:
    """The box without which nothing that cannot be undone is sent."""

    irreversible = Tick(
        _l("I understand that this action is irreversible"),
        _l("Tick the box to confirm that you know this cannot be undone."),
        says_optional=False,
        description=_l("Once it is done, nobody can bring the data back, not even us."),
    )


class OfTheProfile:
    """Version and company as the organisation's profile has them; both can be changed (REQ-9)."""

    def profile(self, place: Place) -> dict[str, Any]:
        """What the profile of an organisation fills in."""
        companies = place.organisation.companies
        return {
            "version": place.organisation.product_version,
            "company": companies[0] if companies else place.name,
        }

    def companies(self) -> list[str]:
        """The companies that the profiles name, as suggestions."""
        named = [
            str(name)
            for place in self.occasion.places  # type: ignore[attr-defined]
            for name in place.organisation.companies or [place.name]
        ]
        return list(dict.fromkeys(named))
