"""What a month that begins has to cost, and what an upgrade does: worked out anew, day by day."""

from calendar import monthrange
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal, localcontext
from typing import NamedTuple

from invoices.proof.counting import Usage
from invoices.proof.facts import (
    DAY,
    METERS,
    NONE,
    SEAT_METERS,
    USAGE_METERS,
    CannotProve,
    Inputs,
    Line,
    MeterFact,
    OrderFact,
    PlanFact,
    Service,
    VersionFact,
    count_from,
    list_months,
    next_month,
)
from plans.money import round_amount

PRECISE = 60  # digits: a share of any amount is exact before it is rounded


class Stretch(NamedTuple):
    """Days of one month, the last included, on which a bot has one plan."""

    version: str
    first: date
    last: date


class Overcharge(NamedTuple):
    """What was ordered of a service beyond what it comes to."""

    service: Service
    quantity: int
    net: Decimal


class Renewal(NamedTuple):
    """What a month that begins has to have, and what of earlier months is to be given back."""

    lines: list[Line]
    overcharges: list[Overcharge]


class Ordered(NamedTuple):
    """How many of a service were ordered before, and for how much."""

    quantity: int = 0
    net: Decimal = NONE


class Case:
    """The inputs of a proof, with the plans of bots looked up once."""

    def __init__(self, inputs: Inputs) -> None:
        """Plans without prices in the currency are left out; the plan before them goes on."""
        self.inputs = inputs
        self.months = list_months(inputs["month"])
        self.plans: dict[str, list[PlanFact]] = {}
        for of in sorted(inputs["plans"], key=lambda of: (of["bot"], of["day"])):
            if of["version"] in inputs["versions"]:
                self.plans.setdefault(of["bot"], []).append(of)
        self.stretches: dict[tuple[str, date], list[Stretch]] = {}

    def split_month(self, bot: str, month: date) -> list[Stretch]:
        """Return the days of a month by plan: each day is of the latest plan that began by then."""
        key = (bot, month)
        if key not in self.stretches:
            self.stretches[key] = list(walk_month(self.plans[bot], month))
        return self.stretches[key]

    def list_days(self, bot: str) -> list[str]:
        """Return the local days at whose beginning the usage of a bot is cut, in order."""
        days = {*self.months, *(next_month(month) for month in self.months)}
        for month in self.months:
            for stretch in self.split_month(bot, month):
                days |= {stretch.first, stretch.last + DAY}
        return [day.isoformat() for day in sorted(days)]

    def list_cuts(self) -> dict[str, list[int]]:
        """Return by bot the instants between which its usage is counted.

        Raises:
            CannotProve: the beginning of a day is not among the inputs.
        """
        return {bot: [self.start_of(day) for day in self.list_days(bot)] for bot in self.plans}

    def start_of(self, day: str) -> int:
        """Return the first instant of a local day.

        Raises:
            CannotProve: it is not among the inputs.
        """
        if day not in self.inputs["edges"]:
            raise CannotProve(f"The inputs do not say when {day} began.")
        return count_from(self.inputs["edges"][day])


def walk_month(plans: Sequence[PlanFact], month: date) -> Iterator[Stretch]:
    """Yield the days of a month by plan; ``plans`` are in order."""
    stretch: Stretch | None = None
    latest: PlanFact | None = None
    day = month
    while day < next_month(month):
        begun = [of for of in plans if of["day"] <= day.isoformat()]
        if begun and begun[-1] is not latest:
            if stretch:
                yield stretch
            latest = begun[-1]
            stretch = Stretch(latest["version"], day, day)
        elif stretch:
            stretch = stretch._replace(last=day)
        day += DAY
    if stretch:
        yield stretch


def rate_renewal(case: Case, usage: Usage) -> Renewal:
    """Return what the renewal of a month has to have.

    The fees of the month; seats and further usage of the month before; of the 12 months before
    that what they come to by now beyond what was ordered.
    """
    *closed, ended = case.months
    ordered = sum_ordered(case.inputs)
    renewal = Renewal([], [])
    for bot in case.plans:
        renewal.lines.extend(rate_fee(case, bot, next_month(ended)))
        renewal.lines.extend(rate_month(case, usage, bot, ended))
        for month in closed:
            for line in rate_month(case, usage, bot, month):
                compare(line, ordered.pop(line.service, Ordered()), renewal)
    for service, before in ordered.items():
        if before.net and service.first_day >= closed[0].isoformat():
            renewal.overcharges.append(Overcharge(service, before.quantity, before.net))
    return renewal


def sum_ordered(inputs: Inputs) -> dict[Service, Ordered]:
    """Return what was ordered of each service before, less what was given back."""
    sums: dict[Service, Ordered] = {}
    for sign, facts in ((1, inputs["ordered"]), (-1, inputs["given"])):
        for of in facts:
            service = Service(
                of["bot"], of["version"], of["meter"], of["first_day"], of["last_day"]
            )
            before = sums.get(service, Ordered())
            sums[service] = Ordered(
                before.quantity + sign * of["quantity"], before.net + sign * Decimal(of["net"])
            )
    return sums


