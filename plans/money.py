"""Amounts of money: exact decimals, rounded only where a rule says so. No database, no clock."""

from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal, InvalidOperation

DECIMALS = 4  # of every posted amount, and at most of a unit price
DIGITS = 20  # of an amount as it is stored
EXACT = Decimal(1).scaleb(-DECIMALS)
MOST = Decimal(10) ** 15  # beyond it no amount is meant


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


def show_exact(amount: Decimal, *, least: int = 2) -> str:
    """Return an amount as pages show a charge: with all decimals that say something.

    They have at least ``least``, so that amounts of whole cents look alike.
    """
    digits = f"{amount:,.{DECIMALS}f}"
    whole, decimals = digits.split(".")
    return f"{whole}.{decimals.rstrip('0').ljust(least, '0')}"


def parse_amount(text: str, *, decimals: int) -> Decimal:
    """Return the amount that a person typed: digits with at most one point before the decimals.

    Raises:
        NotAnAmount: it is none, is not finite, or has more decimals than the currency.
    """
    example = "1234.56" if decimals == 2 else f"{Decimal(1234):.{decimals}f}"
    try:
        amount = Decimal(text.strip())
    except InvalidOperation:
        raise NotAnAmount(f"Write an amount such as {example}.") from None
    if not amount.is_finite() or abs(amount) > MOST:
        raise NotAnAmount(f"Write an amount such as {example}.")
    if amount != round_amount(amount, decimals=decimals):
        unit = f"at most {decimals} decimals" if decimals else "no decimals"
        raise NotAnAmount(f"An amount in this currency has {unit}, such as {example}.")
    return round_amount(amount, decimals=decimals)
