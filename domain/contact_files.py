"""Lists of contacts as files: CSV and XLSX become lines of text under known columns (ACC-4).

Nothing here reads or writes the database: what a line would do is decided in contact_import.py. A file is taken for
what its bytes are, whatever its name, and is refused whole only when it cannot be read as a list at all.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
import zipfile
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple
from xml.parsers import expat

from domain.refusals import Invalid

MOST_BYTES = 5 * 1024 * 1024
# A workbook is a compressed archive: what it would unpack to is read from its own table, before anything is unpacked.
MOST_UNPACKED_BYTES = 40 * 1024 * 1024
MOST_PARTS = 200
MOST_LINES = 20_000
MOST_COLUMNS = 60
MOST_CELL_CHARACTERS = 300

# What a spreadsheet would compute: refused on the way in, as exports neutralise it on the way out.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")

DELIMITERS = ";,\t"

# Column -> its headings in French and in English, without capitals, accents and marks.
HEADINGS: dict[str, frozenset[str]] = {
    "email": frozenset(
        {
            "email", "e mail", "mail", "email address", "e mail address", "mail address", "address", "courriel",
            "adresse", "adresse email", "adresse e mail", "adresse mail", "adresse electronique", "mel",
        }
    ),
    "full_name": frozenset(
        {"full name", "name", "nom", "nom complet", "nom et prenom", "prenom et nom", "contact"}
    ),
    "first_name": frozenset({"first name", "given name", "prenom"}),
    "last_name": frozenset({"last name", "family name", "surname", "nom de famille"}),
    "organisation": frozenset(
        {"organisation", "organization", "company", "customer", "societe", "entreprise", "client"}
    ),
    "role": frozenset({"role", "profil", "profile"}),
    "username": frozenset({"username", "user name", "login", "identifiant", "nom d utilisateur", "nom utilisateur"}),
    "language": frozenset({"language", "lang", "langue"}),
}  # fmt: skip

TEMPLATE_HEADINGS: dict[str, tuple[str, ...]] = {
    "fr": ("Courriel", "Nom complet", "Organisation", "Rôle", "Identifiant", "Langue"),
    "en": ("Email", "Full name", "Organisation", "Role", "User name", "Language"),
}


class FileLine(NamedTuple):
    """One line of a file: its number as a spreadsheet counts them, and its cells by column."""

    number: int
    cells: dict[str, str]


class ContactFile(NamedTuple):
    """A list of contacts as it was read: its lines, and the headings that mean nothing here."""

    lines: list[FileLine]
    ignored: list[str]


def read(content: bytes) -> ContactFile:
    """The lines of a CSV or XLSX file; empty ones are left out.

    Raises Invalid by the field `file`: "import-too-large", "import-empty", "import-unreadable", "import-encoding",
    "import-old-workbook", "import-no-address", "import-column-twice", "import-too-many-lines",
    "import-too-many-columns".
    """
    if len(content) > MOST_BYTES:
        raise Invalid("import-too-large", field="file", megabytes=MOST_BYTES // (1024 * 1024))
    if not content.strip():
        raise Invalid("import-empty", field="file")
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        raise Invalid("import-old-workbook", field="file")
    return _from_rows(
        _rows_of_workbook(content) if content.startswith(b"PK\x03\x04") else _rows_of_text(content)
    )


# ---- Text --------------------------------------------------------------------------------------------


def _rows_of_text(content: bytes) -> Iterator[list[str]]:
    text = _decoded(content)
    if "\0" in text:
        raise Invalid("import-unreadable", field="file")
    # What spreadsheets write over a list to say how it is cut.
    said = re.match(r"sep=(.)\r?\n", text)
    text = text[said.end() :] if said else text
    delimiter = said[1] if said and said[1] in DELIMITERS else _delimiter(text)
    try:
        yield from csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    except csv.Error:
        raise Invalid("import-unreadable", field="file") from None


def _decoded(content: bytes) -> str:
    """UTF-8 with or without its mark, UTF-16 with it, else the Windows code page of Western Europe."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings: tuple[str, ...] = ("utf-16",)
    else:
        encodings = ("utf-8-sig", "cp1252")
    for encoding in encodings:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise Invalid("import-encoding", field="file")


def _delimiter(text: str) -> str:
    """The mark between cells: the one under which the first line names most columns."""
    first = next((line for line in text.splitlines() if line.strip()), "")[:4000]

    def known(delimiter: str) -> int:
        cells = next(csv.reader([first], delimiter=delimiter), [])
        return sum(_column(cell) is not None for cell in cells)

    return max(DELIMITERS, key=lambda delimiter: (known(delimiter), first.count(delimiter)))


# ---- Workbooks ---------------------------------------------------------------------------------------


def _rows_of_workbook(content: bytes) -> Iterator[list[str]]:
    """The rows of the first sheet. Formulas come as they are typed: nothing is computed, nothing outside is read."""
    import openpyxl

    _check_archive(content)
    try:
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=False, keep_links=False)
        sheet = book.worksheets[0]
        # What a sheet says of its own size may be wrong: it is read up to the limits, and no further.
        sheet.reset_dimensions()
        for row in sheet.iter_rows(max_row=MOST_LINES + 2, max_col=MOST_COLUMNS + 1):
            yield [_cell(cell) for cell in row]
    except Invalid:
        raise
    except Exception:
        # A damaged workbook fails in more ways than the library names.
        raise Invalid("import-unreadable", field="file") from None


