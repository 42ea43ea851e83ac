"""What a row is: tables, named constraints, and indexes with the query each one serves.

What may happen to a row is in domain/. Times are aware UTC; a naive value is refused at the edge.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from peewee import (
    SQL,
    AutoField,
    BigIntegerField,
    BooleanField,
    CharField,
    Check,
    Database,
    DatabaseProxy,
    DateField,
    Field,
    ForeignKeyField,
    IntegerField,
    JSONField,
    Model,
    TextField,
)
from playhouse.db_url import connect

db = DatabaseProxy()

SQLITE_PRAGMAS = {
    "journal_mode": "wal",
    "foreign_keys": 1,
    "busy_timeout": 5000,
    # FULL: an answer that was acknowledged survives a power cut, not only a crash of the process.
    "synchronous": "full",
    # What was deleted or replaced is overwritten: neither the file nor a copy of it holds what was taken out.
    "secure_delete": 1,
    "cache_size": -16000,
    "temp_store": "memory",
    "mmap_size": 268435456,
}


def make_database(url: str, **extra: Any) -> Database:
    """Open a database from its address.

    Arguments: url, sqlite:///path or postgresql://...; extra, passed to the driver.
    Returns a pooled database, safe under threads. Raises ValueError for another scheme.
    """
    scheme = urlsplit(url).scheme
    if scheme.startswith("sqlite"):
        if "+pool" not in scheme:
            url = url.replace(scheme, "sqlite+pool", 1)
        options: dict[str, Any] = {
            "pragmas": SQLITE_PRAGMAS,
            "timeout": 5,
            # A transaction that reads and then writes would otherwise lose to a concurrent writer.
            "lock_type": "IMMEDIATE",
            "check_same_thread": False,
            "max_connections": 32,
            "stale_timeout": None,
        }
    elif scheme.startswith("postgres"):
        if "+pool" not in scheme:
            url = url.replace(scheme, "postgresql+pool", 1)
        options = {
            "prefer_psycopg3": True,
            "unquote_password": True,
            "unquote_user": True,
            "max_connections": 20,
            "stale_timeout": 300,
            "timeout": 10,
        }
        if "options=" not in url:
            # A statement that comes again is planned for its values each time: planned once for any value, the search
            # of a common word and that of a rare one would take the same way, a hundred times too long for one of them.
            options["options"] = "-c plan_cache_mode=force_custom_plan"
    else:
        raise ValueError(f"DATABASE_URL must begin with sqlite:/// or postgresql://, not {scheme}:")
    options.update(extra)
    database = connect(url, **options)
    if scheme.startswith("sqlite"):
        _begin_in_turn(database)
    return database


# A thread waits this long for those before it, then tries all the same: whatever holds them up is not the queue.
TURN_SECONDS = 10


def _begin_in_turn(database: Database) -> None:
    """Let the threads of this process begin their transactions one after another.

    SQLite lets waiting writers try again at random: among many that write without a pause, one can lose until its time
    is over ("database is locked"). In a queue each waits only for the transaction under way.
    """
    turn, begin = threading.Lock(), database.begin

    def begin_in_turn(lock_type: str | None = None) -> None:
        mine = turn.acquire(timeout=TURN_SECONDS)
        try:
            begin(lock_type)
        finally:
            if mine:
                turn.release()

    database.begin = begin_in_turn


def is_sqlite() -> bool:
    """True when the portal runs on SQLite: few places need to know (search, sequences)."""
    return type(db.obj).__name__.lower().find("sqlite") >= 0


class UtcField(Field):
    """An instant. Aware datetimes in, aware UTC datetimes out, stored with fixed width so that text sorts."""

    field_type = "TIMESTAMP"

    def db_value(self, value: Any) -> Any:
        if value is None or isinstance(value, str):
            return value
        if value.tzinfo is None:
            raise ValueError(f"{self.name}: an instant needs its time zone")
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")

    def python_value(self, value: Any) -> Any:
        if value is None:
            return None
        if isinstance(value, str):
            value = datetime.fromisoformat(value)
        return value.replace(tzinfo=UTC)


class Table(Model):
    """Base of all tables."""

    id = AutoField()

    class Meta:
        database = db
        legacy_table_names = False


# ---- What the portal offers: rows that an admin edits --------------------------------------------------


class PortalSetting(Table):
    """A choice of the support team (registration, lock policy, who may open ...), by key, as JSON."""

    key = CharField(max_length=60, unique=True)
    value = JSONField(null=True)


class Portal(Table):
    """A counter with its own prefix and its own gapless numbers (SUP-2041)."""

    slug = CharField(max_length=40, unique=True)
    name_fr = CharField(max_length=120)
    name_en = CharField(max_length=120)
    prefix = CharField(max_length=8, unique=True)
    last_number = IntegerField(default=2000)
    # Where it stands when that is not here; the header leads there once there are two portals.
    url = CharField(max_length=300, default="")
    sentence_fr = CharField(max_length=200, default="")
    sentence_en = CharField(max_length=200, default="")


class Calendar(Table):
    """Working days and hours of a team: a country's holidays, its own closing days, its zone."""

    name = CharField(max_length=80, unique=True)
    country = CharField(max_length=2, default="FR")
    subdivision = CharField(max_length=10, null=True)
    time_zone = CharField(max_length=60, default="Europe/Paris")
    # {"0": [["09:00", "18:00"]], ...}: Monday is 0; a day without hours is not worked.
    hours = JSONField(default=dict)
    is_default = BooleanField(default=False)


class CalendarClosingDay(Table):
    """A day on which the team is closed besides public holidays."""

    calendar = ForeignKeyField(Calendar, backref="closing_days", on_delete="CASCADE")
    day = DateField()
    label_fr = CharField(max_length=120, default="")
    label_en = CharField(max_length=120, default="")

    class Meta:
        indexes = ((("calendar", "day"), True),)


class Team(Table):
    """Who takes a request. The icon and the public sentence are shown to customers (REQ-12)."""

    slug = CharField(max_length=40, unique=True)
    name_fr = CharField(max_length=80)
    name_en = CharField(max_length=80)
    sentence_fr = CharField(max_length=300, default="")
    sentence_en = CharField(max_length=300, default="")
    icon = CharField(max_length=40, default="headset")
    position = IntegerField(default=0)
    is_active = BooleanField(default=True)
    # Its own working days and hours; null means the calendar used by default.
    calendar = ForeignKeyField(Calendar, null=True, on_delete="RESTRICT", index=False)


class Product(Table):
    """A product of the vendor that a request can be about."""

    slug = CharField(max_length=60, unique=True)
    name_fr = CharField(max_length=120)
    name_en = CharField(max_length=120)
    current_version = CharField(max_length=40, default="")
    editions = JSONField(default=list)
    position = IntegerField(default=0)
    is_active = BooleanField(default=True)


class Kind(Table):
    """Kind of request (question, incident, problem, task), with its definition and example (REQ-8)."""

    slug = CharField(max_length=40, unique=True)
    name_fr = CharField(max_length=80)
    name_en = CharField(max_length=80)
    definition_fr = CharField(max_length=300, default="")
    definition_en = CharField(max_length=300, default="")
    example_fr = CharField(max_length=300, default="")
    example_en = CharField(max_length=300, default="")
    position = IntegerField(default=0)
    is_active = BooleanField(default=True)


class ProductKind(Table):
    """A kind of request that is offered for a product. A product without any is offered all kinds (REQ-6)."""

    product = ForeignKeyField(Product, backref="kinds_offered", on_delete="CASCADE", index=False)
    kind = ForeignKeyField(Kind, on_delete="CASCADE")

    class Meta:
        indexes = ((("product", "kind"), True),)


class Feature(Table):
    """A part of a product that a request is about. Without a product or a kind it is offered for any (REQ-6)."""

    slug = CharField(max_length=60, unique=True)
    product = ForeignKeyField(Product, null=True, backref="features", on_delete="CASCADE")
    kind = ForeignKeyField(Kind, null=True, on_delete="CASCADE")
    name_fr = CharField(max_length=120)
    name_en = CharField(max_length=120)
    hint_fr = CharField(max_length=300, default="")
    hint_en = CharField(max_length=300, default="")
    position = IntegerField(default=0)
    is_active = BooleanField(default=True)


class Scale(Table):
    """A priority scale: severity or criticality (REQ-7)."""

    slug = CharField(max_length=40, unique=True)
    name_fr = CharField(max_length=80)
    name_en = CharField(max_length=80)


class ScaleLevel(Table):
    """One level of a scale, with its definition, example and targets in minutes of the team's working hours."""

    scale = ForeignKeyField(Scale, backref="levels", on_delete="CASCADE")
    value = CharField(max_length=20)
    name_fr = CharField(max_length=80)
    name_en = CharField(max_length=80)
    definition_fr = CharField(max_length=400, default="")
    definition_en = CharField(max_length=400, default="")
    example_fr = CharField(max_length=300, default="")
    example_en = CharField(max_length=300, default="")
    response_minutes = IntegerField(null=True)
    resolution_minutes = IntegerField(null=True)
    # 1 is the most pressing; lists sort on it whatever the scale.
    position = IntegerField(default=0)

    class Meta:
        indexes = ((("scale", "value"), True),)


class Category(Table):
    """A family of request forms in the catalogue (REQ-1)."""

    slug = CharField(max_length=40, unique=True)
    name_fr = CharField(max_length=80)
    name_en = CharField(max_length=80)
    when_fr = CharField(max_length=400, default="")
    when_en = CharField(max_length=400, default="")
    example_fr = CharField(max_length=300, default="")
    example_en = CharField(max_length=300, default="")
    icon = CharField(max_length=40, default="question-circle")
    position = IntegerField(default=0)
    is_active = BooleanField(default=True)


class RequestForm(Table):
    """The words around a form and where it stands; its fields are a class of forms/requests/."""

    slug = CharField(max_length=40, unique=True)
    category = ForeignKeyField(Category, backref="forms", on_delete="RESTRICT")
    name_fr = CharField(max_length=120)
    name_en = CharField(max_length=120)
    purpose_fr = CharField(max_length=400, default="")
    purpose_en = CharField(max_length=400, default="")
    when_fr = CharField(max_length=400, default="")
    when_en = CharField(max_length=400, default="")
    include_fr = TextField(default="")
    include_en = TextField(default="")
    example_fr = CharField(max_length=300, default="")
    example_en = CharField(max_length=300, default="")
    warning_fr = TextField(default="")
    warning_en = TextField(default="")
    default_kind = ForeignKeyField(Kind, null=True, on_delete="RESTRICT")
    scale = ForeignKeyField(Scale, null=True, on_delete="RESTRICT")
    asks_consent = BooleanField(default=True)
    icon = CharField(max_length=40, default="chat-left-text")
    position = IntegerField(default=0)
    is_active = BooleanField(default=True)


class StatusLabel(Table):
    """What customers and the team read for a status, whose turn it is, icon and tone (LIFE-1).

    The statuses themselves are code (domain/lifecycle.py); their words are data. A row with a kind is for requests of
    that kind only; what it leaves empty is said by the row without one.
    """

    status = CharField(max_length=30)
    customer_fr = CharField(max_length=80)
    customer_en = CharField(max_length=80)
    team_fr = CharField(max_length=80)
    team_en = CharField(max_length=80)
    turn_fr = CharField(max_length=160, default="")
    turn_en = CharField(max_length=160, default="")
    icon = CharField(max_length=40)
    position = IntegerField(default=0)
    kind = ForeignKeyField(Kind, null=True, on_delete="CASCADE", index=False)


