"""Single sign-on by OpenID Connect, against a real small provider (ACC-11): who comes in, who does not, and attacks."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pyotp
import pytest

from domain import accounts, audit, contacts, settings, sso
from domain.policies import load_viewer
from gateways.openid import Away, Client, OpenIdConnect
from models import (
    AuditEntry,
    ExternalIdentity,
    IdentityProvider,
    Membership,
    OutboxMessage,
    Person,
    SpentChallenge,
    UserSession,
)
from tests.support.client import PASSWORD, PortalClient
from tests.support.identity_provider import (
    CLIENT,
    OTHER_KEY,
    SECRET,
    signed_with_the_public_key,
    unsigned,
    visit,
)
from tests.support.identity_provider import IdentityProvider as Provider

pytestmark = pytest.mark.both_databases

ALICE = "alice@acme.example"


@pytest.fixture
def idp(app: Any, clock: Any) -> Iterator[Provider]:
    """A provider that runs, and a portal that may reach it on this machine."""
    app.extensions["guichet_openid"] = OpenIdConnect(http_on_loopback=True)
    provider = Provider(clock)
    yield provider
    provider.stop()


@pytest.fixture
def acme(idp: Provider, world: Any) -> IdentityProvider:
    """The provider of Acme, bound to it."""
    return add(idp, organisation=world.organisations["acme"].id)


def add(idp: Provider, slug: str = "acme", **more: Any) -> IdentityProvider:
    return IdentityProvider.create(
        **{
            "slug": slug, "name_fr": "Annuaire Acme", "name_en": "Acme directory", "issuer": idp.issuer,
            "client_id": CLIENT, "sealed_secret": sso.seal(SECRET, "identity_provider"), "is_active": True, **more,
        }
    )  # fmt: skip


def go(client: PortalClient, slug: str = "acme", next_page: str | None = None) -> str:
    """From the button to the provider and its answer: the address of the return."""
    answer = client.get(f"/login/with/{slug}", query_string={"next": next_page} if next_page else None)
    assert answer.status_code == 303, answer.text
    return visit(answer.location)


def sign_in(client: PortalClient, slug: str = "acme", next_page: str | None = None) -> Any:
    return client.get(go(client, slug, next_page))


def signed_in(client: PortalClient) -> bool:
    return client.get("/account").status_code == 200


def last(kind: str) -> AuditEntry:
    return AuditEntry.select().where(AuditEntry.kind == kind).order_by(AuditEntry.id.desc()).get()


# ---- Coming in -----------------------------------------------------------------------------------------


def test_alice_signs_in_with_the_directory_of_her_organisation(
    client: PortalClient, acme: IdentityProvider, idp: Provider, world: Any
) -> None:
    page = client.get("/login?next=/tickets")
    assert "Se connecter avec Annuaire Acme" in page.text
    link = re.search(r'href="(/login/with/acme[^"]*)"', page.text)
    assert link is not None and link[1] == "/login/with/acme?next=/tickets"
    answer = sign_in(client, next_page="/tickets")
    assert (answer.status_code, answer.location) == (303, "/tickets")
    assert signed_in(client)
    row = ExternalIdentity.get()
    assert (row.provider_id, row.subject, row.person_id) == (acme.id, "sub-alice", world.alice.id)
    started = last("session:started")
    assert (started.target, started.data["how"]) == (f"person:{world.alice.id}", "sso:acme")
    assert last("identity:linked").data == {"provider": "acme", "how": "address"}
    told = OutboxMessage.select().where(OutboxMessage.template == "security-notice")
    assert [row.context["what"] for row in told] == ["identity-linked"]
    [asked] = idp.authorizations
    assert asked["response_type"] == "code" and asked["code_challenge_method"] == "S256"
    assert asked["redirect_uri"].endswith("/login/with/acme/return")
    assert {"openid", "email"} <= set(asked["scope"].split()) and len(asked["nonce"]) >= 32
    assert audit.verify() == []


def test_once_linked_the_subject_counts_and_not_the_address(
    client: PortalClient, acme: IdentityProvider, idp: Provider, world: Any
) -> None:
    sign_in(client)
    idp.user["email"] = "alice.renommee@acme.example"
    client.sign_out()
    assert sign_in(client).status_code == 303 and signed_in(client)
    # The address was given to somebody else at the provider: that is not alice.
    client.sign_out()
    idp.user |= {"sub": "sub-somebody-else", "email": ALICE}
    refused = sign_in(client)
    assert refused.status_code == 403 and "autre identité" in refused.text and not signed_in(client)


def test_a_header_of_the_host_does_not_move_the_return(
    client: PortalClient, acme: IdentityProvider, idp: Provider
) -> None:
    base = client.application.extensions["guichet_settings"].base_url
    answer = client.get("/login/with/acme", headers={"X-Forwarded-Host": "evil.example"})
    sent = parse_qs(urlsplit(answer.location).query)["redirect_uri"]
    assert sent == [f"{base}/login/with/acme/return"]


@pytest.mark.parametrize(
    "outside", ["https://evil.example/", "//evil.example", "/\\evil.example", "/login", "javascript:1"]
)
def test_next_leads_nowhere_else(client: PortalClient, acme: IdentityProvider, outside: str) -> None:
    assert sign_in(client, next_page=outside).location == "/"


# ---- Who does not come in ------------------------------------------------------------------------------


def refused(client: PortalClient, words: str, status: int = 403) -> None:
    answer = sign_in(client)
    assert answer.status_code == status, answer.text
    assert words in answer.text, answer.text
    assert not signed_in(client)


def test_no_account_is_said_and_none_is_made(
    client: PortalClient, acme: IdentityProvider, idp: Provider
) -> None:
    idp.user |= {"sub": "sub-new", "email": "nouvelle@acme.example"}
    before = Person.select().count()
    refused(client, "Aucun compte n’a ici l’adresse nouvelle@acme.example")
    assert Person.select().count() == before
    failed = last("session:failed")
    assert failed.data == {"how": "sso:acme", "reason": "sso-no-account"}


def test_an_account_is_made_only_where_the_row_says_so_and_within_the_domains(
    client: PortalClient, acme: IdentityProvider, idp: Provider, world: Any
) -> None:
    IdentityProvider.update(makes_accounts=True).execute()
    idp.user |= {"sub": "sub-far", "email": "lointaine@ailleurs.example"}
    refused(client, "Aucun compte")
    idp.user |= {"sub": "sub-new", "email": "nouvelle@acme.example", "name": "Nora Velle"}
    assert sign_in(client).status_code == 303 and signed_in(client)
    made = Person.get(Person.email == "nouvelle@acme.example")
    assert (made.full_name, made.password_hash, made.staff_role) == ("Nora Velle", None, None)
    assert made.email_verified_at is not None
    membership = Membership.get(Membership.person == made.id)
    assert (membership.role, membership.organisation_id) == ("member", world.organisations["acme"].id)
    idp.user |= {"sub": "sub-odd", "email": "bizarre@acme.example", "name": "\x00" * 3}
    client.sign_out()
    assert sign_in(client).status_code == 303
    assert Person.get(Person.email == "bizarre@acme.example").full_name == "bizarre"


@pytest.mark.parametrize("verified", [False, None, "true", 1])
def test_an_address_that_is_not_verified_is_none(
    client: PortalClient, acme: IdentityProvider, idp: Provider, verified: Any
) -> None:
    idp.user["email_verified"] = verified
    refused(client, "aucune adresse électronique vérifiée")
    assert ExternalIdentity.select().count() == 0


@pytest.mark.parametrize("who", ["charlie", "erin", "sam", "root"])
def test_the_provider_of_acme_opens_nobody_elses_account(
    client: PortalClient, acme: IdentityProvider, idp: Provider, world: Any, who: str
) -> None:
    person = getattr(world, who)
    belongs = {row.organisation_id for row in Membership.select().where(Membership.person == person.id)}
    assert acme.organisation_id not in belongs
    idp.user |= {"sub": f"sub-{who}", "email": person.email}
    refused(client, "n’est pas relié")
    assert ExternalIdentity.select().count() == 0


def test_who_belongs_to_another_organisation_too_links_it_themselves(
    client: PortalClient, acme: IdentityProvider, idp: Provider, world: Any, clock: Any
) -> None:
    contacts.add_membership(
        world.alice.id, world.organisations["globex"].id, role="member", by=None, now=clock.now
    )
    refused(client, "n’est pas relié")


def test_an_unbound_provider_opens_no_account_by_its_address(
    client: PortalClient, idp: Provider, world: Any
) -> None:
    add(idp)
    for email in (ALICE, "root@guichet.example"):
        idp.user["email"] = email
        refused(client, "n’est pas relié")
    assert ExternalIdentity.select().count() == 0


def test_who_left_the_organisation_no_longer_comes_in_by_it(
    client: PortalClient, acme: IdentityProvider, world: Any, clock: Any
) -> None:
    sign_in(client)
    client.sign_out()
    Membership.update(removed_at=clock.now).where(Membership.person == world.alice.id).execute()
    refused(client, "n’appartient plus")


@pytest.mark.parametrize("way", ["disabled", "locked by staff", "provider switched off"])
def test_closed_accounts_and_providers_stay_closed(
    client: PortalClient, acme: IdentityProvider, world: Any, clock: Any, way: str
) -> None:
    sign_in(client)
    client.sign_out()
    if way == "provider switched off":
        where = go(client)
        IdentityProvider.update(is_active=False).execute()
        assert client.get(where).status_code == 404
        assert client.get("/login/with/acme").status_code == 404
        assert "Annuaire Acme" not in client.get("/login").text
        return
    if way == "disabled":
        accounts.disable(world.alice.id, by=None, now=clock.now)
    else:
        Person.update(locked_at=clock.now).where(Person.id == world.alice.id).execute()
    refused(client, "fermé ou verrouillé")


def test_a_lock_of_the_password_holds_here_too(
    client: PortalClient, acme: IdentityProvider, clock: Any
) -> None:
    for _ in range(5):
        client.submit("/login", email=ALICE, password="pas le bon du tout")
    answer = sign_in(client)
    assert answer.status_code == 429 and answer.headers["Retry-After"] and not signed_in(client)
    clock.advance(minutes=16)
    assert sign_in(client).status_code == 303


# ---- The second step -----------------------------------------------------------------------------------


def enrol(client: PortalClient, person: Person, clock: Any) -> pyotp.TOTP:
    client.sign_in(person)
    client.submit("/account/security/app")
    page = client.get("/account/security/app")
    secret = re.search(r'class="key-text">([A-Z2-7 ]+)<', page.text)
    assert secret is not None
    app = pyotp.TOTP(secret[1].replace(" ", ""))
    client.send(page, form="confirm", code=app.at(clock.now))
    clock.advance(seconds=60)
    client.sign_out()
    return app


def test_the_second_factor_is_asked_unless_the_provider_replaces_it(
    client: PortalClient, acme: IdentityProvider, world: Any, clock: Any
) -> None:
    app = enrol(client, world.alice, clock)
    answer = sign_in(client, next_page="/tickets")
    assert answer.location == "/login/verify?next=/tickets" and not signed_in(client)
    assert last("session:half").data["how"] == "sso:acme"
    assert client.submit(answer.location, code=app.at(clock.now)).location == "/tickets"
    assert signed_in(client)
    client.sign_out()
    IdentityProvider.update(replaces_factor=True).execute()
    assert sign_in(client).location == "/" and signed_in(client)


def test_a_new_browser_types_the_mailed_code_as_after_a_password(
    client: PortalClient, acme: IdentityProvider, world: Any, clock: Any
) -> None:
    settings.put("new_browser_code", True, load_viewer(world.root.id), clock.now)
    assert sign_in(client).location == "/login/verify" and not signed_in(client)


# ---- Attacks -------------------------------------------------------------------------------------------


def test_an_answer_counts_once(client: PortalClient, acme: IdentityProvider, idp: Provider) -> None:
    where = go(client)
    with client.session_transaction() as session:
        mark = dict(session["sso"])
    assert client.get(where).status_code == 303
    client.sign_out()
    # The address again, the cookie of before with it, and another code for the same state.
    assert client.get(where).status_code == 400
    for tried in (where, where.replace("code=", "code=x")):
        with client.session_transaction() as session:
            session["sso"] = mark
        assert client.get(tried).status_code == 400
    assert not signed_in(client)


def test_an_answer_to_another_browser_is_refused(
    client: PortalClient, acme: IdentityProvider, app: Any
) -> None:
    where = go(client)
    victim = app.test_client()
    assert victim.get(where).status_code == 400, "or somebody signs others in to an account of their own"
    go(victim)
    assert victim.get(where).status_code == 400
    assert not signed_in(victim)


@pytest.mark.parametrize("change", ["no state", "other state", "empty state", "no code", "late", "iss"])
def test_a_bent_answer_is_refused(
    client: PortalClient, acme: IdentityProvider, clock: Any, change: str
) -> None:
    parts = urlsplit(go(client))
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    if change == "no state":
        del query["state"]
    elif change == "other state":
        query["state"] = "A" * 43
    elif change == "empty state":
        query["state"] = ""
    elif change == "no code":
        del query["code"]
    elif change == "iss":
        query["iss"] = "https://other.example"
    else:
        clock.advance(minutes=10)
    answer = client.get(parts.path, query_string=query)
    assert answer.status_code == 400 and not signed_in(client)


def test_an_answer_of_one_provider_is_none_of_another(
    client: PortalClient, acme: IdentityProvider, idp: Provider, clock: Any
) -> None:
    other = Provider(clock)
    try:
        add(other, "globex", issuer=other.issuer, organisation=acme.organisation_id)
        where = go(client)
        assert client.get(where.replace("/acme/", "/globex/")).status_code == 400
        # A provider that hands out the token of another one.
        other.claims = {"iss": idp.issuer}
        assert sign_in(client, "globex").status_code == 400
        assert not signed_in(client)
    finally:
        other.stop()


@pytest.mark.parametrize(
    "bad",
    ["alg none", "hs256 with the public key", "another key", "unknown kid", "wrong aud", "several aud", "wrong azp",
     "wrong iss", "expired", "no exp", "from the future", "wrong nonce", "no nonce", "no sub", "empty sub", "sub is a number",
     "wrong at_hash", "no token", "not a token"],
)  # fmt: skip
def test_a_token_that_is_not_right_signs_nobody_in(
    client: PortalClient, acme: IdentityProvider, idp: Provider, clock: Any, bad: str
) -> None:
    now = int(clock.now.timestamp())
    claims: dict[str, dict[str, Any]] = {
        "wrong aud": {"aud": "somebody-else"}, "several aud": {"aud": [CLIENT, "other"]},
        "wrong azp": {"aud": [CLIENT, "other"], "azp": "other"}, "wrong iss": {"iss": "https://other.example"},
        "expired": {"exp": now - 61}, "no exp": {"exp": None}, "from the future": {"iat": now + 3600, "exp": now + 7200},
        "wrong nonce": {"nonce": "n" * 43}, "no nonce": {"nonce": None}, "no sub": {"sub": None},
        "empty sub": {"sub": ""}, "sub is a number": {"sub": 7}, "wrong at_hash": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
    }  # fmt: skip
    idp.claims = claims.get(bad, {})
    if bad == "alg none":
        idp.forge = unsigned
    elif bad == "hs256 with the public key":
        idp.forge = signed_with_the_public_key
    elif bad == "another key":
        idp.key = OTHER_KEY
    elif bad == "unknown kid":
        idp.kid = "third"
    elif bad == "no token":
        idp.forge = lambda claims: ""
    elif bad == "not a token":
        idp.forge = lambda claims: "a.b.c"
    refused(client, "n’a pas pu être vérifiée", 400)
    assert ExternalIdentity.select().count() == 0
    # The same provider, behaving: the refusal had its own cause.
    idp.claims, idp.forge = {}, None
    idp.key, idp.kid = idp.published[0], "first"
    assert sign_in(client).status_code == 303


def test_a_code_of_somebody_else_is_worth_nothing_here(
    client: PortalClient, acme: IdentityProvider, app: Any
) -> None:
    """PKCE and nonce: a code that was made for another attempt does not open this one."""
    thief = app.test_client()
    stolen = parse_qs(urlsplit(go(client)).query)["code"][0]
    mine = urlsplit(go(thief))
    query = {**{name: values[0] for name, values in parse_qs(mine.query).items()}, "code": stolen}
    assert thief.get(mine.path, query_string=query).status_code == 400
    assert not signed_in(thief)


def test_new_keys_of_the_provider_are_fetched(
    client: PortalClient, acme: IdentityProvider, idp: Provider, app: Any
) -> None:
    assert sign_in(client).status_code == 303
    idp.key, idp.kid, idp.published = OTHER_KEY, "second", [OTHER_KEY]
    # Not sooner than half a minute after the last time: nobody makes the portal ask without end.
    client.sign_out()
    assert sign_in(client).status_code == 400
    way = app.extensions["guichet_openid"]
    way._kept = {url: (at - 31, said) for url, (at, said) in way._kept.items()}
    assert sign_in(client).status_code == 303


def test_cancelling_at_the_provider_leads_back(client: PortalClient, acme: IdentityProvider) -> None:
    state = parse_qs(urlsplit(go(client)).query)["state"][0]
    answer = client.get("/login/with/acme/return", query_string={"error": "access_denied", "state": state})
    assert answer.status_code == 403 and "annulée" in answer.text and "/login" in answer.text


@pytest.mark.parametrize("at_once", [8, pytest.param(50, marks=pytest.mark.long)])
def test_one_state_used_many_times_at_once_counts_once(
    app: Any, clock: Any, database: Any, at_once: int
) -> None:
    from models import db

    outcomes: list[bool] = []
    gate = threading.Barrier(at_once)

    def one() -> None:
        gate.wait()
        with db.connection_context():
            outcomes.append(sso.spend("sso state", "the same", clock.now))

    threads = [threading.Thread(target=one) for _ in range(at_once)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(outcomes) == [False] * (at_once - 1) + [True]
    assert SpentChallenge.select().count() == 1


# ---- A provider that is away ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "broken", ["error", "elsewhere", "huge", "no json", "stopped", "another issuer", "plain http"]
)
def test_a_provider_that_does_not_answer_leaves_the_password(
    client: PortalClient, acme: IdentityProvider, idp: Provider, broken: str
) -> None:
    if broken == "stopped":
        idp.stop()
    elif broken == "another issuer":
        idp.about = {"issuer": "https://other.example"}
    elif broken == "plain http":
        idp.about = {"token_endpoint": "http://192.0.2.1/token"}
    else:
        idp.broken = broken
    page = client.get("/login/with/acme?next=/tickets")
    assert page.status_code == 503 and "ne répond pas" in page.text
    assert "/elsewhere" not in idp.asked, "no redirect is followed"
    answer = client.send(page, form="/login", email=ALICE, password=PASSWORD)
    assert answer.location == "/tickets"


def test_a_provider_that_fails_at_the_return_leaves_the_password(
    client: PortalClient, acme: IdentityProvider, idp: Provider
) -> None:
    where = go(client, next_page="/tickets")
    idp.broken = "error"
    page = client.get(where)
    assert page.status_code == 503 and "ne répond pas" in page.text


def test_a_silent_provider_costs_seconds_and_only_once(
    client: PortalClient, acme: IdentityProvider, idp: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateways.openid.TIMEOUT_SECONDS", 0.3)
    idp.broken = "silent"
    begun = time.monotonic()
    assert client.get("/login/with/acme").status_code == 503
    assert time.monotonic() - begun < 2.5
    begun = time.monotonic()
    assert client.get("/login/with/acme").status_code == 503
    assert time.monotonic() - begun < 0.3, "it is left alone for a while"


@pytest.mark.parametrize(
    "url",
    ["http://192.0.2.1", "ftp://acme.example", "https://user@acme.example", "file:///etc/passwd", "https://",
     "https://169.254.169.254", "https://127.0.0.1", "https://[::1]", "https://[::ffff:127.0.0.1]", "https://0.0.0.0",
     "https://localhost", "http://127.0.0.1.evil.example", "https://acme.example:port", "https://acmé.example", ""],
)  # fmt: skip
def test_addresses_that_are_never_asked(url: str) -> None:
    way = OpenIdConnect()
    with pytest.raises(Away):
        way.start(Client(url, "x", ""), redirect_uri="x", state="s", nonce="n", verifier="v")


def test_a_provider_that_points_inside_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What its discovery names elsewhere has to be public; its own host may be inside, for an admin named it."""
    way = OpenIdConnect()
    places = {"idp.example": "10.0.0.7", "inside.example": "10.0.0.8", "outside.example": "93.184.216.34"}
    monkeypatch.setattr(
        "gateways.openid.socket.getaddrinfo", lambda host, *rest, **more: [(2, 1, 6, "", (places[host], 443))]
    )
    assert way._places("idp.example", 443, "https://idp.example") == ["10.0.0.7"]
    assert way._places("outside.example", 443, "https://idp.example") == ["93.184.216.34"]
    with pytest.raises(Away):
        way._places("inside.example", 443, "https://idp.example")


