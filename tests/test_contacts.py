"""Approved contacts: who keeps the list, what is recorded, what a removal takes away (ACC-2, ACC-3, ACC-14)."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from domain import accounts, audit, contacts, settings
from domain.policies import Viewer, load_viewer, visible_tickets
from domain.refusals import Invalid, Missing, NotAllowed, Refusal
from models import AuditEntry, Membership, Organisation, OutboxMessage, Person

PHRASE = "un cheval bleu mange des frites"


@pytest.fixture(autouse=True)
def portal(database: Any) -> Iterator[None]:
    """A portal with its secret, on a database of this test."""
    accounts.use_secret("only for tests, long enough to be taken: 0123456789")
    settings.forget()
    yield
    settings.forget()


@pytest.fixture
def acme(portal: None, clock: Any) -> SimpleNamespace:
    """Two organisations, and bob who administers the first; dana is a member, alice an approved contact."""

    def add(email: str, name: str, **more: Any) -> Person:
        return accounts.add_person(email, name, by=None, now=clock.now, has_signed_in=True, **more)

    def organisation(name: str, domain: str) -> Organisation:
        return Organisation.create(name=name, slug=name.lower(), domains=[domain], created_at=clock.now)

    here, there = organisation("Acme", "acme.example"), organisation("Globex", "globex.example")
    people = {
        name: add(f"{name}@{domain}", f"{name.title()} {surname}", **more)
        for name, domain, surname, more in [
            ("alice", "acme.example", "Martin", {}),
            ("bob", "acme.example", "Lefèvre", {}),
            ("dana", "acme.example", "Colin", {}),
            ("charlie", "globex.example", "Noir", {}),
            ("erin", "globex.example", "Blanc", {}),
            ("sam", "guichet.example", "Delorme", {"staff_role": "agent"}),
            ("root", "guichet.example", "Oot", {"staff_role": "admin"}),
        ]
    }
    rows = {
        name: contacts.add_membership(people[name].id, place.id, role=role, by=None, now=clock.now)
        for name, place, role in [
            ("alice", here, "contact"),
            ("bob", here, "administrator"),
            ("dana", here, "member"),
            ("charlie", there, "contact"),
            ("erin", there, "administrator"),
        ]
    }
    return SimpleNamespace(here=here, there=there, rows=SimpleNamespace(**rows), **people)


def as_viewer(person: Person) -> Viewer:
    viewer = load_viewer(person.id)
    assert viewer is not None
    return viewer


def last_entry() -> AuditEntry:
    return AuditEntry.select().order_by(AuditEntry.id.desc()).get()


def test_rights_come_with_the_role(acme: SimpleNamespace) -> None:
    def rights(row: Membership) -> tuple[bool, bool, bool]:
        return row.can_open, row.can_see_all, row.can_answer

    assert rights(acme.rows.alice) == rights(acme.rows.bob) == (True, True, True)
    assert rights(acme.rows.dana) == (False, False, False)


def test_a_setting_takes_the_colleagues_requests_from_contacts_and_not_from_the_administrator(
    acme: SimpleNamespace, clock: Any
) -> None:
    settings.put("contacts_see_all", False, by=None, now=clock.now)
    assert contacts.rights_of("contact")["can_see_all"] is False
    assert contacts.rights_of("administrator")["can_see_all"] is True


def test_dana_is_told_to_ask_the_administrator_first_then_the_contacts(acme: SimpleNamespace) -> None:
    assert [contact.full_name for contact in contacts.approvers_of(acme.here.id)] == [
        "Bob Lefèvre",
        "Alice Martin",
    ]


def test_the_list_shows_the_people_of_its_organisation_only(acme: SimpleNamespace, clock: Any) -> None:
    accounts.disable(acme.dana.id, by=None, now=clock.now)
    assert [contact.email for contact in contacts.of_organisation(acme.here.id)] == [
        "bob@acme.example",
        "alice@acme.example",
    ]


def test_the_administrator_approves_a_member_and_it_is_recorded(acme: SimpleNamespace, clock: Any) -> None:
    assert not as_viewer(acme.dana).may_open_requests
    contacts.approve(acme.rows.dana.id, by=as_viewer(acme.bob), now=clock.now, reason="Takes over from Hugo")
    assert as_viewer(acme.dana).may_open_requests
    row = Membership.get_by_id(acme.rows.dana.id)
    assert (row.approved_by_id, row.approved_at) == (acme.bob.id, clock.now)
    entry = last_entry()
    assert (entry.kind, entry.actor_id, entry.created_at) == ("contact:approved", acme.bob.id, clock.now)
    assert (entry.data["person"], entry.data["reason"]) == (acme.dana.id, "Takes over from Hugo")
    assert audit.verify() == []


def test_a_removal_takes_all_rights_at_once_and_leaves_the_row(acme: SimpleNamespace, clock: Any) -> None:
    contacts.remove_approval(
        acme.rows.alice.id, by=as_viewer(acme.bob), now=clock.now, reason="Left the company"
    )
    alice = as_viewer(acme.alice)
    assert alice.memberships == () and not alice.may_open_requests
    assert visible_tickets(alice).count() == 0
    row = Membership.get_by_id(acme.rows.alice.id)
    assert (row.can_open, row.can_see_all, row.can_answer) == (False, False, False)
    assert (row.removed_by_id, row.removed_at, row.reason) == (acme.bob.id, clock.now, "Left the company")
    entry = last_entry()
    assert (entry.kind, entry.actor_id, entry.data["reason"]) == (
        "contact:removed",
        acme.bob.id,
        "Left the company",
    )


def test_a_removal_without_a_reason_is_refused(acme: SimpleNamespace, clock: Any) -> None:
    for reason in ("", "  \n "):
        with pytest.raises(Invalid) as refused:
            contacts.remove_approval(acme.rows.alice.id, by=as_viewer(acme.bob), now=clock.now, reason=reason)
        assert (refused.value.code, refused.value.field) == ("removal-reason-needed", "reason")
    assert as_viewer(acme.alice).may_open_requests


def test_doing_it_twice_records_it_once(acme: SimpleNamespace, clock: Any) -> None:
    bob = as_viewer(acme.bob)
    for _ in range(2):
        contacts.approve(acme.rows.dana.id, by=bob, now=clock.now)
        contacts.remove_approval(acme.rows.alice.id, by=bob, now=clock.now, reason="Left")
    kinds = [entry.kind for entry in AuditEntry.select().where(AuditEntry.actor == bob.id)]
    assert sorted(kinds) == ["contact:approved", "contact:removed"]


def test_somebody_removed_can_come_back_in_the_same_row(acme: SimpleNamespace, clock: Any) -> None:
    bob = as_viewer(acme.bob)
    contacts.remove_approval(acme.rows.alice.id, by=bob, now=clock.now, reason="Left")
    contacts.approve(acme.rows.alice.id, by=bob, now=clock.now, reason="Came back")
    assert as_viewer(acme.alice).may_open_requests
    row = Membership.get_by_id(acme.rows.alice.id)
    assert (row.removed_at, row.removed_by_id) == (None, None)


@pytest.mark.parametrize("who", ["alice", "dana", "charlie", "erin", "sam"])
def test_nobody_else_touches_the_list_of_acme(acme: SimpleNamespace, clock: Any, who: str) -> None:
    by = as_viewer(getattr(acme, who))
    before = [row.__data__ for row in Membership.select().order_by(Membership.id)]
    acts = [
        lambda: contacts.approve(acme.rows.dana.id, by=by, now=clock.now),
        lambda: contacts.remove_approval(acme.rows.alice.id, by=by, now=clock.now, reason="Because"),
        lambda: contacts.add_membership(acme.charlie.id, acme.here.id, role="contact", by=by, now=clock.now),
        lambda: contacts.attach(acme.charlie.id, acme.here.id, by=by, now=clock.now),
        lambda: contacts.invite_contact(
            acme.here.id, full_name="X", email="x@acme.example", by=by, now=clock.now
        ),
    ]
    for act in acts:
        with pytest.raises(Refusal) as refused:
            act()
        assert refused.value.status in (403, 404)
    assert [row.__data__ for row in Membership.select().order_by(Membership.id)] == before
    assert Person.get_or_none(Person.email == "x@acme.example") is None


def test_the_admin_of_the_portal_keeps_every_list(acme: SimpleNamespace, clock: Any) -> None:
    root = as_viewer(acme.root)
    contacts.add_membership(acme.alice.id, acme.here.id, role="administrator", by=root, now=clock.now)
    contacts.remove_approval(acme.rows.bob.id, by=root, now=clock.now, reason="Asked by Acme")
    assert [rights.organisation_name for rights in as_viewer(acme.alice).administers] == ["Acme"]
    assert as_viewer(acme.bob).administers == ()


def test_an_administrator_can_neither_make_nor_remove_another_one_nor_leave(
    acme: SimpleNamespace, clock: Any
) -> None:
    root, bob = as_viewer(acme.root), as_viewer(acme.bob)
    with pytest.raises(NotAllowed):
        contacts.add_membership(acme.dana.id, acme.here.id, role="administrator", by=bob, now=clock.now)
    other = contacts.add_membership(acme.dana.id, acme.here.id, role="administrator", by=root, now=clock.now)
    with pytest.raises(NotAllowed):
        contacts.remove_approval(other.id, by=bob, now=clock.now, reason="Mine alone")
    with pytest.raises(NotAllowed):
        contacts.add_membership(acme.dana.id, acme.here.id, role="contact", by=bob, now=clock.now)
    with pytest.raises(NotAllowed) as refused:
        contacts.remove_approval(acme.rows.bob.id, by=bob, now=clock.now, reason="Tired")
    assert refused.value.code == "contact-is-yourself"


def test_an_invited_colleague_is_a_contact_and_receives_a_link(acme: SimpleNamespace, clock: Any) -> None:
    bob = as_viewer(acme.bob)
    row = contacts.invite_contact(
        acme.here.id, full_name="Nina Roux", email="Nina@ACME.example", by=bob, now=clock.now
    )
    (mail,) = OutboxMessage.select()
    assert (mail.template, mail.recipient) == ("account-invitation", "nina@acme.example")
    _, person = accounts.use_token(
        accounts.link_token(mail.context["seed"]), PHRASE, origin="192.0.2.1", now=clock.now
    )
    assert person.id == row.person_id
    assert as_viewer(person).may_open_requests


def test_removing_somebody_invited_kills_the_invitation(acme: SimpleNamespace, clock: Any) -> None:
    bob = as_viewer(acme.bob)
    row = contacts.invite_contact(
        acme.here.id, full_name="Nina", email="nina@acme.example", by=bob, now=clock.now
    )
    link = accounts.link_token(OutboxMessage.get().context["seed"])
    contacts.remove_approval(row.id, by=bob, now=clock.now, reason="A mistake")
    with pytest.raises(Missing):
        accounts.find_link(link, clock.now)


def test_adding_by_address_approves_a_colleague_who_has_an_account(acme: SimpleNamespace, clock: Any) -> None:
    row = contacts.invite_contact(
        acme.here.id,
        full_name="Another Name",
        email="dana@acme.example",
        by=as_viewer(acme.bob),
        now=clock.now,
    )
    assert (row.id, row.role) == (acme.rows.dana.id, "contact")
    assert Person.get_by_id(acme.dana.id).full_name == "Dana Colin"
    assert OutboxMessage.select().count() == 0


@pytest.mark.parametrize(
    "email", ["charlie@globex.example", "nobody@globex.example", "sam@guichet.example", "x@y.example"]
)
def test_an_address_from_outside_is_refused_whether_or_not_it_has_an_account(
    acme: SimpleNamespace, clock: Any, email: str
) -> None:
    with pytest.raises(Invalid) as refused:
        contacts.invite_contact(
            acme.here.id, full_name="X", email=email, by=as_viewer(acme.bob), now=clock.now
        )
    assert (refused.value.code, refused.value.field) == ("contact-outside", "email")


def test_the_admin_of_the_portal_adds_from_anywhere_but_not_staff(acme: SimpleNamespace, clock: Any) -> None:
    root = as_viewer(acme.root)
    contacts.invite_contact(
        acme.here.id, full_name="C", email="charlie@globex.example", by=root, now=clock.now
    )
    assert [rights.organisation_name for rights in as_viewer(acme.charlie).memberships] == ["Globex", "Acme"]
    with pytest.raises(Invalid) as refused:
        contacts.invite_contact(
            acme.here.id, full_name="S", email="sam@guichet.example", by=root, now=clock.now
        )
    assert refused.value.code == "contact-is-staff"


def test_who_registered_waits_until_staff_attach_them(acme: SimpleNamespace, clock: Any) -> None:
    accounts.register(
        "Kim Durand", "kim@acme.example", organisation="Acme SA", origin="192.0.2.1", now=clock.now
    )
    assert contacts.waiting() == []
    link = accounts.link_token(OutboxMessage.get().context["seed"])
    _, kim = accounts.use_token(link, PHRASE, origin="192.0.2.1", now=clock.now)
    assert [person.id for person in contacts.waiting()] == [kim.id]
    assert [row.name for row in contacts.proposed_organisations(kim)] == ["Acme"]
    assert as_viewer(kim).memberships == ()
    contacts.attach(kim.id, acme.here.id, by=as_viewer(acme.root), now=clock.now)
    assert contacts.waiting() == []
    assert [rights.role for rights in as_viewer(kim).memberships] == ["member"]
    assert last_entry().kind == "contact:attached"
