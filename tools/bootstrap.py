#!/usr/bin/env python3
"""Make static/css/bootstrap.css: of Bootstrap's style sheet, the rules that a page of ours can use.

    tools/bootstrap.py            make it again, after a class came into the templates or Bootstrap was renewed
    tools/bootstrap.py --check    say whether it lacks something

A rule stays when each class of one of its selectors stands as a word in the templates, the scripts or the code; a word
that ends with a hyphen ("btn-") keeps all that begins like it. Rules without classes stay.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / "static" / "css" / "bootstrap.css"
SOURCES = (
    "templates/**/*.html",
    "static/js/*.js",
    "*.py",
    "views/**/*.py",
    "forms/**/*.py",
    "domain/**/*.py",
)
NESTING = ("@media", "@supports", "@layer", "@container")


def words() -> set[str]:
    """Every word of the sources that could be the name of a class."""
    found: set[str] = set()
    for pattern in SOURCES:
        for path in ROOT.glob(pattern):
            found.update(re.findall(r"[A-Za-z][\w-]*", path.read_text(encoding="utf-8")))
    return found


def blocks(sheet: str) -> Iterator[tuple[str, str]]:
    """The parts of a minified sheet, each as (what stands before its braces, what stands between them)."""
    at = 0
    while at < len(sheet):
        opening = sheet.find("{", at)
        if opening == -1:
            return
        depth, end = 1, opening + 1
        while depth:
            depth += {"{": 1, "}": -1}.get(sheet[end], 0)
            end += 1
        yield sheet[at:opening], sheet[opening + 1 : end - 1]
        at = end


def used(selectors: str, known: set[str], prefixes: tuple[str, ...]) -> bool:
    """True when an element of ours can match one of these selectors."""

    def named(name: str) -> bool:
        return name in known or name.startswith(prefixes)

    # A comma between brackets, as in :is(a, b), only ever makes a selector look more likely to be used.
    return any(
        all(named(name) for name in re.findall(r"\.(-?[A-Za-z_][\w-]*)", selector))
        for selector in re.sub(r"\\.", "", selectors).split(",")
    )


def purged(sheet: str, known: set[str]) -> str:
    """The same sheet without the rules that nothing of ours can match."""
    prefixes = tuple(word for word in known if word.endswith("-") and len(word) > 2)
    out = []
    for before, within in blocks(sheet):
        if before.startswith(NESTING):
            within = purged(within, known)
            if within:
                out.append(f"{before}{{{within}}}")
        elif before.startswith("@") or used(before, known, prefixes):
            out.append(f"{before}{{{within}}}")
    return "".join(out)


def parts(sheet: str) -> tuple[str, str]:
    """The notice at the head of a sheet, and its rules."""
    found = re.match(r'(?:@charset "UTF-8";)?(/\*!.*?\*/)?(.*)', sheet, re.S)
    assert found is not None
    return found[1] or "", re.sub(r"/\*#.*?\*/", "", found[2]).strip()


def main() -> None:
    whole = sorted((ROOT / "static" / "vendor").glob("bootstrap-5*/bootstrap.min.css"))[-1]
    notice, rules = parts(whole.read_text(encoding="utf-8"))
    known = words()
    wanted = purged(rules, known)
    if "--check" in sys.argv[1:]:
        # What nothing asks for any more may stay until the next time.
        if not KEPT.is_file() or purged(parts(KEPT.read_text(encoding="utf-8"))[1], known) != wanted:
            sys.exit("static/css/bootstrap.css lacks rules that a page may use: run tools/bootstrap.py")
        return
    KEPT.write_text(f'@charset "UTF-8";{notice}{wanted}\n', encoding="utf-8")


if __name__ == "__main__":
    main()
