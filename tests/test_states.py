"""Each state of each page, by each role: axe finds nothing, and has no question that nobody has answered.

The table is tests/support/states.py. `make test-long` looks at all of it, `make test` at its first chapter.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.eye import EXPLAINED, NARROW, TWICE, Eye
from tests.support.scene import Scene
from tests.support.states import CHAPTERS, NAMES, ROLES, SIGNED_IN, STATES, set_stage


def lots() -> list[Any]:
    """Chapter and role; what is not in the first chapter is for the long run."""
    return [
        pytest.param(
            chapter, role, id=f"{chapter}-{NAMES[role]}", marks=[] if chapter == "usual" else pytest.mark.long
        )
        for chapter, states in CHAPTERS.items()
        for role in ("s", *SIGNED_IN)
        if any(role in state.who for state in states)
    ]


def of_a_role(chapter: str, role: str) -> list[Any]:
    """The states that a role can come to: all of them, but a stranger only what is public."""
    return [
        state
        for state in CHAPTERS[chapter]
        if role in state.who or (role != "s" and state.who != "s" and state.otherwise != 200)
    ]


def test_the_table_is_as_large_as_it_says() -> None:
    seen = sum(len(of_a_role(chapter, role)) for chapter in CHAPTERS for role in SIGNED_IN)
    assert len({state.name for state in STATES}) == len(STATES)
    assert len(STATES) - len(CHAPTERS["doors"]) >= 60
    assert seen >= 240
    assert sum(len(of_a_role("usual", role)) for role in SIGNED_IN) >= 24


@pytest.mark.parametrize(("chapter", "role"), lots())
def test_axe_finds_nothing_and_leaves_nothing_open(
    request: pytest.FixtureRequest,
    live_server: Any,
    browser_context: Any,
    world: SimpleNamespace,
    chapter: str,
    role: str,
) -> None:
    eye = Eye(live_server, browser_context)
    eye.asks_why = True
    stage = set_stage(Scene(live_server.application, world), world)
    locale = "fr-FR" if role in "cas" else "en-GB"
    eyes: dict[tuple[bool, ...], Any] = {}
    for state in of_a_role(chapter, role):
        status = state.status_for(role)
        person = (
            None if role == "s" else stage[f"empty:{role}"] if state.empty else getattr(world, ROLES[role])
        )
        way = (state.empty, state.scripts, state.large)
        if way not in eyes:
            of = {"of": request.getfixturevalue("large_browser")} if state.large else {}
            eyes[way] = eye.be(person, locale=locale, **of)
            if not state.scripts:
                # Axe is a script: those of the portal alone are left out.
                eyes[way].route(
                    "**/*.js*", lambda route: route.fulfill(body="", content_type="text/javascript")
                )
        eye.page = eyes[way]
        eye.looks_at = list(state.looks)
        eye.widths = [] if state.large else [TWICE, NARROW]
        path = state.path.format(**stage)
        eye.look(path, status, act=state.act if role in state.who else None, name=state.name)
    eye.end(len(of_a_role(chapter, role)))


def test_every_reason_says_something() -> None:
    for known in EXPLAINED:
        assert len(known.reason.split()) >= 5, known
