"""The thirteen request forms as classes: what each asks, what it refuses, what it hands to the domain.

Pages are in test_request_pages.py. Here a form is filled in as a browser sends it, on both databases.
"""

from __future__ import annotations

import io
import time
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask import Flask
from flask_babel import Babel, force_locale
from werkzeug.datastructures import MultiDict

from domain import catalogue, files, occasions, policies, requests
from domain.advice import is_vague
from forms.requests import REQUEST_FORMS, rows_without_fields
from forms.requests.billing import checked_vat
from gateways.files import DiskStore
from models import (
    Consent,
    ConsentText,
    LicenceRequest,
    Membership,
    NamedPerson,
    Organisation,
    Participant,
    RequestForm,
    Ticket,
)
from tests.support.right_entries import NEEDED, PDF, PNG, WITH_A_FILE, right_entry


@pytest.fixture
def counter(world, clock, tmp_path):
    """Fills forms in: counter.fill("api", by=..., endpoint_url="...") and counter.keep("proof.pdf", PDF)."""
    app = Flask("forms", root_path=str(Path(__file__).resolve().parent.parent))
    app.config.update(SECRET_KEY="only for tests", WTF_CSRF_ENABLED=False, BABEL_DEFAULT_LOCALE="fr")
    Babel(app)
    store = DiskStore(tmp_path / "files")

    def keep(name, content, by=world.alice):
        return files.keep(io.BytesIO(content), name, policies.load_viewer(by.id), clock.now, store)

    def bare(slug, entry, by=world.alice, kept=(), data=None):
        occasion = occasions.Occasion(catalogue.form(slug), policies.load_viewer(by.id), clock.now)
        form = REQUEST_FORMS[slug](
            occasion, formdata=MultiDict(entry) if entry is not None else None, data=data
        )
        form.kept = list(kept)
        return form

    def fill(slug, by=world.alice, kept=None, without=(), **changes):
        entry = right_entry(slug)
        entry.update({name.replace("__", "-"): value for name, value in changes.items()})
        for name in without:
            entry.pop(name, None)
        if kept is None:
            kept = [keep("capture.png", PNG, by)] if slug in WITH_A_FILE else []
        return bare(slug, entry, by, kept)

    def submit(form):
        assert form.validate(), form.errors
        return requests.submit(form.submission(), form.occasion.viewer, clock.now)

    with app.test_request_context():
        yield SimpleNamespace(fill=fill, bare=bare, keep=keep, submit=submit, world=world, clock=clock)


def errors_of(form):
    """Names of the fields with an error, those of people one by one."""
    names = set()
    for field in form:
        if hasattr(field, "entries"):
            names |= {inner.name for entry in field.entries for inner in entry.form if inner.errors}
            names |= {field.name for error in field.errors if isinstance(error, str)}
        elif field.errors:
            names.add(field.name)
    return names


def refused(form, *names):
    """True when the form is refused at these fields and nowhere else."""
    assert not form.validate()
    assert errors_of(form) == set(names)
    return True


# ---- Every form ------------------------------------------------------------------------------------------


def test_every_form_of_the_product_has_a_class_and_a_row(counter):
    rows = {row.slug for row in RequestForm.select().where(RequestForm.is_active)}
    # The guided path has a row as well, and a class that its choices make.
    assert {*REQUEST_FORMS, catalogue.GUIDED} == rows
    assert rows_without_fields() == []


def test_a_row_without_a_class_is_named_at_start(counter):
    like = RequestForm.select().first()
    RequestForm.create(slug="coffee", category=like.category, name_fr="Café", name_en="Coffee")
    assert rows_without_fields() == ["coffee"]


@pytest.mark.parametrize("slug", REQUEST_FORMS)
def test_an_empty_form_names_every_field_that_is_needed(counter, slug):
    entry = {"company": "", "version": "", "country": ""}
    common = {"summary", "description"} | (set() if slug == "improvement" else {"consent"})
    assert refused(counter.bare(slug, entry), *common, *NEEDED[slug])


@pytest.mark.parametrize("slug", REQUEST_FORMS)
def test_a_right_entry_becomes_a_request(counter, slug):
    ticket = counter.submit(counter.fill(slug))
    stored = Ticket.get_by_id(ticket.id)
    assert (stored.form_slug, stored.requester_id) == (slug, counter.world.alice.id)
    assert stored.summary == right_entry(slug)["summary"]
    assert stored.messages.get().body == right_entry(slug)["description"]


