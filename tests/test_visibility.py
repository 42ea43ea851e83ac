"""Who may know of a request. Lists, search, numbers, pages and files all give the same answer, whoever asks.

The property at the end compares them with a model in plain Python over random organisations, people and requests.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from domain import audience, contacts, conversation, files, lists, policies, reading, search
from domain import settings as choices
from domain.refusals import Missing
from models import (
    Attachment,
    Membership,
    Message,
    Organisation,
    Participant,
    Person,
    Portal,
    Ticket,
    db,
)
from tests.conftest import NOW
from tests.support.casework import again, answer, key, person, prove, put_in, see, send, upload

CANARY = "marsouin"


def knows(who: Any, ticket: Ticket) -> bool:
    """Whether this person can learn of the request, asked at every door; the doors must agree."""
    viewer = policies.load_viewer(who.id) if who is not None else None
    row = again(ticket)
    doors = {
        "query": policies.visible_tickets(viewer).where(Ticket.id == row.id).exists(),
        "number": policies.find_ticket(viewer, row.number) is not None,
        "small letters": policies.find_ticket(viewer, row.number.lower()) is not None,
        "predicate": policies.can_see(viewer, row),
    }
    if viewer is not None:
        doors["page"] = reading.load(viewer, row.number) is not None
        doors["typed number"] = lists.numbered(viewer, row.number) is not None
        in_lists = any(
            row.id in {found.id for found in lists.find(viewer, lists.Asked(list=name)).rows}
            for name in lists.LISTS
        )
        if not viewer.is_staff and in_lists:
            doors["lists"] = True
        if viewer.is_agent:
            doors["desk"] = row.id in {
                found.id for found in lists.queue(viewer, "all", lists.Asked(sort="-created"), []).rows
            }
    for attachment in Attachment.select().where((Attachment.ticket == row.id) & ~Attachment.is_internal):
        doors["file"] = readable(viewer, attachment)
    assert len(set(doors.values())) == 1, doors
    return doors["query"]


def readable(viewer: policies.Viewer | None, attachment: Attachment) -> bool:
    try:
        files.readable(attachment.key, viewer)
    except Missing:
        return False
    return True


def those_who_know(world: Any, ticket: Ticket) -> set[str]:
    names = ("alice", "bob", "dana", "charlie", "erin", "sam", "ines", "vera", "marc", "root")
    return {name for name in names if knows(getattr(world, name), ticket)}


DESK = {"sam", "ines", "vera", "root"}


# The people of the demo


def test_a_request_is_known_to_its_requester_colleagues_who_read_all_and_the_desk(world: Any) -> None:
    ticket = send(world, attachment_keys=[upload(world.alice)])
    assert those_who_know(world, ticket) == {"alice", "bob"} | DESK
    assert knows(None, ticket) is False


def test_only_me_hides_from_colleagues_and_never_from_the_administrators(world: Any) -> None:
    mine = send(world, audience="only_me")
    assert those_who_know(world, mine) == {"alice", "bob"} | DESK
    assert not knows(Person.get(Person.email == "claire@acme.example"), mine)
    of_the_administrator = send(world, by=world.bob, audience="only_me")
    assert those_who_know(world, of_the_administrator) == {"bob"} | DESK


def test_named_people_read_and_other_colleagues_do_not(world: Any) -> None:
    ticket = send(world, audience="people", audience_people=[world.dana.id])
    assert those_who_know(world, ticket) == {"alice", "bob", "dana"} | DESK
    assert not knows(Person.get(Person.email == "claire@acme.example"), ticket)


def test_the_account_manager_sees_what_was_shared_and_nothing_else(world: Any) -> None:
    assert "marc" not in those_who_know(world, send(world))
    assert "marc" in those_who_know(world, send(world, share_with_account_manager=True))
    of_globex = send(world, by=world.charlie, share_with_account_manager=True)
    assert those_who_know(world, of_globex) == {"charlie", "erin"} | DESK


def test_another_customer_learns_nothing_by_any_word_or_number(world: Any) -> None:
    ticket = send(world, summary=f"Le {CANARY} est coincé", description=f"Un {CANARY} de plus.")
    for who in (world.charlie, world.erin, world.dana):
        viewer = see(who)
        for name in lists.LISTS:
            for asked in (
                lists.Asked(list=name, q=CANARY), lists.Asked(list=name, q=ticket.number),
                lists.Asked(list=name, after=ticket.number), lists.Asked(list=name, before=ticket.number),
            ):  # fmt: skip
                page = lists.find(viewer, asked)
                assert ticket.id not in {row.id for row in page.rows}
                if asked.q:
                    assert (page.rows, page.count) == ([], 0)
        assert lists.numbered(viewer, ticket.number.removeprefix("SUP-")) is None


def test_paging_from_a_foreign_number_is_the_same_as_from_one_that_never_was(world: Any) -> None:
    foreign = send(world)
    viewer = see(world.charlie)
    for edge in ("after", "before"):
        pages = [
            lists.find(viewer, replace(lists.Asked(list="organisation"), **{edge: number}))
            for number in (foreign.number, "SUP-99999")
        ]
        assert pages[0] == pages[1] == lists.find(viewer, lists.Asked(list="organisation"))


def test_somebody_disabled_sees_nothing_of_their_own(world: Any) -> None:
    ticket = send(world, cc=["dana@acme.example"], share_with_account_manager=True)
    people = (world.alice, world.bob, world.dana, world.sam, world.root, world.marc)
    Person.update(is_active=False).where(Person.id.in_([who.id for who in people])).execute()
    for who in people:
        assert not knows(who, ticket)
        assert policies.visible_tickets(see(who)).count() == 0


def test_a_removed_contact_loses_access_at_once_and_the_requests_stay_with_the_organisation(
    world: Any,
) -> None:
    ticket = send(world)
    contacts.remove_approval(
        Membership.get(Membership.person == world.alice.id).id, see(world.bob), NOW, reason="Partie"
    )
    assert those_who_know(world, ticket) == {"bob"} | DESK
    assert policies.visible_tickets(see(world.alice)).count() == 0


def test_a_customer_that_is_switched_off_sees_nothing(world: Any) -> None:
    ticket = send(world)
    Organisation.update(is_active=False).where(Organisation.slug == "acme").execute()
    assert those_who_know(world, ticket) == DESK


def test_contacts_read_all_only_when_the_setting_says_so(world: Any) -> None:
    claire = Person.get(Person.email == "claire@acme.example")
    ticket = send(world)
    assert knows(claire, ticket)
    choices.put("contacts_see_all", False, None, NOW)
    assert not knows(claire, ticket)
    assert those_who_know(world, ticket) == {"alice", "bob"} | DESK


def test_somebody_in_copy_reads_once_the_address_is_proven_and_that_request_only(world: Any) -> None:
    outsider = person("helper", "partner.example", email_verified_at=None)
    ticket, other = send(world), send(world)
    conversation.add_cc(ticket, outsider.email, see(world.sam), NOW)
    assert not knows(outsider, ticket)
    prove(outsider)
    assert knows(outsider, ticket) and not knows(outsider, other)
    assert [row.id for row in lists.find(see(outsider), lists.Asked(list="cc")).rows] == [ticket.id]
    assert lists.find(see(outsider), lists.Asked(list="organisation")).rows == []


def test_a_member_of_two_organisations_reads_by_the_rights_of_each(world: Any) -> None:
    Membership.create(person=world.dana, organisation=world.organisations["globex"], role="administrator")
    of_acme, of_globex = send(world), send(world, by=world.charlie, audience="only_me")
    assert not knows(world.dana, of_acme) and knows(world.dana, of_globex)


def test_numbers_that_are_no_numbers_find_nothing(world: Any) -> None:
    viewer = see(world.alice)
    for text in (
        "",
        "SUP-",
        "SUP-0",
        "SUP-2001'--",
        "2001 OR 1=1",
        "SUP-" + "9" * 400,
        "SUP-1\0",
        "\0",
        "%",
        "_",
        "É" * 20,
    ):
        assert policies.find_ticket(viewer, text) is None
        assert reading.load(viewer, text) is None


def test_the_page_of_a_follow_up_says_nothing_of_a_first_request_one_may_not_read(world: Any) -> None:
    parent = put_in(send(world, by=world.bob, audience="only_me"), "closed")
    ticket = send(world, by=world.bob, follow_up_of=parent.number)
    claire = Person.get(Person.email == "claire@acme.example")
    assert reading.read(see(claire), again(ticket)).parent is None
    assert reading.read(see(world.bob), again(ticket)).parent.id == parent.id
    assert [row.id for row in reading.read(see(world.bob), parent).follow_ups] == [ticket.id]


def test_the_page_costs_the_same_however_long_the_thread(world: Any, database: Any) -> None:
    from tests.support.casework import statements

    short, long = send(world), send(world)
    for n in range(70):
        Message.create(
            ticket=long.id, author=world.alice, body=f"Message {n}", created_at=NOW, idempotency_key=key()
        )
    answer(short, world.sam)
    sent = []
    for ticket in (short, long):
        with statements(database) as seen:
            read = reading.read(see(world.alice), again(ticket))
        sent.append(len(seen))
    # The first message of a long thread and how many are left out: two more.
    assert sent[1] <= sent[0] + 2
    assert len(read.messages) == reading.THREAD_SHOWN and read.left_out == 71 - reading.THREAD_SHOWN
    assert read.messages[0].body.startswith("La banque") and read.messages[-1].body == "Message 69"


# Against a model


@dataclass(frozen=True)
class Someone:
    """A person of the model: who they are, and (organisation, role, reads all, removed) for each membership."""

    staff_role: str | None
    active: bool
    verified: bool
    memberships: tuple[tuple[int, str, bool, bool], ...]


@dataclass(frozen=True)
class Asking:
    """A request of the model. Participants are (person, role)."""

    organisation: int
    requester: int
    audience: str
    shared: bool
    participants: frozenset[tuple[int, str]]


@dataclass(frozen=True)
class World:
    """All of it. `managers`: who manages each organisation, -1: nobody; `switched_on`: whether each is a customer."""

    people: tuple[Someone, ...]
    requests: tuple[Asking, ...]
    managers: tuple[int, ...]
    switched_on: tuple[bool, ...]
    contacts_see_all: bool
    members_see_all: bool = False


PEOPLE, ORGANISATIONS = 5, 3
someone = st.builds(
    Someone,
    staff_role=st.sampled_from([None, None, None, None, "agent", "account_manager", "admin"]),
    active=st.sampled_from([True, True, True, False]),
    verified=st.sampled_from([True, True, False]),
    memberships=st.lists(
        st.tuples(
            st.integers(0, ORGANISATIONS - 1),
            st.sampled_from(["member", "contact", "administrator"]),
            st.booleans(),
            st.sampled_from([False, False, False, True]),
        ),
        max_size=2,
        unique_by=lambda row: row[0],
    ).map(tuple),
)
asking = st.builds(
    Asking,
    organisation=st.integers(0, ORGANISATIONS - 1),
    requester=st.integers(0, PEOPLE - 1),
    audience=st.sampled_from(["organisation", "only_me", "people"]),
    shared=st.booleans(),
    participants=st.frozensets(
        st.tuples(st.integers(0, PEOPLE - 1), st.sampled_from(["cc", "collaborator", "reader"])), max_size=2
    ),
)
worlds = st.builds(
    World,
    people=st.tuples(*[someone] * PEOPLE),
    requests=st.lists(asking, min_size=1, max_size=6).map(tuple),
    managers=st.tuples(*[st.integers(-1, PEOPLE - 1)] * ORGANISATIONS),
    switched_on=st.tuples(*[st.sampled_from([True, True, True, False])] * ORGANISATIONS),
    contacts_see_all=st.sampled_from([True, True, False]),
    members_see_all=st.sampled_from([False, False, True]),
)


_plain = Someone(staff_role=None, active=True, verified=True, memberships=())
# One person of each kind, and requests that only one of them at a time should know.
ONE_OF_EACH = World(
    people=(
        replace(_plain, staff_role="account_manager"),
        replace(_plain, memberships=((0, "administrator", True, False), (1, "contact", True, False))),
        replace(_plain, memberships=((0, "contact", True, False),)),
        replace(_plain, memberships=((0, "contact", True, True), (1, "member", False, False))),
        replace(_plain, staff_role="agent"),
    ),
    requests=(
        Asking(0, 2, "organisation", True, frozenset()),
        Asking(0, 1, "only_me", False, frozenset()),
        Asking(1, 1, "only_me", True, frozenset()),
        Asking(1, 1, "people", False, frozenset({(2, "reader")})),
        Asking(1, 1, "organisation", False, frozenset()),
        Asking(2, 3, "organisation", True, frozenset({(3, "cc")})),
    ),
    managers=(0, -1, 0),
    switched_on=(True, True, True),
    contacts_see_all=True,
)


def model_knows(world: World, who: int, request: Asking) -> bool:
    """The rules of ACC-3, VIEW-1, VIEW-5 and VIEW-13, once more and in other words."""
    one = world.people[who]
    if not one.active:
        return False
    if one.staff_role:
        if one.staff_role == "account_manager":
            return request.shared and world.managers[request.organisation] == who
        return True
    if one.verified and any(participant == who for participant, _role in request.participants):
        return True
    for organisation, role, reads_all, removed in one.memberships:
        if organisation != request.organisation or removed or not world.switched_on[organisation]:
            continue
        if request.requester == who or role == "administrator":
            return True
        reads = (reads_all and world.contacts_see_all) or world.members_see_all
        return reads and request.audience == "organisation"
    return False


def build(world: World) -> tuple[list[Person], list[Ticket], list[Attachment]]:
    """The rows of a model."""
    choices.put("contacts_see_all", world.contacts_see_all, None, NOW)
    choices.put("members_see_all", world.members_see_all, None, NOW)
    portal = Portal.create(slug="p", name_fr="P", name_en="P", prefix="SUP")
    people = [
        person(
            f"p{n}",
            staff_role=one.staff_role,
            is_active=one.active,
            email_verified_at=NOW if one.verified else None,
        )
        for n, one in enumerate(world.people)
    ]
    organisations = [
        Organisation.create(
            name=f"O{n}", slug=f"o{n}", created_at=NOW, is_active=world.switched_on[n],
            account_manager=people[manager] if manager >= 0 else None,
        )
        for n, manager in enumerate(world.managers)
    ]  # fmt: skip
    for who, one in zip(people, world.people, strict=True):
        for organisation, role, reads_all, removed in one.memberships:
            Membership.create(
                person=who, organisation=organisations[organisation], role=role, can_see_all=reads_all,
                can_answer=reads_all, can_open=reads_all, removed_at=NOW if removed else None,
            )  # fmt: skip
    tickets, attachments = [], []
    for n, request in enumerate(world.requests):
        ticket = Ticket.create(
            number=f"SUP-{n + 1}", portal=portal, organisation=organisations[request.organisation],
            requester=people[request.requester], opened_by=people[request.requester], form_slug="incident",
            category_slug="technical", kind_slug="incident", summary=f"Le {CANARY} {n}", audience=request.audience,
            shared_with_account_manager=request.shared, created_at=NOW, updated_at=NOW, status_since=NOW,
            last_message_at=NOW, idempotency_key=key(),
        )  # fmt: skip
        Message.create(
            ticket=ticket, kind="note", side="team", body="belette", created_at=NOW, idempotency_key=key()
        )
        for who, role in request.participants:
            Participant.create(
                ticket=ticket, person=people[who], email=people[who].email, role=role, added_at=NOW
            )
        for internal in (False, True):
            attachments.append(
                Attachment.create(
                    ticket=ticket, uploader=people[request.requester], key=key(), name="a.txt", stored_name=key(),
                    size=1, content_type="text/plain", sha256="0", created_at=NOW, is_internal=internal,
                )
            )  # fmt: skip
        search.index_ticket(ticket.id)
        tickets.append(ticket)
    return people, tickets, attachments


def listed(world: World, people: list[Person], ticket: Ticket) -> set[int]:
    """Those whom the page of a request names as its readers, the desk left out, as places in the model."""
    viewer = replace(see(people[0]), id=-1, staff_role="agent", is_active=True)
    row = reading.load(viewer, ticket.number)
    assert row is not None
    found = audience.look(viewer, row, reading.participants(row))
    assert (found.others, found.more) == (0, False)
    places = {person.id: place for place, person in enumerate(people)}
    named = {places[reader.person_id] for reader in found.readers if reader.reason != "mails"}
    return {place for place in named if world.people[place].staff_role not in ("agent", "admin")}


def check(world: World) -> None:
    people, tickets, attachments = build(world)
    for ticket, request in zip(tickets, world.requests, strict=True):
        # "Who can see this" says what the rule says, of everybody.
        assert listed(world, people, ticket) == {
            place
            for place, one in enumerate(world.people)
            if one.staff_role not in ("agent", "admin") and model_knows(world, place, request)
        }
    for who, row in enumerate(people):
        viewer, one = see(row), world.people[who]
        expected = {
            ticket.id
            for ticket, request in zip(tickets, world.requests, strict=True)
            if model_knows(world, who, request)
        }
        assert {ticket.id for ticket in policies.visible_tickets(viewer)} == expected
        for ticket in tickets:
            knows_it = ticket.id in expected
            assert (policies.find_ticket(viewer, ticket.number) is not None) == knows_it
            assert policies.can_see(viewer, ticket) == knows_it
            assert (reading.load(viewer, ticket.number) is not None) == knows_it
            if not knows_it:
                assert not policies.can_reply(viewer, ticket) and not policies.can_close(viewer, ticket)
                assert not policies.can_change_cc(viewer, ticket) and not policies.can_note(viewer, ticket)
        for attachment in attachments:
            may = attachment.ticket_id in expected and (viewer.is_agent or not attachment.is_internal)
            assert readable(viewer, attachment) == may
        if not one.active:
            continue
        at_desk = one.staff_role in ("agent", "admin")
        joined = {
            ticket.id
            for ticket, request in zip(tickets, world.requests, strict=True)
            if {(who, "cc"), (who, "collaborator")} & request.participants
        }
        own = {
            ticket.id
            for ticket, request in zip(tickets, world.requests, strict=True)
            if request.requester == who and not one.staff_role
        }
        living = {o for o, _role, _all, removed in one.memberships if not removed and world.switched_on[o]}
        of_organisation = {
            ticket.id
            for ticket, request in zip(tickets, world.requests, strict=True)
            if one.staff_role or request.organisation in living
        }
        for name, part in (("mine", own), ("cc", joined), ("organisation", of_organisation)):
            for words in ("", CANARY, f"{CANARY} sup"):
                page = lists.find(viewer, lists.Asked(list=name, q=words))
                assert {found.id for found in page.rows} == expected & part, (name, words)
                assert page.count == len(expected & part)
            notes = lists.find(viewer, lists.Asked(list=name, q="belette"))
            assert {found.id for found in notes.rows} == (expected & part if at_desk else set())


@pytest.mark.parametrize("examples", [25, pytest.param(600, marks=pytest.mark.long)], ids=["short", "long"])
def test_every_door_answers_as_the_model_does(database: Any, examples: int) -> None:
    @settings(
        max_examples=examples, deadline=None, database=None, derandomize=examples < 100,
        # A world is small already; making a failing one smaller would take minutes.
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )  # fmt: skip
    @example(ONE_OF_EACH)
    @given(worlds)
    def compare(world: World) -> None:
        with db.atomic() as transaction:
            check(world)
            transaction.rollback()
        choices.forget()

    compare()


def test_the_model_is_not_blind() -> None:
    """The worlds that are drawn hold people who know and people who do not, of every kind."""
    seen: set[tuple[str | None, bool]] = set()

    @settings(max_examples=200, deadline=None, database=None, derandomize=True)
    @given(worlds)
    def look(world: World) -> None:
        for who, one in enumerate(world.people):
            seen.update((one.staff_role, model_knows(world, who, request)) for request in world.requests)

    look()
    assert {
        (None, True),
        (None, False),
        ("account_manager", True),
        ("account_manager", False),
        ("agent", True),
    } <= seen
