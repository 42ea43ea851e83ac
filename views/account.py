"""One's own account: profile, password, sessions, language (ACC-13)."""

from __future__ import annotations

import re
from datetime import timedelta

from flask import Blueprint, flash, g, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

import presenters
from domain import accounts, addresses, factors, mobiles, profile_questions, second_step, settings, sso, texts
from domain.refusals import Invalid, Missing, NotNow
from forms.accounts import AddressForm, ChangePasswordForm, ProfileForm
from models import Person
from views import current
from views.redirects import local_path
from views.second_step import BROWSER_COOKIE
from views.session import lock_words, password_rules, start
from words import gettext as _

blueprint = Blueprint("account", __name__)

LANGUAGE_COOKIE = "guichet_language"
LANGUAGE_DAYS = 365
_KEY = re.compile(r"[0-9]{1,18}")


@blueprint.route("/account", methods=["GET", "POST"])
def show() -> ResponseReturnValue:
    """Name, language and time zone."""
    viewer = current.viewer()
    form = ProfileForm(obj=viewer)
    if not form.is_submitted():
        return _profile_page(form)
    if form.validate():
        try:
            accounts.change_profile(
                viewer,
                full_name=form.full_name.data,
                language=form.language.data,
                time_zone=form.time_zone.data,
                now=current.now(),
            )
            flash(_("Your profile is kept."), "success")
            return redirect(url_for("account.show"), 303)
        except Invalid as fault:
            form._fields[fault.field or "full_name"].errors = [presenters.refusal(fault)]
    return _profile_page(form), 422


def _profile_page(form: ProfileForm) -> str:
    viewer = current.viewer()
    return render_template(
        "account/show.html",
        form=form,
        waiting=addresses.pending(viewer, current.now()),
        about=[
            (presenters.localized(question, "name"), presenters.localized(given, "text") if given else "")
            for question, given in profile_questions.asked_of(viewer)
        ],
        mobile=mobiles.confirmed(viewer.id),
        texts=texts.gateway() is not None and settings.get("new_browser_code"),
        ending=mobiles.ending,
    )


@blueprint.route("/account/address", methods=["GET", "POST"])
def address() -> ResponseReturnValue:
    """Ask for another address, or see the change that waits (ACC-19). The gate asks a fresh sign-in of the POST."""
    viewer, now = current.viewer(), current.now()
    form = AddressForm()
    status = 200
    if form.is_submitted():
        status = 422
        if form.validate():
            try:
                addresses.ask(viewer, form.email.data, origin=current.origin(), now=now)
            except (Invalid, NotNow) as fault:
                status = fault.status
                form.email.errors = [presenters.refusal(fault)]
            else:
                flash(
                    _("A mail is on its way to the new address. Nothing changes until you confirm there."),
                    "success",
                )
                return redirect(url_for("account.address"), 303)
    page = render_template(
        "account/address.html", form=form, waiting=addresses.pending(viewer, now), hours=addresses.LINK_HOURS
    )
    return page, status


@blueprint.post("/account/address/cancel")
def cancel_address() -> ResponseReturnValue:
    """Drop the change of address that waits."""
    if addresses.cancel(current.viewer(), origin=current.origin(), now=current.now()):
        flash(_("The change is cancelled: your address stays as it is."), "success")
    else:
        flash(_("No change of address waits."), "info")
    return redirect(url_for("account.address"), 303)


@blueprint.route("/account/address/confirm/<token>", methods=["GET", "POST"])
def confirm_address(token: str) -> ResponseReturnValue:
    """The link of the mail: a page with a button; opening it changes nothing (ACC-19)."""
    viewer, now = current.viewer(), current.now()
    try:
        change = addresses.find(token, viewer, now)
        if request.method != "POST":
            return render_template("account/confirm_address.html", change=change)
        after = addresses.confirm(token, viewer, g.session_id, origin=current.origin(), now=now)
    except Missing:
        return render_template("account/dead_address.html", why=None), 404
    except NotNow as fault:
        return render_template("account/dead_address.html", why=presenters.refusal(fault)), fault.status
    flash(_("Your address is now %(address)s. Your other sessions are closed.", address=after), "success")
    return redirect(url_for("account.show"), 303)


