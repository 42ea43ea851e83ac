"""Fields of the administration forms: the shape of what an admin types.

A column of a table gets its field by `field_for()`; what is kept as JSON (lists, numbers, hours) has an editor
that a person can use without knowing JSON.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from datetime import time
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from flask import current_app
from markupsafe import Markup
from peewee import BooleanField as BooleanColumn
from peewee import CharField, DateField, Field, IntegerField, TextField, fn
from wtforms import BooleanField, SelectField, StringField, TextAreaField, ValidationError
from wtforms import DateField as DateInput
from wtforms import Field as FormField
from wtforms import IntegerField as IntegerInput
from wtforms.validators import InputRequired, Length, NumberRange, Optional, Regexp, StopValidation
from wtforms.widgets import TextArea, TextInput

from domain.search import fold
from models import Table
from views.admin.folding import holds
from words import gettext as _
from words import lazy_gettext as _l

# The largest number that an integer column holds on both databases.
MOST_INTEGER = 2**31 - 1
LOOKUP_ROWS = 12

REQUIRED = _l("Fill in this field.")
SLUG = Regexp(
    r"[a-z0-9]+(-[a-z0-9]+)*\Z", message=_l("Small letters, figures and hyphens only, such as billing-paris.")
)


def clean_line(value: Any) -> Any:
    """One line as it may be stored: composed characters, no control character, no space around."""
    if value is None:
        return ""
    if not isinstance(value, str):
        return value
    return " ".join(_without_controls(value).split())


def clean_text(value: Any) -> Any:
    """Several lines as they may be stored: like clean_line(), line ends kept as one character."""
    if value is None:
        return ""
    if not isinstance(value, str):
        return value
    return _without_controls(value.replace("\r\n", "\n").replace("\r", "\n")).strip()


def _without_controls(value: str) -> str:
    composed = unicodedata.normalize("NFC", value)
    # Cs: halves of a pair that UTF-8 cannot write. Cc: NUL and its family, which PostgreSQL refuses.
    return "".join(c if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs") else " " for c in composed)


class Line(StringField):
    """One line of text."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("filters", (clean_line,))
        super().__init__(*args, **kwargs)


class Paragraphs(TextAreaField):
    """Several lines of text."""

    def __init__(self, *args: Any, rows: int = 4, **kwargs: Any) -> None:
        kwargs.setdefault("filters", (clean_text,))
        kwargs.setdefault("render_kw", {"rows": rows})
        super().__init__(*args, **kwargs)


class DayInput(DateInput):
    """A date, written YYYY-MM-DD on the wire."""

    def process_formdata(self, valuelist: list[Any]) -> None:
        """The day; ValueError with words that say how to write one."""
        try:
            super().process_formdata([clean_line(value)[:40] for value in valuelist])
        except ValueError:
            raise ValueError(_("Give a date as year, month and day. Example: 2026-12-01")) from None


