"""Lines of orders for plans: kept with the order, and read again for its page and its invoice."""

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from django.db.models import QuerySet, Sum

from accounts.models import Bot, Workspace
from invoices.issued import CreditedService
from invoices.models import LineKind, Order, OrderLine
from invoices.rating import Line, add_up
from plans import catalog
from plans.models import Meter

IN_ARREARS = (LineKind.USAGE, LineKind.SEATS, LineKind.LATE)


class BotLine(NamedTuple):
    """A line and the id of the bot that it is of."""

    bot: int
    line: Line


class BotLines(NamedTuple):
    """The lines that an order has for one bot."""

    bot: Bot
    lines: list[Line]

    @property
    def net(self) -> Decimal:
        """The sum of these lines."""
        return add_up(self.lines)


class Service(NamedTuple):
    """What a line in arrears is for: what a bot used of a meter on some days of a plan version."""

    bot: int
    version: int
    meter: str
    first: date
    last: date


class Ordered(NamedTuple):
    """How many of a service were ordered, and for which amount in all."""

    quantity: int
    net: Decimal


def keep(*, order: Order, lines: Sequence[BotLine]) -> None:
    """Store the lines of an order that is being placed, in this order."""
    OrderLine.objects.bulk_create(
        OrderLine(
            workspace=order.workspace,
            order=order,
            number=number,
            bot_id=bot,
            kind=line.kind,
            version=line.offer.version,
            first_day=line.first,
            last_day=line.last,
            meter=line.meter or "",
            used=line.used,
            included=line.included,
            quantity=line.quantity,
            price=line.price,
            net=line.net,
        )
        for number, (bot, line) in enumerate(lines, 1)
    )


def read(order: Order) -> list[BotLines]:
    """Return the lines of an order, grouped by bot, in the order in which they were placed."""
    rows = OrderLine.objects.for_workspace(order.workspace_id).filter(order=order)
    stored = list(rows.select_related("bot").order_by("number"))
    offers = catalog.read_offers({row.version_id for row in stored}, currency=order.currency_id)
    groups: dict[int, BotLines] = {}
    for row in stored:
        line = Line(
            kind=LineKind(row.kind),
            offer=offers[row.version_id],
            first=row.first_day,
            last=row.last_day,
            price=row.price,
            net=row.net,
            quantity=row.quantity,
            meter=Meter(row.meter) if row.meter else None,
            used=row.used,
            included=row.included,
        )
        groups.setdefault(row.bot_id, BotLines(row.bot, [])).lines.append(line)
    return list(groups.values())


def find_service(line: OrderLine) -> Service:
    """Return what a line in arrears is for."""
    return Service(line.bot_id, line.version_id, line.meter, line.first_day, line.last_day)


def count_bots(order: Order) -> int:
    """Return of how many bots an order has lines."""
    rows = OrderLine.objects.for_workspace(order.workspace_id).filter(order=order)
    return rows.values("bot").distinct().count()


def sum_ordered(workspace: Workspace, *, since: date) -> dict[Service, Ordered]:
    """Return what is ordered in arrears by now of services that began on ``since`` or later.

    That is what was ordered less what credit notes gave back.
    """
    lines = OrderLine.objects.for_workspace(workspace).filter(
        kind__in=IN_ARREARS, first_day__gte=since
    )
    credited = CreditedService.objects.for_workspace(workspace).filter(first_day__gte=since)
    sums = dict(read_sums(lines))
    for service, given_back in read_sums(credited):
        ordered = sums[service]
        sums[service] = Ordered(
            ordered.quantity - given_back.quantity, ordered.net - given_back.net
        )
    return sums


def read_sums(
    rows: QuerySet[OrderLine] | QuerySet[CreditedService],
) -> Iterator[tuple[Service, Ordered]]:
    """Yield each service of some rows with their sums."""
    sums = rows.values_list("bot_id", "version_id", "meter", "first_day", "last_day").annotate(
        Sum("quantity"), Sum("net")
    )
    for *service, quantity, net in sums:
        yield Service(*service), Ordered(quantity, net)