# ---- One's own links, and a fresh sign-in --------------------------------------------------------------


def linking(client: PortalClient) -> Any:
    page = client.get("/account/security/with/acme")
    assert page.status_code == 200, page.text
    url = re.search(r'href="(http://127\.0\.0\.1:[^"]+)"', page.text)
    assert url is not None
    return client.get(visit(url[1].replace("&amp;", "&")))


def test_sam_links_an_unbound_provider_and_signs_in_with_it(
    client: PortalClient, idp: Provider, world: Any
) -> None:
    add(idp)
    idp.user |= {"sub": "sub-sam", "email": "sam@guichet.example"}
    client.sign_in(world.sam)
    assert "Relier Annuaire Acme" in client.get("/account/security").text
    assert linking(client).location == "/account/security"
    assert last("identity:linked").data == {"provider": "acme", "how": "owner"}
    client.sign_out()
    assert sign_in(client).status_code == 303 and signed_in(client)
    answer = client.submit("/account/security", form="/account/security/with/acme/removal")
    assert answer.location == "/account/security"
    client.sign_out()
    refused(client, "n’est pas relié")


def test_linking_wants_the_same_address_and_an_identity_that_opens_nothing_else(
    client: PortalClient, idp: Provider, world: Any
) -> None:
    add(idp)
    client.sign_in(world.sam)
    assert "en a une autre" in linking(client).text
    assert ExternalIdentity.select().count() == 0
    client.sign_in(world.alice)
    assert linking(client).status_code == 303
    Person.update(email="sam.x@guichet.example").where(Person.id == world.sam.id).execute()
    idp.user["email"] = "sam.x@guichet.example"
    client.sign_in(world.sam)
    assert "ouvre déjà un autre compte" in linking(client).text


