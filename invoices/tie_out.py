"""The tie-out of a workspace: numbers that are kept apart from each other are read and compared.

From what came in to what is on orders: receipts (usage/receipts.py), what was counted and charged
by day (invoices/charge_counts.py), what was used and ordered by stretches
(invoices/stretch_counts.py), and the sums of orders (invoices/order_sums.py). docs/operations.md
says what a difference means.
"""

from collections.abc import Collection
from datetime import date, datetime

from accounts.days import DAY, list_months, next_month
from accounts.models import Bot, Workspace
from accounts.months import read_calendar
from accounts.tenancy import in_workspace_at_one_instant
from invoices import charge_counts, order_sums, stretch_counts
from invoices.board import Board, Instants, Part
from invoices.charge_counts import DayCount
from invoices.order_sums import OrderSum
from invoices.stretch_counts import Renewals, Stretch
from plans.models import PlanVersion, WorkspaceBilling
from usage import receipts
from usage.queries import find_freshness
from usage.receipts import Receipt

CHECKED_DAYS = 35  # before the last, by the check at night; and always the month that is open


def check(
    workspace: Workspace, *, now: datetime, first: date | None = None, last: date | None = None
) -> Board:
    """Return the numbers of some days as they are at one instant, in a transaction of its own.

    Without days those that the check at night looks at; without a first day those that it would
    look at on the last.
    """
    with in_workspace_at_one_instant(workspace.pk):
        today = read_calendar(workspace).day_of(now)
        last = last or max(today, first or today)
        first = first or find_first(workspace, last=last)
        return read(workspace, first=first, last=last, now=now)


def find_first(workspace: Workspace, *, last: date) -> date:
    """Return the first day that the check at night looks at on the day ``last``."""
    billing = WorkspaceBilling.objects.for_workspace(workspace).first()
    first = last - CHECKED_DAYS * DAY
    return min(first, billing.open_month) if billing else first


def read(
    workspace: Workspace,
    *,
    first: date,
    last: date,
    now: datetime,
    parts: Collection[Part] = tuple(Part),
) -> Board:
    """Return the numbers of some local days, the last included; the caller runs in the workspace.

    What may change meanwhile is read in an order by which a close between two statements shows no
    difference: whether months are closed, what was counted and charged, what was ordered.
    """
    calendar = read_calendar(workspace)
    today = calendar.day_of(now)
    billing = WorkspaceBilling.objects.for_workspace(workspace).first()
    renewals = Renewals(
        open_month=billing.open_month if billing else today.replace(day=1),
        contract_from=billing.enterprise_from if billing else None,
        calendar=calendar,
    )
    bots = {bot.pk: bot for bot in Bot.objects.for_workspace(workspace)}
    fresh = find_freshness(workspace=workspace, bots=list(bots), now=now)
    counts, stretches = read_counted(
        workspace, first=first, last=last, now=now, parts=parts, renewals=renewals
    )
    came: list[Receipt] = []
    placed: list[OrderSum] = []
    if Part.RECEIPTS in parts:
        came = receipts.read(workspace, first=first, last=last)
    if Part.ORDERS in parts:
        since, until = calendar.start_of(first), calendar.start_of(last + DAY)
        placed = order_sums.read(workspace, since=since, until=until)
    return Board(
        first=first,
        last=last,
        today=today,
        parts=parts,
        instants=Instants(
            read_at=now,
            counted_until=fresh.complete_until,
            charged_at=billing.charged_at if billing else None,
            open_month=renewals.open_month,
        ),
        receipts=came,
        counts=counts,
        stretches=stretches,
        orders=placed,
        bots=bots,
        plans={of.pk: of for of in PlanVersion.objects.select_related("plan")},
    )


def read_counted(
    workspace: Workspace,
    *,
    first: date,
    last: date,
    now: datetime,
    parts: Collection[Part],
    renewals: Renewals,
) -> tuple[list[DayCount], list[Stretch]]:
    """Return what was counted by day and by stretch, as far as it is asked for.

    Stretches are of whole months, and so is what is counted for them.
    """
    if not {Part.COUNTS, Part.STRETCHES} & set(parts):
        return [], []
    whole = Part.STRETCHES in parts
    counts = charge_counts.read(
        workspace,
        calendar=renewals.calendar,
        first=first.replace(day=1) if whole else first,
        last=next_month(last) - DAY if whole else last,
        contract_from=renewals.contract_from,
    )
    stretches: list[Stretch] = []
    if whole:
        months = list_months(first.replace(day=1), next_month(last))
        stretches = stretch_counts.read(
            workspace, renewals=renewals, months=months, days=counts, now=now
        )
    asked = [of for of in counts if first <= of.counted.day <= last]
    return (asked if Part.COUNTS in parts else []), stretches
