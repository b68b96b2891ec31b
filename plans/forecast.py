"""When credits run out if usage goes on as in the last four weeks: a range of local days.

Each weekday goes on as it was on the average; the range is that between the most and the least
expensive of the weeks. That credits lapse is left out: pages say it beside the estimate.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from django.db.models import Sum

from accounts.days import DAY
from accounts.models import Bot, Workspace
from accounts.tenancy import in_workspace
from plans import balances
from plans.balances import Balance
from plans.models import ChargedDay

WEEK = 7
DAYS = 4 * WEEK  # that are looked back on, today left out
HORIZON = 180  # days; beyond it nothing is said
NOTHING = Decimal(0)


class RunOut(NamedTuple):
    """Between which local days credits run out; ``latest`` None: or not within sight."""

    earliest: date
    latest: date | None


@dataclass(frozen=True)
class Forecast:
    """When bots have nothing left that they may use, and when the shared credits are gone.

    What does not run out within sight, or is gone already, is left out, or None.
    """

    bots: Mapping[int, RunOut]
    shared: RunOut | None


@dataclass(frozen=True)
class Pace:
    """What a bot spends: by weekday (Monday first), and its extreme weeks as parts of the mean."""

    days: Sequence[Decimal]
    fastest: Decimal
    slowest: Decimal


def read(*, workspace: Workspace, today: date) -> Forecast:
    """Return when credits run out, for all bots of a workspace: they use the shared ones together.

    As many statements for any number of bots.
    """
    with in_workspace(workspace.pk):
        bots = list(Bot.objects.for_workspace(workspace).values_list("pk", flat=True))
        held = balances.read(workspace=workspace, bots=bots, today=today)
        spent = read_spent(workspace, today=today)
    using = {bot: balance for bot, balance in held.items() if balance.uses_credits}
    paces = {bot: find_pace(spent[bot], today=today) for bot in using if bot in spent}
    return estimate(using, paces, today=today)


def read_spent(workspace: Workspace, *, today: date) -> dict[int, dict[date, Decimal]]:
    """Return by bot and local day what was charged in the days that are looked back on."""
    days = ChargedDay.objects.for_workspace(workspace).filter(
        day__gte=today - DAYS * DAY, day__lt=today
    )
    spent: defaultdict[int, dict[date, Decimal]] = defaultdict(dict)
    for bot, day, amount in days.values_list("bot", "day").annotate(Sum("amount")).order_by():
        spent[bot][day] = amount
    return spent


def find_pace(spent: Mapping[date, Decimal], *, today: date) -> Pace:
    """Return the pace of a bot, from its first charged day on; the caller knows that there is one.

    A weekday that did not come yet is taken for an average one.
    """
    first = min(spent)
    days = [first + number * DAY for number in range((today - first).days)]
    mean = sum(spent.values(), NOTHING) / len(days)
    weekdays = [[spent.get(day, NOTHING) for day in days if day.weekday() == of] for of in range(7)]
    whole = len(days) // WEEK
    weeks = [
        sum((spent.get(day, NOTHING) for day in days[-WEEK * ago :][:WEEK]), NOTHING)
        for ago in range(1, whole + 1)
    ]
    parts = [week / WEEK / mean for week in weeks] if mean > 0 else []
    return Pace(
        days=[sum(of, NOTHING) / len(of) if of else mean for of in weekdays],
        fastest=max(parts, default=Decimal(1)),
        slowest=min(parts, default=Decimal(1)),
    )


def estimate(held: Mapping[int, Balance], paces: Mapping[int, Pace], *, today: date) -> Forecast:
    """Return when credits run out at some paces; no database."""
    fast = spend(held, paces, parts={bot: pace.fastest for bot, pace in paces.items()}, today=today)
    slow = spend(held, paces, parts={bot: pace.slowest for bot, pace in paces.items()}, today=today)
    ranges = {key: RunOut(day, slow.get(key)) for key, day in fast.items()}
    return Forecast(
        bots={key: found for key, found in ranges.items() if key is not None},
        shared=ranges.get(None),
    )


def spend(
    held: Mapping[int, Balance],
    paces: Mapping[int, Pace],
    *,
    parts: Mapping[int, Decimal],
    today: date,
) -> dict[int | None, date]:
    """Return on which days bots have nothing left, and (None) the shared credits are gone.

    From tomorrow on each bot spends its weekday's part, from its own credits before shared ones.
    What is gone before is left out.
    """
    shared = next((of.shared_free + of.shared_bought for of in held.values()), NOTHING)
    own = {bot: of.own_free + of.own_bought - of.overdraft for bot, of in held.items()}
    spending = [bot for bot in paces if own[bot] + shared > 0]
    gone: dict[int | None, date] = {}
    for number in range(1, HORIZON + 1):
        day = today + number * DAY
        before = shared
        for bot in spending:
            own[bot] -= paces[bot].days[day.weekday()] * parts[bot]
            if own[bot] < 0 < shared:
                from_shared = min(-own[bot], shared)
                own[bot] += from_shared
                shared -= from_shared
        if shared <= 0 < before:
            gone[None] = day
        for bot in spending:
            if own[bot] + shared <= 0 and bot not in gone:
                gone[bot] = day
    return gone
