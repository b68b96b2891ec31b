"""What Stripe tells the console from server to server: its events, signed, in any order.

Stripe sends an event until it is answered by 2xx, for three days, so all of this may run twice.
"""

import logging
import time
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
import stripe
from django.conf import settings

from accounts import audit
from invoices import keepers, payments
from invoices.models import PaymentStatus
from invoices.providers import Answer, Paid, SetupAnswer
from invoices.stripe_amounts import from_minor
from invoices.stripe_payments import ABOUT, CHARGE, PAYMENT, SETUP, Stripe

logger = logging.getLogger(__name__)

SIGNATURE = "Stripe-Signature"
TOLERANCE = timedelta(minutes=5)  # so far our clock and Stripe's may be apart
LARGEST = 256 * 1024  # bytes; theirs have a few thousand
STATUSES = {
    "checkout.session.completed": PaymentStatus.ACCEPTED,
    "checkout.session.async_payment_succeeded": PaymentStatus.ACCEPTED,
    "checkout.session.async_payment_failed": PaymentStatus.DECLINED,
    "checkout.session.expired": PaymentStatus.CANCELED,
    "payment_intent.succeeded": PaymentStatus.ACCEPTED,
    "payment_intent.payment_failed": PaymentStatus.DECLINED,
}


class Refused(ValueError):
    """An event is not Stripe's, too old, or not what it is to be; the message says why."""


class Subject(msgspec.Struct):
    """What an event is about: a session of a page, or a payment that was charged."""

    id: str
    metadata: dict[str, str] | None = None
    payment_status: str | None = None
    payment_intent: str | None = None
    setup_intent: str | None = None
    amount_total: int | None = None
    amount_received: int | None = None
    currency: str | None = None

    def says(self, name: str) -> str:
        """Return a word of its metadata; empty: there is none."""
        return (self.metadata or {}).get(name, "")


class Data(msgspec.Struct):
    """Where an event has its subject, read once it is known what the event is."""

    object: msgspec.Raw


class Event(msgspec.Struct):
    """Something that happened at Stripe."""

    id: str
    type: str
    livemode: bool
    data: Data


def read(body: bytes, *, signature: str) -> Event:
    """Return an event that Stripe signed by one of the secrets, and just now.

    Raises:
        Refused: it did not, or the body is no event.
    """
    check(body, signature=signature, secrets=settings.STRIPE_WEBHOOK_SECRETS)
    try:
        return msgspec.json.decode(body, type=Event)
    except msgspec.MsgspecError as error:
        raise Refused("The body is no event.") from error


def check(body: bytes, *, signature: str, secrets: Sequence[str]) -> None:
    """Let through what was signed by any of the secrets at most five minutes ago, or ahead.

    Raises:
        Refused: it was not.
    """
    if not signature.isascii():
        raise Refused("The signature is none.")
    reason = "There is no secret."
    for secret in secrets:
        try:
            stripe.WebhookSignature.verify_header(
                body, signature, secret, int(TOLERANCE.total_seconds())
            )
        except stripe.SignatureVerificationError as error:
            reason = error.user_message or "The signature is none."
        except UnicodeDecodeError:
            raise Refused("The body is no text.") from None
        else:
            break
    else:
        raise Refused(reason)
    # The library refuses what is too old only.
    if read_time(signature) > time.time() + TOLERANCE.total_seconds():
        raise Refused("Timestamp ahead of the tolerance zone")


def read_time(signature: str) -> int:
    """Return when a signature that was verified says that it was made; the first word counts."""
    return int(next(part[2:] for part in signature.split(",") if part.startswith("t=")))


def take(event: Event, *, at: datetime) -> bool:
    """Do what an event calls for; False: nothing, it is of no concern here or was known.

    Raises:
        Refused: it is not what Stripe documents.
        ProviderDown: Stripe does not say which card was saved; it is to send the event again.
    """
    if event.type not in STATUSES:
        return False
    if event.livemode != ("_live_" in settings.STRIPE_SECRET_KEY):
        logger.warning("Stripe's event %s is of the other mode than the key", event.id)
        return False
    try:
        subject = msgspec.json.decode(event.data.object, type=Subject)
    except msgspec.MsgspecError as error:
        raise Refused("The event is not as it is documented.") from error
    about, of_page = subject.says(ABOUT), event.type.startswith("checkout.")
    if about not in ((PAYMENT, SETUP) if of_page else (CHARGE,)):
        return False  # of another program, or what the event of the page says as well
    workspace = subject.says("workspace")
    if not (workspace.isdecimal() and len(workspace) < 19):
        raise Refused("The event names no workspace.")
    try:
        if about == SETUP:
            return take_setup(event, subject, workspace_id=int(workspace), at=at)
        return take_payment(event, subject, workspace_id=int(workspace), at=at)
    except (payments.UnknownPayment, keepers.UnknownSetup) as error:
        # Sent again it would be as unknown: of another installation, or lost with a database.
        logger.warning("Stripe's event %s is of an unknown payment: %s", event.id, error)
        audit.record_refused(
            "payment.answer_unknown", workspace_id=None, reason=str(error), target=event.id
        )
        return False


def take_payment(event: Event, subject: Subject, *, workspace_id: int, at: datetime) -> bool:
    """Note what an event says of a payment, then keep its card where the buyer agreed to that.

    The money comes first: where Stripe does not say which card it was, it sends the event again.
    """
    answer = read_answer(event, subject)
    changed = payments.take_answer(workspace_id=workspace_id, answer=answer, at=at)
    if answer.status != PaymentStatus.ACCEPTED or not subject.payment_intent:
        return changed
    wanted = payments.wants_method(workspace_id=workspace_id, reference=answer.reference)
    kept = Stripe().find_paid_by(subject.payment_intent) if wanted else None
    if kept:
        payments.add_method(
            workspace_id=workspace_id,
            reference=answer.reference,
            saved_reference=kept.reference,
            label=kept.label,
            until=kept.until,
        )
    return changed


def read_answer(event: Event, subject: Subject) -> Answer:
    """Return what an event says of a payment.

    Raises:
        Refused: it says that something was paid, but not how much.
    """
    status = STATUSES[event.type]
    if subject.payment_status == "unpaid" and status == PaymentStatus.ACCEPTED:
        status = PaymentStatus.IN_REVIEW  # a method that takes days
    is_page = event.type.startswith("checkout.")
    paid = None
    if status == PaymentStatus.ACCEPTED:
        units = subject.amount_total if is_page else subject.amount_received
        if units is None or not subject.currency:
            raise Refused("The event does not say what was paid.")
        paid = Paid(from_minor(units, subject.currency), subject.currency.upper())
    return Answer(
        subject.says("reference"),
        status,
        provider_reference=(subject.payment_intent or "") if is_page else subject.id,
        paid=paid,
    )


def take_setup(event: Event, subject: Subject, *, workspace_id: int, at: datetime) -> bool:
    """Note how a setup went, and keep the card that came of it."""
    kept = None
    if subject.setup_intent and STATUSES[event.type] == PaymentStatus.ACCEPTED:
        kept = Stripe().find_set_up(subject.setup_intent)
    answer = SetupAnswer(subject.says("reference"), *(kept or ()))
    return keepers.take_answer(workspace_id=workspace_id, answer=answer, at=at)
