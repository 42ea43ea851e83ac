"""Buttons of mails: after sign-in, one page, one button, once; a program that follows links changes nothing
(LIFE-8, LIFE-15, LIFE-17, S14, S15).
"""

from __future__ import annotations

import re
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from playwright.sync_api import expect

import jobs
import mailer
from domain import accounts, closing, conversation, lifecycle, mail_actions, policies, settings
from domain.notifications import Skipped
from domain.refusals import Invalid, Missing, NotAllowed, NotNow
from models import HeldForm, MailAction, Message, OutboxMessage, Person, Ticket, UserSession
from tests.support.browser_pages import be, sign_in_by_page
from tests.support.browsing import PHONE, assert_looks
from tests.support.casework import faults, together
from tests.support.correspondence import NOW, SECRET, counter, portal  # noqa: F401
from tests.support.scene import Scene, fingerprint

BASE = "http://support.initech.example"
LINK = re.compile(r"/mail-actions/([A-Za-z0-9_-]+)")


def render(row: OutboxMessage, now: Any = NOW) -> mailer.Mail:
    return mailer.render(row, BASE, now)


def newest(template: str, to: str = "alice") -> OutboxMessage:
    return (
        OutboxMessage.select()
        .where((OutboxMessage.template == template) & OutboxMessage.recipient.startswith(f"{to}@"))
        .order_by(OutboxMessage.id.desc())
        .get()
    )


def links_in(made: mailer.Mail) -> list[str]:
    """The tokens of a mail, in the order of its plain text."""
    assert set(LINK.findall(made.html)) == set(LINK.findall(made.text))
    return LINK.findall(made.text)


def solved(counter: Any, now: Any = NOW, **more: Any) -> Ticket:
    ticket = counter.request(now=now, **more)
    counter.reply(ticket, "sam", "Réglé : relancez l’export.", move_to="resolved", now=now)
    return Ticket.get_by_id(ticket.id)


def asked(counter: Any, now: Any = NOW, **more: Any) -> Ticket:
    ticket = counter.request(now=now, **more)
    counter.reply(ticket, "sam", "Quelle heure ?", move_to="waiting_customer", now=now)
    return Ticket.get_by_id(ticket.id)


def acts_of(tokens: list[str]) -> list[str]:
    return [MailAction.get(MailAction.token_hash == mail_actions._hash(token)).act for token in tokens]


# ---- What mails carry --------------------------------------------------------------------------------------


def test_after_a_solution_the_first_link_closes_and_the_second_reopens(counter: Any, portal: Any) -> None:
    solved(counter)
    made = render(newest("reply"))
    assert acts_of(links_in(made)) == ["works", "reopen", "more_time"]
    links = re.findall(r"https?://\S+", made.text)
    assert [LINK.search(link) is not None for link in links[:4]] == [True, True, True, False]
    for label in ("Ça marche, fermer", "Ça ne marche pas", "Il me faut plus de temps"):
        assert label in made.text
        assert label in made.html
    assert made.html.count('class="e-btn"') == 1


def test_a_solution_without_words_offers_the_same(counter: Any, portal: Any) -> None:
    ticket = counter.request()
    lifecycle.move(ticket, "resolved", counter.viewer("sam"), NOW)
    assert acts_of(links_in(render(newest("status-changed")))) == ["works", "reopen", "more_time"]


def test_a_question_and_its_reminders_offer_more_time_and_closing(counter: Any, portal: Any) -> None:
    asked(counter)
    made = render(newest("reply"))
    assert acts_of(links_in(made)) == ["more_time", "close"]
    first = re.findall(r"https?://\S+", made.text)[0]
    assert "/tickets/" in first, "to answer comes first"
    assert "Rien ne change avant que vous ayez confirmé" in made.text
    later = NOW + timedelta(days=11)
    closing.sweep(later)
    assert acts_of(links_in(render(newest("reminder"), later))) == ["more_time", "close"]


