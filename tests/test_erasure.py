"""Erasure of a person (STAFF-7): nothing that identifies them stays anywhere, the record of the organisation does.

Canaries are words that stand nowhere else. After an erasure every column of every table is read for them, the index of
words, the bytes of the SQLite file, the files and the ledger; after yesterday's backup is restored, again.
"""

from __future__ import annotations

import shutil
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from peewee import CharField, JSONField, TextField

import models
from domain import audit, erasure, files, redaction, traces
from domain.refusals import Invalid, NotAllowed, NotNow
from gateways.files import DiskStore
from gateways.ledger import FileLedger
from models import (
    Attachment,
    AuditEntry,
    Erasure,
    ErasureMark,
    Membership,
    Message,
    OutboxMessage,
    Participant,
    Person,
    Redaction,
    Satisfaction,
    Ticket,
    TicketEvent,
    is_sqlite,
)
from tests.conftest import NOW, shut
from tests.support.casework import again, answer, put_in, see, send
from tests.support.right_entries import PDF

LATER = NOW + timedelta(days=1)
NAME = "Zéphyrine Marsupilami"
OLD_NAME = "Zéphyrine Ornithorynque"
EMAIL = "zephyrine@acme.example"
OLD_EMAIL = "z.ornithorynque@acme.example"
USER_NAME = "zeph-marsu"
PHONE = "+33 6 98 76 54 32"
# In each form in which it could stand; accents are another thing inside JSON.
CANARIES = (
    "marsupilami", "ornithorynque", "zephyrine@acme", "z.ornithorynque", "zeph-marsu", "98 76 54 32",
    "Z\\u00e9phyrine Marsu",
)  # fmt: skip
TEXT = "le-texte-de-zephyrine"
FILE = b"%PDF-1.4 octets-de-zephyrine"
SIGNED = f"Bonjour,\n\nvoici {TEXT}.\n\n{NAME}\nTél. {PHONE}"
REASON = "SUP-2041, rappelée."

# Columns of text in which nobody looks, with the reason.
KEPT: dict[str, str] = {
    "PortalSetting": "settings of the team",
    "Portal": "words of the vendor",
    "Calendar": "words of the vendor",
    "CalendarClosingDay": "words of the vendor",
    "Team": "words of the vendor",
    "Product": "words of the vendor",
    "ProfileQuestion": "words of the vendor",
    "Kind": "words of the vendor",
    "Scale": "words of the vendor",
    "ScaleLevel": "words of the vendor",
    "Category": "words of the vendor",
    "RequestForm": "words of the vendor",
    "StatusLabel": "words of the vendor",
    "ConsentText": "words of the vendor",
    "ClosingRule": "words of the vendor",
    "Topic": "words of the vendor",
    "Article": "words of the vendor; versions are never changed",
    "ArticleVersion": "words of the vendor; versions are never changed",
    "Feature": "words of the vendor",
    "ExtraField": "words of the vendor",
    "Service": "words of the vendor",
    "ServiceIncident": "words of the vendor, public: no customer is named",
    "IncidentUpdate": "words of the vendor, public: no customer is named",
    "IncidentAnswer": "words of the vendor to many; each answer is a message of its request",
    "IncidentAnswerLine": "keys",
    "Announcement": "words of the vendor, public",
    "IdeaMove": "words of the vendor, public",
    "HelpLine": "words of the vendor",
    "EscalationLine": "words of the vendor, who names its own people there",
    "Highlight": "words of the vendor",
    "MailHold": "keys",
    "SpentChallenge": "a hash of what a browser signed, for minutes",
    "SignInFailure": "hashes of names, deleted with the account, and addresses of browsers",
    "IdentityProvider": "words of the vendor",
    "LinkingApplication": "words of the vendor",
    "Consent": "keys; what was agreed to, and when, proves what was lawful",
    "ErasureMark": "hashes",
}


# Tables whose rows name a person by key and stay, with the reason.
STAY: dict[str, str] = {
    **dict.fromkeys(
        ("Ticket", "TicketBlock", "Message", "Attachment", "Redaction", "TicketEvent", "Deletion", "JoinedRequest",
         "DeletionConfirmation", "PriorityContest", "Satisfaction", "Membership", "ContactReview"),
        "the record of the organisation, under the mark",
    ),
    **dict.fromkeys(
        ("Article", "ArticleVersion", "ServiceIncident", "IncidentUpdate", "IncidentAnswer", "IdeaMove"),
        "of the vendor, under the mark",
    ),
    **dict.fromkeys(("ArticleVote", "IdeaVote", "Idea", "IdeaComment"), "counted by others, under the mark"),
    "PartnerLink": "who set it and who ended it, under the mark",
    "Organisation": "whose account manager the person was: nobody from then on",
    "ContactImport": "what an admin brought in, under the mark",
    "Consent": "proves what was lawful, under the mark",
    "AuditEntry": "the record, under the mark",
    "Erasure": "the erasure itself",
}  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> DiskStore:
    return DiskStore(tmp_path / "files")


