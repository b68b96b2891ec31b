"""The operators' table of receivables."""

from decimal import Decimal
from typing import Any, ClassVar

import django_tables2 as tables
from django.urls import reverse

from accounts.tables import Table
from invoices.books.receivables import Age, Owing, Receivables
from plans.tables import label
from plans.wording import say_exactly

NOTHING = "\N{EN DASH}"


class AgeColumn(tables.Column):
    """What is owed of one age."""

    def __init__(self, age: Age) -> None:
        """Show the amount at the place of the age."""
        place = list(Age).index(age)
        super().__init__(
            accessor=f"amounts__{place}", verbose_name=age.label, attrs=label(age.label, "amount")
        )


def link_workspace(record: Owing) -> str:
    """Return the address of a workspace's page."""
    return reverse("operator:workspace", args=[record.slug])


class ReceivablesTable(Table):
    """What workspaces owe in one currency: one `Owing` a row."""

    workspace = tables.Column(
        accessor="name",
        verbose_name="Workspace",
        linkify=link_workspace,
        attrs={"td": {"class": "breaks"}},
    )
    not_due = AgeColumn(Age.NOT_DUE)
    to_14 = AgeColumn(Age.TO_14)
    to_30 = AgeColumn(Age.TO_30)
    to_60 = AgeColumn(Age.TO_60)
    to_90 = AgeColumn(Age.TO_90)
    older = AgeColumn(Age.OLDER)
    to_pay_back = AgeColumn(Age.TO_PAY_BACK)
    total = tables.Column(verbose_name="Total", attrs=label("Total", "amount"))

    class Meta:
        attrs: ClassVar = {"class": "table card-table dense"}

    def __init__(self, of: Receivables, **options: Any) -> None:  # Any: the base class has it
        """Show what is owed in one currency."""
        self.currency = of.currency
        super().__init__(of.by_workspace(), **options)

    def render(self, value: Decimal) -> str:
        """Return an amount; nothing is a dash."""
        return say_exactly(value, self.currency) if value else NOTHING

    render_not_due = render_to_14 = render_to_30 = render_to_60 = render_to_90 = render
    render_older = render_to_pay_back = render_total = render
