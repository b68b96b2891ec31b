"""The operators' table of wires."""

from decimal import Decimal

import django_tables2 as tables
from django.urls import reverse

from accounts.tables import WHEN, Table
from invoices import wire
from invoices.models import Payment
from invoices.templatetags.documents import fours
from plans.wording import say_amount

AMOUNT = {"th": {"class": "amount"}, "td": {"class": "amount"}}


def link_wire(record: Payment) -> str:
    """Return the address on which what came is noted."""
    return reverse("invoices_operator:wire", args=[record.pk])


class WireTable(Table):
    """Wires of all workspaces: what `wire_queries.list_wires` returns; times in UTC."""

    started_at = tables.TemplateColumn(
        template_name="plans/_instant_utc.html", verbose_name="Begun (UTC)", attrs=WHEN
    )
    reference = tables.Column(
        accessor="pk", verbose_name="Reference", linkify=link_wire, orderable=False, attrs=WHEN
    )
    workspace = tables.Column(
        accessor="order__workspace__name",
        verbose_name="Workspace",
        attrs={"td": {"class": "breaks"}},
    )
    order = tables.Column(accessor="order__number", verbose_name="Order", attrs=WHEN)
    type = tables.Column(accessor="order__get_type_display", verbose_name="Type", orderable=False)
    amount = tables.Column(accessor="order__gross", verbose_name="Amount", attrs=AMOUNT)
    came = tables.Column(
        accessor="pk", verbose_name="Came", orderable=False, attrs=AMOUNT, default="–"
    )
    status = tables.TemplateColumn(
        template_name="invoices/_wire_status.html", verbose_name="Status", orderable=False
    )

    class Meta:
        model = Payment
        fields = (
            "started_at", "reference", "workspace", "order", "type", "amount", "came", "status",
        )  # fmt: skip

    def render_reference(self, record: Payment) -> str:
        """Return the reference as it is read out."""
        return fours(wire.write_reference(record))

    def render_order(self, record: Payment) -> str:
        """Return the order's number."""
        return str(record.order)

    def render_amount(self, value: Decimal, record: Payment) -> str:
        """Return what is to come."""
        return say_amount(value, record.order.currency)

    def render_came(self, record: Payment) -> str:
        """Return what came, a dash for nothing."""
        came = sum((transfer.amount for transfer in record.transfers.all()), Decimal(0))
        return say_amount(came, record.order.currency) if came else "\N{EN DASH}"
