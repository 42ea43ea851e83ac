"""The only place where stored keys become words: labels, dates, sentences of the history, refusals."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import nh3
from babel import Locale
from babel.dates import format_date, format_time
from flask_babel import get_locale, get_timezone
from markdown_it import MarkdownIt
from markupsafe import Markup, escape

from domain import advice as counsel
from domain import closing, files, search, settings, status_page, telephone
from domain.closing_preview import Day, Preview, Story
from domain.closing_rules import REMINDER, WORKING_DAYS, Explanation
from domain.explaining import Explanation as Sight
from domain.policies import Viewer
from domain.refusals import Refusal
from domain.workdays import CLOSING_DAY, HOLIDAY, SkippedDay
from models import Ticket
from words import gettext as _
from words import language, ngettext

NNBSP = "\u202f"


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
    """ "1er novembre", then "2 novembre": French writes the first of the month as an ordinal."""
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
        return _list_day(local.date(), lang)
    return f"{short_day}, {hour}"


@lru_cache(maxsize=4096)
def _list_day(day: date, lang: str) -> str:
    if lang == "fr":
        return f"{_day_fr(day)} {format_date(day, 'MMM y', 'fr')}"
    return format_date(day, "d MMM y", "en_GB")


def list_day(moment: datetime, zone: Any, lang: str) -> str:
    """A short date for rows of lists: the same few days come back on every page, so they are remembered."""
    return _list_day(moment.astimezone(zone).date(), lang)


# ---- Markdown ----------------------------------------------------------------------------------------

_TAGS = {
    "p", "br", "strong", "em", "ul", "ol", "li", "a", "code", "pre", "blockquote", "h3", "h4", "h5", "hr",
    "table", "thead", "tbody", "tr", "th", "td", "s",
}  # fmt: skip
# The work for links grows with the square of the brackets, and a table of short lines is as wide as its head: a text
# beyond these is no letter but a log or an attack, and its brackets and bars are shown as they are (S38).
BRACKETS_MAX = 400
CELLS_MAX = 5_000
LONG_TEXT = 4_000


@lru_cache(maxsize=4)
def _renderer(links: bool, tables: bool) -> MarkdownIt:
    made = MarkdownIt("js-default", {"html": False, "linkify": False, "breaks": True}).disable("image")
    # Pictures of the portal alone: an address elsewhere is never fetched, so that no text can tell who reads it.
    made.inline.ruler.before("link", "picture", _reference)
    made.add_render_rule("picture", _draw)
    if not links:
        made.disable(["link", "reference"])
    if not tables:
        made.disable("table")
    return made


class Picture(NamedTuple):
    """A picture that may stand in a text: its key, its address on the portal, its name."""

    key: str
    url: str
    name: str


def _reference(state: Any, silent: bool) -> bool:
    """The rule of the renderer for `![what it shows](file:KEY)`."""
    if state.src[state.pos] != "!":
        return False
    found = files.REFERENCE.match(state.src, state.pos)
    if found is None or found.end() > state.posMax:
        return False
    if not silent:
        token = state.push("picture", "img", 0)
        token.content = found[1]
        token.meta = {"key": found[2]}
    state.pos = found.end()
    return True


def _draw(renderer: Any, tokens: Any, at: int, options: Any, env: Any) -> str:
    """The picture when it belongs to this text, else what describes it: an unknown key and a foreign one look alike."""
    token = tokens[at]
    picture = env.get("pictures", {}).get(token.meta["key"])
    if picture is None:
        return f"<em>{escape(picture_words(token.content, missing=True))}</em>"
    return f'<img src="{escape(picture.url)}" alt="{escape(token.content.strip() or picture.name)}">'


def picture_words(description: str, missing: bool = False) -> str:
    """What stands in a text for a picture that is not shown there. missing: it is not to be had."""
    name = " ".join(description.split())
    if missing:
        return _("(picture not available: %(name)s)", name=name) if name else _("(picture not available)")
    return _("(picture, on the page: %(name)s)", name=name) if name else _("(picture, on the page)")


def _renderer_for(text: str) -> MarkdownIt:
    widest = max(line.count("|") for line in text.split("\n"))
    cells = (widest + 1) * (text.count("\n") + 1)
    return _renderer(text.count("[") <= BRACKETS_MAX, cells <= CELLS_MAX)


def _only_whole_addresses(tag: str, name: str, value: str) -> str | None:
    """A link leads to a whole address that shows where it goes: //elsewhere would borrow our scheme."""
    if name == "href" and not value.lower().startswith(("https://", "http://", "mailto:")):
        return None
    return value


def markdown(text: str, pictures: Iterable[Picture] = ()) -> Markup:
    """Markdown as typed by a person, as safe HTML: no raw HTML, links only to http, https and mailto.

    Arguments: pictures, the files that may stand where the text refers to them; a reference to any other is said in
    words. No picture comes from elsewhere.
    Rendered by one library and sanitised by another, so that neither stands alone. Headings start at h3.
    """
    if "(file:" in text:
        # What stands there depends on the reader and on the language: nothing of it is remembered.
        return _render(text, tuple(pictures))
    return _remembered(text) if len(text) <= LONG_TEXT else _remembered_long(text)


def _addresses_and_paths(tag: str, name: str, value: str) -> str | None:
    """In what staff write a link may also lead to a page of this portal, by its path."""
    if name == "href" and re.fullmatch(r"/(?![/\\])[\w/?=&.#-]*|#[\w-]+", value):
        return value
    return _only_whole_addresses(tag, name, value)


def _render(text: str, pictures: tuple[Picture, ...] = (), *, inside: bool = False) -> Markup:
    html = _renderer_for(text).render(text, {"pictures": {picture.key: picture for picture in pictures}})
    addresses = {picture.url for picture in pictures}
    links = _addresses_and_paths if inside else _only_whole_addresses

    def known(tag: str, name: str, value: str) -> str | None:
        if tag == "img" and name == "src":
            return value if value in addresses else None
        return links(tag, name, value)

    for level in (3, 2, 1):
        html = html.replace(f"<h{level}>", f"<h{level + 2}>").replace(f"</h{level}>", f"</h{level + 2}>")
    html = html.replace("<h6>", "<h5>").replace("</h6>", "</h5>")
    return Markup(  # noqa: S704  # nosec B704  # (sanitised on this very line)
        nh3.clean(
            html,
            tags=_TAGS | {"img"} if addresses else _TAGS,
            attributes={"a": {"href"}, "ol": {"start"}, "img": {"src", "alt"}},
            attribute_filter=known,
            url_schemes={"http", "https", "mailto"},
            link_rel="noopener noreferrer nofollow",
        )
    )


# Many short texts and a few long ones: what is remembered has an end in bytes, not only in number.
_remembered = lru_cache(maxsize=2048)(_render)
_remembered_long = lru_cache(maxsize=64)(_render)


# ---- Articles ----------------------------------------------------------------------------------------

# From here on an article gets its contents at the top.
CONTENTS_CHARACTERS = 1_500
CONTENTS_HEADINGS = 3


class Heading(NamedTuple):
    """A heading of an article: its anchor, its words, how deep it stands (2 or 3)."""

    anchor: str
    words: str
    level: int


def article_kinds() -> dict[str, str]:
    """The words for each kind of article."""
    return {
        "article": _("Article"),
        "faq": _("Frequent question"),
        "news": _("News"),
        "release": _("Release note"),
        "change": _("Coming change"),
        "download": _("Download"),
    }


ARTICLE_ICONS = {
    "article": "book",
    "faq": "question-circle",
    "news": "megaphone",
    "release": "box-seam",
    "change": "calendar-event",
    "download": "download",
}


def article_language(article: Any, lang: str | None = None) -> tuple[str, bool]:
    """The language in which a reader gets an article, and whether it is their own: "fr", True."""
    first = lang or language()
    for code in (first, "fr", "en"):
        if getattr(article, f"title_{code}") and getattr(article, f"body_{code}"):
            return code, code == first
    return first, True


@lru_cache(maxsize=256)
def article_body(text: str) -> tuple[Markup, tuple[Heading, ...]]:
    """The text of an article as safe HTML, and its headings when it is long enough to need contents.

    Headings stand under the h1 of the page and have anchors; tables can be moved sideways. Links to pages of this
    portal may be paths. Everything else is as markdown() has it.
    """
    html = str(_render(text, inside=True))
    depths = sorted({int(found) for found in re.findall(r"<h([3-5])>", html)})
    levels = {depth: min(place + 2, 3) for place, depth in enumerate(depths)}
    headings: list[Heading] = []

    def heading(match: re.Match[str]) -> str:
        level = levels[int(match[1])]
        words = Markup(match[2]).striptags()  # noqa: S704  # nosec B704  # (sanitised just above)
        base = "s-" + "-".join(re.findall(r"[a-z0-9]+", search.fold(words)))[:60]
        anchor, again = base, 2
        while any(known.anchor == anchor for known in headings):
            anchor, again = f"{base}-{again}", again + 1
        headings.append(Heading(anchor, words, level))
        return f'<h{level} id="{anchor}">{match[2]}</h{level}>'

    html = re.sub(r"<h([3-5])>(.*?)</h\1>", heading, html, flags=re.DOTALL)
    html = html.replace("<table>", '<div class="table-wrap" tabindex="0"><table class="table">')
    html = html.replace("</table>", "</table></div>")
    long = len(text) >= CONTENTS_CHARACTERS and len(headings) >= CONTENTS_HEADINGS
    return Markup(html), tuple(headings) if long else ()  # noqa: S704  # nosec B704  # (sanitised, and ours around it)


def marked(text: str, sought: Any) -> Markup:
    """A line with the words that were looked for marked, whatever their accents, case or number (VIEW-7).

    Arguments: sought, words of search.terms().
    """
    wanted = frozenset(sought)
    parts = []
    for piece in re.split(r"(\w+)", text):
        known = piece and wanted.intersection(search.words(piece))
        parts.append(Markup("<mark>{}</mark>").format(piece) if known else escape(piece))
    return Markup("").join(parts)


# ---- Service status and announcements ------------------------------------------------------------------


class Mark(NamedTuple):
    """A state of services in a word, with the tone and the icon of its badge."""

    key: str
    label: str
    tone: str
    icon: str


# Tone, icon, and how a day with it is drawn: class of the bar, whether it is a tall one.
_IMPACTS: dict[str, tuple[str, str, str, bool]] = {
    status_page.WORKS: ("done", "check-circle-fill", "f-done", False),
    status_page.MAINTENANCE: ("away", "wrench-adjustable", "f-over", False),
    "degraded": ("yours", "exclamation-triangle-fill", "f-yours", True),
    "partial": ("danger", "exclamation-octagon-fill", "f-stuck", True),
    "major": ("danger", "x-circle-fill", "f-stuck", True),
}
INCIDENT_ICONS = {
    "investigating": "search",
    "identified": "lightbulb",
    "watching": "eye",
    "solved": "check-lg",
    "planned": "calendar-event",
    "under_way": "wrench-adjustable",
    "done": "check-lg",
}


def impact_words() -> dict[str, str]:
    """The words for what an incident does to services, and for services that work."""
    return {
        status_page.WORKS: _("Works"),
        "degraded": _("Slowed down"),
        "partial": _("Partly unavailable"),
        "major": _("Unavailable"),
        status_page.MAINTENANCE: _("Maintenance"),
    }


def incident_states() -> dict[str, str]:
    """The words for where an incident, or planned work, stands."""
    return {
        "investigating": _("We are looking for the cause"),
        "identified": _("Cause found"),
        "watching": _("Corrected, under watch"),
        "solved": _("Incident over"),
        "planned": _("Work planned"),
        "under_way": _("Work under way"),
        "done": _("Work finished"),
    }


def service_mark(impact: str) -> Mark:
    """The badge of a service, or of all of them, by the worst that happens to it."""
    tone, icon, _bar, _tall = _IMPACTS[impact]
    return Mark(impact, impact_words()[impact], tone, icon)


def overall_mark(impact: str) -> Mark:
    """The state of all services in a few words, for the foot of every page."""
    words = {
        status_page.WORKS: _("everything works"),
        status_page.MAINTENANCE: _("maintenance under way"),
        "degraded": _("a service is slowed down"),
        "partial": _("a service is partly unavailable"),
        "major": _("a service is unavailable"),
    }
    return service_mark(impact)._replace(label=words[impact])


def said_in(row: Any, name: str) -> tuple[str, str]:
    """The words of a row in the reader's language, and the language they are in when it is the other one."""
    own = language()
    for code in (own, "en" if own == "fr" else "fr"):
        text = getattr(row, f"{name}_{code}")
        if text:
            return str(text), "" if code == own else code
    return "", ""


def lasting(minutes: int) -> str:
    """A time that something lasted: "48 min", "2 h 10 min", "3 days"."""
    hours, rest = divmod(minutes, 60)
    if hours >= 48:
        return ngettext("%(num)s day", "%(num)s days", round(hours / 24))
    if not hours:
        return _("%(minutes)s min", minutes=rest)
    return (
        _("%(hours)s h %(minutes)s min", hours=hours, minutes=rest) if rest else _("%(hours)s h", hours=hours)
    )


class IncidentNews(NamedTuple):
    """One update of an incident in words."""

    state: str
    icon: str
    at: datetime
    html: Markup
    lang: str


class IncidentPlace(NamedTuple):
    """An incident in words for this reader; `own` is the number of their own request that joined it."""

    id: int
    number: str
    title: str
    lang: str
    mark: Mark
    state: str
    times: str
    services: str
    is_maintenance: bool
    is_over: bool
    may_join: bool
    own: str
    started_at: datetime
    updated_at: datetime
    news: list[IncidentNews]


def incident_place(row: Any, now: datetime, own: str = "") -> IncidentPlace:
    """An incident in words. Arguments: row, a status_page.Standing; own, the reader's request that joined it."""
    title, lang = said_in(row, "title")
    states = incident_states()
    news = []
    for said in row.updates:
        body, other = said_in(said, "body")
        html = _render(body, inside=True)
        news.append(IncidentNews(states[said.state], INCIDENT_ICONS[said.state], said.at, html, other))
    return IncidentPlace(
        row.id,
        f"INC-{row.id}",
        title,
        lang,
        service_mark(row.impact),
        states[row.state_at(now)],
        _incident_times(row, now),
        ", ".join(localized(service, "name") for service in row.services),
        row.is_maintenance,
        row.ended_at is not None,
        row.may_be_joined(now),
        own,
        row.started_at,
        row.updated_at,
        news,
    )


def feed_content(incident: IncidentPlace) -> str:
    """All that was said of an incident as HTML, for a feed: a plain text, which the feed escapes once more."""
    return "".join(
        f"<p><strong>{escape(said.state)}</strong>, {escape(when(said.at, 'short'))}</p>{said.html}"
        for said in incident.news
    )


def _incident_times(row: Any, now: datetime) -> str:
    """Since when it runs, or from when to when it lasted or is planned."""
    if row.ended_at is not None:
        minutes = max(round((row.ended_at - row.started_at).total_seconds() / 60), 0)
        return _("%(day)s, lasted %(time)s", day=when(row.started_at, "day"), time=lasting(minutes))
    if row.is_maintenance:
        return from_to(row.started_at, row.planned_until)
    minutes = max(round((now - row.started_at).total_seconds() / 60), 0)
    return _("since %(time)s, for %(lasting)s", time=when(row.started_at, "short"), lasting=lasting(minutes))


def from_to(begin: datetime, end: datetime | None) -> str:
    """Two instants, the day said once when it is the same."""
    if end is None:
        return when(begin, "short")
    if begin.astimezone(_zone()).date() == end.astimezone(_zone()).date():
        return _("%(begin)s, until %(end)s", begin=when(begin, "short"), end=hour(end))
    return _("%(begin)s, until %(end)s", begin=when(begin, "short"), end=when(end, "short"))


def status_lead(running: Sequence[Any], services: int) -> str:
    """How all services do, in one sentence. Arguments: running, what runs now; services, how many there are."""
    hit = {service.id for row in running for service in row.services}
    if not hit:
        return _("Everything works.")
    if all(row.is_maintenance for row in running):
        return ngettext(
            "Work is under way on %(num)s service.", "Work is under way on %(num)s services.", len(hit)
        )
    said = ngettext("%(num)s service is disturbed.", "%(num)s services are disturbed.", len(hit))
    others = services - len(hit)
    if others < 1:
        return said
    works = ngettext("The other one works.", "The %(num)s others work.", others)
    return f"{said} {works}"


class ServiceBars(NamedTuple):
    """A service with its state and its last days, drawn and in words."""

    name: str
    group: str
    sentence: str
    mark: Mark
    # (x, height, class) of each day.
    bars: list[tuple[int, int, str]]
    first: str
    available: str
    said: str
    # (day, what it was, how long), the newest first.
    days: list[tuple[str, str, str]]


def service_bars(board: Any) -> ServiceBars:
    """A service with its last days in words. Arguments: board, one of status_page.board()."""
    words = impact_words()
    name = localized(board.service, "name")
    available = percent(board.available)
    bad = [(day, impact, minutes) for day, impact, minutes in board.days if impact != status_page.WORKS]
    disturbed = sum(impact != status_page.MAINTENANCE for _day, impact, _minutes in bad)
    said = _(
        "%(service)s: available %(percent)s of the last %(days)s days",
        service=name,
        percent=available,
        days=len(board.days),
    )
    if disturbed:
        counted = ngettext("%(num)s day with an incident", "%(num)s days with an incident", disturbed)
        said = f"{said}, {counted}"
    drawn = [_IMPACTS[impact] for _day, impact, _minutes in board.days]
    return ServiceBars(
        name,
        localized(board.service, "group"),
        localized(board.service, "sentence"),
        service_mark(board.state),
        [(x, 10 if tall else 8, bar) for x, (_tone, _icon, bar, tall) in enumerate(drawn)],
        plain_day(board.days[0][0]),
        available,
        said,
        [(plain_day(day), words[impact], lasting(minutes)) for day, impact, minutes in reversed(bad)],
    )


