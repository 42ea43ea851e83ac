"""No parameter of an address reaches the database as SQL, nor a page as markup: a true and a false condition, written as
they would have to be to get out of a query, are answered alike, as any other text.

The parameters are those that the pages themselves use, in their links and in their forms that search. What wapiti and
sqlmap say of them is in tests/long/test_scanners.py.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from html import unescape
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import peewee
import pytest
from flask import Flask, request
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from models import db
from tests.support.client import PortalClient
from tests.support.scene import normal
from tests.test_access import ADMIN_TABLES, TABLE, stage

# The same words in both, so that a search for them finds the same; and alike up to the sign, where a long text is cut.
TRUE, FALSE = "12<34", "12>34"
# {v} is what the parameter held, {c} the condition.
SQL = [
    "{v}' AND {c} AND 'a'='a", "{v}' OR {c}--", '{v}" OR {c}--', "{v}) OR {c}--", "{v}') OR {c} OR ('a'='b", "{v} AND {c}",
    "{v} OR {c}", "{v}%' AND {c} AND 'x' LIKE '%x", "{v}'/**/OR/**/{c}/*", "{v}'; SELECT 1 WHERE {c}--",
    "{v}' UNION SELECT 1 WHERE {c}--", "{v}, (SELECT CASE WHEN {c} THEN 1 ELSE abs(-9223372036854775807-1) END)",
    "(CASE WHEN {c} THEN 1 ELSE abs(-9223372036854775807-1) END)", "{v}\\' OR {c}#",
]  # fmt: skip
MARKUP = ['{v}"><x-probe a="', "{v}'><x-probe a='", "</title></textarea></script><x-probe>{v}"]
# What a database says of a query that it cannot read.
COMPLAINTS = re.compile(
    r"syntax error|sqlite3?\.|psycopg|OperationalError|ProgrammingError|unrecognized token|unterminated|no such column"
    r"|integer overflow|out of range for|Traceback",
    re.IGNORECASE,
)


# What pages use only when there is much to show, and what their scripts ask for.
MORE = [
    ("bob", "/tickets?list=organisation&after=1"), ("bob", "/tickets?list=organisation&before=9999"),
    ("bob", "/tickets/{n}?thread=all"), ("bob", "/account/data?before=9999"), ("root", "/desk/tickets/{n}?thread=all"),
    ("root", "/desk?queue=all&after=1"), ("root", "/desk?queue=all&before=9999"), ("bob", "/ideas/{idea}?before=9999"),
    ("root", "/admin/ticket/?search=acme&sort=0&desc=1&page=1&page_size=20"),
    ("root", "/admin/membership/ajax/lookup/?name=organisation&query=acme"),
    ("root", "/admin/membership/ajax/lookup/?name=person&query=alice"),
    ("root", "/admin/membership/details/?id=1&url=/admin/"), ("root", "/admin/ticket/details/?id=1"),
    ("root", "/admin/contactimport/details/?id=1&outcome=new&after=0"),
]  # fmt: skip


@dataclass(frozen=True)
class Parameter:
    """One parameter of one page: who asks, the address, the others that stand beside it, what it held."""

    who: str
    path: str
    name: str
    beside: tuple[tuple[str, str], ...]
    value: str

    def address(self, text: str) -> str:
        """The address with `text` in this parameter."""
        return f"{self.path}?{urlencode([*self.beside, (self.name, text)], quote_via=quote)}"


def plain(page: str) -> str:
    """A page without what differs each time, and without the condition wherever it is shown."""
    page = normal(page)
    for signs in (("<", ">"), ("&lt;", "&gt;"), ("%3C", "%3E"), ("%253C", "%253E"), ("&amp;lt;", "&amp;gt;")):
        for sign in signs:
            page = page.replace(f"12{sign}", "C")
    return page


def weaknesses(client: Any, parameter: Parameter, sql: list[str], markup: list[str]) -> Iterator[str]:
    """What is wrong with one parameter, in words."""

    def answers(text: str) -> list[tuple[int, str]]:
        addresses = [
            parameter.address(text.format(v=parameter.value, c=condition)) for condition in (TRUE, FALSE)
        ]
        return [(answer.status_code, answer.get_data(as_text=True)) for answer in map(client.get, addresses)]

    def differ(got: list[tuple[int, str]]) -> bool:
        return (got[0][0], plain(got[0][1])) != (got[1][0], plain(got[1][1]))

    for text in sql:
        got = answers(text)
        said = [found.group() for _status, page in got if (found := COMPLAINTS.search(page))]
        where = f"{parameter.address(text)} by {parameter.who}"
        if said or any(status >= 500 for status, _page in got):
            yield f"{where}: a fault ({[status for status, _page in got]} {said})"
        # A page that is read for the first time may say so: what differs does it again.
        elif differ(got) and differ(answers(text)):
            yield f"{where}: a true condition is answered in another way than a false one"
    for text in markup:
        page = client.get(parameter.address(text.format(v=parameter.value))).get_data(as_text=True)
        if "<x-probe" in page:
            yield f"{parameter.address(text)} by {parameter.who}: markup stands in the page"


def used(page: str, path: str) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Addresses with parameters that a page leads to: its links, and its forms that search."""
    for link in re.findall(r'href="([^"]+[?][^"]*)"', page):
        parts = urlsplit(unescape(link))
        if not parts.netloc:
            yield parts.path or path, parse_qsl(parts.query, keep_blank_values=True)
    for head, body in re.findall(r"<form([^>]*)>(.*?)</form>", page, re.DOTALL):
        if 'method="post"' in head:
            continue
        action = re.search(r'action="([^"?]*)', head)
        fields = re.findall(r'<(?:input|select|textarea)[^>]*\bname="([^"]+)"', body)
        yield (
            unescape(action[1]) if action and action[1] else path,
            [(name, "") for name in dict.fromkeys(fields)],
        )


