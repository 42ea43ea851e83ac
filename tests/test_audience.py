"""Who can see a request: named with the reason, changed by those who decide, at once and with a trace (VIEW-13)."""

from __future__ import annotations

import re
from typing import Any

import pytest

from domain import audience, lists, policies, reading, settings
from domain.refusals import Invalid, Missing, NotAllowed, NotNow
from models import Membership, Organisation, OutboxMessage, Participant, Person, Ticket
from tests.conftest import NOW
from tests.support.casework import (
    again,
    answer,
    forget_mails,
    history,
    last_event,
    person,
    put_in,
    see,
    send,
)


def claire() -> Person:
    return Person.get(Person.email == "claire@acme.example")


def readers(ticket: Ticket, who: Any) -> dict[str, str]:
    """First name -> reason, as the page says it to somebody."""
    row = reading.load(see(who), ticket.number)
    assert row is not None
    found = audience.look(see(who), row, reading.participants(row))
    return {reader.name.split()[0]: reader.reason for reader in found.readers}


def test_each_reader_has_a_reason(world: Any) -> None:
    ticket = send(world, cc=["dana@acme.example"], share_with_account_manager=True)
    found = readers(ticket, world.alice)
    assert found["Alice"] == "requester" and found["Bob"] == "administrator"
    assert found["Dana"] == "cc" and found["Claire"] == "contact" and found["Marc"] == "account_manager"
    assert "Charlie" not in found and "Sam" not in found


def test_an_address_without_an_account_gets_mails_and_reads_nothing(world: Any) -> None:
    ticket = send(world, by=world.alice)
    from domain import conversation

    conversation.add_cc(ticket, "outside@partner.example", see(world.sam), NOW)
    assert readers(ticket, world.alice)["outside@partner.example"] == "mails"


def test_somebody_in_copy_from_outside_is_not_told_the_names_of_the_organisation(world: Any) -> None:
    from domain import conversation

    outsider, ticket = person("helper", "partner.example"), send(world)
    conversation.add_cc(ticket, outsider.email, see(world.sam), NOW)
    row = reading.load(see(outsider), ticket.number)
    found = audience.look(see(outsider), row, reading.participants(row))
    assert {reader.name for reader in found.readers} == {world.alice.full_name, "Helper"}
    # Bob, Claire and whoever else reads it are a number.
    assert found.others == len(readers(ticket, world.sam)) - 2 > 0


def test_only_me_takes_it_from_colleagues_at_once_and_says_so_in_the_history(world: Any) -> None:
    ticket = send(world)
    assert policies.can_see(see(claire()), ticket)
    forget_mails()
    audience.change(ticket, "only_me", see(world.alice), NOW)
    assert not policies.can_see(see(claire()), again(ticket))
    assert policies.can_see(see(world.bob), again(ticket))
    event = last_event(ticket)
    assert (event.kind, event.is_public) == ("ticket:audience_changed", True)
    assert event.data == {"origin": "organisation", "target": "only_me", "people": 0}
    assert OutboxMessage.select().count() == 0
    assert ticket.id not in {
        row.id for row in lists.find(see(claire()), lists.Asked(list="organisation")).rows
    }


def test_named_people_gain_it_and_lose_it_again(world: Any) -> None:
    ticket = send(world)
    audience.change(ticket, "people", see(world.alice), NOW, people=[world.dana.id])
    assert policies.can_see(see(world.dana), again(ticket)) and not policies.can_see(
        see(claire()), again(ticket)
    )
    found = lists.anywhere(see(world.dana), "banque", 5)[0]
    assert [row.id for row in found] == [ticket.id], "the search index knows the new reader"
    audience.change(ticket, "people", see(world.alice), NOW, people=[claire().id])
    assert not policies.can_see(see(world.dana), again(ticket)) and policies.can_see(
        see(claire()), again(ticket)
    )
    audience.change(ticket, "organisation", see(world.alice), NOW)
    assert Participant.select().where(Participant.role == "reader").count() == 0
    assert history(ticket).count("ticket:audience_changed") == 3


