"""What mails say, to whom, and what nobody can make them say."""

import email
import email.policy
import re
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest

import mailer
from domain import (
    accounts,
    addresses,
    audit,
    blocking,
    closing,
    contact_reviews,
    contests,
    conversation,
    deletion,
    digests,
    factors,
    guidance,
    handover,
    ideas,
    joining,
    lifecycle,
    mail_choices,
    notifications,
    partners,
    redaction,
    satisfaction,
    second_step,
    settings,
)
from domain.notifications import PermanentFailure, Skipped
from models import (
    ClosingRule,
    Deletion,
    Message,
    Organisation,
    OutboxMessage,
    Person,
    StatusLabel,
    Ticket,
    db,
)
from tests.support import wording
from tests.support.correspondence import NOW, clear_outbox, counter, portal  # noqa: F401

BASE = "http://support.initech.example"
FOLDERS = Path(mailer.TEMPLATES) / "mail"


def render(row, base_url=BASE, now=NOW):
    return mailer.render(row, base_url, now)


def mail(template, to="alice", **more):
    rows = OutboxMessage.select().where(
        (OutboxMessage.template == template) & (OutboxMessage.recipient.startswith(f"{to}@"))
    )
    return render(rows.order_by(OutboxMessage.id.desc()).get(), **more)


class Links(HTMLParser):
    def __init__(self):
        super().__init__()
        self.targets, self.tags = [], set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.targets += [value for name, value in attrs if name in ("href", "src", "action", "background")]


def links_of(html):
    parser = Links()
    parser.feed(html)
    return parser.targets


def travelled(made):
    """The mail as a mail program reads it after the journey."""
    wire = made.message().as_bytes(policy=email.policy.SMTP)
    return email.message_from_bytes(wire, policy=email.policy.default)


def rows_of_deletions(counter):
    """One irreversible request in each state that a mail speaks of."""
    people = [{"full_name": "Jean Moreau", "employee_number": "1784031", "url": "", "details": ""}]
    asked = {"form_slug": "user-deletion", "priority": None, "named_people": people}
    made = [counter.request("Un départ", **asked) for _ in range(6)]
    alice, bob, sam = (counter.viewer(name) for name in ("alice", "bob", "sam"))
    day = timedelta(hours=24)
    for ticket in made[1:]:
        deletion.confirm(ticket, "supprimer 1 personne", alice, NOW, language="fr", understood=True)
    for ticket in made[2:]:
        deletion.second(ticket, bob, NOW, language="fr")
    deletion.cancel(made[5], sam, NOW, reason="Un doute.")
    deletion.carry_out(made[4], sam, NOW + day)
    Deletion.update(due_at=NOW + 9 * day).where(Deletion.ticket == made[2].id).execute()
    deletion.sweep(NOW + day)
    # The newest row of each template must be of a request that still stands where its mail says.
    stands = {
        "deletion-confirm": made[0], "deletion-second": made[1], "deletion-waiting": made[2], "deletion-ready": made[3],
        "deletion-done": made[4], "deletion-cancelled": made[5],
    }  # fmt: skip
    for template, ticket in stands.items():
        OutboxMessage.delete().where(
            (OutboxMessage.template == template) & (OutboxMessage.ticket != ticket.id)
        ).execute()


@pytest.fixture
def every_mail(counter, portal):
    """One row of the outbox for each mail of the registry."""
    return rows_of_every_mail(counter)


