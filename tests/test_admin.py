"""The administration screens: who comes in, what a change leaves behind, and each trap of their framework."""

from __future__ import annotations

import csv
import io
import re
from datetime import date, timedelta
from typing import Any
from zipfile import ZipFile

import pytest
from flask import Flask

from domain import audit, lifecycle, settings
from models import (
    AuditEntry,
    Calendar,
    Category,
    ClosingRule,
    ConsentText,
    Kind,
    Membership,
    Organisation,
    OutboxMessage,
    PartnerLink,
    Person,
    Product,
    RequestForm,
    RoutingRule,
    StatusLabel,
    Team,
    TeamMember,
    Ticket,
    TicketEvent,
    UserSession,
)
from tests.support import lint
from tests.support.client import values_of
from views.admin import VIEWS, base, export, rules
from views.admin.base import Rows
from views.admin.folding import holds

TOO_LARGE = "9" * 30


def addresses(app: Flask) -> list[tuple[str, str]]:
    """Every (method, address) under /admin/."""
    found = []
    for rule in app.url_map.iter_rules():
        if str(rule).startswith("/admin"):
            path = str(rule).replace("<export_type>", "csv").replace("<int:key>", "1")
            found += [
                (method, path) for method in sorted(rule.methods or ()) if method not in ("HEAD", "OPTIONS")
            ]
    return sorted(found)


def last_audit() -> AuditEntry:
    return AuditEntry.select().order_by(AuditEntry.id.desc()).first()


def open_ticket(**where: Any) -> Ticket:
    """A request that the team works on."""
    return (
        Ticket.select().where(Ticket.status == where.get("status", "in_progress")).order_by(Ticket.id).first()
    )


# ---- Who comes in ----------------------------------------------------------------------------------------


def test_every_address_leads_the_anonymous_to_sign_in(client: Any, app: Flask) -> None:
    for method, path in addresses(app):
        if method == "GET":
            answer = client.get(path)
            assert answer.status_code == 303, path
            assert answer.location.startswith("/login?next="), path
        else:
            assert client.post(path).status_code in (303, 400), path


@pytest.mark.parametrize("name", ["alice", "bob", "dana", "sam", "vera", "marc"])
def test_every_address_is_closed_to_everybody_but_admins(
    client: Any, app: Flask, world: Any, name: str
) -> None:
    client.sign_in(getattr(world, name))
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/help").text or "")
    app.config["WTF_CSRF_CHECK_DEFAULT"] = False
    for method, path in addresses(app):
        answer = client.open(
            path, method=method, data={"csrf_token": token[1] if token else ""} if method == "POST" else None
        )
        assert answer.status_code == 403, f"{method} {path}"


def test_a_screen_is_closed_unless_it_says_who_may_come_in(app: Flask) -> None:
    for view in app.extensions["admin"][0]._views:
        assert isinstance(view, base.AdminOnly), f"{view} is open to everybody"


def test_a_demoted_admin_is_out_at_the_very_next_request(client: Any, root: Person) -> None:
    client.sign_in(root)
    assert client.get("/admin/").status_code == 200
    Person.update(staff_role="agent").where(Person.id == root.id).execute()
    assert client.get("/admin/").status_code == 403


# ---- Traps of the framework ------------------------------------------------------------------------------


def test_deleting_an_organisation_that_has_requests_is_refused_and_takes_nothing_away(
    client: Any, root: Person
) -> None:
    client.sign_in(root)
    acme = Organisation.get(Organisation.slug == "acme")
    before = (Ticket.select().count(), Membership.select().count())
    page = client.get(f"/admin/organisation/delete/?id={acme.id}")
    assert "demandes" in page.text or "requests" in page.text
    token = client.get("/admin/team/new/").text
    answer = client.post("/admin/organisation/delete/", data={"id": acme.id, "csrf_token": csrf(token)})
    assert answer.status_code == 409
    assert Organisation.get_by_id(acme.id)
    assert (Ticket.select().count(), Membership.select().count()) == before


def test_a_routing_rule_does_not_vanish_with_the_product_it_names(client: Any, root: Person) -> None:
    client.sign_in(root)
    product = Product.create(slug="old", name_fr="Ancien", name_en="Old")
    rule = RoutingRule.create(product=product, team=Team.select().first())
    answer = client.post(
        "/admin/product/delete/",
        data={"id": product.id, "csrf_token": csrf(client.get("/admin/product/new/").text)},
    )
    assert answer.status_code == 409
    assert RoutingRule.get_by_id(rule.id).product_id == product.id


def test_there_is_no_bulk_deletion(client: Any, root: Person) -> None:
    client.sign_in(root)
    token = csrf(client.get("/admin/team/new/").text)
    for view in VIEWS:
        if issubclass(view, Rows):
            assert "delete" not in view.acts
            row = view.table.select().first()
            path = f"/admin/{view.table.__name__.lower()}/action/"
            before = view.table.select().count()
            data = {"action": "delete", "rowid": row.id if row else 1, "confirmed": 1, "csrf_token": token}
            assert client.post(path, data=data).status_code == 404, path
            assert view.table.select().count() == before, path


def test_asking_to_delete_deletes_nothing_before_the_confirmation(client: Any, root: Person) -> None:
    client.sign_in(root)
    team = Team.create(slug="night", name_fr="Nuit", name_en="Night")
    path = f"/admin/team/delete/?id={team.id}"
    assert client.get(path).status_code == 200
    assert Team.get_or_none(Team.id == team.id)
    answer = client.submit(path, form="/admin/team/delete/")
    assert answer.status_code == 303
    assert Team.get_or_none(Team.id == team.id) is None
    assert last_audit().kind == "admin:deleted"
    assert last_audit().data["values"]["slug"] == "night"


