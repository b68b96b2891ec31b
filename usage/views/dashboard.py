"""The dashboard."""

from datetime import UTC, datetime

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.access import WorkspaceRequest, may, workspace_view
from plans import glance
from usage import dashboard


@workspace_view("dashboard.view")
@require_safe
def show_dashboard(request: WorkspaceRequest) -> HttpResponse:
    """Show what a person's bots did this month and what needs attention."""
    now = datetime.now(UTC)
    board = dashboard.read(membership=request.membership, now=now)
    sees_money = may(request.membership, "plans.view")
    context = {
        "board": board,
        "chart": dashboard.describe_chart(board),
        "most_waiting": dashboard.WAITING_SHOWN,
        "money": glance.read(membership=request.membership, now=now) if sees_money else None,
        "sees_events": may(request.membership, "developers.view"),
    }
    return render(request, "usage/dashboard.html", context)