def test_linking_asks_a_fresh_sign_in_and_a_provider_that_is_one_s_own(
    client: PortalClient, acme: IdentityProvider, world: Any, clock: Any
) -> None:
    client.sign_in(world.charlie)
    assert client.get("/account/security/with/acme").status_code == 404
    client.sign_in(world.alice)
    clock.advance(minutes=20)
    asked = client.get("/account/security/with/acme")
    assert asked.location == "/login/again?next=/account/security/with/acme"
    assert client.submit(asked.location, password=PASSWORD).location == "/account/security/with/acme"


def test_an_account_without_password_proves_itself_again_at_the_provider(
    client: PortalClient, acme: IdentityProvider, idp: Provider, world: Any, clock: Any
) -> None:
    Person.update(password_hash=None).where(Person.id == world.alice.id).execute()
    sign_in(client)
    clock.advance(minutes=20)
    kept = client.submit("/account/address", email="a@neuve.example")
    asked = client.get(kept.location)
    link = re.search(r'href="(/login/again/with/acme[^"]*)"', asked.text)
    assert link is not None and "Confirmer avec Annuaire Acme" in asked.text
    for asked_at in (int(clock.now.timestamp()) - 3600, None):
        # A provider that only looked at its own session, and one that does not say.
        idp.asked_at = asked_at
        idp.claims = {"auth_time": None} if asked_at is None else {}
        answer = client.get(visit(client.get(link[1]).location))
        assert answer.status_code in (400, 403)
        assert client.get("/account/security/codes").status_code == 200
        assert client.submit("/account/address", email="a@neuve.example").location.startswith("/login/again")
    idp.asked_at, idp.claims = None, {}
    to_provider = client.get(link[1]).location
    query = parse_qs(urlsplit(to_provider).query)
    assert (query["prompt"], query["max_age"]) == (["login"], ["0"])
    idp.user["sub"] = "sub-bob"
    assert client.get(visit(to_provider)).status_code == 403
    idp.user["sub"] = "sub-alice"
    answer = client.get(visit(client.get(link[1]).location))
    assert answer.status_code == 303 and answer.location.startswith("/login/again/act")
    assert last("session:fresh").data["how"] == "sso:acme"
    assert UserSession.select().where(UserSession.fresh_at == clock.now).count() == 1


