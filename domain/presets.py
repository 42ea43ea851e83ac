"""Presets: the whole set-up of a portal as one readable file (presets/<name>.toml).

Applying one writes its rows. Each row is found again by its natural key (slug, status, value, name), so that applying
the same file twice changes nothing. Applying it again later puts the rows of the file back as the file says, changes
made on admin screens included; rows that an admin added stay, as do requests, people and organisations. The
number counter of a portal and a published consent text are never touched, nor is an article that somebody edited.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peewee import Field, IntegrityError

from domain import (
    audit,
    catalogue,
    closing,
    guidance,
    guided,
    knowledge,
    profile_questions,
    rule_texts,
    settings,
    telephone,
)
from domain.closing_rules import ClosingRule as CheckedClosingRule
from domain.lifecycle import STATUSES
from domain.refusals import Invalid, Missing
from domain.workdays import WorkCalendar, is_known_region, read_hours
from models import (
    Article,
    Calendar,
    CalendarClosingDay,
    Category,
    ClosingRule,
    ConsentText,
    EscalationLine,
    ExtraField,
    Feature,
    HelpLine,
    Highlight,
    Kind,
    Portal,
    Product,
    ProductKind,
    ProfileQuestion,
    RequestForm,
    RoutingRule,
    Scale,
    ScaleLevel,
    StatusLabel,
    Table,
    Team,
    Topic,
    db,
)

if TYPE_CHECKING:
    from domain.policies import Viewer

FOLDER = Path(__file__).resolve().parent.parent / "presets"
FORMAT = 1
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

# What a table of the file may say, in the order in which the file says it: columns of the same name.
PORTAL = ("slug", "prefix", "name_fr", "name_en", "sentence_fr", "sentence_en", "url")
CALENDAR = ("name", "country", "subdivision", "time_zone", "is_default", "hours", "closing_days")
TEAM = ("slug", "icon", "name_fr", "name_en", "sentence_fr", "sentence_en", "calendar", "is_active")
KIND = (
    "slug",
    "name_fr",
    "name_en",
    "definition_fr",
    "definition_en",
    "example_fr",
    "example_en",
    "is_active",
)
SCALE = ("slug", "name_fr", "name_en", "levels")
LEVEL = (
    "value", "name_fr", "name_en", "definition_fr", "definition_en", "example_fr", "example_en",
    "response_minutes", "resolution_minutes",
)  # fmt: skip
PRODUCT = ("slug", "name_fr", "name_en", "current_version", "editions", "kinds", "is_active")
FEATURE = ("slug", "product", "kind", "name_fr", "name_en", "hint_fr", "hint_en", "is_active")
EXTRA_FIELD = (
    "key", "answer", "is_required", "product", "kind", "feature", "article", "name_fr", "name_en", "help_fr", "help_en",
    "options", "is_active",
)  # fmt: skip
CATEGORY = (
    "slug",
    "icon",
    "name_fr",
    "name_en",
    "when_fr",
    "when_en",
    "example_fr",
    "example_en",
    "is_active",
)
FORM = (
    "slug", "category", "kind", "scale", "icon", "asks_consent", "name_fr", "name_en", "when_fr", "when_en",
    "purpose_fr", "purpose_en", "include_fr", "include_en", "warning_fr", "warning_en", "example_fr", "example_en",
    "is_active",
)  # fmt: skip
ROUTING = ("category", "form", "product", "kind", "feature", "team", "is_active")
CLOSING_TEXTS = ("reminder_text_fr", "reminder_text_en", "closing_text_fr", "closing_text_en")
CLOSING = (
    "status", "form", "unit", "reminders", "after", "final_status", "calendar", *CLOSING_TEXTS, "is_active",
)  # fmt: skip
STATUS = ("status", "kind", "icon", "customer_fr", "customer_en", "team_fr", "team_en", "turn_fr", "turn_en")
CONSENT = ("version", "text_fr", "text_en")
TOPIC = ("slug", "icon", "name_fr", "name_en", "sentence_fr", "sentence_en", "is_featured", "is_active")
HELP_LINE = (
    "slug", "region_fr", "region_en", "countries", "phone", "languages", "calendar", "sentence_fr", "sentence_en",
    "is_active",
)  # fmt: skip
ESCALATION_LINE = (
    "slug", "level_fr", "level_en", "situation_fr", "situation_en", "whom_fr", "whom_en", "email", "phone", "form",
    "is_active",
)  # fmt: skip
HIGHLIGHT = (
    "slug", "icon", "title_fr", "title_en", "sentence_fr", "sentence_en", "link", "audience", "is_active",
)  # fmt: skip
PROFILE_QUESTION = (
    "slug", "answer", "name_fr", "name_en", "help_fr", "help_en", "options", "is_active",
)  # fmt: skip
ARTICLE = ("slug", "kind", "topic", "audience", "state", "position", *knowledge.WRITTEN)

TABLES: dict[str, tuple[str, ...]] = {
    "portals": PORTAL,
    "calendars": CALENDAR,
    "teams": TEAM,
    "kinds": KIND,
    "scales": SCALE,
    "products": PRODUCT,
    "categories": CATEGORY,
    "forms": FORM,
    "features": FEATURE,
    "extra_fields": EXTRA_FIELD,
    "routing": ROUTING,
    "closing": CLOSING,
    "statuses": STATUS,
    "consents": CONSENT,
    "topics": TOPIC,
    "articles": ARTICLE,
    "help_lines": HELP_LINE,
    "escalation_lines": ESCALATION_LINE,
    "highlights": HIGHLIGHT,
    "profile_questions": PROFILE_QUESTION,
}
# What a file may say in one language only.
ONE_LANGUAGE = ("articles",)
# What tells a row from the others; the rest is compared by what it is about.
KEYS = {
    "calendars": "name",
    "statuses": "status",
    "consents": "version",
    "routing": "team",
    "closing": "status",
    "extra_fields": "key",
}
# Steps between positions, so that an admin can put a row in between.
STEP = 10


def names() -> list[str]:
    """The presets that come with the product, `default` first."""
    found = sorted(path.stem for path in FOLDER.glob("*.toml"))
    return sorted(found, key=lambda name: name != "default")


def read(name: str) -> dict[str, Any]:
    """The content of a preset, checked.

    Arguments: name, one of names(), or the path of a file that ends in .toml.
    Returns the document. Raises Missing("preset-unknown"), Invalid("preset-malformed") with where and why.
    """
    path = Path(name) if name.endswith(".toml") else FOLDER / f"{name}.toml"
    if not name.endswith(".toml") and name not in names():
        raise Missing("preset-unknown", name=name, names=names())
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise Missing("preset-unknown", name=name, names=names()) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Invalid("preset-malformed", where=path.name, why=str(error)) from error
    if "articles_folder" in document:
        folder = path.parent / Path(str(document["articles_folder"])).name
        document["articles"] = [*document.get("articles", ()), *knowledge.read_folder(folder)]
    _check(document)
    return document


def apply(name: str, by: Viewer | None, now: datetime) -> None:
    """Write the rows of a preset (OPS-2), all of them or none.

    Arguments: name, as in read(); by, the admin who asked (None: the command line); now, aware UTC.
    Raises what read() raises, and Invalid("preset-malformed") for a name that the file does not define.
    """
    document = read(name)
    try:
        with db.atomic():
            _write(document, by, now)
            audit.record("preset:applied", by=by, now=now, target=f"preset:{Path(name).stem}")
    except IntegrityError as error:
        raise Invalid("preset-malformed", where=name, why=str(error)) from error
    for module in (catalogue, settings, knowledge, telephone, guidance, profile_questions):
        module.forget()
    # Requests that wait get the dates of the rules as they are now.
    closing.reschedule_all(now)


def export() -> str:
    """The present set-up as the text of a preset file: applying it to an empty database gives the same portal.

    Rules for one organisation are left out, because a preset knows no organisations. About 20 queries.
    """
    lines = [
        "# The set-up of this portal, as a preset: `flask --app app preset apply FILE.toml` writes it.",
        "",
    ]
    lines += [f"format = {FORMAT}", "", "[settings]"]
    lines += [f"{key} = {_toml(value)}" for key, value in settings.all_values().items()]
    for table, rows in _present().items():
        for row in rows:
            lines += ["", *_toml_table(table, row, TABLES[table])]
    return "\n".join(lines) + "\n"


# ---- Reading -------------------------------------------------------------------------------------------


def _check(document: Mapping[str, Any]) -> None:
    if document.get("format") != FORMAT:
        raise Invalid("preset-malformed", where="format", why=f"only {FORMAT} can be read")
    for table, rows in document.items():
        if table in ("format", "settings", "articles_folder"):
            continue
        if table not in TABLES or not isinstance(rows, list):
            raise Invalid("preset-malformed", where=table, why="unknown table")
        for row in rows:
            _check_row(table, row, TABLES[table])
            for level in row.get("levels", ()):
                _check_row("scales.levels", level, LEVEL)
    for key, value in document.get("settings", {}).items():
        if key not in settings.DEFAULTS:
            raise Invalid("preset-malformed", where=f"settings.{key}", why="unknown setting")
        settings.check(key, value)


def _check_row(table: str, row: Mapping[str, Any], known: tuple[str, ...]) -> None:
    unknown = sorted(set(row) - set(known))
    key = "value" if table == "scales.levels" else KEYS.get(table, "slug")
    where = f"{table} {row.get(key, '?')}"
    if unknown:
        raise Invalid("preset-malformed", where=where, why=f"unknown: {', '.join(unknown)}")
    if key not in row:
        raise Invalid("preset-malformed", where=where, why=f"{key} is missing")
    for name in (known_name for known_name in known if known_name.endswith("_fr")):
        if table not in ONE_LANGUAGE and (name in row) != (f"{name[:-3]}_en" in row):
            raise Invalid("preset-malformed", where=where, why=f"{name[:-3]} needs both languages")
    for status in (row.get("status"), row.get("final_status")):
        if status is not None and status not in STATUSES:
            raise Invalid("preset-malformed", where=where, why=f"unknown status {status}")


# ---- Writing -------------------------------------------------------------------------------------------


def _write(document: Mapping[str, Any], by: Viewer | None, now: datetime) -> None:
    for key, value in document.get("settings", {}).items():
        settings.put(key, value, by=by, now=now)
    for row in document.get("portals", ()):
        _upsert(Portal, (Portal.slug,), row)
    calendars = {row["name"]: _write_calendar(row) for row in document.get("calendars", ())}
    for table, model in (
        ("teams", Team),
        ("kinds", Kind),
        ("products", Product),
        ("categories", Category),
        ("topics", Topic),
    ):
        for position, row in _placed(document, table):
            if "calendar" in row:
                row = {**row, "calendar": _calendar(row["calendar"], calendars, f"{table} {row['slug']}")}
            offered, row = row.get("kinds"), {key: value for key, value in row.items() if key != "kinds"}
            written = _upsert(model, (model.slug,), {"is_active": True, **row, "position": position})
            if offered is not None:
                _write_kinds(written, offered, row)
    for row in document.get("scales", ()):
        scale = _upsert(Scale, (Scale.slug,), {key: value for key, value in row.items() if key != "levels"})
        for position, level in enumerate(row.get("levels", ()), start=1):
            _upsert(
                ScaleLevel,
                (ScaleLevel.scale, ScaleLevel.value),
                {**level, "scale": scale, "position": position},
            )
    for position, row in _placed(document, "forms"):
        columns = {key: value for key, value in row.items() if key not in ("kind", "category", "scale")}
        columns |= {
            "is_active": row.get("is_active", True),
            "asks_consent": row.get("asks_consent", True),
            "category": _find(Category, row.get("category"), row),
            "default_kind": _find(Kind, row.get("kind"), row),
            "scale": _find(Scale, row.get("scale"), row),
            "position": position,
        }
        if columns["category"] is None:
            raise Invalid("preset-malformed", where=f"forms {row['slug']}", why="category is missing")
        _upsert(RequestForm, (RequestForm.slug,), columns)
    for position, row in _placed(document, "features"):
        about = {
            "product": _find(Product, row.get("product"), row),
            "kind": _find(Kind, row.get("kind"), row),
        }
        _upsert(Feature, (Feature.slug,), {"is_active": True, **row, **about, "position": position})
    for position, row in _placed(document, "routing"):
        conditions = {
            "category": _find(Category, row.get("category"), row),
            "form": _find(RequestForm, row.get("form"), row),
            "product": _find(Product, row.get("product"), row),
            "kind": _find(Kind, row.get("kind"), row),
            "feature": _find(Feature, row.get("feature"), row),
            "organisation": None,
        }
        team = _find(Team, row["team"], row)
        key = tuple(getattr(RoutingRule, name) for name in conditions)
        columns = {**conditions, "team": team, "position": position, "is_active": row.get("is_active", True)}
        _upsert(RoutingRule, key, columns)
    for row in document.get("closing", ()):
        _write_closing(row, calendars)
    for position, row in _placed(document, "statuses"):
        kind = _find(Kind, row.get("kind"), row)
        # Words for one kind say only what differs.
        empty = dict.fromkeys(STATUS[2:], "") if kind is not None else {}
        columns = {**empty, **row, "kind": kind, "position": position}
        _upsert(StatusLabel, (StatusLabel.status, StatusLabel.kind), columns)
    for row in document.get("consents", ()):
        # People consented to that text: it stays as it was published.
        if not ConsentText.select().where(ConsentText.version == row["version"]).exists():
            ConsentText.create(**row, published_at=now)
    knowledge.write_all(document.get("articles", ()), now)
    for position, row in _placed(document, "extra_fields"):
        _write_extra_field(row, position)
    for position, row in _placed(document, "profile_questions"):
        _write_profile_question(row, position)
    for position, row in _placed(document, "help_lines"):
        calendar = _calendar(row.get("calendar"), calendars, f"help_lines {row['slug']}")
        columns = {"is_active": True, **row, "calendar": calendar, "position": position}
        if calendar is None:
            raise Invalid("preset-malformed", where=f"help_lines {row['slug']}", why="calendar is missing")
        _upsert(HelpLine, (HelpLine.slug,), columns)
    for position, row in _placed(document, "escalation_lines"):
        columns = {
            "is_active": True,
            **row,
            "form": _find(RequestForm, row.get("form"), row),
            "position": position,
        }
        _upsert(EscalationLine, (EscalationLine.slug,), columns)
    for position, row in _placed(document, "highlights"):
        if not guidance.LINK.match(str(row.get("link", ""))):
            raise Invalid("preset-malformed", where=f"highlights {row['slug']}", why="link leads nowhere")
        _upsert(Highlight, (Highlight.slug,), {"is_active": True, **row, "position": position})


def _placed(document: Mapping[str, Any], table: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The rows of a table with their positions: the order of the file."""
    for index, row in enumerate(document.get(table, ()), start=1):
        yield index * STEP, row


