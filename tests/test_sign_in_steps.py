"""Sign-in by steps (ACC-17): the name, then what goes with it; nothing tells whether an account exists."""

from __future__ import annotations

import html
import json
import re
from types import SimpleNamespace
from typing import Any

import pytest

from domain import accounts, settings
from domain.policies import load_viewer
from models import AuditEntry, IdentityProvider, Organisation, Person, SignInFailure, UserSession
from tests.support.client import PASSWORD, PortalClient, choose_form, values_of
from tests.support.keys import SoftKey, add_key
from tests.support.scene import normal

ALICE = "alice@acme.example"


@pytest.fixture
def steps(client: PortalClient, clock: Any) -> PortalClient:
    """A browser on a portal where sign-in by steps is chosen."""
    settings.put("sign_in_by_steps", True, by=None, now=clock.now)
    return client


def bind(
    world: SimpleNamespace, slug: str = "acme", organisation: str = "acme", **more: Any
) -> IdentityProvider:
    """A provider bound to an organisation, whose domain it signs in; without a button on the page."""
    row = Organisation.get(Organisation.slug == organisation)
    return IdentityProvider.create(
        slug=slug, name_fr=f"Annuaire {slug}", name_en=f"{slug} directory", issuer=f"https://{slug}.example",
        client_id="portal", organisation=row.id, **{"is_active": True, "is_listed": False, **more},
    )  # fmt: skip


def test_one_page_asks_for_both_where_steps_are_not_chosen(client: PortalClient) -> None:
    page = client.get("/login").text
    assert 'name="email"' in page and 'name="password"' in page
    assert client.get("/login/password").location == "/login"


def test_the_name_comes_first_and_then_the_password(steps: PortalClient) -> None:
    first = steps.get("/login").text
    assert 'name="password"' not in first and 'autocomplete="username"' in first
    answer = steps.submit("/login", email=ALICE)
    assert (answer.status_code, answer.location) == (303, "/login/password")
    second = steps.get("/login/password").text
    assert f'<strong class="text-break">{ALICE}</strong>' in second
    assert 'href="/login?change=1"' in second
    # The page leads to the password, and a password manager finds the name.
    assert "autofocus" in second and 'autocomplete="username"' in second and "readonly" in second
    signed = steps.submit("/login/password", password=PASSWORD)
    assert (signed.status_code, signed.location) == (303, "/")
    assert ALICE in steps.get("/account").text
    with steps.session_transaction() as session:
        assert "name" not in session


def test_another_name_is_given_by_going_back(steps: PortalClient) -> None:
    steps.submit("/login", email="alcie@acme.example")
    page = steps.get("/login?change=1").text
    assert 'value="alcie@acme.example"' in page
    steps.submit("/login?change=1", email=ALICE)
    assert steps.submit("/login/password", password=PASSWORD).status_code == 303


def test_one_lands_where_one_was_going_after_both_steps_and_by_the_links_between(steps: PortalClient) -> None:
    asked = steps.get("/tickets?list=cc")
    first = steps.submit(asked.location, email=ALICE)
    assert first.location.startswith("/login/password?next=")
    page = steps.get(first.location).text
    assert "/login?change=1&amp;next=" in page
    assert steps.submit(first.location, password=PASSWORD).location == "/tickets?list=cc"


def test_next_leads_nowhere_else(steps: PortalClient) -> None:
    assert steps.submit("/login?next=//evil.example", email=ALICE).location == "/login/password"
    assert steps.submit("/login/password?next=//evil.example", password=PASSWORD).location == "/"


def test_a_name_that_is_missing_is_asked_again_and_the_second_step_leads_to_the_first(
    steps: PortalClient,
) -> None:
    answer = steps.submit("/login", email=" ")
    assert answer.status_code == 422 and "error-summary" in answer.text
    assert steps.get("/login/password?next=/tickets").location == "/login?next=/tickets"
    steps.submit("/login", email=ALICE)
    missing = steps.submit("/login/password", email="", password=PASSWORD)
    assert missing.status_code == 422 and 'name="password"' not in missing.text


