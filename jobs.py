"""What runs by itself and when: the JOBS table, one wrapper around each run, and the election of the one process
that runs them. Also the commands `jobs` and `mail` of the operator. What a job does is in the domain.
"""

from __future__ import annotations

import fcntl
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, NamedTuple, Protocol
from zoneinfo import ZoneInfo

import click
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from flask import Flask, current_app
from flask.cli import AppGroup, with_appcontext

import config
import mailer
from domain import (
    accounts,
    closing,
    contact_import,
    contact_reviews,
    deletion,
    digests,
    drafts,
    files,
    mail_actions,
    mobiles,
    notifications,
    partners,
    retention,
    satisfaction,
    second_step,
    settings,
    status_page,
    texts,
)
from gateways import sms, smtp
from models import Calendar, HeldForm, JobRun, OutboxMessage, TextMessage, db, is_sqlite

log = logging.getLogger("guichet.jobs")

RUNS_KEPT = 200
# A job that looks every few seconds and finds nothing is written down once a minute, not each time.
IDLE_RUN_SECONDS = 60
ELECTION_SECONDS = 2
# APScheduler drops a run that is later than this; its own default of one second would skip jobs on a busy machine.
LATENESS_SECONDS = 300
# Any number, always the same: the name of the lock of the scheduler among the advisory locks of PostgreSQL.
POSTGRES_LOCK = 7241003

# More than this leaves with the next run, a few seconds later.
MAILS_IN_ONE_RUN = 2000
# Answers to everybody affected, written in one run: others write in between.
ANSWERS_IN_ONE_RUN = 200
# Lines of files of contacts, carried out in one run: others write in between.
IMPORT_SECONDS = 10.0
# What a run of the job `retention` takes at most; the rest waits for the next night.
RETENTION_SECONDS = 600.0


def deliver_outbox(app: Flask, now: datetime) -> int:
    """Send the mails that are due. Returns how many left."""
    settings: config.Settings = app.extensions["guichet_settings"]
    transport = smtp.open_transport(settings)

    def send(row: OutboxMessage) -> notifications.Sent:
        made = mailer.render(row, settings.base_url, now)
        mail = made.message()
        try:
            transport.send(mail)
        except smtp.TemporaryFailure as failure:
            raise notifications.TemporaryFailure(str(failure), whole_server=failure.whole_server) from None
        except smtp.PermanentFailure as failure:
            raise notifications.PermanentFailure(str(failure)) from None
        return notifications.Sent(made.copies, made.left_out)

    try:
        return notifications.deliver_due(send, now, limit=MAILS_IN_ONE_RUN)
    finally:
        transport.close()


def deliver_texts(app: Flask, now: datetime) -> int:
    """Hand the text messages that wait to the gateway (ACC-10). Returns how many left."""
    way = sms.open_gateway(app.extensions["guichet_settings"])

    def send(row: TextMessage) -> None:
        if way is None:
            raise texts.Refused("no gateway", everybody=True)
        _hand_over(way, row.number, mailer.text_message(row))

    return texts.deliver_due(send, now, wanted=second_step.text_wanted, failed=second_step.text_failed)


def _hand_over(way: sms.HttpGateway, number: str, text: str) -> None:
    try:
        way.send(number, text)
    except way.Away as failure:
        raise texts.Away(str(failure), everybody=not str(failure).startswith("answer")) from None
    except way.Unknown as failure:
        # It may have left: sending it again could charge twice.
        raise texts.Refused(str(failure), everybody=True) from None
    except way.Refused as failure:
        raise texts.Refused(str(failure)) from None


def gather_digests(app: Flask, now: datetime) -> int:
    """Gather the mails of people who get them by the hour or once a day (VIEW-15). Returns how many mails were made."""
    return digests.gather(now)


def ask_satisfaction(app: Flask, now: datetime) -> int:
    """Ask how it went, some days after a closing (VIEW-17). Returns how many were asked."""
    return satisfaction.sweep(now)


def sweep_closing(app: Flask, now: datetime) -> int:
    """Send the reminders and make the closings that are due (LIFE-5, 6, 7). Returns how many."""
    return closing.sweep(now)


# A run leaves room for other writers between its batches, and for the next job.
DATES_SECONDS = 20.0


def recompute_dates(app: Flask, now: datetime) -> int:
    """Go on recomputing closing dates after a rule or a calendar changed (LIFE-12). Returns how many changed."""
    return closing.go_on_rescheduling(now, DATES_SECONDS)