def percent(hundredths: int) -> str:
    """A share in hundredths of a percent, as people write it: 99,94 %, 99.94%, 100 %."""
    whole, rest = divmod(hundredths, 100)
    fr = language() == "fr"
    number = f"{whole}{',' if fr else '.'}{rest:02d}" if rest else str(whole)
    return f"{number}{NNBSP}%" if fr else f"{number}%"


def plain_day(day: date) -> str:
    """A day without its weekday: "2 septembre", "2 September"."""
    if language() == "fr":
        return f"{_day_fr(day)} {format_date(day, 'MMMM', 'fr')}"
    return format_date(day, "d MMMM", "en_GB")


def month_words(first: date) -> str:
    """A month with its year: "novembre 2026", "November 2026"."""
    return format_date(first, "LLLL y", "fr" if language() == "fr" else "en_GB")


def affected_summary(row: Any) -> str:
    """The subject of the request that one press makes. Arguments: row, the incident."""
    return _("Affected by the incident: %(title)s", title=said_in(row, "title")[0])


def affected_description(row: Any) -> str:
    """What that request says: nothing that anybody would have to agree to."""
    return _(
        "We are affected too by %(number)s, “%(title)s”. This request was made from the page of the incident.",
        number=f"INC-{row.id}",
        title=said_in(row, "title")[0],
    )


def joined_done(outcomes: Sequence[Any]) -> list[tuple[str, str]]:
    """What became of the numbers that an agent wanted to join, as messages: (category, sentence)."""
    done = sum(outcome.joined for outcome in outcomes)
    same = sum(not outcome.joined and outcome.fault is None for outcome in outcomes)
    said = []
    if done:
        said.append(("success", ngettext("%(num)s request joined.", "%(num)s requests joined.", done)))
    if same:
        said.append(("info", ngettext("%(num)s had joined already.", "%(num)s had joined already.", same)))
    for outcome in outcomes:
        if outcome.fault is not None:
            why = refusal(outcome.fault)
            said.append(("error", _("%(number)s: %(why)s", number=outcome.number, why=why)))
    return said


def announcement_body(text: str) -> Markup:
    """The text of an announcement as safe HTML; links to pages of this portal may be paths."""
    return _render(text, inside=True)


def announcement_days(row: Any) -> str:
    """From when to when an announcement is shown."""
    begin = long_day(row.first_day, year=True)
    if row.last_day is None:
        return _("since %(day)s", day=begin)
    return _("from %(begin)s to %(end)s", begin=begin, end=long_day(row.last_day, year=True))


# ---- Closing -----------------------------------------------------------------------------------------


def days_counted(count: int, unit: str) -> str:
    """ "7 working days", "20 days"."""
    if unit == WORKING_DAYS:
        return ngettext("%(num)s working day", "%(num)s working days", count)
    return ngettext("%(num)s day", "%(num)s days", count)


def closing_reason(explanation: Explanation, calendar: Any) -> str:
    """Why something happens on its day: "7 working days after Friday 6 November", and the days that do not count.

    Where the reader's midnight is another one than the calendar's, it also says whose midnight ends the day.
    """
    start = long_day(explanation.from_day)
    count = days_counted(explanation.count, explanation.unit)
    if explanation.after_reminder:
        text = _("%(days)s after our reminder of %(day)s.", days=count, day=start)
    else:
        text = _("%(days)s after %(day)s.", days=count, day=start)
    if explanation.skipped:
        text += " " + skipped_words(explanation.skipped, calendar)
    end = calendar.end_of_day(explanation.last_day)
    if end.astimezone(_zone()).utcoffset() != end.astimezone(ZoneInfo(calendar.time_zone)).utcoffset():
        text += " " + _("The day ends at midnight in the time zone %(zone)s.", zone=calendar.time_zone)
    return text


def skipped_words(skipped: Sequence[SkippedDay], calendar: Any) -> str:
    """Which days do not count, each with its reason; empty when none is given."""
    said = []
    for day in skipped:
        name = calendar.holiday_name(day.day, language()) if day.reason == HOLIDAY else None
        said.append(f"{long_day(day.day)} ({name or _('we are closed')})")
    if not said:
        return ""
    return ngettext(
        "This day does not count: %(days)s.",
        "These days do not count: %(days)s.",
        len(said),
        days=", ".join(said),
    )


def closing_sentence(ticket: Ticket, now: datetime | None = None) -> dict[str, str] | None:
    """What a page says of a closing that is to come: {"day": ..., "why": ..., "final": status}; None without one."""
    explanation = closing.explain(ticket, now)
    if explanation is None:
        return None
    book = closing.book()
    calendar = book.calendar(book.pick(ticket), ticket)
    return {
        "day": long_day(explanation.last_day),
        "day_year": long_day(explanation.last_day, year=True),
        "why": closing_reason(explanation, calendar),
        "final": explanation.final_status,
    }


def happening_words(kind: str, number: int, final_status: str) -> str:
    """What happens by itself to a request: "Reminder 1", or the status it goes to, in the words of the team."""
    if kind == REMINDER:
        return _("Reminder %(number)s", number=number)
    return statuses(for_team=True)[final_status].label


def foreseen_words(preview: Preview) -> str:
    """How many reminders, closings and other moves: "3 reminders, 2 closings"."""
    said = [ngettext("%(num)s reminder", "%(num)s reminders", preview.reminders)]
    closings = preview.moves.get("closed", 0)
    others = {status: count for status, count in sorted(preview.moves.items()) if status != "closed"}
    if closings or not others:
        said.append(ngettext("%(num)s closing", "%(num)s closings", closings))
    for status, count in others.items():
        label = statuses(for_team=True)[status].label
        said.append(
            ngettext("%(num)s move to “%(status)s”", "%(num)s moves to “%(status)s”", count, status=label)
        )
    words = ", ".join(said)
    return _("at least %(what)s", what=words) if preview.at_least else words


def story_rows(story: Story) -> list[dict[str, str]]:
    """The calendar of one request as rows: what happens, at the end of which day, and why that day."""
    return [
        {
            "what": happening_words(chapter.step.kind, chapter.step.number, chapter.step.final_status),
            "icon": "bell" if chapter.step.kind == REMINDER else "archive",
            "day": long_day(chapter.step.day, year=True),
            "why": closing_reason(chapter.reason, chapter.calendar)
            if chapter.reason is not None
            else _(
                "It is overdue: it goes out at the next sweep, and what follows keeps its distance from it."
            ),
        }
        for chapter in story.chapters
    ]


# A picture of more weeks leaves out those in which nothing happens.
WEEKS_DRAWN = 14


def story_weeks(story: Story) -> list[dict[str, Any]]:
    """The same as weeks from Monday to Sunday: rows with `cells`, or with `left_out`, a number of weeks.

    A cell says the day, whether it counts, and in a word what is special; None before the start and after the end.
    """
    days = story.days
    if not days:
        return []
    calendar = story.chapters[0].calendar
    cells: list[dict[str, str] | None] = [None] * days[0].day.weekday()
    cells += [_story_cell(one, story, calendar) for one in days]
    cells += [None] * (-len(cells) % 7)
    weeks = [cells[start : start + 7] for start in range(0, len(cells), 7)]
    if len(weeks) <= WEEKS_DRAWN:
        return [{"cells": week, "left_out": 0} for week in weeks]
    rows: list[dict[str, Any]] = []
    for place, week in enumerate(weeks):
        happens = any(cell and cell["tone"] in ("start", "step", "end") for cell in week)
        if happens or place in (0, len(weeks) - 1):
            rows.append({"cells": week, "left_out": 0})
        elif rows and rows[-1]["left_out"]:
            rows[-1]["left_out"] += 1
        else:
            rows.append({"cells": [], "left_out": 1})
    for row in rows:
        if row["left_out"]:
            row["words"] = ngettext(
                "%(num)s week in which nothing happens",
                "%(num)s weeks in which nothing happens",
                row["left_out"],
            )
    return rows


def _story_cell(one: Day, story: Story, calendar: Any) -> dict[str, str]:
    number = short_day(one.day) if one.day.day == 1 or one.day == story.start else str(one.day.day)
    cell = {"number": number, "iso": one.day.isoformat(), "word": "", "name": "", "tone": ""}
    moves = [step for step in one.happens if step.kind != REMINDER]
    if moves:
        cell |= {"tone": "end", "word": happening_words("move", 0, moves[-1].final_status)}
    elif one.happens:
        cell |= {"tone": "step", "word": happening_words(REMINDER, one.happens[0].number, "")}
    elif one.day == story.start:
        cell |= {"tone": "start", "word": _("start")}
    elif one.counted:
        cell["tone"] = "counted"
    elif one.skipped is not None and one.skipped.reason == HOLIDAY:
        name = calendar.holiday_name(one.day, language()) or ""
        cell |= {"tone": "holiday", "word": _("holiday"), "name": name}
    elif one.skipped is not None and one.skipped.reason == CLOSING_DAY:
        cell |= {"tone": "holiday", "word": _("shut"), "name": _("we are closed")}
    else:
        cell["tone"] = "off"
    return cell


def month_name(number: int) -> str:
    """A month by itself: "novembre", "November"."""
    return format_date(date(2001, number, 1), "LLLL", "fr" if language() == "fr" else "en_GB")


def clock_change_words(day: date, change: timedelta) -> dict[str, str]:
    """A day on which the clocks change, with what they do."""
    minutes = abs(int(change.total_seconds())) // 60
    name = (
        ngettext("clocks go forward %(num)s minute", "clocks go forward %(num)s minutes", minutes)
        if change > timedelta()
        else ngettext("clocks go back %(num)s minute", "clocks go back %(num)s minutes", minutes)
    )
    return {"day": long_day(day), "name": name}


def weekday_names(width: str = "wide") -> list[str]:
    """The seven names, Monday first: "lundi", or "lu" for width "short"."""
    names = format_names("fr" if language() == "fr" else "en_GB")[width]
    return [names[day] for day in range(7)]


@lru_cache(maxsize=4)
def format_names(locale: str) -> Any:
    """The names of weekdays of a language, by width."""
    from babel import Locale

    return Locale.parse(locale).days["stand-alone"]


# ---- Refusals ----------------------------------------------------------------------------------------

# One sentence for each code: what to do, not what is wrong with the person.
REFUSALS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "missing": lambda d: _("There is nothing at this address, or it is not shared with you."),
    "changed-meanwhile": lambda d: _(
        "Somebody changed this request while you were reading it. "
        "Look at what is new, then try again: your text is kept."
    ),
    "taken-meanwhile": lambda d: _("A colleague has just taken this request."),
    "move-refused": lambda d: _("This request cannot move there from its present status."),
    "move-not-yours": lambda d: _("You can read this request, but not move it."),
    "reply-not-yours": lambda d: _("You can read this request, but not write on it."),
    "note-not-yours": lambda d: _("Only the support team writes internal notes."),
    "cc-not-yours": lambda d: _("You can read this request, but not change who is in copy."),
    "collaborate-not-yours": lambda d: _("You cannot join this request."),
    "ticket-closed": lambda d: _(
        "This request is closed and takes no more answers. A follow-up can pick it up."
    ),
    "ticket-merged": lambda d: (
        _("This request goes on in %(into)s and takes no more answers here: write there.", into=d["into"])
        if d.get("into")
        else _("This request goes on in another one and takes no more answers here.")
    ),
    "not-resolved": lambda d: _(
        "No solution awaits your word at the moment. Look at what is new on the request."
    ),
    "nothing-closes": lambda d: _(
        "This request does not close by itself at the moment: there is no date to move."
    ),
    "kept-open-enough": lambda d: _(
        "The date cannot be moved any more. Answer on the request: that keeps it open."
    ),
    "mail-pace-unknown": lambda d: _("Choose one of the answers offered."),
    "mail-hour-unknown": lambda d: _("Choose one of the hours offered."),
    "quiet-hours-half": lambda d: _("Give both ends of the quiet hours, or none."),
    "quiet-hours-empty": lambda d: _("Give two different times: quiet hours have a beginning and an end."),
    "unsubscribe-missing": lambda d: _("This link is not one of ours, or it is not whole."),
    "rating-not-yours": lambda d: _("Only the requester says how a request went."),
    "rating-not-asked": lambda d: _("Nothing is asked about request %(number)s.", number=d.get("number", "")),
    "rating-over": lambda d: _(
        "The time to say how request %(number)s went is over.", number=d.get("number", "")
    ),
    "rating-score": lambda d: _("Choose one of the five answers."),
    "rating-comment-long": lambda d: _(
        "Shorten the comment: %(limit)s characters at most.", limit=d.get("limit", 0)
    ),
    "reports-not-yours": lambda d: _("Supervisors and admins read the reports."),
    "kept-open-already": lambda d: _("The date has moved already."),
    "keep-open-not-yours": lambda d: _("You can read this request, but not move its date."),
    "link-used": lambda d: _("This link was used already: a link of a mail works once."),
    "link-expired": lambda d: _("This link no longer works: its time is over."),
    "link-of-somebody-else": lambda d: _(
        "This link was mailed to somebody else. You act from the request itself."
    ),
    "link-overtaken": lambda d: _("The request has changed since this mail left. Look at what is new."),
    "not-testing": lambda d: _("No test is awaited at the moment. Look at what is new on the request."),
    "line-too-long": lambda d: _("Shorten this text to %(limit)s characters.", limit=d.get("limit", "")),
    "escalation-unknown": lambda d: _("Choose where to escalate it."),
    "blocker-unknown": lambda d: _("Give the number of another request, such as SUP-2041."),
    "blocker-itself": lambda d: _("Give another number: a request does not block itself."),
    "blocker-over": lambda d: _(
        "%(number)s is solved or over: it blocks nothing.", number=d.get("number", "")
    ),
    "blocker-twice": lambda d: _("%(number)s blocks it already.", number=d.get("number", "")),
    "blocker-cycle": lambda d: _(
        "%(number)s waits for this request itself, directly or through others: neither would ever end.",
        number=d.get("number", ""),
    ),
    "blocker-too-many": lambda d: _(
        "Too many requests wait for one another here: %(most)s at most. Take a block away first.",
        most=d.get("most", ""),
    ),
    "block-over": lambda d: _("This block has ended already."),
    "status-unknown": lambda d: _("Choose one of the statuses of the list."),
    "assignee-unknown": lambda d: _("Choose one of the agents of the list."),
    "team-unknown": lambda d: _("Choose one of the teams of the list."),
    "priority-unknown": lambda d: _("Choose one of the levels of the list."),
    "vote-not-yours": lambda d: _("Sign in to say whether this article helped."),
    "sentence-too-long": lambda d: _("Keep to %(limit)s characters.", limit=d.get("limit", "")),
    "article-title-needed": lambda d: _("Give a title in this language."),
    "article-body-needed": lambda d: _("Write the text before publishing: this language has only a title."),
    "article-too-long": lambda d: _(
        "This text is longer than %(limit)s characters. Divide it.", limit=d.get("limit", "")
    ),
    "article-not-yours": lambda d: _("Only admins change articles."),
    "article-same-words": lambda d: _("The article already says this."),
    "reason-needed": lambda d: _("Say why: the customer will read it."),
    "own-data-not-yours": lambda d: _("You can make a file of your own data only."),
    "own-data-reason": lambda d: _("Say how the person asked, and how you made sure that it is them."),
    "own-data-pace": lambda d: _(
        "%(limit)s files were made in the last 24 hours: that is the most. Come back tomorrow.",
        limit=d.get("limit", ""),
    ),
    "own-data-busy": lambda d: _("Other files are being made. Try again in a minute."),
    "erase-not-yours": lambda d: _("Only admins erase a person."),
    "erase-yourself": lambda d: _("You cannot erase yourself. Ask another admin."),
    "erase-done": lambda d: _("This person is erased already."),
    "account-erased": lambda d: _("This account was erased: it is nobody's, and stays closed."),
    "erase-assigned": lambda d: _(
        "Requests are assigned to this person: %(numbers)s. Give them to somebody else first.",
        numbers=d.get("numbers", ""),
    ),
    "erase-named": lambda d: _(
        "A deletion that is under way names this person: %(numbers)s. End it first.",
        numbers=d.get("numbers", ""),
    ),
    "erase-agreed": lambda d: _(
        "This person has confirmed what cannot be undone: %(numbers)s. Carry it out or cancel it first.",
        numbers=d.get("numbers", ""),
    ),
    "erase-under-way": lambda d: _(
        "Requests are under way in this name: %(numbers)s. Hand them over or close them first.",
        numbers=d.get("numbers", ""),
    ),
    "erase-way": lambda d: _("Choose what is done."),
    "erase-reason": lambda d: _(
        "Say who asked, how, and how you made sure that it is them. Do not name the person."
    ),
    "erase-confirmation": lambda d: _(
        "This is not the address of the account. Type the one at the top of the page."
    ),
    "ledger-closed": lambda d: _(
        "The ledger of erasures cannot be written, so nothing was changed. Tell whoever runs the portal."
    ),
    "redact-nothing": lambda d: _("Choose what is to go."),
    "message-redacted": lambda d: _(
        "The team took this message out: there is nothing left to make a request of."
    ),
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
    "too-many-requests": lambda d: _(
        "Many requests came from you within a minute. Wait a moment, then send this one again."
    ),
    "follow-up-too-early": lambda d: _("This request still takes answers: write on its page."),
    "setting-unknown-choice": lambda d: _("Choose one of the values of the list."),
    "setting-whole-number": lambda d: _("Give a whole number."),
    "setting-out-of-range": lambda d: _(
        "Give a number from %(least)s to %(most)s.", least=d.get("least", ""), most=d.get("most", "")
    ),
    "setting-text": lambda d: _("Give a text of at most 300 characters."),
    "disk-full": lambda d: _(
        "There is no room left for files at the moment. Your text is kept: try again later."
    ),
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
    "file-empty": lambda d: _(
        "“%(name)s” is empty. Check the file and choose it again.", name=d.get("name", "")
    ),
    "file-content": lambda d: _(
        "“%(name)s” does not hold what its ending says. Save it again from its program, then choose it again.",
        name=d.get("name", ""),
    ),
    "file-pixels": lambda d: _(
        "“%(name)s” has too many pixels to be shown. Make it smaller, then choose it again.",
        name=d.get("name", ""),
    ),
    "file-missing": lambda d: _("This file is no longer there. Choose it again."),
    "too-many-files": lambda d: _("Keep %(limit)s files at most.", limit=d.get("limit", "")),
    "uploads-waiting": lambda d: _(
        "You have %(limit)s files that were not sent yet. Send or remove some first.",
        limit=d.get("limit", ""),
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


def statuses(for_team: bool = False, lang: str | None = None, kind: str = "") -> dict[str, StatusWords]:
    """The words of every status in the reader's language, by status; the team has words of its own.

    Arguments: kind, the slug of the kind of a request: some have words of their own (LIFE-1).
    """
    from domain import catalogue, lifecycle

    lang = lang or language()
    labels = catalogue.labels(kind)
    made = _status_words.get((lang, for_team, kind))
    if made is None or made[0] is not labels:
        if kind and labels is catalogue.labels():
            return statuses(for_team, lang)
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
        _status_words[(lang, for_team, kind)] = made
    return made[1]


# Made once for each reading of the rows: they stand on every line of every list.
_status_words: dict[tuple[str, bool, str], tuple[Any, dict[str, StatusWords]]] = {}


def statuses_of(rows: Iterable[Any], for_team: bool = False) -> dict[str, dict[str, StatusWords]]:
    """The words of every status for each kind among some requests: {kind: {status: words}}."""
    return {kind: statuses(for_team, kind=kind) for kind in {row.kind_slug for row in rows}}


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
    "merged": lambda: _("It goes on in another request."),
}


