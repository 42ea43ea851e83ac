"""What bad input and bad days get: a clear page, what was typed kept, and nothing acknowledged lost."""

from __future__ import annotations

import errno
import gc
import io
import random
import re
import sqlite3
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from aiosmtpd.controller import Controller

import jobs
from domain import lifecycle, settings
from models import HeldForm, Message, OutboxMessage, Person, Ticket
from tests.support.client import PortalClient
from tests.support.postbox import Postbox
from tests.support.right_entries import PDF, PNG, right_entry
from tests.support.scene import Crowd, Scene, token_of
from tests.support.server import free_port
from tests.test_access import TABLE, stage

# Of a hundred malformed requests, one at most takes longer (seconds).
SLOWEST_OF_A_HUNDRED = 0.5
TYPED = "Un texte long à écrire, qu’il ne faut pas perdre"


# The framework leaves the temporary files of large bodies, and of those that are cut, to the garbage collector.
CUT = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def swept() -> Any:
    """Collect what a test marked CUT left, before another test is blamed for it."""
    yield
    gc.collect()


@pytest.fixture
def scene(client: Any, world: SimpleNamespace) -> Scene:
    """Makes requests."""
    return Scene(client.application, world)


def told(page: str) -> str:
    """The words of the error summary of a page."""
    from tests.support import lint

    return " ".join(
        lint.text_of(element)
        for element in lint.parse(page).iter("div")
        if "error-summary" in (element.get("class") or "").split()
    )


def beside(page: str, name: str) -> str:
    """The words of the error that stands beside one field."""
    from tests.support import lint

    return " ".join(
        lint.text_of(element) for element in lint.parse(page).iter() if element.get("id") == f"{name}-error"
    )


# ---- Numbers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "number",
    ["SUP-999999", "SUP-0", "SUP--1", "sup-", "2041", "SUP-2041 ", "SUP-2041'--", "SUP-%00", "SUP-9" + "9" * 400,
     "ABC-2041", "..", "%2e%2e%2f", "%ed%a0%80", "%ff", "SUP-２０４１", "null", "SUP-2041%0d%0aX: y", "*", "%25", "_"],
)  # fmt: skip
def test_a_number_that_is_none_gets_the_page_of_a_foreign_one(client: Any, scene: Scene, number: str) -> None:
    foreign = scene.request("charlie")
    client.sign_in(scene.world.alice)
    absent = client.get(f"/tickets/{foreign.number}")
    assert absent.status_code == 404
    answer = client.get(f"/tickets/{number}", follow_redirects=True)
    if number != "..":  # which is the list itself
        assert answer.status_code == 404
        # The header and the footer lead back to the address that was asked, which differs; all else is the same.
        said = [re.search("<main.*</main>", page.text, re.DOTALL).group() for page in (answer, absent)]
        assert said[0] == said[1]


@pytest.mark.parametrize("origin", ["http://[", "http://[::1", "null", "//", "http://ailleurs.example"])
def test_a_form_from_an_origin_that_is_none_of_ours_is_refused(client: Any, origin: str) -> None:
    client.lint = False
    assert client.post("/login", data={"email": "x"}, headers={"Origin": origin}).status_code == 400


def test_a_static_file_with_a_name_that_no_disk_takes_is_absent(client: Any) -> None:
    client.lint = False
    assert client.get("/static/" + "é" * 300).status_code == 404


# ---- Files ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content"),
    [("outil.exe", b"MZ\x90\x00" + b"\x00" * 60), ("page.html", b"<script>alert(1)</script>"), ("vide.pdf", b""),
     ("faux.png", b"GIF89a this is no PNG"), ("image.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>")],
)  # fmt: skip
def test_a_file_that_is_not_taken_loses_nothing_else(
    client: Any, world: Any, name: str, content: bytes
) -> None:
    client.sign_in(world.alice)
    refused = client.submit(
        "/requests/new/question", form="request", **right_entry("question"),
        attachments=[(io.BytesIO(PNG), "bonne.png"), (io.BytesIO(content), name)],
    )  # fmt: skip
    assert refused.status_code == 422
    assert name in beside(refused.text, "attachments")
    assert name in told(refused.text)
    sent = client.send(refused, form="request")
    assert sent.status_code == 303
    ticket = Ticket.get(Ticket.number == sent.headers["Location"].rsplit("/", 1)[1])
    assert ticket.summary == right_entry("question")["summary"]
    assert [row.name for row in ticket.attachments] == ["bonne.png"]


