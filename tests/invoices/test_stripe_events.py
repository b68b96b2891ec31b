"""Stripe's events: signed by hand as it publishes, late, twice, forged, and fifty at once."""

import json
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from accounts.models import AuditEntry, Membership, Workspace
from accounts.tenancy import in_workspace
from invoices import payments, sandbox
from invoices.models import (
    Method,
    MethodSetup,
    Order,
    OrderStatus,
    OrderType,
    Payment,
    PaymentStatus,
    SavedMethod,
)
from invoices.providers import Answer
from tests import make
from tests.at_once import at_once
from tests.invoices import buying, stripe_events
from tests.invoices.stripe_server import KEY, SECRET, Account, event, sign
from tests.rows import made_once
from tests.web_server import serve

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "operator"]),
    pytest.mark.usefixtures("stripe"),
]

MINUTE = 60  # seconds
EVENTS = "/stripe/events"


@pytest.fixture
@made_once
def owner() -> Membership:
    return make.member(make.workspace("acme"))


@pytest.fixture
def acme(owner: Membership) -> Workspace:
    return owner.workspace


@pytest.fixture
@made_once
def order(owner: Membership) -> Order:
    return buying.order(owner.workspace, buyer=owner.user, method=Method.STRIPE)


@pytest.fixture
def payment(order: Order) -> Payment:
    return payments.start(order=order, at=make.NOON)


class Taken(NamedTuple):
    """What the console says to an event."""

    status: int
    changed: bool | None


def post(body: str | bytes, signature: str | None = None) -> Taken:
    """Send an event, signed as of now unless told otherwise."""
    text = body if isinstance(body, str) else body.decode("latin-1")
    header = sign(text) if signature is None else signature
    answer = Client().post(
        EVENTS, body, content_type="application/json", headers={"Stripe-Signature": header}
    )
    said = json.loads(answer.content) if answer["Content-Type"] == "application/json" else {}
    return Taken(answer.status_code, said.get("changed"))


def noted(action: str) -> int:
    return AuditEntry.objects.using("operator").filter(action=action).count()


def status(payment: Payment) -> str:
    with in_workspace(payment.workspace_id):
        return Payment.objects.get(pk=payment.pk).status


def send(address: str, body: str, headers: dict[str, str]) -> int:
    """Send a body over a real connection; return the status."""
    request = Request(address, body.encode(), {"Content-Type": "application/json", **headers})
    try:
        with urlopen(request, timeout=60) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code


# Fifty at once


@pytest.fixture
def web(stripe: Account) -> Iterator[str]:
    """Run the web server with sixteen threads in two processes; return its address."""
    of_stripe = {
        "STRIPE_SECRET_KEY": KEY,
        "STRIPE_WEBHOOK_SECRETS": SECRET,
        "STRIPE_API_ADDRESS": stripe.address,
    }
    with serve("--workers", "2", "--threads", "8", SANDBOX_PAYMENTS="1", **of_stripe) as port:
        yield f"http://127.0.0.1:{port}"


def send_fifty(address: str, body: str, headers: dict[str, str]) -> set[int]:
    """Send fifty copies at once; return the statuses."""
    statuses: list[int] = []
    raised = at_once(*[lambda: statuses.append(send(address, body, headers))] * 50)
    assert (raised, len(statuses)) == ([None] * 50, 50)
    return set(statuses)


