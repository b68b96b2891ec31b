"""Local days, weeks and months as stretches of time. Pure arithmetic, without database or clock."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

from accounts.days import DAY, next_month, start_of_day

HOUR = timedelta(hours=1)


class Grain(StrEnum):
    """How long the periods of a report are."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Period(NamedTuple):
    """A stretch of time, its end exclusive; both instants carry the offset of their zone."""

    starts_at: datetime
    ends_at: datetime


def whole_days(period: Period, zone: ZoneInfo) -> tuple[date, date]:
    """Return the first local day that begins in a period, and the one in which the period ends.

    Whole are the days from the one up to the other; none where that is not the later one.
    """
    first = period.starts_at.astimezone(zone).date()
    if in_utc(start_of_day(first, zone)) < in_utc(period.starts_at):
        first += DAY
    return first, period.ends_at.astimezone(zone).date()


def same_time(at: datetime, day: date, zone: ZoneInfo) -> datetime:
    """Return the instant of another local day at which the clock shows what it shows at ``at``.

    Where the clocks skip that time it is as much later.
    """
    local = at.astimezone(zone)
    return datetime.combine(day, local.timetz()).astimezone(UTC).astimezone(zone)


def split(first: date, last: date, *, by: Grain, zone: ZoneInfo) -> Iterator[Period]:
    """Yield the periods from the start of ``first`` to the start of ``last``, clipped to them."""
    return cut(Period(start_of_day(first, zone), start_of_day(last, zone)), by=by, zone=zone)


def cut(whole: Period, *, by: Grain, zone: ZoneInfo) -> Iterator[Period]:
    """Yield the periods from one instant to another, clipped to them.

    Weeks begin on Monday. Hours are as long as they are on the clock: a day of 23 or 25 hours has
    23 or 25 of them; in a zone off the hour they begin with its own full hours.
    """
    starts_at = whole.starts_at
    while in_utc(starts_at) < in_utc(whole.ends_at):
        ends_at = min(next_start(starts_at, by=by, zone=zone), whole.ends_at, key=in_utc)
        yield Period(starts_at, ends_at)
        starts_at = ends_at


def in_utc(at: datetime) -> datetime:
    """Return an instant by which it can be compared.

    Two of one zone compare by what the clock shows, and that comes twice when it is put back.
    """
    return at.astimezone(UTC)


def next_start(at: datetime, *, by: Grain, zone: ZoneInfo) -> datetime:
    """Return where the period that holds ``at`` ends."""
    if by is Grain.HOUR:
        return next_full_hour(at, zone)
    day = at.date()
    if by is Grain.DAY:
        return start_of_day(day + DAY, zone)
    if by is Grain.WEEK:
        return start_of_day(day + (7 - day.weekday()) * DAY, zone)
    return start_of_day(next_month(day), zone)


def next_full_hour(at: datetime, zone: ZoneInfo) -> datetime:
    """Return when the clock that runs at ``at`` shows its next full hour."""
    into = timedelta(minutes=at.minute, seconds=at.second, microseconds=at.microsecond)
    return (at.astimezone(UTC) + HOUR - into).astimezone(zone)
