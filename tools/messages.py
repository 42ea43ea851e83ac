"""Keep the French catalogue in step with the words of the source, and typeset it.

The source is written in English; `translations/fr/LC_MESSAGES/messages.po` holds the French, sorted so that a
change of one sentence is a change of a few lines. The compiled catalogue beside it is committed, so that the
portal runs without a build step.

    python tools/messages.py add FILE.json      merge translations, typeset them, compile
    python tools/messages.py extract            print what is still to be translated, as a file for `add`
    python tools/messages.py extract --prune    and take out what the source no longer says
    python tools/messages.py check              fail when French is missing, stale or badly typeset
    python tools/messages.py compile            write messages.mo again

A file for `add` is a JSON object: {"English": "Français"}. Plurals are a list in it:
"plurals": [{"msgid": "%(num)s file", "plural": "%(num)s files", "fr": ["%(num)s fichier", "%(num)s fichiers"]}].
"""

from __future__ import annotations

import argparse
import fcntl
import io
import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
PO = ROOT / "translations" / "fr" / "LC_MESSAGES" / "messages.po"
LOCK = Path(tempfile.gettempdir()) / "guichet-messages.lock"

NARROW = "\u202f"
NO_BREAK = "\u00a0"

HEADER = (
    'msgid ""\n'
    'msgstr ""\n'
    '"Project-Id-Version: Guichet\\n"\n'
    '"Language: fr\\n"\n'
    '"MIME-Version: 1.0\\n"\n'
    '"Content-Type: text/plain; charset=utf-8\\n"\n'
    '"Content-Transfer-Encoding: 8bit\\n"\n'
    '"Plural-Forms: nplurals=2; plural=(n > 1);\\n"\n'
)

KEYWORDS = {
    **DEFAULT_KEYWORDS,
    "lazy_gettext": None,
    "_l": None,
    "lazy_ngettext": (1, 2),
    "lazy_pgettext": ((1, "c"), 2),
}

PLACEHOLDER = re.compile(r"%\((\w+)\)[-#0 +]*\d*(?:\.\d+)?[sdifr]")
BRACES = re.compile(r"(?<!\{)\{(\w+)\}(?!\})")
LONE_PERCENT = re.compile(r"(?<!%)(?:%%)*%(?!%|\(\w+\))")

# What typography must leave alone: placeholders, addresses, tags, entities, code and times.
PROTECTED = re.compile(
    r"%\(\w+\)[-#0 +]*\d*(?:\.\d+)?[sdifr]"
    r"|\{\{.*?\}\}|\{[\w.]+\}"
    r"|\b\w+://[^\s»)]*[\w/=&#-]"
    r"|\b(?:mailto|tel):\S+"
    r"|[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
    r"|<[^<>]*>"
    r"|&\#?\w+;"
    r"|`[^`]*`"
    r"|\b\d{1,2}:\d{2}\b"
)
SPACES = "[ \u00a0\u202f]"
# A unit is a symbol: a word such as "jours" may well stand at the start of the next line.
UNITS = r"ko|Ko|Mo|Go|To|octets?|px|Hz|kHz|MHz|GHz|ms|s|min|h|mm|cm|m|km|g|kg|°C|€|\$|£"
FIRST_STAND_IN = 0xE000  # private use area: stands for a protected piece while the rest is typeset


def typeset(text: str) -> str:
    """Return French `text` with its no-break spaces and typographic apostrophes.

    A narrow no-break space (U+202F) goes before ; : ! ? and inside « », a no-break space (U+00A0) between a
    number and its unit and before %. Placeholders, addresses, tags, code and times are left as they are.
    Typesetting twice changes nothing.
    """
    pieces: list[str] = []

    def hide(match: re.Match[str]) -> str:
        pieces.append(match.group())
        return chr(FIRST_STAND_IN + len(pieces) - 1)

    text = PROTECTED.sub(hide, text)
    reply_prefix = re.match(r"(?:Re|Fwd|Tr):", text)
    start = reply_prefix.end() if reply_prefix else 0
    head, text = text[:start], text[start:]
    number = "[0-9\ue000-\uf8ff]"
    text = re.sub(r"(?<=[^\W\d_])'(?=[^\W\d_])", "’", text)
    text = re.sub("(?<=[dlnsmtjcDLNSMTJC])'(?=[\ue000-\uf8ff«])", "’", text)
    text = re.sub(f"{SPACES}+(?=[;:!?»])", NARROW, text)
    text = re.sub(r"(?<=[\w)\]»”…’\".\ue000-\uf8ff])(?=[;:!?]+(?:[\s»)]|$))", NARROW, text)
    text = re.sub(r"(?<=[^\s«])(?=»)", NARROW, text)
    text = re.sub(f"«{SPACES}*(?=\\S)", f"«{NARROW}", text)
    text = re.sub(f"(?<=\\d){SPACES}+(?=%)", NO_BREAK, text)
    text = re.sub(f"(?<=[\ue000-\uf8ff]){SPACES}+(?=%%)", NO_BREAK, text)
    text = re.sub(f"(?<={number}){SPACES}(?=(?:{UNITS})(?![\\w’]))", NO_BREAK, text)
    text = re.sub(f"(?<={NO_BREAK}h){SPACES}(?={number})", NO_BREAK, text)
    text = re.sub("[\ue000-\uf8ff]", lambda m: pieces[ord(m.group()) - FIRST_STAND_IN], text)
    return head + text


