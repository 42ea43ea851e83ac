"""S01, S04: every address that names a request, by ten people, for a request of their own, of a colleague, of another
organisation, and for none. Nobody reads a word of another organisation, and foreign answers as absent does.
"""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest

from models import Person, Ticket
from tests.support.scene import CANARY, Crowd, Scene, normal, nothing_kept
from tests.test_access import by_endpoint, stage

OTHER_CANARY = "loutre-de-globex"
TEN = ("anonymous", "alice", "bob", "claire", "dana", "charlie", "erin", "marc", "sam", "root")
ACME, GLOBEX = {"alice", "bob", "claire", "dana"}, {"charlie", "erin"}
# They read nothing but what is shared with them: an absent request and one of others are the same to them.
BLIND = ACME | GLOBEX | {"anonymous", "marc"}
NAMED = re.compile(r"/tickets/\{\w+\}")
LEAST = 3_000


def numbers(scene: Scene, made: SimpleNamespace, name: str) -> dict[str, str]:
    """The four requests that one person tries: own, of a colleague, of another organisation, absent."""
    of_charlie, of_erin = made.charlie, made.erin
    own = {"bob": made.bob, "claire": made.claire, "charlie": of_charlie, "erin": of_erin}.get(
        name, made.alice
    )
    colleague = {"alice": made.hidden, "charlie": of_erin, "erin": of_charlie}.get(name, made.alice)
    other = made.alice if name in GLOBEX else of_charlie
    return {"own": own, "colleague": colleague, "other": other, "absent": "SUP-9999977"}


def tried(share: int) -> list[tuple[str, str, str, dict[str, str], Any]]:
    """The rows of the table that name a request in their address, one of `share` of them."""
    return [row for row in by_endpoint() if NAMED.search(row[2])][::share]


@pytest.mark.parametrize("share", [10, pytest.param(1, marks=pytest.mark.long)], ids=["tenth", "whole"])
def test_no_word_of_another_organisation_and_foreign_is_absent(
    app: Any, world: SimpleNamespace, database: Any, share: int
) -> None:
    ready = stage(app, world)
    scene = Scene(app, world)
    world.claire = Person.get(Person.email == "claire@acme.example")
    made = SimpleNamespace(
        alice=ready.filled["n"],
        bob=scene.request("bob").number,
        hidden=scene.request("bob", audience="only_me").number,
        claire=scene.request("claire", summary=f"Demande {CANARY}").number,
        charlie=scene.request("charlie", summary=OTHER_CANARY, description=OTHER_CANARY).number,
        erin=scene.request("erin", summary=OTHER_CANARY, description=OTHER_CANARY, audience="only_me").number,
    )
    scene.reply(Ticket.get(Ticket.number == made.charlie), "sam", OTHER_CANARY)
    crowd = Crowd(app, world, TEN)
    for browser in crowd.browsers.values():
        browser.lint = False
    asked, wrong = 0, []
    for _endpoint, method, path, data, _statuses in tried(share):
        sent = {key: value.format(**ready.filled) for key, value in data.items()}
        for name in TEN:
            seen = {}
            for kind, number in numbers(scene, made, name).items():
                where = NAMED.sub(f"/tickets/{number}", path).format(**ready.filled)
                with nothing_kept(database):
                    answer = crowd.ask(name, method, where, sent)
                asked += 1
                text = answer.text + str(answer.headers)
                said = f"{method} {where} by {name} ({kind}): {answer.status_code}"
                if answer.status_code >= 500:
                    wrong.append(said)
                if name in GLOBEX | {"anonymous", "marc"} and CANARY in text:
                    wrong.append(f"{said} tells of Acme")
                if name in ACME | {"anonymous", "marc"} and OTHER_CANARY in text:
                    wrong.append(f"{said} tells of Globex")
                seen[kind] = (answer.status_code, normal(answer.text, number, quote(number)))
            if name in BLIND and seen["other"] != seen["absent"]:
                wrong.append(f"{method} {path} by {name}: {seen['other'][0]} is not {seen['absent'][0]}")
    print(f"{asked} requests by {len(TEN)} people")
    assert not wrong, f"{len(wrong)} of {asked}:\n" + "\n".join(wrong[:40])
    assert asked >= LEAST / share


@pytest.mark.parametrize("place", ["/tickets", "/search", "/tickets/export", "/search/suggestions", "/ideas"])
def test_no_list_search_or_count_gives_a_word_of_another_organisation(
    app: Any, world: SimpleNamespace, place: str
) -> None:
    """S04: side doors, with the very words, the number and the address."""
    scene = Scene(app, world)
    mine, theirs = scene.request("alice"), scene.request("charlie", summary=OTHER_CANARY)
    crowd = Crowd(app, world, ("alice", "bob", "dana", "charlie", "erin"))
    for name, browser in crowd.browsers.items():
        browser.lint = False
        foreign, number, address = (
            (CANARY, mine.number, "alice@acme.example")
            if name in GLOBEX
            else (OTHER_CANARY, theirs.number, "charlie@globex.example")
        )
        for words in (foreign, number, number.removeprefix("SUP-"), address):
            for list_ in ("mine", "cc", "organisation"):
                answer = crowd.ask(name, "GET", f"{place}?q={words}&list={list_}&tab=tickets")
                assert answer.status_code in (200, 404), f"{place} by {name}"
                left = answer.text.replace(f'value="{words}"', "")
                assert f'data-ticket="{number}"' not in left and f"/tickets/{number}" not in left
                if words != foreign:
                    assert foreign not in left, f"{place}?q={words} by {name}"