def close_reason(ticket: Ticket) -> str:
    """Why a closed request is closed."""
    words = CLOSE_REASONS.get(ticket.close_reason)
    return words() if words else _("It is closed.")


class ActWords(NamedTuple):
    """A page with one button: its title, what happens, and the button (LIFE-17)."""

    title: str
    text: str
    button: str
    icon: str


def act_words(act: str, ticket: Ticket, now: datetime) -> ActWords:
    """The words of something that a customer can do to a request: works, tested, reopen, more_time or close.

    Raises domain.refusals.NotNow for more time where there is none.
    """
    over = _("The request closes. It stays in your list, and a follow-up can pick it up later.")
    if act == "tested":
        return ActWords(
            _("It works"),
            _(
                "You have tested the change, and it works: the team is told and goes on from there. "
                "If something is wrong, write an answer on the request instead."
            ),
            _("It works, tell the team"),
            "hand-thumbs-up",
        )
    if act == "works":
        return ActWords(_("It works"), over, _("It works, close it"), "hand-thumbs-up")
    if act == "close":
        return ActWords(_("Close this request"), over, _("Close this request"), "archive")
    if act == "reopen":
        return ActWords(
            _("It does not work"),
            _("Say what does not work: the request is open again, and our team reads it."),
            _("Send and reopen"),
            "hand-thumbs-down",
        )
    until = long_day(closing.kept_open_until(ticket, now), year=True)
    left = closing.extensions_left(ticket) - 1
    again = (
        ngettext(
            "You can move it %(num)s more time afterwards.",
            "You can move it %(num)s more times afterwards.",
            left,
        )
        if left
        else _("It cannot be moved again afterwards.")
    )
    return ActWords(
        _("I need more time") if ticket.status == "resolved" else _("Keep it open"),
        _("You have until the end of %(day)s. %(again)s", day=until, again=again),
        _("Move the date"),
        "calendar-plus",
    )


def act_done(act: str, ticket: Ticket) -> str:
    """What is said once it is done; `ticket` as it is afterwards."""
    if act == "reopen":
        return _("Your answer was sent and the request is open again.")
    if act == "tested":
        return _("Thank you: the team knows that it works. The request is in our hands again.")
    if act == "more_time":
        day = closing.last_day(ticket)
        return _(
            "The date has moved: you have until the end of %(day)s.",
            day=long_day(day, year=True) if day else "",
        )
    return _("The request is closed. A follow-up can pick it up later.")


def keep_open_hint(ticket: Ticket) -> str:
    """How often the date of a request can still be moved, for beside its reason; empty when it cannot."""
    left = closing.extensions_left(ticket)
    return (
        ngettext("You can move the date %(num)s time.", "You can move the date %(num)s times.", left)
        if left
        else ""
    )


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
    "ticket:kept_open": "calendar-plus",
    "ticket:expired": "calendar-x",
    "ticket:tested": "clipboard2-check",
    "ticket:blocked": "slash-circle",
    "ticket:blocker_named": "slash-circle",
    "ticket:unblocked": "arrow-right",
    "ticket:cc_added": "person-plus",
    "ticket:cc_removed": "person-dash",
    "ticket:collaborator_added": "people",
    "ticket:priority_changed": "flag",
    "ticket:priority_lowered": "flag",
    "ticket:priority_contested": "hand-thumbs-down",
    "ticket:priority_decided": "flag-fill",
    "ticket:audience_changed": "eye",
    "ticket:shared": "share",
    "ticket:follow_up_created": "arrow-return-right",
    "ticket:licence_changed": "key",
    "ticket:reply_refused": "slash-circle",
    "ticket:merged": "sign-merge-right",
    "ticket:merged_here": "sign-merge-right",
    "ticket:split": "signpost-split",
    "ticket:handed_over": "person-badge",
    "ticket:incident_joined": "activity",
    "ticket:rated": "star",
    "ticket:redacted": "slash-circle",
    "ticket:consent_withdrawn": "x-circle",
    "deletion:announced": "person-x",
    "deletion:confirmed": "pencil-fill",
    "deletion:seconded": "people",
    "deletion:lapsed": "person-dash",
    "deletion:ready": "hourglass-split",
    "deletion:cancelled": "x-circle",
    "deletion:carried_out": "trash3",
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
        "ticket:kept_open",
        "ticket:expired",
        "ticket:tested",
        "ticket:blocked",
        "ticket:unblocked",
        "ticket:priority_lowered",
        "ticket:priority_contested",
        "ticket:priority_decided",
        "ticket:follow_up_created",
        "ticket:reply_refused",
        "ticket:merged",
        "ticket:merged_here",
        "ticket:split",
        "ticket:handed_over",
        "ticket:incident_joined",
        "ticket:redacted",
        "deletion:confirmed",
        "deletion:seconded",
        "deletion:lapsed",
        "deletion:ready",
        "deletion:cancelled",
        "deletion:carried_out",
    }
)


class Kept(NamedTuple):
    """A kind of data with how long it is kept: what it is, and the period in words."""

    name: str
    label: str
    period: str


def kept_kinds() -> dict[str, str]:
    """The kinds of data that have a period, by their name in domain/retention.py (STAFF-7)."""
    return {
        "sign_ins": _("Ended sessions, dead links, failed sign-ins and text messages"),
        "held_forms": _("Texts typed while the session ended"),
        "drafts": _("Drafts that nobody touches"),
        "drafts_of_closed": _("Answers never sent on a request that is closed"),
        "mail_copies": _("The text of mails about requests"),
        "mails": _("Who was mailed what, and when"),
        "questions": _("Questions to customer success"),
        "search_misses": _("Words that found nothing, without who looked for them"),
        "never_confirmed": _("Registrations whose address nobody confirmed"),
        "unused_accounts": _("Accounts of customers who no longer sign in: they are closed"),
    }


def kept_periods(periods: Mapping[str, int]) -> list[Kept]:
    """How long each kind is kept, in words. Arguments: periods, of retention.periods(): days, 0 means kept."""
    words = kept_kinds()
    return [
        Kept(
            name,
            words[name],
            ngettext("%(num)s day", "%(num)s days", days) if days else _("not deleted by itself"),
        )
        for name, days in periods.items()
    ]


def form_names() -> dict[str, str]:
    """The name of each request form, by its slug."""
    from domain import catalogue

    return {form.slug: localized(form, "name") for form in catalogue.all_forms()}


def data_lists() -> dict[str, str]:
    """What each list in the file of one's own data holds, by its name there (ACC-13)."""
    return {
        "requests": _("Requests"),
        "files": _("Files you sent"),
        "drafts": _("Drafts"),
        "mails": _("Mails to you"),
        "memberships": _("Organisations"),
        "teams": _("Teams"),
        "consents": _("What you agreed to"),
        "sessions": _("Sessions"),
        "authenticator_apps": _("Authenticator apps"),
        "security_keys": _("Security keys"),
        "recovery_codes": _("Recovery codes, without the codes"),
        "known_browsers": _("Browsers you trust"),
        "linked_identities": _("Other ways to sign in"),
        "mobile_numbers": _("Mobile number"),
        "mobile_refusals": _("Mobile number: not to be asked again"),
        "text_messages": _("Text messages to you"),
        "address_changes": _("Change of address under way"),
        "confirmed_lists": _("Lists of contacts you confirmed"),
        "seen_as_you": _("Times an admin saw the portal as you do"),
        "mail_choices": _("Choices about mails"),
        "columns": _("Columns of your lists"),
        "satisfaction": _("What you said of how requests went"),
        "article_votes": _("What you said of articles"),
        "topics_followed": _("Topics you follow"),
        "announcements_put_away": _("Announcements you put away"),
        "ideas": _("Ideas"),
        "idea_comments": _("Comments on ideas"),
        "idea_votes": _("Votes for ideas"),
        "ideas_followed": _("Ideas you follow"),
        "assistant_questions": _("Questions to customer success"),
        "contested_priorities": _("Priorities you contested"),
        "deletion_confirmations": _("Confirmations of deletions"),
        "acts": _("Sign-ins and changes of the account"),
    }


def removed_words() -> str:
    """What stands where the team took a text or a file out (STAFF-10)."""
    return _("Removed by the team")


def erasure_lines(lines: Iterable[Any]) -> list[SimpleNamespace]:
    """What there is of a person, with what becomes of it by each way (STAFF-7). Arguments: lines, of erasure.look()."""
    labels = {
        "sessions": _("Sessions and sign-ins"),
        "browsers": _("Trusted browsers"),
        "factors": _("Second factors"),
        "links": _("Links that were mailed"),
        "mobiles": _("Mobile number and text messages"),
        "identities": _("Links to identity providers"),
        "drafts": _("Drafts"),
        "mails": _("Mails to this person, with their kept texts"),
        "copies": _("Requests followed or read by name"),
        "choices": _("Choices, and what was read"),
        "profile": _("Answers about themselves"),
        "questions": _("Questions to customer success"),
        "viewings": _("Times an admin saw the portal as this person"),
        "teams": _("Places in a team"),
        "memberships": _("Memberships of organisations"),
        "requests": _("Requests sent or opened"),
        "messages": _("Messages written"),
        "files": _("Files sent"),
        "opinions": _("Ideas, comments and reasons"),
        "votes": _("Votes and scores"),
        "consents": _("Consents"),
        "history": _("Lines of histories"),
        "record": _("Lines of the record"),
    }
    fates = {
        "goes": _("deleted"),
        "stays": _("stays, under the mark"),
        "renamed": _("stays, without what identifies"),
        "emptied": _("emptied, the fact stays"),
        "ended": _("ended, the row stays"),
    }
    return [
        SimpleNamespace(
            name=line.name,
            label=labels[line.name],
            rows=line.rows,
            anonymise=fates[line.anonymise],
            erase=fates[line.erase],
        )
        for line in lines
    ]


def redacted_words(data: Mapping[str, Any]) -> str:
    """What the team took out, in words that say nothing of what it was. Arguments: data, of a ticket:redacted event."""
    texts, attached = int(data.get("texts") or 0), int(data.get("files") or 0)
    parts = [ngettext("%(num)s text", "%(num)s texts", texts)] if texts else []
    if attached:
        parts.append(ngettext("%(num)s file", "%(num)s files", attached))
    if data.get("answers"):
        parts.append(_("the answers of the form"))
    if data.get("subject"):
        parts.append(_("the subject"))
    return several(parts, most=4)


def event_sentence(
    event: Any,
    viewer: Any,
    names: Mapping[int, Any],
    for_team: bool = False,
    kin: Container[str] = frozenset(),
    request_kind: str = "",
) -> str:
    """One line of the history in the reader's words.

    Arguments: event, a TicketEvent with its actor; viewer, who reads; names, the other people it speaks of;
    for_team, whether statuses are said in the team's words; kin, the numbers of other requests that the reader may
    know of: a merge, a split or a follow-up names no other; request_kind, the slug of the request's kind, for the
    words of its statuses.
    """
    data = event.data
    who = (
        _("The portal")
        if event.actor_id is None
        else (event.actor.full_name if event.actor else _("Somebody"))
    )
    you = viewer is not None and event.actor_id == viewer.id
    words = statuses(for_team, kind=request_kind)

    def label(key: str) -> str:
        status = words.get(str(data.get(key) or ""))
        said = status.label if status else ""
        # The reference of an escalation belongs to where it goes, and stays in the history (LIFE-11).
        if key == "to" and data.get("reference"):
            return _("%(status)s (reference %(reference)s)", status=said, reference=data["reference"])
        return said

    def name(key: str) -> str:
        person = names.get(data.get(key))
        return person.full_name if person else _("somebody")

    def either(mine: str, theirs: str) -> str:
        return mine if you else theirs

    kind = event.kind
    if kind in _OF_OTHER_REQUESTS and (kind != "ticket:created" or data.get("split_of")):
        return _joining_sentence(kind, data, who, either, name, kin)
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
        if data.get("works"):
            return either(
                _("You said that it works and closed this request"),
                _("%(who)s said that it works and closed this request", who=who),
            )
        return either(_("You closed this request"), _("Closed by %(who)s", who=who))
    if kind in ("ticket:tested", "ticket:blocked", "ticket:blocker_named", "ticket:unblocked"):
        return _waiting_sentence(kind, data, who, either, label("to"))
    if kind == "ticket:moved" and data.get("reference") and data.get("from") == data.get("to"):
        return _("%(who)s changed the reference: %(reference)s", who=who, reference=data["reference"])
    if kind == "ticket:reminded":
        return _("Reminder %(number)s of %(of)s sent", number=data.get("number"), of=data.get("of"))
    if kind == "ticket:kept_open":
        until = iso_day(str(data.get("last_day") or ""))
        return either(
            _("You asked for more time: until %(day)s", day=until),
            _("%(who)s asked for more time: until %(day)s", who=who, day=until),
        )
    if kind == "ticket:expired":
        return _("Expired: the change was undone")
    if kind == "ticket:cc_added":
        return _("%(who)s put %(email)s in copy", who=who, email=data.get("email", ""))
    if kind == "ticket:cc_removed" and data.get("left"):
        return _("%(email)s is no longer in copy, by the link of a mail", email=data.get("email", ""))
    if kind == "ticket:cc_removed":
        return _("%(who)s took %(email)s out of copy", who=who, email=data.get("email", ""))
    if kind == "ticket:collaborator_added":
        return either(_("You joined this request"), _("%(who)s joined this request", who=who))
    if kind == "ticket:priority_lowered":
        return _("%(who)s retained a lower priority: %(reason)s", who=who, reason=_unstopped(data, "reason"))
    if kind == "ticket:priority_contested":
        reason = _unstopped(data, "reason")
        return either(
            _("You do not agree with the lower priority: %(reason)s", reason=reason),
            _("%(who)s does not agree with the lower priority: %(reason)s", who=who, reason=reason),
        )
    if kind == "ticket:priority_decided":
        return _decision_sentence(data, who)
    if kind == "ticket:priority_changed":
        return _("%(who)s changed the priority retained", who=who)
    if kind == "ticket:follow_up_created":
        number = str(data.get("number") or "")
        if number not in kin:
            return _("%(who)s opened a follow-up", who=who)
        return _("%(who)s opened the follow-up %(number)s", who=who, number=number)
    if kind == "ticket:reply_refused":
        return _("An answer came after the closing and was not taken")
    if kind == "ticket:rated":
        said = scores()[int(data.get("score") or 3)].label
        if data.get("before"):
            return _("%(who)s said anew how it went: %(score)s", who=who, score=said)
        return _("%(who)s said how it went: %(score)s", who=who, score=said)
    if kind == "ticket:consent_withdrawn":
        return either(
            _("You took back the consent given with the form"),
            _("%(who)s took back the consent given with the form", who=who),
        )
    if kind == "ticket:redacted":
        return _(
            "%(who)s took out %(what)s: %(reason)s",
            who=who,
            what=redacted_words(data),
            reason=_unstopped(data, "reason"),
        )
    if kind == "ticket:licence_changed":
        return _("The licence request moved on")
    if kind == "ticket:incident_joined":
        named = f"INC-{data.get('incident_id')}"
        title = said_in(
            SimpleNamespace(**{f"title_{code}": data.get(f"title_{code}") for code in ("fr", "en")}), "title"
        )
        return either(
            _("You joined it to the incident %(number)s, “%(title)s”", number=named, title=title[0]),
            _(
                "%(who)s joined it to the incident %(number)s, “%(title)s”",
                who=who,
                number=named,
                title=title[0],
            ),
        )
    if kind.startswith("deletion:"):
        return _deletion_sentence(kind.removeprefix("deletion:"), data, who, either, name)
    if kind == "ticket:audience_changed":
        return _audience_sentence(data, who, either)
    if kind == "ticket:shared":
        if data.get("shared"):
            return either(
                _("You showed this request to the account manager"),
                _("%(who)s showed this request to the account manager", who=who),
            )
        return either(
            _("You no longer show this request to the account manager"),
            _("%(who)s no longer shows this request to the account manager", who=who),
        )
    return _("%(who)s: %(origin)s, then %(target)s", who=who, origin=label("from"), target=label("to"))


def _waiting_sentence(
    kind: str, data: Mapping[str, Any], who: str, either: Callable[[str, str], str], now: str
) -> str:
    """A test that went well, a block and its end, as a line of the history. Never the number of another request but
    for the team (LIFE-9).
    """
    if kind == "ticket:tested":
        return _(
            "%(said)s; now: %(status)s",
            said=either(_("You tested it: it works"), _("%(who)s tested it: it works", who=who)),
            status=now,
        )
    if kind == "ticket:blocker_named":
        return _("Blocked by request %(number)s", number=data.get("number", ""))
    if kind == "ticket:blocked":
        if data.get("component"):
            return _(
                "%(who)s noted that another request about the same component (%(component)s) comes first",
                who=who,
                component=data["component"],
            )
        return _("%(who)s noted that another request about the same matter comes first", who=who)
    if data.get("from") == data.get("to"):
        return _("One of the requests that came first no longer blocks it")
    return _("Nothing blocks it any more; now: %(status)s", status=now)


