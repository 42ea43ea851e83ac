"""Every page for everybody: axe finds nothing, nothing scrolls sideways, the keyboard alone does everything.

Each page is opened once and looked at wide and narrow, by day and by night, all rules each time, and once more at 320 px.
The largest lots are for the long run; what `make test` keeps has a page of each kind, and test_states.py the usual pages of each role.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pyotp
import pytest
from playwright.sync_api import expect

from domain import (
    announcements,
    blocking,
    joining,
    lifecycle,
    mail_choices,
    satisfaction,
    second_step,
    settings,
    status_page,
)
from forms.requests import REQUEST_FORMS
from models import (
    Announcement,
    MailCopy,
    Membership,
    Organisation,
    OutboxMessage,
    Person,
    Service,
    Team,
    Ticket,
    db,
)
from tests.support.browser_pages import be, number_of, sign_in_by_page
from tests.support.browsing import DESK, PHONE, assert_looks
from tests.support.eye import LOOKS, Eye
from tests.support.keyboard import shows_focus, tab_to
from tests.support.keys import add_key
from tests.support.scene import Scene


@pytest.fixture
def eye(request: pytest.FixtureRequest, live_server: Any, browser_context: Any) -> Eye:
    """An eye on the served portal: by day at a desk, by night on a phone; in the long run in each light at each size."""
    eye = Eye(live_server, browser_context)
    if request.config.option.markexpr:
        eye.looks_at = LOOKS[::2]
    return eye


@pytest.fixture
def scene(live_server: Any, world: SimpleNamespace) -> Scene:
    """Makes requests in the served portal."""
    return Scene(live_server.application, world)


def test_the_eye_is_not_blind(eye: Eye, world: SimpleNamespace) -> None:
    """What would be wrong only by night, only on a phone, or only without a name is found."""
    eye.looks_at = LOOKS
    page = eye.be(None)
    for style, piece in (
        ("@media (prefers-color-scheme: dark) { h1 { color: #333 !important } }", "color-contrast"),
        (
            "@media (max-width: 500px) and (prefers-color-scheme: light) { h1 { color: #eee !important } }",
            "color-contrast",
        ),
        # A rule that is not of colours, in a look that differs from another by its colours only.
        (
            "@media (min-width: 501px) and (prefers-color-scheme: dark) { h1 { display: none } }",
            "heading-one",
        ),
        (
            "@media (max-width: 500px) and (prefers-color-scheme: light) { h1 { display: none } }",
            "heading-one",
        ),
        ("@media (max-width: 500px) { main { width: 900px } }", "sideways"),
        ("@media (max-width: 350px) { main { width: 900px } }", "320 px"),
        ("", "label"),
    ):
        page.goto("/login")
        if style:
            page.evaluate(
                "css => { document.adoptedStyleSheets = [new CSSStyleSheet()]; document.adoptedStyleSheets[0].replaceSync(css) }",
                style,
            )
        else:
            page.evaluate("() => document.querySelector('label').remove()")
        eye.faults.clear()
        eye.look()
        assert any(piece in fault for fault in eye.faults), (style, eye.faults)


# ---- Pages --------------------------------------------------------------------------------------------------


def test_pages_of_strangers(eye: Eye, scene: Scene, world: SimpleNamespace) -> None:
    page = eye.be(None)
    for path in ("/", "/login", "/register", "/register/sent", "/password/forgotten", "/password/forgotten?sent=1",
                 "/help", "/privacy", "/accessibility", f"/password/{scene.link(world.alice)}"):  # fmt: skip
        eye.look(path)
    for path in ("/articles", "/articles?kind=faq", "/articles?topic=start", "/articles/why-these-fields", "/releases",
                 "/search?q=mot+de+passe", "/search?q=licorne"):  # fmt: skip
        eye.look(path)
    eye.look("/help/assistant")
    eye.look("/password/nothing-like-it", 404)
    eye.look("/nothing-here", 404)
    page.goto("/login")
    sign_in_by_page(page, "alice@acme.example", "ce n’est pas le bon")
    eye.look()
    # Locked, and refused entries.
    for _try in range(5):
        page.locator("input[name=email]").fill("alice@acme.example")
        page.locator("input[name=password]").fill("ce n’est pas le bon")
        page.locator("main form .form-actions button").first.click()
        if page.locator("main form .form-actions button[disabled]").count():
            break
    eye.look()
    page.goto("/register")
    page.locator("main form").first.evaluate("form => { form.noValidate = true }")
    page.locator("main form .form-actions button").first.click()
    expect(page.locator(".error-summary")).to_be_visible()
    eye.look()
    eye.end(23)


def test_pages_of_a_customer(eye: Eye, scene: Scene, world: SimpleNamespace) -> None:
    eye.be(world.alice)
    for path in ("/", "/catalogue", "/tickets", "/tickets?list=organisation", "/tickets?q=rien-de-tel", "/account",
                 "/account/security", "/account/sessions", "/help", "/articles", "/articles?topic=requests",
                 "/articles/closes-by-itself", "/announcements", "/search", "/search?q=banque", "/search?q=licorne", "/tickets/columns",
                 "/organisation/dashboard", f"/tickets/{scene.request('alice').number}/audience"):  # fmt: skip
        eye.look(path)
    eye.be(world.bob, locale="en-GB")
    membership = Membership.get(Membership.person == world.alice)
    eye.look("/organisation/contacts")
    eye.look(f"/organisation/contacts/{membership.id}/removal")
    # Somebody new, with nothing yet; somebody who may not open requests; somebody of no organisation.
    now = scene.now
    new = Person.create(
        email="neuve@vide.example", username="neuve@vide.example", full_name="Zoé Neuve", created_at=now,
        email_verified_at=now, first_signed_in_at=now, language="en",
    )  # fmt: skip
    empty = Organisation.create(name="Vide", slug="vide", created_at=now)
    belongs = Membership.create(
        person=new, organisation=empty, role="contact", can_open=True, can_see_all=True, can_answer=True
    )
    eye.be(new)
    for path in (
        "/",
        "/tickets",
        "/tickets?list=cc",
        "/tickets?list=organisation",
        "/organisation/dashboard",
    ):
        eye.look(path)
    belongs.delete_instance()
    for path in ("/", "/catalogue", "/tickets"):
        eye.look(path)
    eye.be(world.dana)
    eye.look("/catalogue")
    eye.look("/requests/new/incident", 403)
    eye.look("/tickets")
    eye.end(32)


def test_pages_of_ideas_and_help(eye: Eye, world: SimpleNamespace) -> None:
    page = eye.be(world.alice)
    for path in ("/ideas", "/ideas?kind=discussion", "/ideas?q=licorne", "/ideas?mine=1", "/ideas/1", "/ideas/new",
                 "/ideas/new?kind=discussion", "/escalation", "/help/assistant"):  # fmt: skip
        eye.look(path)
    # Over a page with nothing to press where the menus come down.
    page.goto("/drafts")
    for menu in page.locator("header details.menu").all():
        menu.evaluate("menu => { menu.open = true }")
    eye.look()
    page.goto("/ideas/new")
    page.locator("#idea").evaluate("form => { form.noValidate = true }")
    page.locator("#title").fill("Exporter le planning des congés")
    page.locator("#idea button[name=look]").click()
    eye.look()
    page.locator("#idea .form-actions button.btn-primary").click()
    expect(page.locator(".error-summary")).to_be_visible()
    eye.look()
    eye.be(world.erin, locale="en-GB")
    eye.look("/ideas/1")
    page = eye.be(world.sam)
    eye.look("/ideas/1")
    eye.look("/ideas/1/moderation")
    page.locator('form[action$="/state"] button').click()
    expect(page.locator(".error-summary")).to_be_visible()
    eye.look()
    eye.end(16)


def test_pages_about_mails_and_how_it_went(eye: Eye, scene: Scene, world: SimpleNamespace) -> None:
    ticket = scene.request("alice")
    scene.reply(ticket, "sam", "C’est réglé.", move_to="resolved")
    lifecycle.close(Ticket.get_by_id(ticket.id), scene.viewer("alice"), scene.now)
    mail = OutboxMessage.get((OutboxMessage.ticket == ticket.id) & (OutboxMessage.person == world.alice.id))
    OutboxMessage.update(status="sent", sent_at=scene.now).where(OutboxMessage.id == mail.id).execute()
    MailCopy.create(message=mail, subject="Nous avons reçu votre demande", text="Bonjour Alice,\n\nmerci.\n")
    page = eye.be(world.alice)
    leave = mail_choices.unsubscribe_token(world.alice.id, "moves")
    number = ticket.number
    for path in ("/account/notifications", f"/unsubscribe/{leave}", f"/tickets/{number}/mails",
                 f"/tickets/{number}/mails/{mail.id}", f"/tickets/{number}", f"/tickets/{number}/satisfaction?score=4"):  # fmt: skip
        eye.look(path)
    eye.look("/unsubscribe/nothing-like-it", 404)
    # Nothing chosen, then answered.
    page.goto(f"/tickets/{number}/satisfaction")
    page.locator("main form .form-actions button").first.click()
    expect(page.locator(".error-summary")).to_be_visible()
    eye.look()
    satisfaction.rate(Ticket.get_by_id(ticket.id), 2, "Trop lent.", scene.viewer("alice"), scene.now)
    eye.look(f"/tickets/{number}")
    # Half of the quiet hours.
    page.goto("/account/notifications")
    page.locator("[name=quiet_from]").select_option("22:00")
    page.locator("main form .form-actions button").first.click()
    expect(page.locator(".error-summary")).to_be_visible()
    eye.look()
    eye.be(world.root, locale="en-GB")
    eye.look("/desk/satisfaction")
    eye.look(f"/desk/tickets/{number}")
    eye.look(f"/desk/satisfaction?months=1&team={Team.get(Team.slug == 'privacy').id}")
    eye.end(13)


@pytest.mark.long
def test_pages_of_second_factors(eye: Eye, scene: Scene, world: SimpleNamespace, clock: Any) -> None:
    page = eye.be(world.alice)
    eye.look("/account/security/app")
    page.locator("main form button.btn-primary").click()
    eye.look()
    page.locator("#confirm").evaluate("form => { form.noValidate = true }")
    page.locator("#confirm .form-actions button").click()
    expect(page.locator(".error-summary")).to_be_visible()
    eye.look()
    app = pyotp.TOTP(page.locator(".key-text").inner_text().replace(" ", ""))
    page.locator("#confirm [name=code]").fill(app.at(clock.now))
    page.locator("#confirm .form-actions button").click()
    page.wait_for_url("**/account/security/codes")
    eye.look()
    page.locator("main form button.btn-primary").click()
    expect(page.locator(".code-list li")).to_have_count(10)
    eye.look()
    add_key(scene.viewer("alice"), scene.now)
    settings.put("new_browser_code", True, by=None, now=scene.now)
    with db.atomic():
        second_step.trust(
            world.alice.id, origin="203.0.113.7", user_agent="Mozilla/5.0 Firefox/140.0", now=scene.now
        )
    for path in ("/account/security", "/account/security/keys", "/account/sessions"):
        eye.look(path)
    # Proving it again, and going on.
    eye.be(world.root)
    page = eye.page
    page.goto(f"/admin/person/edit/?id={world.dana.id}")
    clock.advance(minutes=20)
    page.locator("main form button.btn-primary").first.click()
    page.wait_for_url("**/login/again**")
    eye.look()
    page.locator("main form .form-actions button").first.click()
    expect(page.locator(".error-summary")).to_be_visible()
    eye.look()
    page.locator("main [name=password]").fill(world.password)
    page.locator("main form .form-actions button").first.click()
    page.wait_for_url("**/login/again/act**")
    eye.look()
    # The second step: by app, by recovery code, locked; and the mailed code.
    page = eye.be(None, locale="en-GB")
    page.goto("/login")
    sign_in_by_page(page, "alice@acme.example", world.password)
    page.wait_for_url("**/login/verify")
    eye.look()
    eye.look("/login/verify?means=recovery")
    for _try in range(5):
        page.locator("main form [name=code]").fill("000000")
        page.locator("main form .form-actions button").first.click()
        expect(page.locator(".error-summary, [role=alert].callout").first).to_be_visible()
    eye.look()
    page = eye.be(None, locale="fr-FR")
    page.goto("/login")
    sign_in_by_page(page, "sam@guichet.example", world.password)
    page.wait_for_url("**/login/verify")
    eye.look()
    # Urged, and led there.
    settings.put("new_browser_code", False, by=None, now=scene.now)
    page = eye.be(None)
    page.goto("/login")
    sign_in_by_page(page, "sam@guichet.example", world.password)
    page.wait_for_url("**/desk")
    eye.look()
    settings.put("factor_required", "staff", by=None, now=scene.now)
    settings.forget()
    page.goto("/desk")
    page.wait_for_url("**/account/security")
    eye.look()
    eye.end(17)


@pytest.mark.parametrize("language", ["fr", pytest.param("en", marks=pytest.mark.long)])
def test_each_form_empty_and_refused(eye: Eye, world: SimpleNamespace, language: str) -> None:
    Person.update(language=language).execute()
    page = eye.be(world.alice, locale="fr-FR" if language == "fr" else "en-GB")
    # Half of the forms in each language: their macros are the same.
    slugs = sorted(REQUEST_FORMS)[0 if language == "fr" else 1 :: 2]
    for slug in slugs:
        eye.look(f"/requests/new/{slug}")
        page.locator("#request").evaluate("form => { form.noValidate = true }")
        page.locator("#request .form-actions button.btn-primary").click()
        expect(page.locator(".error-summary")).to_be_focused()
        eye.look()
    eye.end(2 * len(slugs))


@pytest.mark.long
def test_a_request_in_each_status(eye: Eye, scene: Scene, world: SimpleNamespace) -> None:
    made = scene.in_each_status()
    eye.be(world.alice)
    for ticket in made.values():
        eye.look(f"/tickets/{ticket.number}")
    page = eye.page
    page.goto(f"/tickets/{made['waiting_customer'].number}")
    page.locator("#answer button.btn-primary").click()
    eye.look()
    # The pages with one button, and that of a deletion.
    for act in ("closure", "reopening", "keep-open"):
        eye.look(f"/tickets/{made['resolved'].number}/{act}")
    eye.look(f"/tickets/{scene.deletion().number}/deletion")
    eye.look(f"/tickets/{made['customer_testing'].number}/test")
    held_up(scene, made)
    eye.look(f"/tickets/{made['blocked'].number}")
    eye.end(21)


def held_up(scene: Scene, made: dict[str, Ticket]) -> None:
    """What is blocked waits for another organisation's request, and for one that its own customer may see."""
    sam = scene.viewer("sam")
    for other in (scene.request("charlie"), made["in_progress"]):
        blocking.block(made["blocked"], other.number, sam, scene.now, component="Règles de calcul de la paie")


