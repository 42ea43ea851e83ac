"""A request that waits for another one: named by an agent, gone on by itself, and silent about whose the other is."""

from __future__ import annotations

import json
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

import mailer
from domain import (
    blocking,
    closing,
    conversation,
    deletion,
    joining,
    lifecycle,
    lists,
    policies,
    reading,
    search,
)
from domain.lists import Asked
from domain.refusals import Invalid, Missing, NotAllowed, NotNow
from models import OutboxMessage, Participant, Person, Ticket, TicketBlock, TicketEvent
from tests.conftest import NOW
from tests.support import lint
from tests.support.casework import (
    again,
    answer,
    faults,
    forget_mails,
    history,
    last_event,
    mails,
    put_in,
    see,
    send,
    statements,
    together,
)
from tests.support.scene import CANARY, Scene

LATER = NOW + timedelta(hours=1)
COMPONENT = "Règles de calcul"
# What nobody outside Acme may read anywhere.
SECRET = "Paie de décembre marsouin-d-acme"


@pytest.fixture
def pair(world: Any) -> SimpleNamespace:
    """A request of charlie, in the hands of sam, and one of alice that comes first; no other block."""
    TicketBlock.delete().execute()
    return SimpleNamespace(
        theirs=put_in(send(world, world.charlie, summary="Un pointage"), "in_progress", assignee=world.sam),
        first=put_in(send(world, summary=SECRET), "in_progress", assignee=world.ines),
    )


def hold(ticket: Ticket, other: Ticket, by: Any, now: Any = NOW, **more: Any) -> TicketBlock:
    """An agent says that `other` comes first."""
    more.setdefault("component", COMPONENT)
    return blocking.block(ticket, other.number, see(by), now, **more)


def living(ticket: Ticket) -> int:
    """How many blocks hold a request now."""
    return TicketBlock.select().where((TicketBlock.ticket == ticket) & TicketBlock.ended_at.is_null()).count()


# ---- Naming what blocks it -------------------------------------------------------------------------------


def test_a_request_that_is_blocked_says_so_to_the_customer_and_keeps_the_number_for_the_team(
    world: Any, pair: Any
) -> None:
    forget_mails()
    row = hold(pair.theirs, pair.first, world.sam)
    ticket = again(pair.theirs)
    assert (ticket.status, ticket.status_since) == ("blocked", NOW)
    assert (row.component, row.added_by_id, row.ended_at) == (COMPONENT, world.sam.id, None)
    said, named = TicketEvent.select().where(TicketEvent.ticket == ticket.id).order_by(TicketEvent.id)[-2:]
    assert (said.kind, said.is_public, said.data["from"], said.data["to"]) == (
        "ticket:blocked", True, "in_progress", "blocked",
    )  # fmt: skip
    assert pair.first.number not in json.dumps(said.data)
    assert (named.kind, named.is_public, named.data) == (
        "ticket:blocker_named", False, {"number": pair.first.number},
    )  # fmt: skip
    assert mails(ticket) == {("blocked", "charlie")}


def test_it_goes_on_by_itself_when_what_blocks_it_ends_and_both_sides_hear_of_it(
    world: Any, pair: Any
) -> None:
    hold(pair.theirs, pair.first, world.sam)
    forget_mails()
    lifecycle.move(pair.first, "resolved", see(world.ines), LATER)
    ticket = again(pair.theirs)
    assert (ticket.status, ticket.status_since, ticket.assignee_id) == ("in_progress", LATER, world.sam.id)
    event = last_event(ticket)
    assert (event.kind, event.actor_id, event.data["from"], event.data["to"]) == (
        "ticket:unblocked", None, "blocked", "in_progress",
    )  # fmt: skip
    assert mails(ticket) == {("status-changed", "charlie"), ("status-changed", "sam")}
    assert TicketBlock.get().ended_at == LATER