def compare(line: Line, before: Ordered, renewal: Renewal) -> None:
    """Add what a closed month comes to beyond what was ordered for it, either way."""
    quantity, net = line.quantity - before.quantity, line.net - before.net
    if net > 0:
        renewal.lines.append(line._replace(kind="late", quantity=quantity, net=net))
    elif net < 0:
        renewal.overcharges.append(Overcharge(line.service, -quantity, -net))


def rate_fee(case: Case, bot: str, month: date) -> Iterator[Line]:
    """Yield the fee of a month by the plan of its first day, less what upgrades paid of it."""
    inputs = case.inputs
    for stretch in case.split_month(bot, month)[:1]:
        version = inputs["versions"][stretch.version]
        paid = sum((Decimal(of["net"]) for of in inputs["fee_paid"] if of["bot"] == bot), NONE)
        net = round_amount(Decimal(version["fee"]) - paid, decimals=inputs["decimals"])
        if net > 0:
            last = next_month(month) - DAY
            days = (month.isoformat(), last.isoformat())
            yield Line(bot, "fee", stretch.version, *days, "", 0, 0, 1, net, net)


def rate_month(case: Case, usage: Usage, bot: str, month: date) -> Iterator[Line]:
    """Yield what a month that is over costs in arrears."""
    stretches = case.split_month(bot, month)
    of = monthrange(month.year, month.month)[1]
    for stretch in stretches:
        days = (stretch.last - stretch.first).days + 1
        for priced in list_meters(case.inputs, stretch.version, USAGE_METERS):
            included = -(-priced["included"] * days // of)
            yield from rate_further(case, usage, bot, stretch, priced, included)
    # The plan of the month's last day decides on the seats, which are not divided.
    for stretch in stretches[-1:]:
        whole = Stretch(stretch.version, month, next_month(month) - DAY)
        for priced in list_meters(case.inputs, stretch.version, SEAT_METERS):
            yield from rate_further(case, usage, bot, whole, priced, priced["included"])


def list_meters(inputs: Inputs, version: str, among: tuple[str, ...]) -> list[MeterFact]:
    """Return which of some meters a version prices on invoices; none where it uses credits."""
    said: VersionFact = inputs["versions"][version]
    if said["uses_credits"]:
        return []
    priced = [of for of in said["meters"] if of["meter"] in among]
    return sorted(priced, key=lambda of: METERS.index(of["meter"]))


def rate_further(
    case: Case, usage: Usage, bot: str, stretch: Stretch, priced: MeterFact, included: int
) -> Iterator[Line]:
    """Yield the line of what was used beyond what is included; none where it costs nothing."""
    first, after = stretch.first.isoformat(), (stretch.last + DAY).isoformat()
    meter, price = priced["meter"], Decimal(priced["price"])
    used = usage.count(bot, meter, case.start_of(first), case.start_of(after))
    quantity = max(0, used - included)
    if quantity and price:
        kind = "seats" if meter in SEAT_METERS else "usage"
        net = round_amount(quantity * price, decimals=case.inputs["decimals"])
        days = (first, stretch.last.isoformat())
        yield Line(bot, kind, stretch.version, *days, meter, used, included, quantity, price, net)


def rate_upgrade(case: Case, order: OrderFact, day: str, *, entry: int | None) -> Decimal:
    """Return what an upgrade costs on a local day; 0: it is none, or a contract holds.

    ``entry``: in the audit log, before which the plan is that it replaces.
    """
    version, known = order["version"] or "", case.inputs["versions"]
    old = find_replaced(case, order, day, entry or 0)
    contract = case.inputs["contract_from"]
    if old not in known or version not in known or (contract and contract <= day):
        return NONE
    difference = Decimal(known[version]["fee"]) - Decimal(known[old]["fee"])
    on = date.fromisoformat(day)
    days = monthrange(on.year, on.month)[1]
    with localcontext() as context:
        context.prec = PRECISE
        part = max(difference, NONE) * (days - on.day + 1) / days
    return round_amount(part, decimals=case.inputs["decimals"])


def find_replaced(case: Case, order: OrderFact, day: str, entry: int) -> str:
    """Return the version that a bot had on a day before an entry of the audit log; empty: none.

    What began on that day may have been replaced since: then the next change of that day says what
    it replaced. Without one it is what the bot has on that day.
    """
    for change in sorted(case.inputs["changes"], key=lambda of: of["entry"]):
        if change["day"] == day and change["entry"] >= entry:
            return change["before"]
    begun = [of for of in case.plans.get(order["bot"] or "", []) if of["day"] <= day]
    return begun[-1]["version"] if begun else ""
