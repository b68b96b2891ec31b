"""The page that puts the plans side by side."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.access import WorkspaceRequest, workspace_view
from plans import catalog
from plans.models import Plan


@workspace_view("plans.view")
@require_safe
def compare(request: WorkspaceRequest) -> HttpResponse:
    """Show what each plan costs and includes, in the currency of the workspace."""
    context = {
        "offers": catalog.find_offers(currency=request.workspace.currency),
        "contracts": Plan.objects.filter(by_contract=True).order_by("place"),
    }
    return render(request, "plans/compare.html", context)
