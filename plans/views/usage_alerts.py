"""Pages of usage alerts: the list, one with its rehearsal and history, and what changes them."""

from datetime import UTC, datetime
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import WorkspaceRequest, may, may_change_bot, workspace_view
from accounts.models import ADMINS
from accounts.months import read_calendar
from accounts.tables import show_page
from plans import alert_charts, alert_queries, catalog, subscriptions, usage_alerts
from plans.alert_forms import ChangedAlert, Months, NewAlert
from plans.alert_queries import SoFar
from plans.alert_tables import AlertTable, FiringTable, PeriodTable
from plans.alert_wording import say_alert
from plans.alerted import UsageAlert, UsageAlertFiring, Watched
from plans.alerting import watch_of
from plans.models import Currency
from plans.rehearsal import MONTHS, rehearse
from plans.wording import write

OPTIONS_SHOWN = 20


def may_change(request: WorkspaceRequest, alert: UsageAlert) -> bool:
    """Tell whether a person may change a usage alert that they see."""
    if alert.bot is None:
        return request.membership.role in ADMINS
    return may_change_bot(request.membership, alert.bot, permission="usage_alerts.change")


def find_alert(request: WorkspaceRequest, alert_id: int) -> UsageAlert:
    """Return a usage alert that the person sees.

    Raises:
        Http404: there is none with this number.
    """
    return get_object_or_404(alert_queries.visible_alerts(request.membership), pk=alert_id)


def find_to_change(request: WorkspaceRequest, alert_id: int) -> UsageAlert:
    """Return a usage alert that the person may change.

    Raises:
        Http404: they do not see it.
        PermissionDenied: they see it, and may not change it.
    """
    alert = find_alert(request, alert_id)
    if not may_change(request, alert):
        raise PermissionDenied
    return alert


@workspace_view("usage_alerts.view")
@require_safe
def usage_alert_list(request: WorkspaceRequest) -> HttpResponse:
    """Show the usage alerts that a person may see, each with its running period."""
    now = datetime.now(UTC)
    calendar = read_calendar(request.workspace)
    rows = alert_queries.list_rows(request.membership, at=now)
    currency = catalog.find_currency(request.workspace)
    table = AlertTable(rows, currency=currency)
    show_page(table, request)
    context = {
        "table": table,
        "currency": currency,
        "rows": rows,
        "may_add": may(request.membership, "usage_alerts.change"),
        "whole": request.membership.role in ADMINS,
        "zone": calendar.zone_of(calendar.day_of(now)).key,
    }
    return render(request, "plans/usage_alert_list.html", context)


@workspace_view("usage_alerts.view")
@require_safe
def usage_alert(request: WorkspaceRequest, alert_id: int) -> HttpResponse:
    """Show a usage alert: how far its period is, when it fired, and when it would have."""
    alert = find_alert(request, alert_id)
    now = datetime.now(UTC)
    form = Months(request.GET)
    months = form.cleaned_data["months"] if form.is_valid() else MONTHS[0]
    currency = catalog.find_currency(request.workspace)
    firings = UsageAlertFiring.objects.for_workspace(request.workspace).filter(alert=alert)
    history = FiringTable(firings.select_related("alert").order_by("-starts_on"), currency=currency)
    show_page(history, request)
    calendar = read_calendar(request.workspace)
    so_far = alert_queries.read_so_far(request.workspace, [alert], calendar=calendar, at=now)
    context = {
        "alert": alert,
        "so_far": so_far[alert.pk],
        "history": history,
        "may_change": may_change(request, alert),
        "months_form": form,
        **show_rehearsal(request, alert, months=months, now=now),
    }
    return render(request, "plans/usage_alert.html", context)


def show_rehearsal(
    request: WorkspaceRequest, alert: UsageAlert, *, months: int, now: datetime
) -> dict[str, Any]:  # Any: a template's context is free
    """Return what pages show of the past of a usage alert, which need not be stored."""
    calendar = read_calendar(request.workspace)
    today = calendar.day_of(now)
    currency = catalog.find_currency(request.workspace)
    found = rehearse(
        workspace=request.workspace,
        watch=watch_of(alert),
        threshold=alert.threshold,
        months=months,
        calendar=calendar,
        today=today,
    )
    return {
        "rehearsal": found,
        "months": months,
        "currency": currency,
        "zone": calendar.zone_of(today).key,
        "figure": alert_charts.draw(found, currency),
        "reached_table": PeriodTable(found, currency=currency, every=False),
        "all_table": PeriodTable(found, currency=currency, every=True),
        "contract": alert.watched == Watched.MONEY
        and subscriptions.has_contract(workspace=request.workspace, today=today),
    }


