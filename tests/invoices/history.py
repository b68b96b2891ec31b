"""Four months of three workspaces in which everything happens that moves money, for tests."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg

from accounts import people
from accounts.models import Workspace
from accounts.tenancy import in_workspace
from benchmarks.scratch import address
from invoices import orders, paybacks, payments, refunds, renewals, transfers
from invoices.issued import Payback
from invoices.models import Method, Order, OrderStatus, Outcome
from invoices.transfers import Arrival
from plans import charging, ledger
from plans.ledger import Entry
from plans.models import Account, PostingKind, WorkspaceBilling
from tests import make
from tests.invoices import buying, renewing
from tests.invoices.renewing import CLOSE, DAY, MID_MARCH
from tests.plans import books
from tests.rows import made_once
from usage import zones
from usage.models import UsageBucket

GERMAN: dict[str, Any] = {"country": "DE", "postal_code": "10115", "city": "Berlin", "region": ""}
UPGRADED = datetime(2026, 3, 2, 12, tzinfo=UTC)
LAST_OF_APRIL = datetime(2026, 5, 1, 2, tzinfo=UTC)  # in New York
MAY_CLOSE = datetime(2026, 5, 2, tzinfo=UTC)  # of April
JUNE_CLOSE = datetime(2026, 6, 2, tzinfo=UTC)
AFTER = JUNE_CLOSE + DAY
MONTHS = [date(2026, month, 1) for month in (3, 4, 5, 6)]


def charge(of: Workspace, now: datetime) -> None:
    """Charge what a workspace used, and let lapse what is due."""
    charging.run(workspace_id=of.pk, now=now)


@made_once
def make_acme() -> Workspace:
    """Make a workspace in dollars: free credits, renewals paid and given back in part, a lapse.

    In March free credits of 500.00 of which 20.00 are used; what is left lapses in May. In April
    a renewal of 61.80, paid twice; in May another one, and a credit note of 1.26. What is owed to
    the buyer is paid back in May.
    """
    acme = renewing.workspace("acme")
    support, seller = make.bot(acme, "support"), make.bot(acme, "seller")
    renewing.has(seller, "essential")
    renewing.use(support, 100, rolled=MID_MARCH + timedelta(hours=1))
    charge(acme, MID_MARCH + timedelta(hours=1))
    renewing.use(seller, 410)
    renewals.run(workspace_id=acme.pk, now=CLOSE)
    (april,) = renewing.orders(acme)
    pay_twice(april, at=CLOSE + 3 * DAY)
    with in_workspace(acme.pk):  # a rule that counts less from now on
        UsageBucket.objects.for_workspace(acme).filter(bot=seller).update(alert_sessions=403)
    renewals.run(workspace_id=acme.pk, now=MAY_CLOSE)
    for payback in list_paybacks(acme):
        paybacks.note_sent(payback=payback, at=MAY_CLOSE + 2 * DAY)
    charge(acme, JUNE_CLOSE)
    renewals.run(workspace_id=acme.pk, now=JUNE_CLOSE)
    return acme


def pay_twice(order: Order, *, at: datetime) -> None:
    """Have a renewal paid by two payments: the money of the second is owed to the buyer."""
    first = payments.start(order=order, at=at)
    buying.answer(first, "declined", at=at)
    orders.move(order=order, to=OrderStatus.PENDING)
    second = payments.start(order=order, at=at)
    for payment in (second, first):
        buying.answer(payment, "accepted", at=at)


def list_paybacks(of: Workspace) -> list[Payback]:
    """Return the paybacks of a workspace."""
    with in_workspace(of.pk):
        found = Payback.objects.for_workspace(of).order_by("pk")
        return list(found.select_related("order__workspace", "currency", "document", "payment"))


@made_once
def make_globex() -> Workspace:
    """Make a workspace in euros, with tax: overdraft, settlement, refund, unpaid.

    In March usage of 20.00 without credits; in April 100.00 are bought, which pay it, 5.00 are
    used and the rest is refunded, which is owed still; a renewal of 71.40 is never paid.
    """
    globex = make.workspace("globex", currency="EUR", timezone="Asia/Kolkata")
    books.open_without_credits(globex)
    make.billing_details(globex, **GERMAN)
    owner = make.member(globex).user
    support, seller = make.bot(globex, "support"), make.bot(globex, "seller")
    renewing.has(seller, "essential")
    renewing.use(support, 100, rolled=MID_MARCH + timedelta(hours=1))
    charge(globex, MID_MARCH + timedelta(hours=1))
    renewals.run(workspace_id=globex.pk, now=CLOSE)
    bought = buying.order(globex, "100", buyer=owner, at=CLOSE + 2 * DAY)
    buying.answer(payments.start(order=bought, at=CLOSE + 2 * DAY), "accepted", at=CLOSE + 2 * DAY)
    used = CLOSE + 4 * DAY
    renewing.use(support, 25, at=used, rolled=used + timedelta(hours=1))
    charge(globex, used + timedelta(hours=1))
    with in_workspace(globex.pk):
        order = (
            Order.objects.for_workspace(globex)
            .select_related("workspace", "currency", "lot", "bot", "buyer")
            .get(pk=bought.pk)
        )
    refund(order, "89.25", at=CLOSE + 6 * DAY)
    renewals.run(workspace_id=globex.pk, now=MAY_CLOSE)
    return globex


@made_once
def make_hooli() -> Workspace:
    """Make a workspace whose contract began in April: what was bought before is kept."""
    hooli = renewing.workspace("hooli")
    buying.paid(hooli, "300", at=MID_MARCH)
    with in_workspace(hooli.pk):
        WorkspaceBilling.objects.for_workspace(hooli).update(enterprise_from=date(2026, 4, 1))
    renewals.run(workspace_id=hooli.pk, now=MAY_CLOSE)
    return hooli


@made_once
def make_initech() -> Workspace:
    """Make a workspace in euros, with tax, in which happens what seldom does.

    In March an upgrade is paid ten days late; what it leaves, 19.345 by then, is refunded. From
    April on the zone is another, by which in the last hours of April 100.00 are bought and
    refunded. The renewal of April waits until a credit note of 0.90 has corrected it, and then is
    paid by a wire of 5.00 too much. In May all that is owed is paid back.
    """
    initech = make.workspace("initech", currency="EUR", timezone="Europe/Berlin")
    books.open_without_credits(initech)
    make.billing_details(initech, **GERMAN)
    bot = make.bot(initech, "desk")
    late = buying.upgrade(bot, at=UPGRADED)
    orders.complete(order=late, at=UPGRADED + 10 * DAY)
    use_half_a_cent(late, at=UPGRADED + 11 * DAY)
    refund(late, "23.03", at=UPGRADED + 11 * DAY)
    renewing.use(bot, 270)  # of which 259 are included for these days
    zones.change(workspace=initech, zone="America/New_York", at=MID_MARCH)
    renewals.run(workspace_id=initech.pk, now=CLOSE)
    (april,) = renewing.orders(initech)
    with in_workspace(initech.pk):
        UsageBucket.objects.for_workspace(initech).update(alert_sessions=265)
    # By the zone of April; the one of March has May by then.
    refund(buying.paid(initech, at=LAST_OF_APRIL), "119", at=LAST_OF_APRIL)
    may = MAY_CLOSE + 6 * renewing.HOUR
    renewals.run(workspace_id=initech.pk, now=may)
    wire = payments.start(order=april, at=may, method=Method.WIRE)
    transfers.note(
        payment=wire,
        number=1,
        arrival=Arrival(amount=april.gross + 5, value_on=may.date()),
        by=people.add_operator(email="wires@console.example")[0],
        at=may + 3 * DAY,
        seen=Outcome.PAID,
    )
    for payback in list_paybacks(initech):
        paybacks.note_sent(payback=payback, at=may + 4 * DAY)
    return initech


def refund(order: Order, expected: str, *, at: datetime) -> None:
    """Refund what is left of an order's credits."""
    refunds.refund(order=order, expected=Decimal(expected), reason="Agreed.", at=at)


def use_half_a_cent(order: Order, *, at: datetime) -> None:
    """Have half a cent of an order's credits pay an overdraft."""
    half = Decimal("0.005")
    ledger.post(
        workspace=order.workspace,
        key=f"half:{order.number}",
        kind=PostingKind.SETTLEMENT,
        at=at,
        booking_month=at.date().replace(day=1),
        entries=[
            Entry(Account.PREPAID_CREDITS, half, lot=order.lot_id),
            Entry(Account.REVENUE_USAGE, -half),
        ],
    )


@made_once
def make_all() -> list[Workspace]:
    """Make all three."""
    return [make_acme(), make_globex(), make_hooli()]


def tamper(statement: str) -> None:
    """Change something that nobody may change, as the owner of the database can."""
    with psycopg.connect(address("owner")) as connection:
        connection.execute("ALTER TABLE plans_ledgerentry DISABLE TRIGGER USER")
        connection.execute(statement.encode())
        connection.execute("ALTER TABLE plans_ledgerentry ENABLE TRIGGER USER")
