"""Questions to customers about themselves, which they may skip (ACC-17).

A question is asked of a customer once: an answer, also an empty one, is a row, and whoever has it is not asked again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from domain import audit
from domain.refusals import Invalid
from domain.turns import one_at_a_time
from models import ProfileAnswer, ProfileQuestion

if TYPE_CHECKING:
    from domain.policies import Viewer
    from models import Person

ANSWERS = ("line", "choice")
MOST_CHARACTERS = 200
OPTIONS_MAX = 30
# Most portals ask nothing, and the page of a request at the desk need not look that up each time: a change made by
# another process is seen after this many seconds.
CACHE_SECONDS = 3.0
_memory: list[tuple[float, list[ProfileQuestion]]] = []
_lock = threading.Lock()


def forget() -> None:
    """Drop what this process remembers: the next read asks the database."""
    _memory.clear()


def _questions() -> list[ProfileQuestion]:
    """The questions in use, in order. One query, none while they are remembered."""
    with _lock:
        if not _memory or time.monotonic() - _memory[0][0] > CACHE_SECONDS:
            query = ProfileQuestion.select().where(ProfileQuestion.is_active)
            rows = list(query.order_by(ProfileQuestion.position, ProfileQuestion.id))
            _memory[:] = [(time.monotonic(), rows)]
        return _memory[0][1]


def _answers(person_id: int) -> dict[int, ProfileAnswer]:
    """The answers of a person, by the key of the question."""
    rows = ProfileAnswer.select().where(ProfileAnswer.person == person_id)
    return {row.question_id: row for row in rows}


def check_question(answer: str, options: Sequence[Mapping[str, str]]) -> None:
    """Refuse a question that no page could ask.

    Arguments: answer, one of ANSWERS; options, those of a choice.
    Raises Invalid: "extra-options", "extra-options-many", "profile-option-long".
    """
    if answer == "choice" and len(options) < 2:
        raise Invalid("extra-options", field="options")
    if len(options) > OPTIONS_MAX:
        raise Invalid("extra-options-many", field="options", most=OPTIONS_MAX)
    for option in options:
        if max(len(option["fr"]), len(option["en"])) > MOST_CHARACTERS:
            raise Invalid("profile-option-long", field="options", limit=MOST_CHARACTERS)


def waiting(person: Viewer | Person) -> bool:
    """Whether a question waits that this customer neither answered nor skipped; staff are asked nothing.

    One query, none where nothing is asked.
    """
    if person.staff_role is not None or not _questions():
        return False
    answers = _answers(person.id)
    return any(question.id not in answers for question in _questions())


def asked_of(viewer: Viewer) -> list[tuple[ProfileQuestion, ProfileAnswer | None]]:
    """The questions in use, in order, with what this customer answered: None for one never asked.

    Staff are asked nothing. One query, none where nothing is asked.
    """
    if viewer.is_staff or not _questions():
        return []
    answers = _answers(viewer.id)
    return [(question, answers.get(question.id)) for question in _questions()]


def said_by(person_id: int) -> list[tuple[ProfileQuestion, ProfileAnswer]]:
    """What a person answered to the questions in use, in order, without what they skipped.

    One query, none where nothing is asked.
    """
    if not _questions():
        return []
    answers = _answers(person_id)
    return [
        (question, answers[question.id])
        for question in _questions()
        if question.id in answers and answers[question.id].value
    ]


def save(viewer: Viewer, values: Mapping[int, str], now: datetime) -> None:
    """Keep one's answers; an empty one skips its question, and takes an earlier answer back.

    Arguments: values, by the key of the question; one in use that is not named is skipped as well; now, aware UTC.
    Raises Invalid("profile-answer-long"), ("profile-answer-unknown") with `question`, the key.
    """
    with one_at_a_time(f"profile:{viewer.id}"):
        # A question that an admin takes away meanwhile, in another process, has no answers any more.
        forget()
        changed = []
        for question, before in asked_of(viewer):
            kept = _checked(question, values.get(question.id, ""), before)
            if before is not None and before.value == kept["value"]:
                continue
            ProfileAnswer.delete().where(
                (ProfileAnswer.person == viewer.id) & (ProfileAnswer.question == question.id)
            ).execute()
            ProfileAnswer.create(person=viewer.id, question=question.id, answered_at=now, **kept)
            if kept["value"] or (before is not None and before.value):
                changed.append(f"question:{question.slug}")
        if changed:
            # That something changed, never what: answers are the person's own to take back.
            audit.record("account:changed", by=viewer, now=now, target=f"person:{viewer.id}", fields=changed)


def skip(viewer: Viewer, now: datetime) -> None:
    """Skip every question that waits; what was answered before stays."""
    save(
        viewer,
        {question.id: given.value for question, given in asked_of(viewer) if given is not None},
        now,
    )


def _checked(question: ProfileQuestion, text: str, before: ProfileAnswer | None) -> dict[str, Any]:
    """The value to keep, with its words in both languages."""
    value = " ".join(text.split())
    if before is not None and value == before.value:
        # Also when that answer is no longer offered.
        return {"value": value, "text_fr": before.text_fr, "text_en": before.text_en}
    if len(value) > MOST_CHARACTERS:
        raise Invalid("profile-answer-long", question=question.id, limit=MOST_CHARACTERS)
    if not value or question.answer == "line":
        return {"value": value, "text_fr": value, "text_en": value}
    for option in question.options:
        if option["value"] == value:
            return {"value": value, "text_fr": option["fr"], "text_en": option["en"]}
    raise Invalid("profile-answer-unknown", question=question.id)
