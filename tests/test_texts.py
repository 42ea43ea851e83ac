"""Codes by text message: numbers, their codes, what leaves once, what is mailed instead, and who pays (ACC-10)."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest

import config
import jobs
import mailer
from domain import accounts, audit, factors, mobiles, second_step, settings, texts
from domain.policies import Viewer, load_viewer
from domain.refusals import Invalid, Missing, NotNow
from gateways.sms import HttpGateway
from models import (
    AuditEntry,
    MobileNumber,
    MobileRefusal,
    OutboxMessage,
    PendingSignIn,
    Person,
    TextMessage,
    db,
)
from tests.support.text_gateway import TextGateway
from tests.test_factors import fifty, finish, half, in_parallel, notices, send_again

ORIGIN = "203.0.113.7"
NUMBER, TYPED = "+33612345678", "+33 6 12 34 56 78"
ALICE = "alice@acme.example"


@pytest.fixture(autouse=True)
def portal_secret() -> Iterator[None]:
    accounts.use_secret("only for tests, long enough to be taken: 0123456789")
    texts.use_gateway(texts.Gateway(200))
    yield
    texts.use_gateway(None)


@pytest.fixture
def new_browsers(database: Any, clock: Any) -> None:
    settings.put("new_browser_code", True, by=None, now=clock.now)


@pytest.fixture
def viewer(world: SimpleNamespace) -> Viewer:
    found = load_viewer(world.alice.id)
    assert found is not None
    return found


@pytest.fixture
def gateway() -> Iterator[TextGateway]:
    server = TextGateway()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def portal(make_app: Any, gateway: TextGateway) -> Any:
    """The portal with its gateway."""
    return make_app(
        GUICHET_SMS_URL=gateway.url, GUICHET_SMS_TOKEN="very-secret-token", GUICHET_SMS_TIMEOUT="1"
    )


class Sent:
    """Stands for a gateway: keeps what it is handed, or raises `fault`."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.rows: list[TextMessage] = []
        self.fault = fault

    def __call__(self, row: TextMessage) -> None:
        self.rows.append(row)
        if self.fault is not None:
            raise self.fault

    @property
    def codes(self) -> list[str]:
        return [
            second_step.code_of(row.seed) if row.kind == "sign-in" else mobiles.code_of(row.seed)
            for row in self.rows
        ]


def deliver(clock: Any, fault: Exception | None = None) -> Sent:
    way = Sent(fault)
    texts.deliver_due(way, clock.now, wanted=second_step.text_wanted, failed=second_step.text_failed)
    return way


def record(viewer: Viewer, clock: Any, typed: str = TYPED) -> None:
    """A number that its owner has confirmed."""
    mobiles.ask(viewer, typed, origin=ORIGIN, now=clock.now)
    mobiles.confirm(viewer, deliver(clock).codes[-1], origin=ORIGIN, now=clock.now)


def mailed_codes(person: Person) -> list[str]:
    rows = OutboxMessage.select().where(
        (OutboxMessage.template == "sign-in-code") & (OutboxMessage.person == person.id)
    )
    return [second_step.code_of(row.context["seed"]) for row in rows.order_by(OutboxMessage.id)]


# ---- Numbers -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("+33 6 12 34 56 78", "+33612345678"),
        ("0033612345678", "+33612345678"),
        ("+33 (0)6.12.34.56.78", "+33612345678"),
        ("+44 7400 123456", "+447400123456"),
        ("+1 (202) 555-0143", "+12025550143"),
        ("  +32 470 12 34 56 ", "+32470123456"),
    ],
)
def test_a_number_is_kept_in_one_form_however_it_is_written(typed: str, kept: str) -> None:
    assert mobiles.parse(typed) == kept


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("", "mobile-empty"),
        ("   ", "mobile-empty"),
        ("06 12 34 56 78", "mobile-international"),
        ("tel:+33612345678", "mobile-international"),
        ("+33 6 12 34 56", "mobile-bad"),
        ("+33 6 12 34 56 78 90", "mobile-bad"),
        ("+999 12345678", "mobile-bad"),
        ("+33612345678;ext=4", "mobile-bad"),
        ("+33612345678\n+33699999999", "mobile-bad"),
        ("+" + "1" * 60, "mobile-bad"),
        ("+33 1 42 68 53 00", "mobile-kind"),
        ("+33 899 70 12 34", "mobile-kind"),
    ],
)
def test_what_is_no_mobile_number_is_refused_with_its_reason(typed: str, why: str) -> None:
    with pytest.raises(Invalid, match=f"^{why}$") as fault:
        mobiles.parse(typed)
    assert fault.value.field == "number"


