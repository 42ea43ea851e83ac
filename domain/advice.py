"""What is said beside a field to make a request quicker to answer (REQ-9, REQ-10). Advice never refuses anything.

The rules are a table: a code for each, in the order in which they are looked at. Their words are in presenters.py.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import NamedTuple

# Words that say that something is wrong and not what: a subject made of them alone tells nothing.
VAGUE_WORDS = frozenset(
    """
    a ai aide aider assistance au besoin bonjour bug ca ce cela centre cet cette ci c d dans de demande depuis des du
    en erreur est et et fonctionne ha help hello hi il impossible incident issue j je l la le les m ma marche mauvais
    me merci mon n ne non nous on ou panne pas plus pb please plusieurs pour probleme problemes qqch quelque que
    question questions s sos souci soucis sur svp tout toujours tres un une urgence urgent urgente urgents va votre
    vous
    an and are asap at broken can cannot cant does doesn doesnt error errors fail failed fails failure hey i in is it
    my need needed not of our problems problem request s something support t thanks that the there this trouble
    urgently we work working works wrong you
    """.split()
)
# More words than that say something, whatever they are.
VAGUE_MOST_WORDS = 8
# Signs such as SQL or VPN are written in capitals by everybody: a subject is shouted from this many letters on.
SHOUTED_LEAST_LETTERS = 12
LOOKED_AT_CHARACTERS = 20_000

_ERROR = re.compile(
    r"\b(erreurs?|messages? d['’ ]?erreur|errors?|exceptions?|plantages?|crash(?:e[sd]?)?)\b", re.IGNORECASE
)
# A text between quotes, a line of code, a code of error: what the message said. A quoted word of ten letters or more is
# a sentence rather than the name of a button.
_QUOTED = re.compile(
    r"[«“\"][^«»“”\"\n]{10,}[»”\"]|`[^`]+`|```|\b[A-Z]{2,}[-_ ]?[0-9]{2,}\b|\b[45][0-9]{2}\b"
)
_PICTURE = re.compile(r"!\[[^\]\n]{0,200}\]\(")
_VERSION = re.compile(
    r"(?<![\d.,])\d{1,4}\.\d{1,4}(?:\.\d+)*(?![\d])|\b[vV]\.?\s?\d{1,4}\b|\b[vV]ersion\s+\w*\d", re.IGNORECASE
)


class Written(NamedTuple):
    """What has been written so far. `version` is None when the form has no field for it."""

    form_slug: str
    summary: str = ""
    description: str = ""
    version: str | None = None
    with_files: bool = False


class Advice(NamedTuple):
    """One piece of advice: the field it stands by, and the code that has words."""

    field: str
    code: str


def _words(text: str) -> list[str]:
    folded = unicodedata.normalize("NFKD", text[:200].casefold())
    return re.findall(r"[^\W\d_]+", "".join(c for c in folded if not unicodedata.combining(c)))


def is_vague(summary: str) -> bool:
    """True for a subject that does not tell this request from another ("Problem", "urgent help") (REQ-10)."""
    words = _words(summary)
    return (
        len(words) <= VAGUE_MOST_WORDS
        and not any(c.isdigit() for c in summary)
        and all(word in VAGUE_WORDS for word in words)
    )


def is_one_word(summary: str) -> bool:
    """True for a subject of a single word without a number: where, and what happens there, is missing."""
    return len(summary.split()) == 1 and not any(c.isdigit() for c in summary)


def is_shouted(summary: str) -> bool:
    """True for a whole subject in capitals: harder to read, and no quicker to be answered."""
    letters = [c for c in summary[:200] if c.isalpha()]
    return (
        len(letters) >= SHOUTED_LEAST_LETTERS
        and len(summary.split()) > 1
        and all(c == c.upper() for c in letters)
    )


def lacks_the_message(written: Written) -> bool:
    """True when a text speaks of an error without its words, and no file that could show them comes with it."""
    text = written.description[:LOOKED_AT_CHARACTERS]
    return (
        not written.with_files
        and bool(_ERROR.search(text))
        and not _QUOTED.search(text)
        and not _PICTURE.search(text)
    )


# Forms about a product, where the answer depends on the version (REQ-9).
PRODUCT_FORMS = frozenset({"patch", "standard-help", "guided"})


def lacks_the_version(written: Written) -> bool:
    """True for a form about a product when neither its field nor the text names a version."""
    if written.form_slug not in PRODUCT_FORMS or not written.description.strip():
        return False
    if written.version is not None:
        return not written.version.strip()
    return not _VERSION.search(f"{written.summary}\n{written.description[:LOOKED_AT_CHARACTERS]}")


# The first rule that applies to a field speaks; the others of that field keep silent.
RULES: tuple[tuple[str, str, Callable[[Written], bool]], ...] = (
    ("summary", "too-general", lambda written: bool(written.summary.strip()) and is_vague(written.summary)),
    ("summary", "one-word", lambda written: is_one_word(written.summary)),
    ("summary", "capitals", lambda written: is_shouted(written.summary)),
    ("description", "message-missing", lacks_the_message),
    ("description", "version-missing", lacks_the_version),
)


def advise(written: Written) -> list[Advice]:
    """The advice on what has been written, one for each field at most, in the order of the fields."""
    found: dict[str, Advice] = {}
    for field, code, applies in RULES:
        if field not in found and applies(written):
            found[field] = Advice(field, code)
    return list(found.values())