@pytest.fixture
def book(tmp_path: Path) -> FileLedger:
    return FileLedger(tmp_path / "erasures.jsonl")


@pytest.fixture
def erase(world: SimpleNamespace, store: DiskStore, book: FileLedger) -> Any:
    """Erase somebody as the admin of the demo world does."""

    def act(person: Any, way: str = "anonymise", **more: Any) -> Erasure:
        typed = more.pop("typed", Person.get_by_id(person.id).email)
        by = see(more.pop("by", world.root))
        more.setdefault("to", book)
        return erasure.erase(
            person.id, way, more.pop("reason", REASON), typed, by, LATER, store=store, **more
        )

    return act


def zephyrine(world: SimpleNamespace, store: DiskStore) -> SimpleNamespace:
    """A contact of Acme who left traces in every place that there is. Nothing of hers is under way."""
    from domain import accounts, contacts, deletion

    world_root = see(world.root)
    person = accounts.add_person(
        OLD_EMAIL, OLD_NAME, by=world_root, now=NOW, username=USER_NAME, password="un bec de canard au soleil",
        has_signed_in=True, invite=False,
    )  # fmt: skip
    acme = world.organisations["acme"]
    contacts.add_membership(
        person.id, acme.id, role="administrator", by=world_root, now=NOW, reason=f"{NAME} est connue."
    )
    accounts.correct(person.id, full_name=NAME, language=None, by=world_root, now=NOW, reason=f"dite {NAME}")
    with models.db.atomic():
        Person.update(email=EMAIL).where(Person.id == person.id).execute()
        audit.record(
            "account:address_changed", by=see(person), now=NOW, target=f"person:{person.id}",
            origin="203.0.113.77", before=OLD_EMAIL, after=EMAIL, username=False,
        )  # fmt: skip
    person = Person.get_by_id(person.id)
    attached = files.keep(BytesIO(FILE), f"{NAME}.pdf", see(person), NOW, store)
    ticket = send(
        world, by=person, description=SIGNED, summary=f"Demande de {NAME}", attachment_keys=[attached.key]
    )
    answer(ticket, world.sam, f"Bonjour {NAME},\n\nje vous rappelle au {PHONE}.")
    with models.db.atomic():
        audit.record_event(ticket, "ticket:moved", see(world.sam), NOW, reason=f"dit par {NAME}")
    theirs = send(world, by=world.alice, cc=[EMAIL], summary="Une autre demande")
    answer(theirs, world.alice, f"{NAME} sait pourquoi : écrivez à {EMAIL}.")
    answer(theirs, world.sam, f"{NAME.upper()} ET {NAME.title().replace(' ', chr(10))} : vu.")
    answer(theirs, person, f"Je confirme, {TEXT}.")
    everywhere(world, person, ticket, theirs)
    put_in(ticket, "closed")
    pending = files.keep(BytesIO(PDF), f"brouillon de {NAME}.pdf", see(person), NOW, store)
    assert deletion.of_ticket(ticket) is None
    return SimpleNamespace(
        person=person, ticket=again(ticket), theirs=again(theirs), pending=pending.id,
        stored=Attachment.get_by_id(attached.id).stored_name,
    )  # fmt: skip


