"""The pages of second factors: signing in by two steps, setting up, being led there, and a fresh sign-in."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pyotp
import pytest

import mailer
import views
from domain import factors, second_step, settings
from domain.policies import load_viewer
from models import AuditEntry, HeldForm, KnownBrowser, OutboxMessage, Person, UserSession
from tests.support.client import PASSWORD, PortalClient
from tests.support.keys import SITE, add_key
from tests.support.scene import Scene
from views import fresh

ALICE = "alice@acme.example"


def set_up(client: PortalClient, clock: Any) -> pyotp.TOTP:
    """Set up an app on the pages, as the signed-in person does without scripts."""
    assert client.submit("/account/security/app").location == "/account/security/app"
    page = client.get("/account/security/app")
    secret = re.search(r'class="key-text">([A-Z2-7 ]+)<', page.text)
    assert secret is not None
    app = pyotp.TOTP(secret[1].replace(" ", ""))
    address = re.search(r'href="(otpauth://[^"]+)"', page.text)
    assert address is not None
    assert parse_qs(urlsplit(address[1].replace("&amp;", "&")).query)["secret"] == [app.secret]
    answer = client.send(page, form="confirm", code=app.at(clock.now))
    assert (answer.status_code, answer.location) == (303, "/account/security/codes")
    clock.advance(seconds=60)
    return app


@pytest.fixture
def app_of_alice(client: PortalClient, alice: Person, clock: Any) -> pyotp.TOTP:
    client.sign_in(alice)
    return set_up(client, clock)


# ---- Signing in ----------------------------------------------------------------------------------------


def test_alice_sets_up_an_app_and_signs_in_with_it(
    client: PortalClient, app_of_alice: pyotp.TOTP, clock: Any
) -> None:
    answer = client.sign_in_by_page(ALICE)
    assert (answer.status_code, answer.location) == (303, "/login/verify")
    assert client.get("/account").location == "/login/verify?next=/account"
    wrong = client.submit("/login/verify", code="123456")
    assert wrong.status_code == 422 and "4 essais" in wrong.text and "123456" not in wrong.text
    answer = client.submit("/login/verify", code=app_of_alice.at(clock.now))
    assert (answer.status_code, answer.location) == (303, "/")
    assert client.get("/account").status_code == 200
    # Once there, the step is over.
    assert client.get("/login/verify").location == "/login"


def test_the_session_of_the_second_step_is_a_new_one(
    client: PortalClient, app_of_alice: pyotp.TOTP, clock: Any, app: Any
) -> None:
    client.sign_in_by_page(ALICE)
    half = client.get_cookie("guichet").value
    client.submit("/login/verify", code=app_of_alice.at(clock.now))
    thief = app.test_client()
    thief.set_cookie("guichet", half)
    clock.advance(seconds=30)
    assert thief.get("/account").location == "/login?next=/account"
    assert thief.get("/login/verify").location == "/login"


def test_the_link_of_a_mail_survives_the_second_step(
    client: PortalClient, app_of_alice: pyotp.TOTP, clock: Any, world: SimpleNamespace
) -> None:
    number = Scene(client.application, world).request("alice").number
    client.sign_out()
    to_login = client.get(f"/tickets/{number}?thread=all").location
    to_verify = client.submit(to_login, email=ALICE, password=PASSWORD).location
    assert to_verify.startswith("/login/verify?next=")
    refused = client.submit(to_verify, code="000000")
    answer = client.send(refused, code=app_of_alice.at(clock.now))
    assert answer.location == f"/tickets/{number}?thread=all"
    for outside in ("https://evil.example/", "//evil.example", "/login", "/login/again"):
        client.sign_in_by_page(ALICE)
        page = client.get("/login/verify", query_string={"next": outside})
        assert "evil" not in page.text.partition("<main")[2].partition("</main>")[0]


def test_a_recovery_code_signs_in_and_says_how_many_are_left(
    client: PortalClient, app_of_alice: pyotp.TOTP
) -> None:
    page = client.submit("/account/security/codes")
    assert page.status_code == 200
    codes = re.findall(r"<li><code>([a-z0-9-]{14})</code>", page.text)
    assert len(codes) == 10
    file = re.search(r'download="guichet-codes.txt" href="data:text/plain;charset=utf-8,([^"]+)"', page.text)
    assert file is not None and all(code in unquote(file[1]) for code in codes)
    assert not any(code in client.get("/account/security/codes").text for code in codes)
    for at in range(7):
        client.sign_in_by_page(ALICE)
        answer = client.submit("/login/verify?means=recovery", code=codes[at])
        assert answer.status_code == 303
    assert "il en reste 3" in client.get("/account").text.lower()
    assert "3 codes de secours" in client.get("/account/security").text


def test_five_wrong_codes_say_when_to_come_back(client: PortalClient, app_of_alice: pyotp.TOTP) -> None:
    client.sign_in_by_page(ALICE)
    answers = [client.submit("/login/verify", code="000000") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [422] * 4 + [429] * 2
    assert answers[-1].headers["Retry-After"] == "900" and "15 minutes" in answers[-1].text


def test_a_forgotten_password_leads_to_the_second_step(
    client: PortalClient, app_of_alice: pyotp.TOTP, clock: Any, world: SimpleNamespace
) -> None:
    link = Scene(client.application, world).link(world.alice)
    client.sign_out()
    answer = client.submit(f"/password/{link}", password="un cheval bleu mange des frites")
    assert answer.location == "/login/verify"
    assert client.get("/account").status_code == 303
    assert client.submit("/login/verify", code=app_of_alice.at(clock.now)).status_code == 303
    assert client.get("/account").status_code == 200


def test_a_new_browser_types_the_code_of_the_mail_and_is_trusted(
    client: PortalClient, alice: Person, app: Any, clock: Any
) -> None:
    settings.put("new_browser_code", True, by=None, now=clock.now)
    client.sign_in_by_page(ALICE)
    page = client.get("/login/verify")
    assert "a***@acme.example" in page.text and ALICE not in page.text
    first = OutboxMessage.select().where(OutboxMessage.template == "sign-in-code").get()
    client.submit("/login/verify", form="/login/verify/code")
    assert OutboxMessage.select().where(OutboxMessage.template == "sign-in-code").count() == 1
    assert "Attendez 30 secondes" in client.get("/login/verify").text
    clock.advance(seconds=30)
    assert client.submit("/login/verify", form="/login/verify/code").location == "/login/verify"
    row = OutboxMessage.select().order_by(OutboxMessage.id.desc()).get()
    with app.app_context():
        mail = mailer.render(row, "https://support.example.org", clock.now)
        old = second_step.code_of(first.context["seed"])
    code = re.search(r"^(\d{6})$", mail.text, re.MULTILINE)
    assert code is not None and code[1] in mail.html and code[1] not in mail.subject
    assert client.submit("/login/verify", code=old).status_code == 422
    answer = client.submit("/login/verify", code=code[1], trust="y")
    assert answer.status_code == 303 and "guichet_browser=" in str(answer.headers.getlist("Set-Cookie"))
    client.submit("/account", form="/logout")
    assert client.submit("/login", email=ALICE, password=PASSWORD).location == "/"
    # And no longer, from the page of sessions.
    key = KnownBrowser.select().order_by(KnownBrowser.id.desc()).get().id
    assert client.submit("/account/sessions", button=f"browser={key}").status_code == 303
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/account/sessions").text)
    for other in (key, "x", 10**30):
        data = {"csrf_token": token[1], "browser": other}
        assert client.post("/account/sessions", data=data).status_code == 404
    client.submit("/account", form="/logout")
    assert client.submit("/login", email=ALICE, password=PASSWORD).location == "/login/verify"


def test_signing_out_everywhere_forgets_the_browsers_too(
    client: PortalClient, alice: Person, app: Any, clock: Any
) -> None:
    settings.put("new_browser_code", True, by=None, now=clock.now)
    KnownBrowser.delete().execute()

    def enter() -> None:
        client.sign_in_by_page(ALICE)
        row = OutboxMessage.select().where(OutboxMessage.template == "sign-in-code")
        with app.app_context():
            code = second_step.code_of(row.order_by(OutboxMessage.id.desc()).get().context["seed"])
        assert client.submit("/login/verify", code=code, trust="y").status_code == 303

    def trusted() -> int:
        return KnownBrowser.select().where(KnownBrowser.person == alice.id).count()

    def other_browser() -> None:
        with app.app_context():
            second_step.trust(alice.id, origin="203.0.113.9", user_agent="Firefox", now=clock.now)

    enter()
    other_browser()
    assert trusted() == 2
    # Everywhere else: this browser stays as it was.
    assert client.submit("/account/sessions", button="everywhere=others").status_code == 303
    assert trusted() == 1
    assert client.get("/account").status_code == 200
    other_browser()
    assert client.submit("/account/sessions", button="everywhere=all").location == "/login"
    assert trusted() == 0
    assert client.submit("/login", email=ALICE, password=PASSWORD).location == "/login/verify"
    assert AuditEntry.select().where(AuditEntry.kind == "browser:forgotten").count() == 2


def test_a_half_sign_in_ends_after_ten_minutes_and_says_so(
    client: PortalClient, app_of_alice: pyotp.TOTP, clock: Any
) -> None:
    client.sign_in_by_page(ALICE)
    page = client.get("/login/verify?next=/tickets")
    clock.advance(minutes=11)
    answer = client.send(page, code=app_of_alice.at(clock.now))
    assert answer.location == "/login?next=/tickets"
    assert "a pris trop de temps" in client.get(answer.location).text


# ---- Being led there -----------------------------------------------------------------------------------


def test_who_must_have_a_factor_sets_it_up_and_reaches_nothing_else(
    client: PortalClient, alice: Person, clock: Any, world: SimpleNamespace
) -> None:
    number = Scene(client.application, world).request("alice").number
    settings.put("factor_required", "everybody", by=None, now=clock.now)
    answer = client.submit(f"/login?next=/tickets/{number}", email=ALICE, password=PASSWORD)
    assert answer.location == f"/tickets/{number}"
    assert client.get(f"/tickets/{number}").location == "/account/security"
    page = client.get("/account/security")
    assert page.status_code == 200 and "Configurez un second facteur pour continuer" in page.text
    walked = 0
    for rule in client.application.url_map.iter_rules():
        if rule.endpoint in views.SETUP_ENDPOINTS or rule.endpoint in views.ALWAYS_OPEN:
            continue
        values = {
            name: 1
            if "int" in type(converter).__name__.lower()
            else next(iter(getattr(converter, "items", "x")))
            for name, converter in rule._converters.items()
        }
        with client.application.test_request_context():
            path = client.application.url_map.bind("").build(rule.endpoint, values)
        if "GET" in (rule.methods or ()):
            walked += 1
            assert client.get(path).location == "/account/security", path
    assert walked > 60
    assert client.get("/help").status_code == 200
    assert (
        client.submit("/account/security", form="/account/language", button="language=en").status_code == 303
    )
    assert client.get(f"/tickets/{number}").status_code == 303
    set_up(client, clock)
    codes = client.get("/account/security/codes")
    assert f'href="/tickets/{number}"' in codes.text
    assert client.get(f"/tickets/{number}").status_code == 200


def test_the_last_factor_stays_where_one_is_required(
    client: PortalClient, app_of_alice: pyotp.TOTP, clock: Any
) -> None:
    settings.put("factor_required", "everybody", by=None, now=clock.now)
    refused = client.submit("/account/security", form="/account/security/app/removal")
    assert refused.status_code == 409 and factors.has_factor(Person.get(Person.email == ALICE).id)
    settings.put("factor_required", "nobody", by=None, now=clock.now)
    assert client.submit("/account/security", form="/account/security/app/removal").status_code == 303
    assert client.sign_in_by_page(ALICE).location == "/"


def test_staff_without_a_factor_are_urged_until_they_say_not_now(
    client: PortalClient, world: SimpleNamespace
) -> None:
    line = "un second facteur le garde à vous"
    client.sign_in_by_page(ALICE)
    assert line not in client.get("/").text
    client.sign_in_by_page("sam@guichet.example")
    page = client.get("/desk")
    assert line in page.text
    assert client.send(page, form="/account/security/later").location == "/desk"
    assert line not in client.get("/desk").text
    client.submit("/desk", form="/logout")
    client.submit("/login", email="sam@guichet.example", password=PASSWORD)
    assert line not in client.get("/desk").text


# ---- Keys ----------------------------------------------------------------------------------------------


def test_keys_are_offered_where_browsers_know_them(make_app: Any, world: SimpleNamespace, clock: Any) -> None:
    plain = make_app(BASE_URL="http://127.0.0.1:8000").test_client().sign_in(world.alice)
    page = plain.get("/account/security/keys")
    assert page.status_code == 200 and "data-key" not in page.text and "https" in page.text
    named = make_app(BASE_URL="http://localhost:8000").test_client().sign_in(world.alice)
    page = named.get("/account/security/keys").text
    # Without scripts there is no button that does nothing, but a sentence.
    assert re.search(r"<button[^>]+data-key-button hidden>", page) and "ont besoin de JavaScript" in page
    refused = named.submit("/account/security/keys", name="Porte-clés")
    assert refused.status_code == 422 and "refusée" in refused.text and 'value="Porte-clés"' in refused.text


def test_a_key_alone_is_the_first_way_at_the_second_step(
    make_app: Any, world: SimpleNamespace, clock: Any
) -> None:
    portal = make_app(BASE_URL="https://support.example.org", SMTP_URL="smtp://127.0.0.1:1")
    key = add_key(load_viewer(world.alice.id), clock.now)
    client = portal.test_client()
    client.environ_base["wsgi.url_scheme"] = "https"
    answer = client.submit("/login", email=ALICE, password=PASSWORD)
    page = client.get(answer.location)
    question = re.search(r'data-options="([^"]+)"', page.text)
    assert question is not None and SITE.host in question[1]
    answer = client.send(page, form="key", credential=key.use(question[1].replace("&#34;", '"')))
    assert (answer.status_code, answer.location) == (303, "/")
    assert client.get("/account").status_code == 200


# ---- Fresh sign-in -------------------------------------------------------------------------------------


def test_the_table_of_fresh_sign_in_names_addresses_that_are(app: Any) -> None:
    known = {
        (rule.endpoint, method) for rule in app.url_map.iter_rules() for method in rule.methods - {"OPTIONS"}
    }
    for endpoint, methods in fresh.FRESH_ENDPOINTS.items():
        assert {(endpoint, method) for method in methods} <= known, endpoint
        assert endpoint not in views.PUBLIC_ENDPOINTS
    # Each file of persons that the administration gives, and each change of one's factors, is in it.
    for endpoint, methods in known:
        if endpoint.startswith("factors.") and methods == "POST" and endpoint != "factors.later":
            assert endpoint in fresh.FRESH_ENDPOINTS, endpoint


@pytest.mark.parametrize("endpoint", sorted(fresh.FRESH_ENDPOINTS))
def test_after_a_quarter_of_an_hour_each_act_of_the_table_asks_again(
    client: PortalClient, world: SimpleNamespace, clock: Any, endpoint: str
) -> None:
    rule = next(rule for rule in client.application.url_map.iter_rules() if rule.endpoint == endpoint)
    values = {
        "key": 1, "number": "SUP-2041", "export_type": "csv", "person_id": 1, "slug": "acme",
    }  # fmt: skip
    path = client.application.url_map.bind("").build(
        endpoint, {name: values[name] for name in rule.arguments}
    )
    client.sign_in(world.root)
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/account").text)[1]
    before = AuditEntry.select().count()
    clock.advance(minutes=15)
    for method in fresh.FRESH_ENDPOINTS[endpoint] - {"HEAD"}:
        answer = client.open(path, method=method, data={"csrf_token": token} if method == "POST" else None)
        assert answer.status_code == 303 and answer.location.startswith("/login/again?next="), method
        json = client.open(
            path, method=method, headers={"Accept": "application/json"},
            data={"csrf_token": token} if method == "POST" else None,
        )  # fmt: skip
        assert json.status_code == 401
    assert AuditEntry.select().count() == before


def test_what_was_sent_goes_on_after_the_password(
    client: PortalClient, world: SimpleNamespace, clock: Any
) -> None:
    client.sign_in(world.root)
    page = client.get(f"/admin/person/edit/?id={world.dana.id}")
    clock.advance(minutes=20)
    kept = client.send(page, full_name="Dana Neuve", staff_role="agent")
    assert kept.status_code == 303 and Person.get_by_id(world.dana.id).staff_role is None
    asked = client.get(kept.location)
    assert "conservé" in asked.text
    wrong = client.send(asked, password="pas le bon")
    assert wrong.status_code == 422 and "pas le bon" not in wrong.text
    answer = client.send(wrong, password=PASSWORD)
    assert answer.location.startswith("/login/again/act")
    last = client.get(answer.location)
    assert Person.get_by_id(world.dana.id).staff_role is None, "a GET changes nothing"
    assert client.send(last, form="act").status_code == 303
    row = Person.get_by_id(world.dana.id)
    assert (row.full_name, row.staff_role) == ("Dana Neuve", "agent")
    assert HeldForm.select().count() == 0
    assert client.get("/login/again/act").location == "/"
    assert [entry.data["how"] for entry in AuditEntry.select().where(AuditEntry.kind == "session:fresh")] == [
        "password"
    ]
    # For a quarter of an hour, and in this session alone.
    clock.advance(minutes=14)
    assert client.get("/admin/person/export/csv/").status_code == 200
    clock.advance(minutes=1)
    assert client.get("/admin/person/export/csv/?search=dana").location == (
        "/login/again?next=/admin/person/export/csv/?search%3Ddana"
    )


def test_what_was_kept_is_for_its_owner_and_for_an_hour(
    client: PortalClient, world: SimpleNamespace, clock: Any, app: Any
) -> None:
    client.sign_in(world.root)
    page = client.get(f"/admin/person/edit/?id={world.dana.id}")
    clock.advance(minutes=20)
    client.send(page, full_name="Dana Neuve")
    with client.session_transaction() as session:
        key = session["act"]
    UserSession.update(fresh_at=clock.now).execute()
    assert "Dana Neuve" in client.get("/login/again/act").text
    other = app.test_client().sign_in(world.bob)
    with other.session_transaction() as session:
        session["act"] = key
    assert other.get("/login/again/act").location == "/"
    clock.advance(minutes=61)
    UserSession.update(fresh_at=clock.now).execute()
    assert client.get("/login/again/act").location == "/"


def test_a_code_of_the_app_proves_it_again_and_a_recovery_code_does_not(
    client: PortalClient, app_of_alice: pyotp.TOTP, clock: Any
) -> None:
    codes = re.findall(r"<li><code>([a-z0-9-]{14})</code>", client.submit("/account/security/codes").text)
    clock.advance(minutes=20)
    asked = client.get(client.submit("/account/security/codes").location)
    assert client.send(asked, code=codes[0]).status_code == 422
    assert client.send(asked, code=app_of_alice.at(clock.now)).status_code == 303
    assert client.get("/account/security/keys").status_code == 200
    assert factors.held(Person.get(Person.email == ALICE).id).codes_left == 10


# ---- The administration --------------------------------------------------------------------------------


def test_root_resets_factors_with_a_reason(
    client: PortalClient, app_of_alice: pyotp.TOTP, alice: Person, root: Person
) -> None:
    client.sign_in(root)
    page = client.get(f"/admin/person/details/?id={alice.id}")
    assert "application d’authentification" in page.text
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)[1]
    asked = client.post(
        "/admin/person/action/", data={"csrf_token": token, "action": "reset_factors", "rowid": alice.id}
    )
    assert asked.status_code == 200
    refused = client.send(asked, form="/admin/person/action/")
    assert refused.status_code == 422 and factors.has_factor(alice.id)
    assert client.send(refused, form="/admin/person/action/", reason="SUP-2041, rappelée").status_code == 303
    assert not factors.has_factor(alice.id)
    assert AuditEntry.get(AuditEntry.kind == "factor:reset").data["reason"] == "SUP-2041, rappelée"


def test_root_requires_a_factor_of_an_organisation_from_a_day_on(
    client: PortalClient, root: Person, alice: Person, world: SimpleNamespace
) -> None:
    client.sign_in(root)
    path = f"/admin/organisation/edit/?id={world.organisations['acme'].id}"
    assert client.submit(path, factor_from="2026-11-10").status_code == 303
    assert 'value="2026-11-10"' in client.get(path).text
    client.sign_in(alice)
    assert client.get("/").location == "/account/security"
    client.sign_in(root)
    assert client.submit(path, factor_from="").status_code == 303
    client.sign_in(alice)
    assert client.get("/").status_code == 200


def test_the_desk_leads_an_admin_from_a_reset_request_to_the_account(
    client: PortalClient, world: SimpleNamespace
) -> None:
    scene = Scene(client.application, world)
    name = "Jean Perdu"
    person = {"full_name": name, "employee_number": "1784031", "url": "", "details": ""}
    ticket = scene.request("alice", "mfa-reset", named_people=[person])
    client.sign_in(world.sam)
    assert "/admin/person/" not in client.get(f"/desk/tickets/{ticket.number}").text
    client.sign_in(world.root)
    page = client.get(f"/desk/tickets/{ticket.number}").text
    link = re.search(r'href="(/admin/person/[^"]+)"', page)
    assert link is not None and unquote(link[1].replace("+", " ")) == f"/admin/person/?search={name}"
