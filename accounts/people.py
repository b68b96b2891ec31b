"""People are given an account and a place in a workspace; places change hands and end.

Whoever changes places holds the lock of the workspace: of two owners who leave at once, the second
sees that the first has gone. The database refuses the same by triggers.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

from django.contrib.auth.password_validation import validate_password
from django.db import IntegrityError, transaction

from accounts import audit, bots, sign_ins
from accounts.models import ADMINS, Bot, BotShare, Invitation, Membership, Role, User, Workspace
from accounts.tenancy import in_workspace


class NotPermitted(Exception):
    """Who asks for it may not give or take this role."""


class NotPossible(Exception):
    """A rule stands against it: the message says which, and what to do first."""


def add_member(
    *, workspace: Workspace, email: str, role: str, password: str | None = None
) -> tuple[Membership, bool]:
    """Return a person's place in a workspace and whether it is new; an existing one stays as it is.

    The password is set for a new account only. Without one nobody can sign in to it yet.

    Raises:
        ValidationError: a value is not acceptable.
    """
    with in_workspace(workspace.pk):
        user, _ = ensure_account(email=email, password=password)
        members = Membership.objects.for_workspace(workspace).select_related("user")
        found = members.filter(user=user).first()
        if found is not None:
            return found, False
        # Both are there, and whether the person came meanwhile, the database says.
        Membership(workspace=workspace, user=user, role=role).clean_fields({"workspace", "user"})
        member, added = members.get_or_create(
            workspace=workspace, user=user, defaults={"role": role}
        )
        if added:
            after = {"role": str(role)}
            audit.record("member.added", workspace=workspace, target=user.email, after=after)
        return member, added


def change_role(
    *, member: Membership, role: str, by: Membership, reason: str, at: datetime
) -> bool:
    """Give a person another role; tell whether they had a different one.

    What they had sent or shared stays, but for invitations that they could not send any more.

    Raises:
        NotPermitted: the old or the new role is an owner's, and ``by`` is none.
        NotPossible: they are the last owner; or own bots, and are to have the role shared.
    """
    with in_workspace(member.workspace_id):
        lock(member.workspace)
        found = find_again(member)
        check_may_give(by=by, roles=[found.role, role])
        if found.role == role:
            return False
        check_owner_is_left(found)
        if role == Role.SHARED:
            check_owns_no_bot(found)
        before = {"role": found.role}
        found.role = role
        with refusing_owner_of_bots(found):
            found.save(update_fields=["role"])
        audit.record(
            "member.role_changed",
            workspace=member.workspace,
            target=found.user.email,
            before=before,
            after={"role": str(role), "reason": reason},
        )
        withdraw_invitations(found.user, workspace=member.workspace, role=role, at=at)
    return True


def remove(*, member: Membership, by: Membership, reason: str, at: datetime) -> bool:
    """Take a person out of a workspace; tell whether they were in it. Their account stays.

    Bots are not shared with them any more, and invitations that they sent are withdrawn.

    Raises:
        NotPermitted: they are an owner, and ``by`` is none.
        NotPossible: they are the last owner, or own bots.
    """
    with in_workspace(member.workspace_id):
        lock(member.workspace)
        members = Membership.objects.for_workspace(member.workspace_id).select_related("user")
        found = members.filter(pk=member.pk).first()
        if found is None:
            return False
        check_may_give(by=by, roles=[found.role])
        check_owner_is_left(found)
        check_owns_no_bot(found)
        BotShare.objects.for_workspace(member.workspace_id).filter(user=found.user_id).delete()
        withdraw_invitations(found.user, workspace=member.workspace, role="", at=at)
        audit.record(
            "member.removed",
            workspace=member.workspace,
            target=found.user.email,
            before={"role": found.role},
            after={"reason": reason},
        )
        with refusing_owner_of_bots(found):
            found.delete()
    return True


def transfer_ownership(*, to: Membership, by: Membership, reason: str, at: datetime) -> None:
    """Make a person the owner in place of ``by``, who becomes an admin.

    Invitations that ``by`` sent and could not send any more are withdrawn.

    Raises:
        NotPermitted: ``by`` is no owner any more.
        NotPossible: it is the same person, or they have left.
    """
    with in_workspace(by.workspace_id):
        lock(by.workspace)
        check_may_give(by=by, roles=[Role.OWNER])
        if to.pk == by.pk:
            raise NotPossible("The workspace is yours already.")
        # First the new one: at no moment is there no owner.
        before = find_again(to).role
        members = Membership.objects.for_workspace(by.workspace_id)
        members.filter(pk=to.pk).update(role=Role.OWNER)
        members.filter(pk=by.pk).update(role=Role.ADMIN)
        audit.record(
            "ownership.transferred",
            workspace=by.workspace,
            target=to.user.email,
            before={to.user.email: before, by.user.email: Role.OWNER.value},
            after={
                to.user.email: Role.OWNER.value,
                by.user.email: Role.ADMIN.value,
                "reason": reason,
            },
        )
        withdraw_invitations(by.user, workspace=by.workspace, role=Role.ADMIN, at=at)


def hand_over_bots(*, member: Membership, to: Membership, at: datetime) -> int:
    """Give all bots of a person another owner; return how many they were.

    Raises:
        NotPossible: the new owner may own none, or is the same person.
    """
    with in_workspace(member.workspace_id):
        lock(member.workspace)
        receiver = find_again(to)
        if receiver.role == Role.SHARED or to.pk == member.pk:
            raise NotPossible(f"{to.user.email} cannot be the new owner. Choose somebody else.")
        return bots.hand_over_all(
            workspace=member.workspace, owner=member.user, to=receiver.user, at=at
        )


def lock(workspace: Workspace) -> None:
    """Wait for others who change places in a workspace; it holds to the end of the transaction.

    The caller has admitted the workspace.
    """
    Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)


def find_again(member: Membership) -> Membership:
    """Return a place as it is now, under the lock.

    Raises:
        NotPossible: it has ended meanwhile.
    """
    members = Membership.objects.for_workspace(member.workspace_id).select_related("user")
    found = members.filter(pk=member.pk).first()
    if found is None:
        raise NotPossible(f"{member.user.email} is not in this workspace any more.")
    return found


def check_may_give(*, by: Membership, roles: Iterable[str]) -> None:
    """Let through who may give and take these roles, as they are now.

    Raises:
        NotPermitted: they may not.
    """
    members = Membership.objects.for_workspace(by.workspace_id)
    own = members.filter(pk=by.pk).values_list("role", flat=True).first()
    if own is None or not all(may_give(own, role) for role in roles):
        raise NotPermitted


def may_give(own: str, role: str) -> bool:
    """Tell whether somebody of a role may give and take another: the owner's only an owner."""
    return own in ADMINS and (role != Role.OWNER or own == Role.OWNER)


