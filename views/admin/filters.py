"""What a list can be limited to. Each filter has a key of its own, so that an address keeps its meaning.

Filters on requests stand on an index: a list costs the same with a million rows as with a thousand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from flask_admin.contrib.peewee.filters import BasePeeweeFilter
from flask_babel import get_timezone
from peewee import Field, fn

from views.admin.fields import MOST_INTEGER, Finder, clean_line
from words import gettext as _


class Filter(BasePeeweeFilter):
    """A filter of one column: `key` in the address, `name` beside the control, `control` how it is drawn."""

    control = "text"

    def __init__(self, key: str, column: Field, name: Any) -> None:
        super().__init__(column, name)
        self.key = key

    def operation(self) -> str:
        """Flask-Admin groups several operations under a name; here a name has one."""
        return ""

    def get_options(self, view: Any) -> None:
        """Flask-Admin asks when the application starts, before there is a database: choices() is asked later."""
        return None

    def choices(self) -> Sequence[tuple[str, Any]]:
        """The (value, words) of a select."""
        return ()

    def words(self, value: str) -> Any:
        """How the chosen value reads in the line above the list."""
        return next((label for key, label in self.choices() if key == value), value)

    def clean(self, value: str) -> Any:
        """The typed value in the form that apply() takes. Raises ValueError."""
        value = clean_line(value)[:254]
        if not value:
            raise ValueError("empty")
        return value


class OneOf(Filter):
    """Equal to one of a list; the list may be asked from the database when the page is shown."""

    control = "select"

    def __init__(
        self, key: str, column: Field, name: Any, options: Callable[[], Any] | Sequence[Any]
    ) -> None:
        super().__init__(key, column, name)
        self.listed = options

    def choices(self) -> Sequence[tuple[str, Any]]:
        found = self.listed() if callable(self.listed) else self.listed
        return [(str(value), label) for value, label in found]

    def clean(self, value: str) -> Any:
        return super().clean(value)

    def apply(self, query: Any, value: Any) -> Any:
        return query.where(self.column == value)


class Row(OneOf):
    """Equal to one row of a small table, by its key."""

    def clean(self, value: str) -> int:
        number = int(value)
        if not 0 < number <= MOST_INTEGER:
            raise ValueError("out of range")
        return number


class Empty(Filter):
    """Empty or not."""

    control = "select"

    def __init__(self, key: str, column: Field, name: Any, empty: Any, filled: Any) -> None:
        super().__init__(key, column, name)
        self.empty, self.filled = empty, filled

    def choices(self) -> Sequence[tuple[str, Any]]:
        return [("0", self.filled), ("1", self.empty)]

    def clean(self, value: str) -> bool:
        return {"0": False, "1": True}[value] if value in ("0", "1") else _refuse()

    def apply(self, query: Any, value: Any) -> Any:
        return query.where(self.column.is_null(value))


class YesNo(Filter):
    """True or false."""

    control = "select"

    def choices(self) -> Sequence[tuple[str, Any]]:
        return [("1", _("Yes")), ("0", _("No"))]

    def clean(self, value: str) -> bool:
        return {"0": False, "1": True}[value] if value in ("0", "1") else _refuse()

    def apply(self, query: Any, value: Any) -> Any:
        return query.where(self.column == value)


class Exactly(Filter):
    """The whole text, whatever its capitals in what is typed."""

    def __init__(self, key: str, column: Field, name: Any, normal: Callable[[str], str] = str) -> None:
        super().__init__(key, column, name)
        self.normal = normal

    def apply(self, query: Any, value: Any) -> Any:
        return query.where(self.column == self.normal(value))


class Named(Filter):
    """A row of a large table, by its name typed in full; suggestions come while one types."""

    control = "lookup"

    def __init__(self, key: str, column: Field, name: Any, find: Finder) -> None:
        super().__init__(key, column, name)
        self.find = find

    def apply(self, query: Any, value: Any) -> Any:
        row = self.find.one(value)
        # Nobody has this name: the list is empty, rather than whole.
        return query.where(self.column == (row.id if row is not None else -1))


class _Day(Filter):
    control = "date"

    def clean(self, value: str) -> date:
        return date.fromisoformat(value)

    def instant(self, day: date) -> datetime:
        """The first instant of a day in the reader's zone."""
        return datetime.combine(day, time(0), get_timezone())


class Since(_Day):
    """On that day or later."""

    def apply(self, query: Any, value: Any) -> Any:
        return query.where(self.column >= self.instant(value))


class Until(_Day):
    """On that day or earlier."""

    def apply(self, query: Any, value: Any) -> Any:
        return query.where(self.column < self.instant(value + timedelta(days=1)))


def _refuse() -> bool:
    raise ValueError("not a choice")


def lowered(column: Field) -> Any:
    """A column without its capitals, to sort by."""
    return fn.LOWER(column)
