"""Stripe as a provider: what the console asks of it by the official library, on a real socket."""

import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from urllib.parse import urlsplit

import pytest
from pytest_django.fixtures import Settings

from accounts.models import Membership, Workspace
from accounts.tenancy import in_workspace
from invoices import keepers, payments, reloads, saved_methods, stripe_amounts
from invoices.models import (
    Method,
    Order,
    OrderStatus,
    OrderType,
    Payment,
    PaymentStatus,
    SavedMethod,
)
from invoices.providers import Answer, Keeper, Paid, ProviderDown, RefundStatus, SetupAnswer
from invoices.stripe_payments import Stripe
from tests import make
from tests.invoices import buying, stripe_server
from tests.invoices.stripe_server import Account, Call
from tests.pages import sign_in, words
from tests.rows import made_once

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])

BACK = "/w/acme/orders/1/"
SESSIONS = "/v1/checkout/sessions"
INTENTS = "/v1/payment_intents"


@pytest.fixture
@made_once
def owner() -> Membership:
    return make.member(make.workspace("acme"))


@pytest.fixture
def acme(owner: Membership) -> Workspace:
    return owner.workspace


def begin(owner: Membership, net: str = "100", *, consent: str = "") -> Payment:
    """Begin to pay an order by Stripe."""
    order = buying.order(owner.workspace, net, buyer=owner.user, method=Method.STRIPE)
    return payments.start(order=order, at=make.NOON, consent=consent)


def save_card(owner: Membership) -> SavedMethod:
    """Have a card saved."""
    setup = keepers.start(
        workspace=owner.workspace,
        by=owner.user,
        method=Method.STRIPE,
        as_default=False,
        at=make.NOON,
    )
    answer = SetupAnswer(setup.reference, "cus_7/pm_7", "Visa ending in 4242, to 08/2031")
    keepers.take_answer(workspace_id=owner.workspace_id, answer=answer, at=make.NOON)
    with in_workspace(owner.workspace_id):
        return SavedMethod.objects.select_related("workspace").get(reference="cus_7/pm_7")


def owe(owner: Membership) -> Payment:
    """Have a saved card to be charged for an order."""
    order = buying.order(owner.workspace, type=OrderType.AUTO_RELOAD, method=Method.STRIPE)
    return payments.start(order=order, at=make.NOON, saved_method=save_card(owner))


def status(payment: Payment) -> str:
    with in_workspace(payment.workspace_id):
        return Payment.objects.get(pk=payment.pk).status


def only(calls: list[Call]) -> Call:
    (call,) = calls
    return call


# The page


def test_page_asks_for_the_exact_sum_and_names_the_payment(
    owner: Membership, stripe: Account
) -> None:
    payment = begin(owner, "1234.56")

    page = payments.open_page(payment=payment, return_to=BACK)

    call = only(stripe.asked(SESSIONS))
    assert page == f"{stripe.address}/pay/cs_test_1"
    assert call.headers["idempotency-key"] == payment.reference
    assert call.params == {
        "mode": "payment",
        "client_reference_id": payment.reference,
        "metadata[billing_console]": "payment",
        "metadata[workspace]": str(payment.workspace_id),
        "metadata[reference]": payment.reference,
        "metadata[order]": "O-000001",
        "line_items[0][quantity]": "1",
        "line_items[0][price_data][currency]": "usd",
        "line_items[0][price_data][unit_amount]": "123456",
        "line_items[0][price_data][product_data][name]": "Order O-000001",
        "payment_intent_data[description]": "Order O-000001",
        "payment_intent_data[metadata][billing_console]": "payment",
        "payment_intent_data[metadata][workspace]": str(payment.workspace_id),
        "payment_intent_data[metadata][reference]": payment.reference,
        "payment_intent_data[metadata][order]": "O-000001",
        "success_url": f"http://127.0.0.1:8000{BACK}",
        "cancel_url": f"http://127.0.0.1:8000{BACK}",
    }


def test_page_is_the_same_however_often_it_is_asked_for(owner: Membership, stripe: Account) -> None:
    payment = begin(owner)

    pages = {payments.open_page(payment=payment, return_to=BACK) for _ in range(3)}

    assert len(pages) == 1
    assert len(stripe.asked(SESSIONS)) == 3