@pytest.mark.parametrize("slug", REQUEST_FORMS)
def test_each_needed_field_is_asked_for_by_its_own_name(counter, slug):
    for name in right_entry(slug).keys() & NEEDED[slug]:
        if slug == "vat-change" and name == "legal_name":
            continue  # the number may stand for it
        assert refused(counter.fill(slug, **{name.replace("-", "__"): "  "}), name)


@pytest.mark.parametrize("slug", REQUEST_FORMS)
def test_answers_are_kept_with_their_words_in_both_languages(counter, slug):
    form = counter.fill(slug)
    assert form.validate()
    for answer in form.answers():
        assert answer["label_fr"] and answer["label_en"]
        assert answer["kind"] in {"text", "url", "date", "choice", "number"}
        if answer["kind"] == "choice":
            assert answer["value_fr"] and answer["value_en"]
    asked = {name for name in form.asks if form[name].data} - {"people", "kind", "severity"}
    assert {answer["key"] for answer in form.answers()} - {"irreversible"} == asked


def test_the_words_of_an_answer_do_not_depend_on_who_sent_it(counter):
    with force_locale("fr"):
        french = counter.fill("api")
        assert french.validate()
        from_french = french.answers()
    with force_locale("en"):
        english = counter.fill("api")
        assert english.validate()
        assert english.answers() == from_french
    impact = next(answer for answer in from_french if answer["key"] == "impact")
    assert impact["value_fr"].startswith("Moyen") and impact["value_en"].startswith("Medium")


def test_what_no_field_asks_for_changes_nothing(counter):
    entry = {
        **right_entry("question"),
        **dict.fromkeys(("status", "team", "assignee", "priority", "priority_asked", "kind_slug"), "closed"),
        **dict.fromkeys(("organisation_id", "requester_id", "opened_by", "is_admin", "version", "number"), "1"),
        "summary[]": "Autre", "a.b": "c", "kind": "incident", "severity": "1",
    }  # fmt: skip
    ticket = counter.submit(counter.bare("question", entry))
    plain = counter.submit(counter.fill("question"))
    for column in ("status", "team_id", "assignee_id", "priority", "priority_asked", "kind_slug", "organisation_id",
                   "requester_id", "opened_by_id", "version", "summary"):  # fmt: skip
        assert getattr(ticket, column) == getattr(plain, column), column


# ---- The input layer --------------------------------------------------------------------------------------


NO_SIGNS = ["\x00", "\x07", "\x1b", "\x7f", "\x9b", "\ud800", "\udfff", "\ufffe", "\U0001ffff"]


def test_a_character_that_cannot_be_stored_is_refused_and_shown_where_it_stood(counter):
    for sign in NO_SIGNS:
        for name in ["summary", "description", "justification"]:
            form = counter.fill("improvement", **{name: f"avant{sign}après"})
            assert refused(form, name)
            assert form[name].data == "avant\ufffdaprès"
            assert "\ufffd" in form[name].errors[0]


def test_texts_are_kept_in_one_form(counter):
    form = counter.fill(
        "question", summary="  Cafe\u0301 trop\tlong\r\n ", description="un\r\ndeux\rtrois\u2028quatre\tcinq "
    )
    assert form.validate()
    assert form.summary.data == "Café trop long"
    assert form.description.data == "un\ndeux\ntrois\nquatre\tcinq"


def test_blanks_and_invisible_marks_are_no_answer(counter):
    for blank in ["", "   ", "\n\t", "\u200b\u200b\u200b", "\u00a0\u202f"]:
        assert refused(counter.fill("question", summary=blank, description=blank), "summary", "description")


def test_a_text_that_is_too_long_is_refused_whole_and_kept(counter):
    form = counter.fill("question", summary="é" * 201, description="x" * 20_001)
    assert refused(form, "summary", "description")
    assert len(form.description.data) == 20_001
    assert counter.fill("question", summary="é" * 200, description="x" * 20_000).validate()


def test_a_summary_of_two_characters_is_too_short(counter):
    assert refused(counter.fill("question", summary="Ça"), "summary")
    assert counter.fill("question", summary="TVA").validate()


def test_a_repeated_parameter_counts_once(counter):
    entry = MultiDict(
        [("summary", "La première"), ("summary", "La seconde"), *right_entry("question").items()]
    )
    form = counter.bare("question", entry)
    assert form.validate()
    assert form.summary.data == "La première"


