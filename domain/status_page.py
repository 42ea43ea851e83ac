"""The status page (VIEW-14): services, what happens to them, who is affected, and one answer to all of those.

A service incident is public and names no customer. Who joined one is for staff; a customer sees own requests only.
Words of pages are not here: what a request says that a customer makes with one press is given by the caller.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta, tzinfo
from datetime import time as clock_time
from typing import Any, NamedTuple

from peewee import JOIN, SQL, ModelSelect, fn

from domain import audit, catalogue, conversation, lifecycle, policies, requests, search, splitting
from domain.policies import Viewer
from domain.refusals import Invalid, Missing, NotAllowed, NotNow, Refusal
from models import (
    AffectedService,
    IncidentAnswer,
    IncidentAnswerLine,
    IncidentUpdate,
    JoinedRequest,
    Organisation,
    Person,
    Service,
    ServiceIncident,
    Ticket,
    db,
    is_sqlite,
)

MAINTENANCE = "maintenance"
# From what hardly shows to what stops everything.
IMPACTS = ("degraded", "partial", "major", MAINTENANCE)
WORKS = "works"
RANK = {WORKS: 0, MAINTENANCE: 1, "degraded": 2, "partial": 3, "major": 4}
INCIDENT_STATES = ("investigating", "identified", "watching", "solved")
MAINTENANCE_STATES = ("planned", "under_way", "done")
OVER = ("solved", "done")

JOINED = "ticket:incident_joined"
# The page of a request reads that many lines of its history (reading.py): a longer one is asked for what it left out.
_EVENTS_READ = 200

TITLE_CHARACTERS = 160
BODY_CHARACTERS = 5_000
BAR_DAYS = 90
FEED_ENTRIES = 20
# One answer reaches that many requests before the page comes back; the job writes the others.
BATCH = 50
MOST_JOINED = 2_000
MOST_NUMBERS = 100

# What runs stands on hot pages; a change made by another process is seen after this many seconds.
CACHE_SECONDS = 3.0
_not_over: list[Standing] = []
_read_at: float | None = None
_lock = threading.Lock()


class Said(NamedTuple):
    """One update of an incident."""

    state: str
    body_fr: str
    body_en: str
    at: datetime


class ServiceName(NamedTuple):
    """A service as an incident names it."""

    id: int
    name_fr: str
    name_en: str
    form_slugs: tuple[str, ...]
    product_id: int | None


class Standing(NamedTuple):
    """An incident with the services it concerns and what was said of it, the newest first."""

    id: int
    title_fr: str
    title_en: str
    impact: str
    state: str
    started_at: datetime
    planned_until: datetime | None
    ended_at: datetime | None
    updated_at: datetime
    version: int
    services: tuple[ServiceName, ...]
    updates: tuple[Said, ...]

    @property
    def is_maintenance(self) -> bool:
        """Planned work rather than something that went wrong."""
        return self.impact == MAINTENANCE

    def state_at(self, now: datetime) -> str:
        """Where it stands: planned work is under way once its hour has come, whether or not somebody said so."""
        return "under_way" if self.state == "planned" and self.started_at <= now else self.state

    def runs_at(self, now: datetime) -> bool:
        """True while services suffer."""
        return self.ended_at is None and self.state_at(now) != "planned"

    def may_be_joined(self, now: datetime) -> bool:
        """True while customers can say that they are affected too: planned work was announced, nobody reports it."""
        return self.runs_at(now) and not self.is_maintenance


def forget() -> None:
    """Drop what this process remembers: the next read asks the database."""
    global _read_at
    _read_at = None


# ---- Reading -----------------------------------------------------------------------------------------


def _standings(query: ModelSelect, *, last_only: bool = False) -> list[Standing]:
    """Incidents with their services and updates, in the order of the query. Three queries, one when there are none."""
    rows = list(query)
    keys = [row.id for row in rows]
    if not keys:
        return []
    services: dict[int, list[ServiceName]] = {}
    columns = (Service.id, Service.name_fr, Service.name_en, Service.form_slugs, Service.product)
    named = (
        AffectedService.select(AffectedService.incident, *columns)
        .join(Service)
        .where(AffectedService.incident.in_(keys))
        .order_by(Service.position, Service.id)
    )
    for row in named:
        one = row.service
        services.setdefault(row.incident_id, []).append(
            ServiceName(one.id, one.name_fr, one.name_en, tuple(one.form_slugs or ()), one.product_id)
        )
    updates: dict[int, list[Said]] = {}
    said = IncidentUpdate.select().where(IncidentUpdate.incident.in_(keys))
    if last_only:
        last = IncidentUpdate.select(fn.MAX(IncidentUpdate.id)).where(IncidentUpdate.incident.in_(keys))
        said = IncidentUpdate.select().where(IncidentUpdate.id.in_(last.group_by(IncidentUpdate.incident)))
    for row in said.order_by(IncidentUpdate.id.desc()):
        updates.setdefault(row.incident_id, []).append(Said(row.state, row.body_fr, row.body_en, row.at))
    return [
        Standing(
            row.id,
            row.title_fr,
            row.title_en,
            row.impact,
            row.state,
            row.started_at,
            row.planned_until,
            row.ended_at,
            row.updated_at,
            row.version,
            tuple(services.get(row.id, ())),
            tuple(updates.get(row.id, ())),
        )
        for row in rows
    ]


def not_over() -> list[Standing]:
    """Incidents that run and maintenance to come, each with its last update. Remembered for a few seconds."""
    global _not_over, _read_at
    read_at = _read_at
    if read_at is None or time.monotonic() - read_at > CACHE_SECONDS:
        query = ServiceIncident.select().where(ServiceIncident.ended_at.is_null())
        made = _standings(query.order_by(ServiceIncident.started_at, ServiceIncident.id), last_only=True)
        with _lock:
            _not_over, _read_at = made, time.monotonic()
    return _not_over


def running(now: datetime) -> list[Standing]:
    """What runs now, the worst first."""
    found = [row for row in not_over() if row.runs_at(now)]
    return sorted(found, key=lambda row: (-RANK[row.impact], row.started_at, row.id))


def planned(now: datetime) -> list[Standing]:
    """Maintenance that is to come, the next one first."""
    return [row for row in not_over() if not row.runs_at(now)]


def overall(now: datetime) -> str:
    """The worst that runs now: one of IMPACTS, or WORKS."""
    return max((row.impact for row in running(now)), key=RANK.__getitem__, default=WORKS)


def for_form(form_slug: str, now: datetime, product_id: int | None = None) -> list[Standing]:
    """What runs and concerns a request form: one of its services names the form, or belongs to the product chosen."""
    return [
        row
        for row in running(now)
        if any(
            form_slug in service.form_slugs or (product_id is not None and service.product_id == product_id)
            for service in row.services
        )
    ]


def like(subject: str, now: datetime) -> list[Standing]:
    """What runs and shares a telling word with a subject that is being typed (REQ-10)."""
    sought = set(search.telling(subject))
    return [
        row
        for row in running(now)
        if sought.intersection(
            search.telling(
                " ".join(
                    [row.title_fr, row.title_en]
                    + [f"{service.name_fr} {service.name_en}" for service in row.services]
                )
            )
        )
    ]


def find(incident_id: int) -> Standing:
    """One incident with all that was said of it. Three queries. Raises Missing."""
    found = _standings(ServiceIncident.select().where(ServiceIncident.id == incident_id))
    if not found:
        raise Missing()
    return found[0]


def whole(rows: Sequence[Standing]) -> list[Standing]:
    """The same incidents in the same order with all that was said of them. Three queries, none for none."""
    if not rows:
        return []
    keys = [row.id for row in rows]
    found = {row.id: row for row in _standings(ServiceIncident.select().where(ServiceIncident.id.in_(keys)))}
    return [found[key] for key in keys if key in found]


def latest(limit: int = FEED_ENTRIES) -> list[Standing]:
    """The incidents that changed last, whole, for the feed. Three queries."""
    order = (ServiceIncident.updated_at.desc(), ServiceIncident.id.desc())
    return _standings(ServiceIncident.select().order_by(*order).limit(limit))


def over_lately(limit: int = 3) -> list[Standing]:
    """The incidents that ended last, for beside the page. Maintenance is left out. Three queries."""
    query = ServiceIncident.select().where(
        ServiceIncident.ended_at.is_null(False) & (ServiceIncident.impact != MAINTENANCE)
    )
    order = (ServiceIncident.started_at.desc(), ServiceIncident.id.desc())
    return _standings(query.order_by(*order).limit(limit), last_only=True)


class Month(NamedTuple):
    """What began in a month, the newest first, and the months beside it in which something did."""

    first: date
    incidents: list[Standing]
    older: date | None
    newer: date | None


def _month_after(first: date) -> date:
    return (first + timedelta(days=32)).replace(day=1)


def month(first: date, zone: tzinfo, now: datetime) -> Month:
    """The history of one month. Arguments: first, any day of it; zone, the reader's. Five queries at most.

    Maintenance that is still to come is no history.
    """
    first = first.replace(day=1)
    begin, end = (datetime.combine(day, clock_time(), zone) for day in (first, _month_after(first)))
    past = ServiceIncident.select().where(ServiceIncident.started_at <= now)
    inside = (ServiceIncident.started_at >= begin) & (ServiceIncident.started_at < end)
    order = (ServiceIncident.started_at.desc(), ServiceIncident.id.desc())
    older = past.where(ServiceIncident.started_at < begin).order_by(ServiceIncident.started_at.desc()).first()
    newer = past.where(ServiceIncident.started_at >= end).order_by(ServiceIncident.started_at).first()

    def month_of(row: ServiceIncident | None) -> date | None:
        return row.started_at.astimezone(zone).date().replace(day=1) if row is not None else None

    return Month(first, _standings(past.where(inside).order_by(*order)), month_of(older), month_of(newer))


# ---- The last days of each service ---------------------------------------------------------------------


class Board(NamedTuple):
    """A service with its state now, the worst of each of the last days, and how much of them it was undisturbed."""

    service: Service
    state: str
    # The oldest first: (day, impact or WORKS, minutes disturbed or under maintenance).
    days: list[tuple[date, str, int]]
    # Of all minutes of these days, in hundredths of a percent, rounded down: 10,000 is all of them.
    available: int


def board(now: datetime, zone: tzinfo, days: int = BAR_DAYS) -> list[Board]:
    """Every active service, in order (VIEW-14). Two queries, whatever the number of requests.

    Planned work is drawn and counts as available: it was announced. Arguments: zone, whose midnight divides the days.
    """
    today = now.astimezone(zone).date()
    every_day = [today - timedelta(days=back) for back in range(days - 1, -1, -1)]
    begins = {day: datetime.combine(day, clock_time(), zone) for day in every_day}
    start = begins[every_day[0]]
    spans: dict[int, list[tuple[datetime, datetime, str]]] = {}
    open_now: dict[int, str] = {}
    rows = (
        AffectedService.select(
            AffectedService.service,
            ServiceIncident.impact,
            ServiceIncident.started_at,
            ServiceIncident.ended_at,
        )
        .join(ServiceIncident)
        .where(
            (ServiceIncident.started_at <= now)
            & (ServiceIncident.ended_at.is_null() | (ServiceIncident.ended_at >= start))
        )
        .tuples()
    )
    for service_id, impact, began, ended in rows:
        spans.setdefault(service_id, []).append((max(began, start), min(ended or now, now), impact))
        if ended is None and RANK[impact] > RANK[open_now.get(service_id, WORKS)]:
            open_now[service_id] = impact
    services = Service.select().where(Service.is_active).order_by(Service.position, Service.id)
    whole = (now - start).total_seconds()
    made = []
    for service in services:
        mine = spans.get(service.id, [])
        disturbed = _together([(a, b) for a, b, impact in mine if impact != MAINTENANCE])
        lost = sum((b - a).total_seconds() for a, b in disturbed)
        drawn = []
        for day in every_day:
            a, b = begins[day], min(begins[day] + timedelta(days=1), now)
            # An incident that began and ended within one instant still marks its day.
            touching = [span for span in mine if span[0] <= b and span[1] >= a]
            worst = max((impact for _a, _b, impact in touching), key=RANK.__getitem__, default=WORKS)
            parts = _together([(max(x, a), min(y, b)) for x, y, _impact in touching])
            drawn.append((day, worst, round(sum((y - x).total_seconds() for x, y in parts) / 60)))
        share = int((1 - lost / whole) * 10_000) if whole > 0 else 10_000
        made.append(Board(service, open_now.get(service.id, WORKS), drawn, share))
    return made


def _together(spans: Sequence[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """The same time without overlaps: two incidents at once disturb no longer than one."""
    joined: list[tuple[datetime, datetime]] = []
    for begin, end in sorted(spans):
        if joined and begin <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((begin, end))
    return joined


# ---- Saying what happens -------------------------------------------------------------------------------


def services() -> list[Service]:
    """The active services, in order."""
    return list(Service.select().where(Service.is_active).order_by(Service.position, Service.id))


def _texts(fr: str, en: str, name: str, most: int, *, code: str) -> tuple[str, str]:
    """Both languages of a text, one at least. Raises Invalid by the field of the language."""
    both = [(fr or "").strip(), (en or "").strip()]
    for language, text in zip(("fr", "en"), both, strict=True):
        if len(text) > most:
            raise Invalid("text-too-long", field=f"{name}_{language}", limit=most)
    if not any(both):
        raise Invalid(code, field=f"{name}_fr")
    return both[0], both[1]


def _known_services(service_ids: Iterable[int]) -> list[int]:
    wanted = list(dict.fromkeys(service_ids))
    known = {key for (key,) in Service.select(Service.id).where(Service.id.in_(wanted)).tuples()}
    if not wanted or len(known) != len(wanted):
        raise Invalid("incident-services-needed", field="services")
    return wanted


def _check_state(impact: str, state: str) -> None:
    if impact not in IMPACTS:
        raise Invalid("incident-impact-unknown", field="impact")
    if state not in (MAINTENANCE_STATES if impact == MAINTENANCE else INCIDENT_STATES):
        raise Invalid("incident-state-unknown", field="state")


def _only_the_desk(by: Viewer) -> None:
    if not policies.can_run_incidents(by):
        raise NotAllowed("desk-only")


def _locked(incident_id: int) -> ServiceIncident:
    """The row in this transaction, locked on PostgreSQL until it ends. Raises Missing."""
    query = ServiceIncident.select().where(ServiceIncident.id == incident_id)
    row = (query if is_sqlite() else query.for_update()).first()
    if row is None:
        raise Missing()
    return row


def open_incident(
    by: Viewer,
    now: datetime,
    *,
    title_fr: str,
    title_en: str,
    impact: str,
    service_ids: Iterable[int],
    body_fr: str,
    body_en: str,
    idempotency_key: str,
    state: str = "",
    started_at: datetime | None = None,
    planned_until: datetime | None = None,
) -> Standing:
    """Put an incident, or planned work, on the status page, with the first thing that is said of it (VIEW-14).

    Arguments: titles and bodies, in one language at least; impact, one of IMPACTS; state, the first one of its kind
    when empty; started_at, aware: since when services suffer (now when absent), or when the planned work begins;
    planned_until, when planned work is to end. Returns it; the first one again when the key was used already.
    Raises NotAllowed("desk-only"), Invalid by the field.
    """
    _only_the_desk(by)
    title_fr, title_en = _texts(title_fr, title_en, "title", TITLE_CHARACTERS, code="incident-title-needed")
    body_fr, body_en = _texts(body_fr, body_en, "body", BODY_CHARACTERS, code="incident-body-needed")
    state = state or (MAINTENANCE_STATES if impact == MAINTENANCE else INCIDENT_STATES)[0]
    _check_state(impact, state)
    started_at = started_at or now
    if impact != MAINTENANCE:
        planned_until = None
        if started_at > now:
            raise Invalid("incident-starts-later", field="started_at")
    elif planned_until is None or planned_until <= started_at:
        raise Invalid("maintenance-end-needed", field="planned_until")
    with db.atomic():
        wanted = _known_services(service_ids)
        before = ServiceIncident.get_or_none(ServiceIncident.idempotency_key == idempotency_key)
        if before is not None:
            return find(before.id)
        row = ServiceIncident.create(
            title_fr=title_fr,
            title_en=title_en,
            impact=impact,
            state=state,
            started_at=started_at,
            planned_until=planned_until,
            ended_at=now if state in OVER else None,
            opened_by=by.id,
            created_at=now,
            updated_at=now,
            idempotency_key=idempotency_key,
        )
        for service_id in wanted:
            AffectedService.create(incident=row.id, service=service_id)
        _say(row.id, state, body_fr, body_en, by, now, idempotency_key)
        audit.record(
            "service_incident:opened",
            by=by,
            now=now,
            target=f"service_incident:{row.id}",
            title=title_fr or title_en,
            impact=impact,
            state=state,
            services=wanted,
        )
    forget()
    return find(row.id)


def _say(
    incident_id: int, state: str, body_fr: str, body_en: str, by: Viewer, now: datetime, key: str
) -> IncidentUpdate:
    return IncidentUpdate.create(
        incident=incident_id,
        state=state,
        body_fr=body_fr,
        body_en=body_en,
        written_by=by.id,
        at=now,
        idempotency_key=key,
    )


def post_update(
    incident_id: int,
    by: Viewer,
    now: datetime,
    *,
    state: str,
    body_fr: str,
    body_en: str,
    idempotency_key: str,
    seen: int | None = None,
    impact: str = "",
    service_ids: Iterable[int] | None = None,
    title_fr: str | None = None,
    title_en: str | None = None,
    tell: bool = False,
) -> IncidentAnswer | None:
    """Say what is new of an incident, and in which state it is from now on; `solved` or `done` ends it (VIEW-14).

    Arguments: seen, the version that was on the screen; impact, services and titles, when they change; tell, write the
    same words on the requests that joined. Returns the answer that does so, to be written by write_waiting(), or None.
    A second press with the same key changes nothing. Raises NotAllowed("desk-only"), Missing, Invalid by the field,
    NotNow("incident-over"), NotNow("incident-changed") when a colleague was first.
    """
    _only_the_desk(by)
    body_fr, body_en = _texts(body_fr, body_en, "body", BODY_CHARACTERS, code="incident-body-needed")
    with db.atomic():
        row = _locked(incident_id)
        if IncidentUpdate.select().where(IncidentUpdate.idempotency_key == idempotency_key).exists():
            return IncidentAnswer.get_or_none(
                IncidentAnswer.idempotency_key == _key("update", idempotency_key)
            )
        if row.ended_at is not None:
            raise NotNow("incident-over")
        impact = impact or row.impact
        if (impact == MAINTENANCE) != (row.impact == MAINTENANCE):
            raise Invalid("incident-impact-unknown", field="impact")
        _check_state(impact, state)
        title_fr, title_en = _texts(
            row.title_fr if title_fr is None else title_fr,
            row.title_en if title_en is None else title_en,
            "title",
            TITLE_CHARACTERS,
            code="incident-title-needed",
        )
        before = {"state": row.state, "impact": row.impact}
        done = (
            ServiceIncident.update(
                state=state,
                impact=impact,
                title_fr=title_fr,
                title_en=title_en,
                # Work that was called off before its hour ends as it would have begun: it disturbed nothing.
                ended_at=max(now, row.started_at) if state in OVER else None,
                updated_at=now,
                version=ServiceIncident.version + 1,
            )
            .where(
                (ServiceIncident.id == row.id)
                & (ServiceIncident.version == (row.version if seen is None else seen))
            )
            .execute()
        )
        if not done:
            raise NotNow("incident-changed")
        if service_ids is not None:
            wanted = _known_services(service_ids)
            AffectedService.delete().where(AffectedService.incident == row.id).execute()
            for service_id in wanted:
                AffectedService.create(incident=row.id, service=service_id)
        _say(row.id, state, body_fr, body_en, by, now, idempotency_key)
        audit.record(
            "service_incident:updated",
            by=by,
            now=now,
            target=f"service_incident:{row.id}",
            before=before,
            after={"state": state, "impact": impact},
        )
        answer = None
        if tell and JoinedRequest.select().where(JoinedRequest.incident == row.id).exists():
            answer = _answer(row.id, body_fr, body_en, "", by, now, _key("update", idempotency_key))
    forget()
    return answer


# ---- We are affected too -------------------------------------------------------------------------------


class Affected(NamedTuple):
    """The request of an organisation that an incident concerns, and how it came: made, joined, already."""

    ticket: Ticket
    how: str


def _key(*parts: Any) -> str:
    return hashlib.sha256(":".join(str(part) for part in parts).encode()).hexdigest()


def declare_affected(
    incident_id: int,
    organisation_id: int,
    by: Viewer,
    now: datetime,
    *,
    summary: str,
    description: str,
    number: str = "",
) -> Affected:
    """A customer is affected by an incident: their request is made, or an open one of theirs joins it (VIEW-14).

    Once for each organisation and incident: a second press gives the request that joined. The one that is made says
    nothing but that they are affected, so no consent is asked for; more is written on its thread.
    Arguments: summary and description, of a request that is made; number, of an open request of the organisation that
    joins instead. Raises Missing, NotNow("incident-not-running"), NotAllowed("not-approved"),
    NotNow("affected-already") when a colleague said so on a request that this person may not read,
    Invalid("affected-unknown") for a number that is not an open request of theirs.
    """
    with db.atomic():
        # Locked: of two people who press at the same instant, the second one finds what the first one did.
        row = _locked(incident_id)
        if not find(row.id).may_be_joined(now):
            raise NotNow("incident-not-running")
        if not policies.can_open_for(by, organisation_id):
            raise NotAllowed("not-approved")
        mine = _joined_of(by, row.id).where(Ticket.organisation == organisation_id).first()
        if mine is not None:
            return Affected(mine, "already")
        of_organisation = (JoinedRequest.incident == row.id) & (JoinedRequest.organisation == organisation_id)
        if JoinedRequest.select().where(of_organisation & JoinedRequest.by_customer).exists():
            raise NotNow("affected-already")
        if number:
            found = policies.find_ticket(by, number.strip())
            if (
                found is None
                or found.organisation_id != organisation_id
                or found.status not in lifecycle.OPEN_STATUSES
                or not policies.may_answer(by, found)
            ):
                raise Invalid("affected-unknown", field="number")
            return Affected(_join(row, found.id, by, now, by_customer=True), "joined")
        ticket = _make(row, organisation_id, by, now, summary, description)
        return Affected(_join(row, ticket.id, by, now, by_customer=True), "made")


def _make(
    row: ServiceIncident, organisation_id: int, by: Viewer, now: datetime, summary: str, description: str
) -> Ticket:
    """A request that says that its organisation is affected, with the team of the rules."""
    concerned = find(row.id).services
    offered = {form.slug: form for form in splitting.forms()}
    wanted = [slug for service in concerned for slug in service.form_slugs]
    slug = next((slug for slug in [*wanted, "incident", *offered] if slug in offered), None)
    if slug is None:
        raise Missing("form-unknown")
    form = catalogue.form(slug)
    kind = form.default_kind.slug if form.default_kind else "incident"
    product_id = next((service.product_id for service in concerned if service.product_id), None)
    team = catalogue.route(
        category=form.category.slug,
        form=form.slug,
        product_id=product_id,
        kind=kind,
        organisation_id=organisation_id,
    )
    ticket, message = requests.write(
        description,
        now,
        author_id=by.id,
        organisation=organisation_id,
        requester=by.id,
        opened_by=by.id,
        form_slug=form.slug,
        category_slug=form.category.slug,
        kind_slug=kind,
        product=product_id,
        summary=summary[:200],
        team=team.id,
        scale_slug=form.scale.slug if form.scale else None,
        idempotency_key=_key("affected", row.id, organisation_id),
    )
    requests.announce(ticket, message, by, now, incident_id=row.id)
    return ticket


def _join(row: ServiceIncident, ticket_id: int, by: Viewer, now: datetime, *, by_customer: bool) -> Ticket:
    # Locked, so that the chain of its history has one end whoever else writes in it.
    ticket = lifecycle.fresh(ticket_id)
    JoinedRequest.create(
        incident=row.id,
        ticket=ticket.id,
        organisation=ticket.organisation_id,
        by_customer=by_customer,
        joined_by=by.id,
        joined_at=now,
    )
    audit.record_event(
        ticket, JOINED, by, now, incident_id=row.id, title_fr=row.title_fr, title_en=row.title_en
    )
    return ticket


def _joined_of(viewer: Viewer, incident_id: int) -> ModelSelect:
    """The requests that joined an incident, among those this person may see."""
    return (
        policies.visible_tickets(viewer)
        .join(JoinedRequest, on=(JoinedRequest.ticket == Ticket.id))
        .where(JoinedRequest.incident == incident_id)
        .order_by(JoinedRequest.id)
    )


def own_requests(viewer: Viewer | None, incidents: Sequence[Standing]) -> dict[int, str]:
    """The number of the customer's own request that joined, by incident: what the button turns into.

    No query without incidents, one with. Requests of others are never named.
    """
    if viewer is None or viewer.is_staff or not incidents:
        return {}
    rows = (
        policies.visible_tickets(viewer)
        .select(JoinedRequest.incident, Ticket.number)
        .join(JoinedRequest, on=(JoinedRequest.ticket == Ticket.id))
        .where(JoinedRequest.incident.in_([row.id for row in incidents]))
        .order_by(JoinedRequest.id.desc())
        .limit(200)
        .tuples()
    )
    return dict(rows)


def open_requests(viewer: Viewer, organisation_id: int, limit: int = 20) -> list[tuple[str, str]]:
    """Open requests of an organisation that could join instead of a new one: (number, summary), the newest first."""
    query = (
        policies.visible_tickets(viewer)
        .select(Ticket.number, Ticket.summary)
        .where((Ticket.organisation == organisation_id) & Ticket.status.in_(lifecycle.OPEN_STATUSES))
    )
    return list(query.order_by(Ticket.id.desc()).limit(limit).tuples())


def of_request(ticket: Ticket, events: Sequence[Any]) -> list[Standing]:
    """The incidents that a request joined, each with its last update, the newest first.

    Arguments: events, its history as reading.read() gives it. No query for a request that joined none.
    """
    if len(events) < _EVENTS_READ and all(event.kind != JOINED for event in events):
        return []
    keys = JoinedRequest.select(JoinedRequest.incident).where(JoinedRequest.ticket == ticket.id)
    query = ServiceIncident.select().where(ServiceIncident.id.in_(keys))
    return _standings(query.order_by(ServiceIncident.id.desc()), last_only=True)


# ---- At the desk ---------------------------------------------------------------------------------------


class Row(NamedTuple):
    """A request that joined, as the desk reads it."""

    number: str
    summary: str
    status: str
    kind_slug: str
    organisation_name: str
    requester_name: str
    by_customer: bool
    joined_at: datetime


def joined(viewer: Viewer, incident_id: int, limit: int = MOST_JOINED) -> list[Row]:
    """The requests that joined an incident, by organisation: for the desk only. One query. Raises NotAllowed."""
    _only_the_desk(viewer)
    query = (
        policies.visible_tickets(viewer)
        .select(
            Ticket.number,
            Ticket.summary,
            Ticket.status,
            Ticket.kind_slug,
            Organisation.name,
            Person.full_name,
            JoinedRequest.by_customer,
            JoinedRequest.joined_at,
        )
        .join_from(Ticket, JoinedRequest, on=(JoinedRequest.ticket == Ticket.id))
        .join_from(Ticket, Organisation, on=(Ticket.organisation == Organisation.id))
        .join_from(Ticket, Person, on=(Ticket.requester == Person.id))
        .where(JoinedRequest.incident == incident_id)
        .order_by(Organisation.name, Ticket.id)
        .limit(limit)
    )
    return [Row(*row) for row in query.tuples()]


def at_the_desk(viewer: Viewer, limit: int = 50) -> list[tuple[Standing, int, int]]:
    """Incidents for the desk, those that are not over first: each with how many requests and organisations joined.

    Four queries. Raises NotAllowed.
    """
    _only_the_desk(viewer)
    order = (
        ServiceIncident.ended_at.is_null(False),
        ServiceIncident.started_at.desc(),
        ServiceIncident.id.desc(),
    )
    rows = _standings(ServiceIncident.select().order_by(*order).limit(limit), last_only=True)
    counted = (
        JoinedRequest.select(
            JoinedRequest.incident,
            fn.COUNT(JoinedRequest.id),
            fn.COUNT(JoinedRequest.organisation.distinct()),
        )
        .where(JoinedRequest.incident.in_([row.id for row in rows]))
        .group_by(JoinedRequest.incident)
    )
    counts = {key: (requests_, organisations) for key, requests_, organisations in counted.tuples()}
    return [(row, *counts.get(row.id, (0, 0))) for row in rows]


class Outcome(NamedTuple):
    """What became of one number: joined now, joined already, or refused."""

    number: str
    joined: bool
    fault: Refusal | None = None


def join_requests(incident_id: int, numbers: Iterable[str], by: Viewer, now: datetime) -> list[Outcome]:
    """An agent joins requests to an incident: each gets the team's answer to all of them (VIEW-14).

    Arguments: numbers, public ones, at most MOST_NUMBERS. Returns what became of each.
    Raises NotAllowed("desk-only"), Missing, NotNow("incident-over"), Invalid("numbers-needed") or
    Invalid("bulk-too-many").
    """
    _only_the_desk(by)
    wanted = list(dict.fromkeys(number.strip().upper() for number in numbers if number.strip()))
    if not wanted:
        raise Invalid("numbers-needed", field="numbers")
    if len(wanted) > MOST_NUMBERS:
        raise Invalid("bulk-too-many", field="numbers", limit=MOST_NUMBERS)
    outcomes = []
    with db.atomic():
        row = _locked(incident_id)
        if row.ended_at is not None:
            raise NotNow("incident-over")
        there = {
            number
            for (number,) in Ticket.select(Ticket.number)
            .join(JoinedRequest, on=(JoinedRequest.ticket == Ticket.id))
            .where((JoinedRequest.incident == row.id) & Ticket.number.in_(wanted))
            .tuples()
        }
        for number in wanted:
            ticket = policies.find_ticket(by, number)
            if ticket is None:
                outcomes.append(Outcome(number[:20], False, Invalid("number-unknown", number=number[:20])))
            elif ticket.number in there:
                outcomes.append(Outcome(ticket.number, False))
            elif ticket.status in ("closed", "expired"):
                outcomes.append(Outcome(ticket.number, False, policies.over(by, ticket)))
            else:
                _join(row, ticket.id, by, now, by_customer=False)
                outcomes.append(Outcome(ticket.number, True))
        done = [outcome.number for outcome in outcomes if outcome.joined]
        if done:
            audit.record(
                "service_incident:joined",
                by=by,
                now=now,
                target=f"service_incident:{row.id}",
                numbers=done,
            )
    return outcomes


# ---- One answer to all -----------------------------------------------------------------------------------


def answer_all(
    incident_id: int,
    by: Viewer,
    now: datetime,
    *,
    body_fr: str,
    body_en: str,
    idempotency_key: str,
    move_to: str = "",
) -> IncidentAnswer:
    """Answer everybody who joined an incident, each in their own thread (VIEW-14); write_waiting() writes the lines.

    Arguments: bodies, Markdown in one language at least: each requester reads their own, else the other; move_to,
    the status to which each request moves with it, empty for none. Returns the answer; the first one again for a key
    that was used, so that a double click sends once.
    Raises NotAllowed("desk-only"), Missing, Invalid by the field, Invalid("nobody-joined").
    """
    _only_the_desk(by)
    body_fr, body_en = _texts(
        body_fr, body_en, "body", conversation.BODY_MAX_CHARACTERS, code="answer-words-needed"
    )
    if move_to and move_to not in lifecycle.STATUSES:
        raise Invalid("status-unknown", field="status")
    with db.atomic():
        row = _locked(incident_id)
        before = IncidentAnswer.get_or_none(IncidentAnswer.idempotency_key == idempotency_key)
        if before is not None:
            return before
        return _answer(row.id, body_fr, body_en, move_to, by, now, idempotency_key)


def _answer(
    incident_id: int, body_fr: str, body_en: str, move_to: str, by: Viewer, now: datetime, key: str
) -> IncidentAnswer:
    """The answer with a waiting line for each request that has joined, in the caller's transaction."""
    tickets = [
        ticket_id
        for (ticket_id,) in JoinedRequest.select(JoinedRequest.ticket)
        .where(JoinedRequest.incident == incident_id)
        .order_by(JoinedRequest.id)
        .tuples()
    ]
    if not tickets:
        raise Invalid("nobody-joined")
    answer = IncidentAnswer.create(
        incident=incident_id,
        body_fr=body_fr,
        body_en=body_en,
        move_to=move_to,
        written_by=by.id,
        created_at=now,
        idempotency_key=key,
    )
    for start in range(0, len(tickets), 200):
        IncidentAnswerLine.insert_many(
            [{"answer": answer.id, "ticket": key} for key in tickets[start : start + 200]]
        ).execute()
    audit.record(
        "service_incident:answered",
        by=by,
        now=now,
        target=f"service_incident:{incident_id}",
        answer=answer.id,
        requests=len(tickets),
        move_to=move_to,
    )
    return answer


