"""Pages of one bot's plan: Manage, its owner, its limit and requests for an extension."""

from datetime import UTC, datetime

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import bots
from accounts import queries as account_queries
from accounts.access import (
    WorkspaceRequest,
    find_bot_to_bill,
    find_bot_with_plan,
    may,
    may_change_plan,
    workspace_view,
)
from accounts.models import Bot
from plans import catalog, extensions, forms, low_balance, queries
from plans.views.pending import tell_pending

DRAWER = "drawer"  # what a request names that fills the panel beside the list


@workspace_view("plans.view")
@require_safe
def manage(request: WorkspaceRequest, bot_id: int) -> HttpResponse:
    """Show a bot's plan, which others it may have, its credits, and what can be done."""
    return show_manage(request, find_bot_with_plan(request, bot_id))


def show_manage(
    request: WorkspaceRequest, bot: Bot, *, limit: forms.LowBalance | None = None
) -> HttpResponse:
    """Return the page, or what of it fills the panel beside the list."""
    now = datetime.now(UTC)
    found = queries.read_managed(bot, told=tell_pending(request.membership), at=now)
    currency = catalog.find_currency(request.workspace)
    drawn = request.htmx.target == DRAWER
    response = render(
        request,
        "plans/_manage_drawer.html" if drawn else "plans/manage.html",
        {
            "bot": bot,
            "row": found.row,
            "offers": found.offers,
            "own_limit": found.own_limit,
            "asked": found.extension,
            "currency": currency,
            "limit_form": limit or forms.LowBalance(None, currency=currency),
            "contract": queries.find_contract(request.workspace, at=now),
            "may_change": may_change_plan(request.membership, bot),
            "may_change_owner": may(request.membership, "bots.change_owner"),
            "drawn": drawn,
        },
    )
    patch_vary_headers(response, ["HX-Request", "HX-Target"])
    return response


@workspace_view("plans.change")
@require_POST
def change_limit(request: WorkspaceRequest, bot_id: int) -> HttpResponse:
    """Set below which balance a bot is low."""
    changed = find_bot_to_bill(request, bot_id)
    form = forms.LowBalance(request.POST, currency=catalog.find_currency(request.workspace))
    if not form.is_valid():
        return show_manage(request, changed, limit=form)
    low_balance.change(bot=changed, limit=form.cleaned_data["low_balance"])
    messages.success(request, f"The low-balance limit of {changed.name} is set.")
    return redirect("plans:manage", request.workspace.slug, changed.pk)


@workspace_view("plans.change")
@require_http_methods(["GET", "POST"])
def ask_extension(request: WorkspaceRequest, bot_id: int) -> HttpResponse:
    """Ask the operator for more days, after what they would do was shown."""
    bot = find_bot_to_bill(request, bot_id)
    now = datetime.now(UTC)
    form = forms.NewExtension(request.POST or None)
    if form.is_valid():
        try:
            asked = extensions.request(
                bot=bot,
                days=form.cleaned_data["days"],
                reason=form.cleaned_data["reason"],
                by=request.user,
                at=now,
            )
        except extensions.NotPossible as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, f"An extension of {asked.days} days is asked for {bot.name}.")
            return redirect("plans:manage", request.workspace.slug, bot.pk)
    context = {
        "bot": bot,
        "form": form,
        "currency": catalog.find_currency(request.workspace),
        "longest": extensions.LONGEST,
    }
    try:
        context["effect"] = extensions.find_effect(bot=bot, days=1, at=now)
    except extensions.NotPossible as error:
        context["refusal"] = str(error)
    return render(request, "plans/extension_ask.html", context)


@workspace_view("bots.change_owner")
@require_http_methods(["GET", "POST"])
def change_owner(request: WorkspaceRequest, bot_id: int) -> HttpResponse:
    """Give a bot another owner, after the effect was shown and a reason given."""
    bot = find_bot_with_plan(request, bot_id)
    people = account_queries.list_possible_owners(request.workspace)
    form = forms.NewOwner(request.POST or None)
    if form.is_valid():
        asked = form.cleaned_data
        to = next((person for person in people if person.user_id == asked["owner"]), None)
        try:
            if to is None:
                form.add_error("owner", "There is no such person in this workspace.")
            elif to.user_id == bot.owner_id:
                form.add_error("owner", f"{to.user.email} owns it already.")
            else:
                bots.hand_over(
                    bot=bot,
                    to=to,
                    was=asked["was"],
                    keeps_access=asked["access"] == "shared",
                    reason=asked["reason"],
                    at=datetime.now(UTC),
                )
                messages.success(request, f"{to.user.email} owns {bot.name} now.")
                return redirect("plans:plan_list", request.workspace.slug)
        except bots.OwnerChanged as error:
            form.add_error(None, str(error))
        except ValidationError as error:
            form.add_error("owner", error.messages[0])
    context = {"bot": bot, "form": form, "people": people}
    return render(request, "plans/change_owner.html", context)
