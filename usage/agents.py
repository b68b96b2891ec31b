"""Rule 12: from the events of one agent at one bot to seats held and time signed in.

Pure arithmetic, like usage/sessions.py. Intervals are half-open: a seat released and a sign-out at an
instant no longer count at that instant.
"""

from collections.abc import Iterable
from typing import NamedTuple

from usage.sessions import DAY, EventType


class AgentEvent(NamedTuple):
    """One event of an agent at a bot."""

    at: int
    type: int


class Span(NamedTuple):
    """A stretch of time, the end exclusive; None: not ended yet."""

    start: int
    end: int | None


def hold_seats(events: Iterable[AgentEvent]) -> list[Span]:
    """Return when the seat was held, in order; ``events`` are in order of time, then type."""
    seats: list[Span] = []
    held_from: int | None = None
    for event in events:
        if event.type == EventType.SEAT_ASSIGNED and held_from is None:
            held_from = event.at
        elif event.type == EventType.SEAT_RELEASED and held_from is not None:
            if event.at > held_from:
                seats.append(Span(held_from, event.at))
            held_from = None
    if held_from is not None:
        seats.append(Span(held_from, None))
    return seats


def sign_in(events: Iterable[AgentEvent]) -> list[Span]:
    """Return when the agent was signed in, in order: at the longest 24 hours after a sign-in."""
    spans: list[Span] = []
    start: int | None = None
    last = 0
    for event in events:
        if event.type not in (EventType.SIGNED_IN, EventType.SIGNED_OUT):
            continue
        if start is not None and event.at > last + DAY:
            spans.append(Span(start, last + DAY))
            start = None
        if event.type == EventType.SIGNED_IN:
            start = event.at if start is None else start
            last = event.at
        elif start is not None:
            if event.at > start:
                spans.append(Span(start, event.at))
            start = None
    if start is not None:
        spans.append(Span(start, last + DAY))
    return spans
