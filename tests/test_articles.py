"""Articles: who reads which, versions, votes, topics that are followed, files of a preset, and what a search finds."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any

import pytest

from domain import knowledge, lists, policies, presets, search
from domain.refusals import Invalid, Missing, NotAllowed, NotNow
from models import Article, ArticleVersion, ArticleVote, SearchMiss, Ticket, Topic
from presenters import article_body, marked
from tests.conftest import NOW
from tests.support.casework import see, send

READERS = ("public", "customers", "staff")


def write(slug: str = "essai", **more: Any) -> Article:
    """An article of these tests."""
    values = {
        "topic": Topic.get(Topic.slug == "start"), "title_fr": "Le marsouin", "body_fr": "Un texte.", "state": "published",
        "audience": "customers", "kind": "article", **more,
    }  # fmt: skip
    return knowledge.save(Article(slug=slug, **values), None, NOW)


# ---- Who reads what ------------------------------------------------------------------------------------


def test_each_reader_gets_the_articles_meant_for_them_and_no_other(world: Any) -> None:
    for audience in READERS:
        write(f"pour-{audience}", audience=audience)
        write(f"brouillon-{audience}", audience=audience, state="draft")
    published = {
        None: {"pour-public"},
        world.alice: {"pour-public", "pour-customers"},
        world.dana: {"pour-public", "pour-customers"},
        world.marc: {f"pour-{name}" for name in READERS},
        world.sam: {f"pour-{name}" for name in READERS},
    }
    for person, expected in published.items():
        viewer = see(person) if person else None
        listed = {head.slug for head in knowledge.matching(viewer, "marsouin")}
        assert listed == expected, person
    for name in READERS:
        assert knowledge.find(see(world.sam), f"brouillon-{name}").state == "draft"
        for viewer in (None, see(world.alice), see(world.marc)):
            with pytest.raises(Missing):
                knowledge.find(viewer, f"brouillon-{name}")


def test_topics_count_what_their_reader_may_read(world: Any) -> None:
    counts = {
        who: {
            entry.topic.slug: entry.total
            for entry in knowledge.topics(see(getattr(world, who)) if who else None)
        }
        for who in ("", "alice", "sam")
    }
    assert "team" not in counts[""] and "team" not in counts["alice"]
    assert counts["sam"]["team"] == Article.select().join(Topic).where(Topic.slug == "team").count()
    assert counts[""]["start"] < counts["alice"]["start"] == counts["sam"]["start"]


def test_news_are_the_newest_first_and_only_for_those_who_may_read_them(world: Any) -> None:
    write("changement", kind="change", audience="customers", published_at=NOW + timedelta(minutes=1))
    write("secret", kind="news", audience="staff", published_at=NOW + timedelta(minutes=2))
    newest = [head.slug for head in knowledge.newest(see(world.alice), knowledge.DATED, 3)]
    assert newest[0] == "changement" and "secret" not in newest
    assert [head.slug for head in knowledge.dated(see(world.sam), knowledge.ANNOUNCED)[0]][:2] == [
        "secret", "changement",
    ]  # fmt: skip


# ---- Versions ------------------------------------------------------------------------------------------


def test_each_save_keeps_a_version_and_an_old_one_can_be_restored(world: Any) -> None:
    article = write(body_fr="Premier texte.")
    article.body_fr = "Second texte."
    knowledge.save(article, see(world.root), NOW + timedelta(hours=1))
    knowledge.save(article, see(world.root), NOW + timedelta(hours=2))
    kept = knowledge.versions(article)
    assert [(one.number, one.body_fr, one.saved_by and one.saved_by.full_name) for one in kept] == [
        (2, "Second texte.", "Root"),
        (1, "Premier texte.", None),
    ]
    assert knowledge.restore(article, 1, see(world.root), NOW + timedelta(hours=3)) == 3
    again = Article.get_by_id(article.id)
    assert (again.body_fr, again.version, again.state) == ("Premier texte.", 3, "published")
    with pytest.raises(NotNow):
        knowledge.restore(again, 1, see(world.root), NOW)
    with pytest.raises(Missing):
        knowledge.restore(again, 9, see(world.root), NOW)
    for who in (world.sam, world.alice):
        with pytest.raises(NotAllowed):
            knowledge.restore(again, 2, see(who), NOW)


def test_what_is_published_has_a_text_under_each_title(world: Any) -> None:
    for more, field in (
        ({"body_fr": ""}, "body_fr"),
        ({"title_en": "Only a title"}, "body_en"),
        ({"body_en": "A text without a title"}, "title_en"),
        ({"title_fr": ""}, "title_fr"),
        ({"body_fr": "x" * (knowledge.BODY_CHARACTERS + 1)}, "body_fr"),
    ):
        with pytest.raises(Invalid) as refused:
            write(**more)
        assert refused.value.field == field
    assert write(state="draft", body_fr="").published_at is None


def test_articles_past_their_review_are_told_to_the_desk_only(world: Any) -> None:
    Article.update(review_by=None).execute()
    article = write(owner=world.sam, review_by=date(2026, 11, 9))
    write("a-temps", owner=world.sam, review_by=date(2026, 11, 10))
    assert knowledge.to_review(see(world.ines), date(2026, 11, 10)) == [
        (article.slug, "Le marsouin", "", date(2026, 11, 9), "Sam Delorme")
    ]
    assert knowledge.to_review(see(world.alice), date(2026, 11, 10)) == []


# ---- What readers say ------------------------------------------------------------------------------------


def test_a_reader_votes_once_for_each_version_and_may_change_their_mind(world: Any) -> None:
    article = write()
    knowledge.vote(article, False, "  Il manque\0 l’export. ", see(world.alice), NOW)
    knowledge.vote(article, True, "", see(world.alice), NOW)
    knowledge.vote(article, False, "Trop court", see(world.bob), NOW)
    said = knowledge.votes(article)
    assert (said.yes, said.no) == (1, 1)
    assert [sentence for sentence, _helpful, _moment in said.sentences] == ["Trop court"]
    article.body_fr = "Un texte plus long."
    knowledge.save(article, None, NOW)
    assert knowledge.vote_of(see(world.alice), article) is None
    knowledge.vote(article, True, "", see(world.alice), NOW)
    assert article.votes.where(ArticleVote.person == world.alice).count() == 2
    with pytest.raises(Invalid):
        knowledge.vote(article, True, "x" * 501, see(world.alice), NOW)
    with pytest.raises(NotAllowed):
        knowledge.vote(write("brouillon", state="draft"), True, "", see(world.sam), NOW)


def test_what_appears_in_a_followed_topic_is_new_until_it_was_seen(world: Any) -> None:
    topic, alice = Topic.get(Topic.slug == "start"), see(world.alice)
    assert knowledge.feed(alice, NOW) == []
    knowledge.follow(topic, alice, NOW)
    assert knowledge.follows(alice, topic) and knowledge.feed(alice, NOW) == []
    later = NOW + timedelta(days=1)
    write("neuf", published_at=later)
    write("pour-l-equipe", published_at=later, audience="staff")
    assert [head.slug for head in knowledge.feed(alice, later)] == ["neuf"]
    assert knowledge.feed(alice, later + timedelta(days=knowledge.FEED_DAYS + 1)) == []
    knowledge.follow(topic, alice, later + timedelta(hours=1))
    assert knowledge.feed(alice, later) == []
    knowledge.unfollow(topic, alice)
    assert not knowledge.follows(alice, topic)


# ---- Files of a preset -------------------------------------------------------------------------------------


def test_a_preset_writes_its_articles_once_and_leaves_alone_what_was_edited_here(world: Any) -> None:
    before = ArticleVersion.select().count()
    presets.apply("default", None, NOW)
    assert ArticleVersion.select().count() == before
    edited = Article.get(Article.slug == "why-no-mail")
    edited.body_fr += "\n\nEt encore ceci."
    knowledge.save(edited, see(world.root), NOW)
    rows = presets.read("default")["articles"]
    rows = [{**row, "body_fr": row["body_fr"] + "\n\nFichier changé."} for row in rows]
    assert knowledge.write_all(rows, NOW) == len(rows) - 1
    assert Article.get(Article.slug == "why-no-mail").body_fr == edited.body_fr
    assert Article.get(Article.slug == "keep-open").body_fr.endswith("Fichier changé.")


def test_the_articles_of_the_default_preset_are_whole_and_lead_somewhere(world: Any) -> None:
    rows = presets.read("default")["articles"]
    assert len(rows) >= 30
    slugs = {row["slug"] for row in rows}
    for row in rows:
        for name in knowledge.WRITTEN:
            assert row.get(name), f"{row['slug']} has no {name}"
        for code in ("fr", "en"):
            for link in re.findall(r"\]\(/articles/([\w-]+)\)", row[f"body_{code}"]):
                assert link in slugs, f"{row['slug']} leads to {link}"


@pytest.mark.parametrize(
    ("row", "why"),
    [({"topic": "nothing"}, "topic"), ({"kind": "poem"}, "kind"), ({"audience": "all"}, "audience"), ({"title_fr": ""}, "title")],
)  # fmt: skip
def test_a_bad_article_of_a_preset_is_named(world: Any, row: dict[str, str], why: str) -> None:
    good = {"slug": "essai", "topic": "start", "title_fr": "Un titre", "body_fr": "Un texte"}
    with pytest.raises(Invalid) as refused:
        knowledge.write_all([{**good, **row}], NOW)
    assert "essai" in refused.value.data["where"] and why in refused.value.data["why"]


# ---- Rendering ---------------------------------------------------------------------------------------------


def test_headings_get_anchors_and_a_long_text_its_contents() -> None:
    text = "## Éléments\n\n" + "mot " * 500 + "\n\n### Détail\n\nx\n\n## Éléments\n\ny"
    html, contents = article_body(text)
    assert [(one.anchor, one.level) for one in contents] == [
        ("s-elements", 2),
        ("s-detail", 3),
        ("s-elements-2", 2),
    ]
    assert '<h2 id="s-elements">Éléments</h2>' in html
    assert article_body("## Un\n\n## Deux\n\n## Trois")[1] == ()


@pytest.mark.parametrize(
    "typed",
    ["<script>alert(1)</script>", "[x](javascript:alert(1))", "[x](//elsewhere.example)", "[x](/\\elsewhere.example)",
     "## <img src=x onerror=alert(1)>", "[x](data:text/html,x)", "| <b onclick=x>a</b> |\n|---|\n| b |"],
)  # fmt: skip
def test_nothing_that_staff_paste_runs(typed: str) -> None:
    html = str(article_body(typed)[0])
    assert "<script" not in html and "<img" not in html and "<b " not in html
    assert "href" not in html


def test_a_path_of_the_portal_is_a_link_and_a_table_can_be_moved() -> None:
    html = str(article_body("[aide](/help)\n\n| a | b |\n|---|---|\n| c | d |")[0])
    assert 'href="/help"' in html and '<div class="table-wrap" tabindex="0"><table class="table">' in html


def test_marked_words_are_escaped() -> None:
    assert str(marked("<b> Les ŒUVRES", search.terms("oeuvre"))) == "&lt;b&gt; Les <mark>ŒUVRES</mark>"


# ---- Finding -------------------------------------------------------------------------------------------------

SOUGHT = [
    ("mot de passe", "passwords"), ("MOTS DE PASSE", "passwords"), ("mots de passe oubliés", "sign-in-trouble"),
    ("password", "passwords"), ("good passwords", "passwords"), ("forgotten password", "sign-in-trouble"),
    ("connexion suspendue", "sign-in-trouble"), ("CONNEXIONS SUSPENDUES", "sign-in-trouble"), ("sign in", "sign-in-trouble"),
    ("se connecter", "link-asks-to-sign-in"), ("pourquoi pas de courriel", "why-no-mail"), ("courriels", "mail-buttons"),
    ("by mail", "why-no-mail"), ("demande par courriel ?", "why-no-mail"), ("champs", "why-these-fields"),
    ("Pourquoi ces champs", "why-these-fields"), ("fields", "why-these-fields"), ("formulaire choisir", "which-form"),
    ("which form", "which-form"), ("nature", "which-kind"), ("incident probleme tache", "which-kind"),
    ("incident, problème, tâche", "which-kind"), ("task", "which-kind"), ("ouvre une demande", "what-happens-next"),
    ("écrire une demande", "good-description"), ("ecrire vite", "good-description"), ("etats", "statuses"),
    ("ÉTAT", "statuses"), ("état", "statuses"), ("e\u0301tats", "statuses"), ("status", "statuses"),
    ("ferme d'elle-même", "closes-by-itself"), ("ferme d’elle-même", "closes-by-itself"), ("jours ouvrés", "closes-by-itself"),
    ("jour ouvre", "closes-by-itself"), ("working days", "closes-by-itself"), ("garder ouverte", "keep-open"),
    ("keep open", "keep-open"), ("rouvrir", "reopen-follow-up"), ("suivi", "reopen-follow-up"), ("SUIVIS", "reopen-follow-up"),
    ("follow-up", "reopen-follow-up"), ("solution", "after-a-solution"), ("copie", "copies-and-colleagues"),
    ("collègues", "copies-and-colleagues"), ("collegue", "copies-and-colleagues"), ("colleague", "copies-and-colleagues"),
    ("qui peut lire", "who-sees-my-request"), ("who can read", "who-sees-my-request"), ("listes", "lists-and-search"),
    ("retrouver", "lists-and-search"), ("oeuvre", "lists-and-search"), ("ŒUVRES", "lists-and-search"), ("œuvres", "lists-and-search"),
    ("fichiers", "files-allowed"), ("fichier joindre", "files-allowed"), ("attach files", "files-allowed"),
    ("priorité", "priorities"), ("priorites", "priorities"), ("priorité abaissée", "priority-lowered"),
    ("priority lowered", "priority-lowered"), ("contester", "priority-lowered"), ("urgence", "in-an-emergency"),
    ("emergency", "in-an-emergency"), ("sessions", "my-sessions"), ("boutons", "mail-buttons"), ("buttons", "mail-buttons"),
    ("contacts agréés", "approved-contacts"), ("CONTACT AGREE", "approved-contacts"), ("approved contact", "approved-contacts"),
    ("collègue quitte", "colleague-leaves"), ("compte", "new-account"), ("account", "new-account"),
    ("supprimer des personnes", "deleting-people-safely"), ("delete people", "deleting-people-safely"),
    ("données personnelles", "personal-data"), ("donnee", "personal-data"), ("licences", "licences"), ("Licence !", "licences"),
    ("guichet 1.0", "guichet-1-0"), ("« articles »", "articles-are-here"), ("première version", "guichet-1-0"),
]  # fmt: skip


def test_what_is_sought_stands_among_the_first_five(world: Any) -> None:
    assert len(SOUGHT) >= 60
    wrong = []
    for typed, expected in SOUGHT:
        found = [head.slug for head in knowledge.matching(see(world.alice), typed)][:5]
        if expected not in found:
            wrong.append((typed, expected, found))
    assert not wrong, "\n".join(map(str, wrong))


def test_hostile_words_find_nothing_and_break_nothing(world: Any) -> None:
    for typed in (
        "",
        "\0",
        "'; DROP TABLE article; --",
        '"',
        "NEAR(",
        "a:*",
        "{title} : x",
        "x" * 10_000,
        "🦭",
        "\ud800",
    ):
        knowledge.matching(see(world.alice), typed)
        knowledge.suggested(see(world.alice), typed)
        lists.look_alikes(see(world.alice), typed)
        lists.anywhere(see(world.alice), typed, 5)
        knowledge.record_miss(typed, NOW)
    assert Article.select().count() >= 30


def test_a_deleted_or_changed_article_is_no_longer_found_by_its_old_words(world: Any) -> None:
    article = write(title_fr="Zibeline")
    assert [head.slug for head in knowledge.matching(see(world.alice), "zibelines")] == ["essai"]
    article.title_fr = "Hermine"
    knowledge.save(article, None, NOW)
    assert knowledge.matching(see(world.alice), "zibeline") == []
    assert search.rebuild() >= 0
    assert [head.slug for head in knowledge.matching(see(world.alice), "hermine")] == ["essai"]


def test_requests_are_found_everywhere_one_may_read_and_nowhere_else(world: Any) -> None:
    ticket = send(world, summary="Le marsouin est malade")
    for who, expected in (
        (world.alice, True),
        (world.bob, True),
        (world.sam, True),
        (world.dana, False),
        (world.charlie, False),
    ):
        rows, more = lists.anywhere(see(who), "marsouins malades", 5)
        assert ([row.number for row in rows] == [ticket.number]) is expected and not more, who


def test_open_look_alikes_of_the_organisation_are_offered_and_no_others(world: Any) -> None:
    ticket = send(world, summary="L’export comptable de novembre s’arrête")
    send(world, summary="Autre chose sans rapport")
    private = send(world, by=world.bob, summary="Export comptable arrêté pour moi", audience="only_me")
    asked = "Export comptable arrêté"
    assert [row.number for row in lists.look_alikes(see(world.alice), asked)] == [ticket.number]
    assert private.number in [row.number for row in lists.look_alikes(see(world.bob), asked)]
    assert lists.look_alikes(see(world.charlie), asked) == []
    assert lists.look_alikes(see(world.alice), "Export") == [] or len(search.telling("Export")) == 1
    Ticket.update(status="closed").where(Ticket.id == ticket.id).execute()
    assert lists.look_alikes(see(world.alice), asked) == []


def test_a_subject_brings_at_most_three_articles_that_are_about_it(world: Any) -> None:
    found = [
        head.slug for head in knowledge.suggested(see(world.alice), "Je voudrais changer mon mot de passe")
    ]
    assert "passwords" in found and len(found) <= 3
    assert knowledge.suggested(see(world.alice), "zzzz yyyy") == []


def test_words_that_found_nothing_are_counted_without_anybody(world: Any) -> None:
    SearchMiss.delete().execute()
    for typed in (
        "Licorne  Bleue",
        "licorne bleue",
        "alice@acme.example",
        "SUP-2041",
        "12",
        "x",
        "licorne 2041",
    ):
        knowledge.record_miss(typed, NOW)
    assert sorted(SearchMiss.select(SearchMiss.words, SearchMiss.times).tuples()) == [
        ("licorne", 1),
        ("licorne bleue", 2),
    ]
    assert "person" not in SearchMiss._meta.fields


def test_the_desk_reads_drafts_and_nobody_else_edits(world: Any) -> None:
    assert policies.can_edit_articles(see(world.root))
    assert not any(
        policies.can_edit_articles(see(who)) for who in (world.sam, world.vera, world.marc, world.alice)
    )
