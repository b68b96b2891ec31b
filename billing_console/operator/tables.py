"""Tables of the operators' pages."""

from datetime import UTC, datetime

import django_tables2 as tables
from django.urls import reverse

from accounts.models import AuditEntry, Workspace
from accounts.tables import NUMBER

PRECISE = "%Y-%m-%d %H:%M:%S"


def link_workspace(record: Workspace) -> str:
    """Return the address of a workspace's page."""
    return reverse("operator:workspace", args=[record.slug])


class WorkspaceTable(tables.Table):
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


class AuditTable(tables.Table):
    """Entries of the audit log, of all workspaces and of none."""

    at = tables.Column(
        verbose_name="When (UTC)", orderable=False, attrs={"td": {"class": "one-piece"}}
    )
    workspace = tables.Column(
        accessor="workspace__slug", verbose_name="Workspace", default="–", orderable=False
    )
    action = tables.Column(verbose_name="Action", orderable=False, attrs={"td": {"class": "id"}})
    actor = tables.Column(
        accessor="actor_name", verbose_name="Who", default="–", orderable=False, empty_values=()
    )
    target = tables.Column(
        verbose_name="What", default="–", orderable=False, attrs={"td": {"class": "breaks"}}
    )
    values = tables.TemplateColumn(
        template_name="operator/_audit_values.html", verbose_name="Values", orderable=False
    )
    address = tables.Column(verbose_name="From", default="–", orderable=False)
    request_id = tables.Column(
        verbose_name="Request", default="–", orderable=False, attrs={"td": {"class": "id breaks"}}
    )

    class Meta:
        model = AuditEntry
        fields = ("at", "workspace", "action", "actor", "target")
        sequence = (*fields, "values", "address", "request_id")

    def render_at(self, value: datetime) -> str:
        """Return the second."""
        return f"{value.astimezone(UTC):{PRECISE}}"

    def render_actor(self, record: AuditEntry) -> str:
        """Return the name, and what it is the name of unless it is a person's."""
        name = record.actor_name or "somebody who has not signed in"
        return name if record.actor_kind == "person" else f"{name} ({record.actor_kind})"
