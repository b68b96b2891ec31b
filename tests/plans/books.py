"""What the ledger says, for tests: sums of accounts, and whether kept balances agree with it."""

from collections import defaultdict
from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

from accounts.models import Bot, Workspace
from accounts.tenancy import in_workspace
from plans.models import Account, BotBilling, CreditLot, LedgerEntry, Plan, WorkspaceBilling


def open_without_credits(of: Workspace) -> Workspace:
    """Open the billing of a workspace that was granted its free credits at some other time."""
    with in_workspace(of.pk):
        WorkspaceBilling.objects.create(
            workspace=of,
            default_plan=Plan.objects.get(code="standard"),
            open_month=date(2026, 3, 1),
        )
    return of


def sums(of: Workspace) -> dict[Account, Decimal]:
    """Return the sum of each account that has one other than zero."""
    found: defaultdict[Account, Decimal] = defaultdict(Decimal)
    with in_workspace(of.pk):
        for account, amount in LedgerEntry.objects.for_workspace(of).values_list(
            "account", "amount"
        ):
            found[Account(account)] += amount
    return {account: amount for account, amount in found.items() if amount}


def lots(of: Workspace) -> list[CreditLot]:
    """Return the lots in order of their numbers."""
    with in_workspace(of.pk):
        return list(CreditLot.objects.for_workspace(of).order_by("pk"))


def balances(of: Workspace) -> list[Decimal]:
    """Return what is left of each lot."""
    return [lot.balance for lot in lots(of)]


def overdraft(bot: Bot) -> Decimal:
    """Return a bot's overdraft."""
    with in_workspace(bot.workspace_id):
        found = BotBilling.objects.for_workspace(bot.workspace_id).filter(bot=bot).first()
    return found.overdraft if found else Decimal(0)


def zone(of: Workspace) -> ZoneInfo:
    """Return the zone of a workspace."""
    return ZoneInfo(of.timezone)
