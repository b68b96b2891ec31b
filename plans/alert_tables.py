"""Tables of usage alerts, of what fired, and of rehearsals."""

from datetime import date
from typing import Any, ClassVar

import django_tables2 as tables
from django.urls import reverse

from accounts.tables import WHEN, Table
from plans.alert_queries import AlertRow
from plans.alert_wording import say_number, say_period, say_scope, say_watch
from plans.alerted import UsageAlert, UsageAlertFiring
from plans.models import Currency
from plans.rehearsal import Period, Rehearsal
from plans.tables import AMOUNT, label


def link_alert(record: AlertRow, table: tables.Table) -> str:
    """Return the address of a usage alert's page."""
    return reverse("plans:usage_alert", args=[table.request.workspace.slug, record.alert.pk])


class CurrencyTable(Table):
    """A table that says numbers, those of money in one currency."""

    def __init__(self, *args: Any, currency: Currency, **options: Any) -> None:  # as the library
        super().__init__(*args, **options)
        self.currency = currency


class AlertTable(CurrencyTable):
    """Usage alerts: one `AlertRow` a row."""

    scope = tables.Column(
        accessor="alert",
        verbose_name="For",
        linkify=link_alert,
        order_by="sorts_as",
        attrs={"td": {"class": "breaks"}},
    )
    watched = tables.Column(
        accessor="alert__watched", verbose_name="Watches", attrs=label("Watches")
    )
    threshold = tables.Column(
        accessor="alert__threshold", verbose_name="Threshold", attrs=label("Threshold", "amount")
    )
    so_far = tables.TemplateColumn(
        template_name="plans/_alert_so_far.html",
        verbose_name="This period so far",
        order_by="so_far__percent",
        attrs=label("This period so far"),
    )
    last = tables.Column(
        accessor="last",
        verbose_name="Last fired for",
        order_by="last_on",
        default="–",
        attrs=label("Last fired for", "text-nowrap"),
    )
    state = tables.TemplateColumn(
        template_name="plans/_alert_state.html",
        accessor="alert__is_on",
        verbose_name="State",
        order_by="alert__is_on",
        attrs=label("State"),
    )

    class Meta:
        order_by = "scope"
        attrs: ClassVar = {"class": "table card-table dense"}

    def render_scope(self, value: UsageAlert) -> str:
        """Return whose numbers are looked at."""
        return say_scope(value.bot)

    def render_watched(self, record: AlertRow) -> str:
        """Return what is looked at, and by which periods."""
        return say_watch(record.alert.watched, record.alert.per)

    def render_threshold(self, record: AlertRow) -> str:
        """Return the threshold with its unit."""
        return say_number(record.alert.threshold, record.alert.watched, self.currency)

    def render_last(self, record: AlertRow, value: UsageAlertFiring) -> str:
        """Return for which period it fired last."""
        return say_period(value.starts_on, record.alert.per)


class FiringTable(CurrencyTable):
    """When a usage alert fired, the latest period first."""

    title = "Periods for which it fired"

    starts_on = tables.Column(verbose_name="Period", attrs=WHEN)
    number = tables.Column(verbose_name="Number then", attrs=label("Number then", "amount"))
    threshold = tables.Column(
        verbose_name="Threshold then", attrs=label("Threshold then", "amount")
    )
    fired_at = tables.TemplateColumn(
        template_name="plans/_alert_fired.html", verbose_name="Fired", attrs=label("Fired")
    )

    class Meta:
        model = UsageAlertFiring
        fields = ("starts_on", "number", "threshold", "fired_at")
        orderable = False
        attrs: ClassVar = {"class": "table card-table dense"}

    def render_starts_on(self, record: UsageAlertFiring, value: date) -> str:
        """Return the period for which it fired."""
        return say_period(value, record.alert.per)

    def render_number(self, record: UsageAlertFiring) -> str:
        """Return the number that had reached the threshold."""
        return say_number(record.number, record.alert.watched, self.currency)

    def render_threshold(self, record: UsageAlertFiring) -> str:
        """Return the threshold as it was."""
        return say_number(record.threshold, record.alert.watched, self.currency)


class PeriodTable(CurrencyTable):
    """Periods of a rehearsal, the latest first: all, or only those that have it fire."""

    starts_on = tables.Column(verbose_name="Period", attrs=WHEN)
    number = tables.Column(verbose_name="Number", attrs=AMOUNT)
    reached = tables.Column(verbose_name="Fires")

    class Meta:
        orderable = False

    def __init__(self, rehearsal: Rehearsal, *, currency: Currency, every: bool) -> None:
        super().__init__(
            rehearsal.periods[::-1] if every else rehearsal.reached,
            currency=currency,
            exclude=() if every else ("reached",),
        )
        self.watch = rehearsal.watch
        self.title = "All periods" if every else "Periods for which it would have fired"

    def render_starts_on(self, value: date) -> str:
        """Return the period."""
        return say_period(value, self.watch.per)

    def render_number(self, record: Period) -> str:
        """Return its number."""
        return say_number(record.number, self.watch.watched, self.currency)

    def render_reached(self, value: bool) -> str:
        """Return whether the threshold was reached."""
        return "Yes" if value else "–"
