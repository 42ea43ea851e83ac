"""Screens of customers: organisations, and their approved contacts (ACC-2, ACC-3)."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from flask import flash, request, url_for
from flask_wtf import FlaskForm
from peewee import JOIN, fn
from wtforms import BooleanField, HiddenField
from wtforms.validators import InputRequired, Length, Optional

import presenters
from domain import accounts, contacts, factors
from domain.refusals import Invalid, NotNow
from models import Membership, Organisation, Person
from views import current
from views.admin import filters
from views.admin.base import Act, Badge, Rows, stamp
from views.admin.catalogue import show_active
from views.admin.fields import (
    REQUIRED,
    Choice,
    DayInput,
    Line,
    Lines,
    Lookup,
    Paragraphs,
    RowSelect,
    Suggested,
    key_of,
)
from views.admin.filters import lowered
from views.admin.people import CUSTOMERS, LANGUAGES
from views.admin.rules import NO_SUCH_ORGANISATION, ORGANISATION
from views.admin.tickets import PERSON
from words import gettext as _
from words import lazy_gettext as _l

ROLES = [
    ("member", _l("Member")),
    ("contact", _l("Approved contact")),
    ("administrator", _l("Administrator")),
]
DOMAIN = re.compile(r"(?=.{4,253}\Z)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}\Z")


def domain_name(line: str) -> str:
    """A mail domain as it is kept: small letters, without what stands before it. Raises ValueError."""
    name = line.lower().removeprefix("@")
    if not DOMAIN.match(name):
        raise ValueError(line)
    return name


def slug_of(name: str) -> str:
    """The word that addresses take for a name: its letters without accents, in small."""
    plain_letters = unicodedata.normalize("NFKD", name.lower()).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain_letters).strip("-")[:100] or "organisation"


def account_managers() -> list[tuple[int, str]]:
    """The living members of staff, by name."""
    query = Person.select(Person.id, Person.full_name).where(
        Person.staff_role.is_null(False) & (Person.is_active == True)  # noqa: E712
    )
    return [(row.id, row.full_name) for row in query.order_by(Person.full_name)]


class OrganisationView(Rows):
    table = Organisation
    title = _l("Organisations")
    new_title = _l("New organisation")
    lead = _l("The customers: their mail domains, what they use, who looks after them.")
    section = CUSTOMERS
    icon = "building"
    list_joins = (Organisation.account_manager,)
    column_list = ("name", "domains", "account_manager", "country", "is_active", "created_at")
    column_details_list = (
        "name", "slug", "domains", "account_manager", "product_version", "companies", "country", "note", "is_active",
        "created_at",
    )  # fmt: skip
    column_sortable_list = (
        ("name", lambda: lowered(Organisation.name)),
        "country",
        ("created_at", Organisation.id),
    )
    column_searchable_list = ("name", "note")
    search_help = _l("Name or note")
    column_filters = (
        filters.Row("account_manager", Organisation.account_manager, _l("Account manager"), account_managers),
        filters.YesNo("active", Organisation.is_active, _l("In use")),
        filters.Exactly("country", Organisation.country, _l("Country"), normal=str.upper),
    )
    form_columns = (
        "name",
        "domains",
        "account_manager",
        "product_version",
        "companies",
        "country",
        "note",
        "is_active",
    )
    form_fields = {
        "domains": Lines(
            _l("Mail domains"),
            description=_l(
                "One on a line, such as acme.example. New registrations from them are proposed for this organisation, "
                "and customers may put their addresses in copy."
            ),
            normal=domain_name,
            wrong=_l("“%(line)s” is not a mail domain."),
        ),
        "account_manager": RowSelect(_l("Account manager"), rows=account_managers, blank=_l("Nobody")),
        "companies": Lines(_l("Companies"), description=_l("One on a line, when the customer has several.")),
        "country": Line(
            _l("Country"),
            description=_l("Two letters, such as FR."),
            validators=[
                InputRequired(REQUIRED),
                Length(min=2, max=2, message=_l("Two letters, such as FR.")),
            ],
            default="FR",
        ),
    }
    side_fields = {
        "factor_from": DayInput(
            _l("Second factor required from"),
            description=_l("From that day its people set one up at their next sign-in. Empty: not required."),
            validators=[Optional()],
        ),
    }
    default_order = (fn.LOWER(Organisation.name),)

    def edit_form(self, obj: Any = None) -> Any:
        """The form with the day from which a second factor is required, which is no column."""
        return self._edit_form_class(obj=obj, data={"factor_from": factors.required_from(obj.id)})

    def show_is_active(self, row: Any) -> Badge:
        """Active or not."""
        return show_active(row)

    def show_account_manager(self, row: Any) -> str | None:
        """Who looks after it."""
        return row.account_manager.full_name if row.account_manager else None

    def row_links(self, row: Any) -> list[dict[str, Any]]:
        """Its contacts."""
        url = url_for("admin_membership.index_view", flt_organisation=row.name)
        return [{"url": url, "icon": "person-check", "label": _("Approved contacts")}]

    def detail_links(self, row: Any) -> list[dict[str, Any]]:
        """Its contacts and its requests."""
        url = url_for("admin_ticket.index_view", flt_organisation=row.name)
        links = url_for("admin_partnerlink.index_view", search=row.name)
        return [
            *self.row_links(row),
            {"url": url, "icon": "chat-square-text", "label": _("Requests")},
            {"url": links, "icon": "building", "label": _("Partners and clients")},
        ]

    def before_save(self, form: Any, row: Any, before: Any) -> None:
        """A new one gets its word for addresses; countries are two capitals."""
        row.country = row.country.upper()
        if not (row.country.isascii() and row.country.isalpha()):
            raise Invalid("country", field="country", words=_("Two letters, such as FR."))
        if before is None:
            row.created_at = current.now()
            row.slug = word = slug_of(row.name)
            number = 2
            while Organisation.select(Organisation.id).where(Organisation.slug == row.slug).exists():
                row.slug, number = f"{word}-{number}", number + 1
        else:
            self._keep_day(form, row)

    def after_save(self, form: Any, row: Any) -> None:
        """A new one has its day only now: its row had no key before."""
        self._keep_day(form, row)

    def after_commit(self) -> None:
        """What this process remembers of who must have a factor is read again."""
        factors.forget()

    def _keep_day(self, form: Any, row: Any) -> None:
        if "factor_from" in form:
            factors.require_of_organisation(row, form.factor_from.data, current.viewer(), current.now())


class MembershipForm(FlaskForm):
    """Who joins which organisation, and as what."""

    email = Suggested(
        _l("Address of the person"),
        find=PERSON,
        description=_l(
            "Somebody who has an account is found while you type; somebody new gets an invitation."
        ),
        validators=[InputRequired(REQUIRED), Length(max=254)],
        render_kw={"type": "email"},
    )
    full_name = Line(_l("Name, for somebody new"), validators=[Length(max=120)])
    language = Choice(_l("Language, for somebody new"), choices=LANGUAGES, default="fr")
    organisation = Lookup(
        _l("Organisation"),
        find=ORGANISATION,
        missing=NO_SUCH_ORGANISATION,
        validators=[InputRequired(REQUIRED)],
    )
    role = Choice(_l("Role"), choices=ROLES, default="contact")
    reason = Line(_l("Reason"), description=_l("Kept in the audit trail."), validators=[Length(max=300)])
    seen = HiddenField()


class RoleForm(FlaskForm):
    """What somebody is in an organisation."""

    role = Choice(
        _l("Role"),
        choices=ROLES,
        description=_l("When the role changes, its rights come with it, whatever is ticked below."),
    )
    can_open = BooleanField(_l("May open requests"))
    can_see_all = BooleanField(_l("Reads all requests of the organisation"))
    can_answer = BooleanField(_l("May complete the requests of colleagues"))
    reason = Line(_l("Reason"), description=_l("Kept in the audit trail."), validators=[Length(max=300)])
    seen = HiddenField()


class WhyForm(FlaskForm):
    """Why, for the audit trail."""

    reason = Paragraphs(
        _l("Reason"),
        description=_l("Kept in the audit trail."),
        validators=[InputRequired(REQUIRED), Length(max=300)],
    )


class MembershipState(filters.OneOf):
    """Approved, a member only, or removed."""

    def apply(self, query: Any, value: Any) -> Any:
        """Only those in that state."""
        living = Membership.removed_at.is_null()
        return query.where(
            {
                "approved": living & (Membership.role != "member"),
                "member": living & (Membership.role == "member"),
                "removed": Membership.removed_at.is_null(False),
            }.get(value, Membership.id < 0)
        )


STATES = [("approved", _l("Approved")), ("member", _l("Member only")), ("removed", _l("Removed"))]


class MembershipView(Rows):
    table = Membership
    title = _l("Approved contacts")
    new_title = _l("Add a contact")
    lead = _l("Only these people open requests. Each addition and each removal is in the audit trail.")
    section = CUSTOMERS
    icon = "person-check"
    can_delete = False
    list_joins = (Membership.person, Membership.organisation, Membership.approved_by, Membership.removed_by)
    column_list = ("person", "email", "organisation", "role", "state", "approved_at", "last_signed_in_at")
    column_labels = {"person": _l("Name"), "approved_at": _l("Since")}
    column_details_list = (
        "person", "email", "organisation", "role", "state", "can_open", "can_see_all", "can_answer", "approved_at",
        "approved_by", "removed_at", "removed_by", "reason", "last_signed_in_at",
    )  # fmt: skip
    column_sortable_list = (
        ("person", lambda: lowered(Person.full_name)),
        ("email", Person.email),
        ("organisation", lambda: lowered(Organisation.name)),
        "approved_at",
        ("last_signed_in_at", Person.last_signed_in_at),
    )
    column_searchable_list = (Person.full_name, Person.email, Organisation.name)
    search_help = _l("Name, address, organisation")
    column_choices_words = {"role": ROLES}
    column_filters = (
        filters.Named("organisation", Membership.organisation, _l("Organisation"), ORGANISATION),
        MembershipState("state", Membership.id, _l("State"), STATES),
        filters.OneOf("role", Membership.role, _l("Role"), ROLES),
    )
    finders = (ORGANISATION, PERSON)
    default_order = (fn.LOWER(Person.full_name),)
    acts = {
        "approve": Act(_l("Approve"), _l("Make these people approved contacts?"), _l("Approve"), FlaskForm),
        "remove": Act(
            _l("Remove"),
            _l(
                "Remove these people from their organisation? They lose access at once; their requests stay with it."
            ),
            _l("Remove"),
            WhyForm,
            dangerous=True,
        ),
    }

    def get_create_form(self) -> type[FlaskForm]:
        """Somebody joins an organisation."""
        return MembershipForm

    def get_edit_form(self) -> type[FlaskForm]:
        """The role and the rights of somebody."""
        return RoleForm

    def ids_query(self) -> Any:
        """Members with the person and the organisation, for search and order."""
        return (
            Membership.select(Membership.id)
            .join(Person, JOIN.INNER, on=(Membership.person == Person.id))
            .switch(Membership)
            .join(Organisation)
        )

    # ---- Values

    def show_person(self, row: Any) -> str:
        """The name."""
        return str(row.person.full_name)

    def show_email(self, row: Any) -> str:
        """The address."""
        return str(row.person.email)

    def show_approved_by(self, row: Any) -> str | None:
        """Who approved."""
        return row.approved_by.full_name if row.approved_by else None

    def show_removed_by(self, row: Any) -> str | None:
        """Who removed."""
        return row.removed_by.full_name if row.removed_by else None

    def show_last_signed_in_at(self, row: Any) -> str:
        """The last sign-in, or never."""
        return self.words(row.person.last_signed_in_at) or _("Never")

    def show_state(self, row: Any) -> Badge:
        """What can be said of somebody in an organisation in one word."""
        if row.removed_at is not None:
            return Badge("over", "person-x", _("Removed"))
        if not row.person.is_active:
            return Badge("over", "person-x", _("Disabled"))
        if row.role == "member":
            return Badge("ours", "person", _("Member only"))
        if row.person.first_signed_in_at is None:
            return Badge("new", "envelope", _("Invited"))
        return Badge("done", "check-circle", _("Approved"))

    def row_label(self, row: Any) -> str:
        """Who, where."""
        return f"{row.person.full_name} · {row.organisation.name}"

    def row_links(self, row: Any) -> list[dict[str, Any]]:
        """The account behind."""
        url = url_for("admin_person.details_view", id=row.person_id)
        return [{"url": url, "icon": "person", "label": _("Account")}]

    # ---- Changing: by the verbs of contacts

    def create_form(self, obj: Any = None) -> FlaskForm:
        """Empty, or for the person that the waiting list names."""
        form = MembershipForm()
        if not form.is_submitted() and request.args.get("person"):
            person = Person.get_or_none(Person.id == key_of(request.args["person"]))
            if person is not None:
                form.email.data = person.email
                proposed = contacts.proposed_organisations(person)
                if len(proposed) == 1:
                    form.organisation.process_data(proposed[0])
        return form

    def _create(self, form: Any, row: Any) -> Any:
        by, now = current.viewer(), current.now()
        email = accounts.address(form.email.data)
        person = Person.get_or_none(Person.email == email)
        if person is None:
            person = accounts.add_person(
                email, form.full_name.data or "", by=by, now=now, language=form.language.data, invite=True
            )
        present = Membership.get_or_none(
            (Membership.person == person.id) & (Membership.organisation == form.organisation.data)
        )
        if present is not None and present.removed_at is None:
            raise NotNow(
                "already-member",
                field="email",
                words=_("This person is in this organisation already: change the role there."),
            )
        made = contacts.add_membership(
            person.id,
            form.organisation.data,
            role=form.role.data,
            by=by,
            now=now,
            reason=form.reason.data or "",
        )
        return self.get_one(made.id)

    def _update(self, form: Any, model: Any) -> Any:
        row = self.locked(model.id)
        if form.seen.data != stamp(row):
            raise NotNow("row-changed")
        if row.removed_at is not None:
            raise NotNow(
                "removed",
                words=_("This person was removed. Approve them again from the list to bring them back."),
            )
        by, now, reason = current.viewer(), current.now(), form.reason.data or ""
        if form.role.data != row.role:
            return contacts.add_membership(
                row.person_id, row.organisation_id, role=form.role.data, by=by, now=now, reason=reason
            )
        rights = {name: bool(form[name].data) for name in ("can_open", "can_see_all", "can_answer")}
        changed = {
            name: [bool(getattr(row, name)), value]
            for name, value in rights.items()
            if value != bool(getattr(row, name))
        }
        if changed:
            Membership.update(**rights, reason=reason or row.reason).where(Membership.id == row.id).execute()
            self.record("contact:changed", self.target(row), changed=changed, reason=reason)
        return row

    def do_approve(self, row: Any, form: Any) -> bool:
        """On the list, or on it again."""
        if row.removed_at is None and row.role != "member":
            return False
        contacts.approve(row.id, current.viewer(), current.now())
        return True

    def do_remove(self, row: Any, form: Any) -> bool:
        """Off the list."""
        if row.removed_at is not None:
            return False
        handed = contacts.remove_approval(row.id, current.viewer(), current.now(), reason=form.reason.data)
        words = presenters.handed_words(handed, row.person.full_name, "")
        if words:
            flash(words, "info")
        return True