def blocked_words(component: str, number: str = "", summary: str = "") -> str:
    """What the customer reads of a request that comes first; without a number, nothing says whose it is (LIFE-9)."""
    if number and component:
        return _(
            "Request %(number)s (%(summary)s), about the same component (%(component)s), is still under way; "
            "we take yours up as soon as it ends.",
            number=number,
            summary=summary,
            component=component,
        )
    if number:
        return _(
            "Request %(number)s (%(summary)s), about the same matter, is still under way; "
            "we take yours up as soon as it ends.",
            number=number,
            summary=summary,
        )
    if component:
        return _(
            "Another request about the same component (%(component)s) is still under way; "
            "we take yours up as soon as it ends.",
            component=component,
        )
    return _("Another request about the same matter is still under way; we take yours up as soon as it ends.")


class BlockedLine(NamedTuple):
    """One of the requests that come first, for one reader; an empty number when they may not know which one it is."""

    text: str
    number: str


def blocked_lines(blockers: list[Any]) -> list[BlockedLine]:
    """What blocks a request, one line each; those that the reader may not know are told apart by nothing."""
    lines = [
        BlockedLine(
            blocked_words(row.component, row.ticket.number, row.ticket.summary)
            if row.ticket
            else blocked_words(row.component),
            row.ticket.number if row.ticket else "",
        )
        for row in blockers
    ]
    return list(dict.fromkeys(lines))


def environment_words(environment: str) -> str:
    """Where the customer tests: what was said, else the words of the settings in the reader's language (LIFE-7)."""
    default = {f"name_{lang}": settings.get(f"test_environment_{lang}") for lang in ("fr", "en")}
    return environment or localized(default, "name")


def test_words(status: str, environment: str, *, by_itself: bool) -> str:
    """What is said of a change under test besides its date: where it is tried, or why and where it is undone (LIFE-7).

    Arguments: status of the request; environment, as its row has it; by_itself, nobody tested it in time.
    Returns an empty text in any other status.
    """
    where = environment_words(environment)
    if status == "customer_testing":
        return _("Where to try it: %(environment)s.", environment=where)
    if status == "awaiting_rollback":
        why = (
            _("The change was not tested in time; we are undoing it.")
            if by_itself
            else _("We are undoing the change.")
        )
    elif status == "expired":
        why = (
            _("The change was not tested in time and was undone.")
            if by_itself
            else _("The change was undone.")
        )
    else:
        return ""
    return _("%(why)s Where: %(environment)s.", why=why, environment=where)


def undone_by_itself(events: list[Any]) -> bool:
    """True when it was the date, and not somebody, that ended the test of a change: from its history, oldest first."""
    moves = [event for event in events if event.data.get("to") == "awaiting_rollback"]
    return bool(moves) and moves[-1].actor_id is None


def priority_words(ticket: Any, levels: list[Any]) -> dict[str, str]:
    """The priority asked and the one retained: {"asked": ..., "kept": ...}; empty words without a scale (REQ-17)."""
    by_value = {level.value: level for level in levels}

    def words(value: str | None) -> str:
        level = by_value.get(value or "")
        return level_name(level) if level is not None else ""

    return {"asked": words(ticket.priority_asked), "kept": words(ticket.priority)}


def level_name(level: Any) -> str:
    """A level in few words: "2 · Urgent" on a scale of numbers, else its name."""
    name = localized(level, "name")
    return f"{level.value} · {name}" if level.value.isdigit() else name


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


# ---- Accounts ----------------------------------------------------------------------------------------

REFUSALS |= {
    "sign-in-failed": lambda d: ngettext(
        "This name and this password do not go together. Check both: %(num)s try is left.",
        "This name and this password do not go together. Check both: %(num)s tries are left.",
        d.get("left", 1),
    ),
    "sign-in-locked": lambda d: _("Sign-in is suspended after too many tries."),
    "codes-locked": lambda d: _("Codes are suspended after too many tries."),
    "code-wrong": lambda d: ngettext(
        "This code does not work: it may be used up or too old. %(num)s try is left.",
        "This code does not work: it may be used up or too old. %(num)s tries are left.",
        d.get("left", 1),
    ),
    "key-refused": lambda d: _("This key was refused, or the page had been open for too long. Try again."),
    "keys-no-host": lambda d: _("Security keys do not work at this address of the portal."),
    "keys-enough": lambda d: _("At most %(limit)s keys: remove one first.", limit=d.get("limit", "")),
    "app-not-begun": lambda d: _("This key is no longer valid. Begin again."),
    "factor-needed": lambda d: _(
        "You must have a second factor: add another one before you remove this one."
    ),
    "codes-need-factor": lambda d: _("Set up an authenticator app or a security key first."),
    "second-step-over": lambda d: _("That sign-in took too long. Begin again."),
    "factors-not-yours": lambda d: _("Only another admin resets the factors of an account."),
    "reason-empty": lambda d: _("Give the reason: it is kept in the record."),
    "registration-closed": lambda d: _(
        "Accounts are made by invitation. Ask your organisation or our team for one."
    ),
    "link-dead": lambda d: _("This link no longer works. Ask for a new one."),
    "name-empty": lambda d: _("Fill in this field."),
    "name-too-long": lambda d: _("Shorten this text to %(limit)s characters.", limit=d.get("limit", "")),
    "name-characters": lambda d: _("Type this text again: some of its characters cannot be kept."),
    "sso-unknown": lambda d: _("There is no such way to sign in."),
    "sso-over": lambda d: _(
        "This sign-in took too long, was used already, or began in another browser. Begin again."
    ),
    "sso-cancelled": lambda d: _("The sign-in was cancelled. Nothing was changed."),
    "sso-refused": lambda d: _("The answer could not be verified, so nobody was signed in. Begin again."),
    "sso-secret-lost": lambda d: _("The secret of this way to sign in can no longer be read. Tell our team."),
    "sso-unverified": lambda d: _(
        "No verified e-mail address came with the sign-in. Tell those who look after it."
    ),
    "sso-no-account": lambda d: _(
        "No account here has the address %(address)s.", address=d.get("address", "")
    ),
    "sso-not-linked": lambda d: _(
        "The account of %(address)s is not linked to this way to sign in. Sign in with your password, then link it in "
        "your profile, under Security.",
        address=d.get("address", ""),
    ),
    "app-not-theirs": lambda d: _(
        "The account of %(address)s is not opened by this application. Sign in with your password.",
        address=d.get("address", ""),
    ),
    "sso-other-identity": lambda d: _(
        "The account with this address is linked to another identity. Call us if it is yours."
    ),
    "sso-other-address": lambda d: _(
        "The address there is %(address)s, and your account has another one. Nothing was linked.",
        address=d.get("address", ""),
    ),
    "sso-taken": lambda d: _("This identity opens another account already. Nothing was linked."),
    "sso-not-member": lambda d: _(
        "Your account no longer belongs to the organisation that this sign-in is for."
    ),
    "sso-closed": lambda d: _("This account is closed or locked. Call us."),
    "sso-not-you": lambda d: _("That was not you, or you were not asked again. Nothing was done."),
    "link-not-ours": lambda d: _("This link is not whole, or no application of ours made it."),
    "link-late": lambda d: _("This link works for 60 seconds. Go back to your application and begin again."),
    "link-early": lambda d: _("The clock of your application is ahead. Tell those who look after it."),
    "address-same": lambda d: _("This is your address already."),
    "address-gone": lambda d: _("This address belongs to another account meanwhile. Nothing was changed."),
    "address-taken": lambda d: _("%(address)s already has an account.", address=d.get("address", "")),
    "username-bad": lambda d: _("Choose another user name: up to 254 characters, without spaces."),
    "username-taken": lambda d: _("Choose another user name: this one is taken."),
    "staff-role-unknown": lambda d: _("Choose one of the roles of the list."),
    "current-password-wrong": lambda d: ngettext(
        "This is not your present password: %(num)s try is left.",
        "This is not your present password: %(num)s tries are left.",
        d.get("left", 1),
    ),
    "password-refused": lambda d: password_refusal(d),
    "language-unknown": lambda d: _("Choose a language of the list."),
    "time-zone-unknown": lambda d: _("Choose a time zone of the list."),
    "role-unknown": lambda d: _("Choose one of the roles of the list."),
    "contact-is-staff": lambda d: _("Members of our team cannot be contacts of an organisation."),
    "contact-outside": lambda d: _(
        "%(address)s is not in the mail domains of your organisation. Ask our team to add somebody from outside.",
        address=d.get("address", ""),
    ),
    "contact-is-yourself": lambda d: _(
        "You cannot take yourself off the list. Ask another administrator or our team."
    ),
    "contacts-not-yours": lambda d: _(
        "Only the administrators of an organisation manage its approved contacts."
    ),
    "administrator-not-yours": lambda d: _("Administrators are named and removed by our team. Ask us."),
    "removal-reason-needed": lambda d: _(
        "Say why this person leaves the list: the reason is kept in the record."
    ),
    "account-disabled": lambda d: _("This account is disabled. Ask our team to open it again."),
    "already-signed-in": lambda d: _(
        "This person has signed in already: the page for forgotten passwords helps them."
    ),
    "mailed-enough": lambda d: _(
        "Three mails left for this address within the hour. Wait before sending another."
    ),
    "last-admin": lambda d: _("This is the only administrator of the portal left. Name another one first."),
    "admins-only": lambda d: _("This page is for admins."),
    "viewing-not-yours": lambda d: _("Only admins see the portal as somebody else does."),
    "viewing-staff": lambda d: _("The portal is seen as a customer does, never as a colleague."),
    "viewing-disabled": lambda d: _("This account is disabled: it sees nothing any more."),
    "viewing-runs": lambda d: _("You see the portal as somebody else already. End that first."),
    "viewing-read-only": lambda d: _(
        "You see the portal as somebody else does: nothing can be sent, changed or taken along. "
        "End it to act as yourself."
    ),
    "viewing-closed": lambda d: _(
        "You see the portal as somebody else does: this page is closed to you meanwhile. End it to act as yourself."
    ),
}


REFUSALS |= {
    "import-too-large": lambda d: _(
        "This file is too large: %(megabytes)s MB at most. Cut it in two.", megabytes=d.get("megabytes", "")
    ),
    "import-empty": lambda d: _("This file holds no line of contacts under a line of headings."),
    "import-unreadable": lambda d: _("This file cannot be read. Give a CSV file or an XLSX workbook."),
    "import-encoding": lambda d: _("This text cannot be read. Save the file again as CSV in UTF-8."),
    "import-old-workbook": lambda d: _("This is a workbook of an old kind. Save it again as XLSX or CSV."),
    "import-no-address": lambda d: _(
        "No column holds the addresses. Call it “Email”, in the first line of the file."
    ),
    "import-column-twice": lambda d: _(
        "Two columns mean the same: “%(heading)s”. Take one out.", heading=d.get("heading", "")
    ),
    "import-too-many-lines": lambda d: _(
        "This file has too many lines: %(most)s at most. Cut it in two.", most=d.get("most", "")
    ),
    "import-too-many-columns": lambda d: _(
        "This file has too many columns: %(most)s at most.", most=d.get("most", "")
    ),
    "partners-not-yours": lambda d: _("Links between organisations are set and ended by our team. Ask us."),
    "partners-closed": lambda d: _("This page is for the people of an organisation."),
    "partner-is-client": lambda d: _("An organisation cannot act for itself."),
    "partner-reads": lambda d: _("Choose among the answers offered."),
    "partner-days": lambda d: _("The last day is over already, or before the first one."),
    "partner-linked": lambda d: _("This organisation acts for this client already: change that link."),
    "partner-over": lambda d: _("This link is over. Set a new one."),
    "review-not-asked": lambda d: _("Nobody asks for this list now: there is nothing to confirm."),
    "review-changed": lambda d: _(
        "The list changed while you were reading it. Look at it again, then confirm it."
    ),
    "import-begun": lambda d: _("This file is being carried out, or was already."),
    "import-formula": lambda d: _(
        "%(column)s: a spreadsheet would compute this text. Put its value instead.", column=_column_of(d)
    ),
    "import-cell-too-long": lambda d: _(
        "%(column)s: %(most)s characters at most.", column=_column_of(d), most=d.get("most", "")
    ),
    "import-address-needed": lambda d: _("The address is missing."),
    "import-name-needed": lambda d: _("The name is missing: this person has no account yet."),
    "import-role-unknown": lambda d: _(
        "“%(value)s” is not a role: member, approved contact or administrator.", value=d.get("value", "")
    ),
    "import-language-unknown": lambda d: _(
        "“%(value)s” is not a language: fr or en.", value=d.get("value", "")
    ),
    "import-organisation-needed": lambda d: _("The organisation is missing, here and for the whole file."),
    "import-organisation-unknown": lambda d: _(
        "There is no organisation “%(name)s”. Create it first, or correct its name.", name=d.get("name", "")
    ),
    "import-organisation-two": lambda d: _(
        "Several organisations are called almost “%(name)s”. Write the name exactly.", name=d.get("name", "")
    ),
    "import-organisation-closed": lambda d: _("%(name)s is not in use any more.", name=d.get("name", "")),
    "import-username-fixed": lambda d: _(
        "This account has the user name %(username)s, which stays as it is.", username=d.get("username", "")
    ),
    "import-removed": lambda d: _(
        "This person was removed from %(name)s. Approve them again by hand to bring them back.",
        name=d.get("name", ""),
    ),
    "import-twice": lambda d: _(
        "The same person in the same organisation as line %(line)s.", line=d.get("line", "")
    ),
    "import-differs": lambda d: _(
        "%(column)s: line %(line)s says something else of the same person.",
        column=_column_of(d),
        line=d.get("line", ""),
    ),
}


def import_column(name: str) -> str:
    """The heading of a column of a file of contacts."""
    return {
        "email": _("Address"),
        "full_name": _("Name"),
        "organisation": _("Organisation"),
        "role": _("Role"),
        "username": _("User name"),
        "language": _("Language"),
    }.get(name, name)


def _column_of(data: Mapping[str, Any]) -> str:
    return import_column(str(data.get("field", "")))


def member_role(role: str) -> str:
    """What somebody is in an organisation."""
    return {
        "administrator": _("administrator"),
        "contact": _("approved contact"),
        "member": _("member"),
    }.get(role, role)


def language_name(code: str) -> str:
    """A language as its readers call it."""
    return {"fr": "français", "en": "English"}.get(code, code)


def import_outcome(outcome: str) -> str:
    """What became of a line of a file of contacts, or will."""
    return {
        "created": _("Created"),
        "changed": _("Modified"),
        "unchanged": _("Unchanged"),
        "refused": _("Refused"),
    }.get(outcome, outcome)


def import_words(outcome: str, code: str, data: Mapping[str, Any]) -> list[str]:
    """What a line of a file of contacts does, sentence by sentence, or why it is refused (ACC-4)."""
    if outcome == "refused":
        words = REFUSALS.get(code)
        sentence = words(data) if words else _("This cannot be done now.")
        if code in ("name-too-long", "name-characters"):
            sentence = _("%(column)s: %(words)s", column=_column_of(data), words=sentence)
        return [sentence]
    said = []
    if outcome == "created":
        said.append(_("New account."))
    for name, show in (("full_name", str), ("language", language_name)):
        if name in data:
            before, after = data[name]
            said.append(
                _(
                    "%(column)s: %(before)s becomes %(after)s.",
                    column=import_column(name),
                    before=show(before),
                    after=show(after),
                )
            )
    if "joins" in data:
        name, role = data["joins"]
        said.append(_("Joins %(organisation)s: %(role)s.", organisation=name, role=member_role(role)))
    if "role" in data:
        before, after = data["role"]
        said.append(
            _(
                "%(column)s: %(before)s becomes %(after)s.",
                column=import_column("role"),
                before=member_role(before),
                after=member_role(after),
            )
        )
    return said or [_("Everything is like this already.")]


def password_refusal(data: Mapping[str, Any]) -> str:
    """What to change in a password that was refused: the first rule it breaks, most useful first (ACC-6)."""
    faults = data.get("faults") or ["short"]
    if "long" in faults:
        return _("Choose a shorter password: %(most)s characters at most.", most=data.get("most", 128))
    if "characters" in faults:
        return _("Choose a password without characters that cannot be typed.")
    if "short" in faults:
        least = data.get("least", 15)
        return ngettext(
            "Choose a longer password: %(num)s character or more.",
            "Choose a longer password: %(num)s characters or more.",
            least,
        )
    if "personal" in faults:
        return _(
            "Choose a password without your name, your address or your organisation: take out “%(word)s”.",
            word=data.get("word", ""),
        )
    return _("Choose another password: this one is among those that are tried first.")


def password_rules(words: list[str], faults: list[str] | None, word: str | None) -> list[dict[str, Any]]:
    """The rules besides the length, as rows for the page: text, ok (None: not judged yet), not_in (ACC-6).

    Arguments: words, those that the password must not hold; faults, those the server found, or None; word, the one
    to take out.
    """
    judged = faults is not None and "long" not in faults and "characters" not in faults
    personal = _("Holds neither your name, nor your address, nor your organisation")
    if faults and "personal" in faults and word:
        personal = _(
            "Holds neither your name, nor your address, nor your organisation: take out “%(word)s”", word=word
        )
    return [
        {
            "text": _("Not on the lists of passwords that are tried first"),
            "ok": "well-known" not in faults if judged and faults is not None else None,
        },
        {
            "text": personal,
            "ok": "personal" not in faults if judged and faults is not None else None,
            "not_in": ",".join(words),
        },
    ]