def rows_of_every_mail(counter):
    """The same, without a fixture (tools/mail_gallery.py)."""
    ticket = counter.request(cc=["bob@acme.example"])
    lifecycle.assign(ticket, counter.ines.id, counter.viewer("sam"), NOW)
    counter.reply(ticket, "alice", "Une précision.")
    lifecycle.set_priority(ticket, "4", counter.viewer("sam"), NOW, reason="Un contournement existe.")
    contested = counter.request("Une priorité")
    lifecycle.set_priority(contested, "4", counter.viewer("sam"), NOW, reason="Un contournement existe.")
    contests.contest(contested, "La paie est arrêtée.", counter.viewer("alice"), NOW)
    decided = counter.request("Une autre priorité")
    lifecycle.set_priority(decided, "4", counter.viewer("sam"), NOW, reason="Un contournement existe.")
    contests.contest(decided, "La paie est arrêtée.", counter.viewer("alice"), NOW)
    contests.decide(decided, "kept", "Le contournement suffit.", counter.viewer("vera"), NOW)
    # The newest row of this mail must be of a contest that is not decided.
    OutboxMessage.delete().where(
        (OutboxMessage.template == "priority-contested") & (OutboxMessage.ticket == decided.id)
    ).execute()
    conversation.add_cc(ticket, "paie@acme.example", counter.viewer("alice"), NOW)
    counter.reply(ticket, "ines", "Quelle heure ?", move_to="waiting_customer")
    closing.sweep(NOW + timedelta(days=11))
    closing.keep_open(ticket, counter.viewer("alice"), NOW + timedelta(days=11))
    other = counter.request("Une autre")
    lifecycle.move(other, "resolved", counter.viewer("sam"), NOW)
    lifecycle.move(other, "in_progress", counter.viewer("sam"), NOW)
    lifecycle.close(other, counter.viewer("sam"), NOW)
    tested = counter.request("À tester")
    counter.reply(tested, "sam", "À vous.", move_to="customer_testing")
    conversation.tested(tested, counter.viewer("alice"), NOW)
    blocking.block(tested, counter.request("Avant").number, counter.viewer("sam"), NOW, component="Paie")
    event = audit.record_event(other, "ticket:reply_refused", counter.viewer("alice"), NOW)
    notifications.tell(event, other, NOW, counter.viewer("alice"))
    accounts.ask_reset("alice@acme.example", origin="203.0.113.7", now=NOW)
    accounts.register("Zoé Neuve", "zoe@acme.example", origin="203.0.113.7", now=NOW)
    rows_of_deletions(counter)
    joining.merge(counter.request("La même"), ticket.number, counter.viewer("sam"), NOW)
    handover.handover(ticket, counter.bob.id, counter.viewer("alice"), NOW, reason="Je pars.")
    agreed = counter.request("Une demande sans accord")
    event = audit.record_event(agreed, "ticket:consent_withdrawn", counter.viewer("alice"), NOW, version=1)
    notifications.tell(event, agreed, NOW, counter.viewer("alice"))
    leaked = counter.request("Un mot de passe collé")
    said = counter.reply(leaked, "alice", "Le mot de passe : correct-cheval")
    redaction.redact(
        leaked,
        said.id,
        redaction.Parts(text=True),
        "Un mot de passe collé par erreur.",
        counter.viewer("sam"),
        NOW,
        store=None,
    )
    idea = ideas.submit(
        counter.viewer("alice"),
        NOW,
        title="Une idée",
        problem="Un manque.",
        idempotency_key="every-mail-idea",
    )
    ideas.move(idea, "planned", counter.viewer("sam"), NOW, sentence_fr="Oui.", sentence_en="Yes.")
    guidance.ask(
        counter.viewer("alice"),
        NOW,
        subject="other",
        message="Bonjour.",
        page="/tickets",
        idempotency_key="every-mail-ask",
    )
    rated = counter.request("Une demande résolue")
    counter.reply(rated, "sam", "Réglé.", move_to="resolved")
    lifecycle.close(rated, counter.viewer("alice"), NOW)
    satisfaction.sweep(NOW + timedelta(days=2))
    mail_choices.change(counter.viewer("bob"), NOW, paces={"answers": "hourly"})
    for subject in ("Le solde de congés est faux", "Ajouter un établissement"):
        grouped = counter.request(subject, by="bob")
        counter.reply(
            grouped, "sam", "Bonjour Bob,\n\nquel salarié, et quel mois ?", move_to="waiting_customer"
        )
    counter.reply(grouped, "ines", "L’établissement est ajouté.")
    digests.gather(NOW + timedelta(hours=1))
    for template in ("account-exists", "account-username", "password-changed"):
        notifications.enqueue(template, source="account:1", now=NOW, person=counter.alice)
    factors.tell(counter.alice, "code-used", NOW, left=3)
    accounts.use_secret("only for tests, long enough to be taken: 0123456789")
    with db.atomic():
        second_step.begin(
            counter.alice, "mail", origin="203.0.113.7", user_agent="Mozilla/5.0 Firefox/140.0", now=NOW
        )
    addresses.ask(counter.viewer("alice"), "alice@neuve.example", origin="203.0.113.7", now=NOW)
    addresses.ask(counter.viewer("dana"), "bob@acme.example", origin="203.0.113.7", now=NOW)
    notifications.enqueue(
        "address-changed", source="account:3", now=NOW, person=counter.dana, email="dana@avant.example",
        address="dana@acme.example",
    )  # fmt: skip
    Organisation.update(created_at=NOW - timedelta(days=400)).where(
        Organisation.id == counter.acme.id
    ).execute()
    contact_reviews.sweep(NOW)
    reseller = Organisation.create(name="Relais Sud", slug="relais", created_at=NOW)
    partners.link(reseller.id, counter.acme.id, None, NOW, reads="all", note="Contrat de revente.")
    for template in ("account-locked", "registration-waiting"):
        notifications.enqueue(
            template, source="account:2", now=NOW, person=counter.root, person_id=counter.dana.id
        )
    return {row.template: row for row in OutboxMessage.select().order_by(OutboxMessage.id.desc())}