def test_hostile_texts_are_refused_or_taken_quickly(counter):
    for name in ["page_url", "severity", "summary", "measures_taken"]:
        for hostile in (
            "a" * 50_000,
            "https://" + "a." * 25_000,
            " " * 50_000 + "!",
            "((((" * 12_000,
            "1" * 50_000,
        ):
            started = time.perf_counter()
            counter.fill("incident", **{name: hostile}).validate()
            assert time.perf_counter() - started < 1


# ---- Addresses, dates, numbers, choices -------------------------------------------------------------------


NO_ADDRESSES = [
    "javascript:alert(1)", "JaVaScRiPt://x%0aalert(1)", "data:text/html,x", "vbscript:x", "file:///etc/passwd",
    "ftp://initech.example/x", "//initech.example/x", "/x", "x", "http:", "http://", "https:///x", "http://.",
    "http://[::1", "http://[", "https://initech.example:99999/", "https://initech.example:0/", "https://a b/",
    "https://initech.example/a b", "https:\\\\initech.example", "mailto:a@initech.example", "temps.initech.example",
    "blob:https://initech.example/x", "view-source:https://initech.example", " ", "https://?x=1",
]  # fmt: skip


def test_an_address_must_be_a_whole_web_address(counter):
    for address in NO_ADDRESSES:
        form = counter.fill("incident", page_url=address)
        assert refused(form, "page_url")
        if address.strip():
            assert form.page_url.data == address.strip()
        assert refused(counter.fill("api", endpoint_url=address), "endpoint_url")


ADDRESSES = [
    "https://initech.example", "http://localhost:8080/x?y=1#z", "HTTPS://INITECH.EXAMPLE/",
    "https://été.example/congés", "http://10.0.0.1/", "https://[2001:db8::1]:8443/x", "https://intranet/page",
]  # fmt: skip


def test_web_addresses_of_any_host_are_taken(counter):
    for address in ADDRESSES:
        assert counter.fill("incident", page_url=address).validate()


def test_an_employee_record_must_be_a_web_address(counter):
    form = counter.fill("mfa-reset", **{"people__0__url": "javascript:alert(1)"})
    assert refused(form, "people-0-url")


@pytest.mark.parametrize(
    ("slug", "name"), [("sql-report", "wanted_by"), ("patch", "wished_on"), ("licence", "due_on")]
)
def test_a_date_is_today_or_later_where_the_reader_is(counter, slug, name):
    # 23:30 in Paris on the tenth is 22:30 in universal time; half an hour later the eleventh has begun in Paris only.
    counter.clock.paris("2026-11-10 23:30")
    assert counter.fill(slug, **{name: "2026-11-10"}).validate()
    assert refused(counter.fill(slug, **{name: "2026-11-09"}), name)
    counter.clock.paris("2026-11-11 00:10")
    assert refused(counter.fill(slug, **{name: "2026-11-10"}), name)
    assert counter.fill(slug, **{name: "2026-11-11"}).validate()


NO_DAYS = [
    "2026-02-30", "10/12/2026", "2026-12-1", "20261204", "2026-W50-1", "12026-01-01", "demain",
    "2026-12-04T00:00", "٢٠٢٦-١٢-٠٤", "-2026-12-04", "9" * 4000,
]  # fmt: skip


def test_a_date_is_year_month_and_day(counter):
    for day in NO_DAYS:
        assert refused(counter.fill("sql-report", wanted_by=day), "wanted_by")


NO_NUMBERS = ["0", "-3", "1000001", "1e3", "2.5", "vingt", "9" * 30, "²", "٢٠", "1_000", "0x10"]


def test_a_quantity_is_a_whole_number_within_reason(counter):
    for number in NO_NUMBERS:
        assert refused(counter.fill("licence", quantity=number), "quantity")


def test_a_quantity_is_read_as_people_write_it(counter):
    for number in ["1", "1000000", " 20 ", "1 000", "1\u202f000", "+5", "007"]:
        form = counter.fill("licence", quantity=number)
        assert form.validate()
        assert form.quantity.data == int("".join(number.split()))


CHOICES = [
    ("interface", "issue_kind"), ("api", "impact"), ("incident", "severity"), ("patch", "patch_kind"),
    ("standard-help", "kind"), ("licence", "product"), ("vat-change", "country"), ("question", "audience"),
    ("question", "organisation"), ("question", "on_behalf_of"),
]  # fmt: skip


