"""What people choose about their mails (VIEW-15): which groups, at which pace, at which hours; and what never waits.

notifications.py asks here when it writes a mail into the outbox; digests.py gathers what was grouped.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

from domain import settings, statements, workdays
from domain.refusals import Invalid, Missing
from models import MailChoice, MailHold, OutboxMessage, Participant, Person, db

if TYPE_CHECKING:
    from domain.policies import Viewer

# At once, gathered by the hour, gathered once a day, or never.
PACES = ("now", "hourly", "daily", "off")

# The mails that wait or stay away when their reader wants it, by group. The last group is the desk's alone.
GROUPS: dict[str, tuple[str, ...]] = {
    "answers": ("reply", "team-reply"),
    "moves": (
        "status-changed",
        "reopened",
        "blocked",
        "priority-lowered",
        "priority-contested",
        "priority-decided",
    ),
    "confirmations": ("request-received", "cc-added", "request-handed-over", "request-merged"),
    "desk": ("team-new", "team-assigned", "team-tested"),
}
# A question rather than news: it is asked or not, and is never gathered with anything.
SATISFACTION = "satisfaction"
# A gathered mail says news of several groups: to leave it is to leave all those that are gathered.
GATHERED = "gathered"
# An address without account has no choices: it leaves the request.
COPY = "copy"
# What goes out at once, whatever was chosen: security, reminders and closings, what cannot be undone, what was refused.
ALWAYS = frozenset(
    {
        "account-password",
        "account-invitation",
        "account-exists",
        "account-username",
        "account-locked",
        "security-notice",
        "sign-in-code",
        "address-confirm",
        "address-taken",
        "address-asked",
        "address-changed",
        # One follows an idea and stops following it on its page.
        "idea-state",
        # A question that somebody asked: whoever answers must have it.
        "assistant-question",
        "password-changed",
        "registration-waiting",
        # A question that only administrators can answer, once a year.
        "contacts-review",
        # Who acts for an organisation is told to its administrators at once.
        "partner-link",
        "reminder",
        "kept-open",
        "closed",
        "reply-refused",
        # Perhaps a password to be changed at once.
        "redacted",
        # Somebody has to decide at once whether the work may go on.
        "consent-withdrawn",
        "deletion-confirm",
        "deletion-second",
        "deletion-waiting",
        "deletion-ready",
        "deletion-cancelled",
        "deletion-done",
        # What a person has asked to be gathered is gathered once.
        "digest",
    }
)
# A change that was not tested in time is undone: the mail about it is a closing notice, whatever its template.
CLOSING_TARGETS = frozenset({"closed", "expired", "awaiting_rollback"})

_GROUP_OF = {template: group for group, templates in GROUPS.items() for template in templates}
_GROUP_OF["satisfaction"] = SATISFACTION

MINUTES_IN_DAY = 24 * 60
_TOKEN = re.compile(r"([0-9]{1,18})\.([a-z]{1,20})\.([A-Za-z0-9_-]{43})")


def group_of(template: str, target: str | None = None) -> str:
    """The group of a mail, or "" for one that always goes out at once.

    Arguments: template, a key of mailer.MAILS; target, the status that its event moved to.
    """
    if template == "status-changed" and target in CLOSING_TARGETS:
        return ""
    return _GROUP_OF.get(template, "")


def groups_for(viewer: Viewer) -> tuple[str, ...]:
    """The groups of which this person may get mails, in their order on the page."""
    return tuple(group for group in GROUPS if group != "desk" or viewer.is_staff)


# ---- One person's choices ------------------------------------------------------------------------------


class Choices(NamedTuple):
    """What holds for one person: the portal's settings wherever they chose nothing."""

    paces: Mapping[str, str]
    daily_hour: int
    quiet_from: int | None
    quiet_until: int | None
    quiet_weekends: bool
    asks_satisfaction: bool
    zone: str

    def pace(self, group: str) -> str:
        """now, hourly, daily or off, for one group."""
        if group == SATISFACTION:
            return "now" if self.asks_satisfaction else "off"
        return self.paces.get(group) or str(settings.get("mail_pace"))