def hour(moment: datetime) -> str:
    """The time of day in the reader's zone: "14 h 37", "14:37"."""
    local = moment.astimezone(_zone())
    return _time_fr(local) if language() == "fr" else format_time(local, "HH:mm", locale="en_GB")


_BROWSERS = (
    ("Edg", "Edge"), ("OPR/", "Opera"), ("Firefox", "Firefox"), ("SamsungBrowser", "Samsung Internet"),
    ("Chrome", "Chrome"), ("CriOS", "Chrome"), ("FxiOS", "Firefox"), ("Safari", "Safari"),
)  # fmt: skip
_SYSTEMS = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"), ("Linux", "Linux"),
)  # fmt: skip


def device(user_agent: str) -> str:
    """What a browser calls itself, as people say it: "Firefox, Windows"."""
    browser = next((name for mark, name in _BROWSERS if mark in user_agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), "")
    return ", ".join(filter(None, (browser, system))) or _("Unknown device")


# ---- The desk ----------------------------------------------------------------------------------------


def masked(address: str) -> str:
    """An address that its owner recognises and nobody else reads: a***@acme.example."""
    local, at, host = address.partition("@")
    return f"{local[:1]}***{at}{host}"


def recovery_used(left: int) -> str:
    """What a sign-in with a recovery code says afterwards."""
    if left == 0:
        return _("That was your last recovery code: make new ones now, in your profile under Security.")
    return ngettext(
        "You used a recovery code: %(num)s is left. Make new ones in your profile, under Security.",
        "You used a recovery code: %(num)s are left. Make new ones in your profile, under Security.",
        left,
    )


# What a security notice says has happened: its subject, and its sentence.
SECURITY_NOTICES: dict[str, Callable[[], tuple[str, str]]] = {
    "data-exported": lambda: (
        _("A file of your data was made"),
        _("Our team made a file of the data that the portal keeps of you, because you asked for it."),
    ),
    "app-added": lambda: (
        _("An authenticator app was set up"),
        _("An authenticator app was set up for your account. Its code is asked at each sign-in."),
    ),
    "app-removed": lambda: (
        _("The authenticator app was removed"),
        _("The authenticator app of your account was removed. Its codes no longer work."),
    ),
    "key-added": lambda: (
        _("A security key was added"),
        _("A security key was added to your account. It opens your account after the password."),
    ),
    "key-removed": lambda: (
        _("A security key was removed"),
        _("A security key of your account was removed. It no longer opens your account."),
    ),
    "key-copied": lambda: (
        _("A security key was refused"),
        _(
            "One of your security keys answered as a copy would. It was refused: remove that key from your account."
        ),
    ),
    "identity-linked": lambda: (
        _("Another way to sign in was added"),
        _("Your account can now be opened by signing in through another system, without your password."),
    ),
    "identity-unlinked": lambda: (
        _("A way to sign in was removed"),
        _("Your account is no longer opened through another system."),
    ),
    "mobile-added": lambda: (
        _("A mobile number was added"),
        _("A mobile number was confirmed for your account. Codes for new browsers can be sent to it."),
    ),
    "mobile-changed": lambda: (
        _("Your mobile number was changed"),
        _("Another mobile number was confirmed for your account. Codes for new browsers can be sent to it."),
    ),
    "mobile-removed": lambda: (
        _("Your mobile number was removed"),
        _("The mobile number of your account was removed. Codes for new browsers are mailed to you."),
    ),
    "codes-made": lambda: (
        _("New recovery codes were made"),
        _("New recovery codes were made for your account. Those of before no longer work."),
    ),
    "code-used": lambda: (
        _("A recovery code was used"),
        _("A recovery code of your account was used to sign in. It does not work again."),
    ),
    "codes-locked": lambda: (
        _("Wrong codes were typed for your account"),
        _("Somebody who knows your password typed five wrong codes. Codes are suspended for a while."),
    ),
    "factors-reset": lambda: (
        _("Your second factors were reset"),
        _("Our team took the second factors of your account away, as was asked. Your sessions are closed."),
    ),
}


REFUSALS["desk-only"] = lambda d: _("The desk is for the agents of the support team.")


REFUSALS |= {
    "mobile-empty": lambda d: _("Give your mobile number."),
    "mobile-international": lambda d: _(
        "Begin with + and the code of the country. Example: +33 6 12 34 56 78."
    ),
    "mobile-bad": lambda d: _("This is not a whole telephone number. Example: +33 6 12 34 56 78."),
    "mobile-kind": lambda d: _("This number takes no text messages: give the number of a mobile telephone."),
    "mobile-country": lambda d: _("We send no text messages to that country. Your codes come by mail."),
    "mobile-same": lambda d: _("This is your number already."),
    "mobile-not-begun": lambda d: _("No number waits for a code: give it again."),
    "mobile-code-dead": lambda d: _("Five tries did not succeed: this code is dead. Have another one sent."),
    "texts-off": lambda d: _("This portal sends no text messages: codes are mailed."),
    "texts-enough": lambda d: _("Enough text messages were sent for now. Try again in an hour."),
    "code-just-sent": lambda d: ngettext(
        "A code left a moment ago. Wait %(num)s second before asking for another.",
        "A code left a moment ago. Wait %(num)s seconds before asking for another.",
        d.get("seconds", 1),
    ),
}


REFUSALS |= {
    "bulk-none": lambda d: _("Choose at least one request."),
    "bulk-too-many": lambda d: _("Choose at most %(limit)s requests at once.", limit=d.get("limit", "")),
}


def bulk_done(outcomes: list[Any]) -> str:
    """How many requests an act on many changed, left as they were, and was refused by."""
    changed = sum(outcome.changed for outcome in outcomes)
    refused = sum(outcome.fault is not None for outcome in outcomes)
    same = len(outcomes) - changed - refused
    parts = []
    if changed or not (same or refused):
        parts.append(ngettext("%(num)s request changed.", "%(num)s requests changed.", changed))
    if same:
        parts.append(ngettext("%(num)s was there already.", "%(num)s were there already.", same))
    if refused:
        parts.append(ngettext("%(num)s was refused.", "%(num)s were refused.", refused))
    return " ".join(parts)


def queue_names() -> dict[str, str]:
    """The queues of the desk, in the order of its rail."""
    return {
        "unassigned": _("To take"),
        "mine": _("Mine"),
        "team": _("My team"),
        "contested": _("Contested"),
        "waiting": _("With the customer"),
        "resolved": _("To be confirmed"),
        "all": _("Everything"),
    }


def queue_sort_names() -> dict[str, str]:
    """The orders in which a queue can be read."""
    return {
        "priority": _("Most pressing first"),
        "-created": _("Newest first"),
        "created": _("Oldest first"),
        "-updated": _("Last changed first"),
    }


def queue_sort_marks() -> dict[str, str]:
    """The same orders in a word, at the head of a queue."""
    return {
        "priority": _("Urgency"),
        "-created": _("Newest"),
        "created": _("Oldest"),
        "-updated": _("Changed"),
    }


def close_reason_at_desk(ticket: Ticket) -> str:
    """Why a closed request is closed, said to the team."""
    return {
        "silence": _("It closed by itself: the customer did not write within the time that was announced."),
        "customer": _("The customer closed it."),
        "staff": _("The team closed it."),
        "merged": _("It goes on in another request."),
    }.get(ticket.close_reason, "")


def capped_count(count: int, cap: int) -> str:
    """A count that stops at a cap: "12", "99+"."""
    return f"{cap - 1}+" if count >= cap else str(count)


