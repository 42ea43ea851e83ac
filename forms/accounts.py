"""Forms of signing in, registering, choosing a password, the profile, and the list of approved contacts."""

from __future__ import annotations

import zoneinfo
from functools import lru_cache
from typing import Any

from email_validator import EmailNotValidError, validate_email
from flask_wtf import FlaskForm
from wtforms import HiddenField, PasswordField
from wtforms.validators import ValidationError

from forms.factors import Answer
from forms.fields import Line, Lines, Needed, OneOf, Tick
from words import gettext, lazy_gettext

_l = lazy_gettext

NAME_MAX = 120
ADDRESS_MAX = 254


def mail_address(form: Any, field: Any) -> None:
    """The text is an e-mail address by its form; nothing is asked of the network."""
    try:
        validate_email(field.data, check_deliverability=False)
    except EmailNotValidError:
        raise ValidationError(gettext("Give a whole e-mail address. Example: name@company.example")) from None


class Secret(PasswordField):
    """A password: nothing is cut off it, and it is never written back into a page."""

    says_optional: bool | None = False

    def __init__(
        self, label: Any = None, needed: Any = None, *, autocomplete: str = "off", **kwargs: Any
    ) -> None:
        attributes = {"autocomplete": autocomplete, "spellcheck": "false"}
        super().__init__(label, [Needed(needed)], render_kw=attributes, **kwargs)

    def process_formdata(self, valuelist: list[Any]) -> None:
        if valuelist and isinstance(valuelist[0], str):
            self.data = valuelist[0]


class SignInNameForm(FlaskForm):
    """Who signs in: the first of two steps (ACC-17). `email` takes a user name as well."""

    email = Line(
        _l("Address or user name"),
        _l("Give your address or your user name."),
        most=ADDRESS_MAX,
        render_kw={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"},
    )
    next = HiddenField()


class SignInForm(FlaskForm):
    """Name and password. `email` takes a user name as well."""

    email = Line(
        _l("Address or user name"),
        _l("Give your address or your user name."),
        most=ADDRESS_MAX,
        render_kw={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"},
    )
    password = Secret(_l("Password"), _l("Give your password."), autocomplete="current-password")
    remember = Tick(_l("Remember my user name on this device"), says_optional=False)
    next = HiddenField()


class KeyEntryForm(FlaskForm):
    """What a passkey answered, which signs in by itself (ACC-17)."""

    credential = Answer()
    next = HiddenField()


class RegisterForm(FlaskForm):
    """Who one is, and for which organisation (ACC-1, ACC-2)."""

    full_name = Line(
        _l("Full name"), _l("Give your name."), most=NAME_MAX, render_kw={"autocomplete": "name"}
    )
    email = Line(
        _l("E-mail address"),
        _l("Give your e-mail address."),
        most=ADDRESS_MAX,
        checks=(mail_address,),
        description=_l("Your address at work: it tells us which organisation you belong to."),
        render_kw={"type": "email", "autocomplete": "email"},
    )
    organisation = Line(
        _l("Organisation"),
        _l("Give the name of your organisation."),
        most=NAME_MAX,
        description=_l("As it stands on your contract or your invoices."),
        render_kw={"autocomplete": "organization"},
    )


class ForgottenForm(FlaskForm):
    """Which account forgot its password (ACC-7)."""

    email = Line(
        _l("Address or user name"),
        _l("Give your address or your user name."),
        most=ADDRESS_MAX,
        render_kw={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"},
    )


class AddressForm(FlaskForm):
    """Another address for one's own account (ACC-19)."""

    email = Line(
        _l("New address"),
        _l("Give the new address."),
        most=ADDRESS_MAX,
        checks=(mail_address,),
        description=_l("A link is mailed to it: it proves that you read what is sent there."),
        render_kw={"type": "email", "autocomplete": "email"},
    )


class LostUsernameForm(FlaskForm):
    """Which account lost its user name (ACC-4)."""

    email = Line(
        _l("E-mail address"),
        _l("Give your e-mail address."),
        most=ADDRESS_MAX,
        checks=(mail_address,),
        render_kw={"type": "email", "autocomplete": "email"},
    )


class NewPasswordForm(FlaskForm):
    """A password chosen with a mailed link (ACC-6)."""

    password = Secret(_l("New password"), _l("Choose a password."), autocomplete="new-password")


class ChangePasswordForm(FlaskForm):
    """Another password, while signed in."""

    current_password = Secret(
        _l("Present password"), _l("Give your present password."), autocomplete="current-password"
    )
    password = Secret(_l("New password"), _l("Choose a password."), autocomplete="new-password")


@lru_cache(maxsize=1)
def zones() -> list[tuple[str, str]]:
    """The time zones that people live in: continents and oceans, each by its city."""
    parts = (
        "Africa",
        "America",
        "Antarctica",
        "Arctic",
        "Asia",
        "Atlantic",
        "Australia",
        "Europe",
        "Indian",
        "Pacific",
    )
    names = sorted(name for name in zoneinfo.available_timezones() if name.partition("/")[0] in parts)
    return [(name, name.replace("_", " ").replace("/", " / ")) for name in [*names, "UTC"]]


def with_present(present: str | None) -> list[Any]:
    """The zones to choose from, with the one that a profile has already."""
    from wtforms.fields import SelectChoice

    known = zones()
    if present in zoneinfo.available_timezones() and present not in {name for name, _ in known}:
        known = [*known, (str(present), str(present))]
    return [SelectChoice(name, words) for name, words in known]


def language_field() -> Any:
    """The language of somebody's pages and mails."""
    return OneOf(
        _l("Language"),
        _l("Choose a language."),
        choices=[("fr", "Français"), ("en", "English")],
        width="w-sm",
        description=_l("Of the pages and of the mails."),
    )


def zone_field(description: Any) -> Any:
    """The time zone of somebody. Arguments: description, what it is for."""
    return OneOf(
        _l("Time zone"),
        _l("Choose a time zone."),
        choices=lambda form, field: with_present(field.data),
        width="w-md",
        description=description,
    )


class ProfileForm(FlaskForm):
    """One's own name, language and time zone (ACC-13)."""

    full_name = Line(
        _l("Full name"), _l("Give your name."), most=NAME_MAX, render_kw={"autocomplete": "name"}
    )
    language = language_field()
    time_zone = zone_field(_l("Hours and dates are shown in it."))


class ContactForm(FlaskForm):
    """Somebody to approve, by name and address (ACC-3)."""

    full_name = Line(
        _l("Full name"), _l("Give the name of this person."), most=NAME_MAX, render_kw={"autocomplete": "off"}
    )
    email = Line(
        _l("E-mail address"),
        _l("Give the e-mail address of this person."),
        most=ADDRESS_MAX,
        checks=(mail_address,),
        render_kw={"type": "email", "autocomplete": "off"},
    )
    reason = Line(
        _l("Reason"),
        most=300,
        description=_l("Kept in the record. Example: replaces Hugo, who left."),
    )


class RemovalForm(FlaskForm):
    """Why somebody leaves the list (ACC-3)."""

    reason = Lines(
        _l("Reason"),
        _l("Say why this person leaves the list: the reason is kept in the record."),
        most=300,
        rows=2,
        description=_l("Example: left the company on 30 November."),
    )
    hand_to = OneOf(_l("Hand the open requests over to"))
