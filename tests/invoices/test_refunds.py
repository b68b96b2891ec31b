from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.models import AuditEntry, Workspace
from accounts.tenancy import in_workspace
from invoices import contents, paybacks, paying_back, payments, refunds
from invoices.issued import IssuedDocument, Payback
from invoices.models import Order, OrderType
from invoices.refunds import NotRefunded
from plans import ledger, verification
from plans.ledger import Entry
from plans.models import Account, PostingKind
from plans.money import round_amount
from tests import make
from tests.at_once import at_once
from tests.invoices import buying
from tests.plans import books
from tests.rows import made_once

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])

LATER = make.NOON + timedelta(days=3)
GERMAN: dict[str, Any] = {"country": "DE", "postal_code": "10115", "city": "Berlin", "region": ""}


@pytest.fixture
@made_once
def acme() -> Workspace:
    """A workspace in euros whose buyer pays 19 % of tax."""
    of = make.workspace("acme", currency="EUR")
    books.open_without_credits(of)
    make.billing_details(of, **GERMAN)
    return of


def buy(of: Workspace, net: str = "100") -> Order:
    placed = buying.order(of, net, buyer=make.member(of).user)
    buying.answer(payments.start(order=placed, at=make.NOON), "accepted")
    return read(placed)


def read(order: Order) -> Order:
    with in_workspace(order.workspace_id):
        found = Order.objects.for_workspace(order.workspace_id)
        return found.select_related("workspace", "currency", "lot", "bot").get(pk=order.pk)


def use(order: Order, amount: str) -> None:
    """Have some of an order's credits pay an overdraft."""
    entries = [
        Entry(Account.PREPAID_CREDITS, Decimal(amount), lot=order.lot_id),
        Entry(Account.REVENUE_USAGE, -Decimal(amount)),
    ]
    ledger.post(
        workspace=order.workspace, key=f"use:{next(make.numbers)}", kind=PostingKind.SETTLEMENT,
        at=LATER, booking_month=date(2026, 3, 1), entries=entries,
    )  # fmt: skip


def refund(order: Order, expected: str = "119", reason: str = "Agreed.") -> IssuedDocument:
    return refunds.refund(order=order, expected=Decimal(expected), reason=reason, at=LATER)


def owed(of: Workspace) -> list[Payback]:
    with in_workspace(of.pk):
        return list(Payback.objects.for_workspace(of).order_by("pk"))


def send(payback: Payback) -> bool:
    return paying_back.send(workspace_id=payback.workspace_id, payback_id=payback.pk, now=LATER)


# A refund


def test_refund_gives_back_all_of_an_order_that_nothing_was_used_of(acme: Workspace) -> None:
    order = buy(acme)

    note = refund(order)

    assert (note.net, note.tax, note.gross) == (Decimal(100), Decimal(19), Decimal(119))
    assert read(order).status == "refunded"
    assert books.balances(acme) == [0]
    said = contents.read(note)
    assert said.preceding_number == "ACME-2026-000001"
    assert said.notes == ("Agreed.",)
    with in_workspace(acme.pk):
        entry = AuditEntry.objects.for_workspace(acme).get(action="credit_note.issued")
    assert (entry.after or {})["reason"] == "Agreed."
    assert [payback.amount for payback in owed(acme)] == [119]
    assert books.sums(acme) == {Account.PAYMENTS: 119, Account.RECEIVABLE: -119}


def test_refund_takes_what_is_left_and_no_more(acme: Workspace) -> None:
    order = buy(acme)
    use(order, "40.005")

    note = refund(order, "71.40")

    assert (note.net, note.tax) == (Decimal("60.00"), Decimal("11.40"))
    assert books.balances(acme) == [0]
    assert books.sums(acme)[Account.REVENUE_LAPSED] == Decimal("0.005")
    assert verification.verify(acme) == []


