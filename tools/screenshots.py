"""Take pictures of the main pages of the demo world, to look at and for the README.

    python tools/screenshots.py                  into docs/pictures, with the page docs/gallery.md around them
    python tools/screenshots.py --all            every page in both languages, light and dark, desk and phone
    python tools/screenshots.py --into FOLDER    somewhere else

The portal is a fresh one, in a folder of its own, on Tuesday 10 November 2026: pictures change only with the product.
"""

from __future__ import annotations

import argparse
import base64
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "tools"))

PICTURES = ROOT / "docs" / "pictures"
GALLERY = ROOT / "docs" / "gallery.md"
NOW = datetime(2026, 11, 10, 13, 22, tzinfo=UTC)
PASSWORD = "une phrase pour les images"
SIZES = {"1280": {"width": 1280, "height": 900}, "390": {"width": 390, "height": 844}}

# Name of the picture, who looks, address. {number} is a request of Alice's.
PAGES = [
    ("sign-in", "Sign-in", None, "/login"),
    ("welcome", "Home, for strangers", None, "/"),
    ("home", "Home", "alice@acme.example", "/"),
    ("catalogue", "Catalogue of forms", "alice@acme.example", "/catalogue"),
    ("form", "Form of a request", "alice@acme.example", "/requests/new/incident"),
    ("guided", "Guided path", "alice@acme.example", "/requests/guided/product"),
    ("requests", "List of requests", "alice@acme.example", "/tickets?list=mine&status=all"),
    ("request", "Request", "alice@acme.example", "/tickets/{number}"),
    ("figures", "Figures of an organisation", "alice@acme.example", "/organisation/dashboard"),
    ("status", "State of the service", "alice@acme.example", "/status"),
    ("ideas", "Ideas", "alice@acme.example", "/ideas"),
    ("escalation", "Whom to ask", "alice@acme.example", "/escalation"),
    ("mails", "Choice of mails", "alice@acme.example", "/account/notifications"),
    ("security", "Second factors", "alice@acme.example", "/account/security"),
    ("articles", "Articles", "alice@acme.example", "/articles"),
    ("article", "Article", "alice@acme.example", "/articles/priorities"),
    ("contacts", "Approved contacts", "bob@acme.example", "/organisation/contacts"),
    ("desk", "Desk", "sam@guichet.example", "/desk"),
    ("desk-request", "Request at the desk", "sam@guichet.example", "/desk/tickets/{number}"),
    ("incidents", "Incidents of the service, at the desk", "sam@guichet.example", "/desk/incidents"),
    ("admin", "Administration", "root@guichet.example", "/admin/"),
    ("admin-tickets", "Requests, in the administration", "root@guichet.example", "/admin/ticket/"),
    (
        "admin-rule",
        "Closing rule, in the administration",
        "root@guichet.example",
        "/admin/closingrule/edit/?id=1",
    ),
]
# Size, language and scheme: each page is taken wide and narrow, by day and by night, in both languages, in two
# pictures; every second page the other way round. Few, because they are kept with the source.
FIRST = (("1280", "en", "light"), ("390", "fr", "dark"))
SECOND = (("1280", "fr", "dark"), ("390", "en", "light"))
USUAL: dict[tuple[str, str, str], list[str]] = {
    look: [page[0] for place, page in enumerate(PAGES) if look in (FIRST, SECOND)[place % 2]]
    for look in (*FIRST, *SECOND)
}
QUALITY = 60
EVERY = {
    (size, language, scheme): [page[0] for page in PAGES]
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


def file_of(name: str, size: str, language: str, scheme: str) -> str:
    """The name of a picture."""
    return f"{name}-{language}-{size}-{scheme}.webp"


def gallery() -> str:
    """The page that shows the pictures kept with the source."""
    lines = [
        "# Gallery",
        "",
        "Made by `make screenshots` from the demo world. Each page wide and narrow, by day and by night, in French and",
        "in English; `python tools/screenshots.py --all --into FOLDER` takes every combination.",
    ]
    for place, (name, words, _who, _address) in enumerate(PAGES):
        shown = [
            f'<img src="pictures/{file_of(name, *look)}" width="{"640" if look[0] == "1280" else "195"}" '
            f'alt="{words}, {look[0]} pixels wide, {"French" if look[1] == "fr" else "English"}, {look[2]}">'
            for look in (FIRST, SECOND)[place % 2]
        ]
        lines += ["", f"## {words}", "", " ".join(shown)]
    return "\n".join(lines) + "\n"


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
            for person in dict.fromkeys(who for _name, _words, who, _address in pages):
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
                eye = context.new_cdp_session(page)
                for name, _words, who, address in pages:
                    if who == person:
                        page.goto(address.format(number=number), wait_until="networkidle")
                        page.evaluate("() => document.fonts.ready")
                        # The gallery shows wide pages at half their size: three quarters are sharp enough.
                        scale = 0.75 if size == "1280" and wanted is USUAL else 1
                        clip = {"x": 0, "y": 0, "scale": scale, **SIZES[size]}
                        seen = eye.send(
                            "Page.captureScreenshot", {"format": "webp", "quality": QUALITY, "clip": clip}
                        )
                        (into / file_of(name, size, language, scheme)).write_bytes(
                            base64.b64decode(seen["data"])
                        )
                        taken += 1
                context.close()
        browser.close()
        server.stop()
    return taken


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--into", type=Path, default=PICTURES)
    parser.add_argument("--all", action="store_true", help="both languages, light and dark, desk and phone")
    asked = parser.parse_args()
    print(f"{take(asked.into, EVERY if asked.all else USUAL)} pictures in {asked.into}")
    if not asked.all and asked.into == PICTURES:
        kept = {file_of(name, *look) for look, names in USUAL.items() for name in names}
        for old in PICTURES.glob("*.webp"):
            if old.name not in kept:
                old.unlink()
        GALLERY.write_text(gallery(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
