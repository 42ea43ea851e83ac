"""S43: text held for somebody who signs in again (REQ-16) cannot be used to fill the disk."""

from __future__ import annotations

from typing import Any

import pytest

from models import HeldForm
from views import held


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same bounds, small enough for a test."""
    monkeypatch.setattr(held, "MOST_OF_STRANGERS", 5)
    monkeypatch.setattr(held, "MOST_OF_ONE_PERSON", 3)


def test_strangers_hold_so_many_texts_and_no_more(client: Any, few: None) -> None:
    for number in range(9):
        client.sign_out()
        client.post("/requests/new/question", data={"summary": f"Une question {number}"})
    assert HeldForm.select().count() == 5


def test_room_is_made_by_the_texts_of_yesterday(client: Any, clock: Any, few: None) -> None:
    for number in range(5):
        client.sign_out()
        client.post("/requests/new/question", data={"summary": f"Une question {number}"})
    clock.advance(hours=held.HOLD_HOURS, minutes=1)
    client.sign_out()
    client.post("/requests/new/question", data={"summary": "La suivante"})
    assert [row.data["summary"] for row in HeldForm.select()] == [["La suivante"]]


def test_of_one_person_the_last_ones_are_kept(client: Any, world: Any, few: None) -> None:
    for number in range(7):
        client.sign_in(world.alice)
        client.post("/requests/new/question", data={"summary": f"Une question {number}"})
    assert [row.data["summary"][0][-1] for row in HeldForm.select().order_by(HeldForm.id)] == ["4", "5", "6"]


def test_strangers_who_filled_their_room_take_nothing_from_a_person(
    client: Any, world: Any, few: None
) -> None:
    for number in range(9):
        client.sign_out()
        client.post("/requests/new/question", data={"summary": f"Une question {number}"})
    client.sign_in(world.alice)
    answer = client.post("/requests/new/question", data={"summary": "La mienne"})
    assert "La mienne" in client.get(answer.headers["Location"]).text
