"""What the operator gives a workspace: free credits, and the state Enterprise."""

from datetime import date, datetime
from decimal import Decimal

from accounts import audit
from accounts.models import Bot, Workspace
from accounts.months import read_calendar
from accounts.tenancy import in_workspace
from plans import billing, lots, new_lots
from plans.models import CreditLot, Currency


class NotPossible(Exception):
    """A rule stands against it: the message says which."""


def grant(
    *,
    workspace: Workspace,
    bot: Bot | None,
    amount: Decimal,
    last_day: date,
    reason: str,
    key: str,
    at: datetime,
) -> CreditLot:
    """Give free credits to a bot, or to all of them together; once for each ``key``.

    Raises:
        NotPossible: the last day is over, or the catalog does not have the workspace's currency.
    """
    if not Currency.objects.filter(code=workspace.currency).exists():
        raise NotPossible(
            f"The catalog does not have {workspace.currency}: nothing is charged in it."
        )
    with in_workspace(workspace.pk):
        billing.lock(workspace=workspace, at=at)
        if last_day < read_calendar(workspace).day_of(at):
            raise NotPossible("The last day is over.")
        given = new_lots.is_posted(workspace_id=workspace.pk, key=key)
        lot = lots.grant_free(
            workspace=workspace,
            amount=amount,
            at=at,
            last_day=last_day,
            key=key,
            bot=bot,
            reason=reason,
        )
        if not given:
            audit.record(
                "credits.granted",
                workspace=workspace,
                target=bot.key if bot else "all bots",
                after={
                    "amount": amount,
                    "currency": workspace.currency,
                    "last_day": last_day,
                    "reason": reason,
                },
            )
        return lot


def begin_contract(*, workspace: Workspace, day: date, reason: str, at: datetime) -> None:
    """Have a workspace be under contract (Enterprise) from a local day on.

    Raises:
        NotPossible: the day is not to come, or the contract holds already.
    """
    with in_workspace(workspace.pk):
        billed = billing.lock(workspace=workspace, at=at)
        today = read_calendar(workspace).day_of(at)
        if billed.enterprise_from is not None and billed.is_under_contract_on(today):
            raise NotPossible(f"The contract holds since {billed.enterprise_from:%-d %b %Y}.")
        if day <= today:
            raise NotPossible(
                "A contract begins tomorrow at the earliest: today is charged already."
            )
        before = billed.enterprise_from
        if before == day:
            return
        billed.enterprise_from = day
        billed.save(update_fields=["enterprise_from"])
        audit.record(
            "enterprise.set",
            workspace=workspace,
            target=workspace.slug,
            before={"from": before},
            after={"from": day, "reason": reason},
        )


def withdraw_contract(*, workspace: Workspace, reason: str, at: datetime) -> None:
    """Take back a contract that has not begun.

    Raises:
        NotPossible: there is none, or it has begun.
    """
    with in_workspace(workspace.pk):
        billed = billing.lock(workspace=workspace, at=at)
        before = billed.enterprise_from
        if before is None:
            raise NotPossible("No contract is set.")
        if before <= read_calendar(workspace).day_of(at):
            raise NotPossible(
                f"The contract holds since {before:%-d %b %Y}: its days are not charged any more."
            )
        billed.enterprise_from = None
        billed.save(update_fields=["enterprise_from"])
        audit.record(
            "enterprise.unset",
            workspace=workspace,
            target=workspace.slug,
            before={"from": before},
            after={"from": None, "reason": reason},
        )