def check_owner_is_left(member: Membership) -> None:
    """Let it be unless this is the last owner.

    Raises:
        NotPossible: it is.
    """
    if member.role != Role.OWNER:
        return
    owners = Membership.objects.for_workspace(member.workspace_id).filter(role=Role.OWNER)
    if not owners.exclude(pk=member.pk).exists():
        raise NotPossible(
            f"{member.user.email} is the only owner. Make somebody else an owner first."
        )


def check_owns_no_bot(member: Membership) -> None:
    """Let it be unless this person owns bots, archived ones included.

    Raises:
        NotPossible: they do.
    """
    owned = Bot.objects.for_workspace(member.workspace_id).filter(owner=member.user_id).count()
    if owned:
        words = "a bot" if owned == 1 else f"{owned:,} bots"
        raise NotPossible(f"{member.user.email} owns {words}. Give them a new owner first.")


@contextmanager
def refusing_owner_of_bots(member: Membership) -> Iterator[None]:
    """Turn the database's refusal into words: the person was given a bot since it was looked at.

    Raises:
        NotPossible: it refused.
    """
    try:
        with transaction.atomic():
            yield
    except IntegrityError:
        raise NotPossible(
            f"{member.user.email} was just given a bot. Give it a new owner first."
        ) from None


def withdraw_invitations(user: User, *, workspace: Workspace, role: str, at: datetime) -> None:
    """End the open invitations of a person which they may not send with their new role."""
    sent = Invitation.objects.for_workspace(workspace).open().filter(invited_by=user)
    void = [invited for invited in Role.values if not may_give(role, invited)]
    for invitation in sent.filter(role__in=void).order_by("pk"):
        invitation.withdrawn_at = at
        invitation.save(update_fields=["withdrawn_at"])
        before = {"role": invitation.role}
        audit.record(
            "invitation.withdrawn", workspace=workspace, target=invitation.email, before=before
        )


def add_operator(*, email: str, password: str | None = None) -> tuple[User, bool]:
    """Return an operator's account and whether it is new as such.

    An existing account becomes an operator's and keeps its password.

    Raises:
        ValidationError: a value is not acceptable.
    """
    with transaction.atomic():
        user, _ = ensure_account(email=email, password=password)
        added = not user.is_operator
        if added:
            user.is_operator = True
            user.save(update_fields=["is_operator"])
            audit.record("operator.added", workspace=None, target=user.email)
    return user, added


def ensure_account(*, email: str, password: str | None, name: str = "") -> tuple[User, bool]:
    """Return the account of a mail address and whether it is new."""
    user = User.objects.filter(email__iexact=email).first()
    if user is not None:
        return user, False
    user = User(email=User.objects.normalize_email(email), name=name)
    # Whether the address is taken, the database says below: somebody may take it meanwhile.
    user.full_clean(exclude=["password"], validate_unique=False, validate_constraints=False)
    if password is not None:
        validate_password(password, user)
    user.set_password(password)
    try:
        with transaction.atomic():
            user.save()
    except IntegrityError:  # somebody else made it meanwhile
        return User.objects.get(email__iexact=email), False
    return user, True


def rename(*, user: User, name: str) -> None:
    """Give a person another name, which others read."""
    with transaction.atomic():
        before = User.objects.select_for_update().get(pk=user.pk).name
        if name == before:
            return
        user.name = name
        user.save(update_fields=["name"])
        sign_ins.record("person.renamed", user, before={"name": before}, after={"name": name})