def everywhere(world: SimpleNamespace, person: Person, ticket: Ticket, theirs: Ticket) -> None:
    """Rows of hers and about her in the tables that no verb above fills."""
    from models import db

    soon, digest, acme = NOW + timedelta(hours=1), iter(range(10**6)), world.organisations["acme"].id

    def sha() -> str:
        return f"{next(digest):064d}"

    me = person.id
    rows: list[tuple[Any, dict[str, Any]]] = [
        (models.UserSession, {"token_hash": sha(), "person": me, "created_at": NOW, "last_seen_at": NOW,
                              "expires_at": soon, "fresh_at": NOW, "origin": "203.0.113.77", "user_agent": NAME}),
        (models.AccountToken, {"person": me, "purpose": "password", "token_hash": sha(), "created_at": NOW, "expires_at": soon}),
        (models.AddressChange, {"person": me, "email": f"new.{OLD_EMAIL}", "token_hash": sha(), "created_at": NOW, "expires_at": soon}),
        (models.HeldForm, {"key_hash": sha(), "path": "/new", "data": {"body": [NAME]}, "person": me, "created_at": NOW}),
        (models.HeldForm, {"key_hash": sha(), "path": "/login", "data": {"email": [EMAIL]}, "created_at": NOW}),
        (models.Draft, {"person": me, "kind": "form", "form_slug": "incident", "organisation": acme, "data": {"body": SIGNED}, "updated_at": NOW, "minute_at": NOW}),
        (models.Draft, {"person": world.sam.id, "kind": "reply", "ticket": theirs.id, "data": {"body": f"Bonjour {NAME}"}, "updated_at": NOW, "minute_at": NOW}),
        (models.KnownBrowser, {"person": me, "token_hash": sha(), "user_agent": NAME, "created_at": NOW, "last_used_at": NOW, "expires_at": soon}),
        (models.SecurityKey, {"person": me, "name": NAME, "credential_id": "c", "public_key": "k", "created_at": NOW}),
        (models.RecoveryCode, {"person": me, "salt": "s", "code_hash": sha(), "created_at": NOW}),
        (models.MailChoice, {"person": me, "updated_at": NOW}),
        (models.ColumnChoice, {"person": me, "columns": ["number"]}),
        (models.AssistantQuestion, {"person": me, "subject": "other", "message": SIGNED, "created_at": NOW, "idempotency_key": sha()}),
        (models.AssistantQuestion, {"person": world.bob.id, "subject": "other", "message": f"Comme {NAME}.", "created_at": NOW, "idempotency_key": sha()}),
        (models.SearchMiss, {"words": f"{NAME} contrat".lower(), "last_at": NOW}),
        (models.Viewing, {"session": world.root_session, "person": me, "reason": f"aider {NAME}", "started_at": NOW, "until": soon, "ended_at": soon}),
        (models.Viewing, {"session": world.root_session, "person": world.alice.id, "reason": f"collègue de {NAME}", "started_at": NOW, "until": soon, "ended_at": soon}),
        (models.NamedPerson, {"ticket": ticket.id, "full_name": NAME, "employee_number": "178-marsupilami", "url": "/p/marsupilami", "details": f"née {OLD_NAME}"}),
        (models.LicenceRequest, {"ticket": theirs.id, "organisation": acme, "product": models.Product.get().id, "due_on": NOW.date(), "note": f"pour {NAME}"}),
        (models.PriorityContest, {"ticket": theirs.id, "contested_by": me, "contested_at": NOW, "reason": SIGNED, "before": "1", "after": "2"}),
        (models.Redaction, {"ticket": theirs.id, "message": Message.get(Message.ticket == theirs.id).id, "reason": f"demandé par {NAME}", "redacted_at": NOW}),
        (models.JobRun, {"name": "outbox", "started_at": NOW, "error": f"no such box: {EMAIL}"}),
        (models.Idea, {"title": f"Idée de {NAME}", "problem": SIGNED, "author": me, "created_at": NOW, "idempotency_key": sha()}),
        (models.ContactImport, {"file_name": f"{NAME}.csv", "reason": NAME, "created_at": NOW}),
        (models.TicketBlock, {"ticket": theirs.id, "blocker": ticket.id, "component": f"poste de {NAME}", "added_at": NOW, "ended_at": NOW}),
        (Satisfaction, {"ticket": ticket.id, "person": me, "closed_on": NOW.date(), "score": 4, "answered_at": NOW, "comment": SIGNED}),
    ]  # fmt: skip
    for table, values in rows:
        table.create(**values)
    taken = Message.get(Message.ticket == theirs.id)
    Message.update(body="").where(Message.id == taken.id).execute()
    idea = models.Idea.get(models.Idea.author == me)
    models.IdeaComment.create(idea=idea.id, author=me, body=SIGNED, created_at=NOW, idempotency_key=sha())
    models.IdeaComment.create(
        idea=idea.id, author=world.bob.id, body=f"Merci {NAME}", created_at=NOW, idempotency_key=sha()
    )
    models.IdeaVote.create(idea=idea.id, person=me, created_at=NOW)
    article = models.Article.get()
    models.ArticleVote.create(
        article=article.id, version=1, person=me, helpful=True, sentence=f"Merci, {NAME}", created_at=NOW
    )
    batch = models.ContactImport.get()
    models.ContactImportLine.create(
        batch=batch.id,
        number=1,
        cells={"email": EMAIL, "full_name": NAME},
        outcome="created",
        data={"name": NAME},
    )
    confirmed = models.Deletion.create(
        ticket=theirs.id, state="cancelled", people_hash="0" * 64, announced_at=NOW, cancelled_at=NOW,
        cancel_note=f"par {NAME}",
    )  # fmt: skip
    models.DeletionConfirmation.create(
        deletion=confirmed.id, role="second", person=me, given_at=NOW, wording_version=1, language="fr",
        text=f"Je supprime, {NAME}", text_hash="0" * 64, typed=NAME, call_note="",
    )  # fmt: skip
    models.Organisation.update(note=f"Contact : {NAME}, {PHONE}").where(
        models.Organisation.id == acme
    ).execute()
    Ticket.update(
        answers=[{"key": "who", "label_fr": "Qui", "label_en": "Who", "kind": "text", "value": SIGNED}],
        test_environment=f"banc de {NAME}",
        escalation_reference=f"chez {NAME}",
    ).where(Ticket.id == ticket.id).execute()
    for recipient, who in ((EMAIL, me), (OLD_EMAIL.upper(), None), (world.alice.email, world.alice.id)):
        mail = OutboxMessage.create(
            source=f"test:{recipient}", recipient=recipient, person=who, ticket=theirs.id, template="ticket-created",
            context={"said": f"Bonjour {NAME}"}, message_id=f"<{sha()}@x>", status="sent", created_at=NOW,
            sent_at=NOW, last_error=f"550 {EMAIL}",
        )  # fmt: skip
        models.MailCopy.create(message=mail.id, subject=f"Pour {NAME}", text=SIGNED)
    with db.atomic():
        audit.record("session:failed", by=None, now=NOW, target=f"person:{me}", origin="203.0.113.77")
        audit.record("list:exported", by=see(person), now=NOW, origin="203.0.113.77", words=NAME)


