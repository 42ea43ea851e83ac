"""Who was told what about a request, and one mail as it went out (VIEW-4, VIEW-15)."""

from __future__ import annotations

import re

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

import presenters
from domain import mail_log
from domain.refusals import Missing
from views import current, tickets

blueprint = Blueprint("ticket_mails", __name__)

_KEY = re.compile(r"[0-9]{1,9}")


@blueprint.get("/tickets/<number>/mails")
def index(number: str) -> ResponseReturnValue:
    """The mails of one request, newest first."""
    ticket = tickets.load(number)
    found = mail_log.entries(current.viewer(), ticket)
    return render_template(
        "tickets/mails.html",
        ticket=ticket,
        mails=presenters.mail_lines(found),
        cut=mail_log.SHOWN_ON_PAGE if len(found) == mail_log.SHOWN_ON_PAGE else 0,
    )


@blueprint.get("/tickets/<number>/mails/<key>")
def show(number: str, key: str) -> ResponseReturnValue:
    """One mail as it went out: one's own, or any for the desk."""
    ticket = tickets.load(number)
    if not _KEY.fullmatch(key):
        raise Missing()
    letter = mail_log.read(current.viewer(), ticket, int(key))
    return render_template(
        "tickets/mail.html", ticket=ticket, letter=letter, what=presenters.mail_names()[letter.template]
    )
