"""An organisation acts for a client: what the link opens, to whom, and that it opens nothing once it is over (ACC-18)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from domain import (
    audience,
    audit,
    contacts,
    conversation,
    deletion,
    explaining,
    handover,
    joining,
    lists,
    notifications,
    partners,
    policies,
    reading,
    requests,
    splitting,
)
from domain import settings as choices
from domain.refusals import Invalid, Missing, NotAllowed, NotNow
from models import (
    AuditEntry,
    LicenceRequest,
    Membership,
    Message,
    Organisation,
    OutboxMessage,
    Participant,
    PartnerLink,
    Person,
    Product,
    Ticket,
)
from tests.conftest import NOW
from tests.support.casework import (
    again,
    answer,
    forget_mails,
    key,
    mails,
    person,
    put_in,
    see,
    send,
    submission,
)
from tests.test_visibility import knows, those_who_know

CANARY = "narval"


@pytest.fixture
def shop(world: Any) -> SimpleNamespace:
    """A reseller, Comptoir, that acts for Acme: Rita and Remi open requests, Rene is its administrator, Rosa a member."""
    made = organisation("Comptoir")
    people = {
        "rita": member("rita", made, "contact", can_see_all=False),
        "remi": member("remi", made, "contact"),
        "rene": member("rene", made, "administrator"),
        "rosa": member("rosa", made, "member"),
    }
    acme = world.organisations["acme"]
    link = partners.link(made.id, acme.id, see(world.root), NOW)
    forget_mails()
    return SimpleNamespace(own=made, acme=acme, globex=world.organisations["globex"], link=link, **people)


def organisation(name: str) -> Organisation:
    return Organisation.create(
        name=name, slug=name.lower(), domains=[f"{name.lower()}.example"], created_at=NOW
    )


def member(name: str, of: Organisation, role: str = "contact", **more: Any) -> Person:
    made = person(name, f"{of.slug}.example")
    approved = role != "member"
    rights = {"can_open": approved, "can_see_all": approved, "can_answer": approved, **more}
    Membership.create(
        person=made, organisation=of, role=role, approved_at=NOW if approved else None, **rights
    )
    return made


def opened(world: Any, shop: Any, by: Any = None, **more: Any) -> Ticket:
    """A request that somebody of the reseller opens for Acme."""
    return send(world, by=by or shop.rita, organisation_id=shop.acme.id, **more)


def change(shop: Any, world: Any, **more: Any) -> PartnerLink:
    values = {"may_open": True, "reads": "opened", "note": "", "until": None, **more}
    return partners.change(shop.link.id, see(world.root), NOW, **values)


def end(shop: Any, world: Any) -> None:
    partners.end(shop.link.id, see(world.root), NOW, reason="Contrat terminé")


# Opening


def test_a_request_for_a_client_belongs_to_the_client_and_says_who_opened_it(world: Any, shop: Any) -> None:
    ticket = opened(world, shop)
    assert (ticket.organisation_id, ticket.requester_id, ticket.opened_by_id, ticket.audience) == (
        shop.acme.id, shop.rita.id, shop.rita.id, "organisation",
    )  # fmt: skip
    for who in (world.alice, world.bob, world.sam, shop.rita):
        if knows(who, ticket):
            assert reading.load(see(who), ticket.number).partner_name == "Comptoir"
    assert knows(world.bob, ticket) and knows(world.sam, ticket)
    own = send(world)
    assert reading.load(see(world.alice), own.number).partner_name == ""


def test_it_is_opened_by_those_who_may_open_in_their_own_organisation(world: Any, shop: Any) -> None:
    for who in (shop.rita, shop.remi, shop.rene):
        assert {rights.organisation_name for rights in see(who).opens_for} == {"Comptoir", shop.acme.name}
    with pytest.raises(NotAllowed, match="not-approved"):
        opened(world, shop, by=shop.rosa)
    choices.put("who_may_open", "members", by=None, now=NOW)
    assert opened(world, shop, by=shop.rosa).organisation_id == shop.acme.id


def test_a_link_that_does_not_allow_it_opens_nothing(world: Any, shop: Any) -> None:
    before = opened(world, shop)
    change(shop, world, may_open=False)
    with pytest.raises(NotAllowed, match="not-approved"):
        opened(world, shop)
    assert knows(shop.rita, before), "what was opened before is still read and answered"
    assert answer(before, shop.rita)


def test_nobody_opens_for_another_customer_or_in_the_name_of_the_people_of_the_client(
    world: Any, shop: Any
) -> None:
    with pytest.raises(NotAllowed, match="not-approved"):
        send(world, by=shop.rene, organisation_id=shop.globex.id)
    with pytest.raises(NotAllowed, match="not-in-name-of"):
        requests.submit(submission(world, requester_id=world.alice.id), see(shop.rene), NOW)
    with pytest.raises(NotAllowed, match="not-in-name-of"):
        requests.submit(submission(world, requester_id=shop.rita.id), see(shop.rene), NOW)
    with pytest.raises(NotAllowed, match="not-approved"):
        # The link is no way back.
        send(world, by=world.alice, organisation_id=shop.own.id)


def test_the_contract_of_the_client_counts(world: Any, shop: Any) -> None:
    made = requests.submit(
        submission(
            world, form_slug="licence", requester_id=shop.rita.id, priority=None,
            licence={"product": Product.get().id, "edition": "Complète", "quantity": 3, "due_on": NOW.date()},
        ),
        see(shop.rita), NOW,
    )  # fmt: skip
    assert LicenceRequest.get(LicenceRequest.ticket == made.id).organisation_id == shop.acme.id


def test_a_follow_up_goes_on_for_the_client(world: Any, shop: Any) -> None:
    first = put_in(opened(world, shop), "closed")
    filled = requests.follow_up_prefill(see(shop.rita), first.number)
    assert filled["organisation_id"] == shop.acme.id
    second = opened(world, shop, follow_up_of=first.number)
    assert again(second).follow_up_of_id == first.id


# Who sees what


def test_colleagues_of_the_partner_read_what_it_opened_and_nothing_else(world: Any, shop: Any) -> None:
    ticket, own = opened(world, shop), send(world, summary=f"Un {CANARY} de Acme", description=CANARY)
    assert {name for name in ("rita", "remi", "rene", "rosa") if knows(getattr(shop, name), ticket)} == {
        "rita", "remi", "rene",
    }  # fmt: skip
    for who in (shop.rita, shop.remi, shop.rene, shop.rosa):
        assert not knows(who, own)
        nothing_of(own, who)
    assert "charlie" not in those_who_know(world, ticket)


def test_by_the_link_they_read_all_that_the_client_left_open(world: Any, shop: Any) -> None:
    own = send(world, summary=f"Un {CANARY} de Acme")
    kept = [
        send(world, summary=f"Un {CANARY} caché", audience="only_me"),
        send(world, summary=f"Un {CANARY} pour Dana", audience="people", audience_people=[world.dana.id]),
        send(world, by=world.charlie, summary=f"Un {CANARY} de Globex"),
    ]
    change(shop, world, reads="all")
    assert knows(shop.rene, own) and knows(shop.remi, own)
    # Rita reads only her own requests, here as at home.
    assert not knows(shop.rita, own) and not knows(shop.rosa, own)
    for ticket in kept:
        for who in (shop.rita, shop.remi, shop.rene, shop.rosa):
            assert not knows(who, ticket)
            nothing_of(ticket, who)


def nothing_of(ticket: Ticket, who: Any) -> None:
    """No list and no search tells this person of the request, not even by its words."""
    viewer = see(who)
    for name in lists.LISTS:
        for asked in (
            lists.Asked(list=name),
            lists.Asked(list=name, q=CANARY),
            lists.Asked(list=name, place=ticket.organisation_id),
        ):
            assert ticket.id not in {row.id for row in lists.find(viewer, asked).rows}
    assert ticket.id not in {row.id for row in lists.anywhere(viewer, CANARY, 10)[0]}
    assert ticket.id not in {row.id for row in lists.look_alikes(viewer, ticket.summary)}


def test_only_me_hides_it_from_the_partner_too_and_not_from_the_administrators_of_the_client(
    world: Any, shop: Any
) -> None:
    ticket = opened(world, shop, audience="only_me")
    assert those_who_know(world, ticket) >= {"bob"} and "alice" not in those_who_know(world, ticket)
    assert [knows(who, ticket) for who in (shop.rita, shop.remi, shop.rene)] == [True, False, False]


def test_a_partner_of_a_partner_gets_nothing(world: Any, shop: Any) -> None:
    above = organisation("Sommet")
    zoe = member("zoe", above, "administrator")
    partners.link(above.id, shop.own.id, see(world.root), NOW, reads="all")
    ticket, theirs = opened(world, shop), send(world, by=shop.rita, organisation_id=shop.own.id)
    assert knows(zoe, theirs) and not knows(zoe, ticket)
    assert shop.acme.id not in {rights.organisation_id for rights in see(zoe).opens_for}
    with pytest.raises(NotAllowed, match="not-approved"):
        send(world, by=zoe, organisation_id=shop.acme.id)


def test_two_partners_of_one_client_do_not_see_each_other(world: Any, shop: Any) -> None:
    other = organisation("Autre")
    omar = member("omar", other, "administrator")
    partners.link(other.id, shop.acme.id, see(world.root), NOW)
    first, second = opened(world, shop), send(world, by=omar, organisation_id=shop.acme.id)
    assert knows(omar, second) and not knows(omar, first)
    assert knows(shop.rene, first) and not knows(shop.rene, second)


def test_somebody_who_belongs_to_both_opens_as_a_member(world: Any, shop: Any) -> None:
    Membership.create(
        person=world.alice,
        organisation=shop.own,
        role="contact",
        can_open=True,
        can_see_all=True,
        can_answer=True,
    )
    ticket = send(world, organisation_id=shop.acme.id)
    assert reading.load(see(world.alice), ticket.number).partner_name == ""
    assert not knows(shop.rene, ticket)


# Lists


def test_lists_and_search_hold_the_requests_of_clients(world: Any, shop: Any) -> None:
    ticket = opened(world, shop, summary=f"Un {CANARY} échoué", description="Sur la plage.")
    own = send(world, by=shop.rita, organisation_id=shop.own.id)
    for who, name in ((shop.rita, "mine"), (shop.remi, "organisation"), (shop.rene, "organisation")):
        viewer = see(who)
        asked = lists.Asked(list=name)
        assert ticket.id in {row.id for row in lists.find(viewer, asked).rows}
        found = lists.find(viewer, replace(asked, place=shop.acme.id)).rows
        assert [row.id for row in found] == [ticket.id]
        assert [row.id for row in lists.find(viewer, replace(asked, q=CANARY)).rows] == [ticket.id]
        assert [row.id for row in lists.anywhere(viewer, CANARY, 5)[0]] == [ticket.id]
    assert own.id in {row.id for row in lists.find(see(shop.remi), lists.Asked(list="organisation")).rows}
    assert [row.id for row in lists.look_alikes(see(shop.remi), f"Un {CANARY} échoué")] == [ticket.id]
    assert lists.counts(see(shop.remi))["organisation"] == 2


def test_statements_that_people_share_do_not_mix_two_partners(world: Any, shop: Any) -> None:
    """Rights are the same, keys are not: what one reads must never be served to the other."""
    other, place = organisation("Autre"), shop.globex
    omar = member("omar", other, "contact")
    partners.link(other.id, place.id, see(world.root), NOW)
    first, second = opened(world, shop, by=shop.remi), send(world, by=omar, organisation_id=place.id)
    for who, sees in ((shop.remi, first), (omar, second), (shop.remi, first)):
        rows = lists.find(see(who), lists.Asked(list="organisation")).rows
        assert [row.id for row in rows] == [sees.id]
        assert reading.load(see(who), sees.number) is not None


# What they may do


def test_the_partner_answers_what_it_opened_and_only_reads_the_rest(world: Any, shop: Any) -> None:
    ticket, own = opened(world, shop), send(world)
    change(shop, world, reads="all")
    assert answer(ticket, shop.rita) and answer(ticket, shop.remi) and answer(ticket, world.bob)
    assert knows(shop.remi, own)
    with pytest.raises(NotAllowed):
        answer(own, shop.remi)
    viewer = see(shop.remi)
    for may in (policies.can_close, policies.can_change_cc, policies.may_contest, policies.may_hand_over):
        assert not may(viewer, own)
    with pytest.raises(NotAllowed):
        conversation.collaborate(own, viewer, NOW)
    assert conversation.collaborate(ticket, viewer, NOW) is not None


def test_the_audience_and_the_requester_are_for_the_client_to_change(world: Any, shop: Any) -> None:
    ticket = opened(world, shop)
    for who in (shop.rita, shop.rene):
        assert not policies.can_change_audience(see(who), ticket) and not policies.can_hand_over(
            see(who), ticket
        )
        with pytest.raises(NotAllowed, match="audience-not-yours"):
            audience.change(ticket, "only_me", see(who), NOW)
    audience.change(ticket, "only_me", see(world.bob), NOW)
    assert knows(shop.rita, ticket) and not knows(shop.rene, ticket)
    handover.handover(again(ticket), world.alice.id, see(world.bob), NOW)
    assert again(ticket).requester_id == world.alice.id and not knows(shop.rita, ticket)


def test_copies_are_chosen_at_the_client_and_at_the_partner_that_opened_it(world: Any, shop: Any) -> None:
    ticket = opened(world, shop, cc=["alice@acme.example", "remi@comptoir.example"])
    assert {row.email for row in Participant.select()} >= {"alice@acme.example", "remi@comptoir.example"}
    assert conversation.add_cc(ticket, "rosa@comptoir.example", see(world.bob), NOW)
    assert knows(shop.rosa, ticket)
    for address in ("charlie@globex.example", "somebody@comptoir.example"):
        with pytest.raises(Invalid, match="cc-outside"):
            conversation.add_cc(ticket, address, see(shop.rita), NOW)
    own = send(world)
    with pytest.raises(Invalid, match="cc-outside"):
        conversation.add_cc(own, "remi@comptoir.example", see(world.alice), NOW)
    with pytest.raises(Invalid, match="cc-outside"):
        send(world, by=shop.rita, organisation_id=shop.own.id, cc=["alice@acme.example"])


def test_a_deletion_asked_by_a_partner_is_confirmed_by_somebody_of_the_client(world: Any, shop: Any) -> None:
    ticket = opened(
        world, shop, form_slug="user-deletion", priority=None,
        named_people=[{"full_name": "Jean Moreau", "employee_number": "1784031", "url": "", "details": ""}],
    )  # fmt: skip
    second = {viewer.id for viewer in deletion.eligible(ticket, "approved")}
    assert world.bob.id in second and not second & {shop.rita.id, shop.remi.id, shop.rene.id}


# Names


def test_the_page_of_the_audience_names_the_people_of_the_partner(world: Any, shop: Any) -> None:
    ticket = opened(world, shop)

    def readers(who: Any) -> tuple[dict[str, tuple[str, str]], int]:
        row = reading.load(see(who), ticket.number)
        found = audience.look(see(who), row, reading.participants(row))
        return {reader.name: (reader.reason, reader.partner) for reader in found.readers}, found.others

    named, others = readers(world.bob)
    assert named["Rita"] == ("requester", "Comptoir") and named["Remi"] == ("partner", "Comptoir")
    assert "Rosa" not in named and others == 0
    assert {name for name, (_reason, partner) in named.items() if partner} == {"Rita", "Remi", "Rene"}
    # The partner is told its own people and a number for those of the client.
    theirs, others = readers(shop.remi)
    assert set(theirs) == {"Rita", "Remi", "Rene"} and others == len(named) - 3 > 0


def test_every_name_on_that_page_can_see_it_and_nobody_else_can(world: Any, shop: Any) -> None:
    change(shop, world, reads="all")
    for ticket in (
        opened(world, shop),
        opened(world, shop, audience="only_me"),
        send(world),
        send(world, audience="only_me"),
    ):
        row = reading.load(see(world.bob), ticket.number)
        found = audience.look(see(world.bob), row, reading.participants(row))
        named = {reader.person_id for reader in found.readers}
        customers = Person.select().where(Person.staff_role.is_null() & (Person.is_active == True))  # noqa: E712
        assert named == {who.id for who in customers if policies.can_see(see(who), ticket)}


def test_the_page_that_explains_tells_the_way_of_a_partner(world: Any, shop: Any) -> None:
    ticket, own = opened(world, shop), send(world)
    told = {way.key: way for way in explaining.explain(see(shop.rita), ticket).ways}
    assert told["partner_requester"].is_open and not told["partner"].is_open and not told["requester"].is_open
    assert {way.key for way in explaining.explain(see(shop.remi), ticket).ways if way.is_open} == {"partner"}
    assert not explaining.explain(see(shop.remi), own).sees
    end(shop, world)
    assert not explaining.explain(see(shop.rita), ticket).sees


# The end


def test_the_end_of_a_link_counts_at_the_next_request_and_the_requests_stay(world: Any, shop: Any) -> None:
    ticket = opened(world, shop, cc=["remi@comptoir.example"])
    conversation.add_cc(ticket, "rosa@comptoir.example", see(world.sam), NOW)
    assert knows(shop.rosa, ticket)
    end(shop, world)
    for who in (shop.rita, shop.remi, shop.rene, shop.rosa):
        assert not knows(who, ticket)
        with pytest.raises((NotAllowed, Missing)):
            answer(ticket, who)
    with pytest.raises(NotAllowed, match="not-approved"):
        opened(world, shop)
    assert again(ticket).organisation_id == shop.acme.id and knows(world.bob, ticket)
    assert reading.load(see(world.bob), ticket.number).partner_name == "Comptoir", "the past stays told"
    row = reading.load(see(world.bob), ticket.number)
    named = audience.look(see(world.bob), row, reading.participants(row)).readers
    assert not {reader.name for reader in named} & {"Rita", "Remi", "Rene", "Rosa"}


def test_its_last_day_ends_it_by_itself_and_the_job_tells_it(world: Any, shop: Any) -> None:
    ticket = opened(world, shop, cc=["remi@comptoir.example"])
    last = NOW + timedelta(days=2)
    change(shop, world, until=last)
    forget_mails()
    before, after = last - timedelta(seconds=1), last
    assert policies.can_see(policies.load_viewer(shop.rita.id, before), ticket)
    assert not policies.can_see(policies.load_viewer(shop.rita.id, after), ticket)
    assert policies.load_viewer(shop.rita.id, after).opens_for[-1].organisation_id == shop.own.id
    assert (partners.sweep(before), partners.sweep(after), partners.sweep(after)) == (0, 1, 0)
    assert not Participant.select().where(Participant.person == shop.remi.id).exists()
    assert {row.template for row in OutboxMessage.select()} >= {"partner-link"}
    assert partners.link(shop.own.id, shop.acme.id, see(world.root), after)


def test_it_opens_nothing_before_its_first_day(world: Any, shop: Any) -> None:
    first = NOW + timedelta(days=3)
    made = partners.link(shop.own.id, shop.globex.id, see(world.root), NOW, starts_at=first, reads="all")
    ticket = send(world, by=world.charlie)
    assert partners.state(made, NOW) == "coming" and made.id in {
        row.id for row in partners.of_people(see(shop.rene), NOW)
    }
    assert partners.sweep(first - timedelta(seconds=1)) == 0
    assert not policies.can_see(see(shop.rene), ticket)
    assert (partners.sweep(first), partners.sweep(first)) == (1, 0)
    assert policies.can_see(see(shop.rene), ticket)
    assert partners.state(PartnerLink.get_by_id(made.id), first) == "standing"


def test_somebody_removed_from_the_partner_loses_the_requests_of_clients_too(world: Any, shop: Any) -> None:
    ticket = opened(world, shop, cc=["remi@comptoir.example"])
    for who in (shop.rita, shop.remi):
        row = Membership.get((Membership.person == who.id) & (Membership.organisation == shop.own.id))
        contacts.remove_approval(row.id, see(shop.rene), NOW, reason="Départ")
        assert not knows(who, ticket)
    assert not Participant.select().where(Participant.person == shop.remi.id).exists()
    assert knows(shop.rene, ticket)


def test_an_organisation_that_is_switched_off_ends_what_it_opens(world: Any, shop: Any) -> None:
    ticket = opened(world, shop)
    for row in (shop.own, shop.acme):
        Organisation.update(is_active=False).where(Organisation.id == row.id).execute()
        assert not knows(shop.rita, ticket) and not knows(shop.rene, ticket)
        Organisation.update(is_active=True).where(Organisation.id == row.id).execute()
    assert knows(shop.rita, ticket)


# Mails


def test_mails_go_only_to_those_who_may_see_when_they_leave(world: Any, shop: Any) -> None:
    ticket = opened(world, shop)
    forget_mails()
    answer(ticket, world.sam)
    assert ("reply", "rita") in mails(ticket) and not {"remi", "rene"} & {name for _t, name in mails(ticket)}
    waiting = OutboxMessage.get((OutboxMessage.ticket == ticket.id) & (OutboxMessage.person == shop.rita.id))
    notifications.check_recipient(waiting)
    end(shop, world)
    with pytest.raises(notifications.Skipped, match="may-not-see"):
        notifications.check_recipient(waiting)


# Merging and splitting


def test_what_is_split_off_stays_with_the_partner_that_opened_it(world: Any, shop: Any) -> None:
    ticket = opened(world, shop)
    message = Message.get(Message.ticket == ticket.id)
    made = splitting.split(
        ticket, message.id, "Une autre question", see(world.sam), NOW, store=None, idempotency_key=key()
    )
    assert made.requester_id == shop.rita.id and knows(shop.rita, made) and knows(shop.rene, made)


def test_the_requester_of_a_merged_request_follows_the_other_one_until_the_link_ends(
    world: Any, shop: Any
) -> None:
    ticket, into = opened(world, shop), send(world)
    seen = joining.preview(ticket, into.number, see(world.sam))
    joining.merge(ticket, into.number, see(world.sam), NOW, shown=seen.mark)
    assert knows(shop.rita, into)
    end(shop, world)
    assert not knows(shop.rita, into)


# Setting it


def test_a_link_is_set_by_admins_recorded_and_told_to_the_administrators_of_both(
    world: Any, shop: Any
) -> None:
    forget_mails()
    made = partners.link(shop.own.id, shop.globex.id, see(world.root), NOW, reads="all", note="Contrat 12")
    entry = AuditEntry.select().order_by(AuditEntry.id.desc()).first()
    assert (entry.kind, entry.actor_id, entry.target) == (
        "partner:linked",
        world.root.id,
        f"partnerlink:{made.id}",
    )
    assert (entry.data["partner"], entry.data["client"], entry.data["reads"]) == (
        shop.own.id,
        shop.globex.id,
        "all",
    )
    told = {(row.template, row.recipient) for row in OutboxMessage.select()}
    assert told == {
        ("partner-link", "rene@comptoir.example"),
        *(("partner-link", a.email) for a in policies.administrators(shop.globex.id)),
    }
    assert policies.administrators(shop.globex.id)
    assert audit.verify() == []


def test_it_is_neither_with_oneself_nor_twice_nor_with_nobody(world: Any, shop: Any) -> None:
    root = see(world.root)
    with pytest.raises(Invalid, match="partner-is-client"):
        partners.link(shop.acme.id, shop.acme.id, root, NOW)
    with pytest.raises(NotNow, match="partner-linked"):
        partners.link(shop.own.id, shop.acme.id, root, NOW)
    with pytest.raises(Missing):
        partners.link(shop.own.id, 999_999, root, NOW)
    with pytest.raises(Invalid, match="partner-days"):
        partners.link(shop.own.id, shop.globex.id, root, NOW, until=NOW)
    with pytest.raises(Invalid, match="partner-reads"):
        partners.link(shop.own.id, shop.globex.id, root, NOW, reads="everything")
    with pytest.raises(Invalid, match="name-too-long"):
        partners.link(shop.own.id, shop.globex.id, root, NOW, note="x" * 301)
    assert PartnerLink.select().where(PartnerLink.partner == shop.own.id).count() == 1
    end(shop, world)
    assert partners.link(shop.own.id, shop.acme.id, root, NOW).id != shop.link.id


def test_nobody_else_sets_changes_or_ends_one(world: Any, shop: Any) -> None:
    for who in (world.bob, shop.rene, world.sam, world.ines, world.marc, world.vera):
        with pytest.raises(NotAllowed, match="partners-not-yours"):
            partners.link(shop.own.id, shop.globex.id, see(who), NOW)
        with pytest.raises(NotAllowed, match="partners-not-yours"):
            partners.end(shop.link.id, see(who), NOW, reason="Non")
        with pytest.raises(NotAllowed, match="partners-not-yours"):
            partners.change(shop.link.id, see(who), NOW, may_open=True, reads="all", note="", until=None)
    row = PartnerLink.get_by_id(shop.link.id)
    assert (row.reads, row.ended_at) == ("opened", None)


def test_changing_nothing_writes_nothing_and_what_is_over_stays_over(world: Any, shop: Any) -> None:
    entries = AuditEntry.select().count()
    change(shop, world)
    assert AuditEntry.select().count() == entries and OutboxMessage.select().count() == 0
    with pytest.raises(Invalid, match="reason-empty"):
        partners.end(shop.link.id, see(world.root), NOW, reason="  ")
    end(shop, world)
    count = AuditEntry.select().count()
    end(shop, world)
    assert AuditEntry.select().count() == count, "ending it twice is no fault and no line"
    with pytest.raises(NotNow, match="partner-over"):
        change(shop, world, reads="all")


def test_both_see_the_link_and_nobody_else_does(world: Any, shop: Any) -> None:
    for who in (world.alice, world.dana, world.bob, shop.rita, shop.rosa, shop.rene):
        assert [row.id for row in partners.of_people(see(who), NOW)] == [shop.link.id]
    noah = Person.get(Person.email == "noah@umbrella.example")
    for who in (noah, world.sam, world.root):
        assert partners.of_people(see(who), NOW) == []
    end(shop, world)
    assert partners.of_people(see(world.bob), NOW) == []


# What it costs


def test_a_partner_costs_no_query_more_and_no_client_does(world: Any, shop: Any) -> None:
    from tests.test_queries import counted

    def cost(who: Any) -> int:
        with counted() as made:
            viewer = policies.load_viewer(who.id)
            lists.find(viewer, lists.Asked(list="organisation"))
            lists.counts(viewer)
        return len(made)

    cost(shop.rene)
    few = cost(shop.rene)
    assert few == cost(world.bob)
    for number in range(5):
        client = organisation(f"Client{number}")
        partners.link(shop.own.id, client.id, see(world.root), NOW)
    assert cost(shop.rene) == few
