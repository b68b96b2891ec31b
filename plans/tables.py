"""Tables of plans, credits and extensions."""

from datetime import date
from decimal import Decimal
from typing import Any, ClassVar, NamedTuple

import django_tables2 as tables
from django.urls import reverse

from accounts.models import Bot
from accounts.tables import WHEN, Table
from plans.models import CreditLot, Currency, Extension, Meter
from plans.queries import PlanRow, Use
from plans.wording import say_balance, say_day, say_exactly

AMOUNT = {
    "th": {"class": "amount"},
    "td": {"class": "amount"},
    "tf": {"class": "amount"},
}


def label(name: str, kind: str = "") -> dict[str, dict[str, str]]:
    """Return what has a cell say its column on a phone, where it stands below the others."""
    return {"th": {"class": kind}, "td": {"class": kind, "data-label": name}}


class MoneyTable(Table):
    """A table whose amounts are in one currency."""

    def __init__(self, *args: Any, currency: Currency, **options: Any) -> None:  # as the library
        super().__init__(*args, **options)
        self.currency = currency

    def say(self, amount: Decimal) -> str:
        """Return a balance in words, rounded down."""
        return say_balance(amount, self.currency)


def link_manage(record: PlanRow, table: tables.Table) -> str:
    """Return the address of a bot's Manage page."""
    return reverse("plans:manage", args=[table.request.workspace.slug, record.bot.pk])


class PlanTable(MoneyTable):
    """Bots with their plans and balances: one `PlanRow` a row."""

    name = tables.TemplateColumn(
        template_name="plans/_bot_name.html",
        accessor="bot__name",
        verbose_name="Bot",
        order_by="sorts_as",
    )
    owner = tables.Column(
        verbose_name="Owner", empty_values=(None, ""), default="–", attrs=label("Owner", "breaks")
    )
    plan = tables.TemplateColumn(
        template_name="plans/_plan_cell.html",
        verbose_name="Plan",
        order_by="place",
        attrs=label("Plan"),
    )
    published = tables.TemplateColumn(
        template_name="accounts/_bot_status.html",
        accessor="bot__publish_status",
        verbose_name="Publish status",
        attrs=label("Publish status"),
    )
    status = tables.TemplateColumn(
        template_name="plans/_plan_status.html",
        verbose_name="Plan status",
        attrs=label("Plan status"),
    )
    balance = tables.TemplateColumn(
        template_name="plans/_balance_status.html",
        accessor="balance__status",
        verbose_name="Balance status",
        attrs=label("Balance status"),
    )
    remaining = tables.Column(
        accessor="balance__remaining",
        verbose_name="Remaining balance",
        attrs=label("Remaining balance", "amount"),
    )
    run_out = tables.Column(
        accessor="run_out__earliest",
        verbose_name="Runs out",
        default="–",
        attrs=label("Runs out"),
    )
    actions = tables.TemplateColumn(
        template_name="plans/_row_actions.html",
        accessor="bot",
        verbose_name="Actions",
        orderable=False,
        attrs={"th": {"class": "row-end"}, "td": {"class": "row-end"}},
    )

    class Meta:
        order_by = "name"
        attrs: ClassVar = {"class": "table card-table dense"}
        row_attrs: ClassVar = {"class": "plan-row"}

    def render_run_out(self, record: PlanRow) -> str:
        """Return the days between which the balance runs out, at the pace so far."""
        return record.run_out_words or "–"

    def render_remaining(self, record: PlanRow) -> str:
        """Return the balance; a dash where the plan uses no credits."""
        if not record.balance.uses_credits:
            return "–"
        return self.say(record.balance.remaining)


def link_lot(record: CreditLot, table: tables.Table) -> str:
    """Return the address of a lot's page."""
    return reverse("plans:lot", args=[table.request.workspace.slug, record.pk])


