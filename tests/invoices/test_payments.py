"""What providers answer: late, twice, out of order, at once, forged."""

import itertools
import json
from collections.abc import Callable

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from accounts.models import AuditEntry, Membership, Workspace
from accounts.tenancy import in_workspace
from invoices import orders, payments, sandbox
from invoices.models import (
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
from tests.invoices import buying
from tests.rows import made_once

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])

ACCEPTED, DECLINED = PaymentStatus.ACCEPTED, PaymentStatus.DECLINED


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
    return buying.order(owner.workspace, buyer=owner.user)


@pytest.fixture
@made_once
def payment(order: Order) -> Payment:
    return payments.start(order=order, at=make.NOON)


def call(payment: Payment, status: PaymentStatus) -> str:
    """Return the body of a callback."""
    answer = Answer(payment.reference, status)
    return sandbox.write_callback(answer, workspace_id=payment.workspace_id)


def post(body: str, signature: str = "") -> int:
    """Send a callback; return the status."""
    return (
        Client()
        .post(
            "/sandbox/answers",
            body,
            content_type="application/json",
            headers={sandbox.SIGNATURE: signature or sandbox.sign(body)},
        )
        .status_code
    )


def test_fifty_copies_of_a_callback_at_once_load_the_credits_once(
    acme: Workspace, order: Order, payment: Payment
) -> None:
    body = call(payment, ACCEPTED)

    raised = at_once(*[lambda: post(body)] * 50)

    assert raised == [None] * 50
    assert buying.bought(acme) == [100]
    assert buying.status(order) == OrderStatus.COMPLETED
    with in_workspace(acme.pk):
        answered = AuditEntry.objects.for_workspace(acme).filter(action="payment.answered")
        assert [entry.actor_name for entry in answered] == ["the sandbox"]


@pytest.mark.parametrize(
    ("said", "status", "loaded"),
    [
        (["accepted"], "completed", 1),
        (["declined"], "failed", 0),
        (["canceled"], "canceled", 0),
        (["in_review"], "in_review", 0),
        (["in_review", "accepted"], "completed", 1),
        (["in_review", "declined"], "failed", 0),
        (["accepted", "in_review"], "completed", 1),
        (["accepted", "declined"], "completed", 1),
        (["declined", "accepted"], "completed", 1),
        (["canceled", "accepted", "accepted"], "completed", 1),
        (["declined", "in_review"], "failed", 0),
        (["declined", "canceled"], "failed", 0),
    ],
)
def test_what_becomes_of_an_order(
    acme: Workspace, order: Order, payment: Payment, said: list[str], status: str, loaded: int
) -> None:
    for one in said:
        buying.answer(payment, one)

    assert buying.status(order) == status
    assert len(buying.bought(acme)) == loaded


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    said=st.lists(st.sampled_from(["accepted", "declined", "canceled", "in_review"]), max_size=6)
)
def test_credits_are_there_just_if_one_answer_was_a_success(
    acme: Workspace, said: list[str]
) -> None:
    order = buying.order(acme)
    before = len(buying.bought(acme))
    payment = payments.start(order=order, at=make.NOON)

    for one in said:
        buying.answer(payment, one)

    loaded = len(buying.bought(acme)) - before
    assert loaded == ("accepted" in said)
    assert (buying.status(order) == OrderStatus.COMPLETED) == ("accepted" in said)


def test_payment_of_an_open_order_is_begun_once(order: Order, payment: Payment) -> None:
    again = payments.start(order=order, at=make.NOON)

    assert again.pk == payment.pk


def test_second_payment_of_an_order_completes_nothing_again(acme: Workspace) -> None:
    order = buying.order(acme, type=OrderType.RENEWAL)
    first = payments.start(order=order, at=make.NOON)
    buying.answer(first, "declined")
    assert orders.move(order=order, to=OrderStatus.PENDING)  # it is charged once more
    second = payments.start(order=order, at=make.NOON)

    buying.answer(second, "accepted")
    buying.answer(first, "accepted")

    assert buying.status(order) == OrderStatus.COMPLETED
    with in_workspace(acme.pk):
        entries = AuditEntry.objects.for_workspace(acme).filter(action="payment.surplus")
        assert [entry.target for entry in entries] == ["O-000001"]


