"""Insight: usage sessions that were opened by little more than 15 minutes, and what they cost."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_safe

from accounts import chips
from accounts.access import WorkspaceRequest, workspace_view
from accounts.days import DAY
from accounts.exports import guard, record_download, refuse, write_csv
from accounts.models import Bot
from accounts.months import Calendar, read_calendar
from invoices import boundary_costs
from invoices.boundary_costs import Row
from invoices.insight_forms import MINUTE_CHOICES, BoundaryFilter
from plans import catalog, queries
from plans.wording import write
from usage.boundaries import MINUTES, Asked, list_short
from usage.links import SessionLinks
from usage.periods import Period

ROWS_SHOWN = 200  # all of them are in the export
COLUMNS = (
    "bot",
    "key",
    "channel",
    "first_day",
    "last_day",
    "usage_sessions",
    *(f"opened_by_less_than_{minutes}_min" for minutes in MINUTES),
    "priced_minutes",
    "charged",
    "included",
    "cost",
    "currency",
)


class Shown(NamedTuple):
    """A row with its share of the sessions of its bot and channel, and where these are."""

    row: Row
    short: int
    share: str
    address: str


@workspace_view("insight.view")
@require_safe
def show_sessions(request: WorkspaceRequest) -> HttpResponse:
    """Show how many sessions were opened by few minutes, by bot and channel, and the latest."""
    now = datetime.now(UTC)
    calendar = read_calendar(request.workspace)
    asked = read_filter(request, calendar=calendar, now=now)
    seen = Bot.objects.for_workspace(request.workspace).with_plan_for(request.membership)
    context: dict[str, Any] = {  # Any: a template's context is free
        "tab": "sessions",
        "filter": asked,
        "currency": catalog.find_currency(request.workspace),
        "contract": queries.find_contract(request.workspace, at=now),
        "any": seen.exists(),
        "minutes": MINUTE_CHOICES,
        "chips": [
            chips.make(request.GET, name, value, label=f"{label}: {value}")
            for name, label in (("bot", "Bot"), ("channel", "Channel"))
            for value in request.GET.getlist(name)
            if value.strip()
        ],
    }
    if asked.is_valid():
        context |= show_rows(request, asked, calendar=calendar, now=now)
    return render(request, "invoices/insight_sessions.html", context)


def read_filter(request: WorkspaceRequest, *, calendar: Calendar, now: datetime) -> BoundaryFilter:
    """Return what the address asks for."""
    today = calendar.day_of(now)
    return BoundaryFilter(request.GET, membership=request.membership, today=today)


def read_rows(request: WorkspaceRequest, asked: BoundaryFilter, *, now: datetime) -> list[Row]:
    """Return the rows of a filter."""
    values = asked.cleaned_data
    return boundary_costs.read_rows(
        workspace=request.workspace,
        bots=values["bot"],
        channels=values["channel"],
        first=values["first"],
        last=values["last"],
        minutes=values["minutes"],
        now=now,
    )


def show_rows(
    request: WorkspaceRequest, asked: BoundaryFilter, *, calendar: Calendar, now: datetime
) -> dict[str, Any]:  # Any: a template's context is free
    """Return what the page shows of the sessions that are asked for."""
    values = asked.cleaned_data
    which = MINUTES.index(values["minutes"])
    rows = read_rows(request, asked, now=now)
    rows.sort(key=lambda row: -row.by_minutes[which])
    period = Period(calendar.start_of(values["first"]), calendar.start_of(values["last"] + DAY))
    bots = [bot.pk for bot in values["bot"]]
    zone = calendar.zone_of(values["last"]).key
    links = SessionLinks(request.workspace, zone, bots=[], channels=[])
    total = add_up(rows)
    return {
        "rows": [
            Shown(
                row,
                row.by_minutes[which],
                say_share(row.by_minutes[which], row.sessions),
                f"{links.find_address('usage', period, bot=row.bot.key)}"
                f"&{urlencode({'channel': row.channel})}",
            )
            for row in rows[:ROWS_SHOWN]
        ],
        "hidden": max(0, len(rows) - ROWS_SHOWN),
        "total": total,
        "short": total.by_minutes[which],
        "share": say_share(total.by_minutes[which], total.sessions),
        "latest": list_short(
            Asked(request.workspace.pk, bots, period, values["channel"]),
            minutes=values["minutes"],
        ),
        "first": values["first"],
        "last": values["last"],
        "limit": values["minutes"],
        "zone": zone,
    }


class Total(NamedTuple):
    """The sums of all rows."""

    sessions: int
    by_minutes: tuple[int, ...]
    charged: int
    included: int
    cost: Decimal


def add_up(rows: Sequence[Row]) -> Total:
    """Return the sums of rows."""
    return Total(
        sessions=sum(row.sessions for row in rows),
        by_minutes=tuple(sum(row.by_minutes[at] for row in rows) for at in range(len(MINUTES))),
        charged=sum(row.charged for row in rows),
        included=sum(row.included for row in rows),
        cost=sum((row.cost for row in rows), Decimal(0)),
    )


def say_share(part: int, of: int) -> str:
    """Return a share in percent with one decimal, half up; a dash of nothing."""
    if not of:
        return "–"
    tenths = (2000 * part + of) // (2 * of)
    return f"{tenths // 10}.{tenths % 10} %"


@workspace_view("insight.view")
@require_GET
def export_sessions(request: WorkspaceRequest) -> HttpResponse:
    """Download the rows with the same filters, all of them, by name and channel."""
    now = datetime.now(UTC)
    asked = read_filter(request, calendar=read_calendar(request.workspace), now=now)
    if not asked.is_valid():
        return refuse(asked)
    currency = catalog.find_currency(request.workspace)
    values = asked.cleaned_data
    rows = read_rows(request, asked, now=now)
    file = f"{request.workspace.slug}-boundaries-{values['first']}-{values['last']}.csv"
    record_download(
        "boundaries.exported", workspace=request.workspace, file=file, form=asked, query=request.GET
    )
    lines = write_csv(
        COLUMNS,
        (
            [
                guard(row.bot.name),
                guard(row.bot.key),
                guard(row.channel),
                values["first"].isoformat(),
                values["last"].isoformat(),
                row.sessions,
                *row.by_minutes,
                values["minutes"],
                row.charged,
                row.included,
                write(row.cost, currency),
                currency.code,
            ]
            for row in rows
        ),
    )
    return HttpResponse(
        "".join(lines),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{file}"'},
    )
