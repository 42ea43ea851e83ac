"""What search engines need: which pages they may keep, under which address, in which language."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Blueprint, Response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from domain import knowledge
from views import current

blueprint = Blueprint("finding", __name__)

LANGUAGES = ("fr", "en")
# What anybody may find, and the words of its address that make another page of it. All other pages say "noindex".
FOUND: dict[str, tuple[str, ...]] = {
    "home.index": (),
    "help.show": (),
    "session.login": (),
    "pages.accessibility": (),
    "pages.privacy": (),
    "articles.index": ("topic", "kind"),
    "articles.show": (),
    "articles.announcements": ("page",),
    "articles.releases": ("page",),
    "status.show": (),
    "status.history": ("month",),
    "status.incident": (),
}
PRIVATE = ("/account", "/admin/", "/catalogue", "/desk", "/files/", "/mail-actions/", "/organisation/", "/password/",
           "/requests/", "/search", "/tickets", "/uploads")  # fmt: skip


def may_be_found() -> bool:
    """True when the page of this request is one that search engines may keep: public, and read by nobody known."""
    return request.endpoint in FOUND and request.method == "GET" and not current_user.is_authenticated


def addresses() -> dict[str, str]:
    """The address of this page by language, and under "own" the one that stands for it; empty for private pages."""
    if not may_be_found():
        return {}
    kept = [(name, request.args[name]) for name in FOUND[str(request.endpoint)] if request.args.get(name)]
    plain = current.settings().base_url + request.path
    ways = {language: f"{plain}?{urlencode([*kept, ('lang', language)])}" for language in LANGUAGES}
    asked = request.args.get("lang")
    own = ways[asked] if asked in ways else plain + (f"?{urlencode(kept)}" if kept else "")
    return {**ways, "own": own}


@blueprint.get("/robots.txt")
def robots() -> ResponseReturnValue:
    """Where search engines need not look."""
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in PRIVATE)]
    lines.append(f"Sitemap: {current.settings().base_url}{url_for('finding.sitemap')}")
    return Response("\n".join(lines) + "\n", content_type="text/plain; charset=utf-8")


@blueprint.get("/sitemap.xml")
def sitemap() -> ResponseReturnValue:
    """The public pages and articles, each in both languages."""
    base = current.settings().base_url
    pages = [
        (base + url_for(endpoint), None)
        for endpoint in FOUND
        if endpoint not in ("articles.show", "session.login", "status.incident")
    ]
    pages += [
        (base + url_for("articles.show", slug=slug), changed) for slug, changed in knowledge.public_articles()
    ]
    return Response(
        render_template("pages/sitemap.xml", pages=pages, languages=LANGUAGES),
        content_type="application/xml; charset=utf-8",
    )
