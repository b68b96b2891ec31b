"""How changes are said, and which bots stand out."""

from datetime import date

import pytest

from usage.trends import (
    Bar,
    Concern,
    Weeks,
    compare,
    draw_bars,
    find_concern,
    share_of,
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
