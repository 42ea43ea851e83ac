"""How much one person may write in a minute: more than a hand can write is a program or a loop."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from peewee import Field

from domain import settings
from domain.refusals import NotNow

if TYPE_CHECKING:
    from domain.policies import Viewer


def check(author: Field, by: Viewer, now: datetime, *, setting: str, refusal: str) -> None:
    """Refuse a flood, before anything is written.

    Arguments: author, the column that says who wrote a row, in a table with `created_at`; by, who writes; now, aware
    UTC; setting, the name of the most in one minute; refusal, the code.
    Raises NotNow(refusal) with `limit`. One query, whose cost does not grow with what the person ever wrote: the row
    that would be one too many is found by its place.
    """
    limit = settings.get(setting)
    table = author.model
    earlier = (
        table.select(table.created_at)
        .where(author == by.id)
        .order_by(table.id.desc())
        .offset(limit - 1)
        .limit(1)
        .tuples()
        .first()
    )
    if earlier is not None and earlier[0] > now - timedelta(minutes=1):
        raise NotNow(refusal, limit=limit)
