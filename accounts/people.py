"""People are given an account and a place in a workspace."""

from django.contrib.auth.password_validation import validate_password
from django.db import transaction

from accounts import audit
from accounts.models import Membership, User, Workspace
from accounts.tenancy import in_workspace


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
        members = Membership.objects.for_workspace(workspace)
        if not members.filter(user=user).exists():
            Membership(workspace=workspace, user=user, role=role).full_clean()
        member, added = members.select_related("user").get_or_create(
            workspace=workspace, user=user, defaults={"role": role}
        )
        if added:
            after = {"role": str(role)}
            audit.record("member.added", workspace=workspace, target=user.email, after=after)
        return member, added


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


def ensure_account(*, email: str, password: str | None) -> tuple[User, bool]:
    """Return the account of a mail address and whether it is new."""
    user = User.objects.filter(email__iexact=email).first()
    if user is not None:
        return user, False
    user = User(email=User.objects.normalize_email(email))
    user.full_clean(exclude=["password"])
    if password is not None:
        validate_password(password, user)
    user.set_password(password)
    user.save()
    return user, True
