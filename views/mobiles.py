"""One's mobile number for codes by text message: the offer after a code, and the page of the profile (ACC-10)."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

import presenters
from domain import factors, mobiles, settings, texts
from domain.refusals import Invalid, NotNow
from forms.factors import MobileForm, TextedForm
from views import current
from views.redirects import local_path
from words import gettext as _

blueprint = Blueprint("mobiles", __name__)


def _target() -> str | None:
    """Where to go on afterwards, or None: back to the number itself."""
    target = local_path(request.values.get("next"))
    return target if target != "/" else None


def offer_then(person_id: int, how: str, target: str) -> str:
    """Where a sign-in leads: to the offer first, after a code that was mailed to who has not answered it yet."""
    if how != "mail" or not mobiles.is_offered(person_id):
        return target
    return url_for("mobiles.offer", next=target if target != "/" else None)


@blueprint.route("/account/mobile/offer", methods=["GET", "POST"])
def offer() -> ResponseReturnValue:
    """Now, later, or never again. Whoever needs not be asked goes on."""
    viewer = current.viewer()
    form = MobileForm()
    form.next.data = _target() or ""
    if request.method != "POST" and (
        not mobiles.is_offered(viewer.id) or factors.must_enrol(viewer, current.now())
    ):
        return redirect(_target() or "/", 303)
    return _asked(form, "account/mobile_offer.html", _target() or "/")


@blueprint.route("/account/mobile", methods=["GET", "POST"])
def show() -> ResponseReturnValue:
    """One's number: add, change or remove it. The gate asks a fresh sign-in of the POST."""
    return _asked(MobileForm(), "account/mobile.html", None)


def _asked(form: MobileForm, template: str, then: str | None) -> ResponseReturnValue:
    viewer, now = current.viewer(), current.now()
    status = 200
    if form.is_submitted():
        status = 422
        if form.validate():
            try:
                mobiles.ask(viewer, form.number.data, origin=current.origin(), now=now)
            except (Invalid, NotNow) as fault:
                status = fault.status
                form.number.errors = [presenters.refusal(fault)]
            else:
                return redirect(url_for("mobiles.confirm", next=then), 303)
    present = mobiles.confirmed(viewer.id)
    page = render_template(
        template,
        form=form,
        target=then or "/",
        number=mobiles.written(present.number) if present else None,
        since=present.confirmed_at if present else None,
        waiting=mobiles.waiting(viewer.id, now),
        ending=mobiles.ending,
        open=texts.gateway() is not None,
        asked=settings.get("new_browser_code"),
        has_factor=factors.has_factor(viewer.id),
    )
    return page, status


@blueprint.route("/account/mobile/confirm", methods=["GET", "POST"])
def confirm() -> ResponseReturnValue:
    """Type the code that was sent to the number."""
    viewer, now = current.viewer(), current.now()
    form = TextedForm()
    form.next.data = _target() or ""
    row = mobiles.waiting(viewer.id, now)
    if row is None:
        return _not_begun()
    status = 200
    if form.is_submitted():
        status = 422
        if form.validate():
            try:
                mobiles.confirm(viewer, form.code.data, origin=current.origin(), now=now)
            except (Invalid, NotNow) as fault:
                if fault.code == "mobile-not-begun":
                    return _not_begun()
                status = fault.status
                form.code.errors = [presenters.refusal(fault)]
            else:
                flash(
                    _("Your number is kept: codes for new browsers can be sent to it by text message."),
                    "success",
                )
                return redirect(_target() or url_for("mobiles.show"), 303)
        # Like a password, a code never comes back in a page.
        form.code.data = ""
    page = render_template(
        "account/mobile_confirm.html",
        form=form,
        number=mobiles.written(row.number),
        failed=mobiles.could_not_leave(row),
        may_send=row.codes_sent < mobiles.CODES_SENT,
        minutes=mobiles.CODE_MINUTES,
        target=_target(),
    )
    return page, status


def _not_begun() -> ResponseReturnValue:
    if request.method == "POST":
        flash(presenters.refusal(NotNow("mobile-not-begun")), "warning")
    return redirect(url_for("mobiles.show"), 303)


@blueprint.post("/account/mobile/confirm/code")
def resend() -> ResponseReturnValue:
    """Send another code to the number that waits."""
    try:
        mobiles.send_again(current.viewer(), origin=current.origin(), now=current.now())
    except NotNow as fault:
        if fault.code == "mobile-not-begun":
            return _not_begun()
        flash(presenters.refusal(fault), "warning")
    else:
        flash(_("Another code is on its way: the one before no longer works."), "success")
    return redirect(url_for("mobiles.confirm", next=_target()), 303)


@blueprint.post("/account/mobile/cancel")
def cancel() -> ResponseReturnValue:
    """Drop the number that waits for its code."""
    if mobiles.cancel(current.viewer()):
        flash(_("That number is not kept."), "success")
    return redirect(_target() or url_for("mobiles.show"), 303)


@blueprint.post("/account/mobile/removal")
def remove() -> ResponseReturnValue:
    """Forget the number."""
    mobiles.remove(current.viewer(), origin=current.origin(), now=current.now())
    flash(_("Your number is removed: codes for new browsers are mailed to you."), "success")
    return redirect(url_for("mobiles.show"), 303)


@blueprint.post("/account/mobile/never")
def never() -> ResponseReturnValue:
    """Never ask again."""
    mobiles.refuse(current.viewer(), origin=current.origin(), now=current.now())
    flash(_("You will not be asked again. You can add a number in your profile at any time."), "success")
    return redirect(_target() or "/", 303)
