"""Payments: one interface to the providers, who are asked for money and answer when they like.

A provider may answer twice, late, out of order, or before the browser comes back. What it says is
noted under the lock of the workspace's billing, and moves the order once.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db.models import Q

from accounts import audit
from accounts.models import Workspace
from accounts.tenancy import in_workspace
from invoices import mails, orders, paybacks, sandbox, saved_methods, stripe_payments, wire
from invoices.models import (
    CHARGEABLE,
    OPEN,
    Method,
    Order,
    Payment,
    PaymentStatus,
    SavedMethod,
)
from invoices.providers import Answer, Provider, RefundAnswer
from plans import billing

# What a buyer agrees to who has their method kept; it is stored with the payment, word for word.
CONSENT = (
    "I agree that this payment method is saved and charged without me being present: for the "
    "monthly renewals of this workspace's plans, and whenever an auto-reload that uses it is due, "
    "until that is turned off."
)
FOR_RENEWALS = (CONSENT,)  # of all words that were ever agreed to, those that speak of renewals
ASK_AGAIN = timedelta(minutes=5)  # a provider that was asked to charge and has not answered

PROVIDERS: Mapping[Method, Callable[[], Provider]] = {
    Method.SANDBOX: sandbox.Sandbox,
    Method.STRIPE: stripe_payments.Stripe,
    Method.WIRE: wire.Wire,
}
# What may follow on what a provider said; anything else came late, or again.
FOLLOWS: Mapping[PaymentStatus, frozenset[PaymentStatus]] = {
    PaymentStatus.STARTED: frozenset({
        PaymentStatus.IN_REVIEW, PaymentStatus.ACCEPTED,
        PaymentStatus.DECLINED, PaymentStatus.CANCELED,
    }),
    PaymentStatus.IN_REVIEW: frozenset({
        PaymentStatus.ACCEPTED, PaymentStatus.DECLINED, PaymentStatus.CANCELED,
    }),
    PaymentStatus.DECLINED: frozenset({PaymentStatus.ACCEPTED}),
    PaymentStatus.CANCELED: frozenset({PaymentStatus.ACCEPTED}),
    PaymentStatus.ACCEPTED: frozenset(),
}  # fmt: skip
UNDECIDED = (PaymentStatus.STARTED, PaymentStatus.IN_REVIEW)


class Unavailable(ValueError):
    """A method is not offered."""


class NotOpen(ValueError):
    """An order is not to be paid any more: it is paid, failed or canceled."""


class UnknownPayment(LookupError):
    """A provider speaks of a payment that there is not."""


def is_offered(method: Method) -> bool:
    """Tell whether a method is on offer; only for a wire the database is asked."""
    match method:
        case Method.SANDBOX:
            return bool(settings.SANDBOX_PAYMENTS)
        case Method.STRIPE:
            return stripe_payments.is_offered()
        case Method.WIRE:
            return wire.is_offered()


def find_providers() -> dict[Method, Provider]:
    """Return the methods on offer and who takes their money."""
    return {method: make() for method, make in PROVIDERS.items() if is_offered(method)}


def list_methods() -> list[tuple[str, str]]:
    """Return the methods on offer with their names, for a choice.

    Raises:
        Unavailable: there is none.
    """
    found = [(method.value, method.label) for method in find_providers()]
    if not found:
        raise Unavailable("This installation offers no payment method.")
    return found


def find_provider(method: str) -> Provider:
    """Return the provider of a method.

    Raises:
        Unavailable: it is not offered.
    """
    known = Method(method) if method in Method.values else None
    if known is None or not is_offered(known):
        raise Unavailable("This payment method is not offered.")
    return PROVIDERS[known]()


def start(
    *,
    order: Order,
    at: datetime,
    method: Method | None = None,
    consent: str = "",
    saved_method: SavedMethod | None = None,
    is_there: bool = False,
) -> Payment:
    """Begin to pay an order by a method; where that was begun, return that payment.

    ``method``: None: the order's. What was begun by another one may still pay the order.

    A renewal that failed waits for its payment again. ``consent``: the words by which the buyer
    agrees to have the method saved. ``saved_method``: what is charged without the buyer.
    ``is_there``: the money came before, so that nobody is asked to send it.

    Raises:
        NotOpen: the order is not to be paid, perhaps since a moment ago.
        NotOrdered: it could not be invoiced.
    """
    with in_workspace(order.workspace_id):
        orders.lock(order)
        if order.status not in OPEN and not orders.try_again(order=order):
            raise NotOpen(f"{order} is not open any more.")
        method = Method(saved_method.method if saved_method else method or order.method)
        payments = Payment.objects.for_workspace(order.workspace).filter(order=order)
        open_ones = payments.filter(method=method, status__in=UNDECIDED)
        if saved_method:  # a person's own payment is not charged without them
            open_ones = open_ones.filter(saved_method=saved_method)
        if begun := open_ones.first():
            return begun
        orders.find_parties(order.workspace)
        payment = Payment.objects.create(
            workspace=order.workspace,
            order=order,
            method=method,
            reference=uuid.uuid4().hex,
            consent=consent if method in CHARGEABLE else "",
            saved_method=saved_method,
            started_at=at,
        )
        after = {"method": payment.method, "reference": payment.reference}
        if payment.consent:
            after["consent"] = payment.consent
        audit.record("payment.started", workspace=order.workspace, target=str(order), after=after)
        if method == Method.WIRE and not is_there:
            mails.tell_wire(payment, at=at)
    return payment


def open_page(*, payment: Payment, return_to: str) -> str:
    """Return the address of the page on which the buyer pays, and which leads back.

    Raises:
        Unavailable: the method is not offered any more.
        ProviderDown: try again.
    """
    return find_provider(payment.method).open_page(payment, return_to=return_to)


def refund(*, payment: Payment, gross: Decimal, key: str) -> RefundAnswer:
    """Have the provider of an accepted payment send back a part of it, or all; once for a key.

    Not in a transaction of the caller's: a provider takes its time.

    Raises:
        Unavailable: the method is not offered any more.
        ByHand: money goes back by hand.
        ProviderDown: whether it was sent is not known; ask again with the same key.
    """
    return find_provider(payment.method).refund(payment, gross=gross, key=key)


def take_answer(*, workspace_id: int, answer: Answer, at: datetime) -> bool:
    """Note what a provider says of a payment and move its order; False: it changes nothing.

    Raises:
        UnknownPayment: there is no such payment in this workspace.
    """
    with in_workspace(workspace_id):
        payments = Payment.objects.for_workspace(workspace_id).filter(reference=answer.reference)
        workspace = Workspace.objects.filter(pk=workspace_id).first()
        if workspace is None or not payments.exists():
            raise UnknownPayment(f"There is no payment {answer.reference}.")
        billing.lock(workspace=workspace)
        payment = payments.select_related("order__workspace", "order__bot").get()
        before = PaymentStatus(payment.status)
        answer = check_sum(payment, answer=answer)
        if answer.status not in FOLLOWS[before]:
            return False
        payment.status, payment.answered_at = answer.status, at
        payment.provider_reference = answer.provider_reference or payment.provider_reference
        payment.save(update_fields=["status", "answered_at", "provider_reference"])
        audit.record(
            "payment.answered",
            workspace=workspace,
            target=str(payment.order),
            before={"status": before},
            after={"status": answer.status.value, "reference": payment.reference},
        )
        move_order(payment, at=at)
        if answer.status == PaymentStatus.ACCEPTED and payment.consent and answer.saved_reference:
            save_method(payment, answer=answer)
    return True


def check_sum(payment: Payment, *, answer: Answer) -> Answer:
    """Return an answer that is held in review where another sum was paid than was asked for.

    Whoever runs this sees it in the audit log, once, and sends it back or has the rest paid.
    """
    order, paid = payment.order, answer.paid
    if answer.status != PaymentStatus.ACCEPTED or paid is None:
        return answer
    if (paid.amount, paid.currency) == (order.gross, order.currency_id):
        return answer
    if payment.provider_reference != answer.provider_reference:
        payment.provider_reference = answer.provider_reference
        payment.save(update_fields=["provider_reference"])
        audit.record(
            "payment.other_sum",
            workspace=order.workspace,
            target=str(order),
            before={"gross": order.gross, "currency": order.currency_id},
            after={
                "paid": paid.amount,
                "currency": paid.currency,
                "reference": payment.reference,
                "provider_reference": answer.provider_reference,
            },
        )
    return replace(answer, status=PaymentStatus.IN_REVIEW)


def move_order(payment: Payment, *, at: datetime) -> None:
    """Have an order follow its payment; what another payment may still pay stays open."""
    order = payment.order
    if payment.status == PaymentStatus.ACCEPTED:
        if not orders.complete(order=order, at=at, method=Method(payment.method)):
            # Two payments of one order: the money is there twice, and goes back.
            paybacks.owe_surplus(payment=payment, at=at)
            audit.record(
                "payment.surplus",
                workspace=order.workspace,
                target=str(order),
                after={"reference": payment.reference, "gross": order.gross},
            )
        return
    if payment.status == PaymentStatus.IN_REVIEW:
        if orders.hold(order=order):
            mails.tell_pending(payment, at=at)
        return
    others = Payment.objects.for_workspace(order.workspace).filter(order=order)
    if others.filter(status__in=UNDECIDED).exists():
        return
    if payment.status == PaymentStatus.DECLINED:
        if orders.fail(order=order):
            mails.tell_failed(payment, at=at)
    else:
        orders.cancel(order=order)


def wants_method(*, workspace_id: int, reference: str) -> bool:
    """Tell whether the buyer of an accepted payment agreed to save a method that is not kept."""
    with in_workspace(workspace_id):
        found = Payment.objects.for_workspace(workspace_id).filter(reference=reference)
        wanted = found.filter(status=PaymentStatus.ACCEPTED, kept_method=None).exclude(consent="")
        return wanted.exists()


def add_method(
    *,
    workspace_id: int,
    reference: str,
    saved_reference: str,
    label: str,
    until: date | None = None,
) -> bool:
    """Keep the method of a payment whose provider names it later; False: it is kept already."""
    with in_workspace(workspace_id):
        billing.lock(workspace=Workspace.objects.get(pk=workspace_id))
        if not wants_method(workspace_id=workspace_id, reference=reference):
            return False
        found = Payment.objects.for_workspace(workspace_id).filter(reference=reference)
        payment = found.select_related("order__workspace", "order__buyer").get()
        answer = Answer(
            reference, PaymentStatus.ACCEPTED, saved_reference, label, saved_until=until
        )
        save_method(payment, answer=answer)
    return True


def save_method(payment: Payment, *, answer: Answer) -> None:
    """Keep the method of an accepted payment, whose buyer agreed to that; once.

    The caller has the workspace's lock.
    """
    buyer = payment.order.buyer
    if buyer is None:
        raise ValueError("whoever was not present agreed to nothing")
    payment.kept_method = saved_methods.keep(
        workspace=payment.order.workspace,
        by=buyer,
        method=Method(payment.method),
        reference=answer.saved_reference,
        label=answer.saved_label,
        expires_on=answer.saved_until,
        consent=payment.consent,
        consented_at=payment.started_at,
        source=f"order {payment.order}",
        for_renewals=payment.consent in FOR_RENEWALS,
    )
    payment.save(update_fields=["kept_method"])


def charge(*, payment: Payment, at: datetime) -> None:
    """Ask for a payment by a saved method, unless that was just asked for and is not answered.

    Not in a transaction of the caller's: a provider takes its time.
    """
    with in_workspace(payment.workspace_id):
        # One statement: of two at once the second waits for the first, and finds it asked.
        unasked = Payment.objects.for_workspace(payment.workspace_id).filter(
            Q(asked_at=None) | Q(asked_at__lte=at - ASK_AGAIN),
            pk=payment.pk,
            status=PaymentStatus.STARTED,
        )
        if not unasked.update(asked_at=at):
            return
        removed = SavedMethod.objects.for_workspace(payment.workspace_id).filter(
            payment=payment, removed_at__isnull=False
        )
        is_removed = removed.exists()
    try:
        if is_removed and payment.asked_at is None:  # what was asked for before is waited for
            raise Unavailable(saved_methods.REMOVED)
        answer = find_provider(payment.method).charge(payment)
    except Unavailable:
        answer = Answer(payment.reference, PaymentStatus.DECLINED)
    if answer:
        take_answer(workspace_id=payment.workspace_id, answer=answer, at=at)


def cancel(*, order: Order, at: datetime) -> bool:
    """Cancel an order that nobody paid; False: it is not open. A payment of it still counts."""
    with in_workspace(order.workspace_id):
        if not orders.cancel(order=order):
            return False
        open_ones = Payment.objects.for_workspace(order.workspace).filter(order=order)
        open_ones.filter(status__in=UNDECIDED).update(status=PaymentStatus.CANCELED, answered_at=at)
    return True
