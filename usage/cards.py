"""The cards of a report: its totals, each with the change against the period before."""

from typing import NamedTuple

from usage.links import SessionLinks
from usage.periods import Period
from usage.report_queries import Usage
from usage.trends import compare

# What a card is called, the total that it shows, and the kind of session it leads to.
CARDS = (
    ("Billing sessions", "billing_sessions", "billing"),
    ("Usage sessions", "usage_sessions", "usage"),
    ("Alert sessions", "alert_sessions", "alert"),
    ("Voice sessions", "voice_sessions", "voice"),
    ("Conversations", "conversations", ""),
)


class Card(NamedTuple):
    """A total with its change in words."""

    label: str
    value: int
    address: str
    change: str


def list_cards(usage: Usage, *, whole: Period, links: SessionLinks) -> list[Card]:
    """Return the cards of a report of the ``whole`` period; the numbers lead to their sessions."""
    cards = []
    for label, name, kind in CARDS:
        value, before = getattr(usage.total, name), getattr(usage.previous, name)
        address = links.find_address(kind, whole) if kind and value else ""
        cards.append(Card(label, value, address, compare(value, before)))
    return cards
