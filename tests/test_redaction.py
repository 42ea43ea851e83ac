"""Redaction (STAFF-10): what the team takes out is gone from every place that held it, and the fact stays."""

from __future__ import annotations

from datetime import timedelta
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import mailer
import models
from domain import audit, conversation, drafts, files, notifications, redaction, search, splitting
from domain.redaction import Parts
from domain.refusals import Invalid, Missing, NotAllowed, NotNow
from gateways.files import DiskStore
from models import (
    Attachment,
    AuditEntry,
    Draft,
    HeldForm,
    MailCopy,
    Message,
    OutboxMessage,
    Redaction,
    Ticket,
    TicketEvent,
    is_sqlite,
)
from tests.conftest import NOW
from tests.support.casework import again, answer, forget_mails, key, last_event, mails, see, send
from tests.support.right_entries import PDF, PNG
from tests.support.scene import Scene

LATER = NOW + timedelta(hours=2)
SECRET = "ornithorynque-41"
PASTED = f"Bonjour,\n\nmon mot de passe est {SECRET}.\n\nMerci."
REASON = "Un mot de passe collé par erreur."


@pytest.fixture
def store(tmp_path: Path) -> DiskStore:
    return DiskStore(tmp_path / "files")


@pytest.fixture
def take_out(world: SimpleNamespace, store: DiskStore) -> Any:
    """Take something out as sam does."""

    def act(message: Message, parts: Parts | None = None, **more: Any) -> int:
        by = see(more.pop("by", world.sam))
        reason = more.pop("reason", REASON)
        return redaction.redact(
            again(message.ticket),
            message.id,
            parts or Parts(text=True),
            reason,
            by,
            LATER,
            store=store,
            **more,
        )

    return act


def attach(store: DiskStore, by: Any, name: str = f"{SECRET}.pdf", content: bytes = PDF) -> str:
    return files.keep(BytesIO(content), name, see(by), NOW, store).key


def everything_kept() -> str:
    """All that the database holds, whatever the column, and the words of the index."""
    rows = [str(row) for table in models.TABLES for row in table.select().tuples()]
    rows += [str(row) for row in models.db.execute_sql("SELECT * FROM ticket_search").fetchall()]
    return "\n".join(rows)


def deliver() -> list[str]:
    """Send what waits; returns the texts that left."""
    texts: list[str] = []

    def post(row: OutboxMessage) -> notifications.Sent:
        made = mailer.render(row, "https://aide.initech.example", LATER)
        texts.append(f"{made.subject}\n{made.text}\n{made.html}")
        return notifications.Sent(made.copies, made.left_out)

    notifications.deliver_due(post, LATER)
    return texts


def test_a_pasted_password_is_nowhere_any_more(world: Any, take_out: Any, store: DiskStore, app: Any) -> None:
    with app.test_request_context():
        ticket = send(world, cc=["bob@acme.example"])
        message = answer(ticket, world.alice, PASTED, attachment_keys=[attach(store, world.alice)])
        assert any(SECRET in text for text in deliver())
        assert MailCopy.select().where(MailCopy.text.contains(SECRET)).exists()
        place = drafts.Place("reply", ticket=ticket)
        drafts.keep(
            place, {"body": [f"Vous écrivez :\nmon mot de passe est {SECRET}.\nEh bien"]}, see(world.bob), NOW
        )
        HeldForm.create(
            key_hash="h",
            path="/requests/new/incident",
            data={"description": [PASTED]},
            person=world.alice,
            created_at=NOW,
        )
        assert search.matching_ids(SECRET, belongs=[f"r{world.alice.id}"])
        [row] = message.attachments
        assert take_out(message, Parts(text=True, file_ids=frozenset({row.id}))) == 2
        assert SECRET not in everything_kept()
        assert not any(path.is_file() for path in store.root.rglob("*"))
        assert search.matching_ids(SECRET, belongs=[f"r{world.alice.id}"]) == []
        assert "Eh bien" in Draft.get().data["body"][0]
        # What is told now says that it happened, and nothing else.
        told = deliver()
        assert told and not any(SECRET in text for text in told)
    assert again(ticket).messages.count() == 2
    assert audit.verify() == []


def test_a_mail_that_waits_says_that_it_was_taken_out(world: Any, take_out: Any, app: Any) -> None:
    with app.test_request_context():
        ticket = send(world, cc=["bob@acme.example"])
        forget_mails()
        message = answer(ticket, world.sam, PASTED)
        take_out(message, by=world.ines)
        texts = deliver()
        assert not any(SECRET in text for text in texts)
        assert any("Retiré par l’équipe" in text for text in texts)


def test_mails_from_before_it_was_written_keep_their_text(world: Any, take_out: Any, app: Any) -> None:
    with app.test_request_context():
        ticket = send(world, now=NOW - timedelta(days=1))
        deliver()
        before = MailCopy.select().count()
        assert before
        message = answer(ticket, world.alice, PASTED)
        deliver()
        assert MailCopy.select().count() > before
        take_out(message)
        assert MailCopy.select().count() == before


