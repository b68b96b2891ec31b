"""Periods of any zone, put together from six hours of UTC, hold what starts in them."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from usage.periods import Grain, in_utc, split
from usage.queries import Counts
from usage.six_hours import QUARTER, find_edges, floor_to_six, list_between, move

ZONES = ("UTC", "America/New_York", "America/Sao_Paulo", "Asia/Kathmandu", "Australia/Lord_Howe")
FIRST = datetime(2026, 3, 25, tzinfo=UTC)


def count(quarters: list[datetime], since: datetime, until: datetime) -> Counts:
    return Counts(usage_sessions=sum(since <= quarter < until for quarter in quarters))


@given(
    zone=st.sampled_from(ZONES),
    grain=st.sampled_from([Grain.DAY, Grain.WEEK, Grain.MONTH]),
    days=st.integers(1, 12),
    places=st.lists(st.integers(0, 96 * 16), max_size=40),
)
def test_periods_hold_what_starts_in_them(
    zone: str, grain: Grain, days: int, places: list[int]
) -> None:
    first = date(2026, 3, 27)
    periods = list(split(first, first + timedelta(days), by=grain, zone=ZoneInfo(zone)))
    quarters = [FIRST + place * QUARTER for place in places]
    edges = find_edges([period.starts_at for period in periods], periods[-1].ends_at)
    sixes = [floor_to_six(quarter) for quarter in quarters]
    rough = [count(sixes, a.rough, b.rough) for a, b in pairwise(edges)]
    between = [
        count([quarter for quarter in quarters if quarter in list_between([edge])], *sorted(edge))
        for edge in edges
    ]

    found = move(rough, between, edges)

    assert found == [count(quarters, *map(in_utc, period)) for period in periods]


def test_edge_is_at_most_three_hours_from_its_six() -> None:
    at = datetime(2026, 3, 28, 21, tzinfo=UTC)

    edges = find_edges([at - timedelta(days=1, minutes=15), at], at + timedelta(days=1))

    assert [edge.rough.hour for edge in edges] == [18, 0, 0]
    assert len(list_between(edges)) == 11 + 12 + 12
