"""The row of a workspace by which it is billed, and its lock."""

from datetime import datetime

from django.db.models.functions import Now, TruncMonth

from accounts.models import Workspace
from plans.models import Plan, WorkspaceBilling


def open_billing(*, workspace: Workspace, at: datetime) -> WorkspaceBilling:
    """Return the row of a workspace, made where there is none."""
    found, _ = WorkspaceBilling.objects.get_or_create(
        workspace=workspace,
        defaults={
            "default_plan": Plan.objects.get(code="standard"),
            "open_month": at.date().replace(day=1),
        },
    )
    return found


def lock(*, workspace: Workspace) -> WorkspaceBilling:
    """Return the row of a workspace, locked to the end of the caller's transaction."""
    if not WorkspaceBilling.objects.filter(workspace=workspace).exists():
        WorkspaceBilling.objects.get_or_create(
            workspace=workspace,
            defaults={
                "default_plan": Plan.objects.get(code="standard"),
                "open_month": TruncMonth(Now()),
            },
        )
    return WorkspaceBilling.objects.select_for_update().get(workspace=workspace)