def test_only_countries_that_the_operator_chose_get_text_messages() -> None:
    texts.use_gateway(texts.Gateway(200, frozenset({"FR", "BE"})))
    assert mobiles.parse("+32 470 12 34 56")
    with pytest.raises(Invalid, match="mobile-country"):
        mobiles.parse("+44 7400 123456")


def test_a_number_counts_once_its_code_was_typed(viewer: Viewer, world: Any, clock: Any) -> None:
    mobiles.ask(viewer, TYPED, origin=ORIGIN, now=clock.now)
    assert mobiles.confirmed(viewer.id) is None and mobiles.is_offered(viewer.id)
    way = deliver(clock)
    assert [(row.number, row.kind) for row in way.rows] == [(NUMBER, "number")]
    with pytest.raises(Invalid, match="code-wrong") as fault:
        mobiles.confirm(viewer, "000000", origin=ORIGIN, now=clock.now)
    assert fault.value.data["left"] == 4
    mobiles.confirm(viewer, f" {way.codes[0][:3]} {way.codes[0][3:]} ", origin=ORIGIN, now=clock.now)
    assert mobiles.confirmed(viewer.id).number == NUMBER and not mobiles.is_offered(viewer.id)
    assert notices(world.alice) == ["mobile-added"]
    with pytest.raises(NotNow, match="mobile-not-begun"):
        mobiles.confirm(viewer, way.codes[0], origin=ORIGIN, now=clock.now)
    with pytest.raises(Invalid, match="mobile-same"):
        mobiles.ask(viewer, NUMBER, origin=ORIGIN, now=clock.now)
    # Another one replaces it only once it is confirmed too.
    mobiles.ask(viewer, "+32 470 12 34 56", origin=ORIGIN, now=clock.now)
    assert mobiles.confirmed(viewer.id).number == NUMBER
    mobiles.confirm(viewer, deliver(clock).codes[0], origin=ORIGIN, now=clock.now)
    assert mobiles.confirmed(viewer.id).number == "+32470123456" and MobileNumber.select().count() == 1
    mobiles.remove(viewer, origin=ORIGIN, now=clock.now)
    assert notices(world.alice) == ["mobile-added", "mobile-changed", "mobile-removed"]
    with pytest.raises(Missing):
        mobiles.remove(viewer, origin=ORIGIN, now=clock.now)
    kinds = [
        row.kind for row in AuditEntry.select().order_by(AuditEntry.id) if row.kind.startswith("mobile:")
    ]
    assert kinds == ["mobile:asked", "mobile:added", "mobile:asked", "mobile:changed", "mobile:removed"]
    # The trail knows the end of numbers alone, and no code.
    kept = json.dumps([row.data for row in AuditEntry.select()])
    assert '"78"' in kept and NUMBER[3:] not in kept and way.codes[0] not in kept
    assert audit.verify() == []


def test_the_code_of_a_number_is_the_owners_alone_for_ten_minutes_and_five_tries(
    viewer: Viewer, world: Any, clock: Any
) -> None:
    bob = load_viewer(world.bob.id)
    mobiles.ask(viewer, TYPED, origin=ORIGIN, now=clock.now)
    mobiles.ask(bob, TYPED, origin=ORIGIN, now=clock.now)
    hers, his = deliver(clock).codes
    with pytest.raises(Invalid, match="code-wrong"):
        mobiles.confirm(bob, hers, origin=ORIGIN, now=clock.now)
    for _try in range(5):
        with pytest.raises(Invalid, match="code-wrong"):
            mobiles.confirm(viewer, "000000", origin=ORIGIN, now=clock.now)
    with pytest.raises(NotNow, match="mobile-code-dead"):
        mobiles.confirm(viewer, hers, origin=ORIGIN, now=clock.now)
    clock.advance(minutes=10)
    with pytest.raises(NotNow, match="mobile-not-begun"):
        mobiles.confirm(bob, his, origin=ORIGIN, now=clock.now)
    assert mobiles.sweep(clock.now + timedelta(seconds=1)) == 2


