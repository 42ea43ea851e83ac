"""Files that come with an answer or a note: kept first, so that a refusal of the rest loses none of them."""

from __future__ import annotations

from typing import Any

from flask import request


import presenters
from domain import files
from domain.refusals import Invalid, NotNow, Refusal
from views import current

MAX_KEYS = 60


def receive(form: Any) -> None:
    """Keep the files of this POST and those kept before it; a file that is not taken gets its message by the field."""
    keys = request.form.getlist("attachment_keys")[:MAX_KEYS]
    removed = request.form.get("remove_file", "")
    form.kept = [row for row in files.pending(keys, current.viewer()) if row.key != removed]
    if removed:
        try:
            files.drop(removed, current.viewer(), current.store())
        except Refusal:
            pass
    for sent in request.files.getlist("attachments"):
        if not sent.filename:
            continue
        try:
            form.kept.append(
                files.keep(sent.stream, sent.filename, current.viewer(), current.now(), current.store())
            )
        except (Invalid, NotNow) as fault:
            form.refuse_file(presenters.refusal(fault))


def removes(form: Any) -> bool:
    """True when the button that was pressed takes a file away: the page comes back, nothing is sent."""
    return bool(request.form.get("remove_file"))


def say(form: Any, fault: Invalid) -> None:
    """Put a refusal of the domain next to its field; by the text when the form has no such field."""
    field = getattr(form, fault.field or "body", None) or form.body
    field.errors = [*field.errors, presenters.refusal(fault)]



