"""How pages say amounts of money and days. No database, no clock."""

from datetime import date
from decimal import Decimal

from plans.money import round_down

NO_BREAK = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"


def say_balance(amount: Decimal, *, currency: str, decimals: int) -> str:
    """Return a balance in words, rounded down to the minor unit: ``1,234.56 USD``."""
    rounded = round_down(amount, decimals=decimals)
    sign = MINUS if rounded < 0 else ""
    return f"{sign}{abs(rounded):,.{decimals}f}{NO_BREAK}{currency}"


def say_exactly(amount: Decimal, *, currency: str, decimals: int) -> str:
    """Return a posted amount in words: unrounded, with at least the minor unit's decimals."""
    digits = f"{abs(amount):,.4f}"
    while digits[-1] == "0" and len(digits.partition(".")[2]) > decimals:
        digits = digits[:-1]
    return f"{MINUS if amount < 0 else ''}{digits.rstrip('.')}{NO_BREAK}{currency}"


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
