"""Pages of usage."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST
from django_tables2 import RequestConfig

from accounts.access import WorkspaceRequest, workspace_view
from usage import queries, zones
from usage.tables import BotTable
from usage.tasks import recount_days


@workspace_view("usage.view")
@require_GET
def bot_list(request: WorkspaceRequest) -> HttpResponse:
    """Show the bots that a person may see and what they used."""
    today = datetime.now(UTC).astimezone(ZoneInfo(request.workspace.timezone)).date()
    month = today.replace(day=1)
    bots = queries.count_bots(membership=request.membership, month=month)
    table = RequestConfig(request, paginate={"per_page": 50}).configure(BotTable(bots))
    return render(request, "usage/bot_list.html", {"table": table, "month": month})


@workspace_view("settings.change")
@require_POST
def change_zone(request: WorkspaceRequest) -> HttpResponse:
    """Give the workspace another time zone, and have its days counted again."""
    try:
        zones.change(workspace=request.workspace, zone=request.POST.get("timezone", "").strip())
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
