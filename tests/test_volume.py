"""Requests loaded in bulk are as good as those that people sent."""

import pytest

import volume
from domain import audit, closing, lifecycle, search
from models import Message, Organisation, Portal, Ticket, TicketEvent

TICKETS = 600


@pytest.fixture
def loaded(world, clock):
    before = (
        Ticket.select().count(),
        Organisation.select().count(),
        Portal.get(Portal.prefix == "SUP").last_number,
    )
    assert volume.fill(TICKETS, now=clock.now) == TICKETS
    return before


def test_the_shape_is_the_one_promised(world, loaded, clock):
    tickets, organisations, last_number = loaded
    made = Ticket.select().where(Ticket.idempotency_key.startswith("volume-"))
    assert Ticket.select().count() == tickets + TICKETS
    assert Organisation.select().count() == organisations + TICKETS // volume.TICKETS_OF_AN_ORGANISATION
    assert Portal.get(Portal.prefix == "SUP").last_number == last_number + TICKETS
    assert made.where(Ticket.requester == world.alice).count() == 30
    still_open = made.where(Ticket.status.in_(lifecycle.OPEN_STATUSES)).count()
    assert 0.15 < still_open / TICKETS < 0.25
    messages = Message.select().where(Message.idempotency_key.startswith("volume-")).count()
    assert 4.5 < messages / TICKETS < 5.5


def test_nothing_is_due_the_moment_it_is_loaded(loaded, clock):
    made = Ticket.select().where(Ticket.idempotency_key.startswith("volume-"))
    assert made.where(Ticket.act_at <= clock.now).count() == 0
    awaited = made.where(Ticket.status.in_(lifecycle.AWAITING_CUSTOMER))
    assert awaited.count() == awaited.where(Ticket.act_at.is_null(False)).count() > 0


def test_history_is_chained_and_the_index_is_the_one_that_verbs_would_write(loaded):
    assert audit.verify() == []
    ticket = (
        Ticket.select().where(Ticket.idempotency_key.startswith("volume-")).order_by(Ticket.id.desc()).get()
    )
    found = search.matching_ids(ticket.number)
    search.index_ticket(ticket.id)
    assert found == search.matching_ids(ticket.number) == [ticket.id]
    first = ticket.messages.order_by(Message.id).get()
    word = max(search.terms(first.body), key=len)
    assert ticket.id in search.matching_ids(word, limit=TICKETS + 200)


def test_the_portal_goes_on_with_the_next_keys(world, loaded, clock):
    ticket = Ticket.select().where(Ticket.status == "in_progress").order_by(Ticket.id.desc()).get()
    last = TicketEvent.select().order_by(TicketEvent.id.desc()).get().id
    event = audit.record_event(ticket, "ticket:noted", None, clock.now, public=False)
    assert event.id == last + 1
    assert audit.verify() == []


def test_a_sweep_acts_on_what_was_loaded_once_it_is_due(loaded, clock):
    assert closing.sweep(clock.advance(days=60)) > 0
    assert closing.sweep(clock.now) == 0


def test_the_demo_people_are_needed(database, clock):
    with pytest.raises(ValueError, match="demo people"):
        volume.fill(1, now=clock.now)
