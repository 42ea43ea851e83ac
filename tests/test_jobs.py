"""What runs by itself: each job, what is written down of its runs, who runs them, and the commands."""

import email
import email.policy
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import jobs
import models
from domain import notifications
from models import HeldForm, JobRun, OutboxMessage, Ticket, UserSession, db
from tests.support.correspondence import NOW, counter, portal  # noqa: F401

ROOT = Path(__file__).resolve().parent.parent


def mails_in(folder):
    return [
        email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        for path in sorted(folder.glob("*.eml"))
    ]


def runs(name):
    return list(JobRun.select().where(JobRun.name == name).order_by(JobRun.id))


# ---- One run -----------------------------------------------------------------------------------------------


def test_the_table_names_each_job_once_with_what_it_is_for():
    names = [job.name for job in jobs.JOBS]
    assert names == [
        "outbox",
        "closing",
        "dates",
        "deletion",
        "incident-answers",
        "texts",
        "uploads",
        "sessions",
        "imports",
        "retention",
        "contact-reviews",
        "partners",
        "digest",
        "satisfaction",
    ]
    assert all(job.meaning and job.seconds > 0 for job in jobs.JOBS)
    with pytest.raises(KeyError):
        jobs.find("lunch")


def test_mails_are_files_without_a_server(counter, portal, tmp_path):
    counter.request()
    row = jobs.run("outbox", portal)
    assert (row.outcome, row.done, row.error) == ("ok", 3, "")
    assert row.ended_at >= row.started_at == NOW
    mails = mails_in(tmp_path / "data" / "mail")
    assert {(mail["X-Guichet-Mail"], mail["To"].addresses[0].addr_spec) for mail in mails} == {
        ("request-received", "alice@acme.example"),
        ("team-new", "sam@guichet.example"),
        ("team-new", "ines@guichet.example"),
    }


def test_mails_leave_by_the_server_when_there_is_one(counter, portal, smtp_server, tmp_path):
    portal.configure(SMTP_URL=smtp_server.url)
    ticket = counter.request()
    assert jobs.run("outbox", portal).done == 3
    (mail,) = smtp_server.postbox.to("alice@acme.example")
    assert mail["X-Guichet-Ticket"] == ticket.number
    assert "http://support.initech.example/tickets/" in mail.get_body(("plain",)).get_content()
    assert not (tmp_path / "data" / "mail").exists()


def test_a_server_that_is_away_loses_nothing(counter, portal, smtp_server):
    portal.configure(SMTP_URL=smtp_server.url)
    counter.request()
    smtp_server.postbox.refusing = "451 later"
    assert (jobs.run("outbox", portal).outcome, notifications.waiting_count()) == ("ok", 3)
    portal.advance(seconds=30)
    assert jobs.run("outbox", portal).done == 0, "not before the pause is over"
    smtp_server.postbox.refusing = None
    portal.advance(minutes=2)
    assert jobs.run("outbox", portal).done == 3
    assert len(smtp_server.mails) == 3


def test_a_mail_refused_for_good_is_failed(counter, portal, smtp_server):
    portal.configure(SMTP_URL=smtp_server.url)
    counter.request()
    smtp_server.postbox.refusing = "554 not this"
    jobs.run("outbox", portal)
    assert notifications.failed_count() == 3
    assert {row.last_error for row in notifications.outbox("failed")} == {"554 not this"}


def test_a_closing_run_at_another_date_enqueues_mails_that_leave_at_once(counter, portal, tmp_path):
    ticket = counter.request()
    counter.reply(ticket, "sam", "Réglé.", move_to="resolved")
    jobs.run("outbox", portal)
    row = jobs.run("closing", portal, datetime(2026, 12, 1, 8, 0, tzinfo=UTC))
    assert (row.outcome, row.done) == ("ok", 1)
    assert row.started_at == NOW, "the record of a run says when it really ran"
    assert Ticket.get_by_id(ticket.id).status == "closed"
    assert jobs.run("outbox", portal).done == 1
    assert mails_in(tmp_path / "data" / "mail")[-1]["X-Guichet-Mail"] == "closed"


def test_a_closing_run_twice_closes_once(counter, portal):
    ticket = counter.request()
    counter.reply(ticket, "sam", "Réglé.", move_to="resolved")
    later = NOW + timedelta(days=30)
    assert [jobs.run("closing", portal, later).done for _ in range(3)] == [1, 0, 0]
    assert OutboxMessage.select().where(OutboxMessage.template == "closed").count() == 1


def test_files_of_requests_never_sent_are_deleted(counter, portal):
    import io

    from domain import files
    from models import Attachment

    store = portal.extensions["guichet_files"]
    kept = files.keep(io.BytesIO(b"une ligne\n"), "note.txt", counter.viewer("alice"), NOW, store)
    assert jobs.run("uploads", portal).done == 0
    portal.advance(days=2)
    row = jobs.run("uploads", portal)
    assert (row.outcome, row.done) == ("ok", 1)
    assert not Attachment.select().where(Attachment.id == kept.id).exists()


