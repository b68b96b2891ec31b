"""What the tests of pages have in common."""

import re
from collections.abc import Callable
from html import unescape
from typing import Protocol

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Membership

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
    client = Client()
    client.force_login(member.user)
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
