"""Escalations carry a reference: typed or made, shown to both sides, found by search, kept in the history (LIFE-11)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

import mailer
from domain import lifecycle, lists, settings
from domain.lists import Asked
from domain.refusals import Invalid, Missing, NotAllowed, NotNow
from models import OutboxMessage, Person, Ticket
from tests.conftest import NOW
from tests.support import lint
from tests.support.casework import again, answer, forget_mails, history, last_event, mails, put_in, see, send

LATER = NOW + timedelta(hours=1)
MADE = {"escalated_l2": "N2", "escalated_product": "SPC", "escalated_development": "RPC"}


@pytest.fixture
def ticket(world: Any) -> Ticket:
    """A request of alice in the hands of sam."""
    return put_in(send(world), "in_progress", assignee=world.sam)


def digits(ticket: Ticket) -> str:
    return ticket.number.partition("-")[2]


@pytest.mark.parametrize("status", MADE)
def test_a_reference_is_made_of_the_number_when_nobody_gives_one(
    world: Any, ticket: Ticket, status: str
) -> None:
    forget_mails()
    lifecycle.escalate(ticket, status, see(world.sam), NOW, reason="Hors de notre portée")
    row, event = again(ticket), last_event(ticket)
    assert (row.status, row.escalation_reference) == (status, f"{MADE[status]}-{digits(ticket)}")
    assert (event.kind, event.data["reference"]) == ("ticket:moved", row.escalation_reference)
    assert (event.data["from"], event.data["to"]) == ("in_progress", status)
    assert event.data["note"] == "Hors de notre portée"
    assert mails(ticket) == {("status-changed", "alice")}


def test_a_reference_that_was_typed_is_kept_as_one_clean_line(world: Any, ticket: Ticket) -> None:
    lifecycle.escalate(
        ticket, "escalated_development", see(world.sam), NOW, reference="  RPC\n 318\u202e\x07 bis "
    )
    assert again(ticket).escalation_reference == "RPC 318 bis"


def test_a_reference_has_sixty_characters_and_not_one_more(world: Any, ticket: Ticket) -> None:
    with pytest.raises(Invalid) as fault:
        lifecycle.escalate(ticket, "escalated_l2", see(world.sam), NOW, reference="é" * 61)
    assert (fault.value.code, fault.value.field) == ("line-too-long", "reference")
    assert again(ticket).status == "in_progress"
    lifecycle.escalate(ticket, "escalated_l2", see(world.sam), NOW, reference="é" * 60)
    assert again(ticket).escalation_reference == "é" * 60


@pytest.mark.parametrize("way", ["move", "answer"])
@pytest.mark.parametrize("status", MADE)
def test_whatever_way_it_takes_it_carries_a_reference(
    world: Any, ticket: Ticket, status: str, way: str
) -> None:
    if way == "move":
        lifecycle.move(ticket, status, see(world.sam), NOW)
    else:
        answer(ticket, world.sam, move_to=status)
    reference = f"{MADE[status]}-{digits(ticket)}"
    assert again(ticket).escalation_reference == last_event(ticket).data["reference"] == reference


def test_from_one_level_to_another_the_history_keeps_both(world: Any, ticket: Ticket) -> None:
    by = see(world.sam)
    lifecycle.escalate(ticket, "escalated_l2", by, NOW, reference="N2-7")
    lifecycle.escalate(ticket, "escalated_development", by, LATER, reference="RPC-8")
    assert again(ticket).escalation_reference == "RPC-8"
    kept = [event.data.get("reference") for event in ticket.events if event.kind == "ticket:moved"]
    assert kept == ["N2-7", "RPC-8"]


@pytest.mark.parametrize(
    "target",
    ["in_progress", "waiting_customer", "waiting_engineering", "customer_testing", "resolved", "closed"],
)
def test_the_reference_goes_when_the_escalation_is_over(world: Any, ticket: Ticket, target: str) -> None:
    lifecycle.escalate(ticket, "escalated_l2", see(world.sam), NOW, reference="N2-7")
    lifecycle.move(ticket, target, see(world.sam), LATER)
    assert again(ticket).escalation_reference == ""
    assert "reference" not in last_event(ticket).data


def test_an_answer_that_ends_the_escalation_takes_the_reference_away_too(world: Any, ticket: Ticket) -> None:
    lifecycle.escalate(ticket, "escalated_product", see(world.sam), NOW)
    answer(ticket, world.sam, now=LATER, move_to="resolved")
    assert again(ticket).escalation_reference == ""


def test_another_reference_takes_the_place_of_the_first_without_a_mail(world: Any, ticket: Ticket) -> None:
    by = see(world.sam)
    lifecycle.escalate(ticket, "escalated_development", by, NOW)
    forget_mails()
    lifecycle.escalate(ticket, "escalated_development", by, LATER, reference="RPC-318")
    row = again(ticket)
    assert (row.escalation_reference, row.status_since) == ("RPC-318", NOW)
    assert last_event(ticket).data["reference"] == "RPC-318"
    assert mails(ticket) == set()
    before = history(ticket)
    lifecycle.escalate(ticket, "escalated_development", by, LATER)
    lifecycle.escalate(ticket, "escalated_development", by, LATER, reference="RPC-318")
    assert history(ticket) == before and again(ticket).escalation_reference == "RPC-318"


def test_only_the_three_levels_take_an_escalation(world: Any, ticket: Ticket) -> None:
    for status in ("blocked", "resolved", "", "escalated", "in_progress"):
        with pytest.raises(Invalid) as fault:
            lifecycle.escalate(ticket, status, see(world.sam), NOW)
        assert (fault.value.code, fault.value.field) == ("escalation-unknown", "status")


def test_who_may_escalate_and_when(world: Any, ticket: Ticket) -> None:
    for who, refusal in (("alice", NotAllowed), ("bob", NotAllowed), ("charlie", Missing), ("marc", Missing)):
        with pytest.raises(refusal):
            lifecycle.escalate(ticket, "escalated_l2", see(getattr(world, who)), NOW)
    seen = again(ticket).version
    answer(ticket, world.alice)
    with pytest.raises(NotNow, match="changed-meanwhile"):
        lifecycle.escalate(ticket, "escalated_l2", see(world.sam), NOW, seen=seen)
    for status in ("resolved", "closed", "expired"):
        put_in(ticket, status)
        with pytest.raises(NotNow, match="move-refused"):
            lifecycle.escalate(ticket, "escalated_l2", see(world.sam), NOW)


def found(world: Any, who: str, words: str) -> list[str]:
    """The numbers that a search gives somebody."""
    return [
        row.number for row in lists.find(see(getattr(world, who)), Asked(list="organisation", q=words)).rows
    ]


def test_a_request_is_found_by_its_reference_by_those_who_may_see_it(world: Any, ticket: Ticket) -> None:
    by = see(world.sam)
    lifecycle.escalate(ticket, "escalated_development", by, NOW, reference="Zorglub-918273")
    for who in ("alice", "bob", "sam"):
        assert found(world, who, "zorglub-918273") == [ticket.number]
        assert found(world, who, "918273") == [ticket.number]
    assert found(world, "charlie", "zorglub-918273") == []
    lifecycle.escalate(ticket, "escalated_l2", by, LATER, reference="Quiproquo-55")
    answer(ticket, world.sam, "De retour.", now=LATER, move_to="in_progress")
    # Both are in the history, so both still lead to it.
    assert found(world, "alice", "Quiproquo-55") == [ticket.number]
    assert found(world, "alice", "zorglub-918273") == [ticket.number]


# ---- Pages and mails -------------------------------------------------------------------------------------


def said(answer: Any) -> str:
    return lint.text_of(lint.parse(answer.text))


@pytest.mark.parametrize(("language", "word"), [("fr", "Référence"), ("en", "Reference")])
def test_both_sides_see_the_reference_and_its_history_afterwards(
    client: Any, world: Any, ticket: Ticket, language: str, word: str
) -> None:
    Person.update(language=language).execute()
    client.sign_in(world.sam)
    path = f"/desk/tickets/{ticket.number}"
    sent = client.submit(
        path, "escalation", status="escalated_development", reference="RPC-318", reason="Correctif"
    )
    assert sent.status_code == 303
    desk = said(client.get(path))
    assert f"{word} RPC-318" in desk and "Correctif" in desk
    client.sign_in(world.alice)
    page = said(client.get(f"/tickets/{ticket.number}"))
    assert f"{word} RPC-318" in page and "Correctif" not in page
    lifecycle.move(ticket, "in_progress", see(world.sam), LATER)
    page = said(client.get(f"/tickets/{ticket.number}"))
    assert f"{word} RPC-318" not in page and "RPC-318)" in page, "only the history still says it"


def test_an_escalation_that_is_refused_keeps_what_was_typed(client: Any, world: Any, ticket: Ticket) -> None:
    client.sign_in(world.sam)
    path = f"/desk/tickets/{ticket.number}"
    refused = client.submit(path, "escalation", status="", reference="RPC-1", reason="Un motif")
    assert refused.status_code == 422
    assert "error-summary" in refused.text and 'value="RPC-1"' in refused.text and "Un motif" in refused.text
    long = client.submit(path, "escalation", status="escalated_l2", reference="x" * 61)
    assert long.status_code == 422 and again(ticket).status == "in_progress"
    page = client.get(path)
    answer(ticket, world.alice)
    late = client.send(page, "escalation", status="escalated_l2", reference="N2-1")
    assert late.status_code == 409 and 'value="N2-1"' in late.text
    assert again(ticket).status == "in_progress"


@pytest.mark.parametrize("way", ["status-changed", "reply"])
@pytest.mark.parametrize(
    ("language", "word"), [("fr", "Référence\u202f: RPC-318."), ("en", "Reference: RPC-318.")]
)
def test_the_mail_says_the_reference_unless_mails_carry_no_text(
    client: Any, world: Any, ticket: Ticket, language: str, word: str, way: str
) -> None:
    Person.update(language=language).execute()
    forget_mails()
    if way == "reply":
        answer(ticket, world.sam, move_to="escalated_development")
        word = word.replace("318", digits(ticket))
    else:
        lifecycle.escalate(ticket, "escalated_development", see(world.sam), NOW, reference="RPC-318")
    row = OutboxMessage.get((OutboxMessage.ticket == ticket.id) & (OutboxMessage.template == way))

    def made() -> Any:
        with client.application.test_request_context():
            return mailer.render(row, "https://support.initech.example", NOW)

    assert word in made().text and word in made().html
    settings.put("mail_carries_text", False, None, NOW)
    assert "RPC-" not in made().text + made().html