@pytest.fixture
def her(world: SimpleNamespace, store: DiskStore) -> SimpleNamespace:
    session = models.UserSession.create(
        token_hash="f" * 64, person=world.root.id, created_at=NOW, last_seen_at=NOW,
        expires_at=NOW + timedelta(hours=9), fresh_at=NOW,
    )  # fmt: skip
    world.root_session = session.id
    return zephyrine(world, store)


def holding(canaries: tuple[str, ...] = CANARIES) -> list[str]:
    """Where a canary still stands: table and column of each, the index of words too."""
    found = []
    for table in models.TABLES:
        for row in table.select().dicts():
            for name, value in row.items():
                text = str(value).casefold()
                found += [f"{table.__name__}.{name}: {word}" for word in canaries if word.casefold() in text]
    for row in models.db.execute_sql("SELECT * FROM ticket_search").fetchall():
        text = str(row).casefold()
        found += [f"ticket_search: {word}" for word in ("marsupilam", "ornithorynqu") if word in text]
    return found


def bytes_holding(database: Any) -> list[str]:
    """Which files of a SQLite database hold a canary in their bytes."""
    database.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    path, found = Path(database.database), []
    for file in path.parent.glob(f"{path.name}*"):
        held = file.read_bytes().lower()
        found += [f"{file.name}: {word}" for word in CANARIES if word.lower().encode() in held]
    return found


# ---- Nothing is left -----------------------------------------------------------------------------------


def test_each_column_of_text_is_looked_at_or_has_a_reason() -> None:
    own = {table.__name__ for tables in erasure.OWN_ROWS.values() for table, _owner in tables}
    looked = {table.__name__ for table in (*traces.COLUMNS, *traces.RECORDS)} | {"Person", "Participant"}
    texts = {
        table.__name__
        for table in models.TABLES
        if any(isinstance(one, CharField | TextField | JSONField) for one in table._meta.sorted_fields)
    }
    assert texts - own - looked == set(KEPT)


def test_each_table_that_names_a_person_goes_or_has_a_reason() -> None:
    naming = {
        table.__name__
        for table in models.TABLES
        if any(getattr(field, "rel_model", None) is Person for field in table._meta.sorted_fields)
    }
    own = {table.__name__ for tables in erasure.OWN_ROWS.values() for table, _owner in tables}
    assert naming == own | set(STAY) and not own & set(STAY)


