"""Orders: placed, moved and completed, each of it once.

Whoever does so holds the lock of the workspace's billing row, so that numbers have no gap and what
a provider repeats does nothing.
"""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal

from django.db.models import Max

from accounts import audit
from accounts.models import Bot, User, Workspace
from accounts.months import read_calendar
from accounts.tenancy import in_workspace
from invoices import (
    auto_reload,
    billing_details,
    documents,
    mails,
    order_lines,
    paybacks,
    seller,
    tax,
)
from invoices.models import (
    MOVES,
    OF_CREDITS,
    PAID,
    Method,
    Order,
    OrderStatus,
    OrderType,
)
from invoices.order_lines import BotLine
from invoices.parties import BillingDetails, SellerProfile
from invoices.tax import Sums, Treatment
from plans import billing, lots, subscriptions
from plans.models import CreditLot, Currency, PlanVersion
from plans.wording import say_amount

# What an order brings about when it is completed, in that transaction; the lot that it loads.
Effect = Callable[[Order, datetime], CreditLot | None]


NO_SELLER = (
    "Nothing is sold here yet: whoever runs this console has to complete the seller profile first."
)
NO_DETAILS = "The billing details of this workspace are missing; nothing could be invoiced."


class NotOrdered(ValueError):
    """No order was placed; the message says why."""


class DetailsMissing(NotOrdered):
    """No order was placed: the workspace has to say who is to be invoiced."""


def place(
    *,
    workspace: Workspace,
    type: OrderType,
    buyer: User | None,
    net: Decimal,
    at: datetime,
    key: str,
    method: Method,
    bot: Bot | None = None,
    version: PlanVersion | None = None,
    comments: str = "",
    due_on: date | None = None,
    lines: Sequence[BotLine] = (),
    paid: Sums | None = None,
) -> Order:
    """Place an order, which is then pending; the same key again returns the order that there is.

    ``bot``: None for the credits that all bots share, and of a renewal. ``buyer``: None where the
    workspace itself orders. ``due_on``: of a renewal. ``lines``: of plans; ``net`` is their sum.
    ``paid``: the sums of money that is there already: for it, credits of any amount are sold, also
    under a contract.

    Raises:
        NotOrdered: credits of this amount are not sold here, it could not be invoiced, or the key
            is that of another order.
    """
    with in_workspace(workspace.pk):
        billing.lock(workspace=workspace, at=at)
        orders = Order.objects.for_workspace(workspace)
        placed = orders.filter(key=key).first()
        if placed:
            if (placed.type, placed.net, placed.bot_id) != (type, net, bot.pk if bot else None):
                raise NotOrdered(f"{placed} was placed from this page for something else.")
            return placed
        currency = find_currency(workspace)
        if type in OF_CREDITS and paid is None:
            check_contract(workspace=workspace, at=at)
            if not currency.top_up_from <= net <= currency.top_up_to:
                raise NotOrdered(say_range(currency))
        treatment = find_treatment(workspace)
        sums = paid or tax.work_out(net=net, rate=treatment.rate, decimals=currency.decimals)
        order = Order.objects.create(
            workspace=workspace,
            number=(orders.aggregate(last=Max("number"))["last"] or 0) + 1,
            key=key,
            type=type,
            net=sums.net,
            tax=sums.tax,
            gross=sums.gross,
            currency=currency,
            tax_category=treatment.category.value,
            tax_rate=treatment.rate,
            tax_code=treatment.code,
            tax_reason=treatment.reason,
            buyer=buyer,
            comments=comments,
            method=method,
            bot=bot,
            version=version,
            due_on=due_on,
            created_at=at,
        )
        order_lines.keep(order=order, lines=lines)
        audit.record("order.placed", workspace=workspace, target=str(order), after=describe(order))
    return order


def find_parties(workspace: Workspace) -> tuple[SellerProfile, BillingDetails]:
    """Return who sells and who is invoiced; without both nothing is ordered or paid.

    Source: product doc, "Billing details".

    Raises:
        DetailsMissing: the workspace has no billing details.
        NotOrdered: there is no seller profile.
    """
    profile = seller.find()
    if profile is None:
        raise NotOrdered(NO_SELLER)
    details = billing_details.find(workspace)
    if details is None:
        raise DetailsMissing(NO_DETAILS)
    return profile, details


def find_treatment(workspace: Workspace) -> Treatment:
    """Return how what a workspace orders now is taxed.

    Raises:
        NotOrdered: it could not be invoiced, or tax is due in another currency than the seller's.
    """
    profile, details = find_parties(workspace)
    treatment = tax.find_treatment(seller=profile.taxed_as, buyer=details.taxed_as)
    try:
        tax.check_currency(treatment, seller=profile.taxed_as, currency=workspace.currency)
    except tax.NotTaxable as error:
        raise NotOrdered(str(error)) from None
    return treatment


