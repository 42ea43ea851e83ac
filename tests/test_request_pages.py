"""The page of a request form: what it shows, what it keeps when it refuses, what it does without any script."""

from __future__ import annotations

import io
import re
import threading
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest

from forms.requests import REQUEST_FORMS
from models import Attachment, ConsentText, Membership, Organisation, Person, RequestForm, Ticket
from tests.support import lint
from tests.support.browsing import DESK, NARROW, PHONE, assert_looks
from tests.support.client import values_of
from tests.support.right_entries import NEEDED, PDF, PNG, WITH_A_FILE, right_entry


def address(slug):
    return f"/requests/new/{slug}"


def entry_with_file(slug, **changes):
    """A right entry as submit() takes it, with a file where one is needed."""
    entry = {**right_entry(slug), **changes}
    if slug in WITH_A_FILE:
        entry["attachments"] = (io.BytesIO(PNG), "capture.png")
    return entry


def form_of(response) -> ElementTree.Element:
    return next(form for form in lint.parse(response.text).iter("form") if form.get("id") == "request")


def typed_in(response):
    """What a browser would send if the form were sent again as it is."""
    return values_of(form_of(response))


def summary_links(response):
    """Where the lines of the error summary lead."""
    found = re.search(r'<div class="error-summary".*?</ul>', response.text, re.DOTALL)
    return [] if found is None else re.findall(r'href="#([^"]+)"', found.group(0))


def ids(response):
    return {element.get("id") for element in lint.parse(response.text).iter()}


def speak(person, language):
    Person.update(language=language).where(Person.id == person.id).execute()


# ---- Every form, from its page to its request -----------------------------------------------------------


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("slug", REQUEST_FORMS)
def test_every_form_says_what_it_is_for_in_the_language_of_the_reader(client, alice, slug, language):
    speak(alice, language)
    client.sign_in(alice)
    page = client.get(address(slug))
    assert page.status_code == 200
    row = RequestForm.get(RequestForm.slug == slug)
    words = lint.text_of(lint.parse(page.text).find(".//main"))
    for said in ("name", "purpose", "when", "example"):
        assert " ".join(getattr(row, f"{said}_{language}").split()) in words, said
    for line in getattr(row, f"include_{language}").split("\n"):
        assert " ".join(line.split()) in words
    assert "alice@acme.example" in words


@pytest.mark.parametrize("slug", REQUEST_FORMS)
def test_every_form_refuses_an_empty_entry_at_each_field(client, alice, slug):
    client.sign_in(alice)
    page = client.submit(
        address(slug), **{n: "" for n in ("version", "company", "country") if n in right_entry(slug)}
    )
    assert page.status_code == 422
    common = {"summary", "description"} | (set() if slug == "improvement" else {"consent"})
    linked = {link.removesuffix("-0") for link in summary_links(page)}
    assert linked == common | NEEDED[slug]
    assert set(summary_links(page)) <= ids(page)
    count = len(common | NEEDED[slug])
    assert f"{count} points à revoir" in re.search("<title>(.*?)</title>", page.text).group(1)


@pytest.mark.parametrize("slug", REQUEST_FORMS)
def test_every_form_sends_a_right_entry_and_leads_to_its_request(client, alice, slug):
    client.sign_in(alice)
    answer = client.submit(address(slug), **entry_with_file(slug))
    assert answer.status_code == 303
    ticket = Ticket.select().order_by(Ticket.id.desc()).get()
    # What cannot be undone is confirmed on the page that follows (REQ-4).
    more = "/deletion" if slug in ("user-deletion", "mfa-reset") else ""
    assert answer.location == f"/tickets/{ticket.number}{more}"
    assert (ticket.form_slug, ticket.opened_by_id) == (slug, alice.id)
    after = client.get(answer.location)
    assert after.status_code == 200
    banner = " ".join(lint.text_of(e) for e in lint.parse(after.text).iter() if e.get("role") == "status")
    assert ticket.number in banner


