"""What plans cost: upgrades, fees, further usage and seats. Pure arithmetic; amounts are net.

The dialog that proposes a change and the invoices that come of it use the same functions. A line is
rounded once; totals add rounded lines.
"""

from calendar import monthrange
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Context, Decimal
from itertools import pairwise
from typing import NamedTuple

from accounts.days import DAY, next_month, previous_month
from invoices.models import LineKind
from plans.catalog import Offer, PricedMeter
from plans.models import SEATS, Meter
from plans.money import round_amount

# Enough that a share of any amount that can be stored is exact before it is rounded.
EXACTLY = Context(prec=60)

# How many of a meter a bot used from a first to a last local day, both included.
Count = Callable[[Meter, date, date], int]


class Start(NamedTuple):
    """From which local day on a bot has a plan, at which prices."""

    day: date
    offer: Offer


class PlanDays(NamedTuple):
    """Days of one month, the last included, on which a bot has the same plan version."""

    offer: Offer
    first: date
    last: date

    @property
    def days(self) -> int:
        """How many days these are."""
        return (self.last - self.first).days + 1


@dataclass(frozen=True)
class Line:
    """One line of an invoice; days are those of the service, the last included.

    Of a meter: ``used``, of which ``included`` cost nothing, so that ``quantity`` are charged at
    ``price`` each. Of a fee or an upgrade the quantity is 1 and the price the net amount.
    """

    kind: LineKind
    offer: Offer
    first: date
    last: date
    price: Decimal
    net: Decimal
    quantity: int = 1
    meter: Meter | None = None
    used: int = 0
    included: int = 0


@dataclass(frozen=True)
class Upgrade:
    """The price of a higher fee for the rest of a month: difference x days left / days."""

    old_fee: Decimal
    new_fee: Decimal
    days_left: int
    days: int
    net: Decimal

    @property
    def difference(self) -> Decimal:
        """How much more a whole month costs."""
        return self.new_fee - self.old_fee


def count_days(day: date) -> int:
    """Return how many days the month of a day has."""
    return monthrange(day.year, day.month)[1]


def end_of_month(day: date) -> date:
    """Return the last day of the month of a day."""
    return next_month(day) - DAY


def rate_upgrade(*, old: Offer, new: Offer, today: date) -> Upgrade:
    """Return what an upgrade from ``today`` on costs for the rest of the month, today included.

    Source: product doc, "Upgrade price".

    Raises:
        ValueError: the new fee is not higher, or in another currency.
    """
    if old.currency != new.currency or new.fee <= old.fee:
        raise ValueError(f"{new.version} is no upgrade from {old.version}")
    days = count_days(today)
    left = days - today.day + 1
    net = share(new.fee - old.fee, days=left, of=days, decimals=new.currency.decimals)
    return Upgrade(old.fee, new.fee, left, days, net)


def share(amount: Decimal, *, days: int, of: int, decimals: int) -> Decimal:
    """Return the part of a month's amount that falls on some of its days, rounded once."""
    part = EXACTLY.divide(EXACTLY.multiply(amount, Decimal(days)), Decimal(of))
    return round_amount(part, decimals=decimals)


def include(number: int, *, days: int, of: int) -> int:
    """Return how many are included on some days of a month, rounded up.

    Source: product doc, "Included = number x the plan's days / days of the month".
    """
    return -(-number * days // of)


def split_month(starts: Sequence[Start], *, month: date) -> list[PlanDays]:
    """Return a month's days by plan version; ``starts`` are in order, the first before its end.

    Days before the first start are left out.
    """
    last = end_of_month(month)
    ends = [later.day - DAY for _, later in pairwise(starts)] + [last]
    stretches = (
        PlanDays(start.offer, max(start.day, month), min(end, last))
        for start, end in zip(starts, ends, strict=True)
    )
    return [stretch for stretch in stretches if stretch.first <= stretch.last]


def rate_renewal(
    *, month: date, starts: Sequence[Start], count: Count, paid: Decimal = Decimal(0)
) -> list[Line]:
    """Return the lines that a bot has on the invoice for which ``month`` (its first day) begins.

    The fee of this month in advance; seats and further usage of the month before in arrears.
    ``paid``: what upgrades on the first day of the month have paid of its fee.
    """
    lines = []
    for plan in split_month(starts, month=month)[:1]:  # that of its first day
        lines += rate_fee(plan.offer, month=month, paid=paid)
    return lines + rate_ended(month=previous_month(month), starts=starts, count=count)


def rate_ended(*, month: date, starts: Sequence[Start], count: Count) -> list[Line]:
    """Return the lines of what a bot used and held in a month that is over, in arrears."""
    measured = measure_ended(month=month, starts=starts, count=count)
    return [line for line in measured if line.quantity and line.price]


def measure_ended(*, month: date, starts: Sequence[Start], count: Count) -> list[Line]:
    """Return what a bot used and held in a month that is over, also what costs nothing."""
    ended = split_month(starts, month=month)
    lines = [line for plan in ended for line in measure_usage(plan, count=count)]
    if ended:
        lines += measure_seats(ended[-1].offer, month=month, count=count)
    return lines


def rate_fee(offer: Offer, *, month: date, paid: Decimal = Decimal(0)) -> list[Line]:
    """Return the line of a month's fee, less what was paid of it; none where nothing is left."""
    net = round_amount(offer.fee - paid, decimals=offer.currency.decimals)
    if net <= 0:
        return []
    return [Line(LineKind.FEE, offer, month, end_of_month(month), price=net, net=net)]


def measure_usage(plan: PlanDays, *, count: Count) -> list[Line]:
    """Return by meter what was used on the days of a plan, beyond what is included.

    Usage that is taken from credits is on no invoice.
    """
    if plan.offer.version.uses_credits:
        return []
    of = count_days(plan.first)
    lines = []
    for priced in plan.offer.meters:
        if priced.meter not in SEATS:
            included = include(priced.included, days=plan.days, of=of)
            used = count(priced.meter, plan.first, plan.last)
            lines.append(measure(LineKind.USAGE, plan, priced, used=used, included=included))
    return lines


def measure_seats(offer: Offer, *, month: date, count: Count) -> list[Line]:
    """Return a month's seats, whole, at the plan of its last day.

    Source: product doc, "the plan of the month's last day decides".
    """
    if offer.version.uses_credits:
        return []
    whole = PlanDays(offer, month, end_of_month(month))
    lines = []
    for priced in offer.meters:
        if priced.meter in SEATS:
            used = count(priced.meter, whole.first, whole.last)
            lines.append(
                measure(LineKind.SEATS, whole, priced, used=used, included=priced.included)
            )
    return lines


def measure(
    kind: LineKind, plan: PlanDays, priced: PricedMeter, *, used: int, included: int
) -> Line:
    """Return the line of what was used beyond what is included, which may be nothing."""
    quantity = max(0, used - included)
    net = EXACTLY.multiply(priced.price, Decimal(quantity))
    return Line(
        kind,
        plan.offer,
        plan.first,
        plan.last,
        price=priced.price,
        net=round_amount(net, decimals=plan.offer.currency.decimals),
        quantity=quantity,
        meter=priced.meter,
        used=used,
        included=included,
    )


def add_up(lines: Iterable[Line]) -> Decimal:
    """Return the sum of rounded lines."""
    return sum((line.net for line in lines), Decimal(0))
