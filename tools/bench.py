"""Measure the pages of the portal with few and with many requests, beside the least that a page can cost.

    python tools/bench.py                                  1,000, 100,000 and 1,000,000 requests
    python tools/bench.py --tickets 1000 --tickets 20000   other numbers
    python tools/bench.py --engine postgresql              on PostgreSQL
    python tools/bench.py --profile list                   where the time of one page goes

The *floor* is a bare Flask and Jinja page of 25 rows, a session cookie and one indexed query of the same database,
behind the same server, in the same run. Requests go one after the other, page after page in rounds, so that a noisy
moment of the machine touches all of them alike. CPU is that of the serving process, from its own clock.
"""

from __future__ import annotations

import argparse
import cProfile
import http.client
import io
import json
import os
import pstats
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

FOLDER = ROOT / "build" / "bench"
PASSWORD = "mesurer sans se presser"
DUE = 1000
ROUNDS, REQUESTS_A_ROUND, WARM_UP = 10, 20, 15
MAY_GROW = 1.25
LIST_MAY_COST = 4.0

FLOOR_PAGE = """<!doctype html>
<html lang="fr"><head><meta charset="utf-8"><title>{{ title }}</title></head><body><main><h1>{{ title }}</h1>
<table>{% for row in rows %}<tr><td><a href="/tickets/{{ row.number }}">{{ row.number }}</a></td>
<td>{{ row.summary }}</td><td>{{ row.status }}</td><td>{{ row.updated_at }}</td></tr>{% endfor %}</table>
</main></body></html>"""


# ---- The serving process -------------------------------------------------------------------------------


def opened(url: str) -> Any:
    """Open the database at `url` as the portal does."""
    import models

    database = models.make_database(url)
    models.db.initialize(database)
    return database


def portal(url: str, data: Path) -> Any:
    """Return the portal on the database `url`."""
    import config
    from app import create_app

    environment = {
        "DATABASE_URL": url,
        "GUICHET_DATA": str(data),
        "SECRET_KEY": "only for measures, long enough to be taken: 0123456789",
        "JOBS": "off",
    }
    return create_app(config.Settings.from_environment(environment))


def floor(url: str) -> Any:
    """Return the bare page."""
    from flask import Flask, redirect, render_template, session
    from jinja2 import DictLoader

    from models import Person, Ticket, db

    opened(url)
    app = Flask("floor")
    app.jinja_loader = DictLoader({"floor.html": FLOOR_PAGE})
    app.secret_key = "only for measures, long enough to be taken: 0123456789"
    app.before_request(lambda: db.connect(reuse_if_open=True) and None)

    @app.teardown_request
    def disconnect(_fault: BaseException | None) -> None:
        if not db.is_closed():
            db.close()

    @app.get("/enter/<email>")
    def enter(email: str) -> Any:
        session["person"] = Person.get(Person.email == email).id
        return redirect("/")

    @app.get("/")
    def page() -> str:
        rows = (
            Ticket.select(Ticket.number, Ticket.summary, Ticket.status, Ticket.updated_at)
            .where(Ticket.requester == session["person"])
            .order_by(Ticket.id.desc())
            .limit(25)
        )
        return render_template("floor.html", title="Demandes", rows=rows)

    return app


