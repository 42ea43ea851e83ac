"""Pages of ideas, of whom to turn to, of questions to customer success, and what the home page puts forward."""

from __future__ import annotations

import email
import email.policy
from types import SimpleNamespace
from typing import Any

import pytest
from playwright.sync_api import expect

import mailer
from domain import guidance, ideas, knowledge, settings
from models import (
    AssistantQuestion,
    AuditEntry,
    EscalationLine,
    Highlight,
    Idea,
    IdeaComment,
    IdeaVote,
    OutboxMessage,
    Portal,
    Topic,
)
from tests.conftest import NOW
from tests.support.browser_pages import be
from tests.support.casework import key, see
from tests.support.scene import Scene
from tests.test_ideas import again, tell

# Nothing of an organisation may stand on a page that customers of others read.
CANARIES = ("Acme", "acme.example", "Globex", "globex.example", "Martin", "Lefèvre", "Duval")


@pytest.fixture
def scene(client: Any, world: SimpleNamespace) -> Scene:
    """Makes requests."""
    return Scene(client.application, world)


def plain(text: str) -> str:
    return text.replace("\u202f", " ").replace("\xa0", " ")


def inside(page: str) -> str:
    """The main part of a page: the header names one's own organisation."""
    return page.partition("<main")[2].partition("</main>")[0]


# ---- Ideas ---------------------------------------------------------------------------------------------


def test_no_page_of_ideas_tells_a_customer_where_another_one_works(client: Any, world: Any) -> None:
    idea = tell(world.alice)
    ideas.comment(idea, "Nous aussi.", see(world.bob), NOW, idempotency_key=key())
    ideas.vote(idea, see(world.charlie), NOW)
    client.sign_in("omar@vandelay.example")
    for path in (
        "/ideas",
        "/ideas?sort=wanted",
        "/ideas?kind=discussion",
        "/ideas?q=licorne",
        f"/ideas/{idea.id}",
    ):
        page = inside(client.get(path).text)
        assert [word for word in CANARIES if word in page] == [], path
    page = client.get(f"/ideas/{idea.id}").text
    assert "Alice M." in page and "Bob L." in page
    found = client.get("/ideas/suggestions?q=Un raccourci pour la licorne").get_json()
    assert [one["url"] for one in found["found"]] == [f"/ideas/{idea.id}"]
    assert not any(word in str(found) for word in CANARIES)
    client.sign_in(world.sam)
    page = inside(client.get(f"/ideas/{idea.id}").text)
    assert "Alice Martin, Acme" in page and "Bob Lefèvre, Acme" in page


def test_an_idea_is_told_voted_for_and_discussed_without_scripts(client: Any, world: Any) -> None:
    client.sign_in(world.alice)
    refused = client.submit("/ideas/new", title="Une licorne de plus")
    assert refused.status_code == 422 and "Dites quel problème elle résout." in refused.text
    assert "Une licorne de plus" in refused.text
    sent = client.send(refused, problem="On la cherche **partout**.", details="Avec un `raccourci`.")
    assert sent.status_code == 303
    path = sent.headers["Location"]
    idea = Idea.get(Idea.title == "Une licorne de plus")
    assert path == f"/ideas/{idea.id}"
    page = client.get(path).text
    assert "<strong>partout</strong>" in page and "Votre propre idée compte déjà" in plain(page)
    client.sign_in(world.charlie)
    assert client.submit(path, form="/votes").status_code == 303
    assert again(idea).votes == 1 and ideas.standing(see(world.charlie), idea) == (True, True)
    assert client.submit(path, form="/votes").status_code == 303
    assert again(idea).votes == 0
    empty = client.submit(path, form="/comments", body="  ")
    assert empty.status_code == 422 and "Écrivez votre commentaire avant de l’envoyer." in empty.text
    assert client.send(empty, form="/comments", body="<script>alert(1)</script> Oui.").status_code == 303
    page = client.get(path).text
    assert "<script>alert" not in page and "Charlie" not in inside(page), "one reads one's own as Vous"
    assert client.submit(path, form="/following").status_code == 303


def test_what_looks_alike_is_shown_before_sending_and_nothing_is_sent(client: Any, world: Any) -> None:
    idea = tell(world.alice)
    client.sign_in(world.charlie)
    before = Idea.select().count()
    looked = client.submit("/ideas/new", button="look=1", title="Licorne : un raccourci", problem="Gardé")
    assert looked.status_code == 200 and f'href="/ideas/{idea.id}"' in looked.text
    assert "Gardé" in looked.text and Idea.select().count() == before
    nothing = client.send(looked, button="look=1", title="Zyzomys woodwardi")
    assert "Rien ne ressemble" in nothing.text
    assert client.send(nothing, problem="Un manque.").status_code == 303


