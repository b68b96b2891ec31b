"""Orders & Invoices: the list of orders and its exports."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_safe

from accounts.access import WorkspaceRequest, may, workspace_view
from accounts.exports import Value, record_download, refuse, write_csv
from accounts.models import ADMINS, Bot
from accounts.tables import show_page
from accounts.tenancy import in_workspace
from invoices import order_queries
from invoices.contracts import absent_under_contract
from invoices.exports import COLUMNS, order_values
from invoices.models import Order, OrderQuerySet
from invoices.order_filters import TABS, OrderFilter
from invoices.tables import OrderTable
from usage.exports import write_xlsx

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ROWS_AT_ONCE = 1000


@workspace_view("orders.view")
@absent_under_contract
@require_safe
def order_list(request: WorkspaceRequest) -> HttpResponse:
    """Show the orders that a person may see, as far as they ask for them, newest first."""
    form = read_filter(request)
    zone = ZoneInfo(request.workspace.timezone)
    context: dict[str, Any] = {  # Any: a template's context is free
        "form": form,
        "tabs": TABS,
        "shown": request.GET.get("show", ""),
        "may_fund": may(request.membership, "plans.change") and request.membership.role in ADMINS,
        "zone": zone.key,
        "bundle_key": uuid4(),
    }
    if form.is_valid():
        orders = find_orders(request, form)
        table = OrderTable(order_queries.with_columns(orders), zone=zone)
        show_page(table, request)
        totals = order_queries.sum_up(orders)
        context |= {"table": table, "totals": totals, "any": totals.count or has_any(request)}
    context["chips"] = list(form.list_chips())
    return render(request, "invoices/order_list.html", context)


@workspace_view("orders.view")
@absent_under_contract
@require_GET
def order_export(request: WorkspaceRequest, format: str) -> HttpResponse | StreamingHttpResponse:
    """Download all orders that the list shows with the same filters, newest first."""
    form = read_filter(request)
    if not form.is_valid():
        return refuse(form)
    orders = order_queries.with_columns(find_orders(request, form)).order_by(
        "-created_at", "-number"
    )
    file = f"orders-{request.workspace.slug}.{format}"
    record_download(
        "orders.exported", workspace=request.workspace, file=file, form=form, query=request.GET
    )
    headers = {"Content-Disposition": f'attachment; filename="{file}"'}
    if format == "xlsx":
        rows = map(order_values, orders.iterator(ROWS_AT_ONCE))
        content = write_xlsx(COLUMNS, rows, sheet="Orders")
        return HttpResponse(content, content_type=XLSX, headers=headers)
    return StreamingHttpResponse(
        write_orders(orders, workspace_id=request.workspace.pk),
        content_type="text/csv; charset=utf-8",
        headers=headers,
    )


def write_orders(orders: OrderQuerySet, *, workspace_id: int) -> Iterator[str]:
    """Yield the text of the export, in a transaction of its own: the view's is over by then."""
    with in_workspace(workspace_id):
        rows: Iterator[list[Value]] = map(order_values, orders.iterator(ROWS_AT_ONCE))
        yield from write_csv(COLUMNS, rows)


def read_filter(request: WorkspaceRequest) -> OrderFilter:
    """Return what the address asks for."""
    bots = Bot.objects.for_workspace(request.workspace).visible_to(request.membership)
    return OrderFilter(request.GET, workspace=request.workspace, bots=bots)


def find_orders(request: WorkspaceRequest, form: OrderFilter) -> OrderQuerySet:
    """Return the orders of a filter that is valid."""
    return order_queries.find_orders(request.membership, form.find_sought())


def has_any(request: WorkspaceRequest) -> bool:
    """Tell whether there is any order that the person may see."""
    orders = Order.objects.for_workspace(request.workspace)
    return orders.visible_to(request.membership).exists()
