"""What a workspace owes for a month that begins: the lines of all its bots, read together.

As many statements for a thousand bots as for one.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

from accounts.days import DAY, list_months, months_before, next_month, previous_month
from accounts.models import Bot, Workspace
from accounts.months import Calendar, read_calendar
from invoices import order_lines, rating
from invoices.models import LineKind
from invoices.order_lines import BotLine, Ordered, Service
from invoices.rating import Count, Line, Start
from plans import catalog, subscriptions
from plans.catalog import Offer
from plans.models import SEATS, Account, BotPlan, LedgerEntry, Meter, Posting, PostingKind
from usage.agents import Span, count_holders, find_peak
from usage.periods import Period
from usage.postgres_time import to_count
from usage.queries import Counts, count_periods, read_agents

LATE_MONTHS = 12  # closed ones whose usage is compared with what was ordered for it


class Overcharge(NamedTuple):
    """Usage of a closed month that is less by now than what was ordered for it."""

    service: Service
    quantity: int
    net: Decimal


class Rated(NamedTuple):
    """The lines of a renewal by bot, and what was ordered too much before, which is no line."""

    lines: list[BotLine]
    overcharges: list[Overcharge]


class PaidUpgrade(NamedTuple):
    """What a bot paid for its plan on the day from which that holds."""

    bot: int
    day: date
    net: Decimal


def rate(*, workspace: Workspace, month: date, now: datetime) -> Rated:
    """Return what the renewal has for which ``month`` begins; the caller runs in the workspace.

    Bots are in order of their names and keys. Late usage is what one of the last closed months
    comes to by now, less what was ordered for it: a line of its own where that is more. Where it is
    less, a credit note gives it back.

    Source: product doc, "24 hours after a month's end one renewal order".
    """
    ended = previous_month(month)
    oldest = months_before(ended, LATE_MONTHS)
    bots = list(Bot.objects.for_workspace(workspace).order_by("name", "key"))
    found = find_starts(workspace, [bot.pk for bot in bots], since=oldest)
    starts = {bot.pk: found[bot.pk] for bot in bots if has_paid_plan(found[bot.pk])}
    if not starts:
        return Rated([], [])
    paid = find_paid(workspace, list(starts), month=month)
    counts = read_counts(workspace, starts, first=oldest, end=month, now=now)
    ordered = order_lines.sum_ordered(workspace, since=oldest)
    rated = Rated([], [])
    for bot, of_bot in starts.items():
        lines = rating.rate_renewal(month=month, starts=of_bot, count=counts[bot], paid=paid[bot])
        rated.lines.extend(BotLine(bot, line) for line in lines)
        for closed in list_months(oldest, ended):
            for line in rating.rate_ended(month=closed, starts=of_bot, count=counts[bot]):
                compare(bot, line, ordered=ordered, rated=rated)
    # Of what is left nothing was used by now.
    rated.overcharges.extend(
        Overcharge(service, *before) for service, before in ordered.items() if before.net
    )
    return rated


def measure(*, workspace: Workspace, month: date, now: datetime) -> list[BotLine]:
    """Return what bots used and held in a month that is over, as its renewal counts it.

    Also what costs nothing; of plans that take usage from credits nothing. The caller runs in the
    workspace.
    """
    bots = list(Bot.objects.for_workspace(workspace).values_list("pk", flat=True))
    found = find_starts(workspace, bots, since=month)
    starts = {bot: of_bot for bot, of_bot in found.items() if has_paid_plan(of_bot)}
    if not starts:
        return []
    counts = read_counts(workspace, starts, first=month, end=next_month(month), now=now)
    return [
        BotLine(bot, line)
        for bot, of_bot in starts.items()
        for line in rating.measure_ended(month=month, starts=of_bot, count=counts[bot])
    ]


def compare(bot: int, line: Line, *, ordered: dict[Service, Ordered], rated: Rated) -> None:
    """Add what a closed month comes to by now, less what was ordered for it, which is taken out."""
    service = Service(bot, line.offer.version.pk, line.meter or "", line.first, line.last)
    before = ordered.pop(service, Ordered(0, Decimal(0)))
    if line.net > before.net:
        rated.lines.append(BotLine(bot, subtract(line, before)))
    elif line.net < before.net:
        quantity = before.quantity - line.quantity
        rated.overcharges.append(Overcharge(service, quantity, before.net - line.net))


def subtract(line: Line, before: Ordered) -> Line:
    """Return the line of late usage: what there is less what was ordered before."""
    return Line(
        LineKind.LATE,
        line.offer,
        line.first,
        line.last,
        price=line.price,
        net=line.net - before.net,
        quantity=line.quantity - before.quantity,
        meter=line.meter,
        used=line.used,
        included=line.included,
    )


def find_starts(
    workspace: Workspace, bots: Sequence[int], *, since: date
) -> dict[int, list[Start]]:
    """Return by bot from when on it has which plan, at the prices of the workspace's currency."""
    plans = subscriptions.find_plans(workspace=workspace, bots=bots, since=since)
    versions = {plan.version_id for of_bot in plans.values() for plan in of_bot}
    priced = catalog.read_offers(versions, currency=workspace.currency)
    return {bot: make_starts(of_bot, priced) for bot, of_bot in plans.items()}


