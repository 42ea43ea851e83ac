"""Files over HTTP: sent one by one, taken back, and served so that nothing in them runs and nobody learns too much."""

from __future__ import annotations

import errno
import io
import os
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from pypdf import PdfReader, PdfWriter
from werkzeug.datastructures import FileStorage
from werkzeug.http import parse_options_header
from werkzeug.test import TestResponse, encode_multipart

from domain import files, policies, settings
from models import Attachment, LicenceRequest, Message, Person, Ticket
from seeds import made_picture
from tests.conftest import NOW

PICTURE = made_picture(3)
JSON = {"Accept": "application/json"}


def token_of(client: Any) -> str:
    """The CSRF token of the present session, as the page gives it to its scripts."""
    found = re.search(
        r'name="csrf[_-]token" (?:value|content)="([^"]+)"', client.get("/requests/new/question").text
    )
    assert found
    return found[1]


def send(client: Any, content: bytes, name: str, **more: Any) -> TestResponse:
    data = {"file": (io.BytesIO(content), name), "csrf_token": token_of(client)}
    return client.post("/uploads", data=data, content_type="multipart/form-data", headers=JSON, **more)


@pytest.fixture
def give(app: Any, world: Any) -> Callable[..., Attachment]:
    """Put a file on a request: give(ticket, by, content, name, internal=False)."""

    def made(
        ticket: Ticket | None,
        by: Person,
        content: bytes = PICTURE,
        name: str = "capture.png",
        internal: bool = False,
    ) -> Attachment:
        viewer = policies.load_viewer(by.id)
        assert viewer is not None
        row = files.keep(io.BytesIO(content), name, viewer, NOW, app.extensions["guichet_files"])
        if ticket is not None:
            message = ticket.messages.order_by(Message.id).first()
            files.claim([row.key], ticket, message, viewer, internal)
        return row

    return made


@pytest.fixture
def ticket(world: Any) -> Ticket:
    """A request of Alice that takes answers."""
    return Ticket.get((Ticket.requester == world.alice.id) & (Ticket.status == "in_progress"))


# What a browser neither runs nor renders with scripts.
SAFE_TYPES = {"image/png", "image/gif", "application/pdf", "text/plain", "text/csv", "application/json"}


def address(row: Attachment) -> str:
    return f"/files/{row.key}/{quote(row.name)}"


# ---- Sending ---------------------------------------------------------------------------------------------


def test_a_file_is_sent_and_answered_with_its_key(client: Any, world: Any) -> None:
    client.sign_in(world.alice)
    answer = send(client, PICTURE, "captures/écran\u202e.png")
    assert answer.status_code == 201
    row = Attachment.get(Attachment.key == answer.json["key"])
    assert (answer.json["name"], answer.json["size"]) == ("écran.png", len(PICTURE))
    assert (row.uploader_id, row.ticket_id) == (world.alice.id, None)
    assert client.get(answer.json["url"]).data == PICTURE


def test_the_key_cannot_be_guessed(client: Any, world: Any) -> None:
    client.sign_in(world.alice)
    keys = {send(client, PICTURE, "a.png").json["key"] for _ in range(3)}
    assert len(keys) == 3 and all(len(key) == 43 for key in keys)


REFUSED = [
    (b"MZ" + bytes(10), "setup.exe", "file-kind"),
    (b"MZ" + bytes(10), "setup.png", "file-content"),
    (b"", "vide.txt", "file-empty"),
    (b"<svg onload='alert(1)'/>", "<img src=x>.svg", "file-kind"),
]


def test_a_file_that_is_not_taken_is_answered_in_words(
    client: Any, world: Any, subtests: pytest.Subtests
) -> None:
    client.sign_in(world.alice)
    for content, name, code in REFUSED:
        with subtests.test(name=name):
            answer = send(client, content, name)
            assert answer.status_code == 422
            assert answer.json["code"] == code
            assert answer.mimetype == "application/json"
            assert len(answer.json["error"]) > 20


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_words_are_those_of_the_reader(client: Any, world: Any, language: str) -> None:
    Person.update(language=language).where(Person.id == world.alice.id).execute()
    client.sign_in(world.alice)
    said = send(client, b"", "vide.txt").json["error"]
    assert ("is empty" in said) == (language == "en")
    assert ("est vide" in said) == (language == "fr")


