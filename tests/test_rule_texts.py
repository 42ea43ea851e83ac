"""Words that a closing rule has for its mails: only known places are filled in, and nothing in them is evaluated (LIFE-12)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from domain import closing, rule_texts, settings
from domain.rule_texts import first_wrong, paragraphs
from models import ClosingRule, Organisation, Ticket
from tests.support.correspondence import NOW, counter, portal  # noqa: F401
from tests.test_mailer import links_of, mail

VALUES = {
    "number": "SUP-1",
    "summary": "Une {day} {0.__class__} & <b>",
    "day": "lundi",
    "organisation": "Acme",
}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Bonjour.",
        "{number} {summary} {day} {organisation}",
        "Deux fois {day}, {day}.",
        "100 % sûr, %s %(day)s",
    ],
)
def test_these_texts_can_be_used(text: str) -> None:
    assert first_wrong(text) is None


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("Le {jour}", "{jour}"), ("{number.__class__}", "{number.__class__}"), ("{number!r}", "{number!r}"),
        ("{day:>400}", "{day:>400}"), ("{0}", "{0}"), ("{}", "{}"), ("{ day }", "{ day }"), ("{Day}", "{Day}"),
        ("{{day}}", "{"), ("{{ config }}", "{"), ("a { b", "{ b"), ("a } b", "}"), ("{day", "{day"),
        ("{% raw %}", "{% raw %}"), ("{number}{settings[secret]}", "{settings[secret]}"),
    ],
)  # fmt: skip
def test_anything_else_in_braces_is_refused(text: str, wrong: str) -> None:
    found = first_wrong(text)
    assert found is not None and found.startswith(wrong[:1]) and found in text


def test_what_is_filled_in_is_never_read_as_a_place() -> None:
    assert paragraphs("Sur {summary}\nle {day}.\n\n\nFin", VALUES) == [
        ["Sur Une {day} {0.__class__} & <b>", "le lundi."],
        ["Fin"],
    ]


def of_status(status: str, **words: str) -> None:
    ClosingRule.update(**words).where(ClosingRule.status == status).execute()
    closing.forget()


def awaited(counter: Any, **more: Any) -> Ticket:
    ticket = counter.request(**more)
    counter.reply(ticket, "sam", "Quelle heure ?", move_to="waiting_customer")
    return ticket


def test_a_reminder_says_the_words_of_its_rule_and_always_the_day(counter: Any, portal: Any) -> None:
    of_status(
        "waiting_customer",
        reminder_text_fr="Chère cliente, cher client,\n\n*Sans* réponse sur « {summary} », {organisation} attendra.",
        reminder_text_en="{number} closes on {day}.",
    )
    ticket = awaited(counter, summary="Export <script>alert(1)</script> & {number}")
    closing.sweep(NOW + timedelta(days=11))
    made = mail("reminder")
    assert (
        "Chère cliente, cher client,\n\n*Sans* réponse sur « Export <script>alert(1)</script> & {number} »"
        in made.text
    )
    assert "Nous attendons votre réponse" not in made.text
    assert made.text.count("lundi 30 novembre") == 1, "the sentence with the day stays"
    assert (
        "*Sans* réponse" in made.html and "&lt;script&gt;alert(1)&lt;/script&gt; &amp; {number}" in made.html
    )
    assert "<script" not in made.html
    counter.alice.language = "en"
    counter.alice.save()
    english = mail("reminder")
    assert f"{ticket.number} closes on Monday 30 November." in english.text
    assert english.text.count("30 November") == 1, "the words name the day themselves"


def test_the_end_says_the_words_of_the_rule_and_that_answers_are_over(counter: Any, portal: Any) -> None:
    of_status("resolved", closing_text_fr="La solution du {number} a tenu jusqu’au {day}. http://x.example")
    ticket = counter.request()
    counter.reply(ticket, "sam", "Réglé.", move_to="resolved")
    told = closing.last_day(Ticket.get_by_id(ticket.id))
    closing.sweep(NOW + timedelta(days=30))
    made = mail("closed")
    assert f"La solution du {ticket.number} a tenu jusqu’au vendredi {told.day} novembre." in made.text
    assert "ne prend plus de réponse" in made.text and "personne n’a écrit" not in made.text
    assert not [link for link in links_of(made.html) if "x.example" in link], "an address in it is text"


def test_a_change_that_is_undone_says_them_too(counter: Any, portal: Any) -> None:
    of_status("customer_testing", closing_text_fr="Le {day}, rien n’était testé.")
    of_status("awaiting_rollback", closing_text_fr="C’est annulé.")
    ticket = counter.request()
    counter.reply(ticket, "sam", "À tester.", move_to="customer_testing")
    closing.sweep(NOW + timedelta(days=30))
    first = mail("status-changed")
    assert "rien n’était testé." in first.text and "Le " in first.text
    closing.sweep(NOW + timedelta(days=60))
    second = mail("status-changed")
    assert "C’est annulé." in second.text and "rien n’était testé" not in second.text


def test_without_words_and_without_the_rule_the_usual_ones_are_said(counter: Any, portal: Any) -> None:
    of_status("waiting_customer", reminder_text_en="Only English.")
    ticket = awaited(counter)
    closing.sweep(NOW + timedelta(days=11))
    assert "Nous attendons votre réponse pour avancer" in mail("reminder").text
    of_status("waiting_customer", reminder_text_fr="À nous.")
    assert "À nous." in mail("reminder").text
    ClosingRule.delete().where(ClosingRule.status == "waiting_customer").execute()
    assert (
        f"Nous attendons votre réponse pour avancer sur la demande {ticket.number}" in mail("reminder").text
    )


def test_a_closing_by_hand_never_says_them(counter: Any, portal: Any) -> None:
    from domain import lifecycle

    of_status("waiting_customer", closing_text_fr="Mots de la règle.")
    ticket = awaited(counter)
    lifecycle.close(ticket, counter.viewer("sam"), NOW)
    assert "Mots de la règle" not in mail("closed").text


def test_a_mail_without_text_keeps_the_subject_out_of_them(counter: Any, portal: Any) -> None:
    settings.put("mail_carries_text", False, None, NOW)
    of_status("waiting_customer", reminder_text_fr="Au sujet de {summary}.")
    ticket = awaited(counter, summary="Licenciement de Jean")
    closing.sweep(NOW + timedelta(days=11))
    made = mail("reminder")
    assert "Licenciement" not in made.text + made.html + made.subject
    assert f"Au sujet de Demande {ticket.number}." in made.text


def test_a_name_that_is_a_letter_stays_on_its_line(counter: Any, portal: Any) -> None:
    Organisation.update(name="Acme\r\nBcc: tous").where(Organisation.slug == "acme").execute()
    of_status("waiting_customer", reminder_text_fr="Pour {organisation}, {day}.")
    awaited(counter)
    closing.sweep(NOW + timedelta(days=11))
    made = mail("reminder")
    assert "Pour Acme Bcc: tous," in made.text


def test_the_text_of_a_rule_that_is_not_there_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        rule_texts.text_of(ClosingRule(), "password", "fr")
