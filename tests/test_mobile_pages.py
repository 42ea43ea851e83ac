"""The pages of mobile numbers, by a browser without scripts: the offer, the code, the profile, and by mail instead (ACC-10)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import jobs
from domain import settings, texts
from domain.policies import load_viewer
from models import AuditEntry, MobileNumber, OutboxMessage, Person, TextMessage
from tests.support.client import PASSWORD, PortalClient
from tests.support.text_gateway import TextGateway

ALICE = "alice@acme.example"
NUMBER, TYPED = "+33612345678", "+33 6 12 34 56 78"


@pytest.fixture
def gateway() -> Iterator[TextGateway]:
    server = TextGateway()
    server.start()
    yield server
    server.stop()
    texts.use_gateway(None)


@pytest.fixture
def app(make_app: Any, gateway: TextGateway, clock: Any) -> Any:
    """The portal with a gateway, where new browsers type a code."""
    made = make_app(
        GUICHET_SMS_URL=gateway.url, GUICHET_SMS_TOKEN="very-secret-token", GUICHET_SMS_TIMEOUT="1"
    )
    settings.put("new_browser_code", True, by=None, now=clock.now)
    return made


def mailed(app: Any) -> str:
    from domain import second_step

    row = OutboxMessage.select().where(OutboxMessage.template == "sign-in-code")
    with app.app_context():
        return second_step.code_of(row.order_by(OutboxMessage.id.desc()).get().context["seed"])


def texted(app: Any, gateway: TextGateway) -> str:
    """Let the job run; the code that arrived last."""
    with app.app_context():
        jobs.run("texts", app)
    return gateway.messages[-1].code


def to_offer(client: PortalClient, app: Any, where: str = "/login") -> str:
    """Sign in from a new browser by the mailed code. Returns where that leads."""
    to_verify = client.submit(where, email=ALICE, password=PASSWORD).location
    return client.submit(to_verify, code=mailed(app)).location


def with_number(client: PortalClient, app: Any, gateway: TextGateway, typed: str = TYPED) -> None:
    """Alice records her number on the pages, then leaves."""
    client.submit(to_offer(client, app), form="number-form", number=typed)
    client.submit("/account/mobile/confirm", form="code-form", code=texted(app, gateway))
    client.submit("/account", form="/logout")


def test_now_a_number_is_recorded_and_the_way_goes_on(
    client: PortalClient, app: Any, gateway: TextGateway, world: Any
) -> None:
    to_login = client.get("/tickets?status=all").location
    offer = to_offer(client, app, to_login)
    assert offer == "/account/mobile/offer?next=/tickets?status%3Dall"
    page = client.get(offer)
    assert "Plus tard" in page.text and "Ne plus demander" in page.text
    refused = client.send(page, form="number-form", number="06 12 34 56 78")
    assert refused.status_code == 422 and "indicatif du pays" in refused.text
    assert 'value="06 12 34 56 78"' in refused.text
    to_confirm = client.send(refused, form="number-form", number=TYPED).location
    assert to_confirm == "/account/mobile/confirm?next=/tickets?status%3Dall"
    code = texted(app, gateway)
    page = client.get(to_confirm)
    assert TYPED in page.text and code not in page.text
    wrong = client.send(page, form="code-form", code="000000")
    assert wrong.status_code == 422 and "4 essais" in wrong.text and "000000" not in wrong.text
    done = client.send(wrong, form="code-form", code=code)
    assert done.location == "/tickets?status=all"
    assert MobileNumber.get(MobileNumber.person == world.alice.id).number == NUMBER
    # Asked no more: the page leads on.
    assert client.get("/account/mobile/offer?next=/help").location == "/help"


def test_later_is_a_link_and_the_next_new_browser_asks_again(client: PortalClient, app: Any) -> None:
    page = client.get(to_offer(client, app, "/login?next=/help"))
    assert '<a class="btn btn-secondary btn-sm" href="/help">Plus tard</a>' in page.text
    client.submit("/account", form="/logout")
    assert to_offer(client, app) == "/account/mobile/offer"


def test_never_again_is_kept(client: PortalClient, app: Any, world: Any) -> None:
    page = client.get(to_offer(client, app, "/login?next=/help"))
    assert client.send(page, form="/account/mobile/never").location == "/help"
    assert "plus posée" in client.get("/help").text
    client.submit("/account", form="/logout")
    assert to_offer(client, app) == "/"
    # The profile still takes a number.
    assert 'href="/account/mobile"' in client.get("/account").text
    assert "numéro de mobile" in client.get("/privacy").text
    assert client.submit("/account/mobile", form="number-form", number=TYPED).status_code == 303


def test_nothing_is_offered_without_a_gateway_or_to_who_must_set_up_a_factor(
    client: PortalClient, app: Any, clock: Any
) -> None:
    settings.put("factor_required", "everybody", by=None, now=clock.now)
    offer = to_offer(client, app)
    assert client.get(offer).location == "/account/security"
    settings.put("factor_required", "nobody", by=None, now=clock.now)
    client.submit("/account", form="/logout")
    texts.use_gateway(None)
    assert to_offer(client, app) == "/"
    assert "/account/mobile" not in client.get("/account").text
    assert "numéro de mobile" not in client.get("/privacy").text
    assert "envoie pas de SMS" in client.get("/account/mobile").text


def test_a_code_by_text_message_signs_in_and_by_mail_instead_does_too(
    client: PortalClient, app: Any, gateway: TextGateway
) -> None:
    with_number(client, app, gateway)
    to_verify = client.submit("/login?next=/help", email=ALICE, password=PASSWORD).location
    page = client.get(to_verify)
    assert "Regardez votre téléphone" in page.text and "finit par 78" in page.text
    assert NUMBER not in page.text and "345678" not in page.text and "a***@" not in page.text
    assert client.send(page, code=texted(app, gateway)).location == "/help"
    client.submit("/account", form="/logout")
    to_verify = client.submit("/login?next=/help", email=ALICE, password=PASSWORD).location
    first = texted(app, gateway)
    page = client.get(to_verify)
    # Two buttons go to the same place: the one that says by mail.
    by_mail = page.text.index('name="by" value="mail"')
    assert by_mail < page.text.index("Plutôt par courriel") < page.text.index("Envoyer un autre code")
    answer = client.submit(to_verify, form="/login/verify/code", by="mail")
    assert answer.location == to_verify
    page = client.get(to_verify)
    assert "a***@acme.example" in page.text and "Plutôt par courriel" not in page.text
    refused = client.send(page, code=first)
    assert refused.status_code == 422
    assert client.send(refused, code=mailed(app)).location == "/help"


def test_when_the_gateway_refuses_the_page_says_mail_and_the_code_is_there(
    client: PortalClient, app: Any, gateway: TextGateway, world: Any
) -> None:
    with_number(client, app, gateway)
    gateway.status = 403
    to_verify = client.submit("/login", email=ALICE, password=PASSWORD).location
    code = texted(app, gateway)
    assert "a***@acme.example" in client.get(to_verify).text and mailed(app) == code
    assert client.submit(to_verify, code=code).location == "/"
    client.sign_out()
    client.sign_in(world.root)
    home = client.get("/admin/").text
    assert "/admin/textmessage/?flt_status=failed" in home
    shown = client.get("/admin/textmessage/").text
    assert "answer 403" in shown and "•• 78" in shown and "345678" not in shown
    row = TextMessage.select().order_by(TextMessage.id.desc()).get()
    details = client.get(f"/admin/textmessage/details/?id={row.id}").text
    assert "345678" not in details and "very-secret" not in details
    assert "127.0.0.1" in client.get("/admin/settings/").text


def test_a_first_code_that_cannot_leave_is_said_where_it_is_awaited(
    client: PortalClient, app: Any, gateway: TextGateway
) -> None:
    gateway.status = 401
    to_confirm = client.submit(to_offer(client, app), form="number-form", number=TYPED).location
    mails = OutboxMessage.select().where(OutboxMessage.template == "sign-in-code").count()
    texted(app, gateway)
    page = client.get(to_confirm)
    assert "pas pu partir" in page.text
    # The code of a number is mailed to nobody: it would prove nothing.
    assert OutboxMessage.select().where(OutboxMessage.template == "sign-in-code").count() == mails
    assert client.send(page, form="/account/mobile/cancel").location == "/account/mobile"
    assert MobileNumber.select().count() == 0


def test_the_profile_shows_changes_and_removes_the_number_with_a_fresh_sign_in(
    client: PortalClient, app: Any, gateway: TextGateway, clock: Any, world: Any
) -> None:
    with_number(client, app, gateway)
    client.sign_in(world.alice)
    profile = client.get("/account").text
    assert "finit par 78" in profile and "345678" not in profile
    assert TYPED in client.get("/account/mobile").text
    clock.advance(minutes=20)
    asked = client.submit("/account/mobile", form="number-form", number="+32 470 12 34 56")
    assert asked.location == "/login/again?next=/account/mobile"
    to_act = client.submit(asked.location, password=PASSWORD).location
    done = client.submit(to_act, form="/account/mobile")
    assert done.location == "/account/mobile/confirm"
    assert "+32 470 12 34 56" in client.get(done.location).text
    client.submit(done.location, form="code-form", code=texted(app, gateway))
    assert "+32 470 12 34 56" in client.get("/account/mobile").text
    clock.advance(minutes=20)
    asked = client.submit("/account/mobile", form="/account/mobile/removal")
    assert asked.location.startswith("/login/again")
    to_act = client.submit(asked.location, password=PASSWORD).location
    assert client.submit(to_act, form="/account/mobile/removal").location == "/account/mobile"
    assert MobileNumber.select().count() == 0
    told = [
        row.context["what"]
        for row in OutboxMessage.select()
        .where(OutboxMessage.template == "security-notice")
        .order_by(OutboxMessage.id)
    ]
    assert told == ["mobile-added", "mobile-changed", "mobile-removed"]
    assert AuditEntry.select().where(AuditEntry.kind == "mobile:removed").count() == 1


def test_a_number_is_whole_for_its_owner_alone(
    client: PortalClient, app: Any, gateway: TextGateway, world: Any
) -> None:
    # Another one than the example of the form.
    with_number(client, app, gateway, "+32 470 98 01 78")
    client.sign_in(world.root)
    pages = ["/admin/textmessage/", "/admin/textmessage/export/csv/", "/admin/outboxmessage/", "/admin/auditentry/", "/account", "/account/mobile",
             f"/admin/person/details/?id={world.alice.id}", f"/admin/person/edit/?id={world.alice.id}"]  # fmt: skip
    for path in pages:
        answer = client.get(path)
        assert answer.status_code == 200
        assert "470980178" not in answer.text.replace(" ", ""), path
    # Seen as alice: her account is closed.
    assert load_viewer(world.alice.id) is not None
    client.submit(f"/viewing/{world.alice.id}", reason="Un appel.")
    assert client.get("/account/mobile").status_code == 403


def test_another_code_of_a_number_waits_half_a_minute(
    client: PortalClient, app: Any, gateway: TextGateway, clock: Any
) -> None:
    to_confirm = client.submit(to_offer(client, app), form="number-form", number=TYPED).location
    client.submit(to_confirm, form="/account/mobile/confirm/code")
    assert "Attendez 30 secondes" in client.get(to_confirm).text and TextMessage.select().count() == 1
    clock.advance(seconds=30)
    client.submit(to_confirm, form="/account/mobile/confirm/code")
    assert TextMessage.select().count() == 2
    clock.advance(minutes=11)
    late = client.submit("/account/mobile", form="number-form", number=TYPED)
    assert late.location == "/account/mobile/confirm"
    assert Person.select().count() > 0
