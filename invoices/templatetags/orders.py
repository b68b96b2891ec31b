"""What templates of orders use."""

from django import template

from invoices import wire_queries
from invoices.models import OrderStatus
from invoices.wire_queries import WireStatus

register = template.Library()

MOODS = {
    OrderStatus.PENDING: "busy",
    OrderStatus.IN_REVIEW: "busy",
    OrderStatus.COMPLETED: "good",
    OrderStatus.FAILED: "bad",
    OrderStatus.CANCELED: "",
    OrderStatus.REFUNDED: "",
}


WIRE_MOODS = {
    WireStatus.PENDING: "busy",
    WireStatus.PAID: "good",
    WireStatus.CREDITS: "good",
    WireStatus.SURPLUS: "bad",
    WireStatus.OTHERWISE: "",
    WireStatus.CANCELED: "",
}

register.filter("wire_status", wire_queries.find_status)


@register.filter
def wire_mood(status: WireStatus) -> str:
    """Return the class of a wire's status, as of an order's."""
    return WIRE_MOODS[status]


@register.filter
def mood(status: str) -> str:
    """Return the class of an order's status, whose color is the same on every page."""
    return MOODS[OrderStatus(status)]
