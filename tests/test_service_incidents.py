"""Incidents of the status page (VIEW-14): what is said, who joins once, and one answer that reaches all of them once."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from domain import audit, conversation, lifecycle, status_page
from domain.refusals import Invalid, Missing, NotAllowed, NotNow
from models import (
    AuditEntry,
    IncidentAnswer,
    IncidentAnswerLine,
    IncidentUpdate,
    JoinedRequest,
    Membership,
    Message,
    Organisation,
    OutboxMessage,
    Person,
    Product,
    Service,
    ServiceIncident,
    Ticket,
)
from tests.conftest import NOW
from tests.support.casework import (
    faults,
    forget_mails,
    history,
    key,
    last_event,
    mails,
    person,
    put_in,
    rows_of_everything,
    see,
    send,
    statements,
    together,
)

PARIS = ZoneInfo("Europe/Paris")
WORDS = {"summary": "Touchés par l’incident", "description": "Nous sommes touchés aussi."}


def service(slug: str = "payroll-api") -> Service:
    """A service of the demo vendor."""
    return Service.get(Service.slug == slug)


def opened(world: Any, now: Any = NOW, **more: Any) -> status_page.Standing:
    """An incident that sam opens."""
    said = {
        "title_fr": "API de paie ralentie",
        "title_en": "Payroll API slowed down",
        "impact": "degraded",
        "service_ids": [service().id],
        "body_fr": "Les exports aboutissent en plusieurs minutes.",
        "body_en": "Exports take several minutes.",
        "idempotency_key": key(),
    }
    return status_page.open_incident(see(world.sam), now, **{**said, **more})


def say(world: Any, row: Any, now: Any = NOW, **more: Any) -> IncidentAnswer | None:
    """Sam says what is new."""
    said = {
        "state": "identified",
        "body_fr": "La cause est trouvée.",
        "body_en": "",
        "idempotency_key": key(),
    }
    return status_page.post_update(row.id, see(world.sam), now, **{**said, **more})


def press(world: Any, row: Any, who: Any = None, now: Any = NOW, **more: Any) -> status_page.Affected:
    """Somebody says that their first organisation is affected."""
    viewer = see(who or world.alice)
    organisation = more.pop("organisation_id", None) or viewer.memberships[0].organisation_id
    return status_page.declare_affected(row.id, organisation, viewer, now, **{**WORDS, **more})


def answer(world: Any, row: Any, now: Any = NOW, **more: Any) -> IncidentAnswer:
    """Sam answers everybody."""
    said = {"body_fr": "C’est réglé.", "body_en": "It is settled.", "idempotency_key": key()}
    return status_page.answer_all(row.id, see(world.sam), now, **{**said, **more})


def customers(count: int, language: str = "fr") -> list[Person]:
    """So many customers, each with one contact who may open requests."""
    made = []
    for at in range(count):
        organisation = Organisation.create(name=f"Client {at}", slug=f"client-{at}", created_at=NOW)
        one = person(f"contact{at}", f"client-{at}.example", language=language)
        Membership.create(
            person=one, organisation=organisation, role="contact", can_open=True, can_see_all=True, can_answer=True
        )  # fmt: skip
        made.append(one)
    return made


# ---- What is said ------------------------------------------------------------------------------------------


def test_an_incident_runs_until_somebody_says_that_it_is_solved(world: Any, clock: Any) -> None:
    row = opened(world)
    assert status_page.overall(clock.now) == "degraded"
    assert [one.title_fr for one in status_page.running(clock.now)] == ["API de paie ralentie"]
    say(world, row, clock.advance(minutes=10), impact="major", service_ids=[service().id, service("time").id])
    found = status_page.find(row.id)
    assert [said.state for said in found.updates] == ["identified", "investigating"]
    assert [one.name_fr for one in found.services] == ["API de paie", "Initech Temps"]
    assert status_page.overall(clock.now) == "major"
    say(world, row, clock.advance(minutes=50), state="solved")
    assert (status_page.running(clock.now), status_page.overall(clock.now)) == ([], status_page.WORKS)
    assert status_page.find(row.id).ended_at == clock.now
    with pytest.raises(NotNow, match="incident-over"):
        say(world, row, clock.now)
    kinds = [
        entry.kind for entry in AuditEntry.select().where(AuditEntry.target == f"service_incident:{row.id}")
    ]
    assert kinds == ["service_incident:opened"] + ["service_incident:updated"] * 2
    assert audit.verify() == []


def test_planned_work_is_under_way_once_its_hour_has_come(world: Any, clock: Any) -> None:
    begins, ends = clock.now + timedelta(hours=2), clock.now + timedelta(hours=4)
    row = opened(world, impact="maintenance", started_at=begins, planned_until=ends)
    assert (row.state, row.runs_at(clock.now)) == ("planned", False)
    assert row.id in [one.id for one in status_page.planned(clock.now)]
    assert status_page.overall(clock.now) == status_page.WORKS
    clock.set(begins)
    [running] = status_page.running(clock.now)
    assert (running.id, running.state_at(clock.now)) == (row.id, "under_way")
    assert status_page.overall(clock.now) == "maintenance"
    # Announced work is nothing that one reports.
    with pytest.raises(NotNow, match="incident-not-running"):
        press(world, row, now=clock.now)


def test_work_that_is_called_off_disturbed_nothing(world: Any, clock: Any) -> None:
    row = opened(
        world, impact="maintenance", started_at=NOW + timedelta(days=1), planned_until=NOW + timedelta(days=2)
    )
    say(world, row, state="done")
    assert status_page.find(row.id).ended_at == row.started_at
    clock.advance(days=3)
    board = {one.service.slug: one for one in status_page.board(clock.now, PARIS)}
    assert board["payroll-api"].available == 10_000


@pytest.mark.parametrize(
    ("more", "code", "field"),
    [
        ({"title_fr": " ", "title_en": ""}, "incident-title-needed", "title_fr"),
        ({"title_fr": "x" * 161}, "text-too-long", "title_fr"),
        ({"body_fr": "", "body_en": " "}, "incident-body-needed", "body_fr"),
        ({"body_en": "x" * 5_001}, "text-too-long", "body_en"),
        ({"service_ids": []}, "incident-services-needed", "services"),
        ({"service_ids": [999_999]}, "incident-services-needed", "services"),
        ({"impact": "terrible"}, "incident-impact-unknown", "impact"),
        ({"state": "planned"}, "incident-state-unknown", "state"),
        ({"started_at": NOW + timedelta(minutes=1)}, "incident-starts-later", "started_at"),
        ({"impact": "maintenance"}, "maintenance-end-needed", "planned_until"),
    ],
)
def test_what_cannot_be_published_is_refused_by_its_field_and_leaves_nothing(
    world: Any, more: Any, code: str, field: str
) -> None:
    before = rows_of_everything()
    with pytest.raises(Invalid, match=code) as fault:
        opened(world, **more)
    assert fault.value.field == field
    assert rows_of_everything() == before


def test_only_the_desk_runs_incidents_and_reads_who_joined(world: Any) -> None:
    row = opened(world)
    made = answer_for(world, row)
    for who in (world.alice, world.bob, world.charlie, world.marc):
        viewer = see(who)
        for act in (
            lambda v=viewer: status_page.open_incident(
                v, NOW, title_fr="Non", title_en="", impact="major", service_ids=[service().id], body_fr="Non",
                body_en="", idempotency_key=key(),
            ),
            lambda v=viewer: status_page.post_update(
                row.id, v, NOW, state="solved", body_fr="Non", body_en="", idempotency_key=key()
            ),
            lambda v=viewer: status_page.join_requests(row.id, ["SUP-2041"], v, NOW),
            lambda v=viewer: status_page.answer_all(row.id, v, NOW, body_fr="Non", body_en="", idempotency_key=key()),
            lambda v=viewer: status_page.joined(v, row.id),
            lambda v=viewer: status_page.at_the_desk(v),
            lambda v=viewer: status_page.answers(v, row.id),
            lambda v=viewer: status_page.report(v, row.id, made.id),
        ):  # fmt: skip
            with pytest.raises(NotAllowed, match="desk-only"):
                act()
    assert status_page.find(row.id).state == "investigating"


def answer_for(world: Any, row: Any) -> IncidentAnswer:
    """An answer to alice, who joined."""
    press(world, row)
    return answer(world, row)


def test_of_two_updates_at_the_same_instant_one_is_told_what_changed(world: Any, database: Any) -> None:
    row = opened(world)
    results = together(
        [lambda at=at: say(world, row, body_fr=f"Nouvelle {at}.", seen=row.version) for at in range(2)],
        database,
    )
    [fault] = faults(results)
    assert isinstance(fault, NotNow) and fault.code == "incident-changed"
    assert IncidentUpdate.select().where(IncidentUpdate.incident == row.id).count() == 2


def test_a_double_click_opens_one_incident_and_says_its_news_once(world: Any) -> None:
    first, again = (opened(world, idempotency_key="one-and-the-same-key") for _ in range(2))
    assert first.id == again.id
    for _press in range(2):
        say(world, first, idempotency_key="another-key-of-the-page", state="solved")
    assert IncidentUpdate.select().where(IncidentUpdate.incident == first.id).count() == 2


# ---- The last days -----------------------------------------------------------------------------------------


def test_bars_and_shares_are_those_of_a_second_reckoning_minute_by_minute(world: Any, clock: Any) -> None:
    """Overlaps, midnights and the day on which the clocks change, against a count of single minutes."""
    spans = [
        (NOW - timedelta(days=20, hours=3), 400, "degraded"),
        (NOW - timedelta(days=20, hours=1), 600, "major"),
        # The night of 24 to 25 October 2026 has an hour more in Paris.
        (NOW.replace(month=10, day=24, hour=20), 900, "partial"),
        (NOW - timedelta(days=3), 120, "maintenance"),
    ]
    one = service("mails")
    for began, minutes, impact in spans:
        more = {"planned_until": began + timedelta(minutes=minutes)} if impact == "maintenance" else {}
        row = opened(world, began, impact=impact, service_ids=[one.id], started_at=began, **more)
        over = "done" if impact == "maintenance" else "solved"
        say(world, row, began + timedelta(minutes=minutes), state=over)
    lived = [(row.started_at, row.ended_at, row.impact) for row in ServiceIncident.select()
             if one.id in {link.service_id for link in row.affected}]  # fmt: skip
    [board] = [found for found in status_page.board(NOW, PARIS) if found.service.id == one.id]
    assert len(board.days) == 90 and board.days[-1][0] == date(2026, 11, 10)
    minute = board_start = min(midnight(day) for day, _impact, _minutes in board.days)
    touched: dict[date, set[str]] = {}
    whole = lost = 0
    while minute < NOW:
        hits = {impact for began, ended, impact in lived if began <= minute < ended}
        whole, lost = whole + 1, lost + bool(hits - {"maintenance"})
        if hits:
            touched.setdefault(minute.astimezone(PARIS).date(), set()).update(hits)
        minute += timedelta(minutes=1)
    assert board_start <= NOW
    drawn = {day: impact for day, impact, _minutes in board.days if impact != status_page.WORKS}
    assert drawn == {day: max(hits, key=status_page.RANK.__getitem__) for day, hits in touched.items()}
    assert abs(board.available - (1 - lost / whole) * 10_000) < 1.5
    assert sum(minutes for _day, _impact, minutes in board.days) == sum(
        1
        for at in range(whole)
        if any(began <= board_start + timedelta(minutes=at) < ended for began, ended, _impact in lived)
    )


def midnight(day: date) -> Any:
    """The instant at which a day begins in Paris."""
    return datetime.combine(day, time(), PARIS).astimezone(UTC)


def test_a_running_incident_counts_until_now_and_marks_today(world: Any, clock: Any) -> None:
    opened(world)
    clock.advance(hours=1, minutes=17)
    board = {one.service.slug: one for one in status_page.board(clock.now, PARIS)}
    assert board["payroll-api"].state == "degraded"
    assert board["payroll-api"].days[-1] == (date(2026, 11, 10), "degraded", 77)
    assert 9_990 < board["payroll-api"].available < 9_995
    assert board["payroll"].state == status_page.WORKS


def test_the_history_goes_from_month_to_month_over_those_without_anything(world: Any, clock: Any) -> None:
    opened(world)
    page = status_page.month(NOW.date(), PARIS, NOW)
    assert [row.title_fr for row in page.incidents] == ["API de paie ralentie"]
    assert (page.newer, page.older) == (None, date(2026, 9, 1))
    page = status_page.month(page.older, PARIS, NOW)
    assert [row.title_fr for row in page.incidents] == ["Pointeuses muettes à Lyon"]
    assert (page.newer, page.older) == (date(2026, 11, 1), date(2026, 8, 1))
    # Nothing happened in October: the page is there, between the two.
    page = status_page.month(date(2026, 10, 9), PARIS, NOW)
    assert (page.incidents, page.newer, page.older) == ([], date(2026, 11, 1), date(2026, 9, 1))


# ---- We are affected too -----------------------------------------------------------------------------------


def test_one_press_makes_a_request_of_the_organisation_that_has_joined(world: Any) -> None:
    row = opened(world)
    forget_mails()
    done = press(world, row)
    ticket = Ticket.get_by_id(done.ticket.id)
    assert done.how == "made"
    assert (ticket.organisation_id, ticket.requester_id, ticket.form_slug) == (
        world.organisations["acme"].id, world.alice.id, "incident",
    )  # fmt: skip
    assert history(ticket) == ["ticket:created", "ticket:incident_joined"]
    # The requester gets the number; the team has the page of the incident, and no mail for each customer.
    assert mails(ticket) == {("request-received", "alice")}
    assert [one.id for one in status_page.of_request(ticket, list(ticket.events))] == [row.id]
    assert status_page.own_requests(see(world.bob), [row]) == {row.id: ticket.number}


def test_a_request_carries_the_product_of_the_service(world: Any) -> None:
    product = Product.select().first()
    Service.update(product=product.id, form_slugs=["api"]).where(Service.slug == "payroll-api").execute()
    ticket = press(world, opened(world)).ticket
    assert (ticket.form_slug, ticket.product_id) == ("api", product.id)


def test_a_second_press_shows_the_request_to_whoever_may_read_it(world: Any) -> None:
    row = opened(world)
    first = press(world, row)
    before = rows_of_everything()
    for who in (world.alice, world.bob):
        again = press(world, row, who)
        assert (again.how, again.ticket.id) == ("already", first.ticket.id)
    assert rows_of_everything() == before


def test_a_colleague_who_may_not_read_it_is_told_and_makes_no_twin(world: Any) -> None:
    row = opened(world)
    ticket = press(world, row).ticket
    Ticket.update(audience="only_me").where(Ticket.id == ticket.id).execute()
    colleague = Person.get(Person.email == "claire@acme.example")
    before = rows_of_everything()
    with pytest.raises(NotNow, match="affected-already"):
        press(world, row, colleague)
    assert rows_of_everything() == before


def test_an_open_request_joins_instead_of_a_new_one(world: Any) -> None:
    row, mine = opened(world), send(world)
    made = Ticket.select().count()
    done = press(world, row, number=mine.number.lower())
    assert (done.how, done.ticket.id, Ticket.select().count()) == ("joined", mine.id, made)
    assert last_event(mine).kind == "ticket:incident_joined"


def test_only_an_open_request_of_the_same_organisation_joins(world: Any) -> None:
    row, theirs, over = opened(world), send(world, world.charlie), send(world)
    put_in(over, "closed")
    before = rows_of_everything()
    refusals = []
    for number in (theirs.number, over.number, "SUP-999999", "n’importe quoi"):
        with pytest.raises(Invalid, match="affected-unknown") as fault:
            press(world, row, number=number)
        refusals.append((fault.value.field, fault.value.data))
    # What belongs to somebody else looks like what was never there.
    assert refusals == [("number", {})] * 4
    assert rows_of_everything() == before


def test_those_who_may_not_open_requests_say_nothing_and_neither_does_the_desk(world: Any) -> None:
    row = opened(world)
    acme, globex = (world.organisations[slug].id for slug in ("acme", "globex"))
    before = rows_of_everything()
    for who, organisation in (
        (world.dana, acme), (world.sam, acme), (world.marc, acme), (world.alice, globex), (world.charlie, acme),
    ):  # fmt: skip
        with pytest.raises(NotAllowed, match="not-approved"):
            press(world, row, who, organisation_id=organisation)
    with pytest.raises(Missing):
        press(world, SimpleNamespace(id=999_999))
    assert rows_of_everything() == before


def test_nobody_joins_what_is_over(world: Any) -> None:
    row = opened(world)
    say(world, row, state="solved")
    with pytest.raises(NotNow, match="incident-not-running"):
        press(world, row)
    with pytest.raises(NotNow, match="incident-over"):
        status_page.join_requests(row.id, [send(world).number], see(world.sam), NOW)


def test_two_people_who_press_at_the_same_instant_make_one_request(world: Any, database: Any) -> None:
    for _trial in range(3):
        row = opened(world)
        made = Ticket.select().count()
        results = together(
            [
                lambda who=who, row=row: press(world, row, who)
                for who in (world.alice, world.bob, world.alice, world.bob)
            ],
            database,
        )
        assert not faults(results)
        assert sorted(done.how for done in results) == ["already", "already", "already", "made"]
        assert len({done.ticket.id for done in results}) == 1
        assert Ticket.select().count() == made + 1
        assert JoinedRequest.select().where(JoinedRequest.incident == row.id).count() == 1
    assert audit.verify() == []


def test_no_customer_learns_who_else_joined(world: Any) -> None:
    row = opened(world)
    acme, globex = press(world, row).ticket, press(world, row, world.charlie).ticket
    assert acme.id != globex.id
    assert status_page.own_requests(see(world.alice), [row]) == {row.id: acme.number}
    assert status_page.own_requests(see(world.erin), [row]) == {row.id: globex.number}
    assert status_page.own_requests(see(world.dana), [row]) == {}
    assert status_page.own_requests(None, [row]) == {}
    said = str(told_in_history(acme)) + str(told_in_history(globex))
    assert globex.number not in str(told_in_history(acme)) and "Globex" not in said


def told_in_history(ticket: Ticket) -> list[Any]:
    """What the history of a request keeps."""
    return [event.data for event in ticket.events]


def test_an_agent_joins_requests_that_are_there_and_hears_of_each_that_cannot(world: Any) -> None:
    row, one, two, over = opened(world), send(world), send(world, world.charlie), send(world)
    put_in(over, "closed")
    sam = see(world.sam)
    wanted = [one.number.lower(), two.number, over.number, "SUP-999999", one.number]
    outcomes = status_page.join_requests(row.id, wanted, sam, NOW)
    assert [(outcome.number, outcome.joined, outcome.fault and outcome.fault.code) for outcome in outcomes] == [
        (one.number, True, None), (two.number, True, None), (over.number, False, "ticket-closed"),
        ("SUP-999999", False, "number-unknown"),
    ]  # fmt: skip
    again = status_page.join_requests(row.id, [one.number], sam, NOW)
    assert [(outcome.joined, outcome.fault) for outcome in again] == [(False, None)]
    # The customer presses afterwards: the request that the agent joined is theirs.
    assert press(world, row).ticket.id == one.id
    assert [line.organisation_name for line in status_page.joined(sam, row.id)] == ["Acme", "Globex"]
    with pytest.raises(Invalid, match="numbers-needed"):
        status_page.join_requests(row.id, [" "], sam, NOW)
    with pytest.raises(Invalid, match="bulk-too-many"):
        status_page.join_requests(row.id, [f"SUP-{n}" for n in range(101)], sam, NOW)


# ---- One answer to all -------------------------------------------------------------------------------------


def test_one_answer_reaches_everybody_once_in_their_thread_and_by_mail(world: Any, clock: Any) -> None:
    row = opened(world)
    acme, globex = press(world, row).ticket, press(world, row, world.charlie).ticket
    conversation.add_cc(acme, "dana@acme.example", see(world.alice), NOW)
    forget_mails()
    clock.advance(minutes=5)
    for _click in range(2):
        made = answer(world, row, clock.now, idempotency_key="the-key-of-this-answer", move_to="resolved")
        status_page.write_waiting(clock.now, answer_id=made.id)
    assert IncidentAnswer.select().count() == 1
    for ticket, people in ((acme, {"alice", "dana"}), (globex, {"charlie"})):
        bodies = [row.body for row in ticket.messages.where(Message.side == "team")]
        assert bodies == ["C’est réglé."]
        assert Ticket.get_by_id(ticket.id).status == "resolved"
        assert mails(ticket) == {("reply", name) for name in people}
    assert OutboxMessage.select().count() == 3
    done = status_page.report(see(world.vera), row.id, made.id)
    assert (done.waiting, done.sent, done.refused, done.stayed) == (0, 2, 0, 0)
    assert audit.verify() == []


def test_each_requester_reads_their_language_and_the_other_when_it_is_missing(world: Any) -> None:
    row = opened(world)
    Person.update(language="en").where(Person.id == world.charlie.id).execute()
    acme, globex = press(world, row).ticket, press(world, row, world.charlie).ticket
    for body_en, read in (("It is settled.", "It is settled."), ("", "Encore un mot.")):
        answer(world, row, body_fr="Encore un mot.", body_en=body_en)
        status_page.write_waiting(NOW)
        assert [ticket.messages.order_by(Message.id.desc()).get().body for ticket in (acme, globex)] == [
            "Encore un mot.", read,
        ]  # fmt: skip


def test_what_refuses_the_answer_stops_no_other_and_is_reported(world: Any) -> None:
    row = opened(world)
    closed, stays, fine = send(world), send(world, world.charlie), send(world, world.bob)
    status_page.join_requests(row.id, [closed.number, stays.number, fine.number], see(world.sam), NOW)
    put_in(closed, "closed")
    # From resolved there is no way to "waiting for the customer": the words arrive all the same.
    put_in(stays, "resolved")
    made = answer(world, row, move_to="waiting_customer")
    status_page.write_waiting(NOW)
    done = status_page.report(see(world.sam), row.id, made.id)
    assert (done.waiting, done.sent, done.refused, done.stayed) == (0, 2, 1, 1)
    assert [(line[0], line[3], line[4]) for line in done.notable] == [
        (closed.number, "refused", "ticket-closed"), (stays.number, "sent", "move-refused"),
    ]  # fmt: skip
    assert Ticket.get_by_id(fine.id).status == "waiting_customer"
    assert Ticket.get_by_id(stays.id).status == "resolved"
    assert stays.messages.where(Message.side == "team").count() == 1


def test_an_answer_to_many_is_written_in_batches_by_whoever_comes(world: Any, database: Any) -> None:
    row = opened(world)
    for one in customers(23):
        press(world, row, one)
    forget_mails()
    made = answer(world, row, move_to="in_progress")
    assert status_page.write_waiting(NOW, answer_id=made.id, limit=10) == 10
    done = status_page.report(see(world.sam), row.id, made.id)
    assert (done.waiting, done.sent) == (13, 10)
    # The job and an agent who does not want to wait, at the same instant: each message once.
    results = together([lambda: status_page.write_waiting(NOW, limit=200) for _ in range(3)], database)
    assert not faults(results)
    assert status_page.write_waiting(NOW) == 0
    written = Message.select().where((Message.side == "team") & (Message.body == "C’est réglé."))
    assert written.count() == 23 == len({message.ticket_id for message in written})
    assert OutboxMessage.select().where(OutboxMessage.template == "reply").count() == 23
    assert IncidentAnswerLine.select().where(IncidentAnswerLine.state == "sent").count() == 23
    assert audit.verify() == []


def test_the_answer_of_somebody_who_left_the_desk_is_not_written(world: Any) -> None:
    row = opened(world)
    ticket = press(world, row).ticket
    made = answer(world, row)
    Person.update(staff_role=None).where(Person.id == world.sam.id).execute()
    status_page.write_waiting(NOW)
    done = status_page.report(see(world.vera), row.id, made.id)
    assert (done.sent, done.refused) == (0, 1)
    assert ticket.messages.where(Message.side == "team").count() == 0


def test_an_answer_without_words_or_without_anybody_is_refused(world: Any) -> None:
    row = opened(world)
    with pytest.raises(Invalid, match="nobody-joined"):
        answer(world, row)
    press(world, row)
    with pytest.raises(Invalid, match="answer-words-needed"):
        answer(world, row, body_fr=" ", body_en="")
    with pytest.raises(Invalid, match="text-too-long"):
        answer(world, row, body_en="x" * 20_001)
    with pytest.raises(Invalid, match="status-unknown"):
        answer(world, row, move_to="done")
    assert IncidentAnswer.select().count() == 0


def test_an_update_can_be_written_on_the_requests_that_joined(world: Any) -> None:
    row = opened(world)
    ticket = press(world, row).ticket
    assert say(world, row) is None
    for _click in range(2):
        made = say(
            world, row, tell=True, state="solved", body_fr="Tout est revenu.", idempotency_key="twice-pressed"
        )
        assert made is not None
        status_page.write_waiting(NOW)
    assert [message.body for message in ticket.messages.where(Message.side == "team")] == ["Tout est revenu."]
    assert lifecycle.fresh(ticket.id).status == "in_progress"


# ---- What it costs -----------------------------------------------------------------------------------------


def test_what_runs_is_asked_of_the_database_once_for_everybody(world: Any, database: Any) -> None:
    opened(world)
    with statements(database) as first:
        status_page.running(NOW)
    with statements(database) as again:
        for slug in ("incident", "question", "api"):
            status_page.for_form(slug, NOW)
        status_page.overall(NOW)
        status_page.like("exports de l’API très lents", NOW)
    assert (len(first), again) == (3, [])


def test_an_incident_concerns_the_forms_of_its_services_and_the_subjects_that_are_like_it(world: Any) -> None:
    row = opened(world)
    keys = lambda rows: [one.id for one in rows]  # noqa: E731
    assert keys(status_page.for_form("api", NOW)) == [row.id]
    assert keys(status_page.for_form("billing", NOW)) == []
    assert keys(status_page.like("Notre API ne répond plus", NOW)) == [row.id]
    assert keys(status_page.like("Changer mon mot de passe", NOW)) == []
    product = Product.select().first()
    Service.update(product=product.id).where(Service.slug == "payroll-api").execute()
    status_page.forget()
    assert keys(status_page.for_form("billing", NOW, product.id)) == [row.id]


def test_a_page_of_joined_requests_costs_the_same_with_one_as_with_twenty(world: Any, database: Any) -> None:
    row, sam = opened(world), see(world.sam)
    costs = []
    for more in (1, 19):
        for one in customers(more) if more == 1 else [send(world) for _ in range(more)]:
            if isinstance(one, Person):
                press(world, row, one)
            else:
                status_page.join_requests(row.id, [one.number], sam, NOW)
        with statements(database) as sent:
            status_page.joined(sam, row.id)
            status_page.at_the_desk(sam)
            status_page.board(NOW, PARIS)
        costs.append(len(sent))
    assert costs[0] == costs[1] == 7