def test_the_mail_about_the_new_date_says_it_and_what_is_left(counter: Any, portal: Any) -> None:
    ticket = solved(counter)
    closing.keep_open(ticket, counter.viewer("alice"), NOW)
    made = render(newest("kept-open"))
    assert "Vous avez demandé plus de temps" in made.text
    assert "à la fin du vendredi 27 novembre" in made.text
    assert "encore 1 fois" in made.text
    assert acts_of(links_in(made)) == ["works", "reopen", "more_time"]
    closing.keep_open(ticket, counter.viewer("bob"), NOW)
    made = render(newest("kept-open"))
    assert "Bob Lefèvre a demandé plus de temps" in made.text
    assert "ne peut plus être repoussée" in made.text
    assert acts_of(links_in(made)) == ["works", "reopen"]
    conversation.works(ticket, counter.viewer("alice"), NOW)
    with pytest.raises(Skipped):
        render(newest("kept-open"))


def test_the_agent_reads_that_it_works(counter: Any, portal: Any) -> None:
    ticket = solved(counter)
    conversation.works(ticket, counter.viewer("alice"), NOW)
    made = render(newest("closed", "sam"))
    assert "Alice Martin a confirmé que cela fonctionne" in made.text
    assert links_in(made) == []


def test_only_those_who_may_answer_get_buttons(counter: Any, portal: Any) -> None:
    Person.update(email_verified_at=None).where(Person.id == counter.dana.id).execute()
    solved(counter, cc=["bob@acme.example", "dana@acme.example", "compta@acme.example"])
    assert links_in(render(newest("reply", "bob")))
    for reader in ("dana", "compta"):
        assert links_in(render(newest("reply", reader))) == []
    ticket = counter.request()
    lifecycle.move(ticket, "resolved", counter.viewer("sam"), NOW)
    lifecycle.assign(ticket, counter.ines.id, counter.viewer("sam"), NOW)
    assert links_in(render(newest("team-assigned", "ines"))) == []


def test_a_mail_that_only_says_that_there_is_news_has_its_buttons_too(counter: Any, portal: Any) -> None:
    settings.put("mail_carries_text", False, None, NOW)
    solved(counter)
    made = render(newest("reply"))
    assert "relancez" not in made.text
    assert acts_of(links_in(made)) == ["works", "reopen", "more_time"]


def test_what_is_over_or_at_work_offers_nothing(counter: Any, portal: Any) -> None:
    ticket = solved(counter)
    row = newest("reply")
    conversation.reopen(ticket, "Non.", counter.viewer("alice"), NOW, idempotency_key=counter.key())
    assert links_in(render(row)) == []
    lifecycle.move(ticket, "closed", counter.viewer("sam"), NOW)
    assert links_in(render(row)) == []
    assert links_in(render(newest("closed"))) == []


# ---- The link ----------------------------------------------------------------------------------------------


def test_a_mail_worded_twice_has_the_same_links_and_two_mails_have_others(counter: Any, portal: Any) -> None:
    solved(counter, cc=["bob@acme.example"])
    alice = links_in(render(newest("reply")))
    assert links_in(render(newest("reply"), NOW + timedelta(minutes=5))) == alice
    assert MailAction.select().count() == 3
    assert not set(alice) & set(links_in(render(newest("reply", "bob"))))


def test_a_thousand_links_are_long_all_different_and_kept_nowhere(
    counter: Any, portal: Any, database: Any
) -> None:
    ticket = solved(counter)
    tokens = [
        mail_actions.offer(ticket, counter.alice.id, [act], f"guichet.{number}", NOW)[act]
        for number in range(250)
        for act in mail_actions.ACTS
    ]
    assert len(set(tokens)) == 1000
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", token) for token in tokens), "256 bits"
    kept = " ".join(str(row) for row in MailAction.select().tuples()) + " ".join(
        str(row) for row in OutboxMessage.select().tuples()
    )
    assert not any(token in kept for token in tokens)


