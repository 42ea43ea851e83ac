"""What is always true of a row is held by the database itself: each rule is broken once, and named in the error."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from peewee import SQL, IntegrityError

from models import (
    TABLES,
    Announcement,
    Article,
    AssistantQuestion,
    Attachment,
    AuditEntry,
    CalendarClosingDay,
    ClosingRule,
    ContactImport,
    ContactImportLine,
    Deletion,
    DeletionConfirmation,
    Draft,
    Erasure,
    ErasureMark,
    EscalationLine,
    ExtraField,
    Feature,
    HelpLine,
    Highlight,
    Idea,
    IdeaComment,
    IdeaFollow,
    IdeaMove,
    IdeaVote,
    IdentityProvider,
    IncidentAnswer,
    IncidentAnswerLine,
    IncidentUpdate,
    Kind,
    LicenceRequest,
    MailAction,
    MailChoice,
    MailCopy,
    MailHold,
    Membership,
    Message,
    MobileNumber,
    Organisation,
    OutboxMessage,
    Participant,
    PartnerLink,
    PendingSignIn,
    Person,
    Portal,
    PriorityContest,
    Product,
    ProductKind,
    ProfileAnswer,
    ProfileQuestion,
    ReadMark,
    Redaction,
    Satisfaction,
    ScaleLevel,
    SecurityKey,
    ServiceIncident,
    Table,
    TeamMember,
    TextMessage,
    Ticket,
    TicketBlock,
    TicketRead,
    Topic,
    UserSession,
    UtcField,
    Viewing,
    db,
    is_sqlite,
)
from tests.conftest import NOW
from tests.support.casework import answer, key, send, upload

A_TICKET = SQL("(SELECT min(id) FROM ticket)")

# Name of the rule -> the table, and columns that break it.
BROKEN: dict[str, list[tuple[type[Table], dict[str, Any]]]] = {
    "person_staff_role_known": [(Person, {"staff_role": "king"}), (Person, {"staff_role": ""})],
    "person_language_known": [(Person, {"language": "de"}), (Person, {"language": ""})],
    "person_email_lowercase": [(Person, {"email": "Alice@acme.example"})],
    "membership_role_known": [(Membership, {"role": "owner"})],
    "closing_rule_unit_known": [(ClosingRule, {"unit": "weeks"})],
    "closing_rule_after_sensible": [
        (ClosingRule, {"after": 0}),
        (ClosingRule, {"after": -1}),
        (ClosingRule, {"after": 367}),
    ],
    "ticket_status_known": [(Ticket, {"status": "done"}), (Ticket, {"status": ""})],
    "ticket_audience_known": [(Ticket, {"audience": "everybody"})],
    "ticket_side_known": [(Ticket, {"last_message_side": "portal"})],
    "message_kind_known": [(Message, {"kind": "sms"})],
    "message_side_known": [(Message, {"side": "portal"})],
    "message_note_by_team": [(Message, {"kind": "note", "side": "customer"})],
    "participant_role_known": [(Participant, {"role": "owner"})],
    "licence_quantity_sensible": [
        (LicenceRequest, {"quantity": 0}),
        (LicenceRequest, {"quantity": 1_000_001}),
    ],
    "licence_status_known": [(LicenceRequest, {"status": "lost"})],
    # The newest row is one that its requester has confirmed: without a date, and not over.
    "deletion_state_known": [(Deletion, {"state": "lost"})],
    "deletion_due": [(Deletion, {"state": "waiting"}), (Deletion, {"state": "ready"})],
    "deletion_carried_out_dated": [(Deletion, {"carried_out_at": NOW})],
    "deletion_cancelled_dated": [(Deletion, {"cancelled_at": NOW}), (Deletion, {"state": "cancelled"})],
    "deletion_not_before_its_time": [
        (Deletion, {"state": "carried_out", "carried_out_at": NOW, "due_at": NOW + timedelta(seconds=1)})
    ],
    "deletion_confirmation_role_known": [(DeletionConfirmation, {"role": "owner"})],
    "deletion_confirmation_call_noted": [(DeletionConfirmation, {"role": "supervisor"})],
    "outbox_status_known": [(OutboxMessage, {"status": "maybe"})],
    "ticket_extended_times_sensible": [(Ticket, {"extended_times": -1})],
    "ticket_block_not_itself": [(TicketBlock, {"blocker": TicketBlock.ticket})],
    "priority_contest_outcome_known": [(PriorityContest, {"outcome": "maybe", "decided_at": NOW})],
    "priority_contest_decided_dated": [
        (PriorityContest, {"outcome": "kept"}),
        (PriorityContest, {"decided_at": NOW}),
    ],
    "priority_contest_reasoned": [(PriorityContest, {"reason": ""})],
    "article_kind_known": [(Article, {"kind": "poem"})],
    "article_audience_known": [(Article, {"audience": "nobody"})],
    "article_state_known": [(Article, {"state": "lost"})],
    "article_titled": [(Article, {"title_fr": "", "title_en": ""})],
    "article_published_dated": [(Article, {"state": "published", "published_at": None})],
    "draft_kind_known": [(Draft, {"kind": "sms", "ticket": A_TICKET, "organisation": None})],
    "draft_has_its_place": [(Draft, {"ticket": A_TICKET})],
    "draft_form_for_organisation": [(Draft, {"organisation": None})],
    "profile_question_answer_known": [(ProfileQuestion, {"answer": "song"})],
    "extra_field_answer_known": [(ExtraField, {"answer": "song"})],
    "service_incident_impact_known": [(ServiceIncident, {"impact": "terrible"})],
    "service_incident_state_known": [(ServiceIncident, {"impact": "major", "state": "lost"})],
    # The newest row is planned work: not begun, not over.
    "service_incident_state_fits": [
        (ServiceIncident, {"impact": "major"}),
        (ServiceIncident, {"state": "watching"}),
    ],
    "service_incident_ended_dated": [
        (ServiceIncident, {"state": "done"}),
        (ServiceIncident, {"ended_at": NOW}),
    ],
    "service_incident_titled": [(ServiceIncident, {"title_fr": "", "title_en": ""})],
    "service_incident_ends_later": [(ServiceIncident, {"planned_until": NOW - timedelta(days=400)})],
    "incident_update_state_known": [(IncidentUpdate, {"state": "lost"})],
    "incident_update_says_something": [(IncidentUpdate, {"body_fr": "", "body_en": ""})],
    "incident_answer_says_something": [(IncidentAnswer, {"body_fr": "", "body_en": ""})],
    "incident_answer_line_state_known": [(IncidentAnswerLine, {"state": "lost"})],
    "incident_answer_line_says_why": [(IncidentAnswerLine, {"state": "refused"})],
    "announcement_level_known": [(Announcement, {"level": "panic"})],
    "announcement_audience_known": [(Announcement, {"audience": "nobody"})],
    "announcement_titled": [(Announcement, {"title_fr": "", "title_en": ""})],
    "announcement_ends_later": [(Announcement, {"last_day": date(2020, 1, 1)})],
    "idea_kind_known": [(Idea, {"kind": "poem"})],
    "idea_state_known": [(Idea, {"state": "lost", "kind": "idea"})],
    "idea_discussion_stateless": [(Idea, {"kind": "discussion", "state": "done"})],
    "idea_counts_sensible": [(Idea, {"votes": -1}), (Idea, {"comments": -1})],
    "idea_hidden_reasoned": [(Idea, {"hidden_at": NOW, "hide_reason": ""})],
    "idea_not_into_itself": [(Idea, {"merged_into": Idea.id})],
    "idea_comment_hidden_reasoned": [(IdeaComment, {"hidden_at": NOW})],
    "idea_move_explained": [(IdeaMove, {"sentence_fr": "", "sentence_en": ""})],
    "highlight_audience_known": [(Highlight, {"audience": "staff"})],
    "assistant_subject_known": [(AssistantQuestion, {"subject": "payroll"})],
    "mail_action_act_known": [(MailAction, {"act": "delete"})],
    "mail_action_expires_later": [(MailAction, {"expires_at": NOW - timedelta(days=1)})],
    "mail_choice_hour_of_day": [(MailChoice, {"daily_hour": 24}), (MailChoice, {"daily_hour": -1})],
    "mail_choice_quiet_whole": [
        (MailChoice, {"quiet_start_minute": None}),
        (MailChoice, {"quiet_end_minute": None}),
    ],
    "mail_choice_quiet_in_a_day": [
        (MailChoice, {"quiet_start_minute": 1440}),
        (MailChoice, {"quiet_end_minute": -1}),
        (MailChoice, {"quiet_start_minute": 420, "quiet_end_minute": 420}),
    ],
    "mail_hold_pace_known": [(MailHold, {"pace": "weekly"})],
    "mail_hold_quiet_alone": [(MailHold, {"pace": "quiet", "digest": MailHold.message})],
    "satisfaction_score_known": [
        (Satisfaction, {"score": 0, "answered_at": NOW}),
        (Satisfaction, {"score": 6, "answered_at": NOW}),
    ],
    "satisfaction_answer_dated": [(Satisfaction, {"score": 5}), (Satisfaction, {"answered_at": NOW})],
    "satisfaction_comment_scored": [(Satisfaction, {"comment": "Bien."})],
    "ticket_read_message_sensible": [(TicketRead, {"message_id": -1})],
    "read_mark_message_sensible": [(ReadMark, {"message_id": -1})],
    "mail_action_hash_whole": [(MailAction, {"token_hash": "short"})],
    "security_key_named": [(SecurityKey, {"name": ""})],
    "pending_sign_in_needs_known": [(PendingSignIn, {"needs": "luck"})],
    "contact_import_state_known": [(ContactImport, {"state": "lost"})],
    "contact_import_line_outcome_known": [(ContactImportLine, {"outcome": "ignored"})],
    "identity_provider_makes_accounts_of_one": [(IdentityProvider, {"makes_accounts": True})],
    "redaction_reasoned": [(Redaction, {"reason": ""})],
    "redaction_of_one_thing": [(Redaction, {"message": None}), (Redaction, {"attachment": 1})],
    "viewing_has_reason": [(Viewing, {"reason": ""})],
    "erasure_way_known": [(Erasure, {"way": "forget"})],
    "erasure_mark_record_known": [(ErasureMark, {"record": "message"})],
    "partner_link_of_two": [(PartnerLink, {"client": SQL("partner_id")})],
    "partner_link_reads_known": [(PartnerLink, {"reads": "some"})],
    "partner_link_in_order": [(PartnerLink, {"until": NOW - timedelta(days=1)})],
    "mobile_number_international": [(MobileNumber, {"number": "0612345678"}), (MobileNumber, {"number": ""})],
    "text_message_kind_known": [(TextMessage, {"kind": "news"})],
    "text_message_status_known": [(TextMessage, {"status": "lost"})],
    "text_message_international": [(TextMessage, {"number": "0612345678"})],
}


def declared() -> set[str]:
    """The names of the rules that the database holds."""
    if is_sqlite():
        sql = "SELECT sql FROM sqlite_master WHERE type = 'table' AND sql LIKE '%CONSTRAINT%'"
        words = " ".join(row[0] for row in db.execute_sql(sql).fetchall()).replace('"', " ").split()
        return {
            words[n + 1]
            for n, word in enumerate(words)
            if word == "CONSTRAINT" and words[n + 2].startswith("CHECK")
        }
    sql = "SELECT conname FROM pg_constraint WHERE contype = 'c' AND connamespace = 'public'::regnamespace"
    return {row[0] for row in db.execute_sql(sql).fetchall()}


def rows(world: Any) -> None:
    """At least one row of each table that is broken below."""
    ticket = send(world, cc=["claire@acme.example"])
    LicenceRequest.create(
        ticket=ticket,
        organisation=ticket.organisation_id,
        product=Product.select().first(),
        due_on=date(2026, 12, 1),
    )
    TicketBlock.create(ticket=ticket, blocker=Ticket.get(Ticket.id != ticket.id), added_at=NOW)
    PriorityContest.create(
        ticket=ticket,
        contested_by=ticket.requester_id,
        contested_at=NOW,
        reason="Tout est arrêté.",
        before="1",
        after="3",
    )
    Draft.create(
        person=ticket.requester_id,
        kind="form",
        form_slug="question",
        organisation=ticket.organisation_id,
        updated_at=NOW,
        minute_at=NOW,
    )
    kind = Kind.select().first()
    ProductKind.create(product=Product.select().first(), kind=kind)
    told = IncidentAnswer.create(
        incident=ServiceIncident.select().order_by(ServiceIncident.id.desc()).first(), body_fr="Pour tous.",
        written_by=world.sam, created_at=NOW, idempotency_key="answer",
    )  # fmt: skip
    IncidentAnswerLine.create(answer=told, ticket=ticket)
    MailChoice.create(
        person=ticket.requester_id, quiet_start_minute=1320, quiet_end_minute=420, updated_at=NOW
    )
    mail = OutboxMessage.select().order_by(OutboxMessage.id.desc()).first()
    MailHold.create(message=mail, pace="hourly")
    MailCopy.create(message=mail, subject="Sujet", text="Texte")
    Satisfaction.create(ticket=ticket, person=ticket.requester_id, closed_on=date(2026, 11, 10))
    TicketRead.create(person=ticket.requester_id, ticket=ticket, message_id=1)
    MailAction.create(
        token_hash="0" * 64,
        ticket=ticket,
        person=ticket.requester_id,
        act="works",
        created_at=NOW,
        expires_at=NOW + timedelta(days=7),
    )
    asked = ProfileQuestion.create(slug="job", name_fr="Fonction", name_en="Job")
    ProfileAnswer.create(person=world.alice, question=asked, answered_at=NOW)
    SecurityKey.create(person=world.alice, name="Clé", credential_id="x", public_key="x", created_at=NOW)
    PendingSignIn.create(
        token_hash="0" * 64,
        person=world.alice,
        needs="factor",
        password_hash="x",
        created_at=NOW,
        expires_at=NOW + timedelta(minutes=10),
    )
    file = ContactImport.create(file_name="contacts.csv", reason="Rentrée", created_at=NOW)
    ContactImportLine.create(batch=file, number=2, outcome="created")
    IdentityProvider.create(
        slug="acme", name_fr="Acme", name_en="Acme", issuer="https://id.acme.example", client_id="guichet"
    )
    Redaction.create(ticket=ticket, message=ticket.messages.get(), reason="Un mot de passe.", redacted_at=NOW)
    session = UserSession.create(
        token_hash="1" * 64, person=world.root, created_at=NOW, last_seen_at=NOW, fresh_at=NOW,
        expires_at=NOW + timedelta(hours=1),
    )  # fmt: skip
    Viewing.create(
        session=session,
        person=world.alice,
        reason="Un appel.",
        started_at=NOW,
        until=NOW + timedelta(minutes=30),
    )
    erased = Erasure.create(
        person=world.charlie, uid="0" * 32, way="erase", erased_at=NOW, entry=AuditEntry.get().id
    )  # fmt: skip
    ErasureMark.create(erasure=erased, record="audit_entry", row=1, stays="0" * 64)
    PartnerLink.create(
        partner=world.organisations["acme"], client=world.organisations["globex"], starts_at=NOW, set_at=NOW
    )
    MobileNumber.create(person=world.alice, number="+33612345678", created_at=NOW, confirmed_at=NOW)
    TextMessage.create(
        source="number:1",
        kind="number",
        person=world.alice,
        number="+33612345678",
        expires_at=NOW,
        created_at=NOW,
    )


def test_every_rule_of_the_database_is_broken_below(world: Any) -> None:
    assert declared() == set(BROKEN)


@pytest.mark.parametrize("name", BROKEN)
def test_a_rule_that_is_broken_is_named(world: Any, name: str) -> None:
    rows(world)
    for table, columns in BROKEN[name]:
        row = table.select().order_by(table.id.desc()).first()
        with pytest.raises(IntegrityError, match=name), db.atomic():
            table.update(**columns).where(table.id == row.id).execute()


def test_values_at_the_edge_are_taken(world: Any) -> None:
    rows(world)
    for table, columns in (
        (ClosingRule, {"after": 1}), (ClosingRule, {"after": 366}), (LicenceRequest, {"quantity": 1}),
        (LicenceRequest, {"quantity": 1_000_000}), (LicenceRequest, {"quantity": None}), (Person, {"staff_role": None}),
    ):  # fmt: skip
        row = table.select().order_by(table.id.desc()).first()
        assert table.update(**columns).where(table.id == row.id).execute() == 1


# What is there once

ONCE: list[tuple[type[Table], tuple[str, ...]]] = [
    (Ticket, ("number",)),
    (Ticket, ("idempotency_key",)),
    (Message, ("idempotency_key",)),
    (Attachment, ("key",)),
    (Attachment, ("stored_name",)),
    (Person, ("email",)),
    (Person, ("username",)),
    (Organisation, ("name",)),
    (Organisation, ("slug",)),
    (Portal, ("slug",)),
    (Portal, ("prefix",)),
    (OutboxMessage, ("message_id",)),
    (OutboxMessage, ("source", "recipient", "template")),
    (Membership, ("person", "organisation")),
    (Participant, ("ticket", "email", "role")),
    (TeamMember, ("team", "person")),
    (ScaleLevel, ("scale", "value")),
    (LicenceRequest, ("ticket",)),
    (PriorityContest, ("ticket",)),
    (MailChoice, ("person",)),
    (MailHold, ("message",)),
    (MailCopy, ("message",)),
    (Satisfaction, ("ticket",)),
    (TicketBlock, ("blocker", "ticket")),
    (CalendarClosingDay, ("calendar", "day")),
    (Topic, ("slug",)),
    (Article, ("slug",)),
    (Feature, ("slug",)),
    (ExtraField, ("key",)),
    (ProfileQuestion, ("slug",)),
    (ProfileAnswer, ("person", "question")),
    (ProductKind, ("product", "kind")),
    (Idea, ("idempotency_key",)),
    (IdeaComment, ("idempotency_key",)),
    (IdeaVote, ("idea", "person")),
    (IdeaFollow, ("idea", "person")),
    (HelpLine, ("slug",)),
    (EscalationLine, ("slug",)),
    (Highlight, ("slug",)),
    (AssistantQuestion, ("idempotency_key",)),
]


@pytest.mark.parametrize(
    ("table", "columns"), ONCE, ids=lambda part: getattr(part, "__name__", None) or "+".join(part)
)
def test_what_is_there_once_cannot_be_there_twice(
    world: Any, table: type[Table], columns: tuple[str, ...]
) -> None:
    rows(world)
    upload(world.alice)
    if table is CalendarClosingDay:
        CalendarClosingDay.create(calendar=1, day=date(2026, 12, 24))
    row = table.select().order_by(table.id.desc()).first()
    values = {
        field.name: row.__data__.get(field.name) for field in table._meta.sorted_fields if field.name != "id"
    }
    for other, names in ONCE:
        # Everything else that must be unique is made so: only these columns are the same.
        for name in names:
            field = table._meta.fields.get(name)
            if other is table and name not in columns and field.field_type in ("VARCHAR", "TEXT"):
                values[name] = f"other-{key()}"[-8:].lower()
    with pytest.raises(IntegrityError) as refused, db.atomic():
        table.create(**values)
    said = str(refused.value).lower()
    names = [table._meta.fields[name].column_name for name in columns]
    assert "unique" in said and all(name in said for name in names), said


# What hangs on something else


def test_a_row_does_not_point_at_nothing(world: Any) -> None:
    ticket = send(world)
    for column in (
        "organisation",
        "requester",
        "team",
        "assignee",
        "product",
        "follow_up_of",
        "merged_into",
        "split_of",
    ):
        with pytest.raises(IntegrityError), db.atomic():
            Ticket.update({column: 987_654}).where(Ticket.id == ticket.id).execute()


def test_what_holds_a_history_cannot_be_deleted(world: Any) -> None:
    ticket = send(world, attachment_keys=[upload(world.alice)])
    answer(ticket, world.sam)
    for row in (ticket, ticket.organisation, world.alice, ticket.portal, ticket.team):
        with pytest.raises(IntegrityError), db.atomic():
            type(row).delete().where(type(row).id == row.id).execute()


# Times


def test_a_time_without_a_zone_is_refused_wherever_it_goes(world: Any) -> None:
    ticket = send(world)
    naive = NOW.replace(tzinfo=None)
    with pytest.raises(ValueError, match="time zone"):
        Ticket.update(updated_at=naive).where(Ticket.id == ticket.id).execute()
    with pytest.raises(ValueError, match="time zone"):
        Ticket.select().where(Ticket.act_at <= naive).count()


def test_a_time_comes_back_as_the_same_instant_in_utc_whatever_its_zone(world: Any) -> None:
    ticket = send(world)
    for moment in (
        NOW,
        NOW.replace(microsecond=1),
        NOW.astimezone(ZoneInfo("Asia/Kathmandu")),
        datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Paris")),
        datetime(1999, 12, 31, tzinfo=UTC),
    ):
        Ticket.update(updated_at=moment).where(Ticket.id == ticket.id).execute()
        read = Ticket.get_by_id(ticket.id).updated_at
        assert read == moment.astimezone(UTC) and read.utcoffset() == timedelta(0)
        assert Ticket.select().where((Ticket.id == ticket.id) & (Ticket.updated_at == moment)).exists()


def test_times_sort_as_text_does() -> None:
    field = UtcField()
    moments = [NOW + timedelta(microseconds=n) * 10**n for n in range(12)]
    texts = [field.db_value(moment) for moment in moments]
    assert texts == sorted(texts) and len({len(text) for text in texts}) == 1


def test_every_instant_of_every_table_is_of_the_kind_that_refuses_naive_values() -> None:
    for table in TABLES:
        for field in table._meta.sorted_fields:
            if field.name.endswith(("_at", "_from", "_until", "_since")) or field.name == "at":
                assert isinstance(field, UtcField), f"{table.__name__}.{field.name}"
