"""Tables of orders, documents and paybacks."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import django_tables2 as tables
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from accounts.tables import WHEN, Table
from invoices.document_queries import MOODS, find_status
from invoices.issued import IssuedDocument, Payback
from invoices.models import Order
from invoices.templatetags.orders import mood
from plans.tables import AMOUNT, label
from plans.wording import say_amount, say_day

MINUS = "\N{MINUS SIGN}"


def link_order(record: Order, table: tables.Table) -> str:
    """Return the address of an order's page."""
    return reverse("invoices:order", args=[table.request.workspace.slug, record.number])


class OrderTable(Table):
    """Orders as `invoices.order_queries.with_columns` reads them, newest first."""

    number = tables.Column(
        accessor="number",
        verbose_name="Order ID",
        linkify=link_order,
        attrs=label("Order ID", "order-number"),
    )
    created_at = tables.Column(
        verbose_name="Order date", order_by=("created_at", "number"), attrs=label("Order date")
    )
    plan_name = tables.Column(verbose_name="Plan name", attrs=label("Plan name", "breaks"))
    type = tables.Column(verbose_name="Order type", attrs=label("Order type"))
    status = tables.Column(verbose_name="Order status", attrs=label("Order status"))
    gross = tables.Column(verbose_name="Amount", attrs=label("Amount", "amount"))
    comments = tables.Column(
        verbose_name="Comments", default="–", attrs=label("Comments", "breaks")
    )
    method = tables.Column(verbose_name="Payment method", attrs=label("Payment method"))
    invoice = tables.Column(
        accessor="documents",
        verbose_name="Invoice",
        orderable=False,
        empty_values=(),
        attrs=label("Invoice", "documents"),
    )

    class Meta:
        model = Order
        fields = (
            "number",
            "created_at",
            "plan_name",
            "type",
            "status",
            "gross",
            "comments",
            "method",
            "invoice",
        )
        order_by = "-created_at"
        attrs: ClassVar = {"class": "table card-table dense"}

    def __init__(self, *args: Any, zone: ZoneInfo, **options: Any) -> None:  # as the library
        super().__init__(*args, **options)
        self.zone = zone

    def render_number(self, record: Order) -> str:
        """Return the number as people name it."""
        return str(record)

    def render_created_at(self, value: datetime) -> SafeString:
        """Return the local day and time."""
        local = value.astimezone(self.zone)
        return format_html(
            '<time class="text-nowrap" datetime="{}">{}</time>',
            local.isoformat(),
            f"{say_day(local.date())}, {local:%H:%M}",
        )

    def render_plan_name(self, value: str, record: Order) -> SafeString | str:
        """Return the plan, and which bot it is for."""
        if record.bot is None:
            return value or "–"
        return format_html('{}<span class="below">{}</span>', value or "–", record.bot.name)

    def render_type(self, record: Order) -> str:
        """Return what was ordered."""
        return record.get_type_display()

    def render_status(self, record: Order) -> SafeString:
        """Return a badge."""
        return format_html(
            '<span class="badge status {}">{}</span>',
            mood(record.status),
            record.get_status_display(),
        )

    def render_gross(self, value: Decimal, record: Order) -> str:
        """Return what it costs, tax included."""
        return say_amount(value, record.currency)

    def render_method(self, record: Order) -> str:
        """Return by what it is paid."""
        return record.get_method_display()

    def render_invoice(self, record: Order) -> SafeString | str:
        """Return its invoice, and the credit notes below it."""
        documents = list(record.documents.all())
        if not documents:
            return "–"
        slug = self.request.workspace.slug
        return format_html_join(
            "", "{}", ((show_document(one, slug, said=say_credited(one)),) for one in documents)
        )


