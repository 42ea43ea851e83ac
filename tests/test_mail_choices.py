"""Mails at the pace that people chose (VIEW-15): at once, gathered, held by quiet hours, or not at all."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

import jobs
import mailer
from domain import closing, digests, lifecycle, mail_choices, notifications, settings
from domain.mail_choices import Choices
from domain.notifications import PermanentFailure, TemporaryFailure
from domain.refusals import Invalid, Missing
from models import AuditEntry, MailChoice, MailHold, Membership, OutboxMessage, Person, db
from tests.support.correspondence import NOW, clear_outbox, counter, portal  # noqa: F401
from tests.support.postbox import SmtpServer

PARIS = ZoneInfo("Europe/Paris")
BASE = "http://support.initech.example"


class Carrier:
    """Takes what it is given; `refusals` are raised first, one for each try."""

    def __init__(self, *refusals):
        self.refusals = list(refusals)
        self.taken = []

    def __call__(self, row):
        if self.refusals:
            raise self.refusals.pop(0)
        self.taken.append((row.template, row.recipient.partition("@")[0]))


def paris(text):
    return datetime.fromisoformat(text).replace(tzinfo=PARIS).astimezone(UTC)


def choose(counter, name="alice", now=NOW, **more):
    paces = more.pop("paces", {})
    mail_choices.change(counter.viewer(name), now, paces=paces, **more)


def mails(name="alice"):
    """(template, status, pace) of one person's mails, oldest first."""
    rows = (
        OutboxMessage.select(OutboxMessage, MailHold.pace)
        .left_outer_join(MailHold, on=(MailHold.message == OutboxMessage.id), attr="hold")
        .where(OutboxMessage.recipient.startswith(f"{name}@"))
        .order_by(OutboxMessage.id)
    )
    found = []
    for row in rows:
        hold = getattr(row, "hold", None)
        found.append((row.template, row.status, hold.pace if hold is not None else None))
    return found


def deliver(now, *refusals):
    carrier = Carrier(*refusals)
    notifications.deliver_due(carrier, now)
    return carrier.taken


# ---- Which mails, and when ------------------------------------------------------------------------------


def test_every_mail_is_in_a_group_or_always_goes_at_once():
    grouped = [template for templates in mail_choices.GROUPS.values() for template in templates]
    assert len(grouped) == len(set(grouped))
    assert {*grouped, "satisfaction"} | mail_choices.ALWAYS == set(mailer.MAILS)
    assert not {*grouped, "satisfaction"} & mail_choices.ALWAYS


def test_without_a_choice_mails_leave_at_once(counter):
    counter.reply(counter.request(), "sam")
    assert mails() == [("request-received", "waiting", None), ("reply", "waiting", None)]
    assert [row.next_try_at for row in OutboxMessage.select()] == [None] * OutboxMessage.select().count()


def test_the_portal_decides_for_those_who_chose_nothing(counter):
    settings.put("mail_pace", "daily", None, NOW)
    settings.put("mail_daily_hour", 18, None, NOW)
    choose(counter, "sam", paces={"desk": "now"})
    counter.request()
    assert mails() == [("request-received", "waiting", "daily")]
    assert OutboxMessage.get(OutboxMessage.template == "request-received").next_try_at == paris(
        "2026-11-10T18:00"
    )
    assert mails("sam") == [("team-new", "waiting", None)]


def test_each_group_has_its_own_pace_and_what_is_not_wanted_stays_in_the_log(counter):
    choose(counter, paces={"answers": "hourly", "confirmations": "off"})
    ticket = counter.request()
    counter.reply(ticket, "sam", "Quelle heure ?", move_to="waiting_customer")
    assert mails() == [("request-received", "skipped", None), ("reply", "waiting", "hourly")]
    assert OutboxMessage.get(OutboxMessage.status == "skipped").skip_reason == "not-wanted"
    assert OutboxMessage.get(OutboxMessage.template == "reply").next_try_at == paris("2026-11-10T15:00")


