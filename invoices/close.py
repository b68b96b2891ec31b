"""Months of a workspace are closed, for ever, and with each its renewal order is placed."""

import logging
from datetime import date, datetime

from accounts import audit
from accounts.days import DAY, next_month
from accounts.models import Bot, Workspace
from accounts.months import read_calendar
from accounts.tenancy import in_workspace
from invoices import collecting, corrections, documents, orders, rating, renewal_rating, statements
from invoices.models import OrderType
from invoices.renewal_rating import Overcharge
from plans import backlog, billing, charging
from plans.models import WorkspaceBilling

DUE_AFTER = 14 * DAY

logger = logging.getLogger(__name__)


class StillCounted(Exception):
    """Usage was counted anew while a month was being closed, so that it is tried again."""


def run(*, workspace_id: int, now: datetime) -> int:
    """Close the months of a workspace that ended 24 hours ago or earlier; return how many.

    The oldest first, each in a transaction of its own that also places its renewal and makes its
    statement. Everything that is outstanding is charged before. While usage of the month waits to
    be counted, or bots wait to be charged, it stays open: the next beat tries again. So it does
    while its renewal could not be invoiced, for want of billing details or a seller. What arrives
    later is booked in the next month; of plans without credits it is late usage of a later renewal.
    Safe to repeat.
    """
    if not is_over(workspace_id=workspace_id, now=now):
        return 0
    charging.run(workspace_id=workspace_id, now=now)
    closed = 0
    try:
        while close_next(workspace_id=workspace_id, now=now):
            closed += 1
    except (orders.NotOrdered, StillCounted) as error:
        logger.warning("A month of workspace %s stays open: %s", workspace_id, error)
    return closed


def is_over(*, workspace_id: int, now: datetime) -> bool:
    """Tell whether the oldest open month is to be closed."""
    with in_workspace(workspace_id):
        held = WorkspaceBilling.objects.for_workspace(workspace_id).select_related("workspace")
        found = held.first()
        return found is not None and find_close(found) <= now


def find_close(held: WorkspaceBilling) -> datetime:
    """Return when the oldest open month is to be closed."""
    return billing.closes_at(read_calendar(held.workspace), held.open_month)


def close_next(*, workspace_id: int, now: datetime) -> bool:
    """Close the oldest open month, if it is over and nothing of it is outstanding.

    Raises:
        NotOrdered: its renewal cannot be ordered.
        StillCounted: usage was counted anew meanwhile, of which the renewal, the statement and what
            was charged may know or not. Nothing is done.
    """
    with in_workspace(workspace_id):
        workspace = Workspace.objects.get(pk=workspace_id)
        held = billing.lock(workspace=workspace, at=now)
        closes_at = find_close(held)
        end = closes_at - billing.CLOSES_AFTER
        if closes_at > now or backlog.is_outstanding(workspace, end=end, now=now):
            return False
        ended, held.open_month = held.open_month, next_month(held.open_month)
        held.save(update_fields=["open_month"])
        audit.record("month.closed", workspace=workspace, target=f"{ended:%Y-%m}")
        if not billing.closes_under_contract(held, ended, calendar=read_calendar(workspace)):
            place_renewal(workspace, month=held.open_month, at=now)
        statements.make_closed(held=held, at=now)
        # Nobody takes marks away meanwhile: charging waits for the lock of the billing.
        if backlog.is_marked(workspace, end=end):
            raise StillCounted("Usage was counted anew meanwhile.")
    return True


def place_renewal(workspace: Workspace, *, month: date, at: datetime) -> None:
    """Place and invoice the order for which a month begins, unless there is nothing to pay."""
    rated = renewal_rating.rate(workspace=workspace, month=month, now=at)
    record_overcharges(workspace, rated.overcharges)
    corrections.give_back(workspace=workspace, overcharges=rated.overcharges, month=month, at=at)
    net = rating.add_up(of.line for of in rated.lines)
    if not net:
        return
    order = orders.place(
        workspace=workspace,
        type=OrderType.RENEWAL,
        buyer=None,
        net=net,
        at=at,
        key=f"renewal:{month:%Y-%m}",
        method=collecting.find_method(workspace),
        due_on=read_calendar(workspace).day_of(at) + DUE_AFTER,
        lines=rated.lines,
    )
    collecting.bill(order=order, at=at)
    documents.issue_for(order=order, at=at)
    collecting.expect_wire(order, at=at)


def record_overcharges(workspace: Workspace, overcharges: list[Overcharge]) -> None:
    """Note what is to be given back; no order has a negative line, a credit note gives it back."""
    if not overcharges:
        return
    named = Bot.objects.for_workspace(workspace).in_bulk([of.service.bot for of in overcharges])
    acts = [
        audit.Act(
            named[of.service.bot].key,
            after={
                "meter": of.service.meter,
                "from": of.service.first,
                "to": of.service.last,
                "net": of.net,
                "currency": workspace.currency,
            },
        )
        for of in overcharges
    ]
    audit.record_all("usage.overcharged", workspace=workspace, acts=acts)
