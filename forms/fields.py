"""The input layer: fields that take anything a browser or a script may send and refuse it with a sentence.

Texts are brought to one form (NFC, line feeds, no blanks around); characters that cannot be stored are refused.
A repeated parameter counts once, the first time; what no field asks for is not looked at.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import Any
from urllib.parse import urlsplit

from flask_babel import force_locale
from wtforms import (
    BooleanField,
    FieldList,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.fields import DateField, DateTimeLocalField, IntegerField, SelectChoice
from wtforms.validators import StopValidation, ValidationError
from wtforms.widgets import CheckboxInput, ListWidget

import presenters
from words import gettext, lazy_gettext, ngettext

LANGUAGES = ("fr", "en")

LINE_MAX = 200
TEXT_MAX = 20_000
URL_MAX = 500

# Control characters, lone surrogates and code points that are no characters: no database and no page takes them.
_NO_CHARACTERS = "".join(chr(plane * 0x10000 + last) for plane in range(17) for last in (0xFFFE, 0xFFFF))
FORBIDDEN = re.compile(f"[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef{_NO_CHARACTERS}]")
# What word processors and other systems put for a line break.
BREAKS = re.compile("\r\n|[\r\v\f\x85\u2028\u2029]")
GAPS = re.compile("[\n\t]+")

_ISO_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_ISO_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?")
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_BLANKS = re.compile(r"\s")


class Words:
    """A name that a row carries in both languages; as text, it reads in the language of the page."""

    def __init__(self, fr: str, en: str) -> None:
        self.fr = fr
        self.en = en

    @classmethod
    def of(cls, row: Any, name: str = "name") -> Words:
        """The words of a row with columns <name>_fr and <name>_en."""
        return cls(getattr(row, f"{name}_fr"), getattr(row, f"{name}_en"))

    def __str__(self) -> str:
        return presenters.localized({"name_fr": self.fr, "name_en": self.en}, "name")


def in_both(words: Any) -> dict[str, str]:
    """The words of a label or a choice in each language: {"fr": ..., "en": ...}."""
    both = {}
    for language in LANGUAGES:
        with force_locale(language):
            both[language] = str(words)
    return both


def cleaned(text: str, *, lines: bool) -> str:
    """A text as it is kept: NFC, line feeds only, no blanks around; on one line unless `lines`."""
    text = BREAKS.sub("\n", unicodedata.normalize("NFC", text))
    return (text if lines else GAPS.sub(" ", text)).strip()


def says_something(text: str) -> bool:
    """True when at least one character can be seen: spaces and zero-width marks alone say nothing."""
    return any(unicodedata.category(character)[0] in "LNPS" for character in text)


# ---- Checks --------------------------------------------------------------------------------------------


class Needed:
    """The field must be filled in; `message` says what to do."""

    field_flags = {"required": True}

    def __init__(self, message: Any) -> None:
        self.message = message

    def __call__(self, form: Any, field: Any) -> None:
        if field.process_errors:
            raise StopValidation()
        value = field.data
        if value is None or value is False or (isinstance(value, str) and not says_something(value)):
            raise StopValidation(self.message)


class Spared:
    """The field may stay empty; what is written in it is still checked."""

    def __call__(self, form: Any, field: Any) -> None:
        if field.process_errors or field.data is None or field.data == "" or field.data is False:
            raise StopValidation()


class Long:
    """Between `least` and `most` characters; `short` says what to do when there are fewer."""

    def __init__(self, least: int, most: int, short: Any = None) -> None:
        self.least = least
        self.most = most
        self.short = short
        self.field_flags = {"maxlength": most}

    def __call__(self, form: Any, field: Any) -> None:
        length = len(field.data or "")
        if length > self.most:
            raise StopValidation(
                gettext(
                    "Shorten this text: %(most)s characters at most, and it has %(length)s.",
                    most=self.most,
                    length=length,
                )
            )
        if length < self.least:
            raise StopValidation(
                self.short
                or ngettext(
                    "Write at least %(num)s character.", "Write at least %(num)s characters.", self.least
                )
            )


def whole_address(form: Any, field: Any) -> None:
    """The text is an address with http or https and a host (S31). Nothing is fetched."""
    message = gettext(
        "Give the whole address, with https:// in front. Example: https://app.initech.example/page"
    )
    if _BLANKS.search(field.data) or "\\" in field.data:
        raise ValidationError(message)
    try:
        parts = urlsplit(field.data)
        port = parts.port
    except ValueError:
        raise ValidationError(message) from None
    host = parts.hostname or ""
    if parts.scheme.lower() not in ("http", "https") or port == 0 or not any(map(str.isalnum, host)):
        raise ValidationError(message)


class NotBefore:
    """A date that is today or later where the reader is; the form knows which day that is (`form.occasion.today`)."""

    def __init__(self, message: Any) -> None:
        self.message = message

    def __call__(self, form: Any, field: Any) -> None:
        if field.data is not None and field.data < form.occasion.today:
            raise ValidationError(self.message)


def _checks(needed: Any, more: Iterable[Callable[..., None]]) -> list[Callable[..., None]]:
    return [Needed(needed) if needed else Spared(), *more]


# ---- Fields --------------------------------------------------------------------------------------------


class _Text:
    """What one line and several lines share. `kind` is how the answer is shown later."""

    kind = "text"
    lines = False
    width = ""
    # False on a field that is needed together with another: then neither "(optional)" nor compulsory is true.
    says_optional: bool | None = None

    def __init__(
        self,
        label: Any = None,
        needed: Any = None,
        *,
        least: int = 0,
        most: int = LINE_MAX,
        short: Any = None,
        checks: Iterable[Callable[..., None]] = (),
        says_optional: bool | None = None,
        width: str = "",
        **kwargs: Any,
    ) -> None:
        self.says_optional = says_optional
        self.width = width or self.width
        super().__init__(label, _checks(needed, (Long(least, most, short), *checks)), **kwargs)  # type: ignore[call-arg]

    def process_data(self, value: Any) -> None:
        self.data = value or ""

    def process_formdata(self, valuelist: list[Any]) -> None:
        if not valuelist or not isinstance(valuelist[0], str):
            return
        text = cleaned(valuelist[0], lines=self.lines)
        # What cannot be stored is shown as a mark where it stood, so that the rest of the text is not lost.
        self.data = FORBIDDEN.sub("\ufffd", text)
        if self.data != text:
            raise ValueError(
                gettext("Take out the characters shown as \ufffd: they cannot be kept, and the rest can.")
            )

    def _value(self) -> str:
        return self.data or ""

    def answer(self) -> dict[str, Any] | None:
        """The answer to keep with the request, or None when nothing was written."""
        return {"value": self.data, "kind": self.kind} if self.data else None


class Line(_Text, StringField):
    """One line of text."""


class Lines(_Text, TextAreaField):
    """A text of several lines; `rows` is the height of its box."""

    lines = True

    def __init__(
        self, label: Any = None, needed: Any = None, *, most: int = 5_000, rows: int = 4, **kwargs: Any
    ) -> None:
        super().__init__(label, needed, most=most, render_kw={"rows": rows}, **kwargs)


class WebAddress(_Text, StringField):
    """The address of a page or of an end point."""

    kind = "url"

    def __init__(self, label: Any = None, needed: Any = None, **kwargs: Any) -> None:
        attributes = {"type": "url", "inputmode": "url", "autocomplete": "off", "spellcheck": "false"}
        super().__init__(label, needed, most=URL_MAX, checks=(whole_address,), render_kw=attributes, **kwargs)


def _kept(field: DateField, valuelist: list[Any]) -> str:
    """The text that was typed for a date, kept to be shown again; the field has no date yet."""
    field.data = None
    text = valuelist[0].strip() if valuelist and isinstance(valuelist[0], str) else ""
    field.raw_data = [FORBIDDEN.sub("\ufffd", text[:40])]
    return text


class Day(DateField):
    """A date, written YYYY-MM-DD on the wire."""

    kind = "date"
    width = "w-sm"
    says_optional: bool | None = None

    def __init__(self, label: Any = None, needed: Any = None, *, past: Any, **kwargs: Any) -> None:
        super().__init__(label, _checks(needed, (NotBefore(past),)), **kwargs)

    def process_formdata(self, valuelist: list[Any]) -> None:
        text = _kept(self, valuelist)
        if not text:
            return
        try:
            if not _ISO_DAY.fullmatch(text):
                raise ValueError
            self.data = date.fromisoformat(text)
        except ValueError:
            raise ValueError(gettext("Give a date as year, month and day. Example: 2026-12-01")) from None

    def answer(self) -> dict[str, Any] | None:
        """The answer to keep with the request, as an ISO date."""
        return {"value": self.data.isoformat(), "kind": "date"} if self.data else None


class Moment(DateTimeLocalField):
    """A date with its hour, written YYYY-MM-DDTHH:MM on the wire. `data` has no zone: the view knows the reader's."""

    width = "w-sm"

    def __init__(self, label: Any = None, needed: Any = None, **kwargs: Any) -> None:
        super().__init__(label, _checks(needed, ()), format="%Y-%m-%dT%H:%M", **kwargs)

    def process_formdata(self, valuelist: list[Any]) -> None:
        text = _kept(self, valuelist)
        if not text:
            return
        try:
            if not _ISO_MOMENT.fullmatch(text):
                raise ValueError
            self.data = datetime.fromisoformat(text[:16])
        except ValueError:
            raise ValueError(gettext("Give a date with its hour. Example: 2026-12-01T18:30")) from None