def _upsert(model: type[Table], key: tuple[Field, ...], columns: Mapping[str, Any]) -> int:
    """Write one row, found again by its key, and return its id. Columns that are not given stay as they are."""
    where = [
        field.is_null() if columns.get(field.name) is None else field == columns[field.name] for field in key
    ]
    found = model.select(model.id).where(*where).order_by(model.id).tuples().first()
    if found is None:
        return int(model.create(**columns).id)
    model.update(dict(columns)).where(model.id == found[0]).execute()
    return int(found[0])


def _find(model: type[Table], slug: str | None, row: Mapping[str, Any]) -> int | None:
    """The id of the row with this slug, None for no slug. Raises Invalid when it does not exist."""
    if slug is None:
        return None
    found = model.select(model.id).where(model.slug == slug).tuples().first()  # type: ignore[attr-defined]
    if found is None:
        where = row.get("slug") or row.get("status") or row.get("team")
        raise Invalid("preset-malformed", where=str(where), why=f"no {model.__name__} is called {slug}")
    return int(found[0])


def _write_kinds(product: int, slugs: Any, row: Mapping[str, Any]) -> None:
    """The kinds offered for a product, as the file has them: none named, all are offered."""
    kinds = {_find(Kind, slug, row) for slug in slugs}
    ProductKind.delete().where((ProductKind.product == product) & ProductKind.kind.not_in(kinds)).execute()
    for kind in sorted(key for key in kinds if key is not None):
        _upsert(ProductKind, (ProductKind.product, ProductKind.kind), {"product": product, "kind": kind})


