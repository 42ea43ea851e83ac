"""Sign-in by steps and the questions after it in a real browser, read by axe in two looks, and once without scripts."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from domain import profile_questions, settings
from models import IdentityProvider, ProfileAnswer, ProfileQuestion
from tests.support.browsing import DESK, PHONE
from tests.support.client import PASSWORD

LOOKS = [(DESK, "light"), (PHONE, "dark")]


@pytest.fixture
def portal(live_server: Any, world: Any, clock: Any) -> Any:
    """A portal with steps, an organisation that signs in elsewhere, and a question."""
    settings.put("sign_in_by_steps", True, by=None, now=clock.now)
    IdentityProvider.create(
        slug="acme", name_fr="Annuaire Acme", name_en="Acme directory", issuer="https://acme.example",
        client_id="portal", organisation=world.organisations["acme"].id, is_active=True, is_listed=False,
    )  # fmt: skip
    options = [
        {"value": "pay", "fr": "La paie", "en": "Payroll"},
        {"value": "time", "fr": "Les heures", "en": "Time"},
    ]
    ProfileQuestion.create(slug="job", name_fr="Votre fonction", name_en="Your job", position=1)
    ProfileQuestion.create(
        slug="use", name_fr="Vous gérez", name_en="You manage", answer="choice", options=options, position=2
    )
    profile_questions.forget()
    return live_server


@pytest.mark.parametrize(("size", "scheme"), LOOKS, ids=["desk", "phone"])
def test_charlie_gives_a_name_changes_it_goes_back_signs_in_and_skips_the_questions(
    browser_context: Any, portal: Any, axe: Any, size: Any, scheme: str
) -> None:
    page = browser_context(viewport=size, color_scheme=scheme).new_page()
    page.goto(f"{portal.url}/login")
    axe(page)
    # The box stands beside the card where there is room, and under it where there is none.
    card, box = page.locator(".door > .panel").bounding_box(), page.locator(".door > aside").bounding_box()
    assert (
        (box["x"] >= card["x"] + card["width"]) if size is DESK else (box["y"] >= card["y"] + card["height"])
    )
    page.locator("[name=email]").fill("charlei@globex.example")
    page.keyboard.press("Enter")
    page.wait_for_url("**/login/password")
    expect(page.locator("[name=password]")).to_be_focused()
    expect(page.get_by_text("charlei@globex.example", exact=True)).to_be_visible()
    axe(page)
    page.get_by_role("link", name="Changer de nom").click()
    expect(page.locator("[name=email]")).to_have_value("charlei@globex.example")
    page.locator("[name=email]").fill("charlie@globex.example")
    page.keyboard.press("Enter")
    page.wait_for_url("**/login/password")
    # Back is the first step, with the name; forward is the second again.
    page.go_back()
    expect(page.locator("[name=email]")).to_have_value("charlie@globex.example")
    page.locator("[name=email]").press("Enter")
    page.wait_for_url("**/login/password")
    page.keyboard.type("ce n’est pas le bon mot")
    page.keyboard.press("Enter")
    expect(page.locator(".error-summary")).to_be_focused()
    axe(page)
    page.locator("[name=password]").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/account/questions")
    axe(page)
    page.get_by_role("button", name="Ignorer toutes les questions").click()
    page.wait_for_url(f"{portal.url}/")
    page.goto(f"{portal.url}/account")
    expect(page.get_by_role("heading", name="À propos de vous")).to_be_visible()
    axe(page)
    page.get_by_role("link", name="Modifier mes réponses").click()
    page.get_by_label("Votre fonction").fill("Comptable")
    page.get_by_label("Vous gérez").select_option("pay")
    axe(page)
    page.get_by_role("button", name="Garder mes réponses").click()
    page.wait_for_url("**/account")
    expect(page.get_by_text("Comptable")).to_be_visible()
    assert sorted(row.text_en for row in ProfileAnswer.select()) == ["Comptable", "Payroll"]


def test_without_scripts_an_address_of_acme_is_led_to_its_directory_and_the_password_stays_there(
    browser_context: Any, portal: Any, axe: Any
) -> None:
    page = browser_context(viewport=PHONE, java_script_enabled=False).new_page()
    page.goto(f"{portal.url}/login?next=/tickets")
    page.locator("[name=email]").fill("alice@acme.example")
    page.get_by_role("button", name="Suivant").click()
    page.wait_for_url("**/login/password?**")
    onward = page.get_by_role("link", name="Continuer vers Annuaire Acme")
    assert onward.get_attribute("href") == "/login/with/acme?next=/tickets"
    expect(page.locator("[name=password]")).to_have_count(0)
    page.get_by_role("link", name="Me connecter avec mon mot de passe").click()
    page.locator("[name=password]").fill(PASSWORD)
    page.get_by_role("button", name="Se connecter", exact=True).click()
    # Who was on the way somewhere goes there, past no question.
    page.wait_for_url("**/tickets")


def test_the_step_that_leads_elsewhere_is_read_by_axe(browser_context: Any, portal: Any, axe: Any) -> None:
    page = browser_context(viewport=DESK, color_scheme="dark", locale="en-GB").new_page()
    page.goto(f"{portal.url}/login")
    page.locator("[name=email]").fill("nobody@acme.example")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Go on to Acme directory")).to_be_visible()
    axe(page)
