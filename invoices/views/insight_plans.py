"""Insight: what past months would have cost under other plans, and where these break even."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.access import WorkspaceRequest, workspace_view
from accounts.models import Bot
from accounts.months import read_calendar
from accounts.tables import ROWS_A_PAGE, read_page
from invoices import break_even, insight_charts, what_if
from invoices.break_even import Mix, Stretch
from invoices.insight_forms import WhatIfFilter
from invoices.rating import end_of_month
from invoices.what_if import History, Option
from plans import catalog, queries
from plans.catalog import Offer
from plans.models import Currency, Meter
from usage.charts import COLORS

TABLE_STEPS = 8  # of sessions, beside the marks


class Cell(NamedTuple):
    """What something would have cost under a plan; ``refused``: why it could not be chosen."""

    plan: str
    amount: Decimal
    cheapest: bool
    refused: str = ""


@dataclass(frozen=True)
class Row:
    """A month, a bot or all of them: what it did cost, and would have."""

    name: str
    spent: Decimal
    cells: list[Cell]
    address: str = ""
    so_far: bool = False


class Pair(NamedTuple):
    """For how many sessions one plan costs less than another."""

    plan: str
    than: str
    words: str


@workspace_view("insight.view")
@require_safe
def show_plans(request: WorkspaceRequest) -> HttpResponse:
    """Show months replayed under each plan; under a contract that there is nothing to choose."""
    now = datetime.now(UTC)
    calendar = read_calendar(request.workspace)
    today = calendar.day_of(now)
    currency = catalog.find_currency(request.workspace)
    asked = WhatIfFilter(request.GET, membership=request.membership, currency=currency)
    context: dict[str, Any] = {  # Any: a template's context is free
        "tab": "plans",
        "filter": asked,
        "currency": currency,
        "zone": calendar.zone_of(today).key,
        "contract": queries.find_contract(request.workspace, at=now),
        "any": Bot.objects.for_workspace(request.workspace)
        .with_plan_for(request.membership)
        .exists(),
        "most_months": range(1, what_if.MOST_MONTHS + 1),
    }
    if asked.is_valid() and context["any"] and not context["contract"]:
        context |= show_months(request, asked, currency=currency, today=today, now=now)
    return render(request, "invoices/insight_plans.html", context)


def show_months(
    request: WorkspaceRequest,
    asked: WhatIfFilter,
    *,
    currency: Currency,
    today: date,
    now: datetime,
) -> dict[str, Any]:  # Any: a template's context is free
    """Return what the page shows of the months and bots that are asked for."""
    values = asked.cleaned_data
    bots: list[Bot] = values["bot"]
    months = what_if.choose_months(
        today=today, number=values["months"], running=values["to"] == "running"
    )
    workspace = request.workspace
    history = what_if.read_history(workspace=workspace, bots=bots, months=months, now=now)
    options = what_if.list_options(workspace=workspace, history=history, today=today)
    one = bots[0] if request.GET.get("bot", "").strip() else None
    shown = {
        "bot": one,
        "months": months,
        "options": options,
        "month_rows": [
            make_month(month, history, options, running=month == today.replace(day=1))
            for month in months
        ],
        "total": make_total(history, options),
        "refusals": [
            (name(of.offer), words) for of in options if (words := say_refusal(of, history))
        ],
        "used": bool(history.parts),
        "running": months[-1] == today.replace(day=1),
        "months_shown": values["months"],
    }
    if values["top_up"]:
        shown["top_up"] = what_if.last_top_up(
            workspace=workspace, history=history, amount=values["top_up"], today=today
        )
    if one is None:
        pages = Paginator(bots, ROWS_A_PAGE)
        shown["page"] = pages.get_page(read_page(request))
        shown["bot_rows"] = [make_bot(bot, history, options) for bot in shown["page"]]
    if options:
        shown |= compare(
            [option.offer for option in options],
            mix=make_mix(history, one, seats=values["seats"]),
            history=history,
            currency=currency,
        )
    return shown


def make_month(month: date, history: History, options: Sequence[Option], *, running: bool) -> Row:
    """Return the row of a month."""
    spent = sum((history.spent[bot.pk, month] for bot in history.bots), Decimal(0))
    costs = [(of, of.of_month(month), say_refusal(of, history)) for of in options]
    return Row(f"{month:%B %Y}", spent, make_cells(costs), so_far=running)


def make_total(history: History, options: Sequence[Option]) -> Row:
    """Return the row of all months."""
    costs = [(of, of.total, say_refusal(of, history)) for of in options]
    return Row("All months", sum(history.spent.values(), Decimal(0)), make_cells(costs))


def make_bot(bot: Bot, history: History, options: Sequence[Option]) -> Row:
    """Return the row of a bot, over all months."""
    spent = sum((history.spent[bot.pk, month] for month in history.months), Decimal(0))
    costs = [(option, option.of_bot(bot.pk), option.reasons.get(bot.pk, "")) for option in options]
    return Row(bot.name, spent, make_cells(costs), address=bot.key)


def make_cells(costs: Sequence[tuple[Option, Decimal, str]]) -> list[Cell]:
    """Return the cells of a row; the least amount among the plans that were open is marked.

    None is where all cost the same.
    """
    least = min((cost for _, cost, refused in costs if not refused), default=None)
    if len({cost for _, cost, _ in costs}) == 1:
        least = None
    return [
        Cell(name(option.offer), cost, not refused and cost == least, refused)
        for option, cost, refused in costs
    ]


def say_refusal(option: Option, history: History) -> str:
    """Return why a plan was not open to all of the bots; empty: it was."""
    if len(history.bots) == 1:
        return next(iter(option.reasons.values()), "")
    refused = len(option.reasons)
    return f"Not open to {refused} of {len(history.bots)} bots." if refused else ""


def make_mix(history: History, bot: Bot | None, *, seats: int | None) -> Mix:
    """Return by what plans are compared: the seats asked for, or those of a bot's last month."""
    if seats is None and bot is not None:
        last = history.months[-1]
        seats = history.counts[bot.pk](Meter.AGENTS, last, end_of_month(last))
    return Mix(seats=seats or 0, counted=what_if.count_in_all(history))


