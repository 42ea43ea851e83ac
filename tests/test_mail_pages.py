"""Pages about mails (VIEW-4, VIEW-15): one's choices, leaving a kind of mails, who was told what, one mail whole."""

from __future__ import annotations

import re
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

import jobs
from domain import conversation, digests, mail_choices, mail_log, notifications, settings
from models import MailChoice, MailCopy, OutboxMessage, Participant, Person, Ticket
from tests.conftest import NOW
from tests.support.casework import answer, forget_mails, history, see, send


def deliver(app: Any, at: Any = NOW) -> None:
    jobs.run("outbox", app, at)


@pytest.fixture
def told(app: Any, world: SimpleNamespace) -> Ticket:
    """Alice's request with bob and an address without account in copy: mails sent, waiting, held and unwanted."""
    forget_mails()
    ticket = send(world, cc=["bob@acme.example", "paie@acme.example"])
    answer(ticket, world.sam, "Une réponse reconnaissable.", move_to="waiting_customer")
    deliver(app)
    mail_choices.change(see(world.alice), NOW, paces={"answers": "daily"}, daily_hour=18)
    mail_choices.change(see(world.bob), NOW, paces={"answers": "off"})
    answer(ticket, world.sam, "Une deuxième réponse.")
    return ticket


def key_of(ticket: Ticket, name: str, template: str = "reply") -> int:
    return (
        OutboxMessage.select(OutboxMessage.id)
        .where(
            (OutboxMessage.ticket == ticket.id)
            & (OutboxMessage.template == template)
            & OutboxMessage.recipient.startswith(f"{name}@")
        )
        .order_by(OutboxMessage.id)
        .scalar()
    )


def letter_of(page: str) -> str:
    return re.search(r'(?s)class="pre-line letter">(.*?)</div>', page)[1]


# ---- One's choices -----------------------------------------------------------------------------------------


def test_choices_are_kept_and_shown_again(client: Any, world: Any) -> None:
    client.sign_in(world.alice)
    done = client.submit(
        "/account/notifications",
        answers="hourly",
        moves="off",
        daily_hour="7",
        quiet_from="22:00",
        quiet_until="06:30",
        quiet_weekends="y",
        no_satisfaction="y",
        language="en",
        time_zone="Europe/London",
    )
    assert done.status_code == 303
    row = MailChoice.get(MailChoice.person == world.alice.id)
    assert row.paces == {"answers": "hourly", "moves": "off"}
    assert (row.daily_hour, row.quiet_start_minute, row.quiet_end_minute) == (7, 22 * 60, 6 * 60 + 30)
    assert row.quiet_weekends is True and row.asks_satisfaction is False
    person = Person.get_by_id(world.alice.id)
    assert (person.language, person.time_zone) == ("en", "Europe/London")
    page = client.get("/account/notifications").text
    assert "Gathered, every hour" in page and 'value="22:00"' in page
    # Sent again untouched, the page keeps what it shows.
    assert client.submit("/account/notifications").status_code == 303
    again = MailChoice.get(MailChoice.person == world.alice.id)
    assert (again.paces, again.quiet_end_minute, again.asks_satisfaction) == (row.paces, 390, False)


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"answers": "weekly"}, "answers"),
        ({"quiet_from": "22:00"}, "quiet_until"),
        ({"quiet_from": "22:00", "quiet_until": "22:00"}, "quiet_until"),
        ({"daily_hour": "25"}, "daily_hour"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
    ],
)
def test_what_makes_no_sense_is_said_at_its_field(client: Any, world: Any, typed: Any, field: str) -> None:
    client.sign_in(world.alice)
    page = client.get("/account/notifications").text
    csrf = re.search(r'name="csrf_token" value="([^"]+)"', page)[1]
    usual = {"csrf_token": csrf, "language": "fr", "time_zone": "Europe/Paris"}
    refused = client.post("/account/notifications", data={**usual, **typed})
    assert refused.status_code == 422
    assert f'id="{field}-error"' in refused.text
    assert MailChoice.select().where(MailChoice.person == world.alice.id).count() == 0


def test_only_the_desk_chooses_about_the_desk(client: Any, world: Any) -> None:
    client.sign_in(world.alice)
    assert 'name="desk"' not in client.get("/account/notifications").text
    client.sign_in(world.sam)
    assert 'name="desk"' in client.get("/account/notifications").text
    client.submit("/account/notifications", desk="daily")
    assert MailChoice.get(MailChoice.person == world.sam.id).paces == {"desk": "daily"}