class Lines(FormField):
    """A list of texts, one on a line. `normal` puts each in its stored form and raises ValueError when it cannot."""

    widget = TextArea()

    def __init__(
        self,
        *args: Any,
        normal: Callable[[str], str] = str,
        wrong: Any = None,
        most: int = 200,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("render_kw", {"rows": 4})
        super().__init__(*args, **kwargs)
        self.normal, self.wrong, self.most = normal, wrong, most
        self.typed: str | None = None

    def _value(self) -> str:
        return self.typed if self.typed is not None else "\n".join(self.data or ())

    def process_formdata(self, valuelist: list[str]) -> None:
        if not valuelist:
            return
        self.typed = valuelist[0]
        found: list[str] = []
        for line in clean_text(valuelist[0]).splitlines():
            line = clean_line(line)
            if not line:
                continue
            try:
                line = self.normal(line)
            except ValueError:
                raise ValueError((self.wrong or _("“%(line)s” cannot be taken.")) % {"line": line}) from None
            if line not in found:
                found.append(line)
        if len(found) > self.most or any(len(line) > 200 for line in found):
            raise ValueError(_("At most %(most)s lines of 200 characters.", most=self.most))
        self.data = found


class Options(Lines):
    """The answers of a choice, one on a line: in French, then | and in English. What is kept is value, fr and en."""

    def _value(self) -> str:
        if self.typed is not None:
            return self.typed
        return "\n".join(f"{option['fr']} | {option['en']}" for option in self.data or ())

    def process_formdata(self, valuelist: list[str]) -> None:
        super().process_formdata(valuelist)
        if not valuelist:
            return
        options: list[dict[str, str]] = []
        for line in self.data:
            french, bar, english = (part.strip() for part in line.partition("|"))
            if not (french and bar and english):
                raise ValueError(_("“%(line)s” needs both languages, with | between them.", line=line))
            value = re.sub(r"[^a-z0-9]+", "-", fold(english)).strip("-")[:40] or f"answer-{len(options) + 1}"
            if any(option["value"] == value for option in options):
                raise ValueError(_("“%(line)s” stands there twice.", line=english))
            options.append({"value": value, "fr": french, "en": english})
        self.data = options


class WholeNumbers(FormField):
    """A list of whole numbers, separated by commas."""

    widget = TextInput()

    def _value(self) -> str:
        return self.typed if self.typed is not None else ", ".join(str(number) for number in self.data or ())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.typed: str | None = None

    def process_formdata(self, valuelist: list[str]) -> None:
        if not valuelist:
            return
        self.typed = clean_line(valuelist[0])[:200]
        parts = [part for part in re.split(r"[\s,;]+", self.typed) if part]
        if not all(part.isascii() and part.isdigit() and len(part) < 6 for part in parts):
            raise ValueError(_("Whole numbers separated by commas, such as 10, 15."))
        self.data = [int(part) for part in parts]


class WeekHours(FormField):
    """The worked periods of each weekday: seven lines, each such as 09:00-12:00, 14:00-18:00, or empty."""

    PERIOD = re.compile(r"(\d{1,2})[:h](\d{2})?\s*[-–]\s*(\d{1,2})[:h](\d{2})?\Z")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.typed: list[str] | None = None

    def widget(self, field: WeekHours, **kwargs: Any) -> Markup:
        """Seven inputs of the same name, each with its weekday as label."""
        from flask_babel import get_locale

        names = get_locale().days["stand-alone"]["wide"]
        lines = []
        for day, value in enumerate(self.days()):
            lines.append(
                Markup(
                    '<div class="hours-row"><label for="{id}">{day}</label>'
                    '<input class="form-control" id="{id}" name="{name}" value="{value}" '
                    'aria-describedby="{field}-help"{invalid}></div>'
                ).format(
                    # The link of the error summary leads to the first one.
                    id=field.id if day == 0 else f"{field.id}-{day}",
                    day=names[day],
                    name=field.name,
                    value=value,
                    field=field.id,
                    invalid=Markup(' aria-invalid="true"') if field.errors else "",
                )
            )
        return Markup("").join(lines)

    def days(self) -> list[str]:
        """What stands in the seven inputs, Monday first."""
        if self.typed is not None:
            return self.typed
        hours = self.data or {}
        return [", ".join("-".join(period) for period in hours.get(str(day), ())) for day in range(7)]

    def process_formdata(self, valuelist: list[str]) -> None:
        if not valuelist:
            return
        self.typed = [clean_line(value)[:100] for value in (valuelist + [""] * 7)[:7]]
        hours: dict[str, list[list[str]]] = {}
        for day, line in enumerate(self.typed):
            periods = [self._period(part.strip()) for part in line.split(",") if part.strip()]
            if periods:
                hours[str(day)] = periods
        self.data = hours

    def _period(self, text: str) -> list[str]:
        match = self.PERIOD.match(text)
        try:
            if match is None:
                raise ValueError
            start = time(int(match[1]), int(match[2] or 0))
            end = time(0) if match[3] == "24" else time(int(match[3]), int(match[4] or 0))
        except ValueError:
            raise ValueError(_("“%(text)s” is not a period such as 09:00-12:30.", text=text)) from None
        return [start.strftime("%H:%M"), end.strftime("%H:%M")]


class RowSelect(SelectField):
    """One row of a small table, by its key. `rows` gives (key, words); an empty choice when not required."""

    def __init__(
        self, *args: Any, rows: Callable[[], Sequence[tuple[Any, str]]], blank: Any = None, **kwargs: Any
    ) -> None:
        def choices() -> list[tuple[Any, str]]:
            found = list(rows())
            return [("", blank), *found] if blank is not None else found

        super().__init__(*args, choices=choices, coerce=_key_or_none, **kwargs)

    def pre_validate(self, form: Any) -> None:
        if self.data is not None and self.data not in [value for value, *_rest in self.iter_plain()]:
            raise ValidationError(_("Choose one of the list."))
        if self.data is None and self.flags.required:
            raise StopValidation(str(REQUIRED))

    def iter_plain(self) -> list[tuple[Any, str]]:
        """The choices as (key, words)."""
        return list(self.choices)

    def iter_choices(self) -> Any:
        for value, label in self.choices:
            selected = value == self.data if value != "" else self.data is None
            yield (value, label, selected, {})


def key_of(text: Any) -> int:
    """A key that came in an address, or 0: which no row has."""
    text = str(text or "")
    return (
        int(text)
        if text.isascii() and text.isdigit() and len(text) <= 10 and int(text) <= MOST_INTEGER
        else 0
    )


def _key_or_none(value: Any) -> Any:
    if isinstance(value, Table):
        return value.id
    if value in (None, ""):
        return None
    number = int(value)
    if not 0 < number <= MOST_INTEGER:
        raise ValueError("out of range")
    return number


class Choice(SelectField):
    """One word of a fixed list; `None` stands for the empty choice of a column that may be null."""

    def __init__(self, *args: Any, blank: Any = None, choices: Any = (), **kwargs: Any) -> None:
        def all_choices() -> list[tuple[str, Any]]:
            found = list(choices() if callable(choices) else choices)
            return [("", blank), *found] if blank is not None else found

        kwargs.setdefault("validate_choice", True)
        super().__init__(
            *args, choices=all_choices, coerce=lambda value: "" if value is None else str(value), **kwargs
        )

    def populate_obj(self, obj: Any, name: str) -> None:
        setattr(obj, name, self.data or None)


class LookupInput(TextInput):
    """A text input whose suggestions the server gives while one types; without script one types the whole name."""

    def __call__(self, field: Any, **kwargs: Any) -> Markup:
        kwargs.setdefault("autocomplete", "off")
        kwargs["list"] = f"{field.id}-list"
        kwargs["data-lookup"] = field.lookup
        return Markup("{}<datalist id='{}-list'></datalist>").format(
            super().__call__(field, **kwargs), field.id
        )


class Lookup(FormField):
    """One row of a large table, found by what people know of it (a name, an address), typed in full.

    A select with every customer in it would be slower than the page around it.
    """

    widget = LookupInput()

    def __init__(self, *args: Any, find: Finder, missing: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.find, self.missing, self.lookup = find, missing, find.name
        self.typed: str | None = None

    def process_data(self, value: Any) -> None:
        if isinstance(value, Table):
            self.data, self.typed = value.id, self.find.words(value)
        else:
            self.data = value

    def _value(self) -> str:
        return self.typed or ""

    def process_formdata(self, valuelist: list[str]) -> None:
        if not valuelist:
            return
        self.typed = clean_line(valuelist[0])[:254]
        self.data = None
        if self.typed:
            row = self.find.one(self.typed)
            if row is None:
                raise ValueError(str(self.missing))
            self.data = row.id


class Suggested(Line):
    """One line of text, with the same suggestions; what is not found is taken as it was typed."""

    widget = LookupInput()

    def __init__(self, *args: Any, find: Finder, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lookup = find.name


class Finder:
    """How the rows of a large table are found and named: by one column that is unique."""

    def __init__(self, name: str, column: Field, *also: Field, only: Callable[[], Any] | None = None) -> None:
        self.name, self.column, self.also, self.only = name, column, also, only

    def words(self, row: Table) -> str:
        """What one types to name this row."""
        return str(getattr(row, self.column.name))

    def one(self, typed: str) -> Table | None:
        """The row with this very name, whatever its capitals, or None."""
        model = self.column.model
        return self._rows().where(fn.LOWER(self.column) == typed.lower()).first() or model.get_or_none(
            self.column == typed
        )

    def suggestions(self, typed: str) -> list[dict[str, str]]:
        """Up to a dozen rows that begin with or contain what is typed so far: value and words beside it."""
        condition = holds(self.column, typed)
        for column in self.also:
            condition |= holds(column, typed)
        rows = self._rows().where(condition).order_by(self.column).limit(LOOKUP_ROWS)
        return [
            {"value": self.words(row), "label": " · ".join(str(getattr(row, c.name)) for c in self.also)}
            for row in rows
        ]

    def _rows(self) -> Any:
        query = self.column.model.select()
        return query.where(self.only()) if self.only is not None else query


@cache
def icon_names() -> tuple[str, ...]:
    """The drawings that rows may name: the symbols of the sprite."""
    path = f"{current_app.root_path}/static/icons.svg"
    with open(path, encoding="utf-8") as file:
        return tuple(sorted(set(re.findall(r'id="i-([a-z0-9-]+)"', file.read()))))


@cache
def time_zones() -> tuple[tuple[str, str], ...]:
    """The time zones that a person recognises: region/city."""
    names = sorted(
        name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "posix"))
    )
    return (("UTC", "UTC"), *((name, name.replace("_", " ")) for name in names))


def field_for(column: Field, label: Any, help_text: Any = None) -> Any:
    """The form field of a column, by the kind of the column. Raises KeyError for one that needs its own field."""
    words: dict[str, Any] = {"label": label, "description": help_text or ""}
    may_be_empty = column.null or column.default == ""
    present: list[Any] = [Optional(strip_whitespace=True)] if may_be_empty else [InputRequired(REQUIRED)]
    if isinstance(column, BooleanColumn):
        return BooleanField(default=bool(column.default), **words)
    if isinstance(column, CharField):
        too_long = _l("At most %(most)s characters.", most=column.max_length)
        present.append(Length(max=column.max_length, message=too_long))
        if column.name in ("slug", "value"):
            present.append(SLUG)
        if column.name == "icon":
            return Choice(
                choices=lambda: [(name, name) for name in icon_names()], default=column.default, **words
            )
        wide = column.max_length >= 300
        return (Paragraphs if wide else Line)(validators=present, **words)
    if isinstance(column, TextField):
        return Paragraphs(validators=[*present, Length(max=20000)], rows=6, **words)
    if isinstance(column, DateField):
        return DayInput(validators=present, **words)
    if isinstance(column, IntegerField):
        bounds = NumberRange(0, MOST_INTEGER, message=_l("A whole number, 0 or more."))
        default = column.default if isinstance(column.default, int) else None
        return IntegerInput(validators=[*present, bounds], default=default, **words)
    raise KeyError(f"{column.model.__name__}.{column.name} needs a field of its own")
