"""A person changes their address (ACC-19): asked, told, confirmed once; what follows it and what dies with the old one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

import mailer
from domain import accounts, addresses, audit, settings
from domain.policies import load_viewer
from domain.refusals import Invalid, Missing, NotNow, Refusal
from models import AddressChange, AuditEntry, OutboxMessage, Participant, Person, UserSession, db
from tests.support.client import PASSWORD, PortalClient
from tests.support.scene import Scene

ORIGIN = "192.0.2.10"
NEW = "alice@neuve.example"


@pytest.fixture(autouse=True)
def portal() -> Iterator[None]:
    accounts.use_secret("only for tests, long enough to be taken: 0123456789")
    settings.forget()
    yield
    settings.forget()


def mails(template: str) -> list[OutboxMessage]:
    return list(OutboxMessage.select().where(OutboxMessage.template == template).order_by(OutboxMessage.id))


def link() -> str:
    """The token of the newest mail with a link that confirms an address."""
    return accounts.link_token(mails("address-confirm")[-1].context["seed"])


def ask(who: Person, email: str, now: Any) -> None:
    addresses.ask(load_viewer(who.id), email, origin=ORIGIN, now=now)


def session_of(who: Person, now: Any) -> int:
    with db.atomic():
        token = accounts._start_session(who, ORIGIN, now, "tests")
    return accounts.load_session(token, now)[0]


def confirm(who: Person, now: Any, token: str | None = None) -> str:
    viewer = load_viewer(who.id)
    return addresses.confirm(token or link(), viewer, session_of(who, now), origin=ORIGIN, now=now)


def test_the_new_address_gets_a_link_and_the_old_one_is_told_at_once(world: Any, clock: Any) -> None:
    ask(world.alice, " Alice@Neuve.example ", clock.now)
    assert [mail.recipient for mail in mails("address-confirm")] == [NEW]
    assert mails("address-confirm")[0].person_id is None, "a name that is a message reaches no stranger"
    [told] = mails("address-asked")
    assert (told.recipient, told.context["address"]) == ("alice@acme.example", NEW)
    row = AddressChange.get()
    assert row.expires_at == clock.now + timedelta(hours=24)
    assert link() not in (row.token_hash, str(mails("address-confirm")[0].context))
    assert Person.get_by_id(world.alice.id).email == "alice@acme.example"
    assert AuditEntry.select().where(AuditEntry.kind == "account:address_asked").count() == 1


def test_confirming_changes_the_address_and_the_user_name_that_was_the_address(
    world: Any, clock: Any
) -> None:
    ask(world.alice, NEW, clock.now)
    elsewhere = session_of(world.alice, clock.now)
    here = session_of(world.alice, clock.now)
    addresses.confirm(link(), load_viewer(world.alice.id), here, origin=ORIGIN, now=clock.now)
    row = Person.get_by_id(world.alice.id)
    assert (row.email, row.username, row.email_verified_at) == (NEW, NEW, clock.now)
    assert UserSession.get_by_id(here).ended_at is None
    assert UserSession.get_by_id(elsewhere).ended_at == clock.now
    [told] = mails("address-changed")
    assert (told.recipient, told.person_id) == ("alice@acme.example", world.alice.id)
    done = AuditEntry.get(AuditEntry.kind == "account:address_changed")
    assert done.data == {"before": "alice@acme.example", "after": NEW, "username": True}
    assert accounts.sign_in(NEW, PASSWORD, origin=ORIGIN, now=clock.now)[1].id == row.id
    with pytest.raises(Invalid, match="sign-in-failed"):
        accounts.sign_in("alice@acme.example", PASSWORD, origin=ORIGIN, now=clock.now)
    assert audit.verify() == []


def test_a_user_name_of_its_own_stays(world: Any, clock: Any) -> None:
    Person.update(username="amartin").where(Person.id == world.alice.id).execute()
    ask(world.alice, NEW, clock.now)
    confirm(world.alice, clock.now)
    row = Person.get_by_id(world.alice.id)
    assert (row.email, row.username) == (NEW, "amartin")


def test_a_link_works_once_for_a_day_and_for_its_owner_alone(world: Any, clock: Any) -> None:
    ask(world.alice, NEW, clock.now)
    token = link()
    for wrong in ("", "x" * 43, token[:-1], token + "A", None, "é" * 43):
        with pytest.raises(Missing, match="link-dead"):
            addresses.find(wrong, load_viewer(world.alice.id), clock.now)  # type: ignore[arg-type]
    with pytest.raises(Missing, match="link-dead"):
        confirm(world.bob, clock.now, token)
    with pytest.raises(Missing, match="link-dead"):
        confirm(world.alice, clock.now + timedelta(hours=24), token)
    assert confirm(world.alice, clock.now + timedelta(hours=23, minutes=59), token) == NEW
    with pytest.raises(Missing, match="link-dead"):
        confirm(world.alice, clock.now, token)


def test_a_newer_change_and_a_cancelled_one_kill_the_link(world: Any, clock: Any) -> None:
    ask(world.alice, NEW, clock.now)
    first = link()
    ask(world.alice, "alice@autre.example", clock.now)
    with pytest.raises(Missing):
        confirm(world.alice, clock.now, first)
    second = link()
    assert addresses.cancel(load_viewer(world.alice.id), origin=ORIGIN, now=clock.now)
    assert not addresses.cancel(load_viewer(world.alice.id), origin=ORIGIN, now=clock.now)
    with pytest.raises(Missing):
        confirm(world.alice, clock.now, second)
    for row in mails("address-confirm"):
        with pytest.raises(mailer.Skipped, match="link-expired"):
            mailer.address_confirm(mailer.Reader(row, "http://support.example", clock.now))
    assert Person.get_by_id(world.alice.id).email == "alice@acme.example"


def test_another_password_and_a_closed_account_kill_the_change(world: Any, clock: Any) -> None:
    for act in ("password", "disable"):
        ask(world.alice, NEW, clock.now)
        token = link()
        if act == "password":
            accounts.ask_reset("alice@acme.example", origin=ORIGIN, now=clock.now)
            reset = accounts.link_token(mails("account-password")[-1].context["seed"])
            accounts.use_token(reset, "seize tuiles roulent vers la gare", origin=ORIGIN, now=clock.now)
        else:
            accounts.disable(world.alice.id, by=None, now=clock.now)
        assert AddressChange.select().count() == 0
        with pytest.raises(Missing):
            addresses.find(token, load_viewer(world.alice.id), clock.now)


def test_what_was_mailed_to_the_old_address_opens_nothing_afterwards(world: Any, clock: Any) -> None:
    accounts.ask_reset("alice@acme.example", origin=ORIGIN, now=clock.now)
    reset = accounts.link_token(mails("account-password")[-1].context["seed"])
    ask(world.alice, NEW, clock.now)
    confirm(world.alice, clock.now)
    with pytest.raises(Missing, match="link-dead"):
        accounts.find_link(reset, clock.now)
    accounts.ask_reset("alice@acme.example", origin="192.0.2.77", now=clock.now)
    assert len(mails("account-password")) == 1, "the address of before resets nothing"


@pytest.mark.parametrize("taken", ["address", "user name"])
def test_an_address_that_is_taken_answers_the_same_and_its_mailbox_alone_is_told(
    world: Any, clock: Any, taken: str
) -> None:
    if taken == "user name":
        Person.update(username=NEW).where(Person.id == world.bob.id).execute()
    wanted = NEW if taken == "user name" else "bob@acme.example"
    ask(world.alice, wanted, clock.now)
    waiting = addresses.pending(load_viewer(world.alice.id), clock.now)
    assert waiting is not None and waiting.email == wanted
    assert [mail.recipient for mail in mails("address-taken")] == [wanted]
    assert not mails("address-confirm")
    assert [mail.recipient for mail in mails("address-asked")] == ["alice@acme.example"]


def test_an_address_that_somebody_else_got_meanwhile_is_refused_and_nothing_is_half_done(
    world: Any, clock: Any
) -> None:
    ask(world.alice, NEW, clock.now)
    token = link()
    accounts.add_person(NEW, "Une Autre", by=None, now=clock.now)
    here = session_of(world.alice, clock.now)
    there = session_of(world.alice, clock.now)
    with pytest.raises(NotNow, match="address-gone"):
        addresses.confirm(token, load_viewer(world.alice.id), here, origin=ORIGIN, now=clock.now)
    assert Person.get_by_id(world.alice.id).email == "alice@acme.example"
    assert UserSession.get_by_id(there).ended_at is None
    assert not mails("address-changed")


@pytest.mark.parametrize("bad", ["", "alice", "alice@", "a\x00@neuve.example", "x" * 300 + "@neuve.example"])
def test_what_is_no_address_is_refused(world: Any, clock: Any, bad: str) -> None:
    with pytest.raises(Invalid, match="address-bad"):
        ask(world.alice, bad, clock.now)
    with pytest.raises(Invalid, match="address-same"):
        ask(world.alice, "ALICE@acme.example", clock.now)
    assert AddressChange.select().count() == 0 and not mails("address-asked")


def test_nobody_floods_a_mailbox_this_way(world: Any, clock: Any) -> None:
    for _ in range(3):
        ask(world.alice, NEW, clock.now)
    with pytest.raises(NotNow, match="mailed-enough"):
        ask(world.alice, NEW, clock.now)
    with pytest.raises(NotNow, match="mailed-enough"):
        ask(world.bob, NEW, clock.now)
    for number in range(7):
        ask(world.alice, f"a{number}@neuve.example", clock.now)
    with pytest.raises(NotNow, match="mailed-enough"):
        ask(world.alice, "encore@neuve.example", clock.now)
    ask(world.alice, NEW, clock.now + timedelta(hours=1, seconds=1))


def test_requests_in_copy_follow_and_those_of_the_new_address_are_joined(
    client: PortalClient, world: Any, clock: Any
) -> None:
    from domain import conversation

    scene = Scene(client.application, world)
    both, old, fresh = (scene.request("bob") for _ in range(3))
    by = scene.viewer("bob")
    for ticket, address in ((both, "alice@acme.example"), (both, "a2@acme.example"), (old, "alice@acme.example"),
                            (fresh, "a2@acme.example")):  # fmt: skip
        conversation.add_cc(ticket, address, by, clock.now)
    ask(world.alice, "a2@acme.example", clock.now)
    confirm(world.alice, clock.now)
    for ticket in (both, old, fresh):
        rows = list(Participant.select().where(Participant.ticket == ticket.id))
        assert [(row.email, row.person_id) for row in rows] == [("a2@acme.example", world.alice.id)]
    waiting = OutboxMessage.select().where(
        (OutboxMessage.person == world.alice.id) & (OutboxMessage.template == "cc-added")
    )
    assert {row.recipient for row in waiting if row.ticket_id == old.id} == {"a2@acme.example"}


@pytest.mark.parametrize("at_once", [8, pytest.param(50, marks=pytest.mark.long)])
def test_a_link_used_many_times_at_once_works_once(
    world: Any, clock: Any, database: Any, at_once: int
) -> None:
    ask(world.alice, NEW, clock.now)
    token, here = link(), session_of(world.alice, clock.now)
    viewer = load_viewer(world.alice.id)
    outcomes: list[str] = []
    gate = threading.Barrier(at_once)

    def one() -> None:
        gate.wait()
        try:
            with db.connection_context():
                outcomes.append(addresses.confirm(token, viewer, here, origin=ORIGIN, now=clock.now))
        except Refusal as fault:
            outcomes.append(fault.code)

    threads = [threading.Thread(target=one) for _ in range(at_once)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(outcomes) == sorted([NEW] + ["link-dead"] * (at_once - 1))
    assert len(mails("address-changed")) == 1


# ---- The pages -----------------------------------------------------------------------------------------


def test_alice_changes_her_address_on_the_pages(
    client: PortalClient, world: SimpleNamespace, clock: Any
) -> None:
    client.sign_in(world.alice)
    assert "/account/address" in client.get("/account").text
    page = client.get("/account/address")
    assert "Votre nom d’utilisateur est votre adresse" in page.text
    answer = client.send(page, email=NEW)
    assert (answer.status_code, answer.location) == (303, "/account/address")
    waiting = client.get("/account/address").text
    assert NEW in waiting and "attend d’être confirmé" in waiting
    where = f"/account/address/confirm/{link()}"
    # From the mail, in another browser: sign-in first, then the button.
    client.sign_out()
    assert client.get(where).location == f"/login?next={where}"
    client.sign_in(world.bob)
    assert client.get(where).status_code == 404
    client.sign_in(world.alice)
    shown = client.get(where)
    assert shown.status_code == 200 and Person.get_by_id(world.alice.id).email == "alice@acme.example"
    assert client.send(shown).location == "/account"
    assert f"Votre adresse est désormais {NEW}" in client.get("/account").text
    assert client.get(where).status_code == 404


def test_a_change_is_cancelled_with_a_button(client: PortalClient, world: SimpleNamespace) -> None:
    client.sign_in(world.alice)
    client.submit("/account/address", email=NEW)
    answer = client.submit("/account/address", form="/account/address/cancel")
    assert answer.location == "/account/address"
    page = client.get("/account/address").text
    assert "annulé" in page and NEW not in page
    assert client.get(f"/account/address/confirm/{link()}").status_code == 404


def test_an_old_session_gives_the_password_first_and_what_was_typed_goes_on(
    client: PortalClient, world: SimpleNamespace, clock: Any
) -> None:
    client.sign_in(world.alice)
    page = client.get("/account/address")
    clock.advance(minutes=20)
    kept = client.send(page, email=NEW)
    assert kept.location.startswith("/login/again") and AddressChange.select().count() == 0
    answer = client.send(client.get(kept.location), password=PASSWORD)
    assert client.send(client.get(answer.location), form="act").status_code == 303
    assert AddressChange.get().email == NEW


def test_a_bad_address_is_said_beside_the_field_and_kept(
    client: PortalClient, world: SimpleNamespace
) -> None:
    client.sign_in(world.alice)
    refused = client.submit("/account/address", email="alice@")
    assert refused.status_code == 422 and 'value="alice@"' in refused.text
    same = client.submit("/account/address", email="Alice@acme.example")
    assert same.status_code == 422 and "C’est déjà votre adresse" in same.text
