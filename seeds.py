"""The demo world: the vendor Initech, four customers, their people, and requests that have already lived a while.

Everything that happened is made to happen again, in order, by the verbs of domain/ with `now=` in the past: submitted,
taken, answered, reminded about and closed by the sweep. So the dates agree with the rules and with the calendar.
"""

from __future__ import annotations

import hashlib
import io
import secrets
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from itertools import count
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from domain import (
    accounts,
    announcements,
    audit,
    blocking,
    closing,
    contests,
    conversation,
    deletion,
    factors,
    files,
    guidance,
    handover,
    ideas,
    joining,
    knowledge,
    licences,
    lifecycle,
    mail_choices,
    partners,
    passwords,
    pdf_pages,
    policies,
    presets,
    requests,
    satisfaction,
    second_step,
    splitting,
    status_page,
    unread,
)
from domain.refusals import NotNow
from domain.workdays import WorkCalendar
from models import (
    Announcement,
    Article,
    Calendar,
    ClosingRule,
    ConsentText,
    HelpLine,
    Membership,
    Message,
    Organisation,
    OutboxMessage,
    Person,
    Portal,
    Product,
    RequestForm,
    Satisfaction,
    Service,
    Team,
    TeamMember,
    Ticket,
    Topic,
    db,
)

PARIS = ZoneInfo("Europe/Paris")
# The portal opened that many days ago: accounts, consent text and organisations are older than any request.
OPENED_DAYS_AGO = 400
# What was written since then is new to the people of the demo.
DAYS_AWAY = 2
# Letters and digits that nobody mistakes for one another.
EASY_SIGNS = "abcdefghijkmnpqrstuvwxyz23456789"


class Somebody(NamedTuple):
    """A demo person. Those without `role` words have no password: they stand in threads and lists only."""

    email: str
    full_name: str
    language: str = "fr"
    role: str = ""
    organisation: str = ""
    membership: str = ""
    staff_role: str | None = None
    teams: tuple[str, ...] = ()
    is_supervisor: bool = False
    time_zone: str = "Europe/Paris"


PEOPLE = (
    Somebody("alice@acme.example", "Alice Martin", "fr", "approved contact of Acme", "acme", "contact"),
    Somebody("bob@acme.example", "Bob Lefèvre", "fr", "administrator of Acme", "acme", "administrator"),
    Somebody("dana@acme.example", "Dana Colin", "fr", "of Acme, not approved", "acme", "member"),
    Somebody(
        "charlie@globex.example", "Charlie Duval", "fr", "approved contact of Globex", "globex", "contact"
    ),
    Somebody("erin@globex.example", "Erin Walsh", "en", "administrator of Globex", "globex", "administrator"),
    Somebody(
        "sam@guichet.example", "Sam Delorme", "fr", "agent, support", staff_role="agent", teams=("support",)
    ),
    Somebody(
        "ines@guichet.example",
        "Inès Haddad",
        "fr",
        "agent, engineering",
        staff_role="agent",
        teams=("engineering",),
    ),
    Somebody(
        "vera@guichet.example",
        "Vera Lindqvist",
        "en",
        "supervisor",
        staff_role="agent",
        teams=("support", "configuration", "billing", "privacy"),
        is_supervisor=True,
    ),
    Somebody(
        "marc@guichet.example", "Marc Rivière", "fr", "account manager of Acme", staff_role="account_manager"
    ),
    Somebody("root@guichet.example", "Root", "fr", "admin", staff_role="admin"),
    Somebody(
        "remy@relais.example",
        "Rémy Vasseur",
        "fr",
        "administrator of Relais Sud, a reseller that acts for Globex",
        "relais",
        "administrator",
    ),
    Somebody("claire@acme.example", "Claire Petit", "fr", "", "acme", "contact"),
    Somebody("hugo@acme.example", "Hugo Faure", "fr", "", "acme", "contact"),
    Somebody("gaspard@globex.example", "Gaspard Noël", "fr", "", "globex", "contact"),
    Somebody(
        "noah@umbrella.example",
        "Noah Bennett",
        "en",
        "",
        "umbrella",
        "administrator",
        time_zone="Europe/London",
    ),
    Somebody(
        "priya@umbrella.example", "Priya Shah", "en", "", "umbrella", "contact", time_zone="Europe/London"
    ),
    Somebody(
        "lotte@vandelay.example",
        "Lotte Maes",
        "fr",
        "",
        "vandelay",
        "administrator",
        time_zone="Europe/Brussels",
    ),
    Somebody(
        "omar@vandelay.example", "Omar Benali", "fr", "", "vandelay", "contact", time_zone="Europe/Brussels"
    ),
)
# Registered by herself, and waiting for staff to attach her (ACC-2).
WAITING = ("jeanne@acme.example", "Jeanne Royer", "Acme Nantes")

ARTICLES: dict[str, dict[str, Any]] = {
    "payroll-12-5": {
        "kind": "change",
        "audience": "customers",
        "state": "published",
        "title_fr": "Initech Paie 12.5 arrive le mois prochain",
        "title_en": "Initech Payroll 12.5 comes next month",
        "summary_fr": "L’export comptable change de format\u202f: vérifiez vos reprises automatiques.",
        "summary_en": "The accounting export changes its format: check what reads it by itself.",
        "body_fr": "La version 12.5 ajoute une colonne à la fin de l’export comptable. Rien d’autre ne bouge.\n\n"
        "Si un programme lit ce fichier, essayez-le d’abord sur votre environnement de test.",
        "body_en": "Version 12.5 adds a column at the end of the accounting export. Nothing else moves.\n\n"
        "When a program reads this file, try it in your test environment first.",
    },
    "export-formats": {
        "kind": "article",
        "audience": "customers",
        "state": "draft",
        "title_fr": "Les formats de l’export comptable",
        "body_fr": "À écrire : la liste des colonnes, version par version.",
    },
}

# Slug, zone and country of the calendar, and the line itself.
HELP_LINES: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    (
        "north-america",
        "America/Montreal",
        "CA",
        {
            "region_fr": "Amérique du Nord",
            "region_en": "North America",
            "countries": ["CA", "US"],
            "phone": "+1 514 555 0142",
            "languages": ["fr", "en"],
            "sentence_fr": "La nuit et le week-end, laissez un message : nous rappelons à l’ouverture.",
            "sentence_en": "At night and at weekends, leave a message: we call back when we open.",
        },
    ),
    (
        "japan",
        "Asia/Tokyo",
        "JP",
        {
            "region_fr": "Japon",
            "region_en": "Japan",
            "countries": ["JP"],
            "phone": "+81 3 5555 0142",
            "languages": ["ja", "en"],
        },
    ),
)

# Key, who tells it, days before now, and the idea with what came of it.
IDEAS: tuple[tuple[str, str, int, dict[str, Any]], ...] = (
    (
        "calendar",
        "alice",
        60,
        {
            "title": "Exporter le planning des congés vers un calendrier",
            "problem": "Les responsables recopient les congés à la main dans leur agenda, et se trompent de semaine.",
            "details": "Une adresse `.ics` par équipe suffirait.",
            "product": "time",
            "votes": ("charlie", "erin", "noah", "priya", "dana"),
            "comments": (
                ("erin", "We would use it for shift planning too, in four sites."),
                (
                    "sam",
                    "Merci. Faut-il aussi les demandes **en attente**, ou seulement les congés validés ?",
                ),
                ("alice", "Les congés validés suffisent."),
            ),
            "moves": (
                ("under_review", "Nous regardons ce que cela demande.", "We are looking at what it takes."),
                ("planned", "Prévu pour la version 12.6.", "Planned for version 12.6."),
            ),
        },
    ),
    (
        "ics",
        "lotte",
        20,
        {
            "title": "Un fichier ics des congés par équipe",
            "problem": "Chacun demande à l’autre qui est là la semaine prochaine.",
            "votes": ("omar", "erin"),
        },
    ),
    (
        "dark",
        "erin",
        45,
        {
            "title": "A dark theme for the time clock",
            "problem": "The screen at the night gate blinds people who come out of the dark.",
            "votes": ("charlie",),
            "moves": (("done", "Livré avec la version 12.4.", "Shipped with version 12.4."),),
        },
    ),
    (
        "year-end",
        "charlie",
        9,
        {
            "kind": "discussion",
            "title": "Comment préparez-vous le passage à l’année suivante ?",
            "details": "Nous clôturons à quatre sur deux jours. Quels contrôles faites-vous avant d’ouvrir janvier ?",
            "comments": (
                ("bob", "Un bulletin à blanc par statut, puis l’état des absences."),
                (
                    "ines",
                    "Bon réflexe. Vérifiez aussi les compteurs reportés : l’écran « Soldes » les liste.",
                ),
            ),
        },
    ),
    (
        "badge",
        "dana",
        2,
        {
            "title": "Prévenir quand un badge n’a pas été rendu",
            "problem": "Un badge oublié reste actif des semaines après un départ.",
        },
    ),
)