def test_an_answer_that_is_not_offered_is_refused(counter):
    for slug, name in CHOICES:
        for value in ["0", "nothing", "1 OR 1=1", "\x00", "9" * 400, "é"]:
            assert refused(counter.fill(slug, **{name: value}), name)


# ---- One form after the other -----------------------------------------------------------------------------


def test_question_calls_its_summary_a_question(counter):
    with force_locale("en"):
        assert str(counter.fill("question").summary.label.text) == "Question"
        assert str(counter.fill("api").summary.label.text) == "Summary"


def test_improvement_asks_no_consent_and_records_none(counter):
    form = counter.fill("improvement")
    assert "consent" not in form
    counter.submit(form)
    assert Consent.select().where(Consent.form_slug == "improvement").count() == 0


def test_interface_takes_an_image_or_a_pdf_as_screenshot(counter):
    for name in ["capture.png", "capture.pdf"]:
        kept = [counter.keep(name, PNG if name.endswith("png") else PDF)]
        assert counter.fill("interface", kept=kept).validate()


def test_interface_without_a_screenshot_is_refused(counter):
    assert refused(counter.fill("interface", kept=[]), "attachments")
    assert refused(counter.fill("interface", kept=[counter.keep("journal.txt", b"une ligne")]), "attachments")


def test_incident_keeps_the_severity_asked_on_the_scale_of_the_form(counter):
    ticket = counter.submit(counter.fill("incident", severity="1"))
    assert (ticket.scale_slug, ticket.priority_asked, ticket.priority, ticket.priority_position) == (
        "severity", "1", "1", 1,
    )  # fmt: skip


def test_incident_can_be_sent_without_measures(counter):
    assert counter.fill("incident", without=["measures_taken"]).validate()


def test_severities_show_definition_example_and_targets(counter):
    with force_locale("fr"):
        shown = counter.fill("incident").definitions("severity")
    assert list(shown) == ["1", "2", "3", "4"]
    assert "production" in shown["1"]["hint"] and "Exemple" in shown["1"]["hint"]
    assert [" ".join(words.split()) for words in shown["2"]["end"]] == ["Réponse en 2 h", "Réglé en 1 jour"]


def test_report_can_be_asked_without_fields_and_format(counter):
    assert counter.fill("sql-report", without=["report_fields", "output_format"]).validate()


def test_vat_change_needs_a_name_or_a_number(counter):
    assert refused(counter.fill("vat-change", legal_name="", vat_number=""), "legal_name")
    assert counter.fill("vat-change", vat_number="").validate()
    assert counter.fill("vat-change", legal_name="").validate()


def test_vat_change_needs_the_proof_attached(counter):
    assert refused(counter.fill("vat-change", kept=[]), "attachments")
    assert counter.fill("vat-change", kept=[counter.keep("attestation.pdf", PDF)]).validate()


def test_a_vat_number_of_another_country_is_refused_and_kept(counter):
    form = counter.fill("vat-change", country="DE")
    assert refused(form, "vat_number")
    assert form.vat_number.data == "FR40303265045"


def test_a_vat_number_is_kept_in_its_short_form(counter):
    form = counter.fill("vat-change", vat_number="fr 40 303.265-045")
    assert form.validate()
    assert form.vat_number.data == "FR40303265045"


@pytest.mark.parametrize(
    ("country", "number", "kept"),
    [
        ("FR", "40303265045", "FR40303265045"), ("DE", "DE136695976", "DE136695976"),
        ("BE", "BE0697449992", "BE0697449992"), ("AT", "ATU13585627", "ATU13585627"),
        ("IT", "IT00743110157", "IT00743110157"), ("ES", "ESB58378431", "ESB58378431"),
        ("NL", "NL4495445B01", "NL004495445B01"), ("GR", "EL094259216", "EL094259216"),
        ("GR", "GR094259216", "EL094259216"), ("XI", "XI980780684", "XI980780684"),
        ("GB", "GB980780684", "GB980780684"), ("CH", "CHE-107.787.577 IVA", "CHE107787577"),
        ("CH", "CHE107787577", "CHE107787577"), ("NO", "NO 995 525 828 MVA", "NO995525828MVA"),
        ("NO", "995525828", "NO995525828MVA"), ("US", "12-3456789", "US123456789"),
    ],
)  # fmt: skip
def test_vat_numbers_are_checked_for_their_country(country, number, kept):
    assert checked_vat(country, number) == kept