def sweep_deletions(app: Flask, now: datetime) -> int:
    """Bring irreversible requests forward: waits that are over, answers that did not come (REQ-4). Returns how many."""
    return deletion.sweep(now)


def write_incident_answers(app: Flask, now: datetime) -> int:
    """Go on writing answers to everybody who joined an incident (VIEW-14). Returns how many requests it dealt with."""
    return status_page.write_waiting(now, limit=ANSWERS_IN_ONE_RUN)


def sweep_uploads(app: Flask, now: datetime) -> int:
    """Delete files that were uploaded for a request that was never sent. Returns how many."""
    return files.sweep_unclaimed(now, app.extensions["guichet_files"])


def clean_sessions(app: Flask, now: datetime) -> int:
    """Forget ended sessions, old links, failed sign-ins, held texts, old drafts and imports. Returns how many rows."""
    oldest = settings.cutoff("keep_held_forms_days", now)
    held = 0 if oldest is None else HeldForm.delete().where(HeldForm.created_at < oldest).execute()
    return (
        int(held)
        + accounts.sweep(now)
        + mail_actions.sweep(now)
        + drafts.sweep(now)
        + contact_import.sweep(now)
    )


def carry_out_imports(app: Flask, now: datetime) -> int:
    """Go on carrying out files of contacts (ACC-4). Returns how many lines."""
    return contact_import.go_on(now, IMPORT_SECONDS)


def carry_out_retention(app: Flask, now: datetime) -> int:
    """Delete what is kept no longer, close accounts that nobody uses (STAFF-7). Returns how many rows."""
    return sum(line.rows for line in retention.carry_out(now, seconds=RETENTION_SECONDS))


def ask_reviews(app: Flask, now: datetime) -> int:
    """Ask administrators to confirm their list of contacts (ACC-15). Returns how many organisations were asked."""
    return contact_reviews.sweep(now)


def end_partners(app: Flask, now: datetime) -> int:
    """Begin links between organisations, and say that the last day of others is over (ACC-18). Returns how many."""
    return partners.sweep(now)


class Job(NamedTuple):
    """One scheduled job: its name, every how many seconds it runs, what it calls, and what it is for."""

    name: str
    seconds: int
    function: Callable[[Flask, datetime], int]
    meaning: str


# A late or doubled run does no harm: each of these takes up what is due in the database, and nothing else.
JOBS: tuple[Job, ...] = (
    Job("outbox", 3, deliver_outbox, "deliver the mails that are due"),
    Job("closing", 60, sweep_closing, "send the reminders and make the closings that are due"),
    Job("dates", 5, recompute_dates, "go on recomputing closing dates after a rule or a calendar changed"),
    Job(
        "deletion",
        60,
        sweep_deletions,
        "end the waiting periods of irreversible requests, and those nobody confirmed",
    ),
    Job(
        "incident-answers",
        15,
        write_incident_answers,
        "go on writing answers to everybody who is affected by an incident",
    ),
    Job("texts", 2, deliver_texts, "hand codes by text message to the gateway, or mail them instead"),
    Job("uploads", 3600, sweep_uploads, "delete uploaded files of requests that were never sent"),
    Job(
        "sessions",
        86400,
        clean_sessions,
        "forget ended sessions, old links, held texts, drafts and failed sign-ins",
    ),
    Job("imports", 5, carry_out_imports, "go on creating and changing contacts of a file"),
    Job(
        "retention",
        86400,
        carry_out_retention,
        "delete what is kept no longer, as the settings say, and close accounts that nobody uses",
    ),
    Job(
        "contact-reviews",
        3600,
        ask_reviews,
        "ask administrators to confirm their list of contacts, once a year",
    ),
    Job(
        "partners",
        60,
        end_partners,
        "begin links between organisations, and tell both sides when the last day of one is over",
    ),
    Job("digest", 60, gather_digests, "gather the mails of people who get them by the hour or once a day"),
    Job("satisfaction", 300, ask_satisfaction, "ask requesters how it went, some days after the closing"),
)


def find(name: str) -> Job:
    """The job of this name. Raises KeyError."""
    for job in JOBS:
        if job.name == name:
            return job
    raise KeyError(name)


# ---- One run -----------------------------------------------------------------------------------------


