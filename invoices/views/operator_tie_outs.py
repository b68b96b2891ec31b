"""Operators' page of tie-outs: which workspaces agree, as of the latest check at night."""

from django.db.models import F
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.access import SignedInRequest, operator_view
from accounts.models import Workspace
from accounts.tables import show_page
from invoices import tie_out_checks
from invoices.tie_out_check_table import CheckTable


@operator_view("tie_outs.view")
@require_safe
def tie_out_list(request: SignedInRequest) -> HttpResponse:
    """Show all workspaces, those that differ first."""
    shown = "" if request.GET.get("show") != "differences" else "differences"
    found = Workspace.objects.using("operator").select_related("tie_out")
    if shown:
        found = found.filter(tie_out__differences__gt=0)
    table = CheckTable(found.order_by(F("tie_out__differences").desc(nulls_last=True), "slug"))
    show_page(table, request)
    context = {"table": table, "shown": shown, "summary": tie_out_checks.summarize()}
    return render(request, "invoices/operator_tie_out_list.html", context)
