"""The pages of an erasure (STAFF-7): what is said before, the act after a fresh sign-in, and what is seen afterwards."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest
from playwright.sync_api import expect

from domain import contacts
from models import AuditEntry, Erasure, HeldForm, Person, RequestForm, Ticket
from tests.support.browser_pages import be
from tests.support.browsing import DESK, PHONE
from tests.support.casework import person as make
from tests.support.casework import see
from tests.support.client import PASSWORD
from tests.support.scene import Scene

REASON = "SUP-2041, rappelée."


@pytest.fixture
def scene(app: Any, world: SimpleNamespace) -> Scene:
    return Scene(app, world)


@pytest.fixture
def leaver(app: Any, world: Any) -> Person:
    """A contact of Acme of whom little is kept."""
    return make("zephyrine", full_name="Zéphyrine Marsupilami")


def path_of(person: Any) -> str:
    return f"/admin/people/{person.id}/erasure"


def test_root_reads_what_goes_then_erases_and_the_person_is_nobody(
    client: Any, app: Any, world: Any, leaver: Person
) -> None:
    client.sign_in(world.root)
    details = client.get(f"/admin/person/details/?id={leaver.id}")
    assert path_of(leaver) in details.text
    page = client.get(path_of(leaver))
    assert page.status_code == 200 and "Zéphyrine Marsupilami" in page.text and "Combien" in page.text
    wrong = client.send(page, form="erasure", way="anonymise", reason=REASON, typed="quelqu’un", for_good="y")
    assert wrong.status_code == 422
    # What was typed is kept, and the fault stands beside its cause.
    assert REASON in wrong.text and "quelqu’un" in wrong.text and 'id="typed-error"' in wrong.text
    done = client.send(wrong, form="erasure", typed=f" {leaver.email.upper()} ")
    assert done.status_code == 303, done.text
    after = client.get(done.location)
    assert "Marsupilami" not in after.text and leaver.email not in after.text
    assert path_of(leaver) not in after.text
    row = Erasure.get()
    assert (row.person_id, row.way, row.reason, row.erased_by_id) == (
        leaver.id, "anonymise", REASON, world.root.id,
    )  # fmt: skip
    assert len(app.extensions["guichet_ledger"].lines()) == 1
    again = client.get(path_of(leaver))
    assert again.status_code == 200 and 'id="erasure"' not in again.text


def test_after_a_while_the_password_is_asked_and_nothing_of_what_was_kept_stays(
    client: Any, world: Any, clock: Any, leaver: Person
) -> None:
    client.sign_in(world.root)
    page = client.get(path_of(leaver))
    clock.advance(minutes=20)
    kept = client.send(
        page, form="erasure", way="erase", reason=REASON, typed=leaver.email, for_good="y"
    )  # fmt: skip
    assert kept.location.startswith("/login/again") and not Erasure.select().exists()
    answer = client.send(client.get(kept.location), password=PASSWORD)
    last = client.get(answer.location)
    done = client.send(last, form="act")
    assert done.status_code == 303 and Erasure.get().way == "erase"
    assert leaver.email not in "".join(str(row.data) for row in HeldForm.select())


def test_requests_under_way_go_to_the_colleague_who_is_chosen(
    client: Any, scene: Scene, world: Any, leaver: Person
) -> None:
    contacts.add_membership(
        leaver.id,
        world.organisations["acme"].id,
        role="contact",
        by=see(world.root),
        now=scene.now,
        reason="essai",
    )
    world.leaver = leaver
    ticket = scene.request("leaver")
    client.sign_in(world.root)
    page = client.get(path_of(leaver))
    assert 'data-line="requests"' in page.text and 'data-line="messages"' in page.text
    wrong = client.send(
        page, form="erasure", way="anonymise", reason=REASON, typed=leaver.email, for_good="y", heir=""
    )  # fmt: skip
    assert wrong.status_code == 422 and 'id="heir-error"' in wrong.text and not Erasure.select().exists()
    done = client.send(wrong, form="erasure", heir=str(world.bob.id))
    assert done.status_code == 303 and Erasure.select().count() == 1
    assert Ticket.get_by_id(ticket.id).requester_id == world.bob.id


def test_the_home_of_the_administration_says_that_an_old_database_was_found(
    client: Any, app: Any, world: Any, leaver: Person
) -> None:
    from domain import ledger

    client.sign_in(world.root)
    assert "privacy reapply" not in client.get("/admin/").text
    uid = ledger.new_uid()
    app.extensions["guichet_ledger"].append(
        {
            "kind": "erasure", "uid": uid, "way": "anonymise", "person": leaver.id,
            "print": ledger.fingerprint(uid, "person", leaver.id, Person.get_by_id(leaver.id).created_at),
        }
    )  # fmt: skip
    assert "privacy reapply" in client.get("/admin/").text
    result = app.test_cli_runner().invoke(args=["privacy", "reapply"])
    assert result.exit_code == 0 and f"person {leaver.id} erased again" in result.output, result.output
    assert "privacy reapply" not in client.get("/admin/").text
    again = app.test_cli_runner().invoke(args=["privacy", "reapply"])
    assert "0 people and 0 requests, 1 in order already" in again.output
    assert AuditEntry.select().where(AuditEntry.kind == "person:erased").count() == 1


def test_an_erased_account_is_not_changed_on_its_screen(client: Any, world: Any, leaver: Person) -> None:
    client.sign_in(world.root)
    edit = client.get(f"/admin/person/edit/?id={leaver.id}")
    page = client.get(path_of(leaver))
    client.send(page, form="erasure", way="anonymise", reason=REASON, typed=leaver.email, for_good="y")
    client.send(edit, full_name="De retour")
    assert Person.get_by_id(leaver.id).full_name != "De retour"


def test_customers_read_how_to_ask(client: Any, world: Any) -> None:
    client.sign_in(world.alice)
    page = client.get("/account/data")
    assert "Faire effacer mes données" in page.text and "/requests/new/question" in page.text
    RequestForm.update(is_active=False).where(RequestForm.slug == "question").execute()
    page = client.get("/account/data")
    assert "/requests/new/question" not in page.text and "mailto:" in page.text


@pytest.mark.parametrize(("size", "scheme"), [(DESK, "light"), (PHONE, "dark")], ids=["desk", "phone"])
def test_an_admin_erases_somebody_in_a_browser(
    browser_context: Any, live_server: Any, world: Any, axe: Any, size: Any, scheme: str
) -> None:
    leaver = make("zephyrine", full_name="Zéphyrine Marsupilami")
    context = be(browser_context(viewport=size, color_scheme=scheme), live_server, world.root)
    page = context.new_page()
    page.goto(f"{live_server.url}/admin/person/details/?id={leaver.id}")
    page.locator(f'a[href="{path_of(leaver)}"]').click()
    page.wait_for_url(f"**{path_of(leaver)}")
    axe(page)
    page.locator('label:has([name="way"][value="erase"]), [name="way"][value="erase"] + label').first.click()
    page.locator("[name=reason]").fill(REASON)
    page.locator("[name=typed]").fill("pas@elle.example")
    page.locator("[name=for_good]").check()
    page.locator("#erasure .btn-danger").click()
    page.wait_for_selector("#typed-error")
    axe(page)
    page.locator("[name=typed]").fill(leaver.email)
    page.locator("#erasure .btn-danger").click()
    page.wait_for_url("**/admin/person/details/**")
    expect(page.locator("body")).not_to_contain_text("Marsupilami")
    assert Erasure.get().way == "erase" and re.match(
        r"former-\d+@erased\.invalid", Person.get_by_id(leaver.id).email
    )
