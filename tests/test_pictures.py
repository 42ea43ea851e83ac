"""Photos tell more than they show: where, when, with what, by whom. What is kept of one is the picture."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import files, pictures, policies, settings
from gateways.files import DiskStore
from models import Attachment
from tests.conftest import NOW
from tests.support.right_entries import JPEG, PNG

PLACE = b"48 deg 51 N, 2 deg 21 E"


def segment(mark: int, body: bytes) -> bytes:
    return bytes([0xFF, mark]) + struct.pack(">H", len(body) + 2) + body


def exif(way_up: int, order: str = ">") -> bytes:
    """What a telephone writes: which way up, and where."""
    head = b"MM\0*" if order == ">" else b"II*\0"
    entries = struct.pack(order + "HHIHH", 0x0112, 3, 1, way_up, 0) + struct.pack(
        order + "HHII", 0x8825, 4, 1, 38
    )
    return segment(0xE1, b"Exif\0\0" + head + struct.pack(order + "IH", 8, 2) + entries + bytes(4) + PLACE)


def photo(*segments: bytes, after: bytes = b"") -> bytes:
    return JPEG[:2] + b"".join(segments) + JPEG[2:] + after


def told(data: bytes, size: int = 7, content: str = "jpeg") -> bytes:
    """What is left of a photo, read in small pieces."""
    reader = pictures.Untold(io.BytesIO(data), content)
    return b"".join(iter(lambda: reader.read(size), b""))


def test_a_photo_keeps_its_picture_and_loses_its_place() -> None:
    xmp = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + PLACE)
    iptc, comment = segment(0xED, b"Photoshop 3.0\0" + PLACE), segment(0xFE, PLACE)
    colours = segment(0xE2, b"ICC_PROFILE\0" + bytes(30))
    left = told(photo(exif(1), xmp, iptc, comment, colours))
    assert left == photo(colours)


@pytest.mark.parametrize("order", [">", "<"])
@pytest.mark.parametrize("way_up", [2, 3, 6, 8])
def test_a_photo_stays_the_right_way_up(order: str, way_up: int) -> None:
    left = told(photo(exif(way_up, order)))
    assert PLACE not in left
    assert pictures._orientation(left[2:]) == way_up
    assert left.endswith(JPEG[2:])


def test_a_second_picture_behind_the_first_goes_with_its_place() -> None:
    several = segment(0xE2, b"MPF\0" + bytes(20))
    assert told(photo(several, after=photo(exif(6)) + b"a film" + PLACE)) == JPEG


@pytest.mark.parametrize("piece", [1, 2, 3, 64 * 1024, -1])
@pytest.mark.parametrize("chunk", [1, 2, 5, 64 * 1024])
def test_the_size_of_the_pieces_does_not_matter(
    monkeypatch: pytest.MonkeyPatch, piece: int, chunk: int
) -> None:
    monkeypatch.setattr(pictures, "CHUNK_BYTES", chunk)
    scan = JPEG[:-2] + b"\xff\x00\xff\xd0\xff\x00" * 50 + JPEG[-2:]
    assert told(scan[:2] + exif(1) + scan[2:] + PLACE, piece) == scan


def tiff(way_up: int) -> bytes:
    """The Exif of a telephone, without what a JPEG puts before it."""
    return exif(way_up)[10:]


def chunk(kind: bytes, body: bytes) -> bytes:
    """A piece of a PNG."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def capture(*chunks: bytes, after: bytes = b"") -> bytes:
    """A PNG with pieces put behind its head."""
    return PNG[:33] + b"".join(chunks) + PNG[33:] + after


def piece(kind: bytes, body: bytes) -> bytes:
    """A piece of a WebP."""
    return kind + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)


def webp(*pieces: bytes) -> bytes:
    body = b"WEBP" + piece(b"VP8X", bytes([0x0C, 0, 0, 0, 15, 0, 0, 23, 0, 0])) + b"".join(pieces)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def test_a_capture_keeps_its_picture_and_loses_what_it_tells() -> None:
    density, colours = chunk(b"pHYs", bytes(9)), chunk(b"gAMA", bytes(4))
    telling = [chunk(kind, b"Author\0" + PLACE) for kind in (b"tEXt", b"zTXt", b"iTXt", b"tIME")]
    left = told(capture(density, *telling, colours, chunk(b"eXIf", tiff(1)), after=PLACE), content="png")
    assert left == capture(density, colours)


