"""The application: configuration, database, sign-in, languages, pages, screens, commands, error pages. No rule."""

from __future__ import annotations

import logging
import os
import re
import secrets
from collections.abc import Callable, MutableMapping
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from flask import (
    Flask,
    Response,
    flash,
    g,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask.templating import Environment
from flask.typing import ResponseReturnValue
from flask_babel import Babel
from flask_login import LoginManager, current_user
from flask_wtf.csrf import CSRFError, CSRFProtect
from jinja2 import pass_eval_context
from jinja2.nodes import EvalContext
from markupsafe import Markup
from peewee import DataError, IntegrityError, InterfaceError, OperationalError
from playhouse.pool import MaxConnectionsExceeded
from werkzeug.exceptions import HTTPException, MethodNotAllowed, RequestEntityTooLarge

import presenters
import views
import words
from config import VERSION, Settings
from domain import accounts, factors, files, guidance, second_step, status_page, telephone, texts, unread
from domain import settings as choices
from domain.mail_choices import known_zone
from domain.policies import Viewer
from domain.refusals import Refusal
from gateways.files import DiskStore
from gateways.ledger import FileLedger
from gateways.openid import OpenIdConnect
from models import db, make_database
from views import assets, current, finding, fresh, held, viewing
from views.paths import path
from words import gettext as _

LANGUAGES = ("fr", "en")
LANGUAGE_COOKIE = "guichet_language"
CONTENT_POLICY = (
    "default-src 'self'; script-src 'nonce-{nonce}' 'strict-dynamic'; style-src 'self' 'nonce-{nonce}'; "
    "img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
MEGABYTE = 1024 * 1024
BROKEN = re.compile("[\x00-\x1f\x7f]")

csrf = CSRFProtect()


class Anonymous:
    """Somebody who has not signed in."""

    is_authenticated = False
    is_active = False
    is_anonymous = True
    is_staff = False
    is_agent = False
    is_admin = False
    is_viewed = False
    viewing = None
    may_open_requests = False
    organisation_name = ""
    id = None

    def get_id(self) -> None:
        """Nobody's key."""


def create_app(settings: Settings | None = None, clock: Callable[[], datetime] | None = None) -> Flask:
    """Build the application.

    Arguments: settings, from the environment when absent; clock, what time it is (aware UTC), for tests.
    Opens no port and starts no job: the serve command does.
    """
    settings = settings or Settings.from_environment()
    # What this process writes is for its own account, whatever the shell that started it allows (S49).
    os.umask(0o077)
    app = Flask(__name__, static_folder=None)
    app.jinja_environment = _Templates
    furnish(app, settings, clock)
    db.initialize(make_database(settings.database_url))
    _connections(app)
    _own_forms_only(app)
    app.before_request(viewing.gate)
    csrf.init_app(app)
    for view in views.WITHOUT_FORM_TOKEN:
        csrf.exempt(view)
    _languages(app)
    _sign_in(app)
    _templates(app)
    views.register(app)
    from views import admin

    admin.build(app)
    _errors(app)
    app.after_request(held.forget)
    app.after_request(_headers)
    import commands

    commands.register(app)
    return app


def furnish(app: Flask, settings: Settings, clock: Callable[[], datetime] | None = None) -> None:
    """Give the application all that depends on where it runs, but its database; create_app() does.

    Arguments: as of create_app(). What it had before is replaced: an application may be furnished again, for elsewhere.
    """
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    app.extensions["guichet_settings"] = settings
    app.extensions["guichet_clock"] = clock or (lambda: datetime.now(UTC))
    app.extensions["guichet_files"] = DiskStore(settings.files_dir)
    app.extensions["guichet_ledger"] = FileLedger(settings.data_dir / "erasures.jsonl")
    app.extensions["guichet_openid"] = OpenIdConnect(http_on_loopback=settings.sso_http_on_loopback)
    _configure(app, settings)
    accounts.use_secret(settings.secret_key)
    chosen = settings.texts
    texts.use_gateway(texts.Gateway(chosen.most, chosen.countries, chosen.host) if chosen else None)


def _configure(app: Flask, settings: Settings) -> None:
    production = settings.production
    app.config.update(
        SECRET_KEY=settings.secret_key,
        SESSION_COOKIE_NAME="__Host-guichet" if production else "guichet",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=production,
        SESSION_COOKIE_PATH="/",
        PERMANENT_SESSION_LIFETIME=timedelta(days=30),
        # The token lives as long as the session it is bound to: a form left open over lunch still works.
        WTF_CSRF_TIME_LIMIT=None,
        WTF_CSRF_SSL_STRICT=False,
        MAX_FORM_MEMORY_SIZE=2 * MEGABYTE,
        MAX_FORM_PARTS=2000,
        BABEL_DEFAULT_LOCALE="fr",
        BABEL_DEFAULT_TIMEZONE="Europe/Paris",
        TEMPLATES_AUTO_RELOAD=False,
    )


def _connections(app: Flask) -> None:
    @app.before_request
    def connect() -> None:
        if request.endpoint == "assets.file":
            # A style sheet or an icon asks nothing of the database.
            return
        db.connect(reuse_if_open=True)
        request.max_content_length = _most_bytes()

    @app.before_request
    def refuse_broken_text() -> ResponseReturnValue | None:
        # PostgreSQL refuses NUL where SQLite does not: no address of ours holds one.
        if BROKEN.search(request.path) or "\x00" in "".join(request.args.values()):
            # Plain: nothing of that address goes back into the page.
            return error_page(404, plain=True)
        return None

    @app.teardown_request
    def disconnect(fault: BaseException | None) -> None:
        try:
            viewing.leave()
        finally:
            if not db.is_closed():
                db.close()


def _most_bytes() -> int:
    """How much the present request may send: strangers send no files."""
    if request.endpoint in views.PUBLIC_ENDPOINTS:
        return 2 * MEGABYTE
    if "token" not in session:
        return 8 * MEGABYTE
    # One file too large must reach the form, which says so next to the field and keeps the rest.
    return (choices.get("files_max") * (choices.get("file_max_mb") + 1) + 4) * MEGABYTE


def _host_of(origin: str) -> str | None:
    """The host and port of an origin; None for a text that is none, which is nobody's."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


def _own_forms_only(app: Flask) -> None:
    @app.before_request
    def refuse_foreign_forms() -> ResponseReturnValue | None:
        """Refuse what a page of another site sends here (S29), before anything is read or any cookie is set.

        Browsers leave our cookies out of it, so an answer with a cookie of its own would replace the person's session.
        """
        if request.method in ("GET", "HEAD", "OPTIONS"):
            return None
        site = request.headers.get("Sec-Fetch-Site")
        if site is None:
            origin = request.headers.get("Origin")
            own = {request.host, urlsplit(_settings_of_request().base_url).netloc}
            foreign = origin is not None and _host_of(origin) not in own
        else:
            foreign = site not in ("same-origin", "none")
        return error_page(400, plain=True) if foreign else None


def _languages(app: Flask) -> None:
    def language() -> str:
        if current_user.is_authenticated:
            return str(current_user.language)
        chosen = request.cookies.get(LANGUAGE_COOKIE)
        if chosen in LANGUAGES:
            return str(chosen)
        # Search engines keep one address for each language; what somebody chose here goes before it.
        asked = request.args.get("lang")
        if asked in LANGUAGES:
            return asked
        return request.accept_languages.best_match(LANGUAGES) or "fr"

    def zone() -> ZoneInfo:
        name = (
            current_user.time_zone if current_user.is_authenticated else app.config["BABEL_DEFAULT_TIMEZONE"]
        )
        # Not the name: of a name flask_babel makes a zone of pytz, which takes ten times as long for a date.
        return ZoneInfo(known_zone(name))

    Babel(app, locale_selector=language, timezone_selector=zone)


def _sign_in(app: Flask) -> None:
    manager = LoginManager(app)
    manager.anonymous_user = Anonymous
    # Sessions are rows on the server; they are not bound to the browser's name, which changes with each update.
    manager.session_protection = None

    @manager.request_loader
    def load(_request: Any) -> Viewer | None:
        token = session.get("token")
        if not token:
            return None
        found = accounts.load_session(token, app.extensions["guichet_clock"]())
        if found is None:
            g.session_ended = True
            return None
        g.session_id, viewer = found
        return viewer

    @app.before_request
    def ask_sign_in() -> ResponseReturnValue | None:
        endpoint = request.endpoint
        if endpoint is None or endpoint in views.ALWAYS_OPEN:
            return None
        if current_user.is_authenticated:
            # Whoever sees the portal as somebody else was asked for all that before.
            return None if current_user.is_viewed else _to_enrol() or fresh.ask()
        if endpoint in views.PUBLIC_ENDPOINTS:
            return None
        return _to_sign_in()


def _wants_json() -> bool:
    """True when a script asks: it gets a sentence, not a page."""
    return request.headers.get("Accept", "").startswith("application/json")


def _to_enrol() -> ResponseReturnValue | None:
    """Lead somebody who must have a second factor, and has none, to set it up; None when the page may open."""
    if request.endpoint in views.SETUP_ENDPOINTS or not factors.must_enrol(current.viewer(), current.now()):
        return None
    if _wants_json():
        return make_response({"error": _("Set up your second factor first.")}, 403)
    if request.method == "GET":
        session["after_setup"] = request.full_path.rstrip("?")[:500]
    return redirect(url_for("account.security"), 303)


def _to_sign_in() -> ResponseReturnValue:
    """Lead to sign-in, or to its second step, and back afterwards with what was typed."""
    if _wants_json():
        return make_response({"error": _("Sign in again to go on.")}, 401)
    back = request.full_path if request.query_string else request.path
    kept = None
    if request.method == "POST":
        kept = held.hold(session.get("token"))
        back = f"{kept[0]}?held=1" if kept else held.page_of(request.path) or "/"
        flash(
            _("Your session had ended. Sign in again: your text is kept.")
            if kept
            else _("Your session had ended. Sign in again."),
            "info",
        )
    elif g.get("session_ended"):
        flash(_("Your session had ended. Sign in again."), "info")
    step = "session.login"
    if second_step.find(session.get("half"), current.now()) is not None:
        step = "second_step.verify"
    response = redirect(url_for(step, next=back), 303)
    if kept:
        held.set_cookie(response, kept[1])
    return response


class PortalWords:
    """What templates show of the portal itself."""

    version = VERSION

    @property
    def name(self) -> str:
        """Name in titles."""
        return f"Guichet {choices.get('portal_name')}".strip()

    short_name = name

    @property
    def preset(self) -> str:
        """Which accent colour."""
        return str(choices.get("accent"))


def _file_limits() -> SimpleNamespace:
    """What zones for files say before anything is sent: how many, how large, of which kinds."""
    kinds = files.accepted_kinds()
    return SimpleNamespace(
        most=choices.get("files_max"),
        megabytes=choices.get("file_max_mb"),
        kinds=", ".join(kinds),
        accept=",".join(f".{kind}" for kind in kinds),
    )


def csp_nonce() -> str:
    """The nonce of this answer, for its scripts."""
    if "nonce" not in g:
        g.nonce = secrets.token_urlsafe(16)
    return str(g.nonce)


def _templates(app: Flask) -> None:
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    endpoints: set[str] = set()

    def has_endpoint(name: str) -> bool:
        if not endpoints:
            endpoints.update(app.view_functions)
        return name in endpoints

    _quick_words(app)
    app.jinja_env.globals.update(
        static_url=assets.static_url,
        drawing=assets.drawing,
        url_for=path,
        file_limits=_file_limits,
        csp_nonce=csp_nonce,
        addresses=finding.addresses,
        has_endpoint=has_endpoint,
        once=_once(app),
        portal=PortalWords(),
        localized=presenters.localized,
        options_html=presenters.options_html,
        choices_html=presenters.choices_html,
        when=presenters.when,
        clock=presenters.hour,
        long_day=presenters.long_day,
        marked=presenters.marked,
        article_kinds=presenters.article_kinds,
        article_icons=presenters.ARTICLE_ICONS,
        now=lambda: app.extensions["guichet_clock"](),
        service_state=lambda: presenters.overall_mark(status_page.overall(app.extensions["guichet_clock"]())),
        telephone=_telephone(app),
        portals=guidance.portals,
    )
    app.jinja_env.filters.update(markdown=presenters.markdown)

    @app.context_processor
    def context() -> dict[str, Any]:
        lang = presenters.language()
        return {
            "locale": lang,
            "unread_count": lambda: unread.in_menu(cast(Viewer, current_user._get_current_object())),
            "registration_open": choices.get("registration") == "open",
        }


def _telephone(app: Flask) -> Callable[[], presenters.Telephone]:
    """Make the function `telephone()`: the number of the reader's region, and whether somebody answers it now."""

    def of_reader() -> presenters.Telephone:
        viewer = current_user._get_current_object() if current_user.is_authenticated else None
        line = telephone.line_for(viewer)
        return presenters.telephone_words(line, app.extensions["guichet_clock"](), viewer is not None)

    return of_reader


class _Templates(Environment):
    """Templates share the globals as they are: a map around them costs a hundred calls for each part imported."""

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        return super().make_globals(d) if d else self.globals


def _quick_words(app: Flask) -> None:
    """Words of templates: a word without values is looked up once for each language."""
    known: dict[tuple[str, str], Markup] = {}

    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]
        lambda message: words.catalogue().ugettext(message),
        lambda one, many, number: words.catalogue().ungettext(one, many, number),
        newstyle=True,
    )

    # What the callables above do behind four more calls, and a page has some fifty words.
    @pass_eval_context
    def say(where: EvalContext, message: str, **values: Any) -> str:
        if not values and where.autoescape:
            key = (words.language(), message)
            if key not in known:
                known[key] = Markup(words.catalogue().ugettext(message)) % values  # noqa: S704  # nosec B704  # (ours, not typed by anybody)
            return known[key]
        text = words.catalogue().ugettext(message)
        return (Markup(text) if where.autoescape else text) % values  # type: ignore[no-any-return]  # noqa: S704  # nosec B704

    app.jinja_env.globals["_"] = say


