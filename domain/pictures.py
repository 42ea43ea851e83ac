"""What pictures say of themselves: how large they unpack, and where and with what a photo was taken.

Only headers are read, nothing is unpacked. Whether a picture is taken is decided in files.py.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO

CHUNK_BYTES = 64 * 1024
# A photo has a few dozen segments before its picture; more is an attempt to keep the portal busy.
SEGMENTS_MAX = 2_000

_START_OF_FRAME = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_START_OF_SCAN, _END = 0xDA, 0xD9
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD8)})
# Inside the picture itself, FF is followed by 00 or by a restart mark; anything else ends this run of it.
_END_OF_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]", re.DOTALL)

# Segments that speak of the photo rather than draw it: Exif and XMP (APP1), IPTC (APP13), comments.
_TELLING = frozenset({0xE1, 0xED, 0xFE})
_ORIENTATION = 0x0112
# The like of them in the other two: texts, Exif, hour of the last change; Exif and XMP.
_PNG_START = b"\x89PNG\r\n\x1a\n"
_PNG_TELLING = frozenset({b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"tIME"})
_WEBP_TELLING = frozenset({b"EXIF", b"XMP "})
# More than this about one picture is no camera's: it is not held in memory.
TELLING_MAX = 4 * 1024 * 1024


# ---- How large -----------------------------------------------------------------------------------------------


def pixels(content: str, head: bytes, file: BinaryIO) -> int:
    """Width times height that a picture announces; 0 when it announces none, and so is no picture.

    Arguments: content, png, gif, webp or jpeg; head, its first bytes; file, the whole, at its start.
    """
    if content == "jpeg":
        return _jpeg_pixels(file)
    head = head[:32].ljust(32, b"\0")
    if content == "webp":
        return _webp_pixels(head)
    width, height = (
        struct.unpack(">II", head[16:24]) if content == "png" else struct.unpack("<HH", head[6:10])
    )
    return int(width) * int(height)


def _webp_pixels(head: bytes) -> int:
    kind = head[12:16]
    if kind == b"VP8X":
        width = int.from_bytes(head[24:27], "little") + 1
        height = int.from_bytes(head[27:30], "little") + 1
        return width * height
    if kind == b"VP8L" and head[20] == 0x2F:
        bits = int.from_bytes(head[21:25], "little")
        return ((bits & 0x3FFF) + 1) * ((bits >> 14 & 0x3FFF) + 1)
    if kind == b"VP8 " and head[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack("<HH", head[26:30])
        return int(width & 0x3FFF) * int(height & 0x3FFF)
    return 0


def _jpeg_pixels(file: BinaryIO) -> int:
    """The size stands in the first frame, behind segments of any length: they are jumped over, not read."""
    file.seek(2)
    for _segment in range(SEGMENTS_MAX):
        mark = file.read(2)
        while mark == b"\xff\xff":
            mark = mark[1:] + file.read(1)
        if len(mark) < 2 or mark[0] != 0xFF or mark[1] in (_START_OF_SCAN, _END):
            return 0
        if mark[1] in _WITHOUT_LENGTH:
            continue
        said = file.read(7)
        if len(said) < 7:
            return 0
        length, _precision, height, width = struct.unpack(">HBHH", said)
        if mark[1] in _START_OF_FRAME:
            return int(width) * int(height)
        if length < 2:
            return 0
        file.seek(length - 7, 1)
    return 0


# ---- Where it was taken --------------------------------------------------------------------------------------


class Untold:
    """A picture as it is read, without what it tells of its maker: place, hour, device, person, small copies.

    The picture is the same to the bit, and so is the way up; what is not what it should be passes unchanged. Reads
    like a file, in pieces, so that a large photo never stands in memory.
    """

    def __init__(self, stream: BinaryIO, content: str) -> None:
        """Arguments: stream, the picture at its start; content, one of TELLING_CONTENTS.

        Raises KeyError for any other content.
        """
        self._pieces = _READERS[content](_Held(stream))
        self._rest = b""

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes, empty at the end."""
        while size < 0 or not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                break
            self._rest += piece
        given, self._rest = (self._rest, b"") if size < 0 else (self._rest[:size], self._rest[size:])
        return given


class _Held:
    """The bytes of a stream that were read and not yet given on."""

    def __init__(self, stream: BinaryIO) -> None:
        self.bytes = bytearray()
        self._stream = stream

    def has(self, count: int) -> bool:
        """Whether so many bytes are here, after reading on as far as it takes."""
        while len(self.bytes) < count:
            chunk = self._stream.read(CHUNK_BYTES)
            if not chunk:
                return False
            self.bytes.extend(chunk)
        return True

    def taken(self, count: int) -> bytes:
        """The first bytes, which are then no longer here."""
        given = bytes(self.bytes[:count])
        del self.bytes[:count]
        return given

    def passed(self, count: int) -> Iterator[bytes]:
        """So many bytes, or as many as there are, in pieces."""
        while count > 0 and (self.bytes or self.has(1)):
            piece = self.taken(min(count, CHUNK_BYTES))
            count -= len(piece)
            yield piece

    def everything(self) -> Iterator[bytes]:
        """All that is left, in pieces."""
        yield self.taken(len(self.bytes))
        while chunk := self._stream.read(CHUNK_BYTES):
            yield chunk


