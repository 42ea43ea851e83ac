"""Screen of persons: accounts are made, invited, closed and unlocked by the verbs of accounts.

Nobody types a password for somebody else: a new person gets a link to choose one.
"""

from __future__ import annotations

from typing import Any

from flask import url_for
from flask_wtf import FlaskForm
from peewee import fn
from wtforms import BooleanField
from wtforms.validators import InputRequired, Length

import presenters
from domain import accounts, erasure, factors, viewing
from domain.refusals import NotNow
from models import Membership, Organisation, Person
from views import current
from views.admin import filters
from views.admin.base import Act, Badge, Rows, plain, stamp
from views.admin.fields import REQUIRED, Choice, Line, time_zones
from views.admin.filters import lowered
from words import gettext as _
from words import lazy_gettext as _l
from words import ngettext

CUSTOMERS = _l("Customers")
LANGUAGES = [("fr", "Français"), ("en", "English")]
STAFF_ROLES = [("agent", _l("Agent")), ("account_manager", _l("Account manager")), ("admin", _l("Admin"))]


class WaitingForOrganisation(filters.YesNo):
    """Registered, and attached to no organisation yet."""

    def apply(self, query: Any, value: Any) -> Any:
        """Those who wait, or the others."""
        return query.where(waiting() if value else ~waiting())


def waiting() -> Any:
    """The condition of a customer with a proven address whom staff have not attached to an organisation (ACC-2).

    Somebody who was removed from one does not wait for another.
    """
    attached = Membership.select(Membership.id).where(Membership.person == Person.id)
    living = (Person.is_active == True) & Person.email_verified_at.is_null(False)  # noqa: E712
    return Person.staff_role.is_null() & living & ~fn.EXISTS(attached)


class ReasonForm(FlaskForm):
    """Why, in words that the record keeps."""

    reason = Line(
        _l("Reason"),
        validators=[InputRequired(_l("Give the reason: it is kept in the record.")), Length(max=300)],
        description=_l(
            "How you verified who asks, and the number of the request. Example: SUP-2041, called back."
        ),
    )


