"""What a usage alert would have told in the past: decided by the code that has it fire.

Numbers are those of today, with late usage and corrections in them, and whole periods are looked
at: sessions grow within one, so that it would have fired at some instant of it. Money may also fall
(an upgrade gives the day's charges back), so that a number that was reached for a while is missed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from accounts.days import months_before
from accounts.models import Workspace
from accounts.months import Calendar
from plans import alert_numbers
from plans.alert_numbers import Watch
from plans.thresholds import find_reached, list_starts

MOST_MONTHS = 12
MONTHS = (3, 6, MOST_MONTHS)  # what pages offer
NOTHING = Decimal(0)


class Period(NamedTuple):
    """A period by its first day, its number, and whether that reached the threshold."""

    starts_on: date
    number: Decimal
    reached: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Rehearsal:
    """All periods from some whole months ago up to now, in order; the last one still runs."""

    watch: Watch
    threshold: Decimal
    first: date
    last: date
    periods: Sequence[Period]

    @property
    def reached(self) -> list[Period]:
        """The periods that would have been told of, the latest first."""
        return [period for period in reversed(self.periods) if period.reached]

    @property
    def highest(self) -> Decimal:
        """The highest number of a period."""
        return max(period.number for period in self.periods)

    @property
    def now(self) -> Period:
        """The period that runs."""
        return self.periods[-1]


def rehearse(
    *,
    workspace: Workspace,
    watch: Watch,
    threshold: Decimal,
    months: int,
    calendar: Calendar,
    today: date,
) -> Rehearsal:
    """Return in which periods of the last months, and of this one, a threshold was reached.

    The caller runs in the workspace.
    """
    first = months_before(today, months)
    read = alert_numbers.read(
        workspace, watches=[watch], calendar=calendar, first=first, last=today
    )
    numbers = read[watch]
    reached = {period.starts_on for period in find_reached(numbers, threshold=threshold)}
    return Rehearsal(
        watch=watch,
        threshold=threshold,
        first=first,
        last=today,
        periods=[
            Period(start, numbers.get(start, NOTHING), start in reached)
            for start in list_starts(first, today, watch.per)
        ],
    )
