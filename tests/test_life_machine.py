"""Any order of anything that anybody can do to requests, held against a model after each step (LIFE-1 to LIFE-18, REQ-4).

Each example lives in one transaction that is undone at its end, so that a step costs milliseconds. The short form has
the same cases each time; the long one has new ones for each number of shard, and with LIFE_SEED=n for each n.

A verb that is added to the product gets a rule here and a method in tests/support/life_model.py, and its name in VERBS.
Each rule is who, which request, one _try() with the model's verb and the domain's. A move of its own stands in the table
of life_model.py; an event that changes status, assignee, priority or requester says so in its data, so that the history
replays.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase
from hypothesis import seed as seeded
from hypothesis import settings as trials
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from domain import (
    audit,
    blocking,
    bulk,
    closing,
    contacts,
    contests,
    conversation,
    deletion,
    handover,
    joining,
    lifecycle,
    notifications,
    policies,
    requests,
    splitting,
)
from domain.refusals import Refusal
from models import OutboxMessage, Ticket, db, is_sqlite
from tests.conftest import forget_everything, opened, shut
from tests.support import life_model as plain
from tests.support.life_model import No

# Just before the clock goes back, before 11 November, before the holidays of winter, before the clock goes forward,
# before the three holidays of May.
STARTS = (
    datetime(2026, 10, 23, 14, 5, tzinfo=UTC),
    datetime(2026, 11, 6, 14, 42, tzinfo=UTC),
    datetime(2026, 12, 18, 22, 50, tzinfo=UTC),
    datetime(2027, 3, 25, 23, 10, tzinfo=UTC),
    datetime(2027, 4, 28, 9, 0, tzinfo=UTC),
)
STEPS = (
    timedelta(minutes=7),
    timedelta(hours=5),
    timedelta(hours=24),
    timedelta(days=2),
    timedelta(days=5, minutes=1),
    timedelta(days=10, hours=3),
    timedelta(weeks=3),
)
# For which requests a verb makes sense.
LIVING = lambda case: case.status not in plain.OVER  # noqa: E731
IRREVERSIBLE = lambda case: case.procedure is not None and LIVING(case)  # noqa: E731
OUTSIDER = "who@elsewhere.example"
MOST_REQUESTS = 6
SHARDS = 40

people = st.sampled_from(plain.PEOPLE)
customers = st.sampled_from(plain.CUSTOMERS)
# Most of what happens at the desk is tried by those who work there, most answers come from those who may write: a
# machine in which nearly everything is refused goes nowhere.
desk = st.sampled_from((*sorted(plain.AGENTS) * 3, *plain.PEOPLE))
writers = st.sampled_from(("alice", "bob", "alice", "bob", "charlie", "sam", "vera", *plain.PEOPLE))
which = st.integers(0, MOST_REQUESTS - 1)
# What is closed stays closed: one move in ten or so.
statuses = st.sampled_from((*plain.STATUSES[:12] * 2, *plain.STATUSES))
# Mostly nothing is said of the version, or it is the present one.
seen = st.sampled_from((None, None, "now", "now", "old"))


# ---- The small world ---------------------------------------------------------------------------------------


def fill_small(url: str) -> None:
    """Acme and Globex with their ten people, two teams, and the rules of the default preset."""
    from domain import presets, schema
    from models import Membership, Organisation, Person, Team, TeamMember

    database = opened(url)
    schema.upgrade()
    now = STARTS[0] - timedelta(days=30)
    presets.apply("default", None, now)
    rows = {}
    for name in plain.PEOPLE:
        staff = {"marc": "account_manager", "root": "admin"}.get(name, "agent")
        rows[name] = Person.create(
            email=plain.address(name), username=plain.address(name), full_name=name.title(), created_at=now,
            email_verified_at=now, first_signed_in_at=now, staff_role=staff if name in plain.STAFF else None,
            is_supervisor=name in plain.SUPERVISORS, language="en" if name in ("bob", "erin", "ines") else "fr",
        )  # fmt: skip
    for slug in plain.ORGANISATIONS:
        Organisation.create(
            name=slug.title(), slug=slug, created_at=now, domains=list(plain.DOMAINS[slug]),
            account_manager=rows["marc"] if slug == "acme" else None,
        )  # fmt: skip
    for (name, slug), role in plain.Model().members.items():
        Membership.create(
            person=rows[name], organisation=Organisation.get(Organisation.slug == slug), role=role,
            **contacts.rights_of(role),
        )  # fmt: skip
    for slug, members in plain.TEAMS.items():
        for name in members:
            TeamMember.create(team=Team.get(Team.slug == slug), person=rows[name])
    shut(database)


@pytest.fixture
def small(engine: Any) -> Iterator[Any]:
    """The database of the small world, for this test alone."""
    url = engine.copy("life", fill_small)
    forget_everything()
    database = opened(url)
    database.connect(reuse_if_open=True)
    if not is_sqlite():
        # The same few hundred statements come again for hours, on tables that stay small: each is planned once.
        database.connection().prepared_max = 2_000
        database.execute_sql("SET plan_cache_mode = force_generic_plan")
    yield database
    shut(database)
    engine.drop(url)


class Errors(logging.Handler):
    """What the product logs as an error: jobs swallow exceptions, and none is expected."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.seen.append(logging.Formatter().format(record))


def instant(value: Any) -> datetime | None:
    """An instant as either driver gives it."""
    if value is None:
        return None
    return (datetime.fromisoformat(value) if isinstance(value, str) else value).replace(tzinfo=UTC)


def plain_json(value: Any) -> Any:
    """Event data as either driver gives it."""
    return json.loads(value) if isinstance(value, str) else value


def ask(sql: str, *values: Any) -> list[Any]:
    """Rows, by a statement that both databases understand."""
    return list(db.execute_sql(sql, values or None).fetchall())


class Writes:
    """Counts what may have changed a row: between two changes, what was read once need not be read again."""

    def __init__(self) -> None:
        self.number = 0
        self.rows = -1
        # The number at the beginning of each savepoint: to go back where nothing was written changes nothing.
        self.began: dict[str, int] = {}

    def __call__(self, event: Any) -> None:
        word, _, rest = event.sql.partition(" ")
        before, self.rows = self.rows, db.connection().total_changes if is_sqlite() else 0
        if word == "SELECT":
            assert before in (self.rows, -1), f"written by {event.sql}"
        elif word == "SAVEPOINT":
            self.began[rest.rstrip(";")] = self.number
        elif word == "ROLLBACK" and rest.startswith("TO "):
            self.number += self.began.get(rest.split()[-1].rstrip(";")) != self.number
        elif word != "RELEASE":
            self.number += 1