def counted(application: Any) -> Any:
    """Wrap an application: X-Bench-Queries on each answer, and /__bench for the clock and the memory."""
    from peewee import Database

    here = threading.local()
    execute = Database.execute_sql

    def execute_and_count(self: Any, sql: Any, params: Any = None, *rest: Any, **more: Any) -> Any:
        here.queries = getattr(here, "queries", 0) + 1
        return execute(self, sql, params, *rest, **more)

    Database.execute_sql = execute_and_count

    def serve(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/__bench":
            body = json.dumps({"cpu": time.process_time(), "memory": memory()}).encode()
            start_response(
                "200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
            )
            return [body]
        here.queries = 0

        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            return start_response(status, [*headers, ("X-Bench-Queries", str(here.queries))], *rest)

        return application(environ, start)

    return serve


def memory() -> float:
    """Resident memory of this process, in MB; 0 where the system does not say."""
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return 0.0


def serve(what: str, url: str, port: int) -> None:
    """Serve the floor or the portal until the end of standard input."""
    import waitress

    application = floor(url) if what == "floor" else portal(url, FOLDER / "data")
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    waitress.serve(counted(application), host="127.0.0.1", port=port, threads=8, ident=None, _quiet=True)


class Served:
    """A serving process, and the browser that asks it: cookies kept, one connection."""

    def __init__(self, what: str, url: str) -> None:
        from tests.support.server import free_port

        self.port = free_port()
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--serve", what, "--url", url, "--port", str(self.port)],
            stdin=subprocess.PIPE,
            cwd=ROOT,
        )
        self.cookies: dict[str, str] = {}
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        deadline = time.monotonic() + 30
        while True:
            try:
                self.state()
                return
            except OSError:
                self.connection.close()
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise RuntimeError(f"the {what} did not start") from None
                time.sleep(0.05)

    def state(self) -> dict[str, float]:
        """CPU seconds used so far, and memory in MB."""
        state: dict[str, float] = json.loads(self.ask("GET", "/__bench").text)
        return state

    def ask(self, method: str, path: str, fields: Iterable[tuple[str, str]] = ()) -> Answer:
        """Ask for a page and return what came, with how long it took."""
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        body = None
        if method == "POST":
            body = urlencode(list(fields)).encode()
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        begun = time.perf_counter()
        self.connection.request(method, path, body, headers)
        response = self.connection.getresponse()
        content = response.read()
        took = (time.perf_counter() - begun) * 1000
        for line in response.headers.get_all("Set-Cookie") or ():
            name, _, value = line.split(";")[0].partition("=")
            self.cookies[name] = value
        return Answer(
            response.status, content.decode(errors="replace"), took, int(response.headers.get("X-Bench-Queries", 0)),
            response.headers.get("Location", ""),
        )  # fmt: skip

    def fill(self, path: str, **typed: str) -> tuple[str, list[tuple[str, str]]]:
        """Fetch a form and fill it; return where it goes and what it sends."""
        from tests.support.client import choose_form, values_of

        page = self.ask("GET", path)
        if page.status != 200:
            raise RuntimeError(f"GET {path} answered {page.status}")
        form = choose_form(page.text, None, path)
        values = values_of(form)
        for name, value in typed.items():
            if any(element.get("name") == name for element in form.iter()):
                values.setlist(name, [value])
        return urlsplit(form.get("action") or path).path, [
            (name, str(value)) for name, value in values.items(multi=True)
        ]

    def sign_in(self, email: str) -> None:
        """Sign somebody of the demo world in."""
        self.cookies.clear()
        path, fields = self.fill("/login", email=email, password=PASSWORD)
        answer = self.ask("POST", path, fields)
        if answer.status != 303:
            raise RuntimeError(f"{email} could not sign in: {answer.status}")

    def stop(self) -> None:
        self.connection.close()
        if self.process.stdin:
            self.process.stdin.close()
        self.process.wait(timeout=10)


@dataclass(frozen=True)
class Answer:
    """What came back, and how many milliseconds and queries it took."""

    status: int
    text: str
    took: float
    queries: int
    location: str


# ---- The numbers ---------------------------------------------------------------------------------------


@dataclass
class Figures:
    """What was measured of one page at one number of requests."""

    page: str
    times: list[float] = field(default_factory=list)
    cpu: float = 0.0
    asked: int = 0
    queries: set[int] = field(default_factory=set)

    @property
    def median(self) -> float:
        return statistics.median(self.times)

    @property
    def p95(self) -> float:
        return statistics.quantiles(self.times, n=20)[-1] if len(self.times) > 1 else self.times[0]

    @property
    def cpu_ms(self) -> float:
        return self.cpu / max(self.asked, 1) * 1000

    def line(self) -> str:
        queries = (
            "-".join(str(number) for number in sorted({min(self.queries), max(self.queries)}))
            if self.queries
            else ""
        )
        return f"{self.page:22}{self.median:10.2f}{self.p95:10.2f}{self.cpu_ms:10.2f}{queries:>10}"


def load(url: str, tickets: int, now: datetime) -> None:
    """Make the tables, the demo world and `tickets` requests."""
    import models
    import seeds
    import volume
    from domain import presets, schema
    from domain import settings as choices

    database = opened(url)
    with database.connection_context():
        schema.upgrade()
        presets.apply("default", None, now)
        seeds.seed_demo(now, PASSWORD)
        # The pace of a person is not what is measured.
        models.PortalSetting.delete().where(models.PortalSetting.key == "requests_per_minute").execute()
        models.PortalSetting.create(key="requests_per_minute", value=1000)
        choices.forget()
        volume.fill(
            tickets, now=now, progress=lambda done: print(f"\r  {done:,} loaded", end="", file=sys.stderr)
        )
        print("\r" + " " * 30, end="\r", file=sys.stderr)
    database.close_all()


