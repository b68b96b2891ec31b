"""Prices in templates."""

from decimal import Decimal

from django import template

from plans.catalog import Offer
from plans.models import Currency

register = template.Library()


@register.filter
def money_in(amount: Decimal, offer: Offer) -> str:
    """Return an amount in the currency of an offer, such as 1,234.50 USD."""
    return f"{amount:,.{offer.decimals}f}\N{NO-BREAK SPACE}{offer.currency}"


@register.filter
def amount_in(amount: Decimal, currency: Currency) -> str:
    """Return an amount in a currency, such as 1,234.50 USD."""
    return f"{amount:,.{currency.decimals}f}\N{NO-BREAK SPACE}{currency.code}"


@register.filter
def price_in(amount: Decimal, offer: Offer) -> str:
    """Return a unit price in the currency of an offer, with as many decimals as it needs."""
    return f"{say_price(amount, decimals=offer.decimals)}\N{NO-BREAK SPACE}{offer.currency}"


def say_price(amount: Decimal, *, decimals: int) -> str:
    """Return a price with the decimals of its currency, and more only where it has more."""
    needed = -int(amount.normalize().as_tuple().exponent)
    return f"{amount:,.{max(decimals, needed)}f}"


@register.filter
def counted(number: int) -> str:
    """Return a number with commas for thousands."""
    return f"{number:,}"
