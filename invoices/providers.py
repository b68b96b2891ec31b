"""What a provider of payments is: the interface that payments use, and each provider has."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from django.db import models

from invoices.models import Payment, PaymentStatus


class ProviderDown(Exception):
    """A provider was not reached, or could not answer; asked again later it may."""


class ByHand(Exception):
    """A provider does not do this: whoever runs the installation does it by hand."""


@dataclass(frozen=True)
class Answer:
    """What a provider says of a payment.

    ``saved_reference``: what it calls the method that it kept; empty: it kept none.
    """

    reference: str
    status: PaymentStatus
    saved_reference: str = ""
    saved_label: str = ""


class RefundStatus(models.TextChoices):
    """What a provider says to a refund."""

    SENT = "sent", "Sent"
    REFUSED = "refused", "Refused"


@dataclass(frozen=True)
class RefundAnswer:
    """What a provider says to a refund; ``reason``: the sentence in which it refuses."""

    status: RefundStatus
    reason: str = ""


class Provider(Protocol):
    """Whoever takes the money of a method."""

    def open_page(self, payment: Payment, *, return_to: str) -> str:
        """Return the address of the page on which the buyer pays, and which leads back."""

    def charge(self, payment: Payment) -> Answer | None:
        """Charge the saved method of a payment; None: the answer comes later.

        Asked again for the same reference it charges no second time.
        """

    def refund(self, payment: Payment, *, gross: Decimal, key: str) -> RefundAnswer:
        """Send back a part of an accepted payment, or all of it, in the currency of its order.

        Asked again with the same ``key`` it sends nothing a second time. Not in a transaction of
        the caller's: a provider takes its time.

        Raises:
            ByHand: it sends no money back by itself.
            ProviderDown: whether it was sent is not known; ask again with the same key.
        """