class LotTable(MoneyTable):
    """Credit lots, those that can still be used first."""

    number = tables.Column(accessor="pk", verbose_name="Lot", linkify=link_lot, localize=False)
    kind = tables.Column(accessor="get_kind_display", verbose_name="Kind", order_by="kind")
    bot = tables.Column(verbose_name="For", empty_values=(), order_by="bot__name")
    granted_at = tables.TemplateColumn(
        template_name="components/instant.html", verbose_name="Since", attrs=WHEN
    )
    last_day = tables.Column(verbose_name="Last day", empty_values=(), attrs=WHEN)
    amount = tables.Column(verbose_name="Amount", attrs=AMOUNT)
    balance = tables.Column(verbose_name="Left", attrs=AMOUNT)
    state = tables.TemplateColumn(
        template_name="plans/_lot_state.html",
        accessor="lapsed_at",
        verbose_name="Status",
        empty_values=(),
        orderable=False,
    )

    class Meta:
        model = CreditLot
        fields = ("number", "kind", "bot", "granted_at", "last_day", "amount", "balance")
        sequence = (*fields, "state")

    def render_number(self, value: int) -> str:
        """Return the number, marked as such."""
        return f"#{value}"

    def render_bot(self, value: Bot | None) -> str:
        """Return which bots may use it."""
        return value.name if value else "All bots"

    def render_last_day(self, value: date | None) -> str:
        """Return the last day whose usage may take from it."""
        return say_day(value) if value else "Does not lapse"

    def render_amount(self, value: Decimal) -> str:
        """Return how much there was."""
        return self.say(value)

    def render_balance(self, value: Decimal) -> str:
        """Return how much is left."""
        return self.say(value)


class UseRow(NamedTuple):
    """What was taken from a lot, and the address of the sessions that it was for."""

    use: Use
    address: str

    @property
    def bot(self) -> str:
        """The bot's name."""
        return self.use.bot.name if self.use.bot else "–"


class UseTable(MoneyTable):
    """What took from a lot: one `UseRow` a row, the latest day first."""

    day = tables.Column(
        accessor="use__day",
        verbose_name="Day",
        default="–",
        linkify=lambda record: record.address or None,
        attrs=WHEN,
    )
    bot = tables.Column(verbose_name="Bot")
    meter = tables.Column(accessor="use__meter", verbose_name="Meter", empty_values=())
    amount = tables.Column(accessor="use__amount", verbose_name="Taken", attrs=AMOUNT)

    class Meta:
        order_by = "-day"

    def render_day(self, value: date) -> str:
        """Return the local day."""
        return say_day(value)

    def render_meter(self, value: str) -> str:
        """Return what was used."""
        return f"{Meter(value).label}s".capitalize() if value else "Overdraft of earlier days"

    def render_amount(self, value: Decimal) -> str:
        """Return what was taken, unrounded: so it stands in the ledger."""
        return say_exactly(value, self.currency)


def link_extension(record: Extension) -> str:
    """Return the address where the operator decides."""
    return reverse("plans_operator:extension", args=[record.pk])


class ExtensionTable(Table):
    """Requests for extensions of all workspaces, the oldest that waits first; times in UTC."""

    requested_at = tables.TemplateColumn(
        template_name="plans/_instant_utc.html", verbose_name="Asked (UTC)", attrs=WHEN
    )
    workspace = tables.Column(accessor="workspace__name", verbose_name="Workspace")
    bot = tables.Column(accessor="bot__name", verbose_name="Bot", linkify=link_extension)
    days = tables.Column(verbose_name="Days", attrs=AMOUNT)
    reason = tables.Column(verbose_name="Reason", attrs={"td": {"class": "breaks"}})
    requested_by = tables.Column(accessor="requested_by__email", verbose_name="By")
    status = tables.TemplateColumn(
        template_name="plans/_extension_status.html", verbose_name="Status"
    )

    class Meta:
        model = Extension
        fields = ("requested_at", "workspace", "bot", "days", "reason", "requested_by", "status")
