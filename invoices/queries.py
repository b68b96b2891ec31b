"""What pages read of orders."""

from accounts.models import Membership
from invoices.models import Order


def list_open_orders(membership: Membership) -> list[Order]:
    """Return the orders a person sees that wait for their payment or its review, oldest first."""
    orders = Order.objects.for_workspace(membership.workspace_id).visible_to(membership)
    return list(orders.open().select_related("currency").order_by("number"))