def _write_extra_field(row: Mapping[str, Any], position: int) -> None:
    answer, options = row.get("answer", "line"), row.get("options", [])
    where = f"extra_fields {row['key']}"
    if answer not in guided.ANSWERS or any({"value", "fr", "en"} - set(option) for option in options):
        raise Invalid("preset-malformed", where=where, why="unknown answer or option")
    try:
        guided.check_extra_field(row["key"], answer, options)
    except Invalid as fault:
        raise Invalid("preset-malformed", where=where, why=fault.code) from fault
    about = {
        "product": _find(Product, row.get("product"), row),
        "kind": _find(Kind, row.get("kind"), row),
        "feature": _find(Feature, row.get("feature"), row),
        "article": _find(Article, row.get("article"), row),
    }
    columns = {"is_active": True, "is_required": False, **row, **about, "position": position}
    _upsert(ExtraField, (ExtraField.key,), columns)


def _write_profile_question(row: Mapping[str, Any], position: int) -> None:
    answer, options = row.get("answer", "line"), row.get("options", [])
    where = f"profile_questions {row['slug']}"
    if answer not in profile_questions.ANSWERS or any({"value", "fr", "en"} - set(one) for one in options):
        raise Invalid("preset-malformed", where=where, why="unknown answer or option")
    try:
        profile_questions.check_question(answer, options)
    except Invalid as fault:
        raise Invalid("preset-malformed", where=where, why=fault.code) from fault
    _upsert(ProfileQuestion, (ProfileQuestion.slug,), {"is_active": True, **row, "position": position})