ORGANISATIONS: dict[str, dict[str, Any]] = {
    "acme": {
        "name": "Acme",
        "domains": ["acme.example"],
        "product_version": "12.4",
        "companies": ["Acme Lyon", "Acme Nantes", "Acme Europe"],
        "country": "FR",
        "note": "Paie et temps pour 840 salariés, trois sites. Paie le 27 de chaque mois.",
    },
    "globex": {
        "name": "Globex",
        "domains": ["globex.example"],
        "product_version": "12.3",
        "companies": ["Globex France", "Globex Logistique"],
        "country": "FR",
        "note": "Pointeuses sur quatre sites. Préfère le téléphone pour les arrêts de production.",
    },
    "relais": {
        "name": "Relais Sud",
        "domains": ["relais.example"],
        "product_version": "12.3",
        "companies": ["Relais Sud"],
        "country": "FR",
        "note": "Revendeur. Ouvre des demandes pour Globex.",
    },
    "umbrella": {
        "name": "Umbrella",
        "domains": ["umbrella.example"],
        "product_version": "9.2",
        "companies": ["Umbrella Health"],
        "country": "GB",
        "note": "Time and expenses only. Contacts write in English.",
    },
    "vandelay": {
        "name": "Vandelay",
        "domains": ["vandelay.example"],
        "product_version": "7.1",
        "companies": ["Vandelay Import", "Vandelay Export"],
        "country": "BE",
        "note": "Comptabilité seule. Migration vers 7.2 prévue au printemps.",
    },
}

# When something happened: days before now and an hour in Paris, or minutes before now.
When = tuple[int, str] | int


class Step(NamedTuple):
    """One thing that somebody does to a request: a key of ACTS, with its words."""

    when: When
    who: str
    act: str
    text: str = ""
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class Story:
    """A request from its first day: who asked what, and what came of it."""

    when: When
    who: str
    form: str
    summary: str
    body: str
    steps: Sequence[Step] = ()
    key: str = ""
    product: str | None = None
    severity: str | None = None
    kind: str | None = None
    answers: Sequence[tuple[str, str, str, str]] = ()
    people: Sequence[tuple[str, str]] = ()
    files: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    audience: str = "organisation"
    shared: bool = False
    follow_up_of: str | None = None
    licence: tuple[str, str, int | None, int] | None = None


# What the vendor runs, with the request forms that speak of it while it is disturbed.
SERVICES: tuple[dict[str, Any], ...] = (
    {
        "slug": "payroll",
        "name_fr": "Initech Paie",
        "name_en": "Initech Payroll",
        "form_slugs": ["incident", "question"],
    },
    {
        "slug": "payroll-api",
        "name_fr": "API de paie",
        "name_en": "Payroll API",
        "form_slugs": ["incident", "api"],
    },
    {"slug": "time", "name_fr": "Initech Temps", "name_en": "Initech Time", "form_slugs": ["incident"]},
    {
        "slug": "clocks",
        "name_fr": "Pointeuses",
        "name_en": "Time clocks",
        "sentence_fr": "Les bornes des sites et leur liaison avec Initech Temps.",
        "sentence_en": "The terminals on sites, and their link with Initech Time.",
        "form_slugs": ["incident"],
    },
    {"slug": "mails", "name_fr": "Courriels", "name_en": "Mails", "form_slugs": []},
    {"slug": "portal", "name_fr": "Ce portail", "name_en": "This portal", "form_slugs": []},
)


class Trouble(NamedTuple):
    """Something that happened to services: days ago, minutes it lasted, and what was said at first and in the end."""

    days_ago: int
    minutes: int
    impact: str
    services: tuple[str, ...]
    title_fr: str
    title_en: str
    first_fr: str
    first_en: str
    last_fr: str
    last_en: str


TROUBLES = (
    Trouble(
        84, 130, "degraded", ("mails",), "Courriels retardés", "Mails delayed",
        "Les courriels partent avec une heure de retard. Aucun n’est perdu.",
        "Mails leave an hour late. None is lost.",
        "La file est vidée : les courriels partent de nouveau aussitôt.",
        "The queue is empty: mails leave at once again.",
    ),
    Trouble(
        69, 48, "partial", ("clocks",), "Pointeuses muettes à Lyon", "Time clocks silent in Lyon",
        "Les pointeuses de Lyon n’enregistrent plus. Notez les heures : nous les reprendrons.",
        "The clocks in Lyon record nothing. Write the hours down: we take them over.",
        "La liaison est rétablie, et les pointages gardés par les bornes sont arrivés.",
        "The link is back, and what the terminals had kept has arrived.",
    ),
)  # fmt: skip


def ensure_empty() -> None:
    """Refuse to add the demo world to a portal that people use. Raises NotNow("not-empty")."""
    if Person.select().exists() or Ticket.select().exists():
        raise NotNow("not-empty")


def seed_demo(
    now: datetime, password: str | None = None, store: files.Store | None = None
) -> list[tuple[str, str, str]]:
    """Fill an empty portal with the demo world, all of it or nothing.

    Arguments: now, aware UTC, the day on which people will look at it; password, the same for everybody
    (made when absent); store, where files go (without one the requests have none).
    Returns (address, password, role in words) for those who can sign in. Raises NotNow("not-empty").
    """
    with db.atomic():
        ensure_empty()
        if not Portal.select().exists():
            presets.apply("default", None, now)
        world = _World(now, store)
        sign_ins = world.make_people(password)
        world.make_rules()
        world.link_partners()
        world.live(STORIES)
        world.read_articles()
        world.run_services()
        world.announce()
        world.answer_the_telephone()
        world.share_ideas()
        world.say_how_it_went()
        world.choose_mails()
        world.leave_news()
        world.protect_accounts()
        # Only seeds may do this: what happened in the past was told then, and nobody gets a burst of old mails now.
        OutboxMessage.update(status="skipped", skip_reason="demo", next_try_at=None).where(
            OutboxMessage.status == "waiting"
        ).execute()
    return sign_ins


def load_tickets(tickets: int, now: datetime) -> int:
    """Load many made-up requests at once, for trials and measures. Returns how many (see volume.py)."""
    import volume

    return volume.fill(tickets, now=now)


# ---- Making it happen ------------------------------------------------------------------------------------


