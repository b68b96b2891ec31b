"""What templates of orders use."""

from decimal import Decimal

from django import template

from invoices.models import OrderStatus
from plans.models import Currency

register = template.Library()

MOODS = {
    OrderStatus.PENDING: "busy",
    OrderStatus.IN_REVIEW: "busy",
    OrderStatus.COMPLETED: "good",
    OrderStatus.FAILED: "bad",
    OrderStatus.CANCELED: "",
    OrderStatus.REFUNDED: "",
}


@register.filter
def money(amount: Decimal, currency: Currency) -> str:
    """Return an amount with the decimals of its currency, such as 1,234.50 USD."""
    return f"{amount:,.{currency.decimals}f}\N{NO-BREAK SPACE}{currency.code}"


@register.filter
def mood(status: str) -> str:
    """Return the class of an order's status, whose color is the same on every page."""
    return MOODS[OrderStatus(status)]
