"""Sign-ins of people: noted, listed and ended."""

from collections.abc import Mapping

from allauth.usersessions.internal.flows.sessions import end_other_sessions
from allauth.usersessions.models import UserSession
from django.contrib.auth import HASH_SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.http import HttpRequest
from django.utils import timezone

from accounts import actors, audit
from accounts.actors import ActorKind
from accounts.models import Membership, User, Workspace
from accounts.tenancy import USER, admitted


def record(
    action: str,
    user: User,
    *,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> None:
    """Note in the audit log what a person did about their account.

    It is in the log of each workspace that they are in; of who is in none it is in the
    installation's.
    """
    with (
        actors.acting_as(ActorKind.PERSON, id=user.pk, name=user.email),
        admitted(USER, user.pk),
    ):
        of_user = Membership.objects.of_user(user).select_related("workspace").order_by("pk")
        places: list[Workspace | None] = [place.workspace for place in of_user]
        for workspace in places or [None]:
            audit.record(action, workspace=workspace, target=user.email, before=before, after=after)


def record_failed(email: str) -> None:
    """Note in the installation's audit log that somebody was not let in."""
    with transaction.atomic():
        audit.record("sign_in.failed", workspace=None, target=email)


def find_all(user: User) -> list[UserSession]:
    """Return where a person is signed in, newest first; what has ended is left out.

    allauth's own list, and `get_user`, would remove that; pages that are read change nothing, and
    `remove_ended` comes by.
    """
    lasts = user.get_session_auth_hash()  # to the next password
    found = list(UserSession.objects.filter(user=user).order_by("-created_at"))
    open_ones = Session.objects.filter(
        session_key__in=[of.session_key for of in found], expire_date__gt=timezone.now()
    )
    hashes = {of.session_key: of.get_decoded().get(HASH_SESSION_KEY) for of in open_ones}
    return [session for session in found if hashes.get(session.session_key) == lasts]


def end_others(request: HttpRequest, user: User) -> None:
    """Sign a person out in all browsers but this one."""
    end_other_sessions(request, user)
    record("sign_in.ended_elsewhere", user)


def remove_ended() -> None:
    """Remove sessions that have expired, and sign-ins whose session is gone."""
    SessionStore.clear_expired()
    sessions = Session.objects.filter(session_key=OuterRef("session_key"))
    UserSession.objects.filter(~Exists(sessions)).delete()


def describe_browser(agent: str) -> str:
    """Return a browser and its system in words, as far as its own description tells."""
    browsers = {"Edg/": "Edge", "OPR/": "Opera", "Firefox/": "Firefox", "Chrome/": "Chrome"}
    systems = {
        "iPhone": "iPhone",
        "iPad": "iPad",
        "Android": "Android",
        "Windows": "Windows",
        "Mac OS X": "macOS",
        "Linux": "Linux",
    }
    browser = next((name for mark, name in browsers.items() if mark in agent), "")
    if not browser and "Safari/" in agent:
        browser = "Safari"
    system = next((name for mark, name in systems.items() if mark in agent), "")
    known = " on ".join(filter(None, [browser, system]))
    return known or agent[:60] or "Unknown browser"