def test_without_the_secret_of_the_portal_a_link_cannot_be_made(counter: Any, portal: Any) -> None:
    ticket = solved(counter)
    ours = mail_actions.offer(ticket, counter.alice.id, ["works"], "guichet.known", NOW)["works"]
    accounts.use_secret("another portal, another secret: 0123456789")
    try:
        theirs = accounts.link_token("mail-action:works:guichet.known")
    finally:
        accounts.use_secret(SECRET)
    assert theirs != ours
    with pytest.raises(Missing):
        mail_actions.find(theirs, counter.viewer("alice"))


def test_a_link_ends_when_the_request_closes_and_after_thirty_days_at_the_latest(
    counter: Any, portal: Any
) -> None:
    ticket = solved(counter)
    mail_actions.offer(ticket, counter.alice.id, ["works"], "one", NOW)
    assert MailAction.get().expires_at == ticket.closes_at
    MailAction.delete().execute()
    ticket.closes_at = NOW + timedelta(days=200)
    mail_actions.offer(ticket, counter.alice.id, ["works"], "two", NOW)
    assert MailAction.get().expires_at == NOW + timedelta(days=30)
    ticket.closes_at = NOW
    assert mail_actions.offer(ticket, counter.alice.id, ["works"], "three", NOW) == {}


def offer(counter: Any, ticket: Ticket, act: str, to: str = "alice", now: Any = NOW) -> str:
    return mail_actions.offer(ticket, getattr(counter, to).id, [act], counter.key(), now)[act]


@pytest.mark.parametrize(
    ("act", "status"),
    [("works", "closed"), ("reopen", "in_progress"), ("more_time", "resolved"), ("close", "closed")],
)
def test_each_link_does_its_act_once(counter: Any, portal: Any, act: str, status: str) -> None:
    ticket = solved(counter)
    token = offer(counter, ticket, act)
    alice = counter.viewer("alice")
    mail_actions.use(token, alice, NOW, body="Toujours pas.", idempotency_key=counter.key())
    row = Ticket.get_by_id(ticket.id)
    assert row.status == status
    assert row.extended_times == (act == "more_time")
    assert MailAction.get().used_at == NOW
    with pytest.raises(NotNow, match="link-used"):
        mail_actions.use(token, alice, NOW, body="Toujours pas.", idempotency_key=counter.key())
    assert Ticket.get_by_id(ticket.id).version == row.version


def test_a_refused_act_leaves_the_link_as_it_was(counter: Any, portal: Any) -> None:
    ticket = solved(counter)
    token = offer(counter, ticket, "reopen")
    with pytest.raises(Invalid, match="body-empty"):
        mail_actions.use(token, counter.viewer("alice"), NOW, body=" ", idempotency_key=counter.key())
    assert MailAction.get().used_at is None
    mail_actions.use(token, counter.viewer("alice"), NOW, body="Non.", idempotency_key=counter.key())
    assert Ticket.get_by_id(ticket.id).status == "in_progress"


def test_pressed_eight_times_at_the_same_instant_it_acts_once(
    counter: Any, portal: Any, database: Any
) -> None:
    settings.put("keep_open_times", 20, None, NOW)
    ticket = solved(counter)
    token = offer(counter, ticket, "more_time")
    alice = counter.viewer("alice")
    refused = faults(together([lambda: mail_actions.use(token, alice, NOW) for _ in range(8)], database))
    assert len(refused) == 7
    assert {fault.code for fault in refused} == {"link-used"}
    assert Ticket.get_by_id(ticket.id).extended_times == 1


def test_a_link_is_dead_after_its_time(counter: Any, portal: Any) -> None:
    ticket = solved(counter)
    token = offer(counter, ticket, "works")
    with pytest.raises(NotNow, match="link-expired"):
        mail_actions.use(token, counter.viewer("alice"), ticket.closes_at)
    closing.sweep(ticket.closes_at)
    with pytest.raises(NotNow, match="ticket-closed"):
        mail_actions.use(token, counter.viewer("alice"), ticket.closes_at)