@pytest.mark.long
def test_pages_of_the_desk(eye: Eye, scene: Scene, world: SimpleNamespace) -> None:
    made = scene.in_each_status()
    sent = scene.upload("sam", "note.png")
    scene.note(made["in_progress"], attachment_keys=[sent.key])
    page = eye.be(world.sam)
    for queue in ("unassigned", "mine", "team", "waiting", "resolved", "all"):
        eye.look(f"/desk?queue={queue}")
    eye.look("/desk?queue=all&q=rien-de-tel")
    for status in ("registered", "in_progress", "waiting_customer", "resolved", "closed", "expired"):
        eye.look(f"/desk/tickets/{made[status].number}")
    page.goto(f"/desk/tickets/{made['in_progress'].number}")
    for fold in page.locator("main details, aside details").all():
        fold.evaluate("fold => { fold.open = true }")
    eye.look()
    page.locator('form[action$="/replies"] button.btn-primary').click()
    expect(page.locator(".error-summary").first).to_be_visible()
    eye.look()
    # Both ends of a block, and a form that is refused.
    held_up(scene, made)
    eye.look(f"/desk/tickets/{made['in_progress'].number}")
    eye.look(f"/desk/tickets/{made['escalated_l2'].number}")
    eye.look(f"/desk/tickets/{made['blocked'].number}")
    for fold in page.locator("main details, aside details").all():
        fold.evaluate("fold => { fold.open = true }")
    page.locator('form[action$="/blocks"] button').click()
    expect(page.locator(".error-summary").first).to_be_visible()
    eye.look()
    # A queue with nothing in it.
    nobody = Person.create(
        email="nadia@guichet.example", username="nadia@guichet.example", full_name="Nadia Neuve", staff_role="agent",
        created_at=scene.now, email_verified_at=scene.now, first_signed_in_at=scene.now, language="en",
    )  # fmt: skip
    eye.be(nobody)
    eye.look("/desk?queue=mine")
    eye.end(20)


