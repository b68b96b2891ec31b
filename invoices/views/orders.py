"""The page of one order, on which a buyer comes back from a payment."""

from datetime import UTC, datetime, timedelta
from http import HTTPStatus

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST, require_safe

from accounts.access import WorkspaceRequest, may, workspace_view
from accounts.models import ADMINS
from invoices import dunning, order_lines, orders, payments
from invoices.models import OF_CREDITS, OPEN, OWED, Method, Order, OrderType, Payment
from invoices.providers import ProviderDown
from invoices.views import obstacles

ANSWER_EXPECTED = timedelta(minutes=3)  # after a payment was begun the page asks by itself
REFRESH = 5  # seconds, without a script
LARGEST_NUMBER = 2**31 - 1


@workspace_view("orders.view")
@never_cache
@require_safe
def show_order(request: WorkspaceRequest, order_number: int) -> HttpResponse:
    """Show an order: what it is for, what it costs and how far it is.

    A page that asks by itself gets nothing new while there is nothing: focus and readers stay.
    """
    order = find_order(request, order_number)
    payment = find_payment(order)
    begun = payment is not None and datetime.now(UTC) - payment.started_at < ANSWER_EXPECTED
    asks_again = order.status in OPEN and begun
    if request.htmx and asks_again and request.GET.get("seen") == order.status:
        return HttpResponse(status=HTTPStatus.NO_CONTENT)
    context = {
        "order": order,
        "payment": payment,
        "is_renewal": order.type == OrderType.RENEWAL,
        "to_pay": order.status in (OWED if order.type == OrderType.RENEWAL else OPEN),
        "groups": order_lines.read(order),
        "expires_after": dunning.EXPIRES_AFTER,
        "refresh_seconds": REFRESH,
        "asks_again": asks_again,
        "of_credits": order.type in OF_CREDITS,
        "may_pay": may_pay(request, order),
        "is_sandbox": order.method == Method.SANDBOX,
    }
    template = "invoices/_order.html" if request.htmx else "invoices/order.html"
    return render(request, template, context)


@workspace_view("plans.change")
@require_POST
def pay_order(request: WorkspaceRequest, order_number: int) -> HttpResponse:
    """Lead to the page on which an order that is open is paid, or a renewal that failed."""
    return pay(request, find_order_to_pay(request, order_number))


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


def find_payment(order: Order) -> Payment | None:
    """Return the latest attempt to pay an order."""
    payments_of = Payment.objects.for_workspace(order.workspace).filter(order=order)
    return payments_of.order_by("-pk").first()


def pay(request: WorkspaceRequest, order: Order, *, consent: str = "") -> HttpResponse:
    """Lead to the page of a provider, or to the order's where it is not to be paid any more.

    ``consent``: the words by which the buyer agrees to have the method saved.
    """
    back = reverse("invoices:order", args=[request.workspace.slug, order.number])
    try:
        payments.find_provider(order.method)
        payment = payments.start(order=order, at=datetime.now(UTC), consent=consent)
        page = reverse("invoices:order_payment", args=[request.workspace.slug, order.number])
        return redirect(f"{page}?by={payment.method}")
    except payments.Unavailable as error:
        messages.error(request, str(error))
    except orders.NotOrdered as error:
        messages.error(request, obstacles.explain(request, error).reason)
    except payments.NotOpen:
        pass  # its page says how far it is
    return redirect(back)
