"""Two acts on one request at the same instant: one of them happens, the other is refused and leaves nothing (LIFE-4 to
LIFE-8, LIFE-14, LIFE-15, LIFE-17, REQ-4).

Each trial has a request of its own and two threads with connections of their own, let loose together; by turns one of
them starts a moment later, so that each order comes about.
"""

from __future__ import annotations

import random
import time
from collections import Counter as Tally
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain import audit, closing, conversation, deletion, lifecycle
from domain.refusals import NotNow
from models import Deletion, Message, OutboxMessage, Ticket
from tests.support.casework import again, history, together
from tests.support.correspondence import NOW, Counter, counter  # noqa: F401

WAITING_UNTIL = datetime(2026, 12, 5, 23, 0, tzinfo=UTC)
WORDS = "Voici la réponse attendue."


class Trials:
    """Makes the requests of the trials, and counts which of the two was first."""

    def __init__(self, counter: Counter, database: Any) -> None:
        self.counter = counter
        self.database = database
        self.made = 0
        self.first: Tally[str] = Tally()
        self.viewers = {name: counter.viewer(name) for name in ("alice", "bob", "sam", "ines")}
        self.random = random.Random(2026)

    def request(self, **more: Any) -> tuple[Ticket, datetime]:
        """A request of alice, some seconds after the one before, and its time."""
        self.made += 1
        now = NOW + timedelta(seconds=2 * self.made)
        return self.counter.request(now=now, **more), now

    def answered(self, move_to: str) -> Ticket:
        """One that sam answered, and that waits or is solved."""
        ticket, now = self.request()
        self.counter.reply(ticket, "sam", now=now, move_to=move_to)
        return again(ticket)

    def at_once(self, one: Callable[[], Any], other: Callable[[], Any]) -> list[Any]:
        """Both at the same instant; what each gave or raised."""
        acts = [one, other]
        late = self.made % 3
        if late:
            acts[late - 1] = self._later(acts[late - 1])
        results = together(acts, self.database)
        for result in results:
            if isinstance(result, Exception) and not isinstance(result, NotNow):
                raise result
        return results

    def _later(self, act: Callable[[], Any]) -> Callable[[], Any]:
        pause = self.random.uniform(0, 0.004)

        def later() -> Any:
            time.sleep(pause)
            return act()

        return later


def refused(result: Any, *codes: str) -> bool:
    """Whether it was refused, and with one of these codes."""
    if not isinstance(result, NotNow):
        return False
    assert result.code in codes, result.code
    return True


def told(ticket: Ticket) -> Tally[tuple[str, str]]:
    """(template, recipient) of the mails of a request, and how many of each."""
    return Tally(
        OutboxMessage.select(OutboxMessage.template, OutboxMessage.recipient)
        .where(OutboxMessage.ticket == ticket.id)
        .tuples()
    )


def answer_against_closing(trials: Trials) -> str:
    """The customer answers at the instant at which the request closes by itself."""
    ticket = trials.answered("waiting_customer")
    # Both reminders went out: what is due is the closing.
    for _ in range(2):
        assert closing.sweep(again(ticket).act_at) == 1
    ticket = again(ticket)
    now = ticket.act_at
    swept, answered = trials.at_once(
        lambda: closing.sweep(now),
        lambda: conversation.reply(
            ticket, WORDS, trials.viewers["alice"], now, idempotency_key=f"answer-{ticket.id}"
        ),
    )
    row, kinds = again(ticket), history(ticket)
    kept = Message.select().where((Message.ticket == ticket.id) & (Message.body == WORDS)).count()
    mails = told(ticket)
    if refused(answered, "ticket-closed"):
        assert (swept, row.status, row.close_reason, kept) == (1, "closed", "silence", 0)
        assert kinds[-1] == "ticket:closed"
        assert mails["closed", "alice@acme.example"] == 1 and not mails["team-reply", "sam@guichet.example"]
        return "closing"
    assert (swept, row.status, row.close_reason, kept) == (0, "in_progress", "", 1)
    assert kinds[-1] == "ticket:replied" and "ticket:closed" not in kinds
    assert mails["team-reply", "sam@guichet.example"] == 1 and not mails["closed", "alice@acme.example"]
    assert (row.act_at, row.closed_at) == (None, None)
    return "answer"


def two_agents_move(trials: Trials) -> str:
    """Two agents who looked at the same state move it to two places."""
    ticket, now = trials.request()
    seen = again(ticket).version
    one, other = trials.at_once(
        lambda: lifecycle.move(ticket, "waiting_engineering", trials.viewers["sam"], now, seen=seen),
        lambda: lifecycle.move(ticket, "blocked", trials.viewers["ines"], now, seen=seen),
    )
    lost = [refused(result, "changed-meanwhile") for result in (one, other)]
    assert sorted(lost) == [False, True]
    assert again(ticket).status == ("blocked" if lost[0] else "waiting_engineering")
    assert history(ticket).count("ticket:moved") == 1
    return "the other" if lost[0] else "the one"