def test_a_file_beyond_the_limit_is_answered_in_words(client: Any, world: Any) -> None:
    settings.put("file_max_mb", 1, by=None, now=NOW)
    client.sign_in(world.alice)
    sent = FileStorage(io.BytesIO(b"a" * (1024 * 1024 + 1)), "journal.log")
    boundary, body = encode_multipart({"file": sent, "csrf_token": token_of(client)})
    answer = client.post(
        "/uploads", data=body, content_type=f"multipart/form-data; boundary={boundary}", headers=JSON
    )
    assert (answer.status_code, answer.json["code"]) == (422, "file-too-big")
    assert "1\u00a0Mo" in answer.json["error"]


def test_sending_without_a_file_is_answered_in_words(client: Any, world: Any) -> None:
    client.sign_in(world.alice)
    answer = client.post("/uploads", data={"csrf_token": token_of(client)}, headers=JSON)
    assert answer.status_code == 422 and answer.json["error"]


def test_sending_needs_the_token_and_an_account(client: Any, world: Any) -> None:
    form = {"file": (io.BytesIO(PICTURE), "a.png")}
    client.sign_in(world.alice)
    assert client.post("/uploads", data=form, headers=JSON).status_code == 400
    client.sign_out()
    answer = client.post("/uploads", data={"file": (io.BytesIO(PICTURE), "a.png")}, headers=JSON)
    assert answer.status_code in {400, 401}
    assert not Attachment.select().where(Attachment.ticket.is_null()).exists()


