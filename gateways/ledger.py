"""The ledger of erasures: one file of JSON lines beside the database, appended to and never rewritten."""

from __future__ import annotations

import fcntl
import json
import logging
import os
from pathlib import Path
from typing import Any

log = logging.getLogger("guichet.ledger")


class FileLedger:
    """Lines in a file that only the account of the portal can read. Several processes may append to it."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)

    def append(self, line: dict[str, Any]) -> None:
        """Add a line; when this returns, it survives a power cut. Raises OSError."""
        is_new = not self.path.exists()
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(handle, "r+b", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            text = json.dumps(line, sort_keys=True, separators=(",", ":")) + "\n"
            size = file.seek(0, os.SEEK_END)
            if size:
                file.seek(size - 1)
                # A line that was cut by a power cut must not swallow this one.
                text = text if file.read(1) == b"\n" else "\n" + text
            file.write(text.encode())
            os.fsync(file.fileno())
        if is_new:
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def lines(self) -> list[dict[str, Any]]:
        """Every line that can be read, in order; one that cannot is said in the log. No file: no lines."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return []
        found = []
        for number, raw in enumerate(content.splitlines(), 1):
            try:
                line = json.loads(raw) if raw.strip() else None
            except ValueError:
                line = None
                log.warning("line %s of %s cannot be read", number, self.path.name)
            if isinstance(line, dict):
                found.append(line)
        return found