def test_each_mail_has_its_three_templates_and_each_folder_its_mail():
    folders = {path.name for path in FOLDERS.iterdir() if path.is_dir()}
    assert folders == set(mailer.MAILS)
    for folder in folders:
        assert {path.name for path in (FOLDERS / folder).iterdir()} == {
            "subject.txt",
            "body.txt",
            "body.html",
        }


def stuck_together(text):
    """Sentences without a space between them."""
    text = re.sub(r"(?s)<style.*?</style>|https?://\S+", "", text)
    return [
        piece for piece in re.split(r"<[^>]*>|\n", text) if re.search(r"[a-zà-ÿ0-9)][.!?][A-ZÀ-Ý]", piece)
    ]


def test_every_mail_reads_well_in_both_languages(every_mail):
    assert set(every_mail) == set(mailer.MAILS)
    for template, row in every_mail.items():
        said = {}
        for language in ("fr", "en"):
            Person.update(language=language).execute()
            row.language = language
            made = said[language] = render(row)
            where = f"{template} in {language}"
            assert made.subject and "\n" not in made.subject, where
            assert len(made.subject) < 150, where
            assert f'<html lang="{language}">' in made.html, where
            assert made.html.count("<h1") == 1, where
            assert "<main>" in made.html, where
            assert not re.search(r"%\(|\{\{|\{%|None|Undefined", made.text + made.html), where
            assert "<" not in made.text, where
            assert not stuck_together(made.html) + stuck_together(made.text), where
            for link in links_of(made.html):
                assert link.startswith(BASE + "/"), f"{where}: {link}"
            for link in re.findall(r"https?://\S+", made.text):
                assert link.startswith(BASE + "/"), f"{where}: {link}"
            buttons = made.html.count('class="e-btn"')
            assert buttons <= 1, f"{where}: one main link"
        assert said["fr"].subject != said["en"].subject or template == "reply", template
        assert said["fr"].text != said["en"].text, template


def test_plain_text_and_html_say_the_same_link(every_mail):
    for template, row in every_mail.items():
        made = render(row)
        for link in links_of(made.html):
            assert link in made.text, f"{template}: {link} is missing in plain text"


class Pieces(HTMLParser):
    """What a reader sees of a page, one piece for each block or link; the hidden preview is left out."""

    BLOCKS = {"p", "td", "h1", "h2", "li", "div", "br", "pre", "blockquote", "a", "title"}

    def __init__(self, html):
        super().__init__()
        self.pieces, self.unseen = [""], 0
        self.feed(re.sub(r'(?s)<div style="display:none.*?</div>', "", html))

    def handle_starttag(self, tag, attrs):
        self.unseen += tag in ("style", "title")
        if tag in self.BLOCKS:
            self.pieces.append("")

    def handle_endtag(self, tag):
        self.unseen -= tag in ("style", "title")
        if tag in self.BLOCKS:
            self.pieces.append("")

    def handle_data(self, data):
        if not self.unseen:
            self.pieces[-1] += data


def flat(text):
    return re.sub(r"[\s*•·.-]+", " ", text).strip()