def parameters(application: Any, ready: SimpleNamespace, each_table: bool) -> list[Parameter]:
    """Every parameter of every page, once, as the first page that uses it does.

    The lists of the administration are one piece of code: without `each_table` they count as one page.
    """
    adapter = application.url_map.bind("")
    asked = [
        (who, path.format(**ready.filled))
        for endpoint, method, path, _data, _statuses in TABLE
        if method == "GET" and not endpoint.startswith(("assets.", "sso.", "viewing."))
        for who in ("bob", "root")
    ]
    asked += [("root", f"/admin/{name}/") for name in ADMIN_TABLES]
    asked += [(who, path.format(**ready.filled)) for who, path in MORE]
    found: dict[tuple[str, str], Parameter] = {}
    for who, address in asked:
        answer = ready.crowd.ask(who, "GET", address)
        own = urlsplit(address)
        leads = [(own.path, parse_qsl(own.query, keep_blank_values=True))]
        if answer.status_code == 200 and answer.mimetype == "text/html":
            leads += used(answer.text, own.path)
        for path, pairs in leads:
            try:
                endpoint, _arguments = adapter.match(path, method="GET")
            except (RequestRedirect, HTTPException):
                continue
            if endpoint.startswith(("assets.", "static", "viewing.", "session.logout")):
                continue
            page = "admin" if endpoint.startswith("admin_") and not each_table else endpoint
            for name, value in pairs:
                # One that holds something says more than one that is empty.
                known = found.get((page, name))
                if known is None or (value and not known.value):
                    beside = tuple(pair for pair in pairs if pair[0] != name)
                    found[page, name] = Parameter(who, path, name, beside, value)
    return list(found.values())


@pytest.mark.parametrize(
    ("each_table", "step"),
    [
        pytest.param(False, 7, id="two texts for each parameter"),
        pytest.param(False, 1, id="every text", marks=pytest.mark.long),
        pytest.param(True, len(SQL), id="every table of the administration", marks=pytest.mark.long),
    ],
)
def test_no_parameter_is_read_as_sql_or_as_markup(
    make_app: Any, world: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, each_table: bool, step: int
) -> None:
    application = make_app()
    ready = stage(application, world)
    monkeypatch.setattr(PortalClient, "lint", False)
    known = parameters(application, ready, each_table)
    print(f"{len(known)} parameters")
    assert len(known) > (450 if each_table else 100)
    assert {row.name for row in known} >= set(
        "q list status form category kind label organisation sort queue tab after page search desc months thread"
        " choose next month message into kind topic language query name".split()
    ), sorted({row.name for row in known})
    wrong = []
    for at, parameter in enumerate(known):
        # In the short run each parameter gets another text than its neighbour.
        sql, markup = SQL[at % step :: step], MARKUP[at % min(step, 3) :: step]
        client = SimpleNamespace(get=lambda address, who=parameter.who: ready.crowd.ask(who, "GET", address))
        wrong += weaknesses(client, parameter, sql, markup)
    assert not wrong, f"{len(wrong)} of {len(known)} parameters:\n" + "\n".join(wrong[:30])


@pytest.mark.parametrize(
    ("query", "held"),
    [
        ("SELECT email FROM person WHERE email = '{x}'", "alice@acme.example"),
        ("SELECT email FROM person WHERE id = {x}", "1"),
        ("SELECT email FROM person WHERE email LIKE '%%{x}%%'", "alice"),
        ("SELECT email FROM person WHERE (id = {x})", "1"),
        ("SELECT email FROM person WHERE (email = '{x}')", "alice@acme.example"),
        ("SELECT email FROM person ORDER BY {x}", "id"),
        ("SELECT email FROM person WHERE email IN ('{x}') LIMIT 5", "alice@acme.example"),
    ],
)
def test_a_planted_weakness_is_found(world: SimpleNamespace, query: str, held: str) -> None:
    """The same trial on a page that writes what it is asked into its query and into itself."""
    planted = Flask("planted")

    @planted.get("/")
    def show() -> Any:
        rows: list[Any] = []
        # Hidden, as it would be: the answer alone has to tell.
        with suppress(peewee.DatabaseError, sqlite3.Warning), db.atomic():
            rows = [row[0] for row in db.execute_sql(query.replace("{x}", request.args["x"])).fetchall()]
        return f'<p>{rows}</p><input value="{request.args["x"]}">'

    found = list(weaknesses(planted.test_client(), Parameter("anonymous", "/", "x", (), held), SQL, MARKUP))
    assert any("a true condition" in one for one in found), found
    assert any("markup" in one for one in found)
    escaped = planted.test_client().get("/", query_string={"x": held})
    assert escaped.status_code == 200
