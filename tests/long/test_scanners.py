"""wapiti and sqlmap find nothing on the demo world as it is served, and they do find what is planted."""

from __future__ import annotations

import http.client
import re
import sqlite3
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask, request

import models
from tests.conftest import NOW
from tests.support.client import PASSWORD, PortalClient
from tests.support.scanners import Calls, Target, Traffic, sqlmap, wapiti
from tests.support.server import LiveServer, free_port
from tests.test_access import ADMIN_TABLES, stage

pytestmark = pytest.mark.long

# What each module of wapiti looks for is in `wapiti --list-modules`. Left out:
# - ssl, https_redirect, takeover: of a server with a certificate and a name; here is only what stands behind it;
# - backup, buster, nikto, htp, wapp, cms, wp_enum, network_device, htaccess, shellshock, log4shell, spring4shell: lists of
#   files and holes of other products, some fetched from elsewhere; every address of the portal is in tests/test_access.py;
# - brute_login_form: passwords; tests/test_accounts.py holds what stops it;
# - ldap: there is no directory, and the module takes any two answers that differ for one: it reports ?v= of static
#   files, which says how long a browser may keep them;
# - timesql: sqlmap does it below;
# - methods: says which methods there are, and finds nothing.
MODULES = (
    "sql xss permanentxss file exec crlf redirect ssrf csrf cookieflags http_headers csp upload xxe".split()
)
# Left alone: what ends the session of the scan, or would sign in as somebody else; and files that are the same for all, whose
# one parameter says how long a browser may keep them.
EXCLUDED = ("/static/*", "/logout*", "/account/sessions*", "/account/security*", "/login*", "/viewing*")
# Sent as they were: with another token a form is refused before anything of it is read (tests/security/test_foreign_forms.py).
SKIPPED = ("csrf_token", "idempotency_key")


@pytest.fixture
def clock() -> Any:
    """Time that passes: what is allowed so many times a minute is allowed again in the next one."""
    began = time.monotonic()

    def now() -> datetime:
        return NOW + timedelta(seconds=time.monotonic() - began)

    return now


@pytest.fixture
def portal(
    make_app: Any, world: SimpleNamespace, database: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SimpleNamespace]:
    """The portal with one of everything in it, served: `url`, `traffic`, `calls`, `filled`, `cookies` by role.

    It has limits that a scanner runs into at once, and would then read nothing but refusals: they are set so high that
    every question gets its answer. It is told that it stands behind https, as in production: with what a browser is
    told of cookies and of https then.
    """
    from domain import accounts, drafts, settings

    for name in ("ORIGIN_FAILURES", "MAILS_AN_HOUR_TO_ONE_ADDRESS", "MAILS_AN_HOUR_FROM_ONE_ORIGIN"):
        monkeypatch.setattr(accounts, name, 10**6)
    monkeypatch.setattr(drafts, "SAVES_PER_MINUTE", 10**6)
    set_up = make_app()
    ready = stage(set_up, world)
    PortalClient.lint = True
    # A provider that is away says 503, which is right there and an anomaly anywhere else; a key would be asked for.
    models.IdentityProvider.delete().execute()
    models.SecurityKey.delete().execute()
    now = set_up.extensions["guichet_clock"]()
    for name in ("requests_per_minute", "posts_per_minute", "lock_after"):
        monkeypatch.setitem(settings.DEFAULTS, name, settings.DEFAULTS[name]._replace(most=10**6))
        settings.put(name, 10**6, None, now)
    port = free_port()
    traffic = Traffic(make_app(BASE_URL=f"https://127.0.0.1:{port}", SMTP_URL="smtp://127.0.0.1:1"))
    server = LiveServer(traffic, port)
    calls = Calls()
    endpoint = LiveServer(calls, free_port())
    server.start()
    endpoint.start()
    cookies = {
        name: cookie_of(server, getattr(world, name).email if name != "stranger" else "")
        for name in ("stranger", "alice", "bob", "sam", "root")
    }
    traffic.statuses.clear()
    yield SimpleNamespace(
        url=server.url, server=server, traffic=traffic, calls=calls, endpoint=endpoint.url, filled=ready.filled,
        cookies=cookies, dbms="SQLite" if database.guichet_url.startswith("sqlite") else "PostgreSQL",
    )  # fmt: skip
    endpoint.stop()
    server.stop()
    assert not traffic.faults, "\n".join(traffic.faults[:20])
    assert not server.errors, "the portal logged errors: " + "\n".join(server.errors[:5])


