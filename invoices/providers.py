"""What a provider of payments is: the interface that payments use, and each provider has."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Protocol, runtime_checkable

from django.db import models

from invoices.models import MethodSetup, Payment, PaymentStatus, SavedMethod


class ProviderDown(Exception):
    """A provider was not reached, or could not answer; asked again later it may."""


class ByHand(Exception):
    """A provider does not do this: whoever runs the installation does it by hand."""


@dataclass(frozen=True)
class Paid:
    """What a provider was paid; ``currency``: as ISO 4217 has it."""

    amount: Decimal
    currency: str


@dataclass(frozen=True)
class Answer:
    """What a provider says of a payment.

    ``saved_reference``: what it calls the method that it kept; empty: it kept none.
    ``saved_until``: the last day on which that can be charged, where it says so.
    ``provider_reference``: what it alone calls the payment, where it does. ``paid``: what it was
    paid, which is to be what the order costs; None: it does not say.
    """

    reference: str
    status: PaymentStatus
    saved_reference: str = ""
    saved_label: str = ""
    provider_reference: str = ""
    paid: Paid | None = None
    saved_until: date | None = None


@dataclass(frozen=True)
class SetupAnswer:
    """What a provider says of a method to be saved; without ``saved_reference`` it kept none.

    ``saved_until``: the last day on which it can be charged, where the provider says so.
    """

    reference: str
    saved_reference: str = ""
    saved_label: str = ""
    saved_until: date | None = None


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
        """Return the address of the page on which the buyer pays, and which leads back.

        Asked again for the same payment it is the same page.

        Raises:
            ProviderDown: try again.
        """

    def charge(self, payment: Payment) -> Answer | None:
        """Charge the saved method of a payment; None: the answer comes later.

        Asked again for the same reference it charges no second time. ``payment.asked_at``: when it
        was asked before.
        """

    def refund(self, payment: Payment, *, gross: Decimal, key: str) -> RefundAnswer:
        """Send back a part of an accepted payment, or all of it, in the currency of its order.

        Asked again with the same ``key`` it sends nothing a second time. Not in a transaction of
        the caller's: a provider takes its time.

        Raises:
            ByHand: it sends no money back by itself.
            ProviderDown: whether it was sent is not known; ask again with the same key.
        """


@runtime_checkable
class Keeper(Protocol):
    """A provider that saves methods without a purchase, and forgets saved ones."""

    def open_setup(self, setup: MethodSetup, *, return_to: str) -> str:
        """Return the address of the page on which a method is entered, and which leads back.

        Raises:
            ProviderDown: try again.
        """

    def forget(self, saved: SavedMethod) -> None:
        """Keep a method no longer; one that is forgotten already is none to fail for.

        Raises:
            ProviderDown: ask again.
        """
