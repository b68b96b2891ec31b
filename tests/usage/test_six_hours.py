"""Periods of any zone, put together from six hours of UTC, hold what starts in them."""

from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import assume, given
from hypothesis import strategies as st

from accounts.days import DAY, start_of_day
from usage.periods import Grain, Period, cut, in_utc
from usage.queries import Counts
from usage.six_hours import QUARTER, Edge, find_edges, floor_to_six, list_between, move

ZONES = ("UTC", "America/New_York", "America/Sao_Paulo", "Asia/Kathmandu", "Australia/Lord_Howe")
FIRST = datetime(2026, 3, 25, tzinfo=UTC)


def count(quarters: list[datetime], since: datetime, until: datetime) -> Counts:
    return Counts(usage_sessions=sum(since <= quarter < until for quarter in quarters))


@given(
    zone=st.sampled_from(ZONES),
    grain=st.sampled_from([Grain.DAY, Grain.WEEK, Grain.MONTH]),
    clipped=st.tuples(st.integers(0, 95), st.integers(0, 95)),
    days=st.integers(1, 12),
    places=st.lists(st.integers(0, 96 * 18), max_size=60),
)
def test_periods_hold_what_starts_in_them(
    zone: str, grain: Grain, clipped: tuple[int, int], days: int, places: list[int]
) -> None:
    local = ZoneInfo(zone)
    first = start_of_day(date(2026, 3, 27), local).astimezone(UTC)
    since, until = first + clipped[0] * QUARTER, first + days * DAY + clipped[1] * QUARTER
    assume(since < until)
    whole = Period(since.astimezone(local), until.astimezone(local))
    periods = list(cut(whole, by=grain, zone=local))
    edges = find_edges([period.starts_at for period in periods], periods[-1].ends_at)
    assume(edges)
    quarters = [FIRST + place * QUARTER for place in places]
    sixes = [floor_to_six(quarter) for quarter in quarters]
    rough = [count(sixes, a.rough, b.rough) for a, b in pairwise(edges)]

    found = move(rough, read_between(quarters, edges), edges)

    assert found == [count(quarters, *map(in_utc, period)) for period in periods]


def read_between(quarters: list[datetime], edges: list[Edge]) -> list[Counts]:
    """Count as the statement does: each quarter once, at the last edge that begins before it."""
    wanted, begins = set(list_between(edges)), [min(edge) for edge in edges]
    places = [bisect_right(begins, quarter) - 1 for quarter in quarters if quarter in wanted]
    return [Counts(usage_sessions=places.count(place)) for place in range(len(edges))]


def test_periods_that_are_too_short_have_no_edges() -> None:
    at = datetime(2026, 3, 28, 21, tzinfo=UTC)

    assert find_edges([at], at + timedelta(hours=6))
    assert find_edges([at], at + timedelta(hours=5, minutes=59)) == []


def test_edge_is_at_most_three_hours_from_its_six() -> None:
    at = datetime(2026, 3, 28, 21, tzinfo=UTC)

    edges = find_edges([at - timedelta(days=1, minutes=15), at], at + timedelta(days=1))

    assert [edge.rough.hour for edge in edges] == [18, 0, 0]
    assert len(list_between(edges)) == 11 + 12 + 12