# ---- The administration --------------------------------------------------------------------------------


def test_root_enters_a_provider_and_its_secret_is_never_seen_again(
    client: PortalClient, idp: Provider, world: SimpleNamespace
) -> None:
    client.sign_in(world.root)
    made = client.submit(
        "/admin/identityprovider/new/",
        name_fr="Annuaire", name_en="Directory", slug="acme", issuer="https://login.acme.example", client_id="guichet",
        organisation="Acme", new_secret=SECRET, is_active="y",
    )  # fmt: skip
    assert made.status_code == 303, made.text
    row = IdentityProvider.get()
    assert sso.secret_of(row) == SECRET and SECRET not in row.sealed_secret
    assert row.organisation.slug == "acme" and not row.replaces_factor and not row.makes_accounts
    for path in (f"edit/?id={row.id}", f"details/?id={row.id}", ""):
        page = client.get(f"/admin/identityprovider/{path}").text
        assert SECRET not in page and row.sealed_secret not in page
    entries = " ".join(str(entry.data) for entry in AuditEntry.select())
    assert SECRET not in entries and row.sealed_secret not in entries
    # Another issuer: its subjects are other people.
    ExternalIdentity.create(
        provider=row.id,
        subject="x",
        person=world.alice.id,
        created_at=row_now(client),
        last_used_at=row_now(client),
    )
    where = f"/admin/identityprovider/edit/?id={row.id}"
    assert client.submit(where, issuer="https://id.acme.example").status_code == 303
    assert ExternalIdentity.select().count() == 0 and last("identity:dropped").data["count"] == 1
    assert sso.secret_of(IdentityProvider.get()) == SECRET, "an empty field keeps the secret"
    assert client.submit(where, new_secret="another one").status_code == 303
    assert sso.secret_of(IdentityProvider.get()) == "another one"
    assert last("secret:replaced").target == f"identityprovider:{row.id}"