def _whole(row: MailChoice | None, zone: str) -> Choices:
    hour = row.daily_hour if row is not None else None
    return Choices(
        paces={key: pace for key, pace in (row.paces if row is not None else {}).items() if pace in PACES},
        daily_hour=int(settings.get("mail_daily_hour")) if hour is None else hour,
        quiet_from=row.quiet_start_minute if row is not None else None,
        quiet_until=row.quiet_end_minute if row is not None else None,
        quiet_weekends=bool(row.quiet_weekends) if row is not None else False,
        asks_satisfaction=bool(row.asks_satisfaction) if row is not None else True,
        zone=zone,
    )


class Own(NamedTuple):
    """What one person chose themselves; None or absent: as the portal does."""

    paces: Mapping[str, str]
    daily_hour: int | None
    quiet_from: int | None
    quiet_until: int | None
    quiet_weekends: bool
    asks_satisfaction: bool


def own(viewer: Viewer) -> Own:
    """What this person chose, for the page where they change it. One query."""
    row = MailChoice.get_or_none(MailChoice.person == viewer.id)
    if row is None:
        return Own({}, None, None, None, False, True)
    return Own(
        {group: pace for group, pace in row.paces.items() if group in GROUPS},
        row.daily_hour,
        row.quiet_start_minute,
        row.quiet_end_minute,
        bool(row.quiet_weekends),
        bool(row.asks_satisfaction),
    )


def of_person(person: Person | Viewer) -> Choices:
    """The choices of one person. One query."""
    return _whole(MailChoice.get_or_none(MailChoice.person == person.id), person.time_zone)


def of_people(keys: Iterable[int]) -> dict[int, Choices]:
    """The choices of several people, by their keys. One query."""
    wanted = sorted(set(keys))
    if not wanted:
        return {}
    places = statements.places(wanted, len(wanted))
    rows = statements.rows(
        ("mail_choices.of_people", len(wanted)),
        lambda: (
            Person.select(Person.id, Person.time_zone, MailChoice)
            .left_outer_join(MailChoice, on=(MailChoice.person == Person.id), attr="choice")
            .where(Person.id.in_(list(places)))
        ),
        places,
    )
    found = {}
    for person in rows:
        choice = getattr(person, "choice", None)
        known = choice if choice is not None and choice.updated_at is not None else None
        found[person.id] = _whole(known, person.time_zone)
    return found


def change(
    by: Viewer,
    now: datetime,
    *,
    paces: Mapping[str, str],
    daily_hour: int | None = None,
    quiet_from: int | None = None,
    quiet_until: int | None = None,
    quiet_weekends: bool = False,
    asks_satisfaction: bool = True,
) -> None:
    """Keep somebody's own choices; mails of theirs that wait already follow them (VIEW-15).

    Arguments: paces, group to pace, absent or empty: as the portal does; daily_hour, 0 to 23 in the person's zone,
    None: the portal's; quiet_from and quiet_until, minutes of the day in that zone, both or neither; now, aware UTC.
    Raises Invalid("mail-pace-unknown"), ("mail-hour-unknown"), ("quiet-hours-half"), ("quiet-hours-empty"), by the
    field.
    """
    for group, pace in paces.items():
        if group not in GROUPS or pace not in ("", *PACES):
            raise Invalid("mail-pace-unknown", field=group)
    if daily_hour is not None and not 0 <= daily_hour <= 23:
        raise Invalid("mail-hour-unknown", field="daily_hour")
    if (quiet_from is None) != (quiet_until is None):
        raise Invalid("quiet-hours-half", field="quiet_from" if quiet_from is None else "quiet_until")
    if quiet_from is not None and quiet_from == quiet_until:
        raise Invalid("quiet-hours-empty", field="quiet_until")
    values: dict[str, Any] = {
        "paces": {group: pace for group, pace in paces.items() if pace},
        "daily_hour": daily_hour,
        "quiet_start_minute": quiet_from,
        "quiet_end_minute": quiet_until,
        "quiet_weekends": quiet_weekends,
        "asks_satisfaction": asks_satisfaction,
    }
    _keep(by.id, values, by, now)


