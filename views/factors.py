"""One's own second factors: authenticator app, security keys and passkeys, recovery codes (ACC-9)."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import quote

import segno
from flask import Blueprint, flash, g, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

import presenters
from domain import factors
from domain.refusals import Invalid, Locked, NotNow
from forms.factors import FirstCodeForm, KeyForm
from views import current
from views.redirects import local_path
from views.second_step import put, site, with_wait
from views.session import lock_words
from words import gettext as _

blueprint = Blueprint("factors", __name__)

LATER_COOKIE = "guichet_factor_later"
LATER_DAYS = 30


def _then() -> ResponseReturnValue:
    """After a factor was added: to the recovery codes, when there are none yet."""
    codes = factors.held(current.viewer().id).codes_left
    session.pop("urge", None)
    return redirect(url_for("account.security") if codes else url_for("factors.codes"), 303)


# ---- The app -------------------------------------------------------------------------------------------


@blueprint.route("/account/security/app", methods=["GET", "POST"])
def app() -> ResponseReturnValue:
    """Set up an authenticator app: QR code and key as text, then a first code."""
    viewer, now = current.viewer(), current.now()
    form = FirstCodeForm()
    if form.is_submitted() and "begin" in request.form:
        factors.begin_app(viewer, now)
        return redirect(url_for("factors.app"), 303)
    if not form.is_submitted():
        return _app_page(FirstCodeForm(formdata=None))
    if factors.waiting_app(viewer, now) is None:
        flash(presenters.refusal(NotNow("app-not-begun")), "warning")
        return redirect(url_for("factors.app"), 303)
    if not form.validate():
        return _app_page(form), 422
    try:
        factors.confirm_app(viewer, form.code.data, origin=current.origin(), now=now)
    except Locked as lock:
        return with_wait(_app_page(form, lock), lock)
    except NotNow as fault:
        flash(presenters.refusal(fault), "warning")
        return redirect(url_for("factors.app"), 303)
    except Invalid as fault:
        put(form, fault)
        return _app_page(form), 422
    flash(_("Your authenticator app is set up: its code is asked at each sign-in."), "success")
    return _then()


def _app_page(form: FirstCodeForm, lock: Locked | None = None) -> str:
    viewer = current.viewer()
    secret = factors.waiting_app(viewer, current.now())
    drawing = None
    if secret is not None:
        code = segno.make(factors.app_address(secret, viewer), micro=False, error="m")
        drawing = Markup(code.svg_inline(scale=5, omitsize=True, dark="#000", light="#fff"))  # noqa: S704  # nosec B704  # (drawn by us)
    return render_template(
        "account/app.html",
        form=form,
        lock=lock_words(lock) if lock is not None else None,
        secret=" ".join(secret[at : at + 4] for at in range(0, len(secret), 4)) if secret else None,
        address=factors.app_address(secret, viewer) if secret else None,
        drawing=drawing,
        replaces=factors.held(viewer.id).app is not None,
    )


@blueprint.post("/account/security/app/removal")
def remove_app() -> ResponseReturnValue:
    """Take the app away."""
    factors.remove_app(current.viewer(), origin=current.origin(), now=current.now())
    flash(_("The authenticator app is removed."), "success")
    return redirect(url_for("account.security"), 303)


# ---- Keys ----------------------------------------------------------------------------------------------


@blueprint.route("/account/security/keys", methods=["GET", "POST"])
def keys() -> ResponseReturnValue:
    """Add a security key or a passkey."""
    viewer, now = current.viewer(), current.now()
    form = KeyForm()
    if not form.is_submitted():
        return _keys_page(form)
    if site() is None:
        return _keys_page(KeyForm(formdata=None)), 409
    if not form.validate():
        return _keys_page(form), 422
    try:
        factors.add_key(
            viewer,
            form.name.data,
            form.credential.data or "",
            site(),
            f"session:{g.session_id}",
            origin=current.origin(),
            now=now,
        )
    except (Invalid, NotNow) as fault:
        put(form, fault)
        return _keys_page(form), fault.status
    flash(_("The key “%(name)s” is added.", name=form.name.data), "success")
    return _then()


def _keys_page(form: KeyForm) -> str:
    place = site()
    options = None
    if place is not None:
        options = factors.key_to_add(current.viewer(), place, f"session:{g.session_id}", current.now())
    return render_template("account/keys.html", form=form, options=options)


@blueprint.post("/account/security/keys/<int:key>/removal")
def remove_key(key: int) -> ResponseReturnValue:
    """Take one key away."""
    factors.remove_key(current.viewer(), key, origin=current.origin(), now=current.now())
    flash(_("The key is removed."), "success")
    return redirect(url_for("account.security"), 303)


# ---- Recovery codes ------------------------------------------------------------------------------------


@blueprint.route("/account/security/codes", methods=["GET", "POST"])
def codes() -> ResponseReturnValue:
    """Make recovery codes. They are shown in the answer itself: nowhere are they kept to be shown again."""
    viewer = current.viewer()
    made: list[str] = []
    if request.method == "POST":
        made = factors.make_codes(viewer, origin=current.origin(), now=current.now())
    text = "\r\n".join([f"Guichet, {viewer.username}", "", *made, ""])
    return render_template(
        "account/codes.html",
        codes=made,
        held=factors.held(viewer.id),
        file="data:text/plain;charset=utf-8," + quote(text) if made else "",
        then=local_path(session.get("after_setup")),
    )


@blueprint.post("/account/security/later")
def later() -> ResponseReturnValue:
    """Not now: the line that urges members of staff to set up a factor goes away for 30 days."""
    session.pop("urge", None)
    response = redirect(local_path(request.form.get("next")), 303)
    response.set_cookie(
        LATER_COOKIE,
        "1",
        max_age=timedelta(days=LATER_DAYS),
        httponly=True,
        samesite="Lax",
        secure=current.settings().production,
    )
    return response
