"""Stripe as a provider of payments, by its official library; docs/payments.md says more.

Buyers pay on a page that Stripe hosts, so no card's number ever reaches the console. What we call
a payment is the key that makes Stripe do everything once, and stands in what it tells us later.
"""

from datetime import UTC, timedelta
from decimal import Decimal

import stripe
from django.conf import settings
from stripe.params.checkout import SessionCreateParams

from invoices.models import MethodSetup, Payment, PaymentStatus, SavedMethod
from invoices.providers import (
    Answer,
    Paid,
    ProviderDown,
    RefundAnswer,
    RefundStatus,
)
from invoices.stripe_amounts import from_minor, to_minor
from invoices.stripe_api import KeptCard, connect, note, read_method, says

CLOCKS_DIFFER = timedelta(minutes=10)
# What metadata says: what it is about, so that nothing else of the same account is taken for ours.
ABOUT = "billing_console"
PAYMENT, CHARGE, SETUP = "payment", "charge", "setup"
# Of a charge; what else there is needs the buyer, who is not there.
CHARGED = {
    "succeeded": PaymentStatus.ACCEPTED,
    "processing": PaymentStatus.IN_REVIEW,
    "requires_capture": PaymentStatus.IN_REVIEW,
}
NOT_SENT = ("failed", "canceled")
DOWN = "Stripe does not answer at the moment. Try again in a few minutes."


def is_offered() -> bool:
    """Tell whether the installation has what Stripe needs: a key, and a secret of its events."""
    return bool(settings.STRIPE_SECRET_KEY and settings.STRIPE_WEBHOOK_SECRETS)


