"""Rule 12: from the events of one agent at one bot to seats held and time signed in.

Pure arithmetic, like usage/sessions.py. Intervals are half-open: a seat released and a sign-out at
an instant no longer count at that instant.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate
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


def count_holders(
    seats: Sequence[tuple[int, Span]], periods: Sequence[Span], *, now: int
) -> list[int]:
    """Return for each period how many agents held a seat at any time in it, up to ``now``.

    ``seats`` are pairs of an agent and a span, each agent's in order of time; ``periods`` follow
    each other without gaps. An agent counts once in a period, however often the seat changed hands.
    """
    changes = [0] * (len(periods) + 1)
    counted_to: dict[int, int] = {}  # the place up to which an agent is counted already
    for agent, span in seats:
        places = touched(span, periods, now=now)
        first = max(places.start, counted_to.get(agent, 0))
        if first < places.stop:
            changes[first] += 1
            changes[places.stop] -= 1
            counted_to[agent] = places.stop
    return list(accumulate(changes[:-1]))


def find_peak(
    signed_in: Sequence[tuple[int, Span]], periods: Sequence[Span], *, now: int
) -> list[int]:
    """Return for each period the most agents signed in at one instant of it, up to ``now``."""
    changes: list[list[tuple[int, int]]] = [[] for _ in periods]
    for _, span in signed_in:
        end = now if span.end is None else min(span.end, now)
        for place in touched(span, periods, now=now):
            period = periods[place]
            changes[place].append((max(span.start, period.start), 1))
            changes[place].append((end, -1))
    # Who signs out at an instant is gone before another signs in at it: -1 sorts before 1.
    return [max(accumulate((step for _, step in sorted(of)), initial=0)) for of in changes]


def touched(span: Span, periods: Sequence[Span], *, now: int) -> range:
    """Return the places of the periods that hold some of a span, up to ``now``.

    The span begins before the last period ends.
    """
    end = now if span.end is None else min(span.end, now)
    if end <= span.start:
        return range(0)
    first = bisect_right(periods, span.start, key=lambda period: period.start) - 1
    stop = bisect_left(periods, end, key=lambda period: period.start)
    return range(max(first, 0), stop)