def test_those_in_copy_stay_whatever_the_audience(world: Any) -> None:
    ticket = send(world, cc=["dana@acme.example"])
    audience.change(ticket, "only_me", see(world.alice), NOW)
    assert policies.can_see(see(world.dana), again(ticket))
    assert readers(ticket, world.alice)["Dana"] == "cc"


def test_sharing_with_the_account_manager_changes_later(world: Any) -> None:
    ticket = send(world)
    audience.change(ticket, "organisation", see(world.alice), NOW, shared=True)
    assert policies.can_see(see(world.marc), again(ticket))
    assert (last_event(ticket).kind, last_event(ticket).data) == ("ticket:shared", {"shared": True})
    audience.change(ticket, "organisation", see(world.alice), NOW, shared=False)
    assert not policies.can_see(see(world.marc), again(ticket))
    Organisation.update(account_manager=None).execute()
    with pytest.raises(Invalid, match="share-nobody"):
        audience.change(ticket, "organisation", see(world.alice), NOW, shared=True)


def test_nothing_is_written_when_nothing_changes(world: Any) -> None:
    ticket = send(world)
    before = (again(ticket).version, history(ticket))
    audience.change(ticket, "organisation", see(world.alice), NOW, people=[world.dana.id], shared=False)
    assert (again(ticket).version, history(ticket)) == before


@pytest.mark.parametrize("name", ["claire", "dana", "charlie", "marc"])
def test_others_do_not_decide_it(world: Any, name: str) -> None:
    ticket = send(world, cc=["dana@acme.example"], share_with_account_manager=True)
    who = claire() if name == "claire" else getattr(world, name)
    with pytest.raises(Missing if name == "charlie" else NotAllowed):
        audience.change(ticket, "only_me", see(who), NOW)
    assert again(ticket).audience == "organisation"


def test_an_administrator_and_the_desk_decide_it_even_when_it_is_closed(world: Any) -> None:
    ticket = put_in(send(world), "closed")
    audience.change(ticket, "only_me", see(world.bob), NOW)
    audience.change(ticket, "organisation", see(world.sam), NOW)
    assert again(ticket).audience == "organisation"


def test_what_cannot_be_chosen_is_refused_by_the_field(world: Any) -> None:
    ticket = send(world)
    for chosen, people, code, field in (
        ("everybody", [], "audience-unknown", "audience"),
        ("people", [], "audience-people-needed", "audience_people"),
        ("people", [world.alice.id], "audience-people-needed", "audience_people"),
        ("people", [world.charlie.id], "reader-unknown", "audience_people"),
        ("people", [world.sam.id], "reader-unknown", "audience_people"),
    ):
        with pytest.raises(Invalid) as refused:
            audience.change(ticket, chosen, see(world.alice), NOW, people=people)
        assert (refused.value.code, refused.value.field) == (code, field)
    with pytest.raises(NotNow, match="changed-meanwhile"):
        audience.change(ticket, "only_me", see(world.alice), NOW, seen=again(ticket).version - 1)
    assert again(ticket).audience == "organisation"


def test_the_silence_clock_does_not_move(world: Any) -> None:
    ticket = put_in(send(world), "waiting_customer", assignee=world.sam)
    before = again(ticket)
    audience.change(ticket, "only_me", see(world.alice), NOW)
    after = again(ticket)
    assert (after.status, after.last_message_at, after.closes_at, after.act_at) == (
        before.status, before.last_message_at, before.closes_at, before.act_at,
    )  # fmt: skip


def test_every_member_reads_and_completes_when_the_settings_say_so(world: Any) -> None:
    ticket = send(world)
    assert not policies.can_see(see(world.dana), ticket)
    settings.put("members_see_all", True, None, NOW)
    assert policies.can_see(see(world.dana), ticket) and not policies.may_answer(see(world.dana), ticket)
    assert readers(ticket, world.alice)["Dana"] == "member"
    settings.put("members_answer", True, None, NOW)
    forget_mails()
    answer(ticket, world.dana, "Un détail de plus.")
    told = {row.recipient for row in OutboxMessage.select().where(OutboxMessage.ticket == ticket.id)}
    assert world.alice.email in told, "the requester is told"
    audience.change(ticket, "only_me", see(world.alice), NOW)
    assert not policies.can_see(see(world.dana), again(ticket))