class _World:
    """The demo world while it is being made."""

    def __init__(self, now: datetime, store: files.Store | None) -> None:
        self.now = now
        self.store = store
        self.calendar = WorkCalendar()
        self.viewers: dict[str, policies.Viewer] = {}
        self.tickets: dict[str, Ticket] = {}
        self.products = {row.slug: row.id for row in Product.select()}

    # People

    def make_people(self, password: str | None) -> list[tuple[str, str, str]]:
        """Organisations, accounts, memberships and teams, as of the day the portal opened."""
        opened = self.now - timedelta(days=OPENED_DAYS_AGO)
        # Only seeds may do this: the text was there before those who agreed to it.
        ConsentText.update(published_at=opened).where(ConsentText.published_at > opened).execute()
        organisations = {
            slug: Organisation.create(slug=slug, created_at=opened, **profile)
            for slug, profile in ORGANISATIONS.items()
        }
        teams = {row.slug: row.id for row in Team.select()}
        # One for everybody: whoever tries the portal goes from one person to another. A hash is slow on purpose.
        word = password or made_password()
        hashed = passwords.hash_password(word)
        sign_ins = []
        for somebody in PEOPLE:
            person = accounts.add_person(
                somebody.email,
                somebody.full_name,
                by=None,
                now=opened,
                language=somebody.language,
                time_zone=somebody.time_zone,
                staff_role=somebody.staff_role,
                is_supervisor=somebody.is_supervisor,
                has_signed_in=True,
            )
            if somebody.role:
                Person.update(password_hash=hashed).where(Person.id == person.id).execute()
                sign_ins.append((somebody.email, word, somebody.role))
            if somebody.organisation:
                self._attach(person, organisations[somebody.organisation], somebody.membership, opened)
            for team in somebody.teams:
                TeamMember.create(team=teams[team], person=person.id)
        marc = Person.get(Person.email == "marc@guichet.example")
        Organisation.update(account_manager=marc.id).where(Organisation.slug == "acme").execute()
        email, name, claimed = WAITING
        waiting = accounts.add_person(
            email, name, by=None, now=self.now - timedelta(days=2), has_signed_in=True
        )
        Person.update(claimed_organisation=claimed).where(Person.id == waiting.id).execute()
        for person in Person.select():
            viewer = policies.load_viewer(person.id)
            if viewer is not None:
                self.viewers[person.email.partition("@")[0]] = viewer
        return sign_ins

    def protect_accounts(self) -> None:
        """Alice trusts a browser; Vandelay asks a second factor of its people, from the day after a month."""
        vandelay = Organisation.get(Organisation.slug == "vandelay")
        day = self.now.astimezone(PARIS).date() + timedelta(days=31)
        factors.require_of_organisation(vandelay, day, self.viewers["root"], self.now - timedelta(days=3))
        second_step.trust(
            self.viewers["alice"].id,
            origin="192.0.2.17",
            user_agent="Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            now=self.now - timedelta(days=12),
        )

    def link_partners(self) -> None:
        """A reseller opens requests for a customer, since three weeks ago (ACC-18)."""
        relais, globex = (Organisation.get(Organisation.slug == slug).id for slug in ("relais", "globex"))
        at = self.now - timedelta(days=21)
        partners.link(relais, globex, self.viewers["root"], at, note="Contrat de revente, site de Nantes.")

    def _attach(self, person: Person, organisation: Organisation, role: str, opened: datetime) -> None:
        approved = role != "member"
        Membership.create(
            person=person.id,
            organisation=organisation.id,
            role=role,
            can_open=approved,
            can_see_all=approved,
            can_answer=approved,
            approved_at=opened if approved else None,
            reason="Liste remise à l’ouverture du portail." if approved else "",
        )
        audit.record(
            "contact:approved" if approved else "contact:attached",
            by=None,
            now=opened,
            target=f"person:{person.id}",
            organisation=organisation.id,
            role=role,
        )

    def make_rules(self) -> None:
        """A closing rule of one organisation for one form, with words of its own for its mails."""
        rule = ClosingRule.create(
            status="customer_testing",
            organisation=Organisation.get(Organisation.slug == "globex"),
            form=RequestForm.get(RequestForm.slug == "patch"),
            unit="working_days",
            reminders=[5],
            after=10,
            final_status="awaiting_rollback",
            reminder_text_fr="Le correctif {number} attend un essai.\n\nSans nouvelles il est retiré après le {day}.",
            reminder_text_en="Patch {number} waits for your test.\n\nWithout news it is taken back after {day}.",
            closing_text_fr="Le correctif {number} n’a pas été essayé avant la fin du {day} : nous le retirons.",
            closing_text_en="Patch {number} was not tested before the end of {day}: we take it back.",
        )
        audit.record(
            "admin:created",
            by=None,
            now=self.now,
            target=f"closingrule:{rule.id}",
            values={"after": rule.after},
        )
        closing.forget()

    # Requests

    def say_how_it_went(self) -> None:
        """Some requesters said how their closed requests went, a day later; the portal does not ask about the past."""
        said = ((5, "Réponse claire, en moins d’une heure."), (4, ""), (2, "Il a fallu relancer deux fois."))
        rows = Satisfaction.select(Satisfaction, Ticket).join(Ticket).order_by(Satisfaction.id)
        for place, row in enumerate(rows):
            at = min(row.ticket.closed_at + timedelta(days=1), self.now)
            by = policies.load_viewer(row.person_id)
            # One of four did not answer.
            if place % 4 < len(said) and by is not None:
                score, comment = said[place % 4]
                satisfaction.rate(row.ticket, score, comment, by, at)
        Satisfaction.update(ask_at=None).where(Satisfaction.ask_at <= self.now).execute()

    def choose_mails(self) -> None:
        """Priya has her news gathered and wants quiet nights; the others get their mails at once."""
        priya = policies.load_viewer(Person.get(Person.email == "priya@umbrella.example").id)
        mail_choices.change(
            priya,
            self.now,
            paces={"answers": "hourly", "moves": "daily"},
            daily_hour=9,
            quiet_from=20 * 60,
            quiet_until=7 * 60 + 30,
            quiet_weekends=True,
        )

    def read_articles(self) -> None:
        """A coming change, a draft, an article to read again, what readers said, what was looked for in vain."""
        if not Article.select().where(Article.slug == "files-allowed").exists():
            # A preset without our articles.
            return
        root, alice, bob, sam = (self.viewers[name] for name in ("root", "alice", "bob", "sam"))
        for slug, values in ARTICLES.items():
            topic = Topic.get(Topic.slug == "news")
            knowledge.save(Article(slug=slug, topic=topic, **values), root, self.now)
        overdue = Article.get(Article.slug == "files-allowed")
        overdue.owner = sam.id
        overdue.review_by = (self.now - timedelta(days=3)).date()
        knowledge.save(overdue, root, self.now)
        said = knowledge.find(alice, "closes-by-itself")
        knowledge.vote(said, True, "", alice, self.now)
        knowledge.vote(said, False, "Et si je suis en vacances ?", bob, self.now)
        knowledge.follow(Topic.get(Topic.slug == "requests"), alice, self.now)
        for words in ("bulletin clarifié", "bulletin clarifié", "export fec"):
            knowledge.record_miss(words, self.now)

    def run_services(self) -> None:
        """What the status page lists: services, what happened to them, and the work that is planned."""
        sam, position = self.viewers["sam"], count(1)
        keys = {row["slug"]: Service.create(position=next(position), **row).id for row in SERVICES}
        for trouble in TROUBLES:
            began = self.at_hour(-trouble.days_ago, 10)
            row = status_page.open_incident(
                sam,
                began,
                title_fr=trouble.title_fr,
                title_en=trouble.title_en,
                impact=trouble.impact,
                service_ids=[keys[slug] for slug in trouble.services],
                body_fr=trouble.first_fr,
                body_en=trouble.first_en,
                idempotency_key=f"demo-trouble-{trouble.days_ago}",
            )
            status_page.post_update(
                row.id,
                sam,
                began + timedelta(minutes=trouble.minutes),
                state="solved",
                body_fr=trouble.last_fr,
                body_en=trouble.last_en,
                idempotency_key=f"demo-trouble-{trouble.days_ago}-over",
            )
        status_page.open_incident(
            sam,
            self.now - timedelta(days=2),
            title_fr="Mise à jour 12.5",
            title_en="Update 12.5",
            impact=status_page.MAINTENANCE,
            service_ids=[keys["payroll"]],
            body_fr="Initech Paie sera indisponible pendant la mise à jour. Les pointages continuent.",
            body_en="Initech Payroll is unavailable during the update. Time clocks go on.",
            started_at=self.at_hour(4, 7),
            planned_until=self.at_hour(4, 9),
            idempotency_key="demo-maintenance",
        )

    def announce(self) -> None:
        """What is announced to all who sign in, to one organisation, and what was."""
        today = self.now.astimezone(PARIS).date()
        announcements.write(
            Announcement(
                level="warning",
                title_fr="Initech Paie s’arrête deux heures pour la mise à jour 12.5",
                title_en="Initech Payroll stops for two hours, for update 12.5",
                body_fr="Terminez vos exports avant. La [page d’état](/status) dit quand tout est revenu.",
                body_en="Finish your exports before. The [status page](/status) says when all is back.",
                first_day=today - timedelta(days=2),
                last_day=today + timedelta(days=4),
            ),
            [],
            self.now - timedelta(days=2),
        )
        announcements.write(
            Announcement(
                audience="organisations",
                title_fr="Votre formation du mois prochain",
                title_en="Your training next month",
                body_fr="Les inscriptions sont ouvertes : [demandez une place](/catalogue).",
                body_en="Places can be booked: [ask for one](/catalogue).",
                first_day=today - timedelta(days=5),
                last_day=today + timedelta(days=20),
            ),
            [Organisation.get(Organisation.slug == "globex").id],
            self.now - timedelta(days=5),
        )
        announcements.write(
            Announcement(
                audience="public",
                title_fr="Support fermé le jour de l’inventaire",
                title_en="Support closed on the day of the inventory",
                body_fr="Les demandes reçues ce jour-là sont lues le lendemain.",
                body_en="Requests that come that day are read the day after.",
                first_day=today - timedelta(days=40),
                last_day=today - timedelta(days=33),
            ),
            [],
            self.now - timedelta(days=40),
        )

    def at_hour(self, days: int, hour: int) -> datetime:
        """An hour of Paris so many days from now."""
        day = self.now.astimezone(PARIS).date() + timedelta(days=days)
        return datetime.combine(day, time(hour), PARIS).astimezone(UTC)

    def answer_the_telephone(self) -> None:
        """Two more numbers, in other zones, and a portal of consulting to switch to."""
        if not HelpLine.select().exists():
            # A preset without our lines.
            return
        for position, (slug, zone, country, line) in enumerate(HELP_LINES, start=2):
            calendar = Calendar.create(
                name=line["region_en"],
                country=country,
                time_zone=zone,
                hours={str(day): [["09:00", "17:00"]] for day in range(5)},
            )
            HelpLine.create(slug=slug, calendar=calendar, position=position * 10, **line)
        Portal.create(
            slug="consulting",
            prefix="CON",
            name_fr="Conseil et projets",
            name_en="Consulting and projects",
            sentence_fr="Projets en cours, ateliers, formations.",
            sentence_en="Projects under way, workshops, training.",
            url="https://consulting.initech.example/",
        )

    def share_ideas(self) -> None:
        """Ideas in several states with their votes, a duplicate, a discussion, and a question to customer success."""
        now = self.now
        made = {}
        for key, who, days, idea in IDEAS:
            at = now - timedelta(days=days)
            product = self.products.get(idea.get("product", ""))
            words = {name: idea.get(name, "") for name in ("title", "problem", "details")}
            made[key] = ideas.submit(
                self.viewers[who],
                at,
                kind=idea.get("kind", "idea"),
                product_id=product,
                idempotency_key=f"demo-idea-{key}",
                **words,
            )
            for voter in idea.get("votes", ()):
                ideas.vote(made[key], self.viewers[voter], at + timedelta(hours=3), follow=voter == "erin")
            for number, (author, text) in enumerate(idea.get("comments", ())):
                ideas.comment(
                    made[key],
                    text,
                    self.viewers[author],
                    at + timedelta(hours=20 + number),
                    idempotency_key=f"demo-comment-{key}-{number}",
                )
            for number, (state, fr, en) in enumerate(idea.get("moves", ())):
                ideas.move(
                    made[key],
                    state,
                    self.viewers["vera"],
                    at + timedelta(days=2 + number),
                    sentence_fr=fr,
                    sentence_en=en,
                )
        ideas.merge(made["ics"], made["calendar"].id, self.viewers["vera"], now - timedelta(days=1))
        guidance.ask(
            self.viewers["bob"],
            now - timedelta(days=3),
            subject="training",
            message="Deux gestionnaires de paie arrivent en janvier. Quelles formations proposez-vous à Lyon ?",
            page="/catalogue",
            idempotency_key="demo-question-1",
        )

    def leave_news(self) -> None:
        """What was written in the last days is new to everybody, as to people who were away (VIEW-16)."""
        for row in Person.select(Person.id).where(Person.first_signed_in_at.is_null(False)):
            unread.begin(row.id, before=self.now - timedelta(days=DAYS_AWAY))

    def live(self, stories: Sequence[Story]) -> None:
        """Let everything happen in the order of time, with the sweep of each morning in between."""
        order = count()
        acts: list[tuple[datetime, int, Callable[[datetime], Any]]] = []
        for index, story in enumerate(stories):
            at = self.instant(story.when)
            acts.append((at, next(order), partial(self._submit, story, index)))
            for step in story.steps:
                at = max(self.instant(step.when), at + timedelta(minutes=1))
                acts.append((at, next(order), partial(self._do, story, step)))
        acts.sort(key=lambda act: act[:2])
        morning = acts[0][0].astimezone(PARIS).replace(hour=0, minute=30, second=0, microsecond=0)
        for at, _turn, act in acts:
            while morning <= at:
                self._sweep(morning.astimezone(UTC))
                morning += timedelta(days=1)
            act(min(at, self.now))
        while morning < self.now:
            self._sweep(morning.astimezone(UTC))
            morning += timedelta(days=1)
        self._sweep(self.now)

    def _sweep(self, now: datetime) -> None:
        """What happens by itself."""
        deletion.sweep(now)
        closing.sweep(now)

    def instant(self, when: When) -> datetime:
        """The instant meant: on a working day, and never in the future."""
        if isinstance(when, int):
            return self.now - timedelta(minutes=when)
        days, hour = when
        day = self.calendar.local_day(self.now) - timedelta(days=days)
        while not self.calendar.is_working_day(day):
            day -= timedelta(days=1)
        wanted = datetime.combine(day, time.fromisoformat(hour.zfill(5)), PARIS).astimezone(UTC)
        return min(wanted, self.now - timedelta(minutes=1))

    def _submit(self, story: Story, index: int, now: datetime) -> None:
        by = self.viewers[story.who]
        organisation = by.memberships[0].organisation_id
        keys = self._keep(story.files, by, now)
        submission = requests.Submission(
            form_slug=story.form,
            organisation_id=organisation,
            requester_id=by.id,
            summary=story.summary,
            description=_with_picture(story.body, keys),
            idempotency_key=f"demo-request-{index:04d}",
            language=by.language,
            kind_slug=story.kind,
            product_id=self.products[story.product] if story.product else None,
            priority=story.severity,
            audience=story.audience,
            share_with_account_manager=story.shared,
            cc=story.cc,
            answers=[
                {"key": key, "label_fr": fr, "label_en": en, "value": value, "kind": "text"}
                for key, fr, en, value in story.answers
            ],
            named_people=[{"full_name": name, "employee_number": number} for name, number in story.people],
            licence=self._licence(story, now),
            attachment_keys=keys,
            consented=True,
            follow_up_of=self.tickets[story.follow_up_of].number if story.follow_up_of else None,
        )
        ticket = requests.submit(submission, by, now)
        self.tickets[story.key or story.summary] = ticket
        if story.licence and self.store is not None:
            licences.fill_in(ticket, self.store, now)

    def _licence(self, story: Story, now: datetime) -> dict[str, Any] | None:
        if story.licence is None:
            return None
        product, edition, quantity, in_days = story.licence
        return {
            "product": self.products[product],
            "edition": edition,
            "quantity": quantity,
            "due_on": self.calendar.local_day(now) + timedelta(days=in_days),
            "source": "page" if quantity else "form",
        }

    def _do(self, story: Story, step: Step, now: datetime) -> None:
        by = self.viewers[step.who]
        ticket = Ticket.get_by_id(self.tickets[story.key or story.summary].id)
        keys = self._keep(step.files, by, now)
        name, _, target = step.act.partition(":")
        # One key for each message, the same at each making.
        key = hashlib.sha256(f"{ticket.number}:{story.steps.index(step)}".encode()).hexdigest()
        if name in ("reply", "ask", "solve", "mail"):
            conversation.reply(
                ticket,
                step.text,
                by,
                now,
                idempotency_key=key,
                attachment_keys=keys,
                move_to={"ask": "waiting_customer", "solve": "resolved"}.get(name, target or None),
                via="mail" if name == "mail" else "page",
            )
        elif name == "note":
            conversation.note(ticket, step.text, by, now, idempotency_key=key, attachment_keys=keys)
        elif name == "take":
            lifecycle.take(ticket, by, now)
        elif name == "assign":
            lifecycle.assign(ticket, self.viewers[target].id, by, now)
        elif name == "escalate":
            lifecycle.escalate(ticket, target, by, now, reference=step.text)
        elif name == "block":
            blocking.block(ticket, self.tickets[target].number, by, now, component=step.text)
        elif name == "move":
            lifecycle.move(ticket, target, by, now, reason=step.text)
        elif name == "priority":
            lifecycle.set_priority(ticket, target, by, now, reason=step.text)
        elif name == "contest":
            contests.contest(ticket, step.text, by, now)
        elif name == "close":
            lifecycle.close(ticket, by, now)
        elif name == "cc":
            conversation.add_cc(ticket, target, by, now)
        elif name == "merge":
            joining.merge(ticket, self.tickets[target].number, by, now)
        elif name == "split":
            last = ticket.messages.where(Message.kind == "reply").order_by(Message.id.desc()).first()
            splitting.split(ticket, last.id, step.text, by, now, store=self.store, idempotency_key=key)
        elif name == "hand":
            handover.handover(ticket, self.viewers[target].id, by, now, reason=step.text)
        elif name == "confirm":
            standing = deletion.look(by, ticket, now, by.language)
            phrase = standing.wording.phrase if standing else ""
            deletion.confirm(ticket, phrase, by, now, language=by.language, understood=True)
        elif name == "second":
            deletion.second(ticket, by, now, language=by.language)
        elif name == "carry-out":
            deletion.carry_out(ticket, by, now)
        elif name == "licence":
            record = ticket.licence_requests.get()
            {"prepare": licences.prepare, "deliver": licences.deliver}[target](record, by, now)
        else:
            raise ValueError(f"nobody can {step.act}")

    def _keep(self, names: Sequence[str], by: policies.Viewer, now: datetime) -> tuple[str, ...]:
        """Files of these names, made and uploaded; none without a store."""
        if self.store is None:
            return ()
        return tuple(
            files.keep(io.BytesIO(made_file(name, now.date())), name, by, now, self.store).key
            for name in names
        )


