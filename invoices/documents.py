"""Documents of completed orders: the one place where an order's invoice is issued."""

from datetime import datetime

from invoices.models import Order


def issue_for(*, order: Order, at: datetime) -> None:
    """Issue the invoice of an order in the transaction that completes it.

    It does nothing: invoices need the seller's profile and the billing details, which the console
    does not have yet.
    """
