"""Measure the pages of the portal with few and with many requests, beside the least that a page can cost.

    python tools/bench.py                                  1,000, 100,000 and 1,000,000 requests
    python tools/bench.py --tickets 1000 --tickets 20000   other numbers
    python tools/bench.py --engine postgresql              on PostgreSQL
    python tools/bench.py --profile list                   where the time of one page goes

The *floor* is a bare Flask and Jinja page of 25 rows, a session cookie and one indexed query of the same database,
behind the same server, in the same run. All databases are served at once and asked in turn, one request after the
other, page after page in rounds, so that a noisy moment of the machine touches few and many requests alike. CPU is
that of the serving process, from its own clock; it is the median of the rounds. docs/bench.md says how to read it.
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

# A million requests take four gigabytes: BENCH_FOLDER names a bigger disk.
FOLDER = Path(os.environ.get("BENCH_FOLDER", ROOT / "build" / "bench"))
PASSWORD = "mesurer sans se presser"
# A word of nearly every request: the dearest to look for.
COMMON_WORD = "le"
DUE = 1000
ROUNDS, REQUESTS_A_ROUND, WARM_UP = 20, 10, 15
SWEPT_AT_ONCE = 100
MAY_GROW = 1.25
# What takes less than this cannot be told from the noise of the machine.
TOO_LITTLE_MS = 1.0
LIST_MAY_COST = 4.0
# A sweep that finds nothing, and one that has much to do.
IDLE_SWEEP_MS, SWEPT_A_SECOND = 10.0, 500

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
    """Return the bare page on the database `url`."""
    opened(url)
    return floor_page()


def floor_page() -> Any:
    """Return the bare page, on the database that is open."""
    from flask import Flask, redirect, render_template, session
    from jinja2 import DictLoader

    from models import Person, Ticket, db

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
    # Milliseconds of each answer; CPU milliseconds a request, one number for each round.
    times: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    queries: list[int] = field(default_factory=list)
    rows: int = 0

    @property
    def median(self) -> float:
        return statistics.median(self.times)

    @property
    def p95(self) -> float:
        return statistics.quantiles(self.times, n=20)[-1] if len(self.times) > 1 else self.times[0]

    @property
    def cpu_ms(self) -> float:
        return statistics.median(self.cpu)

    def line(self, floor: Figures | None) -> str:
        """One line of the table."""
        # Every two seconds a page also reads settings and catalogue afresh: the most is then more than the usual.
        queries = f"{statistics.mode(self.queries)} ({max(self.queries)})" if self.queries else ""
        times = f"{self.cpu_ms / floor.cpu_ms:.1f}" if floor and self.queries else ""
        return (
            f"{self.page:24}{self.median:>10,.2f}{self.p95:>10,.2f}{self.cpu_ms:>10,.2f}{times:>9}{queries:>10}"
            f"{self.rows or '':>6}"
        )


HEAD = f"{'page':24}{'median ms':>10}{'p95 ms':>10}{'CPU ms':>10}{'x floor':>9}{'queries':>10}{'rows':>6}"


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
        if not models.is_sqlite():
            # What PostgreSQL does by itself some minutes after so many rows came.
            database.connection().autocommit = True
            database.execute_sql("VACUUM (ANALYZE)")
    database.close_all()


def request_of_alice(url: str, now: datetime) -> str:
    """Write a request of five messages, the same in every database, and return its number."""
    from domain import conversation, lifecycle, policies, requests
    from models import Membership, Person, RequestForm

    def see(email: str) -> policies.Viewer:
        viewer = policies.load_viewer(Person.get(Person.email == email).id)
        assert viewer is not None
        return viewer

    database = opened(url)
    with database.connection_context():
        alice, sam = see("alice@acme.example"), see("sam@guichet.example")
        key = f"bench-{now.timestamp()}"
        ticket = requests.submit(
            requests.Submission(
                form_slug=RequestForm.get(RequestForm.slug == "question").slug,
                organisation_id=Membership.get(Membership.person == alice.id).organisation_id,
                requester_id=alice.id,
                summary="Quel barème appliquer au site de Nantes",
                description="Nous ouvrons un site. Quel barème de frais s’applique, et depuis quand ?",
                consented=True,
                idempotency_key=key,
            ),
            alice,
            now,
        )
        for turn, (who, text) in enumerate(
            ((sam, "Pour quel mois ?"), (alice, "Novembre."), (sam, "Le barème 4."))
        ):
            conversation.reply(lifecycle.fresh(ticket.id), text, who, now, idempotency_key=f"{key}-{turn}")
        conversation.note(
            lifecycle.fresh(ticket.id), "Vu avec la paie.", sam, now, idempotency_key=f"{key}-n"
        )
    database.close_all()
    return str(ticket.number)


class World:
    """A portal with some number of requests: its three servers and what was measured of it."""

    def __init__(self, url: str, tickets: int) -> None:
        self.url, self.tickets = url, tickets
        self.figures: dict[str, Figures] = {}
        self.memory = 0.0
        self.due, self.swept = 0, 0
        self.served: list[Served] = []

    def start(self) -> None:
        """Serve the floor and the portal, the latter for a customer and for an agent, and sign them in."""
        for what in ("floor", "portal", "portal"):
            self.served.append(Served(what, self.url))
        self.bare, self.customer, self.agent = self.served
        self.bare.ask("GET", "/enter/alice@acme.example")
        self.customer.sign_in("alice@acme.example")
        self.agent.sign_in("sam@guichet.example")
        number = request_of_alice(self.url, datetime.now(UTC))
        self.pages: list[tuple[str, Served, str]] = [
            ("floor", self.bare, "/"),
            ("list", self.customer, "/tickets?list=mine&status=all"),
            ("list, organisation", self.customer, "/tickets?list=organisation&status=all"),
            ("home", self.customer, "/"),
            ("detail", self.customer, f"/tickets/{number}"),
            ("form", self.customer, "/requests/new/question"),
            ("search", self.customer, f"/tickets?list=organisation&status=all&q={COMMON_WORD}"),
            ("search everywhere", self.customer, f"/search?q={COMMON_WORD}"),
            ("suggestions", self.customer, "/search/suggestions?q=le+bulletin+de+paie+est+vide"),
            ("article", self.customer, "/articles/closes-by-itself"),
            ("desk", self.agent, "/desk"),
            ("search, by an agent", self.agent, f"/search?q={COMMON_WORD}"),
            ("desk, latest change", self.agent, "/desk?queue=team&sort=-updated"),
            ("desk, all waiting", self.agent, "/desk?queue=all&status=waiting"),
            ("desk, search", self.agent, f"/desk?queue=all&q={COMMON_WORD}"),
            ("desk, request", self.agent, f"/desk/tickets/{number}"),
        ]
        for name, who, path in self.pages:
            for _ in range(WARM_UP):
                answer = who.ask("GET", path)
            if answer.status != 200:
                raise RuntimeError(f"{name}: GET {path} answered {answer.status}")
            one = self.figures[name] = Figures(name)
            one.rows = answer.text.count("data-ticket=") if "request" not in name and name != "detail" else 0
        self.figures["create"] = Figures("create")

    def stop(self) -> None:
        for process in self.served:
            process.stop()
        self.served = []


def measure_pages(worlds: list[World], rounds: int) -> None:
    """Ask for every page of every world in turn, `rounds` times."""
    try:
        for world in worlds:
            world.start()
        for turn in range(rounds):
            for place in range(len(worlds[0].pages)):
                measure_page(worlds, place)
            create_requests(worlds, turn)
        for world in worlds:
            world.memory = world.customer.state()["memory"]
    finally:
        for world in worlds:
            world.stop()


def measure_page(worlds: list[World], place: int) -> None:
    """One round of one page: the worlds take turns at each request."""
    asked = [(world.figures[world.pages[place][0]], *world.pages[place][1:]) for world in worlds]
    before = [who.state()["cpu"] for _figures, who, _path in asked]
    for turn in range(REQUESTS_A_ROUND):
        # Another one begins each time: who comes first waits less on a busy machine.
        first = turn % len(asked)
        for figures, who, path in asked[first:] + asked[:first]:
            answer = who.ask("GET", path)
            figures.times.append(answer.took)
            figures.queries.append(answer.queries)
    for (figures, who, _path), cpu in zip(asked, before, strict=True):
        figures.cpu.append((who.state()["cpu"] - cpu) / REQUESTS_A_ROUND * 1000)


def create_requests(worlds: list[World], turn: int) -> None:
    """Send some requests; only the sending is measured."""
    for place in range(max(REQUESTS_A_ROUND // 4, 1)):
        for world in worlds:
            who, figures = world.customer, world.figures["create"]
            path, fields = who.fill(
                "/requests/new/question",
                summary=f"Mesure {turn}-{place} de la clôture",
                description="Une question écrite pour mesurer, avec assez de mots pour être vraie.",
                consent="y",
            )
            before = who.state()["cpu"]
            answer = who.ask("POST", path, fields)
            figures.cpu.append((who.state()["cpu"] - before) * 1000)
            if answer.status != 303:
                raise RuntimeError(f"creating a request answered {answer.status}")
            figures.times.append(answer.took)
            figures.queries.append(answer.queries)


def make_due(now: datetime, due: int) -> None:
    """Make so many requests due, half to remind of and half to close."""
    from models import Ticket

    chosen = [row[0] for row in Ticket.select(Ticket.id).order_by(Ticket.id.desc()).limit(due).tuples()]
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


def measure_sweeps(worlds: list[World], now: datetime, due: int) -> None:
    """Sweep `due` requests in each world, some at a time in turn, and then sweep where nothing is due."""
    from domain import closing
    from models import Ticket, db

    opened_ones = [opened(world.url) for world in worlds]
    some, none = f"sweep, {due:,} due", "sweep, none due"
    for world, database in zip(worlds, opened_ones, strict=True):
        db.initialize(database)
        with database.connection_context():
            make_due(now, due)
            world.due = Ticket.select().where(Ticket.act_at.is_null(False) & (Ticket.act_at <= now)).count()
            if world.due < min(due, world.tickets):
                raise RuntimeError(f"{world.due} are due, {due} were expected")
        world.figures[some], world.figures[none] = Figures(some, [0.0], [0.0]), Figures(none)
    left = True
    while left:
        left = False
        for world, database in zip(worlds, opened_ones, strict=True):
            db.initialize(database)
            with database.connection_context():
                one = world.figures[some]
                cpu, begun = time.process_time(), time.perf_counter()
                done = closing.sweep(now, limit=SWEPT_AT_ONCE)
                if done:
                    left = True
                    world.due -= done
                    world.swept += done
                    one.times[0] += (time.perf_counter() - begun) * 1000
                    one.cpu[0] += (time.process_time() - cpu) * 1000
    for _ in range(SWEPT_AT_ONCE):
        for world, database in zip(worlds, opened_ones, strict=True):
            db.initialize(database)
            with database.connection_context():
                one = world.figures[none]
                cpu, begun = time.process_time(), time.perf_counter()
                if closing.sweep(now):
                    raise RuntimeError("something was still due")
                one.times.append((time.perf_counter() - begun) * 1000)
                one.cpu.append((time.process_time() - cpu) * 1000)
    for world, database in zip(worlds, opened_ones, strict=True):
        if world.due > 0:
            raise RuntimeError(f"{world.due} that were due were not swept")
        database.close_all()


def profile(url: str, page: str) -> None:
    """Print where the time of one page goes, by function and by module."""
    paths = {"list": "/tickets?list=mine&status=all", "form": "/requests/new/question"}
    paths["detail"] = f"/tickets/{request_of_alice(url, datetime.now(UTC))}"
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


def sweep_verdicts(world: World) -> list[str]:
    """What the sweeps of one world say against what is wanted of them."""
    said = []
    for name, figures in world.figures.items():
        if name == "sweep, none due":
            word = "ok" if figures.median <= IDLE_SWEEP_MS else "TOO MUCH"
            said.append(
                f"{word:9} {world.tickets:>9,}: {name} takes {figures.median:.2f} ms (at most {IDLE_SWEEP_MS:g})"
            )
        elif name.startswith("sweep, "):
            rate = world.swept / max(figures.times[0] / 1000, 0.001)
            word = "ok" if rate >= SWEPT_A_SECOND else "TOO SLOW"
            said.append(
                f"{word:9} {world.tickets:>9,}: {name} at {rate:,.0f} a second (at least {SWEPT_A_SECOND:,})"
            )
    return said


def verdicts(worlds: list[World]) -> list[str]:
    """Return what the figures say against what is wanted of them."""
    said = [word for world in worlds for word in sweep_verdicts(world)]
    if "floor" not in worlds[0].figures:
        return said
    for world in worlds:
        times = world.figures["list"].cpu_ms / world.figures["floor"].cpu_ms
        word = "ok" if times <= LIST_MAY_COST else "TOO MUCH"
        said.append(
            f"{word:9} {world.tickets:>9,}: the list costs {times:.1f} times the floor's CPU"
            f" (at most {LIST_MAY_COST:g}), the process holds {world.memory:.0f} MB"
        )
    few, many = worlds[0], worlds[-1]
    if many is not few:
        # What the floor itself grew is the noise of the machine.
        noise = max(many.figures["floor"].median / few.figures["floor"].median, 1.0)
        for name, figures in many.figures.items():
            growth = figures.median / few.figures[name].median
            cpu = figures.cpu_ms / max(few.figures[name].cpu_ms, 0.001)
            word = "ok" if growth <= MAY_GROW * noise or figures.median < TOO_LITTLE_MS else "GREW"
            said.append(
                f"{word:9} {name}: median x {growth:.2f}, CPU x {cpu:.2f} from {few.tickets:,} to {many.tickets:,}"
            )
    return said


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tickets", type=int, action="append", help="a number of requests (again for more)")
    parser.add_argument("--engine", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument(
        "--rounds", type=int, default=ROUNDS, help=f"rounds of {REQUESTS_A_ROUND} requests a page"
    )
    parser.add_argument("--due", type=int, default=DUE, help=f"requests that the sweep acts on ({DUE:,})")
    parser.add_argument("--sweeps", action="store_true", help="measure the sweeps only, not the pages")
    parser.add_argument(
        "--profile", choices=["list", "detail", "form"], help="say where the time of a page goes"
    )
    parser.add_argument("--strict", action="store_true", help="exit 1 when a page costs or grows too much")
    parser.add_argument("--keep", action="store_true", help="keep the databases (SQLite) in build/bench")
    parser.add_argument("--reuse", action="store_true", help="measure on the databases that --keep kept")
    parser.add_argument("--serve", choices=["floor", "portal"], help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        serve(asked.serve, asked.url, asked.port)
        return 0

    from tests.support.databases import make_engine

    if not asked.reuse:
        shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True, exist_ok=True)
    engine = make_engine(asked.engine, FOLDER)
    now = datetime.now(UTC)
    worlds: list[World] = []
    try:
        for tickets in sorted(asked.tickets or [1_000, 100_000, 1_000_000]):
            begun = time.perf_counter()
            url = (
                engine.copy("empty", lambda _url: None) if asked.engine == "postgresql" else file_url(tickets)
            )
            if not (asked.reuse and Path(url.removeprefix("sqlite:///")).exists()):
                load(url, tickets, now)
                print(f"{tickets:,} requests loaded in {time.perf_counter() - begun:.0f} s", flush=True)
            worlds.append(World(url, tickets))
        if asked.profile:
            for world in worlds:
                profile(world.url, asked.profile)
            return 0
        if not asked.sweeps:
            measure_pages(worlds, asked.rounds)
        measure_sweeps(worlds, now, asked.due)
    finally:
        engine.stop()
        if not asked.keep:
            shutil.rmtree(FOLDER, ignore_errors=True)
    for world in worlds:
        print(f"\n{world.tickets:,} requests on {asked.engine}\n{HEAD}")
        for figures in world.figures.values():
            print(figures.line(world.figures.get("floor")))
    said = verdicts(worlds)
    print("\n" + "\n".join(said))
    return 1 if asked.strict and any(not line.startswith("ok") for line in said) else 0


def file_url(tickets: int) -> str:
    """Return the address of the SQLite file for this number of requests."""
    return f"sqlite:///{FOLDER / f'{tickets}.db'}"


if __name__ == "__main__":
    sys.exit(main())