def number_of_alice(url: str) -> str:
    """Return the number of a request of Alice's that has some messages."""
    from peewee import fn

    from models import Message, Person, Ticket

    database = opened(url)
    with database.connection_context():
        row = (
            Ticket.select(Ticket.number)
            .join(Person, on=(Ticket.requester == Person.id))
            .switch(Ticket)
            .join(Message, on=(Message.ticket == Ticket.id))
            .where(Person.email == "alice@acme.example")
            .group_by(Ticket.id, Ticket.number)
            .having(fn.COUNT(Message.id).between(4, 6))
            .order_by(Ticket.id.desc())
            .first()
        )
    database.close_all()
    return str(row.number)


def measure_pages(url: str, rounds: int) -> list[Figures]:
    """Ask for every page in turn, `rounds` times; return the figures, the floor first."""
    bare, customer, agent = Served("floor", url), Served("portal", url), Served("portal", url)
    served = [bare, customer, agent]
    try:
        bare.ask("GET", "/enter/alice@acme.example")
        customer.sign_in("alice@acme.example")
        agent.sign_in("sam@guichet.example")
        number = number_of_alice(url)
        pages: list[tuple[str, Served, str]] = [
            ("floor", bare, "/"),
            ("list", customer, "/tickets?list=mine&status=all"),
            ("list, organisation", customer, "/tickets?list=organisation&status=all"),
            ("detail", customer, f"/tickets/{number}"),
            ("form", customer, "/requests/new/question"),
            ("search", customer, "/tickets?list=organisation&status=all&q=facture"),
            ("desk", agent, "/desk"),
            ("desk, search", agent, "/desk?q=facture"),
            ("desk, request", agent, f"/desk/tickets/{number}"),
        ]
        figures = {name: Figures(name) for name, _who, _path in pages}
        create = figures["create"] = Figures("create")
        for name, who, path in pages:
            for _ in range(WARM_UP):
                answer = who.ask("GET", path)
            if answer.status != 200:
                raise RuntimeError(f"{name}: GET {path} answered {answer.status}")
        for turn in range(rounds):
            for name, who, path in pages:
                one = figures[name]
                before = who.state()["cpu"]
                for _ in range(REQUESTS_A_ROUND):
                    answer = who.ask("GET", path)
                    one.times.append(answer.took)
                    one.queries.add(answer.queries)
                one.cpu += who.state()["cpu"] - before
                one.asked += REQUESTS_A_ROUND
            create_requests(customer, create, turn)
        figures["memory"] = Figures(f"memory {customer.state()['memory']:.0f} MB", [0.0])
        return list(figures.values())
    finally:
        for process in served:
            process.stop()


