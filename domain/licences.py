"""Licence requests: the record behind a request of that form, and the PDF that fills it in by itself (REQ-13)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, BinaryIO, TypedDict

from domain import audit, lifecycle, notifications, pdf_fields, pdf_pages, policies
from domain.refusals import Invalid, NotAllowed, NotNow
from models import Attachment, LicenceRequest, Product, Ticket, db

if TYPE_CHECKING:
    from domain.files import Store
    from domain.policies import Viewer

# A licence form has one page; a document beyond this is something else.
FORM_MAX_BYTES = 5 * 1024 * 1024
QUANTITY_MAX = 1_000_000
FIELDS = ("product", "edition", "quantity", "due_on")

# From one status of the record to the next; delivered and refused are final.
MOVES: dict[str, tuple[str, ...]] = {
    "received": ("in_preparation", "delivered", "refused"),
    "in_preparation": ("delivered", "refused"),
    "delivered": (),
    "refused": (),
}


class FilledForm(TypedDict):
    """What a filled form says; None for what it does not say or says unreadably."""

    product: str | None
    edition: str | None
    quantity: int | None
    due_on: date | None


# ---- The record ----------------------------------------------------------------------------------------


def receive(
    ticket: Ticket,
    *,
    product_id: int,
    due_on: date,
    edition: str = "",
    quantity: int | None = None,
    source: str = "page",
) -> LicenceRequest:
    """Make the record of a request, inside the transaction that makes the request.

    Arguments: due_on, a local day; source, "page" or "form" (then fill_in() reads the attached PDF afterwards).
    """
    return LicenceRequest.create(
        ticket=ticket.id,
        organisation=ticket.organisation_id,
        product=product_id,
        edition=edition,
        quantity=quantity,
        due_on=due_on,
        source=source,
    )


def fill_in(ticket: Ticket, store: Store, now: datetime) -> LicenceRequest | None:
    """Fill the record of a request from the PDF form attached to it, once (REQ-13).

    Call it after the request is sent, outside its transaction: reading may take a moment. What the page said stays;
    the form gives what the page left out, and the history keeps what the two say differently.
    Returns the record, or None for a request without one. Never raises for what a document holds.
    """
    record = LicenceRequest.get_or_none(LicenceRequest.ticket == ticket.id)
    if record is None or record.source != "form" or record.quantity is not None:
        return record
    read = read_attached(
        list(Attachment.select().where(Attachment.ticket == ticket.id).order_by(Attachment.id)), store
    )
    if read is None:
        return record
    with db.atomic():
        lifecycle.fresh(ticket.id)
        record = LicenceRequest.get_by_id(record.id)
        if record.quantity is not None:
            return record
        changes: dict[str, Any] = {}
        if read["quantity"] is not None:
            changes["quantity"] = read["quantity"]
        if read["edition"] and not record.edition:
            changes["edition"] = read["edition"]
        product = find_product(read["product"])
        differs = []
        if product is not None and product.id != record.product_id:
            differs.append("product")
        if read["due_on"] is not None and read["due_on"] != record.due_on:
            differs.append("due_on")
        if changes:
            LicenceRequest.update(changes).where(LicenceRequest.id == record.id).execute()
        said = {name: value.isoformat() if isinstance(value, date) else value for name, value in read.items()}
        event = audit.record_event(
            ticket, "ticket:licence_changed", None, now, read=said, differs=differs, changed=sorted(changes)
        )
        notifications.tell(event, ticket, now, None)
    return LicenceRequest.get_by_id(record.id)


def prepare(record: LicenceRequest, by: Viewer, now: datetime) -> LicenceRequest:
    """The licences are being made. Raises as _move()."""
    return _move(record, "in_preparation", by, now)


def deliver(
    record: LicenceRequest, by: Viewer, now: datetime, delivered_on: date | None = None
) -> LicenceRequest:
    """The licences were handed over, on `delivered_on` (a local day, that of `now` in UTC when absent)."""
    return _move(record, "delivered", by, now, delivered_on=delivered_on or now.date())


def refuse(record: LicenceRequest, by: Viewer, now: datetime, reason: str) -> LicenceRequest:
    """There will be no licences, for a reason that the customer reads. Raises Invalid("reason-needed") without one."""
    if not reason.strip():
        raise Invalid("reason-needed", field="reason")
    return _move(record, "refused", by, now, note=reason.strip())


def amend(record: LicenceRequest, by: Viewer, now: datetime, **changes: Any) -> LicenceRequest:
    """Correct product, edition, quantity or due_on of a record that is not over; the history says from what to what.

    Raises NotAllowed outside the desk, Invalid("quantity-bad"), NotNow("licence-over").
    """
    unknown = set(changes) - set(FIELDS)
    if unknown:
        raise TypeError(f"not part of a licence request: {sorted(unknown)}")
    quantity = changes.get("quantity")
    if quantity is not None and not 1 <= quantity <= QUANTITY_MAX:
        raise Invalid("quantity-bad", field="quantity", most=QUANTITY_MAX)
    with db.atomic():
        ticket, record = _for_change(record, by)
        if not MOVES[record.status]:
            raise NotNow("licence-over", status=record.status)
        columns = {"product": "product_id"}
        before = {name: _plain(getattr(record, columns.get(name, name))) for name in changes}
        after = {name: _plain(getattr(value, "id", value)) for name, value in changes.items()}
        if before != after:
            LicenceRequest.update(changes).where(LicenceRequest.id == record.id).execute()
            event = audit.record_event(ticket, "ticket:licence_changed", by, now, before=before, after=after)
            notifications.tell(event, ticket, now, by)
    return LicenceRequest.get_by_id(record.id)


def _move(record: LicenceRequest, target: str, by: Viewer, now: datetime, **changes: Any) -> LicenceRequest:
    """Move a record along MOVES. Raises NotAllowed outside the desk, NotNow("licence-over") for any other move."""
    with db.atomic():
        ticket, record = _for_change(record, by)
        if target not in MOVES[record.status]:
            raise NotNow("licence-over", status=record.status, target=target)
        origin = record.status
        LicenceRequest.update({**changes, "status": target}).where(LicenceRequest.id == record.id).execute()
        data = {"from": origin, "to": target}
        if changes.get("note"):
            data["reason"] = changes["note"]
        event = audit.record_event(ticket, "ticket:licence_changed", by, now, **data)
        notifications.tell(event, ticket, now, by)
    return LicenceRequest.get_by_id(record.id)


def _for_change(record: LicenceRequest, by: Viewer) -> tuple[Ticket, LicenceRequest]:
    """The request, locked until the transaction ends, and its record as it is now."""
    ticket = lifecycle.fresh(record.ticket_id)
    if not policies.can_work(by, ticket):
        raise NotAllowed("licence-not-yours")
    return ticket, LicenceRequest.get_by_id(record.id)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


# ---- The form as a PDF: reading it -----------------------------------------------------------------------


def read_attached(attachments: Sequence[Attachment], store: Store) -> FilledForm | None:
    """What the first filled licence form among these files says; None when there is none."""
    for attachment in attachments:
        if attachment.content_type != "application/pdf" or attachment.size > FORM_MAX_BYTES:
            continue
        try:
            with store.open(attachment.stored_name) as stream:
                found = read_form(stream)
        except OSError:
            continue
        if any(value is not None for value in found.values()):
            return found
    return None


def read_form(stream: BinaryIO) -> FilledForm:
    """What somebody typed in the fields product, edition, quantity and due_on of a PDF form.

    Reads at most FORM_MAX_BYTES, for a bounded time, and never raises for what a document holds: what cannot be
    read is None. The product is text: find_product() tells which one it names.
    """
    pdf = stream.read(FORM_MAX_BYTES + 1)
    if len(pdf) > FORM_MAX_BYTES:
        return understood({})
    return understood(pdf_fields.filled_fields(pdf))


def understood(fields: Mapping[str, str]) -> FilledForm:
    """The four answers among the fields of a form, whatever else it holds and however their names are nested."""
    said: dict[str, str] = {}
    for name, value in fields.items():
        short = name.rpartition(".")[2].strip().lower()
        value = " ".join(value.split())
        if short in FIELDS and value and value != "/Off":
            said.setdefault(short, value)
    return {
        "product": said["product"][:120] if "product" in said else None,
        "edition": said["edition"][:80] if "edition" in said else None,
        "quantity": _quantity(said.get("quantity", "")),
        "due_on": _day(said.get("due_on", "")),
    }


def _quantity(text: str) -> int | None:
    """A whole number, however its thousands are set apart: 1200, 1 200, 1.200."""
    if not re.fullmatch(r"[0-9]{1,3}([ .,][0-9]{3})+|[0-9]{1,9}", text):
        return None
    number = int(re.sub(r"[^0-9]", "", text))
    return number if 1 <= number <= QUANTITY_MAX else None


def _day(text: str) -> date | None:
    """2026-12-01, or the day first as in France: 01/12/2026, 1.12.2026."""
    if found := re.fullmatch(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})", text):
        year, month, day = (int(part) for part in found.groups())
    elif found := re.fullmatch(r"([0-9]{1,2}) ?[/.-] ?([0-9]{1,2}) ?[/.-] ?([0-9]{4})", text):
        day, month, year = (int(part) for part in found.groups())
    else:
        return None
    try:
        return date(year, month, day)
    except ValueError:
        return None


def find_product(text: str | None) -> Product | None:
    """The active product that a form names, by its name in either language or its slug."""
    wanted = (text or "").casefold()
    for product in Product.select().where(Product.is_active):
        if wanted in (product.slug.casefold(), product.name_fr.casefold(), product.name_en.casefold()):
            return product
    return None


# ---- The form as a PDF: the blank one --------------------------------------------------------------------


def blank_form(
    words: Mapping[str, str],
    products: Sequence[str],
    language: str,
    values: Mapping[str, str] | None = None,
) -> bytes:
    """The licence form as a PDF with fields to fill in, named like FIELDS.

    Arguments: words, for title, intro and each of FIELDS, `due_on_hint` under the last one; products, the names
    offered; language, "fr" or "en", for screen readers; values, what stands in the fields already.
    Returns the bytes of the document.
    """
    page = pdf_pages.Page(title=words["title"], language=language)
    page.heading(words["title"])
    page.paragraph(words["intro"])
    for name in FIELDS:
        page.field(
            name,
            words[name],
            value=(values or {}).get(name, ""),
            choices=products if name == "product" else (),
            wide=name in ("product", "edition"),
        )
    page.paragraph(words["due_on_hint"], size=9)
    return page.document()
