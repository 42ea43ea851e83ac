"""Find the browser that the tests drive, and install one when there is none.

    python tools/ensure_browser.py      prints its path; exits 1 with a sentence when none can be had

Looked for in this order: CHROMIUM_PATH, Debian's Chromium, Google Chrome, the one that Playwright keeps. When none
is there: Debian's package when this runs as root, else the build that Playwright downloads.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
APT = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=600"]


class NoBrowser(RuntimeError):
    """No browser can be had; the message says what to do."""


def find() -> str | None:
    """Return the path of a browser that is there, or None. Raises NoBrowser when CHROMIUM_PATH names none."""
    asked = os.environ.get("CHROMIUM_PATH")
    if asked:
        if not os.access(asked, os.X_OK):
            raise NoBrowser(f"CHROMIUM_PATH names {asked}, which is not a program that can be run.")
        return asked
    for name in NAMES:
        path = shutil.which(name)
        if path:
            return path
    return downloaded()


def downloaded() -> str | None:
    """Return the path of the Chromium that Playwright downloaded, or None."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def install_from_debian() -> bool:
    """Install Debian's package; tell whether it worked. Needs root."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return False
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    print("Installing Chromium (Debian's package) for the browser tests ...", file=sys.stderr)
    for command in (
        [*APT, "update"],
        [*APT, "install", "-y", "--no-install-recommends", "chromium"],
    ):
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False
        )
        if done.returncode and command[-1] == "chromium":
            return False
    return True


def install_from_playwright() -> bool:
    """Let Playwright download its Chromium; tell whether it worked."""
    print("Downloading Chromium (Playwright's build) for the browser tests ...", file=sys.stderr)
    command = [sys.executable, "-m", "playwright", "install", "chromium"]
    try:
        return not subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False, timeout=900
        ).returncode
    except subprocess.TimeoutExpired:
        return False


def ensure() -> str:
    """Return the path of a browser, installing one when there is none. Raises NoBrowser when none can be had."""
    path = find()
    for install in (install_from_debian, install_from_playwright):
        if path:
            break
        if install():
            path = find()
    if not path:
        raise NoBrowser(
            "No browser for the tests: install Chromium (on Debian: apt-get install chromium), "
            "or say where one is with CHROMIUM_PATH=/path/to/chromium."
        )
    return path


if __name__ == "__main__":
    try:
        print(f"Browser of the tests: {ensure()}")
    except NoBrowser as problem:
        sys.exit(str(problem))
