"""Workspaces and their latest tie-out, as operators see them."""

from datetime import UTC, date, datetime
from typing import ClassVar

import django_tables2 as tables
from django.urls import reverse
from django.utils.safestring import SafeString

from accounts.models import Workspace
from accounts.tables import Table
from invoices.board import State
from invoices.tie_out_tables import badge
from plans.tables import label
from plans.wording import say_day, say_days

CHECKED = "Last checked (UTC)"


def link_workspace(record: Workspace) -> str:
    """Return the address of a workspace's page for operators."""
    return reverse("operator:workspace", args=[record.slug])


class CheckTable(Table):
    """Workspaces with the result of their latest check; instants in UTC."""

    name = tables.Column(
        verbose_name="Workspace", linkify=link_workspace, attrs={"td": {"class": "breaks"}}
    )
    slug = tables.Column(verbose_name="Slug", attrs=label("Slug", "id"))
    state = tables.Column(
        accessor="tie_out__differences",
        verbose_name="State",
        empty_values=(),
        attrs=label("State", "text-nowrap"),
    )
    days = tables.Column(
        accessor="tie_out__first_day",
        verbose_name="Days",
        default="–",
        attrs=label("Days", "text-nowrap"),
    )
    checked_at = tables.Column(
        accessor="tie_out__checked_at",
        verbose_name=CHECKED,
        default="–",
        attrs=label(CHECKED, "text-nowrap"),
    )

    class Meta:
        fields = ("name", "slug", "state", "days", "checked_at")
        attrs: ClassVar = {"class": "table card-table dense"}

    def render_state(self, value: int | None) -> SafeString | str:
        """Return how a workspace stood."""
        if value is None:
            return "Not checked yet"
        if not value:
            return badge(State.TIES, State.TIES.label)
        return badge(State.DIFFERS, f"{value:,} difference{'s' if value != 1 else ''}")

    def render_days(self, value: date, record: Workspace) -> str:
        """Return of which days."""
        return say_days(value, record.tie_out.last_day)

    def render_checked_at(self, value: datetime) -> str:
        """Return when it was checked."""
        return f"{say_day(value.astimezone(UTC).date())}, {value.astimezone(UTC):%H:%M}"