def _with_picture(body: str, keys: Sequence[str]) -> str:
    """A text whose picture, written (file:1), is the first of these files; without files it is left out."""
    if keys:
        return body.replace("(file:1)", f"(file:{keys[0]})")
    return "\n\n".join(part for part in body.split("\n\n") if "(file:1)" not in part)


def made_password() -> str:
    """A password to read from a screen and type: four groups of four signs, some 80 bits."""
    groups = ("".join(secrets.choice(EASY_SIGNS) for _ in range(4)) for _ in range(4))
    return "-".join(groups)


# ---- Small files -----------------------------------------------------------------------------------------


def made_file(name: str, day: date) -> bytes:
    """A small file that fits its name: a picture, a document, or lines of text."""
    extension = files.extension(name)
    if extension == "png":
        return made_picture(seed=sum(name.encode()))
    if name.startswith("licences"):
        words = {
            "title": "Demande de licences",
            "intro": "Formulaire à joindre à une demande de licences.",
            "product": "Produit",
            "edition": "Édition",
            "quantity": "Quantité",
            "due_on": "Date d’échéance",
            "due_on_hint": "Jour, mois et année.",
        }
        due = (day + timedelta(days=21)).strftime("%d/%m/%Y")
        values = {"product": "Initech Temps", "edition": "Plus", "quantity": "20", "due_on": due}
        return licences.blank_form(words, ["Initech Paie", "Initech Temps"], "fr", values)
    if extension == "pdf":
        page = pdf_pages.Page(title=name, language="fr")
        page.heading(name.removesuffix(".pdf").replace("-", " ").capitalize())
        page.paragraph(f"Document de démonstration, établi le {day:%d/%m/%Y}. Aucune donnée réelle.")
        return page.document()
    if extension == "csv":
        return b"matricule;nom;heures\n1784;Moreau;151,67\n1802;Fernandez;148,00\n"
    if extension == "xml":
        return b'<?xml version="1.0"?>\n<transfers><transfer amount="1240.50" code="AC04"/></transfers>\n'
    lines = (f"{day.isoformat()} 08:4{minute}:12 ERROR 500 /time/workshop/validate\n" for minute in range(8))
    return "".join(lines).encode()


