"""Amounts as Stripe has them: whole numbers of a currency's smallest unit."""

from decimal import Decimal

# Source: Stripe, "Supported currencies". Those of two decimals with special rules (ISK, UGX) are
# no exception here.
WITHOUT_DECIMALS = frozenset({
    "BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF",
    "XOF", "XPF",
})  # fmt: skip
WITH_THREE_DECIMALS = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})


def find_decimals(currency: str) -> int:
    """Return how many decimals Stripe has of a currency."""
    if currency.upper() in WITHOUT_DECIMALS:
        return 0
    return 3 if currency.upper() in WITH_THREE_DECIMALS else 2


def to_minor(amount: Decimal, currency: str) -> int:
    """Return an amount in the smallest unit that Stripe has of a currency.

    Raises:
        ValueError: it is none of these units.
    """
    units = amount.scaleb(find_decimals(currency))
    if units != units.to_integral_value():
        raise ValueError(f"{amount} {currency} is no amount that Stripe takes")
    return int(units)


def from_minor(units: int, currency: str) -> Decimal:
    """Return the amount of so many units."""
    return Decimal(units).scaleb(-find_decimals(currency))