class Life(RuleBasedStateMachine):
    """Ten people, up to six requests, and a clock."""

    # Counts what was done by all examples of a test, so that a machine that refuses everything shows.
    done: dict[str, int]
    # The people and what each may see as they are at the beginning: read once for all examples.
    first_rights: dict[str, Any]
    writes: Writes

    def __init__(self) -> None:
        super().__init__()
        # Everything of this example is nested in it, and undone with it.
        self.example = db.atomic()
        self.around = self.example.__enter__()
        forget_everything()
        self.model = plain.Model()
        self.now = STARTS[0]
        self.keys = count(1)
        self.errors = Errors()
        logging.getLogger("guichet").addHandler(self.errors)
        # How a value is marked in a statement.
        self.mark = "?" if is_sqlite() else "%s"
        self.ids = {email: key for key, email in ask("SELECT id, email FROM person")}
        self.names = {self.ids[plain.address(name)]: name for name in plain.PEOPLE}
        self.organisation = {slug: key for key, slug in ask("SELECT id, slug FROM organisation")}
        self.slugs = {key: slug for slug, key in self.organisation.items()}
        self.teams = {slug: key for key, slug in ask("SELECT id, slug FROM team")}
        self.team_names = {key: slug for slug, key in self.teams.items()}
        self.numbers: list[int] = []
        self.replayed: dict[int, dict[str, Any]] = {}
        self.ends: dict[int, str] = {}
        self.last_event = ask("SELECT coalesce(max(id), 0) FROM ticket_event")[0][0]
        self.last_mail = ask("SELECT coalesce(max(id), 0) FROM outbox_message")[0][0]
        self.told: set[tuple[str, str]] = set()
        self.gone: set[str] = set()
        self.skipped: set[int] = set()
        # What was read since the last write, by statement; and up to which write the histories and mails were read.
        self.known: dict[Any, list[Any]] = {}
        self.known_at = self.followed_to = -1
        self.last_reply: Callable[[], Any] | None = None
        self.last_by: tuple[int, str] = (0, "")
        self.last_message: int = 0
        if not self.first_rights:
            self.first_rights.update({name: self._rights(name) for name in plain.PEOPLE})
        self.viewers = {name: rights[0] for name, rights in self.first_rights.items()}
        self.sights = {name: rights[1] for name, rights in self.first_rights.items()}

    def teardown(self) -> None:
        try:
            if self.numbers:
                assert audit.verify() == []
        finally:
            logging.getLogger("guichet").removeHandler(self.errors)
            self.around.rollback()
            self.example.__exit__(None, None, None)

    # ---- Pieces ------------------------------------------------------------------------------------------

    def _rights(self, name: str) -> Any:
        """A person with their rights as they are now, and the statement of what they may see."""
        viewer = policies.load_viewer(self.ids[plain.address(name)])
        assert viewer is not None
        return viewer, policies.visible_tickets(viewer).select(Ticket.id).sql()

    def _read_rights(self, name: str) -> None:
        self.viewers[name], self.sights[name] = self._rights(name)

    def _case(
        self, number: int, suits: Callable[[plain.Case], Any] = lambda case: True
    ) -> tuple[int, plain.Case]:
        """One of the requests: mostly one for which the verb makes sense, if there is any; sometimes any of them."""
        keys = self.numbers
        if number != MOST_REQUESTS - 1:
            keys = [key for key in keys if suits(self.model.cases[key])] or keys
        key = keys[number % len(keys)]
        return key, self.model.cases[key]

    def _key(self) -> str:
        return f"life-{next(self.keys)}"

    def _look(self, sql: str, *values: Any) -> list[Any]:
        """Rows, as ask() gives them, read once between two writes."""
        if self.known_at != self.writes.number:
            self.known.clear()
            self.known_at = self.writes.number
        key = (sql, values)
        if key not in self.known:
            self.known[key] = ask(sql, *values)
        return self.known[key]

    def _state(self) -> Any:
        """A mark that any change moves."""
        return self._look(
            "SELECT (SELECT max(id) FROM ticket_event), (SELECT max(id) FROM outbox_message), "
            "(SELECT max(id) FROM message), (SELECT sum(version) FROM ticket), (SELECT count(*) FROM participant), "
            "(SELECT sum(version) FROM deletion), (SELECT max(id) FROM audit_entry), (SELECT count(*) FROM ticket), "
            "(SELECT max(id) FROM ticket_block), (SELECT count(*) FROM priority_contest)"
        )

    def _version(self, key: int, seen: str | None) -> int | None:
        if seen is None:
            return None
        [(version,)] = ask(f"SELECT version FROM ticket WHERE id = {self.mark}", key)
        return version if seen == "now" else version - 1

    def _try(self, name: str, expect: Callable[[], Any], act: Callable[[], Any]) -> Any:
        """Do a verb and its model: both happen, or both refuse with the same status and nothing changed."""
        # A rule may do two acts: what the first one told was right by what held then.
        self._follow()
        before = self._state()
        expected, changed, result = None, False, None
        try:
            expect()
        except No as no:
            expected, changed = no.status, no.changed
        got = None
        try:
            result = act()
        except Refusal as refusal:
            got = refusal.status
        assert got == expected, f"{name}: {got or 'done'}, expected {expected or 'done'}"
        if got is not None and not changed:
            assert self._state() == before, f"{name} was refused and changed something"
        word = name if got is None else "refused"
        self.done[word] = self.done.get(word, 0) + 1
        return result

    # ---- The beginning -----------------------------------------------------------------------------------

    @initialize(start=st.sampled_from(STARTS))
    def begin(self, start: datetime) -> None:
        self.now = start
        self._submit("alice", "acme", "alice", "organisation", False, None, None, False)
        self._submit("charlie", "globex", "charlie", "organisation", False, None, None, False)
        self._submit("alice", "acme", "alice", "organisation", False, None, None, True)
        self._submit("bob", "acme", "bob", "only_me", False, None, None, False)

    # ---- Opening -----------------------------------------------------------------------------------------

    @rule(
        who=st.one_of(customers, people),
        organisation=st.sampled_from(plain.ORGANISATIONS),
        requester=st.one_of(st.none(), customers),
        audience=st.sampled_from(("organisation", "organisation", "only_me", "people")),
        shared=st.booleans(),
        copy=st.sampled_from((None, None, None, "dana", "charlie", "erin", OUTSIDER)),
        follows=st.one_of(st.none(), st.none(), which),
        deletes=st.booleans(),
        twice=st.booleans(),
    )
    def submit(self, who, organisation, requester, audience, shared, copy, follows, deletes, twice):  # type: ignore[no-untyped-def]
        if len(self.numbers) < MOST_REQUESTS:
            copy = copy if copy in (None, OUTSIDER) else plain.address(copy)
            self._submit(who, organisation, requester or who, audience, shared, copy, follows, deletes, twice)

    def _submit(
        self,
        who: str,
        organisation: str,
        requester: str,
        audience: str,
        shared: bool,
        copy: str | None,
        follows: int | None,
        deletes: bool,
        twice: bool = False,
    ) -> None:
        parent_key, parent = self._case(follows) if follows is not None and self.numbers else (None, None)
        submission = requests.Submission(
            form_slug="user-deletion" if deletes else "incident",
            organisation_id=self.organisation[organisation],
            requester_id=self.ids[plain.address(requester)],
            summary="Export refusé",
            description="La banque renvoie **AC04**.",
            priority=None if deletes else "2",
            audience=audience,
            audience_people=[self.ids[plain.address("dana")]] if audience == "people" else [],
            share_with_account_manager=shared,
            cc=[copy] if copy else [],
            named_people=[{"full_name": "Jean Bon", "employee_number": "17", "url": "", "details": ""}]
            if deletes
            else [],
            consented=True,
            follow_up_of=self._number(parent_key) if parent_key else None,
            idempotency_key=self._key(),
        )
        keep: list[Callable[[int], plain.Case]] = []
        made: list[Ticket] = []

        def act() -> None:
            made.append(requests.submit(submission, self.viewers[who], self.now))
            if twice:
                # A second click makes nothing.
                before = self._state()
                assert requests.submit(submission, self.viewers[who], self.now).id == made[0].id
                assert self._state() == before

        self._try(
            "submit",
            lambda: keep.append(
                self.model.submit(
                    who,
                    organisation,
                    requester,
                    audience,
                    shared,
                    copy,
                    parent,
                    deletes,
                    lambda: self.team_names[made[0].team_id],
                )
            ),
            act,
        )
        if made:
            self._keep(made[0].id, keep[0](made[0].id))

    def _keep(self, key: int, case: plain.Case) -> None:
        """A request was made: under the number that comes after the last one."""
        case.number = self._number(key)
        if self.numbers:
            before = self.model.cases[self.numbers[-1]].number
            assert int(case.number.split("-")[1]) == int(before.split("-")[1]) + 1
        self.numbers.append(key)

    def _number(self, key: int) -> str:
        return str(ask(f"SELECT number FROM ticket WHERE id = {self.mark}", key)[0][0])

    # ---- Conversation ------------------------------------------------------------------------------------

    @rule(who=writers, number=which, move_to=st.one_of(st.none(), statuses), seen=seen)
    def reply(self, who: str, number: int, move_to: str | None, seen: str | None) -> None:
        self._reply(*self._case(number, LIVING), who, move_to if who in plain.STAFF else None, seen)

    def _reply(self, key: int, case: plain.Case, who: str, move_to: str | None, seen: str | None) -> None:
        version, word = self._version(key, seen), self._key()
        by = self.viewers[who]

        def act() -> Any:
            return conversation.reply(
                Ticket(id=key),
                "Bonjour, voici.",
                by,
                self.now,
                idempotency_key=word,
                move_to=move_to,
                seen=version,
            )

        message = self._try(
            "reply", lambda: self.model.reply(case, who, self.now, move_to, seen == "old"), act
        )
        if message is not None:
            self.last_reply, self.last_by, self.last_message = act, (key, who), message.id

    @rule()
    def press_again(self) -> None:
        """The last answer is sent a second time, whatever happened since: it is not written twice."""
        if self.last_reply is None:
            return
        key, who = self.last_by
        case = self.model.cases[key]
        before = self._state()
        try:
            assert self.last_reply().id == self.last_message
        except Refusal as refusal:
            assert refusal.status == 404 and not self.model.sees(who, case)
        assert self._state() == before

    @rule(who=desk, number=which)
    def note(self, who: str, number: int) -> None:
        key, case = self._case(number)
        self._try(
            "note",
            lambda: self.model.note(case, who),
            lambda: conversation.note(
                Ticket(id=key), "Entre nous.", self.viewers[who], self.now, idempotency_key=self._key()
            ),
        )

    @rule(who=writers, number=which, words=st.booleans(), solved=st.booleans())
    def works(self, who: str, number: int, words: bool, solved: bool) -> None:
        if solved:
            self.move("sam", 0, "resolved", None)
        key, case = self._case(number, lambda case: case.status == "resolved")
        self._try(
            "works",
            lambda: self.model.works(case, who, self.now, words),
            lambda: conversation.works(
                Ticket(id=key), self.viewers[who], self.now, body="Merci." if words else "",
                idempotency_key=self._key(),
            ),
        )  # fmt: skip

    @rule(who=writers, number=which, solved=st.booleans())
    def reopen(self, who: str, number: int, solved: bool) -> None:
        if solved:
            self.move("vera", 0, "resolved", None)
        key, case = self._case(number, lambda case: case.status == "resolved")
        self._try(
            "reopen",
            lambda: self.model.reopen(case, who, self.now),
            lambda: conversation.reopen(
                Ticket(id=key), "Encore.", self.viewers[who], self.now, idempotency_key=self._key()
            ),
        )

    @rule(who=writers, number=which)
    def keep_open(self, who: str, number: int) -> None:
        self._keep_open(*self._case(number, lambda case: case.status in plain.AWAITING), who)

    def _keep_open(self, key: int, case: plain.Case, who: str) -> None:
        self._try(
            "keep_open",
            lambda: self.model.keep_open(case, who, self.now),
            lambda: closing.keep_open(Ticket(id=key), self.viewers[who], self.now),
        )

    # ---- The desk ----------------------------------------------------------------------------------------

    @rule(who=desk, number=which, to=statuses, seen=seen)
    def move(self, who: str, number: int, to: str, seen: str | None) -> None:
        self._move(*self._case(number, LIVING), who, to, seen)

    def _move(self, key: int, case: plain.Case, who: str, to: str, seen: str | None) -> None:
        version = self._version(key, seen)
        self._try(
            "move",
            lambda: self.model.move(case, who, to, self.now, seen == "old"),
            lambda: lifecycle.move(Ticket(id=key), to, self.viewers[who], self.now, seen=version),
        )

    @rule(who=st.sampled_from(("sam", "vera")), number=which, to=st.sampled_from(plain.AWAITING))
    def await_the_customer(self, who: str, number: int, to: str) -> None:
        """The step from which silence counts, more often than chance would have it."""
        self.move(who, number, to, None)

    @rule(who=st.sampled_from(("alice", "sam", "dana", "charlie", "erin", "marc")), number=which)
    def close(self, who: str, number: int) -> None:
        key, case = self._case(number, LIVING)
        self._try(
            "close",
            lambda: self.model.move(case, who, "closed", self.now),
            lambda: lifecycle.close(Ticket(id=key), self.viewers[who], self.now),
        )

    @rule(who=desk, number=which, to=st.one_of(st.none(), desk), seen=seen)
    def assign(self, who: str, number: int, to: str | None, seen: str | None) -> None:
        """Also releases: nobody has it then."""
        key, case = self._case(number, LIVING)
        version = self._version(key, seen)
        self._try(
            "assign" if to else "release",
            lambda: self.model.assign(case, who, to, self.now, seen == "old"),
            lambda: lifecycle.assign(
                Ticket(id=key),
                self.ids[plain.address(to)] if to else None,
                self.viewers[who],
                self.now,
                seen=version,
            ),
        )

    @rule(who=desk, number=which, seen=seen)
    def take(self, who: str, number: int, seen: str | None) -> None:
        key, case = self._case(number, LIVING)
        version = self._version(key, seen)
        self._try(
            "take",
            lambda: self.model.take(case, who, self.now, seen == "now"),
            lambda: lifecycle.take(Ticket(id=key), self.viewers[who], self.now, seen=version),
        )

    @rule(who=desk, number=which, team=st.sampled_from((*plain.TEAMS, None)), seen=seen)
    def set_team(self, who: str, number: int, team: str | None, seen: str | None) -> None:
        key, case = self._case(number, LIVING)
        version = self._version(key, seen)
        self._try(
            "set_team",
            lambda: self.model.set_team(case, who, team, self.now, seen == "old"),
            lambda: lifecycle.set_team(
                Ticket(id=key), self.teams[team] if team else -1, self.viewers[who], self.now, seen=version
            ),
        )

    @rule(
        who=desk,
        number=which,
        value=st.sampled_from((*plain.PRIORITIES, "9")),
        reason=st.sampled_from(("", "Un seul poste.")),
        seen=seen,
    )
    def set_priority(self, who: str, number: int, value: str, reason: str, seen: str | None) -> None:
        self._set_priority(*self._case(number, LIVING), who, value, reason, seen)

    def _set_priority(
        self, key: int, case: plain.Case, who: str, value: str, reason: str, seen: str | None
    ) -> None:
        version = self._version(key, seen)
        self._try(
            "set_priority",
            lambda: self.model.set_priority(case, who, value, reason, seen == "old"),
            lambda: lifecycle.set_priority(
                Ticket(id=key), value, self.viewers[who], self.now, reason=reason, seen=version
            ),
        )

    # ---- Copies ------------------------------------------------------------------------------------------

    @rule(who=writers, number=which, copy=st.sampled_from((*plain.CUSTOMERS, "sam", OUTSIDER)))
    def add_cc(self, who: str, number: int, copy: str) -> None:
        key, case = self._case(number, LIVING)
        email = copy if copy == OUTSIDER else plain.address(copy)
        self._try(
            "add_cc",
            lambda: self.model.add_cc(case, who, email),
            lambda: conversation.add_cc(Ticket(id=key), email, self.viewers[who], self.now),
        )

    @rule(who=writers, number=which, place=st.integers(0, 2), first=st.booleans())
    def remove_cc(self, who: str, number: int, place: int, first: bool) -> None:
        """Perhaps just after somebody was put in copy."""
        if first:
            self.add_cc("sam", number, OUTSIDER)
        key, case = self._case(number, lambda case: case.copies and LIVING(case))
        rows = ask(
            f"SELECT id, email, role FROM participant WHERE ticket_id = {self.mark} AND role <> 'reader' ORDER BY id",
            key,
        )
        row, *copy = rows[place] if place < len(rows) else (-1,)
        self._try(
            "remove_cc",
            lambda: self.model.remove_cc(case, who, (copy[0], copy[1]) if copy else None),
            lambda: conversation.remove_cc(Ticket(id=key), row, self.viewers[who], self.now),
        )

    @rule(who=writers, number=which)
    def collaborate(self, who: str, number: int) -> None:
        key, case = self._case(number, LIVING)
        self._try(
            "collaborate",
            lambda: self.model.collaborate(case, who),
            lambda: conversation.collaborate(Ticket(id=key), self.viewers[who], self.now),
        )

    # ---- What cannot be undone ---------------------------------------------------------------------------

    @rule(
        who=st.one_of(st.just("alice"), people),
        number=which,
        typed=st.sampled_from(("supprimer 1 personne", "supprimer 1 personne", "oui")),
        ticked=st.sampled_from((True, True, False)),
    )
    def confirm(self, who: str, number: int, typed: str, ticked: bool) -> None:
        self._confirm(*self._case(number, IRREVERSIBLE), who, typed, ticked)

    def _confirm(self, key: int, case: plain.Case, who: str, typed: str, ticked: bool) -> None:
        self._try(
            "confirm",
            lambda: self.model.confirm(case, who, self.now, typed != "oui", ticked),
            lambda: deletion.confirm(
                Ticket(id=key), typed, self.viewers[who], self.now, language="fr", understood=ticked
            ),
        )

    @rule(who=st.one_of(st.just("bob"), people), number=which)
    def second(self, who: str, number: int) -> None:
        self._second(*self._case(number, IRREVERSIBLE), who)

    def _second(self, key: int, case: plain.Case, who: str) -> None:
        self._try(
            "second",
            lambda: self.model.second(case, who, self.now),
            lambda: deletion.second(Ticket(id=key), self.viewers[who], self.now, language="en"),
        )

    @rule(
        who=st.one_of(st.just("vera"), people),
        number=which,
        words=st.sampled_from(("Appelé Alice au standard.", "Court")),
    )
    def call(self, who: str, number: int, words: str) -> None:
        self._call(*self._case(number, IRREVERSIBLE), who, words)

    def _call(self, key: int, case: plain.Case, who: str, words: str) -> None:
        self._try(
            "call",
            lambda: self.model.call(case, who, self.now, words != "Court"),
            lambda: deletion.second_by_supervisor(
                Ticket(id=key), words, self.viewers[who], self.now, language="fr"
            ),
        )

    @rule(who=writers, number=which, reason=st.sampled_from(("", "Un nom est faux.")))
    def cancel(self, who: str, number: int, reason: str) -> None:
        key, case = self._case(number, IRREVERSIBLE)
        self._try(
            "cancel",
            lambda: self.model.cancel(case, who, reason),
            lambda: deletion.cancel(Ticket(id=key), self.viewers[who], self.now, reason=reason),
        )

    @rule(who=desk, number=which)
    def carry_out(self, who: str, number: int) -> None:
        self._carry_out(*self._case(number, IRREVERSIBLE), who)

    def _carry_out(self, key: int, case: plain.Case, who: str) -> None:
        self._try(
            "carry_out",
            lambda: self.model.carry_out(case, who, self.now),
            lambda: deletion.carry_out(Ticket(id=key), self.viewers[who], self.now),
        )

    @rule(number=which, alone=st.booleans(), waits=st.booleans(), done=st.booleans())
    def agree(self, number: int, alone: bool, waits: bool, done: bool) -> None:
        """Both people confirm one after the other, and perhaps the wait ends: chance alone seldom comes so far."""
        key, case = self._case(
            number, lambda case: case.procedure is not None and case.procedure.state == "announced"
        )
        if case.procedure is None or case.procedure.state != "announced":
            return
        if alone:
            for name in self.model.asked(case):
                self.attach("root", name, case.organisation, "member")
        self._confirm(key, case, case.requester, "supprimer 1 personne", True)
        asked = self.model.asked(case)
        if asked:
            self._second(key, case, asked[-1])
        else:
            self._call(key, case, "vera", "Appelé Alice au standard.")
        if waits:
            self.pass_time(timedelta(hours=24), 1)
            if done:
                self._carry_out(key, case, "sam")

    # ---- Contacts ----------------------------------------------------------------------------------------

    def _membership(self, who: str, organisation: str) -> int:
        rows = ask(
            f"SELECT id FROM membership WHERE person_id = {self.mark} AND organisation_id = {self.mark}",
            self.ids[plain.address(who)],
            self.organisation[organisation],
        )
        return rows[0][0] if rows else -1

    @rule(
        who=st.sampled_from(("bob", "erin", "root", "root", "alice", "sam")),
        person=customers,
        organisation=st.sampled_from(plain.ORGANISATIONS),
        to=st.one_of(st.none(), customers),
    )
    def remove_member(self, who: str, person: str, organisation: str, to: str | None = None) -> None:
        row = self._membership(person, organisation)
        self._try(
            "remove_member",
            lambda: self.model.remove_member(who, person, organisation, to),
            lambda: contacts.remove_approval(
                row, self.viewers[who], self.now, reason="Parti.",
                hand_to=self.ids[plain.address(to)] if to else None,
            ),
        )  # fmt: skip
        self._read_rights(person)

    @rule(
        who=st.sampled_from(("bob", "erin", "root", "alice", "sam")),
        person=customers,
        organisation=st.sampled_from(plain.ORGANISATIONS),
    )
    def approve(self, who: str, person: str, organisation: str) -> None:
        row = self._membership(person, organisation)
        self._try(
            "approve",
            lambda: self.model.approve(who, person, organisation),
            lambda: contacts.approve(row, self.viewers[who], self.now),
        )
        self._read_rights(person)

    @rule(
        who=st.sampled_from(("root", "root", "root", "bob", "sam")),
        person=st.sampled_from((*plain.CUSTOMERS, "marc")),
        organisation=st.sampled_from(plain.ORGANISATIONS),
        role=st.sampled_from(plain.ROLES),
    )
    def attach(self, who: str, person: str, organisation: str, role: str) -> None:
        self._try(
            "attach",
            lambda: self.model.attach(who, person, organisation, role),
            lambda: contacts.attach(
                self.ids[plain.address(person)], self.organisation[organisation], self.viewers[who], self.now,
                role=role,
            ),
        )  # fmt: skip
        self._read_rights(person)

    # ---- What chance alone seldom comes to ---------------------------------------------------------------

    @rule(
        who=st.sampled_from(("sam", "vera", "ines")),
        number=which,
        much=st.sampled_from((timedelta(days=2), timedelta(days=11))),
        asks=st.booleans(),
    )
    def write_while_it_waits(self, who: str, number: int, much: timedelta, asks: bool) -> None:
        """The customer is awaited for days, perhaps asked for more time; then an agent writes, and nothing moves."""
        key, case = self._case(number, LIVING)
        if case.status not in plain.AWAITING:
            self._move(key, case, "vera", "waiting_customer", None)
        if asks:
            self._keep_open(key, case, case.requester)
        self.pass_time(much, 1)
        self._reply(key, case, who, None, None)

    @rule(number=which, place=st.integers(0, 13), who=st.sampled_from(("sam", "root", "alice")))
    def move_where_nothing_leads(self, number: int, place: int, who: str) -> None:
        """A move that is not in the table, for somebody who may make others."""
        key, case = self._case(number)
        actor = "c" if who == "alice" else "s"
        closed = [
            to for to in plain.STATUSES if to != case.status and not plain.may_move(case.status, to, actor)
        ]
        self._move(key, case, who, closed[place % len(closed)], None)

    @rule(number=which, back=st.booleans())
    def the_requester_leaves_before_the_mail_does(self, number: int, back: bool) -> None:
        """An answer waits in the outbox while its reader loses the right to read it, for a time or for good."""
        key, case = self._case(number, LIVING)
        self._reply(key, case, "sam", None, None)
        who, organisation = case.requester, case.organisation
        self.remove_member("root", who, organisation)
        for _ in range(3):
            self.deliver(["ok"] * 8)
        if back:
            self.attach("root", who, organisation, "contact")

    @rule(number=which, leaves=st.booleans(), tries=st.booleans())
    def the_second_person_loses_the_right(self, number: int, leaves: bool, tries: bool) -> None:
        """After the confirmation and before the end; then the job runs, or an agent carries it out."""
        key, case = self._case(
            number, lambda case: case.procedure is not None and case.procedure.state in ("waiting", "ready")
        )
        second = case.procedure.second if case.procedure else None
        if second is None or second in plain.STAFF:
            return
        if leaves:
            self.remove_member("root", second, case.organisation)
        else:
            self.attach("root", second, case.organisation, "member")
        if tries:
            self.pass_time(timedelta(hours=24), 0)
            self._carry_out(key, case, "sam")
        self._jobs(1)

    # ---- What waits for another one ----------------------------------------------------------------------

    @rule(who=desk, number=which, other=which, seen=seen)
    def block(self, who: str, number: int, other: int, seen: str | None) -> None:
        key, case = self._case(number, LIVING)
        self._block(key, case, who, self._case(other, LIVING)[1], seen)

    def _block(
        self, key: int, case: plain.Case, who: str, other: plain.Case | None, seen: str | None
    ) -> None:
        version = self._version(key, seen)
        keep: list[Callable[[int], None]] = []
        row = self._try(
            "block",
            lambda: keep.append(self.model.block(case, who, other, self.now, seen == "old")),
            lambda: blocking.block(
                Ticket(id=key), other.number if other else "SUP-1", self.viewers[who], self.now,
                component="Export", seen=version,
            ),
        )  # fmt: skip
        if row is not None:
            keep[0](row.id)

    @rule(who=desk, number=which, place=st.integers(0, 2), seen=seen)
    def unblock(self, who: str, number: int, place: int, seen: str | None) -> None:
        key, case = self._case(number, lambda case: case.status == "blocked")
        version = self._version(key, seen)
        rows = ask(f"SELECT id FROM ticket_block WHERE ticket_id = {self.mark} ORDER BY id DESC", key)
        row = rows[place][0] if place < len(rows) else -1
        self._try(
            "unblock",
            lambda: self.model.unblock(case, who, row, row != -1, self.now, seen == "old"),
            lambda: blocking.unblock(Ticket(id=key), row, self.viewers[who], self.now, seen=version),
        )

    @rule(
        number=which,
        other=which,
        third=which,
        end=st.sampled_from(("resolved", "closed", "merged", "unblocked", None)),
    )
    def wait_for_one_another(self, number: int, other: int, third: int, end: str | None) -> None:
        """One waits for another, perhaps for two; then what it waits for ends in one way or another."""
        (key, case), (end_key, ends) = self._case(number, LIVING), self._case(other, LIVING)
        if ends.status == "resolved":
            self._reply(end_key, ends, ends.requester, None, None)
        self._block(key, case, "sam", ends, None)
        self._block(key, case, "vera", self._case(third, LIVING)[1], None)
        if end in ("resolved", "closed"):
            self._move(end_key, ends, "ines", end, None)
        elif end == "merged":
            self._merge(end_key, ends, "sam", self._case(third)[1], None)
        elif end == "unblocked":
            self.unblock("sam", number, 0, None)

    # ---- Handing on --------------------------------------------------------------------------------------

    @rule(
        who=st.sampled_from((None, "sam", *plain.PEOPLE)),
        number=which,
        to=st.sampled_from((None, None, None, *plain.PEOPLE)),
        stays=st.booleans(),
        seen=seen,
        twice=st.booleans(),
    )
    def hand_over(
        self, who: str | None, number: int, to: str | None, stays: bool, seen: str | None, twice: bool
    ) -> None:
        """Mostly by its requester, to a colleague who can have it: chance alone seldom finds one."""
        key, case = self._case(number, LIVING)
        fit = [
            name
            for name in plain.CUSTOMERS
            if name != case.requester and self.model.approved(name, case.organisation)
        ]
        who, to = who or case.requester, to or (fit or list(plain.PEOPLE))[-1]
        self._hand_over(key, case, who, to, stays, seen)
        if twice:
            self._hand_over(key, case, who, to, stays, None)

    def _hand_over(
        self, key: int, case: plain.Case, who: str, to: str, stays: bool, seen: str | None
    ) -> None:
        version = self._version(key, seen)
        self._try(
            "handover",
            lambda: self.model.handover(case, who, to, stays, seen == "old"),
            lambda: handover.handover(
                Ticket(id=key), self.ids[plain.address(to)], self.viewers[who], self.now,
                keep_me=stays, seen=version,
            ),
        )  # fmt: skip

    @rule(who=desk, number=which, other=which, seen=seen)
    def merge(self, who: str, number: int, other: int, seen: str | None) -> None:
        key, case = self._case(number, lambda case: LIVING(case) and case.procedure is None)
        near = lambda found: LIVING(found) and found.organisation == case.organisation  # noqa: E731
        self._merge(key, case, who, self._case(other, near)[1], seen)

    def _merge(self, key: int, case: plain.Case, who: str, into: plain.Case, seen: str | None) -> None:
        version = self._version(key, seen)
        self._try(
            "merge",
            lambda: self.model.merge(case, who, into, self.now, seen == "old"),
            lambda: joining.merge(Ticket(id=key), into.number, self.viewers[who], self.now, seen=version),
        )

    @rule(who=desk, number=which, place=st.integers(0, 2), copies=st.booleans())
    def split(self, who: str, number: int, place: int, copies: bool) -> None:
        if len(self.numbers) >= MOST_REQUESTS:
            return
        key, case = self._case(number)
        rows = ask(
            f"SELECT id FROM message WHERE ticket_id = {self.mark} AND kind = 'reply' ORDER BY id", key
        )
        row = rows[place][0] if place < len(rows) else -1
        keep: list[Callable[[int], plain.Case]] = []
        word = self._key()
        made = self._try(
            "split",
            lambda: keep.append(
                self.model.split(case, who, place, copies, lambda: self.team_names[made.team_id])
            ),
            lambda: splitting.split(
                Ticket.get_by_id(key), row, "Autre chose", self.viewers[who], self.now, store=None,
                idempotency_key=word, with_cc=copies,
            ),
        )  # fmt: skip
        if made is not None:
            self._keep(made.id, keep[0](made.id))

    # ---- A priority that is contested --------------------------------------------------------------------

    @rule(who=writers, number=which, reason=st.sampled_from(("Tout est arrêté.", "Tout est arrêté.", "")))
    def contest(self, who: str, number: int, reason: str) -> None:
        self._contest(*self._case(number, lambda case: case.lowered and LIVING(case)), who, reason)

    def _contest(self, key: int, case: plain.Case, who: str, reason: str) -> None:
        self._try(
            "contest",
            lambda: self.model.contest(case, who, reason),
            lambda: contests.contest(Ticket(id=key), reason, self.viewers[who], self.now),
        )

    @rule(
        who=st.sampled_from((*sorted(plain.SUPERVISORS) * 4, *plain.PEOPLE)),
        number=which,
        outcome=st.sampled_from(("restored", "kept", "kept", "neither")),
        answer=st.sampled_from(("Vu ensemble.", "Vu ensemble.", "")),
        lowers=st.sampled_from((None, "sam", "sam", "vera")),
    )
    def decide(self, who: str, number: int, outcome: str, answer: str, lowers: str | None) -> None:
        """Perhaps after it was lowered and contested: chance alone seldom comes so far."""
        key, case = self._case(number, lambda case: case.contest if lowers is None else LIVING(case))
        if lowers is not None:
            self._set_priority(key, case, lowers, "3", "Un seul poste.", None)
            self._contest(key, case, case.requester, "Tout est arrêté.")
            self._set_priority(key, case, "ines", "1" if outcome == "kept" else "4", "Vu.", None)
            self._set_priority(key, case, "sam", "2", "Vu.", None)
        self._try(
            "decide",
            lambda: self.model.decide(case, who, outcome, answer),
            lambda: contests.decide(Ticket(id=key), outcome, answer, self.viewers[who], self.now),
        )

    # ---- Many at once ------------------------------------------------------------------------------------

    @rule(
        who=desk,
        places=st.lists(which, max_size=4),
        act=st.one_of(
            st.tuples(st.just("move"), statuses),
            st.tuples(st.just("assign"), st.one_of(st.none(), desk)),
            st.tuples(st.just("set_team"), st.sampled_from((*plain.TEAMS, None))),
        ),
        seen=seen,
        unknown=st.booleans(),
    )
    def many(
        self, who: str, places: list[int], act: tuple[str, str | None], seen: str | None, unknown: bool
    ) -> None:
        """Several requests of a queue, one of them perhaps twice, and perhaps one that is none."""
        cases = [self._case(place, LIVING)[1] for place in places]
        self._many(who, cases, *act, seen, unknown)

    def _many(
        self,
        who: str,
        cases: list[plain.Case],
        act: str,
        value: str | None,
        seen: str | None,
        unknown: bool = False,
    ) -> None:
        by, before, expected = self.viewers[who], self._state(), []
        written = [
            case.number if place % 2 else f" {case.number.lower()}" for place, case in enumerate(cases)
        ]
        written += ["SUP-9999999"] if unknown else []
        versions = None
        if seen is not None:
            versions = bulk.versions(by, [case.number for case in cases])
            if seen == "old":
                versions = {number: version - 1 for number, version in versions.items()}
        targets: dict[str, Callable[[], Any]] = {
            "move": lambda: value,
            "assign": lambda: self.ids[plain.address(value)] if value else None,
            "set_team": lambda: self.teams[value] if value else -1,
        }
        outcomes = self._try(
            "many",
            lambda: expected.extend(self.model.many(who, cases, act, value, self.now, seen, unknown)),
            lambda: getattr(bulk, act)(written, targets[act](), by, self.now, seen=versions),
        )
        if outcomes is None:
            return
        got = [(row.number, row.fault.status if row.fault else None, row.changed) for row in outcomes]
        assert got == expected, f"{act} of many: {got}, expected {expected}"
        changed = sum(row.changed for row in outcomes)
        assert changed or self._state() == before, "none of many changed, and something did"
        self.done["of many"] = self.done.get("of many", 0) + changed

    @rule(
        who=st.sampled_from(("sam", "ines")),
        number=which,
        other=which,
        third=which,
        to=st.sampled_from(("resolved", "closed", "expired", "qualified")),
        seen=seen,
    )
    def end_together(self, who: str, number: int, other: int, third: int, to: str, seen: str | None) -> None:
        """What waits and what it waits for are chosen together: neither is in the way of the other."""
        (key, case), (end_key, ends) = self._case(number, LIVING), self._case(other, LIVING)
        self._block(key, case, "sam", ends, None)
        self._block(end_key, ends, "sam", self._case(third, LIVING)[1], None)
        self._many(who, [self._case(third)[1], ends, case], "move", to, seen)

    # ---- Escalating, testing -----------------------------------------------------------------------------

    @rule(
        who=desk,
        number=which,
        to=st.sampled_from((*plain.ESCALATIONS, "blocked")),
        reference=st.sampled_from(("", "RPC-88", "ÉVO 7")),
        seen=seen,
    )
    def escalate(self, who: str, number: int, to: str, reference: str, seen: str | None) -> None:
        key, case = self._case(number, LIVING)
        version = self._version(key, seen)
        self._try(
            "escalate",
            lambda: self.model.escalate(case, who, to, self.now, reference, seen == "old"),
            lambda: lifecycle.escalate(
                Ticket(id=key), to, self.viewers[who], self.now, reference=reference, seen=version
            ),
        )

    @rule(who=writers, number=which, words=st.booleans(), where=st.sampled_from((None, "", "Recette 2")))
    def tested(self, who: str, number: int, words: bool, where: str | None) -> None:
        """Perhaps just after it was given to be tested, in a named environment."""
        key, case = self._case(
            number, LIVING if where is not None else lambda case: case.status == "customer_testing"
        )
        if where is not None:
            self._try(
                "move",
                lambda: self.model.move(case, "sam", "customer_testing", self.now, environment=where),
                lambda: lifecycle.move(
                    Ticket(id=key), "customer_testing", self.viewers["sam"], self.now, environment=where
                ),
            )
        self._try(
            "tested",
            lambda: self.model.tested(case, who, self.now, words),
            lambda: conversation.tested(
                Ticket(id=key), self.viewers[who], self.now, body="Rien à dire." if words else "",
                idempotency_key=self._key(),
            ),
        )  # fmt: skip

    # ---- Time --------------------------------------------------------------------------------------------

    @rule(much=st.sampled_from(STEPS), sweeps=st.integers(0, 3))
    def pass_time(self, much: timedelta, sweeps: int) -> None:
        """Minutes to weeks; then the jobs run so many times, or not at all: the portal was down."""
        self.now += much
        self._jobs(sweeps)

    @rule(
        number=which,
        late=st.sampled_from((timedelta(seconds=-1), timedelta(0), timedelta(days=1))),
        sweeps=st.integers(1, 3),
    )
    def go_to_what_is_due(self, number: int, late: timedelta, sweeps: int) -> None:
        """To the very instant at which something happens, a second before it, or to a sweep that is one day late."""
        _key, case = self._case(number, lambda case: case.plan or IRREVERSIBLE(case))
        due = [plain.end_of(day) for day in case.plan[:1]]
        if case.procedure is not None:
            due += [moment for moment in (case.procedure.answer_by, case.procedure.due_at) if moment]
        later = [moment + late for moment in due if moment + late > self.now]
        if later:
            self.now = min(later)
        self._jobs(sweeps)

    def _jobs(self, times: int) -> None:
        """Both sweeps, so many times at the same instant: what is due happens once."""
        for turn in range(times):
            for word, sweep, expect in (
                ("swept", closing.sweep, self.model.sweep),
                ("deletions swept", deletion.sweep, self.model.sweep_deletions),
            ):
                expected = expect(self.now) if turn == 0 else 0
                assert sweep(self.now) == expected
                self.done[word] = self.done.get(word, 0) + expected

    @rule(outcomes=st.lists(st.sampled_from(("ok", "ok", "ok", "later", "server", "never")), max_size=8))
    def deliver(self, outcomes: list[str]) -> None:
        """The mails that are due leave, some of them not at once. Each goes to somebody who may know, and once."""
        left = list(reversed(outcomes))

        def send(row: OutboxMessage) -> None:
            assert row.message_id not in self.gone, f"mail {row.id} was sent twice"
            if row.ticket_id is not None:
                assert self._may_be_told(row.ticket_id, row.recipient), (
                    f"{row.recipient} was sent {row.template}"
                )
            outcome = left.pop() if left else "ok"
            if outcome in ("later", "server"):
                raise notifications.TemporaryFailure("451 later", whole_server=outcome == "server")
            if outcome == "never":
                raise notifications.PermanentFailure("550 no")
            self.gone.add(row.message_id)
            self.done["sent"] = self.done.get("sent", 0) + 1

        notifications.deliver_due(send, self.now, limit=8)
        for key, ticket, recipient in ask(
            "SELECT id, ticket_id, recipient FROM outbox_message WHERE status = 'skipped'"
        ):
            if key not in self.skipped:
                self.skipped.add(key)
                assert not self._may_be_told(ticket, recipient), f"{recipient} was not told"
                self.done["skipped"] = self.done.get("skipped", 0) + 1

    # ---- What always holds -------------------------------------------------------------------------------

    def _may_be_told(self, key: int, recipient: str) -> bool:
        case = self.model.cases[key]
        if (recipient, "cc") in case.copies:
            return True
        name = self.names.get(self.ids.get(recipient, 0))
        return name is not None and self.model.sees(name, case)

    @invariant()
    def everything_is_as_the_model_says(self) -> None:
        if not self.numbers:
            return
        self.done["steps"] = self.done.get("steps", 0) + 1
        assert self.errors.seen == []
        self._rows()
        self._follow()
        self._history()
        for name, (sql, values) in self.sights.items():
            visible = {key for (key,) in self._look(sql, *values)}
            expected = {key for key, case in self.model.cases.items() if self.model.sees(name, case)}
            assert visible == expected, f"{name} sees {visible}, not {expected}"

    def _rows(self) -> None:
        rows = self._look(
            "SELECT id, status, assignee_id, team_id, priority, act_at, closes_at, reminders_sent, extended_times, "
            "requester_id, escalation_reference, test_environment, merged_into_id, close_reason FROM ticket"
        )
        assert len(rows) == len(self.model.cases)
        for key, status, assignee, team, priority, act_at, closes_at, reminded, kept, *more in rows:
            case = self.model.cases[key]
            requester, reference, environment, into, reason = more
            assert self.names[requester] == case.requester
            assert (reference, environment) == (case.reference, case.environment)
            assert self.model.cases.get(into) is case.merged_into
            assert (reason == "merged") == (case.merged_into is not None)
            assert status == case.status
            assert self.names.get(assignee) == case.assignee
            assert (self.team_names[team], priority) == (case.team, case.priority)
            plan = [plain.end_of(day) for day in case.plan]
            assert instant(act_at) == (plan[0] if plan else None)
            assert instant(closes_at) == (plan[-1] if plan else None)
            assert (reminded, kept) == (case.reminders_sent, case.kept_open)
        waiting = self._look("SELECT id, ticket_id, blocker_id FROM ticket_block WHERE ended_at IS NULL")
        assert {key: tuple(map(self.model.cases.get, pair)) for key, *pair in waiting} == self.model.blocks
        copies: dict[int, set[tuple[str, str]]] = {key: set() for key in self.model.cases}
        found = self._look("SELECT ticket_id, email, role FROM participant")
        for key, email, role in found:
            copies[key].add((email, role))
        assert copies == {key: case.copies for key, case in self.model.cases.items()}
        assert len(found) == sum(map(len, copies.values()))
        written: dict[tuple[int, str], int] = {
            (key, kind): number
            for key, kind, number in self._look(
                "SELECT ticket_id, kind, count(*) FROM message GROUP BY ticket_id, kind"
            )
        }
        for key, case in self.model.cases.items():
            assert written.get((key, "reply"), 0) == case.replies
            assert written.get((key, "note"), 0) == case.notes
        procedures = self._look("SELECT ticket_id, state, answer_by, due_at FROM deletion")
        assert len(procedures) == sum(case.procedure is not None for case in self.model.cases.values())
        for key, state, answer_by, due_at in procedures:
            procedure = self.model.cases[key].procedure
            assert procedure is not None
            assert state == procedure.state
            if state in ("confirmed", "waiting", "ready"):
                assert instant(answer_by) == procedure.answer_by
                assert instant(due_at) == procedure.due_at

    def _follow(self) -> None:
        """What was added since this was last asked, if anything was."""
        if self.followed_to != self.writes.number:
            self._follow_histories()
            self._follow_mails()
            self.followed_to = self.writes.number

    def _follow_histories(self) -> None:
        """What was added to the histories: chained, and along the table."""
        for key, ticket, kind, actor, data, previous, digest in ask(
            "SELECT id, ticket_id, kind, actor_id, data, previous_hash, hash FROM ticket_event "
            f"WHERE id > {self.mark} ORDER BY id",
            self.last_event,
        ):
            self.last_event = key
            data = plain_json(data)
            assert previous == self.ends.get(ticket, "")
            self.ends[ticket] = digest
            if kind == "ticket:created":
                requester, first = self.model.cases[ticket].first
                self.replayed[ticket] = {
                    "status": "registered",
                    "assignee": None,
                    "priority": first,
                    "requester": requester,
                }
                continue
            state = self.replayed[ticket]
            if "from" in data:
                assert data["from"] == state["status"], f"{kind} says it came from {data['from']}"
            target = data.get("to")
            if target and target != state["status"]:
                actor_kind = "r" if actor is None else "s" if self.names[actor] in plain.STAFF else "c"
                assert plain.may_move(state["status"], target, actor_kind), f"{state['status']} to {target}"
                state["status"] = target
            if "assignee" in data:
                state["assignee"] = data["assignee"]
            if data.get("took"):
                state["assignee"] = actor
            if kind == "ticket:handed_over":
                assert self.names[data["before"]] == state["requester"]
                state["requester"] = self.names[data["person_id"]]
            if kind in ("ticket:priority_changed", "ticket:priority_lowered", "ticket:priority_decided"):
                assert data["before"] == state["priority"]
                state["priority"] = data["after"]

    def _history(self) -> None:
        """The histories are enough to tell the present from."""
        for key, case in self.model.cases.items():
            state = self.replayed[key]
            assert state["status"] == case.status, "the history does not tell the status"
            assert self.names.get(state["assignee"]) == case.assignee, "the history does not tell who has it"
            assert state["priority"] == case.priority, "the history does not tell the priority"
            assert state["requester"] == case.requester, "the history does not tell whose it is"

    def _follow_mails(self) -> None:
        """What was added to the outbox: one for each event and reader, and for nobody who may not know."""
        for key, source, recipient, ticket, template in ask(
            "SELECT id, source, recipient, ticket_id, template FROM outbox_message "
            f"WHERE id > {self.mark} ORDER BY id",
            self.last_mail,
        ):
            self.last_mail = key
            assert (source, recipient) not in self.told, f"{recipient} is told twice of {source}"
            self.told.add((source, recipient))
            if ticket is None or self._may_be_told(ticket, recipient):
                continue
            # Those whom a request is tied to keep their place in it when they leave the organisation: their mails are
            # written, and held back when they would be sent (deliver() holds that).
            case = self.model.cases[ticket]
            name = self.names.get(self.ids.get(recipient, 0))
            tied = {case.requester, case.procedure.second if case.procedure else None}
            tied.add(case.contest.by if case.contest else None)
            assert name in tied - {None}, f"{recipient} is told of {template} and may not know"


