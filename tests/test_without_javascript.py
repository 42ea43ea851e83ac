"""Everything works without scripts: the thirteen forms, answers with files, the desk, lists, the administration.

Most tests use a client that sends what a browser without scripts would. Some use Chromium with scripts switched off:
there, what only a script would show or enable must not be missing.
"""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

import pytest
from playwright.sync_api import expect

from forms.requests import REQUEST_FORMS
from models import Attachment, LicenceRequest, Message, NamedPerson, Person, Team, Ticket
from tests.support.browser_pages import PICTURE, be, fill_in, number_of, send, sign_in_by_page
from tests.support.browsing import PHONE
from tests.support.right_entries import NEEDED, PDF, PNG, right_entry
from tests.support.scene import Scene


@pytest.fixture
def scene(client: Any, world: SimpleNamespace) -> Scene:
    """Makes requests."""
    return Scene(client.application, world)


@pytest.fixture
def enter(live_server: Any, browser_context: Any) -> Any:
    """Open a browser without scripts in which somebody is signed in."""

    def open_for(person: Any, **options: Any) -> Any:
        return be(browser_context(java_script_enabled=False, **options), live_server, person).new_page()

    return open_for


def request_at(answer: Any) -> Ticket:
    """The request that an answer leads to."""
    return Ticket.get(Ticket.number == answer.headers["Location"].split("/")[2])


# ---- The thirteen forms --------------------------------------------------------------------------------------


@pytest.mark.parametrize("slug", REQUEST_FORMS)
def test_each_form_is_sent(client: Any, world: Any, slug: str) -> None:
    client.sign_in(world.alice)
    files = [(io.BytesIO(PNG), "capture.png"), (io.BytesIO(PDF), "preuve.pdf")]
    sent = client.submit(f"/requests/new/{slug}", form="request", **right_entry(slug), attachments=files)
    assert sent.status_code == 303, sent.text
    # What cannot be undone leads to its recap first (REQ-4).
    assert client.get(sent.headers["Location"]).status_code == 200
    ticket = request_at(sent)
    assert (ticket.form_slug, ticket.summary) == (slug, right_entry(slug)["summary"])
    assert f'data-ticket="{ticket.number}"' in client.get(f"/tickets/{ticket.number}").text
    assert {row.name for row in Attachment.select().where(Attachment.ticket == ticket)} == {
        "capture.png",
        "preuve.pdf",
    }


@pytest.mark.parametrize("slug", REQUEST_FORMS)
def test_each_form_refused_keeps_what_was_typed_and_the_files(client: Any, world: Any, slug: str) -> None:
    client.sign_in(world.alice)
    entry = right_entry(slug)
    missing = {name for name in NEEDED[slug] & set(entry) if not name.startswith("people")} | {"summary"}
    kept = {name: value for name, value in entry.items() if name not in missing}
    first = client.submit(
        f"/requests/new/{slug}", form="request", **kept, attachments=[(io.BytesIO(PNG), "capture.png")]
    )
    assert first.status_code == 422
    assert 'class="error-summary"' in first.text
    assert "capture.png" in first.text
    assert entry["description"].split("\n")[0] in first.text
    second = client.send(first, form="request", **{name: entry[name] for name in missing})
    assert second.status_code == 303, second.text
    ticket = request_at(second)
    assert Attachment.get(Attachment.ticket == ticket).name == "capture.png"


def test_a_file_is_taken_back_with_a_button(client: Any, world: Any) -> None:
    client.sign_in(world.alice)
    refused = client.submit(
        "/requests/new/question", form="request", summary="Une question",
        attachments=[(io.BytesIO(PNG), "un.png"), (io.BytesIO(PDF), "deux.pdf")],
    )  # fmt: skip
    key = Attachment.get(Attachment.name == "un.png").key
    again = client.send(refused, form="request", button=f"remove_file={key}")
    assert again.status_code == 200
    assert "deux.pdf" in again.text and "un.png" not in again.text
    assert 'value="Une question"' in again.text


