"""Plans of bots are changed: what that costs, when it holds, and what the next invoices will say.

An upgrade (a higher fee) holds from 00:00 of today once it is paid, anything else from the first of
the next month on, with undo until then.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from django.db.models import Sum

from accounts.days import DAY, list_days, next_month, previous_month
from accounts.models import Bot, User
from accounts.months import read_calendar
from accounts.tenancy import in_workspace
from invoices import orders, rating, renewal_rating
from invoices.models import LineKind, Method, Order, OrderType
from invoices.order_lines import BotLine
from invoices.rating import Count, Line, Start, Upgrade
from plans import billing, catalog, eligibility, ledger, lots, subscriptions
from plans.catalog import Offer
from plans.ledger import Entry
from plans.models import (
    SEATS,
    Account,
    BotPlan,
    ChargedDay,
    CreditLot,
    Meter,
    PlanVersion,
    PostingKind,
)
from plans.money import round_amount
from plans.subscriptions import NotChangeable
from usage.periods import Period
from usage.queries import UsageRow, count_usage

OF_PLANS = frozenset({OrderType.SUBSCRIPTION, OrderType.PLAN_CHANGE})
INVOICES_SHOWN = 3
PACE_DAYS = 28


class Seen(NamedTuple):
    """What somebody saw who decides: the plan's version, what was scheduled, and the price."""

    current: int
    scheduled: int | None
    net: Decimal


class Bill(NamedTuple):
    """What a bot has on one invoice: its lines, and the local day on which its service begins."""

    on: date
    lines: list[Line]

    @property
    def net(self) -> Decimal:
        """The sum of its lines."""
        return rating.add_up(self.lines)


@dataclass(frozen=True)
class Quote:
    """What a change would be.

    ``upgrade`` is None where the fee does not rise. ``given_back``: charges of today that are given
    back. ``bills``: what this bot will have on the next invoices, with what is not yet used as
    expected. ``scheduled``: a change that this one replaces.
    """

    bot: Bot
    current: Offer
    offer: Offer
    today: date
    starts_on: date
    upgrade: Upgrade | None
    given_back: Decimal
    scheduled: BotPlan | None
    bills: list[Bill]

    @property
    def net(self) -> Decimal:
        """What is to be paid now."""
        return self.upgrade.net if self.upgrade else Decimal(0)

    @property
    def last_day(self) -> date:
        """The last day of the plan that the bot has."""
        return self.starts_on - DAY

    @property
    def seen(self) -> Seen:
        """What somebody who decides by this has seen."""
        scheduled = self.scheduled.version_id if self.scheduled else None
        return Seen(self.current.version.pk, scheduled, self.net)


def quote(*, bot: Bot, version: PlanVersion, at: datetime) -> Quote:
    """Return what it would be for a bot to change to a plan version.

    Raises:
        NotChangeable: it may not, or has this version.
    """
    workspace = bot.workspace
    with in_workspace(workspace.pk):
        today = read_calendar(workspace).day_of(at)
        subscriptions.check_contract(workspace=workspace, today=today)
        if bot.archived_at:
            raise NotChangeable(f"{bot.name} is archived. Restore it to change its plan.")
        current, offer = read_offers(bot, version, today=today)
        scheduled = subscriptions.find_scheduled(workspace=workspace, bots=[bot], today=today)
        upgrade = None
        if offer.fee > current.fee:
            upgrade = rating.rate_upgrade(old=current, new=offer, today=today)
        starts_on = today if upgrade else next_month(today)
        return Quote(
            bot=bot,
            current=current,
            offer=offer,
            today=today,
            starts_on=starts_on,
            upgrade=upgrade,
            given_back=find_given_back(bot, offer, starts_on, today=today),
            scheduled=scheduled.get(bot.pk),
            bills=expect_bills(bot, current, offer, upgrade, starts_on, today=today, at=at),
        )


