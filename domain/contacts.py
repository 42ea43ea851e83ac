"""Who belongs to which organisation, and who of them is an approved contact (ACC-2, ACC-3).

The list is kept by internal admins for all organisations and by an organisation's administrators for their own.
Each change is recorded: who, when, why. Rights are read at each request, so that a removal acts at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from peewee import fn

from domain import accounts, audit, conversation, handover, partners, settings, statements
from domain.policies import Viewer
from domain.refusals import Invalid, Missing, NotAllowed, NotNow
from models import Membership, Organisation, Person

ROLES = ("member", "contact", "administrator")
REASON_MAX = 300
ACTIVE = Person.is_active == True  # noqa: E712


@dataclass(frozen=True, slots=True)
class Contact:
    """A person of an organisation, as lists show them."""

    membership_id: int
    person_id: int
    full_name: str
    email: str
    role: str
    approved: bool
    invited: bool
    since: datetime | None
    last_signed_in_at: datetime | None


def rights_of(role: str) -> dict[str, bool]:
    """The rights that come with a role: approved contacts and administrators have all three, members none."""
    approved = role in ("contact", "administrator")
    return {
        "can_open": approved,
        # A setting can take it from contacts, never from the administrator (VIEW-1).
        "can_see_all": role == "administrator" or (approved and bool(settings.get("contacts_see_all"))),
        "can_answer": approved,
    }


def can_manage(viewer: Viewer | None, organisation_id: int) -> bool:
    """True for internal admins, and for the administrators of that organisation (ACC-3)."""
    if viewer is None or not viewer.is_active:
        return False
    return viewer.is_admin or any(rights.organisation_id == organisation_id for rights in viewer.administers)


def _manage(by: Viewer | None, organisation_id: int) -> None:
    """Raise unless `by` keeps this list. None is the portal itself (set-up, imports)."""
    if by is None or can_manage(by, organisation_id):
        return
    if any(rights.organisation_id == organisation_id for rights in by.memberships):
        raise NotAllowed("contacts-not-yours")
    raise Missing()


def _is_staff_act(by: Viewer | None) -> bool:
    return by is None or by.is_admin


def of_organisation(organisation_id: int) -> list[Contact]:
    """The living members of an organisation: administrators, approved contacts, then members, by name."""
    rows = (
        Membership.select(Membership, Person)
        .join(Person, on=(Membership.person == Person.id))
        .where((Membership.organisation == organisation_id) & Membership.removed_at.is_null() & ACTIVE)
        .order_by(fn.LOWER(Person.full_name), Membership.id)
    )
    people = [
        Contact(
            membership_id=row.id,
            person_id=row.person.id,
            full_name=row.person.full_name,
            email=row.person.email,
            role=row.role,
            approved=row.can_open,
            invited=row.person.first_signed_in_at is None,
            since=row.approved_at,
            last_signed_in_at=row.person.last_signed_in_at,
        )
        for row in rows
    ]
    return sorted(people, key=lambda contact: -ROLES.index(contact.role))


def approvers_of(organisation_id: int) -> list[Contact]:
    """Whom a colleague who may not open requests can ask: administrators first, then approved contacts (ACC-3)."""
    return [
        contact
        for contact in of_organisation(organisation_id)
        if contact.approved or contact.role == "administrator"
    ]


def waiting() -> list[Person]:
    """Those who registered, proved their address and wait for an organisation, oldest first (ACC-2)."""
    attached = Membership.select(Membership.person).where(Membership.removed_at.is_null())
    return list(
        Person.select()
        .where(
            Person.email_verified_at.is_null(False)
            & Person.staff_role.is_null()
            & ACTIVE
            & (Person.claimed_organisation != "")
            & Person.id.not_in(attached)
        )
        .order_by(Person.id)
    )


def proposed_organisations(person: Person) -> list[Organisation]:
    """The organisations whose mail domains hold this person's proven address: proposed, never attached by itself."""
    if person.email_verified_at is None:
        return []
    domain = person.email.rpartition("@")[2]
    organisations = Organisation.select().where(Organisation.is_active == True).order_by(Organisation.name)  # noqa: E712
    return [row for row in organisations if domain in {str(name).lower() for name in row.domains}]


