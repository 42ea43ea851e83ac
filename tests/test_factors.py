"""Second factors: codes of an app once, recovery codes once, keys of this site alone, and who must have one (ACC-9)."""

from __future__ import annotations

import json
import threading
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import pyotp
import pytest

from domain import accounts, audit, factors, second_step, settings
from domain.policies import Viewer, load_viewer
from domain.refusals import Invalid, Locked, Missing, NotAllowed, NotNow
from models import (
    AuditEntry,
    Authenticator,
    KnownBrowser,
    OutboxMessage,
    PendingSignIn,
    Person,
    RecoveryCode,
    SecurityKey,
    SignInFailure,
    SpentChallenge,
    UserSession,
    db,
)
from tests.support.client import PASSWORD
from tests.support.keys import SITE, SoftKey, add_key

ORIGIN = "203.0.113.7"


@pytest.fixture(autouse=True)
def portal_secret() -> None:
    accounts.use_secret("only for tests, long enough to be taken: 0123456789")


@pytest.fixture
def viewer(world: SimpleNamespace) -> Viewer:
    """Alice, as `by=` takes her."""
    found = load_viewer(world.alice.id)
    assert found is not None
    return found


def set_up(viewer: Viewer, clock: Any) -> pyotp.TOTP:
    """An app that works, half a minute ago: its next code has not been used. Returns what makes its codes."""
    factors.begin_app(viewer, clock.now)
    secret = factors.waiting_app(viewer, clock.now)
    assert secret is not None
    app = pyotp.TOTP(secret)
    factors.confirm_app(viewer, app.at(clock.now), origin=ORIGIN, now=clock.now)
    clock.advance(seconds=60)
    return app


def half(name: str, clock: Any, **more: Any) -> str:
    """The token of a sign-in whose password was right."""
    with pytest.raises(accounts.SecondStep) as step:
        accounts.sign_in(name, PASSWORD, origin=ORIGIN, now=clock.now, **more)
    return step.value.token


def finish(token: str, clock: Any, **more: Any) -> accounts.Entered:
    return accounts.finish_sign_in(token, origin=ORIGIN, now=clock.now, **more)


def notices(person: Person) -> list[str]:
    rows = OutboxMessage.select().where(
        (OutboxMessage.template == "security-notice") & (OutboxMessage.person == person.id)
    )
    return [row.context["what"] for row in rows.order_by(OutboxMessage.id)]


# ---- The app -------------------------------------------------------------------------------------------


def test_an_app_works_from_its_first_code_on(viewer: Viewer, world: Any, clock: Any) -> None:
    factors.begin_app(viewer, clock.now)
    assert not factors.has_factor(viewer.id)
    accounts.sign_in("alice@acme.example", PASSWORD, origin=ORIGIN, now=clock.now)
    app = pyotp.TOTP(factors.waiting_app(viewer, clock.now) or "")
    with pytest.raises(Invalid, match="code-wrong"):
        factors.confirm_app(viewer, "000000", origin=ORIGIN, now=clock.now)
    factors.confirm_app(viewer, app.at(clock.now), origin=ORIGIN, now=clock.now)
    assert factors.has_factor(viewer.id) and factors.waiting_app(viewer, clock.now) is None
    assert notices(world.alice) == ["app-added"]
    clock.advance(minutes=1)
    token = half("alice@acme.example", clock)
    entered = finish(token, clock, code=app.at(clock.now))
    assert entered.how == "app" and accounts.load_session(entered.token, clock.now) is not None


def test_the_secret_is_encrypted_and_bound_to_its_owner(viewer: Viewer, world: Any, clock: Any) -> None:
    app = set_up(viewer, clock)
    row = Authenticator.get()
    assert app.secret not in row.secret
    # A row copied to somebody else's account opens nothing there.
    Authenticator.create(person=world.bob, secret=row.secret, created_at=clock.now, confirmed_at=clock.now)
    with pytest.raises(Invalid):
        factors.prove_code(world.bob.id, app.at(clock.now), origin=ORIGIN, now=clock.now)
    # Neither do the rows under another secret of the portal.
    accounts.use_secret("another secret of the portal, as long as the first")
    with pytest.raises(Invalid):
        factors.prove_code(viewer.id, app.at(clock.now), origin=ORIGIN, now=clock.now)


