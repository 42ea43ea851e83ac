"""Words of the mails: one function for each, that gathers what its three templates say, in the reader's language.

Who gets which mail is in domain/notifications.py; how it leaves is in gateways/smtp.py.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from functools import cached_property, lru_cache
from hashlib import sha256
from html import escape, unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo

import flask_babel
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

import presenters
from domain import (
    accounts,
    addresses,
    catalogue,
    closing,
    contact_reviews,
    contacts,
    contests,
    deletion,
    digests,
    files,
    lifecycle,
    mail_actions,
    mail_choices,
    mobiles,
    partners,
    policies,
    rule_texts,
    second_step,
    settings,
    telephone,
    texts,
)
from domain.closing_rules import STATUSES_WITH_CLOSING
from domain.notifications import PermanentFailure, Skipped
from models import (
    AssistantQuestion,
    Attachment,
    ClosingRule,
    ContactReview,
    Idea,
    IdeaFollow,
    IdeaMove,
    Kind,
    Message,
    Organisation,
    OutboxMessage,
    Participant,
    PartnerLink,
    Person,
    Redaction,
    RequestForm,
    Satisfaction,
    Scale,
    ScaleLevel,
    Team,
    TextMessage,
    Ticket,
    TicketBlock,
    TicketEvent,
)
from words import gettext, ngettext
from words import gettext as _

TEMPLATES = Path(__file__).resolve().parent / "templates"
SUBJECT_MAX_CHARACTERS = 140
# The line that mail programs show beside the subject.
PREVIEW_MAX_CHARACTERS = 140
# A gathered mail says what happened; the whole of it is on the page.
GATHERED_TEXT_CHARACTERS = 400
GATHERED_LINES = 10
# Contacts who have not come for long, by name; the others are on the page.
REVIEW_NAMES = 10
# Links that act for whoever holds them: they stand in the mail alone, never in its copy.
_ACTING_LINK = re.compile(r"\S*/(?:mail-actions|unsubscribe|password|account/address/confirm)/\S+")
# A very long message is read on the page: mail programs cut what is longer by themselves, badly.
BODY_MAX_CHARACTERS = 20_000


@dataclass(frozen=True)
class Mail:
    """One mail, worded: what a reader sees, and the headers that programs read."""

    template: str
    recipient: str
    recipient_name: str
    sender: str
    sender_name: str
    subject: str
    text: str
    html: str
    headers: dict[str, str] = field(default_factory=dict)
    # What is kept of it, by the row of the outbox: subject and text. Only of mails about requests.
    copies: dict[int, tuple[str, str]] = field(default_factory=dict)
    # Rows that a gathered mail did not say, with the reason of each.
    left_out: dict[int, str] = field(default_factory=dict)

    def message(self) -> EmailMessage:
        """The mail as it travels: plain text and HTML, headers of one line each.

        Raises PermanentFailure for an address that cannot stand in a header.
        """
        mail = EmailMessage()
        try:
            mail["From"] = Address(_header(self.sender_name), addr_spec=_wire_address(self.sender))
            mail["To"] = Address(_header(self.recipient_name), addr_spec=_wire_address(self.recipient))
        except (ValueError, HeaderParseError, IndexError, UnicodeError):
            raise PermanentFailure("the address is not a valid one") from None
        mail["Subject"] = _header(self.subject)
        for name, value in self.headers.items():
            mail[name] = _header(value)
        mail.set_content(self.text, cte="quoted-printable")
        mail.add_alternative(self.html, subtype="html", cte="quoted-printable")
        return mail


def one_line(text: str) -> str:
    """Text for a header or a sentence: no control, line-breaking or direction-changing character survives (S36)."""
    # Only the plain space is folded: the no-break spaces of French typography stay.
    return re.sub(r" +", " ", _without_controls(text)).strip(" ")


def _without_controls(text: str) -> str:
    return "".join(
        " " if unicodedata.category(character) in ("Cc", "Zl", "Zp", "Cs") else character
        for character in text
        if unicodedata.category(character) != "Cf"
    )


def _header(text: str) -> str:
    """One line that stays as it is in a header.

    The email package decodes what looks like an encoded word in a value it is given, line breaks included: a subject
    of "=?utf-8?q?x=0ABcc:...?=" would become a header of its own.
    """
    return one_line(text).replace("=?", "= ?")


def _wire_address(address: str) -> str:
    local, _at, domain = address.rpartition("@")
    if not domain.isascii():
        domain = domain.encode("idna").decode("ascii")
    return f"{local}@{domain}"


# ---- Who reads ---------------------------------------------------------------------------------------


class Reader:
    """The person or address that a mail goes to: what they are to the request, and where its links lead."""

    def __init__(self, row: OutboxMessage, base_url: str, now: datetime, *, offers: bool = True) -> None:
        self.row = row
        # Whether the mail has buttons that act: a gathered one leads to the pages only.
        self.offers = offers
        self.base_url = base_url.rstrip("/")
        self.now = now
        self.person: Person | None = Person.get_or_none(Person.id == row.person_id) if row.person_id else None
        self.language: str = self.person.language if self.person else row.language
        self.is_staff = self.person is not None and self.person.staff_role is not None

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of the reader's profile; Paris when it is unknown."""
        try:
            return ZoneInfo(self.person.time_zone if self.person else "Europe/Paris")
        except (KeyError, ValueError, OSError):
            return ZoneInfo("Europe/Paris")

    @property
    def first_name(self) -> str:
        """The name to greet with; empty for an address without account.

        Also empty as long as the address is not proven: anybody can register somebody else's address under a name
        that is a message (S17).
        """
        if self.person is None or self.person.email_verified_at is None:
            return ""
        return one_line(self.person.full_name).split(" ", 1)[0]

    @cached_property
    def ticket(self) -> Ticket:
        """The request of this mail, as it is now. Raises Skipped when it is no longer there."""
        ticket = Ticket.get_or_none(Ticket.id == self.row.ticket_id)
        if ticket is None:
            raise Skipped("no-ticket")
        return ticket

    @cached_property
    def event(self) -> TicketEvent:
        """What happened. Raises Skipped when this mail came from no event of a request."""
        event = TicketEvent.get_or_none(TicketEvent.id == self.row.context.get("event_id"))
        if event is None:
            raise Skipped("no-event")
        return event

    @cached_property
    def has_access(self) -> bool:
        """May open the page: an address in copy without a proven account gets mails only (VIEW-5)."""
        if self.person is None:
            return False
        return policies.can_see(policies.load_viewer(self.person.id), self.ticket)

    @cached_property
    def at_work(self) -> bool:
        """Reads this request as a member of the desk rather than as somebody in copy."""
        viewer = policies.load_viewer(self.person.id) if self.person else None
        return (
            viewer is not None and viewer.is_agent and self.row.template != "cc-added" and not self._in_copy
        )

    @cached_property
    def _in_copy(self) -> bool:
        return self._participant is not None

    @cached_property
    def _participant(self) -> Participant | None:
        return (
            Participant.select()
            .where((Participant.ticket == self.row.ticket_id) & (Participant.email == self.row.recipient))
            .order_by(Participant.id)
            .first()
        )

    def link(self, path: str) -> str:
        """A whole address under the portal's own. Raises ValueError for anything that is not a path of it (S16)."""
        if not path.startswith("/") or path.startswith("//") or "\\" in path or one_line(path) != path:
            raise ValueError("a link of a mail is a path of the portal")
        return self.base_url + quote(path, safe="/#?=&~.-_%")

    def ticket_link(self, more: str = "") -> str:
        """The address of the request: at the desk for those who work there."""
        start = "/desk/tickets/" if self.at_work else "/tickets/"
        return self.link(f"{start}{self.ticket.number}{more}")

    @property
    def why(self) -> str:
        """Why this person gets this mail, for the foot of it."""
        if self.row.template == "digest":
            return _("You get this mail because you chose to have your news gathered.")
        if self.row.ticket_id is None:
            if self.row.template == "idea-state":
                return _("You get this mail because you follow this idea; its page ends that.")
            if self.row.template == "assistant-question":
                return _("You get this mail because questions that are not technical go to this address.")
            if self.is_staff:
                return _("You get this mail because you look after this portal.")
            if self.row.template == "request-handed-over":
                return _("You get this mail because these requests were handed over.")
            return _("You get this mail because your address was used on this portal.")
        ticket = self.ticket
        if self.person is not None and self.person.id == ticket.requester_id:
            return _("You get this mail because this request is yours.")
        if self._participant is not None and self._participant.role == "collaborator":
            return _("You get this mail because you follow this request.")
        if self._participant is not None:
            return _("You get this mail because you are in copy of this request.")
        if self.person is not None and self.person.id == ticket.assignee_id:
            return _("You get this mail because you are in charge of this request.")
        if self.is_staff and self.row.template == "team-reply" and ticket.status == "expired":
            return _("You get this mail because your team looks after changes that were undone.")
        if self.row.template == "priority-contested":
            return _("You get this mail because you decide contested priorities.")
        if self.is_staff:
            return _("You get this mail because you are in the team of this request.")
        if self.row.template == "priority-decided":
            return _("You get this mail because you contested the priority of this request.")
        if self.row.template.startswith("deletion-"):
            return _("You get this mail because you can confirm or cancel this request.")
        return _("You get this mail because you wrote on this request.")


