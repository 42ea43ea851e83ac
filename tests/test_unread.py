"""What is new since somebody's last look (VIEW-16): counted in lists and in the menu, marked in the thread."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from peewee import OperationalError

from domain import conversation, unread
from models import Message, Participant, ReadMark, TicketRead, db
from tests.conftest import NOW
from tests.support.casework import answer, key, person, see, send, statements
from tests.support.casework import put_in as put


def begin(*people: Any) -> None:
    for who in people:
        unread.mark_all(see(who))


def thread(ticket: Any, notes: bool = False) -> list[Message]:
    rows = Message.select().where(Message.ticket == ticket.id).order_by(Message.id)
    return list(rows if notes else rows.where(Message.kind == "reply"))


def note(ticket: Any, by: Any) -> Message:
    return conversation.note(ticket, "Entre nous.", see(by), NOW, idempotency_key=key())


def test_an_answer_is_new_until_it_is_looked_at(world: Any) -> None:
    alice, ticket, other = see(world.alice), send(world), send(world)
    begin(world.alice)
    assert unread.count(alice) == 0 and unread.of_rows(alice, [ticket.id, other.id]) == {}
    first = answer(ticket, world.sam)
    answer(ticket, world.sam)
    assert unread.count(alice) == 1 and unread.of_rows(alice, [ticket.id, other.id]) == {ticket.id: 2}
    assert unread.look(alice, ticket, thread(ticket)) == first.id
    assert unread.look(alice, ticket, thread(ticket)) is None
    assert unread.count(alice) == 0 and unread.of_rows(alice, [ticket.id]) == {}


def test_one_s_own_words_are_never_new(world: Any) -> None:
    ticket = send(world)
    begin(world.alice, world.bob)
    answer(ticket, world.alice)
    assert unread.count(see(world.alice)) == 0 and unread.of_rows(see(world.alice), [ticket.id]) == {}
    assert unread.of_rows(see(world.bob), [ticket.id]) == {ticket.id: 1}
    assert unread.count(see(world.bob)) == 0, "the menu counts what is one's own and what one follows"


def test_a_note_is_new_for_agents_and_nothing_for_customers(world: Any) -> None:
    ticket = put(send(world), "in_progress", assignee=world.ines)
    begin(world.alice, world.ines)
    written = note(ticket, world.sam)
    assert unread.of_rows(see(world.alice), [ticket.id]) == {} and unread.count(see(world.alice)) == 0
    assert (
        unread.of_rows(see(world.ines), [ticket.id]) == {ticket.id: 1} and unread.count(see(world.ines)) == 1
    )
    assert unread.look(see(world.alice), ticket, thread(ticket)) is None
    assert unread.look(see(world.ines), ticket, thread(ticket, notes=True)) == written.id


def test_whoever_never_signed_in_has_nothing_new_and_begins_at_the_first_sign_in(world: Any) -> None:
    from domain import accounts

    ReadMark.delete().execute()
    ticket = send(world)
    answer(ticket, world.sam)
    assert (
        unread.count(see(world.alice)) == 0 and unread.look(see(world.alice), ticket, thread(ticket)) is None
    )
    assert TicketRead.select().count() == 0
    accounts._start_session(world.alice, "127.0.0.1", NOW, "tests")
    accounts._start_session(world.alice, "127.0.0.1", NOW, "tests")
    assert ReadMark.select().where(ReadMark.person == world.alice.id).count() == 1
    assert unread.count(see(world.alice)) == 0
    answer(ticket, world.sam)
    assert unread.count(see(world.alice)) == 1


def test_all_is_marked_as_read_and_the_rows_are_given_back(world: Any) -> None:
    tickets = [send(world) for _ in range(3)]
    begin(world.alice)
    for ticket in tickets:
        answer(ticket, world.sam)
    unread.look(see(world.alice), tickets[0], thread(tickets[0]))
    assert unread.count(see(world.alice)) == 2
    unread.mark_all(see(world.alice))
    assert unread.count(see(world.alice)) == 0
    assert TicketRead.select().where(TicketRead.person == world.alice.id).count() == 0
    answer(tickets[1], world.sam)
    assert unread.of_rows(see(world.alice), [t.id for t in tickets]) == {tickets[1].id: 1}


def test_what_one_may_no_longer_see_is_not_counted(world: Any) -> None:
    ticket = send(world, cc=["dana@acme.example"])
    begin(world.dana)
    answer(ticket, world.sam)
    assert unread.count(see(world.dana)) == 1
    Participant.delete().where(Participant.person == world.dana.id).execute()
    assert unread.count(see(world.dana)) == 0


def test_an_older_page_does_not_take_back_what_a_newer_one_has_shown(world: Any) -> None:
    ticket = send(world)
    begin(world.alice)
    old = [*thread(ticket), answer(ticket, world.sam)]
    answer(ticket, world.sam)
    unread.look(see(world.alice), ticket, thread(ticket))
    unread._remember(world.alice.id, ticket.id, old[-1].id)
    assert unread.of_rows(see(world.alice), [ticket.id]) == {}


def test_a_busy_database_never_spoils_the_page(world: Any, monkeypatch: Any) -> None:
    ticket = send(world)
    begin(world.alice)
    written = answer(ticket, world.sam)
    plain = db.obj.execute_sql

    def busy(sql: str, *rest: Any, **more: Any) -> Any:
        if sql.startswith("INSERT") and "ticket_read" in sql:
            raise OperationalError("database is locked")
        return plain(sql, *rest, **more)

    monkeypatch.setattr(db.obj, "execute_sql", busy)
    assert unread.look(see(world.alice), ticket, thread(ticket)) == written.id
    monkeypatch.undo()
    assert unread.count(see(world.alice)) == 1, "it is new once more at the next look"


def test_the_menu_counts_at_the_same_cost_however_much_is_new(world: Any, database: Any) -> None:
    begin(world.alice)
    alice = see(world.alice)
    for amount in (1, 60):
        for n in range(amount):
            answer(send(world, now=NOW + timedelta(hours=n)), world.sam)
        with statements(database) as sent:
            counted = unread.count(alice)
        assert len(sent) == 1 and counted == min(amount + (amount > 1), unread.MENU_READ)


def test_account_managers_have_no_count_of_their_own(world: Any) -> None:
    begin(world.marc)
    answer(send(world, share_with_account_manager=True), world.sam)
    assert unread.count(see(world.marc)) == 0


# ---- On the pages --------------------------------------------------------------------------------------


def test_lists_home_menu_and_thread_say_what_is_new(client: Any, world: Any, clock: Any) -> None:
    begin(world.alice)
    ticket = send(world)
    client.sign_in(world.alice)
    client.get(f"/tickets/{ticket.number}")
    clock.advance(minutes=5)
    message = answer(ticket, world.sam, now=clock.now)
    unread.forget()
    page = client.get("/tickets").text
    assert "1 nouveau" in page and "Tout marquer comme lu" in page
    header = page.partition('<nav class="site-nav"')[2].partition("</nav>")[0]
    assert 'class="count fresh">1<' in header
    shown = client.get(f"/tickets/{ticket.number}").text
    assert "Nouveau depuis votre dernière visite" in shown
    assert shown.index('id="new"') < shown.index(f'id="m{message.id}"')
    again = client.get(f"/tickets/{ticket.number}").text
    assert 'id="new"' not in again and "count fresh" not in again
    assert "1 nouveau" not in client.get("/tickets").text


def test_all_is_marked_as_read_from_the_list(client: Any, world: Any) -> None:
    client.sign_in(world.alice)
    begin(world.alice)
    answer(send(world), world.sam)
    unread.forget()
    assert client.submit("/tickets?list=mine", form="/tickets/all/read").status_code == 303
    assert "nouveau<" not in client.get("/tickets").text
    # What belongs to nobody is left alone.
    assert client.get("/tickets").status_code == 200


def test_the_desk_says_what_is_new(client: Any, world: Any) -> None:
    ticket = put(send(world), "in_progress", assignee=world.sam)
    client.sign_in(world.sam)
    begin(world.sam)
    answer(ticket, world.alice)
    unread.forget()
    assert "1 nouveau" in client.get("/desk?queue=mine").text
    opened = client.get(f"/desk/tickets/{ticket.number}?queue=mine").text
    assert "Nouveau depuis votre dernière visite" in opened
    assert "1 nouveau" not in opened, "the queue beside it already knows that it is read"


def test_what_people_have_read_goes_with_them(world: Any) -> None:
    leaver = person("leaver")
    ticket = send(world)
    begin(leaver)
    unread._remember(leaver.id, ticket.id, 1)
    leaver.delete_instance()
    assert TicketRead.select().where(TicketRead.ticket == ticket.id).count() == 0
