"""Tables of the operators' pages."""

from datetime import UTC, datetime

import django_tables2 as tables
from django.urls import reverse

from accounts.models import Workspace
from accounts.tables import NUMBER, AuditTable, Table


def link_workspace(record: Workspace) -> str:
    """Return the address of a workspace's page."""
    return reverse("operator:workspace", args=[record.slug])


class WorkspaceTable(Table):
    """Workspaces: what `queries.list_workspaces` returns; times in UTC."""

    name = tables.Column(verbose_name="Name", linkify=link_workspace)
    slug = tables.Column(verbose_name="Slug", attrs={"td": {"class": "id"}})
    owner = tables.Column(verbose_name="Owner", default="–")
    bots = tables.Column(verbose_name="Bots", attrs=NUMBER)
    sessions = tables.Column(verbose_name="Sessions this month", attrs=NUMBER)
    last_event_at = tables.Column(
        verbose_name="Last event (UTC)", default="–", attrs={"td": {"class": "one-piece"}}
    )
    created_at = tables.Column(verbose_name="Created", attrs={"td": {"class": "one-piece"}})

    class Meta:
        model = Workspace
        fields = ("name", "slug", "owner", "bots", "sessions", "last_event_at", "created_at")

    def render_last_event_at(self, value: datetime) -> str:
        """Return when the last event came in."""
        return f"{value.astimezone(UTC):%-d %b %Y, %H:%M}"

    def render_created_at(self, value: datetime) -> str:
        """Return the day."""
        return f"{value.astimezone(UTC):%-d %b %Y}"


class InstallationAuditTable(AuditTable):
    """Entries of the audit log, of all workspaces and of none; times in UTC."""

    workspace = tables.Column(accessor="workspace__slug", verbose_name="Workspace", default="–")
    address = tables.Column(verbose_name="From", default="–")
    request_id = tables.Column(
        verbose_name="Request", default="–", attrs={"td": {"class": "id breaks"}}
    )

    class Meta(AuditTable.Meta):
        sequence = ("at", "workspace", "...", "address", "request_id")