def test_fifty_copies_at_once_of_stripes_event_or_the_sandboxs_load_the_credits_once(
    acme: Workspace, owner: Membership, web: str, stripe: Account
) -> None:
    order = buying.order(acme, buyer=owner.user, method=Method.STRIPE)
    payment = payments.start(order=order, at=make.NOON, consent=payments.CONSENT)
    stripe.save_card("pi_1")
    body = stripe_events.completed(payment, customer="cus_1")
    other = payments.start(order=buying.order(acme, "200"), at=make.NOON)
    answer = Answer(other.reference, PaymentStatus.ACCEPTED)
    callback = sandbox.write_callback(answer, workspace_id=acme.pk)

    of_stripe = send_fifty(f"{web}{EVENTS}", body, {"Stripe-Signature": sign(body)})
    of_sandbox = send_fifty(
        f"{web}/sandbox/answers", callback, {sandbox.SIGNATURE: sandbox.sign(callback)}
    )

    assert (of_stripe, of_sandbox) == ({200}, {200})
    assert buying.bought(acme) == [100, 200]
    assert buying.status(order) == OrderStatus.COMPLETED
    with in_workspace(acme.pk):
        assert [saved.label for saved in SavedMethod.objects.all()] == [
            "Visa ending in 4242, to 08/2031"
        ]
        answered = AuditEntry.objects.for_workspace(acme).filter(action="payment.answered")
        assert [entry.actor_name for entry in answered.order_by("pk")][:1] == ["Stripe"]
        assert answered.count() == 2


# What events say


def sent(payment: Payment, type: str, **values: object) -> Taken:
    return post(event(f"checkout.session.{type}", stripe_events.session(payment, **values)))


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([("completed", "paid")], OrderStatus.COMPLETED),
        ([("completed", "unpaid")], OrderStatus.IN_REVIEW),
        (
            [("completed", "unpaid"), ("async_payment_succeeded", "paid")],
            OrderStatus.COMPLETED,
        ),
        ([("completed", "unpaid"), ("async_payment_failed", "unpaid")], OrderStatus.FAILED),
        ([("expired", "unpaid")], OrderStatus.CANCELED),
        ([("expired", "unpaid"), ("completed", "paid")], OrderStatus.COMPLETED),
        ([("completed", "paid"), ("expired", "unpaid")], OrderStatus.COMPLETED),
        ([("async_payment_succeeded", "paid"), ("completed", "unpaid")], OrderStatus.COMPLETED),
    ],
)
def test_what_becomes_of_an_order(
    acme: Workspace,
    order: Order,
    payment: Payment,
    said: list[tuple[str, str]],
    expected: OrderStatus,
) -> None:
    for type, paid in said:
        assert sent(payment, type, payment_status=paid).status == 200

    assert buying.status(order) == expected
    assert len(buying.bought(acme)) == (expected == OrderStatus.COMPLETED)


def test_event_that_is_sent_again_changes_nothing(payment: Payment) -> None:
    taken = [sent(payment, "completed") for _ in range(3)]

    assert taken == [Taken(200, True), Taken(200, False), Taken(200, False)]
    with in_workspace(payment.workspace_id):
        assert Payment.objects.get(pk=payment.pk).provider_reference == "pi_1"


@pytest.mark.parametrize(
    "values",
    [{"amount_total": 9999}, {"amount_total": 10001}, {"currency": "eur"}, {"amount_total": 0}],
)
def test_another_sum_completes_nothing_and_whoever_runs_this_sees_it(
    acme: Workspace, order: Order, payment: Payment, values: dict[str, object]
) -> None:
    for _ in range(2):
        assert sent(payment, "completed", **values).status == 200

    assert buying.bought(acme) == []
    assert buying.status(order) == OrderStatus.IN_REVIEW
    assert noted("payment.other_sum") == 1


def test_another_sum_for_a_canceled_order_is_seen_too(
    acme: Workspace, order: Order, payment: Payment
) -> None:
    payments.cancel(order=order, at=make.NOON)

    sent(payment, "completed", amount_total=1)

    assert buying.bought(acme) == []
    assert noted("payment.other_sum") == 1


def test_event_that_does_not_say_what_was_paid_is_refused(order: Order, payment: Payment) -> None:
    assert sent(payment, "completed", amount_total=None).status == 400

    assert buying.status(order) == OrderStatus.PENDING