def create_requests(who: Served, figures: Figures, turn: int) -> None:
    """Send some requests; only the sending is measured."""
    for place in range(max(REQUESTS_A_ROUND // 4, 1)):
        path, fields = who.fill(
            "/requests/new/question",
            summary=f"Mesure {turn}-{place} de la clôture",
            description="Une question écrite pour mesurer, avec assez de mots pour être vraie.",
            consent="y",
        )
        before = who.state()["cpu"]
        answer = who.ask("POST", path, fields)
        figures.cpu += who.state()["cpu"] - before
        if answer.status != 303:
            raise RuntimeError(f"creating a request answered {answer.status}")
        figures.times.append(answer.took)
        figures.queries.add(answer.queries)
        figures.asked += 1


def measure_sweep(url: str, now: datetime) -> Figures:
    """Make DUE requests due, half to remind of and half to close, and sweep."""
    from domain import closing
    from models import Ticket

    database = opened(url)
    figures = Figures(f"sweep of {DUE:,} due")
    with database.connection_context():
        closing.forget()
        chosen = [row[0] for row in Ticket.select(Ticket.id).order_by(Ticket.id.desc()).limit(DUE).tuples()]
        long_ago = now - timedelta(days=30)
        for start, status in ((0, "waiting_customer"), (1, "resolved")):
            keys = chosen[start::2]
            for first in range(0, len(keys), 500):
                Ticket.update(
                    status=status,
                    status_since=long_ago,
                    last_message_at=long_ago,
                    reminders_sent=0,
                    act_at=now - timedelta(days=1),
                    closed_at=None,
                ).where(Ticket.id.in_(keys[first : first + 500])).execute()
        # The rest of the database may have become due by the calendar: not part of the thousand.
        due = Ticket.select().where(Ticket.act_at.is_null(False) & (Ticket.act_at <= now)).count()
        cpu, begun = time.process_time(), time.perf_counter()
        done = closing.sweep(now)
        figures.times.append((time.perf_counter() - begun) * 1000)
        figures.cpu, figures.asked = time.process_time() - cpu, 1
        if due < len(chosen) or done < due:
            raise RuntimeError(f"{due} due, {done} done: {len(chosen)} were expected")
    database.close_all()
    return figures


def profile(url: str, page: str) -> None:
    """Print where the time of one page goes, by function and by module."""
    paths = {"list": "/tickets?list=mine&status=all", "form": "/requests/new/question"}
    paths["detail"] = f"/tickets/{number_of_alice(url)}"
    who = Served("portal", url)
    who.sign_in("alice@acme.example")
    cookies = dict(who.cookies)
    who.stop()
    app = portal(url, FOLDER / "data")
    client = app.test_client()
    for name, value in cookies.items():
        client.set_cookie(name, value)
    for _ in range(WARM_UP):
        client.get(paths[page])
    profiler = cProfile.Profile()
    profiler.enable()
    for _ in range(200):
        client.get(paths[page])
    profiler.disable()
    out = io.StringIO()
    pstats.Stats(profiler, stream=out).sort_stats("cumulative").print_stats(60)
    print(out.getvalue())


def verdicts(results: dict[int, list[Figures]]) -> list[str]:
    """Return what the figures say against what is wanted of them."""
    said = []
    numbers = sorted(results)
    for number in numbers:
        by_name = {figures.page: figures for figures in results[number]}
        times = by_name["list"].cpu_ms / by_name["floor"].cpu_ms
        word = "ok" if times <= LIST_MAY_COST else "TOO MUCH"
        said.append(
            f"{word:9} {number:>9,}: the list costs {times:.1f} times the floor's CPU (at most {LIST_MAY_COST:g})"
        )
    if len(numbers) > 1:
        few = {figures.page: figures for figures in results[numbers[0]]}
        for figures in results[numbers[-1]]:
            if figures.page.startswith("memory") or figures.page not in few:
                continue
            growth = figures.median / few[figures.page].median
            cpu = figures.cpu_ms / max(few[figures.page].cpu_ms, 0.001)
            word = "ok" if max(growth, cpu) <= MAY_GROW else "GREW"
            said.append(f"{word:9} {figures.page}: median x {growth:.2f}, CPU x {cpu:.2f} to {numbers[-1]:,}")
    return said


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tickets", type=int, action="append", help="a number of requests (again for more)")
    parser.add_argument("--engine", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument(
        "--rounds", type=int, default=ROUNDS, help=f"rounds of {REQUESTS_A_ROUND} requests a page"
    )
    parser.add_argument(
        "--profile", choices=["list", "detail", "form"], help="say where the time of a page goes"
    )
    parser.add_argument("--strict", action="store_true", help="exit 1 when a page costs or grows too much")
    parser.add_argument("--keep", action="store_true", help="keep the databases in build/bench")
    parser.add_argument("--serve", choices=["floor", "portal"], help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        serve(asked.serve, asked.url, asked.port)
        return 0

    from tests.support.databases import make_engine

    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    engine = make_engine(asked.engine, FOLDER)
    now = datetime.now(UTC)
    results: dict[int, list[Figures]] = {}
    try:
        for tickets in sorted(asked.tickets or [1_000, 100_000, 1_000_000]):
            begun = time.perf_counter()
            url = (
                engine.copy("empty", lambda _url: None) if asked.engine == "postgresql" else file_url(tickets)
            )
            load(url, tickets, now)
            print(f"\n{tickets:,} requests on {asked.engine}, loaded in {time.perf_counter() - begun:.0f} s")
            if asked.profile:
                profile(url, asked.profile)
                continue
            print(f"{'page':22}{'median ms':>10}{'p95 ms':>10}{'CPU ms':>10}{'queries':>10}", flush=True)
            results[tickets] = measure_pages(url, asked.rounds)
            results[tickets].append(measure_sweep(url, now))
            for figures in results[tickets]:
                print(figures.page if figures.page.startswith("memory") else figures.line(), flush=True)
            if not asked.keep:
                engine.drop(url)
    finally:
        engine.stop()
        if not asked.keep:
            shutil.rmtree(FOLDER, ignore_errors=True)
    said = verdicts(results) if results else []
    print("\n" + "\n".join(said))
    return 1 if asked.strict and any(not line.startswith("ok") for line in said) else 0


def file_url(tickets: int) -> str:
    """Return the address of the SQLite file for this number of requests."""
    return f"sqlite:///{FOLDER / f'{tickets}.db'}"


if __name__ == "__main__":
    sys.exit(main())
