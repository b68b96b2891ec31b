"""What pages read of orders."""

from accounts.models import Workspace
from invoices.models import Order


def list_open_orders(workspace: Workspace) -> list[Order]:
    """Return the orders that wait for their payment or its review, the oldest first."""
    orders = Order.objects.for_workspace(workspace).open().select_related("currency")
    return list(orders.order_by("number"))
