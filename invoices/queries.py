"""What pages read of orders."""

from collections import defaultdict
from collections.abc import Collection

from accounts.models import Membership
from invoices.models import Order, OrderLine


def list_unpaid(membership: Membership) -> list[Order]:
    """Return the orders a person sees that wait for payment or review, the oldest first.

    Renewals whose payment failed are among them: they are owed.
    """
    orders = Order.objects.for_workspace(membership.workspace_id).visible_to(membership)
    unpaid = orders.open() | orders.owed()
    return list(unpaid.select_related("currency").order_by("number"))


def find_bots(membership: Membership, orders: Collection[Order]) -> defaultdict[int, list[int]]:
    """Return by order the bots of its lines."""
    lines = OrderLine.objects.for_workspace(membership.workspace_id).filter(order__in=orders)
    found: defaultdict[int, list[int]] = defaultdict(list)
    for order, bot in lines.order_by("order", "bot").values_list("order", "bot").distinct():
        found[order].append(bot)
    return found