def test_card_is_saved_with_consent_alone(owner: Membership, stripe: Account) -> None:
    payment = begin(owner, consent=payments.CONSENT)

    payments.open_page(payment=payment, return_to=BACK)

    params = only(stripe.asked(SESSIONS)).params
    assert params["payment_intent_data[setup_future_usage]"] == "off_session"
    assert params["customer_creation"] == "always"
    assert params["allowed_payment_method_types[0]"] == "card"


@pytest.mark.parametrize(
    ("amount", "currency", "units"),
    [
        ("100.00", "USD", 10000),
        ("0.01", "EUR", 1),
        ("1234.5000", "usd", 123450),
        ("12345", "JPY", 12345),
        ("12345.0000", "JPY", 12345),
        ("5", "ISK", 500),
        ("5.120", "KWD", 5120),
    ],
)
def test_amounts_are_in_the_units_that_stripe_has(amount: str, currency: str, units: int) -> None:
    assert stripe_amounts.to_minor(Decimal(amount), currency) == units
    assert stripe_amounts.from_minor(units, currency) == Decimal(amount)


@pytest.mark.parametrize(("amount", "currency"), [("0.5", "JPY"), ("0.001", "USD")])
def test_amount_between_two_units_is_never_rounded_silently(amount: str, currency: str) -> None:
    with pytest.raises(ValueError, match="no amount that Stripe takes"):
        stripe_amounts.to_minor(Decimal(amount), currency)


def test_yen_go_without_decimals(stripe: Account) -> None:
    order = Order(number=1, gross=Decimal("20000.0000"), currency_id="JPY")  # sold by no catalog
    payment = Payment(workspace_id=1, reference="yen", order=order)

    Stripe().open_page(payment, return_to=BACK)

    params = only(stripe.asked(SESSIONS)).params
    assert params["line_items[0][price_data][unit_amount]"] == "20000"
    assert params["line_items[0][price_data][currency]"] == "jpy"


def test_buyer_is_told_why_stripe_takes_no_such_sum(owner: Membership, stripe: Account) -> None:
    buying.order(owner.workspace, "0.20", type=OrderType.RENEWAL, method=Method.STRIPE)

    page = sign_in(owner).post("/w/acme/orders/1/pay", follow=True)

    assert "Stripe refuses it: The Checkout Session's total amount due must add up" in words(page)


@pytest.mark.parametrize("fails_with", [500, 429, 401])
def test_buyer_is_told_when_stripe_is_down(
    owner: Membership, stripe: Account, fails_with: int, caplog: pytest.LogCaptureFixture
) -> None:
    payment = begin(owner)
    stripe.fails_with = fails_with

    page = sign_in(owner).post("/w/acme/orders/1/pay", follow=True)

    assert "Stripe does not answer at the moment" in words(page)
    assert "Go to the payment page" in words(page)
    assert stripe_server.KEY not in caplog.text
    stripe.fails_with = 0
    address = sign_in(owner).get("/w/acme/orders/1/payment").headers["Location"]
    assert urlsplit(address).netloc == urlsplit(stripe.address).netloc
    assert status(payment) == PaymentStatus.STARTED


def test_buyer_is_told_when_nobody_listens(owner: Membership, settings: Settings) -> None:
    settings.STRIPE_SECRET_KEY, settings.STRIPE_WEBHOOK_SECRETS = "sk_test_x", ["whsec_x"]
    settings.STRIPE_API_ADDRESS = "http://127.0.0.1:9"
    payment = begin(owner)

    with pytest.raises(ProviderDown):
        payments.open_page(payment=payment, return_to=BACK)


@pytest.mark.parametrize("missing", ["STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRETS"])
def test_not_offered_without_its_secrets(stripe: Account, settings: Settings, missing: str) -> None:
    assert ("stripe", "Card") in payments.list_methods()
    assert isinstance(Stripe(), Keeper)

    setattr(settings, missing, "" if missing == "STRIPE_SECRET_KEY" else [])

    assert payments.list_methods() == [("sandbox", "Sandbox"), ("wire", "Wire transfer")]
    with pytest.raises(payments.Unavailable):
        payments.find_provider(Method.STRIPE)


# A saved card