def test_without_an_agent_it_goes_back_among_those_to_take(world: Any, pair: Any) -> None:
    Ticket.update(assignee=None).where(Ticket.id == pair.theirs.id).execute()
    hold(pair.theirs, pair.first, world.sam)
    lifecycle.close(pair.first, see(world.alice), LATER)
    assert again(pair.theirs).status == "qualified"


def by_an_answer(world: Any, first: Ticket) -> None:
    answer(first, world.ines, now=LATER, move_to="resolved")


def by_its_customer(world: Any, first: Ticket) -> None:
    lifecycle.close(first, see(world.alice), LATER)


def by_a_closing_answer(world: Any, first: Ticket) -> None:
    answer(first, world.ines, now=LATER, move_to="closed")


def by_silence(world: Any, first: Ticket) -> None:
    put_in(first, "waiting_customer", assignee=world.ines)
    for days in (11, 16, 30, 60):
        closing.sweep(NOW + timedelta(days=days))
    assert again(first).close_reason == "silence"


def by_expiring(world: Any, first: Ticket) -> None:
    put_in(first, "awaiting_rollback", assignee=world.ines)
    closing.sweep(NOW + timedelta(days=20))
    assert again(first).status == "expired"


@pytest.mark.parametrize(
    "end",
    [by_an_answer, by_its_customer, by_a_closing_answer, by_silence, by_expiring],
    ids=lambda end: end.__name__,
)
def test_whatever_ends_the_other_one_lets_it_go(world: Any, pair: Any, end: Any) -> None:
    hold(pair.theirs, pair.first, world.sam)
    end(world, pair.first)
    assert again(pair.first).status in lifecycle.ENDED
    assert again(pair.theirs).status == "in_progress"
    assert living(pair.theirs) == 0


def test_a_deletion_that_is_carried_out_lets_go_what_waited_for_it(world: Any, pair: Any) -> None:
    person = {"full_name": "Jean Moreau", "employee_number": "1784031", "url": "", "details": ""}
    erase = send(world, form_slug="user-deletion", priority=None, named_people=[person])
    hold(pair.theirs, erase, world.sam)
    deletion.confirm(erase, "supprimer 1 personne", see(world.alice), NOW, language="fr", understood=True)
    deletion.second(erase, see(world.bob), NOW, language="fr")
    assert again(pair.theirs).status == "blocked"
    deletion.carry_out(erase, see(world.sam), NOW + timedelta(hours=25))
    assert again(pair.theirs).status == "in_progress"


def test_it_waits_for_the_last_of_several(world: Any, pair: Any) -> None:
    second = send(world, world.charlie, summary="Une autre de Globex")
    hold(pair.theirs, pair.first, world.sam)
    forget_mails()
    hold(pair.theirs, second, world.vera, component="Interface")
    # The customer has been told that it is blocked: another reason is on the page, not in another mail.
    assert mails(pair.theirs) == set()
    lifecycle.move(pair.first, "resolved", see(world.ines), LATER)
    assert (again(pair.theirs).status, living(pair.theirs)) == ("blocked", 1)
    assert last_event(pair.theirs).kind == "ticket:unblocked"
    assert mails(pair.theirs) == set()
    lifecycle.move(second, "closed", see(world.ines), LATER)
    assert again(pair.theirs).status == "in_progress"


def test_one_request_lets_go_all_that_wait_for_it(world: Any, pair: Any) -> None:
    others = [put_in(send(world, world.charlie), "qualified") for _ in range(3)]
    for ticket in (pair.theirs, *others):
        hold(ticket, pair.first, world.sam)
    lifecycle.move(pair.first, "resolved", see(world.ines), LATER)
    assert [again(ticket).status for ticket in (pair.theirs, *others)] == ["in_progress", *["qualified"] * 3]


def test_a_request_that_waits_itself_is_not_ended_by_what_it_waits_for(world: Any, pair: Any) -> None:
    last = send(world, world.charlie, summary="La dernière")
    hold(pair.theirs, pair.first, world.sam)
    hold(last, pair.theirs, world.sam)
    lifecycle.move(pair.first, "resolved", see(world.ines), LATER)
    assert (again(pair.theirs).status, again(last).status) == ("in_progress", "blocked")


