"""S18, S19: neither the answer nor its time tells whether somebody has an account.

Sign-in on one page and by steps, forgotten password and registration, for an account that works, one that was disabled, one that was never opened,
one that staff have locked, and for none. The kinds take turns, so that what else the machine does falls on all alike.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from domain import accounts, settings
from models import IdentityProvider, OutboxMessage, Person, SignInFailure
from tests.support.client import choose_form, values_of
from tests.support.scene import normal

KINDS = ("active", "absent", "disabled", "never activated", "locked")
WITHIN = 0.10


def addresses(world: SimpleNamespace, clock: Any) -> dict[str, str]:
    """An address of each kind, of the same length: how long a text is takes no part."""
    new = accounts.add_person("nina1@acme.example", "Nina", by=None, now=clock.now)
    Person.update(password_hash=None).where(Person.id == new.id).execute()
    others = {}
    for kind in ("disabled", "locked", "active"):
        made = accounts.add_person(f"{kind[:5]:x<5}@acme.example", kind, by=None, now=clock.now)
        Person.update(
            password_hash=Person.get_by_id(world.alice.id).password_hash,
            is_active=kind != "disabled",
            locked_at=clock.now if kind == "locked" else None,
            email_verified_at=clock.now,
            first_signed_in_at=clock.now,
        ).where(Person.id == made.id).execute()
        others[kind] = made.email
    return {**others, "never activated": new.email, "absent": "nobod@acme.example"}


def sign_in(address: str) -> tuple[str, dict[str, str]]:
    return "/login", {"email": address, "password": "ce n’est pas le bon mot"}


def first_step(address: str) -> tuple[str, dict[str, str]]:
    return "/login?change=1", {"email": address}


def second_step(address: str) -> tuple[str, dict[str, str]]:
    return "/login/password", {"email": address, "password": "ce n’est pas le bon mot"}


def reset(address: str) -> tuple[str, dict[str, str]]:
    return "/password/forgotten", {"email": address}


def register(address: str) -> tuple[str, dict[str, str]]:
    return "/register", {"full_name": "Zoé Neuve", "email": address, "organisation": "Acme"}


def again() -> None:
    """As if nobody had tried before: what is counted of tries and mails is another matter."""
    SignInFailure.delete().execute()
    OutboxMessage.delete().execute()


@pytest.mark.parametrize("tries", [10, pytest.param(100, marks=pytest.mark.long)], ids=["tenth", "whole"])
@pytest.mark.parametrize("ask", [sign_in, first_step, second_step, reset, register])
def test_the_answer_and_its_time_are_the_same_for_every_kind(
    client: Any, world: SimpleNamespace, clock: Any, ask: Callable[[str], Any], tries: int
) -> None:
    kinds = addresses(world, clock)
    client.lint = False
    path, _data = ask("x")
    if ask in (first_step, second_step):
        settings.put("sign_in_by_steps", True, by=None, now=clock.now)
        # An organisation that signs in elsewhere, too: its addresses are told apart from others, not from one another.
        IdentityProvider.create(
            slug="acme", name_fr="Annuaire", name_en="Directory", issuer="https://acme.example", client_id="portal",
            organisation=world.organisations["acme"].id, is_active=True,
        )  # fmt: skip
        client.submit("/login", email=kinds["absent"])
        hidden_in = "/login/password?means=password" if ask is second_step else path
    else:
        hidden_in = path
    hidden = values_of(choose_form(client.get(hidden_in).text, None, path))
    took: dict[str, list[float]] = {kind: [] for kind in KINDS}
    answers: dict[str, set[Any]] = {kind: set() for kind in KINDS}
    # The first rounds fill caches and are not counted.
    for round_ in range(-2, tries):
        # Each kind comes first in its turn: what comes back every so many requests falls on all of them.
        for kind in (*KINDS[round_ % len(KINDS) :], *KINDS[: round_ % len(KINDS)]):
            again()
            _path, data = ask(kinds[kind])
            sent = {**hidden.to_dict(), **data}
            began = time.perf_counter()
            answer = client.post(path, data=sent)
            shown = client.get(answer.location) if ask is first_step else answer
            spent = time.perf_counter() - began
            if round_ >= 0:
                took[kind].append(spent)
                headers = {
                    k: v for k, v in shown.headers if k not in ("Set-Cookie", "Content-Security-Policy")
                }
                said = normal(shown.text, kinds[kind])
                status = (answer.status_code, shown.status_code)
                answers[kind].add((status, answer.location, said, tuple(sorted(headers.items()))))
            if ask is register and kind == "absent":
                Person.delete().where(Person.email == kinds[kind]).execute()
    for kind in KINDS:
        assert answers[kind] == answers["absent"], f"{kind} answers otherwise than absent"
    medians = {kind: statistics.median(times) for kind, times in took.items()}
    spread = max(medians.values()) / min(medians.values()) - 1
    print(f"{path}: " + ", ".join(f"{kind} {value * 1000:.1f} ms" for kind, value in medians.items()))
    # A few tries beside other tests say little: the tenth only finds what is plain, such as a password not looked at.
    assert spread <= (WITHIN if tries >= 100 else 2.0), f"{path}: {spread:.0%} apart"
