"""This month beside the last, at the edges of months, days and clocks; which bots stand out."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from usage.trends import (
    Bar,
    Concern,
    Weeks,
    compare,
    draw_bars,
    find_concern,
    find_month,
    share_of,
)


@pytest.mark.parametrize(
    ("now", "zone", "cut", "whole"),
    [
        # The same day and time a month before.
        ("2026-03-15T10:20:30Z", "UTC", "2026-02-15T10:20:30+00:00", False),
        # Across the beginning of the year.
        ("2026-01-15T10:00Z", "UTC", "2025-12-15T10:00:00+00:00", False),
        # Days that the month before has not: all of it is the measure.
        ("2026-03-31T10:00Z", "UTC", "2026-03-01T00:00:00+00:00", True),
        ("2026-03-29T00:00Z", "UTC", "2026-03-01T00:00:00+00:00", True),
        ("2026-03-28T23:59Z", "UTC", "2026-02-28T23:59:00+00:00", False),
        ("2028-03-29T12:00Z", "UTC", "2028-02-29T12:00:00+00:00", False),
        # The first instant of a month has nothing to compare with.
        ("2026-03-01T00:00Z", "UTC", "2026-02-01T00:00:00+00:00", False),
        # Summer time began between the two: the time of day counts, not the hours.
        ("2026-04-10T10:00Z", "Europe/Berlin", "2026-03-10T12:00:00+01:00", False),
        # 02:30 does not exist on 29 March.
        ("2026-04-29T00:30Z", "Europe/Berlin", "2026-03-29T03:30:00+02:00", False),
        # 02:30 comes twice on 25 October: the first is meant.
        ("2026-11-25T01:30Z", "Europe/Berlin", "2026-10-25T02:30:00+02:00", False),
        # Off the hour, and already the next month there.
        ("2026-02-28T18:45Z", "Asia/Kolkata", "2026-02-01T00:15:00+05:30", False),
        # A country that changes its clocks on a Friday at midnight.
        ("2026-04-29T00:00Z", "Africa/Cairo", "2026-03-29T03:00:00+02:00", False),
    ],
)
def test_month_is_measured_by_the_equally_long_part_before(
    now: str, zone: str, cut: str, whole: bool
) -> None:
    month = find_month(datetime.fromisoformat(now), ZoneInfo(zone))

    assert month.cut.isoformat() == cut
    assert month.whole_before is whole


def test_month_is_that_of_the_zone() -> None:
    now = datetime(2026, 3, 1, 2, tzinfo=UTC)

    month = find_month(now, ZoneInfo("America/New_York"))

    assert (month.first, month.today, month.first_before) == (
        date(2026, 2, 1),
        date(2026, 2, 28),
        date(2026, 1, 1),
    )


@pytest.mark.parametrize(
    ("value", "before", "words"),
    [
        (5, 5, "as many"),
        (0, 0, "as many"),
        (5, 0, "none before"),
        (0, 5, "100% less"),
        (150, 100, "50% more"),
        (1001, 1000, "1% more"),
        (1005, 200, "403% more"),
        (3, 40, "93% less"),
        (3000, 10, "29,900% more"),
    ],
)
def test_change_is_said_in_words(value: int, before: int, words: str) -> None:
    assert compare(value, before) == words


DAY = date(2026, 3, 1)


@pytest.mark.parametrize(
    ("weeks", "concern"),
    [
        (Weeks(0, 0, 0, None), None),
        (Weeks(0, 0, 5, DAY), Concern.SILENT),
        (Weeks(0, 0, 0, DAY), Concern.SILENT),
        (Weeks(1, 0, 5, DAY), None),
        (Weeks(0, 41, 20, DAY), Concern.ABOVE),
        (Weeks(0, 40, 20, DAY), None),
        (Weeks(0, 19, 2, DAY), None),
        (Weeks(0, 20, 9, DAY), Concern.ABOVE),
        (Weeks(0, 500, 0, DAY), None),
        (Weeks(0, 10, 20, DAY), None),
        (Weeks(0, 9, 20, DAY), Concern.BELOW),
        (Weeks(0, 9, 19, DAY), None),
        (Weeks(3, 0, 40, DAY), Concern.BELOW),
    ],
)
def test_concern_follows_from_two_weeks(weeks: Weeks, concern: Concern | None) -> None:
    assert find_concern(weeks) is concern


def test_share_is_rounded_half_up() -> None:
    assert [share_of(1, 3), share_of(1, 200), share_of(1, 201), share_of(0, 0)] == [33, 1, 0, 0]


def test_bars_are_drawn_to_the_highest_day() -> None:
    assert draw_bars([10, 0, 1000], [500], width=24, height=160) == [
        Bar(0, 2, 80),
        Bar(24, 0, 0),
        Bar(48, 160, 0),
    ]
