#!/usr/bin/env python3
"""Make docs/lifecycle.md and docs/pictures/lifecycle.svg of the table of moves (domain/lifecycle.py) and of the words
and closing rules of the default preset.

    tools/lifecycle_diagram.py            say whether both are as the table is now
    tools/lifecycle_diagram.py --write    write them
"""

from __future__ import annotations

import sys
import tomllib
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from domain.lifecycle import MOVES, OPEN_STATUSES, STATUSES, may_move, targets  # noqa: E402

PAGE = ROOT / "docs" / "lifecycle.md"
PICTURE = ROOT / "docs" / "pictures" / "lifecycle.svg"

HANDS = {
    "department": "another department",
    "support": "support",
    "customer": "the customer",
    "nobody": "nobody: it is over",
}
ACTORS = {"staff": "the desk", "customer": "the customer", "rule": "by itself"}
UNITS = {"days": "days", "working_days": "working days"}

# In which row of its column a status stands in the picture; a new status needs its place here.
ROWS = {
    "waiting_engineering": 0, "escalated_l2": 1, "escalated_product": 2, "escalated_development": 3,
    "registered": 0, "qualified": 1, "in_progress": 2, "blocked": 3, "awaiting_rollback": 4,
    "waiting_customer": 1, "resolved": 2, "customer_testing": 3,
    "closed": 2, "expired": 4,
}  # fmt: skip


def preset() -> dict[str, Any]:
    """The set-up of a new portal."""
    with (ROOT / "presets" / "default.toml").open("rb") as file:
        return tomllib.load(file)


def everywhere() -> dict[str, list[str]]:
    """What holds for every open status, by actor: said once, so that the picture can be read."""
    found = {}
    for actor in ACTORS:
        common = [
            target
            for target in STATUSES
            if all(origin == target or may_move(origin, target, actor) for origin in OPEN_STATUSES)
        ]
        found[actor] = common
    return found


def own_moves() -> list[tuple[str, str, list[str]]]:
    """(from, to, who) of the moves that are not already said of every open status."""
    said = everywhere()
    found = []
    for origin in STATUSES:
        for target in STATUSES:
            who = [
                actor
                for actor in ACTORS
                if may_move(origin, target, actor) and not (origin in OPEN_STATUSES and target in said[actor])
            ]
            if who:
                found.append((origin, target, who))
    return found


# ---- The page ------------------------------------------------------------------------------------------


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """A table of Markdown."""
    return [f"| {' | '.join(head)} |", "|---" * len(head) + "|", *(f"| {' | '.join(row)} |" for row in rows)]


def listed(statuses: list[str]) -> str:
    """Statuses as a table shows them."""
    return ", ".join(f"`{status}`" for status in statuses) or "–"


def mermaid() -> list[str]:
    """The states in whose hands they are, and the moves that are not said of all."""
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> registered"]
    for hands in HANDS:
        lines.append(f'    state "{HANDS[hands]}" as in_hands_of_{hands} {{')
        lines += [f"        {status.key}" for status in STATUSES.values() if status.hands == hands]
        lines.append("    }")
    for origin, target, who in own_moves():
        lines.append(f"    {origin} --> {target}: {', '.join(ACTORS[actor] for actor in who)}")
    ends = [status for status in STATUSES if not MOVES[status]]
    lines += [f"    {status} --> [*]" for status in ends]
    return [*lines, "```"]


def summary() -> list[str]:
    """What holds for every open status, in sentences."""
    said = everywhere()
    return [
        f"Open are {listed(list(OPEN_STATUSES))}. From each of them, the desk may send a request to "
        f"{listed(said['staff'])}, and the customer to {listed(said['customer'])}. The drawings show the other moves."
    ]


