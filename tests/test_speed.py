"""What pages cost, without a clock: plans that never read a whole table, and how much a list does beside a bare page.

Seconds are for `make bench`; how many queries each page sends is held in its own test.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from flask.wrappers import Response

import volume
from domain import closing, conversation, desk, lifecycle, lists, policies, reading, statements
from models import Ticket, db, is_sqlite
from tests.conftest import DEMO_PEOPLE, NOW
from tests.support.casework import key, see, send

# Tables that grow with every request.
BIG = ("ticket", "message", "ticket_event")
AMOUNT = 4_000


@contextmanager
def sent(database: Any) -> Iterator[list[tuple[str, Any]]]:
    """Each statement inside the block, with its values."""
    plain, seen = database.execute_sql, []

    def noted(sql: str, values: Any = None, *rest: Any, **more: Any) -> Any:
        seen.append((sql, values))
        return plain(sql, values, *rest, **more)

    database.execute_sql = noted
    try:
        yield seen
    finally:
        del database.execute_sql


def plan(sql: str, values: Any) -> list[str]:
    words = "EXPLAIN QUERY PLAN" if is_sqlite() else "EXPLAIN"
    return [
        str(row[3] if is_sqlite() else row[0]) for row in db.execute_sql(f"{words} {sql}", values).fetchall()
    ]


def reads_a_whole_table(sql: str, values: Any) -> bool:
    """True when the plan of a statement goes through all rows of a big table."""
    if not re.match(r"\s*(SELECT|UPDATE|DELETE)", sql) or "ticket_search" in sql:
        return False
    lines = plan(sql, values)
    if not is_sqlite():
        return any(re.search(rf"Seq Scan on ({'|'.join(BIG)}) ", line) for line in lines)
    names = set(BIG) | set(re.findall(rf'"(?:{"|".join(BIG)})" AS "(\w+)"', sql))
    return any(line.split()[1] in names for line in lines if re.match(r"SCAN \w+( USING.*)?$", line))


@pytest.fixture
def crowd(world: Any) -> Any:
    """The demo world among thousands of requests of others."""
    volume.fill(AMOUNT, now=NOW)
    return world


def acts_on(world: Any) -> dict[str, Callable[[], Any]]:
    """What people do with one request, by name."""
    alice, sam = see(world.alice), see(world.sam)
    sending = send(world)
    parent = send(world)

    def page(who: Any) -> None:
        reading.read(who, reading.load(who, sending.number))

    def again() -> Ticket:
        return lifecycle.fresh(sending.id)

    def follow_ups() -> None:
        Ticket.update(follow_up_of=parent.id).where(Ticket.id == sending.id).execute()
        reading.read(alice, reading.load(alice, sending.number))
        reading.read(alice, reading.load(alice, parent.number))

    return {
        "send a request": lambda: send(world, cc=["dana@acme.example"]),
        "its page": lambda: page(alice),
        "its page at the desk": lambda: (page(sam), desk.facts(sam, again())),
        "an answer of the desk": lambda: conversation.reply(
            again(), "Pouvez-vous préciser ?", sam, NOW, idempotency_key=key(), move_to="waiting_customer"
        ),
        "an answer of the customer": lambda: conversation.reply(
            again(), "Voici.", alice, NOW, idempotency_key=key()
        ),
        "a note": lambda: conversation.note(again(), "Vu.", sam, NOW, idempotency_key=key()),
        "solve": lambda: lifecycle.move(again(), "resolved", sam, NOW),
        "pages with a follow-up": follow_ups,
        "the home page": lambda: (
            lists.counts(alice),
            lists.current(alice, ("waiting_customer",), 8),
        ),
        "the sweep": lambda: closing.sweep(NOW + timedelta(days=40), limit=5),
    }


def test_nothing_that_is_done_to_a_request_reads_all_of_them(crowd: Any, database: Any) -> None:
    acts = acts_on(crowd)
    for name, act in acts.items():
        with sent(database) as seen:
            act()
        assert seen, name
        for sql, values in seen:
            assert not reads_a_whole_table(sql, values), "\n".join([name, sql, *plan(sql, values)])


def test_a_plan_that_reads_everything_is_recognised(crowd: Any) -> None:
    assert reads_a_whole_table('SELECT count(*) FROM "ticket" AS "t1" WHERE "t1"."summary" = \'x\'', ())
    assert reads_a_whole_table('SELECT "t1"."id" FROM "message" AS "t1" WHERE "t1"."body" = \'x\'', ())
    assert not reads_a_whole_table('SELECT "t1"."id" FROM "ticket" AS "t1" WHERE "t1"."id" = 1', ())


def test_people_who_share_a_statement_do_not_share_what_they_see(world: Any) -> None:
    """Twice round, so that each reads by the words that somebody else's page left behind."""
    send(world)
    send(world, cc=["dana@acme.example"])
    viewers = [see(getattr(world, name)) for name in DEMO_PEOPLE]
    statements._known.clear()
    for viewer in viewers + viewers[::-1]:
        visible = {row[0] for row in policies.visible_tickets(viewer).select(Ticket.id).tuples()}
        found = lists.find(viewer, lists.Asked(list="organisation"))
        assert {row.id for row in found.rows} <= visible
        if viewer.is_agent:
            assert found.count == len(visible)
        for ticket in Ticket.select():
            assert (reading.load(viewer, ticket.number) is not None) == (ticket.id in visible)


