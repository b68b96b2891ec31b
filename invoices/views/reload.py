"""The page on which auto-reload of a wallet is turned on and off."""

from datetime import UTC, datetime

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import WorkspaceRequest, may, workspace_view
from accounts.models import Bot
from invoices import auto_reload, forms, orders
from invoices.models import AutoReload, SavedMethod
from invoices.reloads import MOST_A_DAY
from invoices.views.funds import check_wallet, find_wallet, refuse


@workspace_view("plans.change")
@require_http_methods(["GET", "HEAD", "POST"])
def change_reload(request: WorkspaceRequest, bot_id: int | None = None) -> HttpResponse:
    """Show when a wallet is reloaded, and turn that on, or change it."""
    bot = find_wallet(request, bot_id)
    try:
        currency = check_wallet(request, bot)
    except orders.NotOrdered as error:
        return refuse(request, bot, error)
    reload = find_reload(request, bot)
    methods = (
        SavedMethod.objects.for_workspace(request.workspace)
        .usable_by(request.membership)
        .order_by("-pk")
    )
    form = forms.Reload(
        request.POST if request.method == "POST" else None,
        initial=read_terms(reload),
        currency=currency,
        methods=methods,
    )
    if form.is_valid():
        try:
            auto_reload.turn_on(
                workspace=request.workspace,
                bot=bot,
                by=request.user,
                at=datetime.now(UTC),
                **form.cleaned_data,
            )
        except auto_reload.MethodRemoved as error:
            form.add_error("saved_method", str(error))
        else:
            messages.success(request, "Auto-reload is on.")
            return lead_back(request, bot)
    context = {
        "bot": bot,
        "currency": currency,
        "reload": reload,
        "methods": methods,
        "form": form,
        "most_a_day": MOST_A_DAY,
        "may_add": may(request.membership, "payment_methods.change"),
    }
    return render(request, "invoices/reload.html", context)


@workspace_view("plans.change")
@require_POST
def stop_reload(request: WorkspaceRequest, bot_id: int | None = None) -> HttpResponse:
    """Turn auto-reload of a wallet off, also of an archived bot."""
    bot = find_wallet(request, bot_id)
    if auto_reload.turn_off(workspace=request.workspace, bot=bot, at=datetime.now(UTC)):
        messages.success(request, "Auto-reload is off.")
    else:
        messages.info(request, "Auto-reload was off before.")
    return lead_back(request, bot)


def lead_back(request: WorkspaceRequest, bot: Bot | None) -> HttpResponse:
    """Lead back to the page of a wallet's auto-reload."""
    if bot is None:
        return redirect("invoices:reload", request.workspace.slug)
    return redirect("invoices:reload", request.workspace.slug, bot.pk)


def find_reload(request: WorkspaceRequest, bot: Bot | None) -> AutoReload | None:
    """Return how a wallet is reloaded; None: it never was."""
    found = AutoReload.objects.for_workspace(request.workspace).filter(bot=bot)
    return found.select_related("saved_method", "turned_on_by").first()


def read_terms(reload: AutoReload | None) -> dict[str, object]:
    """Return what the form begins with."""
    if reload is None:
        return {}
    return {
        "amount": reload.amount,
        "limit": reload.limit,
        "saved_method": reload.saved_method_id,
    }
