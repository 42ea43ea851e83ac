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
    factors,
    files,
    handover,
    home,
    joining,
    mail_actions,
    pages,
    requests,
    search,
    second_step,
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
        "second_step.verify",
        "second_step.resend",
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
    }
)

# Of these nothing depends on who asks: not even that is looked up.
ALWAYS_OPEN = frozenset({"static", "assets.file", "pages.healthz"})

# What somebody who must have a second factor, and has none, may open until they do: to set it up, and to leave.
SETUP_ENDPOINTS = frozenset(
    {
        "static",
        "assets.file",
        "session.login",
        "session.logout",
        "session.password",
        "session.forgotten",
        "second_step.verify",
        "second_step.resend",
        "second_step.again",
        "second_step.act",
        "account.security",
        "account.language",
        "factors.app",
        "factors.remove_app",
        "factors.keys",
        "factors.remove_key",
        "factors.codes",
        "factors.later",
        "help.show",
        "pages.accessibility",
        "pages.privacy",
        "pages.healthz",
    }
)

BLUEPRINTS = (
    assets.blueprint,
    home.blueprint,
    session.blueprint,
    second_step.blueprint,
    account.blueprint,
    factors.blueprint,
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