@pytest.mark.parametrize(
    ("type", "expected"),
    [
        ("payment_intent.succeeded", OrderStatus.COMPLETED),
        ("payment_intent.payment_failed", OrderStatus.FAILED),
    ],
)
def test_what_becomes_of_a_charge(
    acme: Workspace, owner: Membership, type: str, expected: OrderStatus
) -> None:
    saved = buying.saved_method(acme)
    order = buying.order(acme, type=OrderType.AUTO_RELOAD, method=Method.STRIPE)
    payment = payments.start(order=order, at=make.NOON, saved_method=saved)

    assert post(stripe_events.charged(payment, type=type)) == Taken(200, True)

    assert buying.status(order) == expected


def test_failed_attempt_on_the_page_leaves_the_order_open(order: Order, payment: Payment) -> None:
    about = stripe_events.about(payment, "payment")  # the buyer may try another card there
    body = stripe_events.charged(payment, type="payment_intent.payment_failed", metadata=about)

    assert post(body) == Taken(200, False)

    assert buying.status(order) == OrderStatus.PENDING


@pytest.mark.parametrize(
    "body",
    [
        event("customer.created", {"id": "cus_1", "object": "customer"}),
        event("invoice.paid", {"id": "in_1", "metadata": None}),
        event("checkout.session.completed", {"id": "cs_1", "metadata": {}}),
        event("checkout.session.completed", {"id": "cs_1", "metadata": {"workspace": "1"}}),
        event("payment_intent.succeeded", {"id": "pi_1", "metadata": {"order": "another shop's"}}),
    ],
)
def test_events_of_no_concern_are_taken_and_ignored(payment: Payment, body: str) -> None:
    assert post(body) == Taken(200, False)

    assert status(payment) == PaymentStatus.STARTED
    assert noted("payment.answer_refused") == 0


def test_event_of_an_unknown_payment_is_taken_and_noted(payment: Payment) -> None:
    for values in ({"reference": "unknown"}, {"workspace": str(2**40)}):
        about = stripe_events.about(payment, "payment") | values
        assert sent(payment, "completed", metadata=about) == Taken(200, False)

    assert status(payment) == PaymentStatus.STARTED
    assert noted("payment.answer_unknown") == 2


def test_event_names_a_payment_of_its_workspace(payment: Payment) -> None:
    globex = make.workspace("globex")
    about = stripe_events.about(payment, "payment") | {"workspace": str(globex.pk)}

    sent(payment, "completed", metadata=about)

    assert status(payment) == PaymentStatus.STARTED


def test_live_event_does_nothing_with_a_test_key(order: Order, payment: Payment) -> None:
    subject = stripe_events.session(payment)

    assert post(event("checkout.session.completed", subject, livemode=True)) == Taken(200, False)

    assert buying.status(order) == OrderStatus.PENDING


# Whose events they are


class Forged(NamedTuple):
    """An event that is not to be taken."""

    body: str | bytes
    signature: str


def signed_at(body: str, seconds: int) -> Forged:
    return Forged(body, sign(body, at=time.time() + seconds))


