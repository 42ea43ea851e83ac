"""One's mails (VIEW-15): which, when, in which language; and the link of a mail that takes somebody out of its kind."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

import presenters
from domain import accounts, conversation, mail_choices
from domain.refusals import Invalid, Missing
from forms.mail_choices import MailChoicesForm, clock, minutes_of
from models import Participant
from views import current
from words import gettext as _

blueprint = Blueprint("mail_choices", __name__)

# What a mail program posts for its own "unsubscribe" button (RFC 8058).
ONE_CLICK = "One-Click"


def _filled(viewer: Any) -> dict[str, Any]:
    """The form as the person left it; what was never chosen follows the portal."""
    own = mail_choices.own(viewer)
    return {
        **dict.fromkeys(mail_choices.GROUPS, ""),
        **own.paces,
        "daily_hour": "" if own.daily_hour is None else str(own.daily_hour),
        "quiet_from": clock(own.quiet_from),
        "quiet_until": clock(own.quiet_until),
        "quiet_weekends": own.quiet_weekends,
        "no_satisfaction": not own.asks_satisfaction,
        "language": viewer.language,
        "time_zone": viewer.time_zone,
    }


@blueprint.route("/account/notifications", methods=["GET", "POST"])
def show() -> ResponseReturnValue:
    """Which mails one gets, and when."""
    viewer = current.viewer()
    form = MailChoicesForm(data=_filled(viewer))
    if not viewer.is_staff:
        del form.desk
    if not form.is_submitted():
        return render_template("account/notifications.html", form=form)
    if form.validate():
        try:
            _keep(form, viewer)
        except Invalid as fault:
            name = fault.field if fault.field in form._fields else "answers"
            form._fields[name].errors = [presenters.refusal(fault)]
        else:
            flash(_("Your choices are kept."), "success")
            return redirect(url_for("mail_choices.show"), 303)
    return render_template("account/notifications.html", form=form), 422


def _keep(form: MailChoicesForm, viewer: Any) -> None:
    accounts.change_profile(
        viewer,
        full_name=viewer.full_name,
        language=form.language.data,
        time_zone=form.time_zone.data,
        now=current.now(),
    )
    mail_choices.change(
        viewer,
        current.now(),
        paces={field.name: field.data or "" for field in form.groups},
        daily_hour=int(form.daily_hour.data) if form.daily_hour.data else None,
        quiet_from=minutes_of(form.quiet_from.data),
        quiet_until=minutes_of(form.quiet_until.data),
        quiet_weekends=form.quiet_weekends.data,
        asks_satisfaction=not form.no_satisfaction.data,
    )


@blueprint.route("/unsubscribe/<token>", methods=["GET", "POST"])
def leave(token: str) -> ResponseReturnValue:
    """Out of one kind of mails. A GET changes nothing; the button, or the mail program's own, does it at once.

    The link is all it takes: a mail program has neither a session nor a token of a form.
    """
    try:
        copy = mail_choices.read_copy_token(token)
        if copy is not None:
            return _leave_copy(copy)
        person, group = mail_choices.read_token(token)
    except Missing:
        return render_template("account/unsubscribe.html", group=None, done=False), 404
    if request.method == "POST":
        mail_choices.unsubscribe(token, current.now())
        if request.form.get("List-Unsubscribe") != ONE_CLICK:
            return redirect(url_for("mail_choices.leave", token=token), 303)
    return render_template(
        "account/unsubscribe.html",
        group=presenters.mail_groups()[group],
        done=mail_choices.is_out(person, group),
    )


def _leave_copy(copy: Participant) -> ResponseReturnValue:
    """The same for an address in copy without account: its link is dead afterwards, so the answer says it is done."""
    if request.method == "POST":
        conversation.leave_copy(copy, current.now())
    return render_template(
        "account/unsubscribe.html",
        group=presenters.mail_groups()[mail_choices.COPY],
        done=request.method == "POST",
        copy=True,
    )
