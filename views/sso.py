"""Signing in through other systems: OpenID Connect, and signed links of applications (ACC-11).

The browser that began an attempt holds its mark in its session; what comes back to another one is refused.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, cast

from flask import Blueprint, current_app, flash, g, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm

import presenters
from domain import accounts, settings, sso
from domain.refusals import Locked, Missing, NotAllowed, NotNow, Refusal
from models import IdentityProvider, Person
from views import current, fresh
from views.redirects import local_path
from views.session import begin_signed_in, half_way, landing, sign_in_page
from words import gettext as _

blueprint = Blueprint("sso", __name__)

MOST_CODE = 4000


def _way() -> Any:
    """The way out to identity providers (gateways/openid.py)."""
    return current_app.extensions["guichet_openid"]


def _client(provider: IdentityProvider) -> Any:
    """The portal as this provider knows it. Raises NotNow("sso-secret-lost")."""
    return _way().Client(provider.issuer, provider.client_id, sso.secret_of(provider))


def _redirect_uri(provider: IdentityProvider) -> str:
    """Where the provider sends people back: one address under BASE_URL, whatever a request says of its host."""
    return current.settings().base_url + url_for("sso.back", slug=provider.slug)


def _refused(
    code: str, status: int, provider: IdentityProvider | None = None, **data: Any
) -> ResponseReturnValue:
    """A page that says why nobody was signed in, and leads to the password."""
    words = presenters.refusal(Refusal(code, **data))
    name = presenters.localized(provider, "name") if provider is not None else ""
    # With steps, the name alone would lead to the provider again.
    by_steps = settings.get("sign_in_by_steps")
    password_url = (
        url_for("session.login_password", means="password") if by_steps else url_for("session.login")
    )
    return render_template(
        "session/sso_refused.html", why=words, code=code, name=name, password_url=password_url
    ), status


def _away(provider: IdentityProvider, purpose: str, target: str) -> ResponseReturnValue:
    """The provider does not answer: the password signs in as ever."""
    name = presenters.localized(provider, "name")
    words = _(
        "%(name)s does not answer at this moment. Sign in with your password, or try again later.", name=name
    )
    if purpose != "enter":
        flash(words, "warning")
        return redirect(
            url_for("second_step.again" if purpose == "again" else "account.security", next=target), 303
        )
    return sign_in_page(target, fault=words, status=503)


def _begin(provider: IdentityProvider, purpose: str, target: str) -> str:
    """Begin an attempt of this browser. Returns the address of the provider. Raises what the way out raises."""
    state = secrets.token_urlsafe(32)
    nonce, verifier = sso.marks_of(state)
    url = _way().start(
        _client(provider),
        redirect_uri=_redirect_uri(provider),
        state=state,
        nonce=nonce,
        verifier=verifier,
        again=purpose == "again",
    )
    session["sso"] = {
        "state": state,
        "provider": provider.id,
        "purpose": purpose,
        "next": target,
        "at": int(current.now().timestamp()),
        "session": g.session_id if current_user.is_authenticated else None,
    }
    return cast(str, url)


def _onward(provider: IdentityProvider, purpose: str, target: str) -> ResponseReturnValue:
    """On to the provider, or the page that says why not."""
    try:
        return redirect(_begin(provider, purpose, target), 303)
    except NotNow as fault:
        return _refused(fault.code, 503, provider)
    except _way().Away as fault:
        current_app.logger.warning("provider %s is away: %s", provider.slug, fault)
        return _away(provider, purpose, target)


@blueprint.get("/login/with/<slug>")
def start(slug: str) -> ResponseReturnValue:
    """On to the provider, to sign in. Writes nothing on the server."""
    target = local_path(request.args.get("next"))
    try:
        provider = sso.provider_of(slug)
    except Missing as fault:
        return _refused(fault.code, 404)
    return _onward(provider, "enter", target)


@blueprint.get("/login/again/with/<slug>")
def again(slug: str) -> ResponseReturnValue:
    """On to the provider, which asks anew who it is, before a dangerous act."""
    target = local_path(request.args.get("next"))
    provider = next(
        (row.provider for row in sso.identities(current.viewer().id) if row.provider.slug == slug), None
    )
    if provider is None:
        return _refused("sso-unknown", 404)
    return _onward(provider, "again", target)


@blueprint.get("/account/security/with/<slug>")
def link(slug: str) -> ResponseReturnValue:
    """A page that leads on to the provider, to link one's account. The gate asks a fresh sign-in before."""
    try:
        provider = sso.provider_of(slug)
        sso.check_linkable(current.viewer(), provider)
    except Missing as fault:
        return _refused(fault.code, 404)
    try:
        # A page rather than a redirect: browsers follow none to another host after the form of the password.
        url = _begin(provider, "link", url_for("account.security"))
    except NotNow as fault:
        return _refused(fault.code, 503, provider)
    except _way().Away as fault:
        current_app.logger.warning("provider %s is away: %s", slug, fault)
        return _away(provider, "link", "/")
    return render_template("account/link_sso.html", url=url, name=presenters.localized(provider, "name"))


@blueprint.post("/account/security/with/<slug>/removal")
def unlink(slug: str) -> ResponseReturnValue:
    """Sign in by this provider no longer."""
    sso.unlink(current.viewer(), slug, origin=current.origin(), now=current.now())
    flash(_("Your account is no longer opened this way."), "success")
    return redirect(url_for("account.security"), 303)


