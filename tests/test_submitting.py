"""From a form to a request: numbers, consent, routing, on behalf of, double clicks, follow-ups, all or nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from typing import Any

import pytest

from domain import catalogue, requests, settings
from domain.refusals import Invalid, Missing, NotAllowed, NotNow
from models import (
    Attachment,
    Consent,
    ConsentText,
    Kind,
    LicenceRequest,
    Membership,
    Message,
    NamedPerson,
    Organisation,
    Participant,
    Person,
    Portal,
    Product,
    RequestForm,
    RoutingRule,
    ScaleLevel,
    Team,
    Ticket,
    TicketEvent,
)
from tests.conftest import NOW
from tests.support.casework import (
    again,
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
    submission,
    team,
    together,
    upload,
)

LATER = NOW + timedelta(minutes=5)


# What a sent request is


def test_a_sent_request_has_its_number_its_message_its_history_and_its_mail(world: Any) -> None:
    forget_mails()
    kept = upload(world.alice)
    ticket = again(send(world, attachment_keys=[kept], cc=["claire@acme.example"]))
    assert ticket.number == f"SUP-{Portal.get(Portal.prefix == 'SUP').last_number}"
    assert (ticket.status, ticket.organisation_id) == ("registered", world.organisations["acme"].id)
    assert (ticket.requester_id, ticket.opened_by_id) == (world.alice.id, world.alice.id)
    assert (ticket.priority_asked, ticket.priority, ticket.scale_slug) == ("2", "2", "severity")
    assert ticket.priority_position == ScaleLevel.get(ScaleLevel.value == "2").position
    assert (ticket.created_at, ticket.last_message_at, ticket.last_message_side) == (NOW, NOW, "customer")
    assert ticket.act_at is None, "nothing closes while the team is awaited"
    (message,) = Message.select().where(Message.ticket == ticket.id)
    assert (message.kind, message.side, message.author_id) == ("reply", "customer", world.alice.id)
    assert Attachment.get(Attachment.key == kept).message_id == message.id
    assert history(ticket) == ["ticket:created"]
    told = mails(ticket)
    assert {("request-received", "alice"), ("request-received", "claire")} <= told
    assert ("team-new", "sam") in told


def test_numbers_follow_one_another(world: Any) -> None:
    numbers = [int(send(world).number.removeprefix("SUP-")) for _ in range(4)]
    assert numbers == list(range(numbers[0], numbers[0] + 4))


@pytest.mark.parametrize("each", [3, pytest.param(25, marks=pytest.mark.long)])
def test_eight_people_who_send_at_the_same_instant_leave_no_gap_in_the_numbers(
    world: Any, database: Any, each: int
) -> None:
    settings.put("requests_per_minute", 1000, None, NOW)
    first = Portal.get(Portal.prefix == "SUP").last_number + 1
    by = see(world.alice)

    def write(_thread: int) -> list[str]:
        return [requests.submit(submission(world), by, NOW).number for _ in range(each)]

    results = together([partial(write, thread) for thread in range(8)], database)
    assert faults(results) == []
    numbers = sorted(int(number.removeprefix("SUP-")) for part in results for number in part)
    assert numbers == list(range(first, first + 8 * each))
    assert Portal.get(Portal.prefix == "SUP").last_number == numbers[-1]


def test_a_refused_request_leaves_no_gap(world: Any) -> None:
    before = int(send(world).number.removeprefix("SUP-"))
    for broken in (
        {"consented": False},
        {"priority": "99"},
        {"attachment_keys": ["none"]},
        {"cc": ["x@y.example"]},
    ):
        with pytest.raises((Invalid, Missing)):
            send(world, **broken)
    assert int(send(world).number.removeprefix("SUP-")) == before + 1


def test_a_flood_is_slowed_and_a_minute_later_it_goes_on(world: Any) -> None:
    settings.put("requests_per_minute", 3, None, NOW)
    for _ in range(3):
        send(world)
    with pytest.raises(NotNow) as refused:
        send(world)
    assert (refused.value.code, refused.value.data["limit"]) == ("too-many-requests", 3)
    send(world, by=world.bob)
    send(world, now=NOW + timedelta(seconds=61))


def test_a_flood_counts_for_whoever_sends_and_not_for_the_colleague_it_is_sent_for(world: Any) -> None:
    settings.put("requests_per_minute", 3, None, NOW)
    for _ in range(3):
        send(world, by=world.bob, requester_id=world.alice.id)
    with pytest.raises(NotNow):
        send(world, by=world.bob, requester_id=world.alice.id)
    send(world, by=world.alice)


# Consent (REQ-3)


def test_consent_is_recorded_with_its_date_its_language_and_the_version_of_its_text(world: Any) -> None:
    ConsentText.create(version=7, text_fr="Nouveau texte", text_en="New text", published_at=NOW)
    ticket = send(world, language="en", now=LATER)
    consent = Consent.get(Consent.ticket == ticket.id)
    assert (consent.person_id, consent.text.version, consent.language) == (world.alice.id, 7, "en")
    assert (consent.given_at, consent.form_slug, consent.withdrawn_at) == (LATER, "incident", None)


def test_without_consent_nothing_is_sent(world: Any) -> None:
    with pytest.raises(Invalid) as refused:
        send(world, consented=False)
    assert (refused.value.code, refused.value.field) == ("consent-needed", "consent")


def test_an_improvement_asks_no_consent_and_records_none(world: Any) -> None:
    ticket = send(world, form_slug="improvement", priority=None, consented=False)
    assert not Consent.select().where(Consent.ticket == ticket.id).exists()


# Routing (REQ-12)


@pytest.mark.parametrize(
    ("form", "slug"),
    [
        ("question", "support"),
        ("incident", "support"),
        ("billing-question", "support"),
        ("vat-change", "billing"),
        ("user-deletion", "privacy"),
        ("mfa-reset", "privacy"),
        ("licence", "billing"),
        ("patch", "engineering"),
        ("improvement", "engineering"),
        ("sql-report", "configuration"),
    ],
)
def test_each_form_goes_to_its_team(world: Any, form: str, slug: str) -> None:
    people = [{"full_name": "Jean Moreau", "employee_number": "1784031", "url": "", "details": ""}]
    ticket = send(world, form_slug=form, priority=None, named_people=people)
    assert again(ticket).team.slug == slug
    created = TicketEvent.get((TicketEvent.ticket == ticket.id) & (TicketEvent.kind == "ticket:created"))
    assert created.data["team"] == ticket.team_id


def test_the_first_rule_by_position_that_fits_wins_and_empty_means_any(world: Any) -> None:
    acme, globex = world.organisations["acme"], world.organisations["globex"]
    RoutingRule.create(
        position=-2, organisation=acme, kind=Kind.get(Kind.slug == "problem"), team=team("engineering")
    )
    RoutingRule.create(position=-1, organisation=acme, team=team("implementation"))
    RoutingRule.create(position=-3, organisation=globex, team=team("billing"))
    assert again(send(world, kind_slug="problem")).team.slug == "engineering"
    assert again(send(world)).team.slug == "implementation"
    assert again(send(world, by=world.charlie)).team.slug == "billing"


def test_a_rule_on_a_product_says_nothing_about_requests_without_one(world: Any) -> None:
    product = Product.select().order_by(Product.id).first()
    RoutingRule.create(position=-1, product=product, team=team("implementation"))
    assert again(send(world)).team.slug == "support"
    assert again(send(world, product_id=product.id)).team.slug == "implementation"


def test_rules_and_teams_that_are_switched_off_get_nothing(world: Any) -> None:
    RoutingRule.create(position=-2, team=team("billing"), is_active=False)
    implementation = team("implementation")
    RoutingRule.create(position=-1, team=implementation)
    Team.update(is_active=False).where(Team.id == implementation.id).execute()
    assert again(send(world)).team.slug == "support"


def test_without_any_rule_the_first_active_team_gets_it(world: Any) -> None:
    RoutingRule.delete().execute()
    first = Team.select().where(Team.is_active).order_by(Team.position, Team.id).first()
    assert send(world).team_id == first.id
    Team.update(is_active=False).execute()
    with pytest.raises(Missing) as refused:
        catalogue.route(category="technical", form="incident")
    assert refused.value.code == "no-team"


# Who may send, and for whom (ACC-3)


def test_only_approved_contacts_send_by_default(world: Any) -> None:
    for who in (world.alice, world.bob):
        send(world, by=who)
    acme = world.organisations["acme"].id
    for who in (world.dana, world.charlie, world.sam, world.marc, world.root, person("nobody")):
        with pytest.raises(NotAllowed) as refused:
            send(world, by=who, organisation_id=acme)
        assert refused.value.code == "not-approved"


def test_members_send_when_the_portal_lets_them(world: Any) -> None:
    settings.put("who_may_open", "members", None, NOW)
    send(world, by=world.dana)
    with pytest.raises(NotAllowed):
        send(world, by=world.dana, organisation_id=world.organisations["globex"].id)


def test_a_contact_who_was_removed_or_disabled_sends_nothing(world: Any) -> None:
    Membership.update(removed_at=NOW).where(Membership.person == world.alice.id).execute()
    Person.update(is_active=False).where(Person.id == world.bob.id).execute()
    for who in (world.alice, world.bob):
        with pytest.raises(NotAllowed):
            send(world, by=who, organisation_id=world.organisations["acme"].id)


def test_a_customer_that_is_switched_off_sends_nothing(world: Any) -> None:
    Organisation.update(is_active=False).where(Organisation.slug == "acme").execute()
    with pytest.raises(NotAllowed):
        send(world, organisation_id=world.organisations["acme"].id)


def test_an_administrator_sends_in_the_name_of_a_colleague_and_the_record_says_who_did(world: Any) -> None:
    forget_mails()
    ticket = send(world, by=world.bob, requester_id=world.dana.id)
    assert (ticket.requester_id, ticket.opened_by_id) == (world.dana.id, world.bob.id)
    assert last_event(ticket).actor_id == world.bob.id
    assert Message.get(Message.ticket == ticket.id).author_id == world.bob.id
    assert Consent.get(Consent.ticket == ticket.id).person_id == world.bob.id, (
        "who ticked the box is who consented"
    )
    assert ("request-received", "dana") in mails(ticket)


def test_nobody_sends_in_the_name_of_a_stranger_or_without_being_an_administrator(world: Any) -> None:
    gone = person("gone")
    Membership.create(person=gone, organisation=world.organisations["acme"], removed_at=NOW)
    off = person("off", is_active=False)
    Membership.create(person=off, organisation=world.organisations["acme"])
    for by, requester in (
        (world.alice, world.bob),
        (world.bob, world.charlie),
        (world.bob, world.sam),
        (world.bob, gone),
        (world.bob, off),
    ):
        with pytest.raises(NotAllowed) as refused:
            send(world, by=by, requester_id=requester.id)
        assert refused.value.code == "not-in-name-of"


# What it names must exist


def test_a_form_that_is_unknown_or_switched_off_is_missing(world: Any) -> None:
    RequestForm.update(is_active=False).where(RequestForm.slug == "incident").execute()
    catalogue.forget()
    for slug in ("incident", "no-such-form", ""):
        with pytest.raises(Missing):
            send(world, form_slug=slug)


def test_a_product_that_does_not_exist_is_missing(world: Any) -> None:
    licence = {
        "product": 987_654,
        "edition": "",
        "quantity": 3,
        "due_on": date(2026, 12, 1),
        "source": "page",
    }
    for broken in ({"product_id": 987_654}, {"form_slug": "licence", "priority": None, "licence": licence}):
        with pytest.raises(Missing):
            send(world, **broken)


def test_a_priority_of_another_scale_is_refused(world: Any) -> None:
    with pytest.raises(Invalid) as refused:
        send(world, priority="critical")
    assert refused.value.code == "priority-unknown"


def test_files_are_the_senders_own_and_used_once(world: Any) -> None:
    own, foreign = upload(world.alice), upload(world.charlie)
    with pytest.raises(Missing):
        send(world, attachment_keys=[own, foreign])
    assert Attachment.get(Attachment.key == own).ticket_id is None
    send(world, attachment_keys=[own])
    with pytest.raises(Missing):
        send(world, attachment_keys=[own])


def test_named_readers_are_living_colleagues_each_once(world: Any) -> None:
    ticket = send(
        world,
        audience="people",
        audience_people=[world.dana.id, world.dana.id, world.alice.id],
    )
    readers = Participant.select().where((Participant.ticket == ticket.id) & (Participant.role == "reader"))
    assert [row.person_id for row in readers] == [world.dana.id]
    Person.update(is_active=False).where(Person.id == world.dana.id).execute()
    for stranger in (world.charlie.id, world.sam.id, world.dana.id, 987_654):
        with pytest.raises(Invalid) as refused:
            send(world, audience="people", audience_people=[stranger])
        assert (refused.value.code, refused.value.field) == ("reader-unknown", "audience")


def test_the_records_behind_a_licence_and_a_deletion_are_made_with_the_request(world: Any) -> None:
    product = Product.select().first()
    licence = {
        "product": product.id,
        "edition": "Pro",
        "quantity": 12,
        "due_on": date(2026, 12, 1),
        "source": "page",
    }
    ticket = send(world, form_slug="licence", priority=None, licence=licence)
    row = LicenceRequest.get(LicenceRequest.ticket == ticket.id)
    assert (row.organisation_id, row.quantity, row.due_on, row.status) == (
        ticket.organisation_id, 12, date(2026, 12, 1), "received",
    )  # fmt: skip
    people = [
        {"full_name": f"Jean Départ {n}", "employee_number": f"E{n}", "url": "", "details": ""}
        for n in (1, 2)
    ]
    ticket = send(world, form_slug="user-deletion", priority=None, named_people=people)
    named = NamedPerson.select().where(NamedPerson.ticket == ticket.id).order_by(NamedPerson.id)
    assert [row.employee_number for row in named] == ["E1", "E2"]


# Double clicks


def test_a_double_click_makes_one_request(world: Any) -> None:
    form = submission(world)
    by = see(world.alice)
    forget_mails()
    first = requests.submit(form, by, NOW)
    told = mails(first)
    second = requests.submit(form, by, LATER)
    assert (second.id, second.number) == (first.id, first.number)
    assert history(first) == ["ticket:created"] and mails(first) == told
    assert Consent.select().where(Consent.ticket == first.id).count() == 1


def test_files_uploaded_anew_by_the_second_click_do_not_make_it_another_request(world: Any) -> None:
    form, by = submission(world, attachment_keys=[upload(world.alice)]), see(world.alice)
    first = requests.submit(form, by, NOW)
    assert requests.submit(replace(form, attachment_keys=[upload(world.alice)]), by, NOW).id == first.id


def test_the_same_key_with_another_content_or_another_person_is_refused(world: Any) -> None:
    form = submission(world)
    requests.submit(form, see(world.alice), NOW)
    for changed in (
        {"summary": "Autre sujet"}, {"description": "Autre texte"}, {"priority": "1"}, {"cc": ["bob@acme.example"]},
        {"audience": "only_me"}, {"answers": [{"key": "impact", "value": "x"}]},
    ):  # fmt: skip
        with pytest.raises(NotNow) as refused:
            requests.submit(replace(form, **changed), see(world.alice), NOW)
        assert refused.value.code == "key-reused"
    for other in (world.bob, world.charlie):
        with pytest.raises(NotNow):
            requests.submit(replace(form, requester_id=other.id), see(other), NOW)


def test_eight_clicks_at_the_same_instant_make_one_request(world: Any, database: Any) -> None:
    for _ in range(3):
        form, by = submission(world), see(world.alice)
        before = Portal.get(Portal.prefix == "SUP").last_number
        results = together([partial(requests.submit, form, by, NOW)] * 8, database)
        assert faults(results) == []
        assert len({ticket.id for ticket in results}) == 1
        assert Portal.get(Portal.prefix == "SUP").last_number == before + 1
        assert history(results[0]) == ["ticket:created"]


def test_two_contents_with_one_key_at_the_same_instant_make_one_request_and_one_refusal(
    world: Any, database: Any
) -> None:
    form, by = submission(world), see(world.alice)
    results = together(
        [
            partial(requests.submit, form, by, NOW),
            partial(requests.submit, replace(form, summary="Autre sujet"), by, NOW),
        ],
        database,
    )
    (lost,) = faults(results)
    assert isinstance(lost, NotNow) and lost.code == "key-reused"


# Follow-ups (LIFE-5)


def test_a_follow_up_starts_filled_in_and_links_both(world: Any) -> None:
    parent = put_in(send(world, summary="Premier sujet", description="Premier texte"), "closed")
    filled = requests.follow_up_prefill(see(world.alice), parent.number)
    assert (filled["number"], filled["summary"]) == (parent.number, "Premier sujet")
    assert (filled["description"], filled["form_slug"]) == ("Premier texte", "incident")
    ticket = send(world, follow_up_of=parent.number)
    assert again(ticket).follow_up_of_id == parent.id
    event = last_event(parent)
    assert (event.kind, event.data["number"]) == ("ticket:follow_up_created", ticket.number)
    assert again(parent).status == "closed"


@pytest.mark.parametrize("status", ["registered", "in_progress", "waiting_customer", "resolved"])
def test_there_is_no_follow_up_while_the_first_request_takes_answers(world: Any, status: str) -> None:
    parent = put_in(send(world), status)
    for start in (
        lambda: requests.follow_up_prefill(see(world.alice), parent.number),
        lambda: send(world, follow_up_of=parent.number),
    ):
        with pytest.raises(NotNow) as refused:
            start()
        assert refused.value.code == "follow-up-too-early"


def test_a_foreign_parent_looks_as_absent_as_one_that_never_was(world: Any) -> None:
    parent = put_in(send(world), "closed")
    private = put_in(send(world, by=world.bob, audience="only_me"), "closed")
    for by, number in (
        (world.charlie, parent.number),
        (world.charlie, "SUP-99999"),
        (world.alice, private.number),
    ):
        for start in (
            partial(requests.follow_up_prefill, see(by), number),
            partial(send, world, by=by, follow_up_of=number),
        ):
            with pytest.raises(Missing) as refused:
                start()
            assert (refused.value.code, refused.value.data) == ("missing", {})
    assert history(parent) == ["ticket:created"]


def test_a_follow_up_stays_with_the_customer_of_the_first_request(world: Any) -> None:
    Membership.create(
        person=world.alice, organisation=world.organisations["globex"], role="contact",
        can_open=True, can_see_all=True, can_answer=True,
    )  # fmt: skip
    parent = put_in(send(world), "closed")
    with pytest.raises(Missing):
        send(world, organisation_id=world.organisations["globex"].id, follow_up_of=parent.number)


def test_somebody_in_copy_who_opens_nothing_is_told_so(world: Any) -> None:
    parent = put_in(send(world, cc=["dana@acme.example"]), "closed")
    with pytest.raises(NotAllowed):
        requests.follow_up_prefill(see(world.dana), parent.number)


# All or nothing

STEPS = (
    "domain.requests.next_number",
    "domain.files.claim",
    "models.NamedPerson.create",
    "models.LicenceRequest.create",
    "domain.conversation.put_in_cc",
    "models.Participant.create",
    "models.Consent.create",
    "domain.audit.record_event",
    "domain.requests._link_follow_up",
    "domain.closing.reschedule",
    "domain.search.index_ticket",
    "domain.notifications.tell",
)


def test_a_request_that_fails_at_any_step_leaves_nothing_and_can_be_sent_again(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = put_in(send(world), "closed")
    form = submission(
        world,
        form_slug="licence",
        priority=None,
        attachment_keys=[upload(world.alice)],
        cc=["claire@acme.example"],
        audience="people",
        audience_people=[world.dana.id],
        named_people=[{"full_name": "Jean Départ", "employee_number": "E1", "url": "", "details": ""}],
        licence={"product": Product.select().first().id, "quantity": 2, "due_on": date(2026, 12, 1)},
        follow_up_of=parent.number,
    )
    by, before = see(world.alice), rows_of_everything()
    for step in STEPS:

        def broken(*args: Any, step: str = step, **more: Any) -> None:
            raise RuntimeError(step)

        with monkeypatch.context() as patch:
            patch.setattr(step, broken)
            with pytest.raises(RuntimeError, match=step):
                requests.submit(form, by, NOW)
        assert rows_of_everything() == before, step
        assert Attachment.get(Attachment.key == form.attachment_keys[0]).ticket_id is None, step
    ticket = requests.submit(form, by, NOW)
    assert history(ticket) == ["ticket:created"]
    assert Ticket.select().where(Ticket.idempotency_key == form.idempotency_key).count() == 1
    assert TicketEvent.select().where(TicketEvent.ticket == parent.id).count() == 2


def test_a_failure_after_everything_is_written_leaves_nothing_either(world: Any) -> None:
    from models import db

    before = rows_of_everything()
    with pytest.raises(RuntimeError), db.atomic():
        send(world)
        raise RuntimeError("the process around it fails")
    assert rows_of_everything() == before
    assert key() != key()