@contextmanager
def _speaking_to(reader: Reader) -> Iterator[None]:
    """Words and dates in the reader's language and zone; what was chosen before comes back afterwards."""
    with flask_babel.force_locale(reader.language):
        chosen = flask_babel._get_current_context()
        zone_before = getattr(chosen, "babel_tzinfo", None)
        chosen.babel_tzinfo = reader.zone
        try:
            yield
        finally:
            chosen.babel_tzinfo = zone_before


# ---- The body of a message ---------------------------------------------------------------------------

_STYLE = {
    "p": "margin:0 0 12px;",
    "ul": "margin:0 0 12px;padding-left:24px;",
    "ol": "margin:0 0 12px;padding-left:24px;",
    "blockquote": "margin:0 0 12px;padding-left:12px;border-left:3px solid #b8b4ab;",
    "pre": "margin:0 0 12px;white-space:pre-wrap;font-family:Consolas,Menlo,monospace;font-size:14px;",
    "code": "font-family:Consolas,Menlo,monospace;font-size:14px;",
    "table": "margin:0 0 12px;border-collapse:collapse;",
    "th": "padding:4px 8px;border:1px solid #b8b4ab;text-align:left;",
    "td": "padding:4px 8px;border:1px solid #b8b4ab;",
}
# Headings of a message become bold paragraphs: the mail has headings of its own.
_HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}
_KEPT = {*_STYLE, "li", "br", "hr", "strong", "em", "s", "thead", "tbody", "tr"}


class _MailBody(HTMLParser):
    """Rewrites sanitised HTML for a mail: inline styles, and addresses shown as text rather than as links.

    A mail of the portal never carries somebody else's link under words of their choice: what a customer or an
    agent pasted stays readable, and a click always leads to the portal (S35).
    """

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.out: list[str] = []
        self._link: tuple[str, int] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _HEADINGS:
            self.out.append(f'<p style="{_STYLE["p"]}"><strong>')
        elif tag == "a":
            self._link = (dict(attrs).get("href") or "", len(self.out))
        elif tag in _KEPT:
            style = f' style="{_STYLE[tag]}"' if tag in _STYLE else ""
            start = dict(attrs).get("start") if tag == "ol" else None
            number = f' start="{start}"' if start and start.isdigit() else ""
            self.out.append(f"<{tag}{number}{style}>")

    def handle_endtag(self, tag: str) -> None:
        if tag in _HEADINGS:
            self.out.append("</strong></p>")
        elif tag == "a" and self._link is not None:
            href, start = self._link
            words = re.sub(r"<[^>]*>", "", "".join(self.out[start:]))
            if href and words.strip() not in (escape(href), escape(href.removeprefix("mailto:"))):
                self.out.append(f" ({escape(href)})")
            self._link = None
        elif tag in _KEPT and tag not in ("br", "hr"):
            self.out.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        self.out.append(escape(data, quote=False))


def _in_words(markdown: str) -> str:
    """The text of a message for a mail: its pictures are on the page, behind sign-in, and named here."""
    return files.without_references(markdown[:BODY_MAX_CHARACTERS], presenters.picture_words)


def body_html(markdown: str) -> Markup:
    """A message as HTML for a mail, from the same renderer as the page."""
    rewriter = _MailBody()
    rewriter.feed(str(presenters.markdown(_in_words(markdown))))
    rewriter.close()
    return Markup("".join(rewriter.out))  # noqa: S704  # nosec B704  # (every piece is escaped or of a fixed list)


def body_text(markdown: str) -> str:
    """A message as plain text: as it was typed, without control characters."""
    text = _in_words(markdown).replace("\r\n", "\n").replace("\r", "\n").replace("\t", "    ")
    return "\n".join(_without_controls(line).rstrip() for line in text.split("\n")).strip("\n")


# ---- What several mails say --------------------------------------------------------------------------


def _name_of(person_id: int | None) -> str:
    person = Person.get_or_none(Person.id == person_id) if person_id else None
    return one_line(person.full_name) if person else ""


def _status(status: str, to: Reader) -> dict[str, str]:
    """A status in words: its label for this reader, whose turn it is, and the tone of its badge."""
    row = catalogue.labels_now((status,), to.ticket.kind_slug).get(status)
    known = lifecycle.STATUSES.get(status)
    return {
        "key": status,
        "label": presenters.localized(row, "team" if to.at_work else "customer") if row else status,
        # While the customer is awaited, the mail gives the date itself (templates/mail/closing.*).
        "turn": ""
        if to.at_work or row is None or status in lifecycle.AWAITING_CUSTOMER
        else presenters.localized(row, "turn"),
        "tone": known.tone if known else "over",
    }


def _priority(ticket: Ticket, value: str | None) -> dict[str, str] | None:
    """A priority in words: "Severity 2, Urgent", with the definition and the level's row name."""
    if not value:
        return None
    level = (
        ScaleLevel.select(ScaleLevel, Scale)
        .join(Scale)
        .where((Scale.slug == (ticket.scale_slug or "severity")) & (ScaleLevel.value == value))
        .first()
    )
    if level is None:
        return None
    scale, name = presenters.localized(level.scale, "name"), presenters.localized(level, "name")
    return {
        "label": _("%(scale)s %(level)s (%(word)s)", scale=scale, level=value, word=name)
        if value.isdigit()
        else _("%(scale)s: %(word)s", scale=scale, word=name),
        "definition": presenters.localized(level, "definition"),
    }


def _about_ticket(to: Reader) -> dict[str, Any]:
    """What every mail about a request says: number, subject, kind, priority, and whether text may travel."""
    ticket = to.ticket
    carries = bool(settings.get("mail_carries_text"))
    kind = Kind.get_or_none(Kind.slug == ticket.kind_slug)
    priority = _priority(ticket, ticket.priority)
    facts = [
        ticket.number,
        presenters.localized(kind, "name") if kind else "",
        priority["label"] if priority else "",
    ]
    return {
        "number": ticket.number,
        # Without its text a mail says only that there is news (LIFE-3): not even what about.
        "carries": carries,
        "summary": one_line(ticket.summary) if carries else "",
        "heading": one_line(ticket.summary) if carries else _("Request %(number)s", number=ticket.number),
        "facts": " · ".join(fact for fact in facts if fact) if carries else ticket.number,
        "url": to.ticket_link() if to.has_access else "",
        "priority": priority,
        "status": _status(ticket.status, to),
        "by": _name_of(to.event.actor_id) if to.row.context.get("event_id") else "",
        "takes_answers": ticket.status not in lifecycle.CLOSED_TO_ANSWERS,
        # Where a change is tried, beside the date until when (templates/mail/closing.*).
        "where": presenters.test_words(ticket.status, ticket.test_environment, by_itself=False)
        if carries and not to.at_work and ticket.status == "customer_testing"
        else "",
    }


def _closing(to: Reader) -> dict[str, str] | None:
    """When the request closes by itself, for a customer who can still prevent it (LIFE-13)."""
    ticket = to.ticket
    day = closing.last_day(ticket)
    if to.at_work or day is None or ticket.status not in lifecycle.AWAITING_CUSTOMER:
        return None
    return {"day": _day(day, to), "status": ticket.status}


def _answers(to: Reader) -> dict[str, list[dict[str, str]]]:
    """The ways to answer with one press (LIFE-8, LIFE-15, LIFE-17): links that lead to a page with one button.

    `answers` after a solution, the main one first, and "it works" of a test; `aside`, a line of text, while an answer
    is awaited. Both empty for those who may not answer, and for the desk.
    """
    ticket = to.ticket
    viewer = policies.load_viewer(to.person.id) if to.person is not None else None
    if (
        viewer is None
        or not to.offers
        or to.at_work
        or not to.has_access
        or not policies.may_answer(viewer, ticket)
    ):
        return {"answers": [], "aside": []}
    tokens = mail_actions.offer(ticket, viewer.id, mail_actions.offered(ticket), to.row.message_id, to.now)
    solved, testing = ticket.status == "resolved", ticket.status == "customer_testing"
    words = {
        "works": _("It works") if testing else _("It works, close it"),
        "reopen": _("It does not work"),
        "more_time": _("I need more time") if solved else _("Keep it open"),
        "close": _("Close this request"),
    }
    links = [{"label": words[act], "url": to.link(f"/mail-actions/{token}")} for act, token in tokens.items()]
    main = len(links) if solved else len([act for act in tokens if act == "works"])
    return {"answers": links[:main], "aside": links[main:]}


