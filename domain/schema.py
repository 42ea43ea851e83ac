"""Making and upgrading the tables: the files of migrations/, in order, each once, one starter at a time."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from domain import search
from models import db, is_sqlite

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"
# Any number, always the same: the name of this lock among the advisory locks of PostgreSQL.
POSTGRES_LOCK = 7241002


class SchemaTooNew(RuntimeError):
    """The database was upgraded by a newer version: this one must not write to it."""


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
    db.execute_sql(f"SELECT pg_advisory_lock({POSTGRES_LOCK})")
    try:
        yield
    finally:
        db.execute_sql(f"SELECT pg_advisory_unlock({POSTGRES_LOCK})")


def upgrade(data_dir: Path | None = None) -> list[str]:
    """Bring the database to this version: tables, named constraints, indexes, search. Safe to call at each start.

    Arguments: data_dir, where the lock of SQLite stands; without it nobody else may be starting.
    Returns the names of the migrations that were applied now. Raises SchemaTooNew for the database of a newer version.
    """
    from playhouse.migrations import Runner

    with _one_at_a_time(data_dir / "upgrade.lock" if data_dir else None):
        runner = Runner(db.obj, str(MIGRATIONS))
        unknown = [row.name for row in runner.status() if row.path is None]
        if unknown:
            raise SchemaTooNew(
                f"This database was made by a newer version of Guichet ({', '.join(unknown)}): start that version, "
                "or restore a backup of this one."
            )
        applied = list(runner.up())
        with db.atomic():
            # A table made anew on SQLite loses what hangs on it: the index is made again where it is missing.
            search.create_index()
    refresh_statistics()
    return applied


def refresh_statistics() -> None:
    """Let SQLite look again at how its tables are filled, where they have changed much: a fraction of a second.

    Without it, lists of the desk are sorted whole rather than read along an index: a hundred times slower with
    100,000 requests. PostgreSQL does this by itself.
    """
    if is_sqlite():
        db.execute_sql("PRAGMA analysis_limit = 400")
        # 0x10000: every table, not only those that this connection has asked about.
        db.execute_sql("PRAGMA optimize = 0x10002")
