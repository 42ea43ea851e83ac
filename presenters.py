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
