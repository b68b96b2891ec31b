"""What bots with plans without credits used of a meter, and what of it was ordered.

Such usage is priced by *stretches*: the days of a month on which a bot has the same plan version,
and of seats the whole month. Further usage, what is beyond the included, equals what was ordered
at the close of the month, and late, less what credit notes gave back, and what is open: that the
next renewal orders or gives back.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from operator import itemgetter
from typing import NamedTuple

from accounts.days import list_days, months_before, next_month
from accounts.models import Bot, Workspace
from accounts.months import Calendar
from invoices import rating, renewal_rating
from invoices.charge_counts import TOTALS, DayCount
from invoices.issued import CreditedService
from invoices.models import LineKind, OrderLine
from invoices.order_lines import IN_ARREARS, Service
from invoices.rating import PlanDays
from invoices.renewal_rating import LATE_MONTHS
from plans.billing import closes_at
from plans.models import SEATS, Meter
from usage.gaps import Gap, find_gaps

ORDERED = "used - included = ordered + late - credited + open"
OF_SERVICE = ("bot_id", "version_id", "meter", "first_day", "last_day", "quantity")
OF_LINE = ("kind", "used", "included", "order__number")


@dataclass(slots=True)
class Ordered:
    """How many of a service were ordered: at the close, late, and given back.

    ``owed``: how many there were to be after the latest line, by what it says itself was used, less
    what was given back since. ``order``: the number of its order; None: there is none.
    """

    ordered: int = 0
    late: int = 0
    credited: int = 0
    owed: int = 0
    order: int | None = None

    @property
    def standing(self) -> int:
        """How many are ordered by now."""
        return self.ordered + self.late - self.credited

    def take_line(self, *, kind: str, used: int, included: int, quantity: int, order: int) -> None:
        """Add a line of an order; lines and credits come in order of time."""
        if kind == LineKind.LATE:
            self.late += quantity
        else:
            self.ordered += quantity
        self.owed = max(0, used - included)
        self.order = order

    def take_credit(self, quantity: int) -> None:
        """Add what a credit note gave back."""
        self.credited += quantity
        self.owed -= quantity


class Renewals(NamedTuple):
    """What the renewals to come look at.

    ``open_month``: the oldest that is not closed. ``contract_from``: from that local day on nothing
    is ordered.
    """

    open_month: date
    contract_from: date | None
    calendar: Calendar

    def leave_out(self, month: date) -> str:
        """Return why nothing of a month will be ordered, in words; empty: it will."""
        next_close = max(month, self.open_month)
        closes_on = self.calendar.day_of(closes_at(self.calendar, next_close))
        if self.contract_from is not None and self.contract_from <= closes_on:
            return "Under the contract nothing is ordered."
        if month < months_before(self.open_month, LATE_MONTHS):
            return f"Renewals look back {LATE_MONTHS} months."
        return ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stretch:
    """What a bot used of a meter on some days of a month, and what of it was ordered.

    ``charges``: whether the plan has a price for it. ``totals`` and ``running`` as in `DayCount`.
    ``is_closed``: its month is. ``left_out``: why the next renewal orders nothing of it any more,
    in words; empty: it does.
    """

    service: Service
    used: int
    totals: int
    running: int
    included: int
    charges: bool
    ordered: Ordered
    is_closed: bool
    left_out: str

    @property
    def further(self) -> int:
        """How many cost something."""
        return max(0, self.used - self.included) if self.charges else 0

    @property
    def due(self) -> int:
        """How many are to be ordered still, or (negative) given back."""
        return self.further - self.ordered.owed

    @property
    def open(self) -> int:
        """How many the next renewal orders, or (negative) gives back."""
        return 0 if self.left_out else self.due

    @property
    def gaps(self) -> list[Gap]:
        """The equations that do not hold."""
        return find_gaps(
            Gap(TOTALS, self.used, self.totals),
            Gap(ORDERED, self.further, self.ordered.standing + self.due),
        )

    @property
    def counts_days(self) -> bool:
        """Tell whether it is the sum of what was counted by day; seats are held."""
        return self.service.meter not in SEATS

    @property
    def says_something(self) -> bool:
        """Tell whether there is a number that somebody may look for."""
        return bool(self.used or self.totals or self.running or self.ordered.order)


class Planned(NamedTuple):
    """What a plan says of a meter on some days of a month."""

    service: Service
    included: int
    charges: bool


def read(
    workspace: Workspace,
    *,
    renewals: Renewals,
    months: Sequence[date],
    days: Sequence[DayCount],
    now: datetime,
) -> list[Stretch]:
    """Return the stretches of some whole months, which follow each other, by month and bot.

    ``days``: what was counted on all of their days. Stretches of which nothing was used or ordered
    are left out. The caller runs in the workspace.
    """
    planned = list(plan_stretches(workspace, months=months))
    ordered = read_ordered(workspace, first=months[0], until=next_month(months[-1]))
    planned += [
        Planned(service, included=0, charges=True)
        for service in ordered.keys() - {of.service for of in planned}
    ]
    held = count_held(workspace, planned, renewals=renewals, months=months, now=now)
    by_day = {(of.counted.bot, of.counted.version, of.counted.meter, of.counted.day): of.counted
              for of in days}  # fmt: skip
    left_out = {month: renewals.leave_out(month) for month in months}
    found = []
    for service, included, charges in planned:
        month = service.first.replace(day=1)
        keys = ((service.bot, service.version, service.meter, day)
                for day in list_days(service.first, service.last))  # fmt: skip
        counted = [by_day[key] for key in keys if key in by_day]
        seats = held.get(service, 0)
        found.append(
            Stretch(
                service=service,
                used=seats + sum(of.sessions for of in counted),
                totals=seats + sum(of.totals for of in counted),
                running=sum(of.running for of in counted),
                included=included,
                charges=charges,
                ordered=ordered.get(service, Ordered()),
                is_closed=month < renewals.open_month,
                left_out=left_out[month],
            )
        )
    return sorted(
        (of for of in found if of.says_something),
        key=lambda of: (of.service.first.replace(day=1), of.service.bot, of.service),
    )


def plan_stretches(workspace: Workspace, *, months: Sequence[date]) -> Iterator[Planned]:
    """Yield what plans without credits say of each stretch, and of the seats of each month."""
    bots = list(Bot.objects.for_workspace(workspace).values_list("pk", flat=True))
    starts = renewal_rating.find_starts(workspace, bots, since=months[0])
    for bot, of_bot in starts.items():
        if not renewal_rating.has_paid_plan(of_bot):
            continue
        for month in months:
            stretches = rating.split_month(of_bot, month=month)
            for plan in stretches:
                yield from plan_meters(bot, plan, seats=plan is stretches[-1])


def plan_meters(bot: int, plan: PlanDays, *, seats: bool) -> Iterator[Planned]:
    """Yield what a plan says of its meters on its days of a month.

    ``seats``: also of seats, of the whole month: it is the plan of the month's last day.
    """
    if plan.offer.version.uses_credits:
        return
    of = rating.count_days(plan.first)
    for meter, included, price in plan.offer.meters:
        first = plan.first
        if meter not in SEATS:
            included = rating.include(included, days=plan.days, of=of)
        elif seats:
            first = plan.first.replace(day=1)
        else:
            continue
        service = Service(bot, plan.offer.version.pk, meter.value, first, plan.last)
        yield Planned(service, included, bool(price))


def count_held(
    workspace: Workspace,
    planned: Sequence[Planned],
    *,
    renewals: Renewals,
    months: Sequence[date],
    now: datetime,
) -> dict[Service, int]:
    """Return how many seats were held, of the services that are seats."""
    services = [of.service for of in planned if of.service.meter in SEATS]
    if not services:
        return {}
    periods = renewal_rating.split(renewals.calendar, [*months, next_month(months[-1])])
    bots = sorted({service.bot for service in services})
    held = renewal_rating.count_seats(workspace, bots, periods, now=now)
    return {
        service: held[service.bot, Meter(service.meter)][months.index(service.first)]
        for service in services
    }


def read_ordered(
    workspace: Workspace, *, first: date, until: date
) -> defaultdict[Service, Ordered]:
    """Return what was ordered of services that begin on some days, and given back."""
    of_days = {"first_day__gte": first, "first_day__lt": until}
    lines = OrderLine.objects.for_workspace(workspace).filter(kind__in=IN_ARREARS, **of_days)
    credits = CreditedService.objects.for_workspace(workspace).filter(**of_days)
    said = [
        *lines.values_list("order__created_at", *OF_SERVICE, *OF_LINE),
        *credits.values_list("document__issued_at", *OF_SERVICE),
    ]
    found: defaultdict[Service, Ordered] = defaultdict(Ordered)
    for _, bot, version, meter, first_day, last_day, quantity, *line in sorted(
        said, key=itemgetter(0)
    ):
        of = found[Service(bot, version, meter, first_day, last_day)]
        if line:
            kind, used, included, order = line
            of.take_line(kind=kind, used=used, included=included, quantity=quantity, order=order)
        else:
            of.take_credit(quantity)
    return found
