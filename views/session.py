"""Signing in and out, registering, and links to choose a password."""

from __future__ import annotations

import secrets
import time
from datetime import timedelta

from flask import Blueprint, flash, g, make_response, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from werkzeug.wrappers import Response

import presenters
from domain import accounts, factors, profile_questions, settings, sso
from domain.refusals import Invalid, Missing, NotAllowed
from forms.accounts import (
    ADDRESS_MAX,
    ForgottenForm,
    KeyEntryForm,
    LostUsernameForm,
    NewPasswordForm,
    RegisterForm,
    SignInForm,
    SignInNameForm,
)
from models import IdentityProvider, Person
from views import current, viewing
from views.redirects import local_path
from words import gettext as _

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


def landing(person: Person, target: str) -> str:
    """Where a sign-in leads: to the home page by way of questions that wait (ACC-17), elsewhere straight."""
    if target == "/" and profile_questions.waiting(person):
        return url_for("profile_questions.show")
    return target


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
    """Sign in with name and password, or give the name alone where steps are chosen (ACC-8, ACC-16, ACC-17)."""
    target = local_path(request.values.get("next"))
    if request.method in ("GET", "HEAD") and current_user.is_authenticated:
        return redirect(target, 303)
    # Who sends the password at once has no need of steps.
    if _by_steps() and not request.form.get("password"):
        return _first_step(target)
    form = _sign_in_form(target)
    if not form.is_submitted():
        return _login_page(form)
    return _sign_in(form, target)


@blueprint.route("/login/password", methods=["GET", "POST"])
def login_password() -> ResponseReturnValue:
    """What goes with the name that was given: the organisation's single sign-on, or the password (ACC-17).

    The page depends on the name as it was typed, never on whether an account has it.
    """
    target = local_path(request.values.get("next"))
    if request.method in ("GET", "HEAD") and current_user.is_authenticated:
        return redirect(target, 303)
    form = _sign_in_form(target)
    if form.is_submitted() and _by_steps() and request.form.get("credential"):
        return _by_key(form, target)
    if form.is_submitted():
        return _sign_in(form, target)
    form.email.data = _typed_name()
    if not (_by_steps() and form.email.data):
        return redirect(url_for("session.login", next=_next(target)), 303)
    return _login_page(form)


def _by_steps() -> bool:
    return bool(settings.get("sign_in_by_steps"))


def _next(target: str) -> str | None:
    return target if target != "/" else None


def _remembered_name() -> str:
    """The user name that this browser remembers (ACC-5)."""
    return request.cookies.get(NAME_COOKIE, "")[:ADDRESS_MAX]


def _typed_name() -> str:
    """The name given in the first step in this browser; without one, the name that it remembers."""
    return str(session.get("name") or "")[:ADDRESS_MAX] or _remembered_name()


def _sign_in_form(target: str) -> SignInForm:
    remembered = _remembered_name()
    form = SignInForm(data={"email": remembered, "remember": bool(remembered)})
    form.next.data = target if target != "/" else ""
    return form


def _first_step(target: str) -> ResponseReturnValue:
    """Ask for the name, or keep it and go on. No account is looked up: every name is answered alike."""
    if request.method in ("GET", "HEAD") and _remembered_name() and "change" not in request.args:
        return redirect(url_for("session.login_password", next=_next(target)), 303)
    form = SignInNameForm(data={"email": _typed_name()})
    form.next.data = target if target != "/" else ""
    if not form.is_submitted():
        return _name_page(form)
    if not form.validate():
        return _name_page(form), 422
    session["name"] = form.email.data
    return redirect(url_for("session.login_password", next=_next(target)), 303)


def _sign_in(form: SignInForm, target: str) -> ResponseReturnValue:
    """Look at a name and a password, and start the session."""
    if not form.validate():
        if _by_steps() and form.email.errors:
            # The second step does not ask for the name.
            name_form = SignInNameForm()
            name_form.validate()
            return _name_page(name_form), 422
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
    response = redirect(landing(person, target), 303)
    _remember_name(response, person.username if form.remember.data else None)
    return response


