"""Pages on which the plan of a bot is changed, and a scheduled change undone."""

import re
import uuid
from datetime import UTC, datetime

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import WorkspaceRequest, find_bot_to_bill, workspace_view
from accounts.models import Bot
from accounts.months import read_calendar
from invoices import orders, plan_changes, tax
from invoices.plan_change_form import PlanChange
from invoices.plan_changes import Quote
from invoices.views import obstacles
from invoices.views.orders import list_methods, pay
from plans import catalog, eligibility, subscriptions
from plans.models import PlanVersion
from plans.subscriptions import NotChangeable

NUMBER = re.compile("[0-9]{1,18}")  # any that a version may have


@workspace_view("plans.change")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def plan_change(request: WorkspaceRequest, bot_id: int) -> HttpResponse:
    """Change a bot's plan: choose one, see what that does, then confirm it."""
    bot = find_bot_to_bill(request, bot_id)
    if request.method == "POST":
        return confirm(request, bot)
    version = find_version(request.GET.get("version", ""))
    if version is None:
        return show_choice(request, bot)
    try:
        quoted = plan_changes.quote(bot=bot, version=version, at=datetime.now(UTC))
    except NotChangeable as error:
        return show_choice(request, bot, error=str(error))
    return show_quote(request, quoted)


def find_version(text: str) -> PlanVersion | None:
    """Return the version that an address asks for; None: there is no such one."""
    if not NUMBER.fullmatch(text):
        return None
    return PlanVersion.objects.select_related("plan").filter(pk=int(text)).first()


def show_choice(
    request: WorkspaceRequest, bot: Bot, *, error: str = "", status: int = 200
) -> HttpResponse:
    """Return the page on which a plan is chosen; ``error``: why one cannot be."""
    workspace = request.workspace
    today = read_calendar(workspace).day_of(datetime.now(UTC))
    has = subscriptions.find_version(bot=bot, day=today)
    scheduled = subscriptions.find_scheduled(workspace=workspace, bots=[bot], today=today)
    context = {
        "bot": bot,
        "error": error,
        "today": today,
        "contract": subscriptions.has_contract(workspace=workspace, today=today),
        "version": has,
        "current": catalog.read_offers([has], currency=workspace.currency).get(has.pk),
        "scheduled": scheduled.get(bot.pk),
        "waiting": plan_changes.find_waiting(bot),
        "choices": eligibility.check(workspace=workspace, bots=[bot.pk], today=today)[bot.pk],
    }
    return render(request, "invoices/plan_change.html", context, status=status)


def show_quote(
    request: WorkspaceRequest, quoted: Quote, form: PlanChange | None = None
) -> HttpResponse:
    """Return the page that says what a change would be."""
    methods = list_methods() if quoted.net else []
    start = {"key": uuid.uuid4(), "method": methods[0][0] if methods else ""}
    form = form or PlanChange(initial=start, methods=methods)
    context = {
        "bot": quoted.bot,
        "quote": quoted,
        "form": form,
        "methods": methods,
        "zone": read_calendar(request.workspace).zone_of(quoted.today).key,
        "waiting": plan_changes.find_waiting(quoted.bot),
    }
    if quoted.net:
        context |= find_sums(request, quoted)
    return render(request, "invoices/plan_change_confirm.html", context)


def find_sums(request: WorkspaceRequest, quoted: Quote) -> dict[str, object]:
    """Return what a change costs with its tax and how it is taxed, or what keeps it from that."""
    try:
        treatment = orders.find_treatment(request.workspace)
    except orders.NotOrdered as error:
        return {"obstacle": obstacles.explain(request, error)}
    decimals = quoted.offer.currency.decimals
    sums = tax.work_out(net=quoted.net, rate=treatment.rate, decimals=decimals)
    return {"sums": sums, "treatment": treatment}


def confirm(request: WorkspaceRequest, bot: Bot) -> HttpResponse:
    """Do what was confirmed, and lead to the payment where there is something to pay."""
    form = PlanChange(request.POST, methods=list_methods())
    version = find_version(request.POST.get("version", ""))
    now = datetime.now(UTC)
    if version is None:
        return show_choice(request, bot, error="Choose a plan.")
    # Looked up first: what was placed from this page may have changed what can be confirmed.
    form.is_valid()
    key = f"plan:{request.user.pk}:{form.cleaned_data.get('key')}:{bot.pk}:{version.pk}"
    if placed := plan_changes.find_placed(bot, key=key):
        return pay(request, placed)
    try:
        quoted = plan_changes.quote(bot=bot, version=version, at=now)
        if quoted.net and not form.data.get("method"):
            form.add_error("method", "Choose a payment method.")
        if not form.is_valid() or (quoted.net and obstacles.find(request)):
            return show_quote(request, quoted, form)
        order = plan_changes.change(
            bot=bot,
            version=version,
            seen=form.seen,
            buyer=request.user,
            at=now,
            key=key,
            method=form.cleaned_data["method"] or None,
        )
    except NotChangeable as error:
        return show_choice(request, bot, error=str(error))
    if order:
        return pay(request, order)
    messages.success(request, say_done(quoted))
    return redirect("invoices:plan_change", request.workspace.slug, bot.pk)


def say_done(quoted: Quote) -> str:
    """Say in a sentence what was changed."""
    if quoted.upgrade:
        return f"{quoted.bot.name} has the plan {quoted.offer.plan.name} from today on."
    return (
        f"{quoted.bot.name} changes to {quoted.offer.plan.name} on {quoted.starts_on:%-d %B %Y}."
        " Until then that can be undone."
    )


@workspace_view("plans.change")
@require_POST
def plan_change_undo(request: WorkspaceRequest, bot_id: int) -> HttpResponse:
    """Undo the change that is scheduled for a bot."""
    bot = find_bot_to_bill(request, bot_id)
    try:
        if subscriptions.undo(bot=bot, at=datetime.now(UTC)):
            messages.success(request, f"{bot.name} keeps its plan.")
        else:
            messages.info(request, f"No change is scheduled for {bot.name} any more.")
    except NotChangeable as error:
        messages.error(request, str(error))
    return redirect("invoices:plan_change", request.workspace.slug, bot.pk)
