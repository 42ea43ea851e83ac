"""Lists of requests: which rows, in which order, a page at a time, in a constant number of queries and by an index."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

import models
from domain import catalogue, lifecycle, lists, policies, search, settings
from domain.lists import Asked
from models import Membership, Organisation, Person, StatusLabel, Ticket, db, is_sqlite
from tests.conftest import NOW
from tests.support.casework import again, key, person, put_in, see, send, statements

SIZE = 10


@pytest.fixture
def few(world: Any) -> Any:
    """A contact of a customer without requests yet, and pages of ten rows."""
    settings.put("page_size", SIZE, None, NOW)
    organisation = Organisation.create(name="Hooli", slug="hooli", created_at=NOW)
    contact = person("hanna", "hooli.example")
    Membership.create(
        person=contact,
        organisation=organisation,
        role="contact",
        can_open=True,
        can_see_all=True,
        can_answer=True,
    )
    world.hanna, world.hooli = contact, organisation
    return world


def rows(world: Any, amount: int, **more: Any) -> list[Ticket]:
    """Requests of hanna as rows: equal dates, few different values, so that ties are the rule."""
    first = send(world, by=world.hanna)
    columns = {name: value for name, value in first.__data__.items() if name != "id"}
    made = [first]
    for n in range(1, amount):
        values = {
            **columns,
            "number": f"T-{n}",
            "idempotency_key": key(),
            "summary": ("Panne", "Écran noir", "facture")[n % 3],
            "status": ("registered", "waiting_customer", "resolved", "closed")[n % 4],
            "form_slug": ("incident", "question", "billing-question")[n % 3],
            "category_slug": ("technical", "general", "billing")[n % 3],
            "kind_slug": ("incident", "question")[n % 2],
            "priority_position": n % 3,
            "updated_at": NOW + timedelta(hours=n % 5),
        }
        made.append(Ticket.create(**{**values, **more}))
    return made


def walk(viewer: Any, asked: Asked) -> list[str]:
    """Every number from the first page to the last, by the links of the pages; then back again, the same ones."""
    pages = [lists.find(viewer, asked)]
    assert pages[0].newer is None
    while pages[-1].older:
        pages.append(lists.find(viewer, replace(asked, after=pages[-1].older)))
        assert len(pages) < 100
    numbers = [[row.number for row in page.rows] for page in pages]
    assert all(len(part) == SIZE for part in numbers[:-1]), "only the last page is shorter"
    back = pages[-1]
    for expected in reversed(numbers[:-1]):
        back = lists.find(viewer, replace(asked, before=back.newer))
        assert [row.number for row in back.rows] == expected
        assert back.older == expected[-1]
    assert back.newer is None
    return [number for part in numbers for number in part]


# Which rows


def test_the_three_lists_hold_what_their_names_say(few: Any) -> None:
    mine = send(few)
    colleague = send(few, by=few.bob)
    copied = send(few, by=few.bob, cc=["alice@acme.example"])
    viewer = see(few.alice)
    numbers = {
        name: {row.number for row in lists.find(viewer, Asked(list=name)).rows} for name in lists.LISTS
    }
    assert mine.number in numbers["mine"] and colleague.number not in numbers["mine"]
    assert copied.number in numbers["cc"] and mine.number not in numbers["cc"]
    assert {mine.number, colleague.number, copied.number} <= numbers["organisation"]


def test_a_row_says_all_that_a_list_shows(few: Any) -> None:
    ticket = lifecycle.take(send(few, by=few.hanna), see(few.sam), NOW + timedelta(hours=1))
    (row,) = lists.find(see(few.hanna), Asked()).rows
    assert (row.id, row.number, row.summary, row.status) == (
        ticket.id,
        ticket.number,
        ticket.summary,
        "in_progress",
    )
    assert (row.organisation_name, row.requester_name, row.assignee_name) == ("Hooli", "Hanna", "Sam Delorme")
    assert (row.created_at, row.updated_at) == (NOW, NOW + timedelta(hours=1))
    assert isinstance(row.updated_at, datetime) and row.updated_at.tzinfo is not None


@pytest.mark.parametrize("status", lists.STATUS_FILTERS)
def test_the_filter_on_status_is_the_one_of_the_design(few: Any, status: str) -> None:
    for each in lifecycle.STATUSES:
        put_in(send(few, by=few.hanna), each)
    settings.put("page_size", 100, None, NOW)
    found = {row.status for row in lists.find(see(few.hanna), Asked(status=status)).rows}
    assert (
        found
        == {
            "all": set(lifecycle.STATUSES),
            "open": set(lifecycle.TEAM_STATUSES),
            "waiting": {"waiting_customer", "customer_testing"},
            "resolved": {"resolved", "expired", "closed"},
        }[status]
    )
    assert lists.find(see(few.hanna), Asked(status=status)).count == len(found)


def test_the_filters_of_status_leave_no_status_out_and_none_in_two() -> None:
    parts = [lifecycle.FILTERS[name] for name in ("open", "waiting", "resolved")]
    assert sorted(status for part in parts for status in part) == sorted(lifecycle.STATUSES)


def test_form_category_kind_and_words_narrow_and_add_up(few: Any) -> None:
    incident = send(few, by=few.hanna, summary="Imprimante en panne")
    question = send(
        few, by=few.hanna, form_slug="question", priority=None, summary="Imprimante : quelle encre"
    )
    viewer = see(few.hanna)
    for asked, expected in (
        (Asked(form="incident"), {incident.number}),
        (Asked(form="question"), {question.number}),
        (Asked(category="general"), {question.number}),
        (Asked(kind=incident.kind_slug), {incident.number}),
        (Asked(q="imprimantes"), {incident.number, question.number}),
        (Asked(q="imprimante", form="question"), {question.number}),
        (Asked(form="incident", category="general"), set()),
        (Asked(form="no-such-form"), set()),
    ):
        page = lists.find(viewer, asked)
        assert {row.number for row in page.rows} == expected, asked
        assert page.count == len(expected) and asked.narrowed


def test_a_label_stands_for_every_status_that_customers_read_under_it(few: Any) -> None:
    words = {"customer_fr": "Chez nous", "customer_en": "With us"}
    StatusLabel.update(words).where(StatusLabel.status.in_(("registered", "blocked"))).execute()
    catalogue.forget()
    for status in ("registered", "blocked", "resolved"):
        put_in(send(few, by=few.hanna), status)
    found = lists.find(see(few.hanna), Asked(label="blocked"))
    assert {row.status for row in found.rows} == {"registered", "blocked"}
    assert lists.same_label("no-such-status") == ["no-such-status"]


def test_values_that_nobody_knows_mean_the_default(few: Any) -> None:
    rows(few, 14)
    viewer = see(few.hanna)
    usual = lists.find(viewer, Asked())
    for asked in (
        Asked(sort="nonsense"), Asked(sort="-nonsense"), Asked(sort=""), Asked(sort="-"), Asked(status="nonsense"),
        Asked(list="nonsense"), Asked(after="SUP-99999"), Asked(before="SUP-99999"), Asked(after="'--"),
        Asked(after="\0"), Asked(before="é"), Asked(after="9" * 500),
    ):  # fmt: skip
        assert lists.find(viewer, asked) == usual, asked


def test_staff_see_what_was_given_to_them_and_all_that_they_may(few: Any) -> None:
    taken = lifecycle.take(send(few), see(few.ines), NOW)
    other = send(few)
    numbers = {
        name: {row.number for row in lists.find(see(few.ines), Asked(list=name)).rows} for name in lists.LISTS
    }
    assert taken.number in numbers["mine"] and other.number not in numbers["mine"]
    assert other.number in numbers["organisation"]


# In which order, and page by page


@pytest.mark.parametrize("direction", ["", "-"], ids=["up", "down"])
@pytest.mark.parametrize("column", lists.SORTS)
def test_paging_visits_every_row_once_and_in_order_even_when_values_are_equal(
    few: Any, column: str, direction: str
) -> None:
    made = [again(ticket) for ticket in rows(few, 47)]
    with db.atomic():
        numbers = walk(see(few.hanna), Asked(sort=f"{direction}{column}"))
    place = {
        "created": lambda row: row.id,
        "number": lambda row: row.id,
        "updated": lambda row: (row.updated_at, row.id),
        "status": lambda row: (row.status, row.id),
        "priority": lambda row: (row.priority_position, row.id),
        "form": lambda row: (row.form_slug, row.id),
        "kind": lambda row: (row.kind_slug, row.id),
        "category": lambda row: (row.category_slug, row.id),
        "product": lambda row: (row.product_id or 0, row.id),
        "team": lambda row: (row.team_id or 0, row.id),
        "closes": lambda row: (row.closes_at is None, row.closes_at or NOW, row.id),
        # How letters with accents are ordered is each database's own.
        "summary": None, "requester": None, "agent": None, "organisation": None,
    }[column]  # fmt: skip
    assert len(numbers) == len(set(numbers)) == 47
    if place is not None:
        assert numbers == [row.number for row in sorted(made, key=place, reverse=direction == "-")]


def test_paging_holds_within_filters_and_searches(few: Any) -> None:
    rows(few, 60)
    for ticket in Ticket.select().where(Ticket.organisation == few.hooli):
        search.index_ticket(ticket.id)
    viewer = see(few.hanna)
    for asked, amount in (
        (Asked(status="open", sort="-updated"), 15),
        (Asked(status="waiting", sort="priority"), 15),
        (Asked(q="factures", sort="form"), 20),
        (Asked(form="question", status="resolved", list="organisation"), 10),
    ):
        assert len(walk(viewer, asked)) == amount == lists.find(viewer, asked).count, asked


def test_a_page_that_is_just_full_has_no_next_one(few: Any) -> None:
    rows(few, SIZE)
    page = lists.find(see(few.hanna), Asked())
    assert (len(page.rows), page.older, page.newer, page.count) == (SIZE, None, None, SIZE)


def test_an_empty_list_has_no_neighbours(few: Any) -> None:
    assert lists.find(see(few.hanna), Asked()) == lists.Page([], None, None, 0)


def test_a_request_that_left_the_filter_meanwhile_still_marks_the_place(few: Any) -> None:
    made = rows(few, 25, status="registered")
    viewer, asked = see(few.hanna), Asked(status="open")
    first = lists.find(viewer, asked)
    rest = [row.number for row in lists.find(viewer, replace(asked, after=first.older)).rows]
    Ticket.update(status="closed").where(Ticket.number == first.older).execute()
    assert [row.number for row in lists.find(viewer, replace(asked, after=first.older)).rows] == rest
    assert len(made) == 25


def test_a_new_request_does_not_move_the_rows_of_the_next_page(few: Any) -> None:
    rows(few, 25)
    viewer = see(few.hanna)
    first = lists.find(viewer, Asked())
    rest = [row.number for row in lists.find(viewer, Asked(after=first.older)).rows]
    send(few, by=few.hanna)
    assert [row.number for row in lists.find(viewer, Asked(after=first.older)).rows] == rest


# Counts


def test_a_count_is_capped(few: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "COUNT_CAP", 12)
    rows(few, 13)
    page = lists.find(see(few.hanna), Asked())
    assert page.capped and page.count == 13
    Ticket.delete().where(Ticket.number == "T-1").execute()
    page = lists.find(see(few.hanna), Asked())
    assert not page.capped and page.count == 12


def test_the_counts_of_the_home_page(few: Any) -> None:
    for status in ("registered", "in_progress", "waiting_customer", "customer_testing", "resolved", "closed"):
        put_in(send(few, by=few.hanna), status)
    assert lists.counts(see(few.hanna)) == {"waiting": 2, "team": 2, "resolved": 1, "organisation": 4}
    current = lists.current(see(few.hanna), ("waiting_customer", "customer_testing"), 5)
    assert [row.status for row in current] == ["customer_testing", "waiting_customer"]


def test_the_queues_of_the_desk_count_what_they_hold(few: Any) -> None:
    Person.update(is_supervisor=True).where(Person.id == few.ines.id).execute()
    viewer = see(few.ines)
    teams = lists.teams_of(viewer)
    counted = lists.queue_counts(viewer, teams)
    for name in lists.QUEUES[:-1]:
        page = lists.queue(viewer, name, Asked(sort=lists.queue_sorts(name)[0]), teams)
        assert counted[name] == page.count, name
        assert len(page.rows) == min(SIZE, page.count), name


# What it costs


def test_a_list_takes_as_many_queries_with_200_rows_as_with_5(few: Any, database: Any) -> None:
    viewer = see(few.hanna)
    asked = [
        Asked(list=name, status=status, sort=sort, q=q)
        for name in lists.LISTS
        for status in ("all", "open")
        for sort in ("-created", "updated")
        for q in ("", "panne")
    ]
    catalogue.labels()
    rows(few, 5)
    counted = []
    for _amount in (5, 200):
        sent = []
        for one in asked:
            with statements(database) as seen:
                lists.find(viewer, one)
            sent.append(len(seen))
        with statements(database) as seen:
            lists.counts(viewer)
        counted.append([*sent, len(seen)])
        if _amount == 5:
            template = again(Ticket.get(Ticket.requester == viewer.id)).__data__
            with db.atomic():
                for n in range(195):
                    Ticket.create(**{**template, "id": None, "number": f"M-{n}", "idempotency_key": key()})
    # Settings are remembered for a moment: a list may find them there or not.
    assert all(abs(few_rows - many) <= 1 for few_rows, many in zip(*counted, strict=True)), counted
    assert max(counted[1]) <= 4


def crowd(ticket: Ticket, amount: int) -> None:
    """Many requests of a hundred other customers, in one statement: what the plan of a query depends on."""
    Organisation.insert_many(
        [{"name": f"Client {n}", "slug": f"client-{n}", "created_at": NOW} for n in range(100)]
    ).execute()
    first = Organisation.get(Organisation.slug == "client-0").id
    Person.insert_many(
        [
            {"email": f"c{n}@client.example", "username": f"c{n}", "full_name": f"C {n}", "created_at": NOW}
            for n in range(100)
        ]
    ).execute()
    contact = Person.get(Person.email == "c0@client.example").id
    columns = [field.column_name for field in Ticket._meta.sorted_fields if field.name != "id"]
    copied = {
        "number": "'V-' || n",
        "idempotency_key": "'v-' || n",
        "status": "CASE n - 10 * (n / 10) WHEN 0 THEN 'registered' WHEN 1 THEN 'waiting_customer' ELSE 'closed' END",
        "organisation_id": f"{first} + n - 100 * (n / 100)",
        "requester_id": f"{contact} + n - 100 * (n / 100)",
    }
    values = ", ".join(copied.get(name, name) for name in columns)
    db.execute_sql(
        f"WITH RECURSIVE count_(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM count_ WHERE n < {amount}) "
        f"INSERT INTO ticket ({', '.join(columns)}) SELECT {values} FROM ticket, count_ WHERE ticket.id = {ticket.id}"
    )
    if not is_sqlite():
        # Left to itself PostgreSQL counts some time later: the plan would depend on when.
        db.execute_sql("ANALYZE")
    db.execute_sql(
        "INSERT INTO participant (ticket_id, person_id, email, role, added_at) "
        f"SELECT id, requester_id - 1, 'c', 'cc', created_at FROM ticket WHERE requester_id > {contact} AND id - 20 * (id / 20) = 0"
    )
    db.execute_sql("ANALYZE")


def test_no_list_of_a_customer_reads_every_request(few: Any, database: Any) -> None:
    """The plan of each query, as the database tells it: never the whole table."""
    rows(few, 60)
    crowd(send(few, by=few.charlie), 20_000)

    asked = [
        (name, Asked(list=name, status=status, sort=sort))
        for name in lists.LISTS
        for status in lists.STATUS_FILTERS
        for sort in (
            "-created",
            "-updated",
            "status",
            "priority",
            "summary",
            "form",
            "-requester",
            "agent",
            "closes",
        )
    ] + [(name, Asked(list=name, q="panne")) for name in lists.LISTS]
    for who, names in (
        (few.hanna, lists.LISTS),
        (few.alice, lists.LISTS),
        (few.marc, ("organisation", "cc")),
    ):
        viewer = see(who)
        acts = [partial(lists.find, viewer, one) for name, one in asked if name in names]
        acts += [partial(lists.counts, viewer), partial(lists.current, viewer, ("waiting_customer",), 5)]
        acts += [partial(policies.find_ticket, viewer, "SUP-2001"), partial(lists.numbered, viewer, "2001")]
        assert_no_scan(acts, database)


def assert_no_scan(acts: list[Any], database: Any) -> None:
    """No statement of these acts goes through all requests."""
    for act in acts:
        with parameters(database) as sent:
            act()
        for sql, values in sent:
            assert not scans(sql, values), "\n".join([str(act), sql, *plan(sql, values)])


def test_neither_the_queues_nor_the_sweep_read_every_request(few: Any, database: Any) -> None:
    from domain import closing

    crowd(send(few, by=few.charlie), 20_000)
    viewer = see(few.ines)
    teams = lists.teams_of(viewer)
    acts = [partial(lists.queue_counts, viewer, teams), partial(closing.sweep, NOW - timedelta(days=999))]
    acts += [
        partial(lists.queue, viewer, name, Asked(sort=lists.PRESSING), teams)
        for name in ("mine", "team", "waiting")
    ]
    assert_no_scan(acts, database)


def test_the_queues_of_work_are_read_in_the_order_of_their_index_not_sorted(few: Any, database: Any) -> None:
    crowd(send(few, by=few.charlie), 20_000)
    # One who has two requests may as well have them sorted: hers are many.
    Ticket.update(assignee=few.ines).where(
        Ticket.number.startswith("V-") & (Ticket.id.bin_and(3) == 0)
    ).execute()
    db.execute_sql("ANALYZE")
    viewer = see(few.ines)
    teams = lists.teams_of(viewer)
    for name in ("unassigned", "mine", "team", "waiting"):
        for part in lists._queue(viewer, name, teams):
            sql, values = part.select(Ticket.id).limit(100).sql()
            lines = plan(sql, values)
            assert not any("Sort" in line or "TEMP B-TREE" in line for line in lines), (name, *lines)


@pytest.mark.parametrize("sort", ["-created", "created", "-updated"])
def test_other_orders_of_the_queues_are_read_along_an_index_too(few: Any, database: Any, sort: str) -> None:
    crowd(send(few, by=few.charlie), 20_000)
    viewer = see(few.ines)
    teams = lists.teams_of(viewer)
    acts = [
        partial(lists.queue, viewer, name, Asked(sort=sort), teams)
        for name in ("unassigned", "mine", "team", "waiting")
    ]
    acts += [partial(lists.queue, viewer, "all", Asked(sort="-created", status="waiting"), teams)]
    acts += [
        partial(lists.find, viewer, Asked(list="organisation", status=status))
        for status in ("waiting", "open")
    ]
    for act in acts:
        with parameters(database) as sent:
            act()
        for sql, values in sent:
            # PostgreSQL may sort a status of which there are next to none.
            if "ticket" in sql and (
                is_sqlite() or (sort == "-updated" and "updated_at" in sql.partition("FROM")[0])
            ):
                lines = plan(sql, values)
                assert not any("TEMP B-TREE" in line or "Sort" in line for line in lines), (act, sql, *lines)


@pytest.mark.parametrize("status", ["waiting", "open", "resolved"])
@pytest.mark.parametrize("sort", ["-created", "created"])
def test_an_agent_turns_the_pages_of_a_status_and_meets_every_request_once(
    few: Any, status: str, sort: str
) -> None:
    rows(few, 60)
    wanted = [
        number
        for (number,) in Ticket.select(Ticket.number)
        .where(Ticket.status.in_(lifecycle.FILTERS[status]))
        .order_by(Ticket.id)
        .tuples()
    ]
    met = walk(see(few.ines), Asked(list="organisation", status=status, sort=sort))
    assert met == (wanted if sort == "created" else wanted[::-1])


def test_postgresql_plans_a_statement_for_its_values_each_time(database: Any) -> None:
    if not is_sqlite():
        assert database.execute_sql("SHOW plan_cache_mode").fetchone() == ("force_custom_plan",)
        url = (
            f"{database.guichet_url}{'&' if '?' in database.guichet_url else '?'}options=-c%20work_mem%3D8MB"
        )
        other = models.make_database(url)
        assert other.execute_sql("SHOW work_mem").fetchone() == ("8MB",), "options of the operator are kept"
        other.close_all()


def test_the_plan_of_a_query_that_does_read_everything_is_recognised(few: Any) -> None:
    crowd(send(few, by=few.charlie), 2_000)
    assert scans('SELECT count(*) FROM "ticket" AS "t1" WHERE "t1"."answers" IS NOT NULL', ())


@contextmanager
def parameters(database: Any) -> Iterator[list[tuple[str, Any]]]:
    """Each statement inside the block, with its values."""
    plain, sent = database.execute_sql, []

    def noted(sql: str, values: Any = None, *rest: Any, **more: Any) -> Any:
        sent.append((sql, values))
        return plain(sql, values, *rest, **more)

    database.execute_sql = noted
    try:
        yield sent
    finally:
        del database.execute_sql


def plan(sql: str, values: Any) -> list[str]:
    if is_sqlite():
        return [row[3] for row in db.execute_sql(f"EXPLAIN QUERY PLAN {sql}", values).fetchall()]
    return [row[0] for row in db.execute_sql(f"EXPLAIN {sql}", values).fetchall()]


def scans(sql: str, values: Any) -> bool:
    """Whether a query goes through the table of requests from end to end, by whatever road."""
    if '"ticket"' not in sql or "ticket_search" in sql:
        return False
    names = {part.split('"')[1] for part in sql.split('"ticket" AS ')[1:]}
    if is_sqlite():
        return any(line.split(" USING ")[0].removeprefix("SCAN ") in names for line in plan(sql, values)
                   if line.startswith("SCAN "))  # fmt: skip
    lines = plan(sql, values)
    whole = any("Seq Scan on ticket " in line for line in lines)
    # A walk along an index without a condition on it is the whole table too.
    for n, line in enumerate(lines):
        if "Index" in line and " on ticket " in line and "Bitmap" not in line:
            whole |= n + 1 >= len(lines) or "Index Cond" not in lines[n + 1]
    return whole


def test_somebody_without_an_organisation_has_empty_lists(few: Any) -> None:
    nobody = person("nobody", "nowhere.example")
    for name in lists.LISTS:
        assert lists.find(see(nobody), Asked(list=name)).rows == []
        assert lists.find(see(nobody), Asked(list=name, q="panne")).rows == []
    assert Person.select().where(Person.id == nobody.id).exists()


def test_an_account_manager_finds_what_was_shared_even_below_a_thousand_newer_requests(
    few: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "SEARCH_CAP", 3)
    shared = send(few, summary="Marsouin partagé", share_with_account_manager=True)
    for _ in range(4):
        send(few, by=few.charlie, summary="Marsouin d'ailleurs")
    found = lists.find(see(few.marc), Asked(list="organisation", q="marsouin"))
    assert [row.number for row in found.rows] == [shared.number]


@pytest.mark.parametrize("sort", lists.queue_sorts("team"))
@pytest.mark.parametrize("words", ["", "panne"])
def test_somebody_without_a_team_has_an_empty_queue_of_the_team(few: Any, sort: str, words: str) -> None:
    assert lists.queue(see(few.root), "team", Asked(sort=sort, q=words), []).rows == []


# Columns (VIEW-3)


def test_columns_are_chosen_ordered_and_given_back(world: Any) -> None:
    from domain import columns, settings
    from domain.refusals import Invalid, NotAllowed

    alice, root = see(world.alice), see(world.root)
    assert columns.of(alice) == columns.DEFAULT and columns.chosen(alice) is None
    columns.choose(["agent", "number", "agent"], alice)
    assert columns.of(alice) == ("agent", "number") and columns.of(see(world.bob)) == columns.DEFAULT
    columns.choose([], alice)
    assert columns.of(alice) == (), "the subject alone is a choice"
    with pytest.raises(Invalid, match="columns-unknown"):
        columns.choose(["password_hash"], alice)
    with pytest.raises(NotAllowed, match="settings-not-yours"):
        columns.make_default(["number"], alice, NOW)
    with pytest.raises(Invalid, match="columns-none"):
        columns.make_default([], root, NOW)
    columns.make_default(["number", "closes"], root, NOW)
    assert columns.of(alice) == () and columns.of(see(world.bob)) == ("number", "closes")
    columns.return_to_default(alice)
    assert columns.of(alice) == ("number", "closes")
    # A column that a later version no longer has does not spoil the list.
    settings.put("list_columns", ["gone", "status"], None, NOW)
    assert columns.of(alice) == ("status",)


def test_a_file_holds_what_the_list_shows_and_its_taking_is_recorded(
    few: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from models import AuditEntry

    rows(few, 30)
    asked = Asked(status="open", sort="-updated")
    taken = [row.number for row in lists.export(see(few.hanna), asked, NOW)]
    assert taken == walk(see(few.hanna), asked)
    last = AuditEntry.select().order_by(AuditEntry.id.desc()).first()
    assert (last.kind, last.actor_id, last.data) == ("list:exported", few.hanna.id, {"rows": len(taken)})
    monkeypatch.setattr(lists, "EXPORT_CAP", 4)
    assert [row.number for row in lists.export(see(few.hanna), asked, NOW)] == taken[:4]


def test_those_who_see_everything_sort_it_only_along_an_index(world: Any) -> None:
    sam, alice, marc = see(world.sam), see(world.alice), see(world.marc)
    assert set(lists.sorts_of(sam, "organisation")) == {"created", "number", "status"}
    assert lists.sorts_of(sam, "mine") == lists.sorts_of(alice) == lists.sorts_of(marc) == lists.SORTS
