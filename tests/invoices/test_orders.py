"""Orders are placed once, numbered without a gap, moved as the table says and completed once."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from itertools import product

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from accounts.models import AuditEntry, Workspace
from accounts.tenancy import in_workspace
from invoices import orders
from invoices.models import MOVES, PAID, Order, OrderStatus, OrderType
from plans import billing
from tests import make
from tests.at_once import at_once
from tests.invoices import buying

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def acme() -> Workspace:
    return make.workspace("acme")


def numbers(of: Workspace) -> list[int]:
    with in_workspace(of.pk):
        found = Order.objects.for_workspace(of).order_by("number")
        return list(found.values_list("number", flat=True))


def actions(of: Workspace) -> list[str]:
    with in_workspace(of.pk):
        entries = AuditEntry.objects.for_workspace(of).order_by("pk")
        found = entries.filter(action__startswith="order.")
        return list(found.values_list("action", flat=True))


def test_numbers_are_of_the_workspace(acme: Workspace) -> None:
    globex = make.workspace("globex")
    buying.order(globex)

    placed = [buying.order(acme) for _ in range(3)]

    assert [str(order) for order in placed] == ["O-000001", "O-000002", "O-000003"]
    assert numbers(globex) == [1]


def test_numbers_have_no_gap_when_placed_at_once(acme: Workspace) -> None:
    raised = at_once(*[lambda: buying.order(acme)] * 12)

    assert raised == [None] * 12
    assert numbers(acme) == list(range(1, 13))


def test_number_of_an_order_that_was_rolled_back_is_given_again(acme: Workspace) -> None:
    def give_up() -> None:
        with transaction.atomic():
            buying.order(acme)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        give_up()
    buying.order(acme)

    assert numbers(acme) == [1]


def test_same_key_is_the_same_order(acme: Workspace) -> None:
    first = buying.order(acme, key="page")

    assert buying.order(acme, key="page").pk == first.pk
    assert actions(acme) == ["order.placed"]


def test_double_click_is_one_order(acme: Workspace) -> None:
    raised = at_once(*[lambda: buying.order(acme, key="page")] * 8)

    assert raised == [None] * 8
    assert numbers(acme) == [1]


def test_key_of_another_order_is_refused(acme: Workspace) -> None:
    buying.order(acme, key="page")

    with pytest.raises(orders.NotOrdered, match="O-000001"):
        buying.order(acme, "200", key="page")


@pytest.mark.parametrize("net", ["100", "100.01", "19999.99", "20000"])
def test_amounts_that_are_sold(acme: Workspace, net: str) -> None:
    order = buying.order(acme, net)

    assert (order.net, order.tax, order.gross) == (Decimal(net), Decimal(0), Decimal(net))


@pytest.mark.parametrize("net", ["99.99", "20000.01", "0", "-100"])
def test_amounts_that_are_not_sold(acme: Workspace, net: str) -> None:
    with pytest.raises(orders.NotOrdered, match=r"from 100.00\sUSD to 20,000.00\sUSD"):
        buying.order(acme, net)

    assert numbers(acme) == []


def test_nothing_is_sold_in_a_currency_that_the_catalog_lacks() -> None:
    with pytest.raises(orders.NotOrdered, match="Nothing is sold in CHF"):
        buying.order(make.workspace("acme", currency="CHF"))


@pytest.mark.parametrize(("day", "sells"), [(date(2026, 3, 2), False), (date(2026, 3, 3), True)])
def test_no_credits_are_sold_from_the_day_of_a_contract_on(
    acme: Workspace, day: date, sells: bool
) -> None:
    with in_workspace(acme.pk):
        row = billing.open_billing(workspace=acme, at=make.NOON)
        row.enterprise_from = day
        row.save()

    if sells:
        buying.order(acme)
    else:
        with pytest.raises(orders.NotOrdered, match="contract"):
            buying.order(acme)


def bring_to(order: Order, status: OrderStatus) -> None:
    """Lead an order to a status by moves that there are."""
    ways: dict[OrderStatus, list[Callable[[], object]]] = {
        OrderStatus.PENDING: [],
        OrderStatus.IN_REVIEW: [lambda: orders.hold(order=order)],
        OrderStatus.COMPLETED: [lambda: orders.complete(order=order, at=make.NOON)],
        OrderStatus.FAILED: [lambda: orders.fail(order=order)],
        OrderStatus.CANCELED: [lambda: orders.move(order=order, to=OrderStatus.CANCELED)],
        OrderStatus.REFUNDED: [
            lambda: orders.complete(order=order, at=make.NOON),
            lambda: orders.move(order=order, to=OrderStatus.REFUNDED),
        ],
    }
    for step in ways[status]:
        assert step()


@pytest.mark.parametrize(("before", "after"), list(product(OrderStatus, OrderStatus)))
def test_database_and_table_agree_on_every_move(
    acme: Workspace, before: OrderStatus, after: OrderStatus
) -> None:
    order = buying.order(acme, type=OrderType.RENEWAL)
    bring_to(order, before)
    with in_workspace(acme.pk):
        order.lot = order.lot or orders.load_credits(order, make.NOON)
        order.save()

    def write() -> None:
        paid = make.NOON if after in PAID else None
        with in_workspace(acme.pk):
            Order.objects.for_workspace(acme).update(status=after, completed_at=paid)

    if after == before or after in MOVES[before]:
        write()
    else:
        with pytest.raises(DatabaseError, match="does not move"):
            write()


@pytest.mark.parametrize(
    "change",
    ["net = 5, gross = 5", "number = 7", "type = 'renewal'", "key = 'x'", "created_at = now()"],
)
def test_what_was_ordered_never_changes(acme: Workspace, change: str) -> None:
    buying.order(acme)

    with (
        pytest.raises(IntegrityError, match="never changed"),
        in_workspace(acme.pk),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"UPDATE invoices_order SET {change}")


def test_completing_loads_the_credits_once(acme: Workspace) -> None:
    order = buying.order(acme, "250")

    assert orders.complete(order=order, at=make.NOON)
    assert not orders.complete(order=order, at=make.NOON)

    assert buying.bought(acme) == [250]
    assert order.lot_id is not None
    assert actions(acme) == ["order.placed", "order.completed"]


def test_completing_at_once_loads_the_credits_once(acme: Workspace) -> None:
    order = buying.order(acme)

    def complete() -> None:
        with in_workspace(acme.pk):
            found = Order.objects.for_workspace(acme).get(pk=order.pk)
        orders.complete(order=found, at=make.NOON)

    raised = at_once(*[complete] * 10)

    assert raised == [None] * 10
    assert buying.bought(acme) == [100]


@pytest.mark.parametrize("before", [OrderStatus.FAILED, OrderStatus.CANCELED])
def test_success_that_comes_late_completes_all_the_same(
    acme: Workspace, before: OrderStatus
) -> None:
    order = buying.order(acme)
    bring_to(order, before)

    assert orders.complete(order=order, at=make.NOON)

    assert buying.status(order) == OrderStatus.COMPLETED
    assert buying.bought(acme) == [100]


@pytest.mark.parametrize("late", [orders.hold, orders.fail, orders.cancel])
def test_completed_order_stays_completed(acme: Workspace, late: Callable[..., bool]) -> None:
    order = buying.order(acme)
    orders.complete(order=order, at=make.NOON)

    assert not late(order=order)

    assert buying.status(order) == OrderStatus.COMPLETED


def test_only_a_renewal_is_tried_again(acme: Workspace) -> None:
    renewal = buying.order(acme, "60", type=OrderType.RENEWAL)
    credit = buying.order(acme)
    orders.fail(order=renewal)
    orders.fail(order=credit)

    assert orders.try_again(order=renewal)
    assert not orders.try_again(order=credit)


def test_what_another_module_registers_is_brought_about(acme: Workspace) -> None:
    seen: list[str] = []
    kept = dict(orders.EFFECTS)
    orders.register(OrderType.PLAN_CHANGE, lambda order, at: seen.append(str(order)))
    try:
        order = buying.order(acme, "0", type=OrderType.PLAN_CHANGE)
        orders.complete(order=order, at=make.NOON)
        orders.complete(order=order, at=make.NOON)
    finally:
        orders.EFFECTS.clear()
        orders.EFFECTS.update(kept)

    assert seen == ["O-000001"]
    assert buying.bought(acme) == []


def test_effect_that_fails_leaves_the_order_as_it_was(acme: Workspace) -> None:
    order = buying.order(acme, "0", type=OrderType.SUBSCRIPTION)

    def refuse(order: Order, at: object) -> None:
        raise ZeroDivisionError

    kept = dict(orders.EFFECTS)
    orders.register(OrderType.SUBSCRIPTION, refuse)
    try:
        with pytest.raises(ZeroDivisionError):
            orders.complete(order=order, at=make.NOON)
    finally:
        orders.EFFECTS.update(kept)

    assert buying.status(order) == OrderStatus.PENDING


def test_credits_of_a_bot_are_its_own(acme: Workspace) -> None:
    bot = make.bot(acme)
    order = buying.order(acme, bot=bot)

    orders.complete(order=order, at=make.NOON + timedelta(hours=1))

    assert order.lot is not None
    assert order.lot.bot_id == bot.pk
    assert order.lot.last_day is None
