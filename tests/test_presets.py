"""The default portal as a file: what it holds, what applying it does to a portal that lives, and writing it back."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from domain import catalogue, closing, presets, settings
from domain.lifecycle import STATUSES
from domain.refusals import Invalid, Missing
from models import (
    Calendar,
    Category,
    ClosingRule,
    ConsentText,
    EscalationLine,
    HelpLine,
    Highlight,
    Kind,
    Organisation,
    Portal,
    Product,
    RequestForm,
    RoutingRule,
    Scale,
    ScaleLevel,
    StatusLabel,
    Team,
)
from tests.conftest import NOW
from tools.messages import typeset

ROOT = Path(__file__).resolve().parent.parent
THIRTEEN_FORMS = {
    "question": "general",
    "interface": "general",
    "improvement": "general",
    "api": "technical",
    "incident": "technical",
    "sql-report": "technical",
    "billing-question": "billing",
    "vat-change": "billing",
    "user-deletion": "privacy",
    "mfa-reset": "privacy",
    "patch": "product",
    "standard-help": "product",
    "licence": "licences",
}
# Children before their parents.
CONFIGURED = (
    HelpLine, EscalationLine, Highlight, RoutingRule, ClosingRule, RequestForm, ScaleLevel, Scale, Category, Kind, Product, Team, Calendar, StatusLabel,
    ConsentText, Portal,
)  # fmt: skip


@pytest.fixture
def portal(database: Any) -> None:
    """A portal with the default preset and nobody in it."""
    presets.apply("default", None, NOW)


@contextmanager
def counted_queries() -> Iterator[list[str]]:
    """The statements that are executed inside."""
    seen: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(record.getMessage())

    logger, handler = logging.getLogger("peewee"), Handler()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield seen
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def texts(language: str) -> Iterator[tuple[str, str]]:
    """Every text of the default preset in one language, with where it stands."""

    def walk(where: str, node: Any) -> Iterator[tuple[str, str]]:
        if isinstance(node, list):
            for item in node:
                yield from walk(where, item)
        elif isinstance(node, dict):
            for key, value in node.items():
                if isinstance(value, str) and key.endswith(f"_{language}"):
                    yield (
                        f"{where} {node.get('slug') or node.get('status') or node.get('value')} {key}",
                        value,
                    )
                else:
                    yield from walk(f"{where}.{key}", value)

    yield from walk("", presets.read("default"))


# ---- What it holds ---------------------------------------------------------------------------------------


def test_the_default_preset_is_named_first() -> None:
    assert presets.names()[0] == "default"


def test_the_thirteen_forms_stand_in_their_categories(portal: None) -> None:
    found = {form.slug: form.category.slug for form in RequestForm.select()}
    # The words of the guided path are a row too; the catalogue links to it and lists the others.
    assert found == THIRTEEN_FORMS | {"guided": "general"}


def test_every_form_says_what_it_is_for_when_to_use_it_and_gives_an_example(portal: None) -> None:
    for form in RequestForm.select():
        for name in ("name", "purpose", "when", "include", "example"):
            for language in ("fr", "en"):
                assert getattr(form, f"{name}_{language}").strip(), f"{form.slug} has no {name} in {language}"


def test_every_irreversible_form_warns(portal: None) -> None:
    warned = {form.slug for form in RequestForm.select() if form.warning_fr and form.warning_en}
    assert warned == {"user-deletion", "mfa-reset"}


def test_consent_is_asked_by_all_forms_but_improvements(portal: None) -> None:
    assert {form.slug for form in RequestForm.select().where(~RequestForm.asks_consent)} == {"improvement"}


def test_every_status_has_words_in_both_languages(portal: None) -> None:
    labels = catalogue.labels()
    assert set(labels) == set(STATUSES)
    for row in labels.values():
        for name in ("customer", "team", "turn"):
            assert getattr(row, f"{name}_fr") and getattr(row, f"{name}_en"), (row.status, name)


def test_severities_promise_their_targets(portal: None) -> None:
    targets = [
        (level.value, level.response_minutes, level.resolution_minutes)
        for level in catalogue.levels("severity")
    ]
    assert targets == [("1", 30, 240), ("2", 120, 600), ("3", 240, 3000), ("4", 600, 9000)]


def test_criticality_goes_from_critical_to_low(portal: None) -> None:
    assert [level.value for level in catalogue.levels("criticality")] == ["critical", "high", "medium", "low"]


def test_a_day_of_the_targets_is_a_day_of_the_calendar(portal: None) -> None:
    calendar = Calendar.get(Calendar.is_default)
    work = closing.work_calendar(calendar, ())
    monday = work.hours[0]
    assert [(start.hour, end.hour) for start, end in monday] == [(8, 18)]
    assert work.weekdays == frozenset(range(5))


def test_closing_rules_are_those_of_the_product(portal: None) -> None:
    rules = {
        row.status: (row.unit, row.reminders, row.after, row.final_status) for row in ClosingRule.select()
    }
    assert rules == {
        "waiting_customer": ("days", [10, 15], 20, "closed"),
        "resolved": ("working_days", [], 7, "closed"),
        "customer_testing": ("working_days", [], 10, "awaiting_rollback"),
        "awaiting_rollback": ("working_days", [], 2, "expired"),
    }


def test_every_icon_is_drawn_in_the_sprite() -> None:
    drawn = set(re.findall(r'id="i-([\w-]+)"', (ROOT / "static" / "icons.svg").read_text("utf-8")))
    asked = set(re.findall(r'^icon = "(.*)"$', (ROOT / "presets" / "default.toml").read_text("utf-8"), re.M))
    assert asked and asked <= drawn


def test_the_french_of_the_preset_is_typeset() -> None:
    badly = [where for where, text in texts("fr") if "\n".join(map(typeset, text.split("\n"))) != text]
    assert not badly


def test_no_text_of_the_preset_shouts_or_begs() -> None:
    for language in ("fr", "en"):
        for where, text in texts(language):
            assert "!" not in text, where
            assert not re.search(r"\b(veuillez|please|merci de)\b", text, re.I), where


# ---- Routing ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "kind", "team"),
    [
        ("question", "question", "support"),
        ("question", "task", "configuration"),
        ("incident", "incident", "support"),
        ("sql-report", "task", "configuration"),
        ("improvement", "task", "engineering"),
        ("patch", "task", "engineering"),
        ("billing-question", "question", "support"),
        ("vat-change", "task", "billing"),
        ("licence", "task", "billing"),
        ("user-deletion", "task", "privacy"),
        ("mfa-reset", "task", "privacy"),
    ],
)
def test_a_request_goes_to_the_team_that_deals_with_it(portal: None, form: str, kind: str, team: str) -> None:
    assert catalogue.route(category=THIRTEEN_FORMS[form], form=form, kind=kind).slug == team


def test_the_first_rule_that_matches_decides(portal: None) -> None:
    globex = Organisation.create(name="Globex", slug="globex", created_at=NOW)
    implementation = Team.get(Team.slug == "implementation")
    RoutingRule.create(position=5, organisation=globex.id, team=implementation.id)
    assert (
        catalogue.route(category="privacy", form="mfa-reset", organisation_id=globex.id).slug
        == "implementation"
    )
    assert catalogue.route(category="privacy", form="mfa-reset", organisation_id=None).slug == "privacy"


def test_a_rule_about_a_product_wants_that_product(portal: None) -> None:
    ledger = Product.get(Product.slug == "ledger")
    RoutingRule.create(position=1, product=ledger.id, team=Team.get(Team.slug == "engineering").id)
    asked = {"category": "general", "form": "question", "kind": "question"}
    assert catalogue.route(**asked, product_id=ledger.id).slug == "engineering"
    assert catalogue.route(**asked).slug == "support"


def test_a_team_that_is_switched_off_gets_nothing(portal: None) -> None:
    Team.update(is_active=False).where(Team.slug == "privacy").execute()
    assert catalogue.route(category="privacy", form="mfa-reset").slug != "privacy"


def test_without_any_rule_the_first_team_gets_it(portal: None) -> None:
    RoutingRule.update(is_active=False).execute()
    assert catalogue.route(category="general", form="question").slug == "support"


def test_without_any_team_nothing_is_promised(portal: None) -> None:
    Team.update(is_active=False).execute()
    with pytest.raises(Missing):
        catalogue.route(category="general", form="question")


# ---- Reading the catalogue -------------------------------------------------------------------------------


def test_the_catalogue_costs_the_same_whatever_it_holds(portal: None) -> None:
    with counted_queries() as before:
        groups = catalogue.categories_with_forms()
        assert [group.category.slug for group in groups] == [
            "general", "technical", "billing", "privacy", "product", "licences",
        ]  # fmt: skip
        assert sum(len(group.forms) for group in groups) == 13
        assert all(form.category.name_fr for group in groups for form in group.forms)
    general = Category.get(Category.slug == "general")
    for number in range(20):
        RequestForm.create(
            slug=f"more-{number}", category=general.id, name_fr="Plus", name_en="More", position=999
        )
    with counted_queries() as after:
        assert sum(len(group.forms) for group in catalogue.categories_with_forms()) == 33
    assert len(after) == len(before)


def test_a_form_that_is_switched_off_is_neither_shown_nor_found(portal: None) -> None:
    RequestForm.update(is_active=False).where(RequestForm.slug == "patch").execute()
    shown = {form.slug for group in catalogue.categories_with_forms() for form in group.forms}
    assert "patch" not in shown
    with pytest.raises(Missing):
        catalogue.form("patch")


def test_a_form_comes_with_its_kind_and_scale_in_one_query(portal: None) -> None:
    with counted_queries() as seen:
        form = catalogue.form("incident")
        assert (form.category.slug, form.default_kind.slug, form.scale.slug) == (
            "technical",
            "incident",
            "severity",
        )
    assert len(seen) == 1
    assert catalogue.form("question").scale is None


# ---- Applying --------------------------------------------------------------------------------------------


def test_applying_twice_changes_nothing(portal: None) -> None:
    before = presets.export()
    presets.apply("default", None, NOW)
    assert presets.export() == before


def test_applying_again_puts_its_rows_back_and_leaves_those_an_admin_added(portal: None) -> None:
    Team.update(sentence_fr="Autre chose.").where(Team.slug == "support").execute()
    Team.create(slug="night", name_fr="Nuit", name_en="Night", position=5)
    presets.apply("default", None, NOW)
    assert Team.get(Team.slug == "support").sentence_fr.startswith("Cherche la réponse")
    assert Team.get(Team.slug == "night").name_fr == "Nuit"


def test_a_setting_that_an_admin_changed_is_put_back_and_the_trail_says_so(portal: None) -> None:
    settings.put("page_size", 50, by=None, now=NOW)
    presets.apply("default", None, NOW)
    settings.forget()
    assert settings.get("page_size") == 25


def test_numbers_go_on_where_they_were(portal: None) -> None:
    Portal.update(last_number=2041).execute()
    presets.apply("default", None, NOW)
    assert Portal.get().last_number == 2041


def test_a_published_consent_text_is_never_changed(portal: None) -> None:
    ConsentText.update(text_fr="Ce que des personnes ont lu.").execute()
    presets.apply("default", None, NOW)
    assert [row.text_fr for row in ConsentText.select()] == ["Ce que des personnes ont lu."]


def test_rules_of_one_organisation_are_left_alone(portal: None) -> None:
    acme = Organisation.create(name="Acme", slug="acme", created_at=NOW)
    ClosingRule.create(status="resolved", organisation=acme.id, after=3, final_status="closed")
    presets.apply("default", None, NOW)
    assert ClosingRule.select().where(ClosingRule.organisation == acme.id).count() == 1
    assert "after = 3" not in presets.export()


# ---- Exporting -------------------------------------------------------------------------------------------


def test_what_is_exported_makes_the_same_portal(portal: None, tmp_path: Path) -> None:
    Team.update(name_en='Night "owls" \\ team', sentence_en="Two\nlines, and a tab\there.").where(
        Team.slug == "support"
    ).execute()
    RequestForm.update(is_active=False).where(RequestForm.slug == "patch").execute()
    calendar = Calendar.get()
    calendar.closing_days.model.create(
        calendar=calendar.id, day=NOW.date(), label_fr="Inventaire", label_en="Stock"
    )
    settings.put("page_size", 30, by=None, now=NOW)
    exported = presets.export()
    file = tmp_path / "ours.toml"
    file.write_text(exported, "utf-8")
    for table in CONFIGURED:
        table.delete().execute()
    settings.put("page_size", 25, by=None, now=NOW)
    presets.apply(str(file), None, NOW)
    settings.forget()
    assert presets.export() == exported


# ---- Files that cannot be applied ------------------------------------------------------------------------


def changed(old: str, new: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        assert old in text
        return text.replace(old, new, 1)

    return change


@pytest.mark.parametrize(
    "change",
    [
        changed("format = 1", "format = 2"),
        changed("[[teams]]", "[[squads]]"),
        changed('name_en = "Support"', ""),
        changed('icon = "headset"', 'colour = "red"'),
        changed('slug = "support"\nicon', "icon"),
        changed('team = "billing"', 'team = "accounts"'),
        changed('category = "general"', 'category = "misc"'),
        changed('kind = "question"', 'kind = "riddle"'),
        changed("after = 20", "after = 0"),
        changed("reminders = [10, 15]", "reminders = [15, 25]"),
        changed('final_status = "closed"', 'final_status = "resolved"'),
        changed('status = "waiting_customer"\nunit', 'status = "in_progress"\nunit'),
        changed('unit = "working_days"', 'unit = "working_days"\ncalendar = "Mars"'),
        changed('icon = "headset"', 'icon = "headset"\ncalendar = "Mars"'),
        changed(
            'unit = "days"', 'unit = "days"\nclosing_text_fr = "Le {jour}"\nclosing_text_en = "On {day}"'
        ),
        changed('unit = "days"', 'unit = "days"\nclosing_text_fr = "Le {day}"'),
        changed('"08:00-18:00"', '"18:00-08:00"'),
        changed("hours.monday", "hours.lundi"),
        changed('time_zone = "Europe/Paris"', 'time_zone = "Europe/Lutèce"'),
        changed("page_size = 25", "page_size = 9000"),
        changed("page_size = 25", "page_length = 25"),
        changed("format = 1", "format = = 1"),
    ],
)
def test_a_file_with_a_mistake_is_refused_whole(
    database: Any, tmp_path: Path, change: Callable[[str], str]
) -> None:
    file = tmp_path / "mistaken.toml"
    file.write_text(change((ROOT / "presets" / "default.toml").read_text("utf-8")), "utf-8")
    with pytest.raises(Invalid) as refused:
        presets.apply(str(file), None, NOW)
    assert refused.value.code in {"preset-malformed", "setting-out-of-range"}
    assert not Team.select().exists()
    assert not Portal.select().exists()


@pytest.mark.parametrize("name", ["nothing", "../default", "default/../default", "", "/no/such/file.toml"])
def test_a_preset_that_does_not_exist_is_refused(database: Any, name: str) -> None:
    with pytest.raises(Missing):
        presets.apply(name, None, NOW)