def test_a_wrong_password_keeps_the_name_and_counts_as_ever(steps: PortalClient) -> None:
    steps.submit("/login", email=ALICE)
    answer = steps.submit("/login/password", password="pas celui-là du tout")
    assert answer.status_code == 422
    assert ALICE in answer.text and "il reste 4 essais" in answer.text
    assert "pas celui-là" not in answer.text and "autofocus" not in answer.text
    for _ in range(4):
        steps.submit("/login/password", password="pas celui-là du tout")
    locked = steps.submit("/login/password", password=PASSWORD)
    assert locked.status_code == 429 and locked.headers["Retry-After"]
    assert "Connexion suspendue" in locked.text and UserSession.select().count() == 0
    # The first step counts nothing and says nothing of the lock.
    before = SignInFailure.select().count()
    assert steps.submit("/login", email=ALICE).status_code == 303
    assert SignInFailure.select().count() == before


def test_name_and_password_sent_at_once_sign_in(steps: PortalClient) -> None:
    token = values_of(choose_form(steps.get("/login").text, None, "/login"))["csrf_token"]
    answer = steps.post("/login", data={"email": ALICE, "password": PASSWORD, "csrf_token": token})
    assert (answer.status_code, answer.location) == (303, "/")
    assert UserSession.select().count() == 1


def test_a_remembered_name_skips_the_first_step(steps: PortalClient) -> None:
    steps.submit("/login", email=ALICE)
    steps.submit("/login/password", password=PASSWORD, remember="y")
    steps.submit("/account", form="/logout")
    answer = steps.get("/login?next=/tickets")
    assert (answer.status_code, answer.location) == (303, "/login/password?next=/tickets")
    assert ALICE in steps.get(answer.location).text
    # "Not you?" leads to the first step all the same.
    assert 'name="password"' not in steps.get("/login?change=1").text
    steps.submit("/login?change=1", email="bob@acme.example")
    steps.submit("/login/password", password=PASSWORD, remember=None)
    assert steps.get_cookie("guichet_name") is None


# ---- An organisation that signs in elsewhere -------------------------------------------------------------


@pytest.mark.parametrize("name", [ALICE, "nobody@acme.example", "NOBODY@Acme.Example"])
def test_an_address_of_a_bound_organisation_is_led_to_its_provider_whoever_has_it(
    steps: PortalClient, world: SimpleNamespace, name: str
) -> None:
    bind(world)
    answer = steps.submit("/login?next=/tickets", email=name)
    page = steps.get(answer.location).text
    assert 'href="/login/with/acme?next=/tickets"' in page
    assert 'name="password"' not in page
    # The password stays one link away, for whoever the provider does not know.
    assert "means=password" in page
    assert 'name="password"' in steps.get("/login/password?means=password").text


@pytest.mark.parametrize(
    "name",
    [
        "erin@globex.example",
        "alice",
        "x@sub.acme.example",
        "x@notacme.example",
        "acme.example",
        "@acme.example",
    ],
)
def test_every_other_name_is_asked_for_its_password(
    steps: PortalClient, world: SimpleNamespace, name: str
) -> None:
    bind(world)
    page = steps.get(steps.submit("/login", email=name).location).text
    assert 'name="password"' in page and "/login/with/" not in page


@pytest.mark.parametrize("how", ["provider rests", "organisation rests"])
def test_what_rests_leads_nowhere(steps: PortalClient, world: SimpleNamespace, how: str) -> None:
    row = bind(world, is_active=how != "provider rests")
    if how == "organisation rests":
        Organisation.update(is_active=False).where(Organisation.id == row.organisation_id).execute()
    assert 'name="password"' in steps.get(steps.submit("/login", email=ALICE).location).text


def test_a_provider_of_everybody_has_its_button_in_both_steps(
    steps: PortalClient, world: SimpleNamespace
) -> None:
    IdentityProvider.create(
        slug="all", name_fr="Initech Paie", name_en="Initech Pay", issuer="https://all.example", client_id="p",
        is_active=True,
    )  # fmt: skip
    assert "/login/with/all" in steps.get("/login").text
    page = steps.get(steps.submit("/login", email=ALICE).location).text
    assert "/login/with/all" in page and 'name="password"' in page


def test_after_a_refusal_of_the_provider_the_password_is_asked(
    steps: PortalClient, world: SimpleNamespace
) -> None:
    bind(world)
    steps.submit("/login", email=ALICE)
    refused = steps.get("/login/with/nothing")
    assert refused.status_code == 404 and "/login/password?means=password" in refused.text


