"""What people come to do, by the keyboard alone and without scripts: each journey of tests/support/journeys.py, both ways.

`make test-long` makes all of them, `make test` the first three.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.browser_pages import be
from tests.support.browsing import DESK, PHONE
from tests.support.journeys import JOURNEYS, Journey, KeyboardHand, PlainHand
from tests.support.scene import Scene
from tests.support.states import set_stage

USUAL = 3


def rows(journeys: list[Journey]) -> list[Any]:
    """The first ones are for every run, the others for the long one."""
    return [
        pytest.param(one, id=one.name.replace(" ", "-"), marks=[] if place < USUAL else pytest.mark.long)
        for place, one in enumerate(journeys)
    ]


def test_there_are_as_many_as_promised() -> None:
    assert len({one.name for one in JOURNEYS}) == len(JOURNEYS)
    assert len(JOURNEYS) >= 25
    assert len([one for one in JOURNEYS if one.plain]) >= 20


@pytest.mark.parametrize("journey", rows(JOURNEYS))
def test_by_the_keyboard_alone(
    live_server: Any, browser_context: Any, world: SimpleNamespace, journey: Journey
) -> None:
    stage = set_stage(Scene(live_server.application, world), world)
    context = browser_context(viewport=DESK)
    if journey.who:
        be(context, live_server, getattr(world, journey.who))
    page = context.new_page()
    page.set_default_navigation_timeout(30_000)
    KeyboardHand(page, stage).go(journey)
    assert page.locator("[tabindex]:not([tabindex='0']):not([tabindex='-1'])").count() == 0


@pytest.mark.parametrize("journey", rows([one for one in JOURNEYS if one.plain]))
def test_without_scripts(
    live_server: Any, browser_context: Any, world: SimpleNamespace, journey: Journey
) -> None:
    stage = set_stage(Scene(live_server.application, world), world)
    context = browser_context(
        java_script_enabled=False, viewport=DESK if journey.wide or journey.who in ("sam", "root") else PHONE
    )
    if journey.who:
        be(context, live_server, getattr(world, journey.who))
    page = context.new_page()
    page.set_default_navigation_timeout(30_000)
    PlainHand(page, stage).go(journey)
