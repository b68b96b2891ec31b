"""Money that goes back to buyers: owed by a credit note, or because an order was paid twice.

It is owed in the transaction that makes it so, and sent after (`invoices.paying_back`, or by hand).
"""

from datetime import datetime
from decimal import Decimal

from accounts import audit
from accounts.models import User
from accounts.months import read_calendar
from accounts.tenancy import in_workspace
from invoices.issued import IssuedDocument, Payback
from invoices.models import PAID, Order, Payment, PaymentStatus, Transfer
from plans import billing, ledger
from plans.ledger import Entry
from plans.models import Account, PostingKind
from plans.wording import say_amount


class NotOwed(ValueError):
    """Nothing is to be paid back (any more)."""


def owe(*, document: IssuedDocument, at: datetime) -> Payback | None:
    """Owe the buyer what a credit note gives back, once; None: its order is not paid.

    Then it is owed once the order is paid (`owe_earlier`). The caller holds the billing lock.
    """
    order = document.order
    if order.status not in PAID:
        return None
    accepted = Payment.objects.for_workspace(order.workspace_id).filter(
        order=order, status=PaymentStatus.ACCEPTED
    )
    payback, made = Payback.objects.get_or_create(
        workspace=order.workspace,
        document=document,
        defaults={
            "order": order,
            "payment": accepted.order_by("answered_at", "pk").first(),
            "currency": document.currency,
            "amount": document.gross,
            "created_at": at,
        },
    )
    if made:
        record(payback, "payback.owed", credit_note=document.number)
    return payback


def owe_earlier(*, order: Order, at: datetime) -> None:
    """Owe what credit notes give back that were issued before their order was paid."""
    notes = IssuedDocument.objects.for_workspace(order.workspace).credit_notes()
    for note in notes.filter(order=order, payback=None).select_related("currency"):
        note.order = order
        owe(document=note, at=at)


def owe_surplus(*, payment: Payment, at: datetime, transfer: Transfer | None = None) -> Payback:
    """Owe the buyer a payment of an order that was paid already; its money is posted.

    ``transfer``: what of it is a surplus; None: all that the order costs. The caller holds the
    billing lock.
    """
    order = payment.order
    amount = transfer.surplus if transfer else order.gross
    payback, made = Payback.objects.get_or_create(
        workspace=order.workspace,
        payment=payment,
        transfer=transfer,
        document=None,
        defaults={
            "order": order,
            "currency": order.currency,
            "amount": amount,
            "created_at": at,
        },
    )
    if made:
        of = f"{payment.reference}:{transfer.number}" if transfer else payment.reference
        post(payback, amount, key=f"surplus:{of}", at=at)
        record(payback, "payback.owed", surplus=of)
    return payback


def note_sent(
    *, payback: Payback, at: datetime, by: User | None = None, reference: str = ""
) -> None:
    """Note that a payback was sent: by its provider or, by hand, by an operator.

    Raises:
        NotOwed: it was sent before.
    """
    with in_workspace(payback.workspace_id):
        billing.lock(workspace=payback.order.workspace, at=at)
        payback.refresh_from_db(fields=["sent_at"])
        if payback.sent_at:
            raise NotOwed("This payback was sent before.")
        payback.sent_at, payback.sent_by, payback.reference = at, by, reference
        payback.save(update_fields=["sent_at", "sent_by", "reference"])
        post(payback, -payback.amount, key=f"payback:{payback.pk}", at=at)
        record(payback, "payback.sent", reference=reference)


def note_sent_by_hand(
    *, workspace_id: int, payback_id: int, by: User, reference: str, at: datetime
) -> None:
    """Note that an operator sent a payback that its provider does not send.

    Raises:
        NotOwed: it was sent before, or its provider is at it.
    """
    with in_workspace(workspace_id):
        found = Payback.objects.for_workspace(workspace_id)
        payback = found.select_related("order__workspace", "currency").get(pk=payback_id)
        billing.lock(workspace=payback.order.workspace)
        payback.refresh_from_db(fields=["refused", "sent_at"])
        if not (payback.sent_at or payback.is_by_hand):
            raise NotOwed("Its provider sends this payback.")
        note_sent(payback=payback, at=at, by=by, reference=reference)


def post(payback: Payback, amount: Decimal, *, key: str, at: datetime) -> None:
    """Post money that came in beside what is owed, or (negative) that went back; once."""
    workspace = payback.order.workspace
    held = billing.lock(workspace=workspace, at=at)
    ledger.post(
        workspace=workspace,
        key=key,
        kind=PostingKind.PAYMENT,
        at=at,
        booking_month=held.book(read_calendar(workspace).day_of(at)),
        entries=[Entry(Account.PAYMENTS, amount), Entry(Account.RECEIVABLE, -amount)],
        note=f"Order {payback.order}",
    )


def record(payback: Payback, action: str, **values: str) -> None:
    """Note in the audit log what becomes of a payback."""
    said = {name: value for name, value in values.items() if value}
    audit.record(
        action,
        workspace=payback.order.workspace,
        target=str(payback.order),
        after={"amount": say_amount(payback.amount, payback.currency), **said},
    )