def make_starts(plans: Iterable[BotPlan], priced: Mapping[int, Offer]) -> list[Start]:
    """Return from when on which plan holds; one without a price in the currency is left out."""
    return [
        Start(plan.starts_on, priced[plan.version_id])
        for plan in plans
        if plan.version_id in priced
    ]


def has_paid_plan(starts: Sequence[Start]) -> bool:
    """Tell whether one of the plans is paid by order and not from credits."""
    return any(not start.offer.version.uses_credits for start in starts)


def find_paid(
    workspace: Workspace, bots: Sequence[int], *, month: date
) -> defaultdict[int, Decimal]:
    """Return by bot what upgrades on the first day of a month have paid of that month's fee."""
    paid: defaultdict[int, Decimal] = defaultdict(Decimal)
    for upgrade in find_upgrades(workspace, bots, first=month, end=month + DAY):
        paid[upgrade.bot] += upgrade.net
    return paid


def find_upgrades(
    workspace: Workspace, bots: Sequence[int], *, first: date, end: date
) -> list[PaidUpgrade]:
    """Return the upgrades that hold from a day before ``end`` on, at what their plan cost then.

    By the ledger: what was paid beyond became credits (`invoices.plan_changes.apply`).
    """
    postings = Posting.objects.for_workspace(workspace).filter(
        bot__in=bots,
        kind=PostingKind.SUBSCRIPTION,
        service_day__gte=first,
        service_day__lt=end,
        key__startswith="order:",
    )
    rows = postings.values_list("id", "bot_id", "service_day")
    of = {id: (bot, day) for id, bot, day in rows if day}  # all have one: it is filtered by
    entries = LedgerEntry.objects.for_workspace(workspace).filter(
        posting_id__in=list(of), account=Account.REVENUE_SUBSCRIPTIONS
    )
    return [
        PaidUpgrade(*of[posting], -amount)
        for posting, amount in entries.values_list("posting_id", "amount")
    ]


def read_counts(
    workspace: Workspace,
    starts: Mapping[int, Sequence[Start]],
    *,
    first: date,
    end: date,
    now: datetime,
) -> dict[int, Count]:
    """Return by bot how many of a meter it used on the days of a plan in a month, or held in it.

    ``first``: the first month; ``end``: the month after the last.
    """
    calendar = read_calendar(workspace)
    months = list_months(first, end)
    changes = {start.day for of_bot in starts.values() for start in of_bot}
    cuts = sorted({*months, end, *(day for day in changes if first < day < end)})
    used = count_periods(workspace=workspace, bots=list(starts), periods=split(calendar, cuts))
    held = count_seats(workspace, list(starts), split(calendar, [*months, end]), now=now)

    def make_count(bot: int) -> Count:
        def count(meter: Meter, first: date, last: date) -> int:
            if meter in SEATS:
                return held[bot, meter][bisect_left(months, first)]
            places = range(bisect_left(cuts, first), bisect_left(cuts, last + DAY))
            counts = Counts.total(used.get((bot, place), Counts()) for place in places)
            return int(getattr(counts, meter.value))

        return count

    return {bot: make_count(bot) for bot in starts}


def count_seats(
    workspace: Workspace, bots: Sequence[int], months: Sequence[Period], *, now: datetime
) -> dict[tuple[int, Meter], list[int]]:
    """Return by bot and meter of seats how many there were in each month."""
    spans = [Span(to_count(of.starts_at), to_count(of.ends_at)) for of in months]
    seats = read_agents(workspace=workspace, bots=bots, periods=months, signed_in=False)
    signed_in = read_agents(workspace=workspace, bots=bots, periods=months, signed_in=True)
    until = to_count(now)
    return {
        (bot, meter): count(of.get(bot, []), spans, now=until)
        for meter, count, of in (
            (Meter.AGENTS, count_holders, seats),
            (Meter.AGENTS_PEAK, find_peak, signed_in),
        )
        for bot in bots
    }


def split(calendar: Calendar, cuts: Sequence[date]) -> list[Period]:
    """Return the stretches of time between local days that follow each other."""
    return [
        Period(calendar.start_of(first), calendar.start_of(end)) for first, end in pairwise(cuts)
    ]
