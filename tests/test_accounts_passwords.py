"""Passwords by themselves: hashing, the list of those tried first, and what judging them costs. No database."""

from __future__ import annotations

import time

import pytest

from domain import passwords


def test_a_password_is_kept_as_argon2id_with_the_parameters_of_owasp() -> None:
    stored = passwords.hash_password("un cheval bleu")
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert stored != passwords.hash_password("un cheval bleu")
    assert passwords.verify(stored, "un cheval bleu")
    assert not passwords.verify(stored, "un cheval bleu ")
    assert not passwords.verify(stored, "Un cheval bleu")


def test_nobody_s_hash_is_verified_and_never_matches() -> None:
    assert not passwords.verify(None, "nobody has this password")


def test_a_stored_text_that_is_no_hash_opens_nothing() -> None:
    for stored in ("", "x", "$argon2id$", "un cheval bleu"):
        assert not passwords.verify(stored, "un cheval bleu")


def test_accents_typed_in_two_ways_are_one_password() -> None:
    assert passwords.verify(
        passwords.hash_password("for\u00eat d'\u00e9t\u00e9"), "fore\u0302t d'e\u0301te\u0301"
    )


def test_what_no_keyboard_types_and_what_is_too_long_is_no_password() -> None:
    for text in ("", "a\x00b", "a\nb", "\ud800", "x" * 129, "é" * 129, "x" * 10_000_000):
        assert passwords.normalise(text) is None
    assert passwords.normalise("x" * 128) == "x" * 128
    assert passwords.normalise("e\u0301" * 128) == "é" * 128


def test_every_well_known_password_is_refused() -> None:
    assert len(passwords.known_bad()) > 3000
    assert {word for word in passwords.known_bad() if not passwords.is_well_known(word)} == set()
    assert {word for word in passwords.known_bad() if passwords.fold(word) != word} == set()


@pytest.mark.parametrize(
    "text",
    ["a1b2c3d4e5" * 12, "1" * 128, "ab" * 64, "!" * 128, "💥é" * 60, "motdepasse" * 12, "azertyuiop1" * 11],
)
def test_judging_a_password_is_quick(text: str) -> None:
    began = time.process_time()
    passwords.is_well_known(text)
    assert time.process_time() - began < 0.2


def test_words_of_a_person_are_found_inside_and_short_ones_alone() -> None:
    words = passwords.words_of("Bob Lefèvre", "b.lefevre@acme.example", "Acme")
    assert words == ["blefevre", "lefevre", "acme", "bob"]
    assert passwords.personal_word("les bobines tournent", words) is None
    assert passwords.personal_word("les pas de Bob", words) == "bob"
    assert passwords.personal_word("la rue Lefèvres", words) == "lefevre"
