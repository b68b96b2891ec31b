"""The page of a workspace on which it says who is invoiced."""

from datetime import UTC, datetime

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from accounts.access import WorkspaceRequest, may, workspace_view
from invoices import billing_details, party_forms
from invoices.parties import BillingDetails


@workspace_view("billing_details.change")
@require_http_methods(["GET", "HEAD", "POST"])
def change_details(request: WorkspaceRequest) -> HttpResponse:
    """Show who is invoiced for a workspace, and change that."""
    details = billing_details.find(request.workspace)
    form = party_forms.BillingDetails(request.POST or None, initial=fill_in(details))
    if request.method == "POST" and form.is_valid():
        try:
            billing_details.change(
                workspace=request.workspace, at=datetime.now(UTC), **form.cleaned_data
            )
        except billing_details.NotChanged as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, "The billing details are saved.")
            return redirect("invoices:billing_details", request.workspace.slug)
    context = {
        "form": form,
        "details": details,
        "may_see_settings": may(request.membership, "settings.view"),
    }
    return render(request, "invoices/billing_details.html", context)


def fill_in(details: BillingDetails | None) -> dict[str, str]:
    """Return what the form begins with."""
    if details is None:
        return {}
    values = billing_details.describe(details)
    return {**values, "recipients": "\n".join(details.recipients)}