@pytest.mark.parametrize(
    ("country", "number"),
    [
        ("FR", "FR41303265045"), ("FR", "FR4030326504"), ("FR", "DE136695976"), ("DE", "DE136695978"),
        ("GR", "EL123456781"), ("XI", "XI802311781"), ("CH", "CHE107787578"), ("NO", "995525829"), ("US", "ab"),
        ("FR", "FR40303265045; --"), ("FR", "é" * 20), ("FR", "9" * 50_000), ("FR", ""), ("BE", "²" * 10),
    ],
)  # fmt: skip
def test_wrong_vat_numbers_are_refused(country, number):
    with pytest.raises(ValueError, match="not a number"):
        checked_vat(country, number)


def test_a_deletion_names_each_person(counter):
    form = counter.fill(
        "user-deletion",
        **{
            "people__1__full_name": "Lucía Fernández", "people__1__employee_number": "1784102",
            "people__1__url": "https://app.initech.example/employees/1784102",
        },
    )  # fmt: skip
    ticket = counter.submit(form)
    named = NamedPerson.select().where(NamedPerson.ticket == ticket.id).order_by(NamedPerson.id)
    assert [(person.full_name, person.employee_number, person.details) for person in named] == [
        ("Jean Moreau", "1784031", "Directeur des ventes"),
        ("Lucía Fernández", "1784102", ""),
    ]


def test_the_irreversible_box_must_be_ticked(counter):
    for slug in ["user-deletion", "mfa-reset"]:
        for value in ("", "false", "0"):
            assert refused(counter.fill(slug, irreversible=value), "irreversible")
        assert refused(counter.fill(slug, without=["irreversible"]), "irreversible")


def test_a_person_half_named_is_refused_by_field_and_an_empty_row_does_not_count(counter):
    half = counter.fill("mfa-reset", people__3__full_name="Hugo Faure")
    assert refused(half, "people-1-employee_number", "people-1-url")
    empty = counter.fill("mfa-reset", people__1__full_name="", people__1__details=" ")
    assert empty.validate()
    assert len(empty.people.filled()) == 1


def test_fifty_people_can_be_named_and_not_one_more(counter):
    def many(count):
        return {
            f"people__{n}__{name}": value
            for n in range(count)
            for name, value in {
                "full_name": f"Personne {n}",
                "employee_number": str(n + 1),
                "url": f"https://app.initech.example/{n}",
            }.items()
        }

    ticket = counter.submit(counter.fill("user-deletion", **many(50)))
    assert ticket.named_people.count() == 50
    assert refused(counter.fill("user-deletion", **many(51)), "people")


def test_a_strange_row_of_people_is_not_looked_at(counter):
    for index in ["²", "-1", "9" * 5000, "x", "", "1e3", "٣"]:
        form = counter.fill("mfa-reset", **{f"people__{index}__full_name": "Intrus"})
        assert form.validate()
        assert [person["full_name"] for person in form.people.filled()] == ["Jean Moreau"]


def test_standard_help_starts_with_the_profile_of_the_organisation(counter):
    acme = Organisation.get(Organisation.slug == "acme")
    Organisation.update(product_version="12.4", companies=["Acme France", "Acme Europe"]).where(
        Organisation.id == acme.id
    ).execute()
    form = counter.bare("standard-help", None)
    assert (form.version.data, form.company.data) == ("12.4", "Acme France")
    assert form.companies() == ["Acme France", "Acme Europe"]
    other = counter.fill("standard-help", company="Acme Outre-mer")
    assert other.validate(), "a company that the profile does not name can be written"


def test_standard_help_is_a_question_unless_another_kind_is_chosen(counter):
    ticket = counter.submit(counter.fill("standard-help", without=["kind"]))
    assert ticket.kind_slug == "question"
    ticket = counter.submit(counter.fill("standard-help", kind="incident"))
    assert ticket.kind_slug == "incident"


def test_kinds_show_definition_and_example(counter):
    with force_locale("en"):
        shown = counter.fill("standard-help").definitions("kind")
    assert set(shown) == {"question", "incident", "problem", "task"}
    assert "Example: “" in shown["task"]["hint"]


