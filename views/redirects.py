"""Where to go next: only ever to a page of this portal (S28)."""

from __future__ import annotations

import re

MOST_CHARACTERS = 2000
# Browsers drop tabs and line ends, take a backslash for a slash, and read "//host" as another site.
_UNSAFE = re.compile(r"[\x00-\x20\x7f-\xa0\\\u2028\u2029\ud800-\udfff\ufeff]")
# Leading there again would sign out, or lead in circles.
_NOT_THERE = ("/login", "/logout", "/password/")


def local_path(target: str | None, default: str = "/") -> str:
    """The address to go to after sign-in or a change of language, when it is a path of this portal; else the default.

    Arguments: target, what the browser sent: a path with or without a query, such as /tickets?list=mine.
    """
    if not isinstance(target, str) or not 0 < len(target) <= MOST_CHARACTERS:
        return default
    path, _, _query = target.partition("?")
    if not path.startswith("/") or "//" in path or _UNSAFE.search(target) or "#" in path:
        return default
    # A path that only becomes another one after decoding is nothing that this portal ever wrote.
    if re.search(r"%(2f|5c|0[0-9a-f]|1[0-9a-f]|7f)", path, re.IGNORECASE):
        return default
    if path in ("/login", "/logout") or path.startswith(
        tuple(f"{start.rstrip('/')}/" for start in _NOT_THERE)
    ):
        return default
    return target
