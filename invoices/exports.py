"""Rows of orders as values, for the exports of their list."""

from decimal import Decimal

from accounts.exports import Value, guard
from invoices.models import Order
from plans.wording import write
from usage.exports import format_instant

COLUMNS = (
    "order_id",
    "ordered_at",
    "plan",
    "order_type",
    "order_status",
    "bot",
    "currency",
    "net",
    "tax",
    "gross",
    "comments",
    "payment_method",
    "ordered_by",
    "completed_at",
    "due_on",
    "invoice",
    "credit_notes",
    "credited",
)


def order_values(order: Order) -> list[Value]:
    """Return the values of an order in the order of its columns; instants are in UTC.

    They are for people, who open the file in a spreadsheet program.
    """
    documents = list(order.documents.all())
    notes = [document for document in documents if document.corrects_id]
    return [
        str(order),
        format_instant(order.created_at),
        guard(order.plan_name),
        order.type,
        order.status,
        guard(order.bot.name) if order.bot else "",
        order.currency_id,
        *(Decimal(write(amount, order.currency)) for amount in (order.net, order.tax, order.gross)),
        guard(order.comments),
        order.method,
        guard(order.buyer.email) if order.buyer else "",
        format_instant(order.completed_at) or "",
        order.due_on.isoformat() if order.due_on else "",
        next((document.number for document in documents if not document.corrects_id), ""),
        " ".join(document.number for document in notes),
        Decimal(write(sum((note.gross for note in notes), Decimal(0)), order.currency)),
    ]
