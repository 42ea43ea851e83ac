"""Screen of contacts from a file: give the file, look at what each line would do, carry it out (ACC-4)."""

from __future__ import annotations

from typing import Any

from flask import Response, flash, redirect, request
from flask_admin import expose
from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from wtforms import BooleanField
from wtforms.validators import InputRequired, Length

import presenters
from domain import contact_files, contact_import
from domain.refusals import Refusal
from models import ContactImport, ContactImportLine, db
from presenters import language
from views import current
from views.admin import export
from views.admin.base import Badge, ReadOnly, give_back
from views.admin.fields import Choice, Line, Lookup
from views.admin.people import CUSTOMERS, LANGUAGES
from views.admin.rules import NO_SUCH_ORGANISATION, ORGANISATION
from words import gettext as _
from words import lazy_gettext as _l

# Lines on a page of a report.
LINES_ON_A_PAGE = 50
# What one press of the button carries out itself: a short file is done with it, a long one goes on by itself.
STEP_SECONDS = 3.0

TONES = {
    "created": ("new", "person-plus"),
    "changed": ("ours", "pencil"),
    "unchanged": ("over", "check-lg"),
    "refused": ("stuck", "x-circle"),
}

STATES = {
    "checked": ("yours", "eye", _l("To be carried out")),
    "running": ("ours", "hourglass-split", _l("Being carried out")),
    "done": ("done", "check-circle", _l("Finished")),
    "stopped": ("over", "x-circle", _l("Stopped")),
}


class ImportForm(FlaskForm):
    """A file, and what holds for lines that say nothing themselves."""

    file = FileField(
        _l("File"),
        validators=[InputRequired(_l("Choose a file."))],
        description=_l(
            "CSV or XLSX, with a line of headings: email, full name, organisation, role, user name, language."
        ),
        render_kw={"accept": ".csv,.txt,.tsv,.xlsx"},
    )
    organisation = Lookup(
        _l("Organisation"),
        find=ORGANISATION,
        missing=NO_SUCH_ORGANISATION,
        description=_l("For lines that name none."),
    )
    role = Choice(
        _l("Role"),
        choices=[("contact", _l("Approved contact")), ("member", _l("Member"))],
        default="contact",
        description=_l("For lines that name none. Who is in the organisation already keeps their role."),
    )
    language = Choice(
        _l("Language"), choices=LANGUAGES, default="fr", description=_l("For lines that name none.")
    )
    invite = BooleanField(
        _l("Mail an invitation to new people"),
        default=True,
        description=_l("With their user name and a link to choose a password. You can also send it later."),
    )
    reason = Line(
        _l("Reason"),
        validators=[Length(max=200, message=_l("At most %(most)s characters.", most=200))],
        description=_l("Kept with each contact and in the record, beside the name of the file."),
    )