def row_now(client: PortalClient) -> Any:
    return client.application.extensions["guichet_clock"]()


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [("issuer", "http://login.acme.example", "https://"), ("issuer", "https://", "https://"),
     ("issuer", "https://a@b.example", "https://"), ("makes_accounts", "y", "lié à une organisation")],
)  # fmt: skip
def test_what_a_provider_cannot_be_is_said(
    client: PortalClient, world: Any, field: str, value: str, words: str
) -> None:
    client.sign_in(world.root)
    right = {"name_fr": "A", "name_en": "A", "slug": "acme", "issuer": "https://a.example", "client_id": "g"}
    answer = client.submit("/admin/identityprovider/new/", **{**right, field: value})
    assert answer.status_code == 422 and words in answer.text
    assert IdentityProvider.select().count() == 0


def test_a_changed_secret_of_the_portal_is_said_and_the_password_still_works(
    client: PortalClient, acme: IdentityProvider
) -> None:
    IdentityProvider.update(sealed_secret=sso.seal(SECRET, "linking_application")).execute()
    page = client.get("/login/with/acme")
    assert page.status_code == 503 and "ne peut plus être lu" in page.text
    assert client.submit("/login", email=ALICE, password=PASSWORD).status_code == 303


def test_an_unlisted_provider_has_its_address_and_no_button(
    client: PortalClient, acme: IdentityProvider
) -> None:
    IdentityProvider.update(is_listed=False).execute()
    assert "Annuaire Acme" not in client.get("/login").text
    assert sign_in(client).status_code == 303
    assert client.get("/login/with/nothing?" + urlencode({"next": "/"})).status_code in (303, 404)
