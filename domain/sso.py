"""Signing in through other systems: identity providers, and signed links of applications without one (ACC-11).

What a provider or an application says is verified before it comes here, except signed links, whose proof is this
module's. Here is decided whose account it opens. A second step, locks and closed accounts are those of accounts.py.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from peewee import IntegrityError, fn

from domain import accounts, audit, contacts, factors
from domain.conversation import adopt_copies
from domain.policies import load_viewer
from domain.refusals import Invalid, Missing, NotAllowed, NotNow
from domain.turns import one_at_a_time
from models import (
    ExternalIdentity,
    IdentityProvider,
    LinkingApplication,
    Organisation,
    Person,
    SpentChallenge,
    UserSession,
    UtcField,
    db,
)

if TYPE_CHECKING:
    from domain.policies import Viewer

# From the button to the return from the provider.
ATTEMPT_MINUTES = 10
# A signed link, from its making in the application to the button on this portal.
LINK_SECONDS = 60
# From the same moment, for the button of a page that was opened in time.
BUTTON_SECONDS = 600
# Clocks of two machines: how far the other one may be early.
EARLY_SECONDS = 10
# A proof that is to be new, by the clock of the provider.
CLOCK_SECONDS = 60

_NONCE = re.compile(r"[A-Za-z0-9_-]{16,64}")
_SIGNATURE = re.compile(r"[0-9a-f]{64}")
_SECONDS = re.compile(r"[0-9]{1,12}")


class Said(NamedTuple):
    """What a provider says of somebody, verified. `auth_time`: seconds since 1970, or None."""

    subject: str
    email: str
    email_verified: bool
    name: str = ""
    auth_time: float | None = None


# ---- Secrets -------------------------------------------------------------------------------------------


def seal(secret: str, table: str) -> str:
    """A secret of a row of this table ("identity_provider", ...), as it is kept."""
    nonce = secrets.token_bytes(12)
    sealed = AESGCM(factors.key_for("single sign-on")).encrypt(nonce, secret.encode(), table.encode())
    return base64.b64encode(nonce + sealed).decode("ascii")


def unseal(kept: str, table: str) -> str:
    """The secret again; "" without one. Raises NotNow("sso-secret-lost") when the portal's secret changed since."""
    if not kept:
        return ""
    raw = base64.b64decode(kept)
    try:
        opened = AESGCM(factors.key_for("single sign-on")).decrypt(raw[:12], raw[12:], table.encode())
    except InvalidTag:
        raise NotNow("sso-secret-lost") from None
    return opened.decode()


# ---- Providers -----------------------------------------------------------------------------------------


def listed() -> list[IdentityProvider]:
    """The providers with a button on the sign-in page. One query."""
    return list(
        IdentityProvider.select()
        .where((IdentityProvider.is_active == True) & (IdentityProvider.is_listed == True))  # noqa: E712
        .order_by(IdentityProvider.position, IdentityProvider.id)
    )


def providers_for(name: str) -> list[IdentityProvider]:
    """Where the organisation of a typed address signs in: active providers bound to the owner of its domain (ACC-17).

    It goes by the domain alone: nobody learns whether an account exists. Empty for a user name. One query.
    """
    try:
        domain = accounts.address(name).rpartition("@")[2]
    except Invalid:
        domain = ""
    rows = (
        IdentityProvider.select(IdentityProvider, Organisation)
        .join(Organisation)
        .where((IdentityProvider.is_active == True) & (Organisation.is_active == True))  # noqa: E712
        .order_by(IdentityProvider.position, IdentityProvider.id)
    )
    return [row for row in rows if domain in {str(own).lower() for own in row.organisation.domains}]


def provider_of(slug: str) -> IdentityProvider:
    """An active provider. Raises Missing("sso-unknown")."""
    row: IdentityProvider | None = IdentityProvider.get_or_none(
        (IdentityProvider.slug == slug) & (IdentityProvider.is_active == True)  # noqa: E712
    )
    if row is None:
        raise Missing("sso-unknown")
    return row


def secret_of(provider: IdentityProvider) -> str:
    """What the portal proves itself with to the provider; "" without."""
    return unseal(provider.sealed_secret, "identity_provider")


