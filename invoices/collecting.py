"""Renewals are paid: by a saved method without the buyer, or by a person on the order's page."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Prefetch

from accounts.days import DAY
from accounts.models import Workspace
from accounts.months import read_calendar
from accounts.tenancy import in_workspace
from invoices import dunning, orders, payments, sandbox, saved_methods, wire
from invoices.models import (
    LineKind,
    Method,
    Order,
    OrderLine,
    OrderStatus,
    OrderType,
    Payment,
    PaymentStatus,
    SavedMethod,
)
from plans import billing, ledger
from plans.ledger import Entry
from plans.models import Account, CreditLot, PostingKind

# A saved method is charged at once, and so long after the attempt before: 3 and 7 days in all.
PAUSES = (timedelta(0), 3 * DAY, 4 * DAY)
ON_PAGE = sandbox.PAGE_LASTS  # so long a person who began to pay may still be at it
REVENUES = {
    LineKind.FEE: Account.REVENUE_SUBSCRIPTIONS,
    LineKind.SEATS: Account.REVENUE_SUBSCRIPTIONS,
    LineKind.USAGE: Account.REVENUE_USAGE,
    LineKind.LATE: Account.REVENUE_USAGE,
}


def run(*, workspace_id: int, now: datetime) -> int:
    """Charge the saved method for renewals that are due for it; return how many were tried.

    A worker that dies in between leaves a payment that `reloads.run` charges.
    """
    with in_workspace(workspace_id):
        workspace = Workspace.objects.get(pk=workspace_id)
        if find_saved(workspace) is None:
            return 0
        owed = Order.objects.for_workspace(workspace).owed().order_by("number")
        begun = Payment.objects.for_workspace(workspace).order_by("pk")
        owed = owed.prefetch_related(Prefetch("payments", begun))
        waiting = [order.pk for order in owed if is_due(order, list(order.payments.all()), now=now)]
    tried = [begin(workspace, order_id=order_id, now=now) for order_id in waiting]
    found = [payment for payment in tried if payment]
    for payment in found:
        payments.charge(payment=payment, at=now)
    return len(found)


def is_due(order: Order, begun: Sequence[Payment], *, now: datetime) -> bool:
    """Tell whether the saved method is to be charged (again): no payment is under way.

    Source: product doc, "a saved method is charged at once, again after 3 and 7 days".
    """
    tried = [payment for payment in begun if payment.saved_method_id]
    latest = tried[-1].started_at if tried else order.created_at
    if len(tried) == len(PAUSES) or now < latest + PAUSES[len(tried)]:
        return False
    return order.status != OrderStatus.IN_REVIEW and not any(
        payment.status == PaymentStatus.STARTED
        and (payment.saved_method_id or now < payment.started_at + find_pause(payment))
        for payment in begun
    )


def find_pause(begun: Payment) -> timedelta:
    """Return how long a payment that a person began holds the saved method back."""
    return wire.ON_ITS_WAY if begun.method == Method.WIRE else ON_PAGE


def begin(workspace: Workspace, *, order_id: int, now: datetime) -> Payment | None:
    """Begin a payment by the saved method; None: there is none, or the payment is not due now."""
    with in_workspace(workspace.pk):
        billing.lock(workspace=workspace)
        found = Order.objects.for_workspace(workspace).owed().select_related("workspace")
        order = found.filter(pk=order_id).first()
        saved = find_saved(workspace)
        if order is None or saved is None:
            return None
        begun = Payment.objects.for_workspace(workspace).filter(order=order)
        if not is_due(order, list(begun.order_by("pk")), now=now):
            return None
        return payments.start(order=order, at=now, saved_method=saved)


def find_saved(workspace: Workspace) -> SavedMethod | None:
    """Return the method that renewals are paid by; None: a person has to pay them.

    It is the default, as long as nothing is in the way.
    """
    found = SavedMethod.objects.for_workspace(workspace).filter(is_default=True).first()
    if found is None or find_obstacle(found, admins=saved_methods.find_admins(workspace)):
        return None
    return found


def find_obstacle(saved: SavedMethod, *, admins: Collection[int]) -> str:
    """Return why renewals cannot be paid by a method; empty: they can.

    Whoever had it saved agreed to that, and is still among the ``admins`` (ids of users).
    """
    if saved.removed_at:
        return "It was removed."
    if not payments.is_offered(Method(saved.method)):
        return "This installation does not offer it any more."
    if saved.consent not in payments.FOR_RENEWALS:
        return "The words that were agreed to do not speak of renewals."
    if saved.saved_by_id not in admins:
        return "Whoever saved it is not an owner or admin here."
    return ""


def find_method(workspace: Workspace) -> Method:
    """Return the method of a renewal that is placed: the saved one, else the first on offer.

    Where none is on offer, a transfer.
    """
    if saved := find_saved(workspace):
        return Method(saved.method)
    return next(iter(payments.find_providers()), Method.WIRE)


def expect_wire(order: Order, *, at: datetime) -> None:
    """Begin the wire of a renewal that is paid by one, so that it says at once where to pay."""
    if order.method == Method.WIRE and wire.is_offered():
        payments.start(order=order, at=at)


def apply(order: Order, at: datetime) -> CreditLot | None:
    """Post the payment of a renewal, and have plans active again that waited for it."""
    bill(order=order, at=at)
    settle(order=order, at=at)
    today = read_calendar(order.workspace).day_of(at)
    dunning.renew(workspace=order.workspace, today=today, paid=order)
    return None


def bill(*, order: Order, at: datetime) -> None:
    """Post a renewal that is placed: receivable to revenue and tax; once."""
    sums = dict.fromkeys(REVENUES.values(), Decimal(0))
    lines = OrderLine.objects.for_workspace(order.workspace).filter(order=order)
    for kind, net in lines.values_list("kind", "net"):
        sums[REVENUES[LineKind(kind)]] += net
    entries = [
        Entry(Account.RECEIVABLE, order.gross),
        *(Entry(account, -net) for account, net in sums.items()),
        Entry(Account.TAX_PAYABLE, -order.tax),
    ]
    post(order, entries, key=f"renewal:{order.number}", kind=PostingKind.SUBSCRIPTION, at=at)


def settle(*, order: Order, at: datetime) -> None:
    """Post that a renewal was paid: payments to receivable; once."""
    entries = [Entry(Account.PAYMENTS, order.gross), Entry(Account.RECEIVABLE, -order.gross)]
    post(order, entries, key=f"renewal:{order.number}:paid", kind=PostingKind.PAYMENT, at=at)


def post(
    order: Order, entries: Sequence[Entry], *, key: str, kind: PostingKind, at: datetime
) -> None:
    """Post something of a renewal."""
    held = billing.lock(workspace=order.workspace, at=at)
    today = read_calendar(order.workspace).day_of(at)
    ledger.post(
        workspace=order.workspace,
        key=key,
        kind=kind,
        at=at,
        booking_month=held.book(today),
        entries=[entry for entry in entries if entry.amount],
        service_day=today,
        note=f"Order {order}",
    )


def register() -> None:
    """Have renewals do what `apply` says when they are completed."""
    orders.register(OrderType.RENEWAL, apply)
