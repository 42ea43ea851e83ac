"""Fixtures. What they stand on is in tests/support/; what each gives is said by its docstring.

Time: every test lives on Tuesday 10 November 2026, 14:22 in Paris, until it moves its clock; nothing sleeps.
"""

from __future__ import annotations

import importlib.util
import os
import socket
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

pytest.register_assert_rewrite("tests.support.lint", "tests.support.client", "tests.support.browsing")

from tests.support.client import PASSWORD, PortalClient  # noqa: E402
from tests.support.databases import Engine, make_engine  # noqa: E402
from tests.support.once import COMPILED, build_addresses_once  # noqa: E402

build_addresses_once()

ROOT = Path(__file__).resolve().parent.parent
PARIS = ZoneInfo("Europe/Paris")
NOW = datetime(2026, 11, 10, 13, 22, tzinfo=UTC)

# Fixtures that serve pages. A test without them is a test of data, and runs on both databases.
SERVED = {"app", "client", "live_server", "page", "browser_context"}

DEMO_PEOPLE = {
    "alice": "alice@acme.example",
    "bob": "bob@acme.example",
    "dana": "dana@acme.example",
    "charlie": "charlie@globex.example",
    "erin": "erin@globex.example",
    "sam": "sam@guichet.example",
    "ines": "ines@guichet.example",
    "vera": "vera@guichet.example",
    "marc": "marc@guichet.example",
    "root": "root@guichet.example",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--engine",
        choices=["usual", "sqlite", "postgresql", "both"],
        default="usual",
        help="databases: usual (data on both, pages on SQLite), sqlite, postgresql, both (only browsers on SQLite)",
    )
    parser.addoption(
        "--late",
        type=float,
        default=0,
        help="seconds after which a page's words follow its beginning, for browsers",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "engine" not in metafunc.fixturenames:
        return
    asked = metafunc.config.getoption("--engine")
    names = set(metafunc.fixturenames)
    if asked in {"sqlite", "postgresql"}:
        engines = [asked]
    elif asked == "usual" and metafunc.definition.get_closest_marker("both_databases"):
        engines = ["sqlite", "postgresql"]
    elif names & {"live_server", "page", "browser_context"} or (asked == "usual" and names & SERVED):
        engines = ["sqlite"]
    else:
        engines = ["sqlite", "postgresql"]
    metafunc.parametrize("engine", engines, indirect=True, scope="session")


@pytest.fixture(scope="session", autouse=True)
def plain_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Settings of whoever runs the tests do not reach them, and neither does their data."""
    ours = ("PORT", "HOST", "DATABASE_URL", "BASE_URL", "SECRET_KEY", "SMTP_URL", "STORAGE_URL", "JOBS")
    kept = {
        name: os.environ.pop(name) for name in list(os.environ) if name in ours or name.startswith("GUICHET_")
    }
    os.environ["GUICHET_DATA"] = str(tmp_path_factory.mktemp("data"))
    yield
    del os.environ["GUICHET_DATA"]
    os.environ.update(kept)


@pytest.fixture(autouse=True)
def closed_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that reaches beyond this machine fails at once, wherever it runs."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> Any:
        if self.family in {socket.AF_INET, socket.AF_INET6}:
            assert address[0] in {"127.0.0.1", "::1", "localhost"}, f"a test went out to {address}"
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


# ---- Time ----------------------------------------------------------------------------------------------


class Clock:
    """The time of a test. `now` is aware UTC; `advance`, `set` and `paris` move it, for the served portal too."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    @property
    def now(self) -> datetime:
        return self._now

    def __call__(self) -> datetime:
        return self._now

    def set(self, when: datetime) -> datetime:
        """Go to `when` (aware) and return it."""
        assert when.tzinfo is not None, "an instant needs its time zone"
        self._now = when.astimezone(UTC)
        return self._now

    def advance(self, **much: float) -> datetime:
        """Go forward by days=, hours=, minutes= or seconds= and return the new time."""
        return self.set(self._now + timedelta(**much))

    def paris(self, text: str) -> datetime:
        """Go to an hour of Paris such as "2026-11-12 09:30" and return it."""
        return self.set(datetime.fromisoformat(text).replace(tzinfo=PARIS))


@pytest.fixture
def clock() -> Clock:
    """The time of this test and of its portal, which stands still until the test moves it."""
    return Clock(NOW)


@pytest.fixture
def frozen_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is remembered for seconds is remembered for the whole test: its reading is not what is counted."""
    remember_longer(monkeypatch)


def remember_longer(patch: pytest.MonkeyPatch) -> None:
    """Let what is remembered for seconds last for as long as `patch` does."""
    from domain import (
        announcements,
        catalogue,
        closing,
        columns,
        factors,
        guidance,
        knowledge,
        profile_questions,
        settings,
        status_page,
        telephone,
    )

    for module in (
        announcements, catalogue, closing, columns, factors, guidance, knowledge, profile_questions, settings, status_page,
        telephone,
    ):  # fmt: skip
        patch.setattr(module, "CACHE_SECONDS", 1000.0)


# ---- Databases -----------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Engine]]:
    """The engines in use, each started when it is first needed."""
    started: dict[str, Engine] = {}
    yield started
    for engine in started.values():
        engine.stop()


@pytest.fixture(scope="session")
def engine(
    request: pytest.FixtureRequest, engines: dict[str, Engine], tmp_path_factory: pytest.TempPathFactory
) -> Engine:
    """The kind of database of this test: sqlite or postgresql (see pytest_generate_tests)."""
    if request.param not in engines:
        engines[request.param] = make_engine(request.param, tmp_path_factory.mktemp(request.param))
    return engines[request.param]


def opened(url: str, in_memory_speed: bool = True) -> Any:
    """Open the database at `url` and make it the one of the models; a test does not wait for the disk."""
    import models

    extra = {}
    if in_memory_speed and url.startswith("sqlite"):
        extra["pragmas"] = {**models.SQLITE_PRAGMAS, "synchronous": "off", "mmap_size": 0}
    database = models.make_database(url, **extra)
    models.db.initialize(database)
    return database


def filled_empty(url: str) -> None:
    """Make the tables, and nothing in them but what every portal has."""
    from domain import schema

    database = opened(url)
    schema.upgrade()
    shut(database)


def filled_demo(url: str) -> None:
    """Make the demo world, as `make run` does."""
    import seeds
    from domain import presets, schema

    database = opened(url)
    schema.upgrade()
    presets.apply("default", None, NOW)
    seeds.seed_demo(NOW, PASSWORD)
    shut(database)


def filled_counter(url: str) -> None:
    """Make Acme, Globex and their support team, without any request (tests/support/correspondence.py)."""
    from domain import schema
    from tests.support import correspondence

    database = opened(url)
    schema.upgrade()
    correspondence.fill()
    shut(database)


def shut(database: Any) -> None:
    """Close every connection of a pool, so that its file can be copied or dropped."""
    if not database.is_closed():
        database.close()
    database.close_all()


def forget_everything() -> None:
    """Empty what modules of the domain remember of their rows: another test has other rows."""
    for name, module in list(sys.modules.items()):
        if name.startswith("domain.") and callable(getattr(module, "forget", None)):
            module.forget()


@pytest.fixture
def database(request: pytest.FixtureRequest, engine: Engine) -> Iterator[Any]:
    """A database of this test alone, open: tables only, or what the test asks for: the demo `world`, a `counter`."""
    if "world" in request.fixturenames:
        url = engine.copy("demo", filled_demo)
    elif "counter" in request.fixturenames:
        url = engine.copy("counter", filled_counter)
    else:
        url = engine.copy("empty", filled_empty)
    forget_everything()
    made = opened(url)
    made.guichet_url = url
    made.connect(reuse_if_open=True)
    yield made
    shut(made)
    engine.drop(url)


@pytest.fixture
def world(database: Any) -> SimpleNamespace:
    """The demo people by name, read afresh: world.alice, world.bob, world.sam ... and `world.password`."""
    from models import Organisation, Person

    people = {person.email: person for person in Person.select()}
    named = {name: people[email] for name, email in DEMO_PEOPLE.items()}
    organisations = {row.slug: row for row in Organisation.select()}
    return SimpleNamespace(password=PASSWORD, organisations=organisations, **named)


@pytest.fixture
def alice(world: SimpleNamespace) -> Any:
    """Approved contact of Acme."""
    return world.alice


@pytest.fixture
def bob(world: SimpleNamespace) -> Any:
    """Administrator of Acme."""
    return world.bob


@pytest.fixture
def dana(world: SimpleNamespace) -> Any:
    """Of Acme, not approved."""
    return world.dana


@pytest.fixture
def charlie(world: SimpleNamespace) -> Any:
    """Approved contact of Globex, who must never see Acme."""
    return world.charlie


@pytest.fixture
def sam(world: SimpleNamespace) -> Any:
    """Agent in support."""
    return world.sam


@pytest.fixture
def ines(world: SimpleNamespace) -> Any:
    """Agent in engineering."""
    return world.ines


@pytest.fixture
def root(world: SimpleNamespace) -> Any:
    """Administrator of the portal."""
    return world.root


# ---- Pages ---------------------------------------------------------------------------------------------


def settings_for(url: str, data: Path, **more: str) -> Any:
    """Return settings for a portal on the database `url` with its files in `data`; `more` as in the environment."""
    import config

    environment = {
        "DATABASE_URL": url,
        "GUICHET_DATA": str(data),
        "SECRET_KEY": "only for tests, long enough to be taken: 0123456789",
        "JOBS": "off",
        **more,
    }
    return config.Settings.from_environment(environment)


@pytest.fixture(scope="session")
def idle_portals() -> list[tuple[Any, dict[str, Any], dict[str, Any]]]:
    """Portals that tests before had, with the configuration and the extensions of their first hour."""
    return []


@pytest.fixture
def make_app(
    database: Any, clock: Clock, tmp_path: Path, request: pytest.FixtureRequest, idle_portals: Any
) -> Iterator[Any]:
    """Make the portal on the database of this test, with settings such as BASE_URL="https://..." on top.

    To build one takes longer than most tests: one that a test before had is furnished anew. @pytest.mark.own_portal is for a
    test that takes its portal to pieces.
    """
    import models
    from app import create_app, furnish

    own = request.node.get_closest_marker("own_portal") is not None
    lent = []

    def make(**more: str) -> Any:
        settings = settings_for(database.guichet_url, tmp_path / "data", **more)
        if idle_portals and not own:
            application, config, extensions = idle_portals.pop()
            for there, first in ((application.config, config), (application.extensions, extensions)):
                there.clear()
                there.update(first)
            furnish(application, settings, clock)
        else:
            application = create_app(settings, clock=clock)
            # create_app opens its own pool; the one of the fixture is quicker and is closed with the test.
            shut(models.db.obj)
            models.db.initialize(database)
            application.testing = True
            application.jinja_env.bytecode_cache = COMPILED
            application.test_client_class = PortalClient
            config, extensions = dict(application.config), dict(application.extensions)
        lent.append((application, config, extensions))
        return application

    yield make
    if not own:
        idle_portals.extend(lent)


@pytest.fixture
def app(make_app: Any) -> Any:
    """The portal, on the database of this test."""
    return make_app()


@pytest.fixture
def client(app: Any, world: SimpleNamespace) -> PortalClient:
    """A browser without scripts on the demo world: client.sign_in(alice), client.submit(path, field=value)."""
    return app.test_client()


@pytest.fixture
def smtp_server() -> Iterator[Any]:
    """A mail server: `url` for SMTP_URL, `mails` it was given, `postbox.refusing = "451 later"` to refuse."""
    from tests.support.postbox import SmtpServer

    server = SmtpServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def live_server(make_app: Any, world: SimpleNamespace, request: pytest.FixtureRequest) -> Iterator[Any]:
    """The portal behind a real server: `url`. An error in its log fails the test (live_server.errors.clear())."""
    from tests.support.server import LiveServer, free_port

    port = free_port()
    application = make_app(PORT=str(port), BASE_URL=f"http://127.0.0.1:{port}")
    server = LiveServer(application, port, request.config.getoption("--late"))
    server.start()
    yield server
    server.stop()
    assert not server.errors, "the portal logged errors: " + "\n".join(server.errors)


# ---- Browser -------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def browser_path() -> str:
    """The program of the browser. A machine without one fails: a test that did not run has proved nothing."""
    spec = importlib.util.spec_from_file_location("ensure_browser", ROOT / "tools" / "ensure_browser.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    path = module.find()
    assert path, "no browser: run `make test`, or `python tools/ensure_browser.py`"
    return path


@pytest.fixture(scope="session")
def browser(browser_path: str) -> Iterator[Any]:
    """One browser for the whole run."""
    from playwright.sync_api import sync_playwright

    from tests.support.browsing import wait_for_whole_pages

    with sync_playwright() as playwright, pytest.MonkeyPatch.context() as patch:
        wait_for_whole_pages(patch)
        launched = playwright.chromium.launch(executable_path=browser_path)
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def large_browser(browser: Any, browser_path: str) -> Iterator[Any]:
    """A browser whose owner has set text to twice its size: browser_context(of=large_browser)."""
    launched = browser.browser_type.launch(
        executable_path=browser_path, args=["--blink-settings=defaultFontSize=32,defaultFixedFontSize=26"]
    )
    yield launched
    launched.close()


@pytest.fixture
def browser_context(browser: Any, live_server: Any) -> Iterator[Any]:
    """Open a fresh browser: browser_context(locale="fr-FR", viewport=PHONE, color_scheme="dark",
    java_script_enabled=False). Several stand for several people. Complaints of any of them fail the test.
    """
    from tests.support.browsing import DESK, Watch

    watch = Watch()
    opened_contexts = []

    def open_context(**options: Any) -> Any:
        context = options.pop("of", browser).new_context(
            **{
                "base_url": live_server.url,
                "locale": "fr-FR",
                "timezone_id": "Europe/Paris",
                "viewport": DESK,
                "reduced_motion": "reduce",
                **options,
            }
        )
        context.set_default_timeout(10_000)
        watch.follow(context)
        opened_contexts.append(context)
        return context

    open_context.watch = watch  # type: ignore[attr-defined]
    yield open_context
    for context in opened_contexts:
        context.close()
    assert not watch.unexpected, "the browser complained: " + "\n".join(watch.unexpected)


@pytest.fixture
def page(browser_context: Any, request: pytest.FixtureRequest) -> Any:
    """A page of a fresh browser: French, 1280 px, light, scripts on. Other options by
    @pytest.mark.parametrize("page", [{"locale": "en-GB", "viewport": PHONE}], indirect=True).
    """
    return browser_context(**getattr(request, "param", {})).new_page()


@pytest.fixture
def axe() -> Any:
    """axe(page): fail with every accessibility rule that the page breaks."""
    from tests.support.browsing import assert_accessible

    return assert_accessible


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what drives a browser, and run it last: what is quick fails first."""
    for item in items:
        if {"browser", "page", "browser_context"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("browser")
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)