class WholeNumber(IntegerField):
    """A whole number between `least` and `most`; spaces between thousands are taken."""

    kind = "number"
    width = "w-xs"

    def __init__(
        self,
        label: Any = None,
        needed: Any = None,
        *,
        least: int = 1,
        most: int = 1_000_000,
        says_optional: bool | None = None,
        **kwargs: Any,
    ) -> None:
        self.least = least
        self.most = most
        self.says_optional = says_optional
        attributes = {"min": least, "max": most, "step": 1, "inputmode": "numeric"}
        super().__init__(label, _checks(needed, ()), render_kw=attributes, **kwargs)

    def process_formdata(self, valuelist: list[Any]) -> None:
        self.data = None
        typed = valuelist[0].strip() if valuelist and isinstance(valuelist[0], str) else ""
        self.raw_data = [FORBIDDEN.sub("\ufffd", typed[:40])]
        text = _BLANKS.sub("", typed)
        if not text:
            return
        number = int(text) if _WHOLE.fullmatch(text) else None
        if number is None or not self.least <= number <= self.most:
            raise ValueError(
                gettext(
                    "Give a whole number between %(least)s and %(most)s.", least=self.least, most=self.most
                )
            )
        self.data = number

    def answer(self) -> dict[str, Any] | None:
        """The answer to keep with the request."""
        return None if self.data is None else {"value": self.data, "kind": "number"}


