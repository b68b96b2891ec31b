"""Billing details: who is invoiced for a workspace."""

from datetime import datetime
from typing import Any

from accounts import audit
from accounts.models import Workspace
from accounts.tenancy import in_workspace
from invoices.models import Order, OrderType
from invoices.parties import BillingDetails
from plans import billing

FIELDS = (
    "legal_name", "street", "postal_code", "city", "region", "country", "vat_id",
    "purchase_order", "recipients",
)  # fmt: skip
TAXED_BY = {"country", "vat_id"}


class NotChanged(ValueError):
    """The details stay as they are; the message says why."""


def find(workspace: Workspace) -> BillingDetails | None:
    """Return who is invoiced for a workspace; None: nobody has said so yet."""
    with in_workspace(workspace.pk):
        return BillingDetails.objects.for_workspace(workspace).first()


def change(*, workspace: Workspace, at: datetime, **values: Any) -> bool:
    """Say who is invoiced for a workspace; False: it is as it was.

    ``values``: all `FIELDS`, checked by the form. Documents that there are stay as they are.

    Raises:
        NotChanged: an order that waits for its payment is taxed by the country or VAT id so far.
    """
    with in_workspace(workspace.pk):
        billing.lock(workspace=workspace, at=at)
        details = find(workspace)
        before = describe(details) if details else {}
        changed = {name for name, value in values.items() if before.get(name) != value}
        if not changed:
            return False
        if details and changed & TAXED_BY:
            check_open_orders(workspace)
        BillingDetails.objects.update_or_create(workspace=workspace, defaults=values)
        audit.record(
            "billing_details.changed",
            workspace=workspace,
            target=workspace.slug,
            before={name: before[name] for name in FIELDS if name in changed and name in before},
            after={name: values[name] for name in FIELDS if name in changed},
        )
    return True


def check_open_orders(workspace: Workspace) -> None:
    """Keep what orders are taxed by until they are invoiced; renewals are when they are placed.

    Raises:
        NotChanged: one waits for its payment.
    """
    waiting = Order.objects.for_workspace(workspace).open().exclude(type=OrderType.RENEWAL)
    if order := waiting.order_by("number").first():
        raise NotChanged(
            f"{order} waits for its payment and is taxed by the country and VAT id so far."
            " Pay or cancel it first, then change them."
        )


def describe(details: BillingDetails) -> dict[str, Any]:
    """Return the details by their fields."""
    return {name: getattr(details, name) for name in FIELDS}
