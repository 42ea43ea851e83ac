"""The paths of the portal's own pages. A page has some thirty links to pages that take no values: each is made once."""

from __future__ import annotations

from typing import Any

from flask import has_request_context, request, url_for

_known: dict[tuple[str, str], str] = {}


def path(endpoint: str, **values: Any) -> str:
    """What url_for() says, remembered where only the endpoint and where the portal is mounted count."""
    if values or endpoint[0] == "." or not has_request_context():
        return url_for(endpoint, **values)
    key = (request.environ.get("SCRIPT_NAME", ""), endpoint)
    found = _known.get(key)
    if found is None:
        found = _known[key] = url_for(endpoint)
    return found
