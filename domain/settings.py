"""Choices of the support team, kept as rows and edited on an admin screen.

Each key is declared once below with its default and its meaning. Numbers of the operator are in config.py.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from models import PortalSetting, db

if TYPE_CHECKING:
    from domain.policies import Viewer


class Choice(NamedTuple):
    """One setting: its default, what it may be, and what it means to a reader of the admin screen (a msgid)."""

    default: Any
    allowed: type | tuple[str, ...]
    meaning: str
    least: int | None = None
    most: int | None = None
    # For a list: the only words that it may hold, each once, and those that it must hold.
    words: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()


# Every step that the guided path can have, in its order (REQ-6).
GUIDED_STEPS = ("product", "kind", "feature", "priority", "details", "files", "recap")

FILE_KINDS = (
    "png jpg jpeg gif webp pdf docx xlsx pptx odt ods doc xls "
    "txt log csv json xml ini conf yaml yml md har eml zip gz 7z"
).split()

DEFAULTS: dict[str, Choice] = {
    "preset": Choice("default", str, "The set-up this portal was made from"),
    "accent": Choice(
        "service-desk",
        ("community", "service-desk", "catalogue", "connect", "cases"),
        "The colour of links and buttons",
    ),
    "portal_name": Choice("Initech", str, "The name shown after the word Guichet"),
    "registration": Choice("open", ("open", "invitation"), "Who can make an account"),
    "sign_in_by_steps": Choice(
        False,
        bool,
        "Sign-in asks for the name first, then for what goes with it: password, or single sign-on",
    ),
    "who_may_open": Choice("approved", ("anybody", "members", "approved"), "Who may open requests"),
    "contacts_see_all": Choice(True, bool, "Approved contacts read all the requests of their organisation"),
    "members_see_all": Choice(False, bool, "Every member reads all the requests of the organisation"),
    "members_answer": Choice(False, bool, "Every member completes the requests of colleagues that they read"),
    "lock_policy": Choice("temporary", ("temporary", "staff"), "What happens after failed sign-ins"),
    "lock_after": Choice(5, int, "Failed sign-ins before the lock", 1, 20),
    "lock_minutes": Choice(15, int, "Minutes of the temporary lock", 1, 1440),
    "factor_required": Choice(
        "nobody", ("nobody", "staff", "everybody"), "Who must have a second factor to sign in"
    ),
    "factor_required_administrators": Choice(
        False, bool, "Administrators of organisations must have a second factor"
    ),
    "new_browser_code": Choice(
        False, bool, "A code is mailed at the first sign-in from a new browser, to who has no second factor"
    ),
    "password_min": Choice(15, int, "Shortest password, in characters", 8, 64),
    "session_idle_minutes_customer": Choice(
        60, int, "Minutes without activity before a customer is signed out", 5, 1440
    ),
    "session_hours_customer": Choice(24, int, "Longest session of a customer, in hours", 1, 720),
    "session_idle_minutes_staff": Choice(
        480, int, "Minutes without activity before staff are signed out", 5, 1440
    ),
    "session_hours_staff": Choice(12, int, "Longest session of staff, in hours", 1, 168),
    "reset_minutes": Choice(60, int, "Minutes during which a password link works", 5, 1440),
    "invitation_days": Choice(7, int, "Days during which an invitation works", 1, 60),
    "contact_review_days": Choice(
        365,
        int,
        "Days after which administrators confirm their list of contacts again; 0 asks nobody",
        0,
        3650,
    ),
    "contact_idle_days": Choice(
        180, int, "Days without a sign-in after which a contact is pointed out; 0 points out nobody", 0, 3650
    ),
    "mail_carries_text": Choice(
        True, bool, "Mails carry the text of the answer, rather than only say that there is one"
    ),
    "mail_from": Choice(
        "", str, "Sender of the mails; empty means support@ followed by the host of the portal"
    ),
    "mail_pace": Choice(
        "now", ("now", "hourly", "daily"), "How mails leave for people who chose nothing themselves"
    ),
    "mail_daily_hour": Choice(8, int, "Hour of the daily mail for people who chose none", 0, 23),
    "satisfaction": Choice(True, bool, "Requesters are asked how it went once a request is closed"),
    "satisfaction_days": Choice(1, int, "Days between the closing and the mail that asks how it went", 0, 60),
    "keep_open_days": Choice(5, int, "Days that “keep it open” adds, in the unit of the closing rule", 1, 60),
    "keep_open_times": Choice(2, int, "Times that a request may be kept open; 0 switches it off", 0, 20),
    "test_environment_fr": Choice(
        "votre environnement de test",
        str,
        "Where customers test a change, when nothing else is said, in French",
    ),
    "test_environment_en": Choice(
        "your test environment", str, "Where customers test a change, when nothing else is said, in English"
    ),
    "list_columns": Choice(
        ["status", "turn", "number", "requester", "form", "updated"],
        list,
        "Columns of lists of requests, for those who chose none",
    ),
    "page_size": Choice(25, int, "Rows on a page of a list", 10, 100),
    "files_max": Choice(10, int, "Files in one message", 1, 50),
    "file_max_mb": Choice(25, int, "Largest file, in megabytes", 1, 200),
    "file_kinds": Choice(FILE_KINDS, list, "Kinds of file that are taken"),
    "photo_details": Choice(
        False, bool, "Photos keep what they tell besides the picture: place, hour, device, person"
    ),
    "draft_days": Choice(30, int, "Days that an unfinished text is kept", 1, 365),
    # 0 keeps them. domain/retention.py says what each of them is about.
    "keep_sign_ins_days": Choice(
        30, int, "Days that ended sessions, dead links and failed sign-ins are kept; 0 keeps them", 0, 3650
    ),
    "keep_held_forms_days": Choice(
        1, int, "Days that a text typed while the session ended is kept for its author; 0 keeps it", 0, 365
    ),
    "keep_drafts_of_closed_days": Choice(
        7, int, "Days that answers never sent are kept once their request is closed; 0 keeps them", 0, 3650
    ),
    "keep_mail_copies_days": Choice(
        730, int, "Days that the text of mails about requests is kept; 0 keeps it", 0, 3650
    ),
    "keep_mails_days": Choice(1095, int, "Days that it is kept who was mailed what; 0 keeps it", 0, 3650),
    "keep_questions_days": Choice(
        1095, int, "Days that questions to customer success are kept; 0 keeps them", 0, 3650
    ),
    "keep_search_misses_days": Choice(
        365, int, "Days that words that found nothing are kept; 0 keeps them", 0, 3650
    ),
    "keep_never_confirmed_days": Choice(
        30, int, "Days that a registration is kept whose address nobody confirmed; 0 keeps it", 0, 3650
    ),
    "keep_unused_accounts_days": Choice(
        0, int, "Days without a sign-in after which a customer's account is closed; 0 closes none", 0, 3650
    ),
    "guided_steps": Choice(
        ["product", "kind", "feature", "details", "files", "recap"],
        list,
        "Steps of the guided path",
        words=GUIDED_STEPS,
        needed=("details",),
    ),
    "requests_per_minute": Choice(60, int, "Requests that one person may open in a minute", 1, 1000),
    "posts_per_minute": Choice(
        10,
        int,
        "Ideas, comments and questions to customer success that one person may send in a minute",
        1,
        1000,
    ),
    "idea_edit_minutes": Choice(
        30, int, "Minutes during which an author may change an idea that nobody has answered yet", 0, 10080
    ),
    "deletion_second": Choice(
        "approved", ("approved", "administrator", "none"), "Who confirms a deletion as the second person"
    ),
    "deletion_wait_hours": Choice(24, int, "Hours between the second confirmation and a deletion", 1, 720),
    "deletion_answer_days": Choice(5, int, "Working days the second person has to confirm a deletion", 1, 60),
    "help_phone": Choice(
        "+33 1 99 00 01 42", str, "Telephone number shown as long as no telephone line is in use"
    ),
    "help_hours_fr": Choice(
        "Du lundi au vendredi, de 8 h à 18 h, heure de Paris",
        str,
        "Hours of the number shown as long as no telephone line is in use, in French",
    ),
    "help_hours_en": Choice(
        "Monday to Friday, 8 am to 6 pm, Paris time",
        str,
        "Hours of the number shown as long as no telephone line is in use, in English",
    ),
    "assistant_address": Choice(
        "success@initech.example",
        str,
        "Address of customer success, for questions that are not technical; empty switches them off",
    ),
    "privacy_contact": Choice("privacy@initech.example", str, "Address for questions about personal data"),
}

# Settings are read on every page; a change made by another process is seen after this many seconds.
CACHE_SECONDS = 2.0
_cache: dict[str, Any] = {}
_cached_at = 0.0
_lock = threading.Lock()


def forget() -> None:
    """Drop what this process remembers: the next read asks the database."""
    global _cached_at
    _cached_at = 0.0


def all_values() -> Mapping[str, Any]:
    """Every setting with its present value."""
    global _cache, _cached_at
    if time.monotonic() - _cached_at > CACHE_SECONDS or not _cached_at:
        stored = {row.key: row.value for row in PortalSetting.select()}
        with _lock:
            _cache = {key: stored.get(key, choice.default) for key, choice in DEFAULTS.items()}
            _cached_at = time.monotonic()
    return _cache


def get(key: str) -> Any:
    """The present value of a setting. Raises KeyError for a key that is not declared."""
    return all_values()[key]


def cutoff(key: str, now: datetime) -> datetime | None:
    """The instant before which something is kept no longer; None when it is kept for good.

    Arguments: key, of a setting in days, of which 0 means that it is kept; now, aware UTC.
    """
    days = int(get(key))
    return now - timedelta(days=days) if days else None


def check(key: str, value: Any) -> Any:
    """The value as it may be kept. Raises domain.refusals.Invalid when it is not of the declared kind."""
    from domain.refusals import Invalid

    choice = DEFAULTS[key]
    if isinstance(choice.allowed, tuple):
        if value not in choice.allowed:
            raise Invalid("setting-unknown-choice", field=key, choices=choice.allowed)
    elif choice.allowed is bool:
        value = bool(value)
    elif choice.allowed is int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise Invalid("setting-whole-number", field=key)
        if (choice.least is not None and value < choice.least) or (
            choice.most is not None and value > choice.most
        ):
            raise Invalid("setting-out-of-range", field=key, least=choice.least, most=choice.most)
    elif choice.allowed is list:
        if not isinstance(value, list | tuple):
            raise Invalid("setting-unknown-choice", field=key)
        value = [str(item).strip() for item in value if str(item).strip()]
        if choice.words:
            if not set(choice.needed) <= set(value) <= set(choice.words):
                raise Invalid("setting-words", field=key, words=choice.words, needed=choice.needed)
            value = [word for word in choice.words if word in value]
    elif not isinstance(value, str) or len(value) > 300:
        raise Invalid("setting-text", field=key)
    return value


def put(key: str, value: Any, by: Viewer | None, now: datetime) -> None:
    """Change a setting and record who did.

    Raises KeyError for an undeclared key, Invalid for a value of another kind.
    """
    from domain import audit

    value = check(key, value)
    with db.atomic():
        # From the row, not from what this process remembers: another one may have changed it since.
        stored = PortalSetting.get_or_none(PortalSetting.key == key)
        before = stored.value if stored is not None else DEFAULTS[key].default
        if before == value:
            return
        (
            PortalSetting.insert(key=key, value=value)
            .on_conflict(conflict_target=[PortalSetting.key], update={PortalSetting.value: value})
            .execute()
        )
        audit.record("setting:changed", by=by, now=now, target=key, before=before, after=value)
    forget()
