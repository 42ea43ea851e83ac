"""What a view asks about the present request: who reads, what time it is, from where."""

from __future__ import annotations

import ipaddress
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
    seen = _address(request.remote_addr or "")
    if seen is None:
        return (request.remote_addr or "")[:64]
    trusted = settings().trusted_proxies
    # Each proxy adds at the end what it saw; what stands before is whatever the visitor claimed.
    said = request.headers.get("X-Forwarded-For", "")[:1000].split(",")
    while said and any(seen in network for network in trusted):
        before = _address(said.pop())
        if before is None:
            break
        seen = before
    return str(seen)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An address as servers and proxies write it, with or without its port; None for anything else."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


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


def ledger() -> Any:
    """The ledger of what was taken out for good."""
    return current_app.extensions["guichet_ledger"]
