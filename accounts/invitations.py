"""People are invited by mail, and join: a link holds for 7 days, and once.

The link holds a nonce signed with the installation's secret key: what was made up is told from what
is over without a look at the database, and who reads the database alone can make no link.
"""

import hashlib
import secrets
from datetime import datetime, timedelta

from django.core import signing
from django.db import transaction
from django.urls import reverse

from accounts import actors, audit, limits, people
from accounts.actors import ActorKind
from accounts.models import Invitation, Membership, User, Workspace
from accounts.tenancy import INVITATION, admitted, in_workspace

VALID_FOR = timedelta(days=7)
MOST_OPEN = 200  # of one workspace at a time
MAILS_AN_HOUR = 5  # to one mail address, whoever has them sent


class Refused(Exception):
    """A link that leads nowhere: what it is, and what to do. ``code`` is the name of the kind."""

    code = "refused"
    status = 410


class Forged(Refused):
    """The link was not made here, or lost a part on its way."""

    code = "forged"
    status = 404

    def __init__(self) -> None:
        super().__init__(
            "This is no link of an invitation, or a part of it is missing. Copy the whole link "
            "from the mail."
        )


class Withdrawn(Refused):
    """The link was withdrawn, or replaced by a newer one."""

    code = "withdrawn"

    def __init__(self) -> None:
        super().__init__(
            "This invitation was withdrawn, or a newer link was sent. Look for a newer mail, or "
            "ask whoever invited you."
        )


class Expired(Refused):
    """The link is older than it may be."""

    code = "expired"

    def __init__(self) -> None:
        super().__init__(
            f"This invitation was valid for {VALID_FOR.days} days and has expired. Ask whoever "
            "invited you to send it again."
        )


class Used(Refused):
    """The link was used before."""

    code = "used"

    def __init__(self) -> None:
        super().__init__(
            "This invitation was accepted before, and a link works once. If it was you, sign in; "
            "if not, tell whoever invited you."
        )


class OfSomebodyElse(Refused):
    """Whoever is signed in is not whom the invitation was sent to."""

    code = "other_person"
    status = 403

    def __init__(self, user: User) -> None:
        super().__init__(
            f"You are signed in as {user.email}, and this invitation was sent to another address. "
            "Sign out, and open the link again."
        )


class NotInvited(Exception):
    """Nobody is invited: the message says why."""


def invite(
    *, workspace: Workspace, email: str, role: str, by: Membership, at: datetime
) -> Invitation:
    """Invite a mail address. One that is invited already gets a new link, and the new role.

    Raises:
        NotInvited: the person has a role already, or too many are invited, or invited too often.
        people.NotPermitted: ``by`` may not give this role.
        ValidationError: a value is not acceptable.
    """
    with in_workspace(workspace.pk):
        people.lock(workspace)
        people.check_may_give(by=by, roles=[role])
        members = Membership.objects.for_workspace(workspace)
        if members.filter(user__email__iexact=email).exists():
            raise NotInvited(f"{email} has a role in this workspace already.")
        invitations = Invitation.objects.for_workspace(workspace).open()
        invitation = invitations.filter(email__iexact=email).first()
        if invitation is None:
            if invitations.count() >= MOST_OPEN:
                raise NotInvited(
                    f"{MOST_OPEN} people are invited and have not joined. Withdraw some first."
                )
            invitation = Invitation(workspace=workspace, email=email)
        else:
            people.check_may_give(by=by, roles=[invitation.role])
        invitation.role = role
        make_link(invitation, by=by.user, at=at)
        invitation.clean_fields()
        invitation.save()
        record("invitation.sent", invitation, workspace)
    return invitation


def resend(*, invitation: Invitation, by: Membership, at: datetime) -> Invitation:
    """Send an open invitation again, with a new link: the old one ends.

    Raises:
        NotInvited: it is not open any more, or was sent too often.
        people.NotPermitted: ``by`` may not give its role.
    """
    with in_workspace(invitation.workspace_id):
        people.lock(invitation.workspace)
        found = find_again(invitation)
        if found is None:
            raise NotInvited(f"The invitation of {invitation.email} is not open any more.")
        people.check_may_give(by=by, roles=[found.role])
        make_link(found, by=by.user, at=at)
        found.save()
        record("invitation.sent", found, invitation.workspace)
    return found


def record(action: str, invitation: Invitation, workspace: Workspace) -> None:
    """Note in the audit log what was done with an invitation."""
    after = {"role": str(invitation.role)}
    audit.record(action, workspace=workspace, target=invitation.email, after=after)


def make_link(invitation: Invitation, *, by: User, at: datetime) -> None:
    """Give an invitation a new link, valid from ``at`` on; the caller saves it.

    Raises:
        NotInvited: too many mails went to this address.
    """
    email = invitation.email.lower()
    if not limits.admit(f"invitation-mail:{email}", most=MAILS_AN_HOUR, seconds=limits.HOUR):
        raise NotInvited(
            f"{invitation.email} was sent {MAILS_AN_HOUR} mails within an hour. Wait an hour."
        )
    invitation.nonce = secrets.token_urlsafe(32)
    invitation.hash = digest(write_token(invitation))
    invitation.invited_by = by
    invitation.expires_at = at + VALID_FOR
    invitation.sent_at = None