def _write_calendar(row: Mapping[str, Any]) -> int:
    where = f"calendars {row['name']}"
    hours: dict[str, list[list[str]]] = {}
    for weekday, periods in row.get("hours", {}).items():
        if weekday not in WEEKDAYS:
            raise Invalid("preset-malformed", where=where, why=f"unknown weekday {weekday}")
        hours[str(WEEKDAYS.index(weekday))] = [period.split("-") for period in periods]
    columns = {
        key: row[key] for key in ("name", "country", "subdivision", "time_zone", "is_default") if key in row
    }
    try:
        weekdays, periods_of_days = read_hours(hours)
        WorkCalendar(time_zone=row.get("time_zone", "Europe/Paris"), weekdays=weekdays, hours=periods_of_days)
    except (ValueError, TypeError) as error:
        raise Invalid("preset-malformed", where=where, why=str(error)) from error
    if not is_known_region(row.get("country", "FR"), row.get("subdivision")):
        raise Invalid("preset-malformed", where=where, why="unknown country or region")
    if row.get("is_default"):
        # One default at a time: the file says which.
        Calendar.update(is_default=False).where(Calendar.name != row["name"]).execute()
    calendar = _upsert(Calendar, (Calendar.name,), {**columns, "hours": hours})
    for closing_day in row.get("closing_days", ()):
        if not isinstance(closing_day.get("day"), date):
            raise Invalid("preset-malformed", where=where, why="a closing day needs a day such as 2026-12-24")
        _upsert(
            CalendarClosingDay,
            (CalendarClosingDay.calendar, CalendarClosingDay.day),
            {**closing_day, "calendar": calendar},
        )
    return calendar