def _day(day: date, to: Reader) -> str:
    return presenters.long_day(day, year=day.year != to.now.astimezone(to.zone).year)


def own_words(text: str, day: str, about: dict[str, Any], organisation: str) -> list[list[str]]:
    """The paragraphs that a closing rule has for its mail, as lines of plain text; none means the usual words.

    The subject of a request stays out of a mail that carries no text (LIFE-3): its heading stands in.
    """
    values = {
        "number": about["number"],
        "summary": about["heading"],
        "day": day,
        "organisation": organisation,
    }
    found = rule_texts.paragraphs(text, {name: one_line(value) for name, value in values.items()})
    return [[_without_controls(line).rstrip() for line in lines] for lines in found]


def _own_words(to: Reader, kind: str, day: str, about: dict[str, Any]) -> list[list[str]]:
    """Those of the rule that acted, for a customer; the desk reads the usual words."""
    text = "" if to.at_work else rule_texts.of_rule(to.event.data.get("rule"), kind, to.language)
    return own_words(text, day, about, _organisation_name(to.ticket)) if text else []


def _told_day(to: Reader) -> str:
    """The day that an event tells, in words; empty when it tells none."""
    told = to.event.data.get("last_day")
    return _day(date.fromisoformat(told), to) if told else ""


def _message(to: Reader) -> dict[str, Any]:
    """The words that an event carries: author, side, text, number of files. Raises Skipped when they are gone."""
    message = Message.get_or_none(Message.id == to.row.context.get("message_id"))
    # A note is for the desk alone: no path leads from it to a mail.
    if message is None or message.kind != "reply" or message.ticket_id != to.row.ticket_id:
        raise Skipped("no-message")
    carries = bool(settings.get("mail_carries_text"))
    # Taken out while the mail waited: it says so, and nothing else (STAFF-10).
    redacted = Redaction.select().where(Redaction.message == message.id).exists()
    body = presenters.removed_words() if redacted else message.body
    with_it = (
        Attachment.select()
        .where(
            (Attachment.message == message.id)
            & (Attachment.is_internal == False)  # noqa: E712
            & ~Attachment.stored_name.startswith(files.REDACTED)
        )
        .count()
    )
    author = _name_of(message.author_id)
    return {
        "author": author,
        "first_name": author.split(" ", 1)[0],
        "side": message.side,
        "text": body_text(body) if carries else "",
        "html": body_html(body) if carries else "",
        "files": ngettext("%(num)s file is on the page.", "%(num)s files are on the page.", with_it)
        if with_it
        else "",
    }


def _team_name(ticket: Ticket) -> str:
    team = Team.get_or_none(Team.id == ticket.team_id) if ticket.team_id else None
    return presenters.localized(team, "name") if team else ""


def _organisation_name(ticket: Ticket) -> str:
    organisation = Organisation.get_or_none(Organisation.id == ticket.organisation_id)
    return one_line(organisation.name) if organisation else ""


def _form_name(ticket: Ticket) -> str:
    form = RequestForm.get_or_none(RequestForm.slug == ticket.form_slug)
    return presenters.localized(form, "name") if form else ticket.form_slug


def _open_button(label: str, about: dict[str, Any]) -> dict[str, str] | None:
    return {"label": label, "url": about["url"]} if about["url"] else None


# ---- The mails: one function each --------------------------------------------------------------------


def request_received(to: Reader) -> dict[str, Any]:
    """To the requester and those in copy: number, severity, and what happens next (REQ-11)."""
    about = _about_ticket(to)
    ticket = to.ticket
    return {
        **about,
        "asked": _priority(ticket, ticket.priority_asked),
        "form": _form_name(ticket),
        "team": _team_name(ticket),
        "is_mine": to.person is not None and to.person.id == ticket.requester_id,
        "requester": _name_of(ticket.requester_id),
        "opened_for_me": ticket.opened_by_id != ticket.requester_id,
        "message": _message(to) if to.row.context.get("message_id") else None,
        "button": _open_button(_("Follow the request"), about),
    }


def reply(to: Reader) -> dict[str, Any]:
    """To the customers of a request: somebody wrote, and what that changed (LIFE-3)."""
    about = _about_ticket(to)
    message = _message(to)
    data = to.event.data
    moved = data.get("to") if data.get("to") != data.get("from") else None
    by_team = message["side"] == "team"
    if moved == "resolved":
        label = _("See the solution")
    elif by_team and moved != "closed" and about["carries"]:
        label = _("Answer %(name)s", name=message["first_name"])
    else:
        label = _("Open the request")
    return {
        **about,
        "message": message,
        "team": _team_name(to.ticket) if by_team else "",
        "by_team": by_team,
        "moved": _status(moved, to) if moved else None,
        "reference": _reference(to) if about["carries"] else "",
        "closing": _closing(to),
        "button": _open_button(label, about),
        **_answers(to),
    }


def status_changed(to: Reader) -> dict[str, Any]:
    """To whoever the move concerns: from which status to which, and whose turn it is."""
    about = _about_ticket(to)
    data = to.event.data
    return {
        **about,
        "reference": _reference(to) if about["carries"] else "",
        "more": _more_on_status(to, about),
        "was": _status(data.get("from", ""), to),
        "now": _status(data.get("to") or to.ticket.status, to),
        "closing": _closing(to),
        "at_work": to.at_work,
        "own": _own_words(to, "closing_text", _told_day(to), about),
        "button": _open_button(_("Open the request"), about),
        **_answers(to),
    }


def _reference(to: Reader) -> str:
    """The reference under which a request was escalated by this event (LIFE-11)."""
    return one_line(str(to.event.data.get("reference") or ""))


def _more_on_status(to: Reader, about: dict[str, Any]) -> str:
    """Why the status changed, where its label alone does not say: a test that is over, a block that ended."""
    data, kind = to.event.data, to.event.kind
    if kind == "ticket:tested":
        return _("The change was tested, and it works.")
    if kind == "ticket:unblocked":
        return _("Nothing blocks it any more.")
    if not about["carries"] or data.get("to") not in ("awaiting_rollback", "expired"):
        return ""
    environment = one_line(str(data.get("environment") or ""))
    return presenters.test_words(data["to"], environment, by_itself=to.event.actor_id is None)


def blocked(to: Reader) -> dict[str, Any]:
    """To the customers: another request comes first; which one, only to those who may read it (LIFE-9).

    Raises Skipped when it no longer waits for it.
    """
    about = _about_ticket(to)
    row = TicketBlock.get_or_none(TicketBlock.id == to.event.data.get("block"))
    if row is None or row.ended_at is not None or to.ticket.status != "blocked":
        raise Skipped("moved-on")
    viewer = policies.load_viewer(to.person.id) if to.person is not None and to.has_access else None
    other = row.blocker if viewer is not None and policies.can_see(viewer, row.blocker) else None
    said = ""
    if about["carries"]:
        component = one_line(row.component)
        said = (
            presenters.blocked_words(component, other.number, one_line(other.summary))
            if other is not None
            else presenters.blocked_words(component)
        )
    return {
        **about,
        "said": said,
        "other": {"number": other.number, "url": to.link(f"/tickets/{other.number}")} if other else None,
        "button": _open_button(_("Open the request"), about),
    }


def reminder(to: Reader) -> dict[str, Any]:
    """To the customers: what is awaited of them, until which day, and what happens by itself then (LIFE-6)."""
    about = _about_ticket(to)
    ticket = to.ticket
    data = to.event.data
    if ticket.status not in STATUSES_WITH_CLOSING or ticket.reminders_sent < data.get("number", 0):
        # Somebody wrote in the meantime: it is no longer silent, or its clock started anew.
        raise Skipped("answered-meanwhile")
    told = data.get("last_day")
    day = date.fromisoformat(told) if told else closing.last_day(ticket)
    if day is None:
        raise Skipped("answered-meanwhile")
    text = rule_texts.of_rule(data.get("rule"), "reminder_text", to.language)
    return {
        **about,
        **_reminder_words(ticket.status, about["number"], _day(day, to)),
        "own": _own_words(to, "reminder_text", _day(day, to), about),
        "own_day": rule_texts.names_day(text),
        "is_last": data.get("number") == data.get("of"),
        "button": _open_button(_("Answer the request"), about),
        **_answers(to),
    }