class Stripe:
    """Stripe as payments see it."""

    @property
    def api(self) -> "stripe.V1Services":
        """The operations of its API."""
        return connect(key=settings.STRIPE_SECRET_KEY, address=settings.STRIPE_API_ADDRESS).v1

    def open_page(self, payment: Payment, *, return_to: str) -> str:
        """Return the address of the page for one payment; Stripe closes it after a day.

        Only cards are saved. Each gets a customer of its own, so that nobody is shown the card of
        somebody else in the workspace.
        """
        order = payment.order
        about = describe(payment, kind=PAYMENT)
        currency = order.currency_id
        params: SessionCreateParams = {
            "mode": "payment",
            "client_reference_id": payment.reference,
            "metadata": about,
            "line_items": [
                {
                    "quantity": 1,
                    "price_data": {
                        "currency": currency.lower(),
                        "unit_amount": to_minor(order.gross, currency),
                        "product_data": {"name": f"Order {order}"},
                    },
                }
            ],
            "payment_intent_data": {"description": f"Order {order}", "metadata": about},
        }
        if payment.consent:
            params["allowed_payment_method_types"] = ["card"]
            params["customer_creation"] = "always"
            params["payment_intent_data"]["setup_future_usage"] = "off_session"
        return self.open_session(params, key=payment.reference, return_to=return_to)

    def open_setup(self, setup: MethodSetup, *, return_to: str) -> str:
        """Return the address of the page on which a card is saved; Stripe closes it after a day."""
        about = {ABOUT: SETUP, "workspace": str(setup.workspace_id), "reference": setup.reference}
        params: SessionCreateParams = {
            "mode": "setup",
            "client_reference_id": setup.reference,
            "metadata": about,
            "allowed_payment_method_types": ["card"],
            "customer_creation": "always",
            "setup_intent_data": {"metadata": about},
        }
        return self.open_session(params, key=setup.reference, return_to=return_to)

    def open_session(self, params: SessionCreateParams, *, key: str, return_to: str) -> str:
        """Return the address of a page of Stripe's; for the same key it is the same.

        Raises:
            ProviderDown: there is none now.
        """
        back = f"{settings.PUBLIC_ADDRESS}{return_to}"
        params |= {"success_url": back, "cancel_url": back}
        try:
            session = self.api.checkout.sessions.create(params, {"idempotency_key": key})
        except stripe.InvalidRequestError as error:  # such as a sum that is too small for it
            note(error, doing="open a page")
            raise ProviderDown(f"Stripe refuses it: {error.user_message}") from None
        except stripe.StripeError as error:
            note(error, doing="open a page")
            raise ProviderDown(DOWN) from None
        if not session.url:
            raise ProviderDown("This page of Stripe is closed. Order again.")
        return session.url

    def charge(self, payment: Payment) -> Answer | None:
        """Charge a saved card without its owner; None: Stripe did not say yet how it went.

        A bank that asks for its owner declines: a person has to pay. Stripe forgets a key after a
        day, so whoever asks again looks first for what came of it.
        """
        if payment.saved_method is None:
            raise ValueError("only a saved method is charged without the buyer")
        try:
            intent = self.find_charge(payment) if payment.asked_at else None
            intent = intent or self.create_charge(payment)
        except (stripe.CardError, stripe.InvalidRequestError) as error:
            note(error, doing=f"charge {payment.reference}")
            return Answer(payment.reference, PaymentStatus.DECLINED)
        except stripe.StripeError as error:
            note(error, doing=f"charge {payment.reference}")
            return None
        status = CHARGED.get(intent.status, PaymentStatus.DECLINED)
        paid = Paid(from_minor(intent.amount_received, intent.currency), intent.currency.upper())
        return Answer(
            payment.reference,
            status,
            provider_reference=intent.id,
            paid=paid if status == PaymentStatus.ACCEPTED else None,
        )

    def find_charge(self, payment: Payment) -> stripe.PaymentIntent | None:
        """Return what came of a charge that was asked for before; None: nothing."""
        customer, _ = split(payment.saved_method)
        since = int((payment.started_at.astimezone(UTC) - CLOCKS_DIFFER).timestamp())
        intents = self.api.payment_intents.list(
            {"customer": customer, "created": {"gte": since}, "limit": 100}
        )
        for intent in intents.auto_paging_iter():
            if says(intent.metadata, "reference") == payment.reference:
                return intent
        return None

    def create_charge(self, payment: Payment) -> stripe.PaymentIntent:
        """Ask for a charge, once."""
        order = payment.order
        customer, method = split(payment.saved_method)
        return self.api.payment_intents.create(
            {
                "amount": to_minor(order.gross, order.currency_id),
                "currency": order.currency_id.lower(),
                "customer": customer,
                "payment_method": method,
                "allowed_payment_method_types": ["card"],
                "off_session": True,
                "confirm": True,
                "error_on_requires_action": True,
                "description": f"Order {order}",
                "metadata": describe(payment, kind=CHARGE),
            },
            {"idempotency_key": payment.reference},
        )

    def refund(self, payment: Payment, *, gross: Decimal, key: str) -> RefundAnswer:
        """Send money back the way it came. Stripe forgets a key after a day: see `charge`."""
        if not payment.provider_reference:
            return RefundAnswer(RefundStatus.REFUSED, "Stripe never said that it was paid this.")
        about = {ABOUT: "refund", "workspace": str(payment.workspace_id), "key": key}
        try:
            sent = self.api.refunds.list(
                {"payment_intent": payment.provider_reference, "limit": 100}
            )
            known = (one for one in sent.auto_paging_iter() if says(one.metadata, "key") == key)
            refund = next(known, None) or self.api.refunds.create(
                {
                    "payment_intent": payment.provider_reference,
                    "amount": to_minor(gross, payment.order.currency_id),
                    "metadata": about,
                },
                {"idempotency_key": f"refund:{payment.workspace_id}:{key}"},
            )
        except (stripe.CardError, stripe.InvalidRequestError) as error:
            note(error, doing=f"refund {payment.reference}")
            return RefundAnswer(RefundStatus.REFUSED, error.user_message or "Stripe refuses it.")
        except stripe.StripeError as error:
            note(error, doing=f"refund {payment.reference}")
            raise ProviderDown(DOWN) from None
        if refund.status in NOT_SENT:
            return RefundAnswer(RefundStatus.REFUSED, "Stripe could not send this refund.")
        return RefundAnswer(RefundStatus.SENT)

    def forget(self, saved: SavedMethod) -> None:
        """Detach a card from its customer, so that nobody can charge it any more."""
        _, method = split(saved)
        try:
            self.api.payment_methods.detach(method)
        except stripe.InvalidRequestError as error:  # it is detached already, or gone
            note(error, doing=f"detach saved method {saved.pk}")
        except stripe.StripeError as error:
            note(error, doing=f"detach saved method {saved.pk}")
            raise ProviderDown(DOWN) from None

    def find_paid_by(self, intent: str) -> KeptCard | None:
        """Return the card that a payment saved; None: it saved none.

        Raises:
            ProviderDown: ask again.
        """
        try:
            found = self.api.payment_intents.retrieve(intent, {"expand": ["payment_method"]})
        except stripe.StripeError as error:
            note(error, doing="say which card was saved")
            raise ProviderDown(DOWN) from None
        return read_method(found)

    def find_set_up(self, intent: str) -> KeptCard | None:
        """Return the card that a setup saved; None: it saved none.

        Raises:
            ProviderDown: ask again.
        """
        try:
            found = self.api.setup_intents.retrieve(intent, {"expand": ["payment_method"]})
        except stripe.StripeError as error:
            note(error, doing="say which card was saved")
            raise ProviderDown(DOWN) from None
        return read_method(found)


def describe(payment: Payment, *, kind: str) -> dict[str, str]:
    """Return what Stripe keeps beside a payment and tells us with its events."""
    return {
        ABOUT: kind,
        "workspace": str(payment.workspace_id),
        "reference": payment.reference,
        "order": str(payment.order),
    }


def split(saved: SavedMethod | None) -> tuple[str, str]:
    """Return the customer and the payment method that the reference of a saved card names."""
    if saved is None:
        raise ValueError("there is no saved method")
    customer, _, method = saved.reference.partition("/")
    return customer, method