def find(membership_id: int, by: Viewer) -> Membership:
    """A membership of an organisation whose list `by` keeps. Raises Missing for any other."""
    row = (
        Membership.select(Membership, Person, Organisation)
        .join(Person, on=(Membership.person == Person.id))
        .switch(Membership)
        .join(Organisation, on=(Membership.organisation == Organisation.id))
        .where(Membership.id == membership_id)
        .first()
    )
    if row is None or not can_manage(by, row.organisation_id):
        raise Missing()
    return row


# ---- Changes -----------------------------------------------------------------------------------------


def add_membership(
    person_id: int, organisation_id: int, *, role: str, by: Viewer | None, now: datetime, reason: str = ""
) -> Membership:
    """Put a person in an organisation, or change their role in it (ACC-3, ACC-14).

    Arguments: role, a key of ROLES, which brings its rights; by, None for the portal itself; reason, kept with the row.
    Returns the row: the one of old when the person had been removed. Doing it twice changes and records nothing.
    Raises Missing, NotAllowed, Invalid("role-unknown"), Invalid("contact-is-staff"), NotNow("account-disabled"),
    NotAllowed("administrator-not-yours") for an organisation's own administrator.
    """
    if role not in ROLES:
        raise Invalid("role-unknown", field="role")
    reason = _reason(reason)
    with accounts.one_at_a_time(f"contacts:{organisation_id}"):
        person = _person_beside(person_id, organisation_id)
        if person is None:
            raise Missing()
        _manage(by, organisation_id)
        if person.staff_role is not None:
            raise Invalid("contact-is-staff", field="email")
        if not person.is_active:
            raise NotNow("account-disabled")
        before = Membership.get_or_none(
            (Membership.person == person_id) & (Membership.organisation == organisation_id)
        )
        was = before.role if before is not None and before.removed_at is None else None
        if was == role:
            return before
        # Administrators are made and unmade by the vendor's admins: one of them cannot take over alone.
        if "administrator" in (role, was) and not _is_staff_act(by):
            raise NotAllowed("administrator-not-yours")
        approved = role != "member"
        values = {
            "role": role,
            **rights_of(role),
            "approved_at": now if approved else None,
            "approved_by": by.id if by and approved else None,
            "removed_at": None,
            "removed_by": None,
            "reason": reason,
        }
        if before is None:
            row = Membership.create(person=person_id, organisation=organisation_id, **values)
            # Whoever attaches somebody vouches for them; nothing waits for those linked before.
            conversation.adopt_copies(person_id, person.email)
        else:
            Membership.update(**values).where(Membership.id == before.id).execute()
            row = Membership.get_by_id(before.id)
        if approved and was in (None, "member"):
            kind = "contact:approved"
        else:
            kind = "contact:attached" if was is None else "contact:changed"
        audit.record(
            kind, by=by, now=now, target=f"membership:{row.id}", person=person_id, organisation=organisation_id,
            role=role, before=was, reason=reason,
        )  # fmt: skip
    return row


def _person_beside(person_id: int, organisation_id: int) -> Person | None:
    """A person, when the organisation exists too. One query, whose words are kept: files of contacts ask it often."""
    this, place = statements.stand_in(0), statements.stand_in(1)
    found = statements.rows(
        "contacts.person_beside",
        lambda: Person.select().where(
            (Person.id == this)
            & fn.EXISTS(Organisation.select(Organisation.id).where(Organisation.id == place))
        ),
        {this: person_id, place: organisation_id},
    )
    return found[0] if found else None


def attach(
    person_id: int, organisation_id: int, by: Viewer, now: datetime, *, role: str = "member", reason: str = ""
) -> Membership:
    """Attach somebody who registered to their organisation (ACC-2). Raises as add_membership()."""
    if not _is_staff_act(by):
        raise NotAllowed("contacts-not-yours")
    return add_membership(person_id, organisation_id, role=role, by=by, now=now, reason=reason)


def approve(membership_id: int, by: Viewer, now: datetime, *, reason: str = "") -> Membership:
    """Make a member of the organisation, or somebody removed from it, an approved contact (ACC-3).

    Raises Missing, NotNow("account-disabled"). An administrator stays one: they count as approved.
    """
    row = find(membership_id, by)
    if row.role == "administrator" and row.removed_at is None:
        return row
    return add_membership(row.person_id, row.organisation_id, role="contact", by=by, now=now, reason=reason)


