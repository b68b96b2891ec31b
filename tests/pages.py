"""What the tests of pages have in common."""

import re
from html import unescape
from typing import Protocol

from django.test import Client

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


def words(response: Page) -> str:
    """Return what a page says, without its markup."""
    text = re.sub(r"<(script|style).*?</\1>|<[^>]*>", " ", response.content.decode(), flags=re.S)
    return re.sub(r"\s+", " ", unescape(text))
