"""Pages on which credits are bought: the amount, then the checkout."""

import uuid
from datetime import UTC, datetime

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.access import WorkspaceRequest, find_bot_to_bill, workspace_view
from accounts.models import ADMINS, Bot
from invoices import forms, orders, payments, tax
from invoices.models import Method, OrderType
from invoices.views import obstacles
from invoices.views.orders import pay
from plans.models import Currency


@workspace_view("plans.change")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def add_funds(request: WorkspaceRequest, bot_id: int | None = None) -> HttpResponse:
    """Buy credits, of a bot or shared: ask for the amount, show what it costs, then order it.

    The amount stands in the address, so that a link can propose one.
    """
    bot = find_wallet(request, bot_id)
    try:
        currency = check_wallet(request, bot)
        methods = payments.list_methods()
    except (orders.NotOrdered, payments.Unavailable) as error:
        return refuse(request, bot, error)
    context: dict[str, object] = {"bot": bot, "currency": currency}
    if request.method == "POST":
        checkout = forms.Checkout(request.POST, currency=currency, methods=methods)
        if checkout.is_valid():
            return order_credits(request, checkout, bot)
        if "amount" in checkout.errors:
            return render(request, "invoices/funds.html", context | {"form": checkout})
        amount = checkout.cleaned_data["amount"]
    else:
        asked = forms.Funds(request.GET if "amount" in request.GET else None, currency=currency)
        if not asked.is_valid():
            return render(request, "invoices/funds.html", context | {"form": asked})
        amount = asked.cleaned_data["amount"]
        start = {"key": uuid.uuid4(), "amount": amount, "method": methods[0][0]}
        checkout = forms.Checkout(initial=start, currency=currency, methods=methods)
    treatment = orders.find_treatment(request.workspace)
    context |= {
        "form": checkout,
        "sums": tax.work_out(net=amount, rate=treatment.rate, decimals=currency.decimals),
        "treatment": treatment,
        "methods": methods,
        "consent": payments.CONSENT,
    }
    return render(request, "invoices/checkout.html", context)


def refuse(request: WorkspaceRequest, bot: Bot | None, error: Exception) -> HttpResponse:
    """Show why no credits can be bought for a wallet, and what to do about it."""
    context = {"bot": bot, "obstacle": obstacles.explain(request, error)}
    return render(request, "invoices/funds_refused.html", context)


def order_credits(
    request: WorkspaceRequest, checkout: forms.Checkout, bot: Bot | None
) -> HttpResponse:
    """Place the order of a checkout, once, and lead to its payment."""
    values = checkout.cleaned_data
    wallet = bot.pk if bot else "shared"
    try:
        order = orders.place(
            workspace=request.workspace,
            type=OrderType.CREDIT_PURCHASE,
            buyer=request.user,
            net=values["amount"],
            at=datetime.now(UTC),
            # With all of what is ordered: a page that is gone back to may order something else.
            key=f"page:{request.user.pk}:{values['key']}:{wallet}:{values['amount']}",
            method=Method(values["method"]),
            bot=bot,
            comments=values["comments"],
        )
    except orders.NotOrdered as error:  # what was checked is otherwise by now
        return refuse(request, bot, error)
    return pay(request, order, consent=payments.CONSENT if values["keep_method"] else "")


def find_wallet(request: WorkspaceRequest, bot_id: int | None) -> Bot | None:
    """Return the bot whose own credits are meant; None: those that all bots share.

    Raises:
        Http404: the person sees no such bot, or no plan of it.
        PermissionDenied: they may not buy for it, or (members) for all bots.
    """
    if bot_id is None:
        if request.membership.role not in ADMINS:
            raise PermissionDenied
        return None
    return find_bot_to_bill(request, bot_id)


def check_wallet(request: WorkspaceRequest, bot: Bot | None) -> Currency:
    """Return the currency in which credits are bought for a wallet.

    Raises:
        NotOrdered: none are: the bot is archived, a contract holds, nothing is sold here, or it
            could not be invoiced.
    """
    if bot and bot.archived_at:
        raise orders.NotOrdered(f"{bot.name} is archived. Restore it to buy credits for it.")
    orders.check_contract(workspace=request.workspace, at=datetime.now(UTC))
    orders.find_treatment(request.workspace)
    return orders.find_currency(request.workspace)