def test_saved_card_is_charged_without_its_owner(owner: Membership, stripe: Account) -> None:
    payment = owe(owner)

    payments.charge(payment=payment, at=make.NOON)

    call = only(stripe.asked(INTENTS))
    assert call.headers["idempotency-key"] == payment.reference
    assert call.params == {
        "amount": "10000",
        "currency": "usd",
        "customer": "cus_7",
        "payment_method": "pm_7",
        "allowed_payment_method_types[0]": "card",
        "off_session": "true",
        "confirm": "true",
        "error_on_requires_action": "true",
        "description": "Order O-000001",
        "metadata[billing_console]": "charge",
        "metadata[workspace]": str(payment.workspace_id),
        "metadata[reference]": payment.reference,
        "metadata[order]": "O-000001",
    }
    assert buying.bought(owner.workspace) == [100]
    with in_workspace(owner.workspace_id):
        assert Payment.objects.get(pk=payment.pk).provider_reference == "pi_1"


@pytest.mark.parametrize("error", [stripe_server.DECLINED, stripe_server.AUTHENTICATION])
def test_card_that_is_declined_or_wants_its_owner_fails_the_order(
    owner: Membership, stripe: Account, error: dict[str, str]
) -> None:
    payment = owe(owner)
    stripe.card_error = error

    payments.charge(payment=payment, at=make.NOON)

    assert status(payment) == PaymentStatus.DECLINED
    assert buying.status(payment.order) == OrderStatus.FAILED


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("processing", PaymentStatus.IN_REVIEW),
        ("requires_action", PaymentStatus.DECLINED),
        ("canceled", PaymentStatus.DECLINED),
    ],
)
def test_what_becomes_of_a_charge(
    owner: Membership, stripe: Account, said: str, expected: PaymentStatus
) -> None:
    payment = owe(owner)
    stripe.charged_as = said

    payments.charge(payment=payment, at=make.NOON)

    assert status(payment) == expected


def test_charge_without_an_answer_is_asked_for_again_and_made_once(
    owner: Membership, acme: Workspace, stripe: Account
) -> None:
    payment = owe(owner)
    stripe.is_lost = True
    payments.charge(payment=payment, at=make.NOON)
    assert status(payment) == PaymentStatus.STARTED
    stripe.is_lost = False

    reloads.run(workspace_id=acme.pk, now=make.NOON + make.MINUTE)
    assert status(payment) == PaymentStatus.STARTED  # just asked
    reloads.run(workspace_id=acme.pk, now=make.NOON + 5 * make.MINUTE)

    assert status(payment) == PaymentStatus.ACCEPTED
    assert len(stripe.intents) == 1


def test_charge_is_made_once_also_when_stripe_has_forgotten_its_key(
    owner: Membership, acme: Workspace, stripe: Account
) -> None:
    payment = owe(owner)
    stripe.is_lost = True
    payments.charge(payment=payment, at=make.NOON)
    stripe.is_lost, stripe.forgets_keys = False, True

    reloads.run(workspace_id=acme.pk, now=make.NOON + timedelta(days=2))

    assert status(payment) == PaymentStatus.ACCEPTED
    assert len(stripe.intents) == 1


def test_charge_waits_while_stripe_is_down_or_the_key_is_wrong(
    owner: Membership, stripe: Account, caplog: pytest.LogCaptureFixture
) -> None:
    payment = owe(owner)
    for number, failure in enumerate((503, 401)):
        stripe.fails_with = failure
        payments.charge(payment=payment, at=make.NOON + number * timedelta(minutes=5))

    assert status(payment) == PaymentStatus.STARTED
    levels = [entry.levelno for entry in caplog.records if "did not charge" in entry.message]
    assert levels == [logging.WARNING, logging.ERROR]
    assert stripe_server.KEY not in caplog.text


def test_card_that_was_removed_is_not_charged(owner: Membership, stripe: Account) -> None:
    payment = owe(owner)
    assert payment.saved_method is not None
    saved_methods.remove(saved=payment.saved_method, by=owner.user, at=make.NOON)

    payments.charge(payment=payment, at=make.NOON)

    assert status(payment) == PaymentStatus.DECLINED
    assert stripe.calls == []


# Money back


def pay(owner: Membership, stripe: Account) -> Payment:
    payment = owe(owner)
    payments.charge(payment=payment, at=make.NOON)
    with in_workspace(owner.workspace_id):
        return Payment.objects.select_related("order").get(pk=payment.pk)