def withdraw(*, invitation: Invitation, by: Membership, at: datetime) -> bool:
    """End an open invitation; tell whether it was open.

    Raises:
        people.NotPermitted: ``by`` may not give its role, hence not take it back.
    """
    with in_workspace(invitation.workspace_id):
        people.lock(invitation.workspace)
        found = find_again(invitation)
        if found is None:
            return False
        people.check_may_give(by=by, roles=[found.role])
        found.withdrawn_at = at
        found.save(update_fields=["withdrawn_at"])
        record("invitation.withdrawn", found, invitation.workspace)
    return True


def find_again(invitation: Invitation) -> Invitation | None:
    """Return an open invitation as it is now, under the lock of its workspace."""
    invitations = Invitation.objects.for_workspace(invitation.workspace_id).open()
    return invitations.filter(pk=invitation.pk).first()


def find(token: str, *, at: datetime) -> Invitation:
    """Return the open invitation of a link, with its workspace and who sent it.

    Raises:
        Refused: there is none; the message says why.
    """
    try:
        signer().unsign(token)
    except signing.BadSignature:
        raise Forged from None
    with admitted(INVITATION, digest(token)):
        # The workspace is not visible here; below it is.
        found = Invitation.objects.filter(hash=digest(token)).first()
    if found is None:
        raise Withdrawn
    with in_workspace(found.workspace_id):
        invitations = Invitation.objects.for_workspace(found.workspace_id)
        invitation = invitations.select_related("workspace", "invited_by").get(pk=found.pk)
    check_open(invitation, token=token, at=at)
    return invitation


def check_open(invitation: Invitation, *, token: str, at: datetime) -> None:
    """Let an invitation through that can still be accepted.

    Raises:
        Refused: it cannot; the message says why.
    """
    if invitation.accepted_at is not None:
        raise Used
    if invitation.withdrawn_at is not None or invitation.hash != digest(token):
        raise Withdrawn
    if invitation.expires_at <= at:
        raise Expired


def accept(*, token: str, user: User, at: datetime) -> Membership:
    """Give a person the role that they were invited to; of two at once one is refused.

    Who got a role meanwhile keeps it, and the invitation is used.

    Raises:
        Refused: the link leads nowhere, or was sent to somebody else.
    """
    found = find(token, at=at)
    with in_workspace(found.workspace_id):
        people.lock(found.workspace)
        # Read again: what was found may have been used, or withdrawn, before the lock was had.
        invitation = Invitation.objects.for_workspace(found.workspace_id).get(pk=found.pk)
        check_open(invitation, token=token, at=at)
        if not belongs_to(invitation, user):
            raise OfSomebodyElse(user)
        members = Membership.objects.for_workspace(found.workspace_id)
        membership, joined = members.select_related("workspace", "user").get_or_create(
            workspace=found.workspace, user=user, defaults={"role": invitation.role}
        )
        invitation.accepted_at = at
        invitation.save(update_fields=["accepted_at"])
        with actors.acting_as(ActorKind.PERSON, id=user.pk, name=user.email):
            after = {"role": str(membership.role)}
            action = "member.joined" if joined else "invitation.used"
            audit.record(action, workspace=found.workspace, target=user.email, after=after)
    return membership


def accept_as_new(*, token: str, name: str, password: str, at: datetime) -> Membership:
    """Make the account of an invited person, whose address the link proves, and accept.

    Raises:
        Refused: the link leads nowhere.
        NotInvited: there is an account; its owner signs in first.
        ValidationError: the name or the password is not acceptable.
    """
    found = find(token, at=at)
    with transaction.atomic():
        user, created = people.ensure_account(email=found.email, password=password, name=name)
        if not created:
            raise NotInvited(f"There is an account for {found.email}. Sign in to accept.")
        return accept(token=token, user=user, at=at)


def record_refused(*, token: str, error: Refused) -> None:
    """Note in the audit log that a link was refused: of its workspace, where it has one."""
    with admitted(INVITATION, digest(token)):
        found = Invitation.objects.filter(hash=digest(token)).first()
    audit.record_refused(
        "invitation.refused",
        workspace_id=found.workspace_id if found else None,
        target=found.email if found else "",
        reason=error.code,
    )


def belongs_to(invitation: Invitation, user: User) -> bool:
    """Tell whether an invitation was sent to a person."""
    return invitation.email.lower() == user.email.lower()


def has_account(invitation: Invitation) -> bool:
    """Tell whether whoever was invited has an account."""
    return User.objects.filter(email__iexact=invitation.email).exists()


def write_token(invitation: Invitation) -> str:
    """Return what the link of an invitation ends with."""
    return signer().sign(invitation.nonce)


def write_path(invitation: Invitation) -> str:
    """Return the link of an invitation, without the address of the installation."""
    return reverse("accounts:invitation", args=[write_token(invitation)])


def signer() -> signing.Signer:
    """Return what signs links of invitations, and nothing else."""
    return signing.Signer(salt="accounts.invitations")


def digest(token: str) -> str:
    """Return what the database keeps of a link."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
