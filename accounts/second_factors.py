"""Who has a second factor: an authenticator app or a passkey. Recovery codes alone are none."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from allauth.mfa.models import Authenticator
from allauth.usersessions.internal.flows.sessions import end_other_sessions
from django.http import HttpRequest

from accounts import sign_ins
from accounts.models import User

KINDS = {
    Authenticator.Type.TOTP: "authenticator app",
    Authenticator.Type.WEBAUTHN: "passkey",
}


def has(user: User) -> bool:
    """Tell whether a person has one."""
    found: bool = Authenticator.objects.filter(user=user, type__in=KINDS).exists()
    return found


def find_having(user_ids: Iterable[int]) -> set[int]:
    """Return the ids of those people who have one."""
    found = Authenticator.objects.filter(user__in=list(user_ids), type__in=KINDS)
    return set(found.values_list("user", flat=True))


@contextmanager
def noting_changes(request: HttpRequest) -> Iterator[None]:
    """Note in the audit log what a request adds and removes, in the transaction that it runs in.

    Whoever adds a factor is signed out elsewhere: those sessions began without it.
    """
    user = request.user
    if request.method != "POST" or not isinstance(user, User):
        yield
        return
    before = find_types(user)
    yield
    after = find_types(user)
    for number in sorted(before.keys() - after.keys()):
        if what := KINDS.get(before[number]):
            sign_ins.record("second_factor.removed", user, before={"what": what})
    for number in sorted(after.keys() - before.keys()):
        if what := KINDS.get(after[number]):
            sign_ins.record("second_factor.added", user, after={"what": what})
            end_other_sessions(request, user)
        else:
            sign_ins.record("recovery_codes.made", user)


def find_types(user: User) -> dict[int, str]:
    """Return the types of a person's factors and recovery codes by their numbers."""
    return dict(Authenticator.objects.filter(user=user).values_list("pk", "type"))
