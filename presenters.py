"""The only place where stored keys become words: labels, dates, sentences of the history, refusals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import nh3
from babel.dates import format_date, format_time
from flask_babel import get_locale, get_timezone
from flask_babel import gettext as _
from flask_babel import ngettext
from markdown_it import MarkdownIt
from markupsafe import Markup

from domain import closing
from domain.closing_rules import WORKING_DAYS, Explanation
from domain.refusals import Refusal
from models import Ticket

NNBSP = "\u202f"


def language() -> str:
    """The language of the page or mail being made: fr or en."""
    locale = get_locale()
    return locale.language if locale is not None and locale.language in ("fr", "en") else "fr"


def localized(row: Any, name: str, lang: str | None = None) -> str:
    """The words of a row in the reader's language, the other language when they are missing.

    Arguments: row, an object or mapping with name_fr and name_en; name, such as "name" or "definition".
    """
    first = lang or language()
    for code in (first, "fr", "en"):
        text = row.get(f"{name}_{code}") if isinstance(row, Mapping) else getattr(row, f"{name}_{code}", "")
        if text:
            return str(text)
    return ""


# ---- Dates -------------------------------------------------------------------------------------------


def _zone() -> Any:
    return get_timezone() or ZoneInfo("Europe/Paris")


def _time_fr(moment: datetime) -> str:
    return f"{moment.hour}\u00a0h\u00a0{moment.minute:02d}" if moment.minute else f"{moment.hour}\u00a0h"


def _day_fr(day: date) -> str:
    """"1er novembre", then "2 novembre": French writes the first of the month as an ordinal."""
    return "1er" if day.day == 1 else str(day.day)


def long_day(day: date, *, year: bool = False) -> str:
    """A date in full, with its weekday: "jeudi 19 novembre", "Thursday 19 November"."""
    lang = language()
    if lang == "fr":
        text = f"{format_date(day, 'EEEE', 'fr')} {_day_fr(day)} {format_date(day, 'MMMM', 'fr')}"
    else:
        text = format_date(day, "EEEE d MMMM", "en_GB")
    return f"{text} {day.year}" if year else text


def when(moment: datetime | None, style: str = "short") -> str:
    """An instant in the reader's zone and language.

    Arguments: moment, aware; style: "short" (mer. 4 nov., 9 h 14), "day" (4 novembre 2026), "long"
    (mercredi 4 novembre 2026 à 9 h 14), "list" (4 nov., or the time when it is today's), "iso" for machines.
    Returns an empty text for None.
    """
    if moment is None:
        return ""
    if style == "iso":
        return moment.isoformat()
    local = moment.astimezone(_zone())
    lang = language()
    if lang == "fr":
        hour = _time_fr(local)
        short_day = f"{format_date(local, 'EEE', 'fr')} {_day_fr(local)} {format_date(local, 'MMM', 'fr')}"
        full_day = f"{_day_fr(local)} {format_date(local, 'MMMM y', 'fr')}"
        joined = f"{long_day(local.date(), year=True)} à {hour}"
    else:
        hour = format_time(local, "HH:mm", locale="en_GB")
        short_day = format_date(local, "EEE d MMM", "en_GB")
        full_day = format_date(local, "d MMMM y", "en_GB")
        joined = f"{long_day(local.date(), year=True)} at {hour}"
    if style == "day":
        return full_day
    if style == "long":
        return joined
    if style == "list":
        return format_date(local, "d MMM y", "fr" if lang == "fr" else "en_GB")
    return f"{short_day}, {hour}"


@lru_cache(maxsize=4096)
def _list_day(day: date, lang: str) -> str:
    return format_date(day, "d MMM y", "fr" if lang == "fr" else "en_GB")


def list_day(moment: datetime, zone: Any, lang: str) -> str:
    """A short date for rows of lists: the same few days come back on every page, so they are remembered."""
    return _list_day(moment.astimezone(zone).date(), lang)


# ---- Markdown ----------------------------------------------------------------------------------------

_markdown = MarkdownIt("js-default", {"html": False, "linkify": False, "breaks": True})
_TAGS = {
    "p", "br", "strong", "em", "ul", "ol", "li", "a", "code", "pre", "blockquote", "h3", "h4", "h5", "hr",
    "table", "thead", "tbody", "tr", "th", "td", "s",
}  # fmt: skip
_markdown.disable("image")


@lru_cache(maxsize=2048)
def markdown(text: str) -> Markup:
    """Markdown as typed by a person, as safe HTML: no raw HTML, links only to http, https and mailto.

    Rendered by one library and sanitised by another, so that neither stands alone. Headings start at h3.
    """
    html = _markdown.render(text)
    for level in (3, 2, 1):
        html = html.replace(f"<h{level}>", f"<h{level + 2}>").replace(f"</h{level}>", f"</h{level + 2}>")
    html = html.replace("<h6>", "<h5>").replace("</h6>", "</h5>")
    return Markup(  # noqa: S704  (sanitised on this very line)
        nh3.clean(
            html,
            tags=_TAGS,
            attributes={"a": {"href"}, "ol": {"start"}},
            url_schemes={"http", "https", "mailto"},
            link_rel="noopener noreferrer nofollow",
        )
    )


# ---- Closing -----------------------------------------------------------------------------------------


def days_counted(count: int, unit: str) -> str:
    """ "7 working days", "20 days"."""
    if unit == WORKING_DAYS:
        return ngettext("%(num)s working day", "%(num)s working days", count)
    return ngettext("%(num)s day", "%(num)s days", count)


def closing_reason(explanation: Explanation, calendar: Any) -> str:
    """Why a request closes on its date, in words: "7 working days after Friday 6 November; 11 November is a holiday"."""
    start = long_day(explanation.from_day)
    count = days_counted(explanation.count, explanation.unit)
    if explanation.after_reminder:
        text = _("%(days)s after our reminder of %(day)s.", days=count, day=start)
    else:
        text = _("%(days)s after %(day)s.", days=count, day=start)
    skipped = []
    for day in explanation.skipped:
        name = calendar.holiday_name(day.day, language()) if day.reason == "holiday" else None
        skipped.append(f"{long_day(day.day)} ({name or _('we are closed')})")
    if skipped:
        text += " " + ngettext(
            "This day does not count: %(days)s.", "These days do not count: %(days)s.", len(skipped), days=", ".join(skipped)
        )
    return text


def closing_sentence(ticket: Ticket, now: datetime | None = None) -> dict[str, str] | None:
    """What a page says of a closing that is to come: {"day": ..., "why": ..., "final": status}; None without one."""
    explanation = closing.explain(ticket, now)
    if explanation is None:
        return None
    book = closing.book()
    calendar = book.calendar(book.pick(ticket))
    return {
        "day": long_day(explanation.last_day),
        "day_year": long_day(explanation.last_day, year=True),
        "why": closing_reason(explanation, calendar),
        "final": explanation.final_status,
    }


# ---- Refusals ----------------------------------------------------------------------------------------

# One sentence for each code: what to do, not what is wrong with the person.
REFUSALS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "missing": lambda d: _("There is nothing at this address, or it is not shared with you."),
    "changed-meanwhile": lambda d: _(
        "Somebody changed this request while you were reading it. Look at what is new, then try again: your text is kept."
    ),
    "taken-meanwhile": lambda d: _("A colleague has just taken this request."),
    "move-refused": lambda d: _("This request cannot move there from its present status."),
    "move-not-yours": lambda d: _("You can read this request, but not move it."),
    "reply-not-yours": lambda d: _("You can read this request, but not write on it."),
    "note-not-yours": lambda d: _("Only the support team writes internal notes."),
    "cc-not-yours": lambda d: _("You can read this request, but not change who is in copy."),
    "collaborate-not-yours": lambda d: _("You cannot join this request."),
    "ticket-closed": lambda d: _("This request is closed and takes no more answers. A follow-up can pick it up."),
    "status-unknown": lambda d: _("Choose one of the statuses of the list."),
    "assignee-unknown": lambda d: _("Choose one of the agents of the list."),
    "team-unknown": lambda d: _("Choose one of the teams of the list."),
    "priority-unknown": lambda d: _("Choose one of the levels of the list."),
    "reason-needed": lambda d: _("Say why: the customer will read it."),
    "body-empty": lambda d: _("Write your message before sending it."),
    "body-too-long": lambda d: _(
        "This message is longer than %(limit)s characters. Put the rest in a file.", limit=d.get("limit", "")
    ),
    "address-bad": lambda d: _("%(address)s is not an e-mail address.", address=d.get("address", "")),
    "cc-outside": lambda d: _(
        "%(address)s is not in your organisation. Ask us to put somebody from outside in copy.",
        address=d.get("address", ""),
    ),
    "not-approved": lambda d: _("Only the approved contacts of your organisation open requests."),
    "not-in-name-of": lambda d: _("You cannot open a request in the name of this person."),
    "reader-unknown": lambda d: _("Choose people of your organisation."),
    "consent-needed": lambda d: _("Give your agreement, so that we may read these data."),
    "key-reused": lambda d: _("This form was sent already. Open a new one to send something else."),
    "too-many-requests": lambda d: _("Many requests came from you within a minute. Wait a moment, then send this one again."),
    "follow-up-too-early": lambda d: _("This request still takes answers: write on its page."),
    "setting-unknown-choice": lambda d: _("Choose one of the values of the list."),
    "setting-whole-number": lambda d: _("Give a whole number."),
    "setting-out-of-range": lambda d: _(
        "Give a number from %(least)s to %(most)s.", least=d.get("least", ""), most=d.get("most", "")
    ),
    "setting-text": lambda d: _("Give a text of at most 300 characters."),
    "disk-full": lambda d: _("There is no room left for files at the moment. Your text is kept: try again later."),
    "files-away": lambda d: _("Files cannot be kept at the moment. Your text is kept: try again later."),
    "file-kind": lambda d: _(
        "“%(name)s” is of a kind that we do not take. These are taken: %(kinds)s.",
        name=d.get("name", ""),
        kinds=", ".join(d.get("kinds", ())),
    ),
    "file-too-big": lambda d: _(
        "“%(name)s” is larger than %(limit)s MB. Compress it, or share it in parts.",
        name=d.get("name", ""),
        limit=d.get("limit", ""),
    ),
    "file-empty": lambda d: _("“%(name)s” is empty. Check the file and choose it again.", name=d.get("name", "")),
    "file-content": lambda d: _(
        "“%(name)s” does not hold what its ending says. Save it again from its program, then choose it again.",
        name=d.get("name", ""),
    ),
    "file-pixels": lambda d: _(
        "“%(name)s” has too many pixels to be shown. Make it smaller, then choose it again.", name=d.get("name", "")
    ),
    "file-missing": lambda d: _("This file is no longer there. Choose it again."),
    "too-many-files": lambda d: _("Keep %(limit)s files at most.", limit=d.get("limit", "")),
    "uploads-waiting": lambda d: _(
        "You have %(limit)s files that were not sent yet. Send or remove some first.", limit=d.get("limit", "")
    ),
    "licence-over": lambda d: _("This licence request is over: it can no longer be changed."),
    "licence-not-yours": lambda d: _("Only the support team changes licence requests."),
    "quantity-bad": lambda d: _("Give a whole number from 1 to %(most)s.", most=d.get("most", "")),
    "preset-unknown": lambda d: _(
        "There is no preset called %(name)s. There are: %(names)s.",
        name=d.get("name", ""),
        names=", ".join(d.get("names", ())),
    ),
    "preset-malformed": lambda d: _(
        "This preset cannot be applied. %(where)s: %(why)s.", where=d.get("where", ""), why=d.get("why", "")
    ),
    "no-team": lambda d: _("No team is active: an admin must switch one on."),
    "form-unknown": lambda d: _("There is no such form."),
    "not-empty": lambda d: _("The portal already has people or requests: the demo world was not added."),
}


def refusal(fault: Refusal) -> str:
    """The sentence for a refusal, in the reader's language; a general one for a code without its own."""
    words = REFUSALS.get(fault.code)
    return words(fault.data) if words else _("This cannot be done now.")


# ---- Request forms -----------------------------------------------------------------------------------


def quoted_example(text: str) -> str:
    """An example as it stands under a name, empty when there is none."""
    return _("Example: “%(text)s”", text=text) if text else ""


def definition_words(row: Any) -> str:
    """The definition of a kind or a level, and its example (REQ-7, REQ-8)."""
    return " ".join(filter(None, (localized(row, "definition"), quoted_example(localized(row, "example")))))


def working_time(minutes: int, day_minutes: int) -> str:
    """A target in the team's working hours: "30 min", "4 h", "5 days".

    Arguments: minutes; day_minutes, the length of a working day.
    """
    if minutes >= day_minutes and minutes % day_minutes == 0:
        return ngettext("%(num)s day", "%(num)s days", minutes // day_minutes)
    if minutes >= 60 and minutes % 60 == 0:
        return _("%(hours)s h", hours=minutes // 60)
    if minutes > 60:
        return _("%(hours)s h %(minutes)s min", hours=minutes // 60, minutes=minutes % 60)
    return _("%(minutes)s min", minutes=minutes)


def level_words(level: Any, day_minutes: int) -> dict[str, Any]:
    """What stands under a level of a scale: definition, example and targets (REQ-7)."""
    targets = []
    if level.response_minutes:
        targets.append(_("Answer in %(time)s", time=working_time(level.response_minutes, day_minutes)))
    if level.resolution_minutes:
        targets.append(_("Solved in %(time)s", time=working_time(level.resolution_minutes, day_minutes)))
    return {"hint": definition_words(level), "end": targets}


# ---- Requests in lists and on their page -------------------------------------------------------------


class StatusWords:
    """A status as templates show it: label for this reader, icon, tone, whose turn it is."""

    __slots__ = ("icon", "key", "label", "tone", "turn")

    def __init__(self, key: str, label: str, icon: str, tone: str, turn: str) -> None:
        self.key, self.label, self.icon, self.tone, self.turn = key, label, icon, tone, turn


def statuses(for_team: bool = False, lang: str | None = None) -> dict[str, StatusWords]:
    """The words of every status in the reader's language, by status; the team has words of its own."""
    from domain import catalogue, lifecycle

    lang = lang or language()
    labels = catalogue.labels()
    made = _status_words.get((lang, for_team))
    if made is None or made[0] is not labels:
        made = (
            labels,
            {
                key: StatusWords(
                    key,
                    localized(row, "team" if for_team else "customer", lang),
                    row.icon,
                    lifecycle.STATUSES[key].tone,
                    localized(row, "turn", lang),
                )
                for key, row in labels.items()
            },
        )
        _status_words[(lang, for_team)] = made
    return made[1]


# Made once for each reading of the rows: they stand on every line of every list.
_status_words: dict[tuple[str, bool], tuple[Any, dict[str, StatusWords]]] = {}


def turn_words(status: str, last_day: date | None, turn: str) -> str:
    """Whose turn it is in a list, in few words, with the date when something happens by itself."""
    if last_day is not None:
        day = long_day(last_day)
        if status == "waiting_customer":
            return _("Yours, before the end of %(day)s", day=day)
        if status == "customer_testing":
            return _("Yours: try it before the end of %(day)s", day=day)
        if status == "resolved":
            return _("Yours to confirm; closes by itself on %(day)s", day=day)
    return turn


CLOSE_REASONS: dict[str, Callable[[], str]] = {
    "silence": lambda: _("It closed by itself: nobody wrote within the time that was announced."),
    "customer": lambda: _("You or a colleague closed it."),
    "staff": lambda: _("Our team closed it."),
}


def close_reason(ticket: Ticket) -> str:
    """Why a closed request is closed."""
    words = CLOSE_REASONS.get(ticket.close_reason)
    return words() if words else _("It is closed.")


EVENT_ICONS: dict[str, str] = {
    "ticket:created": "inbox",
    "ticket:routed": "arrow-left-right",
    "ticket:replied": "reply",
    "ticket:noted": "lock",
    "ticket:assigned": "person-check",
    "ticket:moved": "arrow-right",
    "ticket:resolved": "check-circle",
    "ticket:reopened": "arrow-repeat",
    "ticket:closed": "archive",
    "ticket:reminded": "bell",
    "ticket:expired": "calendar-x",
    "ticket:cc_added": "person-plus",
    "ticket:cc_removed": "person-dash",
    "ticket:collaborator_added": "people",
    "ticket:priority_changed": "flag",
    "ticket:priority_lowered": "flag",
    "ticket:audience_changed": "eye",
    "ticket:shared": "share",
    "ticket:follow_up_created": "arrow-return-right",
    "ticket:licence_changed": "key",
    "ticket:reply_refused": "slash-circle",
}

# Those that stand between the messages of the thread; the others are in the folded history.
EVENTS_IN_THREAD = frozenset(
    {
        "ticket:created",
        "ticket:assigned",
        "ticket:moved",
        "ticket:resolved",
        "ticket:reopened",
        "ticket:closed",
        "ticket:reminded",
        "ticket:expired",
        "ticket:priority_lowered",
        "ticket:follow_up_created",
        "ticket:reply_refused",
    }
)


def event_sentence(event: Any, viewer: Any, names: Mapping[int, Any], for_team: bool = False) -> str:
    """One line of the history in the reader's words.

    Arguments: event, a TicketEvent with its actor; viewer, who reads; names, the other people it speaks of;
    for_team, whether statuses are said in the team's words.
    """
    data = event.data
    who = _("The portal") if event.actor_id is None else (event.actor.full_name if event.actor else _("Somebody"))
    you = viewer is not None and event.actor_id == viewer.id
    words = statuses(for_team)

    def label(key: str) -> str:
        status = words.get(str(data.get(key) or ""))
        return status.label if status else ""

    def name(key: str) -> str:
        person = names.get(data.get(key))
        return person.full_name if person else _("somebody")

    def either(mine: str, theirs: str) -> str:
        return mine if you else theirs

    kind = event.kind
    if kind == "ticket:created":
        return either(_("You opened this request"), _("%(who)s opened this request", who=who))
    if kind == "ticket:routed":
        return _("%(who)s gave it to another team", who=who)
    if kind == "ticket:replied":
        said = either(_("You answered"), _("%(who)s answered", who=who))
        if data.get("from") != data.get("to") and data.get("to"):
            return _("%(said)s; now: %(status)s", said=said, status=label("to"))
        return said
    if kind == "ticket:noted":
        return either(_("You wrote an internal note"), _("%(who)s wrote an internal note", who=who))
    if kind == "ticket:assigned":
        if data.get("assignee") is None:
            return _("%(who)s gave it back to the team", who=who)
        if data.get("assignee") == event.actor_id:
            return either(_("You took this request"), _("%(who)s took this request", who=who))
        return _("%(who)s gave it to %(name)s", who=who, name=name("assignee"))
    if kind == "ticket:resolved":
        return either(_("You provided a solution"), _("Solution provided by %(who)s", who=who))
    if kind == "ticket:reopened":
        return either(_("You reopened this request"), _("Reopened by %(who)s", who=who))
    if kind == "ticket:closed":
        if data.get("reason") == "silence":
            return _("Closed by itself, as announced")
        return either(_("You closed this request"), _("Closed by %(who)s", who=who))
    if kind == "ticket:reminded":
        return _("Reminder %(number)s of %(of)s sent: an answer is awaited", number=data.get("number"), of=data.get("of"))
    if kind == "ticket:expired":
        return _("Expired: the change was undone")
    if kind == "ticket:cc_added":
        return _("%(who)s put %(email)s in copy", who=who, email=data.get("email", ""))
    if kind == "ticket:cc_removed":
        return _("%(who)s took %(email)s out of copy", who=who, email=data.get("email", ""))
    if kind == "ticket:collaborator_added":
        return either(_("You joined this request"), _("%(who)s joined this request", who=who))
    if kind == "ticket:priority_lowered":
        return _("%(who)s retained a lower priority: %(reason)s", who=who, reason=data.get("reason", ""))
    if kind == "ticket:priority_changed":
        return _("%(who)s changed the priority retained", who=who)
    if kind == "ticket:follow_up_created":
        return _("%(who)s opened the follow-up %(number)s", who=who, number=data.get("number", ""))
    if kind == "ticket:reply_refused":
        return _("An answer came after the closing and was not taken")
    if kind == "ticket:licence_changed":
        return _("The licence request moved on")
    if kind in ("ticket:audience_changed", "ticket:shared"):
        return _("%(who)s changed who can read it", who=who)
    return _("%(who)s: %(origin)s, then %(target)s", who=who, origin=label("from"), target=label("to"))


def priority_words(ticket: Any, levels: list[Any]) -> dict[str, str]:
    """The priority asked and the one retained, in words: {"asked": ..., "kept": ...}; empty without a scale (REQ-17)."""
    by_value = {level.value: level for level in levels}

    def words(value: str | None) -> str:
        level = by_value.get(value or "")
        if level is None:
            return ""
        name = localized(level, "name")
        return f"{value} · {name}" if value and value.isdigit() else name

    return {"asked": words(ticket.priority_asked), "kept": words(ticket.priority)}


def scale_label(scale_slug: str | None) -> str:
    """The word before a priority: severity, criticality or priority."""
    return {"severity": _("Severity"), "criticality": _("Criticality")}.get(scale_slug or "", _("Priority"))


def file_size(size: int) -> str:
    """A size in the units people read: "412 KB", "6.1 MB"."""
    lang = language()
    units = ("o", "Ko", "Mo", "Go") if lang == "fr" else ("B", "KB", "MB", "GB")
    amount, unit = float(size), 0
    while amount >= 1024 and unit < 3:
        amount, unit = amount / 1024, unit + 1
    text = f"{amount:.1f}" if unit and amount < 10 else f"{amount:.0f}"
    if lang == "fr":
        text = text.replace(".", ",")
    return f"{text}\u00a0{units[unit]}"


def iso_day(text: str) -> str:
    """A day kept as YYYY-MM-DD, in full; the text itself when it is no day."""
    try:
        return long_day(date.fromisoformat(text), year=True)
    except ValueError:
        return text

