"""The operators' pages of refunds and paybacks."""

import re
from decimal import Decimal

import pytest
from django.test import Client

from accounts import people
from accounts.models import AuditEntry, Workspace
from accounts.tenancy import in_workspace
from invoices import paying_back, payments
from invoices.issued import IssuedDocument, Payback
from invoices.models import Method, Order
from tests import make
from tests.invoices import buying
from tests.pages import sign_in, words
from tests.rows import made_once

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])

LIST, PAYBACKS = "/operator/workspaces/acme/refunds", "/operator/paybacks/"
PAGE = f"{LIST}/1"


@pytest.fixture
@made_once
def acme() -> Workspace:
    of = make.workspace("acme", currency="EUR")
    make.billing_details(of, country="DE", region="")
    return of


@pytest.fixture
def operator() -> Client:
    client = Client()
    client.force_login(people.add_operator(email="op@console.example")[0])
    return client


def buy(of: Workspace, method: Method = Method.SANDBOX) -> Order:
    placed = buying.order(of, buyer=make.member(of).user)
    if method != Method.SANDBOX:
        with in_workspace(of.pk):
            Order.objects.filter(pk=placed.pk).update(method=method)
        placed.method = method
    buying.answer(payments.start(order=placed, at=make.NOON), "accepted")
    return placed


def refund(operator: Client, gross: str = "119", reason: str = "Bought twice.") -> str:
    return words(operator.post(PAGE, {"gross": gross, "reason": reason}, follow=True))


def paybacks(of: Workspace) -> list[Payback]:
    with in_workspace(of.pk):
        return list(Payback.objects.for_workspace(of))


def test_effect_is_shown_and_the_refund_is_made_once(acme: Workspace, operator: Client) -> None:
    buy(acme)
    assert "Refund O-000001" in words(operator.get(LIST))
    shown = words(operator.get(PAGE))
    assert re.search(r"100.00.EUR of 100.00.EUR are left", shown)
    assert re.search(r"Tax, 19 % 19.00.EUR Gross 119.00.EUR", shown)

    first, second = refund(operator), refund(operator)

    assert "refunded by credit note ACME-C-2026-000001" in first
    assert "O-000001 is refunded, not completed" in second
    with in_workspace(acme.pk):
        (note,) = IssuedDocument.objects.for_workspace(acme).credit_notes()
        entry = AuditEntry.objects.for_workspace(acme).get(action="order.refunded")
    assert note.gross == Decimal(119)
    assert entry.actor_name == "op@console.example"
    assert "Nothing can be refunded" in words(operator.get(LIST))


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"gross": "119"}, "Say why."),
        ({"gross": "120", "reason": "x"}, "Something else is left"),
        ({"gross": "a", "reason": "x"}, "Open this page anew."),
        ({"gross": "NaN", "reason": "x"}, "Open this page anew."),
    ],
)
def test_bad_input_refunds_nothing(
    acme: Workspace, operator: Client, sent: dict[str, str], said: str
) -> None:
    buy(acme)

    assert said in words(operator.post(PAGE, sent))

    assert paybacks(acme) == []


def test_what_a_provider_does_not_send_is_sent_by_hand(acme: Workspace, operator: Client) -> None:
    buy(acme, Method.WIRE)
    refund(operator)
    (payback,) = paybacks(acme)
    paying_back.send(workspace_id=acme.pk, payback_id=payback.pk, now=make.NOON)
    page = f"{PAYBACKS}{payback.pk}"
    assert "ACME-C-2026-000001" in words(operator.get(PAYBACKS))
    assert "This way of payment sends no money back" in words(operator.get(page))
    assert "Write the bank" in words(operator.post(page, {"reference": ""}))

    assert "is noted as sent" in words(operator.post(page, {"reference": "TX 1"}, follow=True))

    (payback,) = paybacks(acme)
    assert payback.sent_at
    assert payback.sent_by
    assert payback.reference == "TX 1"
    assert "Nothing to send by hand" in words(operator.get(PAYBACKS))
    assert "ACME-C-2026-000001" in words(operator.get(f"{PAYBACKS}?status=sent"))


def test_what_a_provider_sends_is_not_noted_by_hand(acme: Workspace, operator: Client) -> None:
    buy(acme)
    refund(operator)
    (payback,) = paybacks(acme)

    shown = words(operator.post(f"{PAYBACKS}{payback.pk}", {"reference": "TX 1"}))

    assert "Its provider sends this payback" in shown or "Its provider sends it" in shown
    assert paybacks(acme)[0].sent_at is None


@pytest.mark.parametrize("address", [LIST, PAGE, PAYBACKS, f"{PAYBACKS}1"])
def test_people_of_workspaces_do_not_find_these_pages(acme: Workspace, address: str) -> None:
    buy(acme)

    assert sign_in(make.member(acme)).get(address).status_code == 404


@pytest.mark.parametrize("address", [f"{LIST}/7", f"{PAYBACKS}7", LIST.replace("acme", "none")])
def test_what_there_is_not_is_not_found(acme: Workspace, operator: Client, address: str) -> None:
    assert operator.get(address).status_code == 404