def test_statements_kept_have_an_end(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statements, "MOST", 20)
    viewer = see(world.alice)
    for n in range(100):
        lists.find(viewer, lists.Asked(form=f"no-form-{n}"))
    assert len(statements._known) <= 20


def calls(act: Callable[[], Any]) -> int:
    """How many functions are called, ours and others'."""
    count = 0

    def note(_frame: Any, event: str, _what: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        act()
    finally:
        sys.setprofile(None)
    return count


def test_a_list_calls_at_most_four_times_the_functions_of_a_bare_page(
    client: Any, database: Any, world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cost of building SQL for each page or of a macro for each cell shows here; the bench measures CPU itself."""
    from domain import catalogue, settings, status_page
    from tools import bench

    for module in (catalogue, settings, closing, status_page):
        monkeypatch.setattr(module, "CACHE_SECONDS", 3600)
    for _ in range(30):
        send(world)
    client.sign_in(world.alice)
    # Without what the client of the tests looks for in every page.
    plain = FlaskClient(client.application, Response)
    plain.set_cookie("guichet", client.get_cookie("guichet").value)
    bare = bench.floor_page().test_client()
    bare.get(f"/enter/{world.alice.email}")
    path = "/tickets?list=mine&status=all"
    for _ in range(3):
        assert bare.get("/").text.count("<tr>") == 25
        assert plain.get(path).text.count("data-ticket=") == 25
    floor, page = calls(lambda: bare.get("/")), calls(lambda: plain.get(path))
    assert page <= 4 * floor, (page, floor)


def test_a_search_with_many_hits_says_more_than_and_pages_on(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first page reads the newest hits only; the following ones go on where it stopped, and none is missed."""
    monkeypatch.setattr(lists, "SEARCH_NEAR", 6)
    monkeypatch.setattr(
        lists.settings,
        "get",
        lambda name, plain=lists.settings.get: {"page_size": 4}.get(name) or plain(name),
    )
    numbers = [send(world, summary="Marsouin").number for _ in range(10)]
    viewer, asked = see(world.alice), lists.Asked(list="organisation", q="marsouin")
    page = lists.find(viewer, asked)
    assert page.capped and page.cap == 6
    walked = [row.number for row in page.rows]
    while page.older:
        page = lists.find(viewer, replace(asked, after=page.older))
        walked += [row.number for row in page.rows]
    assert walked == numbers[::-1]


def test_a_search_that_another_filter_empties_reads_more(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "SEARCH_NEAR", 3)
    old = send(world, summary="Marsouin", form_slug="question", priority=None)
    for _ in range(6):
        send(world, summary="Marsouin")
    page = lists.find(see(world.alice), lists.Asked(q="marsouin", form="question"))
    assert ([row.number for row in page.rows], page.count, page.capped) == ([old.number], 1, False)
