"""S49: what the portal writes is for its own account, whatever the mask of the shell that started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from tests.support.server import free_port

ROOT = Path(__file__).resolve().parents[2]


def environment(data: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GUICHET_")}
    return {**kept, "GUICHET_DATA": str(data), **more}


def open_to_others(folder: Path) -> list[str]:
    """What lies in the folder and has a right for the group or the rest of the world."""
    return [
        f"{path.relative_to(folder)} {path.stat().st_mode & 0o777:o}"
        for path in folder.rglob("*")
        if path.stat().st_mode & 0o077
    ]


def test_a_served_portal_leaves_nothing_that_others_can_read(tmp_path: Path) -> None:
    data = tmp_path / "data"
    # Made by an operator beforehand, with the usual rights.
    data.mkdir(mode=0o755)
    port = free_port()
    served = subprocess.Popen(
        [sys.executable, "-m", "flask", "--app", "app", "serve"],
        cwd=ROOT,
        env=environment(data, PORT=str(port), GUICHET_DEMO="1"),
        stdout=subprocess.DEVNULL,
        umask=0o022,
    )
    try:
        for _try in range(300):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2).read()
                break
            except OSError:
                time.sleep(0.1)
        else:
            raise AssertionError("the portal did not come up")
        files = {path.name for path in data.rglob("*") if path.is_file()}
        assert {"guichet.db", "secret", "demo-sign-ins.txt"} <= files
        assert open_to_others(data) == []
    finally:
        served.send_signal(signal.SIGTERM)
        served.wait(20)


def test_commands_leave_nothing_that_others_can_read(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o755)
    for command in (["db", "upgrade"], ["jobs", "run", "closing"]):
        subprocess.run(
            [sys.executable, "-m", "flask", "--app", "app", *command],
            cwd=ROOT,
            env=environment(data),
            stdout=subprocess.DEVNULL,
            umask=0o022,
            check=True,
        )
    assert (data / "guichet.db").exists()
    assert open_to_others(data) == []