def test_nothing_changes_without_the_token_of_the_page(client: Any, root: Person) -> None:
    client.sign_in(root)
    team = Team.create(slug="night", name_fr="Nuit", name_en="Night")
    for path, data in (
        ("/admin/team/delete/", {"id": team.id}),
        (f"/admin/team/edit/?id={team.id}", {"name_fr": "Autre"}),
        ("/admin/team/new/", {"name_fr": "A", "name_en": "B", "slug": "c"}),
        ("/admin/ticket/action/", {"action": "close", "rowid": 1, "confirmed": 1}),
        ("/admin/settings/", {"portal_name": "Autre"}),
    ):
        assert client.post(path, data=data).status_code in (303, 400), path
    assert Team.get_by_id(team.id).name_fr == "Nuit"
    assert not Team.select().where(Team.slug == "c").exists()
    assert not Ticket.select().join(TicketEvent).where(TicketEvent.actor == root.id).exists()


def test_no_page_holds_a_handler_a_style_or_a_script_of_its_own(
    client: Any, app: Flask, root: Person
) -> None:
    client.sign_in(root)
    ticket = Ticket.select().first()
    paths = [
        path
        for method, path in addresses(app)
        if method == "GET" and "export" not in path and "ajax" not in path
    ]
    paths += [f"/admin/ticket/{what}/?id={ticket.id}" for what in ("details", "edit")]
    for path in paths:
        text = client.get(path).text
        assert not re.search(r"\son\w+=|javascript:|\sstyle=|data-fa-", text), path
        assert "<script>" not in text, path


WHOLE_LISTS = [view for view in VIEWS if issubclass(view, Rows)]


@pytest.mark.parametrize("view", WHOLE_LISTS, ids=lambda view: view.__name__)
def test_a_list_asks_the_database_as_often_for_50_rows_as_for_20(
    client: Any, root: Person, view: Any, query_log: list[str]
) -> None:
    client.sign_in(root)
    many_of(view.table)
    path = f"/admin/{view.table.__name__.lower()}/"
    counts = []
    for size in (20, 20, 50, 50):
        query_log.clear()
        assert client.get(f"{path}?page_size={size}").status_code == 200
        counts.append(len(query_log))
    # The first one filled what the portal remembers of its settings and labels, for two seconds: on a slow machine
    # one of the others may read them again.
    assert min(counts[2:]) <= counts[1], f"{counts}: {query_log}"