def test_a_title_that_is_typed_brings_what_looks_alike(
    browser_context: Any, live_server: Any, world: Any
) -> None:
    idea = tell(world.alice)
    page = be(browser_context(), live_server, world.charlie).new_page()
    page.goto("/ideas/new")
    page.locator("#title").press_sequentially("Un raccourci pour la licorne", delay=1)
    expect(page.locator(f".look-alike a[href='/ideas/{idea.id}']")).to_be_visible()


def test_an_idea_is_changed_by_its_author_until_somebody_answers(client: Any, world: Any, clock: Any) -> None:
    idea = tell(world.alice)
    path = f"/ideas/{idea.id}/edit"
    client.sign_in(world.charlie)
    assert client.get(path).status_code == 403
    client.sign_in(world.alice)
    assert client.submit(path, title="").status_code == 422
    late = client.get(path)
    assert client.send(late, title="Un meilleur titre").status_code == 303
    assert again(idea).title == "Un meilleur titre"
    form = client.get(path)
    ideas.vote(idea, see(world.charlie), clock.now)
    conflict = client.send(form, title="Trop tard, mais gardé")
    assert conflict.status_code == 409 and "Trop tard, mais gardé" in conflict.text
    assert client.get(path).status_code == 409


def test_staff_move_hide_and_merge_on_one_page(client: Any, world: Any) -> None:
    idea, other = tell(world.alice), tell(world.bob, title="Encore une licorne")
    path = f"/ideas/{idea.id}/moderation"
    client.sign_in(world.alice)
    assert client.get(path).status_code == 403
    client.sign_in(world.sam)
    refused = client.submit(path, form="/state", state="planned")
    assert refused.status_code == 422 and "Dites pourquoi, dans une langue au moins" in plain(refused.text)
    stale = client.get(path)
    assert (
        client.send(refused, form="/state", state="planned", sentence_fr="Au printemps.").status_code == 303
    )
    conflict = client.send(stale, form="/state", state="done", sentence_fr="Une phrase gardée.")
    assert conflict.status_code == 409 and "Une phrase gardée." in conflict.text
    assert "Au printemps." in client.get(f"/ideas/{idea.id}").text
    assert client.submit(path, form="/merge", into="999999").status_code == 422
    assert client.submit(f"/ideas/{other.id}/moderation", form="/merge", into=str(idea.id)).status_code == 303
    client.sign_in(world.erin)
    assert client.get(f"/ideas/{other.id}").headers["Location"] == f"/ideas/{idea.id}"
    client.sign_in(world.sam)
    assert client.submit(path, form="/hiding", reason="").status_code == 422
    assert client.submit(path, form="/hiding", reason="Un nom de personne.").status_code == 303
    client.sign_in(world.erin)
    assert client.get(f"/ideas/{idea.id}").status_code == 404
    client.sign_in(world.alice)
    assert "Un nom de personne." in client.get(f"/ideas/{idea.id}").text
    client.sign_in(world.sam)
    assert client.submit(path, form="/hiding").status_code == 303
    said = ideas.comment(idea, "Une insulte.", see(world.bob), NOW, idempotency_key=key())
    where = f"{path}?comment={said.id}"
    assert client.submit(where, form="/hiding", reason="").status_code == 422
    assert client.submit(where, form="/hiding", reason="Une insulte.").status_code == 303
    client.sign_in(world.erin)
    assert "Une insulte." not in client.get(f"/ideas/{idea.id}").text
    client.sign_in(world.sam)
    assert client.submit(where, form="/hiding").status_code == 303
    assert IdeaComment.get_by_id(said.id).hidden_at is None


def test_an_improvement_can_be_shared_as_an_idea_by_who_asked_for_it(client: Any, scene: Scene) -> None:
    ticket = scene.request("alice", form="improvement", summary="Un bouton pour la licorne")
    client.sign_in(scene.world.alice)
    assert "/ideas/new" in client.get("/requests/new/improvement").text
    assert f"/ideas/new?request={ticket.number}" in client.get(f"/tickets/{ticket.number}").text
    assert "Un bouton pour la licorne" in client.get(f"/ideas/new?request={ticket.number}").text
    client.sign_in(scene.world.charlie)
    assert client.get(f"/ideas/new?request={ticket.number}").status_code == 404


