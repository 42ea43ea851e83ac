"""Screen of the organisations that act for client organisations (ACC-18): set, changed and ended by admins only."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import get_timezone
from flask_wtf import FlaskForm
from peewee import fn
from wtforms import BooleanField, HiddenField
from wtforms.validators import InputRequired, Length, Optional

from domain import partners
from domain.refusals import NotNow
from models import Organisation, PartnerLink
from presenters import when
from views import current
from views.admin import filters
from views.admin.base import Act, Badge, Rows, stamp
from views.admin.fields import REQUIRED, Choice, DayInput, Line, Lookup
from views.admin.organisations import WhyForm
from views.admin.people import CUSTOMERS
from views.admin.rules import NO_SUCH_ORGANISATION, ORGANISATION
from words import gettext as _
from words import lazy_gettext as _l

READS = [
    ("opened", _l("The requests that it opened")),
    ("all", _l("All that the client left open to its organisation")),
]
STATES = [("standing", _l("Runs")), ("coming", _l("To come")), ("over", _l("Over"))]
_Partner, _Client = Organisation.alias("acting"), Organisation.alias("acted_for")


def start_of(day: date) -> datetime:
    """The instant at which a day begins where the admin is."""
    return datetime.combine(day, time(), ZoneInfo(str(get_timezone())))


def _allows() -> dict[str, Any]:
    """The fields of what a link allows; made anew for each form."""
    return {
        "may_open": BooleanField(_l("May open requests for the client"), default=True),
        "reads": Choice(
            _l("Reads"),
            choices=READS,
            description=_l("Never what the client keeps to named people or to its requester."),
            default="opened",
        ),
        "last_day": DayInput(
            _l("Until, that day included"),
            description=_l("Empty: until somebody ends it."),
            validators=[Optional()],
        ),
        "note": Line(_l("Note"), description=_l("Read by both organisations."), validators=[Length(max=300)]),
        "seen": HiddenField(),
    }


class LinkForm(FlaskForm):
    """Which organisation acts for which client, and what that allows."""

    partner = Lookup(
        _l("Partner"),
        find=ORGANISATION,
        missing=NO_SUCH_ORGANISATION,
        description=_l("The organisation that acts, such as a reseller."),
        validators=[InputRequired(REQUIRED)],
    )
    client = Lookup(
        _l("Client"),
        find=ORGANISATION,
        missing=NO_SUCH_ORGANISATION,
        description=_l("The organisation for which it acts. Requests belong to it."),
        validators=[InputRequired(REQUIRED)],
    )
    first_day = DayInput(_l("From this day on"), description=_l("Empty: at once."), validators=[Optional()])


class AllowsForm(FlaskForm):
    """What a link allows, and until when."""


for _form in (LinkForm, AllowsForm):
    for _name, _field in _allows().items():
        setattr(_form, _name, _field)


class LinkState(filters.OneOf):
    """Running, to come, or over."""

    def apply(self, query: Any, value: Any) -> Any:
        """Only those in that state."""
        now = current.now()
        over = PartnerLink.ended_at.is_null(False) | (
            PartnerLink.until.is_null(False) & (PartnerLink.until <= now)
        )
        return query.where(
            {
                "over": over,
                "coming": ~over & PartnerLink.begun_at.is_null(),
                "standing": ~over & PartnerLink.begun_at.is_null(False),
            }.get(value, PartnerLink.id < 0)
        )


class PartnerLinkView(Rows):
    table = PartnerLink
    title = _l("Partners")
    new_title = _l("Let an organisation act for a client")
    lead = _l(
        "Organisations that act for client organisations. Both see the link, and their administrators get a mail."
    )
    section = CUSTOMERS
    icon = "building"
    can_delete = False
    list_joins = (PartnerLink.partner, PartnerLink.client, PartnerLink.set_by, PartnerLink.ended_by)
    column_list = ("partner", "client", "state", "may_open", "reads", "starts_at", "until")
    column_labels = {
        "partner": _l("Partner"),
        "client": _l("Client"),
        "state": _l("State"),
        "may_open": _l("Opens requests"),
        "reads": _l("Reads"),
        "starts_at": _l("From"),
        "until": _l("Until"),
        "set_at": _l("Set on"),
        "set_by": _l("Set by"),
        "ended_at": _l("Ended on"),
        "ended_by": _l("Ended by"),
        "end_reason": _l("Why it ended"),
    }
    column_details_list = (
        "partner", "client", "state", "may_open", "reads", "note", "starts_at", "until", "set_at", "set_by",
        "ended_at", "ended_by", "end_reason",
    )  # fmt: skip
    column_sortable_list = (
        ("partner", lambda: fn.LOWER(_Partner.name)),
        ("client", lambda: fn.LOWER(_Client.name)),
        ("starts_at", PartnerLink.starts_at),
    )
    column_searchable_list = (_Partner.name, _Client.name)
    search_help = _l("Organisation")
    column_choices_words = {"reads": READS}
    column_filters = (LinkState("state", PartnerLink.id, _l("State"), STATES),)
    finders = (ORGANISATION,)
    default_order = (fn.LOWER(_Partner.name), fn.LOWER(_Client.name))
    acts = {
        "end": Act(
            _l("End"),
            _l(
                "End these links? The people of the partner lose access at once; all requests stay with the client. "
                "The administrators of both organisations get a mail."
            ),
            _l("End"),
            WhyForm,
            dangerous=True,
        ),
    }
    empty_help = _l("Set one when a reseller opens requests for its customers.")

    def get_create_form(self) -> type[FlaskForm]:
        """A new link."""
        return LinkForm

    def get_edit_form(self) -> type[FlaskForm]:
        """What it allows; which organisations it is about stays."""
        return AllowsForm

    def edit_form(self, obj: Any = None) -> FlaskForm:
        """What it allows now."""
        form = AllowsForm(obj=obj)
        if obj is not None and not form.is_submitted():
            form.last_day.data = _last_day(obj.until)
        return form

    def ids_query(self) -> Any:
        """Links with both organisations, for search and order."""
        return (
            PartnerLink.select(PartnerLink.id)
            .join(_Partner, on=(PartnerLink.partner == _Partner.id))
            .switch(PartnerLink)
            .join(_Client, on=(PartnerLink.client == _Client.id))
        )

    # ---- Values

    def show_partner(self, row: Any) -> str:
        """Who acts."""
        return str(row.partner.name)

    def show_client(self, row: Any) -> str:
        """For whom."""
        return str(row.client.name)

    def show_set_by(self, row: Any) -> str | None:
        """Who set it."""
        return row.set_by.full_name if row.set_by else None

    def show_ended_by(self, row: Any) -> str | None:
        """Who ended it; nobody when its last day was over."""
        return row.ended_by.full_name if row.ended_by else None

    def show_starts_at(self, row: Any) -> str:
        """Its first day."""
        return when(row.starts_at, "day")

    def show_until(self, row: Any) -> str | None:
        """Its last day."""
        return when(row.until - timedelta(seconds=1), "day") if row.until else None

    def show_state(self, row: Any) -> Badge:
        """Running, to come, or over."""
        return {
            "standing": Badge("done", "check-circle", _("Runs")),
            "coming": Badge("note", "calendar-event", _("To come")),
            "over": Badge("over", "archive", _("Over")),
        }[partners.state(row, current.now())]

    def row_label(self, row: Any) -> str:
        """Who acts for whom."""
        return _("%(partner)s for %(client)s", partner=row.partner.name, client=row.client.name)

    # ---- Changing: by the verbs of partners

    def _create(self, form: Any, row: Any) -> Any:
        now = current.now()
        first = form.first_day.data
        made = partners.link(
            form.partner.data,
            form.client.data,
            current.viewer(),
            now,
            may_open=form.may_open.data,
            reads=form.reads.data,
            note=form.note.data or "",
            starts_at=start_of(first) if first else None,
            until=_end_of(form.last_day.data),
        )
        return self.get_one(made.id)

    def _update(self, form: Any, model: Any) -> Any:
        row = self.locked(model.id)
        if form.seen.data != stamp(row):
            raise NotNow("row-changed")
        same = form.last_day.data == _last_day(row.until)
        partners.change(
            row.id,
            current.viewer(),
            current.now(),
            may_open=form.may_open.data,
            reads=form.reads.data,
            note=form.note.data or "",
            until=row.until if same else _end_of(form.last_day.data),
        )
        return self.get_one(row.id)

    def do_end(self, row: Any, form: Any) -> bool:
        """No longer."""
        if row.ended_at is not None:
            return False
        partners.end(row.id, current.viewer(), current.now(), reason=form.reason.data)
        return True


def _last_day(until: datetime | None) -> date | None:
    """The last whole day before an instant, where the admin is."""
    return (until - timedelta(seconds=1)).astimezone(get_timezone()).date() if until else None


def _end_of(day: date | None) -> datetime | None:
    """The instant at which a day ends where the admin is."""
    return start_of(day + timedelta(days=1)) if day else None