def faults(msgids: tuple[str, ...], strings: tuple[str, ...]) -> list[str]:
    """Return what is wrong with the translations `strings` of `msgids` (two of each for a plural)."""
    found = []
    known = {name for msgid in msgids for name in PLACEHOLDER.findall(msgid)}
    if len(msgids) > 1:
        known.add("num")
    singular_may_drop = {"num", "n", "count"} if len(msgids) > 1 else set()
    needed = set(PLACEHOLDER.findall(msgids[-1])) - singular_may_drop
    braces = {name for msgid in msgids for name in BRACES.findall(msgid)}
    literal = any(LONE_PERCENT.search(PLACEHOLDER.sub("", msgid)) for msgid in msgids)
    for string in strings:
        used = set(PLACEHOLDER.findall(string))
        if not string.strip():
            found.append("no French")
            continue
        if used - known:
            found.append(f"placeholder unknown to the English: {', '.join(sorted(used - known))}")
        if needed - used:
            found.append(f"placeholder missing in French: {', '.join(sorted(needed - used))}")
        if set(BRACES.findall(string)) != braces:
            found.append("words in braces differ from the English")
        if not literal and LONE_PERCENT.search(PLACEHOLDER.sub("", string)):
            found.append("a lone % in French: write %% as the English does")
        if literal and "%%" in string:
            found.append("%% in French where the English has a single %")
        if typeset(string) != string:
            found.append(f"French typography: should read {typeset(string)!r}")
    if len(strings) != len(msgids):
        found.append(f"{len(msgids)} forms expected, {len(strings)} given")
    return found


def forms_of(message: Message) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the English forms and the French forms of a catalogue entry, as two tuples."""
    msgids = message.id if isinstance(message.id, (tuple, list)) else (message.id,)
    strings = message.string if isinstance(message.string, (tuple, list)) else (message.string,)
    return tuple(msgids), tuple(string or "" for string in strings)


def new_catalogue() -> Catalog:
    return read_po(io.BytesIO(HEADER.encode()), locale="fr")


def load(path: Path = PO) -> Catalog:
    """Return the French catalogue of `path`; an empty one when there is no file yet."""
    if not path.exists():
        return new_catalogue()
    with path.open("rb") as file:
        return read_po(file, locale="fr")


def replace(path: Path, content: bytes) -> None:
    """Write `content` to `path` in one step: a portal being started never reads half a catalogue."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    os.chmod(temporary, 0o644)
    os.replace(temporary, path)


def save(catalog: Catalog, path: Path = PO) -> None:
    """Write the catalogue to `path`, sorted and without dates, and compile it beside."""
    body = io.BytesIO()
    write_po(
        body, catalog, width=110, sort_output=True, omit_header=True, no_location=True, ignore_obsolete=True
    )
    replace(path, (HEADER + "\n" + body.getvalue().decode().strip() + "\n").encode())
    compile_catalogue(path)


def compile_catalogue(path: Path = PO) -> None:
    """Compile `path` (a .po file) to the .mo file beside it; the same .po gives the same bytes."""
    catalog = load(path)
    # The header that Babel writes carries the minute of now; the day of the last change is git's business.
    fixed = Catalog(
        locale="fr",
        project="Guichet",
        version="",
        charset="utf-8",
        creation_date=datetime(2026, 1, 1, tzinfo=UTC),
    )
    fixed.mime_headers = [
        ("Language", "fr"),
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Plural-Forms", "nplurals=2; plural=(n > 1);"),
    ]
    for message in catalog:
        if message.id:
            fixed.add(message.id, message.string, flags=message.flags, context=message.context)
    content = io.BytesIO()
    write_mo(content, fixed)
    replace(path.with_suffix(".mo"), content.getvalue())


def said_in_source(root: Path = ROOT) -> dict[tuple[str | None, str], tuple[tuple[str, ...], str]]:
    """Return what the source says: (context, first English form) -> (all English forms, first place)."""
    with (root / "babel.cfg").open() as file:
        mapping, options = parse_mapping_cfg(file)
    said: dict[tuple[str | None, str], tuple[tuple[str, ...], str]] = {}
    ours = re.compile(r"^(?:[\w-]+\.py$|(?:domain|forms|gateways|views|templates)(?:/|$))")
    for name, line, message, _comments, context in extract_from_dir(
        str(root),
        method_map=mapping,
        options_map=options,
        keywords=KEYWORDS,
        directory_filter=lambda path: bool(
            (relative := os.path.relpath(path, root)) == "." or ours.match(relative.replace(os.sep, "/"))
        ),
    ):
        forms = message if isinstance(message, tuple) else (message,)
        if not forms[0]:
            continue
        key = (context, forms[0])
        known = said.get(key)
        if known is None or len(forms) > len(known[0]):
            said[key] = (tuple(forms), f"{name}:{line}")
    return said


