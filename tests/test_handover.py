"""Handing over: another requester of the same organisation, by choice or because somebody leaves; both are told."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

import mailer
import presenters
from domain import (
    audit,
    contacts,
    conversation,
    deletion,
    handover,
    notifications,
    policies,
    reading,
    search,
    settings,
)
from domain.refusals import Invalid, Missing, NotAllowed, NotNow, Refusal
from models import Deletion, Membership, OutboxMessage, Participant, Ticket
from tests.conftest import NOW
from tests.support.casework import (
    NAMED,
    again,
    answer,
    carol,
    faults,
    forget_mails,
    history,
    last_event,
    mails,
    on,
    person,
    put_in,
    rows_of_everything,
    see,
    send,
    together,
)
from tests.support.scene import Scene

LATER = NOW + timedelta(hours=2)


def hand(ticket: Ticket, to: Any, by: Any, **more: Any) -> Ticket:
    return handover.handover(ticket, to.id, see(by), LATER, **more)


def told() -> list[tuple[str, str]]:
    rows = (
        OutboxMessage.select()
        .where(OutboxMessage.template == "request-handed-over")
        .order_by(OutboxMessage.id)
    )
    return sorted((row.recipient.partition("@")[0], "page" if row.ticket_id else "alone") for row in rows)


# What it does


def test_the_colleague_is_the_requester_from_then_on_and_who_opened_it_stays(world: Any) -> None:
    other = carol(world)
    ticket = send(world)
    hand(ticket, other, world.alice, reason="  Je pars   en congé. ")
    row = again(ticket)
    assert (row.requester_id, row.opened_by_id) == (other.id, world.alice.id)
    event = last_event(ticket)
    assert (event.kind, event.is_public) == ("ticket:handed_over", True)
    assert event.data["reason"] == "Je pars en congé."
    assert policies.can_see(see(other), ticket) and policies.may_answer(see(other), ticket)


def test_nothing_else_of_the_request_moves(world: Any) -> None:
    ticket = put_in(send(world), "waiting_customer", assignee=world.sam)
    before = again(ticket)
    hand(ticket, world.bob, world.alice)
    row = again(ticket)
    for name in (
        "status",
        "status_since",
        "last_message_at",
        "act_at",
        "closes_at",
        "assignee_id",
        "team_id",
        "audience",
    ):
        assert getattr(row, name) == getattr(before, name), name


def test_the_former_requester_goes_on_following_it_unless_they_say_no(world: Any) -> None:
    other = carol(world)
    kept, left = send(world), send(world)
    hand(kept, other, world.alice)
    hand(left, other, world.alice, keep_me=False)
    assert on(kept) == {"alice": "collaborator"}
    assert on(left) == {}


def test_with_an_audience_of_one_the_former_requester_who_does_not_stay_reads_nothing_more(
    world: Any,
) -> None:
    other = carol(world)
    ticket = send(world, audience="only_me")
    hand(ticket, other, world.alice, keep_me=False)
    assert not policies.can_see(see(world.alice), ticket)
    assert policies.can_see(see(other), ticket)


def test_the_new_requester_is_no_longer_beside_their_own_request(world: Any) -> None:
    other = carol(world)
    ticket = send(world, cc=[other.email, "dana@acme.example"])
    Participant.create(
        ticket=ticket.id, person=other.id, email=other.email, role="collaborator", added_at=NOW
    )
    hand(ticket, other, world.alice)
    assert on(ticket) == {"dana": "cc", "alice": "collaborator"}
    forget_mails()
    answer(ticket, world.sam, now=LATER)
    assert OutboxMessage.select().where(OutboxMessage.recipient == other.email).count() == 1


def test_a_former_requester_who_is_in_copy_already_stays_in_copy(world: Any) -> None:
    ticket = send(world)
    Participant.create(
        ticket=ticket.id, person=world.alice.id, email=world.alice.email, role="cc", added_at=NOW
    )
    hand(ticket, world.bob, world.alice)
    assert on(ticket) == {"alice": "cc"}


def test_the_search_finds_it_for_the_new_requester(world: Any) -> None:
    other = carol(world)
    ticket = send(world, summary="Une marmotte rare")
    hand(ticket, other, world.alice, keep_me=False)
    assert search.matching_ids("marmotte", belongs=[f"r{other.id}"]) == [ticket.id]
    assert search.matching_ids("marmotte", belongs=[f"r{world.alice.id}", f"c{world.alice.id}"]) == []


def test_the_history_says_who_handed_it_to_whom_and_why(world: Any, app: Any) -> None:
    ticket = send(world)
    hand(ticket, world.bob, world.alice, reason="Je pars.")
    for viewer, words in (
        (world.alice, "Vous avez transmis cette demande à"),
        (world.bob, world.alice.full_name),
    ):
        read = reading.read(see(viewer), reading.load(see(viewer), ticket.number))
        with app.test_request_context("/"):
            said = presenters.event_sentence(read.events[-1], see(viewer), read.names)
        assert words in said and world.bob.full_name in said and "Je pars." in said


# Who may, and to whom


def test_the_requester_an_administrator_and_the_desk_hand_over(world: Any) -> None:
    other = carol(world)
    for by in (world.alice, world.bob, world.sam, world.root):
        ticket = send(world)
        hand(ticket, other, by)
        assert again(ticket).requester_id == other.id


def refused(call: Any) -> tuple[type, str, str | None]:
    before = rows_of_everything()
    with pytest.raises(Refusal) as fault:
        call()
    assert rows_of_everything() == before
    return type(fault.value), fault.value.code, fault.value.field


def test_nobody_else_does(world: Any) -> None:
    other = carol(world, can_see_all=True)
    ticket = send(world, cc=["dana@acme.example"], share_with_account_manager=True)
    cases = {"dana": NotAllowed, "marc": NotAllowed, "charlie": Missing}
    for name, kind in cases.items():
        assert refused(lambda: hand(ticket, world.bob, getattr(world, name)))[0] is kind, name  # noqa: B023
    assert refused(lambda: hand(ticket, world.bob, other))[0] is NotAllowed
    Membership.update(removed_at=NOW).where(Membership.person == world.alice.id).execute()
    assert refused(lambda: hand(ticket, world.bob, world.alice))[0] is Missing


def test_only_a_living_colleague_who_may_open_requests_gets_it(world: Any) -> None:
    gone, off, plain = person("gone"), person("off", is_active=False), person("plain")
    acme = world.organisations["acme"].id
    Membership.create(person=gone, organisation=acme, role="contact", can_open=True, removed_at=NOW)
    Membership.create(person=off, organisation=acme, role="contact", can_open=True)
    Membership.create(person=plain, organisation=acme, role="member")
    ticket = send(world)
    wrong = (Invalid, "handover-unknown", "person")
    for to in (
        gone,
        off,
        plain,
        world.dana,
        world.charlie,
        world.sam,
        SimpleNamespace(id=0),
        SimpleNamespace(id=10**12),
    ):
        assert refused(lambda: hand(ticket, to, world.alice)) == wrong  # noqa: B023
    offered = {row.id for row in handover.colleagues(acme)}
    assert not offered & {gone.id, off.id, plain.id, world.dana.id, world.charlie.id, world.sam.id}
    settings.put("who_may_open", "members", by=see(world.root), now=NOW)
    assert plain.id in {row.id for row in handover.colleagues(acme)}
    hand(ticket, plain, world.alice)
    assert again(ticket).requester_id == plain.id


def test_nobody_hands_a_request_to_the_one_whose_it_is(world: Any) -> None:
    ticket = send(world)
    for by in (world.alice, world.bob, world.sam):
        assert refused(lambda: hand(ticket, world.alice, by)) == (Invalid, "handover-unknown", "person")  # noqa: B023
    assert on(ticket) == {}


@pytest.mark.parametrize("status", ["closed", "expired"])
def test_what_is_over_is_not_handed_over(world: Any, status: str) -> None:
    ticket = put_in(send(world), status)
    assert refused(lambda: hand(ticket, world.bob, world.alice)) == (NotNow, "handover-closed", None)
    assert not policies.can_hand_over(see(world.alice), again(ticket))


def test_nobody_takes_over_a_confirmation_of_what_cannot_be_undone(world: Any) -> None:
    other = carol(world)
    asked = send(world, form_slug="user-deletion", priority=None, named_people=NAMED)
    later = send(world, form_slug="user-deletion", priority=None, named_people=NAMED)
    # Not confirmed yet: the colleague becomes the one who has to.
    hand(asked, other, world.alice)
    with pytest.raises(NotAllowed):
        deletion.confirm(
            asked, "supprimer 1 personne", see(world.alice), LATER, language="fr", understood=True
        )
    deletion.confirm(asked, "supprimer 1 personne", see(other), LATER, language="fr", understood=True)
    deletion.confirm(later, "supprimer 1 personne", see(world.alice), LATER, language="fr", understood=True)
    for ticket, by in ((asked, other), (later, world.alice), (later, world.root)):
        assert refused(lambda: hand(ticket, world.bob, by)) == (NotNow, "handover-deletion", None)  # noqa: B023
    deletion.second(later, see(world.bob), LATER, language="fr")
    assert refused(lambda: hand(later, other, world.alice)) == (NotNow, "handover-deletion", None)
    deletion.cancel(later, see(world.alice), LATER)
    hand(later, other, world.alice)


def test_a_second_press_changes_nothing_and_is_no_fault(world: Any) -> None:
    ticket = send(world)
    hand(ticket, world.bob, world.alice)
    before = rows_of_everything()
    hand(ticket, world.bob, world.alice)
    assert rows_of_everything() == before
    # Anybody else who names the present requester is told no.
    assert refused(lambda: hand(ticket, world.bob, world.dana))[0] in (NotAllowed, Missing)


def test_an_older_view_and_a_long_reason_are_refused(world: Any) -> None:
    ticket = send(world)
    seen = again(ticket).version
    answer(ticket, world.alice)
    assert refused(lambda: hand(ticket, world.bob, world.alice, seen=seen)) == (
        NotNow,
        "changed-meanwhile",
        None,
    )
    assert refused(lambda: hand(ticket, world.bob, world.alice, reason="x" * 301))[2] == "reason"


def test_of_two_handovers_at_one_instant_one_wins(world: Any, database: Any) -> None:
    other = carol(world)
    ticket = send(world)
    alice, bob = see(world.alice), see(world.bob)
    results = together(
        [
            lambda: handover.handover(ticket, world.bob.id, alice, LATER, seen=1),
            lambda: handover.handover(ticket, other.id, bob, LATER, seen=1),
        ],
        database,
    )
    assert len(faults(results)) == 1
    assert history(ticket).count("ticket:handed_over") == 1
    assert audit.verify() == []


# Who is told


def test_both_are_told_once_whoever_did_it(world: Any) -> None:
    other = carol(world)
    for by in (world.alice, world.sam):
        ticket = send(world)
        forget_mails()
        hand(ticket, other, by)
        assert told() == [("alice", "page"), ("carol", "page")]
        assert {template for template, _name in mails(ticket)} == {"request-handed-over"}


def test_a_former_requester_who_no_longer_reads_it_is_told_without_its_subject(world: Any, app: Any) -> None:
    other = carol(world)
    ticket = send(world, summary="Une marmotte rare", audience="only_me")
    forget_mails()
    hand(ticket, other, world.bob, keep_me=False)
    assert told() == [("alice", "alone"), ("carol", "page")]
    row = OutboxMessage.get(OutboxMessage.recipient == world.alice.email)
    with app.app_context():
        made = mailer.render(row, "http://support.initech.example", LATER)
    assert ticket.number in made.subject
    assert "marmotte" not in made.text + made.html + made.subject
    assert "Vous n’en recevez plus les nouvelles" in made.text
    sent: list[OutboxMessage] = []
    notifications.deliver_due(sent.append, LATER)
    assert {row.recipient for row in sent} == {world.alice.email, other.email}


def test_a_mail_to_somebody_who_handed_it_on_meanwhile_does_not_leave(world: Any, app: Any) -> None:
    other = carol(world)
    ticket = send(world)
    forget_mails()
    hand(ticket, other, world.alice)
    hand(ticket, world.bob, other)
    row = (
        OutboxMessage.select()
        .where(OutboxMessage.recipient == other.email)
        .order_by(OutboxMessage.id)
        .first()
    )
    with app.app_context(), pytest.raises(notifications.Skipped, match="moved-on"):
        mailer.render(row, "http://support.initech.example", LATER)


def test_whoever_gets_a_deletion_that_nobody_confirmed_is_led_to_the_confirmation(
    world: Any, app: Any
) -> None:
    other = carol(world)
    asked = send(world, form_slug="user-deletion", priority=None, named_people=NAMED)
    forget_mails()
    hand(asked, other, world.alice)
    leads = {}
    for row in OutboxMessage.select():
        with app.app_context():
            leads[row.recipient] = mailer.render(row, "http://support.initech.example", LATER).text
    assert f"/tickets/{asked.number}/deletion" in leads[other.email]
    assert f"/tickets/{asked.number}/deletion" not in leads[world.alice.email]


# Somebody leaves


def membership(who: Any) -> Membership:
    return Membership.get(Membership.person == who.id)


def test_removing_a_contact_hands_their_open_requests_over_in_the_same_step(world: Any) -> None:
    other = carol(world)
    one, two, over = (
        send(world, other),
        send(world, other, audience="only_me"),
        put_in(send(world, other), "closed"),
    )
    forget_mails()
    handed = contacts.remove_approval(
        membership(other).id, see(world.bob), LATER, reason="Partie.", hand_to=world.alice.id
    )
    assert [row.id for row in handed.done] == [one.id, two.id]
    assert handed.left == []
    assert [again(row).requester_id for row in (one, two, over)] == [world.alice.id, world.alice.id, other.id]
    assert on(one) == {}
    assert not policies.can_see(see(other), one)
    assert policies.can_see(see(world.alice), two)
    # One mail for all, and none to whoever left.
    assert told() == [("alice", "alone")]
    assert [history(row)[-1] for row in (one, two)] == ["ticket:handed_over"] * 2
    assert last_event(one).data["reason"] == "Partie."


def test_the_one_mail_lists_what_was_handed_over(world: Any, app: Any) -> None:
    other = carol(world)
    made = [send(world, other, summary=f"Sujet {at}") for at in range(23)]
    forget_mails()
    contacts.remove_approval(
        membership(other).id, see(world.bob), LATER, reason="Partie.", hand_to=world.alice.id
    )
    row = OutboxMessage.get(OutboxMessage.template == "request-handed-over")
    with app.app_context():
        mail = mailer.render(row, "http://support.initech.example", LATER)
    assert "23 demandes" in mail.subject
    assert made[0].number in mail.text and made[19].number in mail.text and made[20].number not in mail.text
    assert "3" in mail.text.rpartition(made[19].number)[2]
    assert other.full_name in mail.text
    Ticket.update(requester=world.bob.id).execute()
    with app.app_context(), pytest.raises(notifications.Skipped, match="moved-on"):
        mailer.render(row, "http://support.initech.example", LATER)


def test_without_a_colleague_the_requests_stay_and_are_counted(world: Any) -> None:
    other = carol(world)
    ticket = send(world, other)
    handed = contacts.remove_approval(membership(other).id, see(world.bob), LATER, reason="Partie.")
    assert ([row.id for row in handed.left], handed.done) == ([ticket.id], [])
    assert again(ticket).requester_id == other.id
    # And can be handed over afterwards, by those who stay.
    hand(ticket, world.alice, world.bob)
    assert again(ticket).requester_id == world.alice.id
    assert on(ticket) == {}


def test_a_wrong_colleague_undoes_the_removal_too(world: Any) -> None:
    other = carol(world)
    send(world, other)
    for heir in (world.dana, world.charlie, other, world.sam):
        call = lambda: contacts.remove_approval(  # noqa: E731
            membership(other).id,
            see(world.bob),
            LATER,
            reason="Partie.",
            hand_to=heir.id,  # noqa: B023
        )
        assert refused(call) == (Invalid, "handover-unknown", "hand_to"), heir
        assert membership(other).removed_at is None


def test_what_they_had_confirmed_is_not_handed_over_and_cancels_itself(world: Any) -> None:
    other = carol(world)
    asked = send(world, other, form_slug="user-deletion", priority=None, named_people=NAMED)
    plain = send(world, other)
    deletion.confirm(asked, "supprimer 1 personne", see(other), NOW, language="fr", understood=True)
    handed = contacts.remove_approval(
        membership(other).id, see(world.bob), LATER, reason="Partie.", hand_to=world.alice.id
    )
    assert [row.id for row in handed.done] == [plain.id]
    assert [row.id for row in handed.left] == [asked.id]
    deletion.sweep(LATER)
    assert Deletion.get(Deletion.ticket == asked.id).state == "cancelled"


def test_all_at_once_is_for_administrators_and_the_desk(world: Any) -> None:
    other = carol(world)
    send(world, other)
    acme = world.organisations["acme"].id
    for by in (world.alice, world.dana, world.charlie, world.marc, other):
        call = lambda: handover.handover_all(other.id, acme, world.alice.id, see(by), LATER)  # noqa: B023, E731
        assert refused(call)[0] is NotAllowed
    assert len(handover.handover_all(other.id, acme, world.alice.id, see(world.sam), LATER).done) == 1


# Pages


@pytest.fixture
def scene(client: Any, world: SimpleNamespace) -> Scene:
    return Scene(client.application, world)


def test_a_customer_hands_a_request_over_from_its_page(client: Any, world: Any, scene: Scene) -> None:
    ticket = scene.request("alice")
    client.sign_in(world.alice)
    where = f"/tickets/{ticket.number}/handover"
    assert f'href="{where}"' in client.get(f"/tickets/{ticket.number}").text
    bad = client.submit(where, form="handover", reason="Je pars bientôt.")
    assert bad.status_code == 422
    assert 'id="person-error"' in bad.text and "Je pars bientôt." in bad.text
    assert world.dana.full_name not in bad.text.partition("<main")[2]
    done = client.send(bad, form="handover", person=str(world.bob.id))
    assert done.status_code == 303
    assert done.headers["Location"].endswith(f"/tickets/{ticket.number}")
    assert again(ticket).requester_id == world.bob.id
    assert on(ticket) == {"alice": "collaborator"}
    assert where not in client.get(f"/tickets/{ticket.number}").text


def test_a_box_that_is_not_ticked_leaves_and_a_script_that_says_nothing_stays(
    client: Any, world: Any, scene: Scene
) -> None:
    ticket, other = scene.request("alice", audience="only_me"), scene.request("alice")
    client.sign_in(world.alice)
    done = client.submit(
        f"/tickets/{ticket.number}/handover", form="handover", person=str(world.bob.id), keep_me="0"
    )
    assert done.headers["Location"].endswith("/tickets")
    assert on(ticket) == {}
    assert client.get(f"/tickets/{ticket.number}").status_code == 404
    page = client.get(f"/tickets/{other.number}/handover")
    client.send(page, form="handover", person=str(world.bob.id), keep_me=None)
    assert on(other) == {"alice": "collaborator"}


def test_the_desk_hands_over_from_its_own_page(client: Any, world: Any, scene: Scene) -> None:
    ticket = scene.request("alice")
    client.sign_in(world.sam)
    where = f"/tickets/{ticket.number}/handover"
    assert f'href="{where}"' in client.get(f"/desk/tickets/{ticket.number}").text
    done = client.submit(where, form="handover", person=str(world.bob.id))
    assert done.headers["Location"].endswith(f"/desk/tickets/{ticket.number}")
    assert again(ticket).requester_id == world.bob.id


def test_a_page_that_was_overtaken_says_so(client: Any, world: Any, scene: Scene) -> None:
    ticket = scene.request("alice")
    client.sign_in(world.alice)
    page = client.get(f"/tickets/{ticket.number}/handover")
    scene.reply(ticket, "sam")
    late = client.send(page, form="handover", person=str(world.bob.id))
    assert late.status_code == 409
    assert again(ticket).requester_id == world.alice.id
    assert client.send(late, form="handover", person=str(world.bob.id)).status_code == 303


@pytest.mark.parametrize("person_", ["", "x", "-1", "999999999", "1" * 400])
def test_a_colleague_who_is_none_is_said_by_the_field(
    client: Any, world: Any, scene: Scene, person_: str
) -> None:
    ticket = scene.request("alice")
    client.sign_in(world.alice)
    page = client.submit(f"/tickets/{ticket.number}/handover", form="handover", person=person_)
    assert page.status_code == 422
    assert 'id="person-error"' in page.text


def test_the_box_stands_only_for_a_requester_who_could_stay(client: Any, world: Any, scene: Scene) -> None:
    ticket = scene.request("alice")
    client.sign_in(world.sam)
    where = f"/tickets/{ticket.number}/handover"
    assert 'name="keep_me"' in client.get(where).text
    Membership.update(removed_at=NOW).where(Membership.person == world.alice.id).execute()
    assert 'name="keep_me"' not in client.get(where).text
    client.submit(where, form="handover", person=str(world.bob.id))
    assert again(ticket).requester_id == world.bob.id
    assert on(ticket) == {}


def test_an_organisation_with_one_contact_reads_who_could_help(client: Any, world: Any, scene: Scene) -> None:
    Membership.update(can_open=False).where(Membership.person != world.charlie.id).execute()
    ticket = scene.request("charlie")
    client.sign_in(world.charlie)
    page = client.get(f"/tickets/{ticket.number}/handover")
    assert page.status_code == 200
    assert "Personne à qui la transmettre" in page.text


def test_the_page_of_a_removal_tells_how_many_requests_and_hands_them_over(
    client: Any, world: Any, scene: Scene
) -> None:
    other = carol(world)
    scene.world = SimpleNamespace(**vars(world), carol=other)
    one, two = scene.request("carol"), scene.request("carol")
    client.sign_in(world.bob)
    where = f"/organisation/contacts/{membership(other).id}/removal"
    page = client.get(where)
    assert "2 demandes ouvertes sont au nom de" in page.text
    bad = client.send(page, reason="", hand_to=str(world.alice.id))
    assert bad.status_code == 422
    wrong = client.send(bad, reason="Partie.", hand_to=str(world.dana.id))
    assert wrong.status_code == 422
    assert 'id="hand_to-error"' in wrong.text
    done = client.send(wrong, reason="Partie.", hand_to=str(world.alice.id))
    assert done.status_code == 303
    assert {again(one).requester_id, again(two).requester_id} == {world.alice.id}
    assert "2 demandes ouvertes sont transmises à" in client.get(done.headers["Location"]).text


def test_the_page_after_a_removal_tells_what_stays(client: Any, world: Any, scene: Scene) -> None:
    other = carol(world)
    scene.world = SimpleNamespace(**vars(world), carol=other)
    ticket = scene.request("carol")
    client.sign_in(world.bob)
    done = client.submit(f"/organisation/contacts/{membership(other).id}/removal", reason="Partie.")
    said = client.get(done.headers["Location"]).text
    assert "1 demande ouverte reste au nom de" in said and ticket.number in said


def test_those_in_copy_are_offered_no_handover(client: Any, world: Any, scene: Scene) -> None:
    ticket = scene.request("alice")
    conversation.add_cc(ticket, world.dana.email, scene.viewer("alice"), scene.now)
    client.sign_in(world.dana)
    assert "/handover" not in client.get(f"/tickets/{ticket.number}").text
    assert client.get(f"/tickets/{ticket.number}/handover").status_code == 403