def _cell(cell: Any) -> str:
    value = cell.value
    if value is None:
        return ""
    if cell.data_type == "f":
        return f"={str(value).lstrip('=')}"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)


def _check_archive(content: bytes) -> None:
    """Refuse an archive that is no workbook, would unpack to too much, or whose parts declare entities."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
            if (
                len(parts) > MOST_PARTS
                or sum(part.file_size for part in parts) > MOST_UNPACKED_BYTES
                or any(part.flag_bits & 1 for part in parts)
            ):
                raise Invalid("import-unreadable", field="file")
            if "xl/workbook.xml" not in archive.namelist():
                raise Invalid("import-unreadable", field="file")
            for part in parts:
                if part.filename.lower().endswith((".xml", ".rels", ".vml")):
                    with archive.open(part) as stream:
                        _check_prolog(stream)
    except Invalid:
        raise
    except Exception:
        raise Invalid("import-unreadable", field="file") from None


class _Begun(Exception):
    """The first element of a document: what could declare entities is over."""


def _check_prolog(stream: Any) -> None:
    """Refuse a part with a document type: that is where entities are declared, and workbooks have none."""

    def refuse(*_declared: Any) -> None:
        raise Invalid("import-unreadable", field="file")

    def begun(*_element: Any) -> None:
        raise _Begun

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = begun
    try:
        while chunk := stream.read(4096):
            parser.Parse(chunk)
    except _Begun:
        pass


# ---- Columns -----------------------------------------------------------------------------------------


def plain(text: str) -> str:
    """Words as headings and roles are compared: small letters without accents, single spaces."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    letters = "".join(c for c in letters if not unicodedata.combining(c))
    return " ".join(re.sub(r"[^a-z0-9]+", " ", letters).split())


def _column(heading: str) -> str | None:
    words = plain(heading[:200])
    return next((column for column, headings in HEADINGS.items() if words in headings), None)


def _from_rows(rows: Iterable[list[str]]) -> ContactFile:
    columns: list[str | None] | None = None
    ignored: list[str] = []
    lines: list[FileLine] = []
    for number, row in enumerate(rows, start=1):
        if not any(cell.strip() for cell in row):
            continue
        if len(row) > MOST_COLUMNS and any(cell.strip() for cell in row[MOST_COLUMNS:]):
            raise Invalid("import-too-many-columns", field="file", most=MOST_COLUMNS)
        if columns is None:
            columns, ignored = _columns(row)
            continue
        if len(lines) == MOST_LINES:
            raise Invalid("import-too-many-lines", field="file", most=MOST_LINES)
        cells = {
            column: _clean(cell) for column, cell in zip(columns, row, strict=False) if column is not None
        }
        if any(cells.values()):
            lines.append(FileLine(number, _with_name(cells)))
    if columns is None or not lines:
        raise Invalid("import-empty", field="file")
    return ContactFile(lines, ignored)


def _columns(row: list[str]) -> tuple[list[str | None], list[str]]:
    columns = [_column(cell) for cell in row]
    if "first_name" in columns and "last_name" not in columns and "full_name" in columns:
        # "Prénom" and "Nom" side by side: the second one is the name of the family.
        columns[columns.index("full_name")] = "last_name"
    if "email" not in columns:
        raise Invalid("import-no-address", field="file")
    for column in HEADINGS:
        if columns.count(column) > 1:
            heading = row[len(columns) - 1 - columns[::-1].index(column)]
            raise Invalid("import-column-twice", field="file", heading=_clean(heading)[:60])
    ignored = [
        _clean(cell)[:60]
        for cell, column in zip(row, columns, strict=True)
        if column is None and cell.strip()
    ]
    return columns, ignored


def _clean(text: str) -> str:
    """A cell as it may be kept."""
    if text[:1] in ("\t", "\r"):
        # Such a start makes some spreadsheets compute what follows: it is kept to be seen and refused.
        text = "=" + text
    # A cell of a megabyte is not kept: one character more than the limit shows that it is over it.
    return printable(text)[: MOST_CELL_CHARACTERS + 1]


def printable(text: str) -> str:
    """Text as it may be kept on one line: composed characters, single spaces, none that cannot be seen."""
    text = "".join(
        " " if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") else c
        for c in unicodedata.normalize("NFC", text)
        if unicodedata.category(c) != "Cf"
    )
    return " ".join(text.split())


def _with_name(cells: dict[str, str]) -> dict[str, str]:
    """First and last name in one, where the file has them apart."""
    first, last = cells.pop("first_name", ""), cells.pop("last_name", "")
    if (first or last) and not cells.get("full_name"):
        cells["full_name"] = f"{first} {last}".strip()[: MOST_CELL_CHARACTERS + 1]
    return cells


def template_rows(language: str) -> list[tuple[str, ...]]:
    """A file to begin from: the headings and two lines, in one language."""
    roles = {"fr": ("contact agréé", "membre"), "en": ("approved contact", "member")}[language]
    return [
        TEMPLATE_HEADINGS[language],
        ("jeanne.martin@acme.example", "Jeanne Martin", "Acme", roles[0], "", "fr"),
        ("john.smith@acme.example", "John Smith", "Acme", roles[1], "john.smith", "en"),
    ]
