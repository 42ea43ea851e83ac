"""A file of contacts in a real browser: given, looked at, carried out, with its progress (ACC-4)."""

from __future__ import annotations

from typing import Any

import pytest

from domain import contact_import
from models import ContactImport, Membership, Person
from tests.support.browsing import DESK, PHONE
from tests.test_admin_browser import enter  # noqa: F401
from views.admin import imports

LINES = "Courriel;Nom complet;Organisation\n" + "".join(
    f"p{n}@acme.example;Person {n};{'Acme' if n else 'Nowhere'}\n" for n in range(7)
)


@pytest.mark.parametrize(
    ("language", "locale", "viewport", "scheme", "words"),
    [
        (
            "fr",
            "fr-FR",
            DESK,
            "light",
            ("Voir ce que ferait ce fichier", "Traiter ce fichier", "Continuer maintenant"),
        ),
        ("en", "en-GB", PHONE, "dark", ("See what this file would do", "Carry out this file", "Go on now")),
    ],
)
def test_an_admin_imports_contacts(
    enter: Any, world: Any, axe: Any, monkeypatch: pytest.MonkeyPatch, clock: Any,
    language: str, locale: str, viewport: Any, scheme: str, words: tuple[str, str, str],
) -> None:  # fmt: skip
    monkeypatch.setattr(contact_import, "LINES_IN_ONE_TURN", 3)
    monkeypatch.setattr(imports, "STEP_SECONDS", 0.0)
    Person.update(language=language).where(Person.id == world.root.id).execute()
    page = enter(world.root, locale=locale, viewport=viewport, color_scheme=scheme)
    page.goto("/admin/contactimport/new/")
    axe(page)
    page.locator("#file").set_input_files(
        {"name": "people.csv", "mimeType": "text/csv", "buffer": LINES.encode()}
    )
    page.get_by_role("button", name=words[0]).click()
    page.locator("[data-line='2']").wait_for()
    axe(page)
    assert page.locator("[data-line]").count() == 7
    assert Person.get_or_none(Person.email == "p1@acme.example") is None
    page.get_by_role("button", name=words[1]).click()
    page.get_by_role("button", name=words[2]).wait_for()
    axe(page)
    assert page.locator(".meter").get_attribute("aria-valuenow") == "57"
    # The job goes on behind the page, which tells it without being asked.
    contact_import.go_on(clock.now, 60)
    page.locator("[data-again]").wait_for(state="detached", timeout=15_000)
    batch = ContactImport.get()
    assert (batch.state, batch.created, batch.refused) == ("done", 6, 1)
    assert Membership.select().where(Membership.reason.contains("people.csv")).count() == 6
    axe(page)
