"""What months would have cost: under the plan that was in force just what was billed for them."""

import random
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.days import DAY
from accounts.models import Bot, Workspace
from accounts.months import read_calendar
from accounts.tenancy import in_workspace
from invoices import orders, refunds, what_if
from invoices.models import OrderLine
from invoices.what_if import History, Option
from plans import charging
from plans.models import ChargedDay, Meter, WorkspaceBilling
from tests import make
from tests.invoices import buying, renewing
from tests.invoices.renewing import APRIL, MARCH, MAY
from usage.queries import Counts

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])

UPGRADED = datetime(2026, 3, 2, 12, tzinfo=UTC)  # of a month of 31 days: 30 are left
MID_APRIL = datetime(2026, 4, 16, 12, tzinfo=UTC)
CLOSE_APRIL = datetime(2026, 5, 2, 12, tzinfo=UTC)
TODAY = date(2026, 5, 2)


def read(
    of: Workspace,
    *bots: Bot,
    months: tuple[date, ...] = (MARCH, APRIL),
    now: datetime = CLOSE_APRIL,
) -> tuple[History, dict[str, Option]]:
    """Return the history of bots and what each plan would have cost, by its code."""
    history = what_if.read_history(workspace=of, bots=bots, months=months, now=now)
    options = what_if.list_options(workspace=of, history=history, today=TODAY)
    return history, {option.offer.plan.code: option for option in options}


def live_through(of: Workspace, rng: random.Random) -> None:
    """Use three bots in March and April at random instants, up to the edges of these months."""
    calendar = read_calendar(of)
    for month in (MARCH, APRIL):
        starts_at, hours = calendar.start_of(month), 30 * 24
        for key in ("sales", "support", "desk"):
            events = [
                make.event(
                    "alert.delivered",
                    subject=key,
                    at=starts_at + rng.randrange(hours) * make.HOUR,
                )
                for _ in range(rng.randrange(5, 40))
            ]
            talks = make.talk(0, 14, 28, 31, subject=key, user=f"u{month.month}", start=starts_at)
            seat = make.event("agent.seat_assigned", subject=key, agent="ada", at=starts_at)
            make.take_in(of, *events, *talks, seat, now=CLOSE_APRIL)
    make.roll_up(of, now=CLOSE_APRIL)
    charging.run(workspace_id=of.pk, now=CLOSE_APRIL)


@pytest.mark.parametrize(
    ("zone", "seed"),
    [("UTC", 1), ("Europe/Berlin", 2), ("America/New_York", 3), ("Asia/Kolkata", 4)],
)
def test_plan_in_force_would_have_cost_what_was_billed(zone: str, seed: int) -> None:
    acme = renewing.workspace(timezone=zone)
    bots = [make.bot(acme, key) for key in ("sales", "support", "desk")]
    renewing.has(bots[1], "essential")
    renewing.has(bots[2], "advanced")
    live_through(acme, random.Random(seed))
    renewing.run(acme, CLOSE_APRIL)
    history, options = read(acme, *bots)

    with in_workspace(acme.pk):
        for bot, plan in zip(bots, ("standard", "essential", "advanced"), strict=True):
            of_april = {"bot": bot, "first_day__gte": APRIL, "first_day__lt": MAY}
            lines = OrderLine.objects.for_workspace(acme).filter(**of_april)
            taken = ChargedDay.objects.for_workspace(acme).filter(
                bot=bot, day__range=(APRIL, MAY - DAY)
            )
            billed = sum((line.net for line in lines), Decimal(0))
            billed += sum((day.amount for day in taken), Decimal(0))
            assert billed
            assert options[plan].costs[bot.pk, APRIL] == billed
            assert history.spent[bot.pk, APRIL] == billed


def test_open_month_has_cost_what_it_comes_to_so_far() -> None:
    acme = renewing.workspace()
    bot = renewing.has(make.bot(acme), "essential")
    renewing.use(bot, 410)
    renewing.hold(bot, 1)

    history, options = read(acme, bot, months=(MARCH,), now=renewing.CLOSE)

    assert history.spent[bot.pk, MARCH] == Decimal("21.80")  # the fee was never ordered
    assert options["essential"].total == Decimal("81.80")


def test_month_that_is_closed_under_a_contract_has_cost_nothing() -> None:
    acme = renewing.workspace()
    bot = renewing.has(make.bot(acme), "essential")
    renewing.use(bot, 410)
    with in_workspace(acme.pk):
        WorkspaceBilling.objects.for_workspace(acme).update(enterprise_from=APRIL + DAY)

    assert spend(bot) == 0


def spend(bot: Bot) -> Decimal:
    """Return what March did cost a bot."""
    history, _ = read(bot.workspace, bot, months=(MARCH,))
    return history.spent[bot.pk, MARCH]


def test_upgrade_that_waits_for_its_payment_has_cost_nothing() -> None:
    bot = make.bot(renewing.workspace())

    buying.upgrade(bot, at=UPGRADED)

    assert spend(bot) == 0


def test_upgrade_paid_late_has_cost_what_its_plan_did_by_then() -> None:
    bot = make.bot(renewing.workspace())

    orders.complete(order=buying.upgrade(bot, at=UPGRADED), at=UPGRADED + 10 * DAY)

    assert spend(bot) == Decimal("38.71")  # 60 x 20 / 31; the other 19.35 became credits