@pytest.mark.parametrize(("seconds", "good"), [(-60, False), (-30, True), (0, True), (30, True), (60, False)])
def test_a_code_of_the_step_before_or_after_is_taken_and_no_other(
    viewer: Viewer, clock: Any, seconds: int, good: bool
) -> None:
    app = set_up(viewer, clock)
    clock.advance(minutes=5)
    code = app.at(clock.now + timedelta(seconds=seconds))
    if good:
        assert factors.prove_code(viewer.id, f" {code[:3]} {code[3:]}", origin=ORIGIN, now=clock.now) == "app"
    else:
        with pytest.raises(Invalid, match="code-wrong"):
            factors.prove_code(viewer.id, code, origin=ORIGIN, now=clock.now)


def test_a_code_works_once_on_all_paths_together_and_none_older_than_it(
    viewer: Viewer, clock: Any, world: Any
) -> None:
    app = set_up(viewer, clock)
    older, code = app.at(clock.now - timedelta(seconds=30)), app.at(clock.now)
    token, session = finish(half("alice@acme.example", clock), clock, code=code)[:2]
    session_id, _viewer = accounts.load_session(token, clock.now) or (0, None)
    again = half("alice@acme.example", clock)
    for old in (code, older):
        with pytest.raises(Invalid, match="code-wrong"):
            finish(again, clock, code=old)
        with pytest.raises(Invalid, match="code-wrong"):
            accounts.prove_again(viewer, session_id, code=old, origin=ORIGIN, now=clock.now)
    assert session == world.alice
    # The next one is a new one.
    clock.advance(seconds=30)
    assert finish(again, clock, code=app.at(clock.now)).how == "app"


