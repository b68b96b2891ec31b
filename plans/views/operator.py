"""Operators' pages: extensions, granted credits and the state Enterprise."""

from datetime import UTC, datetime

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import SignedInRequest, operator_view
from accounts.models import Bot, Workspace
from accounts.tables import show_page
from accounts.tenancy import in_workspace
from plans import catalog, extensions, forms, grants, queries
from plans.models import Extension, ExtensionStatus
from plans.tables import ExtensionTable

ALIAS = "operator"


@operator_view("extensions.view")
@require_safe
def extension_list(request: SignedInRequest) -> HttpResponse:
    """Show requests for extensions, the oldest that waits first."""
    form = forms.ExtensionFilter(request.GET)
    form.is_valid()
    shown = form.cleaned_data.get("status") or ExtensionStatus.REQUESTED.value
    asked = Extension.objects.using(ALIAS).select_related("workspace", "bot", "requested_by")
    if shown != "all":
        asked = asked.filter(status=shown)
    waits = shown == ExtensionStatus.REQUESTED
    table = ExtensionTable(asked.order_by("requested_at" if waits else "-requested_at", "pk"))
    show_page(table, request)
    context = {"table": table, "tabs": forms.EXTENSION_TABS, "shown": shown}
    return render(request, "plans/extension_list.html", context)


@operator_view("extensions.decide")
@require_http_methods(["GET", "POST"])
def extension(request: SignedInRequest, extension_id: int) -> HttpResponse:
    """Approve or decline a request, after what it would do was shown."""
    known = Extension.objects.using(ALIAS).select_related("workspace", "bot", "requested_by")
    asked = get_object_or_404(known, pk=extension_id)
    now = datetime.now(UTC)
    form = forms.Decision(request.POST or None)
    if form.is_valid():
        note = form.cleaned_data["note"]
        try:
            if form.cleaned_data["decision"] == "approve":
                extensions.approve(extension=asked, note=note, by=request.user, at=now)
                messages.success(request, f"The extension for {asked.bot.name} is approved.")
            else:
                extensions.decline(extension=asked, note=note, by=request.user, at=now)
                messages.success(request, f"The extension for {asked.bot.name} is declined.")
            return redirect("plans_operator:extension_list")
        except extensions.NotPossible as error:
            form.add_error(None, str(error))
    context = {"asked": asked, "form": form}
    with in_workspace(asked.workspace_id):
        workspace = Workspace.objects.get(pk=asked.workspace_id)
        context["currency"] = catalog.find_currency(workspace)
        bot = Bot.objects.for_workspace(workspace).select_related("workspace").get(pk=asked.bot_id)
        try:
            context["effect"] = extensions.find_effect(bot=bot, days=asked.days, at=now)
        except extensions.NotPossible as error:
            context["refusal"] = str(error)
    return render(request, "plans/extension.html", context)


def find_workspace(slug: str) -> Workspace:
    """Return a workspace, as the application sees it.

    Raises:
        Http404: there is none with this slug.
    """
    known = Workspace.objects.using(ALIAS).filter(slug=slug).values_list("pk", flat=True).first()
    if known is None:
        raise Http404
    with in_workspace(known):
        return Workspace.objects.get(pk=known)


@operator_view("credits.grant")
@require_http_methods(["GET", "POST"])
def grant(request: SignedInRequest, slug: str) -> HttpResponse:
    """Give a workspace, or one of its bots, free credits."""
    workspace = find_workspace(slug)
    with in_workspace(workspace.pk):
        currency = catalog.find_currency(workspace)
        bots = list(Bot.objects.for_workspace(workspace).in_use().order_by("name", "key"))
    form = forms.NewGrant(request.POST or None, currency=currency)
    if form.is_valid():
        asked = form.cleaned_data
        bot = next((bot for bot in bots if bot.pk == asked["bot"]), None)
        if asked["bot"] and bot is None:
            form.add_error("bot", "There is no such bot in this workspace.")
        else:
            try:
                lot = grants.grant(
                    workspace=workspace,
                    bot=bot,
                    amount=asked["amount"],
                    last_day=asked["last_day"],
                    reason=asked["reason"],
                    key=f"grant:{asked['once']}",
                    at=datetime.now(UTC),
                )
            except grants.NotPossible as error:
                form.add_error("last_day", str(error))
            else:
                words = f"{asked['amount']:,} {workspace.currency} of free credits are granted"
                messages.success(request, f"{words} (lot #{lot.pk}).")
                return redirect("operator:workspace", workspace.slug)
    context = {"workspace": workspace, "bots": bots, "currency": currency, "form": form}
    return render(request, "plans/grant.html", context)


@operator_view("enterprise.set")
@require_http_methods(["GET", "POST"])
def contract(request: SignedInRequest, slug: str) -> HttpResponse:
    """Set from which day on a workspace is under contract, or take that back."""
    workspace = find_workspace(slug)
    now = datetime.now(UTC)
    form = forms.Contract(request.POST or None)
    if form.is_valid():
        day, reason = form.cleaned_data["enterprise_from"], form.cleaned_data["reason"]
        try:
            if day is None:
                grants.withdraw_contract(workspace=workspace, reason=reason, at=now)
                messages.success(request, f"{workspace.name} is not to be under contract.")
            else:
                grants.begin_contract(workspace=workspace, day=day, reason=reason, at=now)
                messages.success(request, f"{workspace.name} is under contract from {day} on.")
            return redirect("operator:workspace", workspace.slug)
        except grants.NotPossible as error:
            form.add_error("enterprise_from", str(error))
    with in_workspace(workspace.pk):
        since = queries.find_contract_day(workspace)
        begun = queries.find_contract(workspace, at=now) is not None
    if not form.is_bound and since is not None:
        form.initial["enterprise_from"] = since.isoformat()
    context = {"workspace": workspace, "form": form, "since": since, "begun": begun}
    return render(request, "plans/contract.html", context)