@pytest.mark.parametrize("language", ["fr", "en"])
def test_plain_text_and_html_say_the_same_facts(every_mail, language):
    Person.update(language=language).execute()
    OutboxMessage.update(language=language).execute()
    for template, row in every_mail.items():
        made = render(OutboxMessage.get_by_id(row.id))
        page = Pieces(made.html).pieces
        seen, said = flat(" ".join(page)), flat(f"{made.subject} {made.text}")
        for piece in page:
            # The letter in the mark of the portal; the heading of a mail without a request is its subject.
            if flat(piece) not in ("", "g") and not (row.ticket_id is None and f">{piece}</h1>" in made.html):
                assert flat(piece) in said, f"{template}: {piece!r} is missing in plain text"
        for line in made.text.split("\n\n-- \n")[0].splitlines():
            if "://" not in line:
                assert flat(line) in seen, f"{template}: {line!r} is missing in HTML"


def test_beside_the_subject_stand_the_first_words_of_the_mail(counter, portal):
    counter.reply(counter.request(), "sam", "Pouvez-vous joindre le fichier ?")
    made = mail("reply")
    preview = re.search(r'<div style="display:none[^>]*>(.*?)</div>', made.html)[1]
    assert preview.startswith("Sam Petit, de l’équipe Assistance, vous écrit")
    assert "joindre le fichier" in preview and "Bonjour" not in preview and "http" not in preview


def test_the_confirmation_says_number_severity_and_what_comes_next(counter, portal):
    ticket = counter.request()
    made = mail("request-received")
    assert (
        made.subject
        == f"[{ticket.number}] Nous avons reçu votre demande\u202f: Export de paie refusé par la banque"
    )
    for text in (made.text, made.html):
        assert ticket.number in text
        assert "Gravité 2 (Urgente)" in text
        assert "La suite" in text
        assert f"{BASE}/tickets/{ticket.number}" in text


def test_each_reader_gets_their_own_language_and_clock(counter, portal):
    ticket = counter.request(cc=["bob@acme.example"])
    clear_outbox()
    counter.reply(ticket, "sam", "Pouvez-vous joindre le fichier ?", move_to="waiting_customer")
    french, english = mail("reply", "alice"), mail("reply", "bob")
    assert "Sam Petit, de l’équipe Assistance, vous écrit" in french.text
    assert "se fermera d’elle-même à la fin du lundi 30 novembre" in french.text
    assert "Sam Petit, of the team Support, writes on request" in english.text
    assert "closes by itself at the end of Monday 30 November" in english.text
    Person.update(language="en").where(Person.id == counter.alice.id).execute()
    assert "Hello Alice," in mail("reply", "alice").text, "the language is the one of the day of sending"


def test_the_language_of_whoever_is_being_served_does_not_leak_into_mails(counter, portal):
    import flask_babel

    counter.request()
    with flask_babel.force_locale("en"):
        made = mail("request-received")
        assert "Bonjour Alice" in made.text
        assert flask_babel.get_locale().language == "en"


def test_an_answer_with_a_move_says_both_in_one_mail(counter, portal):
    ticket = counter.request()
    counter.reply(ticket, "sam", "Réglé : relancez l’export.", move_to="resolved")
    made = mail("reply")
    assert made.subject.startswith(f"[{ticket.number}] Une solution vous est proposée")
    assert "Réglé : relancez l’export." in made.text
    assert "Nouvel état\u202f: Résolue." in made.text
    assert "à la fin du vendredi 20 novembre" in made.text, "11 November is a holiday"
    assert "Voir la solution" in made.html


def test_a_reminder_says_until_when_and_what_happens_then(counter, portal):
    ticket = counter.request()
    counter.reply(ticket, "sam", "Quelle heure ?", move_to="waiting_customer")
    closing.sweep(NOW + timedelta(days=11))
    first = mail("reminder")
    assert "se fermera d’elle-même à la fin du lundi 30 novembre" in first.text
    assert "dernier rappel" not in first.text
    closing.sweep(NOW + timedelta(days=16))
    assert "dernier rappel" in mail("reminder").text
    counter.reply(ticket, "alice", "À neuf heures.")
    with pytest.raises(Skipped, match="answered-meanwhile"):
        mail("reminder")


