"""Wire transfer: the buyer has their bank send the money, and an operator notes that it came.

The order is pending until then. No bank is asked: what came is noted by hand (transfers.py).
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from django.urls import reverse
from stdnum import iso11649
from stdnum.exceptions import ValidationError
from stdnum.iso7064 import mod_97_10

from invoices import seller
from invoices.models import OWED, Method, Order, Payment, PaymentStatus
from invoices.providers import Answer, ByHand, RefundAnswer
from plans.models import Currency

PREFIX = "RF"
DIGITS = 8  # at least, of the number in a reference
OURS = re.compile(rf"{PREFIX}[0-9]{{2}}([0-9]{{{DIGITS},19}})")
ON_ITS_WAY = timedelta(days=7)  # so long a transfer that was begun may take


class Mistyped(ValueError):
    """This is no reference of a wire; the message says so in a sentence."""


class Wire:
    """Wire transfer as payments see it."""

    def open_page(self, payment: Payment, *, return_to: str) -> str:
        """Return the address of the page that says where to send the money."""
        order = payment.order
        return reverse("invoices:wire", args=[order.workspace.slug, order.number])

    def charge(self, payment: Payment) -> Answer | None:
        """Decline: nobody but the buyer has their bank send money."""
        return Answer(payment.reference, PaymentStatus.DECLINED)

    def refund(self, payment: Payment, *, gross: Decimal, key: str) -> RefundAnswer:
        """Leave it to whoever runs the installation.

        Raises:
            ByHand: always.
        """
        raise ByHand("Money that came by wire transfer is sent back by hand.")


@dataclass(frozen=True)
class Instructions:
    """What the buyer gives their bank; ``account``: an IBAN, or a number where there is none."""

    payee: str
    bank: str
    account: str
    bic: str
    amount: Decimal
    currency: Currency
    reference: str

    @property
    def is_iban(self) -> bool:
        """Tell whether the account is named by an IBAN."""
        return self.account[:2].isalpha()


def is_offered() -> bool:
    """Tell whether the seller has a bank account."""
    profile = seller.find()
    return profile is not None and bool(profile.bank_account)


def write_reference(payment: Payment) -> str:
    """Return what is to be written on the transfer: ISO 11649, of the payment's number.

    Unique in the installation. Its check digits find every digit that is mistyped, and any two that
    change places.
    """
    number = f"{payment.pk:0{DIGITS}d}"
    return f"{PREFIX}{mod_97_10.calc_check_digits(number + PREFIX)}{number}"


def read_reference(text: str) -> int:
    """Return the number of the payment that a reference names, typed with spaces or without.

    Raises:
        Mistyped: its check digits do not fit, or it is none of this console's.
    """
    typed = iso11649.compact(text)
    try:
        iso11649.validate(typed)
    except ValidationError:
        raise Mistyped(
            "The check digits of this reference do not fit. Look for a digit that is mistyped."
        ) from None
    if found := OURS.fullmatch(typed):
        return int(found[1])
    raise Mistyped("This is a creditor reference, but none of this console's.")


def find_pending(order: Order) -> Payment | None:
    """Return the wire by which an order may still be paid; None: none was begun, or it is over."""
    if order.status not in OWED:
        return None
    wires = Payment.objects.for_workspace(order.workspace).filter(order=order, method=Method.WIRE)
    return wires.filter(status=PaymentStatus.STARTED).order_by("-pk").first()


def find_instructions(order: Order) -> Instructions | None:
    """Return where the money for an order is to be sent; None: no wire of it is pending."""
    pending, profile = find_pending(order), seller.find()
    if pending is None or profile is None:
        return None
    return Instructions(
        payee=profile.legal_name,
        bank=profile.bank_name,
        account=profile.bank_account,
        bic=profile.bic,
        amount=order.gross,
        currency=order.currency,
        reference=write_reference(pending),
    )
