"""Mails leave once each, in order, whatever happens to the server or to the process (OPS-7)."""

import os
import signal
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from domain import notifications
from domain.notifications import PermanentFailure, Skipped, TemporaryFailure
from models import Membership, OutboxMessage, Participant, Person, db
from tests.support.correspondence import NOW, counter  # noqa: F401

ROOT = Path(__file__).resolve().parent.parent


class Carrier:
    """Takes what it is given; `refusals` are raised first, one for each try."""

    def __init__(self, *refusals):
        self.refusals = list(refusals)
        self.taken = []

    def __call__(self, row):
        assert not db.in_transaction(), "a mail is never sent while a transaction waits"
        if self.refusals:
            refusal = self.refusals.pop(0)
            if refusal is not None:
                raise refusal
        self.taken.append((row.template, row.recipient))


def some_mails(count):
    for number in range(count):
        notifications.enqueue(
            "account-exists", source=f"account:{number}", now=NOW, email=f"person{number}@acme.example"
        )


def states():
    return [row.status for row in OutboxMessage.select().order_by(OutboxMessage.id)]


def test_what_was_written_leaves_once(counter):
    counter.request()
    carrier = Carrier()
    assert notifications.waiting_count() == 3
    assert notifications.deliver_due(carrier, NOW) == 3
    assert notifications.deliver_due(carrier, NOW) == 0
    assert sorted(carrier.taken) == [
        ("request-received", "alice@acme.example"),
        ("team-new", "ines@guichet.example"),
        ("team-new", "sam@guichet.example"),
    ]
    row = OutboxMessage.get(OutboxMessage.template == "request-received")
    assert (row.status, row.attempts, row.claimed_until) == ("sent", 1, None)
    assert row.sent_at >= NOW
    assert notifications.waiting_count() == 0


def test_a_refusal_for_now_is_tried_again_after_longer_and_longer_pauses(database):
    some_mails(1)
    pauses, at = [], NOW
    for _ in range(8):
        assert notifications.deliver_due(Carrier(TemporaryFailure("451 later")), at) == 0
        row = OutboxMessage.get()
        pauses.append(round((row.next_try_at - at) / timedelta(minutes=1)))
        almost = row.next_try_at - timedelta(seconds=5)
        assert notifications.deliver_due(Carrier(), almost) == 0, "not before its time"
        at = row.next_try_at + timedelta(seconds=1)
    assert pauses == [1, 2, 5, 10, 20, 30, 30, 30]
    assert (row.status, row.attempts, row.last_error) == ("waiting", 8, "451 later")
    assert notifications.deliver_due(Carrier(), at) == 1


def test_a_mail_is_given_up_after_three_days_of_tries(database):
    some_mails(1)
    at = NOW
    for _ in range(notifications.GIVE_UP_TRIES):
        assert states() == ["waiting"]
        notifications.deliver_due(Carrier(TemporaryFailure("451 later")), at)
        at = (OutboxMessage.get().next_try_at or at) + timedelta(seconds=1)
    assert states() == ["failed"]
    assert timedelta(days=2, hours=23) < at - NOW < timedelta(days=3, hours=1)
    assert notifications.failed_count() == 1


def test_a_refusal_for_good_fails_at_once_and_stays_visible(database):
    some_mails(2)
    assert notifications.deliver_due(Carrier(PermanentFailure("550 no such person")), NOW) == 1
    assert states() == ["failed", "sent"]
    failed = notifications.outbox("failed")
    assert [(row.recipient, row.last_error) for row in failed] == [
        ("person0@acme.example", "550 no such person")
    ]


def test_a_failed_mail_can_be_sent_again_and_a_sent_one_cannot(database):
    some_mails(2)
    notifications.deliver_due(Carrier(PermanentFailure("550 no such person")), NOW)
    ids = [row.id for row in OutboxMessage.select()]
    assert notifications.retry(ids, NOW) == 1
    carrier = Carrier()
    assert notifications.deliver_due(carrier, NOW) == 1
    assert carrier.taken == [("account-exists", "person0@acme.example")]


def test_retry_of_all_brings_waiting_mails_forward(database):
    some_mails(2)
    notifications.deliver_due(Carrier(TemporaryFailure("later"), TemporaryFailure("later")), NOW)
    assert notifications.deliver_due(Carrier(), NOW) == 0
    assert notifications.retry("all", NOW) == 2
    assert notifications.deliver_due(Carrier(), NOW) == 2