def _calendar(name: str | None, calendars: Mapping[str, int], where: str) -> Any:
    """The calendar of this name, None for no name. Raises Invalid when it does not exist."""
    if not name:
        return None
    found = calendars.get(name) or Calendar.get_or_none(Calendar.name == name)
    if found is None:
        raise Invalid("preset-malformed", where=where, why=f"no calendar is called {name}")
    return found


def _write_closing(row: Mapping[str, Any], calendars: Mapping[str, int]) -> None:
    where = f"closing {row['status']}"
    try:
        CheckedClosingRule(
            key=None,
            status=row["status"],
            unit=row["unit"],
            after=row["after"],
            final_status=row["final_status"],
            reminders=tuple(row.get("reminders", ())),
            form_slug=row.get("form"),
        )
    except KeyError as error:
        raise Invalid("preset-malformed", where=where, why=f"{error.args[0]} is missing") from error
    except (ValueError, TypeError) as error:
        raise Invalid("preset-malformed", where=where, why=str(error)) from error
    for name in CLOSING_TEXTS:
        text = row.get(name, "")
        wrong = rule_texts.first_wrong(text) if isinstance(text, str) else repr(text)
        if wrong or len(text) > rule_texts.MOST_CHARACTERS:
            raise Invalid("preset-malformed", where=where, why=f"{name}: {wrong or 'too long'}")
    calendar = _calendar(row.get("calendar"), calendars, where)
    columns = {
        "status": row["status"],
        "organisation": None,
        "form": _find(RequestForm, row.get("form"), row),
        "unit": row["unit"],
        "reminders": list(row.get("reminders", ())),
        "after": row["after"],
        "final_status": row["final_status"],
        "calendar": calendar,
        **{name: row.get(name, "") for name in CLOSING_TEXTS},
        "is_active": row.get("is_active", True),
    }
    _upsert(ClosingRule, (ClosingRule.status, ClosingRule.organisation, ClosingRule.form), columns)