class _Choice:
    """What a list and a row of buttons share. Choices are (value, words) pairs or SelectChoice, or a function that
    is given (form, field)."""

    kind = "choice"
    width = ""
    says_optional: bool | None = None

    def __init__(
        self, label: Any = None, needed: Any = None, *, choices: Any = (), width: str = "", **kwargs: Any
    ) -> None:
        self.width = width
        if not callable(choices):
            choices = offered(choices)
        super().__init__(label, _checks(needed, ()), choices=choices, **kwargs)  # type: ignore[call-arg]

    def process_formdata(self, valuelist: list[Any]) -> None:
        # Absent is not empty: then the default stands, as in a script that sends only what it knows.
        if valuelist and isinstance(valuelist[0], str):
            self.data = valuelist[0].strip()

    def pre_validate(self, form: Any) -> None:
        if self.data and self.data not in {choice.value for choice in self.choices or ()}:  # type: ignore[attr-defined]
            raise StopValidation(gettext("Choose one of the answers offered."))

    def words(self) -> Any:
        """The words of the answer chosen, or an empty text."""
        for choice in self.choices or ():  # type: ignore[attr-defined]
            if choice.value == self.data:
                return choice.label
        return ""

    def answer(self) -> dict[str, Any] | None:
        """The answer to keep with the request: its value, and its words in each language."""
        if not self.data:
            return None
        both = in_both(self.words())
        return {"value": self.data, "kind": "choice", "value_fr": both["fr"], "value_en": both["en"]}


class OneOf(_Choice, SelectField):
    """One answer from a list that opens."""


class OneOfFew(_Choice, RadioField):
    """One answer among a few, all of them in sight."""


