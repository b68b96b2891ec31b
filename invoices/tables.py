"""Tables of the pages of invoices."""

import django_tables2 as tables
from django.urls import reverse

from accounts.tables import WHEN, Table
from invoices.issued import Payback
from plans.tables import AMOUNT


def link_payback(record: Payback) -> str:
    """Return the page of a payback."""
    return reverse("invoices_operator:payback", args=[record.pk])


class PaybackTable(Table):
    """Money that goes back to buyers, of all workspaces; times in UTC."""

    created_at = tables.TemplateColumn(
        template_name="plans/_instant_utc.html", verbose_name="Owed since (UTC)", attrs=WHEN
    )
    workspace = tables.Column(accessor="order__workspace__name", verbose_name="Workspace")
    order = tables.Column(verbose_name="Order", linkify=link_payback)
    document = tables.Column(verbose_name="Credit note", empty_values=(), orderable=False)
    payment = tables.Column(accessor="payment__get_method_display", verbose_name="Goes back by")
    amount = tables.TemplateColumn(
        template_name="invoices/_payback_amount.html", verbose_name="Amount", attrs=AMOUNT
    )
    refused = tables.Column(verbose_name="Why by hand", attrs={"td": {"class": "breaks"}})
    sent_at = tables.TemplateColumn(
        template_name="plans/_instant_utc.html", verbose_name="Sent (UTC)", attrs=WHEN
    )

    class Meta:
        model = Payback
        fields = (
            "created_at",
            "workspace",
            "order",
            "document",
            "payment",
            "amount",
            "refused",
            "sent_at",
        )

    def render_document(self, record: Payback) -> str:
        """Return the credit note, or that an order was paid twice."""
        return str(record.document or "Paid twice")
