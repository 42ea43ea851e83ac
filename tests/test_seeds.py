"""The demo world: who is in it, what has happened there, and that it is as real as anything people make."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import seeds
from domain import audit, passwords, policies
from domain.lifecycle import STATUSES
from domain.refusals import NotNow
from gateways.files import DiskStore
from models import (
    Attachment,
    LicenceRequest,
    Message,
    OutboxMessage,
    Person,
    Ticket,
    TicketBlock,
    TicketEvent,
    UserSession,
)
from tests.conftest import DEMO_PEOPLE, NOW, PASSWORD


def see(person: Any) -> policies.Viewer:
    viewer = policies.load_viewer(person.id)
    assert viewer is not None
    return viewer


def test_the_demo_people_sign_in_with_the_password_that_was_given(world: Any) -> None:
    for name in DEMO_PEOPLE:
        assert passwords.verify(getattr(world, name).password_hash, PASSWORD), name


def test_those_who_only_stand_in_threads_have_no_password(world: Any) -> None:
    without = {person.email for person in Person.select().where(Person.password_hash.is_null())}
    assert without and not without & set(DEMO_PEOPLE.values())


def test_roles_are_those_that_are_printed(world: Any) -> None:
    roles = {person.email: role for person in Person.select() if (role := person.staff_role)}
    assert roles == {
        "sam@guichet.example": "agent",
        "ines@guichet.example": "agent",
        "vera@guichet.example": "agent",
        "marc@guichet.example": "account_manager",
        "root@guichet.example": "admin",
    }
    assert world.vera.is_supervisor
    assert see(world.alice).may_open_requests
    assert not see(world.dana).may_open_requests
    assert [rights.role for rights in see(world.bob).administers] == ["administrator"]
    assert world.organisations["acme"].account_manager_id == world.marc.id


def test_every_status_has_a_request(world: Any) -> None:
    found = {ticket.status for ticket in Ticket.select()}
    assert found == set(STATUSES)


def test_numbers_have_no_gaps_and_follow_time(world: Any) -> None:
    tickets = list(Ticket.select().order_by(Ticket.id))
    assert len(tickets) >= 40
    assert [ticket.number for ticket in tickets] == [f"SUP-{2001 + index}" for index in range(len(tickets))]
    assert [ticket.created_at for ticket in tickets] == sorted(ticket.created_at for ticket in tickets)


def test_nothing_happened_in_the_future(world: Any) -> None:
    for table in (Ticket, Message, TicketEvent):
        assert table.select().where(table.created_at > NOW).count() == 0
    assert Ticket.select().where(Ticket.updated_at > NOW).count() == 0
    # What was due by now has been done: the first sweep of the portal finds nothing.
    assert Ticket.select().where(Ticket.act_at <= NOW).count() == 0


def test_words_of_a_thread_come_in_order(world: Any) -> None:
    for ticket in Ticket.select():
        times = [message.created_at for message in ticket.messages.order_by(Message.id)]
        assert times == sorted(times)


def test_no_mail_of_the_past_waits_to_be_sent(world: Any) -> None:
    assert OutboxMessage.select().count() > 100
    assert not OutboxMessage.select().where(OutboxMessage.status == "waiting").exists()
    assert not UserSession.select().exists()


def test_the_history_holds_together(world: Any) -> None:
    assert audit.verify() == []


def test_silence_has_reminded_and_closed(world: Any) -> None:
    assert Ticket.select().where(Ticket.close_reason == "silence").count() >= 3
    assert {ticket.reminders_sent for ticket in Ticket.select()} >= {0, 1, 2}


def test_a_follow_up_and_a_priority_that_was_lowered_can_be_looked_at(world: Any) -> None:
    assert Ticket.select().where(Ticket.follow_up_of.is_null(False)).count() == 1
    assert Ticket.select().where(Ticket.priority_asked != Ticket.priority).count() == 1


def test_a_block_and_references_can_be_looked_at(world: Any) -> None:
    [block] = TicketBlock.select().where(TicketBlock.ended_at.is_null())
    assert (block.ticket.status, block.blocker.status) == ("blocked", "customer_testing")
    references = {ticket.escalation_reference for ticket in Ticket.select()} - {""}
    assert references >= {"RPC-318", "SPC-92"} and any(name.startswith("N2-") for name in references)


def test_a_merge_a_split_and_a_handover_can_be_looked_at(world: Any) -> None:
    merged = Ticket.get(Ticket.merged_into.is_null(False))
    assert (merged.status, merged.close_reason) == ("closed", "merged")
    assert Ticket.select().where(Ticket.split_of == merged.merged_into).count() == 1
    handed = Ticket.get(Ticket.requester != Ticket.opened_by, Ticket.split_of.is_null())
    assert TicketEvent.select().where(
        (TicketEvent.ticket == handed.id) & (TicketEvent.kind == "ticket:handed_over")
    )


def test_alice_finds_something_in_each_of_her_lists(world: Any) -> None:
    alice = see(world.alice)
    visible = policies.visible_tickets(alice)
    assert visible.where(Ticket.requester == alice.id).count() >= 10
    assert visible.where(Ticket.requester != alice.id).count() >= 5
    for status in ("waiting_customer", "customer_testing", "resolved", "in_progress", "registered", "closed"):
        assert visible.where((Ticket.requester == alice.id) & (Ticket.status == status)).exists(), status


def test_customers_see_their_own_organisation_only(world: Any) -> None:
    charlie = see(world.charlie)
    organisations = {ticket.organisation.slug for ticket in policies.visible_tickets(charlie)}
    assert organisations == {"globex"}


def test_only_me_is_hidden_from_a_colleague_and_not_from_the_administrator(world: Any) -> None:
    private = Ticket.get(Ticket.audience == "only_me")
    assert not policies.can_see(see(world.alice), private)
    assert policies.can_see(see(world.bob), private)


def test_the_account_manager_sees_what_was_shared(world: Any) -> None:
    shared = policies.visible_tickets(see(world.marc))
    assert shared.count() == 3


def test_a_second_time_is_refused_and_changes_nothing(world: Any) -> None:
    before = (Person.select().count(), Ticket.select().count())
    with pytest.raises(NotNow):
        seeds.seed_demo(NOW, PASSWORD)
    assert (Person.select().count(), Ticket.select().count()) == before


def test_files_are_kept_and_the_filled_form_has_filled_its_record(database: Any, tmp_path: Path) -> None:
    store = DiskStore(tmp_path / "files")
    made = seeds.seed_demo(NOW, None, store)
    assert len({word for _email, word, _role in made}) == 1
    assert all(len(word) >= 15 for _email, word, _role in made)
    attachments = list(Attachment.select())
    assert len(attachments) >= 12
    assert all(attachment.ticket_id for attachment in attachments)
    for attachment in attachments:
        with store.open(attachment.stored_name) as file:
            assert len(file.read()) == attachment.size
    record = LicenceRequest.get(LicenceRequest.source == "form")
    assert (record.edition, record.quantity) == ("Plus", 20)


@pytest.mark.parametrize(
    "now",
    [
        datetime(2026, 11, 9, 23, 5, tzinfo=UTC),
        datetime(2027, 1, 1, 9, 0, tzinfo=UTC),
        datetime(2026, 3, 29, 1, 30, tzinfo=UTC),
    ],
    ids=["just after midnight", "on New Year's day", "in the hour that does not exist"],
)
def test_the_world_can_be_made_at_any_moment(database: Any, now: datetime) -> None:
    seeds.seed_demo(now, PASSWORD)
    assert {ticket.status for ticket in Ticket.select()} == set(STATUSES)
    assert not Ticket.select().where(Ticket.updated_at > now).exists()
    assert Ticket.select().where(Ticket.created_at > now - timedelta(days=1)).count() >= 5
