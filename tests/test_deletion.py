"""The irreversible request: every order of events, both people, the wait, the receipt, and its pages."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as trials
from hypothesis import strategies as st
from peewee import IntegrityError

import mailer
from domain import audit, contacts, deletion, deletion_words, lifecycle, settings
from domain.refusals import Invalid, Missing, NotAllowed, NotNow, Refusal
from models import (
    Deletion,
    DeletionConfirmation,
    Membership,
    NamedPerson,
    OutboxMessage,
    Person,
    Ticket,
    TicketEvent,
)
from tests.conftest import NOW
from tests.support.browser_pages import be, fill_in, send
from tests.support.casework import (
    again,
    answer,
    faults,
    forget_mails,
    history,
    last_event,
    mails,
    person,
    see,
    together,
)
from tests.support.casework import send as submit
from tests.support.lint import parse
from tests.support.right_entries import right_entry

PEOPLE = [
    {"full_name": "Jean Moreau", "employee_number": "1784031", "url": "https://app.initech.example/employees/1784031",
     "details": "Directeur des ventes"},
    {"full_name": "Lucía Fernández", "employee_number": "1784102", "url": "", "details": ""},
]  # fmt: skip
DAY = timedelta(hours=24)
# Version of the text -> fingerprint of all its words.
PUBLISHED = {1: "bd87f8ccd3a925929db47cdae0747b35c3bc7e3f4d73445ec748b52ba5775a4b"}
BASE = "http://support.initech.example"


def ask(world: Any, form: str = "user-deletion", **more: Any) -> Ticket:
    """A request that alice sends about two people."""
    return submit(world, form_slug=form, priority=None, named_people=PEOPLE, **more)


def row_of(ticket: Ticket) -> Deletion:
    return Deletion.get(Deletion.ticket == ticket.id)


def phrase(ticket: Ticket, language: str = "fr") -> str:
    count = NamedPerson.select().where(NamedPerson.ticket == ticket.id).count()
    assert count == 2
    if ticket.form_slug == "mfa-reset":
        return f"effacer les facteurs de {count} personnes"
    return {"fr": f"supprimer {count} personnes", "en": f"delete {count} people"}[language]


def confirm(ticket: Ticket, by: Any, now: Any = NOW, **more: Any) -> Deletion:
    return deletion.confirm(
        ticket, more.pop("typed", phrase(ticket)), see(by), now,
        **{"language": "fr", "understood": True, **more},
    )  # fmt: skip


def second(ticket: Ticket, by: Any, now: Any = NOW, language: str = "fr") -> Deletion:
    return deletion.second(ticket, see(by), now, language=language)


def waiting(world: Any) -> Ticket:
    """A request that both people confirmed at NOW."""
    ticket = ask(world)
    confirm(ticket, world.alice)
    second(ticket, world.bob)
    return ticket


def alone(world: Any) -> None:
    """Leave alice without anybody who could be the second person."""
    Membership.update(removed_at=NOW).where(
        (Membership.organisation == world.organisations["acme"].id) & (Membership.person != world.alice.id)
    ).execute()


# ---- The way that everything goes well -----------------------------------------------------------------


def test_a_deletion_goes_from_its_request_to_its_receipt(world: Any) -> None:
    ticket = ask(world)
    assert row_of(ticket).state == "announced"
    assert confirm(ticket, world.alice).state == "confirmed"
    row = second(ticket, world.bob, NOW + timedelta(hours=1))
    assert (row.state, row.due_at) == ("waiting", NOW + timedelta(hours=25))
    assert deletion.sweep(NOW + timedelta(hours=24)) == 0
    assert deletion.sweep(NOW + timedelta(hours=25)) >= 1
    assert row_of(ticket).state == "ready"
    deletion.carry_out(ticket, see(world.vera), NOW + timedelta(hours=26))
    row = row_of(ticket)
    assert (row.state, row.carried_out_by_id) == ("carried_out", world.vera.id)
    assert again(ticket).status == "resolved"
    assert history(ticket) == [
        "ticket:created", "deletion:announced", "deletion:confirmed", "deletion:seconded", "deletion:ready",
        "deletion:carried_out",
    ]  # fmt: skip
    assert all(event.is_public for event in TicketEvent.select().where(TicketEvent.ticket == ticket.id))
    assert audit.verify() == []


def test_a_reset_of_factors_has_neither_second_person_nor_wait(world: Any) -> None:
    ticket = ask(world, "mfa-reset")
    assert confirm(ticket, world.alice).state == "ready"
    deletion.carry_out(ticket, see(world.sam), NOW)
    assert (row_of(ticket).state, again(ticket).status) == ("carried_out", "resolved")


def test_a_setting_leaves_the_second_person_out(world: Any) -> None:
    settings.put("deletion_second", "none", None, NOW)
    row = confirm(ask(world), world.alice)
    assert (row.state, row.due_at) == ("waiting", NOW + DAY)


def test_the_wait_is_a_setting(world: Any) -> None:
    settings.put("deletion_wait_hours", 72, None, NOW)
    assert row_of(waiting(world)).due_at == NOW + timedelta(hours=72)


def test_other_requests_have_no_procedure(world: Any) -> None:
    ticket = submit(world)
    assert deletion.look(see(world.alice), ticket, NOW, "fr") is None
    with pytest.raises(Missing):
        deletion.cancel(ticket, see(world.alice), NOW)


def test_a_request_that_names_nobody_is_refused_and_leaves_nothing(world: Any) -> None:
    before = Ticket.select().count()
    with pytest.raises(Invalid, match="people-needed"):
        submit(world, form_slug="user-deletion", priority=None)
    assert Ticket.select().count() == before


# ---- The phrase and the words ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "typed",
    [
        "supprimer 2 personnes",
        " Supprimer  2 PERSONNES. ",
        "« supprimer 2 personnes »",
        "Supprimér 2 personnés",
    ],
)
def test_the_phrase_is_taken_whatever_its_capitals_accents_and_spaces(world: Any, typed: str) -> None:
    assert confirm(ask(world), world.alice, typed=typed).state == "confirmed"


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "supprimer",
        "supprimer 3 personnes",
        "supprimer 2 pers",
        "delete 2 people",
        "oui",
        "supprimer 22 personnes",
    ],
)
def test_another_phrase_confirms_nothing(world: Any, typed: str) -> None:
    ticket = ask(world)
    with pytest.raises(Invalid, match="deletion-phrase"):
        confirm(ticket, world.alice, typed=typed)
    assert row_of(ticket).state == "announced"
    assert (
        DeletionConfirmation.select().where(DeletionConfirmation.deletion == row_of(ticket).id).count() == 0
    )


def test_the_box_alone_and_the_phrase_alone_are_not_enough(world: Any) -> None:
    ticket = ask(world)
    with pytest.raises(Invalid, match="deletion-tick"):
        confirm(ticket, world.alice, understood=False)
    assert row_of(ticket).state == "announced"


def test_the_exact_words_are_kept_with_version_language_and_fingerprint(world: Any) -> None:
    ticket = ask(world)
    confirm(ticket, world.alice)
    second(ticket, world.bob, language="en")
    first, other = deletion.confirmations(row_of(ticket))
    assert (first.role, first.language, first.wording_version) == ("requester", "fr", deletion_words.VERSION)
    assert (other.role, other.language) == ("second", "en")
    assert first.typed == "supprimer 2 personnes"
    for held in (first, other):
        assert held.text_hash == deletion_words.fingerprint(held.text)
        for one in PEOPLE:
            assert one["full_name"] in held.text and one["employee_number"] in held.text
        assert ticket.number in held.text and "Acme" in held.text
    assert "https://app.initech.example/employees/1784031" in first.text
    said = [event.data.get("hash") for event in TicketEvent.select().where(TicketEvent.ticket == ticket.id)]
    assert first.text_hash in said and other.text_hash in said


def test_a_published_text_is_never_changed() -> None:
    """Another text is another version: what people agreed to must be found again in the source."""
    assert deletion_words.fingerprint(repr(deletion_words.WORDINGS[1])) == PUBLISHED[1]


def test_a_text_that_was_not_the_one_on_the_page_is_not_agreed_to(world: Any) -> None:
    ticket = ask(world)
    with pytest.raises(NotNow, match="deletion-text-changed"):
        confirm(ticket, world.alice, seen="0" * 64)


def test_a_list_of_people_that_changed_is_never_carried_out(world: Any) -> None:
    ticket = waiting(world)
    NamedPerson.update(employee_number="9").where(NamedPerson.ticket == ticket.id).execute()
    with pytest.raises(NotNow, match="deletion-list-changed"):
        deletion.carry_out(ticket, see(world.vera), NOW + DAY)
    assert row_of(ticket).state == "waiting"


# ---- Who ---------------------------------------------------------------------------------------------


def test_only_the_requester_gives_the_first_confirmation(world: Any) -> None:
    ticket = ask(world)
    for other in (world.bob, world.sam, world.root):
        with pytest.raises(NotAllowed, match="deletion-not-yours"):
            confirm(ticket, other)


def test_a_colleague_for_whom_an_administrator_asked_confirms_and_the_administrator_seconds(
    world: Any,
) -> None:
    ticket = submit(
        world, by=world.bob, form_slug="user-deletion", priority=None, named_people=PEOPLE,
        requester_id=world.alice.id,
    )  # fmt: skip
    with pytest.raises(NotAllowed):
        confirm(ticket, world.bob)
    confirm(ticket, world.alice)
    assert second(ticket, world.bob).state == "waiting"


def test_the_requester_is_never_the_second_person(world: Any) -> None:
    ticket = ask(world, by=world.bob)
    confirm(ticket, world.bob)
    with pytest.raises(NotAllowed, match="deletion-same-person"):
        second(ticket, world.bob)


@pytest.mark.parametrize("who", ["sam", "vera", "root", "marc"])
def test_staff_are_never_the_second_person(world: Any, who: str) -> None:
    ticket = ask(world, share_with_account_manager=True)
    confirm(ticket, world.alice)
    with pytest.raises(NotAllowed):
        second(ticket, getattr(world, who))


@pytest.mark.parametrize("who", ["charlie", "erin", "dana"])
def test_for_strangers_there_is_nothing_at_all(world: Any, who: str) -> None:
    ticket = waiting(world)
    viewer = see(getattr(world, who))
    for act in (
        lambda: deletion.confirm(ticket, phrase(ticket), viewer, NOW, language="fr", understood=True),
        lambda: deletion.second(ticket, viewer, NOW, language="fr"),
        lambda: deletion.second_by_supervisor(ticket, "Un appel bien noté", viewer, NOW, language="fr"),
        lambda: deletion.cancel(ticket, viewer, NOW),
        lambda: deletion.carry_out(ticket, viewer, NOW + DAY),
    ):
        with pytest.raises(Missing):
            act()
    assert row_of(ticket).state == "waiting"


def test_somebody_in_copy_reads_and_confirms_nothing(world: Any) -> None:
    ticket = ask(world, cc=["dana@acme.example"])
    confirm(ticket, world.alice)
    with pytest.raises(NotAllowed, match="deletion-not-second"):
        second(ticket, world.dana)
    with pytest.raises(NotAllowed, match="deletion-cancel-not-yours"):
        deletion.cancel(ticket, see(world.dana), NOW)


def test_another_approved_contact_can_be_the_second_person_unless_only_administrators_may(world: Any) -> None:
    other = person("gil")
    contacts.add_membership(other.id, world.organisations["acme"].id, role="contact", by=None, now=NOW)
    first = ask(world)
    confirm(first, world.alice)
    assert second(first, other).state == "waiting"
    settings.put("deletion_second", "administrator", None, NOW)
    ticket = ask(world)
    confirm(ticket, world.alice)
    with pytest.raises(NotAllowed, match="deletion-not-second"):
        second(ticket, other)
    assert second(ticket, world.bob).state == "waiting"


def test_the_rule_of_the_first_confirmation_counts_to_the_end(world: Any) -> None:
    ticket = ask(world)
    confirm(ticket, world.alice)
    settings.put("deletion_second", "none", None, NOW)
    assert second(ticket, world.bob).state == "waiting"
    settings.put("deletion_second", "administrator", None, NOW)
    assert deletion.sweep(NOW + DAY) >= 1
    assert row_of(ticket).state == "ready"


def test_a_request_that_only_its_requester_reads_asks_the_administrators_alone(world: Any) -> None:
    other = person("gil")
    contacts.add_membership(other.id, world.organisations["acme"].id, role="contact", by=None, now=NOW)
    ticket = ask(world, audience="only_me")
    asked = {viewer.email for viewer in deletion.eligible(ticket, "approved")}
    assert "bob@acme.example" in asked
    assert "gil@acme.example" not in asked


# ---- Nobody to be the second person --------------------------------------------------------------------


def test_without_a_second_person_a_supervisor_confirms_after_a_noted_call(world: Any) -> None:
    alone(world)
    ticket = ask(world)
    assert confirm(ticket, world.alice).answer_by is None
    note = "Appelé Alice Martin au standard d’Acme : elle confirme les deux noms."
    with pytest.raises(NotAllowed, match="deletion-not-supervisor"):
        deletion.second_by_supervisor(ticket, note, see(world.sam), NOW, language="fr")
    with pytest.raises(Invalid, match="call-note-needed"):
        deletion.second_by_supervisor(ticket, " oui ", see(world.vera), NOW, language="fr")
    row = deletion.second_by_supervisor(ticket, note, see(world.vera), NOW, language="fr")
    assert (row.state, row.due_at) == ("waiting", NOW + DAY)
    held = deletion.confirmations(row)[-1]
    assert (held.role, held.person_id, held.call_note) == ("supervisor", world.vera.id, note)
    deletion.carry_out(ticket, see(world.vera), NOW + DAY)


def test_a_supervisor_does_not_stand_for_somebody_who_is_there(world: Any) -> None:
    ticket = ask(world)
    confirm(ticket, world.alice)
    with pytest.raises(NotNow, match="deletion-second-there"):
        deletion.second_by_supervisor(
            ticket, "Alice a confirmé au téléphone.", see(world.vera), NOW, language="fr"
        )
    assert row_of(ticket).state == "confirmed"


def test_the_supervisors_are_told_when_nobody_else_can(world: Any) -> None:
    alone(world)
    ticket = ask(world)
    forget_mails()
    confirm(ticket, world.alice)
    assert mails(ticket) == {("deletion-second", "vera")}


# ---- Time ----------------------------------------------------------------------------------------------


def test_nothing_is_carried_out_one_instant_before_its_time(world: Any) -> None:
    ticket = waiting(world)
    with pytest.raises(NotNow, match="deletion-too-early"):
        deletion.carry_out(ticket, see(world.vera), NOW + DAY - timedelta(microseconds=1))
    # The job is late: the date counts, not whether it ran.
    assert deletion.carry_out(ticket, see(world.vera), NOW + DAY).state == "carried_out"


def test_the_database_itself_refuses_a_deletion_before_its_time(world: Any) -> None:
    ticket = waiting(world)
    with pytest.raises(IntegrityError):
        Deletion.update(state="carried_out", carried_out_at=NOW).where(Deletion.ticket == ticket.id).execute()


def test_without_an_answer_in_five_working_days_it_cancels_itself(world: Any) -> None:
    ticket = ask(world)
    row = confirm(ticket, world.alice)
    # Tuesday 10 November; Wednesday 11 is a holiday in France: the fifth working day is Wednesday 18.
    assert row.answer_by.isoformat() == "2026-11-18T23:00:00+00:00"
    with pytest.raises(NotNow, match="deletion-answer-late"):
        second(ticket, world.bob, row.answer_by)
    deletion.sweep(row.answer_by - timedelta(seconds=1))
    assert row_of(ticket).state == "confirmed"
    deletion.sweep(row.answer_by)
    assert (row_of(ticket).state, row_of(ticket).cancel_reason) == ("cancelled", "no-answer")


def test_running_the_job_twice_does_nothing_twice(world: Any) -> None:
    ticket = waiting(world)
    deletion.sweep(NOW + DAY)
    before = history(ticket)
    assert deletion.sweep(NOW + DAY) == 0
    assert history(ticket) == before


def test_a_procedure_that_fails_does_not_stop_the_others(world: Any, monkeypatch: Any) -> None:
    broken, sound = waiting(world), waiting(world)
    plain = deletion._step

    def step(ticket_id: int, now: Any) -> int:
        if ticket_id == broken.id:
            raise RuntimeError("a row that cannot be read")
        return plain(ticket_id, now)

    monkeypatch.setattr(deletion, "_step", step)
    deletion.sweep(NOW + DAY)
    assert (row_of(broken).state, row_of(sound).state) == ("waiting", "ready")


# ---- Cancelling ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["alice", "bob", "sam"])
@pytest.mark.parametrize("at", ["confirmed", "waiting", "ready"])
def test_each_of_the_two_and_staff_cancel_until_it_is_carried_out(world: Any, who: str, at: str) -> None:
    ticket = ask(world)
    confirm(ticket, world.alice)
    if at != "confirmed":
        second(ticket, world.bob)
    if at == "ready":
        deletion.sweep(NOW + DAY)
    assert row_of(ticket).state == at
    deletion.cancel(ticket, see(getattr(world, who)), NOW + DAY, reason="Un nom est faux.")
    assert row_of(ticket).state == "cancelled"
    with pytest.raises(NotNow, match="deletion-cancelled"):
        deletion.carry_out(ticket, see(world.vera), NOW + 2 * DAY)
    with pytest.raises(NotNow, match="deletion-moved-on"):
        confirm(ticket, world.alice, NOW + 2 * DAY)
    assert again(ticket).status != "resolved"


def test_staff_say_why_they_cancel(world: Any) -> None:
    ticket = waiting(world)
    with pytest.raises(Invalid, match="reason-needed"):
        deletion.cancel(ticket, see(world.sam), NOW, reason="  ")
    assert row_of(ticket).state == "waiting"


def test_what_is_carried_out_is_not_cancelled(world: Any) -> None:
    ticket = waiting(world)
    deletion.carry_out(ticket, see(world.vera), NOW + DAY)
    with pytest.raises(NotNow, match="deletion-done"):
        deletion.cancel(ticket, see(world.alice), NOW + DAY)


def test_a_second_click_changes_nothing(world: Any) -> None:
    ticket = ask(world)
    confirm(ticket, world.alice)
    confirm(ticket, world.alice)
    second(ticket, world.bob)
    second(ticket, world.bob, NOW + timedelta(hours=3))
    assert row_of(ticket).due_at == NOW + DAY
    deletion.carry_out(ticket, see(world.vera), NOW + DAY)
    deletion.carry_out(ticket, see(world.vera), NOW + DAY)
    assert len(history(ticket)) == len(set(history(ticket))) == 5


# ---- The request around it -------------------------------------------------------------------------------


def test_a_request_is_not_called_solved_before_it_is_carried_out(world: Any) -> None:
    ticket = waiting(world)
    with pytest.raises(NotNow, match="deletion-not-done"):
        lifecycle.move(again(ticket), "resolved", see(world.sam), NOW)
    with pytest.raises(NotNow, match="deletion-not-done"):
        answer(again(ticket), world.sam, move_to="resolved")
    assert again(ticket).status == "registered"
    deletion.cancel(ticket, see(world.alice), NOW)
    assert lifecycle.move(again(ticket), "resolved", see(world.sam), NOW).status == "resolved"


@pytest.mark.parametrize("who", ["alice", "sam"])
def test_closing_the_request_cancels_the_procedure(world: Any, who: str) -> None:
    ticket = waiting(world)
    lifecycle.close(again(ticket), see(getattr(world, who)), NOW)
    row = row_of(ticket)
    assert (row.state, row.cancel_reason) == ("cancelled", "closed")
    with pytest.raises(NotNow, match="deletion-cancelled"):
        deletion.carry_out(ticket, see(world.vera), NOW + DAY)


def test_an_answer_that_closes_cancels_the_procedure(world: Any) -> None:
    ticket = waiting(world)
    answer(again(ticket), world.sam, move_to="closed")
    assert row_of(ticket).state == "cancelled"


def test_a_request_that_closes_by_silence_cancels_the_procedure(world: Any) -> None:
    ticket = ask(world)
    confirm(ticket, world.alice)
    lifecycle.move(again(ticket), "waiting_customer", see(world.sam), NOW)
    lifecycle.move(again(ticket), "closed", None, NOW + 30 * DAY)
    assert row_of(ticket).cancel_reason == "closed"


# ---- Rights that end -------------------------------------------------------------------------------------


def leave(world: Any, who: Any) -> None:
    Membership.update(removed_at=NOW).where(Membership.person == who.id).execute()


@pytest.mark.parametrize("how", ["removed", "demoted", "disabled"])
def test_a_second_person_who_lost_the_right_is_asked_for_again(world: Any, how: str) -> None:
    ticket = waiting(world)
    if how == "removed":
        leave(world, world.bob)
    elif how == "demoted":
        Membership.update(role="member", can_open=False).where(Membership.person == world.bob.id).execute()
    else:
        Person.update(is_active=False).where(Person.id == world.bob.id).execute()
    with pytest.raises(NotNow, match="deletion-lapsed"):
        deletion.carry_out(ticket, see(world.vera), NOW + DAY)
    row = row_of(ticket)
    assert (row.state, row.due_at) == ("confirmed", None)
    assert again(ticket).status != "resolved"
    held = [one for one in deletion.confirmations(row) if one.role == "second"]
    assert held[0].void_at == NOW + DAY
    assert last_event(ticket).kind == "deletion:lapsed"
    # Somebody else confirms, and the wait starts anew.
    other = person("gil")
    contacts.add_membership(other.id, world.organisations["acme"].id, role="contact", by=None, now=NOW)
    assert second(ticket, other, NOW + DAY).due_at == NOW + 2 * DAY


def test_the_job_finds_a_right_that_ended_before_anybody_acts(world: Any) -> None:
    ticket = waiting(world)
    leave(world, world.bob)
    assert deletion.sweep(NOW + timedelta(hours=1)) >= 1
    assert row_of(ticket).state == "confirmed"


def test_a_requester_who_lost_the_right_cancels_by_that(world: Any) -> None:
    ticket = waiting(world)
    leave(world, world.alice)
    with pytest.raises(NotNow, match="deletion-lapsed"):
        deletion.carry_out(ticket, see(world.vera), NOW + DAY)
    assert (row_of(ticket).state, row_of(ticket).cancel_reason) == ("cancelled", "requester-left")


# ---- Two at once -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("round_", range(8))
def test_cancelling_and_carrying_out_at_one_instant_gives_exactly_one(
    world: Any, database: Any, round_: int
) -> None:
    ticket = waiting(world)
    alice, vera = see(world.alice), see(world.vera)
    results = together(
        [
            lambda: deletion.cancel(ticket, alice, NOW + DAY),
            lambda: deletion.carry_out(ticket, vera, NOW + DAY),
        ],
        database,
    )
    assert len(faults(results)) == 1
    assert isinstance(faults(results)[0], NotNow)
    row = row_of(ticket)
    ends = [kind for kind in history(ticket) if kind in ("deletion:cancelled", "deletion:carried_out")]
    assert ends == [f"deletion:{row.state}"]
    assert (again(ticket).status == "resolved") == (row.state == "carried_out")
    assert audit.verify() == []


def test_of_two_second_people_at_one_instant_one_counts(world: Any, database: Any) -> None:
    other = person("gil")
    contacts.add_membership(other.id, world.organisations["acme"].id, role="contact", by=None, now=NOW)
    ticket = ask(world)
    confirm(ticket, world.alice)
    bob, gil = see(world.bob), see(other)
    results = together(
        [
            lambda: deletion.second(ticket, bob, NOW, language="fr"),
            lambda: deletion.second(ticket, gil, NOW, language="fr"),
        ],
        database,
    )
    assert [fault.code for fault in faults(results)] == ["deletion-moved-on"]
    assert history(ticket).count("deletion:seconded") == 1


def test_a_living_confirmation_of_each_kind_exists_once(world: Any) -> None:
    row = row_of(waiting(world))
    held = deletion.confirmations(row)[0]
    with pytest.raises(IntegrityError):
        DeletionConfirmation.create(
            deletion=row.id, role="requester", person=world.bob.id, given_at=NOW, wording_version=1, language="fr",
            text="x", text_hash=held.text_hash,
        )  # fmt: skip


# ---- Every order of events -------------------------------------------------------------------------------

ACTS = ("confirm", "second", "call", "cancel", "carry-out", "job", "close", "solve", "leave", "return")
WHO = ("alice", "bob", "charlie", "sam", "vera")


@trials(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(ACTS), st.sampled_from(WHO), st.sampled_from((0, 1, 23, 24, 25, 24 * 9))),
        min_size=4,
        max_size=14,
    )
)
def test_in_every_order_of_events_the_rules_hold(world: Any, database: Any, steps: Any) -> None:
    with database.atomic() as around:
        ticket = ask(world)
        now = NOW
        for act, who, hours in steps:
            now += timedelta(hours=hours)
            before = row_of(ticket)
            by = see(getattr(world, who))
            try:
                with database.atomic():
                    perform(ticket, act, by, now, world)
            except Refusal as fault:
                if fault.code != "deletion-lapsed":
                    after = row_of(ticket)
                    assert (after.state, after.version) == (before.state, before.version)
            check_rules(ticket, before, now)
        around.rollback()
    settings.forget()


def perform(ticket: Ticket, act: str, by: Any, now: Any, world: Any) -> None:
    if act == "confirm":
        deletion.confirm(ticket, phrase(ticket), by, now, language="fr", understood=True)
    elif act == "second":
        deletion.second(ticket, by, now, language="fr")
    elif act == "call":
        deletion.second_by_supervisor(ticket, "Appel noté comme il se doit.", by, now, language="fr")
    elif act == "cancel":
        deletion.cancel(ticket, by, now, reason="Un doute.")
    elif act == "carry-out":
        deletion.carry_out(ticket, by, now)
    elif act == "job":
        deletion.sweep(now)
    elif act == "close":
        lifecycle.move(again(ticket), "closed", by, now)
    elif act == "solve":
        lifecycle.move(again(ticket), "resolved", by, now)
    else:
        gone = now if act == "leave" else None
        Membership.update(removed_at=gone).where(Membership.person == world.bob.id).execute()


def check_rules(ticket: Ticket, before: Deletion, now: Any) -> None:
    row, request = row_of(ticket), again(ticket)
    assert (
        row.state == before.state
        or row.state in deletion.STEPS[before.state]
        or row.version > before.version + 1
    )
    living = {held.role: held.person_id for held in deletion._living(row)}
    if row.state in ("waiting", "ready", "carried_out"):
        assert living["requester"] == ticket.requester_id
        assert set(living) & {"second", "supervisor"}
        assert living.get("second") != ticket.requester_id
    if row.state == "carried_out":
        assert row.carried_out_at >= row.due_at >= row.seconded_at + DAY
    if request.status == "resolved":
        assert row.state in deletion.OVER
    if request.status == "closed":
        assert row.state in deletion.OVER
    kinds = history(ticket)
    assert kinds.count("deletion:carried_out") + kinds.count("deletion:cancelled") == (
        row.state in deletion.OVER
    )


# ---- Mails -----------------------------------------------------------------------------------------------


def test_each_step_tells_those_it_concerns_and_nobody_else(world: Any) -> None:
    ticket = ask(world)
    assert ("deletion-confirm", "alice") in mails(ticket)
    forget_mails()
    asked = {viewer.email.partition("@")[0] for viewer in deletion.eligible(ticket, "approved")}
    confirm(ticket, world.alice)
    assert mails(ticket) == {("deletion-second", name) for name in asked}
    assert "alice" not in asked and "dana" not in asked
    forget_mails()
    second(ticket, world.bob)
    assert mails(ticket) == {("deletion-waiting", "alice"), ("deletion-waiting", "bob")}
    forget_mails()
    deletion.sweep(NOW + DAY)
    told = mails(ticket)
    assert told and {template for template, _who in told} == {"deletion-ready"}
    assert not {who for _template, who in told} & {"alice", "bob"}
    forget_mails()
    deletion.carry_out(ticket, see(world.vera), NOW + DAY)
    assert mails(ticket) == {("deletion-done", "alice"), ("deletion-done", "bob")}


def test_a_cancellation_is_told_to_both_and_to_the_team(world: Any) -> None:
    ticket = waiting(world)
    forget_mails()
    deletion.cancel(ticket, see(world.bob), NOW)
    told = mails(ticket)
    assert {("deletion-cancelled", "alice"), ("deletion-cancelled", "bob")} < told
    assert {template for template, _who in told} == {"deletion-cancelled"}


def worded(app: Any, ticket: Ticket, template: str, to: str = "alice") -> mailer.Mail:
    row = OutboxMessage.get(
        (OutboxMessage.ticket == ticket.id)
        & (OutboxMessage.template == template)
        & OutboxMessage.recipient.startswith(f"{to}@")
    )
    with app.app_context():
        return mailer.render(row, BASE, NOW)


def test_the_mail_of_the_wait_leads_to_the_page_that_cancels(app: Any, world: Any) -> None:
    ticket = waiting(world)
    for to in ("alice", "bob"):
        made = worded(app, ticket, "deletion-waiting", to)
        assert f"{BASE}/tickets/{ticket.number}/deletion/cancellation" in made.text
        assert "Jean Moreau, n° 1784031" in made.text.replace("\u00a0", " ")
        assert "Lucía Fernández" in made.html


def test_the_receipt_names_each_person_and_the_fingerprints(app: Any, world: Any) -> None:
    ticket = waiting(world)
    deletion.carry_out(ticket, see(world.vera), NOW + DAY)
    made = worded(app, ticket, "deletion-done")
    for held in deletion.confirmations(row_of(ticket)):
        assert held.text_hash in made.text and held.text_hash in made.html
    for one in PEOPLE:
        assert one["full_name"] in made.text


@pytest.mark.parametrize(("language", "piece"), [("fr", "Appelez le client"), ("en", "Call the customer")])
def test_the_supervisor_reads_what_to_do(app: Any, world: Any, language: str, piece: str) -> None:
    Person.update(language=language).execute()
    alone(world)
    ticket = ask(world)
    confirm(ticket, world.alice)
    made = worded(app, ticket, "deletion-second", "vera")
    assert piece in made.text and piece in made.html
    assert f"{BASE}/tickets/{ticket.number}/deletion" in made.text


@pytest.mark.parametrize(
    ("language", "piece"),
    [("fr", "n’a plus le droit de confirmer"), ("en", "no longer has the right to confirm")],
)
def test_the_requester_reads_that_the_second_confirmation_is_asked_again(
    app: Any, world: Any, language: str, piece: str
) -> None:
    Person.update(language=language).execute()
    ticket = waiting(world)
    forget_mails()
    leave(world, world.bob)
    deletion.sweep(NOW + timedelta(hours=1))
    made = worded(app, ticket, "deletion-second", "alice")
    assert piece in made.text and "Bob Lefèvre" in made.text


def test_mails_without_text_name_nobody(app: Any, world: Any) -> None:
    settings.put("mail_carries_text", False, None, NOW)
    ticket = waiting(world)
    deletion.cancel(ticket, see(world.sam), NOW, reason="Jean Moreau est encore là.")
    for template in ("deletion-cancelled",):
        made = worded(app, ticket, template)
        assert "Moreau" not in made.text + made.html + made.subject


def test_a_mail_that_is_overtaken_does_not_leave(app: Any, world: Any) -> None:
    from domain.notifications import Skipped

    ticket = waiting(world)
    deletion.cancel(ticket, see(world.alice), NOW)
    for template, to in (
        ("deletion-confirm", "alice"),
        ("deletion-second", "bob"),
        ("deletion-waiting", "alice"),
    ):
        with pytest.raises(Skipped):
            worded(app, ticket, template, to)


# ---- Pages -----------------------------------------------------------------------------------------------


def page_of(ticket: Ticket, more: str = "") -> str:
    return f"/tickets/{ticket.number}/deletion{more}"


def said(page: Any) -> str:
    main = parse(page.text).find(".//main")
    assert main is not None
    return " ".join("".join(main.itertext()).replace("\u202f", " ").replace("\u00a0", " ").split())


def test_sending_the_form_leads_to_the_page_that_confirms(client: Any, world: Any) -> None:
    client.sign_in(world.alice)
    for slug in ("user-deletion", "mfa-reset"):
        sent = client.submit(f"/requests/new/{slug}", form="request", **right_entry(slug))
        assert sent.status_code == 303
        assert sent.location.endswith("/deletion")
        assert "Jean Moreau" in said(client.get(sent.location))


def test_the_whole_way_by_pages(client: Any, world: Any, clock: Any) -> None:
    ticket = ask(world)
    page = client.sign_in(world.alice).get(page_of(ticket))
    words = said(page)
    for piece in (
        "Jean Moreau",
        "1784031",
        "Directeur des ventes",
        "Ce qui disparaît",
        "À vous de confirmer",
    ):
        assert piece in words
    assert "tapez : supprimer 2 personnes" in words
    refused = client.submit(page_of(ticket), "confirmation", typed="supprimer 2 pers")
    assert refused.status_code == 422
    assert refused.text.count("invalid-feedback") == 2
    assert "supprimer 2 pers" in refused.text
    done = client.send(refused, "confirmation", typed="Supprimer 2 personnes", irreversible="y")
    assert done.status_code == 303
    words = said(client.get(page_of(ticket)))
    assert "Une seconde personne doit confirmer" in words and "Bob Lefèvre" in words
    assert "mercredi 18 novembre" in words

    client.sign_in(world.bob)
    assert "Votre confirmation est attendue" in said(client.get(f"/tickets/{ticket.number}"))
    page = client.get(page_of(ticket))
    assert "Alice Martin demande votre confirmation" in said(page)
    assert client.send(page, "second").status_code == 303
    clock.advance(minutes=19)
    words = said(client.get(page_of(ticket)))
    assert "Encore 23 h 42 min pour annuler" in words

    client.sign_in(world.sam)
    assert "Tout peut encore être annulé" in said(client.get(f"/desk/tickets/{ticket.number}"))
    early = client.get(page_of(ticket))
    assert 'id="completion-form"' not in early.text
    clock.advance(hours=24)
    page = client.sign_in(world.sam).get(page_of(ticket))
    unticked = client.send(page, "completion")
    assert unticked.status_code == 422
    assert client.send(unticked, "completion", done="y").status_code == 303
    words = said(client.get(page_of(ticket)))
    assert "Attestation" in words
    for held in deletion.confirmations(row_of(ticket)):
        assert held.text_hash in words
    assert said(client.sign_in(world.alice).get(page_of(ticket))).count("Jean Moreau") >= 2
    assert "C’est fait" in said(client.get(f"/tickets/{ticket.number}"))


def test_the_page_that_cancels_changes_nothing_until_its_button(client: Any, world: Any) -> None:
    ticket = waiting(world)
    client.sign_in(world.alice)
    page = client.get(page_of(ticket, "/cancellation"))
    assert page.status_code == 200
    assert row_of(ticket).state == "waiting"
    assert client.send(page, "cancellation").status_code == 303
    assert row_of(ticket).state == "cancelled"
    words = said(client.get(page_of(ticket)))
    assert "Annulée : rien n’est effacé" in words and "Annulée par Alice Martin" in words
    # Opened again from an old mail, it leads to where things stand.
    assert client.get(page_of(ticket, "/cancellation")).status_code == 303


def test_staff_who_give_no_reason_stay_on_the_page(client: Any, world: Any) -> None:
    ticket = waiting(world)
    client.sign_in(world.sam)
    refused = client.submit(page_of(ticket, "/cancellation"), "cancellation")
    assert refused.status_code == 422
    assert client.send(refused, "cancellation", reason="Un nom est faux.").status_code == 303
    assert "Un nom est faux." in said(client.sign_in(world.alice).get(page_of(ticket)))


def test_a_supervisor_notes_the_call_on_the_page(client: Any, world: Any) -> None:
    alone(world)
    ticket = ask(world)
    confirm(ticket, world.alice)
    assert "Un superviseur appelle" in said(client.sign_in(world.alice).get(page_of(ticket)))
    client.sign_in(world.vera)
    refused = client.submit(page_of(ticket), "call", note="oui")
    assert refused.status_code == 422
    sent = client.send(refused, "call", note="Appelé Alice au standard : les deux noms sont bons.")
    assert sent.status_code == 303
    assert "après un appel" in said(client.sign_in(world.alice).get(page_of(ticket)))


def test_the_desk_says_why_it_cannot_be_solved_yet(client: Any, world: Any) -> None:
    ticket = waiting(world)
    client.sign_in(world.sam)
    refused = client.submit(f"/desk/tickets/{ticket.number}", "status", status="resolved")
    assert refused.status_code == 409
    assert "ni exécuté ni annulé" in said(refused)


def test_the_page_speaks_english_to_english_readers(client: Any, world: Any) -> None:
    Person.update(language="en").where(Person.id == world.alice.id).execute()
    ticket = ask(world)
    client.sign_in(world.alice)
    words = said(client.get(page_of(ticket)))
    for piece in ("Delete 2 people for good", "To confirm, type: delete 2 people", "I ask for the permanent"):
        assert piece in words
    sent = client.submit(page_of(ticket), "confirmation", typed="delete 2 people", irreversible="y")
    assert sent.status_code == 303
    assert deletion.confirmations(row_of(ticket))[0].language == "en"


def test_a_name_that_is_markup_is_shown_as_text(client: Any, world: Any) -> None:
    people = [
        {"full_name": "<b>Jean</b>", "employee_number": "1<i>", "url": "", "details": "<script>x</script>"}
    ]
    ticket = submit(world, form_slug="user-deletion", priority=None, named_people=people)
    page = client.sign_in(world.alice).get(page_of(ticket))
    assert "<b>Jean</b>" in said(page)
    assert "<script>x" not in page.text


def test_another_request_has_no_such_page(client: Any, world: Any) -> None:
    ticket = submit(world)
    assert client.sign_in(world.alice).get(page_of(ticket)).status_code == 404


def test_the_administration_shows_the_procedures_and_changes_nothing(client: Any, world: Any) -> None:
    ticket = waiting(world)
    client.sign_in(world.root)
    assert ticket.number in client.get("/admin/deletion/").text
    page = client.get(f"/admin/deletion/details/?id={row_of(ticket).id}")
    assert "Jean Moreau" in page.text
    assert deletion.confirmations(row_of(ticket))[0].text_hash in page.text


# ---- In a browser ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "typed"),
    [("fr", "supprimer 1 personne"), ("en", "delete 1 person")],
    ids=["french", "english"],
)
def test_the_whole_way_in_chromium(
    browser_context: Any, live_server: Any, world: Any, clock: Any, axe: Any, language: str, typed: str
) -> None:
    from tests.support.browsing import NARROW, PHONE, assert_looks

    Person.update(language=language).execute()
    alice = be(browser_context(viewport=PHONE), live_server, world.alice).new_page()
    bob = be(browser_context(viewport=NARROW, color_scheme="dark"), live_server, world.bob).new_page()
    sam = be(browser_context(), live_server, world.sam).new_page()

    def looks_good(page: Any) -> None:
        axe(page)
        assert_looks(page)

    alice.goto("/requests/new/user-deletion")
    fill_in(alice, "user-deletion")
    send(alice)
    alice.wait_for_url("**/deletion")
    where = alice.url.removeprefix(live_server.url)
    looks_good(alice)
    alice.fill("#typed", "non")
    alice.click("#confirmation .btn-danger")
    alice.wait_for_selector(".error-summary")
    looks_good(alice)
    alice.fill("#typed", typed)
    alice.check("#irreversible")
    alice.press("#typed", "Enter")
    alice.wait_for_selector("[data-deletion=confirmed]")
    looks_good(alice)
    bob.goto(where)
    looks_good(bob)
    bob.click("#second-confirmation .btn-danger")
    bob.wait_for_selector("[data-deletion=waiting]")
    looks_good(bob)
    bob.goto(f"{where}/cancellation")
    looks_good(bob)
    clock.advance(hours=25)
    deletion.sweep(clock.now)
    # The clock of the browser's session moved too.
    sam = be(sam.context, live_server, world.sam).new_page()
    sam.goto(where)
    looks_good(sam)
    sam.check("#done")
    sam.click("#completion-form .btn-danger")
    sam.wait_for_selector("[data-deletion=carried_out]")
    looks_good(sam)
    sam.emulate_media(media="print")
    assert sam.locator(".receipt").is_visible()