def _jpeg_untold(held: _Held) -> Iterator[bytes]:
    if not held.has(2) or held.bytes[:2] != b"\xff\xd8":
        yield from held.everything()
        return
    yield held.taken(2)
    turned = False
    while held.has(2) and held.bytes[0] == 0xFF:
        mark = held.bytes[1]
        if mark == 0xFF:
            held.taken(1)
        elif mark == _END:
            # What follows the end of a photo is a second picture or a film, with a place of its own.
            yield held.taken(2)
            return
        elif mark in _WITHOUT_LENGTH:
            yield held.taken(2)
        else:
            if not held.has(4):
                break
            (length,) = struct.unpack(">H", held.bytes[2:4])
            if length < 2 or not held.has(2 + length):
                break
            segment = held.taken(2 + length)
            if mark in _TELLING or (mark == 0xE2 and segment[4:8] == b"MPF\0"):
                if not turned and (way_up := _orientation(segment)):
                    body = b"Exif\0\0" + _only_orientation(way_up)
                    yield b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body
                    turned = True
            else:
                yield segment
            if mark == _START_OF_SCAN:
                while (found := _END_OF_SCAN.search(held.bytes)) is None:
                    # The last byte may be the first half of a mark.
                    yield held.taken(max(len(held.bytes) - 1, 0))
                    if not held.has(2):
                        break
                else:
                    yield held.taken(found.start())
    yield from held.everything()


def _png_untold(held: _Held) -> Iterator[bytes]:
    if not held.has(8) or held.bytes[:8] != _PNG_START:
        yield from held.everything()
        return
    yield held.taken(8)
    while held.has(8):
        length, kind = struct.unpack(">I4s", held.bytes[:8])
        whole = 12 + length
        if kind in _PNG_TELLING:
            way_up = 0
            if kind == b"eXIf" and length <= TELLING_MAX and held.has(whole):
                way_up = _way_up(bytes(held.bytes[8 : 8 + length]))
            if way_up:
                body = b"eXIf" + _only_orientation(way_up)
                yield struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
            for _piece in held.passed(whole):
                pass
        else:
            yield from held.passed(whole)
        if kind == b"IEND":
            # What stands behind the end of a picture is none of it.
            return
    yield from held.everything()


def _webp_untold(held: _Held) -> Iterator[bytes]:
    """The size of the whole stands at its start: what tells is blanked in its place, not taken out."""
    if not held.has(12) or held.bytes[:4] != b"RIFF" or held.bytes[8:12] != b"WEBP":
        yield from held.everything()
        return
    left = int.from_bytes(held.bytes[4:8], "little") - 4
    yield held.taken(12)
    while left >= 8 and held.has(8):
        kind, length = struct.unpack("<4sI", held.bytes[:8])
        # Chunks begin at even places.
        whole = 8 + length + length % 2
        if kind in _WEBP_TELLING:
            yield held.taken(8)
            said = b""
            if kind == b"EXIF" and length <= TELLING_MAX and held.has(length):
                told = bytes(held.bytes[:length]).removeprefix(b"Exif\0\0")
                if way_up := _way_up(told):
                    said = _only_orientation(way_up)[:length]
            yield said
            skip = len(said)
            for piece in held.passed(whole - 8):
                yield bytes(max(len(piece) - skip, 0))
                skip = max(skip - len(piece), 0)
        else:
            yield from held.passed(whole)
        left -= whole
    # What stands behind the end of a picture is none of it.


_READERS: dict[str, Callable[[_Held], Iterator[bytes]]] = {
    "jpeg": _jpeg_untold,
    "png": _png_untold,
    "webp": _webp_untold,
}
# Contents that can tell of their maker.
TELLING_CONTENTS = frozenset(_READERS)


def _orientation(segment: bytes) -> int:
    """Which way up an Exif segment says that the photo is: 2 to 8; 0 when it does not say, or says as it is."""
    if segment[4:10] != b"Exif\0\0":
        return 0
    return _way_up(segment[10:])


def _way_up(tiff: bytes) -> int:
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None or len(tiff) < 10:
        return 0
    (start,) = struct.unpack(order + "I", tiff[4:8])
    if start + 2 > len(tiff):
        return 0
    (count,) = struct.unpack(order + "H", tiff[start : start + 2])
    for at in range(start + 2, min(start + 2 + 12 * count, len(tiff) - 11), 12):
        tag, kind, _many, value = struct.unpack(order + "HHIH", tiff[at : at + 10])
        if tag == _ORIENTATION:
            return int(value) if kind == 3 and 2 <= value <= 8 else 0
    return 0


def _only_orientation(way_up: int) -> bytes:
    return b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, _ORIENTATION, 3, 1, way_up, 0, 0)
