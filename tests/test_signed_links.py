"""Signed links of applications without identity provider (ACC-11): the example of the guide, once, in time, and attacks."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from domain import accounts, sso
from domain.refusals import Refusal
from models import AuditEntry, LinkingApplication, Person, UserSession, db
from tests.support.client import PortalClient

pytestmark = pytest.mark.both_databases

KEY = "a key of the tests that is long enough to be one"
ALICE = "alice@acme.example"
GUIDE = Path(__file__).resolve().parent.parent / "docs" / "guides" / "operator.md"


@pytest.fixture
def shop(app: Any, world: Any) -> LinkingApplication:
    return LinkingApplication.create(
        slug="shop", name_fr="La Boutique", name_en="The Shop", is_active=True,
        sealed_secret=sso.seal(KEY, "linking_application"),
    )  # fmt: skip


@pytest.fixture
def make(app: Any, shop: LinkingApplication, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The example of the operator's guide as it stands there, by the clock of the test."""
    code = re.search(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert code is not None
    names: dict[str, Any] = {}
    exec(compile(code[1], str(GUIDE), "exec"), names)
    clock = app.extensions["guichet_clock"]
    names["time"] = SimpleNamespace(time=lambda: clock().timestamp())

    def path(email: str = ALICE, next_page: str = "/", app_slug: str = "shop", key: str = KEY) -> str:
        url = names["signed_link"]("https://support.example", app_slug, key, email, next_page)
        parts = urlsplit(url)
        return f"{parts.path}?{parts.query}"

    return path


def signed_in(client: PortalClient) -> bool:
    return client.get("/account").status_code == 200


def changed(path: str, **fields: str) -> str:
    """The same link with other words."""
    parts = urlsplit(path)
    query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
    return f"{parts.path}?{urlencode({**query, **fields})}"


def test_the_example_of_the_guide_signs_alice_in_with_one_press(
    client: PortalClient, make: Any, world: Any
) -> None:
    page = client.get(make(next_page="/tickets?list=mine"))
    assert page.status_code == 200 and "La Boutique" in page.text and ALICE in page.text
    assert not signed_in(client), "a link that is followed signs nobody in"
    assert UserSession.select().count() == 0
    answer = client.send(page, form="signed")
    assert (answer.status_code, answer.location) == (303, "/tickets?list=mine")
    assert signed_in(client)
    entry = AuditEntry.select().where(AuditEntry.kind == "session:started").get()
    assert (entry.target, entry.data) == (f"person:{world.alice.id}", {"how": "link:shop"})
    # Once in, the link of the application leads straight on.
    assert client.get(make(next_page="/account")).location == "/account"


def test_a_link_works_once(client: PortalClient, make: Any, app: Any) -> None:
    path = make()
    page = client.get(path)
    other = app.test_client()
    second = other.get(path)
    assert client.send(page, form="signed").status_code == 303
    again = other.send(second, form="signed")
    assert again.status_code == 410 and not signed_in(other)
    client.sign_out()
    assert client.send(client.get(path), form="signed").status_code == 410
    assert AuditEntry.select().where(AuditEntry.kind == "session:failed").count() == 2


def test_a_link_is_opened_within_sixty_seconds_and_its_button_waits_in_that_browser(
    client: PortalClient, make: Any, app: Any, clock: Any
) -> None:
    path = make()
    clock.advance(seconds=60)
    page = client.get(path)
    assert page.status_code == 200
    clock.advance(seconds=1)
    late = app.test_client().get(path)
    assert late.status_code == 410 and "60 secondes" in late.text
    other = app.test_client()
    other.get("/login")
    token = re.search(r'name="csrf_token" value="([^"]+)"', other.get("/login").text)
    assert token is not None
    fields = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
    assert other.post("/login/signed", data={**fields, "csrf_token": token[1]}).status_code == 410
    clock.advance(seconds=538)
    assert client.send(page, form="signed").status_code == 303
    # Another one, too late for the button.
    client.sign_out()
    page = client.get(make())
    clock.advance(seconds=601)
    assert client.send(page, form="signed").status_code == 410


def test_a_clock_that_is_ahead_is_said(client: PortalClient, make: Any, clock: Any) -> None:
    path = make()
    clock.advance(seconds=-10)
    assert client.get(path).status_code == 200
    clock.advance(seconds=-1)
    assert "en avance" in client.get(path).text


@pytest.mark.parametrize(
    "fields",
    [{"email": "bob@acme.example"}, {"next": "/desk"}, {"time": "1794316921"}, {"nonce": "n" * 32}, {"app": "other"},
     {"signature": ""}, {"signature": "0" * 64}, {"email": ""}, {"time": "x"}, {"nonce": "short"}, {"nonce": ""},
     {"email": "a\nb"}, {"app": "x" * 5000}, {"signature": "é" * 64}],
)  # fmt: skip
def test_what_was_changed_on_the_way_is_refused(
    client: PortalClient, make: Any, fields: dict[str, str]
) -> None:
    answer = client.get(changed(make(), **fields))
    assert answer.status_code == 404 and "Ce lien n’est pas entier" in answer.text


def test_fields_do_not_run_into_one_another() -> None:
    one = sso.signature(KEY, "shop", "a", "1", "n", "/x")
    assert one != sso.signature(KEY, "sho", "pa", "1", "n", "/x")
    assert one != sso.signature(KEY, "shop", "a", "1n", "", "/x")


@pytest.mark.parametrize("way", ["another key", "switched off", "no key", "key of another application"])
def test_a_link_that_no_application_in_use_signed_is_refused(
    client: PortalClient, make: Any, shop: LinkingApplication, way: str
) -> None:
    path = make()
    if way == "another key":
        path = make(key="some other key that is long enough too")
    elif way == "switched off":
        LinkingApplication.update(is_active=False).execute()
    elif way == "no key":
        LinkingApplication.update(sealed_secret="").execute()
        path = make(key="")
    else:
        other = "the key of another application, long enough"
        LinkingApplication.create(
            slug="other",
            name_fr="x",
            name_en="x",
            is_active=True,
            sealed_secret=sso.seal(other, "linking_application"),
        )
        path = make(key=other)
    assert client.get(path).status_code == 404


def press(client: PortalClient, path: str) -> Any:
    return client.send(client.get(path), form="signed")


def test_nobody_without_account_comes_in_and_no_account_is_made(client: PortalClient, make: Any) -> None:
    before = Person.select().count()
    for email in ("personne@acme.example", "no address"):
        answer = press(client, make(email=email))
        assert answer.status_code == 403 and "Aucun compte" in answer.text and not signed_in(client)
    assert Person.select().count() == before


@pytest.mark.parametrize("who", ["sam", "root", "marc"])
def test_the_team_is_never_signed_in_by_an_application(
    client: PortalClient, make: Any, world: Any, who: str
) -> None:
    answer = press(client, make(email=getattr(world, who).email))
    assert answer.status_code == 403 and "ne s’ouvre pas" in answer.text and not signed_in(client)


def test_an_application_of_acme_opens_accounts_of_acme_alone(
    client: PortalClient, make: Any, world: Any
) -> None:
    LinkingApplication.update(organisation=world.organisations["acme"].id).execute()
    assert press(client, make(email="charlie@globex.example")).status_code == 403
    assert press(client, make()).status_code == 303


def test_disabled_locked_and_second_step_hold_here_too(
    client: PortalClient, make: Any, world: Any, clock: Any
) -> None:
    from domain import settings
    from domain.policies import load_viewer

    settings.put("new_browser_code", True, load_viewer(world.root.id), clock.now)
    assert press(client, make()).location == "/login/verify" and not signed_in(client)
    client.sign_out()
    LinkingApplication.update(replaces_factor=True).execute()
    assert press(client, make()).location == "/"
    client.sign_out()
    for _ in range(5):
        client.submit("/login", email=ALICE, password="pas le bon du tout")
    assert press(client, make()).status_code == 429
    clock.advance(minutes=16)
    accounts.disable(world.alice.id, by=None, now=clock.now)
    assert press(client, make()).status_code == 403 and not signed_in(client)


@pytest.mark.parametrize(
    "outside", ["https://evil.example/", "//evil.example", "/\\evil.example", "/login", ""]
)
def test_next_leads_nowhere_else_though_it_is_signed(client: PortalClient, make: Any, outside: str) -> None:
    assert press(client, make(next_page=outside)).location == "/"


def test_a_form_of_another_site_signs_nobody_in(client: PortalClient, make: Any) -> None:
    fields = {name: values[0] for name, values in parse_qs(urlsplit(make()).query).items()}
    answer = client.post("/login/signed", data=fields)
    assert answer.status_code in (303, 400) and not signed_in(client)


@pytest.mark.parametrize("at_once", [8, pytest.param(50, marks=pytest.mark.long)])
def test_many_at_once_come_in_once(
    app: Any, shop: LinkingApplication, clock: Any, database: Any, at_once: int
) -> None:
    made = [str(int(clock.now.timestamp())), "n" * 32, "/"]
    signed = sso.signature(KEY, "shop", ALICE, *made)
    read = sso.read_link("shop", ALICE, *made, signed, now=clock.now)
    outcomes: list[str] = []
    gate = threading.Barrier(at_once)

    def one() -> None:
        gate.wait()
        try:
            with db.connection_context():
                sso.use_link(read, origin="192.0.2.1", now=clock.now)
                outcomes.append("in")
        except Refusal as fault:
            outcomes.append(fault.code)

    threads = [threading.Thread(target=one) for _ in range(at_once)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(outcomes) == ["in"] + ["link-used"] * (at_once - 1)
    assert UserSession.select().count() == 1


def test_root_enters_an_application_with_a_key_that_is_never_shown(client: PortalClient, world: Any) -> None:
    client.sign_in(world.root)
    where = "/admin/linkingapplication/new/"
    right = {"name_fr": "Boutique", "name_en": "Shop", "slug": "shop", "is_active": "y"}
    assert "Indiquez d’abord la clé" in client.submit(where, **right).text
    short = client.submit(where, **right, new_secret="short")
    assert short.status_code == 422 and "Au moins 32" in short.text and 'value="short"' not in short.text
    assert client.submit(where, **right, new_secret=KEY).status_code == 303
    row = LinkingApplication.get()
    assert sso.unseal(row.sealed_secret, "linking_application") == KEY
    assert KEY not in client.get(f"/admin/linkingapplication/edit/?id={row.id}").text
    assert KEY not in " ".join(str(entry.data) for entry in AuditEntry.select())
