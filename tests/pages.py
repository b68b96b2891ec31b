"""What the tests of pages have in common."""

import re
from collections.abc import Callable
from html import unescape
from typing import Protocol

from django.conf import settings
from django.contrib.auth import login
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection
from django.http import HttpRequest
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Membership, User

HUGE = "9" * 30
GARBAGE = [
    "\0",
    "x" * 2000,
    "<script>alert(1)</script>",
    "' OR 1=1 --",
    HUGE,
    "-1",
    "1e9",
    "\N{SNOWMAN}",
    "2026-02-30",
]


class Page(Protocol):
    """What the test client returns."""

    @property
    def content(self) -> bytes: ...


def sign_in(member: Membership) -> Client:
    """Return a browser in which a person has signed in."""
    return sign_in_user(member.user)


def sign_in_user(user: User) -> Client:
    """Return a browser in which an account has signed in.

    As `Client.force_login` does, which makes a session before it and removes that again.
    """
    request = HttpRequest()
    request.session = SessionStore()
    login(request, user, settings.AUTHENTICATION_BACKENDS[0])
    request.session.save()
    client = Client()
    client.cookies[settings.SESSION_COOKIE_NAME] = str(request.session.session_key)
    return client


def count_reads(act: Callable[[], object]) -> int:
    """Return how many statements read; what a session notes every few seconds is none of them."""
    with CaptureQueriesContext(connection) as captured:
        act()
    return sum(query["sql"].lstrip().startswith(("SELECT", "WITH")) for query in captured)


def words(response: Page) -> str:
    """Return what a page says, without its markup."""
    text = re.sub(r"<(script|style).*?</\1>|<[^>]*>", " ", response.content.decode(), flags=re.S)
    return re.sub(r"\s+", " ", unescape(text))
