"""The commands of the operator: `flask --app app ...`. Each is a thin client of the domain."""

from __future__ import annotations

import ctypes
import os
import sys
import traceback
from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any

import click
from flask import Flask, current_app
from flask.cli import AppGroup, with_appcontext
from flask_babel import force_locale

from config import Settings
from domain.refusals import Refusal
from models import Organisation, Person, db


def _settings() -> Settings:
    return current_app.extensions["guichet_settings"]  # type: ignore[no-any-return]


def _now() -> datetime:
    return current_app.extensions["guichet_clock"]()  # type: ignore[no-any-return]


def connected(function: Callable[..., Any]) -> Callable[..., Any]:
    """Open the database for a command, and close it after; a refusal becomes a sentence and exit 1."""

    @wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        import presenters

        with db.connection_context():
            try:
                return function(*args, **kwargs)
            except Refusal as fault:
                with force_locale("en"):
                    raise click.ClickException(presenters.refusal(fault)) from None

    return with_appcontext(run)


# How the server is set, whatever the operator chose.
SERVER: dict[str, Any] = {
    "ident": None,
    # A request body larger than any form takes is refused before it is read.
    "max_request_body_size": 1024 * 1024 * 1024,
    "channel_timeout": 120,
    # Who is believed is decided in one place for every server (views/current.py).
    "clear_untrusted_proxy_headers": False,
}

MEMBER_ROLES = ("member", "contact", "administrator")

database_cli = AppGroup("db", help="The tables.")
preset_cli = AppGroup("preset", help="Whole set-ups of the portal, as files.")
people_cli = AppGroup("people", help="Accounts.")
contacts_cli = AppGroup("contacts", help="Contacts of organisations.")
search_cli = AppGroup("search", help="The index of requests and articles.")
privacy_cli = AppGroup("privacy", help="Personal data: how long it is kept, and what stays erased.")
audit_cli = AppGroup("audit", help="The record of who did what.")


@database_cli.command("upgrade")
@connected
def upgrade() -> None:
    """Bring the tables to this version."""
    from domain import schema

    schema.upgrade(_settings().data_dir)
    click.echo("The tables are up to date.")


def _prepare(demo: bool, password: str | None = None) -> list[tuple[str, str, str]]:
    """Tables, the preset of a new portal, and the demo world when asked and nobody is there yet."""
    from domain import presets, schema
    from models import Portal

    schema.upgrade(_settings().data_dir)
    if not Portal.select().exists():
        presets.apply(_settings().preset, None, _now())
    if demo and not Person.select().exists():
        import seeds

        return seeds.seed_demo(_now(), password, current_app.extensions["guichet_files"])
    return []


@click.command("serve")
@with_appcontext
def serve() -> None:
    """Serve the portal, with its scheduled jobs inside."""
    import waitress

    from domain import erasure

    settings = _settings()
    _give_memory_back()
    with db.connection_context():
        _prepare(False)
        # Before anybody reads it, and before a mail leaves: this database may be yesterday's.
        _say_reapplied(_reapply(erasure), False)
        is_empty = not Person.select().exists()
    if settings.demo and is_empty:
        _make_demo_apart(settings)
    _print_welcome(settings, _remember_demo_sign_ins(settings, []))
    if settings.jobs:
        import jobs

        jobs.start(current_app._get_current_object())  # type: ignore[attr-defined]
    if settings.production and not settings.trusted_proxies:
        click.echo(
            "\nTRUSTED_PROXY is not set: behind a proxy, failed sign-ins of anybody then count for everybody.",
            err=True,
        )
    waitress.serve(
        current_app._get_current_object(),  # type: ignore[attr-defined]
        host=settings.host,
        port=settings.port,
        threads=settings.threads,
        **SERVER,
    )


# Names of mallopt(3): the size from which memory is the system's own, and how many heaps threads have between them.
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8