def write_waiting(now: datetime, *, answer_id: int | None = None, limit: int = BATCH) -> int:
    """Write the lines of answers that wait, each by conversation.reply() in a transaction of its own (VIEW-14).

    A line that is written twice at once is one message: its key is made of the answer and the request. So a run that
    dies in the middle is taken up again without harm. Arguments: answer_id, those of one answer only; limit, how many.
    Returns how many lines it dealt with.
    """
    waiting = (
        IncidentAnswerLine.select(IncidentAnswerLine, IncidentAnswer, Ticket.id, Person.language)
        .join(IncidentAnswer)
        .switch(IncidentAnswerLine)
        .join(Ticket)
        .join(Person, on=(Ticket.requester == Person.id))
        # Written out, not bound: SQLite takes a partial index only for a condition that it can read.
        .where(IncidentAnswerLine.state == SQL("'waiting'"))
        .order_by(IncidentAnswerLine.id)
        .limit(limit)
    )
    if answer_id is not None:
        waiting = waiting.where(IncidentAnswerLine.answer == answer_id)
    authors: dict[int, Viewer | None] = {}
    lines = list(waiting)
    for line in lines:
        author_id = line.answer.written_by_id
        if author_id not in authors:
            authors[author_id] = policies.load_viewer(author_id)
        _write(line, authors[author_id], now)
    return len(lines)


