"""What a provider of payments is: the interface that payments use, and each provider has."""

from dataclasses import dataclass
from typing import Protocol

from invoices.models import Payment, PaymentStatus


@dataclass(frozen=True)
class Answer:
    """What a provider says of a payment.

    ``saved_reference``: what it calls the method that it kept; empty: it kept none.
    """

    reference: str
    status: PaymentStatus
    saved_reference: str = ""
    saved_label: str = ""


@dataclass(frozen=True)
class Places:
    """Where a hosted page leads back to, and the address to which its provider sends the answer."""

    return_to: str
    notify: str


class Provider(Protocol):
    """Whoever takes the money of a method."""

    def open_page(self, payment: Payment, *, places: Places) -> str:
        """Return the address of the page on which the buyer pays."""

    def charge(self, payment: Payment) -> Answer | None:
        """Charge the saved method of a payment; None: the answer comes later.

        Asked again for the same reference it charges no second time.
        """