def test_reminders_and_closings_always_go_at_once_and_wait_for_no_grouped_mail(counter):
    everything_off = dict.fromkeys(mail_choices.GROUPS, "daily")
    choose(counter, paces=everything_off, daily_hour=7, quiet_from=0, quiet_until=23 * 60 + 59)
    ticket = counter.request()
    counter.reply(ticket, "sam", "Quelle heure ?", move_to="waiting_customer")
    later = NOW + timedelta(minutes=1)
    lifecycle.close(ticket, counter.viewer("sam"), later)
    assert [(template, pace) for template, _status, pace in mails()] == [
        ("request-received", "daily"),
        ("reply", "daily"),
        ("closed", None),
    ]
    assert ("closed", "alice") in deliver(later)
    assert [status for _template, status, _pace in mails()] == ["waiting", "waiting", "sent"]


def test_a_change_that_is_undone_is_a_closing_notice(counter):
    choose(counter, paces={"moves": "daily", "answers": "daily"})
    ticket = counter.request()
    lifecycle.move(ticket, "in_progress", counter.viewer("sam"), NOW)
    lifecycle.move(ticket, "customer_testing", counter.viewer("sam"), NOW)
    for days in range(1, 40):
        closing.sweep(NOW + timedelta(days=days))
    moved = [pace for template, _status, pace in mails() if template == "status-changed"]
    assert moved[0] == "daily" and moved[-1] is None


# ---- Hours, zones, quiet hours --------------------------------------------------------------------------


def chosen(**more):
    usual = {
        "paces": {}, "daily_hour": 8, "quiet_from": None, "quiet_until": None, "quiet_weekends": False,
        "asks_satisfaction": True, "zone": "Europe/Paris",
    }  # fmt: skip
    return Choices(**{**usual, **more})


@pytest.mark.parametrize(
    ("zone", "now", "hour"),
    [
        ("Europe/Paris", "2026-11-10T13:22+00:00", "2026-11-10T14:00+00:00"),
        ("Europe/Paris", "2026-11-10T14:00+00:00", "2026-11-10T15:00+00:00"),
        ("Asia/Kolkata", "2026-11-10T13:22+00:00", "2026-11-10T13:30+00:00"),
        # The night on which 2 o'clock comes twice: each of the two is an hour.
        ("Europe/Paris", "2026-10-25T00:10+00:00", "2026-10-25T01:00+00:00"),
        ("Nowhere/Atall", "2026-11-10T13:22+00:00", "2026-11-10T14:00+00:00"),
    ],
)
def test_the_next_hour_is_full_on_the_readers_clock(zone, now, hour):
    assert mail_choices.next_hour(zone, datetime.fromisoformat(now)) == datetime.fromisoformat(hour)


@pytest.mark.parametrize(
    ("hour", "now", "at"),
    [
        (8, "2026-11-10T06:59+00:00", "2026-11-10T07:00+00:00"),
        (8, "2026-11-10T07:00+00:00", "2026-11-11T07:00+00:00"),
        # 2 o'clock is jumped over on 29 March: the moment of the jump. On 25 October it comes twice: the first.
        (2, "2026-03-28T12:00+00:00", "2026-03-29T01:00+00:00"),
        (2, "2026-10-24T12:00+00:00", "2026-10-25T00:00+00:00"),
        (2, "2026-10-25T00:30+00:00", "2026-10-26T01:00+00:00"),
    ],
)
def test_the_daily_hour_is_right_when_clocks_change(hour, now, at):
    found = mail_choices.next_daily(chosen(daily_hour=hour), datetime.fromisoformat(now))
    assert found == datetime.fromisoformat(at)


NIGHT = {"quiet_from": 22 * 60, "quiet_until": 7 * 60}


