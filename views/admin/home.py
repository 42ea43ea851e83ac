"""The home of the administration: each area with its number, and what needs care."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import url_for
from flask_admin import AdminIndexView, expose
from peewee import fn

from domain import contact_reviews, erasure, notifications, texts
from models import ContactReview, JobRun, LicenceRequest, Person, Table
from presenters import when
from views import current
from views.admin.base import MOST_COUNTED, AdminOnly, Rows
from views.admin.people import waiting
from views.admin.records import RUN_OUTCOMES, badge, job_name
from words import gettext as _
from words import lazy_gettext as _l
from words import ngettext


class HomeView(AdminOnly, AdminIndexView):
    """What an admin sees first."""

    title = _l("Administration")
    icon = "house"
    section = ""

    def __init__(self) -> None:
        super().__init__(name=self.title)
        # The static files of Flask-Admin are not used: nothing of them is served.
        self.static_folder = None

    @expose("/")
    def index(self) -> Any:
        """Tiles by section, and a panel of what needs care."""
        groups: dict[str, list[dict[str, Any]]] = {}
        for view in self.admin._views:
            if not getattr(view, "section", ""):
                continue
            rows = isinstance(view, Rows)
            groups.setdefault(str(view.section), []).append(
                {
                    "title": view.title,
                    "icon": view.icon,
                    "url": url_for(f"{view.endpoint}.{'index_view' if rows else 'index'}"),
                    "count": count_words(view.table) if rows else None,
                    "lead": str(view.lead).split(". ")[0].rstrip(".") + ".",
                }
            )
        runs = _last_run_of_each()
        return self.render(
            "admin/index.html", groups=list(groups.items()), care=care(runs), runs=last_runs(runs)
        )


def count_words(table: type[Table]) -> str:
    """How many rows, or "10,000+": counted no further than that."""
    count = table.select(table.id).limit(MOST_COUNTED + 1).count()
    return _("10,000+") if count > MOST_COUNTED else str(count)


def care(runs: list[JobRun]) -> list[dict[str, Any]]:
    """What somebody should look at: words, address and number, only what is not zero.

    Arguments: runs, the last run of each job.
    """
    found = []
    registered = Person.select(Person.id).where(waiting()).limit(MOST_COUNTED).count()
    if registered:
        found.append(
            {
                "icon": "person-plus",
                "words": ngettext(
                    "%(num)s person waits to be attached to an organisation",
                    "%(num)s people wait to be attached to an organisation",
                    registered,
                ),
                "url": url_for("admin_person.index_view", flt_waiting=1),
            }
        )
    failed = notifications.failed_count()
    if failed:
        found.append(
            {
                "icon": "envelope-exclamation",
                "words": ngettext(
                    "%(num)s mail could not be sent", "%(num)s mails could not be sent", failed
                ),
                "url": url_for("admin_outboxmessage.index_view", flt_status="failed"),
            }
        )
    silent = texts.failed_since(current.now() - timedelta(days=1))
    if silent:
        found.append(
            {
                "icon": "phone",
                "words": ngettext(
                    "%(num)s text message could not be sent since yesterday",
                    "%(num)s text messages could not be sent since yesterday",
                    silent,
                ),
                "url": url_for("admin_textmessage.index_view", flt_status="failed"),
            }
        )
    licences = (
        LicenceRequest.select(LicenceRequest.id)
        .where(LicenceRequest.status == "received")
        .limit(MOST_COUNTED)
        .count()
    )
    if licences:
        found.append(
            {
                "icon": "key",
                "words": ngettext(
                    "%(num)s licence request is to be prepared",
                    "%(num)s licence requests are to be prepared",
                    licences,
                ),
                "url": url_for("admin_licencerequest.index_view", flt_status="received"),
            }
        )
    late = (
        ContactReview.select(ContactReview.id)
        .where(contact_reviews.late(current.now()))
        .limit(MOST_COUNTED)
        .count()
    )
    if late and contact_reviews.is_on():
        found.append(
            {
                "icon": "clipboard-check",
                "words": ngettext(
                    "%(num)s organisation has not confirmed its contacts for a month",
                    "%(num)s organisations have not confirmed their contacts for a month",
                    late,
                ),
                "url": url_for("admin_contactreview.index_view", flt_state="late"),
            }
        )
    undone = len(erasure.pending(current.ledger()))
    if undone:
        found.insert(
            0,
            {
                "icon": "person-x",
                "words": ngettext(
                    "%(num)s erasure is not in this database: it was restored. Run: flask --app app privacy reapply",
                    "%(num)s erasures are not in this database: it was restored. Run: flask --app app privacy reapply",
                    undone,
                ),
                "url": url_for("admin_auditentry.index_view", flt_kind="person:erased"),
            },
        )
    broken = [run for run in runs if run.outcome == "failed"]
    if broken:
        found.append(
            {
                "icon": "arrow-repeat",
                "words": ngettext(
                    "%(num)s job failed at its last run", "%(num)s jobs failed at their last run", len(broken)
                ),
                "url": url_for("admin_jobrun.index_view"),
            }
        )
    return found


def last_runs(runs: list[JobRun]) -> list[dict[str, Any]]:
    """The last run of each job in words: name, outcome, when."""
    return [
        {
            "name": job_name(run.name),
            "badge": badge(RUN_OUTCOMES, run.outcome),
            "when": when(run.started_at),
            "done": run.done,
        }
        for run in runs
    ]


def _last_run_of_each() -> list[JobRun]:
    # The index (name, id) answers for each name without reading its runs.
    newest = JobRun.select(fn.MAX(JobRun.id)).group_by(JobRun.name)
    return list(JobRun.select().where(JobRun.id.in_(newest)).order_by(JobRun.name))
