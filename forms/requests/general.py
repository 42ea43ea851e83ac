"""General requests: a question, a screen or a translation that is wrong, an idea."""

from __future__ import annotations

from wtforms import MultipleFileField

from forms.base import RequestFields
from forms.fields import TEXT_MAX, Line, Lines, OneOfFew
from forms.mixins import Justification
from words import lazy_gettext as _l


class Question(RequestFields):
    """REQ-2 `question`: the summary is the question itself."""

    summary = Line(
        _l("Question"),
        _l("Write your question in one sentence."),
        least=3,
        short=_l("Write a question of 3 characters or more."),
        description=_l("One sentence. Example: “How do I tell the team that leave is granted?”"),
    )


class Interface(RequestFields):
    """REQ-2 `interface`. The list says "screenshot" without "optional", so one is needed: an image, or a PDF of it."""

    asks = ("issue_kind", "steps")
    files_needed = _l("Attach a screenshot: an image or a PDF.")
    files_like = ("image/", "application/pdf")

    attachments = MultipleFileField(
        _l("Screenshot of the defect"), description=_l("The whole window, so that we see where you are.")
    )
    issue_kind = OneOfFew(
        _l("What is wrong"),
        _l("Choose what is wrong: the screen or the translation."),
        choices=[
            ("interface", _l("The screen: display, layout, button")),
            ("translation", _l("The translation")),
        ],
    )
    steps = Lines(
        _l("Steps to see it"),
        _l("List the steps that lead to the defect."),
        description=_l("The menu, the screen, what you click, in order. Name the language of the screen."),
    )


class Improvement(Justification, RequestFields):
    """REQ-2 `improvement`: the description holds the improvement and the problem that it solves for the user."""

    asks = ("justification",)

    description = Lines(
        _l("Details"),
        _l("Describe the improvement and the problem that it solves."),
        most=TEXT_MAX,
        rows=8,
        description=_l(
            "The improvement that you have in mind, and which problem it solves for those who use the product."
        ),
    )
