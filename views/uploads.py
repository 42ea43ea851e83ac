"""Files sent while a form is being filled in, one by one, with progress. Forms also take files without any script."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, jsonify, request, url_for
from flask.typing import ResponseReturnValue

import presenters
from domain import files
from domain.refusals import Refusal
from models import Attachment
from views import current
from words import gettext as _

blueprint = Blueprint("uploads", __name__)


@blueprint.post("/uploads")
def create() -> ResponseReturnValue:
    """Keep one file (`file`) for the form that is being written; the form will send its `key` in `attachment_keys`."""
    sent = request.files.get("file")
    if sent is None:
        return jsonify(error=_("Choose a file.")), 422
    try:
        attachment = files.keep(
            sent.stream, sent.filename or "", current.viewer(), current.now(), current.store()
        )
    except Refusal as fault:
        return _refused(fault)
    return jsonify(described(attachment)), 201


@blueprint.post("/uploads/<key>/removal")
def remove(key: str) -> ResponseReturnValue:
    """Take back a file that was not sent yet."""
    try:
        files.drop(key, current.viewer(), current.store())
    except Refusal as fault:
        return _refused(fault)
    return jsonify(removed=key)


def described(attachment: Attachment) -> dict[str, Any]:
    """What a page shows of a file."""
    return {
        "key": attachment.key,
        "name": attachment.name,
        "size": attachment.size,
        "size_words": presenters.file_size(attachment.size),
        "icon": files.icon(attachment),
        "url": url_for("files.show", key=attachment.key, name=attachment.name),
        "removal": url_for("uploads.remove", key=attachment.key),
    }


def _refused(fault: Refusal) -> ResponseReturnValue:
    response = jsonify(error=presenters.refusal(fault), code=fault.code)
    response.status_code = fault.status
    if fault.status == 503:
        response.headers["Retry-After"] = "60"
    return response
