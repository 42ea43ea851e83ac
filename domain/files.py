"""Files attached to requests: which are taken, whose they are until the request is sent, who may read them.

A file is taken when its extension is on the list of the support team and its first bytes say the same thing.
Until a request or an answer claims it, it is pending: it belongs to its uploader alone.
"""

from __future__ import annotations

import errno
import logging
import re
import secrets
import struct
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, Protocol, cast

from peewee import SQL, fn

from domain import pictures, policies, settings
from domain.refusals import Invalid, Missing, NotNow
from models import Attachment, DraftFile, Message, Ticket, db

if TYPE_CHECKING:
    from domain.policies import Viewer

log = logging.getLogger("guichet.files")

MEGABYTE = 1024 * 1024
NAME_MAX_CHARACTERS = 200
# Files that one person may have uploaded without sending them.
PENDING_MAX = 50
# A page left open overnight still finds its files.
PENDING_KEPT = timedelta(hours=24)
# Browsers unpack a picture to be shown: small files can hold enormous ones.
PIXELS_MAX = 100_000_000
# Office documents have a few dozen members; more is an attempt to keep the portal busy.
MEMBERS_MAX = 20_000
DIRECTORY_MAX_BYTES = 4 * MEGABYTE


class StoredFile(Protocol):
    """What a store says of a file that it has kept."""

    stored_name: str
    size: int
    sha256: str
    head: bytes


class Store(Protocol):
    """Where bytes are kept (gateways/files.py)."""

    def put(self, stream: BinaryIO, limit: int) -> StoredFile: ...
    def open(self, stored_name: str) -> BinaryIO: ...
    def delete(self, stored_name: str) -> None: ...
    def older_than(self, age: timedelta) -> Iterator[str]: ...


# ---- What is inside ------------------------------------------------------------------------------------

# How the files of each kind begin. Text has no signature: it is what has none of these, and no zero byte.
SIGNATURES: dict[str, tuple[bytes, ...]] = {
    "png": (b"\x89PNG\r\n\x1a\n",),
    "jpeg": (b"\xff\xd8\xff",),
    "gif": (b"GIF87a", b"GIF89a"),
    "webp": (b"RIFF",),
    "pdf": (b"%PDF-",),
    "ole": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",),
    "zip": (b"PK\x03\x04", b"PK\x05\x06"),
    "gzip": (b"\x1f\x8b\x08",),
    "7z": (b"7z\xbc\xaf\x27\x1c",),
}
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


class Kind(NamedTuple):
    """A kind of file that can be checked: what it holds, the type it is served with, the drawing beside its name."""

    content: str
    content_type: str
    icon: str


_TEXT = Kind("text", "text/plain; charset=utf-8", "file-earmark-text")
_CODE = Kind("text", "text/plain; charset=utf-8", "file-earmark-code")
_OFFICE = "application/vnd.openxmlformats-officedocument"
_OPEN = "application/vnd.oasis.opendocument"

# By extension. What is not here cannot be checked, and is refused even when a setting names it.
KINDS: dict[str, Kind] = {
    "png": Kind("png", "image/png", "file-earmark-image"),
    "jpg": Kind("jpeg", "image/jpeg", "file-earmark-image"),
    "jpeg": Kind("jpeg", "image/jpeg", "file-earmark-image"),
    "gif": Kind("gif", "image/gif", "file-earmark-image"),
    "webp": Kind("webp", "image/webp", "file-earmark-image"),
    "pdf": Kind("pdf", "application/pdf", "file-earmark-pdf"),
    "docx": Kind("docx", f"{_OFFICE}.wordprocessingml.document", "file-earmark-word"),
    "xlsx": Kind("xlsx", f"{_OFFICE}.spreadsheetml.sheet", "file-earmark-excel"),
    "pptx": Kind("pptx", f"{_OFFICE}.presentationml.presentation", "file-earmark-slides"),
    "odt": Kind("odt", f"{_OPEN}.text", "file-earmark-word"),
    "ods": Kind("ods", f"{_OPEN}.spreadsheet", "file-earmark-spreadsheet"),
    "doc": Kind("ole", "application/msword", "file-earmark-word"),
    "xls": Kind("ole", "application/vnd.ms-excel", "file-earmark-excel"),
    "zip": Kind("zip", "application/zip", "file-earmark-zip"),
    "gz": Kind("gzip", "application/gzip", "file-earmark-zip"),
    "7z": Kind("7z", "application/x-7z-compressed", "file-earmark-zip"),
    "csv": Kind("text", "text/csv; charset=utf-8", "file-earmark-spreadsheet"),
    "json": Kind("text", "application/json", "file-earmark-code"),
    # XML and mails are served as plain text: a browser would otherwise follow what they ask for.
    **dict.fromkeys(("txt", "log", "ini", "conf", "md", "eml"), _TEXT),
    **dict.fromkeys(("xml", "yaml", "yml", "har"), _CODE),
}
# May stand inside a page; everything else is a download.
INLINE_TYPES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})

