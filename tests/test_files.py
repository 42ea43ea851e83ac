"""Files: which are taken, under which name, whose they are until they are sent, and what a fault leaves behind."""

from __future__ import annotations

import errno
import gzip
import io
import os
import struct
import unicodedata
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import conversation, files, policies, settings
from domain.refusals import Invalid, Missing, NotNow, Refusal
from gateways.files import DiskStore
from models import Attachment, Membership, Ticket, db
from seeds import made_picture
from tests.conftest import NOW
from tests.support.right_entries import JPEG

MEGABYTE = 1024 * 1024


@pytest.fixture
def store(tmp_path: Path) -> DiskStore:
    return DiskStore(tmp_path / "files")


def see(person: Any) -> policies.Viewer:
    viewer = policies.load_viewer(person.id)
    assert viewer is not None
    return viewer


def on_disk(store: DiskStore) -> list[Path]:
    return [path for path in store.root.rglob("*") if path.is_file()]


def zipped(members: dict[str, bytes], first: tuple[str, bytes] | None = None) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        if first:
            archive.writestr(zipfile.ZipInfo(first[0]), first[1], zipfile.ZIP_STORED)
        for name, data in members.items():
            archive.writestr(name, data)
    return made.getvalue()


OFFICE = {"[Content_Types].xml": b"<Types/>"}
CONTENTS: dict[str, bytes] = {
    "png": made_picture(1),
    "jpeg": JPEG,
    "gif": b"GIF89a" + struct.pack("<HH", 2, 2) + bytes(20),
    "webp": b"RIFF\x24\x00\x00\x00WEBPVP8 \x18\x00\x00\x00\x30\x01\x00\x9d\x01\x2a\x02\x00\x02\x00"
    + bytes(14),
    "pdf": b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF\n",
    "docx": zipped({**OFFICE, "word/document.xml": b"<w/>"}),
    "xlsx": zipped({**OFFICE, "xl/workbook.xml": b"<x/>"}),
    "odt": zipped({"content.xml": b"<o/>"}, ("mimetype", b"application/vnd.oasis.opendocument.text")),
    "doc": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
    "text": "matricule;nom\n1784;Noël\n".encode(),
    "zip": zipped({"journal.log": b"..."}),
    "program": b"MZ\x90\x00" + bytes(60),
}
# Which contents each extension may have. A document of an office suite is a true zip file too.
TAKEN = {
    "png": {"png"},
    "jpg": {"jpeg"},
    "gif": {"gif"},
    "webp": {"webp"},
    "pdf": {"pdf"},
    "docx": {"docx"},
    "xlsx": {"xlsx"},
    "odt": {"odt"},
    "xls": {"doc"},
    "csv": {"text"},
    "zip": {"zip", "docx", "xlsx", "odt"},
    "exe": set(),
}


# ---- Which are taken -------------------------------------------------------------------------------------


@pytest.mark.parametrize("extension", TAKEN)
def test_extension_and_content_decide_together(
    world: Any, store: DiskStore, subtests: pytest.Subtests, extension: str
) -> None:
    alice = see(world.alice)
    for content, data in CONTENTS.items():
        with subtests.test(content=content):
            if content in TAKEN[extension]:
                row = files.keep(io.BytesIO(data), f"envoi.{extension}", alice, NOW, store)
                assert row.content_type == files.KINDS[extension].content_type
                assert (row.size, row.name) == (len(data), f"envoi.{extension}")
                files.drop(row.key, alice, store)
            else:
                with pytest.raises(Invalid) as refused:
                    files.keep(io.BytesIO(data), f"envoi.{extension}", alice, NOW, store)
                assert refused.value.field == "attachments"
                assert refused.value.code == ("file-content" if extension != "exe" else "file-kind")
            assert on_disk(store) == []
            assert not Attachment.select().where(Attachment.ticket.is_null()).exists()


def docx_with(**changes: Any) -> bytes:
    return zipped({**OFFICE, "word/document.xml": b"<w/>", **changes})