@pytest.mark.long
def test_pages_of_merging_splitting_and_handing_over(eye: Eye, scene: Scene, world: SimpleNamespace) -> None:
    sent = scene.upload("bob", "ecran.png")
    ticket = scene.request("bob", attachment_keys=[sent.key], cc=["dana@acme.example", "paie@acme.example"])
    into = scene.request(
        "alice", audience="only_me", summary="La banque refuse l’export de paie depuis ce matin"
    )
    message = ticket.messages.get()
    page = eye.be(world.sam)
    eye.look(f"/desk/tickets/{ticket.number}/merge")
    eye.look(f"/desk/tickets/{ticket.number}/merge?into={into.number}")
    eye.look(f"/desk/tickets/{ticket.number}/merge?into=SUP-999999", 422)
    eye.look(f"/desk/tickets/{ticket.number}/split?message={message.id}")
    page.locator("#split").evaluate("form => { form.noValidate = true }")
    page.locator("#split [name=summary]").fill("")
    page.locator("#split .form-actions button.btn-primary").click()
    expect(page.locator(".error-summary")).to_be_visible()
    eye.look()
    eye.look(f"/tickets/{ticket.number}/handover")
    page.locator("#handover").evaluate("form => { form.noValidate = true }")
    page.locator("#handover .form-actions button.btn-primary").click()
    expect(page.locator(".error-summary")).to_be_visible()
    eye.look()
    joining.merge(ticket, into.number, scene.viewer("sam"), scene.now)
    for number in (ticket.number, into.number):
        eye.look(f"/desk/tickets/{number}")
    eye.be(world.bob, locale="en-GB")
    for number in (ticket.number, into.number):
        eye.look(f"/tickets/{number}")
    eye.look(f"/tickets/{into.number}/handover")
    eye.end(12)


