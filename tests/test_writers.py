"""Many who write at once into one database file: nobody is turned away, and nobody's words are lost."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Any

import models
from models import Portal, PortalSetting, db
from tests.conftest import NOW, shut
from tests.support.casework import faults, together


def test_each_of_many_writers_gets_its_turn(tmp_path: Path) -> None:
    """Each waits for the one before it, never for luck: far less than it is ready to wait."""
    before = db.obj
    patient = {**models.SQLITE_PRAGMAS, "synchronous": "off", "busy_timeout": 400}
    database = models.make_database(f"sqlite:///{tmp_path}/one.db", pragmas=patient, timeout=10)
    db.initialize(database)
    try:
        database.connect()
        database.create_tables([Portal])
        portal = Portal.create(slug="p", name_fr="P", name_en="P", prefix="P", last_number=0)

        def write() -> None:
            for _ in range(25):
                with db.atomic():
                    Portal.update(last_number=Portal.last_number + 1).where(Portal.id == portal.id).execute()
                    time.sleep(0.002)

        assert faults(together([write] * 12, database)) == []
        assert Portal.get().last_number == 12 * 25
    finally:
        shut(database)
        db.initialize(before)


def test_a_transaction_that_fails_to_begin_leaves_the_way_free(database: Any) -> None:
    from domain import settings

    if models.is_sqlite():
        for _ in range(3):
            try:
                database.begin("NONSENSE")
            except Exception as refused:
                assert "NONSENSE" in str(refused)
    results = together(
        [partial(settings.put, "page_size", size, None, NOW) for size in (30, 40, 50)], database
    )
    assert faults(results) == []
    assert PortalSetting.get(PortalSetting.key == "page_size").value in (30, 40, 50)
