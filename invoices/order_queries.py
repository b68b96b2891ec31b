"""Orders as their list, its totals and its exports read them."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from django.contrib.postgres.aggregates import StringAgg
from django.db.models import (
    Case,
    Count,
    OuterRef,
    Prefetch,
    Q,
    QuerySet,
    Subquery,
    Sum,
    TextField,
    Value,
    When,
)
from django.db.models.functions import Coalesce

from accounts.models import Bot, Membership
from invoices.frozen import Denomination
from invoices.issued import IssuedDocument
from invoices.models import OF_CREDITS, PAID, Order, OrderLine, OrderQuerySet
from plans.models import PlanVersion

NONE = Decimal(0)


@dataclass(frozen=True, kw_only=True)
class Sought:
    """Which orders somebody looks for; empty or None: any.

    ``text`` is part of a document's number, of the comments or of a bot's name, or, as
    ``text_number``, the number of an order. ``number``: the beginning of a document's number, or,
    as ``order_number``, that of an order. ``until`` is exclusive; amounts are gross.
    """

    text: str = ""
    text_number: int | None = None
    number: str = ""
    order_number: int | None = None
    type: str = ""
    statuses: Collection[str] | None = None
    bot: Bot | None = None
    since: datetime | None = None
    until: datetime | None = None
    least: Decimal | None = None
    most: Decimal | None = None


class Sums(NamedTuple):
    """What some orders in one currency come to.

    ``net``, ``tax`` and ``gross`` are of those that were paid, refunded ones too; ``credited`` is
    the gross sum of the credit notes to any of them.
    """

    currency: Denomination
    net: Decimal
    tax: Decimal
    gross: Decimal
    credited: Decimal


@dataclass(frozen=True)
class Totals:
    """How many orders there are, how many of them were paid, and what they come to by currency."""

    count: int = 0
    paid: int = 0
    sums: list[Sums] = field(default_factory=list)


def find_orders(membership: Membership, sought: Sought) -> OrderQuerySet:
    """Return the orders of a search that a person may see, in no order."""
    of = membership.workspace_id
    orders = Order.objects.for_workspace(of).visible_to(membership)
    bounds = {
        "type": sought.type or None,
        "status__in": sought.statuses,
        "created_at__gte": sought.since,
        "created_at__lt": sought.until,
        "gross__gte": sought.least,
        "gross__lte": sought.most,
    }
    orders = orders.filter(**{name: value for name, value in bounds.items() if value is not None})
    lines = OrderLine.objects.for_workspace(of)
    documents = IssuedDocument.objects.for_workspace(of)
    if sought.bot:
        of_bot = lines.filter(bot=sought.bot).values("order")
        orders = orders.filter(Q(bot=sought.bot) | Q(pk__in=of_bot))
    if sought.number:
        invoiced = documents.filter(number__istartswith=sought.number)
        orders = orders.filter(Q(number=sought.order_number) | Q(pk__in=invoiced.values("order")))
    if sought.text:
        named = lines.filter(bot__name__icontains=sought.text).values("order")
        invoiced = documents.filter(number__icontains=sought.text)
        orders = orders.filter(
            Q(number=sought.text_number)
            | Q(comments__icontains=sought.text)
            | Q(bot__name__icontains=sought.text)
            | Q(pk__in=named)
            | Q(pk__in=invoiced.values("order"))
        )
    return orders


def with_columns(orders: OrderQuerySet) -> OrderQuerySet:
    """Return orders with all that a row of their list says, among it ``plan_name``.

    A renewal is of the plans of its lines, credits are of the plan that uses them.
    """
    lines = OrderLine.objects.filter(workspace=OuterRef("workspace"), order=OuterRef("pk"))
    names = StringAgg("version__plan__name", ", ", distinct=True, default=Value(""))
    of_lines = lines.order_by().values("order").annotate(names=names).values("names")
    of_credits = PlanVersion.objects.on_offer().filter(uses_credits=True)
    plan = Case(
        When(type__in=sorted(OF_CREDITS), then=Subquery(first_name(of_credits))),
        default=Coalesce(
            "version__plan__name", Subquery(of_lines), Value(""), output_field=TextField()
        ),
        output_field=TextField(),
    )
    documents = IssuedDocument.objects.select_related("file", "currency").defer("content")
    related = ("workspace", "currency", "bot", "buyer", "version__plan")
    # Not as a keyword, which the types take for another declaration of the attribute.
    added = {"plan_name": plan}
    annotated = orders.annotate(**added).select_related(*related)
    return annotated.prefetch_related(Prefetch("documents", queryset=documents.order_by("pk")))


def first_name(versions: QuerySet[PlanVersion]) -> QuerySet[PlanVersion, str]:
    """Return the name of the plan that comes first."""
    return versions.order_by("plan__place").values_list("plan__name", flat=True)[:1]


def sum_up(orders: OrderQuerySet) -> Totals:
    """Return what orders come to, which is what their rows say."""
    paid = Q(status__in=sorted(PAID))
    groups = orders.order_by().values_list("currency", "currency__decimals")
    found = groups.annotate(
        of_all=Count("pk"),
        of_paid=Count("pk", filter=paid),
        of_net=Sum("net", filter=paid, default=NONE),
        of_tax=Sum("tax", filter=paid, default=NONE),
        of_gross=Sum("gross", filter=paid, default=NONE),
    )
    credited = sum_credited(orders)
    totals = Totals()
    for code, decimals, count, of_paid, net, tax, gross in found.order_by("currency"):
        totals.sums.append(
            Sums(Denomination(code, decimals), net, tax, gross, credited.get(code, NONE))
        )
        totals = replace(totals, count=totals.count + count, paid=totals.paid + of_paid)
    return totals


def sum_credited(orders: OrderQuerySet) -> dict[str, Decimal]:
    """Return the gross sums of the credit notes to orders by currency."""
    notes = IssuedDocument.objects.credit_notes().filter(order__in=orders.order_by().values("pk"))
    return dict(notes.order_by().values_list("currency").annotate(sum=Sum("gross")))
