"""Usage statements: one for each closed month of a workspace, made when it closes, never changed.

What was charged is of the ledger, by booking month. What credits do not pay is what was counted by
now less what statements before said. So each session stands on one statement, and late usage on a
later one, with its service day.
"""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from django.db import connection
from django.db.models import Max, Min, Q

from accounts.days import list_months, next_month, previous_month
from accounts.models import Bot, Workspace
from accounts.months import Calendar, read_calendar
from accounts.tenancy import in_workspace
from invoices import (
    billing_details,
    composing,
    renewal_rating,
    seller,
    statement_contents,
)
from invoices.order_lines import BotLine
from invoices.stated import StatementBalance, StatementBot, StatementLine, UsageStatement
from invoices.statement_contents import Heading, PlanUse
from invoices.statement_sql import ADD_BALANCES, ADD_CHARGED, ADD_COUNTED, COUNT_MONTH
from plans import backlog, billing, catalog, day_counts
from plans.models import SEATS, Meter, Plan, Posting, WorkspaceBilling
from usage.periods import Period
from usage.queries import Counts

UNDER_CONTRACT = (Meter.BILLING_SESSIONS, Meter.VOICE_SESSIONS)  # counted where no plan says which


class StillWaiting(ValueError):
    """Usage of closed months waits to be counted or charged, so that no statement can say it."""


def make_missing(*, workspace_id: int, at: datetime) -> int:
    """Make the statements of closed months that have none; return how many were made.

    Such are those that closed before there were statements. What was charged stands in the month in
    which it was booked; what credits do not pay, in the month in which it was used. Safe to repeat.

    Raises:
        StillWaiting: there are some to be made, and usage of theirs waits; nothing is made.
    """
    with in_workspace(workspace_id):
        if not WorkspaceBilling.objects.for_workspace(workspace_id).exists():
            return 0
        held = billing.lock(workspace=Workspace.objects.get(pk=workspace_id), at=at)
        months = list_missing(held)
        end = read_calendar(held.workspace).start_of(held.open_month)
        if months and backlog.is_outstanding(held.workspace, end=end, now=at):
            raise StillWaiting("Usage of closed months waits to be counted or charged.")
        for month in months:
            make(held=held, month=month, at=at)
    return len(months)


def make_closed(*, held: WorkspaceBilling, at: datetime) -> None:
    """Make the statement of the month that was closed last, and those of earlier ones without.

    The caller holds the lock of ``held``, whose oldest open month is the next one already, and runs
    in the workspace.
    """
    for month in list_missing(held) or [previous_month(held.open_month)]:
        make(held=held, month=month, at=at)


def list_missing(held: WorkspaceBilling) -> list[date]:
    """Return the closed months without a statement, from the one of the first posting on."""
    statements = UsageStatement.objects.for_workspace(held.workspace_id)
    latest = statements.aggregate(latest=Max("month"))["latest"]
    first = next_month(latest) if latest else find_first_month(held)
    return list_months(first, held.open_month)


def find_first_month(held: WorkspaceBilling) -> date:
    """Return the month of the first posting; the oldest open month where nothing was posted."""
    postings = Posting.objects.for_workspace(held.workspace_id)
    first: date | None = postings.aggregate(first=Min("booking_month"))["first"]
    return first or held.open_month


def make(*, held: WorkspaceBilling, month: date, at: datetime) -> UsageStatement:
    """Make the statement of a month, the latest by now; the caller as of `make_closed`."""
    workspace, calendar = held.workspace, read_calendar(held.workspace)
    end = next_month(month)
    statements = UsageStatement.objects.for_workspace(workspace)
    before = statements.order_by("-month").values_list("pk", flat=True).first()
    currency = catalog.find_currency(workspace)
    contract = billing.closes_under_contract(held, month, calendar=calendar)
    statement = statements.create(
        workspace=workspace,
        month=month,
        zone=calendar.zone_of(month).key,
        currency=currency.code,
        decimals=currency.decimals,
        contract_from=held.enterprise_from if contract else None,
        made_at=at,
        content=statement_contents.write(compose(workspace)),
    )
    values = bind(held=held, calendar=calendar) | {
        "statement": statement.pk,
        "before": before,
        "month": month,
        "first": month,
        "end": end,
    }
    with connection.cursor() as cursor:
        for add in (ADD_CHARGED, ADD_COUNTED, ADD_BALANCES):
            cursor.execute(add, values)
        cursor.execute(COUNT_MONTH, values)
        counted = {bot: Counts(*counts) for bot, *counts in cursor.fetchall()}
    add_bots(statement, calendar=calendar, counted=counted, at=at)
    return statement