# One row for all kinds, and at most one for each kind.
StatusLabel.add_index(
    SQL(
        "CREATE UNIQUE INDEX IF NOT EXISTS status_label_any_kind ON status_label (status) WHERE kind_id IS NULL"
    )
)
StatusLabel.add_index(
    SQL(
        "CREATE UNIQUE INDEX IF NOT EXISTS status_label_of_kind ON status_label (status, kind_id) "
        "WHERE kind_id IS NOT NULL"
    )
)


class ConsentText(Table):
    """A version of the text that a requester consents to (REQ-3). Published versions are never changed."""

    version = IntegerField(unique=True)
    text_fr = TextField()
    text_en = TextField()
    published_at = UtcField()


# ---- People ------------------------------------------------------------------------------------------


class Person(Table):
    """Somebody who can sign in: a customer's contact or a member of staff."""

    email = CharField(max_length=254, unique=True)
    username = CharField(max_length=254, unique=True)
    full_name = CharField(max_length=120)
    password_hash = CharField(max_length=255, null=True)
    language = CharField(max_length=2, default="fr")
    time_zone = CharField(max_length=60, default="Europe/Paris")
    # None for customers; agent, account_manager or admin for staff.
    staff_role = CharField(max_length=20, null=True)
    is_supervisor = BooleanField(default=False)
    is_active = BooleanField(default=True)
    # The staff lock policy (ACC-8) writes here; the temporary one lives in SignInFailure.
    locked_at = UtcField(null=True)
    email_verified_at = UtcField(null=True)
    first_signed_in_at = UtcField(null=True)
    last_signed_in_at = UtcField(null=True)
    # The organisation named at registration, until staff attach the person (ACC-2).
    claimed_organisation = CharField(max_length=120, default="")
    created_at = UtcField()

    class Meta:
        constraints = [
            Check(
                "staff_role IS NULL OR staff_role IN ('agent', 'account_manager', 'admin')",
                "person_staff_role_known",
            ),
            Check("language IN ('fr', 'en')", "person_language_known"),
            Check("email = lower(email)", "person_email_lowercase"),
        ]

    def __str__(self) -> str:
        return f"{self.full_name} <{self.email}>"


class Organisation(Table):
    """A customer: its people, its profile, its account manager."""

    name = CharField(max_length=120, unique=True)
    slug = CharField(max_length=120, unique=True)
    account_manager = ForeignKeyField(
        Person, null=True, backref="managed_organisations", on_delete="SET NULL"
    )
    # E-mail domains whose registrations are proposed for it and that customers may put in CC (ACC-2, VIEW-5).
    domains = JSONField(default=list)
    product_version = CharField(max_length=40, default="")
    companies = JSONField(default=list)
    country = CharField(max_length=2, default="FR")
    note = TextField(default="")
    is_active = BooleanField(default=True)
    created_at = UtcField()

    def __str__(self) -> str:
        return str(self.name)


class Membership(Table):
    """A person in an organisation: role and rights. Removal takes the rights, the row stays (ACC-3)."""

    person = ForeignKeyField(Person, backref="memberships", on_delete="RESTRICT")
    organisation = ForeignKeyField(Organisation, backref="memberships", on_delete="RESTRICT")
    role = CharField(max_length=20, default="member")
    can_open = BooleanField(default=False)
    can_see_all = BooleanField(default=False)
    can_answer = BooleanField(default=False)
    approved_at = UtcField(null=True)
    approved_by = ForeignKeyField(Person, null=True, on_delete="SET NULL", backref="approvals")
    removed_at = UtcField(null=True)
    removed_by = ForeignKeyField(Person, null=True, on_delete="SET NULL", backref="removals")
    reason = CharField(max_length=300, default="")

    class Meta:
        # Serves the visibility of every customer query, and the list of an organisation's contacts.
        indexes = ((("person", "organisation"), True), (("organisation", "role"), False))
        constraints = [Check("role IN ('member', 'contact', 'administrator')", "membership_role_known")]


class TeamMember(Table):
    """An agent in a team."""

    team = ForeignKeyField(Team, backref="members", on_delete="CASCADE")
    person = ForeignKeyField(Person, backref="teams", on_delete="CASCADE")

    class Meta:
        indexes = ((("team", "person"), True),)


class UserSession(Table):
    """One signed-in browser. The row is the session: ending it acts on the very next request."""

    token_hash = CharField(max_length=64, unique=True)
    person = ForeignKeyField(Person, backref="sessions", on_delete="CASCADE")
    created_at = UtcField()
    last_seen_at = UtcField()
    expires_at = UtcField()
    # When the password (or a factor) was last typed: dangerous acts ask for a fresh one.
    fresh_at = UtcField()
    origin = CharField(max_length=64, default="")
    user_agent = CharField(max_length=200, default="")
    ended_at = UtcField(null=True)


class Viewing(Table):
    """An admin sees the portal as somebody else does, in one session and for a while (STAFF-9)."""

    session = ForeignKeyField(UserSession, on_delete="CASCADE")
    person = ForeignKeyField(Person, on_delete="CASCADE")
    reason = CharField(max_length=300)
    started_at = UtcField()
    until = UtcField()
    ended_at = UtcField(null=True)

    class Meta:
        constraints = [Check("reason <> ''", "viewing_has_reason")]


# Read with the session on every page; those that are over stay until the session goes.
Viewing.add_index(
    SQL("CREATE UNIQUE INDEX IF NOT EXISTS viewing_running ON viewing (session_id) WHERE ended_at IS NULL")
)


class AccountToken(Table):
    """A single-use link (password, invitation, address). Only its hash is kept."""

    person = ForeignKeyField(Person, backref="tokens", on_delete="CASCADE")
    purpose = CharField(max_length=30)
    token_hash = CharField(max_length=64, unique=True)
    created_at = UtcField()
    expires_at = UtcField()
    used_at = UtcField(null=True)


class AddressChange(Table):
    """Another address that a person asked for and has not confirmed yet (ACC-19). The row goes when it is done."""

    person = ForeignKeyField(Person, unique=True, on_delete="CASCADE")
    email = CharField(max_length=254)
    token_hash = CharField(max_length=64, unique=True)
    created_at = UtcField()
    expires_at = UtcField()


class IdentityProvider(Table):
    """Where people sign in besides here, by OpenID Connect (ACC-11)."""

    # In the addresses of this portal, the one that the provider has to know above all.
    slug = CharField(max_length=40, unique=True)
    name_fr = CharField(max_length=60)
    name_en = CharField(max_length=60)
    issuer = CharField(max_length=300)
    client_id = CharField(max_length=255)
    # Encrypted with a key made from the portal's secret; empty for a client without secret.
    sealed_secret = TextField(default="")
    # Bound to it: the addresses of its people are believed. None: an account is linked by its owner alone.
    organisation = ForeignKeyField(Organisation, null=True, on_delete="RESTRICT")
    makes_accounts = BooleanField(default=False)
    # Its sign-in counts as the second factor too.
    replaces_factor = BooleanField(default=False)
    # Whether the sign-in page has a button for it: the name of a customer may not be for everybody.
    is_listed = BooleanField(default=True)
    is_active = BooleanField(default=False)
    position = IntegerField(default=0)

    class Meta:
        indexes = ((("issuer", "client_id"), True),)
        # True is 1 for SQLite and a word of its own for PostgreSQL: this is read alike by both.
        constraints = [
            Check(
                "NOT makes_accounts OR organisation_id IS NOT NULL", "identity_provider_makes_accounts_of_one"
            ),
        ]


class ExternalIdentity(Table):
    """An account as a provider knows it: by its subject, never by its address."""

    provider = ForeignKeyField(IdentityProvider, on_delete="CASCADE", index=False)
    subject = CharField(max_length=255)
    person = ForeignKeyField(Person, on_delete="CASCADE")
    created_at = UtcField()
    last_used_at = UtcField()

    class Meta:
        indexes = ((("provider", "subject"), True), (("provider", "person"), True))


class LinkingApplication(Table):
    """An application without identity provider that signs people in by signed links (ACC-11)."""

    slug = CharField(max_length=40, unique=True)
    name_fr = CharField(max_length=60)
    name_en = CharField(max_length=60)
    # The key that it signs with, encrypted like other secrets.
    sealed_secret = TextField(default="")
    # Bound to it: signs in its people alone. None: any customer, never the team.
    organisation = ForeignKeyField(Organisation, null=True, on_delete="RESTRICT")
    replaces_factor = BooleanField(default=False)
    is_active = BooleanField(default=False)


class SignInFailure(Table):
    """A failed sign-in, counted for (account, origin) and for the origin (ACC-8, ACC-16)."""

    account_key = CharField(max_length=64)
    origin = CharField(max_length=64)
    at = UtcField()

    class Meta:
        indexes = ((("account_key", "origin", "at"), False), (("origin", "at"), False))


class HeldForm(Table):
    """What somebody had typed when the session or the token had ended; given back after sign-in (REQ-16)."""

    key_hash = CharField(max_length=64, unique=True)
    path = CharField(max_length=500)
    data = JSONField(default=dict)
    # The person signed in at that moment, when known: nobody else gets the text.
    person = ForeignKeyField(Person, null=True, on_delete="CASCADE")
    created_at = UtcField()


# ---- Rules that admins edit ----------------------------------------------------------------------------


class RoutingRule(Table):
    """Which team gets a request: the first rule that matches, by position (REQ-12). Empty means any."""

    position = IntegerField(default=100)
    category = ForeignKeyField(Category, null=True, on_delete="CASCADE")
    form = ForeignKeyField(RequestForm, null=True, on_delete="CASCADE")
    product = ForeignKeyField(Product, null=True, on_delete="CASCADE")
    kind = ForeignKeyField(Kind, null=True, on_delete="CASCADE")
    organisation = ForeignKeyField(Organisation, null=True, on_delete="CASCADE")
    team = ForeignKeyField(Team, on_delete="RESTRICT")
    is_active = BooleanField(default=True)
    feature = ForeignKeyField(Feature, null=True, on_delete="CASCADE")


class ClosingRule(Table):
    """Reminders and closing from one status, in days or working days (LIFE-12). The most precise wins."""

    status = CharField(max_length=30)
    organisation = ForeignKeyField(Organisation, null=True, on_delete="CASCADE")
    form = ForeignKeyField(RequestForm, null=True, on_delete="CASCADE")
    unit = CharField(max_length=20, default="days")
    reminders = JSONField(default=list)
    after = IntegerField()
    final_status = CharField(max_length=30)
    calendar = ForeignKeyField(Calendar, null=True, on_delete="RESTRICT")
    is_active = BooleanField(default=True)
    # Words of this rule for its mails, in place of the usual ones; empty means the usual ones.
    reminder_text_fr = TextField(default="")
    reminder_text_en = TextField(default="")
    closing_text_fr = TextField(default="")
    closing_text_en = TextField(default="")

    class Meta:
        constraints = [
            Check("unit IN ('days', 'working_days')", "closing_rule_unit_known"),
            # Zero would close a request in the moment it starts to wait.
            Check("after BETWEEN 1 AND 366", "closing_rule_after_sensible"),
        ]


# ---- Requests ------------------------------------------------------------------------------------------