def _once(app: Flask) -> Callable[[str], Markup]:
    """Make the function `once(template)`: a part that is the same on every page, made once for each language."""
    made: dict[tuple[str, str], Markup] = {}

    def once(name: str) -> Markup:
        key = (name, words.language())
        if key not in made or app.debug:
            made[key] = Markup(app.jinja_env.get_template(name).render())  # noqa: S704  # nosec B704  # (ours, escaped by itself)
        return made[key]

    return once


# ---- Errors ------------------------------------------------------------------------------------------


def error_page(status: int, text: str | None = None, **extra: Any) -> Response:
    """A page that says what happened and what to do, in the reader's language."""
    titles = {
        400: _("This form could not be read"),
        403: _("This is not open to you"),
        404: _("There is nothing here"),
        405: _("This address does not take that"),
        409: _("This cannot be done now"),
        413: _("This is too large to send"),
        422: _("Something is to be reviewed"),
        429: _("Too many requests in a short time"),
        500: _("Something went wrong on our side"),
        503: _("The portal is busy"),
    }
    texts = {
        400: _("Go back, reload the page and try again."),
        403: _("Your account does not give access to this page. Ask the person who manages it for you."),
        404: _("The address is wrong, or what it shows is not shared with you."),
        405: _("Use the links and buttons of the pages."),
        409: _("Look at what is new, then try again."),
        413: _(
            "%(files)s files of %(size)s MB at most go in one message. Go back: your text is still in the page.",
            files=choices.get("files_max"),
            size=choices.get("file_max_mb"),
        )
        if status == 413
        else "",
        422: _("Go back and correct what is shown."),
        429: _("Wait a minute, then try again."),
        500: _("We keep a trace of it. Nothing that was confirmed to you is lost. Try again in a moment."),
        503: _("Try again in a few seconds. Nothing that was confirmed to you is lost."),
    }
    status = status if status in titles else (500 if status >= 500 else 400)
    if _wants_json():
        return make_response({"error": text or texts[status]}, status)
    page = render_template(
        "errors/page.html", status=status, title=titles[status], text=text or texts[status], **extra
    )
    response = make_response(page, status)
    if status in (429, 503):
        response.headers["Retry-After"] = "5"
    return response


