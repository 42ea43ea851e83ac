"""The grid of RGAA 4.1.2 is whole, names tests that exist, and the statement says what it says."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest

from domain import conformity
from tests.conftest import ROOT
from tools import messages

# How many criteria each theme has.
THEMES = {1: 9, 2: 2, 3: 3, 4: 13, 5: 8, 6: 2, 7: 5, 8: 10, 9: 4, 10: 14, 11: 13, 12: 11, 13: 12}


def test_the_grid_has_every_criterion_once_and_in_order() -> None:
    numbers = [row.number for row in conformity.grid()]
    assert numbers == [f"{theme}.{n}" for theme, most in THEMES.items() for n in range(1, most + 1)]
    assert len(numbers) == 106


@pytest.mark.parametrize("row", conformity.grid(), ids=lambda row: row.number)
def test_a_criterion_has_an_answer_and_says_how_it_was_found(row: conformity.Criterion) -> None:
    assert row.state in conformity.STATES
    assert len(row.criterion.split()) >= 3 and len(row.how.split()) >= 2
    for name in row.test.split():
        path, _colons, test = name.partition("::")
        assert re.search(rf"^def {test}\(", (ROOT / path).read_text(encoding="utf-8"), re.M), name
    gaps = (row.gap_fr, row.gap_en)
    assert all(gaps) if row.state == "NC" else not any(gaps)
    assert messages.typeset(row.gap_fr) == row.gap_fr


def test_sums_are_those_of_the_grid() -> None:
    counts = Counter(row.state for row in conformity.grid())
    said = conformity.conformity()
    assert (said.met, said.applicable, len(said.gaps)) == (
        counts["C"],
        counts["C"] + counts["NC"],
        counts["NC"],
    )
    assert said.rate == counts["C"] * 100 // said.applicable
    assert f"{counts['C']} | {counts['NA']} | {counts['NC']}" in (
        ROOT / "docs" / "accessibility" / "README.md"
    ).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("met", "applicable", "state"),
    [(79, 79, "total"), (78, 79, "partial"), (40, 80, "partial"), (39, 80, "none")],
)
def test_the_state_is_named_as_the_law_does(met: int, applicable: int, state: str) -> None:
    assert conformity.Conformity(met, applicable, ()).state == state


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("fr", ["conformité partielle avec le RGAA 4.1.2", "Voies de recours", "75342 Paris CEDEX 07", "25 novembre 2026"]),
        ("en", ["conforms partially to RGAA 4.1.2", "If nothing helps", "75342 Paris CEDEX 07", "25 November 2026"]),
    ],
)  # fmt: skip
def test_the_statement_says_all_that_the_law_asks(client: Any, language: str, words: list[str]) -> None:
    page = client.get("/accessibility", headers={"Accept-Language": language}).text
    said = conformity.conformity()
    for word in [*words, f"{said.met} ", f"{said.rate}", "privacy@initech.example", "axe-core"]:
        assert word in page
    for gap in said.gaps:
        assert getattr(gap, f"gap_{language}") in page and gap.number in page
    assert client.get("/").text.count('href="/accessibility"') == 1