class Ticket(Table):
    """The record of a request that a customer submitted."""

    # Public number such as SUP-2041; not the key.
    number = CharField(max_length=20, unique=True)
    portal = ForeignKeyField(Portal, on_delete="RESTRICT", index=False)
    organisation = ForeignKeyField(Organisation, on_delete="RESTRICT", index=False)
    requester = ForeignKeyField(Person, on_delete="RESTRICT", backref="requests", index=False)
    # Who typed it, when an administrator opened it for a colleague.
    opened_by = ForeignKeyField(Person, on_delete="RESTRICT", backref="opened", index=False)
    form_slug = CharField(max_length=40)
    category_slug = CharField(max_length=40)
    kind_slug = CharField(max_length=40)
    product = ForeignKeyField(Product, null=True, on_delete="RESTRICT", index=False)
    summary = CharField(max_length=200)
    status = CharField(max_length=30, default="registered")
    team = ForeignKeyField(Team, null=True, on_delete="RESTRICT", index=False)
    assignee = ForeignKeyField(Person, null=True, on_delete="SET NULL", backref="assigned", index=False)
    # Asked by the customer and retained by the team are two things (REQ-17). Positions: 1 is most pressing.
    scale_slug = CharField(max_length=40, null=True)
    priority_asked = CharField(max_length=20, null=True)
    priority = CharField(max_length=20, null=True)
    priority_position = IntegerField(default=9)
    audience = CharField(max_length=20, default="organisation")
    shared_with_account_manager = BooleanField(default=False)
    # Snapshots [{key, label_fr, label_en, value, kind}] of the answers that no rule reads.
    answers = JSONField(default=list)
    created_at = UtcField()
    updated_at = UtcField()
    status_since = UtcField()
    # The silence clock (LIFE-14): the last message a person wrote on the thread the customer can read.
    last_message_at = UtcField()
    last_message_side = CharField(max_length=10, default="customer")
    # When the next reminder or closing is due; null when nothing is (domain/closing.py keeps it).
    act_at = UtcField(null=True)
    closes_at = UtcField(null=True)
    # The clock of closing_rules.py: reminders that went out, the instant the last of them counts from, and the
    # days of "keep it open" since then (LIFE-15).
    reminders_sent = IntegerField(default=0)
    counted_from = UtcField(null=True)
    extension_days = IntegerField(default=0)
    # How many times the date was moved by "keep it open" since the clock started.
    extended_times = IntegerField(default=0)
    first_response_at = UtcField(null=True)
    resolved_at = UtcField(null=True)
    closed_at = UtcField(null=True)
    close_reason = CharField(max_length=40, default="")
    follow_up_of = ForeignKeyField("self", null=True, on_delete="RESTRICT", backref="follow_ups", index=False)
    # A double click or a repeated POST makes one request.
    idempotency_key = CharField(max_length=64, unique=True)
    # Counts the changes, so that two agents never overwrite one another.
    version = IntegerField(default=1)
    # The request in which this one goes on, and the one that it was split from (LIFE-16).
    merged_into = ForeignKeyField("self", null=True, on_delete="RESTRICT", backref="merged", index=False)
    split_of = ForeignKeyField("self", null=True, on_delete="RESTRICT", backref="splits", index=False)
    # The reference under which level 2, product management (SPC) or development (RPC) has it (LIFE-11).
    escalation_reference = CharField(max_length=60, default="")
    # Where the customer is to test the change (LIFE-7).
    test_environment = CharField(max_length=120, default="")

    class Meta:
        constraints = [
            Check(
                "status IN ('registered','qualified','in_progress','waiting_customer','waiting_engineering',"
                "'customer_testing','awaiting_rollback','blocked','escalated_l2','escalated_product',"
                "'escalated_development','resolved','expired','closed')",
                "ticket_status_known",
            ),
            Check("audience IN ('organisation', 'only_me', 'people')", "ticket_audience_known"),
            Check("last_message_side IN ('customer', 'team')", "ticket_side_known"),
            Check("extended_times >= 0", "ticket_extended_times_sensible"),
        ]
        indexes = (
            # "My requests", newest first, with and without a status; what visibility asks stands in the index, so
            # that counting reads nothing else.
            (("requester", "id", "organisation", "audience"), False),
            # How many somebody sent in a minute, and all that somebody opened, for the file of one's own data.
            (("opened_by", "id"), False),
            (("requester", "status", "id", "organisation", "audience"), False),
            # "My organisation's", likewise.
            (("organisation", "id", "requester", "audience"), False),
            (("organisation", "status", "id", "requester", "audience"), False),
            # Queues of the desk: unassigned, mine, my team's.
            (("status", "id"), False),
            (("assignee", "status", "id"), False),
            (("team", "status", "id"), False),
            # A request and its follow-ups.
            (("follow_up_of",), False),
        )

    def __str__(self) -> str:
        return str(self.number)


# Conditions of the two indexes of the desk, as text: an index is used only by a query that says the very same words.
IS_OPEN = "status NOT IN ('resolved', 'expired', 'closed')"
AWAITS_CUSTOMER = "(CASE WHEN status IN ('waiting_customer', 'customer_testing') THEN 1 ELSE 0 END)"
# Queues of the desk, the most pressing first: those that await the customer come after all that await the team.
for _name, _column in (("ticket_desk_agent", "assignee_id"), ("ticket_desk_team", "team_id")):
    Ticket.add_index(
        SQL(
            f"CREATE INDEX IF NOT EXISTS {_name} ON ticket ({_column}, {AWAITS_CUSTOMER}, priority_position, id) "
            f"WHERE {IS_OPEN}"
        )
    )
# The same queues, the latest changed first.
for _name, _column in (("ticket_desk_agent_updated", "assignee_id"), ("ticket_desk_team_updated", "team_id")):
    Ticket.add_index(
        SQL(f"CREATE INDEX IF NOT EXISTS {_name} ON ticket ({_column}, updated_at, id) WHERE {IS_OPEN}")
    )
# What an account manager may read: few among all requests, found without going through the others.
Ticket.add_index(
    SQL(
        "CREATE INDEX IF NOT EXISTS ticket_shared ON ticket (organisation_id, id) WHERE shared_with_account_manager"
    )
)
# What was merged into a request, and what was split from it: few among all requests.
for _name, _column in (("ticket_merged_into", "merged_into_id"), ("ticket_split_of", "split_of_id")):
    Ticket.add_index(
        SQL(f"CREATE INDEX IF NOT EXISTS {_name} ON ticket ({_column}) WHERE {_column} IS NOT NULL")
    )
# The sweep reads what is due and nothing else: a partial index stays small whatever the number of tickets.
Ticket.add_index(Ticket.index(Ticket.act_at, where=Ticket.act_at.is_null(False), name="ticket_act_at_due"))


class TicketBlock(Table):
    """A request that waits for another one to end (LIFE-9). A block that ended is marked, never removed."""

    ticket = ForeignKeyField(Ticket, backref="blocks", on_delete="RESTRICT", index=False)
    blocker = ForeignKeyField(Ticket, backref="blocked", on_delete="RESTRICT", index=False)
    # What both are about, such as a configuration component: the customer reads it.
    component = CharField(max_length=120, default="")
    added_by = ForeignKeyField(Person, null=True, on_delete="SET NULL", index=False)
    added_at = UtcField()
    ended_at = UtcField(null=True)

    class Meta:
        # "What blocks it": the page of a request.
        indexes = ((("ticket", "id"), False),)
        constraints = [Check("ticket_id <> blocker_id", "ticket_block_not_itself")]


# Each pair once at a time; and what goes on when a request ends.
TicketBlock.add_index(
    SQL(
        "CREATE UNIQUE INDEX IF NOT EXISTS ticket_block_once ON ticket_block (blocker_id, ticket_id) "
        "WHERE ended_at IS NULL"
    )
)


class PriorityContest(Table):
    """A customer does not agree with a lowered priority: once for each request, decided by a supervisor (LIFE-10)."""

    ticket = ForeignKeyField(Ticket, unique=True, backref="contests", on_delete="RESTRICT")
    contested_by = ForeignKeyField(Person, on_delete="RESTRICT", backref="contests", index=False)
    contested_at = UtcField()
    reason = TextField()
    # The level that was taken away, and the one retained instead.
    before = CharField(max_length=20)
    after = CharField(max_length=20)
    decided_by = ForeignKeyField(
        Person, null=True, on_delete="SET NULL", backref="contests_decided", index=False
    )
    decided_at = UtcField(null=True)
    outcome = CharField(max_length=10, default="")
    answer = TextField(default="")

    class Meta:
        constraints = [
            Check("outcome IN ('', 'restored', 'kept')", "priority_contest_outcome_known"),
            Check("(outcome = '') = (decided_at IS NULL)", "priority_contest_decided_dated"),
            Check("reason <> ''", "priority_contest_reasoned"),
        ]


# Those that a supervisor has to decide: few, however many were.
PriorityContest.add_index(
    SQL("CREATE INDEX IF NOT EXISTS priority_contest_open ON priority_contest (id) WHERE decided_at IS NULL")
)


class Message(Table):
    """A public reply or an internal note. The first reply of a ticket is its description. Markdown as typed."""

    ticket = ForeignKeyField(Ticket, backref="messages", on_delete="RESTRICT", index=False)
    kind = CharField(max_length=10, default="reply")
    author = ForeignKeyField(Person, null=True, on_delete="SET NULL", index=False)
    side = CharField(max_length=10, default="customer")
    body = TextField()
    via = CharField(max_length=10, default="page")
    created_at = UtcField()
    idempotency_key = CharField(max_length=64, unique=True)

    class Meta:
        indexes = ((("ticket", "id"), False),)
        constraints = [
            Check("kind IN ('reply', 'note')", "message_kind_known"),
            Check("side IN ('customer', 'team')", "message_side_known"),
            # A customer cannot write a note: what a customer writes is public by definition.
            Check("kind = 'reply' OR side = 'team'", "message_note_by_team"),
        ]


class Attachment(Table):
    """A file of a request. Until the request is sent it belongs to its uploader only (ticket is null)."""

    ticket = ForeignKeyField(Ticket, null=True, backref="attachments", on_delete="RESTRICT", index=False)
    message = ForeignKeyField(Message, null=True, backref="attachments", on_delete="RESTRICT", index=False)
    uploader = ForeignKeyField(Person, on_delete="RESTRICT", index=False)
    # Unguessable name in addresses.
    key = CharField(max_length=43, unique=True)
    name = CharField(max_length=200)
    stored_name = CharField(max_length=80, unique=True)
    size = BigIntegerField()
    content_type = CharField(max_length=100)
    sha256 = CharField(max_length=64)
    is_internal = BooleanField(default=False)
    created_at = UtcField()

    class Meta:
        indexes = ((("ticket", "id"), False), (("uploader", "ticket"), False))


class Redaction(Table):
    """The text of a message, or a file, that the team took out: what was there is gone, this stays (STAFF-10)."""

    ticket = ForeignKeyField(Ticket, backref="redactions", on_delete="RESTRICT", index=False)
    message = ForeignKeyField(Message, null=True, unique=True, on_delete="RESTRICT")
    attachment = ForeignKeyField(Attachment, null=True, unique=True, on_delete="RESTRICT")
    reason = CharField(max_length=300)
    redacted_by = ForeignKeyField(Person, null=True, on_delete="SET NULL", index=False)
    redacted_at = UtcField()

    class Meta:
        indexes = ((("ticket", "id"), False),)
        constraints = [
            Check("(message_id IS NULL) <> (attachment_id IS NULL)", "redaction_of_one_thing"),
            Check("reason <> ''", "redaction_reasoned"),
        ]