def test_people_are_added_and_taken_out_with_buttons(client: Any, world: Any) -> None:
    client.sign_in(world.alice)
    two = client.submit(
        "/requests/new/mfa-reset",
        form="request",
        button="add_person=1",
        **{"people-0-full_name": "Jean Moreau"},
    )
    assert two.status_code == 200 and "people-1-full_name" in two.text
    one = client.send(two, form="request", button="remove_person-0=1", **{"people-1-full_name": "Anne Leroy"})
    assert 'value="Anne Leroy"' in one.text and "Jean Moreau" not in one.text
    entry = {**right_entry("mfa-reset"), "people-0-full_name": "Anne Leroy"}
    sent = client.send(one, form="request", **entry)
    assert sent.status_code == 303
    assert [row.full_name for row in NamedPerson.select()][-1:] == ["Anne Leroy"]


def test_a_licence_form_that_is_attached_fills_in_the_record(client: Any, world: Any) -> None:
    client.sign_in(world.alice)
    blank = client.get("/licences/blank-form.pdf")
    assert blank.data.startswith(b"%PDF")
    entry = right_entry("licence")
    for name in ("edition", "quantity"):
        del entry[name]
    sent = client.submit(
        "/requests/new/licence",
        form="request",
        **entry,
        attachments=[(io.BytesIO(blank.data), "licence.pdf")],
    )
    assert sent.status_code == 303, sent.text
    assert (
        LicenceRequest.select().order_by(LicenceRequest.id.desc()).get().ticket.requester_id == world.alice.id
    )


# ---- Signing in ------------------------------------------------------------------------------------------------


def test_one_signs_in_changes_language_and_signs_out(client: Any, world: Any) -> None:
    assert client.sign_in_by_page("alice@acme.example").status_code == 303
    home = client.get("/")
    assert '<html lang="fr"' in home.text
    assert client.send(home, form="/account/language", button="language=en").status_code == 303
    home = client.get("/")
    assert '<html lang="en"' in home.text
    assert client.send(home, form="/logout").status_code == 303
    assert client.get("/tickets").status_code == 303


def test_a_forgotten_password_is_chosen_anew(client: Any, world: Any, scene: Scene) -> None:
    assert client.submit("/password/forgotten", email="alice@acme.example").status_code == 303
    link = f"/password/{scene.link(world.alice)}"
    refused = client.submit(link, password="court")
    assert refused.status_code == 422
    assert client.send(refused, password="des mots que personne ne devine").status_code == 303
    client.sign_out()
    assert client.sign_in_by_page("alice@acme.example", "des mots que personne ne devine").status_code == 303


def test_an_account_is_made(client: Any, world: Any) -> None:
    sent = client.submit("/register", full_name="Zoé Neuve", email="zoe@acme.example", organisation="Acme")
    assert sent.status_code == 303
    assert client.get(sent.headers["Location"]).status_code == 200
    assert Person.get(Person.email == "zoe@acme.example").full_name == "Zoé Neuve"


def test_an_administrator_adds_and_removes_an_approved_contact(client: Any, world: Any) -> None:
    client.sign_in(world.bob)
    added = client.submit(
        "/organisation/contacts", full_name="Zoé Neuve", email="zoe@acme.example", reason="Arrive en paie"
    )
    assert added.status_code == 303, added.text
    membership = Person.get(Person.email == "zoe@acme.example").memberships.get()
    assert membership.can_open
    path = f"/organisation/contacts/{membership.id}/removal"
    assert client.submit(path, reason="Repartie").status_code == 303
    assert not type(membership).get_by_id(membership.id).can_open


# ---- Requests, lists, the desk ----------------------------------------------------------------------------------


def test_an_answer_with_a_file_is_sent(client: Any, world: Any, scene: Scene) -> None:
    ticket = scene.request("alice")
    client.sign_in(world.alice)
    path = f"/tickets/{ticket.number}"
    sent = client.submit(
        path, form="/replies", body="Voici la capture.", attachments=[(io.BytesIO(PNG), "ecran.png")]
    )
    assert sent.status_code == 303
    assert "Voici la capture." in client.get(path).text
    message = Message.select().where(Message.ticket == ticket).order_by(Message.id.desc()).get()
    assert [row.name for row in message.attachments] == ["ecran.png"]


def test_an_empty_answer_is_refused_beside_its_field(client: Any, world: Any, scene: Scene) -> None:
    ticket = scene.request("alice")
    client.sign_in(world.alice)
    refused = client.submit(f"/tickets/{ticket.number}", form="/replies", body="  ")
    assert refused.status_code == 422
    assert 'aria-invalid="true"' in refused.text


