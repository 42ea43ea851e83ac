"""Files that come with an answer or a note: kept first, so that a refusal of the rest loses none of them."""

from __future__ import annotations

from typing import Any

from flask import request

import presenters
from domain import files, settings
from domain.refusals import Invalid, Refusal
from views import current
from words import gettext as _

MAX_KEYS = 100


def receive(form: Any) -> int:
    """Keep the files of this POST beside those received before, in `form.kept`.

    They are kept before anything is checked, so that a refused form has lost none. Returns 0, or the status of the
    answer when one was not taken; its message stands by the field.
    """
    viewer = current.viewer()
    form.kept = files.pending(request.form.getlist("attachment_keys")[:MAX_KEYS], viewer)
    if getattr(form, "sent_before", False):
        # A second click: the first one has the files.
        return 0
    removed = request.form.get("remove_file")
    for row in [row for row in form.kept if row.key == removed]:
        files.drop(row.key, viewer, current.store())
        form.kept.remove(row)
    limit = settings.get("files_max")
    status = 0
    for sent in request.files.getlist("attachments"):
        if not sent.filename:
            continue
        if len(form.kept) >= limit:
            form.refuse_file(
                _(
                    "%(limit)s files at most: “%(name)s” is left out.",
                    limit=limit,
                    name=files.normal_name(sent.filename),
                )
            )
            status = status or 422
            continue
        try:
            form.kept.append(files.keep(sent.stream, sent.filename, viewer, current.now(), current.store()))
        except Refusal as fault:
            form.refuse_file(presenters.refusal(fault))
            status = max(status, fault.status)
    return status


def removes(form: Any) -> bool:
    """True when the button that was pressed takes a file away: the page comes back, nothing is sent."""
    return bool(request.form.get("remove_file"))


def say(form: Any, fault: Invalid) -> None:
    """Put a refusal of the domain next to its field; by the text when the form has no such field."""
    field = getattr(form, fault.field or "body", None) or form.body
    field.errors = [*field.errors, presenters.refusal(fault)]