@pytest.mark.parametrize("slug", REQUEST_FORMS)
def test_every_form_keeps_all_that_was_typed_when_it_refuses(client, alice, slug):
    client.sign_in(alice)
    entry = entry_with_file(slug, summary="x", cc="bob@acme.example")
    page = client.submit(address(slug), **entry)
    assert page.status_code == 422
    assert summary_links(page) == ["summary"]
    kept = typed_in(page)
    for name, value in entry.items():
        if name == "attachments":
            assert len(kept.getlist("attachment_keys")) == 1
        elif name == "quantity" or isinstance(value, str):
            assert kept[name].replace("\r\n", "\n") == value, name
    # Sent again as it stands, with the one field put right, it goes through: nothing has to be given twice.
    answer = client.send(page, summary="Cette fois en entier")
    assert answer.status_code == 303


# ---- Who ---------------------------------------------------------------------------------------------------


def test_a_form_that_does_not_exist_is_a_page_that_does_not_exist(client, alice):
    client.sign_in(alice)
    for slug in ("coffee", "question ", "QUESTION", "..", "é", "question/x"):
        assert client.get(address(slug)).status_code == 404, slug
        assert client.post(address(slug)).status_code in {400, 404}, slug


def test_a_form_that_is_switched_off_is_gone(client, alice):
    RequestForm.update(is_active=False).where(RequestForm.slug == "patch").execute()
    client.sign_in(alice)
    assert client.get(address("patch")).status_code == 404


def test_dana_is_told_whom_to_ask(client, dana, bob):
    client.sign_in(dana)
    page = client.get(address("question"))
    assert page.status_code == 403
    assert bob.full_name in page.text and bob.email in page.text
    assert "<form id" not in page.text


def test_dana_cannot_send_a_form_either(client, app, dana):
    app.config["WTF_CSRF_ENABLED"] = False
    client.sign_in(dana)
    before = Ticket.select().count()
    assert client.post(address("question"), data=right_entry("question")).status_code == 403
    assert Ticket.select().count() == before


def test_staff_do_not_open_requests_here(client, sam):
    client.sign_in(sam)
    assert client.get(address("question")).status_code == 403


def test_a_person_without_organisation_is_told_what_is_missing(client, alice):
    Membership.delete().where(Membership.person == alice.id).execute()
    client.sign_in(alice)
    page = client.get(address("question"))
    assert page.status_code == 403
    assert "rattach" in page.text


def test_bob_chooses_among_his_colleagues(client, bob, dana):
    client.sign_in(bob)
    page = client.get(address("question"))
    options = [option.get("value") for option in form_of(page).iter("option")]
    assert str(dana.id) in options and options[0] == str(bob.id)
    answer = client.send(page, **right_entry("question"), on_behalf_of=str(dana.id))
    assert answer.status_code == 303
    ticket = Ticket.select().order_by(Ticket.id.desc()).get()
    assert (ticket.requester_id, ticket.opened_by_id) == (dana.id, bob.id)


def test_a_forged_name_is_refused_by_the_field(client, app, alice, bob):
    app.config["WTF_CSRF_ENABLED"] = False
    client.sign_in(alice)
    page = client.post(address("question"), data={**right_entry("question"), "on_behalf_of": str(bob.id)})
    assert page.status_code == 422
    assert summary_links(page) == ["on_behalf_of"]


def test_the_page_says_who_will_read_the_request(client, alice, bob):
    client.sign_in(alice)
    page = client.get(address("question"))
    audience = next(e for e in lint.parse(page.text).iter("fieldset") if e.get("id") == "audience")
    assert bob.full_name in lint.text_of(audience)
    assert "administrateur" in lint.text_of(audience)


def test_the_account_manager_is_named_and_the_box_is_empty(client, alice, world):
    client.sign_in(alice)
    inputs = {e.get("name"): e for e in form_of(client.get(address("question"))).iter("input")}
    box = inputs["share_with_account_manager"]
    assert box.get("checked") is None
    assert world.marc.full_name in client.get(address("question")).text
    Organisation.update(account_manager=None).execute()
    assert "share_with_account_manager" not in client.get(address("question")).text


def test_the_consent_box_is_empty_and_shows_the_text_and_its_version(client, alice):
    client.sign_in(alice)
    page = client.get(address("question"))
    boxes = {e.get("name"): e for e in form_of(page).iter("input") if e.get("type") == "checkbox"}
    assert boxes["consent"].get("checked") is None
    text = ConsentText.select().order_by(ConsentText.version.desc()).get()
    words = lint.text_of(form_of(page))
    assert f"version {text.version}" in words
    assert " ".join(text.text_fr.split("\n\n")[0].split()) in words


