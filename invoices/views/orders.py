"""The page of one order, on which a buyer comes back from a payment."""

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import NamedTuple

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST, require_safe

from accounts.access import WorkspaceRequest, may, workspace_view
from accounts.models import ADMINS
from invoices import contracts, dunning, forms, order_lines, orders, payments, wire, wire_queries
from invoices.models import (
    OF_CREDITS,
    OPEN,
    OWED,
    Method,
    Order,
    OrderType,
    Payment,
    PaymentStatus,
)
from invoices.providers import ProviderDown
from invoices.views import obstacles, order_tabs

ANSWER_EXPECTED = timedelta(minutes=3)  # after a payment was begun the page asks by itself
REFRESH = 5  # seconds, without a script
LARGEST_NUMBER = 2**31 - 1


class Way(NamedTuple):
    """A method by which an order may be paid, and what the button says."""

    method: str
    label: str


@workspace_view("orders.view")
@never_cache
@require_safe
def show_order(request: WorkspaceRequest, order_number: int) -> HttpResponseBase:
    """Show an order: what it is for, what it costs and how far it is.

    A page that asks by itself gets nothing new while there is nothing: focus and readers stay.
    What is yet to be paid is shown under a contract too: it is owed.
    """
    order = find_order(request, order_number)
    to_pay = order.status in (OWED if order.type == OrderType.RENEWAL else OPEN)
    if not to_pay and contracts.holds(request.membership):
        return contracts.refuse(request)
    payment, tab = find_payment(order), order_tabs.find_tab(request)
    asks_again = order.status in OPEN and is_answer_expected(payment)
    if request.htmx and asks_again and request.GET.get("seen") == order.status:
        return HttpResponse(status=HTTPStatus.NO_CONTENT)
    context = {
        "order": order,
        "payment": payment,
        "is_renewal": order.type == OrderType.RENEWAL,
        "to_pay": to_pay,
        "bots_count": order_lines.count_bots(order),
        "tabs": order_tabs.TABS,
        "tab": tab,
        "expires_after": dunning.EXPIRES_AFTER,
        "refresh_seconds": REFRESH,
        "asks_again": asks_again,
        "of_credits": order.type in OF_CREDITS,
        "may_pay": may_pay(request, order),
        "is_sandbox": order.method == Method.SANDBOX,
        "instructions": wire.find_instructions(order),
        "transfers": wire_queries.list_transfers(order),
        "ways": list_ways(order),
        **order_tabs.read_tab(request, order, tab),
    }
    template = "invoices/_order.html" if request.htmx else "invoices/order.html"
    return render(request, template, context)


@workspace_view("plans.change")
@require_POST
def pay_order(request: WorkspaceRequest, order_number: int) -> HttpResponse:
    """Lead to the page on which an order that is open is paid, or a renewal that failed."""
    order = find_order_to_pay(request, order_number)
    form = forms.PayBy(request.POST, methods=list_methods())
    if form.is_valid():
        method = form.cleaned_data["method"]
        return pay(request, order, method=Method(method) if method else None)
    messages.error(request, "This payment method is not offered.")
    return redirect("invoices:order", request.workspace.slug, order.number)


@workspace_view("plans.change")
@never_cache
@require_GET
def open_payment(request: WorkspaceRequest, order_number: int) -> HttpResponse:
    """Lead to the provider's page of a payment that was begun by a method (``by``).

    A request of its own: the payment is stored by then, and nothing is locked while a provider
    takes its time.
    """
    order = find_order_to_pay(request, order_number)
    back = reverse("invoices:order", args=[request.workspace.slug, order.number])
    by = request.GET.get("by", "")
    begun = Payment.objects.for_workspace(request.workspace).filter(
        order=order,
        saved_method=None,
        status__in=payments.UNDECIDED,
        method=by if by in Method.values else order.method,
    )
    payment = begun.select_related("order__currency").order_by("pk").last()
    if payment is None or order.status not in OPEN:
        return redirect(back)  # its page says how far it is
    try:
        return redirect(payments.open_page(payment=payment, return_to=back))
    except (payments.Unavailable, ProviderDown) as error:
        messages.error(request, str(error))
    return redirect(back)


