"""Looking for a piece of text in a column as people do: capitals and accents do not matter.

For tables that a list reads whole. Requests have an index of their words (domain/search.py).
"""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cache, reduce
from operator import or_
from typing import Any

from peewee import fn

from domain.search import fold
from models import is_sqlite

# The letters of European names (Latin-1 and Latin Extended-A); others are found with the accents that were typed.
_LETTERS = (*range(0x41, 0x5B), *range(0x61, 0x7B), *range(0xC0, 0x180))
# SQLite takes no pattern of more than 50,000 bytes.
_MOST_CHARACTERS = 200


@cache
def _forms() -> dict[str, str]:
    """Every way to write each of the plain letters: e, E, é, È ..."""
    forms: dict[str, str] = defaultdict(str)
    for number in _LETTERS:
        if len(plain := fold(chr(number))) == 1:
            forms[plain] += chr(number)
    return dict(forms)


def _any_form(letter: str) -> str:
    """The forms of one letter of what was typed; a sign that is no letter stands for itself."""
    if not letter.isalpha():
        return letter
    own = (letter, letter.lower(), letter.upper())
    return "".join(
        dict.fromkeys(_forms().get(fold(letter), "") + "".join(form for form in own if len(form) == 1))
    )


def holds(column: Any, typed: str) -> Any:
    """The condition that a column holds what was typed, wherever, whatever its capitals and accents.

    A pattern of classes of letters, because neither database folds accents by itself: GLOB of SQLite, a regular
    expression of PostgreSQL. Signs that a pattern would take for its own are searched as they are.
    """
    typed = typed[:_MOST_CHARACTERS]
    spelt = {typed, re.sub("oe", "œ", re.sub("ae", "æ", typed, flags=re.IGNORECASE), flags=re.IGNORECASE)}
    return reduce(or_, (_pattern(column, text) for text in sorted(spelt)))


def _pattern(column: Any, text: str) -> Any:
    forms = [_any_form(letter) for letter in text]
    if is_sqlite():
        return fn.GLOB(
            "*" + "".join(f"[{form}]" if form in "*?[" or len(form) > 1 else form for form in forms) + "*",
            column,
        )
    return column.regexp("".join(f"[{form}]" if len(form) > 1 else re.escape(form) for form in forms))