def two_agents_take(trials: Trials) -> str:
    """Two agents take the same request."""
    ticket, now = trials.request()
    names = ("sam", "ines")
    results = trials.at_once(
        *(lambda name=name: lifecycle.take(ticket, trials.viewers[name], now) for name in names)
    )
    lost = [refused(result, "taken-meanwhile") for result in results]
    assert sorted(lost) == [False, True]
    winner = names[lost.index(False)]
    assert again(ticket).assignee_id == trials.viewers[winner].id
    assert history(ticket).count("ticket:assigned") == 1
    return winner


def works_against_answer(trials: Trials) -> str:
    """alice says that it works while bob says that it does not."""
    ticket = trials.answered("resolved")
    now = NOW + timedelta(hours=1)
    worked, answered = trials.at_once(
        lambda: conversation.works(ticket, trials.viewers["alice"], now),
        lambda: conversation.reply(
            ticket, WORDS, trials.viewers["bob"], now, idempotency_key=f"works-{ticket.id}"
        ),
    )
    kept = Message.select().where((Message.ticket == ticket.id) & (Message.body == WORDS)).count()
    if refused(answered, "ticket-closed"):
        assert not isinstance(worked, Exception)
        assert (again(ticket).status, kept) == ("closed", 0)
        assert history(ticket)[-1] == "ticket:closed"
        return "works"
    assert refused(worked, "not-resolved")
    assert (again(ticket).status, kept) == ("in_progress", 1)
    assert history(ticket)[-1] == "ticket:reopened"
    return "answer"


def keep_open_against_closing(trials: Trials) -> str:
    """The customer asks for more time at the instant at which the request closes by itself."""
    ticket = trials.answered("resolved")
    now = ticket.act_at
    swept, kept = trials.at_once(
        lambda: closing.sweep(now), lambda: closing.keep_open(ticket, trials.viewers["alice"], now)
    )
    row = again(ticket)
    if refused(kept, "ticket-closed"):
        assert (swept, row.status, row.extended_times) == (1, "closed", 0)
        assert history(ticket)[-1] == "ticket:closed"
        return "closing"
    assert (swept, row.status, row.extended_times) == (0, "resolved", 1)
    assert row.act_at > now and history(ticket)[-1] == "ticket:kept_open"
    # It waits for its new day; the next trial must not find it.
    Ticket.update(act_at=None).where(Ticket.id == ticket.id).execute()
    return "more time"


def second_against_cancel(trials: Trials) -> str:
    """bob confirms as the second person while alice cancels: what was cancelled is never carried out."""
    person = {"full_name": "Jean Bon", "employee_number": "17", "url": "", "details": ""}
    ticket, now = trials.request(form_slug="user-deletion", priority=None, named_people=[person])
    deletion.confirm(
        ticket, "supprimer 1 personne", trials.viewers["alice"], now, language="fr", understood=True
    )
    seconded, cancelled = trials.at_once(
        lambda: deletion.second(ticket, trials.viewers["bob"], now, language="fr"),
        lambda: deletion.cancel(ticket, trials.viewers["alice"], now),
    )
    assert not isinstance(cancelled, Exception)
    assert Deletion.get(Deletion.ticket == ticket.id).state == "cancelled"
    kinds = history(ticket)
    assert kinds[-1] == "deletion:cancelled" and kinds.count("deletion:cancelled") == 1
    if refused(seconded, "deletion-moved-on"):
        assert "deletion:seconded" not in kinds
        return "cancel"
    assert kinds[-2] == "deletion:seconded"
    return "second"


PAIRS = (
    answer_against_closing, two_agents_move, two_agents_take, works_against_answer, keep_open_against_closing,
    second_against_cancel,
)  # fmt: skip


def tried(pair: Callable[[Trials], str], times: int, counter: Counter, database: Any) -> None:
    """So many trials of a pair; each order comes about, and every history is whole at the end."""
    trials = Trials(counter, database)
    for _ in range(times):
        trials.first[pair(trials)] += 1
    print(pair.__name__, dict(trials.first))
    assert len(trials.first) == 2, f"only {trials.first}: the two were never at once"
    assert audit.verify() == []


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.__name__)
def test_of_two_acts_at_the_same_instant_one_happens(pair: Any, counter: Any, database: Any) -> None:
    tried(pair, 60 if pair is answer_against_closing else 24, counter, database)


@pytest.mark.long
@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.__name__)
def test_of_two_acts_a_thousand_times_one_happens(pair: Any, counter: Any, database: Any) -> None:
    tried(pair, 1000, counter, database)