def test_the_code_of_a_number_typed_fifty_times_at_once_is_taken_once(
    viewer: Viewer, world: Any, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mobiles, "TRIES", 1000)
    mobiles.ask(viewer, TYPED, origin=ORIGIN, now=clock.now)
    code = deliver(clock).codes[0]
    got = fifty(lambda: mobiles.confirm(viewer, code, origin=ORIGIN, now=clock.now))
    assert got.count(None) == 1
    assert MobileNumber.select().count() == 1 and notices(world.alice) == ["mobile-added"]


def test_another_code_waits_half_a_minute_and_there_are_three(viewer: Viewer, clock: Any) -> None:
    mobiles.ask(viewer, TYPED, origin=ORIGIN, now=clock.now)
    first = deliver(clock).codes[0]
    for _code in range(2):
        with pytest.raises(NotNow, match="code-just-sent") as fault:
            mobiles.send_again(viewer, origin=ORIGIN, now=clock.now)
        assert fault.value.data == {"seconds": 30}
        clock.advance(seconds=30)
        mobiles.send_again(viewer, origin=ORIGIN, now=clock.now)
        last = deliver(clock).codes[0]
    clock.advance(seconds=30)
    with pytest.raises(NotNow, match="texts-enough"):
        mobiles.send_again(viewer, origin=ORIGIN, now=clock.now)
    with pytest.raises(Invalid, match="code-wrong"):
        mobiles.confirm(viewer, first, origin=ORIGIN, now=clock.now)
    mobiles.confirm(viewer, last, origin=ORIGIN, now=clock.now)


def test_never_again_is_kept_and_a_number_of_ones_own_ends_it(viewer: Viewer, clock: Any) -> None:
    mobiles.refuse(viewer, origin=ORIGIN, now=clock.now)
    mobiles.refuse(viewer, origin=ORIGIN, now=clock.now)
    assert not mobiles.is_offered(viewer.id)
    assert AuditEntry.select().where(AuditEntry.kind == "mobile:declined").count() == 1
    record(viewer, clock)
    mobiles.remove(viewer, origin=ORIGIN, now=clock.now)
    assert MobileRefusal.select().count() == 0 and mobiles.is_offered(viewer.id)


def test_without_a_gateway_nothing_is_offered_and_nothing_sent(
    new_browsers: None, viewer: Viewer, world: Any, clock: Any
) -> None:
    record(viewer, clock)
    texts.use_gateway(None)
    sent = TextMessage.select().count()
    token = half(ALICE, clock)
    assert TextMessage.select().count() == sent
    finish(token, clock, code=mailed_codes(world.alice)[-1])
    with pytest.raises(NotNow, match="texts-off"):
        mobiles.ask(viewer, "+32 470 12 34 56", origin=ORIGIN, now=clock.now)
    mobiles.remove(viewer, origin=ORIGIN, now=clock.now)
    assert not mobiles.is_offered(viewer.id)


# ---- Signing in ----------------------------------------------------------------------------------------


def test_a_code_goes_to_the_number_that_was_confirmed_and_verifies_like_a_mailed_one(
    new_browsers: None, viewer: Viewer, world: Any, clock: Any
) -> None:
    record(viewer, clock)
    token = half(ALICE, clock)
    assert mailed_codes(world.alice) == []
    assert second_step.texted_to(second_step.find(token, clock.now)) == NUMBER
    way = deliver(clock)
    assert [(row.kind, row.number) for row in way.rows] == [("sign-in", NUMBER)]
    other = half(ALICE, clock)
    with pytest.raises(Invalid, match="code-wrong"):
        finish(other, clock, code=way.codes[0])
    entered = finish(token, clock, code=way.codes[0], trust=True)
    assert entered.how == "text" and entered.browser
    accounts.sign_in(ALICE, world.password, origin=ORIGIN, now=clock.now, browser=entered.browser)
    started = AuditEntry.select().where(AuditEntry.kind == "session:started").order_by(AuditEntry.id)
    assert [row.data.get("second") for row in started][-2:] == ["text", None]