def test_a_link_about_an_earlier_solution_says_nothing_of_the_next_one(counter: Any, portal: Any) -> None:
    ticket = solved(counter)
    token = offer(counter, ticket, "works")
    later = NOW + timedelta(hours=2)
    counter.reply(ticket, "alice", "Non.", now=later)
    with pytest.raises(NotNow, match="not-resolved"):
        mail_actions.use(token, counter.viewer("alice"), later)
    counter.reply(ticket, "sam", "Et maintenant ?", move_to="resolved", now=later)
    with pytest.raises(NotNow, match="link-overtaken"):
        mail_actions.use(token, counter.viewer("alice"), later)
    assert Ticket.get_by_id(ticket.id).status == "resolved"


@pytest.mark.parametrize("other", ["bob", "sam", "root"])
def test_somebody_else_who_reads_the_request_acts_under_their_own_name_only(
    counter: Any, portal: Any, other: str
) -> None:
    token = offer(counter, solved(counter), "works")
    with pytest.raises(NotNow, match="link-of-somebody-else"):
        mail_actions.use(token, counter.viewer(other), NOW)
    assert MailAction.get().used_at is None


@pytest.mark.parametrize("other", ["charlie", "dana"])
def test_to_a_stranger_the_link_never_was(counter: Any, portal: Any, other: str) -> None:
    token = offer(counter, solved(counter), "works")
    with pytest.raises(Missing):
        mail_actions.use(token, counter.viewer(other), NOW)


def test_rights_are_asked_when_the_button_is_pressed(counter: Any, portal: Any) -> None:
    from models import Membership

    ticket = solved(counter)
    token = offer(counter, ticket, "works")
    alice = counter.viewer("alice")
    Membership.update(removed_at=NOW).where(Membership.person == counter.alice.id).execute()
    with pytest.raises((Missing, NotAllowed)):
        mail_actions.use(token, policies.load_viewer(alice.id), NOW)
    assert Ticket.get_by_id(ticket.id).status == "resolved"


BAD_TOKENS = [
    "",
    "%",
    "*",
    "_",
    "null",
    "0",
    "true",
    "[]",
    "x" * 42,
    "x" * 44,
    "é" * 43,
    "a" * 500,
    "' OR 1=1 --",
]


@pytest.mark.parametrize("token", BAD_TOKENS)
def test_what_is_no_link_finds_nothing(counter: Any, portal: Any, token: str) -> None:
    real = offer(counter, solved(counter), "works")
    alice = counter.viewer("alice")
    for tried in (
        token,
        real + " ",
        " " + real,
        real + "\n",
        real.swapcase(),
        real[:-1],
        real + "=",
        real[:20] + "%",
    ):
        with pytest.raises(Missing):
            mail_actions.find(tried, alice)
    assert mail_actions.find(real, alice).act == "works"


def test_dead_links_are_forgotten_a_month_later(counter: Any, portal: Any) -> None:
    ticket = solved(counter)
    offer(counter, ticket, "works")
    assert mail_actions.sweep(ticket.closes_at + timedelta(days=29)) == 0
    assert mail_actions.sweep(ticket.closes_at + timedelta(days=31)) == 1
    assert MailAction.select().count() == 0


# ---- The pages ---------------------------------------------------------------------------------------------


@pytest.fixture
def made(app: Any, world: SimpleNamespace) -> SimpleNamespace:
    """A solved request of alice, and links about it: made.link("works"), made.link("works", "bob")."""
    scene = Scene(app, world)
    ticket = scene.request("alice")
    scene.reply(ticket, "sam", "C’est réglé.", move_to="resolved")
    count = iter(range(1000))

    def link(act: str, to: str = "alice") -> str:
        row = Ticket.get_by_id(ticket.id)
        tokens = mail_actions.offer(row, getattr(world, to).id, [act], f"essai-{next(count)}", scene.now)
        return f"/mail-actions/{tokens[act]}"

    return SimpleNamespace(
        scene=scene, number=ticket.number, link=link, now=lambda: Ticket.get_by_id(ticket.id)
    )