def _by_key(form: SignInForm, target: str) -> ResponseReturnValue:
    """Look at the answer of a passkey, and start the session of its owner, whatever the name that was typed."""
    form.email.data = _typed_name()
    try:
        token, person = accounts.sign_in_by_key(
            request.form["credential"],
            site=factors.site_of(current.settings().base_url),
            bound_to=_asking_browser(),
            origin=current.origin(),
            now=current.now(),
            user_agent=request.user_agent.string,
        )
    except accounts.Locked as lock:
        return _locked(form, lock)
    except Invalid as fault:
        form.form_errors.append(presenters.refusal(fault))
        return (_login_page(form) if form.email.data else _name_page(_name_form(form))), 422
    begin_signed_in(token, person)
    return redirect(landing(person, target), 303)


def _asking_browser() -> str:
    """The mark of this browser to which the question for a passkey is bound: no other may answer."""
    if not session.get("entry"):
        session["entry"] = secrets.token_urlsafe(16)
    return f"entry:{session['entry']}"


def _key_question() -> str | None:
    """What asks the browser for a passkey, as JSON; None where keys cannot work."""
    return factors.key_to_enter(
        factors.site_of(current.settings().base_url), _asking_browser(), current.now()
    )


def _buttons(rows: list[IdentityProvider], target: str | None) -> list[tuple[str, str]]:
    """The name of each provider, and the address that leads to it."""
    return [
        (presenters.localized(row, "name"), url_for("sso.start", slug=row.slug, next=target)) for row in rows
    ]


def _name_page(form: SignInNameForm, lock: accounts.Locked | None = None) -> str:
    return render_template(
        "session/name.html",
        form=form,
        lock=lock_words(lock) if lock is not None else None,
        providers=_buttons(sso.listed(), form.next.data or None),
    )


def _login_page(form: SignInForm, lock: accounts.Locked | None = None) -> str:
    """The page that asks for the password: with the name, or after it where steps are chosen."""
    target = form.next.data or None
    steps = _by_steps()
    own = sso.providers_for(form.email.data or "") if steps else []
    known = {row.id for row in own}
    key_form = KeyEntryForm(formdata=None)
    key_form.next.data = form.next.data
    return render_template(
        "session/step.html" if steps else "session/login.html",
        form=form,
        lock=lock_words(lock) if lock is not None else None,
        own=_buttons(own, target),
        providers=_buttons([row for row in sso.listed() if row.id not in known], target),
        # Whose organisation signs in elsewhere is asked for a password only when that is what they want.
        asks_password=not own
        or bool(form.form_errors or lock)
        or form.is_submitted()
        or request.values.get("means") == "password",
        key=_key_question() if steps else None,
        key_entry=key_form,
        change_url=url_for("session.login", change=1, next=target),
        password_url=url_for("session.login_password", means="password", next=target),
    )


def sign_in_page(
    target: str, *, fault: str = "", lock: accounts.Locked | None = None, status: int = 200
) -> ResponseReturnValue:
    """The sign-in page after another way to sign in did not go through: with a sentence, or locked."""
    form = SignInForm(formdata=None)
    form.next.data = target if target != "/" else ""
    if _by_steps():
        form.email.data = _typed_name()
    if lock is not None:
        return _locked(form, lock)
    form.form_errors.append(fault)
    if _by_steps() and not form.email.data:
        return _name_page(_name_form(form)), status
    return _login_page(form), status


def _name_form(form: SignInForm) -> SignInNameForm:
    """The first step, with what is to be said above it."""
    first = SignInNameForm(formdata=None)
    first.next.data = form.next.data
    first.form_errors.extend(form.form_errors)
    return first


def _locked(form: SignInForm, lock: accounts.Locked) -> ResponseReturnValue:
    """The same page for names that exist and names that do not: how long, and whom to call meanwhile."""
    if _by_steps() and not form.email.data:
        page = _name_page(_name_form(form), lock)
    else:
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
    form = ForgottenForm(data={"email": session.get("name", "")})
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
    return redirect(landing(person, url_for("home.index")), 303)


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
