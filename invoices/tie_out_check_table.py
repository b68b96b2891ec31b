"""Workspaces and their latest tie-out, as operators see them."""

from datetime import UTC, date, datetime

import django_tables2 as tables
from django.urls import reverse
from django.utils.safestring import SafeString

from accounts.models import Workspace
from accounts.tables import WHEN, Table
from invoices.board import State
from invoices.tie_out_tables import badge
from plans.wording import say_day, say_days


def link_workspace(record: Workspace) -> str:
    """Return the address of a workspace's page for operators."""
    return reverse("operator:workspace", args=[record.slug])


class CheckTable(Table):
    """Workspaces with the result of their latest check; instants in UTC."""

    name = tables.Column(
        verbose_name="Workspace", linkify=link_workspace, attrs={"td": {"class": "breaks"}}
    )
    slug = tables.Column(verbose_name="Slug", attrs={"td": {"class": "id"}})
    state = tables.Column(
        accessor="tie_out__differences", verbose_name="State", empty_values=(), attrs=WHEN
    )
    days = tables.Column(
        accessor="tie_out__first_day", verbose_name="Days", default="–", attrs=WHEN
    )
    checked_at = tables.Column(
        accessor="tie_out__checked_at", verbose_name="Last checked (UTC)", default="–", attrs=WHEN
    )

    class Meta:
        fields = ("name", "slug", "state", "days", "checked_at")

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
