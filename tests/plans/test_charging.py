"""Usage is charged once, whatever comes late, twice, at once or in another order."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from accounts.models import Workspace
from accounts.tenancy import in_workspace
from plans import billing, charging, lots, verification
from plans.models import (
    Account,
    BotPlan,
    ChargedDay,
    PlanVersion,
    Posting,
    PostingKind,
    WorkspaceBilling,
)
from tests import make
from tests.at_once import at_once
from tests.plans import books
from usage import zones
from usage.models import ChangedBot

pytestmark = pytest.mark.django_db(transaction=True)

TODAY = date(2026, 3, 2)  # of make.NOON
DAY = timedelta(days=1)
PRICE = Decimal("0.20")


@pytest.fixture
def acme() -> Workspace:
    return books.open_without_credits(make.workspace("acme"))


def use(
    of: Workspace, sessions: int = 1, *, at: datetime = make.NOON, bot: str = "support"
) -> None:
    """Have a bot send as many alerts, which are billing sessions each, and roll them up."""
    alerts = [
        make.event("alert.delivered", at=at + number * make.MINUTE, subject=bot)
        for number in range(sessions)
    ]
    make.take_in(of, *alerts)
    make.roll_up(of)


def charge(of: Workspace, *, now: datetime = make.LONG_AFTER) -> int:
    return charging.run(workspace_id=of.pk, now=now)


def change_plan(of: Workspace, plan: str, *, day: date, bot: str = "support") -> None:
    """Give a bot another plan from a day on."""
    with in_workspace(of.pk):
        BotPlan.objects.update_or_create(
            workspace=of,
            bot=make.bot(of, bot),
            starts_on=day,
            defaults={"version": PlanVersion.objects.get(plan__code=plan)},
        )
        books.mark(make.bot(of, bot))


def charged(of: Workspace) -> dict[tuple[date, int], Decimal]:
    """Return what is charged by day and version, as far as it is not zero."""
    with in_workspace(of.pk):
        rows = ChargedDay.objects.for_workspace(of).exclude(amount=0)
        return {(row.day, row.version_id): row.amount for row in rows}


def by_day(of: Workspace) -> dict[date, Decimal]:
    """Return what is charged by day, which at the change of a plan is of two versions."""
    days: defaultdict[date, Decimal] = defaultdict(Decimal)
    for (day, _), amount in charged(of).items():
        days[day] += amount
    return dict(days)


def count_postings(of: Workspace) -> int:
    with in_workspace(of.pk):
        return Posting.objects.for_workspace(of).filter(kind=PostingKind.CHARGE).count()


def assert_whole(of: Workspace) -> None:
    assert verification.verify(of) == []


def test_usage_is_taken_from_free_credits_before_bought_and_own_before_shared(
    acme: Workspace,
) -> None:
    bot = make.bot(acme)
    books.buy(acme, 1)
    books.buy(acme, 1, bot=bot)
    books.free(acme, 1)
    books.free(acme, 1, bot=bot)
    left = []

    for number in range(4):
        use(acme, 4, at=make.NOON + number * make.HOUR)
        charge(acme)
        left.append([int(balance * 100) for balance in books.balances(acme)])

    assert left == [
        [100, 100, 100, 20],
        [100, 100, 40, 0],
        [100, 60, 0, 0],
        [80, 0, 0, 0],
    ]
    assert_whole(acme)


def test_a_posting_names_bot_day_meter_version_and_how_many(acme: Workspace) -> None:
    use(acme, 3)

    assert charge(acme) == 1

    with in_workspace(acme.pk):
        posting = Posting.objects.get()
    version = PlanVersion.objects.get(plan__code="standard")
    assert posting.bot_id == make.bot(acme).pk
    assert posting.service_day == TODAY
    assert posting.booking_month == date(2026, 3, 1)
    assert posting.meter == "billing_sessions"
    assert posting.version_id == version.pk
    assert posting.quantity == 3
    assert posting.posted_at == make.LONG_AFTER


def test_a_second_run_posts_nothing(acme: Workspace) -> None:
    use(acme)
    charge(acme)

    again = charge(acme)
    books.mark(make.bot(acme))
    marked = charge(acme)

    assert (again, marked, count_postings(acme)) == (0, 0, 1)


def test_eight_at_once_post_what_one_posts(acme: Workspace) -> None:
    books.free(acme, 1)
    for bot in range(6):
        use(acme, 2, bot=f"bot-{bot}")

    raised = at_once(*[lambda: charge(acme)] * 8)

    assert raised == [None] * 8
    assert count_postings(acme) == 6
    assert books.balances(acme) == [0]
    assert sum(books.overdraft(make.bot(acme, f"bot-{bot}")) for bot in range(6)) == Decimal("1.4")
    assert_whole(acme)


def test_charging_and_rolling_up_at_once_do_not_wait_for_each_other(acme: Workspace) -> None:
    def roll_up(bot: int) -> None:
        for number in range(5):
            use(acme, at=make.NOON + number * make.HOUR, bot=f"bot-{bot}")

    def charge_often() -> None:
        for _ in range(10):
            charge(acme)

    raised = at_once(*[lambda bot=bot: roll_up(bot) for bot in range(3)], *[charge_often] * 3)
    charge(acme)

    assert raised == [None] * 6
    assert sum(by_day(acme).values()) <= 15 * PRICE
    with in_workspace(acme.pk):
        total = sum(ChargedDay.objects.values_list("amount", flat=True))
    assert total == 15 * PRICE
    assert_whole(acme)


def test_late_usage_is_posted_as_the_difference(acme: Workspace) -> None:
    use(acme, 2)
    charge(acme)

    use(acme, 1, at=make.NOON + make.HOUR)
    charge(acme)

    assert by_day(acme) == {TODAY: 3 * PRICE}
    assert count_postings(acme) == 2


def test_what_no_lot_pays_is_an_overdraft_that_the_next_lot_pays(acme: Workspace) -> None:
    books.free(acme, 1)
    use(acme, 7)
    charge(acme)
    owed = books.overdraft(make.bot(acme))

    books.buy(acme, 10)

    assert owed == Decimal("0.4")
    assert books.balances(acme) == [0, Decimal("9.6")]
    assert books.sums(acme)[Account.REVENUE_USAGE] == Decimal("-0.4")
    assert_whole(acme)


def test_a_lot_serves_days_up_to_its_last(acme: Workspace) -> None:
    books.free(acme, 10, last_day=TODAY)
    use(acme, 1)
    use(acme, 1, at=make.NOON + DAY)

    charge(acme, now=make.NOON + DAY)

    assert books.balances(acme) == [Decimal("9.8")]
    assert books.overdraft(make.bot(acme)) == Decimal("0.2")


def test_an_upgrade_gives_the_charges_of_its_days_back(acme: Workspace) -> None:
    books.free(acme, 1)
    books.buy(acme, 1)
    use(acme, 2)
    use(acme, 9, at=make.NOON + DAY)
    charge(acme)
    before = books.balances(acme)

    change_plan(acme, "essential", day=TODAY + DAY)
    charge(acme)

    assert before == [0, 0]
    assert by_day(acme) == {TODAY: 2 * PRICE}
    assert books.balances(acme) == [Decimal("0.6"), 1]
    assert books.overdraft(make.bot(acme)) == 0
    assert_whole(acme)


def test_what_goes_back_to_a_lapsed_lot_lapses_at_once(acme: Workspace) -> None:
    books.free(acme, 1, last_day=TODAY)
    use(acme, 2)
    charge(acme)
    lots.lapse_due(workspace_id=acme.pk, now=make.LONG_AFTER)

    change_plan(acme, "essential", day=TODAY)
    charge(acme)

    assert books.balances(acme) == [0]
    assert books.sums(acme) == {}
    assert_whole(acme)


def test_what_goes_back_to_a_shared_lot_pays_what_another_bot_owes(acme: Workspace) -> None:
    books.free(acme, 1)
    use(acme, 5, bot="first")
    charge(acme)
    use(acme, 3, bot="second")
    charge(acme)
    owed = books.overdraft(make.bot(acme, "second"))

    change_plan(acme, "essential", day=TODAY, bot="first")
    charge(acme)

    assert owed == Decimal("0.6")
    assert books.overdraft(make.bot(acme, "second")) == 0
    assert books.balances(acme) == [Decimal("0.4")]
    assert_whole(acme)


def test_bots_that_pay_each_other_s_overdrafts_get_all_back(acme: Workspace) -> None:
    books.free(acme, 1)
    for bot in ("first", "second", "third"):
        use(acme, 4, bot=bot)
        charge(acme)

    for bot in ("first", "second", "third"):
        change_plan(acme, "essential", day=TODAY, bot=bot)
    charge(acme)

    assert books.balances(acme) == [1]
    assert by_day(acme) == {}
    assert_whole(acme)


def test_what_was_paid_later_goes_back_to_who_paid_it(acme: Workspace) -> None:
    use(acme, 5)
    charge(acme)
    books.buy(acme, 10)

    change_plan(acme, "essential", day=TODAY)
    charge(acme)

    assert books.balances(acme) == [10]
    assert_whole(acme)


def test_days_corrected_one_after_the_other_give_back_no_more_than_was_used(
    acme: Workspace,
) -> None:
    books.free(acme, 1)
    use(acme, 5)  # takes the lot
    charge(acme)
    use(acme, 5, at=make.NOON + DAY)  # is owed
    charge(acme)
    change_plan(acme, "standard", day=TODAY + DAY)
    change_plan(acme, "essential", day=TODAY)  # gives back what the other day owes
    charge(acme)

    change_plan(acme, "essential", day=TODAY + DAY)
    charge(acme)
    change_plan(acme, "standard", day=TODAY)
    charge(acme)
    change_plan(acme, "essential", day=TODAY)
    charge(acme)

    assert books.balances(acme) == [1]
    assert books.overdraft(make.bot(acme)) == 0
    assert_whole(acme)


def test_a_day_of_a_closed_month_is_booked_in_the_oldest_open_one(acme: Workspace) -> None:
    with in_workspace(acme.pk):
        WorkspaceBilling.objects.for_workspace(acme).update(open_month=date(2026, 4, 1))

    use(acme)
    charge(acme)

    with in_workspace(acme.pk):
        posting = Posting.objects.get()
    assert posting.service_day == TODAY
    assert posting.booking_month == date(2026, 4, 1)


def test_days_of_a_contract_are_not_charged(acme: Workspace) -> None:
    use(acme)
    use(acme, at=make.NOON + DAY)
    charge(acme)
    with in_workspace(acme.pk):
        WorkspaceBilling.objects.for_workspace(acme).update(enterprise_from=TODAY + DAY)

    books.mark(make.bot(acme))
    charge(acme)

    assert by_day(acme) == {TODAY: PRICE}


def test_a_currency_without_prices_charges_nothing() -> None:
    francs = make.workspace("francs", currency="CHF")
    use(francs)

    assert charge(francs) == 0


def test_days_are_those_of_the_zone_that_their_month_has() -> None:
    berlin = make.workspace("berlin", timezone="Europe/Berlin")
    in_berlin = datetime(2026, 3, 2, 23, 30, tzinfo=UTC)  # already the 3rd
    use(berlin, at=in_berlin)
    # At the change from Berlin (then UTC+2) to New York the 1st of April has six more hours.
    between = datetime(2026, 4, 1, 1, tzinfo=UTC)
    use(berlin, 2, at=between)
    use(berlin, 3, at=datetime(2026, 4, 2, 3, 30, tzinfo=UTC))
    charge(berlin)
    before = by_day(berlin)

    zones.change(workspace=berlin, zone="America/New_York", at=make.NOON)
    books.mark(make.bot(berlin))
    charge(berlin)
    waiting = by_day(berlin)
    zones.recount(workspace_id=berlin.pk)
    charge(berlin)

    assert before == {
        date(2026, 3, 3): PRICE,
        date(2026, 4, 1): 2 * PRICE,
        date(2026, 4, 2): 3 * PRICE,
    }
    assert waiting == by_day(berlin) == {date(2026, 3, 3): PRICE, date(2026, 4, 1): 5 * PRICE}
    assert_whole(berlin)


def test_a_run_that_leaves_nothing_says_when(acme: Workspace) -> None:
    use(acme)

    charge(acme, now=make.LONG_AFTER)
    charge(acme, now=make.NOON)

    with in_workspace(acme.pk):
        assert WorkspaceBilling.objects.get().charged_at == make.LONG_AFTER
        assert not ChangedBot.objects.exists()


def test_usage_around_midnight_is_charged_by_a_clock_that_is_behind(acme: Workspace) -> None:
    midnight = datetime(2026, 3, 3, tzinfo=UTC)
    use(acme, 2, at=midnight - make.MINUTE)

    behind = charge(acme, now=midnight - timedelta(seconds=1))
    again = charge(acme, now=midnight + make.HOUR)

    assert (behind, again) == (2, 0)
    assert by_day(acme) == {TODAY: PRICE, TODAY + DAY: PRICE}


def test_another_workspace_is_left_alone(acme: Workspace) -> None:
    globex = books.open_without_credits(make.workspace("globex"))
    use(acme)
    use(globex)

    charge(acme)

    assert by_day(globex) == {}
    charge(globex)
    assert by_day(globex) == {TODAY: PRICE}


def test_a_first_run_opens_the_billing_of_a_workspace() -> None:
    globex = make.workspace("globex")

    charge(globex, now=make.NOON)

    assert books.balances(globex) == [500]
    assert billing.open_billing(workspace=globex, at=make.NOON).charged_at == make.NOON
