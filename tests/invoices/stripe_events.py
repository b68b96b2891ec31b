"""Events of Stripe for tests: about payments and setups of the console."""

from typing import Any

from invoices.models import MethodSetup, Payment
from tests.invoices.stripe_server import Json, event


def about(thing: Payment | MethodSetup, kind: str) -> dict[str, str]:
    """Return the metadata by which Stripe names a payment or setup of ours."""
    return {
        "billing_console": kind,
        "workspace": str(thing.workspace_id),
        "reference": thing.reference,
    }


def session(payment: Payment, **values: Any) -> Json:
    """Return the session of a payment's page, paid as asked for."""
    return {
        "id": "cs_test_1",
        "object": "checkout.session",
        "mode": "payment",
        "status": "complete",
        "payment_status": "paid",
        "client_reference_id": payment.reference,
        "amount_total": int(payment.order.gross * 100),
        "currency": payment.order.currency_id.lower(),
        "customer": None,
        "payment_intent": "pi_1",
        "setup_intent": None,
        "metadata": about(payment, "payment"),
        **values,
    }


def completed(payment: Payment, **values: Any) -> str:
    """Return the event of a page on which was paid."""
    return event("checkout.session.completed", session(payment, **values))


def set_up(setup: MethodSetup, *, type: str = "checkout.session.completed", **values: Any) -> str:
    """Return the event of a page on which a card was saved."""
    subject = {
        "id": "cs_test_2",
        "object": "checkout.session",
        "mode": "setup",
        "payment_status": "no_payment_required",
        "client_reference_id": setup.reference,
        "amount_total": None,
        "currency": None,
        "customer": "cus_1",
        "payment_intent": None,
        "setup_intent": "seti_1",
        "metadata": about(setup, "setup"),
    }
    return event(type, subject | values)


def charged(payment: Payment, *, type: str = "payment_intent.succeeded", **values: Any) -> str:
    """Return the event of a saved card that was charged."""
    subject = {
        "id": "pi_1",
        "object": "payment_intent",
        "status": "succeeded",
        "amount": int(payment.order.gross * 100),
        "amount_received": int(payment.order.gross * 100),
        "currency": payment.order.currency_id.lower(),
        "customer": "cus_1",
        "payment_method": "pm_1",
        "metadata": about(payment, "charge"),
    }
    return event(type, subject | values)