def made_picture(seed: int, width: int = 480, height: int = 270) -> bytes:
    """A PNG that looks like a window with a table: a bar, a side menu, grey lines, one of them marked."""
    rows = []
    marked = 6 + seed % 8
    for y in range(height):
        line, inside = divmod(y - 48, 16)
        row = bytearray()
        for x in range(0, width, 4):
            colour = (250, 249, 246)
            if y < 28:
                colour = (52, 73, 102)
            elif x < 96:
                colour = (233, 231, 225) if (y // 20) % 2 else (225, 222, 214)
            elif y >= 48 and 5 <= inside <= 10 and 112 <= x < 460 - (line * 37 + seed) % 160:
                colour = (196, 78, 60) if line == marked else (176, 172, 163)
            row += bytes(colour) * 4
        rows.append(b"\0" + bytes(row))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(b"".join(rows), 6)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


# ---- What happened ---------------------------------------------------------------------------------------

_URL = ("page_url", "Adresse de la page", "Page address")
_TRIED = ("measures_taken", "Ce que vous avez déjà essayé", "What you have already tried")
_ENDPOINT = ("endpoint_url", "URL du point d’accès", "End point URL")
_WHY = ("justification", "Justification", "Business justification")
_VERSION = ("version", "Version", "Version")
_COMPANY = ("company", "Société", "Company")
_ENVIRONMENT = ("environment", "Environnement", "Environment")
_INVOICE = ("invoice_number", "Numéro de facture", "Invoice number")

STORIES: tuple[Story, ...] = (
    # Acme: what awaits Alice
    Story(
        (6, "9:12"),
        "alice",
        "incident",
        "Export de paie refusé par la banque depuis lundi",
        "Depuis lundi, la banque refuse le fichier des virements : « structure inconnue ».\n\n"
        "- le fichier d’octobre passait\n- rien n’a changé chez nous\n- 214 virements attendent",
        [
            Step((6, "9:48"), "sam", "take"),
            Step(
                (6, "10:05"),
                "sam",
                "reply",
                "Bonjour Alice, je regarde le fichier ligne à ligne et je reviens vers vous.",
            ),
            Step(
                (5, "11:20"),
                "ines",
                "note",
                "L’en-tête porte l’ancien format. Sans doute la mise à jour 12.4 du samedi.",
            ),
            Step(
                (4, "16:05"),
                "sam",
                "ask",
                "L’en-tête du fichier a gardé l’ancien format. **Pouvez-vous nous dire quel "
                "modèle de banque est choisi "
                "dans Paie > Virements > Modèles ?** Une capture suffit.",
            ),
        ],
        product="payroll",
        severity="2",
        answers=[
            (*_URL, "https://paie.initech.example/virements"),
            (*_TRIED, "Fichier refait, autre navigateur."),
        ],
        files=("refus-banque.png",),
        cc=("bob@acme.example",),
        shared=True,
    ),
    Story(
        (16, "10:30"),
        "alice",
        "question",
        "Ajouter la variable « Prime de Noël » au bulletin",
        "Nous versons une prime de Noël à tout le monde. Elle doit paraître sur sa propre "
        "ligne, avec les cotisations.",
        [
            Step((15, "9:10"), "vera", "take"),
            Step(
                (15, "9:40"),
                "vera",
                "reply",
                "Bonjour Alice, c’est noté : une ligne à part, soumise à cotisations.",
            ),
            Step(
                (3, "17:30"),
                "vera",
                "reply:customer_testing",
                "La variable est prête dans votre environnement de test. Calculez un bulletin "
                "et dites-nous si la ligne "
                "tombe juste.",
            ),
        ],
        key="christmas-bonus",
        product="payroll",
        kind="task",
    ),
    Story(
        (7, "9:14"),
        "alice",
        "incident",
        "Bulletin d’octobre en double pour trois salariés",
        "Bonjour, trois salariés ont reçu **deux bulletins pour octobre**, avec des montants différents :\n\n"
        "- le premier, daté du 30 octobre, est juste ;\n- le second, du 2 novembre, oublie la "
        "prime d’équipe.",
        [
            Step((7, "10:02"), "sam", "take"),
            Step(
                (7, "10:31"),
                "sam",
                "ask",
                "Bonjour Alice, merci pour la capture, elle dit tout. Une question pour aller "
                "plus vite : qui a relancé le "
                "calcul, et depuis quel écran ?",
            ),
            Step(
                (6, "8:50"),
                "alice",
                "mail",
                "Bob, depuis « Paie > Recalcul par lot ». Il pensait corriger une absence.",
            ),
            Step(
                (5, "14:12"),
                "ines",
                "note",
                "Le recalcul par lot ne demande rien quand un bulletin existe. Corrigé en 12.4.2.",
            ),
            Step(
                (1, "16:20"),
                "sam",
                "solve",
                "C’est réglé. Les trois bulletins en trop sont retirés, et leurs salariés ne "
                "les voient plus.\n\n"
                "Pour que cela n’arrive plus :\n\n"
                "1. Le recalcul par lot demande maintenant une confirmation si un bulletin existe déjà.\n"
                "2. Pour corriger une seule absence : `Paie > Bulletin > Corriger`.\n\n"
                "Pouvez-vous vérifier avec l’un des trois salariés ?",
                ("bulletin-juste.pdf",),
            ),
        ],
        product="payroll",
        severity="2",
        answers=[(*_URL, "https://paie.initech.example/bulletins/octobre"), (*_COMPANY, "Acme Lyon")],
        files=("bulletins-moreau.png",),
        cc=("bob@acme.example",),
        shared=True,
    ),
    # Acme: what is with the team
    Story(
        400,
        "alice",
        "incident",
        "Connexion initiale impossible depuis le client lourd",
        "Après la mise à jour, le client lourd reste sur « Connexion initiale » sans message. "
        "Les 12 postes de la "
        "comptabilité sont touchés ; le navigateur marche.",
        [
            Step(380, "sam", "take"),
            Step(
                355,
                "sam",
                "reply",
                "Bonjour Alice, je reproduis la panne ici. En attendant, passez par le navigateur.",
            ),
            Step(
                25,
                "alice",
                "reply",
                "Merci, le navigateur nous dépanne. Un poste réinstallé ne marche pas mieux.",
            ),
        ],
        product="ledger",
        severity="2",
        answers=[
            (*_URL, "https://compta.initech.example/"),
            (*_TRIED, "Réinstallation d’un poste, autre réseau."),
        ],
        files=("journal-connexion.log",),
    ),
    Story(
        154,
        "alice",
        "billing-question",
        "Où retrouver les factures de paie de 2025 ?",
        "Le contrôleur de gestion les demande pour la clôture. L’écran ne montre que celles de "
        "l’année en cours.",
        [],
    ),
    Story(
        (9, "11:15"),
        "alice",
        "interface",
        "Libellé coupé sur l’écran des congés en espagnol",
        "Le bouton « Solicitar ausencia » recouvre la date sur l’écran des congés. Nos "
        "collègues de Bilbao ne peuvent "
        "pas lire le jour choisi.",
        [
            Step((9, "14:00"), "sam", "take"),
            Step((9, "14:20"), "sam", "reply", "Bonjour, je le vois aussi. Je le confie à nos ingénieurs."),
            Step((8, "9:30"), "sam", "assign:ines"),
            Step(
                (6, "15:45"),
                "ines",
                "note",
                "Largeur fixe dans la feuille de style. Même défaut en portugais.",
            ),
            Step((5, "10:10"), "ines", "escalate:escalated_development", "RPC-318"),
        ],
        product="time",
        answers=[("steps", "Étapes", "Steps to see it", "Menu Congés, langue espagnole, choisir une date.")],
        files=("conges-espagnol.png",),
    ),
    Story(
        (12, "9:05"),
        "alice",
        "question",
        "Changer la règle d’arrondi des heures supplémentaires",
        "L’accord signé en septembre arrondit au quart d’heure, et non plus à la demi-heure.",
        [
            Step((12, "10:00"), "vera", "take"),
            Step(
                (11, "9:20"),
                "vera",
                "reply",
                "Bonjour Alice, ce réglage touche la même règle que la prime de Noël : "
                "nous le ferons juste après.",
            ),
            Step((11, "9:22"), "vera", "block:christmas-bonus", "Règles de calcul de la paie"),
        ],
        product="payroll",
        kind="task",
    ),
    Story(
        (20, "15:10"),
        "alice",
        "improvement",
        "Envoyer le planning de l’équipe vers l’agenda",
        "Les chefs d’équipe recopient le planning dans leur agenda. Un abonnement les en dispenserait.",
        [
            Step((19, "9:00"), "ines", "take"),
            Step(
                (19, "9:25"),
                "ines",
                "reply",
                "Merci pour l’idée. Je la présente à l’équipe produit, qui se réunit chaque mois.",
            ),
            Step((18, "16:00"), "ines", "escalate:escalated_product", "SPC-92"),
        ],
        product="time",
        answers=[(*_WHY, "32 chefs d’équipe, un quart d’heure chacun par semaine.")],
    ),
    Story(
        (3, "14:40"),
        "alice",
        "user-deletion",
        "Effacer deux comptes de salariés partis en 2023",
        "Leurs contrats sont terminés depuis plus de trois ans ; notre règle de conservation "
        "demande l’effacement.",
        [Step((3, "14:46"), "alice", "confirm"), Step((2, "9:15"), "vera", "move:qualified")],
        answers=[(*_WHY, "Règle de conservation : effacement trois ans après la fin du contrat.")],
        people=[("Jean Moreau", "1784031"), ("Lucía Fernández", "1784102")],
    ),
    Story(
        (1, "11:05"),
        "claire",
        "question",
        "Peut-on bloquer la saisie des heures après le 25 ?",
        "Des heures arrivent encore après l’envoi en paie. Nous voudrions fermer la saisie le 25 au soir.",
        [
            Step((1, "14:30"), "sam", "take"),
            Step(
                (1, "14:50"),
                "sam",
                "reply",
                "Bonjour Claire, oui : `Temps > Périodes > Clôture`. Je vérifie que cela vaut "
                "aussi pour les pointeuses et je vous dis.",
            ),
        ],
        product="time",
        cc=("alice@acme.example",),
    ),
    Story(
        (8, "8:45"),
        "bob",
        "incident",
        "Les badges neufs ne sont pas reconnus à Nantes",
        "Les 20 badges reçus vendredi font clignoter la borne en rouge. Les anciens marchent.",
        [
            Step((8, "9:20"), "sam", "take"),
            Step(
                (7, "10:00"),
                "sam",
                "reply",
                "Bonjour Bob, ces badges sont d’une autre série. Je prépare leur plage de numéros.",
            ),
            Step(
                (4, "15:15"),
                "sam",
                "solve",
                "La plage est ajoutée : les 20 badges passent depuis ce matin. Essayez-en un ?",
            ),
        ],
        product="time",
        severity="3",
        answers=[(*_URL, "https://temps.initech.example/bornes/nantes")],
        cc=("alice@acme.example", "hugo@acme.example"),
    ),
    Story(
        (14, "10:20"),
        "bob",
        "vat-change",
        "Facturer Acme Europe à partir de janvier",
        "La société Acme Europe reprend nos contrats. Le justificatif est joint.",
        [
            Step((14, "11:00"), "vera", "take"),
            Step(
                (12, "9:45"),
                "vera",
                "ask",
                "Bonjour Bob, le justificatif porte encore l’ancienne adresse. Pouvez-vous "
                "joindre celui qui porte la nouvelle ?",
            ),
        ],
        answers=[
            ("legal_name", "Nouvelle raison sociale", "New legal name", "Acme Europe SAS"),
            ("country", "Pays d’immatriculation", "Country of registration", "France"),
        ],
        files=("justificatif-fiscal.pdf",),
    ),
    Story(
        (5, "16:30"),
        "bob",
        "mfa-reset",
        "Hugo Faure a changé de téléphone",
        "Il n’a plus ses codes. Je me porte garant, appelez-moi si besoin.",
        [
            Step((5, "16:34"), "bob", "confirm"),
            Step((5, "17:00"), "vera", "take"),
            Step((4, "9:28"), "vera", "carry-out"),
            Step(
                (4, "9:30"),
                "vera",
                "reply",
                "Nous avons appelé Hugo au numéro du dossier : son facteur est effacé, il en "
                "enregistre un nouveau à la prochaine connexion.",
            ),
            Step((4, "11:10"), "bob", "close"),
        ],
        people=[("Hugo Faure", "1786550")],
    ),
    Story(
        (4, "9:00"),
        "claire",
        "sql-report",
        "Les présences du premier trimestre, par service",
        "Une ligne par salarié et par semaine, avec le service et le site. Pour le bilan social.",
        [
            Step((3, "10:15"), "vera", "take"),
            Step(
                (2, "11:00"),
                "vera",
                "reply",
                "Bonjour Claire, je l’ai pour demain. En tableur, une feuille par site ?",
                ("apercu-presences.csv",),
            ),
            Step((1, "9:05"), "claire", "reply", "Une seule feuille nous va mieux, merci."),
        ],
        product="time",
        answers=[
            ("wanted_by", "Date souhaitée", "Wanted by", "Avant la fin du mois"),
            ("output_format", "Format", "Output format", "Tableur"),
        ],
    ),
    Story(
        (5, "10:00"),
        "hugo",
        "licence",
        "Vingt licences Initech Temps pour Nantes",
        "Le nouvel atelier de Nantes ouvre dans trois semaines. Le formulaire rempli est joint.",
        [Step((4, "10:30"), "vera", "take"), Step((4, "10:40"), "vera", "licence:prepare")],
        product="time",
        licence=("time", "", None, 21),
        files=("licences-nantes.pdf",),
    ),
    Story(
        (6, "14:15"),
        "hugo",
        "api",
        "La synchronisation des absences répond 401",
        "Le jeton a été créé ce matin. Trois appels sur quatre passent, le quatrième répond 401.",
        [
            Step((6, "15:00"), "sam", "take"),
            Step(
                (5, "9:10"),
                "sam",
                "reply",
                "Bonjour Hugo, je vois les refus dans nos journaux. Je passe la main à nos ingénieurs.",
            ),
            Step((5, "9:12"), "sam", "assign:ines"),
            Step((4, "11:40"), "ines", "move:waiting_engineering"),
            Step(
                (2, "16:25"),
                "ines",
                "note",
                "Un serveur sur quatre n’a pas reçu la nouvelle clé. Redéploiement demandé.",
            ),
        ],
        product="time",
        answers=[
            (*_ENDPOINT, "https://api.initech.example/v2/absences"),
            ("impact", "Impact", "Impact", "Moyen"),
        ],
        files=("appels-api.log",),
    ),
    Story(
        (2, "10:45"),
        "claire",
        "patch",
        "Installer le correctif du recalcul en production",
        "Le correctif de la demande sur les bulletins en double a été validé en test. Mardi "
        "soir nous arrange.",
        [Step((1, "9:30"), "ines", "move:qualified")],
        product="payroll",
        answers=[
            (*_ENVIRONMENT, "Production"),
            ("window", "Créneau", "Time window", "Entre 18 h et 20 h, heure de Paris"),
        ],
    ),
    Story(
        95,
        "hugo",
        "question",
        "Qui voit le montant de ma prime ?",
        "Je voudrais savoir qui, dans mon équipe, peut lire le détail de mon bulletin.",
        [],
        product="payroll",
        audience="only_me",
    ),
    # Acme: what is over
    Story(
        (33, "9:40"),
        "alice",
        "standard-help",
        "La clôture de septembre laisse deux écritures en attente",
        "La clôture se termine, mais deux écritures restent en attente dans le journal des ventes.",
        [
            Step((33, "11:00"), "sam", "take"),
            Step(
                (32, "10:30"),
                "sam",
                "solve",
                "Les deux pièces avaient une date d’octobre : elles sont passées sur la bonne période.",
            ),
            Step((31, "9:00"), "alice", "close"),
        ],
        key="close-of-september",
        product="ledger",
        answers=[(*_VERSION, "7.1"), (*_COMPANY, "Acme Lyon")],
    ),
    Story(
        (2, "9:20"),
        "alice",
        "standard-help",
        "La clôture d’octobre laisse encore deux écritures en attente",
        "La même chose qu’en septembre, avec deux autres pièces. La cause n’était donc pas la date.",
        [
            Step((2, "9:50"), "sam", "take"),
            Step(
                (1, "10:40"),
                "sam",
                "reply",
                "Bonjour Alice, cette fois je garde une copie du journal avant de corriger, "
                "pour trouver la cause.",
            ),
            Step((1, "10:45"), "sam", "note", "Troisième client ce mois-ci. À rapprocher de Vandelay."),
        ],
        product="ledger",
        kind="problem",
        answers=[(*_VERSION, "7.1"), (*_COMPANY, "Acme Lyon")],
        follow_up_of="close-of-september",
        shared=True,
    ),
    Story(
        (52, "14:00"),
        "alice",
        "question",
        "Mettre à jour le taux de la mutuelle",
        "Le taux passe à 1,85 % au 1er du mois. Où le change-t-on ?",
        [
            Step((52, "15:10"), "sam", "take"),
            Step(
                (51, "9:10"),
                "sam",
                "solve",
                "`Paie > Cotisations > Mutuelle`, avec la date d’effet. L’ancien taux reste "
                "pour les mois passés.",
            ),
        ],
        product="payroll",
    ),
    Story(
        (58, "10:05"),
        "alice",
        "question",
        "Nouveau profil de paie pour les intérimaires",
        "Les intérimaires longue durée ont besoin d’un profil à part.",
        [
            Step((57, "9:30"), "vera", "take"),
            Step(
                (50, "16:00"),
                "vera",
                "reply:customer_testing",
                "Le profil est prêt dans votre environnement de test, pour dix jours ouvrés.",
            ),
        ],
        product="payroll",
        kind="task",
    ),
    Story(
        (74, "8:20"),
        "alice",
        "incident",
        "Plus personne ne peut pointer, sur aucun site",
        "Toutes les bornes affichent « hors service » depuis 8 h.",
        [
            Step((74, "8:32"), "sam", "take"),
            Step(
                (74, "8:40"),
                "sam",
                "reply",
                "Nous le voyons. Une panne de réseau chez notre hébergeur ; les pointages sont "
                "gardés dans les bornes.",
            ),
            Step(
                (74, "11:15"),
                "sam",
                "solve",
                "Les bornes sont revenues à 11 h 05 et tous les pointages du matin sont remontés.",
            ),
            Step((74, "14:00"), "alice", "reply", "Tout est là, merci."),
            Step(
                (73, "9:00"),
                "sam",
                "solve",
                "Parfait. Le compte rendu de la panne vous parvient cette semaine.",
            ),
            Step((73, "10:00"), "alice", "close"),
        ],
        product="time",
        severity="1",
    ),
    # Globex
    Story(
        205,
        "charlie",
        "incident",
        "Pointeuses muettes sur trois sites",
        "Les bornes de Lille, Lens et Arras n’envoient plus rien depuis 9 h. 140 personnes "
        "pointent sur papier.",
        [
            Step(190, "sam", "take"),
            Step(
                180,
                "sam",
                "reply",
                "Bonjour Charlie, nous sommes dessus. Les bornes répondent, c’est la remontée qui bloque.",
            ),
            Step(
                120,
                "ines",
                "note",
                "La file d’attente est pleine : un message illisible la bloque depuis 9 h 02.",
            ),
        ],
        product="time",
        severity="1",
        answers=[
            (*_URL, "https://temps.initech.example/bornes"),
            (*_TRIED, "Redémarrage des bornes de Lens."),
        ],
    ),
    Story(
        290,
        "charlie",
        "incident",
        "Virements refusés par la banque, code AC04",
        "La banque renvoie AC04 pour 12 virements sur 214. Ces comptes n’ont pas changé depuis "
        "un an. Le fichier est joint.",
        [
            Step(252, "sam", "take"),
            Step(250, "sam", "priority:2", "202 virements sur 214 sont passés : la paie n’est pas arrêtée."),
            Step(
                235,
                "ines",
                "note",
                "Même code chez Acme. Les 12 ont tous un IBAN repris à la migration. **Ne "
                "promettez pas de date.**",
            ),
            Step(
                230,
                "sam",
                "reply",
                "Bonjour Charlie, je vois les 12 refus. Je compare avec l’export d’octobre et "
                "je reviens vers vous cet après-midi.",
            ),
            Step(
                228,
                "charlie",
                "contest",
                "Les 12 personnes non payées sont des intérimaires : sans virement avant 17 h, leur agence suspend "
                "les missions de demain.",
            ),
        ],
        product="payroll",
        severity="1",
        files=("virements-novembre.xml",),
        cc=("gaspard@globex.example",),
    ),
    Story(
        (4, "13:50"),
        "charlie",
        "incident",
        "Relevé mensuel sans les absences",
        "Le relevé d’octobre ne montre aucune absence pour l’équipe de nuit.",
        [
            Step((4, "14:30"), "sam", "take"),
            Step(
                (3, "11:10"),
                "sam",
                "reply",
                "Bonjour Charlie, le calcul est juste, c’est l’affichage qui filtre. Je demande "
                "l’avis du niveau 2.",
            ),
            Step((3, "11:15"), "sam", "move:escalated_l2"),
        ],
        product="time",
        severity="3",
    ),
    Story(
        (5, "9:25"),
        "erin",
        "question",
        "How do I give a team leader read-only rights ?",
        "Our Lille team leaders should see the schedule of their team, but not change it.",
        [
            Step((4, "9:15"), "vera", "take"),
            Step(
                (3, "10:05"),
                "vera",
                "ask",
                "Hello Erin, there are two ways, with or without the absence reasons. **Should "
                "the leaders see why somebody is away?**",
            ),
        ],
        product="time",
    ),
    Story(
        62,
        "gaspard",
        "standard-help",
        "Le report des congés oublie les temps partiels",
        "À la bascule de l’année, les salariés à 80 % perdent une demi-journée.",
        [],
        product="payroll",
        answers=[(*_VERSION, "12.3"), (*_COMPANY, "Globex Logistique")],
        files=("report-conges.png",),
    ),
    Story(
        (41, "15:30"),
        "erin",
        "licence",
        "Ten more Initech Payroll licences",
        "For the warehouse that we open next month.",
        [
            Step((40, "9:20"), "vera", "take"),
            Step((40, "9:30"), "vera", "licence:prepare"),
            Step((36, "16:00"), "vera", "licence:deliver"),
            Step(
                (36, "16:05"),
                "vera",
                "solve",
                "Your ten licences are active. You will find them under Settings, Licences.",
            ),
        ],
        product="payroll",
        licence=("payroll", "Plus", 10, 20),
    ),
    Story(
        (18, "11:30"),
        "charlie",
        "question",
        "Passer les heures de nuit à 25 %",
        "La convention change : la majoration passe de 20 à 25 %.",
        [
            Step((18, "14:00"), "vera", "take"),
            Step(
                (8, "17:00"),
                "vera",
                "reply:customer_testing",
                "Le nouveau taux est dans votre environnement de test.",
            ),
            Step(120, "vera", "move:awaiting_rollback", "Globex demande d’attendre l’avenant."),
        ],
        product="payroll",
        kind="task",
    ),
    Story(
        (15, "10:10"),
        "gaspard",
        "interface",
        "Le mot « shift » n’est pas traduit dans le planning",
        "En français, la colonne s’appelle encore « shift ».",
        [
            Step((15, "11:00"), "sam", "take"),
            Step(
                (7, "9:30"),
                "sam",
                "solve",
                "La colonne s’appelle désormais « Poste ». Rechargez la page pour la voir.",
            ),
        ],
        product="time",
        answers=[("steps", "Étapes", "Steps to see it", "Planning, vue de la semaine, langue française.")],
        files=("planning-shift.png",),
    ),
    Story(
        (48, "9:50"),
        "charlie",
        "user-deletion",
        "Effacer le compte d’un ancien prestataire",
        "Le contrat est terminé depuis 2022.",
        [
            Step((48, "9:58"), "charlie", "confirm"),
            Step((48, "11:20"), "erin", "second"),
            Step((47, "10:00"), "vera", "take"),
            Step((44, "14:58"), "vera", "carry-out"),
            Step(
                (44, "15:00"),
                "vera",
                "reply",
                "Le compte et ses données sont effacés. Le numéro de cette demande en garde la trace.",
            ),
        ],
        answers=[(*_WHY, "Fin de contrat en 2022, délai de conservation écoulé.")],
        people=[("Paul Verdier", "EXT-0317")],
    ),
    # Umbrella
    Story(
        (7, "11:45"),
        "priya",
        "incident",
        "Night hours are rounded up twice",
        "A night of 7 h 50 is counted as 8 h 15. It should be 8 h. We correct 30 lines by hand every week.",
        [
            Step((7, "12:30"), "sam", "take"),
            Step(
                (6, "9:30"),
                "sam",
                "reply",
                "Hello Priya, thank you for the figures. I can see the second rounding ; our "
                "engineers will look at the rule.",
            ),
            Step((6, "9:35"), "sam", "assign:ines"),
            Step((5, "14:50"), "ines", "move:waiting_engineering"),
        ],
        product="time",
        severity="3",
        files=("night-hours.png",),
    ),
    Story(
        (1, "15:20"),
        "noah",
        "api",
        "Expense synchronisation answers 429",
        "Our nightly job of 3,000 calls stops after 600 with 429, since last week.",
        [
            Step((1, "16:00"), "ines", "take"),
            Step(
                (1, "16:40"),
                "ines",
                "reply",
                "Hello Noah, the limit is now 600 calls per ten minutes. Could your job pause "
                "when it reads `Retry-After` ? "
                "I am checking whether a bulk call exists for your case.",
            ),
            Step(70, "noah", "reply", "We can pause, but a bulk call would be much better."),
        ],
        product="expenses",
        answers=[
            (*_ENDPOINT, "https://api.initech.example/v2/expenses"),
            ("impact", "Impact", "Impact", "Medium"),
        ],
    ),
    Story(
        (44, "10:00"),
        "priya",
        "question",
        "Can receipts be added from a phone ?",
        "Our drivers have no computer.",
        [
            Step((44, "11:10"), "sam", "take"),
            Step(
                (43, "9:15"),
                "sam",
                "ask",
                "Hello Priya, yes, with the mobile page. Which phones do your drivers use ?",
            ),
        ],
        product="expenses",
    ),
    Story(
        (39, "13:30"),
        "noah",
        "improvement",
        "Show the exchange rate on each expense",
        "Approvers ask for it every week.",
        [
            Step((38, "9:00"), "ines", "take"),
            Step(
                (30, "15:00"),
                "ines",
                "solve",
                "The rate is shown since version 4.0, under the amount. Thank you for the idea.",
            ),
            Step((29, "9:45"), "noah", "close"),
        ],
        product="expenses",
        answers=[(*_WHY, "Approvers look each rate up by hand.")],
    ),
    Story(
        (10, "9:55"),
        "priya",
        "incident",
        "The monthly report prints a blank last page",
        "It happens with every report that fills its last page exactly.",
        [
            Step((10, "10:40"), "sam", "take"),
            Step(
                (6, "15:00"),
                "sam",
                "solve",
                "Hello Priya, the margin is corrected. Could you print last month’s report once more ?",
            ),
            Step(
                (5, "9:35"),
                "priya",
                "reply",
                "The October report is fine now, but September still has the blank page.",
            ),
        ],
        product="time",
        severity="4",
    ),
    # Vandelay
    Story(
        (2, "14:05"),
        "omar",
        "incident",
        "Droits du profil « chef d’équipe » perdus",
        "Depuis la mise à jour, les chefs d’équipe ne voient plus le grand livre de leur service.",
        [Step((2, "15:00"), "sam", "move:qualified")],
        product="ledger",
        severity="3",
        answers=[(*_URL, "https://compta.initech.example/grand-livre")],
    ),
    Story(
        (22, "9:10"),
        "lotte",
        "standard-help",
        "Le rapprochement bancaire propose de vieilles écritures",
        "Le rapprochement propose des écritures de 2024, déjà pointées.",
        [
            Step((21, "10:00"), "sam", "take"),
            Step(
                (17, "11:00"),
                "sam",
                "ask",
                "Bonjour Lotte, pouvez-vous nous envoyer une capture des réglages du rapprochement ?",
            ),
        ],
        product="ledger",
        answers=[(*_VERSION, "7.1"), (*_COMPANY, "Vandelay Export")],
    ),
    Story(
        (11, "16:10"),
        "omar",
        "patch",
        "Correctif des écritures d’écart après la migration",
        "À installer d’abord en préproduction, avant la clôture du mois.",
        [
            Step((10, "9:00"), "ines", "take"),
            Step(
                (6, "18:40"),
                "ines",
                "reply:customer_testing",
                "Le correctif est en préproduction depuis 18 h 30. À vous de l’essayer.",
            ),
        ],
        product="ledger",
        answers=[(*_ENVIRONMENT, "Préproduction"), ("window", "Créneau", "Time window", "Après 18 h")],
    ),
    Story(
        (6, "8:55"),
        "lotte",
        "billing-question",
        "Une ligne « maintenance » en double sur la facture d’octobre",
        "La maintenance d’Initech Compta paraît deux fois, pour le même montant.",
        [
            Step((5, "9:30"), "sam", "take"),
            Step(
                (3, "14:10"),
                "sam",
                "solve",
                "Vous avez raison : un avoir est parti ce matin, joint ici.",
                ("avoir-octobre.pdf",),
            ),
        ],
        answers=[(*_INVOICE, "F-2026-1042")],
        files=("facture-octobre.pdf",),
    ),
    Story(
        33,
        "omar",
        "sql-report",
        "Les fournisseurs sans mouvement depuis deux ans",
        "Nom, numéro, date du dernier mouvement. Pour nettoyer la base avant la migration.",
        [],
        product="ledger",
        answers=[("wanted_by", "Date souhaitée", "Wanted by", "Avant la migration de printemps")],
    ),
    # The last half hour: two requests about one thing, two things in one request, and one that changes hands.
    Story(
        31,
        "claire",
        "question",
        "Où régler l’alerte du solde de congés négatif ?",
        "Les chefs d’équipe ne sont plus prévenus quand un solde passe sous zéro.",
        [
            Step(
                25,
                "claire",
                "reply",
                "Autre sujet, tant que j’y pense : peut-on exporter les compteurs de congés vers un tableur ?",
            ),
            Step(19, "sam", "split", "Exporter les compteurs de congés vers un tableur"),
        ],
        key="balance",
        product="time",
    ),
    Story(
        29,
        "hugo",
        "question",
        "Plus personne n’est prévenu des soldes de congés négatifs",
        "Depuis lundi, aucun message ne part quand un solde passe sous zéro. Claire a peut-être déjà écrit.",
        [Step(21, "sam", "merge:balance")],
        product="time",
    ),
    Story(
        27,
        "claire",
        "interface",
        "Le mois affiché revient à janvier après chaque validation",
        "Dans le planning, la page saute à janvier dès que je valide une absence.",
        [Step(16, "claire", "hand:hugo", "Je suis en congé à partir de demain.")],
        product="time",
    ),
    # By the guided path, with a picture in the text.
    Story(
        12,
        "omar",
        "guided",
        "Pointeuse de l’entrepôt : les badges passent, rien n’arrive dans les feuilles",
        "Depuis ce matin, la pointeuse affiche « reçu », mais les feuilles restent vides :\n\n"
        "![La fenêtre des feuilles, vide](file:1)\n\nLes autres sites ne sont pas touchés.",
        [Step(7, "ines", "reply", "Merci pour l’image. Je regarde la synchronisation de cette borne.")],
        product="time",
        severity="3",
        kind="incident",
        answers=[
            ("feature", "Fonction", "Feature", "Pointeuses"),
            ("environment", "Environnement", "Environment", "Production"),
            ("version", "Version", "Version", "9.2"),
        ],
        files=("feuilles-vides.png",),
    ),
)
