"""Insight: which lot of credits paid what, and what is expected of what is left."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.access import WorkspaceRequest, workspace_view
from accounts.days import list_months, months_before
from accounts.models import Bot, Role
from accounts.months import read_calendar
from accounts.tables import ROWS_A_PAGE, read_page
from invoices import insight_charts
from invoices.insight_forms import WaterfallFilter
from plans import catalog, queries, waterfall
from plans.models import CreditLot
from plans.waterfall import LotStory, Outlook
from plans.wording import say_day, say_days

MONTHS_SHOWN = 3
OTHERS = "Other bots"


class LotRow(NamedTuple):
    """A lot with what usage took from it: before the months shown, and in each of them."""

    story: LotStory
    earlier: Decimal
    by_month: list[Decimal]


class BotUse(NamedTuple):
    """What a bot took from a lot, likewise."""

    name: str
    earlier: Decimal
    by_month: list[Decimal]
    total: Decimal


class Coming(NamedTuple):
    """What is expected of a lot, in words; ``lapses``: the least and the most that lapses."""

    story: LotStory
    used_up: str
    lapses: tuple[Decimal, Decimal] | None


@workspace_view("insight.view")
@require_safe
def show_credits(request: WorkspaceRequest) -> HttpResponse:
    """Show lots in the order of their use, from the ledger, with an outlook."""
    now = datetime.now(UTC)
    calendar = read_calendar(request.workspace)
    today = calendar.day_of(now)
    lots = CreditLot.objects.for_workspace(request.workspace).visible_to(request.membership)
    ordered = queries.order_lots(lots.select_related("bot"))
    stories = waterfall.read_stories(request.workspace, ordered)
    month = today.replace(day=1)
    months = [
        *list_months(months_before(month, MONTHS_SHOWN - 1), month),
        month,
    ]
    page = Paginator(stories, ROWS_A_PAGE).get_page(read_page(request))
    currency = catalog.find_currency(request.workspace)
    contract = queries.find_contract(request.workspace, at=now)
    shown = list(page)
    context: dict[str, Any] = {  # Any: a template's context is free
        "tab": "credits",
        "currency": currency,
        "contract": contract,
        "months": months,
        "page": page,
        "rows": [make_row(story, months=months) for story in shown],
        "total": make_total(stories, months=months),
        "only_own": request.membership.role == Role.MEMBER,
        "figure": insight_charts.draw_lots(shown, currency=currency) if shown else "",
        "legend": insight_charts.PARTS,
        "lots_drawn": min(len(shown), insight_charts.LOTS_DRAWN),
        "zone": calendar.zone_of(today).key,
    }
    if not contract:
        context["coming"] = look_ahead(request, stories, today=today)
    if (story := find_story(request, stories)) is not None:
        context |= {
            "story": story,
            "uses": list_uses(request, story, months=months),
        }
    return render(request, "invoices/insight_credits.html", context)


def make_row(story: LotStory, *, months: Sequence[date]) -> LotRow:
    """Return the row of a lot."""
    return LotRow(story, story.used_before(months[0]), [story.used_in(month) for month in months])


class Total(NamedTuple):
    """The sums of all lots."""

    added: Decimal
    earlier: Decimal
    by_month: list[Decimal]
    lapsed: Decimal
    refunded: Decimal
    left: Decimal


def make_total(stories: Sequence[LotStory], *, months: Sequence[date]) -> Total:
    """Return the sums of all lots that a person sees."""
    rows = [make_row(story, months=months) for story in stories]
    return Total(
        added=add_up([story.added for story in stories]),
        earlier=add_up([row.earlier for row in rows]),
        by_month=[add_up([row.by_month[at] for row in rows]) for at in range(len(months))],
        lapsed=add_up([story.lapsed for story in stories]),
        refunded=add_up([story.refunded for story in stories]),
        left=add_up([story.left for story in stories]),
    )


def add_up(amounts: Sequence[Decimal]) -> Decimal:
    """Return a sum of amounts."""
    return sum(amounts, Decimal(0))


def look_ahead(
    request: WorkspaceRequest, stories: Sequence[LotStory], *, today: date
) -> list[Coming] | None:
    """Return what is expected of the lots that a person sees; None: no pace is known yet.

    All bots and lots of the workspace are reckoned with, since they take from the shared ones.
    """
    workspace = request.workspace
    usable = CreditLot.objects.for_workspace(workspace).filter(lapsed_at=None, balance__gt=0)
    found = waterfall.look_ahead(
        workspace=workspace,
        bots=list(Bot.objects.for_workspace(workspace).values_list("pk", flat=True)),
        lots=list(usable.in_order_of_use()),
        today=today,
    )
    if not found:
        return None
    return [
        Coming(story, say_end(found[story.lot.pk]), find_lapse(found[story.lot.pk]))
        for story in stories
        if story.lot.pk in found
    ]


def say_end(expected: Outlook) -> str:
    """Return in words when a lot is used up; empty: not within a year, or it lapses before."""
    heavy, light = expected.used_up
    if heavy is None:
        return ""
    if light is None and expected.lapses is not None:
        return f"{say_day(heavy)}, or not before it lapses"
    return say_days(heavy, light)


def find_lapse(expected: Outlook) -> tuple[Decimal, Decimal] | None:
    """Return the least and the most that lapses; None: nothing does."""
    return expected.lapses if expected.lapses and any(expected.lapses) else None


def find_story(request: WorkspaceRequest, stories: Sequence[LotStory]) -> LotStory | None:
    """Return the lot whose use is asked for by bot; None: none is, or it is not to be seen."""
    asked = WaterfallFilter(request.GET)
    lot = asked.cleaned_data["lot"] if asked.is_valid() else None
    return next((story for story in stories if story.lot.pk == lot), None)


def list_uses(
    request: WorkspaceRequest, story: LotStory, *, months: Sequence[date]
) -> list[BotUse]:
    """Return what bots took from a lot, by name; those of others together, without a name."""
    seen = Bot.objects.for_workspace(request.workspace).with_plan_for(request.membership)
    names = dict(seen.filter(pk__in={bot for _, bot in story.used}).values_list("pk", "name"))
    grouped: dict[int | None, list[tuple[date, Decimal]]] = {}
    for (month, bot), amount in story.used.items():
        grouped.setdefault(bot if bot in names else None, []).append((month, amount))
    return [
        BotUse(
            OTHERS if bot is None else names[bot],
            add_up([amount for month, amount in used if month < months[0]]),
            [add_up([amount for of, amount in used if of == month]) for month in months],
            add_up([amount for _, amount in used]),
        )
        for bot, used in sorted(
            grouped.items(), key=lambda one: (one[0] is None, names.get(one[0] or 0, "").casefold())
        )
    ]
