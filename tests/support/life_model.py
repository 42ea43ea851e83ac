"""The life of a request in plain Python, written from the rows of the product alone: what each verb does, to whom it is
refused, and when something happens by itself. It imports nothing of the domain; tests hold the domain against it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

PARIS = ZoneInfo("Europe/Paris")
DAY = timedelta(days=1)

# ---- Moves (LIFE-1, LIFE-2) ----------------------------------------------------------------------------

STATUSES = (
    "registered", "qualified", "in_progress", "waiting_customer", "waiting_engineering", "customer_testing",
    "awaiting_rollback", "blocked", "escalated_l2", "escalated_product", "escalated_development", "resolved",
    "expired", "closed",
)  # fmt: skip

# From each status (a line) to each status (a column, in the order above), who may: s the desk, c a customer who may
# answer, r a closing rule or the end of a block. Verbs that bring moves of their own change this table by hand.
_MOVES = """
registered             .  s  s  s   s  s   .  s  s  s  s  s   .   sc
qualified              .  .  s  s   s  s   .  s  s  s  s  s   .   sc
in_progress            .  s  .  s   s  s   .  s  s  s  s  s   .   sc
waiting_customer       .  sc sc .   s  s   .  s  s  s  s  s   .   scr
waiting_engineering    .  s  s  s   .  s   .  s  s  s  s  s   .   sc
customer_testing       .  sc sc s   s  .   sr s  s  s  s  s   .   sc
awaiting_rollback      .  s  s  s   s  s   .  s  s  s  s  s   sr  sc
blocked                .  sr sr s   s  s   .  .  s  s  s  s   .   sc
escalated_l2           .  s  s  s   s  s   .  s  .  s  s  s   .   sc
escalated_product      .  s  s  s   s  s   .  s  s  .  s  s   .   sc
escalated_development  .  s  s  s   s  s   .  s  s  s  .  s   .   sc
resolved               .  sc sc .   .  .   .  .  .  .  .  .   .   scr
expired                .  .  .  .   .  .   .  .  .  .  .  .   .   s
closed                 .  .  .  .   .  .   .  .  .  .  .  .   .   .
"""
MOVES: dict[tuple[str, str], str] = {
    (line.split()[0], target): who.strip(".")
    for line in _MOVES.strip().splitlines()
    for target, who in zip(STATUSES, line.split()[1:], strict=True)
}
OVER = ("closed", "expired")
AWAITING = ("waiting_customer", "customer_testing", "resolved")
# What waits for a request in one of these goes on (LIFE-9).
ENDED = ("resolved", *OVER)
# How a reference begins that nobody gave (LIFE-11).
ESCALATIONS = {"escalated_l2": "N2", "escalated_product": "SPC", "escalated_development": "RPC"}
# As long as the page speaks of the test, it says where it was to be (LIFE-7).
UNDER_TEST = ("customer_testing", "awaiting_rollback", "expired")


def may_move(origin: str, target: str, actor: str) -> bool:
    """Whether an actor (s, c or r) may take a request from one status to another."""
    return actor in MOVES[origin, target]


# ---- Days (LIFE-5, 6, 7, 14, 15) -----------------------------------------------------------------------


@cache
def _holidays(year: int) -> frozenset[date]:
    """The eleven legal holidays of France; Easter by Gauss."""
    a, b, c = year % 19, year % 4, year % 7
    k = year // 100
    m = (15 - (13 + 8 * k) // 25 + k - k // 4) % 30
    d = (19 * a + m) % 30
    e = (2 * b + 4 * c + 6 * d + (4 + k - k // 4) % 7) % 7
    days = 22 + d + e
    if days == 57 or (days == 56 and d == 28 and a > 10):
        days -= 7
    easter = date(year, 3, 1) + timedelta(days=days - 1)
    fixed = [(1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25)]
    return frozenset({date(year, *day) for day in fixed} | {easter + n * DAY for n in (1, 39, 50)})


def local_day(instant: datetime) -> date:
    """The day of Paris in which an instant lies."""
    return instant.astimezone(PARIS).date()


def end_of(day: date) -> datetime:
    """The instant at which a day of Paris is over."""
    return datetime.combine(day + DAY, datetime.min.time(), PARIS).astimezone(UTC)


def after(day: date, count: int, unit: str) -> date:
    """The count-th day (or working day) after a day, by walking."""
    while count:
        day += DAY
        if unit == "days" or (day.weekday() < 5 and day not in _holidays(day.year)):
            count -= 1
    return day


# status: unit, the steps by their distance, the status at the end.
RULES: dict[str, tuple[str, tuple[int, ...], str]] = {
    "waiting_customer": ("days", (10, 15, 20), "closed"),
    "resolved": ("working", (7,), "closed"),
    "customer_testing": ("working", (10,), "awaiting_rollback"),
    "awaiting_rollback": ("working", (2,), "expired"),
}
KEEP_OPEN_DAYS, KEEP_OPEN_TIMES = 5, 2
DELETION_WAIT = timedelta(hours=24)
DELETION_ANSWER_DAYS = 5


# ---- Who ---------------------------------------------------------------------------------------------

AGENTS = frozenset({"sam", "ines", "vera", "root"})
SUPERVISORS = frozenset({"vera", "ines"})
STAFF = AGENTS | {"marc"}
CUSTOMERS = ("alice", "bob", "dana", "charlie", "erin")
PEOPLE = (*CUSTOMERS, "sam", "ines", "vera", "root", "marc")
ORGANISATIONS = ("acme", "globex")
DOMAINS = {"acme": ("acme.example",), "globex": ()}
TEAMS = {"support": {"sam", "vera"}, "engineering": {"ines"}}
PRIORITIES = ("1", "2", "3", "4")
ROLES = ("member", "contact", "administrator")


class No(Exception):
    """The verb is refused, with this HTTP status. `changed`: what was found out is kept all the same."""

    def __init__(self, status: int, changed: bool = False) -> None:
        super().__init__(status)
        self.status = status
        self.changed = changed


def address(name: str) -> str:
    """The address of a person of the small world."""
    host = {"alice": "acme", "bob": "acme", "dana": "acme", "charlie": "globex", "erin": "globex"}
    return f"{name}@{host.get(name, 'guichet')}.example"


@dataclass
class Procedure:
    """An irreversible request (REQ-4)."""

    state: str = "announced"
    first: str | None = None
    second: str | None = None
    second_role: str = ""
    answer_by: datetime | None = None
    due_at: datetime | None = None


@dataclass
class Contest:
    """A lowered priority with which a customer does not agree (LIFE-10)."""

    before: str
    lowered_by: str
    by: str
    decided: bool = False


@dataclass(eq=False)
class Case:
    """One request as it should be."""

    organisation: str
    requester: str
    opened_by: str
    audience: str
    shared: bool
    priority: str | None
    team: str
    status: str = "registered"
    assignee: str | None = None
    # (address, role): at most one of each.
    copies: set[tuple[str, str]] = field(default_factory=set)
    # The days at whose end something happens by itself, the last of them the move.
    plan: list[date] = field(default_factory=list)
    # How many steps its rule has, so that what is left says which comes next.
    kept_open: int = 0
    replies: int = 1
    notes: int = 0
    procedure: Procedure | None = None
    number: str = ""
    # Who wrote each message that the customer reads, the first one included.
    authors: list[str] = field(default_factory=list)
    reference: str = ""
    environment: str = ""
    merged_into: Case | None = None
    # Each time the priority was lowered: from which, by whom.
    lowered: list[tuple[str, str]] = field(default_factory=list)
    contest: Contest | None = None
    # Who handed it over last.
    handed_by: str | None = None
    # As it was opened: what the history begins with.
    first: tuple[str, str | None] = ("", None)

    def __post_init__(self) -> None:
        self.first = (self.requester, self.priority)
        self.authors = self.authors or [self.opened_by]

    @property
    def reminders_sent(self) -> int:
        """How many reminders went out since the clock started."""
        return len(RULES[self.status][1]) - len(self.plan) if self.plan else 0


class Model:
    """Everything that the verbs read, and the verbs."""

    def __init__(self) -> None:
        self.members: dict[tuple[str, str], str] = {
            ("alice", "acme"): "contact",
            ("bob", "acme"): "administrator",
            ("dana", "acme"): "member",
            ("charlie", "globex"): "contact",
            ("erin", "globex"): "administrator",
        }
        # The role that the row of somebody who was removed still bears.
        self.former: dict[tuple[str, str], str] = {}
        self.cases: dict[int, Case] = {}
        # Which block of the portal (its key): who waits, and for which.
        self.blocks: dict[int, tuple[Case, Case]] = {}

    # Rights

    def role(self, who: str, organisation: str) -> str | None:
        return self.members.get((who, organisation))

    def approved(self, who: str, organisation: str) -> bool:
        return self.role(who, organisation) in ("contact", "administrator")

    def sees(self, who: str, case: Case) -> bool:
        if who in AGENTS:
            return True
        if who == "marc":
            return case.organisation == "acme" and case.shared
        if any(email == address(who) for email, _role in case.copies):
            return True
        role = self.role(who, case.organisation)
        if role is None:
            return False
        if role == "administrator" or who == case.requester:
            return True
        return role == "contact" and case.audience == "organisation"

    def writes(self, who: str, case: Case) -> bool:
        """May answer, whatever the status."""
        if who in STAFF:
            return who in AGENTS
        if self.role(who, case.organisation) is not None and who == case.requester:
            return True
        if self.approved(who, case.organisation) and self.sees(who, case):
            return True
        return any(email == address(who) and role in ("cc", "collaborator") for email, role in case.copies)

    def _known(self, who: str, case: Case) -> None:
        if not self.sees(who, case):
            raise No(404)

    def _at_desk(self, who: str, case: Case) -> None:
        if who not in AGENTS:
            raise No(403 if self.sees(who, case) else 404)

    # Pieces

    def _restart(self, case: Case, now: datetime) -> None:
        """The clock starts anew, in the status of now."""
        case.kept_open = 0
        unit, steps, _target = RULES.get(case.status, ("days", (), ""))
        case.plan = [after(local_day(now), count, unit) for count in steps]

    def _go(
        self,
        case: Case,
        target: str,
        who: str | None,
        now: datetime,
        reference: str = "",
        environment: str = "",
    ) -> None:
        """Take a move of the table, or refuse it."""
        actor = "r" if who is None else "s" if who in STAFF else "c"
        if not may_move(case.status, target, actor):
            raise No(409)
        procedure = case.procedure
        if (
            procedure is not None
            and procedure.state not in ("carried_out", "cancelled")
            and target in ("resolved", *OVER)
        ):
            if target == "resolved":
                raise No(409)
            procedure.state = "cancelled"
        self._become(case, target, now, reference, environment)

    def _become(
        self, case: Case, target: str, now: datetime, reference: str = "", environment: str = ""
    ) -> None:
        """Everything that follows from another status, whatever brought it."""
        origin, case.status = case.status, target
        self._restart(case, now)
        case.reference = ""
        if target in ESCALATIONS:
            case.reference = reference or f"{ESCALATIONS[target]}-{case.number.split('-')[1]}"
        if target == "customer_testing":
            case.environment = environment
        elif target not in UNDER_TEST:
            case.environment = ""
        if origin == "blocked":
            self.blocks = {key: pair for key, pair in self.blocks.items() if pair[0] is not case}
        if target in ENDED and origin not in ENDED:
            for key in [key for key, pair in self.blocks.items() if pair[1] is case]:
                self._let_go(key, now)

    def _let_go(self, key: int, now: datetime) -> None:
        """One block ends; after the last one the request goes on."""
        case, _blocker = self.blocks.pop(key)
        if case.status == "blocked" and not self.blockers(case):
            self._become(case, self._back_to_work(case), now)

    def blockers(self, case: Case) -> list[Case]:
        return [blocker for waiting, blocker in self.blocks.values() if waiting is case]

    def waits_for(self, case: Case, other: Case) -> bool:
        """Directly or through others."""
        return any(found is other or self.waits_for(found, other) for found in self.blockers(case))

    def _back_to_work(self, case: Case) -> str:
        return "in_progress" if case.assignee else "qualified"

    # Conversation

    def reply(
        self, case: Case, who: str, now: datetime, move_to: str | None, stale: bool, environment: str = ""
    ) -> None:
        self._known(who, case)
        if case.status == "closed":
            raise No(409)
        if not self.writes(who, case):
            raise No(403)
        if who in STAFF and stale:
            raise No(409)
        target = case.status
        if who not in STAFF:
            if case.status in AWAITING:
                target = self._back_to_work(case)
        elif move_to:
            target = move_to
        elif case.status in ("registered", "qualified"):
            target = "in_progress"
        self._said(case, who, now, target, environment)

    def _said(self, case: Case, who: str, now: datetime, target: str, environment: str = "") -> None:
        origin = case.status
        if target != origin:
            self._go(case, target, who, now, environment=environment)
        if who in STAFF and case.assignee is None and origin != "expired":
            case.assignee = who
        case.replies += 1
        case.authors.append(who)
        self._restart(case, now)

    def note(self, case: Case, who: str) -> None:
        self._known(who, case)
        if who not in AGENTS:
            raise No(403)
        case.notes += 1

    def verdict(self, case: Case, who: str) -> None:
        """What "it works" and "it does not work" have in common."""
        self._known(who, case)
        if not self.writes(who, case):
            raise No(403)
        if case.status != "resolved":
            raise No(409)

    def works(self, case: Case, who: str, now: datetime, words: bool) -> None:
        self.verdict(case, who)
        if words:
            self._said(case, who, now, "closed")
        else:
            self._go(case, "closed", who, now)

    def reopen(self, case: Case, who: str, now: datetime) -> None:
        self.verdict(case, who)
        self._said(case, who, now, "in_progress" if who in STAFF else self._back_to_work(case))

    def tested(self, case: Case, who: str, now: datetime, words: bool) -> None:
        """The change works where it was tested: the team goes on."""
        self._known(who, case)
        if not self.writes(who, case):
            raise No(403)
        if case.status != "customer_testing":
            raise No(409)
        if words:
            # Whoever of the desk says so with words has the request, and works on it.
            self._said(case, who, now, "in_progress" if who in STAFF else self._back_to_work(case))
        else:
            self._go(case, self._back_to_work(case), who, now)

    def keep_open(self, case: Case, who: str, now: datetime) -> None:
        self._known(who, case)
        if not self.writes(who, case):
            raise No(403)
        if case.status not in AWAITING or case.kept_open >= KEEP_OPEN_TIMES:
            raise No(409)
        unit = RULES[case.status][0]
        least = after(local_day(now), KEEP_OPEN_DAYS, unit)
        plan = [after(day, KEEP_OPEN_DAYS, unit) for day in case.plan]
        while plan[-1] < least:
            plan = [after(day, 1, unit) for day in plan]
        case.plan = plan
        case.kept_open += 1

    # The desk

    def move(
        self, case: Case, who: str, target: str, now: datetime, stale: bool = False, environment: str = ""
    ) -> None:
        if who in STAFF:
            self._at_desk(who, case)
        else:
            self._known(who, case)
            if not self.writes(who, case):
                raise No(403)
        if stale:
            raise No(409)
        if target != case.status:
            self._go(case, target, who, now, environment=environment)

    def escalate(self, case: Case, who: str, target: str, now: datetime, reference: str, stale: bool) -> None:
        if target not in ESCALATIONS:
            raise No(422)
        self._at_desk(who, case)
        if stale:
            raise No(409)
        if target != case.status:
            self._go(case, target, who, now, reference=reference)
        elif reference:
            case.reference = reference

    def assign(self, case: Case, who: str, to: str | None, now: datetime, stale: bool = False) -> None:
        self._at_desk(who, case)
        if stale or case.status in OVER:
            raise No(409)
        if to is not None and to not in AGENTS:
            raise No(422)
        if to == case.assignee:
            return
        case.assignee = to
        if to is not None and case.status in ("registered", "qualified"):
            self._become(case, "in_progress", now)
        elif to is None and case.status == "in_progress":
            self._become(case, "qualified", now)

    def take(self, case: Case, who: str, now: datetime, fresh: bool) -> None:
        self._at_desk(who, case)
        if case.assignee not in (None, who) and not fresh:
            raise No(409)
        self.assign(case, who, who, now)

    def set_team(self, case: Case, who: str, team: str | None, now: datetime, stale: bool) -> None:
        self._at_desk(who, case)
        if stale or case.status in OVER:
            raise No(409)
        if team is None:
            raise No(422)
        if team == case.team:
            return
        case.team = team
        if case.assignee is not None and case.assignee not in TEAMS[team]:
            case.assignee = None
            if case.status == "in_progress":
                self._become(case, "qualified", now)

    def set_priority(self, case: Case, who: str, value: str, reason: str, stale: bool) -> None:
        self._at_desk(who, case)
        if stale or case.status in OVER:
            raise No(409)
        if value not in PRIORITIES:
            raise No(422)
        if case.priority is not None and value > case.priority and not reason:
            raise No(422)
        if value == case.priority:
            return
        contest = case.contest
        if contest is not None and not contest.decided and not self._decides(who, contest):
            raise No(409)
        if case.priority is not None and value > case.priority:
            case.lowered.append((case.priority, who))
        elif contest is not None and value == contest.before:
            # What was taken away is given back: that is the decision.
            contest.decided = True
        case.priority = value

    # Many at once (LIFE-2)

    def many(
        self,
        who: str,
        cases: list[Case],
        act: str,
        value: str | None,
        now: datetime,
        seen: str | None,
        unknown: bool,
    ) -> list[tuple[str, int | None, bool]]:
        """What becomes of each: its number, how it is refused, whether it changed. `unknown`: and one that is none."""
        if act == "assign" and value is not None and value not in AGENTS:
            raise No(422)
        if who not in AGENTS:
            raise No(403)
        chosen = list(dict.fromkeys(cases))
        if not chosen and not unknown:
            raise No(422)
        found: dict[Case, tuple[int | None, bool]] = {}
        while len(found) < len(chosen):
            # What waits for another of them comes before it: it was chosen as it waits.
            case = next(
                case
                for case in chosen
                if case not in found
                and not any(
                    blocker is case and w in chosen and w not in found for w, blocker in self.blocks.values()
                )
            )
            found[case] = self._one_of_many(who, case, act, value, now, seen)
        outcomes = [(case.number, *found[case]) for case in chosen]
        return [*outcomes, ("SUP-9999999", 404, False)] if unknown else outcomes

    def _one_of_many(
        self, who: str, case: Case, act: str, value: str | None, now: datetime, seen: str | None
    ) -> tuple[int | None, bool]:
        before = (case.status, case.assignee, case.team)
        try:
            if act == "move":
                assert value is not None
                self.move(case, who, value, now, seen == "old")
            elif act == "set_team":
                self.set_team(case, who, value, now, seen == "old")
            elif value == who:
                self.take(case, who, now, seen == "now")
            else:
                self.assign(case, who, value, now, seen == "old")
        except No as no:
            return no.status, False
        return None, before != (case.status, case.assignee, case.team)

    # A priority that is contested (LIFE-10)

    def _decides(self, who: str, contest: Contest) -> bool:
        return who in SUPERVISORS and who != contest.lowered_by

    def contest(self, case: Case, who: str, reason: str) -> None:
        self._known(who, case)
        if who in STAFF or not (
            self.approved(who, case.organisation)
            or (who == case.requester and self.role(who, case.organisation) is not None)
        ):
            raise No(403)
        taken = [pair for pair in case.lowered if case.priority is not None and pair[0] < case.priority]
        if case.status in OVER or case.contest is not None or not taken:
            raise No(409)
        if not reason:
            raise No(422)
        case.contest = Contest(*taken[-1], who)

    def decide(self, case: Case, who: str, outcome: str, answer: str) -> None:
        self._at_desk(who, case)
        contest = case.contest
        if contest is None:
            raise No(409)
        if not self._decides(who, contest):
            raise No(403)
        if contest.decided or case.status in OVER:
            raise No(409)
        if outcome not in ("restored", "kept") or (outcome == "kept" and not answer):
            raise No(422)
        contest.decided = True
        if outcome == "restored" and case.priority is not None:
            case.priority = min(case.priority, contest.before)

    # What waits for another one (LIFE-9)

    def block(
        self, case: Case, who: str, other: Case | None, now: datetime, stale: bool
    ) -> Callable[[int], None]:
        """Returns what keeps the block once its key is known."""
        self._at_desk(who, case)
        if other is None or other is case or self.waits_for(other, case):
            raise No(422)
        if stale:
            raise No(409)
        if other.status in ENDED or other in self.blockers(case):
            raise No(422)
        if case.status != "blocked":
            self._go(case, "blocked", who, now)

        def keep(key: int) -> None:
            self.blocks[key] = (case, other)

        return keep

    def unblock(self, case: Case, who: str, key: int, over: bool, now: datetime, stale: bool) -> None:
        """`over`: a block of this request that ended."""
        self._at_desk(who, case)
        if stale:
            raise No(409)
        if key in self.blocks and self.blocks[key][0] is case:
            self._let_go(key, now)
        else:
            raise No(409 if over else 404)

    # Handing on (LIFE-16, LIFE-18)

    def _under_way(self, case: Case) -> bool:
        return case.procedure is not None and case.procedure.state not in ("carried_out", "cancelled")

    def _follower(self, email: str, organisation: str) -> tuple[str, str]:
        """What somebody of a merged request becomes on the one that goes on."""
        inside = any(address(name) == email and there == organisation for name, there in self.members)
        return email, "collaborator" if inside else "cc"

    def merge(self, case: Case, who: str, into: Case | None, now: datetime, stale: bool) -> None:
        self._at_desk(who, case)
        if case.status in OVER or self._under_way(case):
            raise No(409)
        if into is None or into is case or into.organisation != case.organisation:
            raise No(422)
        if into.status in OVER or self._under_way(into):
            raise No(422)
        if stale:
            raise No(409)
        follow = {email for email, role in into.copies if role != "reader"} | {address(into.requester)}
        come = [email for email, role in case.copies if role != "reader"]
        if self.role(case.requester, case.organisation) is not None:
            come.append(address(case.requester))
        joined = {self._follower(email, case.organisation) for email in come if email not in follow}
        known = follow | {email for email, _role in joined}
        joined |= {(email, role) for email, role in case.copies if role == "reader" and email not in known}
        into.copies |= joined
        # What waits for it waits for the one that goes on, where that makes sense.
        for key, (waiting, blocker) in self.blocks.items():
            if blocker is not case or waiting is into or into in self.blockers(waiting):
                continue
            if into.status not in ENDED and not self.waits_for(into, waiting):
                self.blocks[key] = (waiting, into)
        self._go(case, "closed", who, now)
        case.merged_into = into

    def split(
        self, case: Case, who: str, place: int, with_copies: bool, team: Callable[[], str]
    ) -> Callable[[int], Case]:
        """Returns what keeps the new request once its key is known."""
        self._at_desk(who, case)
        if not 0 <= place < len(case.authors):
            raise No(404)
        author = case.authors[place]
        inside = author not in STAFF and self.role(author, case.organisation) is not None
        requester = author if inside else case.requester

        def keep(key: int) -> Case:
            made = Case(
                case.organisation, requester, who, case.audience, case.shared, case.priority, team(), authors=[author]
            )  # fmt: skip
            if with_copies:
                made.copies |= {copy for copy in case.copies if copy[1] != "reader"}
            if case.audience == "people":
                made.copies |= {copy for copy in case.copies if copy[1] == "reader"}
                if self.role(case.requester, case.organisation) is not None:
                    made.copies.add((address(case.requester), "reader"))
            made.copies = {copy for copy in made.copies if copy[0] != address(requester)}
            self.cases[key] = made
            return made

        return keep

    def _may_have(self, who: str, organisation: str) -> bool:
        return who not in STAFF and self.approved(who, organisation)

    def handover(self, case: Case, who: str, to: str, keep: bool, stale: bool) -> None:
        if to == case.requester and case.handed_by == who:
            return
        if who in STAFF:
            self._at_desk(who, case)
        else:
            self._known(who, case)
            role = self.role(who, case.organisation)
            if role != "administrator" and (role is None or who != case.requester):
                raise No(403)
        if case.status in OVER or self._agreed_to(case) or stale:
            raise No(409)
        if to == case.requester or not self._may_have(to, case.organisation):
            raise No(422)
        self._hand(case, to, who, keep)

    def _agreed_to(self, case: Case) -> bool:
        return case.procedure is not None and case.procedure.state in ("confirmed", "waiting", "ready")

    def _hand(self, case: Case, to: str, who: str, keep: bool) -> None:
        former, case.requester, case.handed_by = case.requester, to, who
        case.copies = {copy for copy in case.copies if copy[0] != address(to)}
        follows = any((address(former), role) in case.copies for role in ("cc", "collaborator"))
        if keep and not follows and self.role(former, case.organisation) is not None:
            case.copies.add((address(former), "collaborator"))

    # Copies

    def _keeps_copies(self, who: str, case: Case) -> bool:
        if case.status in OVER:
            return False
        if who in STAFF:
            return who in AGENTS
        role = self.role(who, case.organisation)
        if role is None:
            return False
        return who == case.requester or (role != "member" and self.sees(who, case))

    def may_be_in_copy(self, who: str, organisation: str, email: str) -> bool:
        if who in AGENTS or email.partition("@")[2] in DOMAINS[organisation]:
            return True
        return any(address(name) == email and there == organisation for name, there in self.members)

    def add_cc(self, case: Case, who: str, email: str) -> None:
        self._known(who, case)
        if not self._keeps_copies(who, case):
            raise No(403)
        if not self.may_be_in_copy(who, case.organisation, email):
            raise No(422)
        if email != address(case.requester):
            case.copies.add((email, "cc"))

    def remove_cc(self, case: Case, who: str, copy: tuple[str, str] | None) -> None:
        self._known(who, case)
        if copy is None:
            raise No(404)
        if copy[0] != address(who) and not self._keeps_copies(who, case):
            raise No(403)
        case.copies.discard(copy)

    def collaborate(self, case: Case, who: str) -> None:
        self._known(who, case)
        if not self.approved(who, case.organisation) or who == case.requester:
            raise No(403)
        if case.status in OVER:
            raise No(409)
        case.copies.add((address(who), "collaborator"))

    # Opening

    def submit(
        self,
        who: str,
        organisation: str,
        requester: str,
        audience: str,
        shared: bool,
        copy: str | None,
        follows: Case | None,
        deletes: bool,
        team: Callable[[], str],
    ) -> Callable[[int], Case]:
        """Returns what keeps the new request once its key is known."""
        if not self.approved(who, organisation):
            raise No(403)
        if requester != who and not (
            self.role(who, organisation) == "administrator" and self.role(requester, organisation)
        ):
            raise No(403)
        if follows is not None:
            self._known(who, follows)
            # A merged one goes on elsewhere.
            if follows.status not in OVER or follows.merged_into is not None:
                raise No(409)
            if not self.approved(who, follows.organisation):
                raise No(403)
            if follows.organisation != organisation:
                raise No(404)
        if copy is not None and not self.may_be_in_copy(who, organisation, copy):
            raise No(422)
        if audience == "people" and requester != "dana" and self.role("dana", organisation) is None:
            raise No(422)

        def keep(key: int) -> Case:
            case = Case(
                organisation, requester, who, audience, shared, None if deletes else "2", team(),
                procedure=Procedure() if deletes else None,
            )  # fmt: skip
            if copy is not None and copy != address(requester):
                case.copies.add((copy, "cc"))
            if audience == "people" and requester != "dana":
                case.copies.add((address("dana"), "reader"))
            self.cases[key] = case
            return case

        return keep

    # Contacts (ACC-3)

    def _keeps_list(self, who: str, organisation: str) -> bool:
        return who == "root" or self.role(who, organisation) == "administrator"

    def remove_member(self, who: str, person: str, organisation: str, to: str | None = None) -> None:
        pair = (person, organisation)
        if (pair not in self.members and pair not in self.former) or not self._keeps_list(who, organisation):
            raise No(404)
        if person == who:
            raise No(403)
        role = self.members.get(pair) or self.former[pair]
        if role == "administrator" and who != "root":
            raise No(403)
        if pair in self.members:
            if to is not None and (to == person or not self._may_have(to, organisation)):
                raise No(422)
            self.former[pair] = self.members.pop(pair)
            for case in self.cases.values():
                if case.organisation == organisation:
                    case.copies = {copy for copy in case.copies if copy[0] != address(person)}
                    if to is None or case.requester != person or case.status in OVER or self._agreed_to(case):
                        continue
                    self._hand(case, to, who, False)

    def approve(self, who: str, person: str, organisation: str) -> None:
        pair = (person, organisation)
        if (pair not in self.members and pair not in self.former) or not self._keeps_list(who, organisation):
            raise No(404)
        if self.members.get(pair) != "administrator":
            self.members[pair] = "contact"
            self.former.pop(pair, None)

    def attach(self, who: str, person: str, organisation: str, role: str) -> None:
        if who != "root":
            raise No(403)
        if person in STAFF:
            raise No(422)
        self.members[person, organisation] = role
        self.former.pop((person, organisation), None)

    # What cannot be undone (REQ-4)

    def can_second(self, who: str, case: Case) -> bool:
        return (
            who not in STAFF
            and who != case.requester
            and self.approved(who, case.organisation)
            and self.sees(who, case)
        )

    def asked(self, case: Case) -> list[str]:
        return [who for who in CUSTOMERS if self.can_second(who, case)]

    def _begun(self, who: str, case: Case) -> Procedure:
        if case.procedure is None or not self.sees(who, case):
            raise No(404)
        return case.procedure

    def _ask(self, case: Case, procedure: Procedure, now: datetime) -> None:
        last = after(local_day(now), DELETION_ANSWER_DAYS, "working")
        procedure.state = "confirmed"
        procedure.answer_by = end_of(last) if self.asked(case) else None

    def confirm(self, case: Case, who: str, now: datetime, typed: bool, ticked: bool) -> None:
        procedure = self._begun(who, case)
        if procedure.first == who and procedure.state != "cancelled":
            return
        if who != case.requester or not self.approved(who, case.organisation):
            raise No(403)
        if procedure.state != "announced":
            raise No(409)
        if not (typed and ticked):
            raise No(422)
        procedure.first = who
        self._ask(case, procedure, now)

    def _seconded(self, procedure: Procedure, who: str, role: str, now: datetime) -> None:
        procedure.state, procedure.second, procedure.second_role = "waiting", who, role
        procedure.answer_by, procedure.due_at = None, now + DELETION_WAIT

    def second(self, case: Case, who: str, now: datetime) -> None:
        procedure = self._begun(who, case)
        if procedure.second == who and procedure.second_role == "second" and procedure.state != "cancelled":
            return
        if not self.can_second(who, case):
            raise No(403)
        if procedure.state != "confirmed" or (procedure.answer_by is not None and now >= procedure.answer_by):
            raise No(409)
        self._seconded(procedure, who, "second", now)

    def call(self, case: Case, who: str, now: datetime, noted: bool) -> None:
        procedure = self._begun(who, case)
        if who not in SUPERVISORS:
            raise No(403)
        if procedure.second == who and procedure.state != "cancelled":
            return
        if procedure.state != "confirmed" or self.asked(case):
            raise No(409)
        if not noted:
            raise No(422)
        self._seconded(procedure, who, "supervisor", now)

    def cancel(self, case: Case, who: str, reason: str) -> None:
        procedure = self._begun(who, case)
        if procedure.state == "cancelled":
            return
        if procedure.state == "carried_out":
            raise No(409)
        if who in STAFF:
            if who not in AGENTS:
                raise No(403)
            if not reason:
                raise No(422)
        elif self.role(who, case.organisation) is None or not (
            who in (case.requester, case.opened_by)
            or procedure.second == who
            or (procedure.state == "confirmed" and who in self.asked(case))
        ):
            raise No(403)
        procedure.state = "cancelled"

    def _lapses(self, case: Case, procedure: Procedure, now: datetime) -> bool:
        if procedure.first is not None and not self.approved(procedure.first, case.organisation):
            procedure.state = "cancelled"
            return True
        if procedure.second is None or procedure.second_role != "second":
            return False
        if self.can_second(procedure.second, case):
            return False
        procedure.second, procedure.second_role, procedure.due_at = None, "", None
        self._ask(case, procedure, now)
        return True

    def carry_out(self, case: Case, who: str, now: datetime) -> None:
        procedure = self._begun(who, case)
        self._at_desk(who, case)
        if procedure.state == "carried_out":
            return
        if procedure.state not in ("waiting", "ready"):
            raise No(409)
        assert procedure.due_at is not None
        if now < procedure.due_at:
            raise No(409)
        if self._lapses(case, procedure, now):
            raise No(409, changed=True)
        procedure.state = "carried_out"
        self._go(case, "resolved", who, now)

    # By itself

    def sweep(self, now: datetime) -> int:
        """Reminders and moves that are due: one step of each request."""
        done = 0
        for case in self.cases.values():
            if not case.plan or now < end_of(case.plan[0]):
                continue
            done += 1
            unit, steps, target = RULES[case.status]
            day = case.plan.pop(0)
            if not case.plan:
                self._go(case, target, None, now)
                continue
            today = local_day(now - timedelta(microseconds=1))
            if today > day + DAY:
                # Late: what is left keeps its distance from the day on which the reminder went out.
                sent = steps[len(steps) - len(case.plan) - 1]
                case.plan = [after(today, step - sent, unit) for step in steps[-len(case.plan) :]]
        return done

    def sweep_deletions(self, now: datetime) -> int:
        """What time brings to the procedures: one step of each."""
        done = 0
        for case in self.cases.values():
            procedure = case.procedure
            if procedure is None or procedure.state not in ("confirmed", "waiting", "ready"):
                continue
            if self._lapses(case, procedure, now):
                done += 1
            elif (
                procedure.state == "confirmed"
                and procedure.answer_by is not None
                and procedure.answer_by <= now
            ):
                procedure.state = "cancelled"
                done += 1
            elif procedure.state == "waiting" and procedure.due_at is not None and procedure.due_at <= now:
                procedure.state = "ready"
                done += 1
        return done
