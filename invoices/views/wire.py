"""The page that says where the money for an order is to be sent."""

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.access import WorkspaceRequest, workspace_view
from invoices import wire
from invoices.models import OF_CREDITS
from invoices.views.orders import find_order, list_ways


@workspace_view("orders.view")
@never_cache
@require_safe
def show_wire(request: WorkspaceRequest, order_number: int) -> HttpResponse:
    """Show account, amount and reference for an order; without a pending wire lead to the order."""
    order = find_order(request, order_number)
    instructions = wire.find_instructions(order)
    if instructions is None:
        return redirect("invoices:order", request.workspace.slug, order.number)
    context = {
        "order": order,
        "instructions": instructions,
        "of_credits": order.type in OF_CREDITS,
        "ways": list_ways(order),
    }
    return render(request, "invoices/wire.html", context)
