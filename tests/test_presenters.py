"""Keys become words: dates as each language writes them, Markdown without anybody's script, refusals as sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask_babel import force_locale

import presenters
from domain import audit
from domain.closing_rules import Explanation
from domain.workdays import SkippedDay, WorkCalendar
from models import TicketEvent

FRIDAY = datetime(2026, 11, 6, 8, 5, tzinfo=UTC)


@contextmanager
def reading(app: Flask, language: str) -> Iterator[None]:
    """A page is being made in this language."""
    with app.test_request_context("/"), force_locale(language):
        yield


@pytest.mark.parametrize(
    ("language", "style", "words"),
    [
        ("fr", "short", "ven. 6 nov., 9\u00a0h\u00a005"),
        ("fr", "long", "vendredi 6 novembre 2026 à 9\u00a0h\u00a005"),
        ("fr", "day", "6 novembre 2026"),
        ("en", "short", "Fri 6 Nov, 09:05"),
        ("en", "long", "Friday 6 November 2026 at 09:05"),
        ("en", "day", "6 November 2026"),
    ],
)
def test_an_instant_is_written_as_the_reader_writes_it(
    app: Flask, language: str, style: str, words: str
) -> None:
    with reading(app, language):
        assert presenters.when(FRIDAY, style) == words


def test_french_writes_the_first_of_the_month_as_an_ordinal(app: Flask) -> None:
    with reading(app, "fr"):
        assert presenters.long_day(date(2026, 12, 1)) == "mardi 1er décembre"
        assert presenters.long_day(date(2026, 12, 2)) == "mercredi 2 décembre"


def test_a_full_hour_is_written_without_minutes_in_french(app: Flask) -> None:
    with reading(app, "fr"):
        assert presenters.when(datetime(2026, 11, 6, 8, 0, tzinfo=UTC)).endswith("9\u00a0h")


def test_a_closing_says_which_holiday_does_not_count(app: Flask) -> None:
    explanation = Explanation(
        unit="working_days",
        count=7,
        from_day=date(2026, 11, 6),
        last_day=date(2026, 11, 18),
        closes_at=datetime(2026, 11, 18, 23, tzinfo=UTC),
        final_status="closed",
        after_reminder=False,
        extension_days=0,
        skipped=(SkippedDay(date(2026, 11, 11), "holiday"),),
    )
    with reading(app, "fr"):
        french = presenters.closing_reason(explanation, WorkCalendar())
    with reading(app, "en"):
        english = presenters.closing_reason(explanation, WorkCalendar())
    assert "7\u00a0jours ouvrés" in french or "7 jours ouvrés" in french
    assert "vendredi 6 novembre" in french and "mercredi 11 novembre (Armistice)" in french
    assert (
        "7 working days after Friday 6 November" in english and "Wednesday 11 November (Armistice" in english
    )


HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java\tscript:alert(1))",
    "[x](data:text/html,<script>alert(1)</script>)",
    "[x](vbscript:msgbox(1))",
    "[x](//evil.example)<svg onload=alert(1)>",
    "![x](x onerror=alert(1))",
    "![](javascript:alert(1))",
    "<a href='javascript:alert(1)'>x</a>",
    "<iframe src=//evil.example></iframe>",
    "<style>*{background:url(//evil.example)}</style>",
    "`<script>alert(1)</script>`",
    "```html\n<script>alert(1)</script>\n```",
    "<details open ontoggle=alert(1)>",
    "[a]: javascript:alert(1)\n\n[a]",
    '<https://a.example/"onmouseover="alert(1)>',
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "<math><mtext></p><img src onerror=alert(1)>",
    "{{7*7}} {% raw %} ${7*7}",
    "\u202egnp.exe",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_markdown_brings_a_tag_an_attribute_or_a_link_of_its_own(text: str) -> None:
    html = str(presenters.markdown(text))
    tags = re.findall(r"<\s*/?\s*([a-z0-9]+)([^>]*)>", html, re.I)
    assert {tag.lower() for tag, _ in tags} <= presenters._TAGS
    for tag, attributes in tags:
        names = set(re.findall(r'\s([a-z-]+)="', attributes))
        assert names <= ({"href", "rel"} if tag == "a" else {"start"}), html
        for address in re.findall(r'href="([^"]*)"', attributes):
            assert re.match(r"(https?://|mailto:)", address), address


def test_markdown_keeps_what_people_write() -> None:
    html = str(
        presenters.markdown(
            "**Bold**, *thin*\n\n1. one\n2. two\n\n- a\n- b\n\n`code` [site](https://a.example)"
        )
    )
    for piece in (
        "<strong>Bold</strong>",
        "<em>thin</em>",
        "<ol>",
        "<ul>",
        "<code>code</code>",
        'href="https://a.example"',
    ):
        assert piece in html


def test_headings_of_a_message_never_compete_with_those_of_the_page() -> None:
    html = str(presenters.markdown("# One\n\n## Two\n\n### Three"))
    assert "<h1" not in html and "<h2" not in html
    assert "<h3>One</h3>" in html and "<h4>Two</h4>" in html and "<h5>Three</h5>" in html


def test_every_event_has_a_sentence_and_a_mark_in_both_languages(app: Flask, world) -> None:
    for language in ("fr", "en"):
        with reading(app, language):
            for kind in audit.EVENT_KINDS:
                event = TicketEvent(kind=kind, actor=None, data={"to": "in_progress", "from": "registered"})
                assert presenters.event_sentence(event, None, {}).strip()
                assert kind in presenters.EVENT_ICONS


def test_a_size_is_read_in_the_units_of_the_reader(app: Flask) -> None:
    with reading(app, "fr"):
        assert presenters.file_size(6_400_000) == "6,1\u00a0Mo"
    with reading(app, "en"):
        assert presenters.file_size(421_888) == "412\u00a0KB"


def test_rows_of_lists_show_short_dates_in_the_zone_of_the_reader() -> None:
    late = datetime(2026, 11, 6, 23, 30, tzinfo=UTC)
    assert presenters.list_day(late, ZoneInfo("Europe/Paris"), "fr") == "7 nov. 2026"
    assert presenters.list_day(late, ZoneInfo("UTC"), "en") == "6 Nov 2026"
