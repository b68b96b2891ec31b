"""The Usage page and its exports."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_GET, require_safe

from accounts import chips
from accounts.access import WorkspaceRequest, may, workspace_view
from accounts.exports import guard, record_download, refuse, write_csv
from accounts.models import Bot, list_zones
from accounts.tables import show_page
from plans import spend
from plans.spend import Spend
from usage import exports, queries, report_queries
from usage.cards import list_cards
from usage.charts import describe, describe_stretch, draw_usage, list_legend
from usage.forms import UsageFilter
from usage.links import SessionLinks
from usage.report_queries import BotUsage, PeriodUsage, Usage
from usage.tables import BotUsageTable, Charged, PeriodTable

OPTIONS_SHOWN = 20
CHIPS = ("bot", "channel")
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@workspace_view("usage.view")
@require_safe
def usage(request: WorkspaceRequest) -> HttpResponse:
    """Show what bots used, as graph or table; a part of the page for a request of htmx."""
    asked = UsageFilter(request.GET, membership=request.membership, now=datetime.now(UTC))
    context: dict[str, Any] = {  # Any: a template's context is free
        "filter": asked,
        "chips": [
            chips.make(request.GET, name, value, label=value)
            for name in CHIPS
            for value in dict.fromkeys(request.GET.getlist(name))
            if value.strip()
        ],
        "clear": reverse("usage:usage", args=[request.workspace.slug]),
    }
    if asked.is_valid():
        context |= show_usage(request, asked)
    part = request.htmx and request.htmx.target == "usage"
    response = render(request, "usage/_usage.html" if part else "usage/usage.html", context)
    patch_vary_headers(response, ["HX-Request", "HX-Target"])
    return response


def show_usage(request: WorkspaceRequest, asked: UsageFilter) -> dict[str, Any]:
    """Return what the page shows of a report."""
    values, report = asked.cleaned_data, asked.cleaned_data["report"]
    zone = report.zone.key
    found = read_usage(request, asked)
    session_links = SessionLinks(
        request.workspace, zone, bots=asked.chosen_bots, channels=values["channel"]
    )
    table_type = BotUsageTable if values["rows"] == "bot" else PeriodTable
    channels = bool(values["channel"])
    spent = read_spend(request, asked)
    table = table_type(
        found,
        report,
        links=session_links,
        channels=channels,
        charged=show_charged(found, spent, by_bot=values["rows"] == "bot") if spent else None,
    )
    show_page(table, request)
    context = {
        "report": report,
        "stretch": describe_stretch(report.whole, report.zone),
        "previous": describe_stretch(report.previous, report.zone),
        "usage": found,
        "empty": not any(found.total) and not found.agents,
        "cards": list_cards(found, whole=report.whole, links=session_links),
        "table": table,
        "charged": spent and spent.show(spent.total),
        "spend": spent,
        "zone": zone,
        "freshness": queries.find_freshness(
            workspace=request.workspace, bots=[bot.pk for bot in values["bot"]], now=report.now
        ),
    }
    if values["view"] != "table":
        context["legend"] = list_legend(found.lines)
        context["plain_rows"] = [
            (describe(period, report.grain, report.zone), counts, agents)
            for period, counts, agents in reversed(found.by_period)
        ]
        running = values["running"]
        context["figure"] = draw_usage(found, report, running=running, channels=channels)
    return context


def read_usage(request: WorkspaceRequest, asked: UsageFilter) -> Usage:
    """Return what was counted for a report."""
    values = asked.cleaned_data
    return report_queries.read_usage(
        workspace=request.workspace,
        bots=values["bot"],
        channels=values["channel"],
        report=values["report"],
    )


def read_spend(request: WorkspaceRequest, asked: UsageFilter) -> Spend | None:
    """Return what was charged for a report; None: the person sees no money."""
    if not may(request.membership, "plans.view"):
        return None
    values = asked.cleaned_data
    return spend.read(
        membership=request.membership,
        bots=[bot.pk for bot in values["bot"]],
        channels=bool(values["channel"]),
        whole=values["report"].whole,
        periods=values["report"].periods,
    )


def list_charged(found: Usage, spent: Spend, *, by_bot: bool) -> list[Decimal | None]:
    """Return what was charged for each row of a report, in their order."""
    if by_bot:
        return [spent.of_bot(row.bot.pk) for row in found.by_bot]
    return [spent.of_period(place) for place in range(len(found.by_period))]


def show_charged(found: Usage, spent: Spend, *, by_bot: bool) -> Charged:
    """Return what a table shows as charged."""
    rows: Sequence[Any] = found.by_bot if by_bot else found.by_period
    amounts = dict(zip(map(name_row, rows), list_charged(found, spent, by_bot=by_bot), strict=True))
    return Charged(lambda row: spent.show(amounts[name_row(row)]), spent.show(spent.total))


def name_row(row: BotUsage | PeriodUsage) -> int | datetime:
    """Return what tells a row of a report from the others."""
    return row.bot.pk if isinstance(row, BotUsage) else row.period.starts_at


@workspace_view("usage.view")
@require_GET
def usage_export(request: WorkspaceRequest, format: str) -> HttpResponse:
    """Download what the page shows with the same filters, all its rows."""
    asked = UsageFilter(request.GET, membership=request.membership, now=datetime.now(UTC))
    if not asked.is_valid():
        return refuse(asked)
    values = asked.cleaned_data
    whole = values["report"].whole
    found, by_bot = read_usage(request, asked), values["rows"] == "bot"
    columns, rows = exports.list_usage(found, by_bot=by_bot, channels=bool(values["channel"]))
    if spent := read_spend(request, asked):
        amounts = list_charged(found, spent, by_bot=by_bot)
        columns, rows = exports.add_charged(
            columns, rows, charged=amounts, currency=spent.currency.code
        )
    name = f"usage-{request.workspace.slug}-{whole.starts_at:%Y-%m-%d}.{format}"
    record_download(
        "usage.exported", workspace=request.workspace, file=name, form=asked, query=request.GET
    )
    guarded = ([guard(value) for value in row] for row in rows)
    content, content_type = (
        (exports.write_xlsx(columns, rows), XLSX)
        if format == "xlsx"
        else ("".join(write_csv(columns, guarded)), "text/csv; charset=utf-8")
    )
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(content, content_type=content_type, headers=headers)


@workspace_view("usage.view")
@require_safe
def bot_options(request: WorkspaceRequest) -> HttpResponse:
    """Return the first visible bots whose name or key holds what was typed."""
    typed = (request.GET.getlist("bot") or [""])[-1].replace("\0", "")
    bots = Bot.objects.for_workspace(request.workspace).visible_to(request.membership)
    if typed:
        bots = bots.filter(Q(name__icontains=typed) | Q(key__icontains=typed))
    found = bots.order_by("name", "key").values_list("key", "name")[:OPTIONS_SHOWN]
    return render(request, "components/_options.html", {"options": found})


@workspace_view("usage.view")
@require_safe
def channel_options(request: WorkspaceRequest) -> HttpResponse:
    """Return the channels on which the visible bots were used."""
    channels = queries.list_channels(request.membership)
    return render(request, "components/_options.html", {"options": [(c, "") for c in channels]})


@workspace_view("usage.view")
@require_safe
def timezone_options(request: WorkspaceRequest) -> HttpResponse:
    """Return all time zones."""
    options = [(zone, "") for zone in list_zones()]
    return render(request, "components/_options.html", {"options": options})