def test_the_page_says_what_the_portal_does_and_what_always_comes(client: Any, world: Any) -> None:
    settings.put("mail_pace", "hourly", None, NOW)
    client.sign_in(world.alice)
    page = client.get("/account/notifications").text
    assert "Comme le portail (regroupés, toutes les heures)" in page
    assert "rappels avant une fermeture" in page


# ---- Leaving a kind of mails --------------------------------------------------------------------------------


def test_looking_at_the_link_changes_nothing_and_its_button_does(client: Any, world: Any) -> None:
    path = "/unsubscribe/" + mail_choices.unsubscribe_token(world.alice.id, "moves")
    page = client.get(path)
    assert page.status_code == 200 and "Changements d’état" in page.text
    assert client.head(path).status_code == 200
    assert MailChoice.select().where(MailChoice.person == world.alice.id).count() == 0
    done = client.submit(path)
    assert done.status_code == 303
    assert "Vous ne recevez plus ces courriels" in client.get(done.location).text
    assert mail_choices.of_person(world.alice).pace("moves") == "off"


def test_a_mail_program_needs_one_post_and_nothing_else(app: Any, world: Any) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    stranger = app.test_client()
    path = "/unsubscribe/" + mail_choices.unsubscribe_token(world.alice.id, "answers")
    done = stranger.post(path, data={"List-Unsubscribe": "One-Click"})
    assert done.status_code == 200, "an answer that leads elsewhere is not followed"
    assert mail_choices.of_person(world.alice).pace("answers") == "off"
    assert stranger.post("/unsubscribe/1.answers.nothing").status_code == 404
    other = "/unsubscribe/" + mail_choices.unsubscribe_token(world.alice.id, "answers").replace(
        f"{world.alice.id}.", f"{world.bob.id}.", 1
    )
    assert stranger.post(other, data={"List-Unsubscribe": "One-Click"}).status_code == 404
    assert mail_choices.of_person(world.bob).pace("answers") == "now"


def test_an_address_without_account_leaves_the_request(app: Any, world: Any) -> None:
    ticket = send(world, cc=["paie@acme.example"])
    copy = Participant.get((Participant.ticket == ticket.id) & (Participant.email == "paie@acme.example"))
    path = "/unsubscribe/" + mail_choices.copy_token(copy)
    stranger = app.test_client()
    assert stranger.get(path).status_code == 200
    assert stranger.get(path.replace(f"{copy.id}.", f"{copy.id + 1}.", 1)).status_code == 404
    assert Participant.select().where(Participant.id == copy.id).exists(), "looking changes nothing"
    assert stranger.post(path, data={"List-Unsubscribe": "One-Click"}).status_code == 200
    assert not Participant.select().where(Participant.id == copy.id).exists()
    assert history(ticket)[-1] == "ticket:cc_removed"
    assert stranger.post(path).status_code == 404, "done once"


# ---- Who was told what --------------------------------------------------------------------------------------


def lines(ticket: Ticket, person: Person) -> list[tuple[str, str, str]]:
    return [
        (entry.template, "me" if entry.mine else entry.name, entry.state)
        for entry in mail_log.entries(see(person), ticket)
    ]


def test_a_customer_reads_who_of_the_customers_was_told(world: Any, told: Ticket) -> None:
    assert lines(told, world.alice) == [
        ("reply", "paie@acme.example", "waiting"),
        ("reply", "me", "daily"),
        ("reply", "paie@acme.example", "sent"),
        ("reply", world.bob.full_name, "sent"),
        ("reply", "me", "sent"),
        ("request-received", "paie@acme.example", "sent"),
        ("request-received", world.bob.full_name, "sent"),
        ("request-received", "me", "sent"),
    ], "neither the team’s mails nor what bob chose not to get"
    assert ("reply", "me", "skipped") in lines(told, world.bob), "one’s own choice is one’s own to read"


def test_the_desk_reads_all_of_it_and_why_a_mail_failed(world: Any, told: Ticket) -> None:
    OutboxMessage.update(status="failed", last_error="550 no such person").where(
        (OutboxMessage.recipient == "paie@acme.example") & (OutboxMessage.status == "waiting")
    ).execute()
    seen = mail_log.entries(see(world.sam), told)
    assert any(entry.template == "team-new" for entry in seen)
    assert [entry.error for entry in seen if entry.state == "failed"] == ["550 no such person"]
    assert [entry.reason for entry in seen if entry.state == "skipped"] == ["not-wanted"]
    hidden = mail_log.entries(see(world.alice), told)
    assert all(entry.state != "failed" and not entry.error for entry in hidden)


