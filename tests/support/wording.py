"""How a text is judged: words of the other language, and the typography of French."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

from babel.messages.pofile import read_po

from tests.support import lint

CATALOGUE = (
    Path(__file__).resolve().parent.parent.parent / "translations" / "fr" / "LC_MESSAGES" / "messages.po"
)

# What people typed stands here; so does what a page quotes in both languages for whoever edits it.
TYPED = {"textarea", "pre", "code", "script", "style"}
TYPED_CLASSES = {"bubble", "typed", "prose", "files", "people", "pre-line", "num", "name", "chip"}
NO_BREAK = "\u202f\u00a0"

ENGLISH = (
    "the|your|you|and|is|are|not|this|that|with|for|from|of|has|have|been|was|will|which|what|when|who|by|to"
)
FRENCH = "le|la|les|une|des|du|vous|votre|vos|est|sont|pas|ce|cette|avec|pour|qui|que|dans|par|sur|été|aux|au|ou|et"


def texts(html: str, language: str) -> Iterator[str]:
    """Each piece of text of a page that the portal itself says in the language of the page, attributes included."""

    def walk(element: ElementTree.Element) -> Iterator[str]:
        if not isinstance(element.tag, str) or element.tag in TYPED:
            return
        if element.get("lang", language) != language or TYPED_CLASSES & set(
            (element.get("class") or "").split()
        ):
            return
        # Words that a search has found and marked are pieces of what somebody typed.
        if any(child.tag == "mark" for child in element):
            return
        for name in ("title", "placeholder", "aria-label", "alt"):
            if element.get(name):
                yield element.get(name, "")
        if element.text and element.text.strip():
            yield element.text
        for child in element:
            yield from walk(child)
            if child.tail and child.tail.strip():
                yield child.tail

    yield from walk(lint.parse(html))


def badly_set(text: str) -> str | None:
    """What is wrong with the typography of a piece of French, or None."""
    text = re.sub(r"\w+://\S+|\S+@\S+|\S*\?\S*=\S*", "", text)
    for pattern in (
        rf"\S*[^\s{NO_BREAK};:!?.…»)][!?;](?=\s|$)\S*",
        r"\S* [;:!?»](?=\s|$)",
        r"\S*\w:(?=\s|$)",
        rf"«[^{NO_BREAK}].{{0,20}}",
        rf".{{0,20}}[^{NO_BREAK}]»",
        r"\w+'\w+",
        r"\d %",
    ):
        found = re.search(pattern, text)
        if found:
            return found[0]
    return None


@cache
def catalogue() -> dict[str, dict[str, str]]:
    """Whole sentences by language: what stands in one language and has other words in the other."""
    with CATALOGUE.open("rb") as file:
        pairs = [
            (str(one.id), str(one.string))
            for one in read_po(file)
            if isinstance(one.id, str)
            and one.id
            and one.string
            and one.id != one.string
            and "%(" not in one.id
        ]
    both = {english for english, _french in pairs} & {french for _english, french in pairs}
    return {
        "fr": {english: french for english, french in pairs if english not in both},
        "en": {french: english for english, french in pairs if french not in both},
    }


def foreign(text: str, language: str) -> str | None:
    """Words of the other language in a piece of text, or None."""
    plain = " ".join(text.split())
    if plain in catalogue()[language]:
        return f"{plain!r} is in the catalogue as {catalogue()[language][plain]!r}"
    words = re.findall(
        rf"(?<![\w’'-])(?:{ENGLISH if language == 'fr' else FRENCH})(?![\w’'-])", plain.lower()
    )
    if len(words) >= 2 and len(words) * 8 >= len(plain.split()):
        return plain
    return None