def _keep(person_id: int, values: Mapping[str, Any], by: Viewer | None, now: datetime) -> None:
    from domain import audit

    with db.atomic():
        values = {**values, "updated_at": now}
        (
            MailChoice.insert(person=person_id, **values)
            .on_conflict(
                conflict_target=[MailChoice.person],
                update={getattr(MailChoice, name): value for name, value in values.items()},
            )
            .execute()
        )
        audit.record(
            "account:mail_choices",
            by=by,
            now=now,
            target=f"person:{person_id}",
            fields=sorted(set(values) - {"updated_at"}),
        )
        follow(person_id, now)


def follow(person_id: int, now: datetime) -> int:
    """Place the mails of a person that wait for their hour anew, after a change of choices or of zone.

    Returns how many. Those that a gathered mail has taken already leave with it.
    """
    waiting = list(
        OutboxMessage.select(OutboxMessage, MailHold)
        .join(MailHold, on=(MailHold.message == OutboxMessage.id), attr="hold")
        .where(
            (OutboxMessage.person == person_id)
            & (OutboxMessage.status == "waiting")
            & MailHold.digest.is_null()
            & OutboxMessage.claimed_until.is_null()
        )
        .order_by(OutboxMessage.id)
    )
    if not waiting:
        return 0
    choices = of_people([person_id])[person_id]
    for row in waiting:
        placed = place(group_of(row.template), choices, now)
        MailHold.delete().where(MailHold.message == row.id).execute()
        changes: dict[str, Any] = {"next_try_at": placed.at}
        if placed.pace == "off":
            changes = {"status": "skipped", "skip_reason": NOT_WANTED, "next_try_at": None}
        OutboxMessage.update(changes).where(
            (OutboxMessage.id == row.id) & (OutboxMessage.status == "waiting")
        ).execute()
        if placed.pace in ("hourly", "daily", "quiet"):
            MailHold.create(message=row.id, pace=placed.pace)
    return len(waiting)


# ---- When a mail leaves --------------------------------------------------------------------------------

NOT_WANTED = "not-wanted"


class Place(NamedTuple):
    """When a mail leaves: pace is now, hourly, daily, quiet or off; at, aware UTC, None for at once."""

    pace: str
    at: datetime | None


AT_ONCE = Place("now", None)


def place(group: str, choices: Choices, now: datetime) -> Place:
    """When a mail of this group leaves for somebody with these choices. "" is the group of what always goes at once."""
    if not group:
        return AT_ONCE
    pace = choices.pace(group)
    if pace == "off":
        return Place("off", None)
    if pace == "now":
        end = quiet_end(choices, now)
        return Place("quiet", end) if end is not None else AT_ONCE
    at = next_hour(choices.zone, now) if pace == "hourly" else next_daily(choices, now)
    return Place(pace, quiet_end(choices, at) or at)


