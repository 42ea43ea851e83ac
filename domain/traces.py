"""Where words that identify a person stand outside of their own rows, and how they are replaced (STAFF-7).

COLUMNS names every column of free text in which somebody may be named; a test walks the tables and asks of each other
one why it is not here. The two chained records (audit trail, histories) are looked through as well, by erasure.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from peewee import JSONField, fn

from models import (
    AddressChange,
    ArticleVote,
    AssistantQuestion,
    Attachment,
    AuditEntry,
    ContactImport,
    ContactImportLine,
    Deletion,
    DeletionConfirmation,
    Draft,
    Erasure,
    HeldForm,
    Idea,
    IdeaComment,
    JobRun,
    LicenceRequest,
    MailCopy,
    Membership,
    Message,
    NamedPerson,
    Organisation,
    OutboxMessage,
    Participant,
    PartnerLink,
    Person,
    PriorityContest,
    Redaction,
    Satisfaction,
    SearchMiss,
    Ticket,
    TicketBlock,
    TicketEvent,
    Viewing,
    db,
    is_sqlite,
)

# Where somebody may be named by others, or in their own texts.
COLUMNS: dict[Any, tuple[str, ...]] = {
    Organisation: ("note",),
    Membership: ("reason",),
    Viewing: ("reason",),
    HeldForm: ("path", "data"),
    Ticket: ("summary", "answers", "escalation_reference", "test_environment"),
    TicketBlock: ("component",),
    PriorityContest: ("reason", "answer"),
    Message: ("body",),
    Attachment: ("name",),
    Redaction: ("reason",),
    NamedPerson: ("full_name", "employee_number", "url", "details"),
    Deletion: ("cancel_note",),
    DeletionConfirmation: ("text", "typed", "call_note"),
    LicenceRequest: ("note",),
    OutboxMessage: ("source", "context", "last_error"),
    MailCopy: ("subject", "text"),
    JobRun: ("error",),
    ArticleVote: ("sentence",),
    SearchMiss: ("words",),
    Draft: ("data", "earlier"),
    Idea: ("title", "problem", "details", "hide_reason"),
    IdeaComment: ("body", "hide_reason"),
    AssistantQuestion: ("message", "page"),
    Satisfaction: ("comment",),
    ContactImport: ("file_name", "reason", "ignored"),
    ContactImportLine: ("cells", "data"),
    Erasure: ("reason",),
    PartnerLink: ("note", "end_reason"),
}
# Of these columns two rows may not say the same: a row that would is deleted, it counts nothing by itself.
ALONE = (SearchMiss,)
# Shorter ones are words of other texts as well.
SHORTEST_USER_NAME = 6
# As people write them: +33 6 12 34 56 78, 0033 6..., 06.12.34.56.78. Nine digits and more.
TELEPHONE = re.compile(r"(?<![\w+])(?:\+|00|\(?0)\d?(?:[\s.\-/()\u00a0\u202f]{0,2}\d){8,14}(?!\w)")
ADDRESS = re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+")


@dataclass(frozen=True)
class Identity:
    """What one person is known by, and what stands there instead."""

    names: tuple[str, ...]
    mark: str

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Any of the names as whole words, whatever their case; between words of a name any blank."""
        ordered = sorted(self.names, key=len, reverse=True)
        written = [r"[\s\u00a0\u202f]+".join(re.escape(part) for part in name.split()) for name in ordered]
        return re.compile(r"(?<!\w)(?:" + "|".join(written) + r")(?!\w)", re.IGNORECASE)

    def without(self, value: Any, most: int | None = None) -> Any:
        """A text, or the texts inside JSON, with the mark instead of each name; anything else as it is."""
        if isinstance(value, str):
            made = self.pattern.sub(lambda _found: self.mark, value) if self.names else value
            return made if most is None or made == value else made[:most]
        if isinstance(value, list):
            return [self.without(one) for one in value]
        if isinstance(value, dict):
            return {key: self.without(one) for key, one in value.items()}
        return value