def test_one_texted_code_typed_fifty_times_at_once_opens_one_session(
    new_browsers: None, viewer: Viewer, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(factors, "CODE_TRIES", 1000)
    record(viewer, clock)
    token = half(ALICE, clock)
    code = deliver(clock).codes[0]
    got = fifty(lambda: finish(token, clock, code=code))
    assert sum(isinstance(answer, accounts.Entered) for answer in got) == 1


def test_who_has_a_factor_gets_no_text_message(
    new_browsers: None, viewer: Viewer, world: Any, clock: Any
) -> None:
    from tests.test_factors import set_up

    record(viewer, clock)
    set_up(viewer, clock)
    sent = TextMessage.select().count()
    token = half(ALICE, clock)
    assert TextMessage.select().count() == sent
    assert second_step.find(token, clock.now).needs == "factor"


def test_by_mail_instead_is_at_once_and_the_text_message_no_longer_works(
    new_browsers: None, viewer: Viewer, world: Any, clock: Any
) -> None:
    record(viewer, clock)
    token = half(ALICE, clock)
    texted = deliver(clock).codes[0]
    send_again(token, clock, by_mail=True)
    assert len(mailed_codes(world.alice)) == 1
    assert second_step.texted_to(second_step.find(token, clock.now)) is None
    with pytest.raises(Invalid, match="code-wrong"):
        finish(token, clock, code=texted)
    # From now on by mail, with its wait.
    with pytest.raises(NotNow, match="code-just-sent"):
        send_again(token, clock)
    clock.advance(seconds=30)
    send_again(token, clock)
    assert len(mailed_codes(world.alice)) == 2
    assert finish(token, clock, code=mailed_codes(world.alice)[-1]).how == "mail"


@pytest.mark.parametrize(
    "fault", [texts.Refused("answer 401"), texts.Away("answer 503"), RuntimeError("a mistake")]
)
def test_a_text_message_that_cannot_leave_is_mailed_with_the_same_code(
    new_browsers: None, viewer: Viewer, world: Any, clock: Any, fault: Exception
) -> None:
    record(viewer, clock)
    token = half(ALICE, clock)
    way = deliver(clock, fault)
    if isinstance(fault, texts.Away):
        assert mailed_codes(world.alice) == [] and deliver(clock).rows == []
        clock.advance(seconds=11)
        way = deliver(clock, fault)
    assert mailed_codes(world.alice) == way.codes
    row = TextMessage.select().order_by(TextMessage.id.desc()).get()
    assert row.status == "failed" and row.seed == "" and row.last_error
    assert second_step.texted_to(second_step.find(token, clock.now)) is None
    clock.advance(minutes=1)
    assert deliver(clock).rows == [] and len(mailed_codes(world.alice)) == 1
    assert texts.failed_since(clock.now - timedelta(days=1)) == 1
    assert finish(token, clock, code=way.codes[0]).how == "mail"


def test_a_gateway_that_is_away_holds_up_nobody_behind(
    new_browsers: None, viewer: Viewer, world: Any, clock: Any
) -> None:
    record(viewer, clock)
    tokens = [half(ALICE, clock) for _sign_in in range(3)]
    tried = deliver(clock, texts.Refused("no answer: TimeoutError", everybody=True))
    # One was tried; the others wait for another try rather than for its silence.
    assert len(tried.rows) == 1 and len(mailed_codes(world.alice)) == 1
    clock.advance(seconds=11)
    assert len(deliver(clock).rows) == 2
    assert all(second_step.find(token, clock.now) for token in tokens)


def test_what_waited_a_minute_is_mailed_and_what_nobody_waits_for_is_dropped(
    new_browsers: None, viewer: Viewer, world: Any, clock: Any
) -> None:
    record(viewer, clock)
    half(ALICE, clock)
    clock.advance(seconds=61)
    assert deliver(clock).rows == [] and len(mailed_codes(world.alice)) == 1
    voided = half(ALICE, clock)
    send_again(voided, clock, by_mail=True)
    half(ALICE, clock)
    second_step.void(viewer.id, clock.now)
    assert deliver(clock).rows == []
    states = [row.status for row in TextMessage.select().order_by(TextMessage.id)]
    assert states == ["sent", "failed", "skipped", "skipped"]
    clock.advance(hours=1)
    half(ALICE, clock)
    Person.update(is_active=False).where(Person.id == viewer.id).execute()
    assert deliver(clock).rows == [] and len(mailed_codes(world.alice)) == 2


def test_one_whose_process_died_is_mailed_rather_than_sent_twice(
    new_browsers: None, viewer: Viewer, world: Any, clock: Any
) -> None:
    class Killed(BaseException):
        pass

    record(viewer, clock)
    half(ALICE, clock)
    with pytest.raises(Killed):
        deliver(clock, Killed())  # type: ignore[arg-type]
    assert deliver(clock).rows == []
    clock.advance(minutes=2, seconds=1)
    assert deliver(clock).rows == [] and len(mailed_codes(world.alice)) == 1


def test_each_leaves_once_however_many_deliver_at_the_same_time(
    new_browsers: None, viewer: Viewer, clock: Any
) -> None:
    record(viewer, clock)
    for _sign_in in range(4):
        half(ALICE, clock)
    ways = in_parallel(10, lambda: deliver(clock))
    sent = [row.id for way in ways for row in way.rows]
    assert len(sent) == 4 and len(set(sent)) == 4
    assert {row.status for row in TextMessage.select()} == {"sent"}


# ---- Who pays ------------------------------------------------------------------------------------------


def test_a_person_gets_five_within_an_hour_then_mails(
    new_browsers: None, viewer: Viewer, world: Any, clock: Any
) -> None:
    record(viewer, clock)
    for _sign_in in range(6):
        half(ALICE, clock)
    assert TextMessage.select().count() == 5 and len(mailed_codes(world.alice)) == 2
    with pytest.raises(NotNow, match="texts-enough"):
        mobiles.ask(viewer, "+32 470 12 34 56", origin=ORIGIN, now=clock.now)
    assert mobiles.waiting(viewer.id, clock.now) is None
    clock.advance(hours=1, seconds=1)
    half(ALICE, clock)
    assert TextMessage.select().count() == 6


def test_fifty_at_once_never_cost_more_than_the_limit(viewer: Viewer, clock: Any) -> None:
    fifty(lambda: mobiles.ask(viewer, TYPED, origin=ORIGIN, now=clock.now))
    assert TextMessage.select().count() == texts.MOST_TO_PERSON
    assert MobileNumber.select().count() == 1


def test_sign_ins_and_new_numbers_at_the_same_time_block_nobody(
    new_browsers: None, viewer: Viewer, world: Any, clock: Any
) -> None:
    record(viewer, clock)
    bob, turns = load_viewer(world.bob.id), count()

    def act() -> Any:
        if next(turns) % 2:
            return mobiles.ask(bob, "+32 470 12 34 56", origin="198.51.100.1", now=clock.now)
        return half(ALICE, clock)

    got = fifty(act)
    assert sum(isinstance(answer, str) for answer in got) == 25
    assert TextMessage.select().count() == 2 * texts.MOST_TO_PERSON


def test_a_number_an_origin_and_the_whole_portal_have_limits_too(
    world: Any, clock: Any, database: Any
) -> None:
    people = [load_viewer(row.id) for row in Person.select().order_by(Person.id)]

    def ask(person: Viewer, typed: str, origin: str) -> bool:
        try:
            mobiles.ask(person, typed, origin=origin, now=clock.now)
        except NotNow as fault:
            assert fault.code == "texts-enough"
            return False
        return True

    # One number, asked by several accounts.
    assert [ask(person, TYPED, f"198.51.100.{at}") for at, person in enumerate(people[:6])] == [True] * 5 + [
        False
    ]
    # One origin: new numbers each time.
    others = [f"+336123400{at:02d}" for at in range(40)]
    got = [ask(people[at % 10], others[at], ORIGIN) for at in range(30)]
    assert sum(got) == texts.MOST_FROM_ORIGIN
    texts.use_gateway(texts.Gateway(TextMessage.select().count() + 1))
    clock.advance(minutes=1)
    fresh = load_viewer(world.root.id)
    TextMessage.delete().where(TextMessage.person == fresh.id).execute()
    texts.use_gateway(texts.Gateway(TextMessage.select().count() + 1))
    assert ask(fresh, others[-1], "192.0.2.1") and not ask(fresh, others[-2], "192.0.2.1")


# ---- What is kept --------------------------------------------------------------------------------------


def test_old_text_messages_go_and_no_secret_stays(
    new_browsers: None, viewer: Viewer, world: Any, clock: Any
) -> None:
    from domain import retention

    record(viewer, clock)
    token = half(ALICE, clock)
    code = deliver(clock).codes[0]
    assert {row.seed for row in TextMessage.select()} == {""}
    pending = PendingSignIn.get()
    assert code not in pending.code_hash and token != pending.token_hash
    clock.advance(days=29)
    retention.carry_out(clock.now)
    assert TextMessage.select().count() == 2
    clock.advance(days=2)
    retention.carry_out(clock.now)
    assert TextMessage.select().count() == 0
    # The number itself is its owner's, for as long as they want.
    assert mobiles.confirmed(viewer.id).number == NUMBER


def test_ones_own_data_hold_the_number_and_the_messages_without_codes(
    viewer: Viewer, world: Any, clock: Any
) -> None:
    from domain import own_data

    record(viewer, clock)
    parts = {name: list(rows) for name, rows in own_data.small_parts(world.alice).items()}
    assert [row["number"] for row in parts["mobile_numbers"]] == [NUMBER]
    assert [(row["kind"], row["status"]) for row in parts["text_messages"]] == [("number", "sent")]
    assert "seed" not in parts["text_messages"][0] and "code_hash" not in parts["mobile_numbers"][0]
    others = {name: list(rows) for name, rows in own_data.small_parts(world.bob).items()}
    assert others["mobile_numbers"] == others["text_messages"] == []


# ---- Words ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("name", ["Initech", "Société Générale d’Œuvres — “Çelik” 東京", "x" * 300])
def test_texts_are_short_plain_and_hold_no_link(
    app: Any, world: Any, clock: Any, language: str, name: str
) -> None:
    settings.put("portal_name", name, by=None, now=clock.now)
    with app.app_context():
        said = [mailer.trial_text(language)]
        for kind in ("sign-in", "number"):
            said.append(mailer.text_message(TextMessage(kind=kind, seed="a seed", language=language)))
    for text in said:
        assert len(text) <= 160 and set(text) <= texts.GSM, text
        assert "://" not in text and "www" not in text
    assert [text[:6].isdigit() for text in said] == [False, True, True]
    assert all(("10 minutes" in text) for text in said[1:])


# ---- The gateway ---------------------------------------------------------------------------------------


def way_to(**environment: str) -> HttpGateway:
    made = config._text_gateway(environment)
    assert made is not None
    return HttpGateway(made)


def test_the_usual_request_is_json_with_the_token_in_its_header(gateway: TextGateway) -> None:
    way_to(GUICHET_SMS_URL=gateway.url, GUICHET_SMS_TOKEN="très"[:2] + "es-secret").send(
        NUMBER, 'Code "12" {token} é'
    )
    (got,) = gateway.messages
    assert (got.method, got.path) == ("POST", "/messages")
    assert got.headers["authorization"] == "Bearer tres-secret"
    # What is filled in is not looked at again: a text cannot pull the token out.
    assert got.fields == {"to": NUMBER, "text": 'Code "12" {token} é'}


def test_a_form_a_query_and_other_headers_as_the_operator_says(gateway: TextGateway) -> None:
    way_to(
        GUICHET_SMS_URL=gateway.url + "?key={token}&v=1",
        GUICHET_SMS_TYPE="form",
        GUICHET_SMS_BODY="recipient={digits}&message={text}&sender=Guichet",
        GUICHET_SMS_HEADERS='{"X-Api-Key": "{token}", "X-Plain": "yes"}',
        GUICHET_SMS_TOKEN="a&b=c",
        GUICHET_SMS_METHOD="put",
    ).send(NUMBER, "50 % & plus + = ?")
    (got,) = gateway.messages
    assert got.method == "PUT" and got.query == {"key": "a&b=c", "v": "1"}
    assert got.fields == {"recipient": NUMBER[1:], "message": "50 % & plus + = ?", "sender": "Guichet"}
    assert got.headers["x-api-key"] == "a&b=c" and "authorization" not in got.headers
    way_to(GUICHET_SMS_URL=gateway.url + "?to={number}&text={text}", GUICHET_SMS_METHOD="GET").send(
        NUMBER, "x y"
    )
    assert gateway.messages[-1].query == {"to": NUMBER, "text": "x y"} and gateway.messages[-1].body == ""


@pytest.mark.parametrize(
    ("status", "fault"),
    [(400, HttpGateway.Refused), (401, HttpGateway.Refused), (302, HttpGateway.Refused), (307, HttpGateway.Refused),
     (429, HttpGateway.Away), (500, HttpGateway.Away), (503, HttpGateway.Away)],
)  # fmt: skip
def test_what_the_gateway_answers_decides_whether_it_is_tried_again(
    gateway: TextGateway, status: int, fault: type[Exception]
) -> None:
    gateway.status = status
    with pytest.raises(fault, match=f"^answer {status}$"):
        way_to(GUICHET_SMS_URL=gateway.url).send(NUMBER, "123456")
    # A redirect is not followed.
    assert [one.path for one in gateway.messages] == ["/messages"]


def test_a_gateway_that_hangs_drips_or_is_away_ends_in_time(gateway: TextGateway) -> None:
    way = way_to(GUICHET_SMS_URL=gateway.url, GUICHET_SMS_TIMEOUT="1")
    for trouble in ("slow", "dripping"):
        gateway.slow, gateway.dripping = (3.0, False) if trouble == "slow" else (0.0, True)
        began = time.monotonic()
        with pytest.raises(HttpGateway.Unknown) as fault:
            way.send(NUMBER, "123456")
        assert time.monotonic() - began < 2.5, trouble
        assert NUMBER not in str(fault.value) and "123456" not in str(fault.value)
    gateway.stop()
    with pytest.raises(HttpGateway.Away, match="no connection"):
        way.send(NUMBER, "123456")
    gateway.start = lambda: None  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"GUICHET_SMS_URL": "http://sms.example/send"}, "https"),
        ({"GUICHET_SMS_URL": "ftp://sms.example/send"}, "https"),
        ({"GUICHET_SMS_URL": "https://user:word@sms.example/send"}, "HEADERS"),
        ({"GUICHET_SMS_URL": "https://sms.example/é nvoi"}, "whole https address"),
        ({"GUICHET_SMS_URL": "https://sms.example/{number}/{text}"}, "query"),
        ({"GUICHET_SMS_URL": "https://sms.example/", "GUICHET_SMS_METHOD": "DELETE"}, "METHOD"),
        ({"GUICHET_SMS_URL": "https://sms.example/", "GUICHET_SMS_METHOD": "GET"}, "{number}"),
        ({"GUICHET_SMS_URL": "https://sms.example/", "GUICHET_SMS_BODY": "to={number}"}, "JSON"),
        ({"GUICHET_SMS_URL": "https://sms.example/", "GUICHET_SMS_BODY": '{"to": "{number}"}'}, "{text}"),
        ({"GUICHET_SMS_URL": "https://sms.example/", "GUICHET_SMS_HEADERS": '{"X": "a\\nb"}'}, "HEADERS"),
        ({"GUICHET_SMS_URL": "https://sms.example/", "GUICHET_SMS_HEADERS": '{"Host": "other"}'}, "HEADERS"),
        ({"GUICHET_SMS_URL": "https://sms.example/", "GUICHET_SMS_TOKEN": "a\nb"}, "TOKEN"),
        ({"GUICHET_SMS_URL": "https://sms.example/", "GUICHET_SMS_TIMEOUT": "0"}, "TIMEOUT"),
        ({"GUICHET_SMS_URL": "https://sms.example/", "GUICHET_SMS_COUNTRIES": "France"}, "COUNTRIES"),
    ],
)
def test_a_gateway_that_is_set_badly_keeps_the_portal_from_starting(
    environment: dict[str, str], says: str
) -> None:
    with pytest.raises(config.BadSettings, match=says):
        config._text_gateway(environment)
    assert config._text_gateway({}) is None
    assert config._text_gateway({"GUICHET_SMS_URL": "http://localhost:8080/send"}) is not None