def test_a_full_disk_is_a_clear_answer(client: Any, world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    client.sign_in(world.alice)

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr("gateways.files.os.fsync", full)
        answer = send(client, PICTURE, "a.png")
    assert (answer.status_code, answer.json["code"]) == (503, "disk-full")
    assert answer.headers["Retry-After"]
    assert send(client, PICTURE, "a.png").status_code == 201


def test_a_file_is_taken_back_by_its_sender_alone(client: Any, world: Any) -> None:
    client.sign_in(world.alice)
    sent = send(client, PICTURE, "a.png").json
    client.sign_in(world.bob)
    refused = client.post(sent["removal"], data={"csrf_token": token_of(client)}, headers=JSON)
    assert refused.status_code == 404
    client.sign_in(world.alice)
    assert client.post(sent["removal"], headers=JSON).status_code == 400
    taken = client.post(sent["removal"], data={"csrf_token": token_of(client)}, headers=JSON)
    assert taken.json == {"removed": sent["key"]}
    assert client.get(sent["url"]).status_code == 404


# ---- Serving ---------------------------------------------------------------------------------------------


HOSTILE = [
    (PICTURE, "capture.png"),
    (b"%PDF-1.7\n<script>alert(1)</script>", "rapport.pdf"),
    (b"<html><script>alert(document.cookie)</script></html>", "page.txt"),
    (
        b"<?xml version='1.0'?><x:script xmlns:x='http://www.w3.org/1999/xhtml'>alert(1)</x:script>",
        "envoi.xml",
    ),
    (b"GIF89a" + b"\x01\x00\x01\x00" + b"/*<svg onload=alert(1)>*/", "polyglotte.gif"),
    (b'{"a": "</script><script>alert(1)</script>"}', "donnees.json"),
    (b"From: a@example.org\r\nContent-Type: text/html\r\n\r\n<script>alert(1)</script>", "courriel.eml"),
    (b"=cmd|' /C calc'!A0;1", "table.csv"),
]


def test_every_file_is_a_download_that_cannot_run(
    client: Any, world: Any, ticket: Ticket, give: Callable[..., Attachment], subtests: pytest.Subtests
) -> None:
    client.sign_in(world.alice)
    for content, name in HOSTILE:
        with subtests.test(name=name):
            answer = client.get(address(give(ticket, world.alice, content, name)))
            assert answer.status_code == 200
            assert answer.data == content
            assert answer.headers["Content-Disposition"].startswith("attachment;")
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
            assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
            assert answer.headers["Cache-Control"] == "private, no-store"
            assert answer.mimetype in SAFE_TYPES
            assert answer.content_length == len(content)
            assert "ETag" not in answer.headers and "Last-Modified" not in answer.headers


def test_pictures_alone_stand_in_the_page(
    client: Any, world: Any, ticket: Ticket, give: Callable[..., Attachment], subtests: pytest.Subtests
) -> None:
    client.sign_in(world.alice)
    for content, name in HOSTILE:
        with subtests.test(name=name):
            answer = client.get(address(give(ticket, world.alice, content, name)) + "?inline=1")
            inline = answer.headers["Content-Disposition"].startswith("inline")
            assert inline == name.endswith((".png", ".gif"))
            assert answer.headers["Content-Security-Policy"].startswith("sandbox")


NAMES = [
    "été — bilan.pdf",
    "fichier avec des espaces.pdf",
    "l'apostrophe.pdf",
    "point;virgule, et guillemets.pdf",
    "表計算.pdf",
    "ﬁn.pdf",
    "100% sûr.pdf",
    "a" * 196 + ".pdf",
    "ligne\r\nX-Evil: 1.pdf",
]


def test_names_travel_whole_and_break_no_header(
    client: Any, world: Any, ticket: Ticket, give: Callable[..., Attachment], subtests: pytest.Subtests
) -> None:
    client.sign_in(world.alice)
    for name in NAMES:
        with subtests.test(name=name):
            row = give(ticket, world.alice, b"%PDF-1.7\n", name)
            answer = client.get(address(row))
            disposition = answer.headers["Content-Disposition"]
            assert "\n" not in disposition and "\r" not in disposition
            assert "X-Evil" not in answer.headers
            disposition.encode("ascii")
            _kind, names = parse_options_header(disposition)
            assert names["filename"] == row.name
            assert ("filename*=" in disposition) != row.name.isascii()


def same(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, re.sub(r'nonce="[^"]*"|value="[^"]*"|/files/[^"\s<]*', "", answer.text)


def test_a_foreign_file_looks_like_one_that_never_was(
    client: Any, world: Any, ticket: Ticket, give: Callable[..., Attachment]
) -> None:
    row = give(ticket, world.alice)
    client.sign_in(world.charlie)
    foreign, absent = client.get(address(row)), client.get(f"/files/{'A' * 43}/capture.png")
    assert foreign.status_code == 404
    assert same(foreign) == same(absent)


CONDITIONS = [
    {},
    {"Range": "bytes=0-10"},
    {"Range": "bytes=999999-"},
    {"If-None-Match": "*"},
    {"If-Modified-Since": "Tue, 10 Nov 2037 08:00:00 GMT"},
    {"If-Match": '"nothing"'},
    {"If-Range": "*", "Range": "bytes=0-0"},
]


@pytest.mark.parametrize("method", ["get", "head"])
def test_no_header_tells_whether_a_foreign_file_exists(
    client: Any,
    world: Any,
    ticket: Ticket,
    give: Callable[..., Attachment],
    subtests: pytest.Subtests,
    method: str,
) -> None:
    row = give(ticket, world.alice)
    for person, status in ((world.charlie, 404), (world.alice, 200)):
        client.sign_in(person)
        for headers in CONDITIONS:
            with subtests.test(status=status, headers=headers):
                answer = getattr(client, method)(address(row), headers=headers)
                assert answer.status_code == status
                if status == 404:
                    assert PICTURE[:20] not in answer.data
                else:
                    assert answer.data == (PICTURE if method == "get" else b"")
                    assert answer.content_length == len(PICTURE)


def test_nobody_reads_a_file_without_signing_in(
    client: Any, world: Any, ticket: Ticket, give: Callable[..., Attachment]
) -> None:
    row = give(ticket, world.alice)
    client.sign_out()
    known, unknown = client.get(address(row)), client.get(f"/files/{'A' * 43}/capture.png")
    assert known.status_code == unknown.status_code == 303
    assert "/login" in known.headers["Location"]


def test_a_file_of_a_note_is_absent_for_the_customer(
    client: Any, world: Any, ticket: Ticket, give: Callable[..., Attachment]
) -> None:
    row = give(ticket, world.sam, internal=True)
    for person, status in ((world.alice, 404), (world.bob, 404), (world.marc, 404), (world.ines, 200)):
        assert client.sign_in(person).get(address(row)).status_code == status


def test_the_name_in_the_address_decides_nothing(
    client: Any, world: Any, ticket: Ticket, give: Callable[..., Attachment]
) -> None:
    row = give(ticket, world.alice)
    client.sign_in(world.alice)
    for name in ("autre.html", "..%2f..%2fetc%2fpasswd", "x.svg?inline=1"):
        answer = client.get(f"/files/{row.key}/{name}")
        assert (answer.status_code, answer.mimetype) == (200, "image/png")
        assert "capture.png" in answer.headers["Content-Disposition"]


def test_a_file_that_the_store_lost_is_a_page_and_not_a_fault(
    app: Any, client: Any, world: Any, ticket: Ticket, give: Callable[..., Attachment]
) -> None:
    row = give(ticket, world.alice)
    app.extensions["guichet_files"].delete(row.stored_name)
    assert client.sign_in(world.alice).get(address(row)).status_code == 404


PATHS = [
    "/files/../../etc/passwd/x",
    "/files/%2e%2e/x.png",
    "/files//x.png",
    f"/files/{'A' * 5000}/x.png",
    "/files/%F0%9F%92%A9/x.png",
    f"/uploads/{'A' * 43}",
]


def test_addresses_that_nobody_was_given_lead_nowhere(
    client: Any, world: Any, subtests: pytest.Subtests
) -> None:
    client.sign_in(world.root)
    for path in PATHS:
        with subtests.test(path=path[:40]):
            assert client.get(path).status_code in {404, 405}


# ---- In a form -------------------------------------------------------------------------------------------


def test_the_same_file_comes_with_the_form_where_no_script_runs(client: Any, world: Any) -> None:
    client.sign_in(world.alice)
    answer = client.submit(
        "/requests/new/question",
        summary="Où régler les congés ?",
        description="Je cherche l’écran.",
        consent="y",
        attachments=[(io.BytesIO(PICTURE), "capture.png"), (io.BytesIO(b"journal"), "journal.log")],
    )
    assert answer.status_code == 303
    ticket = Ticket.select().order_by(Ticket.id.desc()).first()
    assert [row.name for row in ticket.attachments.order_by(Attachment.id)] == ["capture.png", "journal.log"]


def test_nobody_sends_the_upload_of_another_with_a_form(client: Any, world: Any) -> None:
    client.sign_in(world.alice)
    key = send(client, PICTURE, "secret.png").json["key"]
    client.sign_in(world.charlie)
    page = client.get("/requests/new/question")
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)
    assert token
    before = Ticket.select().count()
    client.post(
        "/requests/new/question",
        data={
            "csrf_token": token[1],
            "summary": "Une question",
            "description": "Voici.",
            "consent": "y",
            "idempotency_key": "x" * 32,
            "attachment_keys": key,
        },
    )
    assert Attachment.get(Attachment.key == key).ticket_id is None
    for ticket in Ticket.select().order_by(Ticket.id.desc()).limit(Ticket.select().count() - before):
        assert ticket.attachments.count() == 0


# ---- The licence form ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("language", "label"), [("fr", "Quantité"), ("en", "Quantity")])
def test_the_blank_licence_form_is_in_the_language_of_the_reader(
    client: Any, world: Any, language: str, label: str
) -> None:
    Person.update(language=language).where(Person.id == world.alice.id).execute()
    answer = client.sign_in(world.alice).get("/licences/blank-form.pdf")
    assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
    document = PdfReader(io.BytesIO(answer.data), strict=True)
    assert document.get_fields()["quantity"]["/TU"] == label
    assert label in document.pages[0].extract_text()
    assert ("Initech Paie" in document.get_fields()["product"]["/Opt"]) == (language == "fr")


def test_a_filled_form_that_is_attached_fills_in_the_record(client: Any, world: Any, tmp_path: Path) -> None:
    client.sign_in(world.alice)
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(client.get("/licences/blank-form.pdf").data)))
    writer.update_page_form_field_values(
        writer.pages[0],
        {"product": "Initech Temps", "edition": "Plus", "quantity": "1 200", "due_on": "01/12/2026"},
    )
    form = io.BytesIO()
    writer.write(form)
    form.seek(0)
    answer = client.submit(
        "/requests/new/licence",
        summary="Des licences pour Nantes",
        description="Le formulaire est joint.",
        product="time",
        due_on="2026-12-01",
        consent="y",
        attachments=(form, "demande.pdf"),
    )
    assert answer.status_code == 303
    record = LicenceRequest.select().order_by(LicenceRequest.id.desc()).first()
    assert (record.edition, record.quantity, record.due_on) == ("Plus", 1200, date(2026, 12, 1))