class Several(SelectMultipleField):
    """Any number of answers among a few, each with its box."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()

    def __init__(self, label: Any = None, needed: Any = None, **kwargs: Any) -> None:
        self.needed = needed
        super().__init__(label, choices=[], **kwargs)

    def process_formdata(self, valuelist: list[Any]) -> None:
        self.data = [text.strip()[:60] for text in valuelist if isinstance(text, str)]

    def pre_validate(self, form: Any) -> None:
        known = {choice.value for choice in self.choices or ()}
        if any(value not in known for value in self.data or ()):
            raise StopValidation(gettext("Choose among the answers offered."))
        if self.needed and not self.data:
            raise StopValidation(self.needed)


class AnyOf(SelectMultipleField):
    """Any number of answers, each with its box. Choices as for OneOf; `data` is a list of values."""

    kind = "choice"
    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()
    # What a script may send at most: pages offer far fewer.
    most = 1_000

    def __init__(self, label: Any = None, *, choices: Any = (), **kwargs: Any) -> None:
        if not callable(choices):
            choices = offered(choices)
        super().__init__(label, choices=choices, **kwargs)

    def process_formdata(self, valuelist: list[Any]) -> None:
        self.data = list(
            dict.fromkeys(value.strip() for value in valuelist[: self.most] if isinstance(value, str))
        )

    def pre_validate(self, form: Any) -> None:
        if set(self.data or ()) - {choice.value for choice in self.choices or ()}:
            raise StopValidation(gettext("Choose among the answers offered."))

    def answer(self) -> dict[str, Any] | None:
        """Nothing to keep with the answers of the form."""
        return None


class Tick(BooleanField):
    """A box that is ticked or not."""

    kind = "choice"
    says_optional: bool | None = None
    false_values = ("false", "", "0", "off", "no")

    def __init__(
        self, label: Any = None, needed: Any = None, *, says_optional: bool | None = None, **kwargs: Any
    ) -> None:
        self.says_optional = says_optional
        super().__init__(label, [Needed(needed)] if needed else [], **kwargs)

    def process_formdata(self, valuelist: list[Any]) -> None:
        first = valuelist[0] if valuelist else ""
        self.data = isinstance(first, str) and first.strip().lower() not in self.false_values

    def answer(self) -> dict[str, Any] | None:
        """The answer to keep with the request: only a box that is ticked says something."""
        if not self.data:
            return None
        both = in_both(lazy_gettext("Yes"))
        return {"value": "yes", "kind": "choice", "value_fr": both["fr"], "value_en": both["en"]}


class Entries(FieldList):
    """A list of small forms, as many as the sender wants up to `most`; rows left empty do not count."""

    def __init__(self, unbound_field: Any, label: Any, *, most: int, too_many: Any, **kwargs: Any) -> None:
        self.most = most
        self.too_many = too_many
        # One more than allowed is read, so that too many is refused and never cut off in silence.
        super().__init__(unbound_field, label, min_entries=1, max_entries=most + 1, **kwargs)

    def _extract_indices(self, prefix: str, formdata: Any) -> Iterator[int]:
        # The library takes any digit of any script and any length, and int() does not.
        pattern = re.compile(re.escape(prefix) + r"-([0-9]{1,6})-")
        for key in formdata:
            found = pattern.match(key)
            if found:
                yield int(found.group(1))

    def add(self) -> None:
        """Put an empty row at the end, unless the list is full."""
        if len(self.entries) < self.most:
            self.append_entry()

    def take_out(self, index: int) -> None:
        """Take a row out; the list keeps one row at least. A row that does not exist is not missed."""
        if 0 <= index < len(self.entries):
            self.pop_entry(index)
        if not self.entries:
            self.append_entry()

    def filled(self) -> list[Mapping[str, Any]]:
        """The rows in which something was written."""
        return [entry.data for entry in self.entries if any(entry.data.values())]

    def validate(self, form: Any, extra_validators: Any = ()) -> bool:
        kept = [entry for entry in self.entries if any(entry.data.values())]
        if kept and len(kept) < len(self.entries):
            self.entries = kept
            self._compact_indices()
        good = super().validate(form, extra_validators)
        if len(self.entries) > self.most:
            self.errors = [*self.errors, str(self.too_many)]
            good = False
        return bool(good)


def offered(pairs: Iterable[Any]) -> list[SelectChoice]:
    """Choices from (value, words) pairs, or as they are."""
    return [pair if isinstance(pair, SelectChoice) else SelectChoice(pair[0], pair[1]) for pair in pairs]
