"""Fresh sign-in: acts that ask the password or a factor again when the last time was a while ago.

The table says which; the gate before each request reads it. What was being sent is kept meanwhile, on the server and
for that person alone, and goes on with one press.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from flask import flash, g, make_response, redirect, request, session, url_for
from flask.typing import ResponseReturnValue

from domain import accounts
from models import HeldForm
from views import current, held
from words import gettext as _

GET = frozenset({"GET", "HEAD"})
POST = frozenset({"POST"})
BOTH = GET | POST

# Endpoint -> methods that ask for a fresh sign-in. A password is changed with the present one in the same form.
FRESH_ENDPOINTS: dict[str, frozenset[str]] = {
    # One's own factors
    "factors.app": POST,
    "factors.remove_app": POST,
    "factors.keys": BOTH,
    "factors.remove_key": POST,
    "factors.codes": POST,
    # Where codes go
    "mobiles.offer": POST,
    "mobiles.show": POST,
    "mobiles.remove": POST,
    # Who else opens the account
    "sso.link": GET,
    "sso.unlink": POST,
    "admin_identityprovider.create_view": POST,
    "admin_identityprovider.edit_view": POST,
    "admin_identityprovider.action_view": POST,
    "admin_identityprovider.ajax_update": POST,
    "admin_identityprovider.delete_view": POST,
    "admin_linkingapplication.create_view": POST,
    "admin_linkingapplication.edit_view": POST,
    "admin_linkingapplication.action_view": POST,
    "admin_linkingapplication.ajax_update": POST,
    "admin_linkingapplication.delete_view": POST,
    # Where links to choose a password go
    "account.address": POST,
    # Roles, rights and closed accounts; who must have a factor
    "admin_person.create_view": POST,
    "admin_person.edit_view": POST,
    "admin_person.action_view": POST,
    "admin_membership.create_view": POST,
    "admin_membership.edit_view": POST,
    "admin_membership.action_view": POST,
    "admin_organisation.edit_view": POST,
    "admin_contactimport.run": POST,
    "admin_settings.index": POST,
    # Files with personal data
    "admin_person.export": GET,
    "admin_membership.export": GET,
    "admin_contactreview.export": GET,
    "admin_contactimport.csv": GET,
    "admin_contactimport.export": GET,
    "admin_organisation.export": GET,
    "admin_ticket.export": GET,
    "admin_ticketevent.export": GET,
    "admin_licencerequest.export": GET,
    "admin_deletion.export": GET,
    "admin_articlevote.export": GET,
    "admin_outboxmessage.export": GET,
    "admin_textmessage.export": GET,
    "admin_auditentry.export": GET,
    # The eyes of somebody else
    "viewing.start": POST,
    "own_data.show": POST,
    "own_data.of_person": POST,
    "erasure.of_person": POST,
    "admin_retention.index": POST,
    # What the team cannot undo
    "deletion.call": POST,
    "deletion.complete": POST,
    "redaction.show": POST,
}

MARK = "fresh:"
HOLD_MINUTES = 60


def ask() -> ResponseReturnValue | None:
    """The answer to a request that needs a fresh sign-in, or None when it may go on. Costs a query for those only."""
    if request.method not in FRESH_ENDPOINTS.get(request.endpoint or "", ()):
        return None
    if accounts.is_fresh(g.session_id, current.now()):
        _drop_sent()
        return None
    if request.headers.get("Accept", "").startswith("application/json"):
        return make_response({"error": _("Sign in again to go on.")}, 401)
    if request.method == "POST":
        back = held.page_of(request.path) or "/"
        if not _hold():
            flash(_("Confirm that it is you, then send it again."), "info")
    else:
        back = request.full_path.rstrip("?")
        session.pop("act", None)
    return redirect(url_for("second_step.again", next=back), 303)


def _where() -> str:
    return MARK + request.full_path.rstrip("?")


def _hold() -> bool:
    """Keep what is being sent, unless it holds a secret or is too long to be kept."""
    session.pop("act", None)
    data = {}
    for name, values in request.form.lists():
        if name == "csrf_token":
            continue
        if name in held.NEVER_KEPT or name.startswith("password") or name == "credential":
            return False
        data[name] = [value.replace("\x00", "") for value in values]
    size = sum(len(name) + sum(map(len, values)) for name, values in data.items())
    if (
        len(_where()) > 500
        or size > held.MAX_CHARACTERS
        or any(file.filename for file in request.files.values())
    ):
        return False
    key = secrets.token_urlsafe(32)
    HeldForm.create(
        key_hash=hashlib.sha256(key.encode()).hexdigest(),
        path=_where(),
        data=data,
        person=current.viewer().id,
        created_at=current.now(),
    )
    session["act"] = key
    return True


def waiting() -> HeldForm | None:
    """What this person was sending in this browser when the password was asked, or None."""
    key = session.get("act")
    if not isinstance(key, str):
        return None
    row: HeldForm | None = HeldForm.get_or_none(
        (HeldForm.key_hash == hashlib.sha256(key.encode("utf-8", "replace")).hexdigest())
        & (HeldForm.person == current.viewer().id)
        & (HeldForm.created_at > current.now() - timedelta(minutes=HOLD_MINUTES))
    )
    return row if row is not None and row.path.startswith(MARK) else None


def go_on(target: str) -> str:
    """Where to go once it is sure who it is: on with the act that was kept, else to the page."""
    return url_for("second_step.act", next=target) if waiting() is not None else target


def _drop_sent() -> None:
    """The act is being sent now: what was kept of it is deleted."""
    if session.get("act"):
        row = waiting()
        if row is not None and row.path == _where():
            row.delete_instance()
            session.pop("act")