def test_lists_are_filtered_by_their_address(client: Any, world: Any) -> None:
    client.sign_in(world.erin)
    everything = client.get("/ideas").text
    assert everything.count("data-idea=") == 3, "the double and the discussion are not among the ideas"
    assert client.get("/ideas?state=planned").text.count("data-idea=") == 1
    assert client.get("/ideas?kind=discussion").text.count("data-idea=") == 1
    assert client.get("/ideas?q=badges").text.count("data-idea=") == 1
    assert "No idea" not in everything and "Nothing fits" in client.get("/ideas?q=zzz").text
    for nonsense in ("state=lost", "sort=up", "product=%00x", "after=9", "kind=poem", "mine=2"):
        assert client.get(f"/ideas?{nonsense}").status_code in (200, 404), nonsense


def test_an_idea_screen_corrects_words_and_takes_all_of_an_idea_along(client: Any, world: Any) -> None:
    idea = tell(world.alice)
    ideas.vote(idea, see(world.charlie), NOW)
    ideas.comment(idea, "Oui.", see(world.charlie), NOW, idempotency_key=key())
    client.sign_in(world.root)
    assert client.submit(f"/admin/idea/edit/?id={idea.id}", problem="").status_code == 422
    assert client.submit(f"/admin/idea/edit/?id={idea.id}", title="Un dahu").status_code == 303
    assert [row.id for row in ideas.listed(see(world.bob), ideas.Asked(q="dahu")).rows] == [idea.id]
    assert client.submit(f"/admin/idea/delete/?id={idea.id}").status_code == 303
    assert not IdeaVote.select().where(IdeaVote.idea == idea.id).exists()
    assert not ideas.listed(see(world.bob), ideas.Asked(q="dahu")).rows
    assert AuditEntry.select().where(AuditEntry.target == f"idea:{idea.id}").count() == 2


# ---- Whom to turn to -----------------------------------------------------------------------------------


def test_the_page_of_whom_to_turn_to_leads_to_a_form_a_number_or_an_address(client: Any, world: Any) -> None:
    client.sign_in(world.alice)
    page = client.get("/escalation").text
    for piece in (
        "/requests/new/incident",
        "tel:+33199000143",
        "mailto:consulting@initech.example",
        "Le conseil",
    ):
        assert piece in page, piece
    client.sign_in(world.root)
    typed = {
        "level_fr": "Niveau 3", "level_en": "Level 3", "slug": "board", "situation_fr": "Tout est perdu.",
        "situation_en": "All is lost.", "whom_fr": "La direction", "whom_en": "The board", "position": "90", "is_active": "y",
    }  # fmt: skip
    assert "une ligne mène à quelqu’un" in plain(client.submit("/admin/escalationline/new/", **typed).text)
    assert client.submit("/admin/escalationline/new/", **typed, email="pas une adresse").status_code == 422
    assert (
        client.submit("/admin/escalationline/new/", **typed, email="Board@initech.example").status_code == 303
    )
    assert "mailto:board@initech.example" in client.get("/escalation").text
    EscalationLine.update(is_active=False).execute()
    assert "Rien n’est encore écrit ici" in client.get("/escalation").text


# ---- Questions to customer success -------------------------------------------------------------------------


def test_a_question_is_mailed_to_customer_success_and_answered_to_who_asked(client: Any, world: Any) -> None:
    client.sign_in(world.alice)
    refused = client.submit("/help/assistant?page=/tickets", message="")
    assert refused.status_code == 422 and "Écrivez votre question" in refused.text
    words = "Quelle formation pour deux gestionnaires ?\n\nCc: quelqu’un"
    sent = client.send(refused, subject="training", message=words)
    assert sent.status_code == 303 and sent.headers["Location"] == "/help/assistant"
    assert "votre question est envoyée" in plain(client.get("/help/assistant").text).lower()
    row = AssistantQuestion.select().order_by(AssistantQuestion.id.desc()).get()
    assert (row.person_id, row.subject, row.page) == (world.alice.id, "training", "/tickets")
    mail = OutboxMessage.select().order_by(OutboxMessage.id.desc()).get()
    assert (mail.template, mail.recipient, mail.status) == (
        "assistant-question",
        "success@initech.example",
        "waiting",
    )
    with client.application.app_context():
        made = mailer.render(mail, "http://support.initech.example", NOW)
    travelled = email.message_from_bytes(made.message().as_bytes(), policy=email.policy.default)
    assert travelled["Reply-To"] == "alice@acme.example" and travelled["Cc"] is None
    assert "deux gestionnaires" in made.text and "Acme" in made.text