@pytest.mark.parametrize("way", erasure.WAYS)
def test_no_canary_is_left_anywhere(
    world: Any, database: Any, her: SimpleNamespace, erase: Any, store: DiskStore, book: FileLedger, way: str
) -> None:
    before = {line.split(".")[0] for line in holding()}
    assert len(before) > 25, sorted(before)
    erase(her.person, way, reason=f"{REASON} {NAME}")
    assert holding() == []
    if is_sqlite():
        assert bytes_holding(database) == []
    for word in CANARIES:
        assert word.lower() not in book.path.read_text("utf-8").lower()
    assert not Attachment.select().where(Attachment.id == her.pending).exists()
    text_is_there = any(TEXT in body for (body,) in Message.select(Message.body).tuples())
    assert text_is_there == (way == "anonymise")
    assert (store.root / her.stored[:2] / her.stored).exists() == (way == "anonymise")
    assert audit.verify() == []


def test_the_record_of_the_organisation_stays(world: Any, her: SimpleNamespace, erase: Any) -> None:
    messages = Message.select().count()
    kinds = [row.kind for row in TicketEvent.select().order_by(TicketEvent.id)]
    erase(her.person)
    row = Person.get_by_id(her.person.id)
    mark = f"Ancien contact {row.id}"
    assert (row.full_name, row.email, row.username) == (
        mark, f"former-{row.id}@erased.invalid", f"former-{row.id}@erased.invalid",
    )  # fmt: skip
    assert not row.is_active and row.password_hash is None
    ticket = again(her.ticket)
    assert (ticket.number, ticket.requester_id, ticket.summary) == (
        her.ticket.number,
        row.id,
        f"Demande de {mark}",
    )
    assert Message.select().count() == messages
    first = Message.get(Message.ticket == ticket.id)
    assert first.body == f"Bonjour,\n\nvoici {TEXT}.\n\n{mark}\nTél. {mark}"
    assert [row.kind for row in TicketEvent.select().order_by(TicketEvent.id)] == kinds
    membership = Membership.get(Membership.person == row.id)
    assert membership.removed_at == LATER and not membership.can_open
    assert not Participant.select().where(Participant.person == row.id).exists()
    assert models.IdeaVote.select().where(models.IdeaVote.person == row.id).exists()


def test_erasing_empties_what_she_wrote_and_nothing_of_others(
    world: Any, her: SimpleNamespace, erase: Any
) -> None:
    erase(her.person, "erase")
    mine = Message.select().where(Message.author == her.person.id)
    assert [row.body for row in mine] == ["", ""]
    assert Redaction.select().where(Redaction.message.in_(mine)).count() == 2
    others = [row.body for row in Message.select().where(Message.author != her.person.id)]
    assert any("je vous rappelle" in body for body in others)
    ticket = again(her.ticket)
    assert ticket.summary == "Demande d’un ancien contact"
    assert [one["value"] for one in ticket.answers] == ["Retiré par l’équipe"]
    rated = Satisfaction.get(Satisfaction.ticket == ticket.id)
    assert (rated.score, rated.comment) == (4, "")
    assert not OutboxMessage.select().where(OutboxMessage.template == "redacted").exists()


def test_somebody_of_the_same_name_keeps_it(world: Any, her: SimpleNamespace, erase: Any) -> None:
    from tests.support.casework import person as make

    other = make("marsu", full_name=NAME)
    assert erasure.look(her.person.id, see(world.root)).has_namesake
    erase(her.person)
    assert Person.get_by_id(other.id).full_name == NAME
    left = holding()
    assert left and not [line for line in left if "@" in line or "98 76" in line or "zeph-marsu" in line]


# ---- The records ---------------------------------------------------------------------------------------


def test_a_line_that_lost_words_cannot_change_again(world: Any, her: SimpleNamespace, erase: Any) -> None:
    row = erase(her.person)
    mark = ErasureMark.get((ErasureMark.erasure == row.id) & (ErasureMark.record == "ticket_event"))
    event = TicketEvent.get_by_id(mark.row)
    TicketEvent.update(data={**event.data, "reason": "autre chose"}).where(
        TicketEvent.id == event.id
    ).execute()
    assert audit.verify() == [f"event {event.id} of request {event.ticket_id}"]