# ---- Nobody learns who has an account -------------------------------------------------------------------


@pytest.mark.parametrize("bound", [False, True], ids=["password", "provider"])
def test_both_steps_are_the_same_for_every_kind_of_account(
    app: Any, steps: PortalClient, world: SimpleNamespace, clock: Any, bound: bool
) -> None:
    if bound:
        bind(world)
    new = accounts.add_person("nina1@acme.example", "Nina", by=None, now=clock.now)
    Person.update(password_hash=None).where(Person.id == new.id).execute()
    Person.update(locked_at=clock.now).where(Person.id == world.dana.id).execute()
    Person.update(is_active=False).where(Person.id == world.bob.id).execute()
    seen = {}
    for name in (ALICE, "nobody@acme.example", new.email, "dana@acme.example", "bob@acme.example"):
        browser = app.test_client()
        browser.lint = False
        answers = [browser.submit("/login", email=name)]
        answers.append(browser.get(answers[0].location))
        answers.append(browser.get("/login/password?means=password"))
        for _ in range(6):
            answers.append(
                browser.submit(
                    "/login/password?means=password", form="/login/password", password="mauvais mot de passe"
                )
            )
        SignInFailure.delete().execute()
        seen[name] = [
            (
                answer.status_code,
                normal(answer.text, name),
                sorted(
                    (k, v)
                    for k, v in answer.headers
                    if k not in ("Set-Cookie", "Content-Security-Policy", "Content-Length")
                ),
            )
            for answer in answers
        ]
    for name, answers in seen.items():
        assert answers == seen["nobody@acme.example"], name


@pytest.mark.usefixtures("frozen_memory")
def test_no_account_is_looked_up_before_the_password(
    steps: PortalClient, world: SimpleNamespace, caplog: pytest.LogCaptureFixture
) -> None:
    bind(world)
    page = steps.get("/login")
    asked: dict[str, list[str]] = {}
    for name in (ALICE, "nobody@acme.example"):
        caplog.clear()
        with caplog.at_level("DEBUG", logger="peewee"):
            steps.get(steps.send(page, email=name).location)
        asked[name] = [str(record.args or record.msg) for record in caplog.records if record.name == "peewee"]
    assert asked[ALICE] == asked["nobody@acme.example"]
    # The providers, twice: those of the domain, and those with a button. Nobody's account, session or key.
    assert asked[ALICE] and not any(
        table in statement
        for statement in asked[ALICE]
        for table in ('"person"', '"security_key"', '"membership"')
    )


# ---- "No account yet?" ----------------------------------------------------------------------------------


@pytest.mark.parametrize("by_steps", [False, True])
def test_the_box_leads_to_registration_where_it_is_open_and_says_whom_to_ask_where_it_is_not(
    client: PortalClient, clock: Any, by_steps: bool
) -> None:
    settings.put("sign_in_by_steps", by_steps, by=None, now=clock.now)
    page = client.get("/login").text
    assert "Pas encore de compte" in page and 'href="/register"' in page
    assert 'href="/password/forgotten"' in page and 'href="/username/forgotten"' in page
    settings.put("registration", "invitation", by=None, now=clock.now)
    page = client.get("/login").text
    assert "Pas encore de compte" in page and 'href="/register"' not in page
    assert "l’administrateur de votre organisation" in page


def test_forgotten_password_knows_the_name_that_was_given(steps: PortalClient) -> None:
    steps.submit("/login", email=ALICE)
    assert f'value="{ALICE}"' in steps.get("/password/forgotten").text


# ---- A passkey instead of a password --------------------------------------------------------------------


@pytest.fixture
def secure(make_app: Any, world: SimpleNamespace, clock: Any) -> PortalClient:
    """A browser on a portal with steps, at an address where keys work."""
    settings.put("sign_in_by_steps", True, by=None, now=clock.now)
    browser: PortalClient = make_app(
        BASE_URL="https://support.example.org", SMTP_URL="smtp://127.0.0.1:1"
    ).test_client()
    return browser


def question_of(browser: PortalClient) -> tuple[Any, str]:
    """The second step after Alice's name, and the question that it has for a passkey."""
    browser.submit("/login", email=ALICE)
    page = browser.get("/login/password")
    found = re.search(r'data-options="([^"]+)"', page.text)
    assert found is not None
    return page, html.unescape(found[1])


