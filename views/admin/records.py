"""Screens of what the portal keeps by itself: mails, runs of jobs, audit trail. They are looked at, not changed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask_babel import get_timezone
from flask_wtf import FlaskForm

import presenters
from domain import audit, mobiles, notifications
from domain.refusals import NotNow
from models import AuditEntry, JobRun, OutboxMessage, TextMessage
from views import current
from views.admin import filters
from views.admin.base import Act, Badge, ReadOnly, when_day
from views.admin.tickets import TicketNumber, normal_number, ticket_key
from words import gettext as _
from words import lazy_gettext as _l

PORTAL = _l("Portal")

MAIL_STATUSES: tuple[tuple[str, Any, str, str], ...] = (
    ("waiting", _l("Waiting"), "new", "hourglass-split"),
    ("sent", _l("Sent"), "done", "check-circle"),
    ("failed", _l("Failed"), "stuck", "exclamation-triangle-fill"),
    ("skipped", _l("Not sent"), "over", "slash-circle"),
)
RUN_OUTCOMES: tuple[tuple[str, Any, str, str], ...] = (
    ("running", _l("Running"), "ours", "arrow-repeat"),
    ("ok", _l("Done"), "done", "check-circle"),
    ("failed", _l("Failed"), "stuck", "exclamation-triangle-fill"),
)
TEXT_STATUSES: tuple[tuple[str, Any, str, str], ...] = (
    MAIL_STATUSES[0],
    ("sending", _l("On its way"), "ours", "arrow-repeat"),
    *MAIL_STATUSES[1:],
)
TEXT_KINDS = {"sign-in": _l("Code for a new browser"), "number": _l("Code that confirms a number")}
JOB_NAMES: dict[str, Any] = {
    "outbox": _l("Sending of mails"),
    "texts": _l("Sending of text messages"),
    "contact-reviews": _l("Lists of contacts to confirm"),
    "partners": _l("Ends of links between organisations"),
    "imports": _l("Imports of contacts"),
    "digest": _l("News gathered in one mail"),
    "satisfaction": _l("Questions on how it went"),
    "closing": _l("Reminders and closings"),
    "dates": _l("Dates after a change of rules"),
    "uploads": _l("Clearing of unsent files"),
    "sessions": _l("Clearing of old sessions"),
    "retention": _l("Clearing of what is kept no longer"),
}


def job_name(name: str) -> str:
    """A job in words, then the name that the command line knows it by."""
    return f"{JOB_NAMES[name]} ({name})" if name in JOB_NAMES else name


def badge(table: Any, key: str) -> Badge:
    """A word of a fixed list as a badge; a word that is not in it as it stands."""
    return next(
        (Badge(tone, icon, words) for name, words, tone, icon in table if name == key),
        Badge("over", "circle", key),
    )


class NewestFirst(ReadOnly):
    """A record that only grows: the newest line comes first."""

    def order(self, column: str | None, descending: bool) -> list[Any]:
        """By key."""
        return [self.table.id.desc() if column is None or descending else self.table.id.asc()]

    def words(self, value: Any) -> Any:
        """Instants with their time: many lines share a day."""
        if isinstance(value, datetime):
            local = value.astimezone(get_timezone())
            return f"{when_day(local.date())} {local:%H:%M}"
        return super().words(value)


class OutboxMessageView(NewestFirst):
    table = OutboxMessage
    title = _l("Mails")
    lead = _l("What was sent to whom, what waits, and what failed.")
    section = PORTAL
    icon = "envelope"
    list_joins = (OutboxMessage.ticket, OutboxMessage.person)
    column_list = (
        "created_at",
        "template",
        "recipient",
        "ticket",
        "status",
        "attempts",
        "sent_at",
        "last_error",
    )
    # The context holds links that open accounts: it is never shown.
    column_details_list = (
        "created_at", "template", "recipient", "person", "language", "ticket", "source", "status", "skip_reason",
        "attempts", "next_try_at", "sent_at", "last_error",
    )  # fmt: skip
    column_sortable_list = (("created_at", OutboxMessage.id),)
    search_help = _l("Number of the request")
    column_filters = (
        filters.OneOf(
            "status",
            OutboxMessage.status,
            _l("Status"),
            [(key, words) for key, words, _tone, _icon in MAIL_STATUSES],
        ),
        filters.OneOf(
            "template", OutboxMessage.template, _l("Mail"), lambda: list(presenters.mail_names().items())
        ),
        TicketNumber("number", OutboxMessage.ticket, _l("Number of the request")),
    )
    acts = {
        "retry": Act(_l("Send again"), _l("Put these mails back in the queue?"), _l("Send again"), FlaskForm),
    }

    def search(self, query: Any, words: str) -> Any:
        """The mails of one request."""
        return query.where(OutboxMessage.ticket == ticket_key(normal_number(words)))

    def show_status(self, row: Any) -> Badge:
        """Where the mail is."""
        return badge(MAIL_STATUSES, row.status)

    def show_template(self, row: Any) -> str:
        """Which mail, in words."""
        return presenters.mail_names().get(row.template, row.template)

    def show_skip_reason(self, row: Any) -> str:
        """Why it was not sent, in words."""
        return presenters.skip_reason(row.skip_reason) if row.skip_reason else ""

    def row_label(self, row: Any) -> str:
        """The mail and to whom."""
        return f"{self.show_template(row)} · {row.recipient}"

    def do_retry(self, row: Any, form: Any) -> bool:
        """Back in the queue."""
        if row.status in ("sent", "skipped"):
            raise NotNow("mail-left", words=_("This mail does not wait any more."))
        done = notifications.retry([row.id], current.now())
        if done:
            self.record("mail:retried", self.target(row))
        return bool(done)


class TextMessageView(NewestFirst):
    table = TextMessage
    title = _l("Text messages")
    lead = _l(
        "Codes that were sent to mobile numbers, and those that were mailed instead because sending failed."
    )
    section = PORTAL
    icon = "phone"
    list_joins = (TextMessage.person,)
    column_list = ("created_at", "kind", "person", "number", "status", "attempts", "sent_at", "last_error")
    # What a code is made from is never shown; of a number, its end.
    column_details_list = (
        "created_at", "kind", "person", "number", "language", "status", "attempts", "next_try_at", "sent_at",
        "expires_at", "origin", "last_error",
    )  # fmt: skip
    column_sortable_list = (("created_at", TextMessage.id),)
    column_filters = (
        filters.OneOf(
            "status",
            TextMessage.status,
            _l("Status"),
            [(key, words) for key, words, _tone, _icon in TEXT_STATUSES],
        ),
    )

    def show_status(self, row: Any) -> Badge:
        """Where the message is."""
        return badge(TEXT_STATUSES, row.status)

    def show_kind(self, row: Any) -> str:
        """What its code was for."""
        return str(TEXT_KINDS.get(row.kind, row.kind))

    def show_number(self, row: Any) -> str:
        """The last two digits: the whole number is its owner's."""
        return f"•• {mobiles.ending(row.number)}"

    def row_label(self, row: Any) -> str:
        """What it was for, and the end of the number."""
        return f"{self.show_kind(row)} · {self.show_number(row)}"


