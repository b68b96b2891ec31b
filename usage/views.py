"""Pages of usage."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET
from django_tables2 import RequestConfig

from accounts.access import WorkspaceRequest, workspace_view
from usage import queries
from usage.tables import BotTable


@workspace_view("usage.view")
@require_GET
def bot_list(request: WorkspaceRequest) -> HttpResponse:
    """Show the bots that a person may see and what they used."""
    today = datetime.now(UTC).astimezone(ZoneInfo(request.workspace.timezone)).date()
    month = today.replace(day=1)
    bots = queries.count_bots(membership=request.membership, month=month)
    table = RequestConfig(request, paginate={"per_page": 50}).configure(BotTable(bots))
    return render(request, "usage/bot_list.html", {"table": table, "month": month})
