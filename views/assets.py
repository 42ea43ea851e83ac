"""Style sheets, scripts, fonts and icons: compressed once, cached by the browser for a year under a hashed address."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from flask import Blueprint, Flask, Response, abort, current_app, request
from markupsafe import Markup

blueprint = Blueprint("assets", __name__)

COMPRESSED = (".css", ".js", ".svg", ".mjs", ".json", ".txt", ".map")
YEAR_SECONDS = 365 * 24 * 3600
TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".woff2": "font/woff2", ".svg": "image/svg+xml"}


class Asset(NamedTuple):
    """A file of static/ in memory, with what its answer needs."""

    plain: bytes
    packed: bytes | None
    digest: str
    content_type: str


@lru_cache(maxsize=256)
def _load(root: str, name: str, changed: int) -> Asset:
    path = Path(root, name)
    plain = path.read_bytes()
    kind = TYPES.get(path.suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    if kind.startswith("text/") or path.suffix == ".svg":
        kind += "; charset=utf-8"
    packed = gzip.compress(plain, 9, mtime=0) if path.suffix in COMPRESSED else None
    return Asset(plain, packed, hashlib.sha256(plain).hexdigest()[:8], kind)


def load(name: str) -> Asset | None:
    """The file of this name under static/, or None. A name that leaves the folder finds nothing."""
    root = Path(current_app.root_path, "static")
    path = (root / name).resolve()
    try:
        if "\x00" in name or not path.is_relative_to(root.resolve()) or not path.is_file():
            return None
    except OSError:
        # A name that is longer than the disk takes is no file.
        return None
    # The time of change is part of the key, so that a file edited while developing is read again.
    return _load(str(root), path.relative_to(root.resolve()).as_posix(), path.stat().st_mtime_ns)


@lru_cache(maxsize=256)
def _address(name: str, root: str) -> str:
    asset = load(name)
    if asset is None:
        raise FileNotFoundError(f"static/{name}")
    return f"/static/{name}?v={asset.digest}"


def static_url(name: str) -> str:
    """The address of a static file, with the hash of its content. Raises FileNotFoundError for a missing one."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    if app.debug:
        _address.cache_clear()
    return _address(name, app.root_path)


@lru_cache(maxsize=256)
def _drawn(name: str, address: str) -> Markup:
    return Markup('<svg class="icon" aria-hidden="true"><use href="{}#i-{}"/></svg>').format(address, name)


def drawing(name: str, label: str | None = None) -> Markup:
    """One drawing of static/icons.svg. `label`: words for those who do not see it, when no text stands beside it."""
    address = static_url("icons.svg")
    if not label:
        return _drawn(name, address)
    return Markup('<svg class="icon" role="img" aria-label="{}"><use href="{}#i-{}"/></svg>').format(
        label, address, name
    )


@blueprint.get("/static/<path:name>")
def file(name: str) -> Response:
    """A static file."""
    asset = load(name)
    if asset is None:
        abort(404)
    wants_packed = asset.packed is not None and "gzip" in request.headers.get("Accept-Encoding", "")
    response = Response(asset.packed if wants_packed else asset.plain, content_type=asset.content_type)
    if wants_packed:
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Vary"] = "Accept-Encoding"
    response.set_etag(asset.digest)
    hashed = request.args.get("v") == asset.digest
    response.headers["Cache-Control"] = (
        f"public, max-age={YEAR_SECONDS}, immutable" if hashed else "public, max-age=300"
    )
    return response.make_conditional(request)