def marks_of(state: str) -> tuple[str, str]:
    """The nonce and the PKCE verifier of an attempt: made from its state and the portal's secret, kept nowhere."""

    def made(purpose: str) -> str:
        raw = hmac.new(factors.key_for(purpose), state.encode("ascii", "replace"), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")

    return made("sso nonce"), made("sso verifier")


def spend(kind: str, text: str, until: datetime) -> bool:
    """Use something up that works once; False when it was used before, also at this very moment by another."""
    digest = hashlib.sha256(f"{kind}\0{text}".encode("utf-8", "replace")).hexdigest()
    try:
        with db.atomic():
            SpentChallenge.create(challenge_hash=digest, expires_at=until)
    except IntegrityError:
        return False
    return True


def _organisations(person_id: int) -> set[int]:
    viewer = load_viewer(person_id)
    return {rights.organisation_id for rights in viewer.memberships} if viewer is not None else set()


# ---- Signing in by a provider --------------------------------------------------------------------------


def enter(
    provider: IdentityProvider,
    said: Said,
    *,
    language: str,
    origin: str,
    now: datetime,
    user_agent: str = "",
    browser: str | None = None,
) -> tuple[str, Person]:
    """Start a session for whom a provider has proven (ACC-11). Returns as accounts.sign_in().

    Found by (provider, subject). Linked by address only by a provider that is bound to the one organisation that the
    account belongs to. Raises SecondStep; NotAllowed with the reason: "sso-unverified", "sso-no-account",
    "sso-not-linked", "sso-other-identity", "sso-not-member", "sso-closed"; Locked.
    """
    how = f"sso:{provider.slug}"
    with _refusals_recorded(how, origin, now):
        person = _person_of(provider, said, language, origin, now)
        return accounts.sign_in_proven(
            person, how=how, skip_second=provider.replaces_factor, origin=origin, now=now, user_agent=user_agent,
            browser=browser,
        )  # fmt: skip


@contextmanager
def _refusals_recorded(how: str, origin: str, now: datetime) -> Iterator[None]:
    """A sign-in that is not allowed stands in the audit trail with its reason, after what it began is undone."""
    try:
        yield
    except NotAllowed as fault:
        with db.atomic():
            audit.record(
                "session:failed",
                by=None,
                now=now,
                target=f"person:{fault.data['person']}" if "person" in fault.data else "",
                origin=origin,
                how=how,
                reason=fault.code,
            )
        raise


def _person_of(provider: IdentityProvider, said: Said, language: str, origin: str, now: datetime) -> Person:
    email = _proven_address(said)
    with one_at_a_time(f"sso:{provider.id}:{said.subject}", f"sso:{provider.id}", "mail:" + email):
        row = ExternalIdentity.get_or_none(
            (ExternalIdentity.provider == provider.id) & (ExternalIdentity.subject == said.subject)
        )
        if row is not None:
            person: Person = row.person
            if provider.organisation_id is not None and (
                person.staff_role is not None or provider.organisation_id not in _organisations(person.id)
            ):
                raise NotAllowed("sso-not-member", person=person.id)
            ExternalIdentity.update(last_used_at=now).where(ExternalIdentity.id == row.id).execute()
            return person
        person = Person.get_or_none(Person.email == email)
        if person is None:
            person = _make(provider, said, email, language, now)
        elif not person.is_active or person.locked_at is not None:
            raise NotAllowed("sso-closed", person=person.id)
        elif (
            provider.organisation_id is None
            or person.staff_role is not None
            # Whoever belongs to others too links it themselves: one customer's provider opens nothing of another's.
            or _organisations(person.id) != {provider.organisation_id}
        ):
            raise NotAllowed("sso-not-linked", person=person.id, address=email)
        _link(provider, said, person, "address", origin, now)
        Person.update(
            email_verified_at=fn.COALESCE(Person.email_verified_at, UtcField().db_value(now))
        ).where(Person.id == person.id).execute()
        if person.email_verified_at is None:
            adopt_copies(person.id, email)
        return Person.get_by_id(person.id)


def _proven_address(said: Said) -> str:
    if not said.email_verified:
        raise NotAllowed("sso-unverified")
    try:
        return accounts.address(said.email)
    except Invalid:
        raise NotAllowed("sso-unverified") from None


def _make(provider: IdentityProvider, said: Said, email: str, language: str, now: datetime) -> Person:
    """An account for somebody of the provider's organisation, where the row says so and the domain is theirs."""
    organisation = provider.organisation if provider.organisation_id is not None else None
    domains = {str(domain).lower() for domain in organisation.domains} if organisation is not None else set()
    if (
        organisation is None
        or not provider.makes_accounts
        or not organisation.is_active
        or email.rpartition("@")[2] not in domains
    ):
        raise NotAllowed("sso-no-account", address=email)
    try:
        person = accounts.add_person(email, said.name, by=None, now=now, language=language)
    except Invalid as fault:
        if fault.field != "full_name":
            # The address is somebody else's user name.
            raise NotAllowed("sso-no-account", address=email) from None
        person = accounts.add_person(email, email.partition("@")[0], by=None, now=now, language=language)
    contacts.add_membership(
        person.id, organisation.id, role="member", by=None, now=now, reason=f"sso:{provider.slug}"
    )
    return person


def _link(
    provider: IdentityProvider, said: Said, person: Person, how: str, origin: str, now: datetime
) -> None:
    known = (ExternalIdentity.provider == provider.id) & (ExternalIdentity.person == person.id)
    if ExternalIdentity.select().where(known).exists():
        # The address was given to somebody else at the provider, perhaps: not to the account here.
        raise NotAllowed("sso-other-identity", person=person.id)
    ExternalIdentity.create(
        provider=provider.id, subject=said.subject, person=person.id, created_at=now, last_used_at=now
    )
    audit.record(
        "identity:linked",
        by=load_viewer(person.id),
        now=now,
        target=f"person:{person.id}",
        origin=origin,
        provider=provider.slug,
        how=how,
    )
    factors.tell(person, "identity-linked", now)


# ---- One's own links -----------------------------------------------------------------------------------


def identities(person_id: int) -> list[ExternalIdentity]:
    """The identities of a person at active providers, with these. One query."""
    return list(
        ExternalIdentity.select(ExternalIdentity, IdentityProvider)
        .join(IdentityProvider)
        .where((ExternalIdentity.person == person_id) & (IdentityProvider.is_active == True))  # noqa: E712
        .order_by(IdentityProvider.position, IdentityProvider.id)
    )


def linkable(viewer: Viewer) -> list[IdentityProvider]:
    """The active providers that a person may link and has not: bound to none, or to an organisation of theirs."""
    theirs = [rights.organisation_id for rights in viewer.memberships]
    bound = IdentityProvider.organisation.is_null()
    if theirs and not viewer.is_staff:
        bound |= IdentityProvider.organisation.in_(theirs)
    linked = ExternalIdentity.select(ExternalIdentity.provider).where(ExternalIdentity.person == viewer.id)
    return list(
        IdentityProvider.select()
        .where(
            (IdentityProvider.is_active == True)  # noqa: E712
            & bound
            & IdentityProvider.id.not_in(linked)
        )
        .order_by(IdentityProvider.position, IdentityProvider.id)
    )


def check_linkable(viewer: Viewer, provider: IdentityProvider) -> None:
    """Raise Missing("sso-unknown") unless this person may link this provider."""
    if provider.id not in {row.id for row in linkable(viewer)}:
        raise Missing("sso-unknown")


def link(viewer: Viewer, provider: IdentityProvider, said: Said, *, origin: str, now: datetime) -> None:
    """Link one's own account, signed in freshly, to what a provider says. The address has to be the account's.

    Raises Missing("sso-unknown"), NotAllowed("sso-unverified"), ("sso-other-address"), ("sso-other-identity"), and
    ("sso-taken") when the identity opens another account.
    """
    email = _proven_address(said)
    with one_at_a_time(f"sso:{provider.id}:{said.subject}", f"sso:{provider.id}"):
        check_linkable(viewer, provider)
        person = Person.get_by_id(viewer.id)
        if email != person.email:
            raise NotAllowed("sso-other-address", address=email)
        taken = (ExternalIdentity.provider == provider.id) & (ExternalIdentity.subject == said.subject)
        if ExternalIdentity.select().where(taken).exists():
            raise NotAllowed("sso-taken")
        _link(provider, said, person, "owner", origin, now)


def unlink(viewer: Viewer, provider_slug: str, *, origin: str, now: datetime) -> None:
    """Sign in by this provider no longer. Raises Missing("sso-unknown")."""
    with one_at_a_time(f"identities:{viewer.id}"):
        provider = provider_of(provider_slug)
        gone = (
            ExternalIdentity.delete()
            .where((ExternalIdentity.provider == provider.id) & (ExternalIdentity.person == viewer.id))
            .execute()
        )
        if not gone:
            raise Missing("sso-unknown")
        audit.record(
            "identity:unlinked",
            by=viewer,
            now=now,
            target=f"person:{viewer.id}",
            origin=origin,
            provider=provider.slug,
        )
        factors.tell(Person.get_by_id(viewer.id), "identity-unlinked", now)


def forget_identities(provider: IdentityProvider) -> int:
    """Drop every identity of a provider, inside the caller's transaction: another issuer's subjects are others."""
    return int(ExternalIdentity.delete().where(ExternalIdentity.provider == provider.id).execute())


def prove_again(
    viewer: Viewer,
    session_id: int,
    provider: IdentityProvider,
    said: Said,
    asked_at: datetime,
    *,
    origin: str,
    now: datetime,
) -> None:
    """Prove in a living session that it is still the same person, by a provider that asked them anew.

    Raises NotAllowed("sso-not-you") for another identity, or when the provider did not ask since `asked_at`.
    """
    mine = (
        (ExternalIdentity.provider == provider.id)
        & (ExternalIdentity.subject == said.subject)
        & (ExternalIdentity.person == viewer.id)
    )
    anew = said.auth_time is not None and said.auth_time >= asked_at.timestamp() - CLOCK_SECONDS
    if not anew or not ExternalIdentity.select().where(mine).exists():
        raise NotAllowed("sso-not-you")
    with db.atomic():
        UserSession.update(fresh_at=now).where(
            (UserSession.id == session_id) & UserSession.ended_at.is_null()
        ).execute()
        audit.record(
            "session:fresh",
            by=viewer,
            now=now,
            target=f"person:{viewer.id}",
            origin=origin,
            how=f"sso:{provider.slug}",
        )


# ---- Signed links --------------------------------------------------------------------------------------


class SignedLink(NamedTuple):
    """What a signed link says, believed."""

    application: LinkingApplication
    email: str
    nonce: str
    next: str


def signature(key: str, app: str, email: str, time: str, nonce: str, next_page: str) -> str:
    """The signature of a link: HMAC-SHA256 in hexadecimal over the five fields, one on a line, in this order."""
    said = "\n".join((app, email, time, nonce, next_page))
    return hmac.new(key.encode(), said.encode(), hashlib.sha256).hexdigest()


def read_link(
    app: str,
    email: str,
    time: str,
    nonce: str,
    next_page: str,
    signed: str,
    now: datetime,
    most: int = LINK_SECONDS,
) -> SignedLink:
    """Believe a signed link, without using it up.

    Arguments: most, how many seconds old it may be. Raises Missing("link-not-ours") for one that no active application
    signed, NotNow("link-late") after that time, NotNow("link-early") when the clock of the application is ahead.
    """
    fields = (app, email, time, nonce, next_page)
    row = LinkingApplication.get_or_none(
        (LinkingApplication.slug == app[:40]) & (LinkingApplication.is_active == True)  # noqa: E712
    )
    # The same work for an application that does not exist.
    key = unseal(row.sealed_secret, "linking_application") if row is not None else ""
    whole = (
        all(len(field) <= 2000 and "\n" not in field and field.isprintable() for field in fields)
        and _NONCE.fullmatch(nonce)
        and _SECONDS.fullmatch(time)
        and _SIGNATURE.fullmatch(signed)
    )
    good = hmac.compare_digest(
        signature(key, *(field.encode("utf-8", "replace").decode() for field in fields)),
        signed if whole else "",
    )
    if row is None or not key or not whole or not good:
        raise Missing("link-not-ours")
    age = now.timestamp() - int(time)
    if age > most:
        raise NotNow("link-late")
    if age < -EARLY_SECONDS:
        raise NotNow("link-early")
    return SignedLink(row, email, nonce, next_page)


def use_link(
    read: SignedLink, *, origin: str, now: datetime, user_agent: str = "", browser: str | None = None
) -> tuple[str, Person]:
    """Sign in by a signed link that was read just now, once. Returns as accounts.sign_in().

    Raises NotNow("link-used"), SecondStep, Locked, NotAllowed("sso-no-account"), ("app-not-theirs") for the team and
    for people of others than the application's organisation, ("sso-closed").
    """
    app = read.application
    how = f"link:{app.slug}"
    if not spend("signed link", f"{app.id}:{read.nonce}", now + timedelta(seconds=2 * BUTTON_SECONDS)):
        with db.atomic():
            audit.record("session:failed", by=None, now=now, origin=origin, how=how, reason="link-used")
        raise NotNow("link-used")
    with _refusals_recorded(how, origin, now):
        try:
            email = accounts.address(read.email)
        except Invalid:
            _no_account(read.email)
        person = Person.get_or_none(Person.email == email)
        if person is None:
            _no_account(email)
        # The key of an application opens customers' accounts: never those of the team.
        if person.staff_role is not None or (
            app.organisation_id is not None and _organisations(person.id) != {app.organisation_id}
        ):
            raise NotAllowed("app-not-theirs", person=person.id, address=email)
        return accounts.sign_in_proven(
            person, how=how, skip_second=app.replaces_factor, origin=origin, now=now, user_agent=user_agent,
            browser=browser,
        )  # fmt: skip


def _no_account(email: str) -> NoReturn:
    raise NotAllowed("sso-no-account", address=email)
