"""Words are those that flask_babel gives, only sooner; paths are those of url_for, wherever the portal is mounted."""

from __future__ import annotations

from typing import Any

import flask_babel
import pytest
from flask import url_for
from flask_babel import force_locale

import words
from views.assets import drawing
from views.paths import path

MESSAGES = ["Subject", "Whose turn", "Save for me", "a message that nobody translates"]


@pytest.mark.parametrize("language", ["fr", "en"])
def test_words_are_those_of_the_catalogue(app: Any, language: str) -> None:
    with app.test_request_context("/"), force_locale(language):
        assert words.language() == language
        assert [words.gettext(text) for text in MESSAGES] == [flask_babel.gettext(text) for text in MESSAGES]
        for number in (0, 1, 2, 51):
            ours = words.ngettext("%(num)s new", "%(num)s new", number)
            assert ours == flask_babel.ngettext("%(num)s new", "%(num)s new", number)


def test_a_mail_in_another_language_changes_neither_the_page_before_nor_after_it(app: Any) -> None:
    label = words.lazy_gettext("Subject")
    with app.test_request_context("/?lang=en"):
        assert (words.gettext("Subject"), str(label)) == ("Subject", "Subject")
        with force_locale("fr"):
            assert (words.gettext("Subject"), str(label)) == ("Sujet", "Sujet")
        assert (words.gettext("Subject"), str(label)) == ("Subject", "Subject")
    with app.test_request_context("/?lang=fr"):
        assert words.gettext("Subject") == "Sujet"


def test_values_take_their_places_whatever_their_names(app: Any) -> None:
    with app.test_request_context("/?lang=en"):
        assert words.gettext("%(message)s of %(one)s", message="a", one="b") == "a of b"
        assert words.ngettext("%(num)s of %(total)s", "%(num)s of %(total)s", 2, total=7) == "2 of 7"
        assert (
            str(words.lazy_gettext("100 % of %(message)s".replace("% of", "%% of"), message="it"))
            == "100 % of it"
        )
        assert words.gettext("100 %") == "100 %"


def test_outside_of_pages_and_mails_words_stay_as_they_are() -> None:
    assert words.gettext("Subject") == "Subject"
    assert words.language() == "fr"


def test_a_path_follows_the_place_where_the_portal_is_mounted(app: Any) -> None:
    for mounted in ("", "/support", ""):
        with app.test_request_context("/tickets", environ_overrides={"SCRIPT_NAME": mounted}):
            assert path("tickets.index") == url_for("tickets.index") == f"{mounted}/tickets"
            assert path("tickets.index", list="cc") == f"{mounted}/tickets?list=cc"
            assert path(".index", list="cc").startswith(mounted)


def test_drawings_carry_words_only_where_no_text_says_the_same(app: Any) -> None:
    with app.test_request_context("/"):
        assert ' aria-hidden="true"><use href="/static/icons.svg?v=' in drawing("check-lg")
        named = drawing("check-lg", 'Yes: "<b>"')
        assert ' role="img" aria-label="Yes: &#34;&lt;b&gt;&#34;">' in named and "aria-hidden" not in named