class Participant(Table):
    """Somebody besides the requester who gets the news: in CC, a collaborator, or a named reader (VIEW-5, 6, 13)."""

    ticket = ForeignKeyField(Ticket, backref="participants", on_delete="RESTRICT", index=False)
    # Null when the address belongs to no account: then mails only.
    person = ForeignKeyField(Person, null=True, on_delete="CASCADE", index=False)
    email = CharField(max_length=254)
    role = CharField(max_length=20, default="cc")
    added_by = ForeignKeyField(Person, null=True, on_delete="SET NULL", index=False)
    added_at = UtcField()

    class Meta:
        # Uniqueness; "those I get in CC"; addresses that get an account later.
        indexes = ((("ticket", "email", "role"), True), (("person", "ticket"), False), (("email",), False))
        constraints = [Check("role IN ('cc', 'collaborator', 'reader')", "participant_role_known")]


class NamedPerson(Table):
    """A person named in a deletion or a factor reset: whom the request is about."""

    ticket = ForeignKeyField(Ticket, backref="named_people", on_delete="CASCADE")
    full_name = CharField(max_length=120)
    employee_number = CharField(max_length=40)
    url = CharField(max_length=500, default="")
    details = TextField(default="")


class Deletion(Table):
    """The procedure behind a request that cannot be undone (REQ-4): where it stands and when each step was taken."""

    ticket = ForeignKeyField(Ticket, unique=True, backref="deletions", on_delete="RESTRICT")
    state = CharField(max_length=20, default="announced")
    # Fingerprint of the people named when the request was sent: a list that changed since is not carried out.
    people_hash = CharField(max_length=64)
    announced_at = UtcField()
    confirmed_at = UtcField(null=True)
    # Who may be the second person (none: nobody is asked). Fixed by the first confirmation: a later change of the
    # setting takes nothing back.
    second_rule = CharField(max_length=20, default="")
    # Without a second confirmation until then, it cancels itself.
    answer_by = UtcField(null=True)
    seconded_at = UtcField(null=True)
    # The end of the waiting period: nothing is carried out before.
    due_at = UtcField(null=True)
    ready_at = UtcField(null=True)
    carried_out_at = UtcField(null=True)
    carried_out_by = ForeignKeyField(Person, null=True, backref="deletions_carried_out", on_delete="SET NULL")
    cancelled_at = UtcField(null=True)
    cancelled_by = ForeignKeyField(Person, null=True, backref="deletions_cancelled", on_delete="SET NULL")
    cancel_reason = CharField(max_length=20, default="")
    cancel_note = CharField(max_length=300, default="")
    # Counts the changes, so that of two acts at the same instant one is refused.
    version = IntegerField(default=1)

    class Meta:
        constraints = [
            Check(
                "state IN ('announced', 'confirmed', 'waiting', 'ready', 'carried_out', 'cancelled')",
                "deletion_state_known",
            ),
            Check("state NOT IN ('waiting', 'ready', 'carried_out') OR due_at IS NOT NULL", "deletion_due"),
            Check("(state = 'carried_out') = (carried_out_at IS NOT NULL)", "deletion_carried_out_dated"),
            Check("(state = 'cancelled') = (cancelled_at IS NOT NULL)", "deletion_cancelled_dated"),
            Check("carried_out_at IS NULL OR carried_out_at >= due_at", "deletion_not_before_its_time"),
        ]

    def __str__(self) -> str:
        return str(self.ticket_id)


# Those that the job looks at: few, however many were carried out.
DELETION_UNDER_WAY = "state IN ('confirmed', 'waiting', 'ready')"
Deletion.add_index(
    SQL(f"CREATE INDEX IF NOT EXISTS deletion_under_way ON deletion (id) WHERE {DELETION_UNDER_WAY}")
)


class DeletionConfirmation(Table):
    """Who agreed to a deletion, when, to which words exactly. One that no longer counts is marked, never removed."""

    deletion = ForeignKeyField(Deletion, backref="confirmations", on_delete="RESTRICT", index=False)
    role = CharField(max_length=20)
    person = ForeignKeyField(Person, backref="deletion_confirmations", on_delete="RESTRICT")
    given_at = UtcField()
    wording_version = IntegerField()
    language = CharField(max_length=2)
    text = TextField()
    text_hash = CharField(max_length=64)
    # What the requester typed, as typed; what a supervisor wrote of the call.
    typed = CharField(max_length=200, default="")
    call_note = TextField(default="")
    void_at = UtcField(null=True)

    class Meta:
        indexes = ((("deletion", "id"), False),)
        constraints = [
            Check("role IN ('requester', 'second', 'supervisor')", "deletion_confirmation_role_known"),
            Check("role <> 'supervisor' OR call_note <> ''", "deletion_confirmation_call_noted"),
        ]


# One living confirmation of the requester, and one of the second person or of a supervisor in their place.
DeletionConfirmation.add_index(
    SQL(
        "CREATE UNIQUE INDEX IF NOT EXISTS deletion_confirmation_once ON deletion_confirmation "
        "(deletion_id, (CASE WHEN role = 'requester' THEN 1 ELSE 2 END)) WHERE void_at IS NULL"
    )
)


class LicenceRequest(Table):
    """The record behind a licence request (REQ-13)."""

    ticket = ForeignKeyField(Ticket, unique=True, backref="licence_requests", on_delete="RESTRICT")
    organisation = ForeignKeyField(Organisation, on_delete="RESTRICT")
    product = ForeignKeyField(Product, on_delete="RESTRICT")
    edition = CharField(max_length=80, default="")
    quantity = IntegerField(null=True)
    due_on = DateField()
    status = CharField(max_length=20, default="received")
    # Where the numbers came from: the page or a filled form that was attached.
    source = CharField(max_length=10, default="page")
    delivered_on = DateField(null=True)
    note = TextField(default="")

    class Meta:
        constraints = [
            Check("quantity IS NULL OR quantity BETWEEN 1 AND 1000000", "licence_quantity_sensible"),
            Check("status IN ('received', 'in_preparation', 'delivered', 'refused')", "licence_status_known"),
        ]


class Consent(Table):
    """Who consented to which text, when, in which language, for which request (REQ-3)."""

    person = ForeignKeyField(Person, backref="consents", on_delete="RESTRICT")
    text = ForeignKeyField(ConsentText, on_delete="RESTRICT")
    ticket = ForeignKeyField(Ticket, null=True, on_delete="RESTRICT")
    form_slug = CharField(max_length=40)
    language = CharField(max_length=2)
    given_at = UtcField()
    withdrawn_at = UtcField(null=True)


class TicketEvent(Table):
    """The history of a request: append-only, each row chained to the one before by hash."""

    ticket = ForeignKeyField(Ticket, backref="events", on_delete="RESTRICT", index=False)
    kind = CharField(max_length=40)
    actor = ForeignKeyField(Person, null=True, on_delete="SET NULL", index=False)
    data = JSONField(default=dict)
    is_public = BooleanField(default=True)
    created_at = UtcField()
    previous_hash = CharField(max_length=64, default="")
    hash = CharField(max_length=64)

    class Meta:
        indexes = ((("ticket", "id"), False),)


class AuditEntry(Table):
    """Accounts, approved lists, admin screens, security: append-only, chained by hash (STAFF-6)."""

    kind = CharField(max_length=60)
    actor = ForeignKeyField(Person, null=True, on_delete="SET NULL", index=False)
    target = CharField(max_length=120, default="")
    data = JSONField(default=dict)
    origin = CharField(max_length=64, default="")
    created_at = UtcField()
    previous_hash = CharField(max_length=64, default="")
    hash = CharField(max_length=64)

    class Meta:
        indexes = ((("kind", "id"), False), (("target",), False))


class OutboxMessage(Table):
    """A mail to send: written in the transaction of its event, sent after, once for each recipient."""

    # What made it ("event:412", "account:17:reset"): with recipient and template it is unique.
    source = CharField(max_length=80)
    recipient = CharField(max_length=254)
    person = ForeignKeyField(Person, null=True, on_delete="SET NULL", index=False)
    ticket = ForeignKeyField(Ticket, null=True, on_delete="RESTRICT", index=False)
    template = CharField(max_length=40)
    language = CharField(max_length=2, default="fr")
    context = JSONField(default=dict)
    message_id = CharField(max_length=120, unique=True)
    status = CharField(max_length=10, default="waiting")
    skip_reason = CharField(max_length=60, default="")
    attempts = IntegerField(default=0)
    created_at = UtcField()
    next_try_at = UtcField(null=True)
    # Claimed by a delivery that has not come back yet: another one leaves it alone until then.
    claimed_until = UtcField(null=True)
    sent_at = UtcField(null=True)
    last_error = CharField(max_length=300, default="")

    class Meta:
        indexes = ((("source", "recipient", "template"), True), (("ticket", "id"), False))
        constraints = [
            Check("status IN ('waiting', 'sent', 'failed', 'skipped')", "outbox_status_known"),
        ]


OutboxMessage.add_index(
    OutboxMessage.index(
        OutboxMessage.next_try_at, where=OutboxMessage.status == SQL("'waiting'"), name="outbox_waiting"
    )
)
# "Failed" on the screen of the mails and in the health page: few rows among very many.
OutboxMessage.add_index(
    OutboxMessage.index(OutboxMessage.id, where=OutboxMessage.status == SQL("'failed'"), name="outbox_failed")
)


class MailAction(Table):
    """A button of a mail: what one person may do to one request, once, until a date (LIFE-8, LIFE-17).

    Only the hash of the link is kept; the link itself exists in the mail alone.
    """

    token_hash = CharField(max_length=64)
    ticket = ForeignKeyField(Ticket, on_delete="CASCADE", index=False)
    person = ForeignKeyField(Person, on_delete="CASCADE", index=False)
    act = CharField(max_length=20)
    created_at = UtcField()
    expires_at = UtcField()
    used_at = UtcField(null=True)

    class Meta:
        constraints = [
            Check("act IN ('works', 'reopen', 'more_time', 'close')", "mail_action_act_known"),
            Check("expires_at > created_at", "mail_action_expires_later"),
            Check("length(token_hash) = 64", "mail_action_hash_whole"),
        ]


# The link of a mail is found by its hash, and made once even when the mail is worded twice.
MailAction.add_index(MailAction.index(MailAction.token_hash, unique=True, name="mail_action_token"))
# The cleaning deletes what expired long ago; erasing a request or a person takes their rows along.
MailAction.add_index(MailAction.index(MailAction.expires_at, name="mail_action_expires"))
MailAction.add_index(MailAction.index(MailAction.ticket, name="mail_action_ticket"))
MailAction.add_index(MailAction.index(MailAction.person, name="mail_action_person"))


class Draft(Table):
    """What a person was writing and has not sent: one for each form and organisation, or request and kind (REQ-16)."""

    person = ForeignKeyField(Person, backref="drafts", on_delete="CASCADE", index=False)
    kind = CharField(max_length=10)
    form_slug = CharField(max_length=40, default="")
    organisation = ForeignKeyField(Organisation, null=True, on_delete="CASCADE")
    ticket = ForeignKeyField(Ticket, null=True, on_delete="CASCADE")
    # The closed request that a new one takes up again; empty for any other.
    follow_up = CharField(max_length=20, default="")
    data = JSONField(default=dict)
    # What the last save replaced without having seen it, or what "start afresh" put away: it can be brought back.
    earlier = JSONField(null=True)
    earlier_at = UtcField(null=True)
    # The key of the form that was being filled in: what was sent with it is no draft any more.
    idempotency_key = CharField(max_length=64, default="")
    version = IntegerField(default=1)
    updated_at = UtcField()
    # Saves in the minute that began then: a script that saves without end is told to wait.
    minute_at = UtcField()
    minute_saves = IntegerField(default=1)

    class Meta:
        constraints = [
            Check("kind IN ('form', 'reply', 'note')", "draft_kind_known"),
            Check("(kind = 'form') = (ticket_id IS NULL)", "draft_has_its_place"),
            Check("(kind = 'form') = (organisation_id IS NOT NULL)", "draft_form_for_organisation"),
        ]