def test_the_job_hands_over_what_waits_and_shows_no_secret(
    new_browsers: None, portal: Any, gateway: TextGateway, viewer: Viewer, world: Any, clock: Any, caplog: Any
) -> None:
    mobiles.ask(viewer, TYPED, origin=ORIGIN, now=clock.now)
    with portal.app_context():
        assert jobs.run("texts", portal).done == 1
    (got,) = gateway.to(NUMBER)
    assert got.fields["text"].endswith("Il vaut 10 minutes.")
    mobiles.confirm(viewer, got.code, origin=ORIGIN, now=clock.now)
    token = half(ALICE, clock)
    gateway.status = 500
    for _try in range(2):
        with portal.app_context():
            run = jobs.run("texts", portal)
        clock.advance(seconds=11)
    assert run.outcome == "ok" and len(gateway.to(NUMBER)) == 3
    finish(token, clock, code=mailed_codes(world.alice)[0])
    row = TextMessage.select().order_by(TextMessage.id.desc()).get()
    assert (row.status, row.last_error) == ("failed", "answer 500")
    shown = caplog.text + repr(portal.extensions["guichet_settings"])
    assert "very-secret-token" not in shown and NUMBER not in shown and gateway.messages[-1].code not in shown


def test_a_slow_gateway_costs_its_time_once_and_the_code_is_mailed(
    new_browsers: None, portal: Any, gateway: TextGateway, viewer: Viewer, world: Any, clock: Any
) -> None:
    record(viewer, clock)
    for _sign_in in range(3):
        half(ALICE, clock)
    gateway.slow = 1.5
    began = time.monotonic()
    with portal.app_context():
        jobs.run("texts", portal)
    assert time.monotonic() - began < 2.5
    # It may have left: it is not sent twice. The others were not tried.
    assert len(gateway.messages) == 1 and len(mailed_codes(world.alice)) == 1


