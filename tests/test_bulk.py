"""Many requests at once at the desk: each by its own verb, and a report of what became of each (LIFE-2)."""

from __future__ import annotations

import re
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from playwright.sync_api import expect

from domain import blocking, bulk, lifecycle, settings
from domain.refusals import Invalid, NotAllowed
from models import Ticket
from tests.conftest import NOW
from tests.support import lint
from tests.support.browser_pages import be
from tests.support.browsing import DESK, NARROW, PHONE, assert_accessible, assert_looks
from tests.support.casework import (
    again,
    faults,
    history,
    last_event,
    put_in,
    see,
    send,
    statements,
    team,
    together,
)


@pytest.fixture
def some(world: SimpleNamespace) -> list[Ticket]:
    """Four requests that nobody has taken."""
    return [send(world) for _ in range(4)]


def numbers(tickets: list[Ticket]) -> list[str]:
    return [ticket.number for ticket in tickets]


def said(outcomes: list[bulk.Outcome]) -> list[str]:
    """changed, same, or the code of the refusal."""
    return [o.fault.code if o.fault else ("changed" if o.changed else "same") for o in outcomes]


def token(client: Any) -> str:
    for field in lint.parse(client.get("/help").text).iter("input"):
        if field.get("name") == "csrf_token":
            return str(field.get("value"))
    raise AssertionError("no token in the header")


def post(client: Any, **fields: Any) -> Any:
    """Send the form of the boxes: number=[...] and what goes with it."""
    return client.post("/desk/bulk", data={"csrf_token": token(client), **fields})


# ---- The verbs -----------------------------------------------------------------------------------------


def test_each_moves_by_its_own_verb_and_keeps_its_own_history(world: Any, some: list[Ticket]) -> None:
    outcomes = bulk.move(numbers(some), "in_progress", see(world.sam), NOW, reason="Panne commune.")
    assert said(outcomes) == ["changed"] * 4
    for ticket in some:
        assert again(ticket).status == "in_progress"
        event = last_event(ticket)
        assert (event.kind, event.actor_id, event.data["from"], event.data["to"], event.data["note"]) == (
            "ticket:moved", world.sam.id, "registered", "in_progress", "Panne commune.",
        )  # fmt: skip


def test_what_one_refuses_stops_no_other(world: Any, some: list[Ticket]) -> None:
    put_in(some[1], "closed")
    put_in(some[2], "in_progress")
    wanted = [*numbers(some), "SUP-99999"]
    outcomes = bulk.move(wanted, "in_progress", see(world.sam), NOW)
    assert said(outcomes) == ["changed", "move-refused", "same", "changed", "missing"]
    assert [outcome.number for outcome in outcomes] == wanted
    assert again(some[1]).status == "closed"


def test_an_agent_takes_many_and_none_that_a_colleague_has(world: Any, some: list[Ticket]) -> None:
    sam, ines = see(world.sam), see(world.ines)
    seen = bulk.versions(sam, numbers(some))
    lifecycle.take(some[0], ines, NOW)
    assert said(bulk.assign(numbers(some), sam.id, sam, NOW)) == ["taken-meanwhile", *["changed"] * 3]
    # Seen as it was, it is not taken either; seen as it is, it changes hands.
    assert said(bulk.assign(numbers(some[:1]), sam.id, sam, NOW, seen=seen)) == ["taken-meanwhile"]
    seen = bulk.versions(sam, numbers(some))
    assert said(bulk.assign(numbers(some[:1]), sam.id, sam, NOW, seen=seen)) == ["changed"]


def test_many_are_given_to_a_colleague_and_back_to_the_queue(world: Any, some: list[Ticket]) -> None:
    sam = see(world.sam)
    assert said(bulk.assign(numbers(some), world.ines.id, sam, NOW)) == ["changed"] * 4
    assert {again(ticket).assignee_id for ticket in some} == {world.ines.id}
    assert said(bulk.assign(numbers(some), None, sam, NOW)) == ["changed"] * 4
    assert {again(ticket).status for ticket in some} == {"qualified"}
    for nobody in (world.alice.id, world.marc.id, 999_999):
        with pytest.raises(Invalid, match="assignee-unknown"):
            bulk.assign(numbers(some), nobody, sam, NOW)


