"""Usage alerts for tests, and the usage that they look at."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from accounts.models import Bot, Workspace
from accounts.tenancy import in_workspace
from plans import alerting, charging, usage_alerts
from plans.alerted import Per, UsageAlert, UsageAlertFiring, Watched
from tests import make

SESSIONS, MONEY, DAY, MONTH = Watched.SESSIONS, Watched.MONEY, Per.DAY, Per.MONTH


def alert(
    of: Workspace,
    threshold: int | str,
    *,
    bot: Bot | None = None,
    watched: str = SESSIONS,
    per: str = DAY,
    at: datetime = make.NOON,
) -> UsageAlert:
    """Make a usage alert."""
    return usage_alerts.create(
        workspace=of, bot=bot, watched=watched, per=per, threshold=Decimal(threshold), at=at
    )


def use(
    of: Workspace, sessions: int = 1, *, at: datetime = make.NOON, bot: str = "support"
) -> None:
    """Have a bot deliver as many alerts, which are billing sessions each, and charge them then."""
    make.take_in(of, *list_alerts(sessions, at=at, bot=bot), now=at + make.HOUR)
    charge(of, at + make.HOUR)


def list_alerts(sessions: int, *, at: datetime, bot: str = "support") -> Iterator[make.Event]:
    """Yield events that are a billing session each."""
    for number in range(sessions):
        yield make.event("alert.delivered", at=at + number * make.MINUTE / 60, subject=bot)


def charge(of: Workspace, now: datetime) -> None:
    """Roll up and charge what there is, after which usage alerts are looked at."""
    make.roll_up(of, now)
    charging.run(workspace_id=of.pk, now=now)


def look(of: Workspace, now: datetime = make.NOON) -> int:
    """Look at usage alerts alone."""
    return alerting.run(workspace_id=of.pk, now=now)


def fired(of: Workspace) -> list[tuple[str, str]]:
    """Return for which periods usage alerts fired and the numbers, in order of their writing."""
    with in_workspace(of.pk):
        rows = UsageAlertFiring.objects.for_workspace(of).order_by("pk")
        return [(str(row.starts_on), f"{row.number.normalize():f}") for row in rows]
