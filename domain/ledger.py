"""The ledger of what was taken out for good: a small file beside the database, which a restored backup cannot undo.

It holds keys and fingerprints, never a name, an address or a word of a text. A line is written inside the transaction
that it speaks of, as its last act: what is in the database is in the ledger, and what is in the ledger was decided.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Protocol

from domain.refusals import NotNow

log = logging.getLogger("guichet.ledger")

VERSION = 1


class Ledger(Protocol):
    """Where the lines are (gateways/ledger.py)."""

    def append(self, line: dict[str, Any]) -> None: ...
    def lines(self) -> list[dict[str, Any]]: ...


class Step:
    """The lines that one transaction writes."""

    def __init__(self, ledger: Ledger | None) -> None:
        self._ledger = ledger
        self.written: list[str] = []

    def write(self, kind: str, uid: str, now: datetime, **facts: Any) -> None:
        """Write a line and wait until it is on the disk. Raises NotNow("ledger-closed") when that is impossible."""
        if self._ledger is None:
            return
        line = {"v": VERSION, "kind": kind, "uid": uid, "at": stamp(now), **facts}
        try:
            self._ledger.append(line)
        except OSError as error:
            log.error("the ledger of erasures cannot be written: %s", error.strerror)
            refusal = NotNow("ledger-closed")
            refusal.status = 503
            raise refusal from None
        self.written.append(uid)

    def take_back(self) -> None:
        """Say of what was written that it did not happen."""
        for uid in self.written:
            try:
                self._ledger.append({"v": VERSION, "kind": "void", "uid": uid})  # type: ignore[union-attr]
            except OSError as error:
                log.error(
                    "the line %s of the ledger of erasures stays, but was not done: %s", uid, error.strerror
                )


@contextmanager
def step(ledger: Ledger | None) -> Iterator[Step]:
    """Around a transaction: what it wrote into the ledger is taken back when it fails.

    A process that dies between the line and the commit leaves the line: the next start carries it out. None: no ledger
    is kept (trials).
    """
    made = Step(ledger)
    try:
        yield made
    except BaseException:
        made.take_back()
        raise


def new_uid() -> str:
    """A name for a line, used by no other one."""
    return secrets.token_hex(16)


def stamp(moment: datetime) -> str:
    """An instant as the ledger writes it: UTC, to the microsecond."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def fingerprint(uid: str, table: str, key: int, created_at: datetime) -> str:
    """What a row is known by: keys are given again after a restore, the instant at which a row was made is not."""
    return hashlib.sha256(f"{uid}:{table}:{key}:{stamp(created_at)}".encode()).hexdigest()[:32]


def word_print(uid: str, text: str) -> str:
    """Whether a text is still the one of that day, without the text."""
    return hashlib.sha256(f"{uid}:{text}".encode("utf-8", "surrogatepass")).hexdigest()[:32]


def standing(ledger: Ledger) -> list[dict[str, Any]]:
    """The lines that count, oldest first: neither taken back nor written twice."""
    lines = [line for line in ledger.lines() if isinstance(line.get("uid"), str)]
    void = {line["uid"] for line in lines if line.get("kind") == "void"}
    kept = {line["uid"]: line for line in lines if line.get("kind") != "void" and line["uid"] not in void}
    return list(kept.values())