def find_currency(workspace: Workspace) -> Currency:
    """Return the currency of a workspace with its limits.

    Raises:
        NotOrdered: the catalog does not have it.
    """
    currency = Currency.objects.filter(code=workspace.currency).first()
    if currency is None:
        raise NotOrdered(f"Nothing is sold in {workspace.currency} here.")
    return currency


def say_range(currency: Currency) -> str:
    """Return in words which amounts of credits are sold at a time."""
    least = say_amount(currency.top_up_from, currency)
    most = say_amount(currency.top_up_to, currency)
    return f"Credits are sold from {least} to {most} at a time."


def check_contract(*, workspace: Workspace, at: datetime) -> None:
    """Sell no credits where a contract holds.

    Raises:
        NotOrdered: it does.
    """
    today = read_calendar(workspace).day_of(at)
    if subscriptions.has_contract(workspace=workspace, today=today):
        raise NotOrdered("A contract holds for this workspace; it needs no credits.")


def complete(*, order: Order, at: datetime, method: Method | None = None) -> bool:
    """Complete an order whose money is there: bring about what was ordered, once, and invoice it.

    From every open status, and from failed and canceled. False: it was completed before.
    ``method``: by which it was paid in the end, where that is known.
    """
    with in_workspace(order.workspace_id):
        lock(order)
        if order.status in PAID:
            return False
        effect = EFFECTS.get(OrderType(order.type))
        order.lot = effect(order, at) if effect else None
        order.completed_at = at
        order.method = method or order.method
        save_move(order, to=OrderStatus.COMPLETED)
        mails.tell_completed(order, at=at)
        documents.issue_for(order=order, at=at)
        paybacks.owe_earlier(order=order, at=at)
    return True


def hold(*, order: Order) -> bool:
    """Note that the payment of an order is in review; False: the order is past that."""
    return move(order=order, to=OrderStatus.IN_REVIEW)


def fail(*, order: Order) -> bool:
    """Note that an order was not paid; False: it is not open. Auto-reload is switched off by it."""
    with in_workspace(order.workspace_id):
        failed = move(order=order, to=OrderStatus.FAILED)
        if failed:
            auto_reload.stop_after_failure(order=order)
    return failed


def cancel(*, order: Order) -> bool:
    """Cancel an order that is open; False: it is not, or a renewal, which stays owed."""
    return order.type != OrderType.RENEWAL and move(order=order, to=OrderStatus.CANCELED)


def try_again(*, order: Order) -> bool:
    """Have a failed renewal wait for its payment again; False: it did not fail, or is none."""
    return order.type == OrderType.RENEWAL and move(order=order, to=OrderStatus.PENDING)


def move(*, order: Order, to: OrderStatus) -> bool:
    """Move an order where there is such a move from its status; False: there is none."""
    with in_workspace(order.workspace_id):
        lock(order)
        if to not in MOVES[OrderStatus(order.status)]:
            return False
        save_move(order, to=to)
    return True


def lock(order: Order) -> None:
    """Have nobody else move an order, and read it anew."""
    billing.lock(workspace=order.workspace)
    order.refresh_from_db(fields=["status", "method", "lot", "completed_at"])


def save_move(order: Order, *, to: OrderStatus) -> None:
    """Store the new status of an order that is locked."""
    before, order.status = order.status, to
    order.save(update_fields=["status", "method", "lot", "completed_at"])
    audit.record(
        f"order.{to.value}",
        workspace=order.workspace,
        target=str(order),
        before={"status": before},
        after={"status": to.value},
    )


def load_credits(order: Order, at: datetime) -> CreditLot:
    """Load the credits of an order; as every effect it runs once, in the completing transaction."""
    return lots.add_bought(
        workspace=order.workspace,
        net=order.net,
        tax=order.tax,
        at=at,
        key=f"order:{order.number}",
        bot=order.bot,
        reason=f"Order {order}",
    )


EFFECTS: dict[OrderType, Effect] = {
    OrderType.CREDIT_PURCHASE: load_credits,
    OrderType.AUTO_RELOAD: load_credits,
}


def register(type: OrderType, effect: Effect) -> None:
    """Say what completing an order of a type brings about, for modules that build on this one."""
    EFFECTS[type] = effect


def describe(order: Order) -> dict[str, object]:
    """Return what was ordered as the audit log has it."""
    return {
        "type": order.type,
        "net": order.net,
        "tax": order.tax,
        "tax_category": order.tax_category,
        "tax_rate": order.tax_rate,
        "currency": order.currency_id,
        "bot": order.bot.key if order.bot else None,
        "method": order.method,
        "comments": order.comments,
    }
