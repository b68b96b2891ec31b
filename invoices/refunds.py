"""Refunds: what is left of an order's credits is given back by a credit note, net and tax."""

from datetime import datetime
from decimal import Decimal

from accounts.models import Workspace
from accounts.tenancy import in_workspace
from invoices import composing, documents, orders, paybacks, tax
from invoices.composing import Correction, Named
from invoices.documents import NotIssued
from invoices.issued import IssuedDocument
from invoices.models import Order, OrderStatus
from invoices.tax import Sums
from plans import lots
from plans.money import round_amount


class NotRefunded(ValueError):
    """An order is not refunded; the message says why."""


def list_refundable(workspace: Workspace) -> list[Order]:
    """Return the completed orders of whose credits something is left, the latest first."""
    with in_workspace(workspace.pk):
        completed = Order.objects.for_workspace(workspace).filter(
            status=OrderStatus.COMPLETED, lot__balance__gt=0
        )
        related = completed.select_related("workspace", "currency", "lot", "bot", "buyer")
        return [order for order in related.order_by("-number") if find_left(order)]


def find_left(order: Order) -> Sums | None:
    """Return what a refund of an order would give back; None: nothing is left of its credits.

    What is left is rounded half up to the minor unit, once.
    """
    if order.lot is None:
        return None
    decimals = order.currency.decimals
    net = round_amount(order.lot.balance, decimals=decimals)
    if net <= 0:
        return None
    all_of_it = Sums(order.net, order.tax, order.gross)
    return tax.take_part(net=net, of=all_of_it, rate=order.tax_rate, decimals=decimals)


def find_refusal(order: Order) -> str:
    """Return why an order cannot be refunded; empty: it can."""
    if order.status != OrderStatus.COMPLETED:
        return f"{order} is {order.get_status_display().lower()}, not completed."
    return "" if find_left(order) else f"Nothing is left of what {order} bought."


def refund(*, order: Order, expected: Decimal, reason: str, at: datetime) -> IssuedDocument:
    """Give back what is left of an order's credits, which is then refunded; return the credit note.

    ``expected``: the gross amount that whoever decided was shown. The money is owed with it, and
    sent after.

    Source: product doc, "A refund takes what is left of the order's lot".

    Raises:
        NotRefunded: it is not completed, nothing or something else is left, or it has no invoice.
    """
    with in_workspace(order.workspace_id):
        orders.lock(order)
        sums = read_left(order)
        if sums.gross != expected:
            raise NotRefunded("Something else is left of these credits by now. Look again.")
        key = f"refund:{order.number}"
        note = issue_note(order, sums, reason=reason, key=key, at=at)
        if order.lot:
            lots.refund(lot=order.lot, net=sums.net, tax=sums.tax, at=at, key=key)
        orders.save_move(order, to=OrderStatus.REFUNDED)
        paybacks.owe(document=note, at=at)
    return note


def read_left(order: Order) -> Sums:
    """Return what is left of a completed order's credits, read anew under the lock.

    Raises:
        NotRefunded: it is not completed, or nothing is left.
    """
    if order.lot:
        order.lot.refresh_from_db()
    refusal, sums = find_refusal(order), find_left(order)
    if refusal or sums is None:
        raise NotRefunded(refusal)
    return sums


def issue_note(order: Order, sums: Sums, *, reason: str, key: str, at: datetime) -> IssuedDocument:
    """Issue the credit note of a refund.

    Raises:
        NotRefunded: there is no invoice that it could name, or too little is left of it.
    """
    invoices = IssuedDocument.objects.for_workspace(order.workspace_id).invoices()
    invoice = invoices.filter(order=order).select_related("currency").first()
    if invoice is None:
        raise NotRefunded(f"{order} has no invoice that a credit note could name.")
    invoice.order = order
    text = f"Unused credits of order {order}, taken back"
    line = composing.make_line(order, sums.net, bot=composing.name_bot(order), text=text)
    correction = Correction((line,), Named(invoice.number, invoice.issued_on), reason)
    try:
        return documents.issue_credit_note(invoice=invoice, correction=correction, key=key, at=at)
    except NotIssued as error:
        raise NotRefunded(str(error)) from None