def test_improvement_shows_no_consent(client, alice):
    client.sign_in(alice)
    assert 'name="consent"' not in client.get(address("improvement")).text


# ---- Files ---------------------------------------------------------------------------------------------------


def test_a_file_that_is_refused_says_why_by_the_field_and_the_rest_is_kept(client, alice):
    client.sign_in(alice)
    files = [
        (io.BytesIO(PNG), "capture.png"),
        (io.BytesIO(b"MZ\x90"), "outil.exe"),
        (io.BytesIO(PDF), "note.pdf"),
    ]
    page = client.submit(address("question"), **right_entry("question"), attachments=files)
    assert page.status_code == 422
    assert summary_links(page) == ["attachments"]
    assert "outil.exe" in page.text
    assert len(typed_in(page).getlist("attachment_keys")) == 2
    assert client.send(page).status_code == 303
    ticket = Ticket.select().order_by(Ticket.id.desc()).get()
    assert [row.name for row in ticket.attachments.order_by(Attachment.id)] == ["capture.png", "note.pdf"]


def test_a_file_too_large_is_refused_by_the_field_and_the_rest_is_kept(client, alice):
    client.sign_in(alice)
    large = io.BytesIO(b"ligne de journal\n" * (26 * 1024 * 1024 // 17))
    page = client.submit(
        address("question"),
        **right_entry("question"),
        attachments=[(large, "journal.log"), (io.BytesIO(PNG), "a.png")],
    )
    assert page.status_code == 422
    assert summary_links(page) == ["attachments"]
    assert "journal.log" in page.text and "25" in page.text
    # The body of this POST was spooled to a file by the client of the test.
    page.request.environ["wsgi.input"].close()
    kept = typed_in(page)
    assert len(kept.getlist("attachment_keys")) == 1
    assert kept["description"].replace("\r\n", "\n") == right_entry("question")["description"]


def test_more_files_than_allowed_are_left_out_by_name(client, alice):
    client.sign_in(alice)
    files = [(io.BytesIO(PNG), f"capture-{n}.png") for n in range(12)]
    page = client.submit(address("question"), **right_entry("question"), attachments=files)
    assert page.status_code == 422
    assert len(typed_in(page).getlist("attachment_keys")) == 10
    assert "capture-10.png" in page.text and "capture-11.png" in page.text
    assert client.send(page).status_code == 303


def test_a_file_is_taken_back_without_any_script_and_nothing_else_changes(client, alice):
    client.sign_in(alice)
    files = [(io.BytesIO(PNG), "capture.png"), (io.BytesIO(PDF), "note.pdf")]
    page = client.submit(address("question"), summary="Deux fichiers", attachments=files)
    first, second = typed_in(page).getlist("attachment_keys")
    page = client.send(page, button=f"remove_file={first}")
    assert page.status_code == 200
    assert typed_in(page).getlist("attachment_keys") == [second]
    assert typed_in(page)["summary"] == "Deux fichiers"
    assert summary_links(page) == []
    assert not Attachment.select().where(Attachment.key == first).exists()


def test_files_of_somebody_else_are_not_taken(client, app, alice, charlie):
    app.config["WTF_CSRF_ENABLED"] = False
    client.sign_in(charlie)
    page = client.submit(address("question"), attachments=(io.BytesIO(PNG), "secret-globex.png"))
    [key] = typed_in(page).getlist("attachment_keys")
    client.sign_in(alice)
    data = {**right_entry("question"), "attachment_keys": key}
    answer = client.post(address("question"), data=data)
    assert answer.status_code == 303
    ticket = Ticket.select().order_by(Ticket.id.desc()).get()
    assert ticket.attachments.count() == 0
    removal = client.post(address("question"), data={**data, "remove_file": key})
    assert removal.status_code == 200 and "secret-globex" not in removal.text
    assert Attachment.get(Attachment.key == key).ticket_id is None


# ---- People ---------------------------------------------------------------------------------------------------


def test_people_are_added_and_removed_without_any_script(client, alice):
    client.sign_in(alice)
    page = client.submit(address("user-deletion"), button="add_person=1", summary="Trois départs")
    assert page.status_code == 200 and summary_links(page) == []
    page = client.send(page, button="add_person=1", people_0_full_name="Un", people_1_full_name="Deux")
    page = client.send(page, people_2_full_name="Trois", button="remove_person-1=1")
    assert page.status_code == 200
    kept = typed_in(page)
    assert (kept["people-0-full_name"], kept["people-1-full_name"]) == ("Un", "Trois")
    assert "people-2-full_name" not in kept
    assert kept["summary"] == "Trois départs"
    assert Ticket.select().where(Ticket.summary == "Trois départs").count() == 0


def test_files_sent_while_a_person_is_added_are_kept(client, alice):
    client.sign_in(alice)
    page = client.submit(
        address("mfa-reset"), button="add_person=1", attachments=(io.BytesIO(PNG), "capture.png")
    )
    assert page.status_code == 200
    assert len(typed_in(page).getlist("attachment_keys")) == 1


@pytest.mark.parametrize(
    "button", ["remove_person-99", "remove_person-²", "remove_person-", "remove_person-99999"]
)
def test_a_strange_button_breaks_nothing(client, app, alice, button):
    app.config["WTF_CSRF_ENABLED"] = False
    client.sign_in(alice)
    data = {**right_entry("mfa-reset"), button: "1", "summary": ""}
    assert client.post(address("mfa-reset"), data=data).status_code in {200, 422}


# ---- Sent once, taken up again ---------------------------------------------------------------------------------


def test_a_form_sent_twice_makes_one_request(client, alice):
    client.sign_in(alice)
    page = client.get(address("vat-change"))
    first = client.send(page, **entry_with_file("vat-change"))
    second = client.send(page, **entry_with_file("vat-change"))
    assert (first.status_code, second.status_code) == (303, 303)
    assert first.location == second.location
    assert Ticket.select().where(Ticket.form_slug == "vat-change", Ticket.requester == alice.id).count() == 1


def test_a_form_sent_again_with_its_kept_file_makes_one_request(client, alice):
    client.sign_in(alice)
    page = client.submit(address("vat-change"), **entry_with_file("vat-change", summary="x"))
    first = client.send(page, summary="Nouvelle raison sociale")
    second = client.send(page, summary="Nouvelle raison sociale")
    assert first.status_code == second.status_code == 303
    assert first.location == second.location


def test_a_key_used_for_something_else_is_explained_with_a_link(client, alice):
    client.sign_in(alice)
    page = client.get(address("question"))
    first = client.send(page, **right_entry("question"))
    for changes in ({"summary": "Tout autre chose"}, {"summary": ""}):
        second = client.send(page, **{**right_entry("question"), **changes})
        assert second.status_code == 409
        assert first.location in second.text


def test_the_key_of_somebody_else_says_nothing_about_their_request(client, app, alice, charlie):
    app.config["WTF_CSRF_ENABLED"] = False
    client.sign_in(alice)
    data = {**right_entry("question"), "idempotency_key": "alice-has-this-key-of-hers"}
    number = client.post(address("question"), data=data).location.rsplit("/", 1)[1]
    client.sign_in(charlie)
    answer = client.post(address("question"), data={**data, "summary": "Celle de Charlie"})
    assert answer.status_code == 409
    assert number not in answer.text and right_entry("question")["summary"] not in answer.text


def test_five_clicks_at_once_make_one_request(client, app, alice):
    app.config["WTF_CSRF_ENABLED"] = False
    client.sign_in(alice)
    cookie = client.get_cookie("guichet")
    answers = []

    def click():
        other = app.test_client()
        other.lint = False
        other.set_cookie("guichet", cookie.value)
        data = {**entry_with_file("vat-change"), "idempotency_key": "one-key-for-all-of-them"}
        answers.append(other.post(address("vat-change"), data=data, content_type="multipart/form-data"))

    threads = [threading.Thread(target=click) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} == {303}
    assert len({answer.location for answer in answers}) == 1
    assert Ticket.select().where(Ticket.form_slug == "vat-change", Ticket.requester == alice.id).count() == 1


def test_a_follow_up_starts_from_the_first_request_and_asks_why(client, alice):
    client.sign_in(alice)
    number = client.submit(address("question"), **right_entry("question")).location.rsplit("/", 1)[1]
    Ticket.update(status="closed").where(Ticket.number == number).execute()
    page = client.get(f"{address('question')}?follow_up={number}")
    assert page.status_code == 200 and number in page.text
    kept = typed_in(page)
    assert kept["summary"] == right_entry("question")["summary"]
    assert kept["description"].strip() == right_entry("question")["description"]
    assert client.send(page, consent="y").status_code == 422
    answer = client.send(page, consent="y", reason="C’est revenu ce matin.")
    assert answer.status_code == 303
    ticket = Ticket.select().order_by(Ticket.id.desc()).get()
    assert ticket.follow_up_of.number == number


def test_a_follow_up_of_a_foreign_request_is_a_page_that_does_not_exist(client, app, alice, charlie):
    app.config["WTF_CSRF_ENABLED"] = False
    client.sign_in(charlie)
    number = client.submit(address("question"), **right_entry("question")).location.rsplit("/", 1)[1]
    Ticket.update(status="closed").where(Ticket.number == number).execute()
    client.sign_in(alice)
    foreign = client.get(f"{address('question')}?follow_up={number}")
    absent = client.get(f"{address('question')}?follow_up=SUP-999999")
    assert foreign.status_code == absent.status_code == 404
    data = {**right_entry("question"), "follow_up": number, "reason": "x"}
    assert client.post(address("question"), data=data).status_code == 404


def test_text_typed_under_an_expired_token_comes_back(client, alice):
    client.sign_in(alice)
    page = client.submit(address("user-deletion"), button="add_person=1", people_0_full_name="Jean Moreau")
    entry = {**right_entry("user-deletion"), "people-1-full_name": "Lucía Fernández", "csrf_token": "expired"}
    answer = client.send(page, **entry)
    assert answer.status_code == 303
    back = client.get(answer.location)
    kept = typed_in(back)
    for name, value in entry.items():
        if name not in {"csrf_token", "consent", "irreversible"}:
            assert kept[name].replace("\r\n", "\n").strip() == value, name
    assert summary_links(back) == []


# ---- Advice, and what no browser sends -------------------------------------------------------------------------


def test_a_vague_subject_gets_advice_only_when_the_page_comes_back(client, alice):
    client.sign_in(alice)
    page = client.submit(address("incident"), summary="Erreur")
    assert page.status_code == 422
    assert "« Erreur »" in page.text.replace("\u202f", " ")
    assert client.send(page, **{**right_entry("incident"), "summary": "Erreur"}).status_code == 303


@pytest.mark.parametrize("slug", ["question", "user-deletion", "licence", "vat-change"])
def test_malformed_entries_never_break_the_page(client, app, alice, slug):
    app.config["WTF_CSRF_ENABLED"] = False
    client.lint = False
    client.sign_in(alice)
    names = [
        *right_entry(slug),
        "idempotency_key",
        "follow_up",
        "attachment_keys",
        "consent_version",
        "organisation",
    ]
    for value in (
        "\x00",
        "9" * 5000,
        str(2**63),
        "\ufffd\uffff",
        "[]",
        "{}",
        "null",
        "'\"<script>",
        "x" * 30_000,
    ):
        for name in names:
            answer = client.post(address(slug), data={**right_entry(slug), name: value})
            assert answer.status_code in {303, 400, 404, 409, 422}, (name, value[:20])
            answer = client.post(
                address(slug), data={**right_entry(slug), name: [value, value], f"{name}[]": value}
            )
            assert answer.status_code in {303, 400, 404, 409, 422}, (name, value[:20])
    bodies = SimpleNamespace(
        json=b'{"summary": ["x"]}',
        cut=b"--x\r\nContent-Disposition: form-data; name=",
        text=b"\xff\xfe\x00" * 50,
    )
    for kind, body in (
        ("application/json", bodies.json),
        ("multipart/form-data; boundary=x", bodies.cut),
        ("multipart/form-data", bodies.cut),
        ("application/x-www-form-urlencoded", bodies.text),
    ):
        answer = client.post(address(slug), data=body, content_type=kind)
        assert answer.status_code in {400, 422}, kind


def test_what_was_typed_is_shown_as_text(client, alice):
    client.sign_in(alice)
    attack = "</textarea><script>alert(1)</script>"
    page = client.submit(address("question"), summary='"><img src=x onerror=alert(1)>', description=attack)
    assert page.status_code == 422
    assert "<script>alert" not in page.text and "<img src=x" not in page.text
    assert typed_in(page)["description"].strip() == attack


@pytest.mark.usefixtures("frozen_memory")
@pytest.mark.parametrize("slug", REQUEST_FORMS)
def test_a_form_asks_the_database_the_same_few_questions_whoever_asks(client, alice, bob, slug, caplog):
    counts = []
    for person in (alice, bob):
        client.sign_in(person)
        client.get(address(slug))
        caplog.clear()
        with caplog.at_level("DEBUG", logger="peewee"):
            client.get(address(slug))
        counts.append(sum(1 for record in caplog.records if "SELECT" in str(record.msg)))
    assert max(counts) <= 14
    assert abs(counts[0] - counts[1]) <= 1


# ---- In a real browser -----------------------------------------------------------------------------------------


def browser_of(live_server, browser_context, person, **options):
    """A browser in which somebody is signed in."""
    client = live_server.application.test_client()
    client.sign_in(person)
    context = browser_context(**options)
    cookie = client.get_cookie("guichet")
    context.add_cookies([{"name": "guichet", "value": cookie.value, "url": live_server.url}])
    return context.new_page()


LOOKS = {
    "desk, light": {"viewport": DESK},
    "phone, dark": {"viewport": PHONE, "color_scheme": "dark"},
}


@pytest.mark.browser
# `make test` looks at each form in test_accessibility.py.
@pytest.mark.long
@pytest.mark.parametrize("options", LOOKS.values(), ids=LOOKS)
def test_every_form_is_accessible_empty_and_refused(live_server, browser_context, alice, axe, options):
    page = browser_of(live_server, browser_context, alice, **options)
    for at in ("/catalogue", *map(address, REQUEST_FORMS)):
        page.goto(at)
        axe(page)
        assert_looks(page)
        if at != "/catalogue":
            page.fill("#summary", "Erreur")
            page.click("#request .form-actions button")
            page.wait_for_selector(".error-summary")
            axe(page)
            assert_looks(page)


@pytest.mark.browser
def test_no_form_scrolls_sideways_on_the_narrowest_screen(live_server, browser_context, alice):
    page = browser_of(live_server, browser_context, alice, viewport=NARROW)
    for at in ("/catalogue", *map(address, REQUEST_FORMS)):
        page.goto(at)
        assert_looks(page)


@pytest.mark.browser
@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_deletion_of_two_people_is_sent_with_a_file(live_server, browser_context, alice, tmp_path, scripts):
    capture = tmp_path / "capture.png"
    capture.write_bytes(PNG)
    page = browser_of(live_server, browser_context, alice, java_script_enabled=scripts)
    page.goto(address("user-deletion"))
    page.set_input_files("#attachments", capture)
    page.fill("#people-0-full_name", "Jean Moreau")
    page.fill("#people-0-employee_number", "1784031")
    page.fill("#people-0-url", "https://app.initech.example/employees/1784031")
    page.click("button[name=add_person]")
    page.fill("#people-1-full_name", "Lucía Fernández")
    page.fill("#people-1-employee_number", "1784102")
    page.fill("#people-1-url", "https://app.initech.example/employees/1784102")
    page.fill("#summary", "Deux départs de 2023")
    page.fill("#description", "Contrats terminés.")
    page.fill("#justification", "Notre règle de conservation.")
    # Enter sends the form: it does not press the first button, which would remove a person.
    page.press("#summary", "Enter")
    page.wait_for_selector(".error-summary")
    page.check("#irreversible")
    page.check("#consent")
    page.click("#request .form-actions button")
    page.wait_for_url("**/tickets/**")
    ticket = Ticket.get(Ticket.summary == "Deux départs de 2023")
    assert [person.full_name for person in ticket.named_people] == ["Jean Moreau", "Lucía Fernández"]
    assert [file.name for file in ticket.attachments] == ["capture.png"]