def live(database: Any, examples: int, steps: int, seed: int | None = None) -> SimpleNamespace:
    """Run that many examples of that many steps; returns what was done, by verb."""

    class Lived(Life):
        done: dict[str, int] = {}
        first_rights: dict[str, Any] = {}
        writes = Writes()

    with nothing_left(database), watched(database, Lived.writes):
        if seed is not None:
            seeded(seed)(Lived)
        run_state_machine_as_test(
            Lived,
            settings=trials(
                max_examples=examples,
                stateful_step_count=steps,
                deadline=None,
                database=None,
                derandomize=seed is None,
                suppress_health_check=list(HealthCheck),
                phases=(Phase.generate, Phase.shrink),
                print_blob=True,
            ),
        )
    return SimpleNamespace(**{word.replace(" ", "_"): number for word, number in Lived.done.items()})


@contextmanager
def watched(database: Any, writes: Writes) -> Iterator[None]:
    """Every statement passes by the count."""
    database.query_hooks.append(writes)
    yield
    database.query_hooks.remove(writes)


@contextmanager
def nothing_left(database: Any) -> Iterator[None]:
    """The examples undo what they did."""
    yield
    assert Ticket.select().count() == 0
    assert OutboxMessage.select().count() == 0


VERBS = (
    "submit reply note works reopen keep_open move close assign release take set_team set_priority add_cc remove_cc "
    "collaborate confirm second call cancel carry_out remove_member approve attach sent skipped swept deletions_swept "
    "block unblock handover merge split contest decide escalate tested "
    "many of_many"
).split()


# A step costs three times as much on PostgreSQL, a server beside: 300 examples between the two.
SHORT = {"sqlite": 240, "postgresql": 60}


def test_any_order_of_acts_leaves_requests_as_the_rules_say(small: Any, engine: Any) -> None:
    """A part of the 20,000 examples of 100 steps: 300 of 50."""
    done = live(small, examples=SHORT[engine.name], steps=50)
    missing = [verb for verb in VERBS if not getattr(done, verb, 0)]
    # A machine in which a verb never succeeds proves nothing about it.
    assert not missing or engine.name == "postgresql", f"never happened: {missing}"


@pytest.mark.long
@pytest.mark.parametrize("shard", range(SHARDS))
def test_twenty_thousand_orders_of_a_hundred_acts(small: Any, shard: int) -> None:
    """20,000 examples of 100 steps on each database, in shards that run beside one another."""
    live(
        small,
        examples=20_000 // SHARDS,
        steps=100,
        seed=int(os.environ.get("LIFE_SEED", "0")) * SHARDS + shard,
    )
