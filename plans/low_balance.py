"""Below which balance a bot is said to be low: its own limit, else that of the currency."""

from decimal import Decimal

from accounts import audit
from accounts.models import Bot
from accounts.tenancy import in_workspace
from plans import billing
from plans.models import BotBilling


def change(*, bot: Bot, limit: Decimal | None) -> None:
    """Give a bot a limit of its own, or (None) that of the currency.

    Raises:
        ValueError: the limit is negative.
    """
    if limit is not None and limit < 0:
        raise ValueError(f"negative limit: {limit}")
    with in_workspace(bot.workspace_id):
        billing.lock(workspace=bot.workspace)
        kept = BotBilling.objects.for_workspace(bot.workspace_id).filter(bot=bot)
        row = kept.first() or BotBilling(workspace=bot.workspace, bot=bot)
        before = row.low_balance
        if before == limit:
            return
        if not kept.update(low_balance=limit):
            row.low_balance = limit
            row.save(force_insert=True)
        audit.record(
            "bot.low_balance_changed",
            workspace=bot.workspace,
            target=bot.key,
            before={"limit": before},
            after={"limit": limit},
        )
