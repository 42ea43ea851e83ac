"""Statements that hot pages put into words once: building the SQL of a query costs more CPU than running it.

A query is built with stand-ins where keys and numbers go, its words are kept under a key that names everything else
it depends on, and each run sets the real values in. So people with the same rights share one statement, and rules stay
where they are: in policies.py, said by peewee.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, NamedTuple

from peewee import Field, Model, ModelSelect, Node

from models import db, is_sqlite

# Addresses choose filters and orders, so that the number of statements has no end but this.
MOST = 1_000
# No row has these keys.
FIRST_STAND_IN = -1_000_000


class _Insert(NamedTuple):
    sql: str
    fields: tuple[Field, ...]


class _Statement(NamedTuple):
    query: ModelSelect
    sql: str
    values: tuple[Any, ...]


_known: dict[Hashable, _Statement] = {}
_inserts: dict[Hashable, _Insert] = {}


def stand_in(place: int) -> int:
    """The number that stands for the key at this place (0, 1, 2 ...) while a query is built."""
    return FIRST_STAND_IN - place


def places(keys: Sequence[int], size: int, first: int = 0) -> dict[int, int]:
    """Stand-ins for as many keys as a statement has room for, each with its key; 0, no row, where keys are fewer.

    Arguments: keys, at most `size`; first, the place of the first one, after those that the statement has besides.
    """
    return {stand_in(first + at): keys[at] if at < len(keys) else 0 for at in range(size)}


def _prepared(
    key: Hashable, build: Callable[[], ModelSelect], given: Mapping[Any, Any]
) -> tuple[ModelSelect, str, list[Any]]:
    known = _known.get((is_sqlite(), key))
    if known is None:
        if len(_known) >= MOST:
            _known.clear()
        query = build()
        sql, values = query.sql()
        known = _known[(is_sqlite(), key)] = _Statement(query, sql, tuple(values))
    return known.query, known.sql, [given.get(value, value) for value in known.values]


def words(key: Hashable, build: Callable[[], ModelSelect], given: Mapping[Any, Any]) -> tuple[str, list[Any]]:
    """The SQL of a query and its values.

    Arguments: key, all that the query depends on besides its stand-ins; build, makes it with stand-ins; given, stand-in
    to real value.
    """
    _query, sql, values = _prepared(key, build, given)
    return sql, values


def tuples(
    key: Hashable, build: Callable[[], ModelSelect], given: Mapping[Any, Any]
) -> list[tuple[Any, ...]]:
    """The rows of a query as the driver gives them, instants as the database holds them. Arguments as words()."""
    sql, values = words(key, build, given)
    return list(db.execute_sql(sql, values).fetchall())


def rows(key: Hashable, build: Callable[[], ModelSelect], given: Mapping[Any, Any]) -> list[Any]:
    """The rows of a query as models, joined ones in their places. Arguments as words()."""
    query, sql, values = _prepared(key, build, given)
    cursor = query._get_cursor_wrapper(db.execute_sql(sql, values))
    cursor.fill_cache()
    return list(cursor.row_cache)


def insert(model: type[Model], rows: Sequence[Mapping[str, Any]], unless: tuple[Field, ...]) -> int:
    """Write rows, leaving out those that are there already; one statement.

    Arguments: model; rows, at least one, all with the same names and plain values; unless, the unique columns that
    say that a row is there. Columns that no row names get their defaults. Returns how many were written.
    """
    names = tuple(rows[0])
    key = (is_sqlite(), model, names, len(rows), unless)
    known = _inserts.get(key)
    if known is None:
        if len(_inserts) >= MOST:
            _inserts.clear()
        query = model.insert_many(rows).on_conflict(action="nothing", conflict_target=list(unless))
        sql, values = query.sql()
        columns = sql[sql.index("(") + 1 : sql.index(")")].replace('"', "").split(", ")
        if len(values) != len(columns) * len(rows):
            raise ValueError(f"{model.__name__}: a row has plain values only")
        known = _inserts[key] = _Insert(
            sql.partition(" RETURNING ")[0], tuple(model._meta.columns[column] for column in columns)
        )
    values = [_value(field, row) for row in rows for field in known.fields]
    return int(db.execute_sql(known.sql, values).rowcount)


def _value(field: Field, row: Mapping[str, Any]) -> Any:
    """The value of a row for a column, as the driver wants it."""
    if field.name in row:
        value = row[field.name]
    else:
        value = field.default() if callable(field.default) else field.default
    made = field.db_value(value)
    if isinstance(made, Node):
        [made] = db.get_sql_context().sql(made).query()[1]
    return made
