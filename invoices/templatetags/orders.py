"""What templates of orders use."""

from decimal import Decimal

from django import template

from invoices.models import OrderStatus
from plans.models import Currency

register = template.Library()

COLORS = {
    OrderStatus.PENDING: "yellow",
    OrderStatus.IN_REVIEW: "yellow",
    OrderStatus.COMPLETED: "green",
    OrderStatus.FAILED: "red",
    OrderStatus.CANCELED: "secondary",
    OrderStatus.REFUNDED: "secondary",
}


@register.filter
def money(amount: Decimal, currency: Currency) -> str:
    """Return an amount with the decimals of its currency, such as 1,234.50 USD."""
    return f"{amount:,.{currency.decimals}f}\N{NO-BREAK SPACE}{currency.code}"


@register.filter
def status_color(status: str) -> str:
    """Return the color of an order's status, the same on every page."""
    return COLORS[OrderStatus(status)]