def test_a_program_that_follows_every_link_changes_nothing(client: Any, world: Any, made: Any) -> None:
    links = [made.link(act) for act in mail_actions.ACTS]
    places = [*links, *(f"/tickets/{made.number}/{place}" for place in ("closure", "reopening", "keep-open"))]
    before = fingerprint()
    for person in (None, world.alice, world.bob, world.charlie, world.sam):
        if person is not None:
            client.sign_in(person)
            before = fingerprint()
        for place in places:
            for method in ("GET", "HEAD", "OPTIONS"):
                answer = client.open(place, method=method)
                assert answer.status_code in {200, 303, 404, 410}, f"{method} {place}: {answer.status_code}"
        assert fingerprint() == before


def test_without_a_session_the_link_leads_to_sign_in_and_back(client: Any, world: Any, made: Any) -> None:
    link = made.link("works")
    answer = client.get(link)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/login?next={link}")
    signed_in = client.submit(answer.headers["Location"], email="alice@acme.example", password=world.password)
    assert signed_in.headers["Location"] == link
    page = client.get(link)
    assert page.status_code == 200
    done = client.send(page, form="act")
    assert (done.status_code, done.headers["Location"]) == (303, f"/tickets/{made.number}")
    assert made.now().status == "closed"


def test_without_a_session_no_link_looks_different_from_another(client: Any, made: Any) -> None:
    for link in (made.link("works"), "/mail-actions/nothing", "/mail-actions/" + "x" * 43):
        answer = client.get(link)
        assert (answer.status_code, answer.headers["Location"]) == (303, f"/login?next={link}")


def test_the_page_has_one_button_and_says_what_happens(client: Any, world: Any, made: Any) -> None:
    client.sign_in(world.alice)
    for act, word in (
        ("works", "La demande se ferme"),
        ("reopen", "ce qui ne marche pas"),
        ("more_time", "vendredi 27 novembre"),
    ):
        page = client.get(made.link(act))
        main = page.text.split("<main")[1].split("</main")[0]
        assert main.count("<button") == 1, act
        assert word in main
        assert made.number in main


def test_a_button_without_its_token_does_nothing(client: Any, world: Any, made: Any) -> None:
    client.sign_in(world.alice)
    link = made.link("works")
    assert client.post(link).status_code in {303, 400}
    assert made.now().status == "resolved"


def test_it_does_not_work_asks_what(client: Any, world: Any, made: Any) -> None:
    client.sign_in(world.alice)
    link = made.link("reopen")
    refused = client.submit(link, form="act", body="  ")
    assert refused.status_code == 422
    assert 'aria-invalid="true"' in refused.text
    assert made.now().status == "resolved"
    assert client.send(refused, form="act", body="L’export échoue encore.").status_code == 303
    assert made.now().status == "in_progress"
    assert "L’export échoue encore." in client.get(f"/tickets/{made.number}").text


def test_a_dead_link_leads_to_the_request(client: Any, world: Any, made: Any, clock: Any) -> None:
    client.sign_in(world.alice)
    used, late, overtaken = made.link("more_time"), made.link("works"), made.link("reopen")
    theirs = made.link("works", "bob")
    assert client.submit(used, form="act").status_code == 303
    for link, said in ((used, "a déjà servi"), (theirs, "quelqu’un d’autre")):
        page = client.get(link)
        assert page.status_code == 410
        assert said in page.text
        assert f'href="/tickets/{made.number}"' in page.text
    clock.advance(days=15)
    client.sign_in(world.alice)
    page = client.get(late)
    assert (page.status_code, "son délai est passé" in page.text) == (410, True)
    typed = client.get(f"/tickets/{made.number}/reopening")
    assert client.send(typed, form="act", body="Non.").status_code == 303
    page = client.get(overtaken)
    assert page.status_code == 409
    assert f'href="/tickets/{made.number}"' in page.text