def test_refund_goes_back_once_for_a_key(owner: Membership, stripe: Account) -> None:
    payment = pay(owner, stripe)

    first = payments.refund(payment=payment, gross=Decimal("30.50"), key="credit-note-1")
    stripe.forgets_keys = True
    again = payments.refund(payment=payment, gross=Decimal("30.50"), key="credit-note-1")
    other = payments.refund(payment=payment, gross=Decimal("10"), key="credit-note-2")

    assert {first.status, again.status, other.status} == {RefundStatus.SENT}
    assert [one["amount"] for one in stripe.refunds] == [3050, 1000]


def test_refund_of_too_much_is_refused_in_a_sentence(owner: Membership, stripe: Account) -> None:
    payment = pay(owner, stripe)

    answer = payments.refund(payment=payment, gross=Decimal("100.01"), key="1")

    assert answer.status == RefundStatus.REFUSED
    assert answer.reason == "Refund amount is greater than unrefunded amount on charge."
    assert stripe.refunds == []


def test_refund_that_was_not_answered_may_be_asked_for_again(
    owner: Membership, stripe: Account
) -> None:
    payment = pay(owner, stripe)
    stripe.is_lost = True
    with pytest.raises(ProviderDown):
        payments.refund(payment=payment, gross=Decimal("30"), key="1")
    stripe.is_lost = False

    answer = payments.refund(payment=payment, gross=Decimal("30"), key="1")

    assert answer.status == RefundStatus.SENT
    assert len(stripe.refunds) == 1


def test_refund_of_a_payment_that_stripe_never_named_is_refused(
    owner: Membership, stripe: Account
) -> None:
    answer = payments.refund(payment=begin(owner), gross=Decimal("30"), key="1")

    assert answer.status == RefundStatus.REFUSED


def test_sandbox_sends_back_what_it_never_had(owner: Membership) -> None:
    payment = payments.start(order=buying.order(owner.workspace), at=make.NOON)

    answer = payments.refund(payment=payment, gross=Decimal("30"), key="1")

    assert answer.status == RefundStatus.SENT


# Saved without a purchase


def test_setup_page_charges_nothing(owner: Membership, acme: Workspace, stripe: Account) -> None:
    setup = keepers.start(
        workspace=acme, by=owner.user, method=Method.STRIPE, as_default=True, at=datetime.now(UTC)
    )

    pages = {keepers.open_page(setup=setup, return_to="/back") for _ in range(2)}

    assert len(pages) == 1
    params = stripe.asked(SESSIONS)[0].params
    assert params["mode"] == "setup"
    assert params["client_reference_id"] == params["metadata[reference]"] == setup.reference
    assert params["setup_intent_data[metadata][billing_console]"] == "setup"
    assert not [name for name in params if "amount" in name]


def test_removed_card_is_detached_once_and_later_where_stripe_was_down(
    owner: Membership, acme: Workspace, stripe: Account
) -> None:
    saved = save_card(owner)
    saved_methods.remove(saved=saved, by=owner.user, at=make.NOON)
    stripe.fails_with = 503
    with pytest.raises(ProviderDown):
        keepers.let_go(workspace_id=acme.pk, now=make.NOON)
    assert keepers.find_removed() == [acme.pk]
    stripe.fails_with = 0

    told = [keepers.let_go(workspace_id=acme.pk, now=make.NOON) for _ in range(2)]

    assert told == [1, 0]
    assert stripe.detached == ["pm_7"]
    assert keepers.find_removed() == []


def test_card_that_stripe_forgot_itself_is_let_go(
    owner: Membership, acme: Workspace, stripe: Account
) -> None:
    saved_methods.remove(saved=save_card(owner), by=owner.user, at=make.NOON)
    stripe.detached.append("pm_7")

    assert keepers.let_go(workspace_id=acme.pk, now=make.NOON) == 1


def test_other_sum_never_completes_an_order(owner: Membership, stripe: Account) -> None:
    payment = owe(owner)
    paid = Paid(Decimal("99.99"), "USD")
    answer = Answer(payment.reference, PaymentStatus.ACCEPTED, provider_reference="pi_9", paid=paid)
    for said in (answer, answer, replace(answer, paid=replace(paid, currency="EUR"))):
        payments.take_answer(workspace_id=payment.workspace_id, answer=said, at=make.NOON)

    assert buying.status(payment.order) == OrderStatus.IN_REVIEW
    assert buying.bought(owner.workspace) == []