# Also "those of this person": the form that is opened, the two boxes of a request, the list of what is unfinished.
Draft.add_index(
    SQL(
        "CREATE UNIQUE INDEX IF NOT EXISTS draft_once ON draft "
        "(person_id, kind, form_slug, COALESCE(organisation_id, 0), COALESCE(ticket_id, 0), follow_up)"
    )
)
# The cleaning deletes those that nobody has touched for long.
Draft.add_index(Draft.index(Draft.updated_at, name="draft_touched"))


class DraftFile(Table):
    """A pending file that a draft holds: it is kept as long as the draft is."""

    draft = ForeignKeyField(Draft, backref="draft_files", on_delete="CASCADE", index=False)
    attachment = ForeignKeyField(Attachment, backref="draft_files", on_delete="CASCADE")

    class Meta:
        indexes = ((("draft", "attachment"), True),)


class JobRun(Table):
    """One run of a scheduled job: when, how it went, what it did."""

    name = CharField(max_length=40)
    started_at = UtcField()
    ended_at = UtcField(null=True)
    outcome = CharField(max_length=10, default="running")
    done = IntegerField(default=0)
    error = TextField(default="")

    class Meta:
        indexes = ((("name", "id"), False),)


# ---- Articles ----------------------------------------------------------------------------------------


class Topic(Table):
    """A heading of the knowledge base: articles stand under one."""

    slug = CharField(max_length=60, unique=True)
    name_fr = CharField(max_length=80)
    name_en = CharField(max_length=80)
    sentence_fr = CharField(max_length=300, default="")
    sentence_en = CharField(max_length=300, default="")
    icon = CharField(max_length=40, default="book")
    position = IntegerField(default=0)
    is_active = BooleanField(default=True)
    # Stands on the home page of those who may read something in it.
    is_featured = BooleanField(default=False)


class Article(Table):
    """A page of the knowledge base, in one language or two (VIEW-9). News and release notes are articles too (VIEW-7).

    Each save also keeps a version (ArticleVersion); `version` is the number of the last one.
    """

    slug = CharField(max_length=80, unique=True)
    kind = CharField(max_length=20, default="article")
    topic = ForeignKeyField(Topic, backref="articles", on_delete="RESTRICT", index=False)
    # Who may read it: everybody without an account too, those who sign in, the vendor's staff.
    audience = CharField(max_length=20, default="customers")
    state = CharField(max_length=20, default="draft")
    title_fr = CharField(max_length=160, default="")
    title_en = CharField(max_length=160, default="")
    summary_fr = CharField(max_length=300, default="")
    summary_en = CharField(max_length=300, default="")
    body_fr = TextField(default="")
    body_en = TextField(default="")
    # Who looks after it, and the day by which they read it again.
    owner = ForeignKeyField(Person, null=True, on_delete="SET NULL", index=False)
    review_by = DateField(null=True)
    position = IntegerField(default=0)
    version = IntegerField(default=0)
    published_at = UtcField(null=True)
    created_at = UtcField()
    updated_at = UtcField()
    # The mark of the file of a preset that it was last written from; empty for one that was written here.
    preset_mark = CharField(max_length=64, default="")

    class Meta:
        constraints = [
            Check(
                "kind IN ('article', 'faq', 'news', 'release', 'change', 'download')", "article_kind_known"
            ),
            Check("audience IN ('public', 'customers', 'staff')", "article_audience_known"),
            Check("state IN ('draft', 'published')", "article_state_known"),
            Check("title_fr <> '' OR title_en <> ''", "article_titled"),
            Check("state <> 'published' OR published_at IS NOT NULL", "article_published_dated"),
        ]
        # Pages of a topic, in order; the newest of a kind.
        indexes = ((("topic", "position", "id"), False), (("kind", "published_at"), False))

    def __str__(self) -> str:
        return str(self.title_fr or self.title_en)


# Those to read again, among all that are in order.
Article.add_index(
    SQL("CREATE INDEX IF NOT EXISTS article_review ON article (review_by) WHERE review_by IS NOT NULL")
)


class ArticleVersion(Table):
    """An article as it was after one save: who saved it, when. Never changed; restoring makes a new one."""

    article = ForeignKeyField(Article, backref="versions", on_delete="CASCADE", index=False)
    number = IntegerField()
    title_fr = CharField(max_length=160, default="")
    title_en = CharField(max_length=160, default="")
    summary_fr = CharField(max_length=300, default="")
    summary_en = CharField(max_length=300, default="")
    body_fr = TextField(default="")
    body_en = TextField(default="")
    state = CharField(max_length=20)
    # Null: a preset or a command wrote it.
    saved_by = ForeignKeyField(Person, null=True, on_delete="SET NULL", index=False)
    saved_at = UtcField()

    class Meta:
        indexes = ((("article", "number"), True),)


class ArticleVote(Table):
    """Whether an article helped one person: once for each version, with a sentence if wished."""

    article = ForeignKeyField(Article, backref="votes", on_delete="CASCADE", index=False)
    version = IntegerField()
    person = ForeignKeyField(Person, on_delete="CASCADE", index=False)
    helpful = BooleanField()
    sentence = CharField(max_length=500, default="")
    created_at = UtcField()

    class Meta:
        # Uniqueness, and the count of one article; what one person said, when their data are asked for.
        indexes = ((("article", "version", "person"), True), (("person",), False))


class TopicFollow(Table):
    """A topic that somebody follows: what was published in it since stands on their home page."""

    person = ForeignKeyField(Person, on_delete="CASCADE", index=False)
    topic = ForeignKeyField(Topic, on_delete="CASCADE", index=False)
    # What was published before is not new to them.
    seen_at = UtcField()

    class Meta:
        indexes = ((("person", "topic"), True), (("topic",), False))


class SearchMiss(Table):
    """Words that were looked for and found nothing, with how often: never who looked for them."""

    words = CharField(max_length=120, unique=True)
    times = IntegerField(default=1)
    last_at = UtcField()


# ---- The guided path ---------------------------------------------------------------------------------


class ExtraField(Table):
    """A question that the guided path asks besides, when the choices made before call for it (REQ-6, REQ-9).

    Empty conditions hold for anything. What is answered is kept with the request in its words of that day.
    """

    key = CharField(max_length=40, unique=True)
    name_fr = CharField(max_length=120)
    name_en = CharField(max_length=120)
    help_fr = CharField(max_length=300, default="")
    help_en = CharField(max_length=300, default="")
    # One line, several lines, or one of `options`: {"value": ..., "fr": ..., "en": ...}.
    answer = CharField(max_length=10, default="line")
    options = JSONField(default=list)
    is_required = BooleanField(default=False)
    product = ForeignKeyField(Product, null=True, on_delete="CASCADE")
    kind = ForeignKeyField(Kind, null=True, on_delete="CASCADE")
    feature = ForeignKeyField(Feature, null=True, on_delete="CASCADE")
    # The article that says where its value is found.
    article = ForeignKeyField(Article, null=True, on_delete="SET NULL")
    position = IntegerField(default=0)
    is_active = BooleanField(default=True)

    class Meta:
        constraints = [Check("answer IN ('line', 'text', 'choice')", "extra_field_answer_known")]


# ---- Service status and announcements ------------------------------------------------------------------


class Service(Table):
    """A part of what the vendor runs, with its state on the status page (VIEW-14)."""

    slug = CharField(max_length=60, unique=True)
    name_fr = CharField(max_length=120)
    name_en = CharField(max_length=120)
    # A heading over several of them; empty for one that stands by itself.
    group_fr = CharField(max_length=80, default="")
    group_en = CharField(max_length=80, default="")
    sentence_fr = CharField(max_length=300, default="")
    sentence_en = CharField(max_length=300, default="")
    product = ForeignKeyField(Product, null=True, on_delete="RESTRICT", index=False)
    # Request forms that speak of a running incident of this service, by slug; none: no form does.
    form_slugs = JSONField(default=list)
    position = IntegerField(default=0)
    is_active = BooleanField(default=True)


class ServiceIncident(Table):
    """An incident or a planned maintenance of services, as the status page tells it; INC- and its key name it."""

    title_fr = CharField(max_length=160, default="")
    title_en = CharField(max_length=160, default="")
    impact = CharField(max_length=20)
    state = CharField(max_length=20)
    # Since when services suffer; of a maintenance, when it is planned to begin and to end.
    started_at = UtcField()
    planned_until = UtcField(null=True)
    ended_at = UtcField(null=True)
    opened_by = ForeignKeyField(Person, null=True, on_delete="SET NULL", index=False)
    created_at = UtcField()
    updated_at = UtcField()
    # Counts the changes, so that two agents never overwrite one another.
    version = IntegerField(default=1)
    idempotency_key = CharField(max_length=64, unique=True)

    class Meta:
        # The history by month, and what fell into the last days.
        indexes = ((("started_at",), False),)
        constraints = [
            Check(
                "impact IN ('degraded', 'partial', 'major', 'maintenance')", "service_incident_impact_known"
            ),
            Check(
                "state IN ('investigating', 'identified', 'watching', 'solved', 'planned', 'under_way', 'done')",
                "service_incident_state_known",
            ),
            Check(
                "(impact = 'maintenance') = (state IN ('planned', 'under_way', 'done'))",
                "service_incident_state_fits",
            ),
            Check("(state IN ('solved', 'done')) = (ended_at IS NOT NULL)", "service_incident_ended_dated"),
            Check("title_fr <> '' OR title_en <> ''", "service_incident_titled"),
            Check("planned_until IS NULL OR planned_until > started_at", "service_incident_ends_later"),
        ]

    def __str__(self) -> str:
        return f"INC-{self.id}"


# Those that run or are planned: few, however many there were.
ServiceIncident.add_index(
    SQL(
        "CREATE INDEX IF NOT EXISTS service_incident_not_over ON service_incident (started_at) WHERE ended_at IS NULL"
    )
)


class AffectedService(Table):
    """A service that an incident concerns."""

    incident = ForeignKeyField(ServiceIncident, backref="affected", on_delete="CASCADE", index=False)
    service = ForeignKeyField(Service, on_delete="RESTRICT")

    class Meta:
        indexes = ((("incident", "service"), True),)


class IncidentUpdate(Table):
    """What was said of an incident, when, and in which state it was from then on. Never changed."""

    incident = ForeignKeyField(ServiceIncident, backref="updates", on_delete="CASCADE", index=False)
    state = CharField(max_length=20)
    body_fr = TextField(default="")
    body_en = TextField(default="")
    written_by = ForeignKeyField(Person, null=True, on_delete="SET NULL", index=False)
    at = UtcField()
    idempotency_key = CharField(max_length=64, unique=True)

    class Meta:
        indexes = ((("incident", "id"), False),)
        constraints = [
            Check(
                "state IN ('investigating', 'identified', 'watching', 'solved', 'planned', 'under_way', 'done')",
                "incident_update_state_known",
            ),
            Check("body_fr <> '' OR body_en <> ''", "incident_update_says_something"),
        ]


