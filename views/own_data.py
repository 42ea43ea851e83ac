"""One's own data (ACC-13, STAFF-7): the page under the account, the file, and the same for an admin who is asked."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any
from zoneinfo import ZoneInfo

import flask_babel
from flask import (
    Blueprint,
    Response,
    abort,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

import presenters
from domain import own_data, privacy, settings
from domain.refusals import Invalid
from forms.desk import whole_number
from forms.own_data import OwnDataForm
from models import Person, RequestForm
from views import current
from words import gettext as _

blueprint = Blueprint("own_data", __name__)

CHUNK_BYTES = 64 * 1024


@contextmanager
def _speaking_to(person: Person) -> Iterator[None]:
    """Words and dates as this person reads them, whoever asks; what held before comes back afterwards."""
    with flask_babel.force_locale(person.language):
        chosen = flask_babel._get_current_context()
        before = getattr(chosen, "babel_tzinfo", None)
        try:
            chosen.babel_tzinfo = ZoneInfo(person.time_zone)
        except (KeyError, ValueError, OSError):
            chosen.babel_tzinfo = ZoneInfo("Europe/Paris")
        try:
            yield
        finally:
            chosen.babel_tzinfo = before


class _Pages:
    """The pages of the file: they stand alone, and ask nothing of any server."""

    def index(self, facts: dict[str, Any]) -> str:
        """What is in the file, and each request."""
        return render_template(
            "own_data/index.html", language=presenters.language(), lists=presenters.data_lists(), **facts
        )

    def request(self, record: dict[str, Any]) -> str:
        """One request with its thread."""
        return render_template(
            "own_data/request.html",
            language=presenters.language(),
            said=presenters.statuses(kind=record["kind"])[record["status"]],
            removed=presenters.removed_words(),
            answer=_answer,
            size=presenters.file_size,
            **record,
        )


def _answer(answer: dict[str, Any]) -> tuple[str, str]:
    """One answer of the form in words: what was asked, what was said."""
    return (
        presenters.localized(answer, "label"),
        presenters.localized(answer, "value") or str(answer.get("value", "")),
    )


@blueprint.route("/account/data", methods=["GET", "POST"])
def show() -> ResponseReturnValue:
    """What the portal keeps of the person, and the file of it: a POST makes it, after a fresh sign-in."""
    if request.method == "POST":
        return _file(current.viewer().id, "")
    before = whole_number(request.args.get("before"))
    consents, older = privacy.register(current.viewer().id, before=before)
    return render_template(
        "account/data.html",
        per_day=own_data.PER_DAY,
        contact=settings.get("privacy_contact"),
        asks_by=_form_to_ask_by(),
        consents=consents,
        older=older,
        before=before,
        form_names=presenters.form_names(),
    )


def _form_to_ask_by() -> str:
    """The form with which the reader can ask the team anything; empty for who opens no requests, or without one."""
    if not current.viewer().may_open_requests:
        return ""
    found = RequestForm.select(RequestForm.slug).where(
        (RequestForm.slug == "question") & (RequestForm.is_active == True)  # noqa: E712
    )
    return str(found.scalar() or "")


@blueprint.route("/account/data/consents/<int:key>", methods=["GET", "POST"])
def consent(key: int) -> ResponseReturnValue:
    """One consent in its words; taking it back, after what follows from it was read."""
    viewer = current.viewer()
    if key >= 2**31:
        abort(404)
    row = privacy.given(key, viewer)
    if request.method == "POST":
        done = privacy.withdraw(key, viewer, current.now(), origin=current.origin())
        flash(_("It is taken back.") if done else _("It was taken back before."), "success")
        return redirect(url_for("own_data.show", _anchor="consents"), 303)
    return render_template("account/consent.html", row=row, form_names=presenters.form_names())


@blueprint.route("/admin/people/<int:key>/data", methods=["GET", "POST"])
def of_person(key: int) -> ResponseReturnValue:
    """The file of somebody who asked for it otherwise: an admin says how they asked, and hands it over."""
    viewer = current.viewer()
    if not viewer.is_admin:
        abort(403)
    person = Person.get_or_none(Person.id == key) if key < 2**31 else None
    if person is None:
        abort(404)
    form = OwnDataForm() if request.method == "POST" else OwnDataForm(formdata=None)
    held = current.held() if request.method != "POST" else None
    if held:
        form.process(MultiDict(held))
    status = 200
    if request.method == "POST":
        status = 422
        if form.validate():
            try:
                return _file(key, form.reason.data)
            except Invalid as fault:
                form.reason.errors = [presenters.refusal(fault)]
    page = render_template("own_data/of_person.html", person=person, form=form)
    return make_response(page, status)


def _file(person_id: int, reason: str) -> ResponseReturnValue:
    """Make the file on the disk, where it has no name, and send it from there."""
    with own_data.turn():
        person = own_data.begin(
            person_id, current.viewer(), current.now(), reason=reason, origin=current.origin()
        )
        # Gone when it was sent or the reader went away: nobody else can open it meanwhile.
        target: IO[bytes] = tempfile.TemporaryFile(dir=current.settings().data_dir)  # noqa: SIM115
        try:
            with _speaking_to(person):
                own_data.write(target, person, current.now(), current.store(), _Pages())
            size = target.tell()
            target.seek(0)
        except BaseException:
            target.close()
            raise
    response = Response(_chunks(target), mimetype="application/zip")
    response.call_on_close(target.close)
    response.content_length = size
    stem = _("my-data")
    name = f"{stem}-{current.now():%Y-%m-%d}.zip"
    response.headers.set("Content-Disposition", "attachment", filename=name)
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    """The bytes of the file, which is closed at the end."""
    with file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk
