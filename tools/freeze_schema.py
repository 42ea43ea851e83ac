"""Write the statements that make the tables of models.py, for both databases, as the first migration.

    python tools/freeze_schema.py            prints them
    python tools/freeze_schema.py --write    writes migrations/0001_initial.py, only before the first release

After the first release that file never changes: a change of models.py gets a migration of its own, and
tests/test_migrations.py compares the tables that migrations make with those of models.py.
"""

from __future__ import annotations

import sys
from pathlib import Path

from peewee import Database, PostgresqlDatabase, SchemaManager, SqliteDatabase

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

HEAD = '''"""The tables of the first version. This file never changes."""

# fmt: off
# ruff: noqa: E501
'''

TAIL = '''

def up(migrator, db):
    """Make the tables."""
    for statement in SQLITE if "sqlite" in type(db).__name__.lower() else POSTGRESQL:
        db.execute_sql(statement)
'''


def statements(database: Database) -> list[str]:
    """The statements that make every table and index of models.py on this kind of database, in order."""
    from models import TABLES

    found = []
    for table in TABLES:
        manager = SchemaManager(table, database)
        queries = [manager._create_table(safe=False), *manager._create_indexes(safe=False)]
        for query in queries:
            sql, values = query.query()
            if values:
                raise ValueError(f"{table.__name__}: a statement with values cannot be kept as text: {sql}")
            found.append(sql)
    return found


def main() -> int:
    """Print or write the first migration."""
    text = HEAD
    for name, database in (
        ("SQLITE", SqliteDatabase(":memory:")),
        ("POSTGRESQL", PostgresqlDatabase("none", prefer_psycopg3=True)),
    ):
        lines = "".join(f"    {statement!r},\n" for statement in statements(database))
        text += f"\n{name} = (\n{lines})\n"
    text += TAIL
    if "--write" in sys.argv[1:]:
        (ROOT / "migrations" / "0001_initial.py").write_text(text, "utf-8")
    else:
        print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
