"""Signing in and out, registering, and links to choose a password."""

from __future__ import annotations

import time
from datetime import timedelta

from flask import Blueprint, flash, g, make_response, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from werkzeug.wrappers import Response

import presenters
from domain import accounts, factors, settings, sso
from domain.refusals import Invalid, Missing, NotAllowed
from forms.accounts import ForgottenForm, LostUsernameForm, NewPasswordForm, RegisterForm, SignInForm
from models import Person
from views import current, viewing
from views.redirects import local_path

blueprint = Blueprint("session", __name__)

NAME_COOKIE = "guichet_name"
NAME_DAYS = 365
# What registering writes differs with what there is already at the address. The answer comes no sooner than this, so
# that its time does not tell (S19).
REGISTERED_AFTER_SECONDS = 0.25


def start(token: str) -> None:
    """Bind this browser to a session of the server, and to nothing that it held before (S21)."""
    session.clear()
    session["token"] = token


def begin_signed_in(token: str, person: Person) -> None:
    """A sign-in is whole: this browser holds its session; a member of staff without a factor is urged to have one."""
    _leave_present_session()
    start(token)
    if person.staff_role and "guichet_factor_later" not in request.cookies:
        session["urge"] = not factors.has_factor(person.id)


def half_way(half: str, target: str) -> Response:
    """The first step was right: this browser holds half a sign-in, which opens the second step alone."""
    _leave_present_session()
    session.clear()
    session["half"] = half
    return redirect(url_for("second_step.verify", next=target if target != "/" else None), 303)


def _leave_present_session() -> None:
    """End the session of this browser on the server, so that somebody who signs in again leaves none behind."""
    if current_user.is_authenticated:
        viewer = current.viewer()
        # The session is that of the admin, whoever is seen in it.
        owner = viewing.stop("session") if viewer.is_viewed else viewer
        accounts.end_session(g.session_id, by=owner, now=current.now(), origin=current.origin())


def _remember_name(response: Response, name: str | None) -> None:
    """Keep the user name on this browser, or forget it (ACC-5): the name and nothing else."""
    if name is None:
        response.delete_cookie(NAME_COOKIE)
        return
    response.set_cookie(
        NAME_COOKIE,
        name,
        max_age=timedelta(days=NAME_DAYS),
        httponly=True,
        samesite="Lax",
        secure=current.settings().production,
    )


@blueprint.route("/login", methods=["GET", "POST"])
def login() -> ResponseReturnValue:
    """Sign in with a user name or an address and a password (ACC-8, ACC-16)."""
    target = local_path(request.values.get("next"))
    if request.method in ("GET", "HEAD") and current_user.is_authenticated:
        return redirect(target, 303)
    remembered = request.cookies.get(NAME_COOKIE, "")[:254]
    form = SignInForm(data={"email": remembered, "remember": bool(remembered)})
    form.next.data = target if target != "/" else ""
    if not form.is_submitted():
        return _login_page(form)
    if not form.validate():
        return _login_page(form), 422
    try:
        token, person = accounts.sign_in(
            form.email.data,
            form.password.data,
            origin=current.origin(),
            now=current.now(),
            user_agent=request.user_agent.string,
            browser=request.cookies.get("guichet_browser"),
        )
    except accounts.SecondStep as step:
        response = half_way(step.token, target)
        _remember_name(response, step.person.username if form.remember.data else None)
        return response
    except accounts.Locked as lock:
        return _locked(form, lock)
    except Invalid as fault:
        form.form_errors.append(presenters.refusal(fault))
        return _login_page(form), 422
    begin_signed_in(token, person)
    response = redirect(target, 303)
    _remember_name(response, person.username if form.remember.data else None)
    return response


def _login_page(form: SignInForm, lock: accounts.Locked | None = None) -> str:
    target = form.next.data or None
    return render_template(
        "session/login.html",
        form=form,
        lock=lock_words(lock) if lock is not None else None,
        providers=[
            (presenters.localized(row, "name"), url_for("sso.start", slug=row.slug, next=target))
            for row in sso.listed()
        ],
    )


def sign_in_page(
    target: str, *, fault: str = "", lock: accounts.Locked | None = None, status: int = 200
) -> ResponseReturnValue:
    """The sign-in page after another way to sign in did not go through: with a sentence, or locked."""
    form = SignInForm(formdata=None)
    form.next.data = target if target != "/" else ""
    if lock is not None:
        return _locked(form, lock)
    form.form_errors.append(fault)
    return _login_page(form), status


def _locked(form: SignInForm, lock: accounts.Locked) -> ResponseReturnValue:
    """The same page for names that exist and names that do not: how long, and whom to call meanwhile."""
    page = _login_page(form, lock)
    response = make_response(page, lock.status)
    if lock.data["until"] is not None:
        seconds = (lock.data["until"] - current.now()).total_seconds()
        response.headers["Retry-After"] = str(max(1, int(seconds)))
    return response


def lock_words(lock: accounts.Locked) -> dict[str, object]:
    """What a page says of a lock: policy, minutes left, tries, and the hour at which it ends."""
    until = lock.data["until"]
    return {**lock.data, "hour": presenters.hour(until) if until is not None else ""}


