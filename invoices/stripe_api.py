"""Stripe's API by its own library: the connection, what is read of its answers, what is logged."""

import logging
from datetime import date
from functools import cache
from typing import NamedTuple

import stripe

from accounts.days import DAY, next_month

logger = logging.getLogger(__name__)

TIMEOUT = (5.0, 20.0)  # seconds: to connect, and between two pieces of an answer
RETRIES = 1


@cache
def connect(*, key: str, address: str) -> stripe.StripeClient:
    """Return a client; its connections stay open, one for each thread."""
    return stripe.StripeClient(
        key,
        base_addresses={"api": address},
        max_network_retries=RETRIES,
        http_client=stripe.RequestsClient(timeout=TIMEOUT),
    )


class KeptCard(NamedTuple):
    """What Stripe keeps: its reference, a label, and the last day on which it can be charged."""

    reference: str
    label: str
    until: date | None


def read_method(intent: stripe.PaymentIntent | stripe.SetupIntent) -> KeptCard | None:
    """Return the payment method of an intent, which is expanded in it."""
    method, customer = intent.payment_method, intent.customer
    if not isinstance(method, stripe.PaymentMethod) or customer is None:
        return None
    owner = customer if isinstance(customer, str) else customer.id
    return KeptCard(f"{owner}/{method.id}", name_method(method), find_expiry(method))


def find_expiry(method: stripe.PaymentMethod) -> date | None:
    """Return the last day of the month that is printed on a card; None: it is no card."""
    card = getattr(method, "card", None)
    if card is None:
        return None
    return next_month(date(card.exp_year, card.exp_month, 1)) - DAY


def name_method(method: stripe.PaymentMethod) -> str:
    """Return what people call a payment method: `Visa ending in 4242, to 08/2027`."""
    card = getattr(method, "card", None)
    if card is None:
        return method.type.replace("_", " ").capitalize()
    brand = card.brand.replace("_", " ").title()
    return f"{brand} ending in {card.last4}, to {card.exp_month:02}/{card.exp_year}"[:80]


def says(metadata: stripe.StripeObject | None, name: str) -> str:
    """Return a word of what we had Stripe keep beside something; empty: it is not there."""
    return str(metadata[name]) if metadata is not None and name in metadata else ""


def note(error: stripe.StripeError, *, doing: str) -> None:
    """Log that Stripe did not do something; not what it said, which may quote what was sent.

    A key that it does not take is for whoever runs this, all else may happen.
    """
    wrong_key = isinstance(error, stripe.AuthenticationError | stripe.PermissionError)
    logger.log(
        logging.ERROR if wrong_key else logging.WARNING,
        "Stripe did not %s: %s, status %s, code %s, request %s",
        doing,
        type(error).__name__,
        error.http_status,
        error.code,
        error.request_id,
    )
