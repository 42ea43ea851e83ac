"""Show every mail of the portal: a page of each in both languages, pictures light and dark, wide and narrow.

    python tools/mail_gallery.py                 pages and contact sheets into build/mails
    python tools/mail_gallery.py --into FOLDER   somewhere else
    python tools/mail_gallery.py --pages-only    without a browser: the pages and their index

The mails are those of the tests' counter, on Tuesday 10 November 2026: the gallery changes only with the product.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from html import escape
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "tools"))

BASE = "http://support.initech.example"
LANGUAGES = ("fr", "en")
SCHEMES = ("light", "dark")
WIDTHS = (640, 390)


def rendered(folder: Path) -> dict[tuple[str, str], Any]:
    """Every mail of the registry in both languages, from a small world of its own: (template, language) to mail."""
    import mailer
    import models
    from app import create_app
    from config import Settings
    from domain import presets, schema
    from models import OutboxMessage, Person
    from tests.support import correspondence
    from tests.test_mailer import rows_of_every_mail

    app = create_app(
        Settings.from_environment({"GUICHET_DATA": str(folder), "BASE_URL": BASE, "JOBS": "off"}),
        clock=lambda: correspondence.NOW,
    )
    found = {}
    with app.app_context(), models.db.connection_context():
        schema.upgrade()
        presets.apply("default", None, correspondence.NOW)
        correspondence.fill()
        rows = rows_of_every_mail(correspondence.Counter())
        for language in LANGUAGES:
            Person.update(language=language).execute()
            OutboxMessage.update(language=language).execute()
            for template, row in sorted(rows.items()):
                row = OutboxMessage.get_by_id(row.id)
                found[template, language] = mailer.render(row, BASE, correspondence.NOW)
    return found


def write_pages(mails: dict[tuple[str, str], Any], into: Path) -> None:
    """A page and a text for each mail, and an index of them."""
    lines = []
    for (template, language), mail in mails.items():
        name = f"{template}.{language}"
        (into / f"{name}.html").write_text(mail.html, "utf-8")
        (into / f"{name}.txt").write_text(f"{mail.subject}\n\n{mail.text}", "utf-8")
        lines.append(
            f'<li><a href="{name}.html">{name}</a> (<a href="{name}.txt">text</a>): {escape(mail.subject)}</li>'
        )
    page = "<!doctype html><html lang=en><meta charset=utf-8><title>Mails</title><h1>Mails</h1><ul>{}</ul></html>"
    (into / "index.html").write_text(page.format("\n".join(lines)), "utf-8")


def take_pictures(names: list[str], into: Path, sheet: int) -> None:
    """Contact sheets: `sheet` mails side by side, for each language, scheme and width."""
    import ensure_browser
    from playwright.sync_api import sync_playwright

    path = ensure_browser.find()
    if path is None:
        raise SystemExit("No browser: run python tools/ensure_browser.py")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path)
        for scheme in SCHEMES:
            for width in WIDTHS:
                for language in LANGUAGES:
                    for start in range(0, len(names), sheet):
                        frames = "".join(
                            f'<iframe src="{name}.{language}.html" width="{width}" height="1100"></iframe>'
                            for name in names[start : start + sheet]
                        )
                        style = (
                            "body{margin:0;display:flex;gap:8px;background:#888}iframe{border:0;flex:none}"
                        )
                        page_file = into / "sheet.html"
                        page_file.write_text(f"<!doctype html><style>{style}</style>{frames}", "utf-8")
                        page = browser.new_page(
                            viewport={"width": sheet * (width + 8), "height": 1100}, color_scheme=scheme
                        )
                        page.goto(page_file.as_uri())
                        page.screenshot(
                            path=into / f"sheet-{language}-{scheme}-{width}-{start // sheet + 1}.png"
                        )
                        page.close()
        (into / "sheet.html").unlink(missing_ok=True)
        browser.close()


def main() -> int:
    """Make the gallery."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--into", type=Path, default=ROOT / "build" / "mails")
    parser.add_argument("--pages-only", action="store_true")
    parser.add_argument("--sheet", type=int, default=4, help="mails on one picture")
    asked = parser.parse_args()
    asked.into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        mails = rendered(Path(folder))
    write_pages(mails, asked.into)
    if not asked.pages_only:
        take_pictures(sorted({template for template, _language in mails}), asked.into, asked.sheet)
    print(f"{len(mails)} mails in {asked.into}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