class JoinedRequest(Table):
    """A request that an incident concerns: its customer said so, or an agent joined it. Customers see their own."""

    incident = ForeignKeyField(ServiceIncident, backref="joined", on_delete="RESTRICT", index=False)
    ticket = ForeignKeyField(Ticket, on_delete="RESTRICT", backref="incidents")
    organisation = ForeignKeyField(Organisation, on_delete="RESTRICT", index=False)
    by_customer = BooleanField(default=False)
    joined_by = ForeignKeyField(Person, null=True, on_delete="SET NULL", index=False)
    joined_at = UtcField()

    class Meta:
        indexes = ((("incident", "ticket"), True),)


# An organisation says once that it is affected, however many of its people press at the same instant.
JoinedRequest.add_index(
    SQL(
        "CREATE UNIQUE INDEX IF NOT EXISTS joined_request_said_once ON joined_request (incident_id, organisation_id) "
        "WHERE by_customer"
    )
)


class IncidentAnswer(Table):
    """One answer of the team to all who joined an incident, each in their own thread."""

    incident = ForeignKeyField(ServiceIncident, backref="answers", on_delete="RESTRICT")
    body_fr = TextField(default="")
    body_en = TextField(default="")
    # The status to which each request moves with it; empty: none.
    move_to = CharField(max_length=30, default="")
    written_by = ForeignKeyField(Person, on_delete="RESTRICT", index=False)
    created_at = UtcField()
    idempotency_key = CharField(max_length=64, unique=True)

    class Meta:
        constraints = [Check("body_fr <> '' OR body_en <> ''", "incident_answer_says_something")]


class IncidentAnswerLine(Table):
    """What became of an answer on one request: waiting, sent, or refused with the code of the reason."""

    answer = ForeignKeyField(IncidentAnswer, backref="lines", on_delete="CASCADE", index=False)
    ticket = ForeignKeyField(Ticket, on_delete="RESTRICT")
    state = CharField(max_length=10, default="waiting")
    code = CharField(max_length=40, default="")

    class Meta:
        indexes = ((("answer", "ticket"), True),)
        constraints = [
            Check("state IN ('waiting', 'sent', 'refused')", "incident_answer_line_state_known"),
            Check("state <> 'refused' OR code <> ''", "incident_answer_line_says_why"),
        ]


# Those that are still to be written: the job looks at nothing else.
IncidentAnswerLine.add_index(
    SQL(
        "CREATE INDEX IF NOT EXISTS incident_answer_line_waiting ON incident_answer_line (id) WHERE state = 'waiting'"
    )
)


class Announcement(Table):
    """A few sentences over the home page, between two days, for those they are meant for (VIEW-8)."""

    title_fr = CharField(max_length=160, default="")
    title_en = CharField(max_length=160, default="")
    body_fr = TextField(default="")
    body_en = TextField(default="")
    # A warning stays; each reader may put an information away.
    level = CharField(max_length=10, default="info")
    audience = CharField(max_length=20, default="customers")
    first_day = DateField()
    last_day = DateField(null=True)
    created_at = UtcField()
    updated_at = UtcField()

    class Meta:
        indexes = ((("last_day",), False),)
        constraints = [
            Check("level IN ('info', 'warning')", "announcement_level_known"),
            Check(
                "audience IN ('public', 'customers', 'organisations', 'staff')", "announcement_audience_known"
            ),
            Check("title_fr <> '' OR title_en <> ''", "announcement_titled"),
            Check("last_day IS NULL OR last_day >= first_day", "announcement_ends_later"),
        ]


class AnnouncementTarget(Table):
    """An organisation that an announcement is meant for."""

    announcement = ForeignKeyField(Announcement, backref="targets", on_delete="CASCADE", index=False)
    organisation = ForeignKeyField(Organisation, on_delete="CASCADE")

    class Meta:
        indexes = ((("announcement", "organisation"), True),)


class AnnouncementDismissal(Table):
    """Somebody put an announcement away: it stands on the page of announcements from then on, no longer on home."""

    announcement = ForeignKeyField(Announcement, on_delete="CASCADE", index=False)
    person = ForeignKeyField(Person, on_delete="CASCADE", index=False)
    dismissed_at = UtcField()

    class Meta:
        indexes = ((("person", "announcement"), True), (("announcement",), False))


# ---- Ideas, and whom to turn to ----------------------------------------------------------------------


class Idea(Table):
    """An idea for a product, or a question to discuss with specialists and peers (VIEW-10): told to all customers.

    `votes` and `comments` are counted as they come, so that lists sort on them without reading what is behind.
    """

    kind = CharField(max_length=12, default="idea")
    state = CharField(max_length=14, default="submitted")
    title = CharField(max_length=120)
    # Which problem it solves; a discussion has none.
    problem = TextField(default="")
    details = TextField(default="")
    product = ForeignKeyField(Product, null=True, on_delete="SET NULL", index=False)
    author = ForeignKeyField(Person, backref="ideas", on_delete="RESTRICT", index=False)
    language = CharField(max_length=2, default="fr")
    votes = IntegerField(default=0)
    comments = IntegerField(default=0)
    created_at = UtcField()
    edited_at = UtcField(null=True)
    # The idea in which a duplicate goes on, with its votes.
    merged_into = ForeignKeyField("self", null=True, on_delete="RESTRICT", index=False)
    hidden_at = UtcField(null=True)
    hide_reason = CharField(max_length=300, default="")
    idempotency_key = CharField(max_length=80, unique=True)
    # Counts the moves of its state, so that of two at the same instant one is refused.
    version = IntegerField(default=1)

    class Meta:
        constraints = [
            Check("kind IN ('idea', 'discussion')", "idea_kind_known"),
            Check(
                "state IN ('submitted', 'under_review', 'planned', 'under_way', 'done', 'not_kept')",
                "idea_state_known",
            ),
            Check("kind = 'idea' OR state = 'submitted'", "idea_discussion_stateless"),
            Check("votes >= 0 AND comments >= 0", "idea_counts_sensible"),
            Check("hidden_at IS NULL OR hide_reason <> ''", "idea_hidden_reasoned"),
            Check("merged_into_id IS NULL OR merged_into_id <> id", "idea_not_into_itself"),
        ]

    def __str__(self) -> str:
        return str(self.title)


# Lists show what is neither hidden nor merged: newest first and most wanted first, of all, of a state, of a product.
IDEA_LISTED = "hidden_at IS NULL AND merged_into_id IS NULL"
for _columns in (
    "kind, id", "kind, votes, id", "kind, state, id", "kind, state, votes, id", "product_id, kind, id",
    "product_id, kind, votes, id",
):  # fmt: skip
    _name = "idea_" + _columns.replace("_id", "").replace(", ", "_").removesuffix("_id")
    Idea.add_index(SQL(f"CREATE INDEX IF NOT EXISTS {_name} ON idea ({_columns}) WHERE {IDEA_LISTED}"))
# One's own, also those that are hidden; how many somebody sent lately.
Idea.add_index(SQL("CREATE INDEX IF NOT EXISTS idea_author ON idea (author_id, id)"))
Idea.add_index(SQL("CREATE INDEX IF NOT EXISTS idea_hidden ON idea (id) WHERE hidden_at IS NOT NULL"))
Idea.add_index(
    SQL("CREATE INDEX IF NOT EXISTS idea_merged ON idea (merged_into_id) WHERE merged_into_id IS NOT NULL")
)


class IdeaVote(Table):
    """Somebody wants an idea too: once, and it can be taken back."""

    idea = ForeignKeyField(Idea, on_delete="CASCADE", index=False)
    person = ForeignKeyField(Person, on_delete="CASCADE", index=False)
    created_at = UtcField()

    class Meta:
        indexes = ((("idea", "person"), True), (("person",), False))


class IdeaFollow(Table):
    """Somebody gets a mail when an idea changes its state: its author, and the voters who choose to."""

    idea = ForeignKeyField(Idea, on_delete="CASCADE", index=False)
    person = ForeignKeyField(Person, on_delete="CASCADE", index=False)

    class Meta:
        indexes = ((("idea", "person"), True), (("person",), False))


class IdeaComment(Table):
    """What somebody says on an idea, in Markdown. `by_team`: they were of the vendor's staff when they wrote it."""

    idea = ForeignKeyField(Idea, on_delete="CASCADE", index=False)
    author = ForeignKeyField(Person, on_delete="RESTRICT", index=False)
    by_team = BooleanField(default=False)
    body = TextField()
    created_at = UtcField()
    hidden_at = UtcField(null=True)
    hide_reason = CharField(max_length=300, default="")
    idempotency_key = CharField(max_length=80, unique=True)

    class Meta:
        constraints = [Check("hidden_at IS NULL OR hide_reason <> ''", "idea_comment_hidden_reasoned")]
        # The discussion of an idea in order; how many somebody wrote lately.
        indexes = ((("idea", "id"), False), (("author", "id"), False))


class IdeaMove(Table):
    """An idea got another state: who said so, when, and the sentence that everybody reads."""

    idea = ForeignKeyField(Idea, on_delete="CASCADE", index=False)
    before = CharField(max_length=14)
    after = CharField(max_length=14)
    sentence_fr = CharField(max_length=300, default="")
    sentence_en = CharField(max_length=300, default="")
    moved_by = ForeignKeyField(Person, null=True, on_delete="SET NULL", index=False)
    moved_at = UtcField()

    class Meta:
        constraints = [Check("sentence_fr <> '' OR sentence_en <> ''", "idea_move_explained")]
        indexes = ((("idea", "id"), False),)


class HelpLine(Table):
    """A telephone number of a region, with the calendar that says when somebody answers (VIEW-8)."""

    slug = CharField(max_length=40, unique=True)
    region_fr = CharField(max_length=80)
    region_en = CharField(max_length=80)
    # Two letters each: whose organisation is of one of them gets this number first. Empty: everybody else.
    countries = JSONField(default=list)
    phone = CharField(max_length=40)
    # Two letters each: what is spoken there.
    languages = JSONField(default=list)
    calendar = ForeignKeyField(Calendar, on_delete="RESTRICT", index=False)
    sentence_fr = CharField(max_length=300, default="")
    sentence_en = CharField(max_length=300, default="")
    position = IntegerField(default=0)
    is_active = BooleanField(default=True)


class EscalationLine(Table):
    """Where to turn to in one situation, by level (REQ-15): a name or a role, and how to reach them."""

    slug = CharField(max_length=40, unique=True)
    level_fr = CharField(max_length=80)
    level_en = CharField(max_length=80)
    situation_fr = CharField(max_length=400)
    situation_en = CharField(max_length=400)
    whom_fr = CharField(max_length=120)
    whom_en = CharField(max_length=120)
    email = CharField(max_length=254, default="")
    phone = CharField(max_length=40, default="")
    form = ForeignKeyField(RequestForm, null=True, on_delete="SET NULL", index=False)
    position = IntegerField(default=0)
    is_active = BooleanField(default=True)


class Highlight(Table):
    """Something that the home page shows: a drawing, a title, a sentence, and where it leads (VIEW-8)."""

    slug = CharField(max_length=40, unique=True)
    icon = CharField(max_length=40, default="star")
    title_fr = CharField(max_length=80)
    title_en = CharField(max_length=80)
    sentence_fr = CharField(max_length=200, default="")
    sentence_en = CharField(max_length=200, default="")
    link = CharField(max_length=300)
    audience = CharField(max_length=20, default="customers")
    position = IntegerField(default=0)
    is_active = BooleanField(default=True)

    class Meta:
        constraints = [Check("audience IN ('public', 'customers')", "highlight_audience_known")]