@pytest.mark.long
def test_pages_of_the_administration(eye: Eye, scene: Scene, world: SimpleNamespace) -> None:
    ticket = scene.request("alice")
    team = Team.get(Team.slug == "support")
    page = eye.be(world.root)
    for path in ("/admin/", "/admin/ticket/", "/admin/membership/?search=acme", "/admin/organisation/?search=rien",
                 f"/admin/ticket/details/?id={ticket.id}", f"/admin/ticket/edit/?id={ticket.id}", "/admin/team/new/",
                 f"/admin/team/edit/?id={team.id}", f"/admin/team/delete/?id={team.id}", "/admin/closingrule/new/",
                 "/admin/settings/", "/admin/auditentry/", "/admin/team/", "/admin/licencerequest/",
                 "/admin/outboxmessage/", "/admin/calendar/year/?id=1&from=2026-11-06&days=7",
                 "/admin/closingrule/edit/?id=1"):  # fmt: skip
        eye.look(path)
    waiting = Ticket.get(Ticket.status == "waiting_customer")
    page.fill("[name=after]", "60")
    page.fill("[name=on]", "2026-12-30")
    page.fill("[name=request]", waiting.number)
    page.locator(".form-actions button[name=preview]").click()
    eye.look()
    page.goto("/admin/team/new/")
    page.locator("main form").filter(has=page.locator("[name=slug]")).evaluate(
        "form => { form.noValidate = true }"
    )
    page.locator("main form").filter(has=page.locator("[name=slug]")).locator(
        "button.btn-primary"
    ).first.click()
    eye.look()
    eye.end(19)


