"""What people come to do, step by step, and two ways of doing it: by the keyboard alone, and without scripts.

A journey is a row; a new feature adds one and is tried both ways. Its steps:

    ("put", field, words)      type into a field, over what stands there
    ("pick", field, value)     choose one of a few: radio buttons, or a list
    ("tick", field)            a box, or a radio button
    ("press", what)            a link, a button, something that unfolds
    ("refused", form)          the form came back: its summary has the focus and leads to the field
    ("see", what) or ("see", what, words)
    ("at", address)            with * for what varies
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import expect

from tests.support.client import PASSWORD
from tests.support.keyboard import MOST_STOPS, WHERE, shows_focus

MAIN = "main form .form-actions button.btn-primary"
SUBMIT = "#request .form-actions button.btn-primary"


@dataclass(frozen=True)
class Journey:
    """Who comes where, and what they do there."""

    name: str
    who: str | None
    path: str
    steps: tuple[tuple[str, ...], ...]
    # A journey whose point is something that scripts add is for the keyboard only.
    plain: bool = True
    # The team works at a desk, customers come on a phone, unless a journey is for a wide screen.
    wide: bool = False


JOURNEYS = [
    Journey("a contact signs in", None, "/login", (
        ("put", "input[name=email]", "alice@acme.example"), ("put", "input[name=password]", PASSWORD),
        ("press", "main form .btn-primary"), ("at", "/"), ("see", "main h1"),
    )),
    Journey("a request is refused, mended and sent", "alice", "/requests/new/incident", (
        ("press", SUBMIT), ("refused", "#request"),
        ("put", "[name=summary]", "Les heures ne se valident plus"), ("put", "[name=description]", "Depuis ce matin."),
        ("pick", "[name=severity]", "2"), ("put", "[name=page_url]", "https://temps.initech.example/atelier"),
        ("tick", "[name=consent]"), ("press", SUBMIT), ("at", "/tickets/SUP-*"),
        ("see", "h1", "Les heures ne se valident plus"),
    )),
    Journey("an agent takes a request and answers", "sam", "/desk/tickets/{registered}", (
        ("press", 'form[action$="/assignment"] > button'), ("see", "[role=status] .callout"),
        ("put", 'form[action$="/replies"] [name=body]', "C’est réglé."),
        ("pick", 'form[action$="/replies"] [name=status]', "resolved"),
        ("press", 'form[action$="/replies"] .btn-primary'), ("see", "[data-status=resolved]"),
    )),
    Journey("a stranger registers", None, "/register", (
        ("press", "main form .btn-primary"), ("refused", "main form"),
        ("put", "[name=full_name]", "Zoé Neuve"), ("put", "[name=email]", "zoe@acme.example"),
        ("put", "[name=organisation]", "Acme"), ("press", "main form .btn-primary"), ("at", "/register/sent"),
    )),
    Journey("a forgotten password is asked for", None, "/login", (
        ("press", 'main a[href^="/password/forgotten"]'), ("put", "[name=email]", "alice@acme.example"),
        ("press", "main form .btn-primary"), ("at", "/password/forgotten?sent=1"),
    )),
    Journey("a password is chosen", None, "/password/{link}", (
        ("put", "input[name=password]", "court"), ("press", "main form .btn-primary"), ("refused", "main form"),
        ("put", "input[name=password]", "des mots que personne ne devine"), ("press", "main form .btn-primary"),
        ("at", "/*"), ("see", "header details.menu:has(.avatar)"),
    )),
    Journey("a question is found in the catalogue and sent", "alice", "/", (
        ("press", 'header a[href="/catalogue"]'), ("press", 'main a[href="/requests/new/question"]'),
        ("put", "[name=summary]", "Peut-on imprimer les plannings ?"), ("put", "[name=description]", "En A3."),
        ("tick", "[name=consent]"), ("press", SUBMIT), ("at", "/tickets/SUP-*"),
    )),
    Journey("two people are named for a deletion", "alice", "/requests/new/user-deletion", (
        ("press", "[name=add_person]"), ("see", "[name=people-1-full_name]"),
        ("press", "[name=remove_person-1]"), ("put", "[name=people-0-full_name]", "Jean Moreau"),
        ("put", "[name=people-0-employee_number]", "1784031"),
        ("put", "[name=people-0-url]", "https://app.initech.example/e/1"), ("put", "[name=summary]", "Un départ"),
        ("put", "[name=people-0-details]", "Directeur"), ("put", "[name=description]", "Parti en 2023."),
        ("put", "[name=justification]", "Contrat terminé."), ("tick", "[name=irreversible]"),
        ("tick", "[name=consent]"), ("press", SUBMIT), ("at", "/tickets/SUP-*/deletion"),
    )),
    Journey("a deletion is confirmed in words", "alice", "/tickets/{deletion}/deletion", (
        ("press", "#confirmation .btn-danger"), ("refused", "#confirmation"),
        ("put", "[name=typed]", "supprimer 1 personne"), ("tick", "[name=irreversible]"),
        ("press", "#confirmation .btn-danger"), ("see", "[role=status] .callout"),
    )),
    Journey("a second person confirms the deletion", "bob", "/tickets/{seconding}/deletion", (
        ("press", "#second-confirmation .btn-danger"), ("see", "[role=status] .callout"),
    )),
    Journey("a deletion is cancelled", "alice", "/tickets/{deletion}/deletion", (
        ("press", 'main a[href$="/deletion/cancellation"]'), ("press", "main form button"),
        ("see", "[role=status] .callout"),
    )),
    Journey("a customer answers", "alice", "/tickets/{waiting_customer}", (
        ("press", 'main a[href="#answer"]'), ("put", "#answer [name=body]", "Version 12.4."),
        ("press", "#answer .btn-primary"), ("see", "[data-message=reply]", "Version 12.4."),
    )),
    Journey("an empty answer is refused", "alice", "/tickets/{waiting_customer}", (
        ("press", "#answer .btn-primary"), ("refused", "#answer"),
        ("put", "#answer [name=body]", "Voici."), ("press", "#answer .btn-primary"),
        ("see", "[role=status] .callout"),
    )),
    Journey("what is solved is closed", "alice", "/tickets/{resolved}", (
        ("press", 'main a[href$="/closure"]'), ("put", "#act [name=body]", "Merci."), ("press", "#act .btn-primary"),
        ("see", "[data-status=closed]"),
    )),
    Journey("what is not solved is taken up again", "alice", "/tickets/{resolved}", (
        ("press", 'main a[href$="/reopening"]'), ("put", "#act [name=body]", "Cela recommence."),
        ("press", "#act .btn-primary"), ("see", "[data-message=reply]", "Cela recommence."),
    )),
    Journey("a date is put off", "alice", "/tickets/{resolved}", (
        ("press", 'main a[href$="/keep-open"]'), ("press", "#act .btn-primary"), ("see", "[role=status] .callout"),
    )),
    Journey("a test is reported", "alice", "/tickets/{customer_testing}", (
        ("press", 'main a[href$="/test"]'), ("press", "#act .btn-primary"), ("see", "[role=status] .callout"),
    )),
    Journey("a follow-up is made", "alice", "/tickets/{closed}", (
        ("press", '.turn-card a[href$="/follow-up"]'), ("put", "[name=reason]", "Cela recommence."),
        ("pick", "[name=severity]", "3"),
        ("put", "[name=page_url]", "https://temps.initech.example/"), ("tick", "[name=consent]"), ("press", SUBMIT), ("at", "/tickets/SUP-*"),
    )),
    Journey("a colleague is put in copy", "alice", "/tickets/{registered}", (
        ("press", "summary:has(~ form[action$='/cc'])"), ("put", "form[action$='/cc'] [name=email]", "dana@acme.example"),
        ("press", "form[action$='/cc'] button"), ("see", "aside .people", "Dana"),
    )),
    Journey("a request is handed over", "alice", "/tickets/{registered}", (
        ("press", 'aside a[href$="/handover"]'), ("press", "#handover .btn-primary"), ("refused", "#handover"),
        ("pick", "#handover [name=person]", "2"), ("put", "#handover [name=reason]", "Je pars."),
        ("press", "#handover .btn-primary"), ("see", "[role=status] .callout"),
    )),
    Journey("a list is searched and filtered", "alice", "/tickets", (
        ("put", "main [name=q]", "demande"), ("pick", "main [name=status]", "waiting"),
        ("press", "main form.filters button"), ("at", "/tickets?*status=waiting*"), ("see", "[data-ticket]"),
        ("press", 'th a[href*="sort="]'), ("at", "/tickets?*sort=*"),
    ), wide=True),
    Journey("an article is found and judged", "alice", "/search?q=mot+de+passe", (
        ("press", 'main a[href^="/articles/"]'), ("pick", "[name=helpful]", "no"),
        ("put", "[name=sentence]", "Il manque une image."), ("press", "#your-word .btn-primary"),
        ("see", "[role=status] .callout"),
    )),
    Journey("the language is changed", "alice", "/tickets", (
        ("press", "header details.menu:has(.avatar) > summary"), ("press", "header [name=language]"), ("see", "html[lang=en]"),
    )),
    Journey("a profile is changed", "alice", "/", (
        ("press", "header details.menu:has(.avatar) > summary"), ("press", 'header a[href="/account"]'),
        ("put", "[name=full_name]", "Alice Martin-Roux"), ("press", "main form .btn-primary"),
        ("see", "[role=status] .callout"),
    )),
    Journey("somebody signs out", "alice", "/help", (
        ("press", "header details.menu:has(.avatar) > summary"), ("press", 'header form[action="/logout"] button'), ("at", "/login*"),
    )),
    Journey("an administrator adds a contact", "bob", "/organisation/contacts", (
        ("press", "main form:has([name=full_name]) .btn-primary"), ("refused", "main form:has([name=full_name])"),
        ("put", "[name=full_name]", "Zoé Neuve"), ("put", "[name=email]", "zoe@acme.example"),
        ("put", "[name=reason]", "Arrive en paie"), ("press", "main form:has([name=full_name]) .btn-primary"),
        ("see", "main", "zoe@acme.example"),
    )),
    Journey("an administrator removes a contact", "bob", "/organisation/contacts", (
        ("press", 'main a[href$="/removal"]'), ("put", "[name=reason]", "Repartie"), ("press", "main .btn-danger"),
        ("see", "[role=status] .callout"),
    )),
    Journey("an agent writes a note", "sam", "/desk/tickets/{in_progress}", (
        ("pick", "[name=mode]", "note"), ("put", "[data-note]", "Vu avec Inès."),
        ("press", 'form[action$="/notes"] .btn-note'), ("see", "[data-message=note]", "Vu avec Inès."),
    )),
    Journey("a priority is lowered with a reason", "sam", "/desk/tickets/{in_progress}", (
        ("press", "summary:has(~ form[action$='/priority'])"), ("pick", "form[action$='/priority'] [name=priority]", "3"),
        ("put", "form[action$='/priority'] [name=reason]", "Peu de personnes."),
        ("press", "form[action$='/priority'] > button"), ("see", "[role=status] .callout"),
    )),
    Journey("two requests are merged", "sam", "/desk/tickets/{in_progress}/merge", (
        ("put", "#choice [name=into]", "{registered}"), ("press", "#choice .btn-primary"),
        ("press", "main form[method=post] .btn-primary"), ("see", "[role=status] .callout"),
    )),
    Journey("a message becomes a request", "sam", "/desk/tickets/{request}/split?message={message}", (
        ("put", "#split [name=summary]", "Une autre question"), ("press", "#split .btn-primary"),
        ("see", "[role=status] .callout"),
    )),
    Journey("an agent takes a password out", "sam", "/desk/tickets/{request}/redaction?message={message}", (
        ("press", "#redaction .btn-danger"), ("refused", "#redaction"),
        ("put", "#redaction [name=reason]", "Un mot de passe collé."), ("tick", "#redaction [name=for_good]"),
        ("press", "#redaction .btn-danger"), ("see", "[role=status] .callout"),
    )),
    Journey("a consent is taken back", "alice", "/account/data/consents/{consent}", (
        ("press", "main .btn-danger"), ("see", "[role=status] .callout"),
    )),
    Journey("an admin erases somebody", "root", "/admin/people/{leaver}/erasure", (
        ("press", "#erasure .btn-danger"), ("refused", "#erasure"),
        ("pick", "#erasure [name=way]", "anonymise"), ("pick", "#erasure [name=heir]", "{heir}"),
        ("put", "#erasure [name=reason]", "SUP-2041, rappelé."),
        ("put", "#erasure [name=typed]", "charlie@globex.example"), ("tick", "#erasure [name=for_good]"),
        ("press", "#erasure .btn-danger"), ("see", "[role=status] .callout"),
    )),
    Journey("a team is renamed", "root", "/admin/team/edit/?id={team}", (
        ("put", "[name=name_fr]", ""), ("press", "main form:has([name=name_fr]) .btn-primary"),
        ("refused", "main form:has([name=name_fr])"), ("put", "[name=name_fr]", "Comptes"),
        ("press", "main form:has([name=name_fr]) .btn-primary"), ("see", "[role=status] .callout"),
    )),
    Journey("an article is written", "root", "/admin/article/new/", (
        ("put", "[name=slug]", "lire-un-bulletin"), ("pick", "[name=state]", "published"),
        ("put", "[name=title_fr]", "Lire un bulletin"), ("put", "[name=summary_fr]", "Ligne à ligne."),
        ("put", "[name=body_fr]", "## Brut\n\nLa première ligne."),
        ("press", "main form:has([name=slug]) .btn-primary"), ("see", "[role=status] .callout"),
    )),
    Journey("a closing rule is looked at before it is saved", "root", "/admin/closingrule/edit/?id=1", (
        ("put", "[name=after]", "60"), ("press", ".form-actions [name=preview]"), ("see", "main", "60"),
        ("press", "#rule .form-actions .btn-primary"), ("see", "[role=status] .callout"),
    )),
    Journey("the settings are changed", "root", "/admin/settings/", (
        ("put", "[name=keep_open_days]", "7"), ("press", "main form .btn-primary"), ("see", "[role=status] .callout"),
    )),
]  # fmt: skip


class Hand:
    """Does the steps of a journey; a kind of hand knows how."""

    def __init__(self, page: Any, stage: dict[str, Any]) -> None:
        self.page = page
        self.stage = stage
        self.stays = 0

    def go(self, journey: Journey) -> None:
        """Do all of it."""
        self.page.goto(journey.path.format(**self.stage))
        for number, (verb, *rest) in enumerate(journey.steps, 1):
            try:
                getattr(self, verb)(*(self.filled(piece) for piece in rest))
            except Exception as trouble:
                trouble.add_note(f"{journey.name}, step {number}: {verb} {rest} at {self.page.url}")
                raise

    def filled(self, piece: str) -> str:
        found = re.fullmatch(r"\{(\w+)\}", piece)
        return str(self.stage[found[1]]) if found else piece

    def at(self, address: str) -> None:
        pattern = "".join(".*" if piece == "*" else re.escape(piece) for piece in re.split(r"(\*)", address))
        expect(self.page).to_have_url(re.compile(rf"https?://[^/]+{pattern}$"))

    def see(self, selector: str, words: str = "") -> None:
        found = self.page.locator(selector)
        if words:
            found = found.filter(has_text=words)
        expect(found.first).to_be_visible() if not selector.startswith("html") else expect(
            found
        ).to_have_count(1)


class PlainHand(Hand):
    """A mouse in a browser without scripts."""

    def put(self, selector: str, words: str) -> None:
        self.page.locator(selector).first.fill(words)

    def tick(self, selector: str) -> None:
        field = self.page.locator(selector).first
        self.page.locator(f'label[for="{field.get_attribute("id")}"]').first.click()
        expect(field).to_be_checked()

    def pick(self, selector: str, value: str) -> None:
        field = self.page.locator(selector).first
        if field.get_attribute("type") == "radio":
            self.tick(f'{selector}[value="{value}"]')
        else:
            field.select_option(value)

    def press(self, selector: str) -> None:
        self.page.locator(selector).first.click()

    def refused(self, form: str) -> None:
        summary = self.page.locator(".error-summary").first
        expect(summary).to_be_visible()
        target = str(summary.locator("a").first.get_attribute("href"))
        expect(self.page.locator(target)).to_have_count(1)
        expect(self.page.locator(form).first.locator("[aria-invalid=true]").first).to_be_attached()


class KeyboardHand(Hand):
    """Tab, Shift and Tab, Enter, Space, arrows. Each stop must be seen, come in order, and let go again."""

    def _tab(self, back: bool = False) -> None:
        before = self.page.evaluate(WHERE)
        self.page.keyboard.press("Shift+Tab" if back else "Tab")
        after = self.page.evaluate(WHERE)
        outside = after == ""
        # A date is made of parts, each a stop of its own.
        self.stays = self.stays + 1 if after == before else 0
        parts = 5 if self._is_on("[type=date]") else 0
        assert outside or self.stays <= parts, f"Tab does not leave {self._focus()}"
        if not outside and not back and before and not before.startswith("main-"):
            # In the order of the page: what comes next stands later in it, or the round begins again.
            steps = [[int(step) for step in path.split("/") if step] for path in (before, after)]
            assert steps[1] >= steps[0] or self._first(), f"Tab goes back to {self._focus()}"
        if not outside:
            assert shows_focus(self.page), f"nobody sees the focus on {self._focus()}"

    def _first(self) -> bool:
        return bool(self.page.evaluate("() => document.activeElement.matches('.skip')"))

    def _focus(self) -> str:
        return str(self.page.evaluate("() => document.activeElement.outerHTML.slice(0, 160)"))

    def _is_on(self, selector: str) -> bool:
        return bool(self.page.evaluate("s => document.activeElement.matches(s)", selector))

    def reach(self, selector: str) -> None:
        """Press Tab until the focus is there, then once back and forth: the way back is open too."""
        expect(self.page.locator(selector).first).to_be_attached()
        for _press in range(MOST_STOPS):
            if self._is_on(selector):
                return
            self._tab()
        raise AssertionError(f"Tab does not lead to {selector}")

    def put(self, selector: str, words: str) -> None:
        self.reach(selector)
        self.page.keyboard.press("Control+a")
        self.page.keyboard.press("Delete")
        self.page.keyboard.insert_text(words)
        expect(self.page.locator(selector).first).to_have_value(words)

    def tick(self, selector: str) -> None:
        self.reach(selector)
        self.page.keyboard.press("Space")
        assert self.page.evaluate("() => document.activeElement.checked")

    def pick(self, selector: str, value: str) -> None:
        self.reach(selector)
        kind = self.page.evaluate("() => document.activeElement.type")
        self.page.keyboard.press("Space" if kind == "radio" else "Home")
        for _press in range(60):
            if self.page.evaluate("() => document.activeElement.value") == value:
                return
            self.page.keyboard.press("ArrowDown")
        raise AssertionError(f"arrows do not lead to {value} of {selector}")

    def press(self, selector: str) -> None:
        self.reach(selector)
        if self.page.evaluate("() => document.activeElement.tagName") == "SUMMARY":
            self.page.keyboard.press("Enter")
            assert self.page.evaluate("() => document.activeElement.parentElement.open")
            return
        href = self.page.evaluate("() => document.activeElement.getAttribute('href') || ''")
        # From the keyboard there is a way back from everything.
        self._tab(back=True)
        self._tab()
        if href.startswith("#"):
            self.page.keyboard.press("Enter")
            return
        # What the browser itself would say about a field is not what is tried here.
        self.page.evaluate(
            "() => { const form = document.activeElement.form; if (form) form.noValidate = true; }"
        )
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")

    def refused(self, form: str) -> None:
        summary = self.page.locator(".error-summary").first
        expect(summary).to_be_focused()
        self._tab()
        self.page.keyboard.press("Enter")
        inside = "form => document.querySelector(form).contains(document.activeElement)"
        assert self.page.evaluate(inside, form), f"the summary leads to {self._focus()}"
