"""The guided path in a real browser: by keyboard in French, and without scripts in English; no rule of access is broken."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from models import Person, Ticket
from tests.support.browsing import DESK, NARROW, PHONE, assert_looks
from tests.test_writing_browser import browser_of

pytestmark = pytest.mark.browser


def choose(page: Any, *answers: str) -> None:
    """Choose answers as people do, by their words: the button of a card stands under them."""
    for answer in answers:
        page.locator(f"label[for={answer}]").click()


def test_from_the_catalogue_to_the_request_by_keyboard(
    browser_context: Any, live_server: Any, world: Any
) -> None:
    page = browser_of(browser_context(viewport=DESK), live_server, world.alice)
    page.goto("/catalogue")
    page.get_by_role("link", name="Répondez à quelques questions").press("Enter")
    expect(page.get_by_text("Étape 1 sur 6", exact=True)).to_be_visible()
    for choice, words in (
        ("product", "De quel produit"),
        ("kind", "Quelle est la nature"),
        ("feature", "Quelle fonction"),
    ):
        expect(page.locator("h1")).to_contain_text(words)
        page.focus(f"#{choice}-0")
        # A list of answers is one stop, and the arrows go through it.
        page.keyboard.press("ArrowDown")
        expect(page.locator(f"#{choice}-1")).to_be_checked()
        page.keyboard.press("Enter")
        page.wait_for_url(lambda url, step=choice: step not in url)
    onward = page.locator(".form-actions .btn-primary")
    expect(onward).to_be_disabled()
    page.press("#severity-2", "Space")
    page.fill("#summary", "Le bouton Valider reste gris")
    expect(onward).to_be_disabled()
    page.fill("#description", "Depuis lundi.")
    expect(onward).to_be_enabled()
    expect(page.locator("[data-needs-said]")).to_be_hidden()
    page.press("#environment-0", "Space")
    # Back, and forward again: nothing is lost. Then the browser is closed, and another one goes on.
    page.get_by_role("button", name="Retour").press("Enter")
    expect(page.locator("#feature-1")).to_be_checked()
    other = browser_of(browser_context(viewport=PHONE), live_server, world.alice)
    page.close()
    other.goto("/requests/guided/details")
    expect(other.locator("#summary")).to_have_value("Le bouton Valider reste gris")
    other.locator(".form-actions .btn-primary").press("Enter")
    other.wait_for_url("**/files")
    other.locator(".form-actions .btn-primary").press("Enter")
    other.wait_for_url("**/recap")
    expect(other.locator("main")).to_contain_text("Depuis lundi.")
    other.press("#consent", "Space")
    other.locator(".form-actions .btn-primary").press("Enter")
    other.wait_for_url("**/tickets/**")
    assert Ticket.select().order_by(Ticket.id.desc()).get().summary == "Le bouton Valider reste gris"


def test_without_scripts_every_button_does_its_work(
    browser_context: Any, live_server: Any, world: Any
) -> None:
    Person.update(language="en").execute()
    page = browser_of(
        browser_context(viewport=PHONE, java_script_enabled=False, locale="en-GB"), live_server, world.alice
    )
    page.goto("/requests/guided")
    onward = page.locator(".form-actions .btn-primary")
    onward.click()
    expect(page.locator(".error-summary")).to_contain_text("Choose a product")
    choose(page, "product-1")
    onward.click()
    choose(page, "kind-0")
    onward.click()
    choose(page, "feature-0")
    onward.click()
    expect(page.locator("h1")).to_have_text("Describe your request")
    page.fill("#summary", "The button stays grey")
    page.get_by_role("button", name="Start again").click()
    expect(page.locator("h1")).to_have_text("Which product is it about?")
    page.get_by_role("button", name="Bring back").click()
    expect(page.locator("#summary")).to_have_value("The button stays grey")
    onward.click()
    expect(page.locator(".error-summary")).to_contain_text("Describe your request.")
    page.fill("#description", "Since Monday.")
    choose(page, "severity-3")
    onward.click()
    onward.click()
    page.get_by_role("link", name="Change (Feature)").click()
    choose(page, "feature-1")
    onward.click()
    page.check("#consent")
    onward.click()
    page.wait_for_url("**/tickets/**")
    assert Ticket.select().order_by(Ticket.id.desc()).get().kind_slug == "question"


@pytest.mark.parametrize(
    ("viewport", "scheme"),
    [(DESK, "light"), (PHONE, "dark"), (NARROW, "light")],
    ids=["desk", "phone", "narrow"],
)
def test_no_step_breaks_a_rule_of_accessibility(
    browser_context: Any, live_server: Any, world: Any, axe: Any, viewport: Any, scheme: str
) -> None:
    page = browser_of(browser_context(viewport=viewport, color_scheme=scheme), live_server, world.bob)

    def look() -> None:
        axe(page)
        assert_looks(page)

    page.goto("/requests/guided")
    onward = page.locator(".form-actions .btn-primary")
    onward.click()
    expect(page.locator(".error-summary")).to_be_focused()
    look()
    for box in ("product-1", "kind-1", "feature-0"):
        choose(page, box)
        look()
        onward.click()
    page.fill("#summary", "Problème")
    page.fill("#description", "Depuis lundi, une erreur.")
    page.wait_for_selector("[data-advice=summary]:not([hidden])")
    onward.click()
    expect(page.locator(".error-summary")).to_be_focused()
    look()
    choose(page, "severity-1")
    choose(page, "environment-1")
    onward.click()
    page.wait_for_url("**/files")
    look()
    onward.click()
    page.wait_for_url("**/recap")
    look()
