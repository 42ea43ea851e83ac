"""Forms of the second step, of proving again that it is you, and of setting up factors."""

from __future__ import annotations

from typing import Any

from flask_wtf import FlaskForm
from wtforms import HiddenField, PasswordField

from domain.factors import KEY_NAME_MAX
from domain.mobiles import TYPED_MAX_CHARACTERS
from forms.fields import Line, Tick
from words import lazy_gettext

_l = lazy_gettext

CODE_MAX = 40


def _code(label: Any, needed: Any = None) -> Line:
    return Line(
        label,
        needed,
        most=CODE_MAX,
        render_kw={"autocomplete": "one-time-code", "autocapitalize": "none", "spellcheck": "false"},
    )


class Answer(HiddenField):
    """What a security key answered, as JSON: filled by the script, never written back into a page."""

    def _value(self) -> str:
        return ""


class CodeForm(FlaskForm):
    """A code of an app, for recovery, or mailed; or what a security key answered."""

    code = _code(_l("Code"))
    credential = Answer()
    trust = Tick(_l("Ask no more codes on this browser for 90 days"), says_optional=False)
    next = HiddenField()


class FirstCodeForm(FlaskForm):
    """The first code of an app that is being set up."""

    code = _code(_l("Code shown by the app"), _l("Type the six digits that the app shows."))


class MobileForm(FlaskForm):
    """A mobile number for codes by text message."""

    number = Line(
        _l("Mobile number"),
        _l("Give your mobile number."),
        most=TYPED_MAX_CHARACTERS,
        description=_l("With + and the code of the country. Example: +33 6 12 34 56 78."),
        render_kw={"autocomplete": "tel", "inputmode": "tel"},
    )
    next = HiddenField()


class TextedForm(FlaskForm):
    """The code that was sent to a number."""

    code = _code(_l("Code of the text message"), _l("Type the six digits of the text message."))
    next = HiddenField()


class KeyForm(FlaskForm):
    """A new security key: its name, and what it answered."""

    name = Line(
        _l("Name of the key"),
        _l("Give this key a name."),
        most=KEY_NAME_MAX,
        description=_l("To tell it from others. Example: key on my key ring, telephone."),
        render_kw={"autocomplete": "off"},
    )
    credential = Answer()


class AgainForm(FlaskForm):
    """The password or a code, typed again before a dangerous act."""

    password = PasswordField(
        _l("Password"), render_kw={"autocomplete": "current-password", "spellcheck": "false"}
    )
    code = _code(_l("Code of your authenticator app"))
    credential = Answer()
    next = HiddenField()