@CUT
def test_a_file_beyond_the_limit_is_named_by_the_field(client: Any, scene: Scene, swept: Any) -> None:
    settings.put("file_max_mb", 1, by=scene.viewer("root"), now=scene.now)
    client.sign_in(scene.world.alice)
    big = PDF + b"0" * (1024 * 1024 + 1)
    refused = client.submit(
        "/requests/new/question", form="request", **right_entry("question"),
        attachments=[(io.BytesIO(big), "grand.pdf"), (io.BytesIO(PNG), "petite.png")],
    )  # fmt: skip
    assert refused.status_code in {413, 422}
    assert "grand.pdf" in beside(refused.text, "attachments")
    assert "petite.png" in refused.text
    assert right_entry("question")["summary"] in refused.text
    assert client.send(refused, form="request").status_code == 303


def test_more_files_than_the_limit_are_named_by_the_field(client: Any, scene: Scene) -> None:
    settings.put("files_max", 2, by=scene.viewer("root"), now=scene.now)
    client.sign_in(scene.world.alice)
    files = [(io.BytesIO(PNG), f"{number}.png") for number in range(3)]
    refused = client.submit(
        "/requests/new/question", form="request", **right_entry("question"), attachments=files
    )
    assert refused.status_code == 422
    assert "2.png" in beside(refused.text, "attachments")


@CUT
def test_a_body_beyond_everything_is_a_page_that_says_the_limit(
    client: Any, scene: Scene, swept: Any
) -> None:
    settings.put("files_max", 1, by=scene.viewer("root"), now=scene.now)
    settings.put("file_max_mb", 1, by=scene.viewer("root"), now=scene.now)
    client.sign_in(scene.world.alice)
    huge = [(io.BytesIO(b"0" * (9 * 1024 * 1024)), "tout.pdf")]
    answer = client.submit(
        "/requests/new/question", form="request", **right_entry("question"), attachments=huge
    )
    assert answer.status_code == 413
    assert "Mo" in answer.text


def test_an_answer_keeps_its_text_and_its_good_file_when_another_is_refused(
    client: Any, scene: Scene
) -> None:
    ticket = scene.request("alice")
    client.sign_in(scene.world.alice)
    files = [(io.BytesIO(PNG), "bonne.png"), (io.BytesIO(b"MZ\x90\x00"), "outil.exe")]
    refused = client.submit(f"/tickets/{ticket.number}", form="/replies", body=TYPED, attachments=files)
    assert refused.status_code == 422
    assert TYPED in refused.text and "outil.exe" in refused.text
    assert client.send(refused, form="/replies").status_code == 303
    message = Message.select().where(Message.ticket == ticket).order_by(Message.id.desc()).get()
    assert (message.body, [row.name for row in message.attachments]) == (TYPED, ["bonne.png"])


# ---- What was typed when the session, the token or the request had ended ----------------------------------------


def places(scene: Scene) -> dict[str, tuple[str, str, str, str]]:
    """Where one writes: who, the page, the form on it, the field."""
    ticket, lowered = scene.request("alice"), scene.request("alice")
    lifecycle.set_priority(lowered, "3", scene.viewer("sam"), scene.now, reason="Peu de gens.")
    return {
        "request": ("alice", "/requests/new/question", "request", "description"),
        "answer": ("alice", f"/tickets/{ticket.number}", "/replies", "body"),
        "note": ("sam", f"/desk/tickets/{ticket.number}", "/notes", "body"),
        "contest": ("alice", f"/tickets/{lowered.number}/contest", "/contest", "reason"),
    }