PRETENDING = [
    ("macro.docx", docx_with(**{"word/vbaProject.bin": b"macro"})),
    ("renamed.docx", CONTENTS["xlsx"]),
    ("cut.docx", CONTENTS["docx"][:-30]),
    ("no-types.docx", zipped({"word/document.xml": b"<w/>"})),
    ("wild.docx", CONTENTS["docx"][:-22] + b"PK\x05\x06" + b"\xff" * 18),
    ("page.html", b"<script>alert(1)</script>"),
    ("drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
    ("page.xhtml", b"<html/>"),
    ("setup.exe.", CONTENTS["program"]),
    ("picture.png.exe", CONTENTS["png"]),
    ("noextension", CONTENTS["text"]),
    (".htaccess", b"Options +Indexes"),
    (".png", CONTENTS["png"]),
    ("run.sh", b"#!/bin/sh"),
    ("zero.txt", b"a\0b"),
    ("late-zero.log", b"a" * (2 * MEGABYTE) + b"\0"),
    ("picture.txt", CONTENTS["gif"][:6] + b"alert(1)"),
]
HONEST = [
    ("VIREMENTS.CSV", CONTENTS["text"]),
    ("journal.tar.gz", gzip.compress(b"...")),
    ("archive.7z", b"7z\xbc\xaf\x27\x1c" + bytes(30)),
    ("ancien.log", "Numéro de série".encode("latin-1")),
    ("windows.txt", "Numéro".encode("utf-16")),
    ("courriel.eml", b"From: a@example.org\r\n\r\nBonjour"),
    ("vide.zip", zipped({})),
    ("tableur.ods", zipped({}, ("mimetype", b"application/vnd.oasis.opendocument.spreadsheet"))),
    ("presentation.pptx", zipped({**OFFICE, "ppt/presentation.xml": b"<p/>"})),
    ("échange.har", b'{"log": {}}'),
]


def test_what_pretends_is_refused(world: Any, store: DiskStore, subtests: pytest.Subtests) -> None:
    for name, content in PRETENDING:
        with subtests.test(name=name):
            with pytest.raises(Invalid) as refused:
                files.keep(io.BytesIO(content), name, see(world.alice), NOW, store)
            assert refused.value.code in {"file-kind", "file-content"}
            assert on_disk(store) == []


def test_what_people_really_send_is_taken(world: Any, store: DiskStore, subtests: pytest.Subtests) -> None:
    for name, content in HONEST:
        with subtests.test(name=name):
            assert files.keep(io.BytesIO(content), name, see(world.alice), NOW, store).name == name


def test_the_list_of_kinds_is_a_setting_that_cannot_name_what_cannot_be_checked(
    world: Any, store: DiskStore
) -> None:
    settings.put("file_kinds", ["PDF", ".txt", "svg"], by=None, now=NOW)
    assert files.accepted_kinds() == ["pdf", "txt"]
    for name in ("plan.png", "plan.svg"):
        with pytest.raises(Invalid) as refused:
            files.keep(io.BytesIO(CONTENTS["png"]), name, see(world.alice), NOW, store)
        assert refused.value.data["kinds"] == ["pdf", "txt"]


def test_an_empty_file_is_refused(world: Any, store: DiskStore) -> None:
    with pytest.raises(Invalid) as refused:
        files.keep(io.BytesIO(b""), "vide.txt", see(world.alice), NOW, store)
    assert refused.value.code == "file-empty"
    assert on_disk(store) == []


def test_reading_stops_at_the_limit(world: Any, store: DiskStore) -> None:
    settings.put("file_max_mb", 1, by=None, now=NOW)

    class Endless(io.RawIOBase):
        given = 0

        def read(self, size: int = -1) -> bytes:
            self.given += size
            return b"a" * size

    endless = Endless()
    with pytest.raises(Invalid) as refused:
        files.keep(endless, "journal.log", see(world.alice), NOW, store)  # type: ignore[arg-type]
    assert (refused.value.code, refused.value.data["limit"]) == ("file-too-big", 1)
    assert endless.given < 2 * MEGABYTE
    assert on_disk(store) == []


def test_a_file_of_exactly_the_limit_is_taken(world: Any, store: DiskStore) -> None:
    settings.put("file_max_mb", 1, by=None, now=NOW)
    assert files.keep(io.BytesIO(b"a" * MEGABYTE), "juste.log", see(world.alice), NOW, store).size == MEGABYTE
    with pytest.raises(Invalid):
        files.keep(io.BytesIO(b"a" * (MEGABYTE + 1)), "trop.log", see(world.alice), NOW, store)


def test_a_picture_that_unpacks_to_gigabytes_is_refused(world: Any, store: DiskStore) -> None:
    huge = CONTENTS["png"][:16] + struct.pack(">II", 50_000, 50_000) + CONTENTS["png"][24:]
    with pytest.raises(Invalid) as refused:
        files.keep(io.BytesIO(huge), "capture.png", see(world.alice), NOW, store)
    assert refused.value.code == "file-pixels"


def webp(kind: bytes, body: bytes) -> bytes:
    return b"RIFF\x00\x01\x00\x00WEBP" + kind + b"\x00\x01\x00\x00" + body + bytes(40)


# Pictures that announce 12,000 times 12,000 pixels, and the same ones with 1,000 times 1,000.
HUGE: dict[str, Any] = {
    "gif": lambda side: b"GIF89a" + struct.pack("<HH", side, side) + bytes(20),
    "jpg": lambda side: JPEG.replace(struct.pack(">HH", 16, 24), struct.pack(">HH", side, side)),
    "jpeg": lambda side: (
        # Behind a megabyte of segments that a reader of the first bytes would not see past.
        b"\xff\xd8" + (b"\xff\xe2\xff\xff" + bytes(65_533)) * 16 + b"\xff\xff\xff" + HUGE["jpg"](side)[2:][1:]
    ),
    "webp": lambda side: webp(b"VP8 ", b"\x30\x01\x00\x9d\x01\x2a" + struct.pack("<HH", side, side)),
}
WIDE_WEBP = {
    "lossless": lambda side: webp(b"VP8L", b"\x2f" + struct.pack("<I", (side - 1) | (side - 1) << 14)),
    "extended": lambda side: webp(b"VP8X", bytes(4) + (side - 1).to_bytes(3, "little") * 2),
}


@pytest.mark.parametrize("extension", HUGE)
def test_every_kind_of_picture_is_measured_before_it_is_taken(
    world: Any, store: DiskStore, extension: str
) -> None:
    alice = see(world.alice)
    assert files.keep(io.BytesIO(HUGE[extension](1_000)), f"a.{extension}", alice, NOW, store).size
    with pytest.raises(Invalid) as refused:
        files.keep(io.BytesIO(HUGE[extension](12_000)), f"b.{extension}", alice, NOW, store)
    assert refused.value.code == "file-pixels"


@pytest.mark.parametrize("kind", WIDE_WEBP)
def test_each_of_the_three_kinds_of_webp_is_measured(world: Any, store: DiskStore, kind: str) -> None:
    assert files.keep(io.BytesIO(WIDE_WEBP[kind](1_000)), "a.webp", see(world.alice), NOW, store).size
    with pytest.raises(Invalid) as refused:
        files.keep(io.BytesIO(WIDE_WEBP[kind](12_000)), "b.webp", see(world.alice), NOW, store)
    assert refused.value.code == "file-pixels"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jpg", b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(40)),
        ("b.jpg", b"\xff\xd8\xff\xd9"),
        ("c.jpg", b"\xff\xd8" + b"\xff\xe2\x00\x02" * 100_000 + JPEG[2:]),
        ("d.png", b"\x89PNG\r\n\x1a\n"),
        ("e.gif", b"GIF89a"),
        ("f.webp", b"RIFF\x24\x00\x00\x00WEBPVP8 " + bytes(30)),
    ],
)
def test_a_picture_that_does_not_say_how_large_it_is_is_no_picture(
    world: Any, store: DiskStore, name: str, content: bytes
) -> None:
    with pytest.raises(Invalid) as refused:
        files.keep(io.BytesIO(content), name, see(world.alice), NOW, store)
    assert refused.value.code == "file-content"
    assert on_disk(store) == []


