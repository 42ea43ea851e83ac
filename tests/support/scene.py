"""The demo world with what tests of pages need on top: requests of Acme and of Globex, files, a note, a link, keys."""

from __future__ import annotations

import io
import itertools
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from tests.support.right_entries import PDF, PNG

# Words that only Acme may read, and words that only the team may read.
CANARY = "marsouin-d-acme"
NOTE_CANARY = "belette-de-l-equipe"

_numbers = itertools.count(1)


def key() -> str:
    """An idempotency key that was not used yet."""
    return f"cle-des-essais-{next(_numbers):06d}"


class Scene:
    """Makes rows by the product's own verbs: scene.request("alice"), scene.reply(ticket, "sam", "Bonjour.")."""

    def __init__(self, application: Any, world: SimpleNamespace) -> None:
        self.application = application
        self.world = world

    @property
    def now(self) -> datetime:
        """The time of the test."""
        return self.application.extensions["guichet_clock"]()

    @property
    def store(self) -> Any:
        """Where the portal of this test keeps files."""
        return self.application.extensions["guichet_files"]

    def viewer(self, name: str) -> Any:
        """A demo person as `by=` takes them."""
        from domain import policies

        return policies.load_viewer(getattr(self.world, name).id)

    def upload(self, by: str, name: str = "capture.png", content: bytes = PNG) -> Any:
        """A file that waits for its request."""
        from domain import files

        return files.keep(io.BytesIO(content), name, self.viewer(by), self.now, self.store)

    def request(self, by: str = "alice", form: str = "incident", **more: Any) -> Any:
        """A request that `by` sends; files are names of keys of upload()."""
        from domain import requests

        viewer = self.viewer(by)
        submission = requests.Submission(
            **{
                "form_slug": form,
                "organisation_id": viewer.memberships[0].organisation_id,
                "requester_id": viewer.id,
                "summary": f"Demande de {by} {CANARY}" if by in ("alice", "bob") else f"Demande de {by}",
                "description": "La banque renvoie le code **AC04**.",
                "priority": "2" if form == "incident" else None,
                "consented": True,
                "idempotency_key": key(),
                **more,
            }
        )
        return requests.submit(submission, viewer, self.now)

    def reply(self, ticket: Any, by: str, body: str = "Bonjour, voici.", **more: Any) -> Any:
        """Somebody writes on the thread that customers read; move_to= moves the request in the same step."""
        from domain import conversation

        return conversation.reply(ticket, body, self.viewer(by), self.now, idempotency_key=key(), **more)

    def note(
        self, ticket: Any, by: str = "sam", body: str = f"Entre nous : {NOTE_CANARY}", **more: Any
    ) -> Any:
        """A note that no customer sees."""
        from domain import conversation

        return conversation.note(ticket, body, self.viewer(by), self.now, idempotency_key=key(), **more)

    def move(self, ticket: Any, status: str, by: str = "sam") -> Any:
        """Move a request as an agent does."""
        from domain import lifecycle

        return lifecycle.move(lifecycle.fresh(ticket.id), status, self.viewer(by), self.now)

    def in_each_status(self) -> dict[str, Any]:
        """A request of alice in every status, by status."""
        from domain.lifecycle import STATUSES
        from models import Ticket

        made = {}
        ways = {
            "awaiting_rollback": ("customer_testing", "awaiting_rollback"),
            "expired": ("customer_testing", "awaiting_rollback", "expired"),
        }
        for status in STATUSES:
            ticket = self.request(summary=f"Une demande {status}")
            if status != "registered":
                self.reply(ticket, "sam", "Je regarde.")
                for step in ways.get(status, (status,)):
                    if Ticket.get_by_id(ticket.id).status != step:
                        self.move(ticket, step, "root")
            made[status] = Ticket.get_by_id(ticket.id)
            assert made[status].status == status
        return made

    def standing(self) -> SimpleNamespace:
        """One of everything that an address of the portal can name."""
        from domain import conversation, drafts
        from models import Attachment, Membership, Participant, Ticket

        sent = self.upload("alice", "preuve.pdf", PDF)
        ticket = self.request("alice", attachment_keys=[sent.key])
        hidden = self.upload("sam", "interne.png")
        self.note(ticket, attachment_keys=[hidden.key])
        conversation.add_cc(ticket, "compta@acme.example", self.viewer("alice"), self.now)
        closed = self.request("alice", summary=f"Close {CANARY}")
        self.move(closed, "closed")
        theirs = self.request("charlie")
        members = {row.person_id: row for row in Membership.select()}
        announced, seconding = self.deletion(), self.deletion(confirmed=True)
        draft = drafts.keep(
            drafts.Place("form", form_slug="question", organisation_id=ticket.organisation_id),
            {"summary": [CANARY]},
            self.viewer("alice"),
            self.now,
        )
        # With something to bring back.
        drafts.start_afresh(draft.id, self.viewer("alice"), self.now)
        return SimpleNamespace(
            draft=draft,
            ticket=Ticket.get_by_id(ticket.id),
            closed=Ticket.get_by_id(closed.id),
            theirs=Ticket.get_by_id(theirs.id),
            file=Attachment.get_by_id(sent.id),
            internal=Attachment.get_by_id(hidden.id),
            pending=self.upload("alice", "brouillon.png"),
            copy=Participant.get(
                (Participant.ticket == ticket.id) & (Participant.email == "compta@acme.example")
            ),
            link=self.link(self.world.alice),
            sent=announced,
            seconding=seconding,
            words=self.words_of(announced, "alice"),
            other_words=self.words_of(seconding, "bob"),
            dana=members[self.world.dana.id],
            alice=members[self.world.alice.id],
            charlie=members[self.world.charlie.id],
        )

    def deletion(self, *, confirmed: bool = False) -> Any:
        """A request of alice to delete somebody for good, which she has confirmed or not yet."""
        from domain import deletion

        person = {"full_name": f"Jean {CANARY}", "employee_number": "1784031", "url": "", "details": ""}
        ticket = self.request("alice", "user-deletion", named_people=[person])
        if confirmed:
            deletion.confirm(
                ticket, "supprimer 1 personne", self.viewer("alice"), self.now, language="fr", understood=True
            )
        return ticket

    def words_of(self, ticket: Any, name: str) -> str:
        """The fingerprint of the text that somebody agrees to, in their language."""
        from domain import deletion

        viewer = self.viewer(name)
        return deletion.look(viewer, ticket, self.now, viewer.language).wording.text_hash

    def link(self, person: Any, purpose: str = "password") -> str:
        """The secret of a link that was mailed to somebody."""
        from domain import accounts

        seed, _row = accounts._make_link(person, purpose, self.now)
        return accounts.link_token(seed)


