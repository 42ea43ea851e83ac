"""The words of a closing rule for its mails: plain paragraphs with a few places that are filled in (LIFE-12).

Nothing in them is evaluated: a place is one of PLACES, put in by name, and any other brace is refused when the rule is
saved.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from models import ClosingRule

# What may stand in braces: the number of the request, its subject, the last day of the customer, their organisation.
PLACES = ("number", "summary", "day", "organisation")
MOST_CHARACTERS = 2000
# The columns of a rule, without their language.
TEXTS = ("reminder_text", "closing_text")

_PLACE = re.compile(r"\{(" + "|".join(PLACES) + r")\}")

_BRACES = re.compile(r"\{[^{}\n]{0,40}\}?|\}")


def first_wrong(text: str) -> str | None:
    """The first thing in braces that is no place, as it was written; None when the text can be used."""
    found = (brace.group() for brace in _BRACES.finditer(text))
    return next((brace for brace in found if not _PLACE.fullmatch(brace)), None)


def paragraphs(text: str, values: Mapping[str, str]) -> list[list[str]]:
    """The paragraphs of a text, each as its lines, with the places filled in.

    Arguments: values, for each of PLACES, plain text of one line; what stands in them is never read as a place.
    """
    filled = _PLACE.sub(lambda place: values[place.group(1)], text)
    return [block.split("\n") for block in re.split(r"\n\s*\n", filled.strip()) if block.strip()]


def names_day(text: str) -> bool:
    """Whether a text says the day itself."""
    return "{day}" in text


def of_rule(key: Any, kind: str, language: str) -> str:
    """The text that a rule has for a mail; empty for the usual words, and when the rule is gone.

    Arguments: key, of the rule, as the event of the mail keeps it; kind, of TEXTS; language, fr or en.
    """
    row = ClosingRule.get_or_none(ClosingRule.id == key) if isinstance(key, int) else None
    return text_of(row, kind, language) if row is not None else ""


def text_of(row: ClosingRule, kind: str, language: str) -> str:
    """The text of a row, which may be one that is not saved."""
    if kind not in TEXTS or language not in ("fr", "en"):
        raise KeyError(f"{kind}_{language}")
    return str(getattr(row, f"{kind}_{language}") or "")