def test_upgrade_paid_under_a_contract_has_cost_nothing() -> None:
    bot = make.bot(renewing.workspace())
    order = buying.upgrade(bot, at=UPGRADED)
    with in_workspace(bot.workspace_id):
        held = WorkspaceBilling.objects.for_workspace(bot.workspace)
        held.update(enterprise_from=UPGRADED.date())

    orders.complete(order=order, at=UPGRADED)

    assert spend(bot) == 0  # all of it became credits


def test_upgrade_whose_rest_is_refunded_has_cost_its_plan() -> None:
    bot = make.bot(renewing.workspace())
    order = buying.upgrade(bot, at=UPGRADED)
    orders.complete(order=order, at=UPGRADED + 10 * DAY)

    refunds.refund(
        order=order, expected=Decimal("19.35"), reason="Asked for.", at=UPGRADED + 11 * DAY
    )

    assert spend(bot) == Decimal("38.71")


def test_other_plans_are_replayed_on_the_same_usage() -> None:
    acme = renewing.workspace()
    bot = make.bot(acme)
    renewing.use(bot, 410)

    _, options = read(acme, bot, months=(MARCH,))

    totals = {code: option.total for code, option in options.items()}
    assert totals == {
        "standard": Decimal("82.00"),
        "essential": Decimal("61.80"),
        "advanced": Decimal("400.00"),
    }


def test_plan_that_was_not_open_says_why() -> None:
    acme = renewing.workspace()
    bot = make.bot(acme)
    renewing.use(bot, 2001)

    _, options = read(acme, bot, months=(APRIL,))

    assert "there were 2,001 in March 2026" in options["essential"].reasons[bot.pk]
    assert not options["advanced"].reasons


def test_archived_bot_takes_part_as_long_as_it_was_there_or_used() -> None:
    acme = renewing.workspace()
    bot = make.bot(acme)
    renewing.use(bot, 5)
    with in_workspace(acme.pk):
        Bot.objects.filter(pk=bot.pk).update(
            created_at=renewing.OPENED, archived_at=renewing.MID_MARCH
        )
        bot.refresh_from_db()

    history, options = read(acme, bot)

    assert history.parts == {(bot.pk, MARCH)}
    assert options["advanced"].total == Decimal("400.00")


def test_other_workspaces_count_for_nothing() -> None:
    theirs = renewing.workspace("globex")
    renewing.use(make.bot(theirs), 50)
    acme = renewing.workspace()
    bot = make.bot(acme)
    renewing.use(bot, 1)

    history, options = read(acme, bot, months=(MARCH,))

    assert options["standard"].total == Decimal("0.20")
    assert not sum(history.spent.values())  # nothing was charged yet


def test_many_bots_are_read_with_as_many_statements_as_one() -> None:
    acme = renewing.workspace()
    bots = [make.bot(acme, f"bot-{number}") for number in range(30)]
    with CaptureQueriesContext(connection) as one:
        read(acme, bots[0])
    with CaptureQueriesContext(connection) as many:
        read(acme, *bots)

    assert len(many) == len(one)


def test_top_up_lasts_to_the_day_that_it_does_not_pay_whole() -> None:
    acme = renewing.workspace(timezone="Europe/Berlin")
    bot = make.bot(acme)
    for day in range(3):
        renewing.use(bot, 10, at=renewing.MID_MARCH + day * DAY)
    history, _ = read(acme, bot, months=(MARCH,))

    lasted = what_if.last_top_up(
        workspace=acme, history=history, amount=Decimal("4.50"), today=TODAY
    )

    assert lasted is not None
    assert lasted.used_up_on == date(2026, 3, 18)
    assert lasted.days == 17


def test_top_up_that_lasts_says_what_is_left() -> None:
    acme = renewing.workspace()
    bot = make.bot(acme)
    renewing.use(bot, 10)
    history, _ = read(acme, bot, months=(MARCH,))

    lasted = what_if.last_top_up(
        workspace=acme, history=history, amount=Decimal("4.50"), today=TODAY
    )

    assert lasted is not None
    assert (lasted.used_up_on, lasted.left) == (None, Decimal("2.50"))


def test_top_up_that_lapses_says_after_which_day() -> None:
    history, options = read(renewing.workspace(), make.bot(make.workspace()), months=(MARCH,))
    days = [(MARCH + number * DAY, Counts(alert_sessions=1)) for number in range(31)]

    lasted = what_if.use_up(
        Decimal(100), offer=options["standard"].offer, days=days, last_day=MARCH + 9 * DAY
    )

    assert history.counts
    assert (lasted.lapsed_on, lasted.left) == (MARCH + 9 * DAY, Decimal("98.00"))


def test_proportions_are_those_of_all_months() -> None:
    acme = renewing.workspace()
    bot = make.bot(acme)
    renewing.use(bot, 3)
    make.take_in(acme, *make.talk(0, 10, 20, start=MID_APRIL), now=CLOSE_APRIL)
    make.roll_up(acme, now=CLOSE_APRIL)
    history, _ = read(acme, bot)

    found = what_if.count_in_all(history)

    assert (found.billing_sessions, found.alert_sessions, found.conversations) == (5, 3, 1)
    assert history.counts[bot.pk](Meter.BILLING_SESSIONS, MARCH, APRIL - DAY) == 3