class AssistantQuestion(Table):
    """A question that is not technical, sent to customer success (VIEW-8): kept as it was mailed."""

    person = ForeignKeyField(Person, on_delete="RESTRICT", index=False)
    subject = CharField(max_length=20)
    message = TextField()
    # The page on which help was asked.
    page = CharField(max_length=200, default="")
    created_at = UtcField()
    idempotency_key = CharField(max_length=80, unique=True)

    class Meta:
        constraints = [
            Check(
                "subject IN ('contract', 'training', 'project', 'event', 'other')", "assistant_subject_known"
            )
        ]
        indexes = ((("person", "id"), False),)


# ---- Choices about mails, and satisfaction -------------------------------------------------------------


class MailChoice(Table):
    """What one person chose about their mails (VIEW-15). Without a row the settings of the portal hold."""

    person = ForeignKeyField(Person, on_delete="CASCADE", unique=True)
    # Group of mails (mail_choices.GROUPS) to pace (mail_choices.PACES); a group that is absent follows the portal.
    paces = JSONField(default=dict)
    # The hour of the daily mail, in the person's zone; null follows the portal.
    daily_hour = IntegerField(null=True)
    # Minutes of the day, in the person's zone; the end may be on the next day. Both null: no quiet hours.
    quiet_start_minute = IntegerField(null=True)
    quiet_end_minute = IntegerField(null=True)
    quiet_weekends = BooleanField(default=False)
    asks_satisfaction = BooleanField(default=True)
    updated_at = UtcField()

    class Meta:
        constraints = [
            Check("daily_hour IS NULL OR daily_hour BETWEEN 0 AND 23", "mail_choice_hour_of_day"),
            Check("(quiet_start_minute IS NULL) = (quiet_end_minute IS NULL)", "mail_choice_quiet_whole"),
            Check(
                "quiet_start_minute IS NULL OR (quiet_start_minute BETWEEN 0 AND 1439"
                " AND quiet_end_minute BETWEEN 0 AND 1439 AND quiet_start_minute <> quiet_end_minute)",
                "mail_choice_quiet_in_a_day",
            ),
        ]


class MailHold(Table):
    """Why a mail did not leave at once: grouped by its reader's choice, or held by quiet hours; and where it went."""

    message = ForeignKeyField(OutboxMessage, on_delete="CASCADE", unique=True)
    pace = CharField(max_length=10)
    # The one mail that gathers it; null while it waits for its hour, always null for quiet hours.
    digest = ForeignKeyField(OutboxMessage, null=True, on_delete="CASCADE", index=False)

    class Meta:
        constraints = [
            Check("pace IN ('hourly', 'daily', 'quiet')", "mail_hold_pace_known"),
            Check("digest_id IS NULL OR pace <> 'quiet'", "mail_hold_quiet_alone"),
        ]


# The rows of one gathered mail; those that wait are found by the outbox.
MailHold.add_index(
    SQL("CREATE INDEX IF NOT EXISTS mail_hold_digest ON mail_hold (digest_id) WHERE digest_id IS NOT NULL")
)


class MailCopy(Table):
    """The text of a mail about a request as it went out, without the links that act: for its reader and the team."""

    message = ForeignKeyField(OutboxMessage, on_delete="CASCADE", unique=True)
    subject = CharField(max_length=200)
    text = TextField()


class Satisfaction(Table):
    """The question asked once a request is closed, and its answer (VIEW-17): once for each request."""

    ticket = ForeignKeyField(Ticket, on_delete="RESTRICT", unique=True)
    person = ForeignKeyField(Person, on_delete="CASCADE", index=False)
    team = ForeignKeyField(Team, null=True, on_delete="SET NULL", index=False)
    # The day of the closing in the zone of the portal's calendar: what reports count by.
    closed_on = DateField()
    # When the mail may leave; null once it was asked, or will not be.
    ask_at = UtcField(null=True)
    # 1 (bad) to 5 (very good); null until it is answered.
    score = IntegerField(null=True)
    comment = TextField(default="")
    answered_at = UtcField(null=True)
    changed_at = UtcField(null=True)

    class Meta:
        # What one person said, when their data are asked for; the reports of some months.
        indexes = ((("person",), False), (("closed_on", "id"), False))
        constraints = [
            Check("score IS NULL OR score BETWEEN 1 AND 5", "satisfaction_score_known"),
            Check("(score IS NULL) = (answered_at IS NULL)", "satisfaction_answer_dated"),
            Check("score IS NOT NULL OR comment = ''", "satisfaction_comment_scored"),
        ]


# What the job has to ask.
Satisfaction.add_index(
    SQL("CREATE INDEX IF NOT EXISTS satisfaction_due ON satisfaction (ask_at) WHERE ask_at IS NOT NULL")
)


# ---- Lists -------------------------------------------------------------------------------------------


class ColumnChoice(Table):
    """Which columns somebody wants to see in lists of requests, in their order (VIEW-3). Without a row: the default."""

    person = ForeignKeyField(Person, unique=True, on_delete="CASCADE")
    columns = JSONField(default=list)


class TicketRead(Table):
    """Up to which message somebody has read a request (VIEW-16)."""

    person = ForeignKeyField(Person, on_delete="CASCADE", index=False)
    ticket = ForeignKeyField(Ticket, on_delete="CASCADE", index=False)
    # The key of a message, not a reference to it: only its place in time counts.
    message_id = IntegerField()

    class Meta:
        # What one person has read of the requests of a list; erasing a request takes its rows along.
        indexes = ((("person", "ticket"), True), (("ticket",), False))
        constraints = [Check("message_id >= 0", "ticket_read_message_sensible")]


class ReadMark(Table):
    """Up to which message everything counts as read for somebody: since their first sign-in, or "mark all as read"."""

    person = ForeignKeyField(Person, unique=True, on_delete="CASCADE")
    message_id = IntegerField()

    class Meta:
        constraints = [Check("message_id >= 0", "read_mark_message_sensible")]


# The latest answered of somebody's own requests: what the menu counts as unread is looked for among the first of them.
Ticket.add_index(
    Ticket.index(Ticket.requester, Ticket.last_message_at, Ticket.id, name="ticket_latest_of_requester")
)
# Charts of an organisation read a period of it, however old the rest (VIEW-11): opened then, closed then.
Ticket.add_index(Ticket.index(Ticket.organisation, Ticket.created_at, name="ticket_opened_of_organisation"))
Ticket.add_index(
    Ticket.index(
        Ticket.organisation,
        Ticket.closed_at,
        where=Ticket.closed_at.is_null(False),
        name="ticket_closed_of_organisation",
    )
)


# ---- Second factors, sign-in in two steps, browsers that are known --------------------------------------


class Authenticator(Table):
    """The authenticator app of a person: one that works, and at most one that waits for its first code (ACC-9)."""

    person = ForeignKeyField(Person, on_delete="CASCADE", index=False)
    # Encrypted with a key made from the portal's secret: a copy of the database makes no codes.
    secret = CharField(max_length=255)
    # The 30-second step of the last code taken: that code, and every older one, is refused from then on (S24).
    last_step = BigIntegerField(default=0)
    created_at = UtcField()
    confirmed_at = UtcField(null=True)
    last_used_at = UtcField(null=True)


Authenticator.add_index(
    SQL(
        "CREATE UNIQUE INDEX IF NOT EXISTS authenticator_working ON authenticator (person_id) "
        "WHERE confirmed_at IS NOT NULL"
    )
)
Authenticator.add_index(
    SQL(
        "CREATE UNIQUE INDEX IF NOT EXISTS authenticator_waiting ON authenticator (person_id) "
        "WHERE confirmed_at IS NULL"
    )
)


class SecurityKey(Table):
    """A security key or a passkey, with the name its owner gave it."""

    person = ForeignKeyField(Person, on_delete="CASCADE")
    name = CharField(max_length=60)
    credential_id = CharField(max_length=1400, unique=True)
    public_key = TextField()
    # What the key counts by itself: a number that does not grow tells of a copy of the key. 0: it does not count.
    sign_count = BigIntegerField(default=0)
    transports = JSONField(default=list)
    created_at = UtcField()
    last_used_at = UtcField(null=True)

    class Meta:
        constraints = [Check("name <> ''", "security_key_named")]


class RecoveryCode(Table):
    """One of the codes kept for the day when the other factors are lost: hashed, each for once."""

    person = ForeignKeyField(Person, on_delete="CASCADE", index=False)
    # The same for the codes made together, so that one hash of what was typed is compared with them all.
    salt = CharField(max_length=64)
    code_hash = CharField(max_length=64)
    created_at = UtcField()
    used_at = UtcField(null=True)

    class Meta:
        indexes = ((("person", "code_hash"), True),)


class SpentChallenge(Table):
    """What a security key signed: no answer to the same question counts a second time."""

    challenge_hash = CharField(max_length=64, unique=True)
    expires_at = UtcField()


class PendingSignIn(Table):
    """A sign-in whose password was right and whose second step is to follow. It opens nothing but that step."""

    token_hash = CharField(max_length=64, unique=True)
    person = ForeignKeyField(Person, on_delete="CASCADE")
    # factor: an app, a key or a recovery code; mail: the code mailed to a browser that is not known.
    needs = CharField(max_length=10)
    # The password as it was then: another one chosen since makes this sign-in void.
    password_hash = CharField(max_length=255)
    code_hash = CharField(max_length=64, default="")
    code_expires_at = UtcField(null=True)
    codes_sent = IntegerField(default=0)
    origin = CharField(max_length=64, default="")
    user_agent = CharField(max_length=200, default="")
    created_at = UtcField()
    expires_at = UtcField()
    used_at = UtcField(null=True)

    class Meta:
        constraints = [Check("needs IN ('factor', 'mail')", "pending_sign_in_needs_known")]


class KnownBrowser(Table):
    """A browser on which the person typed a mailed code and said to trust it (ACC-10). Never instead of a factor."""

    person = ForeignKeyField(Person, on_delete="CASCADE")
    token_hash = CharField(max_length=64, unique=True)
    user_agent = CharField(max_length=200, default="")
    created_at = UtcField()
    last_used_at = UtcField()
    expires_at = UtcField()


class MobileNumber(Table):
    """The mobile number of a person: one that they confirmed, and at most one that waits for its code (ACC-10)."""

    person = ForeignKeyField(Person, on_delete="CASCADE", index=False)
    # E.164: +33612345678.
    number = CharField(max_length=16)
    code_hash = CharField(max_length=64, default="")
    code_expires_at = UtcField(null=True)
    codes_sent = IntegerField(default=0)
    # Wrong codes since the last one that was sent.
    tries = IntegerField(default=0)
    created_at = UtcField()
    confirmed_at = UtcField(null=True)

    class Meta:
        constraints = [Check("substr(number, 1, 1) = '+'", "mobile_number_international")]


MobileNumber.add_index(
    SQL(
        "CREATE UNIQUE INDEX IF NOT EXISTS mobile_number_working ON mobile_number (person_id) "
        "WHERE confirmed_at IS NOT NULL"
    )
)
MobileNumber.add_index(
    SQL(
        "CREATE UNIQUE INDEX IF NOT EXISTS mobile_number_waiting ON mobile_number (person_id) "
        "WHERE confirmed_at IS NULL"
    )
)