def compare(
    offers: Sequence[Offer], *, mix: Mix, history: History, currency: Currency
) -> dict[str, Any]:  # Any: a template's context is free
    """Return where plans break even, with the figure and its table."""
    pairs = break_even.compare(offers, mix=mix)
    marks = break_even.list_marks(pairs)
    seen = [
        history.counts[bot](Meter.BILLING_SESSIONS, month, end_of_month(month))
        for bot, month in history.parts
    ]
    reach = insight_charts.find_reach(marks, seen)
    steps = {reach * number // TABLE_STEPS for number in range(TABLE_STEPS + 1)}
    return {
        "mix": mix,
        "pairs": [
            Pair(name(offers[one]), name(offers[other]), say(stretches))
            for (one, other), stretches in pairs.items()
        ],
        "figure": insight_charts.draw_plans(
            offers, mix=mix, marks=marks, reach=reach, currency=currency
        ),
        "legend": list(zip(COLORS, map(name, offers), strict=False)),
        "steps": [
            (sessions, [break_even.rate(offer, sessions=sessions, mix=mix) for offer in offers])
            for sessions in sorted(steps | set(marks))
        ],
        "most_seen": max(seen, default=0),
    }


def name(offer: Offer) -> str:
    """Return the name of a plan, with its version where that is sold no more."""
    if offer.version.withdrawn_at is None:
        return offer.plan.name
    return f"{offer.plan.name} (version {offer.version.number})"


def say(stretches: Sequence[Stretch]) -> str:
    """Return in words for how many sessions a month something holds."""
    parts = []
    for first, last in stretches:
        if last is None:
            parts.append(f"from {first:,} on" if first else "always")
        elif first == last:
            parts.append(f"at {first:,}")
        else:
            parts.append(f"from {first:,} to {last:,}" if first else f"up to {last:,}")
    words = ", ".join(parts) or "never"
    if len(stretches) == break_even.MOST_STRETCHES and stretches[-1].last is not None:
        return f"{words}, \N{HORIZONTAL ELLIPSIS}"
    return words
