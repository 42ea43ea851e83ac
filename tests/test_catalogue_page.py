"""The catalogue: what each form is for, read before one is opened (REQ-1)."""

from __future__ import annotations

import pytest

from forms.requests import REQUEST_FORMS
from models import Category, Membership, Person, RequestForm
from tests.support import lint


def words(page):
    return plain(lint.text_of(lint.parse(page.text).find(".//main")))


def plain(text):
    """Words with ordinary spaces: French ones are narrow here and there."""
    return " ".join(text.split())


@pytest.mark.parametrize("language", ["fr", "en"])
def test_categories_say_what_they_are_for_and_lead_to_their_forms(client, alice, language):
    Person.update(language=language).where(Person.id == alice.id).execute()
    client.sign_in(alice)
    page = client.get("/catalogue")
    assert page.status_code == 200
    for category in Category.select().where(Category.is_active):
        for said in ("name", "when", "example"):
            assert plain(getattr(category, f"{said}_{language}")) in words(page)
    # The guided path stands above the categories, and is no form of theirs.
    assert 'href="/requests/guided"' in page.text and 'href="/requests/new/guided"' not in page.text
    for form in RequestForm.select().where(RequestForm.is_active, RequestForm.slug != "guided"):
        assert f'href="/requests/new/{form.slug}"' in page.text
        assert plain(getattr(form, f"name_{language}")) in words(page)
        assert plain(getattr(form, f"when_{language}")) in words(page)


def test_all_thirteen_forms_stand_in_the_catalogue(client, alice):
    client.sign_in(alice)
    page = client.get("/catalogue")
    assert [slug for slug in REQUEST_FORMS if f'href="/requests/new/{slug}"' not in page.text] == []


def test_a_form_switched_off_or_without_fields_is_not_offered(client, alice):
    like = RequestForm.select().first()
    RequestForm.create(slug="coffee", category=like.category_id, name_fr="Café", name_en="Coffee")
    RequestForm.update(is_active=False).where(RequestForm.slug == "patch").execute()
    client.sign_in(alice)
    page = client.get("/catalogue")
    assert "/requests/new/coffee" not in page.text and "/requests/new/patch" not in page.text


def test_a_category_without_forms_is_left_out(client, alice):
    RequestForm.update(is_active=False).where(RequestForm.slug == "licence").execute()
    client.sign_in(alice)
    assert 'id="licences"' not in client.get("/catalogue").text


def test_dana_reads_the_catalogue_and_is_told_whom_to_ask(client, dana, bob):
    client.sign_in(dana)
    page = client.get("/catalogue")
    assert page.status_code == 200
    assert bob.full_name in words(page) and bob.email in words(page)


def test_those_who_may_open_requests_get_no_notice(client, alice, bob):
    client.sign_in(alice)
    assert bob.email not in client.get("/catalogue").text


def test_staff_and_people_without_organisation_read_why_they_cannot_open_requests(client, sam, alice):
    client.sign_in(sam)
    assert "clients" in words(client.get("/catalogue"))
    Membership.delete().where(Membership.person == alice.id).execute()
    client.sign_in(alice)
    assert "rattach" in words(client.get("/catalogue"))


def test_the_catalogue_asks_for_sign_in(client):
    answer = client.get("/catalogue")
    assert answer.status_code == 303
    assert "/login" in answer.location
