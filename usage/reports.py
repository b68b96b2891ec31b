"""What a report of usage covers: its stretch of time, its periods and what it is compared with.

Pure arithmetic, like usage/periods.py.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import cached_property
from zoneinfo import ZoneInfo

from accounts.days import DAY, next_month, previous_month, start_of_day
from usage.periods import (
    HOUR,
    Grain,
    Period,
    cut,
    next_full_hour,
    same_time,
)

MOST_DAYS = {Grain.HOUR: 14, Grain.DAY: 90, Grain.WEEK: 366, Grain.MONTH: 366}


class Range(StrEnum):
    """Which stretch of time a person chose."""

    LAST_24_HOURS = "24h"
    LAST_7_DAYS = "7d"
    LAST_30_DAYS = "30d"
    THIS_MONTH = "this_month"
    LAST_MONTH = "last_month"
    CUSTOM = "custom"


class RangeRefused(Exception):
    """A range that cannot be shown, and why."""


@dataclass(frozen=True)
class Report:
    """A stretch of time in a zone, divided by ``grain``, as it is seen at ``now``."""

    range: Range
    whole: Period
    grain: Grain
    zone: ZoneInfo
    now: datetime

    @cached_property
    def periods(self) -> list[Period]:
        """Return the periods that have begun; the running one is whole."""
        periods = cut(self.whole, by=self.grain, zone=self.zone)
        return [period for period in periods if period.starts_at <= self.now]

    @cached_property
    def previous(self) -> Period:
        """Return the period before, as much of it as has passed of this one.

        Months are compared from their first day on, hours by 24 of them, all else by as many local
        days. Where the month before is shorter, it is whole.
        """
        start, end = self.whole
        if self.range is Range.LAST_24_HOURS:
            return Period(go_back_a_day(start), go_back_a_day(min(self.now, end)))
        first = start.date()
        if self.range in (Range.THIS_MONTH, Range.LAST_MONTH):
            before = previous_month(first)
        else:
            before = first - (self.last_day - first) - DAY
        starts_at = start_of_day(before, self.zone)
        if self.now >= end:
            return Period(starts_at, start)
        today = self.now.astimezone(self.zone).date()
        until = same_time(self.now, before + (today - first), self.zone)
        return Period(starts_at, max(starts_at, min(start, until)))

    @property
    def last_day(self) -> date:
        """Return the last local day of the whole stretch."""
        return (self.whole.ends_at - timedelta(microseconds=1)).astimezone(self.zone).date()


def make_report(
    *,
    range: Range,
    grain: Grain | None,
    zone: ZoneInfo,
    now: datetime,
    first: date | None = None,
    last: date | None = None,
) -> Report:
    """Return the report of a range; ``first`` and ``last`` are the local days of a custom one.

    Without ``grain`` it is by hour for 24 hours and else by day, or by month where that is too
    long.

    Raises:
        RangeRefused: a custom range lacks a day, is reversed or has not begun, or is too long.
    """
    whole = choose_period(range, zone=zone, now=now, first=first, last=last)
    if whole.starts_at > now:
        raise RangeRefused("The range has not begun yet.")
    if grain is None:
        usual = Grain.HOUR if range is Range.LAST_24_HOURS else Grain.DAY
        grain = usual if fits(whole, usual) else Grain.MONTH
    if not fits(whole, grain):
        raise RangeRefused(
            f"By {grain} a range has at most {MOST_DAYS[grain]} days. Choose a shorter range"
            f"{'' if grain in (Grain.WEEK, Grain.MONTH) else ' or longer periods'}."
        )
    return Report(range, whole, grain, zone, now)


def fits(whole: Period, grain: Grain) -> bool:
    """Tell whether a stretch is short enough; a change of the clocks makes no difference."""
    return whole.ends_at - whole.starts_at <= MOST_DAYS[grain] * DAY + HOUR


def choose_period(
    range: Range, *, zone: ZoneInfo, now: datetime, first: date | None, last: date | None
) -> Period:
    """Return the stretch of a range that holds ``now``, or lies between the days of a custom one.

    Raises:
        RangeRefused: a custom range lacks a day or is reversed.
    """
    local = now.astimezone(zone)
    today = local.date()
    if range is Range.LAST_24_HOURS:
        ends_at = next_full_hour(local, zone)
        return Period(go_back_a_day(ends_at).astimezone(zone), ends_at)
    if range is Range.CUSTOM:
        if first is None or last is None:
            raise RangeRefused("A custom range needs its first and its last day.")
        if last < first:
            raise RangeRefused("The first day lies after the last.")
        end = last + DAY
    elif range is Range.THIS_MONTH:
        first, end = today.replace(day=1), next_month(today)
    elif range is Range.LAST_MONTH:
        end = today.replace(day=1)
        first = previous_month(end)
    else:
        first, end = today - (6 if range is Range.LAST_7_DAYS else 29) * DAY, today + DAY
    return Period(start_of_day(first, zone), start_of_day(end, zone))


def go_back_a_day(at: datetime) -> datetime:
    """Return the instant 24 hours before, whatever the clocks did in between."""
    return at.astimezone(UTC) - DAY
