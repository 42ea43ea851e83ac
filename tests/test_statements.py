"""Statements that are put into words once write and read what a query made anew would (decision 10)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from domain import policies, statements
from models import OutboxMessage
from tests.conftest import NOW

UNIQUE = (OutboxMessage.source, OutboxMessage.recipient, OutboxMessage.template)


def mail(number, **more):
    return {
        "source": f"test:{number}",
        "recipient": "alice@acme.example",
        "template": "password-changed",
        "context": {"n": number, "accents": "é « ' \" %s ? :"},
        "message_id": f"m{number}",
        "created_at": NOW,
        "person": None,
        **more,
    }


def without_keys(row):
    return {name: value for name, value in row.__data__.items() if name not in ("id", "source", "message_id")}


def test_a_row_is_written_as_a_query_made_anew_writes_it(database):
    # Both with a statement made for them, and with the one that is known by then.
    for number in (1, 3):
        assert statements.insert(OutboxMessage, [mail(number)], UNIQUE) == 1
        OutboxMessage.create(**mail(number + 1))
        written, plain = OutboxMessage.select().order_by(OutboxMessage.id.desc()).limit(2)
        written.context["n"] = plain.context["n"]
        assert without_keys(written) == without_keys(plain)
        assert (plain.status, plain.language, plain.attempts) == ("waiting", "fr", 0)


def test_rows_that_are_there_are_left_out_and_not_counted(database):
    assert statements.insert(OutboxMessage, [mail(1), mail(2)], UNIQUE) == 2
    later = NOW + timedelta(days=1)
    assert (
        statements.insert(OutboxMessage, [mail(2, message_id="again", created_at=later), mail(3)], UNIQUE)
        == 1
    )
    assert [
        (row.source, row.message_id, row.created_at)
        for row in OutboxMessage.select().order_by(OutboxMessage.id)
    ] == [
        ("test:1", "m1", NOW),
        ("test:2", "m2", NOW),
        ("test:3", "m3", NOW),
    ]


def test_a_value_that_is_none_or_set_shares_the_statement(world):
    assert statements.insert(OutboxMessage, [mail(1)], UNIQUE) == 1
    assert statements.insert(OutboxMessage, [mail(2, person=world.alice.id, next_try_at=NOW)], UNIQUE) == 1
    assert statements.insert(OutboxMessage, [mail(3)], UNIQUE) == 1
    assert [row.person_id for row in OutboxMessage.select().order_by(OutboxMessage.id)][-3:] == [
        None,
        world.alice.id,
        None,
    ]


def test_people_with_equal_rights_share_the_question_and_not_its_answer(world):
    alice, bob = (policies.load_viewer(person.id) for person in (world.alice, world.bob))
    tickets = {ticket.id: ticket for ticket in policies.visible_tickets(alice)}
    tickets |= {ticket.id: ticket for ticket in policies.visible_tickets(bob)}
    assert tickets
    for _twice in range(2):
        for viewer in (alice, bob):
            seen = {ticket.id for ticket in policies.visible_tickets(viewer)}
            assert {key for key, ticket in tickets.items() if policies.can_see(viewer, ticket)} == seen


@pytest.mark.parametrize("who", ["nobody", "disabled"])
def test_whoever_has_no_account_that_works_sees_nothing(world, who):
    viewer = None
    if who == "disabled":
        world.alice.is_active = False
        world.alice.save()
        viewer = policies.load_viewer(world.alice.id)
    [ticket] = policies.visible_tickets(policies.load_viewer(world.sam.id)).limit(1)
    assert not policies.can_see(viewer, ticket)