def forget_what_was_read() -> None:
    """Empty what modules of the domain remember of their rows, after rows went back to what they were."""
    for name, module in list(sys.modules.items()):
        if name.startswith("domain.") and callable(getattr(module, "forget", None)):
            module.forget()


def token_of(client: Any) -> str:
    """The CSRF token of a browser, from a page that everybody may read."""
    from xml.etree import ElementTree

    from tests.support import lint

    page = client.get("/help")
    tree: ElementTree.Element = lint.parse(page.text)
    found = [field.get("value") for field in tree.iter("input") if field.get("name") == "csrf_token"]
    assert found and found[0], "no form with a token on /help"
    return found[0]


def fingerprint() -> str:
    """A mark of everything that is stored. What changes by reading alone is left out: when a session was last seen,
    text that is held for somebody whose token had ended, and how far somebody has read a request.
    """
    import hashlib

    import models

    left_out = {models.HeldForm, models.TicketRead}
    digest = hashlib.sha256()
    for table in sorted(models.TABLES, key=lambda table: table.__name__):
        if table in left_out:
            continue
        columns = [column for column in table._meta.sorted_fields if column.name != "last_seen_at"]
        digest.update(table.__name__.encode())
        for row in table.select(*columns).order_by(table._meta.primary_key).tuples():
            digest.update(repr(row).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


@contextmanager
def nothing_kept(database: Any) -> Iterator[None]:
    """Whatever the portal writes inside is undone at the end: a trial leaves the world as it found it.

    One transaction around everything, in which those of the portal are nested; its requests must not close the
    connection that holds it.
    """
    # What was counted before the world was whole would make the first of two trials look different.
    forget_what_was_read()
    database.close = lambda: False
    try:
        with database.atomic() as around:
            yield
            around.rollback()
    finally:
        del database.close
        forget_what_was_read()


class Crowd:
    """Browsers of several people at once, each signed in; anonymous is one of them."""

    def __init__(self, application: Any, world: SimpleNamespace, names: Iterable[str]) -> None:
        self.browsers = {}
        self.tokens = {}
        for name in names:
            browser = application.test_client()
            if name != "anonymous":
                browser.sign_in(getattr(world, name))
            self.tokens[name] = token_of(browser)
            self.browsers[name] = browser
        self.cookies = {name: dict(browser._cookies) for name, browser in self.browsers.items()}

    def ask(
        self, name: str, method: str, path: str, data: Any = None, token: bool = True, **more: Any
    ) -> Any:
        """What `name` gets for one request, in the session of the beginning whatever happened since."""
        browser = self.browsers[name]
        browser._cookies.clear()
        browser._cookies.update(self.cookies[name])
        if method == "POST" and token:
            data = {**(data or {}), "csrf_token": self.tokens[name]}
        response = browser.open(path, method=method, data=data, **more)
        response.get_data()
        response.close()
        return response


def normal(page: str, *numbers: str) -> str:
    """A page without what differs each time it is made: nonces, tokens, keys, and the numbers given."""
    page = re.sub(r'(nonce|data-options)="[^"]*"', r'\1=""', page)
    page = re.sub(r'(name="(?:csrf_token|idempotency_key)"[^>]*value=")[^"]*', r"\1", page)
    for number in numbers:
        page = page.replace(number, "N")
    return page
