"""Workspaces are created and found."""

from accounts.models import Workspace
from accounts.tenancy import WORKSPACE_SLUG, admitted


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
        workspace = Workspace.objects.filter(slug=slug).first()
        if workspace is None:
            Workspace(slug=slug, **values).full_clean()
        return Workspace.objects.get_or_create(slug=slug, defaults=values)