def _reminder_words(status: str, number: str, day: str) -> dict[str, str]:
    """What a reminder says in each status: `topic`, of its subject, `lead`, and `end`, what happens after the day."""
    if status == "resolved":
        return {
            "topic": _("Is it solved? Closing at the end of %(day)s", day=day),
            "lead": _(
                "A solution was given for request %(number)s. Tell us whether it works.", number=number
            ),
            "end": _("Without news from you, this request closes by itself at the end of %(day)s.", day=day),
        }
    if status == "customer_testing":
        return {
            "topic": _("To be tested before the end of %(day)s", day=day),
            "lead": _("The change of request %(number)s is ready: try it, and tell us.", number=number),
            "end": _("Without a word from you, the change is undone after %(day)s.", day=day),
        }
    if status == "awaiting_rollback":
        return {
            "topic": _("The request expires at the end of %(day)s", day=day),
            "lead": _("We are undoing the change of request %(number)s.", number=number),
            "end": _("The request expires at the end of %(day)s.", day=day),
        }
    return {
        "topic": _("Your answer is awaited before the end of %(day)s", day=day),
        "lead": _("We wait for your answer to go on with request %(number)s.", number=number),
        "end": _("Without an answer from you, this request closes by itself at the end of %(day)s.", day=day),
    }


def kept_open(to: Reader) -> dict[str, Any]:
    """To the requester: the date has moved, who asked for it, and how often it can be moved again (LIFE-15)."""
    about = _about_ticket(to)
    ticket = to.ticket
    when = _closing(to)
    if when is None:
        # Answered or closed in the meantime: there is no such date any more.
        raise Skipped("answered-meanwhile")
    return {
        **about,
        "closing": when,
        "left": closing.extensions_left(ticket),
        "by_me": to.person is not None and to.event.actor_id == to.person.id,
        "button": _open_button(_("Open the request"), about),
        **_answers(to),
    }


def closed(to: Reader) -> dict[str, Any]:
    """To the customers, and to the agent in charge when a customer closed it: why, and the way to a follow-up."""
    about = _about_ticket(to)
    data = to.event.data
    follow_up = ""
    if to.has_access and not to.at_work:
        follow_up = to.link(f"/tickets/{to.ticket.number}/follow-up")
    return {
        **about,
        "reason": data.get("reason") or to.ticket.close_reason,
        "was_solved": data.get("from") == "resolved",
        "works": bool(data.get("works")),
        "own": _own_words(to, "closing_text", _told_day(to), about),
        "follow_up": follow_up,
        "at_work": to.at_work,
        "button": _open_button(_("Read the request"), about),
    }


def reopened(to: Reader) -> dict[str, Any]:
    """To whoever the request concerns: it is open again, and who wanted it."""
    about = _about_ticket(to)
    return {**about, "button": _open_button(_("Open the request"), about)}


def cc_added(to: Reader) -> dict[str, Any]:
    """To somebody put in copy: by whom, of which request, and what that means (VIEW-5)."""
    about = _about_ticket(to)
    return {
        **about,
        "requester": _name_of(to.ticket.requester_id),
        "button": _open_button(_("Read the request"), about),
    }


def priority_lowered(to: Reader) -> dict[str, Any]:
    """To the customers: the priority retained is lower, why, and the definition that applies (LIFE-10)."""
    about = _about_ticket(to)
    data = to.event.data
    return {
        **about,
        "before": _priority(to.ticket, data.get("before")),
        "after": _priority(to.ticket, data.get("after")),
        "reason": body_text(str(data.get("reason") or "")) if about["carries"] else "",
        "button": _open_button(_("Open the request"), about),
        "aside": _contest_link(to),
    }


def _in_lines(text: str) -> Markup:
    """Plain text for HTML, with the line breaks that it was typed with."""
    return Markup("<br>").join(text.split("\n"))


def _contest_link(to: Reader) -> list[dict[str, str]]:
    """The page where a lowered priority is contested, for those who may (LIFE-10): opening it does nothing."""
    viewer = policies.load_viewer(to.person.id) if to.person is not None else None
    if viewer is None or not policies.may_contest(viewer, to.ticket) or not contests.contestable(to.ticket):
        return []
    return [{"label": _("I do not agree"), "url": to.link(f"/tickets/{to.ticket.number}/contest")}]


def priority_contested(to: Reader) -> dict[str, Any]:
    """To the supervisors and the agent in charge: a customer does not agree with a lowered priority (LIFE-10).

    Raises Skipped once a supervisor has decided.
    """
    about = _about_ticket(to)
    row = contests.of_ticket(to.ticket)
    if row is None or row.decided_at is not None:
        raise Skipped("moved-on")
    viewer = policies.load_viewer(to.person.id) if to.person is not None else None
    decides = viewer is not None and contests.may_decide(viewer, to.event.data.get("lowered_by"))
    return {
        **about,
        "organisation": _organisation_name(to.ticket),
        "before": _priority(to.ticket, row.before),
        "after": _priority(to.ticket, to.ticket.priority),
        "reason": body_text(row.reason) if about["carries"] else "",
        "lines": _in_lines,
        "decides": decides,
        "button": _open_button(_("Read and decide") if decides else _("Open it at the desk"), about),
    }


def priority_decided(to: Reader) -> dict[str, Any]:
    """To the customers and the agent in charge: what a supervisor decided, with the definition that applies."""
    about = _about_ticket(to)
    data = to.event.data
    return {
        **about,
        "restored": data.get("outcome") == "restored",
        "after": _priority(to.ticket, data.get("after")),
        "reason": body_text(str(data.get("answer") or "")) if about["carries"] else "",
        "lines": _in_lines,
        "button": _open_button(_("Open it at the desk") if to.at_work else _("Open the request"), about),
    }


def reply_refused(to: Reader) -> dict[str, Any]:
    """To the author of an answer that came too late: it was not added, and a follow-up takes it (LIFE-6)."""
    about = _about_ticket(to)
    follow_up = to.link(f"/tickets/{to.ticket.number}/follow-up") if to.has_access else ""
    return {
        **about,
        "button": {"label": _("Create a follow-up"), "url": follow_up} if follow_up else None,
    }


def redacted(to: Reader) -> dict[str, Any]:
    """To whoever wrote it: the team took it out, why, and nothing of what it was (STAFF-10)."""
    about = _about_ticket(to)
    data = to.event.data
    return {
        **about,
        "what": presenters.redacted_words(data),
        # A reason belongs to the text of the request: it does not travel when texts do not.
        "reason": one_line(str(data.get("reason") or "")) if about["carries"] else "",
        "button": _open_button(_("Open the request"), about),
    }


def consent_withdrawn(to: Reader) -> dict[str, Any]:
    """To whoever is in charge: the consent that came with the request was taken back (REQ-3)."""
    about = _about_ticket(to)
    return {
        **about,
        "who": _name_of(to.event.actor_id),
        "version": str(to.event.data.get("version") or ""),
        "button": _open_button(_("Open the request"), about),
    }


def team_new(to: Reader) -> dict[str, Any]:
    """To a team: a request came into its queue (STAFF-11)."""
    about = _about_ticket(to)
    ticket = to.ticket
    first = (
        Message.select(Message.id)
        .where((Message.ticket == ticket.id) & (Message.kind == "reply"))
        .order_by(Message.id)
        .first()
    )
    if first is not None:
        to.row.context = {**to.row.context, "message_id": first.id}
    return {
        **about,
        "requester": _name_of(ticket.requester_id),
        "organisation": _organisation_name(ticket),
        "form": _form_name(ticket),
        "team": _team_name(ticket),
        "message": _message(to) if first is not None else None,
        "button": _open_button(_("Open it at the desk"), about),
    }


def team_reply(to: Reader) -> dict[str, Any]:
    """To the agent in charge, else the team: the customer wrote."""
    about = _about_ticket(to)
    data = to.event.data
    moved = data.get("to") if data.get("to") != data.get("from") else None
    return {
        **about,
        "message": _message(to),
        "organisation": _organisation_name(to.ticket),
        "moved": _status(moved, to) if moved else None,
        "reopened": data.get("from") == "resolved" and bool(moved),
        "button": _open_button(_("Open it at the desk"), about),
    }


def team_tested(to: Reader) -> dict[str, Any]:
    """To the agent in charge, else the team: the customer has tested the change, and it works (LIFE-7)."""
    about = _about_ticket(to)
    environment = one_line(str(to.event.data.get("environment") or ""))
    return {
        **about,
        "organisation": _organisation_name(to.ticket),
        "environment": presenters.environment_words(environment) if about["carries"] else "",
        "message": _message(to) if to.row.context.get("message_id") else None,
        "button": _open_button(_("Open it at the desk"), about),
    }