def test_a_licence_filled_in_on_the_page_makes_its_record(counter):
    ticket = counter.submit(counter.fill("licence"))
    record = LicenceRequest.get(LicenceRequest.ticket == ticket.id)
    assert (record.product.slug, record.edition, record.quantity, str(record.due_on), record.source) == (
        "time", "Plus", 20, "2026-12-01", "page",
    )  # fmt: skip
    assert ticket.product_id == record.product_id


def test_a_filled_licence_form_stands_for_edition_and_quantity(counter):
    for name in ["licences.pdf", "LICENCES.PDF", "licences.docx"]:
        kept = [SimpleNamespace(name=name, content_type="application/octet-stream", key="k")]
        form = counter.fill("licence", kept=kept, edition="", quantity="")
        assert form.validate()
        assert form.beyond()["licence"]["source"] == "form"


def test_a_licence_without_form_needs_edition_and_quantity(counter):
    picture = [counter.keep("capture.png", PNG)]
    for missing in ({"edition": ""}, {"quantity": ""}, {"edition": "", "quantity": ""}):
        assert refused(counter.fill("licence", **missing), "attachments")
        assert refused(counter.fill("licence", kept=picture, **missing), "attachments")


def test_a_licence_always_needs_product_and_due_date(counter):
    kept = [counter.keep("licences.pdf", PDF)]
    assert refused(counter.fill("licence", kept=kept, product="", due_on=""), "product", "due_on")


# ---- Who asks, who is told, who reads, consent ---------------------------------------------------------------


def test_alice_asks_in_her_own_name_only(counter):
    form = counter.fill("question")
    assert [choice.value for choice in form.requesters()] == [str(counter.world.alice.id)]
    for other in (counter.world.bob, counter.world.dana, counter.world.charlie, counter.world.root):
        assert refused(counter.fill("question", on_behalf_of=str(other.id)), "on_behalf_of")


def test_an_administrator_asks_in_the_name_of_a_colleague(counter):
    world = counter.world
    ticket = counter.submit(counter.fill("question", by=world.bob, on_behalf_of=str(world.dana.id)))
    assert (ticket.requester_id, ticket.opened_by_id) == (world.dana.id, world.bob.id)
    for stranger in (world.charlie, world.sam):
        assert refused(counter.fill("question", by=world.bob, on_behalf_of=str(stranger.id)), "on_behalf_of")


def test_a_removed_colleague_can_no_longer_be_chosen(counter):
    world = counter.world
    Membership.update(removed_at=counter.clock.now).where(Membership.person == world.dana.id).execute()
    assert refused(counter.fill("question", by=world.bob, on_behalf_of=str(world.dana.id)), "on_behalf_of")


def test_the_organisation_is_asked_only_of_somebody_who_has_several(counter):
    world = counter.world
    globex = world.organisations["globex"]
    assert refused(counter.fill("question", organisation=str(globex.id)), "organisation")
    Membership.create(
        person=world.bob,
        organisation=globex,
        role="contact",
        can_open=True,
        can_see_all=True,
        can_answer=True,
    )
    ticket = counter.submit(counter.fill("question", by=world.bob, organisation=str(globex.id)))
    assert ticket.organisation_id == globex.id
    mixed = counter.fill(
        "question", by=world.bob, organisation=str(globex.id), on_behalf_of=str(world.dana.id)
    )
    assert refused(mixed, "on_behalf_of")


def test_people_in_copy_are_members_or_of_the_domains(counter):
    form = counter.fill("question", cc="BOB@acme.example, dana@acme.example;\n bob@acme.example")
    ticket = counter.submit(form)
    copies = Participant.select().where((Participant.ticket == ticket.id) & (Participant.role == "cc"))
    assert {copy.email for copy in copies} == {"bob@acme.example", "dana@acme.example"}


STRANGERS = ["charlie@globex.example", "someone@elsewhere.example", "no address", "a@b@c", "@"]


def test_a_stranger_in_copy_gets_a_message_by_the_field(counter):
    for address in STRANGERS:
        assert refused(counter.fill("question", cc=f"bob@acme.example, {address}"), "cc")


def test_too_many_in_copy_are_refused(counter):
    assert refused(counter.fill("question", cc=", ".join(f"p{n}@acme.example" for n in range(21))), "cc")


def test_only_me_hides_from_colleagues_and_not_from_administrators(counter):
    world = counter.world
    ticket = counter.submit(counter.fill("question", audience="only_me"))
    colleague = Membership.get(Membership.person == world.dana.id)
    colleague.can_see_all = True
    colleague.save()
    assert not policies.can_see(policies.load_viewer(world.dana.id), ticket)
    assert policies.can_see(policies.load_viewer(world.bob.id), ticket)


