"""The tie-out of a workspace: numbers that are kept apart from each other are read and compared.

From what came in to what is on orders: receipts (usage/receipts.py), what was counted and charged
by day (invoices/charge_counts.py), what was used and ordered by stretches
(invoices/stretch_counts.py), and the sums of orders (invoices/order_sums.py). docs/operations.md
says what a difference means.
"""

from collections.abc import Collection
from datetime import date, datetime

from django.db import connection, transaction

from accounts.days import DAY, next_month
from accounts.models import Bot, Workspace
from accounts.months import read_calendar
from accounts.tenancy import WORKSPACE, admit
from invoices import charge_counts, order_sums, stretch_counts
from invoices.board import Board, Instants, Part
from invoices.charge_counts import DayCount
from invoices.renewal_rating import list_months
from invoices.stretch_counts import Renewals, Stretch
from plans.models import PlanVersion, WorkspaceBilling
from plans.verification import ONE_INSTANT
from usage import receipts
from usage.queries import find_freshness

CHECKED_DAYS = 35  # before today, by the check at night; and always the month that is open


def check(
    workspace: Workspace, *, now: datetime, first: date | None = None, last: date | None = None
) -> Board:
    """Return the numbers of some days as they are at one instant, in a transaction of its own.

    Without days those that the check at night looks at.
    """
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute(ONE_INSTANT)
        admit({WORKSPACE: workspace.pk})
        today = read_calendar(workspace).day_of(now)
        first = first or find_first(workspace, today=today)
        return read(workspace, first=first, last=last or max(today, first), now=now)


def find_first(workspace: Workspace, *, today: date) -> date:
    """Return the first day that is checked at night."""
    billing = WorkspaceBilling.objects.for_workspace(workspace).first()
    first = today - CHECKED_DAYS * DAY
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
    contract_from = billing.enterprise_from if billing else None
    open_month = billing.open_month if billing else today.replace(day=1)
    bots = {bot.pk: bot for bot in Bot.objects.for_workspace(workspace)}
    counts: list[DayCount] = []
    stretches: list[Stretch] = []
    if Part.STRETCHES in parts:
        months = list_months(first.replace(day=1), next_month(last))
        counts = charge_counts.read(
            workspace, calendar=calendar, first=months[0], last=next_month(last) - DAY,
            contract_from=contract_from,
        )  # fmt: skip
        stretches = stretch_counts.read(
            workspace,
            renewals=Renewals(open_month, contract_from, calendar),
            months=months,
            days=counts,
            now=now,
        )
        counts = [of for of in counts if first <= of.counted.day <= last]
    elif Part.COUNTS in parts:
        counts = charge_counts.read(
            workspace, calendar=calendar, first=first, last=last, contract_from=contract_from
        )
    return Board(
        first=first,
        last=last,
        today=today,
        parts=parts,
        instants=Instants(
            read_at=now,
            counted_until=find_freshness(
                workspace=workspace, bots=list(bots), now=now
            ).complete_until,
            charged_at=billing.charged_at if billing else None,
            open_month=open_month,
        ),
        receipts=receipts.read(workspace, first=first, last=last) if Part.RECEIPTS in parts else [],
        counts=counts if Part.COUNTS in parts else [],
        stretches=stretches,
        orders=order_sums.read(
            workspace, since=calendar.start_of(first), until=calendar.start_of(last + DAY)
        )
        if Part.ORDERS in parts
        else [],
        bots=bots,
        plans={of.pk: of for of in PlanVersion.objects.select_related("plan")},
    )