@blueprint.get("/login/with/<slug>/return")
def back(slug: str) -> ResponseReturnValue:
    """Back from the provider, with a code: once, in the browser that began, within ten minutes."""
    mark, now = session.pop("sso", None), current.now()
    try:
        provider = sso.provider_of(slug)
    except Missing as fault:
        return _refused(fault.code, 404)
    state = request.args.get("state", "")
    if not _is_ours(mark, provider, state, now):
        return _refused("sso-over", 400, provider)
    asked_at = datetime.fromtimestamp(mark["at"], UTC)
    if not sso.spend("sso state", state, asked_at + timedelta(minutes=2 * sso.ATTEMPT_MINUTES)):
        return _refused("sso-over", 400, provider)
    purpose, target = mark["purpose"], local_path(mark["next"])
    if request.args.get("error"):
        return _refused("sso-cancelled", 403, provider)
    code = request.args.get("code", "")
    # Who answers says who it is, where it can (RFC 9207): an answer meant for another provider is none.
    if not 0 < len(code) <= MOST_CODE or request.args.get("iss", provider.issuer) != provider.issuer:
        return _refused("sso-refused", 400, provider)
    nonce, verifier = sso.marks_of(state)
    try:
        found = _way().finish(
            _client(provider),
            redirect_uri=_redirect_uri(provider),
            code=code,
            nonce=nonce,
            verifier=verifier,
            now=now,
            again=purpose == "again",
        )
    except NotNow as fault:
        return _refused(fault.code, 503, provider)
    except _way().Away as fault:
        current_app.logger.warning("provider %s is away: %s", slug, fault)
        return _away(provider, purpose, target)
    except _way().Refused as fault:
        current_app.logger.warning("an answer of provider %s was refused: %s", slug, fault)
        return _refused("sso-refused", 400, provider)
    said = sso.Said(*found)
    if purpose == "enter":
        return _enter(partial(sso.enter, provider, said, language=presenters.language()), target, provider)
    return _act(provider, said, purpose, target, mark["session"], asked_at)


def _is_ours(mark: Any, provider: IdentityProvider, state: str, now: datetime) -> bool:
    """Whether this browser began this attempt, with this provider, a moment ago, in the session that it has."""
    if not isinstance(mark, dict) or mark.get("purpose") not in ("enter", "link", "again"):
        return False
    if not hmac.compare_digest(str(mark.get("state")).encode(), state.encode("utf-8", "replace")):
        return False
    here = g.session_id if current_user.is_authenticated else None
    if mark["purpose"] != "enter" and (here is None or mark.get("session") != here):
        return False
    age = now.timestamp() - mark["at"]
    return mark.get("provider") == provider.id and -1 <= age < sso.ATTEMPT_MINUTES * 60


def _enter(
    enter: Callable[..., tuple[str, Person]], target: str, provider: IdentityProvider | None = None
) -> ResponseReturnValue:
    """Sign in whom another system has proven, or say why not. Arguments: enter, the verb that starts the session."""
    try:
        token, person = enter(
            origin=current.origin(),
            now=current.now(),
            user_agent=request.user_agent.string,
            browser=request.cookies.get("guichet_browser"),
        )
    except accounts.SecondStep as step:
        return half_way(step.token, target)
    except Locked as lock:
        return sign_in_page(target, lock=lock)
    except NotAllowed as fault:
        return _refused(fault.code, 403, provider, **fault.data)
    begin_signed_in(token, person)
    return redirect(landing(person, target), 303)


def _act(
    provider: IdentityProvider, said: sso.Said, purpose: str, target: str, session_id: int, asked_at: datetime
) -> ResponseReturnValue:
    viewer, origin, now = current.viewer(), current.origin(), current.now()
    try:
        if purpose == "again":
            sso.prove_again(viewer, session_id, provider, said, asked_at, origin=origin, now=now)
            return redirect(fresh.go_on(target), 303)
        if not accounts.is_fresh(session_id, now):
            return redirect(url_for("second_step.again", next=url_for("sso.link", slug=provider.slug)), 303)
        sso.link(viewer, provider, said, origin=origin, now=now)
    except (NotAllowed, Missing) as fault:
        return _refused(fault.code, fault.status, provider, **fault.data)
    name = presenters.localized(provider, "name")
    flash(_("Your account is linked: from now on, %(name)s signs you in.", name=name), "success")
    return redirect(target, 303)


# ---- Signed links --------------------------------------------------------------------------------------


@blueprint.route("/login/signed", methods=["GET", "POST"])
def signed() -> ResponseReturnValue:
    """The signed link of an application: a page with a button, which signs in once (ACC-11).

    A GET signs nobody in: somebody could lead others here with a link for an account of their own, and read later
    what they write in it.
    """
    given = [request.values.get(name, "") for name in ("app", "email", "time", "nonce", "next", "signature")]
    try:
        # Opened in time, the button waits for whoever reads slowly: in this browser alone, and still for once.
        opened = request.method == "POST" and session.get("signed") == given[3]
        most = sso.BUTTON_SECONDS if opened else sso.LINK_SECONDS
        read = sso.read_link(*given, now=current.now(), most=most)
    except (Missing, NotNow) as fault:
        return _refused(fault.code, 404 if isinstance(fault, Missing) else 410)
    name, target = presenters.localized(read.application, "name"), local_path(read.next)
    form = FlaskForm()
    if request.method != "POST":
        if current_user.is_authenticated and current.viewer().email == read.email.lower():
            return redirect(target, 303)
        session["signed"] = read.nonce
        return render_template(
            "session/signed.html",
            form=form,
            fields=zip(("app", "email", "time", "nonce", "next", "signature"), given, strict=True),
            email=read.email,
            name=name,
        )
    try:
        return _enter(partial(sso.use_link, read), target)
    except NotNow as fault:
        return _refused("sso-over", 410, **fault.data)
