"""The second step of a sign-in, and proving again that it is the same person before a dangerous act."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, flash, g, make_response, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

import presenters
from domain import accounts, factors, second_step, settings, sso
from domain.mobiles import ending
from domain.refusals import Invalid, Locked, Missing, NotNow
from forms.factors import AgainForm, CodeForm
from models import PendingSignIn
from views import current, fresh, mobiles
from views.redirects import local_path
from views.session import begin_signed_in, landing, lock_words
from words import gettext as _

blueprint = Blueprint("second_step", __name__)

BROWSER_COOKIE = "guichet_browser"


def site() -> factors.Site | None:
    """What security keys are bound to on this portal."""
    return factors.site_of(current.settings().base_url)


def put(form: Any, fault: Invalid | NotNow) -> None:
    """Show a refusal beside its field; that of a key has none to see, and stands above the form."""
    field = form._fields.get(fault.field or "")
    if field is None or fault.field == "credential":
        form.form_errors.append(presenters.refusal(fault))
    else:
        field.errors = [*field.errors, presenters.refusal(fault)]
        if fault.field == "code":
            # Like a password, a code never comes back in a page.
            field.data = ""


def with_wait(page: str, lock: Locked) -> Response:
    """The answer to somebody who tried too often: when to come back stands in the header as well."""
    response = make_response(page, lock.status)
    if lock.data["until"] is not None:
        seconds = (lock.data["until"] - current.now()).total_seconds()
        response.headers["Retry-After"] = str(max(1, int(seconds)))
    return response


# ---- /login/verify -------------------------------------------------------------------------------------


def _waiting() -> PendingSignIn | None:
    return second_step.find(session.get("half"), current.now())


def _over() -> ResponseReturnValue:
    """The second step took too long, or was never begun: sign-in begins anew."""
    if session.pop("half", None) is not None:
        flash(_("That sign-in took too long. Begin again."), "info")
    target = local_path(request.values.get("next"))
    return redirect(url_for("session.login", next=target if target != "/" else None), 303)


@blueprint.route("/login/verify", methods=["GET", "POST"])
def verify() -> ResponseReturnValue:
    """Type the code of the app, a recovery code, the mailed code, or use a security key (ACC-9, ACC-10)."""
    pending = _waiting()
    if pending is None:
        return _over()
    target = local_path(request.values.get("next"))
    form = CodeForm()
    form.next.data = target if target != "/" else ""
    if not form.is_submitted():
        return _page(pending, form)
    if not form.validate() or not (form.code.data or form.credential.data):
        if not form.code.errors:
            form.code.errors = [_("Type the code.")]
        return _page(pending, form), 422
    try:
        entered = accounts.finish_sign_in(
            session.get("half"),
            code=form.code.data,
            credential=form.credential.data,
            site=site(),
            trust=bool(form.trust.data),
            origin=current.origin(),
            now=current.now(),
            user_agent=request.user_agent.string,
        )
    except Missing:
        return _over()
    except Locked as lock:
        return with_wait(_page(pending, form, lock_words(lock)), lock)
    except Invalid as fault:
        put(form, fault)
        return _page(pending, form), 422
    begin_signed_in(entered.token, entered.person)
    if entered.how == "recovery":
        left = factors.held(entered.person.id).codes_left
        flash(presenters.recovery_used(left), "warning")
    target = landing(entered.person, target)
    response = redirect(mobiles.offer_then(entered.person.id, entered.how, target), 303)
    if entered.browser is not None:
        response.set_cookie(
            BROWSER_COOKIE,
            entered.browser,
            max_age=timedelta(days=second_step.TRUST_DAYS),
            httponly=True,
            samesite="Lax",
            secure=current.settings().production,
        )
    return response


def _page(pending: PendingSignIn, form: CodeForm, lock: Any = None) -> str:
    held = factors.held(pending.person_id) if pending.needs == "factor" else None
    means = request.args.get("means")
    key, number = None, None
    if held is not None:
        key = factors.key_to_use(held.keys, site(), second_step.bound_to(pending), current.now())
        if held.app is None and means != "recovery":
            means = "key"
        elif means != "recovery":
            means = "app"
    else:
        number = second_step.texted_to(pending)
    return render_template(
        "session/verify.html",
        form=form,
        lock=lock,
        means=means if held is not None else "mail",
        held=held,
        key=key,
        keys_work=site() is not None,
        masked=presenters.masked(pending.person.email),
        ending=ending(number) if number else None,
        may_send=pending.codes_sent < second_step.CODES_SENT,
        target=form.next.data,
        by_steps=settings.get("sign_in_by_steps"),
    )


@blueprint.post("/login/verify/code")
def resend() -> ResponseReturnValue:
    """Send another code for the sign-in that waits; with `by` = mail, by mail instead of by text message."""
    pending = _waiting()
    if pending is None:
        return _over()
    try:
        second_step.send_again(
            pending, current.now(), origin=current.origin(), by_mail=request.form.get("by") == "mail"
        )
        flash(_("Another code is on its way: the one before no longer works."), "success")
    except Missing:
        return _over()
    except NotNow as fault:
        flash(presenters.refusal(fault), "warning")
    target = local_path(request.form.get("next"))
    return redirect(url_for("second_step.verify", next=target if target != "/" else None), 303)


# ---- /login/again --------------------------------------------------------------------------------------


@blueprint.route("/login/again", methods=["GET", "POST"])
def again() -> ResponseReturnValue:
    """The password, a code or a key again, when the last time was more than 15 minutes ago."""
    viewer = current.viewer()
    target = local_path(request.values.get("next"))
    form = AgainForm()
    form.next.data = target if target != "/" else ""
    if not form.is_submitted():
        if accounts.is_fresh(g.session_id, current.now()):
            return redirect(fresh.go_on(target), 303)
        return _again_page(form)
    given = form.validate() and (form.password.data or form.code.data or form.credential.data)
    if not given:
        if not form.errors:
            form.password.errors = [_("Give your password.")]
        return _again_page(form), 422
    try:
        accounts.prove_again(
            viewer,
            g.session_id,
            password=form.password.data,
            code=form.code.data,
            credential=form.credential.data,
            site=site(),
            origin=current.origin(),
            now=current.now(),
        )
    except Locked as lock:
        return with_wait(_again_page(form, lock_words(lock)), lock)
    except Invalid as fault:
        put(form, fault)
        return _again_page(form), 422
    return redirect(fresh.go_on(target), 303)


def _again_page(form: AgainForm, lock: Any = None) -> str:
    held = factors.held(current.viewer().id)
    key = factors.key_to_use(held.keys, site(), f"session:{g.session_id}", current.now())
    return render_template(
        "session/again.html",
        form=form,
        lock=lock,
        app=held.app is not None,
        key=key,
        kept=fresh.waiting() is not None,
        providers=[
            (
                presenters.localized(row.provider, "name"),
                url_for("sso.again", slug=row.provider.slug, next=form.next.data or None),
            )
            for row in sso.identities(current.viewer().id)
        ],
        minutes=accounts.FRESH_MINUTES,
    )


@blueprint.get("/login/again/act")
def act() -> ResponseReturnValue:
    """Go on with what was being sent when the password was asked: one press, nothing typed twice."""
    row = fresh.waiting()
    if row is None or not accounts.is_fresh(g.session_id, current.now()):
        return redirect(local_path(request.args.get("next")), 303)
    where = row.path.removeprefix(fresh.MARK)
    fields = [(name, value) for name, values in row.data.items() for value in values]
    back = local_path(request.args.get("next"), urlsplit(where).path)
    return render_template("session/act.html", where=where, fields=fields, back=back)