@pytest.mark.parametrize("place", ["request", "answer", "note", "contest"])
def test_a_text_sent_after_the_session_had_ended_comes_back_after_sign_in(
    client: Any, scene: Scene, clock: Any, place: str
) -> None:
    who, path, form, field = places(scene)[place]
    client.sign_in(getattr(scene.world, who))
    page = client.get(path)
    clock.advance(hours=13)
    led = client.send(page, form=form, **{field: TYPED})
    assert led.status_code == 303 and led.headers["Location"].startswith("/login?next=")
    door = client.get(led.headers["Location"])
    back = client.send(door, email=getattr(scene.world, who).email, password=scene.world.password)
    assert back.headers["Location"] == f"{path}?held=1"
    again = client.get(back.headers["Location"])
    assert again.status_code == 200 and TYPED in again.text
    if place == "request":
        again = client.send(again, form=form, summary="Une question", consent="y")
    else:
        again = client.send(again, form=form)
    assert again.status_code == 303
    # Sent once, it is not kept any longer.
    assert HeldForm.select().count() == 0


@pytest.mark.parametrize("place", ["request", "answer", "note"])
def test_a_text_sent_with_an_old_token_comes_back_at_once(client: Any, scene: Scene, place: str) -> None:
    who, path, form, field = places(scene)[place]
    client.sign_in(getattr(scene.world, who))
    before = Message.select().count()
    back = client.submit(path, form=form, **{field: TYPED, "csrf_token": "an-old-token"})
    assert back.status_code == 303 and back.headers["Location"] == f"{path}?held=1"
    assert Message.select().count() == before
    again = client.get(back.headers["Location"])
    assert TYPED in again.text
    assert client.get(path).text.count(TYPED) == 0


def test_a_text_is_given_back_to_nobody_else(client: Any, scene: Scene, clock: Any) -> None:
    client.sign_in(scene.world.alice)
    page = client.get("/requests/new/question")
    clock.advance(hours=2)
    client.send(page, form="request", description=TYPED)
    # The next person at the same browser.
    client.submit("/login", email=scene.world.bob.email, password=scene.world.password)
    assert TYPED not in client.get("/requests/new/question?held=1").text
    # The same person, on another browser: the text waits where it was written.
    other = client.application.test_client()
    other.sign_in(scene.world.alice)
    assert TYPED not in other.get("/requests/new/question?held=1").text
    # On another page it is not shown either.
    client.send(client.get("/help"), form="/logout")
    client.submit("/login", email=scene.world.alice.email, password=scene.world.password)
    assert TYPED not in client.get("/requests/new/api?held=1").text
    assert TYPED in client.get("/requests/new/question?held=1").text
    clock.advance(hours=25)
    client.submit("/login", email=scene.world.alice.email, password=scene.world.password)
    assert TYPED not in client.get("/requests/new/question?held=1").text


def test_a_password_is_never_held(client: Any, scene: Scene, clock: Any) -> None:
    client.sign_in(scene.world.alice)
    page = client.get("/account/security")
    clock.advance(hours=2)
    client.send(
        page, form="/account/security", current_password="un secret très long", password="un autre secret"
    )
    assert all("secret" not in str(row.data) for row in HeldForm.select())


def test_an_answer_to_a_request_that_was_closed_meanwhile_stays_in_the_page(
    client: Any, scene: Scene
) -> None:
    ticket = scene.request("alice")
    client.sign_in(scene.world.alice)
    page = client.get(f"/tickets/{ticket.number}")
    scene.move(ticket, "closed")
    late = client.send(page, form="/replies", body=TYPED)
    assert late.status_code == 409
    assert TYPED in late.text
    assert f"/tickets/{ticket.number}/follow-up" in late.text
    assert Message.select().where(Message.body == TYPED).count() == 0