def test_the_history_tells_who_and_why_and_the_author_is_told(world: Any, take_out: Any) -> None:
    ticket = send(world)
    message = answer(ticket, world.alice, PASTED)
    forget_mails()
    take_out(message)
    event = last_event(ticket)
    assert (event.kind, event.actor_id, event.is_public) == ("ticket:redacted", world.sam.id, True)
    assert event.data["reason"] == REASON and event.data["person_id"] == world.alice.id
    assert mails(ticket) == {("redacted", "alice")}
    row = Redaction.get()
    assert (row.message_id, row.redacted_by_id, row.redacted_at) == (message.id, world.sam.id, LATER)
    entry = AuditEntry.select().order_by(AuditEntry.id.desc()).first()
    assert (entry.kind, entry.target) == ("content:redacted", f"ticket:{ticket.number}")


def test_a_note_is_taken_out_without_a_word_to_the_customer(world: Any, take_out: Any) -> None:
    ticket = send(world)
    note = conversation.note(ticket, PASTED, see(world.ines), NOW, idempotency_key=key())
    forget_mails()
    take_out(note)
    assert not last_event(ticket).is_public
    assert mails(ticket) == {("redacted", "ines")}
    assert SECRET not in everything_kept()


def test_copies_in_a_request_split_from_it_go_too(world: Any, take_out: Any, store: DiskStore) -> None:
    ticket = send(world)
    message = answer(
        ticket, world.alice, PASTED, attachment_keys=[attach(store, world.alice, "cle.png", PNG)]
    )
    made = splitting.split(
        again(ticket), message.id, "Un autre sujet", see(world.sam), NOW, store=store, idempotency_key=key()
    )
    other = send(world, description=PASTED)
    shown = redaction.look(again(ticket), message.id, see(world.sam))
    assert shown.copies == [made.number]
    assert take_out(message, Parts(text=True, file_ids=frozenset(row.id for row in shown.files))) == 4
    assert last_event(made).kind == "ticket:redacted"
    assert not any(path.is_file() for path in store.root.rglob("*"))
    # A request that has nothing to do with it keeps its words, even the same ones.
    assert Message.get(Message.ticket == other.id).body == PASTED
    assert audit.verify() == []


def test_thanks_said_twice_are_taken_out_once(world: Any, take_out: Any, store: DiskStore) -> None:
    ticket = send(world)
    first, second = answer(ticket, world.alice, "Merci."), answer(ticket, world.alice, "Merci.")
    made = splitting.split(
        again(ticket), second.id, "Un autre sujet", see(world.sam), NOW, store=store, idempotency_key=key()
    )
    theirs = answer(made, world.sam, "Merci.")
    assert take_out(first) == 2, "the message, and the description made of the same words of the same person"
    assert Message.get_by_id(second.id).body == Message.get_by_id(theirs.id).body == "Merci."


def test_answers_and_subject_of_the_form_go_when_wished(world: Any, take_out: Any) -> None:
    ticket = send(
        world,
        summary=f"Accès avec {SECRET}",
        answers=[
            {
                "key": "steps",
                "label_fr": "Étapes",
                "label_en": "Steps",
                "value": f"Saisir {SECRET}",
                "kind": "text",
            }
        ],
    )
    first = Message.get(Message.ticket == ticket.id)
    assert take_out(first, Parts(answers=True, subject="Accès impossible")) == 2
    row = again(ticket)
    assert row.summary == "Accès impossible"
    assert row.answers[0]["value_fr"] == "Retiré par l’équipe" and row.answers[0]["label_en"] == "Steps"
    assert SECRET not in everything_kept()
    # The text was not asked to go.
    assert "AC04" in Message.get_by_id(first.id).body
    assert not redaction.look(row, first.id, see(world.sam)).has_answers


def test_doing_it_twice_changes_nothing_more(world: Any, take_out: Any) -> None:
    ticket = send(world)
    message = answer(ticket, world.alice, PASTED)
    assert take_out(message) == 1
    before = TicketEvent.select().count()
    assert take_out(message) == 0
    assert TicketEvent.select().count() == before and Redaction.select().count() == 1


@pytest.mark.parametrize(
    ("parts", "reason", "code"),
    [
        (Parts(), REASON, "redact-nothing"),
        (Parts(text=True), "  ", "reason-needed"),
        (Parts(subject="x" * 201), REASON, "name-too-long"),
    ],
)
def test_bad_entries_are_refused_and_leave_everything(
    world: Any, take_out: Any, parts: Parts, reason: str, code: str
) -> None:
    ticket = send(world)
    message = answer(ticket, world.alice, PASTED)
    with pytest.raises(Invalid) as refused:
        take_out(message, parts, reason=reason)
    assert refused.value.code == code
    assert Message.get_by_id(message.id).body == PASTED and not Redaction.select().exists()


