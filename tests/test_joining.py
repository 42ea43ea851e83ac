"""Merging: a request goes on in another one with all who followed it, nobody else gains anything, nothing else moves."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

import presenters
from domain import audit, closing, conversation, deletion, joining, lifecycle, policies, reading, requests
from domain.refusals import Invalid, Missing, NotAllowed, NotNow, Refusal
from models import (
    Deletion,
    LicenceRequest,
    Membership,
    OutboxMessage,
    Participant,
    Person,
    Ticket,
    TicketEvent,
)
from tests.conftest import NOW
from tests.support.casework import (
    NAMED,
    again,
    answer,
    carol,
    faults,
    forget_mails,
    history,
    key,
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


def merge(ticket: Ticket, into: Ticket, world: SimpleNamespace, **more: Any) -> Ticket:
    return joining.merge(ticket, into.number, see(more.pop("by", world.sam)), LATER, **more)


def clock_of(ticket: Ticket) -> tuple[Any, ...]:
    row = again(ticket)
    return (
        row.status, row.status_since, row.last_message_at, row.act_at, row.closes_at, row.reminders_sent,
        row.counted_from, row.assignee_id, row.version, row.updated_at,
    )  # fmt: skip


def sentences(ticket: Ticket, viewer: Any) -> str:
    read = reading.read(see(viewer), reading.load(see(viewer), ticket.number))
    return "\n".join(
        presenters.event_sentence(event, see(viewer), read.names, False, read.kin) for event in read.events
    )


# What it does


def test_the_merged_request_closes_and_says_where_it_goes_on(world: Any) -> None:
    ticket, into = send(world), send(world)
    merged = merge(ticket, into, world)
    row = again(ticket)
    assert (row.status, row.close_reason, row.merged_into_id) == ("closed", "merged", into.id)
    assert row.closed_at == LATER
    assert row.act_at is None
    assert merged.merged_into_id == into.id
    assert history(ticket)[-1] == "ticket:merged"
    assert history(into)[-1] == "ticket:merged_here"
    assert last_event(ticket).is_public and last_event(into).is_public


@pytest.mark.parametrize(
    "status", ["waiting_customer", "resolved", "in_progress", "blocked", "customer_testing"]
)
def test_the_request_that_goes_on_keeps_its_status_its_clock_and_its_dates(world: Any, status: str) -> None:
    ticket = send(world, world.bob)
    into = put_in(send(world), status, assignee=world.sam)
    before = clock_of(into)
    merge(ticket, into, world)
    assert clock_of(into) == before


def test_a_merged_request_no_longer_closes_or_reminds_by_itself(world: Any) -> None:
    ticket, into = put_in(send(world), "waiting_customer"), send(world)
    merge(ticket, into, world)
    forget_mails()
    closing.sweep(NOW + timedelta(days=60))
    assert history(ticket)[-1] == "ticket:merged"


def test_everybody_who_followed_the_merged_request_follows_the_other(world: Any) -> None:
    other = carol(world)
    ticket = send(world, other, cc=["dana@acme.example", "paie@acme.example"])
    into = send(world, audience="only_me")
    assert not policies.can_see(see(other), into)
    merge(ticket, into, world)
    assert on(into) == {"carol": "collaborator", "dana": "collaborator", "paie": "cc"}
    for who in (other, world.dana):
        assert policies.can_see(see(who), into)
        assert policies.may_answer(see(who), into)
        # And the first one as before.
        assert policies.can_see(see(who), ticket)
    forget_mails()
    answer(into, world.sam, now=LATER)
    assert {name for _template, name in mails(into)} == {"alice", "carol", "dana", "paie"}


def test_named_readers_read_the_other_one_without_mails(world: Any) -> None:
    other, reader = carol(world), person("rita")
    Membership.create(person=reader, organisation=world.organisations["acme"].id, role="member")
    ticket = send(world, other, audience="people", audience_people=[reader.id])
    into = send(world, audience="only_me")
    merge(ticket, into, world)
    assert on(into) == {"carol": "collaborator", "rita": "reader"}
    assert policies.can_see(see(reader), into)
    assert not policies.may_answer(see(reader), into)
    assert last_event(into).data["added"] == [other.email]
    forget_mails()
    answer(into, world.sam, now=LATER)
    assert "rita" not in {name for _template, name in mails(into)}


def test_nobody_else_gains_anything(world: Any) -> None:
    other = carol(world)
    stranger = person("carl")
    Membership.create(person=stranger, organisation=world.organisations["acme"].id, role="member")
    # The merged one is read by the whole organisation, the other one by its requester and the administrators.
    ticket, into = send(world, other), send(world, world.bob, audience="only_me")
    seers = {
        name: policies.can_see(see(getattr(world, name)), into)
        for name in ("alice", "dana", "charlie", "marc")
    }
    merge(ticket, into, world)
    assert seers == {"alice": False, "dana": False, "charlie": False, "marc": False}
    for name in seers:
        assert not policies.can_see(see(getattr(world, name)), into), name
    assert not policies.can_see(see(stranger), into)


def test_a_requester_who_left_the_organisation_gains_nothing(world: Any) -> None:
    other = carol(world)
    ticket, into = send(world, other), send(world)
    Membership.update(removed_at=NOW).where(Membership.person == other.id).execute()
    forget_mails()
    merge(ticket, into, world)
    assert on(into) == {}
    assert not policies.can_see(see(other), into)


def test_somebody_with_an_address_that_is_not_proven_is_in_copy(world: Any) -> None:
    other = carol(world)
    ticket, into = send(world, other), send(world)
    Person.update(email_verified_at=None).where(Person.id == other.id).execute()
    merge(ticket, into, world)
    assert on(into) == {"carol": "cc"}


def test_those_who_are_there_already_stay_what_they_are(world: Any) -> None:
    other = carol(world)
    ticket = send(world, other, cc=["alice@acme.example", "dana@acme.example", "paie@acme.example"])
    into = send(world, cc=["dana@acme.example", "paie@acme.example"])
    before = on(into)
    merge(ticket, into, world)
    assert on(into) == {**before, "carol": "collaborator"}
    assert (
        Participant.select()
        .where((Participant.ticket == into.id) & (Participant.email == "alice@acme.example"))
        .count()
        == 0
    )


def test_the_search_of_the_newcomers_finds_the_other_one(world: Any) -> None:
    from domain import search

    other = carol(world)
    ticket, into = send(world, other), send(world, summary="Une marmotte rare", audience="only_me")
    assert into.id not in search.matching_ids("marmotte", belongs=[f"c{other.id}"])
    merge(ticket, into, world)
    assert into.id in search.matching_ids("marmotte", belongs=[f"c{other.id}"])


# Who is told


def test_those_who_followed_it_are_told_once_and_nobody_of_the_other_one(world: Any) -> None:
    other = carol(world)
    ticket = send(world, other, cc=["dana@acme.example", "paie@acme.example"])
    into = put_in(send(world, world.bob), "in_progress", assignee=world.ines)
    forget_mails()
    merge(ticket, into, world)
    assert mails(ticket) == {
        ("request-merged", "carol"),
        ("request-merged", "dana"),
        ("request-merged", "paie"),
    }
    assert mails(into) == set()
    assert OutboxMessage.select().count() == 3


def test_two_requests_of_one_person_are_one_mail(world: Any) -> None:
    ticket, into = send(world), send(world)
    forget_mails()
    merge(ticket, into, world)
    assert mails(ticket) == {("request-merged", "alice")}
    assert OutboxMessage.select().count() == 1


# What is said to whom


def test_the_history_names_the_other_number_only_to_those_who_may_know_of_it(world: Any, app: Any) -> None:
    other = carol(world)
    # Alice reads the one that goes on; the merged one is carol's alone.
    ticket, into = send(world, other, audience="only_me"), send(world)
    merge(ticket, into, world)
    with app.test_request_context("/"):
        assert ticket.number not in sentences(into, world.alice)
        assert "une autre demande dans celle-ci" in sentences(into, world.alice)
        assert ticket.number in sentences(into, world.bob)
        assert ticket.number in sentences(into, other)
        assert ticket.number in sentences(into, world.sam)
        assert into.number in sentences(ticket, other)


def test_the_page_links_only_what_its_reader_may_know_of(world: Any) -> None:
    other = carol(world)
    ticket, into = send(world, other, audience="only_me"), send(world)
    merge(ticket, into, world)

    def kin(viewer: Any, row: Ticket) -> tuple[Any, list[str]]:
        read = reading.read(see(viewer), reading.load(see(viewer), row.number))
        return (read.merged_into.number if read.merged_into else None, [row.number for row in read.merged])

    assert kin(world.alice, into) == (None, [])
    assert kin(world.bob, into) == (None, [ticket.number])
    assert kin(other, ticket) == (into.number, [])


# Afterwards


def test_a_merged_request_takes_no_answer_and_says_where_to_write(world: Any) -> None:
    other = carol(world)
    ticket, into = send(world), send(world, other, audience="only_me")
    merge(ticket, into, world)
    # Alice was its requester: she follows the other one.
    with pytest.raises(NotNow) as refused:
        answer(ticket, world.alice, now=LATER)
    assert (refused.value.code, refused.value.data["into"]) == ("ticket-merged", into.number)
    # Dana is only in copy of the merged one from now on: nothing of the other one is hers.
    Participant.create(
        ticket=ticket.id, person=world.dana.id, email=world.dana.email, role="cc", added_at=NOW
    )
    with pytest.raises(NotNow) as refused:
        answer(ticket, world.dana, now=LATER)
    assert (refused.value.code, refused.value.data["into"]) == ("ticket-merged", "")


@pytest.mark.parametrize("verb", ["works", "tested", "reopen"])
def test_no_verdict_on_a_merged_request_and_it_says_where_to_give_it(world: Any, verb: str) -> None:
    ticket, into = send(world), send(world)
    merge(ticket, into, world)
    words = {"body": "Il manque un taux.", "idempotency_key": key()}
    with pytest.raises(NotNow) as refused:
        getattr(conversation, verb)(ticket, by=see(world.alice), now=LATER, **words)
    assert (refused.value.code, refused.value.data["into"]) == ("ticket-merged", into.number)


def test_a_merged_request_has_no_follow_up(world: Any) -> None:
    ticket, into = send(world), send(world)
    merge(ticket, into, world)
    assert not policies.can_follow_up(see(world.alice), again(ticket))
    with pytest.raises(NotNow) as refused:
        requests.follow_up_prefill(see(world.alice), ticket.number)
    assert (refused.value.code, refused.value.data["into"]) == ("ticket-merged", into.number)
    with pytest.raises(NotNow, match="ticket-merged"):
        send(world, follow_up_of=ticket.number)


def test_the_request_that_goes_on_can_be_merged_on_and_nobody_is_lost(world: Any) -> None:
    other = carol(world)
    first, second, third = send(world, other), send(world), send(world, world.bob, audience="only_me")
    merge(first, second, world)
    merge(second, third, world)
    assert on(third) == {"alice": "collaborator", "carol": "collaborator"}
    assert policies.can_see(see(other), third)


# What is refused


def refused(call: Any) -> tuple[type, str, str | None]:
    before = rows_of_everything()
    with pytest.raises(Refusal) as fault:
        call()
    assert rows_of_everything() == before
    return type(fault.value), fault.value.code, fault.value.field


def test_what_cannot_take_it_in_is_refused_by_the_field(world: Any) -> None:
    ticket = send(world)
    theirs = send(world, world.charlie)
    closed, expired = put_in(send(world), "closed"), put_in(send(world), "expired")
    gone, into = send(world), send(world)
    merge(gone, into, world)
    cases = {
        "SUP-999999": "merge-unknown", "": "merge-unknown", "n'importe quoi": "merge-unknown",
        ticket.number: "merge-itself", theirs.number: "merge-elsewhere", closed.number: "merge-into-closed",
        expired.number: "merge-into-closed", gone.number: "merge-into-merged",
    }  # fmt: skip
    for number, code in cases.items():
        call = lambda: joining.merge(ticket, number, see(world.sam), LATER)  # noqa: B023, E731
        assert refused(call) == (Invalid, code, "into"), number
    assert again(ticket).status == "registered"


def test_the_number_may_be_typed_in_small_letters_and_with_blanks(world: Any) -> None:
    ticket, into = send(world), send(world)
    joining.merge(ticket, f"  {into.number.lower()} ", see(world.sam), LATER)
    assert again(ticket).merged_into_id == into.id


@pytest.mark.parametrize("status", ["closed", "expired"])
def test_what_is_over_is_not_merged(world: Any, status: str) -> None:
    ticket, into = put_in(send(world), status), send(world)
    assert refused(lambda: merge(ticket, into, world)) == (NotNow, "merge-closed", None)


def test_a_second_merge_is_refused_with_the_place_where_it_goes_on(world: Any) -> None:
    ticket, into, third = send(world), send(world), send(world)
    merge(ticket, into, world)
    with pytest.raises(NotNow) as fault:
        merge(ticket, third, world)
    assert (fault.value.code, fault.value.data["into"]) == ("ticket-merged", into.number)
    assert on(third) == {}


def test_an_irreversible_request_under_way_neither_leaves_nor_takes_in(world: Any) -> None:
    asked = send(world, form_slug="user-deletion", priority=None, named_people=NAMED)
    plain = send(world)
    assert refused(lambda: merge(asked, plain, world)) == (NotNow, "merge-deletion", None)
    assert refused(lambda: merge(plain, asked, world)) == (Invalid, "merge-into-deletion", "into")
    deletion.cancel(asked, see(world.alice), LATER)
    merge(asked, plain, world)
    assert Deletion.get(Deletion.ticket == asked.id).state == "cancelled"


def test_a_licence_in_preparation_keeps_its_number(world: Any) -> None:
    ticket, into = send(world), send(world)
    record = LicenceRequest.create(
        ticket=ticket.id, organisation=ticket.organisation_id, product=1, due_on=NOW.date(), quantity=3
    )
    assert refused(lambda: merge(ticket, into, world)) == (NotNow, "merge-licence", None)
    LicenceRequest.update(status="delivered", delivered_on=NOW.date()).where(
        LicenceRequest.id == record.id
    ).execute()
    merge(ticket, into, world)


def test_only_the_desk_merges(world: Any) -> None:
    ticket, into = send(world), send(world)
    for who, fault in ((world.alice, NotAllowed), (world.bob, NotAllowed), (world.charlie, Missing)):
        assert refused(lambda: merge(ticket, into, world, by=who))[0] is fault  # noqa: B023
    assert refused(lambda: merge(ticket, into, world, by=world.marc))[0] in (Missing, NotAllowed)


def test_an_older_view_of_the_request_is_refused(world: Any) -> None:
    ticket, into = send(world), send(world)
    seen = again(ticket).version
    answer(ticket, world.alice)
    assert refused(lambda: merge(ticket, into, world, seen=seen)) == (NotNow, "changed-meanwhile", None)


def test_other_people_than_those_shown_are_another_decision(world: Any) -> None:
    ticket, into = send(world, carol(world)), send(world)
    shown = joining.preview(ticket, into.number, see(world.sam)).mark
    conversation.add_cc(ticket, "paie@acme.example", see(world.sam), NOW)
    assert refused(lambda: merge(ticket, into, world, shown=shown)) == (NotNow, "merge-readers-changed", None)
    merge(ticket, into, world, shown=joining.preview(ticket, into.number, see(world.sam)).mark)


# The preview


def test_the_preview_tells_new_readers_from_those_who_only_follow(world: Any) -> None:
    other = carol(world)
    ticket = send(world, other, cc=["bob@acme.example", "paie@acme.example"])
    into = send(world, audience="only_me")
    before = rows_of_everything()
    preview = joining.preview(ticket, into.number, see(world.sam))
    assert rows_of_everything() == before
    assert [row.email for row in preview.new_readers] == [other.email, "paie@acme.example"]
    assert [row.email for row in preview.new_followers] == ["bob@acme.example"]
    assert [row.role for row in preview.people] == ["collaborator", "collaborator", "cc"]


def test_open_requests_of_the_same_organisation_are_proposed(world: Any) -> None:
    ticket, into, theirs = send(world), send(world, audience="only_me"), send(world, world.charlie)
    over = put_in(send(world), "closed")
    found = {row.id for row in joining.candidates(ticket, see(world.sam))}
    assert into.id in found
    assert not found & {ticket.id, theirs.id, over.id}


# At the same instant


def test_of_two_merges_of_one_request_at_one_instant_one_wins(world: Any, database: Any) -> None:
    ticket, left, right = send(world), send(world), send(world)
    sam, ines = see(world.sam), see(world.ines)
    results = together(
        [
            lambda: joining.merge(ticket, left.number, sam, LATER),
            lambda: joining.merge(ticket, right.number, ines, LATER),
        ],
        database,
    )
    assert [type(fault) for fault in faults(results)] == [NotNow]
    winner = again(ticket).merged_into_id
    assert winner in (left.id, right.id)
    assert history(ticket).count("ticket:merged") == 1
    merges = TicketEvent.select().where(
        (TicketEvent.kind == "ticket:merged_here") & TicketEvent.ticket.in_((left.id, right.id))
    )
    assert [row.ticket_id for row in merges] == [winner]
    assert audit.verify() == []


def test_two_requests_merged_into_one_another_at_one_instant_leave_one_open(
    world: Any, database: Any
) -> None:
    one, two = send(world), send(world)
    sam, ines = see(world.sam), see(world.ines)
    results = together(
        [
            lambda: joining.merge(one, two.number, sam, LATER),
            lambda: joining.merge(two, one.number, ines, LATER),
        ],
        database,
    )
    assert len(faults(results)) == 1
    assert isinstance(faults(results)[0], Refusal)
    assert sorted([again(one).status, again(two).status]) == ["closed", "registered"]


def test_an_answer_and_a_merge_at_one_instant_never_lose_the_answer(world: Any, database: Any) -> None:
    ticket, into = send(world), send(world)
    sam, alice = see(world.sam), see(world.alice)
    results = together(
        [
            lambda: joining.merge(ticket, into.number, sam, LATER),
            lambda: conversation.reply(ticket, "Encore ceci.", alice, LATER, idempotency_key=key()),
        ],
        database,
    )
    assert not isinstance(results[0], Exception)
    if faults(results):
        assert results[1].code == "ticket-merged"
    else:
        assert ticket.messages.count() == 2
    assert again(ticket).merged_into_id == into.id


# Pages


@pytest.fixture
def scene(client: Any, world: SimpleNamespace) -> Scene:
    return Scene(client.application, world)


def test_the_page_leads_from_the_number_to_the_comparison_to_the_merge(
    client: Any, world: Any, scene: Scene
) -> None:
    ticket, into = (
        scene.request("bob", summary="La banque refuse"),
        scene.request("alice", summary="Refus AC04", audience="only_me"),
    )
    client.sign_in(world.sam)
    first = client.get(f"/desk/tickets/{ticket.number}/merge")
    assert first.status_code == 200
    assert into.number in first.text
    compared = client.get(f"/desk/tickets/{ticket.number}/merge?into={into.number}")
    assert compared.status_code == 200
    assert "La banque refuse" in compared.text and "Refus AC04" in compared.text
    assert world.bob.full_name in compared.text
    assert again(ticket).status == "registered"
    done = client.send(compared, form="confirmation")
    assert done.status_code == 303
    assert done.headers["Location"].endswith(f"/desk/tickets/{into.number}")
    assert again(ticket).merged_into_id == into.id
    assert ticket.number in client.get(f"/desk/tickets/{into.number}").text
    assert f"/desk/tickets/{into.number}" in client.get(f"/desk/tickets/{ticket.number}").text


def test_a_number_alone_shows_what_would_happen_and_merges_nothing(
    client: Any, world: Any, scene: Scene
) -> None:
    ticket, into = scene.request("alice"), scene.request("alice")
    client.sign_in(world.sam)
    page = client.submit(
        f"/desk/tickets/{ticket.number}/merge?into={into.number}", form="confirmation", confirmed=""
    )
    assert page.status_code == 422
    assert "Regardez qui pourra la lire" in page.text
    assert again(ticket).status == "registered"
    assert client.send(page, form="confirmation").status_code == 303


@pytest.mark.parametrize("number", ["SUP-999999", "x" * 300, "SUP-2041'--", "２０４１"])
def test_a_number_that_is_none_is_said_by_the_field(
    client: Any, world: Any, scene: Scene, number: str
) -> None:
    ticket = scene.request("alice")
    client.sign_in(world.sam)
    page = client.get(f"/desk/tickets/{ticket.number}/merge", query_string={"into": number})
    assert page.status_code == 422
    assert 'id="into-error"' in page.text


def test_a_request_of_another_organisation_is_named_as_such(client: Any, world: Any, scene: Scene) -> None:
    ticket, theirs = scene.request("alice"), scene.request("charlie")
    client.sign_in(world.sam)
    page = client.get(f"/desk/tickets/{ticket.number}/merge?into={theirs.number}")
    assert page.status_code == 422
    assert "appartient à une autre organisation" in page.text


def test_the_customer_reads_where_it_goes_on_and_is_offered_no_follow_up(
    client: Any, world: Any, scene: Scene
) -> None:
    ticket, into = scene.request("alice"), scene.request("bob", summary="La même chose")
    joining.merge(ticket, into.number, scene.viewer("sam"), scene.now)
    client.sign_in(world.alice)
    page = client.get(f"/tickets/{ticket.number}").text
    assert f"Cette demande se poursuit dans {into.number}" in page
    assert f'href="/tickets/{into.number}"' in page
    assert "follow-up" not in page
    assert client.get(f"/tickets/{ticket.number}/follow-up").status_code == 409
    there = client.get(f"/tickets/{into.number}").text
    assert "Demandé aussi dans" in there and ticket.number in there


def test_an_answer_that_comes_too_late_is_kept_on_the_page_with_the_way(
    client: Any, world: Any, scene: Scene
) -> None:
    ticket, into = scene.request("alice"), scene.request("bob")
    client.sign_in(world.alice)
    page = client.get(f"/tickets/{ticket.number}")
    joining.merge(ticket, into.number, scene.viewer("sam"), scene.now)
    late = client.send(page, form="answer", body="Encore une précision rare.")
    assert late.status_code == 409
    assert "Encore une précision rare." in late.text
    assert f'href="/tickets/{into.number}"' in late.text


def test_a_reader_of_the_merged_one_alone_learns_no_number(client: Any, world: Any, scene: Scene) -> None:
    ticket, into = scene.request("alice"), scene.request("bob", audience="only_me")
    joining.merge(ticket, into.number, scene.viewer("sam"), scene.now)
    Participant.create(
        ticket=ticket.id, person=world.dana.id, email=world.dana.email, role="cc", added_at=scene.now
    )
    client.sign_in(world.dana)
    page = client.get(f"/tickets/{ticket.number}").text
    assert "Cette demande se poursuit dans une autre" in page
    assert into.number not in page


def test_a_page_that_was_overtaken_says_so_and_merges_nothing(client: Any, world: Any, scene: Scene) -> None:
    ticket, into = scene.request("bob"), scene.request("alice")
    client.sign_in(world.sam)
    compared = client.get(f"/desk/tickets/{ticket.number}/merge?into={into.number}")
    conversation.add_cc(ticket, "paie@acme.example", scene.viewer("sam"), scene.now)
    refused_page = client.send(compared, form="confirmation")
    assert refused_page.status_code == 409
    assert "paie@acme.example" in refused_page.text
    assert again(ticket).status == "registered"
    lifecycle.move(ticket, "blocked", scene.viewer("ines"), scene.now)
    assert client.send(refused_page, form="confirmation").status_code == 409
    assert (
        client.send(
            client.get(f"/desk/tickets/{ticket.number}/merge?into={into.number}"), form="confirmation"
        ).status_code
        == 303
    )


def test_a_follow_up_is_numbered_only_to_those_who_may_know_of_it(world: Any, app: Any) -> None:
    other = carol(world)
    Membership.update(can_see_all=True).where(Membership.person == other.id).execute()
    first = put_in(send(world), "closed")
    follow_up = send(world, other, follow_up_of=first.number, audience="only_me")
    with app.test_request_context("/"):
        assert follow_up.number not in sentences(first, world.alice)
        assert "a ouvert un suivi" in sentences(first, world.alice)
        assert follow_up.number in sentences(first, world.bob)


def test_a_button_of_an_older_mail_says_where_the_request_goes_on(world: Any) -> None:
    from domain import mail_actions

    ticket, into = put_in(send(world), "resolved", assignee=world.sam), send(world)
    merge(ticket, into, world)
    for act in ("works", "reopen", "more_time", "close"):
        with pytest.raises(NotNow) as fault:
            mail_actions.check(act, again(ticket), see(world.alice))
        assert (fault.value.code, fault.value.data["into"]) == ("ticket-merged", into.number), act
    for call in (conversation.works, closing.keep_open):
        with pytest.raises(NotNow, match="ticket-merged"):
            call(ticket, see(world.alice), LATER)