def test_a_mark_that_somebody_adds_is_seen(world: Any, her: SimpleNamespace, erase: Any) -> None:
    row = erase(her.person)
    entry = AuditEntry.select().order_by(AuditEntry.id).first()
    AuditEntry.update(data={"forged": True}).where(AuditEntry.id == entry.id).execute()
    forged = audit.hash_of_rest(AuditEntry.get_by_id(entry.id))
    ErasureMark.delete().where(
        (ErasureMark.record == "audit_entry") & (ErasureMark.row == entry.id)
    ).execute()
    ErasureMark.create(erasure=row.id, record="audit_entry", row=entry.id, stays=forged)
    assert audit.verify() == [f"marks of erasure {row.id}"]


def test_two_people_in_one_line_can_both_be_erased(world: Any, her: SimpleNamespace, erase: Any) -> None:
    bob = Person.get_by_id(world.bob.id)
    with models.db.atomic():
        audit.record("list:exported", by=see(world.root), now=NOW, words=f"{NAME} et {bob.full_name}")
    for row in Ticket.select().where(Ticket.requester == bob.id):
        put_in(row, "closed")
    erase(her.person)
    erase(bob)
    words = [row.data["words"] for row in AuditEntry.select().where(AuditEntry.kind == "list:exported")]
    assert f"Ancien contact {her.person.id} et Ancien contact {bob.id}" in words
    assert audit.verify() == []


# ---- What cannot be ------------------------------------------------------------------------------------


def test_what_cannot_be_done_is_refused_with_its_reason(world: Any, her: SimpleNamespace, erase: Any) -> None:
    def code(person: Any, **more: Any) -> str:
        with pytest.raises((NotNow, NotAllowed, Invalid)) as refused:
            erase(person, **more)
        return refused.value.code

    assert code(world.root) == "erase-yourself"
    assert code(her.person, by=world.sam) == "erase-not-yours"
    assert code(her.person, typed="zephyrine") == "erase-confirmation"
    assert code(her.person, reason="  ") == "erase-reason"
    assert code(her.person, way="forget") == "erase-way"
    ticket = send(world)
    put_in(ticket, "in_progress", assignee=world.sam)
    assert code(world.sam) == "erase-assigned"
    send(world, by=her.person, summary="En cours")
    assert code(her.person) == "erase-under-way"
    assert code(her.person, heir=world.charlie.id) == "handover-unknown"
    # She has confirmed a deletion of the demo world: nobody can take over that word.
    assert code(world.alice, heir=world.bob.id) == "erase-agreed"
    assert Erasure.select().count() == 0


def test_the_only_admin_is_not_erased(world: Any, erase: Any) -> None:
    others = Person.select().where((Person.staff_role == "admin") & (Person.id != world.root.id))
    viewer = see(world.root)
    person = Person.create(
        email="admin2@guichet.example", username="admin2", full_name="Autre Admin", staff_role="admin",
        is_active=True, created_at=NOW,
    )  # fmt: skip
    Person.update(is_active=False).where(
        Person.id.in_([row.id for row in others if row.id != person.id])
    ).execute()
    # The one who acts lost the role a moment ago, in another tab.
    Person.update(staff_role="agent").where(Person.id == world.root.id).execute()
    with pytest.raises(NotNow) as refused:
        erasure._check(person, viewer, False)
    assert refused.value.code == "last-admin"


def test_requests_under_way_go_to_the_colleague_who_was_chosen(
    world: Any, her: SimpleNamespace, erase: Any
) -> None:
    ticket = send(world, by=her.person, summary="En cours")
    erase(her.person, heir=world.alice.id)
    assert again(ticket).requester_id == world.alice.id
    told = OutboxMessage.select().where(OutboxMessage.template == "request-handed-over")
    people = {row.person_id for row in told}
    assert world.alice.id in people and her.person.id not in people


def test_somebody_whom_a_running_deletion_names_waits(world: Any, her: SimpleNamespace, erase: Any) -> None:
    ticket = send(world)
    models.NamedPerson.create(ticket=ticket.id, full_name="Émilie Éléonore", employee_number="1")
    Person.update(full_name="Émilie Éléonore").where(Person.id == her.person.id).execute()
    models.Deletion.create(ticket=ticket.id, people_hash="0" * 64, announced_at=NOW)
    with pytest.raises(NotNow) as refused:
        erase(her.person)
    assert (refused.value.code, refused.value.data["numbers"]) == ("erase-named", ticket.number)


