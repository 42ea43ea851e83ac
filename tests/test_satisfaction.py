"""How it went (VIEW-17): who is asked, once; what is kept; what supervisors and admins read of it."""

from __future__ import annotations

import re
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

import mailer
from domain import closing, joining, lifecycle, mail_choices, satisfaction, settings
from domain.notifications import Skipped
from domain.refusals import Invalid, Missing, NotAllowed, NotNow
from models import OutboxMessage, Satisfaction, Team, Ticket, TicketEvent
from tests.conftest import NOW
from tests.support.casework import again, answer, forget_mails, history, see, send

DAY = timedelta(days=1)


def solved(world: SimpleNamespace, **more: Any) -> Ticket:
    ticket = send(world, **more)
    answer(ticket, world.sam, "C’est réglé.", move_to="resolved")
    return again(ticket)


@pytest.fixture
def closed(world: SimpleNamespace) -> Ticket:
    """Alice's request, solved by sam and closed by her; nothing else is asked about."""
    Satisfaction.delete().execute()
    ticket = lifecycle.close(solved(world), see(world.alice), NOW)
    forget_mails()
    return again(ticket)


def asked(ticket: Ticket) -> bool:
    return Satisfaction.select().where(Satisfaction.ticket == ticket.id).exists()


# ---- Who is asked ----------------------------------------------------------------------------------------


def test_a_request_that_was_solved_and_closed_is_asked_about(world: Any, closed: Ticket) -> None:
    row = Satisfaction.get(Satisfaction.ticket == closed.id)
    assert (row.person_id, row.team_id, row.score) == (world.alice.id, closed.team_id, None)
    assert row.ask_at == NOW + DAY
    assert str(row.closed_on) == "2026-11-10"


def test_one_that_closed_by_itself_after_a_solution_too(world: Any) -> None:
    ticket = solved(world)
    closing.sweep(NOW + 30 * DAY)
    assert again(ticket).status == "closed" and asked(ticket)


def test_withdrawn_merged_and_forgotten_requests_are_not_asked_about(world: Any) -> None:
    withdrawn = send(world)
    lifecycle.close(withdrawn, see(world.alice), NOW)
    merged, into = solved(world), send(world)
    joining.merge(merged, into.number, see(world.sam), NOW)
    silent = send(world)
    answer(silent, world.sam, "Quelle heure ?", move_to="waiting_customer")
    closing.sweep(NOW + 11 * DAY)
    closing.sweep(NOW + 16 * DAY)
    closing.sweep(NOW + 22 * DAY)
    assert again(silent).status == "closed"
    assert not any(asked(ticket) for ticket in (withdrawn, merged, silent))


def test_an_answered_request_that_its_requester_closes_is_asked_about(world: Any) -> None:
    ticket = send(world)
    answer(ticket, world.sam, "Voici comment faire.")
    lifecycle.close(ticket, see(world.alice), NOW)
    assert asked(ticket)


def test_nothing_is_asked_when_the_portal_does_not_ask(world: Any) -> None:
    settings.put("satisfaction", False, None, NOW)
    ticket = lifecycle.close(solved(world), see(world.alice), NOW)
    assert not asked(ticket)


def test_the_mail_leaves_once_and_after_its_days(world: Any, closed: Ticket) -> None:
    assert satisfaction.sweep(NOW + DAY - timedelta(seconds=1)) == 0
    assert satisfaction.sweep(NOW + DAY) == 1
    assert satisfaction.sweep(NOW + 2 * DAY) == 0
    row = OutboxMessage.get()
    assert (row.template, row.person_id, row.ticket_id) == ("satisfaction", world.alice.id, closed.id)


def test_who_chose_not_to_be_asked_is_not_by_mail_nor_on_the_page(world: Any, closed: Ticket) -> None:
    mail_choices.change(see(world.alice), NOW, paces={}, asks_satisfaction=False)
    assert satisfaction.sweep(NOW + DAY) == 0
    assert satisfaction.look(see(world.alice), closed, NOW) is None


def test_who_answered_on_the_page_gets_no_mail(world: Any, closed: Ticket, app: Any) -> None:
    satisfaction.rate(closed, 5, "", see(world.alice), NOW)
    assert satisfaction.sweep(NOW + DAY) == 0
    Satisfaction.update(ask_at=NOW).execute()
    assert satisfaction.sweep(NOW + DAY) == 0