@pytest.mark.parametrize(
    ("choices", "now", "end"),
    [
        (NIGHT, "2026-11-10T21:59+01:00", None),
        (NIGHT, "2026-11-10T22:00+01:00", "2026-11-11T07:00+01:00"),
        (NIGHT, "2026-11-11T06:59+01:00", "2026-11-11T07:00+01:00"),
        (NIGHT, "2026-11-11T07:00+01:00", None),
        ({"quiet_from": 12 * 60, "quiet_until": 14 * 60}, "2026-11-10T13:00+01:00", "2026-11-10T14:00+01:00"),
        # Saturday and Sunday, then the night that follows: one quiet time.
        ({**NIGHT, "quiet_weekends": True}, "2026-11-14T10:00+01:00", "2026-11-16T07:00+01:00"),
        ({"quiet_weekends": True}, "2026-11-14T10:00+01:00", "2026-11-16T00:00+01:00"),
        ({"quiet_weekends": True}, "2026-11-13T23:59+01:00", None),
        # The end is jumped over: the moment of the jump.
        ({"quiet_from": 60, "quiet_until": 150}, "2026-03-29T01:30+01:00", "2026-03-29T03:00+02:00"),
        # The end comes twice: the second time, and the quiet is not broken in between.
        ({"quiet_from": 60, "quiet_until": 150}, "2026-10-25T00:45+00:00", "2026-10-25T01:30+00:00"),
        ({"quiet_from": 60, "quiet_until": 150}, "2026-10-25T01:29+00:00", "2026-10-25T01:30+00:00"),
        ({"quiet_from": 60, "quiet_until": 150}, "2026-10-25T01:30+00:00", None),
        ({**NIGHT, "zone": "America/New_York"}, "2026-11-11T06:00+01:00", "2026-11-11T07:00-05:00"),
    ],
)
def test_quiet_hours_end_when_they_should(choices, now, end):
    found = mail_choices.quiet_end(chosen(**choices), datetime.fromisoformat(now).astimezone(UTC))
    assert found == (datetime.fromisoformat(end) if end else None)


def test_quiet_hours_hold_mails_until_they_end_and_in_order(counter):
    choose(counter, **NIGHT)
    night = paris("2026-11-10T23:10")
    ticket = counter.request(now=night)
    counter.reply(ticket, "sam", "Voici.", now=night)
    assert mails() == [("request-received", "waiting", "quiet"), ("reply", "waiting", "quiet")]
    assert ("reply", "alice") not in deliver(night)
    morning = paris("2026-11-11T07:00")
    counter.reply(ticket, "sam", "Et ceci.", now=morning)
    taken = [template for template, who in deliver(morning) if who == "alice"]
    assert taken == ["request-received", "reply", "reply"], "the later ones wait for it, as always"
    assert [status for _template, status, _pace in mails()] == ["sent"] * 3


def test_what_goes_at_once_overtakes_quiet_hours(counter):
    choose(counter, **NIGHT)
    night = paris("2026-11-10T23:10")
    ticket = counter.request(now=night)
    lifecycle.close(ticket, counter.viewer("sam"), night)
    assert [one for one in deliver(night) if one[1] == "alice"] == [("closed", "alice")]


def test_the_clock_given_by_hand_is_the_one_that_counts(counter):
    """A closing run at another date: its mails leave at once, or at the hours of that date."""
    ticket = counter.request()
    counter.reply(ticket, "sam", "Quelle heure ?", move_to="waiting_customer")
    clear_outbox()
    choose(counter, paces={"answers": "hourly"}, **NIGHT)
    closing.sweep(NOW + timedelta(days=11))
    assert mails() == [("reminder", "waiting", None)]
    assert OutboxMessage.get().next_try_at is None


# ---- One mail for many ----------------------------------------------------------------------------------


@pytest.fixture
def gathered(counter, portal):
    """Alice gets answers and moves by the hour; two requests with news of hers wait for 15:00."""
    clear_outbox()
    first, second = counter.request("Le premier sujet"), counter.request("Le second sujet")
    clear_outbox()
    choose(counter, paces={"answers": "hourly", "moves": "hourly"})
    counter.reply(first, "sam", "Une première réponse.")
    counter.reply(second, "ines", "Sur l’autre.")
    counter.reply(first, "sam", "Une deuxième réponse, plus longue. " * 30, move_to="waiting_customer")
    return first, second