def test_a_request_that_is_reopened_does_not_block_again_by_itself(world: Any, pair: Any) -> None:
    hold(pair.theirs, pair.first, world.sam)
    lifecycle.move(pair.first, "resolved", see(world.ines), LATER)
    answer(pair.first, world.alice, "Ce n’est pas réglé.", now=LATER)
    assert again(pair.first).status == "in_progress"
    assert (again(pair.theirs).status, living(pair.theirs)) == ("in_progress", 0)
    hold(pair.theirs, pair.first, world.sam, LATER)
    assert (again(pair.theirs).status, TicketBlock.select().count()) == ("blocked", 2)


@pytest.mark.parametrize("way", ["move", "answer", "customer"])
def test_whoever_takes_it_out_of_blocked_ends_its_blocks(world: Any, pair: Any, way: str) -> None:
    hold(pair.theirs, pair.first, world.sam)
    if way == "move":
        lifecycle.move(pair.theirs, "waiting_engineering", see(world.sam), LATER)
    elif way == "answer":
        answer(pair.theirs, world.sam, now=LATER, move_to="waiting_customer")
    else:
        lifecycle.close(pair.theirs, see(world.charlie), LATER)
    assert living(pair.theirs) == 0
    before = len(history(pair.theirs))
    lifecycle.move(pair.first, "resolved", see(world.ines), LATER)
    assert len(history(pair.theirs)) == before
    assert again(pair.theirs).status != "in_progress"


def test_an_agent_takes_a_block_away_and_the_last_one_moves_it_on(world: Any, pair: Any) -> None:
    second = send(world, world.charlie)
    first_block = hold(pair.theirs, pair.first, world.sam)
    other_block = hold(pair.theirs, second, world.sam)
    blocking.unblock(pair.theirs, first_block.id, see(world.vera), LATER)
    assert again(pair.theirs).status == "blocked"
    forget_mails()
    blocking.unblock(pair.theirs, other_block.id, see(world.sam), LATER)
    assert again(pair.theirs).status == "in_progress"
    assert last_event(pair.theirs).actor_id == world.sam.id
    assert mails(pair.theirs) == {("status-changed", "charlie")}
    with pytest.raises(NotNow, match="block-over"):
        blocking.unblock(pair.theirs, other_block.id, see(world.sam), LATER)
    with pytest.raises(Missing):
        blocking.unblock(second, other_block.id, see(world.sam), LATER)


# ---- What is refused -----------------------------------------------------------------------------------------


def refused(ticket: Ticket, number: str, by: Any, **more: Any) -> str:
    """The code with which a block is refused by the field of the number; nothing stays of it."""
    before = TicketBlock.select().count(), again(ticket).status, history(ticket)
    with pytest.raises(Invalid) as fault:
        blocking.block(ticket, number, see(by), NOW, **more)
    assert fault.value.field == "blocker"
    assert (TicketBlock.select().count(), again(ticket).status, history(ticket)) == before
    return fault.value.code


@pytest.mark.parametrize(
    "number", ["", " ", "SUP-999999", "bonjour", "SUP-1'--", "9" * 40, "\x00", "２０４１"]
)
def test_a_number_that_is_none_is_refused_by_its_field(world: Any, pair: Any, number: str) -> None:
    assert refused(pair.theirs, number, world.sam) == "blocker-unknown"


def test_a_number_is_taken_as_people_type_it(world: Any, pair: Any) -> None:
    digits = pair.first.number.partition("-")[2]
    blocking.block(pair.theirs, f" {digits} ", see(world.sam), NOW)
    assert TicketBlock.get().blocker_id == pair.first.id


def test_nothing_blocks_itself_nor_twice(world: Any, pair: Any) -> None:
    assert refused(pair.theirs, pair.theirs.number, world.sam) == "blocker-itself"
    hold(pair.theirs, pair.first, world.sam)
    assert refused(pair.theirs, pair.first.number, world.sam) == "blocker-twice"


