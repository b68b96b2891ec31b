"""Amounts of money in templates."""

from decimal import Decimal

from django import template

from plans.models import Currency
from plans.wording import say_balance, say_exactly

register = template.Library()


@register.filter
def balance(amount: Decimal, currency: Currency) -> str:
    """Return a balance in words, rounded down."""
    return say_balance(amount, currency=currency.code, decimals=currency.decimals)


@register.filter
def debt(amount: Decimal, currency: Currency) -> str:
    """Return what is owed, which is said as a positive amount, rounded up."""
    return say_balance(-amount, currency=currency.code, decimals=currency.decimals)


@register.filter
def plain(amount: Decimal | None, currency: Currency) -> str:
    """Return an amount as a person types it; nothing is an empty text."""
    return "" if amount is None else f"{amount:.{currency.decimals}f}"


@register.filter
def exactly(amount: Decimal, currency: Currency) -> str:
    """Return a posted amount in words, unrounded."""
    return say_exactly(amount, currency=currency.code, decimals=currency.decimals)