def page() -> str:
    """The text of docs/lifecycle.md."""
    default = preset()
    words = {row["status"]: row for row in default["statuses"]}
    lines = [
        "# The life of a request",
        "",
        "Made by `python tools/lifecycle_diagram.py --write` of the table of moves in `domain/lifecycle.py` and of the",
        "default preset; a test fails when it is not as they are. Do not edit it by hand.",
        "",
        "![Statuses by the hands they are in, and the moves between them](pictures/lifecycle.svg)",
        "",
        *summary(),
        "",
        *mermaid(),
        "",
        "## Statuses",
        "",
        "The words are rows that an admin edits; these are those of a new portal.",
        "",
        *table(
            ["status", "in whose hands", "the desk reads", "customers read", "clients lisent"],
            [
                [
                    f"`{status.key}`",
                    HANDS[status.hands],
                    words[status.key]["team_en"],
                    words[status.key]["customer_en"],
                    words[status.key]["customer_fr"],
                ]
                for status in STATUSES.values()
            ],
        ),
        "",
        "## Moves",
        "",
        "A customer's move is an answer, the button “it works”, “it does not work” or “close”. The desk is agents,",
        "supervisors and admins. By itself is a closing rule.",
        "",
        *table(
            ["from", *(f"{who}, to" for who in ACTORS.values())],
            [[f"`{origin}`", *(listed(targets(origin, actor)) for actor in ACTORS)] for origin in STATUSES],
        ),
        "",
        "## What silence does",
        "",
        "Closing rules are rows that an admin edits; these are those of a new portal.",
        "",
        *table(
            ["in", "reminders after", "then, after", "it goes to"],
            [
                [
                    f"`{rule['status']}`",
                    ", ".join(map(str, rule["reminders"])) or "–",
                    f"{rule['after']} {UNITS[rule['unit']]}",
                    f"`{rule['final_status']}`",
                ]
                for rule in default["closing"]
            ],
        ),
        "",
    ]
    return "\n".join(lines)


# ---- The picture ---------------------------------------------------------------------------------------

COLUMN, BOX, TOP, ROW, HEIGHT, MARGIN = 262, 186, 74, 78, 48, 22
COLOURS = {"staff": "#475569", "customer": "#1d4ed8", "rule": "#b45309"}
FILLS = {"department": "#ede9fe", "support": "#e0f2fe", "customer": "#fef3c7", "nobody": "#e2e8f0"}
DASHES = {"staff": "", "customer": "", "rule": ' stroke-dasharray="6 4"'}


class Place(NamedTuple):
    """The box of a status: its left and upper edge."""

    x: int
    y: int


def places() -> dict[str, Place]:
    """Where each status stands."""
    columns = list(HANDS)
    return {
        status.key: Place(MARGIN + columns.index(status.hands) * COLUMN, TOP + ROWS[status.key] * ROW)
        for status in STATUSES.values()
    }


def lines_to_draw() -> list[tuple[str, str, str]]:
    """(from, to, actor): a line for each who may, so that its colour says who."""
    return [(origin, target, actor) for origin, target, who in own_moves() for actor in who]


def sides(origin: Place, target: Place) -> tuple[str, str]:
    """On which sides of their boxes a line begins and ends."""
    if origin.x == target.x:
        return ("top", "bottom") if origin.y > target.y else ("bottom", "top")
    return ("left", "right") if origin.x > target.x else ("right", "left")


def ports() -> dict[tuple[int, int], tuple[float, float]]:
    """(number of the line, 0 for its start or 1 for its end): the point. Lines share a side evenly, in order."""
    where, drawn = places(), lines_to_draw()
    on_side: dict[tuple[str, str], list[tuple[float, int, int]]] = {}
    for number, (origin, target, _actor) in enumerate(drawn):
        start, end = sides(where[origin], where[target])
        on_side.setdefault((origin, start), []).append((where[target].y, number, 0))
        on_side.setdefault((target, end), []).append((where[origin].y, number, 1))
    found = {}
    for (status, side), lines in on_side.items():
        box = where[status]
        for rank, (_other, number, which) in enumerate(sorted(lines), 1):
            share = rank / (len(lines) + 1)
            if side in ("left", "right"):
                found[number, which] = (box.x + (BOX if side == "right" else 0), box.y + HEIGHT * share)
            else:
                found[number, which] = (box.x + BOX * share, box.y + (HEIGHT if side == "bottom" else 0))
    return found