def test_an_erased_account_is_opened_by_nothing(world: Any, her: SimpleNamespace, erase: Any) -> None:
    from domain import accounts

    erase(her.person)
    with pytest.raises(NotNow) as refused:
        accounts.enable(her.person.id, see(world.root), LATER)
    assert refused.value.code == "account-erased"
    with pytest.raises(NotNow) as refused:
        erase(her.person)
    assert refused.value.code == "erase-done"


def test_the_address_is_free_for_a_new_account(world: Any, her: SimpleNamespace, erase: Any) -> None:
    from domain import accounts

    erase(her.person)
    made = accounts.add_person(EMAIL, NAME, by=see(world.root), now=LATER, invite=False)
    assert made.id != her.person.id


# ---- The ledger ----------------------------------------------------------------------------------------


def test_without_ledger_nothing_is_done(world: Any, her: SimpleNamespace, erase: Any, tmp_path: Path) -> None:
    with pytest.raises(NotNow) as refused:
        erase(her.person, to=FileLedger(tmp_path / "nowhere" / "erasures.jsonl"))
    assert refused.value.code == "ledger-closed"
    assert Person.get_by_id(her.person.id).email == EMAIL


def test_what_failed_is_taken_back_in_the_ledger(
    world: Any, her: SimpleNamespace, erase: Any, book: FileLedger, monkeypatch: Any
) -> None:
    append = FileLedger.append

    def break_after(self: FileLedger, line: dict[str, Any]) -> None:
        append(self, line)
        if line["kind"] == "erasure":
            raise RuntimeError("the power of the database went")

    monkeypatch.setattr(FileLedger, "append", break_after)
    from domain import ledger

    written = ledger.Step.write

    def note(self: Any, kind: str, uid: str, now: Any, **facts: Any) -> None:
        self.written.append(uid)
        written(self, kind, uid, now, **facts)

    monkeypatch.setattr(ledger.Step, "write", note)
    with pytest.raises(RuntimeError):
        erase(her.person)
    monkeypatch.undo()
    assert Person.get_by_id(her.person.id).email == EMAIL
    assert [line["kind"] for line in book.lines()] == ["erasure", "void"]
    assert erasure.pending(book) == []


def test_a_line_without_its_commit_is_carried_out_at_the_next_start(
    world: Any, her: SimpleNamespace, erase: Any, book: FileLedger, store: DiskStore
) -> None:
    """The process died between the line and the commit: the erasure was decided, and is done."""
    from domain import ledger

    with ledger.step(book) as step:
        row = Person.get_by_id(her.person.id)
        uid = ledger.new_uid()
        step.write(
            "erasure", uid, LATER, way="anonymise", person=row.id, by=world.root.id,
            print=ledger.fingerprint(uid, "person", row.id, row.created_at),
        )  # fmt: skip
    assert len(erasure.pending(book)) == 1
    erasure.reapply(LATER, store=store, to=book)
    assert holding() == [] and erasure.pending(book) == []


def test_a_key_that_was_given_again_is_somebody_else(
    world: Any, her: SimpleNamespace, erase: Any, book: FileLedger, store: DiskStore
) -> None:
    erase(her.person)
    ErasureMark.delete().execute()
    Erasure.delete().execute()
    Person.update(created_at=LATER, full_name="Quelqu’un d’autre").where(Person.id == her.person.id).execute()
    report = erasure.reapply(LATER, store=store, to=book)
    assert (report.erased, report.absent) == ([], 1)
    assert Person.get_by_id(her.person.id).full_name == "Quelqu’un d’autre"


def test_a_lost_ledger_is_written_again_from_the_database(
    world: Any, her: SimpleNamespace, erase: Any, book: FileLedger, store: DiskStore
) -> None:
    erase(her.person, "erase")
    ticket = send(world)
    secret = answer(ticket, world.alice, "mot de passe : loutre-verte")
    redaction.redact(
        again(ticket),
        secret.id,
        redaction.Parts(text=True),
        "Collé.",
        see(world.sam),
        LATER,
        store=store,
        to=book,
    )
    count = len(book.lines())
    book.path.unlink()
    erasure.reapply(LATER, store=store, to=book)
    assert sorted(line["kind"] for line in book.lines()) == [
        "erasure",
        *["redaction"] * (len(book.lines()) - 1),
    ]
    assert len(book.lines()) >= count
    again_written = book.path.read_bytes()
    erasure.reapply(LATER, store=store, to=book)
    assert book.path.read_bytes() == again_written