@contextmanager
def _connection() -> Iterator[None]:
    """A connection for this thread, given back at the end; one that was open already is left open."""
    opened = db.connect(reuse_if_open=True)
    try:
        yield
    finally:
        if opened and not db.is_closed():
            db.close()


def run(name: str, app: Flask, now: datetime | None = None) -> JobRun:
    """Run a job once and write down how it went.

    Arguments: name, of JOBS; now, aware: the moment the job believes it is (the present when absent).
    Returns the row of the run: outcome "ok" or "failed". An exception of the job is logged and kept there, never
    raised. Raises KeyError for an unknown name, ValueError for a moment without a zone.
    """
    if now is not None and now.tzinfo is None:
        raise ValueError("a moment needs its time zone")
    job = find(name)
    with app.app_context(), _connection():
        row = JobRun.create(name=job.name, started_at=_clock(app), outcome="running")
        done, outcome, error = _attempt(job, app, now)
        _finish(row, app, done, outcome, error)
        _trim(job.name)
        return row


def run_scheduled(name: str, app: Flask) -> None:
    """What the scheduler calls: like run(), but a run that found nothing is written down once a minute only.

    Never raises: a job that fails, or a database that is away, must not end the scheduler.
    """
    job = find(name)
    try:
        if job.seconds >= IDLE_RUN_SECONDS:
            run(name, app)
            return
        with app.app_context(), _connection():
            started = _clock(app)
            done, outcome, error = _attempt(job, app, None)
            if (
                not done
                and outcome == "ok"
                and time.monotonic() - _idle_since.get(name, -1e9) < IDLE_RUN_SECONDS
            ):
                return
            _idle_since[name] = time.monotonic()
            row = JobRun.create(name=job.name, started_at=started, outcome="running")
            _finish(row, app, done, outcome, error)
            _trim(job.name)
    except Exception:
        log.exception("job %s could not run", name)


_idle_since: dict[str, float] = {}


def _attempt(job: Job, app: Flask, now: datetime | None) -> tuple[int, str, str]:
    try:
        return job.function(app, (now or _clock(app)).astimezone(UTC)), "ok", ""
    except Exception as mistake:
        log.exception("job %s failed", job.name)
        return 0, "failed", f"{type(mistake).__name__}: {mistake}"[:500]


def _finish(row: JobRun, app: Flask, done: int, outcome: str, error: str) -> None:
    row.ended_at, row.done, row.outcome, row.error = _clock(app), done, outcome, error
    row.save()


def _trim(name: str) -> None:
    """Keep the last runs of a job only."""
    oldest = (
        JobRun.select(JobRun.id)
        .where(JobRun.name == name)
        .order_by(JobRun.id.desc())
        .offset(RUNS_KEPT)
        .limit(1)
        .scalar()
    )
    if oldest is not None:
        JobRun.delete().where((JobRun.name == name) & (JobRun.id <= oldest)).execute()


def _clock(app: Flask) -> datetime:
    clock = app.extensions.get("guichet_clock")
    return clock() if clock is not None else datetime.now(UTC)


# ---- Which process runs them -------------------------------------------------------------------------


class Leadership(Protocol):
    """A lock that one process holds at a time, and that its end releases, however it ends."""

    def held(self) -> bool:
        """Take the lock if it is free; tell whether this process has it now."""

    def release(self) -> None:
        """Let somebody else have it."""


class FileLeadership:
    """A lock on a file of the data folder: for SQLite, whose processes share that folder."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None

    def held(self) -> bool:
        """Take the lock if it is free; the system lets it go when the process dies."""
        if self._file is not None:
            return True
        file = open(self._path, "ab")  # noqa: SIM115  (kept open: closing it gives the lock up)
        os.chmod(self._path, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            return False
        self._file = file
        return True

    def release(self) -> None:
        """Let somebody else have it."""
        if self._file is not None:
            self._file.close()
            self._file = None


class PostgresLeadership:
    """An advisory lock on a connection of its own: for processes that share a PostgreSQL server."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: Any = None
        self._mine = False

    def held(self) -> bool:
        """Take the lock if it is free; a connection that died has lost it, and the next call tries again."""
        import psycopg

        try:
            if self._connection is None:
                self._connection = psycopg.connect(
                    self._url, autocommit=True, connect_timeout=5, keepalives_idle=10, keepalives_interval=5
                )
            if self._mine:
                self._connection.execute("SELECT 1")
            else:
                row = self._connection.execute("SELECT pg_try_advisory_lock(%s)", (POSTGRES_LOCK,)).fetchone()
                self._mine = bool(row and row[0])
        except psycopg.Error:
            log.warning("the lock of the scheduler is out of reach")
            self.release()
        return self._mine

    def release(self) -> None:
        """Let somebody else have it."""
        import psycopg

        self._mine = False
        connection, self._connection = self._connection, None
        if connection is not None:
            # Said aloud: a server that is busy notices a closed connection only some moments later.
            with suppress(psycopg.Error):
                connection.execute("SELECT pg_advisory_unlock(%s)", (POSTGRES_LOCK,))
            connection.close()


