"""Periods of any zone from totals of six hours of UTC and from the quarters of an hour beside them.

A period is taken for the six hours that begin nearest to its own edges. What lies between an edge
and the six hours nearest to it is then moved to where it belongs. Pure arithmetic.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from usage.periods import in_utc
from usage.postgres_time import ORIGIN
from usage.queries import Counts

SIX_HOURS = timedelta(hours=6)
QUARTER = timedelta(minutes=15)


class Edge(NamedTuple):
    """Where a period begins or ends, and where the six hours nearest to it do."""

    at: datetime
    rough: datetime


def find_edges(starts: Sequence[datetime], end: datetime) -> list[Edge]:
    """Return the edges of periods that follow each other, in UTC; none where one is too short.

    Of edges less than six hours apart, what lies between them and their six hours would overlap.
    """
    edges = [Edge(at, round_to_six(at)) for at in map(in_utc, (*starts, end))]
    apart = all(later.at - edge.at >= SIX_HOURS for edge, later in pairwise(edges))
    return edges if apart else []


def round_to_six(at: datetime) -> datetime:
    """Return the nearest instant at which six hours begin."""
    return floor_to_six(at + SIX_HOURS / 2)


def floor_to_six(at: datetime) -> datetime:
    """Return when the six hours begin that hold an instant."""
    return ORIGIN + (at - ORIGIN) // SIX_HOURS * SIX_HOURS


def list_between(edges: Sequence[Edge]) -> list[datetime]:
    """Return where the quarters of an hour begin that lie between an edge and its six hours."""
    return [
        ORIGIN + number * QUARTER
        for edge in edges
        for number in range(count_quarters(min(edge)), count_quarters(max(edge)))
    ]


def count_quarters(at: datetime) -> int:
    """Return how many quarters of an hour begin from the origin up to an instant."""
    return -((ORIGIN - at) // QUARTER)


def move(rough: Sequence[Counts], between: Sequence[Counts], edges: Sequence[Edge]) -> list[Counts]:
    """Return what was counted in each period.

    ``rough`` is what was counted between the six hours of the edges, ``between`` from each edge to
    its six hours.
    """
    exact = [Counts(), *rough, Counts()]
    for place, (edge, counts) in enumerate(zip(edges, between, strict=True)):
        # An edge before its six hours gives the period after it too little, else too much.
        counts = counts if edge.at < edge.rough else counts.times(-1)
        exact[place] = exact[place].plus(counts.times(-1))
        exact[place + 1] = exact[place + 1].plus(counts)
    return exact[1:-1]