# What is awaited differs by status, and so does what happens at the end.
REMINDED = {
    "resolved": (
        "Est-ce résolu\u202f? Fermeture à la fin du vendredi 20 novembre",
        "Une solution vous a été donnée pour la demande",
        "Sans nouvelle de votre part, cette demande se fermera d’elle-même à la fin du vendredi 20 novembre.",
    ),
    "customer_testing": (
        "À tester avant la fin du mercredi 25 novembre",
        "est prêt",
        "le changement sera annulé après le mercredi 25 novembre",
    ),
    "awaiting_rollback": (
        "La demande expire à la fin du vendredi 13 novembre",
        "Nous annulons le changement de la demande",
        "La demande expire à la fin du vendredi 13 novembre.",
    ),
}


@pytest.mark.parametrize("status", REMINDED)
def test_a_reminder_asks_for_what_its_status_awaits(counter, portal, status):
    ClosingRule.update(reminders=[1]).where(ClosingRule.status == status).execute()
    closing.forget()
    ticket = counter.request()
    if status == "awaiting_rollback":
        lifecycle.move(ticket, "customer_testing", counter.viewer("sam"), NOW)
        lifecycle.move(ticket, status, counter.viewer("sam"), NOW)
    else:
        counter.reply(ticket, "sam", "Voilà.", move_to=status)
    closing.sweep(NOW + timedelta(days=2, hours=12))
    made = mail("reminder")
    topic, *said = REMINDED[status]
    assert topic in made.subject
    for words in said:
        assert words in made.text and words in made.html
    assert "Nous attendons votre réponse" not in made.text


def test_a_reminder_whose_clock_started_anew_is_not_sent(counter, portal):
    ticket = counter.request()
    counter.reply(ticket, "sam", "Quelle heure ?", move_to="waiting_customer")
    closing.sweep(NOW + timedelta(days=11))
    counter.reply(ticket, "sam", "Ou quel jour ?", now=NOW + timedelta(days=11, minutes=1))
    with pytest.raises(Skipped, match="answered-meanwhile"):
        mail("reminder")


def test_a_closing_says_why_and_leads_to_a_follow_up(counter, portal):
    ticket = counter.request()
    counter.reply(ticket, "sam", "Réglé.", move_to="resolved")
    closing.sweep(NOW + timedelta(days=30))
    solved = mail("closed")
    assert "une solution avait été donnée, et personne n’a écrit depuis" in solved.text
    assert f"{BASE}/tickets/{ticket.number}/follow-up" in solved.text
    waiting = counter.request()
    counter.reply(waiting, "sam", "Quelle heure ?", move_to="waiting_customer")
    for days in (11, 16, 21):
        closing.sweep(NOW + timedelta(days=days))
    assert "nous attendions une réponse qui n’est pas venue" in mail("closed").text
    third = counter.request(cc=["bob@acme.example"])
    lifecycle.close(third, counter.viewer("alice"), NOW)
    assert "Alice Martin closed request" in mail("closed", "bob").text


def test_a_lower_priority_comes_with_the_reason_and_the_definition(counter, portal):
    ticket = counter.request()
    lifecycle.set_priority(ticket, "4", counter.viewer("sam"), NOW, reason="Un contournement existe.")
    made = mail("priority-lowered")
    assert "Avant\u202f: Gravité 2 (Urgente)" in made.text
    assert "Maintenant\u202f: Gravité 4 (Moyenne)" in made.text
    assert "Une question courante" in made.text
    assert "Un contournement existe." in made.text


def test_agents_are_led_to_the_desk_and_read_their_own_labels(counter, portal):
    ticket = counter.request()
    made = mail("team-new", "sam")
    assert f"{BASE}/desk/tickets/{ticket.number}" in made.text
    assert "Enregistrée" in made.html
    assert "Acme" in made.subject


def test_an_address_without_account_gets_words_but_no_link_to_the_page(counter, portal):
    ticket = counter.request(cc=["paie@acme.example"])
    counter.reply(ticket, "sam", "La réponse.")
    made = mail("reply", "paie")
    assert "La réponse." in made.text
    assert "/tickets/" not in made.text + made.html
    assert "n’a pas de compte" in made.text


