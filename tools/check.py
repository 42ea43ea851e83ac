"""Run every check that looks at the code without running it; say which failed. `make check` calls it.

All of them run, whatever the first says: one run shows everything that is to mend.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable


def checks() -> list[tuple[str, list[str]]]:
    """Return what is checked, with the command of each."""
    return [
        ("lint", [PYTHON, "-m", "ruff", "check", "--quiet", "."]),
        ("layout", [PYTHON, "-m", "ruff", "format", "--check", "--quiet", "."]),
        # Medium and above; each line that is left alone says so, and ruff's rule beside it says why.
        ("security", [PYTHON, "-m", "bandit", "--quiet", "-ll", "-r", ".", "-x", "./.venv,./build,./tests"]),
        ("types", [PYTHON, "-m", "mypy", "--no-error-summary"]),
        ("styles", [PYTHON, "tools/bootstrap.py", "--check"]),
        ("icons", [PYTHON, "tools/icons.py", "--check"]),
        ("French", [PYTHON, "tools/messages.py", "check"]),
    ]


def main() -> int:
    failed = []
    for name, command in checks():
        # bandit tells of each line that it was asked to leave alone.
        errors = subprocess.DEVNULL if name == "security" else None
        done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stderr=errors, check=False)
        print(f"{name:10} {'ok' if not done.returncode else 'FAILED'}", flush=True)
        if done.returncode:
            failed.append(name)
    if failed:
        print(f"To mend: {', '.join(failed)}.", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