def answer_with(status: int, html: str) -> Any:
    """A handler that answers instead of the portal."""
    return lambda route: route.fulfill(status=status, body=html, content_type="text/html")


def test_error_pages(eye: Eye, scene: Scene, world: SimpleNamespace) -> None:
    ticket = scene.request("alice")
    page = eye.be(world.alice)
    eye.look("/desk", 403)
    eye.look("/tickets/SUP-999999", 404)
    eye.look("/logout", 405)
    page.goto(f"/tickets/{ticket.number}")
    scene.move(ticket, "closed")
    page.locator("#answer textarea").fill("Trop tard.")
    page.locator("#answer button.btn-primary").click()
    expect(page.locator("main")).to_contain_text("Trop tard.")
    eye.look()
    # Those that no click leads to, as the portal words them.
    from app import error_page

    application = scene.application
    for status in (400, 409, 413, 422, 429, 500, 503):
        with application.test_request_context("/tickets"):
            html = error_page(status).get_data(as_text=True)
        eye.open_context.watch.allow(f"{status} for GET {eye.server.url}/tickets?case={status}")
        page.route(f"**/tickets?case={status}", answer_with(status, html))
        eye.look(f"/tickets?case={status}", status)
    eye.end(11)


# ---- The keyboard alone ----------------------------------------------------------------------------------------