OFFICE_MEMBERS = {"docx": "word/document.xml", "xlsx": "xl/workbook.xml", "pptx": "ppt/presentation.xml"}
OPEN_TYPES = {"odt": f"{_OPEN}.text", "ods": f"{_OPEN}.spreadsheet"}


def signature(head: bytes) -> str | None:
    """The kind of binary file that begins like this (a key of SIGNATURES), or None."""
    for content, beginnings in SIGNATURES.items():
        if head.startswith(beginnings) and (content != "webp" or head[8:12] == b"WEBP"):
            return content
    return None


def holds(content: str, head: bytes, reopen: Callable[[], BinaryIO]) -> bool:
    """True when a file is what its extension says.

    Arguments: content, the `content` of its Kind; head, its first bytes (4 KB); reopen, opens the whole file: used for
    text and for office documents, whose list of members is read without unpacking anything.
    """
    found = signature(head)
    if content == "text":
        return found is None and _is_text(head, reopen)
    if content in OFFICE_MEMBERS:
        return found == "zip" and _is_office(OFFICE_MEMBERS[content], reopen)
    if content in OPEN_TYPES:
        # The format asks for this member first, stored as it is: its bytes stand in the head.
        return found == "zip" and head[30:].startswith(f"mimetype{OPEN_TYPES[content]}PK".encode())
    return found == content


def _is_text(head: bytes, reopen: Callable[[], BinaryIO]) -> bool:
    if head.startswith(UTF16_MARKS):
        return True
    with reopen() as file:
        return all(b"\0" not in chunk for chunk in iter(lambda: file.read(MEGABYTE), b""))


def _is_office(member: str, reopen: Callable[[], BinaryIO]) -> bool:
    with reopen() as file:
        names = list(_members(file))
    # Macros belong in another kind of file, which is not on the list.
    return (
        member in names
        and "[Content_Types].xml" in names
        and not any(name.lower().endswith("vbaproject.bin") for name in names)
    )


def _members(file: BinaryIO) -> Iterator[str]:
    """Names in the central directory of a zip file, nothing unpacked; none when it is too long or makes no sense."""
    size = file.seek(0, 2)
    file.seek(max(0, size - 65_557))
    tail = file.read()
    end = tail.rfind(b"PK\x05\x06")
    if end < 0 or len(tail) - end < 22:
        return
    count, length, offset = struct.unpack("<HII", tail[end + 10 : end + 20])
    if count > MEMBERS_MAX or length > DIRECTORY_MAX_BYTES or offset + length > size:
        return
    file.seek(offset)
    directory = file.read(length)
    at = 0
    while at + 46 <= len(directory) and directory[at : at + 4] == b"PK\x01\x02":
        name_length, extra_length, comment_length = struct.unpack("<HHH", directory[at + 28 : at + 34])
        yield directory[at + 46 : at + 46 + name_length].decode("utf-8", "replace")
        at += 46 + name_length + extra_length + comment_length


# ---- Names ---------------------------------------------------------------------------------------------

_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)", re.IGNORECASE)
_NOT_IN_NAMES = re.compile(r'[<>:"|?*]')


