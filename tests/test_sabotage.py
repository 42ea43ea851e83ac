"""The faults of tests/sabotage/ still apply: each replaces one place, makes code that compiles, and names tests that exist.

Whether they are noticed is what `make sabotage` says.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tools import sabotage

ROOT = Path(__file__).resolve().parent.parent
FAULTS = sabotage.faults()


def test_there_are_fifteen_or_more_with_names_of_their_own() -> None:
    assert len(FAULTS) == len({fault.name for fault in FAULTS}) >= 15


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
def test_a_fault_applies_and_names_tests_that_exist(fault: sabotage.Fault) -> None:
    planted = fault.planted(ROOT)
    assert planted != (ROOT / fault.file).read_text("utf-8")
    compile(planted, fault.file, "exec")
    assert fault.tests
    for test in fault.tests:
        file, _, name = test.partition("::")
        tree = ast.parse((ROOT / file).read_text("utf-8"))
        functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert name in functions if name else any(known.startswith("test_") for known in functions), test


def test_a_fault_that_does_not_apply_any_more_is_said() -> None:
    gone = sabotage.Fault("gone", "app.py", "nothing like it", "", ("tests/test_sabotage.py",))
    with pytest.raises(ValueError, match="0 times"):
        gone.planted(ROOT)
