"""Text typed when the session or the form's token had ended is kept, and given back after sign-in (REQ-16)."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from flask import current_app, g, request
from flask_login import current_user
from peewee import PeeweeException
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from models import HeldForm, UserSession
from views import current

COOKIE = "guichet_held"
HOLD_HOURS = 24
MAX_CHARACTERS = 100_000
# Anybody can make the portal hold a text, so there is an end to how many.
MOST_OF_STRANGERS = 500
MOST_OF_ONE_PERSON = 20
# The end of these addresses is a secret of a mail: kept as a hash only, like everywhere else.
SECRET_PLACES = ("/mail-actions/", "/password/", "/account/address/confirm/")
# Secrets and marks of the form itself are never kept.
NEVER_KEPT = frozenset(
    {"csrf_token", "password", "current_password", "new_password", "confirmation", "code", "new_secret"}
)


def _kept_path(path: str) -> str:
    """The address of a page as it is kept."""
    for place in SECRET_PLACES:
        if path.startswith(place):
            return place + hashlib.sha256(path.encode("utf-8", "replace")).hexdigest()
    return path[:500]


def page_of(path: str) -> str | None:
    """The address of the page a form was on: its own when it answers GET, else its parent's; None without one."""
    adapter = current_app.url_map.bind("")
    candidates = [path, path.rsplit("/", 1)[0] or "/"]
    for candidate in candidates:
        try:
            adapter.match(candidate, method="GET")
        except HTTPException:
            continue
        return candidate
    return None


def hold(token_of_session: str | None) -> tuple[str, str] | None:
    """Keep the text of the present POST.

    Arguments: token_of_session, the session token the browser still had, if any.
    Returns (path of the page, key for the cookie), or None when there is nothing worth keeping.
    """
    path = page_of(request.path)
    if path is None:
        return None
    data: dict[str, list[str]] = {}
    size = 0
    for name, values in request.form.lists():
        if name in NEVER_KEPT or name.startswith("password"):
            continue
        kept = [value.replace("\x00", "") for value in values[:50]]
        size += sum(map(len, kept)) + len(name)
        if size > MAX_CHARACTERS or len(data) >= 200:
            break
        data[name[:100]] = kept
    if not data:
        return None
    person_id = current_user.id if current_user.is_authenticated else None
    if person_id is None and token_of_session:
        digest = hashlib.sha256(token_of_session.encode("utf-8", "replace")).hexdigest()
        person_id = UserSession.select(UserSession.person).where(UserSession.token_hash == digest).scalar()
    key = secrets.token_urlsafe(32)
    try:
        if not _has_room(person_id):
            return None
        HeldForm.create(
            key_hash=hashlib.sha256(key.encode()).hexdigest(),
            path=_kept_path(path),
            data=data,
            person=person_id,
            created_at=current.now(),
        )
    except PeeweeException:
        current_app.logger.exception("a form could not be held")
        return None
    return path, key


def _has_room(person_id: int | None) -> bool:
    """Whether one more text is held: a person's last ones replace the older, strangers share a bounded room."""
    theirs = HeldForm.person.is_null() if person_id is None else HeldForm.person == person_id
    if person_id is not None:
        kept = HeldForm.select(HeldForm.id).where(theirs).order_by(HeldForm.id.desc())
        last = kept.offset(MOST_OF_ONE_PERSON - 2).limit(1).scalar()
        if last is not None:
            HeldForm.delete().where(theirs & (HeldForm.id < last)).execute()
        return True
    old = HeldForm.created_at < current.now() - timedelta(hours=HOLD_HOURS)
    HeldForm.delete().where(theirs & old).execute()
    return bool(HeldForm.select().where(theirs).count() < MOST_OF_STRANGERS)


def set_cookie(response: Response, key: str) -> None:
    """Give the browser the key of what was kept."""
    response.set_cookie(
        COOKIE,
        key,
        max_age=HOLD_HOURS * 3600,
        httponly=True,
        samesite="Lax",
        secure=current.settings().production,
    )


def give_back() -> dict[str, list[str]] | None:
    """What this browser and this person typed on this very page, or None."""
    key = request.cookies.get(COOKIE)
    if not key or request.args.get("held") != "1":
        return None
    row = HeldForm.get_or_none(
        HeldForm.key_hash == hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()
    )
    if (
        row is None
        or row.path != _kept_path(request.path)
        or row.created_at < current.now() - timedelta(hours=HOLD_HOURS)
        or (row.person_id is not None and row.person_id != current.viewer().id)
    ):
        return None
    g.held_given = True
    return dict(row.data)


def forget(response: Response) -> Response:
    """After a form was sent, drop what had been kept for this browser on its page."""
    key = request.cookies.get(COOKIE)
    if key and request.method == "POST" and response.status_code == 303:
        HeldForm.delete().where(
            (HeldForm.key_hash == hashlib.sha256(key.encode("utf-8", "replace")).hexdigest())
            & (HeldForm.path == _kept_path(page_of(request.path) or ""))
        ).execute()
    return response
