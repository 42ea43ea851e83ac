"""Where somebody is led: highlights of the home page, other portals, whom to turn to, questions to customer success."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from peewee import JOIN

from domain import notifications, pace, settings
from domain.refusals import Invalid, NotAllowed, NotNow
from models import AssistantQuestion, Category, EscalationLine, Highlight, Portal, RequestForm, db

if TYPE_CHECKING:
    from domain.policies import Viewer

SUBJECTS = ("contract", "training", "project", "event", "other")
MESSAGE_CHARACTERS = 5_000
PAGE_CHARACTERS = 200
# Highlights and portals stand on pages that everybody opens; a change made elsewhere is seen after this many seconds.
CACHE_SECONDS = 3.0
# A page of this portal, or a whole address: nothing else can be a link of the home page.
LINK = re.compile(r"(/(?![/\\])[^\s\\]*|https://[^\s/\\]+(/[^\s\\]*)?)\Z")
_memory: dict[str, tuple[float, list[Any]]] = {}
_lock = threading.Lock()


def forget() -> None:
    """Drop what this process remembers: the next read asks the database."""
    _memory.clear()


def _remembered(name: str, read: Callable[[], list[Any]]) -> list[Any]:
    with _lock:
        known = _memory.get(name)
        if known is None or time.monotonic() - known[0] > CACHE_SECONDS:
            known = _memory[name] = (time.monotonic(), read())
        return known[1]


def highlights(viewer: Viewer | None) -> list[Highlight]:
    """What the home page shows to this reader, in order. One query, none while it is remembered."""
    query = Highlight.select().where(Highlight.is_active).order_by(Highlight.position, Highlight.id)
    rows = _remembered("highlights", lambda: list(query))
    return [row for row in rows if viewer is not None or row.audience == "public"]


def portals() -> list[Portal]:
    """The portals to switch between, this one first: empty as long as there is nowhere else to go (VIEW-8)."""
    rows = _remembered("portals", lambda: list(Portal.select().order_by(Portal.id)))
    if len(rows) < 2 or not any(row.url for row in rows):
        return []
    return sorted(rows, key=lambda row: bool(row.url))


def escalation_lines() -> list[EscalationLine]:
    """Whom to turn to, in order, each with its form (REQ-15). One query."""
    query = (
        EscalationLine.select(EscalationLine, RequestForm, Category)
        .join(RequestForm, JOIN.LEFT_OUTER)
        .join(Category, JOIN.LEFT_OUTER)
        .where(EscalationLine.is_active)
        .order_by(EscalationLine.position, EscalationLine.id)
    )
    return list(query)


def offers_assistant() -> bool:
    """True when there is somewhere to send questions that are not technical."""
    return bool(settings.get("assistant_address").strip())


def ask(
    by: Viewer, now: datetime, *, subject: str, message: str, page: str = "", idempotency_key: str
) -> AssistantQuestion:
    """Send a question that is not technical to customer success; the answer comes by mail (VIEW-8).

    Arguments: subject, of SUBJECTS; message, at most 5,000 characters; page, the address on which help was asked;
    idempotency_key, one for each form shown. Raises NotAllowed, NotNow("assistant-away", "too-many-posts",
    "key-reused"), Invalid by its field.
    """
    if not by.is_active:
        raise NotAllowed("ideas-not-yours")
    if not offers_assistant():
        raise NotNow("assistant-away")
    message = message.strip()
    if subject not in SUBJECTS:
        raise Invalid("assistant-subject-unknown", field="subject")
    if not message:
        raise Invalid("body-empty", field="message")
    if len(message) > MESSAGE_CHARACTERS:
        raise Invalid("line-too-long", field="message", limit=MESSAGE_CHARACTERS)
    with db.atomic():
        again = AssistantQuestion.get_or_none(AssistantQuestion.idempotency_key == idempotency_key)
        if again is not None:
            if (again.person_id, again.subject, again.message) == (by.id, subject, message):
                return again
            raise NotNow("key-reused")
        pace.check(AssistantQuestion.person, by, now, setting="posts_per_minute", refusal="too-many-posts")
        row = AssistantQuestion.create(
            person=by.id,
            subject=subject,
            message=message,
            page=page[:PAGE_CHARACTERS] if LINK.match(page) and page.startswith("/") else "",
            created_at=now,
            idempotency_key=idempotency_key,
        )
        notifications.enqueue(
            "assistant-question",
            source=f"assistant:{row.id}",
            now=now,
            email=settings.get("assistant_address").strip(),
            language="fr",
            question_id=row.id,
        )
    return row
