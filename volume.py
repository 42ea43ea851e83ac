"""Fills a portal with many believable requests, quickly: for trials and measures, never in the way of real data.

Rows are written in bulk, as the verbs of domain/ would have left them: numbers without gaps, the history chained by
hash, the search index, the closing dates. No mail is made of them.

The shape: 20 % of the requests are open, five messages on average, an organisation for every 200 requests, and one
in 1,000 (at least 30) asked by alice@acme.example. The same `tickets` and `now` give the same rows.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any

from domain import audit, catalogue, closing, search
from models import (
    LicenceRequest,
    Membership,
    Message,
    Organisation,
    Participant,
    Person,
    Portal,
    Product,
    RequestForm,
    ScaleLevel,
    Table,
    Team,
    Ticket,
    TicketEvent,
    UtcField,
    db,
    is_sqlite,
)

TICKETS_OF_AN_ORGANISATION = 200
ALICE = "alice@acme.example"
CHUNK = 5_000
POOL = 4_000
YEARS = 3

# Status -> share of all requests, in thousandths. What is open adds up to 200.
SHARES = {
    "registered": 15,
    "qualified": 25,
    "in_progress": 70,
    "waiting_customer": 45,
    "waiting_engineering": 15,
    "customer_testing": 5,
    "blocked": 5,
    "escalated_l2": 10,
    "escalated_product": 5,
    "escalated_development": 5,
    "resolved": 20,
    "expired": 10,
    "closed": 770,
}
WITHOUT_AGENT = {"registered", "qualified"}
RECENT = {"waiting_customer", "customer_testing", "resolved"}

# Words of which subjects and messages are made. The places in braces are filled with a number or a name.
SUBJECTS = (
    "Impossible d’imprimer les bulletins de {month}",
    "Écart de {n} euros dans la déclaration de {month}",
    "L’export comptable s’arrête au lot {n}",
    "Demande d’accès pour {n} gestionnaires de paie",
    "Erreur {n} à l’ouverture du planning des équipes",
    "Facture F-{n} : adresse à corriger",
    "Les notes de frais de {month} n’arrivent pas chez le responsable",
    "Comment clore l’exercice avant {month}",
    "Lenteur du tableau de bord depuis {month}",
    "Congés de {month} comptés deux fois",
    "Le point d’accès des absences répond {n}",
    "Rapport SQL des heures supplémentaires par service",
    "Traduction manquante dans l’écran des acomptes",
    "Numéro de TVA refusé sur la facture F-{n}",
    "Renouvellement de {n} licences avant {month}",
    "Le virement du lot {n} est en double",
    "Import des salariés : {n} lignes refusées",
    "Connexion perdue pendant la saisie des temps",
    "Correctif attendu pour la clôture de {month}",
    "Question sur le calcul de l’ancienneté",
    "Cannot print the payslips of batch {n}",
    "Expense reports of {month} stay pending",
    "Which scale applies to the site of Nantes?",
    "API answers {n} since the last update",
)
SENTENCES = (
    "Bonjour, le problème est apparu ce matin après la mise à jour.",
    "Nous avons vidé le cache et recommencé, sans changement.",
    "Le message affiché est le suivant : « Opération refusée, code {n} ».",
    "Trois collègues du même service constatent la même chose.",
    "La clôture est prévue pour la fin de la semaine.",
    "Vous trouverez le détail dans le rapport joint.",
    "Le traitement du lot {n} s’arrête à la moitié.",
    "Merci, le correctif fonctionne sur notre environnement de test.",
    "Pouvez-vous nous indiquer la version installée ?",
    "Nous avons reproduit l’anomalie et transmis le dossier à l’équipe technique.",
    "Le paramètre se trouve dans Administration, Paie, Périodes ouvertes.",
    "Il faut relancer le service d’impression puis rouvrir la session.",
    "Les salariés concernés ont été embauchés après le premier janvier.",
    "Le montant attendu est de {n} euros, le montant obtenu est différent.",
    "Nous attendons votre retour pour clore la période.",
    "La facture F-{n} a été annulée et remplacée.",
    "Ce comportement est décrit dans l’article sur les périodes.",
    "Pendant ce temps, un contournement consiste à passer par l’export.",
    "L’accès a été ouvert pour les personnes de votre liste.",
    "Le certificat du serveur expire bientôt, nous l’avons renouvelé.",
    "Thank you, this is now solved on our side.",
    "Please find the log of the failed import below, line {n}.",
    "We could reproduce the issue with the version you named.",
    "The report runs every night and stops after a few minutes.",
)
NOTES = (
    "Vu avec l’ingénierie : régression connue, ticket interne {n}.",
    "Client à rappeler avant la clôture de paie.",
    "Même cause que la demande {n}, à rapprocher.",
    "Ne pas communiquer la date tant que la livraison n’est pas confirmée.",
)
MONTHS = (
    "janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre",
    "décembre",
)  # fmt: skip
FIRST_NAMES = (
    "Camille", "Louis", "Inès", "Hugo", "Jeanne", "Paul", "Léa", "Noé", "Anaïs", "Victor", "Maya", "Simon", "Clara",
    "Yanis", "Eva", "Rémi", "Sofia", "Gabin", "Nora", "Émile",
)  # fmt: skip
LAST_NAMES = (
    "Martin", "Bernard", "Dubois", "Moreau", "Laurent", "Simon", "Michel", "Lefèvre", "Roux", "Fournier", "Girard",
    "Bonnet", "Dupont", "Lambert", "Fontaine", "Rousseau", "Vincent", "Muller", "Faure", "Mercier",
)  # fmt: skip


class Rows:
    """Collects rows of one table and writes them together, defaults filled in."""

    def __init__(self, model: type[Table]) -> None:
        self.model = model
        fields = model._meta.sorted_fields
        self.columns = [field.column_name for field in fields]
        self.names = {field.name: place for place, field in enumerate(fields)}
        self.blank = [
            None if field.default is None or callable(field.default) else field.default for field in fields
        ]
        self.fresh = [(place, field.default) for place, field in enumerate(fields) if callable(field.default)]
        # Only these hold values that a driver does not take as they are.
        self.instants = [place for place, field in enumerate(fields) if isinstance(field, UtcField)]
        self.documents = [
            place
            for place, field in enumerate(fields)
            if type(field).__name__ in {"JSONField", "BinaryJSONField"}
        ]
        self.next_id: int = (model.select(model.id).order_by(model.id.desc()).limit(1).scalar() or 0) + 1
        self.waiting: list[list[Any]] = []

    def add(self, **values: Any) -> int:
        """Add a row and return its key."""
        row = self.blank.copy()
        for place, make in self.fresh:
            row[place] = make()
        for name, value in values.items():
            row[self.names[name]] = value
        row[self.names["id"]] = key = self.next_id
        self.next_id += 1
        for place in self.instants:
            when = row[place]
            if when is not None:
                row[place] = stamp(when)
        for place in self.documents:
            if row[place] is not None:
                row[place] = written(row[place])
        self.waiting.append(row)
        return key

    def write(self) -> None:
        """Write what was added since the last time."""
        if self.waiting:
            insert(self.model._meta.table_name, self.columns, self.waiting)
            self.waiting = []

    def finish(self) -> None:
        """Let PostgreSQL give the next key to whoever inserts after us."""
        self.write()
        if not is_sqlite():
            table = self.model._meta.table_name
            db.execute_sql(
                "SELECT setval(pg_get_serial_sequence(%s, 'id'), %s)", (table, max(self.next_id - 1, 1))
            )


def stamp(when: datetime) -> str:
    """An instant, in UTC, as UtcField writes it; many times quicker."""
    return when.isoformat(" ", "microseconds")[:26]


_written: dict[str, str] = {}


def written(document: Any) -> str:
    """A JSON value as text. The same few come again and again."""
    known = repr(document)
    if known not in _written:
        if len(_written) > 10_000:
            _written.clear()
        _written[known] = json.dumps(document, ensure_ascii=False)
    return _written[known]


def insert(table: str, columns: list[str], rows: list[list[Any]]) -> None:
    """Write rows by the quickest way of the database. Names come from the models, never from outside."""
    names = ", ".join(f'"{column}"' for column in columns)
    connection = db.connection()
    if is_sqlite():
        marks = ", ".join("?" * len(columns))
        connection.executemany(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', rows)  # noqa: S608  # nosec B608
        return
    with connection.cursor() as cursor, cursor.copy(f'COPY "{table}" ({names}) FROM STDIN') as copy:
        for row in rows:
            copy.write_row(row)


def fill(tickets: int, *, now: datetime, progress: Callable[[int], None] | None = None) -> int:
    """Add `tickets` requests to a portal that has its demo people.

    Arguments: tickets, how many; now, aware UTC, the moment after the last of them; progress, called with the number
    written so far. Returns how many were written. Raises ValueError when the demo people are not there.
    """
    if Person.get_or_none(Person.email == ALICE) is None:
        raise ValueError("load the demo people first")
    if is_sqlite():
        # Nothing is lost by a power cut that loading again would not bring back.
        db.execute_sql("PRAGMA synchronous = OFF")
        db.execute_sql("PRAGMA cache_size = -128000")
    try:
        _Filling(tickets, now).run(progress)
    finally:
        if is_sqlite():
            db.execute_sql("PRAGMA synchronous = FULL")
            db.execute_sql("PRAGMA cache_size = -16000")
    closing.reschedule_all(now)
    catalogue.forget()
    db.execute_sql("ANALYZE")
    return tickets


class _Filling:
    """One run: what is there already, and the tables being written."""

    def __init__(self, tickets: int, now: datetime) -> None:
        self.tickets = tickets
        self.now = now.astimezone(UTC)
        self.chance = random.Random(tickets)  # noqa: S311  (believable, not secret)
        self.ticket_rows = Rows(Ticket)
        self.message_rows = Rows(Message)
        self.event_rows = Rows(TicketEvent)
        self.participant_rows = Rows(Participant)
        self.licence_rows = Rows(LicenceRequest)
        self.search_rows: list[list[Any]] = []
        self.subjects = self.pool(SUBJECTS)
        self.sentences = self.pool(SENTENCES)
        self.notes = self.pool(NOTES)
        self.read_portal()

    def pool(self, patterns: tuple[str, ...]) -> list[tuple[str, list[str]]]:
        """Fill the patterns some hundred times; return each text with its words for the index."""
        texts = [filled(pattern, self.chance) for _ in range(POOL // len(patterns)) for pattern in patterns]
        return [(text, search.words(text)) for text in texts]

    def read_portal(self) -> None:
        """Read who and what the requests are about."""
        self.portal = Portal.select().order_by(Portal.id).first()
        self.alice = Person.get(Person.email == ALICE)
        self.acme_id = Membership.get(Membership.person == self.alice.id).organisation_id
        self.agents = [
            row.id for row in Person.select().where(Person.staff_role == "agent").order_by(Person.id)
        ]
        self.teams = [row.id for row in Team.select().order_by(Team.id)]
        self.products = [row.id for row in Product.select().order_by(Product.id)]
        # A deletion has its own procedure: none is made in bulk.
        self.forms = [
            (
                form.slug,
                form.category.slug,
                form.default_kind.slug if form.default_kind else "question",
                form.scale_id,
            )
            for form in RequestForm.select().order_by(RequestForm.id)
            if form.slug not in {"user-deletion", "mfa-reset"}
        ]
        self.levels: dict[int, list[tuple[str, str, int]]] = {}
        for level in ScaleLevel.select().order_by(ScaleLevel.scale, ScaleLevel.position):
            self.levels.setdefault(level.scale_id, []).append((level.scale.slug, level.value, level.position))

    def run(self, progress: Callable[[int], None] | None) -> None:
        with db.atomic():
            self.write_organisations()
        first = self.portal.last_number
        written = 0
        statuses, weights = list(SHARES), list(accumulate(SHARES.values()))
        mine = max(self.tickets // 1000, min(30, self.tickets))
        every = max(self.tickets // mine, 1) if mine else 0
        while written < self.tickets:
            with db.atomic():
                upto = min(written + CHUNK, self.tickets)
                for place in range(written, upto):
                    status = self.chance.choices(statuses, cum_weights=weights)[0]
                    of_alice = bool(every) and place % every == every - 1 and place // every < mine
                    self.write_ticket(place, first + place + 1, status, of_alice)
                self.write()
                Portal.update(last_number=first + upto).where(Portal.id == self.portal.id).execute()
            written = upto
            if progress:
                progress(written)
        for rows in self.tables():
            rows.finish()

    def tables(self) -> tuple[Rows, ...]:
        # In the order of their references.
        return (
            self.ticket_rows,
            self.message_rows,
            self.event_rows,
            self.participant_rows,
            self.licence_rows,
        )

    def write(self) -> None:
        for rows in self.tables():
            rows.write()
        if is_sqlite():
            insert("ticket_search", ["rowid", "words", "internal", "belongs"], self.search_rows)
        else:
            insert("ticket_search", ["rowid", "words", "internal"], self.search_rows)
        self.search_rows = []

    def write_organisations(self) -> None:
        """Write the organisations and four people for each: an administrator, two contacts, a member."""
        organisations, people, memberships = Rows(Organisation), Rows(Person), Rows(Membership)
        self.customers: list[tuple[int, list[int]]] = []
        for _ in range(max(self.tickets // TICKETS_OF_AN_ORGANISATION, 1)):
            number = organisations.next_id
            organisation = organisations.add(
                name=f"Société {number:05}",
                slug=f"societe-{number:05}",
                created_at=self.now - timedelta(days=365 * YEARS),
            )
            contacts = []
            for role in ("administrator", "contact", "contact", "member"):
                key = people.next_id
                rights = role != "member"
                name = f"{self.chance.choice(FIRST_NAMES)} {self.chance.choice(LAST_NAMES)}"
                people.add(
                    email=f"p{key}@societe-{number:05}.example",
                    username=f"p{key}@societe-{number:05}.example",
                    full_name=name,
                    language="fr" if key % 3 else "en",
                    email_verified_at=self.now,
                    first_signed_in_at=self.now,
                    created_at=self.now - timedelta(days=365 * YEARS),
                )
                memberships.add(
                    person=key,
                    organisation=organisation,
                    role=role,
                    can_open=rights,
                    can_see_all=rights,
                    can_answer=rights,
                    approved_at=self.now if rights else None,
                )
                if rights:
                    contacts.append(key)
            self.customers.append((organisation, contacts))
        for rows in (organisations, people, memberships):
            rows.finish()

    def write_ticket(self, place: int, number: int, status: str, of_alice: bool) -> None:
        """Write one request with its messages, its history and its words."""
        chance = self.chance
        is_open = status not in {"closed", "expired"}
        created, updated = self.times(place, status)
        organisation, requester = self.acme_id, self.alice.id
        if not of_alice:
            organisation, contacts = self.customers[place // TICKETS_OF_AN_ORGANISATION % len(self.customers)]
            requester = chance.choice(contacts)
        slug, category, kind, scale = chance.choice(self.forms)
        scale_slug, priority, position = (
            chance.choice(self.levels[scale]) if scale in self.levels else (None, None, 9)
        )
        assignee = None if status in WITHOUT_AGENT else chance.choice(self.agents)
        product = chance.choice(self.products) if self.products else None
        summary, summary_words = chance.choice(self.subjects)
        ticket = self.ticket_rows.add(
            number=f"{self.portal.prefix}-{number}",
            portal=self.portal.id,
            organisation=organisation,
            requester=requester,
            opened_by=requester,
            form_slug=slug,
            category_slug=category,
            kind_slug=kind,
            product=product,
            summary=summary,
            status=status,
            team=chance.choice(self.teams),
            assignee=assignee,
            scale_slug=scale_slug,
            priority_asked=priority,
            priority=priority,
            priority_position=position,
            answers=[
                {
                    "key": "version",
                    "label_fr": "Version",
                    "label_en": "Version",
                    "value": f"{8 + number % 4}.{number % 9}",
                }
            ],
            created_at=created,
            updated_at=updated,
            status_since=updated,
            last_message_at=updated,
            last_message_side="team" if status in RECENT else "customer",
            first_response_at=created + (updated - created) / 3 if assignee else None,
            resolved_at=updated if status == "resolved" else None,
            closed_at=updated if status == "closed" else None,
            close_reason="silence" if status == "closed" else "",
            idempotency_key=f"volume-{number}",
        )
        public, internal = self.write_messages(ticket, number, requester, assignee, created, updated, status)
        self.write_history(ticket, requester, assignee, created, updated, status)
        belongs = [f"o{organisation}", f"r{requester}"]
        if slug == "licence" and product:
            self.licence_rows.add(
                ticket=ticket,
                organisation=organisation,
                product=product,
                quantity=chance.randrange(1, 200),
                due_on=(created + timedelta(days=20)).date().isoformat(),
                status="received" if is_open else "delivered",
            )
        if place % 10 == 3:
            others = self.customers[place // TICKETS_OF_AN_ORGANISATION % len(self.customers)][1]
            copied = others[place % len(others)]
            if not of_alice and copied != requester:
                self.participant_rows.add(
                    ticket=ticket,
                    person=copied,
                    email=f"p{copied}@societe-{organisation:05}.example",
                    role="cc",
                    added_by=requester,
                    added_at=created,
                )
                belongs.append(f"c{copied}")
        tokens = [*search.words(f"{self.portal.prefix}-{number}"), *summary_words]
        self.index(ticket, [*tokens, *public], internal, belongs)

    def times(self, place: int, status: str) -> tuple[datetime, datetime]:
        """When a request was made and last touched: in the order of their numbers, the awaited ones of this week."""
        chance = self.chance
        age = timedelta(days=365 * YEARS) * ((self.tickets - place) / (self.tickets + 1))
        created = self.now - age
        if status in RECENT:
            # Nothing is due yet: the first reminder comes later.
            touched = self.now - min(age / 2, timedelta(hours=chance.randrange(1, 72)))
        elif status in {"closed", "expired"}:
            touched = created + min(age * 0.9, timedelta(days=chance.uniform(1, 40)))
        else:
            touched = created + age * chance.uniform(0.2, 0.95)
        return created, touched

    def write_messages(
        self,
        ticket: int,
        number: int,
        requester: int,
        assignee: int | None,
        created: datetime,
        updated: datetime,
        status: str,
    ) -> tuple[list[str], list[str]]:
        """Write the thread; return its public words and those of its notes."""
        chance = self.chance
        # Five on average; what nobody has taken yet has its description alone.
        count = (
            1 if assignee is None else chance.choices((2, 3, 4, 5, 6, 8, 12), (12, 18, 20, 18, 16, 10, 6))[0]
        )
        public: list[str] = []
        internal: list[str] = []
        for turn in range(count):
            is_note = turn > 0 and turn % 4 == 2
            by_team = is_note or turn % 2 == 1
            if is_note:
                pieces = [chance.choice(self.notes)]
            else:
                pieces = chance.choices(self.sentences, k=chance.randrange(1, 4) + (turn == 0))
            for _text, words in pieces:
                (internal if is_note else public).extend(words)
            self.message_rows.add(
                ticket=ticket,
                kind="note" if is_note else "reply",
                author=assignee if by_team else requester,
                side="team" if by_team else "customer",
                body=(" " if turn else "\n\n").join(text for text, _words in pieces),
                created_at=created if turn == 0 else created + (updated - created) * (turn / (count - 1)),
                idempotency_key=f"volume-{number}-{turn}",
            )
        return public, internal

    def write_history(
        self,
        ticket: int,
        requester: int,
        assignee: int | None,
        created: datetime,
        updated: datetime,
        status: str,
    ) -> None:
        """Write what happened to a request, each line chained to the one before."""
        lines: list[tuple[str, int | None, dict[str, Any], datetime]] = [
            ("ticket:created", requester, {}, created)
        ]
        if assignee is not None:
            halfway = created + (updated - created) / 3
            lines.append(("ticket:assigned", assignee, {"assignee_id": assignee}, halfway))
        if status == "resolved":
            lines.append(("ticket:resolved", assignee, {"from": "in_progress", "to": "resolved"}, updated))
        elif status == "closed":
            lines.append(
                ("ticket:closed", None, {"from": "resolved", "to": "closed", "reason": "silence"}, updated)
            )
        elif status not in {"registered", "qualified"}:
            lines.append(("ticket:moved", assignee, {"from": "in_progress", "to": status}, updated))
        previous = ""
        for kind, actor, data, when in lines:
            this = audit._digest(previous, [ticket, kind, actor, data, True, stamp(when)])
            self.event_rows.add(
                ticket=ticket,
                kind=kind,
                actor=actor,
                data=data,
                is_public=True,
                created_at=when,
                previous_hash=previous,
                hash=this,
            )
            previous = this

    def index(self, ticket: int, public: list[str], internal: list[str], belongs: list[str]) -> None:
        if is_sqlite():
            once = (" ".join(dict.fromkeys(part)) for part in (public, internal, belongs))
            self.search_rows.append([ticket, *once])
        else:
            owners = [f"_{token}" for token in belongs]
            self.search_rows.append([ticket, vector([*public, *owners]), vector([*public, *internal])])


def vector(tokens: list[str]) -> str:
    """Tokens as PostgreSQL reads a tsvector."""
    return " ".join(sorted(set(tokens)))


def filled(text: str, chance: random.Random) -> str:
    """Fill the places of a sentence."""
    if "{n}" in text:
        text = text.replace("{n}", str(chance.randrange(100, 100_000)))
    if "{month}" in text:
        text = text.replace("{month}", chance.choice(MONTHS))
    return text