def team_assigned(to: Reader) -> dict[str, Any]:
    """To an agent: a colleague gave them a request."""
    about = _about_ticket(to)
    if to.person is None or to.ticket.assignee_id != to.person.id:
        raise Skipped("assigned-elsewhere")
    return {
        **about,
        "organisation": _organisation_name(to.ticket),
        "requester": _name_of(to.ticket.requester_id),
        "button": _open_button(_("Open it at the desk"), about),
    }


def _deletion(to: Reader, *states: str) -> dict[str, Any]:
    """What every mail about an irreversible request says: the people, the steps, the way to its page (REQ-4).

    Raises Skipped when it has gone on to another state meanwhile: no mail asks for what is over.
    """
    about = _about_ticket(to)
    row = deletion.of_ticket(to.ticket)
    if row is None or (states and row.state not in states):
        raise Skipped("moved-on")
    page = to.link(f"/tickets/{to.ticket.number}/deletion") if to.has_access else ""
    people = deletion.named(to.ticket)
    return {
        **about,
        "row": row,
        "page": page,
        "url": page,
        "organisation": _organisation_name(to.ticket),
        "requester": _name_of(to.ticket.requester_id),
        "at_work": to.at_work,
        "is_mine": to.person is not None and to.person.id == to.ticket.requester_id,
        # Names stay on the page when mails carry no text (LIFE-3).
        "people": [
            _("%(name)s, no. %(number)s", name=one_line(row.full_name), number=one_line(row.employee_number))
            for row in people
        ]
        if about["carries"]
        else [],
        "due": presenters.when(row.due_at, "long"),
    }


def deletion_confirm(to: Reader) -> dict[str, Any]:
    """To the requester: nothing happens before they confirm, on which page."""
    about = _deletion(to, "announced")
    return {**about, "button": _open_button(_("Read and confirm"), about)}


def deletion_second(to: Reader) -> dict[str, Any]:
    """To those who can be the second person, to the supervisors when there is nobody, to a requester who must wait."""
    about = _deletion(to, "confirmed")
    answer_by = about["row"].answer_by
    calendar = closing.book().default_calendar
    label = _("Read and confirm, or refuse")
    if about["at_work"]:
        label = _("Open the request")
    elif about["is_mine"]:
        label = _("See where it stands")
    return {
        **about,
        "day": _day(calendar.last_day(answer_by), to) if answer_by is not None else "",
        "again": to.event.kind == "deletion:lapsed",
        "lapsed": _name_of(to.event.data.get("person_id")),
        "button": _open_button(label, about),
    }


def deletion_waiting(to: Reader) -> dict[str, Any]:
    """To each of the two people: when it will be done, and the way to cancel until then."""
    about = _deletion(to, "waiting", "ready")
    cancel = f"{about['page']}/cancellation" if about["page"] else ""
    return {**about, "button": {"label": _("Cancel everything"), "url": cancel} if cancel else None}


def deletion_ready(to: Reader) -> dict[str, Any]:
    """To the agent in charge, else the team: the time to change one's mind is over."""
    about = _deletion(to, "ready")
    return {**about, "button": _open_button(_("Check and carry it out"), about)}


def deletion_cancelled(to: Reader) -> dict[str, Any]:
    """To everybody who was concerned: it is cancelled, why, and that nothing is erased."""
    about = _deletion(to, "cancelled")
    row = about["row"]
    note = one_line(row.cancel_note) if about["carries"] else ""
    return {
        **about,
        # The template ends the sentence, whether or not the note did.
        "reason": presenters.deletion_cancel_words(
            row.cancel_reason, note, _name_of(row.cancelled_by_id)
        ).rstrip("."),
        "button": _open_button(_("See where it stands"), about),
    }


def deletion_done(to: Reader) -> dict[str, Any]:
    """The receipt: each person, who confirmed, when it was done, and the fingerprint of the words agreed to."""
    about = _deletion(to, "carried_out")
    row = about["row"]
    return {
        **about,
        "done_at": presenters.when(row.carried_out_at, "long"),
        "confirmed": [
            {
                "line": _(
                    "%(name)s, %(when)s",
                    name=one_line(held.person.full_name),
                    when=presenters.when(held.given_at, "long"),
                ),
                "version": held.wording_version,
                "hash": held.text_hash,
            }
            for held in deletion.confirmations(row)
            if held.void_at is None
        ],
        "button": _open_button(_("Open the receipt"), about),
    }


def request_merged(to: Reader) -> dict[str, Any]:
    """To those who followed a request: it goes on in another one, named to whoever may read it (LIFE-16)."""
    about = _about_ticket(to)
    into = Ticket.get_or_none(Ticket.id == to.event.data.get("into"))
    viewer = policies.load_viewer(to.person.id) if to.person is not None else None
    opens = into is not None and viewer is not None and policies.can_see(viewer, into)
    # An address in copy follows it by mail alone, as it followed the first one.
    follows = into is not None and (
        Participant.select()
        .where(
            (Participant.ticket == into.id)
            & (Participant.email == to.row.recipient)
            & (Participant.role == "cc")
        )
        .exists()
    )
    known = opens or follows
    return {
        **about,
        "into": into.number if known else "",
        "into_summary": one_line(into.summary) if known and about["carries"] else "",
        "old_url": about["url"],
        "button": {
            "label": _("Open %(number)s", number=into.number),
            "url": to.link(f"/tickets/{into.number}"),
        }
        if opens
        else None,
    }


# More numbers than these in one mail are not read: the list of the portal has them all.
NUMBERS_IN_A_MAIL = 20


def request_handed_over(to: Reader) -> dict[str, Any]:
    """To the new requester and the former one: whose the request is from now on (LIFE-18).

    Without a request of its own the mail is about several at once, or about one that its reader no longer sees.
    """
    if to.row.ticket_id is None and "tickets" in to.row.context:
        return _several_handed_over(to)
    event = to.event
    heir, reason = event.data.get("person_id"), str(event.data.get("reason") or "")
    by_me = to.person is not None and event.actor_id == to.person.id
    said: dict[str, Any] = {
        "many": False,
        "by": _name_of(event.actor_id),
        "by_me": by_me,
        "heir": _name_of(heir),
        "former": _name_of(event.data.get("before")),
        "is_mine": to.person is not None and to.person.id == heir,
        "follows": False,
        "reason": one_line(reason) if settings.get("mail_carries_text") else "",
        "requests": [],
        "more": 0,
    }
    if to.row.ticket_id is None:
        number = str(to.row.context.get("number") or "")
        # They no longer see it: its subject stays where it is.
        return {
            **said,
            "number": number,
            "carries": False,
            "summary": "",
            "heading": _("Request %(number)s", number=number),
            "button": None,
        }
    if said["is_mine"] and to.ticket.requester_id != heir:
        # Handed on in the meantime: that has a mail of its own.
        raise Skipped("moved-on")
    about = _about_ticket(to)
    row = deletion.of_ticket(to.ticket)
    if said["is_mine"] and row is not None and row.state == "announced":
        # Theirs to confirm from now on: the mail that asked for it went to somebody else (REQ-4).
        about["url"] = to.link(f"/tickets/{to.ticket.number}/deletion")
        label = _("Read and confirm")
    else:
        label = _("Open the request")
    return {**about, **said, "follows": to._in_copy, "button": _open_button(label, about)}


def _several_handed_over(to: Reader) -> dict[str, Any]:
    keys = [int(key) for key in to.row.context.get("tickets") or ()]
    viewer = policies.load_viewer(to.person.id) if to.person is not None else None
    rows = list(
        policies.visible_tickets(viewer)
        .where(Ticket.id.in_(keys) & (Ticket.requester == (to.person.id if to.person else None)))
        .order_by(Ticket.id)
    )
    if not rows:
        raise Skipped("moved-on")
    carries = bool(settings.get("mail_carries_text"))
    count = len(rows)
    return {
        "many": True,
        "by": _name_of(to.row.context.get("by")),
        "by_me": to.person is not None and to.row.context.get("by") == to.person.id,
        "heir": _name_of(to.person.id if to.person else None),
        "former": _name_of(to.row.context.get("before")),
        "is_mine": True,
        "follows": False,
        "reason": "",
        "carries": carries,
        "number": rows[0].number,
        "summary": one_line(rows[0].summary) if carries else "",
        "heading": ngettext("%(num)s request is yours", "%(num)s requests are yours", count),
        "requests": [
            {
                "line": f"{row.number}, {one_line(row.summary)}" if carries else row.number,
                "url": to.link(f"/tickets/{row.number}"),
            }
            for row in rows[:NUMBERS_IN_A_MAIL]
        ],
        "more": max(count - NUMBERS_IN_A_MAIL, 0),
        "button": {"label": _("See my requests"), "url": to.link("/tickets")},
    }