def test_the_operator_sends_a_trial(
    portal: Any, app: Any, make_app: Any, gateway: TextGateway, world: Any
) -> None:
    portal = make_app(GUICHET_SMS_URL=gateway.url, GUICHET_SMS_TOKEN="very-secret-token")
    runner = portal.test_cli_runner()
    done = runner.invoke(args=["texts", "try", "+33 6 12 34 56 78", "--language", "en"])
    assert done.exit_code == 0 and "took it" in done.output
    assert gateway.messages[-1].fields["text"] == "Text messages of Guichet Initech arrive on this telephone."
    gateway.status = 401
    refused = runner.invoke(args=["texts", "try", "+33612345678"])
    assert refused.exit_code == 1 and "answer 401" in refused.output and "very-secret" not in refused.output
    assert runner.invoke(args=["texts", "try", "0612345678"]).exit_code == 1
    assert TextMessage.select().count() == 0
    without = make_app().test_cli_runner().invoke(args=["texts", "try", "+33612345678"])
    assert without.exit_code == 1 and "GUICHET_SMS_URL" in without.output


def test_the_list_of_the_operator_shows_the_end_of_numbers_alone(
    portal: Any, viewer: Viewer, clock: Any
) -> None:
    mobiles.ask(viewer, TYPED, origin=ORIGIN, now=clock.now)
    shown = portal.test_cli_runner().invoke(args=["texts", "list"]).output
    assert "waiting" in shown and "..78" in shown and "345678" not in shown
    assert db is not None
