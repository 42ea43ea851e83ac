"""Plant the faults of tests/sabotage/faults.toml one at a time, and say which ones the tests notice.

    python tools/sabotage.py            all of them
    python tools/sabotage.py --only 3   the third alone

The faults are planted into a copy of the project in a temporary folder: these files stay as they are. The tests that
should notice run once without any fault first, since a test that fails anyway notices nothing.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FAULTS = ROOT / "tests" / "sabotage" / "faults.toml"
LEFT_OUT = shutil.ignore_patterns(
    ".git",
    ".venv",
    "var",
    "build",
    "__pycache__",
    ".pytest_cache",
    ".mypy_cache",
    ".ruff_cache",
    ".hypothesis",
)
# What pytest answers when tests ran and one failed; anything else is a test that did not run.
NOTICED = 1


@dataclass(frozen=True)
class Fault:
    """A mistake: where it is made, what it replaces, and the tests that should notice it."""

    name: str
    file: str
    find: str
    put: str
    tests: tuple[str, ...]

    def planted(self, root: Path) -> str:
        """The text of the file with the fault in it. Raises ValueError when it does not apply exactly once."""
        text = (root / self.file).read_text("utf-8")
        if text.count(self.find) != 1:
            raise ValueError(
                f"{self.file} holds what “{self.name}” replaces {text.count(self.find)} times, not once"
            )
        return text.replace(self.find, self.put)


def faults() -> list[Fault]:
    """All of them, in the order of the file."""
    rows = tomllib.loads(FAULTS.read_text("utf-8"))["fault"]
    return [Fault(row["name"], row["file"], row["find"], row["put"], tuple(row["tests"])) for row in rows]


def run(root: Path, tests: tuple[str, ...]) -> int:
    """Run some tests of a copy on SQLite; returns what pytest answered."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-p",
        "no:xdist",
        "-p",
        "no:cacheprovider",
        "--engine",
        "sqlite",
    ]
    done = subprocess.run(
        [*command, *tests], cwd=root, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    return done.returncode


def main() -> int:
    """Plant each fault, run its tests, and say how many were noticed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", type=int, help="the number of one fault")
    asked = parser.parse_args().only
    chosen = [(at, fault) for at, fault in enumerate(faults(), 1) if asked in (None, at)]
    with tempfile.TemporaryDirectory(prefix="guichet-sabotage-") as folder:
        copy = Path(folder) / "project"
        shutil.copytree(ROOT, copy, ignore=LEFT_OUT, symlinks=True)
        every = tuple(dict.fromkeys(test for _at, fault in chosen for test in fault.tests))
        if run(copy, every) != 0:
            print("Some of these tests fail without any fault: mend that first.", file=sys.stderr)
            return 2
        noticed = 0
        for at, fault in chosen:
            place = copy / fault.file
            whole = place.read_text("utf-8")
            place.write_text(fault.planted(copy), "utf-8")
            answer = run(copy, fault.tests)
            place.write_text(whole, "utf-8")
            noticed += answer == NOTICED
            said = {NOTICED: "noticed", 0: "NOT NOTICED"}.get(answer, f"the tests did not run ({answer})")
            print(f"{at:2}  {said:12}  {fault.name}", flush=True)
    print(f"{noticed} of {len(chosen)}")
    return 0 if noticed == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main())
