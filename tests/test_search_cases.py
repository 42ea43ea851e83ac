"""Two hundred searches as people type them: what they mean stands among the first five (VIEW-7)."""

from __future__ import annotations

from typing import Any

from domain import knowledge, lists, search
from models import Message, Ticket
from tests.conftest import NOW
from tests.search_cases import ARTICLE_CASES, REQUESTS, TICKET_CASES
from tests.support.casework import again, key, see, send

SHOWN = 5


def corpus(world: Any) -> dict[str, str]:
    """The requests of the table, as alice's; key -> number."""
    first = again(send(world))
    template = {name: value for name, value in first.__data__.items() if name != "id"}
    Ticket.update(organisation=world.organisations["globex"].id, requester=world.charlie.id).where(
        Ticket.id == first.id
    ).execute()
    search.index_ticket(first.id)
    numbers = {}
    for at, (name, (subject, description)) in enumerate(REQUESTS.items()):
        row = Ticket.create(
            **{**template, "number": f"CAS-{7001 + at}", "summary": subject, "idempotency_key": key()}
        )
        Message.create(
            ticket=row.id, author=world.alice, body=description, created_at=NOW, idempotency_key=key()
        )
        search.index_ticket(row.id)
        numbers[name] = row.number
    return numbers


def test_there_are_two_hundred_cases_and_more() -> None:
    assert len({*TICKET_CASES, *ARTICLE_CASES}) == len(TICKET_CASES) + len(ARTICLE_CASES) >= 200
    assert {key for _typed, key in TICKET_CASES} == set(REQUESTS), "each request is looked for"


def test_what_people_mean_is_among_the_first_five(world: Any) -> None:
    numbers = corpus(world)
    # The demo's own requests would only make it easier to miss.
    alice = see(world.alice)
    missed = []
    for typed, name in TICKET_CASES:
        found = [row.number for row in lists.anywhere(alice, typed, 50)[0] if row.number.startswith("CAS-")]
        if numbers[name] not in found[:SHOWN]:
            missed.append(f"request {name}: {typed!r} finds {found}")
    for typed, slug in ARTICLE_CASES:
        slugs = [head.slug for head in knowledge.matching(alice, typed)]
        if slug not in slugs[:SHOWN]:
            missed.append(f"article {slug}: {typed!r} finds {slugs[:SHOWN]}")
    for name, number in numbers.items():
        for typed in (number, number.lower(), number.partition("-")[2]):
            found = [row.number for row in lists.anywhere(alice, typed, 5)[0]]
            if number not in found:
                missed.append(f"number {name}: {typed!r} finds {found}")
    assert not missed, "\n".join(missed)