def leadership(settings: config.Settings) -> Leadership:
    """The lock that fits the database of this portal."""
    if is_sqlite():
        return FileLeadership(settings.data_dir / "scheduler.lock")
    return PostgresLeadership(settings.database_url.replace("+pool", "", 1))


class Runner:
    """The scheduler of one process: it stands for election every few seconds, and runs the jobs while it leads."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._leadership = leadership(app.extensions["guichet_settings"])
        self._changing = threading.Lock()
        self.leads = False
        self._scheduler = BackgroundScheduler(
            timezone="UTC",
            executors={"default": ThreadPoolExecutor(4)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": LATENESS_SECONDS},
        )
        # A slow mail server makes a run last longer than its interval: skipping the next one is meant.
        logging.getLogger("apscheduler").setLevel(logging.ERROR)

    def start(self) -> None:
        """Begin; the first election is at once."""
        self._scheduler.add_job(
            self._elect, "interval", seconds=ELECTION_SECONDS, id="election", next_run_time=datetime.now(UTC)
        )
        self._scheduler.start()

    def stop(self) -> None:
        """End, after the runs that are under way; another process may lead from then on."""
        self._scheduler.shutdown(wait=True)
        self._leadership.release()
        self.leads = False

    def next_runs(self) -> dict[str, datetime]:
        """When each job runs next, in this process; empty while another one leads."""
        return {
            job.id: job.next_run_time.astimezone(UTC)
            for job in self._scheduler.get_jobs()
            if job.id != "election" and job.next_run_time is not None
        }

    def _elect(self) -> None:
        with self._changing:
            try:
                leads = self._leadership.held()
            except Exception:
                log.exception("the election of the scheduler failed")
                leads = False
            if leads == self.leads:
                return
            self.leads = leads
            log.info("this process %s the scheduled jobs", "runs" if leads else "no longer runs")
            for job in JOBS:
                if leads:
                    self._scheduler.add_job(
                        run_scheduled,
                        "interval",
                        args=(job.name, self._app),
                        seconds=job.seconds,
                        id=job.name,
                        next_run_time=datetime.now(UTC),
                    )
                elif self._scheduler.get_job(job.name):
                    self._scheduler.remove_job(job.name)


def start(app: Flask) -> Runner:
    """Run the jobs inside this process, if it is elected; called by the serve command only.

    Returns the runner, which is also app.extensions["guichet_jobs"]; its stop() ends it.
    """
    runner = Runner(app)
    app.extensions["guichet_jobs"] = runner
    runner.start()
    return runner


# ---- Commands ----------------------------------------------------------------------------------------

jobs_cli = AppGroup("jobs", help="What runs by itself.")
mail_cli = AppGroup("mail", help="The mails that leave.")
texts_cli = AppGroup("texts", help="Codes by text message.")


def parse_moment(text: str) -> datetime:
    """A moment as an operator types it: 2026-12-01T08:00+01:00, or without offset in the portal's own zone.

    Returns it in UTC. Raises ValueError for anything else.
    """
    moment = datetime.fromisoformat(text.strip().replace(" ", "T", 1))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=portal_zone())
    return moment.astimezone(UTC)


def portal_zone() -> ZoneInfo:
    """The zone of the portal: that of its default calendar, or Paris."""
    row = Calendar.select().where(Calendar.is_default == True).order_by(Calendar.id).first()  # noqa: E712
    return ZoneInfo(row.time_zone if row else "Europe/Paris")


def _moment_option(context: click.Context, parameter: click.Parameter, text: str | None) -> str | None:
    if text is not None:
        try:
            datetime.fromisoformat(text.strip().replace(" ", "T", 1))
        except ValueError:
            raise click.BadParameter("write a moment such as 2026-12-01T08:00+01:00") from None
    return text


@jobs_cli.command("list")
@with_appcontext
def jobs_list() -> None:
    """Show the jobs, how often they run, and their last run."""
    with _connection():
        for job in JOBS:
            last = JobRun.select().where(JobRun.name == job.name).order_by(JobRun.id.desc()).first()
            click.echo(f"{job.name:<10} every {_every(job.seconds):<11} {job.meaning}")
            if last is None:
                click.echo(f"{'':<10} has not run yet")
            else:
                took = f"{last.started_at:%Y-%m-%d %H:%M:%S} UTC, {last.outcome}, {last.done} done"
                click.echo(f"{'':<10} last run {took}{': ' + last.error if last.error else ''}")


def _every(seconds: int) -> str:
    for size, word in ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        if seconds % size == 0:
            count = seconds // size
            return word if count == 1 else f"{count} {word}s"
    return f"{seconds} seconds"


@jobs_cli.command("run")
@click.argument("name", type=click.Choice([job.name for job in JOBS]))
@click.option(
    "--now",
    "moment",
    default=None,
    callback=_moment_option,
    help="Believe that it is this moment, such as 2026-12-01T08:00+01:00; without offset, in the portal's zone.",
)
@with_appcontext
def jobs_run(name: str, moment: str | None) -> None:
    """Run a job once, now or as if it were another moment."""
    with _connection():
        believed = parse_moment(moment) if moment else None
        row = run(name, current_app._get_current_object(), believed)  # type: ignore[attr-defined]
    if row.outcome != "ok":
        raise click.ClickException(f"{name} failed: {row.error}")
    click.echo(f"{name}: {row.done} done")


@mail_cli.command("list")
@click.option("--status", type=click.Choice(["waiting", "failed", "skipped", "sent"]), default=None)
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@with_appcontext
def mail_list(status: str | None, limit: int) -> None:
    """Show the newest mails: which, to whom, and where they stand."""
    with _connection():
        for row in notifications.outbox(status, limit):
            detail = row.skip_reason or row.last_error
            click.echo(
                f"{row.id:>7}  {row.created_at:%Y-%m-%d %H:%M}  {row.status:<8} {row.template:<20} {row.recipient}"
                + (f"  ({row.attempts} tries) {detail}" if detail else "")
            )
        click.echo(f"{notifications.waiting_count()} waiting, {notifications.failed_count()} failed")


@mail_cli.command("retry")
@click.argument("ids", type=int, nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All the mails that failed or wait for a later try.")
@with_appcontext
def mail_retry(ids: tuple[int, ...], everything: bool) -> None:
    """Send failed mails again, and waiting ones at once. They leave with the next delivery."""
    if not ids and not everything:
        raise click.UsageError("give the numbers of the mails, or --all")
    with _connection():
        count = notifications.retry("all" if everything else ids, _clock(current_app))  # type: ignore[arg-type]
    click.echo(f"{count} put back")


@texts_cli.command("try")
@click.argument("number")
@click.option("--language", type=click.Choice(["fr", "en"]), default="fr", show_default=True)
@with_appcontext
def texts_try(number: str, language: str) -> None:
    """Send one text message to NUMBER, such as +33612345678, to see that the gateway is set well."""
    from domain.refusals import Refusal

    way = sms.open_gateway(current_app.extensions["guichet_settings"])
    if way is None:
        raise click.ClickException("No gateway is set: GUICHET_SMS_URL is empty.")
    try:
        to = mobiles.parse(number)
    except Refusal:
        raise click.ClickException(
            "Give a mobile number with + and the code of its country, in a country that the settings allow."
        ) from None
    try:
        with _connection():
            text = mailer.trial_text(language)
        _hand_over(way, to, text)
    except (texts.Away, texts.Refused) as failure:
        raise click.ClickException(f"The gateway did not take it: {failure}.") from None
    click.echo(f"The gateway took it: {text}")


@texts_cli.command("list")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@with_appcontext
def texts_list(limit: int) -> None:
    """Show the newest text messages: to whom, and where they stand. Of numbers, the last two digits."""
    with _connection():
        for row in TextMessage.select().order_by(TextMessage.id.desc()).limit(limit):
            click.echo(
                f"{row.id:>7}  {row.created_at:%Y-%m-%d %H:%M}  {row.status:<8} {row.kind:<8} person {row.person_id}"
                f"  ..{mobiles.ending(row.number)}" + (f"  {row.last_error}" if row.last_error else "")
            )
