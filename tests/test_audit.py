"""The two records that are only added to: what is changed, removed or slipped in behind the product's back shows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from domain import audit, conversation, lifecycle, notifications
from models import AuditEntry, Ticket, TicketEvent, db
from tests.conftest import NOW
from tests.support.casework import (
    again,
    answer,
    faults,
    history,
    key,
    last_event,
    put_in,
    see,
    send,
    together,
)

LATER = NOW + timedelta(minutes=1)


def lived(world: Any) -> Ticket:
    """A request to which five things have happened."""
    ticket = send(world)
    answer(ticket, world.sam, now=LATER)
    conversation.note(ticket, "Note", see(world.sam), LATER, idempotency_key=key())
    lifecycle.set_priority(ticket, "1", see(world.sam), LATER)
    lifecycle.close(ticket, see(world.alice), LATER)
    return again(ticket)


def entries(amount: int = 4) -> list[AuditEntry]:
    """Lines of the audit trail."""
    with db.atomic():
        return [
            audit.record("session:failed", by=None, now=NOW, target=f"person:{n}", origin="10.0.0.1", tries=n)
            for n in range(amount)
        ]


def events(ticket: Ticket) -> list[TicketEvent]:
    return list(TicketEvent.select().where(TicketEvent.ticket == ticket.id).order_by(TicketEvent.id))


def test_the_demo_world_and_what_people_do_in_it_hold_together(world: Any) -> None:
    lived(world)
    entries()
    assert audit.verify() == []


CHANGES: dict[str, dict[str, Any]] = {
    "kind": {"kind": "ticket:noted"},
    "actor": {"actor": None},
    "data": {"data": {"from": "registered", "to": "closed"}},
    "visibility": {"is_public": False},
    "time": {"created_at": NOW + timedelta(seconds=1)},
    "hash": {"hash": "0" * 64},
    "link": {"previous_hash": "0" * 64},
}


@pytest.mark.parametrize("what", CHANGES)
@pytest.mark.parametrize("place", [0, 1, -1], ids=["first", "middle", "last"])
def test_an_event_that_was_altered_is_found(world: Any, what: str, place: int) -> None:
    ticket = lived(world)
    row = events(ticket)[place]
    TicketEvent.update(**CHANGES[what]).where(TicketEvent.id == row.id).execute()
    assert f"event {row.id} of request {ticket.id}" in audit.verify()


@pytest.mark.parametrize("place", [0, 1, 3])
def test_an_event_that_was_removed_is_found(world: Any, place: int) -> None:
    ticket = lived(world)
    rows = events(ticket)
    TicketEvent.delete().where(TicketEvent.id == rows[place].id).execute()
    assert audit.verify() == [f"event {rows[place + 1].id} of request {ticket.id}"]


def test_an_event_that_was_slipped_in_is_found(world: Any) -> None:
    ticket, other = lived(world), lived(world)
    for previous in ("", events(ticket)[-1].hash, events(other)[-1].hash):
        row = TicketEvent.create(
            ticket=ticket.id, kind="ticket:replied", actor=world.sam.id, created_at=LATER, previous_hash=previous,
            hash="f" * 64,
        )  # fmt: skip
        assert f"event {row.id} of request {ticket.id}" in audit.verify()
        row.delete_instance()
    assert audit.verify() == []


def test_an_event_moved_to_another_request_is_found(world: Any) -> None:
    ticket, other = lived(world), lived(world)
    row = events(ticket)[-1]
    TicketEvent.update(ticket=other.id).where(TicketEvent.id == row.id).execute()
    assert f"event {row.id} of request {other.id}" in audit.verify()


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "session:started"}, {"target": "person:99"}, {"data": {"tries": 9}}, {"origin": "10.9.9.9"},
        {"created_at": LATER}, {"hash": "0" * 64}, {"previous_hash": "0" * 64},
    ],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_an_entry_of_the_audit_trail_that_was_altered_is_found(world: Any, change: dict[str, Any]) -> None:
    rows = entries()
    AuditEntry.update(**change).where(AuditEntry.id == rows[1].id).execute()
    assert f"audit entry {rows[1].id}" in audit.verify()


def test_an_entry_that_was_removed_or_slipped_in_is_found(world: Any) -> None:
    rows = entries()
    AuditEntry.delete().where(AuditEntry.id == rows[2].id).execute()
    assert audit.verify() == [f"audit entry {rows[3].id}"]
    row = AuditEntry.create(
        kind="session:failed", created_at=LATER, previous_hash=rows[3].hash, hash="f" * 64, data={}
    )
    assert f"audit entry {row.id}" in audit.verify()


def test_two_entries_that_changed_places_are_found(world: Any) -> None:
    first, second = entries(2)
    spare = 987_654
    for old, new in ((first.id, spare), (second.id, first.id), (spare, second.id)):
        AuditEntry.update(id=new).where(AuditEntry.id == old).execute()
    assert len(audit.verify()) == 2


# Writing


def test_kinds_that_are_not_declared_are_refused(world: Any) -> None:
    ticket = send(world)
    with pytest.raises(KeyError):
        audit.record_event(ticket, "ticket:vanished", None, NOW)
    with pytest.raises(KeyError):
        audit.record("session:dreamt", by=None, now=NOW)
    assert history(ticket) == ["ticket:created"]


def test_every_kind_of_event_has_its_rule_of_who_is_told_its_sentence_and_its_mark(world: Any) -> None:
    import presenters

    assert set(audit.EVENT_KINDS) <= set(notifications.RECIPIENTS)
    assert set(audit.EVENT_KINDS) == set(presenters.EVENT_ICONS)
    assert set(audit.EVENT_KINDS) >= presenters.EVENTS_IN_THREAD


def test_a_time_without_a_zone_is_refused(world: Any) -> None:
    ticket = send(world)
    for write in (
        lambda: audit.record_event(ticket, "ticket:noted", None, NOW.replace(tzinfo=None)),
        lambda: audit.record("session:failed", by=None, now=NOW.replace(tzinfo=None)),
    ):
        with pytest.raises(ValueError, match="time zone"):
            write()


def test_what_is_kept_is_hashed_as_it_will_be_read_again(world: Any) -> None:
    ticket = send(world)
    values: list[Any] = [
        {"text": "é 🦭 \" \\ </script> \u2028"}, {"numbers": [0, -1, 1.5, 0.1, 10**15, 1e-7]},
        {"nested": {"b": [None, True, {"c": ()}], "a": ""}}, {"z": 1, "a": 2}, {}, {"long": "x" * 5_000},
    ]  # fmt: skip
    for data in values:
        audit.record_event(ticket, "ticket:moved", None, NOW, **data)
        audit.record("setting:changed", by=None, now=NOW, target="x", **data)
    assert audit.verify() == []


def test_times_of_any_zone_are_kept_and_hashed_as_the_same_instant(world: Any) -> None:
    from zoneinfo import ZoneInfo

    ticket = send(world)
    event = audit.record_event(ticket, "ticket:moved", None, NOW.astimezone(ZoneInfo("Asia/Tokyo")))
    assert again_event(event).created_at == NOW
    assert audit.verify() == []


def again_event(event: TicketEvent) -> TicketEvent:
    return TicketEvent.get_by_id(event.id)


def test_what_many_write_at_the_same_instant_is_one_chain(world: Any, database: Any) -> None:
    from domain import settings as choices

    def write(n: int) -> None:
        for turn in range(3):
            choices.put("help_phone", f"+33 {n} {turn}", None, NOW)

    assert faults(together([lambda n=n: write(n) for n in range(6)], database)) == []
    assert audit.verify() == []


def test_two_follow_ups_of_one_request_at_the_same_instant_do_not_fork_its_history(
    world: Any, database: Any
) -> None:
    from domain import requests
    from tests.support.casework import submission

    parent = put_in(send(world), "closed")
    copy = conversation.put_in_cc(parent, "dana@acme.example", see(world.alice), NOW)
    assert copy is not None
    by, dana = see(world.alice), see(world.dana)
    forms = [submission(world, follow_up_of=parent.number) for _ in range(3)]
    acts = [lambda form=form: requests.submit(form, by, NOW) for form in forms]
    acts.append(lambda: conversation.remove_cc(parent, copy.id, dana, NOW))
    assert faults(together(acts, database)) == []
    assert audit.verify() == []
    assert history(parent).count("ticket:follow_up_created") == 3
    assert last_event(parent).kind in ("ticket:follow_up_created", "ticket:cc_removed")


def test_an_event_goes_with_its_transaction(world: Any) -> None:
    ticket = send(world)
    with pytest.raises(RuntimeError), db.atomic():
        audit.record_event(ticket, "ticket:moved", None, NOW)
        raise RuntimeError
    assert history(ticket) == ["ticket:created"]
