"""Files of requests, always through the rules of the request they belong to."""

from __future__ import annotations

import io
import logging
import unicodedata
from collections.abc import Iterator
from typing import BinaryIO
from urllib.parse import quote

from flask import Blueprint, Response, abort, request, send_file
from flask.typing import ResponseReturnValue

import presenters
from domain import catalogue, files, licences
from views import current
from words import gettext as _

blueprint = Blueprint("files", __name__)
licence_blueprint = Blueprint("licences", __name__)
blueprints = (blueprint, licence_blueprint)

log = logging.getLogger("guichet.files")

CHUNK_BYTES = 64 * 1024

# A file that is opened on its own can neither run nor fetch anything, whatever it holds.
SANDBOX = "sandbox; default-src 'none'; frame-ancestors 'none'"


@blueprint.get("/files/<key>/<path:name>")
def show(key: str, name: str) -> ResponseReturnValue:
    """One file, as a download; `?inline=1` lets a picture stand in the page.

    The name in the address is for people: what is sent is named by its row. Ranges and conditions are not looked at,
    so that no answer but this one tells whether the file exists.
    """
    attachment = files.readable(key, current.viewer())
    inline = request.args.get("inline") == "1" and files.is_inline(attachment)
    try:
        stream = current.store().open(attachment.stored_name)
    except FileNotFoundError:
        log.error("file %s of the database is not in the store", attachment.id)
        abort(404)
    if request.method == "HEAD":
        stream.close()
        response = Response()
    else:
        response = Response(_chunks(stream))
    response.content_type = attachment.content_type
    response.content_length = attachment.size
    response.headers.set(
        "Content-Disposition", "inline" if inline else "attachment", **_file_names(attachment.name)
    )
    response.headers["Accept-Ranges"] = "none"
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["Content-Security-Policy"] = SANDBOX
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return response


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    """The bytes of a file, which is closed at the end or when the reader goes away."""
    with stream:
        while chunk := stream.read(CHUNK_BYTES):
            yield chunk


def _file_names(name: str) -> dict[str, str]:
    """The two spellings of a name in a header (RFC 6266): plain letters for old programs, and the whole name."""
    if name.isascii():
        return {"filename": name}
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return {
        "filename": plain if plain.partition(".")[0] else f"file{plain}",
        "filename*": f"UTF-8''{quote(name, safe='!#$&+-.^_`|~')}",
    }


@licence_blueprint.get("/licences/blank-form.pdf")
def blank() -> ResponseReturnValue:
    """The licence form as a PDF to fill in and attach, in the reader's language (REQ-13)."""
    language = presenters.language()
    words = {
        "title": _("Licence request"),
        "intro": _(
            "Fill in these fields, save the document and attach it to a licence request: "
            "the portal reads them by itself."
        ),
        "product": _("Product"),
        "edition": _("Edition"),
        "quantity": _("Quantity"),
        "due_on": _("Due date"),
        "due_on_hint": _("Day, month and year, such as 01/12/2026."),
    }
    products = [
        presenters.localized(product, "name", language)
        for product in catalogue.products()
        if product.editions
    ]
    return send_file(
        io.BytesIO(licences.blank_form(words, products, language)),
        mimetype="application/pdf",
        as_attachment=True,
        download_name=_("licence-request.pdf"),
        conditional=False,
        etag=False,
    )
