"""Operators' pages of wires: what waits, and what came."""

from datetime import UTC, datetime

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import SignedInRequest, operator_view
from accounts.forms import LARGEST_ID, Reason
from accounts.tables import show_page
from accounts.tenancy import in_workspace
from invoices import transfers, wire, wire_forms, wire_queries
from invoices.models import Order, OrderType, Outcome, Payment, Transfer
from invoices.wire_queries import Shown, WireStatus
from invoices.wire_tables import WireTable
from plans.wording import say_amount


@operator_view("wires.view")
@require_safe
def wire_list(request: SignedInRequest) -> HttpResponse:
    """Show wires of all workspaces: those that wait the oldest first, others the newest."""
    form = wire_forms.WireFilter(request.GET)
    form.is_valid()
    text = form.cleaned_data.get("q", "")
    shown = form.cleaned_data.get("show") or Shown.PENDING.value
    found = wire_queries.list_wires(shown=shown, text=text)
    table = WireTable(found if shown == Shown.PENDING else found.order_by("-started_at", "-pk"))
    show_page(table, request)
    context = {"form": form, "table": table, "tabs": Shown.choices, "shown": shown, "text": text}
    return render(request, "invoices/operator_wire_list.html", context)


def find_wire(payment_id: int) -> Payment:
    """Return a wire with its order and what came, as operators see it.

    Raises:
        Http404: there is none with this number.
    """
    return get_object_or_404(wire_queries.list_wires(), pk=min(payment_id, LARGEST_ID))


@operator_view("wires.note")
@require_http_methods(["GET", "HEAD", "POST"])
def show_wire(request: SignedInRequest, payment_id: int) -> HttpResponse:
    """Show a wire, ask what came, say what that does, and then do it."""
    payment = find_wire(payment_id)
    came = payment.transfers.all()
    form = wire_forms.NewTransfer(
        request.POST if request.method == "POST" else None,
        currency=payment.order.currency,
        initial={"number": len(came) + 1},
    )
    if not form.is_valid():
        return show_form(request, payment, form)
    try:
        if seen := form.cleaned_data["seen"]:
            return note(request, payment, form, seen=Outcome(seen))
        return show_effect(request, payment, form)
    except transfers.Changed as error:
        messages.error(request, str(error))
        return redirect("invoices_operator:wire", payment.pk)
    except transfers.NotPossible as error:
        form.add_error(None, str(error))
        part = isinstance(error, transfers.PartOfAPlan)
        return show_form(request, payment, form, part_of_a_plan=part)


def show_form(
    request: SignedInRequest,
    payment: Payment,
    form: wire_forms.NewTransfer,
    *,
    part_of_a_plan: bool = False,
) -> HttpResponse:
    """Return the page of a wire with the form as far as it is filled in.

    ``part_of_a_plan``: what came is less than a plan, and may become credits.
    """
    status = wire_queries.find_status(payment)
    another = status == WireStatus.PENDING or form.is_bound or "another" in request.GET
    context = {
        **describe(payment),
        "form": form,
        "asks": another,
        "part_of_a_plan": part_of_a_plan,
        "may_cancel": status == WireStatus.PENDING,
    }
    return render(request, "invoices/operator_wire.html", context)


def describe(payment: Payment) -> dict[str, object]:
    """Return what all pages of one wire show."""
    return {
        "payment": payment,
        "order": payment.order,
        "workspace": payment.order.workspace,
        "reference": wire.write_reference(payment),
        "status": wire_queries.find_status(payment),
        "is_renewal": payment.order.type == OrderType.RENEWAL,
    }


def show_effect(
    request: SignedInRequest, payment: Payment, form: wire_forms.NewTransfer
) -> HttpResponse:
    """Return the page that says what noting a transfer does, and asks for that.

    Raises:
        NotPossible: it cannot be noted so.
    """
    asked = form.cleaned_data
    with in_workspace(payment.workspace_id):
        orders = Order.objects.for_workspace(payment.workspace_id)
        found = Payment.objects.for_workspace(payment.workspace_id).get(pk=payment.pk)
        found.order = orders.select_related("workspace", "currency").get(pk=payment.order_id)
        effect = transfers.find_effect(
            payment=found, amount=asked["amount"], as_credits=asked["as_credits"]
        )
    context = {**describe(payment), "form": form, "effect": effect, "asked": asked}
    return render(request, "invoices/operator_wire_confirm.html", context)


def note(
    request: SignedInRequest,
    payment: Payment,
    form: wire_forms.NewTransfer,
    *,
    seen: Outcome,
) -> HttpResponse:
    """Do what was confirmed.

    Raises:
        NotPossible: it cannot be done, or not any more.
    """
    noted = transfers.note(
        payment=payment,
        number=form.cleaned_data["number"],
        arrival=form.read(),
        by=request.user,
        at=datetime.now(UTC),
        seen=seen,
        as_credits=form.cleaned_data["as_credits"],
    )
    messages.success(request, say_done(payment, noted))
    return redirect("invoices_operator:wire", payment.pk)


def say_done(payment: Payment, noted: Transfer) -> str:
    """Say in a sentence what became of what came."""
    order, currency = payment.order, payment.order.currency
    amount = say_amount(noted.amount, currency)
    surplus = say_amount(noted.surplus, currency)
    if noted.outcome == Outcome.SURPLUS:
        return f"{amount} are noted as a surplus of {order}, to be sent back."
    if noted.outcome == Outcome.CREDITS:
        return f"{amount} are noted and became credits: order {noted.order} is completed."
    rest = f" {surplus} are a surplus, to be sent back." if noted.surplus else ""
    return f"{amount} are noted. {order} is completed.{rest}"


@operator_view("wires.note")
@require_http_methods(["GET", "HEAD", "POST"])
def cancel_wire(request: SignedInRequest, payment_id: int) -> HttpResponse:
    """Wait for a wire no more, after what that does was shown."""
    payment = find_wire(payment_id)
    form = Reason(request.POST if request.method == "POST" else None)
    if form.is_valid():
        reason, now = form.cleaned_data["reason"], datetime.now(UTC)
        if transfers.cancel(payment=payment, reason=reason, at=now):
            messages.success(request, f"The wire for {payment.order} is not waited for any more.")
        else:
            messages.info(request, f"The wire for {payment.order} was not waited for any more.")
        return redirect("invoices_operator:wire", payment.pk)
    return render(
        request, "invoices/operator_wire_cancel.html", {**describe(payment), "form": form}
    )