def read_offers(bot: Bot, version: PlanVersion, *, today: date) -> tuple[Offer, Offer]:
    """Return what a bot has and what it would have.

    Raises:
        NotChangeable: these are the same, or the latter is not open to it.
    """
    has = subscriptions.find_version(bot=bot, day=today)
    if has == version:
        raise NotChangeable(f"{bot.name} has the plan {version.plan.name} already.")
    checked = eligibility.check(workspace=bot.workspace, bots=[bot.pk], today=today)
    found = next((one for one in checked[bot.pk] if one.offer.version == version), None)
    if found is None:
        raise NotChangeable(
            f"{version.plan.name} is not offered in this version any more. Nothing is changed; look"
            " at the plans again."
        )
    if found.reason:
        raise NotChangeable(f"{version.plan.name} is not open to {bot.name}. {found.reason}")
    current = catalog.read_offers([has], currency=bot.workspace.currency).get(has.pk)
    if current is None:
        raise NotChangeable(f"{has.plan.name} has no price in {bot.workspace.currency}.")
    return current, found.offer


def find_given_back(bot: Bot, offer: Offer, starts_on: date, *, today: date) -> Decimal:
    """Return the charges of today that are given back: those of a plan that ends before today."""
    if starts_on > today or offer.version.uses_credits:
        return Decimal(0)
    charged = ChargedDay.objects.for_workspace(bot.workspace).filter(bot=bot, day=today)
    return charged.aggregate(sum=Sum("amount"))["sum"] or Decimal(0)


def expect_bills(
    bot: Bot,
    current: Offer,
    offer: Offer,
    upgrade: Upgrade | None,
    starts_on: date,
    *,
    today: date,
    at: datetime,
) -> list[Bill]:
    """Return what a bot will have on the next invoices after a change.

    The first of a month is billed when it is over, so that on that day its invoice is still to come
    and has the fee of the plan before.
    """
    plans = subscriptions.find_plans(
        workspace=bot.workspace, bots=[bot], since=previous_month(today)
    )
    kept = [
        plan for plan in plans[bot.pk] if plan.starts_on < starts_on and plan.starts_on <= today
    ]
    priced = catalog.read_offers(
        [plan.version_id for plan in kept], currency=bot.workspace.currency
    )
    starts = renewal_rating.make_starts(kept, priced)
    if not starts:  # it began today and is replaced today
        starts = [Start(today, current)]
    starts.append(Start(starts_on, offer))
    count = expect_usage(bot, today=today, at=at)
    bills = [Bill(today, [make_upgrade_line(offer, upgrade, today=today)])] if upgrade else []
    month = today if today.day == 1 else next_month(today)
    while len(bills) < INVOICES_SHOWN:
        paid = renewal_rating.find_paid(bot.workspace, [bot.pk], month=month)[bot.pk]
        if upgrade and month == today:
            paid += upgrade.net
        lines = rating.rate_renewal(month=month, starts=starts, count=count, paid=paid)
        bills.append(Bill(month, lines))
        month = next_month(month)
    return bills


def make_upgrade_line(offer: Offer, upgrade: Upgrade, *, today: date) -> Line:
    """Return the line of an upgrade on the invoice of its order."""
    last = rating.end_of_month(today)
    return Line(LineKind.UPGRADE, offer, today, last, price=upgrade.net, net=upgrade.net)


