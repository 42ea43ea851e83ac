"""Screens of single sign-on: identity providers, and applications that sign people in by signed links (ACC-11).

A secret is typed and never shown again; the audit trail says that it was replaced, and nothing of it.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from wtforms import PasswordField
from wtforms.validators import InputRequired, Length, Optional

from domain import sso
from domain.refusals import Invalid
from models import ExternalIdentity, IdentityProvider, LinkingApplication
from views import current
from views.admin import filters
from views.admin.base import Badge, Rows
from views.admin.catalogue import show_active
from views.admin.fields import REQUIRED, Line, Lookup
from views.admin.people import CUSTOMERS
from views.admin.rules import NO_SUCH_ORGANISATION, ORGANISATION
from words import gettext as _
from words import lazy_gettext as _l

LEAST_KEY = 32


def _organisation(help_words: Any) -> Lookup:
    return Lookup(
        _l("Bound to an organisation"),
        find=ORGANISATION,
        missing=NO_SUCH_ORGANISATION,
        description=help_words,
        validators=[Optional()],
    )


class Secrets(Rows):
    """Rows with a secret that is typed, kept encrypted, and never shown."""

    section = CUSTOMERS
    list_joins = ()
    finders = (ORGANISATION,)
    fixed = ("slug",)
    switches = ("is_active",)
    least_secret = 1

    def show_is_active(self, row: Any) -> Badge:
        """In use or not."""
        return show_active(row)

    def show_organisation(self, row: Any) -> str | None:
        """The organisation it is bound to."""
        return row.organisation.name if row.organisation_id else None

    def show_secret(self, row: Any) -> str:
        """Whether there is one."""
        return _("Kept, not shown") if row.sealed_secret else _("None")

    def before_save(self, form: Any, row: Any, before: Any) -> None:
        """A secret that was typed takes the place of the one before."""
        typed = form.new_secret.data if "new_secret" in form else ""
        if not typed:
            return
        if len(typed) < self.least_secret:
            raise Invalid(
                "secret-short",
                field="new_secret",
                words=_("At least %(least)s characters.", least=self.least_secret),
            )
        row.sealed_secret = sso.seal(typed, self.table._meta.table_name)
        if before is not None:
            self.record("secret:replaced", self.target(row))


class IdentityProviderView(Secrets):
    table = IdentityProvider
    title = _l("Single sign-on")
    new_title = _l("New identity provider")
    lead = _l(
        "Where people sign in with OpenID Connect instead of a password. The operator’s guide says what to enter there."
    )
    icon = "box-arrow-in-right"
    list_joins = (IdentityProvider.organisation,)
    column_list = ("name", "slug", "issuer", "organisation", "is_listed", "is_active")
    column_details_list = (
        "name_fr", "name_en", "slug", "issuer", "client_id", "secret", "organisation", "makes_accounts",
        "replaces_factor", "is_listed", "position", "is_active",
    )  # fmt: skip
    column_labels = {
        "issuer": _l("Issuer"),
        "client_id": _l("Client id"),
        "secret": _l("Client secret"),
        "makes_accounts": _l("Makes accounts"),
        "replaces_factor": _l("Counts as the second factor too"),
        "is_listed": _l("Has a button on the sign-in page"),
    }
    column_searchable_list = ("name_fr", "name_en", "slug", "issuer")
    column_filters = (filters.YesNo("active", IdentityProvider.is_active, _l("In use")),)
    form_columns = (
        "name_fr", "name_en", "slug", "issuer", "client_id", "organisation", "makes_accounts", "replaces_factor",
        "is_listed", "position", "is_active",
    )  # fmt: skip
    form_fields = {
        "issuer": Line(
            _l("Issuer"),
            description=_l(
                "The https address that the provider calls itself by, exactly. Another one unlinks everybody."
            ),
            validators=[InputRequired(REQUIRED), Length(max=300)],
        ),
        "organisation": _organisation(
            _l(
                "Then the addresses that it has verified are believed, for people of this organisation alone. "
                "Empty: each person links their own account, signed in with their password."
            )
        ),
    }
    side_fields = {
        "new_secret": PasswordField(
            _l("Client secret"),
            description=_l("Kept encrypted, never shown again. Empty: the one before stays."),
            validators=[Optional(), Length(max=500)],
            render_kw={"autocomplete": "off"},
        ),
    }
    default_order = (IdentityProvider.position,)
    deleted_with = (ExternalIdentity,)
    empty_help = _l("Add the provider of your own company, or that of a customer.")

    def before_save(self, form: Any, row: Any, before: Any) -> None:
        """An address that may be asked; accounts for an organisation only; another issuer unlinks everybody."""
        parts = urlsplit(row.issuer)
        loopback = parts.hostname in ("127.0.0.1", "::1", "localhost")
        plain = parts.scheme == "http" and loopback and current.settings().sso_http_on_loopback
        if (
            not parts.hostname
            or parts.query
            or parts.fragment
            or parts.username
            or not (parts.scheme == "https" or plain)
        ):
            raise Invalid(
                "issuer", field="issuer", words=_("Give a whole address that begins with https://.")
            )
        if row.makes_accounts and row.organisation_id is None:
            raise Invalid(
                "makes-accounts",
                field="makes_accounts",
                words=_("Only a provider that is bound to an organisation makes accounts."),
            )
        super().before_save(form, row, before)
        if before is not None and (before["issuer"], before["client_id"]) != (row.issuer, row.client_id):
            self.record("identity:dropped", self.target(row), count=sso.forget_identities(row))

    def goes_with(self, row: Any) -> list[str]:
        """The accounts that are linked to it."""
        count = ExternalIdentity.select().where(ExternalIdentity.provider == row.id).count()
        return [_("linked accounts: %(count)s", count=count)] if count else []


class LinkingApplicationView(Secrets):
    table = LinkingApplication
    title = _l("Signed links")
    new_title = _l("New application")
    lead = _l(
        "Applications without identity provider, which sign their people in by links of 60 seconds. "
        "The operator’s guide says how."
    )
    icon = "link-45deg"
    list_joins = (LinkingApplication.organisation,)
    column_list = ("name", "slug", "organisation", "is_active")
    column_details_list = (
        "name_fr",
        "name_en",
        "slug",
        "secret",
        "organisation",
        "replaces_factor",
        "is_active",
    )
    column_labels = {
        "secret": _l("Key"),
        "replaces_factor": _l("Counts as the second factor too"),
    }
    column_searchable_list = ("name_fr", "name_en", "slug")
    column_filters = (filters.YesNo("active", LinkingApplication.is_active, _l("In use")),)
    form_columns = ("name_fr", "name_en", "slug", "organisation", "replaces_factor", "is_active")
    form_fields = {
        "organisation": _organisation(
            _l("Then it signs in people of this organisation alone. Empty: any customer. Never the team.")
        ),
    }
    side_fields = {
        "new_secret": PasswordField(
            _l("Key"),
            description=_l(
                "At least 32 characters, made at random. Kept encrypted, never shown again. "
                "Empty: the one before stays."
            ),
            validators=[Optional(), Length(max=500)],
            render_kw={"autocomplete": "off"},
        ),
    }
    least_secret = LEAST_KEY
    empty_help = _l("Add an application whose people have their account here too.")

    def before_save(self, form: Any, row: Any, before: Any) -> None:
        """In use only with a key."""
        super().before_save(form, row, before)
        if row.is_active and not row.sealed_secret:
            raise Invalid("key-missing", field="new_secret", words=_("Give the key first."))
