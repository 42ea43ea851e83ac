"""Making and upgrading the tables, under a lock, from any released version."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from domain import search
from models import TABLES, db, is_sqlite


@contextmanager
def _one_at_a_time(lock_file: Path | None) -> Iterator[None]:
    """Two starters must not upgrade at once: a file lock beside SQLite, an advisory lock on PostgreSQL."""
    if is_sqlite():
        if lock_file is None:
            yield
            return
        with open(lock_file, "w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        return
    db.execute_sql("SELECT pg_advisory_lock(7241002)")
    try:
        yield
    finally:
        db.execute_sql("SELECT pg_advisory_unlock(7241002)")


def upgrade(data_dir: Path | None = None) -> None:
    """Bring the database to this version: tables, named constraints, indexes, search. Safe to call at each start."""
    with _one_at_a_time(data_dir / "upgrade.lock" if data_dir else None), db.atomic():
        db.create_tables(TABLES, safe=True)
        search.create_index()
