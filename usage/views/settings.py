"""What of the settings reaches into usage."""

from datetime import UTC, datetime

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from accounts.access import WorkspaceRequest, workspace_view
from usage import zones
from usage.tasks import recount_days


@workspace_view("settings.change")
@require_POST
def change_zone(request: WorkspaceRequest) -> HttpResponse:
    """Give the workspace another time zone, and have its days counted again."""
    try:
        zone = request.POST.get("timezone", "").strip()
        zones.change(workspace=request.workspace, zone=zone, at=datetime.now(UTC))
    except zones.NoSuchZone as error:
        messages.error(request, str(error))
    else:
        # Without Redis the beat finds it a little later.
        transaction.on_commit(lambda: start_recount(request.workspace.pk), robust=True)
        messages.success(request, f"The time zone is {request.workspace.timezone}.")
    return redirect("accounts:settings", request.workspace.slug)


def start_recount(workspace_id: int) -> None:
    """Have a worker count the days of a workspace again."""
    recount_days.apply_async(kwargs={"workspace_id": workspace_id}, retry=False)
