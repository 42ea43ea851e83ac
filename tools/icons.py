#!/usr/bin/env python3
"""Make static/icons.svg, the one sprite of icons, from the bootstrap-icons that we keep.

    tools/icons.py                    make the sprite again from static/vendor/bootstrap-icons-*/
    tools/icons.py --from FOLDER      first copy the icons named below from FOLDER (the package's icons/)
    tools/icons.py --check            say which icons the templates ask for that the sprite does not have

To add an icon, add its name below, then run tools/vendor.sh.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SPRITE = ROOT / "static" / "icons.svg"

NAMES = """
activity alarm archive arrow-clockwise arrow-counterclockwise arrow-down arrow-left arrow-left-right
arrow-repeat arrow-return-right arrow-right arrow-up arrow-up-circle arrow-up-right asterisk award bell
bell-slash book bookmark box-arrow-in-right box-arrow-right box-arrow-up-right box-seam briefcase bug
building buildings calendar calendar-check calendar-event calendar-plus calendar-x card-checklist cash-coin
chat-left-quote chat-left-text chat-square-dots chat-square-text check-circle check-circle-fill check-lg
chevron-down chevron-expand chevron-left chevron-right chevron-up circle clipboard clipboard-check
clipboard2-check clock clock-history cloud-check code code-slash compass cpu credit-card cup-hot database
database-down diagram-3 display download envelope envelope-at envelope-check envelope-exclamation
envelope-open exclamation-circle exclamation-circle-fill exclamation-diamond exclamation-diamond-fill
exclamation-octagon-fill exclamation-triangle exclamation-triangle-fill eye eye-fill eye-slash file-earmark
file-earmark-arrow-up file-earmark-code file-earmark-excel file-earmark-image file-earmark-lock
file-earmark-music file-earmark-pdf file-earmark-play file-earmark-plus file-earmark-slides
file-earmark-spreadsheet file-earmark-text file-earmark-word file-earmark-x file-earmark-zip fingerprint
flag flag-fill folder funnel gear geo-alt globe graph-up grid grip-vertical hand-thumbs-down hand-thumbs-up
hash headset heart-pulse hourglass hourglass-split house image inbox inboxes info-circle info-circle-fill
journal-check journal-text key keyboard layers layout-three-columns life-preserver lightbulb lightning
link-45deg list list-check list-ol list-ul lock lock-fill megaphone moon moon-stars node-plus palette
paperclip patch-check patch-question pause-circle pencil pencil-fill pencil-square people people-fill person
person-badge person-check person-check-fill person-dash person-exclamation person-lock person-plus
person-vcard person-x phone pin-angle play-circle plug plus-circle plus-lg power printer puzzle
question-circle question-lg quote receipt receipt-cutoff reply reply-all reply-fill save search send server share
shield-check shield-exclamation shield-lock shop-window sign-merge-right sign-stop signpost signpost-split
slash-circle sliders sort-down sort-up speedometer2 star star-fill stars stopwatch stopwatch-fill sun table
tag tags telephone telephone-fill three-dots three-dots-vertical toggles tools translate trash trash3
type-bold type-italic ui-checks unlock upload usb-drive usb-symbol wifi-off window wrench wrench-adjustable x-circle
x-circle-fill x-lg
""".split()


def kept() -> Path:
    """Return the folder of the icons that we keep (the newest, if two stand side by side for a moment)."""
    folders = sorted((ROOT / "static" / "vendor").glob("bootstrap-icons-*"))
    if not folders:
        sys.exit("no static/vendor/bootstrap-icons-* here: run tools/vendor.sh")
    return folders[-1] / "icons"


def copy_from(source: Path) -> None:
    """Copy the named icons from the package and drop the others; stops at the first name it does not have."""
    target = kept()
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    for name in NAMES:
        if not (source / f"{name}.svg").is_file():
            sys.exit(f"bootstrap-icons has no icon called {name}")
        shutil.copyfile(source / f"{name}.svg", target / f"{name}.svg")


def symbol(path: Path) -> str:
    """Return one icon as a <symbol>, its drawing untouched."""
    text = path.read_text(encoding="utf-8")
    box = re.search(r'viewBox="([^"]+)"', text)
    body = re.search(r"<svg[^>]*>(.*)</svg>", text, re.S)
    if not box or not body:
        sys.exit(f"{path.name} is not a drawing")
    drawing = re.sub(r">\s+<", "><", body.group(1).strip())
    return f'<symbol id="i-{path.stem}" viewBox="{box.group(1)}">{drawing}</symbol>'


def write_sprite() -> None:
    """Write static/icons.svg from the kept icons, in the order of their names."""
    symbols = [symbol(path) for path in sorted(kept().glob("*.svg"))]
    lines = ['<svg xmlns="http://www.w3.org/2000/svg">', *symbols, "</svg>", ""]
    SPRITE.write_text("\n".join(lines), encoding="utf-8")
    print(f"{len(symbols)} icons, {SPRITE.stat().st_size} bytes")


def check() -> int:
    """Return 1, and name them, when templates or styles ask for icons that the sprite does not have."""
    have = set(re.findall(r'id="i-([a-z0-9-]+)"', SPRITE.read_text(encoding="utf-8")))
    missing = 0
    for path in sorted((ROOT / "templates").rglob("*.html")):
        text = path.read_text(encoding="utf-8")
        for name in re.findall(r"""\bicon\(\s*["']([a-z0-9-]+)["']""", text) + re.findall(
            r"#i-([a-z0-9-]+)", text
        ):
            if name not in have:
                print(f"{path.relative_to(ROOT)}: no icon called {name}")
                missing = 1
    return missing


def main() -> int:
    """Read the command line and do what it asks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--from", dest="source", type=Path, help="the icons/ folder of the bootstrap-icons package"
    )
    parser.add_argument("--check", action="store_true", help="only look for icons that are missing")
    arguments = parser.parse_args()
    if arguments.check:
        return check()
    if arguments.source:
        copy_from(arguments.source)
    write_sprite()
    return 0


if __name__ == "__main__":
    sys.exit(main())