def test_a_server_that_is_away_is_not_knocked_at_for_every_mail(database):
    some_mails(5)
    carrier = Carrier(TemporaryFailure("connection refused", whole_server=True))
    assert notifications.deliver_due(carrier, NOW) == 0
    assert [row.attempts for row in OutboxMessage.select().order_by(OutboxMessage.id)] == [1, 0, 0, 0, 0]


def test_a_thousand_mails_survive_a_day_without_a_server(database):
    some_mails(1000)
    for hour in range(24):
        carrier = Carrier(TemporaryFailure("connection refused", whole_server=True))
        notifications.deliver_due(carrier, NOW + timedelta(hours=hour))
    carrier = Carrier()
    delivered = 0
    while sent := notifications.deliver_due(carrier, NOW + timedelta(hours=25)):
        delivered += sent
    assert delivered == 1000
    assert len(set(carrier.taken)) == 1000


def test_a_later_mail_about_a_request_waits_for_the_earlier_one(counter):
    ticket = counter.request()
    counter.reply(ticket, "sam", "Une première réponse.")
    notifications.deliver_due(Carrier(TemporaryFailure("451 later")), NOW)
    # The confirmation to alice waits, so her answer waits behind it; the team's mails left.
    assert states() == ["waiting", "sent", "sent", "waiting"]
    carrier = Carrier()
    assert notifications.deliver_due(carrier, NOW + timedelta(minutes=2)) == 2
    assert carrier.taken == [("request-received", "alice@acme.example"), ("reply", "alice@acme.example")]


def test_one_mail_that_cannot_be_made_does_not_hold_up_the_others(database):
    some_mails(2)
    carrier = Carrier(KeyError("no such template"))
    assert notifications.deliver_due(carrier, NOW) == 1
    row = OutboxMessage.select().order_by(OutboxMessage.id).first()
    assert (row.status, row.attempts, row.last_error) == ("waiting", 1, "KeyError")


def test_a_mail_without_reason_is_skipped_and_the_reason_is_kept(database):
    some_mails(1)
    assert notifications.deliver_due(Carrier(Skipped("link-expired")), NOW) == 0
    row = OutboxMessage.get()
    assert (row.status, row.skip_reason) == ("skipped", "link-expired")
    assert notifications.retry("all", NOW) == 0


def test_the_limit_of_a_call_is_kept(database):
    some_mails(7)
    assert notifications.deliver_due(Carrier(), NOW, limit=3) == 3
    assert notifications.deliver_due(Carrier(), NOW, limit=50) == 4


def test_what_a_server_quotes_never_puts_a_link_into_the_log(database):
    some_mails(1)
    refusal = PermanentFailure(
        "550 spam: https://support.initech.example/password/s3cret\r\nlook /password/s3cret"
    )
    notifications.deliver_due(Carrier(refusal), NOW)
    row = OutboxMessage.get()
    assert "s3cret" not in row.last_error
    assert "\n" not in row.last_error


def test_looking_for_what_is_due_reads_the_mails_that_wait_and_no_others(database, engine, monkeypatch):
    some_mails(3)
    plans, execute = [], database.execute_sql

    def explained(sql, params=None):
        if sql.startswith("SELECT"):
            start = "EXPLAIN QUERY PLAN " if engine.name == "sqlite" else "EXPLAIN "
            plans.append(str(execute(start + sql, params).fetchall()))
        return execute(sql, params)

    if engine.name == "postgresql":
        # Three rows are read faster without any index.
        execute("SET enable_seqscan = off")
    monkeypatch.setattr(database, "execute_sql", explained)
    assert len(notifications._due(NOW, 10)) == 3
    assert notifications.waiting_count() == 3
    assert len(plans) == 2
    assert all("outbox_waiting" in plan for plan in plans), plans


# ---- Whether the reader may still be told ----------------------------------------------------------------


def test_somebody_who_lost_sight_of_a_request_since_is_not_told(counter):
    ticket = counter.request()
    counter.reply(ticket, "sam")
    Membership.update(removed_at=NOW).where(Membership.person == counter.alice.id).execute()
    carrier = Carrier()
    notifications.deliver_due(carrier, NOW)
    assert {recipient for _template, recipient in carrier.taken} == {
        "sam@guichet.example",
        "ines@guichet.example",
    }
    assert {row.skip_reason for row in OutboxMessage.select().where(OutboxMessage.status == "skipped")} == {
        "may-not-see"
    }


def test_a_disabled_person_is_not_told(counter):
    counter.request()
    Person.update(is_active=False).where(Person.id == counter.alice.id).execute()
    notifications.deliver_due(Carrier(), NOW)
    row = OutboxMessage.get(OutboxMessage.recipient == "alice@acme.example")
    assert (row.status, row.skip_reason) == ("skipped", "person-disabled")


