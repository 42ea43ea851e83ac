"""The register of consents (REQ-3, STAFF-7): which one, in which words, when; and taking one back."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from domain import audit, lifecycle, privacy
from domain.refusals import Missing
from models import AuditEntry, Consent, ConsentText, Ticket
from tests.conftest import NOW
from tests.support.casework import again, forget_mails, last_event, mails, see, send
from tests.support.scene import Scene

LATER = NOW + timedelta(days=3)


def newest(person: Any) -> Consent:
    return Consent.select().where(Consent.person == person.id).order_by(Consent.id.desc()).first()


def test_the_register_holds_the_words_as_they_were_read(world: Any) -> None:
    first = ConsentText.select().order_by(ConsentText.version.desc()).first()
    ticket = send(world, language="en")
    ConsentText.create(
        version=first.version + 1, text_fr="Nouveau texte.", text_en="New text.", published_at=LATER
    )
    later = send(world, now=LATER)
    found, _older = privacy.register(world.alice.id)
    assert [(row.ticket.number, row.version, row.text) for row in found[:2]] == [
        (later.number, first.version + 1, "Nouveau texte."),
        (ticket.number, first.version, first.text_en),
    ]
    assert found[1].given_at == NOW


def test_a_consent_taken_back_stays_in_the_register_with_both_dates(world: Any) -> None:
    ticket = send(world)
    row = newest(world.alice)
    forget_mails()
    assert privacy.withdraw(row.id, see(world.alice), LATER)
    found = privacy.given(row.id, see(world.alice))
    assert (found.given_at, found.withdrawn_at) == (NOW, LATER)
    assert last_event(ticket).kind == "ticket:consent_withdrawn"
    assert {template for template, _name in mails(ticket)} == {"consent-withdrawn"}
    assert AuditEntry.select().order_by(AuditEntry.id.desc()).first().kind == "consent:withdrawn"
    # The request itself is as it was, and a second press changes nothing.
    assert again(ticket).status == ticket.status
    assert not privacy.withdraw(row.id, see(world.alice), LATER + timedelta(days=1))
    assert Consent.get_by_id(row.id).withdrawn_at == LATER
    assert audit.verify() == []


def test_of_a_closed_request_nobody_is_mailed(world: Any) -> None:
    ticket = send(world)
    lifecycle.close(ticket, see(world.alice), NOW)
    forget_mails()
    privacy.withdraw(newest(world.alice).id, see(world.alice), LATER)
    assert mails(ticket) == set()


def test_nobody_takes_back_what_somebody_else_gave(world: Any) -> None:
    send(world)
    row = newest(world.alice)
    for person in (world.bob, world.sam, world.root):
        with pytest.raises(Missing):
            privacy.withdraw(row.id, see(person), LATER)
    assert Consent.get_by_id(row.id).withdrawn_at is None


def test_a_long_register_comes_in_pages(world: Any) -> None:
    text = ConsentText.get()
    Consent.delete().execute()
    for number in range(privacy.SHOWN + 3):
        Consent.create(person=world.alice, text=text, form_slug=f"form-{number}", language="fr", given_at=NOW)
    first, older = privacy.register(world.alice.id)
    rest, end = privacy.register(world.alice.id, before=older)
    assert (len(first), len(rest), end) == (privacy.SHOWN, 3, None)
    assert len({row.id for row in first + rest}) == privacy.SHOWN + 3


def test_alice_reads_what_follows_and_takes_it_back(client: Any, app: Any, world: SimpleNamespace) -> None:
    scene = Scene(app, world)
    ticket = scene.request("alice")
    row = newest(world.alice)
    client.sign_in(world.alice)
    page = client.get("/account/data")
    assert f"/account/data/consents/{row.id}" in page.text and ticket.number in page.text
    before = client.get(f"/account/data/consents/{row.id}")
    assert "Ce qui suit si vous le retirez" in before.text
    assert Consent.get_by_id(row.id).withdrawn_at is None, "reading it takes nothing back"
    done = client.send(before)
    assert done.status_code == 303
    assert "Le consentement est retiré" in client.get(done.location).text
    assert "Ce qui suit" not in client.get(f"/account/data/consents/{row.id}").text
    client.sign_in(world.sam)
    assert "a retiré le consentement" in client.get(f"/desk/tickets/{ticket.number}").text
    assert Ticket.get_by_id(ticket.id).status == "registered"
