"""What all request forms share (REQ-2): who asks, summary, description, files, who is told, who reads, consent.

A form of forms/requests/ adds its own fields and names them in `asks`, in the order in which they are asked.
Nothing here reads the database: what a form must know stands in its Occasion.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from typing import Any

from flask_wtf import FlaskForm
from wtforms import HiddenField, MultipleFileField
from wtforms.fields import SelectChoice
from wtforms.validators import ValidationError

import presenters
from domain import advice, conversation
from domain.occasions import Occasion, Place
from domain.refusals import Invalid
from domain.requests import Submission
from forms.fields import TEXT_MAX, AnyOf, Line, Lines, OneOf, OneOfFew, Tick, cleaned, in_both
from words import gettext, lazy_gettext

_l = lazy_gettext

CC_MAX = 20
_ADDRESS_GAPS = re.compile(r"[\s,;]+")
_KEY = re.compile(r"[A-Za-z0-9_-]{16,64}")


class Addresses(Lines):
    """E-mail addresses separated by commas, blanks or lines; `data` is the text, `addresses` the checked list."""

    addresses: tuple[str, ...] = ()

    def __init__(self, label: Any = None, **kwargs: Any) -> None:
        super().__init__(label, most=3_000, rows=2, **kwargs)


class RequestFields(FlaskForm):
    """The common fields, in two parts: before and after those that a form adds."""

    # Names of the fields that this form adds, in the order in which they are asked.
    asks: tuple[str, ...] = ()
    # Names among `asks` that are columns of the request and are not repeated as answers.
    columns: tuple[str, ...] = ("kind", "severity", "people")
    # What must be among the files, and the sentence that asks for it.
    files_needed: Any = None
    files_like: tuple[str, ...] = ("",)

    organisation = OneOf(
        _l("For which organisation"),
        choices=lambda form, field: form.organisations(),
    )
    on_behalf_of = OneOf(_l("On behalf of"), choices=lambda form, field: list(form.requesters()))
    reason = Lines(
        _l("Why this follow-up"),
        _l("Say why you take this request up again."),
        most=2_000,
        rows=3,
        description=_l("What is not settled, or what has come back since."),
    )
    summary = Line(
        _l("Summary"),
        _l("Sum up your request in one sentence."),
        least=3,
        short=_l("Write a summary of 3 characters or more."),
        description=_l("One sentence that a colleague would understand without you."),
    )
    description = Lines(
        _l("Description"),
        _l("Describe your request."),
        most=TEXT_MAX,
        rows=8,
        description=_l("What happens, whom it concerns, and the whole text of any message."),
    )
    attachments = MultipleFileField(_l("Files"))
    cc = Addresses(
        _l("In copy"),
        description=_l("Addresses of people who get every answer, separated by commas. Colleagues only."),
    )
    audience = OneOfFew(
        _l("Who can read it"),
        default="organisation",
        choices=[
            ("organisation", _l("The contacts of my organisation")),
            ("people", _l("The people I name")),
            ("only_me", _l("Only me")),
        ],
    )
    audience_people = AnyOf(_l("Colleagues who can read it"), choices=lambda form, field: form.nameable())
    share_with_account_manager = Tick(_l("Show it to our account manager too"))
    consent = Tick(
        _l("I agree that support uses these data to deal with my request"),
        _l("Tick the box to let us use these data for your request."),
        says_optional=False,
    )
    consent_version = HiddenField()
    idempotency_key = HiddenField()
    follow_up = HiddenField()

    before = ("organisation", "on_behalf_of", "reason", "summary", "description")
    after = (
        "attachments",
        "cc",
        "audience",
        "audience_people",
        "share_with_account_manager",
        "irreversible",
        "consent",
    )

    def __init__(self, occasion: Occasion, formdata: Any = None, data: dict[str, Any] | None = None) -> None:
        self.occasion = occasion
        # Rows of files that were received and wait for the request: the view fills this.
        self.kept: list[Any] = []
        # The same request was sent a moment ago: its files are no longer waiting, and need not be.
        self.sent_before = False
        # The draft that the form was filled in from, and whether it was: the view says so (REQ-16).
        self.draft: Any = None
        self.restored = False
        super().__init__(formdata=formdata, data=self._prefill(data or {}))
        if not _KEY.fullmatch(self.idempotency_key.data or ""):
            self.idempotency_key.data = secrets.token_urlsafe(24)
        self.follow_up.data = cleaned(str(self.follow_up.data or ""), lines=False)[:20]
        if not self.follow_up.data:
            del self.reason
        if occasion.consent is None:
            del self.consent
            del self.consent_version
        if not any(place.account_manager for place in occasion.places):
            del self.share_with_account_manager
        self._check_consent_version()
        # Errors are listed in the order of the page, whatever the order in which classes were written.
        order = {name: at for at, name in enumerate((*self.before, *self.asks, *self.after))}
        self._fields = dict(sorted(self._fields.items(), key=lambda item: order.get(item[0], len(order))))

    def _prefill(self, data: dict[str, Any]) -> dict[str, Any]:
        """What the form starts with: oneself, the first organisation, and what the profile of it says."""
        first = self.occasion.place(data.get("organisation")) or self.occasion.places[0]
        return {
            **self.profile(first),
            "consent_version": str(self.occasion.consent.version) if self.occasion.consent else "",
            **data,
            "organisation": str(first.id),
            "on_behalf_of": str(self.occasion.viewer.id),
        }

    @property
    def language(self) -> str:
        """The language of the page: fr or en."""
        return presenters.language()

    def profile(self, place: Place) -> dict[str, Any]:
        """What the organisation's profile fills in: the forms that ask for it say."""
        return {}

    def _check_consent_version(self) -> None:
        """A box ticked under an older text is ticked again under the new one (REQ-3)."""
        consent = self.occasion.consent
        shown = self.consent_version.data if consent is not None else None
        if consent is not None and shown and shown != str(consent.version):
            self.consent_version.data = str(consent.version)
            self.consent.data = False
            self.consent.process_errors.append(
                gettext("The text has changed since you opened this page: read it again, then tick the box.")
            )

    # ---- For whom --------------------------------------------------------------------------------------

    @property
    def for_clients(self) -> bool:
        """Whether some of the organisations are clients of the viewer's own (ACC-18)."""
        return any(place.partner_id is not None for place in self.occasion.places)

    def organisations(self) -> list[SelectChoice]:
        """For which organisations the viewer may open requests: their own, then apart those that theirs acts for."""
        if not self.for_clients:
            return [SelectChoice(str(place.id), place.name) for place in self.occasion.places]
        own, clients = gettext("Your organisations"), gettext("Clients")
        return [
            SelectChoice(str(place.id), place.name, optgroup=own if place.partner_id is None else clients)
            for place in self.occasion.places
        ]

    # ---- Who asks --------------------------------------------------------------------------------------

    def requesters(self) -> Iterator[SelectChoice]:
        """In whose name the viewer may ask: oneself, then colleagues where the viewer is an administrator (S09)."""
        viewer = self.occasion.viewer
        yield SelectChoice(str(viewer.id), f"{viewer.full_name}, {viewer.email}")
        several = len(self.occasion.places) > 1
        for place in self.occasion.places:
            for key, name, email in place.colleagues:
                yield SelectChoice(str(key), f"{name}, {email}", optgroup=place.name if several else None)

    def nameable(self) -> list[SelectChoice]:
        """The colleagues to whom the request can be shown by name, the viewer left out (VIEW-13)."""
        several = len(self.occasion.places) > 1
        return [
            SelectChoice(str(key), f"{name}, {place.name}" if several else name)
            for place in self.occasion.places
            for key, name in place.members
        ]

    def validate_audience(self, field: OneOfFew) -> None:
        """Nobody of a client is named by a partner, who is not told their names (ACC-18)."""
        if field.data == "people" and self.place is not None and self.place.partner_id is not None:
            raise ValidationError(
                gettext("The people of a client cannot be named here. Choose another answer.")
            )

    def validate_audience_people(self, field: AnyOf) -> None:
        """Somebody must be named when named people are to read it; otherwise the names do not count."""
        if self.audience.data != "people" or self.place is None:
            return
        known = {str(key) for key, _name in self.place.members}
        field.data = [key for key in field.data or () if key in known]
        if not field.data and self.place.partner_id is None:
            raise ValidationError(gettext("Choose at least one colleague, or another answer above."))

    @property
    def place(self) -> Place | None:
        """The organisation chosen."""
        key = self.organisation.data or ""
        return self.occasion.place(int(key)) if key.isascii() and key.isdigit() and len(key) < 12 else None

    def validate_on_behalf_of(self, field: OneOf) -> None:
        """The colleague must belong to the organisation chosen above."""
        place = self.place
        if place is None or field.data == str(self.occasion.viewer.id):
            return
        if field.data not in {str(key) for key, _name, _email in place.colleagues}:
            raise ValidationError(
                gettext("Choose yourself or somebody of %(organisation)s.", organisation=place.name)
            )

    # ---- What is checked beyond one field ----------------------------------------------------------------

    def validate_cc(self, field: Addresses) -> None:
        """Only addresses that this person may put in copy of this organisation's requests (VIEW-5)."""
        place = self.place
        addresses = list(dict.fromkeys(part for part in _ADDRESS_GAPS.split(field.data) if part))
        if len(addresses) > CC_MAX:
            raise ValidationError(gettext("Keep %(most)s addresses at most.", most=CC_MAX))
        good = []
        for address in addresses if place else ():
            try:
                good.append(
                    conversation.check_cc(
                        address, place.id, self.occasion.viewer, partner_id=place.partner_id
                    )
                )
            except Invalid as refusal:
                field.errors.append(presenters.refusal(refusal))
        field.addresses = tuple(dict.fromkeys(good))

    def files_that_count(self) -> list[Any]:
        """The files received that are of the kind this form needs."""
        return [row for row in self.kept if row.content_type.startswith(self.files_like)]

    def validate_attachments(self, field: MultipleFileField) -> None:
        """The file without which this request cannot be dealt with."""
        if (
            self.files_needed
            and not self.sent_before
            and not field.process_errors
            and not self.files_that_count()
        ):
            raise ValidationError(self.files_needed)

    # ---- What the page shows -----------------------------------------------------------------------------

    def layout(self) -> Iterator[Any]:
        """The fields in the order in which they are asked, without the hidden ones."""
        for name in (*self.before, *self.asks, *self.after):
            if name in self:
                yield self[name]

    @property
    def files_optional(self) -> bool:
        """False when the request cannot be sent without a file."""
        return not self.files_needed

    def refuse_file(self, message: str) -> None:
        """Put a message by the files: one of them was not taken, the rest is kept."""
        self.attachments.process_errors.append(message)
        self.attachments.errors = list(self.attachments.process_errors)

    def points(self) -> int:
        """How many points the error summary lists."""
        return sum(_points(field) for field in self)

    def written(self) -> advice.Written:
        """What has been written so far, as the rules of advice look at it."""
        return advice.Written(
            form_slug=self.occasion.form.slug,
            summary=self.summary.data or "",
            description=self.description.data or "",
            version=(self.version.data or "") if "version" in self else None,
            with_files=bool(self.kept),
        )

    def hints(self) -> dict[str, str]:
        """The advice by the field it stands by, in words: never a refusal (REQ-9, REQ-10)."""
        written = self.written()
        example = presenters.localized(self.occasion.form, "example")
        return {
            found.field: presenters.advice(found.code, written, example) for found in advice.advise(written)
        }

    def definitions(self, name: str) -> dict[str, dict[str, Any]] | None:
        """What stands under each answer of a field, by value; None for a field whose answers need no more words."""
        return None

    # ---- What the domain gets ----------------------------------------------------------------------------

    def answers(self) -> list[dict[str, Any]]:
        """The answers as they are kept with the request, in the order of the form, words in both languages."""
        snapshots = []
        for name in ("reason", *self.asks, "irreversible"):
            if name not in self or name in self.columns:
                continue
            answer = self[name].answer()
            if answer is not None:
                label = in_both(self[name].label.text)
                snapshots.append({"key": name, "label_fr": label["fr"], "label_en": label["en"], **answer})
        return snapshots

    def named_readers(self) -> tuple[int, ...]:
        """The keys of those whom the audience names; nobody for any other audience."""
        if self.audience.data != "people":
            return ()
        return tuple(int(key) for key in self.audience_people.data or ())

    def beyond(self) -> dict[str, Any]:
        """Parts of the submission that only some forms have."""
        return {}

    def submission(self) -> Submission:
        """What the domain makes a request of. Call it after validate()."""
        return Submission(
            form_slug=self.occasion.form.slug,
            organisation_id=self.place.id,
            requester_id=int(self.on_behalf_of.data),
            summary=self.summary.data,
            description=self.description.data,
            idempotency_key=self.idempotency_key.data,
            language=self.language,
            kind_slug=self.kind.data if "kind" in self else None,
            priority=self.severity.data if "severity" in self else None,
            audience=self.audience.data,
            audience_people=self.named_readers(),
            share_with_account_manager=bool(
                self.share_with_account_manager and self.share_with_account_manager.data
            ),
            cc=self.cc.addresses,
            answers=self.answers(),
            attachment_keys=tuple(row.key for row in self.kept),
            consented=bool(self.consent and self.consent.data),
            follow_up_of=self.follow_up.data or None,
            **self.beyond(),
        )


def _points(field: Any) -> int:
    if hasattr(field, "entries"):
        own = sum(1 for error in field.errors if isinstance(error, str))
        return own + sum(_points(entry) for entry in field.entries)
    if hasattr(field, "form"):
        return sum(_points(inner) for inner in field.form)
    return 1 if field.errors else 0
