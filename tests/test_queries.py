"""How many queries each page costs: always the same, with one request as with forty."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from domain import blocking
from models import Membership, Organisation, Person, TextMessage
from tests.support.scene import Scene

# A busy machine takes longer for a page than a process remembers what it keeps for seconds.
pytestmark = pytest.mark.usefixtures("frozen_memory")

# Page -> queries, all in all: session and rights, settings, the page itself. A change here is a decision.
CUSTOMER = {
    "/": 12,
    "/catalogue": 3,
    "/requests/new/question": 8,
    "/requests/new/incident": 9,
    "/requests/new/licence": 9,
    "/requests/guided/product": 8,
    # One more than reading the list: what is new in it.
    "/tickets": 6,
    "/tickets?list=cc": 5,
    "/tickets?list=organisation": 6,
    "/tickets?status=open&form=incident&sort=-updated": 5,
    "/tickets?q=lise": 7,
    # One of them: who can see it.
    "/tickets/{n}": 13,
    "/tickets/{n}/mails": 4,
    "/account": 4,
    "/account/mobile": 5,
    "/organisation/partners": 3,
    "/account/notifications": 3,
    "/account/sessions": 4,
    "/help": 4,
    "/account/security": 9,
    "/articles": 4,
    "/articles?topic=start": 5,
    "/articles?kind=faq": 3,
    "/articles/why-no-mail": 6,
    "/announcements": 4,
    "/status": 9,
    "/status/history": 5,
    "/search?q=lise": 6,
    "/search?q=mot+de+passe": 5,
    "/search/suggestions?q=changer+le+mot+de+passe": 5,
    "/ideas": 4,
    "/ideas?sort=wanted": 4,
    "/ideas?q=planning": 5,
    "/ideas?kind=discussion": 4,
    "/ideas/1": 8,
    "/ideas/new": 3,
    "/ideas/suggestions?q=exporter+le+planning": 4,
    "/escalation": 4,
    "/help/assistant": 3,
}
DESK = {
    # One of them: what is new in the queue.
    "/desk": 9,
    "/desk?queue=mine": 9,
    "/desk?queue=team": 9,
    "/desk?queue=all": 8,
    "/desk?queue=all&q=banque": 9,
    "/desk/tickets/{n}": 23,
    "/tickets?list=organisation": 6,
    "/desk/incidents": 7,
    "/desk/incidents/new": 3,
}
ADMIN = {
    "/admin/": 55,
    "/desk/satisfaction": 5,
    "/admin/organisation/": 6,
    "/admin/membership/": 5,
    "/admin/partnerlink/": 5,
    "/admin/person/": 5,
    "/admin/contactimport/": 4,
    "/admin/contactreview/": 4,
    "/admin/ticket/": 8,
    "/admin/licencerequest/": 6,
    "/admin/deletion/": 5,
    "/admin/ticketevent/": 5,
    "/admin/team/": 5,
    "/admin/routingrule/": 7,
    "/admin/closingrule/": 6,
    "/admin/calendar/": 6,
    "/admin/category/": 5,
    "/admin/requestform/": 6,
    "/admin/kind/": 5,
    "/admin/product/": 5,
    "/admin/productkind/": 5,
    "/admin/feature/": 6,
    "/admin/extrafield/": 7,
    "/admin/scale/": 5,
    "/admin/scalelevel/": 6,
    "/admin/statuslabel/": 6,
    "/admin/consenttext/": 5,
    "/admin/article/": 6,
    "/admin/topic/": 5,
    "/admin/articlevote/": 5,
    "/admin/searchmiss/": 5,
    "/admin/service/": 5,
    "/admin/announcement/": 5,
    "/admin/idea/": 6,
    "/admin/ideacomment/": 5,
    "/admin/helpline/": 5,
    "/admin/escalationline/": 5,
    "/admin/highlight/": 5,
    "/admin/assistantquestion/": 5,
    "/admin/portal/": 5,
    "/admin/outboxmessage/": 5,
    "/admin/textmessage/": 5,
    "/admin/jobrun/": 5,
    "/admin/auditentry/": 5,
    "/admin/ticket/?search=lise": 10,
    "/admin/settings/": 2,
}


@contextmanager
def counted() -> Iterator[list[str]]:
    """Collect the queries made inside."""
    made: list[str] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            # peewee logs its queries as (text, values), and other news as words.
            if isinstance(record.msg, tuple) and not record.msg[0].startswith(("BEGIN", "COMMIT", "PRAGMA")):
                made.append(str(record.msg))

    log, handler = logging.getLogger("peewee"), Collect()
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    try:
        yield made
    finally:
        log.removeHandler(handler)
        log.setLevel(level)


@pytest.fixture
def solo(client: Any, world: SimpleNamespace, clock: Any) -> SimpleNamespace:
    """A customer with one contact and one request; solo.more(39) sends more, with answers, files and copies."""
    scene = Scene(client.application, world)
    organisation = Organisation.create(
        name="Solo", slug="solo", created_at=clock.now, domains=["solo.example"], account_manager=world.marc
    )
    person = Person.create(
        email="lise@solo.example", username="lise@solo.example", full_name="Lise Solo", created_at=clock.now,
        email_verified_at=clock.now, first_signed_in_at=clock.now,
    )  # fmt: skip
    Membership.create(
        person=person,
        organisation=organisation,
        role="contact",
        can_open=True,
        can_see_all=True,
        can_answer=True,
    )
    scene.world = SimpleNamespace(**vars(world), lise=person)
    forms = ["incident", "question", "api", "improvement"]
    statuses = ["waiting_customer", "resolved", "in_progress", "blocked"]

    def more(count: int) -> Any:
        ticket = None
        for at in range(count):
            sent = scene.upload("lise", f"capture-{at}.png")
            ticket = scene.request(
                "lise", form=forms[at % 4], attachment_keys=[sent.key], cc=["paie@solo.example"]
            )
            scene.reply(ticket, "sam", "Bonjour.", move_to=statuses[at % 4])
            TextMessage.create(
                source=f"number:{clock.now:%f%S%M%H%d}:{at}", kind="number", person=person, number="+33612345678",
                expires_at=clock.now, created_at=clock.now,
            )  # fmt: skip
            clock.advance(seconds=30)
        return ticket

    first = more(1)
    return SimpleNamespace(scene=scene, person=person, first=first, more=more)


def cost(client: Any, paths: dict[str, int], number: str, who: Any) -> dict[str, list[str]]:
    """The queries of each page, once everything that a process keeps for a while is known."""
    client.sign_in(who)
    client.lint = False
    found = {}
    for path in paths:
        where = path.replace("{n}", number)
        assert client.get(where).status_code == 200, where
        with counted() as made:
            client.get(where)
        found[path] = made
    return found


def check(paths: dict[str, int], found: dict[str, list[str]]) -> None:
    """Fail with the pages that cost more or less than said."""
    costs = {path: len(queries) for path, queries in found.items()}
    different = {path for path in paths if costs[path] != paths[path]}
    assert not different, "\n".join(
        f"{path}: {costs[path]} queries, not {paths[path]}\n  "
        + "\n  ".join(query[:230] for query in found[path])
        for path in sorted(different)
    )


@pytest.mark.parametrize("requests", [1, 40])
def test_pages_of_customers(client: Any, solo: Any, requests: int) -> None:
    solo.more(requests - 1)
    check(CUSTOMER, cost(client, CUSTOMER, solo.first.number, solo.person))


@pytest.mark.parametrize("requests", [1, 40])
def test_pages_of_the_desk(client: Any, world: Any, solo: Any, requests: int) -> None:
    solo.more(requests - 1)
    check(DESK, cost(client, DESK, solo.first.number, world.sam))


@pytest.mark.parametrize("requests", [1, 40])
def test_pages_of_the_administration(client: Any, world: Any, solo: Any, requests: int) -> None:
    solo.more(requests - 1)
    check(ADMIN, cost(client, ADMIN, solo.first.number, world.root))


def test_a_blocked_request_costs_as_much_with_one_block_as_with_ten(
    client: Any, world: Any, solo: Any, clock: Any
) -> None:
    sam = solo.scene.viewer("sam")
    for blocks in (1, 9):
        for _block in range(blocks):
            blocking.block(solo.first, solo.more(1).number, sam, clock.now)
            blocking.block(solo.more(1), solo.first.number, sam, clock.now)
        # Which requests, and which of them the reader may see.
        pages = {"/tickets/{n}": CUSTOMER["/tickets/{n}"] + 2}
        check(pages, cost(client, pages, solo.first.number, solo.person))
        pages = {"/desk/tickets/{n}": DESK["/desk/tickets/{n}"] + 2}
        check(pages, cost(client, pages, solo.first.number, world.sam))


# Beyond fifty messages the middle is left out, and two more queries say how much.
@pytest.mark.parametrize(("messages", "customers", "desk"), [(1, 0, 0), (40, 0, 2), (80, 2, 2)])
def test_a_long_thread_costs_as_much_as_a_short_one(
    client: Any, world: Any, solo: Any, clock: Any, messages: int, customers: int, desk: int
) -> None:
    sent = [solo.scene.upload("lise").key]
    for _message in range(messages - 1):
        clock.advance(minutes=1)
        solo.scene.reply(solo.first, "lise", "Encore.", attachment_keys=sent)
        solo.scene.note(solo.first)
        sent = []
    pages = {"/tickets/{n}": CUSTOMER["/tickets/{n}"] + customers}
    check(pages, cost(client, pages, solo.first.number, solo.person))
    pages = {"/desk/tickets/{n}": DESK["/desk/tickets/{n}"] + desk}
    check(pages, cost(client, pages, solo.first.number, world.sam))