def test_what_has_ended_long_ago_is_forgotten_and_nothing_else(counter, portal):
    old, recent = NOW - timedelta(days=31), NOW - timedelta(hours=1)
    for number, moment in enumerate((old, recent)):
        UserSession.create(
            token_hash=f"s{number}", person=counter.alice, created_at=moment, last_seen_at=moment,
            expires_at=moment, fresh_at=moment,
        )  # fmt: skip
        models.AccountToken.create(
            person=counter.alice,
            purpose="password",
            token_hash=f"t{number}",
            created_at=moment,
            expires_at=moment,
        )
        models.SignInFailure.create(account_key="k", origin="o", at=moment)
        HeldForm.create(key_hash=f"h{number}", path="/", created_at=moment)
    assert jobs.run("sessions", portal).done == 4
    for table in (UserSession, models.AccountToken, models.SignInFailure, HeldForm):
        assert table.select().count() == 1, table


def test_a_job_that_fails_is_written_down_and_raises_nothing(database, portal, monkeypatch):
    def broken(app, now):
        raise RuntimeError("the disk is on fire")

    monkeypatch.setattr(jobs, "JOBS", (jobs.Job("outbox", 3, broken, "fails"),))
    row = jobs.run("outbox", portal)
    assert (row.outcome, row.done, row.error) == ("failed", 0, "RuntimeError: the disk is on fire")
    assert [run.outcome for run in runs("outbox")] == ["failed"]
    jobs.run_scheduled("outbox", portal)


def test_a_database_that_is_away_does_not_end_the_scheduler(database, portal, monkeypatch, caplog):
    def away(*args, **kwargs):
        raise OSError("away")

    with monkeypatch.context() as patched:
        patched.setattr(type(database), "connect", away)
        with caplog.at_level("CRITICAL"):
            jobs.run_scheduled("closing", portal)
    assert runs("closing") == []


def test_only_the_last_runs_are_kept(database, portal, monkeypatch):
    monkeypatch.setattr(jobs, "RUNS_KEPT", 5)
    for _ in range(8):
        jobs.run("closing", portal)
    jobs.run("uploads", portal)
    kept = runs("closing")
    assert len(kept) == 5
    assert kept[-1].id - kept[0].id == 4, "the newest ones"
    assert len(runs("uploads")) == 1


def test_a_run_that_finds_nothing_is_not_written_down_every_few_seconds(database, portal, monkeypatch):
    monkeypatch.setattr(jobs, "_idle_since", {})
    for _ in range(10):
        jobs.run_scheduled("outbox", portal)
    assert len(runs("outbox")) == 1
    notifications.enqueue("account-exists", source="account:1", now=NOW, email="new@acme.example")
    jobs.run_scheduled("outbox", portal)
    assert [run.done for run in runs("outbox")] == [0, 1]


def test_a_run_gives_its_connection_back(database, portal):
    database.close()
    jobs.run("outbox", portal)
    assert database.is_closed()
    database.connect()
    jobs.run("outbox", portal)
    assert not database.is_closed(), "a connection that was open stays open"


# ---- Which process runs them -------------------------------------------------------------------------------


def test_one_lock_has_one_holder_and_is_free_after(database, portal):
    settings = portal.extensions["guichet_settings"]
    settings.data_dir.mkdir(exist_ok=True)
    first, second = jobs.leadership(settings), jobs.leadership(settings)
    assert first.held() and first.held()
    assert not second.held()
    first.release()
    assert second.held()
    assert not first.held()
    first.release()
    second.release()


def test_a_lost_connection_loses_the_lock_and_it_is_taken_again(database, portal):
    leader = jobs.leadership(portal.extensions["guichet_settings"])
    if not isinstance(leader, jobs.PostgresLeadership):
        pytest.skip("a file has no connection to lose")
    assert leader.held()
    leader._connection.close()
    assert not leader.held()
    assert leader.held()
    leader.release()


SERVER = """
import sys, time
from datetime import UTC, datetime
from types import SimpleNamespace
from flask import Flask
from flask_babel import Babel
import config, models, jobs

app = Flask("portal")
Babel(app)
settings = config.Settings.from_environment()
app.extensions.update(guichet_settings=settings, guichet_clock=lambda: datetime.now(UTC), guichet_files=None)
models.db.initialize(models.make_database(settings.database_url))
runner = jobs.start(app)
while True:
    print("leads" if runner.leads else "waits", flush=True)
    time.sleep(0.1)
"""


def server(database, data):
    return subprocess.Popen(
        [sys.executable, "-u", "-c", SERVER],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "DATABASE_URL": database.guichet_url,
            "GUICHET_DATA": str(data),
            "SECRET_KEY": "only for tests, long enough to be taken: 0123456789",
        },
    )


