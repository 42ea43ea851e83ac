"""What is entered about one's mails (VIEW-15): a pace for each group, the hours, the language and the zone."""

from __future__ import annotations

from typing import Any

from flask_wtf import FlaskForm
from wtforms.fields import SelectChoice

import presenters
from domain import mail_choices, settings
from forms.accounts import language_field, zone_field
from forms.fields import OneOf, Tick
from words import gettext, lazy_gettext

_l = lazy_gettext

QUIET_STEP_MINUTES = 30


def clock(minutes: int | None) -> str:
    """Minutes of a day as 22:00; empty for none."""
    return "" if minutes is None else f"{minutes // 60:02d}:{minutes % 60:02d}"


def minutes_of(text: str | None) -> int | None:
    """The minutes of the day of 22:00; None for an empty text."""
    if not text:
        return None
    hour, _colon, minute = text.partition(":")
    return int(hour) * 60 + int(minute)


def _paces(form: Any, field: Any) -> list[SelectChoice]:
    words = presenters.mail_paces()
    usual = gettext("As the portal does (%(pace)s)", pace=words[str(settings.get("mail_pace"))].lower())
    return [SelectChoice("", usual), *(SelectChoice(pace, words[pace]) for pace in mail_choices.PACES)]


def _times(form: Any, field: Any) -> list[SelectChoice]:
    # A time that a script chose between two steps stays among the answers.
    steps = set(range(0, mail_choices.MINUTES_IN_DAY, QUIET_STEP_MINUTES))
    present = field.object_data
    if isinstance(present, str) and present:
        steps.add(minutes_of(present) or 0)
    return [
        SelectChoice("", gettext("no hour")),
        *(SelectChoice(clock(step), presenters.clock_words(step)) for step in sorted(steps)),
    ]


def _hours(form: Any, field: Any) -> list[SelectChoice]:
    usual = presenters.clock_words(int(settings.get("mail_daily_hour")) * 60)
    return [
        SelectChoice("", gettext("As the portal does (%(hour)s)", hour=usual)),
        *(SelectChoice(str(hour), presenters.clock_words(hour * 60)) for hour in range(24)),
    ]


class MailChoicesForm(FlaskForm):
    """Which mails one gets, and when. The fields of the groups have the names of mail_choices.GROUPS."""

    answers = OneOf(
        _l("Answers"),
        choices=_paces,
        width="w-md",
        description=_l("Somebody writes on a request that you follow."),
        default="",
    )
    moves = OneOf(
        _l("Changes of status and priority"),
        choices=_paces,
        width="w-md",
        description=_l("A request moves on, waits for another one, opens again, or has another priority."),
        default="",
    )
    confirmations = OneOf(
        _l("Confirmations"),
        choices=_paces,
        width="w-md",
        description=_l("A request is received, handed over or merged; somebody puts you in copy."),
        default="",
    )
    desk = OneOf(
        _l("Work for your team"),
        choices=_paces,
        width="w-md",
        description=_l("A request comes into your team, is given to you, or was tested by the customer."),
        default="",
    )
    daily_hour = OneOf(
        _l("Hour of the daily mail"),
        choices=_hours,
        width="w-sm",
        default="",
    )
    quiet_from = OneOf(_l("From"), choices=_times, width="w-sm", default="")
    quiet_until = OneOf(_l("To"), choices=_times, width="w-sm", default="")
    quiet_weekends = Tick(_l("Saturday and Sunday too, all day"))
    no_satisfaction = Tick(_l("Do not ask me how it went"))
    language = language_field()
    time_zone = zone_field(_l("The hours above are those of this zone."))

    @property
    def groups(self) -> list[Any]:
        """The fields of the groups, in order; the desk's only for those who work there."""
        return [self[name] for name in mail_choices.GROUPS if name in self]
