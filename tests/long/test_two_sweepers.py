"""Two processes sweep the same requests at the same moment: each reminder and closing happens once (LIFE-5, LIFE-6)."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter as Tally
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from models import OutboxMessage, Ticket, TicketEvent
from tests.conftest import ROOT, filled_counter, forget_everything, opened, shut
from tests.support.correspondence import NOW, Counter

# Everything is due by then: the first reminder of what waits, and the closing of what is solved.
DUE = datetime(2026, 12, 20, 6, 0, tzinfo=UTC)
PROCESSES = 2
# What stops a sweep that hangs; one that has to wait for its turn on a busy machine is only late.
HANGS_SECONDS = 3600


def filled_due(url: str, requests: int) -> None:
    """Make requests that are due: half of them wait for an answer, half are solved."""
    filled_counter(url)
    forget_everything()
    database = opened(url)
    with database.connection_context(), database.atomic():
        counter = Counter()
        for place in range(requests):
            # Nobody writes more than one in a second.
            now = NOW + timedelta(seconds=2 * place)
            ticket = counter.request(now=now)
            counter.reply(ticket, "sam", now=now, move_to="waiting_customer" if place % 2 else "resolved")
        OutboxMessage.delete().execute()
    shut(database)


def sweep_at_once(url: str) -> list[int]:
    """Let the processes sweep at the same moment; returns what each did. One that complains fails."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.support.sweeper", url, DUE.isoformat()],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(PROCESSES)
    ]
    for process in processes:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    done, spans = [], []
    for process in processes:
        said, complaints = process.communicate(timeout=HANGS_SECONDS)
        assert process.returncode == 0, complaints
        assert complaints == ""
        number, began, ended = said.split()
        done.append(int(number))
        spans.append((float(began), float(ended)))
    # SQLite lets whoever has just written write again, so that one of them may do everything: but both were at it.
    assert max(began for began, _ended in spans) < min(ended for _began, ended in spans), (
        "they were not at once"
    )
    return done


def swept_once(engine: Any, requests: int) -> list[int]:
    """One run on a fresh copy; returns what each process did."""
    fill: Callable[[str], None] = partial(filled_due, requests=requests)
    url = engine.copy(f"due{requests}", fill)
    done = sweep_at_once(url)
    database = opened(url)
    with database.connection_context():
        assert sum(done) == requests, f"{done} of {requests}"
        statuses = Tally(status for (status,) in Ticket.select(Ticket.status).tuples())
        assert statuses == {"closed": requests // 2, "waiting_customer": requests - requests // 2}
        events = Tally(
            TicketEvent.select(TicketEvent.ticket, TicketEvent.kind)
            .where(TicketEvent.kind.in_(("ticket:closed", "ticket:reminded")))
            .tuples()
        )
        assert len(events) == requests and set(events.values()) == {1}
        mails = Tally(
            OutboxMessage.select(
                OutboxMessage.ticket, OutboxMessage.template, OutboxMessage.recipient
            ).tuples()
        )
        # alice alone hears of both; nobody at the desk does.
        assert len(mails) == requests and set(mails.values()) == {1}
        assert {recipient for _ticket, _template, recipient in mails} == {"alice@acme.example"}
        reminded = Ticket.select().where(Ticket.reminders_sent == 1)
        assert reminded.count() == requests - requests // 2
        assert Ticket.select().where(Ticket.act_at <= DUE).count() == 0
    shut(database)
    engine.drop(url)
    return done


@pytest.fixture(autouse=True)
def other_database() -> Any:
    """The models go back to the database that they had."""
    from models import db

    before = db.obj
    yield
    db.initialize(before)


def test_two_processes_that_sweep_at_once_do_each_thing_once(engine: Any) -> None:
    print([swept_once(engine, 60) for _ in range(2)])


@pytest.mark.long
def test_two_processes_sweep_a_thousand_requests_twenty_times(engine: Any) -> None:
    print([swept_once(engine, 1000) for _ in range(20)])
