"""How far the portal conforms to RGAA 4.1.2: the grid of 106 criteria, read from docs/accessibility/rgaa.csv."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path

GRID = Path(__file__).resolve().parent.parent / "docs" / "accessibility" / "rgaa.csv"
VERSION = "4.1.2"
# The day on which somebody last went through the whole grid; it changes with the grid.
EVALUATED_ON = date(2026, 11, 25)
# What a line of the grid says: conforms, is not applicable, does not conform.
STATES = ("C", "NA", "NC")


@dataclass(frozen=True)
class Criterion:
    """One line of the grid. `test` names automatic tests as FILE::NAME; a gap has its sentence in both languages."""

    number: str
    theme: str
    criterion: str
    state: str
    how: str
    test: str
    gap_fr: str
    gap_en: str


@dataclass(frozen=True)
class Conformity:
    """The grid summed up. `rate` is the share of applicable criteria that are met, in whole percent, rounded down."""

    met: int
    applicable: int
    gaps: tuple[Criterion, ...]

    @property
    def rate(self) -> int:
        return self.met * 100 // self.applicable

    @property
    def state(self) -> str:
        """As the law names it: "total", "partial" (half of the criteria or more) or "none"."""
        if self.met == self.applicable:
            return "total"
        return "partial" if self.rate >= 50 else "none"


@lru_cache(maxsize=1)
def grid() -> tuple[Criterion, ...]:
    """All criteria in their order."""
    with GRID.open(encoding="utf-8", newline="") as file:
        return tuple(Criterion(**row) for row in csv.DictReader(file))


@lru_cache(maxsize=1)
def conformity() -> Conformity:
    """What the statement says."""
    applicable = [row for row in grid() if row.state != "NA"]
    gaps = tuple(row for row in applicable if row.state == "NC")
    return Conformity(met=len(applicable) - len(gaps), applicable=len(applicable), gaps=gaps)
