"""Who has a second factor: an authenticator app or a passkey. Recovery codes alone are none."""

from collections.abc import Iterable

from allauth.mfa.models import Authenticator

from accounts.models import User

KINDS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


def has(user: User) -> bool:
    """Tell whether a person has one."""
    found: bool = Authenticator.objects.filter(user=user, type__in=KINDS).exists()
    return found


def find_having(user_ids: Iterable[int]) -> set[int]:
    """Return the ids of those people who have one."""
    found = Authenticator.objects.filter(user__in=list(user_ids), type__in=KINDS)
    return set(found.values_list("user", flat=True))
