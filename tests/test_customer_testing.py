"""A change that the customer must test: where, until when, "it works", and what becomes of it untested (LIFE-7)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

import mailer
from domain import closing, conversation, lifecycle, mail_actions, settings
from domain.refusals import Invalid, Missing, NotAllowed, NotNow
from models import OutboxMessage, Person, Team, TeamMember, Ticket
from tests.conftest import NOW
from tests.support import lint
from tests.support.casework import (
    again,
    answer,
    forget_mails,
    history,
    key,
    last_event,
    mails,
    members,
    put_in,
    see,
    send,
    team,
)

LATER = NOW + timedelta(hours=1)
BASE = "https://support.initech.example"


@pytest.fixture
def ticket(world: Any) -> Ticket:
    """A request of alice in the hands of sam."""
    return put_in(send(world), "in_progress", assignee=world.sam)


def under_test(ticket: Ticket, world: Any, **more: Any) -> Ticket:
    """The change is there to be tested."""
    return lifecycle.move(ticket, "customer_testing", see(world.sam), NOW, **more)


# ---- Where -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["move", "answer"])
def test_it_is_said_where_to_test(world: Any, ticket: Ticket, way: str) -> None:
    if way == "move":
        under_test(ticket, world, environment=" Recette\n2 ")
    else:
        answer(ticket, world.sam, move_to="customer_testing", environment="Recette 2")
    assert again(ticket).test_environment == "Recette 2"
    assert last_event(ticket).data["environment"] == "Recette 2"


def test_else_it_is_the_environment_that_the_form_asked_for(world: Any) -> None:
    named = {
        "key": "environment",
        "label_fr": "Environnement",
        "label_en": "Environment",
        "value": "Préproduction",
    }
    ticket = send(world, form_slug="patch", priority=None, answers=[named])
    under_test(ticket, world)
    assert again(ticket).test_environment == "Préproduction"
    lifecycle.move(ticket, "in_progress", see(world.sam), NOW)
    under_test(ticket, world, environment="Recette")
    assert again(ticket).test_environment == "Recette"


def test_an_environment_has_a_hundred_and_twenty_characters_and_not_one_more(
    world: Any, ticket: Ticket
) -> None:
    for act in (
        lambda: under_test(ticket, world, environment="x" * 121),
        lambda: answer(ticket, world.sam, move_to="customer_testing", environment="x" * 121),
    ):
        with pytest.raises(Invalid) as fault:
            act()
        assert (fault.value.code, fault.value.field) == ("line-too-long", "environment")
    assert again(ticket).status == "in_progress"
    assert under_test(ticket, world, environment="x" * 120).test_environment == "x" * 120


def test_the_name_stays_while_the_change_is_undone_and_goes_afterwards(world: Any, ticket: Ticket) -> None:
    under_test(ticket, world, environment="Recette")
    for days, status in ((40, "awaiting_rollback"), (60, "expired")):
        closing.sweep(NOW + timedelta(days=days))
        assert (again(ticket).status, again(ticket).test_environment) == (status, "Recette")
    lifecycle.move(ticket, "closed", see(world.sam), NOW + timedelta(days=61))
    assert again(ticket).test_environment == ""


# ---- "It works" --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("assigned", [True, False], ids=["assigned", "unassigned"])
def test_a_test_that_went_well_puts_it_back_to_work_and_tells_the_owners(
    world: Any, ticket: Ticket, assigned: bool
) -> None:
    under_test(ticket, world, environment="Recette")
    if not assigned:
        Ticket.update(assignee=None).where(Ticket.id == ticket.id).execute()
    conversation.add_cc(ticket, "bob@acme.example", see(world.alice), NOW)
    forget_mails()
    conversation.tested(ticket, see(world.alice), LATER)
    row, event = again(ticket), last_event(ticket)
    assert row.status == ("in_progress" if assigned else "qualified")
    assert (event.kind, event.actor_id, event.data["works"], event.data["environment"]) == (
        "ticket:tested", world.alice.id, True, "Recette",
    )  # fmt: skip
    told = mails(ticket)
    assert ("status-changed", "bob") in told and ("team-tested", "sam") in told
    assert all(name != "alice" for _template, name in told)


def test_words_go_with_it_once_whatever_the_number_of_presses(world: Any, ticket: Ticket) -> None:
    under_test(ticket, world)
    conversation.add_cc(ticket, "bob@acme.example", see(world.alice), NOW)
    forget_mails()
    same = key()
    for _press in range(2):
        conversation.tested(ticket, see(world.alice), LATER, body="Les trois cas.", idempotency_key=same)
    assert [row.body for row in ticket.messages].count("Les trois cas.") == 1
    assert history(ticket).count("ticket:tested") == 1
    assert mails(ticket) == {("reply", "bob"), ("team-tested", "sam")}
    assert again(ticket).status == "in_progress"


def test_whoever_of_the_desk_says_that_it_works_with_words_has_it(world: Any) -> None:
    free = put_in(send(world), "customer_testing")
    conversation.tested(free, see(world.sam), LATER, body="Vu au téléphone.", idempotency_key=key())
    assert (again(free).status, again(free).assignee_id) == ("in_progress", world.sam.id)


def test_only_what_is_under_test_is_tested(world: Any, ticket: Ticket) -> None:
    for status, code in (
        ("in_progress", "not-testing"), ("resolved", "not-testing"), ("waiting_customer", "not-testing"),
        ("closed", "ticket-closed"), ("expired", "ticket-closed"),
    ):  # fmt: skip
        put_in(ticket, status, assignee=world.sam)
        with pytest.raises(NotNow, match=code):
            conversation.tested(ticket, see(world.alice), LATER, body="Merci", idempotency_key=key())
    under_test(put_in(ticket, "in_progress", assignee=world.sam), world)
    for who, refusal in (("charlie", Missing), ("dana", Missing)):
        with pytest.raises(refusal):
            conversation.tested(ticket, see(getattr(world, who)), LATER)
    shared = under_test(send(world, share_with_account_manager=True), world)
    with pytest.raises(NotAllowed):
        conversation.tested(shared, see(world.marc), LATER)


def test_it_works_of_a_solution_still_closes(world: Any, ticket: Ticket) -> None:
    lifecycle.move(ticket, "resolved", see(world.sam), NOW)
    conversation.works(ticket, see(world.alice), LATER)
    assert (again(ticket).status, last_event(ticket).kind) == ("closed", "ticket:closed")


# ---- A comment on what expired ------------------------------------------------------------------------------


def expired(ticket: Ticket, world: Any, assignee: Any) -> Ticket:
    put_in(ticket, "expired", assignee=assignee)
    forget_mails()
    answer(ticket, world.alice, "Nous l’avions testé, en fait.", now=LATER)
    assert again(ticket).status == "expired"
    return ticket


def test_a_comment_on_an_expired_request_reaches_the_configuration_team_and_the_agent(
    world: Any, ticket: Ticket
) -> None:
    assert mails(expired(ticket, world, world.sam)) == {("team-reply", "sam"), ("team-reply", "vera")}


def test_without_an_agent_it_reaches_the_configuration_team(world: Any, ticket: Ticket) -> None:
    assert mails(expired(ticket, world, None)) == {("team-reply", "vera")}


@pytest.mark.parametrize("how", ["inactive", "absent", "empty", "gone"])
def test_without_a_configuration_team_it_reaches_the_owners(world: Any, ticket: Ticket, how: str) -> None:
    row = team("configuration")
    if how == "inactive":
        Team.update(is_active=False).where(Team.id == row.id).execute()
    elif how == "absent":
        Team.update(slug="reglages").where(Team.id == row.id).execute()
    elif how == "empty":
        TeamMember.delete().where(TeamMember.team == row).execute()
    else:
        Person.update(is_active=False).where(Person.id == world.vera.id).execute()
    assert mails(expired(ticket, world, world.sam)) == {("team-reply", "sam")}
    # Without an agent either, the team of the request hears of it.
    asked = Person.select().where(Person.id.in_(members(team("support"))) & (Person.is_active == True))  # noqa: E712
    names = {person.email.partition("@")[0] for person in asked}
    assert names and mails(expired(ticket, world, None)) == {("team-reply", name) for name in names}


# ---- Pages ---------------------------------------------------------------------------------------------------


def said(answer: Any) -> str:
    return lint.text_of(lint.parse(answer.text))


STEPS = {
    "fr": (
        ("À vous de tester", "Où l’essayer\u202f: Recette 2.", "avant la fin du"),
        (
            "Le changement n’a pas été testé à temps\u202f; nous l’annulons.",
            "Où\u202f: Recette 2.",
            "La demande expire à la fin du",
        ),
        (
            "Le changement n’a pas été testé à temps et a été annulé.",
            "Où\u202f: Recette 2.",
            "parvient encore à notre équipe",
        ),
    ),
    "en": (
        ("Yours to test", "Where to try it: Recette 2.", "before the end of"),
        (
            "The change was not tested in time; we are undoing it.",
            "Where: Recette 2.",
            "The request expires at the end of",
        ),
        ("The change was not tested in time and was undone.", "Where: Recette 2.", "still reaches our team"),
    ),
}


def plain(text: str) -> str:
    """French spaces before signs are a matter of type: all are one here."""
    return text.replace("\u00a0", " ").replace("\u202f", " ")


@pytest.mark.parametrize("language", ["fr", "en"])
def test_page_and_mail_say_where_until_when_and_what_became_of_it_at_each_step(
    client: Any, world: Any, clock: Any, ticket: Ticket, language: str
) -> None:
    Person.update(language=language).execute()
    forget_mails()
    under_test(ticket, world, environment="Recette 2")
    for days, pieces in zip((0, 16, 40), STEPS[language], strict=True):
        at = NOW + timedelta(days=days)
        clock.set(at)
        closing.sweep(at)
        client.sign_in(world.alice)
        page = plain(said(client.get(f"/tickets/{ticket.number}")))
        for piece in pieces:
            assert plain(piece) in page
        client.sign_in(world.sam)
        assert plain(pieces[1]) in plain(said(client.get(f"/desk/tickets/{ticket.number}")))
        row = (
            OutboxMessage.select()
            .where((OutboxMessage.ticket == ticket.id) & OutboxMessage.recipient.startswith("alice"))
            .order_by(OutboxMessage.id.desc())
            .first()
        )
        with client.application.test_request_context():
            mail = mailer.render(row, BASE, at)
        assert plain(pieces[1]) in plain(mail.text) and plain(pieces[1]) in plain(mail.html)
        if days:
            assert plain(pieces[0]) in plain(mail.text)
        else:
            assert closing.last_day(again(ticket)) is not None
            assert (
                "le changement sera annulé" if language == "fr" else "the change is undone after"
            ) in plain(mail.text)


def test_a_change_that_somebody_undoes_is_not_said_to_be_late(
    client: Any, world: Any, ticket: Ticket
) -> None:
    under_test(ticket, world, environment="Recette 2")
    lifecycle.move(ticket, "awaiting_rollback", see(world.sam), LATER)
    client.sign_in(world.alice)
    page = plain(said(client.get(f"/tickets/{ticket.number}")))
    assert "Nous annulons le changement. Où : Recette 2." in page and "à temps" not in page


@pytest.mark.parametrize(
    ("language", "words"), [("fr", "votre environnement de test"), ("en", "your test environment")]
)
def test_nothing_said_means_the_words_of_the_settings_in_the_language_of_the_reader(
    client: Any, world: Any, ticket: Ticket, language: str, words: str
) -> None:
    Person.update(language=language).execute()
    under_test(ticket, world)
    assert again(ticket).test_environment == ""
    client.sign_in(world.alice)
    assert words in said(client.get(f"/tickets/{ticket.number}"))
    settings.put(f"test_environment_{language}", "Bac 9", None, NOW)
    assert "Bac 9" in said(client.get(f"/tickets/{ticket.number}"))


def test_an_agent_says_where_with_the_answer_or_with_the_move(
    client: Any, world: Any, ticket: Ticket
) -> None:
    client.sign_in(world.sam)
    path = f"/desk/tickets/{ticket.number}"
    sent = client.submit(
        path, "replies", body="C’est prêt.", status="customer_testing", environment="Recette 2"
    )
    assert sent.status_code == 303 and again(ticket).test_environment == "Recette 2"
    assert client.submit(path, "status", status="in_progress").status_code == 303
    sent = client.submit(path, "status", status="customer_testing", environment="Recette 3")
    assert sent.status_code == 303 and again(ticket).test_environment == "Recette 3"
    assert client.submit(path, "status", status="in_progress").status_code == 303
    refused = client.submit(
        path, "replies", body="Un texte patient.", status="customer_testing", environment="x" * 121
    )
    assert refused.status_code == 422 and "Un texte patient." in refused.text
    assert "error-summary" in refused.text and 'id="then-environment-error"' in refused.text
    assert again(ticket).status == "in_progress"


def test_the_customer_says_on_the_page_that_it_works(client: Any, world: Any, ticket: Ticket) -> None:
    under_test(ticket, world)
    client.sign_in(world.alice)
    page = client.get(f"/tickets/{ticket.number}")
    assert f'href="/tickets/{ticket.number}/test"' in page.text
    act = client.get(f"/tickets/{ticket.number}/test")
    assert "l’équipe l’apprend" in said(act) and again(ticket).status == "customer_testing"
    done = client.send(act, body="Testé sur deux bulletins.")
    assert done.status_code == 303
    after = said(client.get(done.location))
    assert "l’équipe sait que ça marche" in after and "Testé sur deux bulletins." in after
    assert (again(ticket).status, last_event(ticket).kind) == ("in_progress", "ticket:tested")
    assert client.send(act, body="Encore.").status_code == 409


def test_something_is_wrong_is_an_answer_that_puts_it_back_to_work(
    client: Any, world: Any, ticket: Ticket
) -> None:
    under_test(ticket, world)
    client.sign_in(world.alice)
    page = client.get(f"/tickets/{ticket.number}")
    assert "Quelque chose ne va pas" in said(page)
    assert client.send(page, "replies", body="La ligne est fausse.").status_code == 303
    assert (again(ticket).status, last_event(ticket).kind) == ("in_progress", "ticket:replied")


# ---- The button of the mail -----------------------------------------------------------------------------------


def test_the_button_of_the_mail_says_that_it_works_and_closes_nothing(
    client: Any, world: Any, ticket: Ticket
) -> None:
    under_test(ticket, world)
    token = mail_actions.offer(again(ticket), world.alice.id, ["works"], "a mail", NOW)["works"]
    client.sign_in(world.alice)
    page = client.get(f"/mail-actions/{token}")
    assert "l’équipe l’apprend" in said(page) and again(ticket).status == "customer_testing"
    done = client.send(page)
    assert done.status_code == 303
    assert "l’équipe sait que ça marche" in said(client.get(done.location))
    assert again(ticket).status == "in_progress"
    assert client.get(f"/mail-actions/{token}").status_code in (409, 410)


def test_a_button_about_a_test_does_not_close_the_solution_that_came_later(
    client: Any, world: Any, clock: Any, ticket: Ticket
) -> None:
    under_test(ticket, world)
    token = mail_actions.offer(again(ticket), world.alice.id, ["works"], "a mail", NOW)["works"]
    lifecycle.move(ticket, "resolved", see(world.sam), LATER)
    clock.set(LATER)
    client.sign_in(world.alice)
    assert client.get(f"/mail-actions/{token}").status_code == 410
    assert again(ticket).status == "resolved"


def test_a_mail_about_a_test_offers_it_works_first(client: Any, world: Any, ticket: Ticket) -> None:
    forget_mails()
    answer(ticket, world.sam, "À vous.", move_to="customer_testing")
    row = OutboxMessage.get((OutboxMessage.ticket == ticket.id) & (OutboxMessage.template == "reply"))
    with client.application.test_request_context():
        text = mailer.render(row, BASE, NOW).text
    first = text.index("/mail-actions/")
    assert "Ça marche\n" in text[:first] and "Ça marche, fermer" not in text
    assert text.count("/mail-actions/") == 3