def test_only_the_desk_takes_out_and_only_what_is_of_the_request(
    world: Any, take_out: Any, store: DiskStore
) -> None:
    ticket, other = send(world), send(world, by=world.charlie)
    message = answer(ticket, world.alice, PASTED)
    for person, refusal in ((world.alice, NotAllowed), (world.charlie, Missing)):
        with pytest.raises(refusal):
            take_out(message, by=person)
    with pytest.raises(Missing):
        redaction.redact(
            again(other), message.id, Parts(text=True), REASON, see(world.sam), LATER, store=store
        )
    assert Message.get_by_id(message.id).body == PASTED


def test_a_file_of_another_message_stays(world: Any, take_out: Any, store: DiskStore) -> None:
    ticket = send(world)
    message = answer(ticket, world.alice, PASTED)
    answer(ticket, world.alice, "Et le fichier.", attachment_keys=[attach(store, world.alice)])
    row = Attachment.get()
    assert take_out(message, Parts(text=True, file_ids=frozenset({row.id}))) == 1
    assert Attachment.get_by_id(row.id).name == f"{SECRET}.pdf"


def test_what_was_taken_out_is_not_split_off(world: Any, take_out: Any) -> None:
    ticket = send(world)
    message = answer(ticket, world.alice, PASTED)
    take_out(message)
    with pytest.raises(NotNow) as refused:
        splitting.message_of(again(ticket), message.id, see(world.sam))
    assert refused.value.code == "message-redacted"


def test_the_bytes_of_the_database_hold_it_no_more(world: Any, take_out: Any, database: Any) -> None:
    """A backup to come is a copy of the file: what was taken out is not in it, nor in the log beside it (SQLite)."""
    if not is_sqlite():
        pytest.skip("a dump of PostgreSQL holds living rows alone")
    ticket = send(world)
    message = answer(ticket, world.alice, PASTED)
    for _number in range(20):
        answer(ticket, world.alice, "Une suite sans importance, qui remplit des pages.")
    path = Path(database.database)
    database.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    assert SECRET.encode() in path.read_bytes()
    take_out(message)
    database.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    for file in path.parent.glob(f"{path.name}*"):
        held = file.read_bytes()
        assert SECRET.encode() not in held and b"ornithorynqu" not in held, file.name


# ---- Pages ---------------------------------------------------------------------------------------------


@pytest.fixture
def scene(app: Any, world: SimpleNamespace) -> Scene:
    return Scene(app, world)


def test_sam_takes_a_password_out_and_alice_reads_that_it_is_gone(
    client: Any, scene: Scene, world: Any
) -> None:
    ticket = scene.request("alice", attachment_keys=[scene.upload("alice", "code.png").key])
    message = scene.reply(ticket, "alice", PASTED)
    client.sign_in(world.sam)
    page = client.get(f"/desk/tickets/{ticket.number}")
    address = f"/desk/tickets/{ticket.number}/redaction?message={message.id}"
    assert address.replace("&", "&amp;") in page.text
    wrong = client.submit(address)
    assert wrong.status_code == 422 and "Dites pourquoi" in wrong.text
    done = client.send(wrong, reason=REASON, for_good="y")
    assert done.status_code == 303
    for person, path in (
        (world.sam, f"/desk/tickets/{ticket.number}"),
        (world.alice, f"/tickets/{ticket.number}"),
    ):
        client.sign_in(person)
        page = client.get(path)
        assert SECRET not in page.text
        assert "<em>Retiré par l’équipe</em>" in page.text
        assert "a retiré 1 texte : Un mot de passe collé par erreur" in page.text.replace(
            "\u00a0", " "
        ).replace("\u202f", " ")


def test_a_file_that_was_taken_out_is_named_no_more(client: Any, scene: Scene, world: Any) -> None:
    ticket = scene.request("alice", attachment_keys=[scene.upload("alice", "mot-de-passe.png").key])
    first = Message.get(Message.ticket == ticket.id)
    row = Attachment.get(Attachment.ticket == ticket.id)
    client.sign_in(world.alice)
    address = f"/files/{row.key}/mot-de-passe.png"
    assert client.get(address).status_code == 200
    client.sign_in(world.sam)
    done = client.submit(
        f"/desk/tickets/{ticket.number}/redaction?message={first.id}",
        parts=[f"file-{row.id}"], reason=REASON, for_good="y",
    )  # fmt: skip
    assert done.status_code == 303
    for person in (world.sam, world.alice):
        client.sign_in(person)
        assert client.get(address).status_code == 404
        where = "/desk/tickets/" if person is world.sam else "/tickets/"
        page = client.get(f"{where}{ticket.number}")
        assert "mot-de-passe.png" not in page.text and "Retiré par l’équipe" in page.text
    assert Message.get_by_id(first.id).body


def test_it_asks_for_a_fresh_sign_in(client: Any, scene: Scene, world: Any, clock: Any) -> None:
    message = scene.reply(scene.request("alice"), "alice", PASTED)
    client.sign_in(world.sam)
    page = client.get(f"/desk/tickets/{message.ticket.number}/redaction?message={message.id}")
    clock.advance(minutes=20)
    answered = client.send(page, reason=REASON, for_good="y")
    assert answered.location.startswith("/login/again")
    assert Message.get_by_id(message.id).body == PASTED
    assert Ticket.select().count()