HOUR = paris("2026-11-10T15:00")


def newest(template="digest"):
    return (
        OutboxMessage.select()
        .where(OutboxMessage.template == template)
        .order_by(OutboxMessage.id.desc())
        .get()
    )


def test_news_wait_for_their_hour_and_become_one_mail(counter, gathered):
    assert deliver(HOUR) == []
    assert digests.gather(HOUR - timedelta(seconds=1)) == 0
    assert digests.gather(HOUR) == 1
    assert deliver(HOUR) == [("digest", "alice")]
    assert mails() == [("reply", "sent", "hourly")] * 3 + [("digest", "sent", None)]
    digest = newest()
    assert {hold.digest_id for hold in MailHold.select()} == {digest.id}
    assert {row.sent_at for row in OutboxMessage.select()} == {digest.sent_at}
    assert digests.gather(HOUR + timedelta(hours=1)) == 0 and deliver(HOUR + timedelta(hours=1)) == []


def test_the_mail_says_for_each_request_what_happened_newest_last(counter, gathered):
    digests.gather(HOUR)
    made = mailer.render(newest(), BASE, HOUR)
    assert made.subject == "3 nouvelles\u202f: 2 demandes"
    text = made.text
    assert text.index("Le premier sujet") < text.index("Une première réponse.") < text.index("Une deuxième")
    assert text.index("Une deuxième") < text.index("Le second sujet") < text.index("Sur l’autre.")
    assert "Votre réponse est attendue" in text and "se fermera d’elle-même à la fin du" in text
    assert text.count("plus longue") < 20, "a long answer is cut: the page has the whole of it"
    for ticket in gathered:
        assert f"{BASE}/tickets/{ticket.number}" in text and f"{BASE}/tickets/{ticket.number}" in made.html
    assert "/mail-actions/" not in text
    settings.put("mail_carries_text", False, None, NOW)
    bare = mailer.render(newest(), BASE, HOUR)
    assert "sujet" not in bare.text + bare.html and "réponse." not in bare.text
    assert all(ticket.number in bare.text for ticket in gathered)


def test_news_that_comes_alone_is_the_usual_mail_in_its_thread(counter, portal):
    ticket = counter.request()
    clear_outbox()
    choose(counter, paces={"answers": "daily"}, daily_hour=18)
    counter.reply(ticket, "sam", "Seule.")
    evening = paris("2026-11-10T18:00")
    assert digests.gather(evening) == 1
    made = mailer.render(newest(), BASE, evening)
    alone = OutboxMessage.get(OutboxMessage.template == "reply")
    assert made.headers["X-Guichet-Mail"] == "reply" and "Seule." in made.text
    assert mailer.thread_root(alone) in made.headers["In-Reply-To"]
    assert list(made.copies) == [alone.id]


def test_there_are_never_two_gathered_mails_in_one_hour(counter, gathered):
    assert digests.gather(HOUR) == 1 == len(deliver(HOUR))
    # Written in the last second of the hour before, and seen by the job only now.
    late = HOUR - timedelta(seconds=1)
    counter.reply(gathered[0], "sam", "En retard.", now=late)
    assert digests.gather(HOUR + timedelta(minutes=20)) == 0
    assert digests.gather(HOUR + timedelta(hours=1)) == 1
    assert deliver(HOUR + timedelta(hours=1)) == [("digest", "alice")]
    assert OutboxMessage.select().where(OutboxMessage.template == "digest").count() == 2


def test_what_one_may_no_longer_see_drops_out(counter, gathered):
    digests.gather(HOUR)
    Membership.update(removed_at=NOW).where(Membership.person == counter.alice.id).execute()
    assert deliver(HOUR) == []
    reasons = {row.template: row.skip_reason for row in OutboxMessage.select()}
    assert reasons == {"reply": "may-not-see", "digest": "nothing-left"}


