"""Pages of credit lots: what there is, what lapses when, and which usage took what."""

from datetime import UTC, datetime

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from accounts.access import WorkspaceRequest, workspace_view
from accounts.days import DAY
from accounts.models import Bot, Role
from accounts.months import Calendar, read_calendar
from accounts.tables import show_page
from plans import catalog, queries
from plans.models import CreditLot, CreditLotQuerySet, Meter
from plans.queries import Use
from plans.tables import LotTable, UseRow, UseTable
from usage.links import SessionLinks
from usage.periods import Period

# Which of the sessions of a day a meter counts.
SESSIONS = {
    Meter.BILLING_SESSIONS: "billing",
    Meter.CONVERSATIONS: "usage",
    Meter.ALERT_SESSIONS: "alert",
    Meter.VOICE_SESSIONS: "voice",
}


def visible_bots(request: WorkspaceRequest) -> list[int]:
    """Return the ids of the bots whose plan the person sees."""
    bots = Bot.objects.for_workspace(request.workspace).with_plan_for(request.membership)
    return list(bots.values_list("pk", flat=True))


def visible_lots(request: WorkspaceRequest) -> CreditLotQuerySet:
    """Return the lots that bots of the person may use, their own and the shared ones."""
    lots = CreditLot.objects.for_workspace(request.workspace).visible_to(request.membership)
    return lots.with_lapsed().select_related("bot")


@workspace_view("plans.view")
@require_safe
def lot_list(request: WorkspaceRequest) -> HttpResponse:
    """Show credit lots, in the order in which they are used."""
    now = datetime.now(UTC)
    today = read_calendar(request.workspace).day_of(now)
    lots = visible_lots(request)
    currency = catalog.find_currency(request.workspace)
    table = LotTable(queries.order_lots(lots), currency=currency)
    show_page(table, request)
    context = {
        "table": table,
        "currency": currency,
        "wallet": queries.read_wallet(request.workspace, today=today),
        "zone": request.workspace.timezone,
        "today": today,
    }
    return render(request, "plans/lot_list.html", context)


@workspace_view("plans.view")
@require_safe
def lot(request: WorkspaceRequest, lot_id: int) -> HttpResponse:
    """Show a lot: what is left of it, and which usage took what."""
    found = get_object_or_404(visible_lots(request).select_related("extends"), pk=lot_id)
    calendar = read_calendar(request.workspace)
    use = queries.read_use(found, bots=visible_bots(request))
    currency = catalog.find_currency(request.workspace)
    rows = [UseRow(one, find_sessions(request, one, calendar=calendar)) for one in use.uses]
    table = UseTable(rows, currency=currency)
    show_page(table, request)
    context = {
        "lot": found,
        "use": use,
        "table": table,
        "currency": currency,
        "zone": request.workspace.timezone,
        "only_own": request.membership.role == Role.MEMBER and found.bot_id is None,
        "today": calendar.day_of(datetime.now(UTC)),
    }
    return render(request, "plans/lot.html", context)


def find_sessions(request: WorkspaceRequest, use: Use, *, calendar: Calendar) -> str:
    """Return the address of the sessions that something was taken for; empty: they have none."""
    kind = SESSIONS.get(Meter(use.meter)) if use.meter else None
    if use.bot is None or use.day is None or kind is None:
        return ""
    period = Period(calendar.start_of(use.day), calendar.start_of(use.day + DAY))
    zone = calendar.zone_of(use.day).key
    links = SessionLinks(request.workspace, zone, bots=[], channels=[])
    return links.find_address(kind, period, bot=use.bot.key)
