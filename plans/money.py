"""Amounts of money: exact decimals, rounded only where a rule says so. No database, no clock."""

import re
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal

DECIMALS = 4  # of every posted amount, and at most of a unit price
DIGITS = 20  # of an amount as it is stored
MOST = Decimal(10) ** 15  # beyond it no amount is meant
TYPED = re.compile(r"[+-]?[0-9]{1,20}(\.[0-9]{0,20})?")


class NotAnAmount(ValueError):
    """A text is not an amount of money."""


def round_amount(amount: Decimal, *, decimals: int) -> Decimal:
    """Return an amount rounded half up to the minor unit of its currency.

    Only an order's net, an invoice line's net, the tax per rate and a refund are rounded; usage is
    posted as it is. Half up is away from zero, so that a correction cancels what it corrects.
    """
    return amount.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)


def round_down(amount: Decimal, *, decimals: int) -> Decimal:
    """Return a balance as pages show it: never more than there is, a debt never less."""
    unit = Decimal(1).scaleb(-decimals)
    rounded = amount.quantize(unit, ROUND_DOWN)
    return rounded - unit if rounded > amount else rounded


def parse_amount(text: str, *, decimals: int) -> Decimal:
    """Return the amount that a person typed: a sign, digits, and a point before any decimals.

    Raises:
        NotAnAmount: it is none, is not finite, or has more decimals than the currency.
    """
    example = "1234.56" if decimals == 2 else f"{Decimal(1234):.{decimals}f}"
    # Decimal takes exponents, underscores and the digits of other scripts as well.
    if not TYPED.fullmatch(text.strip()) or abs(amount := Decimal(text.strip())) > MOST:
        raise NotAnAmount(f"Write an amount such as {example}.")
    if amount != round_amount(amount, decimals=decimals):
        unit = f"at most {decimals} decimals" if decimals else "no decimals"
        raise NotAnAmount(f"An amount in this currency has {unit}, such as {example}.")
    return round_amount(amount, decimals=decimals)