def expect_usage(bot: Bot, *, today: date, at: datetime) -> Count:
    """Return how many of a meter a bot used on days up to today, and likely will on later ones.

    Days to come are as the 28 before today were on average, rounded up; seats of months to come as
    those of the month that runs.
    """
    calendar = read_calendar(bot.workspace)
    first = min(previous_month(today), today - PACE_DAYS * DAY)
    days = list_days(first, today)
    periods = [Period(calendar.start_of(day), calendar.start_of(day + DAY)) for day in days]
    counted = count_usage(workspace=bot.workspace, bots=[bot], periods=periods, now=at)
    by_day = dict(zip(days, counted, strict=True))
    months = [previous_month(today), today.replace(day=1)]
    periods = [
        Period(calendar.start_of(month), calendar.start_of(next_month(month))) for month in months
    ]
    counted = count_usage(workspace=bot.workspace, bots=[bot], periods=periods, now=at)
    by_month = dict(zip(months, counted, strict=True))
    paced = [by_day[today - number * DAY] for number in range(1, PACE_DAYS + 1)]

    def count(meter: Meter, first: date, last: date) -> int:
        if meter in SEATS:
            return read_meter(by_month.get(first.replace(day=1), by_month[months[-1]]), meter)
        used = sum(read_meter(by_day[day], meter) for day in by_day if first <= day <= last)
        to_come = max(0, (last - max(first - DAY, today)).days)
        pace = sum(read_meter(row, meter) for row in paced)
        return used - (-pace * to_come // PACE_DAYS)

    return count


def read_meter(row: UsageRow, meter: Meter) -> int:
    """Return what was counted of a meter."""
    if meter == Meter.AGENTS:
        return row.agents
    if meter == Meter.AGENTS_PEAK:
        return row.agents_peak
    return int(getattr(row.counts, meter.value))


def change(
    *,
    bot: Bot,
    version: PlanVersion,
    seen: Seen,
    buyer: User,
    at: datetime,
    key: str,
    method: Method | None,
) -> Order | None:
    """Change a bot's plan as it was quoted: now, from the next month on, or once an order is paid.

    Returns the order that is to be paid; None: nothing is. The same key again, and a change that is
    scheduled already, do nothing more.

    Raises:
        NotChangeable: it may not, or is not as it was ``seen`` any more; nothing is changed.
    """
    with in_workspace(bot.workspace_id):
        billing.lock(workspace=bot.workspace, at=at)
        if placed := find_placed(bot, key=key):
            return placed
        quoted = quote(bot=bot, version=version, at=at)
        if is_scheduled(quoted):
            return None
        if quoted.seen != seen:
            raise NotChangeable(
                f"The plan of {bot.name}, or its price, has changed meanwhile. Nothing of yours is"
                " done: look at it again."
            )
        if waiting := find_waiting(bot):
            raise NotChangeable(f"{say_waiting(waiting)} Pay or cancel it first.")
        if quoted.upgrade and quoted.net:
            if method is None:
                raise NotChangeable("Choose a payment method.")
            return order_upgrade(
                quoted, quoted.upgrade, buyer=buyer, at=at, key=key, method=Method(method)
            )
        if quoted.upgrade:
            subscriptions.change_today(bot=bot, version=version, at=at)
        else:
            subscriptions.schedule(bot=bot, version=version, day=quoted.starts_on, at=at)
    return None


def order_upgrade(
    quoted: Quote, upgrade: Upgrade, *, buyer: User, at: datetime, key: str, method: Method
) -> Order:
    """Place the order of an upgrade.

    Raises:
        NotChangeable: it could not be invoiced.
    """
    line = make_upgrade_line(quoted.offer, upgrade, today=quoted.today)
    from_credits = quoted.current.version.uses_credits
    try:
        return orders.place(
            workspace=quoted.bot.workspace,
            type=OrderType.SUBSCRIPTION if from_credits else OrderType.PLAN_CHANGE,
            buyer=buyer,
            net=quoted.net,
            at=at,
            key=key,
            method=method,
            bot=quoted.bot,
            version=quoted.offer.version,
            lines=[BotLine(quoted.bot.pk, line)],
        )
    except orders.NotOrdered as error:
        raise NotChangeable(str(error)) from None


def find_placed(bot: Bot, *, key: str) -> Order | None:
    """Return the order that was placed under a key; None: none was."""
    placed = Order.objects.for_workspace(bot.workspace).filter(key=key)
    return placed.select_related("workspace", "currency").first()


def is_scheduled(quoted: Quote) -> bool:
    """Tell whether a change is scheduled as it is quoted."""
    scheduled = quoted.scheduled
    return scheduled is not None and (scheduled.version_id, scheduled.starts_on) == (
        quoted.offer.version.pk,
        quoted.starts_on,
    )


def find_waiting(bot: Bot) -> Order | None:
    """Return the order of a change of a bot's plan that waits for its payment."""
    waiting = Order.objects.for_workspace(bot.workspace).open()
    return waiting.filter(bot=bot, type__in=OF_PLANS).select_related("version__plan").first()


def say_waiting(order: Order) -> str:
    """Say in a sentence that an order waits for its payment."""
    to = order.version.plan.name if order.version else "another plan"
    return f"{order}, a change to {to}, waits for its payment."


def apply(order: Order, at: datetime) -> CreditLot | None:
    """Do what an order of a plan change is for, when its money is there.

    The plan holds from the local day of that instant, at the price that the upgrade has on that
    day. What was paid beyond, or all of it where the order no longer fits (the bot has a fee as
    high by now, the workspace a contract, or the price is higher than what was paid), becomes
    bought credits of the bot: no money is lost, and they can be refunded. Returns their lot.
    """
    if order.bot is None or order.version is None:
        raise ValueError(f"{order} is of no bot and plan")
    price = find_price(order.bot, order.version, paid=order.net, at=at)
    if price is None:
        price, tax = Decimal(0), Decimal(0)
    else:
        subscriptions.change_today(bot=order.bot, version=order.version, at=at)
        tax = find_tax(order, price)
        post(order, price=price, tax=tax, at=at)
    if price == order.net:
        return None
    return lots.add_bought(
        workspace=order.workspace,
        net=order.net - price,
        tax=order.tax - tax,
        at=at,
        key=f"order:{order.number}",
        bot=order.bot,
        reason=f"Left of order {order}" if price else f"Order {order} came too late for its plan",
    )


def find_price(bot: Bot, version: PlanVersion, *, paid: Decimal, at: datetime) -> Decimal | None:
    """Return what an upgrade costs at an instant; None: it is none, or was not paid in full."""
    today = read_calendar(bot.workspace).day_of(at)
    if subscriptions.has_contract(workspace=bot.workspace, today=today):
        return None
    has = subscriptions.find_version(bot=bot, day=today)
    offers = catalog.read_offers([has, version], currency=bot.workspace.currency)
    if has.pk not in offers or version.pk not in offers:
        return None
    if offers[version.pk].fee <= offers[has.pk].fee:
        return None
    upgrade = rating.rate_upgrade(old=offers[has.pk], new=offers[version.pk], today=today)
    return upgrade.net if upgrade.net <= paid else None


def find_tax(order: Order, price: Decimal) -> Decimal:
    """Return the part of an order's tax that falls on its plan; the rest is of its credits."""
    if price == order.net:
        return order.tax
    return round_amount(order.tax * price / order.net, decimals=order.currency.decimals)


def post(order: Order, *, price: Decimal, tax: Decimal, at: datetime) -> None:
    """Post what a plan change brought: payments to revenue and tax."""
    held = billing.lock(workspace=order.workspace, at=at)
    today = read_calendar(order.workspace).day_of(at)
    entries = [
        Entry(Account.PAYMENTS, price + tax),
        Entry(Account.REVENUE_SUBSCRIPTIONS, -price),
        Entry(Account.TAX_PAYABLE, -tax),
    ]
    ledger.post(
        workspace=order.workspace,
        key=f"order:{order.number}:plan",
        kind=PostingKind.SUBSCRIPTION,
        at=at,
        booking_month=held.book(today),
        entries=[entry for entry in entries if entry.amount],
        bot=order.bot_id,
        service_day=today,
        version=order.version_id,
        note=f"Order {order}",
    )


def register() -> None:
    """Have orders of plan changes do what `apply` says when they are completed."""
    for type in OF_PLANS:
        orders.register(type, apply)
