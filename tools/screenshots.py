"""Take pictures of the main pages of the demo world, to look at and for the README.

    python tools/screenshots.py                  into docs/pictures
    python tools/screenshots.py --all            every page in both languages, light and dark, desk and phone
    python tools/screenshots.py --into FOLDER    somewhere else

The portal is a fresh one, in a folder of its own, on Tuesday 10 November 2026: pictures change only with the product.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "tools"))

NOW = datetime(2026, 11, 10, 13, 22, tzinfo=UTC)
PASSWORD = "une phrase pour les images"
SIZES = {"1280": {"width": 1280, "height": 900}, "390": {"width": 390, "height": 844}}

# Name of the picture, who looks, address. {number} is a request of Alice's.
PAGES = [
    ("sign-in", None, "/login"),
    ("home", "alice@acme.example", "/"),
    ("catalogue", "alice@acme.example", "/catalogue"),
    ("form", "alice@acme.example", "/requests/new/incident"),
    ("requests", "alice@acme.example", "/tickets?list=mine&status=all"),
    ("request", "alice@acme.example", "/tickets/{number}"),
    ("desk", "sam@guichet.example", "/desk"),
    ("desk-request", "sam@guichet.example", "/desk/tickets/{number}"),
    ("admin-tickets", "root@guichet.example", "/admin/ticket/"),
    ("admin-organisations", "root@guichet.example", "/admin/organisation/"),
]
# Size, language and scheme; then the pages taken so. Few, because they are kept with the source.
USUAL = {
    ("1280", "en", "light"): ["home", "form", "requests", "request", "desk-request", "admin-tickets"],
    ("1280", "en", "dark"): ["desk-request"],
    ("1280", "fr", "light"): ["catalogue", "request"],
    ("390", "fr", "light"): ["home", "request"],
    ("390", "en", "dark"): ["requests"],
}
EVERY = {
    (size, language, scheme): [name for name, _who, _address in PAGES]
    for size in SIZES
    for language in ("fr", "en")
    for scheme in ("light", "dark")
}


def served(folder: Path) -> tuple[Any, str]:
    """Serve a fresh demo world; return the server and the number of a request of Alice's."""
    import config
    import models
    import seeds
    from app import create_app
    from domain import presets, schema
    from tests.support.server import LiveServer, free_port

    port = free_port()
    environment = {"GUICHET_DATA": str(folder), "PORT": str(port), "JOBS": "off"}
    app = create_app(config.Settings.from_environment(environment), clock=lambda: NOW)
    with models.db.connection_context():
        schema.upgrade()
        presets.apply("default", None, NOW)
        seeds.seed_demo(NOW, PASSWORD, app.extensions["guichet_files"])
        alice = models.Person.get(models.Person.email == "alice@acme.example")
        # A solved request shows the most: whose turn it is, until when, and a whole thread.
        tickets = models.Ticket.select().where(
            models.Ticket.requester == alice, models.Ticket.status == "resolved"
        )
        number = max(tickets, key=lambda ticket: ticket.messages.count()).number
    server = LiveServer(app, port)
    server.start()
    return server, number


def take(into: Path, wanted: dict[tuple[str, str, str], list[str]]) -> int:
    """Take the pictures into a folder; return how many."""
    import ensure_browser
    from playwright.sync_api import sync_playwright

    path = ensure_browser.find()
    if path is None:
        raise SystemExit("No browser: run python tools/ensure_browser.py")
    into.mkdir(parents=True, exist_ok=True)
    taken = 0
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server, number = served(Path(folder))
        browser = playwright.chromium.launch(executable_path=path)
        for (size, language, scheme), names in wanted.items():
            pages = [page for page in PAGES if page[0] in names]
            for person in dict.fromkeys(who for _name, who, _address in pages):
                context = browser.new_context(
                    base_url=server.url,
                    viewport=SIZES[size],
                    locale={"fr": "fr-FR", "en": "en-GB"}[language],
                    timezone_id="Europe/Paris",
                    color_scheme=scheme,
                    reduced_motion="reduce",
                )
                page = context.new_page()
                if person:
                    page.goto("/login")
                    page.fill("[name=email]", person)
                    page.fill("[name=password]", PASSWORD)
                    page.press("[name=password]", "Enter")
                    page.wait_for_url(lambda url: "/login" not in url)
                    if page.locator("html").get_attribute("lang") != language:
                        with page.expect_navigation():
                            page.locator(f"footer [name=language][value={language}]").click()
                for name, who, address in pages:
                    if who == person:
                        page.goto(address.format(number=number), wait_until="networkidle")
                        page.screenshot(path=into / f"{name}-{language}-{size}-{scheme}.png")
                        taken += 1
                context.close()
        browser.close()
        server.stop()
    return taken


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--into", type=Path, default=ROOT / "docs" / "pictures")
    parser.add_argument("--all", action="store_true", help="both languages, light and dark, desk and phone")
    asked = parser.parse_args()
    print(f"{take(asked.into, EVERY if asked.all else USUAL)} pictures in {asked.into}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