@pytest.mark.parametrize("way_up", [2, 3, 6, 8])
def test_a_capture_stays_the_right_way_up(way_up: int) -> None:
    left = told(capture(chunk(b"eXIf", tiff(way_up))), content="png")
    assert PLACE not in left
    assert left == capture(chunk(b"eXIf", pictures._only_orientation(way_up)))


@pytest.mark.parametrize("before", [b"", b"Exif\0\0"])
@pytest.mark.parametrize("size", [1, 7, -1])
def test_a_webp_keeps_its_size_and_loses_what_it_tells(before: bytes, size: int) -> None:
    drawn, xmp = piece(b"VP8 ", b"drawn" * 7), piece(b"XMP ", b"<x>" + PLACE)
    sent = webp(drawn, piece(b"EXIF", before + tiff(6)), xmp)
    left = told(sent + PLACE, size, "webp")
    assert PLACE not in left
    assert len(left) == len(sent) and left[: sent.index(b"EXIF")] == sent[: sent.index(b"EXIF")]
    assert left[left.index(b"EXIF") + 8 :].startswith(pictures._only_orientation(6))
    assert told(webp(drawn), size, "webp") == webp(drawn)


def test_what_is_too_large_to_be_told_by_a_camera_goes_without_being_held() -> None:
    much = chunk(b"eXIf", bytes(pictures.TELLING_MAX + 1))
    assert told(capture(much), 64 * 1024, "png") == PNG
    silent = told(webp(piece(b"EXIF", tiff(6) + bytes(pictures.TELLING_MAX))), 64 * 1024, "webp")
    assert not silent[silent.index(b"EXIF") + 8 :].strip(b"\0")


@given(st.binary(max_size=300), st.sampled_from(sorted(pictures.TELLING_CONTENTS)))
def test_any_bytes_behind_the_start_of_a_picture_break_nothing(data: bytes, content: str) -> None:
    for start in (PNG[:8], PNG[:33], webp(), webp()[:12]):
        assert len(told(start + data, content=content)) <= len(start + data) + 40


@given(st.binary(max_size=300))
def test_what_is_no_photo_passes_unchanged_or_shorter(data: bytes) -> None:
    assert told(data) == data or data.startswith(b"\xff\xd8")
    assert len(told(b"\xff\xd8" + data)) <= len(data) + 2 + 40


@given(
    st.lists(
        st.sampled_from([b"\xff", b"\xd8", b"\xe1", b"\x00\x08", b"Exif\0\0", b"\xda", b"\xd9", b"x"]),
        max_size=60,
    )
)
def test_a_broken_photo_breaks_nothing(parts: list[bytes]) -> None:
    data = b"\xff\xd8" + b"".join(parts)
    told(data)
    pictures.pixels("jpeg", data[:4096], io.BytesIO(data))


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("name", ["IMG_2041.JPG", "capture.png"])
def test_what_is_stored_is_without_place_unless_the_portal_wants_it(
    world: Any, tmp_path: Path, kept: bool, name: str
) -> None:
    settings.put("photo_details", kept, by=None, now=NOW)
    store = DiskStore(tmp_path / "files")
    sent = photo(exif(6)) if name.endswith("JPG") else capture(chunk(b"eXIf", tiff(6)))
    row = files.keep(io.BytesIO(sent), name, policies.load_viewer(world.alice.id), NOW, store)
    stored = (tmp_path / "files" / row.stored_name[:2] / row.stored_name).read_bytes()
    assert (PLACE in stored) is kept
    assert (stored == sent) is kept
    assert row.size == len(stored)
    assert Attachment.get_by_id(row.id).content_type == (
        "image/jpeg" if name.endswith("JPG") else "image/png"
    )


def test_a_browser_shows_the_same_picture(browser: Any) -> None:
    """The colours of two corners, in the turn that the photo asks for, before and after."""
    page = browser.new_page()
    seen = [
        page.evaluate(
            """async url => {
              const image = new Image(); image.src = url; await image.decode();
              const canvas = document.createElement('canvas');
              [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
              const paper = canvas.getContext('2d'); paper.drawImage(image, 0, 0);
              const at = (x, y) => [...paper.getImageData(x, y, 1, 1).data];
              return [canvas.width, canvas.height, at(1, 1), at(canvas.width - 2, 1), at(1, canvas.height - 2)];
            }""",
            f"data:image/jpeg;base64,{base64.b64encode(data).decode()}",
        )
        for data in (photo(exif(6)), told(photo(exif(6))), told(photo(exif(1))))
    ]
    page.close()
    assert seen[0] == seen[1], "turned by the Exif of the telephone, and by what is left of it"
    assert seen[0][:2] == [16, 24] and seen[2][:2] == [24, 16]