def normal_name(name: str) -> str:
    """The name of a file as it is kept and shown: one part, no invisible signs, safe on any system.

    Invisible signs go first (controls, reading direction, zero width), so that none can hide an extension.
    At most 200 characters, the extension kept. Never empty.
    """
    name = "".join(
        sign for sign in unicodedata.normalize("NFC", name) if unicodedata.category(sign) not in _INVISIBLE
    )
    name = re.split(r"[/\\]", name.rstrip("/\\"))[-1]
    name = _NOT_IN_NAMES.sub("_", name)
    name = " ".join(name.split()).strip(" .")
    if _RESERVED.fullmatch(name.partition(".")[0].strip()):
        name = f"_{name}"
    if len(name) > NAME_MAX_CHARACTERS:
        stem, dot, extension = name.rpartition(".")
        if not dot or len(extension) > 10:
            return name[:NAME_MAX_CHARACTERS].rstrip(" .")
        name = f"{stem[: NAME_MAX_CHARACTERS - len(extension) - 1].rstrip(' .')}.{extension}"
    return name or "file"


# Controls, formats (reading direction, zero width), halves of pairs, private use, line and paragraph separators.
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


def extension(name: str) -> str:
    """The extension of a normal name, in lower case, without its dot; empty when there is none."""
    return name.rpartition(".")[2].lower() if "." in name else ""


def accepted_kinds() -> list[str]:
    """The extensions that are taken now, as the settings say, in their order."""
    return [
        kind
        for kind in (str(value).lower().lstrip(".") for value in settings.get("file_kinds"))
        if kind in KINDS
    ]


def max_bytes() -> int:
    """The largest file that is taken now, in bytes."""
    return int(settings.get("file_max_mb")) * MEGABYTE


# Begins the name of the bytes of a file that the team took out: there are none (domain/redaction.py).
REDACTED = "redacted-"


def is_redacted(attachment: Attachment) -> bool:
    """True for a file that the team took out: its row says that there was one, and nothing else (STAFF-10)."""
    return str(attachment.stored_name).startswith(REDACTED)


def icon(attachment: Attachment) -> str:
    """The name of the drawing that stands for this kind of file."""
    if is_redacted(attachment):
        return "file-earmark-x"
    kind = KINDS.get(extension(attachment.name))
    return kind.icon if kind else "file-earmark"


def is_inline(attachment: Attachment) -> bool:
    """True for pictures that may stand inside a page."""
    return attachment.content_type in INLINE_TYPES


# ---- Pictures in a text -------------------------------------------------------------------------------

# How a text says where one of its pictures stands: "![screen of hours](file:KEY)". Anything else is plain text.
REFERENCE = re.compile(r"!\[([^\[\]\n]{0,200})\]\(file:([A-Za-z0-9_-]{43})\)")


def without_references(text: str, say: Callable[[str], str] = str) -> str:
    """A text without the keys of its pictures: what describes each one stands in its place.

    Arguments: say, makes the words that stand there of the description.
    """
    return REFERENCE.sub(lambda found: say(found[1]), text) if "(file:" in text else text


def with_other_keys(text: str, keys: Mapping[str, str]) -> str:
    """A text whose pictures are copies: each reference names the file that stands for the former one.

    Arguments: keys, former key -> new key; a key that is not among them stays.
    """
    return REFERENCE.sub(lambda found: f"![{found[1]}](file:{keys.get(found[2], found[2])})", text)


# ---- From the upload to the request ----------------------------------------------------------------------