def test_a_customer_closes_and_takes_up_again(client: Any, world: Any, scene: Scene) -> None:
    ticket = scene.request("alice", form="question")
    scene.reply(ticket, "sam", "C’est réglé.", move_to="resolved")
    client.sign_in(world.alice)
    path = f"/tickets/{ticket.number}"
    assert client.submit(f"{path}/closure", body="Merci.").status_code == 303
    assert Ticket.get_by_id(ticket.id).status == "closed"
    form = client.get(f"{path}/follow-up", follow_redirects=True)
    sent = client.send(form, form="request", reason="Cela recommence.", consent="y")
    assert sent.status_code == 303, sent.text
    assert Ticket.select().order_by(Ticket.id.desc()).get().follow_up_of_id == ticket.id


def test_lists_are_filtered_searched_and_sorted(client: Any, world: Any, scene: Scene) -> None:
    ticket = scene.request("alice", form="api", summary="Le point d’accès des absences répond 500")
    client.sign_in(world.alice)
    found = client.submit("/tickets", form="/tickets", q="acces des ABSENCES", status="open")
    assert f'data-ticket="{ticket.number}"' in found.text
    other = client.send(found, form="/tickets", status="resolved")
    assert f'data-ticket="{ticket.number}"' not in other.text
    sorted_ = client.get("/tickets?sort=summary")
    assert 'aria-sort="ascending"' in sorted_.text


def test_the_desk_takes_answers_notes_and_moves(client: Any, world: Any, scene: Scene) -> None:
    ticket = scene.request("alice")
    path = f"/desk/tickets/{ticket.number}"
    client.sign_in(world.sam)
    assert client.submit(path, form="/assignment").status_code == 303
    assert Ticket.get_by_id(ticket.id).assignee_id == world.sam.id
    noted = client.submit(
        path, form="/notes", body="Vu avec Inès.", attachments=[(io.BytesIO(PNG), "note.png")]
    )
    assert noted.status_code == 303
    assert Attachment.get(Attachment.name == "note.png").is_internal
    asked = client.submit(
        path, form="/replies", body="Quelle version ?", status="waiting_customer", attachments=[(io.BytesIO(PDF), "guide.pdf")]
    )  # fmt: skip
    assert asked.status_code == 303
    assert Ticket.get_by_id(ticket.id).status == "waiting_customer"
    assert client.submit(path, form="/status", status="blocked", reason="On attend.").status_code == 303
    assert client.submit(path, form="/priority", priority="3", reason="Peu de personnes.").status_code == 303
    team = Team.get(Team.slug == "engineering")
    assert client.submit(path, form="/team", team=str(team.id)).status_code == 303
    assert client.submit(path, form="/cc", email="cabinet@elsewhere.example").status_code == 303
    stored = Ticket.get_by_id(ticket.id)
    assert (stored.status, stored.priority, stored.team_id) == ("blocked", "3", team.id)


def test_a_queue_is_filtered_and_searched(client: Any, world: Any, scene: Scene) -> None:
    ticket = scene.request("alice", summary="Un mot rare : hippocampe")
    client.sign_in(world.sam)
    page = client.get("/desk")
    found = client.send(page, form="/desk", q="hippocampe")
    assert ticket.number in found.text
    led = client.get(f"/desk?q={ticket.number}")
    assert led.status_code == 303 and led.headers["Location"].startswith(f"/desk/tickets/{ticket.number}")


def test_the_administration_lists_filters_edits_and_deletes(client: Any, world: Any) -> None:
    client.sign_in(world.root)
    assert client.get("/admin/team/?search=support&sort=0&desc=1").status_code == 200
    team = Team.get(Team.slug == "billing")
    edited = client.submit(f"/admin/team/edit/?id={team.id}", name_fr="Comptes et factures")
    assert edited.status_code == 303, edited.text
    assert Team.get_by_id(team.id).name_fr == "Comptes et factures"
    made = client.submit(
        "/admin/team/new/", slug="nuit", name_fr="Équipe de nuit", name_en="Night team", sentence_fr="La nuit.",
        sentence_en="At night.",
    )  # fmt: skip
    assert made.status_code == 303, made.text
    night = Team.get(Team.slug == "nuit")
    assert client.submit(f"/admin/team/delete/?id={night.id}").status_code == 303
    assert not Team.select().where(Team.slug == "nuit").exists()


