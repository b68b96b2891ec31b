"""Credits are granted, bought, refunded and lapse, each once."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from accounts.models import Workspace
from accounts.tenancy import in_workspace
from plans import billing, ledger, lots
from plans.ledger import Entry
from plans.lots import NotLeft
from plans.models import (
    Account,
    BotPlan,
    LotKind,
    Plan,
    PlanVersion,
    Posting,
    PostingKind,
    WorkspaceBilling,
)
from tests import make
from tests.at_once import at_once
from tests.plans import books

pytestmark = pytest.mark.django_db(transaction=True)

DAY = date(2026, 3, 2)  # of make.NOON


@pytest.fixture
def acme() -> Workspace:
    """A workspace whose billing is open, without credits."""
    return books.open_without_credits(make.workspace("acme"))


def owe(of: Workspace, *, bot: str = "support", amount: int = 7) -> None:
    """Have a bot owe something for usage."""
    owing = make.bot(of, bot).pk
    ledger.post(
        workspace=of,
        at=make.NOON,
        key=f"charge:{bot}",
        kind=PostingKind.CHARGE,
        booking_month=DAY.replace(day=1),
        entries=[
            Entry(Account.OVERDRAFT, Decimal(amount), bot=owing),
            Entry(Account.REVENUE_USAGE, Decimal(-amount)),
        ],
    )


def grant(of: Workspace, *, key: str = "free:1", amount: int = 100, **values: object) -> None:
    lots.grant_free(
        workspace=of,
        amount=Decimal(amount),
        at=make.NOON,
        last_day=DAY,
        key=key,
        **values,  # type: ignore[arg-type]
    )


def test_a_workspace_begins_with_free_credits_of_its_currency_for_ninety_days() -> None:
    kolkata = make.workspace("kolkata", timezone="Asia/Kolkata")
    late = datetime(2026, 3, 1, 20, tzinfo=UTC)  # already the 2nd there

    opened = billing.open_billing(workspace=kolkata, at=late)

    (lot,) = books.lots(kolkata)
    assert lot.kind == LotKind.FREE
    assert lot.bot_id is None
    assert lot.balance == 500
    assert lot.last_day == date(2026, 3, 2) + timedelta(days=90)
    assert opened.open_month == date(2026, 3, 1)
    assert opened.default_plan.code == "standard"
    assert books.sums(kolkata) == {Account.PROMOTION: 500, Account.FREE_CREDITS: -500}


def test_billing_opens_once_also_of_two_at_once() -> None:
    acme = make.workspace("acme")

    raised = at_once(*[lambda: billing.open_billing(workspace=acme, at=make.NOON)] * 4)

    assert raised == [None] * 4
    assert books.balances(acme) == [500]
    with in_workspace(acme.pk):
        assert WorkspaceBilling.objects.count() == 1


def test_a_currency_that_the_catalog_lacks_has_no_free_credits() -> None:
    francs = make.workspace("francs", currency="CHF")

    billing.open_billing(workspace=francs, at=make.NOON)

    assert books.lots(francs) == []


def test_bought_credits_are_prepaid_net_and_tax_is_owed(acme: Workspace) -> None:
    lot = lots.add_bought(
        workspace=acme, net=Decimal(100), tax=Decimal(19), at=make.NOON, key="order:1"
    )

    assert lot.balance == lot.amount == 100
    assert lot.last_day is None
    assert books.sums(acme) == {
        Account.PAYMENTS: 119,
        Account.TAX_PAYABLE: -19,
        Account.PREPAID_CREDITS: -100,
    }


def test_one_key_adds_one_lot_also_at_once(acme: Workspace) -> None:
    grant(acme)

    raised = at_once(*[lambda: grant(acme, amount=999)] * 4)

    assert raised == [None] * 4
    assert books.balances(acme) == [100]


def test_the_same_key_in_another_workspace_is_another_lot(acme: Workspace) -> None:
    globex = books.open_without_credits(make.workspace("globex"))
    grant(acme)

    grant(globex, amount=5)

    assert books.balances(acme) == [100]
    assert books.balances(globex) == [5]


def test_bought_credits_pay_an_overdraft_first_and_revenue_stays(acme: Workspace) -> None:
    owe(acme)

    lots.add_bought(workspace=acme, net=Decimal(100), tax=Decimal(0), at=make.NOON, key="order:1")

    assert books.balances(acme) == [93]
    assert books.overdraft(make.bot(acme)) == 0
    assert books.sums(acme) == {
        Account.PAYMENTS: 100,
        Account.PREPAID_CREDITS: -93,
        Account.REVENUE_USAGE: -7,
    }


def test_free_credits_pay_an_overdraft_which_is_no_revenue_then(acme: Workspace) -> None:
    owe(acme)

    grant(acme)

    assert books.balances(acme) == [93]
    assert books.sums(acme) == {Account.FREE_CREDITS: -93, Account.PROMOTION: 93}


def test_a_shared_lot_pays_what_it_can_in_order_of_bots(acme: Workspace) -> None:
    owe(acme, bot="first", amount=70)
    owe(acme, bot="second", amount=70)

    grant(acme)

    assert books.balances(acme) == [0]
    assert [books.overdraft(make.bot(acme, key)) for key in ("first", "second")] == [0, 40]


def test_the_lot_of_a_bot_pays_no_overdraft_of_another(acme: Workspace) -> None:
    owe(acme)

    grant(acme, bot=make.bot(acme, "other"))

    assert books.balances(acme) == [100]
    assert books.overdraft(make.bot(acme)) == 7


def test_credits_lapse_a_day_after_the_local_end_of_their_last_day() -> None:
    berlin = make.workspace("berlin", timezone="Europe/Berlin")
    began = datetime(2025, 12, 28, 12, tzinfo=UTC)
    billing.open_billing(workspace=berlin, at=began)  # its last day, 28 March, ends at 23:00 UTC
    due = datetime(2026, 3, 29, 23, tzinfo=UTC)

    early = lots.lapse_due(workspace_id=berlin.pk, now=due - timedelta(microseconds=1))
    at_last = lots.lapse_due(workspace_id=berlin.pk, now=due)

    assert (early, at_last) == (0, 1)


def test_what_lapses_goes_back_to_promotion_once(acme: Workspace) -> None:
    grant(acme)
    due = datetime(2026, 3, 4, tzinfo=UTC)

    early = lots.lapse_due(workspace_id=acme.pk, now=due - timedelta(microseconds=1))
    at_last = lots.lapse_due(workspace_id=acme.pk, now=due)
    again = lots.lapse_due(workspace_id=acme.pk, now=due)

    assert (early, at_last, again) == (0, 1, 0)
    (lot,) = books.lots(acme)
    assert lot.balance == 0
    assert lot.lapsed_at == due
    assert books.sums(acme) == {}


def test_bought_credits_that_lapse_are_revenue(acme: Workspace) -> None:
    lots.add_bought(
        workspace=acme,
        net=Decimal(100),
        tax=Decimal(0),
        at=make.NOON,
        key="order:1",
        last_day=DAY,
    )

    raised = at_once(
        *[lambda: lots.lapse_due(workspace_id=acme.pk, now=make.LONG_AFTER)] * 4,
    )

    assert raised == [None] * 4
    assert books.sums(acme) == {Account.PAYMENTS: 100, Account.REVENUE_LAPSED: -100}


@pytest.mark.usefixtures("own_catalog")
@pytest.mark.django_db(transaction=True, databases=["default", "operator"])
def test_bought_credits_lapse_where_the_plan_says_so(acme: Workspace) -> None:
    bot = make.bot(acme)
    version = PlanVersion.objects.using("operator").create(
        plan=Plan.objects.get(code="standard"),
        number=99,
        uses_credits=True,
        bought_credit_days=365,
        withdrawn_at=make.NOON,
    )
    with in_workspace(acme.pk):
        BotPlan.objects.filter(bot=bot).update(version=version.pk)

    for key, owner in (("own", bot), ("shared", None)):
        lots.add_bought(
            workspace=acme, net=Decimal(1), tax=Decimal(0), at=make.NOON, key=key, bot=owner
        )

    assert [lot.last_day for lot in books.lots(acme)] == [DAY + timedelta(days=365), None]


def test_a_refund_takes_all_that_is_left_with_its_tax_once(acme: Workspace) -> None:
    lot = lots.add_bought(
        workspace=acme, net=Decimal(100), tax=Decimal(19), at=make.NOON, key="order:1"
    )

    def refund(net: int, tax: int, key: str) -> bool:
        return lots.refund(lot=lot, net=Decimal(net), tax=Decimal(tax), at=make.NOON, key=key)

    for other in (99, 101):
        with pytest.raises(NotLeft, match=r"100\.0000 USD are left"):
            refund(other, 19, "refund:0")
    assert refund(100, 19, "refund:1")
    assert not refund(100, 19, "refund:1")

    assert books.balances(acme) == [0]
    assert books.sums(acme) == {"payments": 119, "receivable": -119}


def test_postings_are_booked_in_no_closed_month(acme: Workspace) -> None:
    with in_workspace(acme.pk):
        WorkspaceBilling.objects.for_workspace(acme).update(open_month=date(2026, 5, 1))

    grant(acme)

    with in_workspace(acme.pk):
        assert Posting.objects.get().booking_month == date(2026, 5, 1)