class ContactImportView(ReadOnly):
    table = ContactImport
    title = _l("Import of contacts")
    new_title = _l("New file")
    lead = _l(
        "Contacts from a CSV or XLSX file. Nothing changes before you have seen what each line would do."
    )
    section = CUSTOMERS
    icon = "file-earmark-arrow-up"
    can_create = True
    list_joins = (ContactImport.by,)
    column_list = ("file_name", "state", "created_at", "by", "created", "changed", "unchanged", "refused")
    column_labels = {
        "file_name": _l("File"),
        "state": _l("State"),
        "by": _l("By"),
        "created": _l("Created"),
        "changed": _l("Modified"),
        "unchanged": _l("Unchanged"),
        "refused": _l("Refused"),
    }
    column_sortable_list = (("created_at", ContactImport.id),)
    finders = (ORGANISATION,)
    empty_title = _l("No file yet")
    empty_help = _l("Give a file: you see what each line would do before anything changes.")

    # ---- Values

    def order(self, column: str | None, descending: bool) -> list[Any]:
        """The newest first."""
        return super().order(column, descending) if column else [ContactImport.id.desc()]

    def show_state(self, row: Any) -> Badge:
        """How far it is."""
        return Badge(*STATES[row.state])

    def show_by(self, row: Any) -> str:
        """Who gave it, or who had it carried out."""
        return row.by.full_name if row.by else _("The portal")

    def row_label(self, row: Any) -> str:
        """The file."""
        return str(row.file_name)

    # ---- A new file

    def scaffold_form(self) -> type[FlaskForm]:
        """The form of a file."""
        return ImportForm

    @expose("/new/", methods=("GET", "POST"))
    def create_view(self) -> Any:
        """Give a file: its lines are looked at, and nothing changes."""
        form = ImportForm()
        status = 200
        if form.is_submitted():
            status = 422
            if form.validate():
                try:
                    batch = self.prepare(form)
                    return redirect(self.get_url(".details_view", id=batch.id), 303)
                except Refusal as fault:
                    self.refuse(form, fault)
        else:
            give_back(form)
        page = self.render(
            "admin/contact_import_new.html",
            form=form,
            heading=self.new_title,
            list_url=self.return_url(),
            megabytes=contact_files.MOST_BYTES // (1024 * 1024),
            most_lines=contact_files.MOST_LINES,
        )
        return page, status

    def prepare(self, form: ImportForm) -> ContactImport:
        """Read the file and keep what each line would do. Raises Refusal."""
        sent = form.file.data
        file = contact_files.read(sent.stream.read(contact_files.MOST_BYTES + 1))
        name = contact_files.printable(sent.filename or "")
        why = _("Import of %(file)s", file=name)
        options = contact_import.Options(
            form.organisation.data or None,
            form.role.data,
            form.language.data,
            bool(form.invite.data),
            f"{form.reason.data} · {why}" if form.reason.data else why,
        )
        return contact_import.prepare(file, name, options, current.viewer(), current.now())

    @expose("/template/")
    def template(self) -> Response:
        """A file to begin from, in the language of the reader."""
        rows = contact_files.template_rows(language())
        return _download(export.csv_bytes(rows[0], rows[1:], language()), "contacts.csv")

    # ---- One file

    @expose("/details/")
    def details_view(self) -> str:
        """What each line would do or did, and the buttons."""
        row = self.row_or_404()
        counts = contact_import.counts(row)
        outcome = request.args.get("outcome", "")
        outcome = outcome if outcome in contact_import.OUTCOMES else ""
        after = request.args.get("after", "")
        number = int(after) if after.isascii() and after.isdigit() and len(after) < 9 else 0
        lines = contact_import.lines(row.id, outcome, after=number, most=LINES_ON_A_PAGE + 1)
        return self.render(
            "admin/contact_import.html",
            row=row,
            counts=counts,
            to_do=counts["created"] + counts["changed"],
            percent=100 * row.handled // max(row.total, 1),
            outcome=outcome,
            after=number,
            lines=[shown_line(line) for line in lines[:LINES_ON_A_PAGE]],
            following=lines[LINES_ON_A_PAGE - 1].number if len(lines) > LINES_ON_A_PAGE else None,
            outcomes=[(key, presenters.import_outcome(key)) for key in contact_import.OUTCOMES],
            state=self.show_state(row),
            list_url=self.return_url(),
            role=presenters.member_role(row.role),
            spoken=presenters.language_name(row.language),
        )

    @expose("/run/", methods=("POST",))
    def run(self) -> Any:
        """Carry the file out: some seconds of it now, the rest by the job or by the next press."""
        row = self.row_or_404()
        now = current.now()
        contact_import.begin(row.id, current.viewer(), now)
        contact_import.go_on(now, STEP_SECONDS, row.id)
        row = contact_import.find(row.id)
        if row.state == "done":
            flash(_("%(name)s is carried out.", name=row.file_name), "success")
        return redirect(self.get_url(".details_view", id=row.id), 303)

    @expose("/stop/", methods=("POST",))
    def stop(self) -> Any:
        """Leave the lines that are not carried out yet."""
        row = self.row_or_404()
        if contact_import.stop(row.id, current.viewer(), current.now()):
            flash(_("Stopped. What was done stays; the other lines are left as they were."), "success")
        return redirect(self.get_url(".details_view", id=row.id), 303)

    @expose("/discard/", methods=("POST",))
    def discard(self) -> Any:
        """Forget a file that is not wanted."""
        row = self.row_or_404()
        try:
            contact_import.discard(row.id, current.viewer(), current.now())
        except Refusal as fault:
            flash(presenters.refusal(fault), "error")
            return redirect(self.get_url(".details_view", id=row.id), 303)
        flash(_("%(name)s is forgotten: nothing was changed.", name=row.file_name), "success")
        return redirect(self.get_url(".index_view"), 303)

    @expose("/report/")
    def csv(self) -> Response:
        """The whole report as a file; who took it is recorded."""
        row = self.row_or_404()
        columns = ("email", "full_name", "organisation", "role", "username", "language")
        titles = [
            _("Line"),
            _("Outcome"),
            _("Explanation"),
            *(presenters.import_column(column) for column in columns),
        ]
        with db.atomic():
            self.record("admin:exported", f"contactimport:{row.id}", format="csv", rows=row.total)
        cells = (
            [
                line["number"],
                line["words"],
                " ".join(line["said"]),
                *(line["cells"].get(c, "") for c in columns),
            ]
            for line in map(shown_line, contact_import.lines(row.id))
        )
        return _download(export.csv_bytes(titles, cells, language()), f"contacts-{row.id}.csv")


def shown_line(line: ContactImportLine) -> dict[str, Any]:
    """A line as the report shows it."""
    tone, icon = TONES[line.outcome]
    waits = line.handled_at is None
    return {
        "number": line.number,
        "cells": line.cells,
        "badge": Badge(tone, icon, presenters.import_outcome(line.outcome)),
        "words": presenters.import_outcome(line.outcome),
        "waits": waits,
        "said": presenters.import_words(line.outcome, line.code, line.data),
    }


def _download(body: bytes, name: str) -> Response:
    return Response(
        body,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )
