"""What operators read of wires, over all workspaces, as the role `console_operator`."""

import re

from django.db import models
from django.db.models import Prefetch, Q, QuerySet

from invoices import wire
from invoices.models import OWED, PAID, Method, Order, Outcome, Payment, PaymentStatus, Transfer

ALIAS = "operator"
NUMBER = re.compile(r"(?:O-)?0*([1-9][0-9]{0,8})", re.IGNORECASE)


class Shown(models.TextChoices):
    """The tabs of the list."""

    PENDING = "pending", "Pending"
    CAME = "came", "Money came"
    SURPLUS = "surplus", "With a surplus"
    ALL = "all", "All"


class WireStatus(models.TextChoices):
    """How a wire stands."""

    PENDING = "pending", "Pending"
    PAID = "paid", "Paid"
    CREDITS = "credits", "Another sum"
    SURPLUS = "surplus", "Surplus"
    OTHERWISE = "otherwise", "Paid otherwise"
    CANCELED = "canceled", "Canceled"


OUTCOMES = {
    Outcome.PAID: WireStatus.PAID,
    Outcome.CREDITS: WireStatus.CREDITS,
    Outcome.SURPLUS: WireStatus.SURPLUS,
}
PENDING = Q(status=PaymentStatus.STARTED, order__status__in=sorted(OWED))
TABS: dict[str, Q] = {
    Shown.PENDING: PENDING,
    Shown.CAME: Q(transfers__isnull=False),
    Shown.SURPLUS: Q(transfers__surplus__gt=0),
    Shown.ALL: Q(),
}


def list_wires(*, shown: str = Shown.ALL, text: str = "") -> QuerySet[Payment]:
    """Return wires with their orders and transfers, the oldest first.

    ``text``: a reference, the number of an order or of its invoice, or part of a workspace's slug
    or name.
    """
    transfers = Transfer.objects.using(ALIAS).select_related("order", "noted_by")
    found = Payment.objects.using(ALIAS).filter(TABS[shown], method=Method.WIRE)
    if text:
        found = found.filter(match(text))
    return (
        found.distinct()
        .select_related("order__workspace", "order__currency", "order__buyer", "order__bot")
        .prefetch_related(Prefetch("transfers", transfers.order_by("number")))
        .order_by("started_at", "pk")
    )


def match(text: str) -> Q:
    """Return which wires a person looks for.

    Raises:
        Mistyped: it begins as a reference does, and is none of this console's.
    """
    if is_reference(text):
        return Q(pk=wire.read_reference(text))
    named = Q(order__workspace__slug__icontains=text) | Q(order__workspace__name__icontains=text)
    named |= Q(order__documents__number__iexact=text.strip())
    if found := NUMBER.fullmatch(text.strip()):
        named |= Q(order__number=int(found[1])) | Q(pk=int(found[1]))
    return named


def is_reference(text: str) -> bool:
    """Tell whether a text begins as a reference does."""
    return bool(re.match(r"\s*RF\s?[0-9]", text, re.IGNORECASE))


def find_status(payment: Payment) -> WireStatus:
    """Return how a wire stands, whose order and transfers were read."""
    if payment.status == PaymentStatus.STARTED and payment.order.status in OWED:
        return WireStatus.PENDING
    if transfers := list(payment.transfers.all()):
        return OUTCOMES[Outcome(transfers[-1].outcome)]
    return WireStatus.OTHERWISE if payment.order.status in PAID else WireStatus.CANCELED


def list_transfers(order: Order) -> list[Transfer]:
    """Return what came with the references of an order's wires; the workspace is admitted."""
    came = Transfer.objects.for_workspace(order.workspace).filter(payment__order=order)
    return list(came.select_related("order").order_by("pk"))