@settings(max_examples=8, deadline=None)
@given(used=st.decimals(min_value=0, max_value=Decimal("99.99"), places=4))
def test_what_is_refunded_used_and_lapsed_is_what_was_bought(used: Decimal) -> None:
    of = make.workspace(f"w{next(make.numbers)}", currency="EUR")
    books.open_without_credits(of)
    make.billing_details(of, **GERMAN)
    order = buy(of)
    if used:
        use(order, str(used))
    net = round_amount(100 - used, decimals=2)
    tax = round_amount(net * 19 / 100, decimals=2)

    note = refund(order, str(net + tax))

    sums = books.sums(of)
    lapsed = sums.get(Account.REVENUE_LAPSED, Decimal(0))
    assert used + note.net - lapsed == 100
    assert abs(lapsed) <= Decimal("0.005")
    assert Account.PREPAID_CREDITS not in sums


def test_refunds_at_once_are_one(acme: Workspace) -> None:
    order = buy(acme)

    raised = at_once(*[lambda: refund(read(order))] * 4)

    assert sum(error is None for error in raised) == 1
    assert all(isinstance(error, NotRefunded | None) for error in raised)
    assert [payback.amount for payback in owed(acme)] == [119]


def test_refund_of_another_amount_than_was_shown_is_refused(acme: Workspace) -> None:
    order = buy(acme)
    use(order, "1")

    with pytest.raises(NotRefunded, match="Something else is left"):
        refund(order, "119")

    assert read(order).status == "completed"
    assert owed(acme) == []


def test_nothing_left_open_or_lapsed_is_not_refunded(acme: Workspace) -> None:
    used, waiting = buy(acme), buying.order(acme)
    use(used, "99.996")

    with pytest.raises(NotRefunded, match="Nothing is left"):
        refund(used)
    with pytest.raises(NotRefunded, match="is pending, not completed"):
        refund(waiting)

    assert refunds.list_refundable(acme) == []


def test_other_workspaces_orders_are_not_refundable(acme: Workspace) -> None:
    buy(acme)

    assert refunds.list_refundable(make.workspace("globex")) == []
    assert [str(order) for order in refunds.list_refundable(acme)] == ["O-000001"]


# The money


def test_sandbox_sends_back_once(acme: Workspace) -> None:
    refund(buy(acme))
    (payback,) = owed(acme)

    assert send(payback)
    assert not send(payback)

    (sent,) = owed(acme)
    assert (sent.sent_at, sent.sent_by) == (LATER, None)
    assert books.sums(acme) == {}


def test_payback_sent_by_hand_is_noted_once(acme: Workspace) -> None:
    refund(buy(acme))
    operator = make.member(acme).user

    def note() -> None:
        with in_workspace(acme.pk):
            found = Payback.objects.select_related("order__workspace", "currency").get()
        paybacks.note_sent(payback=found, at=LATER, by=operator, reference="SEPA 4711")

    raised = at_once(*[note] * 3)

    assert sum(error is None for error in raised) == 1
    assert [payback.reference for payback in owed(acme)] == ["SEPA 4711"]
    assert books.sums(acme) == {}


def test_provider_that_is_gone_leaves_it_to_a_person(acme: Workspace, settings: Any) -> None:
    refund(buy(acme))
    settings.SANDBOX_PAYMENTS = False

    assert not send(owed(acme)[0])

    (payback,) = owed(acme)
    assert payback.refused == paying_back.BY_HAND
    assert paying_back.find_due(now=LATER + timedelta(days=1)) == []


def test_second_payment_of_an_order_goes_back(acme: Workspace) -> None:
    order = buying.order(acme, type=OrderType.RENEWAL)
    first = payments.start(order=order, at=make.NOON)
    buying.answer(first, "declined")
    second = payments.start(order=order, at=make.NOON)
    buying.answer(second, "accepted")

    buying.answer(first, "accepted")
    buying.answer(first, "accepted")

    (payback,) = owed(acme)
    assert (payback.payment_id, payback.document_id, payback.amount) == (
        first.pk,
        None,
        Decimal(119),
    )
    assert books.sums(acme)[Account.PAYMENTS] == 238
    assert send(payback)
    assert books.sums(acme)[Account.PAYMENTS] == 119
    assert Account.RECEIVABLE not in books.sums(acme)
