"""HTTP. Each module turns requests of one task into one call of the domain; this one lists them.

Sign-in is asked of every endpoint but those named here.
"""

from __future__ import annotations

from flask import Flask

from views import (
    account,
    articles,
    assets,
    blocking,
    bulk,
    catalogue,
    contacts,
    contests,
    deletion,
    desk,
    files,
    finding,
    handover,
    home,
    joining,
    mail_actions,
    pages,
    requests,
    search,
    session,
    tickets,
    uploads,
)

# Anybody may open these without an account.
PUBLIC_ENDPOINTS = frozenset(
    {
        "static",
        "assets.file",
        "home.index",
        "session.login",
        "session.logout",
        "session.register",
        "session.registered",
        "session.forgotten",
        "session.password",
        "session.language",
        "account.language",
        "help.show",
        "pages.accessibility",
        "pages.privacy",
        "pages.healthz",
        "articles.index",
        "articles.show",
        "articles.announcements",
        "articles.releases",
        "search.index",
        "finding.robots",
        "finding.sitemap",
    }
)

BLUEPRINTS = (
    assets.blueprint,
    home.blueprint,
    session.blueprint,
    account.blueprint,
    contacts.blueprint,
    catalogue.blueprint,
    requests.blueprint,
    tickets.blueprint,
    deletion.blueprint,
    handover.blueprint,
    joining.blueprint,
    mail_actions.blueprint,
    uploads.blueprint,
    *files.blueprints,
    *pages.blueprints,
    finding.blueprint,
    blocking.blueprint,
    desk.blueprint,
    contests.blueprint,
    bulk.blueprint,
    articles.blueprint,
    search.blueprint,
)


def register(app: Flask) -> None:
    """Add every blueprint to the app."""
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
