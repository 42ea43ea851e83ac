"""One's own data as a file (ACC-13, STAFF-7): everything of the person that they may see, nothing of anybody else's."""

from __future__ import annotations

import io
import json
import re
import tracemalloc
import zipfile
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

import models
from domain import own_data, pace, redaction
from domain.refusals import Invalid, NotAllowed, NotNow
from models import Attachment, AuditEntry, OutboxMessage, Person
from tests.conftest import NOW
from tests.support.casework import see
from tests.support.scene import NOTE_CANARY, Scene

# Tables whose rows name a person and that hold nothing of theirs to hand over, with the reason.
NOT_IN_THE_FILE = {
    "PartnerLink": "names the admins who set and ended a link between organisations",
    "ContactImport": "what an admin brought in, recorded under each contact",
    "AccountToken": "hashes of links that were mailed",
    "Article": "of the vendor; its owner stands there as staff",
    "ArticleVersion": "of the vendor",
    "Deletion": "in the history of its request",
    "Erasure": "only of somebody who has no account any more",
    "HeldForm": "what a form held while a session ended, for a day, in that browser",
    "IdeaMove": "of the vendor",
    "IncidentAnswer": "of the vendor; each answer is a message of its request",
    "IncidentUpdate": "of the vendor, public",
    "JoinedRequest": "in the history of its request",
    "MailAction": "hashes of links that were mailed",
    "Organisation": "of the organisation; its account manager is staff",
    "PendingSignIn": "half a sign-in, for some minutes",
    "ReadMark": "a number: how far lists count as read",
    "Redaction": "in the history of its request",
    "ServiceIncident": "of the vendor, public",
    "TicketBlock": "in the history of its request",
    "TicketRead": "a number: how far a request was read",
}
IN_THE_FILE = {
    "AddressChange", "ContactReview", "ExternalIdentity", "Viewing", "AnnouncementDismissal", "ArticleVote", "AssistantQuestion", "Attachment", "AuditEntry", "Authenticator",
    "ColumnChoice", "Consent", "DeletionConfirmation", "Draft", "Idea", "IdeaComment", "IdeaFollow", "IdeaVote",
    "KnownBrowser", "MailChoice", "Membership", "Message", "MobileNumber", "MobileRefusal", "OutboxMessage", "Participant", "PriorityContest", "ProfileAnswer",
    "RecoveryCode", "Satisfaction", "SecurityKey", "TeamMember", "TextMessage", "Ticket", "TicketEvent", "TopicFollow", "UserSession",
}  # fmt: skip


class PlainPages:
    """Pages that hold what they were given."""

    def index(self, facts: dict[str, Any]) -> str:
        return str(facts)

    def request(self, record: dict[str, Any]) -> str:
        return str(record)


@pytest.fixture
def scene(app: Any, world: SimpleNamespace) -> Scene:
    return Scene(app, world)


def opened(content: bytes) -> zipfile.ZipFile:
    """The file as a program opens it; each entry is whole."""
    found = zipfile.ZipFile(io.BytesIO(content))
    assert found.testzip() is None
    return found


def of(file: zipfile.ZipFile, name: str) -> Any:
    return json.loads(file.read(f"data/{name}.json"))


def everything(file: zipfile.ZipFile) -> str:
    return "\n".join(file.read(name).decode("utf-8", "replace") for name in file.namelist()) + "\n".join(
        file.namelist()
    )


def test_each_table_that_names_a_person_is_in_the_file_or_has_a_reason() -> None:
    naming = {
        table.__name__
        for table in models.TABLES
        if any(getattr(field, "rel_model", None) is Person for field in table._meta.sorted_fields)
    }
    assert naming == IN_THE_FILE | set(NOT_IN_THE_FILE)


@pytest.mark.both_databases
def test_alice_makes_her_file_on_the_page(client: Any, scene: Scene, world: Any) -> None:
    sent = scene.upload("alice", "bulletin d’août.png")
    ticket = scene.request("alice", attachment_keys=[sent.key], cc=["bob@acme.example"])
    scene.reply(ticket, "sam", "Je regarde <b>cela</b>.")
    scene.note(ticket)
    internal = scene.upload("sam", "interne.png")
    scene.note(ticket, body="Voir le fichier.", attachment_keys=[internal.key])
    theirs = scene.request("charlie", summary="Demande de Globex zibeline")
    client.sign_in(world.alice)
    answer = client.submit("/account/data")
    assert answer.status_code == 200 and answer.mimetype == "application/zip"
    assert re.search(r'filename="?mes-donnees-2026-11-10\.zip', answer.headers["Content-Disposition"])
    assert "no-store" in answer.headers["Cache-Control"]
    file = opened(answer.data)
    assert json.loads(file.read("manifest.json"))["format"] == "guichet.own-data/1"
    assert of(file, "profile")["email"] == "alice@acme.example"
    [record] = [row for row in of(file, "requests") if row["number"] == ticket.number]
    assert [(row["author"], row["mine"]) for row in record["messages"]] == [
        (world.alice.full_name, True),
        (world.sam.full_name, False),
    ]
    assert {row["name"] for row in record["people"]} == {world.bob.full_name}
    [attached] = record["files"]
    with scene.store.open(sent.stored_name) as stored:
        assert file.read(attached["path"]) == stored.read()
    page = file.read(f"requests/{ticket.number}.html").decode()
    assert "Je regarde &lt;b&gt;cela&lt;/b&gt;." in page and '<html lang="fr">' in page
    assert f"requests/{ticket.number}.html" in file.read("index.html").decode()
    whole = everything(file)
    for foreign in (NOTE_CANARY, "Voir le fichier", "interne.png", "zibeline", theirs.number, "charlie@"):
        assert foreign not in whole, foreign
    # Nothing that opens the account is in it.
    person = Person.get_by_id(world.alice.id)
    assert str(person.password_hash) not in whole
    entry = AuditEntry.select().order_by(AuditEntry.id.desc()).first()
    assert (entry.kind, entry.target, entry.data["own"]) == (
        "data:exported",
        f"person:{world.alice.id}",
        True,
    )


