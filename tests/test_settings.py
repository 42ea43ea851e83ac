"""Choices of the support team: declared once, checked when written, recorded, and seen by other processes."""

from __future__ import annotations

from typing import Any

import pytest

from domain import settings
from domain.refusals import Invalid
from models import AuditEntry, PortalSetting
from tests.conftest import NOW
from tests.support.casework import see


def trail() -> list[dict[str, Any]]:
    """What was recorded of changed settings, oldest first."""
    rows = AuditEntry.select().where(AuditEntry.kind == "setting:changed").order_by(AuditEntry.id)
    return [{"target": row.target, "actor": row.actor_id, **row.data} for row in rows]


def test_every_default_is_a_value_that_could_be_kept() -> None:
    for name, choice in settings.DEFAULTS.items():
        assert settings.check(name, choice.default) == choice.default, name
        assert choice.meaning


def test_a_setting_nobody_changed_has_its_default(database: Any) -> None:
    assert {name: settings.get(name) for name in settings.DEFAULTS} == {
        name: choice.default for name, choice in settings.DEFAULTS.items()
    }


def test_a_change_is_kept_recorded_and_seen_at_once(world: Any) -> None:
    settings.put("lock_after", 3, see(world.root), NOW)
    assert settings.get("lock_after") == 3
    assert PortalSetting.get(PortalSetting.key == "lock_after").value == 3
    assert trail()[-1] == {"target": "lock_after", "actor": world.root.id, "before": 5, "after": 3}
    settings.put("lock_after", 4, None, NOW)
    assert PortalSetting.select().where(PortalSetting.key == "lock_after").count() == 1
    assert trail()[-1]["before"] == 3


def test_the_same_value_again_is_no_change(world: Any) -> None:
    before = trail()
    settings.put("lock_after", 5, None, NOW)
    assert trail() == before


def test_what_another_process_changed_is_what_counts(database: Any) -> None:
    assert settings.get("page_size") == 25
    # Another process writes; this one still remembers the former value.
    PortalSetting.create(key="page_size", value=50)
    assert settings.get("page_size") == 25
    settings.put("page_size", 25, None, NOW)
    assert PortalSetting.get(PortalSetting.key == "page_size").value == 25, "going back is a change"
    assert trail()[-1]["before"] == 50


def test_another_process_is_seen_after_a_moment(database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings.get("page_size") == 25
    PortalSetting.create(key="page_size", value=50)
    monkeypatch.setattr(settings, "CACHE_SECONDS", 0.0)
    assert settings.get("page_size") == 50


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("registration", "maybe", "setting-unknown-choice"),
        ("registration", None, "setting-unknown-choice"),
        ("who_may_open", "", "setting-unknown-choice"),
        ("lock_after", 0, "setting-out-of-range"),
        ("lock_after", 21, "setting-out-of-range"),
        ("lock_after", "5", "setting-whole-number"),
        ("lock_after", 5.0, "setting-whole-number"),
        ("lock_after", True, "setting-whole-number"),
        ("page_size", 10_000, "setting-out-of-range"),
        ("portal_name", "x" * 301, "setting-text"),
        ("portal_name", 7, "setting-text"),
        ("file_kinds", "png", "setting-unknown-choice"),
        ("file_kinds", None, "setting-unknown-choice"),
    ],
)
def test_a_value_of_another_kind_is_refused_and_nothing_is_written(
    database: Any, name: str, value: Any, code: str
) -> None:
    with pytest.raises(Invalid) as refused:
        settings.put(name, value, None, NOW)
    assert (refused.value.code, refused.value.field) == (code, name)
    assert not PortalSetting.select().where(PortalSetting.key == name).exists() and trail() == []


def test_ends_of_a_range_belong_to_it(database: Any) -> None:
    for name, choice in settings.DEFAULTS.items():
        for value in (choice.least, choice.most):
            if value is not None:
                settings.put(name, value, None, NOW)
                assert settings.get(name) == value


def test_a_setting_that_is_not_declared_does_not_exist(database: Any) -> None:
    with pytest.raises(KeyError):
        settings.get("colour_of_the_sky")
    with pytest.raises(KeyError):
        settings.put("colour_of_the_sky", "blue", None, NOW)


def test_a_list_is_tidied(database: Any) -> None:
    settings.put("file_kinds", [" png ", "", "pdf"], None, NOW)
    assert settings.get("file_kinds") == ["png", "pdf"]


def test_a_row_of_a_setting_that_no_longer_exists_is_passed_over(database: Any) -> None:
    PortalSetting.create(key="from_an_older_version", value=1)
    settings.forget()
    assert "from_an_older_version" not in settings.all_values()


def test_a_change_that_is_undone_is_forgotten(database: Any) -> None:
    from models import db

    with pytest.raises(RuntimeError), db.atomic():
        settings.put("page_size", 50, None, NOW)
        raise RuntimeError
    settings.forget()
    assert settings.get("page_size") == 25 and trail() == []