# ---- On the pages --------------------------------------------------------------------------------------


def test_the_page_of_a_request_names_those_who_see_it(client: Any, world: Any) -> None:
    ticket = send(world, share_with_account_manager=True)
    page = client.sign_in(world.alice).get(f"/tickets/{ticket.number}").text
    panel = page.partition('id="audience"')[2].partition("</section>")[0]
    assert "Bob" in panel and "administrateur" in panel and "Marc" in panel and "demandeur" in panel
    assert "Modifier" in panel
    assert (
        "Changer"
        not in (
            client.sign_in(claire()).get(f"/tickets/{ticket.number}").text.partition('id="audience"')[2][:600]
        )
    )


def test_it_is_changed_without_a_script_and_shown_at_once(client: Any, world: Any) -> None:
    ticket = send(world)
    client.sign_in(world.alice)
    where = f"/tickets/{ticket.number}/audience"
    refused = client.submit(where, form="audience-form", audience="people")
    assert refused.status_code == 422 and "au moins un collègue" in refused.text
    done = client.submit(where, form="audience-form", audience="people", audience_people=[str(world.dana.id)])
    assert done.status_code == 303
    assert client.sign_in(world.dana).get(f"/tickets/{ticket.number}").status_code == 200
    assert client.sign_in(claire()).get(f"/tickets/{ticket.number}").status_code == 404


def test_a_change_in_between_answers_409_and_keeps_the_choice(client: Any, world: Any) -> None:
    ticket = send(world)
    client.sign_in(world.alice)
    page = client.get(f"/tickets/{ticket.number}/audience")
    audience.change(ticket, "organisation", see(world.alice), NOW, shared=True)
    answered = client.send(page, form="audience-form", audience="only_me")
    assert answered.status_code == 409
    kept = next(tag for tag in re.findall(r"<input[^>]*>", answered.text) if 'value="only_me"' in tag)
    assert "checked" in kept
    assert again(ticket).audience == "organisation"


def test_a_form_shows_the_request_to_the_people_it_names(client: Any, world: Any) -> None:
    client.sign_in(world.alice)
    fields = {"summary": "Où lire la convention ?", "description": "Je ne la trouve pas.", "consent": "y"}
    refused = client.submit("/requests/new/question", form="request", audience="people", **fields)
    assert refused.status_code == 422 and "au moins un collègue" in refused.text
    sent = client.send(
        refused, form="request", audience="people", audience_people=[str(world.dana.id)], **fields
    )
    assert sent.status_code == 303
    ticket = Ticket.select().order_by(Ticket.id.desc()).first()
    assert ticket.audience == "people" and audience.named_readers(ticket) == [world.dana.id]
    stranger = client.submit(
        "/requests/new/question",
        form="request",
        audience="people",
        audience_people=[str(world.charlie.id)],
        **fields,
    )
    assert stranger.status_code == 422


def test_the_form_says_that_administrators_always_see_it(client: Any, world: Any) -> None:
    client.sign_in(world.alice)
    page = client.get("/requests/new/question").text
    assert "L’administrateur de l’organisation la voit toujours" in page or "la voient toujours" in page
    ticket = send(world)
    assert "la voient toujours" in client.get(f"/tickets/{ticket.number}/audience").text


def test_a_member_who_left_is_no_longer_listed(world: Any) -> None:
    from domain import contacts

    ticket = send(world)
    assert readers(ticket, world.bob)["Claire"] == "contact"
    contacts.remove_approval(
        Membership.get(Membership.person == claire().id).id, see(world.bob), NOW, reason="Partie"
    )
    assert "Claire" not in readers(ticket, world.bob)