def test_many_are_handed_to_another_team(world: Any, some: list[Ticket]) -> None:
    other = team("engineering")
    assert said(bulk.set_team(numbers(some), other.id, see(world.sam), NOW)) == ["changed"] * 4
    assert {again(ticket).team_id for ticket in some} == {other.id}
    assert said(bulk.set_team(numbers(some), 999_999, see(world.sam), NOW)) == ["team-unknown"] * 4


def test_what_changed_since_it_was_on_the_screen_is_left_alone(world: Any, some: list[Ticket]) -> None:
    sam = see(world.sam)
    seen = bulk.versions(sam, numbers(some))
    lifecycle.move(some[2], "waiting_engineering", see(world.ines), NOW)
    outcomes = bulk.move(numbers(some), "resolved", sam, NOW, seen=seen)
    assert said(outcomes) == ["changed", "changed", "changed-meanwhile", "changed"]
    assert again(some[2]).status == "waiting_engineering"


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
@pytest.mark.parametrize("status", ["resolved", "closed"])
def test_what_waits_for_another_of_them_ends_with_it(
    world: Any, some: list[Ticket], status: str, order: tuple[int, ...]
) -> None:
    sam = see(world.sam)
    # The first waits for the second, which waits for the third.
    for waits, ends in pairwise(some[:3]):
        blocking.block(waits, ends.number, sam, NOW)
    wanted = [some[place].number for place in order]
    seen = bulk.versions(sam, wanted)
    outcomes = bulk.move(wanted, status, sam, NOW, seen=seen)
    assert said(outcomes) == ["changed"] * 3
    assert [outcome.number for outcome in outcomes] == wanted
    for ticket in some[:3]:
        assert again(ticket).status == status
        assert "ticket:unblocked" not in history(ticket), "it went on for a moment"
        assert history(ticket)[-1] == f"ticket:{status}"


def test_a_number_counts_once_however_it_is_written(world: Any, some: list[Ticket]) -> None:
    written = [some[0].number, some[0].number.lower(), f" {some[0].number} ", "ñandú", "x" * 300, ""]
    assert said(bulk.move(written, "in_progress", see(world.sam), NOW)) == ["changed"]
    assert history(some[0]).count("ticket:moved") == 1


def test_none_and_too_many_are_refused_before_anything_happens(world: Any, some: list[Ticket]) -> None:
    sam = see(world.sam)
    with pytest.raises(Invalid, match="bulk-none"):
        bulk.move([], "in_progress", sam, NOW)
    with pytest.raises(Invalid, match="bulk-too-many"):
        bulk.move([some[0].number, *(f"SUP-{place}" for place in range(9000, 9100))], "in_progress", sam, NOW)
    with pytest.raises(Invalid, match="status-unknown"):
        bulk.move(numbers(some), "done", sam, NOW)
    assert again(some[0]).status == "registered"


@pytest.mark.parametrize("who", ["alice", "bob", "marc"])
def test_only_the_desk_moves_many(world: Any, some: list[Ticket], who: str) -> None:
    with pytest.raises(NotAllowed):
        bulk.move(numbers(some), "closed", see(getattr(world, who)), NOW)
    assert {again(ticket).status for ticket in some} == {"registered"}


def test_two_agents_at_once_take_each_request_once(world: Any, some: list[Ticket], database: Any) -> None:
    sam, ines = see(world.sam), see(world.ines)
    results = together(
        [lambda by=by: bulk.assign(numbers(some), by.id, by, NOW) for by in (sam, ines)], database
    )
    assert not faults(results)
    for first, second in zip(*results, strict=True):
        assert sorted(said([first, second])) == ["changed", "taken-meanwhile"]
    for ticket in some:
        assert history(ticket).count("ticket:assigned") == 1