def _errors(app: Flask) -> None:
    def note_refusal(status: int) -> None:
        """Log who was refused what (V16.3.2), by keys and names of ours: nothing of what was typed."""
        if status in (403, 404) and request.endpoint is not None and current_user.is_authenticated:
            app.logger.warning(
                "refused: %s %s to person %s, %s", request.method, request.endpoint, current_user.id, status
            )

    @app.errorhandler(Refusal)
    def refused(fault: Refusal) -> ResponseReturnValue:
        # Absent and foreign look the same: one page, whatever the reason.
        note_refusal(fault.status)
        return error_page(fault.status, None if fault.status == 404 else presenters.refusal(fault))

    @app.errorhandler(CSRFError)
    def token_missing(fault: CSRFError) -> ResponseReturnValue:
        if request.endpoint is None:
            return error_page(404)
        if not current_user.is_authenticated and request.endpoint not in views.PUBLIC_ENDPOINTS:
            return _to_sign_in()
        if _wants_json():
            return error_page(400)
        kept = None if current_user.is_viewed else held.hold(session.get("token"))
        if kept is None or not current_user.is_authenticated:
            return error_page(400)
        flash(
            _("This page had been open for too long. Your text is kept: check it and send it again."),
            "warning",
        )
        response = redirect(f"{kept[0]}?held=1", 303)
        held.set_cookie(response, kept[1])
        return response

    @app.errorhandler(HTTPException)
    def http_error(fault: HTTPException) -> ResponseReturnValue:
        if fault.code is not None and 300 <= fault.code < 400:
            return fault
        if isinstance(fault, RequestEntityTooLarge):
            return error_page(413)
        note_refusal(fault.code or 500)
        response = error_page(fault.code or 500)
        if isinstance(fault, MethodNotAllowed) and fault.valid_methods:
            response.headers["Allow"] = ", ".join(sorted(fault.valid_methods))
        return response

    @app.errorhandler(OperationalError)
    @app.errorhandler(InterfaceError)
    @app.errorhandler(MaxConnectionsExceeded)
    def database_away(fault: Exception) -> ResponseReturnValue:
        # Busy, full, or gone for a moment: nothing was committed, and nothing was promised.
        app.logger.error("database not available: %s", fault)
        return _without_database(503)

    @app.errorhandler(OSError)
    def disk_fault(fault: OSError) -> ResponseReturnValue:
        app.logger.exception("storage not available")
        return _without_database(503)

    @app.errorhandler(OverflowError)
    @app.errorhandler(DataError)
    @app.errorhandler(UnicodeEncodeError)
    def not_storable(fault: Exception) -> ResponseReturnValue:
        # A number beyond any key, or text that is no text: nothing of ours has such an address.
        app.logger.warning("refused input: %s", type(fault).__name__)
        return error_page(404 if request.method in ("GET", "HEAD") else 400)

    @app.errorhandler(IntegrityError)
    @app.errorhandler(Exception)
    def unexpected(fault: Exception) -> ResponseReturnValue:
        app.logger.exception("unexpected fault on %s", request.endpoint)
        return _without_database(500)