def test_strangers_are_told_to_sign_in_or_to_call(client: Any, world: Any) -> None:
    page = client.get("/help/assistant").text
    assert "<textarea" not in page and "/login" in page and "+33199000142" in page
    assert "/help/assistant" in client.get("/help").text
    settings.put("assistant_address", "", None, NOW)
    client.sign_in(world.alice)
    page = client.get("/help/assistant").text
    assert "<textarea" not in page and "Appelez-nous" in page


def test_questions_have_an_end_in_a_minute_and_a_second_click_sends_nothing(client: Any, world: Any) -> None:
    settings.put("posts_per_minute", 1, None, NOW)
    client.sign_in(world.alice)
    form = client.get("/help/assistant")
    count = AssistantQuestion.select().count()
    for _ in range(2):
        assert client.send(form, subject="other", message="Bonjour.").status_code == 303
    assert AssistantQuestion.select().count() == count + 1
    flood = client.submit("/help/assistant", subject="other", message="Encore, et gardé.")
    assert flood.status_code == 409 and "Encore, et gardé." in flood.text


@pytest.mark.parametrize(
    "page",
    ["https://evil.example/", "//evil.example", "javascript:alert(1)", "/" + "x" * 400 + " y", "\\\\evil"],
)
def test_only_a_page_of_this_portal_is_kept_with_a_question(world: Any, page: str) -> None:
    row = guidance.ask(
        see(world.alice), NOW, subject="other", message="Bonjour.", page=page, idempotency_key=key()
    )
    assert "evil" not in row.page and "script" not in row.page and len(row.page) <= 200


# ---- Home ----------------------------------------------------------------------------------------------------


def test_the_home_page_shows_what_an_admin_puts_forward(client: Any, world: Any) -> None:
    client.sign_in(world.alice)
    home = client.get("/").text
    assert 'href="/ideas"' in home and "Partager une idée" in home and 'href="/articles?topic=start"' in home
    assert 'id="home-q"' in home and 'href="/catalogue"' in home
    client.sign_in(world.root)
    typed = {"title_fr": "Nos ateliers", "title_en": "Our workshops", "slug": "workshops", "icon": "star",
             "audience": "public", "position": "1", "is_active": "y"}  # fmt: skip
    for bad in ("ftp://evil.example", "//evil.example", "http://plain.example", "ideas", "/\\evil.example"):
        refused = client.submit("/admin/highlight/new/", **typed, link=bad)
        assert refused.status_code == 422, bad
    assert (
        client.submit(
            "/admin/highlight/new/", **typed, link="https://ateliers.initech.example/2026"
        ).status_code
        == 303
    )
    client.sign_out()
    stranger = client.get("/").text
    assert "Nos ateliers" in stranger and "https://ateliers.initech.example/2026" in stranger
    assert "Partager une idée" not in stranger, "for customers only"
    Highlight.update(is_active=False).execute()
    guidance.forget()
    assert "Nos ateliers" not in client.get("/").text


def test_a_featured_topic_shows_to_those_who_may_read_something_in_it(world: Any) -> None:
    Topic.update(is_featured=True).execute()
    slugs = {
        who: {row.slug for row in knowledge.featured(see(getattr(world, who)) if who else None)}
        for who in ("", "alice", "sam")
    }
    assert (
        "team" in slugs["sam"] and "team" not in slugs["alice"] and slugs[""] <= slugs["alice"] < slugs["sam"]
    )


def test_the_menu_of_portals_is_there_once_there_are_two(client: Any, world: Any) -> None:
    client.sign_in(world.alice)
    page = client.get("/").text
    assert "https://consulting.initech.example/" in page and "changer de portail" in page
    assert client.get("/tickets").text.count("https://consulting.initech.example/") == 2
    client.sign_in(world.root)
    consulting = Portal.get(Portal.slug == "consulting")
    refused = client.submit(f"/admin/portal/edit/?id={consulting.id}", url="ftp://evil.example")
    assert refused.status_code == 422
    assert client.submit(f"/admin/portal/edit/?id={consulting.id}", url="").status_code == 303
    client.sign_in(world.alice)
    assert "changer de portail" not in client.get("/").text