def test_sharing_is_off_at_first_and_offered_only_with_an_account_manager(counter):
    form = counter.fill("question")
    assert not counter.submit(form).shared_with_account_manager
    assert counter.submit(
        counter.fill("question", share_with_account_manager="y")
    ).shared_with_account_manager
    Organisation.update(account_manager=None).execute()
    without = counter.fill("question", share_with_account_manager="y")
    assert "share_with_account_manager" not in without
    assert not counter.submit(without).shared_with_account_manager


def test_consent_is_recorded_with_its_text_and_language(counter):
    with force_locale("en"):
        ticket = counter.submit(counter.fill("question"))
    consent = Consent.get(Consent.ticket == ticket.id)
    latest = ConsentText.select().order_by(ConsentText.version.desc()).get()
    assert (consent.person_id, consent.text_id, consent.language) == (counter.world.alice.id, latest.id, "en")
    assert consent.given_at == counter.clock.now


def test_a_text_that_changed_meanwhile_is_agreed_to_again(counter):
    shown = counter.bare("question", None).consent_version.data
    latest = ConsentText.select().order_by(ConsentText.version.desc()).get()
    ConsentText.create(version=latest.version + 1, text_fr="x", text_en="x", published_at=counter.clock.now)
    form = counter.fill("question", consent_version=shown)
    assert refused(form, "consent")
    assert form.consent_version.data == str(latest.version + 1)
    assert not form.consent.data


# ---- Sent twice, taken up again --------------------------------------------------------------------------


def test_the_same_key_and_content_make_one_request(counter):
    key = "k" * 32
    first = counter.submit(counter.fill("question", idempotency_key=key))
    counter.clock.advance(seconds=2)
    assert counter.submit(counter.fill("question", idempotency_key=key)).id == first.id


def test_a_key_that_is_no_key_is_replaced(counter):
    for key in ["", "short", "x" * 65, "sp ace" * 5, "\x00" * 20, "é" * 20]:
        form = counter.fill("question", idempotency_key=key)
        assert form.validate()
        assert form.idempotency_key.data != key and len(form.idempotency_key.data) == 32


def test_a_follow_up_asks_the_reason_and_links_both(counter):
    first = counter.submit(counter.fill("question"))
    Ticket.update(status="closed", closed_at=counter.clock.now).where(Ticket.id == first.id).execute()
    data = {"follow_up": first.number, "summary": first.summary, "description": "Repris"}
    fresh = counter.bare("question", None, data=data)
    assert (fresh.summary.data, fresh.description.data) == (first.summary, "Repris")
    without = counter.fill("question", follow_up=first.number)
    assert refused(without, "reason")
    ticket = counter.submit(counter.fill("question", follow_up=first.number, reason="C’est revenu."))
    assert ticket.follow_up_of_id == first.id
    assert ticket.answers[0]["key"] == "reason" and ticket.answers[0]["value"] == "C’est revenu."


def test_a_form_that_is_no_follow_up_asks_no_reason(counter):
    assert "reason" not in counter.fill("question")


# ---- Advice ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "summary",
    ["Erreur", "Problème", "PROBLÈME !!!", "urgent help", "Aide urgente svp", "Bonjour, j’ai un souci", "Bug",
     "ça ne marche pas", "It doesn't work", "Question", "Help please"],
)  # fmt: skip
def test_a_vague_subject_is_noticed(summary):
    assert is_vague(summary)


@pytest.mark.parametrize(
    "summary",
    ["Erreur 500 à la validation des heures", "Facture d’octobre", "Le bouton Enregistrer est coupé", "SSO down",
     "Problème de congés payés"],
)  # fmt: skip
def test_a_subject_that_says_something_gets_no_advice(summary):
    assert not is_vague(summary)


def test_a_vague_subject_is_never_refused(counter):
    form = counter.fill("question", summary="Problème")
    assert list(form.hints()) == ["summary"]
    counter.submit(form)


def test_dates_of_the_test_entries_are_still_to_come(counter):
    """The right entries lie after the day of the tests: else the tests of dates would prove nothing."""
    assert counter.bare("question", None).occasion.today + timedelta(
        days=1
    ) <= counter.clock.now.date() + timedelta(days=7)