def test_mails_can_say_only_that_there_is_news(counter, portal):
    settings.put("mail_carries_text", False, None, NOW)
    ticket = counter.request("Un sujet reconnaissable", cc=["bob@acme.example"])
    lifecycle.set_priority(ticket, "4", counter.viewer("sam"), NOW, reason="Une raison reconnaissable.")
    counter.reply(ticket, "sam", "Un texte reconnaissable.", move_to="waiting_customer")
    counter.reply(ticket, "alice", "Un retour reconnaissable.")
    closing.sweep(NOW + timedelta(days=11))
    rows = list(OutboxMessage.select())
    assert len(rows) > 5
    for row in rows:
        made = render(row)
        assert "reconnaissable" not in made.subject + made.text + made.html, row.template
        assert ticket.number in made.subject, row.template


def test_a_note_never_reaches_a_mail(counter, portal):
    ticket = counter.request()
    note = conversation.note(ticket, "Entre nous.", counter.viewer("sam"), NOW, idempotency_key=counter.key())
    counter.reply(ticket, "sam")
    row = OutboxMessage.get(OutboxMessage.template == "reply")
    row.context = {**row.context, "message_id": note.id}
    with pytest.raises(Skipped, match="no-message"):
        render(row)


def test_a_message_of_another_request_never_reaches_a_mail(counter, portal):
    counter.reply(counter.request(), "sam")
    row = OutboxMessage.get(OutboxMessage.template == "reply")
    foreign = counter.reply(counter.request("Autre"), "sam", "Le secret d’une autre demande.")
    row.context = {**row.context, "message_id": foreign.id}
    with pytest.raises(Skipped, match="no-message"):
        render(row)


# ---- Headers ---------------------------------------------------------------------------------------------


def test_headers_say_which_mail_it_is_and_make_one_thread_of_a_request(counter, portal):
    ticket = counter.request(cc=["bob@acme.example"])
    counter.reply(ticket, "sam")
    first, second = travelled(mail("request-received")), travelled(mail("reply"))
    assert first["X-Guichet-Mail"] == "request-received"
    assert first["X-Guichet-Ticket"] == second["X-Guichet-Ticket"] == ticket.number
    assert first["Auto-Submitted"] == "auto-generated"
    assert first["References"] == second["References"] == second["In-Reply-To"]
    assert first["Message-ID"] != second["Message-ID"]
    assert first["References"] != travelled(mail("reply", "bob"))["References"]
    assert first["From"].addresses[0].addr_spec == "support@support.initech.example"
    assert first["From"].addresses[0].display_name == "Assistance Initech"
    assert first["To"].addresses[0].display_name == "Alice Martin"
    assert first["Date"].datetime == NOW.replace(microsecond=0)
    assert [part.get_content_type() for part in first.iter_parts()] == ["text/plain", "text/html"]


def test_a_mail_made_twice_has_the_same_name(counter, portal):
    counter.request()
    once, again = mail("request-received"), mail("request-received", now=NOW + timedelta(minutes=5))
    assert once.headers["Message-ID"] == again.headers["Message-ID"]
    assert re.fullmatch(r"<guichet\.[0-9a-f]{24}@support\.initech\.example>", once.headers["Message-ID"])


def test_the_sender_is_a_choice_of_the_support_team(counter, portal):
    settings.put("mail_from", "aide@initech.example", None, NOW)
    counter.request()
    made = travelled(mail("request-received"))
    assert made["From"].addresses[0].addr_spec == "aide@initech.example"
    assert made["Reply-To"] == "aide@initech.example"


NASTY = [
    "Bcc: eve@evil.example",
    "x\nBcc: eve@evil.example",
    "x\r\nBcc: eve@evil.example",
    "x\rBcc: eve@evil.example",
    "x\r\n\r\n<html>",
    "x%0aBcc: eve@evil.example",
    "x\u2028Bcc: eve@evil.example",
    "x\u2029Bcc: eve@evil.example",
    "x\x85Bcc: eve@evil.example",
    "x\x0bBcc: eve@evil.example",
    "x\x00Bcc: eve@evil.example",
    "=?utf-8?q?x=0ABcc:_eve=40evil.example?=",
    '"<eve@evil.example>," <eve@evil.example>',
    "\u202egnp.exe",
]


