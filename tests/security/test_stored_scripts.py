"""S30, S31, S35: what anybody types is text wherever it is shown, on every screen and in every mail.

Fifteen payloads stand in every text that a customer, an agent or an admin can fill in. Then each screen that shows them
is opened in a real browser by the three: no dialog, nothing run, nothing the content policy had to stop, no element
that was typed.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from peewee import CharField, TextField

import mailer
import models
from app import CONTENT_POLICY
from domain import settings
from domain.files import extension, normal_name
from domain.notifications import Skipped
from tests.support.browser_pages import be
from tests.support.right_entries import right_entry
from tests.support.scene import Scene, forget_what_was_read

# Short enough for the shortest label (80 characters).
PAYLOADS = [
    "<script>window.ran='a'</script><x-typed>",
    "<img src=x onerror=window.ran='b'>",
    "\"><svg onload=window.ran='c'><x-typed>",
    "' autofocus onfocus=window.ran='d' x='",
    "</title></textarea></script><x-typed><script>ran='e'</script>",
    "<iframe srcdoc='<script>parent.ran=1</script>'></iframe>",
    "<a href=javascript:window.ran='g'>suite</a>",
    "[suite](javascript:window.ran='h')",
    "![x](x\" onerror=\"window.ran='i')",
    "<base href=//typed.example><meta http-equiv=refresh content=99>",
    "<form action=/typed><button>Valider</button></form>",
    "<style>*{background:url(/typed)}</style><link rel=stylesheet href=/typed>",
    "{{ 191*7 }} ${191*7} {% print(191*7) %} #{191*7} %(x)s {x}",
    "<!--><x-typed>--><math><mi><x-typed>",
    "&lt;x-typed&gt;\u2028<x-typed onclick=window.ran='o'>",
]
# What no page and no mail of ours holds.
FOREIGN = (
    "x-typed, svg[onload], iframe, object, embed, base, math, meta[http-equiv], [onerror], [onload], [onfocus], [onclick],"
    " form[action='/typed'], link[href*=typed], [src='/typed'], [href^='javascript:' i], [src^='javascript:' i],"
    " body style, script:not([nonce]):not([type='application/json'])"
)
LISTEN = """
  window.stopped = [];
  document.addEventListener('securitypolicyviolation', event => window.stopped.push(
    event.violatedDirective + ' ' + event.blockedURI + ' ' + event.sample));
