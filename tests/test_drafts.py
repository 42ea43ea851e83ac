"""Drafts: kept while one writes, by place and person, brought back, forgotten once sent; never anybody else's."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

import presenters
from domain import conversation, drafts, files, search
from domain.drafts import Place
from domain.refusals import Invalid, Missing, NotAllowed, NotNow
from models import Attachment, Draft, DraftFile, Message, Organisation, Person, Ticket
from tests.conftest import NOW
from tests.support.casework import key, put_in, see, send, upload
from tests.support.scene import Scene, token_of

LATER = NOW + timedelta(hours=2)
KEY = "k" * 43


def at_acme(world: Any, slug: str = "question") -> Place:
    return Place("form", form_slug=slug, organisation_id=world.organisations["acme"].id)


def typed(summary: str = "Solde de congés", **more: str) -> dict[str, list[str]]:
    return {"summary": [summary], **{name: [value] for name, value in more.items()}}


def keep(place: Place, data: Any, by: Any, now: Any = NOW, **more: Any) -> Draft | None:
    return drafts.keep(place, data, see(by), now, **more)


# ---- One for each place --------------------------------------------------------------------------------


def test_a_draft_is_kept_for_its_form_and_comes_back(world: Any) -> None:
    row = keep(at_acme(world), typed("Un"), world.alice)
    again = keep(at_acme(world), typed("Un deux"), world.alice, LATER, seen=row.version, draft_id=row.id)
    assert (again.id, again.version, again.earlier) == (row.id, 2, None)
    found = drafts.of_form("question", see(world.alice))
    assert (found.data["summary"], found.updated_at) == (["Un deux"], LATER)
    keep(at_acme(world, "incident"), typed("Autre"), world.alice)
    assert drafts.of_form("question", see(world.alice)).data["summary"] == ["Un deux"]
    assert Draft.select().count() == 2


def test_nobody_else_reads_or_changes_a_draft(world: Any) -> None:
    row = keep(at_acme(world), typed(), world.alice)
    for who in (world.bob, world.charlie, world.sam, world.root):
        assert drafts.of_form("question", see(who)) is None
        assert drafts.mine(see(who), NOW) == []
        for act in (drafts.start_afresh, drafts.bring_back):
            with pytest.raises(Missing):
                act(row.id, see(who), NOW)
    keep(at_acme(world), typed("De Bob"), world.bob, draft_id=row.id, seen=1)
    assert Draft.get_by_id(row.id).data["summary"] == ["Solde de congés"]


def test_a_follow_up_has_a_draft_of_its_own(world: Any) -> None:
    keep(at_acme(world), typed("Neuf"), world.alice)
    place = Place(
        "form", form_slug="question", organisation_id=world.organisations["acme"].id, follow_up="SUP-1"
    )
    keep(place, typed("Suite"), world.alice)
    assert drafts.of_form("question", see(world.alice)).data["summary"] == ["Neuf"]
    assert drafts.of_form("question", see(world.alice), "SUP-1").data["summary"] == ["Suite"]


def test_a_note_and_a_reply_are_two_drafts(world: Any) -> None:
    ticket = put_in(send(world), "in_progress", assignee=world.sam)
    keep(Place("reply", ticket=ticket), {"body": ["Bonjour"]}, world.sam)
    keep(Place("note", ticket=ticket), {"body": ["Entre nous"]}, world.sam)
    rows = drafts.of_ticket(ticket, see(world.sam))
    assert {kind: row.data["body"] for kind, row in rows.items()} == {
        "reply": ["Bonjour"],
        "note": ["Entre nous"],
    }
    assert drafts.of_ticket(ticket, see(world.alice)) == {}


def test_only_what_could_be_sent_from_there_is_kept(world: Any) -> None:
    ticket = send(world)
    with pytest.raises(NotAllowed):
        keep(at_acme(world), typed(), world.charlie)
    with pytest.raises(NotAllowed):
        keep(Place("note", ticket=ticket), {"body": ["x"]}, world.alice)
    with pytest.raises(NotAllowed):
        keep(Place("reply", ticket=ticket), {"body": ["x"]}, world.charlie)
    with pytest.raises(Missing):
        keep(at_acme(world, "nothing"), typed(), world.alice)
    with pytest.raises(NotNow) as refused:
        keep(Place("reply", ticket=put_in(ticket, "closed")), {"body": ["x"]}, world.alice)
    assert refused.value.code == "ticket-closed"
    assert Draft.select().count() == 0


def test_what_says_nothing_is_no_draft(world: Any) -> None:
    nothing = {"summary": ["  "], "audience": ["organisation"], "idempotency_key": [KEY]}
    assert keep(at_acme(world), nothing, world.alice) is None
    row = keep(at_acme(world), typed(), world.alice)
    assert keep(at_acme(world), nothing, world.alice, seen=row.version) is None
    assert Draft.select().count() == 0


def test_a_change_of_organisation_takes_the_draft_along(world: Any) -> None:
    other = Organisation.create(name="Autre", slug="autre", created_at=NOW)
    from models import Membership

    Membership.create(
        person=world.alice,
        organisation=other,
        role="contact",
        can_open=True,
        can_see_all=True,
        can_answer=True,
    )
    row = keep(at_acme(world), typed(), world.alice)
    moved = keep(
        Place("form", form_slug="question", organisation_id=other.id),
        typed(),
        world.alice,
        draft_id=row.id,
        seen=1,
    )
    assert (moved.id, moved.organisation_id, Draft.select().count()) == (row.id, other.id, 1)


# ---- Two windows ---------------------------------------------------------------------------------------


def test_the_last_window_counts_and_what_it_replaced_can_be_brought_back(world: Any) -> None:
    first = keep(at_acme(world), typed("Première fenêtre"), world.alice)
    second = keep(at_acme(world), typed("Seconde fenêtre"), world.alice, LATER, seen=0)
    assert second.id == first.id
    assert (second.data["summary"], second.earlier["summary"]) == (["Seconde fenêtre"], ["Première fenêtre"])
    assert second.earlier_at == LATER == second.updated_at
    back = drafts.bring_back(second.id, see(world.alice), LATER)
    assert (back.data["summary"], back.earlier["summary"]) == (["Première fenêtre"], ["Seconde fenêtre"])


def test_the_same_words_from_two_windows_are_no_conflict(world: Any) -> None:
    keep(at_acme(world), typed(idempotency_key="a" * 43), world.alice)
    row = keep(at_acme(world), typed(idempotency_key="b" * 43), world.alice, LATER, seen=0)
    assert row.earlier is None


# ---- Starting afresh ------------------------------------------------------------------------------------


def test_starting_afresh_empties_the_form_and_can_be_undone(world: Any) -> None:
    row = keep(at_acme(world), typed("Un"), world.alice)
    put = drafts.start_afresh(row.id, see(world.alice), LATER, typed("Un, plus récent"))
    assert (put.data, put.earlier["summary"]) == ({}, ["Un, plus récent"])
    assert [found.draft.id for found in drafts.mine(see(world.alice), LATER)] == [row.id]
    assert drafts.mine(see(world.alice), LATER + timedelta(days=2)) == []
    back = drafts.bring_back(row.id, see(world.alice), LATER)
    assert (back.data["summary"], back.earlier) == (["Un, plus récent"], None)
    with pytest.raises(NotNow):
        drafts.bring_back(row.id, see(world.alice), LATER)


# ---- Sent, late, expired --------------------------------------------------------------------------------


def test_what_is_sent_is_no_draft_any_more_and_a_late_save_makes_none(world: Any) -> None:
    ticket = put_in(send(world), "in_progress", assignee=world.sam)
    place = Place("reply", ticket=ticket)
    mine = {"body": ["Bonjour"], "idempotency_key": [KEY]}
    keep(place, mine, world.sam)
    keep(Place("note", ticket=ticket), {"body": ["Entre nous"]}, world.sam)
    conversation.reply(ticket, "Bonjour", see(world.sam), NOW, idempotency_key=KEY)
    assert [row.kind for row in Draft.select()] == ["note"]
    with pytest.raises(NotNow) as refused:
        keep(place, mine, world.sam)
    assert refused.value.code == "draft-sent"


def test_another_window_that_is_not_sent_keeps_its_draft(world: Any) -> None:
    ticket = put_in(send(world), "in_progress", assignee=world.sam)
    keep(Place("reply", ticket=ticket), {"body": ["Autre"], "idempotency_key": ["o" * 43]}, world.sam)
    conversation.reply(ticket, "Bonjour", see(world.sam), NOW, idempotency_key=KEY)
    assert Draft.get().data["body"] == ["Autre"]


def test_drafts_nobody_touched_expire(world: Any) -> None:
    keep(at_acme(world), typed(), world.alice)
    keep(at_acme(world, "incident"), typed(), world.alice, NOW + timedelta(days=10))
    assert drafts.sweep(NOW + timedelta(days=31)) == 1
    assert Draft.get().form_slug == "incident"


def test_erasing_a_person_erases_their_drafts(world: Any) -> None:
    person = Person.create(email="x@acme.example", username="x", full_name="X", created_at=NOW)
    Draft.create(
        person=person, kind="form", form_slug="question", organisation=world.organisations["acme"], data=typed(), updated_at=NOW,
        minute_at=NOW,
    )  # fmt: skip
    person.delete_instance()
    assert Draft.select().count() == 0


# ---- Limits ---------------------------------------------------------------------------------------------


def test_a_draft_has_an_end(world: Any) -> None:
    for data in (
        {"description": ["x" * (drafts.MAX_CHARACTERS + 1)]},
        {f"people-{n}-name": ["x"] for n in range(drafts.MAX_NAMES + 1)},
        {"description": ["x"] * (drafts.MAX_VALUES + 1)},
    ):
        with pytest.raises(Invalid):
            keep(at_acme(world), data, world.alice)
    assert Draft.select().count() == 0


def test_a_script_that_saves_without_end_is_told_to_wait(world: Any) -> None:
    row = keep(at_acme(world), typed(), world.alice)
    for n in range(drafts.SAVES_PER_MINUTE - 1):
        row = keep(at_acme(world), typed(str(n)), world.alice, seen=row.version)
    with pytest.raises(NotNow) as refused:
        keep(at_acme(world), typed("de trop"), world.alice, seen=row.version)
    assert (refused.value.code, refused.value.status) == ("draft-pace", 429)
    assert keep(at_acme(world), typed("plus tard"), world.alice, LATER, seen=row.version) is not None


def test_one_person_keeps_a_bounded_number(world: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(drafts, "DRAFTS_MAX", 1)
    keep(at_acme(world), typed(), world.alice)
    with pytest.raises(NotNow) as refused:
        keep(at_acme(world, "incident"), typed(), world.alice)
    assert refused.value.code == "drafts-many"


# ---- Files ----------------------------------------------------------------------------------------------


def test_the_files_of_a_draft_wait_as_long_as_it_does(world: Any, app: Any) -> None:
    held, loose, foreign = upload(world.alice), upload(world.alice), upload(world.bob)
    row = keep(at_acme(world), {"attachment_keys": [held, foreign]}, world.alice)
    assert [one.attachment.key for one in DraftFile.select()] == [held]
    store = app.extensions["guichet_files"]
    files.sweep_unclaimed(NOW + timedelta(days=3), store)
    keys = {one.key for one in Attachment.select()}
    assert held in keys and loose not in keys and foreign not in keys
    drafts.start_afresh(row.id, see(world.alice), NOW)
    files.sweep_unclaimed(NOW + timedelta(days=3), store)
    assert Attachment.select().where(Attachment.key == held).exists(), "it can still be brought back"
    drafts.sweep(NOW + timedelta(days=40))
    files.sweep_unclaimed(NOW + timedelta(days=40), store)
    assert not Attachment.select().where(Attachment.key == held).exists()


# ---- Pictures in texts ----------------------------------------------------------------------------------

PICTURE = presenters.Picture(KEY, f"/files/{KEY}/capture.png?inline=1", "capture.png")


def shown(app: Any, text: str, *pictures: presenters.Picture) -> str:
    with app.test_request_context("/", headers={"Accept-Language": "en"}):
        return str(presenters.markdown(text, pictures))


def test_a_picture_of_the_message_stands_in_its_text(app: Any) -> None:
    assert (
        shown(app, f"Here: ![the screen](file:{KEY})", PICTURE)
        == f'<p>Here: <img src="/files/{KEY}/capture.png?inline=1" alt="the screen"></p>\n'
    )
    assert 'alt="capture.png"' in shown(app, f"![](file:{KEY})", PICTURE)
    assert "<img" not in shown(app, f"`![x](file:{KEY})`", PICTURE)


@pytest.mark.parametrize(
    "text",
    [
        "![x](file:" + "z" * 43 + ")",
        "![x](https://elsewhere.example/x.png)",
        "![x](//elsewhere.example/x.png)",
        "![x](/files/abc/x.png?inline=1)",
        "![x](javascript:alert(1))",
        "![x](data:image/svg+xml;base64,AAAA)",
        "![x](file:///etc/passwd)",
        f"![x](file:{KEY}?a)",
        f"![x][y]\n\n[y]: file:{KEY}",
        f'<img src="/files/{KEY}/capture.png?inline=1">',
    ],
)
def test_no_other_picture_is_ever_drawn(app: Any, text: str) -> None:
    drawn = shown(app, text, PICTURE)
    assert "<img" not in drawn and "src=" not in drawn.replace("&lt;img src=", "")
    assert "z" * 43 not in drawn


@pytest.mark.parametrize(
    "alt", ['" onerror="alert(1)', "<script>alert(1)</script>", "'><svg/onload=alert(1)>", "a*b*c`d`"]
)
def test_what_describes_a_picture_is_only_words(app: Any, alt: str) -> None:
    for pictures in ((PICTURE,), ()):
        drawn = shown(app, f"![{alt}](file:{KEY})", *pictures)
        assert "<script" not in drawn and "<svg" not in drawn
        assert '" onerror' not in drawn.replace('(picture not available: " onerror', "")
        assert drawn.count("<img") == len(pictures)


def test_a_missing_picture_leaves_a_mark(app: Any) -> None:
    assert shown(app, f"![bill](file:{KEY})") == "<p><em>(picture not available: bill)</em></p>\n"


def test_the_index_does_not_hold_keys(world: Any) -> None:
    ticket = send(world, description=f"Voir ![ecranbizarre](file:{'q7' * 21 + 'x'})")
    assert search.matching_ids("ecranbizarre", with_notes=True) == [ticket.id]
    assert search.matching_ids("q7" * 20, with_notes=True) == []


# ---- Pages ----------------------------------------------------------------------------------------------


@pytest.fixture
def scene(client: Any, world: SimpleNamespace) -> Scene:
    return Scene(client.application, world)


def test_a_picture_shows_in_the_thread_to_those_who_may_read_it(
    client: Any, world: Any, scene: Scene
) -> None:
    mine, secret = scene.upload("alice", "capture.png"), scene.upload("sam", "interne.png")
    ticket = scene.request(
        "alice", description=f"Voici ![mon écran](file:{mine.key})", attachment_keys=[mine.key]
    )
    scene.note(ticket, "sam", f"![note](file:{secret.key})", attachment_keys=[secret.key])
    scene.reply(ticket, "sam", f"Pas ![interne](file:{secret.key})")
    client.sign_in(world.alice)
    page = client.get(f"/tickets/{ticket.number}").text
    assert f'src="/files/{mine.key}/capture.png?inline=1" alt="mon écran"' in page
    assert secret.key not in page and "image non disponible" in page
    client.sign_in(world.sam)
    page = client.get(f"/desk/tickets/{ticket.number}").text
    assert f'src="/files/{secret.key}/interne.png?inline=1" alt="note"' in page
    # The panel of files shows it as well, small; the conversation has it in the note alone.
    small = f'src="/files/{secret.key}/interne.png?inline=1" alt="" '
    assert page.count(f'src="/files/{secret.key}') - page.count(small) == 1, (
        "a file of a note stands in no answer"
    )


def test_a_mail_names_the_picture_and_carries_no_address_of_it(client: Any, world: Any, scene: Scene) -> None:
    import mailer

    with client.application.test_request_context("/", headers={"Accept-Language": "en"}):
        text = f"See ![the <screen>](file:{KEY})"
        assert mailer.body_text(text) == "See (picture, on the page: the <screen>)"
        assert str(mailer.body_html(text)).count("the &lt;screen&gt;") == 1
        assert "<img" not in mailer.body_html(text) and KEY not in mailer.body_html(text)


def save(client: Any, path: str, **data: Any) -> Any:
    return client.post(
        path, data={"csrf_token": token_of(client), **data}, headers={"Accept": "application/json"}
    )


def test_a_form_typed_in_one_browser_comes_back_in_another(client: Any, app: Any, world: Any) -> None:
    client.sign_in(world.alice)
    answer = save(
        client, "/requests/new/incident/draft", summary="Erreur", description="<script>alert(1)</script>\x00",
        consent="y", csrf_other="x", password="secret", severity="2", idempotency_key=KEY,
    )  # fmt: skip
    assert answer.status_code == 200
    assert "« Erreur »" in answer.json["advice"]["summary"].replace("\u202f", " ")
    row = Draft.get()
    assert set(row.data) == {"summary", "description", "severity", "idempotency_key"}
    assert row.data["description"] == ["<script>alert(1)</script>"]
    other = app.test_client()
    other.sign_in(world.alice)
    page = other.get("/requests/new/incident").text
    assert 'value="Erreur"' in page and "&lt;script&gt;alert(1)" in page and "<script>alert(1)" not in page
    assert KEY in page and "Votre brouillon est de retour" in page
    assert (
        'name="consent" type="checkbox" value="y">' in page
        or "checked" not in page.split('name="consent"')[1][:80]
    )
    assert "/drafts" in other.get("/").text


def test_the_draft_of_a_form_is_gone_once_it_is_sent(client: Any, world: Any) -> None:
    from tests.support.right_entries import right_entry

    client.sign_in(world.alice)
    page = client.get("/requests/new/question")
    client.submit("/requests/new/question", button="keep_draft=1", **right_entry("question"))
    assert Draft.select().count() == 1 and page.status_code == 200
    sent = client.submit("/requests/new/question", **right_entry("question"))
    assert sent.status_code == 303 and "/tickets/" in sent.location
    assert Draft.select().count() == 0


def test_the_button_keeps_a_form_without_javascript(client: Any, world: Any) -> None:
    client.sign_in(world.alice)
    kept = client.submit("/requests/new/question", button="keep_draft=1", summary="À finir")
    assert kept.status_code == 303
    assert 'value="À finir"' in client.get(kept.location).text
    assert Ticket.select().where(Ticket.summary == "À finir").count() == 0
    row = Draft.get()
    away = save(client, f"/drafts/{row.id}/afresh", summary="À finir ici", idempotency_key=KEY)
    assert away.status_code == 303
    page = client.get(away.location).text
    assert "À finir" not in page and f"/drafts/{row.id}/return" in page
    save(client, f"/drafts/{row.id}/return")
    assert 'value="À finir ici"' in client.get("/requests/new/question").text


def test_a_note_draft_never_comes_back_in_the_reply_box(client: Any, world: Any, scene: Scene) -> None:
    ticket = scene.request("alice")
    client.sign_in(world.sam)
    assert (
        save(client, f"/tickets/{ticket.number}/drafts/note", body="Strictement entre nous").status_code
        == 200
    )
    page = client.get(f"/desk/tickets/{ticket.number}").text
    assert page.count("Strictement entre nous") == 1
    assert "Strictement entre nous" in page.split('id="note-body"')[1][:400]
    client.sign_in(world.alice)
    assert "Strictement entre nous" not in client.get(f"/tickets/{ticket.number}").text
    assert Message.select().where(Message.body == "Strictement entre nous").count() == 0


def test_a_draft_without_the_token_is_refused(client: Any, world: Any) -> None:
    client.sign_in(world.alice)
    answer = client.post(
        "/requests/new/question/draft", data={"summary": "x"}, headers={"Accept": "application/json"}
    )
    assert answer.status_code == 400 and Draft.select().count() == 0


@pytest.mark.parametrize("slug", ["user-deletion", "licence", "standard-help"])
def test_every_kind_of_field_comes_back(client: Any, world: Any, slug: str) -> None:
    from tests.support.right_entries import right_entry

    client.sign_in(world.alice)
    entry = {name: value for name, value in right_entry(slug).items() if isinstance(value, str)}
    client.submit(f"/requests/new/{slug}", button="keep_draft=1", **entry)
    page = client.get(f"/requests/new/{slug}").text
    for name, value in entry.items():
        if name not in ("consent", "irreversible") and len(value) > 3:
            assert presenters.escape(value.split("\n")[0][:40]) in page, name
    assert "irreversible" not in Draft.get().data and key()
