"""A French page is French and an English one English: every word that the portal says, on every state of every page.

Texts that people typed are theirs and are left out. What is read here is the page as it is sent, without a browser.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import seeds
from tests.conftest import ROOT
from tests.support.scene import Scene
from tests.support.states import LANGUAGES, NAMES, ROLES, STATES, set_stage
from tests.support.wording import badly_set, foreign, texts


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


def roles() -> list[Any]:
    """A stranger and a customer in every run, the others in the long one."""
    return [
        pytest.param(role, id=NAMES[role], marks=[] if role in "sc" else pytest.mark.long)
        for role in ("s", *ROLES)
    ]


@pytest.mark.parametrize("role", roles())
def test_every_page_speaks_one_language(client: Any, world: SimpleNamespace, role: str) -> None:
    stage = set_stage(Scene(client.application, world), world)
    language = LANGUAGES[role]
    if role != "s":
        client.sign_in(getattr(world, ROLES[role]))
    data = typed_by_people()
    faults, read = set(), 0
    for state in STATES:
        if role not in state.who or state.empty:
            continue
        answer = client.get(
            state.path.format(**stage), follow_redirects=True, headers={"Accept-Language": language}
        )
        for text in texts(answer.text, language):
            if " ".join(text.split()) in data:
                continue
            read += 1
            wrong = foreign(text, language) or (badly_set(text) if language == "fr" else None)
            if wrong:
                faults.add(f"{state.name}: {wrong}")
    assert not faults, f"{len(faults)} faults:\n" + "\n".join(sorted(faults))
    assert read > 300


def typed_by_people() -> set[str]:
    """What people typed, word for word."""
    from models import Attachment, Idea, IdeaComment, Ticket

    typed = {row.summary for row in Ticket.select(Ticket.summary)}
    typed |= {row.name for row in Attachment.select(Attachment.name)}
    typed |= {text for row in Idea.select() for text in (row.title, *row.problem.splitlines())}
    typed |= {line for row in IdeaComment.select() for line in row.body.splitlines()}
    return {" ".join(text.split()) for text in typed}


@pytest.mark.parametrize(
    "path", sorted((ROOT / "presets" / "articles").glob("*.fr.md")), ids=lambda path: path.stem
)
def test_articles_are_typeset(path: Path) -> None:
    said = path.read_text(encoding="utf-8")
    head, _line, body = said.partition("\n\n")
    lines = [line.partition(": ")[2] for line in head.split("\n") if line.startswith(("title", "summary"))]
    assert len(lines) == 2
    faults = [line for line in [*lines, *body.split("\n")] if badly_set(line)]
    assert not faults


def test_french_of_the_demo_world_is_typeset() -> None:
    said = [
        text
        for row in seeds.ARTICLES.values()
        for name, text in row.items()
        if name.endswith("_fr") and isinstance(text, str)
    ]
    assert len(said) >= 5
    assert not [line for text in said for line in text.split("\n") if badly_set(line)]
