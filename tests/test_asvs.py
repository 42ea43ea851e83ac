"""docs/asvs.csv answers each line of OWASP ASVS 5.0.0, levels 1 and 2, without the chapters on OAuth and WebRTC.

Which tests it names is checked against the tests that there are; what they prove is theirs to say.
"""

from __future__ import annotations

import ast
import csv
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STATUSES = {"met", "partly", "open", "operator", "not applicable"}
# What the standard counts: 70 and 183 lines, less those of chapters 10 and 17.
LINES = {"1": 65, "2": 152}
PROVEN_AT_LEAST = 150


def rows() -> list[dict[str, str]]:
    with open(ROOT / "docs" / "asvs.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@cache
def known_tests(file: str) -> frozenset[str]:
    """The names of the tests of a file."""
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    return frozenset(
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    )


def test_every_line_is_there_once_and_answered() -> None:
    found = rows()
    numbers = [row["number"] for row in found]
    assert len(numbers) == len(set(numbers))
    assert {level: sum(row["level"] == level for row in found) for level in LINES} == LINES
    assert sum(LINES.values()) == len(found)
    for row in found:
        assert re.fullmatch(r"V\d+\.\d+\.\d+", row["number"]), row
        assert not row["number"].startswith(("V10.", "V17.")), row
        assert row["status"] in STATUSES and row["what"] and row["where"], row


def test_every_test_that_is_named_exists() -> None:
    named = [row for row in rows() if row["test"]]
    for row in named:
        file, _, name = row["test"].partition("::")
        assert (ROOT / file).is_file(), row
        assert name in known_tests(file), row
    assert len(named) >= PROVEN_AT_LEAST


def test_every_file_that_is_named_exists() -> None:
    for row in rows():
        for place in re.findall(
            r"[\w./-]+\.(?:py|md|html|js|txt|csv)\b|\b[a-z_]+/(?:[\w-]+/)*", row["where"]
        ):
            assert (ROOT / place).exists(), f"{row['number']}: {place}"


def test_nothing_that_does_not_apply_claims_a_test() -> None:
    assert [
        row["number"] for row in rows() if row["status"] in {"not applicable", "open"} and row["test"]
    ] == []
