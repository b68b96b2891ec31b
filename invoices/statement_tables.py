"""Tables of usage statements."""

from typing import Any, ClassVar

import django_tables2 as tables
from django.urls import reverse

from accounts.tables import Table
from invoices.stated import UsageStatement
from plans.tables import label
from plans.wording import say_exactly

DASH = "\N{EN DASH}"


def link_statement(record: UsageStatement, table: tables.Table) -> str:
    """Return the address of a statement's page."""
    return reverse("invoices:statement", args=[table.request.workspace.slug, record])


def link_counts(record: UsageStatement, table: tables.Table) -> str:
    """Return the address of a month's counts."""
    return reverse("invoices:counts", args=[table.request.workspace.slug, record])


class CountTable(Table):
    """Closed months with what was counted in them, the newest first."""

    month = tables.Column(linkify=link_counts, attrs=label("Month"))
    bots = tables.Column(
        verbose_name="Bots with sessions", attrs=label("Bots with sessions", "number")
    )
    sessions = tables.Column(attrs=label("Sessions", "number"))

    class Meta:
        model = UsageStatement
        fields: ClassVar = ["month", "bots", "sessions"]
        order_by = "-month"
        attrs: ClassVar = {"class": "table card-table dense"}

    def render_month(self, value: Any) -> str:
        """Return the month in words."""
        return f"{value:%B %Y}"


class StatementTable(CountTable):
    """Statements as `statement_queries.find_months` finds them, the newest first."""

    month = tables.Column(linkify=link_statement, attrs=label("Month"))
    charged = tables.Column(
        verbose_name="Usage from credits",
        default=DASH,
        attrs=label("Usage from credits", "amount"),
    )
    closing = tables.Column(
        verbose_name="Closing balance", default=DASH, attrs=label("Closing balance", "amount")
    )

    class Meta(CountTable.Meta):
        fields: ClassVar = ["month", "bots", "sessions", "charged", "closing"]

    def render_charged(self, value: Any, record: UsageStatement) -> str:
        """Return what usage took from credits, or is owed."""
        return say_exactly(value, record.denomination)

    def render_closing(self, value: Any, record: UsageStatement) -> str:
        """Return what was left in all."""
        return say_exactly(value, record.denomination)