class PersonView(Rows):
    table = Person
    title = _l("Persons")
    new_title = _l("New person")
    lead = _l("Everybody who can sign in. A new person gets a mail with a link to choose a password.")
    section = CUSTOMERS
    icon = "person"
    can_delete = False
    column_list = (
        "full_name",
        "email",
        "state",
        "staff_role",
        "organisations",
        "created_at",
        "last_signed_in_at",
    )
    column_labels = {
        "organisations": _l("Organisations"),
        "factors": _l("Second factors"),
        "seen_through": _l("Seen as this person"),
    }
    column_details_list = (
        "full_name", "email", "username", "state", "organisations", "claimed_organisation", "staff_role",
        "is_supervisor", "language", "time_zone", "created_at", "email_verified_at", "first_signed_in_at",
        "last_signed_in_at", "locked_at", "factors", "seen_through",
    )  # fmt: skip
    column_sortable_list = (
        ("full_name", lambda: lowered(Person.full_name)),
        "email",
        ("created_at", Person.id),
        "last_signed_in_at",
    )
    column_searchable_list = ("full_name", "email", "username", "claimed_organisation")
    search_help = _l("Name or address")
    column_filters = (
        WaitingForOrganisation("waiting", Person.id, _l("Waits for an organisation")),
        filters.OneOf("staff_role", Person.staff_role, _l("Role in the team"), STAFF_ROLES),
        filters.YesNo("active", Person.is_active, _l("Active")),
        filters.Empty("signed_in", Person.first_signed_in_at, _l("Has signed in"), _l("Never"), _l("Yes")),
        filters.Empty("locked", Person.locked_at, _l("Locked"), _l("No"), _l("Yes")),
    )
    column_choices_words = {"staff_role": STAFF_ROLES, "language": LANGUAGES}
    form_columns = ("full_name", "email", "username", "language", "time_zone", "staff_role", "is_supervisor")
    form_fields = {
        "full_name": Line(_l("Name"), validators=[InputRequired(REQUIRED), Length(max=120)]),
        "email": Line(
            _l("Address"),
            validators=[InputRequired(REQUIRED), Length(max=254)],
            render_kw={"type": "email", "autocomplete": "off"},
        ),
        "username": Line(
            _l("User name"), validators=[Length(max=254)], description=_l("Empty: the address.")
        ),
        "language": Choice(_l("Language"), choices=LANGUAGES, default="fr"),
        "time_zone": Choice(_l("Time zone"), choices=time_zones, default="Europe/Paris"),
        "staff_role": Choice(
            _l("Role in the team"),
            choices=STAFF_ROLES,
            blank=_l("None: a customer"),
            description=_l("Only for colleagues. An agent sees every request, an admin changes everything."),
        ),
        "is_supervisor": BooleanField(
            _l("Supervisor"), description=_l("Decides on contested priorities and on deletions.")
        ),
    }
    # An address is changed by its owner, who proves the new one.
    fixed = ("email", "username")
    acts = {
        "invite": Act(
            _l("Send the invitation again"),
            _l("Send these people a new link to choose a password?"),
            _l("Send the invitation"),
            FlaskForm,
        ),
        "unlock": Act(_l("Unlock"), _l("Unlock these accounts?"), _l("Unlock"), FlaskForm),
        "sign_out": Act(
            _l("Sign out everywhere"),
            _l("End all the sessions of these people?"),
            _l("Sign out everywhere"),
            FlaskForm,
        ),
        "reset_factors": Act(
            _l("Reset the second factors"),
            _l("Take the second factors of these people away? Verify first who asks."),
            _l("Reset the second factors"),
            ReasonForm,
            dangerous=True,
        ),
        "disable": Act(
            _l("Disable"),
            _l("Disable these accounts? They are signed out at once; their requests stay."),
            _l("Disable"),
            FlaskForm,
            dangerous=True,
        ),
        "enable": Act(_l("Enable again"), _l("Enable these accounts again?"), _l("Enable again"), FlaskForm),
    }

    # ---- Values

    def rows_query(self) -> Any:
        """Persons with the names of their organisations, in the same query."""
        names = (
            Membership.select(_joined(Organisation.name))
            .join(Organisation)
            .where((Membership.person == Person.id) & Membership.removed_at.is_null())
        )
        return super().rows_query().select_extend(names.alias("organisation_names"))

    def show_organisations(self, row: Any) -> str | None:
        """Where the person belongs."""
        return row.organisation_names

    def show_state(self, row: Any) -> Badge:
        """What can be said of the account in one word."""
        return account_state(row)

    def show_factors(self, row: Any) -> str:
        """What the person has besides the password, and how many recovery codes are left. On the details page alone."""
        held = factors.held(row.id)
        parts = [_("authenticator app")] if held.app is not None else []
        if held.keys:
            parts.append(ngettext("%(num)s security key", "%(num)s security keys", len(held.keys)))
        if held.codes_made:
            parts.append(
                ngettext("%(num)s recovery code left", "%(num)s recovery codes left", held.codes_left)
            )
        return ", ".join(parts) or _("None")

    def show_seen_through(self, row: Any) -> str | None:
        """Which admins saw the portal as this person does, when and why (STAFF-9). On the details page alone."""
        if row.staff_role:
            return None
        return "\n".join(presenters.viewings(viewing.record_of(row.id))) or _("Never")

    def row_label(self, row: Any) -> str:
        """The name."""
        return str(row.full_name)

    def row_links(self, row: Any) -> list[dict[str, Any]]:
        """Somebody who waits for an organisation is attached from here (ACC-2)."""
        if row.staff_role or row.organisation_names or not row.is_active:
            return []
        url = url_for("admin_membership.create_view", person=row.id)
        return [{"url": url, "icon": "person-plus", "label": _("Attach to an organisation")}]

    def detail_links(self, row: Any) -> list[dict[str, Any]]:
        """What this person sees, as they see it and why (STAFF-9); what an admin does for one who asked (STAFF-7)."""
        links = self.row_links(row)
        if row.is_active and not row.staff_role:
            url = url_for("viewing.start", person_id=row.id)
            links.append({"url": url, "icon": "eye", "label": _("See the portal as this person")})
        data = url_for("own_data.of_person", key=row.id)
        why = url_for("explaining.show", person=row.email)
        if row.id != current.viewer().id and not erasure.is_erased(row.id):
            url = url_for("erasure.of_person", key=row.id)
            links.append({"url": url, "icon": "person-x", "label": _("Erase this person")})
        return [
            *links,
            {"url": data, "icon": "download", "label": _("Data as a file")},
            {"url": why, "icon": "patch-question", "label": _("Which requests they see, and why")},
        ]

    def show_last_signed_in_at(self, row: Any) -> str:
        """The last sign-in, or never."""
        return self.words(row.last_signed_in_at) or _("Never")

    # ---- Changing

    def created_words(self, row: Any, form: Any = None) -> str:
        """Say that the mail is on its way."""
        return _(
            "%(name)s is added. A mail with a link to choose a password is on its way.", name=row.full_name
        )

    def _create(self, form: Any, row: Any) -> Any:
        return accounts.add_person(
            form.email.data,
            form.full_name.data,
            by=current.viewer(),
            now=current.now(),
            username=form.username.data or None,
            language=form.language.data,
            time_zone=form.time_zone.data,
            staff_role=form.staff_role.data or None,
            is_supervisor=form.is_supervisor.data,
            invite=True,
        )

    def _update(self, form: Any, model: Any) -> Any:
        row = self.locked(model.id)
        if form.seen.data != stamp(row):
            raise NotNow("row-changed")
        if erasure.is_erased(row.id):
            raise NotNow("account-erased")
        before = plain(row)
        self._fill(form, row)
        row.staff_role = form.staff_role.data or None
        if not row.staff_role:
            row.is_supervisor = False
        if before["staff_role"] == "admin" and row.staff_role != "admin":
            others = Person.select(Person.id).where(
                (Person.staff_role == "admin") & (Person.is_active == True) & (Person.id != row.id)  # noqa: E712
            )
            if not others.exists():
                raise NotNow(
                    "last-admin",
                    field="staff_role",
                    words=_("This is the only admin: name another one first."),
                )
        row.save()
        after = plain(row)
        changed = {name: [before[name], after[name]] for name in after if before[name] != after[name]}
        rights = {name: changed.pop(name) for name in ("staff_role", "is_supervisor") if name in changed}
        if changed:
            self.record("account:changed", self.target(row), changed=changed)
        if rights:
            self.record("account:role_changed", self.target(row), changed=rights)
            if row.id != current.viewer().id:
                # Whoever holds a session of this account signs in again before having other rights.
                accounts.end_all(row.id, current.viewer(), current.now())
        return row

    def do_invite(self, row: Any, form: Any) -> bool:
        """A new link."""
        accounts.invite(row.id, current.viewer(), current.now())
        return True

    def do_unlock(self, row: Any, form: Any) -> bool:
        """Open the lock, and forget the failures."""
        accounts.unlock(row.id, current.viewer(), current.now())
        return True

    def do_sign_out(self, row: Any, form: Any) -> bool:
        """End the sessions."""
        accounts.end_all(row.id, current.viewer(), current.now())
        return True

    def do_reset_factors(self, row: Any, form: Any) -> bool:
        """Take the second factors away, with the reason."""
        return accounts.reset_factors(row.id, form.reason.data, current.viewer(), current.now())

    def do_disable(self, row: Any, form: Any) -> bool:
        """Close the account."""
        if not row.is_active:
            return False
        accounts.disable(row.id, current.viewer(), current.now())
        return True

    def do_enable(self, row: Any, form: Any) -> bool:
        """Open the account again."""
        if row.is_active:
            return False
        accounts.enable(row.id, current.viewer(), current.now())
        return True


def account_state(row: Any) -> Badge:
    """An account in one word: disabled, locked, invited or active."""
    if not row.is_active:
        return Badge("over", "person-x", _("Disabled"))
    if row.locked_at:
        return Badge("stuck", "lock-fill", _("Locked"))
    if row.first_signed_in_at is None:
        return Badge("new", "envelope", _("Invited"))
    return Badge("done", "check-circle", _("Active"))


def _joined(column: Any) -> Any:
    """The values of a column in one text, whichever the database."""
    from models import is_sqlite

    return fn.GROUP_CONCAT(column, ", ") if is_sqlite() else fn.STRING_AGG(column, ", ")
