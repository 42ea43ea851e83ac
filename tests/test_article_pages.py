"""Pages of articles and of the search: what each reader gets, the box of every page, what the admin does with versions."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from playwright.sync_api import expect

from domain import knowledge
from models import Article, ArticleVersion, ArticleVote, AuditEntry, SearchMiss, TopicFollow
from tests.support.browser_pages import be
from tests.support.browsing import PHONE
from tests.support.scene import Scene
from tests.test_articles import write


@pytest.fixture
def scene(client: Any, world: SimpleNamespace) -> Scene:
    """Makes requests."""
    return Scene(client.application, world)


# ---- Articles --------------------------------------------------------------------------------------------


def test_a_public_article_is_read_and_indexed_without_an_account(client: Any) -> None:
    page = client.get("/articles/why-no-mail")
    assert page.status_code == 200 and "noindex" not in page.text
    assert "X-Robots-Tag" not in page.headers
    assert "Pourquoi pas de demande par courriel" in page.text
    assert "Connectez-vous pour dire si cet article vous a aidé" in page.text
    listed = client.get("/articles").text
    assert 'href="/articles/why-no-mail"' in listed and 'href="/articles/keep-open"' not in listed


def test_a_foreign_article_looks_like_an_absent_one(client: Any, world: Any) -> None:
    for slug in ("keep-open", "closing-rules", "nothing-like-it"):
        assert client.get(f"/articles/{slug}").headers["Location"] == f"/login?next=/articles/{slug}"
    client.sign_in(world.alice)
    assert client.get("/articles/keep-open").headers["X-Robots-Tag"] == "noindex"
    assert client.get("/articles/closing-rules").status_code == 404
    assert client.get("/articles/nothing-like-it").status_code == 404


def test_an_article_in_one_language_is_given_with_a_word_about_it(client: Any, world: Any) -> None:
    write("seul", title_fr="", body_fr="", title_en="Only in English", body_en="A text.")
    client.sign_in(world.alice)
    page = client.get("/articles/seul").text
    assert "n’existe pas encore en français" in page and '<h1 lang="en">Only in English</h1>' in page
    assert '<span lang="en">Only in English</span>' in client.get("/articles?topic=start").text


def test_a_vote_is_kept_once_and_can_be_changed(client: Any, world: Any) -> None:
    client.sign_in(world.alice)
    for helpful, sentence in (("no", "Il manque l’essentiel."), ("yes", "")):
        sent = client.submit("/articles/keep-open", helpful=helpful, sentence=sentence)
        assert sent.status_code == 303
    assert [(row.helpful, row.sentence) for row in ArticleVote.select().where(ArticleVote.person == world.alice)
            if row.article.slug == "keep-open"] == [(True, "")]  # fmt: skip
    assert "Vous avez dit : oui." in client.get("/articles/keep-open").text.replace("\u202f", " ").replace(
        "\xa0", " "
    )


def test_a_vote_that_says_nothing_keeps_its_sentence(client: Any, world: Any) -> None:
    client.sign_in(world.alice)
    refused = client.submit("/articles/keep-open", sentence="Une phrase gardée")
    assert refused.status_code == 422
    assert "Dites oui ou non." in refused.text and "Une phrase gardée" in refused.text


def test_following_a_topic_brings_what_is_new_to_the_home_page(client: Any, world: Any, clock: Any) -> None:
    client.sign_in(world.alice)
    assert client.submit("/articles?topic=start").status_code == 303
    assert TopicFollow.select().where(TopicFollow.person == world.alice).count() == 2
    clock.advance(minutes=30)
    write("neuf", title_fr="Tout neuf", published_at=clock.now)
    home = client.get("/").text
    assert "Nouveau dans les sujets que je suis" in home and "Tout neuf" in home
    client.submit("/articles?topic=start")
    assert "Tout neuf" not in client.get("/").text


def test_home_shows_the_three_newest_news_for_its_reader(client: Any, world: Any) -> None:
    stranger = client.get("/").text
    assert (
        'href="/articles/articles-are-here"' in stranger and 'href="/articles/payroll-12-5"' not in stranger
    )
    client.sign_in(world.alice)
    assert 'href="/articles/payroll-12-5"' in client.get("/").text


def test_the_desk_is_told_what_to_read_again(client: Any, world: Any) -> None:
    client.sign_in(world.sam)
    assert "À relire" in client.get("/articles").text
    client.sign_in(world.alice)
    assert "À relire" not in client.get("/articles").text


# ---- Search ------------------------------------------------------------------------------------------------


def test_every_page_has_the_box(client: Any, world: Any) -> None:
    for person, paths in (
        (world.alice, ("/", "/tickets", "/catalogue", "/help")),
        (world.root, ("/desk", "/admin/")),
    ):
        client.sign_in(person)
        for path in paths:
            assert 'id="q-top"' in client.get(path).text, path


def test_tabs_count_what_was_found_and_words_are_marked(client: Any, scene: Scene) -> None:
    ticket = scene.request("alice", summary="La clôture des mots de passe")
    client.sign_in(scene.world.alice)
    page = client.get("/search?q=mots de passe").text
    assert f'data-ticket="{ticket.number}"' in page and 'data-article="passwords"' in page
    assert "<mark>mots</mark>" in page
    only = client.get("/search?q=mots de passe&tab=tickets").text
    assert f'data-ticket="{ticket.number}"' in only and "data-article=" not in only
    assert "data-ticket=" not in client.get("/search?q=mots de passe&tab=articles").text
    assert client.get("/search?q=mots&tab=nothing").status_code == 200


def test_an_exact_number_leads_to_the_request_of_those_who_may_read_it(client: Any, scene: Scene) -> None:
    ticket = scene.request("alice")
    client.sign_in(scene.world.alice)
    assert client.get(f"/search?q={ticket.number.lower()}").headers["Location"] == f"/tickets/{ticket.number}"
    client.sign_in(scene.world.sam)
    assert (
        client.get(f"/search?q={ticket.number[4:]}").headers["Location"] == f"/desk/tickets/{ticket.number}"
    )
    client.sign_in(scene.world.charlie)
    assert client.get(f"/search?q={ticket.number}").status_code == 200


def test_a_search_without_result_says_what_to_do_and_is_counted(client: Any, world: Any) -> None:
    assert "Rien trouvé" in client.get("/search?q=licorne verte").text
    assert not SearchMiss.select().where(SearchMiss.words == "licorne verte").exists(), (
        "strangers fill nothing"
    )
    client.sign_in(world.alice)
    page = client.get("/search?q=Licorne Verte").text
    assert "Rien trouvé" in page and "/catalogue" in page
    assert SearchMiss.get(SearchMiss.words == "licorne verte").times == 1
    client.sign_in(world.root)
    assert "licorne verte" in client.get("/admin/searchmiss/").text


@pytest.mark.parametrize(
    "q", ["x" * 5000, "%00", "%ed%a0%80", "<script>", "%F0%9F%A6%AD", "a%0d%0ab", "'\"--", "%ff"]
)
def test_whatever_is_typed_gets_a_page(client: Any, world: Any, q: str) -> None:
    client.sign_in(world.alice)
    for path in (f"/search?q={q}", f"/search?tab={q}", f"/articles?topic={q}", f"/articles/{q}", f"/releases?page={q}",
                 f"/search/suggestions?q={q}"):  # fmt: skip
        assert client.get(path).status_code in (200, 404), path


def test_suggestions_are_given_to_those_who_may_open_requests(client: Any, scene: Scene) -> None:
    ticket = scene.request("bob", summary="Export comptable de novembre arrêté")
    client.sign_in(scene.world.alice)
    found = client.get("/search/suggestions?q=export comptable arrêté").get_json()
    assert f"/tickets/{ticket.number}" in [one["url"] for one in found["found"]] and found["said"]
    assert client.get("/search/suggestions?q=erreur").get_json() == {"said": "", "found": []}
    for who in ("charlie", "dana"):
        client.sign_in(getattr(scene.world, who))
        answer = client.get("/search/suggestions?q=export comptable arrêté").get_json()
        assert not any("/tickets/" in one["url"] for one in answer["found"])


# ---- Administration --------------------------------------------------------------------------------------


def test_an_admin_writes_previews_publishes_and_restores(client: Any, world: Any) -> None:
    client.sign_in(world.root)
    topic = Article.get(Article.slug == "why-no-mail").topic_id
    made = client.submit(
        "/admin/article/new/", slug="essai", topic=topic, state="draft", title_fr="Essai", body_fr="Un."
    )
    assert made.status_code == 303
    row = Article.get(Article.slug == "essai")
    assert row.version == 1 and "Brouillon" in client.get("/articles/essai").text
    address = f"/admin/article/edit/?id={row.id}"
    seen = client.submit(address, body_fr="## Deux", preview="1")
    assert seen.status_code == 200 and '<h2 id="s-deux">Deux</h2>' in seen.text
    assert Article.get_by_id(row.id).body_fr == "Un."
    assert client.submit(address, body_fr="Deux.", state="published").status_code == 303
    row = Article.get_by_id(row.id)
    assert (row.version, row.state) == (2, "published") and row.published_at is not None
    client.sign_in(world.alice)
    assert "Deux." in client.get("/articles/essai").text
    client.sign_in(world.root)
    details = client.get(f"/admin/article/details/?id={row.id}").text
    assert "number=1" in details and "number=2" in details
    old = f"/admin/article/version/?id={row.id}&number=1"
    assert "Un." in client.get(old).text
    assert client.submit(old).status_code == 303
    assert Article.get_by_id(row.id).body_fr == "Un."
    assert ArticleVersion.select().where(ArticleVersion.article == row.id).count() == 3
    assert AuditEntry.select().where(AuditEntry.target == f"article:{row.id}").count() == 3
    refused = client.submit(address, title_en="Only a title")
    assert refused.status_code == 422 and "titre" in refused.text


def test_a_deleted_article_takes_its_versions_along_and_is_not_found(client: Any, world: Any) -> None:
    article = write(title_fr="Zibeline")
    client.sign_in(world.root)
    assert client.submit(f"/admin/article/delete/?id={article.id}").status_code == 303
    assert not ArticleVersion.select().where(ArticleVersion.article == article.id).exists()
    assert knowledge.matching(None, "zibeline") == []


# ---- In a browser ------------------------------------------------------------------------------------------


def test_a_subject_brings_articles_while_it_is_typed(
    browser_context: Any, live_server: Any, world: Any, axe: Any
) -> None:
    page = be(browser_context(), live_server, world.alice).new_page()
    page.goto("/requests/new/question")
    page.locator("#summary").fill("Comment changer mon mot de passe")
    place = page.locator("[data-suggestions]")
    expect(place.locator("a[href='/articles/passwords']")).to_be_visible()
    expect(place.get_by_role("status")).to_contain_text("peu")
    axe(page)
    assert page.locator("#summary").input_value() == "Comment changer mon mot de passe"
    page.locator("#summary").fill("x")
    expect(place.locator("a")).to_have_count(0)


def test_a_slash_leads_to_the_box_and_is_a_sign_in_a_text(
    browser_context: Any, live_server: Any, world: Any
) -> None:
    page = be(browser_context(), live_server, world.alice).new_page()
    page.goto("/tickets")
    page.keyboard.press("/")
    expect(page.locator("#q-top")).to_be_focused()
    page.keyboard.type("1/2")
    expect(page.locator("#q-top")).to_have_value("1/2")


def test_on_a_phone_an_icon_leads_to_the_search_without_scripts(
    browser_context: Any, live_server: Any, world: Any
) -> None:
    page = be(browser_context(java_script_enabled=False, viewport=PHONE), live_server, world.alice).new_page()
    page.goto("/")
    expect(page.locator("#q-top")).to_be_hidden()
    page.locator(".search-link").click()
    page.locator("#search-q").fill("mots de passe")
    page.locator("#search-q").press("Enter")
    expect(page.locator("[data-article=passwords]")).to_be_visible()