@pytest.mark.parametrize("status", lifecycle.ENDED)
def test_what_has_ended_blocks_nothing(world: Any, pair: Any, status: str) -> None:
    put_in(pair.first, status)
    assert refused(pair.theirs, pair.first.number, world.sam) == "blocker-over"


def test_a_circle_is_refused_directly_and_through_others(world: Any, pair: Any) -> None:
    third, fourth = send(world), send(world)
    hold(pair.theirs, pair.first, world.sam)
    assert refused(pair.first, pair.theirs.number, world.sam) == "blocker-cycle"
    hold(pair.first, third, world.sam)
    hold(third, fourth, world.sam)
    assert refused(fourth, pair.theirs.number, world.sam) == "blocker-cycle"
    # Two ways to the same end are no circle.
    hold(pair.theirs, fourth, world.sam)


def test_a_way_that_is_too_long_is_not_walked_to_its_end(
    world: Any, pair: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocking, "WALK_MOST", 3)
    chain = [send(world) for _ in range(5)]
    for ticket, other in zip(chain[1:], chain[:-1], strict=True):
        TicketBlock.create(ticket=ticket, blocker=other, added_at=NOW)
    assert refused(pair.theirs, chain[-1].number, world.sam) == "blocker-too-many"


def test_there_is_an_end_to_how_many_wait_for_one_another(
    world: Any, pair: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocking, "MOST_AT_ONCE", 2)
    for _ in range(2):
        hold(pair.theirs, send(world), world.sam)
    assert refused(pair.theirs, pair.first.number, world.sam) == "blocker-too-many"
    for _ in range(2):
        hold(send(world), pair.first, world.sam)
    assert refused(send(world), pair.first.number, world.sam) == "blocker-too-many"


@pytest.mark.parametrize("status", lifecycle.ENDED)
def test_what_is_solved_or_over_is_not_blocked(world: Any, pair: Any, status: str) -> None:
    put_in(pair.theirs, status)
    with pytest.raises(NotNow, match="move-refused"):
        hold(pair.theirs, pair.first, world.sam)
    assert TicketBlock.select().count() == 0


def test_a_component_is_one_line_that_fits(world: Any, pair: Any) -> None:
    with pytest.raises(Invalid) as fault:
        hold(pair.theirs, pair.first, world.sam, component="x" * 121)
    assert (fault.value.code, fault.value.field) == ("line-too-long", "component")
    assert hold(pair.theirs, pair.first, world.sam, component=" a\n\u202eb\t c ").component == "a b c"


def test_only_the_desk_names_and_takes_away_blocks(world: Any, pair: Any) -> None:
    own = send(world, share_with_account_manager=True)
    row = hold(own, pair.first, world.sam)
    for who, refusal in (
        ("alice", NotAllowed),
        ("bob", NotAllowed),
        ("marc", NotAllowed),
        ("charlie", Missing),
    ):
        by = see(getattr(world, who))
        with pytest.raises(refusal):
            blocking.block(own, pair.theirs.number, by, NOW)
        with pytest.raises(refusal):
            blocking.unblock(own, row.id, by, NOW)
    assert TicketBlock.select().count() == 1


def test_nobody_blocks_what_changed_since_they_looked(world: Any, pair: Any) -> None:
    seen = again(pair.theirs).version
    answer(pair.theirs, world.charlie)
    with pytest.raises(NotNow, match="changed-meanwhile"):
        hold(pair.theirs, pair.first, world.sam, seen=seen)


# ---- Two at once --------------------------------------------------------------------------------------------------


def test_two_blocks_at_the_same_instant_make_no_circle(world: Any, pair: Any, database: Any) -> None:
    sam, vera = see(world.sam), see(world.vera)
    results = together(
        [
            lambda: blocking.block(pair.theirs, pair.first.number, sam, NOW),
            lambda: blocking.block(pair.first, pair.theirs.number, vera, NOW),
        ],
        database,
    )
    assert [fault.code for fault in faults(results)] == ["blocker-cycle"]
    assert TicketBlock.select().count() == 1


