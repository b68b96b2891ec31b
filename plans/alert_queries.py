"""What the pages of usage alerts read: as many statements whatever the number of alerts is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_DOWN, Decimal
from typing import NamedTuple

from django.db.models import Q, QuerySet

from accounts.models import Bot, Membership, Role, Workspace
from accounts.months import Calendar, read_calendar
from plans import alert_numbers
from plans.alert_wording import WHOLE
from plans.alerted import UsageAlert, UsageAlertFiring, UsageAlertQuerySet
from plans.alerting import watch_of
from plans.thresholds import find_start

NOTHING = Decimal(0)
WHOLE_BAR = 100


class SoFar(NamedTuple):
    """How far the running period of a usage alert is; ``fired``: for this period it has."""

    starts_on: date
    number: Decimal
    threshold: Decimal
    fired: bool

    @property
    def reached(self) -> bool:
        """Whether the threshold is reached."""
        return self.number >= self.threshold

    @property
    def percent(self) -> int:
        """How much of the threshold is reached, rounded down; it may be more than 100."""
        share = self.number * WHOLE_BAR / self.threshold
        return int(max(share, NOTHING).to_integral_value(ROUND_DOWN))

    @property
    def bar(self) -> int:
        """The part of a bar that is filled."""
        return min(self.percent, WHOLE_BAR)


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertRow:
    """A usage alert as the list shows it; ``last``: its latest firing."""

    alert: UsageAlert
    so_far: SoFar
    last: UsageAlertFiring | None

    @property
    def sorts_as(self) -> tuple[bool, str, str, str, Decimal]:
        """The whole workspace first, then bots by name; of one the lowest threshold first."""
        alert = self.alert
        name = alert.bot.name if alert.bot else WHOLE
        return (
            alert.bot is not None,
            name.casefold(),
            alert.watched,
            alert.per,
            alert.threshold,
        )

    @property
    def last_on(self) -> date:
        """The latest period for which it fired, to sort by; never is the earliest."""
        return self.last.starts_on if self.last else date.min


def visible_alerts(membership: Membership) -> UsageAlertQuerySet:
    """Return the usage alerts that a person may see: all, or those of bots that they own."""
    alerts = UsageAlert.objects.for_workspace(membership.workspace_id)
    if membership.role == Role.MEMBER:
        bots = Bot.objects.for_workspace(membership.workspace_id).with_plan_for(membership)
        alerts = alerts.filter(bot__in=bots)
    return alerts.select_related("workspace", "bot__owner", "bot__workspace")


def list_bots(membership: Membership, *, typed: str = "") -> QuerySet[Bot, tuple[str, str]]:
    """Return keys and names of the bots that a person may make usage alerts for, in order.

    Those whose name or key holds what was ``typed``.
    """
    bots = Bot.objects.for_workspace(membership.workspace_id).with_plan_for(membership).in_use()
    if typed:
        bots = bots.filter(Q(name__icontains=typed) | Q(key__icontains=typed))
    return bots.order_by("name", "key").values_list("key", "name")


def list_rows(membership: Membership, *, at: datetime) -> list[AlertRow]:
    """Return the usage alerts that a person may see. The caller runs in the workspace."""
    alerts = list(visible_alerts(membership))
    workspace = membership.workspace
    so_far = read_so_far(workspace, alerts, calendar=read_calendar(workspace), at=at)
    latest = UsageAlertFiring.objects.for_workspace(workspace).filter(alert__in=alerts)
    last = {
        firing.alert_id: firing
        for firing in latest.order_by("alert_id", "-starts_on").distinct("alert_id")
    }
    rows = [
        AlertRow(alert=alert, so_far=so_far[alert.pk], last=last.get(alert.pk)) for alert in alerts
    ]
    return sorted(rows, key=lambda row: row.sorts_as)


def read_so_far(
    workspace: Workspace, alerts: Sequence[UsageAlert], *, calendar: Calendar, at: datetime
) -> dict[int, SoFar]:
    """Return by id how far the running periods of usage alerts are."""
    today = calendar.day_of(at)
    numbers = alert_numbers.read(
        workspace, watches=map(watch_of, alerts), calendar=calendar, first=today, last=today
    )
    firings = UsageAlertFiring.objects.for_workspace(workspace).filter(
        alert__in=alerts, starts_on__gte=today.replace(day=1)
    )
    fired = set(firings.values_list("alert_id", "starts_on"))
    found = {}
    for alert in alerts:
        start = find_start(today, alert.per)
        number = numbers[watch_of(alert)].get(start, NOTHING)
        found[alert.pk] = SoFar(start, number, alert.threshold, (alert.pk, start) in fired)
    return found
