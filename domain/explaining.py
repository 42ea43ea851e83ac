"""Why somebody can or cannot see a request (STAFF-9): each fact that policies.py decides by, with its answer.

Nothing is decided here. The facts are those of policies.WAYS, asked of one request, and the acts are policies.can_*().
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from peewee import Case

from domain import policies
from domain.policies import Viewer
from models import Ticket


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that must hold, and whether it does."""

    key: str
    holds: bool


@dataclass(frozen=True, slots=True)
class Told:
    """A way to know of the request with its facts; open when all of them hold."""

    key: str
    facts: tuple[Fact, ...]

    @property
    def is_open(self) -> bool:
        """Whether this way alone leads to the request."""
        return all(fact.holds for fact in self.facts)


@dataclass(frozen=True, slots=True)
class Explanation:
    """Whether the person sees the request, by which ways, and what they may do there now, by act."""

    active: bool
    ways: tuple[Told, ...]
    acts: tuple[tuple[str, bool], ...]

    @property
    def sees(self) -> bool:
        """The verdict: an active account, and one way that is open."""
        return self.active and any(way.is_open for way in self.ways)


# In the order of the page.
ACTS: tuple[tuple[str, Callable[[Viewer, Ticket], bool]], ...] = (
    ("reply", policies.can_reply),
    ("close", policies.can_close),
    ("follow_up", policies.can_follow_up),
    ("copy", policies.can_change_cc),
    ("audience", policies.can_change_audience),
    ("hand_over", policies.can_hand_over),
    ("contest", policies.may_contest),
    ("note", policies.can_note),
)


def explain(person: Viewer, ticket: Ticket) -> Explanation:
    """Every rule on who knows of a request, asked of this person and this request.

    One query for the facts, and those of the acts for somebody who sees it: the number does not grow with anything.
    """
    answers: dict[tuple[str, str], bool] = {}
    asked: list[tuple[tuple[str, str], Any]] = []
    for way in policies.WAYS:
        for key, fact in way.facts:
            holds = fact(person)
            if isinstance(holds, bool):
                answers[way.key, key] = holds
            else:
                asked.append(((way.key, key), holds))
    columns = [Case(None, ((condition, 1),), 0) for _place, condition in asked]
    row = Ticket.select(*columns).where(Ticket.id == ticket.id).tuples().first()
    found = row if row is not None else (0,) * len(asked)
    answers |= {place: bool(value) for (place, _condition), value in zip(asked, found, strict=True)}
    told = tuple(
        Told(way.key, tuple(Fact(key, answers[way.key, key]) for key, _fact in way.facts))
        for way in policies.WAYS
    )
    explanation = Explanation(person.is_active, told, ())
    if not explanation.sees:
        return explanation
    return Explanation(person.is_active, told, tuple((key, bool(may(person, ticket))) for key, may in ACTS))