class JobRunView(NewestFirst):
    table = JobRun
    title = _l("Jobs")
    lead = _l("The runs of the scheduled jobs: when, how it went, what they did.")
    section = PORTAL
    icon = "arrow-repeat"
    column_list = ("started_at", "name", "outcome", "done", "ended_at", "error")
    column_labels = {"name": _l("Job"), "started_at": _l("Started")}
    column_details_list = column_list
    column_sortable_list = (("started_at", JobRun.id),)
    column_filters = (
        filters.OneOf(
            "name",
            JobRun.name,
            _l("Job"),
            lambda: [
                (name, job_name(name))
                for (name,) in JobRun.select(JobRun.name).distinct().order_by(JobRun.name).tuples()
            ],
        ),
    )

    def show_name(self, row: Any) -> str:
        """Which job."""
        return job_name(row.name)

    def show_outcome(self, row: Any) -> Badge:
        """How it went."""
        return badge(RUN_OUTCOMES, row.outcome)

    def row_label(self, row: Any) -> str:
        """The job and when."""
        return f"{row.name} · {self.words(row.started_at)}"


class AuditEntryView(NewestFirst):
    table = AuditEntry
    title = _l("Audit trail")
    lead = _l(
        "Who did what to accounts, approved contacts, settings and screens. Lines are added, never changed."
    )
    section = PORTAL
    icon = "journal-check"
    list_joins = (AuditEntry.actor,)
    column_list = ("created_at", "kind", "actor", "target", "origin", "data")
    column_labels = {
        "kind": _l("Event"),
        "created_at": _l("When"),
        "previous_hash": _l("Fingerprint of the line before"),
        "hash": _l("Fingerprint"),
    }
    column_details_list = ("created_at", "kind", "actor", "target", "origin", "data", "previous_hash", "hash")
    column_sortable_list = (("created_at", AuditEntry.id),)
    search_help = _l("About, such as team:3")
    column_filters = (
        filters.OneOf(
            "kind", AuditEntry.kind, _l("Event"), [(kind, kind) for kind in sorted(audit.AUDIT_KINDS)]
        ),
        filters.Exactly("target", AuditEntry.target, _l("About")),
    )

    def search(self, query: Any, words: str) -> Any:
        """What is about one thing, named as the trail names it."""
        return query.where(AuditEntry.target == words)

    def show_actor(self, row: Any) -> str:
        """Who did it; nobody is the portal itself."""
        return row.actor.full_name if row.actor else _("The portal")

    def row_label(self, row: Any) -> str:
        """What happened."""
        return str(row.kind)
