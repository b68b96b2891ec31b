"""What usage sessions cost that were opened by little more than 15 minutes, by bot and channel.

Without them a month would have had as many sessions less. On a plan that uses credits each costs
its price. Where a fee includes some, only as many cost anything as were charged of that month; the
others took from what was included.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import accumulate
from typing import NamedTuple

from accounts.days import DAY, list_months, next_month
from accounts.models import Bot, Workspace
from accounts.months import Calendar, read_calendar
from accounts.tenancy import in_workspace
from invoices import rating, renewal_rating
from invoices.rating import Count, PlanDays, Start
from plans import billing
from plans.models import Meter, WorkspaceBilling
from usage.boundaries import Asked, BotChannel, ShortCount, count_all, count_short
from usage.periods import Period

NOTHING = Decimal(0)
NONE = (0, 0, 0)


@dataclass
class Row:
    """A bot on a channel: its usage sessions, and those that were opened by less than some minutes.

    ``by_minutes``: less than 1, 2 and 5. Of those by less than the minutes asked for: ``charged``
    were paid for, at ``cost`` in all; ``included`` took from what a fee includes.
    """

    bot: Bot
    channel: str
    sessions: int = 0
    by_minutes: tuple[int, int, int] = NONE
    charged: int = 0
    included: int = 0
    cost: Decimal = NOTHING


class Priced(NamedTuple):
    """How many sessions of a stretch are charged, at which price each, and how many included."""

    charged: int
    included: int
    price: Decimal


def read_rows(
    *,
    workspace: Workspace,
    bots: Sequence[Bot],
    channels: Sequence[str],
    first: date,
    last: date,
    minutes: int,
    now: datetime,
) -> list[Row]:
    """Return the bots and channels that were used on some local days, by name and channel.

    ``minutes``: 1, 2 or 5; those that were opened by less are what is priced. As many statements
    for all bots as for one.
    """
    keys = [bot.pk for bot in bots]
    with in_workspace(workspace.pk):
        calendar = read_calendar(workspace)
        held = WorkspaceBilling.objects.for_workspace(workspace).first()
        contract = held.enterprise_from if held else None
        month = first.replace(day=1)
        starts = renewal_rating.find_starts(workspace, keys, since=month)
        changes = {start.day for of_bot in starts.values() for start in of_bot} | {contract}
        cuts = list_cuts(first, last, changes={day for day in changes if day})
        period = Period(calendar.start_of(first), calendar.start_of(last + DAY))
        asked = Asked(workspace.pk, keys, period, channels)
        rows = make_rows(bots, count_all(asked))
        counts = renewal_rating.read_counts(
            workspace,
            {key: starts.get(key, []) for key in keys},
            first=month,
            end=next_month(last),
            now=now,
        )
        found = count_short(asked, cuts=[calendar.start_of(day) for day in cuts])
    add_short(rows, found, bots=bots)
    free = {place for place, day in enumerate(cuts) if contract and day >= contract}
    payable = [of for of in found if of.place not in free]
    for bot, of_bot in group(payable, minutes=minutes).items():
        for stretch, numbers in gather(of_bot, cuts=cuts, starts=starts.get(bot, [])):
            if held and is_free(stretch, held=held, calendar=calendar):
                continue
            priced = price(stretch, number=sum(numbers.values()), count=counts[bot])
            spread(rows, bot, numbers=numbers, priced=priced)
    return sorted(
        rows.values(), key=lambda row: (row.bot.name.casefold(), row.bot.key, row.channel)
    )


def is_free(stretch: PlanDays, *, held: WorkspaceBilling, calendar: Calendar) -> bool:
    """Tell whether a stretch is never ordered, as a contract holds when its month is closed.

    What is taken from credits is charged at once.
    """
    if stretch.offer.version.uses_credits:
        return False
    month = stretch.first.replace(day=1)
    return billing.closes_under_contract(held, month, calendar=calendar)


def list_cuts(first: date, last: date, *, changes: set[date]) -> list[date]:
    """Return the days on which stretches begin: the first, each month, and changes of plans."""
    months = list_months(next_month(first), last + DAY)
    return sorted({first, *months, *(day for day in changes if first < day <= last)})


def make_rows(bots: Sequence[Bot], sessions: Mapping[BotChannel, int]) -> dict[BotChannel, Row]:
    """Return a row for each bot and channel with sessions."""
    by_key = {bot.pk: bot for bot in bots}
    return {
        (bot, channel): Row(by_key[bot], channel, number)
        for (bot, channel), number in sessions.items()
    }


def add_short(
    rows: dict[BotChannel, Row], found: Sequence[ShortCount], *, bots: Sequence[Bot]
) -> None:
    """Add the numbers of sessions that were opened by few minutes."""
    by_key = {bot.pk: bot for bot in bots}
    for of in found:
        row = rows.setdefault((of.bot, of.channel), Row(by_key[of.bot], of.channel))
        one, two, five = map(sum, zip(row.by_minutes, of.by_minutes, strict=True))
        row.by_minutes = (one, two, five)


def group(found: Sequence[ShortCount], *, minutes: int) -> dict[int, dict[int, dict[str, int]]]:
    """Return by bot, place and channel how many were opened by less than the minutes asked for."""
    which = {1: 0, 2: 1, 5: 2}[minutes]
    grouped: defaultdict[int, dict[int, dict[str, int]]] = defaultdict(dict)
    for of in found:
        if number := of.by_minutes[which]:
            grouped[of.bot].setdefault(of.place, {})[of.channel] = number
    return grouped


def gather(
    of_bot: Mapping[int, Mapping[str, int]], *, cuts: Sequence[date], starts: Sequence[Start]
) -> list[tuple[PlanDays, dict[str, int]]]:
    """Return the numbers by channel for each stretch of a month on which the bot has one plan.

    What lies before the first plan with a price is left out.
    """
    gathered: dict[PlanDays, dict[str, int]] = {}
    for place, numbers in sorted(of_bot.items()):
        day = cuts[place]
        for stretch in rating.split_month(starts, month=day.replace(day=1)) if starts else ():
            if stretch.first <= day <= stretch.last:
                of_stretch = gathered.setdefault(stretch, defaultdict(int))
                for channel, number in numbers.items():
                    of_stretch[channel] += number
    return list(gathered.items())


def price(stretch: PlanDays, *, number: int, count: Count) -> Priced:
    """Return how many of some sessions are charged: as many as would not be without them."""
    priced = stretch.offer.find(Meter.BILLING_SESSIONS)
    if priced is None:  # the plan does not price them
        return Priced(0, 0, NOTHING)
    if stretch.offer.version.uses_credits:
        return Priced(number, 0, priced.price)
    of = rating.count_days(stretch.first)
    included = rating.include(priced.included, days=stretch.days, of=of)
    used = count(priced.meter, stretch.first, stretch.last)
    charged = min(number, max(0, used - included))
    return Priced(charged, number - charged, priced.price)


def spread(
    rows: Mapping[BotChannel, Row], bot: int, *, numbers: Mapping[str, int], priced: Priced
) -> None:
    """Spread what is charged of a bot over its channels, in proportion and in whole sessions."""
    if not priced.charged and not priced.included:
        return
    channels = sorted(numbers)
    ends = list(accumulate(numbers[channel] for channel in channels))
    shares = [end * priced.charged // ends[-1] for end in ends]
    for channel, share, before in zip(channels, shares, [0, *shares[:-1]], strict=True):
        row = rows[bot, channel]
        charged = share - before
        row.charged += charged
        row.included += numbers[channel] - charged
        row.cost += charged * priced.price
