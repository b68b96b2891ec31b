"""Amounts of money in templates."""

from decimal import Decimal

from django import template

from plans.models import Currency
from plans.wording import say_amount, say_balance, say_exactly, say_figure, write

register = template.Library()
register.filter("amount", say_amount)
register.filter("balance", say_balance)
register.filter("exactly", say_exactly)
register.filter("figure", say_figure)


@register.filter
def debt(amount: Decimal, currency: Currency) -> str:
    """Return what is owed, which is said as a positive amount, rounded up."""
    return say_balance(-amount, currency)


@register.filter
def plain(amount: Decimal | None, currency: Currency) -> str:
    """Return an amount as a person types it; nothing is an empty text."""
    return "" if amount is None else write(amount, currency)
