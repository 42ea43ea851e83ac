"""Makes small PDF documents: one page of text, with fields to fill in when asked. Western European letters only."""

from __future__ import annotations

from collections.abc import Sequence

# A4, in points; y grows upwards.
WIDTH, HEIGHT = 595, 842
LEFT, RIGHT, NARROW_RIGHT, TOP = 64, 531, 260, 774
FIELD_HEIGHT = 26
LETTERS_IN_A_LINE = 84
# A field that opens a list and also takes other words.
_COMBO_THAT_EDITS = (1 << 17) | (1 << 18)
# Catalogue, pages, page, two fonts, form, content, description; the fields come after.
_FIRST_FIELD = 9


class Page:
    """One page that is written from top to bottom, then made into a document.

    Arguments: title, of the document; language, "fr" or "en", for screen readers.
    """

    def __init__(self, title: str, language: str) -> None:
        self._title = title
        self._language = language
        self._y = TOP
        self._drawn: list[str] = []
        self._fields: list[str] = []

    def heading(self, text: str) -> None:
        """A line in large bold letters."""
        self._y -= 8
        self._line(text, font="F2", size=20)
        self._y -= 18

    def paragraph(self, text: str, size: int = 11) -> None:
        """A text, wrapped; `size` in points."""
        for line in _wrapped(text, LETTERS_IN_A_LINE):
            self._line(line, font="F1", size=size)
        self._y -= 14

    def field(
        self, name: str, label: str, *, value: str = "", choices: Sequence[str] = (), wide: bool = False
    ) -> None:
        """A field to fill in under its label: a line, or a list that also takes other words when there are choices."""
        self._line(label, font="F2", size=11)
        top = self._y + 8
        box = (LEFT, top - FIELD_HEIGHT, RIGHT if wide else NARROW_RIGHT, top)
        kind = "/FT /Tx"
        if choices:
            options = " ".join(_text(choice) for choice in choices)
            kind = f"/FT /Ch /Ff {_COMBO_THAT_EDITS} /Opt [{options}]"
        self._fields.append(
            f"<< /Type /Annot /Subtype /Widget {kind} /T ({name}) /TU {_text(label)} /V {_text(value)} /F 4 /P 3 0 R"
            f" /Rect [{' '.join(str(side) for side in box)}] /DA (/F1 12 Tf 0 g)"
            " /MK << /BC [0.45 0.45 0.45] /BG [1 1 1] >> /BS << /W 1 /S /S >> >>"
        )
        self._y = box[1] - 28

    def document(self) -> bytes:
        """The bytes of the document."""
        content = "".join(self._drawn)
        fields = " ".join(f"{_FIRST_FIELD + index} 0 R" for index in range(len(self._fields)))
        font = "<< /Type /Font /Subtype /Type1 /BaseFont /{} /Encoding /WinAnsiEncoding >>"
        return _file(
            [
                f"<< /Type /Catalog /Pages 2 0 R /Lang ({self._language}) /AcroForm 6 0 R"
                " /ViewerPreferences << /DisplayDocTitle true >> >>",
                "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
                f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {WIDTH} {HEIGHT}] /Contents 7 0 R /Tabs /S"
                f" /Resources << /Font << /F1 4 0 R /F2 5 0 R >> >> /Annots [{fields}] >>",
                font.format("Helvetica"),
                font.format("Helvetica-Bold"),
                f"<< /Fields [{fields}] /NeedAppearances true /DA (/F1 12 Tf 0 g)"
                " /DR << /Font << /F1 4 0 R >> >> >>",
                f"<< /Length {len(content)} >>\nstream\n{content}endstream",
                f"<< /Title {_text(self._title)} >>",
                *self._fields,
            ]
        )

    def _line(self, text: str, *, font: str, size: int) -> None:
        self._drawn.append(f"BT /{font} {size} Tf {LEFT} {self._y} Td ({_in_page(text)}) Tj ET\n")
        self._y -= 16


def _file(objects: Sequence[str]) -> bytes:
    """A PDF file of these objects, numbered from 1: the first is its catalogue, the eighth its description."""
    parts = [b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"]
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(sum(map(len, parts)))
        parts.append(f"{number} 0 obj\n{body}\nendobj\n".encode("ascii"))
    start = sum(map(len, parts))
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    parts.append(
        f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
        f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R /Info 8 0 R >>\nstartxref\n{start}\n%%EOF\n".encode(
            "ascii"
        )
    )
    return b"".join(parts)


def _in_page(text: str) -> str:
    """Text as the page's fonts spell it; they have no narrow no-break space."""
    spelled = text.replace("\u202f", "\u00a0").encode("cp1252", "replace")
    return "".join(
        f"\\{byte:03o}" if byte in b"()\\" or not 32 <= byte < 127 else chr(byte) for byte in spelled
    )


def _text(text: str) -> str:
    """Text of a document's own strings, any character."""
    spelled = ("\ufeff" + text).encode("utf-16-be").hex()
    return f"<{spelled}>"


def _wrapped(text: str, width: int) -> list[str]:
    lines = [""]
    for word in text.split(" "):
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines
