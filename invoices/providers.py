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


class Provider(Protocol):
    """Whoever takes the money of a method."""

    def open_page(self, payment: Payment, *, return_to: str) -> str:
        """Return the address of the page on which the buyer pays, and which leads back."""

    def charge(self, payment: Payment) -> Answer | None:
        """Charge the saved method of a payment; None: the answer comes later.

        Asked again for the same reference it charges no second time.
        """
