"""How numbers changed, and which bots stand out. Pure arithmetic."""

from collections.abc import Collection
from datetime import date, timedelta
from enum import StrEnum
from typing import NamedTuple

WEEK_DAYS = 7
FAR = 2  # times as many, or one part of as many
ENOUGH = 20  # sessions in the larger of two weeks: fewer double by chance


def compare(value: int, before: int) -> str:
    """Return how a number changed, in words; without anything before there is no percentage."""
    if value == before:
        return "as many"
    if not before:
        return "none before"
    # Rounded half up; below one percent it would read as no change.
    percent = max(1, (abs(value - before) * 200 + before) // (2 * before))
    return f"{percent:,}% {'more' if value > before else 'less'}"


class Concern(StrEnum):
    """Why a bot needs a look."""

    SILENT = "silent"
    ABOVE = "above"
    BELOW = "below"


class Weeks(NamedTuple):
    """What a bot did: today, in the 7 whole days before and in the 7 before those.

    ``last_day`` is the latest local day with a session, if there was any.
    """

    today: int
    last: int
    before: int
    last_day: date | None


def find_concern(weeks: Weeks) -> Concern | None:
    """Return why a bot needs a look; None: it does not."""
    if not weeks.today and not weeks.last:
        return Concern.SILENT if weeks.last_day else None
    if max(weeks.last, weeks.before) < ENOUGH or not weeks.before:
        return None
    if weeks.last > FAR * weeks.before:
        return Concern.ABOVE
    return Concern.BELOW if FAR * weeks.last < weeks.before else None


def share_of(part: int, whole: int) -> int:
    """Return a part in whole percent, rounded half up."""
    return (part * 200 + whole) // (2 * whole) if whole else 0


class Bar(NamedTuple):
    """A day of the chart: two bars from the bottom up, as heights; ``x`` is its left edge."""

    x: int
    height: int
    height_before: int


def draw_bars(
    counts: Collection[int], before: Collection[int], *, width: int, height: int
) -> list[Bar]:
    """Return the bars of days side by side, the highest as high as the chart."""
    top = max([*counts, *before, 1])
    pairs = zip_padded(list(counts), list(before))
    return [
        Bar(place * width, scale(count, top, height), scale(earlier, top, height))
        for place, (count, earlier) in enumerate(pairs)
    ]


def zip_padded(counts: list[int], before: list[int]) -> list[tuple[int, int]]:
    """Return both by place, zero where one is shorter."""
    days = max(len(counts), len(before))
    return [
        (counts[place] if place < len(counts) else 0, before[place] if place < len(before) else 0)
        for place in range(days)
    ]


def scale(count: int, top: int, height: int) -> int:
    """Return a bar's height; of what is there at least something shows."""
    return max(2, count * height // top) if count else 0


def weeks_back(today: date) -> tuple[date, date]:
    """Return the first day of the 7 whole days before today, and of the 7 before those."""
    return today - timedelta(days=WEEK_DAYS), today - timedelta(days=2 * WEEK_DAYS)
