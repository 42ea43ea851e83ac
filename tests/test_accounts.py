"""Accounts: sign-in, locks, sessions, links, registration. Each rule by its name, on both databases."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from domain import accounts, audit, contacts, passwords, settings
from domain.policies import load_viewer
from domain.refusals import Invalid, Missing, NotAllowed, NotNow, Refusal
from models import (
    AccountToken,
    AuditEntry,
    Organisation,
    OutboxMessage,
    Person,
    SignInFailure,
    UserSession,
    db,
)

GOOD = "un cheval bleu mange des frites"
OTHER = "seize tuiles roulent vers la gare"
HOME = "192.0.2.10"
ELSEWHERE = "198.51.100.7"


@pytest.fixture(autouse=True)
def portal(database: Any) -> Iterator[None]:
    """A portal with its secret, on a database of this test."""
    accounts.use_secret("only for tests, long enough to be taken: 0123456789")
    settings.forget()
    yield
    settings.forget()


@pytest.fixture
def people(portal: None, clock: Any) -> SimpleNamespace:
    """Alice has a password and has signed in before; nina was invited and never came; root runs the portal."""

    def add(email: str, name: str, **more: Any) -> Person:
        return accounts.add_person(email, name, by=None, now=clock.now, **more)

    acme = Organisation.create(name="Acme", slug="acme", domains=["acme.example"], created_at=clock.now)
    alice = add("alice@acme.example", "Alice Martin", password=GOOD, has_signed_in=True, username="amartin")
    nina = add("nina@acme.example", "Nina Roux")
    root = add("root@guichet.example", "Rachel Oot", password=GOOD, has_signed_in=True, staff_role="admin")
    contacts.add_membership(alice.id, acme.id, role="contact", by=load_viewer(root.id), now=clock.now)
    return SimpleNamespace(alice=alice, nina=nina, root=root, acme=acme)


def attempt(name: str, password: str, now: datetime, origin: str = HOME) -> Any:
    """The outcome of a sign-in: a token, or the refusal."""
    try:
        return accounts.sign_in(name, password, origin=origin, now=now)[0]
    except Refusal as fault:
        return fault


def codes(*outcomes: Any) -> list[str]:
    return [outcome.code if isinstance(outcome, Refusal) else "in" for outcome in outcomes]


def last_link() -> str:
    """The token of the mail that was enqueued last."""
    row = OutboxMessage.select().order_by(OutboxMessage.id.desc()).first()
    return accounts.link_token(row.context["seed"])


def mails(template: str | None = None) -> list[OutboxMessage]:
    rows = OutboxMessage.select().order_by(OutboxMessage.id)
    return [row for row in rows if template in (None, row.template)]


# ---- Sign-in -----------------------------------------------------------------------------------------


def test_the_user_name_and_the_address_both_sign_in_however_they_are_typed(
    people: SimpleNamespace, clock: Any
) -> None:
    for name in (
        "alice@acme.example",
        "amartin",
        " ALICE@acme.example ",
        "Ａmartin",
        "ali\u200bce@acme.example",
    ):
        token, person = accounts.sign_in(name, GOOD, origin=HOME, now=clock.now, user_agent="Firefox")
        assert person.id == people.alice.id
        session_id, viewer = accounts.load_session(token, clock.now)
        assert (viewer.email, viewer.organisation_name) == ("alice@acme.example", "Acme")
        row = UserSession.get_by_id(session_id)
        assert (row.origin, row.user_agent, row.fresh_at) == (HOME, "Firefox", clock.now)


def test_a_session_is_kept_as_a_hash_only(people: SimpleNamespace, clock: Any) -> None:
    token = attempt("amartin", GOOD, clock.now)
    assert len(token) == 43
    assert UserSession.select().where(UserSession.token_hash == token).count() == 0
    assert len(UserSession.get().token_hash) == 64


def test_each_sign_in_makes_another_token(people: SimpleNamespace, clock: Any) -> None:
    assert attempt("amartin", GOOD, clock.now) != attempt("amartin", GOOD, clock.now)


@pytest.mark.parametrize("who", ["alice", "unknown", "disabled", "never activated", "locked by staff"])
def test_refusals_and_locks_are_the_same_for_names_that_exist_and_names_that_do_not(
    people: SimpleNamespace, clock: Any, who: str
) -> None:
    name = {"unknown": "nobody@acme.example", "never activated": "nina@acme.example"}.get(
        who, "alice@acme.example"
    )
    if who == "disabled":
        accounts.disable(people.alice.id, by=None, now=clock.now)
    if who == "locked by staff":
        Person.update(locked_at=clock.now).where(Person.id == people.alice.id).execute()
    outcomes = [attempt(name, "not the password at all", clock.now) for _ in range(7)]
    assert codes(*outcomes) == ["sign-in-failed"] * 4 + ["sign-in-locked"] * 3
    assert [outcome.data for outcome in outcomes[:4]] == [{"left": left} for left in (4, 3, 2, 1)]
    assert {outcome.data["minutes"] for outcome in outcomes[4:]} == {15}
    assert {outcome.status for outcome in outcomes} == {422, 429}


def test_one_hash_is_verified_for_each_try_whoever_it_is(
    people: SimpleNamespace, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified: list[str] = []
    real = passwords._hasher

    class Counting:
        def verify(self, stored: str, password: str) -> bool:
            verified.append(stored)
            return real.verify(stored, password)

        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

    monkeypatch.setattr(passwords, "_hasher", Counting())
    accounts.disable(people.nina.id, by=None, now=clock.now)
    for name in ("alice@acme.example", "nobody@acme.example", "nina@acme.example", "", "x" * 5000):
        attempt(name, "not the password at all", clock.now)
    assert len(verified) == 5
    assert all("m=19456,t=2,p=1" in stored for stored in verified)


def test_a_password_that_cannot_be_one_is_refused_without_work(
    people: SimpleNamespace, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "_hasher", None)
    for number, password in enumerate(["", "x" * 129, "x" * 10_000_000, "a\x00b" * 6, "a\ud800b" * 6]):
        assert codes(attempt("amartin", password, clock.now, f"192.0.2.{number}")) == ["sign-in-failed"]


def test_awkward_names_are_refused_like_any_other(people: SimpleNamespace, clock: Any) -> None:
    for name in ("\x00", "alice@acme.example\x00", "\ud800", "%", "_", "' or 1=1 --", "a" * 100_000):
        assert codes(attempt(name, "not the password at all", clock.now)) == ["sign-in-failed"], name


def test_a_password_means_the_same_however_its_accents_are_typed(people: SimpleNamespace, clock: Any) -> None:
    viewer = load_viewer(people.alice.id)
    session_id, _ = accounts.load_session(attempt("amartin", GOOD, clock.now), clock.now)
    accounts.change_password(viewer, session_id, GOOD, "Où est la forêt d'été", clock.now, origin=HOME)
    assert codes(attempt("amartin", "Ou\u0300 est la fore\u0302t d'e\u0301te\u0301", clock.now)) == ["in"]


def test_all_128_characters_of_a_password_count(people: SimpleNamespace, clock: Any) -> None:
    long = "".join(chr(0x4E00 + 7 * n) for n in range(127))
    Person.update(password_hash=passwords.hash_password(long + "é")).where(
        Person.id == people.alice.id
    ).execute()
    assert codes(attempt("amartin", long + "e", clock.now), attempt("amartin", long + "é", clock.now)) == [
        "sign-in-failed",
        "in",
    ]


# ---- Locks -------------------------------------------------------------------------------------------


def fail(times: int, now: datetime, name: str = "amartin", origin: str = HOME) -> list[Any]:
    return [attempt(name, "not the password at all", now, origin) for _ in range(times)]


def test_five_failures_lock_for_fifteen_minutes_and_the_right_password_is_refused_meanwhile(
    people: SimpleNamespace, clock: Any
) -> None:
    fail(5, clock.now)
    clock.advance(minutes=4)
    locked = attempt("amartin", GOOD, clock.now)
    assert (locked.code, locked.data["minutes"], locked.data["policy"]) == ("sign-in-locked", 11, "temporary")
    assert locked.data["until"] == clock.now + timedelta(minutes=11)
    clock.advance(minutes=10, seconds=59)
    assert codes(attempt("amartin", GOOD, clock.now)) == ["sign-in-locked"]
    clock.advance(seconds=1)
    assert codes(attempt("amartin", GOOD, clock.now)) == ["in"]


def test_tries_made_while_locked_do_not_prolong_it(people: SimpleNamespace, clock: Any) -> None:
    fail(5, clock.now)
    for _ in range(14):
        clock.advance(minutes=1)
        assert set(codes(*fail(3, clock.now))) == {"sign-in-locked"}
    clock.advance(minutes=1)
    assert codes(attempt("amartin", GOOD, clock.now)) == ["in"]


def test_after_a_lock_was_served_the_count_starts_again(people: SimpleNamespace, clock: Any) -> None:
    for _ in range(4):
        fail(1, clock.now)
        clock.advance(minutes=3)
    fail(1, clock.now)
    clock.advance(minutes=15)
    assert codes(*fail(4, clock.now)) == ["sign-in-failed"] * 4


def test_failures_older_than_the_lock_are_forgotten(people: SimpleNamespace, clock: Any) -> None:
    fail(4, clock.now)
    clock.advance(minutes=15)
    assert codes(*fail(4, clock.now)) == ["sign-in-failed"] * 4


def test_a_success_clears_the_failures_of_its_name_and_origin(people: SimpleNamespace, clock: Any) -> None:
    fail(4, clock.now)
    fail(4, clock.now, origin=ELSEWHERE)
    assert codes(attempt("amartin", GOOD, clock.now)) == ["in"]
    assert codes(*fail(4, clock.now)) == ["sign-in-failed"] * 4
    assert codes(*fail(1, clock.now, origin=ELSEWHERE)) == ["sign-in-locked"]


def test_failing_on_purpose_elsewhere_does_not_lock_the_customer_out(
    people: SimpleNamespace, clock: Any
) -> None:
    assert codes(*fail(6, clock.now, origin=ELSEWHERE))[-1] == "sign-in-locked"
    assert codes(attempt("amartin", GOOD, clock.now)) == ["in"]


def test_a_lock_does_not_end_sessions_that_live(people: SimpleNamespace, clock: Any) -> None:
    token = attempt("amartin", GOOD, clock.now)
    fail(6, clock.now)
    assert accounts.load_session(token, clock.now) is not None


def test_the_count_is_shared_by_all_spellings_of_a_name(people: SimpleNamespace, clock: Any) -> None:
    spellings = ["AMARTIN", " amartin", "a martin", "ａｍａｒｔｉｎ", "amar\u00adtin"]
    outcomes = [attempt(name, "not the password at all", clock.now) for name in spellings]
    assert codes(*outcomes) == ["sign-in-failed"] * 4 + ["sign-in-locked"]


def test_an_origin_is_stopped_after_a_hundred_failures_whatever_the_names(
    people: SimpleNamespace, clock: Any
) -> None:
    SignInFailure.insert_many(
        [
            {"account_key": f"{n:064d}", "origin": HOME, "at": clock.now - timedelta(minutes=5)}
            for n in range(99)
        ]
    ).execute()
    assert codes(*fail(1, clock.now, name="somebody")) == ["sign-in-failed"]
    stopped = attempt("amartin", GOOD, clock.now)
    assert (stopped.code, stopped.data["policy"], stopped.data["minutes"]) == ("sign-in-locked", "origin", 10)
    assert codes(attempt("amartin", GOOD, clock.now, ELSEWHERE)) == ["in"]
    clock.advance(minutes=10)
    assert codes(attempt("amartin", GOOD, clock.now)) == ["in"]


def test_fifty_tries_at_the_same_moment_are_never_more_than_five(
    people: SimpleNamespace, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluated: list[str] = []
    monkeypatch.setattr(passwords, "verify", lambda stored, password: evaluated.append(password) or False)
    outcomes: list[Any] = []
    start = threading.Barrier(50)

    def one(number: int) -> None:
        start.wait()
        with db.connection_context():
            outcomes.append(attempt("amartin", f"guess number {number}", clock.now))

    threads = [threading.Thread(target=one, args=(n,)) for n in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 50
    assert len(evaluated) == 5
    assert codes(*outcomes).count("sign-in-failed") == 4
    assert codes(*outcomes).count("sign-in-locked") == 46


class TestStaffPolicy:
    """Locked until staff unlock it (ACC-8)."""

    @pytest.fixture(autouse=True)
    def policy(self, people: SimpleNamespace, clock: Any) -> None:
        settings.put("lock_policy", "staff", by=None, now=clock.now)
        settings.put("lock_after", 3, by=None, now=clock.now)

    def test_three_failures_lock_the_account_and_tell_the_admins(
        self, people: SimpleNamespace, clock: Any
    ) -> None:
        outcomes = fail(3, clock.now)
        assert codes(*outcomes) == ["sign-in-failed", "sign-in-failed", "sign-in-locked"]
        assert (outcomes[2].data["policy"], outcomes[2].data["minutes"]) == ("staff", None)
        assert Person.get_by_id(people.alice.id).locked_at == clock.now
        (mail,) = mails("account-locked")
        assert (mail.recipient, mail.context["person_id"]) == ("root@guichet.example", people.alice.id)
        clock.advance(days=40)
        assert codes(attempt("amartin", GOOD, clock.now), attempt("amartin", GOOD, clock.now, ELSEWHERE)) == [
            "sign-in-locked",
            "sign-in-locked",
        ]

    def test_a_locked_account_gets_no_link_by_itself(self, people: SimpleNamespace, clock: Any) -> None:
        accounts.ask_reset("amartin", origin=HOME, now=clock.now)
        token = last_link()
        fail(3, clock.now)
        with pytest.raises(Missing):
            accounts.use_token(token, OTHER, origin=HOME, now=clock.now)
        accounts.ask_reset("amartin", origin=HOME, now=clock.now)
        assert len(mails("account-password")) == 1

    def test_unlocking_mails_a_link_and_clears_the_count(self, people: SimpleNamespace, clock: Any) -> None:
        fail(3, clock.now)
        accounts.unlock(people.alice.id, by=load_viewer(people.root.id), now=clock.now)
        accounts.use_token(last_link(), OTHER, origin=HOME, now=clock.now)
        assert codes(attempt("alice@acme.example", OTHER, clock.now)) == ["in"]
        entry = AuditEntry.get(AuditEntry.kind == "account:unlocked")
        assert (entry.actor_id, entry.target) == (people.root.id, f"person:{people.alice.id}")

    def test_a_name_that_nobody_has_is_locked_just_the_same(
        self, people: SimpleNamespace, clock: Any
    ) -> None:
        assert codes(*fail(4, clock.now, name="nobody")) == ["sign-in-failed"] * 2 + ["sign-in-locked"] * 2
        assert codes(*fail(1, clock.now, name="nobody", origin=ELSEWHERE)) == ["sign-in-locked"]
        assert mails("account-locked") == []


# ---- Sessions ----------------------------------------------------------------------------------------


def test_a_customer_is_signed_out_after_an_hour_without_activity(people: SimpleNamespace, clock: Any) -> None:
    token = attempt("amartin", GOOD, clock.now)
    clock.advance(minutes=59)
    assert accounts.load_session(token, clock.now) is not None
    clock.advance(minutes=59)
    assert accounts.load_session(token, clock.now) is not None
    clock.advance(minutes=60)
    assert accounts.load_session(token, clock.now) is None


def test_a_session_ends_after_a_day_for_customers_and_twelve_hours_for_staff(
    people: SimpleNamespace, clock: Any
) -> None:
    customer = attempt("amartin", GOOD, clock.now)
    staff = attempt("root@guichet.example", GOOD, clock.now)
    began = clock.now
    while clock.now < began + timedelta(hours=24):
        clock.advance(minutes=30)
        assert (accounts.load_session(customer, clock.now) is not None) == (
            clock.now < began + timedelta(hours=24)
        )
        assert (accounts.load_session(staff, clock.now) is not None) == (
            clock.now < began + timedelta(hours=12)
        )


def test_a_token_that_is_not_one_opens_nothing(people: SimpleNamespace, clock: Any) -> None:
    attempt("amartin", GOOD, clock.now)
    stored = UserSession.get().token_hash
    for token in [
        None,
        "",
        "%",
        "_" * 43,
        "null",
        0,
        True,
        [],
        "a" * 43,
        "x\x00",
        "é" * 43,
        "x" * 100_000,
        stored,
    ]:
        assert accounts.load_session(token, clock.now) is None, token


def test_a_page_asks_two_queries_and_writes_once_a_minute(people: SimpleNamespace, clock: Any) -> None:
    token = attempt("amartin", GOOD, clock.now)
    settings.all_values()
    accounts.load_session(token, clock.now)
    counted: list[str] = []
    real = db.obj.execute_sql

    def counting(sql: str, *rest: Any, **more: Any) -> Any:
        counted.append(sql)
        return real(sql, *rest, **more)

    db.obj.execute_sql = counting
    try:
        clock.advance(seconds=59)
        accounts.load_session(token, clock.now)
        assert [sql.split(" ", 1)[0] for sql in counted] == ["SELECT", "SELECT"]
        clock.advance(seconds=1)
        accounts.load_session(token, clock.now)
        accounts.load_session(token, clock.now)
    finally:
        del db.obj.execute_sql
    assert len([sql for sql in counted if sql.startswith("UPDATE")]) == 1
    assert UserSession.get().last_seen_at == clock.now


def test_a_busy_database_costs_the_mark_of_use_and_not_the_page(
    people: SimpleNamespace, clock: Any, engine: Any
) -> None:
    if engine.name != "sqlite":
        pytest.skip("one writer at a time is a trait of SQLite")
    token = attempt("amartin", GOOD, clock.now)
    began = clock.now
    clock.advance(minutes=5)
    writing, done = threading.Event(), threading.Event()

    def write() -> None:
        with db.connection_context(), db.atomic():
            Person.update(full_name="Alice M.").where(Person.id == people.alice.id).execute()
            writing.set()
            done.wait(10)

    writer = threading.Thread(target=write)
    writer.start()
    writing.wait(10)
    try:
        assert accounts.load_session(token, clock.now) is not None
        assert UserSession.get().last_seen_at == began
    finally:
        done.set()
        writer.join()
    assert db.execute_sql("PRAGMA busy_timeout").fetchone()[0] == 5000


def test_signing_out_ends_the_session_on_the_server(people: SimpleNamespace, clock: Any) -> None:
    token = attempt("amartin", GOOD, clock.now)
    session_id, viewer = accounts.load_session(token, clock.now)
    accounts.end_session(session_id, by=viewer, now=clock.now)
    assert accounts.load_session(token, clock.now) is None


def test_one_ends_one_s_own_sessions_and_nobody_else_s(people: SimpleNamespace, clock: Any) -> None:
    here, there = attempt("amartin", GOOD, clock.now), attempt("amartin", GOOD, clock.now, ELSEWHERE)
    roots = attempt("root@guichet.example", GOOD, clock.now)
    session_id, viewer = accounts.load_session(here, clock.now)
    assert [row.origin for row in accounts.sessions(viewer, clock.now)] == [ELSEWHERE, HOME]
    foreign, _ = accounts.load_session(roots, clock.now)
    with pytest.raises(Missing):
        accounts.end_session(foreign, by=viewer, now=clock.now)
    assert accounts.end_all(viewer.id, viewer, clock.now, except_id=session_id) == 1
    assert accounts.load_session(here, clock.now) is not None
    assert accounts.load_session(there, clock.now) is None
    assert accounts.load_session(roots, clock.now) is not None


def test_disabling_ends_every_session_and_kills_every_link_at_once(
    people: SimpleNamespace, clock: Any
) -> None:
    tokens = [attempt("amartin", GOOD, clock.now) for _ in range(3)]
    accounts.ask_reset("amartin", origin=HOME, now=clock.now)
    link = last_link()
    accounts.disable(people.alice.id, by=load_viewer(people.root.id), now=clock.now)
    assert [accounts.load_session(token, clock.now) for token in tokens] == [None] * 3
    with pytest.raises(Missing):
        accounts.use_token(link, OTHER, origin=HOME, now=clock.now)
    accounts.enable(people.alice.id, by=load_viewer(people.root.id), now=clock.now)
    assert [accounts.load_session(token, clock.now) for token in tokens] == [None] * 3
    with pytest.raises(Missing):
        accounts.find_link(link, clock.now)


def test_the_only_admin_cannot_be_disabled(people: SimpleNamespace, clock: Any) -> None:
    with pytest.raises(NotNow) as refused:
        accounts.disable(people.root.id, by=None, now=clock.now)
    assert refused.value.code == "last-admin"


# ---- Passwords ---------------------------------------------------------------------------------------


def test_password_rules(people: SimpleNamespace) -> None:
    for password, faults in [
        (GOOD, []),
        ("vélo jaune sous la pluie de mai", []),
        ("gK7x-Qm2p-Vz9w-L", []),
        ("四季の歌を歌う静かな冬の夜に雪", []),
        ("8461937502648193", []),
        ("x" * 128, ["well-known"]),
        ("", ["short"]),
        ("un cheval bleu", ["short"]),
        ("a" * 129, ["long"]),
        ("un cheval\x00 bleu mange", ["characters"]),
        ("motdepasse12345", ["well-known"]),
        ("P4$$w0rd!!!2026", ["well-known"]),
        ("azertyuiopqsdfghjklm", ["well-known"]),
        ("Liberté, égalité, fraternité", ["well-known"]),
        ("correct horse battery staple", ["well-known"]),
        ("soleilsoleilsoleil", ["well-known"]),
        ("Bienvenue 2026 !", ["well-known"]),
        ("trois pommes alice", ["personal"]),
        ("chevaux de MÂRTIN au pré", ["personal"]),
        ("la roue d'acme tourne", ["personal"]),
        ("mon guichet préféré à moi", ["personal"]),
        ("assistance d'initech bonne", ["personal"]),
        ("alice", ["short", "well-known", "personal"]),
    ]:
        assert accounts.password_faults(password, people.alice) == faults, password


def test_the_shortest_password_is_a_setting(people: SimpleNamespace, clock: Any) -> None:
    settings.put("password_min", 12, by=None, now=clock.now)
    assert accounts.password_faults("cheval bleu x", people.alice) == []


def test_changing_the_password_needs_the_present_one_and_ends_every_session(
    people: SimpleNamespace, clock: Any
) -> None:
    token, there = attempt("amartin", GOOD, clock.now), attempt("amartin", GOOD, clock.now, ELSEWHERE)
    session_id, viewer = accounts.load_session(token, clock.now)
    with pytest.raises(Invalid) as refused:
        accounts.change_password(viewer, session_id, "not this one", OTHER, clock.now, origin=HOME)
    assert (refused.value.code, refused.value.field) == ("current-password-wrong", "current_password")
    fresh = accounts.change_password(viewer, session_id, GOOD, OTHER, clock.now, origin=HOME)
    assert accounts.load_session(token, clock.now) is None
    assert accounts.load_session(there, clock.now) is None
    assert accounts.load_session(fresh, clock.now) is not None
    assert codes(attempt("amartin", GOOD, clock.now), attempt("amartin", OTHER, clock.now)) == [
        "sign-in-failed",
        "in",
    ]
    assert [mail.recipient for mail in mails("password-changed")] == ["alice@acme.example"]


def test_the_present_password_cannot_be_guessed_at_from_inside(people: SimpleNamespace, clock: Any) -> None:
    session_id, viewer = accounts.load_session(attempt("amartin", GOOD, clock.now), clock.now)
    seen = []
    for _ in range(6):
        with pytest.raises(Refusal) as refused:
            accounts.change_password(viewer, session_id, "not this one", OTHER, clock.now, origin=HOME)
        seen.append(refused.value.code)
    assert seen == ["current-password-wrong"] * 4 + ["sign-in-locked"] * 2


# ---- Links -------------------------------------------------------------------------------------------


def test_a_link_opens_once_and_ends_every_other_session(people: SimpleNamespace, clock: Any) -> None:
    before = attempt("amartin", GOOD, clock.now)
    accounts.ask_reset("amartin", origin=HOME, now=clock.now)
    (mail,) = mails("account-password")
    assert mail.recipient == "alice@acme.example"
    link = last_link()
    fail(4, clock.now)
    token, person = accounts.use_token(link, OTHER, origin=HOME, now=clock.now)
    assert person.id == people.alice.id
    assert accounts.load_session(token, clock.now) is not None
    assert accounts.load_session(before, clock.now) is None
    for password in (OTHER, GOOD):
        with pytest.raises(Missing):
            accounts.use_token(link, password, origin=HOME, now=clock.now)
    assert codes(attempt("amartin", OTHER, clock.now)) == ["in"]


def test_a_refused_password_leaves_the_link_alive(people: SimpleNamespace, clock: Any) -> None:
    accounts.ask_reset("amartin", origin=HOME, now=clock.now)
    with pytest.raises(Invalid) as refused:
        accounts.use_token(last_link(), "trop court", origin=HOME, now=clock.now)
    assert refused.value.data["faults"] == ["short"]
    accounts.use_token(last_link(), OTHER, origin=HOME, now=clock.now)


def test_a_link_dies_after_an_hour_and_an_invitation_after_seven_days(
    people: SimpleNamespace, clock: Any
) -> None:
    accounts.ask_reset("amartin", origin=HOME, now=clock.now)
    reset = last_link()
    accounts.ask_reset("nina@acme.example", origin=HOME, now=clock.now)
    invitation = last_link()
    clock.advance(minutes=59, seconds=59)
    assert accounts.find_link(reset, clock.now).person.id == people.alice.id
    clock.advance(seconds=1)
    with pytest.raises(Missing):
        accounts.use_token(reset, OTHER, origin=HOME, now=clock.now)
    clock.advance(days=6, hours=22)
    assert accounts.find_link(invitation, clock.now).purpose == "invitation"
    clock.advance(hours=1)
    with pytest.raises(Missing):
        accounts.find_link(invitation, clock.now)


def test_a_lost_user_name_is_mailed_to_its_address_alone(people: SimpleNamespace, clock: Any) -> None:
    before = len(mails())
    accounts.ask_username(" ALICE@acme.example", origin=HOME, now=clock.now)
    accounts.ask_username("amartin", origin=HOME, now=clock.now)
    accounts.ask_username("nobody@acme.example", origin=HOME, now=clock.now)
    assert [(mail.template, mail.recipient) for mail in mails()[before:]] == [
        ("account-username", "alice@acme.example")
    ]
    entry = AuditEntry.select().order_by(AuditEntry.id.desc()).get()
    assert (entry.kind, entry.target) == ("account:username_asked", f"person:{people.alice.id}")


def test_who_never_came_gets_the_invitation_again_which_says_the_user_name(
    people: SimpleNamespace, clock: Any
) -> None:
    accounts.ask_username("nina@acme.example", origin=HOME, now=clock.now)
    assert mails()[-1].template == "account-invitation"
    assert accounts.find_link(last_link(), clock.now).person.id == people.nina.id


def test_disabled_and_locked_accounts_get_no_user_name(people: SimpleNamespace, clock: Any) -> None:
    Person.update(locked_at=clock.now).where(Person.id == people.alice.id).execute()
    accounts.ask_username("alice@acme.example", origin=HOME, now=clock.now)
    accounts.disable(people.nina.id, by=None, now=clock.now)
    accounts.ask_username("nina@acme.example", origin=HOME, now=clock.now)
    assert mails("account-username") == mails("account-invitation") == []


def test_lost_names_and_forgotten_passwords_count_together(people: SimpleNamespace, clock: Any) -> None:
    accounts.ask_reset("amartin", origin=HOME, now=clock.now)
    for _ in range(5):
        accounts.ask_username("alice@acme.example", origin=ELSEWHERE, now=clock.advance(seconds=1))
    assert len(mails("account-username")) == 2
    for number in range(12):
        accounts.ask_username(f"nobody{number}@acme.example", origin=HOME, now=clock.now)
    accounts.ask_username("nina@acme.example", origin=HOME, now=clock.now)
    assert mails("account-invitation") == []


def test_using_one_link_kills_the_others_of_that_account(people: SimpleNamespace, clock: Any) -> None:
    links = []
    for _ in range(2):
        accounts.ask_reset("amartin", origin=HOME, now=clock.now)
        links.append(last_link())
    accounts.use_token(links[1], OTHER, origin=HOME, now=clock.now)
    with pytest.raises(Missing):
        accounts.use_token(links[0], GOOD, origin=HOME, now=clock.now)


def test_twenty_uses_of_a_link_at_the_same_moment_are_one(people: SimpleNamespace, clock: Any) -> None:
    accounts.ask_reset("amartin", origin=HOME, now=clock.now)
    link = last_link()
    done: list[str] = []
    start = threading.Barrier(20)

    def one() -> None:
        start.wait()
        with db.connection_context():
            try:
                accounts.use_token(link, OTHER, origin=HOME, now=clock.now)
                done.append("in")
            except Missing:
                done.append("dead")

    threads = [threading.Thread(target=one) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == ["dead"] * 19 + ["in"]
    assert UserSession.select().where(UserSession.ended_at.is_null()).count() == 1


def test_what_is_not_the_link_changes_nothing(people: SimpleNamespace, clock: Any) -> None:
    accounts.ask_reset("amartin", origin=HOME, now=clock.now)
    link = last_link()
    seed = OutboxMessage.get().context["seed"]
    stored = AccountToken.get().token_hash
    wrong = [
        "", "%", "*", "_", "null", "0", "true", "\x00", link + "\x00", link.swapcase(), link + " ",
        " " + link, link[:-1], link + "=", seed, stored, "_" * 43,
        "%" * 43, "é" * 43, None, 0, True, [link], {"": link}, "x" * 1_000_000,
    ]  # fmt: skip
    for token in wrong:
        with pytest.raises(Missing):
            accounts.use_token(token, OTHER, origin=HOME, now=clock.now)
    assert codes(attempt("amartin", GOOD, clock.now)) == ["in"]
    accounts.use_token(link, OTHER, origin=HOME, now=clock.now)


def test_a_thousand_links_differ_and_the_database_holds_none_of_them(
    people: SimpleNamespace, clock: Any
) -> None:
    links = set()
    with db.atomic():
        for _ in range(1000):
            seed, row = accounts._make_link(people.alice, "password", clock.now)
            link = accounts.link_token(seed)
            links.add(link)
            assert link not in (row.token_hash, seed)
    assert len(links) == 1000
    assert {len(link) for link in links} == {43}
    accounts.ask_reset("amartin", origin=HOME, now=clock.now)
    kept = repr(
        [row.__data__ for table in (OutboxMessage, AccountToken, AuditEntry) for row in table.select()]
    )
    assert last_link() not in kept


def test_asking_says_nothing_and_does_the_same_work_whatever_the_name(
    people: SimpleNamespace, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    worked: list[str] = []
    monkeypatch.setattr(passwords, "same_work", lambda: worked.append("one hash"))
    accounts.add_person(
        "gone@acme.example", "Gone", by=None, now=clock.now, password=GOOD, has_signed_in=True
    )
    accounts.disable(Person.get(Person.email == "gone@acme.example").id, by=None, now=clock.now)
    for name in (
        "amartin",
        "nobody@acme.example",
        "gone@acme.example",
        "nina@acme.example",
        "\x00",
        "x" * 5000,
    ):
        assert accounts.ask_reset(name, origin=HOME, now=clock.now) is None
    assert len(worked) == 6
    assert [(mail.template, mail.recipient) for mail in mails()] == [
        ("account-password", "alice@acme.example"),
        ("account-invitation", "nina@acme.example"),
    ]


def test_at_most_three_mails_an_hour_to_an_address_and_ten_from_an_origin(
    people: SimpleNamespace, clock: Any
) -> None:
    for number in range(5):
        accounts.ask_reset(
            "amartin" if number % 2 else "alice@acme.example", origin=f"192.0.2.{number}", now=clock.now
        )
    assert len(mails()) == 3
    clock.advance(hours=1)
    for number in range(12):
        accounts.register(f"Person {number}", f"person{number}@vandelay.example", origin=HOME, now=clock.now)
    assert len(mails()) == 13
    clock.advance(hours=1)
    accounts.ask_reset("amartin", origin=HOME, now=clock.now)
    assert len(mails()) == 14


# ---- Registration ------------------------------------------------------------------------------------


def registered(clock: Any, email: str = "kim@umbrella.example", **more: Any) -> None:
    accounts.register(
        more.pop("full_name", "Kim Durand"),
        email,
        organisation="Umbrella",
        origin=HOME,
        now=clock.now,
        **more,
    )


def test_registering_leads_by_a_link_to_an_account_attached_to_nothing(
    people: SimpleNamespace, clock: Any
) -> None:
    registered(clock, language="en")
    (mail,) = mails()
    assert (mail.template, mail.recipient, mail.language) == (
        "account-invitation",
        "kim@umbrella.example",
        "en",
    )
    token, person = accounts.use_token(last_link(), GOOD, origin=HOME, now=clock.now)
    _, viewer = accounts.load_session(token, clock.now)
    assert viewer.memberships == () and viewer.email_verified and not viewer.may_open_requests
    assert person.claimed_organisation == "Umbrella"
    (told,) = mails("registration-waiting")
    assert (told.recipient, told.context["person_id"]) == ("root@guichet.example", person.id)


def test_nobody_is_told_of_a_registration_whose_address_is_not_proven(
    people: SimpleNamespace, clock: Any
) -> None:
    registered(clock)
    assert mails("registration-waiting") == []


def test_a_mail_to_an_unproven_address_carries_nothing_that_was_typed(
    people: SimpleNamespace, clock: Any
) -> None:
    registered(clock, full_name="Win money at evil.example")
    (mail,) = mails()
    assert set(mail.context) == {"seed", "purpose", "expires_at"}
    assert "evil" not in repr(mail.context)


def test_registering_a_known_address_says_so_by_mail_only(people: SimpleNamespace, clock: Any) -> None:
    registered(clock, "Alice@Acme.example", full_name="Somebody Else")
    assert [(mail.template, mail.recipient) for mail in mails()] == [("account-exists", "alice@acme.example")]
    assert Person.get_by_id(people.alice.id).full_name == "Alice Martin"


def test_registering_an_invited_address_sends_the_invitation_again(
    people: SimpleNamespace, clock: Any
) -> None:
    contacts.add_membership(
        people.nina.id, people.acme.id, role="member", by=load_viewer(people.root.id), now=clock.now
    )
    registered(clock, "nina@acme.example", full_name="Somebody Else")
    assert [mail.template for mail in mails()] == ["account-invitation"]
    assert Person.get_by_id(people.nina.id).full_name == "Nina Roux"


def test_registering_twice_makes_one_account_with_what_was_typed_last(
    people: SimpleNamespace, clock: Any
) -> None:
    registered(clock, full_name="A Stranger")
    registered(clock, full_name="Kim Durand")
    (person,) = Person.select().where(Person.email == "kim@umbrella.example")
    assert person.full_name == "Kim Durand"
    assert len(mails("account-invitation")) == 2


def test_a_disabled_account_cannot_be_registered_again(people: SimpleNamespace, clock: Any) -> None:
    accounts.disable(people.alice.id, by=None, now=clock.now)
    registered(clock, "alice@acme.example")
    assert mails() == []


def test_no_registration_when_accounts_are_by_invitation(people: SimpleNamespace, clock: Any) -> None:
    settings.put("registration", "invitation", by=None, now=clock.now)
    with pytest.raises(NotAllowed):
        registered(clock)


def test_what_is_no_address_is_refused(people: SimpleNamespace, clock: Any) -> None:
    for email in [
        "",
        "kim",
        "kim@",
        "@umbrella.example",
        "kim@umbrella",
        "k im@umbrella.example",
        "kim@umbrella.example\nbcc:x@y.example",
        "kim\x00@umbrella.example",
        "k" * 300 + "@x.example",
    ]:
        with pytest.raises(Invalid) as refused:
            registered(clock, email)
        assert refused.value.field == "email", email


def test_two_people_registering_one_address_at_once_make_one_account(
    people: SimpleNamespace, clock: Any
) -> None:
    start = threading.Barrier(4)
    faults: list[BaseException] = []

    def one(number: int) -> None:
        start.wait()
        with db.connection_context():
            try:
                accounts.register("Kim", "kim@umbrella.example", origin=f"192.0.2.{number}", now=clock.now)
            except BaseException as fault:
                faults.append(fault)

    threads = [threading.Thread(target=one, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert Person.select().where(Person.email == "kim@umbrella.example").count() == 1


# ---- By hand -----------------------------------------------------------------------------------------


def test_user_names_and_addresses_are_unique_across_each_other(people: SimpleNamespace, clock: Any) -> None:
    for email, username, code in [
        ("ALICE@acme.example", None, "address-taken"),
        ("new@acme.example", "AMartin", "username-taken"),
        ("new@acme.example", "nina@acme.example", "username-taken"),
    ]:
        with pytest.raises(Invalid) as refused:
            accounts.add_person(email, "New", username=username, by=None, now=clock.now)
        assert refused.value.code == code


def test_an_invitation_goes_again_only_to_who_never_came(people: SimpleNamespace, clock: Any) -> None:
    root = load_viewer(people.root.id)
    for _ in range(3):
        accounts.invite(people.nina.id, by=root, now=clock.now)
    assert len(mails("account-invitation")) == 3
    with pytest.raises(NotNow) as refused:
        accounts.invite(people.nina.id, by=root, now=clock.now)
    assert refused.value.code == "mailed-enough"
    with pytest.raises(NotNow) as refused:
        accounts.invite(people.alice.id, by=root, now=clock.now)
    assert refused.value.code == "already-signed-in"


def test_the_profile_takes_known_languages_and_zones_only(people: SimpleNamespace, clock: Any) -> None:
    viewer = load_viewer(people.alice.id)
    accounts.change_profile(
        viewer, full_name="  Alice  Petit ", language="en", time_zone="Indian/Reunion", now=clock.now
    )
    kept = Person.get_by_id(viewer.id)
    assert (kept.full_name, kept.language, kept.time_zone) == ("Alice Petit", "en", "Indian/Reunion")
    for change in (
        {"language": "de"},
        {"time_zone": "Mars/Base"},
        {"full_name": " "},
        {"full_name": "a\x00b"},
        {"full_name": "a" * 121},
    ):
        with pytest.raises(Invalid) as refused:
            accounts.change_profile(
                viewer, **{"full_name": "A", "language": "fr", "time_zone": "UTC", **change}, now=clock.now
            )
        assert refused.value.field in change


def test_everything_is_in_the_audit_trail_without_a_secret(people: SimpleNamespace, clock: Any) -> None:
    session_id, viewer = accounts.load_session(attempt("amartin", GOOD, clock.now), clock.now)
    fail(5, clock.now)
    accounts.end_session(session_id, by=viewer, now=clock.now)
    kinds = [entry.kind for entry in AuditEntry.select().order_by(AuditEntry.id)]
    assert kinds[-8:] == ["session:started"] + ["session:failed"] * 5 + ["session:locked", "session:ended"]
    assert audit.verify() == []
    assert GOOD not in repr([entry.__data__ for entry in AuditEntry.select()])


def test_what_ended_long_ago_is_swept(people: SimpleNamespace, clock: Any) -> None:
    attempt("amartin", GOOD, clock.now)
    accounts.ask_reset("amartin", origin=HOME, now=clock.now)
    fail(1, clock.now)
    clock.advance(days=29)
    assert accounts.sweep(clock.now) == 0
    clock.advance(days=3)
    assert accounts.sweep(clock.now) == 4