def test_the_request_says_it_in_words_to_both_sides(client: Any, world: Any, told: Ticket) -> None:
    client.sign_in(world.alice)
    page = client.get(f"/tickets/{told.number}").text
    assert "Qui a été prévenu" in page
    assert "Réponse, pour vous : attend le courriel groupé, mar. 10 nov., 18 h" in re.sub(
        "[\u202f\u00a0]", " ", page
    )
    client.sign_in(world.sam)
    desk = client.get(f"/desk/tickets/{told.number}").text
    assert "cette personne a choisi de ne pas le recevoir" in desk
    whole = client.get(f"/tickets/{told.number}/mails").text
    assert "Nouvelle pour l’équipe" in whole


def test_quiet_hours_are_said_too(client: Any, world: Any, clock: Any) -> None:
    ticket = send(world)
    mail_choices.change(see(world.alice), NOW, paces={}, quiet_from=12 * 60, quiet_until=20 * 60)
    answer(ticket, world.sam, "Voici.")
    client.sign_in(world.alice)
    assert "heures calmes, départ mar. 10 nov., 20 h" in re.sub(
        "[\u202f\u00a0]", " ", client.get(f"/tickets/{ticket.number}/mails").text
    )


# ---- One mail whole -----------------------------------------------------------------------------------------


def test_a_mail_is_shown_as_it_went_out_without_the_links_that_act(
    client: Any, world: Any, told: Ticket
) -> None:
    client.sign_in(world.alice)
    page = client.get(f"/tickets/{told.number}/mails/{key_of(told, 'alice')}").text
    assert "Une réponse reconnaissable." in page and "Votre réponse est attendue" in page
    assert "/mail-actions/" not in page and "/unsubscribe/" not in page
    assert "[lien du courriel seulement]" in page
    # What was said then stays said, whatever the request becomes.
    conversation.reply(told, "Plus tard.", see(world.alice), NOW, idempotency_key="une-cle-de-plus")
    again = client.get(f"/tickets/{told.number}/mails/{key_of(told, 'alice')}").text
    assert [letter_of(text) for text in (page, again)] == [letter_of(page)] * 2


def test_a_mail_is_for_its_reader_and_the_desk_only(client: Any, world: Any, told: Ticket) -> None:
    his, team = key_of(told, "bob"), key_of(told, "sam", "team-new") or key_of(told, "ines", "team-new")
    other = send(world, by=world.charlie)
    for person, key, status in (
        (world.alice, his, 404),
        (world.alice, team, 404),
        (world.bob, his, 200),
        (world.charlie, his, 404),
        (world.sam, his, 200),
        (world.sam, team, 200),
    ):
        client.sign_in(person)
        assert client.get(f"/tickets/{told.number}/mails/{key}").status_code == status, (person.email, key)
    client.sign_in(world.charlie)
    assert client.get(f"/tickets/{other.number}/mails/{his}").status_code == 404, "by another request"
    client.sign_in(world.alice)
    waiting = OutboxMessage.get(
        (OutboxMessage.person == world.alice.id) & (OutboxMessage.status == "waiting")
    )
    assert client.get(f"/tickets/{told.number}/mails/{waiting.id}").status_code == 404, "not gone out yet"


def test_a_gathered_mail_shows_each_request_its_own_part(app: Any, world: Any, told: Ticket) -> None:
    other = send(world)
    answer(other, world.sam, "Sur une tout autre affaire.")
    evening = NOW + timedelta(hours=4)
    digests.gather(evening)
    deliver(app, evening)
    rows = OutboxMessage.select().where(
        (OutboxMessage.person == world.alice.id)
        & (OutboxMessage.template == "reply")
        & (OutboxMessage.sent_at >= evening)
    )
    texts = {row.ticket_id: MailCopy.get(MailCopy.message == row.id).text for row in rows}
    assert "Une deuxième réponse." in texts[told.id] and "affaire" not in texts[told.id]
    assert "Sur une tout autre affaire." in texts[other.id]


def test_copies_can_be_forgotten_and_the_log_stays(client: Any, app: Any, world: Any, told: Ticket) -> None:
    assert notifications.forget_copies(told) > 3
    client.sign_in(world.alice)
    page = client.get(f"/tickets/{told.number}/mails/{key_of(told, 'alice')}").text
    assert "n’a pas été gardé" in page and "reconnaissable" not in page


def test_the_list_of_mails_says_words_rather_than_slugs(client: Any, world: Any, told: Ticket) -> None:
    client.sign_in(world.root)
    page = client.get("/admin/outboxmessage/").text
    main = page[page.index("<main") :]
    assert "Accusé de réception" in main
    assert "request-received" not in re.sub(r"(?s)<select.*?</select>", "", main)