class MobileRefusal(Table):
    """Somebody who is not to be asked for a mobile number again (ACC-10)."""

    person = ForeignKeyField(Person, unique=True, on_delete="CASCADE")
    refused_at = UtcField()


class TextMessage(Table):
    """A text message to send: written in the transaction that asks for it, handed to the gateway after it, once."""

    # What made it ("sign-in:41:2", "number:17:1"): unique.
    source = CharField(max_length=80, unique=True)
    kind = CharField(max_length=10)
    person = ForeignKeyField(Person, on_delete="CASCADE")
    number = CharField(max_length=16)
    language = CharField(max_length=2, default="fr")
    # What its code is made from, with the portal's secret; emptied once it is over.
    seed = CharField(max_length=64, default="")
    expires_at = UtcField()
    # From where it was asked: counted, so that nobody makes others pay.
    origin = CharField(max_length=64, default="")
    status = CharField(max_length=10, default="waiting")
    attempts = IntegerField(default=0)
    created_at = UtcField()
    next_try_at = UtcField(null=True)
    # Claimed by a delivery that has not come back yet.
    claimed_until = UtcField(null=True)
    sent_at = UtcField(null=True)
    last_error = CharField(max_length=200, default="")

    class Meta:
        constraints = [
            Check(
                "status IN ('waiting', 'sending', 'sent', 'failed', 'skipped')", "text_message_status_known"
            ),
            Check("kind IN ('sign-in', 'number')", "text_message_kind_known"),
            Check("substr(number, 1, 1) = '+'", "text_message_international"),
        ]


# Serves what is counted within the hour, and the cleaning.
TextMessage.add_index(TextMessage.index(TextMessage.created_at, name="text_message_created"))
# Few rows among many: those that the next delivery looks at.
TextMessage.add_index(
    TextMessage.index(
        TextMessage.id,
        where=TextMessage.status << [SQL("'waiting'"), SQL("'sending'")],
        name="text_message_open",
    )
)


class FactorRequirement(Table):
    """An organisation whose people need a second factor, from a day on."""

    organisation = ForeignKeyField(Organisation, unique=True, on_delete="CASCADE")
    from_day = DateField()


class ContactImport(Table):
    """A file of contacts: first looked at, then carried out line by line (ACC-4)."""

    # Nobody: the command of the operator.
    by = ForeignKeyField(Person, null=True, on_delete="SET NULL", backref="contact_imports")
    file_name = CharField(max_length=200)
    # For lines that name none.
    organisation = ForeignKeyField(Organisation, null=True, on_delete="SET NULL", backref="contact_imports")
    role = CharField(max_length=20, default="contact")
    language = CharField(max_length=2, default="fr")
    invite = BooleanField(default=True)
    reason = CharField(max_length=300)
    state = CharField(max_length=10, default="checked")
    total = IntegerField(default=0)
    handled = IntegerField(default=0)
    created = IntegerField(default=0)
    changed = IntegerField(default=0)
    unchanged = IntegerField(default=0)
    refused = IntegerField(default=0)
    # Headings of the file that mean nothing here.
    ignored = JSONField(default=list)
    created_at = UtcField()
    started_at = UtcField(null=True)
    ended_at = UtcField(null=True)

    class Meta:
        constraints = [
            Check("state IN ('checked', 'running', 'done', 'stopped')", "contact_import_state_known")
        ]

    def __str__(self) -> str:
        return str(self.file_name)


class ContactImportLine(Table):
    """A line of such a file: what it would do, then what it did. Deleted after a month: it holds personal data."""

    batch = ForeignKeyField(ContactImport, backref="lines", on_delete="CASCADE")
    number = IntegerField()
    cells = JSONField(default=dict)
    outcome = CharField(max_length=10)
    # Why it is refused: the code of a refusal, and what its sentence needs. Else what changes.
    code = CharField(max_length=40, default="")
    data = JSONField(default=dict)
    handled_at = UtcField(null=True)

    class Meta:
        # Serves the lines of one outcome, in the order of the file, and the next ones to carry out.
        indexes = ((("batch", "number"), True), (("batch", "outcome", "number"), False))
        constraints = [
            Check(
                "outcome IN ('created', 'changed', 'unchanged', 'refused')",
                "contact_import_line_outcome_known",
            )
        ]


class ContactReview(Table):
    """The question to the administrators of an organisation: is the list of contacts still right (ACC-15)?"""

    organisation = ForeignKeyField(Organisation, backref="reviews", on_delete="CASCADE")
    asked_at = UtcField()
    # The last mail, and how many there were.
    mailed_at = UtcField()
    times = IntegerField(default=1)
    confirmed_at = UtcField(null=True)
    confirmed_by = ForeignKeyField(Person, null=True, on_delete="SET NULL", backref="reviews")
    # How many contacts were on the list that was confirmed.
    people = IntegerField(default=0)


# One question at a time.
ContactReview.add_index(
    SQL(
        "CREATE UNIQUE INDEX IF NOT EXISTS contact_review_waiting ON contact_review (organisation_id) "
        "WHERE confirmed_at IS NULL"
    )
)


# ---- Erasure -------------------------------------------------------------------------------------------


class Erasure(Table):
    """A person whose account is nobody's any more (STAFF-7). Its line in the ledger outlives a restored backup."""

    person = ForeignKeyField(Person, unique=True, on_delete="RESTRICT", backref="erasures")
    # What the ledger beside the database calls it.
    uid = CharField(max_length=32, unique=True)
    way = CharField(max_length=10)
    # Empty when it was carried out again after a restore: the ledger holds no words.
    reason = CharField(max_length=300, default="")
    erased_by = ForeignKeyField(Person, null=True, on_delete="SET NULL", index=False)
    erased_at = UtcField()
    # The entry of the record that seals its marks.
    entry = ForeignKeyField(AuditEntry, on_delete="RESTRICT", index=False)

    class Meta:
        constraints = [Check("way IN ('anonymise', 'erase')", "erasure_way_known")]


class ErasureMark(Table):
    """A line of a chained record that lost words: the hash of what stays, so that it cannot change again."""

    erasure = ForeignKeyField(Erasure, on_delete="RESTRICT", backref="marks")
    record = CharField(max_length=20)
    row = IntegerField()
    stays = CharField(max_length=64)

    class Meta:
        indexes = ((("record", "row", "erasure"), True),)
        constraints = [Check("record IN ('audit_entry', 'ticket_event')", "erasure_mark_record_known")]


# ---- What customers are asked about themselves ----------------------------------------------------------


class ProfileQuestion(Table):
    """A question to customers about themselves, which they may skip (ACC-17)."""

    slug = CharField(max_length=40, unique=True)
    name_fr = CharField(max_length=200)
    name_en = CharField(max_length=200)
    help_fr = CharField(max_length=300, default="")
    help_en = CharField(max_length=300, default="")
    # One line, or one of `options`: {"value": ..., "fr": ..., "en": ...}.
    answer = CharField(max_length=10, default="line")
    options = JSONField(default=list)
    position = IntegerField(default=0)
    is_active = BooleanField(default=True)

    class Meta:
        constraints = [Check("answer IN ('line', 'choice')", "profile_question_answer_known")]


class ProfileAnswer(Table):
    """What somebody answered, or an empty value: skipped, and not asked again."""

    person = ForeignKeyField(Person, on_delete="CASCADE", index=False)
    question = ForeignKeyField(ProfileQuestion, on_delete="CASCADE")
    # What was typed, or the value of an option; beside it the words of that day.
    value = CharField(max_length=200, default="")
    text_fr = CharField(max_length=200, default="")
    text_en = CharField(max_length=200, default="")
    answered_at = UtcField()

    class Meta:
        indexes = ((("person", "question"), True),)


# ---- Partners ------------------------------------------------------------------------------------------


class PartnerLink(Table):
    """An organisation that acts for a client organisation, as staff set it (ACC-18). Ended, the row stays."""

    partner = ForeignKeyField(Organisation, on_delete="RESTRICT", backref="client_links")
    client = ForeignKeyField(Organisation, on_delete="RESTRICT", backref="partner_links")
    # What it allows: opening requests for the client; reading those that the partner opened, or all that the client
    # left open to its organisation.
    may_open = BooleanField(default=True)
    reads = CharField(max_length=10, default="opened")
    note = CharField(max_length=300, default="")
    starts_at = UtcField()
    # Null as long as it is to come: the job that begins it may be some seconds late, never early.
    begun_at = UtcField(null=True)
    # Null: until somebody ends it.
    until = UtcField(null=True)
    set_at = UtcField()
    set_by = ForeignKeyField(Person, null=True, on_delete="SET NULL", backref="set_partner_links")
    ended_at = UtcField(null=True)
    ended_by = ForeignKeyField(Person, null=True, on_delete="SET NULL", backref="ended_partner_links")
    end_reason = CharField(max_length=300, default="")

    class Meta:
        constraints = [
            Check("partner_id <> client_id", "partner_link_of_two"),
            Check("reads IN ('opened', 'all')", "partner_link_reads_known"),
            Check("until IS NULL OR until > starts_at", "partner_link_in_order"),
        ]


# One link at a time between two organisations.
PartnerLink.add_index(
    SQL(
        "CREATE UNIQUE INDEX IF NOT EXISTS partner_link_standing ON partner_link (partner_id, client_id) "
        "WHERE ended_at IS NULL"
    )
)


class PartnerOpening(Table):
    """The partner through which a request was opened. The request itself belongs to the client (ACC-18)."""

    ticket = ForeignKeyField(Ticket, unique=True, on_delete="CASCADE", backref="partner_openings")
    partner = ForeignKeyField(Organisation, on_delete="RESTRICT", backref="opened_for_clients", index=False)

    class Meta:
        # Serves the visibility of what a partner opened.
        indexes = ((("partner", "ticket"), False),)


TABLES: list[type[Table]] = [
    PortalSetting, Portal, Calendar, CalendarClosingDay, Team, Product, Kind, Scale, ScaleLevel, Category,
    RequestForm, StatusLabel, ConsentText, Person, Organisation, Membership, TeamMember, UserSession, Viewing,
    AccountToken, SignInFailure, HeldForm, RoutingRule, ClosingRule, Ticket, TicketBlock,
    PriorityContest, Message, Attachment, Redaction, Participant,
    NamedPerson, Deletion, DeletionConfirmation, LicenceRequest, Consent, TicketEvent, AuditEntry, OutboxMessage,
    MailAction, JobRun,
    Topic, Article, ArticleVersion, ArticleVote, TopicFollow, SearchMiss,
    Draft, DraftFile,
    ProductKind, Feature, ExtraField,
    Service, ServiceIncident, AffectedService, IncidentUpdate, JoinedRequest, IncidentAnswer, IncidentAnswerLine,
    Announcement, AnnouncementTarget, AnnouncementDismissal,
    Idea, IdeaVote, IdeaFollow, IdeaComment, IdeaMove, HelpLine, EscalationLine, Highlight, AssistantQuestion,
    MailChoice, MailHold, MailCopy, Satisfaction,
    ColumnChoice, TicketRead, ReadMark,
    Authenticator, SecurityKey, RecoveryCode, SpentChallenge, PendingSignIn, KnownBrowser, FactorRequirement,
    MobileNumber, MobileRefusal, TextMessage,
    AddressChange, IdentityProvider, ExternalIdentity, LinkingApplication,
    ContactImport, ContactImportLine, ContactReview,
    Erasure, ErasureMark,
    ProfileQuestion, ProfileAnswer,
    PartnerLink, PartnerOpening,
]  # fmt: skip