def test_a_block_that_is_named_while_the_other_one_ends_never_waits_for_ever(
    world: Any, pair: Any, database: Any
) -> None:
    sam, ines = see(world.sam), see(world.ines)
    together(
        [
            lambda: blocking.block(pair.theirs, pair.first.number, sam, NOW),
            lambda: lifecycle.move(pair.first, "resolved", ines, NOW),
        ],
        database,
    )
    assert again(pair.first).status == "resolved"
    assert (again(pair.theirs).status, living(pair.theirs)) == ("in_progress", 0)


def test_two_that_end_at_once_move_it_on_once(world: Any, pair: Any, database: Any) -> None:
    second = send(world)
    hold(pair.theirs, pair.first, world.sam)
    hold(pair.theirs, second, world.sam)
    ines, vera = see(world.ines), see(world.vera)
    results = together(
        [
            lambda: lifecycle.move(pair.first, "resolved", ines, LATER),
            lambda: lifecycle.move(second, "closed", vera, LATER),
        ],
        database,
    )
    assert faults(results) == []
    assert again(pair.theirs).status == "in_progress"
    moves = [
        event.data["to"]
        for event in TicketEvent.select().where(TicketEvent.ticket == pair.theirs.id).order_by(TicketEvent.id)
        if event.kind == "ticket:unblocked"
    ]
    assert moves == ["blocked", "in_progress"]


