"""Measure the main pages with Lighthouse, on its simulated phone, and write the table into docs/lighthouse.md.

    python tools/lighthouse.py                 all pages
    python tools/lighthouse.py home request    some of them, on the screen only
    python tools/lighthouse.py --json FOLDER   keeps the whole reports too

Needs Node 18 or newer and npm, which fetch Lighthouse into build/lighthouse the first time. The portal is a fresh demo
world; pages behind sign-in are fetched with the cookie of a session. Exits 1 when a page is under what was asked.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "tools"))

VERSION = "12.8.2"
PLACE = ROOT / "build" / "lighthouse"
TABLE = ROOT / "docs" / "lighthouse.md"
CATEGORIES = ("performance", "accessibility", "best-practices", "seo")
LEAST = 95
MOST_LCP_MS = 2500
MOST_TBT_MS = 100

# Name, who looks (None: a stranger, whose pages search engines may keep), address. {number} is a request of Alice's.
PAGES: list[tuple[str, str | None, str]] = [
    ("welcome", None, "/"),
    ("sign-in", None, "/login"),
    ("articles", None, "/articles"),
    ("article", None, "/articles/priorities"),
    ("help", None, "/help"),
    ("home", "alice@acme.example", "/"),
    ("list", "alice@acme.example", "/tickets?list=mine&status=all"),
    ("request", "alice@acme.example", "/tickets/{number}"),
    ("form", "alice@acme.example", "/requests/new/incident"),
    ("desk", "sam@guichet.example", "/desk"),
    ("status", None, "/status"),
]

HEAD = """# Lighthouse

Made by `make lighthouse` on {day}: Lighthouse {version}, its simulated phone (a fourth of this processor, 1.6 Mbit/s,
150 ms), Chromium, the demo world on this machine. Asked: {least} and more in each column, largest paint before 2.5 s,
blocked for less than 100 ms. Pages behind sign-in tell search engines to keep out, so they have no mark for search.

| page | performance | accessibility | best practices | search | largest paint | blocked | shift | weight |
|---|---|---|---|---|---|---|---|---|
"""


def ensure() -> Path:
    """Return the path of Lighthouse, fetched when it is not there. Exits with a sentence when it cannot be had."""
    program = PLACE / "node_modules" / ".bin" / "lighthouse"
    if program.exists():
        return program
    if not shutil.which("npm"):
        sys.exit("Lighthouse needs Node and npm: on Debian, apt-get install npm.")
    PLACE.mkdir(parents=True, exist_ok=True)
    command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(PLACE),
               f"lighthouse@{VERSION}"]  # fmt: skip
    if subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode or not program.exists():
        sys.exit(f"npm did not give lighthouse {VERSION}.")
    return program


def cookie_of(server: Any, email: str) -> str:
    """The cookie of a new session of somebody."""
    from tests.support.client import PortalClient

    application = server.application
    application.test_client_class = PortalClient
    client = application.test_client()
    import models

    models.db.connect(reuse_if_open=True)
    client.sign_in(email)
    cookie = client.get_cookie(application.config["SESSION_COOKIE_NAME"])
    return f"{cookie.key}={cookie.value}"


def measure(program: Path, browser: str, url: str, cookie: str | None, into: Path) -> dict[str, Any]:
    """The report of one page."""
    command = [
        str(program), url, "--quiet", "--output=json", f"--output-path={into}",
        f"--only-categories={','.join(CATEGORIES)}",
        "--chrome-flags=--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage",
    ]  # fmt: skip
    if cookie:
        command.append(f"--extra-headers={json.dumps({'Cookie': cookie})}")
    # A machine that is busy makes it miss the beginning of a page: it is asked again, as it asks itself.
    for _try in range(4):
        done = subprocess.run(
            command, env={**os.environ, "CHROME_PATH": browser}, stdin=subprocess.DEVNULL, capture_output=True,
            check=False, timeout=300,
        )  # fmt: skip
        if not done.returncode:
            break
    if done.returncode:
        sys.exit(f"Lighthouse failed on {url}: {done.stderr.decode()[-1500:]}")
    report: dict[str, Any] = json.loads(into.read_text(encoding="utf-8"))
    return report


def line_of(name: str, public: bool, report: dict[str, Any]) -> tuple[str, list[str]]:
    """The line of the table, and what is under what was asked."""
    scores = {
        one: round((report["categories"][one]["score"] or 0) * 100)
        for one in CATEGORIES
        if public or one != "seo"
    }
    audits = report["audits"]
    lcp = audits["largest-contentful-paint"]["numericValue"]
    tbt = audits["total-blocking-time"]["numericValue"]
    shift = audits["cumulative-layout-shift"]["numericValue"]
    weight = audits["total-byte-weight"]["numericValue"]
    faults = [f"{name}: {one} {score}" for one, score in scores.items() if score < LEAST]
    if lcp >= MOST_LCP_MS:
        faults.append(f"{name}: largest paint after {lcp:.0f} ms")
    if tbt >= MOST_TBT_MS:
        faults.append(f"{name}: blocked for {tbt:.0f} ms")
    if faults:
        faults += [
            f"{name}: {one['id']}: {one['title']}"
            for one in audits.values()
            if one.get("score") is not None
            and one["score"] < 0.9
            and one["scoreDisplayMode"] in ("binary", "numeric")
        ]
    cells = [
        name, *(str(scores.get(one, "private")) for one in CATEGORIES),
        f"{lcp / 1000:.1f} s", f"{tbt:.0f} ms", f"{shift:.3f}", f"{weight / 1000:.0f} kB",
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |", faults


def main() -> int:
    import ensure_browser
    import screenshots

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pages", nargs="*", help="names of pages; all of them when none is given")
    parser.add_argument("--json", type=Path, help="keep the whole reports in this folder")
    asked = parser.parse_args()
    program, browser = ensure(), ensure_browser.ensure()
    lines, faults = [], []
    with tempfile.TemporaryDirectory() as folder:
        kept = asked.json or Path(folder, "reports")
        kept.mkdir(parents=True, exist_ok=True)
        server, number = screenshots.served(Path(folder, "data"))
        known = {str(rule) for rule in server.application.url_map.iter_rules()}
        for name, who, address in PAGES:
            if (asked.pages and name not in asked.pages) or (name == "status" and "/status" not in known):
                continue
            cookie = cookie_of(server, who) if who else None
            url = server.url + address.format(number=number)
            report = measure(program, browser, url, cookie, kept / f"{name}.json")
            line, wrong = line_of(name, who is None, report)
            print(line, *wrong, sep="\n", flush=True)
            lines.append(line)
            faults += wrong
        server.stop()
    if not asked.pages:
        TABLE.write_text(
            HEAD.format(version=VERSION, day=f"{datetime.now().astimezone():%d %B %Y}", least=LEAST)
            + "\n".join(lines)
            + "\n",
            encoding="utf-8",
        )
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
