"""STAFF-9: an admin sees the portal as a contact does, read-only, with a banner, for a while, recorded."""

from __future__ import annotations

import hashlib
from types import SimpleNamespace
from typing import Any

import pytest

import models
from domain import accounts, policies, unread, viewing
from domain.refusals import Invalid, Missing, NotAllowed, NotNow
from models import AuditEntry, Person, Ticket, TicketRead, UserSession, Viewing, db
from tests.conftest import NOW
from tests.support.browser_pages import be
from tests.support.browsing import DESK, PHONE
from tests.support.client import PASSWORD, PortalClient
from tests.support.scene import Scene
from tests.support.scene import key as fresh_key

REASON = "SUP-2041, ne retrouve pas sa demande"


def everything() -> str:
    """A mark of all that is stored, marks of reading and kept forms too; only when a session was last used is left out."""
    digest = hashlib.sha256()
    for table in sorted(models.TABLES, key=lambda table: table.__name__):
        columns = [column for column in table._meta.sorted_fields if column.name != "last_seen_at"]
        for row in table.select(*columns).order_by(table._meta.primary_key).tuples():
            digest.update(repr((table.__name__, row)).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def session_of(person: Person) -> tuple[str, int]:
    """A new session of somebody: its token and its key."""
    token = accounts._start_session(person, "127.0.0.1", NOW, "tests")
    loaded = accounts.load_session(token, NOW)
    assert loaded is not None
    return token, loaded[0]


def entries(kind: str) -> list[AuditEntry]:
    return list(AuditEntry.select().where(AuditEntry.kind == kind).order_by(AuditEntry.id))


def begin(client: PortalClient, world: SimpleNamespace, name: str = "alice") -> None:
    """Be root, and see the portal as somebody."""
    client.sign_in(world.root)
    answer = client.submit(f"/viewing/{getattr(world, name).id}", form="viewing", reason=REASON)
    assert (answer.status_code, answer.location) == (303, "/")


# ---- The verbs, on both databases --------------------------------------------------------------------------


def test_the_session_of_an_admin_reads_as_the_contact_and_the_record_says_who_whom_and_why(
    world: Any,
) -> None:
    token, session_id = session_of(world.root)
    root = policies.load_viewer(world.root.id)
    until = viewing.start(session_id, world.alice.id, f"  {REASON}\n", root, NOW, origin="127.0.0.1")
    assert (until - NOW).total_seconds() == 30 * 60
    _id, seen = accounts.load_session(token, NOW)
    alice = policies.load_viewer(world.alice.id)
    assert (seen.id, seen.memberships, seen.is_staff) == (alice.id, alice.memberships, False)
    assert seen.is_viewed and seen.viewing.by_id == world.root.id
    (entry,) = entries("viewing:started")
    assert (entry.actor_id, entry.target) == (world.root.id, f"person:{world.alice.id}")
    assert (entry.data["reason"], entry.origin) == (REASON, "127.0.0.1")
    assert viewing.end(session_id, NOW, "button")
    assert not viewing.end(session_id, NOW, "button"), "recorded once"
    (entry,) = entries("viewing:ended")
    assert (entry.actor_id, entry.target, entry.data["how"]) == (
        world.root.id,
        f"person:{world.alice.id}",
        "button",
    )
    assert accounts.load_session(token, NOW)[1].id == world.root.id
    # Another session of the same admin was never concerned.
    other, _key = session_of(world.root)
    viewing.start(session_id, world.alice.id, REASON, root, NOW)
    assert accounts.load_session(other, NOW)[1].id == world.root.id


def test_nobody_but_an_admin_begins_and_nobody_is_seen_but_a_customer_with_an_account(world: Any) -> None:
    for name in ("alice", "bob", "sam", "vera", "marc"):
        _token, session_id = session_of(getattr(world, name))
        with pytest.raises(NotAllowed):
            viewing.start(
                session_id, world.alice.id, REASON, policies.load_viewer(getattr(world, name).id), NOW
            )
    _token, session_id = session_of(world.root)
    root = policies.load_viewer(world.root.id)
    for name in ("sam", "marc", "root"):
        with pytest.raises(NotNow) as fault:
            viewing.start(session_id, getattr(world, name).id, REASON, root, NOW)
        assert fault.value.code == "viewing-staff"
    Person.update(is_active=False).where(Person.id == world.dana.id).execute()
    with pytest.raises(NotNow):
        viewing.start(session_id, world.dana.id, REASON, root, NOW)
    with pytest.raises(Missing):
        viewing.start(session_id, 99_999_999, REASON, root, NOW)
    for reason in ("", " \n", "x" * 301):
        with pytest.raises(Invalid):
            viewing.start(session_id, world.alice.id, reason, root, NOW)
    with pytest.raises(Missing):
        viewing.start(session_of(world.sam)[1], world.alice.id, REASON, root, NOW)
    viewing.start(session_id, world.alice.id, REASON, root, NOW)
    with pytest.raises(NotNow) as fault:
        viewing.start(session_id, world.bob.id, REASON, root, NOW)
    assert fault.value.code == "viewing-runs"
    assert Viewing.select().count() == len(entries("viewing:started")) == 1


@pytest.mark.parametrize("why", ["rights", "time", "person", "person is staff"])
def test_it_ends_at_the_next_request_when_a_reason_for_it_is_gone(world: Any, clock: Any, why: str) -> None:
    token, session_id = session_of(world.root)
    viewing.start(session_id, world.alice.id, REASON, policies.load_viewer(world.root.id), NOW)
    if why == "rights":
        Person.update(staff_role="agent").where(Person.id == world.root.id).execute()
    elif why == "person":
        Person.update(is_active=False).where(Person.id == world.alice.id).execute()
    elif why == "person is staff":
        Person.update(staff_role="agent").where(Person.id == world.alice.id).execute()
    else:
        assert accounts.load_session(token, clock.advance(minutes=29, seconds=59))[1].id == world.alice.id
        clock.advance(seconds=1)
    _id, viewer = accounts.load_session(token, clock.now)
    assert (viewer.id, viewer.viewing.over, viewer.is_viewed) == (world.root.id, why.split()[0], False)
    assert [entry.data["how"] for entry in entries("viewing:ended")] == [why.split()[0]]
    assert accounts.load_session(token, clock.now)[1].viewing is None, "said once"


def test_the_end_of_the_session_is_its_end_and_a_session_left_alone_is_swept(world: Any, clock: Any) -> None:
    root = policies.load_viewer(world.root.id)
    for _n in range(3):
        viewing.start(session_of(world.root)[1], world.alice.id, REASON, root, NOW)
    first = Viewing.select().order_by(Viewing.id).first()
    accounts.end_session(first.session_id, by=root, now=NOW)
    assert [entry.data["how"] for entry in entries("viewing:ended")] == ["session"]
    accounts.sweep(clock.advance(minutes=31))
    assert [entry.data["how"] for entry in entries("viewing:ended")] == ["session", "time", "time"]
    assert Viewing.select().where(Viewing.ended_at.is_null()).count() == 0
    viewing.start(session_of(world.root)[1], world.alice.id, REASON, root, NOW)
    accounts.end_all(world.root.id, None, clock.now)
    assert Viewing.select().where(Viewing.ended_at.is_null()).count() == 0


def test_while_somebody_is_seen_the_database_itself_refuses_changes(database: Any) -> None:
    viewing.only_read()
    try:
        with pytest.raises(Exception, match=r"readonly|read-only"):
            models.SearchMiss.create(words="licorne", times=1, last_at=NOW)
    finally:
        viewing.write_again()
    models.SearchMiss.create(words="licorne", times=1, last_at=NOW)


# ---- The pages ---------------------------------------------------------------------------------------------


def test_the_banner_stands_on_every_page_and_its_button_ends_it(
    client: PortalClient, world: SimpleNamespace
) -> None:
    begin(client, world)
    for path in ("/", "/tickets", "/catalogue", "/help", "/nothing-here"):
        page = client.get(path).text
        assert "Vous voyez le portail comme Alice Martin" in page, path
        assert 'action="/viewing/end"' in page, path
    assert "/account" not in client.get("/").text, "no link to the account of the contact"
    answer = client.send(client.get("/tickets"), form="/viewing/end")
    assert answer.location == f"/admin/person/details/?id={world.alice.id}"
    page = client.get(answer.location).text
    assert "Vous voyez le portail comme" not in page
    assert REASON in page and "terminé par le bouton" in page


def test_reading_as_a_contact_leaves_no_trace_of_the_contact(
    app: Any, client: PortalClient, world: SimpleNamespace
) -> None:
    scene = Scene(app, world)
    ticket = scene.request("alice")
    client.sign_in(world.alice).get(f"/tickets/{ticket.number}")
    scene.reply(ticket, "sam", "Une nouvelle.")
    alice = policies.load_viewer(world.alice.id)
    begin(client, world)
    before = everything()
    for path in (f"/tickets/{ticket.number}", "/", "/tickets", "/search?q=licorne+bleue", "/drafts"):
        assert client.get(path).status_code == 200, path
        # A minute later: when the contact was last there is a matter of their own sessions.
        app.extensions["guichet_clock"].advance(seconds=61)
    assert everything() == before
    assert unread.of_rows(alice, [ticket.id]) == {ticket.id: 1}, "still new to alice"
    last = Person.get_by_id(world.alice.id)
    assert last.last_signed_in_at == world.alice.last_signed_in_at
    client.sign_in(world.alice).get(f"/tickets/{ticket.number}")
    assert TicketRead.select().where(TicketRead.person == world.alice).exists()


def test_what_is_sent_is_refused_in_clear_and_nothing_is_kept(
    app: Any, client: PortalClient, world: SimpleNamespace
) -> None:
    ticket = Scene(app, world).request("alice")
    begin(client, world)
    page = client.get(f"/tickets/{ticket.number}")
    before = everything()
    answer = client.send(page, form="/replies", body="Bonjour.")
    assert answer.status_code == 403 and "rien ne peut être envoyé" in answer.text
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert client.open("/nothing-here", method=method).status_code == 403
        assert client.open("/account/language", method=method, data={"language": "en"}).status_code == 403
    said = client.post("/uploads", headers={"Accept": "application/json"})
    assert said.status_code == 403 and "rien ne peut être envoyé" in said.json["error"]
    assert everything() == before


def test_forms_of_before_are_not_sent_as_somebody_else_and_none_of_meanwhile_as_oneself(
    app: Any, client: PortalClient, world: SimpleNamespace, clock: Any
) -> None:
    """A tab that was opened as another one than who is signed in now changes nothing."""
    ticket = Scene(app, world).request("alice")
    begin(client, world)
    as_alice = client.get(f"/tickets/{ticket.number}")
    clock.advance(minutes=30)
    # The time is over, and this very answer finds it out.
    count = ticket.messages.count()
    answer = client.send(as_alice, form="/replies", body="De qui ?")
    assert answer.location == f"/admin/person/details/?id={world.alice.id}"
    assert "écoulé" in client.get(answer.location).text
    late = client.send(as_alice, form="/replies", body="De qui ?")
    assert late.status_code in (303, 400) and ticket.messages.count() == count
    assert [entry.data["how"] for entry in entries("viewing:ended")] == ["time"]


def test_signing_out_ends_both(client: PortalClient, world: SimpleNamespace) -> None:
    begin(client, world)
    answer = client.send(client.get("/"), form="/logout")
    assert answer.location == "/login"
    assert [entry.data["how"] for entry in entries("viewing:ended")] == ["session"]
    assert (
        UserSession.select()
        .where(UserSession.ended_at.is_null() & (UserSession.person == world.root))
        .count()
        == 0
    )
    assert client.get("/tickets").location.startswith("/login")


def test_it_asks_for_a_fresh_sign_in_and_goes_on_with_the_reason_that_was_typed(
    client: PortalClient, world: SimpleNamespace, clock: Any
) -> None:
    client.sign_in(world.root)
    page = client.get(f"/viewing/{world.alice.id}")
    assert client.send(page, form="viewing", reason="").status_code == 422
    clock.advance(minutes=20)
    kept = client.send(page, form="viewing", reason=REASON)
    assert kept.location.startswith("/login/again") and not entries("viewing:started")
    answer = client.send(client.get(kept.location), password=PASSWORD)
    assert client.send(client.get(answer.location), form="act").location == "/"
    assert entries("viewing:started")[0].data["reason"] == REASON
    assert "Alice Martin" in client.get("/").text


def test_the_rights_of_the_contact_count_and_none_of_the_admin(
    app: Any, client: PortalClient, world: SimpleNamespace
) -> None:
    scene = Scene(app, world)
    theirs, hidden = scene.request("charlie"), scene.request("bob", audience="only_me")
    scene.note(theirs)
    begin(client, world)
    for path in (
        f"/tickets/{theirs.number}", f"/tickets/{hidden.number}",
    ):  # fmt: skip
        assert client.get(path).status_code == 404, path
    for path in (
        "/desk",
        "/admin/",
        "/account",
        "/account/security",
        f"/viewing/{world.bob.id}",
        "/desk/access",
    ):
        answer = client.get(path)
        assert answer.status_code == 403 and "vous est fermée" in answer.text, path


def test_two_requests_that_find_it_over_record_one_end(world: Any, clock: Any) -> None:
    token, session_id = session_of(world.root)
    viewing.start(session_id, world.alice.id, REASON, policies.load_viewer(world.root.id), NOW)
    seen = Viewing.get()
    root = policies.load_viewer(world.root.id)
    for _n in range(2):
        viewing.through(session_id, root, world.alice.id, seen.until, clock.advance(minutes=31))
    assert len(entries("viewing:ended")) == 1
    assert token and fresh_key() and not db.is_closed()


# ---- In a browser ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("look", [("light", DESK), ("dark", PHONE)], ids=["light, wide", "dark, phone"])
def test_an_admin_looks_through_the_eyes_of_alice_and_comes_back(
    browser_context: Any, live_server: Any, world: SimpleNamespace, axe: Any, look: Any
) -> None:
    scheme, size = look
    page = be(browser_context(color_scheme=scheme, viewport=size), live_server, world.root).new_page()
    page.goto(f"/admin/person/details/?id={world.alice.id}")
    page.locator(f"a[href='/viewing/{world.alice.id}']").click()
    axe(page)
    page.locator("#viewing [name=reason]").fill(REASON)
    page.locator("#viewing button.btn-primary").click()
    banner = page.locator(".viewing")
    banner.wait_for()
    assert "Alice Martin" in banner.inner_text() and page.locator("html").get_attribute("lang") == "fr"
    axe(page)
    page.goto("/account")
    assert "vous est fermée" in page.locator("main").inner_text()
    axe(page)
    banner.locator("button").click()
    page.wait_for_url("**/admin/person/details/**")
    assert page.locator(".viewing").count() == 0
    assert REASON in page.locator("main").inner_text()
    page.locator("a[href^='/desk/access?person=']").click()
    number = Ticket.get(Ticket.requester == world.alice).number
    page.locator("#who [name=number]").fill(number)
    page.locator("#who button").click()
    page.get_by_text(f"Alice Martin peut voir {number}.").wait_for()
    axe(page)