def _write(line: IncidentAnswerLine, by: Viewer | None, now: datetime) -> None:
    answer, language = line.answer, line.ticket.requester.language
    first, second = (answer.body_en, answer.body_fr) if language == "en" else (answer.body_fr, answer.body_en)
    key = _key("answer", answer.id, line.ticket_id)
    state, code = "sent", ""
    try:
        if by is None or not policies.can_run_incidents(by):
            raise NotAllowed("desk-only")
        for move_to in dict.fromkeys((answer.move_to, "")):
            try:
                conversation.reply(
                    line.ticket, first or second, by, now, idempotency_key=key, move_to=move_to or None
                )
                break
            except NotNow as fault:
                # A request that may not move there still gets the words; the report says that it stayed.
                if not move_to or fault.code not in ("move-refused", "deletion-not-done"):
                    raise
                code = fault.code
    except Refusal as fault:
        state, code = "refused", fault.code
    IncidentAnswerLine.update(state=state, code=code).where(
        (IncidentAnswerLine.id == line.id) & (IncidentAnswerLine.state == "waiting")
    ).execute()


class Report(NamedTuple):
    """How far an answer has come: counts, and the lines that went otherwise, (number, summary, organisation, code)."""

    answer: IncidentAnswer
    waiting: int
    sent: int
    refused: int
    stayed: int
    notable: list[tuple[str, str, str, str, str]]