# ---- Exporting -----------------------------------------------------------------------------------------


def _present() -> dict[str, list[dict[str, Any]]]:
    """The present rows, as the tables of a file."""

    def plain(query: Any, columns: tuple[str, ...], **more: Any) -> list[dict[str, Any]]:
        return [
            {name: more[name](row) if name in more else getattr(row, name) for name in columns}
            for row in query
        ]

    def slug_of(name: str) -> Any:
        return lambda row: getattr(getattr(row, name), "slug", None)

    def text_of(name: str) -> Any:
        # Both languages or none: a file says what it says twice.
        pair = (f"{name[:-3]}_fr", f"{name[:-3]}_en")
        return lambda row: getattr(row, name) if any(getattr(row, one) for one in pair) else None

    closing_days: dict[int, list[dict[str, Any]]] = {}
    for day in CalendarClosingDay.select().order_by(CalendarClosingDay.day):
        days = closing_days.setdefault(day.calendar_id, [])
        days.append({"day": day.day, "label_fr": day.label_fr, "label_en": day.label_en})
    levels: dict[int, list[dict[str, Any]]] = {}
    for level in ScaleLevel.select().order_by(ScaleLevel.position):
        levels.setdefault(level.scale_id, []).append({name: getattr(level, name) for name in LEVEL})
    offered: dict[int, list[str]] = {}
    for product, slug in (
        ProductKind.select(ProductKind.product, Kind.slug)
        .join(Kind)
        .order_by(Kind.position, Kind.id)
        .tuples()
    ):
        offered.setdefault(product, []).append(slug)
    calendar_names = {row.id: row.name for row in Calendar.select()}
    general = ClosingRule.organisation.is_null()
    return {
        "portals": plain(Portal.select().order_by(Portal.id), PORTAL),
        "calendars": plain(
            Calendar.select().order_by(Calendar.id),
            CALENDAR,
            hours=lambda row: {
                WEEKDAYS[int(day)]: ["-".join(period) for period in periods]
                for day, periods in sorted(row.hours.items())
                if periods
            },
            closing_days=lambda row: closing_days.get(row.id, []),
        ),
        "teams": plain(
            Team.select().order_by(Team.position, Team.id),
            TEAM,
            calendar=lambda row: calendar_names.get(row.calendar_id),
        ),
        "kinds": plain(Kind.select().order_by(Kind.position, Kind.id), KIND),
        "scales": plain(Scale.select().order_by(Scale.id), SCALE, levels=lambda row: levels.get(row.id, [])),
        "products": plain(
            Product.select().order_by(Product.position, Product.id),
            PRODUCT,
            kinds=lambda row: offered.get(row.id, []),
        ),
        "categories": plain(Category.select().order_by(Category.position, Category.id), CATEGORY),
        "forms": plain(
            RequestForm.select().order_by(RequestForm.position, RequestForm.id),
            FORM,
            category=slug_of("category"),
            kind=slug_of("default_kind"),
            scale=slug_of("scale"),
        ),
        "features": plain(
            Feature.select().order_by(Feature.position, Feature.id),
            FEATURE,
            product=slug_of("product"),
            kind=slug_of("kind"),
            **{name: text_of(name) for name in ("hint_fr", "hint_en")},
        ),
        "extra_fields": plain(
            ExtraField.select().order_by(ExtraField.position, ExtraField.id),
            EXTRA_FIELD,
            **{name: slug_of(name) for name in ("product", "kind", "feature", "article")},
            **{name: text_of(name) for name in ("help_fr", "help_en")},
        ),
        "routing": plain(
            RoutingRule.select()
            .where(RoutingRule.organisation.is_null())
            .order_by(RoutingRule.position, RoutingRule.id),
            ROUTING,
            **{name: slug_of(name) for name in ("category", "form", "product", "kind", "feature", "team")},
        ),
        "closing": plain(
            ClosingRule.select().where(general).order_by(ClosingRule.id),
            CLOSING,
            form=slug_of("form"),
            calendar=lambda row: calendar_names.get(row.calendar_id),
            **{name: text_of(name) for name in CLOSING_TEXTS},
        ),
        "statuses": plain(
            # The words for all kinds first: the order of the file is their order on the screens.
            StatusLabel.select().order_by(
                StatusLabel.kind.is_null(False), StatusLabel.position, StatusLabel.id
            ),
            STATUS,
            kind=slug_of("kind"),
        ),
        "consents": plain(ConsentText.select().order_by(ConsentText.version), CONSENT),
        "topics": plain(Topic.select().order_by(Topic.position, Topic.id), TOPIC),
        "articles": plain(
            Article.select(Article, Topic).join(Topic).order_by(Article.id), ARTICLE, topic=slug_of("topic")
        ),
        "help_lines": plain(
            HelpLine.select().order_by(HelpLine.position, HelpLine.id),
            HELP_LINE,
            calendar=lambda row: calendar_names.get(row.calendar_id),
        ),
        "escalation_lines": plain(
            EscalationLine.select().order_by(EscalationLine.position, EscalationLine.id),
            ESCALATION_LINE,
            form=slug_of("form"),
        ),
        "highlights": plain(Highlight.select().order_by(Highlight.position, Highlight.id), HIGHLIGHT),
        "profile_questions": plain(
            ProfileQuestion.select().order_by(ProfileQuestion.position, ProfileQuestion.id),
            PROFILE_QUESTION,
            **{name: text_of(name) for name in ("help_fr", "help_en")},
        ),
    }


