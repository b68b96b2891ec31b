"""Auto-reload is turned on and off, by a person or, after a failure, by the console."""

from datetime import datetime
from decimal import Decimal

from accounts import audit
from accounts.models import Bot, User, Workspace
from accounts.tenancy import in_workspace
from invoices import mails
from invoices.models import AutoReload, Order, OrderType, SavedMethod
from plans import billing

FAILED = "A payment failed."


class MethodRemoved(ValueError):
    """A wallet cannot be reloaded by a method that was removed."""


def turn_on(
    *,
    workspace: Workspace,
    bot: Bot | None,
    amount: Decimal,
    limit: Decimal,
    saved_method: SavedMethod,
    by: User,
    at: datetime,
) -> AutoReload:
    """Have a wallet reloaded from now on; where it is already, by the new amounts.

    ``amount`` is checked when it is ordered too; the form says what is acceptable.

    Raises:
        MethodRemoved: the saved method was removed, perhaps a moment ago.
    """
    with in_workspace(workspace.pk):
        billing.lock(workspace=workspace)
        saved_method.refresh_from_db(fields=["removed_at"])
        if saved_method.removed_at:
            raise MethodRemoved("This payment method was removed.")
        before = AutoReload.objects.for_workspace(workspace).filter(bot=bot).first()
        values = {"amount": amount, "limit": limit, "saved_method": saved_method}
        if before and before.is_on and all(getattr(before, n) == v for n, v in values.items()):
            return before
        reload, _ = AutoReload.objects.update_or_create(
            workspace=workspace,
            bot=bot,
            defaults={
                **values,
                "is_on": True,
                "off_because": "",
                "turned_on_at": at,
                "turned_on_by": by,
            },
        )
        audit.record(
            "auto_reload.turned_on",
            workspace=workspace,
            target=name_wallet(bot),
            before=describe(before) if before else None,
            after=describe(reload),
        )
        mails.tell_reload_on(reload, at=at)
    return reload


def turn_off(*, workspace: Workspace, bot: Bot | None, at: datetime) -> bool:
    """Stop reloading a wallet; False: it was off."""
    with in_workspace(workspace.pk):
        billing.lock(workspace=workspace)
        found = AutoReload.objects.for_workspace(workspace).filter(bot=bot, is_on=True)
        if not found.update(is_on=False):
            return False
        audit.record("auto_reload.turned_off", workspace=workspace, target=name_wallet(bot))
        mails.tell_reload_off(workspace, bot, at=at)
    return True


def stop_after_failure(*, order: Order) -> None:
    """Switch off the auto-reload whose order failed, until a person turns it on.

    The caller has the workspace's lock.
    """
    if order.type != OrderType.AUTO_RELOAD:
        return
    found = AutoReload.objects.for_workspace(order.workspace).filter(bot=order.bot)
    if reload := found.select_related("workspace", "bot").first():
        stop(reload, because=FAILED, order=str(order))


def stop(reload: AutoReload, *, because: str, order: str = "") -> None:
    """Switch an auto-reload off that cannot go on, until a person turns it on.

    The caller has the workspace's lock.
    """
    found = AutoReload.objects.for_workspace(reload.workspace_id).filter(pk=reload.pk, is_on=True)
    if found.update(is_on=False, off_because=because):
        audit.record(
            "auto_reload.failed",
            workspace=reload.workspace,
            target=name_wallet(reload.bot),
            after={"order": order, "reason": because},
        )


def name_wallet(bot: Bot | None) -> str:
    """Return what the audit log calls a wallet."""
    return bot.key if bot else "shared credits"


def describe(reload: AutoReload) -> dict[str, object]:
    """Return the terms of an auto-reload as the audit log has them."""
    return {
        "is_on": reload.is_on,
        "amount": reload.amount,
        "limit": reload.limit,
        "saved_method": str(reload.saved_method),
    }
