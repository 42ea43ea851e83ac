"""HTTP. Each module turns requests of one task into one call of the domain; this one lists them.

Sign-in is asked of every endpoint but those named here.
"""

from __future__ import annotations

from flask import Flask

from views import (
    account,
    announcements,
    articles,
    assets,
    audience,
    blocking,
    bulk,
    catalogue,
    contacts,
    contests,
    dashboard,
    deletion,
    desk,
    drafts,
    erasure,
    explaining,
    factors,
    files,
    finding,
    guided,
    handover,
    home,
    ideas,
    incidents,
    joining,
    listing,
    mail_actions,
    mail_choices,
    mobiles,
    own_data,
    pages,
    partners,
    profile_questions,
    redaction,
    requests,
    satisfaction,
    search,
    second_step,
    session,
    sso,
    status,
    ticket_mails,
    tickets,
    uploads,
    viewing,
)

# Anybody may open these without an account.
PUBLIC_ENDPOINTS = frozenset(
    {
        "static",
        "assets.file",
        "home.index",
        "session.login",
        "session.login_password",
        "session.logout",
        "session.register",
        "session.registered",
        "session.forgotten",
        "session.lost_username",
        "session.password",
        "session.language",
        "second_step.verify",
        "second_step.resend",
        "sso.start",
        "sso.back",
        "sso.signed",
        "account.language",
        "help.show",
        "help.assistant",
        "pages.accessibility",
        "pages.privacy",
        "pages.healthz",
        "articles.index",
        "articles.show",
        "articles.announcements",
        "articles.releases",
        "search.index",
        "status.show",
        "status.history",
        "status.incident",
        "status.feed",
        "finding.robots",
        "finding.sitemap",
        # The link of a mail is all it takes.
        "mail_choices.leave",
    }
)

# Of these nothing depends on who asks: not even that is looked up.
ALWAYS_OPEN = frozenset({"static", "assets.file", "pages.healthz", "finding.robots", "finding.sitemap"})

# What somebody who must have a second factor, and has none, may open until they do: to set it up, and to leave.
SETUP_ENDPOINTS = frozenset(
    {
        "static",
        "assets.file",
        "session.login",
        "session.login_password",
        "session.logout",
        "session.password",
        "session.forgotten",
        "session.lost_username",
        "second_step.verify",
        "second_step.resend",
        "second_step.again",
        "second_step.act",
        "sso.start",
        "sso.back",
        "sso.again",
        "sso.signed",
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
    sso.blueprint,
    account.blueprint,
    own_data.blueprint,
    erasure.blueprint,
    profile_questions.blueprint,
    factors.blueprint,
    mobiles.blueprint,
    contacts.blueprint,
    partners.blueprint,
    catalogue.blueprint,
    requests.blueprint,
    guided.blueprint,
    drafts.blueprint,
    listing.blueprint,
    dashboard.blueprint,
    tickets.blueprint,
    deletion.blueprint,
    handover.blueprint,
    audience.blueprint,
    joining.blueprint,
    redaction.blueprint,
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
    ideas.blueprint,
    search.blueprint,
    status.blueprint,
    incidents.blueprint,
    announcements.blueprint,
    mail_choices.blueprint,
    ticket_mails.blueprint,
    satisfaction.blueprint,
    viewing.blueprint,
    explaining.blueprint,
)

# A mail program posts here by itself, without a page of ours before it (RFC 8058): what it holds is the link.
WITHOUT_FORM_TOKEN = (mail_choices.leave,)


def register(app: Flask) -> None:
    """Add every blueprint to the app."""
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
