"""What templates of orders use."""

from django import template

from invoices import wire_queries
from invoices.document_queries import MOODS as MOODS_OF_DOCUMENTS
from invoices.document_queries import DocumentStatus
from invoices.models import OrderStatus, PaymentStatus
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
MOODS_OF_PAYMENTS = {
    PaymentStatus.STARTED: "busy",
    PaymentStatus.IN_REVIEW: "busy",
    PaymentStatus.ACCEPTED: "good",
    PaymentStatus.DECLINED: "bad",
    PaymentStatus.CANCELED: "",
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


@register.filter
def document_mood(status: str) -> str:
    """Return the class of a document's status, whose color is the same on every page."""
    return MOODS_OF_DOCUMENTS[DocumentStatus(status)]


@register.filter
def payment_mood(status: str) -> str:
    """Return the class of a payment's status, whose color is the same on every page."""
    return MOODS_OF_PAYMENTS[PaymentStatus(status)]
