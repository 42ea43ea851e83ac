"""Taking turns: what must count and then write with nobody in between."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from models import db, is_sqlite


@contextmanager
def one_at_a_time(*names: str) -> Iterator[None]:
    """A transaction that no other with one of these names runs beside: what it counted is still true when it writes.

    SQLite has one writer at a time anyway; PostgreSQL takes a lock for each name until the commit, in a fixed order.
    """
    with db.atomic():
        if not is_sqlite():
            for number in sorted(
                int.from_bytes(hashlib.sha256(name.encode()).digest()[:7], "big") for name in names
            ):
                db.execute_sql("SELECT pg_advisory_xact_lock(%s)", (number,))
        yield
