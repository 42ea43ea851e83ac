"""STAFF-9: why somebody can or cannot see a request. The page never says anything but what is decided."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings

from domain import explaining, policies
from domain import settings as choices
from models import Membership, Person, db
from tests.support.casework import again, see, send, statements
from tests.support.client import PortalClient
from tests.support.scene import Scene
from tests.test_visibility import ONE_OF_EACH, World, build, model_knows, worlds


def open_ways(who: Any, ticket: Any) -> list[str]:
    """The ways by which somebody comes to know of a request."""
    return [way.key for way in explaining.explain(see(who), again(ticket)).ways if way.is_open]


def facts(who: Any, ticket: Any, way: str) -> dict[str, bool]:
    told = explaining.explain(see(who), again(ticket))
    return {fact.key: fact.holds for one in told.ways if one.key == way for fact in one.facts}


@pytest.mark.parametrize("examples", [25, pytest.param(600, marks=pytest.mark.long)], ids=["short", "long"])
def test_the_explanation_says_what_is_decided_and_what_the_model_says(database: Any, examples: int) -> None:
    pairs = 0

    @settings(
        max_examples=examples, deadline=None, database=None, derandomize=examples < 100,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )  # fmt: skip
    @example(ONE_OF_EACH)
    @given(worlds)
    def compare(world: World) -> None:
        nonlocal pairs
        with db.atomic() as transaction:
            people, tickets, _files = build(world)
            for place, row in enumerate(people):
                viewer = see(row)
                for ticket, request in zip(tickets, world.requests, strict=True):
                    told = explaining.explain(viewer, ticket)
                    assert told.sees == policies.can_see(viewer, ticket) == model_knows(world, place, request)
                    pairs += 1
            transaction.rollback()
        choices.forget()

    compare()
    assert pairs > 20 * examples / 5


def test_each_way_is_named_where_it_is_the_one_that_counts(world: Any) -> None:
    mine = send(world, audience="only_me")
    assert open_ways(world.alice, mine) == ["requester"]
    assert open_ways(world.bob, mine) == ["administrator"]
    assert open_ways(world.sam, mine) == ["desk"]
    claire = Person.get(Person.email == "claire@acme.example")
    assert open_ways(claire, mine) == []
    assert facts(claire, mine, "colleague") == {"customer": True, "reads_all": True, "open": False}
    assert open_ways(claire, send(world)) == ["colleague"]
    assert open_ways(world.dana, send(world, audience="people", audience_people=[world.dana.id])) == [
        "participant"
    ]
    assert open_ways(world.marc, send(world, share_with_account_manager=True)) == ["account_manager"]
    assert facts(world.marc, mine, "account_manager") == {
        "account_manager": True,
        "manages": True,
        "shared": False,
    }
    Membership.update(removed_at=again(mine).created_at).where(Membership.person == world.alice.id).execute()
    assert facts(world.alice, mine, "requester") == {"customer": True, "requester": True, "member": False}


def test_a_disabled_account_sees_nothing_whatever_its_facts(world: Any) -> None:
    ticket = send(world)
    Person.update(is_active=False).where(Person.id == world.alice.id).execute()
    told = explaining.explain(see(world.alice), again(ticket))
    assert not told.sees and any(way.is_open for way in told.ways) and told.acts == ()


def test_the_acts_are_those_of_the_policies(world: Any) -> None:
    ticket = send(world)
    for name in ("alice", "bob", "sam"):
        viewer = see(getattr(world, name))
        assert dict(explaining.explain(viewer, again(ticket)).acts) == {
            key: bool(may(viewer, again(ticket))) for key, may in explaining.ACTS
        }


@pytest.mark.usefixtures("frozen_memory")
def test_it_costs_the_same_number_of_queries_for_everybody_who_sees(world: Any, database: Any) -> None:
    ticket, other = send(world), send(world, by=world.charlie)
    for _n in range(5):
        send(world)
    costs = []
    for name, row in (
        ("alice", ticket),
        ("bob", ticket),
        ("charlie", ticket),
        ("charlie", other),
        ("sam", ticket),
    ):
        viewer, row = see(getattr(world, name)), again(row)
        with statements(database) as seen:
            explaining.explain(viewer, row)
        costs.append(len(seen))
    assert costs[2] == 1, "who does not see costs the facts alone"
    assert max(costs) <= 12


# ---- The page ----------------------------------------------------------------------------------------------


def test_an_admin_reads_each_rule_in_words(app: Any, client: PortalClient, world: SimpleNamespace) -> None:
    ticket = Scene(app, world).request("alice")
    client.sign_in(world.root)
    desk = client.get(f"/desk/tickets/{ticket.number}").text
    assert f"/desk/access?number={ticket.number}" in desk
    record = client.get(f"/admin/person/details/?id={world.alice.id}").text
    assert "/desk/access?person=alice" in record and f"/viewing/{world.alice.id}" in record
    page = client.get(f"/desk/access?person=alice@acme.example&number={ticket.number.lower()}").text
    assert f"Alice Martin peut voir {ticket.number}." in page
    assert "Est le demandeur." in page and "Ne travaille pas au bureau." in page
    page = client.get(f"/desk/access?person=charlie@globex.example&number={ticket.number}").text
    assert f"ne peut pas voir {ticket.number}." in page
    assert "N’est pas membre de Acme" in page


def test_what_does_not_exist_is_said_beside_its_field_with_what_was_typed(
    client: PortalClient, world: SimpleNamespace
) -> None:
    client.sign_in(world.root)
    answer = client.get("/desk/access?person=nobody@acme.example&number=SUP-1")
    assert answer.status_code == 422
    assert "Personne n’a cette adresse" in answer.text and "Aucune demande ne porte ce numéro" in answer.text
    assert 'value="nobody@acme.example"' in answer.text and 'value="SUP-1"' in answer.text
    for query in (
        "",
        "?person=alice@acme.example",
        "?number=SUP-1",
        "?person=%00&number=1",
        "?person=" + "x" * 400 + "&number=y",
    ):
        assert client.get(f"/desk/access{query}").status_code in (200, 404, 422), query


def test_it_is_for_admins(client: PortalClient, world: SimpleNamespace) -> None:
    for name in ("alice", "bob", "sam", "vera", "marc"):
        client.sign_in(getattr(world, name))
        assert client.get("/desk/access").status_code == 403
