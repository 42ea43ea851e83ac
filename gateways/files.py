"""Where the bytes of attached files are: a folder of this machine.

A store gives each file a name of its own; the names that people chose never reach the disk.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

CHUNK_BYTES = 64 * 1024
# What a reader of signatures needs to see without opening the file again.
HEAD_BYTES = 4096
STORED_NAME = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Stored:
    """A file that is safely on disk: its name in the store, size in bytes, hash, first bytes."""

    stored_name: str
    size: int
    sha256: str
    head: bytes


class DiskStore:
    """Files under one folder, readable by the account of the portal only."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    def put(self, stream: BinaryIO, limit: int) -> Stored:
        """Keep what a stream holds; when this returns, the file survives a power cut.

        Arguments: stream, read to its end; limit, bytes.
        Returns what was stored. Raises OSError, with errno EFBIG beyond the limit (reading stops there), ENOSPC or
        EDQUOT on a full disk, another when the folder cannot be written. Whatever is raised, nothing stays behind.
        """
        name = secrets.token_hex(32)
        target = self._path(name)
        # Made here and not at start: an operator may empty or mount the folder while the portal runs.
        self._make_folder(target.parent)
        unfinished = target.with_name(f"{name}.part")
        digest, size, head = hashlib.sha256(), 0, b""
        try:
            handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                while chunk := stream.read(CHUNK_BYTES):
                    size += len(chunk)
                    if size > limit:
                        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
                    if len(head) < HEAD_BYTES:
                        head = (head + chunk)[:HEAD_BYTES]
                    digest.update(chunk)
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            os.rename(unfinished, target)
            self._sync_folder(target.parent)
        except BaseException:
            for path in (unfinished, target):
                with suppress(OSError):
                    path.unlink(missing_ok=True)
            raise
        return Stored(name, size, digest.hexdigest(), head)

    def open(self, stored_name: str) -> BinaryIO:
        """Open a stored file for reading. Raises FileNotFoundError for a name that this store did not give."""
        return self._path(stored_name).open("rb")

    def delete(self, stored_name: str) -> None:
        """Remove a stored file; one that is gone already is fine."""
        self._path(stored_name).unlink(missing_ok=True)

    def free_space(self) -> int:
        """Bytes left on the disk of the store."""
        folder = self.root
        while not folder.exists():
            folder = folder.parent
        return shutil.disk_usage(folder).free

    def older_than(self, age: timedelta) -> Iterator[str]:
        """Names of the files kept for longer than `age`, unfinished ones removed on the way.

        Age is told by the clock of the disk: a job run for another day cannot mistake a new file for an old one.
        """
        before = time.time() - age.total_seconds()
        for folder in sorted(self.root.glob("[0-9a-f][0-9a-f]")):
            for path in folder.iterdir():
                with suppress(FileNotFoundError):
                    if path.stat().st_mtime >= before:
                        continue
                    if STORED_NAME.fullmatch(path.name):
                        yield path.name
                    elif path.suffix == ".part":
                        path.unlink()

    def _path(self, stored_name: str) -> Path:
        # The only door between a name and the disk.
        if not STORED_NAME.fullmatch(stored_name):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), stored_name[:80])
        return self.root / stored_name[:2] / stored_name

    def _make_folder(self, folder: Path) -> None:
        """Make one of the 256 folders, and the root when missing, for the account of the portal alone."""
        if folder.is_dir():
            return
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.mkdir(exist_ok=True, mode=0o700)
        self._sync_folder(self.root)

    @staticmethod
    def _sync_folder(folder: Path) -> None:
        """Make the new name itself survive a power cut, not only the bytes."""
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
