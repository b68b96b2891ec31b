"""Workspaces are created and found."""

import zoneinfo

from django.db import transaction

from accounts.models import Workspace
from accounts.tenancy import WORKSPACE_SLUG, admit


class NoSuchWorkspace(Exception):
    """There is no workspace with this slug."""


def find(slug: str) -> Workspace:
    """Return the workspace of a slug.

    Raises:
        NoSuchWorkspace: there is none.
    """
    with transaction.atomic():
        admit(WORKSPACE_SLUG, slug)
        workspace = Workspace.objects.filter(slug=slug).first()
        admit(WORKSPACE_SLUG, "")
    if workspace is None:
        raise NoSuchWorkspace(f"There is no workspace {slug!r}.")
    return workspace


def create(
    *, slug: str, name: str = "", timezone: str = "UTC", currency: str = "USD"
) -> tuple[Workspace, bool]:
    """Return the workspace of a slug and whether it is new; an existing one is left as it is.

    Raises:
        ValidationError: a value is not acceptable.
    """
    with transaction.atomic():
        admit(WORKSPACE_SLUG, slug)
        workspace = Workspace.objects.filter(slug=slug).first()
        created = workspace is None
        if workspace is None:
            workspace = Workspace(
                slug=slug, name=name or slug, timezone=timezone, currency=currency
            )
            workspace.full_clean()
            workspace.save()
        admit(WORKSPACE_SLUG, "")
    return workspace, created


def known_zone(name: str) -> bool:
    """Tell whether ``name`` is a time zone of the IANA database."""
    return name in zoneinfo.available_timezones()
