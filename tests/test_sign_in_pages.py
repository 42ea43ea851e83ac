"""The pages of signing in, registering, choosing a password, one's account, and the list of approved contacts."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest

import mailer
from domain import accounts, settings
from models import AuditEntry, Membership, OutboxMessage, Person, SignInFailure, UserSession
from tests.support.client import PASSWORD, PortalClient
from views.redirects import local_path

PHRASE = "un cheval bleu mange des frites"


def link_in_mail(app: Any, address: str, clock: Any) -> str:
    """The path of the link in the newest mail to an address, read from the mail as it would be sent."""
    row = (
        OutboxMessage.select()
        .where(OutboxMessage.recipient == address)
        .order_by(OutboxMessage.id.desc())
        .first()
    )
    base = app.extensions["guichet_settings"].base_url
    with app.app_context():
        mail = mailer.render(row, base, clock.now)
    (link,) = set(re.findall(r"https?://\S+/password/[\w-]{43}", mail.text))
    assert link.startswith(base + "/password/")
    assert link in mail.html
    return link.removeprefix(base)


# ---- Sign-in -----------------------------------------------------------------------------------------


def test_alice_signs_in_lands_on_home_and_signs_out(client: PortalClient, alice: Person) -> None:
    answer = client.sign_in_by_page("alice@acme.example")
    assert (answer.status_code, answer.location) == (303, "/")
    assert client.get("/account").status_code == 200
    gone = client.submit("/account", form="/logout")
    assert (gone.status_code, gone.location) == (303, "/login")
    assert client.get("/account").status_code == 303


def test_a_copy_of_the_cookie_opens_nothing_after_sign_out(client: PortalClient, app: Any) -> None:
    client.sign_in_by_page("alice@acme.example")
    copy = client.get_cookie("guichet").value
    client.submit("/account", form="/logout")
    thief = app.test_client()
    thief.set_cookie("guichet", copy)
    assert thief.get("/account").status_code == 303


def test_sign_in_forgets_whatever_the_browser_held_before(client: PortalClient) -> None:
    with client.session_transaction() as session:
        session["token"] = "planted"
        session["planted"] = "by somebody else"
    client.submit("/login", email="alice@acme.example", password=PASSWORD)
    with client.session_transaction() as session:
        assert "planted" not in session
        assert session["token"] != "planted"


def test_signing_in_again_ends_the_session_of_before(
    client: PortalClient, alice: Person, bob: Person
) -> None:
    client.sign_in(alice)
    page = client.get("/account")
    assert page.status_code == 200
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert token is not None
    client.post("/login", data={"email": "bob@acme.example", "password": PASSWORD, "csrf_token": token[1]})
    assert [row.ended_at is None for row in UserSession.select().order_by(UserSession.id)] == [False, True]
    assert "Bob" in client.get("/account").text


@pytest.mark.parametrize("name", ["alice@acme.example", "nobody@acme.example"])
def test_a_refusal_says_the_same_whoever_it_is_and_never_shows_the_password(
    client: PortalClient, name: str
) -> None:
    answer = client.submit("/login", email=name, password="a wrong password 77")
    assert answer.status_code == 422
    assert "ne vont pas ensemble" in answer.text
    assert "il reste 4 essais" in answer.text
    assert name in answer.text
    assert "a wrong password 77" not in answer.text


def normalised(text: str) -> str:
    text = re.sub(r'(csrf_token" value=|nonce=)"[^"]+"', "", text)
    return text.replace("alice@acme.example", "NAME").replace("nobody@acme.example", "NAME")


def test_pages_and_headers_are_the_same_for_names_that_exist_and_names_that_do_not(
    app: Any, world: SimpleNamespace
) -> None:
    seen: dict[str, list[Any]] = {}
    for name in ("alice@acme.example", "nobody@acme.example"):
        browser = app.test_client()
        answers = [browser.submit("/login", email=name, password="wrong wrong wrong")]
        for _ in range(5):
            answers.append(browser.submit("/login", email=name, password="wrong wrong wrong"))
        answers.append(browser.submit("/password/forgotten", email=name))
        answers.append(browser.get(answers[-1].location))
        answers.append(browser.submit("/username/forgotten", email=name))
        answers.append(browser.get(answers[-1].location))
        answers.append(browser.submit("/register", full_name="Alice Martin", email=name, organisation="Acme"))
        answers.append(browser.get(answers[-1].location))
        seen[name] = [
            (
                answer.status_code,
                normalised(answer.text),
                [
                    (key, re.sub(r"nonce-[\w-]+", "", value))
                    for key, value in answer.headers
                    if key not in ("Set-Cookie", "Content-Length")
                ],
            )
            for answer in answers
        ]
    assert seen["alice@acme.example"] == seen["nobody@acme.example"]


def test_the_lock_shows_the_time_left_and_hides_the_reset_link(client: PortalClient, clock: Any) -> None:
    for _ in range(5):
        answer = client.submit("/login", email="alice@acme.example", password="wrong wrong wrong")
    assert answer.status_code == 429
    assert re.search(r"Connexion suspendue encore 15\sminutes", answer.text)
    assert re.search(r"14.h.37", answer.text)
    assert "/password/forgotten" not in answer.text
    assert answer.headers["Retry-After"] == "900"
    clock.advance(minutes=4)
    answer = client.submit("/login", email="alice@acme.example", password=PASSWORD)
    assert answer.status_code == 429
    assert re.search(r"encore 11\sminutes", answer.text)
    clock.advance(minutes=11)
    assert client.sign_in_by_page("alice@acme.example").status_code == 303


def test_the_lock_until_staff_unlock_leads_to_the_telephone(client: PortalClient, clock: Any) -> None:
    settings.put("lock_policy", "staff", by=None, now=clock.now)
    settings.put("lock_after", 3, by=None, now=clock.now)
    for _ in range(3):
        answer = client.submit("/login", email="alice@acme.example", password="wrong wrong wrong")
    assert answer.status_code == 429
    assert "Connexion bloquée" in answer.text
    assert "tel:+33199000142" in answer.text
    assert 'href="/help"' in answer.text


def test_a_forged_forwarded_address_changes_nothing(client: PortalClient) -> None:
    page = client.get("/login")
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert token is not None
    for number in range(6):
        answer = client.post(
            "/login",
            data={"email": "alice@acme.example", "password": "wrong", "csrf_token": token[1]},
            headers={"X-Forwarded-For": f"203.0.113.{number}", "Forwarded": f"for=203.0.113.{number}"},
        )
    assert answer.status_code == 429
    assert {row.origin for row in SignInFailure.select()} == {"127.0.0.1"}


def test_remember_me_remembers_the_name_and_nothing_more(client: PortalClient, app: Any) -> None:
    answer = client.submit("/login", email="alice@acme.example", password=PASSWORD, remember="y")
    cookies = {line.partition("=")[0]: line for line in answer.headers.getlist("Set-Cookie")}
    assert set(cookies) == {"guichet", "guichet_name"}
    assert "Expires" not in cookies["guichet"] and "Max-Age" not in cookies["guichet"]
    for part in ("HttpOnly", "SameSite=Lax", "alice@acme.example"):
        assert part in cookies["guichet_name"]
    client.submit("/account", form="/logout")
    page = client.get("/login")
    assert 'value="alice@acme.example"' in page.text
    assert client.get("/account").status_code == 303
    client.submit("/login", email="alice@acme.example", password=PASSWORD, remember=None)
    assert client.get_cookie("guichet_name") is None


def test_one_lands_where_one_was_going(client: PortalClient) -> None:
    answer = client.get("/tickets?list=cc&q=été")
    assert answer.status_code == 303
    answer = client.submit(answer.location, email="alice@acme.example", password=PASSWORD)
    assert answer.status_code == 303
    assert answer.location in ("/tickets?list=cc&q=été", "/tickets?list=cc&q=%C3%A9t%C3%A9")


ELSEWHERE = [
    "//evil.example", "///evil.example", "////evil.example", "\\\\evil.example", "/\\evil.example", "\\/evil.example",
    "/\\/evil.example", "https:evil.example", "https://evil.example", "http:///evil.example", "//evil.example/%2f..",
    "\t//evil.example", "/\t/evil.example", "/\n/evil.example", "/\r\n/evil.example", " //evil.example",
    "\x00//evil.example", "/\x00/evil.example", "javascript:alert(1)", "JavaScript:alert(1)", "data:text/html,x",
    "vbscript:x", "@evil.example", "evil.example", "/%09/evil.example", "/%5cevil.example", "/%2f%2fevil.example",
    "/ok\r\nSet-Cookie: a=b", "/ok%0d%0aLocation: x", "/.//evil.example", "／／evil.example", "/\u2028/evil.example",
    "http:\\\\evil.example", "//evil.example@127.0.0.1", "?next=//evil.example", "#//evil.example", "", None,
    "/" + "a" * 5000, "/logout", "/login", "/login?next=/login", "/password/forgotten",
]  # fmt: skip


@pytest.mark.parametrize("target", ELSEWHERE)
def test_an_address_that_is_not_of_this_portal_is_not_followed(target: str | None) -> None:
    assert local_path(target) == "/"


@pytest.mark.parametrize(
    "target", ["/", "/tickets", "/tickets?q=http://x.example", "/tickets/SUP-1#answer"[:14], "/a?b=c&d=%2F"]
)
def test_an_address_of_this_portal_is_followed(target: str) -> None:
    assert local_path(target) == target


def test_nothing_that_is_given_as_next_leads_away(client: PortalClient) -> None:
    client.sign_in("alice@acme.example")
    for target in filter(None, ELSEWHERE):
        answer = client.get("/login", query_string={"next": target})
        assert (answer.status_code, answer.location) in [(303, "/"), (404, None)], target


def test_a_post_without_the_token_does_nothing(client: PortalClient) -> None:
    before = AuditEntry.select().count()
    for path in ("/login", "/logout", "/register", "/password/forgotten", "/account/language"):
        answer = client.post(
            path, data={"email": "alice@acme.example", "password": PASSWORD, "language": "en"}
        )
        assert answer.status_code == 400, path
    assert AuditEntry.select().count() == before
    assert client.get("/account").status_code == 303


def test_signing_out_by_a_link_is_not_possible(client: PortalClient, alice: Person) -> None:
    client.sign_in(alice)
    assert client.get("/logout").status_code == 405
    assert client.get("/account").status_code == 200


@pytest.mark.parametrize("size", [1_000_000, 10_000_000])
def test_a_huge_password_is_refused_quickly(client: PortalClient, size: int) -> None:
    import time

    page = client.get("/login")
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert token is not None
    began = time.perf_counter()
    answer = client.post(
        "/login", data={"email": "alice@acme.example", "password": "x" * size, "csrf_token": token[1]}
    )
    assert answer.status_code in (413, 422)
    assert time.perf_counter() - began < 1


def test_awkward_names_get_the_form_again(client: PortalClient) -> None:
    for name in ("a\x00b", "a" * 100_000, "%", "' or 1=1 --", "<script>alert(1)</script>", "👋", "\u202e"):
        answer = client.submit("/login", email=name, password="wrong wrong wrong")
        assert answer.status_code == 422, name
        assert "<script>alert" not in answer.text


def test_cookies_are_secure_when_the_portal_is_served_over_https(
    make_app: Any, world: SimpleNamespace
) -> None:
    app = make_app(BASE_URL="https://support.initech.example", SMTP_URL="smtp://127.0.0.1:2525")
    browser = app.test_client()
    page = browser.get("/login", base_url="https://support.initech.example")
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert token is not None
    answer = browser.post(
        "/login",
        base_url="https://support.initech.example",
        data={"email": "alice@acme.example", "password": PASSWORD, "remember": "y", "csrf_token": token[1]},
    )
    cookies = answer.headers.getlist("Set-Cookie")
    assert answer.status_code == 303
    assert any(line.startswith("__Host-guichet=") for line in cookies)
    assert all("Secure" in line and "HttpOnly" in line for line in cookies)


# ---- Registration and links --------------------------------------------------------------------------


def test_somebody_registers_chooses_a_password_and_lands_on_home(
    client: PortalClient, app: Any, clock: Any
) -> None:
    answer = client.submit(
        "/register", full_name="Kim Durand", email="kim@umbrella.example", organisation="Umbrella"
    )
    assert (answer.status_code, answer.location) == (303, "/register/sent")
    waiting = client.get("/register/sent").text
    for words in ("15 minutes", "courrier indésirable", "nom d’utilisateur", "tel:+33199000142"):
        assert words in waiting
    path = link_in_mail(app, "kim@umbrella.example", clock)
    page = client.get(path)
    assert page.status_code == 200 and "kim@umbrella.example" in page.text
    refused = client.submit(path, password="trop court")
    assert refused.status_code == 422 and "trop court" not in refused.text
    answer = client.submit(path, password=PHRASE)
    assert (answer.status_code, answer.location) == (303, "/")
    assert "Kim" in client.get("/").text
    assert "rattaché" in client.get("/account").text
    assert client.get(path).status_code == 404


def test_the_rules_are_listed_beside_the_field_and_the_server_marks_them(
    client: PortalClient, app: Any, clock: Any
) -> None:
    client.submit("/password/forgotten", email="alice@acme.example")
    path = link_in_mail(app, "alice@acme.example", clock)
    page = client.get(path).text
    assert 'data-least="15"' in page and 'data-not-in="' in page
    assert 'autocomplete="new-password"' in page
    refused = client.submit(path, password="trois pommes et alice")
    assert refused.status_code == 422
    assert re.search(r'<li data-not-in="[^"]*" class="no">', refused.text)
    assert "retirez «\u202falice\u202f»" in refused.text


def test_a_forgotten_password_is_chosen_anew_by_the_link_once(
    client: PortalClient, app: Any, clock: Any
) -> None:
    thief = app.test_client().sign_in("alice@acme.example")
    assert client.submit("/password/forgotten", email=" ALICE@acme.example").status_code == 303
    path = link_in_mail(app, "alice@acme.example", clock)
    assert client.get(path).status_code == client.get(path).status_code == 200
    assert client.submit(path, password=PHRASE).status_code == 303
    assert client.get("/account").status_code == 200
    assert thief.get("/account").status_code == 303
    assert client.get(path).status_code == 404
    assert client.sign_in_by_page("alice@acme.example", PASSWORD).status_code == 422
    assert client.sign_in_by_page("alice@acme.example", PHRASE).status_code == 303


def test_a_lost_user_name_comes_by_mail_and_signs_in(
    client: PortalClient, app: Any, world: SimpleNamespace, clock: Any
) -> None:
    Person.update(username="amartin").where(Person.id == world.alice.id).execute()
    assert 'href="/username/forgotten"' in client.get("/login").text
    assert client.submit("/username/forgotten", email="pas une adresse").status_code == 422
    answer = client.submit("/username/forgotten", email="alice@acme.example")
    assert answer.status_code == 303
    assert "amartin" not in client.get(answer.location).text
    row = OutboxMessage.select().order_by(OutboxMessage.id.desc()).get()
    with app.app_context():
        mail = mailer.render(row, "http://127.0.0.1:8000", clock.now)
    assert "amartin" in mail.text and "amartin" in mail.html and "amartin" not in mail.subject
    assert client.sign_in_by_page("amartin", PASSWORD).status_code == 303


HOSTS = [
    {"Host": "evil.example"},
    {"Host": "127.0.0.1:8000@evil.example"},
    {"Host": "evil.example:443"},
    {"X-Forwarded-Host": "evil.example"},
    {"X-Forwarded-Proto": "https"},
    {"X-Forwarded-Port": "81"},
    {"X-Forwarded-Prefix": "/evil"},
    {"X-Forwarded-Server": "evil.example"},
    {"X-Host": "evil.example"},
    {"X-Original-URL": "/evil"},
    {"Forwarded": "host=evil.example;proto=https"},
    {"Referer": "https://evil.example/"},
]


def test_links_in_mails_begin_with_the_address_of_the_portal_whatever_the_request_says(
    client: PortalClient, app: Any, clock: Any
) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    client.lint = False
    mailed = 0
    for headers in HOSTS:
        clock.advance(hours=1)
        answer = client.post("/password/forgotten", data={"email": "alice@acme.example"}, headers=headers)
        if answer.status_code == 303:
            assert answer.location.startswith("/password/forgotten"), headers
            assert link_in_mail(app, "alice@acme.example", clock)
            mailed += 1
        else:
            assert answer.status_code == 400, headers
    assert OutboxMessage.select().where(OutboxMessage.template == "account-password").count() == mailed > 8


def test_a_link_that_is_none_says_so_and_no_more(client: PortalClient) -> None:
    for token in ("x", "%25", "*", "null", "0", "x" * 43, "é" * 43, "x" * 5000, "..%2f..", "%00", "%01"):
        assert client.get(f"/password/{token}").status_code == 404, token


def test_registration_by_invitation_only_says_so(client: PortalClient, clock: Any) -> None:
    settings.put("registration", "invitation", by=None, now=clock.now)
    page = client.get("/register")
    assert page.status_code == 200 and "sur invitation" in page.text
    assert "/register" not in client.get("/login").text


def test_a_bad_registration_gets_the_form_again_with_what_was_typed(client: PortalClient) -> None:
    for field, value in [
        ("full_name", ""),
        ("full_name", "x" * 121),
        ("email", "kim"),
        ("email", ""),
        ("email", "a\nb@c.example"),
        ("organisation", ""),
    ]:
        typed = {
            "full_name": "Kim Durand",
            "email": "kim@umbrella.example",
            "organisation": "Umbrella",
            field: value,
        }
        answer = client.submit("/register", **typed)
        assert answer.status_code == 422, field
        assert 'class="error-summary"' in answer.text
        assert all(text in answer.text for name, text in typed.items() if name != field)
    assert OutboxMessage.select().where(OutboxMessage.recipient == "kim@umbrella.example").count() == 0


# ---- One's account -----------------------------------------------------------------------------------


def test_the_profile_changes_and_the_page_follows_the_language(client: PortalClient, alice: Person) -> None:
    client.sign_in(alice)
    answer = client.submit("/account", full_name="Alice Petit", language="en", time_zone="Indian/Reunion")
    assert answer.status_code == 303
    page = client.get("/account").text
    assert '<html lang="en"' in page and "My profile" in page and 'value="Alice Petit"' in page
    assert Person.get_by_id(alice.id).time_zone == "Indian/Reunion"


def test_what_the_form_does_not_ask_is_not_changed(client: PortalClient, alice: Person) -> None:
    client.sign_in(alice)
    page = client.get("/account")
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert token is not None
    before = Person.get_by_id(alice.id).__data__
    client.post(
        "/account",
        data={
            "csrf_token": token[1], "full_name": "Alice Martin", "language": "fr", "time_zone": "Europe/Paris",
            "staff_role": "admin", "is_supervisor": "1", "email": "x@y.example", "username": "root", "id": "1",
            "email_verified_at": "", "password_hash": "x", "memberships": "1", "role": "administrator",
        },
    )  # fmt: skip
    assert Person.get_by_id(alice.id).__data__ == before


def test_the_password_changes_with_the_present_one(client: PortalClient, alice: Person, app: Any) -> None:
    other = app.test_client().sign_in(alice)
    client.sign_in(alice)
    refused = client.submit("/account/security", current_password="wrong", password=PHRASE)
    assert refused.status_code == 422 and PHRASE not in refused.text
    kept = client.submit("/account/security", current_password=PASSWORD, password=PHRASE)
    assert kept.status_code == 303
    assert client.get("/account").status_code == 200
    assert other.get("/account").status_code == 303
    assert client.sign_in_by_page("alice@acme.example", PHRASE).status_code == 303


def test_one_session_the_others_or_all_can_be_ended(
    client: PortalClient, alice: Person, bob: Person, app: Any
) -> None:
    others = [app.test_client().sign_in(alice) for _ in range(3)]
    bobs = app.test_client().sign_in(bob)
    client.sign_in(alice)
    page = client.get("/account/sessions").text
    keys = re.findall(r'name="session" value="(\d+)"', page)
    assert len(keys) == 3
    assert client.submit("/account/sessions", button=f"session={min(keys, key=int)}").status_code == 303
    assert [browser.get("/account").status_code for browser in others] == [303, 200, 200]
    foreign = UserSession.get(UserSession.person == bob.id).id
    assert client.submit("/account/sessions", button=f"session={max(keys, key=int)}").status_code == 303
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/account/sessions").text)
    assert token is not None
    for key in (foreign, 0, -1, "x", 10**30):
        assert (
            client.post("/account/sessions", data={"csrf_token": token[1], "session": key}).status_code == 404
        )
    assert bobs.get("/account").status_code == 200
    assert client.submit("/account/sessions", button="everywhere=others").status_code == 303
    assert [browser.get("/account").status_code for browser in others] == [303, 303, 303]
    assert client.get("/account").status_code == 200
    assert client.submit("/account/sessions", button="everywhere=all").location == "/login"
    assert client.get("/account").status_code == 303


def test_the_language_of_the_pages_is_one_press_away(client: PortalClient, alice: Person) -> None:
    answer = client.submit("/login", form="/account/language", button="language=en")
    assert (answer.status_code, answer.location) == (303, "/")
    assert '<html lang="en"' in client.get("/login").text
    client.sign_in(alice)
    answer = client.submit("/account", form="/account/language", button="language=en")
    assert answer.location == "/account"
    assert Person.get_by_id(alice.id).language == "en"


def test_a_disabled_person_is_out_at_the_next_page(client: PortalClient, alice: Person, clock: Any) -> None:
    client.sign_in(alice)
    assert client.get("/account").status_code == 200
    accounts.disable(alice.id, by=None, now=clock.now)
    assert client.get("/account").status_code == 303


# ---- Approved contacts -------------------------------------------------------------------------------


def test_bob_adds_approves_and_removes(
    client: PortalClient, bob: Person, dana: Person, alice: Person
) -> None:
    client.sign_in(bob)
    row = Membership.get(Membership.person == dana.id)
    assert client.submit("/organisation/contacts", form=f"/{row.id}/approval").status_code == 303
    assert Membership.get_by_id(row.id).can_open
    added = client.submit(
        "/organisation/contacts", full_name="Nina Roux", email="nina@acme.example", reason="New"
    )
    assert added.status_code == 303
    assert "Nina Roux" in client.get("/organisation/contacts").text
    alices = Membership.get(Membership.person == alice.id)
    path = f"/organisation/contacts/{alices.id}/removal"
    assert "Alice" in client.get(path).text
    assert client.submit(path, reason="").status_code == 422
    assert client.submit(path, reason="Left on Friday").status_code == 303
    assert Membership.get_by_id(alices.id).reason == "Left on Friday"


def test_a_removed_contact_loses_access_at_the_next_page(
    client: PortalClient, bob: Person, alice: Person, app: Any
) -> None:
    alices = app.test_client().sign_in(alice)
    assert alices.get("/requests/new/question").status_code == 200
    client.sign_in(bob)
    row = Membership.get(Membership.person == alice.id)
    client.submit(f"/organisation/contacts/{row.id}/removal", reason="Left")
    assert alices.get("/requests/new/question").status_code == 403


def test_who_administers_no_organisation_has_no_list(client: PortalClient, world: SimpleNamespace) -> None:
    for who in ("alice", "dana", "charlie", "sam", "root"):
        client.sign_in(getattr(world, who))
        assert client.get("/organisation/contacts").status_code == 403, who


def test_erin_does_not_learn_of_acmes_people(client: PortalClient, world: SimpleNamespace) -> None:
    client.sign_in(world.erin)
    acme = world.organisations["acme"]
    row = Membership.get(Membership.person == world.alice.id)
    assert client.get(f"/organisation/contacts/{row.id}/removal").status_code == 404
    assert client.get("/organisation/contacts/999999/removal").status_code == 404
    assert client.get(f"/organisation/contacts?organisation={acme.id}").status_code == 403
    page = client.get("/organisation/contacts").text
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert token is not None and "acme.example" not in page
    data = {"csrf_token": token[1], "reason": "x"}
    assert client.post(f"/organisation/contacts/{row.id}/removal", data=data).status_code == 404
    assert client.post(f"/organisation/contacts/{row.id}/approval", data=data).status_code == 404
