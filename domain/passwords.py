"""Passwords: how they are hashed, and which ones are refused (ACC-6). Who has which password is in accounts.py."""

from __future__ import annotations

import functools
import re
import threading
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

# The first choice of the OWASP password storage sheet for argon2id: 19 MiB, two passes, one lane.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
# Each hash takes 19 MiB while it runs: a flood of sign-ins waits here rather than fill the memory.
_AT_ONCE = threading.BoundedSemaphore(2)

# Long enough for any phrase; the cap keeps a megabyte of text from costing seconds of work.
MOST_CHARACTERS = 128
# Four bytes hold any character of UTF-8: beyond this no normalisation is needed to say "too long".
_MOST_BYTES = MOST_CHARACTERS * 4

# A shorter word of somebody's name is found inside too many honest phrases: it counts only when it stands alone.
_INSIDE_FROM = 4
_ALONE_FROM = 3

_ROWS = (
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    "azertyuiop",
    "qsdfghjklm",
    "wxcvbn",
    "qwertyuiop",
    "qwertzuiop",
    "asdfghjkl",
    "yxcvbnm",
    "zxcvbnm",
)
_WALKS = _ROWS + tuple(row[::-1] for row in _ROWS)
_SHORTEST_WALK = 3
_FEWEST_DIFFERENT = 5
# Two well-known words and some digits are guessed as fast as one: three are a phrase.
_WORDS_THAT_ARE_TOO_FEW = 2
# A longer piece may hold a secret of its own; typing it twice does no harm.
_LONGEST_REPEATED = 9

# Signs that stand for letters in passwords that guessing programs know by heart.
_LEET = {"0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t", "@": "a", "$": "s", "!": "i", "€": "e"}


def normalise(password: str) -> str | None:
    """The password in the one form that is hashed (NFC), or None when it cannot be one.

    None: empty, longer than 128 characters, or with characters that no keyboard types (controls, lone surrogates).
    Nothing is cut off and spaces count.
    """
    if not password or len(password) > _MOST_BYTES:
        return None
    text = unicodedata.normalize("NFC", password)
    if len(text) > MOST_CHARACTERS:
        return None
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in text):
        return None
    return text


def hash_password(password: str) -> str:
    """The argon2id hash of a password.

    Raises ValueError for a text that normalise() refuses; the rules of password_faults() are not asked here.
    """
    text = normalise(password)
    if text is None:
        raise ValueError("not a password")
    with _AT_ONCE:
        return _hasher.hash(text)


@functools.cache
def _nobody_hash() -> str:
    return _hasher.hash("nobody has this password")


def verify(stored: str | None, password: str) -> bool:
    """True when the password is the one that was hashed.

    Arguments: stored, the hash of the account, or None when there is no such account or it has no password:
    the same work is then done on a hash that belongs to nobody, so that the time says nothing (ACC-7, ACC-8).
    """
    text = normalise(password)
    if text is None:
        # Refused by its shape alone, whatever the account: no work for known and unknown names alike.
        return False
    # Asked for in every case: it is made once, and that first time must not single out unknown names.
    nobody = _nobody_hash()
    known = stored or nobody
    try:
        with _AT_ONCE:
            return _hasher.verify(known, text) and stored is not None
    except (Argon2Error, InvalidHashError):
        return False


def same_work() -> None:
    """Spend the time of one hash: for answers that must not tell by their speed what they found."""
    with _AT_ONCE:
        _hasher.hash("the time of one hash")


def needs_new_hash(stored: str) -> bool:
    """True when the parameters changed since this hash was made."""
    return _hasher.check_needs_rehash(stored)


def fold(text: str) -> str:
    """A text as the list of known passwords holds it: lower case, no accent, letters and digits only."""
    parts = unicodedata.normalize("NFKD", text).casefold()
    return "".join(
        c for c in unicodedata.normalize("NFKD", parts) if c.isalnum() and not unicodedata.combining(c)
    )


@functools.cache
def known_bad() -> frozenset[str]:
    """The passwords that are tried first, folded."""
    lines = Path(__file__).with_name("common_passwords.txt").read_text("ascii").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


def is_well_known(password: str) -> bool:
    """True for a password that guessing tries first.

    That is: a known one; one or two known words with digits around; signs for letters (p4ssw0rd); one piece repeated;
    walks on the keyboard.
    """
    if len(set(password.casefold())) < _FEWEST_DIFFERENT:
        return True
    plain = fold(password)
    if _is_guessed(plain, [character.isdigit() for character in plain]):
        return True
    signs = [c for c in unicodedata.normalize("NFKD", password).casefold() if c in _LEET or c.isalnum()]
    return _is_guessed("".join(_LEET.get(c, c) for c in signs), [not c.isalpha() for c in signs])


def _is_guessed(text: str, free: list[bool]) -> bool:
    """Whether known words and walks cover a text; free says which positions may also be skipped (digits, signs)."""
    words = known_bad()
    if not text:
        return False
    if text in words:
        return True
    repeated = re.fullmatch(r"(.+?)\1+", text)
    if repeated and len(repeated[1]) < _LONGEST_REPEATED:
        return True
    # How few known words cover the text up to each position, and whether anything but free positions was used.
    fewest: list[int | None] = [0] + [None] * len(text)
    for start in range(len(text)):
        count = fewest[start]
        if count is None or count > _WORDS_THAT_ARE_TOO_FEW:
            continue
        # Digits alone may be anything; beside a known word they add little.
        if free[start] and not all(free):
            _lower(fewest, start + 1, count)
        for end in range(start + _SHORTEST_WALK, len(text) + 1):
            piece = text[start:end]
            if any(piece in walk for walk in _WALKS):
                _lower(fewest, end, count)
            elif piece in words:
                _lower(fewest, end, count + 1)
    least = fewest[len(text)]
    return least is not None and least <= _WORDS_THAT_ARE_TOO_FEW


def _lower(fewest: list[int | None], position: int, count: int) -> None:
    before = fewest[position]
    if before is None or count < before:
        fewest[position] = count


def words_of(*texts: str) -> list[str]:
    """The words of names, addresses and organisations that a password must not hold: folded, longest first.

    The last label of an address (fr, com) is nobody's own and is left out.
    """
    words: set[str] = set()
    for text in texts:
        local, at, host = text.partition("@")
        if at:
            words.add(fold(local))
            text = f"{local} {host.rpartition('.')[0]}"
        words.update(fold(part) for part in re.split(r"[\W_]+", text))
    return sorted((word for word in words if len(word) >= _ALONE_FROM), key=lambda word: (-len(word), word))


def personal_word(password: str, words: Iterable[str]) -> str | None:
    """The first of these words that the password holds, or None. Words come from words_of()."""
    whole = fold(password)
    alone = {fold(part) for part in re.split(r"[\W_]+", password)}
    for word in words:
        if word in alone or (len(word) >= _INSIDE_FROM and word in whole):
            return word
    return None