def picture() -> str:
    """The drawing, as SVG."""
    words = {row["status"]: row for row in preset()["statuses"]}
    where = places()
    width = 2 * MARGIN + (len(HANDS) - 1) * COLUMN + BOX
    bottom = max(place.y for place in where.values()) + HEIGHT
    height = bottom + 84
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'role="img" aria-labelledby="name" font-family="system-ui, sans-serif">',
        '<title id="name">Statuses of a request by the hands they are in, and the moves between them</title>',
        "<defs>",
        *(
            f'<marker id="head-{actor}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
            f'orient="auto"><path d="M0 0 8 4 0 8z" fill="{colour}"/></marker>'
            for actor, colour in COLOURS.items()
        ),
        "</defs>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for place, said in enumerate(HANDS.values()):
        x = MARGIN + place * COLUMN
        parts.append(
            f'<rect x="{x - 12}" y="14" width="{BOX + 24}" height="{bottom + 4}" rx="10" fill="#f8fafc" '
            f'stroke="#cbd5e1"/><text x="{x + BOX / 2:g}" y="44" text-anchor="middle" font-size="15" '
            f'font-weight="600" fill="#0f172a">{escape(said)}</text>'
        )
    at = ports()
    for number, (origin, target, actor) in enumerate(lines_to_draw()):
        (x1, y1), (x2, y2) = at[number, 0], at[number, 1]
        if where[origin].x == where[target].x:
            path = f"M{x1:g} {y1:.1f} L{x2:g} {y2:.1f}"
        else:
            bend = (x2 - x1) / 2 if abs(x2 - x1) < COLUMN else (x2 - x1) / 4
            path = f"M{x1:g} {y1:.1f} C{x1 + bend:g} {y1:.1f} {x2 - bend:g} {y2:.1f} {x2:g} {y2:.1f}"
        parts.append(
            f'<path d="{path}" fill="none" stroke="{COLOURS[actor]}" stroke-width="1.8"{DASHES[actor]} '
            f'marker-end="url(#head-{actor})"><title>{origin} to {target}: {ACTORS[actor]}</title></path>'
        )
    for key, box in where.items():
        parts.append(
            f'<rect x="{box.x}" y="{box.y}" width="{BOX}" height="{HEIGHT}" rx="8" '
            f'fill="{FILLS[STATUSES[key].hands]}" stroke="#64748b"/>'
            f'<text x="{box.x + BOX / 2:g}" y="{box.y + 20}" text-anchor="middle" font-size="14" fill="#0f172a">'
            f"{escape(words[key]['team_en'])}</text>"
            f'<text x="{box.x + BOX / 2:g}" y="{box.y + 38}" text-anchor="middle" font-size="11" fill="#475569">'
            f"{key}</text>"
        )
    x = MARGIN
    for actor, said in ACTORS.items():
        parts.append(
            f'<path d="M{x} {height - 42} h34" stroke="{COLOURS[actor]}" stroke-width="1.8"{DASHES[actor]} '
            f'marker-end="url(#head-{actor})"/><text x="{x + 42}" y="{height - 37}" font-size="14" '
            f'fill="#0f172a">{said}</text>'
        )
        x += 170
    parts.append(
        f'<text x="{MARGIN}" y="{height - 14}" font-size="13" fill="#334155">Not drawn: the desk moves a request '
        "freely between open statuses, solves and closes it; its customer may close it.</text>"
    )
    return "\n".join([*parts, "</svg>", ""])


def main(arguments: list[str]) -> int:
    """Write both files, or say whether they are as they should be."""
    stale = [
        (path, text)
        for path, text in ((PAGE, page()), (PICTURE, picture()))
        if not path.exists() or path.read_text("utf-8") != text
    ]
    if arguments == ["--write"]:
        for path, text in stale:
            path.write_text(text, "utf-8")
            print(f"{path.relative_to(ROOT)} is written")
        return 0
    for path, _text in stale:
        print(f"{path.relative_to(ROOT)} is not as the table of moves is: tools/lifecycle_diagram.py --write")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
