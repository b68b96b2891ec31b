"""Usage alerts are made, changed and removed; docs/plans.md says when they fire."""

from datetime import datetime
from decimal import Decimal

from django.db import IntegrityError, transaction

from accounts import audit, calls
from accounts.models import Bot, Workspace
from accounts.months import read_calendar
from accounts.tenancy import in_workspace
from plans import catalog
from plans.alert_wording import say_number, say_watch
from plans.alerted import UsageAlert

FIRE = "plans.tasks.fire_usage_alerts"
MOST = 1000  # in a workspace


class NotPossible(ValueError):
    """A usage alert cannot be made or changed so; the message says why."""


TWICE = "There is a usage alert for just this already."


def create(
    *,
    workspace: Workspace,
    bot: Bot | None,
    watched: str,
    per: str,
    threshold: Decimal,
    at: datetime,
) -> UsageAlert:
    """Have people told once for each period whose number reaches a threshold, from today on.

    Where the running period has reached it already, that is told at once.

    Raises:
        NotPossible: there is one already, or too many; or the bot is archived.
    """
    with in_workspace(workspace.pk):
        if bot is not None:
            bot.refresh_from_db(fields=["archived_at"])
            if bot.archived_at is not None:
                raise NotPossible(f"{bot.name} is archived: its usage alerts would rest.")
        alerts = UsageAlert.objects.for_workspace(workspace)
        if alerts.count() >= MOST:
            raise NotPossible(f"A workspace has at most {MOST:,} usage alerts.")
        alert = UsageAlert(
            workspace=workspace,
            bot=bot,
            watched=watched,
            per=per,
            threshold=threshold,
            since_on=read_calendar(workspace).day_of(at),
            created_at=at,
        )
        save(alert)
        record("usage_alert.created", alert, after=describe(alert))
    return alert


def change(*, alert: UsageAlert, threshold: Decimal, is_on: bool, at: datetime) -> bool:
    """Give a usage alert another threshold, or turn it on or off; False: it is so already.

    For the running period it does not fire again if it did.

    Raises:
        NotPossible: there is one with this threshold already, or it was removed meanwhile.
    """
    with in_workspace(alert.workspace_id):
        locked = lock(alert)
        if (locked.threshold, locked.is_on) == (threshold, is_on):
            return False
        before = describe(locked)
        if is_on:
            locked.since_on = read_calendar(alert.workspace).day_of(at)
        locked.threshold, locked.is_on = threshold, is_on
        save(locked)
        record("usage_alert.changed", locked, before=before, after=describe(locked))
    return True


def remove(*, alert: UsageAlert) -> bool:
    """Remove a usage alert, with what is kept of its firings; False: it was removed before."""
    with in_workspace(alert.workspace_id):
        try:
            locked = lock(alert)
        except NotPossible:
            return False
        before = {**describe(locked), "fired": locked.firings.count()}
        record("usage_alert.removed", locked, before=before)
        locked.delete()
    return True


def lock(alert: UsageAlert) -> UsageAlert:
    """Return a usage alert as it is now, locked.

    Raises:
        NotPossible: it was removed meanwhile.
    """
    alerts = UsageAlert.objects.for_workspace(alert.workspace_id).filter(pk=alert.pk)
    found = alerts.select_related("bot", "workspace").select_for_update(of=("self",)).first()
    if found is None:
        raise NotPossible("This usage alert was removed.")
    return found


def save(alert: UsageAlert) -> None:
    """Write a usage alert, and have it looked at once that is committed.

    Raises:
        NotPossible: there is one for the same already, perhaps since a moment ago.
    """
    try:
        with transaction.atomic():
            alert.save()
    except IntegrityError as error:
        if "usage_alert_once" not in str(error):
            raise
        raise NotPossible(TWICE) from None
    calls.after_commit(FIRE, workspace_id=alert.workspace_id)


def describe(alert: UsageAlert) -> dict[str, object]:
    """Return what the audit log says of a usage alert."""
    currency = catalog.find_currency(alert.workspace)
    return {
        "watches": say_watch(alert.watched, alert.per),
        "threshold": say_number(alert.threshold, alert.watched, currency).replace("\xa0", " "),
        "on": alert.is_on,
    }


def record(
    action: str,
    alert: UsageAlert,
    *,
    before: dict[str, object] | None = None,
    after: dict[str, object] | None = None,
) -> None:
    """Note what was done to a usage alert."""
    target = alert.bot.key if alert.bot else alert.workspace.slug
    audit.record(action, workspace=alert.workspace, target=target, before=before, after=after)
