"""What search engines may keep, under which address, in which language; and that private pages are not among it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest

from models import Article
from tests.support import lint

FOUND = ["/", "/help", "/login", "/accessibility", "/privacy", "/articles", "/articles?kind=faq", "/articles/priorities",
         "/announcements", "/releases"]  # fmt: skip
HIDDEN = ["/search?q=paie", "/register", "/password/forgotten", "/nothing-here"]
BASE = "https://support.initech.example"


def links(page: str, rel: str) -> dict[str, str]:
    """Address by language of the links of a kind in the head of a page."""
    return {
        one.get("hreflang") or "": one.get("href") or ""
        for one in lint.parse(page).iter("link")
        if one.get("rel") == rel
    }


@pytest.fixture
def strangers(make_app: Any, world: SimpleNamespace) -> Any:
    """A browser of nobody known, on a portal with its address."""
    return make_app(BASE_URL=BASE, SMTP_URL="smtp://mail.initech.example").test_client()


@pytest.mark.parametrize("path", FOUND)
def test_a_public_page_says_what_it_is_and_where_it_stands(strangers: Any, path: str) -> None:
    answer = strangers.get(path, base_url=BASE)
    assert answer.status_code == 200
    assert "X-Robots-Tag" not in answer.headers
    described = [
        one.get("content") or ""
        for one in lint.parse(answer.text).iter("meta")
        if one.get("name") == "description"
    ]
    assert len(described) == 1 and 30 <= len(described[0]) <= 320, described
    assert links(answer.text, "canonical") == {"": BASE + path}
    alternates = links(answer.text, "alternate")
    for language in ("fr", "en"):
        assert alternates[language] == f"{BASE}{path}{'&' if '?' in path else '?'}lang={language}"


@pytest.mark.parametrize("path", HIDDEN)
def test_what_is_no_page_of_its_own_is_not_kept(strangers: Any, path: str) -> None:
    assert strangers.get(path, base_url=BASE).headers["X-Robots-Tag"] == "noindex"


@pytest.mark.parametrize("who", ["alice", "sam", "root"])
def test_nothing_that_somebody_signed_in_reads_is_kept(client: Any, world: SimpleNamespace, who: str) -> None:
    client.sign_in(getattr(world, who))
    for path in ("/help", "/articles", "/account", "/tickets"):
        answer = client.get(path)
        assert answer.headers["X-Robots-Tag"] == "noindex", path
        assert 'rel="canonical"' not in answer.text


def test_the_address_gives_the_language_until_the_reader_chooses(client: Any, world: SimpleNamespace) -> None:
    for language in ("fr", "en"):
        page = client.get(f"/articles?lang={language}", headers={"Accept-Language": "en, fr;q=0.5"})
        assert f'<html lang="{language}"' in page.text
        assert links(page.text, "canonical")[""].endswith(f"/articles?lang={language}")
    assert '<html lang="en"' in client.get("/articles?lang=de", headers={"Accept-Language": "en"}).text
    page = client.get("/articles?lang=en")
    client.send(page, form="/account/language", button="language=fr")
    assert '<html lang="fr"' in client.get("/articles?lang=en").text


def test_the_map_holds_public_articles_only(strangers: Any) -> None:
    answer = strangers.get("/sitemap.xml", base_url=BASE)
    assert answer.mimetype == "application/xml"
    tree = ElementTree.fromstring(answer.data)
    found = {one.text for one in tree.iter("{http://www.sitemaps.org/schemas/sitemap/0.9}loc")}
    for article in Article.select():
        public = article.audience == "public" and article.state == "published"
        assert (f"{BASE}/articles/{article.slug}" in found) is public, article.slug
    for address in found:
        answer = strangers.get(address.removeprefix(BASE), base_url=BASE)
        assert answer.status_code == 200 and "X-Robots-Tag" not in answer.headers, address


def test_robots_are_told_where_the_map_is_and_what_is_private(strangers: Any) -> None:
    answer = strangers.get("/robots.txt", base_url=BASE)
    assert answer.mimetype == "text/plain"
    lines = answer.text.splitlines()
    assert f"Sitemap: {BASE}/sitemap.xml" in lines
    for path in ("/tickets", "/desk", "/admin/", "/account"):
        assert f"Disallow: {path}" in lines
    assert not any(line == "Disallow: /" for line in lines)