"""
LOOK = "([foreign]) => ({ran: window.ran ?? null, stopped: window.stopped ?? [], foreign: [...document.querySelectorAll(foreign)].map(e => e.outerHTML.slice(0, 150))})"

# Tables whose words an admin writes, and those of accounts.
WORDS = ("Team", "Calendar", "Scale", "ScaleLevel", "Product", "Kind", "Category", "RequestForm", "StatusLabel",
         "ConsentText", "Organisation", "Person", "RoutingRule", "ClosingRule", "Portal")  # fmt: skip
KEYS = {"slug", "status", "value", "icon", "tone", "email", "username", "password_hash", "language", "time_zone",
        "staff_role", "country", "subdivision", "prefix", "kind", "unit", "final_status"}  # fmt: skip


def texts(table: Any) -> list[Any]:
    """The columns of a table that hold words for people."""
    return [
        column
        for column in table._meta.sorted_fields
        if type(column) in (CharField, TextField)
        and column.name not in KEYS
        and not column.name.endswith("_slug")
        and not column.choices
    ]


def poison_words() -> int:
    """Write a payload into every text of every row of WORDS; returns how many were written."""
    written = 0
    for name in WORDS:
        table = getattr(models, name)
        columns = texts(table)
        for row in table.select():
            for column in columns:
                payload = PAYLOADS[written % len(PAYLOADS)]
                if column.unique:
                    payload = f"{row.id} {payload}"
                setattr(row, column.name, payload[: getattr(column, "max_length", None) or 400])
                written += 1
            if columns:
                row.save(only=columns)
    forget_what_was_read()
    return written


@pytest.fixture
def scene(live_server: Any, world: SimpleNamespace) -> Scene:
    return Scene(live_server.application, world)


def file_name(payload: str) -> str:
    """A picture called like a payload; a name that is all kept would be refused where the payload hides its ending."""
    name = f"{payload}.png"
    return name if extension(normal_name(name)) == "png" else "x.png"


@pytest.fixture
def poisoned(scene: Scene) -> list[Any]:
    """A request for each payload, which holds it in every text, with what customers and agents write on it."""
    made = []
    for number, payload in enumerate(PAYLOADS):
        answer = {"key": "endpoint", "kind": "text", "value": payload}
        answer |= {f"label_{language}": payload for language in ("fr", "en")}
        person = {"full_name": payload[:60], "employee_number": payload[:20], "url": "", "details": payload}
        ticket = scene.request(
            "alice",
            "incident" if number % 2 else "user-deletion",
            priority="2" if number % 2 else None,
            summary=payload,
            description=f"{payload}\n\n> {payload}\n\n- {payload}\n\n`{payload}`\n\n    {payload}",
            answers=[answer],
            named_people=[] if number % 2 else [person],
            attachment_keys=[scene.upload("alice", file_name(payload)).key],
            cc=["claire@acme.example"],
        )
        scene.reply(ticket, "sam", payload, move_to="waiting_customer" if number % 2 else None)
        scene.reply(ticket, "alice", payload)
        scene.note(ticket, body=payload, attachment_keys=[scene.upload("sam", file_name(payload)).key])
        if number % 2:
            scene.reply(ticket, "sam", payload, move_to="resolved")
        made.append(ticket)
    assert poison_words() > 300
    for key in ("portal_name", "help_phone", "help_hours_fr", "help_hours_en"):
        settings.put(key, PAYLOADS[0], by=None, now=scene.now)
    return made


def look(page: Any, where: str) -> None:
    """Fail when something typed became more than text."""
    seen = page.evaluate(LOOK, [FOREIGN])
    assert seen == {"ran": None, "stopped": [], "foreign": []}, f"{where}: {seen}"
    words = page.locator("body").inner_text()
    assert "1337" not in words, f"{where}: a template was filled in"


def watched(context: Any) -> Any:
    """A page that notes what the policy stops, and refuses that anything is asked of whoever looks at it."""
    context.add_init_script(LISTEN)
    page = context.new_page()

    def refuse(dialog: Any) -> None:
        dialog.dismiss()
        raise AssertionError(f"{page.url} opened a dialog: {dialog.message}")

    page.on("dialog", refuse)
    return page


def test_no_screen_runs_what_was_typed(
    browser_context: Any, live_server: Any, world: SimpleNamespace, scene: Scene, poisoned: list[Any]
) -> None:
    closed = scene.request("alice", summary=PAYLOADS[2], description=PAYLOADS[1])
    scene.move(closed, "closed")
    resolved = poisoned[1].number
    first = {name: getattr(models, name).select().first().id for name in WORDS}
    screens = {
        "alice": [
            "/", "/help", "/privacy", "/catalogue", "/account", "/account/security", "/account/sessions", "/tickets",
            "/tickets?list=organisation&q=" + "%3Cscript%3E%3Cx-typed%3E&form=%22%3E%3Cx-typed%3E", "/tickets?list=cc",
            f"/requests/new/incident?follow_up={closed.number}", "/requests/new/sql-report",
            f"/tickets/{resolved}/closure", f"/tickets/{resolved}/reopening", f"/tickets/{poisoned[0].number}/deletion",
            *(f"/tickets/{ticket.number}" for ticket in poisoned),
        ],
        "bob": ["/organisation/contacts", "/tickets?list=organisation"],
        "sam": [
            "/desk?queue=all", "/desk?queue=all&q=%3Cx-typed%3E", "/tickets?list=organisation",
            *(f"/desk/tickets/{ticket.number}" for ticket in poisoned),
        ],
        "root": [
            "/admin/", "/admin/settings/", "/admin/ticket/", f"/admin/ticket/details/?id={poisoned[1].id}",
            f"/admin/ticket/edit/?id={poisoned[0].id}", "/admin/auditentry/", "/admin/outboxmessage/", "/admin/membership/",
            "/admin/ticketevent/", "/admin/deletion/", "/admin/organisation/?search=%22%3E%3Cx-typed%3E",
            *(f"/admin/{name.lower()}/" for name in WORDS),
            *(f"/admin/{name.lower()}/edit/?id={key}" for name, key in first.items() if name != "ConsentText"),
        ],
    }  # fmt: skip
    for name, paths in screens.items():
        page = watched(be(browser_context(), live_server, getattr(world, name)))
        for path in paths:
            answer = page.goto(path)
            assert answer.status == 200, f"{path} by {name}: {answer.status}"
            look(page, f"{path} by {name}")


def test_no_refused_form_runs_what_it_gives_back(
    browser_context: Any, live_server: Any, world: SimpleNamespace, scene: Scene
) -> None:
    ticket = scene.request("alice")
    page = watched(be(browser_context(), live_server, world.alice))
    for payload in PAYLOADS:
        page.goto("/requests/new/incident")
        page.locator("#request").evaluate("form => { form.noValidate = true }")
        for field in ("summary", "description", "page_url", "measures_taken"):
            page.locator(f"#request [name={field}]").fill(payload)
        page.locator("#request .form-actions button.btn-primary").click()
        page.locator(".error-summary").wait_for()
        look(page, f"a refused form with {payload}")
    page.goto(f"/tickets/{ticket.number}")
    page.locator("details:has(input[name=email]) > summary").click()
    page.locator("input[name=email]").fill(PAYLOADS[2])
    page.locator("form:has(input[name=email]) button").click()
    page.locator(".error-summary").wait_for()
    look(page, "a refused copy")


def test_no_mail_holds_what_was_typed_as_markup(
    browser: Any, live_server: Any, world: SimpleNamespace, poisoned: list[Any]
) -> None:
    """Mail programs have no content policy: escaping stands alone here."""
    page = watched(browser.new_context())
    seen = 0
    for row in models.OutboxMessage.select():
        try:
            with live_server.application.app_context():
                mail = mailer.render(row, live_server.url, row.created_at)
        except Skipped:
            continue
        seen += 1
        assert "1337" not in mail.subject + mail.text
        page.set_content(mail.html)
        look(page, f"the mail {row.template} to {row.recipient}")
    page.context.close()
    assert seen > 60


def test_an_address_that_is_no_address_of_a_page_is_refused(client: Any, world: SimpleNamespace) -> None:
    """S31: what is shown as a link begins with http or https."""
    client.sign_in(world.alice)
    # What was typed is given back in its field, where an address of a script is text.
    client.lint = False
    for value in ("javascript:alert(1)", "JaVaScRiPt:alert(1)", " javascript:alert(1)", "java\tscript:alert(1)",
                  "data:text/html,<script>1</script>", "vbscript:x", "file:///etc/passwd", "//typed.example/x",
                  "https:javascript:alert(1)", "\x01javascript:alert(1)"):  # fmt: skip
        entry = {**right_entry("incident"), "page_url": value}
        page = client.submit("/requests/new/incident", form="request", **entry)
        assert page.status_code == 422, value
        assert not models.Ticket.select().where(models.Ticket.summary == entry["summary"]).exists()


# ---- The eyes of these tests -----------------------------------------------------------------------------------


def shown(payload: str) -> str:
    """A page as it would be if escaping were forgotten."""
    return f"<!doctype html><title>x</title><body><h1>x</h1><p>{payload}</p><a title='{payload}'>y</a></body>"


# Text alone: nothing of it is markup.
HARMLESS = {7, 8, 12}


@pytest.mark.parametrize("number", [number for number in range(len(PAYLOADS)) if number not in HARMLESS])
def test_a_forgotten_escape_is_seen_and_the_policy_still_stands(
    browser_context: Any, live_server: Any, number: int
) -> None:
    policy = CONTENT_POLICY.format(nonce="not-known-to-who-types")
    context = browser_context()
    context.route("**/*", lambda route: route.fulfill(status=404, body=""))
    context.route("**/forgotten", lambda route: route.fulfill(
        body=shown(PAYLOADS[number]), content_type="text/html", headers={"Content-Security-Policy": policy}
    ))  # fmt: skip
    browser_context.watch.allow("")
    page = watched(context)
    page.goto("/forgotten", wait_until="commit")
    page.wait_for_timeout(100)
    seen = page.evaluate(LOOK, [FOREIGN])
    assert seen["ran"] is None, "the content policy let it run"
    assert seen["foreign"] or seen["stopped"], "nobody would have noticed"