FORGED: dict[str, Callable[[str], Forged]] = {
    "without signature": lambda body: Forged(body, ""),
    "with another secret": lambda body: Forged(body, sign(body, secret="whsec_of_others")),
    "with no secret": lambda body: Forged(body, sign(body, secret="")),
    "with another body": lambda body: Forged(body.replace("10000", "20000"), sign(body)),
    "with one byte more": lambda body: Forged(f"{body} ", sign(body)),
    "replayed after five minutes": lambda body: signed_at(body, -5 * MINUTE - 2),
    "replayed with a new time": lambda body: Forged(
        body, f"t={int(time.time())},{sign(body, at=time.time() - 3600).split(',')[1]}"
    ),
    "replayed with a second time": lambda body: Forged(
        body, f"{sign(body, at=time.time() - 3600)},t={int(time.time())}"
    ),
    "from a clock that is ahead": lambda body: signed_at(body, 5 * MINUTE + 5),
    "by an older scheme": lambda body: Forged(body, sign(body).replace("v1=", "v0=")),
    "without time": lambda body: Forged(body, sign(body).split(",")[1]),
    "with an odd time": lambda body: Forged(body, f"t=now,{sign(body).split(',')[1]}"),
    "with a huge time": lambda body: Forged(body, f"t={'9' * 5000},{sign(body).split(',')[1]}"),
    "with an odd signature": lambda body: Forged(body, f"t={int(time.time())},v1=é"),
    "with garbage": lambda body: Forged(body, "t=,v1=,=,,"),
    "with a body that is no text": lambda body: Forged(b"\xff\xfe", sign(body)),
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_or_replayed_event_is_refused_and_noted(
    order: Order, payment: Payment, name: str
) -> None:
    forged = FORGED[name](stripe_events.completed(payment))

    assert post(forged.body, forged.signature).status == 400

    assert buying.status(order) == OrderStatus.PENDING
    assert noted("payment.answer_refused") == 1


@pytest.mark.parametrize("seconds", [-4 * MINUTE - 50, 4 * MINUTE + 50])
def test_clocks_may_be_apart_for_five_minutes(payment: Payment, seconds: int) -> None:
    body, signature = signed_at(stripe_events.completed(payment), seconds)

    assert post(body, signature) == Taken(200, True)


@pytest.mark.parametrize("secret", ["whsec_new", SECRET])
def test_old_and_new_secret_are_taken_while_they_are_changed(
    payment: Payment, settings: Settings, secret: str
) -> None:
    settings.STRIPE_WEBHOOK_SECRETS = ["whsec_new", SECRET]
    body = stripe_events.completed(payment)

    assert post(body, sign(body, secret=secret)) == Taken(200, True)


def test_event_may_have_signatures_of_several_secrets(payment: Payment) -> None:
    body = stripe_events.completed(payment)
    of_another = sign(body, secret="whsec_other").split(",")[1]

    assert post(body, f"{sign(body)},{of_another},v0=abc") == Taken(200, True)


def test_secret_that_was_taken_away_is_refused(payment: Payment, settings: Settings) -> None:
    settings.STRIPE_WEBHOOK_SECRETS = ["whsec_new"]

    assert post(stripe_events.completed(payment)).status == 400


@pytest.mark.parametrize(
    "body",
    [
        "", "{}", "[]", "null", "{", '{"type": 1}', '"text"', "\0", "[" * 5000,
        event("checkout.session.completed", {"id": 5}),
        event("checkout.session.completed", {"id": "cs", "metadata": []}),
        event("checkout.session.completed", {
            "id": "cs", "metadata": {"billing_console": "payment", "workspace": "one"},
        }),
        event("checkout.session.completed", {
            "id": "cs", "metadata": {"billing_console": "payment", "workspace": "9" * 30},
        }),
    ],
)  # fmt: skip
def test_signed_body_that_is_not_as_documented_is_refused(body: str) -> None:
    assert post(body).status == 400


def test_large_body_is_refused_unread(payment: Payment) -> None:
    body = stripe_events.completed(payment)

    assert post(body + " " * 256 * 1024).status == 413

    assert status(payment) == PaymentStatus.STARTED


def test_events_come_by_post_and_need_no_session(payment: Payment) -> None:
    strict = Client(enforce_csrf_checks=True)
    body = stripe_events.completed(payment)

    assert strict.get(EVENTS).status_code == 405
    answer = strict.post(
        EVENTS, body, content_type="application/json", headers={"Stripe-Signature": sign(body)}
    )

    assert answer.status_code == 200
    assert answer.cookies == {}


def test_installation_without_stripe_takes_nothing(payment: Payment, settings: Settings) -> None:
    settings.STRIPE_SECRET_KEY = ""

    assert post(stripe_events.completed(payment)).status == 404


def test_neither_secret_nor_signature_is_logged(
    payment: Payment, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    body = stripe_events.completed(payment)
    signature = sign(body)

    post(body, signature)
    post(body + " ", signature)
    sent(payment, "completed", metadata=stripe_events.about(payment, "payment") | {"reference": ""})

    for secret in (SECRET, signature, signature.split("v1=")[1]):
        assert secret not in caplog.text


# Saved cards


def test_card_of_a_purchase_is_kept_with_the_words_that_were_agreed_to(
    acme: Workspace, owner: Membership, order: Order, stripe: Account
) -> None:
    payment = payments.start(order=order, at=make.NOON, consent=payments.CONSENT)
    stripe.save_card("pi_1", customer="cus_5", card="pm_5")

    for _ in range(2):
        post(stripe_events.completed(payment))

    with in_workspace(acme.pk):
        saved = SavedMethod.objects.get()
    assert (saved.reference, saved.label) == ("cus_5/pm_5", "Visa ending in 4242, to 08/2031")
    assert str(saved.expires_on) == "2031-08-31"
    assert (saved.consent, saved.saved_by_id) == (payments.CONSENT, owner.user_id)
    assert saved.is_default
    assert len(stripe.asked("/v1/payment_intents/pi_1", "GET")) == 1


def test_card_is_neither_asked_for_nor_kept_without_consent(
    acme: Workspace, payment: Payment, stripe: Account
) -> None:
    stripe.save_card("pi_1")

    post(stripe_events.completed(payment))

    with in_workspace(acme.pk):
        assert not SavedMethod.objects.exists()
    assert stripe.calls == []


def test_credits_are_loaded_while_the_card_cannot_be_asked_for_which_is_made_good(
    acme: Workspace, order: Order, stripe: Account
) -> None:
    payment = payments.start(order=order, at=make.NOON, consent=payments.CONSENT)
    stripe.save_card("pi_1")
    stripe.fails_with = 500

    assert post(stripe_events.completed(payment)).status == 503
    assert buying.bought(acme) == [100]
    stripe.fails_with = 0
    assert post(stripe_events.completed(payment)).status == 200

    assert buying.bought(acme) == [100]
    with in_workspace(acme.pk):
        assert SavedMethod.objects.count() == 1


@pytest.fixture
def setup(acme: Workspace, owner: Membership) -> MethodSetup:
    return buying.setup(acme, by=owner.user, method=Method.STRIPE)


def test_card_is_saved_without_a_purchase_once(
    acme: Workspace, setup: MethodSetup, stripe: Account
) -> None:
    stripe.save_card("seti_1", customer="cus_2", card="pm_2")

    taken = [post(stripe_events.set_up(setup)) for _ in range(3)]

    assert taken == [Taken(200, True), Taken(200, False), Taken(200, False)]
    with in_workspace(acme.pk):
        saved = SavedMethod.objects.get()
        assert MethodSetup.objects.get().kept_method == saved
    assert (saved.reference, saved.consent) == ("cus_2/pm_2", payments.CONSENT)


def test_setup_that_was_left_keeps_nothing(
    acme: Workspace, setup: MethodSetup, stripe: Account
) -> None:
    body = stripe_events.set_up(setup, type="checkout.session.expired", setup_intent=None)

    assert [post(body) for _ in range(2)] == [Taken(200, True), Taken(200, False)]

    with in_workspace(acme.pk):
        assert not SavedMethod.objects.exists()
        assert MethodSetup.objects.get().ended_at


def test_removed_card_does_not_come_back_with_an_event_that_is_sent_again(
    acme: Workspace, owner: Membership, setup: MethodSetup, stripe: Account
) -> None:
    stripe.save_card("seti_1")
    post(stripe_events.set_up(setup))
    buying.remove(acme, by=owner.user)

    post(stripe_events.set_up(setup))

    with in_workspace(acme.pk):
        assert not SavedMethod.objects.kept().exists()
