"""Auto-reload: one order after a charge that leaves a wallet below its limit, never too many."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from pytest_django.fixtures import Settings

from accounts.models import Bot, Membership, Workspace
from accounts.tenancy import in_workspace
from invoices import auto_reload, orders, reloads
from invoices.models import AutoReload, Order, OrderStatus, OrderType, Payment, PaymentStatus
from invoices.sandbox import SavedAnswer
from plans import charging
from plans.models import Account, BotBilling, CreditLot, LotKind, Posting, PostingKind
from tests import make
from tests.at_once import at_once
from tests.invoices import buying
from tests.plans import books
from tests.rows import made_once

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])

LATER = make.NOON + timedelta(hours=1)


@pytest.fixture
@made_once
def owner() -> Membership:
    return make.member(make.workspace("acme"))


@pytest.fixture
def acme(owner: Membership) -> Workspace:
    return owner.workspace


def turn_on(
    owner: Membership,
    *,
    bot: Bot | None = None,
    amount: str = "100",
    limit: str = "50",
    answers: SavedAnswer = SavedAnswer.ACCEPT,
) -> AutoReload:
    return auto_reload.turn_on(
        workspace=owner.workspace,
        bot=bot,
        amount=Decimal(amount),
        limit=Decimal(limit),
        saved_method=buying.saved_method(owner.workspace, answers),
        by=owner.user,
        at=make.NOON,
    )


def leave(of: Workspace, left: str, *, bot: Bot | None = None) -> None:
    """Have a wallet hold so much, in one lot; no other lot holds anything."""
    with in_workspace(of.pk):
        lots = CreditLot.objects.for_workspace(of).filter(bot=bot)
        lots.update(balance=0)
        if Decimal(left) > 0:
            CreditLot.objects.create(
                workspace=of,
                bot=bot,
                kind=LotKind.FREE,
                currency_id="USD",
                amount=Decimal(left),
                balance=Decimal(left),
                granted_at=make.NOON,
            )


def charge(of: Workspace, *, at: datetime = LATER, bot: Bot | None = None) -> None:
    """Post a charge of a bot; what it takes, `leave` says."""
    charged = bot or make.bot(of)
    with in_workspace(of.pk):
        Posting.objects.create(
            workspace=of,
            key=f"charge:{charged.pk}:{at.isoformat()}",
            kind=PostingKind.CHARGE,
            posted_at=at,
            booking_month=at.date().replace(day=1),
            bot=charged,
            service_day=at.date(),
        )


def placed(of: Workspace) -> list[Order]:
    with in_workspace(of.pk):
        found = Order.objects.for_workspace(of).filter(type=OrderType.AUTO_RELOAD)
        return list(found.select_related("workspace").order_by("number"))


def is_on(of: Workspace) -> list[bool]:
    with in_workspace(of.pk):
        return [reload.is_on for reload in AutoReload.objects.for_workspace(of)]


@pytest.mark.parametrize(
    ("left", "limit", "due"),
    [
        ("49.9999", "50", True),
        ("50", "50", False),
        ("50.0001", "50", False),
        ("0.0001", "0", False),
        ("0", "0", True),
    ],
)
def test_edge_of_the_limit(
    owner: Membership, acme: Workspace, left: str, limit: str, due: bool
) -> None:
    turn_on(owner, limit=limit)
    leave(acme, left)
    charge(acme)

    count = reloads.run(workspace_id=acme.pk, now=LATER)

    assert count == len(placed(acme)) == due


def test_order_is_of_the_workspace_itself_and_charged_at_once(
    owner: Membership, acme: Workspace
) -> None:
    turn_on(owner, amount="300")
    leave(acme, "1")
    charge(acme)

    reloads.run(workspace_id=acme.pk, now=LATER)

    (order,) = placed(acme)
    assert order.status == OrderStatus.COMPLETED
    assert (order.buyer_id, order.net, order.created_at) == (None, Decimal(300), LATER)
    assert buying.bought(acme) == [100, 300]


def test_usage_that_is_charged_leads_to_a_reload_and_the_ledger_agrees(
    owner: Membership, acme: Workspace
) -> None:
    turn_on(owner, limit="599.90")  # of 500 that were free and 100 that were bought
    make.take_in(acme, *make.talk(0, 10))
    make.roll_up(acme)
    assert reloads.run(workspace_id=acme.pk, now=LATER) == 0

    charging.run(workspace_id=acme.pk, now=LATER)
    assert reloads.run(workspace_id=acme.pk, now=LATER + make.MINUTE) == 1

    assert [order.status for order in placed(acme)] == [OrderStatus.COMPLETED]
    assert books.balances(acme) == [Decimal("499.8"), 100, 100]
    sums = books.sums(acme)
    assert sums[Account.PAYMENTS] == 200
    assert sums[Account.PREPAID_CREDITS] == -200


def test_run_twice_is_one_order(owner: Membership, acme: Workspace) -> None:
    turn_on(owner)
    leave(acme, "1")
    charge(acme)

    counts = [reloads.run(workspace_id=acme.pk, now=LATER) for _ in range(2)]

    assert counts == [1, 0]
    assert len(placed(acme)) == 1


def test_runs_at_once_are_one_order(owner: Membership, acme: Workspace) -> None:
    turn_on(owner)
    leave(acme, "1")
    charge(acme)

    raised = at_once(*[lambda: reloads.run(workspace_id=acme.pk, now=LATER)] * 6)

    assert raised == [None] * 6
    assert [order.status for order in placed(acme)] == [OrderStatus.COMPLETED]
    assert buying.bought(acme) == [100, 100]


def test_without_a_charge_since_it_was_turned_on_nothing_is_due(
    owner: Membership, acme: Workspace
) -> None:
    charge(acme, at=make.NOON - timedelta(hours=1))
    turn_on(owner)
    leave(acme, "1")

    assert reloads.run(workspace_id=acme.pk, now=LATER) == 0


def test_reload_that_does_not_suffice_is_followed_after_the_next_charge_only(
    owner: Membership, acme: Workspace
) -> None:
    turn_on(owner, limit="500")
    leave(acme, "1")
    charge(acme)
    reloads.run(workspace_id=acme.pk, now=LATER)

    assert reloads.run(workspace_id=acme.pk, now=LATER + make.MINUTE) == 0
    charge(acme, at=LATER + 2 * make.MINUTE)
    assert reloads.run(workspace_id=acme.pk, now=LATER + 2 * make.MINUTE) == 1


def test_none_while_one_is_open(owner: Membership, acme: Workspace) -> None:
    turn_on(owner, answers=SavedAnswer.REVIEW)
    leave(acme, "1")
    charge(acme)
    reloads.run(workspace_id=acme.pk, now=LATER)
    charge(acme, at=LATER + make.MINUTE)

    assert reloads.run(workspace_id=acme.pk, now=LATER + make.MINUTE) == 0
    assert [order.status for order in placed(acme)] == [OrderStatus.IN_REVIEW]


def test_three_a_local_day(owner: Membership, acme: Workspace) -> None:
    # 23:30 of 2 March to 00:30 of 3 March in Kolkata.
    with in_workspace(acme.pk):
        acme.timezone = "Asia/Kolkata"
        acme.save()
    turn_on(owner, limit="20000")
    start = datetime(2026, 3, 2, 17, 0, tzinfo=UTC)
    counts = []
    for number in range(10):
        now = start + number * 10 * make.MINUTE
        charge(acme, at=now)
        counts.append(reloads.run(workspace_id=acme.pk, now=now))

    # 18:30 UTC begins the next local day there.
    assert counts == [1, 1, 1, 0, 0, 0, 0, 0, 0, 1]


def test_failure_switches_it_off_until_a_person_turns_it_on(
    owner: Membership, acme: Workspace
) -> None:
    turn_on(owner, answers=SavedAnswer.DECLINE)
    leave(acme, "1")
    charge(acme)

    reloads.run(workspace_id=acme.pk, now=LATER)

    assert [order.status for order in placed(acme)] == [OrderStatus.FAILED]
    with in_workspace(acme.pk):
        reload = AutoReload.objects.for_workspace(acme).get()
    assert (reload.is_on, reload.off_because) == (False, auto_reload.FAILED)
    charge(acme, at=LATER + make.MINUTE)
    assert reloads.run(workspace_id=acme.pk, now=LATER + make.MINUTE) == 0

    turn_on(owner, answers=SavedAnswer.ACCEPT)
    leave(acme, "1")
    charge(acme, at=LATER + 2 * make.MINUTE)
    assert reloads.run(workspace_id=acme.pk, now=LATER + 2 * make.MINUTE) == 1


def test_failed_purchase_by_hand_leaves_it_on(owner: Membership, acme: Workspace) -> None:
    turn_on(owner)

    orders.fail(order=buying.order(acme, buyer=owner.user))

    assert is_on(acme) == [True]


def test_wallet_of_a_bot_is_its_own(owner: Membership, acme: Workspace) -> None:
    bot, other = make.bot(acme, "support"), make.bot(acme, "sales")
    turn_on(owner, bot=bot)
    leave(acme, "1", bot=bot)
    leave(acme, "1000")

    charge(acme, bot=other)
    assert reloads.run(workspace_id=acme.pk, now=LATER) == 0
    charge(acme, bot=bot)
    assert reloads.run(workspace_id=acme.pk, now=LATER) == 1

    assert [order.bot_id for order in placed(acme)] == [bot.pk]


def test_overdraft_counts_against_the_wallet(owner: Membership, acme: Workspace) -> None:
    bot = make.bot(acme)
    turn_on(owner, limit="50")
    leave(acme, "55")
    with in_workspace(acme.pk):
        BotBilling.objects.create(workspace=acme, bot=bot, overdraft=6)
    charge(acme, bot=bot)

    assert reloads.run(workspace_id=acme.pk, now=LATER) == 1


def test_credits_past_their_last_day_do_not_count(owner: Membership, acme: Workspace) -> None:
    turn_on(owner)
    leave(acme, "500")
    with in_workspace(acme.pk):
        lots = CreditLot.objects.for_workspace(acme).filter(kind=LotKind.FREE)
        lots.update(last_day=make.NOON.date() - timedelta(days=1))
    charge(acme)

    assert reloads.run(workspace_id=acme.pk, now=LATER) == 1


def test_worker_that_died_before_it_charged_is_made_good(
    owner: Membership, acme: Workspace
) -> None:
    reload = turn_on(owner)
    leave(acme, "1")
    charge(acme)
    assert reloads.order_for(workspace=acme, bot_id=reload.bot_id, now=LATER)
    (order,) = placed(acme)
    assert order.status == OrderStatus.PENDING

    assert acme.pk in reloads.find_due()
    assert reloads.run(workspace_id=acme.pk, now=LATER + make.MINUTE) == 0

    assert buying.status(order) == OrderStatus.COMPLETED


def test_provider_is_not_asked_again_at_once(owner: Membership, acme: Workspace) -> None:
    reload = turn_on(owner)
    leave(acme, "1")
    charge(acme)
    reloads.order_for(workspace=acme, bot_id=reload.bot_id, now=LATER)
    with in_workspace(acme.pk):
        Payment.objects.for_workspace(acme).filter(saved_method__isnull=False).update(
            asked_at=LATER
        )

    reloads.run(workspace_id=acme.pk, now=LATER + 4 * make.MINUTE)
    assert [order.status for order in placed(acme)] == [OrderStatus.PENDING]
    reloads.run(workspace_id=acme.pk, now=LATER + 6 * make.MINUTE)
    assert [order.status for order in placed(acme)] == [OrderStatus.COMPLETED]


def test_other_workspace_is_left_alone(owner: Membership, acme: Workspace) -> None:
    globex = make.member(make.workspace("globex"))
    turn_on(globex)
    charge(globex.workspace)
    leave(globex.workspace, "1")

    assert reloads.run(workspace_id=acme.pk, now=LATER) == 0

    assert placed(globex.workspace) == []
    assert reloads.find_due() == [globex.workspace_id]


def test_database_has_one_open_reload_of_a_wallet(acme: Workspace) -> None:
    buying.order(acme, type=OrderType.AUTO_RELOAD)

    with pytest.raises(Exception, match="order_one_open_reload"):
        buying.order(acme, type=OrderType.AUTO_RELOAD)
    buying.order(acme, type=OrderType.AUTO_RELOAD, bot=make.bot(acme))


def test_turning_on_and_off_again_changes_nothing(owner: Membership, acme: Workspace) -> None:
    first = turn_on(owner)
    again = turn_on(owner)

    assert again.turned_on_at == first.turned_on_at
    assert auto_reload.turn_off(workspace=acme, bot=None, at=make.NOON)
    assert not auto_reload.turn_off(workspace=acme, bot=None, at=make.NOON)
    assert is_on(acme) == [False]


def test_saved_method_whose_provider_is_gone_fails(
    owner: Membership, acme: Workspace, settings: Settings
) -> None:
    turn_on(owner)
    leave(acme, "1")
    charge(acme)
    settings.SANDBOX_PAYMENTS = False

    reloads.run(workspace_id=acme.pk, now=LATER)

    assert [order.status for order in placed(acme)] == [OrderStatus.FAILED]
    assert is_on(acme) == [False]


def test_payments_of_a_reload_are_of_the_saved_method(owner: Membership, acme: Workspace) -> None:
    turn_on(owner)
    leave(acme, "1")
    charge(acme)

    reloads.run(workspace_id=acme.pk, now=LATER)

    with in_workspace(acme.pk):
        payment = Payment.objects.for_workspace(acme).get(saved_method__isnull=False)
    assert (payment.status, payment.asked_at) == (PaymentStatus.ACCEPTED, LATER)
