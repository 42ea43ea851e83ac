"""The desk: queues, one request, answers and notes, conflicts, and who may come in (STAFF-2)."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from domain import conversation, lifecycle, lists, policies, requests
from models import Message, OutboxMessage, Person, ScaleLevel, TeamMember, Ticket, TicketEvent
from tests.support import lint


def viewer(person: Person) -> policies.Viewer:
    found = policies.load_viewer(person.id)
    assert found is not None
    return found


def submitted(by: Person, clock: Any, summary: str = "Export refusé", **more: Any) -> Ticket:
    """A request that somebody of a customer has just sent."""
    seen = viewer(by)
    values: dict[str, Any] = {
        "form_slug": "question",
        "organisation_id": seen.memberships[0].organisation_id,
        "requester_id": by.id,
        "summary": summary,
        "description": "La banque renvoie le code AC04.",
        "consented": True,
        "language": "fr",
        "idempotency_key": f"key-{summary}-{clock.now.timestamp()}-{Ticket.select().count()}"[:64],
        **more,
    }
    return requests.submit(requests.Submission(**values), by=seen, now=clock.now)


@pytest.fixture
def ticket(world: SimpleNamespace, clock: Any) -> Ticket:
    return submitted(world.alice, clock)


def text_of(response: Any) -> str:
    return lint.text_of(lint.parse(response.text))


def show(client: Any, ticket: Ticket, **query: str) -> Any:
    return client.get(f"/desk/tickets/{ticket.number}", query_string=query)


def token(client: Any) -> str:
    """A token of this session, from the sign-out form that stands in every header."""
    for field in lint.parse(client.get("/help").text).iter("input"):
        if field.get("name") == "csrf_token":
            return str(field.get("value"))
    raise AssertionError("no token in the header")


# ---- Who comes in --------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["alice", "bob", "dana", "charlie", "marc"])
def test_the_desk_is_closed_to_everybody_but_agents(
    client: Any, world: Any, ticket: Ticket, who: str
) -> None:
    client.sign_in(getattr(world, who))
    assert client.get("/desk").status_code == 403
    assert show(client, ticket).status_code == 403
    fields = {"csrf_token": token(client), "body": "x", "status": "closed", "email": "x@acme.example"}
    for act in ("replies", "notes", "assignment", "status", "priority", "team", "cc", "cc/1/removal"):
        assert client.post(f"/desk/tickets/{ticket.number}/{act}", data=fields).status_code == 403, act
    assert Ticket.get_by_id(ticket.id).status == "registered"
    assert client.get("/desk/tickets/SUP-999999").status_code == 403


def test_a_stranger_is_led_to_sign_in(client: Any, ticket: Ticket) -> None:
    for path in ("/desk", f"/desk/tickets/{ticket.number}"):
        answer = client.get(path)
        assert answer.status_code == 303
        assert "/login" in answer.location


@pytest.mark.parametrize("who", ["sam", "ines", "vera", "root"])
def test_agents_and_admins_come_in(client: Any, world: Any, ticket: Ticket, who: str) -> None:
    client.sign_in(getattr(world, who))
    assert client.get("/desk").status_code == 200
    assert show(client, ticket).status_code == 200


@pytest.mark.parametrize("number", ["SUP-999999", "nothing", "x" * 30, "SUP-2041'--"])
def test_a_number_that_is_none_gets_the_page_of_missing_things(client: Any, sam: Person, number: str) -> None:
    assert client.sign_in(sam).get(f"/desk/tickets/{number}").status_code == 404


# ---- Queues ----------------------------------------------------------------------------------------------


def test_a_new_request_stands_among_those_to_take(client: Any, sam: Person, ticket: Ticket) -> None:
    page = client.sign_in(sam).get("/desk")
    assert f'data-ticket="{ticket.number}"' in page.text


def test_each_queue_holds_what_its_name_says(world: Any, clock: Any, ticket: Ticket) -> None:
    sam, ines = viewer(world.sam), viewer(world.ines)
    teams = lists.teams_of(sam)

    def holds(name: str, who: policies.Viewer = sam) -> bool:
        numbers = set()
        asked = lists.Asked(sort=lists.queue_sorts(name)[0])
        while True:
            page = lists.queue(who, name, asked, lists.teams_of(who))
            numbers |= {row.number for row in page.rows}
            if page.older is None:
                return ticket.number in numbers
            asked = lists.Asked(sort=asked.sort, after=page.older)

    lifecycle.set_team(ticket, teams[0], sam, clock.now)
    assert [name for name in lists.QUEUES if holds(name)] == ["unassigned", "team", "all"]
    lifecycle.take(ticket, sam, clock.now)
    assert [name for name in lists.QUEUES if holds(name)] == ["mine", "team", "all"]
    lifecycle.move(ticket, "waiting_customer", sam, clock.now)
    assert [name for name in lists.QUEUES if holds(name)] == ["mine", "waiting", "all"]
    lifecycle.move(ticket, "resolved", sam, clock.now)
    assert [name for name in lists.QUEUES if holds(name)] == ["resolved", "all"]
    lifecycle.move(ticket, "closed", sam, clock.now)
    assert [name for name in lists.QUEUES if holds(name)] == ["all"]
    assert [name for name in lists.QUEUES if holds(name, ines)] == ["all"]


def test_an_escalated_request_without_agent_is_among_those_to_take(
    world: Any, clock: Any, ticket: Ticket
) -> None:
    sam = viewer(world.sam)
    lifecycle.move(ticket, "escalated_l2", sam, clock.now)
    page = lists.queue(sam, "unassigned", lists.Asked(q=ticket.number, sort="priority"), [])
    assert [row.number for row in page.rows] == [ticket.number]


@pytest.fixture
def many(world: Any, clock: Any) -> list[Ticket]:
    """Sixty requests of one summary word, with priorities one to four and two statuses, given to Sam."""
    sam = viewer(world.sam)
    team = TeamMember.select().where(TeamMember.person == world.sam.id).get().team_id
    made = []
    for place in range(60):
        clock.advance(minutes=1)
        row = submitted(world.alice, clock, f"Zinzolin {place}")
        Ticket.update(
            team=team,
            assignee=sam.id,
            status="waiting_customer" if place % 7 == 0 else "in_progress",
            priority=str(place % 4 + 1),
            priority_position=place % 4 + 1,
            scale_slug="severity",
        ).where(Ticket.id == row.id).execute()
        made.append(Ticket.get_by_id(row.id))
    return made


def walk(who: policies.Viewer, name: str, sort: str, q: str = "") -> tuple[list[lists.Row], list[lists.Row]]:
    """All rows of a queue, read page after page, and read back from its end."""
    teams = lists.teams_of(who)
    there, asked = [], lists.Asked(sort=sort, q=q)
    while True:
        page = lists.queue(who, name, asked, teams)
        there.extend(page.rows)
        if page.older is None:
            break
        asked = lists.Asked(sort=sort, q=q, after=page.older)
    back = list(page.rows)
    while page.newer is not None:
        page = lists.queue(who, name, lists.Asked(sort=sort, q=q, before=page.newer), teams)
        back = list(page.rows) + back
    return there, back


@pytest.mark.parametrize("name", ["mine", "team", "waiting"])
@pytest.mark.parametrize("word", ["", "zinzolin"])
def test_the_most_pressing_and_longest_waiting_come_first_page_after_page(
    world: Any, many: list[Ticket], name: str, word: str
) -> None:
    there, back = walk(viewer(world.sam), name, "priority", word)
    theirs = ("waiting_customer", "customer_testing")
    assert [row.id for row in there] == [
        row.id for row in sorted(there, key=lambda row: (row.status in theirs, row.priority_position, row.id))
    ]
    assert len({row.id for row in there}) == len(there)
    assert [row.id for row in back] == [row.id for row in there]
    ours = {row.id for row in many if name == "mine" or (row.status in theirs) == (name == "waiting")}
    assert ours <= {row.id for row in there}


def test_a_supervisor_of_several_teams_reads_their_queues_as_one(
    world: Any, clock: Any, many: list[Ticket]
) -> None:
    vera = viewer(world.vera)
    teams = lists.teams_of(vera)
    assert len(teams) > 1
    for place, row in enumerate(many):
        Ticket.update(team=teams[place % len(teams)]).where(Ticket.id == row.id).execute()
    there, back = walk(vera, "team", "priority")
    assert [row.id for row in there] == [
        row.id for row in sorted(there, key=lambda r: (r.priority_position, r.id))
    ]
    assert {row.id for row in many if row.status == "in_progress"} <= {row.id for row in there}
    assert [row.id for row in back] == [row.id for row in there]


@pytest.mark.parametrize("name", lists.QUEUES)
def test_every_order_offered_reads_every_request_once(world: Any, many: list[Ticket], name: str) -> None:
    for sort in lists.queue_sorts(name):
        there, back = walk(viewer(world.sam), name, sort)
        assert len({row.id for row in there}) == len(there)
        assert {row.id for row in there} == {row.id for row in back}


def test_counts_stop_at_ninety_nine(client: Any, world: Any, clock: Any, many: list[Ticket]) -> None:
    sam = viewer(world.sam)
    for place in range(50):
        row = submitted(world.alice, clock, f"Encore {place}")
        Ticket.update(assignee=sam.id, status="in_progress").where(Ticket.id == row.id).execute()
    assert lists.queue_counts(sam, lists.teams_of(sam))["mine"] == 100
    assert "99+" in text_of(client.sign_in(world.sam).get("/desk?queue=mine"))


def test_the_counts_of_the_rail_are_those_of_the_queues(world: Any, many: list[Ticket]) -> None:
    for who in (world.sam, world.vera, world.root, world.ines):
        seen = viewer(who)
        counts = lists.queue_counts(seen, lists.teams_of(seen))
        for name, count in counts.items():
            there, _back = walk(seen, name, lists.queue_sorts(name)[0])
            assert count == min(len(there), 100), name


def test_an_index_answers_the_first_page_of_a_queue(world: Any, database: Any) -> None:
    """The order of the desk is read from an index: no queue is sorted whole to show its first page."""
    if "sqlite" not in type(database).__name__.lower():
        # With few rows PostgreSQL reads the table whatever its indexes: told not to, it must have another way.
        database.execute_sql("SET enable_seqscan = off")
        database.execute_sql("SET enable_sort = off")
        database.execute_sql("SET enable_bitmapscan = off")
    sam = viewer(world.sam)
    seen = []
    run = database.execute_sql

    def listen(sql: str, params: Any = None, *rest: Any) -> Any:
        seen.append((sql, params))
        return run(sql, params, *rest)

    database.execute_sql = listen
    for name in ("unassigned", "mine", "team", "waiting"):
        seen.clear()
        lists.queue(sam, name, lists.Asked(sort="priority"), lists.teams_of(sam))
        ordered = [(sql, params) for sql, params in seen if "ORDER BY" in sql and "LIMIT" in sql]
        assert ordered
        for sql, params in ordered:
            if "sqlite" in type(database).__name__.lower():
                plan = " ".join(str(row) for row in run(f"EXPLAIN QUERY PLAN {sql}", params).fetchall())
                assert "TEMP B-TREE" not in plan, (name, plan)
            else:
                plan = " ".join(str(row) for row in run(f"EXPLAIN {sql}", params).fetchall())
                assert "Sort" not in plan, (name, plan)
            assert "ticket_desk_" in plan, (name, plan)


def test_a_number_in_the_search_box_leads_to_its_request(client: Any, sam: Person, ticket: Ticket) -> None:
    client.sign_in(sam)
    for typed in (ticket.number, ticket.number.lower(), f" {ticket.number} ", ticket.number.split("-")[1]):
        answer = client.get("/desk", query_string={"q": typed})
        assert answer.status_code == 303, typed
        assert answer.location == f"/desk/tickets/{ticket.number}"


def test_words_in_the_search_box_look_in_every_request_and_in_notes(
    client: Any, world: Any, clock: Any, ticket: Ticket
) -> None:
    conversation.note(
        ticket, "Mot rare: bathyscaphe", viewer(world.ines), clock.now, idempotency_key="n" * 20
    )
    lifecycle.move(ticket, "closed", viewer(world.ines), clock.now)
    page = client.sign_in(world.sam).get("/desk?q=bathyscaphe")
    assert page.status_code == 200
    assert f'data-ticket="{ticket.number}"' in page.text


def test_a_search_without_result_says_what_to_do(client: Any, sam: Person) -> None:
    page = client.sign_in(sam).get("/desk?q=introuvablissime")
    assert page.status_code == 200
    assert "Aucune demande ne correspond" in text_of(page)


@pytest.mark.parametrize(
    "query",
    ["queue=nothing", "sort=--x", "sort=priority&queue=all", "status=x", "form=x", "after=SUP-1", "before=zzz",
     "organisation=nobody", "q=" + "x" * 500, "q=%22%27()*", "after=%F0%9F%98%80", "queue=mine&after=SUP-999999"],
)  # fmt: skip
def test_an_odd_address_of_a_queue_still_shows_a_queue(client: Any, sam: Person, query: str) -> None:
    assert client.sign_in(sam).get(f"/desk?{query}").status_code == 200


@pytest.mark.parametrize("name", lists.QUEUES)
def test_an_empty_queue_says_what_to_do(client: Any, world: Any, name: str) -> None:
    root = world.root
    for row in Ticket.select():
        Ticket.update(assignee=world.ines.id).where(Ticket.id == row.id).execute()
    page = client.sign_in(root).get(f"/desk?queue={name}")
    assert page.status_code == 200
    if name != "all":
        assert 'data-ticket="' not in page.text
        assert "href" in page.text


def test_the_requests_of_one_customer_can_be_listed(client: Any, world: Any, ticket: Ticket) -> None:
    client.sign_in(world.sam)
    theirs = client.get("/desk?queue=all&organisation=acme&q=Export")
    assert f'data-ticket="{ticket.number}"' in theirs.text
    others = client.get("/desk?queue=all&organisation=globex&q=Export")
    assert f'data-ticket="{ticket.number}"' not in others.text


# ---- The page of a request ---------------------------------------------------------------------------------


def queries_of(client: Any, path: str) -> int:
    """How many statements a page costs, what is remembered between pages already read."""
    import models

    client.get(path)
    database, count = models.db.obj, 0
    run = database.execute_sql

    def listen(*args: Any, **kwargs: Any) -> Any:
        nonlocal count
        count += 1
        return run(*args, **kwargs)

    database.execute_sql = listen
    try:
        assert client.get(path).status_code == 200
    finally:
        del database.execute_sql
    return count


def test_a_queue_costs_as_many_queries_with_one_request_as_with_thirty(
    client: Any, world: Any, clock: Any, frozen_memory: None
) -> None:
    Ticket.update(assignee=world.ines.id, status="in_progress").execute()
    client.sign_in(world.sam)
    for name in lists.QUEUES:
        first = submitted(world.alice, clock, f"Une {name}")
        status = {"waiting": "waiting_customer", "resolved": "resolved"}.get(name, "registered")
        assignee = None if name == "unassigned" else world.sam.id
        Ticket.update(assignee=assignee, status=status).where(Ticket.id == first.id).execute()
    one = {name: queries_of(client, f"/desk?queue={name}") for name in lists.QUEUES}
    for place in range(30):
        row = submitted(world.bob, clock, f"Beaucoup {place}")
        assignee = None if place % 2 else world.sam.id
        status = ("registered", "in_progress", "waiting_customer", "resolved")[place % 4]
        Ticket.update(assignee=assignee, status=status).where(Ticket.id == row.id).execute()
    assert {name: queries_of(client, f"/desk?queue={name}") for name in lists.QUEUES} == one
    assert max(one.values()) <= 9, one


def test_a_request_costs_as_many_queries_with_one_message_as_with_thirty(
    client: Any, world: Any, clock: Any, ticket: Ticket, frozen_memory: None
) -> None:
    sam, alice = viewer(world.sam), viewer(world.alice)
    lifecycle.take(ticket, sam, clock.now)
    client.sign_in(world.sam)
    path = f"/desk/tickets/{ticket.number}"
    conversation.note(ticket, "Une note", sam, clock.now, idempotency_key="key-of-the-first-note")
    one = queries_of(client, path)
    for place in range(15):
        by = (sam, alice)[place % 2]
        conversation.reply(
            ticket, f"Message {place}", by, clock.now, idempotency_key=f"key-of-message-{place:04}"
        )
        conversation.note(ticket, f"Note {place}", sam, clock.now, idempotency_key=f"key-of-note-{place:04}")
    assert queries_of(client, path) == one
    assert one <= 26


def test_the_page_carries_the_marks_that_outsiders_rely_on(
    client: Any, world: Any, clock: Any, ticket: Ticket
) -> None:
    conversation.note(ticket, "Entre nous", viewer(world.sam), clock.now, idempotency_key="a" * 20)
    page = show(client.sign_in(world.sam), ticket)
    assert f'data-ticket="{ticket.number}" data-status="registered"' in page.text
    assert page.text.count('data-message="reply"') == 1
    assert page.text.count('data-message="note"') == 1


def test_the_button_names_those_who_will_read_the_answer(
    client: Any, world: Any, clock: Any, ticket: Ticket
) -> None:
    client.sign_in(world.sam)
    assert "Envoyer à Alice" in text_of(show(client, ticket))
    conversation.add_cc(ticket, world.bob.email, viewer(world.sam), clock.now)
    assert "Envoyer à Alice et Bob" in text_of(show(client, ticket))
    for address in ("un@acme.example", "deux@acme.example"):
        conversation.add_cc(ticket, address, viewer(world.sam), clock.now)
    assert "Envoyer à Alice, Bob et 2 autres" in text_of(show(client, ticket))


def test_the_composer_offers_only_moves_of_the_table(
    client: Any, world: Any, clock: Any, ticket: Ticket
) -> None:
    client.sign_in(world.sam)
    sam = viewer(world.sam)
    for status in ("registered", "waiting_customer", "customer_testing", "resolved"):
        if status != "registered":
            lifecycle.move(ticket, status, sam, clock.now)
        tree = lint.parse(show(client, ticket).text)
        offered = {
            option.get("value")
            for select in tree.iter("select")
            if select.get("id") == "move"
            for option in select.iter("option")
        }
        assert offered - {""} == set(lifecycle.targets(status, "staff"))


def test_the_request_of_a_deletion_names_the_people_and_warns(client: Any, world: Any) -> None:
    row = (
        Ticket.select().where((Ticket.form_slug == "user-deletion") & (Ticket.status == "qualified")).first()
    )
    assert row is not None
    said = text_of(show(client.sign_in(world.sam), row))
    assert "Ceci est irréversible" in said
    assert row.named_people[0].full_name in said


# ---- Answers and notes ---------------------------------------------------------------------------------------


def test_answering_an_unassigned_request_takes_it(client: Any, world: Any, ticket: Ticket) -> None:
    client.sign_in(world.sam)
    assert "L’envoi vous attribue cette demande" in text_of(show(client, ticket))
    answer = client.submit(f"/desk/tickets/{ticket.number}", "replies", body="Je regarde.")
    assert answer.status_code == 303
    assert answer.location == f"/desk/tickets/{ticket.number}"
    page = client.get(answer.location)
    assert 'role="status"' in page.text
    assert "La réponse est envoyée et la demande est à vous" in text_of(page)
    row = Ticket.get_by_id(ticket.id)
    assert (row.status, row.assignee_id) == ("in_progress", world.sam.id)


@pytest.mark.parametrize("target", ["waiting_customer", "resolved", "waiting_engineering", "closed"])
def test_an_answer_moves_the_request_in_the_same_step(
    client: Any, sam: Person, ticket: Ticket, target: str
) -> None:
    client.sign_in(sam)
    answer = client.submit(f"/desk/tickets/{ticket.number}", "replies", body="Voici.", status=target)
    assert answer.status_code == 303
    assert Ticket.get_by_id(ticket.id).status == target
    events = TicketEvent.select().where(TicketEvent.ticket == ticket.id)
    assert [event.data["to"] for event in events if event.kind != "ticket:created"] == [target]


def test_an_empty_answer_is_refused_next_to_its_box(client: Any, sam: Person, ticket: Ticket) -> None:
    client.sign_in(sam)
    answer = client.submit(f"/desk/tickets/{ticket.number}", "replies", body="  ", status="resolved")
    assert answer.status_code == 422
    assert "error-summary" in answer.text
    assert 'value="resolved" selected' in answer.text.replace(
        'selected value="resolved"', 'value="resolved" selected'
    )
    assert Ticket.get_by_id(ticket.id).status == "registered"


def test_a_status_outside_the_list_is_refused_and_the_text_kept(
    client: Any, sam: Person, ticket: Ticket
) -> None:
    client.sign_in(sam)
    page = show(client, ticket)
    answer = client.send(page, "replies", body="Un long texte.", status="sleeping")
    assert answer.status_code == 422
    assert "Un long texte." in answer.text
    answer = client.send(page, "replies", body="Un long texte.", status="expired")
    assert answer.status_code == 409
    assert "Un long texte." in answer.text
    assert Message.select().where(Message.ticket == ticket.id).count() == 1


def test_pressing_send_twice_writes_one_answer_and_one_note(client: Any, sam: Person, ticket: Ticket) -> None:
    client.sign_in(sam)
    page = show(client, ticket)
    for form in ("replies", "notes"):
        answers = [client.send(page, form, body="Une seule fois.") for _time in range(2)]
        assert [answer.status_code for answer in answers] == [303, 303]
        page = show(client, ticket)
    kinds = [row.kind for row in Message.select().where(Message.ticket == ticket.id).order_by(Message.id)]
    assert kinds == ["reply", "reply", "note"]


def test_a_note_is_added_and_nothing_is_sent(client: Any, sam: Person, ticket: Ticket) -> None:
    mails = OutboxMessage.select().count()
    client.sign_in(sam)
    answer = client.submit(f"/desk/tickets/{ticket.number}", "notes", body="Ne promettez pas de date.")
    assert answer.status_code == 303
    page = client.get(answer.location)
    assert "La note est ajoutée. Rien n’a été envoyé." in text_of(page)
    assert "Note interne, invisible pour Acme" in text_of(page)
    assert OutboxMessage.select().count() == mails
    assert Ticket.get_by_id(ticket.id).status == "registered"


def test_an_empty_note_comes_back_open(client: Any, sam: Person, ticket: Ticket) -> None:
    answer = client.sign_in(sam).submit(f"/desk/tickets/{ticket.number}", "notes", body="")
    assert answer.status_code == 422
    tree = lint.parse(answer.text)
    assert [
        field.get("id")
        for field in tree.iter("input")
        if field.get("name") == "mode" and field.get("checked") is not None
    ] == ["mode-note"]


def test_files_of_a_note_stay_inside_and_files_of_an_answer_go_out(
    client: Any, world: Any, ticket: Ticket
) -> None:
    import io

    client.sign_in(world.sam)
    path = f"/desk/tickets/{ticket.number}"
    client.submit(path, "notes", body="Le journal.", attachments=[(io.BytesIO(b"secret log"), "interne.log")])
    client.submit(path, "replies", body="Le relevé.", attachments=[(io.BytesIO(b"public log"), "public.log")])
    assert "interne.log" in show(client, ticket).text
    client.sign_in(world.alice)
    page = client.get(f"/tickets/{ticket.number}").text
    assert "public.log" in page
    assert "interne.log" not in page


def test_a_file_that_is_not_taken_loses_neither_the_text_nor_the_other_files(
    client: Any, sam: Person, ticket: Ticket
) -> None:
    import io

    client.sign_in(sam)
    page = client.submit(
        f"/desk/tickets/{ticket.number}",
        "replies",
        body="Avec deux fichiers.",
        attachments=[(io.BytesIO(b"good"), "bon.txt"), (io.BytesIO(b"bad"), "mauvais.exe")],
    )
    assert page.status_code == 422
    assert "Avec deux fichiers." in page.text
    assert "bon.txt" in page.text
    sent = client.send(page, "replies")
    assert sent.status_code == 303
    assert "bon.txt" in show(client, ticket).text


def test_a_closed_request_takes_notes_and_no_answer(
    client: Any, world: Any, clock: Any, ticket: Ticket
) -> None:
    client.sign_in(world.sam)
    before = show(client, ticket)
    lifecycle.move(ticket, "closed", viewer(world.ines), clock.now)
    refused = client.send(before, "replies", body="Trop tard, mais pas perdu.")
    assert refused.status_code == 409
    assert "Trop tard, mais pas perdu." in refused.text
    page = show(client, ticket)
    assert "/replies" not in page.text
    assert client.send(page, "notes", body="Pour mémoire.").status_code == 303
    assert "Pour mémoire." in show(client, ticket).text


CANARY = "Zygomorphe"


def test_no_customer_ever_sees_a_note_anywhere(client: Any, world: Any, clock: Any, ticket: Ticket) -> None:
    """A word that stands in a note, in the name of its file and in the reason of a move: on no page, in no mail."""
    import io

    client.sign_in(world.sam)
    path = f"/desk/tickets/{ticket.number}"
    client.submit(path, "notes", body=f"{CANARY} en note.", attachments=[(io.BytesIO(b"x"), f"{CANARY}.log")])
    client.submit(path, "status", status="in_progress", reason=f"{CANARY} en motif.")
    client.submit(path, "replies", body="Réponse publique.", status="waiting_customer")
    assert CANARY in show(client, ticket).text
    conversation.add_cc(ticket, "claire@acme.example", viewer(world.sam), clock.now)
    for who in (world.alice, world.bob, world.marc, world.charlie, world.dana):
        client.sign_in(who)
        for address in (
            "/",
            "/tickets?list=mine",
            "/tickets?list=organisation",
            "/tickets?list=cc",
            f"/tickets?list=organisation&q={ticket.number}",
            f"/tickets/{ticket.number}",
            f"/tickets/{ticket.number}?thread=all",
            f"/tickets/{ticket.number}/follow-up",
        ):
            answer = client.get(address, follow_redirects=True)
            assert CANARY.lower() not in answer.text.lower(), (who.email, address)
        found = client.get(f"/tickets?list=organisation&q={CANARY}")
        if found.status_code == 200:
            assert f'data-ticket="{ticket.number}"' not in found.text


def test_no_mail_says_a_word_of_a_note(client: Any, app: Any, world: Any, clock: Any, ticket: Ticket) -> None:
    import mailer

    client.sign_in(world.sam)
    path = f"/desk/tickets/{ticket.number}"
    client.submit(path, "notes", body=f"{CANARY} en note.")
    client.submit(path, "status", status="in_progress", reason=f"{CANARY} en motif.")
    client.submit(path, "replies", body="Réponse publique.", status="waiting_customer")
    rows = list(OutboxMessage.select().where(OutboxMessage.ticket == ticket.id))
    assert len(rows) >= 2
    with app.test_request_context():
        for row in rows:
            assert CANARY not in str(row.context)
            mail = mailer.render(row, "http://127.0.0.1:8000", clock.now)
            assert CANARY not in f"{mail.subject} {mail.text} {mail.html}", row.template


# ---- Moves ---------------------------------------------------------------------------------------------------


def test_take_it_takes_it(client: Any, world: Any, ticket: Ticket) -> None:
    client.sign_in(world.sam)
    answer = client.submit(f"/desk/tickets/{ticket.number}", "assignment")
    assert answer.status_code == 303
    assert "La demande est à vous." in text_of(client.get(answer.location))
    assert Ticket.get_by_id(ticket.id).assignee_id == world.sam.id


def test_two_agents_who_take_it_at_once_do_not_take_it_from_one_another(
    client: Any, world: Any, clock: Any, ticket: Ticket
) -> None:
    client.sign_in(world.sam)
    page = show(client, ticket)
    lifecycle.take(ticket, viewer(world.ines), clock.now)
    answer = client.send(page, "assignment")
    assert answer.status_code == 409
    assert "Inès Haddad" in text_of(answer)
    assert Ticket.get_by_id(ticket.id).assignee_id == world.ines.id


def test_a_request_is_given_to_a_colleague_and_back_to_the_queue(
    client: Any, world: Any, ticket: Ticket
) -> None:
    client.sign_in(world.sam)
    path = f"/desk/tickets/{ticket.number}"
    client.submit(path, "assignment")
    assert client.submit(path, "assignment", assignee=str(world.ines.id)).status_code == 303
    assert Ticket.get_by_id(ticket.id).assignee_id == world.ines.id
    client.submit(path, "assignment")
    assert client.submit(path, "assignment", assignee="").status_code == 303
    row = Ticket.get_by_id(ticket.id)
    assert (row.assignee_id, row.status) == (None, "qualified")


@pytest.mark.parametrize("value", ["999999", "x", "-1", "²", "1e3"])
def test_only_agents_can_be_given_a_request(client: Any, sam: Person, ticket: Ticket, value: str) -> None:
    client.sign_in(sam)
    answer = client.submit(f"/desk/tickets/{ticket.number}", "assignment", assignee=value)
    assert answer.status_code == 422
    assert Ticket.get_by_id(ticket.id).assignee_id is None


def test_a_customer_cannot_be_given_a_request(client: Any, world: Any, ticket: Ticket) -> None:
    client.sign_in(world.sam)
    answer = client.submit(f"/desk/tickets/{ticket.number}", "assignment", assignee=str(world.alice.id))
    assert answer.status_code == 422


def test_a_post_that_forgets_the_agent_does_not_unassign(
    client: Any, world: Any, clock: Any, ticket: Ticket
) -> None:
    lifecycle.take(ticket, viewer(world.sam), clock.now)
    client.sign_in(world.sam)
    answer = client.submit(f"/desk/tickets/{ticket.number}", "assignment", assignee=None)
    assert answer.status_code == 422
    assert Ticket.get_by_id(ticket.id).assignee_id == world.sam.id


def test_a_request_is_handed_to_another_team(client: Any, world: Any, ticket: Ticket) -> None:
    from models import Team

    other = Team.select().where((Team.id != ticket.team_id) & (Team.is_active == True)).first()  # noqa: E712
    client.sign_in(world.sam)
    path = f"/desk/tickets/{ticket.number}"
    assert client.submit(path, "team", team=str(other.id)).status_code == 303
    assert Ticket.get_by_id(ticket.id).team_id == other.id
    for wrong in ("", "999999", "x"):
        assert client.submit(path, "team", team=wrong).status_code == 422


def test_a_move_without_answer_keeps_its_reason_in_the_history(
    client: Any, sam: Person, ticket: Ticket
) -> None:
    client.sign_in(sam)
    path = f"/desk/tickets/{ticket.number}"
    answer = client.submit(path, "status", status="blocked", reason="Attend la livraison 12.5")
    assert answer.status_code == 303
    assert "Attend la livraison 12.5" in text_of(client.get(answer.location))
    assert client.submit(path, "status", status="").status_code == 422
    refused = client.submit(path, "status", status="expired", reason="Mon motif")
    assert refused.status_code == 409
    assert "Mon motif" in refused.text


def test_lowering_a_priority_needs_a_reason_that_the_customer_gets(
    client: Any, world: Any, clock: Any, ticket: Ticket
) -> None:
    levels = list(
        ScaleLevel.select().where(ScaleLevel.scale == ScaleLevel.get().scale_id).order_by(ScaleLevel.position)
    )
    scale = levels[0].scale.slug
    Ticket.update(
        scale_slug=scale, priority=levels[0].value, priority_asked=levels[0].value, priority_position=1
    ).where(Ticket.id == ticket.id).execute()
    client.sign_in(world.sam)
    path = f"/desk/tickets/{ticket.number}"
    refused = client.submit(path, "priority", priority=levels[2].value, reason=" ")
    assert refused.status_code == 422
    assert "error-summary" in refused.text
    assert Ticket.get_by_id(ticket.id).priority == levels[0].value
    again = client.submit(path, "priority", priority=levels[2].value, reason="Un contournement existe.")
    assert again.status_code == 303
    row = Ticket.get_by_id(ticket.id)
    assert (row.priority, row.priority_asked) == (levels[2].value, levels[0].value)
    templates = [mail.template for mail in OutboxMessage.select().where(OutboxMessage.ticket == ticket.id)]
    assert "priority-lowered" in templates
    assert client.submit(path, "priority", priority=levels[1].value).status_code == 303
    assert client.submit(path, "priority", priority="77").status_code == 422


def test_somebody_is_put_in_copy_and_taken_out(client: Any, sam: Person, ticket: Ticket) -> None:
    client.sign_in(sam)
    path = f"/desk/tickets/{ticket.number}"
    assert client.submit(path, "cc", email="pas une adresse").status_code == 422
    assert client.submit(path, "cc", email="ailleurs@example.org").status_code == 303
    page = show(client, ticket)
    assert "ailleurs@example.org" in page.text
    assert client.send(page, "removal").status_code == 303
    assert ticket.participants.count() == 0


def test_the_queue_beside_a_request_stays_after_an_act(client: Any, sam: Person, ticket: Ticket) -> None:
    client.sign_in(sam)
    page = show(client, ticket, queue="all", q="Export")
    answer = client.send(page, "notes", body="Une note.")
    assert answer.status_code == 303
    assert answer.location == f"/desk/tickets/{ticket.number}?queue=all&q=Export"


# ---- Two at once ---------------------------------------------------------------------------------------------


def test_an_answer_to_an_older_state_is_held_back_with_what_changed_and_goes_on_the_second_try(
    client: Any, world: Any, clock: Any, ticket: Ticket
) -> None:
    lifecycle.take(ticket, viewer(world.sam), clock.now)
    client.sign_in(world.sam)
    page = show(client, ticket)
    clock.advance(minutes=3)
    conversation.reply(
        ticket, "J’ajoute un détail.", viewer(world.alice), clock.now, idempotency_key="b" * 20
    )
    lifecycle.move(ticket, "escalated_l2", viewer(world.ines), clock.now)
    held = client.send(page, "replies", body="Ma réponse patiente.", status="resolved")
    assert held.status_code == 409
    said = text_of(held)
    assert "Ma réponse patiente." in held.text
    assert "J’ajoute un détail." in said
    assert "Entre-temps" in said
    assert "Alice Martin" in said
    assert Ticket.get_by_id(ticket.id).status == "escalated_l2"
    again = client.send(held, "replies")
    assert again.status_code == 303
    assert Ticket.get_by_id(ticket.id).status == "resolved"
    bodies = [row.body for row in Message.select().where(Message.ticket == ticket.id)]
    assert bodies.count("Ma réponse patiente.") == 1


@pytest.mark.parametrize(
    ("form", "fields"),
    [
        ("status", {"status": "blocked", "reason": "Un motif"}),
        ("priority", {"priority": "2"}),
        ("team", {}),
    ],
)
def test_no_act_undoes_what_its_author_did_not_see(
    client: Any, world: Any, clock: Any, ticket: Ticket, form: str, fields: dict[str, str]
) -> None:
    client.sign_in(world.sam)
    page = show(client, ticket)
    lifecycle.take(ticket, viewer(world.ines), clock.now)
    assert client.send(page, form, **fields).status_code == 409
    assert Ticket.get_by_id(ticket.id).status == "in_progress"


# ---- What was typed when the session ended -----------------------------------------------------------------------


@pytest.mark.parametrize(("form", "box"), [("replies", "body"), ("notes", "note-body")])
def test_what_was_typed_when_the_session_ended_comes_back_in_its_own_box(
    client: Any, world: Any, clock: Any, ticket: Ticket, form: str, box: str
) -> None:
    from models import UserSession

    client.sign_in(world.sam)
    page = show(client, ticket)
    UserSession.update(ended_at=clock.now).execute()
    answer = client.send(page, form, body="Texte patient.")
    assert answer.status_code == 303
    assert "/login" in answer.location
    held = client.get_cookie("guichet_held")
    assert held is not None
    client.sign_in(world.sam)
    client.set_cookie("guichet_held", held.value)
    back = client.get(f"/desk/tickets/{ticket.number}?held=1")
    boxes = {
        area.get("id"): "".join(area.itertext()).strip() for area in lint.parse(back.text).iter("textarea")
    }
    assert {name for name, text in boxes.items() if text == "Texte patient."} == {box}


def test_ages_are_said_in_one_unit(app: Any, clock: Any) -> None:
    import presenters

    with app.test_request_context(headers={"Accept-Language": "en"}):
        said = [
            presenters.ago(clock.now - timedelta(minutes=minutes), clock.now)
            for minutes in (0, 1, 59, 60, 1439, 1440, 2880)
        ]
    assert said == ["just now", "1 min ago", "59 min ago", "1 h ago", "23 h ago", "1 day ago", "2 days ago"]


def test_the_requests_of_its_organisation_are_one_link_away(client: Any, sam: Person, ticket: Ticket) -> None:
    client.sign_in(sam)
    link = "/desk?queue=all&organisation=acme&status=open"
    assert link in [element.get("href") for element in lint.parse(show(client, ticket).text).iter("a")]
    assert ticket.number in text_of(client.get(link))