def test_words_typed_for_a_dead_link_are_given_back(client: Any, world: Any, made: Any) -> None:
    client.sign_in(world.alice)
    page = client.get(made.link("reopen"))
    conversation.works(made.now(), made.scene.viewer("bob"), made.scene.now)
    answer = client.send(page, form="act", body="L’export échoue encore.")
    assert answer.status_code == 409
    assert "L’export échoue encore." in answer.text
    assert Message.select().where(Message.body == "L’export échoue encore.").count() == 0


def test_a_stranger_and_a_link_that_never_was_get_the_same_page(client: Any, world: Any, made: Any) -> None:
    client.sign_in(world.charlie)
    pages = set()
    for link in (made.link("works"), "/mail-actions/nothing-like-it", "/mail-actions/" + "x" * 43):
        answer = client.get(link)
        assert answer.status_code == 404
        assert made.number not in answer.text
        pages.add(
            re.sub(r'nonce="[^"]*"|name="csrf_token" value="[^"]*"|/mail-actions/[\w-]+', "", answer.text)
        )
    assert len(pages) == 1


def test_a_session_that_ends_while_typing_loses_no_word_and_keeps_no_link(
    client: Any, world: Any, made: Any
) -> None:
    client.sign_in(world.alice)
    link = made.link("reopen")
    page = client.get(link)
    UserSession.delete().execute()
    answer = client.send(page, form="act", body="L’export échoue encore.")
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/login?next=")
    assert made.now().status == "resolved"
    token = link.rpartition("/")[2]
    assert token not in str(list(HeldForm.select().tuples())), "a link is kept as a hash only"
    back = client.submit(answer.headers["Location"], email="alice@acme.example", password=world.password)
    assert back.headers["Location"].startswith(link)
    again = client.get(back.headers["Location"])
    assert "L’export échoue encore." in again.text
    assert client.send(again, form="act").status_code == 303
    assert made.now().status == "in_progress"
    assert HeldForm.select().count() == 0


def test_the_page_of_the_request_offers_the_three_answers(client: Any, world: Any, made: Any) -> None:
    client.sign_in(world.alice)
    page = client.get(f"/tickets/{made.number}").text
    for place in ("closure", "reopening", "keep-open"):
        assert f'href="/tickets/{made.number}/{place}"' in page
    assert client.submit(f"/tickets/{made.number}/keep-open", form="act").status_code == 303
    page = client.get(f"/tickets/{made.number}").text
    assert "vendredi 27 novembre" in page
    assert "Vous avez demandé plus de temps" in page
    assert client.submit(f"/tickets/{made.number}/keep-open", form="act").status_code == 303
    page = client.get(f"/tickets/{made.number}").text
    assert "keep-open" not in page, "twice, and it is no longer offered"
    assert client.get(f"/tickets/{made.number}/keep-open").status_code == 409


def test_a_second_press_on_the_page_moves_the_date_once(client: Any, world: Any, made: Any) -> None:
    client.sign_in(world.alice)
    page = client.get(f"/tickets/{made.number}/keep-open")
    assert client.send(page, form="act").status_code == 303
    assert client.send(page, form="act").status_code == 303
    assert made.now().extended_times == 1


def test_a_page_that_said_it_works_does_not_close_what_was_taken_up_again(
    client: Any, world: Any, made: Any
) -> None:
    client.sign_in(world.alice)
    page = client.get(f"/tickets/{made.number}/closure")
    made.scene.move(made.now(), "in_progress")
    assert client.send(page, form="act").status_code == 409
    assert made.now().status == "in_progress"


def test_a_waiting_request_offers_to_be_kept_open_and_closed(client: Any, world: Any, app: Any) -> None:
    scene = Scene(app, world)
    ticket = scene.request("alice")
    scene.reply(ticket, "sam", "Quelle version ?", move_to="waiting_customer")
    client.sign_in(world.alice)
    page = client.get(f"/tickets/{ticket.number}").text
    assert f'href="/tickets/{ticket.number}/keep-open"' in page
    assert f'href="/tickets/{ticket.number}/closure"' in page
    assert f'href="/tickets/{ticket.number}/reopening"' not in page
    assert client.submit(f"/tickets/{ticket.number}/closure", form="act").status_code == 303
    assert Ticket.get_by_id(ticket.id).close_reason == "customer"


