"""Files of requests, always through the rules of the request they belong to."""

from __future__ import annotations

import io
import logging

from flask import Blueprint, abort, request, send_file
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

import presenters
from domain import catalogue, files, licences
from views import current

blueprint = Blueprint("files", __name__)
licence_blueprint = Blueprint("licences", __name__)
blueprints = (blueprint, licence_blueprint)

log = logging.getLogger("guichet.files")

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
    response = send_file(
        stream,
        mimetype=attachment.content_type,
        as_attachment=not inline,
        download_name=attachment.name,
        conditional=False,
        etag=False,
    )
    response.content_length = attachment.size
    response.headers["Accept-Ranges"] = "none"
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["Content-Security-Policy"] = SANDBOX
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return response


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
    products = [presenters.localized(product, "name", language) for product in catalogue.products() if product.editions]
    return send_file(
        io.BytesIO(licences.blank_form(words, products, language)),
        mimetype="application/pdf",
        as_attachment=True,
        download_name=_("licence-request.pdf"),
        conditional=False,
        etag=False,
    )