@workspace_view("usage_alerts.change")
@require_http_methods(["GET", "POST"])
def usage_alert_new(request: WorkspaceRequest) -> HttpResponse:
    """Rehearse a usage alert by what the address says, and make it."""
    now = datetime.now(UTC)
    currency = catalog.find_currency(request.workspace)
    asked = request.POST if request.method == "POST" else request.GET
    form = NewAlert(asked or None, membership=request.membership, currency=currency)
    context: dict[str, Any] = {"form": form, "whole": request.membership.role in ADMINS}
    if form.is_valid():
        wanted = {name: form.cleaned_data[name] for name in ("bot", "watched", "per", "threshold")}
        if request.method == "POST":
            try:
                made = usage_alerts.create(workspace=request.workspace, at=now, **wanted)
            except usage_alerts.NotPossible as error:
                form.add_error(None, str(error))
            else:
                messages.success(request, f"The usage alert is on. {say_alert(made, currency)}.")
                return redirect("plans:usage_alert", request.workspace.slug, made.pk)
        context |= rehearse_new(request, form, now=now)
    return render(request, "plans/usage_alert_new.html", context)


def rehearse_new(
    request: WorkspaceRequest, form: NewAlert, *, now: datetime
) -> dict[str, Any]:  # Any: a template's context is free
    """Return what the page shows of a usage alert that is not made yet."""
    wanted = form.cleaned_data
    alert = UsageAlert(
        workspace=request.workspace,
        bot=wanted["bot"],
        watched=wanted["watched"],
        per=wanted["per"],
        threshold=wanted["threshold"],
    )
    shown = show_rehearsal(request, alert, months=wanted["months"], now=now)
    running = shown["rehearsal"].now
    same = UsageAlert.objects.for_workspace(request.workspace).filter(
        bot=alert.bot, watched=alert.watched, per=alert.per, threshold=alert.threshold
    )
    return {
        **shown,
        "alert": alert,
        "same": same.first(),
        "so_far": SoFar(running.starts_on, running.number, alert.threshold, fired=False),
    }


@workspace_view("usage_alerts.change")
@require_http_methods(["GET", "POST"])
def usage_alert_change(request: WorkspaceRequest, alert_id: int) -> HttpResponse:
    """Rehearse another threshold of a usage alert by what the address says, and set it."""
    alert = find_to_change(request, alert_id)
    now = datetime.now(UTC)
    currency = catalog.find_currency(request.workspace)
    form = read_change(request, alert, currency=currency)
    context: dict[str, Any] = {"form": form, "alert": alert}
    if form.is_valid():
        threshold, is_on = form.cleaned_data["threshold"], form.cleaned_data["is_on"]
        if request.method == "POST":
            try:
                usage_alerts.change(alert=alert, threshold=threshold, is_on=is_on, at=now)
            except usage_alerts.NotPossible as error:
                form.add_error(None, str(error))
            else:
                messages.success(request, "The usage alert is changed.")
                return redirect("plans:usage_alert", request.workspace.slug, alert.pk)
        context |= rehearse_change(request, alert, form, now=now)
    return render(request, "plans/usage_alert_change.html", context)


def read_change(
    request: WorkspaceRequest, alert: UsageAlert, *, currency: Currency
) -> ChangedAlert:
    """Return the form of a change: what is sent, what the address says, or as it is."""
    written = write(alert.threshold, currency)
    if alert.watched == Watched.SESSIONS:
        written = f"{alert.threshold:.0f}"
    kept = {"threshold": written, "is_on": alert.is_on}
    data: Any = request.POST if request.method == "POST" else request.GET
    if request.method != "POST" and "threshold" not in data:
        data = kept
    return ChangedAlert(data, of=alert.watched, currency=currency)


def rehearse_change(
    request: WorkspaceRequest, alert: UsageAlert, form: ChangedAlert, *, now: datetime
) -> dict[str, Any]:  # Any: a template's context is free
    """Return what the page shows of a usage alert with another threshold."""
    changed = UsageAlert(
        pk=alert.pk,
        workspace=alert.workspace,
        bot=alert.bot,
        watched=alert.watched,
        per=alert.per,
        threshold=form.cleaned_data["threshold"],
        is_on=form.cleaned_data["is_on"],
    )
    calendar = read_calendar(request.workspace)
    so_far = alert_queries.read_so_far(request.workspace, [changed], calendar=calendar, at=now)
    return {
        **show_rehearsal(request, changed, months=form.cleaned_data["months"], now=now),
        "wanted": changed,
        "so_far": so_far[changed.pk],
    }


@workspace_view("usage_alerts.change")
@require_http_methods(["GET", "POST"])
def usage_alert_remove(request: WorkspaceRequest, alert_id: int) -> HttpResponse:
    """Remove a usage alert, after what that comes to was shown."""
    alert = find_to_change(request, alert_id)
    if request.method == "POST":
        usage_alerts.remove(alert=alert)
        messages.success(request, "The usage alert is removed.")
        return redirect("plans:usage_alert_list", request.workspace.slug)
    context = {
        "alert": alert,
        "fired": alert.firings.count(),
        "currency": catalog.find_currency(request.workspace),
    }
    return render(request, "plans/usage_alert_remove.html", context)


@workspace_view("usage_alerts.change")
@require_safe
def usage_alert_bots(request: WorkspaceRequest) -> HttpResponse:
    """Return the first bots to choose from, whose name or key has what was typed."""
    typed = request.GET.get("bot", "").replace("\0", "")
    found = alert_queries.list_bots(request.membership, typed=typed)[:OPTIONS_SHOWN]
    return render(request, "components/_options.html", {"options": found})
