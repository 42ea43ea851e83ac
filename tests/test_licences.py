"""Licence requests: the blank form, what a filled one says, and the life of the record behind the request."""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfReader, PdfWriter

from domain import audit, files, licences, pdf_fields, policies, requests
from domain.refusals import Invalid, NotAllowed, NotNow
from gateways.files import DiskStore
from models import LicenceRequest, Product, Ticket, TicketEvent
from tests.conftest import NOW

WORDS = {
    "title": "Demande de licences",
    "intro": "Remplissez ces champs (tous), puis joignez le document\u202f: le portail les lit.",
    "product": "Produit",
    "edition": "Édition",
    "quantity": "Quantité",
    "due_on": "Date d’échéance",
    "due_on_hint": "Jour, mois et année.",
}
FILLED = {"product": "Initech Temps", "edition": "Plus", "quantity": "20", "due_on": "01/12/2026"}
NOTHING = {"product": None, "edition": None, "quantity": None, "due_on": None}


def blank() -> bytes:
    return licences.blank_form(WORDS, ["Initech Paie", "Initech Temps"], "fr")


def filled(values: Mapping[str, str]) -> bytes:
    """The blank form as somebody fills it in and saves it."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(blank())))
    writer.update_page_form_field_values(writer.pages[0], dict(values))
    made = io.BytesIO()
    writer.write(made)
    return made.getvalue()


def read(pdf: bytes) -> licences.FilledForm:
    return licences.read_form(io.BytesIO(pdf))


def see(person: Any) -> policies.Viewer:
    viewer = policies.load_viewer(person.id)
    assert viewer is not None
    return viewer


# ---- The blank form --------------------------------------------------------------------------------------


def test_the_blank_form_has_the_four_fields_with_their_labels() -> None:
    document = PdfReader(io.BytesIO(blank()), strict=True)
    fields = document.get_fields() or {}
    assert set(fields) == {"product", "edition", "quantity", "due_on"}
    assert fields["edition"]["/TU"] == "Édition"
    assert list(fields["product"]["/Opt"]) == ["Initech Paie", "Initech Temps"]
    assert document.metadata is not None and document.metadata.title == "Demande de licences"
    assert document.trailer["/Root"]["/Lang"] == "fr"


def test_the_blank_form_can_be_read_by_people() -> None:
    text = PdfReader(io.BytesIO(blank())).pages[0].extract_text()
    for words in ("Demande de licences", "Remplissez ces champs (tous)", "Quantité", "Date d’échéance"):
        assert words in text


def test_the_blank_form_says_nothing() -> None:
    assert read(blank()) == NOTHING


def test_a_form_can_be_given_filled_in() -> None:
    assert read(licences.blank_form(WORDS, ["Initech Temps"], "fr", FILLED))["quantity"] == 20


# ---- What a filled form says -----------------------------------------------------------------------------


def test_a_filled_form_is_read() -> None:
    assert read(filled(FILLED)) == {
        "product": "Initech Temps",
        "edition": "Plus",
        "quantity": 20,
        "due_on": date(2026, 12, 1),
    }


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("2026-12-01", date(2026, 12, 1)),
        ("1/12/2026", date(2026, 12, 1)),
        ("01.12.2026", date(2026, 12, 1)),
        ("31-12-2026", date(2026, 12, 31)),
        ("12/31/2026", None),
        ("30/02/2026", None),
        ("01/12/26", None),
        ("décembre", None),
        ("0000-00-00", None),
        ("١/١٢/٢٠٢٦", None),
    ],
)
def test_days_are_read_as_they_are_written_in_france(typed: str, meant: date | None) -> None:
    assert licences.understood({"due_on": typed})["due_on"] == meant


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("20", 20),
        (" 20 ", 20),
        ("1 200", 1200),
        ("1\u202f200", 1200),
        ("1.200", 1200),
        ("1,200", 1200),
        ("1000000", 1_000_000),
        ("1000001", None),
        ("0", None),
        ("-5", None),
        ("12.5", None),
        ("vingt", None),
        ("9" * 400, None),
        ("٢٠", None),
    ],
)
def test_quantities_are_whole_numbers(typed: str, meant: int | None) -> None:
    assert licences.understood({"quantity": typed})["quantity"] == meant


def test_names_of_fields_may_be_nested_and_others_are_left_out() -> None:
    found = licences.understood({"Form.Page1.Edition": " Plus\n2 ", "signature": "x", "product": "/Off"})
    assert found == {**NOTHING, "edition": "Plus 2"}


@pytest.mark.parametrize(
    "pdf",
    [
        b"",
        b"not a document",
        b"%PDF-1.7\n",
        b"%PDF-1.7\n" + b"\0" * 10_000,
        blank()[:900],
        blank()[300:],
        blank().replace(b"/Kids [3 0 R]", b"/Kids [2 0 R]"),
        blank().replace(b"/Fields [9 0 R", b"/Fields [6 0 R"),
        b"%PDF-1.7\n" + b"[" * 200_000,
        b"%PDF-1.7\n1 0 obj\n<</Length 99999999999>>\nstream\n",
    ],
    ids=range(10),
)
def test_a_document_that_cannot_be_read_says_nothing(pdf: bytes) -> None:
    found = read(pdf)
    assert set(found) == set(NOTHING)
    assert found["quantity"] is None


def test_a_document_too_large_for_a_form_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(licences, "FORM_MAX_BYTES", 100)
    assert read(filled(FILLED)) == NOTHING


def test_a_reader_that_never_ends_is_stopped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    endless = tmp_path / "endless.py"
    endless.write_text("while True: pass\n")
    monkeypatch.setattr(pdf_fields, "__file__", str(endless))
    monkeypatch.setattr(pdf_fields, "SECONDS", 0.5)
    assert pdf_fields.filled_fields(b"%PDF-1.7") == {}


@given(
    st.dictionaries(st.sampled_from(["product", "edition", "quantity", "due_on", "x"]), st.text(max_size=600))
)
def test_no_typed_text_breaks_the_reading(fields: dict[str, str]) -> None:
    found = licences.understood(fields)
    assert found["quantity"] is None or 1 <= found["quantity"] <= 1_000_000
    assert found["edition"] is None or 0 < len(found["edition"]) <= 80


# ---- The record ------------------------------------------------------------------------------------------


def asked(
    world: Any, store: DiskStore, pdf: bytes | None = None, key: str = "k" * 20, **licence: Any
) -> Ticket:
    """A licence request of Alice, with a file when one is given."""
    alice = see(world.alice)
    keys = []
    if pdf is not None:
        keys.append(files.keep(io.BytesIO(pdf), "formulaire.pdf", alice, NOW, store).key)
    product = Product.get(Product.slug == "time")
    return requests.submit(
        requests.Submission(
            form_slug="licence",
            organisation_id=alice.memberships[0].organisation_id,
            requester_id=alice.id,
            summary="Vingt licences de plus",
            description="Pour l’ouverture du site.",
            idempotency_key=key,
            consented=True,
            attachment_keys=keys,
            licence={"product": product.id, "due_on": date(2026, 12, 1), "source": "form", **licence},
        ),
        alice,
        NOW,
    )


@pytest.fixture
def store(tmp_path: Path) -> DiskStore:
    return DiskStore(tmp_path / "files")


def changes_of(ticket: Ticket) -> list[dict[str, Any]]:
    rows = TicketEvent.select().where(
        (TicketEvent.ticket == ticket.id) & (TicketEvent.kind == "ticket:licence_changed")
    )
    return [row.data for row in rows.order_by(TicketEvent.id)]


def test_an_attached_form_fills_in_the_record(world: Any, store: DiskStore) -> None:
    ticket = asked(world, store, filled(FILLED))
    record = licences.fill_in(ticket, store, NOW)
    assert record is not None
    assert (record.edition, record.quantity, record.due_on) == ("Plus", 20, date(2026, 12, 1))
    (event,) = changes_of(ticket)
    assert event["changed"] == ["edition", "quantity"]
    assert event["differs"] == []
    assert audit.verify() == []


def test_it_is_filled_in_once(world: Any, store: DiskStore) -> None:
    ticket = asked(world, store, filled(FILLED))
    licences.fill_in(ticket, store, NOW)
    licences.fill_in(ticket, store, NOW)
    assert len(changes_of(ticket)) == 1


def test_what_the_page_said_stays_and_the_difference_is_kept(world: Any, store: DiskStore) -> None:
    form = filled({**FILLED, "product": "Initech Paie", "due_on": "15/01/2027", "edition": "Premium"})
    ticket = asked(world, store, form, edition="Standard")
    record = licences.fill_in(ticket, store, NOW)
    assert record is not None
    assert (record.product.slug, record.edition, record.due_on) == ("time", "Standard", date(2026, 12, 1))
    (event,) = changes_of(ticket)
    assert event["differs"] == ["product", "due_on"]
    assert event["read"]["due_on"] == "2027-01-15"


@pytest.mark.parametrize(
    "pdf", [None, b"%PDF-1.7\nnothing to read", blank()], ids=["no file", "no form", "blank"]
)
def test_without_a_readable_form_the_record_waits_for_a_person(
    world: Any, store: DiskStore, pdf: bytes | None
) -> None:
    ticket = asked(world, store, pdf)
    record = licences.fill_in(ticket, store, NOW)
    assert record is not None and record.quantity is None
    assert changes_of(ticket) == []


def test_what_was_filled_in_on_the_page_is_not_read_again(world: Any, store: DiskStore) -> None:
    ticket = asked(world, store, filled(FILLED), source="page", edition="Plus", quantity=3)
    record = licences.fill_in(ticket, store, NOW)
    assert record is not None and record.quantity == 3


def test_a_file_lost_by_the_store_stops_nothing(world: Any, store: DiskStore, tmp_path: Path) -> None:
    ticket = asked(world, store, filled(FILLED))
    record = licences.fill_in(ticket, DiskStore(tmp_path / "elsewhere"), NOW)
    assert record is not None and record.quantity is None


def test_a_request_without_a_record_has_none(world: Any, store: DiskStore) -> None:
    other = Ticket.get(Ticket.form_slug == "question")
    assert licences.fill_in(other, store, NOW) is None


# ---- Its life --------------------------------------------------------------------------------------------


@pytest.fixture
def record(world: Any, store: DiskStore) -> LicenceRequest:
    return asked(world, store).licence_requests.get()


def test_it_is_prepared_then_delivered(world: Any, record: LicenceRequest) -> None:
    vera = see(world.vera)
    record = licences.prepare(record, vera, NOW)
    assert record.status == "in_preparation"
    record = licences.deliver(record, vera, NOW, delivered_on=date(2026, 11, 12))
    assert (record.status, record.delivered_on) == ("delivered", date(2026, 11, 12))
    moves = [(data["from"], data["to"]) for data in changes_of(record.ticket)]
    assert moves == [("received", "in_preparation"), ("in_preparation", "delivered")]


def test_it_is_refused_with_a_reason(world: Any, record: LicenceRequest) -> None:
    with pytest.raises(Invalid):
        licences.refuse(record, see(world.vera), NOW, "  ")
    record = licences.refuse(record, see(world.vera), NOW, "Le contrat est terminé.")
    assert (record.status, record.note) == ("refused", "Le contrat est terminé.")


def test_what_is_over_stays_over(world: Any, record: LicenceRequest) -> None:
    vera = see(world.vera)
    licences.deliver(record, vera, NOW)
    for act in (
        lambda: licences.prepare(record, vera, NOW),
        lambda: licences.deliver(record, vera, NOW),
        lambda: licences.refuse(record, vera, NOW, "Trop tard."),
        lambda: licences.amend(record, vera, NOW, quantity=3),
    ):
        with pytest.raises(NotNow):
            act()


@pytest.mark.parametrize("who", ["alice", "bob", "charlie", "marc"])
def test_only_the_desk_moves_it(world: Any, record: LicenceRequest, who: str) -> None:
    with pytest.raises(NotAllowed):
        licences.deliver(record, see(getattr(world, who)), NOW)
    with pytest.raises(NotAllowed):
        licences.amend(record, see(getattr(world, who)), NOW, quantity=9)
    assert LicenceRequest.get_by_id(record.id).status == "received"


def test_a_correction_is_kept_in_the_history(world: Any, record: LicenceRequest) -> None:
    payroll = Product.get(Product.slug == "payroll")
    record = licences.amend(
        record, see(world.vera), NOW, product=payroll, quantity=30, due_on=date(2027, 1, 4), edition="Premium"
    )
    assert (record.product_id, record.quantity, record.edition) == (payroll.id, 30, "Premium")
    (event,) = changes_of(record.ticket)
    assert event["before"]["quantity"] is None
    assert event["after"] == {
        "product": payroll.id,
        "quantity": 30,
        "due_on": "2027-01-04",
        "edition": "Premium",
    }
    assert len(changes_of(licences.amend(record, see(world.vera), NOW, quantity=30).ticket)) == 1


@pytest.mark.parametrize("quantity", [0, -1, 1_000_001])
def test_a_senseless_quantity_is_refused(world: Any, record: LicenceRequest, quantity: int) -> None:
    with pytest.raises(Invalid) as refused:
        licences.amend(record, see(world.vera), NOW, quantity=quantity)
    assert refused.value.field == "quantity"


def test_a_new_record_is_received(world: Any) -> None:
    ticket = Ticket.get(Ticket.form_slug == "question")
    product = Product.get(Product.slug == "time")
    record = licences.receive(
        ticket, product_id=product.id, due_on=date(2026, 12, 1), edition="Plus", quantity=5
    )
    assert (record.status, record.source, record.organisation_id) == (
        "received",
        "page",
        ticket.organisation_id,
    )
