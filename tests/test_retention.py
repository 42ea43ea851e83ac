"""Retention (STAFF-7): each kind of data goes on its day, not before, in small steps; what is promised is what is done."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest

import jobs
from domain import retention, settings
from models import (
    AccountToken,
    AssistantQuestion,
    AuditEntry,
    Draft,
    HeldForm,
    MailCopy,
    OutboxMessage,
    Person,
    SearchMiss,
    SignInFailure,
    Ticket,
    UserSession,
    db,
)
from tests.conftest import NOW
from tests.support.casework import person, put_in, see, send

DAY = timedelta(days=1)


def put(key: str, value: int) -> None:
    settings.put(key, value, None, NOW)


def only(key: str, value: int) -> None:
    """Only this setting has days, as far as that can be, so that nothing else explains what goes or stays."""
    for other in retention.KINDS:
        put(other.setting, 0 if settings.DEFAULTS[other.setting].least == 0 else 365)
    put(key, value)


def count_of(name: str, now: datetime = NOW) -> int:
    [line] = [line for line in retention.preview(now) if line.name == name]
    return line.rows


def a_mail(at: datetime, status: str = "sent") -> OutboxMessage:
    number = OutboxMessage.select().count()
    return OutboxMessage.create(
        source=f"test:{number}", recipient="alice@acme.example", template="reply", message_id=f"m{number}",
        status=status, created_at=at,
    )  # fmt: skip


def make_session(world: Any, at: datetime) -> None:
    UserSession.create(
        token_hash=f"t{UserSession.select().count()}", person=world.alice, created_at=at - DAY, last_seen_at=at - DAY,
        expires_at=at, fresh_at=at - DAY,
    )  # fmt: skip


def make_held(world: Any, at: datetime) -> None:
    HeldForm.create(key_hash=f"h{HeldForm.select().count()}", path="/x", created_at=at)


def make_draft(world: Any, at: datetime) -> None:
    Draft.create(
        person=world.alice, kind="form", form_slug=f"f{Draft.select().count()}",
        organisation=world.organisations["acme"], updated_at=at, minute_at=at,
    )  # fmt: skip


def make_draft_of_closed(world: Any, at: datetime) -> None:
    ticket = put_in(send(world), "closed", now=at)
    Draft.create(person=world.alice, kind="reply", ticket=ticket, updated_at=NOW + 400 * DAY, minute_at=NOW)


def make_copy(world: Any, at: datetime) -> None:
    MailCopy.create(message=a_mail(at), subject="x", text="x")


def make_mail(world: Any, at: datetime) -> None:
    a_mail(at)


def make_question(world: Any, at: datetime) -> None:
    number = AssistantQuestion.select().count()
    AssistantQuestion.create(
        person=world.alice, subject="other", message="x", created_at=at, idempotency_key=f"q{number}"
    )


def make_miss(world: Any, at: datetime) -> None:
    SearchMiss.create(words=f"mot {SearchMiss.select().count()}", last_at=at)


def make_unconfirmed(world: Any, at: datetime) -> None:
    person(f"zoe{Person.select().count()}", email_verified_at=None, first_signed_in_at=None, created_at=at)


def make_unused(world: Any, at: datetime) -> None:
    person(f"paul{Person.select().count()}", last_signed_in_at=at, created_at=at - DAY)


# kind -> what makes one row of that age, and how many are left of it.
MAKES: dict[str, tuple[Callable[[Any, datetime], None], Callable[[], int]]] = {
    "sign_ins": (make_session, lambda: UserSession.select().count()),
    "held_forms": (make_held, lambda: HeldForm.select().count()),
    "drafts": (make_draft, lambda: Draft.select().count()),
    "drafts_of_closed": (make_draft_of_closed, lambda: Draft.select().count()),
    "mail_copies": (make_copy, lambda: MailCopy.select().count()),
    "mails": (make_mail, lambda: OutboxMessage.select().count()),
    "questions": (make_question, lambda: AssistantQuestion.select().count()),
    "search_misses": (make_miss, lambda: SearchMiss.select().count()),
    "never_confirmed": (make_unconfirmed, lambda: Person.select().count()),
    "unused_accounts": (make_unused, lambda: Person.select().where(Person.is_active == True).count()),  # noqa: E712
}


def test_every_kind_has_a_test_and_words(app: Any) -> None:
    import presenters

    assert set(MAKES) == {kind.name for kind in retention.KINDS} == set(retention.periods())
    with app.test_request_context():
        assert set(presenters.kept_kinds()) == set(MAKES)
    assert all(kind.setting in settings.DEFAULTS for kind in retention.KINDS)


@pytest.mark.parametrize("kind", [kind.name for kind in retention.KINDS])
def test_the_day_before_it_is_kept_and_the_day_after_it_is_gone(world: Any, kind: str) -> None:
    [setting] = [row.setting for row in retention.KINDS if row.name == kind]
    only(setting, 40)
    make, left = MAKES[kind]
    before = count_of(kind)
    make(world, NOW - 40 * DAY + timedelta(hours=1))
    assert count_of(kind) == before, "an hour before its time"
    make(world, NOW - 40 * DAY - timedelta(hours=1))
    assert count_of(kind) == before + 1
    rows = left()
    lines = {line.name: line.rows for line in retention.carry_out(NOW)}
    assert lines.pop(kind) == before + 1
    assert not any(lines.values()), lines
    assert left() == rows - before - 1
    assert count_of(kind) == 0


@pytest.mark.parametrize(
    "kind", [kind for kind in retention.KINDS if settings.DEFAULTS[kind.setting].least == 0]
)
def test_nought_keeps_it_for_good(world: Any, kind: Any) -> None:
    only(kind.setting, 0)
    make, left = MAKES[kind.name]
    make(world, NOW - 3000 * DAY)
    assert count_of(kind.name) == 0
    rows = left()
    done = {line.name: line.rows for line in retention.carry_out(NOW)}
    assert left() == rows and done[kind.name] == 0


def test_a_trial_run_changes_nothing(world: Any) -> None:
    put("keep_unused_accounts_days", 40)
    for make, _left in MAKES.values():
        make(world, NOW - 3000 * DAY)
    before = [left() for _make, left in MAKES.values()]
    entries = AuditEntry.select().count()
    assert sum(line.rows for line in retention.preview(NOW)) >= len(MAKES)
    assert [left() for _make, left in MAKES.values()] == before
    assert AuditEntry.select().count() == entries


def test_a_waiting_mail_never_goes(world: Any) -> None:
    row = a_mail(NOW - 3000 * DAY, "waiting")
    retention.carry_out(NOW)
    assert OutboxMessage.select().where(OutboxMessage.id == row.id).exists()


def test_an_account_with_a_request_under_way_stays_open(world: Any) -> None:
    put("keep_unused_accounts_days", 40)
    send(world)
    Person.update(last_signed_in_at=NOW - 400 * DAY, created_at=NOW - 500 * DAY).where(
        Person.id == world.alice.id
    ).execute()
    retention.carry_out(NOW)
    assert Person.get_by_id(world.alice.id).is_active
    Ticket.update(status="closed").where(Ticket.requester == world.alice.id).execute()
    retention.carry_out(NOW)
    assert not Person.get_by_id(world.alice.id).is_active
    # The team is never closed by itself.
    assert Person.get_by_id(world.root.id).is_active


def test_many_rows_go_in_small_transactions(world: Any) -> None:
    rows = [
        {"account_key": "k", "origin": "203.0.113.7", "at": NOW - 100 * DAY}
        for _n in range(3 * retention.BATCH + 7)
    ]
    with db.atomic():
        SignInFailure.insert_many(rows).execute()
    depths: list[int] = []
    deleted = SignInFailure.delete

    def noted() -> Any:
        depths.append(SignInFailure.select().count())
        return deleted()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SignInFailure, "delete", noted)
        lines = {line.name: line.rows for line in retention.carry_out(NOW)}
    assert lines["sign_ins"] >= len(rows)
    # Each deletion found some hundred rows fewer than the one before.
    assert [a - b for a, b in pairwise(depths)] == [retention.BATCH] * 3
    assert SignInFailure.select().count() == 0


def test_a_run_without_time_leaves_the_rest_to_the_next(world: Any) -> None:
    make_miss(world, NOW - 3000 * DAY)
    rows = SearchMiss.select().count()
    assert sum(line.rows for line in retention.carry_out(NOW, seconds=0)) == 0
    assert SearchMiss.select().count() == rows


def test_the_record_tells_how_many_of_which_kind(world: Any) -> None:
    make_miss(world, NOW - 3000 * DAY)
    retention.carry_out(NOW, by=see(world.root))
    entry = AuditEntry.select().order_by(AuditEntry.id.desc()).first()
    assert (entry.kind, entry.actor_id, entry.data["search_misses"]) == (
        "retention:carried_out",
        world.root.id,
        1,
    )


def test_the_job_of_sessions_keeps_to_the_same_days(app: Any, world: Any) -> None:
    put("keep_sign_ins_days", 90)
    AccountToken.create(
        person=world.alice,
        purpose="password",
        token_hash="x",
        created_at=NOW - 61 * DAY,
        expires_at=NOW - 60 * DAY,
    )
    jobs.run("sessions", app, NOW)
    assert AccountToken.select().count() == 1
    jobs.run("sessions", app, NOW + 31 * DAY)
    assert AccountToken.select().count() == 0


# ---- What is said of it ------------------------------------------------------------------------------------


def figures(text: str) -> dict[str, str]:
    found = re.findall(r'<tr data-kept="(\w+)">\s*<td>[^<]*</td>\s*<td>([^<]*)</td>', text)
    return {name: period.replace("\u00a0", " ").replace("\u202f", " ") for name, period in found}


def test_the_page_for_everybody_tells_the_figures_of_the_settings(client: Any) -> None:
    said = figures(client.get("/privacy").text)
    for kind in retention.KINDS:
        days = settings.get(kind.setting)
        assert said[kind.name] == (
            "pas supprimé automatiquement" if days == 0 else f"{days} jour{'s' if days > 1 else ''}"
        )
    put("keep_mails_days", 411)
    put("keep_search_misses_days", 0)
    again = figures(client.get("/privacy").text)
    assert (again["mails"], again["search_misses"]) == ("411 jours", "pas supprimé automatiquement")
    assert {name for name in said if said[name] != again[name]} == {"mails", "search_misses"}


def test_an_admin_looks_and_then_runs_it(client: Any, world: SimpleNamespace) -> None:
    rows = SearchMiss.select().count()
    make_miss(world, NOW - 3000 * DAY)
    client.sign_in(world.root)
    page = client.get("/admin/retention/")
    assert set(re.findall(r'<li data-kept="(\w+)">', page.text)) == set(MAKES)
    assert SearchMiss.select().count() == rows + 1
    done = client.send(page, form="retention")
    assert done.status_code == 303 and SearchMiss.select().count() == rows


def test_the_command_says_what_would_go_and_then_does_it(app: Any, world: Any) -> None:
    rows = SearchMiss.select().count()
    make_miss(world, NOW - 3000 * DAY)
    runner = app.test_cli_runner()
    trial = runner.invoke(args=["privacy", "retention", "--dry-run"])
    assert trial.exit_code == 0 and re.search(r"search_misses +365 days +1\n", trial.output), trial.output
    assert SearchMiss.select().count() == rows + 1
    assert runner.invoke(args=["privacy", "retention"]).exit_code == 0
    assert SearchMiss.select().count() == rows