def _without_database(status: int) -> Response:
    """An error page that must appear even when nothing else works."""
    try:
        return error_page(status, plain=True)
    except Exception:
        logging.getLogger("guichet").exception("the error page failed too")
        return Response(
            _LAST_RESORT, status, content_type="text/html; charset=utf-8", headers={"Retry-After": "5"}
        )


_LAST_RESORT = (
    '<!doctype html><html lang="fr"><meta charset="utf-8"><title>Guichet</title><h1>Guichet</h1>'
    "<p>Le portail est occup\u00e9. R\u00e9essayez dans quelques secondes.</p>"
    '<p lang="en">The portal is busy. Try again in a few seconds.</p></html>'
)


def _headers(response: Response) -> Response:
    headers = response.headers
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("X-Frame-Options", "DENY")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
    if "Content-Security-Policy" not in headers:
        headers["Content-Security-Policy"] = CONTENT_POLICY.format(nonce=csp_nonce())
    if response.mimetype == "text/html" and (response.status_code != 200 or not finding.may_be_found()):
        headers.setdefault("X-Robots-Tag", "noindex")
    if request.endpoint != "assets.file":
        # Pages are personal: neither a proxy nor the Back button after sign-out may show them (S46).
        headers.setdefault("Cache-Control", "no-store")
        headers.add("Vary", "Cookie")
    settings: Settings = _settings_of_request()
    if settings.production:
        headers.setdefault("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
    return response


def _settings_of_request() -> Settings:
    return current.settings()