def test_the_first_tab_skips_to_the_content(
    browser_context: Any, live_server: Any, world: SimpleNamespace
) -> None:
    page = be(browser_context(), live_server, world.alice).new_page()
    for path in ("/", "/tickets", "/requests/new/incident", "/account"):
        page.goto(path)
        page.keyboard.press("Tab")
        first = page.locator(":focus")
        expect(first).to_have_attribute("href", "#main")
        box = first.bounding_box()
        assert box["y"] >= 0 and box["height"] >= 24, f"{path}: the skip link does not show"
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        assert page.evaluate("() => !!document.activeElement.closest('main')"), path


@pytest.mark.parametrize(
    ("who", "path"),
    [(None, "/login"), ("alice", "/"), ("alice", "/catalogue"), ("alice", "/tickets?list=organisation"),
     ("alice", "/requests/new/incident"), ("alice", "/requests/new/user-deletion"), ("alice", "{ticket}"),
     ("sam", "/desk"), ("sam", "/desk{ticket}"), ("root", "/admin/ticket/"), ("root", "/admin/team/new/")],
)  # fmt: skip
def test_every_stop_of_the_keyboard_is_seen(
    browser_context: Any, live_server: Any, world: SimpleNamespace, scene: Scene, who: str | None, path: str
) -> None:
    ticket = scene.request("alice")
    context = browser_context(viewport=PHONE if who == "alice" else DESK)
    if who:
        be(context, live_server, getattr(world, who))
    page = context.new_page()
    page.goto(path.format(ticket=f"/tickets/{ticket.number}"))
    stops, unseen = 0, []
    for _press in range(90):
        page.keyboard.press("Tab")
        if page.evaluate("() => document.activeElement === document.body || document.activeElement === null"):
            break
        stops += 1
        if not shows_focus(page):
            unseen.append(page.evaluate("() => document.activeElement.outerHTML.slice(0, 160)"))
    assert not unseen, f"{path}: no focus seen on\n" + "\n".join(dict.fromkeys(unseen))
    assert stops > 5


def test_menus_open_and_close_by_keyboard(
    browser_context: Any, live_server: Any, world: SimpleNamespace
) -> None:
    page = be(browser_context(), live_server, world.alice).new_page()
    page.goto("/tickets")
    tab_to(page, "details.menu:has(.avatar) > summary")
    page.keyboard.press("Enter")
    expect(page.locator("details.menu[open] .menu-sheet")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("details.menu[open]")).to_have_count(0)
    assert page.evaluate("() => document.activeElement.matches('details.menu > summary')")
    page.keyboard.press("Enter")
    tab_to(page, 'details.menu a[href="/account"]')
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{live_server.url}/account")


