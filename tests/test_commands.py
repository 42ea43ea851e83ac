"""The commands of the operator do what the guide says, and say what they did."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask

from models import AuditEntry, Membership, OutboxMessage, Person, PortalSetting, UserSession

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def run(app: Flask, world: SimpleNamespace) -> Any:
    """Run a command of the operator: run("people", "disable", "alice@acme.example")."""
    runner = app.test_cli_runner()

    def invoke(*words: str) -> Any:
        return runner.invoke(args=list(words))

    return invoke


def test_upgrading_an_upgraded_portal_changes_nothing(run: Any) -> None:
    result = run("db", "upgrade")
    assert result.exit_code == 0, result.output


def test_an_agent_with_a_password_can_sign_in_at_once(run: Any, client: Any) -> None:
    result = run(
        "people", "add", "--email", "New@Guichet.example", "--name", "Nora New", "--role", "agent",
        "--password", "a phrase that nobody tries",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert Person.get(Person.email == "new@guichet.example").staff_role == "agent"
    answer = client.sign_in_by_page("new@guichet.example", "a phrase that nobody tries")
    assert answer.status_code == 303


def test_a_contact_without_a_password_is_invited_and_approved(run: Any) -> None:
    result = run(
        "people", "add", "--email", "zoe@acme.example", "--name", "Zoé Zola", "--role", "contact",
        "--organisation", "Acme",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    person = Person.get(Person.email == "zoe@acme.example")
    membership = Membership.get(Membership.person == person.id)
    assert membership.role == "contact" and membership.can_open
    assert OutboxMessage.get(OutboxMessage.recipient == person.email).template == "account-invitation"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--role", "contact"), "give --organisation"),
        (("--role", "contact", "--organisation", "Nowhere"), "no organisation named Nowhere"),
        (("--role", "agent", "--organisation", "Acme"), "goes without --organisation"),
        (("--role", "agent", "--password", "short"), "password"),
    ],
)
def test_a_person_that_cannot_be_added_is_refused_with_a_sentence_in_english(
    run: Any, words: tuple[str, ...], said: str
) -> None:
    result = run("people", "add", "--email", "zoe@acme.example", "--name", "Zoé", *words)
    assert result.exit_code != 0 and said.lower() in result.output.lower()
    assert Person.get_or_none(Person.email == "zoe@acme.example") is None


LIST = "Courriel;Nom complet;Organisation\nzoe@acme.example;Zoé Zola;Acme\nalice@acme.example;;Acme\nnobody;X;Acme\n"


def test_contacts_come_from_a_file_line_by_line_and_a_dry_run_changes_nothing(
    run: Any, tmp_path: Path
) -> None:
    file = tmp_path / "contacts.csv"
    file.write_text(LIST, "cp1252")
    for words in (("--dry-run",), ()):
        result = run("contacts", "import", str(file), *words)
        assert result.exit_code == 0, result.output
        assert "line 2  created" in result.output and "line 4  refused    nobody" in result.output
        assert "1 created, 0 changed, 1 unchanged, 1 refused" in result.output
        assert (Person.get_or_none(Person.email == "zoe@acme.example") is None) == bool(words)
    membership = Membership.get(Membership.person == Person.get(Person.email == "zoe@acme.example"))
    assert membership.reason == "imported by command from contacts.csv"
    assert OutboxMessage.get(OutboxMessage.recipient == "zoe@acme.example").template == "account-invitation"
    assert "0 created, 0 changed, 2 unchanged, 1 refused" in run("contacts", "import", str(file)).output


def test_a_file_that_is_no_list_of_contacts_is_refused_with_a_sentence(run: Any, tmp_path: Path) -> None:
    file = tmp_path / "contacts.csv"
    file.write_text("name\nZoé\n")
    result = run("contacts", "import", str(file))
    assert result.exit_code == 1 and "No column holds the addresses" in result.output
    assert run("contacts", "import", str(file), "--organisation", "Nowhere").exit_code == 1


def test_an_address_that_is_taken_is_refused(run: Any) -> None:
    result = run("people", "add", "--email", "alice@acme.example", "--name", "Other", "--role", "agent")
    assert result.exit_code != 0 and Person.select().where(Person.email == "alice@acme.example").count() == 1


def test_disabling_somebody_signs_them_out_at_once(run: Any, client: Any) -> None:
    client.sign_in("alice@acme.example")
    assert client.get("/tickets").status_code == 200
    assert run("people", "disable", "alice@acme.example").exit_code == 0
    assert client.get("/tickets").status_code == 303
    assert UserSession.select().where(UserSession.ended_at.is_null()).count() == 0


def test_disabling_nobody_says_so(run: Any) -> None:
    result = run("people", "disable", "nobody@acme.example")
    assert result.exit_code != 0 and "Nobody has the address" in result.output


def test_presets_are_listed_applied_and_exported(run: Any, tmp_path: Path) -> None:
    assert "default" in run("preset", "list").output.split()
    PortalSetting.delete().execute()
    assert run("preset", "apply", "default").exit_code == 0
    assert run("preset", "apply", "no-such-preset").exit_code != 0
    target = tmp_path / "mine.toml"
    assert run("preset", "export", str(target)).exit_code == 0
    assert "[[forms]]" in target.read_text("utf-8") or "forms" in target.read_text("utf-8")


def test_seeding_a_portal_with_people_changes_nothing(run: Any) -> None:
    before = Person.select().count()
    result = run("seed")
    assert result.exit_code == 0 and "already has people" in result.output
    assert Person.select().count() == before


def test_the_audit_trail_is_verified_and_an_altered_row_is_named(run: Any) -> None:
    assert "Nothing was altered" in run("audit", "verify").output
    entry = AuditEntry.select().order_by(AuditEntry.id).first()
    AuditEntry.update(target="person:999").where(AuditEntry.id == entry.id).execute()
    result = run("audit", "verify")
    assert result.exit_code == 1 and f"audit entry {entry.id}" in result.output


def test_every_command_setting_job_and_event_stands_in_the_documents(app: Flask) -> None:
    import config
    import jobs

    guide = (ROOT / "docs" / "guides" / "operator.md").read_text("utf-8")
    for name, command in app.cli.commands.items():
        if name in {"run", "shell", "routes"}:
            continue
        assert f"`{name}" in guide, f"the command {name} is not in the operator's guide"
        for sub in getattr(command, "commands", {}):
            assert f"{name} {sub}" in guide, f"the command {name} {sub} is not in the operator's guide"
    for job in jobs.JOBS:
        assert f"`{job.name}`" in guide, f"the job {job.name} is not in the operator's guide"
    source = (ROOT / "config.py").read_text("utf-8")
    import re

    for name in set(re.findall(r'env\.get\("([A-Z_]+)"\)', source)):
        assert f"`{name}`" in guide, f"the setting {name} is not in the operator's guide"
    assert config.VERSION in (ROOT / "CHANGELOG.md").read_text("utf-8")