# ---- In Chromium, scripts off --------------------------------------------------------------------------------------


def test_a_form_is_sent_in_chromium(enter: Any, world: Any) -> None:
    page = enter(world.alice, viewport=PHONE)
    page.goto("/requests/new/interface")
    fill_in(page, "interface")
    send(page)
    page.wait_for_url("**/tickets/*")
    assert Ticket.get(Ticket.number == number_of(page)).form_slug == "interface"


def test_a_form_with_people_is_sent_in_chromium(enter: Any, world: Any) -> None:
    page = enter(world.alice)
    page.goto("/requests/new/user-deletion")
    page.locator("button[name=add_person]").click()
    expect(page.locator("fieldset.person")).to_have_count(2)
    page.locator("button[name=remove_person-1]").click()
    fill_in(page, "user-deletion")
    send(page)
    page.wait_for_url("**/tickets/*/deletion")
    assert NamedPerson.select().where(NamedPerson.full_name == "Jean Moreau").exists()


def test_somebody_signs_in_and_out_in_chromium(browser_context: Any, world: Any) -> None:
    page = browser_context(java_script_enabled=False, viewport=PHONE).new_page()
    page.goto("/tickets")
    sign_in_by_page(page, "alice@acme.example")
    page.wait_for_url("**/tickets")
    page.locator("details.menu:has(.avatar) > summary").click()
    page.locator('form[action="/logout"] button').click()
    page.wait_for_url("**/login")


def test_an_answer_with_a_file_is_sent_in_chromium(enter: Any, world: Any, live_server: Any) -> None:
    ticket = Scene(live_server.application, world).request("alice")
    page = enter(world.alice, viewport=PHONE)
    page.goto(f"/tickets/{ticket.number}")
    page.locator("#answer textarea").fill("Voici la capture.")
    page.locator("#answer [name=attachments]").set_input_files([PICTURE])
    page.locator("#answer button.btn-primary").click()
    expect(page.locator(".messages")).not_to_be_empty()
    expect(page.locator("[data-message=reply]").last).to_contain_text("Voici la capture.")
    assert Attachment.select().where(Attachment.ticket == ticket).count() == 1


def test_the_desk_notes_and_answers_in_chromium(enter: Any, world: Any, live_server: Any) -> None:
    ticket = Scene(live_server.application, world).request("alice")
    page = enter(world.sam)
    page.goto("/desk")
    page.locator(f'a[href*="{ticket.number}"]').first.click()
    page.locator("label[for=mode-note]").click()
    page.locator("[data-note]").fill("Vu avec Inès.")
    page.locator('form[action$="/notes"] button.btn-note').click()
    expect(page.locator("[data-message=note]")).to_contain_text("Vu avec Inès.")
    page.locator("label[for=mode-reply]").click()
    page.locator("[data-reply]").fill("C’est réglé.")
    page.locator('form[action$="/replies"] select[name=status]').select_option("resolved")
    page.locator('form[action$="/replies"] button.btn-primary').click()
    expect(page.locator("[data-status=resolved]").first).to_be_visible()


def test_lists_are_filtered_in_chromium(enter: Any, world: Any, live_server: Any) -> None:
    ticket = Scene(live_server.application, world).request("alice", summary="Un mot rare : hippocampe")
    page = enter(world.alice, viewport=PHONE)
    page.goto("/tickets")
    page.locator("main [name=q]").fill("hippocampe")
    page.locator("main [name=q]").press("Enter")
    expect(page.locator("tr[data-ticket]")).to_have_count(1)
    expect(page.locator(f'tr[data-ticket="{ticket.number}"]')).to_be_visible()


def test_the_administration_edits_in_chromium(enter: Any, world: Any) -> None:
    page = enter(world.root)
    team = Team.get(Team.slug == "billing")
    page.goto("/admin/team/?search=factur")
    page.goto(f"/admin/team/edit/?id={team.id}")
    page.locator("[name=name_en]").fill("Accounts")
    page.locator("main form").filter(has=page.locator("[name=name_en]")).locator(
        "button.btn-primary"
    ).first.click()
    expect(page.locator(".messages")).not_to_be_empty()
    assert Team.get_by_id(team.id).name_en == "Accounts"
