"""S38: no text makes the portal slow: every validated field, the search, and Markdown, with the worst of 50 kB."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pytest

import presenters
from domain import accounts, advice, conversation, passwords, search
from domain.refusals import Invalid
from forms import fields
from tests.support.scene import Scene, token_of
from views import redirects

MARKDOWN_MAX = conversation.BODY_MAX_CHARACTERS

# What renderers of Markdown are known to stumble over, each repeated up to the longest message.
HOSTILE_MARKDOWN = {
    "opening brackets": "[",
    "pictures": "![",
    "links cut short": "[a](b",
    "references": "[a][b",
    "nested quotes": "> ",
    "stars": "*a",
    "stars and pairs": "*a **b ",
    "underscores": "_a_",
    "back ticks": "` ",
    "angles": "<a ",
    "comments": "<!--",
    "nested lists": "- ",
    "entities": "&#",
    "backslashes": "\\",
    "definitions": "[a]: b\n",
    "lines": "a\n",
    "rules": "- - ",
    "tildes": "~~a",
    "parentheses": "[a](((",
    "pipes": "|",
}


def wide_table(columns: int = 100) -> str:
    """A table that short lines make as wide as its head: a few bytes a row, a hundred cells."""
    head = "|".join("a" * columns) + "\n" + "|".join("-" * columns) + "\n"
    return (head + "a\n" * MARKDOWN_MAX)[:MARKDOWN_MAX]


def quickest(act: Callable[[], Any], tries: int = 3) -> float:
    """Seconds of processor that the best of a few tries took: other work of the machine does not count."""
    best = 1e9
    for _try in range(tries):
        began = time.process_time()
        act()
        best = min(best, time.process_time() - began)
        if best < 0.1:
            break
    return best


@pytest.mark.parametrize("piece", HOSTILE_MARKDOWN.values(), ids=HOSTILE_MARKDOWN.keys())
def test_the_worst_message_is_rendered_within_a_second(piece: str) -> None:
    text = (piece * MARKDOWN_MAX)[:MARKDOWN_MAX]
    assert quickest(lambda: presenters._render(text)) < 1


def test_a_table_does_not_grow_beyond_its_text() -> None:
    text = wide_table()
    assert quickest(lambda: presenters._render(text)) < 1
    assert len(presenters.markdown(text)) < 20 * MARKDOWN_MAX


def test_tables_and_links_that_people_write_still_work() -> None:
    table = "|a|b|\n|-|-|\n" + "|1|2|\n" * 60
    assert presenters.markdown(table).count("<td>") == 120
    links = " ".join(f"[l{number}](https://initech.example/{number})" for number in range(60))
    assert presenters.markdown(links).count("<a href=") == 60


def test_long_texts_do_not_fill_the_memory() -> None:
    """What is remembered is bounded in bytes, not only in number."""
    for number in range(80):
        presenters.markdown(f"{number} " + "&" * presenters.LONG_TEXT)
    assert presenters._remembered_long.cache_info().currsize <= 64


LONG = [
    "a" * 50_000,
    "a@" * 25_000,
    "a." * 25_000 + "@b.c",
    "a@" + "b." * 25_000,
    '"' * 50_000 + "@b.c",
    "(" * 50_000,
    "https://" + "a." * 25_000,
    "https://[" + ":" * 50_000,
    "https://" + "@" * 50_000,
    "//" * 25_000,
    "%2" * 25_000,
    "\u0344" * 25_000,
    " " * 50_000 + "x",
    "1" * 50_000,
    "-" * 50_000,
    "\t\n" * 25_000,
    "a b " * 12_500,
    "ﷺ" * 25_000,
    "=?utf-8?q?" * 5_000,
]

JUDGES: dict[str, Callable[[str], Any]] = {
    "address": accounts.address,
    "address in copy": conversation.normal_address,
    "user name": accounts.normal_name,
    "search": search.terms,
    "words of the index": search.words,
    "where to go next": redirects.local_path,
    "vague": advice.is_vague,
    "clean text": lambda text: fields.cleaned(text, lines=True),
    "says something": fields.says_something,
    "password": passwords.normalise,
    "well-known password": lambda text: passwords.is_well_known(text[: passwords.MOST_CHARACTERS]),
    "personal words": lambda text: passwords.words_of(text[:254]),
}


@pytest.mark.parametrize("name", JUDGES)
def test_no_judge_of_a_field_is_slow(name: str) -> None:
    judge = JUDGES[name]

    def each(text: str) -> None:
        try:
            judge(text)
        except Invalid:
            pass

    for text in LONG:
        took = quickest(lambda text=text: each(text), 2)
        assert took < 0.5, f"{name} took {took:.2f} s over {text[:12]!r}..."


def test_every_form_answers_soon_when_every_field_is_enormous(client: Any, world: Any) -> None:
    from domain.catalogue import all_forms

    client.sign_in(world.bob)
    token = token_of(client)
    for form in all_forms():
        # The guided path has pages of its own; its form is but the way there.
        path = "/requests/guided/product" if form.slug == "guided" else f"/requests/new/{form.slug}"
        page = client.get(path).text
        names = set(re.findall(r'name="([a-z_0-9-]+)"', page)) - {"csrf_token", "attachments", "add_person"}
        if form.slug == "guided":
            # Buttons of the path that throw away what was typed, whatever it is.
            names -= {"again", "draft_back"}
        for text in (LONG[2], LONG[6], LONG[11]):
            data = dict.fromkeys(names, text) | {"csrf_token": token}
            began = time.process_time()
            answer = client.post(path, data=data)
            took = time.process_time() - began
            assert answer.status_code in (400, 404, 409, 413, 422), form.slug
            assert took < 2, f"{form.slug} took {took:.2f} s over {text[:12]!r}"


def test_a_page_of_hostile_messages_still_opens(client: Any, world: Any, app: Any) -> None:
    scene = Scene(app, world)
    ticket = scene.request("alice")
    for piece in ("[", "[a][b", "|"):
        scene.reply(ticket, "alice", (piece * MARKDOWN_MAX)[:MARKDOWN_MAX])
    scene.reply(ticket, "alice", wide_table())
    client.sign_in(world.sam)
    began = time.process_time()
    assert client.get(f"/desk/tickets/{ticket.number}").status_code == 200
    assert time.process_time() - began < 4