# ---- In a browser ------------------------------------------------------------------------------------------

WORDS = {
    "fr": {"thanks": "Ça marche, fermer", "closed": "La demande est fermée", "no": "Envoyer et rouvrir", "moved": "La date est repoussée"},
    "en": {"thanks": "It works, close it", "closed": "The request is closed", "no": "Send and reopen", "moved": "The date has moved"},
}  # fmt: skip


@pytest.mark.parametrize("language", ["fr", "en"])
def test_from_the_mail_through_sign_in_to_the_button(
    language: str,
    browser_context: Any,
    live_server: Any,
    world: SimpleNamespace,
    clock: Any,
    axe: Any,
    tmp_path: Any,
) -> None:
    Person.update(language=language).execute()
    app, words = live_server.application, WORDS[language]
    scene = Scene(app, world)
    locale = {"fr": "fr-FR", "en": "en-GB"}[language]
    OutboxMessage.delete().execute()

    def solve(ticket: Any) -> list[str]:
        """Sam gives a solution; the links of the mail that leaves."""
        scene.reply(ticket, "sam", "C’est réglé.", move_to="resolved")
        assert jobs.run("outbox", app, clock.now).outcome == "ok"
        row = newest("reply")
        assert row.status == "sent"
        with app.app_context():
            made = mailer.render(row, live_server.url, clock.now)
        return [f"/mail-actions/{token}" for token in links_in(made)]

    ticket = scene.request("alice")
    works, reopen, more_time = solve(ticket)

    # It does not work: signed out, she signs in on the way, says what, and it is open again.
    page = browser_context(locale=locale, viewport=PHONE).new_page()
    page.goto(reopen)
    assert "/login" in page.url
    sign_in_by_page(page, "alice@acme.example")
    expect(page).to_have_url(f"{live_server.url}{reopen}")
    expect(page.locator("main button")).to_have_count(1)
    axe(page)
    assert_looks(page)
    page.get_by_role("button", name=words["no"]).click()
    expect(page.locator(".error-summary")).to_be_visible()
    axe(page)
    page.locator("[name=body]").fill("L’export échoue encore.")
    page.get_by_role("button", name=words["no"]).click()
    expect(page.locator("[data-status]").first).to_have_attribute("data-status", "in_progress")

    # The links of that mail speak of a solution that is no more.
    page.goto(works)
    expect(page.locator(f'main a[href="/tickets/{ticket.number}"]')).to_be_visible()
    axe(page)

    # A second solution: more time first, then it works, with a word of thanks.
    clock.advance(minutes=30)
    works, reopen, more_time = solve(ticket)
    page.goto(more_time)
    axe(page)
    page.locator("main button").click()
    expect(page.locator(".messages[role=status]")).to_contain_text(words["moved"])
    axe(page)
    assert_looks(page)
    page.goto(works)
    page.locator("[name=body]").fill("Merci beaucoup.")
    page.get_by_role("button", name=words["thanks"]).click()
    expect(page.locator(".messages[role=status]")).to_contain_text(words["closed"])
    expect(page.locator("[data-status]").first).to_have_attribute("data-status", "closed")
    expect(page.locator("main")).to_contain_text("Merci beaucoup.")

    # By keyboard alone, from the page of another request, in the dark.
    other = scene.request("alice")
    solve(other)
    dark = be(browser_context(locale=locale, color_scheme="dark"), live_server, world.alice).new_page()
    dark.goto(f"/tickets/{other.number}")
    axe(dark)
    dark.locator(f'a[href="/tickets/{other.number}/keep-open"]').focus()
    dark.keyboard.press("Enter")
    dark.wait_for_url("**/keep-open")
    axe(dark)
    dark.locator("#act button").focus()
    dark.keyboard.press("Enter")
    expect(dark.locator(".messages[role=status]")).to_contain_text(words["moved"])
    assert Ticket.get_by_id(other.id).extended_times == 1