def test_a_document_with_a_million_members_is_refused_unopened(world: Any, store: DiskStore) -> None:
    # The directory says 65,535 members in 4 GB; nothing of it is there.
    lie = CONTENTS["docx"][:-22] + struct.pack(
        "<4sHHHHIIH", b"PK\x05\x06", 0, 0, 65535, 65535, 2**32 - 1, 0, 0
    )
    with pytest.raises(Invalid):
        files.keep(io.BytesIO(lie), "bombe.docx", see(world.alice), NOW, store)


# ---- Names -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        ("rapport.pdf", "rapport.pdf"),
        ("../../etc/passwd.txt", "passwd.txt"),
        ("C:\\Users\\alice\\capture.png", "capture.png"),
        ("/absolu/chemin.txt", "chemin.txt"),
        ("....//x.txt", "x.txt"),
        ("a.png\0.exe", "a.png.exe"),
        ("exe.\u202egnp.png", "exe.gnp.png"),
        ("a.p\u200bng", "a.png"),
        ("a.png\u200b", "a.png"),
        ("\ufeffa.png", "a.png"),
        ("a.png. . .", "a.png"),
        ("  a .png  ", "a .png"),
        ("ligne\r\nSet-Cookie: x=1.txt", "ligneSet-Cookie_ x=1.txt"),
        ("deux\u2028lignes.txt", "deuxlignes.txt"),
        ("<img src=x onerror=alert(1)>.png", "_img src=x onerror=alert(1)_.png"),
        ('a"b.png', "a_b.png"),
        ("a*?|.txt", "a___.txt"),
        ("CON.txt", "_CON.txt"),
        ("nul.tar.gz", "_nul.tar.gz"),
        ("com1.log", "_com1.log"),
        ("LPT¹.txt", "_LPT¹.txt"),
        ("console.txt", "console.txt"),
        (".htaccess", "htaccess"),
        (".png", "png"),
        ("", "file"),
        ("...", "file"),
        ("\u202e\u200b", "file"),
        ("\ud800.txt", "txt"),
        ("e\u0301te\u0301.txt", "été.txt"),
        ("dossier/", "dossier"),
        ("été 2026 — bilan (v2).xlsx", "été 2026 — bilan (v2).xlsx"),
        ("{{7*7}}%s%n.txt", "{{7_7}}%s%n.txt"),
    ],
)
def test_a_name_is_made_harmless(given_name: str, kept: str) -> None:
    assert files.normal_name(given_name) == kept


