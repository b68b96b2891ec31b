"""Filters that are set, as chips: each can be taken away alone."""

from typing import NamedTuple

from django.http import QueryDict


class Chip(NamedTuple):
    """A filter that is set: what it says, and the query without it."""

    label: str
    query: str


def make(query: QueryDict, name: str, value: str, *, label: str) -> Chip:
    """Return the chip of one value of a parameter; without it a list begins with its first page."""
    rest = query.copy()
    rest.setlist(name, [other for other in query.getlist(name) if other != value])
    rest.pop("page", None)
    return Chip(label, f"?{rest.urlencode()}")
