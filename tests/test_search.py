"""Finding requests by words: accents, plurals, numbers, notes for the desk only, and what people type to break things.

Every answer is the same on SQLite and on PostgreSQL: the tests run on both.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import conversation, lists, requests, search
from domain.lists import Asked
from models import Ticket, db
from tests.conftest import NOW
from tests.support.casework import again, answer, key, see, send, submission


def found(viewer: Any, words: str, name: str = "organisation") -> set[str]:
    """The numbers of what a person finds in a list."""
    return {row.number for row in lists.find(see(viewer), Asked(list=name, q=words)).rows}


@pytest.mark.parametrize(
    ("written", "typed"),
    [
        ("Problème d'impression à l'étage", "probleme impression etage"),
        ("Probleme d'impression", "PROBLÈME D’IMPRESSION"),
        ("Un cœur de métier", "coeur metier"),
        ("Le coeur du sujet", "CŒUR"),
        ("Curriculum vitæ perdu", "vitae"),
        ("Straße gesperrt", "strasse"),
        ("La ﬁche de paie", "fiche"),
        ("Ｆａｃｔｕｒｅ en double", "facture"),
        ("e\u0301cran noir", "écran"),
        ("Les factures sont arrivées", "facture arrivée"),
        ("Une facture", "factures"),
        ("Les journaux comptables", "journal comptable"),
        ("Serveur 10.20.30.40 muet", "10.20.30.40"),
        ("Code AC04 renvoyé", "ac04"),
        ("user@acme.example ne peut se connecter", "user@acme.example"),
        ("Ligne\ncoupée\ten deux", "ligne coupee deux"),
        ("C'est   l'export-comptable", "export comptable"),
    ],
)
def test_words_are_found_whatever_their_accents_case_ligatures_or_number(
    world: Any, written: str, typed: str
) -> None:
    ticket = send(world, summary="Un sujet", description=written)
    other = send(world, summary="Autre sujet", description="Sans rapport aucun")
    numbers = found(world.alice, typed)
    assert ticket.number in numbers and other.number not in numbers


def test_every_word_must_be_there_in_any_order_and_in_any_part(world: Any) -> None:
    ticket = send(world, summary="Imprimante muette", description="Rien ne sort du bac.")
    answer(ticket, world.sam, "Avez-vous redémarré le routeur ?")
    assert ticket.number in found(world.alice, "routeur imprimante bac")
    assert ticket.number not in found(world.alice, "routeur imprimante licorne")


def test_part_of_a_word_is_not_the_word(world: Any) -> None:
    ticket = send(world, summary="Imprimante muette")
    assert ticket.number not in found(world.alice, "impri")


@pytest.mark.parametrize("shape", ["{}", "{lower}", " {} ", "« {} »", "{digits}", "#{digits}"])
def test_a_request_is_found_by_its_number(world: Any, shape: str) -> None:
    ticket = send(world)
    digits = ticket.number.removeprefix("SUP-")
    typed = shape.format(ticket.number, lower=ticket.number.lower(), digits=digits)
    assert found(world.alice, typed) == {ticket.number}


def test_a_number_that_is_typed_leads_to_the_request_only_for_those_who_may_read_it(world: Any) -> None:
    ticket = send(world)
    digits = ticket.number.removeprefix("SUP-")
    for typed in (ticket.number, ticket.number.lower(), digits, f"  {digits} "):
        assert lists.numbered(see(world.alice), typed) == ticket.number
        assert lists.numbered(see(world.sam), typed) == ticket.number
        assert lists.numbered(see(world.charlie), typed) is None
    for typed in ("", "panne", "SUP", "SUP-", "99999", "²³", "٢٠٤١", "SUP-2041\0", "9" * 30):
        assert lists.numbered(see(world.alice), typed) is None


def test_answers_of_the_form_are_found_too(world: Any) -> None:
    answers = [
        {
            "key": "endpoint_url",
            "label_fr": "URL",
            "label_en": "URL",
            "value": "https://api.acme.example/v2/ecritures",
        }
    ]
    ticket = send(world, answers=answers)
    assert ticket.number in found(world.alice, "ecritures")


def test_what_is_written_later_is_found_at_once_and_what_was_refused_is_not(world: Any) -> None:
    ticket = send(world)
    assert found(world.alice, "marsouin") == set()
    answer(ticket, world.alice, "Un marsouin est passé.")
    assert found(world.alice, "marsouins") == {ticket.number}
    with pytest.raises(RuntimeError), db.atomic():
        answer(ticket, world.alice, "Un narval aussi.")
        raise RuntimeError("not written after all")
    assert found(world.alice, "narval") == set()


# Who finds what


def test_words_of_notes_are_found_by_the_desk_only(world: Any) -> None:
    ticket = send(world, cc=["dana@acme.example"], share_with_account_manager=True)
    conversation.note(ticket, "Le client est une belette.", see(world.sam), NOW, idempotency_key=key())
    for name in lists.LISTS:
        for who in (world.alice, world.bob, world.dana, world.charlie, world.marc):
            assert found(who, "belette", name) == set()
            assert found(who, "banque belette", name) == set()
    for who in (world.sam, world.ines, world.vera, world.root):
        assert found(who, "belette") == {ticket.number}
        assert found(who, "banque belettes") == {ticket.number}, "public words and words of notes together"


def test_words_of_another_customer_are_never_found(world: Any) -> None:
    ticket = send(world, summary="Le secret du marsouin")
    private = send(world, by=world.bob, summary="Le marsouin de Bob", audience="only_me")
    for name in lists.LISTS:
        assert found(world.charlie, "marsouin", name) == set()
        assert found(world.dana, "marsouin", name) == set()
    assert found(world.alice, "marsouin") == {ticket.number}
    assert found(world.sam, "marsouin") == {ticket.number, private.number}


@pytest.mark.parametrize(
    "typed",
    ["o1", "r1", "c1", "_o1", "belongs", "words:marsouin", "{belongs}", "belongs:o1", "o1 OR r1", "internal"],
)
def test_the_marks_of_the_index_are_no_words(world: Any, typed: str) -> None:
    send(world, summary="Le marsouin")
    assert found(world.charlie, typed) == found(world.sam, typed) == set()


def test_the_number_of_hits_says_nothing_of_what_one_may_not_read(world: Any) -> None:
    for _ in range(3):
        send(world, summary="Le marsouin")
    send(world, by=world.charlie, summary="Le marsouin de Globex")
    for name, count in (("mine", 1), ("organisation", 1), ("cc", 0)):
        page = lists.find(see(world.charlie), Asked(list=name, q="marsouin"))
        assert (len(page.rows), page.count) == (count, count)


# What people type to break things

HOSTILE = [
    "", " ", "'", '"', '"unclosed', "''", "'; DROP TABLE ticket; --", "marsouin' OR '1'='1", "a AND", "AND",
    "OR", "NOT", "NEAR(a b)", "NEAR/2", "marsouin*", "*", "^marsouin", "-marsouin", "+", "(", ")", "((((",
    "a & b", "a | b", "!a", "a <-> b", "a:*", ":*", "words:a", "{a b} : c", "a : b", "\\", "\\'", "%", "_",
    "%%%", "___", "%s", "%(x)s", "?", "$1", ":x", "\0", "marsouin\0", "\ud800", "\u202e\u200b", "🦭", "🦭🦭",
    "日本語", "привет", "e" + "\u0301" * 500, "ﷺ" * 100, "'" * 200, '"' * 200, "(" * 400, "a" * 10_240,
    "a " * 5_000, "marsouin " * 2_000, "ß" * 400, "İ" * 300, "1e400", "NaN", "0x", "../..", "<script>",
    "{{7*7}}", "\r\nX: y", "\x1b[31m", "\ufeff", "a\u2028b", "null", "None", "true",
]  # fmt: skip


def test_nothing_that_is_typed_breaks_the_search_or_finds_what_it_should_not(world: Any) -> None:
    ticket = send(world, summary="Le marsouin")
    for typed in HOSTILE:
        for who in (world.alice, world.charlie, world.sam, world.marc):
            numbers = found(who, typed)
            assert ticket.number not in numbers or who is not world.charlie, typed
            assert search.matching_ids(typed, belongs=["o0"]) == [], typed
    assert found(world.alice, "marsouin") == {ticket.number}, "and it still works"


def test_words_with_a_weapon_around_them_are_still_words(world: Any) -> None:
    ticket = send(world, summary="Le marsouin")
    for typed in (
        "marsouin*",
        '"marsouin"',
        "(marsouin)",
        "-marsouin",
        "marsouin\0",
        "%marsouin%",
        "marsouin'; --",
    ):
        assert found(world.alice, typed) == {ticket.number}, typed


@settings(max_examples=150, deadline=None, database=None, derandomize=True)
@given(st.text(max_size=300))
def test_terms_are_plain_words_whatever_the_text(text: str) -> None:
    terms = search.terms(text)
    assert len(terms) <= search.MAX_QUERY_WORDS
    for term in terms:
        assert term.isascii() and term.isalnum() and term == term.lower()
        assert len(term) <= search.MAX_WORD_CHARACTERS
    assert search.terms(" ".join(terms)) is not None


def test_folding_is_done_once_and_for_all() -> None:
    for text in ("Éà Çœ ÆŒ ß", "Ｆｕｌｌ", "ﬁ", "İstanbul", "naïve café", "’quote’"):
        assert search.fold(search.fold(text)) == search.fold(text)
        assert search.fold(text.upper()) == search.fold(text.lower()) or "ß" in text or "İ" in text


def test_an_encoded_file_pasted_into_a_message_is_kept_and_does_no_harm(world: Any) -> None:
    import base64
    import random

    chance = random.Random(1)
    pasted = base64.b64encode(chance.randbytes(9_000)).decode()
    hexadecimal = chance.randbytes(9_000).hex()
    ticket = send(world, description=f"Voici : {pasted}")
    answer(ticket, world.alice, hexadecimal)
    answer(ticket, world.alice, "Le marsouin vient après.")
    assert found(world.alice, "marsouin") == {ticket.number}
    assert found(world.alice, hexadecimal[:200]) == {ticket.number}, "the beginning of a long word is enough"


def test_a_thread_of_many_different_words_is_indexed_up_to_a_bound(world: Any) -> None:
    ticket = send(world)
    public = [f"mot{n:037d}" for n in range(search.MAX_WORDS)]
    search.store(ticket.id, public, public, [f"o{ticket.organisation_id}"])
    assert search.matching_ids(public[0], belongs=[f"o{ticket.organisation_id}"]) == [ticket.id]


# The index as a whole


def test_newest_first_below_a_key_and_up_to_a_limit(world: Any) -> None:
    tickets = [send(world, summary="Le marsouin") for _ in range(5)]
    ids = [ticket.id for ticket in tickets][::-1]
    assert search.matching_ids("marsouin") == ids
    assert search.matching_ids("marsouin", limit=2) == ids[:2]
    assert search.matching_ids("marsouin", below=ids[1]) == ids[2:]
    assert search.matching_ids("marsouin", belongs=[f"r{tickets[0].requester_id}"], below=ids[3]) == ids[4:]


def test_an_index_made_anew_gives_the_same_answers(world: Any) -> None:
    ticket = send(world, summary="Le marsouin")
    conversation.note(ticket, "belette", see(world.sam), NOW, idempotency_key=key())
    asked = ("marsouin", "belette", "banque", "facture", "le", "2001")
    before = {words: (found(world.alice, words), found(world.sam, words)) for words in asked}
    assert search.rebuild() == Ticket.select().count()
    assert {words: (found(world.alice, words), found(world.sam, words)) for words in asked} == before
    assert before["marsouin"][0] == {ticket.number}


def test_making_the_index_again_loses_nothing(world: Any) -> None:
    ticket = send(world, summary="Le marsouin")
    search.create_index()
    assert found(world.alice, "marsouin") == {ticket.number}


def test_a_request_in_copy_is_found_under_copies(world: Any) -> None:
    ticket = send(world, summary="Le marsouin")
    assert found(world.dana, "marsouin", "cc") == set()
    row = conversation.add_cc(again(ticket), "dana@acme.example", see(world.alice), NOW)
    assert found(world.dana, "marsouin", "cc") == {ticket.number}
    conversation.remove_cc(again(ticket), row.id, see(world.alice), NOW)
    assert found(world.dana, "marsouin", "cc") == set()


def test_a_request_that_was_refused_is_not_in_the_index(world: Any) -> None:
    with pytest.raises(RuntimeError), db.atomic():
        requests.submit(submission(world, summary="Le marsouin"), see(world.alice), NOW)
        raise RuntimeError("not sent after all")
    assert search.matching_ids("marsouin") == []


@pytest.mark.parametrize("owner", ["o", "r"])
def test_a_common_and_a_rare_word_of_one_customer_are_found_newest_first_whatever_the_limit(
    world: Any, owner: str
) -> None:
    sent = [
        send(world, summary=f"Marsouin {n}" + (" albinos" if n == 0 else ""), description="Il nage.")
        for n in range(9)
    ]
    send(world, by=world.charlie, summary="Marsouin d'ailleurs albinos")
    belongs = [f"o{sent[0].organisation_id}" if owner == "o" else f"r{sent[0].requester_id}"]
    newest = [ticket.id for ticket in reversed(sent)]
    for limit in (1, 2, 3, 8, 9, 10, 50):
        assert search.matching_ids("marsouin", belongs=belongs, limit=limit) == newest[:limit]
        assert search.matching_ids("albinos", belongs=belongs, limit=limit) == [sent[0].id]
        assert (
            search.matching_ids("marsouin", belongs=belongs, below=sent[4].id, limit=limit)
            == newest[5:][:limit]
        )