def how_it_went(to: Reader) -> dict[str, Any]:
    """To the requester, some days after the closing: how it went, by five links to a page with one button (VIEW-17).

    Raises Skipped once it is answered, and for those who chose meanwhile not to be asked.
    """
    about = _about_ticket(to)
    row = Satisfaction.get_or_none(Satisfaction.ticket == to.ticket.id)
    if row is None or row.score is not None:
        raise Skipped("answered-meanwhile")
    if to.person is None or not mail_choices.of_person(to.person).asks_satisfaction:
        raise Skipped(mail_choices.NOT_WANTED)
    page = f"/tickets/{to.ticket.number}/satisfaction"
    return {
        **about,
        "closed": presenters.iso_day(row.closed_on.isoformat()),
        "scale": [
            {"label": words.label, "url": to.link(f"{page}?score={score}")}
            for score, words in reversed(presenters.scores().items())
        ],
        "button": None,
        "takes_answers": False,
    }


def digest(to: Reader) -> dict[str, Any]:
    """To somebody who has their news gathered: for each request what happened, newest last (VIEW-15).

    A piece of news that has no reason to be told any more is left out; `left_out` says which and why. Raises Skipped
    when none is left.
    """
    viewer = policies.load_viewer(to.person.id) if to.person is not None else None
    sections: dict[int, dict[str, Any]] = {}
    left_out: dict[int, str] = {}
    said: dict[int, tuple[str, str, str]] = {}
    for row in digests.members(to.row):
        reader = Reader(row, to.base_url, to.now, offers=False)
        try:
            words = MAILS[row.template](reader)
        except Skipped as skipped:
            left_out[row.id] = str(skipped)
            continue
        section = sections.setdefault(
            row.ticket_id,
            {"number": words["number"], "heading": words["heading"], "url": words["url"], "lines": []},
        )
        # As it is now, from the newest mail that was worded.
        section |= {
            "facts": words["facts"],
            "status": words["status"],
            "closing": _closing(reader),
            "where": words["where"],
        }
        text = (words.get("message") or {}).get("text", "") if words["carries"] else ""
        line = {
            "at": presenters.when(row.created_at, "short"),
            "said": _happened(reader, words, viewer),
            "text": _cut(text, GATHERED_TEXT_CHARACTERS),
        }
        section["lines"].append(line)
        said[row.id] = (line["said"], line["text"], words["url"])
    if not sections:
        raise Skipped(next(iter(left_out.values()), "nothing-left"))
    for section in sections.values():
        section["more"] = max(len(section["lines"]) - GATHERED_LINES, 0)
        section["lines"] = section["lines"][-GATHERED_LINES:]
    return {
        "sections": list(sections.values()),
        "count": sum(len(section["lines"]) + section["more"] for section in sections.values()),
        "requests_count": len(sections),
        "gathered": said,
        "left_out": left_out,
        "button": {
            "label": _("Open the desk") if to.is_staff else _("See my requests"),
            "url": to.link("/desk" if to.is_staff else "/tickets"),
        },
    }


def _happened(to: Reader, words: dict[str, Any], viewer: Any) -> str:
    """One piece of news in a sentence; a mail that carries no text says only which kind it is (LIFE-3)."""
    if not words["carries"] or not to.row.context.get("event_id"):
        return presenters.mail_names()[to.row.template]
    event = to.event
    keys = [event.data.get(key) for key in ("assignee", "before", "person_id")]
    wanted = [key for key in keys if isinstance(key, int)]
    names = {row.id: row for row in Person.select().where(Person.id.in_(wanted))} if wanted else {}
    sentence = presenters.event_sentence(
        event, viewer, names, for_team=to.at_work, request_kind=to.ticket.kind_slug
    )
    return one_line(sentence)


def _cut(text: str, most: int) -> str:
    """The start of a text, cut at a word; an ellipsis says that there is more."""
    if len(text) <= most:
        return text
    head = text[: most - 1]
    return (head.rsplit(None, 1)[0] if len(head.split()) > 1 else head).rstrip() + "…"


def account_password(to: Reader) -> dict[str, Any]:
    """A link to choose another password, its life, and that nothing changes without it (ACC-7)."""
    return _with_link(to)


def account_invitation(to: Reader) -> dict[str, Any]:
    """The first link of an account, by invitation or after registering: user name and password (ACC-1, ACC-4)."""
    return {**_with_link(to), "registered": to.row.context.get("purpose") == "registration"}


def account_exists(to: Reader) -> dict[str, Any]:
    """Somebody registered with an address that has an account: the page said nothing, the mail does (ACC-1)."""
    return {
        "username": one_line(to.person.username) if to.person else "",
        "button": {"label": _("Sign in"), "url": to.link("/login")},
        "forgotten": to.link("/password/forgotten"),
    }


def account_username(to: Reader) -> dict[str, Any]:
    """Somebody asked for a lost user name: this mail alone says it (ACC-4)."""
    return {
        "username": one_line(to.person.username) if to.person else "",
        "button": {"label": _("Sign in"), "url": to.link("/login")},
        "forgotten": to.link("/password/forgotten"),
    }


def contacts_review(to: Reader) -> dict[str, Any]:
    """To the administrators of an organisation, once a year: is the list of contacts still right (ACC-15)?

    Raises Skipped once it is confirmed, and for those who administer it no more.
    """
    row = ContactReview.get_or_none(ContactReview.id == to.row.context.get("review"))
    if row is None or row.confirmed_at is not None:
        raise Skipped("answered-meanwhile")
    if to.person is None or to.person not in policies.administrators(row.organisation_id):
        raise Skipped("no-person")
    people = contacts.of_organisation(row.organisation_id)
    idle = contact_reviews.idle(people, to.row.created_at)
    gone = [one_line(person.full_name) for person in people if person.membership_id in idle]
    return {
        "organisation": one_line(row.organisation.name),
        "again": row.times > 1,
        "approved": sum(person.approved for person in people),
        "idle": gone[:REVIEW_NAMES],
        "more": max(len(gone) - REVIEW_NAMES, 0),
        "days": settings.get("contact_idle_days"),
        "button": {
            "label": _("Look at the list"),
            "url": to.link(f"/organisation/contacts?organisation={row.organisation_id}"),
        },
    }


def partner_link(to: Reader) -> dict[str, Any]:
    """To the administrators of both organisations: one acts for the other, or no longer (ACC-18).

    Raises Skipped for those who administer neither any more.
    """
    row = partners.links().where(PartnerLink.id == to.row.context.get("link")).first()
    if row is None:
        raise Skipped("no-link")
    side, what = to.row.context.get("side"), to.row.context.get("what")
    if to.person is None or to.person not in policies.administrators(
        row.partner_id if side == "partner" else row.client_id
    ):
        raise Skipped("no-person")
    partner, client = one_line(row.partner.name), one_line(row.client.name)
    ended = what == "ended"
    said = presenters.partner_link(row, side)
    return {
        "what": what,
        "partner": partner,
        "client": client,
        "first": presenters.partner_first(what, partner, client),
        "allowed": [] if ended else [one_line(line) for line in said.allowed],
        "days": "" if ended else said.days,
        "note": "" if ended else one_line(row.note),
        "last": presenters.partner_last(what, side, partner, client),
        "button": {"label": _("See the partners and clients"), "url": to.link("/organisation/partners")},
    }


def account_locked(to: Reader) -> dict[str, Any]:
    """To the internal team: an account is locked until one of them unlocks it (ACC-8)."""
    locked = Person.get_or_none(Person.id == to.row.context.get("person_id"))
    if locked is None:
        raise Skipped("no-person")
    return {
        "name": one_line(locked.full_name),
        "address": one_line(locked.email),
        "button": {"label": _("Open the accounts"), "url": to.link("/admin/person/")},
    }


def password_changed(to: Reader) -> dict[str, Any]:
    """The password of the account is another one: when, and what to do if it was not them."""
    return {
        "username": one_line(to.person.username) if to.person else "",
        "when": presenters.when(to.row.created_at, "long"),
        "button": {"label": _("I did not do this"), "url": to.link("/password/forgotten")},
    }


def security_notice(to: Reader) -> dict[str, Any]:
    """Something changed about the second factors of the account (ACC-9)."""
    words = presenters.SECURITY_NOTICES.get(to.row.context.get("what", ""))
    if words is None:
        raise Skipped("nothing-to-say")
    heading, sentence = words()
    left = to.row.context.get("left")
    return {
        "heading": heading,
        "sentence": sentence,
        "left": ngettext("%(num)s recovery code is left.", "%(num)s recovery codes are left.", left)
        if isinstance(left, int)
        else "",
        "username": one_line(to.person.username) if to.person else "",
        "when": presenters.when(to.row.created_at, "long"),
        "button": {"label": _("See the security of my account"), "url": to.link("/account/security")},
    }