def test_the_mail_asks_by_five_links_that_keep_nothing(world: Any, closed: Ticket, app: Any) -> None:
    satisfaction.sweep(NOW + DAY)
    with app.test_request_context("/"):
        made = mailer.render(OutboxMessage.get(), "https://guichet.example", NOW + DAY)
        for score in satisfaction.SCORES:
            link = f"https://guichet.example/tickets/{closed.number}/satisfaction?score={score}"
            assert link in made.text and link in made.html
        assert "List-Unsubscribe" in made.headers
        satisfaction.rate(closed, 4, "", see(world.alice), NOW + DAY)
        with pytest.raises(Skipped, match="answered-meanwhile"):
            mailer.render(OutboxMessage.get(), "https://guichet.example", NOW + DAY)


# ---- The answer -------------------------------------------------------------------------------------------


def test_an_answer_is_kept_with_its_comment_and_the_history_says_that_it_came(
    world: Any, closed: Ticket
) -> None:
    row = satisfaction.rate(closed, 2, "  Trop lent.  ", see(world.alice), NOW)
    assert (row.score, row.comment, row.answered_at, row.changed_at) == (2, "Trop lent.", NOW, None)
    event = TicketEvent.get((TicketEvent.ticket == closed.id) & (TicketEvent.kind == "ticket:rated"))
    assert (event.is_public, event.data) == (False, {"score": 2, "before": None})
    assert OutboxMessage.select().count() == 0


def test_an_answer_can_be_changed_for_fourteen_days(world: Any, closed: Ticket) -> None:
    alice = see(world.alice)
    satisfaction.rate(closed, 2, "Trop lent.", alice, NOW)
    row = satisfaction.rate(closed, 4, "Finalement bien.", alice, NOW + 14 * DAY - timedelta(seconds=1))
    assert (row.score, row.comment, row.answered_at) == (4, "Finalement bien.", NOW)
    assert history(closed).count("ticket:rated") == 2
    with pytest.raises(NotNow, match="rating-over"):
        satisfaction.rate(closed, 1, "", alice, NOW + 14 * DAY)
    assert Satisfaction.get(Satisfaction.ticket == closed.id).score == 4


def test_the_same_answer_again_says_nothing_new(world: Any, closed: Ticket) -> None:
    for _again in range(2):
        satisfaction.rate(closed, 3, "Bof.", see(world.alice), NOW)
    assert history(closed).count("ticket:rated") == 1


def test_the_question_ends_thirty_days_after_the_closing(world: Any, closed: Ticket) -> None:
    with pytest.raises(NotNow, match="rating-over"):
        satisfaction.rate(closed, 3, "", see(world.alice), NOW + 30 * DAY)


def test_only_the_requester_answers_and_only_what_is_asked(world: Any, closed: Ticket) -> None:
    for person in (world.bob, world.sam, world.root):
        with pytest.raises(NotAllowed, match="rating-not-yours"):
            satisfaction.rate(closed, 5, "", see(person), NOW)
    with pytest.raises(Missing):
        satisfaction.rate(closed, 5, "", see(world.charlie), NOW)
    with pytest.raises(NotNow, match="rating-not-asked"):
        satisfaction.rate(send(world), 5, "", see(world.alice), NOW)
    for score in (0, 6, None):
        with pytest.raises(Invalid, match="rating-score"):
            satisfaction.rate(closed, score, "", see(world.alice), NOW)
    with pytest.raises(Invalid, match="rating-comment-long"):
        satisfaction.rate(closed, 5, "x" * 2001, see(world.alice), NOW)


def test_colleagues_do_not_read_it_and_the_desk_does(world: Any, closed: Ticket) -> None:
    satisfaction.rate(closed, 1, "Une remarque reconnaissable.", see(world.alice), NOW)
    assert satisfaction.look(see(world.bob), closed, NOW) is None
    standing = satisfaction.look(see(world.sam), closed, NOW)
    assert standing is not None and standing.row.score == 1 and not standing.may_answer


# ---- The report --------------------------------------------------------------------------------------------