def test_a_long_name_keeps_its_extension() -> None:
    name = files.normal_name("é" * 300 + ".docx")
    assert len(name) == 200
    assert name.endswith("é.docx")
    assert len(files.normal_name("a" * 300 + "." + "b" * 300)) <= 200


@given(st.text(max_size=300))
def test_no_name_escapes(name: str) -> None:
    kept = files.normal_name(name)
    assert 0 < len(kept) <= 200
    assert not any(sign in kept for sign in '/\\<>:"|?*\r\n\t\0')
    assert kept == kept.strip(" .")
    assert not any(unicodedata.category(sign) in {"Cc", "Cf", "Cs"} for sign in kept)
    assert files.normal_name(kept) == kept
    kept.encode("utf-8")


# ---- Whose they are --------------------------------------------------------------------------------------


@pytest.fixture
def ticket(world: Any) -> Ticket:
    """A request of Alice that takes answers."""
    return Ticket.get((Ticket.requester == world.alice.id) & (Ticket.status == "in_progress"))


def uploaded(by: Any, store: DiskStore, name: str = "capture.png") -> Attachment:
    return files.keep(io.BytesIO(CONTENTS["png"]), name, see(by), NOW, store)


def test_an_answer_takes_the_files_of_its_author(world: Any, store: DiskStore, ticket: Ticket) -> None:
    rows = [uploaded(world.alice, store, f"capture-{number}.png") for number in range(3)]
    message = conversation.reply(
        ticket,
        "Voici.",
        see(world.alice),
        NOW,
        idempotency_key="a" * 20,
        attachment_keys=[row.key for row in rows],
    )
    kept = list(message.attachments.order_by(Attachment.id))
    assert [row.name for row in kept] == ["capture-0.png", "capture-1.png", "capture-2.png"]
    assert {row.ticket_id for row in kept} == {ticket.id}
    assert files.pending([row.key for row in rows], see(world.alice)) == []


