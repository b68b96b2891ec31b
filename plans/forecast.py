"""When credits will run out: as a range of days, from what the last four weeks cost.

What each weekday cost in these weeks is expected again, once at the pace of the heaviest and once
at that of the lightest of them. An estimate for people; nothing is charged or refused by it.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from django.db.models import Q, Sum

from accounts.days import DAY
from accounts.models import Workspace
from accounts.tenancy import in_workspace
from plans.models import ChargedDay, CreditLot

WEEK = 7
WEEKS = 4
FURTHEST = 366  # days; what lasts longer has no day

Costs = Mapping[date, Decimal]


class RunOut(NamedTuple):
    """Between which local days credits run out; None: not within a year."""

    earliest: date | None
    latest: date | None


class Pace(NamedTuple):
    """What the weekdays (from Monday) cost, in a heavy and in a light week."""

    heavy: tuple[Decimal, ...]
    light: tuple[Decimal, ...]


class Credits(NamedTuple):
    """An amount that may be used up to a last day (None: it does not lapse)."""

    left: Decimal
    last_day: date | None


def read(*, workspace: Workspace, bots: Collection[int], today: date) -> dict[int, RunOut | None]:
    """Return by id when each of some bots runs out of its own and of the shared credits.

    The shared ones last as long as all bots together let them, a bot's own from then on. None:
    nothing was charged in a whole week, so that nothing can be said. The number of statements is
    the same for any number of bots.
    """
    with in_workspace(workspace.pk):
        costs = read_costs(workspace, today=today, bots=bots)
        lots = read_lots(workspace, today=today, bots=bots)
    shared = read_shared(workspace=workspace, today=today)
    found: dict[int, RunOut | None] = {}
    for bot in bots:
        pace = find_pace(costs[bot], today=today)
        found[bot] = last_longer(shared, pace=pace, own=lots[bot], today=today) if pace else None
    return found


def read_shared(*, workspace: Workspace, today: date) -> RunOut | None:
    """Return when the credits that all bots share run out, by what all bots cost together.

    None: nothing was charged in a whole week.
    """
    with in_workspace(workspace.pk):
        costs = read_costs(workspace, today=today)
        lots = read_lots(workspace, today=today, bots=())
    pace = find_pace(costs[None], today=today)
    if pace is None:
        return None
    return RunOut(*(find_end(lots[None], costs=costs_of, from_day=today) for costs_of in pace))


def read_costs(
    workspace: Workspace, *, today: date, bots: Collection[int] | None = None
) -> defaultdict[int | None, dict[date, Decimal]]:
    """Return what the days of the last four weeks cost, of some bots each or (None) all together.

    Today is left out: it is not over.
    """
    charged = ChargedDay.objects.for_workspace(workspace).filter(
        day__gte=today - WEEKS * WEEK * DAY, day__lt=today
    )
    costs: defaultdict[int | None, dict[date, Decimal]] = defaultdict(dict)
    if bots is None:
        for day, cost in charged.values_list("day").annotate(cost=Sum("amount")):
            costs[None][day] = cost
        return costs
    of_bots = charged.filter(bot__in=bots).values_list("bot_id", "day")
    for bot, day, cost in of_bots.annotate(cost=Sum("amount")):
        costs[bot][day] = cost
    return costs


def read_lots(
    workspace: Workspace, *, today: date, bots: Collection[int]
) -> defaultdict[int | None, list[Credits]]:
    """Return what is left of the lots of some bots and of the shared ones (None), in order of use.

    Own overdrafts are small beside what an estimate leaves open, and not looked at.
    """
    lots = CreditLot.objects.for_workspace(workspace).usable_on(today)
    lots = lots.filter(Q(bot=None) | Q(bot__in=bots))
    found: defaultdict[int | None, list[Credits]] = defaultdict(list)
    for bot, left, last_day in lots.in_order_of_use().values_list("bot_id", "balance", "last_day"):
        found[bot].append(Credits(left, last_day))
    return found


def find_pace(costs: Costs, *, today: date) -> Pace | None:
    """Return what weekdays cost, from the whole weeks before ``today`` since the first charge.

    None: there is no whole week.
    """
    weeks = (today - min(costs)).days // WEEK if costs else 0
    if not weeks:
        return None
    days = [today - number * DAY for number in range(1, weeks * WEEK + 1)]
    by_week = [
        sum((costs.get(day, Decimal(0)) for day in days[start : start + WEEK]), Decimal(0))
        for start in range(0, len(days), WEEK)
    ]
    total = sum(by_week, Decimal(0))
    if not total:
        return None
    by_weekday = [
        sum((costs.get(day, Decimal(0)) for day in days if day.weekday() == weekday), Decimal(0))
        for weekday in range(WEEK)
    ]
    heavy, light = (
        tuple(cost * week / total for cost in by_weekday) for week in (max(by_week), min(by_week))
    )
    return Pace(heavy, light)


def find_end(lots: Iterable[Credits], *, costs: Sequence[Decimal], from_day: date) -> date | None:
    """Return the day on which lots are used up, where days cost as weekdays do.

    None: they last for a year, or nothing is to be paid.
    """
    if not any(costs):
        return None
    left = list(lots)
    for number in range(FURTHEST):
        day = from_day + number * DAY
        cost = costs[day.weekday()]
        left = [lot for lot in left if lot.last_day is None or lot.last_day >= day]
        while left and cost >= left[0].left:
            cost -= left.pop(0).left
        if left:
            left[0] = left[0]._replace(left=left[0].left - cost)
        else:
            return day
    return None


def last_longer(
    shared: RunOut | None, *, pace: Pace, own: Sequence[Credits], today: date
) -> RunOut:
    """Return when a bot's own credits run out that are used once the shared ones are gone."""
    ends: list[date | None] = []
    for costs, shared_end in zip(pace, shared or (today, today), strict=True):
        ends.append(shared_end and find_end(own, costs=costs, from_day=shared_end))
    return RunOut(*ends)
