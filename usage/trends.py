"""This month beside the last, and which bots stand out. Pure arithmetic."""

from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

from usage.periods import DAY, next_month, start_of_day

WEEK_DAYS = 7
FAR = 2  # times as many, or one part of as many
ENOUGH = 20  # sessions in the larger of two weeks: fewer double by chance


class MonthSoFar(NamedTuple):
    """A local month up to an instant, and the equally long part of the month before.

    ``cut`` is the same local day and time of day a month earlier; where that month has no such
    day, its end: on 31 March all of February is the measure. The end is exclusive.
    """

    first: date
    today: date
    now: datetime
    first_before: date
    cut_day: date
    cut: datetime

    @property
    def whole_before(self) -> bool:
        """Tell whether all of the month before is the measure."""
        return self.cut_day >= self.first


def find_month(now: datetime, zone: ZoneInfo) -> MonthSoFar:
    """Return the month that runs at ``now`` in a zone."""
    local = now.astimezone(zone)
    today = local.date()
    first = today.replace(day=1)
    first_before = (first - DAY).replace(day=1)
    cut_day = min(first_before + (today - first), first)
    if cut_day == first:
        cut = start_of_day(first, zone)
    else:
        # By UTC and back: the time of day may not exist on that day.
        cut = datetime.combine(cut_day, local.timetz()).astimezone(UTC).astimezone(zone)
    return MonthSoFar(first, today, local, first_before, cut_day, cut)


def list_days(first: date) -> list[date]:
    """Return the days of a month."""
    return [first + number * DAY for number in range((next_month(first) - first).days)]


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
