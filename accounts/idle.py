"""Whoever makes no request for some minutes is signed out.

The minutes are a setting of the workspace; for whoever is in several the fewest count. The session
remembers the last request and the minutes, so that a request costs no more for it.
"""

import math
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url

from accounts import audit, viewing
from accounts.models import Membership

SEEN, MINUTES = "seen_at", "idle_minutes"
DEFAULT = 15  # minutes of who is in no workspace
NOTED_EVERY = 5  # seconds; a burst of requests writes the session once
BACKGROUND = "X-Background"  # header of requests that no person made: they keep nobody signed in
SECONDS = 60


class IdleSignOut:
    """Signs out whoever comes too late, and has htmx load the sign-in as a page of its own."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """Keep what answers requests."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer a request, or lead to the sign-in."""
        if settings.SESSION_COOKIE_NAME in request.COOKIES:
            if request.user.is_authenticated:
                minutes = request.session.get(MINUTES, DEFAULT)
                if find_idle_seconds(request) > minutes * SECONDS:
                    return for_htmx(request, sign_out(request, minutes=minutes))
                note(request)
            elif request.session.session_key is None:  # forged, or over: there is no such session
                audit.record_refused("session.refused", workspace_id=None, reason="unknown")
        return for_htmx(request, self.get_response(request))


def find_idle_seconds(request: HttpRequest) -> float:
    """Return how long before this request the last one was; the same throughout a request."""
    seen = request.META.get("console.seen_at") or request.session.get(SEEN)
    return time.time() - seen if seen else 0.0


def note(request: HttpRequest) -> None:
    """Remember that a person made a request."""
    now = time.time()
    seen = request.session.get(SEEN)
    if seen is not None:
        request.META["console.seen_at"] = seen
    if BACKGROUND not in request.headers and (seen is None or now - seen >= NOTED_EVERY):
        request.session[SEEN] = now


def follow(request: HttpRequest, memberships: Iterable[Membership]) -> HttpResponse | None:
    """Have the session follow the settings of a person's workspaces, as they are now.

    Returns the way to the sign-in, if by these the person comes too late.
    """
    minutes = find_minutes(memberships)
    if request.session.get(MINUTES, DEFAULT) != minutes:
        request.session[MINUTES] = minutes
    if find_idle_seconds(request) > minutes * SECONDS:
        return sign_out(request, minutes=minutes)
    return None


def begin(request: HttpRequest, memberships: Iterable[Membership]) -> None:
    """Have the time of a new session count from now on, also where no request follows."""
    request.session[MINUTES] = find_minutes(memberships)
    request.session[SEEN] = time.time()


def find_minutes(memberships: Iterable[Membership]) -> int:
    """Return after how many minutes a person is signed out."""
    return min((member.workspace.idle_minutes for member in memberships), default=DEFAULT)


def find_seconds_left(request: HttpRequest) -> int:
    """Return for how long the person stays signed in without another request, rounded up.

    0 for nobody alone: the script that asks leaves the page then.
    """
    if not request.user.is_authenticated:
        return 0
    seen = request.session.get(SEEN, time.time())
    left: float = request.session.get(MINUTES, DEFAULT) * SECONDS - (time.time() - seen)
    return max(1, math.ceil(left))


def sign_out(request: HttpRequest, *, minutes: int) -> HttpResponse:
    """End the session and lead to the sign-in, which says why, and from there back.

    A request that no person made is refused alone: the person's next one ends the session, and its
    answer can say why.
    """
    if BACKGROUND in request.headers:
        return HttpResponse(status=401)
    viewing.stop(session=request.session, now=datetime.now(UTC))
    logout(request)
    messages.info(
        request,
        f"You were signed out after {minutes} minutes without a request. Sign in to go on.",
    )
    return redirect_to_login(find_way_back(request), resolve_url(settings.LOGIN_URL))


def find_way_back(request: HttpRequest) -> str:
    """Return the page that a person was on: a form that was sent is not sent again."""
    if "HX-Request" in request.headers:
        page = request.headers.get("HX-Current-URL", "")
    elif request.method in ("GET", "HEAD"):
        return request.get_full_path()
    else:
        page = request.headers.get("Referer", "")
    try:
        parts = urlsplit(page)
    except ValueError:  # no address at all
        return "/"
    if parts.netloc != request.get_host():
        return "/"
    return f"{parts.path}?{parts.query}" if parts.query else parts.path or "/"


def for_htmx(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Return an answer that loads the sign-in as a page, where it would become a part of one."""
    leads_to = response.get("Location", "").split("?")[0]
    if "HX-Request" not in request.headers or leads_to != resolve_url(settings.LOGIN_URL):
        return response
    page = redirect_to_login(find_way_back(request), leads_to)["Location"]
    away = HttpResponse(headers={"HX-Redirect": page})
    away.cookies = response.cookies
    return away


def warning(request: HttpRequest) -> dict[str, Any]:  # Any: a template's context is free
    """Return for templates after how many seconds a signed-in person is signed out."""
    if not hasattr(request, "session") or not request.user.is_authenticated:
        return {}
    return {"idle_seconds": request.session.get(MINUTES, DEFAULT) * SECONDS}