@pytest.mark.parametrize("text", NASTY)
def test_no_text_of_a_person_becomes_a_header_or_a_recipient(counter, portal, text):
    ticket = counter.request()
    plain = travelled(mail("request-received"))
    stored = text.replace("\x00", " ")
    type(ticket).update(summary=stored).where(type(ticket).id == ticket.id).execute()
    Person.update(full_name=stored).where(Person.id == counter.alice.id).execute()
    Organisation.update(name=stored).where(Organisation.id == counter.acme.id).execute()
    settings.put("portal_name", stored, None, NOW)
    for template, to in (("request-received", "alice"), ("team-new", "sam")):
        made = travelled(mail(template, to))
        assert sorted(made.keys()) == sorted(plain.keys())
        assert [address.addr_spec for address in made["To"].addresses] in (
            ["alice@acme.example"], ["sam@guichet.example"],
        )  # fmt: skip
        assert len(made["From"].addresses) == 1
        assert "\n" not in made["Subject"]
        assert not made.defects


@pytest.mark.parametrize(
    "address", ["eve@evil.example\nBcc: a@b.example", "a b@c.example", "no-at-sign", "a@b@c.example"]
)
def test_an_address_that_is_none_fails_for_good(counter, portal, address):
    counter.request()
    row = OutboxMessage.get(OutboxMessage.template == "request-received")
    row.recipient = address
    with pytest.raises(PermanentFailure):
        render(row).message()


MARKUP = [
    "<a href=//evil.example>clic</a>",
    "<a href='https://evil.example'>clic</a>",
    "<img src=https://evil.example/x.png>",
    "<script>alert(1)</script>",
    "[votre compte](https://evil.example/login)",
    "![x](https://evil.example/x.png)",
    "<https://evil.example>",
    "[x](javascript:alert(1))",
    "{{7*7}}",
    "{% for x in y %}",
    "{{config}} {{''.__class__}}",
    "%(number)s %(x)s %s %d 100%",
    "${7*7} #{7*7}",
    "</td></table><form action=https://evil.example>",
    '" onmouseover="alert(1)',
]


@pytest.mark.parametrize("text", MARKUP)
def test_no_text_of_a_person_becomes_markup_a_link_or_a_template(counter, portal, text):
    ticket = counter.request(text, description=text)
    counter.reply(ticket, "sam", text, move_to="waiting_customer")
    lifecycle.set_priority(ticket, "4", counter.viewer("sam"), NOW, reason=text)
    Person.update(full_name=text).where(Person.id.in_([counter.alice.id, counter.sam.id])).execute()
    Organisation.update(name=text).where(Organisation.id == counter.acme.id).execute()
    for row in OutboxMessage.select():
        made = render(row)
        for link in links_of(made.html):
            assert link.startswith(BASE + "/"), f"{row.template}: {link}"
        parser = Links()
        parser.feed(made.html)
        assert not parser.tags & {"script", "form", "img", "iframe"}, row.template
        assert "onmouseover" not in re.sub(r">[^<]*<", "><", made.html), row.template
        assert "49" not in made.subject.replace(ticket.number, ""), row.template


def test_a_link_somebody_pasted_stays_readable(counter, portal):
    ticket = counter.request()
    counter.reply(
        ticket, "sam", "Voyez [la note](https://docs.initech.example/ac04) et `code`.\n\n- un\n- deux"
    )
    made = mail("reply")
    assert "la note (https://docs.initech.example/ac04)" in made.html
    assert "<ul" in made.html and "<code" in made.html
    assert "- un\n- deux" in made.text


def test_a_very_long_subject_is_cut_at_a_word(counter, portal):
    counter.request("Un mot " * 28)
    subject = mail("request-received").subject
    assert len(subject) <= mailer.SUBJECT_MAX_CHARACTERS
    assert subject.endswith("…")


def test_a_link_of_a_mail_is_always_a_path_of_the_portal(counter, portal):
    counter.request()
    row = OutboxMessage.get(OutboxMessage.template == "request-received")
    reader = mailer.Reader(row, BASE, NOW)
    assert reader.link("/tickets/SUP-2001") == f"{BASE}/tickets/SUP-2001"
    for path in ("//evil.example", "https://evil.example", "/\\evil.example", "evil", "/a\nb", ""):
        with pytest.raises(ValueError):
            reader.link(path)


