"""Every status with every act by every role, over HTTP: what is answered, where the request is then, and that a refusal
changes nothing (LIFE-1, LIFE-2, LIFE-4 to LIFE-8, LIFE-14, LIFE-15, LIFE-17).

The request is alice's, of Acme. sam has it, except while it is registered. What is expected is written out here and in
the table of tests/support/life_model.py; nothing of it is asked of the product.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from models import Ticket, db
from tests.support import life_model as plain
from tests.support.life_model import STATUSES
from tests.support.scene import Crowd, Scene, key, nothing_kept

# Those who may answer it; those who may not know of it; those of the desk.
READERS = ("alice", "bob")
STRANGERS = ("dana", "charlie", "marc")
DESK = ("sam", "root")
WHO = (*READERS, *STRANGERS, *DESK)

# What an act leads to, for those who may: a status, `=` for the same one, `no` for "not now" (409). Under `take` for
# root, who finds that sam has it; sam has it already, and nothing moves.
_ACTS = """
                       answer        answer       take         close   works   reopen        keep-open
                       of a customer of the desk  by root
registered             =             in_progress  in_progress  closed  no      no            no
qualified              =             in_progress  no           closed  no      no            no
in_progress            =             =            no           closed  no      no            no
waiting_customer       in_progress   =            no           closed  no      no            =
waiting_engineering    =             =            no           closed  no      no            no
customer_testing       in_progress   =            no           closed  no      no            =
awaiting_rollback      =             =            no           closed  no      no            no
blocked                =             =            no           closed  no      no            no
escalated_l2           =             =            no           closed  no      no            no
escalated_product      =             =            no           closed  no      no            no
escalated_development  =             =            no           closed  no      no            no
resolved               in_progress   =            no           no      closed  in_progress   =
expired                =             =            no           no      no      no            no
closed                 no            no           no           no      no      no            no
"""
ACTS = ("reply", "desk reply", "take", "close", "works", "reopen", "keep-open")
OUTCOMES: dict[tuple[str, str], str] = {
    (line.split()[0], act): outcome
    for line in _ACTS.strip().splitlines()[2:]
    for act, outcome in zip(ACTS, line.split()[1:], strict=True)
}


class Cell(NamedTuple):
    """One status, one act, one person: and the answer that is due, with the status after it."""

    status: str
    act: str
    who: str
    answer: int
    after: str


def cell(status: str, act: str, who: str) -> Cell:
    """What is due in this cell."""
    desk_only = act.startswith("to ") or act in ("note", "take")
    if who not in DESK and desk_only:
        # The desk has no door for customers, nor for an account manager: whatever the request, the answer is the same.
        return Cell(status, act, who, 403, status)
    if who in STRANGERS:
        return Cell(status, act, who, 404, status)
    if act == "follow-up":
        allowed = 303 if who in READERS else 403
        return Cell(status, act, who, allowed if status in plain.OVER else 409, status)
    if act == "note":
        return Cell(status, act, who, 303, status)
    if act.startswith("to "):
        target = act.removeprefix("to ")
        if target == status or plain.may_move(status, target, "s"):
            return Cell(status, act, who, 303, target)
        return Cell(status, act, who, 409, status)
    if act == "take" and who == "sam" and status != "registered":
        return Cell(status, act, who, 409 if status in plain.OVER else 303, status)
    if act == "close" and who in DESK and status == "expired":
        # The desk tidies up what lapsed; its customer has nothing to close any more.
        return Cell(status, act, who, 303, "closed")
    outcome = OUTCOMES[status, "desk reply" if act == "reply" and who in DESK else act]
    if outcome == "no":
        return Cell(status, act, who, 409, status)
    return Cell(status, act, who, 303, status if outcome == "=" else outcome)


CELLS = [
    cell(status, act, who)
    for status in STATUSES
    for act in (
        *(f"to {target}" for target in STATUSES),
        "reply", "note", "take", "close", "works", "reopen", "keep-open", "follow-up",
    )
    for who in WHO
]  # fmt: skip


def asked(act: str, who: str, number: str, ids: dict[str, int]) -> tuple[str, str, dict[str, str]]:
    """The method, the address and the fields of an act."""
    desk, page = f"/desk/tickets/{number}", f"/tickets/{number}"
    word = {"idempotency_key": f"{key()}-long-enough"}
    if act.startswith("to "):
        return "POST", f"{desk}/status", {"status": act.removeprefix("to ")}
    return {
        "reply": ("POST", f"{desk if who in DESK else page}/replies", {"body": "Voici la suite.", **word}),
        "note": ("POST", f"{desk}/notes", {"body": "Entre nous.", **word}),
        "take": ("POST", f"{desk}/assignment", {"assignee": str(ids[who])}),
        "close": ("POST", f"{page}/closure", {"act": "close", **word}),
        "works": ("POST", f"{page}/closure", {"act": "works", "body": "Merci.", **word}),
        "reopen": ("POST", f"{page}/reopening", {"body": "Encore.", **word}),
        "keep-open": ("POST", f"{page}/keep-open", dict(word)),
        "follow-up": ("GET", f"{page}/follow-up", {}),
    }[act]


def mark(ticket: Any) -> Any:
    """Everything of a request that an act could change, and how far the histories and the outbox go."""
    row = Ticket.select().where(Ticket.id == ticket.id).tuples().get()
    ends = db.execute_sql(
        "SELECT (SELECT max(id) FROM ticket_event), (SELECT max(id) FROM outbox_message), "
        "(SELECT max(id) FROM message), (SELECT count(*) FROM participant), (SELECT count(*) FROM ticket)"
    ).fetchone()
    return row, ends


@pytest.fixture
def stage(app: Any, world: Any) -> Iterator[Any]:
    """A request in each status, and browsers of all who try."""
    tickets = Scene(app, world).in_each_status()
    crowd = Crowd(app, world, WHO)
    for browser in crowd.browsers.values():
        # How pages are made is looked at elsewhere.
        browser.lint = False
    ids = {name: getattr(world, name).id for name in WHO}
    assert {row.assignee_id for status, row in tickets.items() if status != "registered"} == {ids["sam"]}
    yield tickets, crowd, ids


def test_the_table_has_a_line_for_each_status_and_enough_cells() -> None:
    assert {status for status, _act in OUTCOMES} == set(STATUSES)
    assert len(CELLS) == len(set(CELLS)) == 14 * 22 * 7
    # Of those, moves and acts by people who may try them at all.
    assert sum(cell.answer in (303, 409) for cell in CELLS) > 300
    assert {cell.after for cell in CELLS if cell.answer == 303} == set(STATUSES)


def test_each_status_takes_and_refuses_what_the_table_says(stage: Any, database: Any) -> None:
    tickets, crowd, ids = stage
    wrong = []
    for due in CELLS:
        ticket = tickets[due.status]
        method, path, fields = asked(due.act, due.who, ticket.number, ids)
        with nothing_kept(database):
            before = mark(ticket)
            answer = crowd.ask(due.who, method, path, fields)
            after = Ticket.get_by_id(ticket.id).status
            if (answer.status_code, after) != (due.answer, due.after):
                wrong.append(f"{due}: answered {answer.status_code}, then {after}")
            elif due.answer != 303 and mark(ticket) != before:
                wrong.append(f"{due}: refused, and changed something")
            elif due.answer == 303 and due.act not in ("follow-up", "take") and due.act != f"to {due.status}":
                # Done and written down.
                assert mark(ticket)[1] != before[1], f"{due} left no trace"
    assert not wrong, f"{len(wrong)} of {len(CELLS)} differ:\n" + "\n".join(wrong)
