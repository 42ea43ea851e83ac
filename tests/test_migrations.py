"""The tables that migrations make are those of models.py, on both databases; a newer database is left alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playhouse.migrations import Runner

from domain import schema
from models import TABLES, ClosingRule, StatusLabel, Team, Ticket, db, is_sqlite

YES, NO, LONG_AGO = True, False, "2026-01-05 09:00:00.000000"


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


def test_rows_of_the_first_version_are_all_there_after_the_upgrade(database: Any) -> None:
    db.drop_tables(TABLES, cascade=not is_sqlite())
    db.execute_sql("DROP TABLE schema_migration")
    runner = Runner(db.obj, str(schema.MIGRATIONS))
    runner.up("0001_initial")
    first = [
        ("portal", {"slug": "support", "name_fr": "Support", "name_en": "Support", "prefix": "SUP", "last_number": 2041}),
        ("team", {"slug": "support", "name_fr": "Support", "name_en": "Support", "sentence_fr": "", "sentence_en": "",
                  "icon": "headset", "position": 1, "is_active": YES}),
        ("status_label", {"status": "resolved", "customer_fr": "Résolue", "customer_en": "Solved", "team_fr": "Résolue",
                          "team_en": "Solved", "turn_fr": "", "turn_en": "", "icon": "check", "position": 1}),
        ("closing_rule", {"status": "resolved", "unit": "days", "reminders": "[]", "after": 7, "final_status": "closed",
                          "is_active": YES}),
        ("person", {"email": "alice@acme.example", "username": "alice@acme.example", "full_name": "Alice Martin",
                    "language": "fr", "time_zone": "Europe/Paris", "is_supervisor": NO, "is_active": YES,
                    "claimed_organisation": "", "created_at": LONG_AGO}),
        ("organisation", {"name": "Acme", "slug": "acme", "domains": "[]", "product_version": "", "companies": "[]",
                          "country": "FR", "note": "", "is_active": YES, "created_at": LONG_AGO}),
        ("ticket", {"number": "SUP-2041", "portal_id": 1, "organisation_id": 1, "requester_id": 1, "opened_by_id": 1,
                    "form_slug": "incident", "category_slug": "technical", "kind_slug": "incident",
                    "summary": "Écran vide", "status": "resolved", "team_id": 1, "priority_position": 2,
                    "audience": "organisation", "shared_with_account_manager": NO, "answers": "[]",
                    "created_at": LONG_AGO, "updated_at": LONG_AGO, "status_since": LONG_AGO,
                    "last_message_at": LONG_AGO, "last_message_side": "team", "reminders_sent": 0, "extension_days": 0,
                    "extended_times": 0, "close_reason": "", "idempotency_key": "k", "version": 3}),
        ("message", {"ticket_id": 1, "kind": "reply", "author_id": 1, "side": "customer", "body": "Rien ne s’affiche.",
                     "via": "page", "created_at": LONG_AGO, "idempotency_key": "m"}),
    ]  # fmt: skip
    for table, row in first:
        names, values = ", ".join(row), ", ".join("?" if is_sqlite() else "%s" for _ in row)
        given = [(bool(v) if isinstance(v, bool) and not is_sqlite() else v) for v in row.values()]
        db.execute_sql(f"INSERT INTO {table} ({names}) VALUES ({values})", given)
    assert "0002_handing_on" in schema.upgrade()
    ticket = Ticket.get()
    assert (ticket.number, ticket.version, ticket.team.slug) == ("SUP-2041", 3, "support")
    assert (ticket.merged_into, ticket.split_of, ticket.escalation_reference) == (None, None, "")
    assert [message.body for message in ticket.messages] == ["Rien ne s’affiche."]
    assert (
        StatusLabel.get().kind is None
        and ClosingRule.get().reminder_text_fr == ""
        and Team.get().calendar is None
    )
    if is_sqlite():
        assert db.execute_sql("PRAGMA foreign_key_check").fetchall() == []
        assert db.pragma("foreign_keys") == 1


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
