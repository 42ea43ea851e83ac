"""What a view asks about the present request: who reads, what time it is, from where."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from flask import current_app, request
from flask_login import current_user

from config import Settings
from domain.policies import Viewer


def viewer() -> Viewer:
    """The signed-in person. Views behind sign-in may rely on it."""
    return cast(Viewer, current_user._get_current_object())


def now() -> datetime:
    """The present instant, aware UTC; tests give their own clock to the app."""
    return cast(datetime, current_app.extensions["guichet_clock"]())


def origin() -> str:
    """The address the request came from. Forwarded headers count only behind a proxy that the operator named."""
    return (request.remote_addr or "")[:64]


def settings() -> Settings:
    """The operator's settings."""
    return cast(Settings, current_app.extensions["guichet_settings"])


def held() -> dict[str, list[str]] | None:
    """What was typed on this page when the session or its token had ended, or None."""
    from views import held as held_forms

    return held_forms.give_back()


def store() -> Any:
    """Where files are kept."""
    return current_app.extensions["guichet_files"]