def known_zone(name: str) -> str:
    """The zone of a profile; Paris when this machine does not know it."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return "Europe/Paris"
    return name


def next_hour(zone: str, now: datetime) -> datetime:
    """The next full hour on the clocks of a zone, after now; aware UTC. Some zones are half an hour aside."""
    local = now.astimezone(ZoneInfo(known_zone(zone)))
    past = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    return now - past + timedelta(hours=1)


def next_daily(choices: Choices, now: datetime) -> datetime:
    """The next time that clocks of the person's zone show their hour, after now; aware UTC.

    An hour that is jumped over in spring is the moment of the jump; one that comes twice in autumn is the first.
    """
    zone = known_zone(choices.zone)
    day = now.astimezone(ZoneInfo(zone)).date()
    at = workdays.instant_at(zone, day, time(choices.daily_hour), last=False)
    if at <= now:
        at = workdays.instant_at(zone, day + timedelta(days=1), time(choices.daily_hour), last=False)
    return at


def quiet_end(choices: Choices, now: datetime) -> datetime | None:
    """When the quiet hours end that a moment falls in; None outside of them. Both aware UTC.

    Quiet hours are whole: where clocks go back, they begin at the first time and end at the second.
    """
    zone = known_zone(choices.zone)
    end: datetime | None = None
    moment = now
    # A night may lead into a quiet weekend, and that into another night.
    for _step in range(8):
        found = _quiet_period_end(choices, zone, moment)
        if found is None:
            break
        end = moment = found
    return end


def _quiet_period_end(choices: Choices, zone: str, moment: datetime) -> datetime | None:
    today = moment.astimezone(ZoneInfo(zone)).date()
    found: list[datetime] = []
    for day in (today - timedelta(days=1), today):
        if choices.quiet_weekends and day.weekday() >= 5:
            begins = workdays.instant_at(zone, day, time(0), last=False)
            ends = workdays.instant_at(zone, day + timedelta(days=1), time(0), last=False)
            found += [ends] if begins <= moment < ends else []
        if choices.quiet_from is None or choices.quiet_until is None:
            continue
        until = day + timedelta(days=1) if choices.quiet_until < choices.quiet_from else day
        begins = workdays.instant_at(zone, day, _clock(choices.quiet_from), last=False)
        ends = workdays.instant_at(zone, until, _clock(choices.quiet_until), last=True)
        found += [ends] if begins <= moment < ends else []
    return max(found, default=None)


def _clock(minutes: int) -> time:
    return time(minutes // 60, minutes % 60)


# ---- "No more mails of this kind" ----------------------------------------------------------------------


def unsubscribe_token(person_id: int, group: str) -> str:
    """The token of a link that takes one person out of one group of mails, made of the portal's secret.

    It holds as long as the secret does: a mail program may use it years later (RFC 8058).
    """
    from domain import accounts

    return f"{person_id}.{group}.{accounts.link_token(f'unsubscribe:{person_id}:{group}')}"


def copy_token(copy: Participant) -> str:
    """The token of a link that takes an address without account out of copy of one request.

    The address is part of it: a key of the database may come again.
    """
    from domain import accounts

    address = hashlib.sha256(copy.email.encode()).hexdigest()
    return f"{copy.id}.{COPY}.{accounts.link_token(f'unsubscribe:{copy.id}:{COPY}:{address}')}"


def read_copy_token(token: str) -> Participant | None:
    """The copy that such a token is about, with its request; None for any other token.

    Raises Missing for one that the portal did not make, and once the address is no longer in copy.
    """
    found = _TOKEN.fullmatch(token)
    if found is None or found[2] != COPY:
        return None
    copy = Participant.get_or_none((Participant.id == int(found[1])) & (Participant.role == "cc"))
    if copy is None or not hmac.compare_digest(copy_token(copy), token):
        raise Missing("unsubscribe-missing")
    return copy


def read_token(token: str) -> tuple[Person, str]:
    """The person and the group of such a token. Raises Missing for one that the portal did not make."""
    found = _TOKEN.fullmatch(token)
    if found is None:
        raise Missing("unsubscribe-missing")
    person_id, group = int(found[1]), found[2]
    if group not in (*GROUPS, SATISFACTION, GATHERED):
        raise Missing("unsubscribe-missing")
    if not hmac.compare_digest(unsubscribe_token(person_id, group), token):
        raise Missing("unsubscribe-missing")
    person = Person.get_or_none(Person.id == person_id)
    if person is None:
        raise Missing("unsubscribe-missing")
    return person, group


def is_out(person: Person, group: str) -> bool:
    """True when this person gets no mail of a group, or nothing gathered. One query."""
    choices = of_person(person)
    if group == GATHERED:
        return not any(choices.pace(name) in ("hourly", "daily") for name in GROUPS)
    return choices.pace(group) == "off"


def unsubscribe(token: str, now: datetime) -> tuple[Person, str]:
    """Take somebody out of a group of mails: the link is all it takes. Once more does nothing more.

    Returns the person and the group. Raises Missing for a token that the portal did not make.
    """
    person, group = read_token(token)
    with db.atomic():
        if is_out(person, group):
            return person, group
        row = MailChoice.get_or_none(MailChoice.person == person.id)
        if group == SATISFACTION:
            values: dict[str, Any] = {"asks_satisfaction": False}
        else:
            whole = _whole(row, person.time_zone)
            left = [name for name in GROUPS if whole.pace(name) in ("hourly", "daily")]
            leaving = left if group == GATHERED else [group]
            values = {"paces": {**(row.paces if row is not None else {}), **dict.fromkeys(leaving, "off")}}
        _keep(person.id, values, None, now)
    return person, group