def remove_approval(
    membership_id: int, by: Viewer, now: datetime, *, reason: str, hand_to: int | None = None
) -> handover.Handed:
    """Take somebody off the list: all rights go at once, the row and the requests stay (ACC-3).

    An invitation that was not used yet is dead with it. Doing it twice is no fault.
    Arguments: hand_to, a colleague who gets the open requests in the same step (LIFE-18).
    Returns what became of their open requests.
    Raises Invalid("handover-unknown") by the field `hand_to`,
    Missing, Invalid("removal-reason-needed"), NotAllowed("administrator-not-yours") for an organisation's own
    administrator, NotAllowed("contact-is-yourself").
    """
    row = find(membership_id, by)
    reason = _reason(reason)
    if not reason:
        raise Invalid("removal-reason-needed", field="reason")
    if row.person_id == by.id:
        raise NotAllowed("contact-is-yourself")
    if row.role == "administrator" and not _is_staff_act(by):
        raise NotAllowed("administrator-not-yours")
    with accounts.one_at_a_time(f"contacts:{row.organisation_id}"):
        removed = (
            Membership.update(
                can_open=False,
                can_see_all=False,
                can_answer=False,
                removed_at=now,
                removed_by=by.id,
                reason=reason,
            )
            .where((Membership.id == row.id) & Membership.removed_at.is_null())
            .execute()
        )
        if not removed:
            return handover.Handed(left=handover.open_requests_of(row.person_id, row.organisation_id, by))
        conversation.leave_organisation(row.person_id, row.organisation_id, by, now)
        partners.leave_clients(row.person_id, row.organisation_id, by, now)
        others = Membership.select().where(
            (Membership.person == row.person_id) & Membership.removed_at.is_null()
        )
        if row.person.first_signed_in_at is None and not others.exists():
            accounts.kill_links(row.person_id, now)
        audit.record(
            "contact:removed", by=by, now=now, target=f"membership:{row.id}", person=row.person_id,
            organisation=row.organisation_id, role=row.role, reason=reason,
        )  # fmt: skip
        if hand_to is None:
            return handover.Handed(left=handover.open_requests_of(row.person_id, row.organisation_id, by))
        try:
            return handover.handover_all(row.person_id, row.organisation_id, hand_to, by, now, reason=reason)
        except Invalid as fault:
            # Undone with the removal: the choice stands in the same form.
            raise Invalid(fault.code, field="hand_to", **fault.data) from None


def invite_contact(
    organisation_id: int,
    *,
    full_name: str,
    email: str,
    by: Viewer,
    now: datetime,
    reason: str = "",
    language: str | None = None,
) -> Membership:
    """Approve somebody by address: a colleague who has an account, or a new one who is mailed an invitation (ACC-3).

    An organisation's administrator chooses among its members and its mail domains, as for copies (VIEW-5): an address
    from outside is refused whether or not it has an account, so that nobody learns which.
    Raises Invalid("address-bad"), Invalid("contact-outside"), and as add_membership().
    """
    email = accounts.address(email)
    reason = _reason(reason)
    with accounts.one_at_a_time(f"contacts:{organisation_id}", f"mail:{email}"):
        organisation = Organisation.get_or_none(Organisation.id == organisation_id)
        if organisation is None:
            raise Missing()
        _manage(by, organisation_id)
        person = Person.get_or_none(Person.email == email)
        if not _is_staff_act(by) and not _is_inside(organisation, email, person):
            raise Invalid("contact-outside", field="email", address=email)
        if person is None:
            person = accounts.add_person(
                email, full_name, by=by, now=now, language=language or by.language, time_zone=by.time_zone
            )
        before = Membership.get_or_none(
            (Membership.person == person.id) & (Membership.organisation == organisation_id)
        )
        if before is not None and before.removed_at is None and before.role == "administrator":
            return before
        row = add_membership(person.id, organisation_id, role="contact", by=by, now=now, reason=reason)
        if person.first_signed_in_at is None:
            try:
                accounts.invite(person.id, by, now)
            except NotNow:
                # Three invitations left within the hour: one of them will do.
                pass
    return row


def _is_inside(organisation: Organisation, email: str, person: Person | None) -> bool:
    if email.rpartition("@")[2] in {str(domain).lower() for domain in organisation.domains}:
        return True
    if person is None:
        return False
    return (
        Membership.select()
        .where(
            (Membership.person == person.id)
            & (Membership.organisation == organisation.id)
            & Membership.removed_at.is_null()
        )
        .exists()
    )


def _reason(reason: str) -> str:
    reason = " ".join((reason or "").split())
    if len(reason) > REASON_MAX:
        raise Invalid("name-too-long", field="reason", limit=REASON_MAX)
    return reason