def test_an_agent_who_left_the_desk_is_not_told(counter):
    counter.request()
    Person.update(staff_role=None).where(Person.id == counter.ines.id).execute()
    notifications.deliver_due(Carrier(), NOW)
    row = OutboxMessage.get(OutboxMessage.recipient == "ines@guichet.example")
    assert (row.status, row.skip_reason) == ("skipped", "may-not-see")


def test_an_address_in_copy_without_account_is_told_until_it_is_taken_out(counter):
    ticket = counter.request(cc=["paie@acme.example"])
    carrier = Carrier()
    notifications.deliver_due(carrier, NOW)
    assert ("request-received", "paie@acme.example") in carrier.taken
    counter.reply(ticket, "sam")
    Participant.delete().where(Participant.email == "paie@acme.example").execute()
    notifications.deliver_due(carrier, NOW)
    row = OutboxMessage.get(
        (OutboxMessage.recipient == "paie@acme.example") & (OutboxMessage.template == "reply")
    )
    assert (row.status, row.skip_reason) == ("skipped", "no-longer-in-copy")


def test_an_account_whose_address_is_not_proven_gets_the_mails_of_its_copy(counter):
    Person.update(email_verified_at=None).where(Person.id == counter.charlie.id).execute()
    ticket = counter.request(by="alice")
    from domain import conversation

    conversation.add_cc(ticket, "charlie@globex.example", counter.viewer("sam"), NOW)
    carrier = Carrier()
    notifications.deliver_due(carrier, NOW)
    assert ("cc-added", "charlie@globex.example") in carrier.taken


# ---- Several at once, and sudden ends --------------------------------------------------------------------


def test_a_claim_keeps_others_away_until_it_is_taken_to_be_dead(database):
    some_mails(1)

    class Died(BaseException):
        pass

    with pytest.raises(Died):
        notifications.deliver_due(Carrier(Died()), NOW)
    assert notifications.deliver_due(Carrier(), NOW + timedelta(minutes=1)) == 0
    carrier = Carrier()
    assert notifications.deliver_due(carrier, NOW + timedelta(minutes=2, seconds=5)) == 1


def test_several_threads_that_deliver_together_send_each_mail_once(database):
    some_mails(60)
    taken, lock = [], threading.Lock()

    def send(row):
        with lock:
            taken.append(row.recipient)

    def deliver():
        with db.connection_context():
            while notifications.deliver_due(send, NOW, limit=10):
                pass

    threads = [threading.Thread(target=deliver) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 60
    assert len(set(taken)) == 60
    assert set(states()) == {"sent"}


DELIVERER = """
import os, sys, time
from datetime import datetime
import models
from domain import notifications

url, path, die_after = sys.argv[1], sys.argv[2], int(sys.argv[3])
models.db.initialize(models.make_database(url))
models.db.connect()
count = 0

def send(row):
    global count
    with open(path, "a") as file:
        file.write(f"{row.message_id} {row.recipient}\\n")
    count += 1
    if count == die_after:
        # The server said yes, and the power went before the mark.
        os.kill(os.getpid(), 9)

while notifications.deliver_due(send, datetime.fromisoformat(sys.argv[4]), limit=20):
    pass
"""


def deliverer(database, path, die_after=0, now=NOW):
    return subprocess.Popen(
        [sys.executable, "-c", DELIVERER, database.guichet_url, str(path), str(die_after), now.isoformat()],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def test_two_processes_deliver_two_hundred_mails_once_each(database, tmp_path):
    with db.atomic():
        some_mails(200)
    path = tmp_path / "taken"
    both = [deliverer(database, path), deliverer(database, path)]
    assert [process.wait(60) for process in both] == [0, 0]
    lines = path.read_text().splitlines()
    assert len(lines) == 200
    assert len(set(lines)) == 200
    assert set(states()) == {"sent"}


def test_a_kill_between_the_yes_of_the_server_and_the_mark_doubles_one_mail_at_most_with_its_name(
    database, tmp_path
):
    some_mails(10)
    path = tmp_path / "taken"
    kills, at = 3, NOW
    for _ in range(kills):
        assert deliverer(database, path, die_after=2, now=at).wait(60) == -signal.SIGKILL
        at += timedelta(minutes=3)
    assert deliverer(database, path, now=at).wait(60) == 0
    lines = path.read_text().splitlines()
    # Each line is a name and a recipient: a double carries the same name, so that mailboxes can tell.
    assert len(set(lines)) == 10
    assert len(lines) <= 10 + kills
    assert set(states()) == {"sent"}