def test_nobody_sends_the_upload_of_another(
    world: Any, store: DiskStore, ticket: Ticket, subtests: pytest.Subtests
) -> None:
    row = uploaded(world.alice, store)
    for thief in ("bob", "charlie", "sam", "root"):
        with subtests.test(thief=thief):
            by = see(getattr(world, thief))
            with pytest.raises(Missing), db.atomic():
                files.claim([row.key], ticket, None, by)
            assert Attachment.get_by_id(row.id).ticket_id is None
            with pytest.raises(Missing):
                files.drop(row.key, by, store)
            assert files.pending([row.key], by) == []
    assert [found.id for found in files.pending([row.key], see(world.alice))] == [row.id]


def test_a_stolen_key_spoils_the_whole_answer(world: Any, store: DiskStore, ticket: Ticket) -> None:
    theirs, ours = uploaded(world.charlie, store), uploaded(world.alice, store)
    messages = ticket.messages.count()
    with pytest.raises(Missing):
        conversation.reply(
            ticket,
            "Voici.",
            see(world.alice),
            NOW,
            idempotency_key="b" * 20,
            attachment_keys=[ours.key, theirs.key],
        )
    assert ticket.messages.count() == messages
    assert Attachment.select().where(Attachment.ticket.is_null()).count() == 2


def test_a_file_is_sent_once(world: Any, store: DiskStore, ticket: Ticket) -> None:
    row = uploaded(world.alice, store)
    files.claim([row.key, row.key], ticket, None, see(world.alice))
    with pytest.raises(Missing):
        files.claim([row.key], ticket, None, see(world.alice))


def test_a_key_that_nobody_gave_is_missing(
    world: Any, store: DiskStore, ticket: Ticket, subtests: pytest.Subtests
) -> None:
    alice = see(world.alice)
    for key in ("", "x", "%", "../../etc/passwd", "é" * 50, "0" * 500):
        with subtests.test(key=key):
            with pytest.raises(Missing):
                files.claim([key], ticket, None, alice)
            with pytest.raises(Missing):
                files.drop(key, alice, store)
            with pytest.raises(Missing):
                files.readable(key, alice)
            assert files.pending([key], alice) == []


def test_no_more_files_than_the_setting(world: Any, store: DiskStore, ticket: Ticket) -> None:
    settings.put("files_max", 2, by=None, now=NOW)
    keys = [uploaded(world.alice, store).key for _ in range(3)]
    with pytest.raises(Invalid) as refused:
        files.claim(keys, ticket, None, see(world.alice))
    assert (refused.value.code, refused.value.field) == ("too-many-files", "attachments")


def test_files_that_were_not_sent_are_counted(
    world: Any, store: DiskStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "PENDING_MAX", 3)
    rows = [uploaded(world.alice, store) for _ in range(3)]
    with pytest.raises(NotNow) as refused:
        uploaded(world.alice, store)
    assert refused.value.code == "uploads-waiting"
    uploaded(world.bob, store)
    files.drop(rows[0].key, see(world.alice), store)
    uploaded(world.alice, store)


def test_removing_an_upload_removes_its_bytes(world: Any, store: DiskStore) -> None:
    row = uploaded(world.alice, store)
    files.drop(row.key, see(world.alice), store)
    assert on_disk(store) == []
    assert not Attachment.select().where(Attachment.id == row.id).exists()