def bind(
    *, held: WorkspaceBilling, calendar: Calendar
) -> dict[str, Any]:  # Any: psycopg adapts the values
    """Return the values of statement_sql.py that are not of one month, for all bots."""
    workspace = held.workspace
    bots = list(Bot.objects.for_workspace(workspace).values_list("pk", flat=True))
    return day_counts.bind(workspace=workspace, bots=bots, calendar=calendar) | {
        "currency": workspace.currency,
        "contract_from": held.enterprise_from,
        "under_contract": list(UNDER_CONTRACT),
        "seats": list(SEATS),
    }


def compose(workspace: Workspace) -> Heading:
    """Return whose statement it is, as far as that is known now."""
    profile, details = seller.find(), billing_details.find(workspace)
    return Heading(
        workspace=workspace.name,
        seller=composing.copy_seller(profile) if profile else None,
        buyer=composing.copy_buyer(details) if details else None,
        plans={str(pk): name for pk, name in Plan.objects.values_list("versions__pk", "name")},
    )


def add_bots(
    statement: UsageStatement, *, calendar: Calendar, counted: dict[int, Counts], at: datetime
) -> None:
    """Add the bots that the month had, or that something on the statement is of."""
    workspace = statement.workspace
    starts_at, ends_at = calendar.start_of(statement.month), calendar.start_of(statement.ends_on)
    bots = Bot.objects.for_workspace(workspace)
    had = Q(created_at__lt=ends_at) & (Q(archived_at=None) | Q(archived_at__gte=starts_at))
    rows = (StatementLine, StatementBalance)
    named = [of.objects.for_workspace(workspace).filter(statement=statement) for of in rows]
    for of in named:
        had |= Q(pk__in=of.exclude(bot=None).values("bot"))
    found = list(bots.filter(had | Q(pk__in=list(counted))).order_by("name", "key"))
    seats = renewal_rating.count_seats(
        workspace, [bot.pk for bot in found], [Period(starts_at, ends_at)], now=at
    )
    uses = read_uses(statement, at=at)
    StatementBot.objects.bulk_create(
        StatementBot(
            workspace=workspace,
            statement=statement,
            bot=bot,
            key=bot.key,
            name=bot.name,
            **counted.get(bot.pk, Counts())._asdict(),
            agents=seats[bot.pk, Meter.AGENTS][0],
            agents_peak=seats[bot.pk, Meter.AGENTS_PEAK][0],
            content=statement_contents.write(uses.get(bot.pk, [])),
        )
        for bot in found
    )


def read_uses(statement: UsageStatement, *, at: datetime) -> dict[int, list[PlanUse]]:
    """Return by bot what plans with a fee include; under a contract nothing is ordered."""
    if statement.contract_from:
        return {}
    measured = renewal_rating.measure(workspace=statement.workspace, month=statement.month, now=at)
    return group_uses(measured)


def group_uses(measured: Iterable[BotLine]) -> dict[int, list[PlanUse]]:
    """Return measured lines by bot as they are stored."""
    uses: dict[int, list[PlanUse]] = {}
    for bot, line in measured:
        use = PlanUse(
            plan=line.offer.plan.name,
            meter=line.meter or "",
            first=line.first,
            last=line.last,
            used=line.used,
            included=line.included,
            ordered=line.quantity if line.price else 0,  # without a price there is no line
            price=line.price,
            net=line.net,
        )
        uses.setdefault(bot, []).append(use)
    return uses