def test_it_costs_the_chosen_requests_and_nothing_else(world: Any, some: list[Ticket], database: Any) -> None:
    sam = see(world.sam)
    costs = []
    bulk.move(numbers(some), "in_progress", sam, NOW)
    for count, status in ((1, "blocked"), (3, "blocked")):
        chosen = numbers(some)[:count] if count == 1 else numbers(some)[1:]
        with statements(database) as sent:
            bulk.move(chosen, status, sam, NOW)
        costs.append(len(sent) - 1)
    assert costs[1] == 3 * costs[0]


# ---- The pages -----------------------------------------------------------------------------------------


def boxes(page: Any) -> dict[str, bool]:
    """The boxes of a page: number, and whether it is ticked."""
    found = [f for f in lint.parse(page.text).iter("input") if f.get("name") == "number"]
    return {str(f.get("value")): f.get("checked") is not None for f in found}


def test_boxes_stand_on_the_rows_only_when_they_are_asked_for(
    client: Any, world: Any, some: list[Ticket]
) -> None:
    client.sign_in(world.sam)
    assert boxes(client.get("/desk")) == {}
    page = client.get("/desk?choose=1")
    assert set(numbers(some)) <= set(boxes(page)) and not any(boxes(page).values())
    assert all(boxes(client.get("/desk?choose=all")).values())
    assert "choose=1" in client.get("/desk?queue=all").text


def test_all_went_well_leads_back_to_the_queue(client: Any, world: Any, some: list[Ticket]) -> None:
    client.sign_in(world.sam)
    sent = post(
        client,
        number=numbers(some),
        act="status",
        status="in_progress",
        reason="Ensemble.",
        beside="queue=all&q=paie",
    )
    assert sent.status_code == 303 and sent.headers["Location"] == "/desk?queue=all&q=paie&choose=1"
    assert "4 demandes ont changé." in client.get(sent.headers["Location"]).text


def test_a_report_names_what_was_refused_and_keeps_what_was_typed(
    client: Any, world: Any, some: list[Ticket]
) -> None:
    put_in(some[0], "closed")
    client.sign_in(world.sam)
    page = post(
        client,
        number=numbers(some),
        act="status",
        status="blocked",
        reason="Cause commune.",
        beside="queue=all",
    )
    assert page.status_code == 200
    assert "3 demandes ont changé. 1 a été refusée." in page.text
    assert f"/desk/tickets/{some[0].number}" in page.text and "Cause commune." in page.text
    assert [number for number, ticked in boxes(page).items() if ticked] == [some[0].number]
    none = post(client, number=numbers(some[:1]), act="status", status="blocked", reason="Cause commune.")
    assert none.status_code == 409 and "Cause commune." in none.text


@pytest.mark.parametrize(
    "fields",
    [
        {"act": "status", "status": ""},
        {"act": "status", "status": "done"},
        {"act": "team", "team": ""},
        {"act": "team", "team": "999999"},
        {"act": "assignment", "assignee": "999999"},
        {"act": "assignment"},
        {"act": "erase", "status": "closed"},
        {},
    ],
)
def test_an_act_that_is_not_whole_is_refused_by_the_field(
    client: Any, world: Any, some: list[Ticket], fields: dict[str, str]
) -> None:
    client.sign_in(world.sam)
    page = post(client, number=numbers(some[:2]), reason="Gardée.", **fields)
    assert page.status_code == 422 and "error-summary" in page.text and "Gardée." in page.text
    assert sorted(number for number, ticked in boxes(page).items() if ticked) == sorted(numbers(some[:2]))
    assert {again(ticket).status for ticket in some} == {"registered"}
    assert {again(ticket).assignee_id for ticket in some} == {None}


def test_nothing_chosen_says_so(client: Any, world: Any) -> None:
    client.sign_in(world.sam)
    page = post(client, act="status", status="in_progress")
    assert page.status_code == 422 and "Choisissez au moins une demande." in page.text
    many = post(
        client, number=[f"SUP-{place}" for place in range(9000, 9150)], act="status", status="in_progress"
    )
    assert many.status_code == 422 and "au plus 100" in many.text


