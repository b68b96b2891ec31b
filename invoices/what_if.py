"""What past months would have cost under each plan on offer, beside what they did cost.

A plan is taken to hold for every day of each month, so that nothing is paid for part of a fee. As
many statements for all bots of a workspace as for one.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from django.db.models import Q, Sum
from django.db.models.functions import TruncMonth

from accounts.days import DAY, list_days, list_months, months_before, next_month
from accounts.models import Bot, Workspace
from accounts.months import Calendar, read_calendar
from accounts.tenancy import in_workspace
from invoices import rating, renewal_rating, replay
from invoices.issued import CreditedService
from invoices.models import OWED, OrderLine, OrderStatus, OrderType
from invoices.rating import Count, Start
from plans import billing, catalog, eligibility
from plans.catalog import Offer
from plans.models import SEATS, ChargedDay, Meter, WorkspaceBilling
from usage.queries import Counts, count_together

NOTHING = Decimal(0)
MOST_MONTHS = 12
# A renewal is owed as soon as it is placed.
BINDING = Q(order__type=OrderType.RENEWAL, order__status__in=OWED | {OrderStatus.COMPLETED})

BotMonth = tuple[int, date]
Amounts = defaultdict[BotMonth, Decimal]


class History(NamedTuple):
    """What some bots used and paid in some months; ``months`` are first days, in order.

    ``starts`` and ``counts`` by bot; ``spent`` by bot and month, up to now. ``parts``: which bots
    took part in which months.
    """

    bots: Sequence[Bot]
    months: Sequence[date]
    starts: Mapping[int, Sequence[Start]]
    counts: Mapping[int, Count]
    spent: Amounts
    parts: frozenset[BotMonth]


@dataclass(frozen=True)
class Option:
    """An offer and what it would have cost: by bot and month, where the bot took part in it.

    ``reasons``: by bot why it could not have chosen the plan on the first day; those that could
    are left out.
    """

    offer: Offer
    costs: Mapping[BotMonth, Decimal]
    reasons: Mapping[int, str]

    @property
    def total(self) -> Decimal:
        """What all of it would have cost."""
        return sum(self.costs.values(), NOTHING)

    def of_month(self, month: date) -> Decimal:
        """Return what a month would have cost, for all bots."""
        return sum((cost for (_, of), cost in self.costs.items() if of == month), NOTHING)

    def of_bot(self, bot: int) -> Decimal:
        """Return what a bot would have cost, in all months."""
        return sum((cost for (of, _), cost in self.costs.items() if of == bot), NOTHING)


@dataclass(frozen=True)
class TopUp:
    """How long bought credits would have lasted from the first day on, on the first plan.

    ``used_up_on``: the day whose usage they did not pay whole any more; ``lapsed_on``: their last
    day, where something was left then. None of both: ``left`` is there still.
    """

    amount: Decimal
    offer: Offer
    first: date
    last: date
    used_up_on: date | None
    lapsed_on: date | None
    left: Decimal

    @property
    def days(self) -> int:
        """How many days they would have paid for whole."""
        end = self.used_up_on or (self.lapsed_on or self.last) + DAY
        return (end - self.first).days


def choose_months(*, today: date, number: int, running: bool) -> list[date]:
    """Return the first days of the last months: of those that are over, or up to this one."""
    end = next_month(today) if running else today.replace(day=1)
    return list_months(months_before(end, number), end)


def read_history(
    *, workspace: Workspace, bots: Sequence[Bot], months: Sequence[date], now: datetime
) -> History:
    """Return what some bots used and paid in months that follow each other."""
    keys = [bot.pk for bot in bots]
    with in_workspace(workspace.pk):
        calendar = read_calendar(workspace)
        starts = renewal_rating.find_starts(workspace, keys, since=months[0])
        counts = renewal_rating.read_counts(
            workspace,
            {key: starts.get(key, []) for key in keys},
            first=months[0],
            end=next_month(months[-1]),
            now=now,
        )
        spent = read_spent(workspace, keys, months=months)
        add_unbilled(
            workspace, spent, starts=starts, counts=counts, months=months, calendar=calendar
        )
    parts = frozenset(
        (bot.pk, month)
        for bot in bots
        for month in months
        if took_part(bot, month, calendar=calendar, count=counts[bot.pk]) or spent[bot.pk, month]
    )
    return History(bots, months, starts, counts, spent, parts)


def took_part(bot: Bot, month: date, *, calendar: Calendar, count: Count) -> bool:
    """Tell whether a bot existed in a month, not archived before it, or was used in it."""
    last = rating.end_of_month(month)
    if calendar.day_of(bot.created_at) <= last and (
        bot.archived_at is None or calendar.day_of(bot.archived_at) >= month
    ):
        return True
    return count(Meter.BILLING_SESSIONS, month, last) > 0


def read_spent(workspace: Workspace, bots: Sequence[int], *, months: Sequence[date]) -> Amounts:
    """Return what renewals and upgrades cost, less credit notes, and what was taken from credits.

    Each in the month of the days that it is for, an upgrade in that of its first one. Usage that no
    renewal has yet is not in it.
    """
    first, end = months[0], next_month(months[-1])
    days = {"bot__in": bots, "first_day__gte": first, "first_day__lt": end}
    lines = OrderLine.objects.for_workspace(workspace).filter(BINDING, **days)
    credited = CreditedService.objects.for_workspace(workspace).filter(**days)
    charged = ChargedDay.objects.for_workspace(workspace).filter(
        bot__in=bots, day__gte=first, day__lt=end
    )
    spent: Amounts = defaultdict(Decimal)
    for sign, rows, day, amount in (
        (1, lines, "first_day", "net"),
        (-1, credited, "first_day", "net"),
        (1, charged, "day", "amount"),
    ):
        sums = rows.values_list("bot_id", TruncMonth(day)).annotate(Sum(amount)).order_by()
        for bot, month, of in sums:
            spent[bot, month] += sign * of
    for upgrade in renewal_rating.find_upgrades(workspace, bots, first=first, end=end):
        spent[upgrade.bot, upgrade.day.replace(day=1)] += upgrade.net
    return spent


def add_unbilled(
    workspace: Workspace,
    spent: Amounts,
    *,
    starts: Mapping[int, Sequence[Start]],
    counts: Mapping[int, Count],
    months: Sequence[date],
    calendar: Calendar,
) -> None:
    """Add what months that are not closed come to so far by the plans that bots have.

    Nothing where a contract holds by the time that they are.
    """
    held = WorkspaceBilling.objects.for_workspace(workspace).first()
    for month in months:
        if held is None or month < held.open_month:
            continue
        if billing.closes_under_contract(held, month, calendar=calendar):
            continue
        for bot, of_bot in starts.items():
            lines = rating.rate_ended(month=month, starts=of_bot, count=counts[bot])
            spent[bot, month] += rating.add_up(lines)


def list_options(*, workspace: Workspace, history: History, today: date) -> list[Option]:
    """Return what is on offer, in its order, with what it would have cost.

    For one bot also the version that it has, where that is sold no more.
    """
    keys = [bot.pk for bot in history.bots]
    checked = eligibility.check(workspace=workspace, bots=keys, today=history.months[0])
    offers = catalog.find_offers(currency=workspace.currency)
    if len(keys) == 1 and (held := find_held(history.starts.get(keys[0], []), today=today)):
        offers += [held] if held.version not in [offer.version for offer in offers] else []
    reasons: defaultdict[int, dict[int, str]] = defaultdict(dict)
    for bot, eligible in checked.items():
        for one in eligible:
            if not one.is_open:
                reasons[one.offer.version.pk][bot] = one.reason
    return [
        Option(offer, replay_all(offer, history=history), reasons[offer.version.pk])
        for offer in offers
    ]


def find_held(starts: Sequence[Start], *, today: date) -> Offer | None:
    """Return the plan that a bot has today; None: it has no price in the currency."""
    return next((start.offer for start in reversed(starts) if start.day <= today), None)


def replay_all(offer: Offer, *, history: History) -> dict[BotMonth, Decimal]:
    """Return what an offer would have cost, by bot and month."""
    return {
        (bot, month): replay.rate_month(offer, month=month, count=history.counts[bot])
        for bot, month in history.parts
    }


def count_in_all(history: History) -> Counts:
    """Return what was used in all months by all bots, seats left aside."""
    of_meter = {
        meter: sum(
            count(meter, history.months[0], rating.end_of_month(history.months[-1]))
            for count in history.counts.values()
        )
        for meter in Meter
        if meter not in SEATS
    }
    alerts = of_meter[Meter.ALERT_SESSIONS]
    return Counts(
        usage_sessions=of_meter[Meter.BILLING_SESSIONS] - alerts,
        alert_sessions=alerts,
        voice_sessions=of_meter[Meter.VOICE_SESSIONS],
        conversations=of_meter[Meter.CONVERSATIONS],
    )


def last_top_up(
    *, workspace: Workspace, history: History, amount: Decimal, today: date
) -> TopUp | None:
    """Return how long credits would have lasted that all of the bots used, by the first plan.

    None: no plan on offer uses credits, so that nothing would be taken from them.
    """
    offers = catalog.find_offers(currency=workspace.currency)
    offer = next((one for one in offers if one.version.uses_credits), None)
    if offer is None:
        return None
    first = history.months[0]
    last = min(rating.end_of_month(history.months[-1]), today)
    days = list_days(first, last)
    with in_workspace(workspace.pk):
        calendar = read_calendar(workspace)
        counted = count_together(
            workspace=workspace,
            bots=[bot.pk for bot in history.bots],
            periods=renewal_rating.split(calendar, [*days, last + DAY]),
        )
    lasts = offer.version.bought_credit_days
    return use_up(
        amount,
        offer=offer,
        days=list(zip(days, counted, strict=True)),
        last_day=first + lasts * DAY if lasts else None,
    )


def use_up(
    amount: Decimal,
    *,
    offer: Offer,
    days: Sequence[tuple[date, Counts]],
    last_day: date | None,
) -> TopUp:
    """Return how long credits last that pay for days in order, at the latest to their last day."""
    first, last = days[0][0], days[-1][0]
    left = amount
    for day, counts in days:
        if last_day is not None and day > last_day:
            return TopUp(amount, offer, first, last, None, last_day, left)
        cost = replay.take_from_credits(
            rating.PlanDays(offer, day, day),
            count=lambda meter, *_: getattr(counts, meter.value),  # noqa: B023
        )
        if cost > left:
            return TopUp(amount, offer, first, last, day, None, NOTHING)
        left -= cost
    return TopUp(amount, offer, first, last, None, None, left)
