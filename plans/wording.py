"""How pages say amounts of money and days. Nothing is read, and no clock."""

from datetime import date
from decimal import Decimal
from typing import Protocol

from plans.money import DECIMALS, round_amount, round_down

NO_BREAK = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"


class Currency(Protocol):
    """A currency of the catalog, or what a document keeps of one."""

    @property
    def code(self) -> str:
        """Its ISO 4217 code."""

    @property
    def decimals(self) -> int:
        """How many decimals its minor unit has."""


def say_amount(amount: Decimal, currency: Currency) -> str:
    """Return an amount in words, with the decimals of its currency: ``1,234.50 USD``."""
    return say_exactly(round_amount(amount, decimals=currency.decimals), currency)


def say_balance(amount: Decimal, currency: Currency) -> str:
    """Return a balance in words, rounded down to the minor unit."""
    return say_amount(round_down(amount, decimals=currency.decimals), currency)


def say_exactly(amount: Decimal, currency: Currency) -> str:
    """Return an amount in words, unrounded: with the decimals of its currency, or those it has."""
    return f"{say_figure(amount, currency)}{NO_BREAK}{currency.code}"


def say_figure(amount: Decimal, currency: Currency) -> str:
    """Return an amount as `say_exactly`, without its currency: in a column that names it."""
    sign = MINUS if amount < 0 else ""
    return f"{sign}{write(abs(amount), currency, grouped=True)}"


def write(amount: Decimal, currency: Currency, *, grouped: bool = False) -> str:
    """Return an amount as a person types it, unrounded; ``grouped``: with commas, to be read."""
    whole, _, decimals = f"{amount:.{DECIMALS}f}".partition(".")
    decimals = decimals.rstrip("0").ljust(currency.decimals, "0")
    number = f"{int(whole):,}" if grouped else whole
    return f"{number}.{decimals}" if decimals else number


def say_day(day: date) -> str:
    """Return a day in words: ``7 Mar 2026``."""
    return f"{day:%-d %b %Y}"


def say_days(first: date, last: date | None) -> str:
    """Return a range of days in words: ``7-19 Mar 2026``; None: from the first on."""
    if last is None:
        return f"{say_day(first)} or later"
    if first == last:
        return say_day(first)
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day}\N{EN DASH}{say_day(last)}"
    same_year = first.year == last.year
    return f"{first:%-d %b}{'' if same_year else f' {first.year}'} \N{EN DASH} {say_day(last)}"