def sign_in_code(to: Reader) -> dict[str, Any]:
    """The code for a sign-in from a new browser (ACC-10). It exists in the mail alone; no link signs anybody in.

    Raises Skipped once it no longer works.
    """
    expires_at = datetime.fromisoformat(to.row.context["expires_at"])
    if expires_at <= to.now:
        raise Skipped("code-expired")
    return {
        "code": second_step.code_of(to.row.context["seed"]),
        "device": one_line(presenters.device(to.row.context.get("user_agent", ""))),
        # A link that leads to sign-in beside a code would teach people to follow such links.
        "button": None,
        "when": presenters.when(to.row.created_at, "long"),
        "until": presenters.when(expires_at, "long"),
    }


def text_message(row: TextMessage) -> str:
    """What a text message says, in its reader's language: the code first, no link, at most 160 letters (ACC-10)."""
    with flask_babel.force_locale(row.language):
        if row.kind == "sign-in":
            words = _(
                "%(code)s is your code to sign in to %(portal)s. It works for 10 minutes. Give it to nobody.",
                code=second_step.code_of(row.seed),
                portal=_short_portal(),
            )
        else:
            words = _(
                "%(code)s is the code that confirms your number at %(portal)s. It works for 10 minutes.",
                code=mobiles.code_of(row.seed),
                portal=_short_portal(),
            )
    return texts.plain(words)


def trial_text(language: str) -> str:
    """What the operator's trial says."""
    with flask_babel.force_locale(language):
        return texts.plain(_("Text messages of %(portal)s arrive on this telephone.", portal=_short_portal()))


def _short_portal() -> str:
    return f"Guichet {settings.get('portal_name')}".strip()[:40]


def address_confirm(to: Reader) -> dict[str, Any]:
    """To a new address: the link that confirms it (ACC-19). Raises Skipped once the change no longer waits."""
    if not addresses.is_waiting(to.row.context.get("change_id"), to.now):
        raise Skipped("link-expired")
    return {
        "until": presenters.when(datetime.fromisoformat(to.row.context["expires_at"]), "long"),
        "button": {
            "label": _("Confirm this address"),
            "url": to.link("/account/address/confirm/" + accounts.link_token(to.row.context["seed"])),
        },
    }


def address_taken(to: Reader) -> dict[str, Any]:
    """To an address that has an account and was asked for another one: nothing changes (ACC-19)."""
    return {"button": None}


def address_asked(to: Reader) -> dict[str, Any]:
    """To the present address, at once: another one was asked for, and how to stop it (ACC-19)."""
    return {
        "address": one_line(to.row.context.get("address", "")),
        "when": presenters.when(to.row.created_at, "long"),
        "button": {"label": _("See or cancel this change"), "url": to.link("/account/address")},
    }


def address_changed(to: Reader) -> dict[str, Any]:
    """To the address of before: it is no longer the one of the account, and how to react (ACC-19)."""
    return {
        "address": one_line(to.row.context.get("address", "")),
        "when": presenters.when(to.row.created_at, "long"),
        "button": {"label": _("How to reach us"), "url": to.link("/help")},
    }


def registration_waiting(to: Reader) -> dict[str, Any]:
    """To those who attach people: somebody registered and waits for an organisation (ACC-2)."""
    person = Person.get_or_none(Person.id == to.row.context.get("person_id"))
    if person is None:
        raise Skipped("no-person")
    return {
        "name": one_line(person.full_name),
        "address": one_line(person.email),
        "claimed": one_line(person.claimed_organisation),
        "button": {"label": _("See who waits"), "url": to.link("/admin/person/")},
    }


def idea_state(to: Reader) -> dict[str, Any]:
    """To those who follow an idea: its new state, and the public sentence (VIEW-10).

    Raises Skipped when it has moved on, is hidden or merged, or when its reader follows it no more.
    """
    row = (
        IdeaMove.select(IdeaMove, Idea).join(Idea).where(IdeaMove.id == to.row.context.get("move_id")).first()
    )
    if row is None or row.idea.hidden_at is not None or row.idea.merged_into_id is not None:
        raise Skipped("no-idea")
    if row.idea.state != row.after:
        # The newer state has a mail of its own.
        raise Skipped("moved-on")
    follows = (IdeaFollow.idea == row.idea_id) & (IdeaFollow.person == to.row.person_id)
    if not IdeaFollow.select().where(follows).exists():
        raise Skipped("no-follower")
    state = presenters.idea_states()[row.after]
    return {
        "title": one_line(row.idea.title),
        "state": state.label,
        "tone": state.tone,
        "sentence": one_line(presenters.localized(row, "sentence")),
        "button": {"label": _("Open the idea"), "url": to.link(f"/ideas/{row.idea_id}")},
    }


def assistant_question(to: Reader) -> dict[str, Any]:
    """To customer success: a question that is not technical; an answer goes to whoever asked (VIEW-8)."""
    row = (
        AssistantQuestion.select(AssistantQuestion, Person)
        .join(Person)
        .where(AssistantQuestion.id == to.row.context.get("question_id"))
        .first()
    )
    if row is None:
        raise Skipped("no-question")
    viewer = policies.load_viewer(row.person_id)
    return {
        "name": one_line(row.person.full_name),
        "address": one_line(row.person.email),
        "organisation": one_line(viewer.organisation_name) if viewer else "",
        "subject_words": presenters.assistant_subjects()[row.subject],
        "text": body_text(row.message),
        "html": body_html(row.message),
        "page": row.page,
        "button": None,
        "reply_to": row.person.email,
    }


def _with_link(to: Reader) -> dict[str, Any]:
    """A single-use link to choose a password. The outbox keeps its seed only: the link exists in the mail alone.

    Raises Skipped once it no longer works: a mail with a dead link would only send somebody round in circles.
    """
    expires_at = datetime.fromisoformat(to.row.context["expires_at"])
    if expires_at <= to.now:
        raise Skipped("link-expired")
    return {
        "username": one_line(to.person.username) if to.person else "",
        "until": presenters.when(expires_at, "long"),
        "button": {
            "label": _("Choose a password"),
            "url": to.link("/password/" + accounts.link_token(to.row.context["seed"])),
        },
    }


# Every mail of the portal. A folder of templates/mail/ goes with each.
MAILS: dict[str, Callable[[Reader], dict[str, Any]]] = {
    "account-password": account_password,
    "account-invitation": account_invitation,
    "account-exists": account_exists,
    "account-username": account_username,
    "account-locked": account_locked,
    "contacts-review": contacts_review,
    "partner-link": partner_link,
    "password-changed": password_changed,
    "security-notice": security_notice,
    "sign-in-code": sign_in_code,
    "address-confirm": address_confirm,
    "address-taken": address_taken,
    "address-asked": address_asked,
    "address-changed": address_changed,
    "registration-waiting": registration_waiting,
    "request-received": request_received,
    "reply": reply,
    "status-changed": status_changed,
    "blocked": blocked,
    "reminder": reminder,
    "kept-open": kept_open,
    "closed": closed,
    "reopened": reopened,
    "cc-added": cc_added,
    "priority-lowered": priority_lowered,
    "priority-contested": priority_contested,
    "priority-decided": priority_decided,
    "reply-refused": reply_refused,
    "redacted": redacted,
    "consent-withdrawn": consent_withdrawn,
    "request-merged": request_merged,
    "request-handed-over": request_handed_over,
    "idea-state": idea_state,
    "assistant-question": assistant_question,
    "satisfaction": how_it_went,
    "digest": digest,
    "team-new": team_new,
    "team-reply": team_reply,
    "team-assigned": team_assigned,
    "team-tested": team_tested,
    "deletion-confirm": deletion_confirm,
    "deletion-second": deletion_second,
    "deletion-waiting": deletion_waiting,
    "deletion-ready": deletion_ready,
    "deletion-cancelled": deletion_cancelled,
    "deletion-done": deletion_done,
}


# ---- From a row of the outbox to a mail --------------------------------------------------------------


@lru_cache(maxsize=1)
def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(enabled_extensions=("html",), default=False),
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.install_gettext_callables(  # type: ignore[attr-defined]
        gettext, ngettext, newstyle=True
    )
    return environment


