"""A French page is French and an English one English: every word that the portal says, on every state of every page.

Texts that people typed are theirs and are left out. What is read here is the page as it is sent, without a browser.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest
from babel.messages.pofile import read_po

from tests.conftest import ROOT
from tests.support import lint
from tests.support.scene import Scene
from tests.support.states import CHAPTERS, LANGUAGES, NAMES, ROLES, STATES, set_stage

# What people typed stands here; so does what a page quotes in both languages for whoever edits it.
TYPED = {"textarea", "pre", "code", "script", "style"}
TYPED_CLASSES = {"bubble", "typed", "prose", "files", "people", "pre-line", "num", "name", "chip"}
# Rows that are written once, in the language of whoever wrote them, or that are data of the demo world.
NO_BREAK = "\u202f\u00a0"

ENGLISH = (
    "the|your|you|and|is|are|not|this|that|with|for|from|of|has|have|been|was|will|which|what|when|who|by|to"
)
FRENCH = "le|la|les|une|des|du|vous|votre|vos|est|sont|pas|ce|cette|avec|pour|qui|que|dans|par|sur|été|aux|au|ou|et"


def texts(html: str, language: str) -> Iterator[tuple[str, ElementTree.Element]]:
    """Each piece of text of a page that the portal itself says in the language of the page, attributes included."""

    def walk(element: ElementTree.Element) -> Iterator[tuple[str, ElementTree.Element]]:
        if not isinstance(element.tag, str) or element.tag in TYPED:
            return
        if element.get("lang", language) != language or TYPED_CLASSES & set(
            (element.get("class") or "").split()
        ):
            return
        for name in ("title", "placeholder", "aria-label", "alt"):
            if element.get(name):
                yield element.get(name, ""), element
        if element.text and element.text.strip():
            yield element.text, element
        for child in element:
            yield from walk(child)
            if child.tail and child.tail.strip():
                yield child.tail, element

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
    with (ROOT / "translations" / "fr" / "LC_MESSAGES" / "messages.po").open("rb") as file:
        pairs = [
            (str(one.id), str(one.string))
            for one in read_po(file)
            if isinstance(one.id, str) and one.string and one.id != one.string and "%(" not in one.id
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


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("Objet :", True), ("Objet:", True), ("Objet\u202f:", False), ("Oui !", True), ("Oui!", True),
        ("« Oui »", True), ("«\u202fOui\u202f»", False), ("l'écran", True), ("50 %", True), ("14:30", False),
        ("https://a.example/b?c=d", False), ("Vraiment\u202f?", False), ("fin.", False),
    ],
)  # fmt: skip
def test_typography_is_judged(text: str, fault: bool) -> None:
    assert (badly_set(text) is not None) is fault


@pytest.mark.parametrize(
    ("text", "language", "fault"),
    [
        ("Skip to content", "fr", True), ("Aller au contenu", "en", True), ("Aller au contenu", "fr", False),
        ("This is not in the catalogue at all", "fr", True), ("Ce n’est pas dans la liste du tout", "en", True),
        ("Requête SUP-2041", "fr", False), ("API and SDK", "fr", False),
    ],
)  # fmt: skip
def test_the_other_language_is_recognised(text: str, language: str, fault: bool) -> None:
    assert (foreign(text, language) is not None) is fault


@pytest.mark.parametrize("role", ["s", *ROLES], ids=NAMES.get)
def test_every_page_speaks_one_language(client: Any, world: SimpleNamespace, role: str) -> None:
    stage = set_stage(Scene(client.application, world), world)
    language = LANGUAGES[role]
    if role != "s":
        client.sign_in(getattr(world, ROLES[role]))
    data = data_of_the_world()
    faults, read = set(), 0
    for state in STATES:
        if role not in state.who or state.empty:
            continue
        answer = client.get(
            state.path.format(**stage), follow_redirects=True, headers={"Accept-Language": language}
        )
        for text, _element in texts(answer.text, language):
            if " ".join(text.split()) in data:
                continue
            read += 1
            wrong = foreign(text, language) or (badly_set(text) if language == "fr" else None)
            if wrong:
                faults.add(f"{state.name}: {wrong}")
    assert not faults, f"{len(faults)} faults:\n" + "\n".join(sorted(faults))
    assert read > 20 * len(CHAPTERS["usual"])


def data_of_the_world() -> set[str]:
    """What people typed, word for word."""
    from models import Attachment, Ticket

    typed = {row.summary for row in Ticket.select(Ticket.summary)}
    typed |= {row.name for row in Attachment.select(Attachment.name)}
    return {" ".join(text.split()) for text in typed}