def test_the_same_form_sent_twice_makes_one_request(client: Any, scene: Scene) -> None:
    client.sign_in(scene.world.alice)
    page = client.get("/requests/new/question")
    first = client.send(page, form="request", **right_entry("question"))
    second = client.send(page, form="request", **right_entry("question"))
    assert first.headers["Location"] == second.headers["Location"]
    other = client.send(page, form="request", **{**right_entry("question"), "summary": "Tout autre chose"})
    assert other.status_code == 409
    assert first.headers["Location"] in other.text
    assert (
        Ticket.select()
        .where(Ticket.requester == scene.world.alice, Ticket.form_slug == "question")
        .order_by(Ticket.id.desc())
        .get()
        .summary
        == right_entry("question")["summary"]
    )


# ---- The database, the disk, the mail server -----------------------------------------------------------------


def test_a_busy_database_is_a_clear_page_and_the_second_try_goes_through(
    client: Any, scene: Scene, database: Any
) -> None:
    client.sign_in(scene.world.alice)
    page = client.get("/requests/new/question")
    before = Ticket.select().count()
    with database.connection_context():
        database.execute_sql("PRAGMA busy_timeout = 150")
    other = sqlite3.connect(urlsplit(database.guichet_url).path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        busy = client.send(page, form="request", **right_entry("question"))
        assert busy.status_code == 503
        assert int(busy.headers["Retry-After"]) > 0
        assert "Traceback" not in busy.text
        # Who only reads is served meanwhile.
        assert client.get("/tickets").status_code == 200
    finally:
        other.execute("ROLLBACK")
        other.close()
    assert Ticket.select().count() == before
    sent = client.send(page, form="request", **right_entry("question"))
    assert sent.status_code == 303
    assert Ticket.select().count() == before + 1


def test_a_disk_without_room_for_the_database_is_a_clear_page(
    client: Any, scene: Scene, database: Any
) -> None:
    client.sign_in(scene.world.alice)
    entry = {**right_entry("question"), "description": "mot " * 4900}
    page = client.get("/requests/new/question")
    before = Ticket.select().count(), Ticket.select().order_by(Ticket.id.desc()).get().number
    with database.connection_context():
        (used,) = database.execute_sql("PRAGMA page_count").fetchone()
        database.execute_sql(f"PRAGMA max_page_count = {used}")
    full = client.send(page, form="request", **entry)
    assert full.status_code == 503, full.text
    assert "Retry-After" in full.headers
    assert (Ticket.select().count(), Ticket.select().order_by(Ticket.id.desc()).get().number) == before
    assert client.get("/tickets").status_code == 200
    with database.connection_context():
        database.execute_sql(f"PRAGMA max_page_count = {used * 10}")
    assert client.send(page, form="request", **entry).status_code == 303


def test_a_disk_without_room_for_files_says_so_by_the_field_and_keeps_the_text(
    client: Any, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.sign_in(scene.world.alice)

    def full(*_args: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(type(scene.store), "put", full)
        refused = client.submit(
            "/requests/new/question", form="request", **right_entry("question"),
            attachments=[(io.BytesIO(PNG), "capture.png")],
        )  # fmt: skip
        assert refused.status_code in {503, 507}
        assert beside(refused.text, "attachments")
        assert right_entry("question")["summary"] in refused.text
        ticket = scene.request("alice")
        answer = client.submit(
            f"/tickets/{ticket.number}",
            form="/replies",
            body=TYPED,
            attachments=[(io.BytesIO(PNG), "capture.png")],
        )
        assert answer.status_code >= 400
        assert TYPED in answer.text
    # As soon as there is room, the same form goes through.
    sent = client.send(refused, form="request", attachments=[(io.BytesIO(PNG), "capture.png")])
    assert sent.status_code == 303


def test_a_fault_of_the_program_is_a_clear_page_without_details(
    client: Any, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    from domain import lists

    def broken(*_args: Any) -> None:
        raise ZeroDivisionError("a detail that nobody outside should read")

    client.sign_in(scene.world.alice)
    monkeypatch.setattr(lists, "find", broken)
    answer = client.get("/tickets")
    assert answer.status_code == 500
    assert "ZeroDivision" not in answer.text and "detail that nobody" not in answer.text


def test_a_request_is_taken_while_the_mail_server_is_away_and_the_mail_leaves_later(
    make_app: Any, world: SimpleNamespace, clock: Any
) -> None:
    port = free_port()
    app = make_app(SMTP_URL=f"smtp://127.0.0.1:{port}")
    client = app.test_client()
    client.sign_in(world.alice)
    sent = client.submit("/requests/new/question", form="request", **right_entry("question"))
    assert sent.status_code == 303
    number = sent.headers["Location"].rsplit("/", 1)[1]
    mail = OutboxMessage.select().join(Ticket).where(
        Ticket.number == number, OutboxMessage.template == "request-received"
    )  # fmt: skip
    for _try in range(3):
        assert jobs.run("outbox", app, clock.now).outcome == "ok"
        assert mail.get().status == "waiting"
        clock.advance(minutes=31)
    postbox = Postbox()
    server = Controller(postbox, hostname="127.0.0.1", port=port)
    server.start()
    try:
        jobs.run("outbox", app, clock.now)
        clock.advance(hours=1)
        jobs.run("outbox", app, clock.now)
    finally:
        server.stop()
    assert mail.get().status == "sent"
    assert len([one for one in postbox.to("alice@acme.example") if one["X-Guichet-Ticket"] == number]) == 1


# ---- Where to go next --------------------------------------------------------------------------------------------

ELSEWHERE = [
    "https://evil.example", "//evil.example", "///evil.example", "////evil.example/%2f..", "http:evil.example",
    "https:///evil.example", "/\\evil.example", "\\\\evil.example", "/\t/evil.example", "/\n/evil.example",
    "/%09/evil.example", "/%0d%0aLocation:%20https://evil.example", "/%5cevil.example", "/%2f/evil.example",
    "javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "/.//evil.example", "/..//evil.example",
    "@evil.example", "//guichet@evil.example", "/\u2028/evil.example", "\u0000//evil.example", " //evil.example",
    "\ufeff//evil.example", "/tickets/..//evil.example", "https://127.0.0.1@evil.example", "//evil.example\\@127.0.0.1",
    "/x\r\nSet-Cookie: a=b", "//[::1]", "/logout", "/" + "a" * 5000,
]  # fmt: skip


@pytest.mark.parametrize("target", ELSEWHERE)
def test_nothing_leads_out_of_the_portal(client: Any, world: Any, target: str) -> None:
    client.lint = False
    asked = client.get("/login", query_string={"next": target})
    if "\0" in target:
        assert asked.status_code == 404
        asked = client.get("/login")
    assert asked.status_code == 200
    signed_in = client.send(asked, email="alice@acme.example", password=world.password)
    again = client.get("/login", query_string={"next": target})
    home = client.get("/help")
    language = client.send(home, form="/account/language", button="language=fr", next=target)
    for answer in (signed_in, again, language):
        if answer.status_code == 404 and "\0" in target:
            continue
        assert answer.status_code == 303
        led = answer.headers["Location"]
        assert led == "/" or (led.startswith("/") and not led.startswith(("//", "/\\", "/logout"))), led
        assert "evil.example" not in led.partition("?")[0].replace("/tickets/", "") or led.startswith("/%"), (
            led
        )
        assert "\n" not in led and "\r" not in led


# ---- Malformed requests ---------------------------------------------------------------------------------------------

WILD = [
    b"", b"\x00", b"a\x00b", b"\xed\xa0\x80", b"\xff\xfe", b"\xc3", b"-1", b"0", str(2**31).encode(), str(2**63).encode(),
    str(-(2**63) - 1).encode(), str(10**23).encode(), b"9" * 5000, b"1e308", b"NaN", b"true", b"null", b"[]", b"{}", b"()",
    b"'", b'"', b"';--", b"' OR 1=1--", b"%", b"_", b"*", b"\\", b"../../etc/passwd", b"{{7*7}}", b"{% raw %}", b"%(x)s", b"${x}",
    "é".encode() * 3000, "\U0001f600".encode() * 200, "\u202e".encode(), "\ufffe".encode(), "２０４１".encode(), b"a b", b"\r\nX: y",
    b"\t", b"<script>alert(1)</script>", b"2026-02-30", b"0000-00-00", b"99999-01-01", b"SUP-2041", b"alice@acme.example", b"x" * 70000,
    b"alice@acme.example\r\nBcc: x@y.example", b"http://[", b"https://a:b@c:99999/", b"fr", b"csv", b"mine", b"-created", b"1",
]  # fmt: skip
NAMES = """
    summary description attachments consent share_with_account_manager on_behalf_of cc endpoint_url impact severity page_url
    measures_taken wanted_by output_format justification steps invoice_number legal_name vat_number country irreversible
    people-0-full_name people-0-employee_number people-0-url people-99999-full_name product kind feature priority environment
    version company edition quantity due_on issue_kind report_fields patch_kind wished_on window audience body reason email
    password current_password full_name username code organisation follow_up idempotency_key attachment_keys remove_file add_person
    remove_person-0 remove_person-999999999999 status assignee team event mode next language time_zone remember everywhere session
    list form q sort label category after before queue thread held inline page page_size desc search id rowid action confirmed url
    seen name query slug name_fr name_en position is_active file number flt_organisation flt_state beside consent_version
""".split()
METHODS = (
    ["GET"] * 8 + ["POST"] * 10 + ["HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "FOO"]
)


class Malformed:
    """Makes requests that no form would send; the same seed makes the same ones."""

    def __init__(self, seed: int, rules: list[Any], known: dict[str, list[str]]) -> None:
        self.random = random.Random(seed)
        self.rules = rules
        self.known = known

    def piece(self) -> bytes:
        return self.random.choice(WILD)

    def path(self) -> str:
        rule = self.random.choice(self.rules)
        parts = []
        for is_dynamic, text in rule._trace:
            if not is_dynamic:
                parts.append(text.lstrip("|"))
            elif self.random.random() < 0.6 and self.known.get(text):
                parts.append(self.random.choice(self.known[text]))
            else:
                parts.append(quote(self.piece()[:3000], safe=""))
        return "".join(parts) or "/"

    def pairs(self) -> list[tuple[str, bytes]]:
        some = self.random.choices(NAMES, k=self.random.choice([0, 1, 2, 5, 12, 40]))
        made = [
            (self.random.choice([name, name, name, f"{name}[]", f"{name}.x"]), self.piece()) for name in some
        ]
        # A parameter that comes twice.
        return made + self.random.sample(made, k=min(len(made), 2))

    def urlencoded(self, token: str) -> bytes:
        made = [("csrf_token", token.encode()), *self.pairs()]
        body = b"&".join(quote(name).encode() + b"=" + quote(value, safe="").encode() for name, value in made)
        if self.random.random() < 0.1:
            body = body.replace(b"%", b"%%", 3) + b"&=&&a&%zz=%"
        return body

    def multipart(self, token: str) -> bytes:
        mark, body = b"borne", b""
        made = [("csrf_token", token.encode()), *self.pairs()]
        for name, value in made:
            body += b'--%s\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (
                mark,
                name.encode(),
                value,
            )
        for _file in range(self.random.choice([0, 1, 3])):
            name = self.piece()[:300].replace(b"\r", b"").replace(b"\n", b"").replace(b'"', b"%22")
            body += (
                b'--%s\r\nContent-Disposition: form-data; name="%s"; filename="%s"\r\nContent-Type: %s\r\n\r\n%s\r\n'
                % (
                    mark,
                    self.random.choice([b"attachments", b"file", b"body"]),
                    name + b".png",
                    b"image/png",
                    PNG,
                )
            )
        body += b"--%s--\r\n" % mark
        if self.random.random() < 0.3:
            body = body[: self.random.randrange(len(body))]
        return body

    def request(self, token: str) -> dict[str, Any]:
        method = self.random.choice(METHODS)
        query = "&".join(f"{quote(name)}={quote(value[:2000], safe='')}" for name, value in self.pairs()[:8])
        made: dict[str, Any] = {"method": method, "path": self.path(), "query_string": query, "headers": {}}
        if method not in ("GET", "HEAD"):
            kind = self.random.random()
            if kind < 0.6:
                made |= {"data": self.urlencoded(token), "content_type": "application/x-www-form-urlencoded"}
            elif kind < 0.9:
                made |= {"data": self.multipart(token), "content_type": "multipart/form-data; boundary=borne"}
            else:
                made |= {
                    "data": self.piece(),
                    "content_type": self.random.choice(
                        [
                            "application/json",
                            "text/plain",
                            "multipart/form-data",
                            "multipart/form-data; boundary=",
                            "\xe9/x",
                            "",
                        ]
                    ),
                }
        if self.random.random() < 0.3:
            text = self.piece()[:500].decode("latin-1").replace("\r", "").replace("\n", "")
            header = self.random.choice(
                ["Accept-Language", "User-Agent", "Referer", "Accept", "Range", "If-None-Match", "If-Modified-Since", "X-Forwarded-For",
                 "X-Forwarded-Host", "Forwarded", "Content-Length" if method == "GET" else "Origin"]
            )  # fmt: skip
            made["headers"][header] = "abc" if header == "Content-Length" else text
        if self.random.random() < 0.1:
            made["headers"]["Accept"] = "application/json"
        return made


def malformed(make_app: Any, world: SimpleNamespace, count: int, seed: int) -> float:
    """Send `count` malformed requests as alice, sam, root and a stranger; none may end in a fault.

    Returns how many seconds 99 of 100 took at most.
    """
    app = make_app()
    PortalClient.lint = False
    made = Scene(app, world).standing()
    names = ("alice", "sam", "anonymous", "root")
    crowd = Crowd(app, world, names)
    known = {
        "number": [made.ticket.number, made.closed.number, made.theirs.number],
        "key": [made.file.key, made.internal.key, made.pending.key],
        "slug": ["question", "incident", "licence", "user-deletion", "vat-change", "patch"],
        "participant": [str(made.copy.id)],
        "membership_id": [str(made.dana.id)],
        "token": [made.link],
        "export_type": ["csv", "xlsx"],
        "name": ["icons.svg", "preuve.pdf"],
    }
    rules = list(app.url_map.iter_rules())
    # The many screens of the administration are alike: a third of the requests goes there, not nine tenths.
    rules += [rule for rule in rules if not rule.endpoint.startswith("admin_")] * 12
    maker = Malformed(seed, rules, known)
    faults, took = [], []
    for at in range(count):
        name = names[at % 4]
        asked = maker.request(crowd.tokens[name])
        browser = crowd.browsers[name]
        began = time.perf_counter()
        answer = browser.open(**asked)
        answer.get_data()
        answer.close()
        took.append(time.perf_counter() - began)
        if answer.status_code >= 500 or b"Traceback" in answer.data:
            faults.append(f"{name} {asked['method']} {asked['path'][:200]}?{asked['query_string'][:300]} "
                          f"{str(asked.get('data', b''))[:600]} {asked['headers']}: {answer.status_code}")  # fmt: skip
        # Some of these sign out, sign in as somebody else, or change a language: begin anew.
        if answer.status_code == 303 or "Set-Cookie" in answer.headers or at % 40 == 0:
            browser._cookies.clear()
            if name != "anonymous":
                Person.update(is_active=True).where(Person.id == getattr(world, name).id).execute()
                browser.sign_in(getattr(world, name))
            crowd.tokens[name] = token_of(browser)
    assert not faults, f"{len(faults)} of {count} ended in a fault:\n" + "\n".join(faults[:20])
    return sorted(took)[int(len(took) * 0.99)]


@pytest.fixture
def unlinted() -> Any:
    """Pages of malformed requests are not read strictly: that would take most of the time."""
    yield
    PortalClient.lint = True


HOSTILE = [
    "\0",
    "a\0b",
    "\udcff",
    "\ud800",
    str(2**31),
    str(2**63),
    str(10**23),
    "9" * 5000,
    "é" * 3000,
    "' OR 1=1--",
]
LISTS = "choose list status form q sort label category after before queue organisation thread held follow_up months team score".split()
ADMIN_LISTS = "page page_size sort desc search flt_organisation flt_state flt_status".split()


def hostile_addresses() -> Iterator[tuple[str, str, str, dict[str, str], str]]:
    """Every address with each of its parts in turn replaced: who, method, address, what is sent, what replaces {wild}."""
    for endpoint, method, path, data, _statuses in TABLE:
        if endpoint in ("session.logout", "assets.file"):
            continue
        who = (
            "root"
            if endpoint.startswith(
                ("desk.", "bulk.", "contests.decide", "satisfaction.report", "satisfaction.csv", "admin")
            )
            else "bob"
        )
        for wild in HOSTILE:
            for part in re.findall(r"\{\w+\}", path):
                yield who, method, path.replace(part, "{wild}"), data, wild
            if method == "GET":
                mark = "&" if "?" in path else "?"
                yield who, method, path + mark + "&".join(f"{name}={{wild}}" for name in LISTS), data, wild
            for name in data:
                yield who, method, path, {**data, name: "{wild}"}, wild
    for table in ("ticket", "team", "membership", "auditentry"):
        for wild in HOSTILE:
            for page in ("details", "edit", "delete"):
                for method in ("GET", "POST"):
                    yield "root", method, f"/admin/{table}/{page}/?id={{wild}}", {}, wild
            everything = "&".join(f"{name}={{wild}}" for name in ADMIN_LISTS)
            yield "root", "GET", f"/admin/{table}/?{everything}", {}, wild
            yield "root", "POST", f"/admin/{table}/action/", {"action": "{wild}", "rowid": "{wild}"}, wild


@CUT
def test_no_part_of_any_address_or_form_ends_in_a_fault(
    make_app: Any, world: SimpleNamespace, unlinted: Any, swept: Any
) -> None:
    app = make_app()
    PortalClient.lint = False
    ready = stage(app, world)
    crowd, filled = ready.crowd, ready.filled
    faults, asked = [], 0
    for who, method, path, data, wild in hostile_addresses():
        # As bytes on the wire: what is no text travels as it is.
        raw = quote(wild.encode("utf-8", "surrogatepass" if wild == "\ud800" else "surrogateescape"), safe="")
        where = path.format(**filled, wild=raw)
        sent = {name: value.format(**filled, wild="{wild}") for name, value in data.items()}
        body = "&".join(
            f"{name}={raw if value == '{wild}' else quote(value)}" for name, value in sent.items()
        )
        body += f"&csrf_token={quote(crowd.tokens[who])}"
        answer = crowd.ask(
            who, method, where, body.encode() if method == "POST" else None, token=False,
            content_type="application/x-www-form-urlencoded" if method == "POST" else None,
        )  # fmt: skip
        asked += 1
        # The provider of this address is away, and that is said so (503): the one answer of this kind.
        away = path.startswith("/login/with/elsewhere") and answer.status_code == 503
        if (answer.status_code >= 500 and not away) or "Traceback" in answer.text:
            faults.append(f"{method} {path} {data} with {wild[:30]!r}: {answer.status_code}")
    assert asked > 1000
    assert not faults, f"{len(faults)} of {asked} ended in a fault:\n" + "\n".join(faults[:30])


@CUT
def test_no_malformed_request_ends_in_a_fault(
    make_app: Any, world: SimpleNamespace, unlinted: Any, swept: Any
) -> None:
    malformed(make_app, world, 500, seed=1)


@CUT
@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 12))
def test_ten_thousand_malformed_requests_end_in_no_fault(
    make_app: Any, world: SimpleNamespace, unlinted: Any, swept: Any, seed: int
) -> None:
    slow = malformed(make_app, world, 1000, seed)
    print(f"p99 of 1000 malformed requests (seed {seed}): {slow * 1000:.0f} ms")
    assert slow < SLOWEST_OF_A_HUNDRED