def test_a_line_that_was_cut_swallows_no_other(book: FileLedger) -> None:
    book.append({"uid": "a", "kind": "erasure"})
    with open(book.path, "ab") as file:
        file.write(b'{"uid": "b", "ki')
    book.append({"uid": "c", "kind": "erasure"})
    assert [line["uid"] for line in book.lines()] == ["a", "c"]
    assert book.path.stat().st_mode & 0o077 == 0


# ---- Yesterday's backup --------------------------------------------------------------------------------


class Backup:
    """A copy of the database and of the files, and its return: by files, or by databases of the server."""

    def __init__(self, database: Any, engine: Any, files_dir: Path) -> None:
        self.url, self.engine, self.files_dir = database.guichet_url, engine, files_dir
        shut(database)
        shutil.copytree(files_dir, files_dir.with_name("files-yesterday"))
        if engine.name == "sqlite":
            path = Path(self.url.removeprefix("sqlite:///"))
            shutil.copyfile(path, path.with_suffix(".yesterday"))
        else:
            self._copy(self._name(), f"{self._name()}_yesterday")
        database.connect(reuse_if_open=True)

    def _name(self) -> str:
        return str(self.url.partition("?")[0].rsplit("/", 1)[1])

    def _copy(self, origin: str, target: str) -> None:
        self.engine.connection.execute(f'DROP DATABASE IF EXISTS "{target}" WITH (FORCE)')
        self.engine.connection.execute(f'CREATE DATABASE "{target}" TEMPLATE "{origin}"')

    def restore(self, database: Any) -> None:
        """Put everything back as it was then."""
        shut(database)
        shutil.rmtree(self.files_dir)
        shutil.copytree(self.files_dir.with_name("files-yesterday"), self.files_dir)
        if self.engine.name == "sqlite":
            path = Path(self.url.removeprefix("sqlite:///"))
            for end in ("-wal", "-shm"):
                path.with_name(path.name + end).unlink(missing_ok=True)
            shutil.copyfile(path.with_suffix(".yesterday"), path)
        else:
            self._copy(f"{self._name()}_yesterday", self._name())
        database.connect(reuse_if_open=True)


@pytest.mark.parametrize("way", erasure.WAYS)
def test_who_was_erased_stays_erased_when_yesterday_is_restored(
    world: Any, database: Any, engine: Any, her: SimpleNamespace, erase: Any, store: DiskStore, book: FileLedger,
    way: str,
) -> None:  # fmt: skip
    ticket = send(world)
    secret = answer(ticket, world.alice, "mot de passe : loutre-verte", attachment_keys=[
        files.keep(BytesIO(PDF), "loutre-verte.pdf", see(world.alice), NOW, store).key
    ])  # fmt: skip
    subject = "Objet avec loutre-verte"
    Ticket.update(summary=subject).where(Ticket.id == ticket.id).execute()
    backup = Backup(database, engine, store.root)
    erase(her.person, way)
    first = Message.select().where(Message.ticket == ticket.id).order_by(Message.id).first()
    attached = [row.id for row in Attachment.select().where(Attachment.message == secret.id)]
    for message_id, parts in (
        (secret.id, redaction.Parts(text=True, file_ids=frozenset(attached))),
        (first.id, redaction.Parts(answers=True, subject="Objet sans secret")),
    ):
        redaction.redact(
            again(ticket), message_id, parts, "Collé.", see(world.sam), LATER, store=store, to=book
        )
    assert holding(("loutre-verte",)) == []
    backup.restore(database)
    assert holding() and holding(("loutre-verte",))
    assert len(erasure.pending(book)) == 3
    report = erasure.reapply(LATER, store=store, to=book)
    assert report.erased == [her.person.id] and set(report.redacted) == {ticket.number}
    assert holding() == [] and holding(("loutre-verte",)) == []
    if is_sqlite():
        assert bytes_holding(database) == []
    assert again(ticket).summary == "Objet retiré par l’équipe"
    assert not [path for path in store.root.rglob("*") if path.is_file() and FILE in path.read_bytes()] or (
        way == "anonymise"
    )
    assert audit.verify() == []
    # Once more changes nothing. The fourth line was taken out before there was a ledger.
    rows = {table.__name__: table.select().count() for table in models.TABLES}
    report = erasure.reapply(LATER, store=store, to=book)
    assert (report.erased, report.redacted, report.standing, report.absent) == ([], [], 4, 0)
    assert {table.__name__: table.select().count() for table in models.TABLES} == rows
    assert erasure.pending(book) == []