def test_one_request_drops_out_and_the_others_stay(counter, portal):
    choose(counter, "bob", paces={"answers": "hourly"})
    own, other = counter.request(by="bob"), counter.request(cc=["bob@acme.example"])
    Membership.update(role="member", can_see_all=False).where(Membership.person == counter.bob.id).execute()
    clear_outbox()
    counter.reply(own, "sam", "Sur la sienne.")
    counter.reply(other, "sam", "En copie seulement.")
    from models import Participant

    Participant.delete().execute()
    digests.gather(HOUR)
    digests.drop_unseen(newest())
    made = mailer.render(newest(), BASE, HOUR)
    assert "Sur la sienne." in made.text and "En copie" not in made.text + made.html


def test_a_gathered_mail_that_fails_takes_its_news_with_it_and_brings_them_back(counter, gathered):
    digests.gather(HOUR)
    deliver(HOUR, TemporaryFailure("451 later"))
    assert [status for _template, status, _pace in mails()] == ["waiting"] * 4
    deliver(HOUR + timedelta(minutes=2), PermanentFailure("550 no"))
    assert [status for _template, status, _pace in mails()] == ["failed"] * 4
    one = OutboxMessage.get(OutboxMessage.template == "reply")
    assert notifications.retry([one.id], HOUR) == 1, "the mail that holds it goes again"
    assert deliver(HOUR + timedelta(minutes=3)) == [("digest", "alice")]
    assert [status for _template, status, _pace in mails()] == ["sent"] * 4


def test_put_back_to_be_sent_does_not_break_a_choice(counter, gathered):
    assert notifications.retry("all", NOW) == 0
    assert deliver(NOW) == []


def test_an_agent_has_mails_gathered_too(counter, portal):
    choose(counter, "sam", paces={"desk": "hourly", "answers": "hourly"})
    choose(counter, "ines", paces={"desk": "off"})
    first, second = counter.request("Un"), counter.request("Deux")
    assert mails("sam") == [("team-new", "waiting", "hourly")] * 2
    assert mails("ines") == [("team-new", "skipped", None)] * 2
    digests.gather(HOUR)
    made = mailer.render(newest(), BASE, HOUR)
    assert f"{BASE}/desk/tickets/{first.number}" in made.text and second.number in made.text


def test_another_choice_moves_what_waits(counter, gathered):
    choose(counter, paces={"answers": "daily"}, daily_hour=18)
    assert {row.next_try_at for row in OutboxMessage.select()} == {paris("2026-11-10T18:00")}
    choose(counter, paces={"answers": "now"})
    assert MailHold.select().count() == 0
    choose(counter, paces={"answers": "hourly"})
    assert MailHold.select().count() == 0, "what leaves at once leaves at once"
    assert deliver(NOW) == [("reply", "alice")] * 3


def test_what_waits_and_is_no_longer_wanted_is_not_sent(counter, gathered):
    choose(counter, paces={"answers": "off"})
    assert mails() == [("reply", "skipped", None)] * 3


def test_two_gatherers_and_two_deliverers_at_once_send_each_once(counter, gathered):
    taken, made = [], []
    gate = threading.Barrier(2)

    def one():
        with db.connection_context():
            gate.wait()
            made.append(digests.gather(HOUR))
            gate.wait()
            notifications.deliver_due(lambda row: taken.append(row.id) and None, HOUR)

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == [0, 1]
    assert taken == [newest().id]
    assert [status for _template, status, _pace in mails()] == ["sent"] * 4


def test_a_gathered_mail_goes_through_a_real_server(counter, gathered, portal):
    server = SmtpServer()
    server.start()
    try:
        portal.configure(SMTP_URL=server.url)
        assert jobs.run("digest", portal, HOUR).done == 1
        assert jobs.run("outbox", portal, HOUR).done == 1
    finally:
        server.stop()
    [mail] = server.mails
    assert mail["X-Guichet-Mail"] == "digest" and "alice@acme.example" in mail["To"]
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = mail["List-Unsubscribe"]
    assert link.startswith(f"<{BASE}/unsubscribe/") and link.endswith(">")
    plain, html = (mail.get_body((kind,)).get_content() for kind in ("plain", "html"))
    assert "Une première réponse." in plain and "Une première réponse." in html
    assert link.strip("<>") in plain