def keep(stream: BinaryIO, name: str, by: Viewer, now: datetime, store: Store) -> Attachment:
    """Take a file that somebody uploads; it is theirs alone until claim() (REQ-5).

    Arguments: stream, its bytes; name, as the browser gave it; by, who; now, aware UTC; store, where bytes go.
    Returns the pending row. Raises Invalid with field "attachments" and data name, limit (megabytes), kinds:
    "file-kind" (extension not taken), "file-too-big", "file-empty", "file-content" (it is not what its extension says),
    "file-pixels" (a picture too large to be shown); NotNow "uploads-waiting" beyond 50 pending files,
    "disk-full" and "files-away" (status 503) when bytes cannot be kept. Nothing stays behind when it raises.
    """
    name = normal_name(name)
    kind = KINDS.get(extension(name))
    told = {"name": name, "limit": settings.get("file_max_mb"), "kinds": accepted_kinds()}
    if kind is None or extension(name) not in told["kinds"]:
        raise Invalid("file-kind", field="attachments", **told)
    mine = (Attachment.uploader == by.id) & Attachment.ticket.is_null()
    if Attachment.select().where(mine).count() >= PENDING_MAX:
        raise NotNow("uploads-waiting", limit=PENDING_MAX)
    try:
        if kind.content in pictures.TELLING_CONTENTS and not settings.get("photo_details"):
            stream = cast(BinaryIO, pictures.Untold(stream, kind.content))
        stored = store.put(stream, max_bytes())
    except OSError as error:
        if error.errno == errno.EFBIG:
            raise Invalid("file-too-big", field="attachments", **told) from None
        log.error("a file could not be kept: %s", error.strerror)
        raise _not_kept(error) from error
    try:
        if not stored.size:
            raise Invalid("file-empty", field="attachments", **told)
        if not holds(kind.content, stored.head, lambda: store.open(stored.stored_name)):
            raise Invalid("file-content", field="attachments", **told)
        if kind.content_type in INLINE_TYPES:
            with store.open(stored.stored_name) as file:
                pixels = pictures.pixels(kind.content, stored.head, file)
            if not 0 < pixels <= PIXELS_MAX:
                raise Invalid("file-pixels" if pixels else "file-content", field="attachments", **told)
        return Attachment.create(
            uploader=by.id,
            key=secrets.token_urlsafe(32),
            name=name,
            stored_name=stored.stored_name,
            size=stored.size,
            content_type=kind.content_type,
            sha256=stored.sha256,
            created_at=now,
        )
    except BaseException:
        # Should this fail too, sweep_unclaimed() finds the file without a row.
        with suppress(OSError):
            store.delete(stored.stored_name)
        raise