def test_without_a_button_the_field_that_is_filled_in_says_what_to_do(
    client: Any, world: Any, some: list[Ticket]
) -> None:
    client.sign_in(world.sam)
    assert post(client, number=numbers(some), status="in_progress").status_code == 303
    assert {again(ticket).status for ticket in some} == {"in_progress"}


def test_closing_many_asks_first(client: Any, world: Any, some: list[Ticket]) -> None:
    client.sign_in(world.sam)
    asked = post(
        client, number=numbers(some), act="status", status="closed", reason="Doublons.", beside="queue=all"
    )
    assert asked.status_code == 200 and {again(ticket).status for ticket in some} == {"registered"}
    for number in numbers(some):
        assert number in asked.text
    done = client.send(asked, form="/desk/bulk")
    assert done.status_code == 303
    assert {again(ticket).status for ticket in some} == {"closed"}
    assert last_event(some[0]).data["note"] == "Doublons."


def test_a_queue_with_boxes_costs_one_query_more_whatever_it_holds(
    client: Any, world: Any, some: list[Ticket], database: Any
) -> None:
    client.sign_in(world.sam)

    def cost(path: str) -> int:
        client.get(path)
        with statements(database) as sent:
            client.get(path)
        return len([sql for sql in sent if sql.startswith("SELECT")])

    client.lint = False
    few = cost("/desk?queue=all&choose=1")
    for _ in range(20):
        send(world)
    assert cost("/desk?queue=all&choose=1") == few


def test_what_was_chosen_comes_back_after_sign_in(
    client: Any, world: Any, some: list[Ticket], clock: Any
) -> None:
    client.sign_in(world.sam)
    held = token(client)
    clock.advance(hours=13)
    led = client.post(
        "/desk/bulk",
        data={
            "csrf_token": held,
            "number": numbers(some[:2]),
            "act": "status",
            "reason": "Cause commune.",
            "status": "blocked",
        },
    )
    assert led.status_code == 303
    back = client.send(client.get(led.headers["Location"]), email=world.sam.email, password=world.password)
    page = client.get(back.headers["Location"])
    assert "Cause commune." in page.text
    assert sorted(number for number, ticked in boxes(page).items() if ticked) == sorted(numbers(some[:2]))


# ---- In a browser --------------------------------------------------------------------------------------


def test_many_are_moved_by_keyboard_without_scripts(
    browser_context: Any, live_server: Any, world: Any, some: list[Ticket]
) -> None:
    page = be(browser_context(java_script_enabled=False), live_server, world.sam).new_page()
    page.goto("/desk")
    page.locator(".queue-head a", has_text=re.compile("Sélectionner plusieurs")).press("Enter")
    for ticket in some[:2]:
        box = page.get_by_label(re.compile(ticket.number))
        box.focus()
        page.keyboard.press("Space")
        expect(box).to_be_checked()
    page.locator("#bulk [name=status]").select_option("in_progress")
    page.locator("#bulk button[value=status]").press("Enter")
    expect(page.get_by_text("2 demandes ont changé.")).to_be_visible()
    assert [again(ticket).status for ticket in some] == ["in_progress"] * 2 + ["registered"] * 2


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.long)])
def test_the_pages_of_the_choice_are_accessible_and_fit(
    browser_context: Any, live_server: Any, world: Any, some: list[Ticket], scheme: str
) -> None:
    put_in(some[0], "closed")
    settings.put("page_size", 10, by=see(world.root), now=NOW)
    for size in (DESK, PHONE, NARROW):
        page = be(browser_context(viewport=size, color_scheme=scheme), live_server, world.sam).new_page()
        page.goto("/desk?queue=all&choose=all")
        for _look in ("the choice", "the report", "the question"):
            expect(page.locator("h1")).to_be_visible()
            assert_accessible(page)
            assert_looks(page)
            if page.locator("#bulk").count():
                status = "closed" if page.locator("#bulk-report").count() else "blocked"
                page.locator("#bulk [name=status]").select_option(status)
                page.locator("#bulk button[value=status]").click()
                page.wait_for_load_state()
