"""Which months the books have, and in how many workspaces one is still open."""

from datetime import date, datetime, timedelta
from typing import NamedTuple

from accounts.days import next_month, previous_month
from accounts.tenancy import read_as_operator

EARLIEST = timedelta(hours=14)  # of the zone that is ahead of all others
# Index posting_of_month, of each workspace.
FIND_FIRST = """
SELECT min(booked.booking_month) FROM accounts_workspace workspace
CROSS JOIN LATERAL (
    SELECT booking_month FROM plans_posting WHERE workspace_id = workspace.id
    ORDER BY booking_month LIMIT 1
) booked
"""
COUNT_OPEN = """
SELECT count(*) FILTER (WHERE open_month <= %(month)s), count(*) FROM plans_workspacebilling
"""


class Open(NamedTuple):
    """In how many of all workspaces that are billed a month is not closed."""

    workspaces: int
    of: int


def find_current(now: datetime) -> date:
    """Return the latest month that has begun anywhere."""
    return (now + EARLIEST).date().replace(day=1)


def list_months(*, now: datetime) -> list[date]:
    """Return the months that can have postings, the latest first; there is always one."""
    ((first,),) = read_as_operator(FIND_FIRST)
    month = find_current(now)
    found = [month]
    while first and month > first:
        month = previous_month(month)
        found.append(month)
    return found


def find_latest_over(found: list[date], *, now: datetime) -> date:
    """Return the latest of some months that is over; if none is, the latest."""
    return next((month for month in found if next_month(month) <= now.date()), found[0])


def count_open(month: date) -> Open:
    """Return in how many workspaces a month may still grow."""
    (row,) = read_as_operator(COUNT_OPEN, {"month": month})
    return Open(*row)
