"""Find the checker of HTML that `make test-long` runs over saved pages, and fetch it when it is not there.

    python tools/ensure_vnu.py      prints its path; exits 1 with a sentence when it cannot be had

The checker (vnu.jar, of the npm package vnu-jar) is kept in build/vnu. It needs a Java of version 11 or newer: Debian's
package is installed when this runs as root. VNU_JAR says where another one is.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

VERSION = "26.9.27"
KEPT = Path(__file__).resolve().parent.parent / "build" / "vnu" / f"vnu-{VERSION}.jar"
INSIDE = "package/build/dist/vnu.jar"
APT = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=600"]


class NoChecker(RuntimeError):
    """The checker cannot be had; the message says what to do."""


def find() -> Path | None:
    """Return the path of the checker when it is there, or None. Raises NoChecker when VNU_JAR names nothing."""
    asked = os.environ.get("VNU_JAR")
    if asked and not Path(asked).is_file():
        raise NoChecker(f"VNU_JAR names {asked}, which is not there.")
    path = Path(asked) if asked else KEPT
    return path if path.is_file() else None


def fetch() -> Path:
    """Take the checker out of its package; nothing of the package is run. Raises NoChecker without npm."""
    if not shutil.which("npm"):
        raise NoChecker(
            "No checker of HTML: install npm, or say where vnu.jar is with VNU_JAR=/path/to/vnu.jar."
        )
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", "--silent", "--ignore-scripts", f"vnu-jar@{VERSION}"]
        done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False)
        packed = list(Path(folder).glob("*.tgz"))
        if done.returncode or not packed:
            raise NoChecker(
                f"npm did not give vnu-jar {VERSION}; with VNU_JAR=/path/to/vnu.jar it is not needed."
            )
        KEPT.parent.mkdir(parents=True, exist_ok=True)
        with tarfile.open(packed[0]) as archive:
            jar = archive.extractfile(INSIDE)
            assert jar is not None
            half = KEPT.with_suffix(".part")
            half.write_bytes(jar.read())
        half.replace(KEPT)
    return KEPT


def ensure_java() -> None:
    """Install Debian's headless Java when there is none and this runs as root. Raises NoChecker without one."""
    if not shutil.which("java") and os.geteuid() == 0 and shutil.which("apt-get"):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (
            [*APT, "update"],
            [*APT, "install", "-y", "--no-install-recommends", "default-jre-headless"],
        ):
            subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False)
    if not shutil.which("java"):
        raise NoChecker("No Java for the checker of HTML: on Debian, apt-get install default-jre-headless.")


def ensure() -> Path:
    """Return the path of the checker, with a Java to run it. Raises NoChecker when one of them cannot be had."""
    ensure_java()
    return find() or fetch()


if __name__ == "__main__":
    try:
        print(f"Checker of HTML: {ensure()}")
    except NoChecker as problem:
        sys.exit(str(problem))
