"""Between a phone and a desk: no page is squeezed, cut or scrolled sideways, at any width that a window may have.

What pages look like stands in tests/support/states.py; `make test` takes its first chapter, `make test-long` all of them.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.browser_pages import be
from tests.support.scene import Scene
from tests.support.states import CHAPTERS, ROLES, State, set_stage

# Both sides of each width at which something changes, and what tablets have.
WIDTHS = (
    360,
    480,
    600,
    640,
    641,
    744,
    768,
    820,
    860,
    861,
    912,
    991,
    992,
    1024,
    1080,
    1120,
    1121,
    1180,
    1248,
    1249,
)

SQUEEZED = """() => {
  const wide = document.documentElement.clientWidth, wrong = [];
  const name = e => e.tagName.toLowerCase() + (e.id ? '#' + e.id : '') + '.' + [...e.classList].join('.');
  if (document.documentElement.scrollWidth > wide) {
    const out = [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > wide + 1 && e.offsetWidth);
    wrong.push('scrolls sideways: ' + out.slice(0, 3).map(name));
  }
  // Desks have a column in the middle; everything else has its page.
  const room = document.querySelector('main :is(.desk-main, .admin-body, .page)') || document.querySelector('main.page');
  const has = room?.getBoundingClientRect().width;
  if (has && has < Math.min(400, wide - 100)) wrong.push(`its content has ${Math.round(has)} px`);
  for (const table of document.querySelectorAll('main table')) {
    const around = table.closest('.table-wrap') || table.parentElement, over = table.offsetWidth > around.clientWidth + 1;
    // Figures and the lists of the administration may be wider than their frame, which then scrolls.
    const may = table.matches('.model-list') || getComputedStyle(around).overflowX === 'auto' && !table.matches('.cards');
    if (over && !may) wrong.push(`${name(table)} takes ${table.offsetWidth} of ${around.clientWidth} px`);
  }
  return wrong;
}"""


@pytest.mark.parametrize(
    "chapter",
    [
        pytest.param(name, marks=[] if name == "usual" else pytest.mark.long)
        for name in CHAPTERS
        if name != "doors"
    ],
)
def test_no_page_is_squeezed_or_cut_at_any_width(
    live_server: Any, browser_context: Any, world: SimpleNamespace, chapter: str
) -> None:
    stage = set_stage(Scene(live_server.application, world), world)
    pages: dict[str, Any] = {}
    wrong = []
    for state in CHAPTERS[chapter]:
        for role in state.who if chapter == "usual" else state.who[:1]:
            wrong += [
                f"{state.name} for {role} at {width} px {said}"
                for width, found in walked(state, role, stage, pages, live_server, browser_context, world)
                for said in found
            ]
    assert not wrong, "\n".join(wrong)


def walked(
    state: State,
    role: str,
    stage: dict[str, Any],
    pages: dict[str, Any],
    server: Any,
    context: Any,
    world: Any,
) -> list[tuple[int, list[str]]]:
    """Return for each width what is wrong with a page as a role finds it."""
    key = f"{role}{state.empty}"
    if key not in pages:
        opened = context()
        if role != "s":
            be(opened, server, stage[f"empty:{role}"] if state.empty else getattr(world, ROLES[role]))
        pages[key] = opened.new_page()
    page = pages[key]
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(state.path.format(**stage))
    if state.act:
        state.act(page)
    seen = []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        seen.append((width, page.evaluate(SQUEEZED)))
    return seen
