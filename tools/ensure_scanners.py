"""Find the scanners that `make test-long` sets on a portal, wapiti and sqlmap, or install them.

    python tools/ensure_scanners.py      prints where they are; exits 1 with a sentence when they cannot be had

They live in a virtual environment of their own, build/scanners, because they want other versions of libraries than the
portal does. SCANNERS_HOME names another environment that holds both.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

WAPITI, SQLMAP = "3.2.3", "1.10.10"
PACKAGES = (f"wapiti3=={WAPITI}", f"sqlmap=={SQLMAP}")
KEPT = Path(__file__).resolve().parent.parent / "build" / "scanners" / f"wapiti-{WAPITI}-sqlmap-{SQLMAP}"
PROGRAMS = ("wapiti", "sqlmap")
# The environment works only where it was made: it is made in its place, and is whole when this file is in it.
WHOLE = "whole"
INSTALL_SECONDS = 1200


class NoScanners(RuntimeError):
    """The scanners cannot be had; the message says what to do."""


def find() -> Path | None:
    """Return the folder of the two programs when they are there, or None.

    Raises NoScanners when SCANNERS_HOME names an environment without them.
    """
    asked = os.environ.get("SCANNERS_HOME")
    home = Path(asked) if asked else KEPT
    there = all(os.access(home / "bin" / name, os.X_OK) for name in PROGRAMS)
    if asked and not there:
        raise NoScanners(f"SCANNERS_HOME names {asked}, where bin/wapiti and bin/sqlmap are not both there.")
    return home / "bin" if there and (asked or (home / WHOLE).exists()) else None


def fetch() -> Path:
    """Make the environment anew and return the folder of its programs. Raises NoScanners."""
    shutil.rmtree(KEPT.parent, ignore_errors=True)
    KEPT.parent.mkdir(parents=True)
    print(f"Installing {' and '.join(PACKAGES)} in an environment of their own ...", file=sys.stderr)
    pip = [
        str(KEPT / "bin" / "python"),
        "-m",
        "pip",
        "install",
        "-q",
        "--disable-pip-version-check",
        "--no-input",
    ]
    for command, sentence in (
        (
            [sys.executable, "-m", "venv", str(KEPT)],
            "Python could not make a virtual environment. On Debian and Ubuntu: apt-get install python3-venv",
        ),
        (
            [*pip, "--prefer-binary", *PACKAGES],
            f"{' and '.join(PACKAGES)} could not be installed (what pip said is above); with "
            "SCANNERS_HOME=/path/to/an/environment that holds both they are not needed.",
        ),
    ):
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False, timeout=INSTALL_SECONDS
            )
        except (OSError, subprocess.TimeoutExpired) as problem:
            raise NoScanners(f"{sentence} ({problem})") from None
        if done.returncode:
            raise NoScanners(sentence)
    (KEPT / WHOLE).touch()
    found = find()
    if found is None:
        raise NoScanners(
            f"{' and '.join(PACKAGES)} were installed, but their programs are not in {KEPT / 'bin'}."
        )
    return found


def ensure() -> Path:
    """Return the folder of the programs, installing them when they are not there. Raises NoScanners."""
    return find() or fetch()


if __name__ == "__main__":
    try:
        print(f"Scanners: {ensure()}")
    except NoScanners as problem:
        sys.exit(str(problem))