@contextmanager
def locked() -> Iterator[None]:
    """Hold the lock of the catalogue: two people may add words at the same moment."""
    with LOCK.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def add(source: Path, path: Path = PO) -> list[str]:
    """Merge the translations of the file `source`; return the faults, in which case nothing is written."""
    words = json.loads(source.read_text(encoding="utf-8"))
    plurals = words.pop("plurals", [])
    entries: list[tuple[tuple[str, ...], tuple[str, ...]]] = []
    problems: list[str] = []
    for msgid, string in words.items():
        if not isinstance(string, str):
            problems.append(f"{msgid!r}: a text is expected")
            continue
        entries.append(((msgid,), (typeset(string),)))
    for plural in plurals:
        entries.append(((plural["msgid"], plural["plural"]), tuple(typeset(text) for text in plural["fr"])))
    for msgids, strings in entries:
        problems += [f"{msgids[0]!r}: {fault}" for fault in faults(msgids, strings)]
    if problems:
        return problems
    with locked():
        catalog = load(path)
        for msgids, strings in entries:
            # A message that gains or loses its plural replaces the older one.
            catalog.delete(msgids[0])
            if len(msgids) > 1:
                catalog.add(msgids, strings)
            else:
                catalog.add(msgids[0], strings[0])
        save(catalog, path)
    return []


def check(root: Path = ROOT, path: Path = PO) -> list[str]:
    """Return everything that keeps the French catalogue from being whole, one sentence each."""
    catalog = load(path)
    said = said_in_source(root)
    entries = {(message.context, forms_of(message)[0][0]): message for message in catalog if message.id}
    problems = []
    for key, (forms, place) in sorted(said.items(), key=lambda item: item[1][1]):
        message = entries.get(key)
        if message is None:
            problems.append(f"{place}: no French for {forms[0]!r}")
        elif len(forms_of(message)[0]) < len(forms):
            problems.append(f"{place}: no plural in French for {forms[0]!r}")
    for key, message in sorted(entries.items(), key=lambda item: item[0][1]):
        msgids, strings = forms_of(message)
        if key not in said:
            problems.append(f"messages.po: no longer said in the source: {msgids[0]!r}")
        if message.fuzzy:
            problems.append(f"messages.po: fuzzy: {msgids[0]!r}")
        problems += [f"messages.po: {msgids[0]!r}: {fault}" for fault in faults(msgids, strings)]
    if not is_compiled(path):
        problems.append("messages.mo is not compiled from messages.po: run tools/messages.py compile")
    return problems


def is_compiled(path: Path) -> bool:
    """Tell whether the compiled catalogue beside `path` is the one that `path` gives."""
    compiled = path.with_suffix(".mo")
    if not compiled.exists():
        return False
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        copy.write_bytes(path.read_bytes())
        compile_catalogue(copy)
        return copy.with_suffix(".mo").read_bytes() == compiled.read_bytes()


def still_to_translate(root: Path = ROOT, path: Path = PO) -> dict[str, object]:
    """Return what has no French yet, in the shape that `add` takes."""
    known = {(message.context, forms_of(message)[0]) for message in load(path) if message.id}
    known |= {(context, forms[:1]) for context, forms in known}
    missing: dict[str, object] = {}
    plurals = []
    for (context, msgid), (forms, _place) in sorted(
        said_in_source(root).items(), key=lambda item: item[0][1]
    ):
        if (context, forms) in known:
            continue
        if len(forms) > 1:
            plurals.append({"msgid": forms[0], "plural": forms[1], "fr": ["", ""]})
        else:
            missing[msgid] = ""
    if plurals:
        missing["plurals"] = plurals
    return missing


def prune(root: Path = ROOT, path: Path = PO) -> list[str]:
    """Take out the French of what the source no longer says; return the English of what went."""
    said = said_in_source(root)
    with locked():
        catalog = load(path)
        gone = [
            message
            for message in catalog
            if message.id and (message.context, forms_of(message)[0][0]) not in said
        ]
        for message in gone:
            catalog.delete(message.id, message.context)
        save(catalog, path)
    return [forms_of(message)[0][0] for message in gone]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="The French catalogue of the portal.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("add", help="merge a JSON file of translations").add_argument("file", type=Path)
    extract = commands.add_parser("extract", help="print what is still to be translated")
    extract.add_argument("--prune", action="store_true", help="take out what the source no longer says")
    commands.add_parser("check", help="fail when French is missing, stale or badly typeset")
    commands.add_parser("compile", help="write messages.mo again")
    asked = parser.parse_args(arguments)

    if asked.command == "add":
        problems = add(asked.file)
    elif asked.command == "check":
        problems = check()
    elif asked.command == "compile":
        with locked():
            save(load())
        problems = []
    else:
        if asked.prune:
            for msgid in prune():
                print(f"taken out: {msgid}", file=sys.stderr)
        print(json.dumps(still_to_translate(), ensure_ascii=False, indent=2))
        problems = []
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        print(f"{len(problems)} to mend", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