def _not_kept(error: OSError) -> NotNow:
    refusal = NotNow("disk-full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "files-away")
    # Nothing the person did: the same upload works once the operator has made room.
    refusal.status = 503
    return refusal


def copy(row: Attachment, store: Store) -> StoredFile:
    """The bytes of a file once more in the store, checked against its hash: for another request to own.

    Raises NotNow("files-away") or NotNow("disk-full") (status 503) when they cannot be read or kept, or are damaged;
    nothing stays behind then.
    """
    try:
        with store.open(row.stored_name) as source:
            stored = store.put(source, max(int(row.size), 1))
    except OSError as error:
        log.error("file %s could not be copied: %s", row.id, error.strerror)
        raise _not_kept(error) from error
    if stored.sha256 != row.sha256:
        with suppress(OSError):
            store.delete(stored.stored_name)
        log.error("file %s is not what was uploaded: it was not copied", row.id)
        raise _not_kept(OSError(errno.EIO, "damaged"))
    return stored


def pending(keys: Iterable[str], by: Viewer) -> list[Attachment]:
    """The pending files of this person among these keys, in their order; others are left out without a word.

    For showing a refused form again with the files that were already there.
    """
    keys = list(dict.fromkeys(keys))
    if not keys:
        return []
    rows = Attachment.select().where(
        Attachment.key.in_(keys), Attachment.uploader == by.id, Attachment.ticket.is_null()
    )
    found = {row.key: row for row in rows}
    return [found[key] for key in keys if key in found]


def claim(
    keys: Sequence[str], ticket: Ticket, message: Message | None, by: Viewer, internal: bool = False
) -> list[Attachment]:
    """Attach pending files to a request, inside the caller's transaction.

    Arguments: keys, of keep(); message, the one they came with; internal, for those of a note.
    Returns the rows. Raises Missing for a key that is unknown, already used or somebody else's (all look the same),
    Invalid("too-many-files") beyond the limit of the settings.
    """
    keys = list(dict.fromkeys(keys))
    if not keys:
        return []
    limit = settings.get("files_max")
    if len(keys) > limit:
        raise Invalid("too-many-files", field="attachments", limit=limit)
    done = (
        Attachment.update(ticket=ticket.id, message=message.id if message else None, is_internal=internal)
        .where(Attachment.key.in_(keys), Attachment.uploader == by.id, Attachment.ticket.is_null())
        .execute()
    )
    if done != len(keys):
        raise Missing("file-missing")
    found = {row.key: row for row in Attachment.select().where(Attachment.key.in_(keys))}
    return [found[key] for key in keys]


def drop(key: str, by: Viewer, store: Store) -> None:
    """Remove a pending file of one's own. Raises Missing for any other."""
    with db.atomic():
        row = Attachment.get_or_none(
            (Attachment.key == key) & (Attachment.uploader == by.id) & Attachment.ticket.is_null()
        )
        # Deleted only while it is still pending: an answer sent at this moment in another window keeps its file.
        gone = row is not None and (
            Attachment.delete().where((Attachment.id == row.id) & Attachment.ticket.is_null()).execute()
        )
    if not gone:
        raise Missing("file-missing")
    with suppress(OSError):
        store.delete(row.stored_name)


def readable(key: str, viewer: Viewer | None) -> Attachment:
    """The file with this key, if this person may read it; else Missing, as for a file that never was.

    A pending file is its uploader's. A file of a request is for those who may see the request; one of an internal
    note for the desk only. At most two queries.
    """
    row = Attachment.get_or_none(Attachment.key == key) if viewer is not None and viewer.is_active else None
    if row is None or viewer is None or is_redacted(row):
        raise Missing("file-missing")
    if row.ticket_id is None:
        allowed = row.uploader_id == viewer.id
    elif row.is_internal and not viewer.is_agent:
        allowed = False
    else:
        allowed = policies.visible_tickets(viewer).where(Ticket.id == row.ticket_id).exists()
    if not allowed:
        raise Missing("file-missing")
    return row


def of_ticket(ticket: Ticket, viewer: Viewer) -> list[Attachment]:
    """The files of a request that this person may read, oldest first; the caller has checked that they see it."""
    query = Attachment.select().where(Attachment.ticket == ticket.id).order_by(Attachment.id)
    return list(query if policies.can_note(viewer, ticket) else query.where(~Attachment.is_internal))


def sweep_unclaimed(now: datetime, store: Store) -> int:
    """Remove what nobody sent within a day: pending files, and bytes left by an upload that was cut short.

    Arguments: now, aware UTC. Returns how many files went. A file of a request is never touched.
    """
    swept = 0
    stale = (
        Attachment.ticket.is_null()
        & (Attachment.created_at < now - PENDING_KEPT)
        # A draft holds its files as long as it is kept.
        & ~fn.EXISTS(DraftFile.select(SQL("1")).where(DraftFile.attachment == Attachment.id))
    )
    for row in list(Attachment.select().where(stale).order_by(Attachment.id).limit(500)):
        if Attachment.delete().where((Attachment.id == row.id) & Attachment.ticket.is_null()).execute():
            with suppress(OSError):
                store.delete(row.stored_name)
            swept += 1
    batch: list[str] = []
    for stored_name in store.older_than(PENDING_KEPT):
        batch.append(stored_name)
        if len(batch) == 500:
            swept += _delete_strangers(batch, store)
            batch = []
    return swept + _delete_strangers(batch, store)


def _delete_strangers(stored_names: list[str], store: Store) -> int:
    """Delete the stored files that no row speaks of."""
    if not stored_names:
        return 0
    known = {
        name
        for (name,) in Attachment.select(Attachment.stored_name)
        .where(Attachment.stored_name.in_(stored_names))
        .tuples()
    }
    strangers = [name for name in stored_names if name not in known]
    for name in strangers:
        store.delete(name)
    return len(strangers)
