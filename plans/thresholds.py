"""Which periods have reached a threshold: pure, and asked by firing and by its rehearsal."""

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from accounts.days import DAY, next_month
from plans.alerted import Per

Numbers = Mapping[date, Decimal]  # by the first day of a period; those without any lack


class Reached(NamedTuple):
    """A period that has reached a threshold, by its first day, and its number."""

    starts_on: date
    number: Decimal


def find_reached(numbers: Numbers, *, threshold: Decimal) -> list[Reached]:
    """Return the periods whose number has reached a threshold, in order of time."""
    periods = sorted(numbers.items())
    return [Reached(*period) for period in periods if period[1] >= threshold]


def find_start(day: date, per: str) -> date:
    """Return the first day of the period that a day lies in."""
    return day.replace(day=1) if per == Per.MONTH else day


def list_starts(first: date, last: date, per: str) -> Iterator[date]:
    """Yield the first days of all periods from that of one day to that of another."""
    start = find_start(first, per)
    while start <= last:
        yield start
        start = next_month(start) if per == Per.MONTH else start + DAY