def mark_of(person: Person) -> str:
    """What stands instead of the name: in the language of the person, which their colleagues nearly always share."""
    if person.language == "fr":
        return (
            f"Ancien membre de l’équipe {person.id}" if person.staff_role else f"Ancien contact {person.id}"
        )
    return f"Former member of the team {person.id}" if person.staff_role else f"Former contact {person.id}"


def addresses_of(person: Person) -> set[str]:
    """Every address at which the person was ever reached, as far as the tables still say."""
    found = {str(person.email)}
    for query in (
        AddressChange.select(AddressChange.email).where(AddressChange.person == person.id),
        Participant.select(Participant.email).where(Participant.person == person.id).distinct(),
        OutboxMessage.select(OutboxMessage.recipient).where(OutboxMessage.person == person.id).distinct(),
    ):
        found.update(str(email).lower() for (email,) in query.tuples())
    for _key, data in _entries_about(person):
        for name in ("before", "after", "email"):
            if isinstance(data.get(name), str) and ADDRESS.fullmatch(data[name]):
                found.add(data[name].lower())
        found.update(str(one).lower() for one in _changes(data, "email") if ADDRESS.fullmatch(str(one)))
    return found


def names_of(person: Person) -> set[str]:
    """The names that the account had, each also with the family name first."""
    found = {str(person.full_name)}
    for _key, data in _entries_about(person):
        found.update(str(one) for one in _changes(data, "full_name"))
    turned = {f"{name.rpartition(' ')[2]} {name.rpartition(' ')[0]}" for name in found if " " in name}
    return {" ".join(name.split()) for name in found | turned}


def user_names_of(person: Person) -> set[str]:
    """The user names that the account had."""
    found = {str(person.username)}
    for _key, data in _entries_about(person):
        found.update(str(one) for one in _changes(data, "username"))
        if isinstance(data.get("username"), str):
            found.add(data["username"])
    return found


def _entries_about(person: Person) -> list[tuple[int, dict[str, Any]]]:
    rows = AuditEntry.select(AuditEntry.id, AuditEntry.data).where(
        (AuditEntry.target == f"person:{person.id}") & AuditEntry.kind.startswith("account:")
    )
    return [(key, data) for key, data in rows.tuples() if isinstance(data, dict)]


def _changes(data: dict[str, Any], name: str) -> list[str]:
    changed = data.get("changed")
    values = changed.get(name) if isinstance(changed, dict) else None
    return [one for one in values if isinstance(one, str)] if isinstance(values, list) else []


def has_namesake(person: Person) -> bool:
    """Somebody else bears the very same name: nobody can say whom a text means."""
    wanted = {name.casefold() for name in names_of(person)}
    same = Person.select(Person.full_name).where(
        (
            (Person.full_name == person.full_name)
            | (fn.LOWER(Person.full_name) == str(person.full_name).lower())
        )
        & (Person.id != person.id)
    )
    return any(str(name).casefold() in wanted for (name,) in same.tuples())


def numbers_of(person: Person) -> set[str]:
    """The telephone numbers that stand in what the person wrote: their signature, nearly always."""
    found: set[str] = set()
    texts = [body for (body,) in Message.select(Message.body).where(Message.author == person.id).tuples()]
    asked = Ticket.select(Ticket.answers).where(
        (Ticket.requester == person.id) | (Ticket.opened_by == person.id)
    )
    for (answers,) in asked.tuples():
        texts += [str(one.get("value", "")) for one in answers or () if isinstance(one, dict)]
    for text in texts:
        found.update(match.group().strip() for match in TELEPHONE.finditer(text))
    return found


def identity_of(person: Person) -> Identity:
    """What the person is known by. A name of one word, or one that somebody else bears, is looked for nowhere."""
    known = addresses_of(person) | numbers_of(person)
    known |= {name for name in user_names_of(person) if len(name) >= SHORTEST_USER_NAME}
    if not has_namesake(person):
        known |= {name for name in names_of(person) if " " in name}
    return Identity(tuple(sorted(name for name in known if name.strip())), mark_of(person))


