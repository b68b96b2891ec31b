"""Local hours, days, weeks and months, where the clocks change and off the hour."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.days import start_of_day
from usage.periods import Grain, Period, cut, split

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu")
ODD_ZONES = (
    "Australia/Lord_Howe",
    "America/Sao_Paulo",
    "Pacific/Apia",
    "Asia/Beirut",
    "America/Havana",
)


def hours(day: date, zone: str) -> int:
    return len(list(split(day, day + timedelta(days=1), by=Grain.HOUR, zone=ZoneInfo(zone))))


@pytest.mark.parametrize(
    ("day", "count"),
    [(date(2026, 3, 28), 24), (date(2026, 3, 29), 23), (date(2026, 10, 25), 25)],
)
def test_day_has_as_many_hours_as_the_clock_shows(day: date, count: int) -> None:
    assert hours(day, "Europe/Berlin") == count


def test_hour_that_comes_twice_is_two_also_at_an_end() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    first = datetime(2026, 10, 25, 2, tzinfo=berlin)
    whole = Period(first - timedelta(hours=1), first.replace(fold=1))

    periods = list(cut(whole, by=Grain.HOUR, zone=berlin))

    assert [f"{period.ends_at:%H:%M%z}" for period in periods] == ["02:00+0200", "02:00+0100"]


def test_hours_off_the_hour_begin_with_the_zones_own() -> None:
    periods = list(
        split(date(2026, 3, 2), date(2026, 3, 3), by=Grain.HOUR, zone=ZoneInfo("Asia/Kathmandu"))
    )

    assert periods[1].starts_at.astimezone(UTC) == datetime(2026, 3, 1, 19, 15, tzinfo=UTC)
    assert len(periods) == 24


def test_day_whose_midnight_is_skipped_begins_later() -> None:
    # In Beirut the clocks went from 0:00 to 1:00.
    start = start_of_day(date(2022, 3, 27), ZoneInfo("Asia/Beirut"))

    assert start.isoformat() == "2022-03-27T01:00:00+03:00"


def test_weeks_begin_on_monday_and_months_on_the_first() -> None:
    first, last, utc = date(2026, 2, 26), date(2026, 3, 10), ZoneInfo("UTC")

    weeks = [period.starts_at.date() for period in split(first, last, by=Grain.WEEK, zone=utc)]
    months = [period.starts_at.date() for period in split(first, last, by=Grain.MONTH, zone=utc)]

    assert weeks == [first, date(2026, 3, 2), date(2026, 3, 9)]
    assert months == [first, date(2026, 3, 1)]


@given(
    st.dates(date(1975, 1, 1), date(2037, 1, 1)),
    st.integers(0, 20),
    st.sampled_from(list(Grain)),
    st.sampled_from(ZONES + ODD_ZONES),
)
def test_periods_follow_each_other_without_gaps(
    first: date, days: int, grain: Grain, name: str
) -> None:
    zone, last = ZoneInfo(name), first + timedelta(days=days)

    periods = [
        # Two instants of one zone are compared by what the clock shows, which may come twice.
        (period.starts_at.astimezone(UTC), period.ends_at.astimezone(UTC))
        for period in split(first, last, by=grain, zone=zone)
    ]

    assert all(start < end for start, end in periods)
    assert all(a[1] == b[0] for a, b in pairwise(periods))
    if periods:
        assert periods[0][0] == start_of_day(first, zone).astimezone(UTC)
        assert periods[-1][1] == start_of_day(last, zone).astimezone(UTC)
