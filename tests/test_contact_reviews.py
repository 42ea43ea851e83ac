"""Once a year an organisation confirms its contacts: who is asked, when again, who answers, who is late (ACC-15)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

import jobs
import mailer
from domain import accounts, audit, contact_reviews, contacts, settings
from domain.notifications import Skipped
from domain.policies import Viewer, load_viewer
from domain.refusals import Missing, NotAllowed, NotNow
from models import AuditEntry, ContactReview, Membership, Organisation, OutboxMessage, Person
from tests.support.browsing import DESK, PHONE
from tests.test_admin_browser import enter  # noqa: F401


@pytest.fixture(autouse=True)
def portal(database: Any) -> Iterator[None]:
    """A portal with its secret, on a database of this test."""
    accounts.use_secret("only for tests, long enough to be taken: 0123456789")
    settings.forget()
    yield
    settings.forget()


@pytest.fixture
def acme(world: SimpleNamespace, clock: Any) -> Organisation:
    """Acme was added a year ago; all others are new."""
    Organisation.update(created_at=clock.now - timedelta(days=10)).execute()
    row = world.organisations["acme"]
    Organisation.update(created_at=clock.now - timedelta(days=365)).where(Organisation.id == row.id).execute()
    return row


def see(person: Person) -> Viewer:
    viewer = load_viewer(person.id)
    assert viewer is not None
    return viewer


def mails() -> list[str]:
    query = (
        OutboxMessage.select().where(OutboxMessage.template == "contacts-review").order_by(OutboxMessage.id)
    )
    return [mail.recipient for mail in query]


def seen(organisation: Organisation) -> str:
    return contact_reviews.mark(contacts.of_organisation(organisation.id))


def test_the_administrators_of_an_organisation_are_asked_after_a_year_and_nobody_else(
    acme: Organisation, clock: Any
) -> None:
    assert contact_reviews.sweep(clock.now - timedelta(seconds=1)) == 0
    assert contact_reviews.sweep(clock.now) == 1
    assert mails() == ["bob@acme.example"]
    assert contact_reviews.sweep(clock.now) == contact_reviews.sweep(clock.now + timedelta(days=29)) == 0
    entry = AuditEntry.select().order_by(AuditEntry.id.desc()).get()
    assert (entry.kind, entry.actor_id, entry.target) == (
        "contacts:review_asked",
        None,
        f"organisation:{acme.id}",
    )


def test_the_question_comes_again_each_month_until_it_is_answered(
    acme: Organisation, world: SimpleNamespace, clock: Any
) -> None:
    contact_reviews.sweep(clock.now)
    for month in (1, 2):
        assert contact_reviews.sweep(clock.advance(days=30)) == 1
        assert len(mails()) == month + 1
    contact_reviews.confirm(acme.id, seen(acme), see(world.bob), clock.now)
    contact_reviews.sweep(clock.now + timedelta(days=364))
    assert mails().count("bob@acme.example") == 3
    contact_reviews.sweep(clock.now + timedelta(days=365))
    assert mails().count("bob@acme.example") == 4


def test_a_confirmation_says_who_and_when_and_twice_is_once(
    acme: Organisation, world: SimpleNamespace, clock: Any
) -> None:
    contact_reviews.sweep(clock.now)
    bob = see(world.bob)
    first = contact_reviews.confirm(acme.id, seen(acme), bob, clock.now)
    assert (first.confirmed_by_id, first.confirmed_at) == (world.bob.id, clock.now)
    assert first.people == sum(person.approved for person in contacts.of_organisation(acme.id)) > 0
    clock.advance(minutes=1)
    assert contact_reviews.confirm(acme.id, seen(acme), bob, clock.now).confirmed_at == first.confirmed_at
    entries = AuditEntry.select().where(AuditEntry.kind == "contacts:reviewed")
    assert [(row.actor_id, row.target) for row in entries] == [(world.bob.id, f"organisation:{acme.id}")]
    assert audit.verify() == []


def test_nobody_confirms_another_list_than_the_one_they_read(
    acme: Organisation, world: SimpleNamespace, clock: Any
) -> None:
    contact_reviews.sweep(clock.now)
    read = seen(acme)
    row = Membership.get(Membership.person == world.dana)
    contacts.approve(row.id, see(world.root), clock.now)
    with pytest.raises(NotNow, match="review-changed"):
        contact_reviews.confirm(acme.id, read, see(world.bob), clock.now)
    assert contact_reviews.confirm(acme.id, seen(acme), see(world.bob), clock.now).confirmed_at is not None


def test_only_its_own_administrators_confirm(acme: Organisation, world: SimpleNamespace, clock: Any) -> None:
    with pytest.raises(NotNow, match="review-not-asked"):
        contact_reviews.confirm(acme.id, seen(acme), see(world.bob), clock.now)
    contact_reviews.sweep(clock.now)
    for person, fault in ((world.alice, NotAllowed), (world.dana, NotAllowed), (world.root, NotAllowed),
                          (world.erin, Missing), (world.charlie, Missing), (world.sam, Missing)):  # fmt: skip
        with pytest.raises(fault):
            contact_reviews.confirm(acme.id, seen(acme), see(person), clock.now)
    assert ContactReview.get().confirmed_at is None


def test_zero_asks_nobody_and_puts_the_notices_away(
    acme: Organisation, world: SimpleNamespace, clock: Any
) -> None:
    contact_reviews.sweep(clock.now)
    assert contact_reviews.waiting_for(see(world.bob))
    settings.put("contact_review_days", 0, by=None, now=clock.now)
    assert contact_reviews.sweep(clock.now + timedelta(days=400)) == 0
    assert contact_reviews.waiting_for(see(world.bob)) == []


def test_organisations_out_of_use_or_without_contacts_are_not_asked(acme: Organisation, clock: Any) -> None:
    Organisation.update(is_active=False).where(Organisation.id == acme.id).execute()
    Organisation.create(name="Empty", slug="empty", created_at=clock.now - timedelta(days=900))
    assert contact_reviews.sweep(clock.now) == 0


def test_an_organisation_without_administrator_is_late_and_seen_by_admins(
    acme: Organisation, world: SimpleNamespace, clock: Any
) -> None:
    Membership.update(role="contact").where(Membership.person == world.bob).execute()
    contact_reviews.sweep(clock.now)
    assert mails() == []
    assert not ContactReview.select().where(contact_reviews.late(clock.now + timedelta(days=29))).exists()
    assert ContactReview.select().where(contact_reviews.late(clock.now + timedelta(days=30))).exists()


def test_contacts_who_have_not_come_for_long_are_pointed_out(
    acme: Organisation, world: SimpleNamespace, clock: Any
) -> None:
    long_ago = clock.now - timedelta(days=181)
    Person.update(last_signed_in_at=clock.now).execute()
    for person, moment in ((world.alice, long_ago), (world.dana, long_ago), (world.bob, None)):
        Person.update(last_signed_in_at=moment).where(Person.id == person.id).execute()
    Membership.update(approved_at=long_ago).execute()

    def names() -> set[str]:
        people = contacts.of_organisation(acme.id)
        idle = contact_reviews.idle(people, clock.now)
        return {person.email.partition("@")[0] for person in people if person.membership_id in idle}

    # Dana opens nothing: she is no contact. Bob never came since he was approved.
    assert names() == {"alice", "bob"}
    settings.put("contact_idle_days", 182, by=None, now=clock.now)
    assert names() == set()
    settings.put("contact_idle_days", 0, by=None, now=clock.now)
    assert names() == set()


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_mail_names_those_who_have_not_come_and_is_not_sent_once_answered(
    acme: Organisation, world: SimpleNamespace, clock: Any, app: Any, language: str
) -> None:
    Person.update(last_signed_in_at=clock.now - timedelta(days=300)).where(
        Person.id == world.alice.id
    ).execute()
    Person.update(language=language).where(Person.id == world.bob.id).execute()
    contact_reviews.sweep(clock.now)
    row = OutboxMessage.get(OutboxMessage.template == "contacts-review")
    with app.app_context():
        mail = mailer.render(row, "http://127.0.0.1:8000", clock.now)
        for body in (mail.text, mail.html):
            assert "Acme" in body and world.alice.full_name in body and world.charlie.full_name not in body
            assert f"/organisation/contacts?organisation={acme.id}" in body
        contact_reviews.confirm(acme.id, seen(acme), see(world.bob), clock.now)
        with pytest.raises(Skipped):
            mailer.render(row, "http://127.0.0.1:8000", clock.now)


def test_the_administrator_finds_the_question_at_home_and_answers_it_on_the_list(
    acme: Organisation, world: SimpleNamespace, clock: Any, client: Any
) -> None:
    jobs.run("contact-reviews", client.application)
    client.sign_in(world.alice)
    assert "/organisation/contacts?organisation=" not in client.get("/").text
    client.sign_in(world.bob)
    home = client.get("/").text
    (where,) = set(re.findall(r'href="(/organisation/contacts\?organisation=\d+)"', home))
    page = client.get(where)
    assert "Confirmer cette liste" in page.text
    answer = client.send(page, "confirmation")
    assert answer.status_code == 303
    after = client.get(where).text
    assert "Confirmer cette liste" not in after and "confirmée le 10 novembre 2026 par" in after
    assert where not in client.get("/").text


def test_a_list_that_changed_is_asked_to_be_read_again(
    acme: Organisation, world: SimpleNamespace, clock: Any, client: Any
) -> None:
    contact_reviews.sweep(clock.now)
    client.sign_in(world.bob)
    page = client.get("/organisation/contacts")
    contacts.approve(Membership.get(Membership.person == world.dana).id, see(world.root), clock.now)
    answer = client.send(page, "confirmation")
    assert answer.status_code == 303
    assert "La liste a changé" in client.get(answer.location).text
    assert ContactReview.get().confirmed_at is None


def test_admins_see_who_is_late(acme: Organisation, world: SimpleNamespace, clock: Any, client: Any) -> None:
    contact_reviews.sweep(clock.now)
    client.sign_in(world.root)
    assert "flt_state=late" not in client.get("/admin/").text
    clock.advance(days=30)
    client.sign_in(world.root)
    assert "flt_state=late" in client.get("/admin/").text
    page = client.get("/admin/contactreview/?flt_state=late").text
    assert "Acme" in page and "En retard" in page
    assert "Acme" not in re.sub(
        r"<form.*?</form>", "", client.get("/admin/contactreview/?flt_state=confirmed").text, flags=re.S
    )


@pytest.mark.parametrize(
    ("language", "locale", "viewport", "scheme", "words"),
    [
        ("fr", "fr-FR", DESK, "light", "Confirmer cette liste"),
        ("en", "en-GB", PHONE, "dark", "Confirm this list"),
    ],
)
def test_bob_confirms_the_list_in_a_browser(
    acme: Organisation, world: Any, clock: Any, enter: Any, axe: Any,
    language: str, locale: str, viewport: Any, scheme: str, words: str,
) -> None:  # fmt: skip
    Person.update(language=language).where(Person.id == world.bob.id).execute()
    Person.update(last_signed_in_at=clock.now - timedelta(days=300)).where(
        Person.id == world.alice.id
    ).execute()
    contact_reviews.sweep(clock.now)
    page = enter(world.bob, locale=locale, viewport=viewport, color_scheme=scheme)
    page.goto("/")
    axe(page)
    page.locator("main a[href^='/organisation/contacts?']").click()
    page.locator(".tone-stuck").first.wait_for()
    axe(page)
    page.get_by_role("button", name=words).click()
    page.locator("[role=status]").first.wait_for()
    assert ContactReview.get().confirmed_by_id == world.bob.id
    assert page.get_by_role("button", name=words).count() == 0
    axe(page)