def ago(moment: datetime, now: datetime) -> str:
    """How long ago something was, in one unit: "12 min ago", "3 h ago", "2 days ago". Both aware."""
    minutes = int((now - moment).total_seconds() // 60)
    if minutes < 1:
        return _("just now")
    if minutes < 60:
        return _("%(minutes)s min ago", minutes=minutes)
    if minutes < 24 * 60:
        return _("%(hours)s h ago", hours=minutes // 60)
    return ngettext("%(num)s day ago", "%(num)s days ago", minutes // (24 * 60))


def short_day(day: date) -> str:
    """A day of this year in few signs, for dense lists: "26 nov.", "26 Nov"."""
    if language() == "fr":
        return f"{_day_fr(day)} {format_date(day, 'MMM', 'fr')}"
    return format_date(day, "d MMM", "en_GB")


def several(names: list[str], most: int = 3) -> str:
    """Names as one says them: "Alice", "Alice and Bob", "Alice, Bob and 3 others"."""
    if len(names) > most:
        shown, rest = names[: most - 1], len(names) - most + 1
        return ngettext(
            "%(names)s and %(num)s other", "%(names)s and %(num)s others", rest, names=", ".join(shown)
        )
    if len(names) > 1:
        return _("%(names)s and %(last)s", names=", ".join(names[:-1]), last=names[-1])
    return names[0] if names else ""


def then_words(target: str, label: str) -> str:
    """What happens after an answer is sent, as a choice beside its button."""
    if target == "waiting_customer":
        return _("then wait for the customer")
    if target == "resolved":
        return _("then mark as solved")
    if target == "closed":
        return _("then close for good")
    if target == "in_progress":
        return _("then go on working")
    return _("then: %(status)s", status=label)


def role_words(role: str) -> str:
    """What somebody is in an organisation."""
    return {
        "administrator": _("administrator"),
        "contact": _("approved contact"),
        "member": _("not approved"),
    }.get(role, "")


def time_of(person: Any, now: datetime) -> str:
    """The hour where somebody is, empty when it is the reader's own."""
    try:
        zone = ZoneInfo(person.time_zone)
    except (KeyError, ValueError):
        return ""
    theirs, ours = now.astimezone(zone), now.astimezone(_zone())
    if theirs.utcoffset() == ours.utcoffset():
        return ""
    hour = _time_fr(theirs) if language() == "fr" else format_time(theirs, "HH:mm", locale="en_GB")
    return _("%(hour)s there", hour=hour)


# ---- Contested priorities ----------------------------------------------------------------------------

REFUSALS |= {
    "contest-not-yours": lambda d: _(
        "You can read this request, but not contest its priority: its requester and approved contacts can."
    ),
    "contested-already": lambda d: _("The priority of this request was contested already: it is done once."),
    "nothing-lowered": lambda d: _("The priority of this request is not a lowered one: nothing to contest."),
    "contest-reason-needed": lambda d: _("Say what the lower priority does not take into account."),
    "nothing-contested": lambda d: _("Nobody contests the priority of this request."),
    "decide-not-yours": lambda d: _("A supervisor who did not lower this priority decides."),
    "contest-decided": lambda d: _("A supervisor has decided already: look at what is new."),
    "outcome-unknown": lambda d: _("Choose one of the two."),
    "answer-needed": lambda d: _("Say why the lower priority is kept: the customer will read it."),
    "priority-contested": lambda d: _(
        "The customer contests this priority: until it is decided, only a supervisor who did not lower it changes it."
    ),
}


def _unstopped(data: Mapping[str, Any], key: str) -> str:
    """What somebody said, for a line that goes on after it: without its last full stop."""
    return str(data.get(key) or "").removesuffix(".")


def _decision_sentence(data: Mapping[str, Any], who: str) -> str:
    """What a supervisor decided, as a line of the history."""
    answer = _unstopped(data, "answer")
    if data.get("outcome") == "restored":
        return (
            _("%(who)s gave the former priority back: %(answer)s", who=who, answer=answer)
            if answer
            else _("%(who)s gave the former priority back", who=who)
        )
    return _("%(who)s looked at it again and keeps the lower priority: %(answer)s", who=who, answer=answer)


class Contest:
    """A lowered priority in words, for one reader: why, whether it was contested, what was decided."""

    __slots__ = (
        "before", "contested", "decided", "definition", "kept", "lowered", "may_contest", "may_decide", "over",
        "restored", "waits",
    )  # fmt: skip

    def __init__(self, standing: Any, levels: list[Any], viewer: Any) -> None:
        by_value = {level.value: level for level in levels}
        taken = (standing.contested or standing.lowered).data.get("before")
        now = by_value.get(standing.ticket.priority)
        self.before = level_name(by_value[taken]) if taken in by_value else ""
        self.kept = level_name(now) if now is not None else ""
        self.definition = localized(now, "definition") if now is not None else ""
        self.lowered = _said_by(standing.lowered, viewer, "reason")
        self.contested = _said_by(standing.contested, viewer, "reason") if standing.contested else None
        self.decided = _said_by(standing.decided, viewer, "answer") if standing.decided else None
        self.restored = bool(standing.decided) and standing.decided.data.get("outcome") == "restored"
        self.may_contest, self.may_decide = standing.may_contest, standing.may_decide
        self.waits = standing.waits
        # It closed before anybody decided.
        self.over = standing.contested is not None and standing.decided is None and not standing.waits


def _said_by(event: Any, viewer: Any, key: str) -> dict[str, str]:
    """Who said it, when, and the words."""
    who = event.actor.full_name if event.actor else _("Somebody")
    return {
        "signed": _("%(name)s, %(when)s", name=who, when=when(event.created_at, "short")),
        "text": str(event.data.get(key) or ""),
        "mine": event.actor_id == viewer.id,
    }


def contest_outcomes(contest: Contest) -> list[tuple[str, str]]:
    """The two ways to decide, with the levels they lead to."""
    return [
        ("restored", _("Give the former priority back: %(level)s", level=contest.before)),
        ("kept", _("Keep the lower priority: %(level)s", level=contest.kept)),
    ]


# ---- Irreversible requests ---------------------------------------------------------------------------

REFUSALS |= {
    "people-needed": lambda d: _("Name at least one person."),
    "deletion-not-yours": lambda d: _("Only the person who made this request confirms it."),
    "deletion-same-person": lambda d: _(
        "You have confirmed already: somebody else must be the second person."
    ),
    "deletion-not-second": lambda d: _("You can read this request, but not confirm it as the second person."),
    "deletion-not-supervisor": lambda d: _("Only a supervisor confirms after a call."),
    "deletion-cancel-not-yours": lambda d: _(
        "The two people who confirm and our team can cancel. Ask one of them."
    ),
    "deletion-moved-on": lambda d: _("This step is over: look at where the request stands now."),
    "deletion-answer-late": lambda d: _("The time to confirm is over: this request cancels itself."),
    "deletion-text-changed": lambda d: _(
        "The text was not the one you have read. Read it again, then confirm."
    ),
    "deletion-list-changed": lambda d: _(
        "The list of people is not the one that was sent. Nothing is done: cancel this request and make a new one."
    ),
    "deletion-tick": lambda d: _("Tick the box to confirm that you know this cannot be undone."),
    "deletion-phrase": lambda d: _("Type “%(phrase)s” as it stands above.", phrase=d.get("phrase", "")),
    "deletion-second-there": lambda d: _(
        "Somebody in the organisation can confirm: %(names)s.", names=one_of(list(d.get("names", ())))
    ),
    "call-note-needed": lambda d: _("Write whom you called, on which number, and what they said."),
    "deletion-done": lambda d: _("It is done already: it can no longer be cancelled."),
    "deletion-cancelled": lambda d: _("It was cancelled: nothing may be erased."),
    "deletion-too-early": lambda d: _(
        "The waiting period runs until %(when)s. Nothing may be erased before.",
        when=when(d.get("due_at"), "long"),
    ),
    "deletion-lapsed": lambda d: _(
        "One of the two people no longer has the right to confirm. Nothing may be erased: look at where it stands now."
    ),
    "deletion-not-done": lambda d: _(
        "This request cannot be marked as solved: what it asks is neither carried out nor cancelled."
    ),
}


def _deletion_sentence(
    step: str,
    data: Mapping[str, Any],
    who: str,
    either: Callable[[str, str], str],
    name: Callable[[str], str],
) -> str:
    """A step of an irreversible request, as a line of the history."""
    if step == "announced":
        return ngettext(
            "A confirmation is asked: %(num)s person is named",
            "A confirmation is asked: %(num)s people are named",
            int(data.get("people") or 1),
        )
    if step == "confirmed":
        return either(
            _("You confirmed, knowing that it cannot be undone"),
            _("%(who)s confirmed, knowing that it cannot be undone", who=who),
        )
    if step == "seconded" and data.get("role") == "supervisor":
        return _("%(who)s confirmed after a call: %(note)s", who=who, note=data.get("call_note", ""))
    if step == "seconded":
        return either(
            _("You confirmed as the second person"), _("%(who)s confirmed as the second person", who=who)
        )
    if step == "lapsed":
        return _(
            "%(name)s no longer has the right to confirm: a second person is asked again",
            name=name("person_id"),
        )
    if step == "ready":
        return _("The waiting period is over")
    if step == "cancelled":
        return deletion_cancel_words(str(data.get("reason") or ""), str(data.get("note") or ""), who)
    return either(_("You carried it out"), _("%(who)s carried it out", who=who))


def deletion_cancel_words(reason: str, note: str, who: str) -> str:
    """Why an irreversible request was cancelled."""
    if reason == "closed":
        return _("Cancelled, because the request was closed")
    if reason == "no-answer":
        return _("Cancelled by itself: no second person confirmed in time")
    if reason == "requester-left":
        return _("Cancelled by itself: the requester no longer has the right to ask for it")
    if note:
        return _("Cancelled by %(who)s: %(note)s", who=who, note=note)
    return _("Cancelled by %(who)s", who=who)


def one_of(names: list[str], most: int = 4) -> str:
    """Names of which one is enough: "Alice", "Alice or Bob", "Alice, Bob or 3 others"."""
    if len(names) > most:
        shown, rest = names[: most - 1], len(names) - most + 1
        return ngettext(
            "%(names)s or %(num)s other", "%(names)s or %(num)s others", rest, names=", ".join(shown)
        )
    if len(names) > 1:
        return _("%(names)s or %(last)s", names=", ".join(names[:-1]), last=names[-1])
    return names[0] if names else ""


def deletion_title(standing: Any) -> str:
    """What is asked, in a few words: "Delete 2 people for good"."""
    count = len(standing.people)
    if standing.ticket.form_slug == "mfa-reset":
        return ngettext("Erase the factors of %(num)s person", "Erase the factors of %(num)s people", count)
    return ngettext("Delete %(num)s person for good", "Delete %(num)s people for good", count)


def deletion_losses(standing: Any) -> str:
    """What disappears."""
    if standing.ticket.form_slug == "mfa-reset":
        return _(
            "The enrolled factors: they cannot be put back. Until the person enrols a new one, their account is less "
            "well protected."
        )
    return _(
        "Their record, their accesses and everything that the product keeps about them. What the law obliges us to "
        "keep stays, for as long as it requires."
    )


class DeletionPlace:
    """Where an irreversible request stands, for one reader: tone, icon, title and text of a callout."""

    __slots__ = ("icon", "text", "title", "tone")

    def __init__(self, tone: str, icon: str, title: str, text: str) -> None:
        self.tone, self.icon, self.title, self.text = tone, icon, title, text


def deletion_place(standing: Any, viewer: Any, now: datetime) -> DeletionPlace:
    """Where an irreversible request stands and who has the next move, for this reader."""
    row, requester = standing.row, standing.requester.full_name
    day = long_day(standing.last_day) if standing.last_day else ""
    if row.state == "announced":
        if standing.may_confirm:
            return DeletionPlace(
                "yours",
                "pencil-fill",
                _("Yours to confirm"),
                _("Nothing is erased as long as you have not confirmed."),
            )
        return DeletionPlace(
            "ours",
            "pencil-fill",
            _("%(name)s has to confirm", name=requester),
            _("Nothing is erased before that."),
        )
    if row.state == "confirmed" and standing.may_second:
        return DeletionPlace(
            "yours",
            "person-check-fill",
            _("Your confirmation is awaited"),
            _("Before the end of %(day)s. Otherwise the request cancels itself.", day=day)
            if day
            else _("Nothing is erased before that."),
        )
    if row.state == "confirmed" and standing.asked:
        names = one_of([person.full_name for person in standing.asked])
        return DeletionPlace(
            "away",
            "people",
            _("A second person has to confirm: %(names)s", names=names),
            _("Before the end of %(day)s. Otherwise the request cancels itself.", day=day)
            if day
            else _("Nothing is erased before that."),
        )
    if row.state == "confirmed":
        if standing.may_call:
            return DeletionPlace(
                "yours",
                "telephone-fill",
                _("Call the customer, then confirm"),
                _("Nobody in the organisation can be the second person: a supervisor confirms after a call."),
            )
        return DeletionPlace(
            "ours",
            "telephone-fill",
            _("A supervisor calls before confirming"),
            _("Nobody else in the organisation can be the second person."),
        )
    if row.state == "waiting":
        return DeletionPlace(
            "yours" if standing.may_cancel and not viewer.is_staff else "away",
            "hourglass-split",
            _("Everything can still be cancelled"),
            _("Nothing is erased before %(when)s.", when=when(row.due_at, "long")),
        )
    if row.state == "ready":
        if viewer.is_agent:
            return DeletionPlace(
                "yours",
                "trash3",
                _("It can be carried out"),
                _("All confirmations are there. Check each name and number once more."),
            )
        return DeletionPlace(
            "ours", "gear", _("We carry it out"), _("Until it is done, it can still be cancelled.")
        )
    if row.state == "carried_out":
        return DeletionPlace(
            "done",
            "check-circle-fill",
            _("It is done"),
            _("Carried out on %(when)s. It cannot be undone.", when=when(row.carried_out_at, "long")),
        )
    who = row.cancelled_by.full_name if row.cancelled_by_id else _("The portal")
    return DeletionPlace(
        "over",
        "x-circle-fill",
        _("Cancelled: nothing is erased"),
        _(
            "%(why)s, on %(when)s.",
            why=deletion_cancel_words(row.cancel_reason, row.cancel_note, who),
            when=when(row.cancelled_at, "long"),
        ),
    )


def deletion_steps(standing: Any, viewer: Any) -> list[dict[str, str]]:
    """What has been, what is now, what comes: the timeline of an irreversible request."""
    row = standing.row
    cancelled = row.state == "cancelled"
    requester = standing.requester.full_name

    def step(done: bool, now: bool, icon: str, title: str, text: str) -> dict[str, str]:
        state = "done" if done else ("now" if now and not cancelled else "next")
        return {"state": state, "icon": "" if done else icon, "title": title, "text": text}

    def signed(name: str, moment: datetime) -> str:
        return _("%(name)s, %(when)s", name=name, when=when(moment, "long"))

    steps = [
        step(
            True,
            False,
            "",
            _("Request sent"),
            signed(standing.ticket.opened_by.full_name, row.announced_at),
        ),
        step(
            standing.first is not None,
            row.state == "announced",
            "pencil-fill",
            _("You confirm")
            if standing.may_confirm
            else (
                _("The requester has confirmed")
                if standing.first is not None
                else _("The requester confirms")
            ),
            signed(standing.first.person.full_name, standing.first.given_at)
            if standing.first is not None
            else (
                _("By typing the phrase below.")
                if standing.may_confirm
                else _("%(name)s, by typing a phrase.", name=requester)
            ),
        ),
    ]
    if standing.rule != "none":
        held = standing.second
        if held is not None and held.role == "supervisor":
            text = _(
                "%(name)s, our supervisor, after a call: %(note)s",
                name=held.person.full_name,
                note=held.call_note,
            )
        elif held is not None:
            text = signed(held.person.full_name, held.given_at)
        elif row.state == "announced" or standing.asked:
            names = one_of([person.full_name for person in standing.asked])
            days = ngettext(
                "%(num)s working day", "%(num)s working days", settings.get("deletion_answer_days")
            )
            text = (
                _(
                    "%(names)s, from their own account. Without an answer within %(days)s, the request cancels itself.",
                    names=names,
                    days=days,
                )
                if names
                else _(
                    "Nobody else in your organisation can: one of our supervisors calls you, then confirms."
                )
            )
        else:
            text = _("A supervisor of our team confirms after a call.")
        steps.append(
            step(held is not None, row.state == "confirmed", "people", _("A second person confirms"), text)
        )
    if standing.procedure.waits:
        hours = settings.get("deletion_wait_hours")
        over = row.state in ("ready", "carried_out")
        steps.append(
            step(
                over,
                row.state == "waiting",
                "hourglass-split",
                ngettext("%(num)s hour to change one’s mind", "%(num)s hours to change one’s mind", hours),
                _("Until %(when)s.", when=when(row.due_at, "long"))
                if row.due_at is not None
                else _("Each of the two people gets a link to cancel everything."),
            )
        )
    steps.append(
        step(
            row.state == "carried_out",
            row.state == "ready",
            "trash3",
            _("We carry it out"),
            _("On %(when)s.", when=when(row.carried_out_at, "long"))
            if row.carried_out_at is not None
            else _("A receipt names each person. Until then everything can be cancelled."),
        )
    )
    if cancelled:
        place = deletion_place(standing, viewer, row.cancelled_at)
        steps = [line for line in steps if line["state"] == "done"]
        steps.append({"state": "now", "icon": "x-circle", "title": place.title, "text": place.text})
    return steps


def deletion_remaining(standing: Any, now: datetime) -> dict[str, Any] | None:
    """How much of the waiting period is left: words and percent that has passed; None outside of it."""
    row = standing.row
    if row.state != "waiting" or row.due_at <= now:
        return None
    begun = row.seconded_at or row.confirmed_at
    whole = max((row.due_at - begun).total_seconds(), 1)
    minutes = int((row.due_at - now).total_seconds() // 60) + 1
    left = (
        _("%(hours)s h %(minutes)s min", hours=minutes // 60, minutes=minutes % 60)
        if minutes >= 60
        else _("%(minutes)s min", minutes=minutes)
    )
    return {
        "words": _("%(left)s left to cancel", left=left),
        "percent": int((now - begun).total_seconds() * 100 / whole),
    }


def deletion_receipt(standing: Any) -> list[tuple[str, str]]:
    """What the receipt says besides the names: (label, value) pairs."""
    row, ticket = standing.row, standing.ticket
    rows = [
        (_("Request"), f"{ticket.number}, {ticket.organisation.name}"),
        (
            _("Carried out"),
            _(
                "%(when)s, by %(name)s",
                when=when(row.carried_out_at, "long"),
                name=row.carried_out_by.full_name if row.carried_out_by_id else _("our team"),
            ),
        ),
    ]
    labels = {
        "requester": _("Confirmed by the requester"),
        "second": _("Confirmed by the second person"),
        "supervisor": _("Confirmed by our supervisor, after a call"),
    }
    for held in (standing.first, standing.second):
        if held is not None:
            rows.append(
                (
                    labels[held.role],
                    _("%(name)s, %(when)s", name=held.person.full_name, when=when(held.given_at, "long")),
                )
            )
            rows.append(
                (
                    _(
                        "Fingerprint of the text agreed to (version %(version)s)",
                        version=held.wording_version,
                    ),
                    held.text_hash,
                )
            )
    return rows


def deletion_confirmed_words(standing: Any, row: Any) -> str:
    """What the requester reads right after confirming."""
    if row.state == "confirmed" and standing.asked:
        return _(
            "You have confirmed. The next word is with %(names)s: the mail has left.",
            names=one_of([person.full_name for person in standing.asked]),
        )
    if row.state == "confirmed":
        return _("You have confirmed. One of our supervisors calls you before going on.")
    if row.state == "waiting":
        return _("You have confirmed. Until %(when)s you can cancel.", when=when(row.due_at, "long"))
    return _("You have confirmed. We carry it out.")


# ---- Merging, splitting, handing over ----------------------------------------------------------------

REFUSALS |= {
    "merge-unknown": lambda d: _(
        "There is no request with this number. Check it, or choose one of the list."
    ),
    "merge-itself": lambda d: _("This is the same request. Give the number of another one."),
    "merge-elsewhere": lambda d: _(
        "%(number)s belongs to another organisation. A request goes on only in one of its own organisation.",
        number=d.get("number", ""),
    ),
    "merge-into-merged": lambda d: (
        _(
            "%(number)s itself goes on in %(into)s: choose that one.",
            number=d.get("number", ""),
            into=d["into"],
        )
        if d.get("into")
        else _("%(number)s itself goes on in another request: choose that one.", number=d.get("number", ""))
    ),
    "merge-into-closed": lambda d: _(
        "%(number)s is closed and takes nothing in. Choose an open request.", number=d.get("number", "")
    ),
    "merge-into-deletion": lambda d: _(
        "%(number)s is irreversible and under way: nobody may join it. Choose another request.",
        number=d.get("number", ""),
    ),
    "merge-closed": lambda d: _("This request is over: it can no longer be merged."),
    "merge-deletion": lambda d: _(
        "This request is irreversible and under way. Carry it out or cancel it before you merge."
    ),
    "merge-licence": lambda d: _(
        "A licence is being prepared under this number. Deliver or refuse it before you merge."
    ),
    "merge-readers-changed": lambda d: _(
        "Somebody joined or left one of the two requests meanwhile. Look at who will read it, then confirm again."
    ),
    "merge-confirm": lambda d: _("Look at who will read it, then press the button below."),
    "summary-empty": lambda d: _("Give the new request a subject."),
    "split-form": lambda d: _("Choose one of the forms of the list."),
    "handover-not-yours": lambda d: _(
        "Only the requester, an administrator of the organisation or our team hands a request over."
    ),
    "handover-closed": lambda d: _("This request is over: it can no longer be handed over."),
    "handover-deletion": lambda d: _(
        "Somebody has confirmed this irreversible request, and nobody else can stand for that. Cancel it first."
    ),
    "handover-unknown": lambda d: _("Choose a colleague of the list."),
}

_OF_OTHER_REQUESTS = frozenset(
    {"ticket:created", "ticket:merged", "ticket:merged_here", "ticket:split", "ticket:handed_over"}
)


def _joining_sentence(
    kind: str,
    data: Mapping[str, Any],
    who: str,
    either: Callable[[str, str], str],
    name: Callable[[str], str],
    kin: Container[str],
) -> str:
    """A merge, a split or a handover as a line of the history; a number stands in it for those who may know of it."""
    number = str(data.get("number") or data.get("split_of") or "")
    known = number in kin
    if kind == "ticket:created":
        if known:
            return either(
                _("You split this request off from %(number)s", number=number),
                _("%(who)s split this request off from %(number)s", who=who, number=number),
            )
        return either(
            _("You split this request off from another one"),
            _("%(who)s split this request off from another one", who=who),
        )
    if kind == "ticket:merged":
        if known:
            return _("%(who)s merged it: it goes on in %(number)s", who=who, number=number)
        return _("%(who)s merged it: it goes on in another request", who=who)
    if kind == "ticket:merged_here":
        said = (
            _("%(who)s merged %(number)s into this request", who=who, number=number)
            if known
            else _("%(who)s merged another request into this one", who=who)
        )
        added = [str(address) for address in data.get("added") or ()]
        if not added:
            return said
        return ngettext(
            "%(said)s; %(names)s follows it from now on",
            "%(said)s; %(names)s follow it from now on",
            len(added),
            said=said,
            names=several(added),
        )
    if kind == "ticket:split":
        if known:
            return _("%(who)s split a message off as %(number)s", who=who, number=number)
        return _("%(who)s split a message off as another request", who=who)
    said = either(
        _("You handed this request over to %(name)s", name=name("person_id")),
        _("%(who)s handed this request over to %(name)s", who=who, name=name("person_id")),
    )
    return _("%(said)s (%(reason)s)", said=said, reason=data["reason"]) if data.get("reason") else said


REFUSALS |= {
    "audience-not-yours": lambda d: _(
        "You can read this request, but not change who can see it: its requester and the administrators can."
    ),
    "audience-unknown": lambda d: _("Choose one of the answers offered."),
    "audience-people-needed": lambda d: _("Choose at least one colleague, or another answer above."),
    "share-nobody": lambda d: _("Your organisation has no account manager at the moment."),
}


def _audience_sentence(data: Mapping[str, Any], who: str, either: Callable[[str, str], str]) -> str:
    """Who can see it from now on, as a line of the history. Without names: people from outside read it, too."""
    target, named = str(data.get("target") or ""), int(data.get("people") or 0)
    people = audience_words(target)
    if target == "people":
        people = ngettext(
            "its requester, the administrators and %(num)s named person",
            "its requester, the administrators and %(num)s named people",
            named,
        )
    return either(
        _("You changed who can see it: %(people)s", people=people),
        _("%(who)s changed who can see it: %(people)s", who=who, people=people),
    )


def _reader_reasons(organisation: str) -> dict[str, tuple[str, str]]:
    """Why somebody sees a request, by key of audience.REASONS: of one person, of several."""
    return {
        "requester": (_("requester"), _("requester")),
        "administrator": (
            _("administrator of %(organisation)s", organisation=organisation),
            _("administrators of %(organisation)s", organisation=organisation),
        ),
        "collaborator": (_("collaborator"), _("collaborators")),
        "cc": (_("in copy"), _("in copy")),
        "reader": (_("named by the requester"), _("named by the requester")),
        "contact": (
            _("approved contact, reads all the requests of %(organisation)s", organisation=organisation),
            _("approved contacts, read all the requests of %(organisation)s", organisation=organisation),
        ),
        "member": (
            _("member of %(organisation)s", organisation=organisation),
            _("members of %(organisation)s", organisation=organisation),
        ),
        "partner": (_("of a partner"), _("of a partner")),
        "account_manager": (
            _("account manager: the request is shared"),
            _("account manager: the request is shared"),
        ),
        "mails": (_("in copy, gets mails only"), _("in copy, get mails only")),
    }


def readers_said(audience: Any, organisation: str) -> str:
    """How many people can see a request, in a sentence: those of the customer, and the team."""
    if audience.more:
        return _("More than %(count)s people, and our team.", count=audience.total)
    return ngettext("%(num)s person, and our team.", "%(num)s people, and our team.", audience.total)


def reader_lines(audience: Any, viewer: Any, organisation: str, most: int | None = None) -> list[Any]:
    """Those who can see a request, one line for each reason: initials of the first, names, the reason (VIEW-13).

    Arguments: most, names in one line; beyond, how many more.
    """
    from domain.policies import initials

    groups: dict[tuple[str, bool, str], list[Any]] = {}
    for reader in audience.readers:
        copied = reader.in_copy and reader.reason in ("administrator", "partner")
        groups.setdefault((reader.reason, copied, reader.partner), []).append(reader)
    reasons = _reader_reasons(organisation)
    lines = []
    for (reason, in_copy, partner), people in groups.items():
        people = sorted(people, key=lambda row: row.person_id != viewer.id)
        names = [_("You") if row.person_id == viewer.id else row.name for row in people]
        left = len(names) - most if most is not None and len(names) > most else 0
        said = (
            ngettext(
                "%(names)s and %(num)s other",
                "%(names)s and %(num)s others",
                left,
                names=", ".join(names[:most]),
            )
            if left
            else several(names)
        )
        words = reasons[reason][len(people) > 1]
        if partner and reason == "partner":
            words = _("of %(partner)s, which acts for %(client)s", partner=partner, client=organisation)
        elif partner:
            words = _("%(reason)s, of %(partner)s", reason=words, partner=partner)
        lines.append(
            SimpleNamespace(
                initials=initials(people[0].name),
                side="mine"
                if people[0].person_id == viewer.id
                else "team"
                if reason == "account_manager"
                else "other",
                name=said,
                detail=_("%(reason)s, in copy", reason=words) if in_copy else words,
            )
        )
    if audience.others:
        lines.append(
            SimpleNamespace(
                initials="+",
                side="other",
                name=ngettext("%(num)s other person", "%(num)s other people", audience.others),
                detail=_("of %(organisation)s", organisation=organisation),
            )
        )
    return lines


@lru_cache(maxsize=512)
def _options_made(options: tuple[tuple[str, str], ...], chosen: str) -> Markup:
    return Markup("").join(
        Markup('<option value="{}"{}>{}</option>').format(
            value, Markup(" selected") if value == chosen else "", words
        )
        for value, words in options
    )


def options_html(options: Iterable[tuple[Any, Any]], chosen: Any) -> Markup:
    """The options of a select; the same ones are put together once."""
    return _options_made(tuple([(f"{value}", f"{words}") for value, words in options]), f"{chosen}")


@lru_cache(maxsize=512)
def _choices_made(columns: tuple[tuple[str, str, bool, bool], ...]) -> Markup:
    made = Markup(
        '\n<div class="choice"><input class="form-check-input" type="checkbox" name="columns" value="{0}"'
        ' id="column-{0}"{2}{3}><label for="column-{0}">{1}</label></div>'
    )
    return Markup("").join(
        made.format(name, label, " checked" if shown else "", " disabled" if fixed else "")
        for name, label, shown, fixed in columns
    )


def choices_html(columns: Iterable[Mapping[str, Any]]) -> Markup:
    """The boxes of the chooser of columns; the same ones are put together once."""
    # A column that is fixed is always shown.
    return _choices_made(
        tuple(
            [
                (
                    column["name"],
                    f"{column['label']}",
                    bool(column["shown"] or column.get("fixed")),
                    bool(column.get("fixed")),
                )
                for column in columns
            ]
        )
    )


# By language: a list asks for them several times a page.
_column_words: dict[str, dict[str, str]] = {}


def column_words() -> dict[str, str]:
    """The names of the columns of a list of requests, by key of columns.COLUMNS (VIEW-3). Not to be changed."""
    lang = language()
    known = _column_words.get(lang)
    if known is None:
        known = _column_words[lang] = _columns_named()
    return known


def _columns_named() -> dict[str, str]:
    return {
        "status": _("Status"),
        "turn": _("Whose turn"),
        "number": _("Number"),
        "unread": _("What is new"),
        "requester": _("Requester"),
        "organisation": _("Organisation"),
        "form": _("Form"),
        "kind": _("Kind"),
        "category": _("Category"),
        "product": _("Product"),
        "priority": _("Priority"),
        "team": _("Team"),
        "agent": _("Agent"),
        "created": _("Opened"),
        "updated": _("Last change"),
        "closes": _("Closes on"),
    }


def month_and_year(first: date) -> str:
    """A month of a chart, in full: "novembre 2026", "November 2026"."""
    return format_date(first, "LLLL y", "fr" if language() == "fr" else "en_GB")


def short_month(first: date) -> str:
    """A month under its bars: "nov.", "Nov"."""
    return format_date(first, "LLL", "fr" if language() == "fr" else "en_GB")


def worked(minutes: int) -> str:
    """A median of working time: minutes, or hours rounded to what a reader keeps in mind."""
    if minutes < 60:
        return _("%(minutes)s min", minutes=minutes)
    hours, rest = divmod(minutes, 60)
    if hours >= 10:
        return _("%(hours)s h", hours=hours + (rest >= 30))
    return (
        _("%(hours)s h %(minutes)s min", hours=hours, minutes=rest) if rest else _("%(hours)s h", hours=hours)
    )


REFUSALS["dashboard-not-yours"] = lambda d: _(
    "The figures are for those who read all the requests of an organisation. Ask one of its administrators."
)


def news_words(count: int) -> str:
    """How many messages of a request somebody has not read."""
    return ngettext("%(num)s new", "%(num)s new", count)


REFUSALS |= {
    "columns-unknown": lambda d: _("Choose among the columns offered."),
    "columns-none": lambda d: _("Choose at least one column for everybody."),
    "settings-not-yours": lambda d: _("Only administrators of the portal change what everybody sees."),
}


def audience_words(audience: str) -> str:
    """Who of the customers may read a request, in few words."""
    return {
        "organisation": _("the organisation"),
        "only_me": _("its requester and the administrators"),
        "people": _("its requester and named people"),
    }.get(audience, "")


def becomes(role: str) -> str:
    """What somebody becomes on a request that another one goes on in."""
    return {
        "collaborator": _("as a collaborator"),
        "cc": _("in copy"),
        "reader": _("as a reader, without mails"),
    }[role]


def handed_words(handed: Any, former: str, heir: str) -> str:
    """What became of the open requests of somebody who was taken off the list; empty when there were none."""
    said = []
    if handed.done:
        said.append(
            ngettext(
                "%(num)s open request was handed over to %(name)s.",
                "%(num)s open requests were handed over to %(name)s.",
                len(handed.done),
                name=heir,
            )
        )
    if handed.left and heir:
        said.append(
            ngettext(
                "%(numbers)s is not: somebody had confirmed it, and it cancels itself.",
                "%(numbers)s are not: somebody had confirmed them, and they cancel themselves.",
                len(handed.left),
                numbers=", ".join(row.number for row in handed.left[:10]),
            )
        )
    elif handed.left:
        said.append(
            ngettext(
                "%(num)s open request stays in the name of %(name)s: hand it over from its page. %(numbers)s",
                "%(num)s open requests stay in the name of %(name)s: hand them over from their pages. %(numbers)s",
                len(handed.left),
                name=former,
                numbers=", ".join(row.number for row in handed.left[:10]),
            )
        )
    return " ".join(said)


# ---- Drafts and advice ---------------------------------------------------------------------------------

REFUSALS |= {
    "draft-sent": lambda d: _("This was sent: there is no draft of it any more."),
    "draft-too-long": lambda d: _("This is too long to be kept as a draft. It stays in this page."),
    "drafts-many": lambda d: ngettext(
        "%(num)s unfinished text is kept: send it or put it away first.",
        "%(num)s unfinished texts are kept: send or put away some of them first.",
        d.get("limit", 0),
    ),
    "draft-pace": lambda d: _("Kept too often in the last minute: the draft is kept again in a moment."),
    "draft-nothing-earlier": lambda d: _("There is nothing to bring back."),
}


def draft_time(moment: datetime, now: datetime) -> str:
    """When a draft was kept, for a sentence: the hour alone on the same day ("14 h 32"), else day and hour."""
    local = moment.astimezone(_zone())
    if local.date() != now.astimezone(_zone()).date():
        return when(moment, "short")
    return _time_fr(local) if language() == "fr" else format_time(local, "HH:mm", locale="en_GB")


def draft_kept(moment: datetime, now: datetime) -> str:
    """The calm line under a form: its text is kept."""
    return _("Draft kept, %(time)s", time=draft_time(moment, now))


def draft_place(found: Any, form_name: str, organisation: str) -> str:
    """What an unfinished text is, in a list. found: a domain.drafts.Unfinished."""
    if found.draft.kind == "form":
        if found.draft.follow_up:
            return _("%(form)s, follow-up of %(number)s", form=form_name, number=found.draft.follow_up)
        return (
            _("%(form)s, for %(organisation)s", form=form_name, organisation=organisation)
            if organisation
            else form_name
        )
    if found.draft.kind == "note":
        return _("Internal note on %(number)s", number=found.ticket.number)
    return _("Answer on %(number)s", number=found.ticket.number)


def advice(code: str, written: counsel.Written, example: str) -> str:
    """One piece of advice in words. example: that of the form, in the reader's language, or empty."""
    rather = (
        _("Rather: “%(example)s”", example=example)
        if example
        else _("Name the screen, the message and who is affected.")
    )
    said = {
        "too-general": lambda: (
            _("“%(summary)s” could be any request.", summary=written.summary) + " " + rather
        ),
        "one-word": lambda: _("One word says little: where, and what happens there?") + " " + rather,
        "capitals": lambda: _("Small letters are easier to read, and are answered just as fast."),
        "message-missing": lambda: _(
            "Copy the whole text of the message between quotes, or paste a screenshot of the whole window: "
            "that often saves a question."
        ),
        "version-missing": lambda: _("Name the version of your product: it stands under Help, About."),
    }
    return said[code]()


# ---- The guided path -------------------------------------------------------------------------------------

REFUSALS |= {
    "setting-words": lambda d: _(
        "Choose among %(words)s; %(needed)s is always there.",
        words=", ".join(d.get("words", ())),
        needed=", ".join(d.get("needed", ())),
    ),
    "extra-key": lambda d: _(
        "“%(key)s” cannot be the key of a question: small letters, digits and _, at most 40, and none of the names "
        "that every form uses.",
        key=d.get("key", ""),
    ),
    "extra-options": lambda d: _("A choice needs two answers or more."),
    "profile-option-long": lambda d: _("An answer has at most %(limit)s characters.", limit=d["limit"]),
    "profile-answer-long": lambda d: _("At most %(limit)s characters.", limit=d["limit"]),
    "profile-answer-unknown": lambda d: _("Choose one of the answers of the list."),
    "extra-options-many": lambda d: _("At most %(most)s answers.", most=d.get("most", 0)),
}


def guided_step(step: str) -> str:
    """A step of the guided path in one or two words."""
    return {
        "product": _("Product"),
        "kind": _("Kind"),
        "feature": _("Feature"),
        "priority": _("Priority"),
        "details": _("Description"),
        "files": _("Files and copies"),
        "recap": _("Review"),
    }[step]


def guided_title(step: str) -> str:
    """What a step of the guided path asks."""
    return {
        "product": _("Which product is it about?"),
        "kind": _("What kind of request is it?"),
        "feature": _("Which feature is concerned?"),
        "priority": _("How much does it hold you up?"),
        "details": _("Describe your request"),
        "files": _("Files, and who follows it"),
        "recap": _("Read it once more, then send it"),
    }[step]


REFUSALS |= {
    "text-too-long": lambda d: _("Shorten this text to %(limit)s characters.", limit=d.get("limit", "")),
    "incident-title-needed": lambda d: _("Give a title, in one language at least."),
    "incident-body-needed": lambda d: _("Say what is known, in one language at least."),
    "incident-services-needed": lambda d: _("Choose at least one service."),
    "incident-impact-unknown": lambda d: _("Choose one of the answers offered."),
    "incident-state-unknown": lambda d: _(
        "Choose a state that fits: planned work and incidents have their own."
    ),
    "incident-starts-later": lambda d: _(
        "An incident has begun already. For what is to come, choose maintenance."
    ),
    "maintenance-end-needed": lambda d: _("Say when the work is to end: later than it begins."),
    "incident-over": lambda d: _("This incident is over: nothing is added to it any more."),
    "incident-not-running": lambda d: _("This incident is not under way: there is nothing to join."),
    "incident-changed": lambda d: _(
        "A colleague changed this incident meanwhile. Look at what is new, then try again: your text is kept."
    ),
    "affected-already": lambda d: _(
        "Your organisation has said so already: a colleague follows it. You need do nothing."
    ),
    "affected-unknown": lambda d: _("Choose one of your open requests."),
    "numbers-needed": lambda d: _("Give the number of at least one request, such as SUP-2041."),
    "number-unknown": lambda d: _("there is no such request."),
    "nobody-joined": lambda d: _("Nobody has joined this incident: there is nobody to answer."),
    "answer-words-needed": lambda d: _("Write your answer, in one language at least."),
    "announcement-title-needed": lambda d: _("Give a title in this language."),
    "announcement-ends-later": lambda d: _("Choose a day that is not before the first one."),
    "announcement-organisations": lambda d: _("Name at least one organisation."),
    "announcement-no-organisations": lambda d: _("Leave this empty, or choose “Some organisations” above."),
    "announcement-stays": lambda d: _("A warning stays until its last day."),
}


# ---- Ideas -------------------------------------------------------------------------------------------

REFUSALS |= {
    "ideas-not-yours": lambda d: _(
        "Ideas are open as soon as our team has attached your account to your organisation."
    ),
    "idea-kind-unknown": lambda d: _("Choose one of the two."),
    "idea-title-needed": lambda d: _("Give your idea a title."),
    "idea-problem-needed": lambda d: _("Say which problem it solves."),
    "idea-details-needed": lambda d: _("Write what you want to discuss."),
    "idea-product-unknown": lambda d: _("Choose one of the products of the list."),
    "idea-not-yours": lambda d: _("Only its author changes an idea."),
    "idea-answered": lambda d: _(
        "It is too late to change this: somebody has answered it, or its time is over. Add a comment."
    ),
    "idea-own-vote": lambda d: _("Your own idea counts already: votes are those of the others."),
    "idea-over": lambda d: _("This idea takes no more votes or words: look at what became of it."),
    "idea-state-unknown": lambda d: _("Choose one of the states of the list."),
    "idea-state-same": lambda d: _("The idea has this state already."),
    "idea-sentence-needed": lambda d: _("Say why, in one language at least: everybody will read it."),
    "idea-moved": lambda d: _(
        "A colleague has just moved this idea. Look at its new state, then try again: your text is kept."
    ),
    "idea-hidden-already": lambda d: _("This is hidden already."),
    "idea-shown-already": lambda d: _("This is not hidden."),
    "idea-reason-needed": lambda d: _("Say why: the record keeps it, and the author reads it."),
    "idea-not-desk": lambda d: _("Only our team does this."),
    "idea-into-unknown": lambda d: _("Give the number of another idea that is open to everybody."),
    "idea-into-itself": lambda d: _("Give another number: an idea does not go on in itself."),
    "too-many-posts": lambda d: _(
        "That is a lot in one minute. Wait a little, then send it again: it is kept."
    ),
    "assistant-away": lambda d: _("These questions are not taken here at the moment: call us."),
    "assistant-subject-unknown": lambda d: _("Choose what it is about."),
}

_IDEA_TONES = {
    "submitted": ("new", "inbox"),
    "under_review": ("ours", "search"),
    "planned": ("away", "calendar-check"),
    "under_way": ("ours", "gear"),
    "done": ("done", "check-circle-fill"),
    "not_kept": ("over", "slash-circle"),
}


class IdeaState(NamedTuple):
    """The state of an idea as templates show it."""

    key: str
    label: str
    tone: str
    icon: str


def idea_states() -> dict[str, IdeaState]:
    """Every state of an idea in words, in order."""
    labels = {
        "submitted": _("Submitted"),
        "under_review": _("Under review"),
        "planned": _("Planned"),
        "under_way": _("Under way"),
        "done": _("Shipped"),
        "not_kept": _("Not kept"),
    }
    return {key: IdeaState(key, labels[key], *_IDEA_TONES[key]) for key in _IDEA_TONES}


def public_name(full_name: str) -> str:
    """How a customer is named to customers of other organisations: given name and initial, "Alice M."."""
    words = full_name.split()
    if not words or "@" in full_name:
        return _("A customer")
    return f"{words[0]} {words[-1][0].upper()}." if len(words) > 1 else words[0]


def idea_author(viewer: Any, person: Any, by_team: bool, organisation: str = "") -> str:
    """Who wrote an idea or a comment, for this reader: staff read whole names and organisations, customers neither."""
    if person.id == viewer.id:
        return _("You")
    if viewer.is_staff and not by_team and organisation:
        return _("%(name)s, %(organisation)s", name=person.full_name, organisation=organisation)
    return str(person.full_name) if viewer.is_staff or by_team else public_name(person.full_name)


# ---- Help --------------------------------------------------------------------------------------------


def assistant_subjects() -> dict[str, str]:
    """What a question that is not technical may be about, in order."""
    return {
        "contract": _("Contract, offer or invoice conditions"),
        "training": _("Training"),
        "project": _("A project or advice"),
        "event": _("An event or a meeting"),
        "other": _("Something else"),
    }


class Telephone(NamedTuple):
    """A telephone line as pages show it: number, whether somebody answers, and in whose time that is said."""

    region: str
    phone: str
    digits: str
    is_open: bool
    state: str
    zone: str
    sentence: str
    languages: str


class LineDay(NamedTuple):
    """One day of a telephone line in the reader's zone."""

    day: date
    label: str
    hours: str
    is_today: bool


def clock_hour(moment: datetime) -> str:
    """The hour of an instant in the reader's zone: 9 h, 9 h 30, 09:30."""
    local = moment.astimezone(_zone())
    return _time_fr(local) if language() == "fr" else f"{local:%H:%M}"


def zone_words(is_own: bool) -> str:
    """In whose time hours are said: the reader's own, or that of the portal, by its city."""
    if is_own:
        return _("in your time zone")
    city = str(getattr(_zone(), "key", None) or _zone()).rpartition("/")[2].replace("_", " ")
    return _("%(city)s time", city=city)


def line_state(standing: Any, now: datetime) -> str:
    """Whether a telephone line is answered: "Open until 18:00", "Opens tomorrow at 09:00"."""
    if standing.open_until is not None:
        until = standing.open_until
        if until - now > timedelta(days=7):
            return _("Open day and night")
        if until.astimezone(_zone()).date() == now.astimezone(_zone()).date():
            return _("Open until %(hour)s", hour=clock_hour(until))
        if until - now < timedelta(hours=24):
            return _("Open until %(hour)s tomorrow", hour=clock_hour(until))
        return _(
            "Open until %(day)s at %(hour)s",
            day=long_day(until.astimezone(_zone()).date()),
            hour=clock_hour(until),
        )
    if standing.opens_at is None:
        return _("Closed")
    opens = standing.opens_at.astimezone(_zone()).date()
    today = now.astimezone(_zone()).date()
    hour = clock_hour(standing.opens_at)
    if opens == today:
        return _("Opens today at %(hour)s", hour=hour)
    if opens == today + timedelta(days=1):
        return _("Opens tomorrow at %(hour)s", hour=hour)
    return _("Opens on %(day)s at %(hour)s", day=long_day(opens), hour=hour)


def telephone_words(line: Any, now: datetime, is_own_zone: bool) -> Telephone:
    """A telephone line for a reader; without one, the number and the hours of the settings.

    Arguments: line, of domain/telephone.py, or None; now, aware; is_own_zone, the page is in the reader's own zone
    rather than in that of the portal.
    """
    if line is None:
        number = str(settings.get("help_phone"))
        return Telephone(
            "", number, _dialled(number), True, str(settings.get(f"help_hours_{language()}")), "", "", ""
        )
    standing = telephone.standing(line, now)
    locale = get_locale() or Locale("fr")
    spoken = [str(locale.languages.get(code, code)) for code in line.languages]
    return Telephone(
        localized(line, "region"),
        line.phone,
        _dialled(line.phone),
        standing.is_open,
        line_state(standing, now),
        zone_words(is_own_zone),
        localized(line, "sentence"),
        ", ".join(spoken),
    )


def _dialled(number: str) -> str:
    """A number as a link of a telephone takes it."""
    return re.sub(r"[^0-9+*#]", "", number)


def line_days(line: Any, now: datetime) -> list[LineDay]:
    """When a line is answered on this day and the six after it, in the reader's zone."""
    zone = _zone()
    today = now.astimezone(zone).date()
    start = datetime.combine(today, datetime.min.time(), zone)
    days: dict[date, list[str]] = {today + timedelta(days=n): [] for n in range(telephone.DAYS_SHOWN)}
    for opens, closes in _joined(telephone.coming(line, start)):
        begins, ends = opens.astimezone(zone), closes.astimezone(zone)
        # A period that goes over midnight there belongs to both days here.
        for day in days:
            first = datetime.combine(day, datetime.min.time(), zone)
            last = datetime.combine(day + timedelta(days=1), datetime.min.time(), zone)
            if begins < last and ends > first:
                left, right = max(begins, first), min(ends, last)
                end = _midnight() if right == last else clock_hour(right)
                days[day].append(f"{clock_hour(left)}–{end}")
    return [
        LineDay(day, long_day(day), ", ".join(hours) or _("closed"), day == today)
        for day, hours in days.items()
    ]


def _joined(periods: list[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """Periods that touch as one."""
    found: list[tuple[datetime, datetime]] = []
    for opens, closes in periods:
        if found and found[-1][1] == opens:
            found[-1] = (found[-1][0], closes)
        else:
            found.append((opens, closes))
    return found


def _midnight() -> str:
    return "24\u00a0h" if language() == "fr" else "24:00"


# ---- Mails and what people chose about them ------------------------------------------------------------


def mail_names() -> dict[str, str]:
    """What each mail is, in a few words: for lists of mails."""
    return {
        "account-password": _("Link to choose a password"),
        "account-invitation": _("Invitation"),
        "account-exists": _("There is an account already"),
        "account-username": _("Lost user name"),
        "contacts-review": _("List of contacts to confirm"),
        "partner-link": _("An organisation acts for another one"),
        "account-locked": _("An account is locked"),
        "password-changed": _("The password has changed"),
        "address-confirm": _("Link to confirm a new address"),
        "address-taken": _("The address is in use already"),
        "address-asked": _("Another address was asked for"),
        "address-changed": _("The address has changed"),
        "registration-waiting": _("Somebody waits to be attached"),
        "request-received": _("Confirmation that it is received"),
        "reply": _("An answer"),
        "status-changed": _("Change of status"),
        "blocked": _("Another request comes first"),
        "reminder": _("Reminder"),
        "kept-open": _("Kept open longer"),
        "closed": _("Closing"),
        "reopened": _("Reopening"),
        "cc-added": _("Put in copy of a request"),
        "priority-lowered": _("Lower priority"),
        "priority-contested": _("Contested priority"),
        "priority-decided": _("Decision about the priority"),
        "reply-refused": _("Answer that came too late"),
        "redacted": _("Something was taken out"),
        "consent-withdrawn": _("A consent was taken back"),
        "request-merged": _("Goes on in another request"),
        "request-handed-over": _("Handed over"),
        "satisfaction": _("How did it go?"),
        "digest": _("News gathered in one mail"),
        "team-new": _("New for the team"),
        "team-reply": _("Answer of the customer"),
        "team-assigned": _("Given to an agent"),
        "team-tested": _("Tested by the customer"),
        "deletion-confirm": _("Deletion to be confirmed"),
        "deletion-second": _("Second confirmation of a deletion"),
        "deletion-waiting": _("Waiting period of a deletion"),
        "deletion-ready": _("Deletion to be carried out"),
        "deletion-cancelled": _("Deletion cancelled"),
        "deletion-done": _("Receipt of a deletion"),
    }


class GroupWords(NamedTuple):
    """A group of mails in words: its name, and what is in it."""

    label: str
    text: str


def mail_groups() -> dict[str, GroupWords]:
    """The groups of mails about which people choose (VIEW-15)."""
    return {
        "answers": GroupWords(_("Answers"), _("Somebody writes on a request that you follow.")),
        "moves": GroupWords(
            _("Changes of status and priority"),
            _("A request moves on, waits for another one, opens again, or has another priority."),
        ),
        "confirmations": GroupWords(
            _("Confirmations"),
            _("A request is received, handed over or merged; somebody puts you in copy."),
        ),
        "desk": GroupWords(
            _("Work for your team"),
            _("A request comes into your team, is given to you, or was tested by the customer."),
        ),
        "satisfaction": GroupWords(_("How did it go?"), _("One question, once a request is closed.")),
        "copy": GroupWords(
            _("Mails about this request"), _("Your address is in copy of it: all its mails end with that.")
        ),
        "gathered": GroupWords(
            _("News gathered in one mail"), _("What you chose to get by the hour or daily.")
        ),
    }


def mail_paces() -> dict[str, str]:
    """When the mails of a group leave."""
    return {
        "now": _("At once"),
        "hourly": _("Gathered, every hour"),
        "daily": _("Gathered, once a day"),
        "off": _("Never"),
    }


# Why a mail was not sent: the reasons that outbox rows keep.
SKIP_REASONS: dict[str, Callable[[], str]] = {
    "not-wanted": lambda: _("this person chose not to get it"),
    "may-not-see": lambda: _("this person no longer reads the request"),
    "no-longer-in-copy": lambda: _("this address is no longer in copy"),
    "person-disabled": lambda: _("this account is disabled"),
    "answered-meanwhile": lambda: _("an answer came before it left"),
    "moved-on": lambda: _("things had moved on before it left"),
    "assigned-elsewhere": lambda: _("somebody else had it before it left"),
    "nothing-left": lambda: _("nothing of it was left to say"),
    "link-expired": lambda: _("its link was out of date"),
    "demo": lambda: _("part of the demo world"),
}


def skip_reason(reason: str) -> str:
    """Why a mail was not sent, in words."""
    words = SKIP_REASONS.get(reason)
    return words() if words else _("it had no more reason to leave")


class ScoreWords(NamedTuple):
    """One answer of the satisfaction question: word, icon, tone."""

    label: str
    icon: str
    tone: str


def scores() -> dict[int, ScoreWords]:
    """The five answers to "how did it go?", from bad to very good (VIEW-17)."""
    return {
        1: ScoreWords(_("Very badly"), "x-circle", "stuck"),
        2: ScoreWords(_("Badly"), "hand-thumbs-down", "yours"),
        3: ScoreWords(_("Neither well nor badly"), "circle", "over"),
        4: ScoreWords(_("Well"), "hand-thumbs-up", "ours"),
        5: ScoreWords(_("Very well"), "star-fill", "done"),
    }


class MailLine(NamedTuple):
    """One mail of a request in words: what, to whom, where it stands; id is 0 when its text is not for this
    reader, icon empty when nothing holds it up."""

    id: int
    what: str
    who: str
    state: str
    icon: str


def mail_lines(entries: Iterable[Any]) -> list[MailLine]:
    """The mails of a request as its page shows them (VIEW-15). Arguments: entries, of mail_log.entries()."""
    names = mail_names()
    found = []
    for entry in entries:
        moment = when(entry.at, "short") if entry.at is not None else ""
        if entry.state == "sent":
            state, picture = _("sent %(when)s", when=moment), ""
        elif entry.state in ("hourly", "daily"):
            state, picture = _("waits for the gathered mail of %(when)s", when=moment), "hourglass-split"
        elif entry.state == "quiet":
            state, picture = _("quiet hours: leaves %(when)s", when=moment), "moon"
        elif entry.state == "failed":
            state, picture = _("could not be sent"), "envelope-exclamation"
            if entry.error:
                state = _("could not be sent (%(error)s)", error=entry.error)
        elif entry.state == "skipped":
            state, picture = _("not sent: %(reason)s", reason=skip_reason(entry.reason)), "slash-circle"
        else:
            state, picture = _("on its way"), ""
        found.append(
            MailLine(
                id=entry.id if entry.may_read else 0,
                what=names.get(entry.template, entry.template),
                who=_("you") if entry.mine else entry.name,
                state=state,
                icon=picture,
            )
        )
    return found


def clock_words(minutes: int) -> str:
    """A time of day, in minutes: "22 h 30", "22:30"."""
    hour, minute = divmod(minutes, 60)
    if language() == "fr":
        return f"{hour}\u00a0h\u00a0{minute:02d}" if minute else f"{hour}\u00a0h"
    return f"{hour:02d}:{minute:02d}"


def share(part: int, whole: int) -> str:
    """A share as people read it: "67 %", "67%"; a dash when there is nothing to share."""
    if not whole:
        return "–"
    share = round(100 * part / whole)
    return f"{share}\u202f%" if language() == "fr" else f"{share}%"


def month_year(month: str) -> str:
    """A month such as 2026-11 in words, with its year."""
    year, number = month.split("-")
    return f"{month_name(int(number))} {year}"


def months_counted(count: int) -> str:
    """A number of months, the present one included."""
    if count == 1:
        return _("This month")
    return ngettext("%(num)s month", "%(num)s months", count)


class SatisfactionPlace(NamedTuple):
    """What the page of a closed request shows of how it went: a question, or the answer."""

    score: ScoreWords | None
    comment: str
    when: datetime | None
    may_answer: bool
    until: datetime


def satisfaction_place(standing: Any) -> SatisfactionPlace | None:
    """The question for the requester, the answer for the desk; None when there is nothing to show (VIEW-17)."""
    if standing is None or (standing.row.score is None and not standing.may_answer):
        return None
    row = standing.row
    return SatisfactionPlace(
        scores()[row.score] if row.score else None,
        row.comment,
        row.changed_at or row.answered_at,
        standing.may_answer,
        standing.until,
    )


# ---- Partners and their clients (ACC-18) --------------------------------------------------------------------


def partner_link(link: Any, side: str) -> SimpleNamespace:
    """A link between two organisations in words, with its rows.

    Arguments: side, "partner" or "client": who reads it; staff read as "client".
    Returns name (of the other one), allowed (sentences), days, note, is_coming.
    """
    if side == "partner":
        opens = _("You may open requests for them.") if link.may_open else _("You open no requests for them.")
        reads = (
            _("You read the requests that they left open to their organisation.")
            if link.reads == "all"
            else _("You read the requests that you opened for them.")
        )
    else:
        opens = _("May open requests for you.") if link.may_open else _("Opens no requests for you.")
        reads = (
            _("Reads the requests that you left open to your organisation.")
            if link.reads == "all"
            else _("Reads the requests that it opened for you, and no others.")
        )
    coming = link.begun_at is None
    first = when(link.starts_at, "day")
    if link.until is not None:
        last = when(link.until - timedelta(seconds=1), "day")
        days = _("From %(first)s to %(last)s.", first=first, last=last)
    else:
        days = _("From %(first)s on.", first=first) if coming else _("Since %(first)s.", first=first)
    return SimpleNamespace(
        name=link.client.name if side == "partner" else link.partner.name,
        allowed=[opens, reads],
        days=days,
        note=link.note,
        is_coming=coming,
    )


def partner_line(link: Any) -> str:
    """A link in one sentence, for the team: who acts for this customer, and what for."""
    name = link.partner.name
    if link.may_open and link.reads == "all":
        return _(
            "%(partner)s opens requests for it and reads all that is open to the organisation.", partner=name
        )
    if link.may_open:
        return _("%(partner)s opens requests for it and reads those.", partner=name)
    if link.reads == "all":
        return _("%(partner)s reads all that is open to the organisation.", partner=name)
    return _("%(partner)s reads the requests that it opened for it.", partner=name)


def partner_first(what: str, partner: str, client: str) -> str:
    """What a mail about a link says first. Arguments: what, "set", "changed" or "ended"; the names of both."""
    if what == "ended":
        return _(
            "%(partner)s no longer acts for %(client)s. Its people see none of the requests of %(client)s any more; "
            "all of them stay with %(client)s.",
            partner=partner,
            client=client,
        )
    if what == "changed":
        return _(
            "Our team has changed what %(partner)s may do for %(client)s. It is now:",
            partner=partner,
            client=client,
        )
    return _("Our team has let %(partner)s act for %(client)s:", partner=partner, client=client)


def partner_last(what: str, side: str, partner: str, client: str) -> str:
    """What such a mail says last: what each side can do."""
    if side == "partner":
        return (
            _("Ask us if you think that this is a mistake.")
            if what == "ended"
            else _("Choose %(client)s when you open a request for it.", client=client)
        )
    return (
        _("Ask us if you think that this is a mistake.")
        if what == "ended"
        else _("You do not agree, or it is to end? Tell us, and we end it: access stops at once.")
    )


# ---- Why somebody sees a request (STAFF-9) -----------------------------------------------------------------


def _way_names() -> dict[str, str]:
    return {
        "desk": _("As a member of the team, at the desk"),
        "account_manager": _("As the account manager of the organisation"),
        "participant": _("In copy, as a collaborator or as a named reader"),
        "requester": _("As the requester"),
        "administrator": _("As an administrator of the organisation"),
        "colleague": _("As a colleague who reads the requests of the organisation"),
        "partner_requester": _("As the requester, through a partner of the organisation"),
        "partner": _("As somebody of a partner of the organisation"),
    }


def _fact_words(person: Viewer, ticket: Any) -> dict[str, tuple[str, str]]:
    """For each fact of policies.WAYS: what to say when it holds, and when it does not."""
    organisation, requester = ticket.organisation.name, ticket.requester.full_name
    only = {
        "only_me": _("It is open to its requester and to administrators only."),
        "people": _("It is open to named people only."),
    }
    return {
        "desk": (
            _("Works at the desk, where every request is read."),
            _("Does not work at the desk."),
        ),
        "account_manager": (
            _("Is an account manager."),
            _("Is no account manager."),
        ),
        "manages": (
            _("Looks after %(organisation)s.", organisation=organisation),
            _("Does not look after %(organisation)s.", organisation=organisation),
        ),
        "shared": (
            _("The request is shared with the account manager."),
            _("The request is not shared with the account manager."),
        ),
        "customer": (
            _("Is a customer."),
            _("Is a colleague of ours: this way is for customers."),
        ),
        "proven": (
            _("Has proven the address %(address)s.", address=person.email),
            _("Has not proven the address %(address)s yet.", address=person.email),
        ),
        "participant": (
            _("Is in copy, a collaborator, or named as a reader."),
            _("Is neither in copy, nor a collaborator, nor named as a reader."),
        ),
        "requester": (
            _("Is the requester."),
            _("Is not the requester: that is %(name)s.", name=requester),
        ),
        "member": (
            _("Is a member of %(organisation)s.", organisation=organisation),
            _("Is no member of %(organisation)s, or it is switched off.", organisation=organisation),
        ),
        "administrator": (
            _("Is an administrator of %(organisation)s.", organisation=organisation),
            _("Is no administrator of %(organisation)s.", organisation=organisation),
        ),
        "reads_all": (
            _("Reads the requests of colleagues at %(organisation)s.", organisation=organisation),
            _(
                "Does not read the requests of colleagues at %(organisation)s, by rights or by settings.",
                organisation=organisation,
            ),
        ),
        "acts_for": (
            _(
                "It came through an organisation of theirs that acts for %(organisation)s.",
                organisation=organisation,
            ),
            _(
                "It did not come through an organisation of theirs that acts for %(organisation)s now.",
                organisation=organisation,
            ),
        ),
        "reads_clients": (
            _(
                "Reads the requests of %(organisation)s for an organisation that acts for it, as the link allows.",
                organisation=organisation,
            ),
            _(
                "Reads no such request of %(organisation)s as somebody of a partner, by links, rights or settings.",
                organisation=organisation,
            ),
        ),
        "open": (
            _("The request is open to the organisation."),
            only.get(ticket.audience, _("The request is not open to the organisation.")),
        ),
    }


def _act_names() -> dict[str, str]:
    return {
        "reply": _("Answer"),
        "close": _("Close it"),
        "follow_up": _("Open a follow-up"),
        "copy": _("Put people in copy, and take them out"),
        "audience": _("Decide who can see it"),
        "hand_over": _("Hand it to a colleague"),
        "contest": _("Contest a lowered priority"),
        "note": _("Read and write internal notes"),
    }


def sight_words(told: Sight, person: Viewer, ticket: Any) -> SimpleNamespace:
    """An explanation in words.

    Arguments: person, whose sight is explained; ticket, with its organisation and its requester.
    Returns sees, sentence, active, ways (name, is_open, facts of words and holds), acts (name, may).
    """
    names, words, acts = _way_names(), _fact_words(person, ticket), _act_names()
    values = {"name": person.full_name, "number": ticket.number}
    if told.sees:
        sentence = _("%(name)s can see %(number)s.", **values)
    elif not told.active:
        sentence = _("%(name)s cannot see %(number)s: the account is disabled.", **values)
    else:
        sentence = _("%(name)s cannot see %(number)s.", **values)
    return SimpleNamespace(
        sees=told.sees,
        active=told.active,
        sentence=sentence,
        ways=[
            SimpleNamespace(
                name=names[way.key],
                is_open=way.is_open,
                facts=[
                    SimpleNamespace(words=words[fact.key][0 if fact.holds else 1], holds=fact.holds)
                    for fact in way.facts
                ],
            )
            for way in told.ways
        ],
        acts=[SimpleNamespace(name=acts[key], may=may) for key, may in told.acts],
    )


def viewings(entries: Iterable[Any]) -> list[str]:
    """The times somebody saw the portal as a person did, from the record: who, when, why, and how each ended."""
    endings = {
        "button": _("ended by hand"),
        "time": _("ended by time"),
        "session": _("ended with the session"),
        "rights": _("ended with the rights of the admin"),
        "person": _("ended with the account"),
    }
    lines = []
    for entry in entries:
        values = {
            "who": entry.actor.full_name if entry.actor_id else _("somebody who is gone"),
            "when": when(entry.created_at, "long"),
        }
        if entry.kind == "viewing:started":
            lines.append(_("%(when)s: %(who)s began (%(why)s)", why=entry.data.get("reason", ""), **values))
        else:
            how = endings.get(entry.data.get("how", ""), "")
            lines.append(_("%(when)s: %(who)s, %(how)s", how=how, **values))
    return lines
