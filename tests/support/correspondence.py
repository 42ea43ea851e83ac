"""A small counter with requests made by the product's own verbs, and what is needed to word and send its mails."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from flask_babel import Babel

NOW = datetime(2026, 11, 10, 13, 22, tzinfo=UTC)
ROOT = Path(__file__).resolve().parent.parent.parent
SECRET = "only for tests, long enough to be taken: 0123456789"


PEOPLE: dict[str, tuple[str, str, dict[str, Any]]] = {
    "alice": ("Alice Martin", "acme", {"language": "fr"}),
    "bob": ("Bob Lefèvre", "acme", {"language": "en", "time_zone": "America/New_York"}),
    "dana": ("Dana Roy", "acme", {}),
    "charlie": ("Charlie Diaz", "globex", {}),
    "sam": ("Sam Petit", "guichet", {"staff_role": "agent"}),
    "ines": ("Inès Costa", "guichet", {"staff_role": "agent", "language": "en"}),
    "vera": ("Vera Blanc", "guichet", {"staff_role": "agent", "is_supervisor": True}),
    "root": ("Root Admin", "guichet", {"staff_role": "admin"}),
}
MEMBERS = (
    ("alice", "acme", "contact"),
    ("bob", "acme", "administrator"),
    ("dana", "acme", "member"),
    ("charlie", "globex", "contact"),
)


def fill() -> None:
    """Write the people, the organisations and the teams of a counter into an empty portal."""
    from domain import presets
    from models import Membership, Organisation, Person, Team, TeamMember

    presets.apply("default", None, NOW)
    people = {}
    for name, (full_name, host, extra) in PEOPLE.items():
        address = f"{name}@{host}.example"
        people[name] = Person.create(
            email=address, username=address, full_name=full_name, created_at=NOW, email_verified_at=NOW,
            first_signed_in_at=NOW, **extra,
        )  # fmt: skip
    organisations = {
        "acme": Organisation.create(name="Acme", slug="acme", created_at=NOW, domains=["acme.example"]),
        "globex": Organisation.create(name="Globex", slug="globex", created_at=NOW),
    }
    for name, slug, role in MEMBERS:
        rights = role != "member"
        Membership.create(
            person=people[name], organisation=organisations[slug], role=role,
            can_open=rights, can_see_all=rights, can_answer=rights,
        )  # fmt: skip
    for team in Team.select():
        for name in ("sam", "ines"):
            TeamMember.create(team=team, person=people[name])


class Counter:
    """Acme and Globex with their people (counter.alice ...), a support team, and requests of alice."""

    def __init__(self) -> None:
        from models import Organisation, Person

        self.keys = count(1)
        self.people = {person.email.partition("@")[0]: person for person in Person.select()}
        self.acme = Organisation.get(Organisation.slug == "acme")

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["people"][name]
        except KeyError:
            raise AttributeError(name) from None

    def viewer(self, name: str) -> Any:
        """The person as `by=` takes them."""
        from domain import policies

        return policies.load_viewer(self.people[name].id)

    def key(self) -> str:
        """An idempotency key that was not used yet."""
        return f"key-{next(self.keys)}"

    def request(self, summary: str = "Export de paie refusé par la banque", **more: Any) -> Any:
        """A request that alice sends (`by` for somebody else)."""
        from domain import requests

        by = more.pop("by", "alice")
        now = more.pop("now", NOW)
        submission = requests.Submission(
            **{
                "form_slug": "incident",
                "organisation_id": self.acme.id,
                "requester_id": self.people[by].id,
                "summary": summary,
                "description": "La banque renvoie le code **AC04**.",
                "priority": "2",
                "consented": True,
                "idempotency_key": self.key(),
                **more,
            }
        )
        return requests.submit(submission, self.viewer(by), now)

    def reply(self, ticket: Any, by: str, body: str = "Bonjour, voici.", **more: Any) -> Any:
        """Somebody writes on the public thread."""
        from domain import conversation

        return conversation.reply(
            ticket, body, self.viewer(by), more.pop("now", NOW), idempotency_key=self.key(), **more
        )


def told(template: str | None = None, ticket: Any = None) -> set[tuple[str, str]]:
    """(template, recipient) of the rows of the outbox."""
    from models import OutboxMessage

    rows = OutboxMessage.select()
    if template is not None:
        rows = rows.where(OutboxMessage.template == template)
    if ticket is not None:
        rows = rows.where(OutboxMessage.ticket == ticket.id)
    return {(row.template, row.recipient.partition("@")[0]) for row in rows}


def clear_outbox() -> None:
    """Forget the mails so far: a test looks at what comes next."""
    from models import OutboxMessage

    OutboxMessage.delete().execute()


@pytest.fixture
def counter(database: Any) -> Counter:
    """Acme, Globex and a team, with requests made by counter.request(...)."""
    return Counter()


@pytest.fixture
def portal(database: Any, tmp_path: Path) -> Iterator[Any]:
    """What jobs and mails need of the application, without its pages: settings, clock, languages. Pushed."""
    import config
    from domain import accounts
    from gateways.files import DiskStore

    app = Flask("portal")
    Babel(
        app,
        default_locale="fr",
        default_timezone="Europe/Paris",
        default_translation_directories=str(ROOT / "translations"),
    )
    accounts.use_secret(SECRET)
    clock = SimpleNamespace(now=NOW)
    app.extensions["guichet_clock"] = lambda: clock.now
    app.extensions["guichet_files"] = DiskStore(tmp_path / "data" / "files")

    def configure(**environment: str) -> None:
        app.extensions["guichet_settings"] = config.Settings.from_environment(
            {
                "DATABASE_URL": database.guichet_url,
                "GUICHET_DATA": str(tmp_path / "data"),
                "SECRET_KEY": SECRET,
                "BASE_URL": "http://support.initech.example",
                **environment,
            }
        )

    configure()
    app.configure = configure  # type: ignore[attr-defined]
    app.clock = clock  # type: ignore[attr-defined]
    app.advance = lambda **much: setattr(clock, "now", clock.now + timedelta(**much))  # type: ignore[attr-defined]
    with app.app_context():
        yield app