def report(viewer: Viewer, incident_id: int, answer_id: int) -> Report:
    """What became of an answer, for the desk. Three queries. Raises NotAllowed, Missing."""
    _only_the_desk(viewer)
    answer = IncidentAnswer.get_or_none(
        (IncidentAnswer.id == answer_id) & (IncidentAnswer.incident == incident_id)
    )
    if answer is None:
        raise Missing()
    lines = IncidentAnswerLine.select(
        IncidentAnswerLine.state, IncidentAnswerLine.code, fn.COUNT(IncidentAnswerLine.id)
    ).where(IncidentAnswerLine.answer == answer.id)
    counts: dict[tuple[str, str], int] = {
        (state, code): number
        for state, code, number in lines.group_by(IncidentAnswerLine.state, IncidentAnswerLine.code).tuples()
    }

    def of(state: str) -> int:
        return sum(number for (found, _code), number in counts.items() if found == state)

    notable = (
        policies.visible_tickets(viewer)
        .select(
            Ticket.number,
            Ticket.summary,
            Organisation.name,
            IncidentAnswerLine.state,
            IncidentAnswerLine.code,
        )
        .join_from(Ticket, IncidentAnswerLine, on=(IncidentAnswerLine.ticket == Ticket.id))
        .join_from(Ticket, Organisation, on=(Ticket.organisation == Organisation.id))
        .where((IncidentAnswerLine.answer == answer.id) & (IncidentAnswerLine.code != ""))
        .order_by(Ticket.id)
        .limit(200)
    )
    stayed = sum(number for (state, code), number in counts.items() if state == "sent" and code)
    return Report(answer, of("waiting"), of("sent"), of("refused"), stayed, list(notable.tuples()))


def answers(viewer: Viewer, incident_id: int, limit: int = 20) -> list[tuple[int, datetime, str, str, str]]:
    """The answers to all of an incident: (key, when, by whom, French, English), the newest first. One query."""
    _only_the_desk(viewer)
    query = (
        IncidentAnswer.select(
            IncidentAnswer.id,
            IncidentAnswer.created_at,
            Person.full_name,
            IncidentAnswer.body_fr,
            IncidentAnswer.body_en,
        )
        .join(Person, JOIN.LEFT_OUTER, on=(IncidentAnswer.written_by == Person.id))
        .where(IncidentAnswer.incident == incident_id)
        .order_by(IncidentAnswer.id.desc())
        .limit(limit)
    )
    return list(query.tuples())