def _toml_table(path: str, row: Mapping[str, Any], order: tuple[str, ...]) -> Iterator[str]:
    """The lines of one row; lists of tables (levels) follow their parent."""
    yield f"[[{path}]]"
    for name in order:
        value = row.get(name)
        # What is empty or as usual is left out, as in the files that come with the product.
        if value is None or value == [] or (name == "is_active" and value) or name == "levels":
            continue
        if isinstance(value, dict):
            yield from (f"{name}.{key} = {_toml(item)}" for key, item in value.items())
        else:
            yield f"{name} = {_toml(value)}"
    for level in row.get("levels", ()):
        yield ""
        yield from _toml_table(f"{path}.levels", level, LEVEL)


def _toml(value: Any) -> str:
    """One value as TOML: texts, whole numbers, yes or no, days, lists and small tables of these."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + " }"
    return _toml_text(str(value))


def _toml_text(text: str) -> str:
    def escaped(piece: str) -> str:
        piece = piece.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t")
        return "".join(
            f"\\u{ord(sign):04x}" if ord(sign) < 32 or ord(sign) == 127 else sign for sign in piece
        )

    if "\n" in text:
        # The line break after the opening quotes is not part of the text.
        return '"""\n' + "\n".join(escaped(line) for line in text.split("\n")) + '"""'
    return f'"{escaped(text)}"'
