"""Operators' pages: refunds of a workspace's orders, and the money that goes back to buyers."""

from datetime import UTC, datetime

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from accounts import workspaces
from accounts.access import SignedInRequest, operator_view
from accounts.models import Workspace
from accounts.tables import show_page
from accounts.tenancy import in_workspace
from invoices import paybacks, refund_forms, refunds
from invoices.issued import Payback, PaybackQuerySet
from invoices.models import Order
from invoices.tables import PaybackTable

ALIAS = "operator"


def find_workspace(slug: str) -> Workspace:
    """Return a workspace.

    Raises:
        Http404: there is none with this slug.
    """
    try:
        return workspaces.find(slug)
    except workspaces.NoSuchWorkspace:
        raise Http404 from None


@operator_view("refunds.view")
@require_safe
def refund_list(request: SignedInRequest, slug: str) -> HttpResponse:
    """Show the orders of a workspace of whose credits something is left."""
    workspace = find_workspace(slug)
    orders = refunds.list_refundable(workspace)
    rows = [(order, refunds.find_left(order)) for order in orders]
    return render(
        request, "invoices/operator_refund_list.html", {"workspace": workspace, "rows": rows}
    )


@operator_view("refunds.make")
@require_http_methods(["GET", "POST"])
def refund(request: SignedInRequest, slug: str, order_number: int) -> HttpResponse:
    """Give back what is left of an order's credits, after what that does was shown."""
    workspace = find_workspace(slug)
    with in_workspace(workspace.pk):
        orders = Order.objects.for_workspace(workspace)
        related = orders.select_related("workspace", "currency", "lot", "bot", "buyer")
        order = get_object_or_404(related, number=order_number)
    form = refund_forms.Refund(request.POST or None)
    if form.is_valid():
        try:
            note = refunds.refund(
                order=order,
                expected=form.cleaned_data["gross"],
                reason=form.cleaned_data["reason"],
                at=datetime.now(UTC),
            )
        except refunds.NotRefunded as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, f"{order} is refunded by credit note {note.number}.")
            return redirect("invoices_operator:refund_list", workspace.slug)
    context = {
        "workspace": workspace,
        "order": order,
        "left": refunds.find_left(order),
        "refusal": refunds.find_refusal(order),
        "form": form,
    }
    return render(request, "invoices/operator_refund.html", context)


def find_paybacks() -> PaybackQuerySet:
    """Return the paybacks of all workspaces, as the operator sees them."""
    return Payback.objects.using(ALIAS).select_related(
        "order__workspace", "document", "payment", "currency", "sent_by"
    )


@operator_view("refunds.view")
@require_safe
def payback_list(request: SignedInRequest) -> HttpResponse:
    """Show what goes back to buyers: what a person has to send, what is under way, what is sent."""
    form = refund_forms.PaybackFilter(request.GET)
    form.is_valid()
    shown = form.cleaned_data.get("status") or refund_forms.BY_HAND
    found = refund_forms.PAYBACKS[shown](find_paybacks())
    table = PaybackTable(found.order_by("created_at" if shown != "sent" else "-sent_at", "pk"))
    show_page(table, request)
    context = {"table": table, "tabs": refund_forms.PAYBACK_TABS, "shown": shown}
    return render(request, "invoices/operator_payback_list.html", context)


@operator_view("refunds.make")
@require_http_methods(["GET", "POST"])
def payback(request: SignedInRequest, payback_id: int) -> HttpResponse:
    """Note that money was sent back by hand."""
    found = get_object_or_404(find_paybacks(), pk=payback_id)
    form = refund_forms.Sent(request.POST or None)
    if form.is_valid():
        try:
            paybacks.note_sent_by_hand(
                workspace_id=found.workspace_id,
                payback_id=found.pk,
                by=request.user,
                reference=form.cleaned_data["reference"],
                at=datetime.now(UTC),
            )
        except paybacks.NotOwed as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, f"The payback of {found.order} is noted as sent.")
            return redirect("invoices_operator:payback_list")
    return render(
        request,
        "invoices/operator_payback.html",
        {"payback": found, "form": form},
    )
