"""Reads the filled fields of a PDF form, in a process of its own.

A PDF that somebody made on purpose can keep a reader busy for hours or fill the memory. So the reading happens in a
child process that the system stops: `filled_fields()` starts it, and this file run as a script is the child.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading

SECONDS = 10
MEMORY_BYTES = 512 * 1024 * 1024
FIELDS_MAX = 200
VALUE_MAX_CHARACTERS = 500
# Each reader may take MEMORY_BYTES: many documents at once wait for their turn rather than fill the machine.
_AT_ONCE = threading.BoundedSemaphore(2)


def filled_fields(pdf: bytes) -> dict[str, str]:
    """The fields of a PDF form and what was typed in them; empty for anything that cannot be read in time.

    Never raises. Takes a quarter of a second, and at most twice SECONDS: once to wait for its turn, once to read.
    """
    if not _AT_ONCE.acquire(timeout=SECONDS):
        return {}
    try:
        done = subprocess.run(  # noqa: S603  (this interpreter, this file, nothing of the document in the arguments)
            [sys.executable, "-I", __file__],
            input=pdf,
            capture_output=True,
            timeout=SECONDS,
            env={},
            check=True,
        )
        found = json.loads(done.stdout)
    except (subprocess.SubprocessError, OSError, ValueError):
        return {}
    finally:
        _AT_ONCE.release()
    return found if isinstance(found, dict) else {}


def _read(pdf: bytes) -> dict[str, str]:
    import io

    from pypdf import PdfReader

    fields = PdfReader(io.BytesIO(pdf)).get_fields() or {}
    found: dict[str, str] = {}
    for name, field in list(fields.items())[:FIELDS_MAX]:
        value = field.get("/V")
        if value is not None:
            found[str(name)[:VALUE_MAX_CHARACTERS]] = str(value)[:VALUE_MAX_CHARACTERS]
    return found


def _main() -> None:
    import logging
    import resource

    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    logging.disable()
    try:
        found = _read(sys.stdin.buffer.read())
    except Exception:
        # Whatever a document does to the reader, it then has no fields.
        found = {}
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    _main()
