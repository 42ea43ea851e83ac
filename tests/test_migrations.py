"""The tables that migrations make are those of models.py, on both databases; a newer database is left alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from domain import schema
from models import TABLES, db, is_sqlite


def as_it_is() -> dict[str, Any]:
    """Columns, indexes and constraints of every table of models.py, as the database tells them."""
    found: dict[str, Any] = {}
    for table in TABLES:
        name = table._meta.table_name
        columns = [(column.name, column.data_type, column.null) for column in db.get_columns(name)]
        indexes = sorted((index.name, tuple(index.columns), index.unique) for index in db.get_indexes(name))
        keys = sorted((key.column, key.dest_table) for key in db.get_foreign_keys(name))
        found[name] = (columns, indexes, keys, constraints(name))
    return found


def constraints(name: str) -> list[str]:
    """What the database holds of a table's own words: its statement, or its named constraints."""
    if is_sqlite():
        rows = db.execute_sql("SELECT sql FROM sqlite_master WHERE tbl_name = ? AND sql IS NOT NULL", (name,))
        return sorted(row[0] for row in rows.fetchall())
    rows = db.execute_sql(
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = %s::regclass",
        (f'"{name}"',),
    )
    return sorted(f"{row[0]} {row[1]}" for row in rows.fetchall())


def test_migrations_make_the_tables_of_the_models(database: Any) -> None:
    by_migrations = as_it_is()
    db.drop_tables(TABLES, cascade=not is_sqlite())
    db.create_tables(TABLES)
    assert as_it_is() == by_migrations, "models.py changed: the change needs a migration"


def test_upgrading_twice_applies_nothing_the_second_time(database: Any) -> None:
    assert schema.upgrade() == []


def test_the_database_of_a_newer_version_is_not_touched(database: Any) -> None:
    db.execute_sql(
        "INSERT INTO schema_migration (name, applied) VALUES ('9999_from_the_future', '2030-01-01 00:00:00')"
    )
    with pytest.raises(schema.SchemaTooNew, match="9999_from_the_future"):
        schema.upgrade()


def test_two_starters_upgrade_one_after_the_other(database: Any, tmp_path: Path) -> None:
    with schema._one_at_a_time(tmp_path / "upgrade.lock"):
        assert (tmp_path / "upgrade.lock").exists() or not is_sqlite()
    assert schema.upgrade(tmp_path) == []