def said(process, word, seconds):
    """Read what a process says until it says `word`; False after so many seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        line = process.stdout.readline().strip()
        if line == word:
            return True
        if not line and process.poll() is not None:
            return False
    return False


def test_one_process_of_two_runs_the_jobs_and_the_other_takes_over_after_a_kill(database, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    first = server(database, data)
    second = None
    try:
        assert said(first, "leads", 30)
        second = server(database, data)
        assert said(second, "waits", 30)
        time.sleep(jobs.ELECTION_SECONDS + 0.5)
        assert second.stdout.readline().strip() == "waits"
        first.send_signal(signal.SIGKILL)
        first.wait(10)
        assert said(second, "leads", 3 * jobs.ELECTION_SECONDS + 5)
    finally:
        for process in (first, second):
            if process is not None:
                process.kill()
                process.wait(10)
                process.stdout.close()


def test_mails_leave_within_seconds_of_a_served_portal(counter, portal, tmp_path):
    counter.request()
    portal.extensions["guichet_settings"].data_dir.mkdir(exist_ok=True)
    runner = jobs.start(portal)
    try:
        end = time.monotonic() + 15
        while notifications.waiting_count() and time.monotonic() < end:
            time.sleep(0.1)
        assert notifications.waiting_count() == 0
        assert set(runner.next_runs()) == {job.name for job in jobs.JOBS}
    finally:
        runner.stop()
    assert len(mails_in(tmp_path / "data" / "mail")) == 3
    assert {run.outcome for run in JobRun.select()} == {"ok"}


# ---- Commands ----------------------------------------------------------------------------------------------


@pytest.fixture
def command(portal):
    portal.cli.add_command(jobs.jobs_cli)
    portal.cli.add_command(jobs.mail_cli)
    runner = portal.test_cli_runner()

    def run(*arguments):
        return runner.invoke(args=arguments)

    return run


def test_jobs_are_listed_with_their_last_run(command, database):
    assert command("jobs", "run", "closing").output == "closing: 0 done\n"
    listed = command("jobs", "list")
    assert listed.exit_code == 0
    for job in jobs.JOBS:
        assert job.name in listed.output and job.meaning in listed.output
    assert "2026-11-10 13:22:00 UTC, ok, 0 done" in listed.output
    assert "has not run yet" in listed.output


def test_a_job_runs_at_the_moment_it_is_told(command, counter):
    ticket = counter.request()
    counter.reply(ticket, "sam", "Quelle heure ?", move_to="waiting_customer")
    assert command("jobs", "run", "closing", "--now", "2026-11-20T23:00").output == "closing: 0 done\n"
    # Ten days after 10 November end at midnight in Paris, an hour before midnight in UTC.
    assert command("jobs", "run", "closing", "--now", "2026-11-21T00:00").output == "closing: 1 done\n"
    assert Ticket.get_by_id(ticket.id).reminders_sent == 1


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-12-01T08:00+01:00", "2026-12-01T07:00"),
        ("2026-12-01T08:00", "2026-12-01T07:00"),
        ("2026-07-01 08:00", "2026-07-01T06:00"),
        ("2026-12-01", "2026-11-30T23:00"),
        ("2026-12-01T08:00Z", "2026-12-01T08:00"),
    ],
)
def test_a_moment_without_offset_is_in_the_zone_of_the_portal(database, text, utc):
    assert jobs.parse_moment(text) == datetime.fromisoformat(utc).replace(tzinfo=UTC)


def test_the_zone_of_the_portal_is_the_one_of_its_calendar(database):
    models.Calendar.create(name="Québec", time_zone="America/Toronto", is_default=True)
    assert jobs.parse_moment("2026-12-01T08:00") == datetime(2026, 12, 1, 13, 0, tzinfo=UTC)


def test_a_moment_that_is_none_and_a_job_that_is_none_are_refused(command):
    refused = command("jobs", "run", "closing", "--now", "tomorrow")
    assert refused.exit_code == 2 and "2026-12-01T08:00+01:00" in refused.output
    assert command("jobs", "run", "lunch").exit_code == 2


def test_a_job_without_a_zone_in_its_moment_is_refused(database, portal):
    with pytest.raises(ValueError):
        jobs.run("closing", portal, datetime(2026, 12, 1))  # noqa: DTZ001


def test_a_job_that_fails_ends_its_command_with_one(command, portal, database, monkeypatch):
    def broken(app, now):
        raise RuntimeError("the disk is on fire")

    monkeypatch.setattr(jobs, "JOBS", (jobs.Job("outbox", 3, broken, "fails"),))
    failed = command("jobs", "run", "outbox")
    assert failed.exit_code == 1
    assert "the disk is on fire" in failed.output


def test_mails_are_listed_and_put_back(command, counter):
    counter.request()
    OutboxMessage.update(status="failed", last_error="550 no such person", attempts=1).where(
        OutboxMessage.recipient == "alice@acme.example"
    ).execute()
    listed = command("mail", "list")
    assert "request-received" in listed.output and "550 no such person" in listed.output
    assert listed.output.endswith("2 waiting, 1 failed\n")
    assert command("mail", "list", "--status", "failed").output.count("@") == 1
    failed = OutboxMessage.get(OutboxMessage.status == "failed")
    assert command("mail", "retry", str(failed.id)).output == "1 put back\n"
    assert command("mail", "retry", "--all").output == "3 put back\n"
    assert command("mail", "retry").exit_code == 2
    assert db.is_closed() is False