def test_when_its_mail_cannot_be_written_nothing_of_the_end_stays(
    world: Any, pair: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(pair.theirs, pair.first, world.sam)

    def broken(*_args: Any) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr("domain.notifications.tell", broken)
    with pytest.raises(RuntimeError):
        lifecycle.move(pair.first, "resolved", see(world.ines), LATER)
    assert (again(pair.first).status, again(pair.theirs).status) == ("in_progress", "blocked")
    assert living(pair.theirs) == 1


# ---- What it costs -------------------------------------------------------------------------------------------------


def test_pages_read_blocks_only_where_there_may_be_some(world: Any, pair: Any, database: Any) -> None:
    sam, charlie = see(world.sam), see(world.charlie)
    with statements(database) as sent:
        assert blocking.blockers(charlie, again(pair.theirs)) == []
        assert blocking.waiting(charlie, again(pair.theirs)) == []
    assert len([sql for sql in sent if "ticket_block" in sql]) == 0
    for _ in range(6):
        hold(pair.theirs, send(world), world.sam)
        hold(send(world), pair.first, world.sam)
    blocked, first = again(pair.theirs), again(pair.first)
    with statements(database) as sent:
        assert len(blocking.blockers(sam, blocked)) == 6
    assert len(sent) == 2
    with statements(database) as sent:
        assert len(blocking.waiting(sam, first)) == 6
    assert len(sent) == 1


# ---- What each side reads ------------------------------------------------------------------------------------------


def everything_public(ticket: Ticket) -> str:
    """All that is kept of a request where a customer's page could read it."""
    events = TicketEvent.select().where((TicketEvent.ticket == ticket.id) & TicketEvent.is_public)
    return json.dumps([event.data for event in events], ensure_ascii=False)


def test_nothing_of_the_other_organisation_is_in_lists_search_or_public_events(world: Any, pair: Any) -> None:
    hold(pair.theirs, pair.first, world.sam)
    lifecycle.move(pair.first, "resolved", see(world.ines), LATER)
    charlie = see(world.charlie)
    for secret in (pair.first.number, SECRET, "Acme", "marsouin"):
        assert secret not in everything_public(pair.theirs)
        assert lists.find(charlie, Asked(list="organisation", q=secret)).rows == []
    assert pair.theirs.id not in search.matching_ids(pair.first.number, with_notes=True)
    shown = reading.read(charlie, again(pair.theirs))
    assert "ticket:blocker_named" not in [event.kind for event in shown.events]


def test_a_viewer_knows_which_one_only_when_they_may_see_it(world: Any, pair: Any) -> None:
    hold(pair.theirs, pair.first, world.sam)
    ticket = again(pair.theirs)
    for who in ("charlie", "erin"):
        [row] = blocking.blockers(see(getattr(world, who)), ticket)
        assert (row.ticket, row.component) == (None, COMPONENT)
    [row] = blocking.blockers(see(world.sam), ticket)
    assert row.ticket.number == pair.first.number
    # Somebody in copy of the other one knows it.
    Participant.create(
        ticket=pair.first, person=world.charlie, email=world.charlie.email, role="cc", added_at=NOW
    )
    [row] = blocking.blockers(see(world.charlie), ticket)
    assert row.ticket.summary == SECRET


@pytest.fixture
def staged(client: Any, world: Any) -> SimpleNamespace:
    """A request of charlie that waits for one of alice, another of alice that waits for it too."""
    scene = Scene(client.application, world)
    first = scene.request("alice", summary=SECRET)
    theirs, own = scene.request("charlie"), scene.request("alice", summary="Celle d’alice")
    sam = scene.viewer("sam")
    for ticket in (theirs, own):
        blocking.block(ticket, first.number, sam, scene.now, component=COMPONENT)
    return SimpleNamespace(scene=scene, first=first, theirs=theirs, own=own)


def said(answer: Any) -> str:
    """The words of a page."""
    return lint.text_of(lint.parse(answer.text))


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("who", ["charlie", "erin"])
def test_pages_of_another_organisation_say_nothing_of_the_one_that_comes_first(
    client: Any, world: Any, staged: Any, who: str, language: str
) -> None:
    Person.update(language=language).execute()
    client.sign_in(getattr(world, who))
    number = staged.theirs.number
    page = client.get(f"/tickets/{number}")
    words = {
        "fr": f"Une autre demande sur le même composant ({COMPONENT}) est encore en cours",
        "en": f"Another request about the same component ({COMPONENT}) is still under way",
    }
    assert words[language] in said(page)
    lifecycle.move(staged.first, "resolved", staged.scene.viewer("ines"), staged.scene.now)
    pages = [page, client.get(f"/tickets/{number}")]
    pages += [
        client.get(path) for path in ("/tickets?list=organisation", "/", f"/tickets?q={staged.first.number}")
    ]
    for shown in pages:
        body = shown.text.replace(f"q={staged.first.number}", "")
        body = body.replace(f"q%3D{staged.first.number}", "").replace(f'value="{staged.first.number}"', "")
        body = body.replace(f"«\u202f{staged.first.number}\u202f»", "").replace(
            f"“{staged.first.number}”", ""
        )
        for secret in (staged.first.number, SECRET, CANARY, "Acme", "Alice"):
            assert secret not in body, secret
    assert COMPONENT in said(pages[1]), "the history says what it was about"


def test_whoever_may_see_the_one_that_comes_first_gets_its_number_and_a_link(
    client: Any, world: Any, staged: Any
) -> None:
    client.sign_in(world.alice)
    page = client.get(f"/tickets/{staged.own.number}")
    assert f"La demande {staged.first.number} ({SECRET})" in said(page)
    assert f'href="/tickets/{staged.first.number}"' in page.text
    # Hers shows nothing of charlie's, which waits for it too.
    own = client.get(f"/tickets/{staged.first.number}")
    assert staged.theirs.number not in own.text and "Globex" not in own.text


def test_only_me_hides_the_number_from_a_colleague(client: Any, world: Any, staged: Any) -> None:
    Ticket.update(audience="only_me").where(Ticket.id == staged.first.id).execute()
    Ticket.update(requester=world.bob.id, opened_by=world.bob.id).where(
        Ticket.id == staged.first.id
    ).execute()
    client.sign_in(world.alice)
    page = client.get(f"/tickets/{staged.own.number}")
    assert staged.first.number not in page.text
    assert "Une autre demande sur le même composant" in said(page)


def letters(client: Any, ticket: Ticket, template: str, to: str) -> list[Any]:
    """The mails of one template to one person, as they leave."""
    rows = OutboxMessage.select().where(
        (OutboxMessage.ticket == ticket.id)
        & (OutboxMessage.template == template)
        & OutboxMessage.recipient.startswith(f"{to}@")
    )
    with client.application.test_request_context():
        return [mailer.render(row, "https://support.initech.example", NOW) for row in rows]


@pytest.mark.parametrize("language", ["fr", "en"])
def test_mails_to_another_organisation_say_nothing_of_the_one_that_comes_first(
    client: Any, world: Any, staged: Any, language: str
) -> None:
    Person.update(language=language).execute()
    lifecycle.move(staged.first, "resolved", staged.scene.viewer("ines"), staged.scene.now)
    [changed] = letters(client, staged.theirs, "status-changed", "charlie")
    [event] = TicketEvent.select().where(
        TicketEvent.kind == "ticket:blocked", TicketEvent.ticket == staged.theirs
    )
    # Its block has ended, so the mail that spoke of it does not leave any more; one that leaves in time does.
    with pytest.raises(mailer.Skipped, match="moved-on"):
        letters(client, staged.theirs, "blocked", "charlie")
    TicketBlock.update(ended_at=None).execute()
    Ticket.update(status="blocked").where(Ticket.id == staged.theirs.id).execute()
    [told] = letters(client, staged.theirs, "blocked", "charlie")
    assert COMPONENT in told.text and event.data["component"] == COMPONENT
    for mail in (told, changed):
        for part in (mail.subject, mail.text, mail.html, *mail.headers.values()):
            for secret in (staged.first.number, SECRET, CANARY, "Acme"):
                assert secret not in part, secret


def test_a_mail_names_the_one_that_comes_first_to_whoever_may_see_it_unless_mails_carry_no_text(
    client: Any, world: Any, staged: Any
) -> None:
    from domain import settings

    [told] = letters(client, staged.own, "blocked", "alice")
    assert SECRET in told.text
    assert f"https://support.initech.example/tickets/{staged.first.number}" in told.text
    settings.put("mail_carries_text", False, None, NOW)
    [told] = letters(client, staged.own, "blocked", "alice")
    assert SECRET not in told.text + told.html and COMPONENT not in told.text + told.html


# ---- At the desk ---------------------------------------------------------------------------------------------------


def test_the_desk_names_a_block_sees_both_ends_and_takes_it_away(client: Any, world: Any, pair: Any) -> None:
    client.sign_in(world.sam)
    path = f"/desk/tickets/{pair.theirs.number}"
    answer = client.submit(path, "blocks", blocker=pair.first.number.lower(), component=COMPONENT)
    assert answer.status_code == 303
    page = client.get(path)
    assert "Bloquée par une autre demande" in said(page)
    assert f"{pair.first.number}, {SECRET}" in said(page) and COMPONENT in said(page)
    assert f"Bloquée par la demande {pair.first.number}" in said(page), "the history names it for the team"
    other = client.get(f"/desk/tickets/{pair.first.number}")
    assert "1 demande attend celle-ci" in said(other) and pair.theirs.number in said(other)
    assert client.send(page, "removal").status_code == 303
    assert again(pair.theirs).status == "in_progress"
    assert client.send(page, "removal").status_code == 409


def test_a_block_that_is_refused_keeps_what_was_typed(client: Any, world: Any, pair: Any) -> None:
    client.sign_in(world.sam)
    path = f"/desk/tickets/{pair.theirs.number}"
    for number, words in (
        ("", "Donnez le numéro d’une autre demande"),
        ("SUP-99999", "Donnez le numéro d’une autre demande"),
        (pair.theirs.number, "ne se bloque pas elle-même"),
    ):
        refused = client.submit(path, "blocks", blocker=number, component=COMPONENT)
        assert refused.status_code == 422
        assert words in said(refused) and "error-summary" in refused.text
        assert f'value="{COMPONENT}"' in refused.text
    assert client.submit(path, "blocks", blocker=pair.first.number, component="x" * 121).status_code == 422
    assert TicketBlock.select().count() == 0


def test_a_request_that_is_blocked_without_a_number_leads_to_the_form(
    client: Any, world: Any, pair: Any
) -> None:
    client.sign_in(world.sam)
    path = f"/desk/tickets/{pair.theirs.number}"
    assert (
        client.submit(path, "status", status="blocked", reason="Attend la livraison 12.5").status_code == 303
    )
    page = client.get(path)
    assert "Ce qui la bloque n’est pas encore nommé" in said(page)
    assert 'href="#blocker"' in page.text and 'id="blocker"' in page.text
    client.sign_in(world.charlie)
    assert "Une autre demande" not in said(client.get(f"/tickets/{pair.theirs.number}"))
    client.sign_in(world.sam)
    forget_mails()
    assert client.submit(path, "blocks", blocker=pair.first.number).status_code == 303
    assert mails(pair.theirs) == {("blocked", "charlie")}


def test_a_note_that_quotes_the_number_does_not_bring_it_to_the_customer(world: Any, pair: Any) -> None:
    """A note that quotes the number stays with the team."""
    hold(pair.theirs, pair.first, world.sam)
    conversation.note(
        pair.theirs, f"Attend {pair.first.number}", see(world.sam), NOW, idempotency_key="a" * 20
    )
    charlie = see(world.charlie)
    assert policies.can_see(charlie, pair.theirs)
    shown = reading.read(charlie, again(pair.theirs))
    assert all(pair.first.number not in message.body for message in shown.messages)


# ---- A blocker that is merged ---------------------------------------------------------------------------


def test_what_waits_for_a_merged_request_waits_for_the_one_in_which_it_goes_on(world: Any, pair: Any) -> None:
    into = put_in(send(world, summary="Le même sujet"), "in_progress", assignee=world.ines)
    hold(pair.theirs, pair.first, world.sam)
    joining.merge(pair.first, into.number, see(world.sam), LATER)
    assert again(pair.theirs).status == "blocked" and living(pair.theirs) == 1
    assert last_event(pair.theirs).data == {"number": into.number} and not last_event(pair.theirs).is_public
    lifecycle.move(again(into), "resolved", see(world.ines), LATER)
    assert again(pair.theirs).status == "in_progress" and living(pair.theirs) == 0


def test_a_request_that_takes_in_what_it_waits_for_goes_on(world: Any, pair: Any) -> None:
    into = put_in(send(world, summary="Le même sujet"), "in_progress", assignee=world.ines)
    hold(into, pair.first, world.sam)
    hold(pair.first, pair.theirs, world.sam)
    joining.merge(pair.first, into.number, see(world.sam), LATER)
    assert again(into).status == "in_progress" and living(into) == 0
    # What would wait for itself by a longer way is let go too.
    other = put_in(send(world, summary="Encore autre chose"), "in_progress", assignee=world.sam)
    third = put_in(send(world, summary="Un troisième"), "in_progress", assignee=world.sam)
    hold(third, other, world.sam)
    hold(into, third, world.sam)
    joining.merge(other, into.number, see(world.sam), LATER)
    assert again(third).status == "in_progress" and again(into).status == "blocked"


def test_nothing_waits_for_a_merge_into_what_is_solved_already(world: Any, pair: Any) -> None:
    into = put_in(send(world, summary="Le même sujet"), "resolved", assignee=world.ines)
    hold(pair.theirs, pair.first, world.sam)
    joining.merge(pair.first, into.number, see(world.sam), LATER)
    assert again(pair.theirs).status == "in_progress" and living(pair.theirs) == 0


def test_a_request_that_waited_for_both_waits_for_the_one_that_goes_on_once(world: Any, pair: Any) -> None:
    into = put_in(send(world, summary="Le même sujet"), "in_progress", assignee=world.ines)
    hold(pair.theirs, pair.first, world.sam)
    hold(pair.theirs, into, world.sam)
    joining.merge(pair.first, into.number, see(world.sam), LATER)
    assert again(pair.theirs).status == "blocked" and living(pair.theirs) == 1
