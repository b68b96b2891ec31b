"""Credits for tests, and what the ledger says of them."""

from collections import defaultdict
from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

from accounts.models import Bot, Workspace
from accounts.tenancy import in_workspace
from plans import lots as credit_lots
from plans.models import Account, BotBilling, CreditLot, LedgerEntry, Plan, WorkspaceBilling
from tests import make
from usage import totals


def open_without_credits(of: Workspace) -> Workspace:
    """Open the billing of a workspace that was granted its free credits at some other time."""
    with in_workspace(of.pk):
        WorkspaceBilling.objects.create(
            workspace=of,
            default_plan=Plan.objects.get(code="standard"),
            open_month=date(2026, 3, 1),
        )
    return of


def free(
    of: Workspace, amount: int | str, *, last_day: date = date.max, bot: Bot | None = None
) -> CreditLot:
    """Grant free credits."""
    return credit_lots.grant_free(
        workspace=of,
        amount=Decimal(amount),
        at=make.NOON,
        last_day=last_day,
        key=f"free:{next(make.numbers)}",
        bot=bot,
    )


def buy(of: Workspace, amount: int | str, *, bot: Bot | None = None) -> CreditLot:
    """Buy credits, without tax."""
    return credit_lots.add_bought(
        workspace=of,
        net=Decimal(amount),
        tax=Decimal(0),
        at=make.NOON,
        key=f"order:{next(make.numbers)}",
        bot=bot,
    )


def mark(*bots: Bot) -> None:
    """Have bots of a workspace looked at by the next charging."""
    with in_workspace(bots[0].workspace_id):
        totals.note_changed(workspace_id=bots[0].workspace_id, bots=[bot.pk for bot in bots])


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