@pytest.mark.parametrize("page", [{"viewport": DESK}, {"viewport": PHONE, "locale": "en-GB"}], indirect=True)
def test_a_request_is_sent_by_keyboard_alone(
    page: Any, live_server: Any, world: SimpleNamespace, tmp_path: Any
) -> None:
    page.goto("/login")
    tab_to(page, "input[name=email]")
    page.keyboard.type("alice@acme.example")
    tab_to(page, "input[name=password]")
    page.keyboard.type(world.password)
    page.keyboard.press("Enter")
    page.wait_for_url("**/")
    tab_to(page, 'header a[href="/catalogue"]')
    page.keyboard.press("Enter")
    page.wait_for_url("**/catalogue")
    tab_to(page, 'a[href="/requests/new/incident"]')
    page.keyboard.press("Enter")
    page.wait_for_url("**/requests/new/incident")
    # Sent too early: the summary takes the focus, and its first link leads to the field.
    tab_to(page, "#request .form-actions button.btn-primary")
    page.locator("#request").evaluate("form => { form.noValidate = true }")
    page.keyboard.press("Enter")
    expect(page.locator(".error-summary")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("() => document.activeElement.name") == "summary"
    page.keyboard.type("Les heures ne se valident plus")
    tab_to(page, "textarea[name=description]")
    page.keyboard.type("Depuis ce matin.\nErreur 500.")
    tab_to(page, "[name=severity]")
    page.keyboard.press("Space")
    page.keyboard.press("ArrowDown")
    tab_to(page, "[name=page_url]")
    page.keyboard.type("https://temps.initech.example/atelier")
    tab_to(page, "[name=consent]")
    page.keyboard.press("Space")
    tab_to(page, "#request .form-actions button.btn-primary")
    page.keyboard.press("Enter")
    page.wait_for_url("**/tickets/*")
    ticket = Ticket.get(Ticket.number == number_of(page))
    assert (ticket.summary, ticket.priority) == ("Les heures ne se valident plus", "2")
    # And answered.
    tab_to(page, "#answer textarea")
    page.keyboard.type("Le poste de l’atelier est le seul touché.")
    tab_to(page, "#answer button.btn-primary")
    page.keyboard.press("Enter")
    expect(page.locator("[data-message=reply]").last).to_contain_text("le seul touché")


def test_text_stays_whole_when_it_is_twice_as_large(
    browser_context: Any, live_server: Any, world: SimpleNamespace, scene: Scene
) -> None:
    """Text at 200 % is a window of half the width; and spacing as WCAG 1.4.12 asks."""
    ticket = scene.request("alice")
    page = be(browser_context(viewport={"width": 640, "height": 450}), live_server, world.alice).new_page()
    for path in (
        "/",
        "/catalogue",
        "/requests/new/incident",
        "/tickets?list=organisation",
        f"/tickets/{ticket.number}",
    ):
        page.goto(path)
        page.evaluate(
            """() => { for (const e of document.querySelectorAll('body *')) {
              e.style.lineHeight = '1.5'; e.style.letterSpacing = '0.12em'; e.style.wordSpacing = '0.16em';
            } }"""
        )
        assert_looks(page)


@pytest.mark.long
def test_pages_of_the_status_and_of_announcements(eye: Eye, scene: Scene, world: SimpleNamespace) -> None:
    sam = scene.viewer("sam")
    row = status_page.open_incident(
        sam, scene.now, title_fr="API de paie ralentie", title_en="", impact="major",
        service_ids=[Service.get(Service.slug == "payroll-api").id], body_fr="Plus rien ne répond.", body_en="",
        idempotency_key="incident-of-the-eye",
    )  # fmt: skip
    ticket = scene.request("charlie")
    status_page.join_requests(row.id, [ticket.number], sam, scene.now)
    announcements.write(
        Announcement(title_fr="À masquer", body_fr="Un mot.", first_day=scene.now.date()), [], scene.now
    )
    page = eye.be(None)
    for path in ("/", "/status", "/status/history?month=2026-09", "/status/history"):
        eye.look(path)
    page.goto("/status")
    page.locator("main details").evaluate("fold => { fold.open = true }")
    eye.look()
    eye.be(world.alice)
    for path in (
        "/",
        "/catalogue",
        "/requests/new/incident",
        f"/status/{row.id}",
        f"/status/{row.id}/affected",
    ):
        eye.look(path)
    eye.be(world.charlie, locale="en-GB")
    for path in ("/announcements", f"/tickets/{ticket.number}", "/status/1"):
        eye.look(path)
    page = eye.be(world.sam)
    for path in (
        "/desk/incidents",
        "/desk/incidents/new",
        f"/desk/incidents/{row.id}",
        f"/desk/incidents/{row.id}/answer",
    ):
        eye.look(path)
    page.locator("#answer").evaluate("form => { form.noValidate = true }")
    page.locator("#answer .form-actions button.btn-primary").click()
    expect(page.locator(".error-summary")).to_be_visible()
    eye.look()
    page.locator("#answer [name=body_fr]").fill("C’est réglé.")
    page.locator("#answer .form-actions button.btn-primary").click()
    expect(page.locator("[data-sent='1']")).to_be_visible()
    eye.look()
    eye.look(f"/desk/tickets/{ticket.number}")
    eye.be(world.root)
    for path in ("/admin/service/new/", "/admin/announcement/new/"):
        eye.look(path)
    eye.end(22)