def _give_memory_back() -> None:
    """Let what a password's hash takes (19 MB) go back to the system after it.

    The C library would keep it, once for each thread that ever checked a password. One that knows no mallopt() is left
    as it is.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, 1024 * 1024)
        mallopt(_M_ARENA_MAX, 2)


def _make_demo_apart(settings: Settings) -> None:
    """Make the demo world in a process of its own: the memory that it takes ends with it.

    Raises ClickException when it could not be made; the reason is printed.
    """
    # No connection may be shared by two processes.
    db.close_all()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            with db.connection_context():
                _remember_demo_sign_ins(settings, _prepare(True))
            db.close_all()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)
    if os.waitpid(child, 0)[1]:
        raise click.ClickException("The demo world could not be made.")


def _remember_demo_sign_ins(settings: Settings, made: list[tuple[str, str, str]]) -> str:
    """Demo passwords are made once; what was printed the first time can be printed again."""
    path = settings.data_dir / "demo-sign-ins.txt"
    if made:
        width = max(len(email) for email, _password, _role in made)
        text = "".join(f"  {email:<{width}}  {password}  {role}\n" for email, password, role in made)
        path.touch(mode=0o600)
        path.write_text(text, "utf-8")
        return text
    return path.read_text("utf-8") if settings.demo and path.exists() else ""


def _print_welcome(settings: Settings, sign_ins: str) -> None:
    click.echo(f"\nGuichet is at      {settings.base_url}/")
    click.echo(f"  the desk         {settings.base_url}/desk")
    click.echo(f"  the admin        {settings.base_url}/admin/")
    if not settings.smtp_url:
        click.echo(f"  mails are in     {settings.mail_dir}")
    if sign_ins:
        click.echo("\nDemo sign-ins:")
        click.echo(sign_ins, nl=False)
    click.echo("\nStop with Ctrl+C.", err=False)
    sys.stdout.flush()


@click.command("seed")
@click.option("--preset", default=None, help="Set the portal up like this preset first.")
@click.option("--tickets", type=click.IntRange(0), default=0, help="Also load this many made-up requests.")
@click.option("--password", default=None, help="One password for all the demo people, instead of made ones.")
@connected
def seed(preset: str | None, tickets: int, password: str | None) -> None:
    """Fill an empty portal with the demo world."""
    from domain import presets

    made = _prepare(True, password)
    if preset:
        presets.apply(preset, None, _now())
    for email, word, role in made:
        click.echo(f"{email}  {word}  {role}")
    _remember_demo_sign_ins(_settings(), made)
    if not made:
        click.echo("The portal already has people: the demo world was not added.")
    if tickets:
        import seeds

        click.echo(f"{seeds.load_tickets(tickets, _now())} requests were loaded.")


@preset_cli.command("list")
@connected
def preset_list() -> None:
    """Name the presets."""
    from domain import presets

    for name in presets.names():
        click.echo(name)


@preset_cli.command("apply")
@click.argument("name")
@connected
def preset_apply(name: str) -> None:
    """Set the portal up like a preset."""
    from domain import presets

    presets.apply(name, None, _now())
    click.echo(f"The portal is set up like {name}.")


@preset_cli.command("export")
@click.argument("file", type=click.File("w", encoding="utf-8"))
@connected
def preset_export(file: Any) -> None:
    """Write the present set-up to a file."""
    from domain import presets

    file.write(presets.export())


@people_cli.command("add")
@click.option("--email", required=True)
@click.option("--name", required=True)
@click.option("--organisation", default=None, help="Name of the customer; left out for staff.")
@click.option(
    "--role",
    required=True,
    type=click.Choice(
        ["member", "contact", "administrator", "agent", "supervisor", "account_manager", "admin"]
    ),
)
@click.option("--password", default=None, help="Left out: an invitation is mailed.")
@click.option("--language", type=click.Choice(["fr", "en"]), default="fr")
@connected
def people_add(
    email: str, name: str, organisation: str | None, role: str, password: str | None, language: str
) -> None:
    """Make an account."""
    from domain import accounts, contacts

    row = None
    if role in MEMBER_ROLES:
        if not organisation:
            raise click.ClickException(f"A {role} belongs to a customer: give --organisation.")
        row = Organisation.get_or_none(Organisation.name == organisation)
        if row is None:
            raise click.ClickException(f"There is no organisation named {organisation}.")
    elif organisation:
        raise click.ClickException(f"A staff role ({role}) goes without --organisation.")
    with db.atomic():
        person = accounts.add_person(
            email,
            name,
            by=None,
            now=_now(),
            password=password,
            language=language,
            staff_role=None if row else {"supervisor": "agent"}.get(role, role),
            is_supervisor=role == "supervisor",
            # Whoever gives the password vouches for the address.
            has_signed_in=password is not None,
            invite=password is None,
        )
        if row is not None:
            contacts.add_membership(
                person.id, row.id, role=role, by=None, now=_now(), reason="added by command"
            )
    click.echo(f"{email} has an account." if password else f"{email} is invited by mail.")


@people_cli.command("disable")
@click.argument("email")
@connected
def people_disable(email: str) -> None:
    """Disable an account: it is signed out everywhere at once."""
    from domain import accounts

    person = Person.get_or_none(Person.email == email.strip().lower())
    if person is None:
        raise click.ClickException(f"Nobody has the address {email}.")
    accounts.disable(person.id, by=None, now=_now())
    click.echo(f"{email} is disabled.")


@contacts_cli.command("import")
@click.argument("file", type=click.File("rb"))
@click.option("--dry-run", is_flag=True, help="Only say what each line would do.")
@click.option("--organisation", default=None, help="Name of the customer, for lines that name none.")
@click.option("--role", type=click.Choice(MEMBER_ROLES), default="contact", help="For lines that name none.")
@click.option("--language", type=click.Choice(["fr", "en"]), default="fr", help="For lines that name none.")
@click.option("--invite/--no-invite", default=True, help="Mail an invitation to new people.")
@connected
def contacts_import(
    file: Any, dry_run: bool, organisation: str | None, role: str, language: str, invite: bool
) -> None:
    """Create and change contacts from a CSV or XLSX file, line by line."""
    from domain import contact_files, contact_import

    row = None
    if organisation:
        row = Organisation.get_or_none(Organisation.name == organisation)
        if row is None:
            raise click.ClickException(f"There is no organisation named {organisation}.")
    name = os.path.basename(getattr(file, "name", "") or "contacts")
    options = contact_import.Options(
        row.id if row else None, role, language, invite, f"imported by command from {name}"
    )
    read = contact_files.read(file.read(contact_files.MOST_BYTES + 1))
    if read.ignored:
        click.echo(f"columns left out: {', '.join(read.ignored)}")
    if dry_run:
        judged = contact_import.look(read, options)
        _say_lines([(one.number, one.cells, *one.verdict) for one in judged])
        click.echo("Nothing is changed: this was a dry run.")
        return
    batch = contact_import.prepare(read, name, options, None, _now())
    contact_import.begin(batch.id, None, _now())
    while contact_import.find(batch.id).state == "running":
        contact_import.go_on(_now(), 1.0, batch.id)
    _say_lines(
        [
            (line.number, line.cells, line.outcome, line.code, line.data)
            for line in contact_import.lines(batch.id)
        ]
    )


def _say_lines(lines: list[tuple[int, dict[str, str], str, str, dict[str, Any]]]) -> None:
    """Print the lines of an import with what became of each, and how many of each kind."""
    import presenters
    from domain.contact_import import OUTCOMES

    counts = dict.fromkeys(OUTCOMES, 0)
    with force_locale("en"):
        for number, cells, outcome, code, data in lines:
            counts[outcome] += 1
            words = " ".join(presenters.import_words(outcome, code, data))
            click.echo(f"line {number}  {outcome:<9}  {cells.get('email') or '-'}  {words}")
    click.echo(", ".join(f"{count} {outcome}" for outcome, count in counts.items()))


@search_cli.command("rebuild")
@connected
def search_rebuild() -> None:
    """Index every request and article anew: after a version that cuts words in another way."""
    from domain import search

    with db.atomic():
        count = search.rebuild()
    click.echo(f"{count} requests indexed.")


@audit_cli.command("verify")
@connected
def audit_verify() -> None:
    """Check that neither the audit trail nor the history of requests was altered."""
    from domain import audit

    faults = audit.verify()
    for fault in faults:
        click.echo(f"altered: {fault}")
    if faults:
        raise SystemExit(1)
    click.echo("Nothing was altered.")


@privacy_cli.command("retention")
@click.option("--dry-run", is_flag=True, help="Say what would go, and change nothing.")
@connected
def privacy_retention(dry_run: bool) -> None:
    """Delete what is kept no longer, as the settings say; the job does it each day."""
    from domain import retention

    lines = retention.preview(_now()) if dry_run else retention.carry_out(_now())
    for line in lines:
        period = f"{line.days} days" if line.days else "kept"
        click.echo(f"{line.name:<18} {period:>10} {line.rows:>9}")
    click.echo("Nothing was changed." if dry_run else "Done.")


@privacy_cli.command("reapply")
@connected
def privacy_reapply() -> None:
    """Erase again who was erased, take out again what was taken out: after a backup was restored."""
    from domain import erasure

    report = _reapply(erasure)
    _say_reapplied(report, True)
    if report.failed:
        raise click.ClickException(f"{report.failed} could not be done: the log says why.")


def _reapply(erasure: Any) -> Any:
    extensions = current_app.extensions
    return erasure.reapply(_now(), store=extensions["guichet_files"], to=extensions["guichet_ledger"])


def _say_reapplied(report: Any, always: bool) -> None:
    """What was done; at a start only when there was something."""
    for key in report.erased:
        click.echo(f"person {key} erased again")
    for number in report.redacted:
        click.echo(f"{number} redacted again")
    for number in report.left:
        click.echo(f"{number} is under way, and nobody has it: hand it over or close it")
    if always or report.erased or report.redacted:
        click.echo(
            f"{len(report.erased)} people and {len(report.redacted)} requests, "
            f"{report.standing} in order already, {report.absent} not in this database."
        )


def register(app: Flask) -> None:
    """Add the commands to the app."""
    import jobs

    for command in (
        database_cli,
        preset_cli,
        people_cli,
        contacts_cli,
        search_cli,
        audit_cli,
        privacy_cli,
        serve,
        seed,
        jobs.jobs_cli,
        jobs.mail_cli,
        jobs.texts_cli,
    ):
        app.cli.add_command(command)