class DocumentTable(Table):
    """Documents as `invoices.document_queries` finds them, the latest first."""

    number = tables.Column(attrs=label("Number"))
    kind = tables.Column(attrs=label("Kind"))
    issued_on = tables.Column(
        verbose_name="Date", order_by=("issued_on", "pk"), attrs=label("Date")
    )
    order = tables.Column(order_by="order__number", attrs=label("Order"))
    net = tables.Column(attrs=label("Net", "amount"))
    tax = tables.Column(attrs=label("Tax", "amount"))
    gross = tables.Column(attrs=label("Gross", "amount"))
    status = tables.Column(
        accessor="pk", verbose_name="Status", orderable=False, attrs=label("Status")
    )

    class Meta:
        model = IssuedDocument
        fields = ("number", "kind", "issued_on", "order", "net", "tax", "gross")
        sequence = (*fields, "status")
        order_by = "-issued_on"
        attrs: ClassVar = {"class": "table card-table dense"}

    def __init__(self, *args: Any, today: date, **options: Any) -> None:  # as the library
        super().__init__(*args, **options)
        self.today = today

    def render_number(self, record: IssuedDocument) -> SafeString:
        """Return the number, which leads to the PDF, and a link to the page."""
        return show_document(record, self.request.workspace.slug, said="")

    def render_kind(self, record: IssuedDocument) -> str:
        """Return what it is."""
        return record.get_kind_display()

    def render_issued_on(self, value: date) -> str:
        """Return the day in the seller's zone."""
        return say_day(value)

    def render_net(self, value: Decimal, record: IssuedDocument) -> str:
        """Return the amount without tax."""
        return say_amount(value, record.currency)

    def render_tax(self, value: Decimal, record: IssuedDocument) -> str:
        """Return the tax."""
        return say_amount(value, record.currency)

    def render_gross(self, value: Decimal, record: IssuedDocument) -> str:
        """Return the amount with tax."""
        return say_amount(value, record.currency)

    def render_status(self, record: IssuedDocument) -> SafeString:
        """Return a badge."""
        status = find_status(record, today=self.today)
        return format_html('<span class="badge status {}">{}</span>', MOODS[status], status.label)


def say_credited(document: IssuedDocument) -> str:
    """Return of a credit note what it takes off its invoice; of an invoice nothing."""
    if document.corrects_id is None:
        return ""
    return f"Credit note, {MINUS}{say_amount(document.gross, document.currency)}"


def show_document(document: IssuedDocument, slug: str, *, said: str) -> SafeString:
    """Return the number of a document, which leads to its PDF, and a link to its page."""
    page = reverse("invoices:document", args=[slug, document.number])
    return format_html(
        '<div class="document-links">{} {}<span class="below">{}</span></div>',
        link_pdf(document, slug),
        format_html('<a href="{}" aria-label="View {}">View</a>', page, document.number),
        said,
    )


def link_pdf(document: IssuedDocument, slug: str) -> SafeString:
    """Return the number of a document, which leads to its PDF once that is made."""
    if document.file.stored_at is None:
        return format_html(
            '{} <span class="text-secondary">{}</span>',
            document.number,
            "PDF being made",
        )
    address = reverse("invoices:document_pdf", args=[slug, document.number])
    return format_html(
        '<a href="{}">{}<span class="visually-hidden"> as PDF</span></a>',
        address,
        document.number,
    )


def link_payback(record: Payback) -> str:
    """Return the page of a payback."""
    return reverse("invoices_operator:payback", args=[record.pk])


class PaybackTable(Table):
    """Money that goes back to buyers, of all workspaces; times in UTC."""

    created_at = tables.TemplateColumn(
        template_name="plans/_instant_utc.html", verbose_name="Owed since (UTC)", attrs=WHEN
    )
    workspace = tables.Column(accessor="order__workspace__name", verbose_name="Workspace")
    order = tables.Column(verbose_name="Order", linkify=link_payback, attrs=WHEN)
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
        return str(record.document or ("Surplus of a wire" if record.transfer_id else "Paid twice"))