def in_parallel(times: int, work: Any) -> list[Any]:
    """What `times` threads got who began at the same instant, each on a connection of its own."""
    got: list[Any] = []
    start = threading.Barrier(times, timeout=30)

    def one() -> None:
        db.connect(reuse_if_open=True)
        try:
            start.wait()
            got.append(work())
        except (Invalid, Locked, Missing, NotNow) as fault:
            got.append(fault)
        finally:
            db.close()

    threads = [threading.Thread(target=one) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(got) == times
    return got


def fifty(work: Any) -> list[Any]:
    """Fifty of the same: ten at a time, as many as connections, five rounds."""
    return [answer for _round in range(5) for answer in in_parallel(10, work)]


@pytest.mark.parametrize("kind", ["app", "recovery"])
def test_one_code_tried_fifty_times_at_once_is_taken_once(
    viewer: Viewer, clock: Any, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """The limit of tries must not be what stops the others."""
    monkeypatch.setattr(factors, "CODE_TRIES", 1000)
    app = set_up(viewer, clock)
    code = app.at(clock.now)
    if kind == "recovery":
        code = factors.make_codes(viewer, origin=ORIGIN, now=clock.now)[0]
    got = fifty(lambda: factors.prove_code(viewer.id, code, origin=ORIGIN, now=clock.now))
    assert [answer for answer in got if answer == kind] == [kind]
    assert sum(isinstance(answer, Invalid) for answer in got) == 49


def test_five_wrong_codes_at_once_or_in_turn_suspend_codes_for_a_quarter_of_an_hour(
    viewer: Viewer, clock: Any, world: Any
) -> None:
    app = set_up(viewer, clock)
    right = app.at(clock.now)
    got = in_parallel(10, lambda: factors.prove_code(viewer.id, "000000", origin=ORIGIN, now=clock.now))
    assert sum(fault.code == "code-wrong" for fault in got) == 4
    assert sum(fault.code == "codes-locked" for fault in got) == 6
    # From another address too, and with the right code.
    with pytest.raises(Locked) as lock:
        factors.prove_code(viewer.id, right, origin="198.51.100.9", now=clock.now)
    assert lock.value.data["minutes"] == 15
    assert notices(world.alice)[-1] == "codes-locked"
    clock.advance(minutes=14)
    with pytest.raises(Locked):
        factors.prove_code(viewer.id, app.at(clock.now), origin=ORIGIN, now=clock.now)
    clock.advance(minutes=2)
    assert factors.prove_code(viewer.id, app.at(clock.now), origin=ORIGIN, now=clock.now) == "app"
    assert AuditEntry.select().where(AuditEntry.kind == "factor:locked").count() == 1


def test_a_new_app_replaces_the_old_one_only_when_it_is_confirmed(viewer: Viewer, clock: Any) -> None:
    old = set_up(viewer, clock)
    factors.begin_app(viewer, clock.now)
    new = pyotp.TOTP(factors.waiting_app(viewer, clock.now) or "")
    assert factors.prove_code(viewer.id, old.at(clock.now), origin=ORIGIN, now=clock.now) == "app"
    factors.confirm_app(viewer, new.at(clock.now), origin=ORIGIN, now=clock.now)
    clock.advance(minutes=1)
    with pytest.raises(Invalid):
        factors.prove_code(viewer.id, old.at(clock.now), origin=ORIGIN, now=clock.now)
    assert factors.prove_code(viewer.id, new.at(clock.now), origin=ORIGIN, now=clock.now) == "app"
    assert Authenticator.select().count() == 1


def test_an_app_that_waits_for_its_first_code_is_dropped_after_half_an_hour(
    viewer: Viewer, clock: Any
) -> None:
    factors.begin_app(viewer, clock.now)
    app = pyotp.TOTP(factors.waiting_app(viewer, clock.now) or "")
    clock.advance(minutes=31)
    with pytest.raises(NotNow, match="app-not-begun"):
        factors.confirm_app(viewer, app.at(clock.now), origin=ORIGIN, now=clock.now)
    assert accounts.sweep(clock.now) == 1 and Authenticator.select().count() == 0


# ---- Recovery codes ------------------------------------------------------------------------------------


def test_recovery_codes_are_each_for_once_and_for_their_owner(viewer: Viewer, world: Any, clock: Any) -> None:
    set_up(viewer, clock)
    codes = factors.make_codes(viewer, origin=ORIGIN, now=clock.now)
    assert len(set(codes)) == 10
    rows = list(RecoveryCode.select())
    assert not any(code.replace("-", "") in row.code_hash + row.salt for code in codes for row in rows)
    entered = finish(half("alice@acme.example", clock), clock, code=codes[0].upper().replace("-", " "))
    assert entered.how == "recovery" and factors.held(viewer.id).codes_left == 9
    for code in (codes[0], "aaaa-bbbb-cccc"):
        with pytest.raises(Invalid):
            factors.prove_code(viewer.id, code, origin=ORIGIN, now=clock.now)
    set_up(load_viewer(world.bob.id), clock)
    with pytest.raises(Invalid):
        factors.prove_code(world.bob.id, codes[1], origin=ORIGIN, now=clock.now)
    assert "code-used" in notices(world.alice)


def test_new_codes_put_an_end_to_the_old_ones(viewer: Viewer, clock: Any) -> None:
    set_up(viewer, clock)
    old = factors.make_codes(viewer, origin=ORIGIN, now=clock.now)
    new = factors.make_codes(viewer, origin=ORIGIN, now=clock.now)
    with pytest.raises(Invalid):
        factors.prove_code(viewer.id, old[3], origin=ORIGIN, now=clock.now)
    assert factors.prove_code(viewer.id, new[3], origin=ORIGIN, now=clock.now) == "recovery"


def test_recovery_codes_need_a_factor_and_go_with_the_last_one(viewer: Viewer, clock: Any) -> None:
    with pytest.raises(NotNow, match="codes-need-factor"):
        factors.make_codes(viewer, origin=ORIGIN, now=clock.now)
    set_up(viewer, clock)
    factors.make_codes(viewer, origin=ORIGIN, now=clock.now)
    factors.remove_app(viewer, origin=ORIGIN, now=clock.now)
    assert factors.held(viewer.id) == (None, [], 0, 0)
    accounts.sign_in("alice@acme.example", PASSWORD, origin=ORIGIN, now=clock.now)


# ---- Keys ----------------------------------------------------------------------------------------------


def test_a_key_signs_in_and_its_count_grows(viewer: Viewer, world: Any, clock: Any) -> None:
    key = add_key(viewer, clock.now)
    assert SecurityKey.get().name == "Clé des essais"
    for times in (1, 2):
        token = half("alice@acme.example", clock)
        pending = second_step.find(token, clock.now)
        question = factors.key_to_use(
            factors.held(viewer.id).keys, SITE, second_step.bound_to(pending), clock.now
        )
        entered = finish(token, clock, credential=key.use(question), site=SITE)
        assert entered.how == "key"
        assert SecurityKey.get().sign_count == times
    assert notices(world.alice) == ["key-added"]


def asked(viewer: Viewer, clock: Any, bound_to: str = "session:1") -> str:
    question = factors.key_to_use(factors.held(viewer.id).keys, SITE, bound_to, clock.now)
    assert question is not None
    return question


def test_an_answer_counts_once_for_its_question_site_owner_and_time(
    viewer: Viewer, world: Any, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(factors, "CODE_TRIES", 1000)
    key = add_key(viewer, clock.now)

    def refused(credential: str, bound_to: str = "session:1", person: int = viewer.id) -> None:
        with pytest.raises(Invalid, match="key-refused"):
            factors.prove_key(person, credential, SITE, bound_to, origin=ORIGIN, now=clock.now)

    refused(key.use(asked(viewer, clock), origin="https://support.example.evil"))
    refused(key.use(asked(viewer, clock), host="example.evil"))
    refused(key.use(asked(viewer, clock)), bound_to="session:2")
    refused(key.use(asked(viewer, clock)), person=world.bob.id)
    refused(key.use(asked(viewer, clock), challenge="AAAA"))
    refused(key.use(asked(viewer, clock), signature=b"\x30\x06\x02\x01\x01\x02\x01\x01"))
    refused(SoftKey().use(asked(viewer, clock)))
    late = key.use(asked(viewer, clock))
    clock.advance(minutes=11)
    refused(late)
    good = key.use(asked(viewer, clock))
    factors.prove_key(viewer.id, good, SITE, "session:1", origin=ORIGIN, now=clock.now)
    refused(good)
    # What registers is no sign-in, and the other way round.
    adding = json.loads(factors.key_to_add(viewer, SITE, "session:1", clock.now))["challenge"]
    refused(key.use(asked(viewer, clock), challenge=adding))
    for nonsense in (
        "",
        "{}",
        "[]",
        "null",
        '{"id": 1}',
        '{"response": {"clientDataJSON": "e30"}}',
        "[" * 9000,
        "é",
    ):
        refused(nonsense)
        with pytest.raises(Invalid, match="key-refused"):
            factors.add_key(viewer, "x", nonsense, SITE, "session:1", origin=ORIGIN, now=clock.now)


def test_a_copy_of_a_key_is_refused_and_told(viewer: Viewer, world: Any, clock: Any) -> None:
    key = add_key(viewer, clock.now)
    key.count = 7
    factors.prove_key(
        viewer.id, key.use(asked(viewer, clock)), SITE, "session:1", origin=ORIGIN, now=clock.now
    )
    key.count = 7  # the copy is as old as the key was
    with pytest.raises(Invalid, match="key-refused"):
        factors.prove_key(
            viewer.id, key.use(asked(viewer, clock)), SITE, "session:1", origin=ORIGIN, now=clock.now
        )
    assert SecurityKey.get().sign_count == 8
    assert notices(world.alice)[-1] == "key-copied"
    assert AuditEntry.select().where(AuditEntry.kind == "factor:copied").count() == 1


def test_a_passkey_that_does_not_count_works_again_and_again(viewer: Viewer, clock: Any) -> None:
    key = add_key(viewer, clock.now, counts=False)
    for _time in range(2):
        factors.prove_key(
            viewer.id, key.use(asked(viewer, clock)), SITE, "session:1", origin=ORIGIN, now=clock.now
        )
    assert SpentChallenge.select().count() == 3


def test_a_key_belongs_to_one_account_and_to_its_owner_alone(viewer: Viewer, world: Any, clock: Any) -> None:
    key = add_key(viewer, clock.now)
    bob = load_viewer(world.bob.id)
    question = factors.key_to_add(bob, SITE, "session:2", clock.now)
    with pytest.raises(Invalid, match="key-refused"):
        factors.add_key(bob, "Volée", key.make(question), SITE, "session:2", origin=ORIGIN, now=clock.now)
    row = SecurityKey.get()
    with pytest.raises(Missing):
        factors.remove_key(bob, row.id, origin=ORIGIN, now=clock.now)
    factors.remove_key(viewer, row.id, origin=ORIGIN, now=clock.now)
    assert not factors.has_factor(viewer.id)


@pytest.mark.parametrize(
    ("base", "host"),
    [("https://support.example.org", "support.example.org"), ("http://localhost:8000", "localhost"),
     ("http://127.0.0.1:8000", None), ("https://[::1]", None), ("http://support.example.org", None)],
)  # fmt: skip
def test_keys_work_where_browsers_offer_them(database: Any, base: str, host: str | None) -> None:
    site = factors.site_of(base)
    assert (site.host if site else None) == host
    assert site is None or site.origin == base


# ---- Between the two steps -----------------------------------------------------------------------------


def test_half_a_sign_in_is_no_session_and_ends_with_the_account(
    viewer: Viewer, world: Any, clock: Any
) -> None:
    app = set_up(viewer, clock)
    sessions = UserSession.select().count()
    token = half("alice@acme.example", clock)
    assert UserSession.select().count() == sessions
    assert accounts.load_session(token, clock.now) is None
    root = load_viewer(world.root.id)
    for end in (
        lambda: accounts.disable(viewer.id, by=root, now=clock.now),
        lambda: Person.update(password_hash="another").where(Person.id == viewer.id).execute(),
        lambda: Person.update(locked_at=clock.now).where(Person.id == viewer.id).execute(),
        lambda: clock.advance(minutes=11),
    ):
        with db.atomic() as around:
            before = clock.now
            end()
            with pytest.raises(Missing, match="second-step-over"):
                finish(token, clock, code=app.at(clock.now))
            around.rollback()
            clock.set(before)
    finish(token, clock, code=app.at(clock.now))
    clock.advance(minutes=1)
    with pytest.raises(Missing):
        finish(token, clock, code=app.at(clock.now))


def test_a_forgotten_password_does_not_get_around_the_factor(viewer: Viewer, world: Any, clock: Any) -> None:
    app = set_up(viewer, clock)
    accounts.ask_reset("alice@acme.example", origin=ORIGIN, now=clock.now)
    seed = OutboxMessage.select().order_by(OutboxMessage.id.desc()).get().context["seed"]
    with pytest.raises(accounts.SecondStep) as step:
        accounts.use_token(
            accounts.link_token(seed), "un cheval bleu mange des frites", origin=ORIGIN, now=clock.now
        )
    assert (
        UserSession.select().where((UserSession.person == viewer.id) & UserSession.ended_at.is_null()).count()
        == 0
    )
    assert finish(step.value.token, clock, code=app.at(clock.now)).person == world.alice
    assert Person.get_by_id(viewer.id).password_hash != world.alice.password_hash


def test_a_wrong_password_says_the_same_with_and_without_a_factor(
    viewer: Viewer, world: Any, clock: Any
) -> None:
    set_up(viewer, clock)
    for name in ("alice@acme.example", "bob@acme.example", "nobody@acme.example"):
        with pytest.raises(Invalid, match="sign-in-failed") as fault:
            accounts.sign_in(name, "wrong wrong wrong", origin=ORIGIN, now=clock.now)
        assert fault.value.data == {"left": 4}
    assert PendingSignIn.select().count() == 0


# ---- The mailed code -----------------------------------------------------------------------------------


def mailed(person: Person) -> str:
    row = (
        OutboxMessage.select()
        .where((OutboxMessage.template == "sign-in-code") & (OutboxMessage.person == person.id))
        .order_by(OutboxMessage.id.desc())
        .get()
    )
    return second_step.code_of(row.context["seed"])


def send_again(token: str, clock: Any, **more: Any) -> None:
    second_step.send_again(second_step.find(token, clock.now), clock.now, origin=ORIGIN, **more)


@pytest.fixture
def new_browsers(database: Any, clock: Any) -> None:
    settings.put("new_browser_code", True, by=None, now=clock.now)


def test_a_new_browser_gets_a_code_and_a_trusted_one_none_for_ninety_days(
    new_browsers: None, viewer: Viewer, world: Any, clock: Any
) -> None:
    entered = finish(half("alice@acme.example", clock), clock, code=mailed(world.alice), trust=True)
    assert entered.how == "mail" and entered.browser
    accounts.sign_in("alice@acme.example", PASSWORD, origin=ORIGIN, now=clock.now, browser=entered.browser)
    # Not for somebody else, and not in their hands.
    half("bob@acme.example", clock, browser=entered.browser)
    clock.advance(days=91)
    half("alice@acme.example", clock, browser=entered.browser)
    entered = finish(half("alice@acme.example", clock), clock, code=mailed(world.alice), trust=True)
    (row,) = second_step.browsers(viewer, clock.now)
    with pytest.raises(Missing):
        second_step.distrust(row.id, load_viewer(world.bob.id), clock.now)
    second_step.distrust(row.id, viewer, clock.now)
    half("alice@acme.example", clock, browser=entered.browser)


def test_a_mailed_code_is_for_its_sign_in_for_ten_minutes_and_for_once(
    new_browsers: None, world: Any, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = half("alice@acme.example", clock)
    code = mailed(world.alice)
    other = half("alice@acme.example", clock)
    with pytest.raises(Invalid, match="code-wrong"):
        finish(other, clock, code=code)
    for _code in range(2):
        with pytest.raises(NotNow, match="code-just-sent"):
            send_again(other, clock)
        clock.advance(seconds=30)
        send_again(other, clock)
    with pytest.raises(NotNow, match="mailed-enough"):
        send_again(other, clock)
    monkeypatch.setattr(factors, "CODE_TRIES", 1000)
    got = fifty(lambda: finish(first, clock, code=code))
    assert sum(isinstance(answer, accounts.Entered) for answer in got) == 1
    last = mailed(world.alice)
    clock.advance(minutes=9, seconds=59)
    finish(other, clock, code=last)
    third = half("alice@acme.example", clock)
    late = mailed(world.alice)
    clock.advance(minutes=10)
    with pytest.raises(Missing):
        finish(third, clock, code=late)


def test_who_has_a_factor_is_mailed_no_code_and_trust_never_stands_for_it(
    new_browsers: None, viewer: Viewer, world: Any, clock: Any
) -> None:
    browser = finish(half("alice@acme.example", clock), clock, code=mailed(world.alice), trust=True).browser
    app = set_up(viewer, clock)
    sent = OutboxMessage.select().where(OutboxMessage.template == "sign-in-code").count()
    token = half("alice@acme.example", clock, browser=browser)
    assert OutboxMessage.select().where(OutboxMessage.template == "sign-in-code").count() == sent
    finish(token, clock, code=app.at(clock.now))


# ---- Required, reset, recorded -------------------------------------------------------------------------


def test_who_must_have_a_factor(world: Any, clock: Any) -> None:
    def required(name: str) -> str | None:
        return factors.required_of(load_viewer(getattr(world, name).id), clock.now)

    everybody = ("alice", "bob", "charlie", "sam", "root")
    assert [required(name) for name in everybody] == [None] * 5
    settings.put("factor_required", "staff", by=None, now=clock.now)
    assert [required(name) for name in everybody] == [None, None, None, "staff", "staff"]
    settings.put("factor_required_administrators", True, by=None, now=clock.now)
    assert [required(name) for name in everybody] == [None, "administrators", None, "staff", "staff"]
    settings.put("factor_required", "everybody", by=None, now=clock.now)
    assert [required(name) for name in everybody] == ["everybody"] * 5


def test_an_organisation_requires_it_from_a_day_on(world: Any, clock: Any) -> None:
    root, acme = load_viewer(world.root.id), world.organisations["acme"]
    assert factors.require_of_organisation(acme, date(2026, 11, 12), root, clock.now)
    assert not factors.require_of_organisation(acme, date(2026, 11, 12), root, clock.now)
    alice, charlie = (load_viewer(row.id) for row in (world.alice, world.charlie))
    assert factors.required_of(alice, clock.now) is None
    clock.paris("2026-11-11 23:59")
    assert factors.required_of(alice, clock.now) is None
    clock.paris("2026-11-12 00:00")
    assert factors.required_of(alice, clock.now) == "organisation"
    assert factors.must_enrol(alice, clock.now) == "organisation"
    assert factors.required_of(charlie, clock.now) is None
    set_up(alice, clock)
    assert factors.must_enrol(alice, clock.now) is None
    with pytest.raises(NotNow, match="factor-needed"):
        factors.remove_app(alice, origin=ORIGIN, now=clock.now)
    assert factors.has_factor(alice.id)
    add_key(alice, clock.now)
    factors.remove_app(alice, origin=ORIGIN, now=clock.now)
    assert factors.require_of_organisation(acme, None, root, clock.now)
    assert factors.required_of(alice, clock.now) is None


def test_an_admin_resets_the_factors_of_somebody_else_with_a_reason(
    viewer: Viewer, world: Any, clock: Any
) -> None:
    app = set_up(viewer, clock)
    add_key(viewer, clock.now)
    factors.make_codes(viewer, origin=ORIGIN, now=clock.now)
    token = finish(half("alice@acme.example", clock), clock, code=app.at(clock.now)).token
    waiting = half("alice@acme.example", clock)
    root = load_viewer(world.root.id)
    for by, person, reason, refusal in (
        (load_viewer(world.sam.id), viewer.id, "x", NotAllowed), (viewer, viewer.id, "x", NotAllowed),
        (root, root.id, "x", NotAllowed), (root, viewer.id, "  ", Invalid), (root, 999_999, "x", Missing),
    ):  # fmt: skip
        with pytest.raises(refusal):
            accounts.reset_factors(person, reason, by, clock.now)
    assert accounts.reset_factors(viewer.id, "SUP-2041, rappelée", root, clock.now)
    assert not accounts.reset_factors(viewer.id, "SUP-2041, rappelée", root, clock.now)
    assert factors.held(viewer.id) == (None, [], 0, 0)
    assert accounts.load_session(token, clock.now) is None
    assert second_step.find(waiting, clock.now) is None
    assert notices(world.alice)[-1] == "factors-reset"
    entry = AuditEntry.get(AuditEntry.kind == "factor:reset")
    assert entry.actor_id == root.id and entry.data["reason"] == "SUP-2041, rappelée"
    accounts.sign_in("alice@acme.example", PASSWORD, origin=ORIGIN, now=clock.now)


def test_everything_is_recorded_and_no_secret_with_it(
    new_browsers: None, viewer: Viewer, world: Any, clock: Any
) -> None:
    mail_code = None
    token = half("alice@acme.example", clock)
    mail_code = mailed(world.alice)
    entered = finish(token, clock, code=mail_code, trust=True)
    app = set_up(viewer, clock)
    codes = factors.make_codes(viewer, origin=ORIGIN, now=clock.now)
    used = app.at(clock.now)
    finish(half("alice@acme.example", clock), clock, code=used)
    finish(half("alice@acme.example", clock), clock, code=codes[0])
    factors.remove_app(viewer, origin=ORIGIN, now=clock.now)
    kinds = {row.kind for row in AuditEntry.select()}
    assert {"session:half", "session:started", "factor:added", "factor:codes_made", "factor:code_used",
            "factor:removed", "browser:trusted"} <= kinds  # fmt: skip
    kept = "\n".join(
        [json.dumps(row.data) for row in AuditEntry.select()]
        + [json.dumps(row.context) for row in OutboxMessage.select()]
    )
    for secret in (
        app.secret,
        used,
        mail_code,
        *codes,
        *(c.replace("-", "") for c in codes),
        entered.browser,
        token,
    ):
        assert secret not in kept
    assert audit.verify() == []


def test_what_is_over_is_swept_away(new_browsers: None, viewer: Viewer, world: Any, clock: Any) -> None:
    finish(half("alice@acme.example", clock), clock, code=mailed(world.alice), trust=True)
    add_key(viewer, clock.now)
    clock.advance(days=89)
    accounts.sweep(clock.now)
    assert PendingSignIn.select().count() == 0 and SpentChallenge.select().count() == 0
    assert KnownBrowser.select().count() == 1
    clock.advance(days=2)
    accounts.sweep(clock.now)
    assert KnownBrowser.select().count() == 0 and SignInFailure.select().count() == 0
    assert SecurityKey.select().count() == 1
