"""Wire transfers: references, and what becomes of money that came, noted once by whomever."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

import psycopg
import pytest
from django.db import DatabaseError, connections
from hypothesis import given
from hypothesis import settings as with_settings
from hypothesis import strategies as st
from pytest_django.fixtures import Settings
from stdnum import iso11649

from accounts import people
from accounts.models import AuditEntry, Bot, User, Workspace
from accounts.tenancy import in_workspace
from benchmarks import scratch
from invoices import (
    orders,
    paybacks,
    paying_back,
    payments,
    refunds,
    tax,
    transfers,
    wire,
    wire_queries,
)
from invoices.issued import IssuedDocument, Payback
from invoices.models import (
    Method,
    Order,
    OrderStatus,
    OrderType,
    Outcome,
    Payment,
    PaymentStatus,
    Transfer,
)
from invoices.transfers import Arrival, Changed, NotPossible, PartOfAPlan
from invoices.wire_queries import Shown, WireStatus
from plans import billing
from plans.models import Account, Currency
from plans.verification import verify
from tests import letters, make
from tests.at_once import at_once
from tests.invoices import buying, renewing
from tests.plans import books
from tests.rows import made_once

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])

DAY = timedelta(days=1)
TODAY = make.NOON.date()
PAID, CREDITS, SURPLUS = Outcome.PAID, Outcome.CREDITS, Outcome.SURPLUS


@pytest.fixture
@made_once
def acme() -> Workspace:
    make.billing_details(make.workspace("globex", name="Globex Corp"))
    return make.workspace("acme")


@pytest.fixture
@made_once
def german() -> Workspace:
    """Return a workspace whose orders are taxed at 19 %."""
    german = make.workspace("german", currency="EUR")
    make.billing_details(german, country="DE", region="")
    return german


@pytest.fixture
@made_once
def operator() -> User:
    return people.add_operator(email="op@console.example")[0]


def note(
    payment: Payment,
    amount: str,
    *,
    seen: Outcome = PAID,
    number: int = 1,
    value_on: date = TODAY,
    as_credits: bool = False,
    by: str = "op@console.example",
) -> Transfer:
    return transfers.note(
        payment=payment,
        number=number,
        arrival=Arrival(amount=Decimal(amount), value_on=value_on),
        by=people.add_operator(email=by)[0],
        at=make.NOON,
        seen=seen,
        as_credits=as_credits,
    )


def placed(of: Workspace) -> list[tuple[str, str, str, str]]:
    """Return of each order its type, status, gross amount and method."""
    with in_workspace(of.pk):
        found = Order.objects.for_workspace(of).order_by("number")
        return [(one.type, one.status, f"{one.gross:.2f}", one.method) for one in found]


def noted(of: Workspace) -> list[Transfer]:
    with in_workspace(of.pk):
        found = Transfer.objects.for_workspace(of).select_related("order").order_by("pk")
        return list(found)


def surpluses(of: Workspace) -> list[str]:
    """Return what is owed to buyers, in the order in which it came."""
    with in_workspace(of.pk):
        owed = Payback.objects.for_workspace(of).filter(document=None).order_by("pk")
        return [f"{one.amount:.2f}" for one in owed]


def invoiced(of: Workspace) -> list[tuple[str, Decimal]]:
    """Return what documents there are, each with its gross amount."""
    with in_workspace(of.pk):
        issued = IssuedDocument.objects.for_workspace(of).order_by("pk")
        return list(issued.values_list("kind", "gross"))


# References


@with_settings(deadline=None)
@given(number=st.integers(min_value=1, max_value=2**63 - 1), data=st.data())
def test_reference_is_read_back_and_every_mistyped_digit_is_found(
    number: int, data: st.DataObject
) -> None:
    reference = wire.write_reference(Payment(pk=number))
    assert iso11649.is_valid(reference)
    assert wire.read_reference(f" {iso11649.format(reference).lower()} ") == number
    place = data.draw(st.integers(2, len(reference) - 1))
    digit = data.draw(st.sampled_from([d for d in "0123456789" if d != reference[place]]))

    with pytest.raises(wire.Mistyped):
        wire.read_reference(reference[:place] + digit + reference[place + 1 :])


@with_settings(deadline=None)
@given(number=st.integers(min_value=1, max_value=2**63 - 1), data=st.data())
def test_two_digits_that_changed_places_are_found(number: int, data: st.DataObject) -> None:
    reference = wire.write_reference(Payment(pk=number))
    place = data.draw(st.integers(2, len(reference) - 2))
    one, other = reference[place], reference[place + 1]

    if one != other:
        with pytest.raises(wire.Mistyped):
            wire.read_reference(reference[:place] + other + one + reference[place + 2 :])


@pytest.mark.parametrize("text", ["", "RF", "RF18", "RF185390075470Y", "RF\0", "DE89370400"])
def test_what_is_no_reference_of_ours_is_said_to_be_none(text: str) -> None:
    with pytest.raises(wire.Mistyped):
        wire.read_reference(text)


# What is offered


def test_wire_is_offered_without_the_sandbox(settings: Settings) -> None:
    settings.SANDBOX_PAYMENTS = False

    assert payments.list_methods() == [("wire", "Wire transfer")]


@pytest.mark.usefixtures("own_catalog")
def test_wire_is_not_offered_before_somebody_sells() -> None:
    with psycopg.connect(scratch.address("owner")) as connection:
        connection.execute("DELETE FROM invoices_sellerprofile")

    assert payments.list_methods() == [("sandbox", "Sandbox")]


def test_wire_is_never_charged_nor_saved(acme: Workspace) -> None:
    order = buying.order(acme, buyer=make.member(acme).user, method=Method.WIRE)
    payment = payments.start(order=order, at=make.NOON, consent=payments.CONSENT)

    payments.charge(payment=payment, at=make.NOON)

    assert payment.consent == ""
    assert buying.status(order) == OrderStatus.FAILED
    assert buying.bought(acme) == []


# The full amount


def test_full_amount_completes_the_order(acme: Workspace, operator: User) -> None:
    payment = buying.wire(acme, "250")

    found = note(payment, "250.00")

    assert placed(acme) == [("credit_purchase", "completed", "250.00", "wire")]
    assert buying.bought(acme) == [250]
    assert (found.outcome, found.noted_by) == ("paid", operator)
    assert found.surplus == 0
    with in_workspace(acme.pk):
        entry = AuditEntry.objects.for_workspace(acme).get(action="transfer.noted")
        payment.refresh_from_db()
    assert entry.after is not None
    assert (entry.after["amount"], entry.after["value_date"]) == ("250.00", str(TODAY))
    assert entry.after["reference"] == wire.write_reference(payment)
    assert payment.status == PaymentStatus.ACCEPTED
    assert verify(acme) == []


def test_form_that_is_sent_twice_notes_one_transfer(acme: Workspace) -> None:
    payment = buying.wire(acme)

    assert note(payment, "100") == note(payment, "100")

    assert buying.bought(acme) == [100]
    assert len(noted(acme)) == 1


@pytest.mark.parametrize(("amount", "outcome"), [("100", PAID), ("60", CREDITS)])
def test_operators_at_once_note_one_transfer(
    acme: Workspace, amount: str, outcome: Outcome
) -> None:
    payment = buying.wire(acme)
    operators = [f"op{number}@console.example" for number in range(6)]
    for name in operators:
        people.add_operator(email=name)

    def confirm(name: str) -> Callable[[], object]:
        return lambda: note(payment, amount, seen=outcome, by=name)

    raised = at_once(*map(confirm, operators))

    assert raised == [None] * 6
    assert buying.bought(acme) == [Decimal(amount)]
    assert len(noted(acme)) == 1


def test_operators_who_read_different_sums_at_once_are_told(acme: Workspace) -> None:
    payment = buying.wire(acme)

    raised = at_once(
        lambda: note(payment, "100"), lambda: note(payment, "60", seen=CREDITS, by="b@x.example")
    )

    assert sorted(type(one).__name__ for one in raised) == ["NoneType", "NotPossible"]
    assert len(noted(acme)) == 1


def test_buyer_who_cancels_while_the_money_is_noted_has_it_once(acme: Workspace) -> None:
    payment = buying.wire(acme)

    def cancel() -> None:
        with in_workspace(acme.pk):
            order = Order.objects.for_workspace(acme).get()
        payments.cancel(order=order, at=make.NOON)

    raised = at_once(lambda: note(payment, "100"), cancel)

    assert raised == [None, None]
    assert buying.bought(acme) == [100]


def test_money_for_a_canceled_order_completes_it(acme: Workspace) -> None:
    payment = buying.wire(acme)
    assert transfers.cancel(payment=payment, reason="Never came.", at=make.NOON)
    assert not transfers.cancel(payment=payment, reason="Never came.", at=make.NOON)
    assert placed(acme) == [("credit_purchase", "canceled", "100.00", "wire")]

    note(payment, "100")

    assert placed(acme) == [("credit_purchase", "completed", "100.00", "wire")]


# Another sum


@pytest.mark.parametrize("amount", ["0.01", "60", "99.99", "100.01", "25000"])
def test_another_sum_cancels_the_order_and_makes_one_for_what_came(
    acme: Workspace, amount: str
) -> None:
    buyer = make.member(acme).user
    bot = make.bot(acme)
    payment = buying.wire(acme, buyer=buyer, bot=bot)

    found = note(payment, amount, seen=CREDITS)

    came = f"{Decimal(amount):.2f}"
    assert placed(acme) == [
        ("credit_purchase", "canceled", "100.00", "wire"),
        ("credit_purchase", "completed", came, "wire"),
    ]
    made = found.order
    assert made is not None
    assert (made.buyer_id, made.bot_id) == (buyer.pk, bot.pk)
    assert "for O-000001, and not 100.00" in made.comments
    assert buying.bought(acme) == [Decimal(amount)]
    assert verify(acme) == []


def test_nobody_is_asked_to_send_what_came(acme: Workspace) -> None:
    payment = buying.wire(acme, buyer=make.member(acme).user)
    asked = letters.find(acme, "wire_awaited")

    note(payment, "60", seen=CREDITS)

    assert [mail.address for mail in asked] == ["owner@acme.example"]
    assert letters.find(acme, "wire_awaited") == asked


@pytest.mark.parametrize(
    ("amount", "net"), [("100.03", "84.06"), ("100.05", "84.08"), ("0.03", "0.03")]
)
def test_another_sum_is_split_into_net_and_tax(german: Workspace, amount: str, net: str) -> None:
    payment = buying.wire(german)  # 119.00

    made = note(payment, amount, seen=CREDITS).order

    assert made is not None
    assert (made.net, made.gross) == (Decimal(net), Decimal(amount))
    assert made.tax == made.gross - made.net
    assert invoiced(german) == [("invoice", made.gross)]
    assert books.sums(german)[Account.PAYMENTS] == Decimal(amount)
    assert verify(german) == []


@with_settings(deadline=None)
@given(
    gross=st.decimals(min_value="0.01", max_value=10**9, places=2),
    rate=st.decimals(min_value=0, max_value=100, places=2),
)
def test_net_and_tax_come_to_exactly_what_came(gross: Decimal, rate: Decimal) -> None:
    sums = tax.take_out(gross=gross, rate=rate, decimals=2)

    assert sums.net + sums.tax == sums.gross == gross
    assert sums.net > 0
    assert abs(sums.tax - tax.work_out(net=sums.net, rate=rate, decimals=2).tax) <= Decimal("0.01")


@with_settings(deadline=None)
@given(
    net=st.decimals(min_value="0.01", max_value=10**7, places=2),
    rate=st.decimals(min_value=0, max_value=100, places=2),
)
def test_what_an_order_costs_is_split_as_the_order_was(net: Decimal, rate: Decimal) -> None:
    ordered = tax.work_out(net=net, rate=rate, decimals=2)

    sums = tax.take_out(gross=ordered.gross, rate=rate, decimals=2)

    assert tax.work_out(net=sums.net, rate=rate, decimals=2) == sums


def test_rest_that_comes_later_is_another_transfer(acme: Workspace) -> None:
    payment = buying.wire(acme)
    note(payment, "60", seen=CREDITS)

    with pytest.raises(NotPossible, match=r"has noted 60\.00"):
        note(payment, "40", seen=CREDITS)
    note(payment, "40", seen=CREDITS, number=2)

    assert buying.bought(acme) == [60, 40]
    assert [one.number for one in noted(acme)] == [1, 2]


@pytest.mark.usefixtures("own_catalog")
@pytest.mark.parametrize("amount", ["9000.50", "9000.01"])
def test_yen_have_no_decimals(operator: User, amount: str) -> None:
    Currency.objects.using("operator").create(
        code="JPY", decimals=0, free_credits=0, top_up_from=1000, top_up_to=10**6, low_balance=500
    )
    payment = buying.wire(make.workspace("yen", currency="JPY"), "10000")

    with pytest.raises(NotPossible, match="no amount"):
        note(payment, amount, seen=CREDITS)
    made = note(payment, "9000", seen=CREDITS).order

    assert made is not None
    assert made.gross == 9000


@pytest.mark.parametrize("amount", ["0", "-100", "100.001", "1e16"])
def test_what_is_no_amount_is_not_noted(acme: Workspace, amount: str) -> None:
    payment = buying.wire(acme)

    with pytest.raises(NotPossible, match="no amount"):
        note(payment, amount)

    assert noted(acme) == []


@pytest.mark.parametrize("day", [TODAY + 2 * DAY, TODAY - 400 * DAY])
def test_value_date_is_about_now(acme: Workspace, day: date) -> None:
    with pytest.raises(NotPossible, match="value date"):
        note(buying.wire(acme), "100", value_on=day)


def test_money_that_came_is_not_turned_away_by_a_contract(acme: Workspace) -> None:
    payment = buying.wire(acme)
    with in_workspace(acme.pk):
        row = billing.open_billing(workspace=acme, at=make.NOON)
        row.enterprise_from = TODAY
        row.save()

    note(payment, "60", seen=CREDITS)

    assert buying.bought(acme) == [60]


def test_operator_does_what_they_were_shown(acme: Workspace) -> None:
    payment = buying.wire(acme)
    orders.complete(order=payment.order, at=make.NOON)

    with pytest.raises(Changed):
        note(payment, "100")

    assert noted(acme) == []


# Paid by another method


def test_order_is_paid_by_another_method_while_the_wire_is_pending(acme: Workspace) -> None:
    payment = buying.wire(acme)
    other = payments.start(order=payment.order, at=make.NOON, method=Method.SANDBOX)
    buying.answer(other, "declined")
    assert buying.status(payment.order) == OrderStatus.PENDING
    again = payments.start(order=payment.order, at=make.NOON, method=Method.SANDBOX)

    buying.answer(again, "accepted")

    assert placed(acme) == [("credit_purchase", "completed", "100.00", "sandbox")]
    assert found() == [("acme", "otherwise")]
    assert found(shown=Shown.PENDING) == []


@pytest.mark.parametrize("amount", ["100", "60"])
def test_wire_for_an_order_that_is_paid_is_a_surplus(acme: Workspace, amount: str) -> None:
    payment = buying.wire(acme)
    other = payments.start(order=payment.order, at=make.NOON, method=Method.SANDBOX)
    buying.answer(other, "accepted")

    found = note(payment, amount, seen=SURPLUS)
    note(payment, amount, seen=SURPLUS)

    assert (found.order, found.surplus) == (None, Decimal(amount))
    assert surpluses(acme) == [f"{amount}.00"]
    assert verify(acme) == []
    assert buying.bought(acme) == [100]
    assert placed(acme) == [("credit_purchase", "completed", "100.00", "sandbox")]


def test_second_full_transfer_is_a_surplus(acme: Workspace) -> None:
    payment = buying.wire(acme)
    note(payment, "100")

    for number in (2, 3):
        note(payment, "100", seen=SURPLUS, number=number)

    assert buying.bought(acme) == [100]
    assert surpluses(acme) == ["100.00", "100.00"]


# Plans


@pytest.fixture
@made_once
def renewal(acme: Workspace) -> Payment:
    return buying.wire(acme, "60", type=OrderType.RENEWAL)


def test_part_of_a_renewal_waits_for_the_rest(acme: Workspace, renewal: Payment) -> None:
    with pytest.raises(PartOfAPlan, match="Wait for the rest"):
        note(renewal, "59.99", seen=CREDITS)

    assert noted(acme) == []
    assert buying.status(renewal.order) == OrderStatus.PENDING


def test_part_of_a_renewal_becomes_credits_if_the_operator_says_so(
    acme: Workspace, renewal: Payment
) -> None:
    note(renewal, "45", seen=CREDITS, as_credits=True)
    note(renewal, "60", number=2)

    assert placed(acme) == [
        ("renewal", "completed", "60.00", "wire"),
        ("credit_purchase", "completed", "45.00", "wire"),
    ]


def test_part_of_a_plan_that_becomes_credits_cancels_its_order(acme: Workspace) -> None:
    bot: Bot = make.bot(acme)
    payment = buying.wire(acme, "60", type=OrderType.SUBSCRIPTION, bot=bot)

    note(payment, "45", seen=CREDITS, as_credits=True)

    assert [status for _, status, *_ in placed(acme)] == ["canceled", "completed"]
    assert [lot.bot_id for lot in books.lots(acme)][-1] == bot.pk


def test_more_than_a_renewal_pays_it_and_the_rest_is_a_surplus(
    acme: Workspace, renewal: Payment
) -> None:
    note(renewal, "75.50")

    assert placed(acme) == [("renewal", "completed", "60.00", "wire")]
    assert surpluses(acme) == ["15.50"]


def test_wire_of_a_renewal_that_is_not_waited_for_leaves_it_owed(renewal: Payment) -> None:
    assert transfers.cancel(payment=renewal, reason="They pay by card.", at=make.NOON)

    assert buying.status(renewal.order) == OrderStatus.PENDING
    again = payments.start(order=renewal.order, at=make.NOON)
    assert again.pk != renewal.pk


def test_renewal_says_at_once_where_to_pay(settings: Settings) -> None:
    settings.SANDBOX_PAYMENTS = False
    acme = renewing.workspace()
    renewing.has(make.bot(acme), "essential")

    renewing.run(acme)

    (order,) = renewing.orders(acme)
    with in_workspace(acme.pk):
        instructions = wire.find_instructions(order)
        pending = wire.find_pending(order)
    assert instructions is not None
    assert pending is not None
    assert instructions.amount == 60
    assert instructions.account == "DE89370400440532013000"
    note(pending, "60")
    assert buying.status(order) == OrderStatus.COMPLETED


def test_saved_method_waits_a_week_for_a_wire(acme: Workspace) -> None:
    saved = buying.saved_method(acme)
    order = buying.order(acme, "60", type=OrderType.RENEWAL, method=Method.WIRE)
    payments.start(order=order, at=make.NOON)

    renewing.run(acme, make.NOON + 6 * DAY)
    assert buying.status(order) == OrderStatus.PENDING
    renewing.run(acme, make.NOON + 7 * DAY)

    assert buying.status(order) == OrderStatus.COMPLETED
    with in_workspace(acme.pk):
        assert Payment.objects.for_workspace(acme).filter(saved_method=saved).count() == 1


# What operators find


def found(*, shown: str = Shown.ALL, text: str = "") -> list[tuple[str, str]]:
    wires = wire_queries.list_wires(shown=shown, text=text)
    return [(one.order.workspace.slug, wire_queries.find_status(one).value) for one in wires]


def test_operators_find_wires_of_all_workspaces(acme: Workspace) -> None:
    globex = make.workspace("globex")
    first, other = buying.wire(acme), buying.wire(globex)
    buying.order(acme)
    note(first, "100")

    assert found() == [("acme", "paid"), ("globex", "pending")]
    assert found(shown=Shown.PENDING) == [("globex", "pending")]
    assert found(shown=Shown.CAME) == [("acme", "paid")]
    assert found(shown=Shown.SURPLUS) == []
    assert found(text="globex corp") == [("globex", "pending")]
    assert found(text="O-000001") == [("acme", "paid"), ("globex", "pending")]
    reference = wire.write_reference(other)
    assert found(text=iso11649.format(reference)) == [("globex", "pending")]
    with pytest.raises(wire.Mistyped):
        found(text=reference[:-1] + ("1" if reference[-1] != "1" else "2"))


def test_status_says_what_became_of_a_wire(acme: Workspace) -> None:
    wires = [buying.wire(acme) for _ in range(5)]
    note(wires[1], "60", seen=CREDITS)
    orders.complete(order=wires[2].order, at=make.NOON)
    note(wires[2], "100", seen=SURPLUS)
    orders.complete(order=wires[3].order, at=make.NOON)
    transfers.cancel(payment=wires[4], reason="Never came.", at=make.NOON)

    statuses = {one.pk: wire_queries.find_status(one) for one in wire_queries.list_wires()}
    assert [statuses[one.pk] for one in wires] == [
        WireStatus.PENDING,
        WireStatus.CREDITS,
        WireStatus.SURPLUS,
        WireStatus.OTHERWISE,
        WireStatus.CANCELED,
    ]
    assert [one[1] for one in found(shown=Shown.SURPLUS)] == ["surplus"]


def test_operators_find_a_wire_by_its_invoice(acme: Workspace) -> None:
    note(buying.wire(acme), "100")
    buying.wire(acme)
    with in_workspace(acme.pk):
        number = IssuedDocument.objects.for_workspace(acme).get().number

    assert found(text=f" {number.lower()}") == [("acme", "paid")]


# What goes back


@pytest.mark.parametrize("amount", ["100.05", "100.12", "100.03"])
def test_order_of_another_sum_is_refunded_to_the_cent(german: Workspace, amount: str) -> None:
    made = note(buying.wire(german), amount, seen=CREDITS).order
    assert made is not None
    with in_workspace(german.pk):
        related = Order.objects.for_workspace(german).select_related("workspace", "currency", "lot")
        made = related.get(pk=made.pk)
    left = refunds.find_left(made)
    assert left is not None
    assert left.gross == Decimal(amount)

    refunds.refund(order=made, expected=left.gross, reason="Not needed.", at=make.NOON)

    assert invoiced(german) == [
        ("invoice", Decimal(amount)), ("credit_note", Decimal(amount)),
    ]  # fmt: skip
    assert verify(german) == []


def test_surplus_waits_until_an_operator_has_sent_it_back(acme: Workspace, operator: User) -> None:
    payment = buying.wire(acme)
    note(payment, "100")
    note(payment, "30", seen=SURPLUS, number=2)
    with in_workspace(acme.pk):
        owed = Payback.objects.for_workspace(acme).get()

    assert not paying_back.send(workspace_id=acme.pk, payback_id=owed.pk, now=make.NOON)
    paybacks.note_sent_by_hand(
        workspace_id=acme.pk, payback_id=owed.pk, by=operator, reference="SEPA 7", at=make.NOON
    )

    with in_workspace(acme.pk):
        owed.refresh_from_db()
    assert (owed.sent_by, owed.reference) == (operator, "SEPA 7")
    assert books.sums(acme)[Account.PAYMENTS] == 100
    assert verify(acme) == []


# What the database holds


def test_transfer_names_a_wire_of_its_workspace(acme: Workspace) -> None:
    theirs = buying.wire(make.workspace("globex"))
    elsewhere = Payment(pk=theirs.pk, workspace=acme)

    with pytest.raises(Payment.DoesNotExist):
        note(elsewhere, "100")

    assert noted(acme) == noted(make.workspace("globex")) == []


@pytest.mark.parametrize("change", ["amount = 1", "order_id = NULL", "comment = 'x'"])
def test_transfer_is_never_changed(acme: Workspace, change: str) -> None:
    note(buying.wire(acme), "100")

    with (
        pytest.raises(DatabaseError),
        in_workspace(acme.pk),
        connections["default"].cursor() as cursor,
    ):
        cursor.execute(f"UPDATE invoices_transfer SET {change}")