def test_a_file_that_was_sent_cannot_be_removed_as_an_upload(
    world: Any, store: DiskStore, ticket: Ticket
) -> None:
    row = uploaded(world.alice, store)
    files.claim([row.key], ticket, None, see(world.alice))
    with pytest.raises(Missing):
        files.drop(row.key, see(world.alice), store)
    assert len(on_disk(store)) == 1


# ---- Who reads them --------------------------------------------------------------------------------------


READERS = ["alice", "bob", "dana", "charlie", "erin", "sam", "ines", "vera", "marc", "root"]


def readers_of(row: Attachment, world: Any) -> set[str]:
    found = set()
    for name in READERS:
        try:
            files.readable(row.key, see(getattr(world, name)))
        except Missing:
            continue
        found.add(name)
    return found


def test_a_pending_file_is_read_by_its_uploader_alone(world: Any, store: DiskStore) -> None:
    assert readers_of(uploaded(world.alice, store), world) == {"alice"}


def test_a_file_is_read_by_those_who_see_the_request(world: Any, store: DiskStore, ticket: Ticket) -> None:
    row = uploaded(world.alice, store)
    files.claim([row.key], ticket, None, see(world.alice))
    expected = {name for name in READERS if policies.can_see(see(getattr(world, name)), ticket)}
    assert {"alice", "bob", "sam", "root"} <= expected
    assert not expected & {"charlie", "erin", "dana"}
    assert readers_of(row, world) == expected


def test_a_file_of_a_note_is_read_by_the_desk_alone(world: Any, store: DiskStore, ticket: Ticket) -> None:
    Ticket.update(shared_with_account_manager=True).where(Ticket.id == ticket.id).execute()
    row = uploaded(world.sam, store)
    conversation.note(
        ticket, "Interne.", see(world.sam), NOW, idempotency_key="c" * 20, attachment_keys=[row.key]
    )
    assert readers_of(row, world) == {"sam", "ines", "vera", "root"}
    assert row.key not in {found.key for found in files.of_ticket(ticket, see(world.alice))}
    assert row.key in {found.key for found in files.of_ticket(ticket, see(world.ines))}


def test_losing_the_organisation_loses_its_files_at_once(
    world: Any, store: DiskStore, ticket: Ticket
) -> None:
    row = uploaded(world.alice, store)
    files.claim([row.key], ticket, None, see(world.alice))
    Membership.update(removed_at=NOW).where(Membership.person == world.alice.id).execute()
    with pytest.raises(Missing):
        files.readable(row.key, see(world.alice))


def test_nobody_reads_without_an_account(world: Any, store: DiskStore) -> None:
    with pytest.raises(Missing):
        files.readable(uploaded(world.alice, store).key, None)


# ---- What a fault leaves behind --------------------------------------------------------------------------


def test_a_full_or_broken_disk_is_said_and_nothing_stays(
    world: Any, store: DiskStore, monkeypatch: pytest.MonkeyPatch, subtests: pytest.Subtests
) -> None:
    codes = {
        errno.ENOSPC: "disk-full",
        errno.EDQUOT: "disk-full",
        errno.EIO: "files-away",
        errno.EROFS: "files-away",
    }
    for fault, code in codes.items():
        for step in ("open", "fsync", "rename"):
            with subtests.test(fault=errno.errorcode[fault], step=step):

                def broken(*_arguments: Any, fault: int = fault, **_options: Any) -> None:
                    raise OSError(fault, os.strerror(fault))

                with monkeypatch.context() as patched:
                    patched.setattr(f"gateways.files.os.{step}", broken)
                    with pytest.raises(NotNow) as refused:
                        uploaded(world.alice, store)
                assert (refused.value.code, refused.value.status) == (code, 503)
                assert on_disk(store) == []
                assert not Attachment.select().where(Attachment.ticket.is_null()).exists()
    # It heals without a restart.
    assert uploaded(world.alice, store).size == len(CONTENTS["png"])


