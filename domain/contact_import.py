"""Contacts from a file: what each line would do, then the same done by the verbs of accounts and contacts (ACC-4).

The lines wait as rows between the look and the act, and are judged again when they are carried out: the portal may
have changed meanwhile. A line that cannot be taken never stops the others, and a file carried out twice changes
nothing the second time. How files are read is in contact_files.py.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from peewee import IntegrityError, fn

from domain import accounts, audit, contact_files, contacts
from domain.contact_files import ContactFile
from domain.policies import Viewer, load_viewer
from domain.refusals import Invalid, Missing, NotAllowed, NotNow, Refusal
from domain.search import fold
from domain.turns import one_at_a_time
from models import ContactImport, ContactImportLine, Membership, Organisation, Person, db

OUTCOMES = ("created", "changed", "unchanged", "refused")

# Lines in one transaction: few enough that others write in between, many enough not to wait for the disk each time.
LINES_IN_ONE_TURN = 50
# Values in one IN (...): both databases take more, and need no more.
KEYS_IN_ONE_QUERY = 500
KEEP_LINES_DAYS = 30
FILE_NAME_MAX = 200

ROLE_WORDS: dict[str, frozenset[str]] = {
    "contact": frozenset(
        {
            "contact", "approved contact", "approved", "key user", "super user",
            "contact agree", "contacts agrees", "agree", "agreee", "utilisateur cle",
        }
    ),
    "administrator": frozenset(
        {"administrator", "admin", "administrateur", "administratrice", "organisation administrator"}
    ),
    "member": frozenset({"member", "general user", "user", "membre", "utilisateur", "utilisateur general"}),
}  # fmt: skip

LANGUAGE_WORDS: dict[str, frozenset[str]] = {
    "fr": frozenset({"fr", "fr fr", "francais", "french", "fra", "fre"}),
    "en": frozenset({"en", "en gb", "en us", "anglais", "english", "eng"}),
}


class Options(NamedTuple):
    """What is chosen for the whole file: for lines that say nothing themselves."""

    organisation_id: int | None = None
    role: str = "contact"
    language: str = "fr"
    invite: bool = True
    reason: str = ""


class Given(NamedTuple):
    """What a line says, checked by its form. Empty: the line says nothing about it."""

    email: str
    full_name: str
    organisation: str
    role: str
    username: str
    language: str


class Verdict(NamedTuple):
    """What a line does: an outcome of OUTCOMES; why not, as a code; what changes, or what the sentence needs."""

    outcome: str
    code: str = ""
    data: dict[str, Any] = {}


class Judged(NamedTuple):
    """A line with its verdict, as reports show it."""

    number: int
    cells: dict[str, str]
    verdict: Verdict


@dataclass
class _Known:
    """An account as a line meets it: that of the database, or of a line before."""

    id: int | None
    full_name: str
    username: str
    language: str
    is_staff: bool = False
    is_active: bool = True
    # Organisation -> role, or None for somebody who was removed from it.
    roles: dict[int, str | None] = field(default_factory=dict)


# ---- What a line says --------------------------------------------------------------------------------


def _one_of(words: dict[str, frozenset[str]], typed: str, code: str, column: str) -> str:
    if not typed:
        return ""
    plain = contact_files.plain(typed)
    for key, known in words.items():
        if plain == key or plain in known:
            return key
    raise Invalid(code, field=column, value=typed)


def given(cells: dict[str, str]) -> Given:
    """What a line says. Raises Invalid, with the column as its field, for what cannot be taken whatever is known."""
    for column in contact_files.HEADINGS:
        value = cells.get(column, "")
        if value.startswith(contact_files.FORMULA_STARTS):
            raise Invalid("import-formula", field=column)
        if len(value) > contact_files.MOST_CELL_CHARACTERS:
            raise Invalid("import-cell-too-long", field=column, most=contact_files.MOST_CELL_CHARACTERS)
    if not cells.get("email"):
        raise Invalid("import-address-needed", field="email")
    full_name = cells.get("full_name", "")
    username = cells.get("username", "")
    name = accounts.normal_name(username)
    if username and (not name or len(name) > accounts.USERNAME_MAX):
        raise Invalid("username-bad", field="username")
    return Given(
        accounts.address(cells["email"]),
        accounts.person_name(full_name) if full_name else "",
        cells.get("organisation", ""),
        _one_of(ROLE_WORDS, cells.get("role", ""), "import-role-unknown", "role"),
        name,
        _one_of(LANGUAGE_WORDS, cells.get("language", ""), "import-language-unknown", "language"),
    )


# ---- What is known -----------------------------------------------------------------------------------


def _in_parts(values: Iterable[Any]) -> Iterator[list[Any]]:
    known = list(dict.fromkeys(values))
    for start in range(0, len(known), KEYS_IN_ONE_QUERY):
        yield known[start : start + KEYS_IN_ONE_QUERY]


class _Register:
    """Accounts, user names and organisations that some lines meet, in a number of queries that follows their size."""

    def __init__(self, lines: Iterable[Given], options: Options) -> None:
        self.options = options
        rows = list(
            Organisation.select(Organisation.id, Organisation.name, Organisation.slug, Organisation.is_active)
        )
        self.organisations = {row.id: row for row in rows}
        self._by_name = {row.name: row for row in rows}
        self._by_words: dict[str, list[Organisation]] = {}
        for row in rows:
            for words in {fold(row.name), row.slug}:
                self._by_words.setdefault(words, []).append(row)
        lines = list(lines)
        self.people: dict[str, _Known] = {}
        by_id: dict[int, _Known] = {}
        # User name or address -> address of whoever has it.
        self.names: dict[str, str] = {}
        wanted = [name for line in lines for name in (line.email, line.username) if name]
        for part in _in_parts(wanted):
            for row in Person.select().where(Person.email.in_(part) | Person.username.in_(part)):
                known = _Known(
                    row.id,
                    row.full_name,
                    row.username,
                    row.language,
                    row.staff_role is not None,
                    row.is_active,
                )
                self.people[row.email] = by_id[row.id] = known
                self.names[row.email] = self.names[row.username] = row.email
        for part in _in_parts(by_id):
            memberships = Membership.select(
                Membership.person, Membership.organisation, Membership.role, Membership.removed_at
            ).where(Membership.person.in_(part))
            for row in memberships:
                by_id[row.person_id].roles[row.organisation_id] = None if row.removed_at else row.role

    def organisation(self, line: Given) -> Organisation:
        """The organisation of a line, or that of the whole file. Raises Invalid."""
        if not line.organisation:
            row = self.organisations.get(self.options.organisation_id or 0)
            if row is None:
                raise Invalid("import-organisation-needed", field="organisation")
            return row
        row = self._by_name.get(line.organisation)
        if row is None:
            found = self._by_words.get(fold(line.organisation), [])
            if not found:
                raise Invalid("import-organisation-unknown", field="organisation", name=line.organisation)
            if len({one.id for one in found}) > 1:
                raise Invalid("import-organisation-two", field="organisation", name=line.organisation)
            row = found[0]
        if not row.is_active:
            raise Invalid("import-organisation-closed", field="organisation", name=row.name)
        return row

    def judge(self, line: Given) -> Verdict:
        """What a line would do. Nothing is written, neither there nor here."""
        try:
            organisation = self.organisation(line)
            known = self.people.get(line.email)
            if known is None:
                return self._new(line, organisation)
            if known.is_staff:
                raise Invalid("contact-is-staff", field="email")
            if not known.is_active:
                raise Invalid("account-disabled", field="email")
            if line.username and line.username != known.username:
                raise Invalid("import-username-fixed", field="username", username=known.username)
            changes: dict[str, Any] = {}
            if line.full_name and line.full_name != known.full_name:
                changes["full_name"] = [known.full_name, line.full_name]
            if line.language and line.language != known.language:
                changes["language"] = [known.language, line.language]
            if organisation.id not in known.roles:
                changes["joins"] = [organisation.name, line.role or self.options.role]
            elif known.roles[organisation.id] is None:
                raise Invalid("import-removed", field="organisation", name=organisation.name)
            elif line.role and line.role != known.roles[organisation.id]:
                changes["role"] = [known.roles[organisation.id], line.role]
            return Verdict("changed" if changes else "unchanged", "", changes)
        except Refusal as fault:
            return refused(fault)

    def _new(self, line: Given, organisation: Organisation) -> Verdict:
        if line.email in self.names:
            raise Invalid("address-taken", field="email", address=line.email)
        if line.username and line.username in self.names:
            raise Invalid("username-taken", field="username")
        if not line.full_name:
            raise Invalid("import-name-needed", field="full_name")
        return Verdict("created", "", {"joins": [organisation.name, line.role or self.options.role]})

    def note(self, line: Given, verdict: Verdict) -> None:
        """Remember what a line would do, for those after it."""
        if verdict.outcome not in ("created", "changed"):
            return
        known = self.people.get(line.email)
        if known is None:
            username = line.username or line.email
            known = _Known(None, line.full_name, username, line.language or self.options.language)
            self.people[line.email] = known
            self.names[line.email] = self.names[username] = line.email
        known.full_name = line.full_name or known.full_name
        known.language = line.language or known.language
        organisation = self.organisation(line)
        known.roles[organisation.id] = line.role or known.roles.get(organisation.id) or self.options.role


def refused(fault: Refusal) -> Verdict:
    """The verdict of a line that is refused: the code, and what its sentence needs."""
    data = {name: value for name, value in fault.data.items() if isinstance(value, str | int)}
    return Verdict("refused", fault.code, {**data, **({"field": fault.field} if fault.field else {})})


def look(file: ContactFile, options: Options) -> list[Judged]:
    """What each line of a file would do, in its order. Writes nothing.

    A line meets what the lines before it would have done. One that says the same person again, in the same
    organisation or with another name, is refused: which of the two is meant cannot be known.
    """
    said = _said(line.cells for line in file.lines)
    register = _Register((one for one in said if isinstance(one, Given)), options)
    first: dict[str, tuple[int, Given]] = {}
    places: dict[tuple[str, int], int] = {}
    judged = []
    for line, one in zip(file.lines, said, strict=True):
        if isinstance(one, Refusal):
            judged.append(Judged(line.number, line.cells, refused(one)))
            continue
        verdict = _same_again(one, line.number, register, first, places) or register.judge(one)
        register.note(one, verdict)
        judged.append(Judged(line.number, line.cells, verdict))
    return judged


def _said(cells: Iterable[dict[str, str]]) -> list[Given | Refusal]:
    """What lines say, or why they cannot be taken."""
    said: list[Given | Refusal] = []
    for one in cells:
        try:
            said.append(given(one))
        except Refusal as fault:
            said.append(fault)
    return said


def _same_again(
    line: Given,
    number: int,
    register: _Register,
    first: dict[str, tuple[int, Given]],
    places: dict[tuple[str, int], int],
) -> Verdict | None:
    before = first.setdefault(line.email, (number, line))
    for column in ("full_name", "username", "language"):
        mine, other = getattr(line, column), getattr(before[1], column)
        if mine and mine != other and before[0] != number:
            return refused(Invalid("import-differs", field=column, line=before[0]))
    try:
        place = (line.email, register.organisation(line).id)
    except Refusal:
        return None
    if places.setdefault(place, number) != number:
        return refused(Invalid("import-twice", field="email", line=places[place]))
    return None


# ---- A file that waits -------------------------------------------------------------------------------


def _check(by: Viewer | None) -> None:
    if by is not None and not (by.is_active and by.is_admin):
        raise NotAllowed("contacts-not-yours")


def prepare(
    file: ContactFile, file_name: str, options: Options, by: Viewer | None, now: datetime
) -> ContactImport:
    """Keep a file with what each of its lines would do, to be carried out later (ACC-4). No contact changes.

    Arguments: file_name, as the sender called it; options; by, an internal admin, or None for the command; now, UTC.
    Raises NotAllowed for anybody else, Missing for an organisation that does not exist, Invalid for options.
    """
    _check(by)
    if options.organisation_id is not None and not (
        Organisation.select().where(Organisation.id == options.organisation_id).exists()
    ):
        raise Missing()
    if options.role not in contacts.ROLES:
        raise Invalid("role-unknown", field="role")
    if options.language not in accounts.LANGUAGES:
        raise Invalid("language-unknown", field="language")
    judged = look(file, options)
    name = contact_files.printable(file_name)[-FILE_NAME_MAX:] or "contacts"
    counts = {outcome: sum(one.verdict.outcome == outcome for one in judged) for outcome in OUTCOMES}
    with db.atomic():
        batch = ContactImport.create(
            by=by.id if by else None,
            file_name=name,
            organisation=options.organisation_id,
            role=options.role,
            language=options.language,
            invite=options.invite,
            reason=options.reason[: contacts.REASON_MAX],
            total=len(judged),
            ignored=file.ignored[: contact_files.MOST_COLUMNS],
            created_at=now,
            **counts,
        )
        rows = [
            {
                "batch": batch.id,
                "number": one.number,
                "cells": one.cells,
                "outcome": one.verdict.outcome,
                "code": one.verdict.code,
                "data": one.verdict.data,
                # A line that is refused by what it says stays so: there is nothing to carry out.
                "handled_at": now if one.verdict.outcome == "refused" else None,
            }
            for one in judged
        ]
        for start in range(0, len(rows), 100):
            ContactImportLine.insert_many(rows[start : start + 100]).execute()
        ContactImport.update(handled=counts["refused"]).where(ContactImport.id == batch.id).execute()
    return find(batch.id)


def find(batch_id: int) -> ContactImport:
    """An import by its key. Raises Missing."""
    row = ContactImport.get_or_none(ContactImport.id == batch_id)
    if row is None:
        raise Missing()
    return row


def discard(batch_id: int, by: Viewer | None, now: datetime) -> None:
    """Forget a file that was looked at and is not wanted. Raises Missing, NotNow("import-begun"), NotAllowed."""
    _check(by)
    gone = (
        ContactImport.delete()
        .where((ContactImport.id == batch_id) & (ContactImport.state == "checked"))
        .execute()
    )
    if not gone:
        find(batch_id)
        raise NotNow("import-begun")


def begin(batch_id: int, by: Viewer | None, now: datetime) -> bool:
    """Say that a file is to be carried out; go_on() does it. Returns False when it began before.

    Whoever says so is who the record names. Raises Missing, NotAllowed.
    """
    _check(by)
    with db.atomic():
        begun = (
            ContactImport.update(state="running", started_at=now, by=by.id if by else None)
            .where((ContactImport.id == batch_id) & (ContactImport.state == "checked"))
            .execute()
        )
        if not begun:
            find(batch_id)
            return False
        batch = find(batch_id)
        audit.record(
            "contacts:import_started", by=by, now=now, target=f"contactimport:{batch_id}", file=batch.file_name,
            lines=batch.total, invite=batch.invite,
        )  # fmt: skip
    return True


def stop(batch_id: int, by: Viewer | None, now: datetime) -> bool:
    """Leave the lines that are not carried out yet as they are. Returns False when nothing was running."""
    _check(by)
    with one_at_a_time(f"contact-import:{batch_id}"):
        return _end(batch_id, "stopped", by, now)


def go_on(now: datetime, seconds: float, batch_id: int | None = None) -> int:
    """Carry out lines of the files that began, or of one of them, for some seconds. Returns how many lines.

    Two who do this at once share the work: each line is done once.
    """
    until = time.monotonic() + seconds
    done = 0
    which = ContactImport.state == "running"
    if batch_id is not None:
        which &= ContactImport.id == batch_id
    for batch in ContactImport.select().where(which).order_by(ContactImport.id):
        while True:
            lines, over = _turn(batch, now)
            done += lines
            if over:
                break
            if time.monotonic() >= until:
                return done
    return done


def _turn(batch: ContactImport, now: datetime) -> tuple[int, bool]:
    """Some lines in one transaction. Returns how many, and whether the file is over."""
    options = _options(batch)
    ahead = [one for one in _said(line.cells for line in _next_lines(batch.id)) if isinstance(one, Given)]
    register = _Register(ahead, options)
    organisations = set()
    for line_ahead in ahead:
        with suppress(Refusal):
            organisations.add(register.organisation(line_ahead).id)
    # All the locks that the verbs will take are taken first and in one order: nobody waits for us while we wait.
    locks = [f"contacts:{key}" for key in organisations]
    with one_at_a_time(f"contact-import:{batch.id}", *locks):
        fresh = ContactImport.get_or_none((ContactImport.id == batch.id) & (ContactImport.state == "running"))
        if fresh is None:
            return 0, True
        by = load_viewer(batch.by_id) if batch.by_id else None
        if batch.by_id and (by is None or not (by.is_active and by.is_admin)):
            _end(batch.id, "stopped", None, now)
            return 0, True
        lines = _next_lines(batch.id)
        if not lines:
            _end(batch.id, "done", by, now)
            return 0, True
        said = _said(line.cells for line in lines)
        register = _Register((one for one in said if isinstance(one, Given)), options)
        as_foreseen = []
        for line, one in zip(lines, said, strict=True):
            if isinstance(one, Refusal):
                verdict = refused(one)
            else:
                verdict = register.judge(one)
                if verdict.outcome in ("created", "changed"):
                    verdict = _carry_out(one, verdict, register, options, by, now)
                register.note(one, verdict)
            if verdict == Verdict(line.outcome, line.code, line.data):
                as_foreseen.append(line.id)
                continue
            ContactImportLine.update(
                outcome=verdict.outcome, code=verdict.code, data=verdict.data, handled_at=now
            ).where(ContactImportLine.id == line.id).execute()
        ContactImportLine.update(handled_at=now).where(ContactImportLine.id.in_(as_foreseen)).execute()
        ContactImport.update(handled=ContactImport.handled + len(lines)).where(
            ContactImport.id == batch.id
        ).execute()
    return len(lines), False


def _next_lines(batch_id: int) -> list[ContactImportLine]:
    return list(
        ContactImportLine.select()
        .where((ContactImportLine.batch == batch_id) & ContactImportLine.handled_at.is_null())
        .order_by(ContactImportLine.number)
        .limit(LINES_IN_ONE_TURN)
    )


def _options(batch: ContactImport) -> Options:
    return Options(batch.organisation_id, batch.role, batch.language, batch.invite, batch.reason)


def _carry_out(
    line: Given,
    verdict: Verdict,
    register: _Register,
    options: Options,
    by: Viewer | None,
    now: datetime,
) -> Verdict:
    """One line by the verbs that a person uses, whole or not at all."""
    known = register.people.get(line.email)
    try:
        with db.atomic():
            if known is None:
                person = accounts.add_person(
                    line.email, line.full_name, by=by, now=now, username=line.username or None,
                    language=line.language or options.language,
                    time_zone=by.time_zone if by else "Europe/Paris", invite=options.invite,
                )  # fmt: skip
                person_id = person.id
            else:
                # An account made by a line before has its key by now.
                person_id = known.id or Person.get(Person.email == line.email).id
                accounts.correct(
                    person_id, full_name=verdict.data.get("full_name", [None, None])[1],
                    language=verdict.data.get("language", [None, None])[1], by=by, now=now, reason=options.reason,
                )  # fmt: skip
            role = (verdict.data.get("joins") or verdict.data.get("role") or [None, None])[1]
            if role:
                contacts.add_membership(
                    person_id,
                    register.organisation(line).id,
                    role=role,
                    by=by,
                    now=now,
                    reason=options.reason,
                )
    except Refusal as fault:
        return refused(fault)
    except IntegrityError:
        return refused(NotNow("changed-meanwhile"))
    return verdict


def _end(batch_id: int, state: str, by: Viewer | None, now: datetime) -> bool:
    counts = dict.fromkeys(OUTCOMES, 0)
    handled = (
        ContactImportLine.select(ContactImportLine.outcome, fn.COUNT(ContactImportLine.id))
        .where((ContactImportLine.batch == batch_id) & ContactImportLine.handled_at.is_null(False))
        .group_by(ContactImportLine.outcome)
    )
    counts.update(dict(handled.tuples()))
    ended = (
        ContactImport.update(state=state, ended_at=now, **counts)
        .where((ContactImport.id == batch_id) & (ContactImport.state == "running"))
        .execute()
    )
    if ended:
        audit.record(
            "contacts:import_ended",
            by=by,
            now=now,
            target=f"contactimport:{batch_id}",
            state=state,
            counts=counts,
        )
    return bool(ended)


# ---- Looking -----------------------------------------------------------------------------------------


def counts(batch: ContactImport) -> dict[str, int]:
    """How many lines have which outcome, as they stand: done, or still to be done. One query."""
    if batch.state in ("checked", "done", "stopped"):
        return {outcome: getattr(batch, outcome) for outcome in OUTCOMES}
    found = dict.fromkeys(OUTCOMES, 0)
    query = (
        ContactImportLine.select(ContactImportLine.outcome, fn.COUNT(ContactImportLine.id))
        .where(ContactImportLine.batch == batch.id)
        .group_by(ContactImportLine.outcome)
    )
    found.update(dict(query.tuples()))
    return found


def lines(
    batch_id: int, outcome: str = "", *, after: int = 0, most: int | None = None
) -> list[ContactImportLine]:
    """The lines of an import in the order of the file, of one outcome or of all, behind a number of a line."""
    query = ContactImportLine.select().where(
        (ContactImportLine.batch == batch_id) & (ContactImportLine.number > after)
    )
    if outcome in OUTCOMES:
        query = query.where(ContactImportLine.outcome == outcome)
    query = query.order_by(ContactImportLine.number)
    return list(query.limit(most) if most else query)


def sweep(now: datetime) -> int:
    """Forget the lines of old imports, and files that nobody carried out (personal data). Returns how many imports."""
    long_ago = now - timedelta(days=KEEP_LINES_DAYS)
    gone = (
        ContactImport.delete()
        .where((ContactImport.state == "checked") & (ContactImport.created_at < long_ago))
        .execute()
    )
    old = ContactImport.select(ContactImport.id).where(ContactImport.ended_at < long_ago)
    emptied = ContactImportLine.delete().where(ContactImportLine.batch.in_(old)).execute()
    return int(gone) + int(emptied > 0)
