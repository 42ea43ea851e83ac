"""S10: a form does what it is for, whatever else is sent with it.

Each form is sent as it is, twice, and once more with forty fields that it does not have. What is kept then differs by
nothing but what differs between the first two times (keys made at random).
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from werkzeug.datastructures import MultiDict

import models
from tests.support.client import choose_form, values_of
from tests.support.right_entries import right_entry
from tests.support.scene import nothing_kept
from tests.test_access import ADMIN_TABLES, TABLE, WHO, stage

EXTRA = {
    "role": "administrator", "staff_role": "admin", "is_admin": "1", "admin": "true", "is_supervisor": "1",
    "is_active": "0", "is_staff": "1", "can_open": "1", "can_see_all": "1", "can_answer": "1",
    "organisation": "2", "organisation_id": "2", "org": "2", "portal": "1", "number": "SUP-1", "id": "1",
    "status": "closed", "assignee": "1", "owner": "1", "team": "2", "author": "1", "author_id": "1",
    "requester": "1", "requester_id": "1", "opened_by": "1", "by": "1", "person": "1", "person_id": "1",
    "created_at": "2001-01-01 00:00:00", "updated_at": "2001-01-01 00:00:00", "closed_at": "2001-01-01",
    "act_at": "2001-01-01", "approved_at": "2001-01-01", "email_verified_at": "2001-01-01", "locked_at": "2001-01-01",
    "internal": "1", "is_internal": "1", "is_public": "1", "kind_slug": "problem", "side": "team", "via": "mail",
    "extended_times": "0", "last_number": "1", "priority_asked": "1", "scale_slug": "criticality", "stored_name": "x",
    "password_hash": "x", "token": "x", "session": "1", "merged_into": "1", "follow_up_of": "SUP-1", "state": "done",
}  # fmt: skip
# Fields that these forms do have, by endpoint.
OWN = {
    "desk.replies": {"status"},
    "desk.status": {"status"},
    "desk.assignment": {"assignee"},
    "desk.team": {"team"},
    "bulk.many": {"status", "assignee", "team", "number", "reason"},
    "session.register": {"organisation"},
    "account.sessions": {"session"},
    "mobiles.show": {"number"},
    "mobiles.offer": {"number"},
    "contacts.index": {"role"},
    "contacts.confirm": {"organisation"},
    "requests.new": {"organisation"},
    "guided.step": {"organisation"},
    "guided.draft": {"organisation"},
    "drafts.form": {"organisation"},
    "drafts.message": {"status"},
    "incidents.new": {"state"},
    "incidents.updates": {"state"},
    "incidents.answer": {"status"},
    "ideas.state": {"state"},
    "status.affected": {"organisation", "number"},
}
# Here any name may be sent: the test of the administration takes the columns of each table.
CALLED_ALIKE = {"admin_settings.index"}


def extra(endpoint: str) -> dict[str, str]:
    """The fields that this form does not have, and other ways to write them."""
    plain = {name: value for name, value in EXTRA.items() if name not in OWN.get(endpoint, ())}
    return {
        **plain,
        **{f"{name}[]": value for name, value in list(plain.items())[:5]},
        **{f"ticket.{name}": value for name, value in list(plain.items())[:5]},
        **{f"ticket-0-{name}": value for name, value in list(plain.items())[:5]},
    }


def everything() -> dict[tuple[str, Any, str], Any]:
    """Each cell of each table."""
    return {
        (table.__name__, row["id"] if "id" in row else next(iter(row.values())), column): value
        for table in models.TABLES
        for row in table.select().dicts()
        for column, value in row.items()
        if column != "last_seen_at"
    }


def difference(first: dict[Any, Any], second: dict[Any, Any]) -> set[Any]:
    """The cells that differ."""
    return {cell for cell in first.keys() | second.keys() if first.get(cell) != second.get(cell)}


def kept(database: Any, send: Callable[[], Any]) -> tuple[int, dict[Any, Any]]:
    """What an act answers and leaves, undone at once."""
    with nothing_kept(database):
        status = send().status_code
        return status, everything()


def compare(
    database: Any, send: Callable[[dict[str, str]], Any], more: dict[str, str], what: str
) -> set[Any]:
    """Send plainly, plainly again and with more: fail on what only the last one changed. Returns what was changed."""
    before = everything()
    first, again, with_more = (kept(database, lambda data=data: send(data)) for data in ({}, {}, more))
    assert first[0] == again[0] == with_more[0], (
        f"{what} answered {first[0]}, and {with_more[0]} with more fields"
    )
    moved = difference(first[1], with_more[1]) - difference(first[1], again[1])
    assert not moved, f"{what}: {sorted(map(str, moved))[:6]}"
    return difference(before, first[1])


@pytest.fixture
def scene(app: Any, world: SimpleNamespace) -> SimpleNamespace:
    return stage(app, world)


def test_no_form_takes_a_field_that_it_does_not_have(scene: SimpleNamespace, database: Any) -> None:
    crowd, tried, acted = scene.crowd, 0, 0
    for browser in crowd.browsers.values():
        browser.lint = False
    for endpoint, method, path, data, statuses in TABLE:
        if method != "POST" or endpoint in CALLED_ALIKE:
            continue
        # The first customer and the first of the team for whom it works; else one for whom it is refused.
        can = [name for name, status in zip(WHO, statuses.split(), strict=True) if status == "303"]
        customers = [name for name in can if name in ("alice", "bob", "dana", "charlie")][:1]
        for name in (customers + [name for name in can if name in ("sam", "root")][:1]) or ["alice"]:
            where = path.format(**scene.filled)
            sent = {key: value.format(**scene.filled) for key, value in data.items()}

            def send(more: dict[str, str]) -> Any:
                return crowd.ask(name, "POST", where, {**more, **sent})  # noqa: B023

            changed = compare(database, send, extra(endpoint), f"{path} by {name}")
            tried, acted = tried + 1, acted + bool(changed)
    assert tried > 40
    assert acted > 20, "few forms did anything: the comparison says little"


@pytest.mark.parametrize("slug", ["question", "incident", "sql-report", "user-deletion"])
def test_no_request_form_takes_what_is_not_asked(scene: SimpleNamespace, database: Any, slug: str) -> None:
    crowd = scene.crowd
    entry = {**right_entry(slug), "idempotency_key": "une-clef-des-essais-0001"}
    changed = compare(
        database,
        lambda more: crowd.ask("alice", "POST", f"/requests/new/{slug}", {**more, **entry}),
        extra("requests.new"),
        slug,
    )
    assert any(cell[0] == "Ticket" for cell in changed), "no request was made"


EDITED = [name for name, allowed in ADMIN_TABLES.items() if "edit" in allowed.split()]


@pytest.mark.parametrize("name", EDITED)
def test_no_screen_of_the_administration_writes_a_column_that_it_does_not_show(
    scene: SimpleNamespace, database: Any, name: str
) -> None:
    crowd, key = scene.crowd, scene.filled[f"{name}_id"]
    path = f"/admin/{name}/edit/?id={key}"
    page = crowd.ask("root", "GET", path)
    form = choose_form(page.text, None, f"/admin/{name}/edit/")
    shown: MultiDict[str, Any] = values_of(form)
    fields = {field.get("name") for field in form.iter() if field.get("name")}
    table = next(table for table in models.TABLES if table.__name__.lower() == name)
    hidden = {
        column.name: EXTRA.get(column.name, "2")
        for column in table._meta.sorted_fields
        if column.name not in fields
    }
    hidden |= {f"{column}_id": "2" for column in hidden}
    more = {**extra(""), **hidden}
    more = {field: value for field, value in more.items() if field not in fields}
    sent = {field: shown.getlist(field) for field in shown if field != "csrf_token"}
    with nothing_kept(database):
        assert crowd.ask("root", "POST", path, sent).status_code == 303, "the form as it is was refused"
    compare(database, lambda added: crowd.ask("root", "POST", path, {**added, **sent}), more, path)


def test_the_comparison_sees_a_field_that_gets_through(scene: SimpleNamespace, database: Any) -> None:
    path = f"/desk/tickets/{scene.filled['n']}/replies"
    with pytest.raises(AssertionError, match="status"):
        compare(
            database,
            lambda more: scene.crowd.ask("sam", "POST", path, {**more, "body": "Bonjour."}),
            {"status": "waiting_customer"},
            path,
        )