# ---- Finding -------------------------------------------------------------------------------------------


def _patterns(names: Iterable[str], as_json: bool) -> list[str]:
    """What a row is looked for with: roughly, in the cases that the database does not see as the same.

    SQLite, and PostgreSQL in some locales, take a small and a capital letter for the same without accents alone.
    """
    found: dict[str, None] = {}
    for name in names:
        forms = (name,) if name.isascii() else (name, name.lower(), name.upper(), name.title())
        for form in forms:
            for word in {form, json.dumps(form)[1:-1]} if as_json else {form}:
                escaped = word.replace("!", "!!").replace("%", "!%").replace("_", "!_")
                # Blanks of any kind, and any number of them.
                found["%" + re.sub(r"\s+", "%", escaped) + "%"] = None
    return list(found)


def find(table: Any, columns: Iterable[str], identity: Identity, above: int = 0) -> list[int]:
    """The keys of rows in which any of the names may stand, above a key. One pass over the table."""
    if not identity.names:
        return []
    place, like = ("?", "LIKE") if is_sqlite() else ("%s", "ILIKE")
    pieces: list[str] = []
    values: list[Any] = [above]
    for column in columns:
        field = table._meta.fields[column]
        for pattern in _patterns(identity.names, isinstance(field, JSONField)):
            pieces.append(f"CAST(\"{field.column_name}\" AS TEXT) {like} {place} ESCAPE '!'")
            values.append(pattern)
    name = table._meta.table_name
    # Names of tables and columns are those of the models; what is looked for travels as values.
    sql = f'SELECT id FROM "{name}" WHERE id > {place} AND ({" OR ".join(pieces)}) ORDER BY id'  # noqa: S608  # nosec B608
    return [row[0] for row in db.execute_sql(sql, tuple(values)).fetchall()]


RECORDS: dict[Any, tuple[str, ...]] = {AuditEntry: ("target", "data"), TicketEvent: ("data",)}


@dataclass
class Found:
    """Rows that may name the person, by table, and how far each table was read."""

    rows: dict[Any, list[int]]
    upto: dict[Any, int]

    def count(self) -> int:
        """How many rows."""
        return sum(len(keys) for keys in self.rows.values())


def look(identity: Identity) -> Found:
    """Read every table once, before the transaction: nobody who writes waits for it."""
    found = Found({}, {})
    for table, columns in {**COLUMNS, **RECORDS}.items():
        found.upto[table] = table.select(fn.MAX(table.id)).scalar() or 0
        found.rows[table] = find(table, columns, identity)
    return found


def replace(found: Found, identity: Identity) -> set[int]:
    """Replace the names in every column of COLUMNS, inside the caller's transaction.

    Returns the keys of the requests whose words changed.
    """
    touched: set[int] = set()
    for table, columns in COLUMNS.items():
        later = find(table, columns, identity, above=found.upto.get(table, 0))
        for key in [*found.rows.get(table, ()), *later]:
            touched |= _replace_row(table, columns, key, identity)
    return touched


def _replace_row(table: Any, columns: Iterable[str], key: int, identity: Identity) -> set[int]:
    row = table.get_or_none(table.id == key)
    if row is None:
        return set()
    changed: dict[str, Any] = {}
    for column in columns:
        before = getattr(row, column)
        after = identity.without(before, getattr(table._meta.fields[column], "max_length", None))
        if after != before:
            changed[column] = after
    if not changed:
        return set()
    if table in ALONE:
        table.delete().where(table.id == key).execute()
        return set()
    if table is NamedPerson:
        changed.update(employee_number="-", url="", details="")
    if table is Draft:
        # An open page that saves the old words is told that the draft changed.
        changed["version"] = Draft.version + 1
    table.update(changed).where(table.id == key).execute()
    if table is Ticket:
        return {key}
    return {row.ticket_id} if table is Message else set()