def test_the_report_counts_by_team_and_by_month(world: Any, closed: Ticket) -> None:
    support, billing = Team.get(Team.slug == "support"), Team.get(Team.slug == "billing")
    satisfaction.rate(closed, 5, "Parfait.", see(world.alice), NOW)
    Satisfaction.update(team=support.id).execute()
    for score, team, day in (
        (4, support, "2026-10-31"),
        (1, billing, "2026-10-01"),
        (None, billing, "2026-11-02"),
    ):
        ticket = lifecycle.close(solved(world), see(world.alice), NOW)
        Satisfaction.update(
            score=score, answered_at=NOW if score else None, team=team.id, closed_on=day
        ).where(Satisfaction.ticket == ticket.id).execute()
    found = satisfaction.report(see(world.vera), NOW.date(), months=2)
    assert (found.total.asked, found.total.answered, found.total.good) == (4, 3, 2)
    assert found.total.counts == (1, 0, 0, 1, 1)
    by_team = {line.team.slug: (line.asked, line.answered, line.good) for line in found.by_team if line.team}
    assert by_team == {"support": (2, 2, 2), "billing": (2, 1, 0)}
    assert [(line.month, line.asked) for line in found.by_month] == [("2026-10", 2), ("2026-11", 2)]
    assert [row.comment for row in found.comments] == ["Parfait."]
    assert satisfaction.report(see(world.root), NOW.date(), months=1).total.asked == 2
    assert satisfaction.report(see(world.root), NOW.date(), months=2, team=billing.id).total.asked == 2


def test_a_period_begins_with_a_month_also_across_the_year() -> None:
    assert satisfaction.first_day(date(2026, 11, 10), 1) == date(2026, 11, 1)
    assert satisfaction.first_day(date(2026, 2, 28), 3) == date(2025, 12, 1)
    assert satisfaction.first_day(date(2026, 12, 1), 12) == date(2026, 1, 1)


def test_reports_are_for_supervisors_and_admins(world: Any) -> None:
    for person in (world.alice, world.bob, world.sam, world.marc):
        with pytest.raises(NotAllowed, match="reports-not-yours"):
            satisfaction.report(see(person), NOW.date())


# ---- Pages ---------------------------------------------------------------------------------------------------


def test_the_page_of_a_closed_request_leads_to_the_question_and_back(
    client: Any, world: Any, closed: Ticket
) -> None:
    client.sign_in(world.alice)
    page = f"/tickets/{closed.number}"
    assert "Comment cela s’est-il passé" in client.get(page).text
    asked_page = client.get(f"{page}/satisfaction?score=4").text
    assert re.search(r'<input[^>]*checked[^>]*value="4"', asked_page), "the answer that the mail’s link names"
    assert Satisfaction.get(Satisfaction.ticket == closed.id).score is None, "opening keeps nothing"
    refused = client.submit(f"{page}/satisfaction", score=None, comment="Un mot à garder.")
    assert refused.status_code == 422 and "Un mot à garder." in refused.text
    done = client.submit(f"{page}/satisfaction", score="5", comment="Rapide et clair.")
    assert done.status_code == 303 and done.location.endswith(page)
    assert "Rapide et clair." in client.get(page).text
    client.sign_in(world.bob)
    assert "Rapide et clair." not in client.get(page).text
    client.sign_in(world.sam)
    assert "Rapide et clair." in client.get(f"/desk/tickets/{closed.number}").text


def test_too_late_answers_409_and_gives_the_words_back(
    client: Any, world: Any, clock: Any, closed: Ticket
) -> None:
    clock.advance(days=31)
    client.sign_in(world.alice)
    path = f"/tickets/{closed.number}/satisfaction"
    assert client.get(path).status_code == 409
    csrf = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/account").text)[1]
    late = client.post(path, data={"csrf_token": csrf, "score": "5", "comment": "Trop tard, mais gardé."})
    assert late.status_code == 409 and "Trop tard, mais gardé." in late.text


def test_the_report_and_its_file(client: Any, world: Any, closed: Ticket) -> None:
    satisfaction.rate(closed, 5, '=HYPERLINK("http://evil.example")', see(world.alice), NOW)
    client.sign_in(world.vera)
    page = client.get("/desk/satisfaction").text
    assert "1 answer to 1 question (100%)" in page and "HYPERLINK" in page
    assert "/desk/satisfaction" in client.get("/desk").text, "the rail leads there"
    file = client.get("/desk/satisfaction.csv?months=1")
    assert file.mimetype == "text/csv" and closed.number in file.text
    assert "'=HYPERLINK" in file.text, "no cell becomes a formula"
    assert client.get("/desk/satisfaction?months=999&team=abc").status_code == 200
    client.sign_in(world.sam)
    assert "/desk/satisfaction" not in client.get("/desk").text
    assert client.get("/desk/satisfaction").status_code == 403


def test_an_empty_report_says_what_to_do(client: Any, world: Any) -> None:
    Satisfaction.delete().execute()
    client.sign_in(world.root)
    assert "Aucune question sur cette période" in client.get("/desk/satisfaction?months=1").text