def test_the_links_of_a_base_address_with_a_path_stay_under_it(counter, portal):
    ticket = counter.request()
    made = mail("request-received", base_url="https://initech.example/aide")
    assert f"https://initech.example/aide/tickets/{ticket.number}" in made.text


# ---- Accounts --------------------------------------------------------------------------------------------


def test_the_link_to_choose_a_password_is_made_in_the_mail_and_works(counter, portal):
    accounts.ask_reset("alice@acme.example", origin="203.0.113.7", now=NOW)
    row = OutboxMessage.get(OutboxMessage.template == "account-password")
    made = render(row)
    token = re.search(rf"{re.escape(BASE)}/password/(\S+)", made.text)[1]
    assert token not in str(row.context), "the outbox does not hold the link"
    assert accounts.find_link(token, NOW).person == counter.alice
    assert "alice@acme.example" in made.text
    assert "jusqu’au mardi 10 novembre 2026 à 15" in made.text


def test_a_link_that_no_longer_works_is_not_sent(counter, portal):
    accounts.ask_reset("alice@acme.example", origin="203.0.113.7", now=NOW)
    row = OutboxMessage.get(OutboxMessage.template == "account-password")
    with pytest.raises(Skipped, match="link-expired"):
        render(row, now=NOW + timedelta(minutes=61))


def test_a_mail_about_a_request_that_says_a_status_uses_the_words_of_the_rows(counter, portal):
    StatusLabel.update(customer_fr="Entre nos mains").where(StatusLabel.status == "in_progress").execute()
    ticket = counter.request()
    lifecycle.take(ticket, counter.viewer("sam"), NOW)
    assert "Entre nos mains" in mail("status-changed").subject


def test_messages_keep_their_lines_in_plain_text(counter, portal):
    ticket = counter.request()
    counter.reply(ticket, "sam", "Un\r\ndeux\n\n    code\tici\x07")
    assert Message.select().count() == 2
    assert "Un\ndeux\n\n    code    ici" in mail("reply").text


@pytest.mark.parametrize(
    "headers",
    [{"Host": "evil.example"}, {"X-Forwarded-Host": "evil.example"}, {"Forwarded": "host=evil.example"}],
)
def test_no_host_of_a_request_reaches_a_mail(counter, portal, headers):
    counter.request()
    with portal.test_request_context("/", base_url="http://evil.example", headers=headers):
        made = mail("request-received")
    assert "evil" not in made.text + made.html + str(made.headers) + made.sender


def test_the_links_of_mails_lead_to_pages_that_exist(app, counter, every_mail):
    from werkzeug.exceptions import NotFound

    adapter = app.url_map.bind("support.initech.example")
    for template, row in every_mail.items():
        for link in links_of(render(row).html):
            try:
                adapter.match(link.removeprefix(BASE).partition("#")[0].partition("?")[0], method="GET")
            except NotFound:
                pytest.fail(f"{template}: there is no page at {link}")


def test_every_mail_speaks_the_language_of_its_reader_well(counter, every_mail):
    """Words of the other language, and French typography; lines that people typed are theirs."""
    languages = {person.email: person.language for person in Person.select()}
    typed = {line.strip() for row in Message.select(Message.body) for line in row.body.split("\n")}
    subjects = {row.summary for row in Ticket.select(Ticket.summary)}
    seen = set()
    for template, row in every_mail.items():
        language = languages.get(row.recipient, "fr")
        seen.add(language)
        made = render(row)
        for line in [made.subject.partition("] ")[2] or made.subject, *made.text.split("\n")]:
            said = line.strip().removeprefix("> ").strip()
            if said in typed | subjects:
                continue
            # A subject may stand at the end of a sentence of ours.
            said = next(
                (said.removesuffix(f" {words}") for words in subjects if said.endswith(f": {words}")), said
            )
            assert wording.foreign(said, language) is None, (template, line)
            if language == "fr":
                assert wording.badly_set(said) is None, (template, line)
    assert seen == {"fr", "en"}
