"""What the Dashboard says of money: this month's spend, the shared wallet, bots in want of credits.

Amounts are of the bots whose plan a person sees: all of the workspace, or a member's own.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.db.models import Q, Sum

from accounts.days import DAY, next_month
from accounts.models import Bot, Membership, Role, Workspace
from accounts.months import read_calendar
from plans import balances, catalog, forecast, subscriptions
from plans.balances import BalanceStatus
from plans.forecast import Costs, RunOut
from plans.models import ChargedDay, Currency
from plans.wording import say_balance, say_exactly

NOTHING = Decimal(0)
BOTS_SHOWN = 10
WANTING = (BalanceStatus.INACTIVE, BalanceStatus.LOW)


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanting:
    """A bot with a low balance, or none; ``left`` as pages show balances."""

    bot: Bot
    gone: bool
    left: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Glance:
    """All of it, in words of the page; ``today`` is the local day of charging.

    ``lowest``, ``highest``: what the whole month will have cost, by the pace of the last weeks;
    empty: nothing can be said. ``wallet``: what is left of shared credits, for those who see all
    bots; ``run_out`` likewise.
    """

    today: date
    spent: str
    lowest: str
    highest: str
    wallet: str
    run_out: RunOut | None
    wanting: list[Wanting]
    more_wanting: int


def read(*, membership: Membership, now: datetime) -> Glance | None:
    """Return what a person's dashboard says of money at ``now``; None: nothing, under a contract.

    As many statements whatever the number of bots is. The caller runs in the workspace.
    """
    workspace, own = membership.workspace, membership.role == Role.MEMBER
    today = read_calendar(workspace).day_of(now)
    if subscriptions.has_contract(workspace=workspace, today=today):
        return None
    seen = Bot.objects.for_workspace(workspace).with_plan_for(membership)
    bots = list(seen.order_by("name", "key"))
    ids = [bot.pk for bot in bots] if own else None
    in_use = [bot for bot in bots if bot.archived_at is None]
    spent, spent_today = count_month(workspace, bots=ids, today=today)
    costs = add_up(forecast.read_costs(workspace, today=today, bots=ids).values())
    estimate = estimate_month(costs, before=spent, so_far=spent_today, today=today)
    currency = catalog.find_currency(workspace)
    wanting = find_wanting(workspace, bots=in_use, currency=currency, today=today)
    wallet = NOTHING
    if not own:
        usable = balances.sum_usable(workspace, bots=(), today=today)
        wallet = sum(usable.values(), NOTHING)
    return Glance(
        today=today,
        spent=say_exactly(spent + spent_today, currency),
        lowest=say_balance(estimate[0], currency) if estimate else "",
        highest=say_balance(estimate[1], currency) if estimate else "",
        wallet="" if own else say_balance(wallet, currency),
        run_out=None if own else forecast.read_shared(workspace=workspace, today=today),
        wanting=wanting[:BOTS_SHOWN],
        more_wanting=max(0, len(wanting) - BOTS_SHOWN),
    )


def count_month(
    workspace: Workspace, *, bots: Sequence[int] | None, today: date
) -> tuple[Decimal, Decimal]:
    """Return what the days of this month before today cost, and today so far; None: of all bots."""
    month = ChargedDay.objects.for_workspace(workspace).filter(
        day__gte=today.replace(day=1), day__lte=today
    )
    if bots is not None:
        month = month.filter(bot__in=bots)
    sums = month.aggregate(
        before=Sum("amount", filter=Q(day__lt=today)), so_far=Sum("amount", filter=Q(day=today))
    )
    return sums["before"] or NOTHING, sums["so_far"] or NOTHING


def add_up(each: Iterable[Costs]) -> Costs:
    """Return what the days cost for all together."""
    total: defaultdict[date, Decimal] = defaultdict(Decimal)
    for costs in each:
        for day, cost in costs.items():
            total[day] += cost
    return total


def estimate_month(
    costs: Costs, *, before: Decimal, so_far: Decimal, today: date
) -> tuple[Decimal, Decimal] | None:
    """Return between which amounts this month will cost; None: nothing can be said.

    ``before``: what its days before today cost; each day from today on costs what its weekday does.
    """
    pace = forecast.find_pace(costs, today=today)
    if pace is None:
        return None
    days = range((next_month(today) - today).days)
    light, heavy = (
        sum((by_weekday[(today + number * DAY).weekday()] for number in days), before)
        for by_weekday in (pace.light, pace.heavy)
    )
    least = before + so_far
    return max(light, least), max(heavy, least)


def find_wanting(
    workspace: Workspace, *, bots: Sequence[Bot], currency: Currency, today: date
) -> list[Wanting]:
    """Return the bots without credits, then those with a low balance, each by name."""
    read = balances.read(workspace=workspace, bots=[bot.pk for bot in bots], today=today)
    found = [
        Wanting(
            bot=bot,
            gone=read[bot.pk].status is BalanceStatus.INACTIVE,
            left=say_balance(read[bot.pk].remaining, currency),
        )
        for bot in bots
        if read[bot.pk].status in WANTING
    ]
    return sorted(found, key=lambda wanting: not wanting.gone)
