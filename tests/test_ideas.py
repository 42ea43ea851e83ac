"""Ideas and discussions: who reads what, votes once, states with their mails, what staff hide and merge."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

import mailer
from domain import audit, ideas, notifications, policies, search, settings
from domain.ideas import Asked
from domain.notifications import Skipped
from domain.refusals import Invalid, Missing, NotAllowed, NotNow
from models import (
    AuditEntry,
    Idea,
    IdeaComment,
    IdeaFollow,
    IdeaMove,
    IdeaVote,
    Membership,
    OutboxMessage,
    Person,
)
from presenters import idea_author, public_name
from tests.conftest import NOW
from tests.support.casework import faults, key, person, see, statements, together

WORDS = {"title": "Un raccourci pour la licorne", "problem": "On la cherche partout."}


def tell(who: Any, now: Any = NOW, **more: Any) -> Idea:
    """An idea of these tests."""
    return ideas.submit(see(who), now, idempotency_key=key(), **{**WORDS, **more})


def again(idea: Idea) -> Idea:
    return Idea.get_by_id(idea.id)


def listed(who: Any, **asked: Any) -> list[int]:
    return [row.id for row in ideas.listed(see(who), Asked(**asked)).rows]


# ---- Who reads what ------------------------------------------------------------------------------------


def test_customers_of_all_organisations_read_an_idea_and_nobody_else(world: Any) -> None:
    idea = tell(world.alice)
    for who in (world.alice, world.dana, world.charlie, world.erin, world.marc, world.sam):
        assert ideas.find(see(who), idea.id).title == WORDS["title"]
        assert idea.id in listed(who)
    waiting = Person.get(Person.email == "jeanne@acme.example")
    for act in (
        lambda: ideas.find(see(waiting), idea.id),
        lambda: ideas.listed(see(waiting), Asked()),
        lambda: tell(waiting),
    ):
        with pytest.raises(NotAllowed):
            act()
    Membership.update(removed_at=NOW).where(Membership.person == world.charlie).execute()
    with pytest.raises(NotAllowed):
        ideas.find(see(world.charlie), idea.id)


def test_what_is_hidden_is_there_for_its_author_and_the_desk_only(world: Any) -> None:
    idea = tell(world.alice)
    ideas.hide(idea, "Un nom de personne.", see(world.sam), NOW)
    for who in (world.bob, world.charlie, world.marc):
        with pytest.raises(Missing):
            ideas.find(see(who), idea.id)
        with pytest.raises(Missing):
            ideas.vote(idea, see(who), NOW)
    assert ideas.find(see(world.alice), idea.id).hide_reason == "Un nom de personne."
    assert idea.id not in listed(world.alice) and idea.id in listed(world.alice, mine=True)
    assert idea.id in listed(world.sam, hidden=True) and idea.id not in listed(world.bob, hidden=True)
    assert idea.id not in [row.id for row in ideas.look_alikes(see(world.alice), WORDS["title"])]
    with pytest.raises(NotNow):
        ideas.comment(idea, "Encore ?", see(world.alice), NOW, idempotency_key=key())
    ideas.show_again(idea, see(world.sam), NOW)
    assert idea.id in listed(world.charlie)
    kinds = [row.kind for row in AuditEntry.select().where(AuditEntry.target == f"idea:{idea.id}")]
    assert kinds == ["idea:hidden", "idea:shown"] and not audit.verify()


def test_names_of_customers_are_short_for_one_another_and_whole_for_staff(world: Any, app: Any) -> None:
    alice = Person.get_by_id(world.alice.id)
    assert idea_author(see(world.charlie), alice, False, "Acme") == "Alice M."
    assert idea_author(see(world.bob), alice, False, "Acme") == "Alice M.", "a colleague reads no more"
    assert idea_author(see(world.sam), alice, False, "Acme") == "Alice Martin, Acme"
    assert idea_author(see(world.charlie), Person.get_by_id(world.sam.id), True) == "Sam Delorme"
    with app.test_request_context():
        assert [public_name(name) for name in ("Zoé", "Jean de La Tour", "zoe@acme.example", "")] == [
            "Zoé", "Jean T.", "Un client", "Un client",
        ]  # fmt: skip
    assert ideas.organisations_of(see(world.charlie), {alice.id}) == {}
    assert ideas.organisations_of(see(world.marc), {alice.id}) == {alice.id: "Acme"}


# ---- Telling -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"title": " "}, "title"),
        ({"title": "x" * 121}, "title"),
        ({"problem": ""}, "problem"),
        ({"details": "x" * 10_001}, "details"),
        ({"product_id": 999_999}, "product"),
        ({"kind": "poem"}, "kind"),
        ({"kind": "discussion", "details": ""}, "details"),
    ],
)
def test_what_cannot_be_taken_is_refused_at_its_field(world: Any, more: Any, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        tell(world.alice, **more)
    assert refused.value.field == field


def test_a_second_click_makes_one_idea_and_other_words_under_its_key_are_not_lost_silently(
    world: Any,
) -> None:
    same = key()
    first = ideas.submit(see(world.alice), NOW, idempotency_key=same, **WORDS)
    assert ideas.submit(see(world.alice), NOW, idempotency_key=same, **WORDS).id == first.id
    with pytest.raises(NotNow):
        ideas.submit(see(world.alice), NOW, idempotency_key=same, **{**WORDS, "title": "Autre chose"})
    with pytest.raises(NotNow):
        ideas.submit(see(world.charlie), NOW, idempotency_key=same, **WORDS)


def test_a_flood_is_refused_and_ends_with_the_minute(world: Any) -> None:
    settings.put("posts_per_minute", 2, None, NOW)
    idea = tell(world.alice)
    tell(world.alice)
    with pytest.raises(NotNow, match="too-many-posts"):
        tell(world.alice)
    for _ in range(2):
        ideas.comment(idea, "Un mot.", see(world.charlie), NOW, idempotency_key=key())
    with pytest.raises(NotNow, match="too-many-posts"):
        ideas.comment(idea, "Un mot.", see(world.charlie), NOW, idempotency_key=key())
    assert tell(world.bob) and tell(world.alice, NOW + timedelta(seconds=61))


def test_an_author_changes_an_idea_for_some_minutes_and_until_somebody_answers(world: Any) -> None:
    idea = tell(world.alice)
    changed = ideas.edit(idea, see(world.alice), NOW + timedelta(minutes=29), **{**WORDS, "title": "Un dahu"})
    assert changed.title == "Un dahu" and changed.edited_at
    assert idea.id in listed(world.bob, q="dahu") and idea.id not in listed(world.bob, q="licorne")
    with pytest.raises(NotAllowed):
        ideas.edit(idea, see(world.bob), NOW, **WORDS)
    with pytest.raises(NotNow):
        ideas.edit(idea, see(world.alice), NOW + timedelta(minutes=30), **WORDS)
    other = tell(world.alice)
    ideas.vote(other, see(world.charlie), NOW)
    with pytest.raises(NotNow):
        ideas.edit(other, see(world.alice), NOW, **WORDS)


# ---- Votes ---------------------------------------------------------------------------------------------


def test_a_vote_counts_once_and_can_be_taken_back(world: Any) -> None:
    idea = tell(world.alice)
    assert ideas.vote(idea, see(world.charlie), NOW) and not ideas.vote(idea, see(world.charlie), NOW)
    assert again(idea).votes == 1 and ideas.standing(see(world.charlie), idea) == (True, False)
    assert ideas.unvote(idea, see(world.charlie)) and not ideas.unvote(idea, see(world.charlie))
    assert again(idea).votes == 0
    with pytest.raises(NotAllowed):
        ideas.vote(idea, see(world.alice), NOW)
    ideas.move(idea, "done", see(world.vera), NOW, sentence_fr="Fait.")
    with pytest.raises(NotNow):
        ideas.vote(idea, see(world.charlie), NOW)


def test_votes_at_the_same_instant_count_each_person_once(world: Any, database: Any) -> None:
    idea = tell(world.alice)
    voters = [see(who) for who in (world.bob, world.dana, world.charlie, world.erin)]
    acts = [lambda v=voter: ideas.vote(idea, v, NOW, follow=True) for voter in voters for _ in range(3)]
    results = together(acts, database)
    assert not faults(results) and results.count(True) == 4
    assert again(idea).votes == 4 == IdeaVote.select().where(IdeaVote.idea == idea.id).count()
    back = together([lambda v=voter: ideas.unvote(idea, v) for voter in voters for _ in range(2)], database)
    assert not faults(back) and back.count(True) == 4 and again(idea).votes == 0


# ---- Discussion ----------------------------------------------------------------------------------------


def test_comments_are_counted_shown_in_order_and_those_of_staff_marked(world: Any) -> None:
    idea = tell(world.alice)
    for who, text in ((world.charlie, "Oui **vraiment**."), (world.sam, "Nous regardons.")):
        ideas.comment(idea, text, see(who), NOW, idempotency_key=key())
    said, older = ideas.discussion(see(world.dana), idea)
    assert [(row.by_team, row.body) for row in said] == [
        (False, "Oui **vraiment**."),
        (True, "Nous regardons."),
    ]
    assert older is None and again(idea).comments == 2
    for body in ("", "  ", "x" * 10_001):
        with pytest.raises(Invalid):
            ideas.comment(idea, body, see(world.dana), NOW, idempotency_key=key())
    ideas.hide_comment(idea, said[0].id, "Une insulte.", see(world.sam), NOW)
    assert [row.body for row in ideas.discussion(see(world.dana), idea)[0]] == ["Nous regardons."]
    assert len(ideas.discussion(see(world.sam), idea)[0]) == 2 and again(idea).comments == 1
    ideas.show_comment_again(idea, said[0].id, see(world.sam), NOW)
    assert again(idea).comments == 2


def test_a_long_discussion_is_cut_by_key(world: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(ideas, "COMMENTS_SHOWN", 3)
    idea = tell(world.alice)
    for number in range(8):
        at = NOW + timedelta(minutes=number)
        ideas.comment(idea, f"Mot {number}", see(world.charlie), at, idempotency_key=key())
    seen, before = [], None
    while True:
        said, before = ideas.discussion(see(world.dana), idea, before)
        seen = [row.body for row in said] + seen
        if before is None:
            break
    assert seen == [f"Mot {number}" for number in range(8)]


# ---- States --------------------------------------------------------------------------------------------


def mails() -> list[OutboxMessage]:
    query = OutboxMessage.select().where(
        (OutboxMessage.template == "idea-state") & (OutboxMessage.status == "waiting")
    )
    return list(query.order_by(OutboxMessage.recipient))


def test_a_new_state_is_told_once_to_those_who_follow(world: Any, app: Any) -> None:
    idea = tell(world.alice)
    ideas.vote(idea, see(world.erin), NOW, follow=True)
    ideas.vote(idea, see(world.charlie), NOW)
    ideas.follow(idea, see(world.vera))
    move = ideas.move(
        idea, "planned", see(world.vera), NOW, sentence_fr="Pour le printemps.", sentence_en="In spring."
    )
    assert [row.recipient for row in mails()] == ["alice@acme.example", "erin@globex.example"]
    with app.app_context():
        french, english = (mailer.render(row, "http://support.initech.example", NOW) for row in mails())
    assert (
        french.subject == "Prévue\u202f: Un raccourci pour la licorne" and "Pour le printemps." in french.text
    )
    assert english.subject.startswith("Planned: ") and "In spring." in english.text
    for made in (french, english):
        whole = made.text + made.html
        assert f"/ideas/{idea.id}" in whole and "Acme" not in whole and "Globex" not in whole
    assert again(idea).state == "planned" and [row.id for row in ideas.moves(idea)] == [move.id]
    entry = AuditEntry.select().order_by(AuditEntry.id.desc()).get()
    assert (entry.kind, entry.data["before"], entry.data["after"]) == ("idea:moved", "submitted", "planned")


def test_a_mail_that_is_overtaken_or_unwanted_does_not_leave(world: Any, app: Any) -> None:
    idea = tell(world.alice)
    ideas.vote(idea, see(world.erin), NOW, follow=True)
    ideas.move(idea, "planned", see(world.vera), NOW, sentence_fr="Oui.")
    alices, erins = mails()
    ideas.unfollow(idea, see(world.erin))
    with app.app_context():
        with pytest.raises(Skipped, match="no-follower"):
            mailer.render(erins, "http://support.initech.example", NOW)
        ideas.move(idea, "done", see(world.vera), NOW, sentence_fr="Voilà.")
        with pytest.raises(Skipped, match="moved-on"):
            mailer.render(alices, "http://support.initech.example", NOW)
        ideas.hide(idea, "Une raison.", see(world.vera), NOW)
        for row in mails():
            with pytest.raises(Skipped, match="no-idea"):
                mailer.render(row, "http://support.initech.example", NOW)


def test_only_the_desk_moves_an_idea_with_a_sentence_and_the_first_of_two_wins(
    world: Any, database: Any
) -> None:
    idea = tell(world.alice)
    for who in (world.alice, world.marc):
        with pytest.raises(NotAllowed):
            ideas.move(idea, "done", see(who), NOW, sentence_fr="Non.")
    for state, sentence, field in (
        ("done", "", "sentence_fr"),
        ("lost", "Oui.", "state"),
        ("submitted", "Oui.", "state"),
    ):
        with pytest.raises(Invalid) as refused:
            ideas.move(idea, state, see(world.sam), NOW, sentence_fr=sentence)
        assert refused.value.field == field
    sam, vera = see(world.sam), see(world.vera)
    results = together(
        [
            lambda: ideas.move(idea, "done", sam, NOW, sentence_fr="Fait.", seen=1),
            lambda: ideas.move(idea, "not_kept", vera, NOW, sentence_fr="Non.", seen=1),
        ],
        database,
    )
    [fault] = faults(results)
    assert isinstance(fault, NotNow) and fault.code == "idea-moved"
    assert IdeaMove.select().where(IdeaMove.idea == idea.id).count() == 1


def test_a_discussion_has_no_state_and_no_votes(world: Any) -> None:
    talk = tell(world.alice, kind="discussion", details="Comment faites-vous ?")
    assert talk.problem == "" and talk.id in listed(world.erin, kind="discussion")
    assert talk.id not in listed(world.erin)
    with pytest.raises(NotNow):
        ideas.vote(talk, see(world.erin), NOW)
    with pytest.raises(NotNow):
        ideas.move(talk, "done", see(world.sam), NOW, sentence_fr="Fait.")


# ---- Merging -------------------------------------------------------------------------------------------


def test_merging_moves_votes_once_for_each_person(world: Any) -> None:
    kept, double = tell(world.alice), tell(world.charlie)
    for who in (world.bob, world.erin):
        ideas.vote(kept, see(who), NOW)
    for who in (world.alice, world.bob, world.dana):
        ideas.vote(double, see(who), NOW, follow=True)
    ideas.comment(double, "Pareil.", see(world.dana), NOW, idempotency_key=key())
    ideas.merge(double, kept.id, see(world.sam), NOW)
    voters = {row.person_id for row in IdeaVote.select().where(IdeaVote.idea == kept.id)}
    # Alice's own idea is not hers to vote for; charlie, who told the double, counts.
    assert voters == {who.id for who in (world.bob, world.erin, world.dana, world.charlie)}
    now_kept = again(kept)
    assert (now_kept.votes, now_kept.comments) == (4, 1)
    followers = {row.person_id for row in IdeaFollow.select().where(IdeaFollow.idea == kept.id)}
    assert followers == {who.id for who in (world.alice, world.bob, world.dana, world.charlie)}
    assert again(double).merged_into_id == kept.id and double.id not in listed(world.alice)
    for act in (
        lambda: ideas.vote(double, see(world.erin), NOW),
        lambda: ideas.merge(double, kept.id, see(world.sam), NOW),
    ):
        with pytest.raises(NotNow):
            act()
    third = tell(world.bob)
    ideas.merge(kept, third.id, see(world.sam), NOW)
    assert again(double).merged_into_id == third.id, "a double of a double leads to the last one at once"


@pytest.mark.parametrize("into", ["itself", "nothing", "hidden", "discussion", "merged"])
def test_an_idea_is_merged_only_into_an_open_one_of_its_kind(world: Any, into: str) -> None:
    idea, other = tell(world.alice), tell(world.bob)
    where = other.id
    if into == "itself":
        where = idea.id
    elif into == "nothing":
        where = 10**12
    elif into == "hidden":
        ideas.hide(other, "Une raison.", see(world.sam), NOW)
    elif into == "discussion":
        where = tell(world.bob, kind="discussion", details="Alors ?").id
    else:
        ideas.merge(other, tell(world.charlie).id, see(world.sam), NOW)
    with pytest.raises(Invalid) as refused:
        ideas.merge(idea, where, see(world.sam), NOW)
    assert refused.value.field == "into" and again(idea).merged_into_id is None
    with pytest.raises(NotAllowed):
        ideas.merge(idea, other.id, see(world.alice), NOW)


# ---- Lists ---------------------------------------------------------------------------------------------


def many(world: Any, count: int) -> list[Idea]:
    """Ideas told by a machine, with votes as they come."""
    Idea.delete().where(Idea.kind == "nothing").execute()
    rows = [
        {
            "kind": "idea", "title": f"Idée licorne {number}", "problem": "Un manque.", "author": world.alice.id,
            "votes": number % 7, "created_at": NOW, "idempotency_key": f"many-{number}", "language": "fr",
        }
        for number in range(count)
    ]  # fmt: skip
    Idea.insert_many(rows).execute()
    return list(Idea.select().where(Idea.idempotency_key.startswith("many-")))


@pytest.mark.parametrize("sort", ideas.SORTS)
def test_pages_show_every_idea_once_in_order(world: Any, sort: str) -> None:
    many(world, 95)
    wanted = [
        (row.votes, row.id) if sort == "wanted" else (row.id,)
        for row in Idea.select().where(
            (Idea.kind == "idea") & Idea.hidden_at.is_null() & Idea.merged_into.is_null()
        )
    ]
    seen, after = [], ""
    while True:
        page = ideas.listed(see(world.charlie), Asked(sort=sort, after=after))
        seen += [(row.votes, row.id) if sort == "wanted" else (row.id,) for row in page.rows]
        if not page.following:
            break
        after = page.following
    assert seen == sorted(wanted, reverse=True)
    for nonsense in ("x", "1", "-", "9-9-9", "9" * 12 + "-1"):
        assert ideas.listed(see(world.charlie), Asked(sort=sort, after=nonsense)).rows


def test_each_order_is_read_along_an_index(world: Any, database: Any) -> None:
    many(world, 400)
    if type(database).__name__.startswith("PooledSqlite"):
        for asked in (
            {}, {"sort": "wanted"}, {"state": "planned"}, {"state": "planned", "sort": "wanted"},
            {"sort": "wanted", "after": "3-200"},
        ):  # fmt: skip
            with statements(database) as sent:
                ideas.listed(see(world.charlie), Asked(**asked))
            query = next(sql for sql in sent if '"idea"' in sql and "ORDER BY" in sql)
            values = [1] * query.count("?")
            plan = " ".join(
                str(row) for row in database.execute_sql(f"EXPLAIN QUERY PLAN {query}", values).fetchall()
            )
            assert "USING INDEX idea_" in plan and "TEMP B-TREE" not in plan, (asked, plan)


def test_filters_and_words_narrow_the_list(world: Any) -> None:
    product = Idea.select().where(Idea.product.is_null(False)).get().product
    mine = tell(world.alice, product_id=product.id)
    other = tell(world.bob, title="Un tableau des dahus")
    ideas.move(other, "planned", see(world.sam), NOW, sentence_fr="Oui.")
    assert mine.id in listed(world.erin, product=product.slug) and other.id not in listed(
        world.erin, product=product.slug
    )
    assert listed(world.erin, state="planned")[0] == other.id and mine.id not in listed(
        world.erin, state="planned"
    )
    assert mine.id in listed(world.alice, mine=True) and other.id not in listed(world.alice, mine=True)
    assert listed(world.erin, q="LICORNES raccourci") == [mine.id] and listed(world.erin, q="zzz") == []
    assert other.id in listed(world.erin, q="tableau", sort="wanted")
    assert listed(world.erin, product="nothing-like-it") == []


def test_what_looks_alike_is_found_by_half_of_its_telling_words(world: Any) -> None:
    idea = tell(world.alice)
    near = ideas.look_alikes(see(world.charlie), "Raccourcis pour les licornes du jeudi")
    assert idea.id in [row.id for row in near]
    assert idea.id not in [
        row.id for row in ideas.look_alikes(see(world.charlie), "Une page pour les retards")
    ]
    assert ideas.look_alikes(see(world.charlie), "") == []
    stranger = person("zoe@nulle-part.example")
    assert ideas.look_alikes(see(stranger), WORDS["title"]) == []


def test_the_index_can_be_made_anew(world: Any) -> None:
    idea = tell(world.alice)
    search.forget_idea(idea.id)
    assert listed(world.bob, q="licorne") == []
    search.rebuild()
    assert listed(world.bob, q="licorne") == [idea.id]


def test_predicates_say_no_to_strangers(world: Any) -> None:
    idea = tell(world.alice)
    assert not policies.can_read_ideas(None) and not policies.can_moderate_ideas(None)
    assert not policies.can_vote(None, idea) and not policies.can_edit_idea(None, idea, NOW)
    assert policies.visible_ideas(None).count() == 0
    assert (
        notifications.waiting_count() == 0
        and IdeaComment.select().where(IdeaComment.idea == idea.id).count() == 0
    )