@workspace_view("plans.change")
@require_POST
def cancel_order(request: WorkspaceRequest, order_number: int) -> HttpResponse:
    """Cancel an order that is not paid, unless it is owed."""
    order = find_order_to_pay(request, order_number)
    if order.type == OrderType.RENEWAL:
        messages.error(request, f"{order} is a renewal. It is owed and cannot be canceled.")
    elif payments.cancel(order=order, at=datetime.now(UTC)):
        messages.success(request, f"{order} is canceled.")
    else:
        messages.info(request, f"{order} is not open any more.")
    return redirect("invoices:order", request.workspace.slug, order.number)


def find_order(request: WorkspaceRequest, number: int) -> Order:
    """Return an order that the person sees.

    Raises:
        Http404: there is none with this number.
    """
    seen = Order.objects.for_workspace(request.workspace).visible_to(request.membership)
    found = seen.select_related("workspace", "currency", "buyer", "bot", "lot", "version__plan")
    return get_object_or_404(found, number=min(number, LARGEST_NUMBER))


def find_order_to_pay(request: WorkspaceRequest, number: int) -> Order:
    """Return an order that the person may pay or cancel.

    Raises:
        Http404: they do not see it.
        PermissionDenied: they see it, and it is not theirs.
    """
    order = find_order(request, number)
    if not may_pay(request, order):
        raise PermissionDenied
    return order


def may_pay(request: WorkspaceRequest, order: Order) -> bool:
    """Tell whether a person may pay or cancel an order that they see."""
    theirs = request.membership.role in ADMINS or order.buyer_id == request.user.pk
    return theirs and may(request.membership, "plans.change")


def is_answer_expected(payment: Payment | None) -> bool:
    """Tell whether a provider may answer any moment; a bank does not."""
    if payment is None or payment.method == Method.WIRE:
        return False
    return datetime.now(UTC) - payment.started_at < ANSWER_EXPECTED


def list_methods() -> list[tuple[str, str]]:
    """Return the payment methods on offer; none where there are none."""
    try:
        return payments.list_methods()
    except payments.Unavailable:
        return []


def list_ways(order: Order) -> list[Way]:
    """Return by which methods an order may be paid now: its own first, unless its wire is begun.

    A review that the sandbox holds is ended on its page.
    """
    begun = Payment.objects.for_workspace(order.workspace).filter(order=order)
    undecided = {one.method: one for one in begun.filter(status__in=payments.UNDECIDED)}
    offered = sorted(list_methods(), key=lambda method: method[0] != order.method)
    ways = []
    for value, name in offered:
        payment = undecided.get(value)
        if value == Method.WIRE and payment:
            continue  # how to pay by it is shown
        label = f"Pay by {name[:1].lower()}{name[1:]}"
        if value == Method.SANDBOX and payment and payment.status == PaymentStatus.IN_REVIEW:
            label = "End the review in the sandbox"
        elif value == order.method != Method.WIRE:
            label = "Go to the payment page"
        ways.append(Way(value, label))
    return ways


def find_payment(order: Order) -> Payment | None:
    """Return the latest attempt to pay an order."""
    payments_of = Payment.objects.for_workspace(order.workspace).filter(order=order)
    return payments_of.order_by("-pk").first()


def pay(
    request: WorkspaceRequest, order: Order, *, method: Method | None = None, consent: str = ""
) -> HttpResponse:
    """Lead to the page of a provider, or to the order's where it is not to be paid any more.

    ``method``: None: the order's. ``consent``: the words by which the buyer agrees to have the
    method saved.
    """
    back = reverse("invoices:order", args=[request.workspace.slug, order.number])
    try:
        payments.find_provider(method or order.method)
        now = datetime.now(UTC)
        payment = payments.start(order=order, at=now, method=method, consent=consent)
        page = reverse("invoices:order_payment", args=[request.workspace.slug, order.number])
        return redirect(f"{page}?by={payment.method}")
    except payments.Unavailable as error:
        messages.error(request, str(error))
    except orders.NotOrdered as error:
        messages.error(request, obstacles.explain(request, error).reason)
    except payments.NotOpen:
        pass  # its page says how far it is
    return redirect(back)