def test_a_folder_that_cannot_be_made_is_said(world: Any, tmp_path: Path) -> None:
    (tmp_path / "files").write_text("a file stands where the folder should be")
    with pytest.raises(NotNow) as refused:
        uploaded(world.alice, DiskStore(tmp_path / "files"))
    assert refused.value.code == "files-away"


def test_a_connection_that_breaks_leaves_nothing(world: Any, store: DiskStore) -> None:
    class Broken(io.RawIOBase):
        turns = 0

        def read(self, size: int = -1) -> bytes:
            self.turns += 1
            if self.turns > 3:
                raise ConnectionResetError
            return b"a" * size

    with pytest.raises(Refusal):
        files.keep(Broken(), "journal.log", see(world.alice), NOW, store)  # type: ignore[arg-type]
    assert on_disk(store) == []


def test_a_row_that_cannot_be_written_leaves_no_bytes(
    world: Any, store: DiskStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**_columns: Any) -> None:
        raise RuntimeError("the database went away")

    monkeypatch.setattr(Attachment, "create", broken)
    with pytest.raises(RuntimeError):
        uploaded(world.alice, store)
    assert on_disk(store) == []


def test_files_are_readable_by_the_portal_only(world: Any, store: DiskStore) -> None:
    uploaded(world.alice, store)
    for path in store.root.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
    assert store.root.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "name", ["", "..", "../secret", "/etc/passwd", "a" * 64 + "/..", "A" * 64, "z" * 64, "a" * 63]
)
def test_the_store_opens_nothing_but_its_own(tmp_path: Path, name: str) -> None:
    store = DiskStore(tmp_path / "files")
    with pytest.raises(FileNotFoundError):
        store.open(name)
    with pytest.raises(FileNotFoundError):
        store.delete(name)


def test_the_store_says_how_much_room_is_left(tmp_path: Path) -> None:
    assert DiskStore(tmp_path / "not" / "yet" / "there").free_space() > 0


# ---- Sweeping --------------------------------------------------------------------------------------------


def older(path: Path, hours: float) -> None:
    when = path.stat().st_mtime - hours * 3600
    os.utime(path, (when, when))


def test_what_nobody_sent_goes_after_a_day(world: Any, store: DiskStore, ticket: Ticket) -> None:
    sent, waiting = uploaded(world.alice, store, "sent.png"), uploaded(world.alice, store, "waiting.png")
    files.claim([sent.key], ticket, None, see(world.alice))
    for path in on_disk(store):
        older(path, 25)
    assert files.sweep_unclaimed(NOW + timedelta(hours=23), store) == 0
    assert files.sweep_unclaimed(NOW + timedelta(hours=25), store) == 1
    assert [path.name for path in on_disk(store)] == [sent.stored_name]
    assert not Attachment.select().where(Attachment.id == waiting.id).exists()
    assert files.sweep_unclaimed(NOW + timedelta(days=400), store) == 0


def test_bytes_without_a_row_go_and_young_ones_stay(world: Any, store: DiskStore) -> None:
    old, young = (store.put(io.BytesIO(b"left by a crash"), 100) for _ in range(2))
    unfinished = store.root / "ab"
    unfinished.mkdir(exist_ok=True)
    (unfinished / ("ab" * 32 + ".part")).write_bytes(b"half")
    older(unfinished / ("ab" * 32 + ".part"), 30)
    older(store.root / old.stored_name[:2] / old.stored_name, 30)
    assert files.sweep_unclaimed(NOW, store) == 1
    assert [path.name for path in on_disk(store)] == [young.stored_name]


def test_a_job_run_for_another_day_takes_no_file_that_is_being_sent(world: Any, store: DiskStore) -> None:
    store.put(io.BytesIO(b"its row comes in a moment"), 100)
    assert files.sweep_unclaimed(NOW + timedelta(days=30), store) == 0


def test_a_stored_file_is_read_back_as_it_came(store: DiskStore) -> None:
    content = os.urandom(300_000)
    stored = store.put(io.BytesIO(content), MEGABYTE)
    opened: BinaryIO = store.open(stored.stored_name)
    with opened as file:
        assert file.read() == content
    assert stored.head == content[:4096]
