"""Local days. Pure arithmetic, without database or clock."""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)


@lru_cache(maxsize=4096)
def start_of_day(day: date, zone: ZoneInfo) -> datetime:
    """Return the first instant of a local day; not 00:00 where the clocks skip that."""
    # Midnight taken by itself may not exist or come twice; the round trip by UTC settles both.
    return datetime.combine(day, time.min, zone).astimezone(UTC).astimezone(zone)


def next_month(day: date) -> date:
    """Return the first day of the month after that of ``day``."""
    return (day.replace(day=28) + 4 * DAY).replace(day=1)


def previous_month(day: date) -> date:
    """Return the first day of the month before that of ``day``."""
    return (day.replace(day=1) - DAY).replace(day=1)


def months_before(month: date, number: int) -> date:
    """Return the first day of the month that lies so many before that of a day."""
    month = month.replace(day=1)
    for _ in range(number):
        month = previous_month(month)
    return month


def list_days(first: date, last: date) -> list[date]:
    """Return the days from one to another, which is included."""
    return [first + number * DAY for number in range((last - first).days + 1)]


def list_months(first: date, end: date) -> list[date]:
    """Return the first days of the months from one up to another, which is left out."""
    months = []
    while first < end:
        months.append(first)
        first = next_month(first)
    return months
