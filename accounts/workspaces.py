"""Workspaces are created and found."""

from typing import Any

from accounts import audit
from accounts.models import Workspace
from accounts.tenancy import WORKSPACE_SLUG, admitted, in_workspace


class NoSuchWorkspace(Exception):
    """There is no workspace with this slug."""


def find(slug: str) -> Workspace:
    """Return the workspace of a slug.

    Raises:
        NoSuchWorkspace: there is none.
    """
    with admitted(WORKSPACE_SLUG, slug):
        workspace = Workspace.objects.filter(slug=slug).first()
    if workspace is None:
        raise NoSuchWorkspace(f"There is no workspace {slug!r}.")
    return workspace


def find_all() -> list[Workspace]:
    """Return all workspaces of the installation, as the operator sees them, by slug."""
    return list(Workspace.objects.using("operator").order_by("slug"))


def create(
    *, slug: str, name: str = "", timezone: str = "UTC", currency: str = "USD"
) -> tuple[Workspace, bool]:
    """Return the workspace of a slug and whether it is new; an existing one is left as it is.

    Raises:
        ValidationError: a value is not acceptable.
    """
    values = {"name": name or slug, "timezone": timezone, "currency": currency}
    with admitted(WORKSPACE_SLUG, slug):
        found = Workspace.objects.filter(slug=slug).first()
        if found is not None:
            return found, False
        # Whether the slug is taken, the database says below: somebody may take it meanwhile.
        Workspace(slug=slug, **values).full_clean(validate_unique=False)
        workspace, created = Workspace.objects.get_or_create(slug=slug, defaults=values)
        if created:
            audit.record("workspace.created", workspace=workspace, target=slug, after=values)
        return workspace, created


def change(*, workspace: Workspace, **values: Any) -> None:
    """Change a workspace's name, lateness, retention, idle minutes or need of a second factor.

    The zone is changed by usage/zones.py, since stored totals follow it.

    Raises:
        ValidationError: a value is not acceptable.
    """
    for field, value in values.items():
        setattr(workspace, field, value)
    with in_workspace(workspace.pk):
        everything = {field.name for field in workspace._meta.fields}
        workspace.clean_fields(exclude=everything - values.keys())
        save_settings(workspace, **values)


def save_settings(workspace: Workspace, **values: Any) -> None:
    """Store what was set, as far as it is another value than before.

    The caller has checked the values and runs in the workspace.
    """
    stored = Workspace.objects.select_for_update().get(pk=workspace.pk)
    before = {name: getattr(stored, name) for name in values}
    changed = {name for name, value in values.items() if value != before[name]}
    workspace.save(update_fields=changed)
    if changed:
        audit.record(
            "settings.changed",
            workspace=workspace,
            target=workspace.slug,
            before={name: before[name] for name in values if name in changed},
            after={name: value for name, value in values.items() if name in changed},
        )