def render(row: OutboxMessage, base_url: str, now: datetime) -> Mail:
    """Word one mail for its reader, inside an application context (LIFE-3, VIEW-15).

    Arguments: row, of the outbox; base_url, the public address of the portal: every link begins with it, whatever
    a request said of its host; now, aware UTC, the Date of the mail.
    Returns the mail. Raises Skipped when it has no reason to leave any more, KeyError for an unknown template.
    """
    if row.template == "digest":
        gathered = digests.members(row)
        if len(gathered) == 1:
            # News that came alone is the mail that it would have been, in the thread of its request.
            return render(gathered[0], base_url, now)
    reader = Reader(row, base_url, now)
    host = urlsplit(base_url).hostname or "localhost"
    with _speaking_to(reader):
        brand = _("%(name)s support", name=one_line(str(settings.get("portal_name"))))
        leave = _unsubscribe_link(reader)
        words = {
            "brand": brand,
            "lang": reader.language,
            "greeting": _("Hello %(name)s,", name=reader.first_name) if reader.first_name else _("Hello,"),
            "why": reader.why,
            "about_request": row.ticket_id is not None,
            "help_url": reader.link("/help"),
            "phone": one_line(_phone_of(row)),
            "choices_url": reader.link("/account/notifications") if reader.person is not None else "",
            "unsubscribe_url": leave,
            **MAILS[row.template](reader),
        }
        subject = shortened(_part(row.template, "subject.txt", words))
        words["subject"] = subject
        # The text opens with what stands at the head of the page, in the same words; the page shows the text's first.
        words["preview"] = _PREVIEW_PLACE
        html = _part(row.template, "body.html", words)
        words["head"] = _head(html) if row.ticket_id is not None else []
        text = re.sub(r"\n{3,}", "\n\n", _part(row.template, "body.txt", words)).strip() + "\n"
        html = html.replace(_PREVIEW_PLACE, escape(_preview(text, words["greeting"]), quote=False), 1)
        copies = _copies(row, subject, text, words)
    sender = settings.get("mail_from") or f"support@{_mail_host(host)}"
    headers = {
        # A question to customer success is answered to whoever asked it.
        "Reply-To": _wire_address(str(words.get("reply_to") or sender)),
        "Date": format_datetime(now),
        "Message-ID": f"<{row.message_id}@{host}>",
        "Auto-Submitted": "auto-generated",
        "X-Guichet-Mail": row.template,
    }
    if row.ticket_id is not None:
        root = f"<{thread_root(row)}@{host}>"
        headers |= {"X-Guichet-Ticket": reader.ticket.number, "In-Reply-To": root, "References": root}
    if leave:
        # A mail program offers it as a button of its own, and needs nothing but a POST (RFC 8058).
        headers |= {"List-Unsubscribe": f"<{leave}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    return Mail(
        template=row.template,
        recipient=row.recipient,
        recipient_name=reader.person.full_name if reader.person and reader.person.email_verified_at else "",
        sender=sender,
        sender_name=brand,
        subject=subject,
        text=text,
        html=html,
        headers=headers,
        copies=copies,
        left_out=words.get("left_out", {}),
    )


def _phone_of(row: OutboxMessage) -> str:
    """The number of the reader's region; that of the settings as long as no line is in use."""
    line = telephone.line_of_person(row.person_id)
    return line.phone if line is not None else str(settings.get("help_phone") or "")


def _unsubscribe_link(to: Reader) -> str:
    """The link that takes the reader out of this kind of mails; empty for what always goes."""
    if to.person is None:
        # An address in copy without account chooses nothing: it leaves the request.
        copy, grouped = to._participant, mail_choices.group_of(to.row.template)
        if copy is None or copy.role != "cc" or not grouped:
            return ""
        return to.link(f"/unsubscribe/{mail_choices.copy_token(copy)}")
    if to.row.template == "digest":
        group = mail_choices.GATHERED
    elif to.row.ticket_id is None:
        return ""
    else:
        target = to.event.data.get("to") if to.row.context.get("event_id") else None
        group = mail_choices.group_of(to.row.template, target)
    return to.link(f"/unsubscribe/{mail_choices.unsubscribe_token(to.person.id, group)}") if group else ""


# Stands in the page until the text is made.
_PREVIEW_PLACE = "[preview]"
_BADGE_AND_HEADING = re.compile(
    r'(?:<p class="e-(?:new|ours|yours|away|stuck|done|over)"[^>]*>(?P<badge>[^<]*)</p>\s*)?'
    r'<h1[^>]*>(?P<heading>[^<]*)</h1>\s*(?:<p class="e-ink2"[^>]*>(?P<facts>[^<]*)</p>)?'
)


def _head(html: str) -> list[str]:
    """What stands over the greeting: heading, facts, state of the request; each a line of the plain text."""
    found = _BADGE_AND_HEADING.search(html)
    lines = (found[name] for name in ("heading", "facts", "badge")) if found is not None else ()
    return [one_line(unescape(line)) for line in lines if line and line.strip()]


def _preview(text: str, greeting: str) -> str:
    """What a mail program shows beside the subject: the first words after the greeting, without addresses."""
    said = text.partition(greeting)[2].split("\n\n-- \n", 1)[0].splitlines()
    words = " ".join(line.strip() for line in said if line.strip() and "://" not in line)
    return one_line(_cut(words, PREVIEW_MAX_CHARACTERS))


def _copies(row: OutboxMessage, subject: str, text: str, words: dict[str, Any]) -> dict[int, tuple[str, str]]:
    """What is kept of a mail about a request; of a gathered one, to each request its own part."""
    if row.template == "digest":
        return {
            key: (subject, "\n\n".join(part for part in parts if part) + "\n")
            for key, parts in words["gathered"].items()
        }
    if row.ticket_id is None:
        return {}
    return {row.id: (subject, _ACTING_LINK.sub(_("[link in the mail only]"), text))}


def rule_example(row: ClosingRule, language: str, day: date, organisation: str) -> list[dict[str, Any]]:
    """What the mails of a closing rule say, before it is saved (LIFE-12), inside an application context.

    Arguments: row, as typed; language, fr or en; day, that it would name; organisation, that it would name.
    Returns, for each mail: `kind`, of rule_texts.TEXTS, `subject` and `text` of its own part, by its own templates.
    """
    found = []
    with flask_babel.force_locale(language):
        said = presenters.long_day(day, year=True)
        about: dict[str, Any] = {
            "number": "SUP-2041",
            "carries": True,
            "summary": _("Payslips of November do not print"),
            "heading": _("Payslips of November do not print"),
            "status": {"key": row.status, "label": "", "tone": ""},
        }
        final = presenters.statuses()[row.final_status]
        moved = {"label": final.label, "turn": final.turn}
        now = presenters.statuses()[row.status]
        mails = {
            "reminder_text": (
                "reminder",
                {**_reminder_words(row.status, about["number"], said), "is_last": True},
            ),
            "closing_text": (
                "closed" if row.final_status == "closed" else "status-changed",
                {
                    "works": False, "reason": "silence", "was_solved": row.status == "resolved", "by": "",
                    "now": moved, "was": {"label": now.label}, "at_work": False, "reference": "",
                    "more": presenters.test_words(row.final_status, "", by_itself=True),
                },
            ),
        }  # fmt: skip
        for kind, (template, more) in mails.items():
            text = rule_texts.text_of(row, kind, language)
            words = {
                **about,
                **more,
                "own": own_words(text, said, about, organisation) if text else [],
                "own_day": rule_texts.names_day(text),
            }
            page = _templates().get_template(f"mail/{template}/body.txt")
            body = "".join(page.blocks["content"](page.new_context(words)))
            found.append(
                {
                    "kind": kind,
                    "subject": shortened(_part(template, "subject.txt", words)),
                    "text": re.sub(r"\n{3,}", "\n\n", body).strip(),
                    "own": bool(text),
                }
            )
    return found


def thread_root(row: OutboxMessage) -> str:
    """The name of the thread that the mails about one request make in one mailbox: always the same, never sent."""
    return f"guichet.{sha256(f'{row.ticket_id}:{row.recipient}'.encode()).hexdigest()[:24]}"


def shortened(subject: str) -> str:
    """A subject of one line and at most SUBJECT_MAX_CHARACTERS, cut at a word."""
    subject = one_line(subject)
    if len(subject) <= SUBJECT_MAX_CHARACTERS:
        return subject
    cut = subject[: SUBJECT_MAX_CHARACTERS - 1]
    head, space, _tail = cut.rpartition(" ")
    return (head if space and len(head) > SUBJECT_MAX_CHARACTERS // 2 else cut).rstrip() + "…"


def _part(template: str, name: str, words: dict[str, Any]) -> str:
    return _templates().get_template(f"mail/{template}/{name}").render(words)


def _mail_host(host: str) -> str:
    """A host that can stand after @: an address in figures is only met on a machine that tries the portal out."""
    return "localhost" if re.fullmatch(r"[\d.]+|.*:.*", host) else host
