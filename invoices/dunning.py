"""Plans whose fee is not paid: past due on the due day, expired 14 days later, active when paid."""

from collections.abc import Mapping
from datetime import date, datetime

from django.db.models import Min

from accounts import audit
from accounts.days import DAY
from accounts.models import Bot, Workspace
from accounts.months import read_calendar
from accounts.tenancy import in_workspace
from invoices import mails
from invoices.models import LineKind, Order, OrderLine
from plans import billing, subscriptions
from plans.models import BotBilling

EXPIRES_AFTER = 14 * DAY


def run(*, workspace_id: int, now: datetime) -> int:
    """Have the plans of a workspace stand as what is unpaid says; return how many changed.

    Whom it concerns is told. Safe to repeat.
    """
    with in_workspace(workspace_id):
        workspace = Workspace.objects.get(pk=workspace_id)
        today = read_calendar(workspace).day_of(now)
        changed = renew(workspace=workspace, today=today)
        mails.tell_unpaid(workspace=workspace, today=today, at=now)
    return changed


def renew(*, workspace: Workspace, today: date, paid: Order | None = None) -> int:
    """Set of every bot since when its plan is past due and when it expires, or that it is neither.

    A plan that is past due for the same order still keeps the day on which it expires: an extension
    may have moved it. ``paid``: an order that is just being completed.

    Source: product doc, "Unpaid on the due day: Past due; 14 days later: Expired; paid: Active".
    """
    with in_workspace(workspace.pk):
        billing.lock(workspace=workspace)
        due = find_due(workspace, today=today, paid=paid)
        held = BotBilling.objects.for_workspace(workspace).exclude(past_due_on=None)
        was = {row.bot_id: row for row in held}
        begun = {
            bot: day for bot, day in due.items() if bot not in was or was[bot].past_due_on != day
        }
        BotBilling.objects.bulk_create(
            (
                BotBilling(
                    workspace=workspace,
                    bot_id=bot,
                    past_due_on=day,
                    expires_on=day + EXPIRES_AFTER,
                )
                for bot, day in begun.items()
            ),
            update_conflicts=True,
            unique_fields=["workspace_id", "bot_id"],
            update_fields=["past_due_on", "expires_on"],
        )
        over = {bot: row for bot, row in was.items() if bot not in due}
        held.filter(bot__in=list(over)).update(past_due_on=None, expires_on=None)
        record(workspace, begun=begun, over=over)
    return len(begun) + len(over)


def find_due(workspace: Workspace, *, today: date, paid: Order | None) -> dict[int, date]:
    """Return by bot the first due day of what is unpaid for its plan, where that has come.

    A bot that changed to a plan from credits is not held up by the fee of an earlier one, and
    nothing is under a contract. The order is owed all the same.
    """
    if subscriptions.has_contract(workspace=workspace, today=today):
        return {}
    owed = Order.objects.for_workspace(workspace).owed().filter(due_on__lte=today)
    if paid:
        owed = owed.exclude(pk=paid.pk)
    fees = OrderLine.objects.for_workspace(workspace).filter(kind=LineKind.FEE, order__in=owed)
    due = dict(fees.values_list("bot_id").annotate(Min("order__due_on")))
    versions = subscriptions.find_versions(workspace=workspace, bots=list(due), day=today)
    return {bot: day for bot, day in due.items() if not versions[bot].uses_credits}


def record(
    workspace: Workspace, *, begun: Mapping[int, date], over: Mapping[int, BotBilling]
) -> None:
    """Note which plans are past due, and which are no more."""
    named = Bot.objects.for_workspace(workspace).in_bulk([*begun, *over])
    past_due = [
        audit.Act(named[bot].key, after={"past_due": day, "expires": day + EXPIRES_AFTER})
        for bot, day in begun.items()
    ]
    active = [
        audit.Act(named[bot].key, before={"past_due": row.past_due_on, "expires": row.expires_on})
        for bot, row in over.items()
    ]
    for action, acts in (("plan.past_due", past_due), ("plan.active_again", active)):
        if acts:
            audit.record_all(action, workspace=workspace, acts=acts)