@blueprint.post("/logout")
def logout() -> ResponseReturnValue:
    """End the session on the server: a copy of the cookie opens nothing afterwards (S22)."""
    _leave_present_session()
    session.clear()
    flash(_("You are signed out."), "success")
    return redirect(url_for("session.login"), 303)


@blueprint.route("/register", methods=["GET", "POST"])
def register() -> ResponseReturnValue:
    """Make an account (ACC-1). The answer is the same whether or not the address has one."""
    if current_user.is_authenticated:
        return redirect(url_for("home.index"), 303)
    if settings.get("registration") != "open":
        return render_template("session/by_invitation.html")
    form = RegisterForm()
    if not form.is_submitted():
        return render_template("session/register.html", form=form)
    if form.validate():
        began = time.perf_counter()
        try:
            accounts.register(
                form.full_name.data,
                form.email.data,
                organisation=form.organisation.data,
                language=presenters.language(),
                origin=current.origin(),
                now=current.now(),
            )
            time.sleep(max(0.0, began + REGISTERED_AFTER_SECONDS - time.perf_counter()))
            return redirect(url_for("session.registered"), 303)
        except NotAllowed:
            return render_template("session/by_invitation.html"), 403
        except Invalid as fault:
            _put(form, fault)
    return render_template("session/register.html", form=form), 422


@blueprint.get("/register/sent")
def registered() -> ResponseReturnValue:
    """What to do until the mail is there (ACC-1)."""
    return render_template("session/registered.html")


@blueprint.route("/password/forgotten", methods=["GET", "POST"])
def forgotten() -> ResponseReturnValue:
    """Ask for a link to choose another password (ACC-7). Never says whether the account exists."""
    form = ForgottenForm()
    if not form.is_submitted() and request.args.get("sent"):
        return render_template("session/asked.html", minutes=settings.get("reset_minutes"))
    if not form.is_submitted():
        return render_template("session/forgotten.html", form=form, minutes=settings.get("reset_minutes"))
    if form.validate():
        accounts.ask_reset(form.email.data, origin=current.origin(), now=current.now())
        return redirect(url_for("session.forgotten", sent=1), 303)
    return render_template("session/forgotten.html", form=form, minutes=settings.get("reset_minutes")), 422


@blueprint.route("/username/forgotten", methods=["GET", "POST"])
def lost_username() -> ResponseReturnValue:
    """Ask for one's user name by mail (ACC-4). Never says whether the account exists."""
    form = LostUsernameForm()
    if not form.is_submitted() and request.args.get("sent"):
        return render_template("session/username_asked.html")
    if form.is_submitted() and form.validate():
        accounts.ask_username(form.email.data, origin=current.origin(), now=current.now())
        return redirect(url_for("session.lost_username", sent=1), 303)
    return render_template("session/lost_username.html", form=form), 422 if form.is_submitted() else 200


@blueprint.route("/password/<token>", methods=["GET", "POST"])
def password(token: str) -> ResponseReturnValue:
    """Choose a password with a mailed link; opening the page changes nothing, and uses nothing up."""
    try:
        link = accounts.find_link(token, current.now())
    except Missing:
        return render_template("session/dead_link.html"), 404
    form = NewPasswordForm()
    if not form.is_submitted():
        return _password_page(form, link)
    if not form.validate():
        return _password_page(form, link, faults=["short"]), 422
    try:
        session_token, person = accounts.use_token(
            token,
            form.password.data,
            origin=current.origin(),
            now=current.now(),
            user_agent=request.user_agent.string,
        )
    except accounts.SecondStep as step:
        flash(_("Your new password is kept. One more step, and you are signed in."), "success")
        return half_way(step.token, "/")
    except Missing:
        return render_template("session/dead_link.html"), 404
    except Invalid as fault:
        _put(form, fault)
        return _password_page(form, link, fault.data["faults"], fault.data["word"]), 422
    begin_signed_in(session_token, person)
    if link.purpose == "password":
        flash(_("Your new password is kept. Your other sessions are closed."), "success")
    else:
        flash(_("Welcome: your account is open."), "success")
    return redirect(url_for("home.index"), 303)


def _password_page(
    form: NewPasswordForm, link: accounts.Link, faults: list[str] | None = None, word: str | None = None
) -> str:
    return render_template(
        "session/password.html",
        form=form,
        purpose=link.purpose,
        username=link.person.username,
        first=link.person.password_hash is None,
        least=settings.get("password_min"),
        rules=password_rules(link.person, faults, word),
    )


def password_rules(person: Person, faults: list[str] | None, word: str | None) -> list[dict[str, object]]:
    """The rules besides the length, as the page lists them; ok is None until the server has judged (ACC-6)."""
    return presenters.password_rules(accounts.personal_words(person), faults, word)


def _put(form: NewPasswordForm | RegisterForm, fault: Invalid) -> None:
    """Show a refusal of the domain beside its field, or above the form."""
    field = form._fields.get(fault.field or "")
    if field is None:
        form.form_errors.append(presenters.refusal(fault))
    else:
        field.errors = [*field.errors, presenters.refusal(fault)]
