"""The questions to customers about themselves, as a form made of their rows (ACC-17)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask_wtf import FlaskForm

from domain.profile_questions import MOST_CHARACTERS
from forms.fields import Line, OneOf, Words
from models import ProfileAnswer, ProfileQuestion
from words import lazy_gettext

_l = lazy_gettext


class ProfileQuestionsForm(FlaskForm):
    """The questions in use; none of them is needed."""

    def values(self) -> dict[int, str]:
        """What was answered, by the key of the question."""
        return {
            int(name.removeprefix("answer_")): str(field.data or "")
            for name, field in self._fields.items()
            if name.startswith("answer_")
        }


def made_for(asked: Sequence[tuple[ProfileQuestion, ProfileAnswer | None]]) -> type[ProfileQuestionsForm]:
    """The form of these questions, filled in with what was answered before."""
    fields = {f"answer_{question.id}": _field(question, given) for question, given in asked}
    return type("AskedForm", (ProfileQuestionsForm,), fields)


def _field(question: ProfileQuestion, given: ProfileAnswer | None) -> Any:
    label = Words.of(question)
    more: dict[str, Any] = {"default": given.value if given is not None else ""}
    if question.help_fr or question.help_en:
        more["description"] = Words.of(question, "help")
    if question.answer != "choice":
        return Line(label, most=MOST_CHARACTERS, width="w-md", render_kw={"autocomplete": "off"}, **more)
    options = [(str(option["value"]), Words(option["fr"], option["en"])) for option in question.options]
    if given is not None and given.value and given.value not in {value for value, _words in options}:
        # What was answered stays to be seen, also when it is no longer offered.
        options.append((given.value, Words(given.text_fr, given.text_en)))
    return OneOf(label, choices=[("", _l("No answer")), *options], width="w-md", **more)
