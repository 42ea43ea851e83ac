"""What pages can look like: one line for each state, for four roles and, where the page is public, for strangers.

A new page gets its lines here and is then looked at by axe, by the checker of HTML, and read for its language. A state
names its address with pieces of the stage between braces; the roles that see it, by letter; and what all others get.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from tests.support.browsing import DESK, PHONE
from tests.support.eye import LOOKS
from tests.support.scene import Scene

# Letter -> demo person. Two of them read French, two English.
ROLES = {"c": "alice", "o": "bob", "a": "sam", "r": "root"}
NAMES = {"c": "customer", "o": "organisation administrator", "a": "agent", "r": "admin", "s": "stranger"}
LANGUAGES = {"c": "fr", "o": "en", "a": "fr", "r": "en", "s": "fr"}

EVERYBODY, SIGNED_IN, CUSTOMERS, TEAM = "scoar", "coar", "co", "ar"

LONG = "Anticonstitutionnellementinterprofessionnellementincomprehensiblementinstitutionnalise"


@dataclass(frozen=True)
class State:
    """One page as somebody finds it."""

    name: str
    path: str
    # Who sees it; the other roles of SIGNED_IN get `otherwise`.
    who: str = SIGNED_IN
    otherwise: int = 403
    status: int = 200
    # What is done in the page before it is looked at.
    act: Callable[[Any], None] | None = None
    # Somebody who has nothing yet looks, instead of the demo person.
    empty: bool = False
    looks: tuple[Any, ...] = ((DESK, "light"), (PHONE, "dark"))
    # Twice the text, by the setting of the browser.
    large: bool = False
    scripts: bool = True

    def status_for(self, role: str) -> int:
        """What this address answers to a role."""
        return self.status if role in self.who else self.otherwise


def refused(form: str) -> Callable[[Any], None]:
    """Send a form as it is, past what the browser itself would say."""

    def act(page: Any) -> None:
        button = page.locator(f"{form} :is(button.btn-primary, button.btn-danger)").first
        page.locator(form).first.evaluate("form => { form.noValidate = true }")
        with page.expect_navigation():
            button.click()
        page.locator(".error-summary, [aria-invalid=true]").first.wait_for()

    return act


def unfolded(page: Any) -> None:
    """Open everything that is folded; menus cover what is behind them, and are opened elsewhere."""
    for fold in page.locator("main details:not(.menu)").all():
        fold.evaluate("fold => { fold.open = true }")


def columns_shown(page: Any) -> None:
    """Open the chooser of columns, where there is one."""
    chooser = page.locator("main details:has([name=columns])").first
    chooser.evaluate("chooser => { chooser.open = true }")


def code_refused(page: Any) -> None:
    """Begin with an authenticator app, and type no code."""
    with page.expect_navigation():
        page.locator("main form:has([name=begin]) button").first.click()
    refused("#confirm")(page)


def written(page: Any) -> None:
    """Type into the answer with the buttons over it, where one may answer here."""
    for area in page.locator("textarea[data-reply]").all():
        area.fill("Le virement revient")
        area.press("Control+b")


USUAL = [
    State("home", "/", EVERYBODY),
    State("list, full", "/tickets?list=organisation&status=all"),
    State("request, your answer is awaited", "/tickets/{waiting_customer}"),
    State("form, refused", "/requests/new/incident", "co", act=refused("#request")),
    State("articles", "/articles", EVERYBODY),
    State("nothing here", "/nothing-here", EVERYBODY, status=404),
]
EMPTY = [
    State("home, empty", "/", empty=True),
    State("list, empty", "/tickets?list=mine", empty=True),
    State("partners and clients, none", "/organisation/partners", CUSTOMERS, empty=True),
    State("copies, empty", "/tickets?list=cc", empty=True),
    State("organisation's list, empty", "/tickets?list=organisation", empty=True),
    State("list, nothing found", "/tickets?q=licorne&status=all"),
    State("search, nothing found", "/search?q=licorne", EVERYBODY),
    State("search, nothing typed", "/search", EVERYBODY),
    State("my queue, empty", "/desk?queue=mine", TEAM, empty=True),
    State("approved contacts, alone", "/organisation/contacts", "o", empty=True),
    State("administration, nothing found", "/admin/organisation/?search=licorne", "r"),
]
REQUESTS = [
    *(
        State(f"request, {status}", f"/tickets/{{{status}}}")
        for status in (
            "registered", "qualified", "in_progress", "waiting_engineering", "customer_testing", "awaiting_rollback",
            "blocked", "escalated_l2", "escalated_product", "escalated_development", "resolved", "expired", "closed",
        )
    ),
    State("answer, refused", "/tickets/{waiting_customer}", CUSTOMERS, 200, act=refused("#answer")),
    State("closing", "/tickets/{resolved}/closure"),
    State("reopening", "/tickets/{resolved}/reopening"),
    State("keeping open", "/tickets/{resolved}/keep-open"),
    State("a test to report", "/tickets/{customer_testing}/test"),
    State("handing over", "/tickets/{request}/handover", SIGNED_IN),
    State("handing over, refused", "/tickets/{request}/handover", SIGNED_IN, act=refused("#handover")),
    State("deletion, to confirm", "/tickets/{deletion}/deletion"),
    State("deletion, second person", "/tickets/{seconding}/deletion"),
    State("merged request", "/tickets/{merged}"),
]  # fmt: skip
PAGES = [
    State("catalogue", "/catalogue"),
    State("form of deletion", "/requests/new/user-deletion", CUSTOMERS),
    State("form of VAT", "/requests/new/vat-change", CUSTOMERS),
    State("licence, refused", "/requests/new/licence", CUSTOMERS, act=refused("#request")),
    State("list, sorted and filtered", "/tickets?list=organisation&status=open&sort=summary"),
    State("search, articles", "/search?q=mot+de+passe", EVERYBODY),
    State("search, requests", "/search?q=paie&tab=tickets"),
    State("article", "/articles/why-these-fields", EVERYBODY),
    State("topic", "/articles?topic=start", EVERYBODY),
    State("frequent questions", "/articles?kind=faq", EVERYBODY),
    State("releases", "/releases", EVERYBODY),
    State("announcements", "/announcements", EVERYBODY),
    State("help", "/help", EVERYBODY),
    State("privacy", "/privacy", EVERYBODY),
    State("accessibility", "/accessibility", EVERYBODY),
    State("profile", "/account"),
    State("password, refused", "/account/security", act=refused("main form")),
    State("sessions", "/account/sessions"),
    State("own data", "/account/data"),
    State("a consent", "/account/data/consents/{consent}", "c", otherwise=404),
    State("approved contacts", "/organisation/contacts", "o"),
    State("contact, refused", "/organisation/contacts", "o", act=refused("main form:has([name=full_name])")),
    State("partners and clients", "/organisation/partners", CUSTOMERS),
    State("request of a partner", "/tickets/{of_partner}", "oar", otherwise=404, act=unfolded),
    State("who can see it, a partner too", "/tickets/{of_partner}/audience", "oar", otherwise=404),
    State("method that is not taken", "/logout", SIGNED_IN, status=405),
]
DOORS = [
    State("sign in", "/login", "s"),
    State("sign in, refused", "/login", "s", act=refused("main form")),
    State("register", "/register", "s"),
    State("register, refused", "/register", "s", act=refused("main form")),
    State("registered", "/register/sent", "s"),
    State("forgotten", "/password/forgotten", "s"),
    State("lost user name", "/username/forgotten", "s"),
    State("lost user name, refused", "/username/forgotten", "s", act=refused("main form:has([name=email])")),
    State("lost user name, asked for", "/username/forgotten?sent=1", "s"),
    State("password to choose", "/password/{link}", "s"),
    State("dead link", "/password/nothing-like-it", "s", status=404),
]
DESK_STATES = [
    State("unassigned", "/desk?queue=unassigned", TEAM),
    State("the team's queue", "/desk?queue=team", TEAM),
    State("all, full", "/desk?queue=all", TEAM),
    State("queue, nothing found", "/desk?queue=all&q=rien-de-tel", TEAM),
    State("request at the desk", "/desk/tickets/{in_progress}", TEAM, act=unfolded),
    State("answer of the desk, refused", "/desk/tickets/{in_progress}", TEAM, act=refused('form[action$="/replies"]')),
    State("closed request at the desk", "/desk/tickets/{closed}", TEAM),
    State("blocked request at the desk", "/desk/tickets/{blocked}", TEAM),
    State("merging", "/desk/tickets/{in_progress}/merge?into={registered}", TEAM),
    State("splitting", "/desk/tickets/{request}/split?message={message}", TEAM),
    State("taking out", "/desk/tickets/{request}/redaction?message={message}", TEAM),
    State("taking out, refused", "/desk/tickets/{request}/redaction?message={message}", TEAM, act=refused("#redaction")),
    State("something was taken out", "/tickets/{redacted}"),
    State("something was taken out, at the desk", "/desk/tickets/{redacted}", TEAM),
]  # fmt: skip
ADMINISTRATION = [
    State("administration", "/admin/", "r"),
    State("requests, full", "/admin/ticket/", "r"),
    State("memberships", "/admin/membership/?search=acme", "r"),
    State("organisation, new", "/admin/organisation/new/", "r"),
    State("partners", "/admin/partnerlink/", "r"),
    State("partner, new", "/admin/partnerlink/new/", "r"),
    State("partner, refused", "/admin/partnerlink/new/", "r", act=refused("main form:has([name=partner])")),
    State("partner", "/admin/partnerlink/details/?id={partner_link}", "r"),
    State("partner, to change", "/admin/partnerlink/edit/?id={partner_link}", "r"),
    State("lists to confirm", "/admin/contactreview/", "r"),
    State("files of contacts", "/admin/contactimport/", "r"),
    State(
        "file of contacts, refused",
        "/admin/contactimport/new/",
        "r",
        act=refused("main form:has([name=file])"),
    ),
    State("file of contacts, looked at", "/admin/contactimport/details/?id={contacts_file}", "r"),
    State("file of contacts, under way", "/admin/contactimport/details/?id={contacts_running}", "r"),
    State("data of a person", "/admin/people/{person}/data", "r"),
    State("erasing a person", "/admin/people/{leaver}/erasure", "r"),
    State("erasing a person, refused", "/admin/people/{leaver}/erasure", "r", act=refused("#erasure")),
    State("erasing a person, not now", "/admin/people/{person}/erasure", "r"),
    State("data of a person, refused", "/admin/people/{person}/data", "r", act=refused("#own-data")),
    State("team, refused", "/admin/team/new/", "r", act=refused("main form:has([name=slug])")),
    State("closing rule", "/admin/closingrule/edit/?id=1", "r"),
    State("settings", "/admin/settings/", "r"),
    State("retention", "/admin/retention/", "r"),
    State("record", "/admin/auditentry/", "r"),
    State("article to edit", "/admin/article/new/", "r"),
    State("deleting", "/admin/team/delete/?id={team}", "r"),
]
WRITTEN = [
    State("guided path, first step", "/requests/guided/product", CUSTOMERS),
    State("guided path, refused", "/requests/guided/product", CUSTOMERS, act=refused("main form:has([name=product])")),
    State("unfinished requests", "/drafts"),
    State("unfinished requests, none", "/drafts", empty=True),
    State("audience", "/tickets/{request}/audience"),
    State("mails of a request", "/tickets/{request}/mails"),
    State("satisfaction", "/tickets/{rated}/satisfaction", "c", 200),
    State("contest of a priority", "/tickets/{lowered}/contest", CUSTOMERS, 200),
    State("figures of the organisation", "/organisation/dashboard", CUSTOMERS, act=unfolded),
    State("figures, empty", "/organisation/dashboard", CUSTOMERS, empty=True),
    State("list, columns", "/tickets?list=organisation&status=all", act=columns_shown),
    State("request with a toolbar", "/tickets/{request}", act=written),
]  # fmt: skip
PUBLIC = [
    State("state of the service", "/status", EVERYBODY),
    State("state of the service, past", "/status/history?month=2026-09", EVERYBODY),
    State("incident", "/status/{incident}", EVERYBODY),
    State("incident, over", "/status/{past}", EVERYBODY),
    State("we are affected too", "/status/{incident}/affected", CUSTOMERS),
    State("escalation", "/escalation"),
    State("assistant", "/help/assistant", EVERYBODY),
    State("ideas", "/ideas"),
    State("ideas, nothing found", "/ideas?q=licorne"),
    State("idea", "/ideas/{idea}", act=unfolded),
    State("idea, new", "/ideas/new"),
    State("idea, refused", "/ideas/new", act=refused("main form:has([name=title])")),
    State("mails left", "/unsubscribe/{leave}", EVERYBODY),
    State("mails left, dead link", "/unsubscribe/nothing-like-it", EVERYBODY, status=404),
]  # fmt: skip
ACCOUNT = [
    State("notifications", "/account/notifications"),
    State("address", "/account/address"),
    State("address, refused", "/account/address", act=refused("main form")),
    State("mobile number, no gateway", "/account/mobile"),
    State("text messages, administration", "/admin/textmessage/", "r"),
    State("security", "/account/security"),
    State("sign-in by nobody's provider", "/login/with/nothing", EVERYBODY, status=404),
    State("signed link of nobody", "/login/signed", EVERYBODY, status=404),
    State("identity provider, new", "/admin/identityprovider/new/", "r"),
    State("application with links, new", "/admin/linkingapplication/new/", "r"),
    State("authenticator app", "/account/security/app"),
    State("authenticator app, refused", "/account/security/app", act=code_refused),
    State("security keys", "/account/security/keys"),
    State("recovery codes", "/account/security/codes"),
]
TEAM_PAGES = [
    State("incidents", "/desk/incidents", TEAM),
    State("incident, new", "/desk/incidents/new", TEAM),
    State("incident, refused", "/desk/incidents/new", TEAM, act=refused("main form:has([name=title_fr])")),
    State("incident at the desk", "/desk/incidents/{incident}", TEAM, act=unfolded),
    State("answer to all", "/desk/incidents/{incident}/answer", TEAM),
    State("report of an answer", "/desk/incidents/{incident}/answers/{answer}", TEAM),
    State("moderation", "/ideas/{idea}/moderation", TEAM),
    State("satisfaction, report", "/desk/satisfaction", "r"),
    State("contested queue", "/desk?queue=contested", TEAM),
    State("several chosen", "/desk?queue=all&choose=1", TEAM),
    State("announcements, administration", "/admin/announcement/", "r"),
    State("announcement, new", "/admin/announcement/new/", "r"),
    State("incidents' services", "/admin/service/", "r"),
    State("features of the guided path", "/admin/feature/", "r"),
    State("telephone lines", "/admin/helpline/", "r"),
    State("profile question, new", "/admin/profilequestion/new/", "r"),
    State("seeing as somebody else, to begin", "/viewing/{alice}", "r"),
    State("seeing as somebody else, refused", "/viewing/{alice}", "r", act=refused("#viewing")),
    State("who sees what", "/desk/access?person=alice@acme.example&number={request}", "r"),
    State("who sees what, refused", "/desk/access?person=nobody&number=SUP-1", "r", status=422),
]  # fmt: skip
LOOK = [
    State("home, every look", "/", EVERYBODY, looks=tuple(LOOKS)),
    State("list, every look", "/tickets?list=organisation&status=all", looks=tuple(LOOKS)),
    State("request, every look", "/tickets/{waiting_customer}", looks=tuple(LOOKS)),
    State("desk, every look", "/desk/tickets/{in_progress}", TEAM, looks=tuple(LOOKS)),
    State("home, text at 200 %", "/", EVERYBODY, large=True, looks=((DESK, "light"),)),
    State(
        "list, text at 200 %", "/tickets?list=organisation&status=all", large=True, looks=((DESK, "light"),)
    ),
    State("request, text at 200 %", "/tickets/{waiting_customer}", large=True, looks=((DESK, "light"),)),
    State("form, text at 200 %", "/requests/new/incident", CUSTOMERS, large=True, looks=((DESK, "light"),)),
    State("desk, text at 200 %", "/desk/tickets/{in_progress}", TEAM, large=True, looks=((DESK, "light"),)),
    State("list, long words", "/tickets?q={long_word}&status=all"),
    State("request, long words", "/tickets/{long}"),
    State("desk, long words", "/desk/tickets/{long}", TEAM),
    State("home, without scripts", "/", EVERYBODY, scripts=False),
    State("request, without scripts", "/tickets/{waiting_customer}", scripts=False),
    State("form, without scripts", "/requests/new/incident", CUSTOMERS, scripts=False),
    State("desk, without scripts", "/desk/tickets/{in_progress}", TEAM, scripts=False),
]

# What runs in `make test` too is the first chapter: about a tenth.
CHAPTERS = {
    "usual": USUAL, "empty": EMPTY, "requests": REQUESTS, "pages": PAGES, "doors": DOORS, "desk": DESK_STATES,
    "administration": ADMINISTRATION, "looks": LOOK, "written": WRITTEN, "public": PUBLIC, "account": ACCOUNT,
    "team": TEAM_PAGES,
}  # fmt: skip
STATES = [state for chapter in CHAPTERS.values() for state in chapter]


def set_stage(scene: Scene, world: SimpleNamespace) -> dict[str, Any]:
    """Make what the states name; returns the pieces of their addresses.

    Also gives each role its language, and a twin who has nothing yet under "empty:" and the letter of the role.
    """
    from domain import (
        blocking,
        contact_files,
        contact_import,
        ideas,
        joining,
        lifecycle,
        mail_choices,
        partners,
        policies,
        redaction,
        requests,
        status_page,
    )
    from domain.requests import Submission
    from models import (
        Consent,
        ContactReview,
        Membership,
        Organisation,
        Person,
        Service,
        Team,
        TextMessage,
        Ticket,
    )

    made = scene.in_each_status()
    sent = scene.upload("alice", f"{LONG}.png")
    long = scene.request(
        "alice",
        summary=f"{LONG} refuse {LONG.lower()}",
        description=f"{LONG * 2}\n\n    {LONG * 3}\n\nhttps://app.initech.example/{LONG}/{LONG}",
        attachment_keys=[sent.key],
        cc=[f"{LONG.lower()[:50]}@acme.example"],
    )
    scene.reply(long, "sam", f"# {LONG}\n\n| {LONG} | b |\n|---|---|\n| 1 | {LONG} |")
    request = scene.request("alice", attachment_keys=[scene.upload("alice", "ecran.png").key])
    merged = scene.request("alice", summary="La banque refuse l’export de paie")
    joining.merge(merged, request.number, scene.viewer("sam"), scene.now)
    blocking.block(
        made["blocked"], scene.request("charlie").number, scene.viewer("sam"), scene.now, component="Paie"
    )
    redacted = scene.request("alice", attachment_keys=[scene.upload("alice", "code.png").key])
    said = scene.reply(redacted, "alice", "Le mot de passe : correct-cheval")
    for message in (redacted.messages.order_by().first(), said):
        redaction.redact(
            redacted,
            message.id,
            redaction.Parts(text=True, file_ids=frozenset(row.id for row in message.attachments)),
            "Un mot de passe collé par erreur.",
            scene.viewer("sam"),
            scene.now,
            store=scene.store,
        )
    stage: dict[str, Any] = {status: ticket.number for status, ticket in made.items()}
    stage |= {
        "long": long.number,
        "long_word": LONG.lower(),
        "request": request.number,
        "redacted": redacted.number,
        "person": world.alice.id,
        "leaver": world.charlie.id,
        "heir": Person.get(Person.email == "erin@globex.example").id,
        "consent": Consent.get(Consent.person == world.alice.id).id,
        "message": request.messages.order_by().first().id,
        "merged": merged.number,
        "deletion": scene.deletion().number,
        "seconding": scene.deletion(confirmed=True).number,
        "link": scene.link(world.alice),
        "team": Team.get(Team.slug == "billing").id,
    }
    sam = scene.viewer("sam")
    running, past = (
        status_page.open_incident(
            sam, scene.now, title_fr="Exports bancaires lents", title_en="Bank exports are slow", impact="major",
            service_ids=[Service.get().id], body_fr="Nous cherchons la cause.", body_en="We are looking for the cause.",
            idempotency_key=f"incident-of-the-stage-{at}",
        )
        for at in range(2)
    )  # fmt: skip
    status_page.join_requests(running.id, [scene.request("charlie").number], sam, scene.now)
    answer = status_page.answer_all(
        running.id, sam, scene.now, body_fr="C’est réglé.", body_en="", idempotency_key="answer-of-the-stage"
    )
    status_page.post_update(
        past.id,
        sam,
        scene.now,
        state="solved",
        body_fr="Fini.",
        body_en="Over.",
        idempotency_key="over-of-the-stage",
    )
    idea = ideas.submit(
        scene.viewer("alice"), scene.now, title="Exporter le planning", problem="On le recopie.",
        idempotency_key="idea-of-the-stage",
    )  # fmt: skip
    rated, lowered = scene.request("alice"), scene.request("alice")
    scene.reply(rated, "sam", "C’est réglé.", move_to="resolved")
    lifecycle.close(Ticket.get_by_id(rated.id), scene.viewer("alice"), scene.now)
    lifecycle.set_priority(lowered, "3", sam, scene.now, reason="Un contournement existe.")
    stage |= {
        "incident": running.id,
        "past": past.id,
        "answer": answer.id,
        "idea": idea.id,
        "rated": rated.number,
        "lowered": lowered.number,
        "leave": mail_choices.unsubscribe_token(world.alice.id, "answers"),
        "alice": world.alice.id,
    }
    for name in ("contacts_file", "contacts_running"):
        file = contact_files.read(
            "Courriel;Nom complet;Organisation;Rôle;Pointure\n"
            "zoe@acme.example;Zoé Zola;Acme;;38\nalice@acme.example;Alice M.;Acme;;\n"
            f"bob@acme.example;;Acme;;\n{LONG}@acme.example;{LONG};{LONG};;\n".encode()
        )
        batch = contact_import.prepare(file, "contacts.csv", contact_import.Options(), None, scene.now)
        stage[name] = batch.id
    contact_import.begin(batch.id, None, scene.now)
    TextMessage.create(
        source="number:1",
        kind="number",
        person=world.alice,
        number="+33612345678",
        expires_at=scene.now,
        created_at=scene.now,
        status="failed",
        last_error="answer 503",
    )
    ContactReview.create(
        organisation=Organisation.get(Organisation.slug == "acme"),
        asked_at=scene.now - timedelta(days=40),
        mailed_at=scene.now,
        times=2,
    )
    relais, acme = (Organisation.get(Organisation.slug == slug).id for slug in ("relais", "acme"))
    link = partners.link(
        relais, acme, scene.viewer("root"), scene.now, reads="all", note="Contrat de revente."
    )
    remy = policies.load_viewer(Person.get(Person.email == "remy@relais.example").id)
    of_partner = requests.submit(
        Submission(
            form_slug="question", organisation_id=acme, requester_id=remy.id, summary="Badges d’un site",
            description="Le site de Nantes reçoit ses badges.", idempotency_key="partner-of-the-stage", consented=True,
            audience="only_me",
        ),
        remy, scene.now,
    )  # fmt: skip
    partners.link(acme, Organisation.get(Organisation.slug == "vandelay").id, scene.viewer("root"), scene.now)
    stage |= {"partner_link": link.id, "of_partner": of_partner.number}
    new = Organisation.create(name="Neuve", slug="neuve", created_at=scene.now)
    for role, who in ROLES.items():
        Person.update(language=LANGUAGES[role]).where(Person.id == getattr(world, who).id).execute()
        model = Person.get_by_id(getattr(world, who).id)
        twin = Person.create(
            email=f"{role}@neuve.example", username=f"{role}@neuve.example", full_name=f"Nadia Neuve {role}",
            staff_role=model.staff_role, created_at=scene.now, email_verified_at=scene.now,
            first_signed_in_at=scene.now, language=LANGUAGES[role],
        )  # fmt: skip
        if role in CUSTOMERS:
            Membership.create(
                organisation=new, person=twin, role="administrator" if role == "o" else "contact", can_open=True,
                can_see_all=True, can_answer=True, created_at=scene.now, approved_at=scene.now,
            )  # fmt: skip
        stage[f"empty:{role}"] = twin
    return stage
