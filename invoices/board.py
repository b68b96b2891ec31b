"""The tie-out of a workspace: rows of numbers that are to agree, how they stand, and their totals.

Nothing is read here (invoices/tie_out.py does).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from django.db.models import TextChoices

from accounts.days import list_days
from accounts.models import Bot
from invoices.charge_counts import DayCount
from invoices.order_sums import OrderSum
from invoices.stretch_counts import Stretch
from plans.models import PlanVersion
from usage.gaps import Gap
from usage.receipts import Receipt


class State(TextChoices):
    """How numbers that are to agree stand."""

    TIES = "ties", "Ties"
    OPEN = "open", "Open"
    DIFFERS = "differs", "Differs"


Row = Receipt | DayCount | Stretch | OrderSum


class Part(StrEnum):
    """What may be read of a tie-out by itself."""

    RECEIPTS = "receipts"
    COUNTS = "counts"
    STRETCHES = "stretches"
    ORDERS = "orders"


class Instants(NamedTuple):
    """As of when the numbers are.

    ``read_at``: of what is stored and posted. ``counted_until``: what came in before is counted.
    ``charged_at``: of the latest charging that left nothing to do; None: there was none.
    ``open_month``: the oldest month that is not closed.
    """

    read_at: datetime
    counted_until: datetime
    charged_at: datetime | None
    open_month: date


@dataclass(slots=True)
class DayTotal:
    """What a local day comes to: events that came in on it, and what was used on it.

    Quantities are of all meters that plans price by session: ``sessions`` = ``charged`` (from
    credits) + ``by_month`` (of plans without credits) + ``free`` (nothing is charged) + ``open``,
    unless there are ``differences``, which counts the equations that do not hold.
    """

    day: date
    is_over: bool
    received: int = 0
    accepted: int = 0
    duplicate: int = 0
    rejected: int = 0
    stored: int = 0
    removed: int = 0
    sessions: int = 0
    charged: int = 0
    by_month: int = 0
    free: int = 0
    open: int = 0
    running: int = 0
    differences: int = 0
    is_earlier: bool = False

    @property
    def state(self) -> State:
        """How the day stands."""
        if self.differences:
            return State.DIFFERS
        return State.TIES if self.is_over and not (self.open or self.running) else State.OPEN

    def take_receipt(self, receipt: Receipt) -> None:
        """Add what came in from a source."""
        for name in ("received", "accepted", "duplicate", "rejected", "stored", "removed"):
            setattr(self, name, getattr(self, name) + getattr(receipt, name))
        self.is_earlier |= receipt.is_earlier
        self.differences += len(receipt.gaps)

    def take_count(self, count: DayCount) -> None:
        """Add what was counted of a bot's meter."""
        counted = count.counted
        self.sessions += counted.sessions
        self.charged += counted.posted
        if not counted.uses_credits:
            self.by_month += counted.sessions
        elif not count.is_charged:
            self.free += counted.sessions
        self.open += count.open
        self.running += counted.running
        self.differences += len(count.gaps)


@dataclass(frozen=True, kw_only=True)
class Board:
    """The numbers of some local days of a workspace, the last included.

    Stretches are those of the months of these days, whole. ``parts``: what was read; all else is
    empty.
    """

    first: date
    last: date
    today: date
    parts: Collection[Part]
    instants: Instants
    receipts: list[Receipt]
    counts: list[DayCount]
    stretches: list[Stretch]
    orders: list[OrderSum]
    bots: Mapping[int, Bot]
    plans: Mapping[int, PlanVersion]

    @property
    def rows(self) -> list[Row]:
        """All rows that have equations."""
        return [*self.receipts, *self.counts, *self.stretches, *self.orders]

    def count_gaps(self) -> int:
        """Return how many equations do not hold."""
        return count_gaps(self.rows)

    def count_elsewhere(self) -> dict[str, int]:
        """Return how many equations of what is of no single day do not hold, by its part."""
        return {
            Part.STRETCHES.value: count_gaps(self.stretches),
            Part.ORDERS.value: count_gaps(self.orders),
        }

    def list_days(self) -> list[DayTotal]:
        """Return the totals of each day, also of those without any, the latest first."""
        totals = {
            day: DayTotal(day, is_over=day < self.today) for day in list_days(self.first, self.last)
        }
        for receipt in self.receipts:
            totals[receipt.day].take_receipt(receipt)
        for count in self.counts:
            totals[count.counted.day].take_count(count)
        return sorted(totals.values(), key=lambda total: total.day, reverse=True)

    def find_state(self, row: Row) -> State:
        """Return how a row stands."""
        if row.gaps:
            return State.DIFFERS
        match row:
            case Receipt():
                still = row.day >= self.today
            case DayCount():
                running = bool(row.open or row.counted.running)
                still = running or row.counted.day >= self.today
            case Stretch():
                still = bool(row.open or row.running or not row.is_closed)
            case OrderSum():
                still = False
        return State.OPEN if still else State.TIES

    def add_up(self) -> DayTotal:
        """Return what all days come to together."""
        sum_ = DayTotal(self.first, is_over=self.last < self.today)
        for receipt in self.receipts:
            sum_.take_receipt(receipt)
        for count in self.counts:
            sum_.take_count(count)
        return sum_

    def list_gaps(self) -> Iterator[dict[str, object]]:
        """Yield each equation that does not hold, with all that says what it is of."""
        for row in self.rows:
            for gap in row.gaps:
                yield self.say_gap(row, gap)

    def say_gap(self, row: Row, gap: Gap) -> dict[str, object]:
        """Return an equation that does not hold as it is printed."""
        said: dict[str, object] = {
            "equation": gap.equation,
            "expected": say(gap.expected),
            "found": say(gap.found),
            "difference": say(gap.difference),
        }
        return self.name_row(row) | said

    def name_row(self, row: Row) -> dict[str, object]:
        """Return what a row is of."""
        match row:
            case Receipt():
                return {"received_on": str(row.day), "source": row.source}
            case DayCount():
                of = row.counted
                return {"bot": self.bots[of.bot].key, "day": str(of.day), "meter": of.meter,
                        "plan": str(self.plans[of.version])}  # fmt: skip
            case Stretch():
                service = row.service
                return {
                    "bot": self.bots[service.bot].key,
                    "first": str(service.first),
                    "last": str(service.last),
                    "meter": service.meter,
                    "plan": str(self.plans[service.version]),
                }
            case OrderSum():
                return {"order": f"O-{row.number:06d}"}


def count_gaps(rows: Sequence[Row]) -> int:
    """Return how many equations of some rows do not hold."""
    return sum(len(row.gaps) for row in rows)


def say(number: int | Decimal) -> int | str:
    """Return a number as JSON has it: an amount is exact as text."""
    return number if isinstance(number, int) else str(number)