def answer_with(browser: PortalClient, page: Any, credential: str) -> Any:
    token = values_of(choose_form(page.text, "key", "/login/password"))["csrf_token"]
    return browser.post(
        "/login/password",
        data={"credential": credential, "csrf_token": token},
        headers={"Referer": "https://support.example.org/login/password"},
    )


@pytest.mark.both_databases
def test_a_passkey_that_knew_its_owner_signs_in_alone_and_once(
    secure: PortalClient, world: SimpleNamespace, clock: Any
) -> None:
    key = add_key(load_viewer(world.alice.id), clock.now)
    page, question = question_of(secure)
    asked = json.loads(question)
    # No key and no account is named, and the key has to know its owner.
    assert not asked.get("allowCredentials") and asked["userVerification"] == "required"
    credential = key.use(question)
    answer = answer_with(secure, page, credential)
    assert (answer.status_code, answer.location) == (303, "/")
    entry = (
        AuditEntry.select().where(AuditEntry.kind == "session:started").order_by(AuditEntry.id.desc()).get()
    )
    assert entry.data == {"how": "key"} and entry.target == f"person:{world.alice.id}"
    with secure.session_transaction() as session:
        assert "entry" not in session and "name" not in session
    secure.sign_out()
    page, _question = question_of(secure)
    assert answer_with(secure, page, credential).status_code == 422
    assert UserSession.select().count() == 1


@pytest.mark.both_databases
@pytest.mark.parametrize(
    "fault",
    ["only touched", "other site", "other browser", "too late", "nobody's", "no json", "disabled", "locked"],
)
def test_any_other_answer_signs_nobody_in_and_says_the_same(
    secure: PortalClient, make_app: Any, world: SimpleNamespace, clock: Any, fault: str
) -> None:
    key = add_key(load_viewer(world.alice.id), clock.now)
    page, question = question_of(secure)
    more: dict[str, Any] = {}
    if fault == "only touched":
        more["flags"] = 0x01
    if fault == "other site":
        more["origin"] = "https://evil.example"
    if fault == "other browser":
        _page, question = question_of(secure.application.test_client())
    if fault == "nobody's":
        key = SoftKey()
    credential = "{" if fault == "no json" else key.use(question, **more)
    if fault == "too late":
        clock.advance(minutes=30)
    if fault == "disabled":
        Person.update(is_active=False).where(Person.id == world.alice.id).execute()
    if fault == "locked":
        Person.update(locked_at=clock.now).where(Person.id == world.alice.id).execute()
    answer = answer_with(secure, page, credential)
    assert answer.status_code == 422
    assert "Cette clé a été refusée" in answer.text and ALICE in answer.text
    assert UserSession.select().count() == 0


def test_a_lock_of_the_name_holds_for_its_passkey_too_and_failed_keys_lock_nobody(
    secure: PortalClient, world: SimpleNamespace, clock: Any
) -> None:
    key = add_key(load_viewer(world.alice.id), clock.now)
    page, question = question_of(secure)
    for _ in range(6):
        assert answer_with(secure, page, key.use(question, flags=0x01)).status_code == 422
    # Failed keys count for the origin alone: the right one still signs in.
    page, question = question_of(secure)
    assert answer_with(secure, page, key.use(question)).status_code == 303
    secure.sign_out()
    for _ in range(5):
        page, question = question_of(secure)
        secure.send(page, form="/login/password", password="mauvais mot de passe")
    locked = answer_with(secure, page, key.use(question))
    assert locked.status_code == 429 and "Connexion suspendue" in locked.text
    SignInFailure.delete().execute()
    for _ in range(accounts.ORIGIN_FAILURES):
        SignInFailure.create(account_key="x", origin="127.0.0.1", at=clock.now)
    assert answer_with(secure, page, key.use(question)).status_code == 429


def test_no_passkey_is_asked_where_keys_cannot_work_or_steps_are_not_chosen(
    steps: PortalClient, secure: PortalClient, clock: Any
) -> None:
    assert "data-key" not in steps.get(steps.submit("/login", email=ALICE).location).text
    settings.put("sign_in_by_steps", False, by=None, now=clock.now)
    assert "data-key" not in secure.get("/login").text
