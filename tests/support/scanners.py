"""Calls of wapiti and sqlmap on an address of this machine, and what stands beside them: a counter of answers, and the
address that a portal would call if it could be made to.

What they find comes back as sentences. Neither reaches beyond the machine: every other address goes to a proxy that is
not there.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

ROOT = Path(__file__).resolve().parent.parent.parent
# Nobody listens there.
NOWHERE = "http://127.0.0.1:9"


def programs() -> Path:
    """The folder of the two programs. A machine without them fails: a test that did not run has proved nothing."""
    sys.path.insert(0, str(ROOT / "tools"))
    import ensure_scanners

    found = ensure_scanners.find()
    assert found is not None, "no scanners: run `make test-long`, or `python tools/ensure_scanners.py`"
    return found


def run(command: list[str], folder: Path, seconds: float) -> str:
    """Run a scanner in `folder`, where everything it keeps stays; returns what it said. Fails when it does not end."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GUICHET_")},
        "HOME": str(folder), "XDG_DATA_HOME": str(folder), "PYTHONWARNINGS": "ignore",
        **dict.fromkeys(("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), NOWHERE),
        "no_proxy": "127.0.0.1", "NO_PROXY": "127.0.0.1",
    }  # fmt: skip
    done = subprocess.run(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        check=False, timeout=seconds,
    )  # fmt: skip
    said = done.stdout.decode("utf-8", "replace")
    (folder / "said.txt").write_text(said, encoding="utf-8")
    assert done.returncode == 0, said[-3000:]
    return said


# ---- What the portal answered -----------------------------------------------------------------------------------


@dataclass
class Traffic:
    """A WSGI application with its answers counted: a scan of refusals alone would have found nothing anywhere."""

    application: Any
    statuses: Counter[int] = field(default_factory=Counter)
    paths: Counter[str] = field(default_factory=Counter)
    # What was refused before it was read (400), by method and kind of body.
    unread: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    to_sign_in: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        def counted(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            code = int(status[:3])
            with self._lock:
                self.statuses[code] += 1
                self.paths[environ["PATH_INFO"]] += 1
                if code == 303 and any(
                    name.lower() == "location" and re.search("/login(?:[?]|$)", value)
                    for name, value in headers
                ):
                    self.to_sign_in += 1
                if code == 400:
                    kind = environ.get("CONTENT_TYPE", "").partition(";")[0]
                    self.unread[f"{environ['REQUEST_METHOD']} {kind or 'without a body'}"] += 1
                if code >= 500:
                    asked = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}?{environ.get('QUERY_STRING', '')}"
                    self.faults.append(f"{code} for {asked[:600]}")
            return start_response(status, headers, *more)

        return self.application(environ, counted)

    @property
    def total(self) -> int:
        """How many answers there were."""
        return self.statuses.total()

    def share(self, *codes: int) -> float:
        """Which part of all answers had one of these statuses."""
        return sum(self.statuses[code] for code in codes) / max(self.total, 1)


class Calls:
    """A WSGI application that knows who called it, and tells wapiti in the words that its own server would use."""

    def __init__(self) -> None:
        self.made: list[tuple[str, str, str]] = []

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
        path = environ["PATH_INFO"]
        called = re.fullmatch(r"/ssrf/(\w+)/(\d+)/(\w+)/?", path)
        body = b"{}"
        if called:
            self.made.append((called[1], called[2], called[3]))
        elif path.startswith("/get_"):
            asked = parse_qs(environ.get("QUERY_STRING", "")).get("session_id", [""])[0]
            told: dict[str, dict[str, list[dict[str, str]]]] = {}
            for session, place, name in self.made:
                if session == asked and path == "/get_ssrf.php":
                    told.setdefault(place, {})[name] = [
                        {"url": path, "date": "now", "ip": "127.0.0.1", "method": "GET"}
                    ]
            body = json.dumps(told).encode()
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return iter([body])


# ---- wapiti -----------------------------------------------------------------------------------------------------


@dataclass
class Wapiti:
    """What one run said: sentences, and how many addresses it had found to attack."""

    found: list[str]
    pages: int
    said: str


def wapiti(
    url: str,
    folder: Path,
    modules: Iterable[str],
    *,
    cookie: str = "",
    starts: Iterable[str] = (),
    excluded: Iterable[str] = (),
    skipped: Iterable[str] = (),
    endpoint: str = NOWHERE,
    crawl_seconds: int = 40,
    module_seconds: int = 30,
) -> Wapiti:
    """Crawl the site at `url` from its front page and from `starts`, then attack with `modules`.

    Arguments: cookie, the header of somebody who is signed in; excluded, addresses left alone (* stands for anything);
    skipped, parameters that are sent as they were; endpoint, the address of a Calls; seconds, for the crawl as a whole
    and for each module. Vulnerabilities and anomalies (among them answers of 500) come back alike.
    """
    folder.mkdir(parents=True)
    report = folder / "report.json"
    modules = list(modules)
    command = [
        str(programs() / "wapiti"), "-u", f"{url}/", "--scope", "folder", "-m", ",".join(modules), "-f", "json",
        "-o", str(report), "--no-bugreport", "--flush-session", "--store-session", str(folder / "session"),
        "--store-config", str(folder / "config"), "--endpoint", endpoint, "--dns-endpoint", "localhost", "-d", "3",
        "--max-files-per-dir", "12", "--max-links-per-page", "60", "--max-parameters", "40", "--tasks", "3", "-t", "20",
        "--max-scan-time", str(crawl_seconds), "--max-attack-time", str(module_seconds), "-v", "1",
    ]  # fmt: skip
    command += [part for start in starts for part in ("-s", url + start)]
    command += [part for path in excluded for part in ("-x", url + path)]
    command += [part for name in skipped for part in ("--skip", name)]
    if cookie:
        command += ["-H", f"Cookie: {cookie}"]
    said = run(command, folder, crawl_seconds + module_seconds * (len(modules) + 2) + 120)
    read = json.loads(report.read_text(encoding="utf-8"))
    found = [
        f"{kind}: {one['method']} {one['path']} {one['parameter'] or ''}: {one['info']} ({one['module']})"
        for part in ("vulnerabilities", "anomalies")
        for kind, several in read[part].items()
        for one in several
    ]
    return Wapiti(found, int(read["infos"]["crawled_pages_nbr"]), said)


# ---- sqlmap -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Target:
    """An address with its parameters: in the query, as a * in the path, or in `data` when it is sent as a form."""

    who: str
    address: str
    parameters: tuple[str, ...] = ()
    data: str = ""
    # Where the token of the form is read anew before each request.
    token_from: str = ""
    # What is another one in each request.
    random: str = ""
    risk: int = 2
    # Whether PostgreSQL is asked too.
    both: bool = False


def sqlmap(
    url: str, folder: Path, target: Target, *, dbms: str, cookie: str = "", seconds: int = 900
) -> tuple[list[str], set[str]]:
    """Try to inject SQL into the parameters of a target, at level 3 and with every technique.

    Returns what could be injected, in sqlmap's words, and the parameters that it went through to the end.
    """
    folder.mkdir(parents=True)
    command = [
        str(programs() / "sqlmap"), "-u", url + target.address, "--batch", "--flush-session", "--disable-coloring",
        "--output-dir", str(folder / "out"), "--level", "3", "--risk", str(target.risk), "--dbms", dbms,
        "--technique", "BEUSTQ", "--timeout", "30", "--retries", "0", "--drop-set-cookie",
        # A page that is not there is an answer like another; the addresses that a refusal leads to are not attacked.
        "--ignore-code", "400,403,404,409,410,422", "--ignore-redirects",
    ]  # fmt: skip
    if target.parameters:
        command += ["-p", ",".join(target.parameters)]
    if target.data:
        command += ["--data", target.data]
    if target.token_from:
        command += ["--csrf-token", "csrf_token", "--csrf-url", url + target.token_from]
    if target.random:
        command += ["--randomize", target.random]
    if cookie:
        command += ["--cookie", cookie]
    said = run(command, folder, seconds)
    tested = set(re.findall(r"parameter '([^']+)' does not seem to be injectable", said))
    found = re.findall(r"^Parameter: .*?(?=^---|\Z)", said, re.MULTILINE | re.DOTALL)
    tested |= set(re.findall(r"^Parameter: (\S+)", said, re.MULTILINE))
    return [f"{target.address} {' '.join(one.split())}" for one in found], tested
