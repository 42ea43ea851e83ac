"""Lists as files for a spreadsheet: CSV and XLSX, where no cell can become a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from xlsxwriter import Workbook

# What makes a spreadsheet compute: also in the wide forms, and behind what a careless reader strips.
FORMULA_STARTS = "=+-@\t\r\n\0＝＋－＠"
SKIPPED_BEFORE = " \u00a0\u202f\"',;\0"
XLSX_CELL_CHARACTERS = 32767


def safe_cell(value: Any) -> str:
    """The text of a cell that no spreadsheet takes for a formula: such a text starts with an apostrophe."""
    text = "" if value is None else str(value)
    start = text.lstrip(SKIPPED_BEFORE)
    if text[:1] in ("\t", "\r", "\n", "\0") or (start and start[0] in FORMULA_STARTS):
        text = "'" + text
    return text.replace("\0", "")


def csv_bytes(titles: Sequence[Any], rows: Iterable[Sequence[Any]], language: str) -> bytes:
    """A CSV that a spreadsheet opens by a double click: a mark of UTF-8, and in French semicolons."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";" if language == "fr" else ",", quoting=csv.QUOTE_MINIMAL)
    writer.writerow([safe_cell(title) for title in titles])
    for row in rows:
        writer.writerow([safe_cell(value) for value in row])
    return out.getvalue().encode("utf-8-sig", "replace")


def xlsx_bytes(title: str, titles: Sequence[Any], rows: Iterable[Sequence[Any]]) -> bytes:
    """A workbook of one sheet that holds texts only."""
    out = io.BytesIO()
    options = {
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    with Workbook(out, options) as book:
        sheet = book.add_worksheet("".join(c for c in title if c not in "[]:*?/\\'")[:31] or "1")
        bold = book.add_format({"bold": True})
        for column, words in enumerate(titles):
            sheet.write_string(0, column, safe_cell(words), bold)
        for line, row in enumerate(rows, start=1):
            for column, value in enumerate(row):
                sheet.write_string(line, column, safe_cell(value)[:XLSX_CELL_CHARACTERS])
        sheet.freeze_panes(1, 0)
    return out.getvalue()
