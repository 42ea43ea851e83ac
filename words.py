"""Words in the reader's language: what functions of the same names in flask_babel do, without asking anew for each.

A page has some hundred words, and flask_babel goes from the request to its domain, its locale and its catalogue for
each of them: 20 microseconds a word, a third of what a list cost. Which language is the reader's (`force_locale` too)
is still for flask_babel to say; the catalogue of each is looked up once.
"""

from __future__ import annotations

from typing import Any

from flask import g
from flask_babel import get_locale, get_translations
from flask_babel.speaklater import LazyString

_catalogues: dict[str, Any] = {}


def language() -> str:
    """The language of the page or mail being made: fr or en; French outside of both."""
    try:
        # Where get_locale() and force_locale() keep it for as long as a page or a mail is made.
        kept = vars(g._get_current_object()).get("_flask_babel")
    except RuntimeError:
        return "fr"
    locale = getattr(kept, "babel_locale", None) or get_locale()
    return locale.language if locale is not None and locale.language in ("fr", "en") else "fr"


def catalogue() -> Any:
    """The translations into language(), a gettext catalogue; outside of a request and a mail, one that changes none."""
    if not g:
        return get_translations()
    lang = language()
    if lang not in _catalogues:
        _catalogues[lang] = get_translations()
    return _catalogues[lang]


def gettext(message: str, /, **values: Any) -> str:
    """The words for `message` in the reader's language; %(name)s in them stands for the value of that name."""
    text: str = catalogue().ugettext(message)
    return text % values if values else text


def ngettext(one: str, many: str, num: int, /, **values: Any) -> str:
    """The words for `one` or `many` things, whichever `num` asks for in the reader's language; %(num)s is known."""
    text: str = catalogue().ungettext(one, many, num)
    return text % {"num": num, **values}


def lazy_gettext(message: str, /, **values: Any) -> Any:
    """gettext(), in the language of whoever reads it when it is read: for what is written down once, such as a form."""
    return LazyString(gettext, message, **values)