def asked(
    server: LiveServer, method: str, path: str, body: str = "", cookie: str = ""
) -> tuple[int, str, str]:
    """One request: the status, the cookies that hold afterwards, the page."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    headers = {"Cookie": cookie} | ({"Content-Type": "application/x-www-form-urlencoded"} if body else {})
    connection.request(method, path, body or None, headers)
    answer = connection.getresponse()
    page = answer.read().decode()
    held = dict(pair.split("=", 1) for pair in cookie.split("; ") if pair)
    for line in answer.headers.get_all("Set-Cookie") or []:
        name, value = line.partition(";")[0].split("=", 1)
        held[name] = value
    connection.close()
    return answer.status, "; ".join(f"{name}={value}" for name, value in held.items()), page


def cookie_of(server: LiveServer, email: str) -> str:
    """The header of somebody who has signed in on the page, or has just come."""
    _status, cookie, page = asked(server, "GET", "/login")
    if email:
        token = re.search('name="csrf_token" value="([^"]+)"', page)
        assert token is not None
        form = urlencode({"email": email, "password": PASSWORD, "csrf_token": token[1]})
        status, cookie, _page = asked(server, "POST", "/login", form, cookie)
        assert status == 303, email
        # The token of its forms is in the cookie from the first page on; a scanner keeps the one that it was given.
        status, cookie, _page = asked(server, "GET", "/account", "", cookie)
        assert status == 200, email
    return cookie


def planted(database: str) -> Flask:
    """A page that does everything wrong: its parameters are SQL, markup and addresses that it fetches."""
    application = Flask("planted")

    def rows(where: str) -> list[Any]:
        connection = sqlite3.connect(database)
        try:
            return connection.execute(f"SELECT name FROM item WHERE {where}").fetchall()
        finally:
            connection.close()

    @application.get("/")
    def index() -> Any:
        return (
            '<a href="/item?id=1">1</a> <a href="/words?q=one">one</a> <a href="/fetch?url=x">x</a>'
            '<form method="post" action="/said"><input name="text"><button>Send</button></form>'
        )

    @application.get("/item")
    def item() -> Any:
        return f"<p>{rows('id = ' + request.args['id'])}</p>"

    @application.get("/words")
    def words() -> Any:
        return f"<h1>{request.args['q']}</h1>"

    @application.get("/fetch")
    def fetch() -> Any:
        try:
            with urllib.request.urlopen(request.args["url"], timeout=5) as answer:
                return f"<p>{len(answer.read())}</p>"
        except (OSError, ValueError):
            return "<p>0</p>"

    @application.post("/said")
    def said() -> Any:
        return "<p>Thanks</p>"

    return application


@pytest.fixture
def bad(tmp_path: Path) -> Iterator[SimpleNamespace]:
    """The planted application, served, and who would be called: `url`, `endpoint`."""
    path = str(tmp_path / "planted.db")
    connection = sqlite3.connect(path)
    connection.executescript(
        "CREATE TABLE item (id INTEGER, name TEXT); INSERT INTO item VALUES (1, 'one'), (2, 'two')"
    )
    connection.close()
    server, endpoint = LiveServer(planted(path), free_port()), LiveServer(Calls(), free_port())
    server.start()
    endpoint.start()
    yield SimpleNamespace(url=server.url, endpoint=endpoint.url)
    server.stop()
    endpoint.stop()


def test_wapiti_is_not_blind(bad: SimpleNamespace, tmp_path: Path) -> None:
    run = wapiti(bad.url, tmp_path / "wapiti", MODULES, endpoint=f"{bad.endpoint}/")
    kinds = {one.partition(":")[0] for one in run.found}
    assert kinds >= {
        "SQL Injection", "Reflected Cross Site Scripting", "Server Side Request Forgery", "Cross Site Request Forgery",
        "Internal Server Error", "Content Security Policy Configuration",
    }, run.found  # fmt: skip


def test_sqlmap_is_not_blind(bad: SimpleNamespace, tmp_path: Path) -> None:
    found, tested = sqlmap(
        bad.url, tmp_path / "sqlmap", Target("stranger", "/item?id=1", ("id",)), dbms="SQLite"
    )
    assert tested == {"id"} and len(found) == 1
    assert "Parameter: id (GET)" in found[0]


# Who crawls, and where they begin beside the front page.
CRAWLS = {
    "stranger": ["/login", "/register", "/search?q=mot", "/articles?kind=faq", "/status/history?month=2026-09"],
    "bob": ["/tickets?list=organisation&status=open&sort=-updated", "/search?q=paie&tab=tickets", "/catalogue", "/ideas"],
    "sam": ["/desk?queue=all&status=open&q=paie&sort=-updated", "/desk/tickets/{n}", "/search?q=paie&tab=tickets"],
    "root": ["/admin/", "/admin/ticket/?search=acme", "/desk/satisfaction", "/desk/access", "/admin/settings/"],
}  # fmt: skip


# What the administration shows again and again: pages with the address to go back to, lists in another order (sqlmap turns
# those), a choice of language on each page. Left in, they are four pages of five.
AGAIN = ("*url=*", "*sort=*", "*page_size=*", "/account/language*", "/help/assistant*")
# Seconds for each module. Attacking all pages of the administration with all modules takes hours: it has as long as shown, pages
# in the order of the crawl; for the others this only ends what hangs.
MODULE_SECONDS = {"root": 150}
NO_END = 3000


@pytest.mark.parametrize("who", CRAWLS)
def test_wapiti_finds_nothing(portal: SimpleNamespace, tmp_path: Path, who: str) -> None:
    # One request of each kind, one article and three tables of the administration are enough: the others have the same pages.
    kept = {portal.filled[name] for name in ("n", "closed", "solved", "testing", "contested")}
    numbers = [row.number for row in models.Ticket.select() if row.number not in kept]
    slugs = [row.slug for row in models.Article.select() if row.slug != "why-no-mail"]
    others = [f"{place}/{number}*" for number in numbers for place in ("/tickets", "/desk/tickets")]
    others += [f"/articles/{slug}*" for slug in slugs]
    others += [f"/admin/{name}/*" for name in ADMIN_TABLES if name not in ("team", "ticket", "membership")]
    if who == "root":
        others += [
            *AGAIN,
            *(f"/admin/ticket/*id={row.id}" for row in models.Ticket.select() if row.number not in kept),
        ]
    run = wapiti(
        portal.url,
        tmp_path / "wapiti",
        MODULES,
        cookie=portal.cookies[who],
        starts=[path.format(**portal.filled) for path in CRAWLS[who]],
        excluded=[*(EXCLUDED if who != "stranger" else EXCLUDED[:2]), *others],
        skipped=SKIPPED,
        endpoint=f"{portal.endpoint}/",
        module_seconds=MODULE_SECONDS.get(who, NO_END),
    )
    traffic = portal.traffic
    print(
        f"wapiti, {who}: {run.pages} pages, {traffic.total} answers {dict(traffic.statuses)}, unread: {dict(traffic.unread)}"
    )
    cut = re.findall("Max attack time was reached for module .*", run.said)
    assert not run.found, f"{len(run.found)} findings:\n" + "\n".join(run.found[:40])
    print(", ".join(cut))
    assert not cut or who in MODULE_SECONDS, f"not all pages were attacked: {cut}"
    assert not portal.calls.made
    heard(portal, who)
    assert run.pages > (40 if who == "stranger" else 100)


def heard(portal: SimpleNamespace, who: str) -> None:
    """The scan was answered, and by the pages of this person to the end."""
    traffic = portal.traffic
    assert traffic.total > 1000
    # 405: it asks for the addresses of forms as for pages too. 400: bodies of XML, which bring no token along, and forms
    # whose token was replaced or left out.
    assert traffic.share(200, 303, 404, 405, 409, 422) > 0.8, (traffic.statuses, traffic.unread)
    assert traffic.share(200, 303, 409, 422) > 0.5, (traffic.statuses, traffic.unread)
    assert traffic.share(429) < 0.02, traffic.statuses
    assert traffic.share(503) == 0
    if who != "stranger":
        assert traffic.to_sign_in < traffic.total * 0.02, "the session ended under way"
        assert asked(portal.server, "GET", "/account", "", portal.cookies[who])[0] == 200


Q = "licorne"
# A search for words is asked for one that is nowhere, and with OR (risk 3): "mot AND 1=1" holds other words than
# "mot AND 1=2", of which a search may forgive one, so that the answers differ as those of a query would.
TARGETS: dict[str, list[Target]] = {
    "customers": [
        Target("bob", f"/tickets?list=organisation&q={Q}&status=open", ("q",), risk=3, both=True),
        Target(
            "bob",
            "/tickets?list=organisation&status=open&form=incident&kind=incident&category=technical&label=registered"
            "&organisation={acme}&sort=-updated&after=500&before=1",
            tuple("list status form kind category label organisation sort after before".split()),
        ),
        Target("bob", "/tickets?list=organisation&sort=-updated", ("sort",), both=True),
        Target("bob", f"/tickets/export?list=organisation&q={Q}&sort=-updated", ("q", "sort"), risk=3),
        Target("bob", "/tickets/{n}*", both=True),
        Target("bob", "/tickets/{n}?thread=all", ("thread",)),
        Target("bob", "/files/{file}*/preuve.pdf"),
        Target("bob", "/organisation/dashboard?organisation={acme}&months=3", ("organisation", "months")),
        Target("bob", f"/search?q={Q}&tab=tickets", ("q", "tab"), risk=3, both=True),
        Target("stranger", f"/search?q={Q}&tab=articles", ("q",), risk=3),
        Target("stranger", "/articles?topic=start", ("topic",)),
        Target("stranger", "/articles/why-no-mail*"),
        Target("stranger", "/releases?page=1", ("page",)),
        Target("stranger", "/status/history?month=2026-09", ("month",)),
        Target("bob", f"/ideas?q={Q}&sort=votes&status=planned&mine=1", ("q", "sort", "status", "mine"), risk=3),
        Target("bob", "/account/data?before=500", ("before",)),
    ],
    "desk": [
        Target("sam", "/desk?queue=team&status=open&form=incident", ("queue", "status", "form")),
        Target("sam", "/desk?queue=team&sort=-updated&after=500&before=1", ("sort", "after", "before")),
        Target("sam", f"/desk?queue=all&q={Q}&organisation=acme", ("q", "organisation"), risk=3, both=True),
        Target("sam", "/desk/tickets/{n}*"),
        Target("sam", "/desk/tickets/{n}/merge?into={solved}", ("into",)),
        Target("sam", "/desk/tickets/{n}/split?message={message}", ("message",)),
        Target("sam", "/desk/tickets/{n}/redaction?message={message}", ("message",)),
        Target("root", "/desk/access?person=alice@acme.example&number={n}", ("person", "number")),
        Target("root", "/desk/satisfaction?months=3&team={engineering}&score=1", ("months", "team", "score")),
    ],
    "administration": [
        Target("root", "/admin/ticket/?search=acme&sort=1", ("search", "sort"), both=True),
        # What follows is the same for all tables: a short one answers sooner.
        Target("root", "/admin/team/?sort=0&desc=1&page=0&page_size=20", ("desc", "page", "page_size")),
        Target("root", "/admin/ticket/?flt_status=open&flt_organisation={acme}", ("flt_status", "flt_organisation")),
        Target("root", "/admin/auditentry/?search=alice&sort=0", ("search", "sort")),
        Target("root", "/admin/person/?search=alice&flt_active=1", ("search", "flt_active")),
        Target("root", "/admin/organisation/details/?id={acme}", ("id",), both=True),
        Target("root", "/admin/membership/ajax/lookup/?name=organisation&query=acme", ("name", "query")),
        Target("root", "/admin/people/{alice_person}*/data"),
    ],
    "forms": [
        Target("stranger", "/login", ("email", "password"), "email=nobody%40acme.example&password=faux+faux+faux&csrf_token=x",
               token_from="/login", both=True),
        Target("stranger", "/password/forgotten", ("email",), "email=nobody%40acme.example&csrf_token={token}"),
        Target("bob", "/requests/new/question", ("summary", "description"),
               "summary=Une+question&description=Une+autre&consent=y&idempotency_key=abcdefghijkl&csrf_token={token}",
               random="idempotency_key"),
        Target("bob", "/tickets/{n}/replies", ("body",), "body=Merci&idempotency_key=abcdefghijkl&csrf_token={token}",
               random="idempotency_key"),
        Target("sam", "/desk/tickets/{n}/assignment", ("assignee",), "assignee={sam}&csrf_token={token}"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("group", TARGETS)
def test_sqlmap_finds_nothing(portal: SimpleNamespace, tmp_path: Path, group: str) -> None:
    targets = [one for one in TARGETS[group] if one.both or portal.dbms == "SQLite"]
    filled = {**portal.filled, "acme": models.Organisation.get(models.Organisation.slug == "acme").id}
    found, tested, whole = [], 0, Counter[int]()
    for at, target in enumerate(targets):
        portal.traffic.statuses.clear()
        token = token_of(portal.server, portal.cookies[target.who])
        here = replace(
            target,
            address=target.address.format(**filled),
            data=target.data.format(**filled, token=token) if target.data else "",
        )
        began = time.monotonic()
        weak, done = sqlmap(
            portal.url, tmp_path / f"{at}", here, dbms=portal.dbms, cookie=portal.cookies[target.who]
        )
        found += weak
        tested += len(done)
        statuses = portal.traffic.statuses
        whole.update(statuses)
        print(f"{time.monotonic() - began:5.0f} s {target.address} {sorted(done)} {dict(statuses)}")
        assert len(done) == (len(target.parameters) or 1), (
            f"{here.address}: of {target.parameters} only {done}"
        )
        assert statuses.total() > 50 * len(done), f"{here.address}: {statuses}"
        assert not statuses[429] and not statuses[400], f"{here.address}: {statuses}"
        if target.who != "stranger":
            assert asked(portal.server, "GET", "/account", "", portal.cookies[target.who])[0] == 200
    print(f"sqlmap, {group}, {portal.dbms}: {tested} parameters, {whole.total()} answers {dict(whole)}")
    assert not found, "\n".join(found)


def token_of(server: LiveServer, cookie: str) -> str:
    """The token of the forms that somebody is shown."""
    found = re.search('name="csrf_token" value="([^"]+)"', asked(server, "GET", "/help", "", cookie)[2])
    assert found is not None
    return found[1]
