"""What bots have left: of their own credits, of the shared ones, and what they owe."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db import models
from django.db.models import Q, Sum

from accounts.models import Workspace
from accounts.tenancy import in_workspace
from plans.models import (
    BotBilling,
    BotPlan,
    CreditLot,
    Currency,
    LotKind,
    WorkspaceBilling,
)

NOTHING = Decimal(0)


class BalanceStatus(models.TextChoices):
    """How a bot's balance stands; NONE: its plan uses no credits."""

    INACTIVE = "inactive", "Inactive"
    FREE = "free", "Using free credits"
    LOW = "low", "Low balance"
    SUFFICIENT = "sufficient", "Sufficient funds"
    NONE = "none", "\N{EM DASH}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Balance:
    """What a bot may use today, in the workspace's currency; shared credits are those of all bots.

    ``limit``: below it the balance is low. ``uses_credits``: the plan of today does.
    """

    own_free: Decimal = NOTHING
    own_bought: Decimal = NOTHING
    shared_free: Decimal = NOTHING
    shared_bought: Decimal = NOTHING
    overdraft: Decimal = NOTHING
    limit: Decimal = NOTHING
    currency: str
    uses_credits: bool = True

    @property
    def remaining(self) -> Decimal:
        """All that the bot may use, less what it owes: below zero where it owes more."""
        own, shared = self.own_free + self.own_bought, self.shared_free + self.shared_bought
        return own + shared - self.overdraft

    @property
    def status(self) -> BalanceStatus:
        """The first that is true.

        Source: product doc, "Balance status".
        """
        if not self.uses_credits:
            return BalanceStatus.NONE
        if self.remaining <= 0:
            return BalanceStatus.INACTIVE
        if self.own_free + self.shared_free > 0:
            return BalanceStatus.FREE
        return BalanceStatus.LOW if self.remaining < self.limit else BalanceStatus.SUFFICIENT


def read(*, workspace: Workspace, bots: Collection[int], today: date) -> dict[int, Balance]:
    """Return by id what each of some bots has; ``today`` is the local day.

    The number of statements is the same for any number of bots.
    """
    with in_workspace(workspace.pk):
        usable = sum_usable(workspace, bots=bots, today=today)
        billings = {
            billing.bot_id: billing
            for billing in BotBilling.objects.for_workspace(workspace).filter(bot__in=bots)
        }
        charged = find_charged(workspace, bots=bots, today=today)
        currency = Currency.objects.filter(code=workspace.currency).first()
    lowest = currency.low_balance if currency else NOTHING
    found: dict[int, Balance] = {}
    for bot in bots:
        billing = billings.get(bot)
        limit = billing.low_balance if billing else None
        found[bot] = Balance(
            own_free=usable[bot, LotKind.FREE],
            own_bought=usable[bot, LotKind.BOUGHT],
            shared_free=usable[None, LotKind.FREE],
            shared_bought=usable[None, LotKind.BOUGHT],
            overdraft=billing.overdraft if billing else NOTHING,
            limit=lowest if limit is None else limit,
            currency=workspace.currency,
            uses_credits=bot in charged,
        )
    return found


def sum_usable(
    workspace: Workspace, *, bots: Iterable[int], today: date
) -> defaultdict[tuple[int | None, str], Decimal]:
    """Return what is left of the lots that may be used today, by bot (None: shared) and kind."""
    lots = CreditLot.objects.for_workspace(workspace).usable_on(today)
    lots = lots.filter(Q(bot=None) | Q(bot__in=bots))
    sums = lots.values_list("bot_id", "kind").annotate(left=Sum("balance")).order_by()
    return defaultdict(Decimal, {(bot, kind): left for bot, kind, left in sums})


def find_charged(workspace: Workspace, *, bots: Collection[int], today: date) -> set[int]:
    """Return those of some bots whose usage of today is taken from credits."""
    billings = WorkspaceBilling.objects.for_workspace(workspace)
    if billings.under_contract_on(today).exists():
        return set()
    plans = BotPlan.objects.for_workspace(workspace).filter(bot__in=bots).in_force_on(today)
    plans = plans.filter(version__prices__currency=workspace.currency, version__prices__meter="")
    uses = plans.values_list("bot_id", "version__uses_credits")
    return {bot for bot, uses_credits in uses if uses_credits}