def test_canceled_order_that_is_paid_all_the_same_is_completed(
    acme: Workspace, order: Order, payment: Payment
) -> None:
    assert payments.cancel(order=order, at=make.NOON)
    assert not payments.cancel(order=order, at=make.NOON)
    assert buying.status(order) == OrderStatus.CANCELED

    buying.answer(payment, "accepted")

    assert buying.status(order) == OrderStatus.COMPLETED
    assert buying.bought(acme) == [100]


def test_answer_names_a_payment_of_its_workspace(order: Order, payment: Payment) -> None:
    globex = make.workspace("globex")
    answer = Answer(payment.reference, ACCEPTED)

    with pytest.raises(payments.UnknownPayment):
        payments.take_answer(workspace_id=globex.pk, answer=answer, at=make.NOON)

    assert buying.status(order) == OrderStatus.PENDING


def test_method_is_saved_with_the_words_that_the_buyer_agreed_to(
    acme: Workspace, owner: Membership, order: Order
) -> None:
    payment = payments.start(order=order, at=make.NOON, consent=payments.CONSENT)
    buying.answer(payment, "accepted", saved="decline")
    buying.answer(payment, "accepted", saved="accept")

    with in_workspace(acme.pk):
        saved = SavedMethod.objects.for_workspace(acme).get()
    assert (saved.reference, saved.consent) == ("decline", payments.CONSENT)
    assert saved.saved_by_id == owner.user_id
    assert saved.consented_at == make.NOON


@pytest.mark.parametrize(("consent", "status"), [("", "accepted"), (payments.CONSENT, "declined")])
def test_method_is_not_saved_without_consent_or_success(
    acme: Workspace, order: Order, consent: str, status: str
) -> None:
    payment = payments.start(order=order, at=make.NOON, consent=consent)

    buying.answer(payment, status, saved="accept")

    with in_workspace(acme.pk):
        assert not SavedMethod.objects.for_workspace(acme).exists()


def change(body: str, **values: object) -> str:
    return json.dumps(json.loads(body) | values)


FORGED: dict[str, Callable[[str], tuple[str, str]]] = {
    "without signature": lambda body: (body, "none"),
    "another body": lambda body: (change(body, status="declined"), sandbox.sign(body)),
    "another workspace": lambda body: (change(body, workspace=1), sandbox.sign(body)),
    "odd signature": lambda body: (body, "\N{LATIN SMALL LETTER E WITH ACUTE}"),
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_callback_is_refused_and_noted(order: Order, payment: Payment, name: str) -> None:
    body, signature = FORGED[name](call(payment, ACCEPTED) + " ")

    assert post(body, signature) == 403

    assert buying.status(order) == OrderStatus.PENDING
    refused = AuditEntry.objects.using("operator").filter(action="payment.answer_refused")
    assert refused.count() == 1


def test_callback_that_is_no_text_is_refused() -> None:
    answer = Client().post("/sandbox/answers", b"\xff\xfe", content_type="application/json")

    assert answer.status_code == 403


def test_callback_of_an_unknown_payment_is_refused(payment: Payment) -> None:
    for values in ({"reference": "unknown"}, {"workspace": 2**40}):
        assert post(change(call(payment, ACCEPTED), **values)) == 404


def test_callback_is_taken_by_post_alone() -> None:
    assert Client().get("/sandbox/answers").status_code == 405


def test_key_of_callbacks_is_that_of_the_installation(payment: Payment, settings: Settings) -> None:
    body = call(payment, ACCEPTED)
    signature = sandbox.sign(body)

    settings.SECRET_KEY = "another"

    assert post(body, signature) == 403


def test_every_repeat_of_a_callback_is_answered_the_same(payment: Payment) -> None:
    body = call(payment, ACCEPTED)

    assert [post(body) for _ in itertools.repeat(None, 3)] == [200, 200, 200]


def test_sandbox_that_is_switched_off_takes_nothing(payment: Payment, settings: Settings) -> None:
    settings.SANDBOX_PAYMENTS = False

    assert post(call(payment, ACCEPTED)) == 404
    with pytest.raises(payments.Unavailable):
        payments.find_provider("sandbox")