# ---- Keeping choices, and leaving a kind of mails -------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({"paces": {"nothing": "now"}}, "mail-pace-unknown", "nothing"),
        ({"paces": {"answers": "weekly"}}, "mail-pace-unknown", "answers"),
        ({"daily_hour": 24}, "mail-hour-unknown", "daily_hour"),
        ({"quiet_from": 60}, "quiet-hours-half", "quiet_until"),
        ({"quiet_until": 60}, "quiet-hours-half", "quiet_from"),
        ({"quiet_from": 60, "quiet_until": 60}, "quiet-hours-empty", "quiet_until"),
    ],
)
def test_a_choice_that_makes_no_sense_is_refused_by_its_field(counter, given, code, field):
    with pytest.raises(Invalid, match=code) as refused:
        choose(counter, **given)
    assert refused.value.field == field
    assert MailChoice.select().count() == 0


def test_a_choice_is_recorded_without_its_content(counter):
    choose(counter, paces={"answers": "off"})
    entry = AuditEntry.get(AuditEntry.kind == "account:mail_choices")
    assert (entry.actor_id, entry.target) == (counter.alice.id, f"person:{counter.alice.id}")


def test_a_link_takes_out_of_one_kind_only_and_nobody_else(counter, portal):
    token = mail_choices.unsubscribe_token(counter.alice.id, "moves")
    for _again in range(2):
        person, group = mail_choices.unsubscribe(token, NOW)
        assert (person.id, group) == (counter.alice.id, "moves")
    choices = mail_choices.of_person(counter.alice)
    assert (choices.pace("moves"), choices.pace("answers")) == ("off", "now")
    assert AuditEntry.select().where(AuditEntry.kind == "account:mail_choices").count() == 1
    number, _dot, rest = token.partition(".")
    for forged in (
        f"{counter.bob.id}.{rest}",
        token.replace("moves", "answers"),
        token[:-1],
        f"{number}.x",
        "",
    ):
        with pytest.raises(Missing):
            mail_choices.unsubscribe(forged, NOW)


def test_the_link_of_a_gathered_mail_leaves_all_that_is_gathered(counter, portal):
    choose(counter, paces={"answers": "hourly", "moves": "daily"})
    mail_choices.unsubscribe(mail_choices.unsubscribe_token(counter.alice.id, "gathered"), NOW)
    choices = mail_choices.of_person(counter.alice)
    assert [choices.pace(group) for group in mail_choices.GROUPS] == ["off", "off", "now", "now"]


def test_mails_that_may_be_left_say_how_and_those_that_always_come_do_not(counter, portal):
    ticket = counter.request(cc=["paie@acme.example"])
    counter.reply(ticket, "sam", "Quelle heure ?", move_to="waiting_customer")
    closing.sweep(NOW + timedelta(days=11))
    for row in OutboxMessage.select():
        made = mailer.render(row, BASE, NOW + timedelta(days=11))
        may_leave = row.template != "reminder"
        assert ("List-Unsubscribe" in made.headers) == may_leave, row.template
        assert ("/unsubscribe/" in made.text) == ("/unsubscribe/" in made.html) == may_leave
        # What is kept of it holds no link that acts.
        [(_subject, kept)] = made.copies.values()
        assert "/unsubscribe/" not in kept and "/mail-actions/" not in kept


def test_the_zone_of_the_profile_moves_the_hours(counter, gathered):
    from domain import accounts

    accounts.change_profile(
        counter.viewer("alice"), full_name="Alice Martin", language="fr", time_zone="Asia/Kolkata", now=NOW
    )
    assert {row.next_try_at for row in OutboxMessage.select()} == {datetime(2026, 11, 10, 13, 30, tzinfo=UTC)}
    assert Person.get_by_id(counter.alice.id).time_zone == "Asia/Kolkata"
