"""Orders for plans: what they come to, what their lines do, and what their invoice does."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import Case, OuterRef, Q, Subquery, Sum, Value, When
from django.db.models.functions import Coalesce

from accounts.models import Workspace
from invoices.issued import IssuedDocument
from invoices.models import OF_CREDITS, PAID, Order, OrderLine, OrderType
from usage.gaps import Gap, find_gaps

LINES = "order = its lines"
INVOICE = "order = its invoice"
NOTHING = Decimal(0)
# As `invoices.documents.FIND_MISSING`.
OWES_INVOICE = (Q(status__in=sorted(PAID)) | Q(type=OrderType.RENEWAL)) & Q(gross__gt=0)


@dataclass(frozen=True, kw_only=True, slots=True)
class OrderSum:
    """An order's net amount, that of its lines and that of its invoice.

    ``invoice``: None: it has none and owes none; 0: it owes one.
    """

    number: int
    placed_at: datetime
    net: Decimal
    lines: Decimal
    invoice: Decimal | None

    @property
    def gaps(self) -> list[Gap]:
        """The equations that do not hold."""
        invoice = self.net if self.invoice is None else self.invoice
        return find_gaps(Gap(LINES, self.net, self.lines), Gap(INVOICE, self.net, invoice))


def read(workspace: Workspace, *, since: datetime, until: datetime) -> list[OrderSum]:
    """Return the orders for plans that were placed in a stretch of time, the oldest first.

    The caller runs in the workspace.
    """
    lines = OrderLine.objects.for_workspace(workspace).filter(order=OuterRef("pk")).order_by()
    summed = lines.values("order").annotate(sum=Sum("net")).values("sum")
    invoices = IssuedDocument.objects.for_workspace(workspace).invoices()
    invoiced = Subquery(invoices.filter(order=OuterRef("pk")).values("net")[:1])
    rows = (
        Order.objects.for_workspace(workspace)
        .filter(created_at__gte=since, created_at__lt=until)
        .exclude(type__in=OF_CREDITS)
        .order_by("number")
        .values_list(
            "number",
            "created_at",
            "net",
            Coalesce(Subquery(summed), NOTHING),
            Coalesce(invoiced, Case(When(OWES_INVOICE, then=Value(NOTHING)))),
        )
    )
    return [
        OrderSum(number=number, placed_at=placed_at, net=net, lines=of_lines, invoice=invoice)
        for number, placed_at, net, of_lines, invoice in rows
    ]
