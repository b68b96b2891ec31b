"""The tax of an order: the one place where it is worked out. No database, no clock."""

from decimal import Decimal
from typing import NamedTuple

from plans.money import round_amount


class Sums(NamedTuple):
    """What an order costs before tax, its tax, and both together."""

    net: Decimal
    tax: Decimal
    gross: Decimal


def work_out(*, net: Decimal, decimals: int) -> Sums:
    """Return the sums of an order; ``decimals``: of the minor unit of its currency.

    The tax is zero: it is charged by a seller with a profile, and there is none yet.
    """
    net = round_amount(net, decimals=decimals)
    tax = round_amount(Decimal(0), decimals=decimals)
    return Sums(net, tax, net + tax)
