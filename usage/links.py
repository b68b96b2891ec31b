"""Addresses that carry a report's filters from one page to another."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple
from urllib.parse import urlencode

from django.http import QueryDict
from django.urls import reverse

from accounts.models import Workspace
from usage.periods import Period


class Chip(NamedTuple):
    """A filter that is set: what it says, and the address of the page without it."""

    label: str
    address: str


class SessionLinks(NamedTuple):
    """Leads from a report's numbers to the sessions behind them.

    ``bots`` and ``channels`` are those that were chosen; none means all.
    """

    workspace: Workspace
    timezone: str
    bots: Sequence[str]
    channels: Sequence[str]

    def find_address(self, kind: str, period: Period, *, bot: str = "") -> str:
        """Return the address of a period's sessions of a kind, of one ``bot`` where it is given."""
        values = [
            ("kind", kind),
            ("from", period.starts_at.isoformat()),
            ("to", period.ends_at.isoformat()),
            ("timezone", self.timezone),
            *(("bot", key) for key in ([bot] if bot else self.bots)),
            *(("channel", channel) for channel in self.channels),
        ]
        address = reverse("usage:usage", args=[self.workspace.slug])
        return f"{address}sessions/?{urlencode(values)}"


def list_chips(query: QueryDict, names: Iterable[str]) -> list[Chip]:
    """Return a chip for each value of some parameters, in the order of the address."""
    return [
        Chip(value, drop(query, name, value))
        for name in names
        for value in dict.fromkeys(query.getlist(name))
        if value.strip()
    ]


def drop(query: QueryDict, name: str, value: str) -> str:
    """Return a query without one value of a parameter, from the first page on."""
    rest = query.copy()
    rest.setlist(name, [other for other in query.getlist(name) if other != value])
    rest.pop("page", None)
    return f"?{rest.urlencode()}"