def test_a_request_that_one_may_no_longer_see_is_not_in_it(scene: Scene, world: Any) -> None:
    ticket = scene.request("alice")
    models.Membership.update(removed_at=NOW).where(models.Membership.person == world.alice.id).execute()
    file = opened(own_data.in_memory(Person.get_by_id(world.alice.id), NOW, scene.store, PlainPages()))
    assert ticket.number not in {row["number"] for row in of(file, "requests")}
    assert of(file, "memberships")[0]["removed_at"]


def test_what_was_taken_out_is_not_in_it(scene: Scene, world: Any) -> None:
    ticket = scene.request("alice", attachment_keys=[scene.upload("alice", "secret-loutre.png").key])
    said = scene.reply(ticket, "alice", "Mon mot de passe est loutre-verte.")
    row = Attachment.get(Attachment.ticket == ticket.id)
    first = ticket.messages.order_by(models.Message.id).first()
    sam = see(world.sam)
    redaction.redact(
        ticket, said.id, redaction.Parts(text=True), "Un mot de passe.", sam, NOW, store=scene.store
    )
    redaction.redact(
        ticket,
        first.id,
        redaction.Parts(file_ids=frozenset({row.id})),
        "Un mot de passe.",
        sam,
        NOW,
        store=scene.store,
    )
    whole = everything(
        opened(own_data.in_memory(Person.get_by_id(world.alice.id), NOW, scene.store, PlainPages()))
    )
    assert "loutre" not in whole


def test_an_admin_makes_it_for_somebody_who_asked_and_the_person_is_told(
    client: Any, scene: Scene, world: Any
) -> None:
    ticket = scene.request("alice")
    client.sign_in(world.root)
    page = client.get(f"/admin/person/details/?id={world.alice.id}")
    assert f"/admin/people/{world.alice.id}/data" in page.text
    refused = client.submit(f"/admin/people/{world.alice.id}/data")
    assert refused.status_code == 422
    answer = client.send(refused, reason="SUP-2041, rappelée.")
    file = opened(answer.data)
    # In the language of the person, whoever makes it.
    assert '<html lang="fr">' in file.read("index.html").decode()
    assert ticket.number in {row["number"] for row in of(file, "requests")}
    mail = OutboxMessage.select().order_by(OutboxMessage.id.desc()).first()
    assert (mail.template, mail.recipient, mail.context["what"]) == (
        "security-notice", "alice@acme.example", "data-exported",
    )  # fmt: skip
    entry = AuditEntry.select().order_by(AuditEntry.id.desc()).first()
    assert entry.actor_id == world.root.id and entry.data["reason"] == "SUP-2041, rappelée."


def test_only_oneself_and_admins_make_it(world: Any) -> None:
    for person in (world.bob, world.sam, world.vera):
        with pytest.raises(NotAllowed):
            own_data.begin(world.alice.id, see(person), NOW, reason="Pour voir.")
    with pytest.raises(Invalid):
        own_data.begin(world.alice.id, see(world.root), NOW)


def test_five_a_day_and_no_more(world: Any) -> None:
    for minute in range(own_data.PER_DAY):
        own_data.begin(world.alice.id, see(world.alice), NOW + timedelta(minutes=minute))
    with pytest.raises(NotNow) as refused:
        own_data.begin(world.alice.id, see(world.alice), NOW + timedelta(hours=1))
    assert refused.value.status == 429
    own_data.begin(world.bob.id, see(world.bob), NOW)
    own_data.begin(world.alice.id, see(world.alice), NOW + timedelta(days=1, minutes=1))


def test_it_asks_for_a_fresh_sign_in(client: Any, world: Any, clock: Any) -> None:
    client.sign_in(world.alice)
    page = client.get("/account/data")
    clock.advance(minutes=20)
    assert client.send(page).location.startswith("/login/again")
    assert not AuditEntry.select().where(AuditEntry.kind == "data:exported").exists()


def test_ten_times_the_requests_take_little_more_memory(
    scene: Scene, world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What grows is the line of each request in the index, not the requests themselves."""
    monkeypatch.setattr(pace, "check", lambda *row, **names: None)

    def peak() -> int:
        class Sink(io.RawIOBase):
            def writable(self) -> bool:
                return True

            def write(self, data: Any) -> int:
                return len(data)

        tracemalloc.start()
        own_data.write(Sink(), Person.get_by_id(world.alice.id), NOW, scene.store, PlainPages())  # type: ignore[arg-type]
        _now, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    for _number in range(own_data.REQUESTS):
        scene.request("alice", description="x" * 20_000)
    peak()
    few = peak()
    for _number in range(2 * own_data.REQUESTS):
        scene.request("alice", description="x" * 20_000)
    assert peak() < few * 1.5
