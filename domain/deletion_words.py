"""The words that people agree to before something that cannot be undone (REQ-4), by version and language.

They are kept with each confirmation and are evidence: unlike the words of pages they stand here and not in a
catalogue, and a version that was published is never changed. Another text is another version.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from models import NamedPerson

LANGUAGES = ("fr", "en")

# Version -> form -> language -> the text; {number}, {organisation} and {people} are filled in.
WORDINGS: dict[int, dict[str, dict[str, str]]] = {
    1: {
        "user-deletion": {
            "fr": (
                "Demande {number}, au nom de {organisation}.\n"
                "Je demande la suppression définitive de :\n"
                "{people}\n"
                "Leur fiche, leurs accès et tout ce que le produit garde à leur sujet disparaissent. Ce que la loi "
                "oblige à conserver reste, aussi longtemps qu’elle l’exige.\n"
                "J’ai vérifié chaque nom et chaque numéro. Je sais que, une fois la suppression faite, personne ne "
                "peut rétablir ces données."
            ),
            "en": (
                "Request {number}, on behalf of {organisation}.\n"
                "I ask for the permanent deletion of:\n"
                "{people}\n"
                "Their record, their accesses and everything that the product keeps about them disappear. What the "
                "law obliges us to keep stays, for as long as it requires.\n"
                "I have checked each name and each number. I know that once the deletion is done, nobody can "
                "restore these data."
            ),
        },
        "mfa-reset": {
            "fr": (
                "Demande {number}, au nom de {organisation}.\n"
                "Je demande d’effacer les facteurs d’authentification de :\n"
                "{people}\n"
                "Les facteurs effacés ne peuvent être rétablis : chaque personne en enregistre un nouveau. Jusque-là, "
                "son compte est moins bien protégé.\n"
                "J’ai vérifié chaque nom et chaque numéro, et que la demande vient bien de ces personnes."
            ),
            "en": (
                "Request {number}, on behalf of {organisation}.\n"
                "I ask for the authentication factors of these people to be erased:\n"
                "{people}\n"
                "Erased factors cannot be put back: each person enrols a new one. Until then, their account is less "
                "well protected.\n"
                "I have checked each name and each number, and that the request does come from these people."
            ),
        },
    },
}
VERSION = max(WORDINGS)

# What the requester types, by form and language: for one person, for several.
_PHRASES: dict[str, dict[str, tuple[str, str]]] = {
    "user-deletion": {
        "fr": ("supprimer {count} personne", "supprimer {count} personnes"),
        "en": ("delete {count} person", "delete {count} people"),
    },
    "mfa-reset": {
        "fr": ("effacer les facteurs de {count} personne", "effacer les facteurs de {count} personnes"),
        "en": ("erase the factors of {count} person", "erase the factors of {count} people"),
    },
}

_NUMBER = {"fr": "n° {number}", "en": "no. {number}"}


@dataclass(frozen=True, slots=True)
class Wording:
    """A text to agree to: its version, its language, the text itself, its fingerprint, and the phrase to type."""

    version: int
    language: str
    text: str
    text_hash: str
    phrase: str


def wording(
    form_slug: str,
    language: str,
    *,
    number: str,
    organisation: str,
    people: Sequence[NamedPerson],
    version: int = VERSION,
) -> Wording:
    """The text that somebody agrees to, naming each person.

    Arguments: language, fr for anything but en; number, of the request; people, those named in it, in order.
    """
    language = language if language in LANGUAGES else "fr"
    text = WORDINGS[version][form_slug][language].format(
        number=number,
        organisation=_line(organisation),
        people="\n".join(f"- {_named(person, language)}" for person in people),
    )
    one, several = _PHRASES[form_slug][language]
    return Wording(
        version=version,
        language=language,
        text=text,
        text_hash=fingerprint(text),
        phrase=(one if len(people) == 1 else several).format(count=len(people)),
    )


def fingerprint(text: str) -> str:
    """SHA-256 of a text, in hexadecimal."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def people_hash(people: Sequence[NamedPerson]) -> str:
    """Fingerprint of all that is said of the people named, in order: another list has another one."""
    parts = [
        "\x1f".join((row.full_name, row.employee_number, row.url or "", row.details or "")) for row in people
    ]
    return fingerprint("\x1e".join(parts))


def same_phrase(typed: str, phrase: str) -> bool:
    """True when somebody typed the phrase that was shown.

    Capitals, accents, the number of spaces, quotation marks and a full stop do not count: they are where dictation,
    spelling helpers and small keyboards differ. The words and the number do.
    """
    return _folded(typed) == _folded(phrase)


def _folded(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text[:400].casefold())
    kept = "".join(c for c in plain if not unicodedata.combining(c) and unicodedata.category(c) != "Cf")
    return " ".join(re.sub(r"[\"'’‘“”«».,:;!]", " ", kept).split())


def _line(text: str) -> str:
    return " ".join(text.split())


def _named(person: NamedPerson, language: str) -> str:
    parts = [
        person.full_name,
        _NUMBER[language].format(number=person.employee_number),
        person.url or "",
        person.details or "",
    ]
    return ", ".join(filter(None, (_line(part) for part in parts)))