@blueprint.route("/account/security", methods=["GET", "POST"])
def security() -> ResponseReturnValue:
    """The second factors, and another password with the present one."""
    viewer = current.viewer()
    person = Person.get_by_id(viewer.id)
    form = ChangePasswordForm()
    faults: list[str] | None = None
    word, status, lock = None, 200, None
    if form.is_submitted():
        status = 422
        if form.validate():
            try:
                token = accounts.change_password(
                    viewer,
                    g.session_id,
                    form.current_password.data,
                    form.password.data,
                    current.now(),
                    origin=current.origin(),
                    user_agent=request.user_agent.string,
                )
            except accounts.Locked as fault:
                status, lock = fault.status, lock_words(fault)
            except Invalid as fault:
                faults, word = fault.data.get("faults"), fault.data.get("word")
                form._fields[fault.field or "password"].errors = [presenters.refusal(fault)]
            else:
                start(token)
                flash(_("Your new password is kept. Your other sessions are closed."), "success")
                return redirect(url_for("account.security"), 303)
    page = render_template(
        "account/security.html",
        form=form,
        lock=lock,
        least=settings.get("password_min"),
        rules=password_rules(person, faults, word),
        held=factors.held(viewer.id),
        required=factors.required_of(viewer, current.now()),
        few=factors.FEW_CODES,
        identities=[(row, presenters.localized(row.provider, "name")) for row in sso.identities(viewer.id)],
        linkable=[(row, presenters.localized(row, "name")) for row in sso.linkable(viewer)],
    )
    return page, status


@blueprint.route("/account/sessions", methods=["GET", "POST"])
def sessions() -> ResponseReturnValue:
    """Where one is signed in; ends one session, the others, or all of them."""
    viewer = current.viewer()
    now, origin = current.now(), current.origin()
    if request.method in ("GET", "HEAD"):
        rows = [(row, presenters.device(row.user_agent)) for row in accounts.sessions(viewer, now)]
        known = [(row, presenters.device(row.user_agent)) for row in second_step.browsers(viewer, now)]
        return render_template("account/sessions.html", sessions=rows, present=g.session_id, browsers=known)
    if "browser" in request.form:
        key = request.form["browser"]
        if not _KEY.fullmatch(key):
            raise Missing("session-missing")
        second_step.distrust(int(key), viewer, now, origin=origin)
        flash(_("That browser is no longer trusted: a code is asked at its next sign-in."), "success")
        return redirect(url_for("account.sessions"), 303)
    which = request.form.get("everywhere")
    if which == "all":
        accounts.sign_out_everywhere(viewer, now, origin=origin)
        session.clear()
        flash(_("You are signed out everywhere."), "success")
        return redirect(url_for("session.login"), 303)
    if which == "others":
        accounts.sign_out_everywhere(
            viewer, now, origin=origin, except_id=g.session_id, browser=request.cookies.get(BROWSER_COOKIE)
        )
        flash(_("You are signed out everywhere else."), "success")
    else:
        key = request.form.get("session", "")
        if not _KEY.fullmatch(key):
            raise Missing("session-missing")
        accounts.end_session(int(key), by=viewer, now=now, origin=origin)
        if int(key) == g.session_id:
            session.clear()
            flash(_("You are signed out."), "success")
            return redirect(url_for("session.login"), 303)
        flash(_("That session is ended."), "success")
    return redirect(url_for("account.sessions"), 303)


@blueprint.post("/account/language")
def language() -> ResponseReturnValue:
    """The language of the pages: kept with the account, or on this browser for somebody not signed in."""
    chosen = request.form.get("language", "")
    response = redirect(local_path(request.form.get("next")), 303)
    if chosen not in accounts.LANGUAGES:
        return response
    if current_user.is_authenticated:
        accounts.change_language(current.viewer(), chosen)
    response.set_cookie(
        LANGUAGE_COOKIE,
        chosen,
        max_age=timedelta(days=LANGUAGE_DAYS),
        httponly=True,
        samesite="Lax",
        secure=current.settings().production,
    )
    return response
