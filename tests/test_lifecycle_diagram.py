"""The drawing of the life of a request is the table of moves, whatever was changed last."""

from __future__ import annotations

import importlib.util
from itertools import product
from types import ModuleType
from xml.etree import ElementTree

import pytest

from domain.lifecycle import MOVES, OPEN_STATUSES, STATUSES
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    """tools/lifecycle_diagram.py."""
    spec = importlib.util.spec_from_file_location(
        "lifecycle_diagram", ROOT / "tools" / "lifecycle_diagram.py"
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_and_the_picture_are_as_the_table_is_now(tool: ModuleType) -> None:
    written = "run: python tools/lifecycle_diagram.py --write"
    assert tool.PAGE.read_text("utf-8") == tool.page(), written
    assert tool.PICTURE.read_text("utf-8") == tool.picture(), written
    assert tool.main([]) == 0


def test_what_is_said_and_what_is_drawn_are_all_the_moves(tool: ModuleType) -> None:
    said = tool.everywhere()
    told = {
        (origin, target, actor)
        for actor, targets in said.items()
        for origin, target in product(OPEN_STATUSES, targets)
        if origin != target
    }
    drawn = set(tool.lines_to_draw())
    moves = {
        (origin, target, actor)
        for origin, row in MOVES.items()
        for target, who in row.items()
        for actor in who
    }
    assert told | drawn == moves
    assert not told & drawn


def test_the_picture_has_a_box_for_each_status_and_a_line_for_each_move(tool: ModuleType) -> None:
    svg = "{http://www.w3.org/2000/svg}"
    tree = ElementTree.fromstring(tool.picture())
    names = [text.text for text in tree.iter(f"{svg}text")]
    assert all(names.count(status) == 1 for status in STATUSES)
    titles = [title.text for path in tree.iter(f"{svg}path") for title in path.iter(f"{svg}title")]
    assert len(titles) == len(tool.lines_to_draw())
    boxes = tool.places().values()
    assert len(set(boxes)) == len(STATUSES), "two statuses stand on one another"


def test_the_page_is_linked_from_where_people_look(tool: ModuleType) -> None:
    assert "(docs/lifecycle.md)" in (ROOT / "README.md").read_text("utf-8")
    assert "(lifecycle.md)" in (ROOT / "docs" / "architecture.md").read_text("utf-8")
    assert "(pictures/lifecycle.svg)" in tool.page()
