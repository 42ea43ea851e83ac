"""How it went (VIEW-17): one question once a request is closed, its answer, and what the reports count of them.

The row is the question: it is made by the closing itself, asked by mail some days later, and answered once.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from peewee import SQL, fn

from domain import closing, mail_choices, policies, settings
from domain.refusals import Invalid, Missing, NotAllowed, NotNow
from models import MailChoice, Person, Satisfaction, Team, Ticket, db

if TYPE_CHECKING:
    from domain.policies import Viewer

# From bad to very good; the words are in presenters.py.
SCORES = (1, 2, 3, 4, 5)
GOOD = (4, 5)
COMMENT_MAX_CHARACTERS = 2_000
# An answer can be given so long after the closing, and changed so long after it was given.
ANSWER_DAYS = 30
CHANGE_DAYS = 14
COMMENTS_SHOWN = 50
REPORT_MONTHS_MOST = 24


# ---- The question --------------------------------------------------------------------------------------


def on_closed(ticket: Ticket, origin: str, now: datetime) -> None:
    """Ask how it went, later, inside the transaction that closes a request. Called by lifecycle.claim().

    Only what was worked on is asked about: what was solved, or answered and then closed by the customer. Never a
    request that goes on in another one, nor one that was withdrawn before anybody had answered.
    """
    if ticket.close_reason == "merged":
        Satisfaction.delete().where(
            (Satisfaction.ticket == ticket.id) & Satisfaction.score.is_null()
        ).execute()
        return
    worked_on = origin == "resolved" or (
        ticket.close_reason == "customer" and ticket.first_response_at is not None
    )
    if ticket.status != "closed" or not worked_on or not settings.get("satisfaction"):
        return
    Satisfaction.insert(
        ticket=ticket.id,
        person=ticket.requester_id,
        team=ticket.team_id,
        closed_on=closing.book().default_calendar.local_day(now),
        ask_at=now + timedelta(days=int(settings.get("satisfaction_days"))),
        comment="",
    ).on_conflict(action="nothing", conflict_target=[Satisfaction.ticket]).execute()


def sweep(now: datetime, limit: int = 500) -> int:
    """Send the question to those who are to be asked now, aware UTC. Returns how many mails were written.

    Each is asked once: whoever asks first empties the date. Who answered on the page already, or chose not to be
    asked, gets no mail.
    """
    from domain import notifications

    rows = list(
        Satisfaction.select(Satisfaction, Ticket, Person)
        .join(Ticket)
        .switch(Satisfaction)
        .join(Person)
        .where(Satisfaction.ask_at.is_null(False) & (Satisfaction.ask_at <= now))
        .order_by(Satisfaction.ask_at, Satisfaction.id)
        .limit(limit)
    )
    asked = 0
    for row in rows:
        with db.atomic():
            first = (
                Satisfaction.update(ask_at=None)
                .where((Satisfaction.id == row.id) & Satisfaction.ask_at.is_null(False))
                .execute()
            )
            if not first or row.score is not None or not settings.get("satisfaction"):
                continue
            if not mail_choices.of_person(row.person).asks_satisfaction:
                continue
            source = f"satisfaction:{row.id}"
            asked += notifications.enqueue(
                "satisfaction", source=source, now=now, person=row.person, ticket=row.ticket
            )
    return asked


# ---- The answer ----------------------------------------------------------------------------------------


class Standing(NamedTuple):
    """The question about one request, for one reader."""

    row: Satisfaction
    # This person is the one who is asked, and can answer, or change the answer, now.
    may_answer: bool
    # The last day on which that is so, aware UTC.
    until: datetime


def look(viewer: Viewer, ticket: Ticket, now: datetime) -> Standing | None:
    """The question about a closed request, for its requester and for the desk; None for anybody else.

    None too when nothing is asked. One query, for closed requests only.

    Arguments: ticket, one that the viewer may see; now, aware UTC.
    """
    if ticket.status != "closed" or ticket.merged_into_id is not None:
        return None
    if not policies.can_read_rating(viewer, ticket):
        return None
    row = (
        Satisfaction.select(Satisfaction, MailChoice.asks_satisfaction)
        .left_outer_join(MailChoice, on=(MailChoice.person == Satisfaction.person), attr="choice")
        .where(Satisfaction.ticket == ticket.id)
        .first()
    )
    if row is None:
        return None
    choice = getattr(row, "choice", None)
    spared = choice is not None and choice.asks_satisfaction is False
    if row.score is None and spared:
        return None
    until = _until(row, ticket)
    return Standing(row, row.person_id == viewer.id and now < until, until)


def _until(row: Satisfaction, ticket: Ticket) -> datetime:
    if row.answered_at is not None:
        return row.answered_at + timedelta(days=CHANGE_DAYS)
    return (ticket.closed_at or ticket.updated_at) + timedelta(days=ANSWER_DAYS)


def rate(ticket: Ticket, score: int | None, comment: str, by: Viewer, now: datetime) -> Satisfaction:
    """Say how a request went, or say it anew within CHANGE_DAYS days (VIEW-17). Its history keeps that it was said.

    Arguments: score, of SCORES; comment, plain text, may be empty; now, aware UTC. Returns the row.
    Raises Missing for a request that this person may not know of, NotAllowed("rating-not-yours"),
    NotNow("rating-not-asked") or NotNow("rating-over"), Invalid("rating-score"), Invalid("rating-comment-long").
    """
    from domain import audit

    if not policies.can_see(by, ticket):
        raise Missing()
    if by.id != ticket.requester_id:
        raise NotAllowed("rating-not-yours")
    with db.atomic():
        ticket = Ticket.get_by_id(ticket.id)
        row = Satisfaction.get_or_none(Satisfaction.ticket == ticket.id)
        if row is None or row.person_id != by.id or ticket.merged_into_id is not None:
            raise NotNow("rating-not-asked", number=ticket.number)
        if now >= _until(row, ticket):
            raise NotNow("rating-over", number=ticket.number)
        if score not in SCORES:
            raise Invalid("rating-score", field="score")
        comment = comment.strip()
        if len(comment) > COMMENT_MAX_CHARACTERS:
            raise Invalid("rating-comment-long", field="comment", limit=COMMENT_MAX_CHARACTERS)
        before = row.score
        if (before, row.comment) == (score, comment):
            return row
        done = (
            Satisfaction.update(
                score=score,
                comment=comment,
                answered_at=row.answered_at or now,
                changed_at=now if row.answered_at is not None else None,
                ask_at=None,
            )
            .where(
                (Satisfaction.id == row.id)
                & (Satisfaction.score.is_null() if before is None else Satisfaction.score == before)
            )
            .execute()
        )
        if not done:
            raise NotNow("changed-meanwhile", number=ticket.number)
        # The words stay in their row: what a person wrote can be taken back or erased there.
        audit.record_event(ticket, "ticket:rated", by, now, public=False, score=score, before=before)
    return Satisfaction.get_by_id(row.id)


# ---- Reports -------------------------------------------------------------------------------------------


class Line(NamedTuple):
    """One line of a report: a team (None: all, or none) or a month, how many were asked, how many gave each score."""

    team: Team | None
    month: str
    asked: int
    counts: tuple[int, int, int, int, int]

    @property
    def answered(self) -> int:
        """How many answered."""
        return sum(self.counts)

    @property
    def good(self) -> int:
        """How many were content: the two best answers."""
        return self.counts[3] + self.counts[4]


class Report(NamedTuple):
    """What was said of the requests closed in some months: altogether, by team, by month, and the newest comments."""

    since: date
    total: Line
    by_team: list[Line]
    by_month: list[Line]
    comments: list[Satisfaction]


def first_day(today: date, months: int) -> date:
    """The first day of the period of so many months that ends with the present one."""
    at = today.year * 12 + today.month - months
    return date(at // 12, at % 12 + 1, 1)


def report(by: Viewer, today: date, *, months: int = 12, team: int | None = None) -> Report:
    """What requesters said of requests closed in the last months (VIEW-17). Four queries; the database counts.

    Arguments: today, in the zone of the portal; months, 1 to REPORT_MONTHS_MOST, the present one included; team, the
    key of one team only. Raises NotAllowed("reports-not-yours").
    """
    if not policies.can_read_reports(by):
        raise NotAllowed("reports-not-yours")
    since = first_day(today, months)
    within = Satisfaction.closed_on >= since
    if team is not None:
        within &= Satisfaction.team == team
    # The figures are written out: bound twice, they would be two expressions for PostgreSQL.
    month = fn.SUBSTR(Satisfaction.closed_on.cast("text"), SQL("1"), SQL("7"))
    rows = list(
        Satisfaction.select(Satisfaction.team, month, Satisfaction.score, fn.COUNT(Satisfaction.id))
        .where(within)
        .group_by(Satisfaction.team, month, Satisfaction.score)
        .tuples()
    )
    teams = {row.id: row for row in Team.select()}
    months_seen = sorted({row[1] for row in rows})
    by_team = [
        _line(teams.get(key), "", [row for row in rows if row[0] == key])
        for key in sorted({row[0] for row in rows}, key=lambda key: _place(teams.get(key)))
    ]
    by_month = [_line(None, name, [row for row in rows if row[1] == name]) for name in months_seen]
    return Report(since, _line(None, "", rows), by_team, by_month, _comments(within))


def _place(team: Team | None) -> tuple[int, int]:
    return (team.position, team.id) if team is not None else (10_000, 0)


def _line(team: Team | None, month: str, rows: Iterable[Any]) -> Line:
    counts, asked = [0, 0, 0, 0, 0], 0
    for _team, _month, score, count in rows:
        asked += count
        if score is not None:
            counts[score - 1] += count
    return Line(team, month, asked, (counts[0], counts[1], counts[2], counts[3], counts[4]))


def _comments(within: Any) -> list[Satisfaction]:
    return list(
        Satisfaction.select(Satisfaction, Ticket, Person, Team)
        .join(Ticket)
        .switch(Satisfaction)
        .join(Person)
        .switch(Satisfaction)
        .left_outer_join(Team, on=(Satisfaction.team == Team.id), attr="team")
        .where(within & (Satisfaction.comment != ""))
        .order_by(Satisfaction.closed_on.desc(), Satisfaction.id.desc())
        .limit(COMMENTS_SHOWN)
    )


def answers(by: Viewer, today: date, *, months: int = 12, team: int | None = None) -> list[Satisfaction]:
    """Every answer of the same period, oldest first, with request, person and team: for a file. One query.

    Raises NotAllowed("reports-not-yours").
    """
    if not policies.can_read_reports(by):
        raise NotAllowed("reports-not-yours")
    within = (Satisfaction.closed_on >= first_day(today, months)) & Satisfaction.score.is_null(False)
    if team is not None:
        within &= Satisfaction.team == team
    return list(
        Satisfaction.select(Satisfaction, Ticket, Person, Team)
        .join(Ticket)
        .switch(Satisfaction)
        .join(Person)
        .switch(Satisfaction)
        .left_outer_join(Team, on=(Satisfaction.team == Team.id), attr="team")
        .where(within)
        .order_by(Satisfaction.closed_on, Satisfaction.id)
    )
