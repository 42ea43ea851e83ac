"""HTTP. Each module turns requests of one task into one call of the domain; this one lists them.

Sign-in is asked of every endpoint but those named here.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from flask import Blueprint, Flask

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
    }
)

MODULES = (
    "assets",
    "home",
    "session",
    "account",
    "contacts",
    "catalogue",
    "requests",
    "tickets",
    "uploads",
    "files",
    "pages",
    "desk",
)


def register(app: Flask) -> None:
    """Add every blueprint to the app."""
    for name in MODULES:
        if find_spec(f"views.{name}") is None:
            continue
        module = import_module(f"views.{name}")
        blueprints = getattr(module, "blueprints", None) or (module.blueprint,)
        for blueprint in blueprints:
            assert isinstance(blueprint, Blueprint)
            app.register_blueprint(blueprint)