@pytest.fixture
def query_log(database: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements that were sent to the database."""
    said: list[str] = []
    run = database.execute_sql

    def keep(sql: str, *args: Any, **kwargs: Any) -> Any:
        said.append(sql)
        return run(sql, *args, **kwargs)

    monkeypatch.setattr(database, "execute_sql", keep)
    return said


def many_of(table: Any) -> None:
    """Copies of the first row of a table, until there are 55 or more; what must be unique differs."""
    first = table.select().first()
    if first is None:
        return
    unique = {column.name for column in table._meta.sorted_fields if column.unique}
    if table is StatusLabel:
        # Once for all kinds: an index with a condition, which the columns do not tell.
        unique.add("status")
    for names, is_unique in (entry for entry in table._meta.indexes if isinstance(entry, tuple)):
        if is_unique and not unique & set(names):
            unique.add(
                next((name for name in names if name in ("person", "value", "day", "source")), names[0])
            )
    if table in (Membership, TeamMember):
        many_of(Person)
    others = {"person": Person.select().where(Person.staff_role.is_null()), "ticket": Ticket.select()}
    taken = {getattr(row, f"{name}_id") for name in unique & set(others) for row in table.select()}
    free = {name: iter([row.id for row in rows if row.id not in taken]) for name, rows in others.items()}
    for number in range(table.select().count(), 55):
        values = {name: value for name, value in first.__data__.items() if name != "id"}
        for name in unique:
            old = values[name]
            if name in others:
                values[name] = next(free[name], None)
            elif isinstance(old, date):
                values[name] = old + timedelta(days=number)
            else:
                values[name] = 100 + number if isinstance(old, int) else f"{old}{number}"[-20:].lower()
            if values[name] is None:
                return
        if table is PartnerLink:
            # One that stands at a time: an index with a condition, too.
            values["ended_at"] = first.set_at
        if table is Person:
            values["email"] = values["username"] = f"copy{number}@acme.example"
            values["staff_role"] = None
        table.create(**values)


@pytest.mark.parametrize(
    "query", ["page", "page_size", "sort", "desc", "flt_team", "flt_assignee", "flt_nothing"]
)
@pytest.mark.parametrize("value", [TOO_LARGE, "-1", "abc", "1.5", "²"])
def test_a_number_that_no_database_holds_shows_the_list(
    client: Any, root: Person, query: str, value: str
) -> None:
    client.sign_in(root)
    assert client.get("/admin/ticket/", query_string={query: value}).status_code == 200


@pytest.mark.parametrize("key", [TOO_LARGE, "-1", "0", "abc", "", "1;2", "2147483648", "²"])
def test_a_key_that_no_row_has_is_the_same_404_everywhere(client: Any, root: Person, key: str) -> None:
    client.sign_in(root)
    for screen in ("ticket", "team", "person", "membership"):
        for page in ("details", "edit"):
            assert client.get(f"/admin/{screen}/{page}/", query_string={"id": key}).status_code == 404
    assert client.get("/admin/team/delete/", query_string={"id": key}).status_code == 404


def test_an_unknown_address_in_the_query_is_not_carried_on(client: Any, root: Person) -> None:
    client.sign_in(root)
    text = client.get("/admin/team/?endpoint=x&_external=1&_scheme=javascript&_anchor=y&page_size=20").text
    links = re.findall(r'href="(/admin[^"]*)"', text)
    assert links
    assert not [
        link for link in links if "_scheme" in link or "#y" in link or "javascript" in link or "://" in link
    ]


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "/admin/team/?\r\nX: y",
        "/logout",
    ],
)
def test_the_way_back_never_leaves_the_screen(client: Any, root: Person, target: str) -> None:
    client.sign_in(root)
    page = client.get("/admin/team/new/", query_string={"url": target})
    assert not re.search(r'href="[^"]*(evil|javascript|logout)', page.text)
    answer = client.post(
        "/admin/team/new/",
        data={
            "csrf_token": csrf(page.text),
            "url": target,
            "name_fr": "Nuit",
            "name_en": "Night",
            "slug": "night",
            "icon": "headset",
            "position": 1,
        },
    )
    assert answer.status_code == 303
    assert answer.location == "/admin/team/"


def test_no_form_takes_a_key_a_password_or_a_field_it_does_not_show(
    client: Any, app: Flask, root: Person
) -> None:
    for view in app.extensions["admin"][0]._views:
        if isinstance(view, Rows):
            for form in (view._create_form_class, view._edit_form_class):
                names = {name for name in dir(form) if not name.startswith("_")}
                assert not names & {
                    "id",
                    "password",
                    "password_hash",
                    "created_at",
                    "hash",
                    "version",
                    "last_number",
                }
    client.sign_in(root)
    alice = Person.get(Person.email == "alice@acme.example")
    kept = (alice.password_hash, alice.email, alice.staff_role, alice.created_at)
    client.submit(
        f"/admin/person/edit/?id={alice.id}",
        full_name="Alice Martin-Roy",
    )
    page = client.get(f"/admin/person/edit/?id={alice.id}")
    data = fields(page.text) | {
        "password_hash": "x",
        "password": "x",
        "email": "eve@evil.example",
        "id": "1",
        "created_at": "1990-01-01",
    }
    client.post(f"/admin/person/edit/?id={alice.id}", data=data)
    alice = Person.get_by_id(alice.id)
    assert (alice.password_hash, alice.email, alice.staff_role, alice.created_at) == kept
    assert alice.full_name == "Alice Martin-Roy"


def test_search_boxes_say_what_they_look_in_and_pages_say_their_language(
    client: Any, app: Flask, root: Person
) -> None:
    client.sign_in(root)
    for lang in ("fr", "en"):
        Person.update(language=lang).where(Person.id == root.id).execute()
        for view in app.extensions["admin"][0]._views:
            text = client.get(view.url if view.url.endswith("/") else f"{view.url}/").text
            assert f'<html lang="{lang}"' in text
            assert "None" not in re.findall(r'placeholder="([^"]*)"', text)
            assert not re.search(r">\s*None\s*<", text), view.url


def test_every_word_of_the_screens_is_said_in_french(app: Flask) -> None:
    from flask_babel import force_locale

    same = {
        "Articles",
        "Client",
        "Article",
        "Versions",
        "Actions",
        "Services",
        "Administration",
        "Catalogue",
        "Agent",
        "Indigo",
        "Note",
        "Date",
        "Organisation",
        "Organisations",
        "Rose",
        "Description",
        "Version",
        "Votes",
        "Contacts",
        "Question",
        "Situation",
        "Occasion",
        "Adresse",
    }
    with app.test_request_context("/"):
        for view in app.extensions["admin"][0]._views:
            words = [view.title, getattr(view, "lead", "")]
            if isinstance(view, Rows):
                words += [label for _name, label in view._list_columns + view._details_columns]
                words += [flt.name for flt in view._filters or ()]
                for form in (view._create_form_class, view._edit_form_class):
                    words += [
                        field.kwargs.get("label") or (field.args[0] if field.args else "")
                        for _n, field in unbound(form)
                    ]
                words += [
                    word for act in view.acts.values() for word in (act.label, act.question, act.button)
                ]
            for word in words:
                with force_locale("en"):
                    english = str(word)
                with force_locale("fr"):
                    assert not english or str(word) != english or english in same, (
                        f"{view.url}: {english!r} in French"
                    )


def unbound(form: Any) -> list[tuple[str, Any]]:
    from wtforms.fields.core import UnboundField

    return [
        (name, getattr(form, name))
        for name in dir(form)
        if isinstance(getattr(form, name), UnboundField) and name != "seen"
    ]


# ---- Exports ---------------------------------------------------------------------------------------------

FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1", "＋1", " =1", '"=1', ",=1", ";=1", "\0=1"]


@pytest.mark.parametrize("text", FORMULAS, ids=repr)
def test_a_text_that_begins_like_a_formula_gets_an_apostrophe(text: str) -> None:
    assert export.safe_cell(text).startswith("'")


@pytest.mark.parametrize("text", ["SUP-2001", "Alice", "1-1", "a=b", "", "2026-11-10"])
def test_an_ordinary_text_is_left_as_it_is(text: str) -> None:
    assert export.safe_cell(text) == text


def test_an_exported_list_holds_no_formula_in_either_format(client: Any, root: Person) -> None:
    client.sign_in(root)
    Ticket.update(summary='=HYPERLINK("http://evil.example")').where(Ticket.number == "SUP-2001").execute()
    Organisation.update(name="+33 Conseil").where(Organisation.slug == "acme").execute()
    answer = client.get("/admin/ticket/export/csv/")
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert answer.data.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig")), delimiter=";"))
    assert len(rows) == Ticket.select().count() + 1
    assert not [cell for row in rows for cell in row if cell and cell[0] in "=+-@\t\r"]
    assert "'=HYPERLINK" in answer.data.decode() and "'+33 Conseil" in answer.data.decode()
    book = ZipFile(io.BytesIO(client.get("/admin/ticket/export/xlsx/").data))
    sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in sheet and "hyperlink" not in sheet
    assert "'=HYPERLINK" in book.read("xl/sharedStrings.xml").decode()


def test_an_export_is_in_the_trail_and_stops_where_it_says(
    client: Any, root: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "MOST_EXPORTED", 5)
    client.sign_in(root)
    rows = client.get("/admin/ticket/export/csv/").data.decode().strip().splitlines()
    assert len(rows) == 6
    assert last_audit().kind == "admin:exported"
    assert last_audit().data == {"format": "csv", "rows": 5}


def test_an_english_reader_gets_commas(client: Any, root: Person) -> None:
    Person.update(language="en").where(Person.id == root.id).execute()
    client.sign_in(root)
    assert client.get("/admin/team/export/csv/").data.decode("utf-8-sig").startswith("Name,Identifier,")


# ---- Lists -----------------------------------------------------------------------------------------------


def test_filters_search_sort_and_page_stay_in_the_address(client: Any, root: Person) -> None:
    client.sign_in(root)
    text = client.get(
        "/admin/membership/?flt_organisation=acme&flt_state=approved&sort=0&desc=1&page_size=20"
    ).text
    names = re.findall(r'class="col-name">([^<]+)<', text)
    assert names == sorted(names, key=str.lower, reverse=True) and "Alice Martin" in names
    assert "Dana" not in text and "Charlie" not in text
    assert "flt_organisation=acme" in text
    assert client.get("/admin/membership/?flt_organisation=nobody+knows").text.count("data-ticket") == 0


def test_a_request_is_found_by_its_number_and_by_its_words(client: Any, root: Person) -> None:
    client.sign_in(root)
    ticket = Ticket.select().order_by(Ticket.id).first()
    for words in (ticket.number, ticket.number.lower(), ticket.summary):
        found = re.findall(
            r'data-ticket="([^"]+)"', client.get("/admin/ticket/", query_string={"search": words}).text
        )
        assert ticket.number in found
    assert (
        len(
            re.findall(
                "data-ticket", client.get("/admin/ticket/", query_string={"search": ticket.number}).text
            )
        )
        == 1
    )


def test_a_count_stops_and_says_so(client: Any, root: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "MOST_COUNTED", 10)
    client.sign_in(root)
    text = client.get("/admin/ticket/?page_size=20&page=999999").text
    assert "10\u202f000+" in text
    # The last page that was counted is the last one served: an offset costs what it skips.
    assert len(re.findall("data-ticket", text)) == 20


def test_the_contents_of_mails_and_their_links_are_not_shown(client: Any, root: Person) -> None:
    client.sign_in(root)
    mail = OutboxMessage.select().first()
    OutboxMessage.update(context={"token": "a-very-secret-link"}).where(OutboxMessage.id == mail.id).execute()
    for path in (
        "/admin/outboxmessage/",
        f"/admin/outboxmessage/details/?id={mail.id}",
        "/admin/outboxmessage/export/csv/",
    ):
        assert b"a-very-secret-link" not in client.get(path).data
    assert client.get(f"/admin/outboxmessage/edit/?id={mail.id}").status_code == 404


def choose(client: Any, screen: str, action: str, rows: list[str]) -> Any:
    """Tick rows of a list, choose an action and go on: the answer is the page that asks for confirmation."""
    page = client.get(f"{screen}?page_size=100")
    for row in rows:
        assert re.search(rf'form="acts" name="rowid" value="{row}"', page.text), (
            f"row {row} is not on the page"
        )
    assert f'<option value="{action}"' in page.text
    return client.post(
        f"{screen}action/", data={"csrf_token": csrf(page.text), "action": action, "rowid": rows}
    )


# ---- Changes ---------------------------------------------------------------------------------------------


def csrf(text: str) -> str:
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', text)
    assert found
    return found[1]


def fields(text: str) -> dict[str, str]:
    """What the big form of an administration page would send, as it stands."""
    from html5lib import parse

    from tests.support.client import choose_form, values_of

    assert parse is not None
    values = values_of(choose_form(text, None, "page"))
    return {key: values[key] for key in values}


def test_a_new_row_and_its_change_are_in_the_trail_with_before_and_after(client: Any, root: Person) -> None:
    client.sign_in(root)
    made = client.submit("/admin/team/new/", name_fr="Nuit", name_en="Night", slug="night", position="7")
    assert made.status_code == 303
    team = Team.get(Team.slug == "night")
    assert (last_audit().kind, last_audit().target, last_audit().actor_id) == (
        "admin:created",
        f"team:{team.id}",
        root.id,
    )
    client.submit(f"/admin/team/edit/?id={team.id}", name_fr="Équipe de nuit")
    assert last_audit().data == {"changed": {"name_fr": ["Nuit", "Équipe de nuit"]}}
    assert audit.verify() == []


def test_saving_without_a_change_leaves_no_line(client: Any, root: Person) -> None:
    client.sign_in(root)
    before = AuditEntry.select().count()
    for screen in (
        "team",
        "organisation",
        "product",
        "closingrule",
        "calendar",
        "requestform",
        "scalelevel",
        "statuslabel",
    ):
        row = next(view for view in VIEWS if view.__name__.lower() == f"{screen}view").table.select().first()
        answer = client.submit(f"/admin/{screen}/edit/?id={row.id}")
        assert answer.status_code == 303, f"{screen}: {answer.status_code}"
    assert AuditEntry.select().count() == before


def test_a_wrong_entry_answers_422_and_keeps_what_was_typed(client: Any, root: Person) -> None:
    client.sign_in(root)
    answer = client.submit("/admin/team/new/", name_fr="", name_en="Night", slug="Not A Slug")
    assert answer.status_code == 422
    assert 'value="Night"' in answer.text and "Not A Slug" in answer.text
    assert "error-summary" in answer.text
    taken = client.submit("/admin/team/new/", name_fr="A", name_en="B", slug="support")
    assert taken.status_code == 422
    assert Team.select().where(Team.slug == "support").count() == 1


def test_two_empty_fields_are_called_by_their_names_in_the_summary(client: Any, root: Person) -> None:
    client.sign_in(root)
    answer = client.submit("/admin/team/new/", name_fr="", name_en="", slug="night")
    summary = answer.text.partition('class="error-summary"')[2].partition("</ul>")[0]
    lines = [re.sub("<[^>]+>", "", line).strip() for line in re.findall("<li>(.*?)</li>", summary, re.DOTALL)]
    assert len(lines) == len(set(lines)) >= 2, lines
    assert any("Nom en français" in line or "Nom (français)" in line for line in lines), lines


def test_two_people_who_edit_at_once_do_not_overwrite_one_another(client: Any, root: Person) -> None:
    client.sign_in(root)
    team = Team.select().first()
    page = client.get(f"/admin/team/edit/?id={team.id}")
    Team.update(sentence_fr="Écrite entre-temps.").where(Team.id == team.id).execute()
    answer = client.send(page, sentence_fr="Écrite trop tard.")
    assert answer.status_code == 422
    assert "Écrite trop tard." in answer.text
    assert Team.get_by_id(team.id).sentence_fr == "Écrite entre-temps."


def test_lists_and_numbers_have_editors_for_people(client: Any, root: Person) -> None:
    client.sign_in(root)
    acme = Organisation.get(Organisation.slug == "acme")
    path = f"/admin/organisation/edit/?id={acme.id}"
    client.submit(
        path, domains="ACME.example\n\n@acme-paris.example\nacme.example", companies="Acme Nord\nAcme Sud"
    )
    acme = Organisation.get_by_id(acme.id)
    assert acme.domains == ["acme.example", "acme-paris.example"]
    assert acme.companies == ["Acme Nord", "Acme Sud"]
    refused = client.submit(path, domains="not a domain")
    assert refused.status_code == 422 and "not a domain" in refused.text


def test_a_new_organisation_gets_a_word_for_addresses_of_its_own(client: Any, root: Person) -> None:
    client.sign_in(root)
    for name, slug in (("Société Générée", "societe-generee"), ("Société générée !", "societe-generee-2")):
        assert client.submit("/admin/organisation/new/", name=name, country="fr").status_code == 303
        row = Organisation.get(Organisation.name == name)
        assert (row.slug, row.country) == (slug, "FR")


def test_a_kind_that_requests_name_by_its_word_stays(client: Any, root: Person) -> None:
    client.sign_in(root)
    used = Kind.get(Kind.slug == Ticket.select().first().kind_slug)
    answer = client.post(
        "/admin/kind/delete/", data={"id": used.id, "csrf_token": csrf(client.get("/admin/kind/new/").text)}
    )
    assert answer.status_code == 409


def test_consent_texts_only_grow(client: Any, root: Person) -> None:
    client.sign_in(root)
    last = ConsentText.select().order_by(ConsentText.version.desc()).first()
    assert client.get(f"/admin/consenttext/edit/?id={last.id}").status_code == 404
    assert client.get(f"/admin/consenttext/delete/?id={last.id}").status_code == 404
    client.submit("/admin/consenttext/new/", text_fr="J’accepte mieux.", text_en="I agree better.")
    new = ConsentText.select().order_by(ConsentText.version.desc()).first()
    assert (new.version, new.text_fr) == (last.version + 1, "J’accepte mieux.")
    assert ConsentText.get_by_id(last.id).text_fr == last.text_fr


def test_what_was_typed_when_the_session_ended_comes_back_in_its_form(client: Any, root: Person) -> None:
    client.sign_in(root)
    team = Team.select().first()
    page = client.get(f"/admin/team/edit/?id={team.id}")
    UserSession.update(ended_at=root.created_at).where(UserSession.person == root.id).execute()
    away = client.send(page, name_fr="Écrite longuement")
    assert away.status_code == 303 and away.location.startswith("/login?next=")
    kept = client.get_cookie("guichet_held").value
    client.sign_in(root)
    client.set_cookie("guichet_held", kept)
    back = client.get("/admin/team/edit/?held=1")
    assert back.status_code == 200 and "Écrite longuement" in back.text
    assert client.send(back).status_code == 303
    assert Team.get_by_id(team.id).name_fr == "Écrite longuement"


# ---- Requests --------------------------------------------------------------------------------------------


def test_a_request_changed_here_obeys_the_verbs_and_leaves_their_history(
    client: Any, root: Person, sam: Person
) -> None:
    client.sign_in(root)
    ticket = open_ticket()
    answer = client.submit(
        f"/admin/ticket/edit/?id={ticket.id}", status="waiting_customer", reason="Il manque la capture."
    )
    assert answer.status_code == 303
    moved = Ticket.get_by_id(ticket.id)
    assert (
        moved.status == "waiting_customer"
        and moved.version == ticket.version + 1
        and moved.act_at is not None
    )
    event = (
        TicketEvent.select().where(TicketEvent.ticket == ticket.id).order_by(TicketEvent.id.desc()).first()
    )
    assert (event.kind, event.actor_id, event.data["to"]) == ("ticket:moved", root.id, "waiting_customer")
    assert OutboxMessage.select().where(OutboxMessage.source == f"event:{event.id}").exists()
    assert audit.verify() == []


def test_a_status_that_the_moves_forbid_is_not_offered_and_not_taken(client: Any, root: Person) -> None:
    client.sign_in(root)
    ticket = open_ticket()
    page = client.get(f"/admin/ticket/edit/?id={ticket.id}")
    offered = set(re.findall(r'<option[^>]* value="([a-z_0-9]+)"', page.text)) & set(lifecycle.STATUSES)
    assert offered == {ticket.status, *lifecycle.targets(ticket.status, "staff")}
    assert "registered" not in offered
    data = fields(page.text) | {"status": "registered"}
    assert client.post(f"/admin/ticket/edit/?id={ticket.id}", data=data).status_code == 422
    assert Ticket.get_by_id(ticket.id).status == ticket.status


def test_lowering_a_priority_here_needs_a_reason_too_and_changes_nothing_else_without(
    client: Any, root: Person
) -> None:
    client.sign_in(root)
    ticket = Ticket.select().where((Ticket.status == "in_progress") & (Ticket.priority == "2")).first()
    other = Team.select().where(Team.id != ticket.team_id).first()
    path = f"/admin/ticket/edit/?id={ticket.id}"
    refused = client.submit(path, priority="4", team=str(other.id))
    assert refused.status_code == 422
    assert Ticket.get_by_id(ticket.id).team_id == ticket.team_id
    client.submit(path, priority="4", reason="Un contournement existe.")
    assert Ticket.get_by_id(ticket.id).priority == "4"


def test_a_request_that_moved_meanwhile_is_not_overwritten(client: Any, root: Person) -> None:
    client.sign_in(root)
    ticket = open_ticket()
    page = client.get(f"/admin/ticket/edit/?id={ticket.id}")
    Ticket.update(version=Ticket.version + 1).where(Ticket.id == ticket.id).execute()
    assert client.send(page, status="resolved").status_code == 422
    assert Ticket.get_by_id(ticket.id).status == ticket.status


def test_requests_are_neither_made_nor_deleted_here(client: Any, root: Person) -> None:
    client.sign_in(root)
    ticket = Ticket.select().first()
    assert client.get("/admin/ticket/new/").status_code == 404
    assert client.get(f"/admin/ticket/delete/?id={ticket.id}").status_code == 404


def test_a_bulk_action_asks_first_then_reports_each_refusal(client: Any, root: Person) -> None:
    client.sign_in(root)
    able, over = open_ticket(), open_ticket(status="closed")
    asked = choose(client, "/admin/ticket/", "resolve", [str(able.id), str(over.id)])
    assert asked.status_code == 200 and able.number in asked.text
    assert Ticket.get_by_id(able.id).status == "in_progress"
    done = client.send(asked, reason="Corrigé pour tous.")
    assert done.status_code == 303
    assert Ticket.get_by_id(able.id).status == "resolved"
    assert Ticket.get_by_id(over.id).status == "closed"
    report = client.get(done.location).text
    assert over.number in re.search(r'class="messages".*?</main>|class="messages"[\s\S]*?<h1', report)[0]


def test_a_bulk_action_without_a_row_says_so(client: Any, root: Person) -> None:
    client.sign_in(root)
    answer = client.send(client.get("/admin/ticket/"), form="acts", action="take")
    assert answer.status_code == 303


# ---- People ----------------------------------------------------------------------------------------------


def test_a_new_person_gets_an_invitation_and_no_password(client: Any, root: Person) -> None:
    client.sign_in(root)
    page = client.get("/admin/person/new/")
    assert 'type="password"' not in page.text
    answer = client.send(page, full_name="Zoé Klein", email="zoe@acme.example")
    assert answer.status_code == 303
    zoe = Person.get(Person.email == "zoe@acme.example")
    assert zoe.password_hash is None and zoe.staff_role is None
    mail = OutboxMessage.get(OutboxMessage.recipient == "zoe@acme.example")
    assert mail.template == "account-invitation"


def test_disabling_somebody_ends_their_sessions_at_once(
    client: Any, app: Flask, root: Person, alice: Person
) -> None:
    theirs = app.test_client()
    theirs.sign_in(alice)
    client.sign_in(root)
    asked = choose(client, "/admin/person/", "disable", [str(alice.id)])
    client.send(asked)
    assert not Person.get_by_id(alice.id).is_active
    assert theirs.get("/account").status_code == 303
    assert (
        AuditEntry.select()
        .where((AuditEntry.kind == "account:disabled") & (AuditEntry.target == f"person:{alice.id}"))
        .exists()
    )


def test_a_staff_role_is_given_by_name_in_the_trail_and_the_last_admin_stays(
    client: Any, root: Person, sam: Person
) -> None:
    client.sign_in(root)
    refused = client.submit(f"/admin/person/edit/?id={root.id}", staff_role="agent")
    assert refused.status_code == 422
    client.submit(f"/admin/person/edit/?id={sam.id}", staff_role="admin")
    assert Person.get_by_id(sam.id).staff_role == "admin"
    entry = (
        AuditEntry.select()
        .where(AuditEntry.kind == "account:role_changed")
        .order_by(AuditEntry.id.desc())
        .first()
    )
    assert entry.data["changed"]["staff_role"] == ["agent", "admin"] and entry.actor_id == root.id


def test_a_contact_is_added_approved_and_removed_by_the_verbs_of_contacts(
    client: Any, root: Person, dana: Person
) -> None:
    client.sign_in(root)
    membership = Membership.get(Membership.person == dana.id)
    asked = choose(client, "/admin/membership/", "approve", [str(membership.id)])
    client.send(asked)
    assert Membership.get_by_id(membership.id).can_open
    assert last_audit().kind == "contact:approved"
    asked = choose(client, "/admin/membership/", "remove", [str(membership.id)])
    assert client.send(asked, reason="").status_code == 422
    client.send(asked, reason="A quitté Acme.")
    gone = Membership.get_by_id(membership.id)
    assert gone.removed_at is not None and not gone.can_open
    assert last_audit().kind == "contact:removed" and last_audit().data["reason"] == "A quitté Acme."


def test_a_contact_who_has_no_account_is_invited_and_one_who_has_is_found(
    client: Any, root: Person, charlie: Person
) -> None:
    client.sign_in(root)
    answer = client.submit(
        "/admin/membership/new/",
        email="zoe@acme.example",
        full_name="Zoé Klein",
        organisation="acme",
        role="contact",
    )
    assert answer.status_code == 303
    row = (
        Membership.select()
        .join(Person, on=(Membership.person == Person.id))
        .where(Person.email == "zoe@acme.example")
        .get()
    )
    assert row.can_open and row.approved_by_id == root.id
    assert OutboxMessage.select().where(OutboxMessage.recipient == "zoe@acme.example").count() == 1
    client.submit("/admin/membership/new/", email=charlie.email, organisation="Acme", role="member")
    assert Membership.select().where(Membership.person == charlie.id).count() == 2
    again = client.submit("/admin/membership/new/", email=charlie.email, organisation="Acme", role="contact")
    assert again.status_code == 422
    unknown = client.submit(
        "/admin/membership/new/",
        email="x@acme.example",
        full_name="X",
        organisation="No such",
        role="contact",
    )
    assert unknown.status_code == 422
    assert not Person.select().where(Person.email == "x@acme.example").exists()


def test_names_are_proposed_while_one_types_to_admins_only(client: Any, root: Person, sam: Person) -> None:
    client.sign_in(root)
    found = client.get("/admin/membership/ajax/lookup/?name=organisation&query=acm").json
    assert [row["value"] for row in found["found"]] == ["Acme"]
    assert client.get("/admin/membership/ajax/lookup/?name=password&query=acm").status_code == 404
    client.sign_in(sam)
    assert client.get("/admin/membership/ajax/lookup/?name=organisation&query=acm").status_code == 403


# ---- Rules and settings ----------------------------------------------------------------------------------


def test_a_changed_closing_rule_moves_the_dates_of_the_requests_that_wait(client: Any, root: Person) -> None:
    client.sign_in(root)
    ticket = Ticket.select().where(Ticket.status == "waiting_customer").first()
    rule = ClosingRule.get(ClosingRule.status == "waiting_customer")
    before = ticket.closes_at
    assert client.submit(f"/admin/closingrule/edit/?id={rule.id}", after="40").status_code == 303
    assert Ticket.get_by_id(ticket.id).closes_at > before


def test_a_closing_rule_that_could_not_work_is_refused_at_its_field(client: Any, root: Person) -> None:
    client.sign_in(root)
    rule = ClosingRule.get(ClosingRule.status == "waiting_customer")
    path = f"/admin/closingrule/edit/?id={rule.id}"
    for wrong in (
        {"after": "0"},
        {"after": "400"},
        {"reminders": "15, 10"},
        {"reminders": "25"},
        {"reminders": "soon"},
        {"after": ""},
    ):
        answer = client.submit(path, **wrong)
        assert answer.status_code == 422, wrong
    testing = ClosingRule.get(ClosingRule.status == "customer_testing")
    refused = client.submit(
        f"/admin/closingrule/edit/?id={testing.id}",
        status="awaiting_rollback",
        final_status="awaiting_rollback",
    )
    assert refused.status_code == 422
    assert ClosingRule.get_by_id(rule.id).reminders == [10, 15]


def test_the_preview_counts_tonight_and_saves_nothing(client: Any, root: Person, clock: Any) -> None:
    client.sign_in(root)
    rule = ClosingRule.get(ClosingRule.status == "waiting_customer")
    ticket = (
        Ticket.select()
        .where((Ticket.status == "waiting_customer") & (Ticket.reminders_sent == 0))
        .order_by(Ticket.id)
        .first()
    )
    clock.set(max(ticket.last_message_at, ticket.status_since))
    clock.advance(days=1)
    answer = client.submit(
        f"/admin/closingrule/edit/?id={rule.id}", after="1", reminders="", button="preview=1"
    )
    assert answer.status_code == 200
    assert ticket.number in answer.text and "foreseen" in answer.text
    assert ClosingRule.get_by_id(rule.id).after == rule.after


def test_only_one_calendar_is_used_by_default_and_it_stays(client: Any, root: Person) -> None:
    client.sign_in(root)
    first = Calendar.get(Calendar.is_default == True)  # noqa: E712
    made = client.submit(
        "/admin/calendar/new/", name="Moselle", country="fr", subdivision="57",
        hours=["9h-12h30, 14h-18h", "", "", "", "", "", ""],
        is_default="y",
    )  # fmt: skip
    assert made.status_code == 303
    new = Calendar.get(Calendar.name == "Moselle")
    assert new.hours == {"0": [["09:00", "12:30"], ["14:00", "18:00"]]} and new.country == "FR"
    assert not Calendar.get_by_id(first.id).is_default
    token = csrf(client.get("/admin/calendar/new/").text)
    assert client.post("/admin/calendar/delete/", data={"id": new.id, "csrf_token": token}).status_code == 409
    for wrong in (
        {"country": "XX"},
        {"subdivision": "nowhere"},
        {"hours": ["18:00-09:00"] + [""] * 6},
        {"hours": ["late"] + [""] * 6},
    ):
        assert client.submit(f"/admin/calendar/edit/?id={new.id}", **wrong).status_code == 422, wrong


def test_every_setting_has_its_words_and_its_field(client: Any, root: Person) -> None:
    shown = {key for _title, keys in rules.SETTING_GROUPS for key in keys}
    # The name of the set-up is written by the command that applies it, not by hand.
    assert shown == set(settings.DEFAULTS) - {"preset"} == set(rules.SETTING_WORDS)
    for key, choice in settings.DEFAULTS.items():
        if isinstance(choice.allowed, tuple):
            assert set(rules.SETTING_CHOICES[key]) == set(choice.allowed)


def test_settings_are_saved_together_with_a_line_each(client: Any, root: Person) -> None:
    client.sign_in(root)
    answer = client.submit(
        "/admin/settings/",
        lock_after="7",
        portal_name="Vandelay",
        contacts_see_all=None,
        file_kinds="PDF\n.png",
    )
    assert answer.status_code == 303
    settings.forget()
    assert (settings.get("lock_after"), settings.get("portal_name")) == (7, "Vandelay")
    assert settings.get("contacts_see_all") is False and settings.get("file_kinds") == ["pdf", "png"]
    assert (
        AuditEntry.select()
        .where((AuditEntry.kind == "setting:changed") & (AuditEntry.actor == root.id))
        .count()
        == 4
    )
    refused = client.submit("/admin/settings/", lock_after="0", portal_name="Autre")
    assert refused.status_code == 422 and 'value="Autre"' in refused.text
    settings.forget()
    assert settings.get("portal_name") == "Vandelay"


def test_the_home_shows_what_needs_care(client: Any, root: Person) -> None:
    client.sign_in(root)
    OutboxMessage.update(status="failed").where(
        OutboxMessage.id == OutboxMessage.select().first().id
    ).execute()
    text = client.get("/admin/").text
    assert "/admin/outboxmessage/?flt_status=failed" in text
    assert "/admin/person/?flt_waiting=1" in text


def test_a_failed_mail_is_sent_again_from_its_screen(client: Any, root: Person) -> None:
    client.sign_in(root)
    mail = OutboxMessage.select().order_by(OutboxMessage.id.desc()).first()
    OutboxMessage.update(status="failed").where(OutboxMessage.id == mail.id).execute()
    asked = choose(client, "/admin/outboxmessage/", "retry", [str(mail.id)])
    client.send(asked)
    assert OutboxMessage.get_by_id(mail.id).status == "waiting"
    assert last_audit().kind == "mail:retried"


# ---- Looking for a name --------------------------------------------------------------------------------------


NAMES = [
    "Réseau Éole",
    "ŒUVRES d’Aÿ",
    "50 % [net] *étoile* ^ \\d _x_ ?",
    "Straße 7",
    "Trần Văn",
    "reseau-plat",
    "Ægir",
]


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("reseau", ["Réseau Éole", "reseau-plat"]),
        ("RÉSEAU", ["Réseau Éole", "reseau-plat"]),
        ("eole", ["Réseau Éole"]),
        ("oeuvres", ["ŒUVRES d’Aÿ"]),
        ("œuvres", ["ŒUVRES d’Aÿ"]),
        ("aegir", ["Ægir"]),
        ("ay", ["ŒUVRES d’Aÿ"]),
        ("trần", ["Trần Văn"]),
        ("straße", ["Straße 7"]),
        ("*", [NAMES[2]]),
        ("?", [NAMES[2]]),
        ("[net]", [NAMES[2]]),
        ("[", [NAMES[2]]),
        ("]", [NAMES[2]]),
        ("^", [NAMES[2]]),
        ("%", [NAMES[2]]),
        ("_", [NAMES[2]]),
        ("\\d", [NAMES[2]]),
        (".", []),
        ("eole$", []),
        ("x" * 5_000, []),
        ("é" * 5_000, []),
    ],
)
def test_a_name_is_found_without_its_accents_and_signs_mean_themselves(
    database: Any, clock: Any, typed: str, found: list[str]
) -> None:
    for number, name in enumerate(NAMES):
        Organisation.create(name=name, slug=f"o{number}", created_at=clock.now)
    query = Organisation.select().where(holds(Organisation.name, typed)).order_by(Organisation.id)
    assert [row.name for row in query] == found


@pytest.mark.both_databases
def test_lists_of_the_administration_find_reseau_for_réseau(client: Any, world: Any, clock: Any) -> None:
    Organisation.create(name="Réseau Éole", slug="eole", created_at=clock.now)
    client.sign_in(world.root)
    page = client.get("/admin/organisation/?search=EOLE+reseau")
    assert "Réseau Éole" in page.text and "Globex" not in page.text
    assert "Réseau Éole" in client.get(
        "/admin/closingrule/ajax/lookup/?name=organisation&query=resea"
    ).text.encode().decode("unicode_escape")


# ---- A switch in the list ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["team", "product", "kind", "category", "requestform"])
def test_a_button_in_the_list_takes_a_row_out_of_use_and_back(client: Any, world: Any, name: str) -> None:
    table = next(
        table for table in (Team, Product, Kind, Category, RequestForm) if table.__name__.lower() == name
    )
    row = table.select().where(table.is_active).order_by(table.id.desc()).first()
    before = plain_row(row)
    client.sign_in(world.root)
    for wanted in (False, True):
        answer = press_switch(client, name, row.id)
        assert (answer.status_code, answer.location) == (303, f"/admin/{name}/?search={row.slug}")
        assert table.get_by_id(row.id).is_active is wanted
        entry = last_audit()
        assert (entry.kind, entry.data["changed"]) == ("admin:changed", {"is_active": [not wanted, wanted]})
        assert entry.actor_id == world.root.id
    assert plain_row(table.get_by_id(row.id)) == before, "nothing else changed"


def plain_row(row: Any) -> dict[str, Any]:
    return base.plain(row)


def press_switch(client: Any, name: str, key: int, **changes: str) -> Any:
    """Press the button of one row, as somebody without scripts does."""
    slug = (
        next(
            table for table in (Team, Product, Kind, Category, RequestForm) if table.__name__.lower() == name
        )
        .get_by_id(key)
        .slug
    )
    page = client.get(f"/admin/{name}/?search={slug}")
    form = next(
        form
        for form in lint.parse(page.text).iter("form")
        if (form.get("action") or "").endswith("/ajax/update/") and values_of(form)["id"] == str(key)
    )
    return client.post(form.get("action"), data={**values_of(form).to_dict(), **changes})


def test_a_switch_does_not_overwrite_what_a_colleague_saved_meanwhile(client: Any, world: Any) -> None:
    row = Team.select().where(Team.is_active).first()
    client.sign_in(world.root)
    answer = press_switch(client, "team", row.id, seen="0" * 32)
    assert answer.status_code == 303
    assert Team.get_by_id(row.id).is_active
    assert "Quelqu’un" in client.get(answer.location).text


def test_a_switch_turns_nothing_but_what_the_list_shows(client: Any, world: Any) -> None:
    row = Team.select().where(Team.is_active).first()
    client.sign_in(world.root)
    before = base.plain(row)
    # A screen without switches, a column that is none, a row that is not there, no token.
    page = client.get("/help")
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)[1]
    sent = {"id": str(row.id), "seen": base.stamp(row), "csrf_token": token}
    for path, data in (
        ("person", {**sent, "is_active": "false"}),
        ("team", {**sent, "slug": "autre"}),
        ("team", {**sent, "id": TOO_LARGE, "is_active": "false"}),
    ):
        assert client.post(f"/admin/{path}/ajax/update/", data=data).status_code == 404
    client.post("/admin/team/ajax/update/", data={**sent, "csrf_token": "", "is_active": "false"})
    assert Team.get_by_id(row.id).is_active, "without a token nothing changes"
    client.post(
        "/admin/team/ajax/update/", data={**sent, "is_active": "false", "slug": "autre", "position": "99"}
    )
    after = base.plain(Team.get_by_id(row.id))
    assert after == {**before, "is_active": False}
